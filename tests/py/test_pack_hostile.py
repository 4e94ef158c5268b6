"""What is no pack, or was changed: refused, whatever it is, and nothing of it is visible."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from pathlib import Path
from typing import Any, Callable

import hubjet
import pytest
from hubjet._move import manifest, squeeze, tar
from hubjet._move.lockfile import Locked, LockedFile
from hubjet._move.wanted import How
from hubjet._names import Repo

BIG = bytes(range(256)) * 40


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


COMMIT = "1" * 40
ETAG = hashlib.sha256(BIG[:5000]).hexdigest()
GOOD = {"config.json": BIG[:5000]}


def locked(files: dict[str, bytes]) -> Locked:
    return Locked(Repo("model", "org/bad"), "main", COMMIT, None, None, How(), {name: LockedFile(len(data), hashlib.sha256(data).hexdigest()) for name, data in files.items()})


def member(name: str, data: bytes = BIG[:5000], **facts: Any) -> bytes:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for fact, value in facts.items():
        if fact not in ("format", "filled"):
            setattr(info, fact, value)
    size = info.size if info.type in (tarfile.REGTYPE, tarfile.AREGTYPE) or facts.get("filled") else 0
    return info.tobuf(facts.get("format", tarfile.PAX_FORMAT)) + (data + tar.padding(len(data)) if size else b"")


def bad(*behind: bytes, files: dict[str, bytes] | None = None, head: Callable[[bytes], bytes] = lambda text: text) -> bytes:
    text = head(manifest.write(manifest.Manifest([locked(files or GOOD)], [None])))
    whole = member(manifest.NAME, text) + b"".join(behind)
    return whole + tar.end(len(whole))


NAME = f"models--org--bad/{COMMIT}/config.json"
HOSTILE = {
    "a name that leads out": bad(member("../../etc/passwd")),
    "an absolute name": bad(member("/etc/passwd")),
    "a name the manifest has not": bad(member(NAME + "x")),
    "a name that leads out, in the manifest": bad(member(NAME), files=GOOD, head=lambda text: text.replace(b"config.json", b"../../../x")),
    "a commit that leads out": bad(member(NAME), head=lambda text: text.replace(COMMIT.encode(), b"../" * 13 + b"x")),
    "a repository that leads out": bad(member(NAME), head=lambda text: text.replace(b"org/bad", b"../bad1")),
    "a digest that leads out": bad(member(NAME), head=lambda text: text.replace(ETAG.encode(), b"../" * 21 + b"x")),
    "a symbolic link": bad(member(NAME, type=tarfile.SYMTYPE, linkname="/etc/passwd")),
    "a hard link that the manifest has not": bad(member(NAME, b"", type=tarfile.LNKTYPE, linkname="/etc/passwd")),
    "a device": bad(member(NAME, type=tarfile.CHRTYPE, devmajor=1, devminor=3)),
    "a pipe": bad(member(NAME, type=tarfile.FIFOTYPE)),
    "a folder": bad(member(f"models--org--bad/{COMMIT}", b"", type=tarfile.DIRTYPE), member(NAME)),
    "a sparse file": bad(member(NAME, type=tarfile.GNUTYPE_SPARSE)),
    "a long name as GNU writes it": bad(member("n" * 200, format=tarfile.GNU_FORMAT)),
    "extended headers for all": bad(member("global", b"16 path=../../x\n", type=tarfile.XGLTYPE, filled=True), member(NAME)),
    "an extended header of another kind": bad(member(NAME, pax_headers={"GNU.sparse.realsize": "99999999999"})),
    "an extended path over a good name": bad(member(NAME, pax_headers={"path": "../../x"})),
    "an extended size": bad(member(NAME, pax_headers={"size": "99999999999"})),
    "the same file twice": bad(member(NAME), member(NAME)),
    "a file too few": bad(),
    "a file too many": bad(member(NAME), member("x")),
    "a shorter file": bad(member(NAME, BIG[:4999])),
    "other bytes": bad(member(NAME, BIG[1:5001])),
    "something behind its end": bad(member(NAME)) + b"x" * 512,
    "endless zeros": bad(member(NAME)) + bytes(1 << 20),
    "no manifest": member(NAME) + bytes(1024),
    "a manifest that is a link": member(manifest.NAME, b"", type=tarfile.LNKTYPE, linkname="x") + bytes(1024),
    "a manifest larger than memory": member(manifest.NAME, b"").replace(b"00000000000\0", b"77777777777\0", 1),
    "a manifest of another version": bad(member(NAME), head=lambda text: text.replace(b'"hubjet_pack": 1', b'"hubjet_pack": 9')),
    "a manifest that is nested": bad(member(NAME), head=lambda text: b"[" * 100_000),
    "a manifest that says a terabyte": bad(member(NAME), head=lambda text: text.replace(b'"size": 5000', b'"size": 1000000000000000')),
    "a listing that makes no sense": bad(member(NAME), head=lambda text: text.replace(b"  null", b'  {"a": [1, 2, 3, 4, 5, 6, 7]}')),
    "a header with a wrong sum": bad(member(NAME)).replace(b"ustar\x0000", b"ustar\x0001", 2),
    "nothing": b"",
    "zeros": bytes(10240),
    "text": b"hello\n" * 500,
    "a gzip": b"\x1f\x8b" + bytes(600),
    "a zstd frame of nonsense": squeeze.MAGIC + b"\xff" * 600,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_what_no_pack_has_is_refused_and_nothing_is_visible(what: str, tmp_path: Path) -> None:
    there = tmp_path / "a" / "b" / "c" / "there"
    with pytest.raises((hubjet.IntegrityError, hubjet.StorageError)):
        hubjet.unpack(io.BytesIO(HOSTILE[what]), cache_dir=there)
    left = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert all(there in path.parents for path in left)
    assert not any("snapshots" in path.parts or "refs" in path.parts for path in left)
    assert {path.name for path in left if path.parent.name == "blobs"} <= {ETAG}


def test_the_good_one_of_these_is_good(tmp_path: Path) -> None:
    assert contents(hubjet.unpack(io.BytesIO(bad(member(NAME))), cache_dir=tmp_path).folders["org/bad"]) == GOOD


def test_a_flipped_bit_or_two_never_gets_through(tmp_path: Path) -> None:
    good, through = bad(member(NAME)), 0
    for seed in range(400):
        dice = random.Random(seed)
        data = bytearray(good)
        for _ in range(dice.choice([1, 1, 2, 30])):
            data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        try:
            done = hubjet.unpack(io.BytesIO(data), cache_dir=tmp_path / str(seed))
        except hubjet.HubjetError:
            continue
        found = list(contents(next(iter(done.folders.values()))).values())  # a bit of the manifest: another name, choice or licence
        assert found == list(GOOD.values()), seed
        through += 1
    assert through < 60


def test_a_name_or_size_that_a_plain_header_cannot_hold() -> None:
    big = tar.Entry("ä" * 300, 20 << 30)
    reader = tar.Reader(io.BytesIO(tar.header(big)), "x")
    assert reader.next() == big
