"""hubjet.start(): what a job tells, that it stops at once, and that nothing of it is left."""

from __future__ import annotations

import asyncio
import gc
import io
import os
import re
import sys
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

import hubjet
from hubjet._show import tally as _tally
from hubjet._job import _Work
from hubjet._show.tally import Tally
from tests.py.child import ROOT, Child
from tests.py.peers import need_peer, peer_env
from tests.server import World

SIZE = 12_000_000
SMALL = {f"{i}.json": b"{%d}" % i for i in range(5)}

pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture
def held(world: World) -> Iterator[Any]:
    """org/held, of which 4 MB come and then nothing more, until the gate is opened."""
    world.repo("org/held").commit({"config.json": b"{}", "model.safetensors": b"\7" * SIZE})
    gate = world.gate("org/held/model.safetensors", 4_000_000)
    yield gate
    gate.open()


def begun(gate: Any, *args: Any, **more: Any) -> hubjet.Job[Any]:
    """A job that has come as far as the gate."""
    job = hubjet.start(*(args or ("org/held",)), **more)
    gate.wait_reached(4_000_000)
    return job


def ended(job: hubjet.Job[Any]) -> None:
    """Its thread has gone."""
    thread = job._work.thread
    assert thread is not None
    thread.join(30)
    assert not thread.is_alive()


# --- events -----------------------------------------------------------------------------------------


def test_events_are_the_plan_each_file_with_its_digest_and_the_end(world: World) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE, **SMALL})
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    events = [event for event in job if not isinstance(event, hubjet.Progress)]
    total = SIZE + sum(map(len, SMALL.values()))
    assert events[0] == hubjet.Planned(6, 0, total, total)
    assert events[-1] == hubjet.JobDone(job.result())
    files = {event.filename: event for event in events[1:-1] if isinstance(event, hubjet.FileDone)}
    assert set(files) == {"m.bin", *SMALL} and len(events) == 14
    started = {event.filename: event.size for event in events if isinstance(event, hubjet.FileStarted)}
    assert started == {"m.bin": SIZE, **{name: len(content) for name, content in SMALL.items()}}
    for name, file in files.items():
        assert events.index(hubjet.FileStarted(name, file.size)) < events.index(file)
    assert files["m.bin"].digest and files["m.bin"].digest.startswith("sha256:") and files["m.bin"].fetched == SIZE
    assert files["0.json"].digest and files["0.json"].digest.startswith("git-sha1:")
    assert Path(files["m.bin"].path or "").read_bytes() == b"1" * SIZE
    assert job.progress == hubjet.Progress("done", total, total, 6, 6, elapsed_s=job.progress.elapsed_s) or job.progress.bytes == total
    assert job.done and not job.cancelled and job.progress.fraction == 1


def test_what_is_here_is_counted_and_does_not_come_again(world: World) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE, **SMALL})
    hubjet.hf_hub_download("org/a", "m.bin")
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    plan = next(event for event in job if isinstance(event, hubjet.Planned))
    small = sum(map(len, SMALL.values()))
    assert (plan.files, plan.here, plan.size, plan.missing) == (6, 1, SIZE + small, small)
    job.result()
    assert (job.progress.bytes, job.progress.files_done) == (SIZE + small, 6)


def test_one_that_has_nothing_to_do_ends_with_its_result(world: World) -> None:
    commit = world.repo("org/a").commit(dict(SMALL))
    folder = hubjet.snapshot_download("org/a", revision=commit)
    world.clear()
    job = hubjet.start(hubjet.snapshot_download, "org/a", revision=commit)
    assert list(job) == [hubjet.JobDone(folder)] and world.requests == []


@pytest.mark.parametrize("late", [False, True])
def test_several_iterate_and_each_sees_all(world: World, late: bool) -> None:
    world.repo("org/a").commit(dict(SMALL))
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    if late:
        job.result()
    seen: list[list[Any]] = [[] for _ in range(3)]
    threads = [threading.Thread(target=lambda mine=mine: mine.extend(e for e in job if not isinstance(e, hubjet.Progress))) for mine in seen]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(seen[0]) == 12 and seen[0] == seen[1] == seen[2]


