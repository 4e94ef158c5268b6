"""Which files of a repository a loader needs. Pure: a listing in, names out. Imports _errors, _names,
_licence, _quants.

One weight format per folder (safetensors before PyTorch), the asked variant or the plain one, every small file beside
them. What transformers and diffusers would open is there; what they would not is left out: other frameworks' weights,
duplicates, pictures. tests/data/trees has real repositories, and what is chosen of them.
"""

from __future__ import annotations

import json
import re

from ._errors import EntryNotFound, explain
from ._licence import must_keep
from ._names import keeper, pattern_list
from ._quants import is_quantised, of_quant

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import NamedTuple

    from ._names import Patterns
else:
    from ._record import NamedTuple

PIPELINE_INDEX = "model_index.json"

# Base names a framework opens by itself. A folder that has one of them is not searched for others:
# consolidated.safetensors beside model.safetensors is the same model once more.
_STANDARD = ("model", "diffusion_pytorch_model", "pytorch_model", "adapter_model", "pytorch_lora_weights")

_SAFE = (".safetensors",)
_TORCH = (".bin", ".pt", ".pth", ".ckpt")
_OTHER_WEIGHTS = re.compile(
    r".*\.(h5|msgpack|onnx|onnx[._]data.*|gguf|ggml|tflite|mlmodel|mlpackage|ot|pb|engine|plan|pdparams|nemo|keras|npz|llamafile|ckpt\.index)"
    r"|.*\.data-\d{5}-of-\d{5}"  # a TensorFlow checkpoint's
    r"|(.*/)?openvino_[^/]*\.(bin|xml)|(.*/)?[^/]*ggml[^/]*\.bin|(.*/)?[^/]*\.(mlpackage|mlmodelc)/.*"
)
_OTHER_FOLDERS = re.compile(
    r"onnx([-_].*)?|openvino([-_].*)?|coreml|original|metal|gguf|flax|tf|tflite|tensorrt|mlx"  # other frameworks'
    r"|checkpoint-\d+|runs|logs"  # left over from training
)
_NOT_NEEDED = tuple(".png .jpg .jpeg .gif .webp .svg .mp4 .webm .pdf .gitattributes .gitignore".split())
_TRAINING = re.compile(r"(training_args|optimizer|scheduler|rng_state.*|trainer_state)\.(bin|pt|pth)")
_TOOLS = re.compile(r"imatrix.*\.(dat|gguf)|.*\.imatrix", re.IGNORECASE)  # what a quantiser leaves behind

# What people, torch and diffusers call a number format, and the variant that has it.
_DTYPES = {
    "float16": "fp16", "fp16": "fp16", "f16": "fp16", "half": "fp16", "bfloat16": "bf16", "bf16": "bf16",
    "float32": "fp32", "fp32": "fp32", "f32": "fp32", "float": "fp32",
}  # fmt: skip

# One model as one file, saved more than once: with fewer bits, with the training's average or both (`-full-ema`). Of those that a
# loader could take, the first one here; "" is the name without any of this.
_ENDINGS = ("pruned-emaonly", "emaonly", "ema-pruned", "pruned", "", "bf16", "fp16", "ema", "full-ema", "nonema", "nonema-pruned", "fp32",
            "fp8", "fp8_e4m3fn", "fp8_e5m2", "int8")  # fmt: skip
_ENDING = re.compile(rf"[-_.]({'|'.join(sorted(filter(None, _ENDINGS), key=len, reverse=True))})$", re.IGNORECASE)
_SHARD = re.compile(r"-\d{5}-of-\d{5}")


class _Weight(NamedTuple):
    """A weight file's (or index's) name, taken apart: `model.fp16-00001-of-00002.safetensors` → model, fp16."""

    path: str
    base: str
    variant: str | None
    sharded: bool


