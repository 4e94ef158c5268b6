"""`hubjet.serve`: a cache as a read-only hub for other computers, through aiohttp, which the user has. Imports _errors, _config, _edge, _surroundings, _trace,
_move.shelf.

aiohttp sends files by sendfile(2), answers ranges and keeps connections; what is said stands in _move.shelf. One thread runs the loop; looking at
the disk happens on others.
"""

from __future__ import annotations

import threading
import time

from .. import _surroundings, _trace
from .._config import resolve
from .._edge import public
from .._errors import BadName, ConfigError, StorageError, explain
from .shelf import Answer, Ask, Shelf

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Callable
    from typing import Any

PORT = 8765
FORM_MAX = 8 << 20
LOOKERS = 8  # threads that look at the disk
_LOCAL = ("127.0.0.1", "localhost", "::1")


class Serving:
    """A running server: `url` for HF_ENDPOINT, `requests` so far, `close()`. Also a context manager."""

    def __init__(self, app: Callable[[], Any], host: str, port: int) -> None:
        self._ready, self._stop = threading.Event(), threading.Event()
        self._error: BaseException | None = None
        self._host, self._port, self._app = host, port, app
        self.url = ""
        self._end: Callable[[], object] = lambda: None
        self._thread = threading.Thread(target=self._run, name="hubjet-serve", daemon=True)
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        import asyncio

        try:
            asyncio.run(self._serve())
        except BaseException as error:
            self._error = error
        finally:
            self._ready.set()
            self._stop.set()

    async def _serve(self) -> None:
        import asyncio

        from aiohttp import web  # type: ignore[import-not-found, unused-ignore]

        runner = web.AppRunner(self._app(), access_log=None, handle_signals=False, shutdown_timeout=1)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port)
            try:
                await site.start()
            except OSError as error:
                raise StorageError(
                    explain(f"{self._host}:{self._port} cannot be served at: {error.strerror}", do="choose another port; 0 is any free one"), errno=error.errno
                ) from None
            port = runner.addresses[0][1]
            name = f"[{self._host}]" if ":" in self._host else self._host
            self.url = f"http://{'127.0.0.1' if self._host in ('0.0.0.0', '') else name}:{port}"
            ended, loop = asyncio.Event(), asyncio.get_running_loop()
            self._end = lambda: loop.call_soon_threadsafe(ended.set)
            self._ready.set()
            await ended.wait()
        finally:
            await runner.cleanup()

    def wait(self, seconds: float | None = None) -> bool:
        """Until it ends, or so long; True: it ended. Ctrl-C leaves it."""
        until = None if seconds is None else time.monotonic() + seconds
        while not self._stop.wait(0.2):  # in pieces: a wait without an end cannot be interrupted on every system
            if until is not None and time.monotonic() >= until:
                return False
        return True

    def close(self) -> None:
        """Ends it; what is being sent is given a second."""
        if not self._stop.is_set():
            self._end()
        self._thread.join(10)

    def __enter__(self) -> Serving:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


@public
def serve(
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    secret: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    log: Callable[[str], object] | None = None,
) -> Serving:
    """Serves the cache as a read-only hub, in the background: another computer sets HF_ENDPOINT to it, and huggingface_hub, transformers and hubjet
    download from here.

    Only files that were proven are served: what another program left is hashed first, what was edited is refused. Nothing outside the
    cache is reached. It wants aiohttp: `pip install hubjet[serve]`.

    Args:
        host: "127.0.0.1", this computer only; "0.0.0.0" for the others on this network. port: 0 is any free one. secret: what a client has
            to send as its token (HF_TOKEN); None: nobody is asked. log: is given a line for each request: address, method, path, status,
            bytes; no query, no headers.

    Returns: Serving, with `url` and `close()`; ended by `with`, too. Errors: ConfigError without aiohttp, and on Colab, whose rules forbid it;
    StorageError for a port that is taken. Threads: any.

    >>> import hubjet
    >>> with hubjet.serve(port=0) as hub:  # doctest: +SKIP
    ...     print("HF_ENDPOINT=" + hub.url)
    """
    if _surroundings.in_colab():
        raise ConfigError(
            explain(
                "hubjet serve does not run on Colab",
                because="Colab's rules forbid file serving and remote access in its runtimes",
                do="take models along as a file: hubjet pack; or keep them on Drive: vault=",
            )
        )
    if secret is not None and not secret.strip():
        raise BadName("the secret is empty; leave it out to serve without one")
    _require_aiohttp()
    config = resolve(cache_dir=cache_dir)
    if host not in _LOCAL and secret is None:
        _trace.warn(f"everybody who reaches {host}:{port} can download what is in {config.cache_dir}, gated models too; secret= asks for a token")
    shelf = Shelf(config.cache_dir, secret.strip() if secret is not None else None)
    return Serving(lambda: application(shelf, log), host, port)


