"""Whose a token is: login, logout, whoami as huggingface_hub and people expect them, and refusals that say what a person needs."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

import hubjet
from hubjet._auth import account as _account, credentials as _auth, store, vaults
from hubjet._auth.account import Account, read_account
from hubjet._config import resolve
from tests.py.notebooks import Colab
from tests.py.peers import peer_env, run_peer
from tests.server import World

FILES = {"config.json": b"{}", "model.safetensors": b"1" * 9000}
pytestmark = pytest.mark.usefixtures("hub_env")


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_auth, "_needing", set())
    vaults.forget()


@pytest.fixture
def home() -> Path:
    return Path(os.environ["HF_HOME"])


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


# --- what the hub says ------------------------------------------------------------------------------


def account(**changes: Any) -> Account:
    facts: dict[str, Any] = {"name": "alice", "fullname": "Alice", "kind": "user", "token_name": "laptop", "role": "fine-grained",
                             "reads_gated": False, "scopes": (), "token_origin": "argument", "endpoint": "https://hub.example"}  # fmt: skip
    return Account(**{**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "repo", "gated", "lacks"),
    [
        ({}, "org/m", True, "“Read access to contents of all public gated repos you can access”"),
        ({"reads_gated": True}, "org/m", True, ""),
        ({}, "org/m", False, "“Read access to contents” of org/m or of org"),
        ({}, "alice/m", False, "“Read access to contents of all repos under your personal namespace”"),
        ({"scopes": (("org/m", ("repo.content.read",)),)}, "org/m", True, ""),
        ({"scopes": (("org", ("repo.content.read", "discussion.write")),)}, "org/m", False, ""),
        ({"scopes": (("org", ("discussion.write",)),)}, "org/m", False, "“Read access to contents” of org/m or of org"),
        ({"scopes": (("other", ("repo.content.read",)),)}, "org/m", True, "“Read access to contents of all public gated repos you can access”"),
        ({"role": "read", "reads_gated": None}, "org/m", True, ""),
        ({"role": "write", "reads_gated": None}, "org/m", False, ""),
    ],
)
def test_what_a_token_lacks(changes: dict[str, Any], repo: str, gated: bool, lacks: str) -> None:
    assert account(**changes).lacks(repo, gated=gated, private=not gated) == lacks


def test_an_answer_is_read_whole() -> None:
    answer = {
        "type": "user", "name": "alice", "fullname": "Alice L.",
        "auth": {"type": "access_token", "accessToken": {"displayName": "lap\x1b[1mtop", "role": "fineGrained", "fineGrained": {
            "canReadGatedRepos": True, "global": [], "scoped": [{"entity": {"_id": "1", "type": "org", "name": "org"}, "permissions": ["repo.content.read"]}]}}},
    }  # fmt: skip
    found = read_account(answer, "file x", "https://hub.example")
    assert found == account(fullname="Alice L.", token_name="lap [1mtop", reads_gated=True, scopes=(("org", ("repo.content.read",)),), token_origin="file x")
    assert str(found) == "alice (token 'lap [1mtop' fine-grained)"
    oauth = read_account({"name": "bob"}, "argument", "https://hub.example")
    assert (oauth.role, oauth.token_name, oauth.reads_gated, str(oauth)) == ("", "", None, "bob")


@pytest.mark.parametrize("answer", [None, [], "alice", {}, {"name": None}, {"name": ["a"]}])
def test_what_is_no_answer_is_refused(answer: Any) -> None:
    with pytest.raises(ValueError):
        read_account(answer, "", "")


@pytest.mark.parametrize("auth", [None, 5, [], {"accessToken": 7}, {"accessToken": {"role": [], "fineGrained": 3}}, {"accessToken": {"role": "fineGrained", "fineGrained": {"scoped": [3, {"entity": 1, "permissions": 2}]}}}])
def test_odd_parts_of_an_answer_do_no_harm(auth: Any) -> None:
    assert read_account({"name": "alice", "auth": auth}, "", "").name == "alice"


# --- login ------------------------------------------------------------------------------------------


def test_login_stores_what_the_hub_accepts_readable_by_this_user_only(world: World, home: Path) -> None:
    token = world.token("laptop")
    found = hubjet.login(token)
    assert (found.name, found.token_name, found.role, found.endpoint) == ("laptop", "laptop", "read", world.endpoint)
    assert (home / "token").read_text() == token
    assert (home / "stored_tokens").read_text() == f"[laptop]\nhf_token = {token}\n\n"
    assert mode(home / "token") == mode(home / "stored_tokens") == 0o600 and mode(home) == 0o700
    assert sorted(path.name for path in home.iterdir()) == ["stored_tokens", "token"], "no temporary file is left"
    assert [(r.name, r.token_sent) for r in world.requests] == [("/api/whoami-v2", True)] or len(world.requests) == 1
    assert hubjet.whoami().name == "laptop" and hubjet.whoami().token_origin == f"file {home / 'token'}"


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_huggingface_hub_finds_what_hubjet_stored(world: World, home: Path, version: str) -> None:
    first, second = world.token("laptop"), world.token("server-50%")
    hubjet.login(first)
    hubjet.login(second)
    script = """
        from huggingface_hub import get_token, whoami, auth_switch
        from huggingface_hub.utils import get_stored_tokens
        result = [get_token(), whoami()["name"], get_stored_tokens()]
        auth_switch("laptop")
        result.append(get_token())
    """
    answer = run_peer(version, script, peer_env(world, home))
    assert answer == [second, "server-50%", {"laptop": first, "server-50%": second}, first]


@pytest.mark.parametrize("version", ["2.4", "1.33"])
def test_hubjet_finds_what_huggingface_hub_stored_and_keeps_it(world: World, home: Path, version: str) -> None:
    theirs, ours = world.token("theirs"), world.token("ours")
    run_peer(version, "from huggingface_hub import login; login(_t); result = 0", peer_env(world, home), {"_t": theirs})
    before = (home / "stored_tokens").read_text()
    assert hubjet.whoami().name == "theirs"
    hubjet.login(theirs)
    assert (home / "stored_tokens").read_text() == before, "byte for byte what they write"
    hubjet.login(ours)
    assert store.names(resolve()) == ["ours", "theirs"] and (home / "token").read_text() == ours


def test_other_facts_of_other_tokens_stay_and_old_ones_of_this_one_go(world: World, home: Path) -> None:
    home.mkdir()
    (home / "stored_tokens").write_text("[laptop]\nhf_token = hf_old\nrefresh_token = r\n\n[oauth-bob]\nhf_token = o\nrefresh_token = r\nexpires_at = 9\n\n")
    hubjet.login(world.token("laptop"))
    assert (home / "stored_tokens").read_text() == (
        "[laptop]\nhf_token = hf_test_laptop\n\n[oauth-bob]\nhf_token = o\nrefresh_token = r\nexpires_at = 9\n\n"
    )


def test_files_that_others_could_read_are_closed(world: World, home: Path) -> None:
    token = world.token("laptop")
    home.mkdir(mode=0o755)
    os.chmod(home, 0o755)
    for name, text in (("token", token), ("stored_tokens", f"[laptop]\nhf_token = {token}\n\n")):
        (home / name).write_text(text)
        os.chmod(home / name, 0o644)
    hubjet.login(token)
    assert mode(home / "token") == mode(home / "stored_tokens") == 0o600
    assert mode(home) == 0o755, "a folder that is there may be shared: what lies in it besides is not ours to close"


def test_a_token_that_the_hub_refuses_is_not_stored(world: World, home: Path) -> None:
    with pytest.raises(hubjet.TokenRefused, match="does not accept") as caught:
        hubjet.login("hf_wrong_one")
    assert not home.exists() and "hf_wrong_one" not in str(caught.value) + repr(vars(caught.value))
    assert caught.value.page == f"{world.endpoint}/settings/tokens" and isinstance(caught.value, PermissionError)
    assert caught.value.page in str(caught.value)


@pytest.mark.parametrize(
    ("token", "error"), [("", ValueError), (" \n", ValueError), ("api_org_x", ValueError), (5, TypeError), ("hf_é", hubjet.TokenRefused)]
)
def test_what_is_no_token_is_not_even_sent(world: World, home: Path, token: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        hubjet.login(token)
    assert world.requests == [] and not home.exists()


def test_a_token_is_not_checked_over_plain_http_on_a_public_host(home: Path) -> None:
    with pytest.raises(hubjet.TokenRefused, match="plain http"):
        hubjet.login("hf_x", endpoint="http://huggingface.co")
    assert not home.exists()


def test_offline_nobody_is_asked(world: World) -> None:
    with hubjet.settings(offline=True), pytest.raises(hubjet.Offline):
        hubjet.login(world.token("laptop"))
    with hubjet.settings(offline=True), pytest.raises(hubjet.Offline):
        hubjet.whoami()
    assert world.requests == []


@pytest.mark.parametrize("how", ["HF_HUB_CACHE is HF_HOME", "HF_TOKEN_PATH is in the cache", "by a link"])
def test_never_inside_the_cache(world: World, home: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, how: str) -> None:
    if how == "HF_HUB_CACHE is HF_HOME":
        monkeypatch.setenv("HF_HUB_CACHE", str(home))
    elif how == "by a link":
        cache.mkdir()
        (tmp_path / "link").symlink_to(cache)
        monkeypatch.setenv("HF_TOKEN_PATH", str(tmp_path / "link" / "token"))
    else:
        monkeypatch.setenv("HF_TOKEN_PATH", str(cache / "deep" / "token"))
    with pytest.raises(hubjet.ConfigError, match="in the cache"):
        hubjet.login(world.token("laptop"))
    assert not list(tmp_path.rglob("token")) and not list(tmp_path.rglob("stored_tokens"))


def test_a_file_of_tokens_that_cannot_be_understood_is_left_alone_and_not_shown(world: World, home: Path) -> None:
    home.mkdir()
    (home / "stored_tokens").write_text("hf_secret_without_a_section\n")
    with pytest.raises(hubjet.StorageError, match="move it away") as caught:
        hubjet.login(world.token("laptop"))
    assert "hf_secret" not in str(caught.value) and (home / "stored_tokens").read_text() == "hf_secret_without_a_section\n"
    assert not (home / "token").exists()


@pytest.mark.parametrize(("name", "kept"), [("DEFAULT", "token DEFAULT"), ("a]b", "a]b"), ("line\nbreak", "line break"), ("", "token"), ("ä %(x)s", "ä %(x)s")])
def test_any_name_can_be_kept(home: Path, name: str, kept: str) -> None:
    assert store.store(resolve(), "hf_x", name) == kept
    assert store.names(resolve()) == [kept]


def test_a_link_in_the_place_of_the_token_stays_a_link(world: World, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "safe").mkdir()
    home.mkdir()
    (home / "token").symlink_to(tmp_path / "safe" / "token")
    monkeypatch.setenv("HF_TOKEN_PATH", str(home / "token"))
    token = world.token("laptop")
    hubjet.login(token)
    assert (home / "token").is_symlink() and (tmp_path / "safe" / "token").read_text() == token and (home / "stored_tokens").exists()


def test_a_variable_that_wins_is_told(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    token = world.token("laptop")
    hubjet.login(token)
    assert "HF_TOKEN is set and wins" in caplog.text and token not in caplog.text and "hf_other" not in caplog.text


def test_no_reader_ever_sees_half_a_file(world: World, home: Path) -> None:
    tokens = {world.token(f"t{n}") for n in range(6)}
    hubjet.login(next(iter(tokens)))
    seen, stop = set(), threading.Event()

    def read() -> None:
        while not stop.is_set():
            seen.add((home / "token").read_text())

    thread = threading.Thread(target=read)
    thread.start()
    for token in sorted(tokens) * 3:
        hubjet.login(token)
    stop.set()
    thread.join()
    assert seen <= tokens


# --- asking a person ----------------------------------------------------------------------------------


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A person at a terminal; the list is what was asked."""
    asked: list[str] = []
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
    monkeypatch.setattr(getpass, "getpass", lambda prompt: asked.append(prompt) or "hf_test_laptop\n")
    return asked


