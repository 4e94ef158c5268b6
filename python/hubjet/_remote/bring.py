"""Files from a depot into a repository of the cache, or to a place of the caller's: ranges side by side, digested in order while they arrive, shown
and limited as a download is. Imports _errors, _listen, _names, _store, _trace, _show.progress, _remote.

Written in order, too: what lies in an unfinished file is always its beginning, so a killed call is gone on with. A file gets its name when its
digest is the one it was asked for by; a wrong one is refused, and the caller asks somebody else.
"""

from __future__ import annotations

import errno
import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, as_completed

from .. import _listen, _native, _trace
from .._errors import Cancelled, IntegrityError, StorageError, explain
from .._names import digest_of
from .._show.progress import Meter
from .._store import require_space, shut
from .coming import Coming
from .layout import blob_key
from .pace import Pace
from .sums import hashing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple, Protocol

    from .._config import Config
    from .._store import RepoStore
    from .depot import Depot

    class Into(Protocol):
        """Where blobs go."""

        partial: str  # folder for what is unfinished, on the same disk

        def check(self) -> None:
            """StorageError if somebody planted a link on the way."""

        def named(self, descriptor: int, path: str, etag: str, sync: bool) -> None:
            """The file at `path` is whole and proven: it gets its name."""
else:
    from .._record import NamedTuple

BLOCK = 8 << 20
SIDE_BY_SIDE = 16
AHEAD = 24  # blocks that are here and wait for their turn, of all files: 192 MiB
LOOK_S = 0.1
OPEN_AT_ONCE = 128  # files: whoever has ten thousand small ones has no such number of descriptors


class Wanted(NamedTuple):
    """A blob to bring, and what the call knows it by."""

    etag: str
    size: int
    name: str


class InCache:
    """Under blobs/<etag>, recorded as proven."""

    def __init__(self, store: RepoStore) -> None:
        self._store = store
        self.partial = os.path.join(store.side, "partial")

    def check(self) -> None:
        """See Into."""
        _native.check_planted(self._store.folder)

    def named(self, descriptor: int, path: str, etag: str, sync: bool) -> None:
        """See Into."""
        shut(descriptor, os.fstat(descriptor).st_mode & 0o444)
        if sync:
            os.fsync(descriptor)
        blob = self._store.blob(etag)
        os.makedirs(os.path.dirname(blob), exist_ok=True)
        os.replace(path, blob)
        _native.blob_note(self._store.folder, etag)


class At:
    """At a place of the caller's. `own`: the user may write to it."""

    def __init__(self, path: str, tmp: str, own: bool) -> None:
        self._path, self._own = path, own
        self.partial = tmp

    def check(self) -> None:
        """See Into: whoever names a place has looked."""

    def named(self, descriptor: int, path: str, etag: str, sync: bool) -> None:
        """See Into."""
        if not self._own:
            shut(descriptor, os.fstat(descriptor).st_mode & 0o444)
        if sync:
            os.fsync(descriptor)
        os.makedirs(os.path.dirname(self._path), exist_ok=True)
        os.replace(path, self._path)


def bring(depot: Depot, what: str, wanted: Sequence[tuple[Wanted, Into]], config: Config, bar_class: Any = None) -> Mapping[str, Exception | None]:
    """Brings these blobs, no two alike. Answers for each what went wrong, None where it is here now. `what`: what the call is about, for its bar. Whoever
    listens to the call, or interrupts it, ends it; what has come stays for the next one. StorageError if our own disk has no room."""
    blobs = [one for one, _ in wanted]
    for folder in {into.partial for _, into in wanted}:
        require_space(folder, sum(one.size - _held(folder, one.etag) for one, into in wanted if into.partial == folder))
    with Meter(config, what if len(blobs) != 1 else blobs[0].name, bar_class=bar_class, files=len(blobs) if len(blobs) > 1 else 0) as meter:
        ended = _Run(depot, config, blobs, meter).all([_File(depot, into, one, nth) for nth, (one, into) in enumerate(wanted)])
    for error in ended.values():
        if isinstance(error, StorageError) and error.errno in FULL:
            raise error
    return ended


