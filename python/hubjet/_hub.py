"""The hub's HTTP protocol as data: URLs out, metadata in.

Imports _errors, _names, _config, _auth.credentials, _store (the form of a listing), _transport, _mirrors, _modelscope; _refusal where the hub
refuses. Decides nothing about the cache.
"""

from __future__ import annotations

from . import _errors as errors
from . import _trace, _transport
from ._auth.credentials import Credentials, Token, refused
from ._errors import HubjetError, explain
from ._mirrors import Line
from ._names import DEFAULT_REVISION, cut, fault_in, fault_of, is_commit, origin_of, is_etag, quote, shown
from ._store import FileFacts, is_sound
from ._values import STANDARD_ENDPOINT

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from typing import Any, Literal, NamedTuple

    from ._auth.account import Account
    from ._config import Config
    from ._mirrors import Endpoint
    from ._modelscope import Listing
    from ._names import Repo
    from ._native import Limits, Result, Want
    from ._show.progress import Meter
else:
    from ._record import NamedTuple

INFO_BYTES_MAX = 64 << 20  # one answer of the API; the largest seen (a repository of 100 000 files) is 20 MB
INFO_VALUES_MAX = 4_000_000  # in one: of `{},` 64 MiB would become 1.4 GB of objects; 100 000 files are 0.3 million
TREE_FILES_MAX = 1_000_000
MANY_FILES = 50  # worth several connections: fewer are asked for over one within a round trip
TREE_PAGES_MAX = 20_000
HURRIED_TRIES = 2  # where another endpoint can be asked
LISTING_WAIT_MS = 3000  # for a mirror's list of files, which only makes the download faster

_TOKEN_GOES_ALONG = "a token goes along with this call"
_NOT_PUBLIC = "this repository is private or gated"
_ABOUT_ACCOUNTS = (errors.GateNotAccepted, errors.TokenLacksScope, errors.RepoNotFound)


class Ask(NamedTuple):
    """One wanted file and what it is called, for messages. `filename` is empty for questions to the API."""

    want: Want
    filename: str
    revision: str


class Flight(NamedTuple):
    """Files that are being fetched: between `Hub.start` and `Hub.finish`, or `stop`."""

    asks: Sequence[Ask]
    limits: Limits
    job: _transport.Running

    @property
    def left(self) -> int:
        """Bytes of all of them that are not on the disk yet, as far as sizes are known."""
        return max(sum(ask.want.get("size", 0) for ask in self.asks) - self.job.landed(), 0)

    def stop(self) -> None:
        """They are not wanted any more; what was received is kept. Nothing, after finish."""
        self.job.stop()


