"""What is written is true: names, files and commands that the documents speak of exist."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys

import hubjet
from hubjet import _config
from hubjet._cli import main
from tests.py.child import ROOT

README = (ROOT / "README.md").read_text("utf-8")
ERRORS = (ROOT / "docs" / "errors.md").read_text("utf-8")


def test_every_public_error_is_in_the_list_of_errors_and_no_other() -> None:
    listed = set(re.findall(r"^\| `(\w+)` \|", ERRORS, re.M))
    public = {n for n in hubjet.__all__ if isinstance(getattr(hubjet, n), type) and issubclass(getattr(hubjet, n), BaseException)}
    assert listed == public - {"HubjetError"}


def test_an_error_is_what_the_list_says_it_also_is() -> None:
    import builtins

    for name, bases in re.findall(r"^\| `(\w+)` \| ([\w, ]*) ?\|", ERRORS, re.M):
        for base in filter(None, (b.strip() for b in bases.split(","))):
            assert issubclass(getattr(hubjet, name), getattr(hubjet, base, None) or getattr(builtins, base)), (name, base)


def test_the_readme_names_calls_and_files_that_exist() -> None:
    for name in set(re.findall(r"hubjet\.(\w+)\(", README)):
        assert name in hubjet.__all__, name
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link


def test_the_commands_of_the_readme_are_known_to_the_program() -> None:
    shown = subprocess.run([sys.executable, "-m", "hubjet", "--help"], capture_output=True, text=True, check=True,
                           env={"PYTHONPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"}).stdout
    block = next(b for b in re.findall(r"```text\n(.*?)```", README, re.S) if b.startswith("hubjet"))
    verbs = set(re.findall(r"hubjet (\w+)", block))
    assert len(verbs) >= 5
    for verb in verbs:
        assert re.search(rf"\b{verb}\b", shown), verb


def test_the_readme_groups_the_verbs_as_the_help_does() -> None:
    block = next(b for b in re.findall(r"```text\n(.*?)```", README, re.S) if b.startswith("hubjet"))
    shown: dict[str, set[str]] = {}
    for part in re.split(r"^# ", block, flags=re.M)[1:]:
        title, _, lines = part.partition("\n")
        shown[title] = set(re.findall(r"\bhubjet (\w+)", re.sub(r"#.*", "", lines)))
    helped: dict[str, set[str]] = {}
    for row in main.VERBS:
        title = main.GROUPS.get(row.name) or next(reversed(helped))
        helped.setdefault(title, set()).add(row.name)
    assert shown == helped and list(shown) == list(helped)


def test_every_target_is_in_the_help_and_in_the_documents_and_no_other_is_spoken_of() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    assert targets == set(re.findall(r"^([a-z-]+):.*## ", makefile, re.M)) == set(re.search(r"^\.PHONY: (.*)$", makefile, re.M)[1].split())  # type: ignore[index]
    assert targets - set(re.findall(r"`make ([a-z-]+)", (ROOT / "docs" / "building.md").read_text("utf-8"))) == set()
    pages = [ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/**/*.md"), *ROOT.glob("*/README.md")]
    for page in pages:
        assert set(re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))) <= targets, page


def test_the_limits_are_described_by_names_that_exist() -> None:
    """Settings, variables, functions and options of docs/limits.md."""
    text = (ROOT / "docs" / "limits.md").read_text("utf-8")
    for name in re.findall(r"^## .*: `(\w+)`", text, re.M):
        option = _config.OPTIONS[name]
        assert any(env in text for env in option.env), name
        for function in (hubjet.fetch, hubjet.from_pretrained):
            assert name in inspect.signature(function).parameters, (function, name)
        shown = subprocess.run([sys.executable, "-m", "hubjet", "download", "--help"], capture_output=True, text=True, check=True,
                               env={"PYTHONPATH": str(ROOT / "python"), "PATH": "/usr/bin:/bin"}).stdout
        assert "--" + name.replace("_", "-") in shown, name
    known = {env for option in _config.OPTIONS.values() for env in option.env}
    assert set(re.findall(r"HUBJET_\w+", text)) <= known
    for name in set(re.findall(r"hubjet\.(\w+)", text)):
        assert name in hubjet.__all__, name


def test_what_security_md_refers_to_is_there() -> None:
    text = (ROOT / "SECURITY.md").read_text("utf-8")
    files = set(re.findall(r"`((?:tests|docs|csrc)/[\w/.]+)`", text)) | set(re.findall(r"\((docs/\w+\.md)\)", text))
    assert len(files) >= 5 and [name for name in files if not (ROOT / name).exists()] == []
    for name in re.findall(r"`hubjet\.(\w+)\(", text):
        assert name in hubjet.__all__, name
    assert "@" not in text, "no address that nobody reads"
