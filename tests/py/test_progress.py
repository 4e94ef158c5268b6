"""Progress: what the bars are told adds up, and nothing appears where nobody looks."""

from __future__ import annotations

import fcntl
import io
import os
import struct
import sys
import termios
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _progress, _transport
from hubjet._config import Config, resolve
from hubjet._progress import Line, Meter

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
    zero = dict.fromkeys(
        ("files", "files_done", "files_failed", "size", "sizes_unknown", "held", "elsewhere", "from_net", "on_disk"), 0
    )
    return {"state": "running", "proven": 0, "connections": 0, "requests": 0, **zero, **values}


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


@pytest.mark.parametrize(
    ("progress", "terminal", "shown"),
    [(None, True, True), (None, False, False), (False, True, False), (True, False, True)],
)
def test_bars_appear_where_somebody_looks_or_as_the_setting_says(
    monkeypatch: pytest.MonkeyPatch, progress: bool | None, terminal: bool, shown: bool
) -> None:
    monkeypatch.setattr(_progress, "_somebody_looks", lambda: terminal)
    monkeypatch.setattr(_progress, "_is_switched_off", lambda: False)
    assert (_progress._default_class(progress) is not None) is shown


def test_switching_theirs_off_switches_ours_off(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = pytest.importorskip("huggingface_hub.utils")
    monkeypatch.setattr(_progress, "_somebody_looks", lambda: True)
    with theirs.disable_progress_bars():
        assert _progress._default_class(None) is None
    assert _progress._default_class(None) is not None


def test_without_tqdm_a_plain_line_says_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    assert _progress._default_class(True) is Line
    out = io.StringIO()
    monkeypatch.setattr(sys, "stderr", out)
    clock = [100.0]
    monkeypatch.setattr(_progress.time, "monotonic", lambda: clock[0])
    line = Line(total=2_000_000, desc="m.bin", unit="B", disable=False)
    line.update(1_000_000)
    clock[0] += 2
    line.update(1_000_000)
    line.close()
    assert out.getvalue().startswith("\rm.bin   50%  1.0 of 2.0 MB\rm"), "no speed of what was here before"
    assert "m.bin  100%  2.0 of 2.0 MB  0.5 MB/s" in out.getvalue()
    assert out.getvalue().endswith("MB/s\n") and "100%" in out.getvalue()


def test_a_closed_stderr_stops_no_download(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    line = Line(total=1)
    line.update(1)
    line.close()


def test_a_line_is_no_longer_than_the_terminal_and_small_files_are_not_0_mb(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.openpty()
    fcntl.ioctl(writer, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    with os.fdopen(writer, "w") as screen:
        monkeypatch.setattr(sys, "stderr", screen)
        line = Line(total=45_100, desc="a-rather-long-name-of-a-file.safetensors")
        line.update(45_100)
        line.close()
        shown = os.read(reader, 10_000).decode()
    os.close(reader)
    assert {len(text) for text in shown.strip().split("\r")} == {39}
    assert "100%  45.1 of 45.1 kB" in shown


# The hub's quota -----------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds, said", [(0, "0 s"), (7.4, "7 s"), (119, "119 s"), (120, "2 min"), (1560, "26 min"), (7200, "2 h"), (200_000, "2 days")])
def test_a_time_to_come_is_said_shortly(seconds: float, said: str) -> None:
    assert _progress.span(seconds) == said


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


def test_the_line_shows_what_a_quota_holds_up(monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    look: Any = {"state": "running", "files": 9, "files_done": 1, "files_failed": 0, "size": 100, "sizes_unknown": 0, "held": 0, "elsewhere": 0,
                 "on_disk": 50, "quota_ms": 90_000}
    monkeypatch.setattr(_progress.Line, "EVERY_S", 0.0)
    with _progress.Meter(resolve(), "all", bar_class=_progress.Line) as meter:
        meter.show(look)
        assert "the hub's quota: 90 s" in capsys.readouterr().err
        meter.show({**look, "quota_ms": 0, "on_disk": 60})
        assert "quota" not in capsys.readouterr().err.rpartition("\r")[2]
