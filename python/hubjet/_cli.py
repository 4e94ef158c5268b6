"""The command line: `hubjet download|get|limit|where|ls|config|doctor|ledger`. Imports the public functions; decides nothing by itself.

Data on stdout, talk on stderr; `--json` for programs; exit codes that scripts may rely on.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from . import __version__
from . import _errors as errors
from ._config import Setting, command_line, config, may_colour

EXIT_TEXT = """\
exit codes: 0 done, 1 another failure, 2 wrong usage, 3 not found, 4 no access, 5 network, 6 content is not what it
should be, 7 disk, 130 interrupted"""

EXIT_CODES: tuple[tuple[type[BaseException], int], ...] = (
    (errors.AccessDenied, 4),
    (errors.NoToken, 4),
    (errors.NotFound, 3),
    (errors.NetworkError, 5),
    (errors.IntegrityError, 6),
    (errors.StorageError, 7),
    (errors.BadName, 2),
    (errors.ConfigError, 2),
    (errors.Cancelled, 130),
    (KeyboardInterrupt, 130),
    (OSError, 7),
    (ValueError, 2),
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    options = _parser().parse_args(arguments)
    _talk_through_logging(options.verbose)
    try:
        with command_line(_settings_of(options)):
            code = _run(options)
            _flush()
        return code
    except BrokenPipeError:
        # `hubjet ls | head`: the reader has enough. Python would complain once more while closing stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (Exception, KeyboardInterrupt) as error:
        return _failed(error, options.verbose)


def _run(options: argparse.Namespace) -> int:
    if getattr(options, "timeline", None) is None:
        return options.run(options) or 0
    from . import _timeline
    from ._config import resolve

    _timeline.begin(str(resolve().timeline))  # there is a file, also where nothing had to be fetched
    try:
        return options.run(options) or 0
    finally:
        _timeline.end()


def _settings_of(options: argparse.Namespace) -> dict[str, Setting]:
    """What was said on the command line and is a setting."""
    several = getattr(options, "endpoint", [])
    said = {
        "limit_rate": Setting(getattr(options, "limit_rate", None), "--limit-rate"),
        "polite": Setting(getattr(options, "polite", None), "--polite"),
        "max_connections": Setting(getattr(options, "max_connections", None), "--max-connections"),
        "memory": Setting(getattr(options, "memory", None), "--memory"),
        "ca": Setting(getattr(options, "ca", None), "--ca"),
        "timeline": Setting(getattr(options, "timeline", None), "--trace"),
        "offline": Setting(getattr(options, "offline", False) or None, "--offline"),
        "endpoints": Setting(" ".join(several) if len(several) > 1 else None, "--endpoint"),
        "progress": Setting(False if options.quiet else None, "--quiet"),
    }
    return {name: setting for name, setting in said.items() if setting.value is not None}


def _failed(error: BaseException, verbose: bool) -> int:
    if verbose and isinstance(error, Exception):
        _say(_way_to(error))
    text = str(error)
    if isinstance(error, KeyboardInterrupt):
        text = "interrupted; what was received is kept, the same command goes on from there"
    _say(f"{_red('hubjet')}: {text or type(error).__name__}")
    return next((code for kind, code in EXIT_CODES if isinstance(error, kind)), 1)


def _way_to(error: Exception) -> str:
    """The traceback without its last lines: those are said anyway."""
    from traceback import TracebackException

    noticed = TracebackException.from_exception(error)
    lines = list(noticed.format())
    return "".join(lines[: len(lines) - len(list(noticed.format_exception_only()))]).rstrip()


# --- commands -------------------------------------------------------------------------------------


def _download(options: argparse.Namespace) -> None:
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
        _print_plan(results if isinstance(results, list) else [results], options.json)
    elif options.json:
        _print_json({"path": results})
    else:
        _print(results)


def _check_all_there(options: argparse.Namespace, results: Any) -> None:
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


def _print_plan(infos: list[Any], as_json: bool) -> None:
    if as_json:
        _print_json([vars(info) for info in infos])
        return
    for info in infos:
        todo = "fetch" if info.will_download else "here"
        _print(f"{todo}\t{info.file_size if info.file_size is not None else '?'}\t{info.filename}")
    size = sum(info.file_size or 0 for info in infos if info.will_download)
    _say(f"{sum(info.will_download for info in infos)} of {len(infos)} files to fetch, {_bytes(size)}")


def _get(options: argparse.Namespace) -> None:
    from ._fetch import fetch

    path = fetch(
        options.url, options.output, sha256=options.sha256, size=options.size, token=options.token, force=options.force
    )
    _print_json({"path": str(path)}) if options.json else _print(str(path))


def _limit(options: argparse.Namespace) -> None:
    from ._limits import limit_rate, polite, users_polite, users_rate

    if options.rate is not None:
        limit_rate(options.rate, everywhere=True)
    if options.everybody_polite is not None:
        polite(options.everybody_polite == "on", everywhere=True)
    rate = users_rate()
    if options.json:
        _print_json({"limit_rate": rate or None, "polite": users_polite()})
    else:
        _print((f"{rate} bytes per second" if rate else "no limit") + (", polite" if users_polite() else ""))


def _where(options: argparse.Namespace) -> None:
    from ._cache import where

    _print_settings(
        where(options.repo, repo_type=options.type, revision=options.revision, cache_dir=options.cache_dir),
        options.json,
    )


def _config(options: argparse.Namespace) -> None:
    _print_settings(config(), options.json)


def _ls(options: argparse.Namespace) -> None:
    from ._cache import ls

    repos = ls(cache_dir=options.cache_dir)
    if options.json:
        _print_json([vars(one) for one in repos])
        return
    for one in repos:
        used = time.strftime("%Y-%m-%d", time.localtime(one.last_used)) if one.last_used else "-"
        names = ", ".join(name if name != commit else commit[:7] for name, commit in one.revisions.items())
        _print(f"{one.repo_type}\t{one.repo_id}\t{_bytes(one.size)}\t{one.files} files\t{used}\t{names}")
    _say(f"{len(repos)} repositor{'y' if len(repos) == 1 else 'ies'}, {_bytes(sum(one.size for one in repos))}")


def _doctor(options: argparse.Namespace) -> int:
    from ._doctor import doctor

    report = doctor(options.repo, repo_type=options.type, revision=options.revision, endpoint=options.hub,
                    cache_dir=options.cache_dir, token=options.token or options.login)  # fmt: skip
    if options.json:
        _print_json(report.as_dict())
    else:
        _print(str(report))
    return 1 if report.worst == "problem" else 0


def _ledger(options: argparse.Namespace) -> None:
    from ._ledger_file import read

    visits = read(options.file)
    if options.json:
        _print_json(visits)
        return
    for one in visits:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["time"]))
        token = "token" if one["sent_token"] else "-"
        _print(f"{when}\t{one['pid']}\t{one['why']}\t{one['method']}\t{one['status'] or '-'}\t{one['bytes']}\t{token}\t{one['origin']}{one['path']}\t{one['range']}")
    _say(f"{len(visits)} requests to {len({one['origin'] for one in visits})} hosts, {_bytes(sum(one['bytes'] for one in visits))}")


# --- output ---------------------------------------------------------------------------------------


def _print_settings(found: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        _print_json({name: {"value": setting.value, "origin": setting.origin} for name, setting in found.items()})
        return
    width = max(map(len, found))
    for name, setting in found.items():
        value = "-" if setting.value in (None, "") else setting.value
        if isinstance(value, tuple):
            value = ", ".join(value)
        _print(f"{name:<{width}}  {value}  ({setting.origin})")


def _print_json(value: object) -> None:
    _print(json.dumps(value, indent=1, default=str))


def _print(text: str) -> None:
    """One line of data. Names go out as they lie on the disk, in UTF-8, where stdout's own encoding cannot say them."""
    try:
        print(text)
    except UnicodeEncodeError:
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode("utf-8", "surrogateescape") + b"\n")
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(error) from error


