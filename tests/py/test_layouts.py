"""The plain layout: a folder per model that a person can read, move and keep; every call, every revision, every interruption."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import hubjet
import pytest
from hubjet import _layout, _plain

from tests.py.child import ROOT
from tests.py.peers import peer_env, run_peer
from tests.py.test_edit_table import CONTENT, DEEDS

WEIGHTS = os.urandom(300_000)
FIRST = {"config.json": b'{"v": 1}', "model.safetensors": WEIGHTS, "sub/vocab.txt": b"one\ntwo\n"}


@pytest.fixture(autouse=True)
def plain(hub_env: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    _layout.forget()
    yield
    _layout.forget()


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/name")
    one.commit(FIRST)
    return one


def content(folder: str | Path) -> dict[str, bytes]:
    """What a person sees: names and bytes, without our folder."""
    top = Path(folder)
    return {
        str(path.relative_to(top)): path.read_bytes()
        for path in sorted(top.rglob("*"))
        if path.is_file() and _plain.META not in path.relative_to(top).parts
    }


def fetched(requests: Callable[[], list[Any]]) -> set[str]:
    """Names of the files whose bytes were asked for."""
    return {one.path.rpartition("/")[2] for one in requests() if "/resolve/" in one.path}


def edit(path: str | Path, data: bytes) -> None:
    os.chmod(path, 0o644)
    Path(path).write_bytes(data)
    os.utime(path, (2e9, 2e9))


# --- how it lies ------------------------------------------------------------------------------------


def test_a_model_is_a_folder_of_its_files_and_one_folder_of_ours(repo: Any, cache: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/name"))
    assert folder == cache / "org" / "name"
    assert content(folder) == FIRST
    assert sorted(one.name for one in folder.iterdir()) == [".hubjet", "config.json", "model.safetensors", "sub"]
    assert not [path for path in cache.rglob("*") if path.is_symlink()]
    assert {path.stat().st_mode & 0o777 for path in folder.rglob("*") if path.is_file() and ".hubjet" not in path.parts} == {0o444}
    assert [one.name for one in cache.iterdir()] == ["org"]


@pytest.mark.parametrize(("kind", "repo_id", "place"), [("dataset", "org/data", "datasets/org/data"), ("space", "org/app", "spaces/org/app"), ("model", "gpt2", "gpt2")])
def test_the_folder_is_the_path_of_the_page_on_the_hub(world: Any, cache: Path, kind: str, repo_id: str, place: str) -> None:
    world.repo(repo_id, kind).commit(FIRST)
    assert hubjet.snapshot_download(repo_id, repo_type=kind) == str(cache / place)
    assert [(one.repo_id, one.repo_type, one.layout, one.files) for one in hubjet.ls()] == [(repo_id, kind, "plain", 3)]


def test_a_repository_cannot_write_our_folder(world: Any, repo: Any) -> None:
    repo.commit({".hubjet/version": b"x", ".HubJet/record": b"y"})
    with pytest.raises(hubjet.ProtocolError, match="hubjet's own"):
        hubjet.snapshot_download("org/name")
    with pytest.raises(hubjet.BadName):
        hubjet.hf_hub_download("org/name", ".hubjet/version")
    assert content(hubjet.snapshot_download("org/name", ignore_patterns=".[hH]ub*")) == FIRST


def test_a_model_does_not_lie_inside_another_ones_folder(world: Any, repo: Any) -> None:
    world.repo("org").commit({"a": b"a"})
    hubjet.snapshot_download("org")
    with pytest.raises(hubjet.StorageError, match="folder of org"):
        hubjet.snapshot_download("org/name")


# --- warm, offline, moved ---------------------------------------------------------------------------


def test_a_warm_call_asks_for_the_revision_only_and_offline_for_nothing(repo: Any, requests: Any) -> None:
    folder = hubjet.snapshot_download("org/name")
    requests()
    assert hubjet.snapshot_download("org/name") == folder
    assert len(requests()) == 1
    assert hubjet.snapshot_download("org/name", local_files_only=True) == folder
    assert hubjet.snapshot_download("org/name", revision=repo.head) == folder
    assert hubjet.hf_hub_download("org/name", "config.json", local_files_only=True) == os.path.join(folder, "config.json")
    assert hubjet.hf_hub_download("org/name", "sub/vocab.txt", revision=repo.head) == os.path.join(folder, "sub", "vocab.txt")
    assert hubjet.try_to_load_from_cache("org/name", "config.json") == os.path.join(folder, "config.json")
    assert requests() == []


def test_a_moved_folder_stays_valid(repo: Any, requests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = hubjet.snapshot_download("org/name")
    (tmp_path / "elsewhere" / "org").mkdir(parents=True)
    for way in (shutil.move, shutil.copytree):  # by name, and as to another disk: other inodes, the same times or not
        place = tmp_path / "elsewhere" / "org" / "name"
        shutil.rmtree(place, ignore_errors=True)
        way(folder, place)
        folder = str(place)
        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "elsewhere"))
        requests()
        assert hubjet.snapshot_download("org/name", local_files_only=True) == str(place)
        assert hubjet.from_pretrained(str(place)) == place
        assert requests() == []
        folder = str(shutil.move(place, tmp_path / "between"))


def test_a_copied_folder_with_a_wrong_byte_is_not_valid(repo: Any, tmp_path: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/name"))
    shutil.copytree(folder, tmp_path / "e" / "org" / "name")
    edit(tmp_path / "e" / "org" / "name" / "config.json", b'{"v": 9}')
    with hubjet.settings(cache_dir=tmp_path / "e", adopt="off"), pytest.raises(hubjet.IncompleteSnapshot, match="config.json"):
        hubjet.snapshot_download("org/name", local_files_only=True)


# --- revisions --------------------------------------------------------------------------------------


def refuse(*_args: object, **_how: object) -> None:
    raise OSError(1, "Operation not permitted")


@pytest.fixture(params=["links", "no links"])
def link_world(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "no links":
        monkeypatch.setattr(os, "symlink", refuse)
        monkeypatch.setattr(os, "link", refuse)
        monkeypatch.setattr("hubjet._share.clone", lambda _source, _place: False)
    return str(request.param)


def test_a_second_revision_reuses_what_did_not_change(repo: Any, requests: Any, cache: Path, link_world: str) -> None:
    """Need 9: with os.symlink and os.link refused, too."""
    old = repo.head
    folder = hubjet.snapshot_download("org/name")
    new = repo.commit({"config.json": b'{"v": 2}'})
    requests()
    assert hubjet.snapshot_download("org/name", revision=new) == f"{folder}@{new[:8]}"
    assert fetched(requests) == {"config.json"}
    assert hubjet.snapshot_download("org/name") == f"{folder}@{new[:8]}"  # it is here: why twice
    assert hubjet.snapshot_download("org/name", revision=old) == folder
    assert content(folder) == FIRST
    assert content(f"{folder}@{new[:8]}") == {**FIRST, "config.json": b'{"v": 2}'}
    weights = [os.stat(os.path.join(place, "model.safetensors")).st_ino for place in (folder, f"{folder}@{new[:8]}")]
    assert (weights[0] == weights[1]) == (link_world == "links")
    assert hubjet.ls()[0].files == 6


def test_the_default_branch_moves_as_a_whole_and_what_did_not_change_stays(repo: Any, requests: Any, cache: Path, link_world: str) -> None:
    folder = hubjet.snapshot_download("org/name")
    before = os.stat(os.path.join(folder, "model.safetensors"))
    repo.commit({"config.json": b'{"v": 2}', "sub/vocab.txt": None, "sub2/deep/x": b"x"})
    requests()
    assert hubjet.snapshot_download("org/name") == folder
    assert fetched(requests) == {"config.json", "x"}
    assert content(folder) == {"config.json": b'{"v": 2}', "model.safetensors": WEIGHTS, "sub2/deep/x": b"x"}
    assert not os.path.exists(os.path.join(folder, "sub"))
    after = os.stat(os.path.join(folder, "model.safetensors"))
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert hubjet.snapshot_download("org/name", local_files_only=True) == folder
    assert not (Path(folder) / ".hubjet" / "next").exists()
    assert [one.name for one in (cache / "org").iterdir()] == ["name"]


def test_a_version_that_was_pinned_stays_to_be_had_when_the_branch_moves(repo: Any, requests: Any, link_world: str) -> None:
    old = repo.head
    folder = hubjet.snapshot_download("org/name")
    assert hubjet.snapshot_download("org/name", revision=old) == folder
    repo.commit({"config.json": b'{"v": 2}'})
    hubjet.snapshot_download("org/name")
    requests()
    pinned = hubjet.snapshot_download("org/name", revision=old)
    assert pinned == f"{folder}@{old[:8]}" and content(pinned) == FIRST
    assert fetched(requests) == set()


def test_a_name_means_what_it_meant_when_it_was_asked_last(repo: Any, world: Any) -> None:
    old = repo.head
    repo.tag("v1")
    folder = hubjet.snapshot_download("org/name", revision="v1")
    assert folder.endswith(f"name@{old[:8]}")
    repo.commit({"config.json": b'{"v": 2}'})
    main = hubjet.snapshot_download("org/name")
    assert main.endswith("/name")
    assert hubjet.snapshot_download("org/name", revision="v1", local_files_only=True) == folder
    assert hubjet.snapshot_download("org/name", local_files_only=True) == main
    (one,) = hubjet.ls()
    assert one.revisions == {"main": repo.head, "v1": old}


def test_one_file_of_a_newer_version_does_not_mix_with_the_older_one(repo: Any) -> None:
    folder = hubjet.snapshot_download("org/name")
    new = repo.commit({"config.json": b'{"v": 2}'})
    path = hubjet.hf_hub_download("org/name", "config.json")
    assert path == os.path.join(f"{folder}@{new[:8]}", "config.json") and Path(path).read_bytes() == b'{"v": 2}'
    assert content(folder) == FIRST


def test_a_newer_version_that_fails_half_way_leaves_the_older_one_loadable(repo: Any, world: Any) -> None:
    folder = hubjet.snapshot_download("org/name")
    repo.commit({"config.json": b'{"v": 2}', "big.bin": os.urandom(100_000)})
    world.fault("cdn", "*", "status", code=403)
    with pytest.raises(hubjet.HubjetError):
        hubjet.snapshot_download("org/name")
    assert content(folder) == FIRST
    assert hubjet.snapshot_download("org/name", local_files_only=True) == folder


class Killed(BaseException):
    """The process is no more."""


def test_a_switch_that_was_broken_off_anywhere_is_finished_by_the_next_call(repo: Any, requests: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each rename, removal and write of the switch in its turn is the last thing the process does."""
    with hubjet.settings(cache_dir=tmp_path / "before"):
        hubjet.snapshot_download("org/name")
    new = {"config.json": b'{"v": 2}', "sub": b"now a file", "extra.bin": os.urandom(5000), "twin.bin": WEIGHTS}
    repo.commit({**new, "sub/vocab.txt": None})
    done: list[int] = []
    begun: list[int] = []
    real_end = _plain.Folder.end_switch

    def end(self: Any) -> None:
        begun.append(1)
        real_end(self)

    def counted(real: Any, step: int) -> Any:
        def call(*args: Any) -> Any:
            if begun:
                done.append(1)
                if len(done) >= step:  # and nothing after it
                    raise Killed
            return real(*args)

        return call

    for step in range(1, 100):
        shutil.copytree(tmp_path / "before", tmp_path / str(step))
        with hubjet.settings(cache_dir=tmp_path / str(step)):
            folder = str(tmp_path / str(step) / "org" / "name")
            assert hubjet.snapshot_download("org/name", local_files_only=True) == folder
            done.clear()
            begun.clear()
            with monkeypatch.context() as patch:
                patch.setattr(_plain.Folder, "end_switch", end)
                for name in ("_move", "_remove", "write_below"):
                    patch.setattr(_plain, name, counted(getattr(_plain, name), step))
                try:
                    hubjet.snapshot_download("org/name")
                except Killed:
                    pass
            requests()
            assert hubjet.snapshot_download("org/name", local_files_only=True) == folder
            assert content(folder) == {**new, "model.safetensors": WEIGHTS}
            assert not (Path(folder) / ".hubjet" / "aside").exists()
            assert requests() == []
        if len(done) < step:
            break
    assert step > 15, "the switch has that many steps"


