"""`hubjet config` and `hubjet limit`: what holds, and for whom. Imports _cli_say, _config."""

from __future__ import annotations

from ._cli_say import out, out_json, out_settings

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_config(parser: ArgumentParser) -> None:
    """Arguments of `hubjet config`: none of its own."""


def do_config(options: Namespace) -> None:
    """Prints every setting."""
    from ._config import config

    out_settings(config(), options.json)


def add_limit(parser: ArgumentParser) -> None:
    """Arguments of `hubjet limit`."""
    parser.add_argument("rate", metavar="RATE", nargs="?", help="such as 4M; off: no limit; none given: say what holds")
    parser.add_argument("--polite", choices=("on", "off"), dest="everybody_polite", help="the others on the line come first")


def do_limit(options: Namespace) -> None:
    """Sets, or prints, what this user's downloads together may take."""
    from ._limits import limit_rate, polite, users_polite, users_rate

    if options.rate is not None:
        limit_rate(options.rate, everywhere=True)
    if options.everybody_polite is not None:
        polite(options.everybody_polite == "on", everywhere=True)
    rate = users_rate()
    if options.json:
        out_json({"limit_rate": rate or None, "polite": users_polite()})
    else:
        out((f"{rate} bytes per second" if rate else "no limit") + (", polite" if users_polite() else ""))
