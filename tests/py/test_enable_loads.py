"""The frameworks load unchanged under `enable()`, on both lines of huggingface_hub: bit for bit, with no more requests, every byte proven.

Each load is done cold and, in a new process, warm; by the stock client and under `enable()`; and everything is compared as in
test_enable_equality.py. The same with seconds, 40 ms away: `make bench-frameworks`.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.corpus.calls_frameworks import LOADS
from tests.corpus.cases import LINES
from tests.corpus.run import in_children

WARM_BY_THE_TREE = ("HfFileSystem.get_file, MiniLM",)  # it never looks at the cache: the file comes again, by both


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_children("frameworks", tmp_path_factory.mktemp("frameworks"))


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", LOADS)
def test_a_framework_loads_the_same_under_enable(found: dict[str, Any], line: str, name: str) -> None:
    came = found[line][f"frameworks: {name}"]
    assert "\n".join(came["open"]) == ""
    assert came["ends"] == ["value", "value"]


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", LOADS)
def test_every_byte_that_came_was_proven(found: dict[str, Any], line: str, name: str) -> None:
    came = found[line][f"frameworks: {name}"]
    cold, warm = came["status"]
    assert cold["enabled"] and cold["stock"] == {} and cold["files"] > 0
    assert cold["verified"] == cold["received"] > 0
    again = cold["received"] if name in WARM_BY_THE_TREE else 0
    assert warm["verified"] == warm["received"] == again
    assert came["arrived"] == cold["received"] + again, "and no byte came by another way"


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("name", LOADS)
def test_no_question_more_is_asked(found: dict[str, Any], line: str, name: str) -> None:
    """Ranges of a file apart, which are asked of the content network."""
    stock, enabled = found[line][f"frameworks: {name}"]["of each call"]
    assert len(stock) == len(enabled) == 4  # the load and what came after it; cold and warm
    assert sum(enabled[:2]) < sum(stock[:2]) and sum(enabled[2:]) <= sum(stock[2:])
