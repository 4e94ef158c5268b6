"""`python -m hubjet`, and what the command `hubjet` calls: the command line. Imports _cli.main."""

import sys


def main() -> int:
    """Runs one command. Ctrl-C while Python is still loading it, or ends, is no traceback either."""
    try:
        from ._cli.main import main as run

        code = run()
    except KeyboardInterrupt:
        code = 130
        sys.stderr.write("hubjet: interrupted\n")
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # what is left is Python's own: it takes no time, and has nothing to lose
    return code


if __name__ == "__main__":
    sys.exit(main())
