"""The bytes of one file for huggingface_hub, through our engine. Imports _errors, _names, _config, _transport, _patch.errors,
_patch.bar, _status, _trace.

`huggingface_hub.file_download._download_to_tmp_and_move` is where every download of its ends up; both callers look it up when they
call it, hold its lock, and publish what lies at `destination_path` afterwards (also into the store that all repositories share). So it
lies there whole and proven, or not at all. What is received stays in the `.hubjet` folder until then, where hubjet's own functions
and the next process find it.
"""

from __future__ import annotations

import os
import threading
from inspect import signature

from .. import _errors as errors
from .. import _native, _trace, _transport
from .._config import resolve
from .._names import digest_of, origin_of, shown
from .bar import Bar
from .errors import theirs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import ModuleType
    from typing import Any

    from .._config import Config
    from .._native import Result, Want
    from .._status import Counts

NAME = "_download_to_tmp_and_move"

# What the engine sends of its own, and what says something about this computer. The rest of a caller's headers goes along.
_NOT_PASSED_ON = ("user-agent", "authorization", "accept-encoding", "range", "if-range", "host", "connection", "accept")
_EMPTY = {
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "git-sha1:e69de29bb2d1d6434b8b29ae775ad8c2e48c5391",
}
_STANDARD_TIMEOUT_S = 10  # theirs; ours is another, see _config


class _Guests:
    """Who of this process works in a folder of ours. Whoever leaves last may take it away; before, the one that is done took it from
    under those who had just made it (FileNotFoundError, once in a whole run of the tests)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._in: dict[str, int] = {}

    def enter(self, side: str) -> None:
        with self._lock:
            self._in[side] = self._in.get(side, 0) + 1

    def leave(self, side: str) -> None:
        """As if nothing had been there, if nothing is."""
        with self._lock:
            self._in[side] -= 1
            if self._in[side]:
                return
            del self._in[side]
            for folder in (os.path.join(side, "tmp"), side):
                try:
                    os.rmdir(folder)
                except OSError:
                    pass  # benign: never made, or there is something in it


_guests = _Guests()


class Asked(str):
    """The URL that metadata named, with what the bytes may need if it does not answer any more: a signed one expires."""

    resolve: str = ""  # where the hub itself resolves this file of this commit
    auth: str | None = None  # what Authorization that takes
    listed: bool = False  # known from a listing: the hub was not asked for this file yet


class Body:
    """One file on its way. The attributes are the arguments of theirs, as far as they matter here."""

    def __init__(
        self, module: ModuleType, counts: Counts, url: str, headers: dict[str, str], label: str, force: bool = False
    ) -> None:
        self._module, self._counts, self._force = module, counts, force
        self._url, self._headers, self._label = url, headers, label

    def fetch(self, place: str, side: str, digest: str | None, size: int | None, tqdm_class: Any, bar: Any = None) -> None:
        """Brings it to `place`, or raises one of huggingface_hub's own exceptions."""
        _guests.enter(side)
        try:
            self._fetch(place, side, digest, size, tqdm_class, bar)
        finally:
            _guests.leave(side)

    def _fetch(self, place: str, side: str, digest: str | None, size: int | None, tqdm_class: Any, bar: Any) -> None:
        try:
            if size == 0 and (digest is None or digest in _EMPTY):
                _native.write_small(place, b"", 0o666)
                self._counts.saved()
                self._counts.file(received=0, resumed=0, verified=0, requests=0)
                return
            config = config_of(self._module)
            if size is not None and digest is not None and not self._force and self._taken(place, side, digest, size, config):
                return
            want: Want = {"why": "resolve", "path": place, "side_dir": side, "digest": digest}
            if size is not None:
                want["size"] = size
            with Bar(self._module, self._label, size, tqdm_class, bar) as shows:
                result = self._run(want, config, shows)
        except errors.ConfigError as error:
            raise OSError(error.message) from error
        except errors.HubjetError as error:
            raise theirs(error, None, self._url, self._module) from error
        failure = _transport.error_of(result)
        if failure is not None:
            raise self._raised(failure, result)
        self._counts.file(
            received=result["from_net"],
            resumed=result["held"],
            verified=os.path.getsize(place) if digest is not None or result["digest"] is not None else 0,
            requests=result["requests"],
        )

    def _taken(self, place: str, side: str, digest: str, size: int, config: Config) -> bool:
        """From elsewhere on this computer: always a file of its own, a clone or a copy, as the stock client's cache has it."""
        from .._elsewhere import elsewhere, take_as

        others, etag, tmp = elsewhere(config, stores=True), digest.partition(":")[2], os.path.join(side, "tmp")
        lies = others.digest(etag, size) if others is not None else None
        for last in (False, True):
            try:
                if lies is None or take_as(place, tmp, lies, etag, self._label, config, own=True) is None:
                    return False
                break
            except FileNotFoundError:  # another process took the empty folder away just then
                if last:
                    raise
        self._counts.file(received=0, resumed=0, verified=size, requests=0)
        return True

    def _run(self, want: Want, config: Config, shows: Any) -> Result:
        limits = _transport.limits(config)
        url = self._url
        home = getattr(url, "resolve", "") or url
        result = _transport.run([asking(want, str(url), home, self._headers, authorization(self._headers))], limits, config, shows, (self._label,))[0]
        again = getattr(url, "resolve", "")
        if again and again != url and _is_stale(_transport.error_of(result), again):
            _trace.info(f"{self._label}: {shown(url)} is not valid any more; the hub is asked for a new one")
            result = _transport.run([asking(want, again, again, self._headers, getattr(url, "auth", None))], limits, config, shows, (self._label,))[0]
        return result

    def _raised(self, error: BaseException, result: Result) -> BaseException:
        failure = theirs(error, result, self._url, self._module)
        if not getattr(self._url, "listed", False) or not isinstance(error, errors.NetworkError | errors.AccessDenied | errors.NotFound):
            return failure
        if origin_of(error.url or self._url) != origin_of(self._url):
            return failure
        # The stock client would have met this when it asked for the metadata, and says it in words of its own there.
        try:
            self._module._raise_on_head_call_error(failure, self._force, False)
        except Exception as said:
            return said
        return failure


