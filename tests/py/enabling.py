"""What the tests of enable() share: a client of either huggingface_hub in a process of its own, which can import hubjet.

Use:        from tests.py.enabling import peer, version, newer  (fixtures);  peer(function, env={...}, arg=...) -> what it returned
            `lines(requests)`: the requests as text, without commits, digests and queries, sorted: to be compared.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Callable

import pytest

import hubjet
from tests.py.peers import peer_env, run_peer
from tests.server import Request, World


@pytest.fixture(params=["2.4", "1.33"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def peer(version: str, world: World, cache: Path, tmp_path: Path) -> Callable[..., Any]:
    """`peer(script, **args)`: runs in a process of huggingface_hub `version`; `env` adds variables, "" takes one away."""
    return _peer(version, world, cache, tmp_path)


@pytest.fixture
def newer(world: World, cache: Path, tmp_path: Path) -> Callable[..., Any]:
    """The same, of 2.4 only: for what does not depend on the line."""
    return _peer("2.4", world, cache, tmp_path)


def _peer(version: str, world: World, cache: Path, tmp_path: Path) -> Callable[..., Any]:
    def run(script: Any, env: dict[str, str] | None = None, timeout: float = 60, **args: Any) -> Any:
        root = Path(hubjet.__file__).parents[1]
        all_of_it = {**peer_env(world, tmp_path / "home", HF_HUB_CACHE=str(cache), PYTHONPATH=str(root)), **(env or {})}
        return run_peer(version, script, {name: value for name, value in all_of_it.items() if value}, args, timeout)

    return run


def lines(requests: list[Request]) -> list[str]:
    """`HEAD /org/name/resolve/COMMIT/config.json`."""
    return sorted(f"{r.method} {re.sub('[0-9a-f]{40,64}', 'COMMIT', r.name)}" for r in requests)
