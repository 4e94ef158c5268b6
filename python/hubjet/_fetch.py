"""Any http(s) URL to a file: in parallel, resumable, verified. Imports _errors, _names, _config, _auth.credentials, _edge,
_transport, _show.progress, _show.receipt, _listen."""

from __future__ import annotations

import os
from errno import EISDIR

from . import _errors as errors
from . import _listen, _native, _store, _transport
from ._auth.credentials import Credentials, Token
from ._config import resolve
from ._edge import public
from ._errors import HubjetError
from ._names import check_text, name_in_url, origin_of, shown
from ._show.progress import Checking, Meter
from ._show.receipt import keeping
from ._values import STANDARD_ENDPOINT, absolute

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    from ._config import Config
    from ._native import Result, Want

# They decide which bytes come, and in which form: a caller's would contradict them.
_OURS = ("range", "if-range", "accept-encoding")


@public
def fetch(
    url: str,
    path: str | os.PathLike[str] | None = None,
    *,
    sha256: str | None = None,
    size: int | None = None,
    headers: Mapping[str, str] | None = None,
    token: Token | str | bool | None = None,
    force: bool = False,
    tqdm_class: Any = None,
    limit_rate: str | int | None = None,
    polite: bool | None = None,
    max_connections: int | None = None,
    memory: str | int | None = None,
    ca: str | os.PathLike[str] | None = None,
) -> Path:
    """Fetches any http or https URL into a file, over several connections, and goes on where an earlier call stopped.

    Args:
        url: what to fetch. Redirects are followed, but not from https to http. The page of a file on the hub (…/blob/main/x.safetensors) is
            taken as the file.
        path: the file to write; a folder that exists: inside it, named after the URL; None: the current folder.
        sha256: 64 hex digits the content must hash to. Without it the length is checked, and the hub's own digest if
            the URL is one of a hub.
        size: bytes it must have.
        headers: extra request headers; sent to the URL's own origin only, not to where it redirects.
        token: a string or Token is sent to the URL's origin at once; True: this user's hub token, to the hub only;
            None: the same, when the hub asks for it; False: never.
        force: fetch even if the file is there with the right sha256.
        tqdm_class: class of the progress bar; None: tqdm's where somebody can see it.
        limit_rate: bytes per second such as "8M"; polite: the others on the line come first; max_connections; memory: bytes
            of buffers such as "64M"; ca: file or folder of certificates to trust. None: the setting of that name.

    Returns: the Path of the whole, verified file. What was at the path stays until then, and if the fetch fails.
    Errors: IntegrityError, NetworkError (TimedOut, TlsError, RateLimited …), NotFound, AccessDenied, StorageError,
    Offline; ValueError for an URL or sha256 that is none. Threads: any, at the same time.

    >>> import hubjet
    >>> hubjet.fetch("https://example.com/weights.bin", "models/", sha256="9f2c" + 60 * "0")  # doctest: +SKIP
    PosixPath('models/weights.bin')
    """
    from pathlib import Path

    config = resolve(limit_rate=limit_rate, polite=polite, max_connections=max_connections, memory=memory, ca=ca)
    url = _of_the_file(url, config)
    place = _place(url, path)
    _check(size, headers)
    digest = _digest(sha256)
    with keeping(shown(url)) as receipt:
        receipt.path = place
        if digest is not None and not force and os.path.isfile(place) and _has_digest(place, digest):
            receipt.found(os.path.basename(place), os.path.getsize(place), "sha256")
            return Path(place)
        if config.offline:
            raise errors.Offline(f"{shown(url)} was not fetched: offline ({config.origins['offline']})", url=shown(url))
        want: Want = {
            "url": url,
            "why": "fetch",
            "headers": list((headers or {}).items()),
            "path": place,
            "side_dir": os.path.join(os.path.dirname(place), ".hubjet"),
            "digest": digest,
            "force": force,
        }
        if size is not None:
            want["size"] = size
            here = _native.partial_bytes(want["side_dir"], digest[7:]) if digest is not None else 0
            _store.require_space(os.path.dirname(place), size - here, "make room, or choose another place for the file")
        _listen.planned(1, 0, size, size)
        with Meter(config, os.path.basename(place), bar_class=tqdm_class) as meter:
            result = _run(want, url, token, config, meter)
        if result["error"] is not None:
            raise result["error"]
        return Path(place)


