"""The vault's decisions, without a disk: where pieces lie, what a manifest may say, from where to bring, what is wrong."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import pytest
from hubjet._names import Repo
from hubjet._store import FileFacts
from hubjet._vault import layout, manifest, shelf, trouble
from hubjet._vault.choose import Rate, source, worth_measuring
from hubjet._vault.manifest import Entry, Manifest, Part

COMMIT = "a1" * 20
GIB = 1 << 30


@pytest.mark.parametrize(
    ("size", "part", "sizes"),
    [(0, 10, [0]), (1, 10, [1]), (10, 10, [10]), (11, 10, [5, 6]), (25, 10, [8, 8, 9]), (5 * GIB + 1, None, None), (100, 1, [1] * 100)],
)
def test_no_piece_is_larger_than_it_may_be_and_together_they_are_the_file(size: int, part: int | None, sizes: list[int] | None) -> None:
    spans = layout.spans(COMMIT, "w/model.bin", size, part)
    assert sum(span.size for span in spans) == size and all(span.size <= (part or GIB) for span in spans)
    assert [span.start for span in spans] == [sum(other.size for other in spans[:n]) for n in range(len(spans))]
    assert len({span.at for span in spans}) == len(spans) and [span.at for span in spans] == sorted(span.at for span in spans)
    assert sizes is None or [span.size for span in spans] == sizes
    assert (spans[0].at == f"{COMMIT}/w/model.bin") == (len(spans) == 1)


@pytest.mark.parametrize(
    ("folder", "repo"),
    [
        ("org/name", Repo("model", "org/name")), ("gpt2", Repo("model", "gpt2")), ("datasets/org/data", Repo("dataset", "org/data")),
        ("spaces/org/app", Repo("space", "org/app")), ("a/b/c", None), ("datasets/a/b/c", None), ("", None),
    ],
)  # fmt: skip
def test_a_folder_is_a_repositorys_name_as_in_the_hubs_addresses(folder: str, repo: Repo | None) -> None:
    assert layout.repo_of(folder) == repo
    assert repo is None or layout.folder_of(repo) == folder


def test_unfinished_pieces_and_manifests_are_known_by_their_names() -> None:
    assert layout.is_temp(layout.temp_of(f"{COMMIT}/model.bin", "1a2b").rpartition("/")[2])
    assert not layout.is_temp("model.bin") and not layout.is_temp(".hidden")
    assert layout.manifest_commit(layout.manifest_name(COMMIT, "0123456789")) == (COMMIT, "01234567")
    assert [layout.manifest_commit(name) for name in ("hubjet-x.json", f"hubjet-{COMMIT}.json", "config.json", f"hubjet-{COMMIT}-012.json")] == [None] * 4


def whole(**more: Any) -> Manifest:
    entry = Entry("w/model.bin", 3, "b" * 64, (Part(f"{COMMIT}/w/model.bin", 3, "b" * 64),))
    tree = {"w/model.bin": FileFacts(3, "c" * 40, "b" * 64, 3)}
    return Manifest(Repo("model", "org/name"), COMMIT, {"main": 5}, {entry.path: entry}, tree, "mit", 7)._replace(**more)


def test_a_manifest_says_again_what_it_was_told() -> None:
    assert manifest.parse(manifest.text(whole())) == whole()
    assert manifest.parse(manifest.text(whole(tree=None, licence=None))) == whole(tree=None, licence=None)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("files/0/path", "../../etc/passwd"), ("files/0/path", "/etc/passwd"), ("files/0/path", ""), ("files/0/parts/0/at", "../other/blob"),
        ("files/0/parts/0/at", "a/../../b"), ("files/0/size", 4), ("files/0/size", -3), ("files/0/size", "3"), ("files/0/parts/0/size", True),
        ("files/0/parts", []), ("files/0/etag", "xyz"), ("files/0/parts/0/sha256", "b" * 40), ("commit", "main"), ("format", 2), ("files", None),
        ("revisions", []), ("tree", {"../up": [3, "c", None, None, None]}), ("tree", {"a": [-1, "c", None, None, None]}), ("tree", {"a": [1]}),
    ],
)  # fmt: skip
def test_what_no_manifest_could_say_is_refused(where: str, value: object) -> None:
    document = json.loads(manifest.text(whole()))
    *way, last = where.split("/")
    place = document
    for word in way:
        place = place[int(word)] if isinstance(place, list) else place[word]
    place[last] = value
    with pytest.raises(ValueError):
        manifest.parse(json.dumps(document).encode())


@pytest.mark.parametrize("data", [b"", b"null", b"[]", b"{}", b"\xff", b'"text"', b"[" * 100_000])
def test_what_is_no_json_of_ours_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        manifest.parse(data)


def test_two_manifests_of_a_commit_say_together_what_each_says() -> None:
    other = Entry("a", 1, "d" * 64, (Part(f"{COMMIT}/a", 1, "d" * 64),))
    both = manifest.union(whole(), whole(files={"a": other}, revisions={"main": 3, "v1": 9}, tree=None, licence=None))
    assert set(both.files) == {"a", "w/model.bin"} and both.revisions == {"main": 5, "v1": 9} and both.tree == whole().tree and both.licence == "mit"


def test_a_manifest_that_is_cut_or_changed_is_as_if_it_were_not_there(tmp_path: Path) -> None:
    data = manifest.text(whole())
    base = tmp_path / "org" / "name"
    base.mkdir(parents=True)
    path = base / layout.manifest_name(COMMIT, shelf.sha256(data))
    for bad in (b"", data[:-20], data.replace(b"mit", b"gpl")):
        path.write_bytes(bad)
        assert shelf.manifests(str(tmp_path), whole().repo) == {}
    path.write_bytes(data)
    assert shelf.manifests(str(tmp_path), whole().repo) == {COMMIT: whole()}


FAST, SLOW = Rate(250e6), Rate(40e6)


@pytest.mark.parametrize(
    ("size", "vault", "hub", "may_ask", "answer"),
    [
        (5 * GIB, SLOW, FAST, True, "hub"),
        (5 * GIB, FAST, SLOW, True, "vault"),
        (5 * GIB, SLOW, FAST, False, "vault"),  # the network is shut
        (5 * GIB, None, FAST, True, "vault"),  # one is not known
        (5 * GIB, SLOW, None, True, "vault"),
        (5 * GIB, Rate(40e6, 7 * 3600), FAST, True, "vault"),  # measured long ago
        (5 * GIB, SLOW, Rate(250e6, 7 * 3600), True, "vault"),
        (5 * GIB, Rate(200e6), FAST, True, "hub"),  # a quarter faster, five seconds gained
        (5 * GIB, Rate(201e6), FAST, True, "vault"),
        (100 << 20, SLOW, FAST, True, "hub"),
        (80 << 20, SLOW, FAST, True, "vault"),  # less than two seconds
        (1000, Rate(1.0), FAST, True, "vault"),  # small
        (5 * GIB, Rate(0.0), FAST, True, "vault"),  # no rate at all
        (5 * GIB, Rate(40e6, -5), FAST, True, "vault"),  # a clock that was turned back
    ],
)
def test_from_where_it_is_brought(size: int, vault: Rate | None, hub: Rate | None, may_ask: bool, answer: str) -> None:
    assert source(size, vault, hub, may_ask=may_ask) == answer


def test_rates_are_measured_where_much_depends_on_them() -> None:
    assert worth_measuring(GIB, None, FAST) and worth_measuring(GIB, SLOW, Rate(1.0, 1e9))
    assert not worth_measuring(1 << 20, None, None) and not worth_measuring(GIB, SLOW, FAST) and not worth_measuring(GIB, None, None, may_ask=False)


@pytest.mark.parametrize(
    ("number", "kind", "says"),
    [
        (errno.ENOTCONN, "unmounted", "drive.mount('/content/drive')"), (errno.ESTALE, "unmounted", "drive.mount"), (errno.ENOENT, "missing", "drive.mount"),
        (errno.EDQUOT, "full", "bin"), (errno.ENOSPC, "full", "make room"), (errno.EROFS, "read-only", "another folder"),
        (errno.EIO, "io", "quota"), (errno.ENAMETOOLONG, "other", "because"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_with_what_to_do(number: int, kind: str, says: str) -> None:
    vault = "/content/drive/MyDrive/models"
    assert trouble.kind_of(OSError(number, "x"), vault) == kind
    error = trouble.in_words(OSError(number, "x"), vault, "org/name could not be copied there", "the local copy is whole")
    assert says in str(error) and vault in str(error) and error.errno == number and "the local copy is whole" in str(error)
