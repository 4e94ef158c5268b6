"""python -m tests.bench [P1 P3 …] [--rounds N] [--quick | --full]: measure, print tables, write results. `make bench ARGS="…"` sets up first."""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
import time
from pathlib import Path

from tests.bench import house, report
from tests.bench.runner import Bench, Options, Table
from tests.bench.tools import BUILD, HERE

QUESTIONS = {
    "P1": "ramp",
    "P2": "unlimited",
    "P3": "small",
    "P4": "warm",
    "P5": "imports",
    "P6": "verify",
    "P7": "slow",
    "P8": "memory",
    "P9": "resume",
    "P10": "processes",
    "P11": "home",
    "P12": "growth",
    "P13": "interrupt",
    "L1": "limits",
}


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description="Measures hubjet beside its peers; see tests/bench/README.md.")
    parser.add_argument("which", nargs="*", metavar="P1..P13, L1", help="questions; none: all")
    parser.add_argument("--rounds", type=int, help="rounds of each variant (default: 5, with --quick 1 or 3)")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small sizes, to see that everything works; numbers mean little")
    size.add_argument("--full", action="store_true", help="also what takes very long (50,000 files)")
    parser.add_argument("--only", default="", metavar="TEXT", help="only variants with this in their name")
    parser.add_argument("--out", type=Path, help="folder of the results (default: tests/bench/results; with --quick build/bench/results)")
    parser.add_argument("--keep", action="store_true", help="keep what the runs wrote, in build/bench/runs")
    arguments = parser.parse_args()
    which = [name.upper() for name in arguments.which] or list(QUESTIONS)
    unknown = [name for name in which if name not in QUESTIONS]
    if unknown:
        parser.error(f"{', '.join(unknown)}: there are {', '.join(QUESTIONS)}")
    network = house.enter()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that everything is ended in order

    bench = Bench(Options(arguments.rounds, arguments.quick, arguments.full, arguments.only, arguments.keep))
    command = 'make bench ARGS="' + " ".join(sys.argv[1:]) + '"' if sys.argv[1:] else "make bench"
    facts = report.facts(bench.subject.what, network, command)
    print("\n".join(facts), flush=True)
    out: Path = arguments.out or (BUILD if arguments.quick or arguments.only else HERE) / "results"
    name = report.today() + ("" if which == list(QUESTIONS) else "-" + "-".join(which))
    tables: list[Table] = []
    broken: list[str] = []
    try:
        for id in which:
            began = time.monotonic()
            module = importlib.import_module(f"tests.bench.bench_{QUESTIONS[id]}")
            try:
                found: list[Table] = module.run(bench, out / (name if name.endswith(f"-{id}") else f"{name}-{id}"))
            except Exception as error:  # one broken question must not cost the answers to the others
                import traceback

                traceback.print_exc()
                broken.append(id)
                found = [Table(id, (module.__doc__ or id).split("\n")[0], f"broke: {error!r}", rows=[], head=["nothing"])]
            for table in found:
                print(report.show(table), flush=True)
            tables += found
            bench.say(f"{id} took {time.monotonic() - began:.0f} s")
            report.write(tables, facts, out / f"{name}.md", f"Bench of {report.today()}")
            report.write_raw(tables, BUILD / "raw" / f"{name}.json")
    finally:
        bench.close()
    print(
        f"\nwritten: {(out / f'{name}.md').relative_to(Path.cwd()) if (out / f'{name}.md').is_relative_to(Path.cwd()) else out / f'{name}.md'}"
    )
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
