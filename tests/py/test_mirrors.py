"""Several endpoints: the first is the truth, the others stand in for it and bring parts; no token and no private name goes there."""

from __future__ import annotations

import logging
import random
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

import hubjet
from hubjet import _config, _mirrors, _modelscope, _toml, _transport
from tests.server import World

BIG = random.Random(5).randbytes(6 << 20)
FILES: dict[str, Any] = {"config.json": b'{"a": 1}', "sub/vocab.txt": b"one", "model.safetensors": BIG}


@pytest.fixture
def mirror() -> Iterator[World]:
    with World(tls_cdn=False) as w:
        yield w


@pytest.fixture
def first() -> Iterator[World]:
    with World(tls_cdn=False) as w:
        yield w


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """A cache of its own, nothing remembered, and no long waits."""
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "1")
    monkeypatch.setattr(_mirrors, "_out", {})
    monkeypatch.setattr("hubjet._trace._said", {})


@pytest.fixture
def both(first: World, mirror: World) -> list[str]:
    return [first.endpoint, mirror.endpoint]


def publish(*worlds: World, files: dict[str, Any] = FILES, **how: Any) -> str:
    """The same repository, of the same commit, on each."""
    commits = {w.repo("org/name", **how).commit(files) for w in worlds}
    assert len(commits) == 1
    return commits.pop()


def right(folder: str | Path, files: dict[str, Any] = FILES) -> bool:
    return all((Path(folder) / name).read_bytes() == content for name, content in files.items())


def asked(world: World) -> list[str]:
    return [r.name for r in world.requests]


# The setting ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("given, means", [
    ("https://a.example", ("https://a.example",)),
    ("https://a.example/, http://b.example:81 https://a.example", ("https://a.example", "http://b.example:81")),
    (["https://a.example", "modelscope"], ("https://a.example", "modelscope+https://www.modelscope.cn")),
    (["https://modelscope.cn"], ("modelscope+https://modelscope.cn",)),
    (("https://www.modelscope.ai/",), ("modelscope+https://www.modelscope.ai",)),
    (["https://a.example", {"modelscope": "Qwen/Qwen3"}], ("https://a.example", "modelscope+https://www.modelscope.cn#Qwen/Qwen3")),
    ({"https://a.example": "other/name"}, ("https://a.example#other/name",)),
    ([{"https://a.example": {"a/b": "c/d", "e/f": "g/h"}}], ("https://a.example#a/b=c/d&e/f=g/h",)),
    ("modelscope+http://127.0.0.1:5", ("modelscope+http://127.0.0.1:5",)),
])
def test_endpoints_are_written_as_one_likes(given: Any, means: tuple[str, ...]) -> None:
    assert hubjet.config(endpoints=given)["endpoints"] == (means, "argument")


def test_a_name_for_any_repository_is_for_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_ENDPOINTS", "https://a.example modelscope#Theirs/Name")
    with pytest.raises(hubjet.ConfigError, match="which one"):
        hubjet.config()
    monkeypatch.setenv("HUBJET_ENDPOINTS", "https://a.example modelscope#org/name=Theirs/Name")
    assert len(hubjet.config()["endpoints"].value) == 2


@pytest.mark.parametrize("wrong", ["https://a.example#a=b=c", "https://a.example#a/b=c/d&e", "ftp://a.example", "a.example", [], "", [5], " ".join(f"http://a{n}.example" for n in range(17))])
def test_what_is_no_endpoint_is_refused(wrong: Any) -> None:
    with pytest.raises(hubjet.ConfigError, match="endpoints"):
        hubjet.config(endpoints=wrong)


def test_the_first_of_them_is_the_endpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_ENDPOINTS", "https://a.example https://b.example")
    found = hubjet.config()
    assert found["endpoint"] == ("https://a.example", "environment HUBJET_ENDPOINTS")
    monkeypatch.setenv("HF_ENDPOINT", "https://c.example")
    assert hubjet.config()["endpoint"].value == "https://a.example"
    assert hubjet.where()["endpoints"].value == ("https://a.example", "https://b.example")


