"""A notebook that runs by itself: `python -m tests.notebooks.alone OUT.ipynb`, in a Python that has nbclient and ipykernel.

Written to OUT is what a person finds when it is over. The last cell fails, and is to.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from tests.notebooks import scenes

ROOT = Path(__file__).resolve().parents[2]


def main(out: str) -> int:
    import nbformat
    from nbclient import NotebookClient

    with tempfile.TemporaryDirectory(prefix="hubjet-notebook-") as made, scenes.hub(Path(made), 60e6) as (_, env):
        os.environ.update({**env, "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT)]), "HOME": made, "IPYTHONDIR": f"{made}/ipython", "PYDEVD_DISABLE_FILE_VALIDATION": "1"})
        notebook = scenes.notebook(scenes.ITSELF)
        NotebookClient(notebook, timeout=60, allow_errors=True, resources={"metadata": {"path": made}}).execute()
    nbformat.write(notebook, out)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
