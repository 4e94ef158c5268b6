"""Receipts: what a call says it brought is what came, in whichever way it came, and reads well."""

from __future__ import annotations

import copy
import json
import os
import pickle
import threading
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import hubjet
import pytest
from hubjet._show import receipt as _receipt, receipt_views
from hubjet._show.receipt import FileReceipt

from tests.py.peers import peer_env, run_peer

SIZE = 3_000_000
FILES = {"config.json": b"{}", "m.safetensors": b"1" * SIZE, "sub/vocab.txt": b"one\ntwo\n"}


def last() -> hubjet.Receipt:
    found = hubjet.receipt()
    assert found is not None
    return found


# --- of real calls --------------------------------------------------------------------------------


@pytest.mark.usefixtures("hub_env")
def test_a_download_says_what_came_and_how_it_was_proven(world: Any) -> None:
    commit = world.repo("org/a").commit(FILES)
    folder = hubjet.snapshot_download("org/a")
    seen = last()
    assert (seen.what, seen.revision, seen.commit, seen.path, seen.error) == ("org/a", "main", commit, folder, None)
    rows = {one.name: one for one in seen.files}
    assert {name: one.size for name, one in rows.items()} == {name: len(content) for name, content in FILES.items()}
    assert {name: one.fetched for name, one in rows.items()} == {name: one.size for name, one in rows.items()}
    assert rows["m.safetensors"].verified == "sha256" and rows["config.json"].verified == "git-sha1"
    assert {one.source for one in seen.files} == {world.endpoint.partition("://")[2]}
    assert seen.size == seen.fetched == sum(map(len, FILES.values())) and seen.resumed == 0
    assert seen.seconds > 0 and seen.rate == seen.fetched / seen.seconds and seen.requests >= len(FILES)
    assert type(folder) is str


@pytest.mark.usefixtures("hub_env")
def test_what_was_here_is_said_to_have_been_here(world: Any) -> None:
    repo = world.repo("org/a")
    repo.commit(FILES)
    folder = hubjet.snapshot_download("org/a")
    for again in (lambda: hubjet.snapshot_download("org/a"), lambda: str(hubjet.from_pretrained("org/a", allow_patterns="*"))):
        assert again() == folder
        seen = last()
        assert seen.fetched == 0 and {(one.source, one.verified) for one in seen.files} == {("here", "earlier")}
        assert {one.name: one.size for one in seen.files} == {name: len(content) for name, content in FILES.items()}
        assert "nothing was fetched" in str(seen)
    hubjet.hf_hub_download("org/a", "config.json")
    assert [(one.name, one.source, one.fetched) for one in last().files] == [("config.json", "here", 0)]
    repo.commit({**FILES, "new.txt": b"new"})  # one of four has to come
    hubjet.snapshot_download("org/a")
    assert {one.name: one.source == "here" for one in last().files} == {**dict.fromkeys(FILES, True), "new.txt": False}


@pytest.mark.usefixtures("hub_env")
def test_what_another_program_brought_is_not_said_to_be_proven(world: Any, cache: Path, tmp_path: Path) -> None:
    commit = world.repo("org/a").commit({"config.json": b"{}"})
    script = "from huggingface_hub import hf_hub_download\nresult = hf_hub_download('org/a', 'config.json')"
    run_peer("2.4", script, peer_env(world, tmp_path / "stock", HF_HUB_CACHE=str(cache)))  # in this process it would ask huggingface.co for agents
    for revision in (commit, "main", "main"):  # without a question, by the hub's word that it is the same still, and once it has been served before
        hubjet.hf_hub_download("org/a", "config.json", revision=revision)
        assert [(one.verified, one.source) for one in last().files] == [("not by hubjet", "here")]
    hubjet.verify("org/a")
    hubjet.hf_hub_download("org/a", "config.json")
    assert [one.verified for one in last().files] == ["earlier"]


@pytest.mark.usefixtures("hub_env")
def test_a_url_and_a_local_folder_have_receipts_too(world: Any, tmp_path: Path) -> None:
    url = world.file("w.bin", b"2" * 5000)
    path = hubjet.fetch(url + "?token=secret", tmp_path / "w.bin")
    (row,) = last().files
    assert (row.name, row.size, row.verified, row.fetched) == ("w.bin", 5000, "length only", 5000)
    assert last().path == str(path) and "secret" not in last().what + str(last())
    world.repo("org/a").commit(FILES)
    hubjet.snapshot_download("org/a", local_dir=tmp_path / "here")
    assert {one.name for one in last().files} == set(FILES) and last().fetched == sum(map(len, FILES.values()))
    hubjet.snapshot_download("org/a", local_dir=tmp_path / "here")
    assert {(one.name, one.source) for one in last().files} == {(name, "here") for name in FILES}


