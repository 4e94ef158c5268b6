"""pack and unpack: models as one file, the same bytes everywhere; nothing in it is believed; killed, it goes on."""

from __future__ import annotations

import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._move import squeeze

from tests.py.child import ROOT

pytestmark = pytest.mark.usefixtures("hub_env")

BIG = bytes(range(256)) * 40_000
LONG = "a/" * 60 + "n" * 90 + ".json"
FILES: dict[str, Any] = {
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "config.json": b'{"model_type": "bert"}',
    "empty.txt": b"",
    "model.safetensors": BIG,
    "again/model.safetensors": BIG,
    LONG: b"{}",
    "mit ä und Blank.json": b"[]",
    "pytorch_model.bin": b"v" * 5000,
}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.fixture
def made(world: Any, tmp_path: Path) -> Path:
    world.repo("org/model").commit(FILES)
    file = tmp_path / "model.tar"
    hubjet.pack("org/model", file)
    return file


def hubjet_in(cache: Path, *words: str, **how: Any) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "HF_HUB_CACHE": str(cache)}
    return subprocess.run([sys.executable, "-m", "hubjet", *words], capture_output=True, env=env, **how)


# --- the way there and back -----------------------------------------------------------------------


def test_what_is_packed_here_is_there_without_a_network(world: Any, made: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    world.clear()
    with hubjet.settings(offline=True):
        done = hubjet.unpack(made, cache_dir=there)
        assert contents(done.folders["org/model"]) == FILES
        assert hubjet.from_pretrained("org/model", cache_dir=there) == done.folders["org/model"]
        assert hubjet.snapshot_download("org/model", cache_dir=there) == str(done.folders["org/model"])
    assert world.requests == []
    for blob in (there / "models--org--model" / "blobs").iterdir():
        assert os.stat(blob).st_mode & 0o222 == 0 and blob.stat().st_nlink == 1
        assert hubjet._native.blob_state(str(there / "models--org--model"), blob.name) == "same"  # type: ignore[attr-defined]
    assert not (there / "models--org--model" / ".hubjet" / "unpack").exists()


def test_the_stock_client_reads_it_offline(made: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    folder = hubjet.unpack(made, cache_dir=there).folders["org/model"]
    script = (
        "from huggingface_hub import snapshot_download, hf_hub_download, scan_cache_dir\n"
        "print(snapshot_download('org/model')); print(hf_hub_download('org/model', 'config.json')); assert not scan_cache_dir().warnings"
    )
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(there), "HF_ENDPOINT": "http://127.0.0.1:9"}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(folder), str(folder / "config.json")]


def test_transformers_loads_the_real_model_where_there_is_no_network(world: Any, tmp_path: Path) -> None:
    from tests.py.models import real_model

    model = real_model()
    world.repo("org/minilm").commit({path.relative_to(model).as_posix(): path for path in model.rglob("*") if path.is_file()})
    hubjet.pack("org/minilm", tmp_path / "model.tar", needed=True)
    there = tmp_path / "home" / "hub"
    hubjet.unpack(tmp_path / "model.tar", cache_dir=there)
    script = "from transformers import AutoModel, AutoTokenizer as T; n = 'org/minilm'; print(AutoModel.from_pretrained(n)(**T.from_pretrained(n)('a cat', return_tensors='pt'))[0].shape)"
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(there.parent), "HF_ENDPOINT": "http://127.0.0.1:9"}
    del env["HF_HUB_CACHE"]
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, env=env)
    assert "384])" in done.stdout, done.stderr


def test_packed_twice_it_is_the_same_file_on_another_computer_too(world: Any, made: Path, tmp_path: Path) -> None:
    second = tmp_path / "second.tar"
    hubjet.pack(["org/model"], second, cache_dir=tmp_path / "other")
    assert second.read_bytes() == made.read_bytes()
    third = tmp_path / "third.tar"  # from what was unpacked, by another umask, in another folder, offline
    hubjet.unpack(made, cache_dir=tmp_path / "third")
    before = os.umask(0o077)
    try:
        hubjet.pack("org/model", third, cache_dir=tmp_path / "third", local_files_only=True)
    finally:
        os.umask(before)
    assert third.read_bytes() == made.read_bytes()


def test_any_tar_reads_it_and_a_content_is_in_it_once(made: Path, tmp_path: Path) -> None:
    assert made.stat().st_size < len(BIG) * 1.05 and made.stat().st_size % 10240 == 0
    subprocess.run(["tar", "-xf", made, "-C", tmp_path], check=True)
    assert contents(next((tmp_path / "models--org--model").iterdir())) == FILES
    with tarfile.open(made) as opened:
        assert opened.next().name == "hubjet-pack.json"  # type: ignore[union-attr]
        for member in opened.getmembers():
            assert (member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) == (0, 0, 0, "", "", 0o644)


