"""The tree hubjet leaves is the one huggingface_hub 2.4 leaves: names, kinds, link targets, bytes, refs, return values.

Each side makes the same calls in processes that differ only in the module they import, into a cache of its own; one
process does many cases. The tests then compare case by case. What may differ is left out by name, with the reason:

    .hubjet/         ours alone: records and partials
    lock files       their names are compared; what is in them is not: hubjet writes who holds it
    dry runs         the stock client moves the ref in a dry run of a snapshot; hubjet writes nothing
    nothing chosen   the stock client then leaves a ref without a snapshot, which its scanner reports; hubjet makes the
                     empty folder
    local_dir        the stock client leaves such a ref in the main cache too, and notes although no file came
"""

from __future__ import annotations

import json
import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Iterator

import pytest

from tests.py.peers import ROOT, caught, peer_env, run_peer
from tests.server import Sparse, World
from tests.server.content import Source

SIDES = {"stock": "huggingface_hub", "ours": "hubjet"}
VERSIONS = ["2.4", "1.33"]

LARGE = Sparse(3 << 20, seed=1)
KINDS: dict[str, dict[str, Source]] = {
    "small": {"config.json": b"{}", "README.md": b"# small\n", "vocab.txt": b"one\ntwo\n"},
    "large": {"model.safetensors": LARGE, "extra.bin": b"\1" * 70_000, "one-byte.bin": b"\2"},
    "mixed": {
        "config.json": b'{"mixed": 1}',
        "model.safetensors": LARGE,
        "tokenizer.model": b"\3" * 999,
        ".gitattributes": b"*.bin\n",
    },
    "sharded": {
        "config.json": b"{}",
        "model.safetensors.index.json": json.dumps(
            {"weight_map": {f"w{n}": f"model-0000{n}-of-00003.safetensors" for n in (1, 2, 3)}}
        ).encode(),
        **{f"model-0000{n}-of-00003.safetensors": Sparse(1 << 20, seed=10 + n) for n in (1, 2, 3)},
    },
    "nested": {
        "a/b/c/d/deep.json": b"{}",
        "a/b/weights.bin": b"\4" * 5000,
        "a/copy.bin": b"\4" * 5000,  # the same bytes under two names: one blob
        "x/same.txt": b"same",
        "y/same.txt": b"same",
        "refs/heads/main": b"a file that is called like a ref",
        "top.txt": b"top",
    },
    "odd-names": {
        "with space/ünïcödé 模型.txt": "größe".encode(),
        "odd/#100% +plus?&=.txt": b"odd",
        "odd/%2Fnot-a-slash.bin": b"\1\2\3",
        "odd/%41.json": b"{}",
        "emoji/🤗.safetensors": b"\5" * 100,
        "[brackets]{braces}.txt": b"b",
        "semi;colon,comma'quote\"double.txt": b"q",
        "back`tick$dollar!bang.txt": b"$",
        ".hidden/.file": b"h",
        "-dash.txt": b"d",
        "dots...txt": b"...",
        "nfd-e\u0301.txt": b"decomposed",
        "nfc-\u00e9.txt": b"composed",
    },
    "twins": {
        f"{folder}/same.{ending}": b"same" * many for folder in "abcdef" for ending, many in (("txt", 1), ("bin", 999))
    },
    "empty": {"empty.txt": b"", "empty.bin": b"", "dir/__init__.py": b"", "config.json": b"{}"},
    "xet": {"config.json": b"{}", "model.safetensors": b"\6" * 80_000, "plain.bin": b"\7" * 900},
}


@dataclass
class Case:
    """Calls in one cache, in order. `then`: calls after org/moving's main has moved. `local`: into a local_dir.
    `links`: whether symbolic links may be made."""

    calls: list[dict[str, Any]]
    then: list[dict[str, Any]] = field(default_factory=list)
    local: bool = False
    links: bool = True


def snapshot(repo_id: str, **more: Any) -> dict[str, Any]:
    return {"function": "snapshot_download", "repo_id": repo_id, **more}


def one(repo_id: str, filename: str, **more: Any) -> dict[str, Any]:
    return {"function": "hf_hub_download", "repo_id": repo_id, "filename": filename, **more}


