"""Processes that ask at once, as the ranks of a job do: one of them fetches, also where flock lies; a dead one is taken over."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Callable

import pytest

from tests.py.child import Child
from tests.py.test_resume import digest, side, wait_for_journal
from tests.server import Sparse, World
from tests.server.content import sparse_content

pytestmark = pytest.mark.usefixtures("hub_env")
MIB = 1 << 20
SIZE = 256 * MIB
RANKS = 5
WAITS = "another process fetches the same"

# Each leaves what it got over the wire, and where the file is. Its trace says when it waits for another one.
RANK = """
    import hubjet
    from hubjet import _native
    _native.trace("lock,store")
    _native.trace_file({trace!r})
    path = {call}
    result = {{"path": str(path), "bytes": sum(v["bytes"] for v in hubjet.ledger() if v["status"] == 206)}}
"""


@pytest.fixture
def repo(world: World) -> Any:
    repo = world.repo("org/name")
    repo.commit({"model.safetensors": Sparse(SIZE, 9)}, lfs=("*.safetensors",))
    return repo


@pytest.fixture(scope="module")
def no_flock(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("preload") / "no_flock.so"
    source = Path(__file__).with_name("no_flock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(made), str(source)], check=True)
    return made


@pytest.fixture(params=["works", "lies", "absent"])
def flock(request: pytest.FixtureRequest, no_flock: Path) -> dict[str, str]:
    return {} if request.param == "works" else {"LD_PRELOAD": str(no_flock), "FLOCK": str(request.param)}


@contextlib.contextmanager
def ranks(call: str, env: dict[str, str], folder: Path) -> Iterator[list[Child]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(Child(RANK.format(trace=str(folder / f"trace-{n}"), call=call), env)) for n in range(RANKS)
        ]


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline, "it did not come to that"
        os.sched_yield()


def waiting(folder: Path) -> int:
    return sum(WAITS in path.read_text(errors="replace") for path in folder.glob("trace-*"))


def ended_well(children: list[Child]) -> list[dict[str, Any]]:
    codes = [child.wait() for child in children]
    assert codes == [0] * len(codes), "\n".join(child.err for child in children)
    return [child.result for child in children]


def test_ranks_that_ask_at_once_fetch_once(world: World, repo: Any, tmp_path: Path, flock: dict[str, str]) -> None:
    gate = world.gate("model.safetensors")
    with ranks("hubjet.hf_hub_download('org/name', 'model.safetensors')", flock, tmp_path) as children:
        gate.wait_reached(64 * MIB)
        until(lambda: waiting(tmp_path) == RANKS - 1)
        gate.open()
        results = ended_well(children)
    assert len({r["path"] for r in results}) == 1
    assert digest(results[0]["path"]) == repo.files("main")["model.safetensors"].etag
    assert sorted(r["bytes"] for r in results) == [0] * (RANKS - 1) + [SIZE]
    assert sum(r.bytes for r in world.bodies()) == SIZE


@pytest.mark.parametrize("call", ["hf_hub_download('org/name', 'model.safetensors')", "snapshot_download('org/name')"])
def test_ranks_fetch_once_where_there_are_no_links(world: World, repo: Any, tmp_path: Path, call: str) -> None:
    """The first one moves the blob to its name: the others look there, too."""
    gate = world.gate("model.safetensors")
    with ranks("hubjet." + call, {"HF_HUB_DISABLE_SYMLINKS": "1"}, tmp_path) as children:
        gate.wait_reached(64 * MIB)
        until(lambda: waiting(tmp_path) == RANKS - 1)
        gate.open()
        results = ended_well(children)
    (path,) = {Path(r["path"]) for r in results}
    (file,) = [path] if path.is_file() else path.iterdir()
    assert not file.is_symlink() and digest(file) == repo.files("main")["model.safetensors"].etag
    assert sorted(r["bytes"] for r in results) == [0] * (RANKS - 1) + [SIZE]


# Its bar writes down how far it is.
SHOWN = """
    import hubjet
    class Bar:
        def __init__(self, *, total=0, **how):
            self.n = 0
        def update(self, n=1):
            self.n += n
            open({place!r}, "w").write(str(self.n))
        def close(self):
            pass
    hubjet.hf_hub_download("org/name", "model.safetensors", tqdm_class=Bar)
    result = sum(v["bytes"] for v in hubjet.ledger() if v["status"] == 206)
