"""Limits that a user sets, through the public functions and a real hub: bounds by counters, never by the clock from above."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import hubjet
from hubjet import _native
from tests.py.child import ROOT, Child

BIG = bytes(range(251)) * 9000  # 2.3 MB

pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture(autouse=True)
def own_limit_again() -> Any:
    yield
    hubjet.limit_rate(None)
    hubjet.polite(None)


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The last look at each job of this process."""
    from hubjet import _transport

    seen: list[dict[str, Any]] = []

    class Watched:
        def __init__(self, *args: Any) -> None:
            self.job = _native.Job(*args)

        def results(self) -> Any:
            seen.append(dict(self.job.look()))
            return self.job.results()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.job, name)

    class Native:
        Job = Watched

        def __getattr__(self, name: str) -> Any:
            return getattr(_native, name)

    monkeypatch.setattr(_transport, "_native", Native())
    return seen


@pytest.mark.parametrize("how", ["argument", "settings", "environment", "process"])
def test_a_limit_holds_however_it_is_set(
    world: Any, tmp_path: Path, looks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("HUBJET_LIMIT_RATE", "8M")
    if how == "process":
        hubjet.limit_rate("8M")
    began = time.monotonic()
    with hubjet.settings(**({"limit_rate": "8M"} if how == "settings" else {})):
        path = hubjet.fetch(world.file("m.bin", BIG), tmp_path / "m.bin", limit_rate="8M" if how == "argument" else None)
    assert path.read_bytes() == BIG
    assert looks[-1]["limit_rate"] == 8 << 20 and looks[-1]["waits"] > 0
    assert len(BIG) <= (8 << 20) * (time.monotonic() - began + 0.101) + 84000  # what a bucket gives at most


def test_of_argument_and_environment_the_argument_counts(
    world: Any, tmp_path: Path, looks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUBJET_LIMIT_RATE", "1K")
    hubjet.fetch(world.file("m.bin", BIG), tmp_path / "m.bin", limit_rate="off")
    assert (looks[-1]["limit_rate"], looks[-1]["waits"]) == (0, 0)


def test_every_download_takes_the_limit(world: Any, looks: list[dict[str, Any]]) -> None:
    world.repo("org/model").commit({"a.bin": BIG, "b.txt": b"b", "config.json": b"{}"})
    hubjet.from_pretrained("org/model", limit_rate="1G", allow_patterns="*")
    with hubjet.settings(limit_rate="2G"):
        hubjet.snapshot_download("org/model", force_download=True)
        hubjet.hf_hub_download("org/model", "a.bin", force_download=True)
    assert {look["limit_rate"] for look in looks} == {1 << 30, 2 << 30}


def test_the_limit_is_lifted_while_a_download_runs(world: Any, tmp_path: Path) -> None:
    hubjet.limit_rate("1K")
    done: list[Path] = []
    thread = threading.Thread(target=lambda: done.append(hubjet.fetch(world.file("m.bin", BIG), tmp_path / "m.bin")))
    thread.start()
    while not list((tmp_path / ".hubjet").glob("**/data")):
        assert thread.is_alive()
        time.sleep(0.001)
    hubjet.limit_rate("off")
    thread.join()
    assert done[0].read_bytes() == BIG


def test_the_command_limits_what_other_processes_of_this_user_fetch(world: Any, tmp_path: Path) -> None:
    """`hubjet limit` reaches a process that runs, and is taken back."""
    run = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "HUBJET_RUN_DIR": str(tmp_path / "run")}

    def limit(*words: str) -> str:
        return subprocess.run([sys.executable, "-m", "hubjet", "limit", *words], env=run, check=True, capture_output=True, text=True).stdout

    assert limit() == "no limit\n"
    assert limit("2K") == "2048 bytes per second (2.0 kB/s)\n"
    assert json.loads(limit("--json")) == {"limit_rate": 2048, "polite": False}
    assert (tmp_path / "run").stat().st_mode & 0o777 == 0o700
    script = f"import hubjet; result = str(hubjet.fetch({world.file('m.bin', BIG)!r}, {str(tmp_path / 'm.bin')!r}))"
    with Child(script, {"HUBJET_RUN_DIR": str(tmp_path / "run")}) as child:
        while not list((tmp_path / "run" / "rate").glob("*")):  # it has joined those that share
            assert child.process.poll() is None
            time.sleep(0.001)
        assert limit("off") == "no limit\n"
        assert child.wait() == 0, child.err
    assert (tmp_path / "m.bin").read_bytes() == BIG
    assert not list((tmp_path / "run" / "rate").glob("*"))


def _claims(run: Path) -> list[int]:
    claims = []
    for path in sorted((run / "rate").glob("*.*.*.*")) if run.exists() else ():
        try:
            claims.append(int(path.read_text().split()[0]))
        except (OSError, IndexError):
            continue  # it has just come or gone
    return claims


def test_processes_with_a_limit_share_it(world: Any, tmp_path: Path) -> None:
    """Their claims, looked at from outside all the time, never pass the limit in sum; one that is killed leaves its share."""
    run, limit, url = tmp_path / "run", 4 << 20, world.file("m.bin", BIG)
    env = {"HUBJET_RUN_DIR": str(run), "HUBJET_LIMIT_RATE": "4M"}
    children = [Child(f"import hubjet; hubjet.fetch({url!r}, {str(tmp_path / f'm{i}.bin')!r})", env) for i in range(4)]
    try:
        most, peak, killed = 0, 0, False
        while any(child.process.poll() is None for child in children):
            claims = _claims(run)
            if _claims(run) == claims:  # else one had gone down before another, read later, went up: they were never so at once
                most, peak = max(most, sum(claims)), max(peak, len(claims))
            if len(claims) == 4 and not killed:
                killed = True
                children[0].kill()
        assert [child.wait() for child in children[1:]] == [0, 0, 0], [child.err for child in children]
    finally:
        for child in children:
            child.__exit__()
    assert peak >= 2 and 0 < most <= limit
    assert not list((run / "rate").glob("*")) or killed
    assert all((tmp_path / f"m{i}.bin").read_bytes() == BIG for i in range(1, 4))


@pytest.mark.parametrize("value", ["fast", "-1", "12", 12, "8 apples"])
def test_a_rate_that_cannot_be_is_refused(value: Any, tmp_path: Path) -> None:
    with pytest.raises(hubjet.ConfigError, match="8M"):
        hubjet.limit_rate(value)
    with pytest.raises(hubjet.ConfigError, match="limit_rate"):
        hubjet.fetch("http://127.0.0.1:9/x", tmp_path / "x", limit_rate=value)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("8M", 8 << 20), ("8 MiB/s", 8 << 20), ("500kb/s", 500 << 10), ("2000000", 2000000), ("off", 0), ("0", 0), ("none", 0)],
)
def test_a_rate_is_read_as_people_write_it(text: str, rate: int) -> None:
    assert hubjet.config(limit_rate=text)["limit_rate"].value == rate


