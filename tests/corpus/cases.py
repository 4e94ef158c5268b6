"""Case: one story of calls, and the list of all of them. Standard library only: clients' processes import this.

Use:        `@case("cold", "a small file")` over a function that takes a `Tale` (child.py) and makes calls through it; or
            `add("cold", "a small file", lambda t: t.one("org/mixed", "config.json"))`.
            env: which process does it (see ENVS). first: what is done before, in a process of the plain environment.
            lines: where the call exists at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Callable

if TYPE_CHECKING:
    from tests.corpus.child import Tale

LINES = ("2.4", "1.33")
QUIET = {"HF_HUB_DISABLE_PROGRESS_BARS": "1", "HF_HUB_DISABLE_UPDATE_CHECK": "1"}  # the second: `hf` asks the package registry for a newer one of itself
HTTP = {**QUIET, "HF_HUB_DISABLE_XET": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
ENVS: dict[str, dict[str, str]] = {
    "plain": HTTP,
    "default": QUIET,  # what most people have: hf_xet on, telemetry on
    "offline": {**HTTP, "HF_HUB_OFFLINE": "1"},
    "no links": {**HTTP, "HF_HUB_DISABLE_SYMLINKS": "1"},
    "frameworks": {**QUIET, "TOKENIZERS_PARALLELISM": "false"},
}
# Names that are bound before `enable()`, in the processes of these environments: `from huggingface_hub import …` at the top of a
# program. In the others huggingface_hub is imported after it.
IMPORTED_FIRST = ("default", "no links", "frameworks")


@dataclass(frozen=True)
class Case:
    section: str
    name: str
    do: Callable[["Tale"], object]
    env: str = "plain"
    first: Callable[["Tale"], object] | None = None
    lines: tuple[str, ...] = LINES

    @property
    def title(self) -> str:
        return f"{self.section}: {self.name}"


CASES: dict[str, Case] = {}


def add(
    section: str,
    name: str,
    do: Callable[["Tale"], object],
    env: str = "plain",
    first: Callable[["Tale"], object] | None = None,
    lines: tuple[str, ...] = LINES,
) -> None:
    one = Case(section, name, do, env, first, lines)
    if one.title in CASES or env not in ENVS:
        raise ValueError(f"{one.title} in {env}")
    CASES[one.title] = one


def case(
    section: str, name: str, env: str = "plain", first: Callable[["Tale"], object] | None = None, lines: tuple[str, ...] = LINES
) -> Callable[[Callable[["Tale"], object]], Callable[["Tale"], object]]:
    def take(do: Callable[["Tale"], object]) -> Callable[["Tale"], object]:
        add(section, name, do, env, first, lines)
        return do

    return take


def frameworks() -> dict[str, Case]:
    """The cases that need the frameworks, by title."""
    import tests.corpus.calls_frameworks  # noqa: F401

    return {title: case for title, case in CASES.items() if case.env == "frameworks"}


def load() -> dict[str, Case]:
    """All cases of huggingface_hub itself, by title."""
    import importlib

    for module in ("cache", "tree", "folder", "failing", "asking", "files", "xet"):
        importlib.import_module(f"tests.corpus.calls_{module}")
    return {title: case for title, case in CASES.items() if case.env != "frameworks"}
