"""A hostile hub, content network or neighbour: a clear error, nothing outside the cache touched, the token nowhere else.

The hub here is tests.server.raw: it says what it is told, byte for byte. Every test ends with a look at the whole tree above the
cache (`outside`): what was there is there, unchanged, and nothing else is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import hubjet
import pytest
from hubjet import _names, _native
from tests.server.raw import Asked, Raw, as_json, reply

COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_hostileHubMustNotSeeThisTwice"
CONTENT = b"the content of a small file\n"


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path: Any, content: bytes = CONTENT, **other: Any) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": git_sha1(content), **other}


class Hub:
    """One repository, org/name, of a hub that does not behave. Each part may be replaced: a value, or a function of what is asked."""

    def __init__(self) -> None:
        self.sha: Any = COMMIT
        self.tree: Any = [entry("a.txt")]
        self.file: bytes | Callable[[Asked], bytes | Iterable[bytes]] = good_file()
        self.info: Callable[[Asked], bytes | Iterable[bytes]] = lambda asked: as_json({"sha": self.sha, "siblings": []})
        self.listing: Callable[[Asked], bytes | Iterable[bytes]] = lambda asked: as_json(self.tree)

    def __call__(self, asked: Asked) -> bytes | Iterable[bytes]:
        if "/tree/" in asked.path:
            return self.listing(asked)
        if asked.path.startswith("/api/"):
            return self.info(asked)
        return self.file if isinstance(self.file, bytes) else self.file(asked)


def good_file(content: bytes = CONTENT, headers: Iterable[tuple[str, str]] = (), status: int = 200) -> bytes:
    usual = {"ETag": f'"{git_sha1(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return reply(content, status, [*given, *((n, v) for n, v in usual.items() if n.lower() not in names)])


def tree_of(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder: kind, size, time, and the target of a link. Links are not followed."""
    seen: dict[str, tuple[Any, ...]] = {}
    for base, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(base, name)
            facts = os.lstat(path)
            is_folder = stat.S_ISDIR(facts.st_mode)
            target = os.readlink(path) if stat.S_ISLNK(facts.st_mode) else ""
            seen[path] = (stat.S_IFMT(facts.st_mode), 0 if is_folder else facts.st_size, 0 if is_folder else facts.st_mtime_ns, target)
    return seen


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder beside the cache that must stay as it is, together with everything else above the cache."""
    victim = tmp_path / "victim"
    (victim / "sub").mkdir(parents=True)
    (victim / "precious.txt").write_text("precious")
    (tmp_path / "home").mkdir(exist_ok=True)
    cache.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    mine = (str(cache), str(tmp_path / "local"))

    def look() -> dict[str, tuple[Any, ...]]:
        return {path: facts for path, facts in tree_of(tmp_path).items() if not path.startswith(mine)}

    before = look()
    yield victim
    assert look() == before


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    one = Hub()
    with Raw(one) as origin:
        monkeypatch.setenv("HF_ENDPOINT", origin.url)
        one.origin = origin  # type: ignore[attr-defined]
        yield one


def published(cache: Path) -> list[str]:
    """Every name that a reader could take for content."""
    repo = cache / "models--org--name"
    found = [p for part in ("blobs", "snapshots", "refs") for p in (repo / part).rglob("*") if p.is_symlink() or not p.is_dir()]
    return sorted(str(path.relative_to(repo)) for path in found)


def refused(kind: type[BaseException], call: Callable[[], Any], *words: str) -> hubjet.HubjetError:
    """The error: exactly of this class, on the caller's screen without control characters, and with these words."""
    with pytest.raises(hubjet.HubjetError) as caught:
        call()
    error, text = caught.value, str(caught.value)
    assert type(error) is kind, f"{type(error).__name__}: {text}"
    assert all(sign.isprintable() or sign == "\n" for sign in text), repr(text)
    assert len(text) < 2000 and TOKEN not in text
    for word in words:
        assert word in text, text
    return error


# --- names ----------------------------------------------------------------------------------------

BAD_NAMES = {
    "../escape.txt": "'..' part",
    "a/../../escape.txt": "'..' part",
    "..": "'..' part",
    ".": "'.' or '..' part",
    "": "an empty",
    "a//b": "an empty",
    "a/": "an empty",
    "/etc/cron.d/x": "absolute",
    "//server/share/x": "absolute",
    "C:/Windows/x": "a drive",
    "c:x": "a drive",
    "a/c:x": "a drive",
    "\\\\server\\share\\x": "name a drive",
    "a\\..\\b": "'..' part",
    "a\\b.txt": "backslash",
    "a\0b": "control character",
    "a\nb": "control character",
    "a\x1b[2Jb": "control character",
    "a\x9b2Jb": "control character",
    "\x7f": "control character",
    ".git/hooks/post-checkout": "'.git'",
    "sub/.GIT/config": "'.git'",
    "x/" * 10_000 + "x": "more than 64 parts",
    "n" * 300: "more than 255",
    "ü" * 150: "more than 255",
    "/".join(["n" * 250] * 20): "longer than 3072 bytes",
    "bad\udcff.txt": "not UTF-8",
}


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:30])
def test_a_bad_name_in_a_listing_is_named_and_nothing_is_written(hub: Hub, cache: Path, name: str) -> None:
    hub.tree = [entry("a.txt"), entry(name)]
    error = refused(
        hubjet.ProtocolError,
        lambda: hubjet.snapshot_download("org/name"),
        "org/name has a file that cannot be written here: ",
        BAD_NAMES[name],
        "nothing of it was fetched or written",
        "ignore_patterns",
    )
    assert error.filename == name and published(cache) == []
    assert hub.origin.asked[-1].path.startswith("/api/"), "no file was asked for"


