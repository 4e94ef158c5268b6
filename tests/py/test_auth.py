"""Tokens: looked for as late as possible, sent to one origin, printed never."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hubjet
import pytest
from hubjet import Token
from hubjet._auth import credentials as _auth, vaults
from hubjet._auth.credentials import Credentials, find_token, may_travel
from hubjet._config import Config, resolve

if TYPE_CHECKING:
    from tests.server import World

SECRET = "hf_never_to_be_seen"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_auth, "_needing", set())
    vaults.forget()


def config(**settings: Any) -> Config:
    return resolve(endpoint="https://hub.example", **settings)


def put_in_file(text: str) -> None:
    path = Path(os.environ["HF_HOME"]) / "token"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def found() -> tuple[str, str]:
    token = find_token(config())
    assert token is not None
    return token.header(), token.origin


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Notes each time a token is looked for."""
    times: list[str] = []
    real = _auth.find_token
    monkeypatch.setattr(_auth, "find_token", lambda c: times.append("looked") or real(c))
    return times


# --- the secret -----------------------------------------------------------------------------------


def test_a_token_cannot_be_printed() -> None:
    token = Token(SECRET, "environment HF_TOKEN")
    texts = [repr(token), str(token), f"{token}", f"{token!r}", repr([token]), repr({"t": token})]
    assert not any(SECRET in text for text in texts)
    assert repr(token) == "Token(from environment HF_TOKEN)"
    assert not hasattr(token, "__dict__")


def test_a_token_cannot_be_pickled() -> None:
    with pytest.raises(TypeError, match="secret"):
        pickle.dumps(Token(SECRET))


def test_a_line_break_in_a_given_token_does_not_reach_the_header() -> None:
    token = Credentials("hf_a\r\nX-Evil: 1", config(), "m").first()
    assert token is not None and token.header() == "Bearer hf_aX-Evil:1"


# --- places ---------------------------------------------------------------------------------------


def test_the_places_are_asked_in_the_stock_clients_order(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_token(config()) is None
    put_in_file("  hf_file\n")
    assert found() == ("Bearer hf_file", f"file {Path(os.environ['HF_HOME']) / 'token'}")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_old")
    assert found() == ("Bearer hf_old", "environment HUGGING_FACE_HUB_TOKEN")
    monkeypatch.setenv("HF_TOKEN", "hf_new\n")
    assert found() == ("Bearer hf_new", "environment HF_TOKEN")


def test_an_unreadable_token_file_is_no_token() -> None:
    put_in_file("")
    assert find_token(config()) is None
    path = Path(os.environ["HF_HOME"]) / "token"
    path.write_bytes(b"\xff\xfe")
    assert find_token(config()) is None


# --- the argument ---------------------------------------------------------------------------------


def test_a_given_token_is_used_at_once_and_nothing_else_is_looked_at(looked: list[str]) -> None:
    credentials = Credentials("hf_given", config(), "m")
    token = credentials.first()
    assert token is not None and token.header() == "Bearer hf_given"
    assert credentials.asked() is None and looked == []


def test_false_never_sends_one(monkeypatch: pytest.MonkeyPatch, looked: list[str]) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    credentials = Credentials(False, config(), "m")
    assert credentials.first() is None and credentials.asked() is None and looked == []


def test_true_looks_at_once_and_says_where_when_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(hubjet.NoToken, match="HF_TOKEN") as caught:
        Credentials(True, config(), "m").first()
    assert isinstance(caught.value, OSError)
    monkeypatch.setenv("HF_TOKEN", SECRET)
    assert Credentials(True, config(), "m").first() is not None


def test_none_waits_until_an_answer_asks_and_looks_once(monkeypatch: pytest.MonkeyPatch, looked: list[str]) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    credentials = Credentials(None, config(), "m")
    assert credentials.first() is None and looked == []
    assert credentials.asked() is not None and looked == ["looked"]
    assert credentials.asked() is None and looked == ["looked"]


def test_a_repository_that_asked_once_gets_the_token_at_once_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    Credentials(None, config(), "model/a").asked()
    assert Credentials(None, config(), "model/a").first() is not None
    assert Credentials(None, config(), "model/b").first() is None
    assert Credentials(None, resolve(endpoint="https://other.example"), "model/a").first() is None
    assert Credentials(False, config(), "model/a").first() is None


def test_looking_can_be_switched_off_and_the_reason_is_told(monkeypatch: pytest.MonkeyPatch, looked: list[str]) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    monkeypatch.setenv("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")
    credentials = Credentials(None, config(), "m")
    assert credentials.asked() is None and looked == []
    assert "HF_HUB_DISABLE_IMPLICIT_TOKEN" in credentials.why_none


# --- where it may travel --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("endpoint", "may"),
    [
        ("https://huggingface.co", True),
        ("http://huggingface.co", False),
        ("http://127.0.0.1:8000", True),
        ("http://localhost", True),
        ("http://[::1]:80", True),
        ("http://10.1.2.3", True),
        ("http://192.168.0.5:8080", True),
        ("http://172.31.0.1", True),
        ("http://172.32.0.1", False),
        ("http://8.8.8.8", False),
        ("http://hub", True),
        ("http://mirror.internal", True),
        ("http://localhost.evil.example", False),
        ("http://10.0.0.1.evil.example", False),
    ],
)
def test_a_token_travels_over_plain_http_only_within_private_networks(endpoint: str, may: bool) -> None:
    assert may_travel(endpoint) is may


