"""fetch: what it refuses, and that nothing of the caller's is lost by it."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import hubjet
import pytest
from hubjet import _fetch

URL = "https://localhost/m.bin"  # never asked: each of these is refused before


@pytest.fixture(autouse=True)
def nobody_is_asked() -> Any:
    with hubjet.contacts() as seen:
        yield
    assert len(seen) == 0


def test_what_is_no_regular_file_is_not_replaced(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    (tmp_path / "link").symlink_to(fifo)
    for path in (fifo, tmp_path / "link"):
        with pytest.raises(hubjet.StorageError, match="no regular file"):
            hubjet.fetch(URL, path)
    assert stat.S_ISFIFO(os.lstat(fifo).st_mode) and (tmp_path / "link").is_symlink()


@pytest.mark.parametrize("path", ["/dev/null", "/dev/stdout", "/dev/no-such-device"])
def test_nothing_in_dev_is_replaced(path: str) -> None:
    # The check alone: if it were gone, a fetch by root would take the machine's device away.
    with pytest.raises(hubjet.StorageError, match="no regular file"):
        _fetch._place(URL, path)


def test_a_folder_in_the_place_of_the_file_is_said_before_anything_is_fetched(tmp_path: Path) -> None:
    (tmp_path / "m.bin").mkdir()
    with pytest.raises(hubjet.StorageError, match="is a folder"):
        hubjet.fetch(URL, tmp_path)


def test_a_path_in_a_deleted_folder_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(hubjet.StorageError, match="current folder, which was deleted"):
        hubjet.fetch(URL)
    with pytest.raises(hubjet.StorageError, match="current folder, which was deleted"):
        hubjet.snapshot_download("org/model", cache_dir="here")
    with pytest.raises(hubjet.StorageError, match="current folder, which was deleted"):
        hubjet.snapshot_download("org/model", local_dir="here", cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"url": None}, "string"),
        ({"url": b"http://localhost/x"}, "string"),
        ({"url": "file:///etc/passwd"}, "only http"),
        ({"url": "https://[::1/x"}, "cannot be understood"),
        ({"url": "https://localhost:99999/x"}, "port"),
        ({"url": "https://localhost/\udcff", "path": "x"}, "UTF-8"),
        ({"path": ""}, "empty"),
        ({"path": "no-name/", "url": "https://localhost/"}, "file name"),
        ({"size": -1}, "size"),
        ({"size": "12"}, "size"),
        ({"size": True}, "size"),
        ({"sha256": 5}, "64 hex digits"),
        ({"headers": {"Range": "bytes=0-5"}}, "Range"),
        ({"headers": {"accept-encoding": "gzip"}}, "accept-encoding"),
    ],
)
def test_a_wrong_argument_is_a_value_error_that_names_it(tmp_path: Path, arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=text):
        hubjet.fetch(**{"url": URL, "path": tmp_path / "m.bin", **arguments})


@pytest.mark.parametrize("url", ["https://user:secret@[::1/x", "https://user:secret\u2100@localhost/x"])
def test_no_password_is_shown_by_a_url_that_cannot_be_understood(url: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as caught:
        hubjet.fetch(url, tmp_path / "x")
    assert "secret" not in str(caught.value)
