"""hubjet.lock: written down to the byte, brought exactly so, or told what is different."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._move import lockfile
from hubjet._move.lockfile import Locked, LockedFile, changes, read, write
from hubjet._move.wanted import How, how_said, name_of
from hubjet._names import Repo

from tests.py.child import ROOT

pytestmark = pytest.mark.usefixtures("hub_env")

README = b"---\nlicense: apache-2.0\n---\n# A model\n"
FILES = {"README.md": README, "config.json": b'{"model_type": "bert"}', "model.safetensors": b"w" * 5000, "pytorch_model.bin": b"v" * 5000}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "project" / "hubjet.lock"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_lock_is_written_without_fetching_and_says_all_there_is_to_know(world: Any, cache: Path, file: Path) -> None:
    commit = world.repo("org/model", info={"cardData": {"license": "apache-2.0"}}).commit(FILES)
    assert hubjet.lock("org/model", file=file) == ["org/model (main): new"]
    assert not world.bodies() and not cache.exists()
    said = json.loads(file.read_text())["repos"][0]
    assert (said["repo"], said["type"], said["revision"], said["commit"]) == ("org/model", "model", "main", commit)
    assert (said["licence"], said["gated"]) == ("apache-2.0", False)
    assert said["files"]["model.safetensors"] == {"size": 5000, "sha256": sha256(b"w" * 5000)}
    assert list(said["files"]["config.json"]) == ["size", "git_sha1"]


def test_the_same_state_is_the_same_file_and_one_changed_file_is_one_changed_line(world: Any, file: Path) -> None:
    repo = world.repo("org/model")
    repo.commit(FILES)
    world.repo("org/other").commit(FILES)
    hubjet.lock("org/model", "org/other", file=file)
    first = file.read_text()
    hubjet.lock("org/other", "org/model", file=file)
    assert file.read_text() == first
    repo.commit({"config.json": b'{"model_type": "gpt"}'})
    assert hubjet.lock("org/model", file=file)[1:] == ["  ~ config.json 22 -> 21 bytes"]
    differing = [line for line, other in zip(first.split("\n"), file.read_text().split("\n"), strict=True) if line != other]
    assert len(differing) == 2  # the commit, the file


def test_frozen_brings_the_locked_bytes_after_the_hub_has_moved(world: Any, cache: Path, file: Path) -> None:
    repo = world.repo("org/model")
    old = repo.commit(FILES)
    hubjet.lock("org/model", file=file)
    before = file.read_bytes()
    repo.commit({"model.safetensors": b"x" * 6000, "config.json": b"{}"})
    done = hubjet.sync(file, frozen=True)
    folder = done.folders["org/model"]
    assert folder.name == old and contents(folder) == FILES
    assert file.read_bytes() == before
    assert done.fetched == sum(map(len, FILES.values()))
    world.clear()
    assert hubjet.sync(file, frozen=True).folders == done.folders
    assert world.requests == []  # all here: nobody is asked
    with hubjet.settings(offline=True):
        assert hubjet.from_pretrained("org/model") == folder  # what main means here is what was locked


def test_thawed_it_takes_what_the_hub_has_and_prints_what_changed(world: Any, file: Path) -> None:
    repo = world.repo("org/model")
    old = repo.commit(FILES)
    hubjet.lock("org/model", file=file)
    new = repo.commit({"model.safetensors": b"x" * 6000, "config.json": None, "new.json": b"{}"})
    done = hubjet.sync(file)
    assert list(done.changes) == [
        f"org/model (main): moved {old[:12]} -> {new[:12]}",
        "  - config.json",
        "  ~ model.safetensors 5000 -> 6000 bytes",
        "  + new.json",
    ]
    said = json.loads(file.read_text())["repos"][0]
    assert said["commit"] == new
    assert said["files"]["new.json"]["sha256"] == sha256(b"{}")  # it is here now: the small files' sha256, too


def test_a_hub_whose_commit_has_other_content_is_found_out_before_a_byte_is_fetched(world: Any, cache: Path, file: Path) -> None:
    world.repo("org/model").commit(FILES)
    hubjet.lock("org/model", file=file)
    file.write_text(file.read_text().replace(sha256(b"w" * 5000), sha256(b"other")).replace('"size": 38', '"size": 39'))
    with pytest.raises(hubjet.IntegrityError) as caught:
        hubjet.sync(file, frozen=True)
    assert "model.safetensors" in str(caught.value) and "README.md 39 -> 38 bytes" in str(caught.value)
    assert not world.bodies()


def test_a_commit_or_file_that_is_gone_is_said_with_what_to_do(world: Any, file: Path) -> None:
    repo = world.repo("org/model")
    commit = repo.commit(FILES)
    hubjet.lock("org/model", file=file)
    file.write_text(file.read_text().replace(commit, "0" * 40))
    with pytest.raises(hubjet.RevisionNotFound, match="hubjet pack"):
        hubjet.sync(file, frozen=True)
    file.write_text(file.read_text().replace("0" * 40, commit).replace('"config.json"', '"gone.json"'))
    with pytest.raises(hubjet.IntegrityError, match="gone.json"):
        hubjet.sync(file, frozen=True)


def test_what_a_stranger_left_in_the_cache_is_hashed_and_replaced_when_it_is_something_else(world: Any, cache: Path, file: Path) -> None:
    commit = world.repo("org/model").commit(FILES)
    hubjet.lock("org/model", file=file)
    folder = cache / "models--org--model"
    blob = folder / "blobs" / sha256(b"w" * 5000)
    blob.parent.mkdir(parents=True)
    blob.write_bytes(b"W" * 5000)  # the right size, other bytes, no record of ours
    pointer = folder / "snapshots" / commit / "model.safetensors"
    pointer.parent.mkdir(parents=True)
    pointer.symlink_to(os.path.relpath(blob, pointer.parent))
    done = hubjet.sync(file, frozen=True)
    assert contents(done.folders["org/model"]) == FILES


def test_a_small_file_with_a_forged_sha1_name_is_told_by_its_sha256(world: Any, cache: Path, file: Path) -> None:
    world.repo("org/model").commit(FILES)
    hubjet.from_pretrained("org/model")
    hubjet.lock("org/model", file=file, needed=True)
    assert sha256(FILES["config.json"]) in file.read_text()
    file.write_text(file.read_text().replace(sha256(FILES["config.json"]), "0" * 64))
    with pytest.raises(hubjet.IntegrityError, match="config.json"):
        hubjet.sync(file, frozen=True)


def test_the_choice_is_written_down_and_holds_when_the_lock_is_updated(world: Any, file: Path) -> None:
    repo = world.repo("org/model")
    repo.commit(FILES)
    hubjet.lock("org/model", file=file, needed=True)
    assert "pytorch_model.bin" not in file.read_text()
    repo.commit({"tf_model.h5": b"h" * 100, "vocab.txt": b"a"})
    assert [line for line in hubjet.sync(file).changes if line.startswith("  ")] == ["  + vocab.txt"]


def test_check_tells_what_differs_and_writes_nothing(world: Any, cache: Path, file: Path) -> None:
    repo = world.repo("org/model")
    repo.commit(FILES)
    hubjet.lock("org/model", file=file)
    before = file.read_bytes()
    assert hubjet.sync(file, check=True).drift == ["org/model (main): 4 of 4 files are not here, such as README.md"]
    hubjet.sync(file, frozen=True)
    assert hubjet.sync(file, check=True).drift == []
    repo.commit({"new.json": b"{}"})
    assert [line for line in hubjet.sync(file, check=True).drift if "new.json" in line] == ["  + new.json"]
    assert hubjet.sync(file, check=True, frozen=True).drift == []
    assert file.read_bytes() == before


def test_the_command_line_says_it_in_the_exit_code(world: Any, file: Path, tmp_path: Path) -> None:
    repo = world.repo("org/model")
    repo.commit(FILES)
    file.parent.mkdir()

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "PYTHONPATH": str(ROOT / "python")}
        return subprocess.run([sys.executable, "-m", "hubjet", *words], cwd=file.parent, capture_output=True, text=True, env=env)

    assert run("lock", "org/model", "--needed").stdout.startswith("org/model (main): new")
    assert run("sync", "--check").returncode == 1
    done = run("sync", "--frozen")
    assert done.returncode == 0 and "pytorch_model.bin" not in os.listdir(done.stdout.strip())
    assert run("sync", "--check").returncode == 0
    file.write_text("{}")
    broken = run("sync", "--frozen")
    assert broken.returncode == 2 and "no lock file that can be used" in broken.stderr
    assert run("sync", "none.lock").returncode == 2


# --- the text -------------------------------------------------------------------------------------

ONE = Locked(Repo("model", "org/name"), "main", "1" * 40, None, None, How(), {"a.json": LockedFile(2, None, "2" * 40), "b c.bin": LockedFile(3, "3" * 64)})


def test_what_is_written_is_read_again() -> None:
    odd = ONE._replace(how=How(True, "fp16", None, None, ("*.json",), ("x", "y")), licence="mït", gated=True, files={})
    for some in ([], [ONE], [ONE, odd._replace(repo=Repo("dataset", "org/data"))]):
        assert sorted(read(write(some))) == sorted(some)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "Expecting value"),
        ("[]", "no 'hubjet_lock'"),
        ('{"hubjet_lock": 2, "repos": []}', "version 2"),
        (write([ONE]).replace("a.json", "../a.json"), "Invalid filename"),
        (write([ONE]).replace("a.json", "/etc/passwd"), "Invalid filename"),
        (write([ONE]).replace("a.json", "b c.bin"), "twice"),
        (write([ONE]).replace("a.json", "b c.bin/d"), "a file and a folder"),
        (write([ONE]).replace("2" * 40, "2" * 39), "digest"),
        (write([ONE]).replace("3" * 64, "../../../../../../../../etc/passwd"), "digest"),
        (write([ONE]).replace('"size": 2', '"size": -2'), "size"),
        (write([ONE]).replace('"size": 2', '"size": true'), "size"),
        (write([ONE]).replace("1" * 40, "main"), "no commit"),
        (write([ONE]).replace("org/name", "../name"), "repo id"),
        (write([ONE]).replace('"main"', '"../main"'), "revision"),
        (write([ONE]).replace('"choice": {}', '"choice": {"exec": "rm"}'), "choice"),
        (write([ONE, ONE]), "twice"),
        ("[" * 100_000, "lock file"),
    ],
)
def test_a_text_from_anywhere_is_refused_for_what_it_is(text: str, why: str) -> None:
    with pytest.raises(hubjet.ConfigError, match=why):
        read(text)


def test_a_lock_of_nothing_and_one_merged_badly() -> None:
    assert read(write([])) == []
    assert changes([ONE], [ONE]) == [] and changes([ONE], []) == ["org/name (main): gone"]
    assert lockfile.file_changes(ONE.files, {"a.json": LockedFile(2, None, "4" * 40)}) == ["  ~ a.json 222222222222 -> 444444444444, the same size", "  - b c.bin"]


@pytest.mark.parametrize("said", [{"needed": 1}, {"include": "x"}, {"variant": 3}, {"what": None}])
def test_a_choice_that_makes_no_sense_is_no_choice(said: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        how_said(said)


def test_names_as_people_type_them() -> None:
    assert name_of("datasets/org/data@v1").repo == Repo("dataset", "org/data")
    assert name_of("org/name@v1", revision="v2").revision == "v2"
    with pytest.raises(hubjet.BadName):
        name_of("a/b/c")
