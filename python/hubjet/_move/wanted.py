"""What a call of this folder is about: one commit of a repository, and the files of it that are wanted. Imports _errors, _held, _names, _hub, _store,
_snapshot, _loader, _plain_snapshot, _transport.

Looks at the hub and at the cache, writes nothing.
"""

from __future__ import annotations

import os

from .. import _errors as errors
from .. import _held, _transport
from .._errors import explain
from .._hub import Ask, Hub
from .._loader import Needed
from .._names import check_revision, is_commit, repo
from .._snapshot import by_patterns, snapshot, tree_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    from .._config import Config
    from .._held import Held
    from .._names import Patterns, Repo
    from .._snapshot import Choice
    from .._store import Tree
else:
    from .._record import NamedTuple

INDEX_BYTES_MAX = 16 << 20  # a pipeline's index; the largest seen is 2 kB


class How(NamedTuple):
    """Which files of a repository: all of them, those that patterns choose, or with `needed` what a loader needs."""

    needed: bool = False
    variant: str | None = None
    quant: str | None = None
    dtype: str | None = None
    include: tuple[str, ...] | None = None
    exclude: tuple[str, ...] | None = None

    def choice(self, repo_id: str) -> Choice:
        """As the functions that download take it."""
        if self.needed or self.variant or self.quant or self.dtype:
            return Needed(repo_id, self.variant, None, self.include, self.exclude, quant=self.quant, dtype=self.dtype)
        return by_patterns(self.include, self.exclude)

    def said(self) -> dict[str, Any]:
        """What was said, for a file; nothing for "all of it"."""
        named = {name: value for name, value in self._asdict().items() if value not in (None, False)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in named.items()}


def how_said(said: Mapping[str, Any]) -> How:
    """The other way round. ValueError for what makes no sense."""
    known: dict[str, Any] = {}
    for name, value in said.items():
        if name not in How._fields:
            raise ValueError(f"nobody knows the choice {name!r}")
        if name == "needed":
            good = isinstance(value, bool)
        elif name in ("include", "exclude"):
            good = isinstance(value, list) and all(isinstance(one, str) for one in value)
            value = tuple(value) if good else value
        else:
            good = isinstance(value, str)
        if not good:
            raise ValueError(f"the choice {name!r} cannot be {value!r}")
        known[name] = value
    return How(**known)


def how(needed: bool, variant: str | None, quant: str | None, dtype: object, include: Patterns, exclude: Patterns) -> How:
    """From a call's arguments."""

    def several(patterns: Patterns) -> tuple[str, ...] | None:
        return None if patterns is None else (patterns,) if isinstance(patterns, str) else tuple(map(str, patterns))

    return How(bool(needed), variant, quant, None if dtype is None else str(dtype).removeprefix("torch."), several(include), several(exclude))


class Name(NamedTuple):
    """What a person typed: `org/name`, `org/name@revision`, `datasets/org/name`, or the page's URL."""

    repo: Repo
    revision: str


def name_of(text: str, repo_type: str | None = None, revision: str | None = None) -> Name:
    """`org/name@v1.0`, `datasets/org/name`. An explicit revision wins. BadName for what cannot be one.

    >>> name_of("org/name@v1.0")
    Name(repo=Repo(type='model', id='org/name'), revision='v1.0')
    """
    said, _, at = text.partition("@")
    if said.count("/") == 2 and repo_type is None:
        folder, _, rest = said.partition("/")
        if folder in ("models", "datasets", "spaces", "kernels"):
            return Name(repo(rest, folder[:-1]), check_revision(revision or at or None))
    return Name(repo(said, repo_type), check_revision(revision or at or None))


class Wanted(NamedTuple):
    """One commit, its listing, and the chosen files of it, sorted."""

    name: Name
    commit: str
    tree: Tree
    files: Sequence[str]
    licence: str | None  # as the hub tells it; None where it was not asked
    gated: bool | None


def look(name: Name, how: How, config: Config, token: Any = None) -> tuple[Hub, Held, Wanted]:
    """Asks the hub (two questions; none for a commit whose listing is kept), or the cache where the network is shut."""
    hub, held = Hub(name.repo, config, token), _held.chosen(config, name.repo)
    commit, tree = _listing(hub, held, name.revision, config)
    files = hub.listed(sorted(how.choice(name.repo.id)(tree, lambda path: read_one(hub, held, commit, tree, path))))
    known = hub.licence is not None or hub.asked_info
    return hub, held, Wanted(name, commit, tree, files, hub.licence, hub.gated if known else None)


def bring(hub: Hub, held: Held, revision: str, choice: Choice) -> str:
    """Everything chosen is here afterwards. Answers the commit."""
    if isinstance(held, _held.InHub):
        return os.path.basename(snapshot(hub, held.store, revision, choice))
    from .. import _plain_snapshot
    from .._plain import Folder

    version = Folder(_plain_snapshot.snapshot(hub, held.store, revision, choice)).version()
    if version is None:
        raise errors.StorageError(f"{held.top} was taken away meanwhile", path=held.top)
    return version.commit


def _listing(hub: Hub, held: Held, revision: str, config: Config) -> tuple[str, Tree]:
    if not config.offline:
        commit = revision if is_commit(revision) else hub.commit_of(revision, known=held.read_ref(revision))
        return commit, tree_of(hub, held.notes(commit), commit)
    known = held.read_ref(revision)
    tree = _held.tree_of(held, known) if known is not None else None
    if known is None or tree is None:
        raise errors.LocalEntryNotFound(
            explain(
                f"the list of files of {hub.repo.id} ({revision}) is not here, and the network is shut",
                looked_at=held.top,
                because=f"offline ({config.origins['offline']})",
                do="call again with the network",
            ),
            repo_id=hub.repo.id,
            repo_type=hub.repo.type,
            revision=revision,
        )
    return known, tree


def read_one(hub: Hub, held: Held, commit: str, tree: Tree, path: str) -> bytes:
    """A small file's content, proven, from the cache or into memory: a plan writes nothing."""
    facts = tree[path]
    found = held.find(commit, path, facts.size)
    if found is not None:
        with open(found.path, "rb") as content:
            return content.read(INDEX_BYTES_MAX + 1)
    want = {**hub.file_want(commit, path, facts), "memory": INDEX_BYTES_MAX, "digest": facts.digest, "size": facts.size}
    result = hub.fetch([Ask(want, path, commit)], _transport.limits(hub.config))[0]  # type: ignore[arg-type]
    if result["error"] is not None:
        raise result["error"]
    return result["body"] or b""
