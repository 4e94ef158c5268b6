"""sentence-transformers before 2.3: <torch's cache>/sentence_transformers/<org>_<name>/<file>. Imports lying, look.

Since 2.3 the folder holds the hub's own layout: that is hub_cache's. No digests, no commits.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "sentence-transformers"


def places(around: Around) -> list[str]:
    """SENTENCE_TRANSFORMERS_HOME, then torch's cache."""
    of = around.environment.get
    caches = of("XDG_CACHE_HOME") or look.home(around.home, ".cache")
    torch = [os.path.join(top, "sentence_transformers") for top in (of("TORCH_HOME"), os.path.join(caches, "torch")) if top]
    return look.distinct([of("SENTENCE_TRANSFORMERS_HOME"), *torch])


def holds(folder: str, _here: Collection[str]) -> bool:
    """By where it lies."""
    return look.ends(folder, "torch", "sentence_transformers")


def walk(place: str) -> Iterator[Lying]:
    """The files of its models."""
    for one in look.folders(place):
        if "--" in one.name:
            continue
        repo = _repo(one.name)
        for file in look.files(one.path):
            name = look.filename(file.below) if repo else None
            yield Lying(file.path, file.size, None, repo, filename=name, program=NAME)


def _repo(name: str) -> str | None:
    """An organisation's name has no underscore: the first one divides."""
    org, _, rest = name.partition("_")
    return look.repo_id(org, rest) if rest else None
