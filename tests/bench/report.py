"""Report: tables as text and as Markdown, and the file that keeps them.

Use:        `show(table)` for a terminal; `write(tables, facts, path)` for tests/bench/results.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import time
from dataclasses import asdict
from pathlib import Path
from typing import Iterable

from tests.bench.runner import Column, Goal, Run, Table, median


def cell(column: Column, runs: list[Run]) -> str:
    values = [v for v in (column.value(run) for run in runs if run.fine) if v is not None]
    middle = median(values)
    if middle is None:
        return "–"
    text = number(middle, column.digits)
    if column.spread and len(values) > 1:
        text += f" ({number(min(values), column.digits)}..{number(max(values), column.digits)})"
    return text


def number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}"


def grid(table: Table) -> tuple[list[str], list[list[str]]]:
    if table.rows is not None:
        return table.head or [], table.rows
    head = ["variant", *(column.name for column in table.columns), "proof", "runs"]
    rows = []
    for name, runs in table.runs.items():
        if not runs:
            continue  # left out by --only
        failed = next((run.failed for run in runs if run.failed), "")
        cells = [cell(column, runs) for column in table.columns]
        if failed and not any(run.fine for run in runs):
            cells = [failed, *["–"] * (len(table.columns) - 1)]
        rows.append([name, *cells, table.proofs.get(name, ""), str(sum(run.fine for run in runs))])
    return head, rows


def verdict(goal: Goal) -> list[str]:
    sign = "≥" if goal.at_least else "≤"
    value = "not measured" if goal.value is None else number(goal.value, goal.digits) + goal.unit
    reached = {True: "yes", False: "**no**", None: "?"}[goal.reached]
    return [goal.text, value, f"{sign} {goal.limit:g}{goal.unit}", reached]


GOALS = ["goal", "measured", "to reach", "reached"]


def show(table: Table) -> str:
    lines = [f"\n{table.id}  {table.title}", f"    {table.setting}"] if table.setting else [f"\n{table.id}  {table.title}"]
    lines += aligned(*grid(table))
    if table.goals:
        lines += ["", *aligned(GOALS, [verdict(goal) for goal in table.goals])]
    lines += [f"    {note}" for note in table.notes]
    return "\n".join(lines)


def aligned(head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    rule = ["-" * width for width in widths]
    return ["    " + "  ".join(text.ljust(width) for text, width in zip(row, widths)).rstrip() for row in [head, rule, *rows]]


def markdown(table: Table) -> str:
    lines = [f"## {table.id}: {table.title}", ""]
    lines += [table.setting, ""] if table.setting else []
    lines += piped(*grid(table))
    if table.goals:
        lines += ["", *piped(GOALS, [verdict(goal) for goal in table.goals])]
    lines += ["", *(f"- {note}" for note in table.notes)] if table.notes else []
    lines += ["", *(f"![{plot.stem}]({plot.name})" for plot in table.plots)] if table.plots else []
    return "\n".join(lines)


def piped(head: list[str], rows: list[list[str]]) -> list[str]:
    return ["| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *[[c.replace("|", "\\|") for c in row] for row in rows]]]


def facts(subject: str, house: str, command: str) -> list[str]:
    """Machine, kernel and versions: a number without them is none."""
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    memory = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal")) / (1 << 20)
    found = [
        f"machine: {len(os.sched_getaffinity(0))} CPUs, {cpu}, {memory:.0f} GiB, Linux {platform.release()}",
        f"network: {house}; nginx over TLS on the same CPUs",
        f"hubjet: {subject}",
        "peers: " + ", ".join(versions()),
        f"command: {command}",
        "Each run is a fresh process on touched memory; variants interleave; median (min..max); CPU and RSS are the client's alone (wait4); "
        "`foreign CPU` is what others on this machine used meanwhile: rows with much of it are worth less.",
    ]
    return found


def versions() -> Iterable[str]:
    from importlib.metadata import PackageNotFoundError, version

    for name in ("huggingface_hub", "hf_transfer", "hf_xet", "requests"):
        try:
            yield f"{name} {version(name)}"
        except PackageNotFoundError:
            continue
    for words in (["aria2c", "--version"], ["curl", "--version"], ["nginx", "-v"], ["openssl", "version"]):
        try:
            done = subprocess.run(
                words, capture_output=True, text=True, env={**os.environ, "PATH": os.environ.get("PATH", "") + ":/usr/sbin"}
            )
        except OSError:
            continue
        said = (done.stdout + done.stderr).splitlines()[0].replace("nginx version: nginx/", "nginx ").replace("version ", "")
        yield " ".join(said.split()[:2])
    yield f"Python {platform.python_version()}"


def write(tables: list[Table], lines: list[str], path: Path, title: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    goals = [goal for table in tables for goal in table.goals]
    reached = sum(goal.reached is True for goal in goals)
    text = [f"# {title}", "", *(f"- {line}" for line in lines), f"- goals: {reached} of {len(goals)} reached", ""]
    summary = [[table.id, *verdict(goal)] for table in tables for goal in table.goals]
    if summary:
        text += ["## All goals", "", *piped(["#", *GOALS], summary), ""]
    path.write_text("\n".join(text) + "\n" + "\n\n".join(markdown(table) for table in tables) + "\n", encoding="utf-8")


def write_raw(tables: list[Table], path: Path) -> None:
    """Every run with everything that was noted, series included; for those who want to look closer."""
    raw = {
        f"{table.id} {table.title}": {
            name: [
                {
                    **asdict(run.cost),
                    "note": run.note,
                    "failed": run.failed,
                    "foreign": run.foreign,
                    "extra": run.extra,
                    "traffic": asdict(run.traffic),
                }
                for run in runs
            ]
            for name, runs in table.runs.items()
        }
        for table in tables
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(raw, default=str) + "\n", encoding="utf-8")


def today() -> str:
    return time.strftime("%Y-%m-%d")
