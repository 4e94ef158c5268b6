"""A run that lost a folder, a table or most of its tests is red."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.whole import MINIMUM, gaps

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = "import sys\nimport tests.whole as whole\nfrom tests.whole import pytest_sessionfinish\nwhole.MINIMUM = {sys.platform: 3}\n"
PROJECT = '[tool.pytest.ini_options]\ntestpaths = ["checks/one", "checks/two"]\nempty_parameter_set_mark = "fail_at_collect"\n'
ONE = "def test_a():\n    pass\ndef test_b():\n    pass\n"
TWO = "def test_c():\n    pass\n"


@pytest.mark.parametrize(
    "files, heard, passed, said",
    [
        (["a.py", "b.py"], ["a.py", "b.py"], 10, []),
        (["a.py", "b.py"], ["a.py"], 10, ["b.py: nothing was heard of it"]),
        (["a.py"], ["a.py"], 9, ["only 9 passed, at least 10 must run"]),
        ([], [], 0, ["only 0 passed, at least 10 must run"]),
    ],
)
def test_gaps(files: list[str], heard: list[str], passed: int, said: list[str]) -> None:
    assert list(gaps(files, heard, passed, 10)) == said


def test_the_floor_of_linux_is_near_what_there_is() -> None:
    assert MINIMUM["linux"] >= 5000


def play(top: Path, files: dict[str, str], *more: str) -> tuple[int, str]:
    for name, text in {"pyproject.toml": PROJECT, "conftest.py": CONFTEST, **files}.items():
        (top / name).parent.mkdir(parents=True, exist_ok=True)
        (top / name).write_text(text)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *more]
    done = subprocess.run(command, cwd=top, env=environment, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout


@pytest.mark.parametrize("more", [(), ("-n", "2", "--dist", "loadfile")], ids=["alone", "side by side"])
@pytest.mark.parametrize(
    "files, said",
    [
        ({"checks/one/test_1.py": ONE, "checks/two/test_2.py": TWO}, ""),
        ({"checks/one/test_1.py": ONE, "checks/two/test_2.py": "import pytest\npytest.skip('no such disk', allow_module_level=True)\n"}, "only 2 passed"),
        ({"checks/one/test_1.py": ONE + TWO, "checks/two/conftest.py": "collect_ignore = ['test_2.py']\n", "checks/two/test_2.py": TWO}, "checks/two/test_2.py: nothing"),
        ({"checks/one/test_1.py": ONE + TWO, "checks/two/test_2.py": "", "checks/three/test_3.py": TWO}, "checks/three/test_3.py: nothing"),
        ({"checks/one/test_1.py": ONE, "checks/two/test_2.py": ""}, "checks/two/test_2.py: nothing"),
    ],
    ids=["whole", "a file skipped", "a file not collected", "a folder outside testpaths", "a file without a test"],
)  # fmt: skip
def test_a_whole_run_that_is_not_whole_is_red(tmp_path: Path, files: dict[str, str], said: str, more: tuple[str, ...]) -> None:
    status, out = play(tmp_path, files, *more)
    assert said in out and "Error" not in out
    assert status == (1 if said else 0), out


@pytest.mark.parametrize("more", [("checks/one/test_1.py",), ("-k", "test_a"), ("--deselect", "checks/two/test_2.py")], ids=["by file", "by word", "without one"])
def test_a_run_of_some_tests_is_not_asked_for_all(tmp_path: Path, more: tuple[str, ...]) -> None:
    status, out = play(tmp_path, {"checks/one/test_1.py": ONE, "checks/two/test_2.py": TWO}, *more)
    assert status == 0, out


def test_a_table_without_a_row_is_an_error(tmp_path: Path) -> None:
    empty = "import pytest\n@pytest.mark.parametrize('x', [])\ndef test_d(x):\n    pass\n"
    status, out = play(tmp_path, {"checks/one/test_1.py": ONE + TWO, "checks/two/test_2.py": empty})
    assert status != 0 and "Empty parameter set" in out