def test_a_given_token_is_refused_for_a_public_http_host_and_an_implicit_one_is_not_looked_for(
    monkeypatch: pytest.MonkeyPatch, looked: list[str]
) -> None:
    plain = resolve(endpoint="http://huggingface.co")
    with pytest.raises(hubjet.TokenRefused) as caught:
        Credentials(SECRET, plain, "m").first()
    assert SECRET not in str(caught.value)
    credentials = Credentials(None, plain, "m")
    assert credentials.asked() is None and looked == [] and "http" in credentials.why_none


# --- on the wire ----------------------------------------------------------------------------------


on_the_wire = pytest.mark.usefixtures("hub_env")


def sent(world: World) -> list[bool]:
    return [request.token_sent for request in world.requests]


@on_the_wire
def test_a_public_repository_is_fetched_without_looking_for_a_token(
    world: World, monkeypatch: pytest.MonkeyPatch, looked: list[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    world.repo("org/open").commit({"config.json": b"{}", "model.safetensors": b"1" * 5000})
    hubjet.snapshot_download("org/open")
    assert looked == [] and not any(sent(world))


@on_the_wire
def test_a_gated_repository_asks_once_and_is_remembered(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.repo("org/gated", gated="auto").commit({"a.json": b"{}", "b.json": b"[]", "model.safetensors": b"1" * 5000})
    monkeypatch.setenv("HF_TOKEN", world.token("me", gates=["org/gated"]))
    hubjet.snapshot_download("org/gated")
    assert [request.status for request in world.requests].count(401) == 1
    assert not any(request.token_sent for request in world.requests if request.origin == "cdn")
    world.clear()
    hubjet.hf_hub_download("org/gated", "a.json", force_download=True)
    assert sent(world) == [True]


@on_the_wire
@pytest.mark.parametrize(
    ("token", "kind"),
    [
        (None, "TokenNeeded"),
        ("hf_unknown", "TokenRefused"),
        ("stranger", "GateNotAccepted"),
        ("waiting", "GatePending"),
        ("narrow", "TokenLacksScope"),
    ],
)
def test_each_refusal_is_an_error_of_its_own_with_a_page_to_open(world: World, token: str | None, kind: str) -> None:
    world.repo("org/gated", gated="manual").commit({"model.safetensors": b"1" * 5000})
    made = {
        "stranger": lambda: world.token("stranger"),
        "waiting": lambda: world.token("waiting", pending=["org/gated"]),
        "narrow": lambda: world.token("narrow", scope="fine-grained"),
    }
    text = made[token]() if token in made else token
    with pytest.raises(getattr(hubjet, kind)) as caught:
        hubjet.hf_hub_download("org/gated", "model.safetensors", token=text)
    error = caught.value
    assert type(error).__name__ == kind and isinstance(error, hubjet.AccessDenied)
    assert error.page and error.page.startswith(world.endpoint) and error.page in str(error)
    assert error.status in (401, 403) and error.repo_id == "org/gated"
    assert not text or text not in str(error)


@on_the_wire
def test_a_private_repository_is_found_with_the_token_that_a_404_like_answer_asked_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.token("me")
    world.repo("org/private", private=True, tokens=["me"]).commit({"config.json": b"{}"})
    with pytest.raises(hubjet.RepoNotFound):
        hubjet.hf_hub_download("org/private", "config.json")
    monkeypatch.setenv("HF_TOKEN", token)
    assert Path(hubjet.hf_hub_download("org/private", "config.json")).read_bytes() == b"{}"


@on_the_wire
def test_a_callers_own_authorization_header_wins(
    world: World, monkeypatch: pytest.MonkeyPatch, looked: list[str]
) -> None:
    token = world.token("me", gates=["org/gated"])
    world.repo("org/gated", gated="auto").commit({"a.json": b"{}"})
    hubjet.hf_hub_download("org/gated", "a.json", headers={"Authorization": f"Bearer {token}"}, token="hf_other")
    assert sent(world) == [True] and looked == []


@on_the_wire
def test_a_users_token_is_not_sent_to_another_host_by_fetch(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_TOKEN", SECRET)
    url = world.file("plain.bin", b"1" * 1000)
    hubjet.fetch(url, tmp_path / "plain.bin")
    with pytest.raises(ValueError, match="not sent"):
        hubjet.fetch(url, tmp_path / "other.bin", token=True)
    assert not any(sent(world))


@on_the_wire
def test_no_secret_is_in_what_is_said_and_kept(
    world: World, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = world.token("secretive", gates=["org/gated"])
    monkeypatch.setenv("HF_TOKEN", token)
    world.repo("org/gated", gated="auto").commit({"a.json": b"{}", "model.safetensors": b"1" * 5000})
    caplog.set_level("DEBUG")
    hubjet.trace("all")
    try:
        hubjet.snapshot_download("org/gated")
        with pytest.raises(hubjet.EntryNotFound) as caught:
            hubjet.hf_hub_download("org/gated", "nope")
    finally:
        hubjet.trace("")
    said = caplog.text + str(caught.value) + repr(vars(caught.value)) + repr(hubjet.ledger()) + repr(hubjet.config())
    assert token not in said and "Signature=" not in said
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert token.encode() not in path.read_bytes() and b"Signature=" not in path.read_bytes()


@pytest.mark.parametrize("token", [5, b"hf_secret", ["hf_secret"]])
def test_what_is_no_token_is_refused_by_its_type_and_not_shown(token: Any, tmp_path: Path) -> None:
    for call in (
        lambda: hubjet.hf_hub_download("org/model", "a.json", token=token),
        lambda: hubjet.fetch("https://localhost/x", tmp_path / "x", token=token),
    ):
        with pytest.raises(TypeError, match="token is a string") as caught:
            call()
        assert "secret" not in str(caught.value)


@pytest.mark.parametrize("token", ["hf_secr\xe9t", "hf_secret\udcff"])
def test_a_token_with_a_character_no_token_has_is_refused_and_not_shown(token: str, world: World, tmp_path: Path) -> None:
    with pytest.raises(hubjet.TokenRefused, match="no token has") as caught:
        hubjet.fetch(f"{world.endpoint}/x", tmp_path / "x", token=token)
    assert "hf_secr" not in str(caught.value) and not sent(world)