# --- edited -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("pinned", [True, False])
@pytest.mark.parametrize("call", ["file", "snapshot"])
def test_an_edited_file_is_fetched_again_and_the_edit_is_kept_aside(repo: Any, pinned: bool, call: str, caplog: pytest.LogCaptureFixture) -> None:
    folder = Path(hubjet.snapshot_download("org/name"))
    edit(folder / "config.json", b'{"v": 9}')
    revision = repo.head if pinned else None
    if call == "file":
        hubjet.hf_hub_download("org/name", "config.json", revision=revision)
    else:
        hubjet.snapshot_download("org/name", revision=revision)
    assert content(folder) == FIRST
    (kept,) = (folder / ".hubjet" / "aside").iterdir()
    assert kept.read_bytes() == b'{"v": 9}' and str(kept) in caplog.text


def test_an_edited_file_is_not_served_offline(repo: Any) -> None:
    folder = Path(hubjet.snapshot_download("org/name"))
    edit(folder / "config.json", b'{"v": 9}')
    assert hubjet.try_to_load_from_cache("org/name", "config.json") is None
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.hf_hub_download("org/name", "config.json", local_files_only=True)
    with pytest.raises(hubjet.IncompleteSnapshot):
        hubjet.snapshot_download("org/name", local_files_only=True)


