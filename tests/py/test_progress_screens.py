"""Where progress is shown: what a person sees in each place, and that nothing is shown twice, left behind, or in the way."""

from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hubjet._show import screens
from hubjet import _trace
from hubjet._show.screens import Board, Kernel, Log, Terminal
from hubjet._show.view import View

from tests.py.screen import ROOT, Screen
from tests.py.screen import Terminal as Pty

MB = 1_000_000


def view(seconds: float, done: int = 50, **more: Any) -> View:
    return View("m.bin", done * MB, 100 * MB, 0, 10.0 * MB, 5.0, seconds=seconds, came=done * MB)._replace(**more)


class Stream(io.StringIO):
    encoding = "utf-8"

    def isatty(self) -> bool:
        return True


def board(screen: Any) -> Board:
    one = Board(screen)
    one.users = 9
    return one


# --- a board --------------------------------------------------------------------------------------


def test_what_is_over_at_once_is_not_shown_unless_it_was_large() -> None:
    out = Stream()
    one = board(Terminal(out))
    one.put("a", view(0.1), 1.0)
    one.end("a", view(0.2, came=2 * MB, ended="done"))
    assert out.getvalue() == ""
    one.put("b", view(0.1), 2.0)
    one.end("b", view(0.3, 100, ended="done"))
    assert Screen(out.getvalue()).rows == ["m.bin: 100.0 MB in 0.30 s, 333.3 MB/s"]


def test_a_line_moves_at_most_five_times_a_second() -> None:
    out = Stream()
    one = board(Terminal(out))
    for n in range(100):  # looks, ten a second
        one.put("a", view(1 + n / 10, n), 1 + n / 10)
    one.end("a", view(11.0, 100, ended="done"))
    seen = Screen(out.getvalue())
    assert 40 <= len(seen.frames) <= 52
    assert seen.rows == ["m.bin: 100.0 MB in 11 s, 9.1 MB/s"] and not seen.rubbish


def test_several_downloads_share_the_line_and_each_leaves_one() -> None:
    out = Stream()
    one = board(Terminal(out))
    one.put("a", view(1.0, name="a"), 1.0)
    one.put("b", view(1.0, name="b"), 1.3)
    assert Screen(out.getvalue()).rows[-1].startswith("2 downloads   50%")
    one.end("a", view(2.0, 100, name="a", ended="done"))
    rows = Screen(out.getvalue()).rows
    assert rows[0].startswith("a: 100.0 MB") and rows[1].startswith("b   50%") and len(rows) == 2
    one.end("b", view(2.0, 70, name="b", ended="failed"))
    rows = Screen(out.getvalue()).rows
    assert rows[1] == "b: stopped after 2.0 s; 70.0 of 100.0 MB are here for the next call" and len(rows) == 2
    assert out.getvalue().endswith("\n")


def test_a_warning_begins_its_own_line_and_the_progress_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Stream()
    handler = logging.StreamHandler(out)
    logging.getLogger("hubjet").addHandler(handler)
    try:
        one = board(Terminal(out))
        one.put("a", view(1.0), 1.0)
        _trace.warn("the disk is odd")
        one.put("a", view(2.0), 2.0)
        one.end("a", view(3.0, 100, ended="done"))
    finally:
        logging.getLogger("hubjet").removeHandler(handler)
    assert Screen(out.getvalue()).rows == ["the disk is odd", "m.bin: 100.0 MB in 3.0 s, 33.3 MB/s"]
    assert _trace.before_words is None


def test_a_narrower_window_gets_a_new_line_instead_of_a_mess(monkeypatch: pytest.MonkeyPatch) -> None:
    out = Stream()
    columns = [100]
    monkeypatch.setattr(screens, "_columns", lambda _stream: columns[0])
    one = board(Terminal(out))
    one.put("a", view(1.0), 1.0)
    columns[0] = 40
    before = len(out.getvalue())
    one.put("a", view(2.0), 2.0)
    one.put("a", view(3.0), 3.0)
    now = out.getvalue()[before:]
    assert now.startswith("\n") and now.count("\n") == 1
    assert all(len(text) <= 39 for text in re.split("[\r\n]", now))