def test_the_run_folder_is_the_systems_where_it_is_ours(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "mine"))
    assert hubjet.config()["run_dir"].value == str(tmp_path / "mine" / "hubjet")
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "open"))
    assert hubjet.config()["run_dir"].value == str(tmp_path / "home" / ".cache" / "hubjet" / "run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "gone"))
    assert hubjet.config()["run_dir"].origin == "default"


def test_memory_holds_for_the_process_as_the_system_sees_it(world: Any, tmp_path: Path) -> None:
    """Four downloads at once over TLS, 64 connections wished for: resident memory grows by no more than the limit."""
    urls = [world.file(f"m{n}.bin", bytes([n]) * 20_000_000) for n in range(4)]
    script = f"""
        import hubjet, resource, threading
        peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        hubjet.fetch({world.file("small.bin", BIG)!r}, {str(tmp_path / "small.bin")!r})  # libraries, certificates, threads
        before = peak()
        fetch = lambda n, url: hubjet.fetch(url, {str(tmp_path)!r} + f"/m{{n}}.bin", memory="16M", max_connections=64)
        threads = [threading.Thread(target=fetch, args=one) for one in enumerate({urls!r})]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        result = peak() - before
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        grown = child.result
    assert [(tmp_path / f"m{n}.bin").stat().st_size for n in range(4)] == [20_000_000] * 4
    assert grown <= 16 << 20


# --- polite ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["argument", "settings", "environment", "file", "process"])
def test_a_download_is_polite_however_that_is_said(
    world: Any, tmp_path: Path, looks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("HUBJET_POLITE", "1")
    if how == "file":
        (tmp_path / "config.toml").write_text("polite = true\n")
        monkeypatch.setenv("HUBJET_CONFIG", str(tmp_path / "config.toml"))
    if how == "process":
        hubjet.polite(True)
    with hubjet.settings(**({"polite": True} if how == "settings" else {})):
        path = hubjet.fetch(world.file("m.bin", BIG), tmp_path / "m.bin", polite=True if how == "argument" else None)
    assert path.read_bytes() == BIG
    assert looks[-1]["polite"] is True


def test_who_says_polite_last_counts(world: Any, tmp_path: Path, looks: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    url = world.file("m.bin", BIG)
    hubjet.fetch(url, tmp_path / "0.bin")
    monkeypatch.setenv("HUBJET_POLITE", "1")
    hubjet.fetch(url, tmp_path / "1.bin", polite=False)
    hubjet.polite(False)
    hubjet.fetch(url, tmp_path / "2.bin", polite=True)
    hubjet.polite(None)
    hubjet.fetch(url, tmp_path / "3.bin")
    assert [look["polite"] for look in looks] == [False, False, False, True]


def test_every_download_can_be_polite(world: Any, looks: list[dict[str, Any]]) -> None:
    world.repo("org/model").commit({"a.bin": BIG, "b.txt": b"b", "config.json": b"{}"})
    hubjet.from_pretrained("org/model", polite=True, allow_patterns="*")
    with hubjet.settings(polite=True):
        hubjet.snapshot_download("org/model", force_download=True)
        hubjet.hf_hub_download("org/model", "a.bin", force_download=True)
    assert len(looks) > 3 and all(look["polite"] for look in looks)


def test_a_download_becomes_polite_while_it_runs(world: Any, tmp_path: Path) -> None:
    """Each line of the trace is a turn of the window: there is none until the word is said."""
    script = f"""
        import hubjet, threading
        from hubjet import _native
        hubjet.limit_rate("100K")
        _native.trace("sched")
        thread = threading.Thread(target=hubjet.fetch, args=({world.file("m.bin", BIG)!r}, {str(tmp_path / "m.bin")!r}))
        thread.start()
        lines = []
        def wait(word):
            while not any(word in line for line in lines):
                assert thread.is_alive()
                lines.extend(line for part, line in _native.trace_lines())
        while not _native.ledger():
            assert thread.is_alive()
        lines.extend(line for part, line in _native.trace_lines())
        early = [line for line in lines if "polite" in line]
        hubjet.polite(True)
        wait("polite, starting")
        hubjet.polite(None)
        wait("its window is free again")
        hubjet.limit_rate("off")
        thread.join()
        result = early
    """
    with Child(script) as child:
        assert child.wait() == 0, child.err
        assert child.result == []
    assert (tmp_path / "m.bin").read_bytes() == BIG


def test_the_command_makes_every_process_of_this_user_polite(world: Any, tmp_path: Path) -> None:
    run = {**os.environ, "PYTHONPATH": str(ROOT / "python"), "HUBJET_RUN_DIR": str(tmp_path / "run")}

    def limit(*words: str) -> str:
        return subprocess.run([sys.executable, "-m", "hubjet", "limit", *words], env=run, check=True, capture_output=True, text=True).stdout

    assert limit("--polite", "on") == "no limit, polite\n"
    assert json.loads(limit("--json")) == {"limit_rate": None, "polite": True}
    script = f"""
        import hubjet
        from hubjet import _native
        _native.trace("sched")
        hubjet.fetch({world.file("m.bin", BIG)!r}, {str(tmp_path / "m.bin")!r}, polite=False, limit_rate="4M")
        result = [line for part, line in _native.trace_lines()]
    """
    with Child(script, {"HUBJET_RUN_DIR": str(tmp_path / "run")}) as child:
        assert child.wait() == 0, child.err
        assert any("polite, starting" in line for line in child.result), child.result
    assert limit("2G") == "2147483648 bytes per second (2.1 GB/s), polite\n"
    assert limit("off", "--polite", "off") == "no limit\n"
    assert limit() == "no limit\n"


@pytest.mark.parametrize("memory", ["1M", "3M"])
def test_a_memory_that_cannot_be_says_what_can(world: Any, tmp_path: Path, memory: str) -> None:
    with pytest.raises(ValueError, match="at least 4 MiB"):
        hubjet.fetch(world.file("m.bin", BIG), tmp_path / "m.bin", memory=memory)
