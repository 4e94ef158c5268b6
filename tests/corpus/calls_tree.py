"""Snapshots: whole repositories and parts of them, patterns of every kind, dry runs, progress bars of the caller's."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from tests.corpus.child import Tale

MEMBER, INSIDER = "hf_test_member", "hf_test_insider"
REPOS = ("small", "large", "mixed", "sharded", "nested", "odd-names", "empty", "many", "patterns", "nothing", "xet")

for repo in REPOS:
    add("snapshot", f"of {repo}", lambda t, repo=repo: t.snap(f"org/{repo}"))
    add("dry run", f"of {repo}", lambda t, repo=repo: t.dry(f"org/{repo}"))

for what, more in {
    "a dataset": {"repo_id": "org/data", "repo_type": "dataset"},
    "a space": {"repo_id": "org/page", "repo_type": "space"},
    "a kernel": {"repo_id": "org/kernel", "repo_type": "kernel"},
    "a repo without namespace": {"repo_id": "solo"},
    "a gated repo": {"repo_id": "org/gated-manual", "token": MEMBER},
    "a private repo": {"repo_id": "org/private", "token": INSIDER},
    "a pull request": {"repo_id": "org/named", "revision": "refs/pr/1"},
    "a tag": {"repo_id": "org/named", "revision": "v1.0"},
    "a branch with a slash": {"repo_id": "org/named", "revision": "feature/x"},
    "one worker": {"repo_id": "org/mixed", "max_workers": 1},
    "many workers": {"repo_id": "org/many", "max_workers": 32},
    "headers and names": {"repo_id": "org/mixed", "headers": {"x-corpus": "mine"}, "library_name": "lib", "user_agent": "me/1"},
}.items():
    add("snapshot", what, lambda t, more=more: t.snap(**more))

add("snapshot", "pinned", lambda t: [t.snap("org/named", revision=t.commits["named"]) for _ in range(2)])
add("snapshot", "pinned to an older commit", lambda t: t.snap("org/named", revision=t.commits["named older"]))
add("snapshot", "two revisions that share a file", lambda t: [t.snap("org/named", revision="v1.0"), t.snap("org/named")])
add("snapshot", "two names of one commit", lambda t: [t.snap("org/named"), t.snap("org/named", revision="v2.0")])
add("snapshot", "two repos in one cache", lambda t: [t.snap("org/small"), t.snap("org/data", repo_type="dataset")])
add("snapshot", "arguments of other times", lambda t: t.snap("org/small", resume_download=True, local_dir_use_symlinks=False))
add("snapshot", "a list of many pages", lambda t: [t.ask("option", name="page_size", value=3), t.snap("org/many")])
add("snapshot", "by HfApi", lambda t: t.api("snapshot_download", "org/mixed", allow_patterns=["*.json"]))

# Warm
add("warm snapshot", "again", lambda t: [t.snap("org/mixed") for _ in range(3)])
add("warm snapshot", "a file, then all", lambda t: [t.one("org/mixed", "tokenizer.model"), t.snap("org/mixed")])
add("warm snapshot", "a part, then all", lambda t: [t.snap("org/mixed", allow_patterns="*.json"), t.snap("org/mixed")])
add("warm snapshot", "the hub is down", lambda t: [t.snap("org/mixed"), t.ask("down"), t.snap("org/mixed")])
add("warm snapshot", "a part, and the hub is down", lambda t: [t.snap("org/mixed", allow_patterns="*.json"), t.ask("down"), t.snap("org/mixed")])
add("warm snapshot", "local only", lambda t: [t.snap("org/mixed"), t.snap("org/mixed", local_files_only=True)])
add(
    "warm snapshot",
    "a part, and local only",
    lambda t: [t.snap("org/mixed", allow_patterns="*.json"), t.snap("org/mixed", local_files_only=True), t.snap("org/mixed", local_files_only=True, allow_patterns="*.json")],
)
add("warm snapshot", "single files only, and local only", lambda t: [t.one("org/mixed", "config.json"), t.snap("org/mixed", local_files_only=True)])
for status in (401, 403, 429, 500, 503):

    def failing(t: "Tale", status: int = status) -> None:
        t.snap("org/small")
        t.ask("fault", origin="hub", glob="*", behaviour="status", code=status)
        t.snap("org/small")
        t.snap("org/large")

    add("warm snapshot", f"the hub says {status}", failing)


@case("warm snapshot", "a link is gone")
def _(t: "Tale") -> None:
    os.unlink(os.path.join(t.snap("org/mixed"), "config.json"))
    t.snap("org/mixed", local_files_only=True)
    t.snap("org/mixed")


# Moved
add("moved snapshot", "all of it", lambda t: [t.snap("org/moving"), t.ask("move"), t.snap("org/moving"), t.snap("org/moving")])
add("moved snapshot", "a part", lambda t: [t.snap("org/moving"), t.ask("move"), t.snap("org/moving", allow_patterns="*.json")])
add("moved snapshot", "forced", lambda t: [t.snap("org/moving"), t.ask("move"), t.snap("org/moving", force_download=True)])
add("moved snapshot", "local only", lambda t: [t.snap("org/moving"), t.ask("move"), t.snap("org/moving", local_files_only=True)])
add("moved snapshot", "then one file", lambda t: [t.snap("org/moving"), t.ask("move"), t.one("org/moving", "late.json"), t.snap("org/moving")])

# Force
add("force", "a snapshot that is not here", lambda t: t.snap("org/mixed", force_download=True))
add("force", "a snapshot that is here", lambda t: [t.snap("org/mixed"), t.snap("org/mixed", force_download=True)])

# Patterns
PATTERNS: dict[str, dict[str, Any]] = {
    "one": {"allow_patterns": "*.json"},
    "a list": {"allow_patterns": ["*.json", "dir/*.bin"]},
    "a folder with a slash": {"allow_patterns": "data/"},
    "a folder without": {"allow_patterns": "data"},
    "a folder and a star": {"allow_patterns": "data/*"},
    "a backslash": {"allow_patterns": "data\\*"},
    "two stars": {"allow_patterns": "**/*.json"},
    "a question mark": {"allow_patterns": "?.json"},
    "a set": {"allow_patterns": "[a-x].*"},
    "an escaped bracket": {"allow_patterns": "[[]a].txt"},
    "a bracket that is not": {"allow_patterns": "[a].txt"},
    "upper case": {"allow_patterns": "*.JSON"},
    "dot slash": {"allow_patterns": "./a.json"},
    "an anchor": {"allow_patterns": "/a.json"},
    "a negation that is none": {"allow_patterns": "!a*"},
    "an empty list": {"allow_patterns": []},
    "an empty text": {"allow_patterns": ""},
    "a tuple": {"allow_patterns": ("*.json",)},
    "ignore one": {"ignore_patterns": "*.json"},
    "ignore a list": {"ignore_patterns": ["*.json", "dir/"]},
    "ignore everything": {"ignore_patterns": "*"},
    "ignore an empty list": {"ignore_patterns": []},
    "ignore wins": {"allow_patterns": "*", "ignore_patterns": "*/*"},
    "both lists": {"allow_patterns": ["data/*", "*.md"], "ignore_patterns": ["*/sub/*"]},
    "the exact names": {"allow_patterns": ["a.json", "dir/x.bin", "nope.bin"]},
    "nothing chosen": {"allow_patterns": "*.nope"},
    "hidden": {"allow_patterns": ".*"},
}
for what, more in PATTERNS.items():
    add("patterns", what, lambda t, more=more: t.snap("org/patterns", **more))
add("patterns", "dry", lambda t: t.dry("org/patterns", allow_patterns=["*.json"], ignore_patterns="data/*"))
add("patterns", "nothing chosen, dry", lambda t: t.dry("org/patterns", allow_patterns="*.nope"))
add("patterns", "numbers are no patterns", lambda t: t.snap("org/patterns", allow_patterns=3))

# Dry runs
add("dry run", "a file", lambda t: [t.one("org/mixed", name, dry_run=True) for name in ("config.json", "model.safetensors")])
add("dry run", "a file that is here", lambda t: [t.one("org/mixed", "config.json"), t.one("org/mixed", "config.json", dry_run=True)])
add("dry run", "a large file that is here", lambda t: [t.one("org/mixed", "model.safetensors"), t.one("org/mixed", "model.safetensors", dry_run=True)])
add("dry run", "a file, forced", lambda t: [t.one("org/mixed", "config.json"), t.one("org/mixed", "config.json", dry_run=True, force_download=True)])
add("dry run", "pinned", lambda t: [t.one("org/named", "config.json", dry_run=True, revision=t.commits["named"]), t.dry("org/named", revision=t.commits["named"])])
add("dry run", "half here", lambda t: [t.one("org/mixed", "config.json"), t.dry("org/mixed")])
add("dry run", "all here", lambda t: [t.snap("org/mixed"), t.dry("org/mixed"), t.dry("org/mixed", force_download=True)])
add("dry run", "into a folder", lambda t: [t.dry("org/mixed", local_dir="folder"), t.snap("org/mixed", local_dir="folder"), t.dry("org/mixed", local_dir="folder")])
add("dry run", "one into a folder", lambda t: t.one("org/mixed", "config.json", local_dir="folder", dry_run=True))
add("dry run", "moved", lambda t: [t.snap("org/moving"), t.ask("move"), t.dry("org/moving")])
add("dry run", "missing", lambda t: [t.one("org/mixed", "nope.json", dry_run=True), t.dry("org/nope"), t.dry("org/mixed", revision="nope")])
add("dry run", "the hub is down", lambda t: [t.snap("org/mixed"), t.ask("down"), t.dry("org/mixed"), t.one("org/mixed", "config.json", dry_run=True)])
add("dry run", "local only", lambda t: [t.snap("org/mixed"), t.dry("org/mixed", local_files_only=True)])


# Progress ------------------------------------------------------------------------------------------


def bars() -> tuple[type, list[dict[str, Any]]]:
    """A tqdm of the caller's, and what was done with each of it: not how often, but to what end."""
    from tqdm import tqdm

    made: list[dict[str, Any]] = []

    class Mine(tqdm):  # type: ignore[type-arg, unused-ignore]
        def __init__(self, *args: Any, **more: Any) -> None:
            self.mine = {"given": sorted(set(more) - {"file"}), "desc": more.get("desc"), "unit": more.get("unit"), "n": 0.0, "closed": False}
            made.append(self.mine)
            super().__init__(*args, **{**more, "file": open(os.devnull, "w")})
            self.mine["total"] = self.total

        def update(self, n: float | None = 1) -> Any:
            self.mine["n"] += n or 0
            return super().update(n)

        def close(self) -> None:
            if hasattr(self, "mine"):
                self.mine["closed"], self.mine["total"] = True, self.total
            super().close()

    return Mine, made


