"""enable() from the first moment of a program, where HUBJET_ENABLE asks for it. Imports _config and _patch.imports.

Called by hubjet-enable.pth (in the wheel) and by _site/sitecustomize.py (of `hubjet run`), in every Python program that is started so. It waits
for huggingface_hub and loads nothing before that; it never raises: a program that would run without us runs.
"""

from __future__ import annotations

from ._patch import imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType


def begin() -> None:
    """Waits, if the environment says so."""
    try:
        from ._config import enable_is_asked_for

        if enable_is_asked_for() and imports.starter is None and _is_not_loaded():
            imports.starter = imports.Waiter(imports.MODULES, _arrived)
            imports.starter.start()
    except Exception as error:
        _complain(error)


def _is_not_loaded() -> bool:
    import sys

    return "hubjet._patch.switch" not in sys.modules  # else somebody decides already


def _arrived(module: ModuleType) -> None:
    try:
        from ._patch import switch

        switch.arrived(module)
    except Exception as error:
        _complain(error)


def _complain(error: Exception) -> None:
    import sys

    try:
        sys.stderr.write(f"hubjet: HUBJET_ENABLE has no effect here: {type(error).__name__}: {error}\n")
    except (AttributeError, OSError, ValueError):
        pass  # benign: nobody can see it