@pytest.mark.usefixtures("hub_env")
def test_bytes_of_an_earlier_call_are_no_bytes_of_this_one(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * (12 << 20)})
    world.fault("cdn", "*m.bin", "drop", n=3 << 20, times=2)
    world.fault("cdn", "*m.bin", "status", code=404)
    with pytest.raises(hubjet.HubjetError):
        hubjet.hf_hub_download("org/a", "m.bin")
    failed = last()
    assert failed.error is not None and "stopped after" in str(failed) and failed.files == () and failed.fetched >= 3 << 20
    world.heal()
    hubjet.hf_hub_download("org/a", "m.bin")
    (row,) = last().files
    assert row.resumed > 0 and row.fetched + row.resumed == row.size == 12 << 20
    assert "were here from an earlier call" in str(last()) and last().fetched == row.fetched


@pytest.mark.usefixtures("hub_env")
def test_each_thread_has_its_own_and_a_thread_without_one_the_last(world: Any) -> None:
    world.repo("org/a").commit(FILES)
    hubjet.hf_hub_download("org/a", "config.json")
    seen: list[str] = []

    def other() -> None:
        seen.append(str(last().files[0].name))
        hubjet.hf_hub_download("org/a", "sub/vocab.txt")
        seen.append(str(last().files[0].name))

    thread = threading.Thread(target=other)
    thread.start()
    thread.join()
    assert seen == ["config.json", "sub/vocab.txt"] and last().files[0].name == "config.json"


def test_a_receipt_inside_another_one_leaves_that_one_open() -> None:
    with _receipt.keeping("outer") as outer:
        with pytest.raises(ValueError), _receipt.keeping("inner"):
            raise ValueError("a\nb")
        assert _receipt.current() is outer and last().what == "inner" and last().error == "a"
    assert last() is outer and _receipt.current() is None


@pytest.mark.usefixtures("hub_env")
def test_programs_get_all_of_it_as_json(world: Any) -> None:
    world.repo("org/a").commit(FILES)
    hubjet.snapshot_download("org/a")
    again = json.loads(json.dumps(last().as_dict()))
    assert again["what"] == "org/a" and again["fetched"] == last().fetched
    assert {one["name"] for one in again["files"]} == set(FILES) and all(one["verified"] for one in again["files"])


@pytest.mark.usefixtures("hub_env")
def test_the_path_of_from_pretrained_is_a_path_and_shows_the_receipt_in_a_notebook(world: Any) -> None:
    world.repo("org/a").commit(FILES)
    folder = hubjet.from_pretrained("org/a", allow_patterns="*")
    plain = Path(str(folder))
    assert isinstance(folder, Path) and isinstance(folder, type(plain)) and isinstance(folder, os.PathLike)
    assert os.fspath(folder) == str(plain) and repr(folder) == repr(plain) and f"{folder}" == f"{plain}"
    assert folder == plain and plain == folder and hash(folder) == hash(plain) and {plain: 1}[folder] == 1 and sorted([plain, folder]) == [plain, plain]
    assert (folder / "config.json").read_bytes() == b"{}" and "x" / folder == "x" / plain and folder.parent == plain.parent
    assert os.path.join(folder, "a") == os.path.join(plain, "a") and sorted(p.name for p in folder.iterdir()) == sorted(p.name for p in plain.iterdir())
    assert folder.resolve() == plain.resolve() and folder.with_name("n") == plain.with_name("n") and list(folder.rglob("*.json")) == list(plain.rglob("*.json"))
    for again in (pickle.loads(pickle.dumps(folder)), copy.copy(folder), copy.deepcopy(folder)):
        assert type(again) is type(plain) and again == plain
    assert "org/a" in folder._repr_html_() and "m.safetensors" in folder._repr_html_()  # type: ignore[attr-defined]
    assert getattr(folder / "sub", "_repr_html_", lambda: None)() is None


# --- words ----------------------------------------------------------------------------------------

