"""The command line: data on stdout, talk on stderr, exit codes that scripts may rely on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _download
from hubjet._cli import main
from hubjet._config import resolve

pytestmark = pytest.mark.usefixtures("hub_env")

BIG = b"1" * 300_000


class Run:
    """One run of the command, as a process of its own."""

    def __init__(self, *arguments: str, **environment: str) -> None:
        package = str(Path(hubjet.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-m", "hubjet", *arguments],
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, "PYTHONPATH": package, **environment},
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr


@pytest.fixture
def repo(world: Any) -> Any:
    one = world.repo("org/model")
    one.commit({"config.json": b"{}", "model.safetensors": BIG, "[odd].txt": b"odd", "sub/a.txt": b"a"})
    return one


def test_downloading_a_file_prints_its_path_and_nothing_else(repo: Any) -> None:
    run = Run("download", "org/model", "config.json")
    assert (run.code, run.err) == (0, "")
    assert Path(run.out.strip()).read_bytes() == b"{}"


def test_downloading_all_prints_the_folder(repo: Any) -> None:
    folder = Path(Run("download", "org/model").out.strip())
    assert (folder / "model.safetensors").read_bytes() == BIG


def test_several_names_are_names_and_not_patterns(repo: Any) -> None:
    folder = Path(json.loads(Run("download", "org/model", "[odd].txt", "sub/a.txt", "--json").out)["path"])
    assert sorted(p.name for p in folder.rglob("*.*")) == ["[odd].txt", "a.txt"]
    run = Run("download", "org/model", "config.json", "nope.json")
    assert run.code == 3 and "nope.json" in run.err


def test_patterns_choose_files(repo: Any) -> None:
    folder = Path(Run("download", "org/model", "--include", "*.txt", "--exclude", "sub/*").out.strip())
    assert [p.name for p in folder.iterdir()] == ["[odd].txt"]


def test_a_local_dir_gets_plain_files(repo: Any, tmp_path: Path) -> None:
    Run("download", "org/model", "config.json", "--local-dir", str(tmp_path / "here"))
    assert (tmp_path / "here" / "config.json").is_file()
    assert not (tmp_path / "here" / "config.json").is_symlink()


def test_a_dry_run_tells_and_fetches_nothing(repo: Any, world: Any) -> None:
    run = Run("download", "org/model", "--dry-run")
    assert run.code == 0 and "fetch\t300000\tmodel.safetensors" in run.out and "4 files, 300.0 kB: 4 to fetch" in run.err
    assert world.bodies() == []
    files = json.loads(Run("download", "org/model", "--dry-run", "--json").out)["files"]
    assert {one["filename"]: one["todo"] for one in files}["config.json"] == "fetch"


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["download", "org/model", "nope.json"], 3),
        (["download", "org/nope"], 3),
        (["download", "org/model", "--revision", "nope"], 3),
        (["download", "org/model", "--offline"], 3),
        (["download", "org/gated"], 4),
        (["download", "org/model", "--endpoint", "http://127.0.0.1:9"], 5),
        (["download", "not//a/name"], 2),
        (["download", "org/model", "a", "--include", "b"], 2),
        (["get", "ftp://host/file"], 2),
        (["download"], 2),
        (["fly"], 2),
    ],
)
def test_each_sort_of_failure_has_its_exit_code(repo: Any, world: Any, arguments: list[str], code: int) -> None:
    world.repo("org/gated", gated="auto").commit({"a.json": b"{}"})
    run = Run(*arguments)
    assert (run.code, run.out) == (code, "")
    assert run.err and "Traceback" not in run.err


def test_damaged_content_has_its_exit_code(world: Any, tmp_path: Path) -> None:
    url = world.file("m.bin", BIG)
    run = Run("get", url, "-o", str(tmp_path), "--sha256", "0" * 64)
    assert run.code == 6 and not (tmp_path / "m.bin").exists()


def test_get_fetches_any_url(world: Any, tmp_path: Path) -> None:
    run = Run("get", world.file("m.bin", BIG), "-o", str(tmp_path))
    assert run.code == 0 and Path(run.out.strip()).read_bytes() == BIG


def test_where_says_why(repo: Any, cache: Path) -> None:
    run = Run("where")
    assert f"{cache}  (environment HF_HUB_CACHE)" in run.out
    Run("download", "org/model", "config.json")
    places = json.loads(Run("where", "org/model", "--json").out)
    assert places["commit"] == {"value": repo.head, "origin": "refs/main"}
    assert Path(places["snapshot"]["value"]).is_dir()


def test_ls_lists_what_is_here(repo: Any) -> None:
    assert Run("ls").out == ""
    Run("download", "org/model")
    (one,) = json.loads(Run("ls", "--json").out)
    assert (one["repo_id"], one["files"], one["revisions"]) == ("org/model", 4, {"main": repo.head})
    assert one["size"] == len(BIG) + 2 + 3 + 1
    assert Run("ls").out.startswith("model\torg/model\t300.0 kB\t4 files\t")


def test_config_shows_every_setting_with_its_origin() -> None:
    shown = json.loads(Run("config", "--json", HUBJET_CONNECTIONS="7").out)
    assert set(shown) == set(hubjet.config())
    assert shown["max_connections"] == {"value": 7, "origin": "environment HUBJET_CONNECTIONS"}


def test_a_mistake_in_a_setting_is_wrong_usage() -> None:
    run = Run("config", HUBJET_CONNECTIONS="lots")
    assert run.code == 2 and "HUBJET_CONNECTIONS" in run.err


def test_a_reader_who_has_enough_is_no_error(world: Any) -> None:
    package = str(Path(hubjet.__file__).parents[1])
    done = subprocess.run(
        f"'{sys.executable}' -m hubjet config | true; echo ${{PIPESTATUS[0]}}",
        shell=True,
        executable="/bin/bash",
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": package, "PYTHONUNBUFFERED": "1"},
        timeout=60,
    )
    assert (done.stdout.strip(), done.stderr) == ("0", "")


def test_the_help_tells_the_exit_codes() -> None:
    run = Run("--help")
    assert run.code == 0 and "130 interrupted" in run.out
    assert Run("--version").out.strip() == f"hubjet {hubjet.__version__}"


@pytest.mark.parametrize(("arguments", "verbs"), [(["--help"], []), (["limit"], ["settings"]), (["ls"], ["keep"])])
def test_the_help_loads_no_verb_and_a_verb_only_its_own_module(arguments: list[str], verbs: list[str]) -> None:
    """Sixteen lines of help, and completion, should not wait for what downloads."""
    code = "import sys, atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr)); from hubjet._cli.main import main; main(sys.argv[1:])"
    env = {**os.environ, "PYTHONPATH": str(Path(hubjet.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-S", "-c", code, *arguments], capture_output=True, text=True, timeout=60, env=env)
    loaded = set(done.stderr.split())
    assert {name for name in loaded if name.startswith("hubjet._cli.")} == {f"hubjet._cli.{n}" for n in ("main", "options", "say", *verbs)}
    assert not loaded & {"json", "hubjet._hub", "hubjet._compat", "urllib.parse"} and ("logging" in loaded) == bool(verbs)


def test_the_codes_promised_are_the_codes_used() -> None:
    promised = {int(part.split()[0]) for part in main.EXIT_TEXT.partition(":")[2].replace("\n", " ").split(",")}
    assert promised == {0, 1, *(code for _, code in main.EXIT_CODES)}


def test_limits_of_the_command_line_are_settings(repo: Any) -> None:
    assert Run("download", "org/model", "--limit-rate", "1G", "--max-connections", "3", "--memory", "32M", "--polite").code == 0
    for option in ("--limit-rate", "--max-connections", "--memory"):
        run = Run("download", "org/model", option, "lots", "--force")
        assert run.code == 2 and option[2:].replace("-", "_") in run.err


def test_options_may_stand_between_and_before_names(repo: Any) -> None:
    for arguments in (
        ["download", "org/model", "--revision", "main", "config.json"],
        ["download", "--revision", "main", "org/model", "config.json"],
        ["download", "-q", "org/model", "--json", "config.json", "--type", "model"],
    ):
        run = Run(*arguments)
        assert (run.code, run.err) == (0, "") and "config.json" in run.out, arguments
    run = Run("download", "org/model", "config.json", "--revision", "main", "sub/a.txt", "--dry-run")
    assert sorted(line.split("\t")[2] for line in run.out.splitlines()) == ["config.json", "sub/a.txt"]
    assert Run("where", "--type", "dataset", "org/model").code == 0
    assert Run("limit", "--json").code == 0
    assert "required: REPO\n" in Run("download").err
    for arguments in (["download"], ["download", "--nope", "org/model"], ["where", "a/b", "c/d", "e"]):
        run = Run(*arguments)
        assert run.code == 2 and "Traceback" not in run.err, arguments


@pytest.mark.parametrize("name", ["", "../x", "/x", "sub"])
def test_each_of_several_names_must_be_a_file(repo: Any, name: str) -> None:
    assert Run("download", "org/model").code == 0  # so that the folder sub is there
    run = Run("download", "org/model", name, "config.json")
    assert (run.code, run.out) == (3 if name == "sub" else 2, "") and repr(name) in run.err


def test_a_pattern_where_a_name_belongs_is_told_the_way(repo: Any) -> None:
    run = Run("download", "org/model", "*.txt", "config.json")
    assert run.code == 3 and "--include" in run.err


@pytest.mark.parametrize("option", ["--local-dir", "--cache-dir", "--revision", "--trace"])
def test_an_empty_value_is_a_mistake_and_not_the_current_folder(repo: Any, option: str) -> None:
    run = Run("download", "org/model", option, "")
    assert run.code == 2 and f"{option}: is empty" in run.err


@pytest.mark.parametrize("output", ["", "-"])
def test_an_output_is_a_file(output: str) -> None:
    run = Run("get", "https://localhost/x", "-o", output)
    assert run.code == 2 and "--output" in run.err


def test_what_was_typed_is_named_as_it_was_typed(repo: Any) -> None:
    assert "(--limit-rate)" in Run("download", "org/model", "--limit-rate", "lots").err
    run = Run("download", "org/model", "--offline")
    assert run.code == 3 and "--offline" in run.err and "local_files_only" not in run.err


def shell(command: str, **environment: str) -> Any:
    return subprocess.run(
        command.replace("hubjet", f"'{sys.executable}' -m hubjet"),
        shell=True,
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(Path(hubjet.__file__).parents[1]), **environment},
        timeout=60,
    )


def test_a_closed_stdout_is_no_error_and_a_full_one_is_said(repo: Any) -> None:
    done = shell("hubjet download org/model >&-")
    assert (done.returncode, done.stderr) == (0, b"")
    done = shell("hubjet download org/model >/dev/full")
    assert done.returncode == 7 and b"stdout could not be written" in done.stderr and b"Traceback" not in done.stderr


def test_a_name_that_stdout_cannot_say_is_printed_as_it_lies_on_the_disk(repo: Any) -> None:
    repo.commit({"ünï.txt": b"x"})
    done = shell("hubjet download org/model ünï.txt", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"") and Path(os.fsdecode(done.stdout.rstrip())).read_bytes() == b"x"


def test_ctrl_c_while_python_loads_the_command_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt")
    done = shell("hubjet ls", PYTHONPATH=os.pathsep.join([str(tmp_path), str(Path(hubjet.__file__).parents[1])]))
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"hubjet: interrupted\n")


def test_ctrl_c_says_one_line_and_the_same_command_goes_on(world: Any) -> None:
    world.repo("org/large").commit({"a.bin": BIG * 80})
    gate = world.gate("*a.bin", 9_000_000)
    command = [sys.executable, "-m", "hubjet", "download", "org/large", "-q"]
    env = {**os.environ, "PYTHONPATH": str(Path(hubjet.__file__).parents[1])}
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env)
    gate.wait_reached(9_000_000)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "") and err.startswith("hubjet: interrupted; what was received is kept") and err.count("\n") == 1, err
    world.heal()
    run = Run("download", "org/large", "--json", "-q")
    assert run.code == 0 and json.loads(run.out)["resumed"] > 0


def test_ctrl_c_while_python_ends_is_no_traceback(tmp_path: Path) -> None:
    """The first comes while the command runs, the second while the answer to it is on its way, the third while Python ends."""
    code = (
        "import atexit, os, signal, sys, hubjet._cli.main, hubjet.__main__ as main\n"
        "strike = lambda *_: os.kill(os.getpid(), signal.SIGINT)\n"
        "atexit.register(strike)\n"
        "hubjet._cli.main._run = hubjet._cli.main._failed = strike\n"
        "sys.argv = ['hubjet', 'ls']; sys.exit(main.main())"
    )
    env = {**os.environ, "PYTHONPATH": str(Path(hubjet.__file__).parents[1])}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, env=env, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (130, b"", b"hubjet: interrupted\n")


def test_a_cache_that_cannot_be_read_is_not_an_empty_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = Run("ls", "--cache-dir", str(tmp_path / "file"))
    assert (run.code, run.out) == (7, "") and "cannot be read" in run.err
    assert Run("ls", "--cache-dir", str(tmp_path / "nothing")).code == 0


def test_a_limit_that_cannot_be_kept_says_where(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = Run("limit", "4M", HUBJET_RUN_DIR=str(tmp_path / "file" / "run"))
    assert run.code == 7 and "for all processes" in run.err and "Errno" not in run.err
    assert Run("limit", "off", HUBJET_RUN_DIR=str(tmp_path / "file" / "run")).code == 0


def test_a_cache_of_another_user_is_not_said_to_have_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    monkeypatch.setattr(_download._native, "can_link", lambda _: False)
    assert _download.links(resolve(cache_dir=tmp_path))


# --- what an error says, and how often ------------------------------------------------------------


def test_get_of_what_is_not_there_names_the_url_once(world: Any, tmp_path: Path) -> None:
    url = f"{world.badcdn_url}/files/none.bin"
    run = Run("get", url, "-o", str(tmp_path / "none.bin"))
    assert run.code == 3 and run.err.count("/files/none.bin") == 1, run.err


def test_verbose_adds_where_it_was_noticed_and_says_the_error_once(repo: Any) -> None:
    run = Run("download", "org/model", "nope.json", "-v")
    assert run.code == 3 and "Traceback (most recent call last)" in run.err and "_cli/main.py" in run.err
    assert run.err.count("hubjet: org/model has no file 'nope.json'") == 1 and run.err.count("has no file 'nope.json'") == 1, run.err


def test_no_space_for_a_plain_file_speaks_of_no_cache(world: Any, tmp_path: Path) -> None:
    url = world.file("m.bin", b"x")
    run = Run("get", url, "-o", str(tmp_path / "m.bin"), "--size", str(1 << 60))
    assert run.code == 7 and "not enough space" in run.err and "another place for the file" in run.err
    assert "cache_dir" not in run.err and "HF_" not in run.err


def test_a_file_in_the_way_of_a_folder_is_said_to_be_that(repo: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_bytes(b"")
    run = Run("download", "org/model", "config.json", "--cache-dir", str(tmp_path / "taken"))
    assert run.code == 7 and "in the way of the folder" in run.err and str(tmp_path / "taken") in run.err, run.err


def test_a_size_that_is_not_the_files_is_believed_after_two_answers(world: Any, tmp_path: Path) -> None:
    url = world.file("m.bin", BIG, faulty=True)
    run = Run("get", url, "-o", str(tmp_path / "m.bin"), "--size", "299999")
    assert run.code == 6 and "299999 bytes were expected, the server has 300000" in run.err, run.err
    assert len([r for r in world.requests if r.name == "/files/m.bin"]) == 2
