"""InvokeAI: <root>/models, or where invokeai.yaml says. Imports lying, look, settings.

    <root>/invokeai.yaml                     models_dir: … (before 4.0 below InvokeAI: Paths:)
    <root>/models/<key>/<file>               since 6.7; before: models/<base>/<type>/<name>[/<file>]
    <root>/models/.download_cache/…          what it fetched to load without installing

No digests that help (BLAKE3), no repositories outside its data base, which is not read.
"""

from __future__ import annotations

import os

from . import look, settings
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "invokeai"
_FILE = "invokeai.yaml"


def places(around: Around) -> list[str]:
    """INVOKEAI_ROOT, the default; INVOKEAI_MODELS_DIR."""
    root = around.environment.get("INVOKEAI_ROOT")
    return look.distinct(
        [around.environment.get("INVOKEAI_MODELS_DIR"), root and look.expanded(root, around.home), look.home(around.home, "invokeai")]
    )


def holds(_folder: str, here: Collection[str]) -> bool:
    """Its settings."""
    return _FILE in here


def walk(place: str) -> Iterator[Lying]:
    """An installation, or its folder of models."""
    for file in look.files(_models(place)):
        yield Lying(file.path, file.size, program=NAME)


def _models(place: str) -> str:
    told = settings.yaml(look.text(os.path.join(place, _FILE), 1 << 20) or "")
    named = told.get("models_dir")
    for key in ("InvokeAI", "Paths"):
        inner = told.get(key)
        told = inner if isinstance(inner, dict) else told
        named = told.get("models_dir", named)
    if isinstance(named, str) and "\0" not in named:
        return os.path.join(place, look.expanded(named, os.path.expanduser("~")))
    inside = os.path.join(place, "models")
    return inside if os.path.isdir(inside) else place
