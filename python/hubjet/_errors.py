"""Which exceptions hubjet raises, and what they know. Imports nothing.

    HubjetError                      everything below
     ├─ Cancelled                    the job was stopped; what was received is kept
     ├─ NetworkError                 ConnectionError
     │   ├─ TimedOut                 TimeoutError
     │   ├─ ProxyError
     │   ├─ TlsError
     │   ├─ RateLimited              .retry_after seconds
     │   ├─ ServerError              5xx
     │   └─ ProtocolError            an answer that makes no sense, or a request that was refused
     ├─ AccessDenied                 PermissionError
     │   ├─ TokenNeeded              none was sent, one is asked for
     │   ├─ TokenRefused             the hub does not know this token, or it may not travel over plain http
     │   ├─ TokenLacksScope          the token is known, but may not read this
     │   ├─ GateNotAccepted          the licence on .page was not accepted yet
     │   │   └─ GatePending          it was; the authors have not answered yet
     │   └─ RepoDisabled
     ├─ NotFound                     FileNotFoundError
     │   ├─ RepoNotFound
     │   ├─ RevisionNotFound
     │   ├─ EntryNotFound            the repository has no such file
     │   └─ Offline                  not here, and the network is shut
     │       └─ LocalEntryNotFound
     │           └─ IncompleteSnapshot   .snapshot_path holds a part of it
     ├─ IntegrityError               ValueError, OSError: bytes that are not what their digest says; never published
     ├─ StorageError                 OSError: .errno, .path, .needed, .free
     ├─ NoToken                      OSError: token=True, but there is none
     ├─ BadName                      ValueError: a repository, revision or file name that cannot be one
     ├─ ConfigError                  ValueError: a setting that cannot be understood
     └─ InternalError                a broken promise inside hubjet: please report

Each carries facts as attributes, so nobody has to parse a message; a fact that is not known is None. All survive
pickle. `errno` is a plain attribute here on purpose: OSError's own slot comes back from pickle as None.

The extension raises the classes of csrc/util/err.h's table by name: `getattr(hubjet._errors, name)(message, **facts)`.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class HubjetError(Exception):
    """Base of all of hubjet's errors.

    Attributes (None when not known): `code` the failure's name in C, such as "HTTP_DENIED"; `url` without user, query
    and fragment; `status` of HTTP; `offset` of the first byte in doubt; `proxy` that was between (scheme, host, port); `issuer` of a certificate that was
    refused; `portal` title of a page for people that answered in place of the hub; `retry_after` in seconds; `errno`; `curl`
    libcurl's code; `request_id`; `server_message`; `hub_code` the hub's X-Error-Code; `attempts`; `advice` what you
    can do; `page` to open; `repo_id`, `repo_type`, `revision`, `filename`; `token_origin` where the token that was
    sent came from, `account` whose it is; `headers` of the answer; `failures` file name -> error, when several files failed.

    >>> import hubjet
    >>> try:
    ...     hubjet.hf_hub_download("org/name", "model.safetensors", local_files_only=True)
    ... except hubjet.HubjetError as error:
    ...     print(type(error).__name__, error.repo_id, error.status)
    LocalEntryNotFound org/name None
    """

    code: str | None = None
    url: str | None = None
    status: int | None = None
    offset: int | None = None
    proxy: str | None = None
    issuer: str | None = None
    portal: str | None = None
    retry_after: float | None = None
    errno: int | None = None
    curl: int | None = None
    request_id: str | None = None
    server_message: str | None = None
    hub_code: str | None = None
    attempts: int | None = None
    advice: str | None = None
    page: str | None = None
    repo_id: str | None = None
    repo_type: str | None = None
    revision: str | None = None
    filename: str | None = None
    token_origin: str | None = None
    account: str | None = None
    headers: Mapping[str, str] | None = None
    failures: Mapping[str, HubjetError] | None = None

    def __init__(self, message: str = "", **facts: object) -> None:
        # Not super(): where huggingface_hub's classes are mixed in (_edge.py) theirs want a response object.
        Exception.__init__(self, message)
        self.__dict__.update(facts)

    @property
    def message(self) -> str:
        """The whole text: a headline, then one indented line per detail."""
        return str(self.args[0]) if self.args else ""

    def add_line(self, label: str, text: str) -> None:
        """Adds one detail to the message."""
        self.args = (f"{self.message}\n{_line(label, text)}",)


class Cancelled(HubjetError):
    """The job was stopped before its end. What was received is kept; the next call goes on from there."""


class NetworkError(HubjetError, ConnectionError):
    """No connection, or it broke off and could not be brought back."""


class TimedOut(NetworkError, TimeoutError):
    """No answer, or no more bytes, within the time allowed."""


class TlsError(NetworkError):
    """The server's certificate was not accepted."""


