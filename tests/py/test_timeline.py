"""`--trace FILE`: a picture that can be opened and believed: JSON, slices nest, and their bytes are the bytes that came."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

import hubjet
from hubjet import _native
from tests.py.child import Child
from tests.py.test_cli import Run

BIG = bytes(range(251)) * 60000  # 15 MB
FILES = {"config.json": b"{}", "big.bin": BIG, 'odd "name".txt': b"odd", "sub/b.bin": BIG[:3_000_000]}

pytestmark = pytest.mark.usefixtures("hub_env")


def picture(path: Path) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = json.loads(path.read_text("ascii"))
    assert {event["ph"] for event in events} <= {"X", "C", "M"}
    tracks = defaultdict(list)
    for event in events:
        assert event["pid"] == 1
        if event["ph"] == "X":
            assert event["dur"] >= 0 and event["ts"] > 0
            tracks[event["tid"]].append(event)
    named = {event["tid"] for event in events if event["name"] == "thread_name"}
    assert set(tracks) == named
    for slices in tracks.values():
        check_nesting(slices)
    return events


def check_nesting(slices: list[dict[str, Any]]) -> None:
    """Two slices of a track are one after the other, or one within the other."""
    open_until: list[int] = []
    for one in sorted(slices, key=lambda s: (s["ts"], -s["dur"])):
        while open_until and open_until[-1] <= one["ts"]:
            open_until.pop()
        assert not open_until or one["ts"] + one["dur"] <= open_until[-1], one
        open_until.append(one["ts"] + one["dur"])


def exchanges(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [event for event in events if event.get("cat") == "exchange"]


def test_the_picture_of_a_download_has_every_exchange_and_every_byte(world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit(FILES)
    before = max((visit["n"] for visit in hubjet.ledger()), default=0)
    with hubjet.settings(timeline=tmp_path / "t.json"):
        hubjet.snapshot_download("org/model")
    events = picture(tmp_path / "t.json")
    visits = [visit for visit in _native.ledger(before)]
    assert len(exchanges(events)) == len(visits)
    assert sum(event["args"]["bytes"] for event in exchanges(events)) == sum(visit["bytes"] for visit in visits if 200 <= visit["status"] < 300)
    for name, content in FILES.items():
        mine = [event["args"] for event in exchanges(events) if event["args"]["file"] == name and event["args"]["status"] in (200, 206)]
        got = sorted((one["offset"], one["offset"] + one["bytes"]) for one in mine)
        assert got[0][0] == 0 and got[-1][1] == len(content)
        assert all(a[1] == b[0] for a, b in zip(got, got[1:], strict=False)), got  # every range, none twice
    assert {event["args"]["host"] for event in exchanges(events)} <= {visit["origin"] for visit in visits}
    errands = {event["name"] for event in events if event.get("cat") == "errand"}
    assert {"open", "prove", "commit", "small"} <= errands
    curves = defaultdict(list)
    for event in events:
        if event["ph"] == "C":
            curves[event["name"]].append(event["args"]["value"])
    assert curves["bytes received"][-1] == sum(event["args"]["bytes"] for event in exchanges(events))
    assert max(curves["bytes proven"]) == sum(map(len, FILES.values())) and max(curves["memory, bytes"]) > 0
    assert max(curves["connections"]) >= 1


def test_later_downloads_go_on_in_the_same_picture(world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit(FILES)
    seen = []
    with hubjet.settings(timeline=tmp_path / "t.json"):
        for name in ("config.json", "sub/b.bin"):
            hubjet.hf_hub_download("org/model", name)
            seen.append({event["args"]["file"] for event in exchanges(picture(tmp_path / "t.json"))})
        hubjet.hf_hub_download("org/model", "big.bin")
    seen.append({event["args"]["file"] for event in exchanges(picture(tmp_path / "t.json"))})
    assert seen[0] < seen[1] < seen[2]
    hubjet.hf_hub_download("org/model", 'odd "name".txt')  # nothing is kept any more
    assert {event["args"]["file"] for event in exchanges(picture(tmp_path / "t.json"))} == seen[2]
    assert _native.timeline_lines() == b""


def test_no_secret_is_in_the_picture(world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit(FILES)
    with hubjet.settings(timeline=tmp_path / "t.json"):
        hubjet.snapshot_download("org/model", token=world.token("member"))
    text = (tmp_path / "t.json").read_text()
    assert "hf_test" not in text and "ignature" not in text and "?" not in text and "Expires" not in text


def test_many_streams_of_one_connection_have_lanes_of_their_own(world: Any, tmp_path: Path) -> None:
    world.repo("org/many").commit({f"f{n}.json": b"x" * n for n in range(60)})
    with hubjet.settings(timeline=tmp_path / "t.json"):
        hubjet.snapshot_download("org/many")
    assert {f"f{n}.json" for n in range(1, 60)} <= {event["args"]["file"] for event in exchanges(picture(tmp_path / "t.json"))}


def test_the_command_writes_one_even_if_all_is_here(world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit(FILES)
    assert Run("download", "org/model", "--trace", str(tmp_path / "a.json")).code == 0
    assert exchanges(picture(tmp_path / "a.json"))
    commit = hubjet.where("org/model")["commit"].value
    assert Run("download", "org/model", "config.json", "--revision", commit, "--trace", str(tmp_path / "b.json")).code == 0
    assert exchanges(picture(tmp_path / "b.json")) == []
    assert Run("download", "org/model", "--trace", str(tmp_path / "no" / "such" / "folder")).code == 7


def test_what_a_killed_process_leaves_can_still_be_read(world: Any, tmp_path: Path) -> None:
    """Chrome's format may end without its bracket; each line is whole."""
    script = f"""
        import hubjet, os, threading
        hubjet.limit_rate("2M")
        threading.Timer(0.6, os.abort).start()
        hubjet.fetch({world.file("m.bin", BIG)!r}, {str(tmp_path / "m.bin")!r})
    """
    with Child(script, {"HUBJET_TIMELINE": str(tmp_path / "t.json")}) as child:
        assert child.wait() < 0
    text = (tmp_path / "t.json").read_text()
    assert json.loads(text.rstrip().removesuffix("]").rstrip().removesuffix(",") + "]")


def test_the_bench_can_draw_it(world: Any, tmp_path: Path) -> None:
    from tests.bench import plot

    world.repo("org/model").commit(FILES)
    with hubjet.settings(timeline=tmp_path / "t.json"):
        hubjet.snapshot_download("org/model")
    stats = plot.from_trace(tmp_path / "t.json")
    came = sum(event["args"]["bytes"] for event in exchanges(picture(tmp_path / "t.json")) if event["args"]["status"] in (200, 206))
    assert sum(row[0] for row in stats["series"]) == pytest.approx(came, rel=0.01)
    assert max(row[1] for row in stats["series"]) >= max(row[2] for row in stats["series"]) >= 1
    assert plot.save(tmp_path / "t.svg", "t", stats).read_text().startswith("<svg")
