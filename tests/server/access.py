"""Access: who may see a repo, and what the Hub answers to those who may not.

Use:        `denial(repo, token, sent, wants)` -> None (go ahead) or a `Denial` (status, code, message).
            `Tokens` makes and finds tokens; `Quotas` counts requests in fixed windows.
Promise:    `denial` is pure. Status, X-Error-Code and wording as the real Hub gives them (the clients
            decide by code; people read the wording).
Threads:    Quotas under its own lock; the others are changed by the test's thread only.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Callable, Iterable

from tests.server.repos import Repo

METADATA, BODY = "metadata", "body"


@dataclass
class Token:
    """scope: "read", "write", or "fine-grained" (which sees public repos, and gated ones not at all)."""

    name: str
    text: str
    accepted: set[str] = field(default_factory=set)  # gated repos whose terms were accepted
    pending: set[str] = field(default_factory=set)  # asked, not yet granted
    scope: str = "read"
    reads: tuple[str, ...] = ()  # fine-grained: what its whoami says that it may read


@dataclass(frozen=True)
class Denial:
    status: int
    code: str | None
    message: str


class Tokens:
    def __init__(self) -> None:
        self.by_text: dict[str, Token] = {}

    def make(self, name: str, gates: Iterable[str], pending: Iterable[str], scope: str) -> Token:
        if scope not in ("read", "write", "fine-grained"):
            raise ValueError(f"scope {scope!r}: read, write or fine-grained")
        token = Token(name, f"hf_test_{name}", set(gates), set(pending), scope)
        self.by_text[token.text] = token
        return token

    def find(self, authorization: str | None) -> Token | None:
        kind, _, text = (authorization or "").partition(" ")
        return self.by_text.get(text.strip()) if kind.lower() == "bearer" else None


def denial(repo: Repo | None, token: Token | None, sent: bool, wants: str, bare_401: bool = False) -> Denial | None:
    """`sent`: an Authorization header came, whether or not it named a token. `wants`: METADATA or BODY.

    bare_401: leave out the code on the anonymous 401, as some proxies of the Hub do.
    """
    if sent and token is None:
        return Denial(401, None, "Invalid credentials in Authorization header")
    if repo is None or (repo.private and not may_read(repo, token)):
        if token is None:
            return Denial(401, None if bare_401 else "RepoNotFound", "Invalid username or password.")
        return Denial(404, "RepoNotFound", "Repository not found")
    if repo.disabled:
        return Denial(403, None, "Access to this resource is disabled.")
    if repo.gated and wants == BODY:
        return gate_denial(repo, token)
    return None


def gate_denial(repo: Repo, token: Token | None) -> Denial | None:
    restricted = f"Access to {repo.type} {repo.id} is restricted"
    if token is None:
        return Denial(
            401,
            "GatedRepo",
            f"{restricted}. You must have access to it and be authenticated to access it. Please log in.",
        )
    if may_read(repo, token):
        return None
    if token.scope == "fine-grained":
        return Denial(
            403,
            None,
            "Please enable access to public gated repositories in your fine-grained token settings "
            "to view this repository.",
        )
    if repo.id in token.pending:
        return Denial(
            403,
            "GatedRepo",
            f"Your request to access {repo.type} {repo.id} is awaiting a review from the repo authors.",
        )
    return Denial(
        403,
        "GatedRepo",
        f"{restricted} and you are not in the authorized list. "
        f"Visit https://huggingface.co/{repo.prefix}{repo.id} to ask for access.",
    )


def may_read(repo: Repo, token: Token | None) -> bool:
    if token is None:
        return False
    if repo.readers & {token.text, token.name}:
        return True
    return bool(repo.gated) and token.scope != "fine-grained" and repo.id in token.accepted


# Requests per 300 s that the Hub grants: (anonymous, with a free account's token).
HUB_QUOTAS = {"api": (500, 1000), "resolvers": (3000, 5000), "pages": (100, 200)}
HUB_WINDOW_S = 300


@dataclass
class _Window:
    ends: float
    used: int = 0


class Quotas:
    """Counts requests per bucket and caller. Only a bucket set by `limit` ever refuses; the others
    show the Hub's real numbers and never reach zero, or every long test would be slowed by them."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.limits: dict[str, tuple[int, int]] = {}
        self.windows: dict[tuple[str, str], _Window] = {}
        self.lock = threading.Lock()

    def limit(self, bucket: str, requests: int | None, window_s: int = HUB_WINDOW_S) -> None:
        if bucket not in HUB_QUOTAS:
            raise ValueError(f"quota {bucket!r}: one of {', '.join(HUB_QUOTAS)}")
        with self.lock:
            self.windows.clear()
            if requests is None:
                self.limits.pop(bucket, None)
            else:
                self.limits[bucket] = (requests, window_s)

    def count(self, bucket: str, token: Token | None) -> tuple[bool, list[tuple[str, str]]]:
        """One more request: (may pass, the RateLimit headers to send)."""
        who = token.name if token else ""
        with self.lock:
            enforced = bucket in self.limits
            most, window_s = self.limits.get(bucket, (HUB_QUOTAS[bucket][token is not None], HUB_WINDOW_S))
            now = self.clock()
            window = self.windows.get((bucket, who))
            if window is None or now >= window.ends:
                window = self.windows[bucket, who] = _Window(now + window_s)
            window.used += 1
            passes = window.used <= most or not enforced
            left = max(most - window.used, 0 if enforced else 1)
            seconds = max(1, round(window.ends - now))
        return passes, [
            ("RateLimit", f'"{bucket}";r={left};t={seconds}'),
            ("RateLimit-Policy", f'"fixed window";"{bucket}";q={most};w={window_s}'),
        ]
