"""What people really run: the frameworks, as they are, on small models (made on the spot) and a real one. Bit for bit: sums of tensors.

Use:        cases of their own process (env "frameworks"), which has imported all of them before `enable()`. Each case loads twice: into an
            empty cache, and once more in a new process over what that left.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Callable

from tests.corpus.cases import add

if TYPE_CHECKING:
    from tests.corpus.child import Tale

REAL = "demo/all-minilm-l6-v2"
WORDS = "the cat sat on the mat"
SENTENCES = ["A cat sits on the mat.", "There is a cat upon the rug.", "Interest rates rose by half a percent."]


def sums(model: Any) -> dict[str, str]:
    return {name: hashlib.sha256(t.detach().cpu().contiguous().numpy().tobytes()).hexdigest() for name, t in model.state_dict().items()}


def auto_model(repo: str) -> Any:
    from transformers import AutoModel

    return sums(AutoModel.from_pretrained(repo))


def auto_tokenizer(repo: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(repo)(WORDS)["input_ids"]


def pipeline(repo: str) -> Any:
    from transformers import pipeline as make

    return [[round(value, 4) for value in word] for word in make("feature-extraction", repo)(WORDS)[0]]


def diffusion(repo: str, **more: Any) -> Any:
    from diffusers import DiffusionPipeline

    if "dtype" in more:
        import torch

        more["dtype"] = getattr(torch, more["dtype"])
    made = DiffusionPipeline.from_pretrained(repo, **more)
    return sums(made.text_encoder) | sums(made.unet) | sums(made.vae)


def part_of_a_pipeline(repo: str) -> Any:
    from diffusers import UNet2DModel

    return sums(UNet2DModel.from_pretrained(repo, subfolder="unet"))


def sentence_transformer(repo: str) -> Any:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(repo)
    return [round(float(value), 3) for value in model.similarity(*[model.encode(SENTENCES)] * 2)[0]]


def snapshot(repo: str) -> Any:
    from huggingface_hub import HfApi

    return HfApi().snapshot_download(repo)


def file_system(repo: str) -> Any:
    from huggingface_hub import HfFileSystem

    HfFileSystem(skip_instance_cache=True).get_file(f"{repo}/model.safetensors", "model.safetensors")
    with open("model.safetensors", "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def rust_tokenizer(repo: str) -> Any:
    from tokenizers import Tokenizer

    return Tokenizer.from_pretrained(repo).encode(WORDS).ids


LOADS: dict[str, tuple[Callable[..., Any], str, dict[str, Any]]] = {
    "transformers AutoModel": (auto_model, "org/bert", {}),
    "transformers AutoModel, sharded": (auto_model, "org/shards", {}),
    "transformers AutoModel, MiniLM": (auto_model, REAL, {}),
    "transformers AutoTokenizer": (auto_tokenizer, "org/bert", {}),
    "transformers pipeline": (pipeline, "org/bert", {}),
    "diffusers DiffusionPipeline": (diffusion, "org/diffusion", {}),
    "diffusers DiffusionPipeline, variant fp16": (diffusion, "org/diffusion", {"variant": "fp16", "dtype": "float16"}),
    "diffusers UNet2DModel of a pipeline": (part_of_a_pipeline, "org/ddpm", {}),
    "sentence-transformers, MiniLM": (sentence_transformer, REAL, {}),
    "HfApi().snapshot_download, MiniLM": (snapshot, REAL, {}),
    "HfFileSystem.get_file, MiniLM": (file_system, REAL, {}),
    "tokenizers (Rust)": (rust_tokenizer, REAL, {}),
}


def does(name: str) -> Callable[["Tale"], Any]:
    call, repo, more = LOADS[name]
    return lambda t: t.do(call, repo, **more)


for _name in LOADS:
    add("frameworks", _name, does(_name), env="frameworks", first=does(_name))


# Made on the spot -----------------------------------------------------------------------------------


def make_models(folder: str) -> None:
    """Runs where the frameworks are: small models as `save_pretrained` leaves them."""
    import copy
    from pathlib import Path

    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DDPMPipeline, DDPMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel, UNet2DModel
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel, CLIPTextConfig, CLIPTextModel, CLIPTokenizer, PreTrainedTokenizerFast

    torch.manual_seed(7)
    base = Path(folder)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "on", "the", "mat"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    bert = BertModel(BertConfig(vocab_size=len(words), max_position_embeddings=16, **size)).eval()
    bert.save_pretrained(base / "bert")
    wrapped.save_pretrained(base / "bert")
    torch.save(bert.state_dict(), base / "bert" / "pytorch_model.bin")
    bert.save_pretrained(base / "shards", max_shard_size="40KB")
    wrapped.save_pretrained(base / "shards")
    unet = UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=10)).save_pretrained(base / "ddpm")
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=20, hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            max_position_embeddings=8, bos_token_id=5, eos_token_id=6,
        )
    )  # fmt: skip
    vae = AutoencoderKL(
        block_out_channels=(8, 8), in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    unet_2 = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        cross_attention_dim=16, attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    letters = {letter: n for n, letter in enumerate(["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"])}
    whole = StableDiffusionPipeline(
        vae=vae, text_encoder=text, unet=unet_2, scheduler=DDIMScheduler(num_train_timesteps=10),
        tokenizer=CLIPTokenizer(vocab=letters, merges=[("a", "b</w>")]), safety_checker=None, feature_extractor=None,
    )  # fmt: skip
    copy.deepcopy(whole).to(torch.float16).save_pretrained(base / "diffusion", variant="fp16")
    whole.save_pretrained(base / "diffusion")
