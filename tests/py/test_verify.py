"""What is here is proven without the network; what is damaged is found, told, and repaired by fetching no more than that."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest

pytestmark = pytest.mark.usefixtures("hub_env")

MIB = 1 << 20
CELL = 256 << 10
WEIGHTS = random.Random(7).randbytes(9 * MIB + 12345)
CONFIG = b'{"v": 1}'


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit({"config.json": CONFIG, "model.safetensors": WEIGHTS, "sub/notes.txt": b"n" * 5000})
    return one


def side(cache: Path) -> Path:
    return cache / "models--org--model" / ".hubjet"


def blob_of(path: str | Path) -> Path:
    return Path(os.path.realpath(path))


def flip(path: Path, at: int) -> None:
    """As a disk does it: nobody writes, the time of change stays."""
    facts = path.stat()
    path.chmod(0o644)
    with open(path, "r+b") as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 0x40]))
    path.chmod(0o444)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    for top in path.parents:  # and the time of change, too: nobody can set that, so the notes are
        for note in (top / ".hubjet" / "record", top / ".cache" / "huggingface" / "download" / f"{path.name}.metadata"):
            if note.exists():
                note.write_text(note.read_text().replace(str(facts.st_ctime_ns), str(path.stat().st_ctime_ns)))


def sent_by(world: Any) -> int:
    """Bytes of files, by the server's log."""
    return sum(request.bytes for request in world.bodies())


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "hubjet", *words], capture_output=True, text=True, timeout=60)


# --- nothing is wrong ---------------------------------------------------------------------------------


@pytest.mark.parametrize("fast", [False, True])
def test_a_fresh_download_is_good_and_nobody_is_asked(repo: Any, world: Any, fast: bool) -> None:
    hubjet.snapshot_download("org/model")
    world.clear()
    with hubjet.contacts() as seen:
        found = hubjet.verify("org/model", fast=fast)
    assert found and found.ok and not found.bad and len(seen) == 0
    assert {one.name: one.state for one in found.files} == {"config.json": "good", "model.safetensors": "good", "sub/notes.txt": "good"}
    assert found.bytes == found.read == len(WEIGHTS) + len(CONFIG) + 5000
    assert "all good" in repr(found) and "all good" in found._repr_html_()


def test_sums_are_kept_when_a_file_arrives_and_fast_uses_them(repo: Any, cache: Path) -> None:
    path = hubjet.hf_hub_download("org/model", "model.safetensors")
    (sums,) = (side(cache) / "sums").iterdir()
    assert sums.name == blob_of(path).name and sums.stat().st_size == 32 + 8 * -(-len(WEIGHTS) // CELL)
    (one,) = hubjet.verify("org/model", fast=True).files
    assert (one.how, one.state) == ("sums", "good")
    (one,) = hubjet.verify("org/model").files
    assert (one.how, one.state) == ("sha256", "good")


def test_sums_of_a_resumed_download_fit_too(repo: Any, world: Any, cache: Path) -> None:
    world.fault("cdn", "*", "drop", times=2, n=300_000)
    path = hubjet.hf_hub_download("org/model", "model.safetensors")
    assert hubjet.verify("org/model", fast=True).files[0].how == "sums" and blob_of(path).read_bytes() == WEIGHTS


def test_small_files_have_no_sums(repo: Any, cache: Path) -> None:
    hubjet.hf_hub_download("org/model", "config.json")
    assert not (side(cache) / "sums").exists()
    assert [one.how for one in hubjet.verify("org/model", fast=True).files] == ["git-sha1"]


def test_what_huggingface_hub_brought_is_proven_by_name_and_gets_sums(repo: Any, cache: Path) -> None:
    script = "import huggingface_hub; huggingface_hub.snapshot_download('org/model')"  # a process of its own: it reads the environment once
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60, capture_output=True)
    assert not side(cache).exists()
    first = hubjet.verify("org/model", fast=True)
    assert first.ok and {one.how for one in first.files} == {"sha256", "git-sha1"}
    second = hubjet.verify("org/model", fast=True)
    assert second.ok and {one.name: one.how for one in second.files}["model.safetensors"] == "sums"


