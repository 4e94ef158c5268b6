"""The limit of rate for bytes that fsspec brings: one bucket for all of this process. Imports _limits.

The extension's own bucket (csrc/engine/throttle.h) is its network thread's; what comes through Python is held to the same number beside it, so a
call that fetches from the hub and from a store at once may have it twice. In a call they come one after the other.
"""

from __future__ import annotations

import threading
import time

from .. import _limits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._config import Config

LOOK_S = 0.25  # how often it is looked what holds: it may be changed while bytes come
BURST_S = 0.1  # what an idle moment may be made up for
PIECE_LEAST = 64 << 10


class Bucket:
    """Bytes are taken before they are asked for; who takes more than there is leaves a debt, which the next one waits for."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock, self._lock = clock, threading.Lock()
        self._left = 0.0
        self._at = clock()

    def take(self, size: int, rate: int) -> float:
        """0.0: taken. Else so many seconds are to be waited, and asked again. rate: bytes per second; 0: no limit."""
        with self._lock:
            now = self._clock()
            self._left = min(self._left + max(now - self._at, 0.0) * rate, rate * BURST_S)
            self._at = now
            if not rate:
                self._left = 0.0
                return 0.0
            if self._left < 0:
                return -self._left / rate
            self._left -= size
            return 0.0


_bucket = Bucket()


class Pace:
    """What holds for one call. Threads: any."""

    def __init__(self, config: Config | None) -> None:
        self._config = config
        self._looked = float("-inf")
        self._rate = 0

    @property
    def rate(self) -> int:
        """Bytes per second; 0: no limit."""
        if self._config is not None and time.monotonic() - self._looked >= LOOK_S:
            self._looked = time.monotonic()
            self._rate = _limits.rate_now(self._config)
        return self._rate

    def piece(self, most: int) -> int:
        """How much is asked for at once: a quarter of a second's worth, where there is a limit."""
        rate = self.rate
        return max(PIECE_LEAST, min(most, rate // 4)) if rate else most

    def wait(self, size: int, stop: threading.Event) -> None:
        """Until so much may be asked for, or nothing is wanted any more."""
        while (left := _bucket.take(size, self.rate)) > 0:
            if stop.wait(min(left, LOOK_S)):
                return
