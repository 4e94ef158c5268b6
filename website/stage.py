"""docs/ and everything it links to, as one folder of Markdown for mkdocs.

Use     Stage(root, folder).run()
        docs/x.md becomes x.md. What docs/ links to elsewhere in the repository comes along below source/: Markdown as it is, other files
        as a page that shows their text, folders as their README.md or a list. Links are rewritten to fit, so that the same text
        works in the repository and on the site.
        `<!-- site: NAME ARGUMENTS -->` … `<!-- end -->` is replaced by what generate.NAME(ARGUMENTS) answers; between the two stands what a
        reader of the repository sees.
Errors  Broken: a link to nothing, a mark that nobody knows.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from posixpath import normpath, relpath

LINK = re.compile(r"(?<!`)(\]\()([^)\s#]*)(#[^)\s]*)?(\))|(<img [^>]*?src=\")([^\"]+)()(\")")
MARK = re.compile(r"<!-- site: (\w+)(.*?) -->\n.*?<!-- end -->", re.S)
FENCE = re.compile(r"^( *)(```+|~~~+).*?^\1\2 *$", re.S | re.M)
LANGUAGES = {".h": "c", ".c": "c", ".py": "python", ".pyi": "python", ".toml": "toml", ".sh": "bash"}
PICTURES = (".svg", ".png", ".jpg", ".webp")
LOGO = "docs/img/logo.svg"  # of the theme


class Broken(Exception):
    """The documents do not fit together; the text says where."""


class Stage:
    def __init__(self, root: Path, folder: Path, generators: Mapping[str, Callable[..., str]]) -> None:
        self.root, self.folder, self.generators = root, folder, generators
        self.done: set[str] = set()
        self.waiting: list[str] = []

    def run(self) -> None:
        """Everything anew, but for pages that others put into the folder afterwards (the notebooks)."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        for path in sorted((self.root / "docs").rglob("*.md")):
            self._want(path.relative_to(self.root).as_posix())
        self._want(LOGO)
        while self.waiting:
            self._put(self.waiting.pop())

    def _want(self, name: str) -> None:
        if name not in self.done:
            self.done.add(name)
            self.waiting.append(name)

    def _put(self, name: str) -> None:
        source, target = self.root / name, self.folder / page_of(self.root, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            target.write_text(self._rewrite(_listing(self.root, name), f"{name}/x", target), "utf-8")
        elif source.suffix == ".md":
            text = self._filled(source.read_text("utf-8"), name)
            target.write_text(self._rewrite(text, name, target), "utf-8")
        elif source.suffix in PICTURES:
            shutil.copyfile(source, target)
        else:
            language = LANGUAGES.get(source.suffix, "text")
            head = "---\nsearch:\n  exclude: true\n---\n\n"  # who looks for a word wants to read, not the source
            target.write_text(f"{head}# {name}\n\n````{language}\n{source.read_text('utf-8').rstrip()}\n````\n", "utf-8")

    def _filled(self, text: str, name: str) -> str:
        def fill(mark: re.Match[str]) -> str:
            make = self.generators.get(mark[1])
            if make is None:
                raise Broken(f"{name}: nobody knows the mark {mark[1]!r}")
            return make(*filter(None, (word.strip() for word in mark[2].split("|"))))

        return MARK.sub(fill, text)

    def _rewrite(self, text: str, name: str, target: Path) -> str:
        here = target.relative_to(self.folder).parent.as_posix()

        def link(match: re.Match[str]) -> str:
            before, to, anchor, after = (match[i] or "" for i in ((1, 2, 3, 4) if match[1] else (5, 6, 7, 8)))
            if not to or re.match(r"[a-z]+:", to):
                return match[0]
            wanted = normpath(f"{Path(name).parent.as_posix()}/{to}")
            if wanted.startswith("..") or not (self.root / wanted).exists():
                raise Broken(f"{name}: links to {to}, which is not there")
            if not wanted.endswith(".ipynb"):
                self._want(wanted)
            return f"{before}{relpath(page_of(self.root, wanted), here)}{anchor}{after}"

        parts, end = [], 0
        for fence in FENCE.finditer(text):  # code is no link
            parts += [LINK.sub(link, text[end : fence.start()]), fence[0]]
            end = fence.end()
        return "".join([*parts, LINK.sub(link, text[end:])])


def page_of(root: Path, name: str) -> str:
    """Where a file or folder of the repository lies on the site, as the source that mkdocs sees."""
    if name == "README.md":
        return "source/README.md"
    if name.startswith("docs/"):
        inner = name.removeprefix("docs/")
        return f"{inner.removesuffix('.ipynb')}.md" if inner.endswith(".ipynb") else inner
    if (root / name).is_dir():
        return f"source/{name}/index.md" if not (root / name / "README.md").exists() else f"source/{name}/README.md"
    return f"source/{name}" if name.endswith((".md", *PICTURES)) else f"source/{name}.md"


def _listing(root: Path, name: str) -> str:
    readme = root / name / "README.md"
    if readme.exists():
        return readme.read_text("utf-8")
    files = sorted(p.name for p in (root / name).iterdir() if p.is_file() and p.suffix == ".md")
    return f"# {name}\n\n" + "\n".join(f"- [{file}]({file})" for file in files) + "\n"
