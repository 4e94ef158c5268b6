"""`hubjet where` and `hubjet ls`: what is on the disk. Imports _cli_say, _cli_options, _cache."""

from __future__ import annotations

import time

from . import _cache
from ._cli_options import add_repo, filled
from ._cli_say import amount, out, out_json, out_settings, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_where(parser: ArgumentParser) -> None:
    """Arguments of `hubjet where`."""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name")
    add_repo(parser)


def do_where(options: Namespace) -> None:
    """Prints where things lie, and why there."""
    places = _cache.where(options.repo, repo_type=options.type, revision=options.revision, cache_dir=options.cache_dir)
    out_settings(places, options.json)


def add_ls(parser: ArgumentParser) -> None:
    """Arguments of `hubjet ls`."""
    parser.add_argument("--cache-dir", type=filled, help="another cache")


def do_ls(options: Namespace) -> None:
    """Prints the repositories in the cache."""
    repos = _cache.ls(cache_dir=options.cache_dir)
    if options.json:
        out_json([vars(one) for one in repos])
        return
    for one in repos:
        used = time.strftime("%Y-%m-%d", time.localtime(one.last_used)) if one.last_used else "-"
        names = ", ".join(name if name != commit else commit[:7] for name, commit in one.revisions.items())
        out(f"{one.repo_type}\t{one.repo_id}\t{amount(one.size)}\t{one.files} files\t{used}\t{names}")
    talk(f"{len(repos)} repositor{'y' if len(repos) == 1 else 'ies'}, {amount(sum(one.size for one in repos))}")