def _flush() -> None:
    if sys.stdout is None:
        return  # closed by the caller (>&-), who wants nothing printed
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise _not_written(error) from error


def _not_written(error: OSError) -> errors.StorageError:
    return errors.StorageError(f"stdout could not be written: {error.strerror}", errno=error.errno)


def _say(text: str) -> None:
    try:
        print(text, file=sys.stderr)
    except (OSError, ValueError):
        pass  # benign: nobody listens


def _bytes(size: int) -> str:
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def _red(text: str) -> str:
    colours = may_colour() and sys.stderr is not None and sys.stderr.isatty()
    return f"\033[31m{text}\033[0m" if colours else text


def _talk_through_logging(verbose: bool) -> None:
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("hubjet").setLevel(logging.DEBUG if verbose else logging.WARNING)


# --- arguments ------------------------------------------------------------------------------------


class _Verb(argparse.ArgumentParser):
    """Options may stand before, between and behind names: `download org/model --revision v1 config.json`. argparse by itself
    takes all names that may be missing where the first one stands."""

    _mixed = False

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        if self._mixed:
            return super().parse_known_args(args, namespace)
        self._mixed = True
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixed = False


def _filled(text: str) -> str:
    """`--local-dir "$DIR"` with DIR unset would pour the files into the current folder."""
    if not text:
        raise argparse.ArgumentTypeError("is empty")
    return text


def _output(text: str) -> str:
    if text == "-":
        raise argparse.ArgumentTypeError("the content is proven before anybody sees it, so it goes to a file, not to stdout")
    return _filled(text)


