"""One place that fsspec reaches, such as s3://bucket/prefix: small texts, sizes, ranges, with a second try and errors that say what to do.
Imports _errors, _names, _trace.

fsspec, and what it needs for the place's sort, are the user's own: nothing of them is imported before a setting names such a place. Keys and
passwords are theirs to find (environment, files, fsspec's own configuration); hubjet never sees them, and cuts what looks like one out of
foreign error texts. These requests are not in hubjet's ledger: they are fsspec's.
"""

from __future__ import annotations

import errno
import os
import time

from .. import _trace
from .._errors import ConfigError, StorageError, explain
from .._names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeVar

    T = TypeVar("T")

TRIES = 4
FIRST_WAIT_S = 0.3  # then four times as long, and again
TEXT_MAX = 300  # of a foreign error

# What has to be installed for a scheme, as far as it is not called fsspec itself.
PACKAGES = {
    "s3": "s3fs", "s3a": "s3fs", "gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "abfss": "adlfs", "adl": "adlfs",
    "http": "aiohttp", "https": "aiohttp", "sftp": "paramiko", "ssh": "paramiko", "smb": "smbprotocol", "hdfs": "pyarrow", "oss": "ossfs",
    "oci": "ocifs", "webdav": "webdav4", "webhdfs": "requests", "github": "requests", "dropbox": "dropboxdrivefs",
}  # fmt: skip
# A key of these appears whole or not at all, and needs no folder.
ATOMIC = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oss", "oci", "memory"})
# Somebody else's default is a minute for a server that is not there, five times over.
PATIENCE: dict[str, dict[str, Any]] = {"s3": {"config_kwargs": {"connect_timeout": 5, "read_timeout": 30}}}


def is_place(text: str) -> bool:
    """Whether this names a place for fsspec: it has a scheme. C:\\ has none."""
    scheme, colons, _ = text.partition("://")
    return bool(colons) and len(scheme) > 1 and scheme.replace("+", "").replace("-", "").replace(":", "").isalnum()


class Depot:
    """Use: `at(url)`. Threads: any."""

    def __init__(self, url: str) -> None:
        self.url, self.shown = url, shown(url) if "::" not in url else url.rpartition("@")[2]
        self.scheme = url.partition("://")[0].rpartition("::")[2].lower()
        self.fs, self.root = _opened(url, self.shown, self.scheme)
        self.atomic = self.scheme in ATOMIC
        self.sleep: Callable[[float], None] = time.sleep

    def path(self, key: str) -> str:
        """A key, as its file system calls it."""
        root = self.root.rstrip("/")
        return f"{root}/{key}" if root else key

    def read_small(self, key: str, most: int) -> bytes | None:
        """A small object whole; None: there is none, or it is larger than that."""

        def read() -> bytes:
            data: bytes = self.fs.cat_file(self.path(key), start=0, end=most + 1)
            return data

        try:
            data = self.tried(f"{key} could not be read", read)
        except FileNotFoundError:
            return None
        return data if len(data) <= most else None

    def size_of(self, key: str) -> int | None:
        """Bytes of an object; None: there is none."""

        def ask() -> int:
            self.fs.invalidate_cache(self.fs._parent(self.path(key)))
            return int(self.fs.info(self.path(key))["size"])

        try:
            return self.tried(f"{key} could not be looked at", ask)
        except FileNotFoundError:
            return None

    def read_range(self, key: str, first: int, end: int) -> bytes:
        """Bytes from `first` up to `end`, which lie within the object."""

        def read() -> bytes:
            data: bytes = self.fs.cat_file(self.path(key), start=first, end=end)
            if len(data) != end - first:
                raise OSError(f"{len(data)} bytes came of {end - first}")
            return data

        return self.tried(f"{key} could not be read", read)

    def write_small(self, key: str, data: bytes) -> None:
        """Replaces a small object: a reader sees the old one or the new one, whole."""
        self.tried(f"{key} could not be written", lambda: self._put(key, lambda path: self.fs.pipe_file(path, data)))

    def write(self, key: str, pieces: Callable[[], Iterable[bytes]]) -> None:
        """The same for a large one. What `pieces` raises in the middle leaves nothing behind."""

        def write(path: str) -> None:
            with self.fs.open(path, "wb") as file:
                for piece in pieces():
                    file.write(piece)

        self._put(key, write, always_aside=True)

    def _put(self, key: str, write: Callable[[str], None], always_aside: bool = False) -> None:
        final = self.path(key)
        if not self.atomic:
            self.fs.makedirs(self.fs._parent(final), exist_ok=True)
        if self.atomic and not always_aside:
            write(final)
            return
        aside = f"{final}.{os.urandom(6).hex()}.part"
        try:
            write(aside)
            self.fs.mv(aside, final)
        except BaseException:
            try:
                self.fs.rm_file(aside)
            except Exception as error:  # noqa: BLE001 - any file system's; benign: a name that nobody asks for
                _trace.info(f"{self.shown}: {aside} is left over: {words_of(error)}")
            raise

    def tried(self, what: str, act: Callable[[], T]) -> T:
        """Does it, again if the place is only busy. StorageError, and FileNotFoundError as it is."""
        wait = FIRST_WAIT_S
        for left in range(TRIES - 1, -1, -1):
            try:
                return act()
            except (FileNotFoundError, StorageError, ConfigError):
                raise
            except Exception as error:  # noqa: BLE001 - every file system has errors of its own: botocore's are no OSError
                if left == 0 or _is_final(error):
                    raise self.error(what, error, TRIES - left) from None  # its text may hold what must not be shown
                _trace.info(f"{self.shown}: {what}, tried again in {wait:.1f} s: {words_of(error)}")
            self.sleep(wait)
            wait *= 4
        raise AssertionError("the last try raises")

    def error(self, what: str, error: Exception, tries: int = 1) -> StorageError:
        """What happened at this place, in our words."""
        message = explain(
            f"{self.shown}: {what}",
            because=words_of(error),
            tried=f"{tries} times" if tries > 1 else "",
            do=_advice(error, self.scheme),
        )
        return StorageError(message, path=self.shown, errno=getattr(error, "errno", None), attempts=tries)