def finished(made: list[dict[str, Any]]) -> Any:
    return sorted(made, key=lambda bar: (str(bar["desc"]), str(bar["total"])))


@case("progress", "a file")
def _(t: "Tale") -> None:
    for name in ("config.json", "model.safetensors"):
        Mine, made = bars()
        t.one("org/mixed", name, tqdm_class=Mine)
        t.do(finished, made)


@case("progress", "a file that is here")
def _(t: "Tale") -> None:
    Mine, made = bars()
    t.one("org/mixed", "config.json")
    t.one("org/mixed", "config.json", tqdm_class=Mine)
    t.do(finished, made)


@case("progress", "a large file")
def _(t: "Tale") -> None:
    Mine, made = bars()
    t.one("org/large", "model.safetensors", tqdm_class=Mine)
    t.do(finished, made)


@case("progress", "a snapshot, cold and warm")
def _(t: "Tale") -> None:
    for _ in range(2):
        Mine, made = bars()
        t.snap("org/mixed", tqdm_class=Mine)
        t.do(finished, made)


@case("progress", "a class that does not show itself")
def _(t: "Tale") -> None:
    from huggingface_hub.utils import tqdm as hf_tqdm

    class Silent(hf_tqdm):  # type: ignore[misc, valid-type, unused-ignore]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **{**more, "disable": True})

    t.one("org/mixed", "model.safetensors", tqdm_class=Silent)
    t.snap("org/mixed", tqdm_class=Silent)


@case("progress", "a class that raises")
def _(t: "Tale") -> None:
    from tqdm import tqdm

    class Broken(tqdm):  # type: ignore[type-arg, unused-ignore]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **{**more, "file": open(os.devnull, "w")})

        def update(self, n: float | None = 1) -> Any:
            raise RuntimeError("the bar is broken")

    t.one("org/mixed", "model.safetensors", tqdm_class=Broken)


@case("progress", "a class that stops the download")
def _(t: "Tale") -> None:
    from tqdm import tqdm

    class Stop(tqdm):  # type: ignore[type-arg, unused-ignore]
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **{**more, "file": open(os.devnull, "w")})

        def update(self, n: float | None = 1) -> Any:
            raise KeyboardInterrupt

    def interrupted() -> str:
        try:
            t.hub.hf_hub_download("org/large", "model.safetensors", tqdm_class=Stop)
        except KeyboardInterrupt:
            return "KeyboardInterrupt"
        return "went on"

    t.do(interrupted)
    t.one("org/large", "model.safetensors")
