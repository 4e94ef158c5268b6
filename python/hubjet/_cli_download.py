"""`hubjet download` and `hubjet get`. Imports _cli_say, _cli_options; what downloads only when it is to."""

from __future__ import annotations

import os

from . import _errors as errors
from ._cli_options import Misuse, add_cache, add_limits, add_repo_type, add_revision, filled, output
from ._cli_say import amount, out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any


def add_download(parser: ArgumentParser) -> None:
    """Arguments of `hubjet download`."""
    parser.description = (
        "Fetches a repository, or files of it, into the Hub's own cache, and prints where they are: a folder, or the file if one was "
        "named. What is here already is not fetched again; what broke off goes on where it stopped. Nothing is asked: what will "
        "come is shown on a terminal before it comes, and Ctrl-C loses nothing."
    )
    parser.epilog = """\
  hubjet download org/model
  hubjet download org/model config.json tokenizer.json
  hubjet download org/model --include '*.safetensors' --exclude 'onnx/*'
  hubjet download org/data --type dataset --revision v2 --local-dir data
  hubjet download org/model --dry-run"""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("files", metavar="FILE", nargs="*", default=[], help="files of the repository; none: all")
    what = parser.add_argument_group("what")
    add_repo_type(what)
    add_revision(what)
    what.add_argument("--include", action="append", metavar="PATTERN", help="only files that match, such as '*.json'; may be repeated")
    what.add_argument("--exclude", action="append", metavar="PATTERN", help="not files that match; may be repeated")
    what.add_argument("--force", action="store_true", help="fetch again what is here; replace edited files")
    what.add_argument("--dry-run", action="store_true", help="fetch nothing; say what would be, and why")
    where = parser.add_argument_group("where from, where to")
    add_cache(where)
    where.add_argument("--local-dir", metavar="DIR", type=filled, help="put plain files there, not into the cache")
    where.add_argument("--endpoint", metavar="URL", action="append", type=filled, default=[],
                       help="the hub to ask; further ones are its mirrors")  # fmt: skip
    where.add_argument("--offline", action="store_true", default=None, help="no request: only what is here")
    where.add_argument("--token", type=filled, help="better: set HF_TOKEN, which other users of this computer cannot see")
    add_limits(parser.add_argument_group("how"))


def do_download(options: Namespace) -> None:
    """Fetches files of a repository and prints where they are."""
    from ._compat import hf_hub_download, snapshot_download
    from ._names import check_filename

    common: dict[str, Any] = {
        "repo_type": options.type,
        "revision": options.revision,
        "cache_dir": options.cache_dir,
        "local_dir": options.local_dir,
        "token": options.token,
        "force_download": options.force,
        "endpoint": options.endpoint[0] if len(options.endpoint) == 1 else None,
        "dry_run": options.dry_run,
    }
    if options.files and (options.include or options.exclude):
        raise Misuse("name files, or choose by --include and --exclude, not both")
    for name in options.files:
        check_filename(name)
    if len(options.files) == 1:
        results: Any = hf_hub_download(options.repo, options.files[0], **common)
    else:
        # Names are exact: brackets in them are no patterns.
        allow = [_literal(name) for name in options.files] or options.include
        results = snapshot_download(options.repo, allow_patterns=allow, ignore_patterns=options.exclude, **common)
        _check_all_there(options, results)
    if options.dry_run:
        _out_plan(results if isinstance(results, list) else [results], options.json)
    elif options.json:
        out_json({"path": results})
    else:
        out(results)


def _check_all_there(options: Namespace, results: Any) -> None:
    """Patterns pass over what is not there; names that a person typed do not."""
    if isinstance(results, str):
        missing = [name for name in options.files if not os.path.isfile(os.path.join(results, name))]
    else:
        missing = sorted(set(options.files) - {info.filename for info in results})
    if missing:
        raise errors.EntryNotFound(
            errors.explain(
                f"{options.repo} has no file {missing[0]!r}",
                also=", ".join(map(repr, missing[1:])),
                do="names are exact (patterns go with --include); --dry-run lists the files",
            ),
            filename=missing[0],
            repo_id=options.repo,
        )


def _literal(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _out_plan(infos: list[Any], json: bool) -> None:
    if json:
        out_json([vars(info) for info in infos])
        return
    for info in infos:
        todo = "fetch" if info.will_download else "here"
        out(f"{todo}\t{info.file_size if info.file_size is not None else '?'}\t{info.filename}")
    size = sum(info.file_size or 0 for info in infos if info.will_download)
    talk(f"{sum(info.will_download for info in infos)} of {len(infos)} files to fetch, {amount(size)}")


def add_get(parser: ArgumentParser) -> None:
    """Arguments of `hubjet get`."""
    parser.description = (
        "Fetches any http(s) URL over several connections and prints where the file is. With --sha256 it appears only if its "
        "content is right, and is not fetched again if it is there."
    )
    parser.epilog = "  hubjet get https://example.com/model.bin -o models/ --sha256 9f2c…"
    parser.add_argument("url", metavar="URL")
    what = parser.add_argument_group("what")
    what.add_argument("-o", "--output", metavar="PATH", type=output, help="file or folder; default: the current folder")
    what.add_argument("--sha256", metavar="HEX", type=filled, help="what the content must hash to")
    what.add_argument("--size", metavar="N", type=int, help="bytes it must have")
    what.add_argument("--token", type=filled, help="sent to the URL's own host only")
    what.add_argument("--force", action="store_true", help="fetch even if the right file is there")
    add_limits(parser.add_argument_group("how"))


def do_get(options: Namespace) -> None:
    """Fetches any URL and prints where the file is."""
    from ._fetch import fetch

    path = fetch(
        options.url, options.output, sha256=options.sha256, size=options.size, token=options.token, force=options.force
    )
    out_json({"path": str(path)}) if options.json else out(str(path))
