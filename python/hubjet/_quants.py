"""Quantised models in one file: which of a repository's GGUF (and older GGML) files is which. Pure. Imports _errors.

    model.Q4_K_M.gguf   Q4_K_M/Model-Q4_K_M-00001-of-00003.gguf   llama-2-7b.ggmlv3.q4_0.bin   mmproj-model-f16.gguf
"""

from __future__ import annotations

import re

from ._errors import EntryNotFound, explain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

_QUANT = re.compile(r"(?:^|[-._])((?:UD-)?(?:(?:IQ|TQ|Q)\d(?:_[0-9A-Z]+)*|MXFP4(?:_MOE)?|BF16|FP?16|FP?32))(?=$|[-._])", re.IGNORECASE)
_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_SAME = {"FP16": "F16", "FP32": "F32"}
_NO_MODEL = re.compile(r"(^|[-._])imatrix", re.IGNORECASE)
_PROJECTOR = re.compile(r"mmproj", re.IGNORECASE)


def is_quantised(path: str) -> bool:
    """Whether it is of the GGUF family: those named *.bin are told by the word ggml in them."""
    name = path.rpartition("/")[2].lower()
    return name.endswith((".gguf", ".ggml")) or (name.endswith(".bin") and "ggml" in name)


def quant_of(path: str) -> str | None:
    """`Q4_K_M` of `org-7B.Q4_K_M.gguf`; where the name says nothing, the folder's; None for what is not a quant.

    >>> quant_of("UD-IQ1_S/DeepSeek-R1-UD-IQ1_S-00001-of-00003.gguf"), quant_of("ggml-model-f16.gguf"), quant_of("gemma-2b.gguf")
    ('UD-IQ1_S', 'F16', None)
    """
    if not is_quantised(path):
        return None
    stem = _SHARD.sub("", path.rpartition(".")[0])
    for part in reversed(stem.split("/")):
        found = _QUANT.findall(part)
        if found:
            return _said(found[-1])
    return None


def _said(quant: str) -> str:
    quant = quant.upper()
    return _SAME.get(quant, quant)


def quants(paths: Iterable[str]) -> list[str]:
    """The quants there are, sorted."""
    return sorted({quant for path in paths if not _beside(path) and (quant := quant_of(path)) is not None})


def of_quant(paths: Iterable[str], asked: str) -> list[str]:
    """The files of one quant, all of its parts, and one projector where the model sees pictures. EntryNotFound names those there are."""
    paths = [path for path in paths if is_quantised(path)]
    quant = _said(asked)
    found = [path for path in paths if quant_of(path) == quant and not _beside(path)]
    if not found:
        there = quants(paths)
        raise EntryNotFound(
            explain(
                f"no file has the quant {asked!r}",
                here=", ".join(there) or ("GGUF files without a quant in their names" if paths else "no GGUF files"),
                do="choose one of these" if there else "leave the quant out, or name files",
            )
        )
    return sorted(_one_cut(found) + _projector(paths))


def _beside(path: str) -> bool:
    name = path.rpartition("/")[2]
    return _PROJECTOR.search(name) is not None or _NO_MODEL.search(name) is not None


def _one_cut(paths: list[str]) -> list[str]:
    """Where a model lies whole and in parts, the whole one; where it lies in two folders, the one nearer the top."""
    kept: dict[str, list[str]] = {}
    for path in sorted(paths, key=lambda path: (_SHARD.search(path.rpartition(".")[0]) is not None, path.count("/"), path)):
        name = path.rpartition("/")[2]
        model = _SHARD.sub("", name.rpartition(".")[0])
        others = kept.setdefault(model, [])
        if not others or (_folder_and_cut(others[0]) == _folder_and_cut(path) and _SHARD.search(name.rpartition(".")[0])):
            others.append(path)
    return [path for parts in kept.values() for path in parts]


def _folder_and_cut(path: str) -> tuple[str, str]:
    folder, _, name = path.rpartition("/")
    cut = _SHARD.search(name.rpartition(".")[0])
    return folder, cut[0][-5:] if cut else ""


def _projector(paths: list[str]) -> list[str]:
    """F16 before the others: it is what llama.cpp's own converter writes."""
    there = sorted(path for path in paths if _PROJECTOR.search(path.rpartition("/")[2]))
    best = [path for quant in ("F16", "BF16", "Q8_0", "F32") for path in there if quant_of(path) == quant]
    return (best or there)[:1]
