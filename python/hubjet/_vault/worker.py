"""The thread that brings downloads to the vault: one a process, while there is something to bring. Imports _config, _errors, _transport, _trace,
_licence, _store, _vault.*.

A download is over and usable before anything is copied. The thread holds still while downloads of this process run, asks for the lowest
priority, and gives up the GIL in every read, write and hash. The queue is the journal: a kill loses a piece at most, and the next process that
is told of the same vault goes on. At the end of a program it is waited for, for `vault_wait` seconds; a fork's child leaves it to its parent.
"""

from __future__ import annotations

import atexit
import os
import sys
import threading
import time

from .. import _trace, _transport, _words
from .._errors import HubjetError, StorageError
from .._names import is_commit
from .._show import receipt
from . import journal, local, rates, shelf, trouble, writer
from .journal import FAILED, QUEUED, SAVED, WRITING, Row
from .writer import Proven

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .._config import Config
    from .local import Store

RETRY_S = (15.0, 60.0, 300.0, 900.0)  # after the first failure, the second …
FLUSH_EVERY_S = 0.5  # how often the journal learns of bytes that moved
STARVED_S = 5.0  # so long a block waits for downloads at most: one that never ends must not keep the vault waiting for ever
TAKEN_S = 1.0  # how often it is looked whether the process that copies is still there


class Stopped(Exception):
    """The thread is to end: the program does."""


