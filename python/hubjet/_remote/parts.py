"""A large object to S3 in parts, side by side; what a killed upload has brought is not sent again. Imports _remote.depot.

S3 shows an object once all its parts are named, so half of one is never seen. The parts of an upload that was broken off stay with the server;
each has the MD5 of its bytes as its name, which tells whether it is the one we would send.
"""

from __future__ import annotations

import hashlib
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Future
    from typing import Any

    from .depot import Depot

PART = 8 << 20  # S3 wants 5 MiB at least
PARTS_MAX = 9_000  # S3: 10,000
SIDE_BY_SIDE = 8
DIGEST = "hubjet-digest"  # the object's metadata


def speaks(depot: Depot) -> bool:
    """Whether this place is spoken to in S3's words."""
    return depot.scheme in ("s3", "s3a") and hasattr(depot.fs, "_call_s3")


def part_size(size: int) -> int:
    """Of an object: 8 MiB, more where there would be too many."""
    size_of_one = -(-size // PARTS_MAX)
    return max(PART, -(-size_of_one // (1 << 20)) << 20)


def call(depot: Depot, method: str, **arguments: Any) -> Any:
    """One request of S3's, by its name."""
    from fsspec.asyn import sync  # type: ignore[import-untyped, unused-ignore]

    return sync(depot.fs.loop, depot.fs._call_s3, method, **arguments)


def held(depot: Depot, key: str) -> tuple[int, str | None] | None:
    """Bytes and noted digest of an object; None: there is none."""

    def ask() -> tuple[int, str | None]:
        head = call(depot, "head_object", **_where(depot, key))
        return int(head["ContentLength"]), head.get("Metadata", {}).get(DIGEST)

    try:
        return depot.tried(f"{key} could not be looked at", ask)
    except FileNotFoundError:
        return None


def _where(depot: Depot, key: str) -> dict[str, str]:
    bucket, name, _version = depot.fs.split_path(depot.path(key))
    return {"Bucket": bucket, "Key": name}


def send_whole(depot: Depot, key: str, data: bytes, digest: str) -> None:
    """A small object, at once."""
    where = _where(depot, key)
    depot.tried(f"{key} could not be written", lambda: call(depot, "put_object", **where, Body=data, Metadata={DIGEST: digest}))


def send(depot: Depot, key: str, pieces: Iterable[bytes], digest: str, proven: Callable[[], None]) -> int:
    """A large one; `pieces` are its parts in order, each of `part_size` bytes but the last. `proven` is asked at the end and raises what was
    wrong with the bytes: then nothing of them appears. Returns how many bytes were sent."""
    where = _where(depot, key)
    upload, there = _begun(depot, key, where)
    if upload is None:
        made = depot.tried(f"{key} could not be begun", lambda: call(depot, "create_multipart_upload", **where, Metadata={DIGEST: digest}))
        upload = made["UploadId"]
    tags: dict[int, str] = {}
    sent = 0
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        under_way: dict[Future[str], int] = {}
        try:
            for number, piece in enumerate(pieces, 1):
                tag = there.get((number, len(piece)))
                if tag is not None and tag.strip('"') == hashlib.md5(piece, usedforsecurity=False).hexdigest():
                    tags[number] = tag
                    continue
                while len(under_way) >= SIDE_BY_SIDE:
                    _land(under_way, tags)
                sent += len(piece)
                under_way[pool.submit(_send_part, depot, key, where, upload, number, piece)] = number
            while under_way:
                _land(under_way, tags)
        except BaseException:
            for one in under_way:
                one.cancel()
            raise  # what has arrived stays for the next try
    try:
        proven()
    except BaseException:
        call(depot, "abort_multipart_upload", **where, UploadId=upload)
        raise
    named = {"Parts": [{"PartNumber": number, "ETag": tags[number]} for number in sorted(tags)]}
    depot.tried(f"{key} could not be ended", lambda: call(depot, "complete_multipart_upload", **where, UploadId=upload, MultipartUpload=named))
    return sent


def _land(under_way: dict[Future[str], int], tags: dict[int, str]) -> None:
    done, _ = wait(under_way, return_when=FIRST_COMPLETED)
    for one in done:
        tags[under_way.pop(one)] = one.result()


def _send_part(depot: Depot, key: str, where: dict[str, str], upload: str, number: int, piece: bytes) -> str:
    what = f"part {number} of {key} could not be sent"
    answer = depot.tried(what, lambda: call(depot, "upload_part", **where, UploadId=upload, PartNumber=number, Body=piece))
    tag: str = answer["ETag"]
    return tag


def _begun(depot: Depot, key: str, where: dict[str, str]) -> tuple[str | None, dict[tuple[int, int], str]]:
    """An upload of this object that was broken off, and its parts: (number, bytes) -> MD5. Whoever may not list them begins anew."""
    try:
        listed = call(depot, "list_multipart_uploads", Bucket=where["Bucket"], Prefix=where["Key"])
        mine = [one["UploadId"] for one in listed.get("Uploads") or () if one["Key"] == where["Key"]]
        if not mine:
            return None, {}
        parts: dict[tuple[int, int], str] = {}
        after = 0
        while True:
            page = call(depot, "list_parts", **where, UploadId=mine[-1], PartNumberMarker=after)
            for one in page.get("Parts") or ():
                parts[one["PartNumber"], one["Size"]] = one["ETag"]
            if not page.get("IsTruncated"):
                return mine[-1], parts
            after = page["NextPartNumberMarker"]
    except Exception:  # noqa: BLE001 - other makers' servers know no such list
        return None, {}
