"""Which files a loader needs: tables of repositories as they really look."""

from __future__ import annotations

import pytest
from hubjet import EntryNotFound
from hubjet._choose import choose_files, components_of, has_weights, other_weights

BERT = """
    .gitattributes LICENSE README.md config.json tokenizer.json tokenizer_config.json vocab.txt model.safetensors pytorch_model.bin
    tf_model.h5 flax_model.msgpack rust_model.ot coreml/fill-mask/model.mlpackage onnx/model.onnx onnx/config.json
    openvino/openvino_model.bin picture.png training_args.bin runs/Jan01/events.out
""".split()
BERT_NEEDS = "LICENSE README.md config.json model.safetensors tokenizer.json tokenizer_config.json vocab.txt".split()

SHARDED = """
    README.md config.json generation_config.json model.safetensors.index.json model-00001-of-00002.safetensors
    model-00002-of-00002.safetensors pytorch_model.bin.index.json pytorch_model-00001-of-00002.bin pytorch_model-00002-of-00002.bin
    consolidated.safetensors original/consolidated.00.pth original/params.json tokenizer.model
""".split()
SHARDED_NEEDS = """
    README.md config.json generation_config.json model-00001-of-00002.safetensors model-00002-of-00002.safetensors
    model.safetensors.index.json tokenizer.model
""".split()

PIPELINE = """
    README.md model_index.json sd-v1.5.safetensors sd-v1.5.ckpt
    scheduler/scheduler_config.json tokenizer/vocab.json tokenizer/merges.txt
    text_encoder/config.json text_encoder/model.safetensors text_encoder/model.fp16.safetensors text_encoder/pytorch_model.bin
    unet/config.json unet/diffusion_pytorch_model.safetensors unet/diffusion_pytorch_model.fp16.safetensors
    unet/diffusion_pytorch_model.non_ema.safetensors unet/diffusion_flax_model.msgpack
    vae/config.json vae/diffusion_pytorch_model.safetensors
    safety_checker/config.json safety_checker/model.safetensors vae_encoder/model.onnx
""".split()
PARTS = ["scheduler", "tokenizer", "text_encoder", "unet", "vae"]


def test_one_weight_format_and_every_small_file() -> None:
    assert choose_files(BERT) == sorted(BERT_NEEDS)


def test_shards_come_with_their_index_and_without_a_second_copy() -> None:
    assert choose_files(SHARDED) == sorted(SHARDED_NEEDS)


