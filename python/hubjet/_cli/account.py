"""`hubjet login`, `logout`, `whoami`. Imports _cli.options, _cli.say, _auth.account."""

from __future__ import annotations

import sys

from .options import Misuse, filled
from .say import out, out_json, talk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from .._auth.account import Account


def add_login(parser: ArgumentParser) -> None:
    """Arguments of `hubjet login`."""
    parser.description = (
        "Checks a token with the hub and stores it where huggingface_hub finds it, too: HF_TOKEN_PATH and stored_tokens beside it, readable "
        "by you only. The token is asked for, or read from stdin where that is no terminal."
    )
    parser.epilog = """\
  hubjet login                          asks; what you paste is not shown
  hubjet login < token.txt              reads it
  hubjet login --endpoint https://hub.example"""
    parser.add_argument("--token", metavar="TOKEN", type=filled, help="the token; others on this computer may see it while this runs")
    parser.add_argument("--endpoint", dest="hub", metavar="URL", type=filled, help="the hub it is for; default: HF_ENDPOINT")
    parser.add_argument("--to-vault", action="store_true", help="also store it on the vault, where whoever may read that folder has it")


def do_login(options: Namespace) -> None:
    """Stores a token."""
    from .._auth.account import login

    token = options.token
    if token is None and sys.stdin is not None and not sys.stdin.isatty():
        token = sys.stdin.readline(10_000).strip()
        if not token:
            raise Misuse("stdin holds no token", "hubjet login < FILE, or hubjet login in a terminal")
    account = login(token, endpoint=options.hub, vault=options.to_vault)
    _print(account, options.json)
    talk(f"logged in to {account.endpoint}")


def add_logout(parser: ArgumentParser) -> None:
    """Arguments of `hubjet logout`."""
    parser.description = "Forgets stored tokens, those of `hf auth login` included. They go on to exist: the account's settings end them."
    parser.epilog = "  hubjet logout"
    parser.add_argument("name", metavar="NAME", nargs="?", help="the one of this name; none: all")


def do_logout(options: Namespace) -> None:
    """Forgets stored tokens."""
    from .._auth.account import logout

    gone = logout(options.name)
    if options.json:
        out_json({"removed": gone})
    else:
        talk("logged out" if gone else "nobody was logged in")


def add_whoami(parser: ArgumentParser) -> None:
    """Arguments of `hubjet whoami`."""
    parser.description = "Asks the hub whose the token is that hubjet would send, and says where it was found."
    parser.epilog = "  hubjet whoami"
    parser.add_argument("--endpoint", dest="hub", metavar="URL", type=filled, help="the hub to ask; default: HF_ENDPOINT")


def do_whoami(options: Namespace) -> None:
    """Prints whose the token is."""
    from .._auth.account import whoami

    account = whoami(endpoint=options.hub)
    _print(account, options.json)
    if not options.json:
        talk(f"token from {account.token_origin}, at {account.endpoint}")


def _print(account: Account, json: bool) -> None:
    if json:
        from dataclasses import asdict

        out_json(asdict(account))
    else:
        out(str(account))