class ProxyError(NetworkError):
    """The proxy could not be used: not there, refuses this host, or wants a name and a password. `proxy` says which."""


class RateLimited(NetworkError):
    """Too many requests; `retry_after` says when to come back, in seconds."""


class ServerError(NetworkError):
    """The server failed (5xx)."""


class ProtocolError(NetworkError):
    """The answer makes no sense, or the server refused the request as such."""


class AccessDenied(HubjetError, PermissionError):
    """The server does not let this caller in."""


class TokenNeeded(AccessDenied):
    """The hub asks who you are, and no token was found to tell it."""


class TokenRefused(AccessDenied):
    """The token is not valid, or sending it would show it to everybody on the way (plain http to a public host)."""


class TokenLacksScope(AccessDenied):
    """The token is valid, but its permissions do not cover this repository."""


class GateNotAccepted(AccessDenied):
    """A gated repository whose conditions this account has not accepted; `page` is where to do that."""


class GatePending(GateNotAccepted):
    """Access was asked for and the authors have not decided yet."""


class RepoDisabled(AccessDenied):
    """The repository was switched off by its owner or by the hub."""


class NotFound(HubjetError, FileNotFoundError):
    """There is no such thing."""


class RepoNotFound(NotFound):
    """No such repository, or a private one and nobody who may see it asked."""


class RevisionNotFound(NotFound):
    """The repository has no such branch, tag or commit."""


class EntryNotFound(NotFound):
    """The repository has no such file at this revision."""


class Offline(NotFound):
    """It is not on this computer and the network is shut (offline mode)."""


class LocalEntryNotFound(Offline):
    """The file or snapshot is not in the cache and was not to be fetched."""


class IncompleteSnapshot(LocalEntryNotFound):
    """Only some of the wanted files are here; `snapshot_path` is the folder that holds them."""

    snapshot_path: str | None = None


class IntegrityError(HubjetError, ValueError, OSError):
    """Bytes are not what their digest or size says. They were not published. (OSError is what huggingface_hub raises
    here.)"""


class StorageError(HubjetError, OSError):
    """The disk said no: full, read-only, not permitted. `errno` is set; `path`, `needed` and `free` (bytes) where
    known."""

    path: str | None = None
    needed: int | None = None
    free: int | None = None


class NoToken(HubjetError, OSError):
    """token=True was passed, but no place holds a token."""


class BadName(HubjetError, ValueError):
    """A repository id, type, revision or file name that cannot be one."""


class ConfigError(HubjetError, ValueError):
    """A setting that cannot be understood; the message names the place it came from."""


class InternalError(HubjetError):
    """A broken promise inside hubjet. Please report it with the whole message."""


def harmless(text: str) -> str:
    """A text that came from elsewhere, as a terminal may show it: no control character but line breaks, nothing that turns the direction."""
    if text.isprintable():
        return text
    return "".join(sign if _is_harmless(sign) else "?" for sign in text)


def _is_harmless(sign: str) -> bool:
    number = ord(sign)
    if number < 0xA0:
        return number >= 32 and number != 0x7F and number < 0x80 or sign == "\n"
    return not (0x202A <= number <= 0x202E or 0x2066 <= number <= 0x2069 or 0xD800 <= number <= 0xDFFF)


def explain(headline: str, **details: object) -> str:
    """A message: the headline, then one line for each detail that is not empty, in the order given.

    >>> print(explain("no such file", wanted="config.json", do="check the name"))
    no such file
      wanted    config.json
      do        check the name
    """
    return "\n".join([harmless(headline), *(_line(label, str(text)) for label, text in details.items() if text)])


def _line(label: str, text: str) -> str:
    return f"  {label.replace('_', ' ') + ' ':<10}" + harmless(text).replace("\n", "\n" + " " * 12)


__all__ = [
    name for name, thing in list(globals().items()) if isinstance(thing, type) and issubclass(thing, HubjetError)
]

_name = ""
for _name in __all__:  # people meet them as hubjet.X: in tracebacks, in pickles
    globals()[_name].__module__ = "hubjet"
del _name
