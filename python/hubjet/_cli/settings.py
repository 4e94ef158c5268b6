"""`hubjet config` and `hubjet limit`: what holds, and for whom. Imports _cli.say, _cli.options, _config."""

from __future__ import annotations

from .. import _words
from .._words import at_home
from .options import Misuse, nearest
from .say import out, out_filled, out_json, out_settings, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_config(parser: ArgumentParser) -> None:
    """Arguments of `hubjet config`."""
    parser.description = (
        "Prints the settings, with their values and where each comes from. An argument of a call wins over `with "
        "hubjet.settings(…):`, that over the environment, that over the config file, that over the default."
    )
    parser.epilog = """\
  hubjet config                         all
  hubjet config --changed               those that somebody set
  hubjet config cache_dir               one value, for scripts
  hubjet config cache_dir --origin      where it comes from, and how to set it"""
    parser.add_argument("names", metavar="NAME", nargs="*", default=[], help="settings; none: all")
    parser.add_argument("--changed", action="store_true", help="only what is not the default")
    parser.add_argument("--origin", action="store_true", help="say what each means, and where it can be set")


def do_config(options: Namespace) -> None:
    """Prints settings."""
    from .._config import OPTIONS, config, config_path

    found = config()
    for name in options.names:
        if name not in found:
            near = " or ".join(nearest(name, found))
            raise Misuse(f"there is no setting {name!r}" + (f"; did you mean {near}?" if near else ""), "hubjet config lists them")
    shown = {
        name: setting
        for name, setting in found.items()
        if (not options.names or name in options.names) and not (options.changed and setting.origin == "default")
    }
    if not options.origin:
        if len(options.names) == 1 and shown and not options.json:
            out(text_of(found[options.names[0]].value))
        else:
            out_settings(shown, options.json)
        return
    told = {
        name: {
            "value": setting.value,
            "origin": setting.origin,
            "meaning": OPTIONS[name].doc,
            "environment": list(OPTIONS[name].env),
            "config_file": config_path(),
        }
        for name, setting in shown.items()
    }
    if options.json:
        out_json(told)
        return
    for name, setting in shown.items():
        out(f"{name} = {text_of(setting.value)}")
        facts = {"from": setting.origin, "meaning": OPTIONS[name].doc, "set by": ", ".join([*OPTIONS[name].env, f"{name} in {at_home(config_path())}"])}
        for label, text in facts.items():
            out_filled(f"  {label:<8}  {text}", 12)


def add_limit(parser: ArgumentParser) -> None:
    """Arguments of `hubjet limit`."""
    parser.description = (
        "Sets what all downloads of this user on this computer may take together, those that run included; without arguments it says "
        "what holds."
    )
    parser.epilog = """\
  hubjet limit 4M                       4 MiB a second for all of them
  hubjet limit off                      no limit
  hubjet limit --polite on              the others on the line come first"""
    parser.add_argument("rate", metavar="RATE", nargs="?", help="bytes per second, such as 4M; off: no limit")
    parser.add_argument("--polite", choices=("on", "off"), dest="everybody_polite", help="the others on the line come first")


def do_limit(options: Namespace) -> None:
    """Sets, or prints, what this user's downloads together may take."""
    from .._limits import limit_rate, polite, users_polite, users_rate

    if options.rate is not None:
        limit_rate(options.rate, everywhere=True)
    if options.everybody_polite is not None:
        polite(options.everybody_polite == "on", everywhere=True)
    rate = users_rate()
    if options.json:
        out_json({"limit_rate": rate or None, "polite": users_polite()})
    else:
        out((f"{rate} bytes per second ({_words.rate(rate)})" if rate else "no limit") + (", polite" if users_polite() else ""))