@pytest.mark.parametrize("error", [OSError(5, "gone"), ValueError("closed"), RuntimeError("kernel")])
def test_a_broken_screen_breaks_no_download(error: Exception) -> None:
    class Broken(Stream):
        def write(self, _text: str) -> int:
            raise error

    one = board(Terminal(Broken()))
    one.put("a", view(1.0), 1.0)
    one.put("a", view(2.0), 2.0)
    one.end("a", view(3.0, 100, ended="done"))
    _trace.before_words = None


def test_who_draws_holds_nobody_up() -> None:
    started, free = threading.Event(), threading.Event()

    class Stuck(Stream):
        def write(self, text: str) -> int:
            started.set()
            free.wait(20)
            return len(text)

    one = board(Terminal(Stuck()))
    thread = threading.Thread(target=one.put, args=("a", view(1.0), 1.0))
    thread.start()
    assert started.wait(20)
    one.put("b", view(1.0), 5.0)  # returns although the terminal does not
    free.set()
    thread.join(20)
    one.end("a", view(2.0)), one.end("b", view(2.0))
    assert _trace.before_words is None


# --- a log ----------------------------------------------------------------------------------------


def test_a_log_gets_few_lines() -> None:
    out = io.StringIO()
    one = board(Log(out))
    for second in range(0, 1000):  # 0.1 % a second
        one.put("a", view(float(second))._replace(done=second * MB // 10), float(second))
    one.end("a", view(1000.0, 100, ended="done"))
    lines = out.getvalue().splitlines()
    assert 10 <= len(lines) <= 17 + 1 and all(line.startswith("hubjet: m.bin: ") for line in lines)
    assert lines[-1] == "hubjet: m.bin: 100.0 MB in 16 min 40 s, 100.0 kB/s"
    assert "\r" not in out.getvalue() and "\x1b" not in out.getvalue()


def test_a_fast_download_leaves_one_line_in_a_log() -> None:
    out = io.StringIO()
    one = board(Log(out))
    for n in range(90):
        one.put("a", view(n / 10, n), n / 10)
    one.end("a", view(9.0, 100, ended="done"))
    assert out.getvalue() == "hubjet: m.bin: 100.0 MB in 9.0 s, 11.1 MB/s\n"


# --- a notebook -----------------------------------------------------------------------------------


class Shell:
    execution_count = 1

    def __init__(self) -> None:
        self.kernel = SimpleNamespace(session=SimpleNamespace(pid=os.getpid()))
        self.display_pub = self
        self.sent: list[dict[str, Any]] = []

    def publish(self, **message: Any) -> None:
        self.sent.append(message)


def test_a_notebook_has_one_output_that_is_updated_in_place_and_ends_with_words() -> None:
    shell = Shell()
    one = board(Kernel(shell))
    for n in range(100):
        one.put("a", view(1 + n / 10, n), 1 + n / 10)
    one.end("a", view(11.0, 100, ended="done"))
    assert 10 <= len(shell.sent) <= 30
    assert [message["update"] for message in shell.sent] == [False] + [True] * (len(shell.sent) - 1)
    assert len({message["transient"]["display_id"] for message in shell.sent}) == 1
    assert "<progress" in shell.sent[5]["data"]["text/html"] and "%" in shell.sent[5]["data"]["text/plain"]
    last = shell.sent[-1]["data"]
    assert last["text/plain"] == "m.bin: 100.0 MB in 11 s, 9.1 MB/s" and "<progress" not in last["text/html"]


def test_fifty_downloads_in_a_cell_leave_a_dozen_lines() -> None:
    shell = Shell()
    one = board(Kernel(shell))
    for n in range(50):
        one.put(n, view(1.0, name=f"f{n}"), float(n))
        one.end(n, view(2.0, 100, name=f"f{n}", ended="done"))
    lines = shell.sent[-1]["data"]["text/plain"].splitlines()
    assert len(lines) == screens.SAID_MAX + 1 and lines[-1] == "and 38 more"
    assert len({message["transient"]["display_id"] for message in shell.sent}) == 1


# --- which of them --------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(screens, "_boards", {})
    yield
    _trace.before_words = None


@pytest.mark.parametrize(
    ("place", "progress", "ours", "kind"),
    [
        ("terminal", None, False, Terminal),
        ("terminal", True, False, Terminal),
        ("dumb", None, False, Log),
        ("pipe", None, False, Log),  # into logging
        ("pipe", True, False, Log),
        ("pipe", None, True, Log),
        ("closed", None, False, Log),  # into logging
        ("kernel", None, False, Kernel),
        ("forked kernel", None, False, Log),  # into logging
    ],
)
def test_each_place_has_its_screen(monkeypatch: pytest.MonkeyPatch, place: str, progress: bool | None, ours: bool, kind: type) -> None:
    stream: Any = Stream() if place in ("terminal", "dumb") else io.StringIO() if "kernel" in place or place == "pipe" else None
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "dumb" if place == "dumb" else "xterm")
    shell = Shell()
    if place == "forked kernel":
        shell.kernel.session.pid += 1
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell if "kernel" in place else None))
    found = screens.board(progress, ours)
    assert found is not None and type(found._screen) is kind
    if kind is Log:
        into_stream = place == "dumb" or (place == "pipe" and (progress or ours))
        assert found._screen._stream is (stream if into_stream else None)  # type: ignore[attr-defined]


