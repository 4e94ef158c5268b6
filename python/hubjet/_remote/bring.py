"""Files from a depot into a repository of the cache: ranges side by side, digested in order while they arrive. Imports _errors, _names, _store,
_trace, _remote.

Written in order, too: what lies in an unfinished file is always its beginning, so a killed call is gone on with. A file gets its name when its
digest is the one it was asked for by; a wrong one is refused, and the caller asks somebody else.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from concurrent.futures import ThreadPoolExecutor, as_completed

from .. import _native, _trace
from .._errors import IntegrityError, StorageError, explain
from .._names import digest_of
from .._store import shut
from .layout import blob_key
from .sums import hashing

TYPE_CHECKING = False
if TYPE_CHECKING:
    import hashlib
    from collections.abc import Callable, Mapping, Sequence
    from typing import NamedTuple

    from .._store import RepoStore
    from .depot import Depot
else:
    from .._record import NamedTuple

BLOCK = 8 << 20
SIDE_BY_SIDE = 16
AHEAD = 24  # blocks that are here and wait for their turn, of all files: 192 MiB
LOOK_S = 0.1


class Wanted(NamedTuple):
    """A blob to bring."""

    etag: str
    size: int


def bring(
    depot: Depot, store: RepoStore, wanted: Sequence[Wanted], looks: Callable[[int], None] | None = None, sync: bool = True
) -> Mapping[str, Exception | None]:
    """Brings these blobs into `store`. Answers for each what went wrong, None where it is here now. `looks(bytes so far)` is called ten times a second
    on this thread; what it raises ends the call, and what has come stays for the next one."""
    run = _Run(depot, looks, sync)
    return run.all([_File(depot, store, one) for one in wanted])


class _File:
    """One on its way. Blocks are fetched in any order, and taken in theirs."""

    def __init__(self, depot: Depot, store: RepoStore, wanted: Wanted) -> None:
        self.depot, self.store, self.wanted = depot, store, wanted
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
        folder = os.path.join(self.store.side, "partial")
        _native.check_planted(self.store.folder)
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

    def blocks(self) -> list[tuple[int, int]]:
        """What is to be fetched."""
        return [(first, min(first + BLOCK, self.wanted.size)) for first in range(self.at, self.wanted.size, BLOCK)]

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
        shut(self.descriptor, os.fstat(self.descriptor).st_mode & 0o444)
        if sync:
            os.fsync(self.descriptor)
        blob = self.store.blob(self.wanted.etag)
        os.makedirs(os.path.dirname(blob), exist_ok=True)
        os.replace(self.path, blob)
        _native.blob_note(self.store.folder, self.wanted.etag)

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
    def __init__(self, depot: Depot, looks: Callable[[int], None] | None, sync: bool) -> None:
        self.depot, self.looks, self.sync = depot, looks, sync
        self.room = threading.Semaphore(AHEAD)
        self.came = 0
        self.stop = False

    def all(self, files: Sequence[_File]) -> dict[str, Exception | None]:
        """Opens, fetches, publishes."""
        pool = ThreadPoolExecutor(SIDE_BY_SIDE)
        try:
            queue: deque[tuple[_File, int, int]] = deque()
            for file in files:
                try:
                    file.open()
                    queue.extend((file, *block) for block in file.blocks())
                except OSError as error:
                    file.error = error
            under_way = [pool.submit(self._worker, queue) for _ in range(min(SIDE_BY_SIDE, max(1, len(queue))))]
            while not all(one.done() for one in under_way):
                try:
                    for _ in as_completed(under_way, timeout=LOOK_S):
                        pass
                except TimeoutError:
                    pass
                if self.looks is not None:
                    self.looks(self.came)
            for one in under_way:
                one.result()
            return {file.wanted.etag: self._ended(file) for file in files}
        finally:
            self.stop = True
            for _ in range(SIDE_BY_SIDE):
                self.room.release()
            pool.shutdown(wait=True)
            for file in files:
                file.close()

    def _worker(self, queue: deque[tuple[_File, int, int]]) -> None:
        while not self.stop:
            self.room.acquire()  # before the block is chosen: then the first that is missing is always under way
            try:
                file, first, end = queue.popleft()
            except IndexError:
                self.room.release()
                return
            done = 1
            try:
                if file.error is None and not self.stop:
                    block = self.depot.read_range(blob_key(file.wanted.etag), first, end)
                    self.came += len(block)
                    done = file.take(first, block)
            except Exception as error:  # noqa: BLE001 - of this file only; said by _ended
                done = file.fail(error)
            for _ in range(done):
                self.room.release()

    def _ended(self, file: _File) -> Exception | None:
        if file.error is None:
            try:
                file.publish(self.sync)
            except (OSError, ValueError) as error:
                file.error = error
        if file.error is not None:
            _trace.info(f"{self.depot.shown}: {file.wanted.etag}: {file.error}")
        return file.error
