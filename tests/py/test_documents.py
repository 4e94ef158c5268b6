"""Every example of the documents runs: the pages' code blocks and the notebooks, against the embedded hub (documents.py does it)."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import hubjet
from tests.py.child import ROOT
from tests.py.peers import KEPT

DOCS = ROOT / "docs"
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
NOTEBOOKS = sorted((DOCS / "notebooks").glob("*.ipynb"))
PAGES = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]


def _runs(path: Path) -> bool:
    if path.parent.name == "asked":  # run by test_cli_docs.py, in homes of their own
        return False
    return any(kind in ("python", "bash") for kind, _text in FENCE.findall(path.read_text("utf-8")))


pytestmark = pytest.mark.timeout(300)  # whoever comes first waits for all of them

NAMES = [path.relative_to(ROOT).as_posix() for path in [*filter(_runs, PAGES), *NOTEBOOKS]]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All of them in one go: the imports of torch and transformers are paid once."""
    python = ROOT / "build" / "venv-notebook" / "bin" / "python"
    assert python.exists(), "`make build` makes build/venv-notebook"
    folder = tmp_path_factory.mktemp("documents")
    out, wrong = folder / "out.json", folder / "wrong.md"
    wrong.write_text("```python\nimport hubjet\nhubjet.no_such_name\n```\n\n```bash\necho before\nhubjet no-such-verb\necho behind\n```\n")
    clean = {name: os.environ[name] for name in KEPT if name in os.environ}
    done = subprocess.run([str(python), "-m", "tests.py.documents", str(out), *NAMES, str(wrong)], cwd=ROOT, env={**clean, "PYTHONPATH": f"{ROOT / 'python'}:{ROOT}"},
                          capture_output=True, text=True, timeout=290)  # fmt: skip
    assert done.returncode == 0, done.stderr
    answers = json.loads(out.read_text("utf-8"))
    return {**answers, "wrong": answers[str(wrong)]}


@pytest.mark.parametrize("name", NAMES)
def test_what_a_document_shows_runs(ran: Any, name: str) -> None:
    assert ran[name]["error"] == ""


def test_a_document_that_is_wrong_is_noticed(ran: Any) -> None:
    """Of each kind a block that fails, and nothing of it runs behind that."""
    error = ran["wrong"]["error"]
    assert "AttributeError" in error and "no_such_name" in error
    assert "exit code 2" in error and "before" in error and "behind" not in error


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_answers(path: Path) -> None:
    from website.notebooks import ACCEPTED, DIES, INSTALL

    notebook = json.loads(path.read_text("utf-8"))
    for cell in notebook["cells"]:
        assert set(cell["metadata"].get("tags", [])) <= {INSTALL, ACCEPTED, DIES, "raises-exception"}
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None
            install = INSTALL in cell["metadata"].get("tags", [])
            assert install == all(line.startswith("!pip") for line in cell["source"]), "only what installs is not run"


def test_the_notebooks_are_the_ones_that_are_shown() -> None:
    from website.notebooks import ORDER

    assert {path.stem for path in NOTEBOOKS} == set(ORDER)


def test_the_notebooks_talk_to_the_hub_as_hubjet_does(ran: Any) -> None:
    for path in NOTEBOOKS:
        assert ran[f"docs/notebooks/{path.name}"]["agents"] == [f"hubjet/{hubjet.__version__}"], path.name


def test_the_gated_notebook_says_which_page_to_open(ran: Any) -> None:
    shown = ran["docs/notebooks/gated.ipynb"]["shown"]
    assert "https://huggingface.co/meta-llama/Llama-3.2-1B" in shown and "&#x27;LlamaForCausalLM&#x27;" in shown
    assert ran["docs/notebooks/gated.ipynb"]["tokens"] == ["hub"]


def test_the_notebook_that_dies_fetches_next_to_nothing_twice(ran: Any) -> None:
    one = ran["docs/notebooks/resume.ipynb"]
    came, whole = map(float, re.findall(r"([\d.]+) MB of ([\d.]+) came now", one["shown"])[0])
    assert 0 < came < 0.75 * whole, "the first kernel's part was there"
    assert one["bytes"] < 1.15 * whole * 1e6
    digests = re.findall(r"\b[0-9a-f]{64}\b", one["shown"])
    assert len(digests) == 2 and len(set(digests)) == 1


# --- what can be seen without running -------------------------------------------------------------


def test_what_can_run_is_not_hidden_among_what_cannot() -> None:
    """```text is output, files, other machines: Python belongs into a block that is run."""
    for path in PAGES:
        for kind, text in FENCE.findall(path.read_text("utf-8")):
            assert kind in ("python", "bash", "text", "toml", "dockerfile"), (path.name, kind)
            if kind in ("python", "bash"):
                assert "/tmp/" not in text, (path.name, "what runs stays in its own folder")
            if kind == "text" and path.name != "cli.md" and path.parent.name != "asked":  # what those show was run: test_cli_docs.py
                assert not re.search(r"^(?:import hubjet|from hubjet|hubjet\.\w+\()", text, re.M), (path.name, text)
                assert "[" in text or not re.search(r"^hubjet [a-z]", text, re.M), (path.name, text)  # brackets: a synopsis


def test_every_link_of_the_documents_leads_somewhere_and_every_page_has_a_place_in_the_menu(tmp_path: Path) -> None:
    import yaml  # type: ignore[import-untyped, unused-ignore]

    from website import generate
    from website.stage import Stage

    Stage(ROOT, tmp_path / "pages", {name: lambda *words: "" for name in generate.known()}).run()
    config = yaml.safe_load((ROOT / "website" / "mkdocs.yml").read_text("utf-8"))

    def places(tree: Any) -> set[str]:
        return {tree} if isinstance(tree, str) else set().union(*(places(v) for v in (tree.values() if isinstance(tree, dict) else tree)))

    menu = places(config["nav"])
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")} | {f"notebooks/{path.stem}.md" for path in NOTEBOOKS}
    assert pages <= menu
    assert {name for name in menu if not name.startswith("source/")} <= pages
    for name in menu - pages:
        assert (tmp_path / "pages" / name).exists(), name


def test_the_generated_pages_have_everything() -> None:
    from hubjet import _config
    from website import generate

    options = generate.options()
    for name, option in _config.OPTIONS.items():
        assert f"### `{name}`" in options and all(f"`{env}`" in options for env in option.env), name
    shown = generate.api() + generate.errors()
    for name in hubjet.__all__:
        assert f"### `hubjet.{name}`" in shown or f"### `{name}`" in shown, name
    assert "`TLS_ISSUER`" in shown
    assert "`--limit-rate` of `download`, `get`" in options


def test_a_page_that_fetches_something_is_noticed(tmp_path: Path) -> None:
    from website import check

    (tmp_path / "good.html").write_text('<link rel="stylesheet" href="a.css"><script src="b.js"></script><a href="https://x.example">x</a><link rel="next" href="//c">')
    (tmp_path / "a.css").write_text("@font-face { src: url(font.woff2) }")
    assert list(check.problems(tmp_path)) == []
    for bad in ('<script src="https://x.example/a.js">', '<link rel="preconnect" href="https://x.example">', '<img srcset="a.png 1x, //x.example/b.png 2x">',
                '<div style="background: url(https://x.example/a.png)">', '<pre class="mermaid">'):  # fmt: skip
        (tmp_path / "bad.html").write_text(bad)
        assert len(list(check.problems(tmp_path))) == 1, bad
    (tmp_path / "bad.html").write_text("")
    (tmp_path / "a.css").write_text('@import "https://x.example/a.css";')
    assert len(list(check.problems(tmp_path))) == 1