def _require_aiohttp() -> None:
    try:
        import aiohttp  # type: ignore[import-not-found, unused-ignore]  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            explain("hubjet serve wants aiohttp, which is not installed", because=str(error), do="pip install 'hubjet[serve]'   (or: pip install aiohttp)")
        ) from None


def application(shelf: Shelf, log: Callable[[str], object] | None) -> Any:
    """The shelf, as an application of aiohttp."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from aiohttp import web

    lookers = ThreadPoolExecutor(LOOKERS, "hubjet-shelf")

    class Content(web.FileResponse):
        """A file under its own etag. A range of another version (If-Range) is answered by the whole."""

        def __init__(self, answer: Answer) -> None:
            super().__init__(answer.file or "", chunk_size=1 << 20, headers={k: v for k, v in answer.headers.items() if k not in ("ETag", "Accept-Ranges")})
            self._tag = answer.tag

        @property
        def etag(self) -> Any:
            """aiohttp's own is made of time and size."""
            return None

        @etag.setter
        def etag(self, _value: Any) -> None:
            self.headers["ETag"] = f'"{self._tag}"'

        async def prepare(self, request: Any) -> Any:
            said = request.headers.get("If-Range")
            dropped = {"if-match", "if-none-match", "if-modified-since", "if-unmodified-since", "if-range"}
            if (said is not None and said.strip() != f'"{self._tag}"') or not _is_one_range(request.headers.get("Range", "bytes=0-")):
                dropped |= {"range"}  # as if nobody had asked for one: aiohttp refuses several at once, and what is no range (RFC 9110: ignored)
            kept = [(name, value) for name, value in request.headers.items() if name.lower() not in dropped]
            return await super().prepare(request.clone(headers=dict(kept)) if len(kept) != len(request.headers) else request)

    async def handle(request: Any) -> Any:
        form: dict[str, list[str]] = {}
        if request.method == "POST":
            form = await _form(request)
        ask = Ask(request.method, request.raw_path.partition("?")[0], dict(request.query), form, {name.lower(): value for name, value in request.headers.items()})
        answer = await asyncio.get_running_loop().run_in_executor(lookers, shelf.answer, ask)
        if answer.file is not None:
            return Content(answer)
        return web.Response(status=answer.status, body=answer.body if request.method != "HEAD" else b"", headers=dict(answer.headers))

    async def noted(request: Any, response: Any) -> None:
        if log is not None:
            size = response.headers.get("Content-Length", "?")
            path = request.raw_path.partition("?")[0]
            log(f"{request.remote} {request.method} {path if path.isprintable() else ascii(path)} {response.status} {size}")

    app = web.Application(client_max_size=FORM_MAX)
    app.router.add_route("*", "/{path:.*}", handle)
    app.on_response_prepare.append(noted)
    return app


def _is_one_range(said: str) -> bool:
    unit, _, span = said.partition("=")
    first, dash, last = span.strip().partition("-")
    numbers = [word for word in (first, last) if word]
    return unit.strip().lower() == "bytes" and dash == "-" and bool(numbers) and all(word.isascii() and word.isdigit() and len(word) < 20 for word in numbers)


async def _form(request: Any) -> dict[str, list[str]]:
    """What huggingface_hub posts: a form, or JSON."""
    if request.content_type == "application/json":
        try:
            said = await request.json()
        except ValueError:
            return {}
        paths = said.get("paths", []) if isinstance(said, dict) else []
        return {"paths": [path for path in ([paths] if isinstance(paths, str) else paths) if isinstance(path, str)]}
    form = await request.post()
    return {"paths": [value for value in form.getall("paths", []) if isinstance(value, str)]}
