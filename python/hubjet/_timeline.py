"""A picture of downloads over time, as Chrome-trace JSON that Perfetto (ui.perfetto.dev) and chrome://tracing open. Imports _errors.

One track per connection with a slice for each exchange (file, offset, bytes, host, status), one per worker with its errands, and
curves of goodput, bytes, connections and memory. The file is whole JSON after each job; later jobs of the process go on in it.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import threading

from . import _native
from ._errors import StorageError, explain

_FIRST = b"[\n"
_MARK = _FIRST + b'{"ph":"'  # how a trace of ours begins
_LAST = b'{"ph":"M","name":"process_name","pid":1,"tid":0,"args":{"name":"hubjet"}}\n]\n'

_lock = threading.Lock()
_path: str | None = None
_file: io.FileIO | None = None
_users = 0
_whole = False  # the file ends with _LAST


def drain() -> None:
    """Moves what has gathered into the file."""
    if _users:
        with _lock:
            _write(b"")


def begin(path: str) -> None:
    """From now on what happens is written to the file at `path`. Each begin wants one `end`. StorageError if it cannot be."""
    global _path, _file, _users, _whole
    with _lock:
        if path != _path and not _users:  # of two at once the first one's file has both: there is one engine
            if _file is not None:
                _file.close()
            _check_is_trace(path)
            try:
                _file = io.FileIO(path, "w+")
                _file.write(_FIRST + _LAST)
            except OSError as error:
                _path = _file = None
                raise StorageError(f"no trace can be written to {path}: {error.strerror}", path=path, errno=error.errno) from error
            _path, _whole = path, True
        _native.timeline(True)
        _users += 1


def _check_is_trace(path: str) -> None:
    """An older trace is replaced; a file that is something else (`--trace model.safetensors`) is not."""
    try:
        status = os.stat(path)
        if not stat.S_ISREG(status.st_mode) or not status.st_size:
            return
        with open(path, "rb") as file:
            known = file.read(len(_MARK)) == _MARK
    except OSError:
        return  # what is wrong is said by whoever opens it to write
    if not known:
        message = explain(f"{path} is there and is no trace: it is left as it is", do="name another file")
        raise StorageError(message, path=path, errno=errno.EEXIST, advice="name another file")


def end() -> None:
    """The file is whole; a later begin with the same path goes on in it."""
    global _users
    with _lock:
        _write(_LAST)
        _users -= 1
        _native.timeline(False)


def _write(last: bytes) -> None:
    """Appends the lines that wait, in place of the end that an earlier job wrote."""
    global _whole
    if _file is None:
        return
    lines = _native.timeline_lines()
    if not lines and (not last or _whole):
        return
    if _whole:
        _file.seek(-len(_LAST), os.SEEK_END)
        _file.truncate()
    _file.write(lines + last)
    _whole = bool(last)
