"""Tokens in notebooks: the vault is the last place, asked after a refusal, once, in bounded time, and never for what is public."""

from __future__ import annotations

import contextvars
import os
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest

import hubjet
from hubjet._auth import credentials as _auth, vaults
from hubjet._auth.credentials import Credentials, find_token
from hubjet._config import resolve
from tests.py.notebooks import Colab, Kaggle
from tests.server import World

SECRET = "hf_never_to_be_seen"
FILES = {"config.json": b"{}", "model.safetensors": b"1" * 9000}


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(_auth, "_needing", set())
    vaults.forget()
    yield
    vaults.forget()


@pytest.fixture
def colab(monkeypatch: pytest.MonkeyPatch) -> Iterator[Colab]:
    vault = Colab(monkeypatch)
    yield vault
    vault.browser.set()  # who is left behind goes


@pytest.fixture
def kaggle(monkeypatch: pytest.MonkeyPatch) -> Kaggle:
    return Kaggle(monkeypatch)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long somebody would have waited for a vault; nobody does. What has come by then is still seen."""
    waits: list[float] = []

    def wait(over: threading.Event, seconds: float) -> bool:
        waits.append(seconds)
        return over.wait(0.001)

    monkeypatch.setattr(vaults, "wait", wait)
    return waits


def config() -> Any:
    return resolve(endpoint="https://hub.example")


def origin() -> str | None:
    token = find_token(config())
    return token.origin if token is not None else None


def why_none() -> str:
    credentials = Credentials(None, config(), "m")
    assert credentials.asked() is None
    return credentials.why_none


# --- the order of places --------------------------------------------------------------------------


def test_places_in_order(colab: Colab, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    colab.secrets = {"HF_TOKEN": "hf_colab"}
    kaggle.secrets = {"HF_TOKEN": "hf_kaggle"}
    home = Path(os.environ["HF_HOME"])
    home.mkdir(parents=True)
    monkeypatch.setenv("HF_TOKEN", "hf_env")
    (home / "token").write_text("hf_file")
    given = Credentials("hf_given", config(), "m").first()
    assert given is not None and given.header() == "Bearer hf_given"
    said = []
    for step in (lambda: monkeypatch.delenv("HF_TOKEN"), (home / "token").unlink, colab.secrets.clear, kaggle.secrets.clear, lambda: None):
        token = find_token(config())
        said.append((token.header(), token.origin) if token else None)
        vaults.forget()
        step()
    assert said == [
        ("Bearer hf_env", "environment HF_TOKEN"),
        ("Bearer hf_file", f"file {home / 'token'}"),
        ("Bearer hf_colab", "Colab's secrets, HF_TOKEN"),
        ("Bearer hf_kaggle", "Kaggle's secrets, HF_TOKEN"),
        None,
    ]
    assert set(colab.asked) == set(kaggle.asked) == {"HF_TOKEN"}


def test_nobody_asks_a_vault_where_a_nearer_place_has_a_token(colab: Colab, kaggle: Kaggle, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_env")
    assert origin() == "environment HF_TOKEN" and colab.asked == kaggle.asked == []


# --- once, and what it said holds -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("granted", "secrets", "said"),
    [(True, {"HF_TOKEN": SECRET}, None), (True, {}, "it has no secret HF_TOKEN"), (False, {"HF_TOKEN": SECRET}, "this notebook may not read its HF_TOKEN"),
     (True, {"HF_TOKEN": " "}, "its HF_TOKEN is empty")],
)  # fmt: skip
def test_colab_is_asked_once_whatever_it_says(colab: Colab, granted: bool, secrets: dict[str, str], said: str | None) -> None:
    colab.granted, colab.secrets = granted, secrets
    if said is None:
        assert origin() == "Colab's secrets, HF_TOKEN" == origin()
    else:
        assert f"Colab's secrets ({said})" in why_none() and SECRET not in why_none()
    assert colab.asked == ["HF_TOKEN"]


def test_kaggle_is_asked_once_whatever_it_says(kaggle: Kaggle) -> None:
    assert "Kaggle's secrets (it has no secret HF_TOKEN, or this notebook may not read it)" in why_none()
    kaggle.internet = False
    assert origin() is None and kaggle.asked == ["HF_TOKEN"]
    vaults.forget()
    assert "Kaggle's secrets (ConnectionError)" in why_none()


def test_many_threads_ask_once(colab: Colab) -> None:
    colab.secrets = {"HF_TOKEN": SECRET}
    found: list[str | None] = []
    threads = [threading.Thread(target=lambda: found.append(origin())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert colab.asked == ["HF_TOKEN"] and found == ["Colab's secrets, HF_TOKEN"] * 8


def test_without_a_browser_nobody_waits_longer_than_three_seconds(colab: Colab, hurried: list[float]) -> None:
    colab.browser.clear()
    assert origin() is None
    assert len(hurried) == 1 and hurried[0] <= vaults.WAIT_S == 3
    assert "Colab's secrets (no answer within 3 s)" in why_none()
    assert colab.asked == ["HF_TOKEN"] and colab.threads == ["hubjet-vault"]


def test_the_three_seconds_count_from_the_asking(colab: Colab) -> None:
    now = [100.0]
    waits: list[float] = []
    question = vaults.Question(lambda: colab.browser.wait(10) and "x", lambda: now[0])
    before = vaults.wait
    try:
        vaults.wait = lambda over, seconds: waits.append(seconds) or False
        for now[0] in (100.0, 101.0, 103.0, 900.0):
            assert question.answer() == (None, "no answer within 3 s")
    finally:
        vaults.wait = before
    assert waits == [3.0, 2.0, 0.0, 0.0]


def test_an_answer_that_comes_late_holds_from_then_on(colab: Colab, hurried: list[float]) -> None:
    """A person reads the question before saying yes."""
    colab.secrets = {"HF_TOKEN": SECRET}
    colab.browser.clear()
    assert origin() is None
    colab.browser.set()
    for thread in threading.enumerate():
        if thread.name == "hubjet-vault":
            thread.join(30)
    assert origin() == "Colab's secrets, HF_TOKEN" and colab.asked == ["HF_TOKEN"]


def test_colabs_own_time_out_is_an_answer(colab: Colab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(colab.browser, "wait", lambda seconds: False)
    assert "Colab's secrets (nobody answered)" in why_none()


def test_the_vault_is_asked_in_the_askers_context(colab: Colab) -> None:
    """ipykernel tells by it which cell is asking."""
    cell: contextvars.ContextVar[str] = contextvars.ContextVar("cell")
    cell.set("7")
    seen: list[str] = []
    vaults.Question(lambda: seen.append(cell.get()), lambda: 0.0)._over.wait(30)
    assert seen == ["7"]


@pytest.mark.parametrize("how", ["a child of the kernel", "another kernel", "Colab Enterprise"])
def test_colab_is_asked_in_its_own_kernel_only(colab: Colab, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    colab.secrets = {"HF_TOKEN": SECRET}
    if how == "Colab Enterprise":
        monkeypatch.setenv("VERTEX_PRODUCT", "COLAB_ENTERPRISE")
    else:
        colab.shell = None if how == "a child of the kernel" else object()
    assert origin() is None and colab.asked == []


def test_a_vault_whose_library_is_broken_is_no_token(monkeypatch: pytest.MonkeyPatch) -> None:
    Kaggle(monkeypatch)
    import sys

    monkeypatch.setitem(sys.modules, "kaggle_secrets", None)
    assert "Kaggle's secrets (ModuleNotFoundError)" in why_none()


# --- with a hub -----------------------------------------------------------------------------------


on_the_wire = pytest.mark.usefixtures("hub_env")


@on_the_wire
def test_a_public_model_asks_no_vault_and_says_no_word(
    world: World, colab: Colab, kaggle: Kaggle, caplog: pytest.LogCaptureFixture, recwarn: pytest.WarningsRecorder
) -> None:
    world.repo("org/open").commit(FILES)
    hubjet.from_pretrained("org/open")
    with pytest.raises(hubjet.EntryNotFound):
        hubjet.hf_hub_download("org/open", "nope")
    assert colab.asked == kaggle.asked == [] and caplog.text == "" and len(recwarn) == 0


@on_the_wire
@pytest.mark.parametrize("where", ["colab", "kaggle"])
def test_a_gated_model_finds_the_notebooks_token_and_asks_once(world: World, colab: Colab, kaggle: Kaggle, where: str) -> None:
    vault = {"colab": colab, "kaggle": kaggle}[where]
    vault.secrets = {"HF_TOKEN": world.token("me", gates=["org/gated"])}
    world.repo("org/gated", gated="auto").commit(FILES)
    folder = hubjet.from_pretrained("org/gated")
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    hubjet.from_pretrained("org/gated", force_download=True)
    assert vault.asked == ["HF_TOKEN"]


@on_the_wire
def test_a_refused_token_is_not_kept(world: World, colab: Colab) -> None:
    """The person puts a new one into the vault, and goes on without a restart."""
    world.repo("org/gated", gated="auto").commit(FILES)
    colab.secrets = {"HF_TOKEN": "hf_expired"}
    with pytest.raises(hubjet.TokenRefused, match="Colab's secrets"):
        hubjet.from_pretrained("org/gated")
    colab.secrets = {"HF_TOKEN": world.token("me", gates=["org/gated"])}
    assert (hubjet.from_pretrained("org/gated") / "config.json").is_file()
    assert colab.asked == ["HF_TOKEN"] * 2


@on_the_wire
@pytest.mark.parametrize("where", ["colab", "kaggle", "elsewhere"])
def test_the_message_says_what_to_do_here(world: World, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    if where != "elsewhere":
        {"colab": Colab, "kaggle": Kaggle}[where](monkeypatch)
    world.repo("org/gated", gated="auto").commit(FILES)
    with pytest.raises(hubjet.TokenNeeded) as caught:
        hubjet.from_pretrained("org/gated")
    do = {"colab": "Colab's secrets (the key on the left)", "kaggle": "Add-ons, Secrets", "elsewhere": "set HF_TOKEN, or call hubjet.login()"}
    assert do[where] in str(caught.value) and f"{world.endpoint}/settings/tokens" in str(caught.value)


# --- what huggingface_hub asks, under enable() ----------------------------------------------------


def test_under_enable_huggingface_hub_waits_for_the_vault_as_we_do(
    colab: Colab, hurried: list[float], recwarn: pytest.WarningsRecorder
) -> None:
    """It asks before its first request, also for what is public: without a browser for 10 s, with a warning."""
    import huggingface_hub

    colab.secrets = {"HF_TOKEN": SECRET}
    colab.browser.clear()
    with hubjet.enabled():
        assert [huggingface_hub.get_token(), huggingface_hub.get_token()] == [None, None]
        assert colab.asked == ["HF_TOKEN"] and len(hurried) == 2 and max(hurried) <= vaults.WAIT_S
        colab.browser.set()
        for thread in threading.enumerate():
            if thread.name == "hubjet-vault":
                thread.join()
        assert huggingface_hub.get_token() == SECRET
    assert colab.asked == ["HF_TOKEN"] and not recwarn.list


def test_under_enable_a_vault_that_says_no_is_not_asked_again_and_not_warned_of(colab: Colab, recwarn: pytest.WarningsRecorder) -> None:
    import huggingface_hub

    colab.secrets, colab.granted = {"HF_TOKEN": SECRET}, False
    with hubjet.enabled():
        assert [huggingface_hub.get_token(), huggingface_hub.get_token()] == [None, None]
    assert colab.asked == ["HF_TOKEN"] and not recwarn.list