FACTS: dict[str, Any] = {
    "what": "org/a", "revision": "main", "error": None, "seconds": 46.0, "size": 4_000_000_000, "fetched": 2_800_000_000, "resumed": 1_200_000_000,
    "rate": 2_800_000_000 / 46, "files": [1, 2],
}  # fmt: skip
ROWS = (
    FileReceipt("config.json", 481, "git-sha1", "huggingface.co", 481, 0, 0.12),
    FileReceipt("model.safetensors", 3_999_999_519, "sha256", "huggingface.co, hf-mirror.com", 2_799_999_519, 1_200_000_000, 45.6),
    FileReceipt("vocab.txt", 231_508, "earlier", "here"),
)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "fetched 2.8 GB in 46 s, 60.9 MB/s; 1.2 GB were here from an earlier call"),
        ({"resumed": 0, "seconds": 0.05}, "fetched 2.8 GB in 0.05 s"),
        ({"fetched": 0}, "all of it was here, nothing was fetched (46 s)"),
        ({"error": "the hub is silent"}, "stopped after 46 s: 2.8 GB came, and stay for the next call"),
    ],
)
def test_the_summary_says_what_had_to_be_done(changes: dict[str, Any], said: str) -> None:
    facts = {**FACTS, **changes}
    assert receipt_views.summary(facts, 0 if not facts["fetched"] else 2) == said


def test_the_table_of_a_terminal() -> None:
    assert receipt_views.text("head", ROWS) == (
        "head\n"
        "  config.json           481 B  git-sha1  huggingface.co                 0.12 s\n"
        "  model.safetensors    4.0 GB  sha256    huggingface.co, hf-mirror.com    46 s  61.4 MB/s\n"
        "  vocab.txt          231.5 kB  earlier   here"
    )


def test_of_a_thousand_files_the_largest_are_shown_and_the_rest_is_summed_up() -> None:
    rows = [FileReceipt(f"f{n:04}", n * 1000, "sha256", "h", n * 1000, 0, 1.0) for n in range(1000)]
    lines = receipt_views.text("head", rows).split("\n")
    assert len(lines) == 22 and lines[1].split()[0] == "f0980" and lines[20].split()[0] == "f0999"
    assert lines[21] == "  and 980 smaller ones, 479.7 MB"
    page = ElementTree.fromstring(receipt_views.html("head", rows, "/p", None))
    assert len(page.findall(".//tr")) == 22


def test_a_name_cannot_write_on_the_page_or_the_terminal() -> None:
    bad = FileReceipt('<script>x</script>"&\x1b[2J', 1, "sha256", "h", 1, 0, 1.0)
    page = receipt_views.html("<b>", [bad], "/<p>", 'a "b" <c>')
    assert "<script" not in page and "\x1b" not in page
    ElementTree.fromstring(page)
    assert "\x1b" not in receipt_views.text("head", [bad])


# --- the picture ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("hub_env")
def test_the_picture_has_every_byte_of_the_transfer(world: Any, tmp_path: Path) -> None:
    world.repo("org/a").commit({"m.bin": b"1" * (6 << 20)})
    with hubjet.settings(limit_rate="6M"):
        hubjet.hf_hub_download("org/a", "m.bin")
    samples, seconds = last()._samples, last()._samples[-1][0]
    rates = receipt_views.goodput(samples, seconds)
    assert len(samples) >= 5 and samples == sorted(samples)
    assert sum(rates) * seconds / len(rates) == pytest.approx(last().fetched, rel=0.01)
    last().plot().save(tmp_path / "p.svg")
    picture = ElementTree.fromstring((tmp_path / "p.svg").read_text("utf-8"))
    assert picture.tag.endswith("svg") and len(picture.findall("{*}polyline")) == 2
    assert "org/a" in "".join(picture.itertext()) and "connections" in "".join(picture.itertext())


@pytest.mark.parametrize(
    ("samples", "seconds", "rates"),
    [
        ([], 1.0, [0.0]),
        ([(1.0, 100, 1)], 1.0, [100.0]),
        ([(0.0, 0, 0), (1.0, 100, 1), (3.0, 100, 1), (4.0, 300, 2)], 4.0, [50.0, 100.0]),
    ],
)
def test_goodput_is_spread_over_the_time_in_which_it_came(samples: Any, seconds: float, rates: list[float]) -> None:
    assert receipt_views.goodput(samples, seconds) == pytest.approx(rates)
    ElementTree.fromstring(receipt_views.svg(samples, "a < b & c"))


def test_a_long_transfer_keeps_a_bounded_curve() -> None:
    one = _receipt.Receipt("x")
    for n in range(100_000):
        one.sample(n, 1)
    assert 250 <= len(one._samples) < _receipt.SAMPLES_MAX
    assert one._samples[0][1] == 0 and one._samples[-1][1] > 99_000