def test_a_pipeline_is_its_parts_and_not_the_single_files_beside_them() -> None:
    chosen = choose_files(PIPELINE, components=PARTS)
    assert [path for path in chosen if path.endswith((".safetensors", ".ckpt", ".bin", ".msgpack"))] == [
        "text_encoder/model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]
    assert {"README.md", "model_index.json", "scheduler/scheduler_config.json", "tokenizer/merges.txt"} <= set(chosen)
    assert not any(path.startswith(("safety_checker", "vae_encoder")) for path in chosen)


def test_a_part_without_the_variant_is_taken_plain_as_diffusers_does() -> None:
    chosen = choose_files(PIPELINE, components=PARTS, variant="fp16")
    assert [path for path in chosen if path.endswith(".safetensors")] == [
        "text_encoder/model.fp16.safetensors",
        "unet/diffusion_pytorch_model.fp16.safetensors",
        "vae/diffusion_pytorch_model.safetensors",
    ]


@pytest.mark.parametrize(
    ("there", "needed"),
    [
        (  # transformers writes this
            [
                "model.fp16-00001-of-00002.safetensors",
                "model.fp16-00002-of-00002.safetensors",
                "model.safetensors.index.fp16.json",
            ],
            None,
        ),
        (  # diffusers wrote this once
            [
                "model-00001-of-00002.fp16.safetensors",
                "model-00002-of-00002.fp16.safetensors",
                "model.safetensors.index.fp16.json",
            ],
            None,
        ),
        (["model.safetensors", "model.fp16.safetensors", "model.fp16.bin"], ["model.fp16.safetensors"]),
        (["model.safetensors", "pytorch_model.fp16.bin"], ["pytorch_model.fp16.bin"]),
    ],
)
def test_a_variant_is_recognised_in_each_way_it_is_written(there: list[str], needed: list[str] | None) -> None:
    assert choose_files(there, variant="fp16") == sorted(needed or there)


def test_a_variant_nobody_has_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(EntryNotFound, match="bf16") as caught:
        choose_files(PIPELINE, components=PARTS, variant="bf16")
    assert "fp16, non_ema" in str(caught.value)


@pytest.mark.parametrize(
    ("there", "needed"),
    [
        (["pytorch_model.bin", "optimizer.pt", "training_args.bin"], ["pytorch_model.bin"]),
        (
            ["model.safetensors", "model-00001-of-00002.safetensors", "model.safetensors.index.json"],
            ["model.safetensors"],
        ),
        (
            ["adapter_model.safetensors", "adapter_model.bin", "adapter_config.json"],
            ["adapter_config.json", "adapter_model.safetensors"],
        ),
        (["v1-5-pruned.safetensors", "v1-5-pruned.ckpt"], ["v1-5-pruned.safetensors"]),
        (["best.pt", "names.yaml"], ["best.pt", "names.yaml"]),
        (["a.Q4_K_M.gguf", "a.Q8_0.gguf", "config.json"], ["config.json"]),
        (
            ["1_Pooling/config.json", "2_Dense/model.safetensors", "2_Dense/pytorch_model.bin"],
            ["1_Pooling/config.json", "2_Dense/model.safetensors"],
        ),
        (["model.safetensors", "checkpoint-500/model.safetensors"], ["model.safetensors"]),
        (
            ["modeling_x.py", "sub/helper.py", "model.safetensors"],
            ["model.safetensors", "modeling_x.py", "sub/helper.py"],
        ),
        ([], []),
    ],
)
def test_repositories_of_other_kinds(there: list[str], needed: list[str]) -> None:
    assert choose_files(there) == needed


def test_a_subfolder_is_taken_alone_but_for_licence_and_card() -> None:
    there = [
        "LICENSE.md",
        "config.json",
        "model.safetensors",
        "b/config.json",
        "b/model.safetensors",
        "b/x/y.json",
        "bb/c.json",
    ]
    assert choose_files(there, subfolder="b/") == ["LICENSE.md", "b/config.json", "b/model.safetensors", "b/x/y.json"]


def test_the_callers_patterns_take_the_place_of_the_choice_and_licence_and_card_stay() -> None:
    assert choose_files(BERT, allow=["onnx/*"]) == ["LICENSE", "README.md", "onnx/config.json", "onnx/model.onnx"]
    assert "model.safetensors" not in choose_files(BERT, ignore="*.safetensors")
    assert choose_files(BERT, allow=["config.json"], ignore=["README.md", "LICENSE"]) == ["config.json"]


@pytest.mark.parametrize(
    "name", ["LICENSE", "license.txt", "LICENCE", "LICENSE-2.0.md", "NOTICE", "README.md", "USE_POLICY.md", "COPYING"]
)
def test_what_goes_with_the_weights_by_law_or_courtesy_is_kept(name: str) -> None:
    assert choose_files([name, "a.json"], allow="a.json") == sorted([name, "a.json"])


def test_components_are_read_from_the_index_absent_ones_too() -> None:
    """diffusers expects the folder of every listed part that the repository has, [null, null] or not."""
    index = (
        b'{"_class_name": "P", "unet": ["diffusers", "U"], "checker": [null, null], "flag": true, "size": [1, 2, 3]}'
    )
    assert components_of(index) == ["unet", "checker"]


@pytest.mark.parametrize("index", [b"", b"[]", b"not json", b"{}"])
def test_an_index_that_makes_no_sense_names_no_components(index: bytes) -> None:
    assert components_of(index) == []


def test_formats_that_are_only_fetched_when_asked_for_are_told() -> None:
    assert other_weights(["a.gguf", "b.json", "c.onnx"]) == ["a.gguf", "c.onnx"]
    assert not has_weights(["a.gguf"]) and has_weights(["a.bin"])


def test_a_subfolder_that_is_not_there_is_an_error_that_names_those_that_are() -> None:
    with pytest.raises(EntryNotFound, match="unte.*\n.*unet"):
        choose_files(["config.json", "unet/config.json"], subfolder="unte")
    assert choose_files([], subfolder="unte") == []


def test_a_variant_where_there_is_none_is_told_to_be_left_out() -> None:
    with pytest.raises(EntryNotFound) as caught:
        choose_files(["config.json", "model.safetensors"], variant="fp16")
    assert "leave variant out" in str(caught.value) and "one of these" not in str(caught.value)