"""


def test_the_bar_of_who_waits_shows_what_the_other_one_has(world: World, repo: Any, tmp_path: Path) -> None:
    gate = world.gate("model.safetensors")
    shown = [tmp_path / "first", tmp_path / "second"]

    def far(path: Path) -> int:
        return int((path.exists() and path.read_text()) or 0)

    with Child(SHOWN.format(place=str(shown[0]))) as first:
        gate.wait_reached(128 * MIB)
        with Child(SHOWN.format(place=str(shown[1]))) as second:
            until(lambda: far(shown[1]) >= 64 * MIB)
            assert far(shown[1]) < SIZE
            gate.open()
            codes = [first.wait(), second.wait()]
            assert codes == [0, 0], first.err + second.err
            results = [first.result, second.result]
    assert [far(path) for path in shown] == [SIZE, SIZE]
    assert results == [SIZE, 0], "it waited"  # the server may have sent more: into connections that were slow under load, and closed


def test_ranks_that_fetch_one_url_to_one_place_fetch_once(world: World, tmp_path: Path) -> None:
    """No lock file at all; and the name of a plain file says nothing of its content, nor does anybody know its size: who asks first has it
    before it has asked."""
    url = world.file("weights.bin", Sparse(SIZE, 11), faulty=True)
    gate = world.gate("*weights.bin")
    place = tmp_path / "w.bin"
    with ranks(f"hubjet.fetch({url!r}, {str(place)!r})", {}, tmp_path) as children:
        gate.wait_reached(64 * MIB)
        until(lambda: waiting(tmp_path) == RANKS - 1)
        gate.open()
        results = ended_well(children)
    assert digest(place) == sparse_content(Sparse(SIZE, 11)).sha256
    assert sorted(r["bytes"] for r in results) == [0] * (RANKS - 1) + [SIZE]
    assert sum(r.bytes for r in world.bodies()) == SIZE, "not even the first range came twice"
    assert not (tmp_path / ".hubjet").exists()


def test_ranks_that_fetch_a_small_file_do_not_queue_up_for_it(world: World, tmp_path: Path) -> None:
    """What a rank waits for has no partial that would become the file: once the first has let go, the others ask together."""
    url = world.file("config.bin", Sparse(20_000, 12), faulty=True)
    gate = world.gate("*config.bin")
    place = tmp_path / "c.bin"
    with ranks(f"hubjet.fetch({url!r}, {str(place)!r})", {}, tmp_path) as children:
        until(lambda: waiting(tmp_path) == RANKS - 1)
        gate.open()
        ended_well(children)
    assert digest(place) == sparse_content(Sparse(20_000, 12)).sha256
    assert sum("claim " in path.read_text(errors="replace") for path in tmp_path.glob("trace-*")) == 1, "one claimed it, once"
    assert not (tmp_path / ".hubjet").exists()


def leader(cache: Path) -> int:
    """The process that has the file: its claim's name says so (key.host.pid.start.n)."""
    (claim,) = (p for p in (cache / "models--org--name" / ".hubjet" / "partial").iterdir() if (p / "journal").exists())
    return int(claim.name.split(".")[2])


def test_a_leader_killed_in_the_middle_is_taken_over(
    world: World, repo: Any, cache: Path, tmp_path: Path, flock: dict[str, str]
) -> None:
    gate = world.gate("model.safetensors")
    with ranks("hubjet.hf_hub_download('org/name', 'model.safetensors')", flock, tmp_path) as children:
        gate.wait_reached(128 * MIB)
        wait_for_journal(side(cache), 128 * MIB)
        until(lambda: waiting(tmp_path) == RANKS - 1)
        dead = leader(cache)
        (first,) = (child for child in children if child.process.pid == dead)
        first.kill(signal.SIGKILL)
        assert first.wait() == -signal.SIGKILL
        gate.open()
        results = ended_well([child for child in children if child is not first])
    assert digest(results[0]["path"]) == repo.files("main")["model.safetensors"].etag
    assert sorted(r["bytes"] for r in results)[:-1] == [0] * (RANKS - 2), "one of them went on"
    assert max(r["bytes"] for r in results) <= SIZE - 128 * MIB
