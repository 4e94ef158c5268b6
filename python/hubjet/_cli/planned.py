"""A download's plan on the command line: in two lines before it begins, as a table, as JSON; and what is wrong with it. Imports _cli.say,
_plan, _words."""

from __future__ import annotations

import sys

from .. import _errors as errors
from .. import _native, _plan, _words
from .._errors import StorageError, explain
from .._plan import Todo
from .._words import at_home
from .say import out_json, out_table, talk, talk_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .._config import Config
    from .._plan import Plan

NOT_TOLD = 2**64 - 1


def check(plan: Plan, files: Sequence[str], include: Sequence[str] | None, exclude: Sequence[str] | None) -> None:
    """Names that the repository does not have, and patterns that choose nothing: EntryNotFound, with what is most like them. A pattern that chooses
    nothing beside others that do is only said."""
    if not plan.listed:
        return
    missing = [name for name in files if name not in plan.listed]
    if missing:
        raise _no_such_file(plan, missing)
    idle = _plan.unmatched(include or (), plan.listed)
    if not plan.rows and (include or exclude):
        raise _nothing_chosen(plan, idle, exclude)
    for pattern in idle:
        talk_line(f"--include {pattern!r} chooses no file of {plan.repo.id}{_there_is(pattern, plan)}")


def _no_such_file(plan: Plan, missing: Sequence[str]) -> errors.EntryNotFound:
    near = _near(missing[0], plan)
    advice = "names are exact (patterns go with --include); --dry-run lists the files"
    guess = f"; did you mean {' or '.join(near)}?" if near else ""
    text = explain(
        f"{plan.repo.id} has no file {missing[0]!r}{guess}",
        also=", ".join(map(repr, missing[1:])),
        revision=f"{plan.revision}, commit {plan.commit}",
        do=advice,
    )
    return _not_found(plan, text, advice, missing[0])


def _nothing_chosen(plan: Plan, idle: Sequence[str], exclude: Sequence[str] | None) -> errors.EntryNotFound:
    if idle:
        said = " ".join(f"--include {pattern!r}" for pattern in idle)
        headline = f"no file of {plan.repo.id} matches {said}{_there_is(idle[0], plan)}"
    else:
        headline = f"--exclude {' '.join(map(repr, exclude or ()))} leaves no file of {plan.repo.id}"
    advice = "* stands for any signs, / included; --dry-run without patterns lists all files"
    return _not_found(plan, explain(headline, files=_words.count(len(plan.listed or ()), "file") + " in all", do=advice), advice, None)


def _not_found(plan: Plan, text: str, advice: str, filename: str | None) -> errors.EntryNotFound:
    return errors.EntryNotFound(text, repo_id=plan.repo.id, repo_type=plan.repo.type, revision=plan.revision, filename=filename, advice=advice)


def _there_is(typed: str, plan: Plan) -> str:
    near = _near(typed, plan)
    return f"; there is {', '.join(near)}" if near else ""


def _near(typed: str, plan: Plan) -> list[str]:
    return _plan.nearest_names(typed, plan.listed or ())


# --- shown ----------------------------------------------------------------------------------------


def talk_short(plan: Plan, whole: bool) -> None:
    """What will come, in a few lines. `whole`: nobody chose files."""
    coming, rows = plan.coming, plan.rows
    what = f"{plan.repo.id} at {_version(plan)}"
    if not coming:
        talk(f"{what}: {_words.count(len(rows), 'file')}, {_words.size(_size(plan))}; all here")
        return
    here = len(rows) - len(coming)
    talk(f"{what}: {_words.count(len(coming), 'file')} to fetch, {_words.size(plan.left)}{_resumed(plan)}" + (f"; {here} here already" if here else ""))
    needed = _needed(plan) if whole else None
    if needed is not None:
        talk(f"  hint  --needed brings what a loader needs, {_words.size(needed)}: one format of the weights")
    talk(f"  into  {at_home(plan.folder)}")
    free = free_at(plan.folder)
    if free is not None and free >= plan.left:  # else it is an error, which says so
        talk(f"  disk  {_words.size(free)} free, {_words.size(free - plan.left)} left afterwards")


