"""Where symbolic links, hard links, locks and modes are refused by the kernel, everything works: every call, both layouts."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.isolated import refused
from tests.py.child import ROOT
from tests.server import World

pytestmark = [
    pytest.mark.usefixtures("hub_env"),
    pytest.mark.skipif(sys.platform != "linux" or os.uname().machine not in ("x86_64", "aarch64"), reason="seccomp is Linux's"),
]
ALL = "symlink,link,flock,chmod"
WEIGHTS = bytes(range(256)) * 800
FIRST = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS, "sub/vocab.txt": b"one\ntwo\n", "twin.bin": WEIGHTS}

# The calls of the public API that have to do with a disk, each by itself: what fails is collected.
CALLS = """
import json, os, sys, hubjet
failed = {}
def step(what):
    def run(function):
        try:
            function()
        except BaseException as error:
            import traceback
            frames = [f"{os.path.basename(one.filename)}:{one.lineno} {one.name}" for one in traceback.extract_tb(error.__traceback__)[2:]]
            failed[what] = f"{type(error).__name__}: {error} [{', '.join(frames[-5:])}]"
    return run
def same(folder, files):
    seen = {name: open(os.path.join(str(folder), name), "rb").read() for name in files}
    assert seen == files, [name for name in files if seen[name] != files[name]]
WEIGHTS = bytes(range(256)) * 800
FIRST = {"config.json": b'{"model_type": "bert"}', "model.safetensors": WEIGHTS, "sub/vocab.txt": b"one\\ntwo\\n", "twin.bin": WEIGHTS}
SECOND = {**FIRST, "config.json": b'{"model_type": "bert", "v": 2}'}
OLD, NEW, URL, SHA = (os.environ[name] for name in ("OLD", "NEW", "URL", "SHA"))

@step("dry run")
def _(): assert all(one.will_download for one in hubjet.snapshot_download("org/name", revision=OLD, dry_run=True))
@step("one file")
def _(): assert open(hubjet.hf_hub_download("org/name", "config.json", revision=OLD), "rb").read() == FIRST["config.json"]
@step("snapshot")
def _(): same(hubjet.snapshot_download("org/name", revision=OLD), FIRST)
@step("warm")
def _(): same(hubjet.snapshot_download("org/name", revision=OLD), FIRST)
@step("offline")
def _(): same(hubjet.snapshot_download("org/name", revision=OLD, local_files_only=True), FIRST)
before = len(hubjet.ledger())
@step("second revision")
def _(): same(hubjet.snapshot_download("org/name"), SECOND)
asked = [visit["path"] for visit in hubjet.ledger()[before:] if visit["why"] not in ("api", "")]
@step("both stay")
def _():
    same(hubjet.snapshot_download("org/name", local_files_only=True), SECOND)
    same(hubjet.snapshot_download("org/name", revision=OLD, local_files_only=True), FIRST)
@step("from_pretrained")
def _(): same(hubjet.from_pretrained("org/name"), {"config.json": SECOND["config.json"]})
@step("find")
def _(): assert hubjet.try_to_load_from_cache("org/name", "config.json").endswith("config.json")
@step("missing")
def _():
    try: hubjet.hf_hub_download("org/name", "no.txt", revision=NEW)
    except hubjet.EntryNotFound: return
    raise AssertionError
@step("force")
def _(): same(hubjet.snapshot_download("org/name", force_download=True), SECOND)
@step("edited")
def _():
    path = os.path.join(hubjet.snapshot_download("org/name"), "config.json")
    with open(path + ".new", "wb") as file: file.write(b"edited")
    os.replace(path + ".new", path)
    same(hubjet.snapshot_download("org/name"), SECOND)
@step("local_dir")
def _(): same(hubjet.snapshot_download("org/name", local_dir="local"), SECOND)
@step("fetch")
def _(): hubjet.fetch(URL, "w.bin", sha256=SHA)
@step("job")
def _(): same(hubjet.start("org/name").result(), {"config.json": SECOND["config.json"]})
@step("where, ls")
def _():
    assert os.path.isdir(hubjet.where("org/name")["snapshot"].value)
    (one,) = hubjet.ls()
    assert one.repo_id == "org/name" and one.layout == os.environ["SHOWN_AS"], one
@step("open")
def _(): assert os.path.isdir(hubjet.open_folder("org/name").folder)
@step("verify")
def _(): assert hubjet.verify("org/name").ok
@step("lock, sync")
def _():
    with hubjet.settings(cache_dir="synced", layout="hub"):
        hubjet.lock("org/name"); hubjet.sync(frozen=True)
@step("pack, unpack")
def _():
    with hubjet.settings(cache_dir="synced", layout="hub"): hubjet.pack("org/name", "model.tar")
    with hubjet.settings(layout="hub"): hubjet.unpack("model.tar", cache_dir="unpacked")
