"""Under enable() huggingface_hub, and who uses it, finds what lies in `caches`: both lines of it, offline and online."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hubjet
from tests.py.enabling import newer, peer, version  # noqa: F401 - fixtures
from tests.py.test_tiers import FILES, brought, is_right, state
from tests.server import World

pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture
def tier(tmp_path: Path) -> Path:
    return tmp_path / "tier"


def look_offline(commit: str) -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download, snapshot_download, try_to_load_from_cache

    before = [caught(lambda: hf_hub_download("org/name", "config.json"))["class"], try_to_load_from_cache("org/name", "config.json")]
    hubjet.enable()
    return {
        "before": before,
        "tried": try_to_load_from_cache("org/name", "sub/tokens.txt"),
        "file": hf_hub_download("org/name", "config.json"),
        "pinned": hf_hub_download("org/name", "model.safetensors", revision=commit),
        "folder": snapshot_download("org/name"),
        "absent": caught(lambda: hf_hub_download("org/name", "nothing.bin"))["class"],
    }


def test_offline_it_finds_a_model_of_a_tier(world: World, cache: Path, tier: Path, peer: Callable[..., Any]) -> None:
    commit = brought(world, tier)
    before = state(tier)
    world.clear()
    got = peer(look_offline, env={"HUBJET_CACHES": f"{tier}:", "HF_HUB_OFFLINE": "1"}, commit=commit)
    assert got["before"] == ["LocalEntryNotFoundError", None]
    folder = cache / "models--org--name/snapshots" / commit
    assert got["folder"] == str(folder) and is_right(folder)
    assert (got["tried"], got["file"], got["pinned"]) == (f"{folder}/sub/tokens.txt", f"{folder}/config.json", f"{folder}/model.safetensors")
    assert got["absent"] == "LocalEntryNotFoundError"
    assert os.path.realpath(folder / "model.safetensors").startswith(str(tier))
    assert state(tier) == before and world.requests == []


def look_online() -> Any:
    import hubjet
    from huggingface_hub import scan_cache_dir, snapshot_download

    hubjet.enable()
    folder = snapshot_download("org/name")
    found = scan_cache_dir()
    hubjet.disable()
    return {"folder": folder, "warnings": [str(one) for one in found.warnings], "again": snapshot_download("org/name")}


def test_online_only_what_the_tier_lacks_is_fetched(world: World, cache: Path, tier: Path, peer: Callable[..., Any]) -> None:
    brought(world, tier, allow_patterns=["*.safetensors"])
    world.clear()
    got = peer(look_online, env={"HUBJET_CACHES": f"{tier}:"})
    assert is_right(got["folder"]) and got["again"] == got["folder"] and got["warnings"] == []
    assert not [one for one in world.requests if one.method == "GET" and "safetensors" in one.path]
    assert os.path.realpath(f"{got['folder']}/model.safetensors").startswith(str(tier))


def fill(folder: str) -> Any:
    from huggingface_hub import snapshot_download

    return snapshot_download("org/name", cache_dir=folder)


def test_a_tier_that_huggingface_hub_filled(world: World, cache: Path, tier: Path, peer: Callable[..., Any]) -> None:
    """It has no records of hubjet's: each file is hashed once, and the proof is a link in the writable cache."""
    commit = world.repo("org/name").commit(FILES, lfs=("*.safetensors",))
    peer(fill, folder=str(tier))
    before = state(tier)
    with hubjet.settings(caches=[tier, cache], offline=True):
        folder = hubjet.snapshot_download("org/name")
        assert folder == str(cache / "models--org--name/snapshots" / commit) and is_right(folder)
        assert hubjet.hf_hub_download("org/name", "config.json") == f"{folder}/config.json"
        assert hubjet.snapshot_download("org/name", revision=commit) == folder
    assert all(os.path.realpath(f"{folder}/{name}").startswith(str(tier)) for name in FILES)
    assert state(tier) == before
    with hubjet.settings(caches=[tier, None], cache_dir=cache):
        assert hubjet.snapshot_download("org/name") == folder


def test_without_tiers_it_does_nothing(world: World, cache: Path, newer: Callable[..., Any]) -> None:
    world.repo("org/name").commit(FILES)
    got = newer(look_online)
    assert is_right(got["folder"]) and got["warnings"] == []
    assert not any(p.is_symlink() for p in cache.glob("models--*/blobs/*"))


def load() -> Any:
    import hubjet

    hubjet.enable()
    import transformers

    config = transformers.AutoConfig.from_pretrained("org/bert")
    return {"hidden": config.hidden_size}


def test_transformers_loads_offline_from_a_tier(world: World, cache: Path, tier: Path, newer: Callable[..., Any]) -> None:
    import json

    world.repo("org/bert").commit({"config.json": json.dumps({"model_type": "bert", "hidden_size": 48, "num_attention_heads": 2}).encode()})
    hubjet.snapshot_download("org/bert", cache_dir=tier)
    world.clear()
    assert newer(load, env={"HUBJET_CACHES": f"{tier}:", "HF_HUB_OFFLINE": "1"})["hidden"] == 48
    assert world.requests == []


def take_two_at_once() -> Any:
    """The first file has just made its folder when the second is done."""
    import os
    import threading

    import hubjet
    from huggingface_hub import snapshot_download
    from hubjet import _elsewhere
    from hubjet._patch.body import Body

    take, taken, done, seen = _elsewhere.take_as, Body._taken, threading.Event(), []

    def slow(path: str, tmp: str, lies: Any, etag: str, filename: str, *rest: Any, **more: Any) -> Any:
        if not seen:
            seen.append(filename)
            os.makedirs(tmp)
            seen.append(done.wait(60))
            seen.append(os.path.isdir(tmp))
        return take(path, tmp, lies, etag, filename, *rest, **more)

    def noting(self: Any, place: str, *rest: Any) -> bool:
        answer = taken(self, place, *rest)
        done.set()
        return answer

    _elsewhere.take_as = slow  # type: ignore[assignment]
    Body._taken = noting  # type: ignore[method-assign]
    hubjet.enable()
    folder = snapshot_download("org/name")
    return {"folder": folder, "seen": seen[1:], "left": sorted(os.listdir(os.path.join(folder, "..", "..")))}


def test_a_file_that_is_done_takes_no_folder_from_under_another(world: World, tier: Path, newer: Callable[..., Any]) -> None:  # noqa: F811
    brought(world, tier)
    got = newer(take_two_at_once, env={"HUBJET_SEARCH": str(tier)})
    assert got["seen"] == [True, True]
    assert is_right(Path(got["folder"])) and ".hubjet" not in got["left"]
