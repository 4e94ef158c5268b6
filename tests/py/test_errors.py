"""Errors: one tree, facts as attributes, pickles, and huggingface_hub's classes where a caller can catch them."""

from __future__ import annotations

import copy
import pickle
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import hubjet
import pytest
from hubjet import _edge, _errors

ALL = [getattr(_errors, name) for name in _errors.__all__]
ROOT = Path(__file__).resolve().parents[2]

BUILT_IN = {
    "NetworkError": ConnectionError,
    "TimedOut": TimeoutError,
    "AccessDenied": PermissionError,
    "NotFound": FileNotFoundError,
    "IntegrityError": ValueError,
    "StorageError": OSError,
    "NoToken": OSError,
    "BadName": ValueError,
    "ConfigError": ValueError,
}

# Ours → what `except` of theirs must catch it. None: nothing of theirs fits.
THEIRS = {
    "RepoNotFound": "RepositoryNotFoundError",
    "RevisionNotFound": "RevisionNotFoundError",
    "EntryNotFound": "RemoteEntryNotFoundError",
    "LocalEntryNotFound": "LocalEntryNotFoundError",
    "IncompleteSnapshot": "IncompleteSnapshotError",
    "GateNotAccepted": "GatedRepoError",
    "GatePending": "GatedRepoError",
    "RepoDisabled": "DisabledRepoError",
    "TokenLacksScope": "HfHubHTTPError",
    "TokenRefused": "HfHubHTTPError",
    "NetworkError": "LocalEntryNotFoundError",
    "ServerError": "LocalEntryNotFoundError",
    "NoToken": "LocalTokenNotFoundError",
    "BadName": "HFValidationError",
}


def test_the_tree_drawn_in_the_docstring_is_the_tree() -> None:
    assert _errors.__doc__ is not None
    depth_of: list[tuple[int, str]] = []
    for line in _errors.__doc__.splitlines():
        found = re.match(r"    ([ │├└─]*)([A-Z]\w+)(\s|$)", line)
        if found:
            depth_of.append((len(found[1]), found[2]))
    drawn: dict[str, str] = {}
    for at, (depth, name) in enumerate(depth_of[1:], 1):
        drawn[name] = next(parent for before, parent in reversed(depth_of[:at]) if before < depth)
    assert drawn == {kind.__name__: kind.__bases__[0].__name__ for kind in ALL if kind is not hubjet.HubjetError}


def test_each_is_what_a_caller_would_catch_anyway() -> None:
    for name, built_in in BUILT_IN.items():
        assert issubclass(getattr(_errors, name), built_in), name


def test_every_class_the_extension_raises_exists() -> None:
    table = (ROOT / "csrc/util/err.h").read_text()
    names = {name for name in re.findall(r'^\s*X\([A-Z_]+,\s*"(\w*)"', table, re.MULTILINE) if name}
    built_in = {"MemoryError", "ValueError", "RuntimeError"}
    assert len(names) > 10 and names - built_in <= set(_errors.__all__)


@pytest.mark.parametrize("kind", ALL)
def test_facts_survive_pickle_and_copy(kind: type[hubjet.HubjetError]) -> None:
    error = kind("what\n  wanted    more", status=403, errno=28, url="http://h/p", filename="f", own_fact=1)
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is kind
        assert str(again) == str(error)
        assert (again.status, again.errno, again.url, again.filename, again.own_fact) == (403, 28, "http://h/p", "f", 1)


def test_a_fact_that_is_not_known_is_none() -> None:
    error = hubjet.StorageError("disk")
    assert [error.errno, error.status, error.page, error.needed] == [None] * 4


def test_a_message_is_a_headline_and_labelled_lines() -> None:
    text = _errors.explain("no", wanted="a", empty="", looked_in="b\nc", a_very_long_label="d")
    assert text.splitlines() == [
        "no",
        "  wanted    a",
        "  looked in b",
        "            c",
        "  a very long label d",
    ]


def test_classes_are_met_under_their_public_name() -> None:
    assert {kind.__module__ for kind in ALL} == {"hubjet"}
    assert all(getattr(hubjet, kind.__name__) is kind for kind in ALL)


# --- with huggingface_hub -------------------------------------------------------------------------


def interpreters() -> list[str]:
    """This one, and the one with the older huggingface_hub if there is one."""
    older = ROOT / "build/venv-hub1/bin/python"
    return [sys.executable, *([str(older)] if older.exists() else [])]


