"""AUTOMATIC1111's web UI, Forge and SD.Next: models/<kind>/<file>, and the folders of their options. Imports lying, look, settings.

    <root>/models/{Stable-diffusion, Lora, VAE, ControlNet, …}/<any folder>/<file>, <root>/embeddings/<file>
    <root>/webui-user.sh, webui-user.bat     COMMANDLINE_ARGS with --ckpt-dir, --lora-dir, --vae-dir, --data-dir … (also in the environment)
    <root>/cache.json                        (until 1.7) "hashes": {"checkpoint/<file>": {"mtime": …, "sha256": …}} of what was once loaded

The sha256 of cache.json is used where the time of the file is still the one noted.
"""

from __future__ import annotations

import os

from . import look, settings
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "a1111"
_ROOTS = ("stable-diffusion-webui", "stable-diffusion-webui-forge", "stable-diffusion-webui-reForge", "sd-webui-forge-classic", "automatic", "sdnext")
_SCRIPTS = ("webui-user.sh", "webui-user.bat", "webui-macos-env.sh")
_MARKS = {"webui.py", "webui.sh", "webui.bat", *_SCRIPTS}
_DATA = ("--data-dir", "--models-dir")
_DIRS = (
    "--ckpt-dir", "--ckpt-dirs", "--vae-dir", "--lora-dir", "--lora-dirs", "--lyco-dir", "--embeddings-dir", "--text-encoder-dir", "--text-encoder-dirs",
    "--hypernetwork-dir", "--codeformer-models-path", "--gfpgan-models-path", "--esrgan-models-path", "--controlnet-dir", "--clip-models-path",
)  # fmt: skip
_NOTED = (("checkpoint", "Stable-diffusion"), ("lora", "Lora"), ("vae", "VAE"))


def places(around: Around) -> list[str]:
    """Installations where they lie as a rule, and the folders that their options name."""
    tops = [around.home, *(("/workspace", "/content", "/opt") if around.platform == "linux" else ())]
    roots = [os.path.join(top, name) for top in tops for name in _ROOTS]
    named = _named(around.environment.get("COMMANDLINE_ARGS") or "", around.home, around.home)
    return look.distinct([*roots, *named])


def holds(folder: str, here: Collection[str]) -> bool:
    """Its own files, beside the folder of models."""
    return "models" in here and not _MARKS.isdisjoint(here) and os.path.isdir(os.path.join(folder, "models"))


def walk(place: str) -> Iterator[Lying]:
    """An installation, or one of the folders of its options."""
    if not holds(place, look.names(place)):
        for file in look.files(place):
            yield Lying(file.path, file.size, program=NAME)
        return
    home = os.path.expanduser("~")
    trees = [os.path.join(place, name) for name in ("models", "embeddings")]
    for script in _SCRIPTS:
        trees += _named(look.text(os.path.join(place, script), 1 << 20) or "", home, place)
    noted = _hashes(place)
    seen = set()
    for tree in look.distinct(list(trees)):
        for file in look.files(tree):
            if file.path not in seen:
                seen.add(file.path)
                yield Lying(file.path, file.size, _etag(file, noted), program=NAME)


def _named(text: str, home: str, root: str) -> list[str]:
    """Folders that options name; relative ones from the installation."""
    told = settings.arguments(text, _DATA + _DIRS)
    found = [folder for name in _DIRS for folder in told.get(name, ())]
    found += [os.path.join(folder, "models") for folder in told.get("--data-dir", ())] + told.get("--models-dir", [])
    return [os.path.join(root, look.expanded(folder, home)) for folder in found if "\0" not in folder]


def _hashes(root: str) -> dict[str, tuple[float, str]]:
    """cache.json's: {"checkpoint/dir/file": (mtime, sha256)}."""
    found = {}
    hashes = look.facts(os.path.join(root, "cache.json"), 64 << 20).get("hashes")
    for key, note in hashes.items() if isinstance(hashes, dict) else ():
        etag = look.sha256(note.get("sha256")) if isinstance(note, dict) else None
        mtime = note.get("mtime") if isinstance(note, dict) else None
        if etag is not None and isinstance(mtime, int | float):
            found[key] = float(mtime), etag
    return found


def _etag(file: look.Found, noted: dict[str, tuple[float, str]]) -> str | None:
    """What is noted of this file, if the file was not changed since."""
    if not noted:
        return None
    parts = file.below.split("/")
    for kind, folder in _NOTED:
        inner = "/".join(parts[1:] if parts[0] == folder else parts)
        for key in (f"{kind}/{inner}", f"{kind}/{os.path.splitext(inner)[0]}"):
            mtime, etag = noted.get(key, (0.0, None))
            if etag is not None and abs(mtime - file.mtime) < 1e-3:
                return etag
    return None
