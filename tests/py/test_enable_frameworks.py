"""enable(): transformers and diffusers, unchanged, load through our engine what they load without it.

A few of them, to the byte; every framework with both huggingface_hub lines is in the corpus' table.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.py.enabling import lines
from tests.py.peers import ROOT, peer_env, run_peer
from tests.server import World


def make(folder: str) -> Any:
    """Small models as `save_pretrained` leaves them."""
    from pathlib import Path

    import torch
    from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(7)
    base = Path(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "on", "the", "mat"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    config = BertConfig(
        vocab_size=11, hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64, max_position_embeddings=16
    )
    BertModel(config).eval().save_pretrained(base / "bert", max_shard_size="40KB")
    wrapped.save_pretrained(base / "bert")
    unet = UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=10)).save_pretrained(base / "ddpm")
    return sorted(str(p.relative_to(base)) for p in base.rglob("*") if p.is_file())


def load() -> Any:
    """By the names that a program bound long before: without us from org/…, with us from fast/…"""
    import hashlib

    import hubjet
    from diffusers import DiffusionPipeline
    from transformers import AutoModel, AutoTokenizer

    def sums(module: Any) -> Any:
        return {name: hashlib.sha256(value.numpy().tobytes()).hexdigest() for name, value in module.state_dict().items()}

    def all_of(org: str) -> Any:
        return {
            "bert": sums(AutoModel.from_pretrained(f"{org}/bert")),
            "words": AutoTokenizer.from_pretrained(f"{org}/bert")("a cat sat on the mat")["input_ids"],
            "ddpm": sums(DiffusionPipeline.from_pretrained(f"{org}/ddpm").unet),
            "again": sums(AutoModel.from_pretrained(f"{org}/bert")),
        }

    stock = all_of("org")
    hubjet.enable()
    ours = all_of("fast")
    return [stock == ours, len(stock["bert"]), hubjet.status()._asdict(), str(hubjet.status())]


def test_transformers_and_diffusers_load_the_same_with_fewer_requests(world: World, cache: Path, tmp_path: Path) -> None:
    env = {**peer_env(world, tmp_path / "home", HF_HUB_CACHE=str(cache)), "PYTHONPATH": str(ROOT / "python")}
    (tmp_path / "made").mkdir()
    names = run_peer("2.4", make, env, {"folder": str(tmp_path / "made")}, timeout=150)
    for org in ("org", "fast"):
        for model in ("bert", "ddpm"):
            world.repo(f"{org}/{model}").commit({n.partition("/")[2]: tmp_path / "made" / n for n in names if n.startswith(model)})
    same, tensors, status, text = run_peer("2.4", load, env, timeout=150)
    assert same and tensors > 20, text
    asked = [r for r in world.requests if r.origin == "hub"]
    stock, ours = [lines([r for r in asked if f"/{org}/" in r.name]) for org in ("org", "fast")]
    assert status["verified"] == sum((p).stat().st_size for p in (cache.glob("models--fast--*/blobs/*"))) > 100_000
    assert len(ours) < len(stock) and len([x for x in ours if "HEAD" in x]) <= len([x for x in stock if "HEAD" in x]) // 2, (stock, ours)
    assert set(status["stock"]) == set()
