"""The process that copies to the vault is killed in the middle of its n-th call to it, again and again: what the vault shows is whole, what is said
of it is true, and the next process goes on.

The file system itself kills its caller (fs.py, kill=True), so each moment is a call, and a seed means the same moments.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.drive import ROOT, Drive

# Several pieces a file, so that there are many moments. A repository of two commits, which share a file, and one more.
SMALL = """
import hubjet, json, sys
from hubjet._vault import layout, shelf, writer
layout.PART, shelf.BLOCK, writer.BLOCK = 256 << 10, 64 << 10, 64 << 10
"""
KEEP = SMALL + """
for repo, commit in json.loads(sys.argv[1]):
    hubjet.snapshot_download(repo, revision=commit, local_files_only=True)
hubjet.vault.flush()
print(json.dumps(hubjet.vault.status().as_dict()))
"""
LOOK = SMALL + "print(json.dumps(hubjet.vault.status().as_dict()))"


def contents(seed: int) -> dict[tuple[str, str], dict[str, bytes]]:
    """(repository, "one" or "two") → its files."""
    dice = random.Random(seed)
    shared, old, new = (dice.randbytes(1_300_000 + n) for n in (7, 0, 1))
    return {
        ("org/a", "one"): {"config.json": b"{}", "shared.bin": shared, "w/model.safetensors": old, "empty": b""},
        ("org/a", "two"): {"config.json": b"{1}", "shared.bin": shared, "w/model.safetensors": new, "README.md": b"# A"},
        ("org/b", "one"): {f"{n}.json": str(n).encode() for n in range(6)},
    }


class Story:
    """A runtime whose disk holds the models, and a Drive."""

    def __init__(self, world: Any, folder: Path, drive: Drive, seed: int) -> None:
        self.drive, self.dice = drive, random.Random(seed)
        (drive.store / "MyDrive").mkdir(exist_ok=True)
        self.vault = drive.folder("models")
        self.env = {
            **os.environ, **world.env(), "HF_HOME": str(folder / "hf"), "HUBJET_VAULT": str(self.vault), "HUBJET_VAULT_WAIT": "0",
            "PYTHONPATH": f"{ROOT / 'python'}{os.pathsep}{ROOT}", "HUBJET_ADOPT": "off",
        }  # fmt: skip
        self.files: dict[tuple[str, str], dict[str, bytes]] = {}
        repos = {name: world.repo(name) for name in ("org/a", "org/b")}
        so_far: dict[str, dict[str, bytes]] = {}
        for (name, _), files in contents(seed).items():
            so_far[name] = {**so_far.get(name, {}), **files}  # a commit has what the one before it had
            self.files[name, repos[name].commit(files)] = so_far[name]
        script = "import hubjet, json, sys\nfor repo, commit in json.loads(sys.argv[1]): hubjet.snapshot_download(repo, revision=commit)"
        subprocess.run([sys.executable, "-c", script, self._list], env={**self.env, "HUBJET_VAULT": ""}, check=True)
        self.killed = 0

    @property
    def _list(self) -> str:
        return json.dumps(list(self.files))

    def run(self, script: str, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = subprocess.run([sys.executable, "-c", script, *arguments], env=self.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert done.returncode in (0, -9), done.stderr
        return done.returncode, json.loads(done.stdout) if done.returncode == 0 else {}

    def count(self) -> int:
        """How many calls one undisturbed copy makes, up to the last file that gets its name. The vault is empty again afterwards, and nobody knows of
        it."""
        self.drive.forget()
        code, said = self.run(KEEP, self._list)
        assert code == 0 and said["saved"], said
        calls = max(nth for nth, (op, _) in enumerate(self.drive.calls(), 1) if op == "rename")
        self.forget_all()
        return calls

    def forget_all(self) -> None:
        self.drive.wipe()
        (self.drive.store / "MyDrive").mkdir()
        for row in Path(self.env["HF_HOME"], "hubjet", "vault").glob("*.json"):
            row.unlink()

    def kill_at(self, nth: int) -> bool:
        """Whether it was killed: it may have been done before."""
        self.drive.heal()
        self.drive.fault("*", kill=True, skip=nth, times=1)
        code, _ = self.run(KEEP, self._list)
        self.drive.heal()
        self.killed += code == -9
        return code == -9

    def check(self) -> set[tuple[str, str]]:
        """What the vault shows, looked at past the mount and without hubjet's own code: each file of each manifest, whole. And that hubjet says
        the same of it. Answers the commits that are there."""
        shown: dict[tuple[str, str], set[str]] = {}
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
        _, said = self.run(LOOK)
        states = {(model["repo_id"], model["commit"]): model["state"] for model in said["models"]}
        assert {key for key, state in states.items() if state == "saved"} == whole, (states, whole)
        assert all(state in ("saved", "queued", "failed", "unfinished") for state in states.values()), states
        assert said["saved"] == all(state in ("saved", "unfinished") for state in states.values())
        return whole

    def finish(self) -> None:
        """The next process goes on to the end, and nothing of the killed ones is left."""
        code, said = self.run(KEEP, self._list)
        assert code == 0 and said["saved"], said
        assert self.check() == set(self.files)
        left = [path for path in self.drive.store.rglob("*.hubjet")]
        assert left == [], left
        assert not self.drive.refused()
