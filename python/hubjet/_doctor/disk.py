"""What the file system below a cache can do. Imports _doctor.way (the form of a finding), _probe."""

from __future__ import annotations

import os
import shutil
import tempfile
import time

from .. import _native, _words
from .._probe import ABILITIES, can
from .way import Finding

PROBE_BYTES = 4 << 20
FEW_BYTES = 1 << 30

# What is missing -> what that means. The empty ones are only told.
MEANING = {
    "symlinks": "snapshots hold plain files: a file that two revisions share lies there twice",
    "flock": "several processes may fetch the same file; each result is right",
    "255-byte names": "files with long names cannot be stored: choose another cache_dir",
    "case": "files whose names differ in case only cannot lie side by side: choose another cache_dir",
}
GRAVE = ("255-byte names",)


def look(folder: str) -> list[Finding]:
    """Room, speed and abilities. Writes a few MiB into a folder of its own and removes it."""
    place = folder
    while not os.path.isdir(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    here = f"disk: {folder}"
    found = []
    try:
        free = _native.disk_free(place)
        room = f"{_words.size(free)} free" if free < 1 << 63 else "how much, the disk does not say"
        found.append(Finding(here, "room", "ok" if free >= FEW_BYTES else "note", room, "" if free >= FEW_BYTES else "free some, or choose another cache_dir"))
        trial = tempfile.mkdtemp(prefix=".hubjet-doctor-", dir=place)
    except OSError as error:
        return [*found, Finding(here, "writing", "problem", f"{place} cannot be written: {error.strerror or error}",
                                "make it writable, or choose another place (cache_dir=, HF_HOME, HF_HUB_CACHE)")]
    try:
        found += [_write(here, trial), _abilities(here, trial)]
    finally:
        shutil.rmtree(trial, ignore_errors=True)
    return found


def _write(here: str, trial: str) -> Finding:
    began = time.monotonic()
    try:
        with open(os.path.join(trial, "w"), "wb") as file:
            for _ in range(PROBE_BYTES >> 18):
                file.write(bytes(1 << 18))
                if time.monotonic() - began > 3:
                    break
            size = file.tell()
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        return Finding(here, "writing", "problem", f"a few MiB could not be written: {error.strerror or error}", "free some space, or choose another cache_dir")
    speed = size / max(time.monotonic() - began, 1e-6) / 1e6
    slow = speed < 5
    return Finding(here, "writing", "note" if slow else "ok", f"{speed:.0f} MB/s, on the disk for good",
                   "this disk will be what is waited for; a local one is faster" if slow else "")


def _abilities(here: str, trial: str) -> Finding:
    missing = [name for name, ability in ABILITIES.items() if not can(ability, trial)]
    text = ", ".join(name for name in ABILITIES if name not in missing)
    means = [f"without {name}: {MEANING[name]}" for name in missing if name in MEANING]
    if missing:
        text += f"; not: {', '.join(missing)}"
    verdict = "problem" if set(missing) & set(GRAVE) else "note" if means else "ok"
    return Finding(here, "can", verdict, text, "; ".join(means))
