"""What is written of the command line is what it does: the man page, the page of commands that were run, the fields of its JSON."""

from __future__ import annotations

import dataclasses
import difflib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._cli import main

from tests import cli_docs
from tests.asked import FOLDER
from tests.py.test_cli_words import run

AGAIN = "write it again: python3 tests/run.py cli-docs"


def changes(path: Path, now: str) -> str:
    return "\n".join(difflib.unified_diff(path.read_text("utf-8").splitlines(), now.splitlines(), path.name, "now", lineterm="", n=1))


def test_the_man_page_is_made_of_the_parser_of_today() -> None:
    assert cli_docs.MAN.read_text("utf-8") == cli_docs.man(), f"{AGAIN}\n{changes(cli_docs.MAN, cli_docs.man())}"


@pytest.mark.parametrize("page", [page for page in cli_docs.MADE if page != cli_docs.MAN], ids=lambda page: page.stem)
def test_what_the_page_shows_is_what_comes_of_it(page: Path) -> None:
    now = cli_docs.MADE[page]()
    assert page.read_text("utf-8") == now, f"{AGAIN}\n{changes(page, now)}"


def test_every_question_has_a_page_with_a_call_and_a_command() -> None:
    """And none is there that nobody makes any more."""
    pages = {page for page in cli_docs.MADE if page.parent == FOLDER}
    assert pages == set(FOLDER.glob("*.md"))
    for page in pages:
        text = page.read_text("utf-8")
        assert re.match(r"# .*\?\n\n\*\*(Yes|No)[^*]*\*\*", text), page.name
        call, _, command = text.partition("## The call\n")[2].partition("## The command\n")
        assert "```python\n" in call and re.search(r"^\$ .*\bhubjet ", command, re.M), page.name
        assert f"asked/{page.name}" in (cli_docs.ROOT / "website" / "mkdocs.yml").read_text("utf-8"), page.name


@pytest.mark.parametrize("columns", [80, 40])
def test_man_renders_the_page_without_a_warning(columns: int) -> None:
    env = {**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": str(columns), "MANPAGER": "cat"}
    done = subprocess.run(["man", "--warnings=w", "-l", str(cli_docs.MAN)], capture_output=True, text=True, env=env, timeout=60)
    shown = re.sub(r".\x08", "", done.stdout)
    assert (done.returncode, done.stderr) == (0, "") and "EXIT STATUS" in shown
    for row in main.VERBS:
        assert f"hubjet {row.name}" in shown, row.name


def test_the_story_tries_many_options_and_messages() -> None:
    page = cli_docs.PAGE.read_text("utf-8")
    assert len(re.findall(r"^\$ .*hubjet", page, re.M)) >= 50
    assert {code for code in re.findall(r"^# exit code (\d+)", page, re.M)} >= {"2", "3", "4", "6", "7"}
    assert "Traceback" not in page


# Public functions and the verb that does the same; "" for those that mean something within a Python program only.
VERB_OF = {
    "about": "about", "adopt": "adopt", "checkout": "checkout", "config": "config", "contacts": "", "convert": "convert", "dedup": "dedup",
    "disable": "", "doctor": "doctor", "enable": "run", "enabled": "run", "fetch": "get", "find": "find", "from_pretrained": "download",
    "hf_hub_download": "download", "hf_hub_url": "url", "ledger": "ledger", "licence": "licence", "license": "licence",
    "limit_rate": "limit", "lock": "lock", "login": "login", "logout": "logout", "ls": "ls", "open_folder": "open", "pack": "pack",
    "pin": "pin", "plan": "plan", "polite": "limit", "prune": "prune", "push": "push", "receipt": "", "rm": "rm", "scan": "scan",
    "serve": "serve", "settings": "", "snapshot_download": "download", "start": "", "status": "", "sync": "sync", "trace": "",
    "try_to_load_from_cache": "where", "unpack": "unpack", "unpin": "unpin", "vault": "vault", "verify": "verify", "where": "where",
    "whoami": "whoami",
}  # fmt: skip


def test_what_can_be_called_can_be_typed() -> None:
    called = {name for name in hubjet.__all__ if name[0].islower()}
    assert called == set(VERB_OF), "say in VERB_OF which verb does it"
    verbs = {row.name for row in main.VERBS}
    assert set(filter(None, VERB_OF.values())) | {"completion", "help"} == verbs


def test_the_readme_shows_every_verb() -> None:
    block = next(b for b in re.findall(r"```text\n(.*?)```", (cli_docs.ROOT / "README.md").read_text("utf-8"), re.S) if b.startswith("hubjet"))
    assert {row.name for row in main.VERBS} - set(re.findall(r"hubjet (\w+)", block)) == set()


def documented() -> dict[str, set[str]]:
    """verb -> the names between backticks behind it, in the table of what --json prints."""
    rows = re.findall(r"^\| (`.+?) \| (an object|a list).*?: (.+) \|$", cli_docs.PAGE.read_text("utf-8"), re.M)
    return {verb: set(re.findall(r"`(\w+)`", fields)) for verbs, _, fields in rows for verb in re.findall(r"`([\w -]+)`", verbs)}


def keys(value: Any) -> set[str]:
    """All names in it; not those of settings and places, which are data there."""
    if isinstance(value, list):
        return set().union(*map(keys, value)) if value else set()
    return set(value) | set().union(*(keys(inner) for inner in value.values() if isinstance(inner, list | dict))) if isinstance(value, dict) else set()


@pytest.mark.usefixtures("hub_env")
def test_the_json_of_each_verb_has_the_fields_that_are_documented(world: Any, tmp_path: Path, capsys: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/model").commit({"a.txt": b"a"})
    url = world.file("m.bin", b"m")
    monkeypatch.setenv("HUBJET_LEDGER", str(tmp_path / "ledger"))
    table = documented()

    def fields(*arguments: str) -> set[str]:
        code, out, err = run(capsys, *arguments, "--json")
        assert code == 0, err
        return keys(json.loads(out))

    todo = {"fetch", "resume", "link", "take", "copy", "keep", "here"}
    assert fields("download", "org/model", "--dry-run") | todo == table["download --dry-run"]
    assert fields("download", "org/model") == fields("get", url, "-o", str(tmp_path)) == table["download"] == table["get"]
    assert fields("url", "org/model", "a.txt") == table["url"]
    assert fields("limit") == table["limit"]
    assert fields("about") == table["about"]
    assert fields("ledger") == table["ledger"]
    assert fields("doctor") == table["doctor"]
    assert {field.name for field in dataclasses.fields(hubjet.Account)} == table["login"] == table["whoami"]
    assert fields("logout") == table["logout"]
    assert fields("ls") - {"main"} == table["ls"]
    assert fields("licence", "org/model") - {"main"} == table["licence"]
    assert fields("pin", "org/model") == fields("unpin", "org/model") == table["pin"] == table["unpin"]
    assert fields("rm", "org/model", "--dry-run") == fields("prune", "--unused", "0", "--dry-run") == table["rm"] == table["prune"]
    assert fields("where", "org/model", "a.txt") | {"value", "origin"} == table["where"]
    for verb, kind in (("find", hubjet.FoundFile), ("scan", hubjet.FoundStore), ("adopt", hubjet.AdoptedFile)):
        assert {field.name for field in dataclasses.fields(kind)} == table[verb]
    assert fields("open") == table["open"]
    assert {field.name for field in dataclasses.fields(hubjet.Converted)} == table["convert"]
    assert fields("config", "polite", "--origin") - {"polite"} == table["config"]
