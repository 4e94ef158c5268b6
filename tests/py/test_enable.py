"""enable(): huggingface_hub's own functions, with our engine under them."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Callable

import pytest

import hubjet
from tests.py.enabling import peer, version  # noqa: F401
from tests.py.peers import caught
from tests.server import Sparse, World

MIB = 1 << 20
FILES: dict[str, Any] = {
    "config.json": b'{"a": 1}',
    "empty.txt": b"",
    "sub/notes.txt": b"words\n" * 100,
    "model.safetensors": Sparse(12 * MIB, seed=5),
}


def fetch_all(enable: bool) -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download, snapshot_download

    if enable:
        hubjet.enable()
    one = hf_hub_download("org/name", "model.safetensors")
    folder = snapshot_download("org/name")
    return [one, folder, hubjet.status()._asdict()]


def test_downloads_come_through_the_engine_and_are_what_they_should_be(peer: Callable[..., Any], world: World) -> None:
    repo = world.repo("org/name")
    commit = repo.commit(FILES)
    one, folder, status = peer(fetch_all, enable=True)
    assert one == f"{folder}/model.safetensors"
    assert folder.endswith(commit)
    for name in FILES:
        data = (Path(folder) / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == repo.commits[commit].files[name].content.sha256
    assert status["enabled"] and set(status["hooks"].values()) <= {"ours", "waits for the import"}
    assert status["files"] == len(FILES) and status["verified"] == sum(len((Path(folder) / n).read_bytes()) for n in FILES)
    assert {r.headers.get("user-agent", "")[:7] for r in world.bodies()} == {"hubjet/"}


def hooked_functions() -> Any:
    """What is replaced while enabled, found by looking at every attribute of every module of huggingface_hub."""
    import inspect
    import sys

    import huggingface_hub
    import hubjet
    from huggingface_hub import HfFileSystem, hf_hub_download, snapshot_download  # noqa: F401
    from huggingface_hub import file_download, hf_file_system  # noqa: F401

    def everything() -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, module in list(sys.modules.items()):
            if name.split(".")[0] == "huggingface_hub":
                for key, value in list(vars(module).items()):
                    found[f"{name}.{key}"] = value
                    if inspect.isclass(value) and value.__module__ == name:
                        found.update({f"{name}.{key}.{k}": v for k, v in vars(value).items()})
        return found

    before = everything()
    hubjet.enable()
    hubjet.enable()
    during = everything()
    hubjet.disable()
    after = everything()
    changed = sorted(name for name in before if during[name] is not before[name])
    left = sorted(name for name in before if after[name] is not before[name])
    return [changed, left, sorted(set(after) - set(before)), hubjet.status().enabled, hubjet.status().hooks]


def test_disable_restores_the_very_objects(peer: Callable[..., Any]) -> None:
    changed, left, new, enabled, hooks = peer(hooked_functions)
    assert "huggingface_hub.file_download._download_to_tmp_and_move" in changed
    assert left == [] and new == []
    assert enabled is False and hooks == {}


def bound_before(which: str) -> Any:
    """The caller's own name of the function, from before enable(); or everything imported after it."""
    import hubjet

    if which == "after":
        hubjet.enable()
        waiting = hubjet.status().hooks
        from huggingface_hub import hf_hub_download
    else:
        waiting = {}
        from huggingface_hub import hf_hub_download

        hubjet.enable()
    hf_hub_download("org/name", "config.json")
    return [sorted(set(waiting.values())), hubjet.status().files, hubjet.status().hooks["file_download._download_to_tmp_and_move"]]


@pytest.mark.parametrize("which", ["before", "after"])
def test_it_does_not_matter_what_was_imported_first(peer: Callable[..., Any], world: World, which: str) -> None:
    world.repo("org/name").commit({"config.json": b"{}"})
    waiting, files, states = peer(bound_before, which=which)
    assert waiting == (["waits for the import"] if which == "after" else [])
    assert files == 1 and states == "ours"


def download_caught(filename: str = "model.safetensors") -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    return caught(lambda: hf_hub_download("org/name", filename))


def test_damaged_bytes_are_an_oserror_and_never_reach_the_cache(peer: Callable[..., Any], world: World, cache: Path) -> None:
    repo = world.repo("org/name")
    repo.commit({"model.safetensors": b"\5" * 300_000}, xet=True)
    world.fault("cdn", "model.safetensors", "corrupt")
    said = peer(download_caught)
    assert said["class"] == "OSError" and "Consistency check failed" in said["text"] and "ValueError" not in said["bases"]
    assert [p for p in cache.rglob("*") if p.is_file() and "blobs" in p.parts] == []
def test_a_signed_url_that_expired_is_asked_for_anew(peer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"model.safetensors": b"\5" * 300_000})
    world.fault("cdn", "model.safetensors", "status", code=403, times=1)
    said = peer(download_caught)
    assert Path(said["value"]).read_bytes() == b"\5" * 300_000


