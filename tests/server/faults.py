"""Faults: rules by which a server misbehaves, and the brakes a test can hold a download with.

Use:        `w.fault("cdn", "model.safetensors", "drop", n=1000, times=1)`, or in the url itself:
            `/f/drop=1000,once/files/m.bin` (python servers). `w.gate(glob)`, `w.pace(rate)`.

            A glob (fnmatch, `*` also matches `/`) is tried against each name of what is asked for: the
            decoded url path, the file's path in its repo, `org/name/path`, and for objects the sha256.

            behaviour         option=default      what happens
            corrupt           at=middle           same size, the byte at this file offset is flipped
            truncate          n=half              right Content-Length, connection closed after n bytes
            short             n=1                 Content-Length smaller by n, and so is the body
            drop              n=half              connection reset after n bytes
            stall             n=half              silence after n bytes; connection stays open
            slow              rate=65536          bytes per second
            gzip              if_asked=False      Content-Encoding: gzip, chunked, whole file
            wrong_range       shift=1 total=      206 for another range (or another total) than asked
            ignore_range                          200 with the whole file
            no_range_support                      the same, and no Accept-Ranges
            etag_change       n=2 content=False   from the n-th request another ETag (and other bytes)
            expired           uses=0              each signed url works `uses` times, then 403
            status            code=500 headers= body=
            rate429           retry_after=1       429; a number, a date or None
            redirect_loop     code=302            to itself
            redirect_to       url= code=302
            headers           set={} drop=()      a healthy answer with other headers
            endless_headers   n=16777216          so many bytes of headers, never a body
            wire              how= when="any" args={}   byte by byte, as wire.py's function of that name says

            Every rule takes times=N (then healthy; None: always) and skip=N (let the first N pass).
            stall and drop take at="headers" (before the status line). Rules are tried in the order they were set, the
            first that applies acts alone: times=1, then another rule, is a script. A rule that can't
            apply (a body fault on a redirect, ignore_range without a Range) is not used up.
Threads:    any.
Not here:   what the bytes look like (answer), the sockets (origin).
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Callable, Iterable
from urllib.parse import unquote

# When a rule can apply: to any answer; to one with body bytes; to a file; to a file asked by Range.
ANY, BODY, FILE, RANGE = "any", "body", "file", "range"

KINDS: dict[str, tuple[str, dict[str, Any]]] = {  # behaviour: (when, options; the first is the url's value)
    "corrupt": (BODY, {"at": None}),
    "truncate": (BODY, {"n": None}),
    "short": (BODY, {"n": 1}),
    "drop": (BODY, {"n": None, "at": "body"}),
    "stall": (BODY, {"n": None, "at": "body"}),
    "slow": (BODY, {"rate": 65536}),
    "gzip": (BODY, {"if_asked": False}),
    "wrong_range": (RANGE, {"shift": 1, "total": None}),
    "ignore_range": (RANGE, {}),
    "no_range_support": (FILE, {}),
    "etag_change": (FILE, {"n": 2, "content": False}),
    "expired": (FILE, {"uses": 0}),
    "status": (ANY, {"code": 500, "headers": {}, "body": b""}),
    "rate429": (ANY, {"retry_after": 1}),
    "redirect_loop": (ANY, {"code": 302}),
    "redirect_to": (ANY, {"url": "", "code": 302}),
    "headers": (ANY, {"set": {}, "drop": ()}),
    "endless_headers": (ANY, {"n": 16 << 20}),
    "wire": (ANY, {"how": "", "when": ANY, "args": {}}),
}


@dataclass
class Rule:
    """One rule. `hits` counts how often it acted; `remove()` ends it."""

    origin: str
    glob: str
    behaviour: str
    options: dict[str, Any]
    times: int | None = None
    skip: int = 0
    hits: int = 0
    seen: int = 0
    uses: dict[str, int] = field(default_factory=dict)  # expired: by signature

    def __post_init__(self) -> None:
        if self.origin not in ("hub", "cdn"):
            raise ValueError(f"origin {self.origin!r}: hub or cdn")
        if self.behaviour not in KINDS:
            raise ValueError(f"no behaviour {self.behaviour!r}; there are {', '.join(KINDS)}")
        self.when, defaults = KINDS[self.behaviour]
        unknown = set(self.options) - set(defaults)
        if unknown:
            raise ValueError(f"{self.behaviour} has no option {', '.join(sorted(unknown))}")
        self.options = {**defaults, **self.options}
        if self.options.get("at") == "headers":
            self.when = ANY
        if self.behaviour == "wire":
            self.when = self.options["when"]

    @property
    def live(self) -> bool:
        return self.times is None or self.hits < self.times

    def matches(self, origin: str, names: Iterable[str]) -> bool:
        return self.live and self.origin == origin and any(fnmatchcase(name, self.glob) for name in names)

    def remove(self) -> None:
        self.times = self.hits


@dataclass(frozen=True)
class Case:
    """What is about to be answered, as far as rules care."""

    names: tuple[str, ...]
    is_get: bool
    status: int
    size: int
    is_file: bool
    range: tuple[int, int] | None  # first and last+1, of the file
    signature: str = ""
    asks_gzip: bool = False

    def allows(self, rule: Rule) -> bool:
        has_body = self.is_get and self.size > 0 and self.status == 200
        if rule.when == ANY:
            return True
        if rule.when == RANGE:
            return has_body and self.range is not None
        if rule.when == FILE:
            return self.is_file
        at = rule.options.get("at")
        if rule.behaviour == "corrupt" and at is not None:
            first, end = self.range or (0, self.size)
            return has_body and first <= at < end
        return has_body and not (rule.options.get("if_asked") and not self.asks_gzip)


class Chaos:
    """Answers that go wrong at random: a share of `rate` of them, each by one of `choices` (behaviour, options).

    Which ones depends on the seed, the path, and how often it was asked: not on how the threads of a server meet.
    """

    def __init__(self, seed: int, rate: float, choices: list[tuple[str, dict[str, Any]]]) -> None:
        self.seed, self.rate, self.choices = seed, rate, choices
        self.lock = threading.Lock()
        self.asked: dict[str, int] = {}
        self.counted: Counter[str] = Counter()

    def draw(self, origin: str, case: Case) -> Rule | None:
        path = case.names[0] if case.names else ""
        with self.lock:
            number = self.asked[path] = self.asked.get(path, 0) + 1
        dice = random.Random(f"{self.seed} {origin} {path} {number}")
        if dice.random() >= self.rate:
            return None
        for behaviour, options in dice.sample(self.choices, len(self.choices)):
            rule = Rule(origin, "*", behaviour, options)
            if case.allows(rule):
                with self.lock:
                    self.counted[f"{behaviour} {options}"] += 1
                return rule
        return None


class Faults:
    """The rules of one World."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.rules: list[Rule] = []
        self.chaos: Chaos | None = None  # beside the rules
        self.by_url: dict[tuple[str, str], Rule] = {}

    def add(
        self, origin: str, glob: str, behaviour: str, times: int | None, skip: int, options: dict[str, Any]
    ) -> Rule:
        rule = Rule(origin, glob, behaviour, options, times, skip)
        with self.lock:
            self.rules.append(rule)
        return rule

    def clear(self) -> None:
        with self.lock:
            self.rules.clear()
            self.by_url.clear()

    def concern(self, origin: str, names: Iterable[str]) -> bool:
        """Whether any rule could still act on this: the hub then sends clients to the python CDN."""
        names = tuple(names)
        with self.lock:
            return self.chaos is not None or any(rule.matches(origin, names) for rule in self.rules)

    def pick(self, origin: str, case: Case, from_url: Rule | None = None) -> Rule | None:
        """The rule that acts on this answer, used up by one."""
        with self.lock:
            candidates = [from_url] if from_url and from_url.live else []
            candidates += [rule for rule in self.rules if rule.matches(origin, case.names)]
            for rule in candidates:
                if case.allows(rule) and self._due(rule, case):
                    rule.hits += 1
                    return rule
        return self.chaos.draw(origin, case) if self.chaos is not None else None

    def _due(self, rule: Rule, case: Case) -> bool:
        rule.seen += 1
        if rule.seen <= rule.skip:
            return False
        if rule.behaviour == "etag_change":
            return bool(rule.seen - rule.skip >= rule.options["n"])
        if rule.behaviour == "expired":
            used = rule.uses[case.signature] = rule.uses.get(case.signature, 0) + 1
            return bool(used > rule.options["uses"])
        return True

    def url_rule(self, origin: str, spec: str) -> Rule:
        """The rule written in a url. It keeps its state between requests, keyed by its own text:
        `drop=1000,once,key=2` is another rule than `drop=1000,once`."""
        with self.lock:
            rule = self.by_url.get((origin, spec))
            if rule is None:
                rule = self.by_url[origin, spec] = parse_spec(origin, spec)
            return rule


