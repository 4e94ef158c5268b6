"""A notebook that runs by itself (nbclient, a real kernel): what a person finds in it afterwards. In a browser: `make notebooks`."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.notebooks import scenes
from tests.py.child import ROOT

PYTHON = ROOT / "build" / "venv-notebook" / "bin" / "python"


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> list[list[dict[str, Any]]]:
    """Of each cell of scenes.ITSELF."""
    if not PYTHON.exists():
        pytest.skip("build/venv-notebook is not there; `python3 tests/run.py build` makes it")
    out = tmp_path_factory.mktemp("notebook") / "out.ipynb"
    paths = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
    done = subprocess.run([PYTHON, "-m", "tests.notebooks.alone", out], env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return [cell["outputs"] for cell in json.loads(out.read_text("utf-8"))["cells"]]


def cell(outputs: list[list[dict[str, Any]]], begins: str) -> list[dict[str, Any]]:
    (number,) = [n for n, text in enumerate(scenes.ITSELF) if text.startswith(begins)]
    return outputs[number]


def test_of_a_download_one_line_is_left(outputs: list[list[dict[str, Any]]]) -> None:
    (one,) = cell(outputs, "folder = ")
    assert one["output_type"] == "display_data"
    assert re.fullmatch(r"org/model: 6 files, 92\.1 MB in [\d.]+ s, [\d.]+ MB/s", "".join(one["data"]["text/plain"]))
    assert "<progress" not in "".join(one["data"]["text/html"])


def test_the_receipt_is_a_table_also_as_text(outputs: list[list[dict[str, Any]]]) -> None:
    (one,) = cell(outputs, "hubjet.receipt()")
    for kind in ("text/html", "text/plain"):
        shown = "".join(one["data"][kind])
        assert all(name in shown for name in (*scenes.SHARDS, *scenes.SMALL, "sha256", "git-sha1")), shown


def test_what_is_small_or_here_leaves_nothing_but_its_result(outputs: list[list[dict[str, Any]]]) -> None:
    (one,) = cell(outputs, "hubjet.hf_hub_download")
    assert one["output_type"] == "execute_result" and "config.json" in "".join(one["data"]["text/plain"])


def test_neither_widgets_nor_tqdm_were_needed(outputs: list[list[dict[str, Any]]]) -> None:
    (one,) = cell(outputs, "sorted(")
    assert "".join(one["data"]["text/plain"]) == "[]"


def test_a_failure_leaves_its_message_and_no_bar(outputs: list[list[dict[str, Any]]]) -> None:
    (one,) = cell(outputs, "hubjet.from_pretrained")
    assert one["output_type"] == "error" and one["ename"] == "RepoNotFound" and "org/missing" in one["evalue"]