class Worker:
    """The queue of this process. Threads: any call from any thread; `_run` is the thread's own."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._configs: dict[str, Config] = {}  # by vault: those this process was told of
        self._noted: set[tuple[str, str, str, str]] = set()
        self._stop = self._paused = self._hurry = False
        self._at_exit = False
        self._lock_file = -1
        self.pid = os.getpid()

    # --- told by calls

    def note(self, config: Config, store: Store, commit: str, revision: str, what: str | None) -> None:
        """A call has brought `what` of this commit (or found it here; None: it has no words). Costs a set's look-up when that is known. A journal
        that cannot be written is said, and costs the caller nothing: what was asked for is here."""
        vault = config.vault
        if vault is None:
            return
        key = (vault, store.folder, commit, what or "")
        if key in self._noted and what is not None:
            return
        self._noted.add(key)
        told = receipt.current()
        if told is not None and told.fetched:  # how fast the hub is, for the day when the vault has it, too
            rates.note(config, config.endpoint, told.fetched, told.so_far())
        try:
            self._note(config, vault, store, commit, revision)
        except OSError as error:
            _trace.warn(f"{store.repo.id} is not copied to the vault: {error}", once=f"vault note {vault}")

    def _note(self, config: Config, vault: str, store: Store, commit: str, revision: str) -> None:
        if vault not in self._configs:
            self._configs[vault] = config
            self._begin_if_any(config, vault)
        row = journal.row_for(config, vault, store, commit)
        if row.state == SAVED and not _is_more(row):
            if is_commit(revision) or revision in row.revisions:
                return
        self.queue(config, row, revision)

    def queue(self, config: Config, row: Row, revision: str | None, *, anew: bool = False) -> None:
        """Writes the row, and has it done. `anew`: the vault's folder is named for the first time again, and may be made."""

        def change(now: Row) -> None:
            if revision is not None and not is_commit(revision):
                now.revisions[revision] = int(time.time())
            now.state, now.queued, now.next_try, now.error = QUEUED, now.queued or time.time(), 0.0, None
            now.asked += 1
            if anew:
                now.mount = None

        journal.ask(row, change)
        self.start(config, row.vault)

    def _begin_if_any(self, config: Config, vault: str) -> None:
        if any(row.state != SAVED for row in journal.rows(config, vault)):
            self.start(config, vault)

    def start(self, config: Config, vault: str) -> None:
        """The thread runs, or is woken up."""
        with self.changed:
            self._configs[vault] = config
            self._stop = False
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="hubjet-vault", daemon=True)
                try:
                    self._thread.start()
                except RuntimeError:  # the interpreter is at its end: the journal keeps it for the next one
                    self._thread = None
            if not self._at_exit:
                self._at_exit = True
                atexit.register(self.end)
            self.changed.notify_all()

    def pause(self, on: bool) -> None:
        """Holds still between two blocks until it is told otherwise."""
        with self.changed:
            self._paused = on
            self.changed.notify_all()

    def flush(self, config: Config, vault: str, timeout: float | None, progress: Callable[[], object] | None = None) -> bool:
        """Waits until everything is on the vault, or was tried in vain since now. True: all of it is there."""
        left = [row for row in journal.rows(config, vault) if row.state != SAVED]
        if not left:
            return True
        begun = time.time()
        for row in left:
            if row.next_try:
                row.next_try = 0.0
                row.write()
        self.start(config, vault)
        end = None if timeout is None else time.monotonic() + timeout
        self._hurry = True
        try:
            while True:
                left = [row for row in journal.rows(config, vault) if row.state != SAVED]
                if not any(row.state != FAILED or row.tried < begun for row in left):
                    return not left
                if end is not None and time.monotonic() >= end:
                    return False
                if progress is not None:
                    progress()
                with self.changed:
                    self.changed.wait(0.2 if end is None else max(min(0.2, end - time.monotonic()), 0.01))
        finally:
            self._hurry = False

    def leave(self) -> None:
        """The end of this program says and waits for nothing: it was done before."""
        self._configs.clear()

    def end(self) -> None:
        """The program ends: what is under way gets `vault_wait` seconds, and is said."""
        if os.getpid() != self.pid:
            return
        try:
            for vault, config in list(self._configs.items()):
                self._wait_at_end(config, vault)
        finally:
            self._stop = True
            with self.changed:
                self.changed.notify_all()
            if self._thread is not None:
                self._thread.join(1.0)

    def _wait_at_end(self, config: Config, vault: str) -> None:
        if self.flush(config, vault, 0.3):
            return
        left = [row for row in journal.rows(config, vault) if row.state != SAVED]
        alive = [row for row in left if row.state != FAILED]
        if alive and config.vault_wait > 0:
            size = sum(row.size - row.read_back for row in alive)
            todo = f"about {_words.size(size)}" if size > 0 else "what was downloaded"
            _trace.warn(f"{todo} goes to the vault {vault}; the program waits for it, {_words.span(config.vault_wait)} at most (vault_wait; Ctrl-C ends that)")
            try:
                if self.flush(config, vault, config.vault_wait):
                    return
            except KeyboardInterrupt:
                pass
        left = [row for row in journal.rows(config, vault) if row.state != SAVED]
        if left:
            names = ", ".join(row.repo.id for row in left[:3]) + (" …" if len(left) > 3 else "")
            why = next((f": {row.error['headline']}" for row in left if row.error), "")
            _trace.warn(f"not on the vault yet: {names}{why}. It is whole on this disk; the next program with this vault goes on, or `hubjet vault put`")

    # --- the thread

    def _run(self) -> None:
        _be_humble()
        try:
            while not self._stop:
                if not self._claim():
                    with self.changed:
                        self.changed.wait(TAKEN_S)
                    if not self._left():
                        break
                    continue
                wait_s = self._round()
                if wait_s is None:
                    break
                with self.changed:
                    self.changed.notify_all()
                    if not self._stop and not self._due():
                        self.changed.wait(wait_s)
        except Stopped:
            pass
        finally:
            self._let_go()
            with self.changed:
                if self._thread is threading.current_thread():
                    self._thread = None
                self.changed.notify_all()
        if not self._stop and self._due():  # queued between the last look and the end
            for vault, config in list(self._configs.items()):
                self.start(config, vault)

    def _left(self) -> list[Row]:
        return [row for vault, config in list(self._configs.items()) for row in journal.rows(config, vault) if row.state != SAVED]

    def _due(self) -> bool:
        now = time.time()
        return any(row.next_try <= now for row in self._left())

    def _round(self) -> float | None:
        """Tries what is due; answers in how many seconds there is more, None: nothing is left."""
        for vault, config in list(self._configs.items()):
            for row in journal.rows(config, vault):
                if self._stop:
                    return 0.0
                if row.state != SAVED and row.next_try <= time.time():
                    self._one(config, row)
        left = self._left()
        if not left:
            return None
        return max(0.05, min(row.next_try for row in left) - time.time())

    def _one(self, config: Config, row: Row) -> None:
        tell = _Teller(self, row)
        row.state, row.error, row.tried, row.tries = WRITING, None, time.time(), row.tries + 1
        dead, me = [who for who in row.who if not journal.is_alive(who)], f"{os.getpid():x}{os.urandom(3).hex()}"
        row.who = [*row.who[-8:], me]
        wanted, nameless = local.sources(row.store, row.commit)
        if nameless:
            _trace.warn(f"{row.repo.id}: no digest is known for {', '.join(nameless[:3])}; not kept in the vault", once=f"nameless {row.path}")
        if not wanted:  # taken out of the cache before its turn came
            _trace.warn(f"{row.repo.id} is not on this disk any more, so it does not go to the vault {row.vault}")
            journal.forget(row)
            return
        row.files, row.size = len(wanted), sum(source.size for source in wanted)
        row.written = row.read_back = 0
        asked = row.asked
        try:
            row.write()
            row.mount = writer.open_vault(row.vault, row.mount, make=row.mount is None)
            if dead:
                writer.sweep(row.vault, row.repo, dead, time.time())
            before = {at: Proven(*facts) for at, facts in row.proven.items()}
            whole = writer.keep(row.vault, row.store, row.commit, wanted, row.revisions, _licence(row), before, me, tell)
            row.paths = sorted(whole.files)
            row.state, row.proven, row.who, row.tries, row.next_try = SAVED, {}, [], 0, 0.0
            row.written = row.read_back = row.size
        except Stopped:
            row.state = QUEUED
            raise
        except (OSError, HubjetError, ValueError) as error:
            self._failed(row, error)
        finally:
            _write(row)
            if row.asked != asked and row.state == SAVED:  # more of it came while it was copied
                row.state = QUEUED
                _write(row)

    def _failed(self, row: Row, error: Exception) -> None:
        if isinstance(error, OSError) and not isinstance(error, HubjetError):
            error = trouble.in_words(error, row.vault, f"{row.repo.id} could not be copied there", "the local copy is whole and loads as ever")
        text = str(error)
        headline, _, rest = text.partition("\n")
        advice = getattr(error, "advice", None) or next((line.strip()[3:].strip() for line in rest.split("\n") if line.strip().startswith("do ")), None)
        number = getattr(error, "errno", None)
        row.state, row.tried = FAILED, time.time()
        row.error = {"headline": headline, "message": text, "errno": number, "advice": advice}
        row.next_try = time.time() + RETRY_S[min(row.tries - 1, len(RETRY_S) - 1)]
        whose = "" if row.repo.id in headline else f" ({row.repo.id})"
        _trace.warn(f"{headline}{whose}; {advice or 'hubjet.vault.status() says more'}", once=f"vault {row.path} {headline}")

    # --- one copier of this user at a time, where locks work; else two write the same under two private names

    def _claim(self) -> bool:
        if self._lock_file >= 0:
            return True
        config = next(iter(self._configs.values()))
        try:
            import fcntl

            os.makedirs(journal.folder(config), exist_ok=True)
            file = os.open(os.path.join(journal.folder(config), "lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except (ImportError, OSError):
            return True
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        except OSError:
            pass  # benign: this disk has no locks
        self._lock_file = file
        return True

    def _let_go(self) -> None:
        file, self._lock_file = self._lock_file, -1
        if file >= 0:
            os.close(file)


class _Teller:
    """How far one row is: see writer.Tell."""

    def __init__(self, worker: Worker, row: Row) -> None:
        self._worker, self._row, self._wrote = worker, row, time.monotonic()

    def pace(self) -> None:
        worker = self._worker
        begun = time.monotonic()
        while not worker._stop and (worker._paused or (not worker._hurry and _transport.running() and time.monotonic() - begun < STARVED_S)):
            with worker.changed:
                worker.changed.wait(0.05)
        if worker._stop:
            raise Stopped

    def moved(self, written: int, read_back: int) -> None:
        self._row.written += written
        self._row.read_back += read_back
        if time.monotonic() - self._wrote >= FLUSH_EVERY_S:
            self._wrote = time.monotonic()
            _write(self._row)

    def proven(self, at: str, facts: Proven) -> None:
        self._row.proven[at] = list(facts)
        if facts.how not in self._row.how:
            self._row.how.append(facts.how)
        if facts.size >= 1 << 20 or time.monotonic() - self._wrote >= FLUSH_EVERY_S:
            self._wrote = time.monotonic()
            _write(self._row)


def _write(row: Row) -> None:
    try:
        row.write()
    except StorageError as error:  # benign: what a kill would then lose is read back from the vault
        _trace.warn(f"the vault's journal cannot be written: {error}", once="vault journal")


def _is_more(row: Row) -> bool:
    """Whether more is here of this commit than was brought to the vault."""
    wanted, _ = local.sources(row.store, row.commit)
    return not {source.path for source in wanted} <= set(row.paths)


def _licence(row: Row) -> str | None:
    from .. import _licence

    try:
        with open(local.place_of(row.store, row.commit, _licence.CARD), "rb") as file:
            return _licence.read_card(file.read(_licence.HEAD_MAX)).label
    except OSError:
        return None


def _be_humble() -> None:
    """The thread's own priority (Linux): the program's work comes first."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), 19)
        except OSError:
            pass  # benign


_worker: Worker | None = None
_making = threading.Lock()


def worker() -> Worker:
    """This process's. A fork's child has one of its own, without a thread: what its parent was about stays with the parent."""
    global _worker
    with _making:
        if _worker is None or _worker.pid != os.getpid():
            _worker = Worker()
        return _worker


def _in_child() -> None:
    global _worker, _making
    _making = threading.Lock()
    if _worker is not None:
        _worker._let_go()  # the lock belongs to the open file, which both have: only closed in both it ends with the parent
        _worker = None
    shelf._known.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_child)
