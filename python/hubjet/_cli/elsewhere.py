"""`hubjet find`, `hubjet scan` and `hubjet adopt`: what other programs on this computer have. Imports _cli.say, _cli.options, _finding."""

from __future__ import annotations

from .. import _finding, _words
from .._words import at_home
from .options import add_cache, add_repo, add_repo_type, filled
from .say import out_json, out_table, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def _add_sources(parser: ArgumentParser) -> None:
    parser.add_argument("--source", metavar="DIR", action="append", type=filled, help="look through this folder, too (HUBJET_SEARCH); repeatable")


def add_find(parser: ArgumentParser) -> None:
    """Arguments of `hubjet find`."""
    parser.description = (
        "Says where on this computer the files of a repository lie: in the cache, in other programs' stores, in folders that you name. Asks nobody. "
        "Exit code 3 if there is none."
    )
    parser.epilog = """\
  hubjet find org/model
  hubjet find org/model --source /data/models
  hubjet find org/model --json | jq -r '.[].path'"""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    add_repo(parser)
    _add_sources(parser)


def do_find(options: Namespace) -> int:
    """Prints where the files of a repository lie."""
    found = _finding.find(
        options.repo, repo_type=options.type, revision=options.revision, cache_dir=options.cache_dir, sources=options.source
    )
    if options.json:
        out_json([vars(one) for one in found])
    elif found:
        out_table([(one.title, _words.size(one.size), one.program, one.known, at_home(one.path)) for one in found], right=(1,))
    if not found:
        talk(f"nothing of {options.repo} is known to lie on this computer; --source DIR looks through a folder, `hubjet scan` says what there is")
        return 3
    names = {one.title for one in found}
    talk(f"{_words.count(len(names), 'file')} in {_words.count(len(found), 'place')}")
    return 0


def add_scan(parser: ArgumentParser) -> None:
    """Arguments of `hubjet scan`."""
    parser.description = (
        "Lists the stores of other programs on this computer: program, files, bytes, how many of the files are named by their digest and of how many it is "
        "known which repository they are of. Nothing is hashed, nothing is written."
    )
    parser.epilog = """\
  hubjet scan
  hubjet scan --source /data/models --json"""
    _add_sources(parser)


def do_scan(options: Namespace) -> None:
    """Prints the stores of other programs."""
    found = _finding.scan(sources=options.source)
    if options.json:
        out_json([vars(one) for one in found])
        return
    if not found:
        talk("no other program's models were found; --source DIR looks through a folder")
        return
    rows = [
        (one.program, _words.count(one.files, "file"), _words.size(one.size), f"{one.by_digest} by digest", f"{one.by_name} by name", at_home(one.path))
        for one in found
    ]
    out_table(rows, right=(1, 2))
    talk(f"{_words.count(len(found), 'store')}, {_words.size(sum(one.size for one in found))}; what a download needs of it is taken from there (docs/adopt.md)")


def add_adopt(parser: ArgumentParser) -> None:
    """Arguments of `hubjet adopt`."""
    parser.description = (
        "Brings into the cache what another program has, as far as its store says repository, commit, name and digest: each file is proven, then cloned, "
        "linked or copied (the setting adopt). The other program's files stay as they are. Without PLACE: all stores that `hubjet scan` lists."
    )
    parser.epilog = """\
  hubjet adopt ~/clone-of-a-repository
  hubjet adopt --repo org/model
  hubjet adopt --dry-run"""
    parser.add_argument("place", metavar="PLACE", nargs="?", type=filled, help="a folder, a git clone, another cache")
    parser.add_argument("--repo", metavar="REPO", type=filled, help="only this repository")
    add_repo_type(parser)
    add_cache(parser)
    parser.add_argument("--dry-run", action="store_true", help="only say what would be brought")


def do_adopt(options: Namespace) -> int:
    """Brings it, and prints what was brought."""
    found = _finding.adopt(options.place, repo_id=options.repo, repo_type=options.type, cache_dir=options.cache_dir, dry_run=options.dry_run)
    bad = [one for one in found if one.how is None and not options.dry_run]
    if options.json:
        out_json([vars(one) for one in found])
    elif found:
        out_table(
            [(one.how or ("to take" if options.dry_run else "refused"), _words.size(one.size), one.repo_id, one.filename, at_home(one.source)) for one in found],
            right=(1,),
        )
    if not found:
        talk("nothing here says of which repository and commit it is; a download finds it by its digest all the same")
        return 3
    new = [one for one in found if one.how not in (None, "here")]
    talk(f"{_words.count(len(new), 'file')} brought, {_words.size(sum(one.size for one in new))}; {len(found) - len(new) - len(bad)} here already" if not options.dry_run
         else f"{_words.count(len(found), 'file')}, {_words.size(sum(one.size for one in found))}")  # fmt: skip
    if bad:
        talk(f"{_words.count(len(bad), 'file')} refused: not what the store says")
    return 6 if bad else 0
