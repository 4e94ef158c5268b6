"""Disks as they are: full, read-only, someone else's, without links, locks, reservation; the real API on each of them.

    python -m tests.torture.disks [name ...]      one line for each cell, and the messages

Each cell is error-or-perfect: what was raised is in GOLDEN (class, errno, what the text must say), nothing public is wrong, and once the
disk is as it should be the same call succeeds. Mounts live in a mount namespace of their own (unshare), which ends with the cell.
"""

from __future__ import annotations

import dataclasses
import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.server import World

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
BIG = 12 * MIB

CALLS = {
    "cache": "hubjet.snapshot_download('org/name', cache_dir='{place}/cache')",
    "local_dir": "hubjet.snapshot_download('org/name', local_dir='{place}/model', cache_dir='{place}/cache')",
    "fetch": "hubjet.fetch({url!r}, '{place}/w.bin', sha256={sha256!r})",
    "long": "hubjet.snapshot_download('org/long', cache_dir='{place}/cache')",
    "long local": "hubjet.snapshot_download('org/long', local_dir='{place}/model', cache_dir='{place}/cache')",
}
USUAL = ("cache", "local_dir", "fetch")
FIRST = "{python} -c \"import hubjet; " + CALLS["cache"] + "\""


@dataclasses.dataclass
class Disk:
    name: str
    what: str
    setup: list[str] = dataclasses.field(default_factory=list)
    heal: list[str] = dataclasses.field(default_factory=list)
    odd: str = ""                          # rows for odd_disk.c
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    root: bool = False                     # needs a loop device
    ends: str = "perfect"                  # or "error", or "either"
    says: tuple[str, ...] = ()             # an error's text has these (regular expressions)
    errno: tuple[str, ...] = ()
    calls: tuple[str, ...] = USUAL
    ring: bool = True                      # one call of it is part of `make test`


def tmpfs(size: str) -> str:
    return f"mount -t tmpfs -o size={size} tmpfs {{place}}"


def loop(make: str, options: str = "loop") -> list[str]:
    return [f"truncate -s 64M {{place}}.img && {make} {{place}}.img", f"mount -o {options} {{place}}.img {{place}}"]


NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
ROOMY = tmpfs("100m")

