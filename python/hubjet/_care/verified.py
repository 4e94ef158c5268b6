"""What a look at files that are here found. Imports _words, _show.receipt_views for HTML. Pure: facts in, text out."""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import _words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

SHOWN_MAX = 12  # rows of what is wrong


@dataclass(frozen=True)
class VerifiedFile:
    """One file that was looked at.

    `path`: where its bytes lie. `name`: what the repository calls it (the blob's name, where no snapshot has it). `state`: "good"; "damaged" (not
    what its digest says, though nobody wrote to it as far as the disk tells); "edited" (not what its digest says, and somebody wrote to it); "missing"
    (a name that leads nowhere); "unreadable"; "unknown" (nothing here says what it should be); "repaired". `how`: "sha256", "git-sha1",
    "sums" of its cells, or "". `damaged`: byte ranges (first, end) that are not what they should be. `reason`: a sentence, for what is not good.
    """

    repo_id: str
    repo_type: str
    path: str
    name: str
    size: int
    state: str
    how: str = ""
    digest: str = ""
    damaged: tuple[tuple[int, int], ...] = ()
    reason: str = ""
    fetched: int = 0

    @property
    def bad(self) -> bool:
        """Whether the file is not what it should be."""
        return self.state in ("damaged", "edited", "missing", "unreadable")


@dataclass(frozen=True)
class Fault:
    """Something other than a file's content that is wrong: a link, a ref, a listing. `repaired`: it was put right."""

    repo_id: str
    path: str
    what: str
    repaired: bool = False