def each(repo_id: str, files: dict[str, Source], **more: Any) -> list[dict[str, Any]]:
    return [one(repo_id, name, **more) for name in files]


def all_cases(commits: dict[str, str]) -> dict[str, Case]:
    """Case by name. `commits`: what the fixture committed, for the pinned ones."""
    member, insider = {"token": "hf_test_member"}, {"token": "hf_test_insider"}
    pinned, older = {"revision": commits["named"]}, {"revision": commits["named older"]}
    cases = {f"snapshot of {kind}": Case([snapshot(f"org/{kind}")]) for kind in KINDS}
    cases |= {f"each file of {kind}": Case(each(f"org/{kind}", files)) for kind, files in KINDS.items()}
    cases |= {
        f"{what} of {of}": Case(calls)
        for of, id, more in (
            ("a gated repo", "org/gated", member),
            ("a private repo", "org/private", insider),
            ("a dataset", "org/data", {"repo_type": "dataset"}),
            ("a space", "org/page", {"repo_type": "space"}),
            ("a kernel", "org/kernel", {"repo_type": "kernel"}),
            ("a repo without namespace", "solo", {}),
            ("a pull request", "org/named", {"revision": "refs/pr/1"}),
            ("a tag", "org/named", {"revision": "v1.0"}),
            ("a branch with a slash", "org/named", {"revision": "feature/x"}),
            ("a pinned commit", "org/named", pinned),
            ("an older commit", "org/named", older),
            ("main by name", "org/named", {"revision": "main"}),
        )
        for what, calls in (
            ("snapshot", [snapshot(id, **more)]),
            ("both files", [one(id, "config.json", **more), one(id, "model.safetensors", **more)]),
        )
    }
    cases |= {
        # patterns
        "allow one pattern": Case([snapshot("org/nested", allow_patterns="*.txt")]),
        "allow a list": Case([snapshot("org/nested", allow_patterns=["*.json", "a/*.bin"])]),
        "allow a folder": Case([snapshot("org/nested", allow_patterns=["a/"])]),
        "allow a name without star": Case([snapshot("org/nested", allow_patterns=["top.txt", "a"])]),
        "ignore": Case([snapshot("org/nested", ignore_patterns=["*.bin", "refs/*"])]),
        "allow and ignore": Case(
            [snapshot("org/nested", allow_patterns=["a/*", "x/*"], ignore_patterns="*/weights.*")]
        ),
        "allow brackets": Case([snapshot("org/odd-names", allow_patterns=["[[]brackets]*", "*%2F*", "🤗*", "*é*"])]),
        "the rest after a part": Case([snapshot("org/mixed", allow_patterns="*.json"), snapshot("org/mixed")]),
        # orders
        "a file, then all": Case([one("org/mixed", "tokenizer.model"), snapshot("org/mixed")]),
        "all, then a file": Case([snapshot("org/mixed"), one("org/mixed", "tokenizer.model")]),
        "twice": Case([snapshot("org/mixed"), snapshot("org/mixed"), one("org/mixed", "config.json")]),
        "two names of one commit": Case(
            [snapshot("org/named"), snapshot("org/named", revision="v2.0"), snapshot("org/named", **pinned)]
        ),
        "two revisions that share a file": Case([snapshot("org/named", **older), snapshot("org/named")]),
        "pinned, then by name": Case([snapshot("org/named", **pinned), one("org/named", "config.json")]),
        "a subfolder": Case(
            [one("org/nested", "deep.json", subfolder="a/b/c/d"), one("org/nested", "b/weights.bin", subfolder="a")]
        ),
        "two repos in one cache": Case(
            [snapshot("org/small"), snapshot("org/data", repo_type="dataset"), one("solo", "config.json")]
        ),
        "offline after online": Case([snapshot("org/mixed"), snapshot("org/mixed", local_files_only=True)]),
        # force
        "force all": Case([snapshot("org/mixed"), snapshot("org/mixed", force_download=True)]),
        "force one": Case(
            each("org/mixed", KINDS["mixed"]) + [one("org/mixed", "model.safetensors", force_download=True)]
        ),
        "force what is not here": Case(
            [one("org/mixed", "config.json", force_download=True), snapshot("org/small", force_download=True)]
        ),
        # what is not there
        "a missing file": Case([one("org/small", "nope.json")]),
        "a missing file in folders": Case([one("org/small", "no/pe ü#.json", revision=commits["small"])]),
        "a missing file, dry": Case([one("org/small", "nope.json", dry_run=True)]),
        "a missing file after a good one": Case(
            [one("org/small", "config.json"), one("org/small", "nope.json"), one("org/small", "nope.json")]
        ),
        "a missing revision": Case(
            [one("org/small", "config.json", revision="nope"), snapshot("org/small", revision="nope")]
        ),
        "a missing repo": Case([one("org/nope", "config.json"), snapshot("org/nope")]),
        "a gate that is shut": Case([one("org/gated", "config.json")]),
        "nothing here and nobody asked": Case(
            [one("org/small", "config.json", local_files_only=True), snapshot("org/small", local_files_only=True)]
        ),
        # a branch that moves between the calls
        "the branch moved, snapshots": Case([snapshot("org/moving")], [snapshot("org/moving")]),
        "the branch moved, files": Case(each("org/moving", MOVING), each("org/moving", MOVING)),
        "the branch moved, part": Case([snapshot("org/moving")], [one("org/moving", "config.json")]),
        "the branch moved, forced": Case([snapshot("org/moving")], [snapshot("org/moving", force_download=True)]),
        "the branch moved, offline": Case([snapshot("org/moving")], [snapshot("org/moving", local_files_only=True)]),
        "the file came with the move": Case([one("org/moving", "late.json")], [one("org/moving", "late.json")]),
    }
    cases |= {f"folder: snapshot of {kind}": Case([snapshot(f"org/{kind}")], local=True) for kind in KINDS}
    cases |= {
        f"folder: each file of {kind}": Case(each(f"org/{kind}", files), local=True) for kind, files in KINDS.items()
    }
    cases |= {
        "folder: pinned": Case(
            [snapshot("org/named", **pinned), one("org/named", "config.json", **pinned)], local=True
        ),
        "folder: pull request": Case([snapshot("org/named", revision="refs/pr/1")], local=True),
        "folder: dataset": Case([snapshot("org/data", repo_type="dataset")], local=True),
        "folder: gated": Case([snapshot("org/gated", **member)], local=True),
        "folder: patterns": Case(
            [snapshot("org/nested", allow_patterns=["a/*"], ignore_patterns=["*.json"])], local=True
        ),
        "folder: the branch moved": Case([snapshot("org/moving")], [snapshot("org/moving")], local=True),
        "folder: the branch moved, files": Case(each("org/moving", MOVING), each("org/moving", MOVING), local=True),
        "folder: forced": Case([snapshot("org/mixed"), snapshot("org/mixed", force_download=True)], local=True),
        "folder: from what the cache has": Case(each("org/mixed", KINDS["mixed"]), local=True),
        # without links
        "no links: snapshot": Case([snapshot("org/mixed")], links=False),
        "no links: each file": Case(each("org/mixed", KINDS["mixed"]), links=False),
        "no links: twice": Case(
            [snapshot("org/nested", max_workers=1), snapshot("org/nested"), one("org/nested", "top.txt")], links=False
        ),
        # One worker: with more the stock client moves a blob away under the twin that is on its way (seen with 2.4.0).
        "no links: twins": Case([snapshot("org/twins", max_workers=1)], links=False),
        "no links: two revisions": Case([snapshot("org/named", **older), snapshot("org/named")], links=False),
        "no links: the branch moved": Case([snapshot("org/moving")], [snapshot("org/moving")], links=False),
        # what differs on purpose: looked at one by one below
        "dry: a file": Case(
            [one("org/mixed", "config.json", dry_run=True), one("org/mixed", "model.safetensors", dry_run=True)]
        ),
        "dry: a snapshot": Case([snapshot("org/mixed", dry_run=True)]),
        "dry: with patterns": Case([snapshot("org/nested", dry_run=True, allow_patterns="a/*")]),
        "dry: half here": Case(
            [
                one("org/mixed", "config.json"),
                snapshot("org/mixed", dry_run=True),
                one("org/mixed", "config.json", dry_run=True),
            ]
        ),
        "dry: forced": Case([snapshot("org/small"), snapshot("org/small", dry_run=True, force_download=True)]),
        "dry: nothing there": Case(
            [one("org/nope", "config.json", dry_run=True), snapshot("org/mixed", revision="nope", dry_run=True)]
        ),
        "nothing chosen": Case([snapshot("org/small", allow_patterns="*.nope")]),
        "nothing came": Case([one("org/small", "nope.json")], local=True),
    }
    return cases