def test_a_file_that_fails_is_told_and_so_is_the_end(world: World) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE, **SMALL})
    world.fault("cdn", "*m.bin", "corrupt")
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    events = list(job)
    failed = [event for event in events if isinstance(event, hubjet.FileFailed)]
    assert [event.filename for event in failed] == ["m.bin"] and isinstance(failed[0].error, hubjet.IntegrityError)
    assert isinstance(events[-1], hubjet.JobFailed)
    with pytest.raises(hubjet.IntegrityError) as caught:
        job.result()
    assert caught.value is events[-1].error
    assert job.done and not job.cancelled and job.progress.state == "failed"


def test_a_file_is_told_when_it_is_here_and_not_when_all_are(held: Any) -> None:
    job = begun(held)
    for event in job:
        if isinstance(event, hubjet.FileDone):
            break
    assert event.filename == "config.json" and not job.done
    held.open()
    assert [e.filename for e in job if isinstance(e, hubjet.FileDone)] == ["config.json", "model.safetensors"]


@pytest.mark.parametrize(
    ("behaviour", "options", "kind"),
    [("drop", {"n": 1_000_000}, hubjet.NetworkError), ("status", {"code": 503}, hubjet.ServerError), ("wrong_range", {}, hubjet.ProtocolError)],
)
def test_a_try_that_failed_is_told_with_its_cause_and_when_it_is_made_again(world: World, behaviour: str, options: Any, kind: type) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE})
    world.fault("cdn", "*m.bin", behaviour, times=1, **options)
    events = list(hubjet.start(hubjet.snapshot_download, "org/a"))
    stumbled = [event for event in events if isinstance(event, hubjet.Stumbled)]
    assert stumbled and all(event.filename == "m.bin" and 0 <= event.again_s < 60 for event in stumbled)
    assert any(isinstance(event.error, kind) for event in stumbled), stumbled
    assert isinstance(events[-1], hubjet.JobDone) and events.index(stumbled[0]) < next(i for i, e in enumerate(events) if isinstance(e, hubjet.FileDone))


def test_the_receipt_is_there_when_the_end_is_told(world: World) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE, **SMALL})
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    assert job.receipt is None or job.done
    job.result(60)
    assert job.receipt is not None and job.receipt.what == "org/a" and len(job.receipt.files) == 6 and job.receipt.fetched >= SIZE
    lost = hubjet.start("org/nope")
    with pytest.raises(hubjet.RepoNotFound):
        lost.result(60)
    assert lost.receipt is not None and lost.receipt.error and "org/nope" in lost.receipt.error


def test_a_second_try_with_a_token_counts_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/gated", gated="auto").commit({"m.bin": b"1" * SIZE, **SMALL})
    monkeypatch.setenv("HF_TOKEN", world.token("me", gates=["org/gated"]))
    job = hubjet.start(hubjet.snapshot_download, "org/gated")
    events = list(job)
    assert not [event for event in events if isinstance(event, hubjet.FileFailed | hubjet.JobFailed)]
    total = SIZE + sum(map(len, SMALL.values()))
    assert (job.progress.files, job.progress.files_done, job.progress.bytes, job.progress.size) == (6, 6, total, total)


# --- what can be started ------------------------------------------------------------------------------


def test_a_model_a_url_and_any_function_can_be_started(world: World, tmp_path: Path) -> None:
    world.repo("org/a").commit({"config.json": b"{}", "model.safetensors": b"2" * 5000})
    url = world.file("plain.bin", b"3" * 5000)
    folder = hubjet.start("org/a", str).result(60)
    assert Path(folder, "model.safetensors").stat().st_size == 5000
    assert hubjet.start(url, tmp_path / "x", size=5000).result(60) == tmp_path / "x"
    assert hubjet.start(hubjet.hf_hub_download, "org/a", "config.json", local_dir=tmp_path / "d").result(60) == str(tmp_path / "d" / "config.json")

    def two() -> int:
        hubjet.fetch(url, tmp_path / "y")
        hubjet.hf_hub_download("org/a", "model.safetensors", force_download=True)
        return 2

    job = hubjet.start(two)
    assert job.result(60) == 2
    assert (job.progress.files, job.progress.files_done, job.progress.bytes, job.progress.size) == (2, 2, 10_000, 10_000)


def test_errors_of_the_call_are_the_jobs() -> None:
    with pytest.raises(ValueError):
        hubjet.start("no//name").result(60)
    with pytest.raises(TypeError):
        hubjet.start("org/a", revison="v1").result(60)


