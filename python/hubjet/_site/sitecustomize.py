"""In front of PYTHONPATH for programs that `hubjet run` starts, and for those that they start. Python imports it at its start.

The folder holds nothing else, so nothing else becomes importable. hubjet is loaded from the folder above, also where it is not
installed; then the sitecustomize that this one stands in front of, if there is one, takes its place.
"""

import importlib.util
import os
import sys
from importlib.machinery import PathFinder


def _hubjet() -> None:
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if "hubjet" not in sys.modules:
        spec = importlib.util.spec_from_file_location(
            "hubjet", os.path.join(here, "__init__.py"), submodule_search_locations=[here]
        )
        if spec is None or spec.loader is None:
            return
        package = importlib.util.module_from_spec(spec)
        sys.modules["hubjet"] = package
        spec.loader.exec_module(package)
    from hubjet import _startup

    _startup.begin()


def _others() -> None:
    mine = os.path.dirname(os.path.abspath(__file__))
    spec = PathFinder.find_spec("sitecustomize", [folder for folder in sys.path if os.path.abspath(folder or os.curdir) != mine])
    if spec is not None and spec.loader is not None:
        module = importlib.util.module_from_spec(spec)
        sys.modules["sitecustomize"] = module
        spec.loader.exec_module(module)


if sys.version_info >= (3, 10):
    try:
        _hubjet()
    except Exception as error:
        sys.stderr.write(f"hubjet: cannot be loaded into {sys.executable}: {type(error).__name__}: {error}\n")
else:
    sys.stderr.write(f"hubjet: {sys.executable} is older than Python 3.10 and runs without it\n")
_others()
