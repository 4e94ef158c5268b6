"""kagglehub's cache: models/<owner>/<model>/<framework>/<variation>/<version>/<file>, and <version>.complete once it is whole. Imports lying, look.

Kaggle's names are not the hub's: none is told. No digests; many a model there has the same bytes as on the hub.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "kagglehub"
_KINDS = ("models", "datasets")


def places(around: Around) -> list[str]:
    """KAGGLEHUB_CACHE, the default, and what a notebook on Kaggle has as its input."""
    inputs = "/kaggle/input" if around.platform == "linux" else None
    return look.distinct([around.environment.get("KAGGLEHUB_CACHE"), look.home(around.home, ".cache", "kagglehub"), inputs])


def holds(folder: str, _here: Collection[str]) -> bool:
    """By where it lies."""
    return look.ends(folder, ".cache", "kagglehub")


def walk(place: str) -> Iterator[Lying]:
    """Files of whole and of unfinished versions: the bytes decide."""
    tops = [os.path.join(place, kind) for kind in _KINDS if os.path.isdir(os.path.join(place, kind))] or [place]
    for top in tops:
        for file in look.files(top):
            if not file.below.endswith((".complete", ".archive")):
                yield Lying(file.path, file.size, program=NAME)
