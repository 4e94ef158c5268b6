"""Compare: what one side of a case was seen to do, as data; and where two sides differ.

Use:        `Seen(tree_of(place), dids, printed, requests)` for each side; `differences(stock, enabled)`.
Promise:    `differences` is pure and looks at everything a Seen has: the tree (names, kinds, link targets, modes, bytes), each call's value
            or error with its attributes, warnings and log lines, what was printed, and the requests.
            Requests need not be the same ones: saving them is what hubjet is for. They must be no more, ask for nothing the stock client
            does not ask for, carry the same credentials and headers of the caller's, and name hubjet only.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

from tests.server import Request

SHORT = 400  # bytes of a file that are shown in a difference
REQUEST_ID = re.compile(r"Root=1-[0-9a-f-]{36}")
SIGNED = re.compile(r"(Signature|Expires|Policy|Key-Pair-Id)=[^&\"'\s.]*")
XET_LOG = re.compile(r"xet/logs/xet_\w+\+\w+\.log$")
BAR_OF_A_LINK = re.compile(r"\(…\)[^\s\"']*")  # the end of a signed url, which the stock client shows as the bar's name
BLOB = re.compile(r"/(?:lfs|xet-bridge)/[0-9a-f]{64}")
CALLERS_HEADER = "x-corpus"  # what calls in the corpus put into `headers=`


@dataclass(frozen=True)
class Difference:
    """kind: tree, mode, value, error, cause, heard, printed, calls, requests, credentials, headers, agent, stranger, unproven."""

    kind: str
    where: str
    stock: Any
    enabled: Any

    def __str__(self) -> str:
        return f"[{self.kind}] {self.where}\n    stock:   {self.stock!r}\n    enabled: {self.enabled!r}"


@dataclass
class Ask:
    """A request, as far as two of them are compared."""

    origin: str
    method: str
    path: str
    status: int
    token: str
    agent: str
    mine: str
    bytes: int
    is_file: bool


@dataclass
class Seen:
    tree: dict[str, Any]
    dids: list[dict[str, Any]]
    printed: str
    requests: list[list[Ask]]  # of each call, and of what came after the last
    trouble: str | None = None
    status: list[dict[str, Any] | None] = field(default_factory=list)  # what hubjet said of each part
    seconds: float = 0.0

    @property
    def asks(self) -> list[Ask]:
        return [ask for asks in self.requests for ask in asks]


# Seeing --------------------------------------------------------------------------------------------


def tree_of(place: Path) -> dict[str, Any]:
    """Everything below `place` by its path: what it is, its mode, and what is in it."""
    found: dict[str, Any] = {}
    for at, folders, files in os.walk(place):
        for name in [*folders, *files]:
            path = Path(at, name)
            found[XET_LOG.sub("xet/logs/log", str(path.relative_to(place)))] = thing(path)
    return found


def thing(path: Path) -> Any:
    facts = path.lstat()
    if stat.S_ISLNK(facts.st_mode):
        return ["link", os.readlink(path)]
    mode = f"{stat.S_IMODE(facts.st_mode):04o}"
    if stat.S_ISDIR(facts.st_mode):
        return ["folder", mode]
    return ["file", mode, content_of(path)]


def content_of(path: Path) -> str:
    data = path.read_bytes()
    if path.suffix == ".metadata" and "huggingface" in path.parts:
        return metadata(path, data)
    if path.parts[-3:-1] == ("xet", "logs"):
        return "a log of hf_xet"
    if path.name == ".agent_harnesses.json":
        return "the agent registry"
    if len(data) <= SHORT:
        return data.decode("utf-8", "backslashreplace")
    return f"{len(data)} bytes, sha256 {hashlib.sha256(data).hexdigest()}"


def metadata(path: Path, data: bytes) -> str:
    """The note beside a file of a local_dir: its time is compared with the file's, as the client will."""
    lines = data.decode("utf-8", "replace").splitlines()
    parts = path.with_suffix("").parts
    at = parts.index(".cache")
    file = Path(*parts[:at], *parts[at + 3 :])
    try:
        noted = float(lines[2])
    except (IndexError, ValueError):
        return data.decode("utf-8", "replace")
    state = "no file" if not file.exists() else "file unchanged since" if file.stat().st_mtime - 1 <= noted else "file changed since"
    return "\n".join([*lines[:2], state if abs(noted - time.time()) < 600 else f"{state}; noted {lines[2]}"])


def ask_of(request: Request) -> Ask:
    path = BLOB.sub("/blob", request.path) if request.origin == "cdn" else request.path
    headers = request.headers
    token = headers.get("authorization", "sent" if request.token_sent else "")
    mine = headers.get(CALLERS_HEADER, "")
    agent = headers.get("user-agent", "")
    return Ask(request.origin, request.method, path, request.status, token, agent, mine, request.bytes, request.is_file)


def settled(value: Any) -> Any:
    """A call's outcome without what differs between any two runs."""
    if isinstance(value, str):
        return settled_text(value)
    if isinstance(value, list):
        return [settled(item) for item in value]
    return {name: settled(item) for name, item in value.items()} if isinstance(value, dict) else value


def settled_text(text: str) -> str:
    return BAR_OF_A_LINK.sub("(…)", SIGNED.sub(r"\1=…", REQUEST_ID.sub("Root=1-…", text)))


# Comparing -----------------------------------------------------------------------------------------


