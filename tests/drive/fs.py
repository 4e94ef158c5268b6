"""The file system: a folder passed through, as little as Drive allows, faults by a file of rules. Use: python -m tests.drive.fs STORE MOUNT RULES LOG.

Refused, as Drive does (EOPNOTSUPP, Errno 95, was seen for symlinks): symlink, link, chmod, chown, utimens, flock, lock, setxattr. Every
call is a line of LOG before it is answered. RULES is read again when it was replaced; a rule's counters go on by its id. `user.drive.id`
is there as on Drive: "local-…" until a rule {"op": "upload", "glob": …} says that a file has arrived at Google.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import signal
import sys
import threading
import time
from fnmatch import fnmatch
from typing import Any

import mfusepy


class DriveFs(mfusepy.Operations):  # type: ignore[misc]
    use_ns = True

    def __init__(self, store: str, rules: str, log: str) -> None:
        self._store, self._rules_path = store, rules
        self._log = os.open(log, os.O_WRONLY | os.O_APPEND)
        self._mark: tuple[int, int] | None = None
        self._rules: list[dict[str, Any]] = []
        self._met: dict[int, int] = {}  # rule's id -> how often it was met
        self._dirty: set[int] = set()
        self._free_at = 0.0  # when the line has sent what was read so far
        self._lock = threading.Lock()

    # --- rules

    def _here(self, path: str) -> str:
        return self._store + path

    def _meet(self, op: str, path: str) -> list[dict[str, Any]]:
        """Notes the call; raises what a rule says; answers the rules that hold and raise nothing."""
        os.write(self._log, f"{op} {path}\n".encode("utf-8", "surrogateescape"))
        delay, error, held = 0.0, None, []
        with self._lock:
            for rule in self._read_rules():
                if rule.get("off") or rule["op"] not in (op, "*") or not fnmatch(path, rule["glob"]):
                    continue
                if rule.get("kill") and not mfusepy.fuse_get_context()[2]:
                    continue  # the kernel's own: a release has pid 0, and kill(0) is the whole process group (seen: the test run itself)
                met = self._met[rule["id"]] = self._met.get(rule["id"], 0) + 1
                nth = met - rule.get("skip", 0)
                every = rule.get("every", 1)
                if nth <= 0 or nth % every or (rule.get("times") is not None and nth // every > rule["times"]):
                    continue
                delay += rule.get("delay_ms", 0) / 1000
                if rule.get("kill"):
                    os.kill(mfusepy.fuse_get_context()[2], signal.SIGKILL)
                elif rule.get("error") is not None:
                    error = error or rule["error"]
                else:
                    held.append(rule)
        if delay:
            time.sleep(delay)
        while any(rule.get("hold") for rule in held) and self._is_on(held):
            time.sleep(0.01)
        if error is not None:
            raise mfusepy.FuseOSError(getattr(errno, error))
        return held

    def _is_on(self, rules: list[dict[str, Any]]) -> bool:
        ids = {rule["id"] for rule in rules}
        with self._lock:
            return any(rule["id"] in ids and not rule.get("off") for rule in self._read_rules())

    def _read_rules(self) -> list[dict[str, Any]]:
        facts = os.stat(self._rules_path)
        mark = (facts.st_mtime_ns, facts.st_ino)
        if mark != self._mark:
            with open(self._rules_path) as file:
                self._rules, self._mark = json.load(file), mark
        return self._rules

    def _check_quota(self, more: int) -> None:
        with self._lock:
            rule = next((one for one in self._read_rules() if one["op"] == "quota" and not one.get("off")), None)
        if rule is None:
            return
        used = sum(os.lstat(os.path.join(place, name)).st_size for place, _, names in os.walk(self._store) for name in names)
        if used + more > rule["size"]:
            raise mfusepy.FuseOSError(getattr(errno, rule["error"]))

    # --- what Drive does not have

    def _refuse(self, op: str, path: str) -> None:
        self._meet(op, path)
        raise mfusepy.FuseOSError(errno.EOPNOTSUPP)

    def symlink(self, target: str, source: str) -> int:
        self._refuse("symlink", target)
        return 0

    def link(self, target: str, source: str) -> int:
        self._refuse("link", target)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        self._refuse("chmod", path)
        return 0

    def chown(self, path: str, uid: int, gid: int) -> int:
        self._refuse("chown", path)
        return 0

    def utimens(self, path: str, times: Any = None) -> int:
        self._refuse("utimens", path)
        return 0

    def flock(self, path: str, fh: int, op: int) -> int:
        self._refuse("flock", path)
        return 0

    def lock(self, path: str, fh: int, cmd: int, lock: Any) -> int:
        if lock.contents.l_type == fcntl.F_UNLCK:
            return 0  # libfuse says that at each close, for whoever may have had one
        self._refuse("lock", path)
        return 0

    def setxattr(self, path: str, name: str, value: bytes, options: int, position: int = 0) -> int:
        self._refuse("setxattr", path)
        return 0

    # --- what it has

    def getattr(self, path: str, fh: int | None = None) -> dict[str, Any]:
        held = self._meet("getattr", path)
        try:
            facts = os.lstat(self._here(path))
        except OSError as error:
            raise mfusepy.FuseOSError(error.errno) from error
        names = ("st_mode", "st_nlink", "st_size", "st_uid", "st_gid", "st_blocks", "st_ino")
        found = {name: getattr(facts, name) for name in names}
        for name in ("st_atime", "st_mtime", "st_ctime"):
            found[name] = getattr(facts, f"{name}_ns")
        if any(rule.get("zero") for rule in held) and os.path.isfile(self._here(path)):
            found["st_size"] = 0
        return found

    def getxattr(self, path: str, name: str, position: int = 0) -> bytes:
        if name != "user.drive.id":
            raise mfusepy.FuseOSError(errno.ENODATA)
        os.write(self._log, f"getxattr {path}\n".encode("utf-8", "surrogateescape"))
        with self._lock:
            arrived = any(one["op"] == "upload" and fnmatch(path, one["glob"]) for one in self._read_rules())
        return b"1a2b3c4d5e" if arrived else b"local-17"

    def listxattr(self, path: str) -> list[str]:
        return ["user.drive.id"]

    def readdir(self, path: str, fh: int) -> list[str]:
        self._meet("readdir", path)
        return [".", "..", *os.listdir(self._here(path))]

    def mkdir(self, path: str, mode: int) -> int:
        self._meet("mkdir", path)
        os.mkdir(self._here(path))
        return 0

    def rmdir(self, path: str) -> int:
        self._meet("rmdir", path)
        os.rmdir(self._here(path))
        return 0

    def unlink(self, path: str) -> int:
        self._meet("unlink", path)
        os.unlink(self._here(path))
        return 0

    def rename(self, old: str, new: str) -> int:
        self._meet("rename", new)
        os.rename(self._here(old), self._here(new))
        return 0

    def create(self, path: str, mode: int, fi: Any = None) -> int:
        self._meet("create", path)
        return os.open(self._here(path), os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)

    def open(self, path: str, flags: int) -> int:
        self._meet("open", path)
        return os.open(self._here(path), flags & ~(os.O_DIRECT | os.O_NOFOLLOW))

    def read(self, path: str, size: int, offset: int, fh: int) -> bytes:
        held = self._meet("read", path)
        data = os.pread(fh, size, offset)
        for rule in held:
            if rule.get("rate"):
                self._send(len(data) / rule["rate"])
        if data and any(rule.get("flip") for rule in held):
            return bytes([data[0] ^ 1]) + data[1:]
        return data

    def _send(self, seconds: float) -> None:
        """One line for all that is read."""
        with self._lock:
            self._free_at = done = max(self._free_at, time.monotonic()) + seconds
        time.sleep(max(done - time.monotonic(), 0))

    def write(self, path: str, data: bytes, offset: int, fh: int) -> int:
        self._meet("write", path)
        self._check_quota(len(data))
        self._dirty.add(fh)
        return os.pwrite(fh, data, offset)

    def truncate(self, path: str, length: int, fh: int | None = None) -> int:
        self._meet("truncate", path)
        os.truncate(self._here(path), length)
        return 0

    def flush(self, path: str, fh: int) -> int:
        self._meet("flush", path)
        return 0

    def fsync(self, path: str, datasync: int, fh: int) -> int:
        self._meet("fsync", path)
        return 0

    def release(self, path: str, fh: int) -> int:
        try:
            held = self._meet("release", path)
        finally:
            written = fh in self._dirty
            self._dirty.discard(fh)
            os.close(fh)
        if written and any(rule.get("lose") for rule in held):
            os.truncate(self._here(path), 0)
        return 0

    def statfs(self, path: str) -> dict[str, int]:
        self._meet("statfs", path)
        facts = os.statvfs(self._store)
        return {name: getattr(facts, name) for name in ("f_bavail", "f_bfree", "f_blocks", "f_bsize", "f_frsize", "f_namemax")}

    def init(self, path: str) -> None:
        print("mounted", flush=True)


def main() -> None:
    store, mount, rules, log = sys.argv[1:]
    mfusepy.FUSE(
        DriveFs(store, rules, log), mount, foreground=True, attr_timeout=0, entry_timeout=0, negative_timeout=0, fsname="drive", subtype="drive",
        auto_unmount=False, allow_other=True,
    )  # fmt: skip


if __name__ == "__main__":
    main()
