"""What a model card says of its licence: card text in, facts out. Pure. Imports _record.

    facts = read_card(text)                  # README.md of a repository
    facts.id, facts.name, facts.link         # "other", "llama3.1", "LICENSE"
    is_licence_file("LICENSE-MODEL.md")      # True

A card begins with YAML between two lines `---`. Of YAML this reads what cards are written in: `key: value`, quoted or not, lists in lines or
in brackets, one level of nesting, text blocks (`|`, `>`). What is anything else is passed over, never guessed and never an error: anybody may
write a card.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import NamedTuple

    Value = str | list[str] | dict[str, str]
else:
    from ._record import NamedTuple

HEAD_MAX = 1 << 20  # bytes of a front matter; those with results of evaluations have some 100 KiB
VALUE_MAX = 64 << 10  # of one value: the words of a gate are a page or two
CARD = "README.md"

_KEEP = re.compile(r"(readme|licen[cs]e|notice|copying|use_policy)([.\-_].*)?", re.IGNORECASE)
_LICENCE = re.compile(r"(licen[cs]e|copying|use_policy|notice)([.\-_].*)?", re.IGNORECASE)
_KEY = re.compile(r"""(?:"([^"\\]{1,200})"|'([^']{1,200})'|([^\s"'#&*!|>%@`\[\]{},:?-][^:#]{0,200}?))\s*:(?:\s+(.*))?$""")
_ESCAPES = {"n": "\n", "t": "\t", '"': '"', "\\": "\\", "/": "/", "0": "\0", "r": "\r", "e": "\033", " ": " ", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}


class CardFacts(NamedTuple):
    """What a card says.

    id: the licence's identifier in lower case ("apache-2.0", "other"), None: it does not say; ids: all, where there are several; name and
    link: of a licence that has no identifier; base_model: of what this is made; relation: "finetune", "quantized", …; gate_heading, gate_prompt:
    the words to which people agree; gate_fields: what they are asked, with the type of the answer.
    """

    id: str | None = None
    ids: tuple[str, ...] = ()
    name: str | None = None
    link: str | None = None
    base_model: tuple[str, ...] = ()
    relation: str | None = None
    gate_heading: str | None = None
    gate_prompt: str | None = None
    gate_fields: tuple[tuple[str, str], ...] = ()

    @property
    def is_gated(self) -> bool:
        """Whether the card has words for a gate. (A repository may be gated without, and have words left over without being gated.)"""
        return bool(self.gate_heading or self.gate_prompt or self.gate_fields)

    @property
    def label(self) -> str | None:
        """The licence as people call it: the name where the identifier is none."""
        return (self.name or self.id) if self.id in (None, "other") else ", ".join(self.ids)


def must_keep(path: str) -> bool:
    """Whether this file of a repository stays with its weights whatever is chosen: licence, card, notices at the top.

    >>> [must_keep(name) for name in ("LICENSE", "README.md", "USE_POLICY.md", "unet/LICENSE", "licensed.py")]
    [True, True, True, False, False]
    """
    return "/" not in path and _KEEP.fullmatch(path) is not None


def is_licence_file(path: str) -> bool:
    """Whether a file at the top of a repository holds the words of a licence.

    >>> [is_licence_file(name) for name in ("LICENSE.txt", "LICENCE", "README.md", "src/LICENSE")]
    [True, True, False, False]
    """
    return "/" not in path and _LICENCE.fullmatch(path) is not None


def licence_files(paths: Iterable[str]) -> list[str]:
    """Those of them, the licence itself before notices and policies."""
    return sorted((path for path in paths if is_licence_file(path)), key=lambda path: (not path.lower().startswith("licen"), path))


def read_card(text: str | bytes) -> CardFacts:
    """The facts of a card; empty ones where it has no front matter.

    >>> read_card("---\\nlicense: other\\nlicense_name: openrail++\\nbase_model: [org/a, org/b]\\n---\\n# Hello").label
    'openrail++'
    """
    values = front_matter(text)
    ids = tuple(dict.fromkeys(one.lower() for one in _texts(values.get("license"))))
    fields = values.get("extra_gated_fields")
    return CardFacts(
        ids[0] if ids else None,
        ids,
        _one(values.get("license_name")),
        _one(values.get("license_link")),
        tuple(dict.fromkeys(_texts(values.get("base_model")))),
        _one(values.get("base_model_relation")),
        _one(values.get("extra_gated_heading")),
        _one(values.get("extra_gated_prompt")),
        tuple(fields.items()) if isinstance(fields, dict) else (),
    )


def _one(value: Value | None) -> str | None:
    if isinstance(value, list):
        value = value[0] if len(value) == 1 else None
    return value or None if isinstance(value, str) else None


def _texts(value: Value | None) -> Sequence[str]:
    if isinstance(value, str):
        return [value] if value else []
    return [one for one in value if one] if isinstance(value, list) else []


# --- the front matter -----------------------------------------------------------------------------