FULL = (errno.ENOSPC, getattr(errno, "EDQUOT", errno.ENOSPC))


def _held(folder: str, etag: str) -> int:
    try:
        return os.stat(os.path.join(folder, f"{etag}.depot")).st_size
    except OSError:
        return 0


class _File:
    """One on its way. Blocks are fetched in any order, and taken in theirs."""

    def __init__(self, depot: Depot, into: Into, wanted: Wanted, nth: int) -> None:
        self.depot, self.into, self.wanted, self.nth = depot, into, wanted, nth
        self.sums: hashlib._Hash = hashing(digest_of(wanted.etag) or "", wanted.size)
        self.lock = threading.Lock()
        self.waiting: dict[int, bytes] = {}
        self.at = 0  # so many bytes are written and digested
        self.taking = False
        self.error: Exception | None = None
        self.descriptor = -1
        self.path = ""

    def open(self) -> None:
        """The unfinished file: an earlier call's, if nobody else has it, digested anew."""
        folder = self.into.partial
        self.into.check()
        os.makedirs(folder, exist_ok=True)
        self.path = os.path.join(folder, f"{self.wanted.etag}.depot")
        self.descriptor = _own(self.path)
        if self.descriptor < 0:
            self.path += f".{os.getpid()}.{threading.get_ident()}"
            self.descriptor = _own(self.path)
        if self.descriptor < 0:
            raise StorageError(f"{self.path} cannot be written", path=self.path)
        while self.at < self.wanted.size:
            block = os.pread(self.descriptor, min(BLOCK, self.wanted.size - self.at), self.at)
            if not block:
                break
            self.sums.update(block)
            self.at += len(block)
        os.ftruncate(self.descriptor, self.at)

    def blocks(self, size: int) -> list[tuple[int, int]]:
        """What is to be fetched, in pieces of `size`."""
        return [(first, min(first + size, self.wanted.size)) for first in range(self.at, self.wanted.size, size)]

    def take(self, first: int, block: bytes) -> int:
        """A block has come. Returns how many are done with by now: it may wait for those before it."""
        with self.lock:
            if self.error is not None:
                return 1
            self.waiting[first] = block
            if self.taking:
                return 0
            self.taking = True
        done = 0
        while True:
            with self.lock:
                next_one = self.waiting.pop(self.at, None)
                if next_one is None:
                    self.taking = False
                    return done
            done += 1
            try:
                self.sums.update(next_one)
                _write(self.descriptor, next_one, self.at, self.path)
            except Exception as error:  # noqa: BLE001 - of this file only
                return done + self.fail(error) - 1
            with self.lock:
                self.at += len(next_one)

    def fail(self, error: Exception) -> int:
        """It will not be whole. Returns how many blocks are done with, the one in hand included."""
        with self.lock:
            self.error = self.error or error
            count = len(self.waiting)
            self.waiting.clear()
            return 1 + count

    def publish(self, sync: bool) -> None:
        """Its name, if it is what was wanted."""
        found = self.sums.hexdigest()
        if self.at != self.wanted.size or found != self.wanted.etag:
            os.unlink(self.path)
            raise IntegrityError(
                explain(
                    f"{self.depot.shown} has other bytes under {blob_key(self.wanted.etag)} than their name says",
                    expected=digest_of(self.wanted.etag),
                    got=found,
                    done="they were not put into the cache",
                )
            )
        self.into.named(self.descriptor, self.path, self.wanted.etag, sync)

    def close(self) -> None:
        """What has come stays."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _own(path: str) -> int:
    """The file, open, if no other process has it; -1."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        import fcntl

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(descriptor).st_nlink:
            return descriptor
    except (ImportError, OSError):
        pass  # another process has it, has just given it its name, or there are no locks here: then a private one is made
    if "." in os.path.basename(path).partition(".depot")[2]:
        return descriptor
    os.close(descriptor)
    return -1


