"""Into a folder of the caller's (`local_dir`): cold, again, with edits, with notes that are stale, broken or somebody else's."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from pathlib import Path

    from tests.corpus.child import Tale

MEMBER = "hf_test_member"
HERE = {"local_dir": "folder"}


def note(t: "Tale", name: str) -> "Path":
    return t.folder / ".cache" / "huggingface" / "download" / f"{name}.metadata"


for repo in ("small", "mixed", "nested", "odd-names", "empty", "sharded", "xet"):
    add("folder", f"snapshot of {repo}", lambda t, repo=repo: t.snap(f"org/{repo}", **HERE))
for name in ("config.json", "model.safetensors", ".gitattributes"):
    add("folder", f"a file {name}", lambda t, name=name: t.one("org/mixed", name, **HERE))
    add("folder", f"a file, again {name}", lambda t, name=name: [t.one("org/mixed", name, **HERE) for _ in range(2)])
    add("folder", f"pinned, again {name}", lambda t, name=name: [t.one("org/mixed", name, revision=t.commits["mixed"], **HERE) for _ in range(2)])
    add("folder", f"forced {name}", lambda t, name=name: [t.one("org/mixed", name, **HERE), t.one("org/mixed", name, force_download=True, **HERE)])
    add("folder", f"from the cache {name}", lambda t, name=name: [t.one("org/mixed", name), t.one("org/mixed", name, **HERE)])
    add("folder", f"local only {name}", lambda t, name=name: [t.one("org/mixed", name, local_files_only=True, **HERE), t.one("org/mixed", name, **HERE), t.one("org/mixed", name, local_files_only=True, **HERE)])
    add("folder", f"the hub is down {name}", lambda t, name=name: [t.one("org/mixed", name, **HERE), t.ask("down"), t.one("org/mixed", name, **HERE)])

add("folder", "nested and subfolder", lambda t: [t.one("org/nested", "a/b/c/d/deep.json", **HERE), t.one("org/nested", "copy.bin", subfolder="a", **HERE)])
add("folder", "a dataset", lambda t: t.snap("org/data", repo_type="dataset", **HERE))
add("folder", "a gated repo", lambda t: t.snap("org/gated-manual", token=MEMBER, **HERE))
add("folder", "a pull request", lambda t: t.snap("org/named", revision="refs/pr/1", **HERE))
add("folder", "patterns", lambda t: t.snap("org/nested", allow_patterns=["a/*"], ignore_patterns="*.json", **HERE))
add("folder", "nothing chosen", lambda t: t.snap("org/mixed", allow_patterns="*.nope", **HERE))
add("folder", "snapshot, again", lambda t: [t.snap("org/mixed", **HERE) for _ in range(2)])
add("folder", "snapshot, pinned, again", lambda t: [t.snap("org/mixed", revision=t.commits["mixed"], **HERE) for _ in range(2)])
add("folder", "snapshot, forced", lambda t: [t.snap("org/mixed", **HERE), t.snap("org/mixed", force_download=True, **HERE)])
add("folder", "snapshot, local only", lambda t: [t.snap("org/mixed", local_files_only=True, **HERE), t.snap("org/mixed", **HERE), t.snap("org/mixed", local_files_only=True, **HERE)])
add("folder", "snapshot, the hub is down", lambda t: [t.snap("org/mixed", **HERE), t.ask("down"), t.snap("org/mixed", **HERE)])
add("folder", "moved", lambda t: [t.snap("org/moving", **HERE), t.ask("move"), t.snap("org/moving", **HERE)])
add("folder", "moved, files", lambda t: [t.one("org/moving", "model.safetensors", **HERE), t.ask("move"), t.one("org/moving", "model.safetensors", **HERE), t.one("org/moving", "same.bin", **HERE)])
add("folder", "moved, the commit before is in the cache", lambda t: [t.snap("org/moving"), t.ask("move"), t.snap("org/moving", **HERE)])
add("folder", "two repos in one", lambda t: [t.snap("org/small", **HERE), t.snap("org/mixed", **HERE)])
add("folder", "missing", lambda t: [t.one("org/mixed", "nope.json", **HERE), t.one("org/nope", "config.json", **HERE), t.snap("org/mixed", revision="nope", **HERE)])
add("folder", "umask 077", lambda t: [os.umask(0o077), t.snap("org/mixed", **HERE)])
add("folder", "as a path, with ~, absolute", lambda t: [t.one("org/mixed", "config.json", local_dir=where) for where in (t.folder, "~/there", str(t.place / "x" / "y"))])
add("folder", "is the working folder", lambda t: t.one("org/mixed", "config.json", local_dir="."))
add("folder", "arguments of other times", lambda t: t.one("org/mixed", "config.json", local_dir_use_symlinks=False, **HERE))


@case("folder", "behind a link")
def _(t: "Tale") -> None:
    (t.place / "real").mkdir()
    t.folder.symlink_to("real")
    t.snap("org/mixed", **HERE)


# What the user did ---------------------------------------------------------------------------------


def edited(t: "Tale", name: str) -> None:
    """The file is the user's from here on, and later than the note."""
    path = t.folder / name
    path.chmod(0o644)
    path.write_bytes(b"my own words")
    later = time.time() + 100
    os.utime(path, (later, later))


