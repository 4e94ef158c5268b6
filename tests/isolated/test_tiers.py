"""A tier that may only be read: nothing is tried below it, as strace sees it; a read-only bind mount, another user's folder, folders that may not be entered."""

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

import hubjet
from tests.isolated.test_users import ANNA, BERT, As, shared  # noqa: F401 - a fixture
from tests.py.child import ROOT
from tests.server import World

pytestmark = [pytest.mark.usefixtures("hub_env")]
FILES = {"config.json": b'{"a": 1}', "model.safetensors": b"w" * 300_000, "sub/tokens.txt": b"t" * 900}
root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become other users and to mount")

USE = """
import hubjet, json, os
out = []
for _ in range(2):
    out.append(hubjet.snapshot_download("org/name"))
    out.append(hubjet.hf_hub_download("org/name", "config.json"))
    out.append(str(hubjet.from_pretrained("org/name")))
    out.append(hubjet.try_to_load_from_cache("org/name", "config.json"))
    hubjet.snapshot_download("org/name", dry_run=True)
    hubjet.where("org/name")
hubjet.enable()
try:
    import huggingface_hub
    out.append(huggingface_hub.snapshot_download("org/name"))
except ImportError:
    pass
print(json.dumps(out))
"""
# What changes something. open is judged by its flags.
CHANGES = re.compile(
    r"^\d+\s+(?:mkdir|mkdirat|rename|renameat|renameat2|unlink|unlinkat|rmdir|link|linkat|symlink|symlinkat|utime|utimes|utimensat|futimesat|chmod|"
    r"fchmodat|fchmodat2|chown|lchown|fchownat|truncate|mknod|mknodat|creat|setxattr|lsetxattr)\("
)
OPENS = re.compile(r"^\d+\s+open(?:at)?\(.*\bO_(?:WRONLY|RDWR|CREAT|TRUNC|APPEND)")


