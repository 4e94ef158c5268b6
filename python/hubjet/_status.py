"""What `hubjet.enable()` has done so far, in numbers and for people. Imports nothing of the package.

Counted is what was seen, not what might have been: bytes that came, bytes that were compared with their digest, questions that
were answered without asking the hub. Seconds are not claimed: nobody can know how long the stock path would have taken.
"""

from __future__ import annotations

import os
from _thread import allocate_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from ._record import NamedTuple


class Counts:
    """Sums of this process. Any thread."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self.files = 0  # brought by our engine
        self.received = 0  # payload bytes that came over the network for them
        self.resumed = 0  # bytes that an earlier, interrupted download had left on the disk
        self.verified = 0  # bytes of files that are what their digest says
        self.requests = 0  # HTTP exchanges the engine made for them
        self.answered = 0  # questions for a file's metadata that were answered without a request
        self.stock: dict[str, int] = {}  # why a file was left to the stock path -> how often
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self._lock = allocate_lock()  # whoever held it at the fork does not exist here

    def file(self, *, received: int, resumed: int, verified: int, requests: int) -> None:
        """One more file has arrived."""
        with self._lock:
            self.files += 1
            self.received += received
            self.resumed += resumed
            self.verified += verified
            self.requests += requests

    def saved(self) -> None:
        """One more question was not asked."""
        with self._lock:
            self.answered += 1

    def left(self, why: str) -> None:
        """One more file was left to the stock path."""
        with self._lock:
            self.stock[why] = self.stock.get(why, 0) + 1


class Status(NamedTuple):
    """What is hooked, and what it did since the process began. `print(hubjet.status())` says it in words."""

    enabled: bool
    huggingface_hub: str | None  # its version, None: not imported yet
    hooks: dict[str, str]  # hooked function -> "ours", "waits for the import", or why it is not
    files: int
    received: int
    resumed: int
    verified: int
    requests: int
    answered: int
    stock: dict[str, int]

    def __str__(self) -> str:
        return "\n".join(f"{name:<12}{value}" for name, value in self._rows())

    def _repr_html_(self) -> str:
        from html import escape

        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(value)}</td></tr>" for name, value in self._rows())
        return f"<table>{rows}</table>"

    def _rows(self) -> list[tuple[str, str]]:
        what = f"huggingface_hub {self.huggingface_hub}" if self.huggingface_hub else "huggingface_hub, once it is imported"
        rows = [("hubjet", f"enabled for {what}" if self.enabled else "not enabled")]
        rows += [("", f"{name}: {state}") for name, state in self.hooks.items()]
        rows += [
            ("files", f"{self.files} brought, {size(self.received)} received in {self.requests} requests"),
            ("verified", f"{size(self.verified)} compared with their digest before anybody could read them"),
        ]
        if self.resumed:
            rows.append(("resumed", f"{size(self.resumed)} were here from an interrupted download"))
        rows.append(("saved", f"{self.answered} questions to the hub that did not have to be asked"))
        rows += [("left alone", f"{n} files: {why}") for why, n in self.stock.items()]
        return rows


def size(n: int) -> str:
    """Bytes, as people say them."""
    for power, unit in ((1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if n >= power:
            return f"{n / power:.1f} {unit}"
    return f"{n} bytes"
