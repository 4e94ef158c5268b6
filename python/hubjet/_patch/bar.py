"""Progress under huggingface_hub's functions: the bar they would have made, fed by our job. Imports nothing of the package.

Their callers bring a `tqdm_class`, or a bar that is open already; snapshot_download brings a class that adds up. All of them are
used as the stock client uses them.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType, TracebackType
    from typing import Any

    from .._native import Look

LABEL_MAX = 40  # of a file's name, as theirs


class Bar:
    """Use: `with Bar(...) as bar: job.finish(bar)`. It appears with the first byte whose total is known."""

    def __init__(
        self, file_download: ModuleType, label: str, size: int | None, tqdm_class: Any, open_bar: Any = None
    ) -> None:
        self._module, self._size = file_download, size
        self._label = label if len(label) <= LABEL_MAX else f"(…){label[-LABEL_MAX:]}"
        self._class, self._given = tqdm_class, open_bar
        self._context: Any = None
        self._bar: Any = None
        self._shown = self._received = self._before = 0

    def __enter__(self) -> Bar:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._context is not None:
            context, self._context = self._context, None
            context.__exit__(kind, error, trace)

    def begin(self, _job: object = None) -> None:
        """A job begins, whose counters start at zero: what the one before it brought is on the disk and will be counted as held."""
        self._before = self._received

    def show(self, look: Look) -> None:
        """Takes the bar to where the job is."""
        size = self._size
        if size is None:
            if look["sizes_unknown"] and look["state"] != "done":
                return
            size = look["size"]
        if self._bar is None:
            if not size:
                return
            self._open(size)
        there = min(look["held"] + look["elsewhere"] + look["on_disk"], size)
        received = min(self._before + look["on_disk"], size)
        if there > self._shown and self._bar is not None:
            self._bar.update(there - self._shown)
            self._shown = there
        if received > self._received:
            update_transfer = getattr(self._bar, "update_transfer", None)
            if callable(update_transfer):
                update_transfer(received - self._received)
            self._received = received

    def _open(self, size: int) -> None:
        chosen = {} if self._class is None else {"tqdm_class": self._class}  # before 1.8 nobody could choose
        self._context = self._module._get_progress_bar_context(
            desc=self._label,
            log_level=self._module.logger.getEffectiveLevel(),
            total=size,
            initial=0,
            name="huggingface_hub.http_get",
            _tqdm_bar=self._given,
            **chosen,
        )
        self._bar = self._context.__enter__()
