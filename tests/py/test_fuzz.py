"""The fuzzers' corpora: every C target has one (the C runner replays them), and the Python targets run over theirs and over dice."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import pytest

from tests.c import build as program
from tests.fuzz import py_files, py_hub
from tests.fuzz.feed import WORDS, random_inputs

CORPUS = Path(__file__).resolve().parents[1] / "fuzz" / "corpus"
MODULES = [py_hub, py_files]


def test_every_target_has_a_corpus_and_every_corpus_a_target() -> None:
    targets = set(program.fuzz_targets()) | {module.__name__.rpartition(".")[2] for module in MODULES}
    assert len(targets) >= 20
    assert {folder.name for folder in CORPUS.iterdir()} == targets
    assert sum(file.stat().st_size for file in CORPUS.rglob("*") if file.is_file()) < 1 << 20


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_the_corpus_holds(module: ModuleType) -> None:
    files = sorted((CORPUS / module.__name__.rpartition(".")[2]).iterdir())
    assert len(files) >= 20
    for file in files:
        module.one(file.read_bytes())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_what_dice_say_holds(module: ModuleType) -> None:
    random_inputs(module.one, 1500, seed=7)


def test_a_broken_promise_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    leads_out = bytes([py_files.WHAT.index(py_files.names), 3, 1, WORDS.index("../x")])
    py_files.one(leads_out)
    monkeypatch.setattr(py_files._names, "check_filename", lambda text, subfolder: text)
    with pytest.raises(RuntimeError, match="leads out"):
        py_files.one(leads_out)


def test_no_message_has_what_a_terminal_obeys() -> None:
    from hubjet._errors import explain

    text = explain("a\x1b[2Jb", said="x\ny\x9b31m\u202eexe.txt\udc80", kept="模型 é")
    assert text == f"a?[2Jb\n  said      x\n{'':12}y?31m?exe.txt?\n  kept      模型 é"
