"""One cache, several users: a group that extends it together, files of others, one that may only be read."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.py.child import ROOT
from tests.server import Sparse, World

pytestmark = [
    pytest.mark.usefixtures("hub_env"),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to become other users"),
]
GROUP = 54300
ANNA, BERT = 54321, 54322
DIGEST = "import hashlib\nfrom pathlib import Path\ndef digest(path): return hashlib.sha256(Path(path).read_bytes()).hexdigest()\n"


def python() -> str:
    """One that everybody may run: this one may lie in root's home."""
    for one in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        if not shutil.which(one) or not shutil.which("setpriv"):
            continue
        tried = subprocess.run(["setpriv", f"--reuid={ANNA}", f"--regid={GROUP}", "--clear-groups", one, "-c", "import urllib.request, hubjet._native"],
                               env={**os.environ, "PYTHONPATH": str(ROOT / "python")}, capture_output=True)
        if tried.returncode == 0:
            return one
    pytest.skip("no Python that another user may run")


class As:
    """hubjet in a process of that user. `out`: what it printed, as JSON."""

    def __init__(self, user: int, script: str, before: tuple[str, ...] = (), umask: int = 0o002, env: dict[str, str] | None = None) -> None:
        home = f"/tmp/nobody-{user}"
        run = subprocess.run(
            [*before, "setpriv", f"--reuid={user}", f"--regid={GROUP}", "--clear-groups", python(), "-c", DIGEST + textwrap.dedent(script)],
            env={**os.environ, "PYTHONPATH": str(ROOT / "python"), "HOME": home, "HF_HOME": home, "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                 "PYTHONDONTWRITEBYTECODE": "1", **(env or {})},
            preexec_fn=lambda: os.umask(umask) and None, capture_output=True, text=True, timeout=100, cwd="/")
        assert run.returncode == 0, run.stderr
        self.err = run.stderr
        self.out: Any = json.loads(run.stdout.splitlines()[-1]) if run.stdout.strip() else None


@pytest.fixture
def shared(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A cache of the group; what leads to it, and to the server's certificate, may be passed by everybody. Not below pytest's own folder:
    each pytest that starts closes that to others, also while this one runs."""
    for folder in (world.folder, world.folder / "certs"):
        folder.chmod(0o755)
    Path(world.ca_file).chmod(0o644)
    with tempfile.TemporaryDirectory(prefix="hubjet-users-") as place:
        os.chmod(place, 0o755)
        cache = Path(place) / "cache"
        cache.mkdir()
        os.chown(cache, 0, GROUP)
        cache.chmod(0o2775)
        monkeypatch.setenv("HF_HUB_CACHE", str(cache))
        yield cache


def blobs_are_right(cache: Path) -> int:
    blobs = [b for b in cache.glob("models--*/blobs/*") if b.is_file()]
    for blob in blobs:
        data = blob.read_bytes()
        assert blob.name in (hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest())
    return len(blobs)


# --- a group -----------------------------------------------------------------------------------------

MANY = """
import json, os, sys
import hubjet
got = []
for i in range({first}, {last}):
    # the one before is the other user's, every fifth time: seen, now and then fetched again; then a new one
    hubjet.hf_hub_download("org/name", f"f{{i - 1}}.bin", force_download=i % 10 == 9) if i else None
    got.append(digest(hubjet.hf_hub_download("org/name", f"f{{i}}.bin")))
print(json.dumps(got))
"""


def test_two_users_of_a_group_extend_one_cache(world: World, shared: Path) -> None:
    """umask 0002 and a setgid folder, as administrators are told to; a hundred times in turn, each going on where the other one was."""
    repo = world.repo("org/name")
    content = {f"f{i}.bin": (b"%d" % i) * (9000 if i % 7 else 50_000) for i in range(100)}
    repo.commit(content, lfs=("f*0.bin",))
    for turn in range(20):   # each is five of the hundred: most of a turn is the start of Python
        said = As(ANNA if turn % 2 == 0 else BERT, MANY.format(first=turn * 5, last=turn * 5 + 5))
        for i, got in enumerate(said.out, turn * 5):
            assert got == hashlib.sha256(content[f"f{i}.bin"]).hexdigest()
    assert blobs_are_right(shared) >= 100
    owners = {p.stat(follow_symlinks=False).st_uid for p in shared.rglob("*")}
    assert owners == {ANNA, BERT}
    for path in shared.rglob("*"):
        if path.is_dir():
            assert stat.S_IMODE(path.stat().st_mode) & 0o2070 == 0o2070, f"{path}: the group may not write into it"
    # who comes third, alone, with the whole of it
    assert As(BERT, 'import hubjet, json; print(json.dumps(len(list(Path(hubjet.snapshot_download("org/name")).iterdir()))))').out == 100


def test_what_one_user_left_unfinished_another_one_goes_on_with(world: World, shared: Path) -> None:
    repo = world.repo("org/name")
    repo.commit({"m.bin": Sparse(12 << 20, 3)}, lfs=("m.bin",))
    gate = world.gate("m.bin", 6 << 20)
    As(ANNA, """
        import os, threading, time, hubjet
        threading.Thread(target=lambda: hubjet.hf_hub_download("org/name", "m.bin"), daemon=True).start()
        while sum(v["bytes"] for v in hubjet.ledger()) < 0 or not list(Path(os.environ["HF_HUB_CACHE"]).glob("models--*/.hubjet/partial/*/journal")):
            time.sleep(0.01)
        while max(p.stat().st_size for p in Path(os.environ["HF_HUB_CACHE"]).glob("models--*/.hubjet/partial/*/journal")) < 32 + 3 * 32:
            time.sleep(0.01)
        os._exit(0)
        """)
    gate.open()
    world.clear()
    said = As(BERT, 'import hubjet, json; print(json.dumps(digest(hubjet.hf_hub_download("org/name", "m.bin"))))')
    assert said.out == repo.files("main")["m.bin"].etag
    assert sum(r.bytes for r in world.bodies()) < 12 << 20, "what Anna had was used"


def test_a_partial_that_is_not_ours_to_take_does_not_stop_us(world: World, shared: Path) -> None:
    """umask 0077: the other one's files are closed to us. We fetch it beside them."""
    repo = world.repo("org/name")
    repo.commit({"m.bin": Sparse(6 << 20, 3), "a.json": b"{}"}, lfs=("m.bin",))
    As(ANNA, 'import hubjet; hubjet.hf_hub_download("org/name", "a.json")')
    partial = shared / "models--org--name" / ".hubjet" / "partial" / repo.files("main")["m.bin"].etag
    partial.mkdir(parents=True)
    os.chown(partial.parent, 0, GROUP)
    partial.parent.chmod(0o2775)
    (partial / "data").write_bytes(b"root's")
    partial.chmod(0o700)
    said = As(BERT, 'import hubjet, json; print(json.dumps(digest(hubjet.hf_hub_download("org/name", "m.bin"))))')
    assert said.out == repo.files("main")["m.bin"].etag


def test_a_folder_that_is_not_ours_to_write_is_named(world: World, shared: Path) -> None:
    repo = world.repo("org/name")
    repo.commit({"a.json": b"{}", "b.json": b"[]"})
    As(ANNA, 'import hubjet; hubjet.hf_hub_download("org/name", "a.json")', umask=0o077)
    for path in [shared / "models--org--name", *(shared / "models--org--name").rglob("*")]:
        if path.is_dir():
            path.chmod(0o755)
    said = As(BERT, """
        import hubjet, json
        try:
            hubjet.hf_hub_download("org/name", "b.json")
        except OSError as error:
            print(json.dumps([type(error).__name__, str(error)]))
        """)
    kind, text = said.out
    assert "models--org--name" in text and kind in ("StorageError", "PermissionError"), text


# --- read only ---------------------------------------------------------------------------------------

WRITES = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC")
CALLS = "open,openat,openat2,creat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,symlink,symlinkat,chmod,fchmod," \
        "fchmodat,chown,fchown,lchown,fchownat,utime,utimes,utimensat,futimesat,truncate,ftruncate,mknod,mknodat,setxattr,fsetxattr,flock"


def writes_below(log: Path, cache: Path) -> list[str]:
    """Calls that change something there, or try to."""
    found = []
    for line in log.read_text(errors="replace").splitlines():
        if str(cache) not in line or "resumed>" in line:
            continue
        call = line.split("(")[0].split()[-1]
        if call in ("open", "openat", "openat2") and not any(w in line for w in WRITES):
            continue
        found.append(line)
    return found


def opens_of(log: Path, name: str) -> int:
    """How often that was opened. -y shows where a link led to."""
    return sum(name in line and " = -1 " not in line for line in log.read_text(errors="replace").splitlines() if " open" in f" {line.split('(')[0].split()[-1]}")


def traced(log: Path) -> tuple[str, ...]:
    return ("strace", "-f", "-qq", "-y", "-s", "500", "-e", f"trace={CALLS}", "-o", str(log))


def everything(cache: Path) -> list[Path]:
    return [path for path in [cache, *cache.rglob("*")] if not path.is_symlink()]


def frozen(cache: Path) -> None:
    """As docs/how/shared-cache.md has it. The times of change of all files are other ones then."""
    for path in everything(cache):
        path.chmod(0o555 if path.is_dir() else 0o444)


def given_away(cache: Path) -> None:
    for path in everything(cache):
        os.chown(path, ANNA + 5, GROUP)


def linked_from_outside(cache: Path) -> None:
    """A backup by hard links, a second cache that took them over."""
    for number, path in enumerate(cache.glob("models--*/blobs/*")):
        os.link(path, cache.parent / f"backup-{number}")


def by_huggingface_hub(cache: Path) -> None:
    """No notes of ours, and files that their owner may write."""
    for path in cache.glob("models--*/.hubjet"):
        shutil.rmtree(path)
    for path in cache.glob("models--*/blobs/*"):
        path.chmod(0o644)


def without_listing(cache: Path) -> None:
    by_huggingface_hub(cache)
    for path in cache.glob("models--*/trees"):
        shutil.rmtree(path)


READ_ONLY = [frozen, given_away, linked_from_outside, by_huggingface_hub, without_listing]


@pytest.mark.parametrize("deed", READ_ONLY)
@pytest.mark.parametrize("online", [True, False])
def test_a_cache_that_may_only_be_read_is_not_touched(world: World, shared: Path, tmp_path: Path, online: bool, deed: Any) -> None:
    """Complete: no call that writes, not even one that is refused, and nothing is hashed, whatever its owner did to it since. As another user, since root
    is refused nothing."""
    repo = world.repo("org/name")
    repo.commit({"config.json": b"{}", "m.bin": Sparse(3 << 20, 3), "a/b.txt": b"text"}, lfs=("m.bin",))
    etag = repo.files("main")["m.bin"].etag
    As(ANNA, 'import hubjet; hubjet.snapshot_download("org/name"); hubjet.hf_hub_download("org/name", "m.bin")', umask=0o022)
    shared.chmod(0o755)
    deed(shared)
    before = {p: p.stat(follow_symlinks=False).st_mtime_ns for p in [shared, *shared.rglob("*")]}
    log = tmp_path / "strace.log"
    said = As(BERT, """
        import hubjet, json, os
        folder = hubjet.snapshot_download("org/name")
        some = hubjet.snapshot_download("org/name", allow_patterns="*.json")
        one = hubjet.hf_hub_download("org/name", "m.bin")
        found = hubjet.try_to_load_from_cache("org/name", "config.json")
        print(json.dumps([sorted(os.listdir(folder)), one, found is not None]))
        """, before=traced(log), env={} if online else {"HF_HUB_OFFLINE": "1"})
    names, one, found = said.out
    assert (names, found) == (["a", "config.json", "m.bin"], True)
    assert hashlib.sha256(Path(one).read_bytes()).hexdigest() == etag
    assert writes_below(log, shared) == []
    assert opens_of(log, etag) == opens_of(log, "m.bin") == 0, "hashed"
    assert opens_of(log, str(shared)) > 0, "strace saw it being read"
    assert before == {p: p.stat(follow_symlinks=False).st_mtime_ns for p in [shared, *shared.rglob("*")]}


READERS = """
    import hubjet, os, tempfile
    assert hubjet.verify("org/name").ok and hubjet.verify(fast=True).ok
    hubjet.from_pretrained("org/name", allow_patterns="*")
    list(hubjet.ls()), list(hubjet.find("org/name")), hubjet.where("org/name"), hubjet.prune(dry_run=True)
    with tempfile.TemporaryDirectory() as place:
        hubjet.pack("org/name", place + "/model.tar")
        hubjet.checkout("org/name", place + "/work")
        hubjet.snapshot_download("org/name", local_dir=place + "/model")
    hubjet.start(hubjet.snapshot_download, "org/name").result()
    with hubjet.settings(max_cache_size="1K"):
        hubjet.snapshot_download("org/name")
"""


@pytest.mark.parametrize("deed", [frozen, by_huggingface_hub])
def test_who_only_looks_touches_nothing_there(world: World, shared: Path, tmp_path: Path, deed: Any) -> None:
    world.repo("org/name").commit({"config.json": b"{}", "m.bin": Sparse(3 << 20, 3)}, lfs=("m.bin",))
    As(ANNA, 'import hubjet; hubjet.snapshot_download("org/name")', umask=0o022)
    shared.chmod(0o755)
    deed(shared)
    log = tmp_path / "strace.log"
    As(BERT, READERS, before=traced(log))
    assert writes_below(log, shared) == []


@pytest.mark.parametrize("deed", [given_away, linked_from_outside])
def test_in_a_cache_of_a_group_one_looks_again_for_all(world: World, shared: Path, tmp_path: Path, deed: Any) -> None:
    """Files of the same size and time, whose time of change is another: who can note what he found out hashes them, and nobody after him."""
    repo = world.repo("org/name")
    repo.commit({"config.json": b"{}", "m.bin": Sparse(3 << 20, 3)}, lfs=("m.bin",))
    etag = repo.files("main")["m.bin"].etag
    whole = 'import hubjet; hubjet.snapshot_download("org/name"); hubjet.hf_hub_download("org/name", "m.bin")'
    As(ANNA, whole)
    deed(shared)
    opens = []
    for user in (BERT, BERT, ANNA):
        log = tmp_path / f"strace-{len(opens)}.log"
        As(user, whole, before=traced(log), env={"HF_HUB_OFFLINE": "1"})
        opens.append(opens_of(log, etag))
    assert opens == [1, 0, 0]
    record = next(shared.glob("models--*/.hubjet/record")).read_text().splitlines()
    assert len([line for line in record if line.startswith(etag)]) == 2


def test_an_edit_in_a_cache_that_may_only_be_read_is_noticed_and_left_where_it_is(world: World, shared: Path, tmp_path: Path) -> None:
    repo = world.repo("org/name")
    repo.commit({"m.bin": Sparse(3 << 20, 3)}, lfs=("m.bin",))
    As(ANNA, 'import hubjet; hubjet.snapshot_download("org/name")', umask=0o022)
    shared.chmod(0o755)
    blob = shared / "models--org--name" / "blobs" / repo.files("main")["m.bin"].etag
    blob.write_bytes(b"\x77" * (3 << 20))
    log = tmp_path / "strace.log"
    said = As(BERT, """
        import hubjet, json
        found = []
        for call in (lambda: hubjet.snapshot_download("org/name"), lambda: hubjet.hf_hub_download("org/name", "m.bin")):
            try:
                found.append(call())
            except OSError as error:
                found.append(type(error).__name__)
        print(json.dumps(found))
        """, before=traced(log), env={"HF_HUB_OFFLINE": "1"})
    assert said.out == ["IncompleteSnapshot", "LocalEntryNotFound"]
    assert "was edited" in said.err and "Permission denied" in said.err
    assert writes_below(log, shared) == []
    assert blob.read_bytes() == b"\x77" * (3 << 20)


# --- limits of a user --------------------------------------------------------------------------------


def test_no_thread_to_be_had_is_said(world: World, shared: Path) -> None:
    world.repo("org/name").commit({"m.bin": Sparse(3 << 20, 3)}, lfs=("m.bin",))
    said = As(ANNA + 7, """
        import json, resource
        import hubjet
        most = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        resource.setrlimit(resource.RLIMIT_NPROC, (1, most))
        try:
            hubjet.hf_hub_download("org/name", "m.bin")
            first = "done"
        except (MemoryError, OSError) as error:
            first = str(error)
        resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
        print(json.dumps([first, digest(hubjet.hf_hub_download("org/name", "m.bin"))]))
        """)
    assert "thread" in said.out[0], said.out