def front_matter(text: str | bytes) -> Mapping[str, Value]:
    """The keys at the top of a card and what they are: a text, a list of texts, or one level of names and texts. What is written in another way
    is left out.

    >>> front_matter("---\\nlicense: mit\\ntags:\\n- a\\n- 'b'\\n---\\n")
    {'license': 'mit', 'tags': ['a', 'b']}
    """
    if isinstance(text, bytes):
        text = text[: HEAD_MAX + 1].decode("utf-8", "replace")
    lines = _head(text)
    values: dict[str, Value] = {}
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        matched = None if line[:1] in (" ", "\t", "#", "-", "") else _KEY.match(line)
        if matched is None:
            continue  # a comment, an empty line, or something that is passed over
        key = next(part for part in matched.groups()[:3] if part is not None).strip()
        block = at
        while at < len(lines) and _belongs(lines[at]):
            at += 1
        value = _value((matched[4] or "").strip(), lines[block:at])
        if value is not None and key not in values:
            values[key] = value
    return values


def _head(text: str) -> list[str]:
    """The lines between the two marks."""
    text = text[:HEAD_MAX].removeprefix("\ufeff").lstrip("\r\n")
    lines = re.split(r"\r\n|\r|\n", text)
    if not lines or lines[0].rstrip() != "---":
        return []
    for at, line in enumerate(lines[1:], 1):
        if line.rstrip() in ("---", "..."):
            return lines[1:at]
    return []


def _belongs(line: str) -> bool:
    """Whether a line goes on with the key above it: it is indented, empty, or an entry of a list (which may stand at the margin)."""
    return not line.strip() or line[0] in " \t" or line == "-" or line.startswith("- ")


def _value(said: str, block: list[str]) -> Value | None:
    if re.fullmatch(r"[|>][+-]?[1-9]?[+-]?(\s+#.*)?", said):
        return _text_block(block, folded=said[0] == ">")
    if said.startswith(("[", "{")):
        joined = " ".join([said, *(line.strip() for line in block)]).strip()
        return _flow_list(joined) if joined[0] == "[" else None
    rest = [line for line in block if line.strip() and not line.lstrip().startswith("#")]
    if said and not said.startswith("#"):
        if rest and rest[0].lstrip().startswith("- "):
            return None
        return _scalar(" ".join([said, *(line.strip() for line in rest)]))  # a plain text may go on in further lines
    if not rest:
        return None
    if all(re.match(r"\s*-(\s|$)", line) for line in rest):
        items = [_scalar(line.strip()[1:].strip()) for line in rest]
        return [item for item in items if item is not None]
    indent = len(rest[0]) - len(rest[0].lstrip())
    return _mapping(rest, indent) if indent else None


def _mapping(lines: list[str], indent: int) -> dict[str, str]:
    found: dict[str, str] = {}
    last: str | None = None
    for line in lines:
        matched = _KEY.match(line.strip())
        if len(line) - len(line.lstrip()) != indent or matched is None:
            if last is not None and found.get(last) == "":
                kind = re.match(r"\s*type:\s*['\"]?(\w{1,40})['\"]?\s*$", line)  # a field with choices: `type: select` below its name
                found[last] = kind[1] if kind else ""
            continue
        last = next(part for part in matched.groups()[:3] if part is not None).strip()
        found[last] = _scalar((matched[4] or "").strip()) or ""
    return found


def _text_block(lines: list[str], *, folded: bool) -> str | None:
    full = [line for line in lines if line.strip()]
    if not full:
        return ""
    indent = min(len(line) - len(line.lstrip(" ")) for line in full)
    if not indent:
        return None  # entries of a list at the margin are no text
    kept = [line[indent:].rstrip() for line in lines]
    text = "\n".join(kept).strip("\n")
    if folded and not any(line.startswith((" ", "\t")) for line in kept):  # lines that are indented more keep their ends
        text = re.sub(r"\n+", lambda one: one[0][1:] or " ", text)
    return text[:VALUE_MAX]


def _scalar(text: str) -> str | None:
    """A text, quoted or plain; None for what is neither."""
    if text[:1] == '"':
        matched = re.match(r'"((?:[^"\\]|\\.)*)"\s*(#.*)?$', text, re.DOTALL)
        return re.sub(r"\\(.)", lambda one: _ESCAPES.get(one[1], one[0]), matched[1])[:VALUE_MAX] if matched else None
    if text[:1] == "'":
        matched = re.match(r"'((?:[^']|'')*)'\s*(#.*)?$", text, re.DOTALL)
        return matched[1].replace("''", "'")[:VALUE_MAX] if matched else None
    if text[:1] in tuple("&*!|>%@`{}[]"):
        return None
    text = re.sub(r"(^|\s)#.*$", "", text).strip()
    if ": " in text or text.endswith(":"):
        return None
    return None if text in ("", "~", "null", "Null", "NULL") else text[:VALUE_MAX]


def _flow_list(text: str) -> list[str] | None:
    """`[a, "b, c"]`, nothing nested."""
    matched = re.match(r"\[(.*)\]\s*(#.*)?$", text, re.DOTALL)
    if matched is None:
        return None
    inner, found = matched[1].strip(), []
    piece = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,"'\[\]{}]*)\s*(,|$)""", re.DOTALL)
    at = 0
    while at < len(inner):
        one = piece.match(inner, at)
        if one is None:
            return None
        value = _scalar(one[1].strip())
        if value is not None:
            found.append(value)
        at = one.end()
    return found
