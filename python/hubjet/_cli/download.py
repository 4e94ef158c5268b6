"""`hubjet download` and `hubjet get`. Imports _cli.say, _cli.options; what downloads only when it is to."""

from __future__ import annotations

import os
import sys

from .. import _errors as errors
from .._config import resolve
from .options import Misuse, add_cache, add_limits, add_repo_type, add_revision, add_vault_place, filled, output
from .say import out, out_json, talk, talk_as_it_is

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from typing import Any

    from .._plan import Plan


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
  hubjet download org/model --needed --variant fp16
  hubjet download org/data --type dataset --revision v2 --local-dir data
  hubjet download org/model --dry-run"""
    parser.add_argument("repo", metavar="REPO", help="org/name")
    parser.add_argument("files", metavar="FILE", nargs="*", default=[], help="files of the repository; none: all")
    what = parser.add_argument_group("what")
    add_repo_type(what)
    add_revision(what)
    what.add_argument("--include", action="append", metavar="PATTERN", help="only files that match, such as '*.json'; may be repeated")
    what.add_argument("--exclude", action="append", metavar="PATTERN", help="not files that match; may be repeated")
    what.add_argument("--needed", action="store_true", help="only what a loader needs: one format of the weights, not all")
    what.add_argument("--variant", metavar="NAME", type=filled, help="with --needed: such as fp16")
    what.add_argument("--quant", metavar="NAME", type=filled, help="with --needed: the GGUF file of this name, such as Q4_K_M")
    what.add_argument("--force", action="store_true", help="fetch again what is here; replace edited files")
    what.add_argument("--dry-run", action="store_true", help="fetch nothing; say what would be, and why")
    where = parser.add_argument_group("where from, where to")
    add_cache(where)
    where.add_argument("--local-dir", metavar="DIR", type=filled, help="put plain files there, not into the cache")
    add_vault_place(where)
    where.add_argument("--endpoint", metavar="URL", action="append", type=filled, default=[],
                       help="the hub to ask; further ones are its mirrors")  # fmt: skip
    where.add_argument("--offline", action="store_true", default=None, help="no request: only what is here")
    where.add_argument("--token", type=filled, help="better: set HF_TOKEN, which other users of this computer cannot see")
    add_limits(parser.add_argument_group("how"))


def do_download(options: Namespace) -> None:
    """Fetches files of a repository and prints where they are."""
    from .. import _plan
    from .._names import check_filename
    from . import planned

    if options.files and (options.include or options.exclude):
        raise Misuse("name files, or choose by --include and --exclude, not both")
    if options.variant is not None and not options.needed:
        raise Misuse("--variant goes with --needed")
    if options.quant is not None and not options.needed:
        raise Misuse("--quant goes with --needed")
    if options.needed and (options.files or options.include):
        raise Misuse("--needed chooses the files: name none, and leave --include out")
    for name in options.files:
        check_filename(name)
    shown = not options.quiet and sys.stderr is not None and sys.stderr.isatty()
    plans: list[Plan] = []

    def look(plan: Plan) -> None:
        planned.check(plan, options.files, options.include, options.exclude)
        plans.append(plan)
        if shown and not options.dry_run:
            planned.talk_short(plan, whole=not (options.files or options.include or options.exclude or options.needed))

    with _plan.telling(look):
        result = _bring(options)
    if options.dry_run:
        planned.out_json_of(plans[0]) if options.json else planned.out_table_of(plans[0], resolve())
        return
    _check_all_there(options, result)
    if shown and not plans and not options.files:
        talk(f"{options.repo}: all here already")
    _out_result(options.json, result, shown)
    if resolve().vault is not None:
        from .vault import wait_for

        wait_for(options)


def _bring(options: Namespace) -> Any:
    from .._compat import hf_hub_download, snapshot_download

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
    if options.needed:
        from .._loader import bring_needed

        return bring_needed(options.repo, variant=options.variant, quant=options.quant, ignore_patterns=options.exclude, **common)
    if len(options.files) == 1:
        try:
            return hf_hub_download(options.repo, options.files[0], **common)
        except errors.EntryNotFound as error:
            near = _like(options, common) if error.status == 404 else []
            if near:
                error.add_line("like it", ", ".join(near))
            raise
    # Names are exact: brackets in them are no patterns.
    allow = [_literal(name) for name in options.files] or options.include
    return snapshot_download(options.repo, allow_patterns=allow, ignore_patterns=options.exclude, **common)


def _like(options: Namespace, common: dict[str, Any]) -> list[str]:
    """Names of the repository that are like the one it does not have."""
    from .. import _plan
    from .._compat import snapshot_download

    plans: list[Plan] = []
    try:
        with _plan.telling(plans.append):
            snapshot_download(options.repo, **{**common, "dry_run": True})
    except errors.HubjetError:
        return []  # what was asked for is answered; this was for convenience
    return _plan.nearest_names(options.files[0], plans[0].listed or ()) if plans else []


def _check_all_there(options: Namespace, result: str) -> None:
    """Patterns pass over what is not there; names that a person typed do not. Where the listing was not looked at, only this shows it."""
    missing = [name for name in options.files if not os.path.isfile(os.path.join(result, name))] if len(options.files) > 1 else []
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


def add_get(parser: ArgumentParser) -> None:
    """Arguments of `hubjet get`."""
    parser.description = (
        "Fetches any http(s) URL over several connections and prints where the file is. With --sha256 it appears only if its "
        "content is right, and is not fetched again if it is there."
    )
    parser.epilog = """\
  hubjet get https://example.com/model.bin -o models/ --sha256 9f2c…
  hubjet get https://huggingface.co/org/vae/blob/main/x.pt --into comfy"""
    parser.add_argument("url", metavar="URL")
    what = parser.add_argument_group("what")
    what.add_argument("-o", "--output", metavar="PATH", type=output, help="file or folder; default: the current folder")
    what.add_argument("--into", metavar="PROGRAM", type=filled, help="comfy: the folder of ComfyUI that its name fits; comfy:loras says which")
    what.add_argument("--sha256", metavar="HEX", type=filled, help="what the content must hash to")
    what.add_argument("--size", metavar="N", type=int, help="bytes it must have")
    what.add_argument("--token", type=filled, help="sent to the URL's own host only")
    what.add_argument("--force", action="store_true", help="fetch even if the right file is there")
    add_limits(parser.add_argument_group("how"))


def do_get(options: Namespace) -> None:
    """Fetches any URL and prints where the file is."""
    from .._fetch import fetch

    if options.into is not None and options.output is not None:
        raise Misuse("--into chooses the folder: leave --output out")
    if options.into is not None:
        from .._move.into import folder_for

        options.output = folder_for(options.into, options.url)
    path = fetch(
        options.url, options.output, sha256=options.sha256, size=options.size, token=options.token, force=options.force
    )
    _out_result(options.json, str(path), not options.quiet and sys.stderr is not None and sys.stderr.isatty())


def _out_result(json: bool, path: str, shown: bool) -> None:
    """Where it is; as JSON, or to a person who looks, also what came and how it was proven."""
    from .._show.receipt import receipt

    brought = receipt()
    if shown and brought is not None and brought.fetched:
        talk_as_it_is(str(brought).partition("\n")[0])
    out_json({"path": path} if brought is None else {**brought.as_dict(), "path": path}) if json else out(path)
