"""hf_xet downloads from the embedded hub's store, as from the real one: the witness of what `enable()` replaces."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.py.peers import peer_env, run_peer
from tests.server import World

LARGE = bytes(range(256)) * 1000


def download(cache: str) -> Any:
    """Runs in a peer."""
    from huggingface_hub import hf_hub_download, snapshot_download

    path = hf_hub_download("org/xet", "model.safetensors", cache_dir=cache)
    with open(path, "rb") as file:
        got = file.read().hex()
    return [got, snapshot_download("org/xet", cache_dir=cache)]


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_hf_xet_downloads_by_its_own_protocol(world: World, tmp_path: Path, version: str) -> None:
    world.hub.xet_cas = True
    commit = world.repo("org/xet").commit({"config.json": b"{}", "model.safetensors": LARGE}, xet=True)
    file = world.hub.repos["models", "org/xet"].files()["model.safetensors"]
    env = {name: value for name, value in peer_env(world, tmp_path).items() if name != "HF_HUB_DISABLE_XET"}
    got, folder = run_peer(version, download, env, {"cache": str(tmp_path / "cache")})
    assert got == LARGE.hex() and folder.endswith(commit)
    asked = [request.name for request in world.requests]
    assert asked.count(f"/api/models/org/xet/xet-read-token/{commit}") == 1
    assert asked.count(f"/cas/v2/reconstructions/{file.xet_hash}") == 1
    assert sum(name.startswith("/cas/xorbs/") for name in asked) == 1
    assert not [request for request in world.requests if request.origin == "cdn"], "the bytes came by Xet, not by HTTP"
    assert (tmp_path / "cache/blobs" / str(file.xet_hash)[:2] / str(file.xet_hash)).read_bytes() == LARGE
