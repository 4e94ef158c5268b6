"""An embedded Hugging Face Hub for tests: the API, and a content network on another origin.

Use:

    from tests.server import World

    with World() as w:
        repo = w.repo("org/name")
        commit = repo.commit({"config.json": b"{}", "model.safetensors": b"\\0" * 4096})
        ...                                  # point a client at w.endpoint, trusting w.ca_file
        assert len(w.bodies()) == 2

Map, in reading order: `world` (what a test holds), `repos` (what is served), `content` (its
bytes), `access` (who may see it), `hub` (the API), `modelscope` (the same repos as
ModelScope shows them), `xet` (what hf_xet downloads from), `links` (signed urls), `cdn` (real nginx),
`badcdn` (its misbehaving twin), `faults` (how to misbehave), `wire` (the same byte by byte), `doors` (before the first
byte of HTTP, and over HTTP/2), `answer` (an answer as data), `origin` (sockets), `raw` (a server of any bytes at all), `log`
(what was asked), `certs` (whom to trust).

By hand: `python -m tests.server --model org/name=DIR`.
"""

from tests.server.content import Sparse
from tests.server.faults import Gate, Rule
from tests.server.log import Request
from tests.server.repos import Repo
from tests.server.world import World

__all__ = ["Gate", "Repo", "Request", "Rule", "Sparse", "World"]
