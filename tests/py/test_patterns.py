"""Patterns: fnmatch on the whole path, as the stock client does it (recorded, and compared on many made-up cases)."""

from __future__ import annotations

import random

import pytest
from hubjet._names import keeper

FILES = ["a.json", "data/b.json", "data/sub/c.json", "README.md", "x.JSON", "[a].txt", "dir/x.bin", ".gitattributes"]


def chosen(allow: object = None, ignore: object = None) -> list[str]:
    return [path for path in FILES if keeper(allow, ignore)(path)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("allow", "expected"),
    [
        ("*.json", ["a.json", "data/b.json", "data/sub/c.json"]),
        ("data/", ["data/b.json", "data/sub/c.json"]),
        ("data/*", ["data/b.json", "data/sub/c.json"]),
        ("data\\*", ["data/b.json", "data/sub/c.json"]),
        ("data", []),
        ("**/*.json", ["data/b.json", "data/sub/c.json"]),
        ("[[]a].txt", ["[a].txt"]),
        ("./a.json", []),
        ("/a.json", []),
        ("!a*", []),
        ([], []),
        (["a.json", "*.bin"], ["a.json", "dir/x.bin"]),
        (None, FILES),
    ],
)
def test_patterns_choose_what_was_recorded_of_the_stock_client(allow: object, expected: list[str]) -> None:
    assert chosen(allow) == expected


def test_ignore_wins_over_allow() -> None:
    assert chosen("*", "*/*") == ["a.json", "README.md", "x.JSON", "[a].txt", ".gitattributes"]
    assert chosen("a.json", "a.*") == []


def test_an_empty_ignore_list_takes_nothing_away() -> None:
    assert chosen(None, []) == FILES


def test_thousand_made_up_cases_agree_with_the_stock_client() -> None:
    stock = pytest.importorskip("huggingface_hub.utils")
    dice = random.Random(3)

    def word(letters: str) -> str:
        return "".join(dice.choice(letters) for _ in range(dice.randint(1, 7)))

    for _ in range(1000):
        paths = [word("ab./[]A") for _ in range(6)]
        allow = [word("ab*?/[]!\\.") for _ in range(dice.randint(0, 3))] if dice.random() < 0.8 else None
        ignore = [word("ab*?/[]!\\.") for _ in range(dice.randint(0, 3))] if dice.random() < 0.5 else None
        expected = list(stock.filter_repo_objects(paths, allow_patterns=allow, ignore_patterns=ignore))
        assert [path for path in paths if keeper(allow, ignore)(path)] == expected, (paths, allow, ignore)
