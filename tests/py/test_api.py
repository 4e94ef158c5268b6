"""The public face: one list, documented, cheap to import, with huggingface_hub's signatures."""

from __future__ import annotations

import contextlib
import dataclasses
import doctest
import inspect
import os
import re
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import hubjet
import pytest

PACKAGE = Path(hubjet.__file__).parent
DROP_INS = ["hf_hub_download", "snapshot_download", "try_to_load_from_cache", "hf_hub_url"]
IMPORT_MS = 15.0
# Each costs milliseconds; none is needed before the first call.
HEAVY = {
    "re",
    "dataclasses",
    "json",
    "logging",
    "tqdm",
    "inspect",
    "typing",
    "pathlib",
    "urllib",
    "ssl",
    "socket",
    "hubjet._native",
}


# --- the list -------------------------------------------------------------------------------------


def test_every_public_name_can_be_had_and_is_documented() -> None:
    assert hubjet.__all__ == sorted(hubjet.__all__)
    assert [name for name in hubjet.__all__ if not inspect.getdoc(getattr(hubjet, name))] == []


def test_nothing_else_is_public() -> None:
    for name in hubjet.__all__:
        getattr(hubjet, name)
    assert set(dir(hubjet)) - {"__version__", "__doc__"} == set(hubjet.__all__)
    kept = {name for name, thing in vars(hubjet).items() if not name.startswith("_") and not inspect.ismodule(thing)}
    assert kept - {"annotations", "TYPE_CHECKING"} == set(hubjet.__all__)


def test_type_checkers_and_the_interpreter_see_the_same_names() -> None:
    source = (PACKAGE / "__init__.py").read_text()
    block = source.partition("if TYPE_CHECKING:")[2].partition("__version__")[0]
    imported = re.findall(r"^\s+from \.([\w.]+) import (\([^)]*\)|.*)$", block, re.MULTILINE)
    homes = {name: home for home, names in imported for name in re.findall(r"\w+", names)}
    assert set(homes) == set(hubjet.__all__)
    for name, home in homes.items():
        assert getattr(import_module(f"hubjet.{home}"), name) is getattr(hubjet, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="from_pretrainde"):
        hubjet.from_pretrainde  # noqa: B018


def test_every_module_says_what_it_answers_and_what_it_may_import() -> None:
    for path in PACKAGE.glob("*.py"):
        if path.name != "__init__.py":
            doc = import_module(f"hubjet.{path.stem}").__doc__ if path.stem != "__main__" else path.read_text()
            assert doc and "mport" in doc, path.name


# --- huggingface_hub's signatures -----------------------------------------------------------------


@pytest.mark.parametrize("name", DROP_INS)
def test_drop_ins_have_the_stock_signature(name: str) -> None:
    import huggingface_hub as stock

    if not stock.__version__.startswith("2.4"):
        pytest.skip(f"the signatures are of huggingface_hub 2.4, not {stock.__version__}")

    def shape(function: object) -> list[tuple[str, object, object]]:
        parameters = inspect.signature(function).parameters.values()  # type: ignore[arg-type]
        return [(one.name, one.kind, one.default) for one in parameters]

    assert shape(getattr(hubjet, name)) == shape(getattr(stock, name))


def test_dry_run_answers_have_the_stock_fields() -> None:
    from huggingface_hub import file_download as stock

    assert [field.name for field in dataclasses.fields(hubjet.DryRunFileInfo)] == [
        field.name for field in dataclasses.fields(stock.DryRunFileInfo)
    ]


def test_type_checkers_know_what_a_dry_run_answers(tmp_path: Path) -> None:
    from mypy import api as mypy

    example = tmp_path / "example.py"
    example.write_text(
        """
import hubjet

path: str = hubjet.hf_hub_download("org/name", "a")
info: hubjet.DryRunFileInfo = hubjet.hf_hub_download("org/name", "a", dry_run=True)
folder: str = hubjet.snapshot_download("org/name", dry_run=False)
infos: list[hubjet.DryRunFileInfo] = hubjet.snapshot_download("org/name", dry_run=True)
wrong: str = hubjet.snapshot_download("org/name", dry_run=True)
"""
    )
    said, _, _ = mypy.run(["--strict", "--cache-dir", str(PACKAGE.parents[1] / "build" / "mypy"), str(example)])
    assert [line.partition(":")[2].partition(":")[0] for line in said.splitlines()[:-1]] == ["8"], said


