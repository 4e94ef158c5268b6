"""Caches that are only read in front of the one that is written to: what is used, what is written, what is said when one is not there."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import hubjet
from hubjet import _tiers
from tests.drive import Drive, why_not
from tests.server import World

pytestmark = pytest.mark.usefixtures("hub_env")

FILES = {"config.json": b'{"a": 1}', "model.safetensors": b"w" * 300_000, "sub/tokens.txt": b"t" * 900}


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual cache is a source of files, too (docs/adopt.md): not here."""
    monkeypatch.setenv("HUBJET_ADOPT", "off")
    for known in (_tiers._trouble, _tiers._seen, _tiers._asking, _tiers._blobs, _tiers._wrong):
        known.clear()


@pytest.fixture
def tier(tmp_path: Path) -> Path:
    return tmp_path / "tier"


def brought(world: World, tier: Path, name: str = "org/name", **how: Any) -> str:
    """A tier that hubjet filled. Its commit."""
    commit = world.repo(name).commit(FILES, lfs=("*.safetensors",))
    hubjet.snapshot_download(name, cache_dir=tier, **how)
    return str(commit)


def state(folder: Path) -> dict[str, tuple[int, int, int, int]]:
    """Everything about everything below a folder that a write would change."""
    found = {}
    for place, folders, names in os.walk(folder):
        for one in [place, *(os.path.join(place, name) for name in [*folders, *names])]:
            status = os.lstat(one)
            found[one] = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    return found


