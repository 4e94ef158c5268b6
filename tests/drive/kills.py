"""Two users, one read-only tier, one vault on a Drive: whoever copies to the vault is killed in the middle of its n-th call to it, again and again. What
the vault shows is whole, what is said of it is true, nobody's cache shows half a file, the tier is as it was, and the next process goes on.

The file system itself kills its caller (fs.py, kill=True), so each moment is a call, and a seed means the same moments, as far as two processes that
run at once can. Each user has an account (uid), a home and a journal of its own; the tier is one more cache, mounted read-only.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.drive import ROOT, Drive

UIDS = (60_101, 60_102, 60_103)
# Several pieces a file, so that there are many moments.
SMALL = """
import hashlib, hubjet, json, os, sys
from pathlib import Path
from hubjet._vault import layout, shelf, writer
layout.PART, shelf.BLOCK, writer.BLOCK = 256 << 10, 64 << 10, 64 << 10
MODELS = json.loads(sys.argv[1])
def folders(**how):
    found = {}
    for repo, commit in MODELS:
        top = Path(hubjet.snapshot_download(repo, revision=commit, **how))
        found[repo, commit] = {p.relative_to(top).as_posix(): p for p in top.rglob("*") if p.is_file()}
    return found
"""
BRING = SMALL + "folders()"
KEEP = SMALL + """
folders(local_files_only=True)
hubjet.vault.flush()
print(json.dumps(hubjet.vault.status().as_dict()))
"""
LOOK = SMALL + """
seen = [[repo, commit, {name: hashlib.sha256(p.read_bytes()).hexdigest() for name, p in files.items()}]
        for (repo, commit), files in folders(local_files_only=True).items()]
print(json.dumps({"here": seen, **hubjet.vault.status(vault=os.environ["VAULT"]).as_dict()}))
"""
LINKED = SMALL + """
print(json.dumps(sorted(f"{repo}/{name}" for (repo, _), files in folders(local_files_only=True).items() for name, p in files.items()
                        if os.path.realpath(p).startswith(os.environ["TIER"]))))
"""

Key = tuple[str, str]  # repository, commit


def contents(seed: int) -> list[tuple[str, dict[str, bytes]]]:
    """Commits in their order: repository, files. Of a repository of two, which share a file with the tier's, and one of small files."""
    dice = random.Random(seed)
    shared, old, new = (dice.randbytes(1_300_000 + n) for n in (7, 0, 1))
    return [
        ("org/tier", {"config.json": b"[]", "shared.bin": shared}),
        ("org/a", {"config.json": b"{}", "shared.bin": shared, "w/model.safetensors": old, "empty": b""}),
        ("org/a", {"config.json": b"{1}", "w/model.safetensors": new, "README.md": b"# A"}),
        ("org/b", {f"{n}.json": str(n).encode() for n in range(6)}),
    ]


def python_of(uid: int) -> str | None:
    """An interpreter that this account may run, with hubjet in it: an administrator's own may lie where nobody else may look."""
    for one in (sys.executable, "/usr/bin/python3"):
        try:
            done = subprocess.run([one, "-c", "import hubjet._native"], user=uid, group=uid, extra_groups=[], env={"PYTHONPATH": f"{ROOT / 'python'}"}, capture_output=True)
        except OSError:
            continue
        if done.returncode == 0:
            return one
    return None


@dataclass
class User:
    """Who works here. uid None: there is no interpreter for others, so it is ours, with a home of its own."""

    name: str
    uid: int | None
    python: str
    env: dict[str, str]

    def starts(self, script: str, models: str) -> subprocess.Popen[str]:
        how: dict[str, Any] = {} if self.uid is None else {"user": self.uid, "group": self.uid, "extra_groups": []}
        return subprocess.Popen([self.python, "-c", script, models], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd="/", **how)

    def runs(self, script: str, models: str, *, vault: bool = False) -> Any:
        """What it printed. `vault`: with the vault set, so that it copies what it finds."""
        set_to = self.env["VAULT"] if vault else ""
        code, said = ends(User(self.name, self.uid, self.python, {**self.env, "HUBJET_VAULT": set_to}).starts(script, models))
        assert code == 0
        return said


def ends(process: subprocess.Popen[str]) -> tuple[int, Any]:
    out, err = process.communicate()
    assert process.returncode in (0, -9), err
    return process.returncode, json.loads(out) if process.returncode == 0 and out else {}