def test_the_token_is_asked_for_without_showing_it(world: World, home: Path, terminal: list[str]) -> None:
    world.token("laptop")
    assert hubjet.login().name == "laptop" and (home / "token").read_text() == "hf_test_laptop"
    assert len(terminal) == 1 and world.endpoint in terminal[0] and f"{world.endpoint}/settings/tokens" in terminal[0]


def test_in_a_notebook_the_kernels_field_asks(world: World, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ipykernel", type(sys)("ipykernel"))
    monkeypatch.setattr(getpass, "getpass", lambda prompt: "hf_test_laptop")  # ipykernel puts its own there
    world.token("laptop")
    assert hubjet.login().name == "laptop"


@pytest.mark.parametrize("how", ["no terminal", "no stdin", "nbclient", "nbclient's own class", "end of input"])
def test_where_nobody_can_be_asked_that_is_said(world: World, home: Path, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    def raises(kind: type[BaseException]) -> None:
        def ask(prompt: str) -> str:
            raise kind()

        monkeypatch.setattr(getpass, "getpass", ask)

    if how.startswith("nbclient"):
        monkeypatch.setitem(sys.modules, "ipykernel", type(sys)("ipykernel"))
        raises(NotImplementedError if how == "nbclient" else type("StdinNotImplementedError", (Exception,), {}))
    elif how == "end of input":
        monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"isatty": lambda self: True})())
        raises(EOFError)
    else:
        monkeypatch.setattr(sys, "stdin", None if how == "no stdin" else open(os.devnull))
    with pytest.raises(hubjet.NoToken, match="nobody can be asked"):
        hubjet.login()
    assert world.requests == [] and not home.exists()


