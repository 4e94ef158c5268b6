"""How two versions of a file differ, as text. Imports _words. Reads both; writes nothing."""

from __future__ import annotations

import os

from .. import _words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, BinaryIO

TEXT_MAX = 1 << 20  # of a file that is compared line by line
HEADER_MAX = 100 << 20  # of a safetensors file, as its own library reads it
SHOWN_MAX = 20  # tensors
BLOCK = 1 << 20


def told(name: str, original: str | None, now: str | None, size: int | None) -> str:
    """One file. `original`, `now`: where the two versions lie, None: not there; `size` of the original, None: there was none."""
    if size is None:
        return f"added     {name}  {_words.size(os.path.getsize(now or ''))}"
    if now is None:
        return f"deleted   {name}  {_words.size(size)}"
    head = f"modified  {name}  {_sizes(size, os.path.getsize(now))}"
    if original is None:
        return f"{head}\n  the original is not in the cache any more"
    tensors = _tensors_told(original, now) if name.endswith(".safetensors") else None
    return "\n".join([head, *(tensors if tensors is not None else _lines_told(name, original, now))])


def _sizes(was: int, now: int) -> str:
    return f"{_words.size(was)}, as before" if was == now else f"{_words.size(was)} -> {_words.size(now)} ({now - was:+,} bytes)"


def _lines_told(name: str, original: str, now: str) -> list[str]:
    from difflib import unified_diff

    before, after = _text(original), _text(now)
    if before is None or after is None:
        return []
    return [line.rstrip("\n") for line in unified_diff(before, after, f"a/{name}", f"b/{name}")]


def _text(path: str) -> list[str] | None:
    """Lines; None: no text, or too much of it."""
    if os.path.getsize(path) > TEXT_MAX:
        return None
    with open(path, "rb") as file:
        data = file.read(TEXT_MAX + 1)
    try:
        return data.decode("utf-8").splitlines(keepends=True) if b"\0" not in data else None
    except UnicodeDecodeError:
        return None


# --- safetensors ----------------------------------------------------------------------------------


def _tensors_told(original: str, now: str) -> list[str] | None:
    """Which tensors are others; None: one of the two is no safetensors file."""
    with open(original, "rb") as was_file, open(now, "rb") as now_file:
        was, is_now = _header(was_file), _header(now_file)
        if was is None or is_now is None:
            return None
        lines = [f"  - {name}  {_kind(was[0][name])}" for name in sorted(set(was[0]) - set(is_now[0]))]
        lines += [f"  + {name}  {_kind(is_now[0][name])}" for name in sorted(set(is_now[0]) - set(was[0]))]
        for name in sorted(set(was[0]) & set(is_now[0])):
            one, other = was[0][name], is_now[0][name]
            if _kind(one) != _kind(other):
                lines.append(f"  ~ {name}  {_kind(one)} -> {_kind(other)}")
            elif not _same_bytes(was_file, was[1], one, now_file, is_now[1], other):
                lines.append(f"  ~ {name}  {_kind(one)}, other values")
    more = [f"  and {len(lines) - SHOWN_MAX:,} more tensors"] if len(lines) > SHOWN_MAX else []
    return [*lines[:SHOWN_MAX], *more] or ["  the same tensors; the header is another"]


def _header(file: BinaryIO) -> tuple[dict[str, Any], int] | None:
    """The tensors by name, and where their bytes begin."""
    import json

    length = int.from_bytes(file.read(8), "little")
    if not 2 <= length <= HEADER_MAX:
        return None
    try:
        tensors = {name: one for name, one in json.loads(file.read(length)).items() if name != "__metadata__"}
        for one in tensors.values():
            first, end = one["data_offsets"]
            if not (isinstance(one["dtype"], str) and 0 <= first <= end and all(isinstance(n, int) for n in one["shape"])):
                return None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return tensors, 8 + length


def _kind(tensor: Any) -> str:
    return f"{tensor['dtype']} {tensor['shape']}"


def _same_bytes(a: BinaryIO, a_base: int, one: Any, b: BinaryIO, b_base: int, other: Any) -> bool:
    left = one["data_offsets"][1] - one["data_offsets"][0]
    if left != other["data_offsets"][1] - other["data_offsets"][0]:
        return False
    a.seek(a_base + one["data_offsets"][0])
    b.seek(b_base + other["data_offsets"][0])
    while left > 0:
        n = min(left, BLOCK)
        x, y = a.read(n), b.read(n)
        if x != y or len(x) != n:
            return False
        left -= n
    return True
