"""That a repository was behind a gate when it was downloaded, and whose account was let in: a note beside it, without any secret. Imports _errors,
_store, _trace, _auth.account.

    <repo>/.hubjet/gate       JSON: {"version": 1, "gated": "auto" | "manual" | "yes", "endpoint", "account" (or null), "since" and "last": seconds
                              since the epoch}

The account's name is asked for once per repository, when it is first downloaded (`/api/whoami-v2`, with the token that was just used).
"""

from __future__ import annotations

import os
import time

from .. import _trace
from .._store import no_wait, write_below

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NamedTuple
else:
    from .._record import NamedTuple

NOTE_MAX = 64 << 10


class Gate(NamedTuple):
    """What is noted: the sort of gate, the hub, the account that was let in (None: the hub did not say), the first and the last download."""

    gated: str
    endpoint: str
    account: str | None
    since: float
    last: float


def read(side: str) -> Gate | None:
    """The note in this `.hubjet` folder; None if there is none that can be understood."""
    import json

    try:
        with open(os.path.join(side, "gate"), encoding="utf-8", opener=no_wait) as file:
            said = json.loads(file.read(NOTE_MAX))
        account = said["account"]
        return Gate(str(said["gated"]), str(said["endpoint"]), None if account is None else str(account), float(said["since"]), float(said["last"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None


def note(side: str, gated: str, endpoint: str, account: Callable[[], str | None]) -> None:
    """Something came through the gate. `account` is asked only if it is not noted yet. Never fails."""
    before, now = read(side), time.time()
    if before is not None and before.endpoint == endpoint and before.account is not None:
        if now - before.last < 3600:
            return
        found = before._replace(gated=gated, last=now)
    else:
        found = Gate(gated, endpoint, account(), before.since if before is not None else now, now)
    import json

    try:
        write_below(os.path.dirname(side), os.path.join(side, "gate"), json.dumps({"version": 1, **found._asdict()}, indent=1).encode())
    except OSError as error:  # benign: the licence itself lies with the files
        _trace.info(f"that {side} came through a gate could not be noted: {error}")
