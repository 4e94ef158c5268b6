"""What the corpus's hub has: repositories of every kind, the same in every run, down to the commit ids."""

from __future__ import annotations

import json
import struct
from typing import Any

from tests.server import Sparse, World
from tests.server.content import Source

LARGE = Sparse(3 << 20, seed=1)
PAIR: dict[str, Source] = {"config.json": b'{"pair": 1}', "model.safetensors": b"\11" * 3000}
CARD = b"---\nlicense: mit\ntags:\n- corpus\n---\n\n# A card\n"
MOVING: dict[str, Source] = {"config.json": b'{"version": 1}', "model.safetensors": b"\1" * 5000, "same.bin": b"\2" * 400}
MOVED: dict[str, Source | None] = {
    "config.json": b'{"version": 2}',
    "model.safetensors": b"\3" * 5001,
    "late.json": b"{}",
}


def tensors(**shapes: int) -> bytes:
    """A safetensors file with so many zeros of each name."""
    head: dict[str, Any] = {}
    end = 0
    for name, count in shapes.items():
        head[name] = {"dtype": "F32", "shape": [count], "data_offsets": [end, end + 4 * count]}
        end += 4 * count
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + b"\0" * end


REPOS: dict[str, dict[str, Source]] = {
    "org/small": {"config.json": b"{}", "README.md": CARD, "vocab.txt": b"one\ntwo\n"},
    "org/large": {"model.safetensors": LARGE, "extra.bin": b"\1" * 70_000, "one-byte.bin": b"\2"},
    "org/mixed": {
        "config.json": b'{"mixed": 1}',
        "model.safetensors": b"\14" * 200_000,
        "tokenizer.model": b"\3" * 999,
        ".gitattributes": b"*.bin\n",
    },
    "org/sharded": {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps(
            {"metadata": {}, "weight_map": {f"w{n}": f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)}}
        ).encode(),
        **{f"model-0000{n}-of-00003.safetensors": tensors(**{f"w{n}": 1000 * n}) for n in (1, 2, 3)},
    },
    "org/tensors": {"config.json": b"{}", "model.safetensors": tensors(a=100, b=23)},
    "org/nested": {
        "a/b/c/d/deep.json": b"{}",
        "a/b/weights.bin": b"\4" * 5000,
        "a/copy.bin": b"\4" * 5000,  # the same bytes under two names: one blob
        "x/same.txt": b"same",
        "y/same.txt": b"same",
        "refs/heads/main": b"a file that is called like a ref",
        "top.txt": b"top",
    },
    "org/patterns": {
        "a.json": b"{}",
        "data/b.json": b"{ }",
        "data/sub/c.json": b"{  }",
        "README.md": CARD,
        "x.JSON": b"{   }",
        "[a].txt": b"a",
        "dir/x.bin": b"\5" * 50,
        ".gitattributes": b"*.bin\n",
    },
    "org/odd-names": {
        "with space/ünïcödé 模型.txt": "größe".encode(),
        "odd/#100% +plus?&=.txt": b"odd",
        "odd/%2Fnot-a-slash.bin": b"\1\2\3",
        "odd/%41.json": b"{}",
        "emoji/🤗.safetensors": b"\5" * 100,
        "[brackets]{braces}.txt": b"b",
        "semi;colon,comma'quote\"double.txt": b"q",
        ".hidden/.file": b"h",
        "-dash.txt": b"d",
        "dots...txt": b"...",
        "nfd-e\u0301.txt": b"decomposed",
        "nfc-\u00e9.txt": b"composed",
    },
    "org/empty": {"empty.txt": b"", "empty.bin": b"", "dir/__init__.py": b"", "config.json": b"{}"},
    "org/many": {f"part-{n:02}.txt": b"%d" % n for n in range(12)},
}
XET: dict[str, Source] = {"config.json": b'{"xet": 1}', "model.safetensors": b"\6" * 80_000, "plain.bin": b"\7" * 900}


def fill(world: World) -> dict[str, str]:
    """Commits everything; the commits by name."""
    made = {id.removeprefix("org/"): world.repo(id).commit(files) for id, files in REPOS.items()}
    world.hub.xet_cas = True
    made["xet"] = world.repo("org/xet").commit(XET, xet=["model.safetensors"])
    made["xet twin"] = world.repo("org/xet-twin").commit({**XET, "more.txt": b"more"}, xet=["model.safetensors"])
    world.repo("org/xet-gated", gated="manual").commit(XET, xet=["model.safetensors"])
    for gate in ("auto", "manual"):
        world.repo(f"org/gated-{gate}", gated=gate).commit(PAIR)
    world.repo("org/private", private=True, tokens=["insider"]).commit(PAIR)
    world.repo("org/disabled", disabled=True).commit(PAIR)
    world.token("member", gates=["org/gated-auto", "org/gated-manual", "org/xet-gated"])
    world.token("waiting", pending=["org/gated-manual"])
    world.token("fine", scope="fine-grained")
    world.token("insider")
    world.token("writer", scope="write")
    for id, type in (("org/data", "dataset"), ("org/page", "space"), ("org/kernel", "kernel"), ("solo", "model")):
        made[id] = world.repo(id, type).commit({**PAIR, "README.md": CARD})
    world.moved("org/old-name", world.hub.repos["models", "org/small"])
    named = world.repo("org/named")
    made["named older"] = named.commit({**PAIR, "old.txt": b"old"})
    named.tag("v1.0")
    made["named"] = named.commit({"config.json": b'{"pair": 2}', "old.txt": None})
    named.tag("v2.0")
    made["proposal"] = named.commit({"config.json": b'{"proposal": 1}'}, ref="refs/pr/1")
    made["feature"] = named.commit({"config.json": b'{"feature": 1}'}, ref="feature/x")
    moving = world.repo("org/moving")
    made["moving"] = moving.commit(MOVING)
    made["moved"] = moving.commit(MOVED)
    world.repo("org/nothing").commit({"gone.txt": b"1"})
    world.hub.repos["models", "org/nothing"].commit({"gone.txt": None})
    return made
