"""Peers: the real huggingface_hub clients, run as processes of their own in a clean environment.

Use:

    result = run_peer("2.4", '''
        from huggingface_hub import hf_hub_download
        result = hf_hub_download("org/name", "config.json")
    ''', env=peer_env(world, tmp_path))

            The script leaves its answer in `result` (JSON: paths become text). Instead of text it may be a
            function of this module's caller: its source is sent over and called with `args`. `caught(call)` is there
            in both: runs `call()` and says what it raised ({"class", "bases", "text"}) or returned ({"value"}).
            The interpreters: HUBJET_PEER_24 and HUBJET_PEER_133, else build/venv and build/venv-hub1.
Errors:     PeerError with the script's traceback if it raised, or hung.
Promise:    no HF_*, proxy or certificate variable of ours reaches the peer; only what `env` says.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import tempfile
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any, Callable, Mapping

import pytest

if TYPE_CHECKING:
    from tests.server import World

ROOT = Path(__file__).resolve().parents[2]
VERSIONS = {  # version: (environment variable, virtual environment in build/)
    "2.4": ("HUBJET_PEER_24", "venv"),
    "1.33": ("HUBJET_PEER_133", "venv-hub1"),
}
KEPT = ("PATH", "LANG", "LC_ALL", "TMPDIR", "SYSTEMROOT", "LD_LIBRARY_PATH")
TIMEOUT_S = 60.0

PRELUDE = "from __future__ import annotations\nimport json as _json, sys as _sys\nfrom typing import Any, Callable\n"
EPILOGUE = '''
with open(_sys.argv[1], "w", encoding="utf-8") as _file:
    _json.dump(result, _file, default=str)
'''


def caught(call: Callable[[], Any]) -> dict[str, Any]:
    """What a call came to; sent along with every script."""
    try:
        return {"value": call()}
    except Exception as error:
        bases = [base.__name__ for base in type(error).__mro__]
        return {"class": type(error).__name__, "bases": bases, "text": str(error)}


class PeerError(Exception):
    """The peer's script failed; the text is its traceback."""


def find_peer(version: str) -> Path | None:
    """The interpreter of that huggingface_hub, if it is here."""
    variable, folder = VERSIONS[version]
    named = os.environ.get(variable)
    path = Path(named) if named else ROOT / "build" / folder / "bin" / "python"
    return path if path.exists() else None


def need_peer(version: str) -> Path:
    path = find_peer(version)
    if path is None:
        variable, folder = VERSIONS[version]
        pytest.fail(f"no huggingface_hub {version}: set {variable}, or `make build` makes build/{folder}", pytrace=False)
    return path


def peer_env(world: "World", home: Path, **more: str) -> dict[str, str]:
    """The environment of a client of `world` whose HF_HOME is `home`: plain HTTP transport, no telemetry."""
    return {
        **world.env(),
        "HF_HOME": str(home),
        "HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        **more,
    }


def run_peer(
    version: str,
    script: str | Callable[..., Any],
    env: Mapping[str, str],
    args: Mapping[str, Any] | None = None,
    timeout: float = TIMEOUT_S,
) -> Any:
    """Run `script` under huggingface_hub `version`; returns what it left in `result`.

    args: keyword arguments of a function, global names of a text; JSON values.
    """
    python = need_peer(version)
    given = json.dumps(dict(args or {}), default=str)
    if callable(script):
        body = "\n" + textwrap.dedent(inspect.getsource(script))
        body += f"\nresult = {script.__name__}(**_json.loads({given!r}))\n"
    else:
        body = f"\nglobals().update(_json.loads({given!r}))\n" + textwrap.dedent(script)
    clean = {name: os.environ[name] for name in KEPT if name in os.environ}
    clean.setdefault("LC_ALL", "C.UTF-8")
    with tempfile.TemporaryDirectory(prefix="hubjet-peer-") as folder:
        program, answer = Path(folder, "script.py"), Path(folder, "result.json")
        program.write_text(PRELUDE + inspect.getsource(caught) + body + EPILOGUE, encoding="utf-8")
        try:
            done = subprocess.run(
                [str(python), "-B", str(program), str(answer)],
                env={**clean, **env},
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=timeout,
            )
        except subprocess.TimeoutExpired as error:
            raise PeerError(f"huggingface_hub {version} did not end in {timeout} s: {error.stderr!r}") from error
        if done.returncode != 0:
            raise PeerError(f"huggingface_hub {version} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return json.loads(answer.read_text(encoding="utf-8"))
