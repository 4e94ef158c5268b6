"""All cells, or a ring of them, in a few processes side by side; their outcomes as a table.

    python -m tests.matrix.run                  every cell, compared with OUTCOMES.md; 1 if anything is wrong
    python -m tests.matrix.run --write          … and OUTCOMES.md is written anew: read the difference before it is committed
    python -m tests.matrix.run "mid-body" -v    behaviours whose name has this in it, each cell as it ends
    python -m tests.matrix.run --ring           one cell of each behaviour, as `make test` does
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

from tests.matrix.behaviours import BEHAVIOURS, SHAPES, Behaviour

OUTCOMES = Path(__file__).with_name("OUTCOMES.md")
WORKERS = 5  # cells mostly wait: for stalls, pauses, ends of patience


class Cell(NamedTuple):
    behaviour: Behaviour
    shape: str
    always: bool


class Seen(NamedTuple):
    error: str
    text: str
    seconds: float
    requests: int


def cells(names: list[str] | None = None) -> list[Cell]:
    chosen = [b for b in BEHAVIOURS if not names or any(name in b.name for name in names)]
    return [Cell(b, shape, always) for b in chosen for shape in b.shapes for always in (False, True) if always or b.kind != "down"]


def ring(all_cells: list[Cell]) -> list[Cell]:
    """One cell of each behaviour: of the next one another shape, now once, now always."""
    rows: dict[str, list[Cell]] = {}
    for cell in all_cells:
        rows.setdefault(cell.behaviour.name, []).append(cell)
    return [row[7 * number % len(row)] for number, row in enumerate(rows.values())]


def run(todo: list[Cell], workers: int = WORKERS, verbose: bool = False) -> tuple[dict[tuple[str, str, bool], Seen], list[str]]:
    """Outcomes, and what was wrong."""
    context = multiprocessing.get_context("spawn")
    asks, answers = context.Queue(), context.Queue()
    for number in sorted(range(len(todo)), key=lambda n: not todo[n].always):  # the long ones first
        asks.put((todo[number].behaviour.name, todo[number].shape, todo[number].always))
    processes = [context.Process(target=work, args=(asks, answers), daemon=True) for _ in range(min(workers, len(todo)))]
    for process in processes:
        asks.put(None)
        process.start()
    seen: dict[tuple[str, str, bool], Seen] = {}
    wrong: list[str] = []
    ended = 0
    while ended < len(processes):
        key, outcome, trouble = answers.get(timeout=120)
        if trouble:
            wrong.append(trouble)
        if key is None:
            ended += 1
        elif outcome is not None:
            seen[key] = Seen(*outcome)
        if verbose:
            print(key, outcome or "", trouble or "", flush=True)
    for process in processes:
        process.join(10)
    return seen, wrong


def run_and_compare(todo: list[Cell], workers: int = WORKERS, verbose: bool = False) -> tuple[dict[tuple[str, str, bool], Seen], list[str], list[str]]:
    """Outcomes, what was wrong, what is not as written. A busy machine may be silent longer than a server here may be: what differs is
    run once more, by itself."""
    seen, wrong = run(todo, workers, verbose)
    golden = OUTCOMES.read_text() if OUTCOMES.exists() else ""
    differ = different(seen, golden)
    if differ and not wrong and len(differ) <= 20:
        again, wrong = run([cell for cell in todo if (cell.behaviour.name, cell.shape, cell.always) in differ], 1, verbose)
        seen.update(again)
    return seen, wrong, differences(seen, golden)


def work(asks: Any, answers: Any) -> None:
    from tests.matrix.cells import Bench, Wrong

    by_name = {b.name: b for b in BEHAVIOURS}
    trouble = ""
    try:
        with Bench() as bench:
            while (ask := asks.get()) is not None:
                name, shape, always = ask
                try:
                    o = bench.run(by_name[name], shape, always)
                    answers.put((ask, (o.error, o.text, o.seconds, o.requests), None))
                except Wrong as error:
                    answers.put((ask, None, str(error)))
            errors = [*bench.world._hub.errors, *bench.world._bad.errors]
            trouble = f"the server made a mistake: {errors[0]!r}" if errors else ""
    except BaseException as error:
        trouble = f"{type(error).__name__}: {error}"
    answers.put((None, None, trouble))


# --- the table ----------------------------------------------------------------------------------------------------------------


def lines(seen: dict[tuple[str, str, bool], Seen]) -> dict[str, str]:
    """Key -> line. The lines of the table and of the texts; what was not run is not there."""
    made: dict[str, str] = {}
    for b in BEHAVIOURS:
        for shape in b.shapes:
            for always in (False, True):
                outcome = seen.get((b.name, shape, always))
                if outcome is not None and (outcome.error or "whole") in b.races:
                    made[f"{b.name} / {shape} / {'always' if always else 'once'}"] = " or ".join(b.races)
                elif outcome is not None:
                    made[f"{b.name} / {shape} / {'always' if always else 'once'}"] = outcome.error + (": " + outcome.text if outcome.error else "whole")
    return made


def document(seen: dict[tuple[str, str, bool], Seen]) -> str:
    said = lines(seen)
    whole = sum(text == "whole" for text in said.values())
    once = sum(text == "whole" for key, text in said.items() if key.endswith("once"))
    out = [
        "# What comes of it when a server misbehaves",
        "",
        "Written by `python -m tests.matrix.run --write`, held by tests/py/test_matrix.py. The table is read so: what comes when the server does it",
        "once and is well afterwards / what comes when it does it always. `whole`: the right content, proven; else the error's class. After each",
        "error the next try, with a server that is well, brought the content whole; what had been received was not fetched again.",
        "",
        f"{len({b.name for b in BEHAVIOURS})} behaviours, {len(said)} cells, {whole} whole ({once} of those where the server recovers).",
        "",
        f"| behaviour | {' | '.join(SHAPES)} |",
        "| --- |" + " --- |" * len(SHAPES),
    ]
    for b in BEHAVIOURS:
        row = []
        for shape in SHAPES:
            pair = [said.get(f"{b.name} / {shape} / {when}", "-").partition(":")[0] for when in ("once", "always")]
            row.append("" if pair == ["-", "-"] else " / ".join(pair) if pair[0] != pair[1] else pair[0])
        out.append(f"| {b.name} | {' | '.join(row)} |")
    out += ["", "## What the errors say", "", f"Numbers of four digits and more are N here, ports PORT, digests HEX, addresses URL. The words of the network's errors are {libcurl()}'s.", ""]
    for b in BEHAVIOURS:
        texts: dict[str, list[str]] = {}
        for key, text in said.items():
            name, shape, when = key.rsplit(" / ", 2)
            if name == b.name and text != "whole" and " or ".join(b.races) != text:
                texts.setdefault(text, []).append(f"{shape} {when}")
        if texts:
            out += [f"### {b.name}", ""]
            for text, where in texts.items():
                out += [", ".join(where) + ":", "", "```text", text, "```", ""]
    return "\n".join(out).rstrip() + "\n"


def written(text: str) -> dict[str, str]:
    """The outcomes that the document holds: key -> as `lines` gives it."""
    found: dict[str, str] = {}
    table, _, texts = text.partition("\n## What the errors say")
    for line in table.splitlines():
        cells_ = [cell.strip() for cell in line.strip("|").split("|")]
        b = next((b for b in BEHAVIOURS if b.name == cells_[0]), None)
        if b is None or len(cells_) != 1 + len(SHAPES):
            continue
        for shape, cell in zip(SHAPES, cells_[1:]):
            pair = cell.split(" / ") if cell else []
            for when, what in zip(("once", "always"), pair * 2 if len(pair) == 1 else pair):
                if what == "whole" or what == " or ".join(b.races):
                    found[f"{b.name} / {shape} / {when}"] = what
    name = where = ""
    block: list[str] | None = None
    for line in texts.splitlines():
        if line.startswith("### "):
            name = line[4:]
        elif line == "```text":
            block = []
        elif line == "```" and block is not None:
            for place in where.rstrip(":").split(", "):
                shape, when = place.split(" ")
                found[f"{name} / {shape} / {when}"] = "\n".join(block)
            block = None
        elif block is not None:
            block.append(line)
        elif line.endswith(":"):
            where = line
    return found


def libcurl() -> str:
    from hubjet import _native

    return " ".join(str(_native.about()["libcurl"]).split()[:2])


def different(seen: dict[tuple[str, str, bool], Seen], golden: str) -> list[tuple[str, str, bool]]:
    return [key for key, outcome in seen.items() if differences({key: outcome}, golden)]


def differences(seen: dict[tuple[str, str, bool], Seen], golden: str) -> list[str]:
    """Where another libcurl words some of the texts, only the classes are compared."""
    held = written(golden)
    if libcurl() not in golden:
        kind = {key: text.partition(":")[0] for key, text in lines(seen).items()}
        return [f"{key}: was {held.get(key)!r}, is {text!r}" for key, text in kind.items() if held.get(key, "").partition(":")[0] != text]
    return [f"{key}:\n  was {held.get(key, 'not there')!r}\n  is  {text!r}" for key, text in lines(seen).items() if held.get(key) != text]


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--ring", action="store_true")
    parser.add_argument("--workers", type=int, default=WORKERS)
    parser.add_argument("-v", "--verbose", action="store_true")
    options = parser.parse_args()
    began = time.monotonic()
    todo = ring(cells(options.names)) if options.ring else cells(options.names)
    if options.write:
        (seen, wrong), differ = run(todo, options.workers, options.verbose), []
    else:
        seen, wrong, differ = run_and_compare(todo, options.workers, options.verbose)
    for text in wrong:
        print("WRONG", text)
    kept = Path("build/matrix.json")
    if kept.parent.is_dir():
        kept.write_text(json.dumps([[*key, *outcome] for key, outcome in seen.items()], indent=0))
    if options.write and not options.names and not options.ring:
        OUTCOMES.write_text(document(seen))
    elif options.verbose:
        for key, text in lines(seen).items():
            print(f"{key}: {text}")
    print("\n".join(differ))
    print(f"{len(seen)} cells in {time.monotonic() - began:.0f} s, {len(wrong)} wrong, {len(differ)} not as written")
    return 1 if wrong or differ else 0


if __name__ == "__main__":
    sys.exit(main())
