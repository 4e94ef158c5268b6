"""Ollama: every file is named by its sha256, manifests tell which model it belongs to. Imports lying, look.

    <models>/blobs/sha256-<hex>                          (sha256:<hex> before 0.1.30; …-partial while it arrives)
    <models>/manifests/<host>/<namespace>/<model>/<tag>  JSON: config and layers, each with mediaType, digest, size
    <models>/manifests-v2/…                              (2026) the same, links to blobs; or lists: "manifests", inline or by the digest of a blob

What was pulled from hf.co/org/name is a file of that repository; its name there is not kept, but the tag it was pulled by is. Of what came from Ollama's own registry the
digest counts: large files are often the same bytes as on the hub.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from typing import Any

NAME = "ollama"
HUBS = ("hf.co", "huggingface.co")
_MANIFESTS = ("manifests-v2", "manifests")
_FILES = (".model", ".projector", ".adapter")  # the ends of media types: application/vnd.ollama.image.model
_INNER_MOST = 64
_NAMES_MOST = 3  # of one file: who has pulled a model by ten tags knows what it is
# the service's own user, by distribution; each is a home of its own
_SERVICES = ("/usr/share/ollama/.ollama/models", "/var/lib/ollama/.ollama/models", "/var/lib/ollama/models", "/var/snap/ollama/common/models")


def places(around: Around) -> list[str]:
    """OLLAMA_MODELS, the user's, the service's."""
    services = _SERVICES if around.platform == "linux" else ()
    return look.distinct([around.environment.get("OLLAMA_MODELS"), look.home(around.home, ".ollama", "models"), *services])


def holds(folder: str, here: Collection[str]) -> bool:
    """Blobs with names as Ollama gives them."""
    return "blobs" in here and any(_digest(one.name) for one in look.entries(os.path.join(folder, "blobs")) if not one.is_folder)


def walk(place: str) -> Iterator[Lying]:
    """All whole blobs; those of a model from the hub with its repository."""
    told = _told(place)
    for one in look.entries(os.path.join(place, "blobs")):
        etag = _digest(one.name)
        if etag is not None and not one.is_folder:
            repo, called = told.get(etag, (None, ()))
            yield Lying(one.path, one.size, etag, repo, program=NAME, called=", ".join(called) or None)


def _digest(name: str) -> str | None:
    return look.digest(name) if name[:7] in ("sha256-", "sha256:") else None


def _told(place: str) -> dict[str, tuple[str, list[str]]]:
    """Digest -> the hub's repository it came from, and what a manifest calls it: "hf.co/org/name:Q4_K_M (model)", once for each tag."""
    found: dict[str, tuple[str, list[str]]] = {}
    for top, hub in [(top, hub) for top in _MANIFESTS for hub in HUBS]:
        for file in look.files(os.path.join(place, top, hub), depth=3):
            repo = look.repo_id(*file.below.split("/")[:2]) if file.below.count("/") == 2 else None
            for digest, kind in _named(place, look.facts(file.path)) if repo is not None else ():
                tag = os.path.basename(file.below)
                called = f"{hub}/{repo}{f':{tag}' if tag.isprintable() else ''} ({kind})"
                names = found.setdefault(digest, (repo or "", []))[1]
                if called not in names and len(names) < _NAMES_MOST:
                    names.append(called)
    return found


def _named(place: str, manifest: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Digest and kind ("model") of the layers of a manifest, and of those that a list of manifests holds or names."""
    yield from digests(manifest)
    listed = manifest.get("manifests")
    for inner in listed[:_INNER_MOST] if isinstance(listed, list) else ():
        if isinstance(inner, dict):
            yield from digests(inner)
            blob = look.sha256(inner.get("digest"))
            if blob is not None:
                yield from digests(look.facts(os.path.join(place, "blobs", f"sha256-{blob}"), 1 << 20))


def digests(manifest: dict[str, Any]) -> list[tuple[str, str]]:
    """The sha256 of the files of a repository that a manifest names, each with what it is ("model"); template, parameters and configuration are made
    for Ollama."""
    layers = manifest.get("layers")
    parts = [part for part in layers if isinstance(part, dict)] if isinstance(layers, list) else []
    told = [(look.sha256(part.get("digest")), str(part.get("mediaType")).rpartition(".")[2]) for part in parts if str(part.get("mediaType")).endswith(_FILES)]
    return [(digest, kind) for digest, kind in told if digest is not None]