def _is_final(error: Exception) -> bool:
    """Whether another try would end the same way."""
    name = type(error).__name__
    return isinstance(error, PermissionError | NotADirectoryError | IsADirectoryError | ImportError | ValueError | TypeError) or (
        "Credential" in name or "Token" in name or "InvalidRegion" in name or _is_no_range(error)
    )


def _is_no_range(error: Exception) -> bool:
    """Of an object that is shorter: the same answer for ever."""
    return isinstance(error, OSError) and error.errno == errno.EINVAL


def _advice(error: Exception, scheme: str) -> str:
    name = type(error).__name__
    if isinstance(error, PermissionError) or "Credential" in name or "Token" in name:
        where = "AWS_PROFILE, AWS_ACCESS_KEY_ID …, or ~/.aws" if scheme in ("s3", "s3a") else "the environment or fsspec's configuration"
        return f"look at the credentials for it ({where}); hubjet itself keeps none"
    return "see whether it can be reached from here; fsspec's own configuration says where (FSSPEC_S3_ENDPOINT_URL, ~/.config/fsspec)"


def words_of(error: BaseException) -> str:
    """A foreign error in one line, without what may be secret: user and password in URLs, signatures in queries."""
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    words = []
    for word in text.split(" "):
        before, colons, after = word.partition("://")
        if colons:
            host, slash, rest = after.partition("/")
            word = f"{before}://{host.rpartition('@')[2]}{slash}{rest}".partition("?")[0]
        words.append(word)
    line = " ".join(words)
    return line if len(line) <= TEXT_MAX else f"{line[:TEXT_MAX]}…"


def _opened(url: str, named: str, scheme: str) -> tuple[Any, str]:
    try:
        from fsspec.config import conf  # type: ignore[import-untyped, unused-ignore]
        from fsspec.core import url_to_fs  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        raise ConfigError(_lacking(named, f"fsspec {PACKAGES.get(scheme, '')}".strip())) from None
    more = {name: value for name, value in PATIENCE.get(scheme, {}).items() if name not in conf.get(scheme, {})}
    try:
        fs, root = url_to_fs(url, **more)
    except ImportError as error:
        raise ConfigError(_lacking(named, PACKAGES.get(scheme, f"what fsspec needs for {scheme}:// ({words_of(error)})"))) from None
    except ValueError as error:
        raise ConfigError(explain(f"{named} cannot be understood by fsspec", because=words_of(error))) from None
    except Exception as error:  # noqa: BLE001 - a file system's own
        raise StorageError(explain(f"{named} cannot be opened", because=words_of(error), do=_advice(error, scheme)), path=named) from None
    return fs, root


def _lacking(named: str, packages: str) -> str:
    return explain(f"{named} needs fsspec, and what fsspec needs for it", do=f"pip install {packages}")


_open: dict[tuple[int, str], Depot] = {}


def at(url: str) -> Depot:
    """The place, opened once in this process: a child after fork() opens its own. ConfigError: a package is missing; StorageError."""
    key = (os.getpid(), url)
    if key not in _open:
        _open[key] = Depot(url)
    return _open[key]