def authorization(headers: Mapping[str, str]) -> str | None:
    """The header that says who asks."""
    return next((value for name, value in headers.items() if name.lower() == "authorization"), None)


def asking(want: Want, url: str, home: str, headers: Mapping[str, str], auth: str | None) -> Want:
    """The want, with where it is asked for and what goes along. `auth` is for that address and no other; a caller's extra headers were meant for
    the hub (`home`), so a content network of another origin does not get them."""
    extra = [(name, value) for name, value in headers.items() if name.lower() not in _NOT_PASSED_ON]
    same = origin_of(home) == origin_of(url)
    return {**want, "url": url, "headers": extra if same else [], "auth": auth, "auth_origin": url}


def _is_stale(error: BaseException | None, resolve: str) -> bool:
    """Whether a signed URL may have expired: its host, which is not the hub, does not let us in."""
    return (
        isinstance(error, errors.AccessDenied | errors.NotFound)
        and error.portal is None
        and error.url is not None
        and origin_of(error.url) != origin_of(resolve)
    )


def config_of(module: ModuleType, **arguments: Any) -> Config:
    """Our settings; whether the network is shut, and how long it is waited for, is theirs to say."""
    constants = module.constants
    seconds = getattr(constants, "HF_HUB_DOWNLOAD_TIMEOUT", _STANDARD_TIMEOUT_S)
    return resolve(
        offline=is_offline(module),
        download_timeout=seconds if seconds != _STANDARD_TIMEOUT_S else None,
        **arguments,
    )


