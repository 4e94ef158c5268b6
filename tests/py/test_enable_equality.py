"""huggingface_hub under `enable()` is huggingface_hub: the corpus (tests/corpus), a share of it on each line; all of it is `make corpus`.

Also that the comparison can fail: clients that are broken on purpose are caught, one promise each.
"""

from __future__ import annotations

from typing import Any, Iterator

import pytest

from tests.corpus.allowed import ALLOWED, judge
from tests.corpus.broken import WAYS
from tests.corpus.cases import LINES, load
from tests.corpus.compare import differences
from tests.corpus.run import Runner, chosen, in_children
from tests.py.child import ROOT

CASES = load()
CORE = {line: {case.title for case in chosen(line, core=True)} for line in LINES}
REPORT = (ROOT / "docs" / "enable-equality.md").read_text("utf-8")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return in_children("core", tmp_path_factory.mktemp("core"))


@pytest.mark.parametrize(("line", "title"), [(line, title) for line in LINES for title in CASES if title in CORE[line]])
def test_a_call_comes_to_the_same_under_enable(found: dict[str, Any], line: str, title: str) -> None:
    assert "\n".join(found[line][title]["open"]) == ""


def test_enough_is_looked_at(found: dict[str, Any]) -> None:
    calls = sum(len(came["calls"]) for cases in found.values() for came in cases.values())
    assert calls >= 300 and len(found["2.4"]) >= 150
    assert {CASES[title].section for title in found["1.33"]} == {case.section for case in CASES.values()}


# That it can fail -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runner() -> Iterator[Runner]:
    with Runner(LINES[0]) as one:
        yield one


@pytest.mark.parametrize("way", WAYS)
def test_a_client_that_is_broken_is_caught(runner: Runner, way: str) -> None:
    case = CASES[WAYS[way].case]
    whole, broken = runner.see(case, "stock"), runner.see(case, f"stock, {way}")
    assert not whole.trouble and not broken.trouble
    assert WAYS[way].kind in {one.kind for one in judge(case.title, differences(whole, broken)).open}


SAMPLE = [
    "cold: org/large model.safetensors",
    "snapshot: of nested",
    "folder: moved",
    "a hub that says: 429",
    "doors: org/gated-manual with hf_test_fine",
    "offline: a snapshot",
    "xet: the same bytes in another repo",
    "progress: a snapshot, cold and warm",
    "file system: get_file config.json",
]


@pytest.mark.parametrize("title", SAMPLE)
def test_the_stock_client_is_equal_to_itself(runner: Runner, title: str) -> None:
    one, other = runner.see(CASES[title], "stock"), runner.see(CASES[title], "stock")
    assert not one.trouble and differences(one, other) == []
    assert one.tree and one.dids and one.requests


# What is written ---------------------------------------------------------------------------------------


def test_every_allowance_is_in_the_report_with_its_reason() -> None:
    for allowance in ALLOWED:
        assert f"**{allowance.name}.** {allowance.reason}" in REPORT, "make corpus writes it"


def test_the_report_is_of_this_corpus() -> None:
    for line in LINES:
        assert f"huggingface_hub {line}: {len(chosen(line))} cases, " in REPORT, "make corpus writes it"
        assert ", 0 with a difference" in REPORT
