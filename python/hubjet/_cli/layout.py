"""`hubjet convert` and `hubjet open`: repositories from one layout into the other; a folder in the file manager. Imports _cli.say, _cli.options,
_open, _convert."""

from __future__ import annotations

import sys

from .. import _words
from .options import add_cache, add_repo, add_repo_type, add_revision, filled
from .say import out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_convert(parser: ArgumentParser) -> None:
    """Arguments of `hubjet convert`."""
    parser.description = (
        "Brings a repository that is here into the other layout: plain (a readable folder, no links; for other drives, Drive, Windows) or hub "
        "(the stock client's cache). Nothing is fetched, everything is proven. Prints the folders. Typed again after it was interrupted, it goes on."
    )
    parser.epilog = """\
  hubjet convert org/model --to plain --into /media/usb/models
  hubjet convert org/model --to hub --move"""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("--to", choices=("plain", "hub"), required=True, help="the layout it is to have")
    parser.add_argument("--into", metavar="ROOT", type=filled, help="where to; default: the same cache")
    parser.add_argument("--move", action="store_true", help="remove the old form once all of the new one is there")
    add_repo_type(parser)
    add_revision(parser)
    add_cache(parser, layout=False)


def do_convert(options: Namespace) -> int:
    """Converts, and prints where it is now."""
    from .._convert import convert

    done = convert(
        options.repo,
        options.to,
        into=options.into,
        move=options.move,
        revision=options.revision,
        repo_type=options.type,
        cache_dir=options.cache_dir,
    )
    if options.json:
        out_json(vars(done))
    else:
        for folder in done.folders.values():
            out(folder)
    how = ", ".join(f"{count} {what}" for what, count in done.how.items())
    talk(f"{done.repo_id}: {_words.count(done.files, 'file')}, {_words.size(done.size)}; {how or 'nothing to do'}")
    for name, why in done.skipped.items():
        talk(f"  left    {name}: {why}")
    if options.move and not done.removed:
        talk("  kept    the old form: not all of it could be brought over, or other files lie beside it")
    return 6 if done.skipped else 0


def add_open(parser: ArgumentParser) -> None:
    """Arguments of `hubjet open`."""
    parser.description = (
        "Shows a repository's folder, or the cache, in the system's file manager, and prints its path. Where there is no screen (ssh, Colab, a "
        "container) the path is all."
    )
    parser.epilog = """\
  hubjet open
  hubjet open org/model"""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name")
    add_repo(parser)


def do_open(options: Namespace) -> None:
    """Prints the folder, and shows it where somebody can see it."""
    from .._open import open_folder

    opened = open_folder(options.repo, repo_type=options.type, revision=options.revision, cache_dir=options.cache_dir)
    if options.json:
        out_json({"folder": opened.folder, "shown": opened.shown})
        return
    out(opened.folder)
    if not opened.shown and sys.stdout.isatty():
        talk("  there is no file manager here: that is where it is")
