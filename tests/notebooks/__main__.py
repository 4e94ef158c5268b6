"""`make notebooks`: each scene in real Jupyter in a real browser; what the page shows is compared, and photographed.

Use     python -m tests.notebooks [--images] [NAME …]    --images: the pictures of docs/images are made anew, of what lies in build/notebooks
Errors  AssertionError with what the page showed; exit code 1.
"""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path

from tests.notebooks import scenes
from tests.notebooks.lab import ROOT, Lab, Page

IN_DOCUMENTS = tuple(f"notebook-{name}.png" for name in ("progress", "bang", "receipt", "receipt-dark", "resumed", "threads", "error"))
RUNS = r"\d+%.*MB/s.* left"  # a line or strip that moves
OVER = r"org/\w+: (\d files, )?[\d.]+ MB in [\d.]+ s, [\d.]+ MB/s"


def moving(page: Page, cell: int) -> Callable[[], bool]:
    return lambda: any(re.search(RUNS, text, re.S) for text in page.outputs(cell))


def strips(page: Page, cell: int) -> int:
    return int(page.page.locator(".jp-CodeCell").nth(cell).locator("progress").count())


def kernel(page: Page, pictures: Path) -> None:
    """One strip while it runs; words, table and picture when it is over."""
    page.run_all()
    page.until("the strip moves", moving(page, 1))
    assert strips(page, 1) == 1 and len(page.outputs(1)) == 1, page.outputs(1)
    page.shot(pictures / "notebook-progress.png", (0, 1))
    page.until("all cells have run", page.done)
    words, table = page.outputs(1)
    assert strips(page, 1) == 0 and re.fullmatch(OVER, words), words
    assert "model-00001-of-00003.safetensors\t30.0 MB\tsha256" in table and "config.json\t600 B\tgit-sha1" in table, table
    assert page.page.locator(".jp-CodeCell").nth(2).locator("svg polyline").count() == 2
    page.shot(pictures / "notebook-receipt.png", (1, 2))


def dark(page: Page, pictures: Path) -> None:
    """The same in the dark: every word is lighter than the page."""
    place = ROOT / "build" / "notebooks" / "dark"
    kernel(page, place)
    (pictures / "notebook-receipt-dark.png").write_bytes((place / "notebook-receipt.png").read_bytes())
    colours = page.page.evaluate(
        "[...document.querySelectorAll('.jp-CodeCell .jp-RenderedHTMLCommon td, .jp-CodeCell .jp-RenderedHTMLCommon b')].map(e => getComputedStyle(e).color)"
    )
    assert colours and all(min(map(int, re.findall(r"\d+", one)[:3])) > 150 for one in colours), set(colours)


def bang(page: Page, pictures: Path) -> None:
    """In `!` cells, a pty, one line that moves, and one in the end."""
    page.run_all()
    for cell in (0, 1):
        page.until("the line moves", moving(page, cell))
        (text,) = page.outputs(cell)
        assert sum("%" in line for line in text.strip().splitlines()) == 1, text  # above it the command says its plan
        page.shot(pictures / f"notebook-bang{cell or ''}.png", (0, 1))
    page.until("all cells have run", page.done)
    (text,) = page.outputs(0)
    assert "%" not in text and text.count("MB/s") == 1 and "/snapshots/" in text.strip().splitlines()[-1], text
    (text,) = page.outputs(1)
    assert re.fullmatch(OVER, text.strip()), text


def threads(page: Page, pictures: Path) -> None:
    """Three downloads at once: one strip, and a line for each."""
    page.run_all()
    page.until("the strip moves", lambda: any("3 downloads" in text for text in page.outputs(1)))
    assert strips(page, 1) == 1 and len(page.outputs(1)) == 1, page.outputs(1)
    page.shot(pictures / "notebook-threads.png", (0, 1))
    page.until("all cells have run", page.done)
    (text,) = page.outputs(1)
    assert sorted(line.partition(":")[0] for line in text.splitlines()) == ["org/one", "org/three", "org/two"], text


def stopped(page: Page, pictures: Path) -> None:
    """Interrupted, it says what is here; the next cell goes on from there and says so."""
    page.run_all()
    page.until("the strip moves", moving(page, 1))
    page.command("notebook:interrupt-kernel")
    page.until("it stopped", lambda: "stopped after" in "".join(page.outputs(1)))
    page.until("the kernel is idle", page.idle)
    page.page.wait_for_timeout(1000)  # what it is asked meanwhile is dropped, as what stood behind the failed cell
    page.run(2)
    page.until("the next cell goes on", moving(page, 2))
    page.shot(pictures / "notebook-resumed.png", (2, 2))
    page.until("it is over", lambda: "were here from an earlier call" in "".join(page.outputs(2)))
    words = page.outputs(2)[0]
    here = re.search(r"; ([\d.]+) MB were here", words)
    assert here and 0 < float(here.group(1)) < 92, words


def bars(page: Page, pictures: Path) -> None:
    """A caller's bar stays the caller's; a caller's tqdm_class is used."""
    page.run_all()
    page.until("the strip moves", moving(page, 1))
    assert strips(page, 1) == 1 and "models:" in "".join(page.outputs(1))
    page.shot(pictures / "notebook-bars.png", (0, 2))
    page.until("all cells have run", page.done)
    assert "".join(page.outputs(1)).count("models:") <= 2, "its bar is not torn by each download"
    assert "2/2" in "".join(page.outputs(1)) and strips(page, 2) == 0 and "60.0M/60.0M" in "".join(page.outputs(2))


def refused(page: Page, pictures: Path) -> None:
    """An error: the line of the cell, and the message; nothing of ours between them."""
    page.run_all()
    page.until("the error is there", lambda: "settings/tokens" in "".join(page.outputs(1)))
    (text,) = page.outputs(1)
    assert "RepoNotFound" in text and "org/missing does not exist" in text and "_snapshot.py" not in text and len(text.splitlines()) < 20, text
    page.shot(pictures / "notebook-error.png", (1, 1))


SCENES: dict[str, tuple[list[str], Callable[[Page, Path], None]]] = {
    "kernel": (scenes.KERNEL, kernel),
    "dark": (scenes.KERNEL, dark),
    "bang": (scenes.BANG, bang),
    "threads": (scenes.THREADS, threads),
    "stopped": (scenes.STOPPED, stopped),
    "bars": (scenes.BARS, bars),
    "refused": (scenes.REFUSED, refused),
}


def play(name: str, pictures: Path) -> None:
    import nbformat

    cells, check = SCENES[name]
    with tempfile.TemporaryDirectory(prefix="hubjet-lab-") as made, scenes.hub(Path(made)) as (_, env):
        nbformat.write(scenes.notebook(cells), Path(made, f"{name}.ipynb"))
        with Lab(Path(made), env) as lab, lab.page(dark=name == "dark") as page:
            page.open(f"{name}.ipynb")
            try:
                check(page, pictures)
            except Exception:
                page.shot(ROOT / "build" / "notebooks" / f"failed-{name}.png")
                raise


def main(words: list[str]) -> int:
    pictures = ROOT / "build" / "notebooks"
    failed = []
    for name in [word for word in words if not word.startswith("-")] or list(SCENES):
        try:
            play(name, pictures)
        except Exception:
            traceback.print_exc()
            failed.append(name)
        print(f"{name}: {'failed' if name in failed else 'as it should be'}", flush=True)
    if "--images" in words and not failed:
        for name in IN_DOCUMENTS:
            if (pictures / name).exists():
                shutil.copyfile(pictures / name, ROOT / "docs" / "images" / name)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
