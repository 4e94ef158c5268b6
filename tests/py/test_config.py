"""Settings: which value holds, and where it came from. The witness is huggingface_hub's own constants module."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.request
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _compat, _config, _toml
from tests.server import World

ENVIRONMENTS: list[dict[str, str]] = [
    {},
    {"HF_HOME": "/a/home"},
    {"HF_HOME": "~/x"},
    {"HF_HOME": "$BASE/y", "BASE": "/b"},
    {"XDG_CACHE_HOME": "/xdg"},
    {"XDG_CACHE_HOME": "/xdg", "HF_HOME": "/a/home"},
    {"HF_HUB_CACHE": "/cache"},
    {"HUGGINGFACE_HUB_CACHE": "/old"},
    {"HF_HUB_CACHE": "~/new", "HUGGINGFACE_HUB_CACHE": "/old"},
    {"HF_HOME": "/a/home", "HF_TOKEN_PATH": "/t/token"},
    {"HF_ENDPOINT": "https://mirror.example/"},
    {"HF_HUB_OFFLINE": "1"},
    {"HF_HUB_OFFLINE": "on"},
    {"HF_HUB_OFFLINE": "0", "TRANSFORMERS_OFFLINE": "1"},
    {"TRANSFORMERS_OFFLINE": "Yes"},
    {"HF_HUB_OFFLINE": "maybe"},
    {"HF_HUB_DISABLE_SYMLINKS": "1"},
    {"HF_HUB_DISABLE_IMPLICIT_TOKEN": "true"},
    {"HF_HUB_ETAG_TIMEOUT": "3", "HF_HUB_DOWNLOAD_TIMEOUT": "7"},
    {"HF_HUB_DISABLE_PROGRESS_BARS": "1"},
    {"HF_HUB_DISABLE_PROGRESS_BARS": "0"},
]

# What the stock client makes of each environment, in one process: its constants are computed when the module is loaded.
WITNESS = """
import importlib, json, os, sys
from huggingface_hub import constants as c
answers = []
for environment in json.load(sys.stdin):
    os.environ.clear()
    os.environ.update({"HOME": "/home/me", **environment})
    importlib.reload(c)
    answers.append({
        "hf_home": c.HF_HOME, "cache_dir": c.HF_HUB_CACHE, "token_path": c.HF_TOKEN_PATH, "endpoint": c.ENDPOINT,
        "offline": c.HF_HUB_OFFLINE, "symlinks": not c.HF_HUB_DISABLE_SYMLINKS,
        "implicit_token": not c.HF_HUB_DISABLE_IMPLICIT_TOKEN, "etag_timeout": c.HF_HUB_ETAG_TIMEOUT,
        "download_timeout": c.HF_HUB_DOWNLOAD_TIMEOUT,
        "progress": None if c.HF_HUB_DISABLE_PROGRESS_BARS is None else not c.HF_HUB_DISABLE_PROGRESS_BARS,
    })
