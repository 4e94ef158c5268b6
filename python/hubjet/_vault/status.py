"""What is on the vault, on its way there, or could not get there: values, and views for people. Imports _words, _vault.journal, _vault.shelf, _vault.writer.

    hubjet.vault.status()            a table in notebooks and terminals; .models for programs
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field

from .. import _words
from .._errors import StorageError
from . import journal, layout, local, shelf, trouble
from .journal import FAILED, QUEUED, SAVED, WRITING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._config import Config
    from .._names import Repo
    from .manifest import Manifest

LOST = "lost"  # the journal says it was saved, the vault does not show it
UNFINISHED = "unfinished"  # pieces without a manifest, of a runtime that is no more

_HOW = {"direct": "past this computer's memory", "dropped": "after the kernel was asked to forget it", "reopened": "opened anew, perhaps from memory"}


@dataclass(frozen=True)
class VaultModel:
    """One commit of one repository, and a vault.

    `state`: "queued", "writing", "saved" (every byte was read back, the manifest is there), "failed" (`error`, `advice`, tried again at
    `next_try`), "lost" (it was saved, and the vault does not show it any more), "unfinished" (pieces of a runtime that ended; nothing that
    can be used). `size`, `written` and `read_back` in bytes; `read_back_how`: how far this computer's own memory was passed by; `uploaded`:
    bytes of which Drive says that they have arrived at Google (None: the mount does not tell); times in seconds since the epoch.
    """

    repo_id: str
    repo_type: str
    commit: str
    state: str
    revisions: tuple[str, ...] = ()
    files: int = 0
    size: int = 0
    written: int = 0
    read_back: int = 0
    read_back_how: str | None = None
    uploaded: int | None = None
    licence: str | None = None
    error: str | None = None
    advice: str | None = None
    tried: float | None = None
    next_try: float | None = None


@dataclass(frozen=True)
class VaultStatus:
    """One vault: `path`, whether it answers (`reachable`, else `error` and `advice` say why not), `models`, and what is left to do (`left`
    bytes). `saved`: everything that was downloaded is there. A notebook shows a table, str() is one for a terminal."""

    path: str
    reachable: bool
    models: tuple[VaultModel, ...] = ()
    error: str | None = None
    advice: str | None = None
    mount: str = field(default="")

    @property
    def saved(self) -> bool:
        """Whether nothing is on its way, failed or lost."""
        return self.reachable and all(model.state in (SAVED, UNFINISHED) for model in self.models)

    @property
    def left(self) -> int:
        """Bytes that are not there yet, or not read back."""
        return sum(max(model.size - model.read_back, 0) for model in self.models if model.state in (QUEUED, WRITING, FAILED))

    def as_dict(self) -> dict[str, Any]:
        """For programs, and JSON."""
        from dataclasses import asdict

        return {**asdict(self), "saved": self.saved, "left": self.left}

    def __str__(self) -> str:
        head = f"vault {self.path}" + (f" ({self.mount})" if self.mount else "")
        lines = [head] if self.reachable else [head, f"  does not answer: {self.error}", *([f"  do: {self.advice}"] if self.advice else [])]
        if not self.models:
            lines.append("  nothing yet")
        rows = [_cells(model) for model in self.models]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)] if rows else []
        for row, model in zip(rows, self.models, strict=True):
            row[-1] = row[-1] if self.reachable or model.state != SAVED else "as it was last seen"
            lines.append("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
            if model.error:
                lines.append(f"      {model.error}")
            if model.advice:
                lines.append(f"      do: {model.advice}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from html import escape

        style = "text-align:left;padding:2px 10px"
        head = "".join(f'<th style="{style}">{name}</th>' for name in ("model", "commit", "state", "size", "read back", ""))
        body = []
        for model in self.models:
            cells = [escape(cell) for cell in _cells(model)]
            if model.error:
                cells[-1] = f"{escape(model.error)}" + (f"<br><b>do:</b> {escape(model.advice)}" if model.advice else "")
            colour = {SAVED: "#2e7d32", FAILED: "#b3261e", LOST: "#b3261e"}.get(model.state, "inherit")
            cells[2] = f'<span style="color:{colour}">{cells[2]}</span>'
            body.append("<tr>" + "".join(f'<td style="{style};vertical-align:top">{cell}</td>' for cell in cells) + "</tr>")
        trouble_line = f'<div style="color:#b3261e">does not answer: {escape(self.error or "")}<br><b>do:</b> {escape(self.advice or "")}</div>'
        title = f"<div><b>vault</b> {escape(self.path)}{f' ({escape(self.mount)})' if self.mount else ''}</div>"
        table = f'<table style="border-collapse:collapse"><tr>{head}</tr>{"".join(body)}</table>' if body else "<div>nothing yet</div>"
        return title + ("" if self.reachable else trouble_line) + table


def _cells(model: VaultModel) -> list[str]:
    return [
        model.repo_id if model.repo_type == "model" else f"{model.repo_type}s/{model.repo_id}",
        model.commit[:7],
        model.state,
        _words.size(model.size),
        "all" if model.state == SAVED and model.read_back >= model.size else _words.of(model.read_back, model.size) if model.size else "-",
        _words_of(model),
    ]


def _words_of(model: VaultModel) -> str:
    if model.state == SAVED:
        known = model.uploaded
        at_google = "" if known is None else "arrived at Google" if known >= model.size else f"{_words.of(known, model.size)} arrived at Google"
        return "; ".join(word for word in (f"read {_HOW[model.read_back_how]}" if model.read_back_how in _HOW else "", at_google) if word)
    if model.state == FAILED and model.next_try is not None:
        left = model.next_try - time.time()
        return f"tried again in {_words.span(left)}" if left > 0 else "tried again at the next call"
    return {LOST: "it was saved, and the vault does not show it", UNFINISHED: "pieces of a runtime that ended: put it again, or rm"}.get(model.state, "")


def look(config: Config, vault: str) -> VaultStatus:
    """The state now: the journal's word for what is under way, the vault's own for what is there. Never raises for a vault that does not answer."""
    rows = {(row.repo, row.commit): row for row in journal.rows(config, vault)}
    error: str | None = None
    advice: str | None = None
    there: dict[tuple[Repo, str], Manifest] = {}
    pieces: dict[tuple[Repo, str], tuple[int, int]] = {}
    point, kind = trouble.mount_of(vault)
    known = next((row.mount for row in rows.values() if row.mount), None)
    try:
        if known is not None and known[1].startswith("fuse") and known != (point, kind):
            raise trouble.missing(vault, f"{known[0]} was a {known[1]} and is not mounted now", "mount it again")
        for repo in shelf.repos(vault):
            for commit, one in shelf.manifests(vault, repo).items():
                there[repo, commit] = one
            for commit, found in _pieces(vault, repo).items():
                if (repo, commit) not in there:
                    pieces[repo, commit] = found
    except FileNotFoundError as missing:
        if rows or not os.path.isdir(os.path.dirname(vault)):
            said = trouble.in_words(missing, vault, "it cannot be read")
            error, advice = said.message.partition("\n")[0], said.advice
    except OSError as failed:
        said = failed if isinstance(failed, StorageError) else trouble.in_words(failed, vault, "it cannot be read")
        error, advice = said.message.partition("\n")[0], said.advice
    models = []
    for key, row in rows.items():
        models.append(_of_row(row, there.pop(key, None), vault, error is None))
        pieces.pop(key, None)
    for (repo, commit), one in there.items():
        facts = VaultModel(repo.id, repo.type, commit, SAVED, tuple(one.revisions), len(one.files), one.size, one.size, one.size)
        models.append(_with_upload(facts, vault, one))
    for (repo, commit), (count, size) in pieces.items():
        models.append(VaultModel(repo.id, repo.type, commit, UNFINISHED, (), count, size, size))
    models.sort(key=lambda model: (model.repo_type, model.repo_id, model.commit))
    return VaultStatus(vault, error is None, tuple(models), error, advice, kind)


def _of_row(row: journal.Row, one: Manifest | None, vault: str, reachable: bool) -> VaultModel:
    said = row.error or {}
    state = row.state
    if state == SAVED and reachable and (one is None or not set(row.paths) <= set(one.files)):
        state = LOST
    if state == FAILED and one is not None and row.paths and not said:
        state = SAVED
    if state == WRITING and not (row.who and journal.is_alive(row.who[-1])):
        state = QUEUED  # its process was killed: the next one goes on
    if state == QUEUED and one is not None and _has_all(row, one):  # killed between the manifest and the note of it
        facts = VaultModel(row.repo.id, row.repo.type, row.commit, SAVED, tuple(row.revisions), len(one.files), one.size, one.size, one.size)
        return _with_upload(facts, vault, one)
    how = next((name for name in ("reopened", "dropped", "direct") if name in row.how), None)
    facts = VaultModel(
        row.repo.id, row.repo.type, row.commit, state, tuple(row.revisions), row.files, row.size, row.written, row.read_back, how, None,
        one.licence if one is not None else None, said.get("headline"), said.get("advice"), row.tried or None,
        row.next_try or None if state == FAILED else None,
    )  # fmt: skip
    if state == LOST:
        from dataclasses import replace

        return replace(facts, advice=f'hubjet.vault.put("{row.repo.id}"), while it is on this disk', read_back=0, written=0)
    return _with_upload(facts, vault, one) if one is not None and state == SAVED else facts


def _has_all(row: journal.Row, one: Manifest) -> bool:
    here, _ = local.sources(row.store, row.commit)
    return bool(here) and all(file.path in one.files and one.files[file.path].etag == file.etag for file in here)


def _pieces(vault: str, repo: Repo) -> dict[str, tuple[int, int]]:
    """Files and bytes below each commit's folder."""
    found: dict[str, tuple[int, int]] = {}
    base = os.path.join(vault, *layout.folder_of(repo).split("/"))
    for commit in os.listdir(base):
        if len(commit) != 40:
            continue
        count = size = 0
        for place, _, names in os.walk(os.path.join(base, commit)):
            for name in names:
                try:
                    size += os.stat(os.path.join(place, name)).st_size
                    count += 1
                except OSError:
                    continue
        found[commit] = (count, size)
    return found


def _with_upload(facts: VaultModel, vault: str, one: Manifest) -> VaultModel:
    from dataclasses import replace

    return replace(facts, licence=one.licence, uploaded=uploaded(vault, one))


def uploaded(vault: str, one: Manifest) -> int | None:
    """Bytes whose files have an id at Google: Drive's mount shows it as user.drive.id, "local-…" until then. None where there is no such mark."""
    if not hasattr(os, "getxattr"):
        return None
    base = os.path.join(vault, *layout.folder_of(one.repo).split("/"))
    arrived = 0
    for part in {part for entry in one.files.values() for part in entry.parts}:
        try:
            mark = os.getxattr(os.path.join(base, *part.at.split("/")), "user.drive.id")
        except OSError:
            return None
        if mark and not mark.startswith(b"local"):
            arrived += part.size
    return arrived