class Hub:
    """One repository on one hub and its mirrors, as one call sees it: endpoints, token, extra headers.

    Every request of the call goes through `fetch`, so a token that is asked for is looked for once and in one place. Questions whose
    answer is believed go to the first endpoint; to another one only where that cannot be asked (_mirrors).
    """

    def __init__(
        self,
        repo: Repo,
        config: Config,
        token: Token | str | bool | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.repo, self.config = repo, config
        self.line = Line(config, repo)
        extra = {name.lower(): value for name, value in (headers or {}).items()}
        self._own_auth = extra.pop("authorization", None)  # a caller's header wins over any token
        self._headers = list(extra.items())
        # ModelScope does not know a hub's tokens, so it is not shown any.
        own = self._own_auth or self.line.first.modelscope
        self._credentials = Credentials(False if own else token, config, f"{repo.type}/{repo.id}")
        if self._own_auth or token is True or isinstance(token, str | Token):
            self.line.closed = _TOKEN_GOES_ALONG
        self._token: Token | None = None
        self._account: list[Account | None] = []  # whose it is, when that was asked; None: the hub did not say
        self._first_done = False
        self._is_public = False  # the hub shows it to everybody, as it said
        self.gated = False  # files want a token, although the API answers without
        self.gate = ""  # of which sort: "auto", "manual", "yes" where the hub does not say
        self.licence: str | None = None  # as the card says it: "apache-2.0"
        self.asked_info = False  # whether the two are known
        self._asked = DEFAULT_REVISION  # the revision that was asked for, by its name
        self._listings: dict[Endpoint, Listing | None] = {}  # of ModelScope; None: there is none to be had
        self._listing_flights: dict[Endpoint, tuple[str, Flight]] = {}
        self._many = 0  # files, if there are so many that connections are worth opening before they are asked for

    # --- URLs and requests
    # ---------------------------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        """The one that is asked now."""
        return self.line.now.url

    @property
    def believed(self) -> bool:
        """Whether what was answered is the first endpoint's word, and may be kept."""
        return self.line.on_first

    def file_url(self, revision: str, filename: str) -> str:
        """Where a file is asked for, by the first endpoint's way of saying it if the one asked now does not have it."""
        return self._file_url_at(self.line.now, revision, filename, None) or self._first_url(revision, filename)

    @property
    def page(self) -> str:
        """The repository's page for people."""
        return self.line.now.page()

    def want(self, url: str, why: str) -> Want:
        """A request with this call's headers, which are for the first endpoint only; the token is added by `fetch`."""
        return {"url": url, "why": why, "headers": self._headers if self.line.on_first else []}

    def file_want(self, revision: str, filename: str, facts: FileFacts | None = None) -> Want:
        """A file of this revision, from wherever it can be had. `facts`: what the listing says of it."""
        if facts is not None:
            self._find_token()  # whether mirrors may hear of it
        others = self.line.mirrors()
        if self.line.on_first and not others:
            return self.want(self.file_url(revision, filename), "resolve")
        urls = [self._file_url_at(one, revision, filename, facts) for one in (self.line.now, *others)]
        there = [url for url in urls if url is not None] or [self._first_url(revision, filename)]
        want = self.want(there[0], "resolve")
        if len(there) > 1:
            want["mirrors"] = there[1:]
        return want

    def _first_url(self, revision: str, filename: str) -> str:
        return self.repo.file_url(self.line.first.url, revision, filename)

    def _file_url_at(self, there: Endpoint, revision: str, filename: str, facts: FileFacts | None) -> str | None:
        """None: it does not have this file, as far as is known."""
        if not there.modelscope:
            return there.repo.file_url(there.url, revision, filename)
        from . import _modelscope

        listing = self._listing_at(there) if facts is not None else self._listings.get(there)
        found = listing.tree.get(filename) if listing is not None else None
        if listing is None or found is None:
            return None
        if facts is not None and (found.size != facts.size or facts.lfs_sha256 not in (None, found.etag)):
            return None  # another content
        return _modelscope.file_url(there.url, there.repo.id, listing.branch, filename)

    def fetch(self, asks: Sequence[Ask], limits: Limits, meter: Meter | None = None) -> list[Result]:
        """Runs them as one job. Those that were refused for want of a token run again with one, if one is to be had.

        A failed result's error is of the class, and has the advice, that fits what the hub said.
        """
        return self.finish(self.start(asks, limits), meter)

    def start(self, asks: Sequence[Ask], limits: Limits) -> Flight:
        """The first half of `fetch`: the job runs, and the caller does something else meanwhile."""
        self._find_token()
        # Without a token a 429 is an answer too: known users have a quota of their own. With one it is waited out.
        limited_fails = not self.has_token or limits.get("tries") == HURRIED_TRIES
        return Flight(asks, limits, self._start(asks, limits, limited_fails=limited_fails))

    def _find_token(self) -> None:
        if not self._first_done:
            self._first_done = True
            self._token = self._credentials.first()
            if self._token is not None and not self._is_public:
                self.line.closed = _TOKEN_GOES_ALONG

    def finish(self, flight: Flight, meter: Meter | None = None) -> list[Result]:
        """The second half of `fetch`."""
        asks, limits = flight.asks, flight.limits
        results = flight.job.finish(meter)
        again = [i for i, result in enumerate(results) if self._asks_for_token(result)]
        if again:
            refused = any(not isinstance(_transport.error_of(results[i]), errors.RateLimited) for i in again)
            if any(getattr(_transport.error_of(results[i]), "hub_code", None) == "GatedRepo" for i in again):
                self.gate = self.gate or "yes"
            self._token = self._credentials.asked()
            if self._token is None:
                again = [i for i in again if isinstance(_transport.error_of(results[i]), errors.RateLimited)]
            elif refused:
                self.line.closed = _TOKEN_GOES_ALONG
            hurried = limits.get("tries") == HURRIED_TRIES  # then the next endpoint is asked, instead of waiting
            if self._token is not None or not hurried:
                second = self._start([_elsewhere(asks[i], results[i]) for i in again], limits, limited_fails=hurried)
                for i, result in zip(again, second.finish(meter), strict=True):
                    results[i] = result
        for ask, result in zip(asks, results, strict=True):
            error = _transport.error_of(result)
            if isinstance(error, HubjetError):
                result["error"] = self._refined(error, ask)
            if meter is not None:
                meter.took(ask.filename, ask.want, result)
        if any(ask.want.get("mirrors") for ask in asks):
            self._say_who_brought(results)
        return results

    def _say_who_brought(self, results: Sequence[Result]) -> None:
        brought: dict[str, int] = {}
        expelled: dict[str, str] = {}
        for result in results:
            for source in result["sources"]:
                brought[source["origin"]] = brought.get(source["origin"], 0) + source["bytes"]
                if source["expelled"]:
                    expelled[source["origin"]] = source["expelled"]
        said = (f"{n} bytes from {origin}" + (f" (not asked further: {expelled[origin]})" if origin in expelled else "")
                for origin, n in brought.items())
        _trace.info(f"{self.repo.id}: {', '.join(said)}")

    def _start(self, asks: Sequence[Ask], limits: Limits, *, limited_fails: bool = False) -> _transport.Running:
        auth = self._own_auth or (self._token.header() if self._token is not None else None)
        first = self.line.first.url
        common: Want = {"auth": auth, "auth_origin": first, "limited_fails": limited_fails}
        if auth is not None and not self._is_public:
            common["mirrors"] = []
        wants: list[Want] = [{**ask.want, **common} for ask in asks]
        if not self.line.on_first:
            for want in wants:
                if origin_of(want["url"]) != origin_of(first):
                    want["auth"] = None  # the extension would not send it there either
        return _transport.Running(wants, limits, self.config, [ask.filename for ask in asks])

    def _asks_for_token(self, result: Result) -> bool:
        error = _transport.error_of(result)
        if self.has_token or not self.line.on_first or not isinstance(error, HubjetError) or error.portal is not None:
            return False  # a firewall's refusal is not the hub's question
        if isinstance(error, errors.AccessDenied):
            return origin_of(error.url or self.endpoint) == origin_of(self.endpoint)  # not the content network's 403
        return error.hub_code == "RepoNotFound" or isinstance(error, errors.RateLimited)

    # --- questions to the API
    # --------------------------------------------------------------------------------------------------

    def commit_of(self, revision: str, *, quick: bool = False, known: str | None = None) -> str:
        """The commit the name points to now: one request. Afterwards `gated` is known.

        `known`: what it pointed to when it was last looked up. A mirror that does not have that commit is behind, and is passed over.
        """
        commit: str = self._somewhere(lambda: self._commit_here(revision, quick, known), quick)
        return commit

    def _somewhere(self, question: Callable[[], Any], quick: bool = False) -> Any:
        """The answer of the first endpoint, or, where that cannot be asked, of the next one that answers."""
        self._find_token()
        self.line.begin()
        while True:
            try:
                answer = question()
            except HubjetError as error:
                final = self.line.turn(error, quick=quick)
                if final is error:
                    raise
                if final is not None:
                    raise final from None
                continue
            self.line.answered()
            return answer

    def _commit_here(self, revision: str, quick: bool, known: str | None) -> str:
        self._asked = revision
        there = self.line.now
        if there.modelscope:
            commit = self._listing_of(there, revision).commit
        else:
            commit = self._commit_at_hub(there, revision, quick)
        if not self.line.on_first and known not in (None, commit):
            self._check_is_not_behind(there, known or "")
        return commit

    def _commit_at_hub(self, there: Endpoint, revision: str, quick: bool) -> str:
        url = f"{there.url}/api/{there.repo.api}/revision/{quote(revision)}"
        info = self._json(url, self._ask_api(url, revision, quick=quick))[0]()
        commit = info.get("sha") if isinstance(info, dict) else None
        if not isinstance(commit, str) or not is_commit(commit):
            raise self._nonsense(url, "the answer has no commit in 'sha'")
        if self.line.on_first:
            self.gated = bool(info.get("gated"))
            self.gate = str(info["gated"]) if info.get("gated") in ("auto", "manual") else "yes" if self.gated else ""
            self.licence, self.asked_info = _licence_of(info), True
            private = info.get("private")  # hubs that do not say it show everybody what they answer without a token
            self._is_public = not self.gated and (private is False or (private is None and not self.has_token))
            self.line.closed = "" if self._is_public else _NOT_PUBLIC
        siblings = info.get("siblings")
        self._many = len(siblings) if isinstance(siblings, list) and len(siblings) >= MANY_FILES else 0
        return commit

    def _check_is_not_behind(self, there: Endpoint, known: str) -> None:
        """A mirror that does not know the version that is here has an older one."""
        try:
            if there.modelscope:
                self._listing_of(there, known)
            else:
                self._commit_at_hub(there, known, True)
        except errors.NotFound as error:
            raise errors.RevisionNotFound(
                f"{there.url} does not know {self.repo.id} as it is here already (commit {known}), so it may be behind",
                url=there.url,
                repo_id=self.repo.id,
                repo_type=self.repo.type,
                revision=known,
            ) from error

    @property
    def has_token(self) -> bool:
        """Whether the requests of this call carry a token by now."""
        return self._token is not None or self._own_auth is not None

    def account_name(self) -> str | None:
        """Whose the token of this call is; asked once. None: there is none, or the hub does not say."""
        if self._token is None or self.line.first.modelscope or self.config.offline:
            return None
        if not self._account:
            from ._auth import account

            self._account.append(account.ask_aside(self.config, self._token))
        return self._account[0].name if self._account[0] is not None else None

    def tree(self, commit: str, begin: Callable[[dict[str, FileFacts]], None] | None = None) -> dict[str, FileFacts]:
        """Every file of a commit with size and digest: one request per thousand files.

        `begin` is called with those of the first page, if there are more pages, while the second one is on its way.
        """
        asked = [one for one in self.line.mirrors() if one.modelscope]
        for one in asked:
            self._ask_listing(one)
        early = [] if begin is None else [begin]
        try:
            found: dict[str, FileFacts] = self._somewhere(lambda: self._tree_here(commit, early))
            for one in asked:
                self._listing_at(one)
            return found
        finally:
            for _, flight in self._listing_flights.values():
                flight.stop()
            self._listing_flights.clear()

    def _tree_here(self, commit: str, early: list[Callable[[dict[str, FileFacts]], None]]) -> dict[str, FileFacts]:
        there = self.line.now
        if there.modelscope:
            return dict(self._listing_of(there, commit).tree)
        files: dict[str, FileFacts] = {}
        for url, page, more in self._pages(f"{there.url}/api/{there.repo.api}/tree/{commit}?recursive=true&expand=false", commit):
            for entry in page:
                try:
                    if entry["type"] == "file":
                        path, facts = entry["path"], _facts_of(entry)
                        if files.setdefault(path, facts) != facts:
                            raise self._nonsense(url, f"the file list has {cut(path)} twice, with different content")
                except (KeyError, TypeError, AttributeError):
                    raise self._nonsense(url, "an entry of the file list has no path, size or oid") from None
            if len(files) > TREE_FILES_MAX:
                raise self._nonsense(url, f"the file list has more than {TREE_FILES_MAX} files")
            if more and early:
                early.pop()(files)
        return files

    # --- one file whose revision the answer resolves
    # ---------------------------------------------------------------------------------------

    def chain(
        self, revision: str, filename: str, place: Want, limits: Limits, meter: Meter | None = None, known: str | None = None
    ) -> Result:
        """One file, from the first endpoint, or, where that cannot be asked, from the next one that answers. `place`: where it goes,
        and what is here already; `known`: as in commit_of."""
        self._find_token()
        self.line.begin()
        quick = limits.get("tries") == 1
        while True:
            if self.line.on_first and not self.line.first.modelscope:
                ask = Ask({**self.file_want(revision, filename), **place}, filename, revision)
                result = self.fetch([ask], self._hurried(limits), meter)[0]
            else:
                try:
                    result = self._chain_listed(revision, filename, place, limits, meter, known)
                except HubjetError as refusal:
                    result = _without_answer("failed", refusal)
            error = result["error"]
            if error is None:
                self.line.answered()
            if not isinstance(error, HubjetError):
                return result
            # What fails after an answer's head is the engine's matter: it knows the digest then, and the mirrors. In its own time.
            if is_etag(result["etag"]):
                if quick or not self.line.hurried or not isinstance(error, errors.NetworkError):
                    return result
                self.line.patient = True
                continue
            final = self.line.turn(error, quick=quick)
            if final is not None:
                result["error"] = final
                return result

    def _chain_listed(
        self, revision: str, filename: str, place: Want, limits: Limits, meter: Meter | None, known: str | None
    ) -> Result:
        """From a mirror, or ModelScope: first the commit, then the file of that commit."""
        commit = revision if is_commit(revision) else self._commit_here(revision, False, known)
        facts = None
        if self.line.now.modelscope:
            facts = self._tree_here(commit, []).get(filename)
            if facts is None:
                raise errors.EntryNotFound(f"{self.endpoint} has no file {filename!r} in {self.line.now.repo.id}", filename=filename)
        want: Want = {**self.file_want(commit, filename, facts), **place, "commit": commit}
        if facts is not None:
            want["size"], want["digest"] = facts.size, facts.digest
            if place.get("meta_only") or (facts.etag in place.get("held", ()) and not place.get("force")):
                known_already = _without_answer("meta" if place.get("meta_only") else "held", None)
                known_already["commit"], known_already["etag"], known_already["size"] = commit, facts.etag, facts.size
                return known_already
        result = self.fetch([Ask(want, filename, commit)], self._hurried(limits), meter)[0]
        result["commit"] = result["commit"] or commit
        return result

    def _hurried(self, limits: Limits) -> Limits:
        """Where another endpoint can be asked, this one is not waited for longer than one and a half times a connection's time. The
        count says nothing of that: what time may heal is tried until the time is over (csrc/engine/retry.h)."""
        if not self.line.hurried or limits.get("tries") == 1:
            return limits
        wait_ms = limits.get("connect_ms", 10_000)
        return {**limits, "tries": HURRIED_TRIES, "stall_ms": min(limits.get("stall_ms", wait_ms), wait_ms), "give_up_ms": wait_ms * 3 // 2}

    # --- ModelScope
    # --------------------------------------------------------------------------------------------------------

    def _listing_of(self, there: Endpoint, revision: str) -> Listing:
        """What it has under this name, or commit of its own."""
        from . import _modelscope

        kept = self._listings.get(there)
        branch = _modelscope.branch_of(revision)
        if kept is not None and revision in (kept.commit, kept.branch):
            return kept
        url = _modelscope.listing_url(there.url, there.repo.id, branch)
        listing = self._read_listing(there, url, branch, self._ask_api(url, revision))
        self._listings[there] = listing
        return listing

    def _read_listing(self, there: Endpoint, url: str, branch: str, flight: Flight) -> Listing:
        from . import _modelscope

        document = self._json(url, flight)[0]()
        try:
            listing = _modelscope.read_listing(document, branch)
        except ValueError as error:
            raise self._nonsense(url, str(error)) from None
        if listing is None:
            raise errors.RevisionNotFound(
                f"{there.url} has no revision {branch!r} of {there.repo.id}",
                url=shown(url),
                repo_id=self.repo.id,
                repo_type=self.repo.type,
                revision=branch,
            )
        return listing

    def _ask_listing(self, there: Endpoint) -> None:
        """Lets the list of files set out, which will say whether that mirror has the same files."""
        from . import _modelscope

        if there in self._listings or there in self._listing_flights:
            return
        branch = _modelscope.branch_of(self._asked if not is_commit(self._asked) else DEFAULT_REVISION)
        url = _modelscope.listing_url(there.url, there.repo.id, branch)
        limits = {**_transport.limits(self.config, quick=True), "give_up_ms": LISTING_WAIT_MS}
        want: Want = {"url": url, "why": "api", "headers": [], "memory": INFO_BYTES_MAX}
        self._listing_flights[there] = branch, self.start([Ask(want, "", branch)], limits)  # type: ignore[arg-type]

    def _listing_at(self, there: Endpoint) -> Listing | None:
        """What a mirror has; None if that is not to be had: then it brings nothing."""
        if there not in self._listings:
            self._ask_listing(there)
            branch, flight = self._listing_flights.pop(there)
            try:
                self._listings[there] = self._read_listing(there, flight.asks[0].want["url"], branch, flight)
            except HubjetError as error:
                self.line.note(there, error)
                _trace.info(f"{there.url} brings nothing of {self.repo.id}: {str(error).partition(chr(10))[0]}")
                self._listings[there] = None
            finally:
                flight.stop()
        return self._listings[there]

    def listed(self, paths: Iterable[str], reserved: str = "") -> list[str]:
        """Chosen paths of a listing, each fit to be a file's, none below the folder `reserved`. One that is not ends the call
        before anything is fetched."""
        chosen = list(paths)
        known = set(chosen)
        for path in chosen:
            fault = fault_of(path) or fault_in(path, reserved)
            folder = path.rpartition("/")[0]
            while folder and not fault:
                fault = f"{cut(folder)} would be a file and a folder" if folder in known else ""
                folder = folder.rpartition("/")[0]
            if fault:
                raise errors.ProtocolError(
                    explain(
                        f"{self.repo.id} has a file that cannot be written here: {cut(path)}",
                        because=fault,
                        done="nothing of it was fetched or written, and the call ends here",
                        do=f"choose without it (ignore_patterns, --exclude), and tell its owners: {self.page}",
                    ),
                    filename=path,
                    repo_id=self.repo.id,
                    repo_type=self.repo.type,
                )
        return chosen

    def _pages(self, url: str, revision: str) -> Iterator[tuple[str, list[Any], bool]]:
        """Each page, and whether another one follows: that one is asked for before this one is read."""
        flight = self._ask_api(url, revision)
        seen = {url}
        try:
            while len(seen) <= TREE_PAGES_MAX:
                asked = url
                read, headers = self._json(url, flight)
                following = next_link(headers.get("link", ""))
                if following:
                    url = self._next_page(url, following)
                    if url in seen:
                        raise self._nonsense(url, "the file list leads in circles")
                    seen.add(url)
                    flight = self._ask_api(url, revision)
                page = read()
                if not isinstance(page, list):
                    raise self._nonsense(asked, "the file list is no list")
                if following and not page:
                    raise self._nonsense(asked, "a page of the file list is empty, and another one follows")
                yield asked, page, bool(following)
                if not following:
                    return
            raise self._nonsense(url, f"the file list has more than {TREE_PAGES_MAX} pages")
        finally:
            flight.stop()

    def _next_page(self, url: str, following: str) -> str:
        """The next page may only lie on this hub: the token goes along."""
        from urllib.parse import urljoin

        try:
            return self._same_origin(urljoin(url, following))
        except ValueError:  # also BadName
            raise self._nonsense(url, "the link to the next page of the file list is no address") from None

    def _same_origin(self, url: str) -> str:
        if origin_of(url) == origin_of(self.endpoint):
            return url
        if origin_of(url) == origin_of(STANDARD_ENDPOINT):  # a mirror that passes the hub's own links on
            return self.endpoint + url.removeprefix(STANDARD_ENDPOINT)
        raise self._nonsense(url, "the next page of the file list would be on another host; it was not asked")

    def _ask_api(self, url: str, revision: str, *, quick: bool = False) -> Flight:
        ask = Ask({**self.want(url, "api"), "memory": INFO_BYTES_MAX, "many": self._many}, "", revision)
        return self.start([ask], self._hurried(_transport.limits(self.config, quick=quick)))

    def _json(self, url: str, flight: Flight) -> tuple[Callable[[], Any], dict[str, str]]:
        """The answer's headers, and what reads its body."""
        result = self.finish(flight)[0]
        if result["error"] is not None:
            raise result["error"]

        body = result["body"] or b""
        if sum(map(body.count, (b",", b"[", b"{"))) > INFO_VALUES_MAX:
            raise self._nonsense(url, f"the answer has more than {INFO_VALUES_MAX} values")

        def read() -> Any:
            import json

            try:
                return json.loads(body)
            except (ValueError, RecursionError):
                raise self._no_json(url, result) from None

        return read, result["headers"]

    def _no_json(self, url: str, result: Result) -> errors.ProtocolError:
        from . import _advice

        page = _advice.page_of(result["body"], result["headers"].get("content-type", ""))
        if page is None:
            return self._nonsense(url, "the answer is not JSON")
        from_url = result["url"] or url
        advice = _advice.PORTAL.format(host=origin_of(from_url).partition("://")[2].rpartition(":")[0])
        return errors.ProtocolError(
            explain(f"a page for people answered in place of {self.endpoint}", asked=shown(url), came_from=shown(from_url),
                    page=f"{page.title}: {page.begins}", do=advice),
            code="PORTAL", url=shown(from_url), portal=page.title, advice=advice, repo_id=self.repo.id, repo_type=self.repo.type,
        )  # fmt: skip

    def _nonsense(self, url: str, what: str) -> errors.ProtocolError:
        return errors.ProtocolError(
            explain(
                f"{self.endpoint} does not answer like a hub",
                asked=shown(url),
                happened=what,
                do="check HF_ENDPOINT, the proxy and the firewall"
                if self.endpoint != STANDARD_ENDPOINT
                else "try again later",
            ),
            url=shown(url),
            repo_id=self.repo.id,
            repo_type=self.repo.type,
        )

    # --- refusals
    # --------------------------------------------------------------------------------------------------------------

    def no_commit(self, url: str) -> errors.ProtocolError:
        """An answer to a file request that does not say which commit it belongs to."""
        return self._nonsense(url, "the answer has no X-Repo-Commit header, so it is not known which version this is")

    def _refined(self, error: HubjetError, ask: Ask) -> HubjetError:
        """The error as this repository's caller needs it. The order of the questions is the stock client's."""
        from ._refusal import Asked, meaning

        sent = bool(self._own_auth or self._credentials.origin)
        refusal = meaning(error, Asked(self.endpoint, self.repo.id, self.repo.type, self.page, ask.revision, ask.filename, sent))
        facts = {**error.__dict__, "repo_id": self.repo.id, "repo_type": self.repo.type, "revision": ask.revision}
        facts["filename"] = ask.filename or None
        facts["token_origin"] = self._credentials.origin or None
        if refusal is None:
            error.__dict__.update(facts)
            if ask.filename:
                error.add_line("wanted", f"{ask.filename} of {self.repo.id} ({ask.revision})")
            return error
        kind, headline, page, advice = refusal
        if kind is errors.TokenRefused:
            refused(self._credentials.origin)
        answer = f"{error.status or ''} {error.hub_code or ''}".strip()
        refined = kind("", **{**facts, "page": page, "advice": advice})
        message = explain(
            headline,
            wanted=f"{ask.filename or 'the repository'}, revision {ask.revision}",
            answered=f"{answer}: {error.server_message}" if error.server_message else answer,
            token=self._token_story() if issubclass(kind, errors.AccessDenied | errors.RepoNotFound) else "",
            **self._account_story(refined),
            do=advice,
        )
        refined.args = (message,)
        refined.__cause__ = error
        return refined

    def _account_story(self, error: HubjetError) -> dict[str, str]:
        """Whose token was refused, and what it lacks: one more question to the hub, once a call."""
        if self._token is None or not isinstance(error, _ABOUT_ACCOUNTS) or not self.line.on_first or self.line.first.modelscope:
            return {}
        from ._auth import account

        if not self._account:
            self._account.append(account.ask_aside(self.config, self._token))
        gated = error.hub_code == "GatedRepo" or "gated" in (error.server_message or "").lower()
        return account.lines_for(error, self._account[0], self.repo.id, gated=gated)

    def _token_story(self) -> str:
        if self._own_auth:
            return "the Authorization header that was passed"
        return (
            f"from {self._credentials.origin}"
            if self._credentials.origin
            else f"none sent ({self._credentials.why_none})"
        )


def _elsewhere(ask: Ask, result: Result) -> Ask:
    """Whoever has used up a hub's quota does not wait for it where a mirror has the same bytes."""
    want = ask.want
    mirrors = want.get("mirrors")
    if not mirrors or want.get("digest") is None or not isinstance(result["error"], errors.RateLimited):
        return ask
    return Ask({**want, "url": mirrors[0], "mirrors": [*mirrors[1:], want["url"]], "headers": []}, ask.filename, ask.revision)


def _without_answer(status: Literal["held", "meta", "failed"], error: HubjetError | None) -> Result:
    """A file's end for which nobody was asked for the file itself."""
    return {
        "status": status,
        "error": error,
        "http_status": 0,
        "headers": {},
        "url": "",
        "etag": None,
        "size": -1,
        "commit": None,
        "digest": None,
        "sha256": None,
        "path": None,
        "link": None,
        "body": None,
        "excerpt": None,
        "from_net": 0,
        "held": 0,
        "requests": 0,
        "sources": [],
        "seconds": 0.0,
    }


def next_link(header: str) -> str | None:
    """The URL of `<...>; rel="next"` in a Link header."""
    if not header:
        return None
    import re

    for target, parameters in re.findall(r"<([^>]*)>([^<]*)", header):
        if re.search(r"""\brel\s*=\s*["']?next\b""", parameters):
            return str(target)
    return None


def _licence_of(info: Mapping[str, Any]) -> str | None:
    card, tags = info.get("cardData"), info.get("tags")
    said = card.get("license") if isinstance(card, dict) else None
    if isinstance(said, list) and said:
        said = said[0]
    for tag in tags if isinstance(tags, list) else ():
        if said is None and isinstance(tag, str) and tag.startswith("license:"):
            said = tag.removeprefix("license:")
    return errors.harmless(said)[:100] if isinstance(said, str) and said else None


def _facts_of(entry: Mapping[str, Any]) -> FileFacts:
    lfs = entry.get("lfs") or {}
    facts = FileFacts(entry["size"], entry["oid"], lfs.get("oid"), lfs.get("size"), entry.get("xetHash"))
    if not isinstance(entry["path"], str) or not is_sound(facts):
        raise TypeError
    return facts
