"""`hubjet ls`, `hubjet where` and `hubjet url`: what lies where. Imports _cli.say, _cli.options, _cache."""

from __future__ import annotations

import time

from .. import _cache, _words
from .._config import Setting, resolve
from .options import add_cache, add_repo, add_repo_type, add_revision, filled
from .say import out, out_json, out_settings, out_table, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_where(parser: ArgumentParser) -> None:
    """Arguments of `hubjet where`."""
    parser.description = (
        "Says where the cache, the settings and the token lie, and why there. With a repository also its folder and its "
        "newest snapshot; with a file also where that is. Asks nobody: says what is here."
    )
    parser.epilog = """\
  hubjet where
  hubjet where org/model
  hubjet where org/model config.json --json"""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name")
    parser.add_argument("file", metavar="FILE", nargs="?", help="a file of it")
    add_repo(parser)


def do_where(options: Namespace) -> None:
    """Prints where things lie, and why there."""
    places = _cache.where(options.repo, repo_type=options.type, revision=options.revision, cache_dir=options.cache_dir)
    if options.file is not None:
        from .._compat import try_to_load_from_cache

        path = try_to_load_from_cache(options.repo, options.file, options.cache_dir, options.revision, options.type)
        if isinstance(path, str):
            places["file"] = Setting(path, "below snapshot")
        else:
            places["file"] = Setting(None, "not here" if path is None else "that revision is known not to have it")
    out_settings(places, options.json)


def add_url(parser: ArgumentParser) -> None:
    """Arguments of `hubjet url`."""
    parser.description = "Prints the URL where the hub has a file. Asks nobody."
    parser.epilog = "  hubjet url org/model config.json --revision v1.0"
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("file", metavar="FILE", help="a file of it")
    add_repo_type(parser)
    add_revision(parser)
    parser.add_argument("--endpoint", metavar="URL", dest="hub", type=filled, help="the hub; default: the setting endpoint")


def do_url(options: Namespace) -> None:
    """Prints the URL of a file."""
    from .._compat import hf_hub_url

    url = hf_hub_url(options.repo, options.file, repo_type=options.type, revision=options.revision, endpoint=options.hub)
    out_json({"url": url}) if options.json else out(url)


def add_ls(parser: ArgumentParser) -> None:
    """Arguments of `hubjet ls`."""
    parser.description = (
        "Lists the repositories in the cache: type, name, bytes on the disk, files, when one was last read or written, revisions. "
        "Blanks between the columns on a terminal, tabs elsewhere."
    )
    parser.epilog = """\
  hubjet ls
  hubjet ls --json | jq -r '.[].repo_id'"""
    add_cache(parser)
    parser.add_argument("--names", action="store_true", help="names only, one a line: quick, whatever the cache holds")


def do_ls(options: Namespace) -> None:
    """Prints the repositories in the cache."""
    if options.names:
        ids = [store.repo.id for store in _cache.repos_in(options.cache_dir)]
        if options.json:
            out_json(ids)
        for one_id in () if options.json else ids:
            out(one_id)
        return
    repos = _cache.ls(cache_dir=options.cache_dir)
    if options.json:
        out_json([vars(one) for one in repos])
        return
    if not repos:
        talk(f"nothing yet in {resolve(cache_dir=options.cache_dir).cache_dir}")
        return
    rows = []
    for one in repos:
        used = time.strftime("%Y-%m-%d", time.localtime(one.last_used)) if one.last_used else "-"
        names = ", ".join(name if name != commit else commit[:7] for name, commit in one.revisions.items())
        rows.append((one.repo_type, one.repo_id, _words.size(one.size), _words.count(one.files, "file"), used, names))
    out_table(rows, right=(2, 3))
    talk(f"{_words.count(len(repos), 'repository', 'repositories')}, {_words.size(sum(one.size for one in repos))}")
