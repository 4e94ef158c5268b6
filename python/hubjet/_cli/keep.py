"""`hubjet ls`, `hubjet rm`, `hubjet prune`, `hubjet pin` and `hubjet unpin`: what is in the cache, and what stays there. Imports _cli.say,
_cli.options, _words, _config, _keep.listing, _keep.clean, _keep.pins."""

from __future__ import annotations

from .. import _words
from .._config import resolve
from .options import Misuse, add_cache, add_repo_type, add_revision, filled
from .say import out, out_json, out_table, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .._keep.report import Cleaned


def _days(text: str) -> float:
    """ "30", "30d", "2w", "12h" → days."""
    from argparse import ArgumentTypeError

    number, unit = (text[:-1], text[-1]) if text[-1:] in "hdw" and text else (text, "d")
    try:
        days = float(number) * {"h": 1 / 24, "d": 1, "w": 7}[unit]
    except ValueError:
        days = -1.0
    if not 0 <= days < 1e5:
        raise ArgumentTypeError(f"{text!r} is no age such as 30d, 2w or 12h")
    return days


def add_ls(parser: ArgumentParser) -> None:
    """Arguments of `hubjet ls`."""
    parser.description = (
        "Lists the repositories in the cache: type, name, bytes on the disk, files, when one was last used, revisions, and what is pinned, "
        "unfinished, shared with others or needed by none. Blanks between the columns on a terminal, tabs elsewhere."
    )
    parser.epilog = """\
  hubjet ls
  hubjet ls 'org/*' --sort size --revisions
  hubjet ls --unused 30d --larger 1G
  hubjet ls --json | jq -r '.[].repo_id'"""
    parser.add_argument("repos", metavar="REPO", nargs="*", help="names, or patterns such as 'org/*'; none: all")
    parser.add_argument("--type", choices=("model", "dataset", "space", "kernel"), help="one sort only")
    parser.add_argument("--sort", choices=("name", "size", "used"), default="name", help="size: the largest first; used: the one not used longest first")
    parser.add_argument("--unused", metavar="AGE", type=_days, help="only what was not used for so long: 30d, 2w, 12h")
    parser.add_argument("--larger", metavar="SIZE", type=filled, help="only what has at least so many bytes: 1G")
    parser.add_argument("--revisions", action="store_true", help="a line for each revision, too")
    add_cache(parser)
    parser.add_argument("--tiers", action="store_true", help="what is in the other caches (HUBJET_CACHES), too: which one is the first column")
    parser.add_argument("--names", action="store_true", help="names only, one a line: quick, whatever the cache holds")


def do_ls(options: Namespace) -> None:
    """Prints the repositories in the cache."""
    if options.names:
        _names(options)
        return
    if options.tiers:
        _tiers(options)
        return
    from .._keep.listing import ls

    repos = ls(
        options.repos or None, repo_type=options.type, sort=options.sort, unused_days=options.unused, larger=options.larger, cache_dir=options.cache_dir
    )
    if options.json:
        out_json([one.as_dict() for one in repos])
        return
    if not repos:
        chosen = options.repos or options.type or options.unused is not None or options.larger
        talk(f"nothing {'of that kind' if chosen else 'yet'} in {resolve(cache_dir=options.cache_dir).cache_dir}")
        return
    out_table(repos.rows(options.revisions), right=(2, 3))
    talk(repos.headline())


def _tiers(options: Namespace) -> None:
    """Each of `caches`, in the order in which they are looked into."""
    from .._tiered import caches_of

    told, rows = [], []
    for one in caches_of(options.repos or None, options.type, options.cache_dir):
        if one.trouble is not None:
            talk(f"{one.place} {one.trouble}")
        for row in one.repos:
            rows.append((one.place, row["repo_type"], row["repo_id"], _words.size(row["size"]) if row["size"] is not None else "-", ", ".join(row["revisions"])))
            told.append({"cache": one.place, "written_to": one.written_to, **row})
    if options.json:
        out_json(told)
    elif rows:
        out_table(rows, right=(3,))
    else:
        talk("nothing yet in any of caches")


