"""A file system like Google Drive's in Colab, for tests: real FUSE, no links, no locks, no chmod, and faults on demand.

    with Drive(tmp_path) as drive:
        vault = drive.folder("models")              # a path inside the mount
        drive.fault("read", "*.safetensors", "EIO", every=50)
        drive.drop()                                # Transport endpoint is not connected
        drive.mount()
        assert not drive.refused()                  # nobody tried symlink, link, chmod, flock …

Map: `fs` (the file system, a process of its own), this file (what a test holds). What lies in it is in `drive.store`, an ordinary folder
that outlives the mount. Needs /dev/fuse, libfuse and root, else `why_not()` says what is missing.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import weakref
from ctypes.util import find_library
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
NEVER = {"symlink", "link", "chmod", "chown", "flock", "lock", "utimens", "setxattr", "mknod"}  # what Drive refuses, or lies about


def why_not() -> str:
    """Why there can be none here; "" if there can."""
    if not os.path.exists("/dev/fuse"):
        return "no /dev/fuse"
    if os.geteuid() != 0:
        return "mounting needs root"
    if find_library("fuse3") is None and find_library("fuse") is None:
        return "no libfuse"
    return "" if importlib.util.find_spec("mfusepy") else "no mfusepy"


class Drive:
    def __init__(self, folder: Path) -> None:
        self.store, self.at = folder / "drive-store", folder / "drive"
        self._rules, self._log, self._errors = (folder / f"drive-{name}" for name in ("rules.json", "log", "errors"))
        self._faults: list[dict[str, Any]] = []
        self._process: subprocess.Popen[str] | None = None
        for each in (self.store, self.at):
            each.mkdir(parents=True, exist_ok=True)
        self._write()
        self._log.touch()
        atexit.register(_end, weakref.ref(self))

    def __enter__(self) -> "Drive":
        self.mount()
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def mount(self) -> None:
        """As drive.mount() does; also after a drop."""
        self.unmount()
        command = [sys.executable, "-m", "tests.drive.fs", str(self.store), str(self.at), str(self._rules), str(self._log)]
        with open(self._errors, "wb") as errors:
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=errors, text=True, start_new_session=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "mounted\n":
            raise RuntimeError(f"the file system did not start: {self._errors.read_text()}")

    def drop(self) -> None:
        """Its process dies: every call answers ENOTCONN until it is mounted again."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()
        self._process = None

    def unmount(self) -> None:
        """As if it had never been there: the folder is empty."""
        subprocess.run(["umount", "-l", str(self.at)], capture_output=True)
        if self._process is not None:
            try:
                self._process.communicate(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.communicate()
            self._process = None

    def close(self) -> None:
        if self._process is not None:
            self.heal()  # what is held
        self.unmount()

    def folder(self, name: str) -> Path:
        """A path inside, not made."""
        return self.at / "MyDrive" / name if (self.store / "MyDrive").is_dir() else self.at / name

    # How it misbehaves -----------------------------------------------------------------------------

    def fault(self, op: str, glob: str = "*", error: str | None = None, **how: Any) -> None:
        """op: a call of fs.py, or "*". error: the errno's name. how: every=N (each Nth), skip=N, times=N, delay_ms, zero=True (getattr: the
        size shows as 0), lose=True (release: what was written is cut off), flip=True (read: one bit is wrong), kill=True (the caller's
        process gets SIGKILL), hold=True (no answer before `heal`, as of a server that is gone), rate=N (read: bytes per second, all
        together)."""
        self._faults.append({"id": len(self._faults), "op": op, "glob": glob, "error": error, **how})
        self._write()

    def quota(self, size: int | None, error: str = "EDQUOT") -> None:
        """From now on so many bytes fit in all."""
        self._faults = [one for one in self._faults if one["op"] != "quota"]
        if size is not None:
            self.fault("quota", error=error, size=size)
        else:
            self._write()

    def heal(self) -> None:
        self._faults = [{**one, "off": True} for one in self._faults]
        self._write()

    def _write(self) -> None:
        fresh = self._rules.with_suffix(".new")
        fresh.write_text(json.dumps(self._faults))
        os.replace(fresh, self._rules)

    # What was asked of it --------------------------------------------------------------------------

    def calls(self) -> list[tuple[str, str]]:
        """(operation, path) of every call so far."""
        rows = [line.split(" ", 1) for line in self._log.read_text().splitlines()]
        return [(row[0], row[1]) for row in rows]

    def refused(self) -> list[tuple[str, str]]:
        """Those that no Drive allows."""
        return [call for call in self.calls() if call[0] in NEVER]

    def forget(self) -> None:
        """Of the calls so far."""
        os.truncate(self._log, 0)

    def wipe(self) -> None:
        shutil.rmtree(self.store)
        self.store.mkdir()


def _end(drive: "weakref.ref[Drive]") -> None:
    one = drive()
    if one is not None:
        one.close()