def test_ctrl_c_at_the_prompt_is_ctrl_c(terminal: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(prompt: str) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(getpass, "getpass", interrupt)
    with pytest.raises(KeyboardInterrupt):
        hubjet.login()


# --- logout, whoami -----------------------------------------------------------------------------------


def test_logout_forgets_all_or_one(world: World, home: Path) -> None:
    for name in ("one", "two", "three"):
        hubjet.login(world.token(name))
    assert hubjet.logout("one") is True and (home / "token").read_text() == "hf_test_three"
    assert store.names(resolve()) == ["three", "two"]
    assert hubjet.logout("three") is True and not (home / "token").exists(), "it was the one in use"
    with pytest.raises(ValueError, match="there are: 'two'"):
        hubjet.logout("three")
    assert hubjet.logout() is True and not (home / "stored_tokens").exists()
    assert hubjet.logout() is False
    with pytest.raises(hubjet.NoToken):
        hubjet.whoami()


def test_logout_says_what_is_still_found(world: World, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    hubjet.login(world.token("one"))
    monkeypatch.setenv("HF_TOKEN", "hf_other")
    hubjet.logout()
    assert "HF_TOKEN is set" in caplog.text and "hf_other" not in caplog.text


def test_whoami_asks_for_the_token_that_would_be_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", world.token("me"))
    assert hubjet.whoami().token_origin == "environment HF_TOKEN"
    assert hubjet.whoami(world.token("other")).name == "other" and hubjet.whoami(hubjet.Token("hf_test_other", "a safe")).token_origin == "a safe"
    assert {v["why"] for v in hubjet.ledger() if v["path"] == "/api/whoami-v2"} == {"whoami"}
    for told in (repr(hubjet.whoami()), str(hubjet.whoami())):
        assert "hf_test_" not in told


def test_another_answer_than_a_hubs_is_told_and_nothing_is_stored(world: World, home: Path) -> None:
    world.fault("hub", "*whoami*", "redirect_to", url=f"{world.endpoint}/api/agent-harnesses")
    with pytest.raises(hubjet.ProtocolError, match="does not answer like a hub"):
        hubjet.login(world.token("laptop"))
    assert not home.exists()


# --- the command line -----------------------------------------------------------------------------------


def run(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": str(Path(hubjet.__file__).parents[1])}
    return subprocess.run([sys.executable, "-m", "hubjet", *arguments], env=env, input=given, capture_output=True, text=True, timeout=60)


def test_the_commands(world: World, home: Path) -> None:
    token = world.token("laptop")
    assert run("whoami").returncode == 4
    done = run("login", given=f"{token}\n")
    assert (done.returncode, done.stdout) == (0, "laptop (token 'laptop' read)\n") and (home / "token").read_text() == token
    shown = run("whoami", "--json")
    assert json.loads(shown.stdout)["name"] == "laptop" and token not in shown.stdout + shown.stderr + done.stderr
    assert "token from file" in run("whoami").stderr
    assert run("logout", "nope").returncode == 2
    assert run("logout").returncode == 0 and not (home / "token").exists()
    assert "nobody was logged in" in run("logout").stderr
    assert run("login").returncode == 2 and run("login", given="hf_wrong\n").returncode == 4


# --- refusals ---------------------------------------------------------------------------------------------


@pytest.fixture
def gated(world: World) -> str:
    world.repo("org/gated", gated="manual").commit(FILES)
    return "org/gated"


def refusal(call: Any) -> hubjet.HubjetError:
    with pytest.raises(hubjet.HubjetError) as caught:
        call()
    return caught.value


def test_a_gate_says_which_page_which_account_and_which_token(world: World, gated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", world.token("alice"))
    error = refusal(lambda: hubjet.from_pretrained(gated))
    assert isinstance(error, hubjet.GateNotAccepted) and error.account == "alice" and error.page == f"{world.endpoint}/org/gated"
    text = str(error)
    assert "account   alice (token 'alice' read)" in text and "from environment HF_TOKEN" in text and f"{world.endpoint}/org/gated" in text
    assert "lacks" not in text and "hf_test_" not in text


def test_a_fine_grained_token_is_told_what_it_lacks(world: World, gated: str) -> None:
    error = refusal(lambda: hubjet.from_pretrained(gated, token=world.token("narrow", scope="fine-grained")))
    assert isinstance(error, hubjet.TokenLacksScope) and error.page == f"{world.endpoint}/settings/tokens" and error.account == "narrow"
    assert "lacks     “Read access to contents of all public gated repos you can access”" in str(error)


def test_access_that_waits_names_the_account(world: World, gated: str) -> None:
    error = refusal(lambda: hubjet.from_pretrained(gated, token=world.token("bob", pending=[gated])))
    assert isinstance(error, hubjet.GatePending) and "account   bob" in str(error)


def test_what_is_missing_or_private_names_the_account_that_does_not_see_it(world: World) -> None:
    world.repo("org/secret", private=True).commit(FILES)
    error = refusal(lambda: hubjet.from_pretrained("org/secret", token=world.token("bob")))
    assert isinstance(error, hubjet.RepoNotFound) and error.account == "bob" and "account   bob" in str(error)


def test_whose_it_is_is_asked_once_a_refused_call_and_once_where_it_was_let_in(world: World, gated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", world.token("alice"))
    refusal(lambda: hubjet.snapshot_download(gated))
    assert sum("whoami" in request.path for request in world.requests) == 1
    world.clear()
    world.tokens.by_text["hf_test_alice"].accepted.add(gated)
    hubjet.snapshot_download(gated)
    assert sum("whoami" in request.path for request in world.requests) == 1, "whose acceptance it was is noted (docs/licences.md)"
    world.clear()
    hubjet.snapshot_download(gated, force_download=True)
    assert sum("whoami" in request.path for request in world.requests) == 0, "once a repository"


def test_a_hub_that_does_not_say_whose_it_is_changes_nothing(world: World, gated: str) -> None:
    world.fault("hub", "*whoami*", "status", code=500)
    error = refusal(lambda: hubjet.from_pretrained(gated, token=world.token("alice")))
    assert isinstance(error, hubjet.GateNotAccepted) and error.account is None and "account   " not in str(error)


# --- after acceptance --------------------------------------------------------------------------------------


def test_after_acceptance_the_same_call_goes_on(world: World, gated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process from nothing to the model: each refusal is answered by a person, and no earlier answer stands in the way."""
    colab = Colab(monkeypatch)
    load = lambda: hubjet.from_pretrained(gated)  # noqa: E731
    assert isinstance(refusal(load), hubjet.TokenNeeded), "no token anywhere; Colab's vault said no"
    hubjet.login(world.token("alice"))
    assert isinstance(refusal(load), hubjet.GateNotAccepted)
    world.tokens.by_text["hf_test_alice"].pending.add(gated)
    assert isinstance(refusal(load), hubjet.GatePending)
    world.tokens.by_text["hf_test_alice"].accepted.add(gated)
    assert (load() / "model.safetensors").read_bytes() == FILES["model.safetensors"]
    assert colab.asked == ["HF_TOKEN"], "the token file was nearer afterwards"


def test_a_token_whose_scope_was_widened_goes_on(world: World, gated: str) -> None:
    token = world.token("narrow", scope="fine-grained")
    assert isinstance(refusal(lambda: hubjet.hf_hub_download(gated, "config.json", token=token)), hubjet.TokenLacksScope)
    world.tokens.by_text[token].scope = "read"
    world.tokens.by_text[token].accepted.add(gated)
    assert Path(hubjet.hf_hub_download(gated, "config.json", token=token)).read_bytes() == b"{}"


def test_login_after_a_no_of_the_vault_asks_it_anew(world: World, gated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    colab = Colab(monkeypatch)
    refusal(lambda: hubjet.from_pretrained(gated))
    hubjet.login(world.token("stranger"))
    hubjet.logout()
    colab.secrets = {"HF_TOKEN": world.token("alice", gates=[gated])}
    assert (hubjet.from_pretrained(gated) / "config.json").is_file()
    assert _account.ASIDE_MS <= 3000


# --- the document ------------------------------------------------------------------------------------------


def test_what_the_document_says_is_so() -> None:
    import re

    from tests.py.child import ROOT

    text = (ROOT / "docs" / "tokens.md").read_text("utf-8")
    for name in set(re.findall(r"hubjet\.(\w+)", text)) | set(re.findall(r"^\| `(\w+)` \|", text, re.M)):
        assert name in hubjet.__all__, name
    assert f"at most {vaults.WAIT_S:.0f} seconds" in text and "HF_TOKEN_PATH" in text
    places = re.findall(r"^\| (.*?) \| (?:at once|when the hub asks)", text, re.M)
    assert [place.split()[0] for place in places] == ["argument", "`HF_TOKEN`,", "the", "Colab's", "Kaggle's"]
