"""The table of readers, by program; the order is the order of asking. Imports the readers, each when it is asked for.

A new program is a module here and its name in PROGRAMS.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

    from .lying import Reader

# First who names files by a digest, and of them who has the fewest folders to read.
PROGRAMS = (
    "ollama",
    "hub_cache",
    "plain_layout",
    "local_dir",
    "git_lfs",
    "llama_cpp",
    "legacy",
    "jan",
    "modelscope",
    "lm_studio",
    "sentence_transformers",
    "kagglehub",
    "gpt4all",
    "invokeai",
    "a1111",
    "comfyui",
)
ANYWHERE = ("plain_layout", "local_dir", "git_lfs")  # the user chooses the folder


def reader(module: str) -> Reader:
    """The reader of one program."""
    found: Reader = __import__(f"hubjet._sources.{module}", fromlist=["*"])
    return found


def readers() -> list[Reader]:
    """All of them, without the one for plain folders."""
    return [reader(module) for module in PROGRAMS]


def placed() -> list[Reader]:
    """Those whose programs have places of their own."""
    return [reader(module) for module in PROGRAMS if module not in ANYWHERE]


def readers_of(folder: str, here: Collection[str]) -> list[Reader]:
    """Whose store this folder is, which holds these names: several had one in common (~/.cache/huggingface/hub). None: a folder like others."""
    return [one for one in readers() if one.holds(folder, here)]