def test_the_whole_cache_or_one_revision(repo: Any, world: Any) -> None:
    first = repo.head
    hubjet.snapshot_download("org/model")
    repo.commit({"config.json": b'{"v": 2}'})
    hubjet.snapshot_download("org/model")
    world.repo("org/other").commit({"a.bin": b"a" * 3000})
    hubjet.snapshot_download("org/other")
    assert sorted(one.name for one in hubjet.verify().files) == ["a.bin", "config.json", "config.json", "model.safetensors", "sub/notes.txt"]
    assert len(hubjet.verify("org/model").files) == 4
    assert len(hubjet.verify("org/model", revision=first).files) == 3
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.verify("org/model", revision="never")


def test_verify_reads_without_a_trace(repo: Any) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    os.utime(path, ns=(10**18, path.stat().st_mtime_ns))
    hubjet.verify("org/model")
    hubjet.verify("org/model", fast=True)
    assert path.stat().st_atime_ns == 10**18


# --- a flipped byte ------------------------------------------------------------------------------------


@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("at", [0, 5 * MIB + 17, len(WEIGHTS) - 1])
def test_one_flipped_byte_is_found_and_its_place_is_told(repo: Any, fast: bool, at: int) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    flip(path, at)
    found = hubjet.verify("org/model", fast=fast)
    (one,) = found.bad
    first = at // CELL * CELL
    assert not found and one.damaged == ((first, min(first + CELL, len(WEIGHTS))),)
    assert f"{first:,}" in str(found)


@pytest.mark.parametrize("fast", [False, True])
def test_repair_fetches_the_damaged_block_and_no_more(repo: Any, world: Any, cache: Path, fast: bool) -> None:
    path = hubjet.hf_hub_download("org/model", "model.safetensors")
    reader = open(path, "rb")
    flip(blob_of(path), 5 * MIB + 17)
    damaged = blob_of(path).read_bytes()
    world.clear()
    found = hubjet.verify("org/model", fast=fast, repair=True)
    assert found.ok and [one.state for one in found.files] == ["repaired"]
    assert 0 < sent_by(world) <= CELL + 64 * 1024 and found.fetched <= CELL, "no more than what was damaged, and the question that learns the size"
    assert blob_of(path).read_bytes() == WEIGHTS and hubjet.verify("org/model").ok
    with reader:
        assert reader.read() == damaged, "never in place under a reader"
    assert blob_of(path).stat().st_mode & 0o777 == 0o444
    assert not (side(cache) / "partial").exists()


def test_repair_of_several_blocks_of_a_truncated_file(repo: Any, world: Any) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    flip(path, 1000)
    path.chmod(0o644)
    os.truncate(path, 8 * MIB)
    found = hubjet.verify("org/model", fast=True)
    assert found.bad[0].damaged == ((0, CELL), (8 * MIB, len(WEIGHTS)))
    world.clear()
    assert hubjet.verify("org/model", fast=True, repair=True).ok
    assert sent_by(world) <= CELL + MIB + CELL + 64 * 1024 + 12345
    assert path.read_bytes() == WEIGHTS


def test_without_sums_the_whole_file_comes_again_and_it_is_said(repo: Any, world: Any, cache: Path) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    shutil.rmtree(side(cache) / "sums")
    flip(path, 77)
    found = hubjet.verify("org/model", fast=True)
    assert found.bad[0].damaged == ((0, len(WEIGHTS)),) and "no sums" in found.bad[0].reason
    world.clear()
    found = hubjet.verify("org/model", repair=True)
    assert found.ok and found.fetched == len(WEIGHTS) and path.read_bytes() == WEIGHTS
    assert (side(cache) / "sums" / path.name).exists()


def test_sums_that_lie_do_not_condemn_a_good_file(repo: Any, cache: Path) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    sums = side(cache) / "sums" / path.name
    other = hubjet.verify("org/model", fast=True)
    assert other.ok
    sums.write_bytes(sums.read_bytes()[:-9] + b"somewrong")  # nonsense: as if there were none
    assert hubjet.verify("org/model", fast=True).files[0].how == "sha256"
    assert hubjet.verify("org/model", fast=True).files[0].how == "sums"


def test_a_repair_that_gets_wrong_bytes_again_leaves_the_file_as_it_is(repo: Any, world: Any) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    flip(path, 77)
    before = path.read_bytes()
    world.fault("cdn", "*", "corrupt")
    found = hubjet.verify("org/model", repair=True)
    assert not found.ok and path.read_bytes() == before and "could not be repaired" in found.bad[0].reason
    world.heal()
    assert hubjet.verify("org/model", repair=True).ok and path.read_bytes() == WEIGHTS


