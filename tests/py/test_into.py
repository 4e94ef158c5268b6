"""`hubjet get URL --into comfy`: the page of a file, as it is copied from a browser, and the folder it belongs in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._move.into import kind_of

from tests.py.child import ROOT


@pytest.mark.parametrize(
    ("url", "folder"),
    [
        ("https://huggingface.co/Comfy-Org/flux/blob/main/split_files/vae/ae.safetensors", "vae"),
        ("https://huggingface.co/madebyollin/sdxl-vae-fp16-fix/blob/main/sdxl_vae.safetensors", "vae"),
        ("https://huggingface.co/latent-consistency/lcm-lora-sdxl/blob/main/pytorch_lora_weights.safetensors", "loras"),
        ("https://huggingface.co/lllyasviel/ControlNet-v1-1/blob/main/control_v11p_sd15_canny.pth", "controlnet"),
        ("https://huggingface.co/comfyanonymous/flux_text_encoders/blob/main/t5xxl_fp16.safetensors", "text_encoders"),
        ("https://huggingface.co/Kim2091/UltraSharp/blob/main/4x-ESRGAN.pth", "upscale_models"),
        ("https://huggingface.co/org/split/blob/main/diffusion_models/wan.safetensors", "diffusion_models"),
        ("https://huggingface.co/stabilityai/sdxl-turbo/resolve/main/sd_xl_turbo_1.0.safetensors", "checkpoints"),
        ("https://huggingface.co/naevae/flora/resolve/main/novel.safetensors", "checkpoints"),
    ],
)
def test_the_folder_is_the_one_that_the_name_fits(url: str, folder: str) -> None:
    assert kind_of(url) == folder


@pytest.mark.usefixtures("hub_env")
def test_a_page_that_was_pasted_is_the_file_and_lies_where_comfyui_looks(world: Any, tmp_path: Path) -> None:
    world.repo("org/name").commit({"vae/some_vae.safetensors": b"v" * 5000})
    (tmp_path / "ComfyUI" / "models").mkdir(parents=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "COMFYUI_PATH": str(tmp_path / "ComfyUI")}
    command = [sys.executable, "-m", "hubjet", "get", f"{world.endpoint}/org/name/blob/main/vae/some_vae.safetensors", "--into"]
    done = subprocess.run([*command, "comfy"], capture_output=True, text=True, env=env)
    place = tmp_path / "ComfyUI" / "models" / "vae" / "some_vae.safetensors"
    assert done.stdout.strip() == str(place) and place.read_bytes() == b"v" * 5000, done.stderr
    said = subprocess.run([*command, "comfy:lora"], capture_output=True, text=True, env=env)
    assert said.returncode == 2 and "loras" in said.stderr
    none = subprocess.run([*command, "comfy"], capture_output=True, text=True, env={**env, "COMFYUI_PATH": str(tmp_path / "no")})
    assert none.returncode == 2 and "COMFYUI_PATH" in none.stderr


@pytest.mark.usefixtures("hub_env")
def test_a_blob_elsewhere_is_left_as_it_is(world: Any, tmp_path: Path) -> None:
    url = world.file("a/blob/main/x.bin", b"x" * 100)
    assert hubjet.fetch(url, tmp_path / "x.bin").read_bytes() == b"x" * 100