def _names(options: Namespace) -> None:
    from .._keep.census import stores_in, stores_in_plain
    from .._names import keeper

    wanted, root = keeper(options.repos or None), resolve(cache_dir=options.cache_dir).cache_dir
    repos = [*(store.repo for store in stores_in(root)), *(store.repo for store in stores_in_plain(root))]
    ids = [one.id for one in repos if wanted(one.id) and options.type in (None, one.type)]
    if options.json:
        out_json(ids)
    for one_id in () if options.json else ids:
        out(one_id)


def add_rm(parser: ArgumentParser) -> None:
    """Arguments of `hubjet rm`."""
    parser.description = (
        "Removes a repository from the cache, a revision of it, or files of that: what no other revision needs. What is pinned or open in some process "
        "stays, and is named; the exit code is then 1."
    )
    parser.epilog = """\
  hubjet rm org/model --dry-run
  hubjet rm org/model --revision v1.0
  hubjet rm org/model --file '*.bin'"""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("--file", metavar="P", dest="files", action="append", type=filled, help="only files that are called so, or match the pattern; may be repeated")
    add_repo_type(parser)
    parser.add_argument("--revision", metavar="REV", type=filled, help="branch, tag or commit; default: all of them (with --file: main)")
    add_cache(parser)
    parser.add_argument("--force", action="store_true", help="also what is pinned, or open in some process")
    parser.add_argument("--dry-run", action="store_true", help="say what would go; remove nothing")


def do_rm(options: Namespace) -> int:
    """Removes by name."""
    from .._keep.rm import rm

    result = rm(
        options.repo, options.revision, files=options.files, repo_type=options.type, cache_dir=options.cache_dir, force=options.force, dry_run=options.dry_run
    )
    _print(result, options)
    return 1 if result.kept else 0


def add_prune(parser: ArgumentParser) -> None:
    """Arguments of `hubjet prune`."""
    parser.description = (
        "Removes what nobody needs: files that no revision names, revisions that no branch or tag means and nobody used for 30 days, downloads broken "
        "off a week ago, locks and notes of what is gone. With --max-size also the revisions not used longest, until the cache fits. Never what is "
        "pinned, open in a process, or was used just now. The exit code is 1 if it does not fit."
    )
    parser.epilog = """\
  hubjet prune --dry-run
  hubjet prune --max-size 50G
  hubjet prune --unused 60d --keep 'org/*'"""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name; none: the whole cache")
    add_repo_type(parser)
    add_cache(parser)
    parser.add_argument("--max-size", metavar="SIZE", type=filled, help="most bytes the cache may have; default: the setting max_cache_size")
    parser.add_argument("--unused", metavar="AGE", type=_days, help="revisions that were not used for so long go, too: 30d, 2w")
    parser.add_argument("--detached", metavar="AGE", type=_days, default=30.0, help="the same for those that no branch or tag means; default: 30d")
    parser.add_argument("--partial", metavar="AGE", type=_days, default=7.0, help="unfinished files not touched for so long go; default: 7d")
    parser.add_argument("--keep", metavar="P", action="append", type=filled, help="repositories that stay, names or patterns; may be repeated")
    parser.add_argument("--dry-run", action="store_true", help="say what would go, in order and why; remove nothing")


def do_prune(options: Namespace) -> int:
    """Removes what nobody needs."""
    from .._keep.clean import prune

    if options.repo is not None and options.max_size is not None:
        raise Misuse("prune: --max-size is about the whole cache", "leave REPO out")
    result = prune(
        options.repo, repo_type=options.type, cache_dir=options.cache_dir, max_size=options.max_size, unused_days=options.unused,
        detached_days=options.detached, partial_days=options.partial, keep=options.keep, dry_run=options.dry_run,
    )  # fmt: skip
    _print(result, options)
    return 0 if result.fits else 1


