"""A folder of the user's that is a git clone whose large files are pointers: the same model as links, to read in place. Imports _hashed, _elsewhere's
readers (_sources), _errors, _names.

    <clone>/model.safetensors                    130 bytes: "version https://git-lfs…"
    <clone>/.git/lfs/objects/aa/bb/<sha256>      the weights
    ~/.cache/hubjet/views/<clone>-<hash>/        what from_pretrained(<clone>) answers: links to files of the clone, and to objects

The objects are proven when they are first used and whenever they changed since (_hashed); the clone is not touched.
"""

from __future__ import annotations

import hashlib
import os
from _thread import get_ident

from . import _native
from ._errors import IntegrityError, LocalEntryNotFound, explain
from ._hashed import Index
from ._names import fault_of
from ._show.progress import Checking
from ._sources.lying import read_small
from ._sources.programs import reader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._config import Config

POINTER_MOST = 1024
_POINTER = b"version https://git-lfs.github.com/spec/v1\n"


def in_place(folder: str, config: Config) -> str:
    """The folder to load from: this one, unless files in it are pointers of git-lfs."""
    if not os.path.exists(os.path.join(folder, ".git")):
        return folder
    files = dict(_files(folder))
    pointers = {name: found for name, path in files.items() if (found := _pointer(path)) is not None}
    if not pointers:
        return folder
    objects = {file.etag: file.path for file in reader("git_lfs").walk(folder) if file.etag is not None}
    missing = sorted(name for name, etag in pointers.items() if etag not in objects)
    if missing:
        names = ", ".join(missing[:3]) + (" …" if len(missing) > 3 else "")
        advice = "`git lfs pull` there, or from_pretrained(\"org/name\", sources=[folder]): only what is missing is then fetched"
        raise LocalEntryNotFound(
            explain(f"{folder} holds only pointers of {len(missing)} of its files", missing=names, do=advice), filename=missing[0], advice=advice
        )
    index = Index(config.hashed)
    for name, etag in sorted(pointers.items()):
        _prove(index, name, objects[etag], etag)
    return _view(folder, {name: objects[pointers[name]] if name in pointers else path for name, path in files.items()}, config)


def _files(folder: str) -> Iterator[tuple[str, str]]:
    """(name, path) of all files but git's."""
    for base, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in names:
            path = os.path.join(base, name)
            below = os.path.relpath(path, folder).replace(os.sep, "/")
            if name != ".git" and not fault_of(below):
                yield below, path


def _pointer(path: str) -> str | None:
    """The sha256 that stands in a file's place."""
    try:
        if os.lstat(path).st_size > POINTER_MOST or os.path.islink(path):
            return None
    except OSError:
        return None
    text = read_small(path, POINTER_MOST) or b""
    if not text.startswith(_POINTER):
        return None
    oid = next((line[11:] for line in text.split(b"\n") if line.startswith(b"oid sha256:")), b"").decode("ascii", "replace")
    return oid if len(oid) == 64 and not oid.strip("0123456789abcdef") else None


def _prove(index: Index, name: str, path: str, etag: str) -> None:
    found = index.look(path)
    if found is None or not found[0]:
        with Checking(name, path):
            index.hash([path], "sha256")
        found = index.look(path)
    if found is None or found[0] != etag:
        advice = "`git lfs fsck` says more; `git lfs fetch --refetch` brings it again"
        raise IntegrityError(explain(f"{path} is not what its name says", wanted=f"{name}, sha256:{etag}", do=advice), path=path, advice=advice)


def _view(folder: str, links: dict[str, str], config: Config) -> str:
    """A folder with these links and no others; one that is right already stays."""
    real = os.path.realpath(folder)
    key = hashlib.sha256(os.fsencode(real)).hexdigest()[:12]
    view = os.path.join(os.path.dirname(config.hashed), "views", f"{os.path.basename(real) or 'root'}-{key}")
    os.makedirs(view, mode=0o700, exist_ok=True)
    _native.check_planted(os.path.dirname(view), view)
    for name, path in links.items():
        place, target = os.path.join(view, *name.split("/")), os.path.realpath(path)
        if os.path.islink(place) and os.readlink(place) == target:
            continue
        os.makedirs(os.path.dirname(place), exist_ok=True)
        private = f"{place}.{os.getpid()}.{get_ident()}.link"
        os.symlink(target, private)
        os.replace(private, place)
    for name, path in list(_files(view)):
        if name not in links:
            os.unlink(path)
    return view
