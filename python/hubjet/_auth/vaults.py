"""The vaults of notebooks, which may hold a secret HF_TOKEN: Colab's and Kaggle's. Imports _surroundings.

A vault is asked when a hub has asked for a token and no nearer place had one; once in the life of the process, whatever it says; and nobody
waits for it longer than WAIT_S. Colab's answers from the browser, over the kernel's own channel, and without a browser not at all: it
blocks for 10 s, in some versions for ever, and holds a lock of its own meanwhile. So a thread asks, and is left behind if need be. An
answer that comes later (a person read the question first) holds from then on.
"""

from __future__ import annotations

import sys
from _thread import allocate_lock  # threading's, without its 1 ms

from .. import _surroundings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Event

NAME = "HF_TOKEN"
WAIT_S = 3.0


class Question:
    """One question to a vault, and what came of it. `ask` runs in a thread of its own, in the asker's context: Colab's kernel tells
    by it which cell is asking."""

    def __init__(self, ask: Callable[[], str | None], clock: Callable[[], float]) -> None:
        import threading
        from contextvars import copy_context

        self._clock, self._until = clock, clock() + WAIT_S
        self._over = threading.Event()
        self._token: str | None = None
        self._error: BaseException | None = None
        context = copy_context()
        # A daemon: at the interpreter's exit nobody waits for it. It holds nothing of ours.
        threading.Thread(target=context.run, args=(self._ask, ask), name="hubjet-vault", daemon=True).start()

    def _ask(self, ask: Callable[[], str | None]) -> None:
        try:
            self._token = "".join(str(ask() or "").split()) or None
        except BaseException as error:  # noqa: B036 - the vault's own classes; nobody is there to hear of it
            self._error = error
        self._over.set()

    def answer(self) -> tuple[str | None, str]:
        """The token, and how it went in words that fit behind the vault's name. Waits while WAIT_S since the asking are not over."""
        if not wait(self._over, max(self._until - self._clock(), 0.0)):
            return None, f"no answer within {WAIT_S:g} s"
        if self._error is not None:
            return None, _in_words(self._error)
        return self._token, "asked" if self._token else f"its {NAME} is empty"


def wait(over: Event, seconds: float) -> bool:
    """Whether it happens within that time."""
    return over.wait(seconds)


def _in_words(error: BaseException) -> str:
    kind = type(error).__name__
    said = {
        "SecretNotFoundError": f"it has no secret {NAME}",
        "NotebookAccessError": f"this notebook may not read its {NAME}",
        "TimeoutException": "nobody answered",
        "BackendError": f"it has no secret {NAME}, or this notebook may not read it",
        "CredentialError": "this session may not read secrets",
    }
    return said.get(kind, kind)


class Vault:
    """One of them: its name for people, whether we are where it is, how it is asked, and what a person does to put a token there."""

    def __init__(self, name: str, is_here: Callable[[], bool], ask: Callable[[], str | None], advice: str) -> None:
        self.name, self.is_here, self.advice = name, is_here, advice
        self._ask = ask
        self._lock = allocate_lock()
        self._question: Question | None = None

    def token(self) -> str | None:
        """Its token, asked for if nobody did before. Threads: any; all wait for the one question."""
        if not self.is_here():
            return None
        with self._lock:
            if self._question is None:
                from time import monotonic

                self._question = Question(self._ask, monotonic)
            question = self._question
        return question.answer()[0]

    def story(self) -> str:
        """How the asking went, "" if nobody asked."""
        question = self._question
        return f"{self.name} ({question.answer()[1]})" if question is not None else ""

    def forget(self) -> None:
        """It is asked anew: a person has done something about it, or what it said was refused."""
        self._question = None


def _in_colab() -> bool:
    """In the kernel itself: `!python` has no way to the browser, and Colab Enterprise has no vault."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return "google.colab" in str(type(shell)) and not _surroundings.in_colab_enterprise()


def _ask_colab() -> str | None:
    from google.colab import userdata  # type: ignore[import-not-found, import-untyped, unused-ignore]

    answer: str | None = userdata.get(NAME)
    return answer


def _ask_kaggle() -> str | None:
    from kaggle_secrets import UserSecretsClient  # type: ignore[import-not-found, unused-ignore]

    answer: str | None = UserSecretsClient().get_secret(NAME)
    return answer


COLAB = Vault(
    "Colab's secrets", _in_colab, _ask_colab, f"add it in Colab's secrets (the key on the left) as {NAME} and let this notebook read it"
)
KAGGLE = Vault(
    "Kaggle's secrets", _surroundings.in_kaggle, _ask_kaggle, f"add it in Kaggle's secrets (Add-ons, Secrets) as {NAME} and attach it to this notebook"
)
VAULTS = (COLAB, KAGGLE)


def find() -> tuple[str, str] | None:
    """(token, where it came from) of the first vault that has one."""
    for vault in VAULTS:
        token = vault.token()
        if token:
            return token, f"{vault.name}, {NAME}"
    return None


def stories() -> str:
    """How the asking went, for those that were asked: ", Colab's secrets (…)"."""
    return "".join(f", {story}" for story in (vault.story() for vault in VAULTS) if story)


def advice() -> str:
    """What a person does with a new token here."""
    here = next((vault.advice for vault in VAULTS if vault.is_here()), f"set {NAME}")
    return f"{here}, or call hubjet.login()"


def forget() -> None:
    """Each of them is asked anew when the next token is wanted."""
    for vault in VAULTS:
        vault.forget()