def test_a_hub_that_is_down_leaves_the_file_and_says_so(repo: Any, world: Any) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    flip(path, 77)
    world.down()
    found = hubjet.verify("org/model", repair=True)
    assert not found.ok and "could not be repaired" in found.bad[0].reason and path.exists()


def test_what_no_name_leads_to_is_set_aside(repo: Any, cache: Path) -> None:
    path = hubjet.hf_hub_download("org/model", "model.safetensors")
    blob = blob_of(path)
    os.unlink(path)
    flip(blob, 5)
    found = hubjet.verify("org/model", repair=True)
    assert found.ok and not blob.exists() and len(list((side(cache) / "aside").iterdir())) == 1


# --- edits ---------------------------------------------------------------------------------------------


def test_an_edit_is_told_from_damage_and_kept_aside_by_a_repair(repo: Any, cache: Path) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "config.json"))
    path.chmod(0o644)
    path.write_bytes(b'{"mine": 1}')
    found = hubjet.verify("org/model")
    assert [one.state for one in found.bad] == ["edited"]
    assert hubjet.verify("org/model", repair=True).ok and path.read_bytes() == CONFIG
    (kept,) = (side(cache) / "aside").iterdir()
    assert kept.read_bytes() == b'{"mine": 1}'


# --- names and notes -----------------------------------------------------------------------------------


def test_a_blob_that_is_gone_is_missed_and_brought(repo: Any) -> None:
    path = hubjet.hf_hub_download("org/model", "model.safetensors")
    blob_of(path).unlink()
    found = hubjet.verify("org/model")
    assert [(one.state, one.name) for one in found.bad] == [("missing", "model.safetensors")]
    assert hubjet.verify("org/model", repair=True).ok and Path(path).read_bytes() == WEIGHTS


