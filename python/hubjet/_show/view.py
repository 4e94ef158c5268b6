"""How far a download is, in numbers: what the looks at its jobs mean. Pure: the clock is an argument. Imports _record, _words.

    gauge = Gauge("org/model", files=7)
    gauge.feed(now, look)       # each look, ten times a second
    gauge.view(now)             # a View, whenever somebody wants to see one
"""

from __future__ import annotations

from math import exp

from .. import _words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any, NamedTuple
else:
    from .._record import NamedTuple

SHOWN_TAU_S = 3.0  # the rate that is shown forgets in seconds
ETA_TAU_S = 12.0  # what is to come is reckoned from a longer time
ETA_AFTER_S = 1.0  # before, it would only jump
STILL_S = 3.0  # without a byte for so long is worth a word
SMALL_FILE = 256 << 10  # of files that small the count says more than the bytes


class Pace:
    """A count per second, smoothed: the weight of what came falls by e in `tau_s`. Right from the first moment: it begins as the mean."""

    def __init__(self, tau_s: float) -> None:
        self._tau = tau_s
        self._at: float | None = None
        self._count = 0.0
        self._sum = self._weight = 0.0

    def feed(self, now: float, count: float) -> None:
        """`count`: all that came until now. What was there at the first call is no speed."""
        if self._at is not None and now > self._at:
            passed = now - self._at
            fade = exp(-passed / self._tau)
            # Spread evenly over the time that passed, each moment with its own weight.
            share = self._tau * (1 - fade) / passed
            self._sum = self._sum * fade + max(count - self._count, 0.0) * share
            self._weight = self._weight * fade + passed * share
        if self._at is None or now > self._at:
            self._at, self._count = now, count

    def rate(self) -> float | None:
        """Per second; None before two moments are known."""
        return self._sum / self._weight if self._weight > 0 else None


class View(NamedTuple):
    """One moment of a download.

    `total` 0: not known yet. `here`: bytes an earlier call had left, part of `done`. rate: bytes per second now; eta_s: seconds to go; None: nobody
    can say. note: what people need to know besides; aside: what they may. ended: "" while it runs, else "done" or "failed".
    """

    name: str
    done: int
    total: int
    here: int = 0
    rate: float | None = None
    eta_s: float | None = None
    files: int = 0
    files_done: int = 0
    connections: int = 0
    seconds: float = 0.0
    note: str = ""
    ended: str = ""
    came: int = 0  # bytes received by this call
    aside: str = ""

    @property
    def share(self) -> float:
        """0 to 1; never 1 before the end."""
        if self.ended == "done":
            return 1.0
        return min(self.done / self.total, 0.999) if self.total else 0.0