def _write(descriptor: int, data: bytes, at: int, path: str) -> None:
    view = memoryview(data)
    try:
        while view:
            count = os.pwrite(descriptor, view, at)
            view, at = view[count:], at + count
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error.strerror}", path=path, errno=error.errno) from error


class _Run:
    def __init__(self, depot: Depot, config: Config, wanted: Sequence[Wanted], meter: Meter) -> None:
        self.depot, self.config, self.meter = depot, config, meter
        self.pace = Pace(config)
        self.job = Coming([one.name for one in wanted], [one.size for one in wanted])
        self.stop = self.job.stop

    def look(self) -> None:
        """Ten times a second: who shows it, who listens."""
        self.job.limited(self.pace.rate)
        self.meter.show(self.job.look())
        listener = _listen.current()
        if listener is not None:
            listener.looks()

    def all(self, files: Sequence[_File]) -> dict[str, Exception | None]:
        """Opens, fetches, publishes, so many at a time."""
        listener, over = _listen.current(), False
        ended: dict[str, Exception | None] = {}
        self.meter.begin(self.job.look)
        try:
            if listener is not None:
                listener.begins(self.job.as_job(), self.job.names, [{"size": size} for size in self.job.sizes])
            for start in range(0, len(files), OPEN_AT_ONCE):
                ended |= self._some(files[start : start + OPEN_AT_ONCE])
            over = True
            self.meter.show(self.job.look())
            return ended
        finally:
            if listener is not None:
                listener.ends(self.job.as_job(), self.job.results if over else None)

    def _some(self, files: Sequence[_File]) -> dict[str, Exception | None]:
        pool, self.room, over = ThreadPoolExecutor(SIDE_BY_SIDE), threading.Semaphore(AHEAD), False
        try:
            queue: deque[tuple[_File, int, int]] = deque()
            for file in files:
                try:
                    file.open()
                    self.job.held(file.at)
                    queue.extend((file, *block) for block in file.blocks(self.pace.piece(BLOCK)))
                except OSError as error:
                    file.error = error
            under_way = [pool.submit(self._worker, queue) for _ in range(min(SIDE_BY_SIDE, max(1, len(queue))))]
            while not all(one.done() for one in under_way):
                try:
                    for _ in as_completed(under_way, timeout=LOOK_S):
                        pass
                except TimeoutError:
                    pass
                self.look()
            for one in under_way:
                one.result()
            if self.stop.is_set():  # somebody cancelled: what has come stays, and is no whole file
                self.look()
                raise Cancelled(f"{self.depot.shown}: the call was stopped; what has come is kept")
            ended = {file.wanted.etag: self._ended(file) for file in files}
            over = True
            return ended
        finally:
            if not over:
                self.stop.set()
            for _ in range(SIDE_BY_SIDE):
                self.room.release()
            pool.shutdown(wait=True)
            for file in files:
                file.close()

    def _worker(self, queue: deque[tuple[_File, int, int]]) -> None:
        while not self.stop.is_set():
            self.room.acquire()  # before the block is chosen: then the first that is missing is always under way
            try:
                file, first, end = queue.popleft()
            except IndexError:
                self.room.release()
                return
            done = 1
            try:
                self.pace.wait(end - first, self.stop)
                if file.error is None and not self.stop.is_set():
                    self.job.busy(1)
                    try:
                        block = self.depot.read_range(blob_key(file.wanted.etag), first, end)
                    finally:
                        self.job.busy(-1)
                    self.job.add(file.nth, len(block))
                    done = file.take(first, block)
            except Exception as error:  # noqa: BLE001 - of this file only; said by _ended
                done = file.fail(error)
            for _ in range(done):
                self.room.release()

    def _ended(self, file: _File) -> Exception | None:
        if file.error is None:
            try:
                file.publish(self.config.sync)
            except (OSError, ValueError) as error:
                file.error = error
        if file.error is not None:
            _trace.info(f"{self.depot.shown}: {file.wanted.etag}: {file.error}")
        self.job.ended(file.nth, file.wanted.etag, file.path, file.error)
        return file.error