def choose_files(
    paths: Iterable[str],
    *,
    variant: str | None = None,
    subfolder: str | None = None,
    components: Iterable[str] | None = None,
    allow: Patterns = None,
    ignore: Patterns = None,
    quant: str | None = None,
    dtype: str | None = None,
) -> list[str]:
    """The files to fetch, sorted.

    Args:
        paths: all files of the commit. variant: such as "fp16". subfolder: only this folder (and licence and card at
        the root). components: folders of a pipeline's parts (from its model_index.json); None = not a pipeline.
        allow, ignore: the caller's patterns. `allow` takes the place of the choice made here; `ignore` takes away
        from either; the licence and the card only by their own name. quant: the GGUF file of this name ("Q4_K_M") in place of safetensors and PyTorch
        weights. dtype: the variant that has these numbers ("float16", "bf16", "float32"), where there is one.

    Errors: EntryNotFound if a variant or quant is asked for and no file has it.

    >>> choose_files(["config.json", "model.safetensors", "pytorch_model.bin", "tf_model.h5", "LICENSE"])
    ['LICENSE', 'config.json', 'model.safetensors']
    """
    paths = list(paths)
    kept = {path for path in paths if must_keep(path)}
    if allow is not None:
        wanted = keeper(allow)
        chosen = {path for path in paths if wanted(path)}
    else:
        chosen = _choose(paths, variant, subfolder, components, quant, variant_of(dtype))
    kept.difference_update(pattern_list(ignore) or ())  # "*.md" is meant for other texts; who names LICENSE means it
    not_ignored = keeper(None, ignore)
    return sorted(kept | {path for path in chosen if not must_keep(path) and not_ignored(path)})


def components_of(index: bytes) -> list[str]:
    """The parts named in model_index.json: `"unet": ["diffusers", "UNet2DConditionModel"]`; absent is [null, null].

    A part that is absent and has a folder all the same is wanted: diffusers calls the snapshot incomplete without it.
    """
    try:
        document = json.loads(index)
    except (ValueError, RecursionError):
        return []
    if not isinstance(document, dict):
        return []
    return [
        name
        for name, value in document.items()
        if not name.startswith("_") and isinstance(value, list) and len(value) == 2
    ]


def variant_of(dtype: str | None) -> str | None:
    """The variant a number format is called: fp16 for torch.float16, "half" … ValueError for what is none."""
    if dtype is None:
        return None
    name = str(dtype).removeprefix("torch.").lower()
    if name == "auto":
        return None
    if name not in _DTYPES:
        raise ValueError(f"{dtype!r} is no number format; there are float16, bfloat16, float32")
    return _DTYPES[name]


def other_weights(paths: Iterable[str]) -> list[str]:
    """Weights in formats that are fetched only when asked for."""
    return sorted(path for path in paths if _is_other(path))


def has_weights(paths: Iterable[str]) -> bool:
    """Whether safetensors or PyTorch weights are among them."""
    return any(path.endswith(_SAFE + _TORCH) for path in paths)


def kind_of(path: str) -> str:
    """What a file is, in a word: safetensors, pytorch, gguf, other (weights of another framework), index, or "" for anything else."""
    if _is_index(path):
        return "index"
    if is_quantised(path):
        return "gguf"
    if _is_other(path):
        return "other"
    return "safetensors" if path.endswith(_SAFE) else "pytorch" if path.endswith(_TORCH) else ""


def _is_other(path: str) -> bool:
    return _OTHER_WEIGHTS.fullmatch(path) is not None


def _choose(
    paths: list[str], variant: str | None, subfolder: str | None, components: Iterable[str] | None, quant: str | None, preferred: str | None
) -> set[str]:
    prefix = f"{subfolder.strip('/')}/" if subfolder and subfolder.strip("/") else ""
    parts = None if components is None else set(components)
    by_folder: dict[str, list[str]] = {}
    for path in paths:
        if path.startswith(prefix):
            by_folder.setdefault(path.rpartition("/")[0], []).append(path)
    if prefix and paths and not by_folder:
        raise EntryNotFound(explain(f"no file lies below {prefix!r}", here=", ".join(_folders(paths)) or "no folders"))
    chosen: set[str] = set()
    with_variant = False
    if quant is not None:
        chosen.update(of_quant((path for path in paths if path.startswith(prefix)), quant))
    for folder, files in by_folder.items():
        inner = folder[len(prefix) :] if prefix else folder
        if not _is_wanted_folder(inner, parts):
            continue
        # A pipeline's weights lie in its parts' folders; what lies at the root is the same model as one file, for
        # other programs.
        weights = [] if quant is not None or (parts is not None and not inner) else _weights(files, variant, preferred)
        with_variant = with_variant or any(_take_apart(path).variant == variant for path in weights)
        chosen.update(weights)
        chosen.update(path for path in files if _is_companion(path))
    if variant is not None and quant is None and not with_variant:
        raise _no_variant(variant, paths)
    return chosen


def _folders(paths: list[str]) -> list[str]:
    """The folders at the top, as many as a message bears."""
    return sorted({path.partition("/")[0] for path in paths if "/" in path})[:10]


