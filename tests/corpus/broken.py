"""Broken: clients that are wrong on purpose, one promise at a time. Each must be caught by `compare`, and excused by nothing in `allowed`.

Use:        `WAYS["a byte"].make()` in a client's process; `.case` is where it shows, `.kind` as what.
"""

from __future__ import annotations

import functools
import logging
import os
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable


@dataclass(frozen=True)
class Way:
    make: Callable[[], None]
    case: str
    kind: str


def module(name: str) -> Any:
    import importlib

    return importlib.import_module(f"huggingface_hub.{name}")


def around(name: str, wrapper: Callable[..., Any], where: str = "file_download") -> None:
    """`wrapper(original, *args, **more)` in place of a function."""
    place = module(where)
    original = getattr(place, name)
    setattr(place, name, functools.wraps(original)(lambda *args, **more: wrapper(original, *args, **more)))


def after(change: Callable[[Any, dict[str, Any]], Any]) -> Callable[[], None]:
    """hf_hub_download, whose result goes through `change`."""

    def wrapper(original: Any, *args: Any, **more: Any) -> Any:
        return change(original(*args, **more), more)

    return lambda: around("hf_hub_download", wrapper)


def on_error(change: Callable[[Exception], BaseException | None]) -> Callable[[], None]:
    """hf_hub_download, whose errors go through `change`; None: no error."""

    def wrapper(original: Any, *args: Any, **more: Any) -> Any:
        try:
            return original(*args, **more)
        except Exception as error:
            other = change(error)
            if other is None:
                return "/nowhere"
            raise other from other.__cause__

    return lambda: around("hf_hub_download", wrapper)


def real(path: Any) -> Path:
    return Path(os.path.realpath(path))


def flipped(path: Any, _more: Any) -> Any:
    data = real(path).read_bytes()
    real(path).chmod(0o644)
    real(path).write_bytes(bytes([data[0] ^ 1]) + data[1:])
    return path


def private(path: Any, _more: Any) -> Any:
    real(path).chmod(0o600)
    return path


def littered(path: Any, _more: Any) -> Any:
    real(path).with_name("x.incomplete").touch()
    return path


def said(what: Callable[[], Any]) -> Callable[[Any, Any], Any]:
    def change(path: Any, _more: Any) -> Any:
        what()
        return path

    return change


def absolute(path: Any, _more: Any) -> Any:
    target = os.path.realpath(path)
    os.unlink(path)
    os.symlink(target, path)
    return path


def without_ref(path: Any, _more: Any) -> Any:
    for ref in Path(path).parents[2].glob("refs/*"):
        ref.unlink()
    return path


def of_other_class(error: Exception) -> Exception:
    return OSError(str(error))


def of_other_text(error: Exception) -> Exception:
    error.args = ("it did not work",)
    return error


def of_other_status(error: Any) -> Exception:
    error.response.status_code = 410
    return error  # type: ignore[no-any-return]


def without_cause(error: Exception) -> Exception:
    error.__cause__ = None
    return error


def asks(path: str, method: str = "GET", **headers: str) -> Callable[[Any, Any], Any]:
    """One more request beside the download."""

    def change(came: Any, _more: Any) -> Any:
        import urllib.request

        url = os.environ["HF_ENDPOINT"] + path
        urllib.request.urlopen(urllib.request.Request(url, method=method, headers=headers)).close()
        return came

    return change


def token_to_cdn() -> None:
    def wrapper(original: Any, url: str, *args: Any, **more: Any) -> Any:
        return original(url, *args, **{**more, "headers": {**more["headers"], "authorization": "Bearer hf_test_member"}})

    around("http_get", wrapper)


def token_forgotten() -> None:
    around("get_token_to_send", lambda original, *_args, **_more: None, "utils._headers")


def headers_forgotten() -> None:
    around("hf_hub_download", lambda original, *args, **more: original(*args, **{**more, "headers": None}))


def two_agents() -> None:
    def wrapper(original: Any, url: str, *args: Any, **more: Any) -> Any:
        return original(url, *args, **{**more, "headers": {**more["headers"], "user-agent": "hubjet/1.0"}})

    around("http_get", wrapper)


def nothing_noted() -> None:
    around("write_download_metadata", lambda original, **more: None)


