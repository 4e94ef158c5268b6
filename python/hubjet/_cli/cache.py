"""`hubjet where` and `hubjet url`: what lies where. Imports _cli.say, _cli.options, _cache."""

from __future__ import annotations

from .. import _cache
from .._config import Setting
from .options import add_repo, add_repo_type, add_revision, filled
from .say import out, out_json, out_settings

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
