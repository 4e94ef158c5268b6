"""Progress: what the bars are told adds up, and nothing appears where nobody looks."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _transport
from hubjet._config import Config, resolve
from hubjet._show.progress import Meter
from hubjet._show.view import NOTHING

from tests.py.child import Child

SIZE = 3_000_000


class Recorder:
    """A bar class that writes down what happens to it."""

    bars: list[Recorder] = []

    def __init__(self, **how: Any) -> None:
        self.how, self.total, self.n, self.closed = how, how.get("total"), 0, False
        Recorder.bars.append(self)

    def update(self, n: int = 1) -> None:
        assert n > 0 and not self.closed
        self.n += n

    def close(self) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def empty() -> None:
    Recorder.bars = []


def config(progress: bool | None = None) -> Config:
    return resolve(progress=progress)


def look(**values: Any) -> Any:
    return {**NOTHING, "state": "running", **values}


# --- with the hub -----------------------------------------------------------------------------------


@pytest.mark.usefixtures("hub_env")
def test_one_file_has_one_bar_of_bytes_that_ends_at_its_size(world: Any) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE})
    hubjet.hf_hub_download("org/a", "m.bin", tqdm_class=Recorder)
    (bar,) = Recorder.bars
    assert (bar.n, bar.total, bar.closed) == (SIZE, SIZE, True)
    assert (bar.how["desc"], bar.how["unit"], bar.how["unit_scale"]) == ("m.bin", "B", True)


@pytest.mark.usefixtures("hub_env")
def test_many_files_have_a_bar_of_files_and_one_of_all_bytes(world: Any) -> None:
    files = {"m.bin": b"1" * SIZE, **{f"{i}.json": b"{}" for i in range(5)}}
    world.repo("org/a").commit(files)
    hubjet.snapshot_download("org/a", tqdm_class=Recorder)
    of_files, of_bytes = Recorder.bars
    assert (of_files.n, of_files.total, of_bytes.n, of_bytes.total) == (6, 6, SIZE + 10, SIZE + 10)
    assert all(bar.closed for bar in Recorder.bars)
    Recorder.bars = []
    hubjet.snapshot_download("org/a", tqdm_class=Recorder)  # all here: the files are counted, no byte moved
    assert [(bar.n, bar.total) for bar in Recorder.bars] == [(6, 6)]


@pytest.mark.usefixtures("hub_env")
def test_a_second_job_of_the_same_call_goes_on_where_the_first_ended(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.repo("org/gated", gated="auto").commit({"a.json": b"{}", "b.json": b"[]", "m.bin": b"1" * SIZE})
    monkeypatch.setenv("HF_TOKEN", world.token("me", gates=["org/gated"]))
    hubjet.snapshot_download("org/gated", tqdm_class=Recorder)
    of_files, of_bytes = Recorder.bars
    assert (of_files.n, of_bytes.n, of_bytes.total) == (3, SIZE + 4, SIZE + 4)


@pytest.mark.usefixtures("hub_env")
def test_a_bar_is_closed_when_the_download_fails(world: Any) -> None:
    world.repo("org/a").commit({"a.json": b"{}", "m.bin": b"1" * SIZE})
    world.fault("cdn", "*m.bin", "corrupt")
    with pytest.raises(hubjet.IntegrityError):
        hubjet.snapshot_download("org/a", tqdm_class=Recorder)
    assert Recorder.bars and all(bar.closed for bar in Recorder.bars)


@pytest.mark.usefixtures("hub_env")
def test_huggingface_hubs_own_bar_class_is_taken(world: Any, capsys: pytest.CaptureFixture[str]) -> None:
    theirs = pytest.importorskip("huggingface_hub.utils")
    world.repo("org/a").commit({"m.bin": b"1" * SIZE})
    hubjet.hf_hub_download("org/a", "m.bin", tqdm_class=theirs.tqdm)
    assert "3.00M/3.00M" in capsys.readouterr().err


@pytest.mark.usefixtures("hub_env")
def test_files_that_set_out_before_the_listing_is_whole_count_too(world: Any) -> None:
    files = {f"{i:02}.bin": b"%d" % i * 20_000 for i in range(20)}
    world.repo("org/a").commit(files)
    world.hub.page_size = 8
    hubjet.snapshot_download("org/a", tqdm_class=Recorder)
    of_files, of_bytes = Recorder.bars
    size = sum(map(len, files.values()))
    assert (of_files.n, of_bytes.n, of_bytes.total) == (20, size, size)


@pytest.mark.usefixtures("hub_env")
def test_waiting_for_another_process_is_seen_and_ends(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * SIZE})
    gate = world.gate("*m.bin")
    looks: list[Any] = []
    met = threading.Event()

    def show(self: Meter, look: Any) -> None:
        looks.append(look)
        if look["waiting"]:
            met.set()

    monkeypatch.setattr(Meter, "show", show)
    with Child("import hubjet; hubjet.hf_hub_download('org/a', 'm.bin')") as other:
        gate.wait_reached(1_000_000)
        thread = threading.Thread(target=hubjet.hf_hub_download, args=("org/a", "m.bin"))
        thread.start()
        assert met.wait(30)
        gate.open()
        assert other.wait() == 0, other.err
        thread.join(30)
    assert looks[-1]["state"] == "done" and looks[-1]["waiting"] == 0 and looks[-1]["from_net"] == 0


# --- the meter ------------------------------------------------------------------------------------


def test_resumed_bytes_count_and_bytes_fetched_twice_do_not() -> None:
    with Meter(config(), "m", bar_class=Recorder) as meter:
        meter.show(look(size=100, held=40))
        assert Recorder.bars[0].n == 40
        meter.show(look(size=100, held=40, from_net=90, on_disk=90))
        assert Recorder.bars[0].n == 100


def test_the_bar_waits_for_a_total() -> None:
    with Meter(config(), "m", bar_class=Recorder) as meter:
        meter.show(look(sizes_unknown=1, from_net=10, on_disk=10))
        assert Recorder.bars == []
        meter.show(look(size=20, from_net=10, on_disk=10))
        assert (Recorder.bars[0].n, Recorder.bars[0].total) == (10, 20)


def test_a_bar_that_is_a_context_manager_is_used_as_one() -> None:
    class Managed(Recorder):
        entered = 0

        def __enter__(self) -> Managed:
            Managed.entered += 1
            return self

        def __exit__(self, *_: object) -> None:
            self.close()

    with Meter(config(), "m", bar_class=Managed) as meter:
        meter.show(look(size=20, on_disk=20))
    assert Managed.entered == 1 and Managed.bars[0].closed


def test_a_caller_s_bar_says_what_a_quota_holds_up() -> None:
    class Saying(Recorder):
        said: list[str] = []

        def set_postfix_str(self, s: str = "", refresh: bool = True) -> None:
            Saying.said.append(s)

    with Meter(config(), "m", bar_class=Saying) as meter:
        for quota_ms in (0, 90_000, 40_000, 0, 0):
            meter.show(look(size=100, on_disk=50, quota_ms=quota_ms))
    assert Saying.said == ["the hub's quota: 90 s", "the hub's quota: 40 s", ""]


# The hub's quota -----------------------------------------------------------------------------------


def test_what_a_quota_holds_up_is_said_with_the_time(world: World, hub_env: None, caplog: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_transport, "QUOTA_SAID_MS", 500)
    files = {f"f{n}.txt": b"%d" % n for n in range(40)}
    world.repo("org/many").commit(files)
    world.quota("resolvers", 50, 3)  # a small file costs two: its redirect, and what that leads to
    folder = hubjet.snapshot_download("org/many")
    assert all((Path(folder) / name).read_bytes() == content for name, content in files.items())
    assert [r.name for r in world.requests if r.status == 429] == []
    said = [m for m in caplog.messages if "answers only so many requests" in m]
    assert len(said) == 1 and world.endpoint in said[0] and "With a token" in said[0]