def split_fault(path: str) -> tuple[str, str]:
    """"/f/drop=1000,once/m/x.bin" -> ("drop=1000,once", "/m/x.bin")"""
    if not path.startswith("/f/"):
        return "", path
    spec, _, rest = path[3:].partition("/")
    return spec, "/" + rest


def parse_spec(origin: str, spec: str) -> Rule:
    first, *others = unquote(spec).split(",")
    behaviour, _, value = first.partition("=")
    if behaviour not in KINDS:
        raise ValueError(f"no behaviour {behaviour!r}; there are {', '.join(KINDS)}")
    options: dict[str, Any] = {}
    if value:
        options[next(iter(KINDS[behaviour][1]))] = number_or_text(value)
    times, skip = None, 0
    for part in others:
        name, _, value = part.partition("=")
        if name == "once":
            times = 1
        elif name == "times":
            times = int(value)
        elif name == "skip":
            skip = int(value)
        elif name != "key":
            options[name] = number_or_text(value) if value else True
    return Rule(origin, "*", behaviour, options, times, skip)


def number_or_text(text: str) -> int | str:
    return int(text) if text.lstrip("-").isdigit() else text


class Gate:
    """Holds back the bodies of matching files: all of them together get so many bytes, then wait.

    `wait_reached(n)` lets n bytes (in all) through and returns when the client's kernel has them; `open()`
    lets everything through. A body that waits here notices when its client goes away.
    """

    def __init__(self, glob: str, limit: int = 0) -> None:
        self.glob = glob
        self.limit: int | None = limit
        self.taken = 0  # promised to a connection
        self.sent = 0  # acknowledged by the client's side
        self.changed = threading.Condition()

    def matches(self, names: Iterable[str]) -> bool:
        return self.limit is not None and any(fnmatchcase(name, self.glob) for name in names)

    def wait_reached(self, nbytes: int, timeout: float = 30) -> int:
        """Bytes that went through so far: nbytes, or more if more had passed already."""
        with self.changed:
            if self.limit is not None and self.limit < nbytes:
                self.limit = nbytes
                self.changed.notify_all()
            if not self.changed.wait_for(lambda: self.sent >= nbytes, timeout):
                raise TimeoutError(f"gate {self.glob!r}: {self.sent} of {nbytes} bytes passed in {timeout} s")
            return self.sent

    def open(self) -> None:
        with self.changed:
            self.limit = None
            self.changed.notify_all()

    def take(self, want: int, pause: float) -> tuple[int, bool]:
        """For the server: (bytes that may be sent now, whether the gate is then shut). (0, True) after `pause` s."""
        with self.changed:
            self.changed.wait_for(lambda: self.limit is None or self.taken < self.limit, pause)
            room = want if self.limit is None else min(want, self.limit - self.taken)
            self.taken += room
            return room, self.limit is not None and self.taken >= self.limit

    def passed(self, nbytes: int, promised: int) -> None:
        """Of `promised` bytes taken, `nbytes` arrived; the rest may be taken again."""
        with self.changed:
            self.taken -= promised - nbytes
            self.sent += nbytes
            self.changed.notify_all()


class Pace:
    """A speed limit, for each connection and for all together. None: as fast as it goes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.lock = threading.Lock()
        self.rate: float | None = None
        self.total: float | None = None
        self.total_free_at = 0.0

    def set(self, rate: float | None, total: float | None) -> None:
        with self.lock:
            self.rate, self.total = rate, total

    @property
    def on(self) -> bool:
        return self.rate is not None or self.total is not None

    def piece(self, rate: float | None) -> int:
        """Bytes to send between two looks at the clock: a 20th of a second's worth."""
        slowest = min((r for r in (rate, self.rate, self.total) if r), default=None)
        return 1 << 18 if slowest is None else max(1, min(1 << 18, int(slowest / 20)))

    def book(self, nbytes: int, began: float, sent: int, rate: float | None) -> float:
        """Book nbytes more of a body; returns the clock's time before which they must not go."""
        with self.lock:
            now = due = self.clock()
            for own in (self.rate, rate):
                if own:
                    due = max(due, began + sent / own)
            if self.total:
                start = max(self.total_free_at, now)
                self.total_free_at = start + nbytes / self.total
                due = max(due, start)
            return due
