"""What comes from a depot, counted as a job of the extension counts: for progress bars, and for whoever listens to the call (hubjet.start). Imports
_show.view."""

from __future__ import annotations

import threading
import time

from .._show.view import NOTHING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any, cast

    from .._native import Job, Look, News, Result
else:

    def cast(_kind: str, value: Any) -> Any:
        """As typing's, which is not imported."""
        return value


class Coming:
    """Counters that only grow; the workers' threads write them, anybody reads. Has what _listen and _show.tally need of a job."""

    def __init__(self, names: Sequence[str], sizes: Sequence[int]) -> None:
        self.names, self.sizes = list(names), list(sizes)
        self.stop = threading.Event()
        self._lock = threading.Lock()
        self._count: dict[str, Any] = {**NOTHING, "files": len(names), "size": sum(sizes), "state": "running"}
        self._news: list[News] = []
        self._came = [0] * len(names)
        self._began = time.monotonic()
        self.results: list[Result] = []
        for nth in range(len(names)):
            self._tell("began", nth, None)

    def as_job(self) -> Job:
        """For who wants one of the extension's."""
        return cast("Job", self)

    def add(self, nth: int, size: int) -> None:
        """So many bytes of a file have come."""
        with self._lock:
            self._came[nth] += size
            for name in ("from_net", "on_disk", "proven"):
                self._count[name] += size

    def held(self, size: int) -> None:
        """An earlier call had left so many."""
        with self._lock:
            self._count["held"] += size
            self._count["proven"] += size

    def busy(self, more: int) -> None:
        """Requests under way."""
        with self._lock:
            self._count["connections"] += more
            self._count["requests"] += max(more, 0)

    def limited(self, rate: int) -> None:
        """What holds now."""
        self._count["limit_rate"] = rate

    def ended(self, nth: int, etag: str, path: str, error: Exception | None) -> None:
        """One file is here, or will not be."""
        digest = f"{'sha256' if len(etag) == 64 else 'git-sha1'}:{etag}"
        result: Result = {
            "status": "failed" if error is not None else "done", "error": error, "http_status": 0, "headers": {}, "url": "", "etag": etag,
            "size": self.sizes[nth], "commit": None, "digest": digest if error is None else None, "sha256": None, "path": path, "link": None, "body": None,
            "excerpt": None, "from_net": self._came[nth], "held": 0, "requests": 0, "sources": [], "seconds": time.monotonic() - self._began,
        }  # fmt: skip
        with self._lock:
            self.results.append(result)
            self._count["files_failed" if error is not None else "files_done"] += 1
            if len(self.results) == len(self.names):
                self._count["state"] = "done"
        self._tell("ended", nth, result)

    def _tell(self, what: Any, nth: int, result: Result | None) -> None:
        with self._lock:
            self._news.append({"what": what, "file": nth, "result": result, "error": None, "again_s": 0.0})

    # --- as a job has them

    def look(self) -> Look:
        """How far it is."""
        with self._lock:
            return cast("Look", dict(self._count))

    def news(self) -> list[News]:
        """What happened since the last look."""
        with self._lock:
            news, self._news = self._news, []
        return news

    def cancel(self) -> None:
        """Nothing more is asked for."""
        self.stop.set()