def _needed(plan: Plan) -> int | None:
    """Bytes to fetch of what a loader needs; None: that is not much less, or not to be told from names alone."""
    from .. import _choose

    if plan.repo.type != "model" or not plan.listed or _choose.PIPELINE_INDEX in plan.listed:
        return None
    names = _choose.choose_files(plan.listed)
    if not _choose.has_weights(names):
        return None
    chosen = set(names)
    left = sum(row.left for row in plan.rows if row.filename in chosen)
    return left if 0 < left < 0.7 * plan.left else None


def out_table_of(plan: Plan, config: Config) -> None:
    """Every file: what is done with it, bytes, name, why. The sums go to stderr."""
    tty = sys.stdout is not None and sys.stdout.isatty()
    talk(f"{plan.repo.id} at {_version(plan)}, commit {plan.commit}")
    rows = []
    for row in plan.rows:
        size = "?" if row.size is None else _words.size(row.size) if tty else str(row.size)
        why = f"{row.reason}, {_words.size(row.here)} are here" if row.todo == Todo.RESUME else row.reason
        rows.append((row.todo, size, row.filename, why))
    out_table(rows, right=(1,))
    coming = plan.coming
    sums = [f"{sum(row.todo == todo for row in plan.rows)} {word}" for todo, word in _WORDS if any(row.todo == todo for row in plan.rows)]
    talk(f"{_words.count(len(plan.rows), 'file')}, {_words.size(_size(plan))}: {', '.join(sums) or 'nothing to do'}")
    if coming:
        talk(f"to fetch   {_words.size(plan.left)}{_resumed(plan)}{_time(plan, config)}")
        talk(f"into       {at_home(plan.folder)}")
        free = free_at(plan.folder)
        if free is not None:
            short = f"{_words.size(plan.left - free)} too few" if plan.left > free else f"{_words.size(free - plan.left)} left afterwards"
            talk(f"disk       {_words.size(free)} free, {short}")


_WORDS = (
    (Todo.FETCH, "to fetch"),
    (Todo.RESUME, "to go on with"),
    (Todo.LINK, "here under another name"),
    (Todo.TAKE, "to take from elsewhere"),
    (Todo.COPY, "to copy from the cache"),
    (Todo.KEEP, "kept as edited"),
    (Todo.HERE, "here"),
)


def _time(plan: Plan, config: Config) -> str:
    """Nobody knows how fast a line is before bytes come; a limit is known."""
    if config.limit_rate and plan.left >= config.limit_rate:
        return f"; {_words.span(plan.left / config.limit_rate)} at least ({config.origins['limit_rate']})"
    return "; the time shows when bytes come"


def _version(plan: Plan) -> str:
    return plan.revision if plan.revision != plan.commit else plan.commit[:12]


def _size(plan: Plan) -> int:
    return sum(row.size or 0 for row in plan.rows)


def _resumed(plan: Plan) -> str:
    left_before = sum(row.here for row in plan.rows if row.todo == Todo.RESUME)
    return f" ({_words.size(left_before)} more came earlier)" if left_before else ""


def free_at(folder: str) -> int | None:
    """Bytes free for this user where the folder is or will be; None: that disk does not tell."""
    try:
        free = _native.disk_free(folder)
    except StorageError:
        return None
    return None if free == NOT_TOLD else free


def out_json_of(plan: Plan) -> None:
    """The plan for programs."""
    files: list[dict[str, Any]] = [dict(row._asdict()) for row in plan.rows]
    out_json(
        {
            "repo_id": plan.repo.id,
            "repo_type": plan.repo.type,
            "revision": plan.revision,
            "commit": plan.commit,
            "folder": plan.folder,
            "to_fetch": {"files": len(plan.coming), "bytes": plan.left},
            "disk_free": free_at(plan.folder),
            "files": files,
        }
    )
