"""From the vault, or from the hub again? A pure function of what was measured. Imports _record."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from .._record import NamedTuple

CLEARLY = 1.25  # so much faster the hub must be: a restore needs no token, no quota and no luck with the network
SMALL = 8 << 20  # below it neither rate says much: an answer of the hub costs a round trip, a file of Drive two
OLD_S = 6 * 3600.0  # a rate that was measured before this says little: other machine, other hour
SECONDS_GAINED = 2.0  # less is not worth the network


class Rate(NamedTuple):
    """What a place gave when it was measured: bytes per second, and how many seconds ago that was."""

    per_s: float
    age_s: float = 0.0


def source(size: int, vault: Rate | None, hub: Rate | None, *, may_ask: bool = True) -> str:
    """ "vault" or "hub" for `size` bytes that are whole in the vault. None: not measured. `may_ask`: False where the network is shut.

    >>> source(5 << 30, Rate(40e6), Rate(250e6))
    'hub'
    >>> source(5 << 30, Rate(40e6), Rate(250e6), may_ask=False)
    'vault'
    """
    if not may_ask or size < SMALL or useless(vault) or useless(hub):
        return "vault"
    assert vault is not None and hub is not None
    if hub.per_s < vault.per_s * CLEARLY:
        return "vault"
    gained = size / max(vault.per_s, 1.0) - size / hub.per_s
    return "hub" if gained >= SECONDS_GAINED else "vault"


def useless(rate: Rate | None) -> bool:
    """Whether it was not measured, or too long ago."""
    return rate is None or rate.per_s <= 0 or not 0 <= rate.age_s <= OLD_S


def worth_measuring(size: int, vault: Rate | None, hub: Rate | None, *, may_ask: bool = True) -> bool:
    """Whether the first MiBs of both should be timed before the rest is decided: it costs a second or so."""
    return may_ask and size >= 32 * SMALL and (useless(vault) or useless(hub))
