"""Settings files of other programs, as far as folders stand in them: simple YAML, INI, a shell script's arguments. Imports nothing of ours.

No YAML library is asked for: what these programs write is keys, nesting by indentation, quoted or plain words, and "|" blocks. Anything
else in such a file is passed over.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Union

    Node = dict[str, Union[str, "Node"]]

LINES_MOST = 10_000
LINE_MOST = 4096  # characters: a longer line is none of a folder's, and patterns take the square of its length
_KEY = r"""( *)(?:"([^"]+)"|'([^']+)'|([^\s#'"&*!|>%@`\[\]{},-][^#:]*?)) *:(?: +(.*)|)$"""
_COMMENT = r"(?:^|\s)#.*$"


def yaml(text: str) -> Node:
    """Keys and their words, or what stands indented below them. Lists and what cannot be understood are left out."""
    if not text:
        return {}
    import re

    key_of = re.compile(_KEY)
    top: Node = {}
    open_: list[tuple[int, Node]] = [(-1, top)]
    lines = text.splitlines()[:LINES_MOST]
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        found = key_of.match(line.expandtabs(8).rstrip()) if len(line) <= LINE_MOST else None
        if found is None:
            continue
        indent = len(found[1])
        while open_[-1][0] >= indent:
            open_.pop()
        key = (found[2] or found[3] or found[4]).strip()
        value = (found[5] or "").strip()
        if value[:1] in ("|", ">"):
            block, number = _block(lines, number, indent)
            open_[-1][1][key] = block
            continue
        value = _word(value)
        if value:
            open_[-1][1][key] = value
        elif len(open_) < 32:
            inner: Node = {}
            open_[-1][1][key] = inner
            open_.append((indent, inner))
    return top


def _block(lines: list[str], number: int, indent: int) -> tuple[str, int]:
    """The indented lines of a "|" block, and where it ends."""
    taken = []
    while number < len(lines):
        line = lines[number].expandtabs(8)
        if line.strip() and len(line) - len(line.lstrip()) <= indent:
            break
        taken.append(line.strip())
        number += 1
    return "\n".join(part for part in taken if part), number


def _word(value: str) -> str:
    if value[:1] in ("'", '"'):
        end = value.find(value[0], 1)
        return value[1:end] if end > 0 else ""
    import re

    return re.sub(_COMMENT, "", value).strip()


def ini(text: str) -> dict[str, str]:
    """Keys of all sections; of two with the same name the last."""
    found = {}
    for line in text.splitlines()[:LINES_MOST]:
        key, mark, value = line.partition("=")
        if mark and not line.lstrip().startswith(("#", ";", "[")):
            found[key.strip()] = value.strip().strip('"')
    return found


def arguments(text: str, names: tuple[str, ...]) -> dict[str, list[str]]:
    """What follows these options in a line of arguments, or in a script that sets them in a variable: {"--ckpt-dir": ["/big/models"]}."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines()[:LINES_MOST]:
        line = line.strip()
        if len(line) > LINE_MOST or line.startswith(("#", "REM ", "rem ", "::", "@REM ")) or not any(name in line for name in names):
            continue
        words = _words(line)
        for here, word in enumerate(words):
            name, mark, value = word.partition("=")
            if name in names and not mark and here + 1 < len(words) and not words[here + 1].startswith("--"):
                found.setdefault(name, []).append(words[here + 1])
            elif name in names and value:
                found.setdefault(name, []).append(value)
    return found


def _words(line: str) -> list[str]:
    """`export COMMANDLINE_ARGS="--ckpt-dir '/a b' --x"`, `set COMMANDLINE_ARGS=--ckpt-dir C:\\a`, or the arguments themselves."""
    import re
    import shlex

    before, mark, after = line.partition("COMMANDLINE_ARGS=")
    if mark and ("set " in before.lower() or "$env:" in before.lower()):  # a .bat: backslashes are backslashes
        return [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', after.strip('"'))]
    try:
        words = shlex.split(after if mark else line, comments=True)
        return [inner for word in words for inner in (shlex.split(word) if mark and " " in word else [word])]
    except ValueError:  # a quote that is not closed
        return line.replace('"', " ").replace("'", " ").split()
