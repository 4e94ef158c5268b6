"""Digests of bytes that pass by in Python. Imports nothing of ours."""

from __future__ import annotations

import hashlib


def hashing(digest: str, size: int) -> hashlib._Hash:
    """What computes the hex of a digest such as "sha256:…" or "git-sha1:…", of so many bytes. Gives up the GIL for pieces above 2 KiB."""
    if digest.startswith("git-sha1:"):
        return hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    return hashlib.sha256()