@step("pins")
def _():
    hubjet.pin("org/name"); hubjet.unpin("org/name"); hubjet.prune(dry_run=True)
other = "plain" if os.environ["SHOWN_AS"] == "hub" else "hub"
@step("convert")
def _():
    done = hubjet.convert("org/name", other, into="converted")
    same(done.folders[NEW], SECOND)
@step("convert back, moving")
def _():
    done = hubjet.convert("org/name", os.environ["SHOWN_AS"], cache_dir="converted", into="again", move=True)
    assert done.removed and not done.skipped, done
    same(done.folders[NEW], SECOND)
@step("login")
def _():
    hubjet.login(os.environ["TOKEN"]); hubjet.logout()
@step("receipt, doctor")
def _():
    str(hubjet.receipt()); str(hubjet.doctor())
@step("rm")
def _():
    gone = hubjet.rm("org/name")
    assert hubjet.ls() == [], (gone, hubjet.ls())
json.dump({"failed": failed, "asked": asked}, open("out.json", "w"))
"""


@pytest.fixture
def made(world: World, tmp_path: Path) -> dict[str, str]:
    import hashlib

    repo = world.repo("org/name")
    old = repo.commit(FIRST)
    new = repo.commit({"config.json": b'{"model_type": "bert", "v": 2}'})
    url = world.file("w.bin", WEIGHTS)
    (tmp_path / "work").mkdir()
    return {"TOKEN": world.token("anna"), "OLD": old, "NEW": new, "URL": url, "SHA": hashlib.sha256(WEIGHTS).hexdigest()}


def run(env: dict[str, str], where: Path, *before: str, script: str = CALLS) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*before, sys.executable, "-c", textwrap.dedent(script)], cwd=where, capture_output=True, text=True, timeout=120,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)]), "HF_HUB_DISABLE_PROGRESS_BARS": "1", **env},
    )  # fmt: skip


FILTER = (sys.executable, "-m", "tests.isolated.refused", ALL)


def test_the_filter_refuses_what_it_says() -> None:
    script = """
        import fcntl, os
        open("a", "w").close()
        refused = []
        for name, call in {"symlink": lambda: os.symlink("a", "b"), "link": lambda: os.link("a", "c"), "chmod": lambda: os.chmod("a", 0o600),
                           "fchmod": lambda: os.fchmod(os.open("a", 0), 0o600), "flock": lambda: fcntl.flock(os.open("a", 0), fcntl.LOCK_EX)}.items():
            try: call()
            except OSError: refused.append(name)
        print(*refused)
    """
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        assert run({}, Path(place), *FILTER, script=script).stdout.split() == ["symlink", "link", "chmod", "fchmod", "flock"]


@pytest.mark.parametrize("layout", ["plain", "hub", "auto"])
def test_the_whole_api_works_and_a_second_revision_fetches_only_what_changed(made: dict[str, str], tmp_path: Path, layout: str) -> None:
    work = tmp_path / "work"
    env = {**made, "HUBJET_LAYOUT": layout, "SHOWN_AS": "hub" if layout == "hub" else "plain"}
    done = run(env, work, *FILTER)
    assert (work / "out.json").exists(), done.stderr
    told: dict[str, Any] = json.loads((work / "out.json").read_text())
    assert told["failed"] == {}, "\n".join(f"{what}: {why}" for what, why in told["failed"].items())
    assert {path.rpartition("/")[2] for path in told["asked"] if "/resolve/" in path} == {"config.json"}
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


def test_the_plain_layout_makes_no_symbolic_link_and_takes_no_lock_where_it_could(made: dict[str, str], tmp_path: Path) -> None:
    """strace: of the four only hard links and modes are tried, and those because they spare bytes and protect; nothing waits for them."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    log = tmp_path / "strace"
    script = """
        import hubjet, os
        hubjet.snapshot_download("org/name", revision=os.environ["OLD"])
        hubjet.snapshot_download("org/name")
        hubjet.hf_hub_download("org/name", "config.json")
        hubjet.snapshot_download("org/name", local_files_only=True)
    """
    done = run({**made, "HUBJET_LAYOUT": "plain"}, tmp_path / "work", "strace", "-f", "-qq", "-o", str(log), "-e", f"trace={','.join(refused.NAMES.values())}", script=script)
    assert done.returncode == 0, done.stderr
    seen = set(re.findall(r"^\d+ +(\w+)\(", log.read_text(), re.M))
    assert seen <= {"link", "linkat", "fchmod", "chmod", "fchmodat", "fchmodat2"}, log.read_text()
    assert seen & {"link", "linkat"}, "the strace saw the second revision share its files"
