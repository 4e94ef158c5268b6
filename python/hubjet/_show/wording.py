"""A view as a line of text or a strip of HTML. Pure; imports _words, _show.view.

A line fits its terminal: what matters least goes first, and nothing moves the cursor but the carriage return.
"""

from __future__ import annotations

from .. import _words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .view import View

NAME_MAX = 40
BAR_CELLS = 20
FANCY = ("━", "╌", "…")  # done, to do, left out
PLAIN = ("=", ".", "~")
LINE_MAX = 130  # longer ones are hard to read


def _parts(view: View) -> tuple[str, str, str, str, str]:
    """Share, bytes, rate, time to go, files; what is not known is empty."""
    return (
        f"{int(view.share * 100)}%" if view.total else "",
        _words.of(view.done, view.total) if view.total else _words.size(view.done) if view.done else "",
        _words.rate(view.rate) if view.rate is not None else "",
        f"{_words.span(max(view.eta_s, 1))} left" if view.eta_s is not None else "",
        f"{view.files_done} of {view.files} files" if view.files > 1 else "",
    )


def line(view: View, columns: int, signs: tuple[str, str, str] = FANCY) -> str:
    """One line of at most `columns` cells."""
    columns = min(columns, LINE_MAX)
    percent, amount, rate, eta, files = _parts(view)
    percent = percent.rjust(4) if percent else ""
    bar = _bar(view.share, BAR_CELLS, signs) if view.total else ""
    short_bar = _bar(view.share, BAR_CELLS // 2, signs) if view.total else ""
    fewer = _words.size(view.done) if view.done else ""
    # From rich to poor; the first that leaves the name some room is taken.
    for behind in (
        (percent, bar, amount, rate, eta, files, view.note or view.aside),
        (percent, bar, amount, rate, eta, view.note or files or view.aside),
        (percent, short_bar, amount, rate, eta, view.note or files or view.aside),
        (percent, short_bar, amount, rate, eta, view.note),
        (percent, amount, rate, eta, view.note),
        (percent, fewer, rate, eta or view.note),
        (percent, rate, eta),
        (percent, rate),
    ):
        text = "  ".join(part for part in behind if part)
        if cells(text) + 2 + min(cells(view.name), 12) <= columns:
            return f"{fitted(view.name, min(columns - cells(text) - 2, NAME_MAX), signs[2])}  {text}"
    for few in (f"{percent.strip()}  {rate}".strip(), percent.strip() or fewer or view.name):
        if few and cells(few) <= columns:
            return printable(few)
    return fitted(percent.strip() or fewer or view.name, columns, signs[2])


def _bar(share: float, width: int, signs: tuple[str, str, str]) -> str:
    full = int(share * width)
    return signs[0] * full + signs[1] * (width - full)


def log_line(view: View) -> str:
    """A line that stays, in a log."""
    return f"{printable(view.name)}: {', '.join(part for part in (*_parts(view), view.note or view.aside) if part)}"


def closing(view: View) -> str:
    """What is said when it is over: model.safetensors: 4.0 GB in 46 s, 60.9 MB/s; 1.2 GB were here."""
    files = f"{_words.count(view.files, 'file')}, " if view.files > 1 else ""
    time = _words.lasted(view.seconds)
    if view.ended == "failed":
        return f"{printable(view.name)}: stopped after {time}; {_words.of(view.done, max(view.total, view.done))} are here for the next call"
    mean = f", {_words.rate(view.came / view.seconds)}" if view.seconds >= 0.2 and view.came else ""
    others = view.done - view.here - view.came
    here = f"; {_words.size(view.here)} were here" if view.here else ""
    brought = f"; {_words.size(others)} came by another process" if others > view.done // 100 else ""
    return f"{printable(view.name)}: {files}{_words.size(view.done)} in {time}{mean}{here}{brought}"


# --- cells ----------------------------------------------------------------------------------------


def printable(text: str) -> str:
    """Without what a terminal would obey."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "?" for c in text)


def cells(text: str) -> int:
    """How many columns of a terminal it takes."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def fitted(text: str, columns: int, left_out: str = "…") -> str:
    """Its end, in at most `columns` cells: of names the end says more."""
    text = printable(text)
    if cells(text) <= columns:
        return text
    while text and cells(text) > columns - 1:
        text = text[1:]
    return f"{left_out}{text}" if columns > 0 else ""


# --- notebooks ------------------------------------------------------------------------------------


def html(view: View | None, said: list[str]) -> str:
    """The strip of a notebook: lines of what is over, and the bar of what runs."""
    parts = [f'<div style="font-size:13px;line-height:1.6">{_escape(one)}</div>' for one in said]
    if view is not None:
        words = " · ".join(part for part in _parts(view) if part)
        value = f' value="{view.share:.3f}"' if view.total else ""
        words_besides = view.note or view.aside
        note = f' <span style="opacity:0.7">({_escape(words_besides)})</span>' if words_besides else ""
        parts.append(
            f'<div style="font-size:13px;line-height:1.6"><b>{_escape(fitted(view.name, NAME_MAX))}</b> '
            f'<progress max="1"{value} style="width:180px;vertical-align:middle;margin:0 6px"></progress> {_escape(words)}{note}</div>'
        )
    return "".join(parts)


def _escape(text: str) -> str:
    return printable(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
