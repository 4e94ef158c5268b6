"""What is typed wrong gets a useful answer; what is printed goes where it belongs, in the form that was asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet._cli import main as _cli, say
from tests.py.test_cli import Run, shell

pytestmark = pytest.mark.usefixtures("hub_env")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """One command, in this process: code, stdout, stderr."""
    code = _cli.main(list(arguments))
    return code, *capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        ("downlod org/model", "there is no verb 'downlod'; did you mean `hubjet download`?"),
        ("pull org/model", "did you mean `hubjet download`?"),
        ("settings", "did you mean `hubjet config`?"),
        ("fly", "there is no verb 'fly'\n"),
        ("org/model", "did you mean `hubjet download org/model`?"),
        ("https://host/x", "did you mean `hubjet get https://host/x`?"),
        ("help downlod", "did you mean `hubjet download`?"),
        ("download --inclde x org/model", "has no option --inclde; did you mean --include"),
        ("download org/model --dryrun", "did you mean --dry-run?"),
        ("download org/model --dry", "did you mean --dry-run?"),
        ("download org/model --limit=4M", "has no option --limit; did you mean --limit-rate?"),
        ("download", "required: REPO\n"),
        ("download org/model --type modle", "'dataset'"),
        ("where a/b c d", "does not know what to do with 'd'"),
        ("config max_conections", "did you mean max_connections?"),
        ("download org/model a.txt --include b", "not both"),
        ("get https://host/x --size big", "--size"),
    ],
)
def test_what_is_typed_wrong_is_said_in_two_lines_and_what_was_meant(capsys: Any, arguments: str, answer: str) -> None:
    code, out, err = run(capsys, *arguments.split())
    assert (code, out) == (2, "") and answer in err and err.startswith("hubjet: "), err
    assert err.count("\n") <= 2 and "Traceback" not in err and "usage:" not in err, err


@pytest.mark.parametrize("arguments", ["login hf_sesame", "hf_sesame", "https://me:sesame@host/x", "download org/model --tokn=hf_sesame", "doctor a/b hf_sesame"])
@pytest.mark.parametrize("json", [[], ["--json"]])
def test_a_secret_in_the_wrong_place_is_not_repeated(capsys: Any, arguments: str, json: list[str]) -> None:
    code, out, err = run(capsys, *arguments.split(), *json)
    assert (code, out) == (2, "") and "sesame" not in err and err


def test_options_of_all_verbs_may_stand_before_the_verb(capsys: Any) -> None:
    assert json.loads(run(capsys, "--json", "limit")[1]) == json.loads(run(capsys, "limit", "--json")[1])
    assert run(capsys, "-q", "limit")[0] == 0


@pytest.mark.parametrize("arguments", [[], ["--help"], ["-h"], ["help"], ["--json"], ["help", "help"]])
def test_without_a_verb_there_is_help(capsys: Any, arguments: list[str]) -> None:
    code, out, err = run(capsys, *arguments)
    assert (code, err) == (0, "") and out.startswith("usage: hubjet VERB") and all(row.name in out for row in _cli.VERBS)


@pytest.mark.parametrize("arguments", [["--version"], ["-v"], ["--verbose"]])
def test_v_alone_asks_for_the_version(capsys: Any, arguments: list[str]) -> None:
    assert run(capsys, *arguments) == (0, f"hubjet {hubjet.__version__}\n", "")


@pytest.mark.parametrize("width", [80, 40])
@pytest.mark.parametrize("verb", ["", *(row.name for row in _cli.VERBS)])
def test_the_help_of_each_verb_fits_a_terminal(capsys: Any, monkeypatch: pytest.MonkeyPatch, verb: str, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    code, out, err = run(capsys, *verb.split(), "--help")
    assert (code, err) == (0, "") and (verb in ("help", "about") or "\nexamples:\n  " in out)
    kept = [line for line in out.splitlines() if not (width == 40 and line.startswith(("usage: ", "  hubjet ", "  export ", "  eval ", "  -")))]
    assert [line for line in kept if len(line) > width - 1] == []


def test_an_error_is_one_line_of_json_where_json_was_asked_for(capsys: Any, world: Any) -> None:
    world.repo("org/model").commit({"a.txt": b"a"})
    code, out, err = run(capsys, "download", "org/nope", "--json")
    told = json.loads(err)["error"]
    assert (code, out, err.count("\n")) == (3, "", 1)
    assert told["type"] == "RepoNotFound" and told["exit_code"] == 3 and told["status"] == 401 and told["repo_id"] == "org/nope"
    assert told["message"] and all(isinstance(line, str) for line in told["details"]) and "headers" not in told
    code, out, err = run(capsys, "download", "--jsn", "--json", "org/model")
    assert code == 2 and json.loads(err)["error"]["type"] == "Misuse" and "--json" in json.loads(err)["error"]["message"]
    code, out, err = run(capsys, "fly", "--json")
    assert code == 2 and json.loads(err)["error"]["exit_code"] == 2


def test_errors_of_several_files_are_all_in_the_json() -> None:
    error = hubjet.NetworkError("two failed\n  do        wait", failures={"a": hubjet.TimedOut("late\n  x y"), "b": hubjet.NetworkError("cut")})
    error.headers = {"set-cookie": "secret"}
    told = json.loads(_cli.error_as_json(error, 5, str(error)))["error"]
    assert told == {"type": "NetworkError", "exit_code": 5, "message": "two failed", "details": ["do        wait"],
                    "failures": {"a": "late", "b": "cut"}}  # fmt: skip


@pytest.mark.parametrize("arguments", ["--help", "help download", "--version", "about", "config --origin", "url a/b c", "where"])
def test_a_stdout_that_cannot_be_written_is_an_error(arguments: str) -> None:
    done = shell(f"hubjet {arguments} >/dev/full")
    assert done.returncode == 7 and done.stderr.startswith(b"hubjet: stdout could not be written") and done.stderr.count(b"\n") == 1, done.stderr


def test_config_prints_one_value_for_scripts(capsys: Any, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run(capsys, "config", "cache_dir") == (0, f"{cache}\n", "")
    assert run(capsys, "config", "offline", "polite")[1] == "offline  false  (default)\npolite   false  (default)\n"
    monkeypatch.setenv("HUBJET_LIMIT_RATE", "8M")
    assert "limit_rate" in run(capsys, "config", "--changed")[1] and "polite" not in run(capsys, "config", "--changed")[1]
    out = run(capsys, "config", "limit_rate", "--origin")[1]
    assert out.startswith("limit_rate = 8388608\n") and "environment HUBJET_LIMIT_RATE" in out and "config.toml" in out and "Bytes per second" in out
    told = json.loads(run(capsys, "config", "limit_rate", "--origin", "--json")[1])["limit_rate"]
    assert told["value"] == 8 << 20 and told["environment"] == ["HUBJET_LIMIT_RATE"] and told["meaning"]


def test_where_says_of_a_file_whether_it_is_here(capsys: Any, world: Any) -> None:
    world.repo("org/model").commit({"a.txt": b"a"})
    assert json.loads(run(capsys, "where", "org/model", "a.txt", "--json")[1])["file"] == {"value": None, "origin": "not here"}
    path = run(capsys, "download", "org/model", "a.txt")[1].strip()
    assert json.loads(run(capsys, "where", "org/model", "a.txt", "--json")[1])["file"] == {"value": path, "origin": "below snapshot"}


def test_url_and_about_answer_as_the_functions_do(capsys: Any, world: Any) -> None:
    url = hubjet.hf_hub_url("org/data", "a b.txt", repo_type="dataset", revision="v1")
    assert run(capsys, "url", "org/data", "a b.txt", "--type", "dataset", "--revision", "v1") == (0, f"{url}\n", "")
    assert json.loads(run(capsys, "about", "--json")[1]) == json.loads(say.as_json(hubjet.about()))
    assert f"hubjet           {hubjet.__version__}\n" in run(capsys, "about")[1]


def test_a_trace_does_not_replace_what_is_no_trace(capsys: Any, world: Any, tmp_path: Path) -> None:
    world.repo("org/model").commit({"a.txt": b"a"})
    mine = tmp_path / "model.safetensors"
    mine.write_bytes(b"mine")
    code, out, err = run(capsys, "download", "org/model", "--trace", str(mine))
    assert (code, out) == (7, "") and "is no trace" in err and mine.read_bytes() == b"mine"
    again = str(tmp_path / "t.json")
    for _ in range(2):
        assert Run("download", "org/model", "--force", "--trace", again).code == 0
    assert json.loads(Path(again).read_text())


def test_colours_are_for_terminals_whose_user_wants_them(monkeypatch: pytest.MonkeyPatch) -> None:
    class Tty:
        def isatty(self) -> bool:
            return True

    tty: Any = Tty()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert say.coloured("x", say.RED, tty) == "\033[31mx\033[0m"
    assert say.coloured("x", say.RED, None) == "x"
    monkeypatch.setenv("TERM", "dumb")
    assert say.coloured("x", say.RED, tty) == "x"
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    assert say.coloured("x", say.RED, tty) == "x"