def test_settings_around_the_start_hold_for_the_job(world: World, tmp_path: Path) -> None:
    world.repo("org/a").commit(dict(SMALL))
    with hubjet.settings(cache_dir=tmp_path / "other"):
        job = hubjet.start("org/a", allow_patterns="*.json")
    assert tmp_path / "other" in job.result(60).parents


class Terminal(io.StringIO):
    """A screen with eyes before it."""

    def isatty(self) -> bool:
        return True


def test_no_bar_appears_beside_the_caller_unless_it_is_wanted(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Terminal()
    monkeypatch.setattr(sys, "stderr", screen)
    world.repo("org/a").commit({"m.bin": b"1" * SIZE})
    hubjet.start(hubjet.hf_hub_download, "org/a", "m.bin").result(60)
    assert screen.getvalue() == ""
    with hubjet.settings(progress=True):
        hubjet.start(hubjet.hf_hub_download, "org/a", "m.bin", force_download=True).result(60)
    assert screen.getvalue() != ""


# --- progress -----------------------------------------------------------------------------------------


def test_the_progress_can_be_looked_at_at_any_time(held: Any) -> None:
    job = begun(held)
    now = job.progress
    assert now.state == "running" and now.size == SIZE + 2 and 0 < now.bytes < SIZE and now.connections > 0
    assert now.files == 2 and now.files_done <= 1 and now.fraction is not None and now.fraction < 0.5
    assert "running" in repr(job) and "of 12.0 MB" in repr(job)
    held.open()
    job.result(60)
    assert job.progress.state == "done" and job.progress.bytes == SIZE + 2 and job.progress.eta_s is None


def test_the_callback_is_called_in_the_jobs_thread_and_last_when_it_is_done(world: World) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE})
    seen: list[hubjet.Progress] = []
    threads: set[str] = set()
    job = hubjet.start(hubjet.snapshot_download, "org/a", on_progress=lambda p: (seen.append(p), threads.add(threading.current_thread().name)))
    job.result(60)
    assert seen and seen[-1].state == "done" and seen[-1].bytes == SIZE and [p.state for p in seen].count("done") == 1
    assert threads == {"hubjet snapshot_download('org/a')"}
    assert [p.bytes for p in seen] == sorted(p.bytes for p in seen)


def test_what_the_callback_raises_ends_the_job(held: Any) -> None:
    job = hubjet.start("org/held", on_progress=lambda now: 1 / 0 if now.bytes else None)
    with pytest.raises(ZeroDivisionError):
        job.result(60)
    ended(job)


def test_a_callback_may_cancel(held: Any) -> None:
    jobs: list[hubjet.Job[Any]] = []
    job = hubjet.start("org/held", on_progress=lambda now: now.bytes and jobs and jobs[0].cancel())
    jobs.append(job)
    with pytest.raises(hubjet.Cancelled):
        job.result(60)
    jobs.clear()
    ended(job)


# --- cancel -------------------------------------------------------------------------------------------


def test_a_cancelled_job_ends_at_once_and_what_came_is_kept(world: World, held: Any) -> None:
    job = begun(held)
    assert job.cancel() is True and job.done and job.cancelled
    with pytest.raises(hubjet.Cancelled, match="goes on from there"):
        job.result(0)
    ended(job)  # although the gate is shut: nobody waits for bytes
    assert job.cancel() is False and job.progress.state == "cancelled" and job.progress.bytes > 0
    assert isinstance(list(job)[-1], hubjet.JobFailed)
    held.open()
    world.clear()
    again = hubjet.start("org/held")
    folder = again.result(60)
    assert (folder / "model.safetensors").read_bytes() == b"\7" * SIZE
    receipt = again.receipt
    assert receipt is not None and receipt.resumed > 2_000_000 and receipt.fetched + receipt.resumed <= SIZE + 2, "what came does not come again"


def test_a_job_that_has_ended_cannot_be_cancelled(world: World) -> None:
    world.repo("org/a").commit(dict(SMALL))
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    folder = job.result(60)
    assert job.cancel() is False and not job.cancelled and job.result() == folder


def test_a_job_that_is_still_asking_is_cancelled_too(world: World) -> None:
    world.repo("org/a").commit(dict(SMALL))
    world.fault("hub", "*", "stall", at="headers")
    job = hubjet.start(hubjet.snapshot_download, "org/a")
    job.cancel()
    ended(job)


