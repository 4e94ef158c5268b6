"""The visitors' book on disk: what every process of a user asked whom, and why. Imports _errors, _config.

A line is one JSON object, written whole by one write() at the file's end, so that processes may share a file. A ledger that cannot be
written stops nothing: it is said once, by a warning.
"""

from __future__ import annotations

import json
import os
import threading

from . import _native
from ._config import resolve
from ._errors import ConfigError, NotFound, StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_lock = threading.Lock()
_seen: dict[int, tuple[int, set[int]]] = {}  # by process: the last visit that was looked at, and those before that had not ended
_warned = False


def note(path: str) -> None:
    """Adds the visits since the last time. From any thread."""
    with _lock:
        last, open_ones = _seen.get(os.getpid(), (0, set()))
        visits = [v for v in _native.ledger(min(open_ones, default=last + 1) - 1) if v["n"] > last or v["n"] in open_ones]
        _seen[os.getpid()] = max([last, *(v["n"] for v in visits)]), {v["n"] for v in visits if not v["ended"]}
        lines = [json.dumps({**visit, "pid": os.getpid()}) + "\n" for visit in visits if visit["ended"]]
        if not lines:
            return
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            try:
                for line in lines:
                    os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            _warn(path, error)


def _warn(path: str, error: OSError) -> None:
    global _warned
    if not _warned:
        import warnings

        _warned = True
        warnings.warn(f"hubjet's ledger {path} cannot be written: {error.strerror}", UserWarning, stacklevel=2)


def read(path: str | None = None) -> list[dict[str, Any]]:
    """The visits in the file, as they came; a line that was cut is passed over. Without a path the setting's."""
    config = resolve()
    path = path or config.ledger_file
    if path is None:
        raise ConfigError("no ledger is kept: set HUBJET_LEDGER=FILE (or ledger_file in the config file) for the programs that are to write it")
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            lines = file.readlines()
    except FileNotFoundError:
        raise NotFound(f"there is no ledger {path} yet: nothing was asked since HUBJET_LEDGER was set") from None
    except OSError as error:
        raise StorageError(f"the ledger {path} cannot be read: {error.strerror}", errno=error.errno, path=path) from error
    visits = []
    for line in lines:
        try:
            visit = json.loads(line)
            visits.append({name: visit[name] for name in ("time", "pid", "why", "method", "origin", "path", "range", "status", "bytes", "sent_token")})
        except (ValueError, KeyError, TypeError):
            continue
    return visits
