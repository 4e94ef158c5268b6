"""Gated, private and missing: six errors that say which page to open, caught by whoever catches huggingface_hub's;
and a token that is read late, sent to one origin and seen nowhere.

hubjet runs in processes of its own here, because what is loaded beside it counts: nothing, huggingface_hub 2.4, 1.33.
"""

from __future__ import annotations

import inspect
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest

import hubjet
from tests.py.child import Child
from tests.py.peers import ROOT, peer_env, run_peer
from tests.server import Sparse, World
from tests.server.content import Source

SECRET = "hf_test_member"  # what World calls the token named "member"
PAIR: dict[str, Source] = {"config.json": b"{}", "model.safetensors": b"\5" * 9000}
SAID: dict[str, Source] = {
    "README.md": b"# card\n",
    "LICENSE.md": b"terms\n",
    "NOTICE": b"by us\n",
    "USE_POLICY.md": b"no harm\n",
}


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with World() as w:
        w.repo("org/open").commit({**PAIR, **SAID})
        w.repo("org/gated", gated="manual").commit({**PAIR, **SAID})
        w.repo("org/secret", private=True, tokens=["member"]).commit(PAIR)
        w.repo("org/off", disabled=True).commit(PAIR)
        w.repo("org/gated-data", "dataset", gated="auto").commit(PAIR)
        w.token("member", gates=["org/gated", "org/gated-data"])
        w.token("stranger")
        w.token("waiting", pending=["org/gated"])
        w.token("narrow", scope="fine-grained")
        yield w


@pytest.fixture(autouse=True)
def forgotten(world: World) -> None:
    world.heal()
    world.clear()


def our_env(world: World, home: Path, **more: str) -> dict[str, str]:
    return peer_env(world, home, PYTHONPATH=str(ROOT / "python"), **more)


def run_ours(script: Any, env: dict[str, str], version: str = "2.4", **args: Any) -> Any:
    """Runs a function of this file, and those it uses, in a process of its own: {"json": what it returns}."""
    text = "".join(inspect.getsource(part) for part in (facts_of, situations, script))
    return run_peer(
        version,
        f"{text}\nimport json\nresult = {script.__name__}(**json.loads(_given))",
        env,
        {"_given": json.dumps(args, default=str)},
    )


# Six errors ----------------------------------------------------------------------------------------


def situations(library: Any) -> dict[str, Any]:
    """Sent along: each thing that can go wrong, as a call of a library that has huggingface_hub's functions."""
    get, snapshot = library.hf_hub_download, library.snapshot_download
    return {
        "no token": lambda: get("org/gated", "config.json"),
        "no token, large": lambda: get("org/gated", "model.safetensors"),
        "no token, all": lambda: snapshot("org/gated"),
        "no token, dataset": lambda: get("org/gated-data", "config.json", repo_type="dataset"),
        "licence not accepted": lambda: get("org/gated", "config.json", token="hf_test_stranger"),
        "licence not accepted, all": lambda: snapshot("org/gated", token="hf_test_stranger"),
        "licence not granted yet": lambda: get("org/gated", "config.json", token="hf_test_waiting"),
        "token lacks scope": lambda: get("org/gated", "config.json", token="hf_test_narrow"),
        "repo missing": lambda: get("org/nope", "config.json"),
        "repo missing, all": lambda: snapshot("org/nope"),
        "repo missing, token": lambda: get("org/nope", "config.json", token="hf_test_member"),
        "repo private, no token": lambda: get("org/secret", "config.json"),
        "repo private": lambda: get("org/secret", "config.json", token="hf_test_stranger"),
        "revision missing": lambda: get("org/open", "config.json", revision="v9"),
        "revision missing, all": lambda: snapshot("org/open", revision="v9"),
        "file missing": lambda: get("org/open", "nope.json"),
        "file missing, subfolder": lambda: get("org/open", "nope.json", subfolder="deep"),
        "token refused": lambda: get("org/gated", "config.json", token="hf_no_such_token"),
        "repo disabled": lambda: get("org/off", "config.json"),
        "not here": lambda: get("org/open", "config.json", local_files_only=True),
        "not here, all": lambda: snapshot("org/open", local_files_only=True),
        "no token to be had": lambda: get("org/open", "config.json", token=True),
        "bad name": lambda: get("org//open", "config.json"),
        "bad file": lambda: get("org/open", "../config.json"),
    }


