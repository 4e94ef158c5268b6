"""`hubjet.licence`: under which terms the models here may be used, who accepted them, where their words lie. Imports _errors, _licence, _names,
_config, _edge, _plain, _store, _keep.gate, _keep.census, _keep.report. Reads only; no network.
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict, dataclass
from typing import Any

from .._config import resolve
from .._edge import public
from .._errors import LocalEntryNotFound, explain
from .._licence import CARD, HEAD_MAX, CardFacts, licence_files, read_card
from .._names import is_commit, repo
from .._plain import Folder
from .._plain_store import PlainStore
from .._store import RepoStore, no_wait, read_tree
from . import gate, report
from .census import repo_of_folder, revisions_of, stores_in, stores_in_plain

CHAIN_MAX = 8


@dataclass(frozen=True)
class Base:
    """A model that this one is made of: repo_id, and its licence as far as that lies here (None: it is not here, or says nothing)."""

    repo_id: str
    licence: str | None


@dataclass(frozen=True)
class Licence:
    """Under which terms a repository may be used, as far as this disk knows.

    repo_id, repo_type (None for a folder that does not say what it is); label: the licence as people call it, None: unknown; ids, name, link: what
    the card says (license, license_name, license_link); files: where its words lie here; card: the model card's path or None; missing: licence files that
    the hub has and this disk does not; gated: whether people have to accept conditions (None: unknown); gate: what the card asks for (its heading, or the
    first line of its words); fields: what it asks people; account, accepted, endpoint: whose account was let in, when it first downloaded (seconds since
    the epoch), at which hub; base_model: what it is made of, and what that is made of; relation; revisions: revision → label, where they differ from
    each other it shows; folder: where it lies.
    """

    repo_id: str | None
    repo_type: str | None
    label: str | None
    ids: tuple[str, ...]
    name: str | None
    link: str | None
    files: tuple[str, ...]
    card: str | None
    missing: tuple[str, ...]
    gated: bool | None
    gate: str | None
    fields: tuple[str, ...]
    account: str | None
    accepted: float | None
    endpoint: str | None
    base_model: tuple[Base, ...]
    relation: str | None
    revisions: dict[str, str | None]
    folder: str

    def as_dict(self) -> dict[str, Any]:
        """All of it, for JSON."""
        return asdict(self)

    def lines(self) -> list[tuple[str, str]]:
        """For people: what, and what of it."""
        said = [("licence", self._title())]
        said += [("link", self.link)] if self.link else []
        said += [("words", path) for path in self.files]
        said += [("not here", f"{path} (it is on the hub)") for path in self.missing]
        said += [("card", self.card or "not here")]
        said += [("gate", self.gate_words)] if self.gate_words else []
        said += [("made of", f"{base.repo_id}: {base.licence or 'unknown (not here)'}") for base in self.base_model]
        if len(set(self.revisions.values())) > 1:
            said += [("revision", f"{name}: {label or 'unknown'}") for name, label in self.revisions.items()]
        elif self.revisions:
            said += [("applies to", ", ".join(name[:12] if is_commit(name) else name for name in self.revisions))]
        return [*said, ("lies in", self.folder)]

    def _title(self) -> str:
        label = self.label or "unknown: the card says nothing, or is not here"
        return f"{label} (license: {', '.join(self.ids)})" if self.ids and self.label not in (None, ", ".join(self.ids)) else label

    @property
    def gate_words(self) -> str:
        """What is known of a gate, in a line; "" if there is none."""
        if self.account is not None and self.accepted is not None:
            return f"{self.account} was let in by {self.endpoint}, {time.strftime('%Y-%m-%d', time.localtime(self.accepted))}"
        if self.accepted is not None:
            return f"let in by {self.endpoint}, {time.strftime('%Y-%m-%d', time.localtime(self.accepted))}; the account is not known"
        return f"the card asks: {self.gate or ', '.join(self.fields)}; who accepted is not known here" if self.gate or self.fields else ""

    def __str__(self) -> str:
        head = [self.repo_id or self.folder]
        return "\n".join([*head, *(f"  {what:<10}  {text}" for what, text in self.lines())])

    def _repr_html_(self) -> str:
        return report.table(("", ""), self.lines(), self.repo_id or self.folder)


class Licences(list[Licence]):
    """Those of all repositories in a cache; a notebook shows a table."""

    def rows(self) -> list[tuple[str, ...]]:
        """For a table: repository, licence, gate, what it is made of."""
        return [
            (one.repo_id or "", one.label or "UNKNOWN", one.gate_words or "-", ", ".join(f"{base.repo_id} ({base.licence or 'unknown'})" for base in one.base_model) or "-")
            for one in self
        ]

    def headline(self) -> str:
        """One line."""
        unknown = sum(one.label is None for one in self)
        return f"{len(self)} {'repository' if len(self) == 1 else 'repositories'}" + (f", {unknown} of unknown licence" if unknown else "")

    def _repr_html_(self) -> str:
        return report.table(("repository", "licence", "gate", "made of"), self.rows(), self.headline())


@public
def licence(
    what: str | os.PathLike[str] | None = None,
    *,
    revision: str | None = None,
    repo_type: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
) -> Any:
    """Under which terms a model here may be used: its licence, where its words lie, what was accepted by which account, what it is made of.

    Args: what: "org/name", or the path of a file or folder that hubjet or huggingface_hub put somewhere (a snapshot, a local_dir, a plain folder, a checkout);
    None: all repositories in the cache. revision: of the repository; None: all that are here, the one used last first. Also as
    `hubjet.license`.

    Returns: a Licence; a list of them for None. Asks nobody: what is not on this disk is unknown, and said so. A licence that a card names is what its
    author wrote there. Errors: LocalEntryNotFound for what is not here; ValueError for names that cannot be. Threads: any.

    >>> import hubjet
    >>> hubjet.licence(cache_dir="/nowhere")
    []
    """
    root = resolve(cache_dir=cache_dir).cache_dir
    if what is None:
        found = [*(_in_cache(store, None, root) for store in stores_in(root))]
        found += [_in_plain(store, None, root) for store in stores_in_plain(root)]
        return Licences(sorted((one for one in found if one is not None), key=lambda one: (one.repo_type or "", one.repo_id or "")))
    text = os.fspath(what)
    if os.path.exists(os.path.expanduser(text)) and (os.path.isabs(os.path.expanduser(text)) or text.startswith((".", "~")) or text.count("/") != 1):
        return of_path(os.path.abspath(os.path.expanduser(text)))
    one = repo(text, repo_type)
    known = _in_cache(RepoStore(root, one), revision, root) or _in_plain(PlainStore(root, one), revision, root)
    if known is None and os.path.exists(text):
        return of_path(os.path.abspath(text))
    if known is None:
        raise LocalEntryNotFound(
            explain(f"{text}{f' ({revision})' if revision else ''} is not in the cache", looked_in=root, do="see what is there: hubjet.ls()"), repo_id=one.id
        )
    return known


def of_path(path: str) -> Licence:
    """Of whatever a file or folder belongs to."""
    folder = path if os.path.isdir(path) else os.path.dirname(path)
    while True:
        parts = folder.split(os.sep)
        if len(parts) > 2 and parts[-2] == "snapshots" and is_commit(parts[-1]):
            one = repo_of_folder(parts[-3])
            if one is not None:
                root = os.sep.join(parts[:-3])
                known = _in_cache(RepoStore(root, one), parts[-1], root)
                if known is not None:
                    return known
        plain = Folder(folder).version()
        if plain is not None:
            return _told(plain.repo.id, plain.repo.type, [(_name_of(plain.asked, plain.commit), folder)], folder, None, gate.read(os.path.join(folder, ".hubjet")), "")
        work = _checkout(folder)
        if work is not None:
            return work
        notes = os.path.join(folder, ".cache", "huggingface")
        if os.path.isdir(notes):
            return _told(None, None, [("", folder)], folder, None, gate.read(os.path.join(notes, ".hubjet")), "")
        above = os.path.dirname(folder)
        if above == folder:
            raise LocalEntryNotFound(explain(f"{path} belongs to nothing that was downloaded", do="name a file of a snapshot, a local_dir, a plain folder or a checkout"))
        folder = above


def _checkout(folder: str) -> Licence | None:
    """Of a copy to work in, as its note says (_care.checkout); what was accepted is known where the copy was made."""
    import json

    try:
        with open(os.path.join(folder, ".hubjet-checkout.json"), encoding="utf-8", opener=no_wait) as file:
            said = json.load(file)
        one, revision = repo(said["repo_id"], said["repo_type"]), str(said["revision"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    root = resolve().cache_dir
    sides = (RepoStore(root, one).side, *(known.meta for known, _ in PlainStore(root, one).folders()))
    noted = next((known for side in sides if (known := gate.read(side)) is not None), None)
    return _told(one.id, one.type, [(revision, folder)], folder, None, noted, root)


def _name_of(asked: Any, commit: str) -> str:
    return next(iter(asked), commit)


def _in_cache(store: RepoStore, revision: str | None, root: str) -> Licence | None:
    from .. import _used

    known = revisions_of(store) if os.path.isdir(store.folder) else {}
    if revision is not None:
        commit = revision if is_commit(revision) else known.get(revision)
        known = {name: one for name, one in known.items() if one == commit} or ({revision: commit} if commit else {})
    here = [(name, commit) for name, commit in known.items() if os.path.isdir(store.snapshot(commit))]
    if not here:
        return None
    here.sort(key=lambda pair: (-_used.noted(store.snapshot(pair[1])), is_commit(pair[0])))
    tree = read_tree(store.folder, here[0][1])
    places = [(name, store.snapshot(commit)) for name, commit in here]
    return _told(store.repo.id, store.repo.type, places, store.folder, tree, gate.read(store.side), root)


def _in_plain(store: PlainStore, revision: str | None, root: str) -> Licence | None:
    found = list(store.folders())
    if revision is not None:
        found = [(folder, version) for folder, version in found if revision in (version.commit, *version.asked)]
    if not found:
        return None
    noted = next((known for folder, _ in found if (known := gate.read(folder.meta)) is not None), None)
    places = [(_name_of(version.asked, version.commit), folder.path) for folder, version in found]
    tree = read_tree(found[0][0].meta, found[0][1].commit)
    return _told(store.repo.id, store.repo.type, places, found[0][0].path, tree, noted, root)


def _told(repo_id: str | None, repo_type: str | None, places: list[tuple[str, str]], folder: str, tree: Any, noted: gate.Gate | None, root: str) -> Licence:
    first = places[0][1]
    facts = card_in(first)
    names = _names(first)
    files = licence_files(names)
    card = os.path.join(first, CARD)
    heading = facts.gate_heading or (facts.gate_prompt or "").strip().partition("\n")[0][:200] or None
    return Licence(
        repo_id,
        repo_type,
        facts.label,
        facts.ids,
        facts.name,
        facts.link,
        tuple(os.path.join(first, name) for name in files),
        card if os.path.isfile(card) else None,
        tuple(name for name in licence_files(tree or ()) if name not in names),
        True if noted is not None or facts.is_gated else None if not os.path.isfile(card) else False,
        heading,
        tuple(f"{name} ({kind})" if kind else name for name, kind in facts.gate_fields),
        noted.account if noted is not None else None,
        noted.since if noted is not None else None,
        noted.endpoint if noted is not None else None,
        tuple(_chain(facts, root, repo_id)),
        facts.relation,
        {name: card_in(place).label for name, place in places if name},
        folder,
    )


def card_in(folder: str) -> CardFacts:
    """The facts of a folder's model card; empty ones where there is none."""
    try:
        with open(os.path.join(folder, CARD), "rb", opener=no_wait) as file:
            return read_card(file.read(HEAD_MAX + 1))
    except OSError:
        return CardFacts()


def _chain(facts: CardFacts, root: str, own: str | None) -> list[Base]:
    """What it is made of, and what that is made of, as far as it lies here. Cards may name each other."""
    found: list[Base] = []
    todo, seen = list(facts.base_model), {own}
    while todo and len(found) < CHAIN_MAX:
        one_id = todo.pop(0)
        if one_id in seen:
            continue
        seen.add(one_id)
        below = _facts_here(one_id, root) if root else None
        found.append(Base(one_id, below.label if below is not None else None))
        todo += below.base_model if below is not None else ()
    return found


def _facts_here(repo_id: str, root: str) -> CardFacts | None:
    try:
        one = repo(repo_id)
    except ValueError:
        return None  # a card may say anything
    store = RepoStore(root, one)
    for commit in dict.fromkeys([store.read_ref("main"), *revisions_of(store).values()] if os.path.isdir(store.folder) else ()):
        if commit is not None and os.path.isfile(os.path.join(store.snapshot(commit), CARD)):
            return card_in(store.snapshot(commit))
    return next((card_in(folder.path) for folder, _ in PlainStore(root, one).folders()), None)


def _names(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


license = licence  # the American spelling
