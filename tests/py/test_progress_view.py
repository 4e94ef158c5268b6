"""The pure half of progress: what looks mean in numbers, and numbers as words. The clock is an argument: every line is compared whole."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hubjet import _words
from hubjet._show.view import NOTHING, Gauge, Pace, View, ended, together, total
from hubjet._show.wording import FANCY, PLAIN, cells, closing, fitted, html, line, log_line, printable

MB = 1_000_000
GB = 1000 * MB


def look(**values: Any) -> dict[str, Any]:
    return {**NOTHING, "state": "running", "files": 1, "connections": 1, **values}


# --- numbers as words -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "said"),
    [(0, "0 B"), (312, "312 B"), (999, "999 B"), (1000, "1.0 kB"), (45_100, "45.1 kB"), (999_949, "999.9 kB"), (999_960, "1.0 MB"), (4 * GB, "4.0 GB"),
     (2.5e12, "2.5 TB")],
)  # fmt: skip
def test_sizes(n: float, said: str) -> None:
    assert _words.size(n) == said


@pytest.mark.parametrize(("part", "whole", "said"), [(0, 481, "0 of 481 B"), (55.3 * MB, 90.9 * MB, "55.3 of 90.9 MB"), (481, 4 * GB, "0.0 of 4.0 GB")])
def test_two_sizes_share_a_unit(part: float, whole: float, said: str) -> None:
    assert _words.of(part, whole) == said


@pytest.mark.parametrize("seconds, said", [(0, "0 s"), (7.4, "7 s"), (119, "119 s"), (120, "2 min"), (1560, "26 min"), (7200, "2 h"), (200_000, "2 days")])
def test_a_time_to_come_is_said_shortly(seconds: float, said: str) -> None:
    assert _words.span(seconds) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.004, "0.00 s"), (0.42, "0.42 s"), (8.31, "8.3 s"), (46.2, "46 s"), (59.7, "1 min"), (100, "1 min 40 s"), (7500, "2 h 05 min"), (7200, "2 h")],
)
def test_a_time_that_passed(seconds: float, said: str) -> None:
    assert _words.lasted(seconds) == said


# --- the pace -------------------------------------------------------------------------------------


def test_a_pace_is_the_mean_at_first_and_follows_changes_within_seconds() -> None:
    pace = Pace(3.0)
    assert pace.rate() is None
    pace.feed(10.0, 500.0)  # was there: no speed
    assert pace.rate() is None
    pace.feed(10.1, 510.0)
    assert pace.rate() == pytest.approx(100.0)
    for n in range(1, 101):
        pace.feed(10.1 + n / 10, 510.0 + 10 * n)
    assert pace.rate() == pytest.approx(100.0)
    for n in range(1, 101):  # ten seconds at a tenth
        pace.feed(20.1 + n / 10, 1510.0 + n)
    assert 10.0 < (pace.rate() or 0) < 15.0
    for n in range(1, 101):
        pace.feed(30.1 + n / 10, 1610.0)
    assert (pace.rate() or 0) < 0.6


def test_a_pace_does_not_depend_on_how_often_it_is_fed() -> None:
    often, seldom = Pace(3.0), Pace(3.0)
    for n in range(101):
        often.feed(n / 10, 70.0 * n)
        if n % 20 == 0:
            seldom.feed(n / 10, 70.0 * n)
    assert often.rate() == pytest.approx(seldom.rate()) == pytest.approx(700.0)
    often.feed(10.0, 9000.0)  # twice at one moment
    often.feed(11.0, 0.0)  # a count that falls is no negative speed
    assert (often.rate() or -1) > 0


# --- what looks mean ------------------------------------------------------------------------------


def run(*looks: dict[str, Any], every: float = 1.0, **how: Any) -> View:
    """The view after these looks, one a second."""
    gauge = Gauge("m", 100.0, **how)
    for n, one in enumerate(looks):
        gauge.feed(100.0 + n * every, one)
    return gauge.view(100.0 + (len(looks) - 1) * every)


def steady(seconds: int, rate: int, **more: Any) -> list[dict[str, Any]]:
    return [look(on_disk=n * rate, from_net=n * rate, proven=n * rate, **more) for n in range(seconds + 1)]


def test_bytes_that_were_here_are_no_rate() -> None:
    looks = [look(held=1200 * MB, on_disk=n * 10 * MB, from_net=n * 10 * MB, size=4 * GB) for n in range(11)]
    view = run(*looks)
    assert view.done == 1300 * MB and view.here == 1200 * MB and view.came == 100 * MB
    assert view.rate == pytest.approx(10 * MB) and view.eta_s == pytest.approx(270)
    assert (view.note, view.aside) == ("", "1.2 GB were here")


def test_bytes_another_process_had_when_it_was_met_are_no_rate_and_what_it_brings_is() -> None:
    looks = [look(elsewhere=0, size=GB, waiting=1, connections=0)] + [look(elsewhere=500 * MB + n * 5 * MB, size=GB, waiting=1, connections=0) for n in range(10)]
    view = run(*looks)
    assert 4 * MB < (view.rate or 0) <= 5.1 * MB and view.done == 545 * MB
    assert view.note == "another process fetches it"
    silent = run(*looks, *[looks[-1]] * 8)
    assert silent.note == "waiting for another process" and silent.eta_s is None


def test_progress_never_goes_back_where_a_part_is_taken_over() -> None:
    view = run(look(elsewhere=500 * MB, size=GB), look(elsewhere=0, held=0, size=GB), look(held=480 * MB, size=GB))
    assert view.done == 500 * MB


@pytest.mark.parametrize(
    ("more", "eta"),
    [
        ({}, 90.0),
        ({"limit_rate": 5 * MB}, 180.0),  # it was faster, and may not be now
        ({"limit_rate": 50 * MB}, 90.0),
        ({"quota_ms": 240_000}, 240.0),
        ({"quota_ms": 20_000}, 90.0),
        ({"sizes_unknown": 1}, None),
    ],
)
def test_the_time_left_knows_limits(more: dict[str, Any], eta: float | None) -> None:
    view = run(*steady(10, 10 * MB, size=GB, **more))
    assert view.eta_s == (pytest.approx(eta) if eta is not None else None)


def test_of_many_small_files_the_count_tells_the_time_left() -> None:
    looks = [look(files=1000, files_done=10 * n, on_disk=10_000 * n, from_net=10_000 * n, size=MB, proven=10_000 * n) for n in range(11)]
    looks[-1]["size"] = 100_000 + 900  # what is left is nearly no bytes, and 900 files
    assert run(*looks).eta_s == pytest.approx(90, rel=0.05)


def test_no_time_is_told_before_there_is_a_rate_and_none_when_it_stopped() -> None:
    assert run(look(size=GB)).eta_s is None
    assert run(*steady(1, MB, size=GB), every=0.5).eta_s is None
    stopped = run(*steady(5, MB, size=GB), *[look(on_disk=5 * MB, from_net=5 * MB, proven=5 * MB, size=GB)] * 6)
    assert stopped.eta_s is None and stopped.note == "no bytes for 6 s"


@pytest.mark.parametrize(
    ("looks", "note"),
    [
        ([look()], "asking the hub"),
        ([look()] * 7, "asking the hub, no answer for 6 s"),
        ([look(size=GB, on_disk=1, quota_ms=12_400)], "waiting 12 s: the hub's quota"),
        ([look(size=GB, on_disk=1, quota_ms=900)], ""),
        ([look(size=GB, waiting=1, connections=0)], "waiting for another process"),
        ([look(size=GB, on_disk=1, waiting=1, connections=4)], ""),  # others of its files come
        ([look(size=GB, on_disk=600 * MB, held=400 * MB, proven=300 * MB)], "checking 0.3 of 1.0 GB"),
        ([look(size=GB, on_disk=1, limit_rate=8 * MB)], "limit 8.0 MB/s"),
        ([look(size=GB, on_disk=1, polite=True)], "polite"),
        ([look(size=GB, held=3 * MB)], "3.0 MB were here"),
    ],
)
def test_what_people_need_to_know_is_said(looks: list[dict[str, Any]], note: str) -> None:
    view = run(*looks)
    assert (view.note or view.aside) == note


def test_the_plan_knows_the_total_before_the_jobs_do() -> None:
    view = run(look(size=100, sizes_unknown=3, on_disk=50), files=7, here=2, total=1000)
    assert (view.total, view.done, view.files, view.files_done) == (1000, 50, 7, 2)


def test_jobs_of_one_call_add_up() -> None:
    first = look(size=100, on_disk=60, held=10, from_net=66, files=4, files_done=2, files_failed=2, connections=3, quota_ms=5000)
    second = look(size=40, on_disk=20, from_net=20, files=2, files_done=1, limit_rate=8 * MB)
    both = total([ended(first), second])
    assert (both["size"], both["on_disk"], both["held"], both["files_done"], both["connections"]) == (110, 80, 10, 3, 1)
    assert (both["quota_ms"], both["limit_rate"], both["state"]) == (0, 8 * MB, "running")


# --- lines ----------------------------------------------------------------------------------------

MID = View("model.safetensors", 1600 * MB, 4 * GB, 0, 88.1 * MB, 27.2, 7, 3, 8, 19.0, "", "", 1600 * MB)
BAR = "━━━━━━━━╌╌╌╌╌╌╌╌╌╌╌╌"


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (120, f"model.safetensors   40%  {BAR}  1.6 of 4.0 GB  88.1 MB/s  27 s left  3 of 7 files"),
        (95, f"…del.safetensors   40%  {BAR}  1.6 of 4.0 GB  88.1 MB/s  27 s left  3 of 7 files"),
        (90, "model.safetensors   40%  ━━━━╌╌╌╌╌╌  1.6 of 4.0 GB  88.1 MB/s  27 s left  3 of 7 files"),
        (79, "model.safetensors   40%  ━━━━╌╌╌╌╌╌  1.6 of 4.0 GB  88.1 MB/s  27 s left"),
        (60, "model.safetensors   40%  1.6 of 4.0 GB  88.1 MB/s  27 s left"),
        (50, "…l.safetensors   40%  1.6 GB  88.1 MB/s  27 s left"),
        (40, "…safetensors   40%  88.1 MB/s  27 s left"),
        (30, "….safetensors   40%  88.1 MB/s"),
        (20, "40%  88.1 MB/s"),
        (10, "40%"),
        (3, "40%"),
        (1, "…"),
    ],
)
def test_a_line_fits_its_terminal(columns: int, said: str) -> None:
    assert line(MID, columns) == said and cells(said) <= columns


@pytest.mark.parametrize("columns", range(1, 140))
def test_no_line_is_wider_than_it_may_be(columns: int) -> None:
    for name in ("m", "a" * 80, "模型" * 30, "e\u0301" * 20):
        for note in ("", "waiting 12 s: the hub's quota"):
            assert cells(line(MID._replace(name=name, note=note), columns)) <= columns


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"note": "waiting 12 s: the hub's quota", "files": 0}, f"model.safetensors   40%  {BAR}  1.6 of 4.0 GB  88.1 MB/s  27 s left  waiting 12 s: the hub's quota"),
        ({"total": 0, "eta_s": None}, "model.safetensors  1.6 GB  88.1 MB/s  3 of 7 files"),
        ({"total": 0, "done": 0, "rate": None, "eta_s": None, "files": 0, "note": "asking the hub"}, "model.safetensors  asking the hub"),
        ({"done": 4 * GB, "files": 0, "eta_s": 0.0, "note": "checking 3.9 of 4.0 GB"},
         f"model.safetensors   99%  {'━' * 19}╌  4.0 of 4.0 GB  88.1 MB/s  1 s left  checking 3.9 of 4.0 GB"),
    ],
)  # fmt: skip
def test_a_line_says_what_is_known(changes: dict[str, Any], said: str) -> None:
    assert line(MID._replace(**changes), 130) == said


def test_a_terminal_without_unicode_has_a_line_too() -> None:
    text = line(MID._replace(name="a" * 50), 100, PLAIN)
    assert text.isascii() and "========............" in text and text.startswith("~")
    assert all(len(sign) == 1 for sign in (*FANCY, *PLAIN))


def test_a_name_moves_no_cursor() -> None:
    assert "\x1b" not in line(MID._replace(name="a\x1b[2Jb\nc"), 120) and printable("a\r\nb") == "a??b"
    assert fitted("模型.bin", 7) == "….bin" or cells(fitted("模型.bin", 7)) <= 7


def test_a_line_of_a_log() -> None:
    assert log_line(MID) == "model.safetensors: 40%, 1.6 of 4.0 GB, 88.1 MB/s, 27 s left, 3 of 7 files"
    assert log_line(View("m", 0, 0, note="asking the hub")) == "m: asking the hub"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "org/model: 7 files, 4.0 GB in 46 s, 87.0 MB/s"),
        ({"files": 1, "came": 2800 * MB, "here": 1200 * MB}, "org/model: 4.0 GB in 46 s, 60.9 MB/s; 1.2 GB were here"),
        ({"files": 1, "came": 1000 * MB}, "org/model: 4.0 GB in 46 s, 21.7 MB/s; 3.0 GB came by another process"),
        ({"ended": "failed", "done": 1200 * MB}, "org/model: stopped after 46 s; 1.2 of 4.0 GB are here for the next call"),
        ({"seconds": 0.1, "done": MB, "came": MB, "files": 0}, "org/model: 1.0 MB in 0.10 s"),
    ],
)
def test_the_last_line(changes: dict[str, Any], said: str) -> None:
    over = View("org/model", 4 * GB, 4 * GB, 0, 1.0, None, 7, 7, 0, 46.0, "", "done", 4 * GB)
    assert closing(over._replace(**changes)) == said


def test_several_downloads_are_one_line() -> None:
    other = MID._replace(name="b", done=GB, total=6 * GB, rate=10 * MB, eta_s=500.0, files=0, files_done=0, note="no bytes for 4 s")
    both = together([MID, other])
    assert line(both, 130) == f"2 downloads   26%  {'━' * 5}{'╌' * 15}  2.6 of 10.0 GB  98.1 MB/s  8 min left  3 of 8 files  no bytes for 4 s"
    assert together([MID]) is MID
    assert together([MID, other._replace(total=0, eta_s=None)]).total == 0


def test_the_strip_of_a_notebook_is_sound_and_has_the_same_words() -> None:
    page = ElementTree.fromstring(f"<div>{html(MID._replace(name='<b>&', note='a < b'), ['x < y'])}</div>")
    words = "".join(page.itertext())
    assert "40% · 1.6 of 4.0 GB · 88.1 MB/s · 27 s left · 3 of 7 files" in words and "<b>&" in words and "x < y" in words and "(a < b)" in words
    (bar,) = page.findall(".//progress")
    assert bar.get("value") == "0.400"
    unknown = ElementTree.fromstring(html(View("m", 0, 0, note="asking the hub"), []))
    assert unknown.find("progress").get("value") is None  # type: ignore[union-attr]
