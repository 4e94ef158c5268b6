"""huggingface_hub's requests say nothing about this computer while enable() holds, and nobody waits long for a secret. Imports the package's
version, and _auth.vaults in a notebook.

Its user-agent names versions of Python, torch and of the calling library, and which AI agent runs the program; to know that it asks the hub for
a list of agents. Under enable() all its requests carry our user-agent, the list is not asked for, and no telemetry is sent.
"""

from __future__ import annotations

from .. import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType
    from typing import Any

    from .._status import Counts


def make_user_agent(
    original: Callable[..., Any], active: Callable[[], bool], _module: ModuleType, _counts: Counts
) -> Callable[..., Any]:
    """utils._headers._http_user_agent."""

    def _http_user_agent(**described: Any) -> Any:
        return f"hubjet/{__version__}" if active() else original(**described)

    return _http_user_agent


def make_registry(
    original: Callable[..., Any], active: Callable[[], bool], module: ModuleType, _counts: Counts
) -> Callable[..., Any]:
    """utils._detect_agent._get_registry: an empty list, which finds no agent. It is not kept: after disable() theirs is read as ever."""

    def _get_registry() -> Any:
        return {"standardEnvVars": [], "harnesses": {}} if active() else original()

    return _get_registry


def make_telemetry(
    original: Callable[..., Any], active: Callable[[], bool], _module: ModuleType, counts: Counts
) -> Callable[..., Any]:
    """utils._telemetry._send_telemetry_in_thread."""

    def _send_telemetry_in_thread(topic: str, **described: Any) -> None:
        if active():
            counts.saved()
        else:
            original(topic, **described)

    return _send_telemetry_in_thread


def make_secret(
    original: Callable[..., Any], active: Callable[[], bool], _module: ModuleType, _counts: Counts
) -> Callable[..., Any]:
    """utils._auth._get_token_from_google_colab: the last place of theirs, and they look at it before the first request, also for what is
    public. It is asked as ours is: once, for 3 s at most, without a warning; what it says later holds from then on."""

    def _get_token_from_google_colab() -> Any:
        if not active():
            return original()
        from .._auth.vaults import COLAB

        return COLAB.token()

    return _get_token_from_google_colab
