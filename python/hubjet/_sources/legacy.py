"""transformers before 4.22 and huggingface_hub before 0.8: one flat folder, names are digests of the address and the etag. Imports lying, look.

    <sha256 of the url>.<sha256 of the etag>[.h5]        the file
    <the same>.json                                      {"url": …, "etag": …}
    <cache>/<org>__<name>.[<revision>.]<commit>/<file>   huggingface_hub's snapshot_download until 0.7

The etag of a file of the hub is its sha256 or git-sha1, with quotes; that of the years before the hub (S3, until 2020) is an MD5 and no help.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "transformers"


def places(around: Around) -> list[str]:
    """Where the variables of those days say, then the defaults."""
    of, home = around.environment.get, around.home
    caches = of("XDG_CACHE_HOME") or look.home(home, ".cache")
    named = [of(name) for name in ("TRANSFORMERS_CACHE", "PYTORCH_TRANSFORMERS_CACHE", "PYTORCH_PRETRAINED_BERT_CACHE")]
    homes = [of("HF_HOME"), os.path.join(caches, "huggingface")]
    own = [os.path.join(top, name) for top in homes if top for name in ("transformers", "hub")]
    torch = [os.path.join(top, "transformers") for top in (of("TORCH_HOME"), os.path.join(caches, "torch")) if top]
    return look.distinct([*named, *own, *torch])


def holds(_folder: str, here: Collection[str]) -> bool:
    """One file with such a name and its note."""
    return any(_is_hashed(name) and f"{name}.json" in here for name in here)


def walk(place: str) -> Iterator[Lying]:
    """Files with a note, and the folders of old snapshots."""
    here = look.entries(place)
    notes = {one.name: one.path for one in here if one.name.endswith(".json")}
    for one in here:
        if one.is_folder:
            yield from _snapshot(one)
        elif _is_hashed(one.name) and f"{one.name}.json" in notes:
            note = look.facts(notes[f"{one.name}.json"], 65536)
            at = look.address(note.get("url"))
            etag = look.digest(note.get("etag"))
            if at is None:
                yield Lying(one.path, one.size, etag, program=NAME)
            else:
                yield Lying(one.path, one.size, etag, at.repo, at.repo_type, at.revision, at.filename, NAME)


def _is_hashed(name: str) -> bool:
    url, _, etag = name.removesuffix(".h5").partition(".")
    return look.sha256(url) is not None and look.sha256(etag) is not None


def _snapshot(folder: look.Entry) -> Iterator[Lying]:
    """Its name tells the repository and the commit: org__name.main.<40 hex>."""
    name, _, commit = folder.name.rpartition(".")
    repo = look.repo_id(*(name.removesuffix(".main")).split("__")) if look.is_commit(commit) and "__" in name else None
    if repo is not None:
        for file in look.files(folder.path, unfinished=(".incomplete",)):
            yield Lying(file.path, file.size, None, repo, "model", commit, look.filename(file.below), NAME)
