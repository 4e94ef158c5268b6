"""`hubjet doctor` and `hubjet ledger`: what is wrong, what was asked. Imports _cli_say, _cli_options."""

from __future__ import annotations

import time

from ._cli_options import add_repo, add_ca
from ._cli_say import amount, out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_doctor(parser: ArgumentParser) -> None:
    """Arguments of `hubjet doctor`."""
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name; none: the hub and the disk only")
    add_repo(parser)
    parser.add_argument("--endpoint", dest="hub", help="the hub to ask")
    parser.add_argument("--token", help="try this token, too")
    parser.add_argument("--login", action="store_true", help="try this user's token, too")
    add_ca(parser)


def do_doctor(options: Namespace) -> int:
    """Prints the report; 1 if there is a problem."""
    from ._doctor import doctor

    report = doctor(options.repo, repo_type=options.type, revision=options.revision, endpoint=options.hub,
                    cache_dir=options.cache_dir, token=options.token or options.login)  # fmt: skip
    if options.json:
        out_json(report.as_dict())
    else:
        out(str(report))
    return 1 if report.worst == "problem" else 0


def add_ledger(parser: ArgumentParser) -> None:
    """Arguments of `hubjet ledger`."""
    parser.add_argument("file", metavar="FILE", nargs="?", help="default: HUBJET_LEDGER, or the setting ledger_file")


def do_ledger(options: Namespace) -> None:
    """Prints the visits of a ledger file."""
    from ._ledger_file import read

    visits = read(options.file)
    if options.json:
        out_json(visits)
        return
    for one in visits:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(one["time"]))
        token = "token" if one["sent_token"] else "-"
        out(f"{when}\t{one['pid']}\t{one['why']}\t{one['method']}\t{one['status'] or '-'}\t{one['bytes']}\t{token}\t{one['origin']}{one['path']}\t{one['range']}")
    talk(f"{len(visits)} requests to {len({one['origin'] for one in visits})} hosts, {amount(sum(one['bytes'] for one in visits))}")
