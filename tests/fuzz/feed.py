"""Bytes become values, and a Python target runs under atheris: `python -m tests.fuzz.feed py_hub [libFuzzer's options]`.

A target module has `one(data: bytes) -> None`, which raises for a broken promise.
"""

from __future__ import annotations

import importlib
import json
import random
import sys
from collections.abc import Callable
from typing import Any

WORDS = (
    "type file directory path size oid lfs sha siblings gated xetHash format_version files blob_id lfs_sha256 lfs_size xet_hash unet vae "
    "_class_name diffusers UNet2DConditionModel weight_map metadata error model_type config.json model.safetensors a/b.bin ../x .git/config "
    "model.fp16-00001-of-00002.safetensors model.safetensors.index.json unet/diffusion_pytorch_model.bin auto manual main"
).split()
SHA1, SHA256 = "0123456789abcdef0123456789abcdef01234567", "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
NUMBERS = (0, 1, -1, 2**31, 2**53, 2**63 - 1, 2**63, 2**64, 10**30, 1.5, 1e308, True, False, None)


class Feed:
    """An input, taken apart from the front; an empty rest gives zeros."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def more(self) -> bool:
        return self.at < len(self.data)

    def byte(self) -> int:
        self.at += 1
        return self.data[self.at - 1] if self.at <= len(self.data) else 0

    def raw(self, most: int = 64) -> bytes:
        n = min(self.byte(), most)
        self.at += n
        return self.data[self.at - n : self.at]

    def rest(self) -> bytes:
        self.at, rest = len(self.data), self.data[self.at :]
        return rest

    def text(self, depth: int = 0) -> str:
        """A word of the trade, or anything, lone surrogates and control characters included."""
        kind = self.byte()
        if kind < 160:
            return WORDS[kind % len(WORDS)]
        if kind < 176:
            return SHA1
        if kind < 192:
            return SHA256
        if kind < 224:
            return self.raw().decode("utf-8", "surrogateescape" if kind % 2 else "replace") if kind % 4 else self.raw().decode("latin-1")
        return "/".join(self.text(depth + 1) for _ in range(kind % 4 if depth < 3 else 0))

    def value(self, depth: int = 0) -> Any:
        """What JSON can say."""
        kind = self.byte()
        if depth > 6 or kind < 60:
            return NUMBERS[kind % len(NUMBERS)]
        if kind < 140:
            return self.text()
        if kind < 180:
            return [self.value(depth + 1) for _ in range(kind % 5)]
        return {self.text(): self.value(depth + 1) for _ in range(kind % 7)}

    def json(self) -> bytes:
        """A document, made of values or as it comes; sometimes deeper than anybody needs."""
        kind = self.byte()
        try:
            if kind < 200:
                return json.dumps(self.value(), ensure_ascii=kind % 2 == 0).encode("utf-8", "surrogatepass")
        except (UnicodeError, ValueError):
            return b"?"
        if kind < 210:
            return b"[" * (1 << kind % 18) + self.raw()
        return self.rest()


def hold(condition: object, what: str) -> None:
    """A promise; alive under -O."""
    if not condition:
        raise RuntimeError(f"broken: {what}")


def random_inputs(one: Callable[[bytes], None], n: int, seed: int) -> None:
    """Without atheris: inputs of dice, which find what lies near. Says which one broke a promise."""
    dice = random.Random(seed)
    for _ in range(n):
        data = bytes(dice.choice((dice.randrange(256), dice.randrange(128), 200)) for _ in range(dice.randrange(120)))
        try:
            one(data)
        except BaseException as problem:
            raise RuntimeError(f"input {data!r}") from problem


def main() -> None:
    import atheris

    with atheris.instrument_imports(include=["hubjet"]):
        module = importlib.import_module(f"tests.fuzz.{sys.argv[1]}")
    atheris.Setup([sys.argv[0], *sys.argv[2:]], module.one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