def test_a_hub_named_closer_to_the_call_is_the_only_one_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUBJET_ENDPOINTS", "https://a.example https://b.example")
    assert hubjet.config(endpoint="https://own.example")["endpoints"] == (("https://own.example",), "argument")
    with hubjet.settings(endpoint="https://own.example"):
        assert hubjet.config()["endpoints"] == (("https://own.example",), "hubjet.settings")


def test_a_list_that_is_changed_later_was_understood_as_it_was() -> None:
    several = ["https://a.example"]
    with hubjet.settings(endpoints=several):
        several.append("https://b.example")
        assert hubjet.config()["endpoints"].value == ("https://a.example",)
    hubjet.config(endpoints=several)
    several.append("https://c.example")
    assert len(hubjet.config(endpoints=several)["endpoints"].value) == 3


def test_the_config_file_has_a_list(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "endpoints = ['https://a.example', \"modelscope\"]  # and a comment"
    (tmp_path / "c.toml").write_text(text)
    monkeypatch.setenv("HUBJET_CONFIG", str(tmp_path / "c.toml"))
    assert hubjet.config()["endpoints"].value == ("https://a.example", "modelscope+https://www.modelscope.cn")
    assert _toml.parse_flat_toml(text) == {"endpoints": ["https://a.example", "modelscope"]}
    assert _toml.parse_flat_toml("a = []\nb = ['x',]") == {"a": [], "b": ["x"]}
    for bad in ("a = ['x'", "a = [1]", "a = ['x' 'y']", "a = [] b", "a = ['\\\\']"):
        with pytest.raises(ValueError, match="line 1"):
            _toml.parse_flat_toml(bad)


# The first cannot be asked -------------------------------------------------------------------------


def dead(first: World) -> None:
    first.down("all")


def failing(first: World) -> None:
    first.fault("hub", "*", "status", code=503)


def limited(first: World) -> None:
    first.fault("hub", "*", "rate429", retry_after=300)


def silent(first: World) -> None:
    first.fault("hub", "*", "stall", at="headers")


def portal(first: World) -> None:
    first.fault("hub", "*", "status", code=200, body=b"<html>please log in</html>")


TROUBLE: list[Callable[[World], None]] = [dead, failing, limited, silent, portal]


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_first_endpoint_that_cannot_be_asked_is_stood_in_for(
    first: World, mirror: World, both: list[str], trouble: Callable[[World], None], cache: Path, caplog: Any
) -> None:
    commit = publish(first, mirror)
    trouble(first)
    with hubjet.settings(endpoints=both):
        folder = hubjet.snapshot_download("org/name")
    assert folder.endswith(commit) and right(folder)
    said = [r.message for r in caplog.records if r.levelno == logging.WARNING]
    assert len(said) == 1 and first.endpoint in said[0] and mirror.endpoint in said[0]
    assert not list(cache.rglob("trees/*.json")), "a mirror's list of files does not outlive the call"


@pytest.mark.parametrize("trouble", [t for t in TROUBLE if t is not portal])
def test_one_file_comes_from_a_mirror_too(first: World, mirror: World, both: list[str], trouble: Callable[[World], None]) -> None:
    commit = publish(first, mirror)
    trouble(first)
    with hubjet.settings(endpoints=both):
        path = hubjet.hf_hub_download("org/name", "model.safetensors")
    assert commit in path and Path(path).read_bytes() == BIG


def test_a_first_endpoint_with_a_strange_certificate_is_stood_in_for(mirror: World, caplog: Any) -> None:
    with World(hub_tls=True) as first:  # its authority is not trusted here
        publish(first, mirror)
        assert right(hubjet.from_pretrained("org/name", endpoints=[first.endpoint, mirror.endpoint], allow_patterns="*"))
    assert "ertificate" in caplog.text


def test_a_script_of_many_calls_waits_for_a_dead_one_once(first: World, mirror: World, both: list[str]) -> None:
    publish(first, mirror)
    silent(first)
    with hubjet.settings(endpoints=both):
        hubjet.hf_hub_download("org/name", "config.json")
        seen = len(first.requests)
        hubjet.hf_hub_download("org/name", "sub/vocab.txt")
    assert len(first.requests) == seen


def test_the_first_is_believed_again_when_it_answers(first: World, mirror: World, both: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    publish(first, mirror, files={**FILES, "config.json": b'{"a": 2}'})  # the mirror will say of the next commit what is not true
    true = first.hub.repos["models", "org/name"].commit(FILES)
    lie = mirror.hub.repos["models", "org/name"]
    lie.commits[true] = replace(lie.commits[lie.commit({"config.json": b'{"lie": 1}'})], id=true)
    lie.refs["refs/heads/main"] = true
    dead(first)
    with hubjet.settings(endpoints=both):
        folder = hubjet.snapshot_download("org/name")
        assert (Path(folder) / "config.json").read_bytes() == b'{"lie": 1}'
        first.up()
        monkeypatch.setattr(_mirrors, "_out", {})
        assert hubjet.snapshot_download("org/name") == folder
    assert right(folder)


def test_everybody_is_named_when_nobody_answers(first: World, mirror: World, both: list[str]) -> None:
    dead(first)
    dead(mirror)
    for call in (lambda: hubjet.snapshot_download("org/name"), lambda: hubjet.hf_hub_download("org/name", "config.json")):
        _mirrors._out.clear()
        with hubjet.settings(endpoints=both), pytest.raises(hubjet.NetworkError) as caught:
            call()
        assert first.endpoint.partition("//")[2] in str(caught.value) and mirror.endpoint in str(caught.value)


def test_one_that_was_out_is_asked_again_if_nobody_else_can_help(first: World, mirror: World, both: list[str]) -> None:
    publish(first)
    _mirrors._out[first.endpoint] = __import__("time").monotonic()
    with hubjet.settings(endpoints=both):
        assert right(hubjet.snapshot_download("org/name"))


def test_a_mirror_that_lacks_it_is_passed_over(first: World, mirror: World) -> None:
    publish(first, mirror)
    with World(tls_cdn=False) as empty:
        dead(first)
        with hubjet.settings(endpoints=[first.endpoint, empty.endpoint, mirror.endpoint]):
            assert right(hubjet.snapshot_download("org/name"))
            assert Path(hubjet.hf_hub_download("org/name", "config.json", force_download=True)).read_bytes() == FILES["config.json"]
        assert asked(empty)


def test_what_no_mirror_has_is_the_first_ones_error(first: World, mirror: World, both: list[str]) -> None:
    publish(first)
    dead(first)
    with hubjet.settings(endpoints=both), pytest.raises(hubjet.NetworkError) as caught:
        hubjet.snapshot_download("org/name")
    assert not isinstance(caught.value, hubjet.NotFound)
    assert "also" in str(caught.value) and mirror.endpoint in str(caught.value)


def test_an_older_mirror_does_not_bring_an_older_version(first: World, mirror: World, both: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    publish(first, mirror, files={"config.json": b"old"})
    new = first.hub.repos["models", "org/name"].commit({"config.json": b"new"})
    with hubjet.settings(endpoints=both):
        folder = hubjet.snapshot_download("org/name")
        assert folder.endswith(new)
        dead(first)
        assert hubjet.snapshot_download("org/name") == folder
        monkeypatch.setattr(_mirrors, "_out", {})
        assert hubjet.hf_hub_download("org/name", "config.json") == folder + "/config.json"


def test_an_older_mirror_does_not_take_a_local_dir_back(first: World, mirror: World, both: list[str], tmp_path: Path) -> None:
    publish(first, mirror, files={"config.json": b"old"})
    first.hub.repos["models", "org/name"].commit({"config.json": b"new"})
    with hubjet.settings(endpoints=both):
        hubjet.snapshot_download("org/name", local_dir=tmp_path / "dir")
        dead(first)
        hubjet.snapshot_download("org/name", local_dir=tmp_path / "dir")
    assert (tmp_path / "dir" / "config.json").read_bytes() == b"new"


def test_a_newer_mirror_brings_the_newer_version(first: World, mirror: World, both: list[str]) -> None:
    publish(first, mirror, files={"config.json": b"old"})
    new = mirror.hub.repos["models", "org/name"].commit({"config.json": b"new"})
    with hubjet.settings(endpoints=both):
        hubjet.snapshot_download("org/name")
        dead(first)
        assert hubjet.snapshot_download("org/name").endswith(new)


def test_a_local_dir_is_filled_by_a_mirror(first: World, mirror: World, both: list[str], tmp_path: Path) -> None:
    publish(first, mirror)
    dead(first)
    with hubjet.settings(endpoints=both):
        assert right(hubjet.snapshot_download("org/name", local_dir=tmp_path / "all"))
        path = hubjet.hf_hub_download("org/name", "config.json", local_dir=tmp_path / "one")
        assert Path(path).read_bytes() == FILES["config.json"]
        assert hubjet.hf_hub_download("org/name", "config.json", dry_run=True).will_download


def test_a_model_is_loaded_through_a_mirror_only(mirror: World) -> None:
    publish(mirror)
    folder = hubjet.from_pretrained("org/name", endpoints=["http://127.0.0.1:9", mirror.endpoint])
    assert (folder / "model.safetensors").read_bytes() == BIG
    hubjet.from_pretrained("org/name", lambda where: where, endpoints=mirror.endpoint)


# The first answers ---------------------------------------------------------------------------------


def test_a_no_of_the_first_is_a_no(first: World, mirror: World, both: list[str]) -> None:
    publish(mirror, files={**FILES, "more.json": b"{}"})
    with hubjet.settings(endpoints=both):
        for call in (lambda: hubjet.snapshot_download("org/name"), lambda: hubjet.hf_hub_download("org/name", "config.json")):
            with pytest.raises(hubjet.RepoNotFound):
                call()
        publish(first)
        with pytest.raises(hubjet.EntryNotFound):
            hubjet.hf_hub_download("org/name", "more.json")
        with pytest.raises(hubjet.RevisionNotFound):
            hubjet.snapshot_download("org/name", revision="v9")
    assert asked(mirror) == []


@pytest.mark.parametrize("how, given", [({"private": True}, False), ({"gated": "auto"}, True)])
def test_mirrors_do_not_hear_of_what_is_not_public(
    first: World, mirror: World, both: list[str], how: dict[str, Any], given: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish(first, tokens=["member"], **how)
    publish(mirror)
    text = first.token("member", gates=["org/name"])
    token: str | None = text if given else None
    monkeypatch.setenv("HF_TOKEN", text)
    with hubjet.settings(endpoints=both):
        folder = hubjet.snapshot_download("org/name", token=token)
        assert right(folder)
        hubjet.hf_hub_download("org/name", "config.json", token=token, force_download=True)
        dead(first)
        patience = _transport.limits
        monkeypatch.setattr(_transport, "limits", lambda config, **how: {**patience(config, **how), "give_up_ms": 500})
        with pytest.raises(hubjet.NetworkError) as caught:
            hubjet.hf_hub_download("org/name", "config.json", token=token, force_download=True)
        assert "not asked" in str(caught.value) and "token=False" in str(caught.value)
    assert asked(mirror) == []


@pytest.mark.parametrize("trouble", [None, dead])
def test_a_token_and_headers_are_seen_at_the_first_only(first: World, mirror: World, both: list[str], trouble: Any) -> None:
    publish(first, mirror)
    first.token("member")
    with hubjet.settings(endpoints=both):
        hubjet.snapshot_download("org/name", token="hf_test_member", headers={"X-Mine": "secret"})
        if trouble is not None:
            trouble(first)
            hubjet.snapshot_download("org/name", headers={"X-Mine": "secret"}, force_download=True)
            assert asked(mirror)
    assert any(r.token_sent for r in first.requests if r.origin == "hub")
    assert not any(r.token_sent or "x-mine" in r.headers for r in mirror.requests)
    assert not any(r.token_sent or "x-mine" in r.headers for r in first.requests if r.origin == "cdn")


def test_offline_nobody_is_asked(first: World, mirror: World, both: list[str]) -> None:
    publish(first, mirror)
    with hubjet.settings(endpoints=both, offline=True), pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.snapshot_download("org/name")
    with hubjet.settings(endpoints=both), pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.snapshot_download("org/name", local_files_only=True)
    assert asked(first) == asked(mirror) == []


def test_the_command_line_takes_several(first: World, mirror: World, both: list[str], capsys: Any) -> None:
    from hubjet._cli import main

    publish(first, mirror)
    dead(first)
    assert main.main(["download", "org/name", "config.json", "--endpoint", both[0], "--endpoint", both[1], "-q"]) == 0
    assert Path(capsys.readouterr().out.strip()).read_bytes() == FILES["config.json"]


# Parts from all ------------------------------------------------------------------------------------


def brought(world: World, name: str = "model.safetensors") -> int:
    return sum(r.bytes for r in world.bodies() if r.origin == "cdn")


def at_their_ease(*worlds: World) -> None:
    for world in worlds:
        world.pace(2 << 20)


@pytest.mark.parametrize("kind", ["", "modelscope+"])
def test_parts_of_one_file_come_from_two_endpoints_at_once(first: World, mirror: World, kind: str, caplog: Any) -> None:
    publish(first, mirror)
    at_their_ease(first, mirror)
    caplog.set_level(logging.INFO, "hubjet")
    with hubjet.settings(endpoints=[first.endpoint, kind + mirror.endpoint]):
        assert right(hubjet.snapshot_download("org/name"))
    for world in (first, mirror):
        ranges = [r for r in world.bodies() if r.origin == "cdn" and r.bytes]
        assert ranges and sum(r.bytes for r in ranges) > len(BIG) // 10
    assert brought(first) + brought(mirror) < 2 * len(BIG)
    assert any(first.endpoint in m and mirror.endpoint in m and "bytes from" in m for m in caplog.messages)


def test_one_file_of_a_branch_comes_from_two_at_once(first: World, mirror: World, both: list[str]) -> None:
    publish(first, mirror)
    at_their_ease(first, mirror)
    with hubjet.settings(endpoints=both):
        assert Path(hubjet.hf_hub_download("org/name", "model.safetensors")).read_bytes() == BIG
    assert brought(first) and brought(mirror)


def test_a_mirror_of_other_bytes_spoils_nothing(first: World, mirror: World, both: list[str]) -> None:
    commit = publish(first)
    lie = mirror.repo("org/name")
    other = {"config.json": b'{"b": 2}', "sub/vocab.txt": b"two", "model.safetensors": BIG[::-1]}
    lie.commits[commit] = replace(lie.commits[lie.commit(other)], id=commit)
    at_their_ease(first, mirror)
    with hubjet.settings(endpoints=both):
        assert right(hubjet.snapshot_download("org/name"))
    assert asked(mirror)


def test_a_modelscope_of_other_files_is_not_asked_for_them(first: World, mirror: World) -> None:
    publish(first)
    mirror.repo("org/name").commit({"config.json": b"{}", "model.safetensors": BIG[::-1]})
    at_their_ease(first, mirror)
    with hubjet.settings(endpoints=[first.endpoint, f"modelscope+{mirror.endpoint}"]):
        assert right(hubjet.snapshot_download("org/name"))
    assert asked(mirror) == ["/api/v1/models/org/name/repo/files"]


def test_a_mirror_without_the_files_costs_nothing(first: World, mirror: World, both: list[str]) -> None:
    publish(first)
    at_their_ease(first)
    with hubjet.settings(endpoints=both):
        assert right(hubjet.snapshot_download("org/name"))


def no_cdn(first: World) -> None:
    first.down("cdn")


def no_files(first: World) -> None:
    first.fault("hub", "/org/name/resolve/*", "status", code=503)


def no_quota(first: World) -> None:
    first.fault("hub", "/org/name/resolve/*", "rate429", retry_after=300)


@pytest.mark.parametrize("trouble", [no_cdn, no_files, no_quota])
def test_files_that_the_first_does_not_bring_come_from_the_mirror(
    first: World, mirror: World, both: list[str], trouble: Callable[[World], None], caplog: Any
) -> None:
    publish(first, mirror)
    trouble(first)
    with hubjet.settings(endpoints=both):
        assert right(hubjet.snapshot_download("org/name"))
    assert "is then as true as" not in caplog.text, "its list was had, so nothing is believed"


# ModelScope ----------------------------------------------------------------------------------------


def entry(path: str, **more: Any) -> dict[str, Any]:
    return {"Path": path, "Type": "blob", "Size": 3, "Sha256": "ab" * 32, "IsLFS": False, "Revision": "cd" * 20, **more}


def listed(*entries: Any, **latest: str) -> dict[str, Any]:
    return {"Code": 200, "Success": True, "Data": {"Files": list(entries), "LatestCommitter": latest or None}}


def test_its_listing_is_understood() -> None:
    told = _modelscope.read_listing(listed(entry("a"), entry("d", Type="tree", Sha256=""), Id="12" * 20), "master")
    assert told is not None and told.commit == "12" * 20 and set(told.tree) == {"a"}
    assert told.tree["a"].digest == "sha256:" + "ab" * 32 and told.tree["a"].size == 3
    short = _modelscope.read_listing(listed(entry("a"), entry("b", Revision="12" * 20), Id="", ShortId="12121212"), "master")
    assert short is not None and short.commit == "12" * 20
    made = [_modelscope.read_listing(listed(entry("a", Size=size)), "master") for size in (3, 3, 4)]
    commits = [one.commit for one in made if one is not None]
    assert len(set(commits)) == 2 and all(len(commit) == 40 for commit in commits)
    assert _modelscope.read_listing({"Code": 200, "Data": {"Files": None}}, "master") is None


@pytest.mark.parametrize("answer", [
    None, [], {}, {"Data": None}, {"Data": {"Files": 1}}, {"Success": False, "Data": {"Files": []}}, listed({}), listed(1),
    listed(entry("a", Sha256="xy" * 32)), listed(entry("a", Sha256="ab" * 20)), listed(entry("a", Size=-1)), listed(entry("a", Size="3")),
    listed(entry("a", Sha256=None)), listed(entry("a"), entry("a")), listed(entry(5)),  # type: ignore[arg-type]
])
def test_nonsense_of_it_is_said_to_be_nonsense(answer: Any) -> None:
    with pytest.raises(ValueError):
        _modelscope.read_listing(answer, "master")


@pytest.mark.parametrize("told", [None, ""])
def test_modelscope_stands_in(first: World, mirror: World, told: str | None, caplog: Any) -> None:
    commit = publish(first, mirror)
    mirror.hub.modelscope_id = told
    dead(first)
    with hubjet.settings(endpoints=[first.endpoint, f"modelscope+{mirror.endpoint}"]):
        folder = hubjet.snapshot_download("org/name")
        assert right(folder) and folder.endswith(commit)
        assert hubjet.hf_hub_download("org/name", "config.json") == folder + "/config.json"
        assert Path(hubjet.hf_hub_download("org/name", "sub/vocab.txt", force_download=True)).read_bytes() == b"one"
        assert hubjet.hf_hub_download("org/name", "config.json", dry_run=True).file_size == 8
    assert all(name.startswith("/api/v1/") or r.origin == "cdn" for r in mirror.requests for name in [r.name])


def test_it_may_be_the_first_and_may_call_it_otherwise(mirror: World) -> None:
    mirror.repo("Other/Name").commit(FILES)
    mirror.token("member")
    with hubjet.settings(endpoints=[{f"modelscope+{mirror.endpoint}": {"org/name": "Other/Name"}}]):
        folder = hubjet.snapshot_download("org/name", token="hf_test_member")
        assert right(folder) and "models--org--name" in folder
        with pytest.raises(hubjet.EntryNotFound):
            hubjet.hf_hub_download("org/name", "none.json")
        with pytest.raises(hubjet.RevisionNotFound):
            hubjet.snapshot_download("org/name", revision="v9")
        with pytest.raises(hubjet.NotFound):
            hubjet.snapshot_download("org/missing")
    assert not any(r.token_sent for r in mirror.requests), "a hub's token is none of ModelScope's"


def test_it_is_not_asked_for_what_it_does_not_have(first: World, mirror: World) -> None:
    first.repo("org/data", "dataset").commit(FILES)
    with hubjet.settings(endpoints=[first.endpoint, f"modelscope+{mirror.endpoint}"]):
        assert right(hubjet.snapshot_download("org/data", repo_type="dataset"))
    assert asked(mirror) == []


def test_what_is_missing_of_a_known_version_comes_from_a_mirror_that_is_behind(first: World, mirror: World) -> None:
    publish(first, mirror)
    repo = first.hub.repos["models", "org/name"]
    repo.commit({"more.json": b"{}"})
    with hubjet.settings(endpoints=[first.endpoint, f"modelscope+{mirror.endpoint}"]):
        hubjet.snapshot_download("org/name", allow_patterns="more.json")
        dead(first)
        folder = hubjet.snapshot_download("org/name")
    assert right(folder, {**FILES, "more.json": b"{}"})
