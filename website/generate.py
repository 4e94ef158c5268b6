"""What the documents take from the code, so that it cannot be stale: options, functions, codes of errors, measured numbers.

Each public function answers Markdown, for a mark `<!-- site: NAME … -->` (stage.py). Imports hubjet from the checkout; no network.
"""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
ERR_ROW = re.compile(r'X\((\w+),\s*"(\w*)",\s*(true|false),\s*"([^"]*)"\)')

# In the order in which people look for them; a name that stands nowhere here is put behind its like by `api`.
FIRST = "enable enabled disable status from_pretrained hf_hub_download snapshot_download fetch start Job".split()


# --- options --------------------------------------------------------------------------------------


def options() -> str:
    """Every row of the option table: what it does, its default, and each place it can be said in."""
    import hubjet
    from hubjet import _config

    defaults = _defaults()
    verbs = _command_line()
    parts = []
    for name, option in _config.OPTIONS.items():
        functions = [
            f"`{public}`"
            for public in hubjet.__all__
            if inspect.isroutine(thing := getattr(hubjet, public)) and name in inspect.signature(thing).parameters
        ]
        value, origin = defaults[name]
        rows = {
            "default": f"{_shown(value, option.read)}" + (f" ({origin})" if origin != "default" else ""),
            "value": _expected(option.read),
            "environment": ", ".join(f"`{env}`" + _meaning(env, option) for env in option.env),
            "config file, `hubjet.settings`": f"`{name}`",
            "argument of": ", ".join(functions),
            "command line": verbs.get(name, ""),
        }
        table = "\n".join(f"| {left} | {right} |" for left, right in rows.items() if right)
        parts.append(f"### `{name}`\n\n{_escaped(option.doc)}\n\n| | |\n| --- | --- |\n{table}\n")
    return "\n".join(parts)


def _defaults() -> dict[str, tuple[Any, str]]:
    """As on a machine on which nothing was set: asked of a process without our environment, whose home is ~."""
    code = "import json, hubjet; print(json.dumps({n: [s.value, s.origin] for n, s in hubjet.config().items()}))"
    clean = {"PATH": os.environ.get("PATH", ""), "HOME": "/nobody", "PYTHONPATH": str(ROOT / "python")}
    made = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True, check=True)
    import json

    return {name: (value, origin) for name, (value, origin) in json.loads(made.stdout).items()}