class Gauge:
    """Turns looks into views. `files`: of the whole call; `here`: how many of them needed no fetching; `total`: bytes of all that is to be
    fetched, where the plan knows it."""

    def __init__(self, name: str, now: float, *, files: int = 0, here: int = 0, total: int = 0) -> None:
        self.name, self.files, self._files_here, self._planned = name, files, here, total
        self._began = now
        self._look: Mapping[str, Any] = {}
        self._pace, self._long, self._files_pace = Pace(SHOWN_TAU_S), Pace(ETA_TAU_S), Pace(ETA_TAU_S)
        self._elsewhere = self._moved_elsewhere = 0
        self._moved, self._moved_at = (0, 0, 0), now
        self._first_byte: float | None = None
        self._others_at = now - 2 * STILL_S
        self._done = 0

    def feed(self, now: float, look: Mapping[str, Any]) -> None:
        """A look at the job, or the sum of several."""
        self._look = look
        grown = look["elsewhere"] - self._elsewhere
        if grown > 0 and self._elsewhere:  # what another process had when it was first seen is no speed
            self._moved_elsewhere += grown
            self._others_at = now
        self._elsewhere = look["elsewhere"]
        came = look["on_disk"] + self._moved_elsewhere
        moved = (look["from_net"], came, look["proven"])
        if moved != self._moved:
            self._moved, self._moved_at = moved, now
        if self._first_byte is None and came:
            self._first_byte = now
        for pace in (self._pace, self._long):
            pace.feed(now, came)
        self._files_pace.feed(now, look["files_done"])
        self._done = max(self._done, self._landed())

    def _landed(self) -> int:
        there: int = self._look["held"] + self._look["on_disk"] + self._look["elsewhere"]
        return min(there, self._look["size"]) if self._look["size"] else there

    def view(self, now: float, ended: str = "") -> View:
        """How far it is."""
        look = self._look
        if not look:
            return View(self.name, 0, self._planned, files=self.files, files_done=self._files_here, seconds=now - self._began, note=self._first_note(now), ended=ended)
        known = self._planned or not look["sizes_unknown"]
        total = max(self._planned, look["size"]) if known else 0
        done = min(self._done, total) if total else self._done
        rate = self._pace.rate() if self._first_byte is not None else None
        return View(
            self.name, done, total, look["held"], rate, self._eta(now, total, done), self.files, min(self._files_here + look["files_done"], self.files),
            look["connections"], now - self._began, self._note(now, total, done), ended, look["from_net"], self._aside(),
        )  # fmt: skip

    def _eta(self, now: float, total: int, done: int) -> float | None:
        look = self._look
        quota_s: float = look["quota_ms"] / 1000
        if self._first_byte is None or now - self._first_byte < ETA_AFTER_S or not total or now - self._moved_at >= STILL_S:
            return quota_s if quota_s >= 1 else None
        rate = self._long.rate() or 0.0
        if look["limit_rate"]:
            rate = min(rate, look["limit_rate"])
        if rate <= 0:
            return quota_s if quota_s >= 1 else None
        eta = (total - done) / rate
        left = look["files"] - look["files_done"] - look["files_failed"]
        files_rate = self._files_pace.rate()
        if left > 1 and files_rate and (total - done) / left < SMALL_FILE:
            eta = max(eta, left / files_rate)
        return max(eta, quota_s)

    def _first_note(self, now: float) -> str:
        return "asking the hub" if now - self._began < STILL_S else f"asking the hub, no answer for {_words.span(now - self._began)}"

    def _note(self, now: float, total: int, done: int) -> str:
        look = self._look
        still = now - self._moved_at
        if look["quota_ms"] >= 1000:
            return f"waiting {_words.span(look['quota_ms'] / 1000)}: the hub's quota"
        landed = look["held"] + look["on_disk"]
        if total and done >= total and look["proven"] < landed:
            return f"checking {_words.of(look['proven'], landed)}"
        if look["waiting"] and not look["connections"]:
            return "another process fetches it" if now - self._others_at < STILL_S else "waiting for another process"
        if not total and not landed and look["elsewhere"] == 0:
            return self._first_note(now)
        if still >= STILL_S:
            return f"no bytes for {_words.span(still)}"
        return ""

    def _aside(self) -> str:
        look = self._look
        if look["limit_rate"]:
            return f"limit {_words.rate(look['limit_rate'])}"
        if look["polite"]:
            return "polite"
        return f"{_words.size(look['held'])} were here" if look["held"] else ""


NOTHING: Mapping[str, Any] = {
    **dict.fromkeys(("files", "files_done", "files_failed", "size", "sizes_unknown", "held", "elsewhere", "from_net", "on_disk", "proven"), 0),
    **dict.fromkeys(("connections", "requests", "limit_rate", "waits", "quota_ms", "waiting"), 0),
    "polite": False,
    "state": "new",
}


def total(looks: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Several jobs of one call as one. Of waits the longest, of limits the common one."""
    found = dict(NOTHING)
    for look in looks:
        for name, value in look.items():
            if name in ("quota_ms", "limit_rate", "polite"):
                found[name] = max(found[name], value)
            elif name == "state":
                found[name] = value if found[name] in ("new", "done") else found[name]
            else:
                found[name] += value
    return found


def ended(look: Mapping[str, Any]) -> dict[str, Any]:
    """What a job that has ended adds to those that follow: what it brought, and not what it did not."""
    there = min(look["held"] + look["elsewhere"] + look["on_disk"], look["size"])
    return {**look, "size": there, "sizes_unknown": 0, "files_failed": 0, "files": look["files_done"], "connections": 0, "quota_ms": 0, "waiting": 0}


def together(views: list[View]) -> View:
    """Several downloads of a process on one line."""
    if len(views) == 1:
        return views[0]
    known = all(view.total for view in views)
    rates = [view.rate for view in views if view.rate is not None]
    etas = [view.eta_s for view in views]
    return View(
        f"{len(views)} downloads",
        sum(view.done for view in views),
        sum(view.total for view in views) if known else 0,
        sum(view.here for view in views),
        sum(rates) if rates else None,
        None if None in etas else max(eta for eta in etas if eta is not None),
        sum(view.files or 1 for view in views),
        sum(view.files_done for view in views),
        sum(view.connections for view in views),
        max(view.seconds for view in views),
        next((view.note for view in views if view.note.startswith(("waiting", "no bytes"))), ""),
        "",
        sum(view.came for view in views),
    )
