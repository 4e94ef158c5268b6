"""`python -m hubjet`, and what the command `hubjet` calls: the command line. Imports _cli."""

import sys


def main() -> int:
    """Runs one command. Ctrl-C while Python is still loading it is no traceback either."""
    try:
        from ._cli import main as run

        return run()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
