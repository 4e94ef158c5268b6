"""enable(): what is known is not asked for, and what is asked says nothing about this computer."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.py.enabling import lines, peer, version  # noqa: F401
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


def test_a_file_that_no_listing_has_costs_no_request_and_is_noted(peer: Callable[..., Any], world: World, cache: Path) -> None:
    commit = world.repo("org/name").commit(FILES)
    peer(snapshot, enable=True)
    world.clear()
    said, answered = peer(one_file, enable=True, filename="sub/nope.json", revision=commit)
    assert said["class"] == "RemoteEntryNotFoundError" and (len(world.requests), answered) == (0, 1)
    assert (cache / "models--org--name/.no_exist" / commit / "sub/nope.json").exists()


@pytest.mark.parametrize("filename", ["./config.json", "sub//notes.txt"])
def test_a_name_that_is_not_written_as_a_listing_writes_it_is_left_to_the_hub(
    peer: Callable[..., Any], world: World, filename: str
) -> None:
    commit = world.repo("org/name").commit(FILES)
    peer(snapshot, enable=True)
    stock, _ = peer(one_file, enable=False, filename=filename, revision=commit)
    said, answered = peer(one_file, enable=True, filename=filename, revision=commit)
    assert said == stock and answered == 0


def test_a_branch_is_asked_for_as_ever(peer: Callable[..., Any], world: World) -> None:
    repo = world.repo("org/name")
    repo.commit(FILES)
    peer(snapshot, enable=True)
    newer = repo.commit({"config.json": b'{"a": 2}'})
    said, _ = peer(one_file, enable=True, filename="config.json")
    assert newer in said["value"] and Path(said["value"]).read_bytes() == b'{"a": 2}'
    world.clear()
    said, answered = peer(one_file, enable=True, filename="nope.json")
    assert said["class"] == "RemoteEntryNotFoundError" and answered == 0 and len(world.requests) == 1


def test_offline_answers_are_the_stock_ones(peer: Callable[..., Any], world: World) -> None:
    commit = world.repo("org/name").commit(FILES)
    peer(snapshot, enable=True, allow_patterns="*.json")
    for how in ({"filename": "nope.json"}, {"filename": "model.safetensors"}, {"filename": "config.json"}):
        stock, _ = peer(one_file, env={"HF_HUB_OFFLINE": "1"}, enable=False, revision=commit, **how)
        said, answered = peer(one_file, env={"HF_HUB_OFFLINE": "1"}, enable=True, revision=commit, **how)
        assert said == stock and answered == 0


def gated_now(dry: bool = False) -> Any:
    import hubjet
    from huggingface_hub import snapshot_download

    hubjet.enable()
    return caught(lambda: snapshot_download("org/gated", token=False))


def test_a_gate_that_the_listing_does_not_show_is_the_stock_error(peer: Callable[..., Any], world: World) -> None:
    """The API tells a gated repository's files to everybody; it is the file that is refused."""
    world.repo("org/gated", gated="auto").commit(FILES)
    said = peer(gated_now)
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


def test_hf_xet_is_told_to_be_silent_for_as_long(peer: Callable[..., Any]) -> None:
    assert peer(environment) == [{"HF_XET_TELEMETRY_ENABLED": "0"}, True]


def filesystem(enable: bool, place: str, remote: str) -> Any:
    import hubjet
    from huggingface_hub import HfFileSystem

    if enable:
        hubjet.enable()
    fs = HfFileSystem(skip_instance_cache=True)
    said = caught(lambda: fs.get_file(remote, place))
    return [said, hubjet.status()._asdict()]


@pytest.mark.parametrize("xet", [False, True])
def test_files_of_the_file_system_come_through_the_engine(
    peer: Callable[..., Any], world: World, tmp_path: Path, xet: bool
) -> None:
    world.repo("org/name", "dataset").commit(FILES, xet=xet)
    for n, name in enumerate(FILES):
        place = tmp_path / "out" / str(n) / "file"
        said, status = peer(filesystem, env={"HF_HUB_DISABLE_XET": ""}, enable=True, place=str(place), remote=f"datasets/org/name/{name}")
        assert said == {"value": None} and place.read_bytes() == FILES[name]
        assert status["files"] == 1 and status["verified"] == len(FILES[name])
        assert os.listdir(place.parent) == ["file"]


def test_damaged_bytes_do_not_replace_what_the_file_system_was_to_write_over(
    peer: Callable[..., Any], world: World, tmp_path: Path
) -> None:
    world.repo("org/name").commit(FILES)
    world.fault("cdn", "model.safetensors", "corrupt")
    place = tmp_path / "file"
    place.write_bytes(b"mine")
    said, _ = peer(filesystem, enable=True, place=str(place), remote="org/name/model.safetensors")
    assert said["class"] == "OSError" and place.read_bytes() == b"mine"


def test_errors_of_the_file_system_are_the_stock_ones(peer: Callable[..., Any], world: World, tmp_path: Path) -> None:
    world.repo("org/name").commit(FILES)
    for n, remote in enumerate(("org/name/nope.bin", "org/nobody/x.bin", "org/name/sub")):
        stock, _ = peer(filesystem, enable=False, place=str(tmp_path / f"a{n}"), remote=remote)
        said, status = peer(filesystem, enable=True, place=str(tmp_path / f"b{n}"), remote=remote)
        assert said == stock and status["files"] == 0
