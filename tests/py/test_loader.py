"""from_pretrained: a directory or an id becomes a folder, and the folder becomes what the loader makes of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hubjet
import pytest

pytestmark = pytest.mark.usefixtures("hub_env")

MODEL = {
    "config.json": b'{"a": 1}',
    "model.safetensors": b"1" * 20_000,
    "pytorch_model.bin": b"2" * 20_000,
    "README.md": b"# card",
    "LICENSE": b"terms",
}


class Loader:
    """Notes what a framework would be given."""

    @classmethod
    def from_pretrained(cls, folder: str, **kwargs: Any) -> tuple[str, dict[str, Any]]:
        return folder, kwargs


def names(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_a_directory_is_used_as_it_is(world: Any, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert hubjet.from_pretrained(tmp_path) == tmp_path
    assert hubjet.from_pretrained(str(tmp_path), Loader, a=1) == (str(tmp_path), {"a": 1})
    assert world.requests == []


@pytest.mark.parametrize("model", ["./nope", "../nope", "/nope/nope", "~/nope"])
def test_a_path_that_is_not_there_is_not_taken_for_an_id(world: Any, model: str) -> None:
    with pytest.raises(ValueError, match="directory"):
        hubjet.from_pretrained(model)
    assert world.requests == []


def test_without_a_loader_the_folder_is_returned_with_one_weight_format_and_the_licence(world: Any) -> None:
    world.repo("org/model").commit(MODEL)
    folder = hubjet.from_pretrained("org/model")
    assert isinstance(folder, Path)
    assert names(folder) == ["LICENSE", "README.md", "config.json", "model.safetensors"]


def test_the_loader_gets_the_folder_and_the_callers_keywords(world: Any) -> None:
    world.repo("org/model").commit(MODEL)
    folder, kwargs = hubjet.from_pretrained("org/model", Loader, dtype="float16")
    assert Path(folder).is_dir() and kwargs == {"dtype": "float16"}


def test_subfolder_and_variant_are_passed_on_when_given(world: Any) -> None:
    world.repo("org/model").commit(
        {"unet/config.json": b"{}", "unet/model.fp16.safetensors": b"1" * 99, "x.json": b"{}"}
    )
    folder, kwargs = hubjet.from_pretrained("org/model", Loader, subfolder="unet", variant="fp16")
    assert kwargs == {"subfolder": "unet", "variant": "fp16"}
    assert names(Path(folder)) == ["unet/config.json", "unet/model.fp16.safetensors"]


def test_a_loader_can_be_named_or_be_any_callable(tmp_path: Path) -> None:
    assert hubjet.from_pretrained(tmp_path, "pathlib.Path") == tmp_path
    assert hubjet.from_pretrained(tmp_path, len) == len(str(tmp_path))


@pytest.mark.parametrize(("loader", "error"), [("nodots", ValueError), ("no.such.module", ImportError), (5, TypeError)])
def test_a_loader_that_is_none_is_refused(tmp_path: Path, loader: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        hubjet.from_pretrained(tmp_path, loader)


def test_auto_does_not_guess_where_nothing_tells(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="model_index"):
        hubjet.from_pretrained(tmp_path, "auto")


def test_the_second_time_nothing_is_asked_when_the_network_is_shut(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/model").commit(MODEL)
    first = hubjet.from_pretrained("org/model")
    world.clear()
    assert hubjet.from_pretrained("org/model", local_files_only=True) == first
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hubjet.from_pretrained("org/model") == first
    assert world.requests == []


def test_what_is_whole_is_looked_at_by_its_words_and_no_others(world: Any) -> None:
    """A choice that was noted whole says nothing of another one, and nothing once a file is gone."""
    commit = world.repo("org/model").commit(MODEL)
    hubjet.from_pretrained("org/model", revision=commit)
    for call in (
        lambda: hubjet.from_pretrained("org/model", revision=commit, allow_patterns="*.bin", local_files_only=True),
        lambda: hubjet.snapshot_download("org/model", revision=commit, allow_patterns="*.bin", local_files_only=True),
        lambda: hubjet.snapshot_download("org/model", revision=commit, local_files_only=True),
    ):
        with pytest.raises(hubjet.IncompleteSnapshot):
            call()
    folder = hubjet.from_pretrained("org/model", revision=commit, allow_patterns="*.bin")
    assert "pytorch_model.bin" in names(folder)
    (folder / "pytorch_model.bin").unlink()
    (folder / "model.safetensors").resolve().unlink()
    hubjet.from_pretrained("org/model", revision=commit)
    assert (folder / "model.safetensors").read_bytes() == MODEL["model.safetensors"]
    assert "pytorch_model.bin" not in names(folder), "nobody asked for it"
    hubjet.from_pretrained("org/model", revision=commit, allow_patterns="*.bin")
    assert "pytorch_model.bin" in names(folder)


def test_a_model_is_noted_whole_unless_there_is_something_to_say_of_it(world: Any, cache: Path) -> None:
    world.repo("org/words").commit({"tokenizer.json": b"{}"})
    world.repo("org/other").commit({"tokenizer.json": b"{}", "model.gguf": b"1"})
    for name in ("words", "other"):
        hubjet.from_pretrained(f"org/{name}")
    assert len(list((cache / "models--org--words" / ".hubjet" / "whole").iterdir())) == 1
    assert not (cache / "models--org--other" / ".hubjet" / "whole").exists(), "each process says what is left out"


def test_a_cache_of_another_program_is_noted_whole_when_the_network_is_shut(world: Any, cache: Path) -> None:
    world.repo("org/model").commit(MODEL)
    folder = hubjet.from_pretrained("org/model", ignore_patterns="*.bin")
    notes = cache / "models--org--model" / ".hubjet" / "whole"
    for note in notes.iterdir():
        note.unlink()
    for _ in range(2):
        assert hubjet.from_pretrained("org/model", ignore_patterns="*.bin", local_files_only=True) == folder
    assert len(list(notes.iterdir())) == 1


def test_a_part_of_a_model_is_not_a_model_when_the_network_is_shut(world: Any) -> None:
    world.repo("org/model").commit(MODEL)
    hubjet.snapshot_download("org/model", allow_patterns="*.json")
    with pytest.raises(hubjet.IncompleteSnapshot, match=r"model\.safetensors") as caught:
        hubjet.from_pretrained("org/model", local_files_only=True)
    assert caught.value.snapshot_path and Path(caught.value.snapshot_path).is_dir()


def test_weights_in_other_formats_are_told_and_not_fetched(world: Any, caplog: pytest.LogCaptureFixture) -> None:
    world.repo("org/gguf").commit({"config.json": b"{}", "m.Q4.gguf": b"1" * 99, "m.Q8.gguf": b"2" * 99})
    assert names(hubjet.from_pretrained("org/gguf")) == ["config.json"]
    assert "m.Q4.gguf" in caplog.text and "allow_patterns" in caplog.text
    assert "one of Q4, Q8" in caplog.text
    assert names(hubjet.from_pretrained("org/gguf", allow_patterns="*.Q4.gguf")) == ["config.json", "m.Q4.gguf"]


def test_a_quant_is_one_file_and_transformers_is_told_its_name(world: Any) -> None:
    world.repo("org/gguf").commit({"config.json": b"{}", "m.Q4_K_M.gguf": b"1" * 99, "m.Q8_0.gguf": b"2" * 99})
    assert names(hubjet.from_pretrained("org/gguf", quant="q4_k_m")) == ["config.json", "m.Q4_K_M.gguf"]
    told: dict[str, Any] = {}
    hubjet.from_pretrained("org/gguf", lambda folder, **how: told.update(how), quant="Q4_K_M")
    assert told == {"gguf_file": "m.Q4_K_M.gguf"}
    with pytest.raises(hubjet.EntryNotFound, match="Q4_K_M, Q8_0"):
        hubjet.from_pretrained("org/gguf", quant="Q5_K_M")


def test_a_pipeline_brings_its_parts_only(world: Any) -> None:
    index = {"_class_name": "P", "unet": ["diffusers", "U"], "checker": [None, None]}
    world.repo("org/pipe").commit(
        {
            "model_index.json": json.dumps(index).encode(),
            "unet/config.json": b"{}",
            "unet/diffusion_pytorch_model.safetensors": b"1" * 999,
            "checker/config.json": b"{}",
            "other/config.json": b"{}",
            "whole.safetensors": b"2" * 999,
        }
    )
    folder = hubjet.from_pretrained("org/pipe")
    parts = ["unet/config.json", "unet/diffusion_pytorch_model.safetensors"]
    assert names(folder) == ["checker/config.json", "model_index.json", *parts]


# --- real frameworks ------------------------------------------------------------------------------


def test_transformers_and_tokenizers_load_what_was_fetched(world: Any, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    made = transformers.BertModel(
        transformers.BertConfig(
            vocab_size=8, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=8
        )
    )
    made.save_pretrained(tmp_path)
    words = tokenizers.models.WordLevel({"a": 0, "[UNK]": 1}, unk_token="[UNK]")
    tokenizers.Tokenizer(words).save(str(tmp_path / "tokenizer.json"))
    world.repo("org/bert").commit({p.name: p.read_bytes() for p in tmp_path.iterdir() if p.is_file()})
    loaded = hubjet.from_pretrained("org/bert", "auto")
    assert all(torch.equal(one, loaded.state_dict()[name]) for name, one in made.state_dict().items())
    half = hubjet.from_pretrained("org/bert", transformers.AutoModel, dtype=torch.float16)
    assert half.dtype == torch.float16
    assert hubjet.from_pretrained("org/bert", tokenizers.Tokenizer).encode("a").ids == [0]


def test_an_argument_that_nobody_takes_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with hubjet.contacts() as seen, pytest.raises(TypeError, match="revison"):
        hubjet.from_pretrained("org/model", revison="v1")
    assert len(seen) == 0
