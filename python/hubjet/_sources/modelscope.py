"""ModelScope's cache: readable names below the organisation's and the model's. Imports lying, look.

    <cache>/[hub/]{models,datasets}/<org>--<name>/snapshots/<revision>/<file>    modelscope 1.38 and later
    <cache>/[hub/]{models,datasets}/<org>/<name>/<file>                          1.21 to 1.37; "." in a name is "___"
    <cache>/[hub/]<org>/<name>/<file>                                            before
    …/.msc .mdl .mv                                                              its index, pickled: never read (a pickle is a program)
    …/._____temp                                                                 what is on its way

Models have the same names there as on the hub as a rule, commits have not: none is told here. No digests.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "modelscope"
_TYPES = {"models": "model", "datasets": "dataset"}
_NOT_REPOS = frozenset(("hub", "studios", "mcps", "skills", "ast_indexer", ".lock", "_github", "credentials", *_TYPES))
_NOTES = (".msc", ".mdl", ".mv")
_NOTED = frozenset((".msc", ".mdl"))
_LEFT_OUT = look.LEFT_OUT | {"._____temp"}


def places(around: Around) -> list[str]:
    """MODELSCOPE_CACHE, then the default."""
    named = around.environment.get("MODELSCOPE_CACHE")
    return look.distinct([look.expanded(named, around.home) if named else None, look.home(around.home, ".cache", "modelscope")])


def holds(folder: str, here: Collection[str]) -> bool:
    """One repository, by the notes in it or by its snapshots below a name with two lines; the cache itself is a folder of such."""
    name = os.path.basename(os.path.normpath(folder))
    return not _NOTED.isdisjoint(here) or "snapshots" in here and "blobs" not in here and len(name.split("--")) == 2


def walk(place: str) -> Iterator[Lying]:
    """The files of all repositories, or of the one that this is."""
    for folder, repo, repo_type in _repos(place):
        for file in look.files(folder, left_out=_LEFT_OUT):
            name = file.below.rpartition("/")[2]
            if name not in _NOTES and not name.endswith(".corrupted"):
                yield Lying(file.path, file.size, None, repo, repo_type, filename=look.filename(file.below), program=NAME)


def _has_notes(top: str) -> bool:
    """Whether organisations lie here: one of the first models below has a note in it."""
    return any(
        os.path.exists(os.path.join(name.path, note))
        for owner in look.folders(top)[:64]
        if owner.name not in _NOT_REPOS
        for name in look.folders(owner.path)[:8]
        for note in _NOTES
    )


def _repos(place: str) -> Iterator[tuple[str, str, str]]:
    """(folder of files, repository, its type)."""
    here = look.names(place)
    if holds(place, here):
        above, name = os.path.split(os.path.normpath(place))
        above, owner = os.path.split(above)
        if "snapshots" in here:
            yield from _new(place, name, _TYPES.get(owner, "model"))
        else:
            repo = look.repo_id(owner, name.replace("___", "."))
            if repo is not None:
                yield place, repo, _TYPES.get(os.path.basename(above), "model")
        return
    for base in (place, os.path.join(place, "hub")):
        for segment, repo_type in _TYPES.items():
            yield from _owners(os.path.join(base, segment), repo_type)
        if _has_notes(base):  # the oldest layout has nothing to tell it by but its notes
            yield from _owners(base, "model")


def _owners(base: str, repo_type: str) -> Iterator[tuple[str, str, str]]:
    for owner in look.folders(base):
        if owner.name in _NOT_REPOS:
            continue
        if "--" in owner.name:
            yield from _new(owner.path, owner.name, repo_type)
            continue
        for name in look.folders(owner.path):
            repo = look.repo_id(owner.name, name.name.replace("___", "."))
            if repo is not None and not name.is_link:  # 1.21 and later leave a link under the name with dots
                yield name.path, repo, repo_type


def _new(folder: str, name: str, repo_type: str) -> Iterator[tuple[str, str, str]]:
    repo = look.repo_id(*name.split("--"))
    for snapshot in look.folders(os.path.join(folder, "snapshots")) if repo else ():
        yield snapshot.path, repo or "", repo_type
