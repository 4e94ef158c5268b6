"""The config file's text: TOML, also where Python has no reader for it. Pure. Imports nothing."""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def parse_toml(text: str) -> dict[str, Any]:
    """tomllib where there is one (3.11); before that the part of TOML a flat list of settings needs."""
    if sys.version_info >= (3, 11):
        import tomllib

        return tomllib.loads(text)
    return parse_flat_toml(text)


def parse_flat_toml(text: str) -> dict[str, Any]:
    """Lines of `name = value`: strings in one sort of quotes without escapes, lists of them on one line, whole and decimal
    numbers, true, false; comments."""
    values: dict[str, Any] = {}
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        name, equals, rest = line.partition("=")
        name, rest = name.strip(), rest.strip()
        if not equals or not name.replace("_", "").replace("-", "").isalnum() or name in values:
            raise ValueError(f"line {number}: expected one `name = value`")
        values[name] = _flat_value(rest, number)
    return values


def _flat_value(text: str, number: int) -> Any:
    quote = text[:1]
    if quote in ("'", '"'):
        inner, closing, rest = text[1:].partition(quote)
        if closing and (not rest.strip() or rest.strip().startswith("#")) and "\\" not in inner:
            return inner
        raise ValueError(f"line {number}: expected one string without backslashes")
    if quote == "[":
        return _flat_list(text[1:].strip(), number)
    word = text.partition("#")[0].strip()
    if word in ("true", "false"):
        return word == "true"
    for kind in (int, float):
        try:
            return kind(word.replace("_", ""))
        except ValueError:
            continue
    raise ValueError(f"line {number}: expected a string in quotes, a number, true or false")


def _flat_list(text: str, number: int) -> list[str]:
    values: list[str] = []
    while text[:1] in ("'", '"'):
        inner, closing, rest = text[1:].partition(text[0])
        rest = rest.strip()
        if not closing or "\\" in inner or rest[:1] not in (",", "]"):
            break
        values.append(inner)
        text = rest[1:].strip() if rest[0] == "," else rest
    if text[:1] == "]" and (not text[1:].strip() or text[1:].strip().startswith("#")):
        return values
    raise ValueError(f"line {number}: expected a list of strings on one line")