def is_offline(module: ModuleType) -> bool:
    """Whether huggingface_hub may ask nobody; a program may have said so after the start."""
    constants = module.constants
    return bool(constants.is_offline_mode() if hasattr(constants, "is_offline_mode") else constants.HF_HUB_OFFLINE)


def other_transport(module: ModuleType) -> str:
    """Somebody gave huggingface_hub an HTTP client of his own: it knows the way (proxy, certificates, a gateway's login), and we do
    not."""
    import sys

    http = sys.modules.get("huggingface_hub.utils._http")
    factory = getattr(http, "_GLOBAL_CLIENT_FACTORY", None)
    if factory is not None and factory is not getattr(http, "default_client_factory", factory):
        return "set_client_factory() gave huggingface_hub an HTTP client of its own"
    return ""


def _is_bridges_no(error: BaseException | None, url: str) -> bool:
    """Whether the content network refuses the file as such, as it does with some of hundreds of GB: hf_xet has another way to them."""
    return (
        isinstance(error, errors.HubjetError)
        and error.status in (400, 413, 416, 501)
        and error.portal is None
        and origin_of(error.url or url) != origin_of(url)
    )


def _check(place: str, digest: str, filename: str) -> None:
    """What the stock path brought is compared, too, before anybody uses it."""
    algo, _, expected = digest.partition(":")
    found = _native.hash_file(place, "sha256" if algo == "sha256" else "git-sha1")
    if found == expected:
        return
    os.unlink(place)
    raise OSError(f"Consistency check failed: {filename} should be {digest} but is {algo}:{found}; it was taken away again")


def side_of(destination: Path, incomplete: Path) -> tuple[str, str]:
    """(root, folder for what is unfinished): where hubjet's own functions have it, so that either goes on with the other's."""
    if destination.parent.name == "blobs":
        root = destination.parent.parent
        return os.path.abspath(root), os.path.abspath(root / ".hubjet")
    for folder in incomplete.parents:
        if folder.name == "download" and folder.parent.name == "huggingface":
            return os.path.abspath(folder.parent), os.path.abspath(folder.parent / ".hubjet")
    return os.path.abspath(incomplete.parent), os.path.abspath(incomplete.parent / ".hubjet")


def make(original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, counts: Counts) -> Callable[..., Any]:
    """Their function with our body."""

    names = tuple(signature(original).parameters)

    def _download_to_tmp_and_move(*args: Any, **kwargs: Any) -> None:
        def stock() -> None:
            original(*args, **kwargs)

        if not active():
            return stock()
        given = {**dict(zip(names, args)), **kwargs}  # noqa: B905 - theirs pass names, others may not pass all
        destination_path, incomplete_path = given["destination_path"], given["incomplete_path"]
        url_to_download, filename, etag = given["url_to_download"], given["filename"], given["etag"]
        xet_file_data, force_download = given["xet_file_data"], given["force_download"]
        if destination_path.exists() and not force_download:
            return None
        digest, place = digest_of(etag), os.path.abspath(destination_path)

        def left(why: str) -> None:
            counts.left(why)
            _trace.warn(f"{filename} is left to huggingface_hub: {why}", once=f"left {why}")
            stock()
            if digest is not None:
                _check(place, digest, filename)

        why = "" if digest is not None else "the server names no digest for it"
        why = why or other_transport(module)
        if why:
            return left(why)
        root, side = side_of(destination_path, incomplete_path)
        try:
            _native.check_planted(root, side)
        except errors.HubjetError as error:
            raise theirs(error, None, url_to_download, module) from error
        try:
            body = Body(module, counts, url_to_download, given["headers"], filename, force_download)
            return body.fetch(place, side, digest, given["expected_size"], given.get("tqdm_class"))
        except Exception as error:
            if xet_file_data is None or not module.is_xet_available() or not _is_bridges_no(error.__cause__, url_to_download):
                raise
        return left("the plain way to Xet's store does not have it")

    return _download_to_tmp_and_move
