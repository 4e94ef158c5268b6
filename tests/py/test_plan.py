"""hubjet.plan: what comes, what is left out and why; and its URLs in the hands of curl and aria2c themselves."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest

from tests.py.child import ROOT

pytestmark = pytest.mark.usefixtures("hub_env")

BIG = bytes(range(256)) * 20_000
INDEX = {"_class_name": "P", "unet": ["diffusers", "U"], "vae": ["diffusers", "V"]}
PIPELINE: dict[str, Any] = {
    "README.md": b"# card\n", "model_index.json": json.dumps(INDEX).encode(), "single-file.safetensors": BIG * 2,
    "unet/config.json": b"{}", "unet/diffusion_pytorch_model.safetensors": BIG, "unet/diffusion_pytorch_model.fp16.safetensors": BIG[: len(BIG) // 2],
    "vae/config.json": b"{}", "vae/diffusion_pytorch_model.safetensors": b"v" * 999, "vae/diffusion_pytorch_model.bin": b"b" * 999,
    "vae_decoder/model.onnx": b"o" * 999,
}  # fmt: skip


def names(plan: hubjet.DownloadPlan) -> list[str]:
    return [file.filename for file in plan.files]


def test_a_plan_reads_the_pipelines_index_and_writes_nothing(world: Any, cache: Path) -> None:
    commit = world.repo("org/pipe").commit(PIPELINE)
    plan = hubjet.plan("org/pipe")
    assert (plan.commit, plan.revision, plan.gated, plan.needs_token) == (commit, "main", False, False)
    assert names(plan) == ["README.md", "model_index.json", "unet/config.json", "unet/diffusion_pytorch_model.safetensors", "vae/config.json",
                           "vae/diffusion_pytorch_model.safetensors"]  # fmt: skip
    assert plan.size == sum(len(PIPELINE[name]) for name in names(plan)) == plan.to_fetch
    assert plan.size + plan.saved == sum(map(len, PIPELINE.values()))
    assert not cache.exists()
    reasons = {one.filename: one.reason for one in plan.left_out}
    assert reasons["vae/diffusion_pytorch_model.bin"] == "the same weights as diffusion_pytorch_model.safetensors"
    assert reasons["vae_decoder/model.onnx"] == "weights of another framework"
    assert "single-file.safetensors" in reasons and "saved" in str(plan)
    half = hubjet.plan("org/pipe", dtype="torch.float16")
    assert "unet/diffusion_pytorch_model.fp16.safetensors" in names(half) and "vae/diffusion_pytorch_model.safetensors" in names(half)


def test_what_it_says_is_what_from_pretrained_brings(world: Any) -> None:
    world.repo("org/pipe").commit(PIPELINE)
    plan = hubjet.plan("org/pipe", variant="fp16")
    folder = hubjet.from_pretrained("org/pipe", variant="fp16")
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == names(plan)
    again = hubjet.plan("org/pipe", variant="fp16")
    assert again.to_fetch == 0 and all(file.here for file in again.files)
    world.clear()
    with hubjet.settings(offline=True):
        assert names(hubjet.plan("org/pipe", variant="fp16")) == names(plan)
    assert world.requests == []


def test_quants_are_named_and_one_of_them_chosen(world: Any) -> None:
    world.repo("org/gguf").commit({"README.md": b"#", "m.Q4_K_M.gguf": b"4" * 400, "m.Q8_0.gguf": b"8" * 800})
    assert hubjet.plan("org/gguf").quants == ["Q4_K_M", "Q8_0"]
    assert names(hubjet.plan("org/gguf", quant="Q8_0")) == ["README.md", "m.Q8_0.gguf"]
    with pytest.raises(hubjet.EntryNotFound, match="Q4_K_M, Q8_0"):
        hubjet.plan("org/gguf", quant="Q5_0")
    with pytest.raises(ValueError, match="no number format"):
        hubjet.plan("org/gguf", dtype="float12")


def test_a_data_set_has_no_rule(world: Any) -> None:
    world.repo("org/data", "dataset").commit({"a.png": b"1", "b.bin": b"2"})
    assert names(hubjet.plan("datasets/org/data")) == ["a.png", "b.bin"]


@pytest.mark.parametrize("format", ["curl", "aria2", "plain"])
def test_what_the_real_programs_bring_by_the_list_is_taken(world: Any, tmp_path: Path, format: str) -> None:
    commit = world.repo("org/model").commit({"sub/b c.json": b"[]", "config.json": b"{}", "model.safetensors": BIG, "pytorch_model.bin": BIG})
    plan = hubjet.plan("org/model")
    given, folder = tmp_path / "list", tmp_path / "brought"
    given.write_text(plan.urls(format) + "\n")
    folder.mkdir()
    environment = {**os.environ, "CURL_CA_BUNDLE": world.ca_file}
    if format == "curl":
        command = ["curl", "--silent", "--show-error", "--parallel", "-K", given, "--output-dir", folder]
    elif format == "aria2":
        command = ["aria2c", "-q", f"--ca-certificate={world.ca_file}", "-x", "4", "-c", "-d", folder, "-i", given]
    else:
        command = ["aria2c", "-q", f"--ca-certificate={world.ca_file}", "-d", folder, "-i", given]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    world.clear()
    taken = hubjet.unpack(from_folder=folder, repo=f"org/model@{commit}", cache_dir=tmp_path / "there").folders["org/model"]
    assert not world.bodies() and (taken / "model.safetensors").read_bytes() == BIG
    if format != "plain":
        assert (taken / "sub" / "b c.json").read_bytes() == b"[]"
        assert not (folder / "pytorch_model.bin").exists()


def test_aria2_itself_notices_wrong_bytes(world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit({"model.safetensors": BIG})
    text = hubjet.plan("org/model").urls("aria2")
    digest = hubjet.plan("org/model").files[0].sha256
    assert digest is not None and f"checksum=sha-256={digest}" in text
    (tmp_path / "list").write_text(text.replace(digest, "0" * 64))
    done = subprocess.run(["aria2c", "-q", f"--ca-certificate={world.ca_file}", "-d", tmp_path, "-i", tmp_path / "list"], capture_output=True, timeout=60)
    assert done.returncode != 0


def test_a_gated_list_says_which_header_is_needed_and_holds_no_token(world: Any, tmp_path: Path) -> None:
    world.repo("org/gated", gated="auto").commit({"config.json": b"{}", "model.safetensors": BIG})
    token = world.token("me", gates=["org/gated"])
    plan = hubjet.plan("org/gated", token=token)
    assert plan.gated and plan.needs_token
    for format in ("plain", "curl", "aria2", "json"):
        assert token not in plan.urls(format) and token not in str(plan)
    assert "Authorization: Bearer $HF_TOKEN" in plan.urls("curl")
    (tmp_path / "list").write_text(plan.urls("curl"))
    command = ["curl", "-s", "-K", tmp_path / "list", "-H", f"Authorization: Bearer {token}", "--output-dir", tmp_path / "brought"]
    subprocess.run(command, check=True, env={**os.environ, "CURL_CA_BUNDLE": world.ca_file}, timeout=60)
    taken = hubjet.unpack(from_folder=tmp_path / "brought", repo="org/gated", token=token).folders["org/gated"]
    assert (taken / "model.safetensors").read_bytes() == BIG
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "HF_TOKEN": token}
    done = subprocess.run([sys.executable, "-m", "hubjet", "plan", "org/gated", "--urls"], capture_output=True, text=True, env=env)
    assert "Authorization: Bearer $HF_TOKEN" in done.stderr and token not in done.stdout + done.stderr