def noted_too_early() -> None:
    def wrapper(original: Any, **more: Any) -> Any:
        original(**more)
        for note in Path(more["local_dir"]).rglob("*.metadata"):
            lines = note.read_text().splitlines()
            note.write_text("\n".join([*lines[:2], str(float(lines[2]) - 60)]) + "\n")

    around("write_download_metadata", wrapper)


def missing_forgotten() -> None:
    def wrapper(original: Any, *args: Any, **more: Any) -> Any:
        try:
            return original(*args, **more)
        finally:
            for mark in Path(os.environ["HF_HOME"]).glob("hub/*/.no_exist/*/*"):
                mark.unlink()

    around("hf_hub_download", wrapper)


def no_listing() -> None:
    around("write_tree_cache", lambda original, *args, **more: None, "_snapshot_download")


def no_bar() -> None:
    around("hf_hub_download", lambda original, *args, **more: original(*args, **{**more, "tqdm_class": None}))


def dry_is_wet() -> None:
    around("hf_hub_download", lambda original, *args, **more: [original(*args, **{**more, "dry_run": False}), original(*args, **more)][1])


def twice() -> None:
    def wrapper(original: Any, url: str, file: Any, **more: Any) -> Any:
        original(url, file, **more)
        file.seek(0)
        file.truncate()
        return original(url, file, **more)

    around("http_get", wrapper)


def keeps_patterns_loosely() -> None:
    around("filter_repo_objects", lambda original, items, **more: original(items, ignore_patterns=more.get("ignore_patterns")), "_snapshot_download")


SMALL, LARGE, MISSING = "cold: org/mixed config.json", "cold: org/mixed model.safetensors", "names: a missing file"
log = logging.getLogger("huggingface_hub.file_download")
WAYS: dict[str, Way] = {
    "a byte": Way(after(flipped), LARGE, "tree"),
    "a byte of a small file": Way(after(flipped), SMALL, "tree"),
    "a mode": Way(after(private), LARGE, "mode"),
    "a file left behind": Way(after(littered), LARGE, "tree"),
    "a link that is absolute": Way(after(absolute), SMALL, "tree"),
    "no ref": Way(after(without_ref), SMALL, "tree"),
    "no listing": Way(no_listing, "snapshot: of mixed", "tree"),
    "no mark of what is missing": Way(missing_forgotten, MISSING, "tree"),
    "no note beside a file": Way(nothing_noted, "folder: a file config.json", "tree"),
    "a note that is too early": Way(noted_too_early, "folder: a file config.json", "tree"),
    "a path in place of a text": Way(after(lambda path, _: Path(path)), SMALL, "value"),
    "patterns that are not kept": Way(keeps_patterns_loosely, "patterns: one", "tree"),
    "a dry run that is not": Way(dry_is_wet, "dry run: a file", "tree"),
    "an error of another class": Way(on_error(of_other_class), MISSING, "error"),
    "an error of other words": Way(on_error(of_other_text), MISSING, "error"),
    "an error of another status": Way(on_error(of_other_status), MISSING, "error"),
    "an error without its cause": Way(on_error(without_cause), "a hub that says: 403", "error"),
    "no error": Way(on_error(lambda error: None), MISSING, "value"),
    "a warning": Way(after(said(lambda: warnings.warn("look out", UserWarning, stacklevel=2))), SMALL, "heard"),
    "a log line": Way(after(said(lambda: log.warning("look out"))), SMALL, "heard"),
    "a printed line": Way(after(said(lambda: print("look out", file=sys.stderr))), SMALL, "printed"),
    "one question more": Way(after(asks("/org/mixed/resolve/main/config.json", "HEAD")), SMALL, "requests"),
    "a question nobody asked for": Way(after(asks("/api/agent-harnesses")), SMALL, "stranger"),
    "a token to the content network": Way(token_to_cdn, "cold: a gated repo", "credentials"),
    "a token that is not sent": Way(token_forgotten, "tokens: in the file, and a snapshot", "credentials"),
    "headers that are not sent": Way(headers_forgotten, "cold: who asks: library, user agent, headers, timeout", "headers"),
    "two names": Way(two_agents, SMALL, "agent"),
    "bytes that come twice": Way(twice, LARGE, "requests"),
    "no bar": Way(no_bar, "progress: a file", "value"),
}
