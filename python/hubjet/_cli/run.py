"""`hubjet run`: what was typed behind it is another program's. Imports _run, _cli.options."""

from __future__ import annotations

from .options import Misuse

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_run(parser: ArgumentParser) -> None:
    """Arguments of `hubjet run`: all words, as they are."""
    parser.description = (
        "Runs a program, and whatever it starts, with hubjet.enable() from the first moment: everything in it that uses "
        "huggingface_hub downloads through hubjet. Its signals and its exit code are its own; 127: it was not found, 126: it "
        "cannot be run. All that stands behind `run` is the program's; -m, -c and *.py are for this Python."
    )
    parser.epilog = """\
  hubjet run -- python train.py --epochs 3
  hubjet run train.py --epochs 3
  hubjet run -m vllm.entrypoints.api_server --model org/name
  hubjet run -- torchrun --nproc-per-node 8 train.py"""
    parser.add_argument("words", metavar="PROGRAM", nargs="*", default=[], help="the program and its arguments")


def do_run(options: Namespace) -> int:
    """Becomes the program."""
    from .._run import run

    if not options.words:
        raise Misuse("hubjet run: no program was named", "hubjet run -- python train.py")
    return run(options.words)
