"""How many requests each call makes, and whom it tells what. Counted by the servers, and by the ledger."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any, Callable

import pytest

import hubjet
from tests.server import Repo, Sparse, World

Take = Callable[[], list[Any]]
pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture
def repo(world: World) -> Repo:
    repo = world.repo("org/name")
    repo.commit({"config.json": b'{"a": 1}', "vocab.txt": b"one\ntwo\n", "model.safetensors": Sparse(24 << 20, 1)}, lfs=("*.safetensors",))
    return repo


def chains(seen: list[Any]) -> list[Any]:
    """Questions to the hub that are not the second half of a redirect within it."""
    return [r for r in seen if r.origin == "hub" and "/resolve-cache/" not in r.path]


def test_a_cold_small_file_is_one_chain(repo: Repo, requests: Take) -> None:
    path = hubjet.hf_hub_download("org/name", "config.json")
    seen = requests()
    assert Path(path).read_bytes() == b'{"a": 1}'
    assert [r.method for r in seen] == ["GET", "GET"] and len(chains(seen)) == 1


def test_a_cold_large_file_is_one_chain_and_its_ranges(repo: Repo, requests: Take) -> None:
    hubjet.hf_hub_download("org/name", "model.safetensors")
    seen = requests()
    assert {r.method for r in seen} == {"GET"}
    assert len(chains(seen)) == 1 and [r.origin for r in seen].count("hub") == 1
    ranges = sorted(tuple(map(int, r.range.removeprefix("bytes=").split("-"))) for r in seen if r.origin == "cdn")
    assert len(ranges) > 1, "a file of 24 MiB is shared out"
    assert ranges[0][0] == 0 and ranges[-1][1] == (24 << 20) - 1
    assert all(a[1] + 1 == b[0] for a, b in zip(ranges, ranges[1:])), "each byte is asked for once"


def test_ranges_travel_over_separate_connections(repo: Repo, world: World, requests: Take) -> None:
    gate = world.gate("model.safetensors")
    thread = threading.Thread(target=hubjet.hf_hub_download, args=("org/name", "model.safetensors"))
    thread.start()
    gate.wait_reached(9 << 20)
    gate.open()
    thread.join()
    assert len({r.connection for r in requests() if r.origin == "cdn"}) >= 2


def test_a_snapshot_is_revision_and_tree_and_a_chain_for_each_file(repo: Repo, requests: Take) -> None:
    hubjet.snapshot_download("org/name")
    assert len(chains(requests())) == 2 + 3


@pytest.fixture
def paged(world: World, monkeypatch: pytest.MonkeyPatch) -> Repo:
    """A listing of two pages; the second is not answered before a file of the first was asked for."""
    repo = world.repo("org/paged")
    repo.commit({f"{name}.json": name.encode() for name in "abcdef"})
    asked, tree, resolve = threading.Event(), world.hub.tree, world.hub.resolve

    def slow_tree(request: Any, *more: Any) -> Any:
        assert "cursor" not in request.args or asked.wait(30), "the files wait for the second page"
        return tree(request, *more)

    def seen(request: Any, *more: Any) -> Any:
        asked.set()
        return resolve(request, *more)

    monkeypatch.setattr(world.hub, "page_size", 4)
    monkeypatch.setattr(world.hub, "tree", slow_tree)
    monkeypatch.setattr(world.hub, "resolve", seen)
    return repo


def test_files_of_the_first_page_come_while_the_second_is_asked_for(paged: Repo, requests: Take) -> None:
    folder = Path(hubjet.snapshot_download("org/paged"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {f"{name}.json": name.encode() for name in "abcdef"}
    assert len(chains(requests())) == 3 + 6
    assert (folder.parents[1] / "refs/main").read_text() == folder.name
    assert (folder.parents[1] / "trees" / f"{folder.name}.json").exists()


def test_nothing_comes_early_that_the_patterns_leave_out(paged: Repo, requests: Take) -> None:
    folder = Path(hubjet.snapshot_download("org/paged", allow_patterns=["a*", "e*", "f*"], ignore_patterns="f*"))
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "e.json"]
    assert len(chains(requests())) == 3 + 2


def test_a_second_page_that_fails_publishes_nothing(paged: Repo, world: World, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = world.hub.tree

    def broken(request: Any, *more: Any) -> Any:
        answer = tree(request, *more)
        if "cursor" in request.args:
            answer.body = b"[{}]"
        return answer

    monkeypatch.setattr(world.hub, "tree", broken)
    with pytest.raises(hubjet.ProtocolError):
        hubjet.snapshot_download("org/paged")
    assert not (cache / "models--org--paged/refs").exists() and not (cache / "models--org--paged/trees").exists()
    monkeypatch.setattr(world.hub, "tree", tree)
    assert len(list(Path(hubjet.snapshot_download("org/paged")).iterdir())) == 6


@pytest.mark.parametrize("call", ["hf_hub_download", "snapshot_download", "from_pretrained"])
def test_a_warm_branch_costs_one_request(repo: Repo, requests: Take, call: str) -> None:
    hubjet.snapshot_download("org/name")
    requests()
    if call == "hf_hub_download":
        hubjet.hf_hub_download("org/name", "model.safetensors")
    else:
        getattr(hubjet, call)("org/name")
    assert len(requests()) == 1


@pytest.mark.parametrize("how", ["pinned", "offline", "local_files_only"])
def test_warm_and_sure_costs_nothing(repo: Repo, requests: Take, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    hubjet.snapshot_download("org/name")
    requests()
    with hubjet.contacts() as book:
        keywords: dict[str, Any] = {}
        if how == "pinned":
            keywords["revision"] = repo.head
        elif how == "offline":
            monkeypatch.setenv("HF_HUB_OFFLINE", "1")
        else:
            keywords["local_files_only"] = True
        hubjet.hf_hub_download("org/name", "config.json", **keywords)
        hubjet.snapshot_download("org/name", **keywords)
        hubjet.from_pretrained("org/name", **keywords)
    assert requests() == [] and book.visits == []


def test_a_file_known_to_be_missing_costs_nothing(repo: Repo, requests: Take) -> None:
    for expected in (1, 0):
        with pytest.raises(hubjet.EntryNotFound):
            hubjet.hf_hub_download("org/name", "nothing.json", revision=repo.head)
        assert len(requests()) == expected


def test_the_same_content_under_another_name_is_not_fetched_twice(world: World, requests: Take) -> None:
    data = Sparse(6 << 20, 7)
    world.repo("org/twice").commit({"a.bin": data, "b.bin": data}, lfs=("*.bin",))
    folder = Path(hubjet.snapshot_download("org/twice"))
    assert sum(r.bytes for r in requests() if r.origin == "cdn") == 6 << 20
    assert os.path.samefile(folder / "a.bin", folder / "b.bin")


def test_a_new_revision_fetches_only_what_changed(repo: Repo, world: World, requests: Take) -> None:
    hubjet.snapshot_download("org/name")
    requests()
    repo.commit({"config.json": b'{"a": 2}'})
    folder = Path(hubjet.snapshot_download("org/name"))
    assert (folder / "config.json").read_bytes() == b'{"a": 2}'
    assert (folder / "model.safetensors").stat().st_size == 24 << 20
    assert [r.name for r in world.bodies()] == [r.name for r in world.bodies() if "config.json" in r.name]


def test_every_exchange_is_in_the_ledger_and_nothing_else_was_made(repo: Repo, requests: Take) -> None:
    with hubjet.contacts() as book:
        hubjet.snapshot_download("org/name")
    seen = requests()
    assert len(book.visits) == len(seen)
    assert sorted(v["path"] for v in book.visits) == sorted(r.path.partition("?")[0] for r in seen)


def test_the_user_agent_is_hubjet_and_its_version_alone(repo: Repo, requests: Take) -> None:
    hubjet.snapshot_download("org/name")
    assert {r.headers["user-agent"] for r in requests() if r.server != "nginx"} == {f"hubjet/{hubjet.__version__}"}


def test_bodies_are_asked_for_as_they_are(repo: Repo, requests: Take) -> None:
    hubjet.snapshot_download("org/name")
    assert {r.headers.get("accept-encoding") for r in requests() if r.server != "nginx"} == {"identity"}


def test_no_token_is_read_for_a_public_repo(repo: Repo, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    token_file = tmp_path / "token"
    token_file.write_text(world.token("me"))
    monkeypatch.setenv("HF_TOKEN_PATH", str(token_file))
    opened: list[str] = []
    sys.addaudithook(lambda event, args: opened.append(str(args[0])) if event == "open" else None)
    hubjet.snapshot_download("org/name")
    assert str(token_file) not in opened
    assert not any(r.token_sent for r in world.requests)


def test_a_twin_whose_blob_went_to_another_name_is_fetched(world: World, requests: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two names, one blob, and from now on no links: the first name takes the blob away."""
    world.repo("org/twins").commit({"a.bin": b"\1" * 5000, "b.bin": b"\1" * 5000}, lfs=("*.bin",))
    folder = Path(hubjet.snapshot_download("org/twins"))
    for name in ("a.bin", "b.bin"):
        (folder / name).unlink()
    requests()
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    hubjet.snapshot_download("org/twins")
    assert [(folder / name).is_symlink() or (folder / name).read_bytes() for name in ("a.bin", "b.bin")] == [b"\1" * 5000] * 2
    assert [r.origin for r in requests() if r.origin == "cdn"] == ["cdn"]


def test_without_the_network_a_twin_whose_blob_is_gone_is_said_to_be_missing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/twins").commit({"a.bin": b"\1" * 5000, "b.bin": b"\1" * 5000}, lfs=("*.bin",))
    folder = Path(hubjet.snapshot_download("org/twins"))
    for name in ("a.bin", "b.bin"):
        (folder / name).unlink()
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    with pytest.raises(hubjet.IncompleteSnapshot, match="1 of 2 files are missing"):
        hubjet.snapshot_download("org/twins", local_files_only=True)
