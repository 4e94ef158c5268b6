"""What verify found wrong is put right. Imports _hub, _transport, _store, _download, _show.progress, _care.present, _care.verified.

A damaged file with sums: its good cells become a partial of the same content (csrc/store/check.h), the engine goes on with it as with any
interrupted download, proves the whole, and puts it in the old one's place by rename: a reader keeps the old file or gets the new one.
Without sums, or where the file is gone, it is fetched whole. Each file is asked for by a name that leads to it: what no name leads to
cannot be asked for, and is set aside.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace

from .. import _errors as errors
from .. import _native, _trace, _transport
from .._download import links
from .._hub import Ask, Hub
from .._names import digest_of
from .._show.progress import Meter
from . import present
from .verified import Fault, VerifiedFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .._auth.credentials import Token
    from .._config import Config
    from .._names import Repo
    from .._native import Result, Want
    from .present import Found, Item


def repaired(
    config: Config, token: Token | str | bool | None, found: Found, files: Sequence[VerifiedFile], local_dir: str | os.PathLike[str] | None
) -> tuple[list[VerifiedFile], tuple[Fault, ...]]:
    """The same lists, after what could be put right was."""
    todo: dict[Repo, list[int]] = {}
    changed = list(files)
    for i, item in enumerate(found.items):
        if not files[i].bad:
            continue
        if item.repo is None:
            changed[i] = replace(files[i], reason=f"{files[i].reason}; to repair it, name its repository, too")
        elif item.kind == present.LOCAL and files[i].state == "edited":
            changed[i] = replace(files[i], reason=f"{files[i].reason}; it is yours, and stays: force_download=True replaces it")
        elif not item.names:
            changed[i] = _set_aside(item, files[i])
        else:
            todo.setdefault(item.repo, []).append(i)
    for repo, which in todo.items():
        hub = Hub(repo, config, token)
        for i, file in zip(which, _fetched(hub, config, [found.items[i] for i in which], [files[i] for i in which]), strict=True):
            changed[i] = file
    return changed, tuple([*(_put_right(fault) for fault in found.faults), *_relinked(config, found)])


def _set_aside(item: Item, file: VerifiedFile) -> VerifiedFile:
    """Nobody can ask for it by name."""
    if item.store is None or not os.path.lexists(item.path):
        return file
    place = item.store.set_aside(item.etag)
    kept = f"it is kept at {place}" if place else "the link to it was removed"
    return replace(file, state="repaired", reason=f"no name leads to it, so it cannot be fetched again: {kept}")


# --- content --------------------------------------------------------------------------------------


def _fetched(hub: Hub, config: Config, items: Sequence[Item], files: Sequence[VerifiedFile]) -> list[VerifiedFile]:
    known = []
    for item, file in zip(items, files, strict=True):
        _keep_edit(item, file)
        known.append(_salvaged(item, file))
    asks = [Ask(_want(hub, config, item), item.name, item.names[0].commit) for item in items]
    expected = sum(known)
    with Meter(config, f"Repairing {len(items)} files", files=len(items), expected=expected) as meter:
        results = hub.fetch(asks, _transport.limits(config), meter)
    for item, result in zip(items, results, strict=True):
        if item.folder is not None and result["error"] is None:
            item.folder.note(item.name, item.etag)
    for folder in {item.folder for item in items if item.folder is not None}:
        folder.flush()
    return [_outcome(item, file, result) for item, file, result in zip(items, files, results, strict=True)]


def _keep_edit(item: Item, file: VerifiedFile) -> None:
    """What somebody wrote is not lost: a second name for it, or a copy, before another file takes its place."""
    if file.state != "edited" or item.kind == present.LOCAL:
        return
    folder = os.path.join(item.side, "aside")
    place = os.path.join(folder, f"{item.etag}.{time.time_ns()}")
    try:
        os.makedirs(folder, exist_ok=True)
        try:
            os.link(item.path, place)
        except OSError:
            from shutil import copyfile

            copyfile(item.path, place)
    except OSError as error:
        raise errors.StorageError(f"the edited {item.name} could not be kept at {place}: {error}; nothing was repaired", errno=error.errno, path=place) from error
    _trace.warn(f"{item.name} was edited in {os.path.dirname(item.side)}; what was written is kept at {place}")


def _salvaged(item: Item, file: VerifiedFile) -> int:
    """Bytes that will be fetched."""
    partials = os.path.join(item.side, "partial")
    lacking = None
    if file.state in ("damaged", "edited", "unreadable") and os.path.isfile(item.path):
        lacking = _native.salvage(os.path.realpath(item.path), partials, item.sums, item.etag, 0o644 if item.kind == present.LOCAL else 0o444)
    return file.size if lacking is None else lacking


def _want(hub: Hub, config: Config, item: Item) -> Want:
    name = item.names[0]
    want: Want = {**hub.file_want(name.commit, name.filename, name.facts), "replace": True, "digest": digest_of(item.etag)}
    if name.facts is not None:
        want["size"] = name.facts.size
    if item.kind == present.BLOB and item.store is not None:
        want.update({"repo_dir": item.store.folder, "link_path": name.filename, "commit": name.commit, "links": links(config)})
    else:
        want.update({"path": item.path, "side_dir": item.side, "sums_dir": item.sums})
        if item.kind == present.PLAIN:
            want["mode"] = 0o444
    return want


def _outcome(item: Item, file: VerifiedFile, result: Result) -> VerifiedFile:
    error = result["error"]
    if error is not None:
        return replace(file, reason=f"{file.reason}; it could not be repaired: {str(error).partition(chr(10))[0]}")
    how = "sha256" if len(item.etag) == 64 else "git-sha1"
    came = result["from_net"]
    part = "a part of it" if came < (file.size or came) else "all of it"
    return replace(file, state="repaired", how=how, size=result["size"] if result["size"] >= 0 else file.size, reason=f"it was {file.state}; {part} was fetched", fetched=came)


# --- names and notes ------------------------------------------------------------------------------


def _relinked(config: Config, found: Found) -> list[Fault]:
    """Names that are gone or lead elsewhere get their blob, if that is here; else the next call brings it."""
    faults = []
    for store, name, etag in found.wrong_links:
        fault = present.fault_of(store, name, etag)
        pointer = store.pointer(name.commit, name.filename)
        try:
            if os.path.islink(pointer):
                os.unlink(pointer)
            done = _native.link_snapshot(store.folder, name.commit, name.filename, etag, links(config)) is not None
        except OSError as error:
            faults.append(replace(fault, what=f"{fault.what}; it could not be put right: {error}"))
            continue
        said = fault.what if done else f"{fault.what}; the blob is not here: the next download brings it"
        faults.append(replace(fault, what=said, repaired=True))
    return faults


def _put_right(fault: Fault) -> Fault:
    """A ref, a listing or a note that cannot be read is worth nothing: without it the hub is asked."""
    try:
        os.unlink(fault.path)
    except OSError as error:
        return replace(fault, what=f"{fault.what}; it could not be removed: {error}")
    return replace(fault, what=f"{fault.what}; it was removed, the next download asks the hub", repaired=True)
