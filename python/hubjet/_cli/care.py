"""`hubjet verify`: is what is here what it should be? Imports _cli.say, _cli.options, _care.verify."""

from __future__ import annotations

from .options import add_cache, add_repo_type, add_revision, filled
from .say import out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_verify(parser: ArgumentParser) -> None:
    """Arguments of `hubjet verify`."""
    parser.description = (
        "Proves what is here, without the network: each file by its sha256 (or git's sha1), each link, ref and listing by what it should say. "
        "Without REPO the whole cache. Exit code 6 if something is not what it should be."
    )
    parser.epilog = """\
  hubjet verify                        the whole cache
  hubjet verify org/model --fast       by sums of blocks, as fast as memory is read
  hubjet verify org/model --repair     fetch again what is damaged, and no more
  hubjet verify --local-dir ./model"""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name; default: all that is in the cache")
    parser.add_argument("--fast", action="store_true", help="by the sums kept when the files were proven; files without by their digest")
    parser.add_argument("--repair", action="store_true", help="fetch the damaged blocks, prove the whole, put it in the old one's place")
    parser.add_argument("--local-dir", metavar="DIR", type=filled, help="a folder that `download --local-dir` filled, instead of the cache")
    add_repo_type(parser)
    add_revision(parser)
    add_cache(parser)


def do_verify(options: Namespace) -> int:
    """Prints what is wrong, and how it was looked for."""
    from .._care.verify import verify

    found = verify(
        options.repo, fast=options.fast, repair=options.repair, revision=options.revision, repo_type=options.type,
        cache_dir=options.cache_dir, local_dir=options.local_dir,
    )  # fmt: skip
    if options.json:
        out_json(found.as_json())
    else:
        out(str(found))
        if found.bad and not options.repair:
            talk("`hubjet verify --repair` fetches what is damaged or missing, and no more")
    return 0 if found.ok else 6
