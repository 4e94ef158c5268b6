"""`hubjet push`: a repository of the cache into an object store. Imports _cli.say, _cli.options, _words, _names, and _remote.push when it is typed."""

from __future__ import annotations

from .. import _words
from .options import add_repo, filled
from .say import out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_push(parser: ArgumentParser) -> None:
    """Arguments of `hubjet push`."""
    parser.description = (
        "Puts a repository of the cache into a place that fsspec reaches, where HUBJET_CACHES finds it. What is there already is not sent again; what is "
        "sent is digested as it is read, and named when it is whole. The place's credentials are fsspec's affair; the hub is not asked."
    )
    parser.epilog = """\
  hubjet push org/model s3://models/hub
  hubjet push org/model s3://models/hub --include '*.safetensors'
  export HUBJET_CACHES=s3://models/hub:       found there from then on"""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("place", metavar="PLACE", type=filled, help="such as s3://bucket/prefix or file:///the/folder")
    parser.add_argument("--include", metavar="P", action="append", type=filled, help="only files that match; may be repeated")
    parser.add_argument("--exclude", metavar="P", action="append", type=filled, help="not these; may be repeated")
    add_repo(parser)


def do_push(options: Namespace) -> None:
    """Pushes, and says what went."""
    from .._remote.push import push

    done = push(
        options.repo, options.place, revision=options.revision, repo_type=options.type, cache_dir=options.cache_dir,
        allow_patterns=options.include, ignore_patterns=options.exclude,
    )  # fmt: skip
    if options.json:
        out_json(vars(done))
        return
    out(done.place)
    there = f"; {_words.size(done.there)} lay there already" if done.there else ""
    talk(f"{done.repo_id} at {done.commit[:12]}: {_words.count(done.files, 'file')}, {_words.size(done.size)}; {_words.size(done.sent)} sent{there}")