def _shown(value: Any, read: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        if not value:
            return "none"
        return ", ".join(f"`{one}`" for one in value)
    if read.__name__ == "_size":
        return f"`{value >> 20}M`"
    return f"`{str(value).replace('/nobody', '~')}`"


def _expected(read: Any) -> str:
    """In the words that the option's own error has."""
    if read.__name__ == "_flag":
        return "yes (`1`, `on`, `yes`, `true`) or no"
    if read.__name__ == "_path":
        return "a path; `~` and `$NAME` are replaced"
    try:
        read("")
    except ValueError as error:
        return str(error)
    return "text"


def _meaning(env: str, option: Any) -> str:
    if option.env_read is option.read or "DISABLE" not in env:
        return ""
    return " (`1` means no)"


def _command_line() -> dict[str, str]:
    """setting -> "`--option` of download, get", found by asking the program for help."""
    from hubjet import _config
    from hubjet._cli import main

    clean = {"PATH": os.environ.get("PATH", ""), "HOME": "/nobody", "PYTHONPATH": str(ROOT / "python"), "COLUMNS": "200"}

    def shown(*words: str) -> str:
        return subprocess.run([sys.executable, "-m", "hubjet", *words, "--help"], env=clean, capture_output=True, text=True, check=True).stdout

    found: dict[str, list[str]] = {}
    for verb in (row.name for row in main.VERBS):
        words = set(re.findall(r"--[a-z-]+", shown(verb)))
        for name in _config.OPTIONS:
            if "--" + name.replace("_", "-") in words:
                found.setdefault(name, []).append(verb)
    return {name: f"`--{name.replace('_', '-')}` of `{'`, `'.join(where)}`" for name, where in found.items()}


# --- functions ------------------------------------------------------------------------------------


def api() -> str:
    """Every public name that is no error: signature, what its docstring says."""
    import hubjet

    names = [name for name in hubjet.__all__ if not _is_error(getattr(hubjet, name))]
    rank = {name: place for place, name in enumerate(FIRST)}
    names.sort(key=lambda name: (rank.get(name, 99), not inspect.isroutine(getattr(hubjet, name)), name.lower()))
    return "\n".join(_described(f"hubjet.{name}", getattr(hubjet, name)) for name in names)


def errors() -> str:
    """Every exception by name, with its facts, and below it the codes that come as it."""
    import hubjet

    codes: dict[str, list[str]] = {}
    for code, cls, again, text in _codes():
        codes.setdefault(cls, []).append(f"| `{code}` | {text} | {'yes' if again == 'true' else 'no'} |")
    parts = []
    for name in sorted(name for name in hubjet.__all__ if _is_error(getattr(hubjet, name))):
        cls = getattr(hubjet, name)
        bases = ", ".join(f"`{base.__name__}`" for base in cls.__mro__[1:-1] if base.__name__ not in ("Exception", "BaseException", "OSError") or base in cls.__bases__)
        own = [f"`.{one}`" for one in vars(cls).get("__annotations__", {})] if name != "HubjetError" else []
        rows = "\n".join(codes.get(name, []))
        parts.append(
            f"### `{name}`\n\n{_text(inspect.getdoc(cls) or '')}\n\nAlso a: {bases or '–'}."
            + (f" Of its own: {', '.join(own)}." if own else "")
            + (f"\n\n| `.code` | what happened | tried again by itself |\n| --- | --- | --- |\n{rows}\n" if rows else "\n")
        )
    return "\n".join(parts)


def _codes() -> list[tuple[str, str, str, str]]:
    """The rows of csrc/util/err.h's table that reach Python."""
    table = (ROOT / "csrc" / "util" / "err.h").read_text("utf-8").partition("#define HJ_ERR_MAP")[2].partition("enum hj_code")[0]
    return [row for row in ERR_ROW.findall(table) if row[1]]


def _is_error(thing: Any) -> bool:
    return isinstance(thing, type) and issubclass(thing, BaseException)


def _described(title: str, thing: Any) -> str:
    if isinstance(thing, type):
        return _class(title, thing)
    names = tuple(inspect.signature(thing).parameters)
    return f"### `{title}`\n\n{_signature(title, thing)}\n{_text(inspect.getdoc(thing) or '', names)}\n"


def _class(title: str, cls: type) -> str:
    made = "__init__" in vars(cls) and not issubclass(cls, tuple)
    names = tuple(inspect.signature(cls).parameters) if made else ()
    parts = [f"### `{title}`\n", f"{_text(inspect.getdoc(cls) or '', names)}\n"]
    if made and not any(name.startswith("_") for name in names):
        parts.insert(1, _signature(title, cls))
    for name, member in vars(cls).items():
        plain = member.__func__ if isinstance(member, staticmethod | classmethod) else member
        if name.startswith("_") or not (inspect.isfunction(plain) or isinstance(member, property)):
            continue
        says = inspect.getdoc(member)
        if not says:
            continue
        call = "" if isinstance(member, property) else _parameters(plain, skip_self=not isinstance(member, staticmethod))
        parts.append(f"- `.{name}{call}`: {_inline(says)}\n")
    return "\n".join(parts)


def _signature(title: str, thing: Any) -> str:
    try:
        signature = inspect.signature(thing)
    except (TypeError, ValueError):
        return ""
    arguments, kinds = [], []
    for one in signature.parameters.values():
        if one.kind is one.KEYWORD_ONLY and not {one.KEYWORD_ONLY, one.VAR_POSITIONAL} & set(kinds):
            arguments.append("*")
        arguments.append(_parameter(one))
        kinds.append(one.kind)
    returns = signature.return_annotation
    arrow = "" if returns is inspect.Signature.empty or isinstance(thing, type) else f" -> {returns}"
    line = f"{title}({', '.join(arguments)}){arrow}"
    if len(line) > 88:
        line = f"{title}(\n" + "".join(f"    {one},\n" for one in arguments) + f"){arrow}"
    return f"```python\n{line}\n```\n"


def _parameter(one: inspect.Parameter) -> str:
    """As it stands in the source: annotations are text there."""
    stars = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
    typed = "" if one.annotation is one.empty or one.annotation == "Any" else f": {one.annotation}"
    default = "" if one.default is one.empty else f" = {one.default!r}" if typed else f"={one.default!r}"
    return f"{stars}{one.name}{typed}{default}"


def _parameters(function: Any, skip_self: bool) -> str:
    names = list(inspect.signature(function).parameters.values())
    return f"({', '.join(map(_parameter, names[1 if skip_self else 0:]))})"


# --- docstrings -----------------------------------------------------------------------------------


def _text(doc: str, names: tuple[str, ...] = ()) -> str:
    """A docstring as Markdown: paragraphs; `Args:` as a list, an item for each of `names`; examples as code; what is indented as it is."""
    return "\n\n".join(_paragraph(part, names) for part in re.split(r"\n\s*\n", doc))


def _paragraph(text: str, names: tuple[str, ...]) -> str:
    lines = text.split("\n")
    if lines[0].lstrip().startswith(">>>"):
        return "```pycon\n" + re.sub(r" +# doctest: .*", "", inspect.cleandoc("\n" + text)) + "\n```"
    if lines[0].startswith("Args:") and names:
        return _arguments(" ".join(line.strip() for line in lines)[5:], names)
    if lines[0].startswith("    "):
        return "```text\n" + inspect.cleandoc("\n" + text) + "\n```"
    plain = _escaped(" ".join(map(str.strip, lines)))
    return re.sub(r"(^|(?<=\. ))(Returns|Errors|Threads|Errors, threads|Attributes[^:]*):", r"\1**\2:**", plain)


def _arguments(text: str, names: tuple[str, ...]) -> str:
    """One item for each parameter, also where several stand in one line."""
    one = "(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + ")"
    begins = [m.start(1) for m in re.finditer(rf"(?:^ *|(?<=[.;])\s+)((?:\*\*)?{one}(?=[:;,]))", text)]
    items = [text[a:b].strip() for a, b in zip(begins, [*begins[1:], len(text)], strict=False)]
    return "\n".join("- " + re.sub(r"^(?:\\\*)*(\w+)(:|;)?", r"**\1**\2", _escaped(item)) for item in items)


