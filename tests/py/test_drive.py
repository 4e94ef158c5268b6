"""The vault on a file system like Colab's Drive (tests/drive): what it shows is whole, what is said of it is true."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _transport
from hubjet._config import resolve
from hubjet._names import Repo
from hubjet._store import RepoStore
from hubjet._vault import choose, journal, layout, manifest, shelf, writer
from hubjet._vault import worker as worker_module
from hubjet._vault.manifest import Entry, Manifest, Part
from hubjet._vault.worker import worker

from tests.drive import Drive, why_not
from tests.drive.kills import Story
from tests.server import Sparse

pytestmark = pytest.mark.skipif(bool(why_not()), reason=f"no FUSE here: {why_not()}")

BIG = bytes(range(256)) * 4096 * 5  # 5 MiB: several pieces, where a piece is 1 MiB
FILES = {"config.json": b"{}", "model.safetensors": BIG, "README.md": b"---\nlicense: mit\n---\n# A model", "LICENSE": b"do as you like"}


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Drive]:
    with Drive(tmp_path / "colab") as made:
        (made.store / "MyDrive").mkdir()
        yield made
        end_of_program()


@pytest.fixture
def vault(drive: Drive, monkeypatch: pytest.MonkeyPatch, hub_env: None) -> Path:
    monkeypatch.setenv("HUBJET_VAULT", str(drive.folder("models")))
    monkeypatch.setenv("HUBJET_VAULT_WAIT", "0")
    monkeypatch.setattr(layout, "PART", 1 << 20)
    monkeypatch.setattr(shelf, "WAITS_S", (0.001, 0.001, 0.001, 0.001))
    monkeypatch.setattr(writer, "SHOWS_S", (0.01, 0.02))
    return drive.folder("models")


def lies(drive: Drive) -> list[str]:
    """What is in the vault, by name, past the mount."""
    top = drive.store / "MyDrive" / "models"
    return sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())


def test_a_download_is_kept_in_plain_files_and_readable_names(world: Any, vault: Path, drive: Drive) -> None:
    commit = world.repo("org/name").commit(FILES)
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG  # before anything is copied
    found = hubjet.vault.flush()
    assert found.saved and found.reachable and found.left == 0
    [model] = found.models
    assert (model.repo_id, model.commit, model.state, model.files, model.revisions) == ("org/name", commit, "saved", 4, ("main",))
    assert model.size == model.read_back == sum(map(len, FILES.values()))
    assert (model.read_back_how, model.licence) == ("direct", "mit")
    names = lies(drive)
    parts = [f"org/name/{commit}/model.safetensors.part-{n:02}-of-05" for n in range(1, 6)]
    assert [name for name in names if not name.endswith(".json")] == sorted([*parts, f"org/name/{commit}/LICENSE", f"org/name/{commit}/README.md"])
    assert b"".join((vault / part).read_bytes() for part in parts) == BIG
    assert not drive.refused()


def test_what_huggingface_hub_brings_under_enable_is_kept_and_comes_back(world: Any, vault: Path, drive: Drive, cache: Path) -> None:
    import huggingface_hub

    commit = world.repo("org/name").commit(FILES)
    with hubjet.enabled():
        folder = huggingface_hub.snapshot_download("org/name", cache_dir=cache, endpoint=world.endpoint)
        found = hubjet.vault.flush()
        [model] = found.models
        assert (model.repo_id, model.commit, model.state, model.files, model.revisions) == ("org/name", commit, "saved", 4, ("main",))
        shutil.rmtree(cache)
        world.clear()
        assert huggingface_hub.snapshot_download("org/name", cache_dir=cache, endpoint=world.endpoint) == folder
        assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert [request.path for request in world.bodies() if "safetensors" in request.path] == []
    assert not drive.refused()


# --- back again -------------------------------------------------------------------------------------


@pytest.fixture
def kept(world: Any, vault: Path, drive: Drive, cache: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A model is on the vault, and the runtime is another one: its disk is empty. The commit."""
    commit: str = world.repo("org/name").commit(FILES)
    hubjet.snapshot_download("org/name")
    assert hubjet.vault.flush().saved
    new_runtime(cache, monkeypatch)
    world.clear()
    drive.forget()
    return commit


