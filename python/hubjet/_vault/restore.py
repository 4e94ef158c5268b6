"""Files of a vault back into the cache: several readers, large blocks, proven before they have a name. Imports _errors, _native, _store, _trace,
_show.receipt, _vault.shelf and below.

The pieces of a file are read side by side into a private file of ours; the extension then proves it and gives it its name (`_native.adopt`). A
read that fails is tried again; a piece that cannot be read, or a file that is not what it should be, is as if the vault did not have it:
the hub does.
"""

from __future__ import annotations

import os
import threading
import time

from .. import _native, _trace, _words
from .._errors import HubjetError, IntegrityError, StorageError
from .._show import receipt
from .._store import require_space, shut
from . import layout, rates, shelf
from .shelf import BLOCK, steady

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, NamedTuple

    from .._config import Config
    from .._names import Repo
    from .._store import RepoStore
    from .manifest import Entry
else:
    from .._record import NamedTuple

READERS = 8  # Drive answers a read late, not slowly
RANGE = 64 << 20  # what one reader takes at a time
PROGRAM = "vault"


class Wanted(NamedTuple):
    """One file to bring."""

    filename: str
    entry: Entry


class _Range(NamedTuple):
    """A stretch of one file, and where it lies."""

    nth: int  # which of the wanted
    source: str
    source_at: int
    at: int
    size: int


def bring(config: Config, vault: str, repo: Repo, store: RepoStore, wanted: Iterable[Wanted]) -> dict[str, str]:
    """Puts them under their blobs' names. See `_bring`."""
    _native.check_planted(store.folder, os.path.join(store.side, "tmp"))
    return _bring(config, vault, repo, os.path.join(store.side, "tmp"), {"repo_dir": store.folder}, wanted)


def bring_as(config: Config, vault: str, repo: Repo, path: str, tmp: str, wanted: Wanted) -> dict[str, str]:
    """Puts one file at `path`; `tmp`: a folder of ours on that disk. See `_bring`."""
    return _bring(config, vault, repo, tmp, {"path": path, "tmp": tmp, "mode": 0o644, "replace": True}, [wanted])


def _bring(config: Config, vault: str, repo: Repo, folder: str, where: dict[str, Any], wanted: Iterable[Wanted]) -> dict[str, str]:
    """Reads, proves, names. Answers why not, for each that could not be brought. StorageError where our own disk is full,
    KeyboardInterrupt; then nothing unproven is left."""
    each = {one.entry.etag: one for one in wanted}
    files = list(each.values())
    if not files:
        return {}
    total = sum(one.entry.size for one in files)
    require_space(folder, total)
    os.makedirs(folder, exist_ok=True)
    _sweep(folder)
    temps = [os.path.join(folder, f"{PROGRAM}.{os.getpid()}.{os.urandom(4).hex()}") for _ in files]
    began = time.monotonic()
    errors: dict[str, str] = {}
    try:
        for temp, one in zip(temps, files, strict=True):
            with open(temp, "xb") as made:
                os.truncate(made.fileno(), one.entry.size)
        failed = _Readers(_ranges(vault, repo, files), temps).run()
        rates.note(config, vault, total, time.monotonic() - began)
        for nth, (temp, one) in enumerate(zip(temps, files, strict=True)):
            error = failed.get(nth) or _publish(config, where, temp, one)
            if error is not None:
                errors[one.filename] = str(error).partition("\n")[0]
    finally:
        for temp in temps:
            try:
                os.unlink(temp)
            except OSError:
                pass  # benign: never made, or the next call sweeps
    return errors


def _publish(config: Config, where: dict[str, Any], temp: str, one: Wanted) -> Exception | None:
    if "repo_dir" in where:
        shut(temp)
    try:
        # A second name for our own file; where the disk has none, its blocks or a copy.
        how = _native.adopt(temp, one.entry.etag, tactics="hcy" if "repo_dir" in where else "cy", size=one.entry.size, sync=config.sync, **where)
    except IntegrityError as error:
        return error
    except StorageError as error:
        if error.code == "NOSPACE":
            raise
        return error
    return None if how is not None else StorageError(f"{one.filename} could not be put under its name")


def _ranges(vault: str, repo: Repo, files: list[Wanted]) -> list[_Range]:
    base = os.path.join(vault, *layout.folder_of(repo).split("/"))
    found = []
    for nth, one in enumerate(files):
        start = 0
        for part in one.entry.parts:
            path = os.path.join(base, *part.at.split("/"))
            for at in range(0, part.size, RANGE):
                found.append(_Range(nth, path, at, start + at, min(RANGE, part.size - at)))
            start += part.size
    return found