def test_waiting_for_a_result_has_a_limit_and_leaves_the_job_alone(held: Any) -> None:
    job = begun(held)
    with pytest.raises(TimeoutError, match="org/held"):
        job.result(0.01)
    assert not job.done
    held.open()
    job.result(60)


def test_leaving_the_block_stops_the_job(held: Any) -> None:
    with begun(held) as job:
        assert not job.done
    assert job.cancelled
    ended(job)


def test_a_job_that_nobody_holds_is_stopped_and_that_is_said(held: Any, caplog: pytest.LogCaptureFixture) -> None:
    job = begun(held)
    thread = job._work.thread
    assert thread is not None
    del job
    gc.collect()
    thread.join(30)
    assert not thread.is_alive() and "nobody held it" in caplog.text


def test_iterating_holds_the_job(world: World) -> None:
    world.repo("org/a").commit(dict(SMALL))
    assert isinstance(list(hubjet.start(hubjet.snapshot_download, "org/a"))[-1], hubjet.JobDone)
    assert isinstance(hubjet.start(hubjet.snapshot_download, "org/a").result(60), str)


# --- asyncio ------------------------------------------------------------------------------------------


def test_a_job_can_be_awaited_and_iterated_in_an_event_loop(world: World) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE, **SMALL})

    async def main() -> tuple[Any, list[Any], Any]:
        job = hubjet.start(hubjet.snapshot_download, "org/a")
        events = [event async for event in job]
        return await job, events, await asyncio.gather(*(_awaited(hubjet.start(hubjet.snapshot_download, "org/a")) for _ in range(3)))

    folder, events, others = asyncio.run(main())
    assert isinstance(events[0], hubjet.Planned) and events[-1] == hubjet.JobDone(folder) and others == [folder] * 3
    assert sum(isinstance(event, hubjet.FileDone) for event in events) == 6


async def _awaited(job: hubjet.Job[Any]) -> Any:
    return await job


def test_its_error_is_raised_where_it_is_awaited() -> None:
    async def main() -> None:
        await hubjet.start("org/not-there")

    with pytest.raises(hubjet.RepoNotFound):
        asyncio.run(main())


@pytest.mark.parametrize("how", ["await", "async for", "wait_for"])
def test_cancelling_the_task_cancels_the_job(held: Any, how: str) -> None:
    job = begun(held)

    async def watch() -> None:
        if how == "await":
            await job
        elif how == "wait_for":
            await asyncio.wait_for(_awaited(job), 0.01)
        else:
            async for _ in job:
                pass

    async def main() -> None:
        task = asyncio.ensure_future(watch())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if how != "wait_for":
            task.cancel()
        with pytest.raises((asyncio.CancelledError, asyncio.TimeoutError)):
            await task

    asyncio.run(main())
    assert job.cancelled and job._work.wakers == []
    ended(job)


def test_a_job_is_cancelled_from_the_loop_and_from_another_thread(held: Any) -> None:
    job = begun(held)

    async def main() -> None:
        threading.Thread(target=job.cancel).start()
        await job

    with pytest.raises(hubjet.Cancelled):
        asyncio.run(main())
    ended(job)


# --- nothing is left ------------------------------------------------------------------------------------


def child_env(world: World, cache: Path) -> dict[str, str]:
    return {**world.env(), "HF_HUB_CACHE": str(cache)}


HUNDRED = """
    import gc, os, sys, threading, time
    import hubjet
    from hubjet import _native

    def one(n):
        job = hubjet.start("org/held")
        if n % 4 == 0:  # in the middle of the bytes
            for event in job:
                if isinstance(event, hubjet.Progress) and event.bytes > 1_000_000:
                    break
        elif n % 4 == 1:  # at the first event
            next(iter(job))
        elif n % 4 == 2:
            job.progress
        assert job.cancel()
        job._work.thread.join(30)
        assert not job._work.thread.is_alive()

    def measure():
        _native.shutdown()  # the engine's own threads and connections go, too
        gc.collect()
        until = time.monotonic() + 20
        while len(os.listdir("/proc/self/task")) > threading.active_count() and time.monotonic() < until:
            pass  # a thread that was joined may be a moment from its end
        return [threading.active_count(), len(os.listdir("/proc/self/task")), len(os.listdir("/proc/self/fd")), sys.getallocatedblocks()]

    for n in range(20):
        one(n)
    before = measure()
    for n in range(100):
        one(n)
    result = [before, measure()]
"""


