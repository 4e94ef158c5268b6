"""Under enable(), an edited file of the cache is not served silently either: huggingface_hub finds it missing, and its own code goes on from there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Callable

import hubjet
import pytest

from tests.py.enabling import newer, peer, version  # noqa: F401 - fixtures
from tests.py.test_edit_table import append, replace_same_time, same_size_same_time, truncate
from tests.server import World

pytestmark = pytest.mark.usefixtures("hub_env")

CONTENT = b"published " * 5000
CALLS = ("file of main", "file of a commit", "snapshot of main", "snapshot of a commit", "look")
DEEDS = (same_size_same_time, append, truncate, replace_same_time, same_size_same_time)


def fetched_by(calls: list[str], commits: dict[str, str], stock: bool) -> Any:
    """What each call answers: the bytes' beginning and number, or what it raised."""
    import os

    import hubjet
    from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache

    if not stock:
        hubjet.enable()
    answers = {}
    for n, call in enumerate(calls):
        repo, commit = f"org/m{n}", commits[f"org/m{n}"]
        try:
            if call.startswith("file"):
                path: Any = hf_hub_download(repo, "model.bin", revision=None if call.endswith("main") else commit)
            elif call.startswith("snapshot"):
                path = os.path.join(snapshot_download(repo, revision=None if call.endswith("main") else commit), "model.bin")
            else:
                path = try_to_load_from_cache(repo, "model.bin")
            answers[call] = open(path, "rb").read().decode("latin-1") if isinstance(path, str) else None
        except Exception as error:
            answers[call] = type(error).__name__
    return answers


@pytest.fixture
def edited(world: World, cache: Path) -> dict[str, str]:
    """A repository for each call, brought by hubjet; then somebody writes to its file."""
    commits = {}
    for n, deed in enumerate(DEEDS):
        name = f"org/m{n}"
        commits[name] = world.repo(name).commit({"model.bin": CONTENT, "config.json": b"{}"})
        path = Path(os.path.realpath(Path(hubjet.snapshot_download(name)) / "model.bin"))
        path.chmod(0o644)
        path.parent.chmod(0o755)
        deed(path)
    world.clear()
    return commits


def kept(cache: Path) -> int:
    return len(list(cache.glob("models--*/.hubjet/aside/*")))


def test_what_was_edited_is_fetched_again_and_kept_aside(world: World, cache: Path, edited: dict[str, str], peer: Callable[..., Any]) -> None:  # noqa: F811
    said = peer(fetched_by, calls=list(CALLS), commits=edited, stock=False)
    assert said == {call: CONTENT.decode() if call != "look" else None for call in CALLS}
    assert kept(cache) == len(CALLS)
    assert sum(one.bytes for one in world.bodies()) >= 4 * len(CONTENT)
    world.clear()
    assert peer(fetched_by, calls=list(CALLS[:4]), commits=edited, stock=False, env={"HF_HUB_OFFLINE": "1"}) == {call: CONTENT.decode() for call in CALLS[:4]}
    assert kept(cache) == len(CALLS)


def test_offline_it_is_missing_and_never_served(cache: Path, edited: dict[str, str], newer: Callable[..., Any]) -> None:  # noqa: F811
    said = newer(fetched_by, calls=list(CALLS), commits=edited, stock=False, env={"HF_HUB_OFFLINE": "1"})
    assert said["file of main"] == said["file of a commit"] == "LocalEntryNotFoundError" and said["look"] is None
    assert {said["snapshot of main"], said["snapshot of a commit"]} <= {"IncompleteSnapshotError", "LocalEntryNotFoundError"}
    assert kept(cache) == len(CALLS)


def test_a_file_that_was_only_touched_is_served_as_it_is_and_without_enable_nothing_is_looked_at(
    world: World, cache: Path, newer: Callable[..., Any]  # noqa: F811
) -> None:
    commit = world.repo("org/m0").commit({"model.bin": CONTENT, "config.json": b"{}"})
    path = Path(os.path.realpath(Path(hubjet.snapshot_download("org/m0")) / "model.bin"))
    os.utime(path, (1e9, 1e9))
    world.clear()
    assert newer(fetched_by, calls=["file of main"], commits={"org/m0": commit}, stock=False)["file of main"] == CONTENT.decode()
    assert kept(cache) == 0 and not world.bodies()
    path.chmod(0o644)
    append(path)
    assert newer(fetched_by, calls=["file of main"], commits={"org/m0": commit}, stock=True)["file of main"] == CONTENT.decode() + "more"
    assert newer(fetched_by, calls=["file of main"], commits={"org/m0": commit}, stock=False)["file of main"] == CONTENT.decode()


def test_in_a_cache_without_links_too(world: World, cache: Path, newer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    commit = world.repo("org/m0").commit({"model.bin": CONTENT, "config.json": b"{}"})
    path = Path(hubjet.snapshot_download("org/m0")) / "model.bin"
    assert not path.is_symlink()
    path.chmod(0o644)
    same_size_same_time(path)
    env = {"HF_HUB_DISABLE_SYMLINKS": "1"}
    assert newer(fetched_by, calls=["file of main"], commits={"org/m0": commit}, stock=False, env=env)["file of main"] == CONTENT.decode()
