"""enable() under what happens: kill -9, Ctrl-C, forks, threads, other people's patches, versions nobody knows."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any, Callable

import pytest

from hubjet import _native
from tests.py.child import Child
from tests.py.enabling import newer  # noqa: F401
from tests.py.peers import caught, need_peer, peer_env
from tests.py.test_resume import wait_for_journal
from tests.server import Sparse, World

MIB = 1 << 20
BIG = Sparse(48 * MIB, seed=9)

DOWNLOAD = """
import hubjet, json
from huggingface_hub import hf_hub_download
hubjet.enable()
result = [hf_hub_download("org/name", "model.safetensors", **json.loads({how!r})), hubjet.status()._asdict()]
"""
SNAPSHOT = """
import hubjet
from huggingface_hub import snapshot_download
hubjet.enable()
try:
    snapshot_download("org/name")
except KeyboardInterrupt:
    result = "interrupted"
"""


def child(world: World, cache: Path, home: Path, script: str, version: str = "2.4") -> Child:
    return Child(script, peer_env(world, home, HF_HUB_CACHE=str(cache)), str(need_peer(version)))


def kept(place: Path, key: str) -> int:
    return _native.partial_bytes(str(place / ".hubjet"), key)


@pytest.mark.parametrize("local", [False, True])
def test_after_kill_9_the_next_process_goes_on_from_there(world: World, cache: Path, tmp_path: Path, local: bool) -> None:
    repo = world.repo("org/name")
    file = repo.commits[repo.commit({"model.safetensors": BIG})].files["model.safetensors"]
    how = {"local_dir": str(tmp_path / "mine")} if local else {}
    place = tmp_path / "mine/.cache/huggingface" if local else cache / "models--org--name"
    gate = world.gate("model.safetensors")
    script = DOWNLOAD.format(how=json.dumps(how))
    with child(world, cache, tmp_path / "home", script) as first:
        gate.wait_reached(32 * MIB)
        wait_for_journal(place / ".hubjet", 16 * MIB)
        first.kill()
        first.wait()
    gate.open()
    world.heal()
    world.clear()
    there = kept(place, file.content.sha256)
    with child(world, cache, tmp_path / "home", script) as second:
        assert second.wait() == 0, second.err
        path, status = second.result
    assert status["resumed"] >= 16 * MIB and status["received"] <= BIG.size - there + 2 * MIB
    assert _native.hash_file(path, "sha256") == file.content.sha256
    assert not (place / ".hubjet").exists()


def test_ctrl_c_ends_a_snapshot_at_once_and_keeps_what_came(world: World, cache: Path, tmp_path: Path) -> None:
    """The stock client waits until the files that have begun are whole; here they never would be."""
    repo = world.repo("org/name")
    commit = repo.commit({"model.safetensors": BIG, "other.bin": Sparse(24 * MIB, seed=2)})
    file = repo.commits[commit].files["model.safetensors"]
    gate = world.gate("*.safetensors")
    world.gate("*.bin", MIB)
    place = cache / "models--org--name"
    with child(world, cache, tmp_path / "home", SNAPSHOT) as one:
        gate.wait_reached(32 * MIB)
        wait_for_journal(place / ".hubjet", 16 * MIB)
        one.kill(signal.SIGINT)
        assert one.wait(20) == 0, one.err
        assert one.result == "interrupted"
    assert kept(place, file.content.sha256) >= 16 * MIB


def in_threads() -> Any:
    from concurrent.futures import ThreadPoolExecutor

    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    with ThreadPoolExecutor(8) as pool:
        return [list(pool.map(lambda n: hf_hub_download("org/name", f"{n % 12}.bin"), range(48))), hubjet.status()._asdict()]


def test_eight_threads_at_once(newer: Callable[..., Any], world: World) -> None:
    files = {f"{n}.bin": bytes([n]) * (50_000 + n) for n in range(12)}
    world.repo("org/name").commit(files)
    paths, status = newer(in_threads)
    assert all(Path(path).read_bytes() == files[Path(path).name] for path in paths)
    assert status["files"] == 12


def after_fork() -> Any:
    import os

    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    first = hf_hub_download("org/name", "0.bin")
    pid = os.fork()
    if pid == 0:
        try:
            hf_hub_download("org/name", "1.bin")
            os._exit(0 if hubjet.status().files == 2 else 2)
        except BaseException as error:
            print(repr(error))
            os._exit(1)
    return [first, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), hf_hub_download("org/name", "1.bin", local_files_only=True)]


def test_after_fork(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 90_000, "1.bin": b"1" * 90_000})
    first, code, second = newer(after_fork)
    assert code == 0 and Path(second).read_bytes() == b"1" * 90_000


# --- other people's patches -----------------------------------------------------------------------


def patched_by_others(order: str) -> Any:
    """Somebody wraps the same function: before us, after us, after us and over us once more."""
    import functools

    import hubjet
    from huggingface_hub import file_download as module

    calls: list[str] = []
    name = "_download_to_tmp_and_move"
    stock = getattr(module, name)

    def wrap(inner: Any) -> Any:
        @functools.wraps(inner)
        def theirs(**arguments: Any) -> Any:
            calls.append("theirs")
            return inner(**arguments)

        return theirs

    def fetch(filename: str) -> int:
        before = hubjet.status().files
        module.hf_hub_download("org/name", filename)
        return hubjet.status().files - before

    if order == "before":
        mine = wrap(stock)
        setattr(module, name, mine)
        hubjet.enable()
        hooked = [fetch("0.bin"), list(calls), hubjet.status().hooks[f"file_download.{name}"]]
        hubjet.disable()
        return [*hooked, getattr(module, name) is mine, fetch("1.bin"), list(calls)]
    hubjet.enable()
    mine = wrap(getattr(module, name))
    setattr(module, name, mine)
    hooked = [fetch("0.bin"), list(calls), hubjet.status().hooks[f"file_download.{name}"]]
    if order == "again":
        hubjet.enable()
        hubjet.enable()
        hooked = [fetch("2.bin"), list(calls), hubjet.status().hooks[f"file_download.{name}"]]
    hubjet.disable()
    return [*hooked, getattr(module, name) is mine, fetch("1.bin"), list(calls)]


def test_whoever_was_there_before_us_is_put_back(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000, "1.bin": b"1" * 9000, "2.bin": b"2" * 9000})
    ours, calls, state, restored, after, calls_after = newer(patched_by_others, order="before")
    assert (ours, calls) == (1, []) and state.startswith("ours, around") and restored
    assert (after, calls_after) == (0, ["theirs"])


def test_whoever_came_after_us_is_left_alone(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000, "1.bin": b"1" * 9000, "2.bin": b"2" * 9000})
    ours, calls, state, still_theirs, after, calls_after = newer(patched_by_others, order="after")
    assert (ours, calls) == (1, ["theirs"]), "theirs calls what it found, which is ours"
    assert "around or in place of ours" in state and still_theirs
    assert (after, calls_after) == (0, ["theirs", "theirs"]), "what is ours below it passes through"


def test_enable_again_goes_on_top_and_disable_finds_the_way_back(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000, "1.bin": b"1" * 9000, "2.bin": b"2" * 9000})
    ours, calls, state, still_theirs, after, calls_after = newer(patched_by_others, order="again")
    assert (ours, calls) == (1, ["theirs"]) and state.startswith("ours, around") and still_theirs
    assert (after, calls_after) == (0, ["theirs", "theirs"])


def unknown_version() -> Any:
    import logging

    import hubjet
    from huggingface_hub import file_download as module

    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    logging.getLogger("hubjet").addHandler(handler)
    stock = module._download_to_tmp_and_move

    def of_tomorrow(*, incomplete_path: Any, destination_path: Any, plan: Any = None, **rest: Any) -> Any:
        return stock(incomplete_path=incomplete_path, destination_path=destination_path, **rest)

    module._download_to_tmp_and_move = of_tomorrow
    hubjet.enable()
    hubjet.enable()
    path = module.hf_hub_download("org/name", "0.bin")
    status = hubjet.status()
    untouched = module._download_to_tmp_and_move is of_tomorrow
    hubjet.disable()
    return [path, untouched, said, status.files, status.hooks["file_download._download_to_tmp_and_move"]]


def test_a_signature_that_nobody_knows_is_left_as_it_is_and_that_is_said_once(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000})
    path, untouched, said, files, state = newer(unknown_version)
    assert Path(path).read_bytes() == b"0" * 9000 and untouched and files == 0
    assert len(said) == 1 and "plan" in said[0] and "is left as it is" in said[0]
    assert "not known" in state


def older_version() -> Any:
    """The functions as 1.0 has them: without tqdm_class, without a listing on the disk; called by position, too."""
    import hubjet
    from huggingface_hub import file_download as module

    body, meta = module._download_to_tmp_and_move, module._get_metadata_or_catch_error

    def _download_to_tmp_and_move(
        incomplete_path: Any, destination_path: Any, url_to_download: Any, headers: Any, expected_size: Any, filename: Any,
        force_download: Any, etag: Any, xet_file_data: Any,
    ) -> Any:  # fmt: skip
        raise AssertionError("the stock path")

    def _get_metadata_or_catch_error(
        *, repo_id: Any, filename: Any, repo_type: Any, revision: Any, endpoint: Any, etag_timeout: Any, headers: Any, token: Any,
        local_files_only: Any, relative_filename: Any = None, storage_folder: Any = None,
    ) -> Any:  # fmt: skip
        return meta(
            repo_id=repo_id, filename=filename, repo_type=repo_type, revision=revision, endpoint=endpoint, etag_timeout=etag_timeout,
            headers=headers, token=token, local_files_only=local_files_only,
        )  # fmt: skip

    module._download_to_tmp_and_move = _download_to_tmp_and_move
    module._get_metadata_or_catch_error = _get_metadata_or_catch_error
    hubjet.enable()
    asked = {"repo_type": "model", "endpoint": None, "etag_timeout": 10, "headers": {}, "token": None, "local_files_only": False}
    url, etag, _, size, xet, _ = module._get_metadata_or_catch_error(repo_id="org/name", filename="0.bin", revision="main", **asked)
    from pathlib import Path

    place = Path("here").absolute()
    module._download_to_tmp_and_move(place.with_name("x.incomplete"), place, url, {}, size, "0.bin", False, etag, xet)
    return [place.read_bytes().decode(), hubjet.status().files]


def test_the_functions_of_older_versions_are_known(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000})
    assert newer(older_version) == ["0" * 9000, 1]


def hf_cli() -> Any:
    """`hf download`, as a person types it."""
    import os
    import subprocess
    import sys

    hf = os.path.join(os.path.dirname(sys.executable), "hf")
    command = [sys.executable, "-m", "hubjet", "run", hf, "download", "org/name"]
    done = subprocess.run(command, capture_output=True, text=True)
    return [done.returncode, done.stdout, done.stderr]


def test_their_own_command_comes_through_us_under_hubjet_run(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000})
    code, out, err = newer(hf_cli, env={"HF_HUB_DISABLE_TELEMETRY": "", "HF_HUB_DISABLE_UPDATE_CHECK": "1"})
    assert code == 0, err
    assert {r.headers["user-agent"][:7] for r in world.requests} == {"hubjet/"}


def own_client() -> Any:
    """`caught` tells what came of it."""
    import hubjet
    from huggingface_hub import hf_hub_download, set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    used: list[str] = []

    def factory() -> Any:
        used.append("theirs")
        return default_client_factory()

    hubjet.enable()
    set_client_factory(factory)
    said = caught(lambda: hf_hub_download("org/name", "0.bin"))
    return [used, said, hubjet.status()._asdict()]


@pytest.mark.parametrize("damaged", [False, True])
def test_a_program_with_an_http_client_of_its_own_keeps_it_and_is_checked(
    newer: Callable[..., Any], world: World, cache: Path, damaged: bool
) -> None:
    world.repo("org/name").commit({"0.bin": b"0" * 9000})
    if damaged:
        world.fault("cdn", "0.bin", "corrupt")
    used, said, status = newer(own_client)
    assert used == ["theirs"] and status["files"] == 0 and list(status["stock"].values()) == [1]
    assert said.get("class") == ("OSError" if damaged else None)
    assert len([p for p in cache.rglob("blobs/*") if p.is_file()]) == (0 if damaged else 1)


def test_without_huggingface_hub_it_waits_and_says_so(tmp_path: Path) -> None:
    script = """
        import logging, sys
        class Nowhere:
            def find_spec(self, name, path=None, target=None):
                if name.split(".")[0] == "huggingface_hub":
                    raise ModuleNotFoundError(name)
        import hubjet, importlib.util
        importlib.util.find_spec = lambda name: None
        said = []
        handler = logging.Handler()
        handler.emit = lambda record: said.append(record.getMessage())
        logging.getLogger("hubjet").addHandler(handler)
        hubjet.enable()
        result = [said, hubjet.status().enabled, str(hubjet.status())]
        hubjet.disable()
    """
    with Child(script) as one:
        assert one.wait() == 0, one.err
        said, enabled, text = one.result
    assert len(said) == 1 and "not installed" in said[0]
    assert enabled and "once it is imported" in text
