"""Whose a token is and what it may read (whoami); login and logout. Imports _errors, _config, _edge, _auth.credentials, _auth.store, _transport, _trace, _auth.vaults.

    import hubjet

    hubjet.login()        # asks for a token, checks it, stores it where huggingface_hub finds it, too
    hubjet.whoami()
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

from .. import _errors as errors
from .. import _trace, _transport
from .._config import resolve
from .._edge import public
from .._errors import HubjetError, explain
from .._surroundings import environment_token
from .._names import origin_of, shown
from . import store, vaults
from .credentials import Token, find_token, no_token, sendable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._config import Config
    from .._native import Limits

ANSWER_MAX = 1 << 20
ASIDE_MS = 3000  # for a question that only makes an error clearer
READ_CONTENT = "repo.content.read"
READ_GATED = "Read access to contents of all public gated repos you can access"
READ_REPOS = "Read access to contents of all repos under your personal namespace"


@dataclass(frozen=True)
class Account:
    """Whose a token is, as the hub says.

    `name` of the account (`fullname` for people), `kind` "user" or "org"; `token_name` as it is called in the account's settings; `role`
    "read", "write", "fine-grained", or "" (OAuth); `reads_gated`: whether a fine-grained token may read gated repositories (None: it is
    none); `scopes`: what it may do with whom, as (name, permissions); `token_origin`: where the token was found; `endpoint` that was asked.
    """

    name: str
    fullname: str
    kind: str
    token_name: str
    role: str
    reads_gated: bool | None
    scopes: tuple[tuple[str, tuple[str, ...]], ...]
    token_origin: str
    endpoint: str

    def __str__(self) -> str:
        token = " ".join(part for part in (repr(self.token_name) if self.token_name else "", self.role) if part)
        return self.name + (f" (token {token})" if token else "")

    def lacks(self, repo_id: str, *, gated: bool, private: bool) -> str:
        """The permission that this token would need to read the repository, by the name it has on the settings page; "" if it is not the
        token that stands between."""
        if self.role != "fine-grained":
            return ""
        owner = repo_id.partition("/")[0]
        if any(name in (repo_id, owner) and READ_CONTENT in permissions for name, permissions in self.scopes):
            return ""
        if gated and not self.reads_gated:
            return f"“{READ_GATED}”"
        if not private:
            return ""
        return f"“{READ_REPOS}”" if owner == self.name else f"“Read access to contents” of {repo_id} or of {owner}"


def read_account(answer: Any, token_origin: str, endpoint: str) -> Account:
    """What /api/whoami-v2 said. ValueError if it is no such answer."""
    auth = answer.get("auth") if isinstance(answer, dict) else None
    name = answer.get("name") if isinstance(answer, dict) else None
    if not isinstance(name, str) or not name:
        raise ValueError("no name")
    access = _dict(_dict(auth).get("accessToken"))
    role, fine = _text(access.get("role")), access.get("fineGrained")
    scopes: list[tuple[str, tuple[str, ...]]] = []
    listed = _dict(fine).get("scoped")
    for scope in listed if isinstance(listed, list) else []:
        permissions = _dict(scope).get("permissions")
        scopes.append((_text(_dict(_dict(scope).get("entity")).get("name")), tuple(map(str, permissions if isinstance(permissions, list) else ()))))
    return Account(
        _line(name),
        _line(_text(answer.get("fullname")) or name),
        _text(answer.get("type")) or "user",
        _line(_text(access.get("displayName"))),
        "fine-grained" if role == "fineGrained" else role,
        _dict(fine).get("canReadGatedRepos") is True if role == "fineGrained" else None,
        tuple(scopes),
        token_origin,
        endpoint,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:100]


def ask_aside(config: Config, token: Token) -> Account | None:
    """The same while another error is about to be told: one try, not for long, and no error of its own. Cancelled."""
    limits = {**_transport.limits(config), "tries": 1, "give_up_ms": ASIDE_MS, "connect_ms": ASIDE_MS, "stall_ms": ASIDE_MS}
    try:
        return ask(config, token, limits)  # type: ignore[arg-type]
    except errors.Cancelled:
        raise
    except HubjetError:  # benign: the refusal itself is told
        return None


def ask(config: Config, token: Token, limits: Limits | None = None) -> Account:
    """One question to the hub. TokenRefused, NetworkError …"""
    url = f"{config.endpoint}/api/whoami-v2"
    result = _transport.run(
        [{"url": url, "why": "whoami", "memory": ANSWER_MAX, "auth": token.header(), "auth_origin": config.endpoint}],
        limits or _transport.limits(config),
        config,
    )[0]
    error = _transport.error_of(result)
    if isinstance(error, errors.AccessDenied) and error.portal is None and origin_of(error.url or url) == origin_of(url):
        raise errors.TokenRefused(
            explain(
                f"{config.endpoint} does not accept this token",
                token=f"from {token.origin}",
                answered=f"{error.status or ''}: {error.server_message or ''}".strip(": "),
                do=f"it may be cut, expired or deleted: make a new one at {config.endpoint}/settings/tokens",
            ),
            **{**error.__dict__, "page": f"{config.endpoint}/settings/tokens", "token_origin": token.origin},
        )
    if error is not None:
        raise error
    import json

    try:
        return read_account(json.loads(result["body"] or b""), token.origin, config.endpoint)
    except (ValueError, RecursionError):
        raise errors.ProtocolError(f"{config.endpoint} does not answer like a hub\n  asked     {shown(url)}", url=shown(url)) from None


# --- for people -----------------------------------------------------------------------------------------


@public
def whoami(token: Token | str | None = None, *, endpoint: str | None = None) -> Account:
    """Whose the token is that hubjet would send, and what it may do: one question to the hub.

    Args: token, another one than this user's; endpoint, the hub to ask, default HF_ENDPOINT.
    Returns: an Account; it does not hold the token. Errors: NoToken, TokenRefused, NetworkError …, Offline. Threads: any.

    >>> import hubjet
    >>> print(hubjet.whoami())  # doctest: +SKIP
    alice (token 'laptop' read)
    """
    config = _online(endpoint)
    given = _given(token) if token is not None else find_token(config)
    if given is None:
        raise no_token(config, "nobody is logged in: there is no token")
    return ask(config, sendable(given, config))


@public
def login(token: Token | str | None = None, *, endpoint: str | None = None, vault: bool = False) -> Account:
    """Logs this user in: the token is checked with the hub, then stored where huggingface_hub, transformers and `hf` find it as well.

    Args: token; None: it is asked for, in a notebook by a field whose text nobody sees, else in the terminal. endpoint: the hub it is for,
    default HF_ENDPOINT. vault: also store it on the vault, for the next computer, which finds it there where the setting vault_token says so; a
    warning says who can read it there.

    Returns: whose it is, an Account. Stored are HF_TOKEN_PATH (HF_HOME/token) and stored_tokens beside it, readable by this user only,
    never in the cache, as `hf auth login` does; git's credentials are not touched. HF_TOKEN, where it is set, still wins: a warning says so.
    Errors: TokenRefused if the hub does not know it (nothing is stored then); NoToken where nobody can be asked; ConfigError,
    StorageError for the place; NetworkError …. Threads: any, one at a time is wise.

    >>> import hubjet
    >>> hubjet.login()  # doctest: +SKIP
    Token of https://huggingface.co (it is not shown; make one at https://huggingface.co/settings/tokens):
    """
    config = _online(endpoint)
    vaults.forget()  # a person is here, who may have changed something there
    given = _given(token if token is not None else _asked_for(config))
    text = given.header().removeprefix("Bearer ")
    if text.startswith("api_org"):
        raise ValueError("this is a token of an organization: log in with one of your own account")
    account = ask(config, sendable(given, config))
    name = store.store(config, text, account.token_name or f"oauth-{account.name}")
    _trace.info(f"logged in to {config.endpoint} as {account.name}; the token {name!r} is in {config.token_path}")
    if vault:
        from . import kept

        _trace.warn(kept.store(config, text))
    set_too = environment_token()
    if set_too is not None and set_too[0] != text:
        _trace.warn(f"the token was stored, but {set_too[1]} is set and wins over it")
    return account


@public
def logout(name: str | None = None) -> bool:
    """Forgets the stored token of this name (those of `hubjet.login` and `hf auth login`), or all of them. The hub is not told: a token ends
    in the account's settings.

    Returns: False if there was none. A warning says where a token is still found. Errors: ValueError for a name that is not stored,
    StorageError. Threads: any.

    >>> import hubjet
    >>> hubjet.logout()
    False
    """
    config = resolve()
    try:
        changed = store.remove(config, name)
    except KeyError:
        there = ", ".join(map(repr, store.names(config))) or "none"
        raise ValueError(f"no token is stored under the name {name!r}; there are: {there}") from None
    if name is None and config.vault is not None:
        from . import kept

        on_vault = kept.remove(config)
        changed = [*changed, *([on_vault] if on_vault is not None else [])]
    vaults.forget()
    left = environment_token()
    if left is not None:
        _trace.warn(f"a token is still found: {left[1]} is set")
    return bool(changed)


def _online(endpoint: str | None) -> Config:
    config = resolve(endpoint=endpoint or None)
    if config.offline:
        raise errors.Offline(f"{config.endpoint} was not asked: offline ({config.origins['offline']})", url=config.endpoint)
    return config


def _given(token: Token | str) -> Token:
    if isinstance(token, Token):
        return token
    if not isinstance(token, str):
        raise TypeError(f"token is a string or a Token, not {type(token).__name__}")
    text = "".join(token.split())
    if not text:
        raise ValueError("the token is empty")
    return Token(text)


def _asked_for(config: Config) -> str:
    """What a person types, or pastes. In a kernel getpass is a field of the notebook."""
    from getpass import getpass

    in_kernel = "ipykernel" in sys.modules
    tokens = f"{config.endpoint}/settings/tokens"
    nobody = errors.NoToken(
        explain("nobody can be asked for a token here", do=f"make one at {tokens}; pass it as hubjet.login(token=…), or set HF_TOKEN"), page=tokens
    )
    if not in_kernel and (sys.stdin is None or not sys.stdin.isatty()):
        raise nobody
    try:
        return getpass(f"Token of {config.endpoint} (it is not shown; make one at {tokens}): ")
    except (EOFError, NotImplementedError):  # the notebook runs without a person (nbclient, papermill)
        raise nobody from None
    except Exception as error:
        if type(error).__name__ == "StdinNotImplementedError":  # ipykernel's, the same
            raise nobody from None
        raise


# --- for errors -----------------------------------------------------------------------------------------


def lines_for(error: HubjetError, account: Account | None, repo_id: str, *, gated: bool) -> dict[str, str]:
    """What a refusal needs besides: whose token it was, and what that token lacks."""
    if account is None:
        return {}
    error.account = account.name
    lacks = account.lacks(repo_id, gated=gated, private=not gated) if isinstance(error, errors.AccessDenied) else ""
    return {"account": str(account), "lacks": lacks}