def _of_the_file(url: str, config: Config) -> str:
    """What people copy from their browser is the page that shows a file: /org/name/blob/main/x becomes /org/name/resolve/main/x."""
    if not isinstance(url, str) or "/blob/" not in url or not url.lower().startswith(("http://", "https://")):
        return url
    if origin_of(url) not in (origin_of(config.endpoint), origin_of(STANDARD_ENDPOINT)):
        return url  # a blob somewhere else may be anything
    head, _, rest = url.partition("/blob/")
    page = head.partition("://")[2].split("/")[1:]
    names = page[1:] if page[:1] in (["datasets"], ["spaces"], ["kernels"]) else page
    return f"{head}/resolve/{rest}" if len(names) in (1, 2) and "/" in rest else url


def _has_digest(place: str, digest: str) -> bool:
    with Checking(os.path.basename(place), place):
        return _native.hash_file(place, "sha256") == digest[7:]


def _run(want: Want, url: str, token: Token | str | bool | None, config: Config, meter: Meter) -> Result:
    """One job; a second one with a token if the hub asks for it."""
    limits, name = _transport.limits(config), [os.path.basename(want["path"])]
    anywhere = origin_of(url) != origin_of(config.endpoint)
    credentials = _credentials(url, token, config)
    found = credentials.first() if credentials is not None else None
    result = _transport.run([_with_token(want, url, found)], limits, config, meter, name)[0]
    error = _transport.error_of(result, anywhere=anywhere)
    meter.took(os.path.basename(want["path"]), want, result)
    if credentials is not None and found is None and isinstance(error, errors.AccessDenied) and error.portal is None:
        found = credentials.asked()
        if found is not None:
            result = _transport.run([_with_token(want, url, found)], limits, config, meter, name)[0]
            error = _transport.error_of(result, anywhere=anywhere)
            meter.took(os.path.basename(want["path"]), want, result)
    if isinstance(error, HubjetError) and shown(url) not in error.message:
        error.add_line("wanted", shown(url))
    return result


def _credentials(url: str, token: Token | str | bool | None, config: Config) -> Credentials | None:
    """Who may be asked for a token. This user's own goes to the hub only; a given one goes where it was meant for."""
    if isinstance(token, str | Token):
        return Credentials(token, config.at_endpoint(origin_of(url)), url)
    if token is not None and not isinstance(token, bool):
        return Credentials(token, config, url)  # which refuses it
    if origin_of(url) == origin_of(config.endpoint):
        return Credentials(token, config, url)
    if token is True:
        raise ValueError(f"token=True is this user's token for {config.endpoint}; it is not sent to {origin_of(url)}")
    return None


def _with_token(want: Want, url: str, token: Token | None) -> Want:
    return {**want, "auth": token.header(), "auth_origin": url} if token is not None else want


def _check(size: int | None, headers: Mapping[str, str] | None) -> None:
    if size is not None and (isinstance(size, bool) or not isinstance(size, int) or size < 0):
        raise ValueError(f"size is a whole number of bytes, not {size!r}")
    for name in headers or {}:
        if name.lower() in _OURS:
            raise ValueError(f"the header {name} is hubjet's own to send")


def _digest(sha256: str | None) -> str | None:
    if sha256 is None:
        return None
    if not isinstance(sha256, str):
        raise ValueError(f"sha256 has 64 hex digits, not {sha256!r}")
    text = sha256.removeprefix("sha256:").lower()
    if len(text) != 64 or any(c not in "0123456789abcdef" for c in text):
        raise ValueError(f"sha256 has 64 hex digits, not {sha256!r}")
    return f"sha256:{text}"


def _place(url: str, path: str | os.PathLike[str] | None) -> str:
    """The file to write, absolute."""
    if not isinstance(url, str):
        raise ValueError(f"a URL is a string, not {type(url).__name__}")
    if not url.lower().startswith(("http://", "https://")):
        raise ValueError(f"only http:// and https:// URLs can be fetched, not {shown(url)!r}")
    check_text(url, "the URL")
    given = os.path.expanduser(os.fspath(path)) if path is not None else os.curdir
    if not given:
        raise ValueError("the path to write is empty; leave it out for the current folder")
    if os.path.isdir(given) or given.endswith(("/", os.sep)):
        name = name_in_url(url)
        if not name:
            raise ValueError(f"{shown(url)!r} does not end in a file name: say which file to write")
        given = os.path.join(given, name)
    place = absolute(given)
    _check_regular(place)
    return place


def _check_regular(path: str) -> None:
    """A file is published by a rename, which would put it in the place of a device (seen: root, and /dev/null was gone)."""
    if os.path.isdir(path):
        raise errors.StorageError(f"{path} is a folder, so no file of that name can be written", path=path, errno=EISDIR)
    if (os.path.exists(path) and not os.path.isfile(path)) or os.path.dirname(path) == "/dev":
        raise errors.StorageError(f"{path} is no regular file: what is fetched becomes a file in its place", path=path)