DISKS = [
    # full
    Disk("small", "a disk smaller than the model", [tmpfs("8m")], ["mount -o remount,size=100m {place}"], ends="error", errno=("ENOSPC",),
         says=(r"space", r"{place}", r"12\.6 MB|12582912", r"8388608|838\d{4}|8\.\d MB")),
    Disk("inodes", "bytes are free, but no file can be made", ["mount -t tmpfs -o size=100m,nr_inodes=12 tmpfs {place}"],
         ["mount -o remount,nr_inodes=1000 {place}"], ends="either", errno=("ENOSPC",), says=(r"{place}", r"[Nn]o space", r"make room")),
    Disk("full later", "another program takes the room meanwhile", odd="fallocate=EOPNOTSUPP,write=ENOSPC+20", ends="error", errno=("ENOSPC",),
         says=(r"{place}", r"[Nn]o space", r"make room"), ring=False),
    Disk("quota", "the quota is said at reservation", odd="fallocate=EDQUOT", ends="error", errno=("EDQUOT",), says=(r"{place}", r"quota -s")),
    Disk("quota later", "the quota is met while writing", odd="fallocate=EOPNOTSUPP,write=EDQUOT+20", ends="error", errno=("EDQUOT",),
         says=(r"{place}", r"quota -s")),
    Disk("file limit", "ulimit -f", env={"limit": "-f 8192"}, ends="error", errno=("EFBIG",), says=(r"{place}", r"ulimit -f"), ring=False),
    # shut
    Disk("read-only", "an empty read-only file system", [ROOMY, "mount -o remount,ro {place}"], ["mount -o remount,rw {place}"], ends="error",
         errno=("EROFS",), says=(r"{place}", r"[Rr]ead-only", r"choose another place")),
    Disk("turns read-only", "the disk had an error and was remounted", odd="write=EROFS+20,open=EROFS+30", ends="either", errno=("EROFS",),
         says=(r"{place}", r"[Rr]ead-only", r"choose another place")),
    Disk("denied", "a folder where this user may not write", ["chmod 0755 {place}"], ["chmod 0777 {place}"], env={"AS_USER": "1"}, root=True,
         ends="error", errno=("EACCES",), says=(r"{place}", r"[Pp]ermission denied", r"belongs to user 0", r"this process is user 65534")),
    # descriptors
    Disk("few files", "ulimit -n 20", env={"limit": "-n 20"}, ends="either", errno=("EMFILE",), says=(r"open files",)),
    Disk("no files", "the process has all its descriptors in use", odd="open=EMFILE+6", ends="either", errno=("EMFILE",), says=(r"{place}", r"open files", r"ulimit -n")),
    Disk("no files at all", "the system has", odd="open=ENFILE+6", ends="either", errno=("ENFILE",), says=(r"{place}", r"open files", r"fs.file-max"), ring=False),
    # what is not offered
    Disk("no fallocate", "NFS before 4.2, FUSE, ZFS", odd="fallocate=EOPNOTSUPP"),
    Disk("no symlink", "exFAT, CIFS, some FUSE", odd="symlink=EPERM"),
    Disk("no link", "exFAT, Drive: no rename without replacing, no link()", odd="rename_new=EINVAL,link=EPERM"),
    Disk("nothing at all", "what a simple FUSE file system offers", odd="fallocate=EOPNOTSUPP,rename_new=EINVAL,link=ENOSYS,symlink=ENOSYS,"
         "flock=ENOSYS,mode=EOPNOTSUPP,sync=EINVAL,statvfs=EMPTY"),
    Disk("no modes", "FAT: chmod is refused", odd="mode=EPERM", ring=False),
    Disk("no sync", "a file system that cannot sync", odd="sync=EINVAL", ring=False),
    Disk("no flock", "NFS without its lock daemon", odd="flock=ENOLCK", ring=False),
    Disk("flock lies", "Lustre without -o flock", odd="flock=LIES"),
    Disk("says nothing of room", "FUSE mounts that answer 0 of 0 bytes", odd="statvfs=EMPTY"),
    Disk("knows nothing of room", "and such that answer an error", odd="statvfs=ENOSYS", ring=False),
    # trouble
    Disk("interrupted", "signals in everything", odd="open=EINTR/3,write=EINTR/3,read=EINTR/3,fallocate=EINTR/2,sync=EINTR/2,rename=EINTR/2,"
         "rename_new=EINTR/2,symlink=EINTR/2,mkdir=EINTR/2,remove=EINTR/2,flock=EINTR/2,mode=EINTR/2,statvfs=EINTR/2"),
    Disk("bad sync", "the disk does not confirm", odd="sync=EIO", ends="error", errno=("EIO",), says=(r"{place}", r"dmesg"), ring=False),
    Disk("bad write", "a bad block", odd="write=EIO+20", ends="error", errno=("EIO",), says=(r"{place}", r"dmesg")),
    Disk("bad read", "what was written cannot be read", odd="read=EIO+10", ends="either", errno=("EIO",), says=(r"{place}", r"dmesg")),
    Disk("stale", "an NFS server that forgot the file", odd="write=ESTALE+20", ends="error", errno=("ESTALE",), says=(r"{place}", r"mount it again"), ring=False),
    Disk("gone", "a FUSE daemon that died", odd="open=ENOTCONN+6,write=ENOTCONN+20", ends="either", errno=("ENOTCONN",), says=(r"{place}", r"mount it again")),
    Disk("clock", "the clock jumps back an hour", odd="clock=BACK+30"),
    # names and owners
    Disk("taken", "other files have the names", ["echo old > {place}/w.bin"], calls=("fetch",)),
    Disk("foreign side", "another user's unfinished files", ["mkdir -p {place}/.hubjet/partial {place}/cache/models--org--name/.hubjet/partial"
         " {place}/model/.cache/huggingface/.hubjet/partial && chmod -R 0777 {place}/cache/models--org--name {place}/model && chmod 0777 {place}/cache"
         " && chmod 0755 {place}/.hubjet/partial {place}/cache/models--org--name/.hubjet/partial {place}/model/.cache/huggingface/.hubjet/partial"],
         ["chmod -R 0777 {place}"], env={"AS_USER": "1"}, root=True, ends="error", errno=("EACCES",), says=(r"{place}", r"[Pp]ermission denied", r"belongs to user 0", r"this process is user 65534")),
    Disk("two disks", "the unfinished files are on another disk", ["mkdir -p {place}/.hubjet {place}/cache/models--org--name/.hubjet",
         "mount -t tmpfs tmpfs {place}/.hubjet; mount -t tmpfs tmpfs {place}/cache/models--org--name/.hubjet"],
         ["umount {place}/.hubjet {place}/cache/models--org--name/.hubjet"], ends="error", errno=("EXDEV",), says=(r"{place}", r"another disk"), calls=("cache", "fetch")),
    Disk("overlay", "a container whose image holds an unfinished file", ["mkdir -p {place}.low/.hubjet/partial/{sha256} {place}.up {place}.work"
         " {place}.low/cache/models--org--name/.hubjet/partial/{sha256}",
         "for d in {place}.low/.hubjet {place}.low/cache/models--org--name/.hubjet; do echo x > $d/partial/{sha256}/data; done",
         "mount -t overlay overlay -o lowerdir={place}.low,upperdir={place}.up,workdir={place}.work {place}"], root=True, calls=("cache", "fetch")),
    Disk("long names", "names as long as a disk takes them (255 bytes)", calls=("long", "long local")),
    Disk("read-only, whole", "a cache that may not be written, and all is there", [ROOMY, FIRST, "mount -o remount,ro {place}"],
         ["mount -o remount,rw {place}"], calls=("cache",)),
    Disk("foreign, whole", "a cache of another user, and all is there", ["chmod 0755 {place}", FIRST], env={"AS_USER": "1"}, root=True,
         calls=("cache",)),
    Disk("foreign, in part", "a cache of another user, and a file is missing", ["chmod 0755 {place}", FIRST,
         "cd {place}/cache/models--org--name && rm -r .hubjet snapshots/*/config.json $(readlink -f snapshots/*/config.json)"],
         ["chown -R 0:0 {place}"], env={"AS_USER": "1"}, root=True, ends="error", errno=("EACCES",), calls=("cache",),
         says=(r"{place}", r"[Pp]ermission denied", r"belongs to user 0", r"this process is user 65534")),
    # real ones
    Disk("ext4", "a small disk of its own", loop("mkfs.ext4 -q"), root=True),
    Disk("ext4 full", "and one that is full", [*loop("mkfs.ext4 -q"), "dd if=/dev/zero of={place}/lost+found/x bs=1M count=45 status=none"], ["rm {place}/lost+found/x"],
         root=True, ends="error", errno=("ENOSPC",), says=(r"space", r"{place}", r"make room")),
]


