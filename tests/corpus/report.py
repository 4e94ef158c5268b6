"""Report: docs/enable-equality.md, from what a whole run found and from the list of what may differ."""

from __future__ import annotations

import textwrap
from collections import Counter
from typing import Any

from tests.corpus.allowed import ALLOWED
from tests.corpus.broken import WAYS
from tests.corpus.cases import CASES, load

EXAMPLES = 3


def text(found: dict[str, dict[str, dict[str, Any]]]) -> str:
    """found: line -> title of the case -> what came of it (run.py, `compare`)."""
    load()
    calls = {line: sum(len(came["calls"]) for came in cases.values()) for line, cases in found.items()}
    failing = {line: sum(came["ends"].count("error") for came in cases.values()) for line, cases in found.items()}
    lines = [
        "# What `enable()` changes, and what it does not",
        "",
        *textwrap.wrap(
            "Written by `make corpus`. Each case below is done twice, by huggingface_hub alone and under `hubjet.enable()`, in processes and folders "
            "of its own, against the embedded hub. Compared are the whole tree on the disk (names, kinds, targets of links, modes, bytes, notes, "
            "locks, what is left in the temporary folder), each return value with its types, each exception (class, ancestry, words, attributes, "
            "response, causes), warnings, log lines and everything printed, and the requests: no more of them than before, nothing asked for that was not "
            "asked for before, the same credentials and headers of the caller's.",
            140,
        ),
        "",
        *(
            f"- huggingface_hub {line}: {len(cases)} cases, {calls[line]} calls ({failing[line]} of them end in an exception), "
            f"{sum(bool(came['open']) for came in cases.values())} with a difference that is not in the list below"
            for line, cases in found.items()
        ),
        f"- That the comparison can fail: {len(WAYS)} clients that are broken on purpose, one promise each, are all caught (tests/corpus/broken.py).",
        "- Both sides are told to be impatient: the stock client's naps between tries are left out, and hubjet tries twice.",
        "",
        "## What may differ, and why",
        "",
    ]
    for allowance in ALLOWED:
        where = {line: [title for title, came in cases.items() if allowance.name in came["allowed"]] for line, cases in found.items()}
        seen = ", ".join(f"{len(titles)} cases with {line}" for line, titles in where.items())
        first = next(iter(where.values()), [])[:EXAMPLES]
        lines += [f"**{allowance.name}.** {allowance.reason}", f"Seen in {seen}" + (f", such as *{'*, *'.join(first)}*." if first else "."), ""]
    lines += ["## The cases", "", "| section | cases | calls | requests: stock | enabled | bytes of files: stock | enabled |", "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]
    merged: dict[str, Counter[str]] = {}
    for cases in found.values():
        for title, came in cases.items():
            row = merged.setdefault(CASES[title].section, Counter())
            row.update(cases=1, calls=len(came["calls"]), asked=came["requests"][0], asks=came["requests"][1], moved=came["bytes"][0], moves=came["bytes"][1])
    total: Counter[str] = sum(merged.values(), Counter())
    for section, row in [*merged.items(), ("**all, on both lines**", total)]:
        lines.append(f"| {section} | {row['cases']} | {row['calls']} | {row['asked']} | {row['asks']} | {row['moved']:,} | {row['moves']:,} |")
    return "\n".join(lines) + "\n"