MOVING: dict[str, Source] = {
    "config.json": b'{"version": 1}',
    "model.safetensors": b"\1" * 5000,
    "same.bin": b"\2" * 400,
}
MOVED: dict[str, Source | None] = {
    "config.json": b'{"version": 2}',
    "model.safetensors": b"\3" * 5001,
    "late.json": b"{}",
}


def do_calls(module: str, work: dict[str, list[Any]]) -> Any:
    """Runs in a side's process: {case: calls} -> {case: what each came to}."""
    import dataclasses
    import importlib

    library = importlib.import_module(module)

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return sorted((plain(item) for item in value), key=lambda item: str(item["filename"]))
        is_info = dataclasses.is_dataclass(value) and not isinstance(value, type)
        return dataclasses.asdict(value) if is_info else str(value)

    def do(call: dict[str, Any]) -> Any:
        function = getattr(library, call.pop("function"))
        return caught(lambda: plain(function(**call)))

    return {case: [do(call) for call in calls] for case, calls in work.items()}


@dataclass
class Both:
    """What both sides left: `places[side] / case` and the calls' results."""

    places: dict[str, Path]
    results: dict[str, dict[str, list[Any]]]
    cases: dict[str, Case]


def side_env(world: World, home: Path, **more: str) -> dict[str, str]:
    return peer_env(world, home, PYTHONPATH=str(ROOT / "python"), **more)


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as w:
        yield w