def is_right(folder: str | os.PathLike[str], files: dict[str, bytes] = FILES) -> bool:
    return {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*") if p.is_file()} == files


# --- reading -----------------------------------------------------------------------------------------


def test_a_tier_with_everything_is_the_answer_and_nothing_is_written(world: World, cache: Path, tier: Path, requests: Callable[[], list[Any]]) -> None:
    brought(world, tier)
    before = state(tier)
    requests()
    with hubjet.settings(caches=[tier, cache]):
        folder = hubjet.snapshot_download("org/name")
        path = hubjet.hf_hub_download("org/name", "model.safetensors")
    assert folder.startswith(str(tier)) and is_right(folder)
    assert path == f"{folder}/model.safetensors"
    assert state(tier) == before
    assert not cache.exists()
    assert all("/revision/" in one.path for one in requests()), "what the name means is asked, and nothing else"


def test_offline_the_tiers_name_is_enough(world: World, cache: Path, tier: Path, monkeypatch: pytest.MonkeyPatch, requests: Callable[[], list[Any]]) -> None:
    commit = brought(world, tier)
    requests()
    monkeypatch.setenv("HUBJET_CACHES", f"{tier}{os.pathsep}{cache}")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert hubjet.snapshot_download("org/name") == f"{tier}/models--org--name/snapshots/{commit}"
    assert hubjet.from_pretrained("org/name") == tier / "models--org--name/snapshots" / commit
    assert hubjet.hf_hub_download("org/name", "config.json", revision=commit).startswith(str(tier))
    assert hubjet.try_to_load_from_cache("org/name", "config.json").startswith(str(tier))
    assert requests() == []


def test_what_a_tier_lacks_lands_in_the_writable_cache(world: World, cache: Path, tier: Path, requests: Callable[[], list[Any]]) -> None:
    commit = brought(world, tier, allow_patterns=["*.json"])
    before = state(tier)
    requests()
    with hubjet.settings(caches=[tier, cache]):
        folder = Path(hubjet.snapshot_download("org/name"))
        again = hubjet.snapshot_download("org/name")
    assert folder == cache / "models--org--name/snapshots" / commit == Path(again)
    assert is_right(folder)
    assert os.path.realpath(folder / "config.json").startswith(str(tier)), "what the tier has is not here a second time"
    assert not os.path.realpath(folder / "model.safetensors").startswith(str(tier))
    assert state(tier) == before
    assert sorted(one.path.rpartition("/")[2] for one in requests() if "/resolve/" in one.path) == ["model.safetensors", "tokens.txt"]


def test_the_receipt_and_the_plan_say_which_tier(world: World, cache: Path, tier: Path) -> None:
    brought(world, tier, allow_patterns=["*.json"])
    from hubjet._plan import telling

    plans: list[Any] = []
    with hubjet.settings(caches=[tier, cache]):
        with telling(plans.append):
            hubjet.snapshot_download("org/name", dry_run=True)
        hubjet.snapshot_download("org/name")
    rows = {row.filename: row for row in plans[0].rows}
    assert rows["config.json"].reason == f"in {tier}" and rows["model.safetensors"].todo == "fetch"
    sources = {one.name: one.source for one in hubjet.receipt().files}
    assert sources["config.json"] == str(tier) and "127.0.0.1" in sources["model.safetensors"]


def test_several_tiers_make_one_folder(world: World, cache: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    brought(world, one, allow_patterns=["*.json"])
    hubjet.snapshot_download("org/name", cache_dir=two, allow_patterns=["*.safetensors", "sub/*"])
    before = state(one), state(two)
    with hubjet.settings(caches=[one, two, cache], offline=True):
        folder = hubjet.snapshot_download("org/name")
    assert folder.startswith(str(cache)) and is_right(folder)
    assert (state(one), state(two)) == before


def test_the_same_bytes_in_another_repository_of_a_tier_are_used(world: World, cache: Path, tier: Path, requests: Callable[[], list[Any]]) -> None:
    brought(world, tier)
    world.repo("other/copy").commit({"weights.safetensors": FILES["model.safetensors"]}, lfs=("*.safetensors",))
    requests()
    with hubjet.settings(caches=[tier, cache]):
        path = hubjet.snapshot_download("other/copy")
    assert os.path.realpath(f"{path}/weights.safetensors").startswith(str(tier))
    assert [one for one in requests() if "/resolve/" in one.path] == []


def test_a_newer_commit_is_asked_from_the_hub(world: World, cache: Path, tier: Path) -> None:
    old = brought(world, tier)
    new = world.hub.repos["models", "org/name"].commit({**FILES, "config.json": b"{}"}, lfs=("*.safetensors",))
    with hubjet.settings(caches=[tier, cache]):
        folder = Path(hubjet.snapshot_download("org/name"))
        assert folder.name == new
        assert os.path.realpath(folder / "model.safetensors").startswith(str(tier))
        assert Path(hubjet.snapshot_download("org/name", revision=old)).parts[: len(tier.parts)] == tier.parts
        with hubjet.settings(offline=True):
            assert Path(hubjet.snapshot_download("org/name")).name == old, "the first of caches that knows the name"
            assert Path(hubjet.snapshot_download("org/name", revision=new)).name == new


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_other_sorts_of_repositories(world: World, cache: Path, tier: Path, kind: str) -> None:
    world.repo("org/data", kind).commit(FILES)
    hubjet.snapshot_download("org/data", repo_type=kind, cache_dir=tier)
    with hubjet.settings(caches=[tier, cache], offline=True):
        assert hubjet.snapshot_download("org/data", repo_type=kind).startswith(f"{tier}/{kind}s--org--data")
    assert not cache.exists()


def test_patterns_choose_what_is_looked_for(world: World, cache: Path, tier: Path) -> None:
    brought(world, tier, allow_patterns=["*.json"])
    with hubjet.settings(caches=[tier, cache], offline=True):
        assert hubjet.snapshot_download("org/name", allow_patterns="*.json").startswith(str(tier))
        with pytest.raises(hubjet.IncompleteSnapshot):
            hubjet.snapshot_download("org/name")


def test_no_tiers_no_difference(world: World, cache: Path) -> None:
    world.repo("org/name").commit(FILES)
    with hubjet.settings(caches=[cache]):
        assert hubjet.snapshot_download("org/name").startswith(str(cache))
        assert hubjet.config()["cache_dir"] == hubjet.Setting(str(cache), "last of caches (hubjet.settings)")


# --- content -----------------------------------------------------------------------------------------


def test_a_damaged_file_of_a_tier_is_not_used_and_not_touched(world: World, cache: Path, tier: Path, caplog: pytest.LogCaptureFixture) -> None:
    brought(world, tier)
    blob = tier / "models--org--name/blobs" / hashlib.sha256(FILES["model.safetensors"]).hexdigest()
    blob.chmod(0o644)
    with open(blob, "r+b") as file:
        file.seek(1000)
        file.write(b"X")
    before = state(tier)
    with hubjet.settings(caches=[tier, cache]):
        folder = hubjet.snapshot_download("org/name")
        assert is_right(folder)
        assert is_right(hubjet.snapshot_download("org/name"))
    assert state(tier) == before
    assert sum("damaged or was edited" in one for one in caplog.messages) == 1


def test_a_tier_copied_without_its_times_is_hashed_once(world: World, cache: Path, tier: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit = brought(world, tier)
    copy = tmp_path / "copy"
    shutil.copytree(tier, copy, symlinks=True)
    before = state(copy)
    hashed: list[str] = []
    real = _tiers._native.hash_file
    monkeypatch.setattr(_tiers._native, "hash_file", lambda path, algo: hashed.append(path) or real(path, algo))
    with hubjet.settings(caches=[copy, cache], offline=True):
        folder = hubjet.snapshot_download("org/name")
        assert hubjet.snapshot_download("org/name") == folder == str(cache / "models--org--name/snapshots" / commit)
    assert is_right(folder)
    assert len(hashed) == len(FILES)
    assert state(copy) == before


def test_a_tier_that_is_pruned_underneath(world: World, cache: Path, tier: Path, tmp_path: Path) -> None:
    """Links in the writable cache lead nowhere then: the file is fetched, with tiers and without."""
    brought(world, tier, allow_patterns=["*.json"])
    with hubjet.settings(caches=[tier, cache]):
        hubjet.snapshot_download("org/name")
        shutil.rmtree(tier / "models--org--name")
        assert is_right(hubjet.snapshot_download("org/name"))
    other = tmp_path / "other"
    hubjet.snapshot_download("org/name", cache_dir=tier, allow_patterns=["*.json"])
    with hubjet.settings(caches=[tier, other]):
        hubjet.snapshot_download("org/name")
    shutil.rmtree(tier)
    assert is_right(hubjet.snapshot_download("org/name", cache_dir=other))


# --- at night ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["missing", "empty", "a file"])
def test_a_tier_that_is_not_there_is_said_once(world: World, cache: Path, tier: Path, what: str, caplog: pytest.LogCaptureFixture) -> None:
    world.repo("org/name").commit(FILES)
    if what == "empty":
        tier.mkdir()
    elif what == "a file":
        tier.write_text("")
    with hubjet.settings(caches=[tier, cache]):
        assert is_right(hubjet.snapshot_download("org/name"))
        assert hubjet.hf_hub_download("org/name", "config.json").startswith(str(cache))
    said = [one for one in caplog.messages if str(tier) in one]
    assert len(said) == 1 and "going on without it" in said[0]


def test_a_tier_that_never_answers_is_left_out(world: World, cache: Path, tier: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import threading

    brought(world, tier)
    never = threading.Event()
    monkeypatch.setattr(_tiers, "_look", lambda path: never.wait() and "")
    monkeypatch.setattr(_tiers, "PATIENCE_S", 0.05)
    try:
        with hubjet.settings(caches=[tier, cache]):
            assert hubjet.snapshot_download("org/name").startswith(str(cache))
    finally:
        never.set()
    assert any("has not answered" in one for one in caplog.messages)


@pytest.mark.skipif(bool(why_not()), reason=f"no FUSE here: {why_not()}")
def test_a_file_system_that_never_answers_costs_one_wait(
    world: World, cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A mount whose server is gone: each call into it blocks for ever."""
    monkeypatch.setattr(_tiers, "PATIENCE_S", 0.3)
    world.repo("org/name").commit(FILES, lfs=("*.safetensors",))
    with Drive(tmp_path) as drive, hubjet.settings(caches=[drive.at / "hub", cache]):
        tier = drive.store / "hub"
        (tier / "models--other--model").mkdir(parents=True)
        drive.fault("*", hold=True)
        assert is_right(hubjet.snapshot_download("org/name"))
        asked = [call for call in drive.calls() if call[1] != "/"]
        assert len(asked) == 1, asked
        assert hubjet.hf_hub_download("org/name", "config.json").startswith(str(cache))
        monkeypatch.setattr(_tiers, "AGAIN_S", 0)  # it is asked again, and nobody waits: the first look has not come back
        monkeypatch.setattr(_tiers, "PATIENCE_S", 3600)
        assert is_right(hubjet.snapshot_download("org/name"))
        assert "has not answered" in hubjet.where("org/name")["repo_in_tier_1"].origin
        hubjet.snapshot_download("org/name", local_dir=tmp_path / "mine")
        assert [call for call in drive.calls() if call[1] != "/"] == asked
        drive.heal()
        _tiers._asking[str(drive.at / "hub")][1].join()
        assert _tiers.is_there(str(drive.at / "hub")), "it is back"
    said = [one for one in caplog.messages if "answer" in one]
    assert len(said) == 1 and "has not answered for 0.3 s: is its server there?" in said[0], said


def test_a_commit_that_nobody_has_is_not_an_empty_folder(world: World, cache: Path, tier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(world, tier)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for name, revision in (("org/name", "1" * 40), ("org/other", "1" * 40), ("org/other", "main")):
        with pytest.raises(hubjet.LocalEntryNotFound):
            hubjet.from_pretrained(name, revision=revision, caches=[tier, cache])
    assert not list(cache.rglob("snapshots/*"))


def test_the_hub_cannot_be_asked(world: World, cache: Path, tier: Path, caplog: pytest.LogCaptureFixture) -> None:
    commit = brought(world, tier)
    with hubjet.settings(caches=[tier, cache], endpoint="http://127.0.0.1:9"):
        assert hubjet.snapshot_download("org/name") == f"{tier}/models--org--name/snapshots/{commit}"
        assert hubjet.hf_hub_download("org/name", "config.json").startswith(str(tier))
    assert any("could not be asked" in one for one in caplog.messages)


# --- the setting -------------------------------------------------------------------------------------


def test_what_the_setting_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")

    def seen(**how: Any) -> tuple[tuple[str, ...], str]:
        from hubjet._config import resolve

        found = resolve(**how)
        return found.tiers, found.cache_dir

    default = seen()[1]
    assert seen(caches=[one, two]) == ((one,), two)
    assert seen(caches=[one, None]) == ((one,), default)
    assert seen(caches=[one, "s3://bucket/hub"]) == ((one, "s3://bucket/hub"), default)
    monkeypatch.setenv("HUBJET_CACHES", f"{one}:s3://bucket/hub:simplecache::s3://other:{two}")
    assert seen() == ((one, "s3://bucket/hub", "simplecache::s3://other"), two)
    assert seen(cache_dir=str(tmp_path))[1] == str(tmp_path), "what is said closer to the call is written to"
    monkeypatch.setenv("HUBJET_CACHES", f"sftp://me:secret@host:22/hub:ftp://host:21:s3://bucket:{two}")
    assert seen() == (("sftp://me:secret@host:22/hub", "ftp://host:21", "s3://bucket"), two)
    monkeypatch.setenv("HUBJET_CACHES", f"{one}:")
    assert seen() == ((one,), default)


def test_passwords_of_places_are_not_shown() -> None:
    with hubjet.settings(caches=["ftp://me:secret@host/models", None]):
        assert "secret" not in repr(hubjet.config()["caches"])


# --- with the rest -----------------------------------------------------------------------------------

PIPE = {
    "model_index.json": b'{"_class_name": "DDPMPipeline", "unet": ["diffusers", "UNet2DModel"], "scheduler": ["diffusers", "DDPMScheduler"]}',
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": b"u" * 200_000,
    "scheduler/scheduler_config.json": b"{}",
    "vae/config.json": b"{}",
    "vae/diffusion_pytorch_model.safetensors": b"v" * 100_000,
}


@pytest.mark.parametrize("index_in", ["a folder", "a place"])
def test_a_pipeline_spread_over_tiers_is_one_folder(world: World, cache: Path, tmp_path: Path, index_in: str, requests: Callable[[], list[Any]]) -> None:
    """What is chosen depends on the index, which lies in a tier, too."""
    commit = world.repo("org/pipe").commit(PIPE, lfs=("*.safetensors",))
    one, two, depot = tmp_path / "one", tmp_path / "two", f"file://{tmp_path}/depot"
    hubjet.snapshot_download("org/pipe", cache_dir=one, allow_patterns=["model_index.json"] if index_in == "a folder" else ["scheduler/*"])
    hubjet.snapshot_download("org/pipe", cache_dir=two, allow_patterns=["unet/*", "scheduler/*"])
    if index_in == "a place":
        hubjet.snapshot_download("org/pipe", cache_dir=tmp_path / "third", allow_patterns=["model_index.json"])
        hubjet.push("org/pipe", depot, cache_dir=tmp_path / "third")
    before = state(one), state(two)
    requests()
    folder = hubjet.from_pretrained("org/pipe", caches=[one, two, depot, cache])
    assert folder == cache / "models--org--pipe/snapshots" / commit
    assert is_right(folder, {name: data for name, data in PIPE.items() if not name.startswith("vae")}), "what the index does not name is not there"
    assert [one.path for one in requests() if "/resolve/" in one.path] == []
    with hubjet.settings(offline=True):
        assert hubjet.from_pretrained("org/pipe", caches=[one, two, depot, cache]) == folder
    assert (state(one), state(two)) == before


def test_a_folder_of_the_users_is_filled_from_a_tier(world: World, cache: Path, tier: Path, tmp_path: Path, requests: Callable[[], list[Any]]) -> None:
    brought(world, tier)
    before = state(tier)
    requests()
    with hubjet.settings(caches=[tier, cache]):
        hubjet.snapshot_download("org/name", local_dir=tmp_path / "mine")
    assert {name: (tmp_path / "mine" / name).read_bytes() for name in FILES} == FILES
    assert not any((tmp_path / "mine" / name).is_symlink() for name in FILES)
    assert [one for one in requests() if "/resolve/" in one.path] == [] and state(tier) == before


def test_the_plan_for_a_folder_of_the_users_is_what_happens(world: World, cache: Path, tier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    from hubjet._cli.main import main

    repo, mine = world.repo("org/name"), tmp_path / "mine"
    repo.commit(FILES, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name", local_dir=mine)
    repo.commit({"config.json": b'{"a": 2}'})

    def told() -> dict[str, str]:
        assert main(["download", "org/name", "--local-dir", str(mine), "--dry-run", "--json"]) == 0
        return {one["filename"]: one["todo"] for one in json.loads(capsys.readouterr().out)["files"]}

    here = {name: "here" for name in FILES}
    assert told() == {**here, "config.json": "fetch"}, "an older version is not what was asked for"
    hubjet.snapshot_download("org/name", cache_dir=tier)
    with hubjet.settings(caches=[tier, cache]):
        assert told() == {**here, "config.json": "take"}
        world.clear()
        hubjet.snapshot_download("org/name", local_dir=mine)
        assert (mine / "config.json").read_bytes() == b'{"a": 2}' and sum(one.bytes for one in world.bodies()) == 0
        assert told() == here


def test_where_and_ls_name_every_tier(world: World, cache: Path, tier: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    import json

    from hubjet._cli.main import main

    commit = brought(world, tier)
    hubjet.push("org/name", f"file://{tmp_path}/depot", cache_dir=tier)
    monkeypatch.setenv("HUBJET_CACHES", f"{tier}:{tmp_path}/gone:file://{tmp_path}/depot:{cache}")
    before = state(tier)
    places = hubjet.where("org/name")
    assert places["cache_dir"].origin == "last of caches (environment HUBJET_CACHES)"
    assert [places[f"tier_{n}"].origin.rpartition("; ")[2] for n in (1, 2, 3)] == ["there", "is not there: is it mounted?", "asked when something is missing"]
    assert places["repo_in_tier_1"] == hubjet.Setting(str(tier / "models--org--name"), f"main is {commit}")
    assert main(["ls", "--tiers", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(one["cache"], one["repo_id"], one["revisions"]) for one in told] == [
        (str(tier), "org/name", {"main": commit}),
        (f"file://{tmp_path}/depot", "org/name", {"main": commit}),
    ]
    assert main(["push", "org/name", f"file://{tmp_path}/depot", "--cache-dir", str(tier), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["sent"] == 0
    assert state(tier) == before


def test_what_lies_in_a_tier_is_not_the_users_own(world: World, cache: Path, tier: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json
    import subprocess

    from hubjet._cli.main import main

    more = b"v" * 5000
    repo = world.repo("org/name")
    repo.commit(FILES, lfs=("*.safetensors",))
    hubjet.snapshot_download("org/name", cache_dir=tier)
    repo.commit({"more.bin": more})
    with hubjet.settings(caches=[tier, cache]):
        hubjet.snapshot_download("org/name")
    own, linked = len(more), sum(map(len, FILES.values()))
    (one,) = listed = hubjet.ls(cache_dir=cache)
    assert (one.size, one.linked, one.details[0].size, one.details[0].linked) == (own, linked, own, linked)
    assert (listed.size, listed.linked) == (own, linked)
    du = int(subprocess.run(["du", "-sb", "--apparent-size", str(cache / "models--org--name/blobs")], capture_output=True, check=True).stdout.split()[0])
    assert du < own + 10_000 < linked
    assert main(["ls", "--cache-dir", str(cache)]) == 0
    said = capsys.readouterr()
    assert "301.1 kB" not in said.out.split("\t")[2] and "300.9 kB more elsewhere (links)" in said.out + said.err
    assert main(["ls", "--cache-dir", str(cache), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)[0]["linked"] == linked
    cleaned = hubjet.prune(cache_dir=cache, max_size=own + 1000, dry_run=True)
    assert cleaned.fits and cleaned.size == own
    gone = hubjet.rm("org/name", cache_dir=cache)
    assert gone.freed == own and (tier / "models--org--name").is_dir()
    assert is_right(hubjet.snapshot_download("org/name", revision="main", cache_dir=tier), {**FILES, "more.bin": more})


def test_a_config_file_may_have_a_list(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hubjet._config import resolve

    file = tmp_path / "config.toml"
    file.write_text(f'caches = ["{tmp_path}/one", "s3://bucket/hub", ""]\n')
    monkeypatch.setenv("HUBJET_CONFIG", str(file))
    assert resolve().tiers == (f"{tmp_path}/one", "s3://bucket/hub")