def shim(folder: Path) -> Path:
    made = folder / "odd_disk.so"
    if not made.exists():
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(made), str(Path(__file__).with_name("odd_disk.c")), "-ldl"], check=True)
    return made


class Bench:
    """The hub and what it serves, for all cells."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world = World()

    def __enter__(self) -> "Bench":
        self.world.start()
        self.world.folder.chmod(0o755)  # cells of another user read its certificate
        (self.world.folder / "certs").chmod(0o755)
        big = hashlib.shake_128(b"disks").digest(BIG)
        files = {"model.safetensors": big, "config.json": b'{"a": 1}', "tokenizer.json": b"{}" * 5000, "sub/notes.txt": b"note\n" * 99}
        self.world.repo("org/name").commit(files, lfs=("*.safetensors",))
        self.url = self.world.file("weights.bin", big)
        self.big = hashlib.sha256(big).hexdigest()
        long = {"n" * 251 + ".bin": big, "é" * 127 + "x": b"umlaut"}
        self.world.repo("org/long").commit(long, lfs=("*.bin",))
        self.long = {name: hashlib.sha256(content).hexdigest() for name, content in long.items()}
        self.want = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        return self

    def __exit__(self, *_: object) -> None:
        self.world.close()

    def play(self, disk: Disk, call: str) -> dict[str, Any]:
        """What the cell came to; "setup" in it: it could not be made here, and why."""
        place = Path(tempfile.mkdtemp(prefix="cell-", dir=self.folder))
        os.chmod(self.folder, 0o755)
        place.chmod(0o777)
        env = dict(disk.env)
        if disk.odd:
            env |= {"LD_PRELOAD": str(shim(self.folder)), "ODD": disk.odd, "ODD_UNDER": str(place)}
        script = CALLS[call]
        if call == "fetch":
            script = script.replace("{url!r}", repr(self.url)).replace("{sha256!r}", repr(self.big))
        cell = {"place": str(place), "setup": [c.replace("{sha256}", self.big).replace("{python}", sys.executable) for c in disk.setup], "as": NOBODY, "heal": disk.heal, "env": env, "script": script, "want": self.long if "long" in call else self.want}
        spaces = ["unshare", "-m"] if os.geteuid() == 0 else ["unshare", "-Urm"]
        done = subprocess.run(
            [*spaces, sys.executable, "-m", "tests.torture.cell"], input=json.dumps(cell), capture_output=True, text=True, cwd=ROOT, timeout=200,
            env={**os.environ, **self.world.env(), "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}", "HF_HUB_DISABLE_PROGRESS_BARS": "1",
                 "HF_HOME": str(self.folder / "home"), "HOME": str(self.folder)})  # fmt: skip
        if done.returncode or not done.stdout.strip():
            return {"setup": f"the cell ended with {done.returncode}: {done.stderr[-500:]}"}
        came: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return came | {"place": str(place)}

    def judge(self, disk: Disk, call: str, came: dict[str, Any]) -> list[str]:
        """What is wrong about it."""
        all_there = 1 if call == "fetch" else len(self.long if "long" in call else self.want)
        first, second, wrong = came["first"], came["second"], []
        for which, tried in (("first", first), ("second", second)):
            if tried["wrong"]:
                wrong.append(f"{which}: wrong bytes under {tried['wrong']}")
        if first["error"] is None and first["whole"] != all_there:
            wrong.append(f"no error, yet {first['whole']} of {all_there} files are whole")
        if (disk.ends == "error") != (first["error"] is not None) and disk.ends != "either":
            wrong.append(f"{disk.ends} was expected: {first['error']}")
        if error := first["error"]:
            if error["class"] != "StorageError":
                wrong.append(f"{error['class']} is no StorageError: {error['text']}")
            number = error.get("errno")
            if disk.errno and errno.errorcode.get(number or 0) not in disk.errno:
                wrong.append(f"errno {number}, not {disk.errno}: {error['text']}")
            for part in disk.says:
                if not re.search(part.replace("{place}", re.escape(came["place"])), error["text"]):
                    wrong.append(f"the text does not say {part!r}: {error['text']}")
        if second["error"] is not None or second["whole"] != all_there:
            wrong.append(f"the second try: {second}")
        if second["strays"]:
            wrong.append(f"left lying about: {second['strays']}")
        return wrong


def main() -> int:
    chosen = sys.argv[1:]
    bad = 0
    with tempfile.TemporaryDirectory(prefix="hubjet-disks-") as folder, Bench(Path(folder)) as bench:
        for disk in DISKS:
            if chosen and disk.name not in chosen:
                continue
            for call in disk.calls:
                came = bench.play(disk, call)
                if "setup" in came:
                    print(f"{disk.name:16} {call:10} not here: {came['setup']}")
                    continue
                wrong = bench.judge(disk, call, came)
                error = came["first"]["error"]
                print(f"{disk.name:16} {call:10} {'perfect' if not error else error['class']:14} {'ok' if not wrong else 'WRONG'}", flush=True)
                if error:
                    print("    " + error["text"].replace(came["place"], "PLACE").replace("\n", "\n    "))
                for one in wrong:
                    bad += 1
                    print("  !! " + one.replace("\n", "\n    "))
    return bad > 0


if __name__ == "__main__":
    sys.exit(main())
