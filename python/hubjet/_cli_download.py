"""`hubjet download` and `hubjet get`. Imports _cli_say, _cli_options; what downloads only when it is to."""

from __future__ import annotations

import os

from . import _errors as errors
from ._cli_options import add_limits, add_repo, filled, output
from ._cli_say import amount, out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any


def add_download(parser: ArgumentParser) -> None:
    """Arguments of `hubjet download`."""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("files", metavar="FILE", nargs="*", default=[], help="files of the repository; none: all")
    add_repo(parser)
    parser.add_argument("--local-dir", type=filled, help="put plain files there, not into the cache")
    parser.add_argument("--include", action="append", metavar="PATTERN", help="only files that match; may be repeated")
    parser.add_argument("--exclude", action="append", metavar="PATTERN", help="not files that match; may be repeated")
    parser.add_argument("--token", help="a token; better: set HF_TOKEN, where other users of this computer cannot see it")
    parser.add_argument("--endpoint", metavar="URL", action="append", type=filled, default=[],
                        help="the hub to ask; further ones are its mirrors")
    parser.add_argument("--force", action="store_true", help="fetch again what is here; replace edited files")
    parser.add_argument("--offline", action="store_true", default=None, help="no request: only what is here")
    parser.add_argument("--dry-run", action="store_true", help="say what would be fetched")
    add_limits(parser)


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
        raise ValueError("name files, or choose by --include and --exclude, not both")
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
    parser.add_argument("url", metavar="URL")
    parser.add_argument("-o", "--output", metavar="PATH", type=output, help="file or folder; default: the current folder")
    parser.add_argument("--sha256", help="what the content must hash to")
    parser.add_argument("--size", type=int, help="bytes it must have")
    parser.add_argument("--token", help="sent to the URL's own host only")
    parser.add_argument("--force", action="store_true", help="fetch even if the right file is there")
    add_limits(parser)


def do_get(options: Namespace) -> None:
    """Fetches any URL and prints where the file is."""
    from ._fetch import fetch

    path = fetch(
        options.url, options.output, sha256=options.sha256, size=options.size, token=options.token, force=options.force
    )
    out_json({"path": str(path)}) if options.json else out(str(path))