for name in ("config.json", "model.safetensors"):

    def edit(t: "Tale", name: str = name) -> None:
        t.one("org/mixed", name, **HERE)
        edited(t, name)
        t.one("org/mixed", name, **HERE)
        t.one("org/mixed", name, local_files_only=True, **HERE)

    add("folder, edits", f"a file {name}", edit)

    def edit_pinned(t: "Tale", name: str = name) -> None:
        t.one("org/mixed", name, revision=t.commits["mixed"], **HERE)
        edited(t, name)
        t.one("org/mixed", name, revision=t.commits["mixed"], **HERE)

    add("folder, edits", f"pinned {name}", edit_pinned)

    def edit_snap(t: "Tale", name: str = name) -> None:
        t.snap("org/mixed", **HERE)
        edited(t, name)
        t.snap("org/mixed", **HERE)

    add("folder, edits", f"a snapshot {name}", edit_snap)

    def deleted(t: "Tale", name: str = name) -> None:
        t.snap("org/mixed", **HERE)
        (t.folder / name).unlink()
        t.snap("org/mixed", **HERE)
        t.one("org/mixed", name, **HERE)

    add("folder, edits", f"deleted {name}", deleted)

    def own(t: "Tale", name: str = name) -> None:
        t.write(t.folder / name, b"mine, from before")
        t.one("org/mixed", name, **HERE)

    add("folder, edits", f"a file of the user's from before {name}", own)

    def no_note(t: "Tale", name: str = name) -> None:
        t.one("org/mixed", name, **HERE)
        note(t, name).unlink()
        t.one("org/mixed", name, **HERE)

    add("folder, notes", f"gone {name}", no_note)

    def stale(t: "Tale", name: str = name) -> None:
        t.one("org/mixed", name, **HERE)
        lines = note(t, name).read_text().splitlines()
        note(t, name).write_text("\n".join(["0" * 40, *lines[1:]]) + "\n")
        t.one("org/mixed", name, **HERE)

    add("folder, notes", f"of another commit {name}", stale)

    def other_etag(t: "Tale", name: str = name) -> None:
        t.one("org/mixed", name, **HERE)
        lines = note(t, name).read_text().splitlines()
        note(t, name).write_text("\n".join([lines[0], "f" * len(lines[1]), lines[2]]) + "\n")
        t.one("org/mixed", name, **HERE)

    add("folder, notes", f"of other bytes {name}", other_etag)

    def broken(t: "Tale", name: str = name) -> None:
        t.one("org/mixed", name, **HERE)
        note(t, name).write_text("no note\n")
        t.one("org/mixed", name, **HERE)

    add("folder, notes", f"broken {name}", broken)

    def failing(t: "Tale", name: str = name) -> None:
        t.one("org/moving", name, **HERE)
        t.ask("move")
        t.ask("fault", origin="cdn", glob="*", behaviour="status", code=403)
        t.ask("fault", origin="hub", glob="*resolve-cache*", behaviour="status", code=403)
        t.one("org/moving", name, **HERE)

    add("folder, notes", f"the update does not come {name}", failing)


@case("folder, notes", "somebody's partial")
def _(t: "Tale") -> None:
    t.write(t.folder / ".cache" / "huggingface" / "download" / "x.0123abcd.incomplete", b"half")
    t.one("org/mixed", "model.safetensors", **HERE)


@case("folder, notes", "a folder where the file should be")
def _(t: "Tale") -> None:
    (t.folder / "config.json").mkdir(parents=True)
    t.one("org/mixed", "config.json", **HERE)


@case("folder, notes", "a link of the user's where the file should be")
def _(t: "Tale") -> None:
    t.write(t.place / "elsewhere.json", b"elsewhere")
    t.folder.mkdir()
    (t.folder / "config.json").symlink_to("../elsewhere.json")
    t.one("org/mixed", "config.json", **HERE)
