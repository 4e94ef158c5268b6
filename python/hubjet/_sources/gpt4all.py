"""GPT4All: a flat folder of models, named as they were offered. Imports lying, look, settings.

The folder can be changed in the program: modelPath in GPT4All.ini. No digests that help (MD5), no repositories.
"""

from __future__ import annotations

import os

from . import look, settings
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "gpt4all"
_MODELS = (".gguf", ".bin", ".safetensors")


def places(around: Around) -> list[str]:
    """Where its settings say; the program's default, the Python package's."""
    of, home = around.environment.get, around.home
    if around.platform == "darwin":
        ini, data = look.home(home, ".config", "gpt4all.io"), look.home(home, "Library", "Application Support", "nomic.ai", "GPT4All")
    elif around.platform == "win32":
        ini = os.path.join(of("APPDATA") or look.home(home, "AppData", "Roaming"), "nomic.ai")
        data = os.path.join(of("LOCALAPPDATA") or look.home(home, "AppData", "Local"), "nomic.ai", "GPT4All")
    else:
        ini = os.path.join(of("XDG_CONFIG_HOME") or look.home(home, ".config"), "nomic.ai")
        data = os.path.join(of("XDG_DATA_HOME") or look.home(home, ".local", "share"), "nomic.ai", "GPT4All")
    named = settings.ini(look.text(os.path.join(ini, "GPT4All.ini"), 1 << 20) or "").get("modelPath")
    return look.distinct([look.expanded(named, home) if named else None, data, look.home(home, ".cache", "gpt4all")])


def holds(folder: str, _here: Collection[str]) -> bool:
    """By where it lies."""
    return look.ends(folder, "nomic.ai", "GPT4All")


def walk(place: str) -> Iterator[Lying]:
    """Its models."""
    for one in look.entries(place):
        if not one.is_folder and one.name.endswith(_MODELS) and not one.name.startswith("incomplete-"):
            yield Lying(one.path, one.size, program=NAME)