@pytest.fixture(scope="module")
def commits(world: World) -> dict[str, str]:
    """Fills the hub; the commits by name."""
    made = {
        kind: world.repo(f"org/{kind}").commit(files, xet=["model.safetensors"] if kind == "xet" else False)
        for kind, files in KINDS.items()
    }
    pair: dict[str, Source] = {"config.json": b'{"pair": 1}', "model.safetensors": b"\11" * 3000}
    world.repo("org/gated", gated="manual").commit(pair)
    world.repo("org/private", private=True, tokens=["insider"]).commit(pair)
    world.token("member", gates=["org/gated"])
    world.token("insider")
    for id, type in (("org/data", "dataset"), ("org/page", "space"), ("org/kernel", "kernel"), ("solo", "model")):
        world.repo(id, type).commit(pair)
    named = world.repo("org/named")
    made["named older"] = named.commit({**pair, "old.txt": b"old"})
    named.tag("v1.0")
    made["named"] = named.commit({"config.json": b'{"pair": 2}', "old.txt": None})
    named.tag("v2.0")
    named.commit({"config.json": b'{"proposal": 1}'}, ref="refs/pr/1")
    named.commit({"config.json": b'{"feature": 1}'}, ref="feature/x")
    moving = world.repo("org/moving")
    made["moving"] = moving.commit(MOVING)
    made["moved"] = moving.commit(MOVED)
    return made


