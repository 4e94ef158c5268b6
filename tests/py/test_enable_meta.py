"""enable(): what is known is not asked for, and what is asked says nothing about this computer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.py.enabling import lines, newer, peer, version  # noqa: F401
from tests.py.peers import caught
from tests.server import World

FILES: dict[str, Any] = {
    "config.json": b'{"a": 1}',
    "empty.txt": b"",
    "sub/notes.txt": b"words\n" * 100,
    "model.safetensors": b"\5" * 300_000,
}


def snapshot(enable: bool, **how: Any) -> Any:
    import hubjet
    from huggingface_hub import snapshot_download

    if enable:
        hubjet.enable()
    answer = snapshot_download("org/name", **how)
    return answer if isinstance(answer, str) else sorted(map(repr, answer))


def one_file(enable: bool, filename: str, **how: Any) -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download

    if enable:
        hubjet.enable()
    said = caught(lambda: hf_hub_download("org/name", filename, **how))
    return [said, hubjet.status().answered]


def test_a_snapshot_asks_no_file_for_its_metadata(peer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit(FILES)
    folder = Path(peer(snapshot, enable=True))
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()} == FILES
    asked = lines(world.requests)
    assert [line for line in asked if line.startswith("HEAD")] == []
    assert asked == sorted([
        "GET /api/models/org/name/revision/main",
        "GET /api/models/org/name/tree/COMMIT",
        "GET /org/name/resolve/COMMIT/config.json",
        "GET /api/resolve-cache/models/org/name/COMMIT/config.json",
        "GET /org/name/resolve/COMMIT/sub/notes.txt",
        "GET /api/resolve-cache/models/org/name/COMMIT/sub/notes.txt",
        "GET /org/name/resolve/COMMIT/model.safetensors",
        next(line for line in asked if "/COMMIT" in line and "org" not in line),  # the content network's
    ])  # fmt: skip


@pytest.mark.parametrize("xet", [False, True])
def test_a_dry_run_answers_as_stock_without_asking_for_each_file(peer: Callable[..., Any], world: World, xet: bool) -> None:
    world.repo("org/name").commit(FILES, xet=xet)
    stock = peer(snapshot, enable=False, dry_run=True)
    world.clear()
    assert peer(snapshot, enable=True, dry_run=True) == stock
    assert lines(world.requests) == ["GET /api/models/org/name/revision/main", "GET /api/models/org/name/tree/COMMIT"]


def test_a_file_that_a_commit_is_known_to_lack_costs_no_request(peer: Callable[..., Any], world: World, cache: Path) -> None:
    commit = world.repo("org/name").commit(FILES)
    first, _ = peer(one_file, enable=True, filename="nope.json", revision=commit)
    assert len(world.requests) == 1 and (cache / "models--org--name/.no_exist" / commit / "nope.json").exists()
    world.clear()
    stock, _ = peer(one_file, enable=False, filename="nope.json", revision=commit)
    assert len(world.requests) == 1
    world.clear()
    second, answered = peer(one_file, enable=True, filename="nope.json", revision=commit)
    assert (len(world.requests), answered) == (0, 1)
    assert second["class"] == first["class"] == stock["class"] and second["bases"] == stock["bases"]
    assert "Entry Not Found for url" in second["text"]


def test_a_file_that_no_listing_has_costs_no_request_and_is_noted(newer: Callable[..., Any], world: World, cache: Path) -> None:
    commit = world.repo("org/name").commit(FILES)
    newer(snapshot, enable=True)
    world.clear()
    said, answered = newer(one_file, enable=True, filename="sub/nope.json", revision=commit)
    assert said["class"] == "RemoteEntryNotFoundError" and (len(world.requests), answered) == (0, 1)
    assert (cache / "models--org--name/.no_exist" / commit / "sub/nope.json").exists()


@pytest.mark.parametrize("filename", ["./config.json", "sub//notes.txt"])
def test_a_name_that_is_not_written_as_a_listing_writes_it_is_left_to_the_hub(
    newer: Callable[..., Any], world: World, filename: str
) -> None:
    commit = world.repo("org/name").commit(FILES)
    newer(snapshot, enable=True)
    stock, _ = newer(one_file, enable=False, filename=filename, revision=commit)
    said, answered = newer(one_file, enable=True, filename=filename, revision=commit)
    assert said == stock and answered == 0


def test_a_branch_is_asked_for_as_ever(newer: Callable[..., Any], world: World) -> None:
    repo = world.repo("org/name")
    repo.commit(FILES)
    newer(snapshot, enable=True)
    second = repo.commit({"config.json": b'{"a": 2}'})
    said, _ = newer(one_file, enable=True, filename="config.json")
    assert second in said["value"] and Path(said["value"]).read_bytes() == b'{"a": 2}'
    world.clear()
    said, answered = newer(one_file, enable=True, filename="nope.json")
    assert said["class"] == "RemoteEntryNotFoundError" and answered == 0 and len(world.requests) == 1


def test_offline_answers_are_the_stock_ones(newer: Callable[..., Any], world: World) -> None:
    commit = world.repo("org/name").commit(FILES)
    newer(snapshot, enable=True, allow_patterns="*.json")
    for how in ({"filename": "nope.json"}, {"filename": "model.safetensors"}, {"filename": "config.json"}):
        stock, _ = newer(one_file, env={"HF_HUB_OFFLINE": "1"}, enable=False, revision=commit, **how)
        said, answered = newer(one_file, env={"HF_HUB_OFFLINE": "1"}, enable=True, revision=commit, **how)
        assert said == stock and answered == 0


def pinned(names: list[str], revision: str) -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    return [caught(lambda name=name: hf_hub_download("org/name", name, revision=revision)) for name in names]


def test_the_second_question_about_a_commit_is_the_last_one(peer: Callable[..., Any], world: World, cache: Path) -> None:
    """As a framework asks: one file after the other, of which many are not there. One listing answers for all that follow."""
    commit = world.repo("org/name").commit(FILES)
    names = ["config.json", "nope.json", "neither.json", "model.safetensors", "sub/notes.txt", "empty.txt", "not/this.json"]
    said = peer(pinned, names=names, revision=commit)
    assert [one.get("class") for one in said] == [None, "RemoteEntryNotFoundError", "RemoteEntryNotFoundError", None, None, None, "RemoteEntryNotFoundError"]
    assert all(Path(one["value"]).read_bytes() == FILES[name] for name, one in zip(names, said) if "value" in one)
    asked = lines(world.requests)
    assert [line for line in asked if line.startswith("HEAD")] == [
        "HEAD /api/resolve-cache/models/org/name/COMMIT/config.json", "HEAD /org/name/resolve/COMMIT/config.json"
    ]  # fmt: skip
    assert len([line for line in asked if "/tree/" in line]) == 1 and len(asked) == 8
    assert not (cache / "models--org--name/trees").exists(), "the stock client keeps none of these, either"


def test_a_listing_of_several_pages_answers_for_what_it_has_and_for_nothing_else(newer: Callable[..., Any], world: World) -> None:
    commit = world.repo("org/name").commit(FILES)
    world.hub.page_size = 2  # config.json, empty.txt
    said = newer(pinned, names=["nope.json", "config.json", "model.safetensors", "neither.json"], revision=commit)
    assert [one.get("class") for one in said] == ["RemoteEntryNotFoundError", None, None, "RemoteEntryNotFoundError"]
    asked = lines(world.requests)
    assert len([line for line in asked if "/tree/" in line]) == 1
    assert [line.rpartition("/")[2] for line in asked if line.startswith("HEAD")] == ["model.safetensors", "neither.json", "nope.json"]


def test_a_listing_that_cannot_be_had_costs_one_request_and_nothing_else(newer: Callable[..., Any], world: World) -> None:
    commit = world.repo("org/name").commit(FILES)
    world.fault("hub", "*/tree/*", "status", code=500)
    said = newer(pinned, names=["nope.json", "config.json", "model.safetensors"], revision=commit)
    assert [one.get("class") for one in said] == ["RemoteEntryNotFoundError", None, None]
    assert len([line for line in lines(world.requests) if "/tree/" in line]) == 1


def gated_now(dry: bool = False) -> Any:
    import hubjet
    from huggingface_hub import snapshot_download

    hubjet.enable()
    return caught(lambda: snapshot_download("org/gated", token=False))


def test_a_gate_that_the_listing_does_not_show_is_the_stock_error(newer: Callable[..., Any], world: World) -> None:
    """The API tells a gated repository's files to everybody; it is the file that is refused."""
    world.repo("org/gated", gated="auto").commit(FILES)
    said = newer(gated_now)
    assert said["class"] == "GatedRepoError" and "Cannot access gated repo" in said["text"]