def run(python: str, program: str) -> str:
    """Runs it with this package importable; it needs no extension."""
    head = f"import sys; sys.path.insert(0, {str(Path(hubjet.__file__).parents[1])!r})\n"
    done = subprocess.run([python, "-c", head + textwrap.dedent(program)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("python", interpreters())
def test_an_except_of_theirs_catches_ours(python: str) -> None:
    run(
        python,
        f"""
        import huggingface_hub
        from huggingface_hub import errors as theirs
        from hubjet import _edge, _errors
        for ours, name in {THEIRS!r}.items():
            kind = getattr(_errors, ours)
            error = kind("text", status=404, url="http://h/p", headers={{"x-repo-commit": "c"}}, request_id="r")
            seen = _edge.dressed(error)
            assert isinstance(seen, kind) and isinstance(seen, getattr(theirs, name)), ours
            assert str(seen) == "text" and seen.url == "http://h/p" and type(seen).__name__ == ours
            if isinstance(seen, theirs.HfHubHTTPError):
                assert seen.response.status_code == 404 and seen.response.headers["X-Repo-Commit"] == "c"
                assert (seen.request_id, seen.server_message) == ("r", None)
                assert str(seen.response.url) == str(seen.request.url) == "http://h/p"
                seen.append_to_message("!")
                assert str(seen) == "text!"
        """,
    )


@pytest.mark.parametrize("python", interpreters())
@pytest.mark.parametrize(
    ("hub_code", "name"),
    [("GatedRepo", "GatedRepoError"), ("RepoNotFound", "RepositoryNotFoundError"), (None, "HfHubHTTPError")],
)
def test_no_token_is_what_theirs_calls_it_by_the_hubs_own_word(python: str, hub_code: str | None, name: str) -> None:
    run(
        python,
        f"""
        from huggingface_hub import errors as theirs
        from hubjet import _edge, _errors
        seen = _edge.dressed(_errors.TokenNeeded("t", status=401, hub_code={hub_code!r}))
        assert isinstance(seen, theirs.{name})
        """,
    )


def test_without_huggingface_hub_nothing_of_it_is_imported() -> None:
    out = run(
        sys.executable,
        """
        from hubjet import _edge, _errors
        error = _errors.EntryNotFound("t", status=404)
        assert _edge.dressed(error) is error
        print(sorted(name for name in sys.modules if name.startswith(("huggingface_hub", "httpx"))))
        """,
    )
    assert out.strip() == "[]"


def test_a_dressed_error_is_pickled_as_ours_and_dressed_again_where_theirs_is_loaded() -> None:
    seen = _edge.dressed(hubjet.EntryNotFound("t", status=404, errno=2))
    again = pickle.loads(pickle.dumps(seen))
    assert type(again) is type(seen) and (again.status, again.errno) == (404, 2)
    plain = run(
        sys.executable,
        f"""
        import pickle
        error = pickle.loads({pickle.dumps(seen)!r})
        assert not any(name.startswith("huggingface_hub") for name in sys.modules)
        print(type(error).__mro__[:2], error.status, str(error))
        """,
    )
    assert plain.strip() == "(<class 'hubjet.EntryNotFound'>, <class 'hubjet.NotFound'>) 404 t"


def test_the_edge_keeps_the_cause_and_the_traceback() -> None:
    from huggingface_hub import errors as theirs

    @_edge.public
    def fails() -> None:
        raise hubjet.RepoNotFound("gone", status=404) from KeyError("why")

    with pytest.raises(theirs.RepositoryNotFoundError) as caught:
        fails()
    assert isinstance(caught.value.__cause__, KeyError)
    assert "fails" in [entry.name for entry in caught.traceback]


def test_a_dry_run_that_cannot_be_done_is_their_dry_run_error() -> None:
    from huggingface_hub import errors as theirs

    seen = _edge.dressed(hubjet.NetworkError("no", _dry_run=True))
    assert isinstance(seen, theirs.DryRunError) and isinstance(seen, hubjet.NetworkError)


# --- in a notebook --------------------------------------------------------------------------------


def _frames(error: BaseException) -> list[str]:
    import traceback

    return [frame.name for frame in traceback.extract_tb(error.__traceback__)]


@pytest.mark.usefixtures("hub_env")
def test_in_a_notebook_an_error_has_the_message_and_not_the_way_to_it(world: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from types import SimpleNamespace

    for kernel, long in ((None, True), (object(), False)):
        shell = SimpleNamespace(kernel=kernel)
        monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda shell=shell: shell))
        for call in (lambda: hubjet.from_pretrained("org/none"), lambda: hubjet.hf_hub_download("org/none", "a"), lambda: hubjet.snapshot_download("org/none")):
            with pytest.raises(hubjet.RepoNotFound, match="org/none") as caught:
                call()
            ours = [name for name in _frames(caught.value)[2:] if name not in ("tolerant", "edge")]
            assert bool(ours) is long, ours
    hubjet.trace("net")
    try:
        with pytest.raises(hubjet.RepoNotFound) as caught:
            hubjet.snapshot_download("org/none")
    finally:
        hubjet.trace("")
    assert "snapshot" in _frames(caught.value), "who has a trace on wants to see it"
