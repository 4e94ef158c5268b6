"""The endpoints of one call: which of them is asked now, and when another one may be. Imports _errors, _names, _config, _trace.

The first is the truth: what it answers holds, also a "no". Only when it cannot be asked are the others, in their order; and they
bring parts of files whose digest is known. They get no token, no header of the caller's, and no name of a repository that the
first does not show to everybody.
"""

from __future__ import annotations

import time

from . import _errors as errors
from . import _trace
from ._errors import HubjetError
from ._names import Repo, check_repo_id
from ._values import MODELSCOPE_MARK, url_of_endpoint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple

    from ._config import Config
else:
    from ._record import NamedTuple

REMEMBERED_S = 60.0  # so long an endpoint that could not be asked is asked last: a script of many calls waits for it once

_out: dict[str, float] = {}  # URL -> when it could not be asked


class Endpoint(NamedTuple):
    """A hub, and what the repository is called there."""

    url: str
    repo: Repo
    modelscope: bool = False

    def page(self) -> str:
        """The repository's page for people."""
        return f"{self.url}/models/{self.repo.id}" if self.modelscope else self.repo.page(self.url)


def endpoint_of(text: str, repo: Repo) -> Endpoint:
    """An entry of the setting `endpoints`, for this repository."""
    said = text.partition("#")[2]
    named = dict(pair.split("=", 1) for pair in said.split("&")) if "=" in said else {repo.id: said}
    repo_id = named.get(repo.id)
    there = Repo(repo.type, check_repo_id(repo_id)) if repo_id else repo
    return Endpoint(url_of_endpoint(text), there, text.startswith(MODELSCOPE_MARK))


def is_out(error: BaseException) -> bool:
    """Whether a first endpoint that failed so could not be asked: silent, unreachable, its certificate not accepted, failing,
    its quota used up, or somebody else answering in its place. A refusal (401, 403, 404 …) is an answer."""
    if not isinstance(error, errors.NetworkError):
        return False
    status = error.status or 0
    return not 400 <= status < 500 or status in (408, 429)


class Line:
    """The endpoints in their order. `now` is asked; `turn` after a failure; `closed` says why mirrors stay out of it ("": they
    do not)."""

    def __init__(self, config: Config, repo: Repo) -> None:
        every = [endpoint_of(text, repo) for text in config.endpoints]
        self.first = self.now = every[0]
        # ModelScope's data sets have an API of another shape, and it has no spaces.
        self._others = [one for one in every[1:] if repo.type == "model" or not one.modelscope]
        self.closed = ""
        self.patient = not self._others  # to be asked as often as if there were no other
        self._failed: list[tuple[Endpoint, HubjetError]] = []
        self._skipped = False  # the first, because it could not be asked a moment ago

    @property
    def hurried(self) -> bool:
        """Whether somebody else can be asked, so that this one is not worth a long wait."""
        return not self.patient and not self.closed

    @property
    def on_first(self) -> bool:
        """Whether what is answered now is the truth."""
        return self.now is self.first

    def begin(self) -> None:
        """A question begins: one that was out a moment ago is not asked first."""
        if self.on_first and self.hurried and not self._failed and self._is_out(self.first):
            self._skipped = True
            self.now = self._next() or self.first

    def mirrors(self) -> list[Endpoint]:
        """Whoever may bring parts beside the one asked now."""
        if self.closed:
            return []
        useless = [one for one, error in self._failed if not isinstance(error, errors.RevisionNotFound)]  # one that is behind has files
        return [one for one in (self.first, *self._others) if one is not self.now and one not in useless and not self._is_out(one)]

    def turn(self, error: HubjetError, *, quick: bool = False) -> HubjetError | None:
        """`now` failed. None: ask again, somebody else (or the first, patiently); else the error to raise."""
        here = self.now
        if here is self.first and (not is_out(error) or not self.hurried):
            return self._told(error)
        if not isinstance(error, errors.NetworkError | errors.AccessDenied | errors.NotFound):
            return error
        self._failed.append((here, error))
        self.note(here, error)
        following = self._next()
        if following is not None:
            _trace.info(f"{here.url} could not be asked about {here.repo.id} ({_headline(error)}): {following.url} is")
            self.now = following
            return None
        self.now = self.first
        if self._skipped:  # it was out a minute ago; nobody else could help, so it is asked after all
            self._skipped, self.patient = False, True
            return None
        of_first = next((e for one, e in self._failed if one is self.first), error)
        if not quick and isinstance(of_first, errors.TimedOut | errors.ServerError | errors.RateLimited) and not self.patient:
            self.patient = True
            return None
        return self._told(of_first)

    def note(self, there: Endpoint, error: BaseException) -> None:
        """It failed; was it out?"""
        if is_out(error):
            _out[there.url] = time.monotonic()

    def answered(self) -> None:
        """`now` did. Said once, where it is not the first."""
        if self.on_first:
            _out.pop(self.first.url, None)
            return
        why = next((_headline(e) for one, e in self._failed if one is self.first), "it could not be a moment ago")
        _trace.warn(
            f"{self.first.url} could not be asked ({why}). {self.now.url} was, about {self.now.repo.id}: which files belong to a "
            "version is then as true as its certificate; each file is what that list says.",
            once=f"mirror {self.first.url} {self.now.url}",
        )

    def _next(self) -> Endpoint | None:
        failed = [one for one, _ in self._failed]
        left = [one for one in self._others if one not in failed]
        return min(left, key=self._is_out, default=None)

    def _is_out(self, endpoint: Endpoint) -> bool:
        when = _out.get(endpoint.url)
        return when is not None and time.monotonic() - when < REMEMBERED_S

    def _told(self, error: HubjetError) -> HubjetError:
        """The first's error; it names the others, too."""
        for one, other in self._failed:
            if one is not self.first:
                error.add_line("also", f"{one.url}: {_headline(other)}")
        if self.closed and self._others and is_out(error):
            names = ", ".join(one.url for one in self._others)
            error.add_line("not asked", f"{names}: {self.closed}, and mirrors are not told of what is not public (token=False: they are asked)")
        return error


def _headline(error: BaseException) -> str:
    return str(error).partition("\n")[0]