@pytest.fixture(scope="module")
def both(world: World, commits: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Both:
    """Every case, by both sides."""
    base = tmp_path_factory.mktemp("same-tree")
    cases = all_cases(commits)
    moving = world.hub.repos["models", "org/moving"]
    places: dict[str, Path] = {}
    results: dict[str, dict[str, list[Any]]] = {}
    for side in SIDES:
        places[side] = base / side
        results[side] = {name: [] for name in cases}
        for step, main in (("calls", "moving"), ("then", "moved")):
            moving.branch("main", commits[main])
            for links in (True, False):
                work = {
                    name: [located(call, places[side] / name, case.local) for call in getattr(case, step)]
                    for name, case in cases.items()
                    if case.links == links
                }
                env = side_env(world, base / f"{side}-home", **({} if links else {"HF_HUB_DISABLE_SYMLINKS": "1"}))
                for name, came in run_peer("2.4", do_calls, env, {"module": SIDES[side], "work": work}).items():
                    results[side][name] += came
    return Both(places, results, cases)


def located(call: dict[str, Any], place: Path, local: bool) -> dict[str, Any]:
    where = {"cache_dir": str(place / "cache")} | ({"local_dir": str(place / "folder")} if local else {})
    return {**call, **where}


@pytest.fixture(scope="module")
def scanned(world: World, both: Both, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the scanner of each version says of each cache there is: scanned[version][side, case as one text]."""
    caches = [
        str(place / case / "cache")
        for place in both.places.values()
        for case in both.cases
        if (place / case / "cache").exists()
    ]
    env = peer_env(world, tmp_path_factory.mktemp("scan-home"))
    return {version: run_peer(version, scan, env, {"caches": caches}) for version in VERSIONS}


def scan(caches: list[str]) -> Any:
    """Runs in a peer."""
    from huggingface_hub import scan_cache_dir

    def facts(repo: Any) -> Any:
        revisions = {
            revision.commit_hash: {
                "refs": sorted(revision.refs),
                "size": revision.size_on_disk,
                "files": sorted(
                    [str(file.file_path.relative_to(revision.snapshot_path)), file.size_on_disk]
                    for file in revision.files
                ),
            }
            for revision in repo.revisions
        }
        return {"size": repo.size_on_disk, "files": repo.nb_files, "revisions": revisions}

    found = {}
    for cache in caches:
        info = scan_cache_dir(cache)
        found[cache] = {
            "warnings": [str(warning) for warning in info.warnings],
            "repos": {f"{repo.repo_type}/{repo.repo_id}": facts(repo) for repo in info.repos},
            "size": info.size_on_disk,
        }
    return found


# What is compared ----------------------------------------------------------------------------------


def tree_of(root: Path) -> dict[str, Any]:
    """Everything below `root` by its path: a folder, a link and its target, or a file and what counts of it."""
    found: dict[str, Any] = {}
    for at, folders, files in os.walk(root):
        if ".hubjet" in folders:
            folders.remove(".hubjet")
        for name in [*folders, *files]:
            path = Path(at, name)
            found[str(path.relative_to(root))] = kind_of(path)
    return found


def kind_of(path: Path) -> Any:
    if path.is_symlink():
        return "link to " + os.readlink(path)
    if path.is_dir():
        return "folder"
    if path.suffix == ".lock":
        return "lock"
    if path.parent.name == "trees":
        return json.loads(path.read_bytes())
    if path.suffix == ".metadata":
        commit, etag, noted, *_print = path.read_text().splitlines()  # the stock client reads three lines; hubjet's fourth says how the file looked
        notes, name = path.parts.index(".cache"), path.with_suffix("").parts
        file = Path(*path.parts[:notes], *name[notes + 3 :])
        assert float(noted) >= file.stat().st_mtime - 1, "else the stock client takes the file for changed"
        return [commit, etag]
    return path.read_bytes()


def differences(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Path -> (ours, theirs), where they differ: short enough to be read when a test fails."""
    return {
        path: (ours.get(path), theirs.get(path))
        for path in sorted({*ours, *theirs})
        if ours.get(path) != theirs.get(path)
    }


def came_to(both: Both, side: str, case: str) -> list[Any]:
    """What each call came to, relative to the side's place. Of errors, whose names differ, only that it was one."""
    base = str(both.places[side])

    def relative(value: Any) -> Any:
        if isinstance(value, list):
            return [relative(item) for item in value]
        if isinstance(value, dict):
            return {name: relative(item) for name, item in value.items()}
        return value.replace(base, "") if isinstance(value, str) else value

    return [relative(came["value"]) if "value" in came else "an error" for came in both.results[side][case]]


LISTED = all_cases(dict.fromkeys(["small", "named", "named older"], ""))  # names are all that counts at collection
DRY = [name for name in LISTED if name.startswith("dry: ")]
SAME = {name: case for name, case in LISTED.items() if name not in (*DRY, "nothing chosen", "nothing came")}


def same(both: Both, case: str, place: str) -> None:
    """Asserts that the calls came to the same and left the same in `place`."""
    stock, ours = (both.places[side] / case / place for side in SIDES)
    assert came_to(both, "ours", case) == came_to(both, "stock", case), both.results["ours"][case]
    assert differences(tree_of(ours), tree_of(stock)) == {}


@pytest.mark.parametrize("case", [name for name, case in SAME.items() if not case.local and case.links])
def test_the_cache_is_the_one_the_stock_client_leaves(both: Both, case: str) -> None:
    same(both, case, "cache")


@pytest.mark.parametrize("case", [name for name, case in SAME.items() if not case.links])
def test_a_cache_without_links_is_the_one_the_stock_client_leaves(both: Both, case: str) -> None:
    same(both, case, "cache")


@pytest.mark.parametrize("case", [name for name, case in SAME.items() if case.local])
def test_a_local_folder_is_the_one_the_stock_client_leaves(both: Both, case: str) -> None:
    same(both, case, "folder")
    assert not (both.places["ours"] / case / "cache").exists()


@pytest.mark.parametrize("case", DRY)
def test_a_dry_run_says_what_the_stock_client_says_and_writes_nothing(both: Both, case: str) -> None:
    assert came_to(both, "ours", case) == came_to(both, "stock", case), both.results["ours"][case]
    wet = [call for call in both.cases[case].calls if not call.get("dry_run")]
    assert (both.places["ours"] / case / "cache").exists() == bool(wet)
    assert not list((both.places["ours"] / case).rglob("trees/*.json")) or any(
        call["function"] == "snapshot_download" for call in wet
    )


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("case", [name for name, case in SAME.items() if not case.local])
def test_the_stock_scanner_finds_the_same_and_warns_of_nothing(
    both: Both, scanned: dict[str, Any], case: str, version: str
) -> None:
    nothing = {"warnings": [], "repos": {}, "size": 0}  # a cache that is empty, or was never made
    stock, ours = (scanned[version].get(str(both.places[side] / case / "cache"), nothing) for side in SIDES)
    assert {**ours, "warnings": None} == {**stock, "warnings": None}
    # Of a repo whose only trace is that a file is not in it, there is a ref and no snapshot: the stock client's scanner
    # warns of what the stock client left, and the tree is the same.
    only_missing = case in ("a missing file", "a missing file, dry", "a missing file in folders")
    assert len(ours["warnings"]) == len(stock["warnings"]) == int(only_missing)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_snapshot_of_nothing_is_an_empty_folder_that_the_scanner_accepts(
    both: Both, scanned: dict[str, Any], version: str
) -> None:
    case = "nothing chosen"
    stock, ours = (both.places[side] / case / "cache" for side in SIDES)
    assert came_to(both, "ours", case) == came_to(both, "stock", case)
    (folder,) = came_to(both, "ours", case)
    assert set(differences(tree_of(ours), tree_of(stock))) == {
        "models--org--small/snapshots",
        folder.removeprefix(f"/{case}/cache/"),
    }
    assert scanned[version][str(ours)]["warnings"] == [] != scanned[version][str(stock)]["warnings"]


def test_a_file_that_is_not_there_leaves_nothing_in_a_local_folder(both: Both) -> None:
    assert came_to(both, "ours", "nothing came") == came_to(both, "stock", "nothing came") == ["an error"]
    assert tree_of(both.places["ours"] / "nothing came") == {}


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
def test_bytes_in_the_cache_are_read_only_for_everybody(both: Both, links: bool) -> None:
    case = "snapshot of mixed" if links else "no links: snapshot"
    umask = os.umask(0)
    os.umask(umask)
    files = [
        path
        for path in (both.places["ours"] / case / "cache/models--org--mixed/snapshots").rglob("*")
        if path.is_file()
    ]
    assert len(files) == len(KINDS["mixed"])
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o444 & ~umask}