def test_a_hundred_cancels_leave_nothing(world: World, held: Any, cache: Path) -> None:
    with Child(HUNDRED, child_env(world, cache)) as child:
        assert child.wait(120) == 0, child.err
        before, after = child.result
    assert after[:3] == before[:3], "threads, the kernel's threads, open files"
    assert after[3] - before[3] < 200, "blocks of memory: less than 2 a job"
    left = [path for path in cache.rglob("*") if path.is_file()]
    assert len(left) < 12, left
    held.open()
    job = hubjet.start("org/held")
    assert (job.result(60) / "model.safetensors").read_bytes() == b"\7" * SIZE
    assert job.receipt is not None and job.receipt.resumed > 2_000_000, "what each had received was kept for the next"


START = """
    import hubjet, os, threading
    job = hubjet.start("org/held")
    for event in job:
        if isinstance(event, hubjet.Progress) and event.bytes > 1_000_000:
            break
"""


def test_the_interpreter_leaves_without_waiting_and_without_a_word(world: World, held: Any, cache: Path) -> None:
    with Child(START + "    result = job.done", child_env(world, cache)) as child:
        assert child.wait(60) == 0
        assert child.result is False and child.err == ""


def test_an_error_of_the_program_ends_it_with_its_own_traceback_only(world: World, held: Any, cache: Path) -> None:
    with Child(START + "    1 / 0", child_env(world, cache)) as child:
        assert child.wait(60) == 1
        assert child.err.rstrip().endswith("ZeroDivisionError: division by zero") and child.err.count("Traceback") == 1


def test_ctrl_c_ends_the_waiting_and_the_program(world: World, held: Any, cache: Path) -> None:
    import signal

    with Child(START + "    print('here', flush=True)\n    job.result()", child_env(world, cache)) as child:
        assert child.process.stdout is not None and child.process.stdout.readline() == "here\n"
        child.kill(signal.SIGINT)
        assert child.wait(60) != 0
        assert child.err.rstrip().endswith("KeyboardInterrupt")


FORK = START + """
    pid = os.fork()
    if pid == 0:
        said = 0
        for use in (job.result, job.cancel, lambda: job.progress, lambda: job.done, lambda: next(iter(job))):
            try:
                use()
            except RuntimeError as error:
                said += "before the fork" in str(error)
        repr(job)
        other = hubjet.start(hubjet.hf_hub_download, "org/small", "config.json")
        ok = os.path.isfile(other.result(30))
        del job
        os._exit(0 if said == 5 and ok else 1)
    done = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    result = [done, job.done]
"""


def test_a_forked_child_has_no_part_in_the_job_and_may_start_its_own(world: World, held: Any, cache: Path) -> None:
    world.repo("org/small").commit(dict(SMALL, **{"config.json": b"{}"}))
    with Child(FORK, child_env(world, cache)) as child:
        assert child.wait(60) == 0, child.err
        assert child.result == [0, False], child.err


STOCK = """
    import hubjet
    from huggingface_hub import snapshot_download
    hubjet.enable()
    job = hubjet.start(snapshot_download, "org/held")
    done, started = [], []
    for event in job:
        if isinstance(event, hubjet.FileDone):
            done.append(event.filename)
        if isinstance(event, hubjet.FileStarted):
            started.append(event.filename)
        if isinstance(event, hubjet.Progress) and event.bytes > 1_000_000 and done and len(started) == 2:
            break
    job.cancel()
    job._work.thread.join(30)
    result = [done, sorted(started), job._work.thread.is_alive()]
"""


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_the_stock_snapshot_download_under_enable_is_seen_and_stopped(world: World, held: Any, cache: Path, tmp_path: Path, version: str) -> None:
    """It fetches in threads of its own."""
    env = peer_env(world, tmp_path / "home", HF_HUB_CACHE=str(cache))
    with Child(STOCK, env, str(need_peer(version))) as child:
        assert child.wait(60) == 0, child.err
        assert child.result == [["config.json"], ["config.json", "model.safetensors"], False]


# --- the sums -------------------------------------------------------------------------------------------


class Native:
    """What the extension's job looks like."""

    def __init__(self, **values: int) -> None:
        zero = dict.fromkeys(("files", "files_done", "files_failed", "size", "sizes_unknown", "held", "elsewhere", "from_net", "on_disk",
                              "proven", "connections", "requests", "limit_rate", "waits", "quota_ms", "waiting"), 0)  # fmt: skip
        self.values: Any = {"state": "running", "polite": False, **zero, **values}

    def look(self) -> Any:
        return self.values

    def cancel(self) -> None:
        pass

    def news(self) -> list[Any]:
        return []


