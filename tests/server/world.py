"""World: everything a test needs of the Hub, started together and ended together.

Use:        with World() as w: ...      see the methods; the common ones first.
            World(tls_cdn=True)         nginx over TLS; False: plain http (sendfile)
            World(hub_tls=True)         https hub (clients must trust w.ca_file for it too)
            World(port=N)               the hub's port (0: any free one)
            w.hub                       the Hub and its options (hub.py), e.g. w.hub.page_size = 2
Owns:       a temporary folder, the servers' threads, nginx. close() ends them all; so does the end of the
            process, with or without close().
Errors:     a mistake inside a server is raised by close(), unless the test is failing already.
Threads:    one test thread drives a World.
Promise:    listens on 127.0.0.1 only, at free ports; the hub is 127.0.0.1 and the CDN localhost, so they
            are two hosts for clients that compare names. Tokens are dummies, so headers are logged whole (nginx
            notes only that there was one).
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import weakref
from pathlib import Path
from typing import Any, Iterable
from urllib.parse import quote

from tests.server import log as logs
from tests.server.access import HUB_WINDOW_S, Quotas, Tokens
from tests.server.badcdn import BadCdn
from tests.server.cdn import Nginx
from tests.server.certs import Certs
from tests.server.content import Content, Source, Spool
from tests.server.faults import Faults, Gate, Pace, Rule
from tests.server.hub import TYPES, Hub
from tests.server.links import Links
from tests.server.log import Log, NginxLog, Request
from tests.server.origin import HOST, Origin
from tests.server.repos import File, Repo


class World:
    def __init__(self, *, tls_cdn: bool = True, hub_tls: bool = False, port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="hubjet-hub-"))
        self.pid = os.getpid()
        atexit.register(_close_at_exit, weakref.ref(self))
        self.certs = Certs(self.folder / "certs")
        self.spool = Spool(self.folder / "objects")
        self.log = Log()
        self.faults = Faults()
        self.gates: list[Gate] = []
        self.paced = Pace()
        self.links = Links()
        self.tokens = Tokens()
        self.quotas = Quotas()
        self.hub = Hub(self.tokens, self.quotas, self._sign)
        server_tls = self.certs.server_context() if hub_tls or tls_cdn else None
        shared = (self.log, self.faults, self.gates, self.paced)
        self._hub = Origin("hub", "hub", self.hub.answer, *shared, tls=server_tls if hub_tls else None, port=port)
        answer = BadCdn(self.spool.objects, self.links).answer
        self._bad = Origin("cdn", "badcdn", answer, *shared, tls=server_tls if tls_cdn else None, host="localhost")
        self._nginx = Nginx(self.folder / "nginx", self.spool.objects, self.certs if tls_cdn else None)
        self._nginx_log = NginxLog(self._nginx.access_log)
        self.log.nginx = self._nginx_news
        self._open = False

    # Life ------------------------------------------------------------------------------------------

    def start(self) -> "World":
        self._open = True
        try:
            self._hub.start()
            self._bad.start()
            self._nginx.start()
        except BaseException:
            self._end()
            raise
        self.hub.endpoint = self._hub.url
        return self

    def close(self) -> None:
        """End everything; raises the first mistake the servers made."""
        if self._open and os.getpid() == self.pid:
            self._end()
            for error in [*self._hub.errors, *self._bad.errors]:
                raise RuntimeError(f"the test server made a mistake: {error!r}") from error

    def _end(self) -> None:
        self._open = False
        for gate in self.gates:
            gate.open()
        self._hub.stop()
        self._bad.stop()
        self._nginx.stop(keep_port=False)
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> "World":
        return self.start()

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            self.close()
        except RuntimeError:
            if error is None:
                raise

    # Where it is -----------------------------------------------------------------------------------

    @property
    def endpoint(self) -> str:
        return self._hub.url

    @property
    def cdn_url(self) -> str:
        return self._nginx.url

    @property
    def badcdn_url(self) -> str:
        return self._bad.url

    @property
    def ca_file(self) -> str:
        return str(self.certs.ca_file)

    def env(self) -> dict[str, str]:
        """What to put in a client's environment."""
        return {"HF_ENDPOINT": self.endpoint, "SSL_CERT_FILE": self.ca_file}

    # What it serves --------------------------------------------------------------------------------

    def repo(
        self,
        id: str,
        type: str = "model",
        *,
        gated: str | None = None,
        private: bool = False,
        disabled: bool = False,
        tokens: Iterable[str] = (),
        tags: Iterable[str] = (),
        info: dict[str, object] | None = None,
    ) -> Repo:
        """A new, empty repo. tokens: names or texts of tokens that may read it, private or gated as it is.

        gated: None, "auto" or "manual". info: fields laid over the repo info answer.
        """
        if type not in TYPES.values() or gated not in (None, "auto", "manual"):
            raise ValueError(f"type {type!r} or gated {gated!r}")
        repo = Repo(id, type, self.spool, gated, private, disabled, set(tokens), tuple(tags), dict(info or {}))
        if self.hub.repos.setdefault((repo.plural, id), repo) is not repo:
            raise ValueError(f"there is a {type} {id} already")
        return repo

    def moved(self, old_id: str, repo: Repo) -> None:
        """`old_id` answers with redirects to `repo`, as after a rename."""
        self.hub.moved[repo.plural, old_id] = repo.id

    def token(
        self, name: str, gates: Iterable[str] = (), scope: str = "read", pending: Iterable[str] = ()
    ) -> str:
        """A token's text. gates: gated repos whose terms it accepted; pending: asked, not yet granted."""
        return self.tokens.make(name, gates, pending, scope).text

    def quota(self, bucket: str, requests: int | None, window_s: int = HUB_WINDOW_S) -> None:
        """From now on `requests` per window ("api", "resolvers"), then 429. None: no limit again."""
        self.quotas.limit(bucket, requests, window_s)

    def file(self, name: str, source: Source, faulty: bool = False) -> str:
        """A plain file on the CDN; returns its url. faulty: on the python CDN, where faults, gates and
        pace reach it."""
        self.spool.publish(self.spool.content(source), "files/" + name)
        return f"{self._bad.url if faulty else self._nginx.url}/files/{quote(name)}"

    def bad_url(self, name: str, spec: str) -> str:
        """The url of a plain file with a fault in it, e.g. spec="drop=1000,once" (see faults.py)."""
        return f"{self._bad.url}/f/{quote(spec, safe='=,')}/files/{quote(name)}"

    # What was asked --------------------------------------------------------------------------------

    @property
    def requests(self) -> list[Request]:
        return self.log.all()

    def bodies(self) -> list[Request]:
        """Requests that moved bytes of files: not the API's, not redirects, not HEAD."""
        return logs.bodies(self.requests)

    def clear(self) -> None:
        """Forget the requests so far."""
        self.log.clear()

    # How it misbehaves -----------------------------------------------------------------------------

    def fault(
        self, origin: str, path_glob: str, behaviour: str, times: int | None = None, skip: int = 0, **options: Any
    ) -> Rule:
        """See faults.py. On "cdn", links to matching files lead to the python CDN from now on; links
        given out before stay with nginx."""
        return self.faults.add(origin, path_glob, behaviour, times, skip, options)

    def heal(self) -> None:
        """Remove all faults, open all gates, lift the pace."""
        self.faults.clear()
        for gate in self.gates:
            gate.open()
        self.gates.clear()
        self.pace(None)

    def gate(self, path_glob: str, nbytes: int = 0) -> Gate:
        """Hold matching bodies after `nbytes` (together). Set it before the download starts."""
        gate = Gate(path_glob, nbytes)
        self.gates.append(gate)
        return gate

    def pace(self, rate: float | None, total: float | None = None) -> None:
        """Bytes per second of each file body, and of all together. None: no limit."""
        self.paced.set(rate, total)

    def down(self, what: str = "hub") -> None:
        """Refuse connections and cut those there are. what: "hub", "cdn" or "all"."""
        if what in ("hub", "all"):
            self._hub.down()
        if what in ("cdn", "all"):
            self._bad.down()
            self._nginx.stop()

    def up(self) -> None:
        """Everything answers again, at the same ports."""
        self._hub.up()
        self._bad.up()
        if not self._nginx.running:
            self._nginx.start()

    # For the servers -------------------------------------------------------------------------------

    def _sign(self, file: File, names: tuple[str, ...], range: str | None) -> str:
        link = self.links.sign(file, names, range)
        wanted = (*names, file.content.sha256, link.partition("?")[0])
        needs_python = (
            file.range_bound
            or self.paced.on
            or any(gate.matches(wanted) for gate in list(self.gates))
            or self.faults.concern("cdn", wanted)
        )
        return (self._bad.url if needs_python else self._nginx.url) + link

    def _nginx_news(self) -> list[Request]:
        if self._nginx.running:
            self._nginx.sync()
        news = self._nginx_log.news()
        for request in news:
            link = self.links.find(request.args.get("Signature", ""))
            if link is not None:  # nginx's clock ticks in milliseconds: nobody follows a link before it is made
                request.time = max(request.time, link.made)
        return news


def _close_at_exit(world: "weakref.ref[World]") -> None:
    one = world()
    if one is not None and one._open and os.getpid() == one.pid:
        one._end()
