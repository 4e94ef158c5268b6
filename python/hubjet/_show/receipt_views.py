"""A receipt for people: a line, a table for terminals, one for notebooks, a picture of the transfer. Imports _words.

Pure: facts in, text out. Colours come from the page around (light or dark): nothing here sets a background.
"""

from __future__ import annotations

import os

from .. import _words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

ROWS_MAX = 20  # of a table; the rest is summed up in one
RATED_BYTES = 1_000_000  # what is smaller takes a round trip, which is no rate

_NAMES = ("file", "size", "verified", "from", "time", "rate")


def headline(facts: Mapping[str, Any], came: int) -> str:
    """org/model (main): 7 files, 4.0 GB; fetched 2.8 GB in 46 s, 61.2 MB/s."""
    revision = f" ({facts['revision']})" if facts["revision"] else ""
    return f"{facts['what']}{revision}: {_words.count(len(facts['files']), 'file')}, {_words.size(facts['size'])}; {summary(facts, came)}"


def summary(facts: Mapping[str, Any], came: int = 1) -> str:
    """What had to be done for it."""
    time = _words.lasted(facts["seconds"])
    if facts["error"]:
        return f"stopped after {time}: {_words.size(facts['fetched'])} came, and stay for the next call"
    if not came and not facts["fetched"]:
        return f"all of it was here, nothing was fetched ({time})"
    rate = f", {_words.rate(facts['rate'])}" if facts["seconds"] >= 0.2 and facts["fetched"] else ""
    resumed = f"; {_words.size(facts['resumed'])} were here from an earlier call" if facts["resumed"] else ""
    return f"fetched {_words.size(facts['fetched'])} in {time}{rate}{resumed}"


def _rows(files: Sequence[Any]) -> tuple[list[tuple[str, ...]], str]:
    """The largest ones, in the order of their names, and a line for the rest."""
    shown = sorted(sorted(files, key=lambda one: -one.size)[:ROWS_MAX], key=lambda one: str(one.name)) if len(files) > ROWS_MAX else files
    rows: list[tuple[str, ...]] = [
        (
            _plain(one.name),
            _words.size(one.size),
            one.verified,
            one.source,
            _words.lasted(one.seconds) if one.fetched else "",
            _words.rate(one.rate) if one.fetched >= RATED_BYTES else "",
        )
        for one in shown
    ]
    left = len(files) - len(rows)
    rest = sum(one.size for one in files) - sum(one.size for one in shown)
    return rows, f"and {left:,} smaller ones, {_words.size(rest)}" if left else ""


def _plain(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(c if c.isprintable() else "?" for c in text)


def text(head: str, files: Sequence[Any]) -> str:
    """A table for a terminal or a log."""
    rows, rest = _rows(files)
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(len(_NAMES))]
    right = (1, 4, 5)  # numbers
    lines = [
        "  ".join(cell.rjust(width) if i in right else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True)) if width).rstrip()
        for row in rows
    ]
    return "\n".join([head, *(f"  {line}" for line in lines), *([f"  {rest}"] if rest else [])])


def escape(text: str) -> str:
    """For HTML and SVG."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def html(head: str, files: Sequence[Any], path: str | None, error: str | None) -> str:
    """A table for a notebook."""
    rows, rest = _rows(files)
    used = [i for i in range(len(_NAMES)) if i < 2 or any(row[i] for row in rows)]
    left = "text-align:left;padding:2px 10px 2px 0"
    number = "text-align:right;padding:2px 10px 2px 0;white-space:nowrap"

    def line(tag: str, row: Sequence[str]) -> str:
        return "<tr>" + "".join(f'<{tag} style="{number if i in (1, 4, 5) else left}">{escape(row[i])}</{tag}>' for i in used) + "</tr>"

    parts = [f'<div style="font-size:13px;line-height:1.4"><div><b>{escape(head)}</b></div>']
    if error:
        parts.append(f"<div>{escape(error)}</div>")
    if rows:
        body = "".join(line("td", row) for row in rows)
        if rest:
            body += f'<tr><td colspan="{len(used)}" style="{left}">{escape(rest)}</td></tr>'
        parts.append(f'<table style="margin:4px 0;border-collapse:collapse"><thead>{line("th", _NAMES)}</thead><tbody>{body}</tbody></table>')
    if path:
        parts.append(f"<div><code>{escape(path)}</code></div>")
    return "".join(parts) + "</div>"


# --- the picture ----------------------------------------------------------------------------------

_W, _H, _LEFT, _RIGHT, _TOP, _BOTTOM = 720, 260, 64, 44, 40, 36
_INK, _GOODPUT, _CONNECTIONS = "#777", "#1c7ed6", "#e8590c"  # seen on white and on black
_SLOTS = 120


class Plot:
    """A transfer over time: goodput (left, filled) and connections (right, steps), as an SVG of its own.

    A notebook shows it; str() is the SVG's text, `save(path)` writes it. Made of what was seen while the call waited, ten times a second.
    """

    def __init__(self, samples: Sequence[tuple[float, int, int]], title: str) -> None:
        self._samples, self._title = list(samples), title

    def __str__(self) -> str:
        return svg(self._samples, self._title)

    _repr_svg_ = _repr_html_ = __str__

    def __repr__(self) -> str:
        return f"<hubjet.Plot {self._title}>"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the SVG to a file."""
        with open(path, "w", encoding="utf-8") as file:
            file.write(str(self) + "\n")


