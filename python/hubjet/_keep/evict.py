"""Which revisions go so that a cache fits: the one not used longest first. Pure: a count in, a list out. Imports _keep.census.

A revision frees what no other one needs; of two that share a file the one that goes last frees it. Revisions that stay say why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from .census import Census, Key, RepoCensus, Revision

Pair = tuple[RepoCensus, Revision]


def by_age(census: Census) -> list[Pair]:
    """All revisions, the one not used longest first; of one time, by name."""
    pairs = [(repo, one) for repo in census.repos for one in repo.revisions.values()]
    return sorted(pairs, key=lambda pair: (pair[1].used, pair[0].id, pair[1].commit))


def victims(
    pairs: Iterable[Pair], needed: int, stays: Callable[[RepoCensus, Revision], str], size_of: Callable[[Key], int]
) -> tuple[list[tuple[Pair, int]], list[tuple[Pair, str]]]:
    """(what goes, in order, with the bytes that are free once it is gone; what stays, and why). `needed`: bytes to free; `stays`: why one must stay,
    "" if it need not.

    Only those before the last that goes are asked whether they stay: younger ones are not in question.
    """
    pairs = list(pairs)
    holders: dict[Key, int] = {}
    for _, one in pairs:
        for key in one.content:
            holders[key] = holders.get(key, 0) + 1
    chosen: list[tuple[Pair, int]] = []
    kept: list[tuple[Pair, str]] = []
    for pair in pairs:
        if needed <= 0:
            break
        why = stays(*pair)
        if why:
            kept.append((pair, why))
            continue
        free = 0
        for key in pair[1].content:
            holders[key] -= 1
            free += 0 if holders[key] else size_of(key)
        needed -= free
        chosen.append((pair, free))
    # What shares all it has with one that stays would be given up for nothing.
    return [(pair, free) for pair, free in chosen if any(not holders[key] for key in pair[1].content)], kept