def _is_wanted_folder(folder: str, parts: set[str] | None) -> bool:
    if not folder:
        return True
    names = folder.split("/")
    if parts is not None and names[0] not in parts:
        return False
    return not any(_OTHER_FOLDERS.fullmatch(name) for name in (names if parts is None else names[1:]))


def _is_companion(path: str) -> bool:
    """A file that is no weight and that a loader may open: configuration, vocabulary, code."""
    lower = path.lower()
    if lower.endswith(_SAFE + _TORCH + _NOT_NEEDED) or _is_other(lower) or _TOOLS.fullmatch(_name(path)):
        return False
    return not _is_index(path)


def _is_index(path: str) -> bool:
    return re.search(r"\.(safetensors|bin)\.(.+\.)?index\.(.+\.)?json$", path) is not None or path.endswith(
        (".safetensors.index.json", ".bin.index.json", ".h5.index.json", ".msgpack.index.json")
    )


def _weights(files: list[str], variant: str | None, preferred: str | None) -> list[str]:
    """One format, one variant, of one folder, with the index of shards. A part without the variant is taken plain."""
    there = [path for path in files if path.endswith(_SAFE + _TORCH) and not _TRAINING.fullmatch(_name(path)) and not _is_other(path)]
    for asked in dict.fromkeys((variant or preferred, None)):
        for endings in (_SAFE, _TORCH):
            found = [_take_apart(path) for path in there if path.endswith(endings)]
            found = [weight for weight in found if weight.variant == asked]
            picked = [weight for weight in found if weight.base in _STANDARD] or _one_saving(found, preferred)
            if picked:
                picked = _one_cut(picked)
                return [weight.path for weight in picked] + _indexes(files, endings, picked)
    return []


def _one_cut(weights: list[_Weight]) -> list[_Weight]:
    """Where a model lies whole and in shards, the libraries open the whole one."""
    whole = {weight.base for weight in weights if not weight.sharded}
    return [weight for weight in weights if not weight.sharded or weight.base not in whole]


def _one_saving(weights: list[_Weight], preferred: str | None) -> list[_Weight]:
    """Names of their own (v1-5-pruned-emaonly): those that are one model saved more than once, once."""
    order = [*filter(None, [preferred]), *_ENDINGS]
    best: dict[str, tuple[int, str]] = {}
    for base in {weight.base for weight in weights}:
        bare, ending = _bare(base)
        rank = (order.index(ending), base)
        best[bare] = min(best.get(bare, rank), rank)
    return [weight for weight in weights if best[_bare(weight.base)[0]][1] == weight.base]


def _bare(base: str) -> tuple[str, str]:
    found = _ENDING.search(base)
    return (base[: found.start()], found[1].lower()) if found else (base, "")


def _indexes(files: list[str], endings: tuple[str, ...], weights: list[_Weight]) -> list[str]:
    """The shards' tables of contents; both orders of variant and "index" are in use."""
    names = set()
    for weight in weights:
        if weight.sharded:
            ending = endings[0]
            stem = f"{weight.base}{ending}"
            if weight.variant is None:
                names.add(f"{stem}.index.json")
            else:
                names |= {
                    f"{stem}.index.{weight.variant}.json",
                    f"{stem}.{weight.variant}.index.json",
                    f"{weight.base}.{weight.variant}{ending}.index.json",
                }
    return [path for path in files if _name(path) in names]


def _take_apart(path: str) -> _Weight:
    stem = _name(path).rpartition(".")[0]
    sharded = _SHARD.search(stem) is not None
    base = _SHARD.sub("", stem)
    # Only the libraries' own names carry a variant after a dot; elsewhere the dot belongs to the name (v1.5-pruned).
    for known in _STANDARD:
        if base.startswith(f"{known}."):
            return _Weight(path, known, base[len(known) + 1 :], sharded)
    return _Weight(path, base, None, sharded)


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _no_variant(variant: str, paths: list[str]) -> EntryNotFound:
    weights = (_take_apart(path) for path in paths if path.endswith(_SAFE + _TORCH))
    there = sorted({weight.variant for weight in weights if weight.variant is not None})
    return EntryNotFound(
        explain(
            f"no weights have the variant {variant!r}",
            here=", ".join(there) or "weights without a variant only",
            do="choose one of these, or leave variant out" if there else "leave variant out",
        )
    )