def facts_of(error: Any) -> dict[str, Any]:
    """Sent along: what an exception is and knows."""
    facts = {
        "class": type(error).__name__,
        "bases": [base.__name__ for base in type(error).__mro__],
        "text": str(error),
        "page": getattr(error, "page", None),
        "repo": getattr(error, "repo_id", None),
        "status": getattr(error, "status", None),
    }
    response = getattr(error, "response", None)
    if response is not None:
        facts["response"] = [response.status_code, response.headers.get("x-error-code"), str(response.request.url)]
    if error.__cause__ is not None:
        facts["cause"] = type(error.__cause__).__name__
    return facts


def all_errors(beside: bool) -> Any:
    """Every situation's error. `beside`: with huggingface_hub loaded; then its own errors too."""
    import pickle
    import sys

    import hubjet

    def error_of(call: Any) -> Any:
        try:
            call()
        except Exception as error:
            return error
        raise AssertionError("it went well")

    if not beside:
        found = {name: facts_of(error_of(call)) for name, call in situations(hubjet).items()}
        return {
            "ours": found,
            "loaded": sorted(set(sys.modules) & {"huggingface_hub", "httpx", "httpx2", "requests", "urllib3"}),
        }
    import huggingface_hub

    ours = {name: error_of(call) for name, call in situations(hubjet).items()}
    answer = {name: facts_of(error) for name, error in ours.items()}
    for name, error in ours.items():
        again = pickle.loads(pickle.dumps(error))
        answer[name]["pickled"] = [
            type(again) is type(error),
            str(again) == str(error),
            again.__dict__.get("page") == error.__dict__.get("page"),
        ]
    return {
        "ours": answer,
        "stock": {name: facts_of(error_of(call)) for name, call in situations(huggingface_hub).items()},
    }


