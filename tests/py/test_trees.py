"""What is chosen of real repositories (tests/data/trees, each with where its listing is from): as written down there, never two copies of one weight, and what
transformers and diffusers themselves would open."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from hubjet._choose import choose_files

from tests.py.child import ROOT

TREES: dict[str, Any] = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted((ROOT / "tests" / "data" / "trees").glob("*.json"))}
CASES = [(name, case["options"], case["files"]) for name, tree in TREES.items() for case in tree["cases"]]
IDS = [f"{name} {' '.join(f'{key}={value}' for key, value in options.items())}".strip() for name, options, _ in CASES]


def test_there_are_enough_of_them_and_each_says_where_it_is_from() -> None:
    assert len([tree for tree in TREES.values() if re.fullmatch(r"[\w.-]+/[\w.-]+", tree["repo"])]) >= 40
    assert sum(tree["sizes"] == "published" for tree in TREES.values()) >= 4
    for tree in TREES.values():
        assert tree["sizes"] in ("published", "approximate") and len(tree["provenance"]) > 30 and tree["date"] and tree["cases"]


@pytest.mark.parametrize(("name", "options", "files"), CASES, ids=IDS)
def test_the_choice_is_the_one_that_was_written_down(name: str, options: dict[str, Any], files: list[str]) -> None:
    tree = TREES[name]
    assert choose_files(tree["tree"], components=tree["components"], **options) == files
    shuffled = dict(sorted(tree["tree"].items(), key=lambda item: item[0][::-1]))
    assert choose_files(shuffled, components=tree["components"], **options) == files


# --- a second rule, that knows nothing of the first -----------------------------------------------

LARGE = 30_000_000  # what is larger is weights, whatever it is called
NOT_A_MODEL = re.compile(r"(^|/)lm\.binary$|mmproj")  # a language model of n-grams, and a projector: parts of their own
SAME = ("diffusion_pytorch_model", "pytorch_model", "flax_model", "tf_model", "openvino_model", "rust_model", "consolidated", "model", "weights")
NOISE = re.compile(r"(?i)[-_.]?(fp16|fp32|bf16|fp8|int8|f16|non_ema|nonema|emaonly|pruned|ema|ggmlv3|(UD-)?I?Q\d(_[0-9A-Z]+)*|TQ\d_\d)(?=$|[-_.])")


def model_of(path: str) -> str:
    """Which weight a file is a part of, whatever form it has."""
    folder, _, name = path.rpartition("/")
    stem = re.sub(r"\.(safetensors|bin|pt|pth|ckpt|h5|msgpack|onnx|onnx.data|gguf|ot|npz)$", "", name)
    stem = re.sub(r"-\d{5}-of-\d{5}|\.0\d$", "", stem)
    stem = NOISE.sub("", NOISE.sub("", stem))
    folder = NOISE.sub("", folder)
    return f"{folder}/{'model' if stem in SAME else stem}"


def form_of(path: str) -> tuple[str, ...]:
    """In which form: format, cut, numbers."""
    cut = re.search(r"-of-(\d{5})", path)
    return (path.rpartition(".")[2], cut[1] if cut else "", *sorted({found[0].lower() for found in NOISE.findall(path)}))


OF_OURS = [case for case in CASES if "allow" not in case[1]]  # the caller's own patterns are his


@pytest.mark.parametrize(("name", "options", "files"), OF_OURS, ids=[f"{name} {options}" for name, options, _ in OF_OURS])
def test_no_weight_comes_twice(name: str, options: dict[str, Any], files: list[str]) -> None:
    tree = TREES[name]["tree"]
    forms: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for path in choose_files(tree, components=TREES[name]["components"], **options):
        if tree[path] >= LARGE and not NOT_A_MODEL.search(path):
            forms[model_of(path)].add(form_of(path))
    assert {model: found for model, found in forms.items() if len(found) > 1} == {}


def test_the_second_rule_finds_what_is_twice() -> None:
    for name in ("sd-1.5", "bert", "whisper-large-v3", "gguf-llama-2", "mistral-7b-v0.3", "flan-t5-xl", "vae"):
        forms: dict[str, set[tuple[str, ...]]] = defaultdict(set)
        for path, size in TREES[name]["tree"].items():
            if size >= LARGE:
                forms[model_of(path)].add(form_of(path))
        assert any(len(found) > 1 for found in forms.values()), name


# --- what the libraries themselves would open -----------------------------------------------------


def filled(folder: Path, name: str, paths: list[str]) -> Path:
    """A folder with such files: empty, but for an index, which names the shards beside it."""
    for path in paths:
        place = folder / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if path.endswith(".json") and "index" in path and "model_index" not in path:
            base = path.split(".safetensors")[0].split(".bin")[0].rpartition("/")[2]
            token = ".fp32" if "fp32" in path else ".fp16" if "fp16" in path else ""
            ending = "safetensors" if ".safetensors" in path else "bin"
            shards = [other for other in paths if re.fullmatch(rf"{base}{token}-\d{{5}}-of-\d{{5}}\.{ending}", other.rpartition("/")[2])]
            place.write_text(json.dumps({"metadata": {}, "weight_map": {str(i): shard.rpartition("/")[2] for i, shard in enumerate(shards)}}))
        else:
            place.write_bytes(b"")
    return folder


OF_TRANSFORMERS = [(name, options, files) for name, options, files in CASES if TREES[name]["library"] == "transformers" and "dtype" not in options]


@pytest.mark.parametrize(("name", "options", "files"), OF_TRANSFORMERS, ids=[f"{name} {options}" for name, options, _ in OF_TRANSFORMERS])
def test_transformers_would_open_exactly_these_weights(name: str, options: dict[str, Any], files: list[str], tmp_path: Path) -> None:
    loading = pytest.importorskip("transformers.modeling_utils")
    how = {"variant": options.get("variant"), "gguf_file": None, "use_safetensors": None, "user_agent": None, "is_remote_code": False}
    whole = filled(tmp_path / "whole", name, list(TREES[name]["tree"]))
    part = filled(tmp_path / "part", name, files)
    opened = []
    for folder in (whole, part):
        found, _ = loading._get_resolved_checkpoint_files(str(folder), **how)
        opened.append(sorted(Path(path).relative_to(folder).as_posix() for path in found))
    ours = sorted(path for path in files if path.endswith((".safetensors", ".bin")))
    assert opened == [ours, ours]


OF_DIFFUSERS = [(name, options, files) for name, options, files in CASES if TREES[name]["library"] == "diffusers" and "dtype" not in options]


@pytest.mark.parametrize(("name", "options", "files"), OF_DIFFUSERS, ids=[f"{name} {options}" for name, options, _ in OF_DIFFUSERS])
def test_diffusers_would_download_exactly_these_weights(name: str, options: dict[str, Any], files: list[str]) -> None:
    """Its own steps: which names a variant has, and what is left of them when other formats are taken away."""
    loading = pytest.importorskip("diffusers.pipelines.pipeline_loading_utils")
    tree, variant = TREES[name], options.get("variant")
    ignored = loading._get_ignore_patterns([], tree["components"], list(tree["tree"]), True, True, False, False, False, variant)
    usable, _of_variant = loading.variant_compatible_siblings(list(tree["tree"]), variant=variant, ignore_patterns=ignored)
    theirs = sorted(str(path) for path in usable if "/" in str(path) and str(path).split("/")[0] in tree["components"] and str(path).endswith(".safetensors"))
    assert [path for path in files if path.endswith(".safetensors")] == theirs