def result(size: int, from_net: int, error: BaseException | None = None) -> Any:
    return {"size": size, "from_net": from_net, "error": error, "digest": None, "path": "p", "link": None, "seconds": 0.1, "status": "done"}


def test_the_rate_is_of_the_last_seconds_and_the_rest_of_the_time_follows() -> None:
    now = [0.0]
    tally, job = Tally(lambda: now[0]), Native(files=1, size=1000, held=100)
    assert tally.progress().state == "starting"
    tally.plan(1, 0, 1000, 1000)
    tally.begin(job)
    for second in range(1, 11):
        job.values.update(from_net=second * 50, on_disk=second * 50)
        now[0] = float(second)
        tally.sample()
    view = tally.progress()
    assert view.rate == pytest.approx(50) and view.bytes == 600 and view.eta_s == pytest.approx(8) and view.elapsed_s == 10
    for now[0] in range(11, 40):
        tally.sample()
    assert tally.progress().rate < 1 and (tally.progress().eta_s or 0) > 80


def test_a_size_that_is_not_known_yet_is_not_said() -> None:
    tally, job = Tally(lambda: 0.0), Native(files=1, sizes_unknown=1, on_disk=10)
    tally.plan(1, 0, None, None)
    tally.begin(job)
    assert tally.progress().size is None and tally.progress().fraction is None
    job.values.update(sizes_unknown=0, size=40)
    assert tally.progress().size == 40 and tally.progress().fraction == 0.25


def test_functions_one_after_the_other_add_up() -> None:
    tally = Tally(lambda: 0.0)
    for size in (100, 50):
        job = Native(files=1, size=size)
        tally.plan(2, 1, size + 5, size)
        tally.begin(job)
        assert tally.end(job, [result(size, size)]) and not tally.end(job, None)
    view = tally.progress("done")
    assert (view.files, view.files_done, view.bytes, view.size) == (4, 4, 160, 160)


def test_what_failed_is_not_counted_and_what_was_let_go_of_is_as_it_was() -> None:
    tally, job = Tally(lambda: 0.0), Native(files=2, size=100, on_disk=30)
    tally.plan(2, 0, 100, 100)
    tally.begin(job)
    tally.end(job, [result(60, 60), result(40, 5, OSError())])
    assert (tally.progress().bytes, tally.progress().files_done) == (60, 1)
    again = Native(files=1, size=40, on_disk=20, connections=3)
    tally.begin(again)
    tally.end(again, None)
    assert (tally.progress().bytes, tally.progress().connections) == (80, 0)


def test_waiting_is_said_once_when_it_begins() -> None:
    work, job = _Work("x", None), Native(files=1, size=100)
    work.begins(job, ["m.bin"], [{"url": "http://x"}])  # type: ignore[arg-type]
    for quota_ms, waiting, connections in ((0, 0, 1), (90_000, 0, 0), (80_000, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (0, 1, 0)):
        job.values.update(quota_ms=quota_ms, waiting=waiting, connections=connections)
        work.looks()
    assert [(event.cause, event.seconds) for event in work.log] == [("quota", 90.0), ("another process", None)]  # type: ignore[union-attr]
    assert _tally.QUOTA_MS <= 1000


# --- the document ----------------------------------------------------------------------------------------


def test_the_examples_of_the_document_run(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("org/model", "org/other"):
        world.repo(name).commit({"config.json": b"{}", "model.safetensors": b"4" * 5000})
    text = (ROOT / "docs" / "jobs.md").read_text("utf-8").replace("https://example.com/weights.bin", world.file("weights.bin", b"5" * 5000))
    blocks = re.findall(r"```python\n(.*?)```", text, re.S)
    assert len(blocks) >= 4
    for block in blocks:
        exec(compile(block, "docs/jobs.md", "exec"), {"hubjet": hubjet, "asyncio": asyncio})
    for name in set(re.findall(r"hubjet\.(\w+)", text)):
        assert name in hubjet.__all__, name
    for name in set(re.findall(r"^\| `(\w+)[`(]", text, re.M)):
        assert name in hubjet.__all__ or hasattr(hubjet.Job, name), name