def test_several_in_one_and_through_a_pipe(world: Any, tmp_path: Path) -> None:
    world.repo("org/a").commit({"model.safetensors": BIG, "a.json": b"1"})
    world.repo("org/b").commit({"model.safetensors": BIG, "b.json": b"2"})
    world.repo("org/data", "dataset").commit({"train.csv": b"a,b\n"})
    there = tmp_path / "there"
    packing = hubjet_in(tmp_path / "here", "pack", "org/b", "org/a", "datasets/org/data", "-o", "-")
    assert packing.returncode == 0 and len(packing.stdout) < 1.2 * len(BIG), packing.stderr
    done = hubjet_in(there, "unpack", "-", "--offline", input=packing.stdout)
    assert done.returncode == 0, done.stderr
    folders = [Path(line) for line in done.stdout.decode().split()]
    assert [contents(folder) for folder in folders] == [{"train.csv": b"a,b\n"}, {"model.safetensors": BIG, "a.json": b"1"}, {"model.safetensors": BIG, "b.json": b"2"}]


def test_only_what_is_needed_and_what_a_lock_says(world: Any, tmp_path: Path) -> None:
    repo = world.repo("org/model")
    repo.commit(FILES)
    lock = tmp_path / "hubjet.lock"
    hubjet.lock("org/model", file=lock, needed=True)
    repo.commit({"config.json": b"{}"})
    file = tmp_path / "model.tar"
    assert hubjet.pack([], file, lock=lock).files == len(FILES) - 1
    folder = hubjet.unpack(file, cache_dir=tmp_path / "there", lock=lock).folders["org/model"]
    assert (folder / "config.json").read_bytes() == FILES["config.json"] and not (folder / "pytorch_model.bin").exists()
    hubjet.lock("org/model", file=lock, needed=True)
    with pytest.raises(hubjet.IntegrityError, match="not what the lock says"):
        hubjet.unpack(file, cache_dir=tmp_path / "elsewhere", lock=lock)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("way", ["program", "package"])