def differences(stock: Seen, enabled: Seen) -> list[Difference]:
    return [*of_trouble(stock, enabled), *of_status(enabled), *of_trees(stock.tree, enabled.tree), *of_calls(stock, enabled), *of_requests(stock, enabled)]


def of_trouble(stock: Seen, enabled: Seen) -> Iterator[Difference]:
    """A case that raised by itself is a mistake in the case, or in what it was given."""
    if stock.trouble or enabled.trouble:
        yield Difference("trouble", "the case itself", stock.trouble, enabled.trouble)


def of_status(enabled: Seen) -> Iterator[Difference]:
    """Under enable() no file is let through unproven, and none is left to the stock client's own transfer."""
    for said in enabled.status:
        if said is not None and (said["stock"] or (said["received"] and not said["verified"])):
            yield Difference("unproven", "status()", None, said)


def of_trees(stock: dict[str, Any], enabled: dict[str, Any]) -> Iterator[Difference]:
    for path in sorted({*stock, *enabled}):
        one, other = stock.get(path), enabled.get(path)
        if one == other:
            continue
        same_but_mode = one and other and one[0] == other[0] != "link" and one[2:] == other[2:]
        yield Difference("mode" if same_but_mode else "tree", path, one, other)


def of_calls(stock: Seen, enabled: Seen) -> Iterator[Difference]:
    if len(stock.dids) != len(enabled.dids):
        yield Difference("calls", "number of calls", [did["call"] for did in stock.dids], [did["call"] for did in enabled.dids])
    for number, (one, other) in enumerate(zip(stock.dids, enabled.dids)):
        where = f"call {number + 1}, {one['call']}"
        if one["heard"] != other["heard"]:
            yield Difference("heard", where, one["heard"], other["heard"])
        if ("error" in one) != ("error" in other):
            yield Difference("value", where, *(did.get("value", did.get("error")) for did in (one, other)))
        elif "error" in one:
            yield from of_errors(where, one["error"], other["error"])
        elif one["value"] != other["value"]:
            yield Difference("value", where, one["value"], other["value"])
    if stock.printed != enabled.printed:
        yield Difference("printed", "stdout and stderr", stock.printed, enabled.printed)


def of_errors(where: str, one: Any, other: Any) -> Iterator[Difference]:
    """Attribute by attribute, causes too."""
    if not one or not other:
        if one != other:
            ours = other and other["class"].startswith("hubjet.")
            yield Difference("cause" if ours else "error", where, one and one["class"], other and other["class"])
        return
    if other["class"].startswith("hubjet.") and where.endswith(": cause"):
        yield Difference("cause", where, one["class"], other["class"])
        return
    for name in sorted({*one, *other} - {"cause"}):
        if one.get(name) != other.get(name):
            yield Difference("error", f"{where}: {name}", one.get(name), other.get(name))
    yield from of_errors(f"{where}: cause", one.get("cause"), other.get("cause"))


def of_requests(stock: Seen, enabled: Seen) -> Iterator[Difference]:
    for number in range(max(len(stock.requests), len(enabled.requests))):
        one, other = (side.requests[number] if number < len(side.requests) else [] for side in (stock, enabled))
        where = f"call {number + 1}"
        if len(other) > len(one):
            yield Difference("requests", f"{where}: number", shown(one), shown(other))
    theirs = stock.asks
    known = {address(ask) for ask in theirs}
    for ask in enabled.asks:
        if address(ask) not in known:
            known.add(address(ask))  # once is enough
            yield Difference("stranger", f"{ask.method} {address(ask)}", None, ask.status)
    for name in ("token", "mine"):
        seen = {(ask.origin, getattr(ask, name)) for ask in theirs if getattr(ask, name)}
        for ask in enabled.asks:
            said = (ask.origin, getattr(ask, name))
            if said[1] and said not in seen:
                yield Difference("credentials" if name == "token" else "headers", f"{ask.method} {ask.path}", sorted(seen), said)
    for name, kind in (("token", "credentials"), ("mine", "headers")):
        for said in {getattr(ask, name) for ask in theirs if ask.origin == "hub" and getattr(ask, name)}:
            if any(ask.origin == "hub" for ask in enabled.asks) and not any(getattr(ask, name) == said for ask in enabled.asks):
                yield Difference(kind, "what the hub was told", said, None)
    agents = Counter(ask.agent for ask in enabled.asks if not re.fullmatch(r"hubjet/[\w.+]+", ask.agent))
    if agents and enabled.asks and any(ask.agent.startswith("hubjet/") for ask in enabled.asks):
        yield Difference("agent", "user-agent", None, sorted(agents))
    elif agents and {ask.agent for ask in theirs} != set(agents):
        yield Difference("agent", "user-agent", sorted({ask.agent for ask in theirs}), sorted(agents))
    moved, more = (sum(ask.bytes for ask in side.asks if ask.is_file) for side in (stock, enabled))
    if more > moved:
        yield Difference("requests", "bytes of files", moved, more)


def address(ask: Ask) -> str:
    """What was asked for, whichever method."""
    return f"{ask.origin} {ask.path}"


def shown(asks: list[Ask]) -> list[str]:
    return [f"{ask.method} {ask.path} {ask.status}" for ask in asks]


@dataclass
class Verdict:
    """What a case came to: the differences that are allowed, by the name of the allowance, and those that are not."""

    allowed: dict[str, list[Difference]] = field(default_factory=dict)
    open: list[Difference] = field(default_factory=list)
