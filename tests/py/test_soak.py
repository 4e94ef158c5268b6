"""A short soak: 200 downloads under faults, four processes sharing a cache (tests/soak/README.md)."""

from __future__ import annotations

from tests.server.faults import Case, Chaos
from tests.soak.soak import choices, run


def test_two_hundred_downloads_under_faults_break_no_promise() -> None:
    report = run(200, seed=3, processes=4, rate=0.05)
    assert report.broken == [], report.table()
    assert sum(report.whats.values()) + sum(report.errors.values()) >= 200 - report.kills
    assert report.kills >= 1 and sum(report.faults.values()) >= 10 and len(report.whats) == 5, report.table()


def test_what_goes_wrong_depends_on_the_seed_and_the_path_only() -> None:
    def drawn(seed: int) -> list[str | None]:
        chaos = Chaos(seed, 0.2, choices())
        case = Case(names=("/a",), is_get=True, status=200, size=9, is_file=True, range=(0, 9))
        return [str(rule.options) if (rule := chaos.draw("hub", case)) else None for _ in range(200)]

    assert drawn(1) == drawn(1) != drawn(2)
    assert 15 <= sum(rule is not None for rule in drawn(1)) <= 70