@pytest.mark.parametrize("name", ["proxies", "resume_download", "force_filename", "local_dir_use_symlinks"])
@pytest.mark.parametrize("function", ["hf_hub_download", "snapshot_download", "try_to_load_from_cache"])
def test_arguments_of_older_versions_are_accepted_with_a_warning(function: str, name: str, tmp_path: Path) -> None:
    arguments = {"cache_dir": tmp_path, name: "x"}
    if function != "try_to_load_from_cache":
        arguments["local_files_only"] = True
    positional = ["org/name"] if function == "snapshot_download" else ["org/name", "a.txt"]
    with pytest.warns(UserWarning, match=name), contextlib.suppress(hubjet.LocalEntryNotFound):
        getattr(hubjet, function)(*positional, **arguments)


def test_an_old_argument_that_is_none_is_passed_over_in_silence(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert hubjet.try_to_load_from_cache("org/name", "a", cache_dir=tmp_path, proxies=None) is None  # type: ignore[call-arg]


@pytest.mark.parametrize("name", DROP_INS)
def test_an_unknown_argument_is_a_type_error(name: str) -> None:
    with pytest.raises(TypeError, match="revison"):
        getattr(hubjet, name)("org/name", revison="main")


def test_the_object_for_known_not_to_exist_is_the_callers_own() -> None:
    import huggingface_hub as stock

    assert hubjet._CACHED_NO_EXIST is stock._CACHED_NO_EXIST


def test_force_without_network_is_a_value_error_before_any_request(tmp_path: Path) -> None:
    for call in (
        lambda: hubjet.hf_hub_download("org/name", "a", cache_dir=tmp_path, force_download=True, local_files_only=True),
        lambda: hubjet.snapshot_download("org/name", cache_dir=tmp_path, force_download=True, local_files_only=True),
    ):
        with pytest.raises(ValueError, match="local_files_only"), hubjet.contacts() as seen:
            call()
        assert len(seen) == 0


# --- the import -----------------------------------------------------------------------------------


def bare_python(program: str) -> str:
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        timeout=60,
        env={**environment, "PYTHONPATH": str(PACKAGE.parent)},
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_importing_costs_next_to_nothing() -> None:
    program = "import time; a = time.perf_counter(); import hubjet; print((time.perf_counter() - a) * 1e3)"
    assert min(float(bare_python(program)) for _ in range(5)) <= IMPORT_MS


def test_importing_loads_nothing_heavy() -> None:
    program = "import sys; before = set(sys.modules); import hubjet; print(*sorted(set(sys.modules) - before))"
    loaded = set(bare_python(program).split())
    assert not {name for name in loaded if name in HEAVY or name.partition(".")[0] in HEAVY}


def test_importing_touches_no_environment_no_foreign_file_and_no_network() -> None:
    program = f"""
import os, sys
seen = []
def note(event, arguments):
    if event == "open" and not str(arguments[0]).startswith({str(PACKAGE)!r}):
        seen.append((event, str(arguments[0])))
    elif event.startswith(("socket", "subprocess", "os.putenv", "os.exec")):
        seen.append((event, str(arguments)))
class NotForYou(dict):
    def __getitem__(self, name): raise AssertionError(name)
    get = __contains__ = __iter__ = __getitem__
sys.addaudithook(note)
os.environ = NotForYou()
import hubjet
print(seen)
"""
    # __future__ is the interpreter's own
    assert [event for event in eval(bare_python(program)) if "__future__" not in event[1]] == []


# --- the examples ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [path.stem for path in sorted(PACKAGE.glob("_*.py")) if path.stem not in ("__main__", "__init__")]
)
def test_the_examples_in_the_documentation_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    module = import_module(f"hubjet.{name}")
    outcome = doctest.testmod(module, optionflags=doctest.ELLIPSIS, globs={**vars(module), "hubjet": hubjet})
    assert outcome.failed == 0


def test_every_function_for_people_has_an_example() -> None:
    functions = [getattr(hubjet, name) for name in hubjet.__all__ if not inspect.isclass(getattr(hubjet, name))]
    assert [one.__name__ for one in functions if ">>>" not in (inspect.getdoc(one) or "")] == []


@pytest.mark.usefixtures("hub_env")
def test_a_snapshot_of_which_only_single_files_came_does_not_stand_in_for_the_whole(world: Any, cache: Path) -> None:
    world.repo("org/name").commit({"config.json": b"{}", "model.safetensors": b"1" * 5000})
    hubjet.hf_hub_download("org/name", "config.json")
    world.fault("hub", "/api/models/*", "status", code=400)
    with pytest.raises(hubjet.ProtocolError, match="whether all of them, nobody knows") as caught:
        hubjet.snapshot_download("org/name")
    assert caught.value.status == 400
    folder = hubjet.snapshot_download("org/name", local_files_only=True)
    assert os.listdir(folder) == ["config.json"]
    world.heal()
    assert sorted(os.listdir(hubjet.snapshot_download("org/name"))) == ["config.json", "model.safetensors"]
