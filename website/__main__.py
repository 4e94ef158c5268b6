"""python -m website [--no-notebooks]: build/site/index.html. `make docs` sets up first.

The steps: docs/ becomes one folder of Markdown, with what comes from the code (stage.py, generate.py); the notebooks are run against the
embedded hub (notebooks.py, in build/venv-notebook); mkdocs, where every warning is an error; and the doubts (check.py).
--no-notebooks: those pages show what was run last, or only the cells.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from website import check, generate
from website.stage import Broken, Stage

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "build" / "docs"
SITE = ROOT / "build" / "site"


def say(text: str) -> None:
    print(f"-- {text}", file=sys.stderr, flush=True)


def main(words: list[str]) -> int:
    ran = WORK / "notebooks"
    if "--no-notebooks" not in words:
        python = ROOT / "build" / "venv-notebook" / "bin" / "python"
        shutil.rmtree(ran, ignore_errors=True)
        subprocess.run([str(python), "-m", "website.notebooks", str(ran)], cwd=ROOT, check=True)
    say("collecting the pages")
    pages = WORK / "pages"
    try:
        Stage(ROOT, pages, generate.known()).run()
    except Broken as broken:
        return _failed(str(broken))
    _notebooks(ran, pages / "notebooks")
    shutil.copytree(ROOT / "website" / "theme", pages / "theme", ignore=shutil.ignore_patterns("overrides"))
    say("mkdocs")
    made = subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--config-file", str(ROOT / "website" / "mkdocs.yml")],
                          cwd=ROOT, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"})  # fmt: skip
    if made.returncode:
        return made.returncode
    found = list(check.problems(SITE))
    if found:
        return _failed("\n".join(found))
    say(f"{sum(1 for _ in SITE.rglob('*.html'))} pages: {SITE / 'index.html'}")
    return 0


def _notebooks(ran: Path, pages: Path) -> None:
    """As they were run; else (--no-notebooks, for the first time) without answers."""
    pages.mkdir(parents=True, exist_ok=True)
    for path in (ROOT / "docs" / "notebooks").glob("*.ipynb"):
        if not (ran / f"{path.stem}.md").exists():
            cells = [(cell["cell_type"], "".join(cell["source"])) for cell in json.loads(path.read_text("utf-8"))["cells"]]
            parts = [text if kind == "markdown" else f"```python\n{text}\n```" for kind, text in cells]
            (pages / f"{path.stem}.md").write_text("\n\n".join(parts) + "\n", "utf-8")
        shutil.copyfile(path, pages / path.name)
    for path in ran.glob("*") if ran.exists() else ():
        shutil.copyfile(path, pages / path.name)


def _failed(text: str) -> int:
    print(text, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