def add_dedup(parser: ArgumentParser) -> None:
    """Arguments of `hubjet dedup`."""
    parser.description = (
        "Lets equal files of several repositories lie on the disk once: by shared blocks where the file system has them (btrfs, xfs), else as one read-only "
        "file with two names. Content is compared before."
    )
    parser.epilog = """\
  hubjet dedup --dry-run
  hubjet dedup --no-hard-links"""
    add_cache(parser)
    parser.add_argument("--no-hard-links", dest="hard_links", action="store_false", help="only by shared blocks")
    parser.add_argument("--dry-run", action="store_true", help="say what would be shared; change nothing")


def do_dedup(options: Namespace) -> None:
    """Shares equal files."""
    from .._keep.dedup import dedup

    _print(dedup(cache_dir=options.cache_dir, hard_links=options.hard_links, dry_run=options.dry_run), options)


def _print(result: Cleaned, options: Namespace) -> None:
    if options.json:
        out_json(result.as_dict())
        return
    rows = result.rows()
    if rows:
        out_table(rows, right=(3,))
    talk(result.headline())


def add_pin(parser: ArgumentParser) -> None:
    """Arguments of `hubjet pin`."""
    parser.description = "Keeps a repository, or a revision of it, whatever max_cache_size and prune would take. Without a name: prints what is pinned."
    parser.epilog = """\
  hubjet pin org/model
  hubjet pin org/model@v1.0
  hubjet pin"""
    parser.add_argument("repo", metavar="REPO[@REV]", nargs="?", help="org/name, or org/name@branch, tag or commit")
    add_repo_type(parser)
    add_revision(parser)
    add_cache(parser)


def do_pin(options: Namespace) -> None:
    """Pins, or prints the pins."""
    from .._keep import pins

    if options.repo is None:
        from .._keep.census import stores_in, stores_in_plain

        root = resolve(cache_dir=options.cache_dir).cache_dir
        repos = {*(store.repo for store in stores_in(root)), *(store.repo for store in stores_in_plain(root))}
        found = sorted((one.type, one.id, name) for one in repos for name in pins.of(one, root))
        if options.json:
            out_json([{"repo_type": kind, "repo_id": one_id, "revision": None if name == pins.ALL else name} for kind, one_id, name in found])
        else:
            out_table([(kind, one_id, "all revisions" if name == pins.ALL else name) for kind, one_id, name in found])
            talk(f"{_words.count(len(found), 'pin')}")
        return
    repo_id, revision = _named(options)
    _say_pins(options, repo_id, pins.pin(repo_id, revision, repo_type=options.type, cache_dir=options.cache_dir))


def add_unpin(parser: ArgumentParser) -> None:
    """Arguments of `hubjet unpin`."""
    parser.description = "Takes a pin away; without a revision all of the repository's."
    parser.epilog = "  hubjet unpin org/model@v1.0"
    parser.add_argument("repo", metavar="REPO[@REV]", help="org/name, or org/name@branch, tag or commit")
    add_repo_type(parser)
    add_revision(parser)
    add_cache(parser)


def do_unpin(options: Namespace) -> None:
    """Takes pins away."""
    from .._keep import pins

    repo_id, revision = _named(options)
    _say_pins(options, repo_id, pins.unpin(repo_id, revision, repo_type=options.type, cache_dir=options.cache_dir))


def _named(options: Namespace) -> tuple[str, str | None]:
    repo_id, at, revision = options.repo.partition("@")
    if at and options.revision is not None:
        raise Misuse("a revision is said twice", f"{repo_id}@{revision}, or --revision {options.revision}")
    return repo_id, (revision or None) if at else options.revision


def _say_pins(options: Namespace, repo_id: str, names: list[str]) -> None:
    if options.json:
        out_json({"repo_id": repo_id, "pins": names})
    else:
        talk(f"{repo_id}: {'pinned: ' + ', '.join('all revisions' if name == '*' else name for name in names) if names else 'nothing is pinned'}")