@pytest.mark.parametrize("name", ["a\\b.txt", "a\nb", "../x", ".git/config", "n" * 300])
def test_the_other_files_can_be_had_without_it(hub: Hub, name: str) -> None:
    hub.tree = [entry("a.txt"), entry(name)]
    folder = Path(hubjet.snapshot_download("org/name", allow_patterns="a.txt"))
    assert [p.name for p in folder.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:30])
def test_a_bad_name_that_was_typed_is_wrong_usage_and_nobody_is_asked(hub: Hub, name: str) -> None:
    error = refused(hubjet.BadName, lambda: hubjet.hf_hub_download("org/name", name))
    assert isinstance(error, ValueError) and hub.origin.asked == []
    refused(hubjet.BadName, lambda: hubjet.hf_hub_download("org/name", name, local_dir="local"))


def test_a_typed_backslash_is_exit_code_2(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    from hubjet._cli import main

    for name in ("a\\b.txt", "a\tb"):
        assert main(["download", "org/name", name]) == 2
        assert "Invalid filename" in capsys.readouterr().err


@pytest.mark.parametrize("revision", ["a\nb", "a\\b", "x/" * 100 + "x", "n" * 300, "../../x", ".git/x", "\0"])
def test_a_bad_revision_is_wrong_usage(hub: Hub, revision: str) -> None:
    refused(hubjet.BadName, lambda: hubjet.snapshot_download("org/name", revision=revision), "cannot be a revision")
    assert hub.origin.asked == []


GOOD_NAMES = "con nul.txt aux COM1 trail. .hubjet/record .cache/huggingface/x ~ - $HOME *?<> ...".split() + [" a ", "a .txt ", "é"]


def test_odd_names_that_lead_nowhere_are_files_like_any_other(hub: Hub, cache: Path) -> None:
    """Also names that differ in case only, or in their Unicode form: two files, where the file system can."""
    names = [*GOOD_NAMES, "Case", "cASE", "\u00e9.bin", "e\u0301.bin"]
    content = {name: f"content of {name}\n".encode() for name in names}
    hub.tree = [entry(name, content[name]) for name in names]
    by_url = {f"/org/name/resolve/{COMMIT}/{_names.quote(name, '/')}": name for name in names}
    hub.file = lambda asked: good_file(content[by_url[asked.path]])
    folder = Path(hubjet.snapshot_download("org/name"))
    assert {name: (folder / name).read_bytes() for name in names} == content
    assert not any((cache / "models--org--name" / name).exists() for name in ("record", "con"))


@pytest.mark.parametrize("name", [".cache/huggingface/download/a.txt.metadata", ".CACHE/HuggingFace/.hubjet/record", ".cache/huggingface"])
def test_a_repository_cannot_write_our_notes_in_a_local_dir(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.tree = [entry("a.txt"), entry(name)]
    local = tmp_path / "local"
    words = ".cache/huggingface in this folder is hubjet's own"
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name", local_dir=local), words)
    refused(hubjet.BadName, lambda: hubjet.hf_hub_download("org/name", name, local_dir=local), words)
    assert not local.exists()
    hubjet.snapshot_download("org/name")  # in the cache it is a file like any other


def test_what_is_a_file_and_a_folder_is_neither(hub: Hub, cache: Path) -> None:
    hub.tree = [entry("a/b/c"), entry("x"), entry("a/b")]
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), "'a/b/c'", "'a/b' would be a file and a folder")
    assert published(cache) == []


def test_a_name_twice_in_a_listing_must_mean_the_same(hub: Hub) -> None:
    hub.tree = [entry("a.txt"), entry("a.txt")]
    hubjet.snapshot_download("org/name")
    hub.tree, hub.sha = [entry("a.txt"), entry("a.txt", b"other")], "d" * 40
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name", revision="v2"), "'a.txt' twice")


def test_python_and_c_refuse_the_same_names(tmp_path: Path, cache: Path) -> None:
    repo = cache / "models--org--name"
    etag = git_sha1(CONTENT)
    for name in [*BAD_NAMES, *GOOD_NAMES]:
        if "\0" in name or "\udcff" in name:
            continue  # no text for C
        if _names.fault_of(name):
            with pytest.raises(hubjet.StorageError) as caught:
                _native.link_snapshot(str(repo), COMMIT, name, etag, True)
            assert caught.value.code == "NAME", name
        else:
            assert _native.link_snapshot(str(repo), COMMIT, name, etag, True) is None, f"no such blob, but a good name: {name}"
