"""What `hubjet download` says before it begins, and of what cannot be: the plan, patterns and names that choose nothing."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _plan
from hubjet._plan import Plan, nearest_names, telling
from tests.py.test_cli_words import run
from tests.terminal import run_in_terminal

pytestmark = pytest.mark.usefixtures("hub_env")

BIG = b"1" * 300_000
FILES = {"config.json": b"{}", "tokenizer.json": b"{ }", "model.safetensors": BIG, "pytorch_model.bin": BIG[1:], "onnx/model.onnx": BIG[2:]}


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit(FILES)
    return one


def dry(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, tuple[str, str]]:
    """name -> what is done, and why."""
    code, out, err = run(capsys, "download", "org/model", "--dry-run", *arguments)
    assert code == 0, err
    rows = [line.split("\t") for line in out.splitlines()]
    return {name: (todo, why) for todo, _size, name, why in rows}


def on_terminal(*arguments: str, columns: int = 80) -> tuple[int, str]:
    """The command in a terminal of that width: exit code, and what is seen there. No bar: it depends on the time."""
    env = {**os.environ, "PYTHONPATH": str(Path(hubjet.__file__).parents[1]), "HF_HUB_DISABLE_PROGRESS_BARS": "1", "NO_COLOR": "1"}
    return run_in_terminal([sys.executable, "-m", "hubjet", *arguments], columns, env=env)


def test_a_dry_run_says_of_each_file_what_is_done_and_why(repo: Any, cache: Path, capsys: Any) -> None:
    assert set(dry(capsys).values()) == {("fetch", "not here")}
    assert not cache.exists() or not list(cache.rglob("snapshots"))
    hubjet.hf_hub_download("org/model", "config.json")
    assert dry(capsys)["config.json"] == ("here", "verified when it came")
    assert dry(capsys, "--force")["config.json"] == ("fetch", "forced")
    second = repo.commit({"config.json": b"{}", "copy.json": b"{}", "new.txt": b"new"})
    planned = dry(capsys, "--revision", second)
    assert planned["copy.json"] == ("link", "the same bytes belong to another revision") and planned["new.txt"] == ("fetch", "not here")
    hubjet.snapshot_download("org/model")
    for place in (cache / "models--org--model" / ".hubjet").rglob("*"):
        if place.is_file():
            place.unlink()  # as if another program had brought it
    assert dry(capsys)["new.txt"] == ("here", "brought by another program; its size is right")


def test_what_broke_off_is_to_be_resumed(repo: Any, world: Any, cache: Path, capsys: Any) -> None:
    world.repo("org/large").commit({"a.bin": BIG * 80})
    gate = world.gate("*a.bin", 9_000_000)
    job = hubjet.start(hubjet.snapshot_download, "org/large")
    gate.wait_reached(9_000_000)
    next(event for event in job if getattr(event, "bytes", 0) >= 4_000_000)
    job.cancel()
    with pytest.raises(hubjet.Cancelled):
        job.result()
    world.heal()
    (row,) = json.loads(run(capsys, "download", "org/large", "--dry-run", "--json")[1])["files"]
    assert row["todo"] == "resume" and 0 < row["here"] < row["size"] == 80 * len(BIG)
    assert " came earlier)" in on_terminal("download", "org/large", "--dry-run")[1]
    came = json.loads(run(capsys, "download", "org/large", "--json")[1])
    assert came["resumed"] == row["here"] and came["fetched"] == row["size"] - row["here"]


def test_a_local_dir_has_reasons_of_its_own(repo: Any, tmp_path: Path, capsys: Any) -> None:
    place = tmp_path / "plain"
    hubjet.hf_hub_download("org/model", "config.json", local_dir=place)
    hubjet.hf_hub_download("org/model", "tokenizer.json")
    (place / "pytorch_model.bin").write_bytes(b"mine")
    assert dry(capsys, "--local-dir", str(place)) == {
        "config.json": ("here", "unchanged since it came"),
        "tokenizer.json": ("copy", "its bytes are in the cache"),
        "pytorch_model.bin": ("keep", "edited, or never ours: --force replaces it"),
        "model.safetensors": ("fetch", "not here"),
        "onnx/model.onnx": ("fetch", "not here"),
    }
    assert set(dry(capsys, "--local-dir", str(place), "--force").values()) == {("fetch", "forced")}
    for name, todo in (("config.json", "here"), ("tokenizer.json", "copy"), ("pytorch_model.bin", "keep"), ("model.safetensors", "fetch")):
        code, out, _ = run(capsys, "download", "org/model", name, "--dry-run", "--local-dir", str(place))
        assert (code, out.split("\t")[0]) == (0, todo), out


def test_the_plan_agrees_with_what_then_comes(repo: Any, capsys: Any) -> None:
    run(capsys, "download", "org/model", "config.json")
    planned = json.loads(run(capsys, "download", "org/model", "--dry-run", "--json")[1])
    came = json.loads(run(capsys, "download", "org/model", "--json")[1])
    assert planned["to_fetch"]["bytes"] == came["fetched"] and planned["commit"] == came["commit"] == repo.head
    assert {row["filename"] for row in planned["files"] if row["todo"] == "fetch"} == {one["name"] for one in came["files"] if one["fetched"]}


def test_needed_is_what_a_loader_needs(repo: Any, tmp_path: Path, capsys: Any) -> None:
    needed = {"config.json", "tokenizer.json", "model.safetensors"}
    assert set(dry(capsys, "--needed")) == needed
    folder = Path(run(capsys, "download", "org/model", "--needed")[1].strip())
    assert {path.name for path in folder.iterdir()} == needed
    run(capsys, "download", "org/model", "--needed", "--exclude", "tok*", "--local-dir", str(tmp_path / "d"))
    assert {path.name for path in (tmp_path / "d").iterdir()} == {"config.json", "model.safetensors", ".cache"}
    for wrong in (["a.txt", "--needed"], ["--needed", "--include", "*"], ["--variant", "fp16"]):
        assert run(capsys, "download", "org/model", *wrong)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--include", "*.saftensors"], ["matches --include '*.saftensors'; there is model.safetensors", "5 files in all"]),
        (["--include", "*.jsn"], ["there is config.json, tokenizer.json"]),
        (["--include", "onx/*"], ["there is onnx/model.onnx"]),
        (["--exclude", "*"], ["--exclude '*' leaves no file"]),
        (["--include", "*.json", "--exclude", "*.json"], ["--exclude '*.json' leaves no file"]),
        (["confg.json", "model.safetensors"], ["no file 'confg.json'; did you mean config.json"]),
        (["confg.json"], ["no file 'confg.json'", "like it   config.json"]),
        (["--include", "zzzzzz"], ["matches --include 'zzzzzz'\n"]),
    ],
)
@pytest.mark.parametrize("how", [[], ["--dry-run"], ["--local-dir"]])
def test_what_chooses_nothing_is_an_error_with_the_nearest_names(
    repo: Any, world: Any, tmp_path: Path, capsys: Any, arguments: list[str], words: list[str], how: list[str]
) -> None:
    where = ["--local-dir", str(tmp_path / "d")] if how == ["--local-dir"] else how
    code, out, err = run(capsys, "download", "org/model", *arguments, *where)
    assert (code, out) == (3, "") and all(word in err for word in words), err
    assert "no file is chosen" not in err and world.bodies() == []


def test_a_pattern_that_chooses_nothing_beside_one_that_does_is_said(repo: Any, capsys: Any) -> None:
    code, out, err = run(capsys, "download", "org/model", "--include", "*.json", "--include", "*.saftensors")
    assert code == 0 and "--include '*.saftensors' chooses no file of org/model; there is model.safetensors" in err


def test_what_chooses_nothing_is_an_error_without_the_network_too(repo: Any, capsys: Any) -> None:
    run(capsys, "download", "org/model")
    code, _, err = run(capsys, "download", "org/model", "--include", "*.jsn", "--offline")
    assert code == 3 and "there is config.json" in err


def test_an_empty_repository_is_no_mistake(world: Any, capsys: Any) -> None:
    world.repo("org/empty").commit({})
    assert run(capsys, "download", "org/empty")[0] == 0


def test_a_terminal_shows_the_plan_before_and_a_script_does_not(repo: Any, capsys: Any) -> None:
    code, seen = on_terminal("download", "org/model", "--include", "*.json", "--include", "model*")
    assert code == 0 and seen.startswith("org/model at main: 3 files to fetch, 300.0 kB\n  into  "), seen
    assert " free, " in seen and " left afterwards\n" in seen and "org/model (main): 3 files" in seen
    code, seen = on_terminal("download", "org/model")
    assert seen.startswith("org/model at main: 2 files to fetch, 600.0 kB; 3 here already\n"), seen
    assert on_terminal("download", "org/model")[1].startswith("org/model: all here already\n")
    assert on_terminal("download", "org/model", "--force", "-q")[1].count("\n") == 1
    assert run(capsys, "download", "org/model", "--force")[2] == ""


def test_a_terminal_is_told_that_less_would_do(repo: Any) -> None:
    assert "  hint  --needed brings what a loader needs, 300.0 kB: one format of the weights\n" in on_terminal("download", "org/model")[1]
    assert "hint" not in on_terminal("download", "org/model", "--force", "--needed")[1]


@pytest.mark.parametrize("columns", [80, 40])
def test_tables_and_errors_fit_a_terminal(repo: Any, columns: int) -> None:
    hubjet.hf_hub_download("org/model", "config.json")
    for arguments in (
        ["limit"],
        ["download", "org/nope"],
        ["download", "org/model", "--include", "*.jsn"],
        ["download", "org/model", "--dry-run"],
        ["config", "polite", "--origin"],
        ["doctor"],
        ["about"],
        ["ls", "--cache-dir", "nowhere"],
    ):
        _, seen = on_terminal(*arguments, columns=columns)
        words = [line.split() for line in seen.splitlines() if len(line) > columns]
        assert [line for line in words if len(line) > 1 and max(map(len, line)) < columns - 20] == [], seen


def test_time_is_told_where_it_is_known(repo: Any, capsys: Any) -> None:
    assert "the time shows when bytes come" in run(capsys, "download", "org/model", "--dry-run")[2]
    assert "5 min at least (--limit-rate)" in run(capsys, "download", "org/model", "--dry-run", "--limit-rate", "3K")[2]


def test_the_listener_may_end_the_call_before_anything_is_written(repo: Any, cache: Path) -> None:
    class Enough(Exception):
        pass

    def stop(plan: Plan) -> None:
        raise Enough

    with pytest.raises(Enough), telling(stop):
        hubjet.snapshot_download("org/model")
    assert not list(cache.rglob("snapshots")) and not _plan.wanted()


def test_a_plan_is_told_once_for_a_repository_of_many_pages(world: Any) -> None:
    """What its first page began to fetch is told as it was before."""
    world.hub.page_size = 2
    world.repo("org/pages").commit({f"{i}.bin": bytes([i]) * 5000 for i in range(9)})
    plans: list[Plan] = []
    with telling(plans.append):
        hubjet.snapshot_download("org/pages")
    (plan,) = plans
    assert len(plan.rows) == len(plan.coming) == 9 and plan.left == 45_000 and {row.reason for row in plan.rows} == {"not here"}


@pytest.mark.parametrize(
    ("typed", "listed", "near"),
    [
        ("*.saftensors", ["a/model.safetensors", "b.json"], ["a/model.safetensors"]),
        ("modle-00001-of-00002.bin", ["model-00002-of-00002.bin", "model-00001-of-00002.bin"], ["model-00001-of-00002.bin"]),
        ("CONFIG.JSON", ["config.json"], ["config.json"]),
        ("zzz", ["config.json"], []),
        ("*", ["config.json"], []),
        ("x", [], []),
    ],
)
def test_the_nearest_names(typed: str, listed: list[str], near: list[str]) -> None:
    assert nearest_names(typed, listed)[: len(near) or None] == near
