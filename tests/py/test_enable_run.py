"""enable() from a program's first moment: `hubjet run`, HUBJET_ENABLE with the wheel's .pth, %load_ext."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import hubjet
from hubjet import _run
from tests.py.child import ROOT
from tests.py.peers import need_peer

WHOSE = """
import sys, subprocess
import huggingface_hub.file_download as module
print(module._download_to_tmp_and_move.__code__.co_filename)
if "again" in sys.argv:
    subprocess.run([sys.executable, __file__], check=True)
"""
OURS = str(ROOT / "python" / "hubjet" / "_patch" / "body.py")


def run(*words: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """`hubjet run`, by a Python that finds hubjet in its current folder only: nothing but ours leads to it in the program."""
    command = [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(ROOT / 'python')!r}); from hubjet._cli.main import main; sys.exit(main())", "run"]
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run([*command, *words], cwd=cwd, env={**clean, **env}, capture_output=True, text=True, timeout=60)


@pytest.fixture
def script(tmp_path: Path) -> str:
    (tmp_path / "whose.py").write_text(WHOSE)
    return str(tmp_path / "whose.py")


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_any_python_has_it_from_the_start_and_so_have_its_children(script: str, tmp_path: Path, version: str) -> None:
    """Also one that has no hubjet installed: another virtual environment."""
    done = run("--", str(need_peer(version)), script, "again", cwd=tmp_path)
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [OURS, OURS], "")


def test_what_the_program_is_given_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "said.py").write_text("import sys; print(sys.argv[1:]); sys.exit(7)")
    words = ["--json", "--help", "-q", "--", "download", "-m"]
    for start in (["--", sys.executable, "said.py"], ["said.py"], ["-m", "said"]):
        done = run(*start, *words, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (7, f"{words}\n"), done.stderr


def test_it_becomes_the_program(tmp_path: Path) -> None:
    done = run("sh", "-c", "kill -TERM $$", cwd=tmp_path)
    assert done.returncode == -signal.SIGTERM
    done = run("nobody-has-this", cwd=tmp_path)
    assert done.returncode == 127 and done.stderr == "hubjet: nobody-has-this cannot be started: No such file or directory\n"
    (tmp_path / "text").write_text("")
    assert run("./text", cwd=tmp_path).returncode == 126
    done = run(cwd=tmp_path)
    assert done.returncode == 2 and "hubjet run -- python train.py" in done.stderr
    assert "usage: hubjet run" in run("--help", cwd=tmp_path).stdout


def test_a_sitecustomize_that_was_there_takes_effect_too(script: str, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    (theirs / "sitecustomize.py").write_text("import os; os.environ['THEIRS'] = __file__")
    code = "import os, sys, sitecustomize; print(os.environ['THEIRS'], sitecustomize.__file__, 'hubjet._startup' in sys.modules)"
    done = run(sys.executable, "-c", code, cwd=tmp_path, PYTHONPATH=str(theirs))
    assert done.stdout.split() == [str(theirs / "sitecustomize.py")] * 2 + ["True"], done.stderr


def test_a_program_that_runs_without_us_runs(tmp_path: Path) -> None:
    """Here the extension is broken, as it is in a Python of another kind: the functions stay theirs, and that is said."""
    package = tmp_path / "lib" / "hubjet"
    package.parent.mkdir()
    subprocess.run(["cp", "-r", str(ROOT / "python" / "hubjet"), str(package)], check=True)
    for extension in package.glob("_native*.so"):
        extension.write_bytes(b"no library")
    env = {"PYTHONPATH": str(package / "_site"), "HUBJET_ENABLE": "1", "PATH": os.environ["PATH"]}
    code = "import huggingface_hub.file_download as m; print(m._download_to_tmp_and_move.__code__.co_filename)"
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.endswith("huggingface_hub/file_download.py\n")
    assert "is left as it is" in done.stderr


def test_two_runs_within_each_other_are_one(script: str, tmp_path: Path) -> None:
    from hubjet._surroundings import environment_to_run

    once = environment_to_run(_run.SITE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", once["PYTHONPATH"])
        assert environment_to_run(_run.SITE) == {**once, "PYTEST_CURRENT_TEST": os.environ["PYTEST_CURRENT_TEST"]}


# --- HUBJET_ENABLE and the .pth -------------------------------------------------------------------

PTH = ROOT / "python" / "hubjet-enable.pth"
SEEN = "import site, sys; site.addsitedir({folder!r}); print(sorted(m for m in sys.modules if m.startswith('hubjet'))); import huggingface_hub.file_download as m; print(m._download_to_tmp_and_move.__code__.co_filename)"


@pytest.mark.parametrize(("said", "on"), [("1", True), ("yes", True), ("0", False), ("", False), (None, False)])
def test_the_variable_decides(said: str | None, on: bool) -> None:
    env = {"PATH": os.environ["PATH"], **({} if said is None else {"HUBJET_ENABLE": said})}
    done = subprocess.run([sys.executable, "-c", SEEN.format(folder=str(PTH.parent))], env=env, capture_output=True, text=True)
    modules, where = done.stdout.splitlines()
    assert where.endswith("_patch/body.py") is on, done.stderr
    if not said:
        assert modules == "[]", "without the variable nothing of ours is loaded"


def test_the_pth_is_one_line_that_costs_a_look_at_the_environment() -> None:
    line = PTH.read_text()
    assert line.count("\n") == 1 and line.startswith("import ")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("HUBJET_ENABLE", raising=False)
        loads = set(sys.modules)
        exec(line, {})
        assert set(sys.modules) == loads


def test_the_wheel_has_it_beside_the_package(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "csrc").mkdir(parents=True)
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE", "MANIFEST.in"):
        (tree / name).write_bytes((ROOT / name).read_bytes())
    shutil.copytree(ROOT / "python", tree / "python", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    command = [sys.executable, "setup.py", "--quiet", "build_py", "--build-lib", str(tmp_path / "lib")]
    subprocess.run(command, cwd=tree, check=True, capture_output=True)
    assert (tmp_path / "lib" / "hubjet-enable.pth").read_bytes() == PTH.read_bytes()
    assert (tmp_path / "lib" / "hubjet" / "_site" / "sitecustomize.py").exists()


# --- notebooks ------------------------------------------------------------------------------------


def test_load_ext_and_unload_ext() -> None:
    """What IPython does for `%load_ext hubjet`: it calls what the module has under these names."""
    assert hasattr(hubjet, "load_ipython_extension") and hasattr(hubjet, "unload_ipython_extension")
    assert not hubjet.status().enabled
    hubjet.load_ipython_extension(None)
    try:
        assert hubjet.status().enabled and "enabled" in str(hubjet.status())
    finally:
        hubjet.unload_ipython_extension(None)
    assert not hubjet.status().enabled
