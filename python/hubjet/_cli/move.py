"""`hubjet plan`, `lock`, `sync`, `pack`, `unpack` and `serve`: models that travel. Imports _cli.say, _cli.options; what does it only when it is to."""

from __future__ import annotations

from .options import Misuse, add_ca, add_cache, add_repo_type, add_revision, filled
from .say import out, out_json, talk, talk_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from .options import Adder


def _add_choice(parser: Adder, needed: bool = True) -> None:
    """Which files of a repository."""
    if needed:
        parser.add_argument("--needed", action="store_true", help="only what a loader needs: one format of the weights, not all")
    parser.add_argument("--variant", metavar="NAME", type=filled, help="such as fp16; implies --needed")
    parser.add_argument("--quant", metavar="NAME", type=filled, help="the GGUF file of this name, such as Q4_K_M; implies --needed")
    parser.add_argument("--dtype", metavar="NAME", type=filled, help="such as float16: the variant with these numbers, where there is one")
    parser.add_argument("--include", action="append", metavar="PATTERN", help="only files that match, such as '*.json'; may be repeated")
    parser.add_argument("--exclude", action="append", metavar="PATTERN", help="not files that match; may be repeated")


def _add_from(parser: Adder) -> None:
    """Where from, where to."""
    add_cache(parser)
    parser.add_argument("--endpoint", metavar="URL", dest="hub", type=filled, help="the hub; default: the setting endpoint")
    parser.add_argument("--offline", action="store_true", default=None, help="no request: only what is here")
    parser.add_argument("--token", type=filled, help="better: set HF_TOKEN, which other users of this computer cannot see")
    add_ca(parser)


def _chosen(options: Namespace) -> dict[str, Any]:
    return {
        "variant": options.variant, "quant": options.quant, "dtype": options.dtype, "allow_patterns": options.include,
        "ignore_patterns": options.exclude, "cache_dir": options.cache_dir, "token": options.token, "endpoint": options.hub,
    }  # fmt: skip


# --- plan -----------------------------------------------------------------------------------------


def add_plan(parser: ArgumentParser) -> None:
    """Arguments of `hubjet plan`."""
    parser.description = (
        "Says what of a repository a loader needs, what is left out and why, and what that saves: one format of the weights, one variant, "
        "never two copies. Fetches nothing. With --urls: the list for curl or aria2, with names and checksums."
    )
    parser.epilog = """\
  hubjet plan org/model
  hubjet plan org/model-GGUF --quant Q4_K_M
  hubjet plan org/diffuser --dtype float16
  hubjet plan org/model --urls --format aria2 > list; aria2c -i list -d DIR
  hubjet unpack --from-folder DIR --repo org/model@COMMIT"""
    parser.add_argument("repo", metavar="REPO", help="org/name, or org/name@revision")
    add_repo_type(parser)
    add_revision(parser)
    _add_choice(parser, needed=False)
    parser.add_argument("--all", action="store_true", help="every file, needed or not")
    parser.add_argument("--urls", action="store_true", help="print the URLs, for other programs")
    parser.add_argument("--format", choices=("plain", "curl", "aria2", "json"), help="of the list; default: plain")
    _add_from(parser)


def do_plan(options: Namespace) -> None:
    """Prints what a download would bring."""
    from .._move import plan as planning

    if options.format is not None and not options.urls:
        raise Misuse("--format goes with --urls")
    plan = planning.plan(options.repo, repo_type=options.type, revision=options.revision, needed=not options.all, **_chosen(options))
    if options.urls and not options.json:
        out(plan.urls(options.format or "plain"))
        if plan.needs_token:
            talk_line(f"{plan.repo_id} asks for a token: send the header {planning.HEADER!r} to {plan.files[0].url.split('/resolve/')[0] if plan.files else 'it'}, and to no other host")
    elif options.json:
        out_json(planning.as_dict(plan))
    else:
        out(str(plan))


# --- lock, sync -----------------------------------------------------------------------------------


def add_lock(parser: ArgumentParser) -> None:
    """Arguments of `hubjet lock`."""
    parser.description = (
        "Writes down which commit, files, sizes and digests a project uses, for `hubjet sync`. Nothing is downloaded. Repositories are added "
        "to the file, or take the place of what it says of them; without any, all of the file is looked up anew."
    )
    parser.epilog = """\
  hubjet lock org/model --needed
  hubjet lock org/model@v1.0 datasets/org/reviews
  hubjet lock org/model-GGUF --quant Q4_K_M --file models.lock"""
    parser.add_argument("repos", metavar="REPO", nargs="*", default=[], help="org/name, org/name@revision, datasets/org/name")
    parser.add_argument("--file", metavar="PATH", type=filled, default="hubjet.lock", help="the lock file; default: hubjet.lock")
    add_repo_type(parser)
    add_revision(parser)
    _add_choice(parser)
    _add_from(parser)


