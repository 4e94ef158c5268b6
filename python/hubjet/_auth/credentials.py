"""Which token a request may carry, and where it came from. Imports _errors, _names, _config, _surroundings, _auth.vaults.

A token given as an argument is used at once. Any other is looked for only when an answer asks for one, because
looking has a price: a notebook's vault blocks and warns, and what is not read cannot leak. Places, in order: HF_TOKEN,
HUGGING_FACE_HUB_TOKEN, the token file, Colab's secrets, Kaggle's. That a repository needed a token is remembered for the life of
the process; the token itself is not, but by the vault that was asked (_auth.vaults).
"""

from __future__ import annotations

import os

from .. import _surroundings
from .._config import Config
from .._errors import NoToken, TokenRefused, explain
from .._names import split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

_needing: set[tuple[str, str]] = set()  # (endpoint, repository): an answer asked for a token here before


class Token:
    """A secret that cannot be printed: repr, str and format say only where it came from.

    Args: value, the token's text; origin, a word for people.
    Pass it as `token=` like a plain string. Threads: immutable.

    >>> import hubjet
    >>> hubjet.Token("hf_example", "my vault")
    Token(from my vault)
    """

    __slots__ = ("__value", "origin")

    def __init__(self, value: str, origin: str = "argument") -> None:
        self.__value = value
        self.origin = origin

    def header(self) -> str:
        """The value of Authorization. For the extension only."""
        return f"Bearer {self.__value}"

    def __repr__(self) -> str:
        return f"Token(from {self.origin})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Token is not pickled: it would write the secret somewhere")


class Credentials:
    """The token of one call, found as late as possible.

    Use: `first()` before the first request; when an answer asks for a token and `first()` had none, `asked()`.
    """

    def __init__(self, token: Token | str | bool | None, config: Config, scope: str) -> None:
        if not (token is None or isinstance(token, str | bool | Token)):
            raise TypeError(f"token is a string, a Token, True, False or None, not {type(token).__name__}")
        if isinstance(token, str):
            token = "".join(token.split()) or None  # a line break would end the header; an empty string says nothing
        self._given = token
        self._config = config
        self._key = (config.endpoint, scope)
        self._asked = False
        self.origin = ""  # where the token in use came from, "" = none in use
        self.why_none = "token=False" if token is False else "none was given"

    def first(self) -> Token | None:
        """What the first request carries. Raises NoToken (True, but none there), TokenRefused (public plain http)."""
        if isinstance(self._given, str):
            return self._use(Token(self._given))
        if isinstance(self._given, Token):
            return self._use(self._given)
        if self._given is True:
            token = self._look()
            if token is None:
                raise no_token(self._config)
            return self._use(token)
        if self._given is None and self._key in _needing:
            return self.asked()
        return None

    def asked(self) -> Token | None:
        """An answer asked for a token: what may be sent now, once; None if nothing (more) can be."""
        if self._given is not None or self._asked:
            return None
        self._asked = True
        if not self._config.implicit_token:
            self.why_none = f"looking for one is switched off ({self._config.origins['implicit_token']})"
            return None
        if not may_travel(self._config.endpoint):
            self.why_none = "a token is not sent over plain http to a public host"
            return None
        token = self._look()
        if token is None:
            self.why_none = f"none found in {_places(self._config)}"
            return None
        _needing.add(self._key)
        return self._use(token)

    def _use(self, token: Token) -> Token:
        self.origin = sendable(token, self._config).origin
        return token

    def _look(self) -> Token | None:
        return find_token(self._config)


def find_token(config: Config) -> Token | None:
    """The token of this user on this computer, from the first place that has one."""
    found = _surroundings.environment_token()
    if found is not None:
        return Token(found[0], f"environment {found[1]}")
    text = _token_file(config.token_path)
    if text:
        return Token(text, f"file {config.token_path}")
    path = token_on_vault(config) if config.vault_token else None
    text = _token_file(path) if path is not None else None
    if text:
        return Token(text, f"vault {path}")
    from . import vaults

    found = vaults.find()
    return Token(*found) if found is not None else None


def token_on_vault(config: Config) -> str | None:
    """Where a token that somebody wanted to be there lies on the vault of the settings; None: there is no vault."""
    return os.path.join(config.vault, "hubjet-token") if config.vault is not None else None


def refused(token_origin: str | None) -> None:
    """The hub does not know this token: a vault that gave it is asked anew next time, by when a person may have changed it."""
    if token_origin is not None and "secrets" in token_origin:
        from . import vaults

        vaults.forget()


def how_to_give() -> str:
    """What a person does with a new token on this computer."""
    from . import vaults

    return vaults.advice()


def sendable(token: Token, config: Config) -> Token:
    """The token, if it may go to this endpoint as it is; else TokenRefused."""
    if not may_travel(config.endpoint):
        raise TokenRefused(
            explain(
                f"the token ({token.origin}) was not sent to {config.endpoint}",
                because="over plain http everybody on the way could read it, and this is a public host",
                do="use an https:// endpoint, or token=False",
            ),
            url=config.endpoint,
            token_origin=token.origin,
        )
    if not token.header().isascii():
        raise TokenRefused(
            explain(f"the token ({token.origin}) holds a character that no token has", do="copy it once more, whole"),
            url=config.endpoint,
            token_origin=token.origin,
        )
    return token


def may_travel(endpoint: str) -> bool:
    """Whether a token may be sent there: over https to any host, over http to this computer or a private network."""
    if endpoint.startswith("https://"):
        return True
    parts = split(endpoint)
    if parts.scheme == "https":
        return True
    host = (parts.hostname or "").lower()
    if host == "localhost" or not ("." in host or ":" in host):
        return True  # a name without a dot is resolved within the local network
    if host.endswith((".localhost", ".local", ".internal", ".lan", ".home.arpa")):
        return True
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_private or address.is_link_local


def _token_file(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return "".join(file.read().split()) or None
    except (OSError, UnicodeDecodeError):
        return None  # benign: no such file, or not ours to read; the error the caller then gets names this place


def no_token(config: Config, headline: str = "token=True was passed, but there is no token") -> NoToken:
    """There is none in any place."""
    return NoToken(
        explain(
            headline,
            looked_in=_places(config),
            do=f"make one at {config.endpoint}/settings/tokens and {how_to_give()}",
        ),
        page=f"{config.endpoint}/settings/tokens",
    )


def _places(config: Config) -> str:
    from . import vaults

    on_vault = f", {token_on_vault(config)}" if config.vault_token and config.vault is not None else ""
    places = f"HF_TOKEN, HUGGING_FACE_HUB_TOKEN, {config.token_path}{on_vault}{vaults.stories()}"
    if _surroundings.oidc_is_asked_for():
        places += " (HF_OIDC_RESOURCE is set, but hubjet does not exchange CI identities: put the token into HF_TOKEN)"
    return places
