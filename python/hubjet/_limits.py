"""Limits that are changed while downloads run. Imports _errors, _config."""

from __future__ import annotations

import os

from . import _native
from ._config import read_rate, resolve
from ._errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._config import Config


def limit_rate(rate: str | int | None, *, everywhere: bool = False) -> None:
    """Changes how fast this process may download, from now on and for what is running.

    Args:
        rate: bytes per second: "8M", 500_000 (K, M, G are powers of 1024); "off" or 0: no limit, whatever a call or the
            environment says; None: what they say holds again.
        everywhere: for every process of this user on this computer instead, within a quarter of a second and until it
            is taken back with None (or "off"). The smaller of this and a process's own limit holds.

    What several downloads and processes that have a limit fetch at once stays within it in sum; if their limits differ,
    within the smallest. Processes without one are not held back, save by `everywhere`.
    Errors: ConfigError (a ValueError) for what is no rate; StorageError with `everywhere` where the run folder
    (`hubjet.config()["run_dir"]`) cannot be written. Threads: any.

    >>> import hubjet
    >>> hubjet.limit_rate("4M")
    >>> hubjet.limit_rate(None)
    """
    global _own
    value = read_rate(rate) if rate is not None else None
    if everywhere:
        _write_users("limit", value or 0)
    else:
        _own = value
        _native.limit_rate(value)


_own: int | None = None  # what the extension was told, for bytes that do not come through it


def rate_now(config: Config) -> int:
    """Bytes per second that hold for a call with these settings; 0: no limit."""
    own = _own if _own is not None else config.limit_rate or 0
    users = users_rate(config.run_dir)
    return min(own, users) if own and users else own or users


def users_rate(run_dir: str | None = None) -> int:
    """Bytes per second that `limit_rate(…, everywhere=True)` left; 0: none. run_dir: None: as the settings say."""
    try:
        with open(os.path.join(run_dir, "limit") if run_dir is not None else _users_file("limit"), encoding="ascii") as file:
            text = file.read(20).strip()
    except (OSError, ValueError):
        return 0
    return int(text) if text.isdecimal() else 0  # anybody may have written it: "-3" is no rate (seen by the fuzzer)


def polite(on: bool | None, *, everywhere: bool = False) -> None:
    """Lets the others on the line come first, from now on and for what is running: a short queue, so that calls and games
    do not notice, and next to nothing while somebody else's download wants the line.

    Args:
        on: True; False: no process-wide politeness, whatever a call or the environment says; None: what they say holds again.
        everywhere: for every process of this user on this computer instead, within a quarter of a second and until it
            is taken back with None or False. A process is polite if this or its own setting says so.

    Errors: StorageError with `everywhere` where the run folder (`hubjet.config()["run_dir"]`) cannot be written. Threads: any.

    >>> import hubjet
    >>> hubjet.polite(True)
    >>> hubjet.polite(None)
    """
    if everywhere:
        _write_users("polite", 1 if on else 0)
    else:
        _native.polite(None if on is None else bool(on))


def users_polite() -> bool:
    """Whether `polite(True, everywhere=True)` holds."""
    return os.path.exists(_users_file("polite"))


def _users_file(name: str) -> str:
    return os.path.join(resolve().run_dir, name)


def _write_users(name: str, value: int) -> None:
    path = _users_file(name)
    try:
        if value:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            _native.write_small(path, b"%d\n" % value, 0o600)
        else:
            os.unlink(path)
    except StorageError:
        raise
    except OSError as error:
        if not value and isinstance(error, FileNotFoundError | NotADirectoryError):
            return  # none was set
        raise StorageError(
            f"what holds for all processes cannot be kept in {path}: {error.strerror}", path=path, errno=error.errno
        ) from error