def chatty(enable: bool) -> Any:
    import hubjet
    import huggingface_hub
    from huggingface_hub.utils import build_hf_headers, send_telemetry

    if enable:
        hubjet.enable()
    huggingface_hub.snapshot_download("org/name", library_name="nosy", library_version="1", user_agent={"secret": "habit"})
    send_telemetry("org/topic", library_name="nosy")
    from huggingface_hub.utils import _telemetry

    if _telemetry._TELEMETRY_THREAD is not None:
        _telemetry._TELEMETRY_QUEUE.join()
    import huggingface_hub.cli  # noqa: F401

    return build_hf_headers()["user-agent"]


def test_nothing_phones_home(peer: Callable[..., Any], world: World, cache: Path, tmp_path: Path) -> None:
    world.repo("org/name").commit(FILES)
    talks = {"HF_HUB_DISABLE_TELEMETRY": "", "AI_AGENT": "somebody"}
    assert peer(chatty, env=talks, enable=True) == f"hubjet/{__import__('hubjet').__version__}"
    asked = world.requests
    assert {r.headers["user-agent"] for r in asked} == {f"hubjet/{__import__('hubjet').__version__}"}
    assert [r.name for r in asked if "agent-harnesses" in r.name or "telemetry" in r.name] == []
    world.clear()
    (tmp_path / "home" / ".agent_harnesses.json").unlink(missing_ok=True)
    assert "nosy" not in peer(chatty, env=talks, enable=False)  # the stock client does, or this test could not fail
    assert [r.name for r in world.requests if "agent-harnesses" in r.name] != []
    assert [r.name for r in world.requests if "telemetry" in r.name] != []


