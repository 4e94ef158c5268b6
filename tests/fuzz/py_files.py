"""Files that others can write to, or that people write by hand: kept listings, refs, notes beside a local_dir, index.json, config.toml, the users'
limit. What cannot be understood is none, or a ConfigError that names the file; names never lead out."""

from __future__ import annotations

import os
import tempfile

from hubjet import _choose, _config, _errors, _limits, _local_folder, _names, _store, _toml
from tests.fuzz.feed import SHA1, Feed, hold

_ROOT = tempfile.TemporaryDirectory(prefix="hjfuzz-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
ROOT = os.path.realpath(_ROOT.name)


def _put(name: str, data: bytes) -> str:
    path = os.path.join(ROOT, *name.split("/"))
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)
    return path


def listing(feed: Feed) -> None:
    """A kept listing; what is accepted is written and read again as it was."""
    _put(f"models--o--n/trees/{SHA1}.json", feed.json())
    _store._trees.clear()
    folder = os.path.join(ROOT, "models--o--n")
    tree = _store.read_tree(folder, SHA1)
    if tree is None:
        return
    for path, facts in tree.items():
        hold(isinstance(path, str) and isinstance(facts.size, int) and facts.size >= 0, f"{path!r} {facts}")
        hold(facts.etag is None or _names.is_etag(facts.etag), f"{facts}")
    _store.write_tree(folder, SHA1, tree)
    _store._trees.clear()
    again = _store.read_tree(folder, SHA1)
    hold(again is not None and set(again) == set(tree), "a listing that was read cannot be read again")


def listing_of_files(feed: Feed) -> None:
    """The same, with the outer form right."""
    import json

    files = {feed.text(): {"size": feed.value(9), "blob_id": feed.text(), **({"lfs_sha256": feed.value(5)} if feed.byte() % 2 else {})} for _ in range(feed.byte() % 5)}
    inner = Feed(bytes([255]) + json.dumps({"format_version": 1, "files": files}).encode())
    listing(inner)


def ref(feed: Feed) -> None:
    _put("models--o--n/refs/main", feed.rest())
    commit = _store.RepoStore(ROOT, _names.repo("o/n")).read_ref("main")
    hold(commit is None or _names.is_commit(commit), f"{commit!r} is no commit")


def note(feed: Feed) -> None:
    folder = _local_folder.at(ROOT)
    _put(".cache/huggingface/download/f.bin.metadata", feed.rest())
    _put("f.bin", b"content")
    found = folder.read("f.bin")
    hold(found is None or isinstance(found.timestamp, float), "a note without a time")
    state, _ = folder.look("f.bin")
    hold(state in (_local_folder.State.UNTOUCHED, _local_folder.State.UNKNOWN), state)


def names(feed: Feed) -> None:
    """Repositories, revisions, files: refused, or a path below the root; and back."""
    kind, text = feed.byte(), feed.text() if feed.byte() % 2 else feed.rest().decode("utf-8", "surrogateescape")
    try:
        if kind % 4 == 0:
            repo = _names.repo(text, list(_names.REPO_TYPES)[kind // 4 % 4])
            path = repo.folder
            hold("/" not in path and path not in ("", ".", ".."), path)
            hold(path.split("--")[1:] == repo.id.split("/"), f"{path} does not lead back to {repo.id}")
            return
        path = _names.check_revision(text) if kind % 4 == 1 else _names.check_filename(text, feed.text() if kind % 4 == 2 else None)
    except _errors.BadName as error:
        hold(all(ord(sign) >= 32 or sign == "\n" for sign in str(error)), f"a control character in {error}")
        return
    place = os.path.join(ROOT, *path.split("/"))
    hold(os.path.normpath(place) == place and place.startswith(ROOT + os.sep), f"{path!r} leads out")
    url = _names.repo("o/n").file_url("https://h.example", "main", path)
    hold(url.isascii() and not set(url) & set(" ?#\"<>\\"), url)


def url(feed: Feed) -> None:
    text = feed.rest().decode("utf-8", "replace")
    try:
        hold("@" not in _names.origin_of(text), "an origin with a user in it")
        hold("?" not in _names.shown(text) and "#" not in _names.shown(text), "a query that is shown")
        name = _names.name_in_url(text)
        hold("/" not in name and name not in (".", "..") and "\0" not in name, name)
    except _errors.BadName as error:
        hold(str(error), "an error that says nothing")


def parts(feed: Feed) -> None:
    found = _choose.components_of(feed.json())
    hold(all(isinstance(name, str) for name in found), repr(found))


def settings(feed: Feed) -> None:
    """config.toml: settings, or an error that names the file."""
    option = list(_config.OPTIONS)[feed.byte() % len(_config.OPTIONS)]
    kind, rest = feed.byte(), feed.rest()
    path = _put("config.toml", rest if kind % 3 == 0 else f"{option} = ".encode() + rest)
    os.environ["HUBJET_CONFIG"] = path
    _config._last = None
    try:
        found = _config.config()
        hold(set(found) == set(_config.OPTIONS), "a setting is missing")
    except (_errors.ConfigError, _errors.StorageError) as error:
        hold(str(error), "an error that says nothing")
    finally:
        del os.environ["HUBJET_CONFIG"]
    text = rest.decode("utf-8", "replace")
    try:
        _toml.parse_flat_toml(text)
    except ValueError:
        pass


def limit(feed: Feed) -> None:
    os.environ["XDG_CACHE_HOME"] = ROOT
    os.environ.pop("XDG_RUNTIME_DIR", None)
    _config._last = None
    _put("hubjet/run/limit", feed.rest())
    try:
        hold(_limits.users_rate() >= 0, "a rate below nothing")
    finally:
        del os.environ["XDG_CACHE_HOME"]


WHAT = (listing, listing_of_files, ref, note, names, url, parts, settings, limit)


def one(data: bytes) -> None:
    feed = Feed(data)
    WHAT[feed.byte() % len(WHAT)](feed)
