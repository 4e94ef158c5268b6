"""Where things are and what is here; whom this process talked to. Imports _errors, _names, _config, _edge, _store,
_layout, _place, _plain.

Reads only. Answers are values a program can use; the command line prints the same.
"""

from __future__ import annotations

import os
import platform
import sys
from types import TracebackType
from typing import TYPE_CHECKING, Any

from . import _config
from ._config import Setting, resolve
from ._edge import public
from ._names import check_revision, repo

if TYPE_CHECKING:
    from ._native import Visit


@public
def where(
    repo_id: str | None = None,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> dict[str, Setting]:
    """Every place hubjet uses, and why it is that one; with a repository, also where that lies.

    Returns: name → Setting(value, origin). Without a repository: cache_dir, layout (how repositories
    lie there), hf_home, token_path, config_file,
    endpoint, endpoints (it and its mirrors, in the order they are asked in), ca_file, vault where one is set; tier_1 … (the others of `caches`: there, or what is wrong). With one also: repo (its folder), commit (what the revision means here), snapshot (the folder
    of its files), side (hubjet's own files). A value is None where nothing is there yet, and origin says so. Reads
    names only: no file's content but the ref, no network. Errors: ValueError for names that cannot be. Threads: any.

    >>> import hubjet
    >>> hubjet.where()["cache_dir"].origin != ""
    True
    """
    from . import _layout, _place

    config = resolve(cache_dir=cache_dir)
    places = {"cache_dir": config.setting("cache_dir"), "layout": Setting(*_layout.chosen(config))}
    if config.vault is not None:
        places["vault"] = config.setting("vault")
    places |= {name: config.setting(name) for name in ("hf_home", "token_path", "endpoint", "endpoints", "ca_file")}
    path = _config.config_path()
    places["config_file"] = Setting(path, "read at each call" if os.path.exists(path) else "not there; it may be made")
    if config.tiers:
        from ._tiered import places as tiers

        places |= tiers(config)
    if repo_id is None:
        return places
    name = check_revision(revision)
    return {**places, **_place.of(config, repo(repo_id, repo_type)).where(name)}


# --- the visitors' book ---------------------------------------------------------------------------


def ledger(since: int = 0) -> list[Visit]:
    """Every HTTP exchange of this process, oldest first: the newest 4096 with number above `since`.

    Each is a dict: n, time (seconds since the epoch), method, origin, path (no query), why, status (0 = no answer),
    sent_token, bytes, range, ended. There is no other door to the network, so what is not in it did not happen. Threads:
    any.

    >>> import hubjet
    >>> before = len(hubjet.ledger())
    >>> hubjet.try_to_load_from_cache("org/name", "config.json")
    >>> len(hubjet.ledger()) - before
    0
    """
    from . import _native

    return _native.ledger(since)


class contacts:
    """A block's part of the ledger: `with hubjet.contacts() as seen: ...`, then `seen.visits`, `seen.origins`,
    len(seen).

    Counts what the whole process does meanwhile, other threads included.

    >>> import hubjet
    >>> with hubjet.contacts() as seen:
    ...     hubjet.try_to_load_from_cache("org/name", "config.json")
    >>> len(seen)
    0
    """

    def __init__(self) -> None:
        self._since = 0
        self._seen: list[Visit] | None = None

    def __enter__(self) -> contacts:
        book = ledger()
        self._since = book[-1]["n"] if book else 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._seen = self.visits

    @property
    def visits(self) -> list[Visit]:
        """The visits so far; after the block, those of the block."""
        return ledger(self._since) if self._seen is None else self._seen

    @property
    def origins(self) -> list[str]:
        """Whom they went to, each once, in order."""
        return list(dict.fromkeys(visit["origin"] for visit in self.visits))

    def __len__(self) -> int:
        return len(self.visits)


def about() -> dict[str, Any]:
    """Versions and features, for bug reports: hubjet, Python, the system, and what the extension was built with.

    >>> import hubjet
    >>> hubjet.about()["hubjet"] == hubjet.__version__
    True
    """
    from . import __version__, _native

    native = dict(_native.about())
    return {
        "hubjet": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "huggingface_hub": _version_of_loaded("huggingface_hub"),
        "extension": native.pop("version", _native.__version__),
        **native,
    }


def _version_of_loaded(name: str) -> str | None:
    module = sys.modules.get(name)
    return getattr(module, "__version__", None) if module is not None else None