def _inline(doc: str) -> str:
    return _escaped(" ".join(re.split(r"\n\s*\n", doc)[0].split()))


def _escaped(text: str) -> str:
    """Outside of `code`: signs that Markdown would read. Table cells stay one cell."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([*<\[]|(?<!\w)_|_(?!\w))", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)


# --- numbers --------------------------------------------------------------------------------------


def section(file: str, heading: str) -> str:
    """One section of another document, without its heading: what is written in one place only."""
    text = (ROOT / "docs" / file).read_text("utf-8")
    match = re.search(rf"^(#+) {re.escape(heading)}\n(.*?)(?=^#{{1,3}} |\Z)", text, re.S | re.M)
    if match is None:
        raise LookupError(f"docs/{file} has no section {heading!r}")
    return match[2].strip()


def results() -> str:
    """The benches that were run, each with its first lines."""
    rows = []
    for path in sorted((ROOT / "tests" / "bench" / "results").glob("*.md"), reverse=True):
        text = path.read_text("utf-8")
        said = {key: value for key, value in re.findall(r"^- (machine|command|goals): (.*)$", text, re.M)}
        rows.append(f"| [{path.stem}](../tests/bench/results/{path.name}) | {said.get('machine', '')} | {said.get('goals', '')} |")
    return "\n".join(["| run | machine | goals |", "| --- | --- | --- |", *rows])


def known() -> dict[str, Any]:
    """Every mark."""
    return {"options": options, "api": api, "errors": errors, "section": section, "results": results}
