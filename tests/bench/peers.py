"""Peers: who is measured, and with which command line. Every builder gives a Variant; `sha256` "-" means: nobody checks.

Choices that are in the peers' favour: aria2c with 16 connections and pieces of 1 MiB; hf_transfer with huggingface_hub's own numbers and
with 8 files; curl over HTTP/1.1, which costs it less than HTTP/2 for one large body; the check after the fact by OpenSSL's SHA-256
(coreutils' sha256sum has no SHA instructions on many systems and takes four times as long).
"""

from __future__ import annotations

import shlex
from dataclasses import replace
from typing import Any

from tests.bench.runner import Bench, Ground, Variant


class Peers:
    def __init__(self, bench: Bench) -> None:
        self.bench = bench

    def python(self, *words: str) -> list[str]:
        return [self.bench.python, self.bench.client, *words]

    # hubjet ------------------------------------------------------------------------------------------

    def hubjet(self, url: str, sha256: str, name: str = "hubjet", **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("hubjet_fetch", url, g.out, sha256), ours=True, **more)

    def hubjet_nosync(self, url: str, sha256: str, name: str = "hubjet, sync off") -> Variant:
        return self.hubjet(url, sha256, name, env={"HUBJET_SYNC": "0"})

    def hubjet_file(self, repo: str, file: str, name: str = "hubjet (repo)", **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("hubjet_file", repo, file), ours=True, **more)

    def hubjet_snapshot(self, repo: str, name: str = "hubjet snapshot", **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("hubjet_snapshot", repo), ours=True, **more)

    # The others --------------------------------------------------------------------------------------

    def stock(self, repo: str, file: str, sha256: str, name: str = "huggingface_hub", **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("stock_file", repo, file, sha256), **{"timeout": 300, **more})

    def stock_snapshot(self, repo: str, name: str = "huggingface_hub snapshot", **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("stock_snapshot", repo, "main", "check"), **{"timeout": 300, **more})

    def hf_transfer(self, url: str, sha256: str, name: str = "hf_transfer", files: int = 128, **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("hf_transfer", url, g.out, sha256, str(files)), **more)

    def requests(self, url: str, sha256: str, name: str = "requests", **more: Any) -> Variant:
        return Variant(name, lambda g: self.python("requests_get", url, g.out, sha256), **more)

    def aria2c(self, url: str, sha256: str, name: str = "aria2c -x16", most: int = 16, **more: Any) -> Variant:
        return Variant(name, lambda g: aria2c(g, url, sha256, most), **more)

    def curl(self, url: str, sha256: str, name: str = "curl", **more: Any) -> Variant:
        return Variant(name, lambda g: curl(g, url, sha256), **more)


def aria2c(g: Ground, url: str, sha256: str, most: int) -> list[str]:
    words = [
        "aria2c",
        "--no-conf",
        "-q",
        f"-x{most}",
        f"-s{most}",
        "-k1M",
        "--file-allocation=falloc",
        "--auto-file-renaming=false",
        "--allow-overwrite=true",
        "--async-dns=false",
        "--disable-ipv6=true",
        f"--ca-certificate={g.env['SSL_CERT_FILE']}",
        "-d",
        str(g.place),
        "-o",
        "out.bin",
    ]
    return [*words, *([f"--checksum=sha-256={sha256}"] if sha256 != "-" else []), url]


def curl(g: Ground, url: str, sha256: str, *options: str) -> list[str]:
    words = ["curl", "-q", "-sS", "-f", "--http1.1", "--cacert", g.env["SSL_CERT_FILE"], "-o", g.out, *options, url]
    return words if sha256 == "-" else checked(words, g.out, sha256)


def checked(words: list[str], out: str, sha256: str) -> list[str]:
    """The command, then a check of what it left: one process tree."""
    test = f'test "$(openssl dgst -sha256 -r {shlex.quote(out)} | cut -d" " -f1)" = {sha256}'
    return ["sh", "-c", f"{shlex.join(words)} && {test}"]


def unchecked(variant: Variant, name: str) -> Variant:
    return replace(variant, name=name, proof="no")
