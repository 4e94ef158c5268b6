"""Which files of a cache some process has open or mapped now, as far as this user may see. Imports nothing.

safetensors maps its files and closes the descriptor, so both are looked at: /proc/*/fd and /proc/*/maps. Other users' processes do not show
theirs; whether there may be such decides how long what was used lately is left alone (`may_be_hidden`).
"""

from __future__ import annotations

import os
import re

_MAP = re.compile(r"^\S+ \S+ \S+ ([0-9a-f]+):([0-9a-f]+) (\d+) +(/.*)$")


class InUse:
    """What was seen: `is_used(key, path)`."""

    def __init__(self, cache_dir: str, proc: str = "/proc") -> None:
        self._keys: set[tuple[int, int]] = set()
        self._named: set[tuple[int, str]] = set()  # inode and last name: a map's device is another one on overlays and btrfs
        self.seen = os.path.isdir(f"{proc}/self/fd")
        self.below: dict[str, int] = {}  # path -> process, of what lies in the cache: for messages
        root = os.path.realpath(cache_dir)
        for name in _names(proc):
            if name.isdecimal():
                self._look(f"{proc}/{name}", int(name), root + os.sep)

    def _look(self, process: str, pid: int, root: str) -> None:
        for name in _names(f"{process}/fd"):
            try:
                path = os.readlink(f"{process}/fd/{name}")
                if not path.startswith("/") or path.startswith(("/dev/", "/proc/", "/sys/")):
                    continue
                facts = os.stat(f"{process}/fd/{name}")
            except OSError:
                continue
            self._keys.add((facts.st_dev, facts.st_ino))
            if path.startswith(root):
                self.below[path] = pid
        try:
            with open(f"{process}/maps", encoding="utf-8", errors="surrogateescape") as file:
                lines = file.readlines()
        except OSError:
            return
        last = ""
        for line in lines:
            matched = _MAP.match(line)
            if matched is None or matched[4] == last:
                continue
            last = matched[4]
            path = last.removesuffix(" (deleted)")
            self._keys.add((os.makedev(int(matched[1], 16), int(matched[2], 16)), int(matched[3])))
            self._named.add((int(matched[3]), os.path.basename(path)))
            if path.startswith(root):
                self.below[path] = pid

    def is_used(self, key: tuple[int, int], path: str) -> bool:
        """Whether some process has this file."""
        return key in self._keys or (key[1], os.path.basename(path)) in self._named or os.path.realpath(path) in self.below

    def who(self, path: str) -> str:
        """The process that has it, for people."""
        pid = self.below.get(os.path.realpath(path))
        return f"process {pid}" if pid is not None else "a process"


def may_be_hidden(cache_dir: str) -> bool:
    """Whether somebody may use the cache whose processes this user cannot see: where others may read it, or nobody can be seen at all."""
    if not os.path.isdir("/proc/self/fd"):
        return True
    if not hasattr(os, "geteuid") or os.geteuid() == 0:
        return not hasattr(os, "geteuid")
    place = os.path.realpath(cache_dir)
    while True:
        try:
            mode = os.stat(place).st_mode
        except OSError:
            return True
        if not mode & 0o011:
            return False  # nobody but its owner comes through here
        parent = os.path.dirname(place)
        if parent == place:
            return True
        place = parent


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