def svg(samples: Sequence[tuple[float, int, int]], title: str) -> str:
    """`samples`: (seconds, bytes received until then, open connections), in order."""
    seconds = max(samples[-1][0] if samples else 0.0, 0.1)
    rates = goodput(samples, seconds)
    top_rate = _round_up(max(rates) / 1e6 or 1e-3)
    top_connections = _round_up(max((row[2] for row in samples), default=1) or 1, whole=True)

    def x(second: float) -> str:
        return f"{_LEFT + (_W - _LEFT - _RIGHT) * second / seconds:.1f}"

    def y(share: float) -> str:
        return f"{_H - _BOTTOM - (_H - _TOP - _BOTTOM) * share:.1f}"

    def words(at_x: str, at_y: float, text: str, anchor: str = "middle", colour: str = _INK) -> str:
        return f'<text x="{at_x}" y="{at_y:.1f}" text-anchor="{anchor}" fill="{colour}" font-size="11">{escape(text)}</text>'

    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_W} {_H}" width="{_W}" style="max-width:100%" font-family="sans-serif">',
        f"<title>{escape(title)}</title>",
        f'<text x="{_LEFT}" y="16" fill="{_INK}" font-size="12">{escape(title if len(title) <= 104 else title[:103] + "…")}</text>',
        words(str(_LEFT - 6), _TOP - 8, "MB/s", "end", _GOODPUT),
        words(str(_W - 2), _TOP - 8, "connections", "end", _CONNECTIONS),
    ]
    for n in range(5):
        level = y(n / 4)
        out.append(f'<line x1="{_LEFT}" x2="{_W - _RIGHT}" y1="{level}" y2="{level}" stroke="{_INK}" stroke-opacity="0.25"/>')
        out.append(words(str(_LEFT - 6), float(level) + 4, f"{top_rate * n / 4:.3g}", "end", _GOODPUT))
        if top_connections * n % 4 == 0:
            out.append(words(str(_W - _RIGHT + 6), float(level) + 4, f"{top_connections * n // 4:.0f}", "start", _CONNECTIONS))
    every = _round_up(seconds / 8)
    for n in range(int(seconds / every) + 1):
        out.append(words(x(n * every), _H - _BOTTOM + 14, f"{n * every:.4g}"))
    out.append(words(x(seconds / 2), _H - 6, "seconds"))
    wide = seconds / len(rates)
    curve = " ".join(f"{x((i + 0.5) * wide)},{y(rate / 1e6 / top_rate)}" for i, rate in enumerate(rates))
    out.append(f'<polygon points="{x(0)},{y(0)} {curve} {x(seconds)},{y(0)}" fill="{_GOODPUT}" fill-opacity="0.25"/>')
    out.append(f'<polyline points="{curve}" fill="none" stroke="{_GOODPUT}" stroke-width="1.6"/>')
    steps, last = [], 0
    for at, _, connections in samples:
        steps += [f"{x(at)},{y(last / top_connections)}", f"{x(at)},{y(connections / top_connections)}"]
        last = connections
    out.append(f'<polyline points="{" ".join(steps)}" fill="none" stroke="{_CONNECTIONS}" stroke-width="1.2" stroke-dasharray="3 2"/></svg>')
    return "".join(out)


def goodput(samples: Sequence[tuple[float, int, int]], seconds: float) -> list[float]:
    """Bytes per second in equal slots of time. What came between two looks is spread evenly over the time between them."""
    slots = max(1, min(_SLOTS, len(samples) // 2))
    wide = seconds / slots
    came = [0.0] * slots
    before, had = 0.0, 0
    for at, received, _ in samples:
        if received > had and at > before:
            for n in range(min(int(before / wide), slots - 1), min(int(at / wide), slots - 1) + 1):
                share = min(at, (n + 1) * wide) - max(before, n * wide)
                came[n] += (received - had) * max(share, 0.0) / (at - before)
        before, had = at, max(had, received)
    return [one / wide for one in came]


def _round_up(most: float, whole: bool = False) -> float:
    """The next number that reads well, and whose quarters do. `whole`: of things."""
    if whole:
        return next((float(step) for step in (4, 8, 12, 16, 20, 24, 32, 40, 48, 64, 80, 100, 128, 160, 200) if step >= most), most)
    power = 1.0
    while power * 10 <= most:
        power *= 10
    while power > most:
        power /= 10
    return next((step * power for step in (1, 1.2, 1.6, 2, 2.4, 3.2, 4, 5, 6, 8) if step * power >= most), 10 * power)
