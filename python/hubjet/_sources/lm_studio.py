"""LM Studio: files under readable names, <models>/<publisher>/<repository>/<file>, as on the hub. Imports lying, look.

Its home is what ~/.lmstudio-home-pointer says, else ~/.lmstudio, before 0.3.6 ~/.cache/lm-studio. The folder for models can be changed in the
program: "downloadsFolder" in settings.json, which lies in the home, or (older) where the system keeps an application's settings. No digests.
"""

from __future__ import annotations

import os

from . import look
from .lying import Around, Lying

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

NAME = "lm-studio"


def places(around: Around) -> list[str]:
    """Where the settings say, then the defaults."""
    of, home = around.environment.get, around.home
    pointed = (look.text(look.home(home, ".lmstudio-home-pointer"), 65536) or "").strip()
    homes = [pointed, look.home(home, ".lmstudio"), look.home(home, ".cache", "lm-studio")]
    if around.platform == "darwin":
        old = look.home(home, "Library", "Application Support", "LM Studio")
    elif around.platform == "win32":
        old = os.path.join(of("APPDATA") or look.home(home, "AppData", "Roaming"), "LM Studio")
    else:
        old = os.path.join(of("XDG_CONFIG_HOME") or look.home(home, ".config"), "LM Studio")
    named: list[str | None] = []
    for folder in [*homes, old]:
        told = look.facts(os.path.join(folder, "settings.json")).get("downloadsFolder") if folder else None
        named.append(look.expanded(told, home) if isinstance(told, str) else None)
    return look.distinct([*named, *(os.path.join(folder, "models") for folder in homes if folder)])


def holds(folder: str, _here: Collection[str]) -> bool:
    """By where it lies: publishers' folders look like any others."""
    return look.ends(folder, ".lmstudio", "models") or look.ends(folder, "lm-studio", "models")


def walk(place: str) -> Iterator[Lying]:
    """Files two folders deep and deeper have a repository; the others are listed without one."""
    for file in look.files(place):
        publisher, _, rest = file.below.partition("/")
        name, _, filename = rest.partition("/")
        repo = look.repo_id(publisher, name) if filename else None
        yield Lying(file.path, file.size, None, repo, filename=look.filename(filename) if repo else None, program=NAME)
