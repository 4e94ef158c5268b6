"""`hubjet verify` and `hubjet checkout`: is what is here what it should be; a copy that may be edited. Imports _cli.say, _cli.options,
_care.verify, _care.checkout."""

from __future__ import annotations

from .options import Misuse, add_cache, add_repo, add_repo_type, add_revision, filled
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
  hubjet verify org/model --fast       by sums of blocks, on all cores
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


WORDS = ("status", "diff", "reset")


def add_checkout(parser: ArgumentParser) -> None:
    """Arguments of `hubjet checkout`."""
    parser.description = (
        "Makes a copy of a repository that may be edited: files of their own, which share the cache's blocks where the disk can. Then says what was "
        "edited in it (status, diff), or puts it back as it came (reset). The cache never changes. Called again it goes on, or to another revision."
    )
    parser.epilog = """\
  hubjet checkout org/model work         a writable copy in ./work
  hubjet checkout status work            exit code 1 if anything was changed
  hubjet checkout diff work config.json  lines of text, tensors of safetensors
  hubjet checkout reset work             as it came; what was added stays"""
    parser.add_argument("what", metavar="REPO|status|diff|reset", help="org/name to make a copy of, or what to do with one")
    parser.add_argument("folder", metavar="DIR", help="where the copy is, or goes")
    parser.add_argument("files", metavar="FILE", nargs="*", help="for diff and reset: only these")
    parser.add_argument("--include", metavar="PATTERN", action="append", help="only these files")
    parser.add_argument("--exclude", metavar="PATTERN", action="append", help="not these files")
    add_repo(parser)


def do_checkout(options: Namespace) -> int:
    """Makes one, or looks at one."""
    from .._care.checkout import Checkout, checkout

    filled(options.folder)
    if options.what not in WORDS:
        if options.files:
            raise Misuse("checkout: files are for diff and reset", "--include PATTERN chooses what is copied")
        work = checkout(
            options.what, options.folder, options.revision, repo_type=options.type, cache_dir=options.cache_dir,
            allow_patterns=options.include, ignore_patterns=options.exclude,
        )  # fmt: skip
        out_json({"folder": work.folder, "repo_id": work.repo_id, "commit": work.commit}) if options.json else out(work.folder)
        return 0
    work = Checkout(options.folder, cache_dir=options.cache_dir)
    if options.what == "status":
        if options.files:
            raise Misuse("checkout status: files are for diff and reset")
        status = work.status()
        out_json({**vars(status), "clean": status.clean}) if options.json else out(str(status))
        return 0 if status.clean else 1
    if options.what == "diff":
        text = work.diff(options.files or None)
        if options.json:
            out_json({"diff": text})
        elif text:
            out(text)
        return 0
    back = work.reset(options.files or None)
    if options.json:
        out_json({"reset": list(back)})
    for name in () if options.json else back:
        out(name)
    if not back and not options.json:
        talk("nothing to put back")
    return 0
