"""The built pages fetch nothing from elsewhere: no script, style, font, picture or frame has a host in its address.

Use     problems(folder) -> one line each. Links that a person follows may lead anywhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

FOREIGN = re.compile(r"^(?:[a-z]+:)?//", re.I)
CSS = re.compile(r"(?:@import\s+|url\()\s*[\"']?((?:https?:)?//[^\"')\s]+)", re.I)
FETCHING = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src", "audio": "src", "embed": "src", "object": "data"}
HARMLESS = {"canonical", "next", "prev", "alternate", "license"}
NEEDS_MORE = re.compile(r"class=\"(?:[^\"]* )?(mermaid|arithmatex)\b")  # the theme would fetch a script for these


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        said = dict(attributes)
        if tag == "link" and not HARMLESS & set((said.get("rel") or "").split()):
            self.fetched.append(said.get("href") or "")
        if tag in FETCHING:
            self.fetched.append(said.get(FETCHING[tag]) or "")
            self.fetched += [part.split()[0] for part in (said.get("srcset") or "").split(",") if part.strip()]
        self.fetched += CSS.findall(said.get("style") or "")


def problems(folder: Path) -> Iterator[str]:
    pages = sorted(folder.rglob("*.html"))
    if not pages:
        yield f"{folder} has no pages"
    for path in pages:
        text = path.read_text("utf-8")
        page = _Page()
        page.feed(text)
        for address in page.fetched:
            if FOREIGN.match(address):
                yield f"{path.relative_to(folder)}: fetches {address}"
        for found in NEEDS_MORE.findall(text):
            yield f"{path.relative_to(folder)}: {found} makes the theme fetch a script"
    for path in sorted(folder.rglob("*.css")):
        for address in CSS.findall(path.read_text("utf-8")):
            yield f"{path.relative_to(folder)}: fetches {address}"