def _parser() -> argparse.ArgumentParser:
    everywhere = _Verb(add_help=False)
    everywhere.add_argument("--json", action="store_true", help="print data as JSON")
    everywhere.add_argument("-q", "--quiet", action="store_true", help="no progress bar")
    everywhere.add_argument("-v", "--verbose", action="store_true", help="say more on stderr; tracebacks with errors")
    parser = argparse.ArgumentParser(
        prog="hubjet",
        description="Models from the Hugging Face Hub: in parallel, each byte proven, in the hub's own cache.",
        epilog=EXIT_TEXT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"hubjet {__version__}")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="download|get|limit|where|ls|config|doctor|ledger", parser_class=_Verb)

    def verb(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = verbs.add_parser(name, parents=[everywhere], help=text, description=text)
        sub.set_defaults(run=run)
        return sub

    one = verb("download", _download, "fetch files of a repository, or all of it; prints where they are")
    one.add_argument("repo", metavar="REPO", help="org/name")
    one.add_argument("files", metavar="FILE", nargs="*", default=[], help="files of the repository; none: all")
    _repo_arguments(one)
    one.add_argument("--local-dir", type=_filled, help="put plain files there, not into the cache")
    one.add_argument("--include", action="append", metavar="PATTERN", help="only files that match; may be repeated")
    one.add_argument("--exclude", action="append", metavar="PATTERN", help="not files that match; may be repeated")
    one.add_argument("--token", help="a token; better: set HF_TOKEN, where other users of this computer cannot see it")
    one.add_argument("--endpoint", metavar="URL", action="append", type=_filled, default=[],
                     help="the hub to ask; further ones are its mirrors")
    one.add_argument("--force", action="store_true", help="fetch again what is here; replace edited files")
    one.add_argument("--offline", action="store_true", help="no request: only what is here")
    one.add_argument("--dry-run", action="store_true", help="say what would be fetched")
    _limit_arguments(one)

    one = verb("get", _get, "fetch any http(s) URL; prints where the file is")
    one.add_argument("url", metavar="URL")
    one.add_argument("-o", "--output", metavar="PATH", type=_output, help="file or folder; default: the current folder")
    one.add_argument("--sha256", help="what the content must hash to")
    one.add_argument("--size", type=int, help="bytes it must have")
    one.add_argument("--token", help="sent to the URL's own host only")
    one.add_argument("--force", action="store_true", help="fetch even if the right file is there")
    _limit_arguments(one)

    one = verb("limit", _limit, "what all this user's downloads together may take, those that run included")
    one.add_argument("rate", metavar="RATE", nargs="?", help="such as 4M; off: no limit; none given: say what holds")
    one.add_argument("--polite", choices=("on", "off"), dest="everybody_polite", help="the others on the line come first")

    one = verb("where", _where, "say where things lie, and why there")
    one.add_argument("repo", metavar="REPO", nargs="?", help="org/name")
    _repo_arguments(one)

    one = verb("ls", _ls, "list the repositories in the cache")
    one.add_argument("--cache-dir", type=_filled, help="another cache")

    verb("config", _config, "every setting, its value, and where it comes from")

    one = verb("doctor", _doctor, "try the whole way of a model, host by host, and say what is wrong; exit code 1 if something is")
    one.add_argument("repo", metavar="REPO", nargs="?", help="org/name; none: the hub and the disk only")
    _repo_arguments(one)
    one.add_argument("--endpoint", dest="hub", help="the hub to ask")
    one.add_argument("--token", help="try this token, too")
    one.add_argument("--login", action="store_true", help="try this user's token, too")
    one.add_argument("--ca", metavar="PATH", type=_filled, help="trust these certificates: a file or a folder")

    one = verb("ledger", _ledger, "every request that was written down: HUBJET_LEDGER=FILE names where, for all programs")
    one.add_argument("file", metavar="FILE", nargs="?", help="default: HUBJET_LEDGER, or the setting ledger_file")
    return parser


def _limit_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit-rate", metavar="RATE", help="bytes per second, such as 8M; off: no limit")
    parser.add_argument("--polite", action="store_true", default=None, help="the others on the line come first")
    parser.add_argument("--max-connections", metavar="N", help="most connections to one hub")
    parser.add_argument("--trace", metavar="FILE", dest="timeline", type=_filled, help="write what happens when to FILE, which Perfetto opens")
    parser.add_argument("--ca", metavar="PATH", type=_filled, help="trust these certificates: a file or a folder")
    parser.add_argument("--memory", metavar="SIZE", help="bytes of buffers, such as 64M")


def _repo_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--type", choices=("model", "dataset", "space", "kernel"), help="default: model")
    parser.add_argument("--revision", type=_filled, help="branch, tag or commit; default: main")
    parser.add_argument("--cache-dir", type=_filled, help="another cache")
