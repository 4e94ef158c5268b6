"""`hubjet.dedup`: equal files of several repositories lie on the disk once. Imports _errors, _config, _edge, _native, _trace, _words, _keep.census,
_keep.lock, _keep.report.

First by the file system (FIDEDUPERANGE: btrfs, xfs, bcachefs, OCFS2): it compares the bytes itself and shares the blocks; each file stays its own,
so whoever writes into one leaves the other as it was. Where it cannot, a hard link: both are one file then, read-only, and proven. Who makes it
writable and edits it in place edits both; hubjet and huggingface_hub never do (they replace by rename), and hubjet notices: neither is served.
"""

from __future__ import annotations

import errno
import os
import stat

from .. import _native, _trace
from .._config import resolve
from .._edge import public
from . import lock
from .census import RepoCensus, count
from .report import Cleaned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

SMALLEST = 64 << 10  # below it a link saves next to nothing
_FIDEDUPERANGE = 0xC0189436
_AT_ONCE = 16 << 20  # what kernels share in one call
_HEAD, _DIFFERS = 24, 1


@public
def dedup(
    *, cache_dir: str | os.PathLike[str] | None = None, hard_links: bool = True, dry_run: bool = False
) -> Cleaned:
    """Lets equal files of several repositories lie on the disk once.

    By shared blocks where the file system has them (btrfs, xfs): it compares the bytes itself, and each file stays its own. Else, with `hard_links`, as
    one read-only file with two names, after its digest was compared: an edit in place would change both, and hubjet would serve neither. Files below 64 KiB
    are left alone, and those of other users.

    Returns: a Cleaned; `removed` are the copies that went, `freed` their bytes (what shares blocks already cannot be told, and counts again). Errors:
    StorageError for a cache that cannot be read. Threads: any.

    >>> import hubjet
    >>> hubjet.dedup(cache_dir="/nowhere").freed
    0
    """
    census = count(resolve(cache_dir=cache_dir).cache_dir)
    result = Cleaned(dry_run)
    groups: dict[str, list[RepoCensus]] = {}
    for found in census.repos:
        for etag, key in found.blobs.items():
            if etag not in found.links and census.files[key].size >= SMALLEST:
                groups.setdefault(etag, []).append(found)
    for etag, several in groups.items():
        if len(several) > 1:
            _share(result, etag, several, hard_links)
    if not dry_run:
        result.size = count(census.cache_dir).size
    return result


def _share(result: Cleaned, etag: str, several: list[RepoCensus], hard_links: bool) -> None:
    # The one with most names stays: then a second run has nothing to do.
    several = sorted(several, key=lambda found: -_facts(found, etag).st_nlink)
    kept = several[0]
    source, first = kept.store.blob(etag), _facts(kept, etag)
    for found in several[1:]:
        path, facts = found.store.blob(etag), _facts(found, etag)
        if (facts.st_dev, facts.st_ino) == (first.st_dev, first.st_ino):
            continue
        size = facts.st_size if facts.st_nlink == 1 else 0
        why = _obstacle(first, facts)
        how = "" if why else "shares its blocks with" if result.dry_run else _by_blocks(source, path)
        if not why and not how:
            how, why = _by_link(kept, found, etag) if hard_links else ("", "this file system shares no blocks, and hard_links is off")
        if why:
            result.keep("copy", found.id, etag[:12], path, size, why)
        else:
            result.take("copy", found.id, etag[:12], path, size, f"{'is in' if result.dry_run else how} {kept.id}{', too' if result.dry_run else ''}")


def _facts(found: RepoCensus, etag: str) -> os.stat_result:
    return os.lstat(found.store.blob(etag))


def _obstacle(one: os.stat_result, other: os.stat_result) -> str:
    if one.st_dev != other.st_dev:
        return "on another disk"
    if one.st_size != other.st_size:
        return "its size is another: one of them is damaged (hubjet verify)"
    mine = os.geteuid() if hasattr(os, "geteuid") else None
    if mine is not None and {one.st_uid, other.st_uid} != {mine}:
        return "another user's"
    return ""


def _by_blocks(source: str, path: str) -> str:
    """What was done, if the file system shares the blocks; "" if it cannot, or the bytes differ."""
    try:
        import fcntl
    except ImportError:
        return ""
    size = os.stat(source).st_size
    mode = stat.S_IMODE(os.lstat(path).st_mode)
    try:
        with open(source, "rb") as theirs:
            if not mode & stat.S_IWUSR:
                os.chmod(path, mode | stat.S_IWUSR)  # the kernel asks for a file that may be written
            try:
                mine = os.open(path, os.O_RDWR)
            finally:
                os.chmod(path, mode)
            try:
                return "shares its blocks with" if _same_blocks(fcntl.ioctl, theirs.fileno(), mine, size) else ""
            finally:
                os.close(mine)
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.ENOTTY, errno.EINVAL, errno.EXDEV, errno.EPERM, errno.EACCES, errno.EROFS, errno.ETXTBSY):
            raise
        return ""


def _same_blocks(ioctl: object, source: int, target: int, size: int) -> bool:
    import struct

    at = 0
    while at < size:
        piece = min(size - at, _AT_ONCE)
        asked = bytearray(struct.pack("=QQHHIqQQiI", at, piece, 1, 0, 0, target, at, 0, 0, 0))
        ioctl(source, _FIDEDUPERANGE, asked)  # type: ignore[operator]
        _fd, _at, done, status, _ = struct.unpack_from("=qQQiI", asked, _HEAD)
        if status < 0:
            raise OSError(-status, os.strerror(-status))
        if status == _DIFFERS or not done:
            return False
        at += done
    return True


def _by_link(kept: RepoCensus, found: RepoCensus, etag: str) -> tuple[str, str]:
    """(what was done, why it was not)."""
    source, path = kept.store.blob(etag), found.store.blob(etag)
    for one in (kept, found):
        if _native.blob_state(one.store.folder, etag) != "same" and not _native.blob_prove(one.store.folder, etag):
            return "", f"{one.id}'s is damaged or was edited (hubjet verify)"
    with lock.Clearing(found.folder) as free:
        if not free:
            return "", "something is being brought into its repository now"
        place = os.path.join(found.store.side, "tmp", f"{etag}.{os.getpid()}")
        _native.check_planted(found.store.folder, os.path.dirname(place))
        os.makedirs(os.path.dirname(place), exist_ok=True)
        try:
            os.chmod(source, stat.S_IMODE(os.lstat(source).st_mode) & ~0o222)
            os.link(source, place)
            os.replace(place, path)
        except OSError as error:
            _gone([place])
            return "", f"no hard link can be made: {error.strerror}"
        _native.blob_prove(found.store.folder, etag)  # its record is of another file
    _trace.info(f"{path} is one file with {source}")
    return "is one file with", ""


def _gone(paths: Iterable[str]) -> None:
    for path in paths:
        try:
            os.unlink(path)
        except OSError:
            pass  # benign: it was not made
