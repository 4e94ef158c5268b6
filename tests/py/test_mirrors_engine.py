"""A file that can be had from more than one address: what the engine does with `mirrors`."""

from __future__ import annotations

from pathlib import Path

import pytest

from hubjet import _native

HUB = "http://127.0.0.1:9"


def want(path: Path, **more: object) -> dict[str, object]:
    return {"url": HUB + "/f", "path": str(path), "side_dir": str(path.parent / "side"), **more}


def test_a_mirror_is_an_address(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mirrors\[0\]"):
        _native.Job([want(tmp_path / "f", mirrors=["file:///etc/passwd"])])  # type: ignore[list-item]
    with pytest.raises(TypeError):
        _native.Job([want(tmp_path / "f", mirrors=[1])])  # type: ignore[list-item]
    with pytest.raises(ValueError, match="at most 15"):
        _native.Job([want(tmp_path / "f", mirrors=[HUB + "/f"] * 16)])  # type: ignore[list-item]
