"""Tab in bash, zsh and fish: verbs, options, values, and what lies in the cache. Nobody is asked for it."""

from __future__ import annotations

import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._cli import main
from hubjet._cli.complete import SCRIPTS, answer
from tests.py.test_cli import Run

pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture
def cached(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit({"config.json": b"{}", "a b.txt": b"a", "sub/c.txt": b"c"})
    world.repo("org/other").commit({"x": b"x"})
    world.repo("org/data", "dataset").commit({"d.csv": b"d"})
    hubjet.snapshot_download("org/model")
    hubjet.hf_hub_download("org/other", "x")
    hubjet.snapshot_download("org/data", repo_type="dataset")
    world.clear()
    return world


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`hubjet` is this checkout's."""
    place = tmp_path / "bin" / "hubjet"
    place.parent.mkdir()
    place.write_text(f"#!/bin/sh\nPYTHONPATH='{Path(hubjet.__file__).parents[1]}' exec '{sys.executable}' -m hubjet \"$@\"\n")
    place.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place.parent}{os.pathsep}{os.environ['PATH']}")


def offered(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    answer(list(words), *main.parsers(), [(row.name, row.text) for row in main.VERBS])
    return [line.partition("\t")[0] for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("typed", "there"),
    [
        ("", [row.name for row in main.VERBS]),
        ("do", ["download", "doctor"]),
        ("--ver", ["--verbose", "--version"]),
        ("-q do", ["download", "doctor"]),
        ("help do", ["download", "doctor"]),
        ("download --inc", ["--include"]),
        ("download org/m", ["org/model"]),
        ("download ", ["org/model", "org/other"]),
        ("download --type dataset ", ["org/data"]),
        ("download --type=dataset ", ["org/data"]),
        ("download --type = dataset ", ["org/data"]),
        ("download --type ", ["model", "dataset", "space", "kernel"]),
        ("download --type=d", ["--type=dataset"]),
        ("download --type =", ["model", "dataset", "space", "kernel"]),
        ("download --type = d", ["dataset"]),
        ("download --dry-run org/m", ["org/model"]),
        ("download org/model ", ["a b.txt", "config.json", "sub/c.txt"]),
        ("download org/model config.json ", ["a b.txt", "sub/c.txt"]),
        ("download org/other ", ["x"]),
        ("download org/model --revision ", ["main"]),
        ("download org/unknown ", []),
        ("where org/model con", ["config.json"]),
        ("where org/model config.json ", []),
        ("config limit", ["limit_rate"]),
        ("config offline li", ["limit_rate"]),
        ("limit --polite o", ["on", "off"]),
        ("download org/model --local-dir ", [":dirs"]),
        ("download org/model --trace ", [":files"]),
        ("download org/model --limit-rate ", []),
        ("download -- --", []),
        ("get http", []),
        ("ledger ", [":files"]),
        ("completion z", ["zsh"]),
        ("downlod x", []),
        ("--json=", []),
    ],
)
def test_what_is_offered(cached: Any, capsys: Any, typed: str, there: list[str]) -> None:
    assert offered(capsys, *typed.split(" ")) == there
    assert cached.requests == []


def test_every_option_of_every_verb_is_offered(capsys: Any) -> None:
    top, verbs = main.parsers()
    for name, parser in verbs.items():
        parser.ready()
        known = {text for text in parser._option_string_actions if text.startswith("--")}
        assert name == "help" or set(offered(capsys, name, "--")) == known


def test_a_cache_that_cannot_be_read_offers_nothing_and_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = Run("__complete", "download", "--cache-dir", str(tmp_path / "file"), "")
    assert (run.code, run.out, run.err) == (0, "", "")


def test_a_script_is_printed_for_each_shell_and_for_no_other() -> None:
    for shell, script in SCRIPTS.items():
        assert Run("completion", shell).out == script
    assert Run("completion", "tcsh").code == Run("completion").code == 2


# --- in the shells themselves ---------------------------------------------------------------------


def bash(line: str) -> list[str]:
    """What bash puts into COMPREPLY for these words."""
    words = " ".join(f"'{word}'" for word in line.split(" "))
    script = f"{SCRIPTS['bash']}\nCOMP_WORDS=({words}); COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 )); _hubjet hubjet; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stderr == "" and done.returncode == 0, done.stderr
    return [line for line in done.stdout.split("\n") if line]


@pytest.mark.usefixtures("command")
def test_bash(cached: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert bash("hubjet dow") == ["download"]
    assert bash("hubjet download org/") == ["org/model", "org/other"]
    assert bash("hubjet download org/model ") == ["a\\ b.txt", "config.json", "sub/c.txt"]
    assert bash("hubjet download --type = d") == ["dataset"]
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    (tmp_path / "here" / "folder").mkdir()
    (tmp_path / "here" / "a file").touch()
    assert sorted(bash("hubjet ledger ")) == ["a file", "folder"]
    assert bash("hubjet download org/model --local-dir ") == ["folder"]


@pytest.mark.usefixtures("command")
def test_fish(cached: Any, tmp_path: Path) -> None:
    (tmp_path / "hubjet.fish").write_text(SCRIPTS["fish"])

    def fish(line: str) -> list[str]:
        script = f"source {tmp_path / 'hubjet.fish'}; complete -C '{line}'"
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0 and done.stderr == "", done.stderr
        return done.stdout.splitlines()

    assert fish("hubjet dow") == ["download\tfetch a repository, or files of it; prints where they are"]
    assert fish("hubjet download org/") == ["org/model", "org/other"]
    assert [line.split("\t")[0] for line in fish("hubjet download org/model c")] == ["config.json"]
    assert fish("hubjet download --type=d") == ["--type=dataset"]


def typed_into(shell: list[str], setup: str, line: str, wanted: str) -> str:
    """The shell in a terminal: `setup`, then `line` with its tabs; what is seen until `wanted` is, or 20 seconds are over."""
    child, ours = pty.fork()
    if child == 0:
        os.environ.update(TERM="dumb", PS1="> ", PS2="", HISTFILE="")
        os.execvp(shell[0], shell)
    seen, sent, end = "", False, time.monotonic() + 20
    try:
        os.write(ours, f"{setup}; echo rea''dy\n".encode())
        while time.monotonic() < end and not (sent and wanted in seen):
            if select.select([ours], [], [], 0.1)[0]:
                seen += os.read(ours, 65536).decode(errors="replace")
            if not sent and "ready\r\n" in seen:
                sent, seen = True, ""
                os.write(ours, line.encode())
    except OSError:
        pass  # the shell is gone: what was seen tells
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
        os.close(ours)
    return seen


@pytest.mark.parametrize("shell", [["bash", "--norc", "--noprofile", "-i"], ["zsh", "-f", "-i"]], ids=["bash", "zsh"])
@pytest.mark.usefixtures("command")
def test_tab_is_pressed(cached: Any, tmp_path: Path, shell: list[str]) -> None:
    (tmp_path / "script").write_text(SCRIPTS[shell[0]])
    setup = f"autoload -Uz compinit; compinit -u -d {tmp_path / 'dump'}; source {tmp_path / 'script'}" if shell[0] == "zsh" else f"source {tmp_path / 'script'}"
    seen = typed_into(shell, setup, "hubjet downl\torg/m\tconf\t", "config.json")
    assert "hubjet download org/model config.json" in re.sub(r"\x07| \x08", "", seen), repr(seen)