def test_an_edit_through_a_hard_link_is_noticed_under_both_names(repo: Any) -> None:
    folder = Path(hubjet.snapshot_download("org/name"))
    new = repo.commit({"config.json": b'{"v": 2}'})
    other = Path(hubjet.snapshot_download("org/name", revision=new))
    edit(other / "model.safetensors", WEIGHTS[:-1] + b"!")
    assert content(hubjet.snapshot_download("org/name", revision=new))["model.safetensors"] == WEIGHTS
    assert content(hubjet.snapshot_download("org/name"))["model.safetensors"] == WEIGHTS
    assert folder != other


def test_a_file_of_the_users_own_beside_the_models_is_left_alone(repo: Any) -> None:
    folder = Path(hubjet.snapshot_download("org/name"))
    (folder / "notes.txt").write_text("mine")
    repo.commit({"config.json": b'{"v": 2}'})
    hubjet.snapshot_download("org/name")
    assert (folder / "notes.txt").read_text() == "mine"


# --- the other calls --------------------------------------------------------------------------------


def test_force_fetches_again_and_a_plan_writes_nothing(repo: Any, requests: Any, cache: Path) -> None:
    plan = hubjet.snapshot_download("org/name", dry_run=True)
    assert not cache.exists() and {(one.filename, one.will_download) for one in plan} == {(name, True) for name in FIRST}
    one = hubjet.hf_hub_download("org/name", "config.json", dry_run=True)
    assert not cache.exists() and (one.will_download, one.local_path) == (True, str(cache / "org" / "name" / "config.json"))
    hubjet.snapshot_download("org/name")
    requests()
    hubjet.snapshot_download("org/name", force_download=True)
    assert fetched(requests) == {"config.json", "model.safetensors", "vocab.txt"}
    new = repo.commit({"config.json": b'{"v": 2}'})
    again = {one.filename: one.will_download for one in hubjet.snapshot_download("org/name", revision=new, dry_run=True)}
    assert again == {"config.json": True, "model.safetensors": False, "sub/vocab.txt": False}


