"""What a hub means when it lets nobody in: class, headline, page to open, advice. Pure. Imports _errors, _names, _auth.credentials.

The hub says so in a status, a code (X-Error-Code) and a sentence; the order of the questions is the stock client's (hub-protocol).
"""

from __future__ import annotations

from . import _errors as errors
from ._auth.credentials import how_to_give
from ._names import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from ._errors import HubjetError
else:
    from ._record import NamedTuple

# How the hub tells, in X-Error-Message only, what a refusal is about. Its X-Error-Code is GatedRepo for all of the first two.
_SAYS_SCOPE = ("fine-grained token", "token settings", "token does not have", "scope")
_SAYS_PENDING = ("awaiting a review", "pending")
_SAYS_DISABLED = "Access to this resource is disabled."
_SAYS_BAD_TOKEN = "Invalid credentials in Authorization header"


class Asked(NamedTuple):
    """Whom, for what, and whether a token went along. `page`: the repository's, for people. `filename`: "" for the repository itself."""

    endpoint: str
    repo_id: str
    repo_type: str
    page: str
    revision: str
    filename: str
    token_sent: bool

    @property
    def tokens_page(self) -> str:
        """Where tokens are made."""
        return f"{self.endpoint}/settings/tokens"


if TYPE_CHECKING:
    Meaning = tuple[type[HubjetError], str, str, str]


def meaning(error: HubjetError, asked: Asked) -> Meaning | None:
    """Class, headline, page to open, advice; None when the hub did not say more than the status."""
    code, said, status = error.hub_code, error.server_message or "", error.status
    if error.portal is not None:
        return None
    name, page, tokens, sent = asked.repo_id, asked.page, asked.tokens_page, asked.token_sent
    if code == "RevisionNotFound":
        return (
            errors.RevisionNotFound,
            f"{name} has no revision {asked.revision!r}",
            f"{page}/commits",
            f"see its branches and commits at {page}/commits",
        )
    if code == "EntryNotFound":
        return (
            errors.EntryNotFound,
            f"{name} has no file {asked.filename!r}",
            f"{page}/tree/{asked.revision}",
            f"see its files at {page}/tree/{asked.revision}",
        )
    if said == _SAYS_DISABLED:
        return errors.RepoDisabled, f"{name} is disabled", page, f"open {page} to read why"
    if code == "GatedRepo":
        return _gate(said.lower(), asked)
    if code == "RepoNotFound":
        spelling = f"check the spelling and repo_type (it was {asked.repo_type!r})"
        if sent:
            advice = f"{spelling}; can the token's account open {page}?"
        else:
            advice = f"{spelling}: can you open {page}? A private one needs a token: {tokens}"
        return errors.RepoNotFound, f"{name} does not exist, or is private", page, advice
    if status == 401 and (said == _SAYS_BAD_TOKEN or sent):
        return (
            errors.TokenRefused,
            f"{asked.endpoint} does not accept this token",
            tokens,
            f"it may have expired or been deleted: make a new one at {tokens}",
        )
    if status == 401:
        advice = f"make a token at {tokens} and {how_to_give()}; a misspelt name is answered alike, check that too"
        return errors.TokenNeeded, f"{name} asks for a token", tokens, advice
    if status == 403 and sent and isinstance(error, errors.AccessDenied) and _is_from_hub(error, asked):
        return (
            errors.TokenLacksScope,
            f"the token may not read {name}",
            tokens,
            f"give it read access to this repository at {tokens}",
        )
    return None


def _gate(said: str, asked: Asked) -> Meaning:
    name, page, tokens = asked.repo_id, asked.page, asked.tokens_page
    if not asked.token_sent:
        advice = f"accept the conditions at {page}, make a token at {tokens} and {how_to_give()}"
        return errors.TokenNeeded, f"{name} is gated and no token was sent", page, advice
    if any(words in said for words in _SAYS_SCOPE):
        advice = f"allow the token to read gated repositories at {tokens}"
        return (
            errors.TokenLacksScope,
            f"{name} is gated and the token may not read gated repositories",
            tokens,
            advice,
        )
    if any(words in said for words in _SAYS_PENDING):
        return (
            errors.GatePending,
            f"access to {name} was asked for and is not granted yet",
            page,
            f"wait; see {page}",
        )
    advice = f"open {page}, accept the conditions with the token's account, then try again"
    return errors.GateNotAccepted, f"{name} is gated and this account was not let in", page, advice


def _is_from_hub(error: HubjetError, asked: Asked) -> bool:
    return origin_of(error.url or asked.endpoint) == origin_of(asked.endpoint)