class _Readers:
    """Threads that copy ranges; the first failure of a file ends that file only."""

    def __init__(self, ranges: list[_Range], temps: list[str]) -> None:
        self._todo, self._temps = ranges[::-1], temps
        self._lock = threading.Lock()
        self.failed: dict[int, Exception] = {}
        self.full: OSError | None = None
        self._stop = False

    def run(self) -> dict[int, Exception]:
        """Which files failed, and why. Waits in short steps: Ctrl-C ends it at once."""
        threads = [threading.Thread(target=self._work, name="hubjet-restore", daemon=True) for _ in range(min(READERS, len(self._todo)))]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.1)
        except BaseException:
            self._stop = True
            for thread in threads:
                if thread.ident is not None:
                    thread.join(1.0)
            raise
        if self.full is not None:
            raise self.full
        return self.failed

    def _work(self) -> None:
        buffer = memoryview(bytearray(BLOCK))
        while True:
            with self._lock:
                if not self._todo or self._stop or self.full is not None:
                    return
                one = self._todo.pop()
                if one.nth in self.failed:
                    continue
            try:
                self._copy(one, buffer)
            except OSError as error:
                with self._lock:
                    self.failed.setdefault(one.nth, error)

    def _copy(self, one: _Range, buffer: memoryview) -> None:
        source = steady(lambda: os.open(one.source, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)))
        try:
            out = os.open(self._temps[one.nth], os.O_WRONLY | getattr(os, "O_CLOEXEC", 0))
            try:
                done = 0
                while done < one.size and not self._stop and one.nth not in self.failed:
                    view = buffer[: min(BLOCK, one.size - done)]
                    count = _read(source, view, one.source_at + done)
                    if not count:
                        raise OSError(f"{os.path.basename(one.source)} is shorter than the manifest says")
                    self._write(out, view[:count], one.at + done)
                    done += count
            finally:
                os.close(out)
        finally:
            os.close(source)

    def _write(self, out: int, block: memoryview, at: int) -> None:
        try:
            done = 0
            while done < len(block):
                done += os.pwrite(out, block[done:], at + done)
        except OSError as error:
            with self._lock:
                self.full = self.full or StorageError(
                    f"the disk of the cache refused what came from the vault: {error.strerror}", errno=error.errno, path=self._temps[0]
                )
            raise


def _read(source: int, view: memoryview, at: int) -> int:
    return steady(lambda: os.preadv(source, [view], at))


def _sweep(folder: str) -> None:
    """What a killed process left here."""
    for name in os.listdir(folder):
        word, _, rest = name.partition(".")
        pid = rest.partition(".")[0]
        if word != PROGRAM or not pid.isdecimal() or int(pid) == os.getpid():
            continue
        try:
            os.kill(int(pid), 0)
        except ProcessLookupError:
            try:
                os.unlink(os.path.join(folder, name))
            except OSError:
                pass  # benign
        except OSError:
            pass  # benign: somebody's who lives


def tell(vault: str, wanted: Mapping[str, Entry], errors: Mapping[str, str]) -> None:
    """The receipt of the call, and a word about what had to be left."""
    told = receipt.current()
    for filename, entry in wanted.items():
        if filename in errors:
            _trace.warn(f"{filename} cannot be had from the vault {vault}: {errors[filename]}; it is fetched instead", once=f"{vault} {entry.etag}")
        elif told is not None:
            told.found(filename, entry.size, "sha256" if len(entry.etag) == 64 else "git-sha1", f"vault {vault}")


def timed(path: str, most: int, seconds: float) -> float | None:
    """Bytes per second of the first `most` bytes of a piece, read for so long at most; None: it cannot be read."""
    began = time.monotonic()
    count = 0
    try:
        with shelf.Piece(path) as piece:
            for block in piece.blocks():
                count += len(block)
                if count >= most or time.monotonic() - began >= seconds:
                    break
    except (OSError, HubjetError):
        return None
    took = time.monotonic() - began
    return count / took if count and took > 0 else None


def said(size: int, vault: float, hub: float) -> str:
    """Why it is fetched although the vault has it."""
    return f"{_words.size(size)} are on the vault, which gives {_words.rate(vault)}; the hub gives {_words.rate(hub)}, so they are fetched"