def test_a_file_that_is_not_there_is_remembered(repo: Any, requests: Any) -> None:
    for _ in range(2):
        requests()
        with pytest.raises(hubjet.EntryNotFound):
            hubjet.hf_hub_download("org/name", "no.txt", revision=repo.head)
    assert requests() == []
    assert hubjet.try_to_load_from_cache("org/name", "no.txt", revision=repo.head) is hubjet._CACHED_NO_EXIST


def test_twins_are_fetched_once(world: Any, requests: Any) -> None:
    world.repo("org/twins").commit({"a.bin": WEIGHTS, "b.bin": WEIGHTS})
    assert content(hubjet.snapshot_download("org/twins")) == {"a.bin": WEIGHTS, "b.bin": WEIGHTS}
    assert len(fetched(requests)) == 1


def test_what_the_hubs_cache_below_the_same_root_has_is_not_fetched(repo: Any, requests: Any) -> None:
    with hubjet.settings(layout="hub"):
        hubjet.snapshot_download("org/name")
    requests()
    assert content(hubjet.snapshot_download("org/name")) == FIRST
    assert fetched(requests) == set()


def test_where_names_the_layout_and_why(repo: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert hubjet.where()["layout"] == hubjet.Setting("plain", "environment HUBJET_LAYOUT")
    hubjet.snapshot_download("org/name")
    places = hubjet.where("org/name")
    assert places["snapshot"].value == places["repo"].value == str(cache / "org" / "name") and places["commit"].value == repo.head
    with hubjet.settings(layout="auto"):
        assert hubjet.where()["layout"].value == "hub" and "symbolic links work" in hubjet.where()["layout"].origin
        monkeypatch.setattr(os, "symlink", refuse)
        assert hubjet.where()["layout"].value == "hub", "it is remembered"
        _layout.forget()
        shutil.rmtree(hubjet.config()["run_dir"].value)
        assert hubjet.where()["layout"].value == "plain" and "no symbolic links" in hubjet.where()["layout"].origin
        assert hubjet.snapshot_download("org/name") == str(cache / "org" / "name")
    with pytest.raises(hubjet.ConfigError, match="hub or plain or auto"), hubjet.settings(layout="flat"):
        hubjet.where()


def test_an_argument_chooses_the_layout(repo: Any, cache: Path) -> None:
    assert hubjet.from_pretrained("org/name", layout="plain") == cache / "org" / "name"
    assert "snapshots" in str(hubjet.from_pretrained("org/name", layout="hub"))


def test_two_processes_at_once_bring_one_folder(repo: Any, requests: Any, cache: Path) -> None:
    code = "import hubjet, sys; sys.stdout.write(hubjet.snapshot_download('org/name'))"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) for _ in range(2)]
    ended = [one.communicate(timeout=60) for one in both]
    assert [out for out, _ in ended] == [str(cache / "org" / "name")] * 2, ended
    assert content(cache / "org" / "name") == FIRST
    requests()
    hubjet.snapshot_download("org/name", local_files_only=True)
    repo.commit({"config.json": b'{"v": 2}', "sub/vocab.txt": None})
    both = [subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env) for _ in range(2)]
    ended = [one.communicate(timeout=60) for one in both]
    assert [out for out, _ in ended] == [str(cache / "org" / "name")] * 2, ended
    assert content(cache / "org" / "name") == {"config.json": b'{"v": 2}', "model.safetensors": WEIGHTS}