def test_links_refs_and_listings_are_looked_at(repo: Any, cache: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/model"))
    root = cache / "models--org--model"
    config = folder / "config.json"
    weights = os.readlink(folder / "model.safetensors")
    config.unlink()
    config.symlink_to(weights)  # another blob's
    (folder / "sub" / "notes.txt").unlink()
    (root / "refs" / "broken").write_text("nonsense")
    (root / "trees" / ("c" * 40 + ".json")).write_text("{")
    found = hubjet.verify("org/model")
    assert not found.ok and len(found.faults) == 4, found.faults
    again = hubjet.verify("org/model", repair=True)
    assert again.ok and all(fault.repaired for fault in again.faults)
    assert config.read_bytes() == CONFIG and (folder / "sub" / "notes.txt").exists()
    assert hubjet.verify("org/model").ok and not hubjet.verify("org/model").faults


def test_a_link_out_of_the_repository_is_told(repo: Any, tmp_path: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/model"))
    (folder / "stranger.bin").symlink_to(tmp_path)
    found = hubjet.verify("org/model")
    assert [fault.path for fault in found.faults] == [str(folder / "stranger.bin")]


def test_strangers_files_are_unknown_and_no_fault(repo: Any, cache: Path) -> None:
    folder = Path(hubjet.snapshot_download("org/model"))
    (folder / "mine.txt").write_text("x")
    (cache / "models--org--model" / "blobs" / "not-a-digest").write_text("x")
    (cache / "models--org--model" / "blobs" / ("a" * 64 + ".incomplete")).write_text("x")
    found = hubjet.verify("org/model")
    assert found.ok and sorted(one.name for one in found.unknown) == ["mine.txt", "not-a-digest"]


# --- other layouts -------------------------------------------------------------------------------------


def test_a_cache_without_links_is_verified_and_repaired_by_its_listing(repo: Any, world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    folder = Path(hubjet.snapshot_download("org/model"))
    assert not (folder / "model.safetensors").is_symlink()
    assert hubjet.verify("org/model").ok
    assert {one.name: one.how for one in hubjet.verify("org/model", fast=True).files}["model.safetensors"] == "sums"
    flip(folder / "model.safetensors", 3 * MIB)
    world.clear()
    assert not hubjet.verify("org/model", fast=True).ok
    assert hubjet.verify("org/model", repair=True).ok and (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert sent_by(world) <= CELL + 64 * 1024


def test_a_local_dir_is_verified_by_its_notes(repo: Any, world: Any, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    hubjet.snapshot_download("org/model", local_dir=folder)
    assert hubjet.verify(local_dir=folder).ok
    (folder / "config.json").write_bytes(b"my own words")
    os.utime(folder / "config.json", (2e9, 2e9))
    flip(folder / "model.safetensors", 99)
    found = hubjet.verify(local_dir=folder)
    assert {one.name: one.state for one in found.bad} == {"config.json": "edited", "model.safetensors": "damaged"}
    world.clear()
    found = hubjet.verify("org/model", local_dir=folder, repair=True)
    assert {one.name: one.state for one in found.files} == {"config.json": "edited", "model.safetensors": "repaired", "sub/notes.txt": "good"}
    assert (folder / "config.json").read_bytes() == b"my own words" and (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert sent_by(world) <= CELL + 64 * 1024


def test_a_blob_that_is_a_link_into_another_store_is_verified_and_replaced_here(repo: Any, tmp_path: Path) -> None:
    path = hubjet.hf_hub_download("org/model", "model.safetensors")
    blob, shared = blob_of(path), tmp_path / "shared.bin"
    shutil.move(blob, shared)
    blob.symlink_to(shared)
    assert hubjet.verify("org/model").ok
    flip(shared, 50)
    theirs = shared.read_bytes()
    assert hubjet.verify("org/model", repair=True).ok
    assert Path(path).read_bytes() == WEIGHTS and shared.read_bytes() == theirs and not blob.is_symlink()


# --- the command ---------------------------------------------------------------------------------------


def test_the_command_says_what_is_wrong_and_ends_with_6(repo: Any) -> None:
    path = blob_of(hubjet.hf_hub_download("org/model", "model.safetensors"))
    good = run("verify", "org/model", "--fast")
    assert good.returncode == 0 and "all good" in good.stdout
    flip(path, 5 * MIB)
    bad = run("verify")
    assert bad.returncode == 6 and "damaged" in bad.stdout and "5,242,880" in bad.stdout and "--repair" in bad.stderr
    told = json.loads(run("verify", "--json").stdout)
    assert told["ok"] is False and told["not_good"][0]["damaged"] == [[5 * MIB, 5 * MIB + CELL]]
    mended = run("verify", "org/model", "--fast", "--repair")
    assert mended.returncode == 0 and "repaired" in mended.stdout
    assert run("verify", "--offline").returncode in (0, 2)


def test_the_plain_layout_is_verified_and_repaired_by_its_record(repo: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    folder = Path(hubjet.snapshot_download("org/model"))
    assert len(hubjet.verify("org/model").files) == 3 and hubjet.verify().ok
    flip(folder / "model.safetensors", 3 * MIB)
    assert [one.name for one in hubjet.verify("org/model", fast=True).bad] == ["model.safetensors"]
    assert hubjet.verify("org/model", repair=True).ok and (folder / "model.safetensors").read_bytes() == WEIGHTS
    assert hubjet.verify().ok and Path(hubjet.hf_hub_download("org/model", "model.safetensors")).read_bytes() == WEIGHTS


def test_in_the_plain_layout_an_edit_is_told_from_damage_too_and_kept(repo: Any, monkeypatch: pytest.MonkeyPatch, requests: Any) -> None:
    monkeypatch.setenv("HUBJET_LAYOUT", "plain")
    folder = Path(hubjet.snapshot_download("org/model"))
    flip(folder / "model.safetensors", 3 * MIB)
    edited = folder / "config.json"
    edited.chmod(0o644)
    edited.write_bytes(b'{"mine": 1}')
    (folder / "sub" / "notes.txt").touch()
    assert {one.name: one.state for one in hubjet.verify("org/model").files} == {
        "config.json": "edited", "model.safetensors": "damaged", "sub/notes.txt": "good"
    }  # fmt: skip
    assert hubjet.verify("org/model", repair=True).ok and edited.read_bytes() == CONFIG
    (kept,) = (folder / ".hubjet" / "aside").iterdir()
    assert kept.read_bytes() == b'{"mine": 1}'
    requests()
    assert hubjet.snapshot_download("org/model", local_files_only=True) == str(folder) and requests() == []


def test_a_repository_that_is_not_here_is_no_good_one(cache: Path) -> None:
    """A misspelt name must not look like a clean bill."""
    with pytest.raises(hubjet.LocalEntryNotFound, match="org/none is not in the cache"):
        hubjet.verify("org/none")
    assert hubjet.verify().ok
