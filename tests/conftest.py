"""What every test has: a world that ends with its test, a cache of its own, no user settings, no stranger on the network.

Fixtures
    world       the embedded hub and its CDN (tests.server.World), fresh for each test
    cache       an empty HF_HUB_CACHE, as Path
    hub_env     the environment points at `world` and `cache` (and at nothing of the user's)
    requests    the requests made since the last call of it: `requests()` answers and empties the list
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from tests.whole import pytest_sessionfinish  # noqa: F401  (a hook: pytest finds it here)

ROOT = Path(__file__).resolve().parent.parent
LOOPBACK = {"127.0.0.1", "localhost", "[::1]"}

# A shell without job control starts what it puts into the background with SIGINT ignored, and every child inherits that: Python then has no
# KeyboardInterrupt, and the tests of Ctrl-C waited a minute each (seen 2026-11-23: `make sanitize &`).
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees the user's Hub settings, token or home."""
    for name in list(os.environ):
        if name.startswith(("HF_", "HUGGING", "TRANSFORMERS_", "HUBJET_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name, raising=name in os.environ)
    for name in ("COLUMNS", "LINES"):  # of the terminal the suite was started in; a worker of pytest-xdist is told them
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf-home"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)


@pytest.fixture(autouse=True)
def no_stranger() -> Iterator[None]:
    """The visitors' book of this process names loopback only."""
    if "hubjet" not in sys.modules:
        yield
        return
    from hubjet import _native

    before = max((v["n"] for v in _native.ledger()), default=0)
    yield
    strangers = {v["origin"] for v in _native.ledger(before) if urlsplit(v["origin"]).hostname not in LOOPBACK}
    assert not strangers, f"a test reached for {strangers}"


@pytest.fixture
def world() -> Iterator[Any]:
    from tests.server import World

    with World() as w:
        yield w


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def hub_env(world: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in world.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))


@pytest.fixture
def requests(world: Any) -> Callable[[], list[Any]]:
    def take() -> list[Any]:
        seen = list(world.requests)
        world.clear()
        return seen

    return take