@dataclass(frozen=True)
class Verified:
    """What `hubjet.verify()` found: `files` (VerifiedFile), `faults` (links, refs, listings), `read` bytes in `seconds`. True if nothing is wrong.

    >>> import hubjet
    >>> result = hubjet.verify(cache_dir="/nowhere")
    >>> result.ok, len(result.files), result.bytes
    (True, 0, 0)
    """

    place: str
    fast: bool
    files: tuple[VerifiedFile, ...] = field(repr=False)
    faults: tuple[Fault, ...] = field(repr=False)
    read: int
    seconds: float

    def __bool__(self) -> bool:
        return self.ok

    @property
    def ok(self) -> bool:
        """Nothing is wrong, or all that was is repaired. What nobody can prove is not wrong."""
        return not self.bad and all(fault.repaired for fault in self.faults)

    @property
    def bad(self) -> tuple[VerifiedFile, ...]:
        """The files that are not what they should be."""
        return tuple(one for one in self.files if one.bad)

    @property
    def repaired(self) -> tuple[VerifiedFile, ...]:
        """Those that were put right."""
        return tuple(one for one in self.files if one.state == "repaired")

    @property
    def unknown(self) -> tuple[VerifiedFile, ...]:
        """Those nobody can prove."""
        return tuple(one for one in self.files if one.state == "unknown")

    @property
    def bytes(self) -> int:
        """Of all files that were looked at."""
        return sum(one.size for one in self.files)

    @property
    def fetched(self) -> int:
        """Bytes that came from the network for repairs."""
        return sum(one.fetched for one in self.files)

    @property
    def rate(self) -> float:
        """Bytes read per second."""
        return self.read / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return f"<hubjet.Verified: {self.headline()}>"

    def headline(self) -> str:
        """One line: 7 files, 4.0 GB: all good (by sha256; 2.1 s, 1.9 GB/s)."""
        return f"{_words.count(len(self.files), 'file')}, {_words.size(self.bytes)}: {self.verdict()} ({self.way()})"

    def verdict(self) -> str:
        """What is wrong, in a few words."""
        states = ("damaged", "edited", "missing", "unreadable", "repaired", "unknown")
        counts = [(sum(one.state == state for one in self.files), state) for state in states]
        words = [f"{n:,} {state}" for n, state in counts if n]
        open_faults = sum(not fault.repaired for fault in self.faults)
        if open_faults:
            words.append(_words.count(open_faults, "name or note", "names or notes") + " wrong")
        elif self.faults:
            words.append(_words.count(len(self.faults), "name or note", "names or notes") + " put right")
        if not words:
            return "all good" if self.files else "nothing to verify"
        good = sum(one.state == "good" for one in self.files)
        return ", ".join([*([f"{good:,} good"] if good else []), *words])

    def way(self) -> str:
        """How it was proven, and how fast."""
        ways = sorted({one.how for one in self.files if one.how})
        said = f"by {' and '.join(_WAYS.get(way, way) for way in ways)}; " if ways else ""
        rate = f", {_words.rate(self.rate)}" if self.seconds >= 0.01 and self.read >= 100_000_000 else ""
        return f"{said}{_words.lasted(self.seconds)}{rate}"

    def text(self) -> str:
        """For a terminal: the headline, and a line or two for each thing that is wrong."""
        lines = [self.headline()]
        shown = [one for one in self.files if one.state != "good"]
        for one in shown[:SHOWN_MAX]:
            lines.append(f"  {one.state:<10}  {where(one)}  {_words.size(one.size)}")
            lines += [f"              {line}" for line in details(one)]
        if len(shown) > SHOWN_MAX:
            lines.append(f"  and {len(shown) - SHOWN_MAX:,} more")
        for fault in self.faults[:SHOWN_MAX]:
            lines.append(f"  {'put right' if fault.repaired else 'wrong':<10}  {fault.what}")
            lines.append(f"              {fault.path}")
        if len(self.faults) > SHOWN_MAX:
            lines.append(f"  and {len(self.faults) - SHOWN_MAX:,} more")
        return "\n".join(lines)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "place": self.place,
            "ok": self.ok,
            "fast": self.fast,
            "files": len(self.files),
            "bytes": self.bytes,
            "read": self.read,
            "seconds": round(self.seconds, 3),
            "rate": round(self.rate),
            "good": sum(one.state == "good" for one in self.files),
            "fetched": self.fetched,
            "not_good": [vars(one) for one in self.files if one.state != "good"],
            "faults": [vars(fault) for fault in self.faults],
        }

    def _repr_html_(self) -> str:
        from .._show.receipt_views import escape

        rows = "".join(
            f"<tr><td>{escape(one.state)}</td><td>{escape(where(one))}</td><td>{_words.size(one.size)}</td>"
            f"<td>{'<br>'.join(map(escape, details(one)))}</td></tr>"
            for one in [one for one in self.files if one.state != "good"][:SHOWN_MAX]
        )
        rows += "".join(
            f"<tr><td>{'put right' if fault.repaired else 'wrong'}</td><td>{escape(fault.what)}</td><td></td><td>{escape(fault.path)}</td></tr>"
            for fault in self.faults[:SHOWN_MAX]
        )
        table = f"<table>{rows}</table>" if rows else ""
        return f"<div><b>verified</b> {escape(self.headline())}{table}</div>"


_WAYS = {"sums": "sums of blocks"}


def where(one: VerifiedFile) -> str:
    """A file as people call it."""
    return f"{one.repo_id}: {one.name}" if one.repo_id else one.name


def details(one: VerifiedFile) -> list[str]:
    """What is known of one that is not good."""
    lines = [one.path] if one.path else []
    if one.damaged and one.state in ("damaged", "edited"):
        lines.append(ranges(one.damaged, one.size))
    if one.reason:
        lines.append(one.reason)
    return lines


def ranges(found: Iterable[tuple[int, int]], size: int) -> str:
    """bytes 1,499,987,968 to 1,500,250,111 (262.1 kB)."""
    found = list(found)
    total = sum(end - at for at, end in found)
    if found == [(0, size)]:
        return f"somewhere in its {_words.size(size)}"
    said = ", ".join(f"{at:,} to {end - 1:,}" for at, end in found[:3]) + (f" and {len(found) - 3:,} more" if len(found) > 3 else "")
    return f"bytes {said} ({_words.size(total)})"
