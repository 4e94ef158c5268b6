"""What a call of this folder is about: one commit of a repository, and the files of it that are wanted. Imports _errors, _names, _hub, _store,
_snapshot, _loader, _layout, _transport.

Looks at the hub and at the cache, writes nothing.
"""

from __future__ import annotations

from .. import _errors as errors
from .. import _transport
from .._errors import explain
from .._hub import Ask, Hub
from .._loader import Needed
from .._names import check_revision, is_commit, repo
from .._snapshot import by_patterns, tree_of
from .._store import RepoStore, read_tree

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    from .._config import Config
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


def check_layout(config: Config, what: str) -> None:
    """These calls know the hub's own layout. ConfigError where the cache has the other one."""
    if config.layout == "hub":
        return
    from .. import _layout

    layout, why = _layout.chosen(config)
    if layout != _layout.HUB:
        raise errors.ConfigError(
            explain(
                f"{what} works with the hub's layout, and {config.cache_dir} has readable folders",
                because=why,
                do="name a cache of the hub's layout (cache_dir=, HUBJET_LAYOUT=hub); `hubjet convert` brings a repository into it",
            )
        )


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


def look(name: Name, how: How, config: Config, token: Any = None) -> tuple[Hub, RepoStore, Wanted]:
    """Asks the hub (two questions; none for a commit whose listing is kept), or the cache where the network is shut."""
    hub, store = Hub(name.repo, config, token), RepoStore(config.cache_dir, name.repo)
    commit, tree = _listing(hub, store, name.revision, config)
    files = hub.listed(sorted(how.choice(name.repo.id)(tree, lambda path: read_one(hub, store, commit, tree, path))))
    known = hub.licence is not None or hub.asked_info
    return hub, store, Wanted(name, commit, tree, files, hub.licence, hub.gated if known else None)


def _listing(hub: Hub, store: RepoStore, revision: str, config: Config) -> tuple[str, Tree]:
    if not config.offline:
        commit = revision if is_commit(revision) else hub.commit_of(revision, known=store.read_ref(revision))
        return commit, tree_of(hub, store.folder, commit)
    known = store.read_ref(revision)
    tree = read_tree(store.folder, known) if known is not None else None
    if known is None or tree is None:
        raise errors.LocalEntryNotFound(
            explain(
                f"the list of files of {hub.repo.id} ({revision}) is not here, and the network is shut",
                looked_at=store.folder,
                because=f"offline ({config.origins['offline']})",
                do="call again with the network",
            ),
            repo_id=hub.repo.id,
            repo_type=hub.repo.type,
            revision=revision,
        )
    return known, tree


def read_one(hub: Hub, store: RepoStore, commit: str, tree: Tree, path: str) -> bytes:
    """A small file's content, proven, from the cache or into memory: a plan writes nothing."""
    from .._resolve import find

    facts = tree[path]
    found = find(store, commit, path, facts.size)
    if found is not None:
        with open(found.path, "rb") as content:
            return content.read(INDEX_BYTES_MAX + 1)
    want = {**hub.file_want(commit, path, facts), "memory": INDEX_BYTES_MAX, "digest": facts.digest, "size": facts.size}
    result = hub.fetch([Ask(want, path, commit)], _transport.limits(hub.config))[0]  # type: ignore[arg-type]
    if result["error"] is not None:
        raise result["error"]
    return result["body"] or b""
