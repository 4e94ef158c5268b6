"""Folders that huggingface_hub filled with local_dir: plain files, with notes below .cache/huggingface. Imports hub_cache, look, lying.

    <dir>/<path>
    <dir>/.cache/huggingface/download/<path>.metadata     three lines: commit, etag, time   (0.23: .huggingface/download)
    <dir>/.cache/huggingface/trees/<commit>.json          (2.x) what the commit holds

A note counts if the file is not younger than it: as the client itself does it. Which repository it was is told nowhere.
"""

from __future__ import annotations

import os

from . import hub_cache, look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "local_dir"
_NOTES = (os.path.join(".cache", "huggingface"), ".huggingface")


def places(_around: Around) -> list[str]:
    """None: the folder is the user's choice."""
    return []


def holds(folder: str, here: Collection[str]) -> bool:
    """Notes of downloads."""
    return any(os.path.isdir(os.path.join(folder, notes, "download")) for notes in _NOTES if notes.split(os.sep)[0] in here)


def walk(place: str) -> Iterator[Lying]:
    """All its files, those with a note with their digest."""
    listed: dict[str, dict[str, tuple[int, str]]] = {}
    for file in look.files(place, left_out=look.LEFT_OUT | {".cache", ".huggingface"}, unfinished=()):
        commit, etag = _note(place, file)
        if commit is not None and etag is None:
            if commit not in listed:
                listed[commit] = hub_cache.tree(os.path.join(place, _NOTES[0], "trees", f"{commit}.json"))
            size, told = listed[commit].get(file.below, (-1, None))
            etag = told if size == file.size else None
        yield Lying(file.path, file.size, etag, revision=commit, filename=look.filename(file.below) if commit else None, program=NAME)


def _note(place: str, file: look.Found) -> tuple[str | None, str | None]:
    """(commit, etag) as noted; of a file that was changed since: nothing."""
    for notes in _NOTES:
        lines = (look.text(os.path.join(place, notes, "download", f"{file.below}.metadata"), 65536) or "").splitlines()
        if len(lines) >= 3 and look.is_commit(lines[0].strip()):
            try:
                noted = float(lines[2])
            except ValueError:
                continue
            if file.mtime - 1 <= noted:
                return lines[0].strip(), look.digest(lines[1])
    return None, None
