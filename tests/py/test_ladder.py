"""A bad network: what is tried next, and how long. Counts, never times; what the engine decides is in tests/c (test_ladder, test_quota)."""

from __future__ import annotations

import hashlib
import socket
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

import hubjet
from hubjet import _native
from tests.server import World

BIG = bytes(range(251)) * 60000  # 15 MB
QUICK = {"stall_ms": 300, "sync": False}


def run(wants: list[dict[str, Any]], **limits: Any) -> list[Any]:
    job = _native.Job(wants, {**QUICK, **limits})  # type: ignore[arg-type, typeddict-item]
    job.start()
    while not job.wait(1):
        pass
    return job.results()


def to_path(url: str, path: Path, content: bytes = BIG, **more: Any) -> dict[str, Any]:
    digest = "sha256:" + hashlib.sha256(content).hexdigest()
    return {"url": url, "path": str(path), "side_dir": str(path.parent / "side"), "digest": digest, "size": len(content), **more}


@pytest.fixture
def plain_world() -> Iterator[World]:
    with World(tls_cdn=False) as world:
        yield world


class Door:
    """A port at 127.0.0.1 that takes connections and never says a word; at ::1 the same port leads to `to`. Clients that ask
    for localhost get both addresses."""

    def __init__(self, to: int) -> None:
        self.to, self.taken, self.passed = to, 0, 0
        self.open: list[socket.socket] = []
        self.mute = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.mute.getsockname()[1]
        self.good = socket.create_server(("::1", self.port), family=socket.AF_INET6, backlog=64)
        for listener in (self.mute, self.good):
            threading.Thread(target=self._take, args=(listener,), daemon=True).start()

    def _take(self, listener: socket.socket) -> None:
        try:
            while True:
                one = listener.accept()[0]
                self.open.append(one)
                if listener is self.mute:
                    self.taken += 1
                    continue
                self.passed += 1
                other = socket.create_connection(("127.0.0.1", self.to))
                self.open.append(other)
                for pair in ((one, other), (other, one)):
                    threading.Thread(target=self._carry, args=pair, daemon=True).start()
        except OSError:
            pass  # closed: the test is over

    @staticmethod
    def _carry(a: socket.socket, b: socket.socket) -> None:
        try:
            while data := a.recv(1 << 16):
                b.sendall(data)
            b.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def close(self) -> None:
        for listener in (self.mute, self.good):
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        for connection in self.open:
            connection.close()


@pytest.fixture
def door(plain_world: World) -> Iterator[Door]:
    try:
        door = Door(int(plain_world.badcdn_url.rsplit(":", 1)[1]))
    except OSError as why:
        pytest.skip(f"no IPv6 here: {why}")
    yield door
    door.close()


def through(door: Door, url: str) -> str:
    return f"http://localhost:{door.port}/" + url.split("/", 3)[3]


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "plain"])
def test_an_address_family_that_connects_and_is_silent_is_left(
    plain_world: World, door: Door, tmp_path: Path, ranges: bool
) -> None:
    url = through(door, plain_world.file("m.bin", BIG, faulty=True))
    for name in ("a", "b"):
        [result] = run([to_path(url, tmp_path / name, no_ranges=not ranges)])
        assert result["status"] == "done" and (tmp_path / name).read_bytes() == BIG
        assert result["from_net"] == len(BIG)
    assert door.passed and door.taken <= 8  # and with the second file it was known


def test_a_question_finds_the_other_family_too(plain_world: World, door: Door) -> None:
    url = through(door, plain_world.file("small.json", b"{}", faulty=True))
    for _ in range(5):
        [result] = run([{"url": url, "memory": 1000}])
        assert result["body"] == b"{}"
    assert door.passed and door.taken <= 4


def test_one_connection_that_stalls_costs_no_byte(plain_world: World, tmp_path: Path) -> None:
    url = plain_world.file("m.bin", BIG, faulty=True)
    plain_world.fault("cdn", "*m.bin", "stall", times=2, n=500_000)
    [result] = run([to_path(url, tmp_path / "m.bin")], range_max=2 << 20)
    assert result["status"] == "done" and (tmp_path / "m.bin").read_bytes() == BIG
    assert result["from_net"] == len(BIG)


def test_an_endpoint_that_comes_back_is_waited_for_beyond_any_count(plain_world: World, tmp_path: Path) -> None:
    """503 five times: three tries were the end before."""
    url = plain_world.file("m.bin", BIG, faulty=True)
    rule = plain_world.fault("cdn", "*m.bin", "status", times=5, code=503, headers={"Retry-After": "0"})
    [result] = run([to_path(url, tmp_path / "m.bin")], tries=3, give_up_ms=60000)
    assert result["status"] == "done" and rule.hits == 5


def test_an_end_without_progress_names_the_cause(plain_world: World, tmp_path: Path) -> None:
    url = plain_world.file("m.bin", BIG, faulty=True)
    plain_world.fault("cdn", "*m.bin", "status", code=503)
    [result] = run([to_path(url, tmp_path / "m.bin")], give_up_ms=700)
    assert isinstance(result["error"], hubjet.ServerError) and "503" in str(result["error"])


# ---- quota: planned before the work ----


@pytest.mark.parametrize("window", [12, 20])
def test_ranges_that_cost_a_question_each_fit_into_the_window(world: World, hub_env: None, window: int) -> None:
    content = BIG * 4
    world.repo("org/bound").commit({"model.safetensors": content}, lfs=("*.safetensors",), xet=True, range_bound=True)
    world.quota("resolvers", window, 300)
    path = hubjet.hf_hub_download("org/bound", "model.safetensors")
    assert Path(path).read_bytes() == content
    answers = [r.status for r in world.requests if "/resolve" in r.path]
    assert len(answers) <= window and 429 not in answers


def test_more_files_than_a_window_allows_see_no_429(world: World, hub_env: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the look says beforehand how long the hub's window will hold up the last question."""
    seen: list[int] = []

    from hubjet import _transport

    class Watched:
        def __init__(self, *args: Any) -> None:
            self.job = _native.Job(*args)

        def wait(self, seconds: float) -> bool:
            seen.append(self.job.look()["quota_ms"])
            return self.job.wait(0.02)

        def __getattr__(self, name: str) -> Any:
            return getattr(self.job, name)

    class Native:
        Job = Watched

        def __getattr__(self, name: str) -> Any:
            return getattr(_native, name)

    monkeypatch.setattr(_transport, "_native", Native())
    files: dict[str, Any] = {f"f{n:03d}.json": b'{"n": %d}' % n for n in range(45)}
    world.repo("org/many").commit(files)
    world.quota("resolvers", 50, 2)
    folder = Path(hubjet.snapshot_download("org/many"))
    assert all((folder / name).read_bytes() == content for name, content in files.items())
    answers = [r.status for r in world.requests if "/resolve" in r.path]
    assert len(answers) >= 60 and 429 not in answers
    assert max(seen) >= 1000  # each file costs two questions: they need a further window
