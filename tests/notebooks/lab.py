"""JupyterLab with a kernel that knows hubjet, and a browser that looks at it.

Use     with Lab(folder, env) as lab, lab.page(dark=True) as page: page.open("x.ipynb"); page.run_all(); page.shot(path)
        In build/venv-jupyter; the browser is the system's chromium, headless. 127.0.0.1 only, ports of the system's choice.
Owns    the server and the browser: both end with the block.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
START_S = 60
SETTINGS = {
    "apputils-extension/notification": '{"fetchNews": "false", "checkForUpdates": false, "doNotDisturbMode": true}',
    "notebook-extension/tracker": '{"windowingMode": "none"}',  # else cells that are out of sight are not in the page
}

RENAME = """names => {
    const walker = document.createTreeWalker(document.querySelector('.jp-Notebook'), NodeFilter.SHOW_TEXT);
    for (let node = walker.nextNode(); node; node = walker.nextNode())
        for (const [here, there] of names)
            if (node.data.includes(here)) node.data = node.data.replaceAll(here, there);
}"""


class Lab:
    def __init__(self, folder: Path, env: dict[str, str]) -> None:
        self.folder, self.token = folder, secrets.token_hex(8)
        home = folder / ".home"
        for place, settings in SETTINGS.items():
            file = home / "settings" / "@jupyterlab" / f"{place}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(settings)
        paths = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
        bin_ = os.path.dirname(sys.executable)
        self.env = {
            **os.environ, "HOME": str(home), "PYTHONPATH": paths, "JUPYTER_RUNTIME_DIR": str(home / "runtime"), "IPYTHONDIR": str(home / "ipython"),
            "PATH": f"{bin_}{os.pathsep}{os.environ['PATH']}", "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTERLAB_SETTINGS_DIR": str(home / "settings"), "PYDEVD_DISABLE_FILE_VALIDATION": "1", **env,
        }  # fmt: skip

    def __enter__(self) -> Lab:
        self._log = open(self.folder / ".home" / "log", "w+b")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", "--port=0", "--allow-root", f"--IdentityProvider.token={self.token}",
             f"--ServerApp.root_dir={self.folder}", "--expose-app-in-browser", "--ServerApp.terminals_enabled=False"],
            env=self.env, stdout=self._log, stderr=subprocess.STDOUT, start_new_session=True,
        )  # fmt: skip
        self.url = self._wait_for_url()
        return self

    def _wait_for_url(self) -> str:
        """The server writes it to its log when it listens."""
        until = time.monotonic() + START_S
        while time.monotonic() < until and self._server.poll() is None:
            said = Path(self._log.name).read_text("utf-8", "replace")
            found = re.search(r"http://127\.0\.0\.1:\d+", said)
            if found:
                return found.group()
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not begin:\n{Path(self._log.name).read_text('utf-8', 'replace')}")

    def __exit__(self, *_error: object) -> None:
        os.killpg(self._server.pid, signal.SIGTERM)
        try:
            self._server.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._server.pid, signal.SIGKILL)
            self._server.wait()
        self._log.close()

    @contextmanager
    def page(self, *, dark: bool = False, width: int = 980, height: int = 760) -> Iterator[Page]:
        """A window of the browser."""
        from playwright.sync_api import sync_playwright

        chromium = shutil.which("chromium") or shutil.which("chromium-browser")
        if chromium is None:
            raise RuntimeError("no chromium on this machine: apt-get install chromium")
        with sync_playwright() as p:
            browser = p.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"])
            try:
                yield Page(self, browser.new_page(viewport={"width": width, "height": height}), dark)
            finally:
                browser.close()


class Page:
    """One notebook in its window."""

    def __init__(self, lab: Lab, page: Any, dark: bool) -> None:
        self.lab, self.page, self._dark = lab, page, dark
        self.page.set_default_timeout(60_000)

    def open(self, name: str) -> None:
        self.page.goto(f"{self.lab.url}/doc/tree/{name}?token={self.lab.token}&reset")
        self.page.wait_for_selector(".jp-Notebook .jp-Cell")
        self.page.wait_for_function("window.jupyterapp !== undefined")
        theme = "JupyterLab Dark" if self._dark else "JupyterLab Light"
        self.command("apputils:change-theme", theme=theme)
        self.page.wait_for_selector(f"body[data-jp-theme-name='{theme}']", state="attached")
        self.page.wait_for_function(  # its kernel is there: before, commands do nothing
            "document.querySelector('.jp-Toolbar-kernelName')?.innerText.includes('Python')"
            " && document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status === 'idle'"
        )

    def command(self, name: str, **how: Any) -> None:
        self.page.evaluate("([name, how]) => { window.jupyterapp.commands.execute(name, how); }", [name, how])

    def run_all(self) -> None:
        self.command("notebook:run-all-cells")

    def run(self, cell: int) -> None:
        self.page.locator(".jp-Cell").nth(cell).locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")

    def outputs(self, cell: int) -> list[str]:
        """What each output of a code cell shows, as text."""
        code = self.page.locator(".jp-CodeCell").nth(cell)
        return [str(text) for text in code.locator(".jp-OutputArea-child .jp-OutputArea-output").all_inner_texts()]

    def until(self, what: str, ready: Callable[[], bool], seconds: float = 60) -> None:
        """Looks again and again; the page moves by itself meanwhile."""
        end = time.monotonic() + seconds
        while not ready():
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not within {seconds:g} s; the cells show {self.shown()}")
            self.page.wait_for_timeout(50)

    def idle(self) -> bool:
        return bool(self.page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").count())

    def shown(self) -> list[tuple[str, list[str]]]:
        """Of each cell its prompt and the begin of its outputs."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return [(prompt, [text[:300] for text in self.outputs(n)]) for n, prompt in enumerate(prompts)]

    def done(self) -> bool:
        """Every cell has run."""
        prompts = self.page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
        return all(re.fullmatch(r"\[\d+\]:", prompt.strip()) for prompt in prompts)

    def shot(self, path: Path, cells: tuple[int, int] | None = None) -> Path:
        """A picture of these cells (first, last), or of the notebook; with the names of people's places instead of this machine's."""
        hub = self.lab.env["HF_ENDPOINT"]
        names = [[str(ROOT / "python"), "…/site-packages"], [str(self.lab.folder / ".home"), "~"], [str(self.lab.folder), "~"],
                 [hub, "https://huggingface.co"], [hub.partition("://")[2], "huggingface.co"]]  # fmt: skip
        self.page.evaluate(RENAME, names)
        box = None
        if cells is not None:
            self.page.locator(".jp-Cell").nth(cells[0]).scroll_into_view_if_needed()
            boxes = [self.page.locator(".jp-Cell").nth(n).bounding_box() for n in range(cells[0], cells[1] + 1)]
            left, top = min(b["x"] for b in boxes if b), min(b["y"] for b in boxes if b)
            right, bottom = max(b["x"] + b["width"] for b in boxes if b), max(b["y"] + b["height"] for b in boxes if b)
            box = {"x": left, "y": max(top, 0), "width": right - left, "height": bottom - max(top, 0)}
        path.parent.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=str(path), **({"clip": box} if box else {}))
        return path