print(json.dumps(answers))
"""


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith(("HF_", "HUB", "HUGG", "XDG_", "TRANSFORMERS_", "SSL_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "REQUEST_METHOD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/home/me")


def value(name: str, **arguments: Any) -> Any:
    return hubjet.config(**arguments)[name].value


def origin(name: str, **arguments: Any) -> str:
    return hubjet.config(**arguments)[name].origin


def test_variables_of_huggingface_hub_mean_what_they_mean_there(monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run(
        [sys.executable, "-c", WITNESS], input=json.dumps(ENVIRONMENTS), capture_output=True, text=True, check=True
    )
    for environment, expected in zip(ENVIRONMENTS, json.loads(run.stdout), strict=True):
        with monkeypatch.context() as patch:
            for name, text in environment.items():
                patch.setenv(name, text)
            found = hubjet.config()
            if "HF_HUB_DOWNLOAD_TIMEOUT" not in environment:
                expected["download_timeout"] = 15  # a cut connection costs nothing here, so the default is patient
            assert {name: found[name].value for name in expected} == expected, environment


def test_argument_beats_block_beats_environment_beats_file_beats_default(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert origin("endpoint") == "default"
    config_file = tmp_path / "config.toml"
    config_file.write_text('endpoint = "https://file.example"\n')
    monkeypatch.setenv("HUBJET_CONFIG", str(config_file))
    assert hubjet.config()["endpoint"] == ("https://file.example", f"file {config_file}")
    monkeypatch.setenv("HF_ENDPOINT", "https://env.example")
    assert hubjet.config()["endpoint"] == ("https://env.example", "environment HF_ENDPOINT")
    with hubjet.settings(endpoint="https://block.example"):
        assert hubjet.config()["endpoint"] == ("https://block.example", "hubjet.settings")
        assert hubjet.config(endpoint="https://arg.example")["endpoint"] == ("https://arg.example", "argument")
        assert origin("endpoint", endpoint=None) == "hubjet.settings"
    assert origin("endpoint") == "environment HF_ENDPOINT"


def test_a_variable_that_changes_between_two_calls_holds_for_the_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "/one")
    assert value("cache_dir") == "/one"
    monkeypatch.setenv("HF_HUB_CACHE", "/two")
    assert value("cache_dir") == "/two"


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", "")
    monkeypatch.setenv("HUGGINGFACE_HUB_CACHE", "/old")
    assert hubjet.config()["cache_dir"] == ("/old", "environment HUGGINGFACE_HUB_CACHE")


def test_a_derived_place_says_what_it_was_derived_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HOME", "/a")
    assert hubjet.config()["token_path"] == ("/a/token", "below hf_home (environment HF_HOME)")


def test_blocks_nest_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    with hubjet.settings(offline=True, max_connections=3):
        with hubjet.settings(offline=False):
            assert (value("offline"), value("max_connections")) == (False, 3)
        assert value("offline") is True
    assert value("offline") is False


def test_a_block_holds_in_its_own_thread_only() -> None:
    seen: list[object] = []
    with hubjet.settings(offline=True):
        thread = threading.Thread(target=lambda: seen.append(value("offline")))
        thread.start()
        thread.join()
    assert seen == [False]


def test_an_unknown_setting_is_refused_by_name() -> None:
    with pytest.raises(TypeError, match="cache_dri"), hubjet.settings(cache_dri="/x"):
        pass


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("HF_HUB_ETAG_TIMEOUT", "soon"),
        ("HF_HUB_ETAG_TIMEOUT", "0"),
        ("HF_ENDPOINT", "huggingface.co"),
        ("HUBJET_MAX_CONNECTIONS", "many"),
        ("HUBJET_CONNECTIONS", "0"),
        ("HUBJET_MAX_CONNECTIONS", "257"),
        ("HUBJET_MEMORY", "-5"),
        ("HUBJET_MEMORY", "12 parrots"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_its_origin(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str
) -> None:
    monkeypatch.setenv(name, text)
    with pytest.raises(hubjet.ConfigError) as caught:
        hubjet.config()
    assert f"environment {name}" in str(caught.value) and repr(text) in str(caught.value)


@pytest.mark.parametrize(
    ("text", "size"),
    [("1000000", 10**6), ("256M", 256 << 20), ("1.5 GiB", 3 << 29), ("64kb", 64 << 10), ("2T", 2 << 40)],
)
def test_sizes_can_be_written_as_people_do(text: str, size: int) -> None:
    assert value("memory", memory=text) == size


def test_the_variable_of_the_etag_timeout_wins_over_the_argument_as_in_the_stock_client(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert _compat._config(None, None, 10).etag_timeout == 10
    assert _compat._config(None, None, 4).etag_timeout == 4
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "10")
    assert _compat._config(None, None, 4).etag_timeout == 4
    monkeypatch.setenv("HF_HUB_ETAG_TIMEOUT", "6")
    assert _compat._config(None, None, 4).etag_timeout == 6


# --- proxies and certificates ---------------------------------------------------------------------


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"http_proxy": "http://low:1", "HTTP_PROXY": "http://up:1"},
        {"HTTP_PROXY": "http://up:1"},
        {"HTTP_PROXY": "http://up:1", "REQUEST_METHOD": "GET"},
        {"HTTPS_PROXY": "http://up:1"},
        {"ALL_PROXY": "http://all:1"},
        {"all_proxy": "http://all:1", "https_proxy": "http://own:1"},
    ],
)
def test_proxies_are_those_urllib_would_take(monkeypatch: pytest.MonkeyPatch, environment: dict[str, str]) -> None:
    for name, text in environment.items():
        monkeypatch.setenv(name, text)
    theirs = urllib.request.getproxies_environment()
    for scheme in ("http", "https"):
        assert value(f"proxy_{scheme}") == theirs.get(scheme, theirs.get("all"))


def test_a_password_in_a_proxy_url_is_not_shown_but_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://user:secret@proxy.example:3128")
    assert "secret" not in repr(hubjet.config())
    assert _config.resolve().proxy_https == "http://user:secret@proxy.example:3128"


def test_certificates_come_from_the_variables_in_the_order_of_requests(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CURL_CA_BUNDLE", "/curl.pem")
    assert hubjet.config()["ca_file"] == ("/curl.pem", "environment CURL_CA_BUNDLE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path))  # requests takes a folder here
    assert hubjet.config()["ca_dir"] == (str(tmp_path), "environment REQUESTS_CA_BUNDLE")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/requests.pem")
    assert value("ca_file") == "/requests.pem"
    monkeypatch.setenv("SSL_CERT_FILE", "/ssl.pem")
    assert value("ca_file") == "/ssl.pem"


def test_the_systems_certificates_come_before_certifis(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "bundle.crt"
    bundle.touch()
    monkeypatch.setattr(_config, "CA_FILES", ("/nowhere.crt", str(bundle)))
    monkeypatch.setattr(_config, "_last", None)
    assert value("ca_file") == str(bundle)
    monkeypatch.setattr(_config, "CA_FILES", ())
    monkeypatch.setattr(_config, "_last", None)  # neither the environment nor the file changed: only this test's constant
    import certifi

    assert hubjet.config()["ca_file"] == (certifi.where(), "certifi")


# --- the config file ------------------------------------------------------------------------------


GOOD_TOML = """
# a comment
cache_dir = "/data/models"   # where they lie
endpoint = 'https://hub.example'
offline = true
max_connections = 16
etag_timeout = 2.5
"""


def test_the_config_file_is_found_below_xdg_config_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "hubjet").mkdir()
    (tmp_path / "hubjet" / "config.toml").write_text(GOOD_TOML)
    found = hubjet.config()
    assert [found[name].value for name in ("cache_dir", "offline", "max_connections", "etag_timeout")] == [
        "/data/models",
        True,
        16,
        2.5,
    ]


def test_the_small_reader_for_3_10_agrees_with_tomllib() -> None:
    tomllib = pytest.importorskip("tomllib", reason="Python 3.10 has only the small reader")
    assert _toml.parse_flat_toml(GOOD_TOML) == tomllib.loads(GOOD_TOML)


@pytest.mark.parametrize(
    "text", ["endpoint", 'a = "x" y', "a = nothing", 'a = "back\\\\slash"', "[section]", "a = 1\na = 2", 'a = "open']
)
def test_the_small_reader_refuses_what_it_does_not_know(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        _toml.parse_flat_toml(text)


@pytest.mark.parametrize("text", ["cache_dri = '/x'", "endpoint = ", "connections = 'many'"])
def test_a_mistake_in_the_config_file_names_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str
) -> None:
    config_file = tmp_path / "config.toml"
    config_file.write_text(text)
    monkeypatch.setenv("HUBJET_CONFIG", str(config_file))
    with pytest.raises(hubjet.ConfigError, match=str(config_file)):
        hubjet.config()


def test_every_option_is_documented() -> None:
    assert [name for name, option in _config.OPTIONS.items() if not option.doc.endswith(".")] == []


def test_what_changes_between_two_calls_is_seen_by_the_second(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Answers are kept only as long as environment, file, block and arguments are the same."""
    monkeypatch.setenv("HUBJET_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.setenv("HF_HUB_CACHE", "/one")
    assert value("cache_dir") == "/one"
    monkeypatch.setenv("HF_HUB_CACHE", "/two")
    assert value("cache_dir") == "/two"
    monkeypatch.delenv("HF_HUB_CACHE")
    (tmp_path / "config.toml").write_text('cache_dir = "/three"\n')
    assert value("cache_dir") == "/three"
    (tmp_path / "config.toml").write_text('cache_dir = "/four4"\n')
    assert value("cache_dir") == "/four4"
    with hubjet.settings(cache_dir="/five"):
        assert value("cache_dir") == "/five"
    assert value("cache_dir") == "/four4"
    assert hubjet.config(cache_dir="/six")["cache_dir"].value == "/six"


def test_an_error_of_certificates_says_which_were_trusted(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from tests.server.certs import Certs

    url = world.file("w.bin", b"x" * 999)
    other = str(Certs(tmp_path / "other").ca_file)
    monkeypatch.setenv("SSL_CERT_FILE", other)
    with pytest.raises(hubjet.TlsError) as told:
        hubjet.fetch(url, tmp_path / "w.bin")
    assert f"{other} (environment SSL_CERT_FILE)" in str(told.value)

    monkeypatch.delenv("SSL_CERT_FILE")
    monkeypatch.setattr(_config, "CA_FILES", ())
    monkeypatch.setitem(sys.modules, "certifi", None)
    with pytest.raises(hubjet.TlsError, match="install certifi or set SSL_CERT_FILE"):
        hubjet.fetch(url, tmp_path / "w.bin")


@pytest.mark.parametrize("value", [5, b"x", [], True])
def test_a_place_is_named_by_text_or_a_path(value: object) -> None:
    with pytest.raises(hubjet.ConfigError, match="expected a path"):
        hubjet.config(cache_dir=value)
