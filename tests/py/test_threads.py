"""Other threads of the program: they run while the disk is asked, and may close what one of them waits for."""

from __future__ import annotations

import hashlib
import sys
import threading
from pathlib import Path

import pytest

from hubjet import _native
from tests.py.child import Child

COMMIT = "c" * 40


@pytest.fixture
def long_slices() -> object:
    """A thread that does not give up the GIL by itself keeps it for longer than any call takes."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(60)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("long_slices")
def test_others_run_while_the_store_works(tmp_path: Path) -> None:
    size = 64 << 20
    etag = hashlib.sha256(bytes(size)).hexdigest()
    repo = tmp_path / "models--a--b"
    (repo / "blobs").mkdir(parents=True)
    with open(repo / "blobs" / etag, "wb") as f:
        f.truncate(size)
    snapshot = repo / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    with open(snapshot / "copy.bin", "wb") as f:  # what lies there is hashed: is it the blob itself?
        f.truncate(size)
    asked, done, ran = threading.Event(), threading.Event(), []

    def other() -> None:
        asked.wait()
        ran.append(not done.is_set())

    thread = threading.Thread(target=other)
    thread.start()
    asked.set()
    _native.link_snapshot(str(repo), COMMIT, "copy.bin", etag, True)
    done.set()
    thread.join()
    assert ran == [True]


def test_a_job_may_be_closed_while_others_use_it() -> None:
    """By another thread that waits, or by what an error runs while the results are made. Freed memory is overwritten here, so that
    whoever still looks at it sees nonsense."""
    script = """
        import socket, threading
        from hubjet import _errors, _native
        silent = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/x"
        waited, messages = [], []
        job = _native.Job([{"url": url, "memory": 100}])
        job.start()
        threads = [threading.Thread(target=lambda: waited.append(job.wait(20))) for _ in range(4)]
        for thread in threads:
            thread.start()
        silent.accept()
        job.close()
        for thread in threads:
            thread.join()
        made = _errors.Cancelled.__init__
        def closes(self, *args, **facts):
            job.close()
            made(self, *args, **facts)
        _errors.Cancelled.__init__ = closes
        job = _native.Job([{"url": url, "memory": 100} for _ in range(40)])
        job.cancel()
        job.start()
        assert job.wait(20)
        outcomes = [(r["status"], type(r["error"]).__name__) for r in job.results()]
        try:
            job.look()
        except ValueError:
            closed = True
        result = [waited, outcomes, closed]
        """
    with Child(script, env={"GLIBC_TUNABLES": "glibc.malloc.perturb=165:glibc.malloc.tcache_count=0"}) as c:
        assert c.wait() == 0, c.err
        assert c.result == [[True] * 4, [["failed", "Cancelled"]] * 40, True]


def test_a_timer_that_signals_all_the_time_does_not_shorten_a_wait() -> None:
    script = """
        import signal, socket, time
        from hubjet import _native
        silent = socket.create_server(("127.0.0.1", 0))
        signals = []
        signal.signal(signal.SIGALRM, lambda *_: signals.append(1))
        job = _native.Job([{"url": f"http://127.0.0.1:{silent.getsockname()[1]}/x", "memory": 100}])
        job.start()
        signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
        began = time.monotonic()
        ended = job.wait(0.5)
        took = time.monotonic() - began
        signal.setitimer(signal.ITIMER_REAL, 0)
        job.close()
        result = [ended, took, len(signals)]
        """
    with Child(script) as c:
        assert c.wait() == 0, c.err
        ended, took, signals = c.result
        assert not ended and took >= 0.49 and signals > 20


class Shifty:
    """A path that changes the very request it is read from, as another thread might."""

    def __init__(self, want: dict[str, object]) -> None:
        self.want = want

    def __fspath__(self) -> str:
        path = str(self.want["side_dir"]) + "/f"
        self.want.clear()
        self.want["url"] = 7
        return path


def test_a_request_is_what_it_was_when_it_was_given(tmp_path: Path) -> None:
    want: dict[str, object] = {"url": "http://127.0.0.1:1/x", "side_dir": str(tmp_path)}
    want["path"] = Shifty(want)
    job = _native.Job([want])
    assert want == {"url": 7}
    job.close()


def test_a_job_that_is_made_twice_at_once_is_one_job(tmp_path: Path) -> None:
    """The first is still reading its arguments when the second is done: it gives way, and nothing of it stays."""
    job = _native.Job.__new__(_native.Job)
    plain: dict[str, object] = {"url": "http://127.0.0.1:1/x", "memory": 10}

    class Again:
        def __str__(self) -> str:
            job.__init__([plain])  # type: ignore[misc]
            return "value"

    with pytest.raises(RuntimeError, match="made before"):
        job.__init__([{**plain, "headers": [("name", Again())]}])  # type: ignore[misc]
    assert job.look()["state"] == "new"
    job.close()
