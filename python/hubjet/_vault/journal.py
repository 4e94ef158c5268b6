"""What this computer knows of its copies to vaults: one small file for each commit and vault. Imports _native, _names, _plain, _store.

    <hf_home>/hubjet/vault/<16 hex>.json

On the local disk, replaced whole, so that the next process goes on where this one was killed. What a runtime loses with its disk the vault
itself tells again (writer._part: pieces that lie there are read back instead of written).
"""

from __future__ import annotations

import os
import threading

from .. import _native
from .._names import Repo
from .._plain_store import PlainStore
from .._store import RepoStore

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from .._config import Config
    from .local import Store

FORMAT = 1
QUEUED, WRITING, SAVED, FAILED = "queued", "writing", "saved", "failed"


_writing = threading.Lock()


class Row:
    """One commit on its way to one vault. Attributes are what the file holds."""

    def __init__(self, path: str, facts: Mapping[str, Any]) -> None:
        self.path = path
        self.vault: str = facts["vault"]
        self.mount: tuple[str, str] | None = tuple(facts["mount"]) if facts.get("mount") else None
        self.repo = Repo(facts["repo_type"], facts["repo_id"])
        self.cache_dir: str = facts["cache_dir"]
        self.layout: str = facts.get("layout", "hub")
        self.commit: str = facts["commit"]
        self.revisions: dict[str, int] = dict(facts.get("revisions", {}))
        self.state: str = facts.get("state", QUEUED)
        self.files: int = facts.get("files", 0)
        self.size: int = facts.get("size", 0)
        self.written: int = facts.get("written", 0)
        self.read_back: int = facts.get("read_back", 0)
        self.how: list[str] = list(facts.get("how", []))
        self.paths: list[str] = list(facts.get("paths", []))
        self.error: dict[str, Any] | None = facts.get("error")
        self.asked: int = facts.get("asked", 0)  # how often it was put into the queue: while it is copied more may come
        self.queued: float = facts.get("queued", 0.0)
        self.tried: float = facts.get("tried", 0.0)
        self.tries: int = facts.get("tries", 0)
        self.next_try: float = facts.get("next_try", 0.0)
        self.who: list[str] = list(facts.get("who", []))  # names under which pieces may lie unfinished
        self.proven: dict[str, list[Any]] = dict(facts.get("proven", {}))

    @property
    def store(self) -> Store:
        """Where the files lie on the local disk."""
        return PlainStore(self.cache_dir, self.repo) if self.layout == "plain" else RepoStore(self.cache_dir, self.repo)

    def write(self) -> None:
        """Replaces the file. What others asked for meanwhile stays. StorageError."""
        import json

        with _writing:
            self._write(json, read(self.path))

    def _write(self, json: Any, there: Row | None) -> None:
        if there is not None:
            self.asked = max(self.asked, there.asked)
            for name, when in there.revisions.items():
                self.revisions[name] = max(when, self.revisions.get(name, 0))
        facts = {name: value for name, value in self.__dict__.items() if name not in ("path", "repo")}
        document = {"format": FORMAT, "repo_id": self.repo.id, "repo_type": self.repo.type, **facts}
        _native.write_small(self.path, json.dumps(document, indent=1).encode(), 0o600)


def ask(row: Row, change: Callable[[Row], None]) -> Row:
    """Changes the row as it is now, not as it was when the caller read it: the thread that copies may have noted meanwhile under which names pieces lie
    unfinished. Answers it. StorageError."""
    import json

    os.makedirs(os.path.dirname(row.path), exist_ok=True)
    with _writing:
        fresh = read(row.path) or row
        change(fresh)
        fresh._write(json, None)
    return fresh


def forget(row: Row) -> None:
    """There is no such row any more."""
    try:
        os.unlink(row.path)
    except OSError:
        pass  # benign: somebody else did


def is_alive(who: str) -> bool:
    """Whether a writer (pid and six digits, hex) is a process of this computer that runs."""
    try:
        os.kill(int(who[:-6], 16), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except OSError:
        return True  # somebody else's
    return True


def folder(config: Config) -> str:
    """Where the rows lie."""
    return os.path.join(config.hf_home, "hubjet", "vault")


def path_of(config: Config, vault: str, store: Store, commit: str) -> str:
    """The file of one row."""
    key = _native.hash_bytes("\0".join((vault, store.folder, commit)).encode("utf-8", "surrogateescape"), "sha256")
    return os.path.join(folder(config), f"{key[:16]}.json")


def read(path: str) -> Row | None:
    """None: there is no such row, or it cannot be understood (then it is as if it had never been: the next call makes it anew)."""
    import json

    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        return Row(path, facts) if facts["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def rows(config: Config, vault: str | None = None) -> list[Row]:
    """All that can be read, oldest first; those of one vault, if it is named."""
    base = folder(config)
    try:
        names = [name for name in os.listdir(base) if name.endswith(".json") and len(name) == 21]
    except OSError:
        return []
    found = [row for name in sorted(names) if (row := read(os.path.join(base, name))) is not None and vault in (None, row.vault)]
    return sorted(found, key=lambda row: row.queued)


def row_for(config: Config, vault: str, store: Store, commit: str) -> Row:
    """The row of this commit; a new one, not written yet, where there is none."""
    path = path_of(config, vault, store, commit)
    found = read(path)
    if found is not None:
        return found
    root, form = (store.root, "plain") if isinstance(store, PlainStore) else (store.cache_dir, "hub")
    facts = {"vault": vault, "repo_type": store.repo.type, "repo_id": store.repo.id, "cache_dir": root, "layout": form, "commit": commit}
    return Row(path, facts)