def environment() -> Any:
    import os

    import hubjet

    before = dict(os.environ)
    hubjet.enable()
    during = {name: value for name, value in os.environ.items() if before.get(name) != value}
    hubjet.disable()
    return [during, dict(os.environ) == before]


def test_hf_xet_is_told_to_be_silent_for_as_long(newer: Callable[..., Any]) -> None:
    assert newer(environment) == [{"HF_XET_TELEMETRY_ENABLED": "0"}, True]


def filesystem(enable: bool, wanted: list[list[str]]) -> Any:
    """For each [remote, place]: what came of it, and what was counted."""
    import hubjet
    from huggingface_hub import HfFileSystem

    if enable:
        hubjet.enable()
    fs = HfFileSystem(skip_instance_cache=True)
    return [[caught(lambda r=remote, p=place: fs.get_file(r, p)), hubjet.status()._asdict()] for remote, place in wanted]


@pytest.mark.parametrize("xet", [False, True])
def test_files_of_the_file_system_come_through_the_engine(
    peer: Callable[..., Any], world: World, tmp_path: Path, xet: bool
) -> None:
    world.repo("org/name", "dataset").commit(FILES, xet=xet)
    places = [tmp_path / "out" / str(n) / "file" for n in range(len(FILES))]
    wanted = [[f"datasets/org/name/{name}", str(place)] for name, place in zip(FILES, places)]
    came = peer(filesystem, env={"HF_HUB_DISABLE_XET": ""}, enable=True, wanted=wanted)
    assert [said for said, _ in came] == [{"value": None}] * len(FILES)
    assert [place.read_bytes() for place in places] == list(FILES.values())
    assert came[-1][1]["files"] == len(FILES) and came[-1][1]["verified"] == sum(map(len, FILES.values()))
    assert [os.listdir(place.parent) for place in places] == [["file"]] * len(FILES)


def test_damaged_bytes_do_not_replace_what_the_file_system_was_to_write_over(
    newer: Callable[..., Any], world: World, tmp_path: Path
) -> None:
    world.repo("org/name").commit(FILES)
    world.fault("cdn", "model.safetensors", "corrupt")
    place = tmp_path / "file"
    place.write_bytes(b"mine")
    ((said, _),) = newer(filesystem, enable=True, wanted=[["org/name/model.safetensors", str(place)]])
    assert said["class"] == "OSError" and place.read_bytes() == b"mine"


def test_errors_of_the_file_system_are_the_stock_ones(peer: Callable[..., Any], world: World, tmp_path: Path) -> None:
    world.repo("org/name").commit(FILES)
    remotes = ("org/name/nope.bin", "org/nobody/x.bin", "org/name/sub")
    stock = peer(filesystem, enable=False, wanted=[[remote, str(tmp_path / f"a{n}")] for n, remote in enumerate(remotes)])
    ours = peer(filesystem, enable=True, wanted=[[remote, str(tmp_path / f"b{n}")] for n, remote in enumerate(remotes)])
    assert [said for said, _ in ours] == [said for said, _ in stock]
    assert [status["files"] for _, status in ours] == [0, 0, 0]
