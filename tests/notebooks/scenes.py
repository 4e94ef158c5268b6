"""What is tried in notebooks: the hub, and cells as a person types them.

A scene is a list of cells. The hub sends 25 MB/s in all, so that there is something to see; what is asked for is 90 MB.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.server import World

RATE = 25e6
SHARDS = {f"model-0000{n}-of-00003.safetensors": bytes([n]) * 30_000_000 for n in (1, 2, 3)}
SMALL = {"README.md": b"# card\n" * 200, "config.json": b"{}" * 300, "tokenizer.json": b"x" * 2_100_000}

KERNEL = ["import hubjet", 'hubjet.from_pretrained("org/model")', "hubjet.receipt().plot()"]
BANG = ["!python -m hubjet download org/model", '!python -c "import hubjet; hubjet.snapshot_download(\'org/second\')"']
THREADS = [
    "import hubjet, threading",
    'names = ["org/one", "org/two", "org/three"]\n'
    "each = [threading.Thread(target=hubjet.snapshot_download, args=(name,)) for name in names]\n"
    "for one in each: one.start()\n"
    "for one in each: one.join()",
]
STOPPED = ["import hubjet", 'hubjet.from_pretrained("org/model")', 'hubjet.from_pretrained("org/model")']
REFUSED = ["import hubjet", 'hubjet.from_pretrained("org/missing")']
BARS = [
    "import hubjet\nfrom tqdm import tqdm",
    'for name in tqdm(["org/one", "org/two"], desc="models"):\n    hubjet.snapshot_download(name)',
    'hubjet.hf_hub_download("org/second", "model.safetensors", tqdm_class=tqdm)',
]
ITSELF = [  # where nobody looks while it runs: Kaggle's "Save version", nbconvert, papermill
    "import hubjet, sys",
    'folder = hubjet.snapshot_download("org/model")',
    "hubjet.receipt()",
    'hubjet.hf_hub_download("org/model", "config.json")',
    'sorted(name for name in sys.modules if name.startswith(("ipywidgets", "tqdm")))',
    'hubjet.from_pretrained("org/missing")',
]


@contextmanager
def hub(folder: Path, rate: float = RATE) -> Iterator[tuple[World, dict[str, str]]]:
    """The hub, and what a kernel's environment says of it."""
    with World() as world:
        world.repo("org/model").commit({**SMALL, **SHARDS})
        world.repo("org/second").commit({"model.safetensors": b"z" * 60_000_000})
        for number, name in enumerate(("one", "two", "three")):
            world.repo(f"org/{name}").commit({"model.safetensors": bytes([65 + number]) * 30_000_000})
        world.pace(None, rate)
        yield world, {**world.env(), "HF_HUB_CACHE": str(folder / "cache"), "HUBJET_RUN_DIR": str(folder / "run")}


def notebook(cells: list[str]) -> Any:
    """As a file would have it."""
    import nbformat

    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(text) for text in cells], metadata={"kernelspec": kernel})