def brought(world: World, tier: Path, **how: Any) -> str:
    commit: str = world.repo("org/name").commit(FILES, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name", cache_dir=tier, **how)
    return commit


def changes_below(trace: str, tier: Path) -> list[str]:
    """The lines of a trace that try to change something below the tier. A link TO it, in the writable cache, is none: its second name counts."""
    found = []
    for line in trace.splitlines():
        named = re.findall(r'"((?:[^"\\]|\\.)*)"', line)
        if "symlink" in line and len(named) == 2:
            named = named[1:]
        if any(one.startswith(str(tier)) for one in named) and (CHANGES.search(line) or OPENS.search(line)):
            found.append(line)
    return found


def traced(script: str, tmp_path: Path, **env: str) -> tuple[str, Any]:
    if shutil.which("strace") is None:
        pytest.fail("no strace: apt-get install strace", pytrace=False)
    log = tmp_path / "trace"
    run = subprocess.run(
        ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=%file", "-o", str(log), sys.executable, "-c", textwrap.dedent(script)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "HF_HUB_DISABLE_PROGRESS_BARS": "1", "PYTHONDONTWRITEBYTECODE": "1", "HUBJET_ADOPT": "off", **env},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    return log.read_text(), json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("how", ["all of it", "a part", "copied", "by huggingface_hub"])
def test_strace_sees_no_write_below_a_tier(world: World, cache: Path, tmp_path: Path, how: str) -> None:
    """The folder may be written to, and this may be root: so whatever were tried would succeed."""
    tier = tmp_path / "tier"
    brought(world, tier, **({"allow_patterns": ["*.json"]} if how == "a part" else {}))
    if how == "copied":
        shutil.copytree(tier, tmp_path / "copy", symlinks=True)
        tier = tmp_path / "copy"
    if how == "by huggingface_hub":
        shutil.rmtree(tier / "models--org--name" / ".hubjet")
    trace, said = traced(USE, tmp_path, HUBJET_CACHES=f"{tier}:", HF_HUB_CACHE=str(cache))
    assert changes_below(trace, tier) == []
    assert changes_below(trace, cache), "the trace shows what is written elsewhere: it would show that, too"
    assert str(tier) in trace
    assert said[0].startswith(str(tier if how == "all of it" else cache))


@root
def test_a_read_only_bind_mount(world: World, cache: Path, tmp_path: Path) -> None:
    tier, mounted = tmp_path / "tier", tmp_path / "mounted"
    brought(world, tier, allow_patterns=["*.json"])
    mounted.mkdir()
    script = f"mount --bind {tier} {mounted} && mount -o remount,ro,bind {mounted} && exec {sys.executable} -c \"$SCRIPT\""
    run = subprocess.run(
        ["unshare", "-m", "sh", "-c", script],
        env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "SCRIPT": USE, "HUBJET_CACHES": f"{mounted}:{cache}", "HUBJET_ADOPT": "off"},
        capture_output=True, text=True, timeout=100,
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    folder = Path(json.loads(run.stdout.splitlines()[-1])[0])
    assert folder.is_relative_to(cache)
    assert os.readlink(folder / "config.json").startswith("../") and os.path.realpath(folder / "config.json").startswith(str(mounted))
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"], "what was missing landed in the writable one"
    assert "Traceback" not in run.stderr and "read-only" not in run.stderr.lower()


LOOK = """
import hubjet, json
from pathlib import Path
folder = Path(hubjet.snapshot_download("org/name"))
print(json.dumps([str(folder), sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())]))
"""


@root
def test_two_users_and_one_tier_of_a_third(world: World, shared: Path) -> None:  # noqa: F811
    """Root's cache, 0755: both read in place, each fetches the rest for himself."""
    repo = world.repo("org/name")
    repo.commit(FILES, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name", cache_dir=shared)
    shared.chmod(0o755)
    before = {p: p.lstat().st_ctime_ns for p in shared.rglob("*")}
    for user in (ANNA, BERT):
        home = shared.parent / f"home-{user}"
        home.mkdir(mode=0o700)
        os.chown(home, user, -1)
        env = {"HUBJET_CACHES": f"{shared}:{home}/cache", "HUBJET_ADOPT": "off"}
        got = As(user, LOOK, env=env)
        assert got.out[0].startswith(str(shared)) and got.out[1] == sorted(FILES) and got.err == ""
        assert not (home / "cache").exists()
    repo.commit({**FILES, "config.json": b'{"a": 2}'}, lfs=("*.safetensors",))
    for user in (ANNA, BERT):
        home = shared.parent / f"home-{user}"
        got = As(user, LOOK, env={"HUBJET_CACHES": f"{shared}:{home}/cache", "HUBJET_ADOPT": "off"})
        assert got.out[0].startswith(f"{home}/cache") and got.out[1] == sorted(FILES)
        assert os.path.realpath(f"{got.out[0]}/model.safetensors").startswith(str(shared))
        assert (Path(got.out[0]) / "config.json").read_bytes() == b'{"a": 2}'
    assert {p: p.lstat().st_ctime_ns for p in shared.rglob("*")} == before


@root
@pytest.mark.parametrize("which", ["the tier", "a repository"])
def test_what_may_not_be_read_is_said_once_and_fetched(world: World, shared: Path, which: str) -> None:  # noqa: F811
    world.repo("org/name").commit(FILES, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name", cache_dir=shared)
    (shared if which == "the tier" else shared / "models--org--name").chmod(0o700)
    home = shared.parent / "home"
    home.mkdir()
    os.chown(home, ANNA, -1)
    got = As(ANNA, LOOK, env={"HUBJET_CACHES": f"{shared}:{home}/cache", "HUBJET_ADOPT": "off"})
    assert got.out[0].startswith(f"{home}/cache") and got.out[1] == sorted(FILES)
    assert got.err.count("may not be read by this user") == 1 and "going on without it" in got.err