def do_lock(options: Namespace) -> None:
    """Writes the lock, and prints what changed."""
    from .._move.lock import lock

    lines = lock(*options.repos, file=options.file, needed=options.needed, repo_type=options.type, revision=options.revision, **_chosen(options))
    _say_changes(options, lines, options.file)


def _say_changes(options: Namespace, lines: list[str], file: str) -> None:
    if options.json:
        out_json({"file": file, "changes": lines})
        return
    for line in lines:
        out(line)
    if not lines:
        talk(f"{file}: nothing changed")


def add_sync(parser: ArgumentParser) -> None:
    """Arguments of `hubjet sync`."""
    parser.description = (
        "Brings what a lock file says. With --frozen exactly that: the same bytes, or an error that says what is different; nobody is asked for "
        "anything when all is here. Without it the lock is brought up to date first, and what changed is printed."
    )
    parser.epilog = """\
  hubjet sync --frozen                        in CI, in a Dockerfile
  hubjet sync                                 take what the hub has now
  hubjet sync --check                         exit code 1 if anything differs"""
    parser.add_argument("file", metavar="FILE", nargs="?", default="hubjet.lock", help="the lock file; default: hubjet.lock")
    parser.add_argument("--frozen", action="store_true", help="exactly what the lock says, or an error")
    parser.add_argument("--check", action="store_true", help="fetch and write nothing; say what differs, here and on the hub")
    _add_from(parser)
    add_limits_but_ca(parser)


def add_limits_but_ca(parser: ArgumentParser) -> None:
    """What a download may take."""
    parser.add_argument("--limit-rate", metavar="RATE", help="bytes per second, such as 8M; off: no limit")
    parser.add_argument("--max-connections", metavar="N", help="most connections to one hub")


def do_sync(options: Namespace) -> int:
    """Brings it, and prints where it is."""
    from .._move.lock import sync

    done = sync(
        options.file, frozen=options.frozen, check=options.check, cache_dir=options.cache_dir, token=options.token, endpoint=options.hub
    )
    if options.json:
        out_json({"folders": done.folders, "changes": done.changes, "drift": done.drift, "fetched": done.fetched})
    elif options.check:
        for line in done.drift:
            out(line)
        talk(f"{options.file}: " + (f"{len(done.drift)} differences" if done.drift else "everything is as it says"))
    else:
        for line in done.changes:
            talk(line)
        for folder in done.folders.values():
            out(str(folder))
    return 1 if done.drift else 0


# --- pack, unpack ---------------------------------------------------------------------------------


def add_pack(parser: ArgumentParser) -> None:
    """Arguments of `hubjet pack`."""
    parser.description = (
        "Puts models into one tar, with a manifest of commits, sizes, digests and licences in front; what is not here is fetched first. The same "
        "bytes on every computer. Any tar program can read it; `hubjet unpack` proves it and puts it into the cache."
    )
    parser.epilog = """\
  hubjet pack org/model --needed -o model.tar
  hubjet pack org/a datasets/org/b -o both.tar.zst
  hubjet pack --lock hubjet.lock -o project.tar
  hubjet pack org/model -o - | ssh node hubjet unpack -"""
    parser.add_argument("repos", metavar="REPO", nargs="*", default=[], help="org/name, org/name@revision, datasets/org/name")
    parser.add_argument("-o", "--output", metavar="PATH", type=filled, help="the pack; .zst at its end: compressed; -: stdout")
    parser.add_argument("--lock", metavar="FILE", type=filled, help="exactly what this lock file says")
    add_repo_type(parser)
    add_revision(parser)
    _add_choice(parser)
    _add_from(parser)


