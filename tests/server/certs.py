"""Certs: an authority of our own, made anew for each World, valid for `localhost` and 127.0.0.1.

Use:        `certs = Certs(dir)`; clients trust `certs.ca_file`; nginx reads `chain_file` and `key_file`;
            python servers use `server_context()`, python clients `client_context()`.
Owns:       three PEM files in the folder it is given.
Not here:   a bundle with the system's authorities. Tests talk to loopback only, so trusting our own
            authority and nothing else is the stricter test.
"""

from __future__ import annotations

import ssl
from pathlib import Path

import trustme


class Certs:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = folder / "ca.pem"
        self.chain_file = folder / "server.pem"
        self.key_file = folder / "server.key"
        self.authority = authority = trustme.CA()
        leaf = authority.issue_cert("localhost", "127.0.0.1", "::1")
        authority.cert_pem.write_to_path(str(self.ca_file))
        self.chain_file.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        self.key_file.touch(mode=0o600)
        leaf.private_key_pem.write_to_path(str(self.key_file))

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(self.chain_file), str(self.key_file))
        context.set_alpn_protocols(["http/1.1"])
        return context

    def client_context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.ca_file))
