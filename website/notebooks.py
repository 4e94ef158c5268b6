"""The example notebooks: run against the embedded hub, and shown as Markdown.

Use     with Hub() as hub: notebook = run(path, hub.env, hub); page = to_markdown(notebook, name, folder)
        `python -m website.notebooks FOLDER [NAME …]` runs each in a kernel of its own and writes FOLDER/NAME.md.
        In build/venv-notebook: nbclient and ipykernel, and everything that build/venv has.
        A notebook reads as it is meant for people: real names, the real hub. Here HF_ENDPOINT leads to tests.server, which has models
        of these names: MiniLM is the real one, the others are made small on the spot (tests/py/models.py). Tags of a cell say what is
        done beside it: `install` is not run; before `accepted` somebody accepts the conditions; `dies` ends its kernel, and a new one goes on.
Errors  nbclient's CellExecutionError; Unexpected, where a cell that is to end its kernel did not.
"""

from __future__ import annotations

import base64
import html
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.py.models import Hub

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "docs" / "notebooks"
ORDER = ("transformers", "diffusers", "sentence-transformers", "gated", "resume")
CELL_S = 120
INSTALL, ACCEPTED, DIES = "install", "accepted", "dies"
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Unexpected(Exception):
    """A notebook did not do what its tags say."""


# --- run ------------------------------------------------------------------------------------------


class Kernel:
    """An IPython kernel with an environment of its own, for one notebook or, where only the imports cost, for several."""

    def __init__(self, env: Mapping[str, str], folder: Path) -> None:
        self.env, self.folder, self.count = dict(env), folder, 0

    def __enter__(self) -> Kernel:
        from jupyter_client.manager import AsyncKernelManager
        from jupyter_core.utils import run_sync

        # Sockets of files: no port for others to find, and the kernel does not warn of one. Their paths have to be short.
        self.count += 1
        self.manager = AsyncKernelManager(transport="ipc", ip=str(self.folder / f"k{self.count}"))
        run_sync(self.manager.start_kernel)(env=self.env, cwd=str(self.folder))
        return self

    def __exit__(self, *_error: object) -> None:
        from jupyter_core.utils import run_sync

        run_sync(self.manager.shutdown_kernel)(now=True)

    def again(self) -> None:
        self.__exit__()
        self.__enter__()

    def execute(self, code: str) -> None:
        """Runs it outside of any notebook. Errors: CellExecutionError."""
        import nbformat

        cell = nbformat.v4.new_code_cell(code)
        _run_some(nbformat.v4.new_notebook(cells=[cell]), [(0, cell)], self, None)


def run(path: Path, kernel: Kernel, hub: Hub) -> Any:
    """The notebook with what its cells answered. Cells run in their order, each once."""
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    cells = list(enumerate(notebook.cells))
    while cells:
        cells = _run_some(notebook, cells, kernel, hub)
    return notebook


def _run_some(notebook: Any, cells: list[tuple[int, Any]], kernel: Kernel, hub: Hub | None) -> list[tuple[int, Any]]:
    """Up to the end, or to where the kernel ends; what is left."""
    from nbclient import NotebookClient
    from nbclient.exceptions import DeadKernelError

    client = NotebookClient(notebook, km=kernel.manager, timeout=CELL_S, resources={"metadata": {"path": str(kernel.folder)}})
    client.reset_execution_trackers()
    client.start_new_kernel_client()
    try:
        for number, (index, cell) in enumerate(cells):
            tags = cell.metadata.get("tags", [])
            if cell.cell_type != "code" or INSTALL in tags:
                continue
            if ACCEPTED in tags and hub is not None:
                hub.accept()
            try:
                client.execute_cell(cell, index)
            except DeadKernelError:
                if DIES not in tags:
                    raise
                kernel.again()
                return cells[number + 1 :]
            if DIES in tags:
                raise Unexpected(f"cell {index} was to end its kernel")
        return []
    finally:
        client.kc.stop_channels()


# --- as Markdown ----------------------------------------------------------------------------------


def to_markdown(notebook: Any, name: str, folder: Path) -> str:
    """One page; what libraries say on stderr is left out. Pictures go into `folder` as NAME-1.png …"""
    pictures = 0
    parts: list[str] = []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "markdown":
            parts.append(cell.source)
            continue
        parts.append(f"```python\n{cell.source}\n```")
        for output in cell.outputs:
            data = output.get("data", {})
            if output.get("name") == "stderr":
                continue  # other libraries' bars and warnings: ours are displayed
            if "image/png" in data:
                pictures += 1
                file = f"{name}-{pictures}.png"
                (folder / file).write_bytes(base64.b64decode(data["image/png"]))
                parts.append(f"![what the cell shows]({file})")
            elif "text/html" in data:
                parts.append(f'<div class="cell-html">{"".join(data["text/html"])}</div>')
            else:
                parts.append(_plain(_text_of(output)))
        if DIES in tags:
            parts.append('<p class="cell-said">The kernel is gone. What follows ran in a new one.</p>')
    return "\n\n".join(filter(None, parts)) + "\n"


def _text_of(output: Any) -> str:
    if output.output_type == "stream":
        return str(output.text)
    if output.output_type == "error":
        return f"{output.ename}: {output.evalue}"
    return "".join(output.data.get("text/plain", ""))


def _plain(text: str) -> str:
    """As a terminal leaves it: no colours, and of a line that was written over the last state."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in ANSI.sub("", text).rstrip().split("\n")]
    shown = "\n".join(line.rstrip() for line in lines).strip("\n")
    return f'<pre class="cell-out"><code>{html.escape(shown)}</code></pre>' if shown.strip() else ""


# --- by hand, and for `make docs` -----------------------------------------------------------------


def main(words: Iterable[str]) -> int:
    import subprocess
    import tempfile

    from tests.py.models import Hub, Place

    folder, *names = words
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="hubjet-notebook-") as made, Hub() as hub:
        subprocess.run([sys.executable, "-m", "tests.py.models", str(Path(made, "models"))], cwd=ROOT, check=True, env=hub.env(Path(made)))
        hub.fill(Path(made, "models"))
        for name in names or ORDER:
            print(f"-- running docs/notebooks/{name}.ipynb", file=sys.stderr, flush=True)
            place = Place(hub, Path(made, name))
            with Kernel(place.env, place.folder) as kernel:
                page = to_markdown(run(FOLDER / f"{name}.ipynb", kernel, hub), name, out)
            (out / f"{name}.md").write_text(hub.as_people_see_it(page, place.folder), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