def do_pack(options: Namespace) -> None:
    """Writes the pack, and prints where it is."""
    import sys

    from .. import _words
    from .._move.pack import pack

    if not options.repos and options.lock is None:
        raise Misuse("pack: name a repository, or --lock FILE", "hubjet pack --help lists what there is")
    if options.output is None:
        raise Misuse("pack: say where to, such as -o model.tar; -o - is stdout")
    if options.output == "-" and sys.stdout.isatty():
        raise Misuse("pack: a terminal cannot read a tar", "hubjet pack REPO -o - | ssh HOST hubjet unpack -")
    where: Any = sys.stdout.buffer if options.output == "-" else options.output
    made = pack(
        options.repos, where, needed=options.needed, repo_type=options.type, revision=options.revision, lock=options.lock, **_chosen(options)
    )
    for note in made.notes:
        talk_line(note)
    if options.output == "-":
        where.flush()
    elif options.json:
        out_json(vars(made))
    else:
        out(made.path)
    talk(f"{_words.count(made.files, 'file')} of {', '.join(made.repos)}, {_words.size(made.size)}")


def add_unpack(parser: ArgumentParser) -> None:
    """Arguments of `hubjet unpack`."""
    parser.description = (
        "Puts what `hubjet pack` made into the cache: each file appears when its digest was compared, each model when all of it is there. "
        "Interrupted, the same command goes on. With --from-folder: files that curl, aria2 or a person put into a folder."
    )
    parser.epilog = """\
  hubjet unpack model.tar
  hubjet unpack model.tar --lock hubjet.lock            only what the lock says
  hubjet unpack --from-folder DIR --repo org/model@COMMIT
  hubjet unpack - < model.tar"""
    parser.add_argument("file", metavar="PACK", nargs="?", help="the pack; -: stdin")
    parser.add_argument("--lock", metavar="FILE", type=filled, help="a lock file that it has to be as")
    parser.add_argument("--from-folder", metavar="DIR", type=filled, help="files that another program downloaded")
    parser.add_argument("--repo", metavar="REPO", type=filled, help="with --from-folder: whose they are, org/name@commit")
    add_repo_type(parser)
    _add_from(parser)


def do_unpack(options: Namespace) -> None:
    """Puts it into the cache, and prints where it is."""
    import sys

    from .. import _words
    from .._move.unpack import unpack

    if (options.file is None) == (options.from_folder is None):
        raise Misuse("unpack: name a pack, or --from-folder DIR --repo REPO")
    source: Any = sys.stdin.buffer if options.file == "-" else options.file
    done = unpack(
        source, from_folder=options.from_folder, repo=options.repo, repo_type=options.type, lock=options.lock, cache_dir=options.cache_dir,
        token=options.token, endpoint=options.hub,
    )  # fmt: skip
    for note in done.notes:
        talk_line(note)
    if options.json:
        out_json(vars(done))
        return
    for folder in done.folders.values():
        out(str(folder))
    talk(f"{_words.count(done.files, 'file')}, {_words.size(done.written)} that were not here")


# --- serve ----------------------------------------------------------------------------------------


def add_serve(parser: ArgumentParser) -> None:
    """Arguments of `hubjet serve`."""
    parser.description = (
        "Serves the cache as a read-only hub: another computer sets HF_ENDPOINT to it, and huggingface_hub, transformers and hubjet download from "
        "here. Only files that were proven are served, nothing outside the cache. Ctrl-C ends it. Not on Colab, whose rules forbid it."
    )
    parser.epilog = """\
  hubjet serve
  hubjet serve --host 0.0.0.0 --secret-file secret
  hubjet download org/model --endpoint http://box:8765"""
    parser.add_argument("--host", metavar="NAME", type=filled, default="127.0.0.1", help="127.0.0.1: this computer only; 0.0.0.0: the others, too")
    parser.add_argument("--port", metavar="N", type=int, default=8765, help="default: 8765; 0: any free one")
    parser.add_argument("--secret-file", metavar="FILE", type=filled, help="clients send its content as their token (HF_TOKEN)")
    add_cache(parser)


def do_serve(options: Namespace) -> None:
    """Serves until Ctrl-C; prints the address."""
    from .._move.serve import serve
    from .say import flush, talk_as_it_is

    secret = None
    if options.secret_file is not None:
        with open(options.secret_file, encoding="utf-8") as file:
            secret = file.readline().strip()
    log = None if options.quiet else talk_as_it_is
    with serve(host=options.host, port=options.port, secret=secret, cache_dir=options.cache_dir, log=log) as serving:
        out_json({"url": serving.url}) if options.json else out(serving.url)
        flush()
        talk(f"another computer: HF_ENDPOINT={serving.url}; Ctrl-C ends it")
        serving.wait()
