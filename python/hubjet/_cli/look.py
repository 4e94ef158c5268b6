"""`hubjet doctor`, `hubjet ledger` and `hubjet about`: what is wrong, what was asked, what this is. Imports _cli.say, _cli.options."""

from __future__ import annotations

import time

from .. import _words
from .options import add_ca, add_repo, filled
from .say import out, out_filled, out_json, out_table, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_doctor(parser: ArgumentParser) -> None:
    """Arguments of `hubjet doctor`."""
    parser.description = (
        "Tries the whole way of a model, host by host: name, address, TLS, proxy, clock, quota, speed, disk; and says what is wrong, "
        "what it means and what to do. The exit code is 1 if there is a problem."
    )
    parser.epilog = """\
  hubjet doctor
  hubjet doctor org/model --login"""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name; none: the hub and the disk only")
    add_repo(parser)
    parser.add_argument("--endpoint", metavar="URL", dest="hub", type=filled, help="the hub to ask")
    parser.add_argument("--token", type=filled, help="try this token, too")
    parser.add_argument("--login", action="store_true", help="try this user's token, too")
    add_ca(parser)


def do_doctor(options: Namespace) -> int:
    """Prints the report; 1 if there is a problem."""
    from .._doctor.report import doctor

    report = doctor(options.repo, repo_type=options.type, revision=options.revision, endpoint=options.hub,
                    cache_dir=options.cache_dir, token=options.token or options.login)  # fmt: skip
    if options.json:
        out_json(report.as_dict())
    else:
        for line in str(report).split("\n"):
            out_filled(line, 21)
    return 1 if report.worst == "problem" else 0


def add_ledger(parser: ArgumentParser) -> None:
    """Arguments of `hubjet ledger`."""
    parser.description = (
        "Prints every request that programs have written down, as they were told by HUBJET_LEDGER=FILE or the setting ledger_file: "
        "when, process, why, method, status, bytes, whether a token went along, where to, which range."
    )
    parser.epilog = """\
  export HUBJET_LEDGER=~/ledger; python train.py; hubjet ledger"""
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: HUBJET_LEDGER, or the setting ledger_file")


def do_ledger(options: Namespace) -> None:
    """Prints the visits of a ledger file."""
    from .._ledger_file import read

    visits = read(options.file)
    if options.json:
        out_json(visits)
        return
    rows = []
    for one in visits:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["time"]))
        token = "token" if one["sent_token"] else "-"
        status = str(one["status"] or "-")
        rows.append((when, str(one["pid"]), one["why"], one["method"], status, str(one["bytes"]), token, one["origin"] + one["path"], one["range"]))
    out_table(rows, right=(1, 5))
    hosts, size = len({one["origin"] for one in visits}), sum(one["bytes"] for one in visits)
    talk(f"{_words.count(len(visits), 'request')} to {_words.count(hosts, 'host')}, {_words.size(size)}")


def add_about(parser: ArgumentParser) -> None:
    """Arguments of `hubjet about`: none of its own."""
    parser.description = "Prints versions and features of hubjet, Python, the system and the libraries inside, for bug reports."


def do_about(options: Namespace) -> None:
    """Prints what this hubjet is."""
    from .._cache import about

    found = about()
    if options.json:
        out_json(found)
        return
    width = max(map(len, found))
    for name, value in found.items():
        shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else "-" if value is None else str(value)
        out_filled(f"{name:<{width}}  {shown}", width + 2)