class Story:
    """`with Story(…) as story:`. `folder` and the Drive lie where every account may look."""

    def __init__(self, world: Any, folder: Path, drive: Drive, seed: int) -> None:
        self.drive, self.dice, self._folder, self._world = drive, random.Random(seed), folder, world
        (drive.store / "MyDrive").mkdir(exist_ok=True)
        self.vault = drive.folder("models")
        shutil.copy(world.ca_file, folder / "ca.pem")
        self.tier, self._filled = folder / "tier", folder / "tier-filled"
        self.files: dict[Key, dict[str, bytes]] = {}  # of those that go to the vault
        repos: dict[str, Any] = {}
        so_far: dict[str, dict[str, bytes]] = {}
        self._all: list[Key] = []
        for name, files in contents(seed):
            repos[name] = repos.get(name) or world.repo(name)
            so_far[name] = {**so_far.get(name, {}), **files}  # a commit has what the one before it had
            key = (name, repos[name].commit(files))
            self._all.append(key)
            if name == "org/tier":
                self._in_tier = key, so_far[name]
            else:
                self.files[key] = so_far[name]
        self.users = [self._user(n) for n in range(2)]
        self.killed = self.processes = 0  # moments, and processes that were killed then
        self.whole: set[Key] = set()  # what the vault showed when it was last looked at

    def __enter__(self) -> "Story":
        """The administrator fills the tier; both users download, with it in front of their caches."""
        admin = User("admin", None, sys.executable, {**self._env("admin"), "HUBJET_CACHES": str(self._filled)})
        admin.runs(BRING, json.dumps([self._in_tier[0]]))
        self.tier.mkdir()
        subprocess.run(["mount", "--bind", str(self._filled), str(self.tier)], check=True)
        subprocess.run(["mount", "-o", "remount,bind,ro", str(self.tier)], check=True)
        self._before = self._state_of_tier()
        for user in self.users:
            user.runs(BRING, json.dumps(self._all))
            assert user.runs(LINKED, json.dumps(self._all)) == ["org/a/shared.bin", "org/a/shared.bin", "org/tier/config.json", "org/tier/shared.bin"]
        return self

    def __exit__(self, *_error: object) -> None:
        subprocess.run(["umount", "-l", str(self.tier)], capture_output=True)

    def _env(self, name: str) -> dict[str, str]:
        return {
            **{key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUBJET_"))}, **self._world.env(),
            "SSL_CERT_FILE": str(self._folder / "ca.pem"), "HOME": str(self._folder / name), "HF_HOME": str(self._folder / name / "hf"),
            "HUBJET_CACHES": f"{self.tier}:", "HUBJET_VAULT": str(self.vault), "VAULT": str(self.vault), "HUBJET_VAULT_WAIT": "0",
            "HUBJET_ADOPT": "off", "TIER": str(self.tier),
            "PYTHONPATH": f"{ROOT / 'python'}", "PYTHONDONTWRITEBYTECODE": "1",
        }  # fmt: skip

    def _user(self, nth: int) -> User:
        name, python = f"user-{nth + 1}", python_of(UIDS[nth])
        home = self._folder / name
        home.mkdir()
        if python is not None:
            os.chown(home, UIDS[nth], UIDS[nth])
        return User(name, UIDS[nth] if python is not None else None, python or sys.executable, self._env(name))

    @property
    def said(self) -> str:
        """Who and what is here, for a report."""
        accounts = "two accounts" if all(user.uid is not None for user in self.users) else "two homes of one account"
        return f"two users ({accounts}), one tier mounted read-only, one vault on a FUSE mount"

    def _both(self) -> list[subprocess.Popen[str]]:
        return [user.starts(KEEP, json.dumps(self._all)) for user in self.users]

    def count(self) -> int:
        """How many calls one undisturbed copy makes, up to the last file that gets its name. The vault is empty again afterwards, and nobody knows of
        it."""
        self.drive.forget()
        self.users[0].runs(KEEP, json.dumps(self._all), vault=True)
        calls = max(nth for nth, (op, _) in enumerate(self.drive.calls(), 1) if op == "rename")
        self.forget_all()
        return calls

    def forget_all(self) -> None:
        self.drive.wipe()
        (self.drive.store / "MyDrive").mkdir()
        self.whole = set()
        for user in self.users:
            for row in Path(user.env["HF_HOME"], "hubjet", "vault").glob("*.json"):
                row.unlink()

    def kill_at(self, nth: int) -> bool:
        """Both copy; the one that makes the n-th call is killed in it. A coin says whether the other one goes on to its end or is killed at that moment, too.
        Whether anybody was killed: both may have been done before."""
        self.drive.heal()
        self.drive.fault("*", kill=True, skip=nth, times=1)
        both = self._both()
        if self.dice.random() < 0.7:
            while all(one.poll() is None for one in both):
                try:
                    both[0].wait(0.02)
                except subprocess.TimeoutExpired:
                    pass
            if any(one.poll() == -9 for one in both):
                for one in both:
                    one.kill()
        killed = sum(code == -9 for code, _ in map(ends, both))
        self.drive.heal()
        self.killed += killed > 0
        self.processes += killed
        return killed > 0

    def check(self) -> set[Key]:
        """What the vault shows, looked at past the mount and without hubjet's own code: each file of each manifest, whole; and nothing that was there is
        gone. That hubjet says the same of it to both users. That their caches hold what they should, and the tier is as it was. Answers the commits
        that are on the vault."""
        whole = self._shown()
        assert self.whole <= whole, f"lost: {self.whole - whole}"
        self.whole = whole
        for user in self.users:
            said = user.runs(LOOK, json.dumps(self._all))
            states = {(model["repo_id"], model["commit"]): model["state"] for model in said["models"]}
            assert {key for key, state in states.items() if state == "saved"} == whole, (user.name, states, whole, self._errors(user))
            assert all(state in ("saved", "queued", "failed", "unfinished") for state in states.values()), states
            assert said["saved"] == all(state in ("saved", "unfinished") for state in states.values())
            here = {(repo, commit): files for repo, commit, files in said["here"]}
            assert here == self._sums()
        assert self._state_of_tier() == self._before, "something was written to the tier"
        return whole

    def _errors(self, user: User) -> list[str]:
        rows = [json.loads(row.read_text()) for row in Path(user.env["HF_HOME"], "hubjet", "vault").glob("?" * 16 + ".json")]
        return [row["error"]["message"] for row in rows if row["error"]]

    def _sums(self) -> dict[Key, dict[str, str]]:
        everything = {**self.files, self._in_tier[0]: self._in_tier[1]}
        return {key: {name: hashlib.sha256(data).hexdigest() for name, data in files.items()} for key, files in everything.items()}

    def _shown(self) -> set[Key]:
        shown: dict[Key, set[str]] = {}
        top = self.drive.store / "MyDrive" / "models"
        for path in top.rglob("hubjet-*.json"):
            data = path.read_bytes()
            assert path.stem[-8:] == hashlib.sha256(data).hexdigest()[:8], f"{path} is not whole"
            one = json.loads(data)
            key = (one["repo_id"], one["commit"])
            for file in one["files"]:
                content = b"".join((path.parent / part["at"]).read_bytes() for part in file["parts"])
                assert content == self.files[key][file["path"]], f"{key} {file['path']}"
                shown.setdefault(key, set()).add(file["path"])
        whole = {key for key, paths in shown.items() if paths == set(self.files[key])}
        assert set(shown) == whole, "a commit shows some of its files"
        return whole

    def _state_of_tier(self) -> dict[str, tuple[int, ...]]:
        found = {}
        for place, folders, names in os.walk(self._filled):
            for one in [place, *(os.path.join(place, name) for name in [*folders, *names])]:
                facts = os.lstat(one)
                found[one] = (facts.st_ino, facts.st_mode, facts.st_size, facts.st_mtime_ns, facts.st_ctime_ns)
        return found

    def finish(self) -> None:
        """The next processes go on to the end, and nothing of the killed ones is left. A third user on a new computer has all of it without the hub."""
        for code, said in map(ends, self._both()):
            assert code == 0 and said["saved"], said
        assert self.check() == set(self.files)
        left = [path for path in self.drive.store.rglob("*.hubjet")]
        assert left == [], left
        assert not self.drive.refused()
        self._new_computer()

    def _new_computer(self) -> None:
        self._world.clear()
        user = self._user(2)
        user.env |= {"HF_HUB_OFFLINE": "1"}
        here = {(repo, commit): files for repo, commit, files in user.runs(LOOK, json.dumps(self._all), vault=True)["here"]}
        assert here == self._sums(), {key: sorted(files) for key, files in here.items()}
        assert list(self._world.requests) == []
        shutil.rmtree(user.env["HOME"])
