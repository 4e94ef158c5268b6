"""Runs what the documents say: each ```python block and notebook in an IPython kernel, each ```bash block in a shell, against the embedded hub.

Use     python -m tests.py.documents OUT.json [NAME …]      in build/venv-notebook; test_documents.py reads OUT.json: for each document
        `error` ("" if it ran), `shown` (a notebook as Markdown), and what the hub was asked meanwhile.
        A document's blocks are one program, in their order. Addresses of elsewhere are replaced (tests/py/models.py, stand_ins); lines
        that install are left out; nothing else is changed. ```text is for what cannot run here: output, other people's machines.
        The kernel is one for all, because torch and transformers cost seconds to import: between two documents names, hooks, limits and the
        cache are cleared. `make docs` runs each notebook in a kernel of its own.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from tests.py.models import Hub, Place
from website import notebooks
from website.notebooks import Kernel

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(python|bash)\n(.*?)^```$", re.S | re.M)
INSTALLS = re.compile(r"^!(?:pip|apt-get) .*\n", re.M)
SHELL_S = 60
# In a kernel a loop runs already, in which asyncio.run may not be called: there it gets a thread.
BEFORE = """\
def _in_a_thread():
    import asyncio
    from concurrent.futures import ThreadPoolExecutor
    run, pool = asyncio.run, ThreadPoolExecutor(1)
    asyncio.run = lambda main: pool.submit(run, main).result()
_in_a_thread()
"""
SWEEP = """\
import hubjet as _hubjet
getattr(_hubjet, "disable", lambda: None)()
for _change in (_hubjet.limit_rate, _hubjet.polite):
    _change(None)
    _change(None, everywhere=True)
%reset -f
"""


def blocks(path: Path, language: str) -> list[str]:
    return [text for kind, text in FENCE.findall(path.read_text("utf-8")) if kind == language]


def documents() -> list[str]:
    """README.md, docs/…: those that have something to run, and the notebooks; as paths in the repository."""
    pages = [ROOT / "README.md", *sorted(page for page in (ROOT / "docs").rglob("*.md") if page.parent.name != "asked")]  # those: test_cli_docs.py
    found = [path for path in pages if blocks(path, "python") or blocks(path, "bash")]
    return [path.relative_to(ROOT).as_posix() for path in [*found, *sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))]]


def in_shell(hub: Hub, page: str, folder: Path) -> str:
    """The page's ```bash blocks as one script; what went wrong."""
    place = Place(hub, folder)
    script = put(hub, "\n".join(blocks(ROOT / page, "bash")))
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=place.env, capture_output=True, text=True, timeout=SHELL_S)
    return "" if done.returncode == 0 else f"exit code {done.returncode}\n{done.stdout}{done.stderr}"


def put(hub: Hub, text: str) -> str:
    for said, instead in hub.stand_ins().items():
        text = text.replace(said, instead)
    return text


def as_notebook(hub: Hub, page: str, folder: Path) -> Path:
    """The page's ```python blocks as a notebook's cells."""
    import nbformat

    cells = [nbformat.v4.new_code_cell(INSTALLS.sub("", put(hub, text))) for text in blocks(ROOT / page, "python")]
    path = folder / "page.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    return path


def in_kernel(hub: Hub, name: str, kernel: Kernel, place: Place) -> dict[str, Any]:
    path = ROOT / name if name.endswith(".ipynb") else as_notebook(hub, name, place.folder)
    hub.refuse()
    hub.world.clear()
    began = time.monotonic()
    answer: dict[str, Any] = {"error": "", "shown": ""}
    try:
        ran = notebooks.run(path, kernel, hub)
        answer["shown"] = hub.as_people_see_it(notebooks.to_markdown(ran, "page", place.folder), place.folder)
    except Exception as error:
        answer["error"] = notebooks.ANSI.sub("", f"{type(error).__name__}: {error}")
    answer["seconds"] = round(time.monotonic() - began, 2)
    requests = hub.world.requests
    answer["agents"] = sorted({request.headers.get("user-agent", "") for request in requests if request.origin == "hub"})
    answer["tokens"] = sorted({request.origin for request in requests if request.token_sent})
    answer["bytes"] = sum(request.bytes for request in hub.world.bodies())
    kernel.execute(SWEEP)
    shutil.rmtree(place.folder / ".cache", ignore_errors=True)
    return answer


def main(words: list[str]) -> int:
    out, *wanted = words
    names = wanted or documents()
    found: dict[str, dict[str, Any]] = {name: {"error": "", "shown": ""} for name in names}
    with tempfile.TemporaryDirectory(prefix="hubjet-documents-") as made, Hub() as hub, Hub() as another:
        place = Place(hub, Path(made, "kernel"))
        with Kernel(place.env, place.folder) as kernel:
            models = Path(made, "models")  # made in the kernel itself: what it imports for that is there for everything else
            kernel.execute(f"from tests.py.models import make; make({str(models)!r})")
            kernel.execute(BEFORE)
            for one in (hub, another):
                one.fill(models)
            # The shells' pages run beside: they have a hub of their own, so that each book has the requests of one.
            shells = threading.Thread(target=_shells, args=(another, names, Path(made), found))
            shells.start()
            for name in names:
                if name.endswith(".ipynb") or blocks(ROOT / name, "python"):
                    answer = in_kernel(hub, name, kernel, place)
                    found[name] |= {**answer, "error": found[name]["error"] + answer["error"]}
            shells.join()
    Path(out).write_text(json.dumps(found), "utf-8")
    return 0


def _shells(hub: Hub, names: list[str], folder: Path, found: dict[str, dict[str, Any]]) -> None:
    for number, name in enumerate(name for name in names if name.endswith(".md")):
        if blocks(ROOT / name, "bash"):
            try:
                found[name]["error"] += in_shell(hub, name, folder / f"shell-{number}")
            except Exception as error:
                found[name]["error"] += f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
