"""`hubjet get URL --into comfy`: in which folder of another program's a model file belongs. Imports _errors, _config, _surroundings, _sources.comfyui.

By what its name and its repository's say; `comfy:loras` says it oneself.
"""

from __future__ import annotations

import os
import re

from .. import _surroundings
from .._errors import BadName, ConfigError, explain

# Words in a URL's path, the most telling first -> ComfyUI's folder below models/.
_WORDS = (
    ("loras", r"loras?|lycoris"),
    ("controlnet", r"control[-_]?nets?|control[-_]loras?|t2i[-_]?adapter"),
    ("upscale_models", r"upscal\w*|esrgan|swinir"),
    ("embeddings", r"embeddings?|textual[-_]inversion"),
    ("clip_vision", r"clip[-_]vision|image[-_]encoder"),
    ("text_encoders", r"text[-_]encoders?|clip[-_][lg]|t5xxl|umt5|qwen[\d.]*vl"),
    ("vae", r"vae|ae"),
    ("diffusion_models", r"unet|diffusion[-_]models?|transformer"),
)
FOLDERS = ("checkpoints", "loras", "vae", "controlnet", "upscale_models", "embeddings", "clip_vision", "text_encoders", "diffusion_models", "style_models")


def kind_of(path: str) -> str:
    """The folder for a file of this name, by its own name first, then by those around it.

    >>> kind_of("/org/some-lora/resolve/main/x.safetensors"), kind_of("/Comfy-Org/flux/resolve/main/split_files/vae/ae.safetensors")
    ('loras', 'vae')
    """
    path = path.partition("?")[0].partition("://")[2].partition("/")[2] or path  # of a URL without its host
    parts = [re.sub(r"\.\w+$", "", path.rpartition("/")[2]), *reversed(path.split("/")[:-1])]
    for part in parts:
        for folder, words in _WORDS:
            if re.search(rf"(?i)(^|[-_.\s])({words})($|[-_.\s\d])", part):
                return folder
    return "checkpoints"


def folder_for(into: str, path: str) -> str:
    """The folder, made if need be. `into`: comfy, comfy:KIND. ConfigError where there is no ComfyUI."""
    program, _, kind = into.partition(":")
    if program not in ("comfy", "comfyui"):
        raise BadName(f"there is no place {into!r}; there are comfy, comfy:loras and so on")
    if kind and (kind not in FOLDERS):
        raise BadName(f"ComfyUI has no folder {kind!r}; there are {', '.join(FOLDERS)}")
    root = _models_folder()
    place = os.path.join(root, kind or kind_of(path))
    os.makedirs(place, exist_ok=True)
    return place


def _models_folder() -> str:
    from .._sources import comfyui

    tried = comfyui.places(_surroundings.around())
    for place in tried:
        for folder in (place, os.path.join(place, "models")):
            if os.path.basename(folder.rstrip(os.sep)) == "models" and os.path.isdir(folder):
                return folder
    raise ConfigError(
        explain("no ComfyUI was found on this computer", looked_at=", ".join(tried[:6]), do="say where it is: COMFYUI_PATH=…/ComfyUI; or name the folder: -o DIR")
    )
