"""Plot: goodput and connections of one run over time, as one small SVG without dependencies.

Use:        `save(path, title, stats, cap=200e6)`; `stats` is what the relay or the line says: slot_ms and series [[bytes, open, active], …].
            `from_trace(file)` makes the same of what `hubjet download --trace FILE` wrote;
            `python3 tests/bench/plot.py FILE.json [OUT.svg]` draws that.
"""

from __future__ import annotations

import json
import sys
from html import escape
from pathlib import Path
from typing import Any

W, H, LEFT, RIGHT, TOP, BOTTOM = 760, 300, 62, 52, 34, 40
INK, GRID, GOODPUT, CONNS, CAP = "#444", "#ddd", "#1667b7", "#c2571a", "#2a8a4a"


def nice(most: float) -> float:
    """The next round number."""
    power = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most and power > 1e-9:
        power /= 10
    return min(step * power for step in (1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10) if step * power >= most)


def save(path: Path, title: str, stats: dict[str, Any], cap: float | None = None) -> Path:
    step: float = stats["slot_ms"] / 1000
    rates = [row[0] / step / 1e6 for row in stats["series"]]
    conns = [row[1] for row in stats["series"]]
    smooth = [sum(rates[max(0, i - 1) : i + 2]) / len(rates[max(0, i - 1) : i + 2]) for i in range(len(rates))]
    seconds = max(step, len(rates) * step)
    top_rate = nice(max([*smooth, (cap or 0) / 1e6, 1e-3]) * 1.02)
    top_conns = nice(max([*conns, 1]))

    def x(t: float) -> float:
        return LEFT + (W - LEFT - RIGHT) * t / seconds

    def y(share: float) -> float:
        return H - BOTTOM - (H - TOP - BOTTOM) * share

    def text(tx: float, ty: float, words: str, anchor: str = "middle", colour: str = INK, size: int = 12) -> str:
        return f'<text x="{tx:.1f}" y="{ty:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="{size}">{escape(words)}</text>'

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {W} {H}" font-family="sans-serif"><rect width="{W}" height="{H}" fill="white"/>',
        text(LEFT, 20, title, "start", size=14),
    ]
    for n in range(6):
        share = n / 5
        out.append(f'<line x1="{LEFT}" x2="{W - RIGHT}" y1="{y(share):.1f}" y2="{y(share):.1f}" stroke="{GRID}"/>')
        out.append(text(LEFT - 6, y(share) + 4, f"{top_rate * share:g}", "end", GOODPUT))
        out.append(text(W - RIGHT + 6, y(share) + 4, f"{top_conns * share:g}", "start", CONNS))
    every = nice(seconds / 8)
    for n in range(int(seconds / every) + 1):
        out.append(text(x(n * every), H - BOTTOM + 16, f"{n * every:g}"))
    out += [
        text((LEFT + W - RIGHT) / 2, H - 6, "seconds since the first connection"),
        text(LEFT - 6, TOP - 6, "MB/s", "end", GOODPUT),
        text(W - 4, TOP - 6, "connections sending (dotted: open)", "end", CONNS),
    ]
    if cap:
        at = f"{y(cap / 1e6 / top_rate):.1f}"
        out.append(f'<line x1="{LEFT}" x2="{W - RIGHT}" y1="{at}" y2="{at}" stroke="{CAP}" stroke-dasharray="5 4"/>')

    def steps(column: int) -> str:
        counts = [row[column] for row in stats["series"]]
        return " ".join(f"{x((i + k) * step):.1f},{y(n / top_conns):.1f}" for i, n in enumerate(counts) for k in (0, 1))

    points = " ".join(f"{x((i + 0.5) * step):.1f},{y(rate / top_rate):.1f}" for i, rate in enumerate(smooth))
    out.append(f'<polyline points="{steps(1)}" fill="none" stroke="{CONNS}" stroke-width="1" stroke-dasharray="2 2"/>')
    out.append(f'<polyline points="{steps(2)}" fill="none" stroke="{CONNS}" stroke-width="1.2"/>')
    out.append(f'<polyline points="{points}" fill="none" stroke="{GOODPUT}" stroke-width="2"/></svg>')
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(out) + "\n", encoding="utf-8")
    return path


def reached_at(stats: dict[str, Any], rate: float, share: float = 0.95, over_ms: int = 100) -> float | None:
    """Seconds from the first connection until the goodput over `over_ms` was first that share of `rate`; None: never."""
    width = max(1, over_ms // stats["slot_ms"])
    series = [row[0] for row in stats["series"]]
    for end in range(width, len(series) + 1):
        if sum(series[end - width : end]) / (width * stats["slot_ms"] / 1000) >= share * rate:
            return float(end * stats["slot_ms"] / 1000)
    return None


def from_trace(trace: Path, slot_ms: int = 50) -> dict[str, Any]:
    """The series of a timeline. Bytes are spread evenly over the body of their exchange; active: bodies under way; open: exchanges."""
    events = json.loads(trace.read_text("ascii"))
    exchanges = [event for event in events if event.get("cat") == "exchange"]
    if not exchanges:
        return {"slot_ms": slot_ms, "series": []}
    bodies = {(event["tid"], event["ts"] + event["dur"]): event for event in events if event["name"] == "body"}
    begin = min(event["ts"] for event in exchanges)
    slot = slot_ms * 1000
    series = [[0.0, 0, 0] for _ in range(int((max(event["ts"] + event["dur"] for event in exchanges) - begin) / slot) + 1)]
    for event in exchanges:
        end = event["ts"] + event["dur"]
        body = bodies.get((event["tid"], end))
        for n in range(int((event["ts"] - begin) / slot), int((end - begin) / slot) + 1):
            series[n][1] += 1
            if body is not None:
                share = min(end, begin + (n + 1) * slot) - max(body["ts"], begin + n * slot)
                if share > 0 or (body["dur"] == 0 and begin + n * slot <= end < begin + (n + 1) * slot):
                    series[n][0] += event["args"]["bytes"] * (share / body["dur"] if body["dur"] else 1)
                    series[n][2] += 1
    return {"slot_ms": slot_ms, "series": series}


if __name__ == "__main__":
    source = Path(sys.argv[1])
    print(save(Path(sys.argv[2]) if len(sys.argv) > 2 else source.with_suffix(".svg"), source.name, from_trace(source)))