@pytest.fixture(scope="module")
def alone(world: World, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """hubjet with nothing beside it."""
    home = tmp_path_factory.mktemp("alone")
    answer = run_ours(all_errors, our_env(world, home), beside=False)
    assert answer["loaded"] == []
    return without(home, answer["ours"])


def without(home: Path, answer: Any) -> Any:
    """The same wherever HF_HOME was."""
    return json.loads(json.dumps(answer).replace(str(home), "HF_HOME"))


SIX = {  # situation -> (class, built-in class that catches it, page)
    "no token": ("TokenNeeded", "PermissionError", "/org/gated"),
    "licence not accepted": ("GateNotAccepted", "PermissionError", "/org/gated"),
    "token lacks scope": ("TokenLacksScope", "PermissionError", "/settings/tokens"),
    "repo missing": ("RepoNotFound", "FileNotFoundError", "/org/nope"),
    "revision missing": ("RevisionNotFound", "FileNotFoundError", "/org/open/commits"),
    "file missing": ("EntryNotFound", "FileNotFoundError", "/org/open/tree/main"),
}
MORE = {
    "no token, large": ("TokenNeeded", "PermissionError", "/org/gated"),
    "no token, all": ("TokenNeeded", "PermissionError", "/org/gated"),
    "no token, dataset": ("TokenNeeded", "PermissionError", "/datasets/org/gated-data"),
    "licence not accepted, all": ("GateNotAccepted", "PermissionError", "/org/gated"),
    "licence not granted yet": ("GatePending", "PermissionError", "/org/gated"),
    "repo missing, all": ("RepoNotFound", "FileNotFoundError", "/org/nope"),
    "repo missing, token": ("RepoNotFound", "FileNotFoundError", "/org/nope"),
    "repo private, no token": ("RepoNotFound", "FileNotFoundError", "/org/secret"),
    "repo private": ("RepoNotFound", "FileNotFoundError", "/org/secret"),
    "revision missing, all": ("RevisionNotFound", "FileNotFoundError", "/org/open/commits"),
    "file missing, subfolder": ("EntryNotFound", "FileNotFoundError", "/org/open/tree/main"),
    "token refused": ("TokenRefused", "PermissionError", "/settings/tokens"),
    "repo disabled": ("RepoDisabled", "PermissionError", "/org/off"),
}
NO_PAGE = {
    "not here": ("LocalEntryNotFound", "FileNotFoundError"),
    "not here, all": ("LocalEntryNotFound", "FileNotFoundError"),
    "no token to be had": ("NoToken", "OSError"),
    "bad name": ("BadName", "ValueError"),
    "bad file": ("BadName", "ValueError"),
}


CASE_REPOS = {  # where the page is not the repository's own
    "token lacks scope": "org/gated",
    "token refused": "org/gated",
    "no token, dataset": "org/gated-data",
    **dict.fromkeys(
        ["revision missing", "revision missing, all", "file missing", "file missing, subfolder"], "org/open"
    ),
}


def test_the_six_are_six() -> None:
    assert len({kind for kind, _, _ in SIX.values()}) == len(SIX) == 6


@pytest.mark.parametrize("case", [*SIX, *MORE])
def test_each_refusal_is_its_own_class_and_names_the_page_to_open(world: World, alone: Any, case: str) -> None:
    kind, builtin, page = {**SIX, **MORE}[case]
    error = alone[case]
    assert error["class"] == kind and builtin in error["bases"] and "HubjetError" in error["bases"]
    assert error["page"] == world.endpoint + page and error["page"] in error["text"]
    assert error["status"] in (401, 403, 404) and error["repo"] == CASE_REPOS.get(case, page.strip("/"))


@pytest.mark.parametrize("case", NO_PAGE)
def test_what_the_hub_was_not_asked_has_its_class_too(alone: Any, case: str) -> None:
    kind, builtin = NO_PAGE[case]
    assert alone[case]["class"] == kind and builtin in alone[case]["bases"]


def test_no_error_shows_a_token(alone: Any) -> None:
    assert "hf_test_" not in json.dumps(alone) and "hf_no_such" not in json.dumps(alone)


# Caught as huggingface_hub's -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def beside(world: World, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """hubjet with huggingface_hub loaded, by version; what the stock client raises in the same situations."""
    homes = {version: tmp_path_factory.mktemp("beside") for version in ("2.4", "1.33")}
    return {
        version: without(home, run_ours(all_errors, our_env(world, home), version, beside=True))
        for version, home in homes.items()
    }


THEIRS = {
    "no token": "GatedRepoError",
    "no token, all": "GatedRepoError",
    "licence not accepted": "GatedRepoError",
    "licence not granted yet": "GatedRepoError",
    "token lacks scope": "HfHubHTTPError",
    "repo missing": "RepositoryNotFoundError",
    "repo private": "RepositoryNotFoundError",
    "revision missing": "RevisionNotFoundError",
    "file missing": "EntryNotFoundError",
    "token refused": "HfHubHTTPError",
    "repo disabled": "DisabledRepoError",
    "not here": "LocalEntryNotFoundError",
    "not here, all": "LocalEntryNotFoundError",
    "no token to be had": "LocalTokenNotFoundError",
    "bad name": "HFValidationError",
}


@pytest.mark.parametrize("version", ["2.4", "1.33"])
@pytest.mark.parametrize("case", THEIRS)
def test_an_except_of_huggingface_hubs_class_catches_ours_too(
    alone: Any, beside: dict[str, Any], case: str, version: str
) -> None:
    error = beside[version]["ours"][case]
    assert THEIRS[case] in error["bases"]
    assert error["class"] == alone[case]["class"] and set(alone[case]["bases"]) <= set(error["bases"]), (
        "and it is still ours"
    )
    assert error["text"] == alone[case]["text"]
    assert error["pickled"] == [True, True, True]


@pytest.mark.parametrize("version", ["2.4", "1.33"])
@pytest.mark.parametrize("case", [*SIX, *MORE, *NO_PAGE])
def test_whoever_catches_what_the_stock_client_raises_catches_ours(
    beside: dict[str, Any], case: str, version: str
) -> None:
    ours, theirs = (beside[version][side][case] for side in ("ours", "stock"))
    # Where theirs says "check your connection" although the hub did answer, ours is of the answer's class: theirs has
    # it as its cause.
    hides_the_answer = theirs["class"] == "LocalEntryNotFoundError" and "cause" in theirs
    assert (theirs["cause"] if hides_the_answer else theirs["class"]) in ours["bases"]


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_a_response_is_there_for_those_who_read_it(world: World, beside: dict[str, Any], version: str) -> None:
    errors = beside[version]["ours"]
    assert errors["no token"]["response"] == [401, "GatedRepo", f"{world.endpoint}/org/gated/resolve/main/config.json"]
    assert errors["licence not accepted"]["response"][:2] == [403, "GatedRepo"]
    assert errors["revision missing"]["response"][:2] == [404, "RevisionNotFound"]
    assert errors["file missing"]["response"][:2] == [404, "EntryNotFound"]
    for case in THEIRS:
        if "HfHubHTTPError" in errors[case]["bases"]:
            assert errors[case]["response"][0] == errors[case]["status"]


def bare_401s() -> Any:
    """Runs beside huggingface_hub, against an https hub that gives no reason with its 401."""
    import huggingface_hub

    import hubjet

    def raised(library: Any, name: str) -> Any:
        try:
            situations(library)[name]()
        except Exception as error:
            return facts_of(error)
        raise AssertionError("it went well")

    names = ("repo missing", "repo missing, all", "repo private, no token")
    return {name: [raised(hubjet, name), raised(huggingface_hub, name)] for name in names}


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_a_401_without_a_reason_is_caught_as_the_stock_client_raises_it(tmp_path: Path, version: str) -> None:
    with World(hub_tls=True) as w:
        w.hub.bare_401 = True
        w.repo("org/secret", private=True).commit(PAIR)
        answer = run_ours(bare_401s, our_env(w, tmp_path), version)
        for ours, theirs in answer.values():
            assert ours["class"] == "TokenNeeded" and ours["page"] == f"{w.endpoint}/settings/tokens"
            assert theirs["class"] == "RepositoryNotFoundError" and theirs["class"] in ours["bases"]


def offline_errors() -> Any:
    """Runs beside huggingface_hub: online it fetches a part, offline the rest is missing."""
    import os

    import huggingface_hub
    import huggingface_hub.constants

    import hubjet

    hubjet.snapshot_download("org/open", allow_patterns="config.json")
    os.environ["HF_HUB_OFFLINE"] = "1"
    huggingface_hub.constants.HF_HUB_OFFLINE = True

    def raised(library: Any, name: str, *args: Any, **more: Any) -> Any:
        try:
            getattr(library, name)(*args, **more)
        except Exception as error:
            return {**facts_of(error), "snapshot_path": str(getattr(error, "snapshot_path", None))}
        raise AssertionError("it went well")

    calls: dict[str, Any] = {
        "file": ("hf_hub_download", "org/open", "model.safetensors"),
        "repo": ("snapshot_download", "org/secret"),
        "part": ("snapshot_download", "org/open"),
    }
    return {what: [raised(library, *call) for library in (hubjet, huggingface_hub)] for what, call in calls.items()}


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_offline_what_is_not_here_is_what_the_stock_client_calls_it(world: World, tmp_path: Path, version: str) -> None:
    answer = run_ours(offline_errors, our_env(world, tmp_path), version)
    for what, (ours, theirs) in answer.items():
        assert theirs["class"] in ours["bases"], what
        assert {"LocalEntryNotFoundError", "Offline", "FileNotFoundError"} <= set(ours["bases"])
        assert ours["snapshot_path"] == theirs["snapshot_path"]
    assert answer["part"][0]["class"] == "IncompleteSnapshot"
    assert answer["part"][0]["snapshot_path"].endswith(world.hub.repos["models", "org/open"].head)


def uses_everything(folder: str) -> Any:
    """Runs with hubjet alone; whatever is imported is written down, whether it is there or not."""
    import sys

    asked: list[str] = []
    sys.addaudithook(lambda event, args: asked.append(args[0]) if event == "import" else None)
    import hubjet

    hubjet.snapshot_download("org/open")
    hubjet.hf_hub_download("org/open", "config.json", local_dir=folder)
    hubjet.from_pretrained("org/open")
    hubjet.try_to_load_from_cache("org/open", "config.json")
    for call in (
        lambda: hubjet.hf_hub_download("org/open", "nope"),
        lambda: hubjet.hf_hub_download("org/gated", "config.json"),
    ):
        try:
            call()
        except hubjet.HubjetError as error:
            str(error)
    hubjet.where()
    hubjet.config()
    hubjet.ls()
    hubjet.about()
    others = {
        "huggingface_hub",
        "httpx",
        "httpx2",
        "requests",
        "urllib3",
        "aiohttp",
        "transformers",
        "diffusers",
        "torch",
        "numpy",
        "_socket",
        "_ssl",
    }
    return sorted({name.partition(".")[0] for name in asked} & others)


def test_huggingface_hub_and_http_libraries_and_sockets_are_never_imported(world: World, tmp_path: Path) -> None:
    assert run_ours(uses_everything, our_env(world, tmp_path), folder=tmp_path / "folder") == []


# Read late -----------------------------------------------------------------------------------------


def public_then_gated(pipe: str, token: str) -> Any:
    """Runs with HF_TOKEN_PATH naming a pipe nobody writes to: whoever opens it would wait for ever."""
    import os
    import sys
    import threading

    opened: list[str] = []

    def note(event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and (args[0] == pipe or os.path.basename(str(args[0])) in ("token", "stored_tokens")):
            opened.append(str(args[0]))

    sys.addaudithook(note)
    import hubjet

    folder = hubjet.snapshot_download("org/open")
    hubjet.snapshot_download("org/open")
    hubjet.snapshot_download("org/open", revision=os.path.basename(folder))
    hubjet.hf_hub_download("org/open", "model.safetensors", force_download=True)
    hubjet.from_pretrained("org/open", local_files_only=True)
    for call in (
        lambda: hubjet.hf_hub_download("org/open", "nope"),
        lambda: hubjet.hf_hub_download("org/open", "config.json", revision="nope"),
        lambda: hubjet.hf_hub_download("org/gated", "config.json", token=False),
        lambda: hubjet.hf_hub_download("org/gated", "config.json", token="hf_test_stranger"),
        lambda: hubjet.hf_hub_download("org/gated", "config.json", local_files_only=True),
    ):
        try:
            call()
            raise AssertionError("it went well")
        except hubjet.HubjetError:
            pass
    hubjet.where("org/gated")
    hubjet.config()
    before = list(opened)

    def write() -> None:
        with open(pipe, "w") as file:
            file.write(token + "\n")

    threading.Thread(target=write).start()
    path = hubjet.snapshot_download("org/gated")
    return {"before": before, "after": opened, "files": sorted(os.listdir(path))}


def test_the_token_file_is_opened_when_the_hub_asks_and_not_before(world: World, tmp_path: Path) -> None:
    pipe = tmp_path / "token-pipe"
    os.mkfifo(pipe)
    answer = run_ours(public_then_gated, our_env(world, tmp_path, HF_TOKEN_PATH=str(pipe)), pipe=pipe, token=SECRET)
    assert answer["before"] == []
    assert sorted(answer["after"]) == [str(pipe)] * 2, "once by hubjet, once by the thread that writes it"
    assert answer["files"] == sorted([*PAIR, *SAID])
    assert {r.name for r in world.requests if r.token_sent and "/org/open" in r.name} == set()


def test_a_token_in_the_environment_is_not_sent_for_what_is_public(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**world.env(), "HF_TOKEN": SECRET, "HF_HUB_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    hubjet.snapshot_download("org/open")
    with pytest.raises(hubjet.EntryNotFound):
        hubjet.hf_hub_download("org/open", "nope")
    assert world.requests and not any(request.token_sent for request in world.requests)
    world.clear()
    hubjet.snapshot_download("org/secret")
    sent = [request.token_sent for request in world.requests if request.origin == "hub"]
    assert sent[0] is False and all(sent[1:]) and len(sent) > 2, "one answer asks, then it is known"


# One origin ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def elsewhere() -> Iterator[World]:
    """Another hub on the same host at another port, with the same repos, open to all: it would take any token."""
    with World() as w:
        w.repo("org/gated").commit({**PAIR, **SAID})
        yield w


@pytest.fixture
def member(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Keyword arguments of a member's call."""
    for name, value in {**world.env(), "HF_HUB_CACHE": str(tmp_path / "cache")}.items():
        monkeypatch.setenv(name, value)
    return {"token": SECRET}


def test_the_token_goes_to_the_hub_and_not_to_its_content_network(world: World, member: dict[str, Any]) -> None:
    hubjet.snapshot_download("org/gated", **member)
    assert {request.token_sent for request in world.requests if request.origin == "hub"} == {True}
    cdn = [request for request in world.requests if request.origin == "cdn"]
    assert cdn and not any(request.token_sent or "authorization" in request.headers for request in cdn)


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_origin_is_followed_without_the_token(
    world: World, elsewhere: World, member: dict[str, Any], code: int
) -> None:
    elsewhere.clear()
    there = f"{elsewhere.endpoint}/org/gated/resolve/main/config.json"
    world.fault("hub", "org/gated/config.json", "redirect_to", url=there, code=code)
    try:
        hubjet.hf_hub_download("org/gated", "config.json", force_download=True, **member)
    except hubjet.HubjetError as error:
        assert SECRET not in str(error)  # whether such an answer is believed is not the question here
    assert elsewhere.requests, "it was followed"
    assert not any(request.token_sent or "authorization" in request.headers for request in elsewhere.requests)
    assert all(SECRET not in request.query and SECRET not in request.path for request in elsewhere.requests)


def test_a_detour_over_another_origin_and_back_does_not_show_it_the_token(
    world: World, elsewhere: World, member: dict[str, Any]
) -> None:
    elsewhere.clear()
    world.fault(
        "hub",
        "org/gated/config.json",
        "redirect_to",
        url=f"{elsewhere.endpoint}/org/gated/resolve/main/config.json",
        times=1,
    )
    elsewhere.fault(
        "hub",
        "org/gated/config.json",
        "redirect_to",
        url=f"{world.endpoint}/org/gated/resolve/main/config.json",
        times=1,
    )
    try:
        assert Path(hubjet.hf_hub_download("org/gated", "config.json", **member)).read_bytes() == PAIR["config.json"]
    finally:
        elsewhere.heal()
    assert len(world.requests) >= 2 and len(elsewhere.requests) == 1
    assert not elsewhere.requests[0].token_sent


@pytest.mark.parametrize("where", ["another port", "another host", "another scheme", "user@host"])
def test_the_next_page_is_not_asked_on_another_origin(
    world: World, elsewhere: World, member: dict[str, Any], where: str
) -> None:
    elsewhere.clear()
    path = f"/api/models/org/gated/tree/{world.hub.repos['models', 'org/gated'].head}?recursive=true&cursor=1"
    host = world.endpoint.partition("://")[2]
    base = {
        "another port": elsewhere.endpoint,
        "another host": elsewhere.endpoint.replace("127.0.0.1", "localhost"),
        "another scheme": f"https://{host}",
        "user@host": f"http://{host}@{elsewhere.endpoint.partition('://')[2]}",
    }[where]
    world.fault("hub", "*/tree/*", "headers", set={"Link": f'<{base}{path}>; rel="next"'})
    with pytest.raises(hubjet.ProtocolError, match="another host") as caught:
        hubjet.snapshot_download("org/gated", **member)
    assert elsewhere.requests == [] and SECRET not in str(caught.value)


def test_pages_of_the_hub_itself_get_the_token(world: World, member: dict[str, Any]) -> None:
    world.hub.page_size = 2
    try:
        hubjet.snapshot_download("org/gated", **member)
    finally:
        world.hub.page_size = 1000
    pages = [request for request in world.requests if "/tree/" in request.name]
    assert len(pages) == 3 and all(request.token_sent for request in pages)


# Seen nowhere --------------------------------------------------------------------------------------


TELLING = """
    import logging
    logging.basicConfig(level=logging.DEBUG)
    import hubjet, os, pickle, traceback
    hubjet.trace("all")
    given = hubjet.Token(os.environ["SEEN_NOWHERE"], "a vault")
    said = [repr(given), str(given), f"{given}"]
    said += [repr(hubjet.config()), repr(hubjet.where("org/gated")), repr(hubjet.about())]
    for more in ({}, {"revision": "nope"}, {"token": given}, {"token": "hf_test_stranger"}):
        try:
            hubjet.hf_hub_download("org/gated", "nope", **more)
        except hubjet.HubjetError as error:
            said += [str(error), repr(error), repr(vars(error)), repr(pickle.dumps(error))]
            said += traceback.format_exception(error)
    said.append(repr(hubjet.ledger()))
    print("\\n".join(said), flush=True)
    hubjet.snapshot_download("org/gated-large")
"""


def test_a_token_is_in_no_log_trace_error_ledger_or_file_even_after_a_kill(world: World, tmp_path: Path) -> None:
    if ("models", "org/gated-large") not in world.hub.repos:
        world.repo("org/gated-large", gated="auto").commit(
            {"model.safetensors": Sparse(8 << 20, 3), "config.json": b"{}"}
        )
        world.tokens.by_text[SECRET].accepted.add("org/gated-large")
    home = tmp_path / "home"
    (home / "hub").mkdir(parents=True)
    env = {
        **our_env(world, home),
        "HF_TOKEN": SECRET,
        "SEEN_NOWHERE": SECRET,
        "HUBJET_TRACE_FILE": str(tmp_path / "trace"),
    }
    gate = world.gate("org/gated-large/model.safetensors")
    with Child(TELLING, env) as child:
        gate.wait_reached(4 << 20)
        child.kill()
        child.wait()
    gate.open()
    assert any(request.token_sent for request in world.requests), "it was sent, so it could have been seen"
    assert (
        "Token(from a vault)" in child.printed and "/org/gated-large/" in child.err + (tmp_path / "trace").read_text()
    )
    for secret in (SECRET, "hf_test_stranger", "Signature="):
        assert secret not in child.printed + child.err
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert any(".hubjet" in path.parts for path in kept) and tmp_path / "trace" in kept
    for path in kept:
        content = path.read_bytes()
        assert SECRET.encode() not in content and b"Signature=" not in content, path


@pytest.mark.parametrize(
    "arguments",
    [["config"], ["where", "org/gated"], ["download", "org/gated", "nope"], ["-v", "download", "org/open", "nope"]],
)
def test_the_command_line_shows_no_token(world: World, tmp_path: Path, arguments: list[str]) -> None:
    env = {**os.environ, **our_env(world, tmp_path), "HF_TOKEN": SECRET, "HUBJET_TRACE": "all"}
    for more in ([], ["--json"]):
        done = subprocess.run(
            [sys.executable, "-m", "hubjet", *arguments, *more], env=env, capture_output=True, text=True, timeout=60
        )
        assert done.stdout + done.stderr and SECRET not in done.stdout + done.stderr


# What comes with the weights -----------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"allow_patterns": "*.safetensors"}, {"allow_patterns": ["config.json"]}])
def test_licence_card_and_policy_stay_with_the_weights(member: dict[str, Any], more: dict[str, Any]) -> None:
    folder = hubjet.from_pretrained("org/gated", **member, **more)
    assert {path.name for path in folder.iterdir()} >= set(SAID)
    assert (folder / "LICENSE.md").read_bytes() == SAID["LICENSE.md"]


def test_accepting_the_licence_is_all_it_takes(world: World, member: dict[str, Any]) -> None:
    token = world.token("newcomer")
    with pytest.raises(hubjet.GateNotAccepted):
        hubjet.from_pretrained("org/gated", token=token)
    world.tokens.by_text[token].accepted.add("org/gated")
    folder = hubjet.from_pretrained("org/gated", token=token)
    assert (folder / "model.safetensors").read_bytes() == PAIR["model.safetensors"]


def test_what_is_here_stays_usable_when_access_ends(
    world: World, member: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    path = hubjet.hf_hub_download("org/gated", "config.json", **member)
    assert hubjet.hf_hub_download("org/gated", "config.json", token=world.token("stranger")) == path
    assert "could not be asked" in caplog.text or "using the cached" in caplog.text


def test_a_refusal_leaves_nothing_behind(world: World, member: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(hubjet.TokenNeeded):
        hubjet.snapshot_download("org/gated", token=False)
    with pytest.raises(hubjet.TokenNeeded):
        hubjet.hf_hub_download("org/gated", "model.safetensors", token=False)
    assert [path for path in (tmp_path / "cache").rglob("*") if not path.is_dir()] == []
