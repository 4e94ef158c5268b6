"""`python -m tests.soak [--downloads N] [--seed S] [--processes P] [--write]`: see README.md. Exit code 1 if a promise was broken."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.soak.soak import run

RESULTS = Path(__file__).with_name("results")


def main() -> int:
    parser = argparse.ArgumentParser(prog="make soak")
    parser.add_argument("--downloads", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--rate", type=float, default=0.05, help="of the answers go wrong")
    parser.add_argument("--kill-every", type=int, default=400, help="downloads, of all processes together")
    parser.add_argument("--write", action="store_true", help="keep the table in tests/soak/results")
    options = parser.parse_args()
    report = run(options.downloads, options.seed, options.processes, options.rate, options.kill_every, progress=True)
    text = report.table()
    print(text)
    if options.write:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / f"{options.downloads}-seed{options.seed}-kill{options.kill_every}.md").write_text(text)
    return 1 if report.broken else 0


if __name__ == "__main__":
    sys.exit(main())
