"""enable(): failures are huggingface_hub's own classes, progress is the caller's own bar, tokens go where they went."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any, Callable

import pytest

import hubjet
from hubjet import _errors as ours
from tests.py.enabling import newer, peer, version  # noqa: F401
from tests.py.peers import caught
from tests.server import World

URL = "https://hub.example/org/name/resolve/main/model.bin"
CASES = [  # ours, theirs: what code that knows nothing of us can catch
    (ours.RevisionNotFound("m", status=404, headers={"x-error-code": "RevisionNotFound"}), "RevisionNotFoundError"),
    (ours.EntryNotFound("m", status=404, headers={"x-error-code": "EntryNotFound"}), "RemoteEntryNotFoundError"),
    (ours.RepoNotFound("m", status=401, headers={"x-error-code": "RepoNotFound"}), "RepositoryNotFoundError"),
    (ours.AccessDenied("m", status=403, headers={"x-error-code": "GatedRepo"}), "GatedRepoError"),
    (ours.TokenNeeded("m", status=401, headers={}), "RepositoryNotFoundError"),
    (ours.AccessDenied("m", status=403, headers={}), "HfHubHTTPError"),
    (ours.ProtocolError("m", status=400, headers={}), "BadRequestError"),
    (ours.ProtocolError("m", status=416, headers={}), "HfHubHTTPError"),
    (ours.RateLimited("m", status=429, headers={"retry-after": "3"}), "HfHubHTTPError"),
    (ours.ServerError("m", status=503, headers={}), "HfHubHTTPError"),
    (ours.TimedOut("m"), "ReadTimeout"),
    (ours.ProxyError("m"), "ProxyError"),
    (ours.TlsError("m"), "ConnectError"),
    (ours.NetworkError("m"), "ConnectError"),
    (ours.ProtocolError("m"), "RemoteProtocolError"),
    (ours.ProtocolError("m", status=302, headers={}), "RemoteProtocolError"),
    (ours.AccessDenied("m", status=403, portal="Log in to the hotel"), "OSError"),
    (ours.StorageError("m", errno=28, path="/d"), "OSError"),
    (ours.StorageError("m", errno=13, path="/d"), "PermissionError"),
    (ours.IntegrityError("m"), "OSError"),
    (ours.TokenRefused("m"), "OSError"),
    (ours.Cancelled("m"), "OSError"),
    (ours.Offline("m"), "OfflineModeIsEnabled"),
    (ours.InternalError("m"), "OSError"),
]


@pytest.mark.parametrize(("error", "name"), CASES, ids=lambda case: case if isinstance(case, str) else type(case).__name__)
def test_each_failure_has_a_class_that_their_callers_catch(error: ours.HubjetError, name: str) -> None:
    from huggingface_hub import file_download
    from hubjet._patch.errors import theirs

    made = theirs(error, None, URL + "?Signature=secret", file_download)
    assert type(made).__name__ == name and made.__cause__ is error
    assert "secret" not in str(made)
    if name != "BadRequestError":  # theirs is one by birth
        assert not isinstance(made, ValueError)
    assert "hubjet" not in type(made).__module__
    if hasattr(made, "response"):
        assert made.response.status_code == error.status and str(made.response.request.url) == URL


def test_what_is_no_error_of_ours_stays_what_it_is() -> None:
    from huggingface_hub import file_download
    from hubjet._patch.errors import theirs

    error = KeyboardInterrupt()
    assert theirs(error, None, URL, file_download) is error


def download(**how: Any) -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    return caught(lambda: hf_hub_download("org/name", "model.bin", **how))


def test_a_content_network_that_has_lost_the_file_is_the_stock_error(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"model.bin": b"\3" * 200_000})
    world.fault("cdn", "model.bin", "status", code=404)
    said = newer(download)
    assert said["class"] == "HfHubHTTPError" and "404" in said["text"] and "Signature" not in said["text"]


def test_no_place_to_write_is_a_permission_error(newer: Callable[..., Any], world: World, cache: Path) -> None:
    """As transformers expects it. (root may write anywhere: a file stands where the folder should be.)"""
    world.repo("org/name").commit({"model.bin": b"\3" * 200_000})
    (cache / "models--org--name").mkdir(parents=True)
    (cache / "models--org--name" / ".hubjet").write_text("in the way")
    said = newer(download)
    assert "OSError" in said["bases"] and "ValueError" not in said["bases"]


def test_a_setting_that_cannot_be_understood_is_no_value_error(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"model.bin": b"\3" * 2000})
    said = newer(download, env={"HUBJET_MEMORY": "plenty"})
    assert said["class"] == "OSError" and "HUBJET_MEMORY" in said["text"]


# --- progress -------------------------------------------------------------------------------------


def bars(what: str) -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download, snapshot_download
    from tqdm import tqdm

    made: list[dict[str, Any]] = []

    class Mine(tqdm):  # type: ignore[type-arg, misc]
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.facts = {"desc": kwargs.get("desc"), "total": kwargs.get("total"), "sum": 0, "updates": 0, "entered": False, "closed": False}
            made.append(self.facts)
            super().__init__(*args, **{**kwargs, "disable": True})

        def update(self, n: float | None = 1) -> Any:
            self.facts["sum"] += n
            self.facts["updates"] += 1
            return super().update(n)

        def __enter__(self) -> Any:
            self.facts["entered"] = True
            return super().__enter__()

        def close(self) -> None:
            self.facts["closed"] = True
            super().close()

    hubjet.enable()
    if what == "file":
        hf_hub_download("org/name", "model.bin", tqdm_class=Mine)
    else:
        snapshot_download("org/name", tqdm_class=Mine)
    return made


def test_a_files_bar_is_of_the_callers_class_and_counts_every_byte(peer: Callable[..., Any], world: World) -> None:
    size = 3_000_000
    world.repo("org/name").commit({"model.bin": b"\3" * size})
    (bar,) = peer(bars, what="file")
    assert bar["total"] == bar["sum"] == size and bar["entered"] and bar["closed"] and bar["desc"] == "model.bin"


def test_the_bars_of_a_snapshot_add_up(peer: Callable[..., Any], world: World) -> None:
    files = {f"{n}.bin": bytes([n]) * (100_000 + n) for n in range(10)}
    world.repo("org/name").commit(files)
    made = {bar["desc"].partition(" ")[0]: bar for bar in peer(bars, what="snapshot")}
    assert made["Fetching"]["sum"] == 10
    whole = sum(map(len, files.values()))
    assert made["Reconstructing"]["sum"] == made["Downloading"]["sum"] == whole


def silent() -> Any:
    import contextlib
    import io

    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    with contextlib.redirect_stderr(io.StringIO()) as said:
        hf_hub_download("org/name", "model.bin")
    return said.getvalue()


def test_switched_off_bars_stay_off(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name").commit({"model.bin": b"\3" * 200_000})
    assert newer(silent) == ""


# --- tokens and headers ---------------------------------------------------------------------------


@pytest.mark.parametrize("xet", [False, True])
def test_a_token_goes_to_the_hub_and_nowhere_else(newer: Callable[..., Any], world: World, xet: bool) -> None:
    token = world.token("reader")
    world.repo("org/name", private=True, tokens=["reader"]).commit({"model.bin": b"\3" * 200_000, "small.json": b"{}"}, xet=xet)
    world.pace(1 << 30)  # by the python servers, which write down every header
    said = newer(download, token=token, headers={"x-gateway": "key"})
    assert "value" in said
    there = {o: {(r.token_sent, "x-gateway" in r.headers) for r in world.requests if r.origin == o} for o in ("hub", "cdn")}
    assert there == {"hub": {(True, True)}, "cdn": {(False, False)}}
    assert all(token not in str(r.headers) for r in world.requests if r.origin == "cdn")


def test_a_private_repository_without_a_token_is_the_stock_error(newer: Callable[..., Any], world: World) -> None:
    world.repo("org/name", private=True, tokens=["reader"]).commit({"model.bin": b"\3" * 2000})
    assert newer(download, token=False)["class"] == "RepositoryNotFoundError"


# --- Xet ------------------------------------------------------------------------------------------

XET = {"HF_HUB_DISABLE_XET": "", "HF_HUB_DISABLE_TELEMETRY": ""}


def snapshots(*, repos: list[str]) -> Any:
    import hubjet
    from huggingface_hub import snapshot_download

    hubjet.enable()
    return [[snapshot_download(repo) for repo in repos], hubjet.status()._asdict()]


def test_xet_files_come_over_the_bridge_and_are_shared_when_they_are_proven(
    peer: Callable[..., Any], world: World, cache: Path
) -> None:
    world.hub.xet_cas = True
    for name in ("org/one", "org/two"):
        world.repo(name).commit({"model.bin": b"\3" * 200_000, "config.json": b"{}"}, xet=True)
    folders, status = peer(snapshots, env=XET, repos=["org/one", "org/two"])
    assert [(Path(folder) / "model.bin").read_bytes() for folder in folders] == [b"\3" * 200_000] * 2
    assert len([r for r in world.bodies() if r.bytes == 200_000]) == 1, "the second one is a link to the first one's bytes"
    assert [r.name for r in world.requests if "xet-read-token" in r.name or r.name.startswith("/cas")] == []
    (payload,) = [p for p in (cache / "blobs").glob("??/*") if not p.suffix]
    assert payload.read_bytes() == b"\3" * 200_000
    assert all((cache / f"models--org--{n}/blobs").exists() for n in ("one", "two"))


def test_what_is_not_proven_is_not_shared(newer: Callable[..., Any], world: World, cache: Path) -> None:
    world.hub.xet_cas = True
    world.repo("org/one").commit({"model.bin": b"\3" * 200_000}, xet=True)
    world.fault("cdn", "model.bin", "corrupt")
    said = newer(download_one, env=XET)
    assert said["class"] == "OSError"
    assert [p for p in cache.rglob("*") if p.is_file() and p.stat().st_size == 200_000] == []


def download_one() -> Any:
    import hubjet
    from huggingface_hub import hf_hub_download

    hubjet.enable()
    return caught(lambda: hf_hub_download("org/one", "model.bin"))


def test_what_the_bridge_refuses_comes_by_hf_xet_and_is_checked(newer: Callable[..., Any], world: World, cache: Path) -> None:
    """As the real one refuses files of hundreds of GB."""
    world.hub.xet_cas = True
    world.repo("org/one").commit({"model.bin": b"\3" * 200_000}, xet=True)
    world.fault("cdn", "model.bin", "status", code=400)
    said = newer(download_one, env=XET)
    assert Path(said["value"]).read_bytes() == b"\3" * 200_000


def test_errors_survive_pickle_as_theirs_do() -> None:
    from huggingface_hub import file_download
    from hubjet._patch.errors import theirs

    made = theirs(ours.AccessDenied("m", status=403, headers={}), None, URL, file_download)
    assert type(pickle.loads(pickle.dumps(made))) is type(made)
    assert hubjet.__version__