def test_a_program_without_logging_hears_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.delitem(sys.modules, "logging")
    assert screens.board(None, False) is None


@pytest.mark.parametrize("name", ["LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK"])
def test_of_several_ranks_on_a_machine_the_first_one_talks(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(sys, "stderr", Stream())
    for rank, progress, shown in (("0", None, True), ("3", None, False), ("3", True, True)):
        monkeypatch.setenv(name, rank)
        assert (screens.board(progress, False) is not None) is shown


def test_one_place_has_one_board_while_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", Stream())
    first = screens.board(None, False)
    second = screens.board(None, False)
    assert first is second is not None
    first.end("a", view(0.1)), first.end("b", view(0.1))
    third = screens.board(None, False)
    assert third is not first and list(screens._boards.values()) == [third]
    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    fourth = screens.board(None, False)
    shell.execution_count = 2
    assert screens.board(None, False) is not fourth, "the next cell has an output of its own"


def test_downloads_in_a_cell_with_a_bar_of_text_share_one_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each output of ours makes such a bar begin anew: a loop over fifty models left fifty of them."""
    shell = Shell()
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))

    def boards(count: int) -> set[int]:
        found = []
        for _ in range(count):
            one = screens.board(None, False)
            assert one is not None
            one.end("a", view(0.1))
            found.append(one)
        return {id(one) for one in found}

    assert len(boards(3)) == 3
    bar = SimpleNamespace(disable=False, gui=False, fp=io.StringIO())
    monkeypatch.setitem(sys.modules, "tqdm.std", SimpleNamespace(tqdm=SimpleNamespace(_instances=[bar])))
    assert len(boards(3)) == 1
    bar.gui = True  # a widget is not torn
    assert len(boards(3)) == 3


@pytest.mark.usefixtures("hub_env")
def test_hashing_what_is_here_is_said_while_it_lasts(world: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import hashlib

    import hubjet
    from hubjet._show import progress as _progress

    monkeypatch.setattr(_progress, "CHECKED_BYTES", 1000)
    monkeypatch.setattr(sys, "stderr", Stream())
    content = b"1" * 5000
    (tmp_path / "w.bin").write_bytes(content)
    hubjet.fetch("http://127.0.0.1:9/w.bin", tmp_path / "w.bin", sha256=hashlib.sha256(content).hexdigest())
    world.repo("org/a").commit({"m.bin": content, "small.txt": b"x"})
    folder = Path(hubjet.snapshot_download("org/a"))
    os.utime((folder / "m.bin").resolve(), (1, 1))  # as a backup restores it
    hubjet.hf_hub_download("org/a", "m.bin")
    screen = Screen(sys.stderr.getvalue())  # type: ignore[attr-defined]
    assert any("w.bin  checking the 5.0 kB that are here" in row for rows in screen.frames for row in rows)
    assert [re.sub(r"[\d.]+ s$", "1 s", row) for row in screen.rows] == [f"{name}: the 5.0 kB that were here are checked, 1 s" for name in ("w.bin", "m.bin")]


# --- real programs in real terminals --------------------------------------------------------------

GET = "import hubjet; hubjet.hf_hub_download('org/big', 'model.safetensors')"
THREE = """
import threading, hubjet
each = [threading.Thread(target=hubjet.hf_hub_download, args=("org/big", name)) for name in ("model.safetensors", "b.bin", "c.bin")]
[one.start() for one in each]; [one.join() for one in each]
"""
NESTED = """
import hubjet
from tqdm import tqdm
for name in tqdm(["model.safetensors", "b.bin"], desc="models"):
    hubjet.hf_hub_download("org/big", name)
"""
COMMAND = "import sys; from hubjet._cli.main import main; sys.exit(main(['download', 'org/big', 'model.safetensors']))"
PLACES: dict[str, tuple[str, int, dict[str, str]]] = {
    "wide": (GET, 120, {}),
    "usual": (GET, 80, {}),
    "narrow": (GET, 34, {}),
    "unset size": (GET, 0, {}),
    "ascii": (GET, 80, {"PYTHONIOENCODING": "ascii"}),
    "dumb": (GET, 80, {"TERM": "dumb"}),
    "threads": (THREE, 80, {}),
    "nested": (NESTED, 80, {}),
    "command": (COMMAND, 80, {}),
    "off": (GET, 80, {"HF_HUB_DISABLE_PROGRESS_BARS": "1"}),
}
PIPES = {
    "pipe": (GET, {}),
    "told to": (GET, {"HF_HUB_DISABLE_PROGRESS_BARS": "0"}),
    "command in a log": (COMMAND, {}),
    "listening": ("import logging; logging.basicConfig(level='INFO'); " + GET, {}),
}


class Shown(dict[str, Any]):
    """By place; what went wrong in one of them is the failure of those who look there."""

    def __getitem__(self, place: str) -> Any:
        found = super().__getitem__(place)
        if isinstance(found, AssertionError):
            raise found
        return found


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All places at once: what each showed. Half a second's worth of bytes a file, at a rate of its own for each process."""
    from tests.server import World

    base = tmp_path_factory.mktemp("places")

    def env(name: str, more: dict[str, str]) -> dict[str, str]:
        mine = {"HF_HUB_CACHE": str(base / name), "HUBJET_RUN_DIR": str(base / f"{name}.run"), "HUBJET_LIMIT_RATE": "4M", "HOME": str(base)}
        return {**world.env(), **mine, **more}

    with World() as world:
        world.repo("org/big").commit({"model.safetensors": b"1" * 6_000_000, "b.bin": b"2" * 6_000_000, "c.bin": b"3" * 6_000_000})
        ptys = {name: Pty(script, columns, env(name, more)) for name, (script, columns, more) in PLACES.items()}
        paths = os.pathsep.join([str(ROOT / "python"), str(ROOT)])
        pipes = {
            name: subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True,
                                   env={**os.environ, "PYTHONPATH": paths, **env(name, more)}, stdout=subprocess.DEVNULL)
            for name, (script, more) in PIPES.items()
        }  # fmt: skip
        found = Shown()
        for name, one in ptys.items():
            try:
                found[name] = (one.wait(), one.columns)
            except AssertionError as error:
                found[name] = error
        for name, process in pipes.items():
            found[name] = process.communicate(timeout=60)[1]
            assert process.returncode == 0, found[name]
    return found


