"""`hubjet licence`: under which terms the models here may be used. Imports _cli.say, _cli.options, _keep.licences."""

from __future__ import annotations

from .options import add_repo
from .say import out, out_json, out_table, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_licence(parser: ArgumentParser) -> None:
    """Arguments of `hubjet licence`."""
    parser.description = (
        "Says under which terms a model in the cache, or a file or folder of one, may be used: its licence, where its words lie, what was accepted by which "
        "account, what it is made of. Without a name: a table of all that is in the cache, what is unknown marked. Asks nobody."
    )
    parser.epilog = """\
  hubjet licence
  hubjet licence org/model
  hubjet licence ./model/model.safetensors --json"""
    parser.add_argument("what", metavar="REPO|PATH", nargs="?", help="org/name, or a file or folder that was downloaded")
    add_repo(parser)


def do_licence(options: Namespace) -> None:
    """Prints licences."""
    from .._keep.licences import Licences, licence

    found = licence(options.what, revision=options.revision, repo_type=options.type, cache_dir=options.cache_dir)
    if isinstance(found, Licences):
        if options.json:
            out_json([one.as_dict() for one in found])
            return
        if found:
            out_table(found.rows())
        talk(found.headline())
    elif options.json:
        out_json(found.as_dict())
    else:
        out(str(found))
