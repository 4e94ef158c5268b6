"""What a process may do around a download: fork, end, be interrupted, close what is not its own. No hang, no wrong bytes, and the next try
succeeds with what came."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.bench.bench_memory import cgroup
from tests.py.child import Child
from tests.server import Sparse, World

pytestmark = pytest.mark.usefixtures("hub_env")
MIB = 1 << 20
SIZE = 24 * MIB
SMALL = b'{"a": 1}'
BIG = "hubjet.hf_hub_download('org/name', 'model.safetensors')"
FINE = "import hubjet, hashlib\nresult = hashlib.sha256(open(hubjet.hf_hub_download('org/name', 'model.safetensors'), 'rb').read()).hexdigest()"


@pytest.fixture
def repo(world: World) -> Any:
    repo = world.repo("org/name")
    repo.commit({"model.safetensors": Sparse(SIZE, 5), "config.json": SMALL, **{f"s{i}.json": b"%d" % i for i in range(16)}}, lfs=("*.safetensors",))
    return repo


def ends_well(script: str, code: int = 0, env: dict[str, str] | None = None, timeout: float = 60) -> Child:
    """The child after it ended as it should."""
    with Child(script, env=env) as child:
        assert child.wait(timeout) == code, child.err
    return child


def next_try_succeeds(repo: Any) -> None:
    with Child(FINE) as child:
        assert child.wait() == 0, child.err
        assert child.result == repo.files("main")["model.safetensors"].etag


def blobs_are_right(cache: Path) -> None:
    """Whatever has a name is what the name says."""
    for blob in cache.glob("models--*/blobs/*"):
        data = blob.read_bytes()
        sums = hashlib.sha256(data).hexdigest(), hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
        assert blob.name in sums, f"{blob} has other bytes"


# --- fork ------------------------------------------------------------------------------------------


def test_forks_after_use_and_in_the_middle_of_a_download(world: World, repo: Any) -> None:
    """Data loaders do that. The child has an engine of its own, and ends by itself (atexit included) while its parent goes on."""
    gate = world.gate("model.safetensors")
    script = f"""
        import os, sys, threading
        import hubjet
        hubjet.hf_hub_download("org/name", "config.json")
        def fork(name):
            pid = os.fork()
            if pid == 0:
                path = hubjet.hf_hub_download("org/name", name)
                sys.exit(0 if open(path, "rb").read() == name[1:-5].encode() else 1)
            return pid
        def code(pid):
            return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        after_use = code(fork("s1.json"))
        done = []
        loader = threading.Thread(target=lambda: done.append({BIG}))
        loader.start()
        while not any(v["bytes"] for v in hubjet.ledger() if "model" in v["path"]) and not os.path.exists(os.environ["GO"]):
            pass
        in_the_middle = [code(pid) for pid in [fork(f"s{{i}}.json") for i in range(2, 6)]]
        open(os.environ["GO"] + ".forked", "w").close()
        loader.join()
        import hashlib
        result = [after_use, in_the_middle, hashlib.sha256(open(done[0], "rb").read()).hexdigest()]
    """
    go = Path(os.environ["HF_HOME"]).parent / "go"
    with Child(script, env={"GO": str(go)}) as child:
        gate.wait_reached(4 * MIB)
        go.touch()
        while not Path(f"{go}.forked").exists() and child.process.poll() is None:
            os.sched_yield()
        gate.open()
        assert child.wait() == 0, child.err
        assert child.result == [0, [0] * 4, repo.files("main")["model.safetensors"].etag]


def test_children_that_fork_during_the_very_first_use_can_use_it_too(repo: Any) -> None:
    """libcurl and OpenSSL are set up at the first use, under a lock; a child forked in that moment must not wait for it for ever. (All
    modules are there: who forks while another thread imports has a child in which that import never ends, CPython's own.)"""
    script = """
        import faulthandler, importlib, os, pkgutil, ssl, threading, json, urllib.parse
        import hubjet
        for module in pkgutil.iter_modules(hubjet.__path__):
            if not module.name.startswith("__"):
                importlib.import_module("hubjet." + module.name)
        try:
            hubjet.hf_hub_download("org/name", "config.json", local_files_only=True)
        except hubjet.LocalEntryNotFound:
            pass
        start = threading.Barrier(3)
        def load():
            start.wait()
            hubjet.hf_hub_download("org/name", "config.json")
        threads = [threading.Thread(target=load) for _ in range(2)]
        for t in threads:
            t.start()
        start.wait()
        pids = []
        for i in range(12):
            pid = os.fork()
            if pid == 0:
                faulthandler.dump_traceback_later(30, exit=True)
                hubjet.hf_hub_download("org/name", f"s{i}.json")
                os._exit(0)
            pids.append(pid)
        codes = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in pids]
        for t in threads:
            t.join()
        result = codes
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        assert child.result == [0] * 12, child.err


# --- threads and interpreters ----------------------------------------------------------------------


def test_sixteen_threads_at_once(world: World, repo: Any) -> None:
    script = f"""
        import hashlib, sys, threading
        import hubjet
        sys.setswitchinterval(1e-6)
        start, seen = threading.Barrier(16), []
        def load(i):
            start.wait()
            big = {BIG}
            small = hubjet.hf_hub_download("org/name", f"s{{i}}.json")
            hubjet.ledger(), hubjet.contacts(), hubjet.config()
            seen.append([hashlib.sha256(open(big, "rb").read()).hexdigest(), open(small).read() == str(i)])
        threads = [threading.Thread(target=load, args=(i,)) for i in range(16)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        result = seen
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        assert child.result == [[repo.files("main")["model.safetensors"].etag, True]] * 16
    assert sum(r.bytes for r in world.bodies() if "model" in r.path or r.bytes > MIB) <= SIZE * 1.2, "sixteen fetched it once"


def test_sub_interpreters_download_and_their_end_is_not_the_engines(repo: Any) -> None:
    if sys.version_info >= (3, 14):
        pytest.skip("_interpreters has another face there")
    script = f"""
        import hashlib
        try:
            import _interpreters as interpreters
        except ImportError:
            import _xxsubinterpreters as interpreters
        import threading
        import hubjet
        done = []
        loader = threading.Thread(target=lambda: done.append({BIG}))
        loader.start()
        for i in range(3):
            one = interpreters.create()
            failed = interpreters.run_string(one, f"import hubjet; assert open(hubjet.hf_hub_download('org/name', 's{{i}}.json')).read() == '{{i}}'")
            assert not failed, failed
            interpreters.destroy(one)   # runs its atexit functions, ours among them
        loader.join()
        result = hashlib.sha256(open(done[0], "rb").read()).hexdigest()
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        assert child.result == repo.files("main")["model.safetensors"].etag


# --- the end of the interpreter --------------------------------------------------------------------


def test_a_daemon_thread_that_downloads_at_exit_is_silent(world: World, repo: Any, cache: Path) -> None:
    gate = world.gate("model.safetensors")
    script = f"""
        import threading, time
        import hubjet
        released = threading.Lock()
        def load():
            with released:
                {BIG}
        threading.Thread(target=load, daemon=True).start()
        input()
        import atexit
        atexit.register(lambda: None)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True, env={**os.environ, "HF_HUB_DISABLE_PROGRESS_BARS": "1"})
    gate.wait_reached(8 * MIB)
    out, err = process.communicate("\n", timeout=60)
    assert (process.returncode, out, err) == (0, "", "")
    gate.open()
    next_try_succeeds(repo)
    blobs_are_right(cache)


def test_what_runs_at_exit_may_download_and_gets_errors_not_silence(repo: Any) -> None:
    """A function that was registered before hubjet came runs after hubjet's own."""
    script = """
        import atexit, os
        def late():
            import hubjet
            path = hubjet.hf_hub_download("org/name", "s3.json")
            assert open(path).read() == "3"
            try:
                hubjet.hf_hub_download("org/name", "nothing.json")
            except hubjet.EntryNotFound:
                print("late", flush=True)
        atexit.register(late)
        import hubjet
        hubjet.hf_hub_download("org/name", "s1.json")
        atexit.register(lambda: print("early", open(hubjet.hf_hub_download("org/name", "s2.json")).read(), flush=True))
    """
    child = ends_well(script)
    assert (child.printed, child.err) == ("early 2\nlate\n", "")


# --- signals ---------------------------------------------------------------------------------------


def test_ctrl_c_at_fifty_random_moments(world: World, repo: Any, cache: Path) -> None:
    """Each ends with KeyboardInterrupt, none loses what the journal has, the last one finishes."""
    world.pace(None, 60e6)
    script = f"""
        import os, random, signal, threading
        import hubjet
        dice = random.Random(11)
        interrupted = finished = 0
        held = []
        for i in range(50):
            sent = threading.Event()
            def interrupt():
                os.kill(os.getpid(), signal.SIGINT)
                sent.set()
            try:
                timer = threading.Timer(dice.uniform(0, 0.05), interrupt)
                timer.start()
                try:
                    {BIG}
                    finished += 1
                finally:
                    while not sent.is_set():   # it may come behind the download: then it ends this
                        pass
                    timer.join()
            except KeyboardInterrupt:
                interrupted += 1
        before = sum(v["bytes"] for v in hubjet.ledger())
        path = {BIG}
        import hashlib
        result = [interrupted, finished, sum(v["bytes"] for v in hubjet.ledger()), hashlib.sha256(open(path, "rb").read()).hexdigest()]
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        interrupted, finished, received, digest = child.result
        assert interrupted == 50 and "Traceback" not in child.err
        assert digest == repo.files("main")["model.safetensors"].etag
    blobs_are_right(cache)
    assert received <= SIZE * 1.5, f"{received / MIB:.1f} MiB for {SIZE // MIB}"


def test_ctrl_c_waits_for_no_import(world: World, repo: Any, cache: Path) -> None:
    """A line for a log that nobody reads imported logging and eight more modules: 10 ms on a good day, between Ctrl-C and its exception."""
    gate = world.gate("model.safetensors")
    script = f"""
        import signal, sys
        import hubjet
        known = set()
        def stop(*_):
            known.update(sys.modules)
            raise KeyboardInterrupt
        signal.signal(signal.SIGINT, stop)
        try:
            {BIG}
        except KeyboardInterrupt:
            result = sorted(set(sys.modules) - known)
    """
    with Child(script) as child:
        gate.wait_reached(16 * MIB)
        child.kill(signal.SIGINT)
        assert child.wait() == 0, child.err
        assert child.result == []


def test_sigterm_ends_it_and_keeps_what_came(world: World, repo: Any, cache: Path) -> None:
    gate = world.gate("model.safetensors")
    with Child(f"import hubjet; {BIG}") as child:
        gate.wait_reached(16 * MIB)
        child.kill(signal.SIGTERM)
        assert child.wait() == -signal.SIGTERM
    gate.open()
    world.clear()
    next_try_succeeds(repo)
    assert sum(r.bytes for r in world.bodies()) < SIZE, "some of it was kept"


# --- limits ----------------------------------------------------------------------------------------

TRY = f"""
try:
    {BIG}
    result = "done"
except (MemoryError, OSError, hubjet.HubjetError) as error:
    result = type(error).__name__ + ": " + str(error)
"""


def with_limit(limit: str, value: str) -> str:
    """The download under it, and then without: nothing may be broken for good."""
    return f"""
import resource, os
import hubjet
hubjet.hf_hub_download("org/name", "config.json")
before = resource.getrlimit(resource.{limit})
resource.setrlimit(resource.{limit}, ({value}, before[1]))
{TRY}
first = result
resource.setrlimit(resource.{limit}, before)
{TRY}
result = [first, result]
"""


@pytest.mark.parametrize("mib", [0, 2, 8, 32, 128])
def test_little_memory_is_an_error_or_enough(repo: Any, cache: Path, mib: int) -> None:
    used = "int(open('/proc/self/statm').read().split()[0]) * 4096"
    with Child(with_limit("RLIMIT_AS", f"{used} + {mib << 20}")) as child:
        assert child.wait() == 0, child.err
        first, then = child.result
    assert first == "done" or "memory" in first.lower() or "MemoryError" in first, first
    assert then == "done"
    blobs_are_right(cache)


def test_a_container_with_little_memory_is_enough(world: World, cache: Path) -> None:
    """The page cache counts in a memory cgroup, too: the kernel must write and forget while 256 MiB come through 64. Whoever asks for more is killed."""
    size, limit = 256 * MIB, 64 * MIB
    repo = world.repo("org/large")
    repo.commit({"model.safetensors": Sparse(size, 9)}, lfs=("*.safetensors",))
    with cgroup(limit) as procs:
        if procs is None:
            pytest.skip("no memory cgroup may be made here")
        peak = Path(procs).with_name("memory.max_usage_in_bytes")  # v1's; v2's has another name since Linux 5.19
        script = f"""
            import hashlib, hubjet, os
            open({procs!r}, "w").write(str(os.getpid()))
            path = hubjet.hf_hub_download("org/large", "model.safetensors")
            peak = {str(peak)!r} if os.path.exists({str(peak)!r}) else {str(peak.with_name("memory.peak"))!r}
            result = [hashlib.file_digest(open(path, "rb"), "sha256").hexdigest() if hasattr(hashlib, "file_digest") else "",
                      int(open(peak).read()) if os.path.exists(peak) else None]
        """
        with Child(script) as child:
            assert child.wait() == 0, child.err
            digest, used = child.result
    assert digest in ("", repo.files("main")["model.safetensors"].etag)
    assert used is None or 0.9 * limit < used <= limit, "it was not felt"
    blobs_are_right(cache)


@pytest.mark.parametrize("more", [0, 3, 6, 9])
def test_few_descriptors_are_an_error_or_enough(repo: Any, cache: Path, more: int) -> None:
    with Child(with_limit("RLIMIT_NOFILE", f"max(map(int, os.listdir('/proc/self/fd'))) + {more}"), env={"HUBJET_TIMEOUT": "3"}) as child:
        assert child.wait() == 0, child.err
        first, then = child.result
    assert first == "done" or "descriptor" in first or "open files" in first.lower() or "connect" in first.lower() or "certificates cannot be read" in first, first
    assert then == "done"
    blobs_are_right(cache)


# --- what is not there any more --------------------------------------------------------------------


def test_without_stdin_stdout_and_stderr_what_is_printed_goes_into_no_file(world: World, repo: Any, cache: Path) -> None:
    """Their numbers are free then, and the next file would get them."""
    world.pace(None, 30e6)
    script = f"""
        import os
        for fd in (0, 1, 2):
            os.close(fd)
        import threading
        import hubjet
        ended = threading.Event()
        def chatter():
            while not ended.is_set():
                for fd in (0, 1, 2):
                    try:
                        os.write(fd, b"a line that belongs elsewhere\\n")
                    except OSError:
                        pass
        threading.Thread(target=chatter).start()
        try:
            result = {BIG}
        finally:
            ended.set()
    """
    with Child(script, env={"HF_HUB_DISABLE_PROGRESS_BARS": "0"}) as child:
        assert child.wait() == 0
        assert hashlib.sha256(Path(child.result).read_bytes()).hexdigest() == repo.files("main")["model.safetensors"].etag
    blobs_are_right(cache)


def test_the_working_folder_changes_and_vanishes_meanwhile(world: World, repo: Any, tmp_path: Path) -> None:
    gate = world.gate("model.safetensors")
    (tmp_path / "here" / "gone").mkdir(parents=True)
    script = f"""
        import os, threading
        import hubjet
        os.chdir({str(tmp_path / "here")!r})
        done = []
        loader = threading.Thread(target=lambda: done.append(hubjet.hf_hub_download("org/name", "model.safetensors", cache_dir="cache")))
        loader.start()
        while not any(v["bytes"] > 1000 for v in hubjet.ledger()) and not os.path.exists({str(tmp_path / "go")!r}):
            pass
        os.chdir("gone")
        os.rmdir(os.getcwd())
        open({str(tmp_path / "moved")!r}, "w").close()
        loader.join()
        result = done[0]
    """
    with Child(script) as child:
        gate.wait_reached(4 * MIB)
        (tmp_path / "go").touch()
        while not (tmp_path / "moved").exists() and child.process.poll() is None:
            os.sched_yield()
        gate.open()
        assert child.wait() == 0, child.err
        assert Path(child.result).resolve().is_relative_to(tmp_path / "here" / "cache")
        assert hashlib.sha256(Path(child.result).read_bytes()).hexdigest() == repo.files("main")["model.safetensors"].etag


@pytest.mark.parametrize("seed", range(3))
def test_descriptors_that_somebody_else_closes(world: World, repo: Any, cache: Path, seed: int) -> None:
    """An error or the file; never a hang, a crash, or wrong bytes under a name."""
    world.pace(None, 60e6)
    script = f"""
import os, random, threading
import hubjet
dice = random.Random({seed})
hubjet.hf_hub_download("org/name", "config.json")
def close():
    for i in range(4):
        threading.Event().wait(dice.uniform(0.01, 0.08))
        ours = [fd for fd in map(int, os.listdir("/proc/self/fd")) if fd > 2]
        try:
            os.close(dice.choice(ours))
        except OSError:
            pass
thread = threading.Thread(target=close)
thread.start()
{TRY}
thread.join()
"""
    with Child(script, env={"HUBJET_TIMEOUT": "2"}) as child:
        assert child.wait(100) == 0, child.err
        assert child.result
    world.pace(None, None)
    blobs_are_right(cache)
    next_try_succeeds(repo)


# --- event loops -----------------------------------------------------------------------------------


def test_an_asyncio_loop_goes_on_meanwhile(world: World, repo: Any) -> None:
    world.pace(None, 60e6)
    script = f"""
        import asyncio, hashlib
        import hubjet
        ticks = 0
        async def tick():
            global ticks
            while True:
                ticks += 1
                await asyncio.sleep(0.005)
        async def main():
            ticking = asyncio.create_task(tick())
            loaded = await asyncio.gather(*[asyncio.to_thread(lambda: {BIG}) for _ in range(3)])
            ticking.cancel()
            return loaded
        paths = asyncio.run(main())
        result = [len(set(paths)), hashlib.sha256(open(paths[0], "rb").read()).hexdigest(), ticks]
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        one, digest, ticks = child.result
    assert (one, digest) == (1, repo.files("main")["model.safetensors"].etag) and ticks > 5


def test_under_gevent_it_downloads(repo: Any) -> None:
    pytest.importorskip("gevent", reason="gevent is not installed (it is not needed for anything else)")
    script = f"""
        from gevent import monkey
        monkey.patch_all()
        import gevent, hashlib
        import hubjet
        jobs = [gevent.spawn(lambda: {BIG}) for _ in range(3)]
        gevent.joinall(jobs)
        result = [hashlib.sha256(open(j.get(), "rb").read()).hexdigest() for j in jobs]
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        assert child.result == [repo.files("main")["model.safetensors"].etag] * 3
