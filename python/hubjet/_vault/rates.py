"""How fast each place was when it was last measured, on this computer. Imports _native, _trace, _vault.choose.

    <hf_home>/hubjet/vault/rates.json         {place: [bytes per second, seconds since the epoch]}
"""

from __future__ import annotations

import os
import time

from .. import _native
from .choose import Rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .._config import Config

LEAST = 16 << 20  # fewer bytes say nothing about a rate
PLACES_MAX = 64


def known(config: Config, place: str) -> Rate | None:
    """What is remembered of a vault's folder, or of a hub's address."""
    found = _read(config).get(place)
    return Rate(found[0], max(time.time() - found[1], 0.0)) if found is not None else None


def note(config: Config, place: str, size: int, seconds: float) -> None:
    """So many bytes came from there in that time."""
    if size < LEAST or seconds <= 0:
        return
    import json

    rows = _read(config)
    rows[place] = (size / seconds, time.time())
    newest = dict(sorted(rows.items(), key=lambda row: row[1][1])[-PLACES_MAX:])
    try:
        _native.write_small(_path(config), json.dumps(newest).encode(), 0o600)
    except OSError:
        pass  # benign: it is measured again


def _path(config: Config) -> str:
    return os.path.join(config.hf_home, "hubjet", "vault", "rates.json")


def _read(config: Config) -> dict[str, tuple[float, float]]:
    import json

    try:
        with open(_path(config), encoding="utf-8") as file:
            return {str(place): (float(rate), float(when)) for place, (rate, when) in json.load(file).items()}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
