"""Waits for modules that are not imported yet, and tells when one is. Imports nothing, so that a program which is started with it
pays only for what it uses.

A finder in sys.meta_path that finds nothing itself: of a module that is waited for it asks the others, and steps in once their loader
has run. Module, spec and loader are then what they would be without it.
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType
    from typing import Any

# Where the hooks are (_patch.switch). Named here, so that waiting for them needs no knowledge of them.
MODULES = (
    "huggingface_hub.utils._auth",
    "huggingface_hub.utils._detect_agent",
    "huggingface_hub.utils._headers",
    "huggingface_hub.utils._telemetry",
    "huggingface_hub.utils.tqdm",
    "huggingface_hub._snapshot_download",
    "huggingface_hub.file_download",
    "huggingface_hub.hf_api",
    "huggingface_hub.hf_file_system",
)


starter: Waiter | None = None  # of _startup: enable() was asked for before anybody could call it


class Waiter:
    """Calls `arrived(module)` after one of `names` was imported for the first time, in the thread that imports it."""

    def __init__(self, names: Sequence[str], arrived: Callable[[ModuleType], None]) -> None:
        self._names, self._arrived = frozenset(names), arrived

    def start(self) -> None:
        """From now on. Twice is once."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """Not any more."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """What the import system calls for every module that is not loaded."""
        if name not in self._names:
            return None
        for finder in list(sys.meta_path):
            find = getattr(finder, "find_spec", None)
            spec = find(name, path, target) if find is not None and finder is not self else None
            if spec is not None:
                if hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec.loader, self._arrived)
                found: ModuleSpec = spec
                return found
        return None


class _Loader:
    """The loader that was found; whoever waits is told afterwards."""

    def __init__(self, inner: Any, arrived: Callable[[ModuleType], None]) -> None:
        self._inner, self._arrived = inner, arrived

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the loader does it."""
        module: ModuleType | None = self._inner.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """As the loader does it; the module sees that one."""
        if module.__spec__ is not None:
            module.__spec__.loader = self._inner
        module.__loader__ = self._inner
        self._inner.exec_module(module)
        self._arrived(module)