@pytest.mark.parametrize("place", ["wide", "usual", "narrow", "unset size", "ascii", "command"])
def test_a_terminal_shows_one_line_that_moves(seen: dict[str, Any], place: str) -> None:
    text, columns = seen[place]
    screen = Screen(text, columns)
    assert screen.rubbish == [] and text.endswith("\n")
    assert len(screen.rows) == (2 if place == "narrow" else 1), screen.rows  # the last word of a narrow one takes two rows
    begin = "org/big (main): 1 file, 6.0 MB; fetched " if place == "command" else "model.safetensors: 6.0 MB in "  # the command has more to say
    assert "".join(screen.rows).startswith(begin)
    assert 2 <= len(screen.frames) <= 40
    assert all(len(rows) <= 1 for rows in screen.frames[:-1]), "each time the same row"
    moving = [rows[0] for rows in screen.frames if rows and "%" in rows[0]]
    shares = [int(re.findall(r"(\d+)%", row)[0]) for row in moving]
    assert shares == sorted(shares) and len(set(shares)) >= 2
    assert all("B/s" in row for row in moving[1:])
    assert text.isascii() if place == "ascii" else ("━" in text or place == "narrow")


def test_a_dumb_terminal_and_a_log_get_whole_lines(seen: dict[str, Any]) -> None:
    for text in (seen["dumb"][0], seen["told to"], seen["command in a log"]):
        assert re.fullmatch(r"hubjet: model\.safetensors: 6\.0 MB in [\d.]+ s, [\d.]+ MB/s\n", text), text