def test_compressed_it_is_smaller_and_comes_back(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    if way == "program":
        monkeypatch.setattr(squeeze, "_library", lambda: None)
    else:
        pytest.importorskip("zstandard")
    file = tmp_path / "model.tar.zst"
    hubjet.pack("org/model", file)
    assert file.stat().st_size < len(BIG) / 10
    assert contents(hubjet.unpack(file, cache_dir=tmp_path / "there").folders["org/model"]) == FILES
    damaged = bytearray(file.read_bytes())
    damaged[len(damaged) // 2] ^= 1
    with pytest.raises(hubjet.IntegrityError):
        hubjet.unpack(io.BytesIO(damaged), cache_dir=tmp_path / "damaged")
    with pytest.raises(hubjet.IntegrityError):
        hubjet.unpack(io.BytesIO(file.read_bytes()[:-100]), cache_dir=tmp_path / "cut")


def test_without_any_zstd_it_is_said_what_to_do(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(squeeze, "_library", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(hubjet.ConfigError, match="pip install zstandard"):
        hubjet.pack("org/model", tmp_path / "x.tar.zst")
    assert not list(tmp_path.glob("x.tar*"))


def test_a_damaged_blob_is_noticed_while_it_is_packed(made: Path, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a disk forgets: nothing of the file tells but its content."""
    blob = cache / "models--org--model" / "blobs" / hashlib.sha256(BIG).hexdigest()
    os.chmod(blob, 0o644)
    with open(blob, "r+b") as file:
        file.seek(1000)
        file.write(b"x")
    monkeypatch.setattr("hubjet._resolve.may_serve", lambda *_: True)
    monkeypatch.setattr("hubjet._native.snapshot_is_whole", lambda *_: True)
    with pytest.raises(hubjet.IntegrityError, match="model.safetensors"):
        hubjet.pack("org/model", tmp_path / "second.tar", local_files_only=True)
    assert not list(tmp_path.glob("second*"))


def test_a_gated_model_takes_its_note_along(world: Any, tmp_path: Path) -> None:
    world.repo("org/gated", gated="auto").commit({"README.md": b"---\nlicense: llama3.1\n---\n", "model.safetensors": b"1" * 100})
    token = world.token("me", gates=["org/gated"])
    note = hubjet.pack("org/gated", tmp_path / "x.tar", token=token).notes[0]
    assert "accepted the conditions" in note and "llama3.1" in note
    done = hubjet.unpack(tmp_path / "x.tar", cache_dir=tmp_path / "there")
    assert list(done.notes) == [note] and token not in (tmp_path / "x.tar").read_bytes().decode("latin1")


def test_where_no_links_can_be_each_name_has_its_file(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_DISABLE_SYMLINKS", "1")
    there = tmp_path / "there"
    folder = hubjet.unpack(made, cache_dir=there).folders["org/model"]
    assert contents(folder) == FILES and not any(path.is_symlink() for path in folder.rglob("*"))
    assert contents(hubjet.unpack(made, cache_dir=there).folders["org/model"]) == FILES
    with hubjet.settings(offline=True):
        assert hubjet.snapshot_download("org/model", cache_dir=there) == str(folder)


# --- killed, and again ----------------------------------------------------------------------------


def test_killed_at_any_moment_nothing_half_is_visible_and_the_next_call_goes_on(made: Path, tmp_path: Path) -> None:
    there = tmp_path / "there"
    data = made.read_bytes()
    dice = random.Random(7)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "HF_HUB_CACHE": str(there)}
    for cut in sorted(dice.sample(range(2000, len(data) - 12_000), 8)):
        with subprocess.Popen([sys.executable, "-m", "hubjet", "unpack", "-"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, env=env) as child:
            assert child.stdin is not None
            child.stdin.write(data[:cut])
            child.stdin.flush()
            child.send_signal(signal.SIGKILL)
            child.wait()
        assert not (there / "models--org--model" / "snapshots").exists() and not (there / "models--org--model" / "refs").exists()
        for blob in (there / "models--org--model" / "blobs").glob("*"):
            algo = hashlib.sha256() if len(blob.name) == 64 else hashlib.sha1(b"blob %d\0" % blob.stat().st_size)
            algo.update(blob.read_bytes())
            assert algo.hexdigest() == blob.name
    with pytest.raises(hubjet.IntegrityError, match="in the middle"):
        hubjet.unpack(io.BytesIO(data[:-11_000]), cache_dir=there)
    done = hubjet.unpack(made, cache_dir=there)
    assert done.written < len(BIG) and contents(done.folders["org/model"]) == FILES
    assert hubjet.unpack(made, cache_dir=there).written == 0


def test_a_disk_that_is_too_small_is_told_before_the_first_byte(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubjet._store._native.disk_free", lambda path: 1000)
    with pytest.raises(hubjet.StorageError, match="not enough space"):
        hubjet.unpack(made, cache_dir=tmp_path / "there")


# --- a folder that another program filled ---------------------------------------------------------


def test_a_folder_that_another_program_filled_is_proven_and_stays(world: Any, tmp_path: Path) -> None:
    commit = world.repo("org/model").commit(FILES)
    folder = tmp_path / "filled"
    for name in ("config.json", "model.safetensors"):
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(FILES[name])
    done = hubjet.unpack(from_folder=folder, repo=f"org/model@{commit}")
    assert contents(done.folders["org/model"]) == {name: FILES[name] for name in ("config.json", "model.safetensors")}
    assert not world.bodies() and contents(folder) == contents(done.folders["org/model"])
    with hubjet.settings(offline=True):
        assert hubjet.hf_hub_download("org/model", "config.json")  # main means it now
    (folder / "pytorch_model.bin").write_bytes(b"w" * 5000)
    with pytest.raises(hubjet.IntegrityError, match="pytorch_model.bin"):
        hubjet.unpack(from_folder=folder, repo=f"org/model@{commit}")
    with pytest.raises(hubjet.ConfigError, match="no file of org/model"):
        hubjet.unpack(from_folder=tmp_path / "nothing", repo=f"org/model@{commit}")


def test_what_another_program_left_is_proven_also_when_it_was_served_before(world: Any, made: Path, cache: Path) -> None:
    folder = hubjet.snapshot_download("org/model")
    blob = Path(folder, "model.safetensors").resolve()
    shutil.rmtree(cache / "models--org--model" / ".hubjet")  # as huggingface_hub leaves it
    blob.chmod(0o644)
    blob.write_bytes(bytes(reversed(BIG)))
    with hubjet.settings(offline=True):
        hubjet.hf_hub_download("org/model", "model.safetensors")
        assert hubjet._native.blob_state(str(cache / "models--org--model"), blob.name) == "seen"  # type: ignore[attr-defined]
        assert contents(hubjet.unpack(made).folders["org/model"]) == FILES


def test_a_lock_takes_the_place_of_the_hub(world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit(FILES)
    lock = tmp_path / "hubjet.lock"
    hubjet.lock("org/model", file=lock)
    (tmp_path / "filled").mkdir()
    (tmp_path / "filled" / "model.safetensors").write_bytes(BIG)
    with hubjet.settings(offline=True):
        done = hubjet.unpack(from_folder=tmp_path / "filled", lock=lock)
    assert contents(done.folders["org/model"]) == {"model.safetensors": BIG}