def end_of_program() -> None:
    worker().end()
    worker()._configs.clear()
    worker_module._worker = None


def new_runtime(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    end_of_program()
    shelf._known.clear()
    shutil.rmtree(cache)
    shutil.rmtree(os.environ["HF_HOME"])


def test_readable_folders_are_kept_too_and_come_back(world: Any, vault: Path, drive: Drive, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    repo = world.repo("org/name")
    old = repo.commit(FILES)
    folder = Path(hubjet.snapshot_download("org/name"))
    [model] = hubjet.vault.flush().models
    assert (model.repo_id, model.commit, model.state, model.files, model.licence) == ("org/name", old, "saved", 4, "mit")
    new = repo.commit({"config.json": b'{"v": 2}'})
    hubjet.hf_hub_download("org/name", "config.json")
    hubjet.snapshot_download("org/name")
    assert {(one.commit, one.state) for one in hubjet.vault.flush().models} == {(old, "saved"), (new, "saved")}
    hubjet.vault.put("org/name")
    new_runtime(cache, monkeypatch)
    world.clear()
    assert hubjet.snapshot_download("org/name") == str(folder) and (folder / "model.safetensors").read_bytes() == BIG
    assert (folder / "config.json").read_bytes() == b'{"v": 2}' and sum(one.bytes for one in world.bodies()) < 1000
    with pytest.raises(hubjet.LocalEntryNotFound, match="not on this disk"):
        hubjet.vault.put("org/other")
    assert not drive.refused()


def test_the_next_runtime_finds_it_there_and_moves_no_body(kept: str, world: Any, drive: Drive) -> None:
    folder = Path(hubjet.from_pretrained("org/name"))
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == FILES
    assert world.bodies() == []
    told = hubjet.receipt()
    assert told is not None and {file.source for file in told.files} == {f"vault {drive.folder('models')}"}
    assert {file.name: file.verified for file in told.files}["model.safetensors"] == "sha256"
    assert not drive.refused()
    assert hubjet.vault.flush().saved
    assert [call for call in drive.calls() if call[0] in ("write", "create", "rename", "unlink")] == []  # nothing is written twice


def test_without_a_network_it_is_loaded_from_the_vault(kept: str, world: Any) -> None:
    world.down("all")
    assert Path(hubjet.from_pretrained("org/name"), "model.safetensors").read_bytes() == BIG


@pytest.mark.parametrize("how", ["snapshot", "file", "restore"])
def test_offline_it_is_loaded_from_the_vault(kept: str, world: Any, how: str) -> None:
    if how == "snapshot":
        folder = hubjet.snapshot_download("org/name", local_files_only=True)
    elif how == "restore":
        folder = str(hubjet.vault.restore("org/name"))
    else:
        folder = os.path.dirname(hubjet.hf_hub_download("org/name", "model.safetensors", local_files_only=True))
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert os.path.basename(folder) == kept and world.requests == []


def test_one_read_in_fifty_fails_and_the_hash_is_right(kept: str, world: Any, drive: Drive) -> None:
    drive.fault("read", "*", "EIO", every=50)
    drive.unmount()
    drive.mount()
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert world.bodies() == [] and not drive.refused()


def test_a_piece_that_cannot_be_read_comes_from_the_hub_and_the_rest_from_the_vault(kept: str, world: Any, drive: Drive) -> None:
    drive.fault("read", "*part-03-of-05", "EIO")
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert {request.path for request in world.bodies()} and all("config" not in request.path for request in world.bodies())
    assert len({file.source for file in hubjet.receipt().files}) == 2  # type: ignore[union-attr]


def test_a_damaged_piece_is_never_served(kept: str, world: Any, drive: Drive) -> None:
    place = drive.store / "MyDrive/models/org/name" / kept / "model.safetensors.part-02-of-05"
    data = bytearray(place.read_bytes())
    data[1000] ^= 1
    place.write_bytes(data)
    with pytest.raises(hubjet.IntegrityError, match="model.safetensors"):
        hubjet.vault.restore("org/name")
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG and world.bodies()


def test_a_vault_that_does_not_answer_is_said_and_the_hub_brings_it(kept: str, drive: Drive, caplog: pytest.LogCaptureFixture) -> None:
    drive.drop()
    folder = hubjet.snapshot_download("org/name")
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    assert "does not answer" in caplog.text and str(drive.at) in caplog.text


# --- when it goes wrong -----------------------------------------------------------------------------


@pytest.fixture
def here(world: Any, vault: Path) -> str:
    """A model is on the local disk, and nothing of it on the vault. The commit."""
    commit: str = world.repo("org/name").commit(FILES)
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HUBJET_VAULT")
        hubjet.snapshot_download("org/name")
    return commit


def keep() -> hubjet.VaultModel:
    hubjet.snapshot_download("org/name", local_files_only=True)
    [model] = hubjet.vault.flush(30).models
    return model


def manifests_on(drive: Drive) -> list[str]:
    return [name for name in lies(drive) if os.path.basename(name).startswith("hubjet-")]


@pytest.mark.parametrize("op", ["read", "write", "open", "create", "getattr", "fsync", "mkdir", "rename", "readdir"])
def test_an_error_that_passes_is_tried_again(here: str, drive: Drive, op: str) -> None:
    drive.fault(op, "*", "EIO", every={"getattr": 40, "open": 3, "create": 3}.get(op, 2))  # each path costs a getattr per folder
    model = keep()
    assert (model.state, model.error) == ("saved", None)
    drive.heal()
    assert b"".join(path.read_bytes() for path in sorted((drive.store / "MyDrive/models/org/name" / here).glob("model*"))) == BIG


@pytest.mark.parametrize("op", ["read", "write", "open", "create", "fsync", "mkdir", "rename", "flush"])
def test_an_error_that_stays_is_said_and_the_next_call_goes_on(here: str, drive: Drive, op: str) -> None:
    drive.fault(op, "*", "EIO")
    model = keep()
    assert model.state == "failed" and model.error and model.advice and "quota" in model.advice and model.next_try
    assert manifests_on(drive) == []
    assert os.path.exists(hubjet.snapshot_download("org/name", local_files_only=True))
    drive.heal()
    assert hubjet.vault.flush(30).saved and len(manifests_on(drive)) == 1
    assert not [name for name in lies(drive) if name.endswith(".hubjet")]


@pytest.mark.parametrize("error", ["EDQUOT", "ENOSPC"])
def test_a_full_vault_says_so_keeps_what_is_proven_and_goes_on_when_there_is_room(here: str, drive: Drive, error: str) -> None:
    drive.quota(3 << 20, error)
    model = keep()
    assert model.state == "failed" and model.error is not None and "no room" in model.error and "bin" in str(model.advice)
    assert manifests_on(drive) == []
    proven = [name for name in lies(drive) if "part" in name and not name.endswith(".hubjet")]
    assert proven
    drive.quota(None)
    drive.forget()
    assert hubjet.vault.flush(30).saved
    written = {path for op, path in drive.calls() if op == "create"}
    assert not any(os.path.basename(name) in path for name in proven for path in written), "what was proven is written again"


def test_a_mount_that_drops_in_the_middle_is_named_and_the_next_call_resumes(here: str, drive: Drive) -> None:
    drive.fault("write", "*part-04*", "ENOTCONN")
    model = keep()
    assert model.state == "failed" and model.error is not None and f"the mount {drive.at} does not answer" in model.error
    assert model.advice is not None and "mount" in model.advice
    drive.drop()
    said = hubjet.vault.status()
    assert not said.reachable and not said.saved and said.error and "does not answer" in str(said)
    assert Path(hubjet.snapshot_download("org/name", local_files_only=True), "model.safetensors").read_bytes() == BIG
    drive.heal()
    drive.mount()
    drive.forget()
    assert hubjet.vault.flush(30).saved
    assert not any("part-01" in path for op, path in drive.calls() if op == "create")


def test_nothing_is_written_below_a_mount_that_is_gone(here: str, drive: Drive) -> None:
    assert keep().state == "saved"
    drive.unmount()
    (drive.at / "MyDrive").mkdir()  # somebody made it on the local disk
    row = next(iter(journal.rows(resolve(), str(drive.folder("models")))))
    row.state = "queued"
    row.write()
    found = hubjet.vault.flush(30)
    assert not found.saved and "is not there" in str(found)
    assert list((drive.at / "MyDrive").iterdir()) == []
    (drive.at / "MyDrive").rmdir()
    drive.mount()
    assert hubjet.vault.flush(30).saved


def test_a_vault_whose_drive_was_never_mounted_is_not_made(here: str, drive: Drive) -> None:
    drive.unmount()
    model = keep()
    assert model.state == "failed" and "is not there" in str(model.error)
    assert list(drive.at.iterdir()) == []


def test_two_that_make_the_vault_at_once_both_find_it(here: str, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen in make drive: it was no folder at the first look, and there at the second, which was taken for something that is no folder."""
    vault = str(drive.folder("models"))
    real, looks = os.stat, []

    def late(path: Any, *more: Any, **how: Any) -> os.stat_result:
        if path == vault and not looks:
            looks.append(path)
            try:
                return real(path, *more, **how)
            finally:
                os.makedirs(vault, exist_ok=True)  # the other one's
        return real(path, *more, **how)

    monkeypatch.setattr(writer.os, "stat", late)
    assert writer.open_vault(vault, None, make=True)[1].startswith("fuse") and looks


def test_what_is_asked_for_again_forgets_no_name_of_a_piece(here: str, drive: Drive, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen in make drive: the caller wrote the row as it had read it, over the name that the copying thread had noted; the piece of that name stayed."""
    monkeypatch.setattr(worker(), "start", lambda *_words: None)  # the test is the thread
    store = RepoStore(str(cache), Repo("model", "org/name"))
    row = journal.row_for(resolve(), str(drive.folder("models")), store, here)
    worker().queue(resolve(), row, "main")
    copying = journal.read(row.path)
    assert copying is not None
    copying.who = ["1a2b000001"]
    copying.write()
    worker().queue(resolve(), row, "main")
    again = journal.read(row.path)
    assert again is not None and again.who == ["1a2b000001"] and again.asked == 2


def test_a_vault_that_was_renamed_is_not_made_anew(here: str, drive: Drive) -> None:
    assert keep().state == "saved"
    top = drive.store / "MyDrive"
    (top / "models").rename(top / "mine")
    assert [model.state for model in hubjet.vault.status().models] in (["lost"], ["saved"]) and not hubjet.vault.status().saved
    row = next(iter(journal.rows(resolve(), str(drive.folder("models")))))
    row.state = "queued"
    row.write()
    assert not hubjet.vault.flush(30).saved and sorted(path.name for path in top.iterdir()) == ["mine"]
    (top / "mine").rename(top / "models")
    assert hubjet.vault.flush(30).saved


def test_models_that_vanished_from_the_vault_are_lost_not_saved(here: str, drive: Drive) -> None:
    assert keep().state == "saved"
    shutil.rmtree(drive.store / "MyDrive" / "models" / "org")
    [model] = hubjet.vault.status().models
    assert model.state == "lost" and model.read_back == 0 and "put" in str(model.advice)
    assert not hubjet.vault.status().saved
    assert hubjet.vault.put("org/name").state == "saved"


def test_a_size_that_shows_late_is_waited_for(here: str, drive: Drive) -> None:
    drive.fault("getattr", "*part-02*", zero=True, times=2)
    assert keep().state == "saved"


def test_zero_bytes_that_stay_are_never_called_saved(here: str, drive: Drive) -> None:
    drive.fault("getattr", "*.part-02*", zero=True)
    model = keep()
    assert model.state == "failed" and "0 of" in str(model.error) and manifests_on(drive) == []
    drive.heal()
    assert hubjet.vault.flush(30).saved


def test_a_write_that_is_lost_is_noticed(here: str, drive: Drive) -> None:
    drive.fault("release", "*.part-03*", lose=True, times=1)
    assert keep().state == "failed"
    assert manifests_on(drive) == []
    assert hubjet.vault.flush(30).saved


def test_bytes_that_come_back_wrong_are_written_again(here: str, drive: Drive) -> None:
    drive.fault("read", "*.part-03*", flip=True, times=1)
    assert keep().state == "saved"
    assert len([call for call in drive.calls() if call[0] == "create" and "part-03" in call[1]]) == 2 or drive.calls().count(("truncate", "x")) == 0


def test_bytes_that_never_come_back_right_are_not_kept(here: str, drive: Drive) -> None:
    drive.fault("read", "*.part-03*", flip=True)
    model = keep()
    assert model.state == "failed" and "does not come back" in str(model.error) and manifests_on(drive) == []


@pytest.mark.parametrize("error", ["EROFS", "EACCES"])
def test_a_vault_that_may_not_be_written_is_said(here: str, drive: Drive, error: str) -> None:
    for op in ("mkdir", "create"):
        drive.fault(op, "*", error)
    model = keep()
    assert model.state == "failed" and "cannot be written" in str(model.error) and "another folder" in str(model.advice)


def test_a_damaged_local_file_is_not_kept(here: str, drive: Drive, cache: Path) -> None:
    blob = (cache / "models--org--name" / "snapshots" / here / "model.safetensors").resolve()
    blob.chmod(0o644)
    data = bytearray(BIG)
    data[77] ^= 1
    blob.write_bytes(data)
    with pytest.raises((hubjet.IntegrityError, hubjet.StorageError), match="not what its digest says"):
        hubjet.vault.put("org/name")
    assert manifests_on(drive) == []


def test_two_runtimes_write_one_vault_at_once(here: str, drive: Drive, cache: Path, tmp_path: Path) -> None:
    other = {**os.environ, "HF_HOME": str(tmp_path / "other-home")}
    drive.fault("write", "*", delay_ms=1)
    script = "import hubjet; from hubjet._vault import layout; layout.PART = 1 << 20; print(hubjet.vault.put('org/name').state)"
    second = subprocess.Popen([sys.executable, "-c", script], env=other, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert keep().state == "saved"
    out, err = second.communicate(timeout=60)
    assert out == "saved\n", err
    names = lies(drive)
    assert not [name for name in names if name.endswith(".hubjet")]
    shelf._known.clear()
    [model] = hubjet.vault.ls()
    assert model.files == len(FILES) and not drive.refused()


def test_two_that_say_different_things_of_one_commit_are_both_believed(drive: Drive, vault: Path) -> None:
    vault.mkdir()
    one, commit = Repo("model", "org/name"), "1" * 40
    entries = [Entry(name, 1, "2" * 40, (Part(f"{commit}/{name}", 1, "3" * 64),)) for name in ("a", "b")]
    for entry in entries:  # as if neither had seen the other's
        data = manifest.text(Manifest(one, commit, {"main": 5}, {entry.path: entry}, None, None, 7))
        (vault / "org" / "name").mkdir(parents=True, exist_ok=True)
        (vault / "org" / "name" / layout.manifest_name(commit, shelf.sha256(data))).write_bytes(data)
    assert set(shelf.manifests(str(vault), one)[commit].files) == {"a", "b"}


def test_a_second_commit_writes_only_what_changed(here: str, world: Any, drive: Drive) -> None:
    assert keep().state == "saved"
    world.hub.repos["models", "org/name"].commit({"config.json": b"{2}"})
    drive.forget()
    hubjet.snapshot_download("org/name")
    assert hubjet.vault.flush(30).saved
    assert not any("model" in os.path.basename(path) for op, path in drive.calls() if op == "create")
    assert len(hubjet.vault.ls()) == 2
    hubjet.vault.rm("org/name", revision=here)
    [left] = hubjet.vault.ls()
    assert left.commit != here and left.files == 4
    assert hubjet.vault.restore("org/name")
    assert hubjet.vault.rm("org/name") > 0 and lies(drive) == []


def test_what_left_the_disk_before_its_turn_is_said_and_never_called_saved(
    here: str, drive: Drive, cache: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hubjet.vault.pause()
    hubjet.vault.put("org/name", wait=False)
    while not (drive.store / "MyDrive" / "models").exists():  # it was looked at what is here
        assert worker()._thread is not None
    shutil.rmtree(cache)
    hubjet.vault.resume()
    hubjet.vault.flush(30)
    hubjet.vault.flush(30)
    assert "saved" not in {model.state for model in hubjet.vault.status().models} and manifests_on(drive) == []
    assert "not on this disk any more" in caplog.text


def test_a_file_that_comes_later_is_kept_too(world: Any, vault: Path) -> None:
    world.repo("org/name").commit(FILES)
    hubjet.hf_hub_download("org/name", "config.json")
    assert [model.files for model in hubjet.vault.flush(30).models] == [1]
    hubjet.hf_hub_download("org/name", "README.md")
    assert [model.files for model in hubjet.vault.flush(30).models] == [2]
    hubjet.snapshot_download("org/name")
    assert [model.files for model in hubjet.vault.flush(30).models] == [4]


def test_a_kill_in_a_call_that_is_the_kernels_own_hits_nobody(drive: Drive) -> None:
    drive.fault("release", kill=True)
    (drive.at / "one").write_bytes(b"1")
    while ("release", "/one") not in drive.calls():
        assert (drive.at / "one").exists(), "the file system killed itself"
    drive.heal()
    assert (drive.at / "one").read_bytes() == b"1"


MIB = 1 << 20
WEIGHTS = Sparse(40 * MIB, 5)


@pytest.fixture
def large(world: Any, vault: Path, cache: Path, drive: Drive, monkeypatch: pytest.MonkeyPatch) -> str:
    """Weights that are worth measuring (there from 256 MiB on, here from 32), on the vault and not on this computer."""
    monkeypatch.setattr(choose, "SMALL", MIB)
    commit: str = world.repo("org/large").commit({"config.json": b"{}", "model.safetensors": WEIGHTS}, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/large")
    assert hubjet.vault.flush().saved
    new_runtime(cache, monkeypatch)
    world.clear()
    drive.forget()
    return commit


def restored(world: Any) -> tuple[str, int]:
    """Where the weights came from in this runtime, and how many bytes of files the hub sent. They are what they should be."""
    weights = Path(hubjet.snapshot_download("org/large")) / "model.safetensors"
    assert hashlib.sha256(weights.read_bytes()).hexdigest() == weights.resolve().name
    told = hubjet.receipt()
    assert told is not None
    return {file.name: file.source for file in told.files}["model.safetensors"], sum(one.bytes for one in world.bodies())


def test_it_is_restored_from_the_vault_or_downloaded_again_whichever_was_measured_to_be_faster(
    large: str, world: Any, drive: Drive, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = {}
    for hub, vault_rate, faster in ((None, 6 * MIB, "hub"), (6 * MIB, None, "vault"), (20 * MIB, 20 * MIB, "vault")):  # a draw goes to the vault
        world.heal()
        world.pace(None, hub)
        drive.heal()
        if vault_rate is not None:
            drive.fault("read", rate=vault_rate)
        world.clear()
        source, sent[hub, vault_rate] = restored(world)
        assert source.startswith("vault ") == (faster == "vault"), (hub, vault_rate, source)
        new_runtime(cache, monkeypatch)
    measured = 16 * MIB
    assert 40 * MIB <= sent[None, 6 * MIB] <= 40 * MIB + measured + MIB, "the weights, and what was measured"
    assert sent[6 * MIB, None] <= measured and sent[20 * MIB, 20 * MIB] <= measured, "what was measured"


def test_what_was_measured_lately_is_not_measured_again(large: str, world: Any, drive: Drive, cache: Path) -> None:
    drive.fault("read", rate=6 * MIB)
    assert not restored(world)[0].startswith("vault")
    shutil.rmtree(cache)  # and not what is known of rates
    world.clear()
    source, sent = restored(world)
    assert not source.startswith("vault") and 40 * MIB <= sent < 41 * MIB
    world.pace(None, 6 * MIB)
    world.clear()
    shutil.rmtree(cache)
    with hubjet.settings(offline=True):  # nobody may be asked: the vault, however slow
        drive.heal()
        assert restored(world) == (f"vault {drive.folder('models')}", 0)


def test_two_users_a_tier_and_a_vault_killed_at_eight_moments(world: Any) -> None:
    """Nothing is lost, nothing half-visible, the state honest. `make drive` is the long form."""
    dice = random.Random(8)
    with tempfile.TemporaryDirectory(prefix="hubjet-drive-") as place:
        os.chmod(place, 0o755)  # pytest's own folder is closed to other accounts
        with Drive(Path(place) / "colab") as drive, Story(world, Path(place), drive, 8) as story:
            calls = story.count()
            while story.killed < 8:
                story.forget_all()
                while story.killed < 8 and story.kill_at(dice.randrange(2 * calls)):
                    story.check()
                story.finish()


# --- looked at, held, waited for --------------------------------------------------------------------


def test_while_it_is_held_nothing_is_copied_and_it_is_said(here: str, drive: Drive) -> None:
    hubjet.vault.pause()
    hubjet.snapshot_download("org/name", local_files_only=True)
    found = hubjet.vault.flush(0.3)
    assert not found.saved and found.models[0].state in ("queued", "writing") and found.left > 0
    hubjet.vault.resume()
    assert hubjet.vault.flush(30).saved


def test_it_holds_still_while_a_download_runs(here: str, world: Any, drive: Drive, cache: Path) -> None:
    world.repo("org/large").commit({"big.bin": BIG})
    gate = world.gate("*", 0)
    job = hubjet.start("org/large")
    gate.wait_reached(1 << 20)
    hubjet.vault.put("org/name", wait=False)
    path = journal.path_of(resolve(), str(drive.folder("models")), RepoStore(str(cache), Repo("model", "org/name")), here)
    while (row := journal.read(path)) is None or row.state != "writing":
        assert not job.done
    assert not [call for call in drive.calls() if call[0] == "write"] and _transport.running()
    gate.open()
    job.result()
    assert hubjet.vault.flush(30).saved and not _transport.running()


def test_ctrl_c_ends_the_waiting_not_the_copying(here: str, drive: Drive) -> None:
    hubjet.vault.pause()
    hubjet.vault.put("org/name", wait=False)
    timer = threading.Timer(0.1, lambda: signal.raise_signal(signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        hubjet.vault.flush()
    timer.join()
    hubjet.vault.resume()
    assert hubjet.vault.flush(30).saved


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_leaves_it_to_its_parent(here: str, drive: Drive) -> None:
    drive.fault("write", "*", delay_ms=5)
    hubjet.vault.put("org/name", wait=False)
    child = os.fork()
    if child == 0:
        os._exit(0 if worker()._thread is None and worker().pid == os.getpid() else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert hubjet.vault.flush(30).saved


def program(script: str, **env: str) -> subprocess.CompletedProcess[str]:
    head = "import logging, sys; logging.basicConfig(stream=sys.stderr); import hubjet; from hubjet._vault import layout; layout.PART = 1 << 20\n"
    return subprocess.run([sys.executable, "-c", head + script], env={**os.environ, **env}, capture_output=True, text=True, timeout=60)


def test_the_end_of_a_program_waits_and_says_so(here: str, drive: Drive) -> None:
    drive.fault("write", "*", delay_ms=30)
    done = program("hubjet.snapshot_download('org/name', local_files_only=True)", HUBJET_VAULT_WAIT="30")
    assert done.returncode == 0 and "goes to the vault" in done.stderr and "not on the vault" not in done.stderr
    assert hubjet.vault.status().saved


def test_a_program_that_may_not_wait_says_what_is_left_and_the_next_one_goes_on(here: str, drive: Drive) -> None:
    drive.fault("write", "*", delay_ms=100)
    done = program("hubjet.snapshot_download('org/name', local_files_only=True)", HUBJET_VAULT_WAIT="0.2")
    assert done.returncode == 0 and "not on the vault yet: org/name" in done.stderr
    assert not hubjet.vault.status().saved
    drive.heal()
    done = program("hubjet.vault.flush(); print(hubjet.vault.status().saved)")
    assert done.stdout == "True\n"


def test_a_table_for_notebooks_terminals_and_programs(here: str, drive: Drive) -> None:
    drive.fault("write", "*", "EDQUOT")
    keep()
    found = hubjet.vault.status()
    assert "no room" in str(found) and "do: make room" in str(found)
    assert "<table" in found._repr_html_() and "no room" in found._repr_html_()
    assert json.loads(json.dumps(found.as_dict()))["models"][0]["state"] == "failed"
    drive.heal()
    drive.fault("upload", "*")
    assert "arrived at Google" in str(hubjet.vault.flush(30))
    assert hubjet.vault.status().models[0].uploaded == hubjet.vault.status().models[0].size


def test_what_is_not_at_google_yet_is_said(here: str, drive: Drive) -> None:
    keep()
    [model] = hubjet.vault.status().models
    assert (model.state, model.uploaded) == ("saved", 0) and "0.0 of 5.2 MB arrived at Google" in str(hubjet.vault.status())


# --- the token --------------------------------------------------------------------------------------


def test_a_token_lies_on_the_vault_only_if_somebody_wants_it_there(
    world: Any, vault: Path, drive: Drive, cache: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    token = world.token("reader")
    world.repo("org/private", private=True, tokens=["reader"]).commit({"config.json": b"{}"})
    hubjet.login(token)
    assert not (vault / "hubjet-token").exists() if vault.exists() else True
    hubjet.login(token, vault=True)
    assert (vault / "hubjet-token").read_text() == token and (drive.store / "MyDrive/models/hubjet-token").stat().st_mode & 0o777 == 0o600
    assert "whoever may read that folder has it" in caplog.text and token not in caplog.text
    assert not drive.refused()
    shutil.rmtree(os.environ["HF_HOME"])
    with pytest.raises(hubjet.HubjetError):
        hubjet.hf_hub_download("org/private", "config.json")
    monkeypatch.setenv("HUBJET_VAULT_TOKEN", "1")
    assert os.path.exists(hubjet.hf_hub_download("org/private", "config.json"))
    assert hubjet.whoami().token_origin == f"vault {vault}/hubjet-token"
    assert hubjet.logout() and not (vault / "hubjet-token").exists()


def test_a_token_for_a_vault_that_is_not_there_is_an_error_that_says_so(world: Any, hub_env: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    token = world.token("reader")
    with pytest.raises(hubjet.ConfigError, match="none is set"):
        hubjet.login(token, vault=True)
    with hubjet.settings(vault=tmp_path / "no" / "drive"), pytest.raises(hubjet.StorageError, match="is not there"):
        hubjet.login(token, vault=True)
    assert not (tmp_path / "no").exists()


# --- typed ------------------------------------------------------------------------------------------


def typed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "hubjet", *words], capture_output=True, text=True, timeout=60, env={**os.environ})


def test_what_is_typed(world: Any, vault: Path, drive: Drive) -> None:
    world.repo("org/name").commit(FILES)
    done = typed("download", "org/name")  # ends when it is on the vault
    assert done.returncode == 0 and manifests_on(drive), done.stderr
    [model] = json.loads(typed("vault", "status", "--json").stdout)["models"]
    assert (model["state"], model["read_back"]) == ("saved", model["size"])
    assert typed("vault", "ls").stdout.split("\t")[:2] == ["model", "org/name"]
    shutil.rmtree(os.environ["HF_HOME"])
    shutil.rmtree(os.environ["HF_HUB_CACHE"])
    folder = typed("vault", "restore", "org/name").stdout.strip()
    assert Path(folder, "model.safetensors").read_bytes() == BIG
    done = typed("vault", "put", "org/name")
    assert done.returncode == 0 and "all of it read back" in done.stderr
    assert typed("vault", "restore", "org/nothing").returncode == 3
    assert typed("vault", "stats").returncode == typed("vault", "rm").returncode == 2
    drive.fault("write", "*", "EDQUOT")
    world.repo("org/two").commit({"a.json": b"{}"})
    done = typed("download", "org/two")
    assert done.returncode == 0 and done.stderr.count("no room left") == 1 and "not on the vault yet: org/two" in done.stderr
    assert typed("vault", "put").returncode == 7
    drive.heal()
    assert typed("vault", "put").returncode == 0
    assert typed("vault", "rm", "org/name").returncode == 0
    drive.drop()
    done = typed("vault", "status")
    assert done.returncode == 7 and "does not answer" in done.stdout


def test_it_is_brought_back_into_the_plain_layout(kept: str, world: Any, tmp_path: Path) -> None:
    with hubjet.settings(layout="plain", cache_dir=tmp_path / "plain"):
        folder = Path(hubjet.snapshot_download("org/name"))
    assert (folder / "model.safetensors").read_bytes() == BIG and world.bodies() == []


def test_it_is_brought_back_into_a_folder(kept: str, world: Any, tmp_path: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/name", local_dir=tmp_path / "mine"))
    assert (folder / "model.safetensors").read_bytes() == BIG and world.bodies() == []


def test_the_vault_is_an_argument_too(world: Any, hub_env: None, drive: Drive) -> None:
    world.repo("org/name").commit(FILES)
    place = drive.folder("models")
    hubjet.from_pretrained("org/name", vault=place)
    assert hubjet.vault.flush(30, vault=place).saved and manifests_on(drive)
