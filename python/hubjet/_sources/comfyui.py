"""ComfyUI: models/<kind>/<file>, and the folders that extra_model_paths.yaml names. Imports lying, look, settings.

    <ComfyUI>/models/<checkpoints, loras, vae, …>/<any folder>/<file>
    <ComfyUI>/extra_model_paths.yaml                   name: {base_path: …, checkpoints: … or a "|" block of several}; relative to the file
    <settings of the desktop program>/config.json      {"basePath": …}, and extra_models_config.yaml, built like the above
    <settings of comfy-cli>/config.ini                 default_workspace, recent_workspace

No digests and no repositories: the names are the user's.
"""

from __future__ import annotations

import os

from . import look, settings
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "comfyui"
EXTRA = ("extra_model_paths.yaml", "extra_model_paths.yml", "extra_models_config.yaml")
_NOT_FOLDERS = ("base_path", "is_default", "custom_nodes", "configs")
_MARKS = {"folder_paths.py", "comfy", "custom_nodes", *EXTRA}


def places(around: Around) -> list[str]:
    """Installations where settings or habit puts them, with the folders that each of them names."""
    of, home = around.environment.get, around.home
    roots: list[str | None] = [of("COMFYUI_PATH"), of("COMFYUI_DIR"), of("COMFYUI_HOME")]
    extra = []
    for folder in _settings(around):
        base = look.facts(os.path.join(folder, "ComfyUI", "config.json"), 1 << 20).get("basePath")
        roots.append(base if isinstance(base, str) else None)
        extra.append(os.path.join(folder, "ComfyUI", "extra_models_config.yaml"))
        told = settings.ini(look.text(os.path.join(folder, "comfy-cli", "config.ini"), 1 << 20) or "")
        roots += [told.get("default_workspace"), told.get("recent_workspace")]
    roots += [look.home(home, *parts) for parts in (("ComfyUI",), ("comfy", "ComfyUI"), ("Documents", "ComfyUI"), ("comfyui",))]
    if around.platform == "linux":
        roots += ["/workspace/ComfyUI", "/content/ComfyUI", "/opt/ComfyUI"]
    found = [tree for root in look.distinct(roots) for tree in _trees(root, home)]
    return look.distinct([*found, *(tree for file in extra for tree in named_in(file, home))])


def _settings(around: Around) -> list[str]:
    """Where the system keeps applications' settings."""
    if around.platform == "darwin":
        return [look.home(around.home, "Library", "Application Support")]
    if around.platform == "win32":
        return [around.environment.get("APPDATA") or look.home(around.home, "AppData", "Roaming")]
    return [around.environment.get("XDG_CONFIG_HOME") or look.home(around.home, ".config")]


def holds(folder: str, here: Collection[str]) -> bool:
    """Its own files, beside the folder of models."""
    return "models" in here and not _MARKS.isdisjoint(here) and os.path.isdir(os.path.join(folder, "models"))


def walk(place: str) -> Iterator[Lying]:
    """An installation, or a folder of models."""
    seen = set()
    for tree in _trees(place, os.path.expanduser("~")) if holds(place, look.names(place)) else [place]:
        for file in look.files(tree):
            if file.path not in seen:
                seen.add(file.path)
                yield Lying(file.path, file.size, look.sha256(file.below.rpartition("/")[2].partition(".")[0]), program=NAME)


def _trees(root: str, home: str) -> list[str]:
    """The folders of models of one installation."""
    named = [tree for name in EXTRA[:2] for tree in named_in(os.path.join(root, name), home)]
    return [os.path.join(root, "models"), *named]


def named_in(file: str, home: str) -> list[str]:
    """The folders that such a YAML file names. They need not exist."""
    found = []
    for section in settings.yaml(look.text(file, 1 << 20) or "").values():
        if not isinstance(section, dict):
            continue
        base = section.get("base_path")
        here = os.path.join(os.path.dirname(file), look.expanded(base, home) if isinstance(base, str) else "")
        for key, value in section.items():
            if key not in _NOT_FOLDERS and isinstance(value, str):
                found += [os.path.normpath(os.path.join(here, look.expanded(line, home))) for line in value.splitlines() if line.strip()]
    return [place for place in dict.fromkeys(found) if "\0" not in place]
