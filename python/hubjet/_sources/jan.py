"""Jan: <data>/llamacpp/models/<id>/model.gguf with model.yml beside it; before 0.6 <data>/models/…/<file>.gguf. Imports lying, look, settings.

The folder for data can be changed in the program: "data_folder" in its settings.json. model.yml may say the sha256 ("model_sha256"), and
a path elsewhere ("model_path"), of a file that was imported where it lay. Older versions' model.json is not read.
"""

from __future__ import annotations

import os

from . import look, settings
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "jan"
_NAMES = ("model.gguf", "mmproj.gguf")


def places(around: Around) -> list[str]:
    """Where its settings say, then the defaults."""
    of, home = around.environment.get, around.home
    if around.platform == "darwin":
        tops = [look.home(home, "Library", "Application Support")]
    elif around.platform == "win32":
        tops = [of("APPDATA") or look.home(home, "AppData", "Roaming")]
    else:
        tops = [of("XDG_CONFIG_HOME") or look.home(home, ".config"), of("XDG_DATA_HOME") or look.home(home, ".local", "share")]
    named: list[str | None] = []
    for top in tops:
        told = look.facts(os.path.join(top, "Jan", "settings.json"), 1 << 20).get("data_folder")
        named.append(look.expanded(told, home) if isinstance(told, str) else None)
    return look.distinct([*named, *(os.path.join(top, "Jan", "data") for top in tops), look.home(home, "jan")])


def holds(folder: str, here: Collection[str]) -> bool:
    """Its folder of models for llama.cpp, with a note in it."""
    return "llamacpp" in here and os.path.isdir(os.path.join(folder, "llamacpp", "models"))


def walk(place: str) -> Iterator[Lying]:
    """The models of its engines; nothing of its conversations."""
    for below in (os.path.join("llamacpp", "models"), "models"):
        for file in look.files(os.path.join(place, below)):
            folder, name = os.path.split(file.path)
            if name == "model.yml":
                yield from _noted(folder, settings.yaml(look.text(file.path, 1 << 20) or ""))
            elif file.below.endswith((".gguf", ".safetensors")) and not (name in _NAMES and os.path.isfile(os.path.join(folder, "model.yml"))):
                yield Lying(file.path, file.size, program=NAME)


def _noted(folder: str, note: settings.Node) -> Iterator[Lying]:
    """The files of one model, by its note."""
    for key, name in (("model", "model.gguf"), ("mmproj", "mmproj.gguf")):
        told = note.get(f"{key}_path")
        path = told if isinstance(told, str) and os.path.isabs(told) and "\0" not in told else os.path.join(folder, name)
        size = look.size(path)
        if size is not None:
            yield Lying(path, size, look.sha256(note.get(f"{key}_sha256")), program=NAME)