@pytest.mark.parametrize("deed", DEEDS)
def test_an_edited_file_is_never_served_whatever_was_done_to_it(repo: Any, requests: Any, deed: Callable[[Path], None]) -> None:
    repo.commit({"model.safetensors": CONTENT})
    folder = Path(hubjet.snapshot_download("org/name"))
    place = folder / "model.safetensors"
    place.chmod(0o644)
    deed(place)
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.hf_hub_download("org/name", place.name, local_files_only=True)
    assert hubjet.try_to_load_from_cache("org/name", place.name) is None
    assert [one.name for one in hubjet.verify("org/name").bad] == [place.name]
    assert hubjet.snapshot_download("org/name") == str(folder) and place.read_bytes() == CONTENT
    place.chmod(0o600)  # the same bytes: believed again, once for all
    requests()
    assert hubjet.snapshot_download("org/name", local_files_only=True) == str(folder) and requests() == []
    assert _plain.Folder(str(folder)).unchanged(place.name) is not None


def test_what_we_link_ourselves_is_not_read_again(repo: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second name changes the system's own time of change."""
    main = Path(hubjet.snapshot_download("org/name"))
    hubjet.snapshot_download("org/name", revision=repo.head)  # pinned: it gets a folder of its own
    repo.commit({"twin.safetensors": WEIGHTS, "config.json": b'{"v": 2}'})
    hubjet.snapshot_download("org/name")
    folders = [one for one in (cache / "org").iterdir() if (one / ".hubjet").is_dir()]
    assert len(folders) == 2 and main in folders
    read: list[str] = []
    monkeypatch.setattr(_plain, "has_content", lambda path, etag: read.append(path) or True)
    for folder in folders:
        assert all(_plain.Folder(str(folder)).unchanged(name) for name in _plain.Folder(str(folder)).rows), folder
    assert hubjet.snapshot_download("org/name", local_files_only=True) == str(main) and read == []


# --- beside the other layout, and what lies elsewhere -----------------------------------------------


def test_who_goes_back_to_the_hubs_layout_fetches_nothing_again(repo: Any, requests: Any) -> None:
    hubjet.snapshot_download("org/name")
    requests()
    with hubjet.settings(layout="hub"):
        folder = hubjet.snapshot_download("org/name")
        assert "snapshots" in folder and (Path(folder) / "model.safetensors").read_bytes() == WEIGHTS
        assert fetched(requests) == set()


@pytest.mark.parametrize("theirs", ["hub", "plain"])
@pytest.mark.parametrize("net", ["online", "offline"])
def test_what_lies_in_another_place_is_taken_from_there(repo: Any, requests: Any, tmp_path: Path, theirs: str, net: str) -> None:
    with hubjet.settings(layout=theirs, cache_dir=tmp_path / "other"):
        hubjet.snapshot_download("org/name")
    requests()
    with hubjet.settings(sources=[tmp_path / "other"], offline=net == "offline"):
        plan = hubjet.snapshot_download("org/name", dry_run=True) if net == "online" else []
        assert not any(one.will_download for one in plan)
        folder = hubjet.snapshot_download("org/name")
        assert content(folder) == FIRST and not [path for path in Path(folder).rglob("*") if path.is_symlink()]
        if net == "online":
            path = hubjet.hf_hub_download("org/name", "config.json", revision=repo.head, cache_dir=tmp_path / "third")
            assert Path(path).read_bytes() == FIRST["config.json"]
    assert fetched(requests) <= ({"config.json"} if net == "online" else set())
    told = hubjet.receipt()
    assert told is not None


# --- converted --------------------------------------------------------------------------------------


@pytest.fixture
def two_versions(repo: Any, requests: Any) -> tuple[Any, str, str]:
    """In the hub's cache: a pinned one and the branch."""
    old = repo.head
    with hubjet.settings(layout="hub"):
        hubjet.snapshot_download("org/name", revision=old)
        new = repo.commit({"config.json": b'{"v": 2}', "twin.bin": WEIGHTS})
        hubjet.snapshot_download("org/name")
    requests()
    return repo, old, new


@pytest.mark.parametrize("move", [False, True])
def test_a_repository_converts_to_plain_and_back_without_a_request(two_versions: Any, requests: Any, cache: Path, move: bool, link_world: str) -> None:
    _, old, new = two_versions
    second = {**FIRST, "config.json": b'{"v": 2}', "twin.bin": WEIGHTS}
    done = hubjet.convert("org/name", "plain", move=move)
    assert done.folders == {new: str(cache / "org" / "name"), old: f"{cache / 'org' / 'name'}@{old[:8]}"} and done.files == 7 and not done.skipped
    assert content(done.folders[new]) == second and content(done.folders[old]) == FIRST
    assert done.removed == move and (cache / "models--org--name").exists() != move
    assert hubjet.snapshot_download("org/name", local_files_only=True) == done.folders[new]
    assert hubjet.snapshot_download("org/name", local_files_only=True, revision=old) == done.folders[old]
    again = hubjet.convert("org/name", "plain") if not move else None
    assert again is None or again.how == {"here before": 7}

    back = hubjet.convert("org/name", "hub", move=move)
    assert set(back.folders) == {old, new} and not back.skipped
    assert back.removed == move and (cache / "org" / "name").exists() != move
    with hubjet.settings(layout="hub", adopt="off"):
        folder = hubjet.snapshot_download("org/name", local_files_only=True)
        assert {name: Path(folder, name).read_bytes() for name in second} == second
        assert hubjet.snapshot_download("org/name", local_files_only=True, revision=old) == back.folders[old]
    assert requests() == []


@pytest.mark.parametrize("to", ["plain", "hub"])
def test_a_conversion_that_was_broken_off_anywhere_loses_nothing_and_goes_on(two_versions: Any, requests: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, to: str) -> None:
    """Moving is the one that could lose something: each step in its turn is the last. No reflinks and no hard links, so that bytes move."""
    _, old, new = two_versions
    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr("hubjet._share.clone", lambda _source, _place: False)
    start = tmp_path / "cache"
    if to == "hub":
        hubjet.convert("org/name", "plain", move=True)
    second = {**FIRST, "config.json": b'{"v": 2}', "twin.bin": WEIGHTS}
    real = {name: getattr(os, name) for name in ("replace", "rename", "unlink", "rmdir")} | {"write_below": _plain.write_below}
    for step in range(1, 200):
        place = tmp_path / f"t{step}"
        shutil.copytree(start, place, symlinks=True)
        count = 0

        def counted(name: str) -> Any:
            def call(*args: Any, **how: Any) -> Any:
                nonlocal count
                count += 1
                if count >= step:  # and nothing after it
                    raise Killed
                return real[name](*args, **how)

            return call

        with hubjet.settings(cache_dir=place, adopt="off", sync=False):
            with monkeypatch.context() as patch:
                for name in real:
                    patch.setattr(_plain if name == "write_below" else os, name, counted(name))
                try:
                    hubjet.convert("org/name", to, move=True)
                except Killed:
                    pass
            try:
                hubjet.convert("org/name", to, move=True)
            except hubjet.LocalEntryNotFound:
                pass  # it was at its end
            with hubjet.settings(layout=to):
                for revision, wanted in ((None, second), (old, FIRST)):
                    folder = hubjet.snapshot_download("org/name", local_files_only=True, revision=revision)
                    assert {name: Path(folder, name).read_bytes() for name in wanted} == wanted, step
        shutil.rmtree(place)
        if count < step:
            break
    assert 10 < step < 199
    assert requests() == []


def test_what_huggingface_hub_wrote_converts_and_what_is_damaged_stays(repo: Any, world: Any, cache: Path, tmp_path: Path) -> None:
    stock = "from huggingface_hub import snapshot_download; result = snapshot_download('org/name', cache_dir=cache)"
    run_peer("2.4", stock, peer_env(world, tmp_path / "home"), {"cache": str(cache)})  # a process of its own: it reads the environment once
    blob = os.path.realpath(cache / "models--org--name" / "snapshots" / repo.head / "config.json")
    edit(blob, b'{"v": 9}')
    done = hubjet.convert("org/name", "plain", move=True)
    assert list(done.skipped) == ["config.json"] and not done.removed and Path(blob).exists()
    assert content(done.folders[repo.head]) == {name: data for name, data in FIRST.items() if name != "config.json"}


def test_one_version_and_what_is_not_here(two_versions: Any, cache: Path, tmp_path: Path) -> None:
    _, old, new = two_versions
    done = hubjet.convert("org/name", "plain", revision=old, into=tmp_path / "usb")
    assert done.folders == {old: f"{tmp_path}/usb/org/name@{old[:8]}"}
    with pytest.raises(hubjet.LocalEntryNotFound, match="nothing to convert"):
        hubjet.convert("org/other", "hub")
    with pytest.raises(ValueError, match="'plain' or 'hub'"):
        hubjet.convert("org/name", "flat")


def test_the_folder_is_shown_where_there_is_a_screen(repo: Any, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.open_folder("org/name")
    folder = hubjet.snapshot_download("org/name")
    (tmp_path / "bin").mkdir()
    opener = tmp_path / "bin" / "xdg-open"
    opener.write_text(f'#!/bin/sh\nprintf %s "$1" > {tmp_path}/new && mv {tmp_path}/new {tmp_path}/opened\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "SSH_CONNECTION"):
        monkeypatch.delenv(name, raising=False)
    assert hubjet.open_folder("org/name") == hubjet.Opened(folder, False)
    monkeypatch.setenv("DISPLAY", ":0")
    assert hubjet.open_folder("org/name") == hubjet.Opened(folder, True)
    while not (tmp_path / "opened").exists():
        os.sched_yield()
    assert (tmp_path / "opened").read_text() == folder


# --- on real file systems ---------------------------------------------------------------------------


@pytest.fixture(params=["mkfs.vfat -F 32", "mkfs.xfs -q -m reflink=1"])
def disk(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A loop mount: FAT has no links, no modes, no inodes that stay; XFS has reflinks."""
    tool = request.param.partition(" ")[0]
    if os.geteuid() != 0 or shutil.which(tool) is None:
        pytest.skip(f"needs root and {tool}")
    image, place = tmp_path / "image", tmp_path / "disk"
    place.mkdir()
    with image.open("wb") as file:
        file.truncate(320 << 20)
    made = subprocess.run(f"{request.param} {image} && mount -o loop {image} {place}", shell=True, capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"cannot be mounted here: {made.stderr.strip()}")
    try:
        yield tool.partition(".")[2], place
    finally:
        subprocess.run(["umount", "-l", str(place)], check=False)


def test_a_real_disk_shares_what_did_not_change_and_keeps_what_is_known_over_a_mount(
    repo: Any, requests: Any, disk: tuple[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, place = disk
    hashed: list[str] = []
    real = _plain.has_content
    monkeypatch.setattr(_plain, "has_content", lambda path, etag: hashed.append(path) or real(path, etag))
    old = repo.head
    with hubjet.settings(layout="auto", cache_dir=place, adopt="off"):
        if name == "vfat":
            assert hubjet.where()["layout"].value == "plain"
        with hubjet.settings(layout="plain"):
            folder = hubjet.snapshot_download("org/name", revision=old)
            new = repo.commit({"config.json": b'{"v": 2}'})
            requests()
            second = hubjet.snapshot_download("org/name", revision=new)
            assert fetched(requests) == {"config.json"}
            assert content(folder) == FIRST and content(second) == {**FIRST, "config.json": b'{"v": 2}'}
            hashed.clear()
            subprocess.run(f"umount {place} && mount -o loop {tmp_path / 'image'} {place}", shell=True, check=True)
            assert hubjet.snapshot_download("org/name", revision=old, local_files_only=True) == folder
            assert hashed == [], "what a stat can tell is not hashed"
            edit(os.path.join(folder, "config.json"), b'{"v": 9}')
            assert content(hubjet.snapshot_download("org/name", revision=old)) == FIRST