def test_a_program_that_was_not_told_to_talk_leaves_its_log_alone(seen: dict[str, Any]) -> None:
    assert seen["pipe"] == "" and seen["off"][0] == ""
    assert re.fullmatch(r"INFO:hubjet:model\.safetensors: 6\.0 MB in .*\n", seen["listening"]), seen["listening"]


def test_downloads_in_threads_share_one_line(seen: dict[str, Any]) -> None:
    text, columns = seen["threads"]
    screen = Screen(text, columns)
    assert sorted(row.partition(":")[0] for row in screen.rows) == ["b.bin", "c.bin", "model.safetensors"]
    assert any("3 downloads" in row for rows in screen.frames for row in rows)
    assert all(sum("%" in row for row in rows) <= 1 for rows in screen.frames) and screen.rubbish == []


def test_below_somebody_elses_bar_each_keeps_its_row(seen: dict[str, Any]) -> None:
    text, columns = seen["nested"]
    screen = Screen(text, columns)
    rows = [row for row in screen.rows if row]
    assert [row.partition(":")[0] for row in rows] == ["model.safetensors", "b.bin", "models"] and "2/2" in rows[-1]
    last = [frame[-2:] for frame in screen.frames if len(frame) >= 2]  # tqdm takes its bars away for a moment while it writes a line
    assert any(bar.startswith("models:") and name.startswith("b.bin ") and "MB/s" in name for bar, name in last)
    assert not any(bar.startswith("b.bin ") for bar, _ in last), "ours stays below"


def test_what_reads_the_screen_in_these_tests_reads_it_right() -> None:
    screen = Screen("abc\rX\n12345678901234567890\x1b[A\rY\x1b[2J", columns=10)
    assert screen.rows == ["Xbc", "Y234567890", "1234567890"] and screen.rubbish == ["\x1b[2J"]
    assert Screen("模型", columns=3).rows == ["模", "型"]
