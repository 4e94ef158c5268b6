"""Runs jobs of the extension: limits from settings, progress while waiting, Ctrl-C. Imports _errors, _words, _config,
_show.progress, _proxies, _trace, _listen, _advice, _ledger_file.

The only module that makes a `_native.Job`.
"""

from __future__ import annotations

import atexit
import sys

from . import _listen, _native, _trace
from ._errors import HubjetError, StorageError, TlsError
from ._words import span

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Protocol

    from ._config import Config
    from ._native import Limits, Look, Result, Want

    class Meter(Protocol):
        """Whoever shows how far a job is: ours (_show.progress), or a caller's bar (_patch.bar)."""

        def begin(self, job: Callable[[], Look | None]) -> None: ...  # `job()`: how far it is, also while another one is waited for
        def show(self, look: Look) -> None: ...

LOOK_EVERY_S = 0.1
QUOTA_SAID_MS = 5000  # a hub's window that holds a download up for longer is worth a word

_ending = False


def _end() -> None:
    global _ending
    _ending = True
    _native.shutdown()


atexit.register(_end)  # before the interpreter takes its modules apart


def limits(config: Config, *, quick: bool = False) -> Limits:
    """What a job may use. `quick`: something usable is here already, so a hub that does not answer is not worth
    waiting for."""
    wait_ms = int(config.etag_timeout * 1000)
    chosen: Limits = {
        "connections": config.max_connections,
        "limit_rate": config.limit_rate or 0,
        "polite": config.polite,
        "run_dir": config.run_dir,
        "memory": config.memory,
        "connect_ms": wait_ms,
        "stall_ms": int(config.download_timeout * 1000),
        "ca_file": config.ca_file,
        "ca_dir": config.ca_dir,
        "proxy_http": _proxy(config, "proxy_http"),
        "proxy_https": _proxy(config, "proxy_https"),
        "no_proxy": config.no_proxy,
        "offline": config.offline,
        "sync": config.sync,
        "ipv4_only": config.ipv4_only,
        "private_redirects": config.private_redirects,
    }
    if quick:
        chosen["tries"] = 1
        chosen["stall_ms"] = wait_ms
        chosen["give_up_ms"] = wait_ms
    return chosen


def _proxy(config: Config, name: str) -> str | None:
    proxy: str | None = getattr(config, name)
    if not proxy or config.offline:
        return None
    from . import _proxies

    return _proxies.for_engine(proxy, config.origins[name])


def run(
    wants: Sequence[Want], job_limits: Limits, config: Config, meter: Meter | None = None, names: Sequence[str] = ()
) -> list[Result]:
    """Fetches all of them; each result says how it went. A KeyboardInterrupt stops the job and keeps what came. `names`: see Running."""
    return Running(wants, job_limits, config, names).finish(meter)


_running: set[int] = set()


def running() -> bool:
    """Whether a download of this process is under way."""
    return bool(_running)


class Running:
    """A job under way. Whoever makes one calls `finish`, or `stop` if it will not; after either, `stop` does nothing. `names`: what
    those who listen call the files; "" and none: it is nothing they wait for."""

    def __init__(self, wants: Sequence[Want], job_limits: Limits, config: Config, names: Sequence[str] = ()) -> None:
        self._config = config
        self._job: _native.Job | None = None
        self._wants = wants
        self._quota_said = False
        self._listener = _listen.current()
        if not wants:
            return
        _leave_if_ending()
        self._places = [want.get("path") or want.get("repo_dir") for want in wants]
        _trace.follow(config.trace, config.trace_file)
        if self._listener is not None:
            job_limits = {**job_limits, "news": True}
        job = _native.Job(wants, job_limits)
        if config.timeline is not None:
            from . import _timeline

            _timeline.begin(config.timeline)
        self._job = job
        _running.add(id(self))
        try:
            if self._listener is not None:
                self._listener.begins(job, names, wants)
            job.start()
        except BaseException:
            self.stop()
            raise

    def finish(self, meter: Meter | None = None) -> list[Result]:
        """Waits until every file has ended; each result says how it went. A KeyboardInterrupt stops the job and keeps what came."""
        job = self._job
        if job is None:
            return []
        if meter is not None:
            meter.begin(self.look)
        try:
            while not job.wait(LOOK_EVERY_S):
                look = job.look()
                if look["quota_ms"] >= QUOTA_SAID_MS and not self._quota_said:
                    self._quota_said = True
                    first = self._wants[0]
                    if not first.get("mirrors"):  # they bring it meanwhile
                        _trace.warn(quota_words(look, first["url"], bool(first.get("auth"))))
                if meter is not None:
                    meter.show(look)
                if self._listener is not None:
                    self._listener.looks()
                _trace.drain()
                if self._config.timeline is not None:
                    _drain_timeline()
                if self._config.ledger_file is not None:
                    _note(self._config.ledger_file)
            _leave_if_ending()
            if meter is not None:
                meter.show(job.look())
            results = self._told(job.results())
            if self._listener is not None:
                self._listener.ends(job, results)
            return results
        except KeyboardInterrupt:
            job.cancel()
            _trace.info("interrupted: what was received is kept, the next call goes on from there")
            raise
        finally:
            self.stop()

    def _told(self, results: list[Result]) -> list[Result]:
        """Errors learn what only the caller of the job knows.

        What of this computer's settings had a part in a failure: the certificates that are trusted, the proxy that was between. Where a disk
        refused.
        """
        for result, where in zip(results, self._places, strict=True):
            error = result["error"]
            if isinstance(error, TlsError) or (isinstance(error, HubjetError) and error.proxy):
                from . import _advice

                _advice.add_network(error, self._config)
            if isinstance(error, StorageError):
                error.path = where
        return results

    def look(self) -> Look | None:
        """How far it is; None: it was stopped, or there was nothing to do."""
        return self._job.look() if self._job is not None else None

    def landed(self) -> int:
        """Bytes that are on the disk by now."""
        look = self.look()
        return look["held"] + look["on_disk"] if look is not None else 0

    def stop(self) -> None:
        """Cancels what still runs and lets go; what was received is kept."""
        job, self._job = self._job, None
        if job is None:
            return
        _running.discard(id(self))
        if self._listener is not None:
            self._listener.ends(job, None)
        job.close()
        _trace.drain()
        if self._config.ledger_file is not None:
            _note(self._config.ledger_file)
        if self._config.timeline is not None:
            from . import _timeline

            _timeline.end()


def _leave_if_ending() -> None:
    """The program is at its end, and this is a daemon thread, whose download was stopped: nobody is left who could be told. As any
    error this would be printed as a traceback, over what the program said last. The main thread may still download, in atexit functions."""
    threading = sys.modules.get("threading")
    if _ending and threading is not None and threading.current_thread() is not threading.main_thread():
        raise SystemExit


def quota_words(look: Look, url: str, with_token: bool) -> str:
    """What is said when the hub answers fewer questions in its window than this download has. It is known from its answers before any is
    refused."""
    left = look["files"] - look["files_done"] - look["files_failed"]
    words = (
        f"{'/'.join(url.split('/', 3)[:3])} answers only so many requests in a time, as it says: the last of {left} files is asked for in about "
        f"{span(look['quota_ms'] / 1000)}. Until then none is asked that would be refused; what is interrupted goes on from there."
    )
    return words if with_token else f"{words} With a token the hub answers more."


def _drain_timeline() -> None:
    from . import _timeline

    _timeline.drain()


def _note(path: str) -> None:
    from . import _ledger_file

    _ledger_file.note(path)


def error_of(result: Result, *, anywhere: bool = False) -> BaseException | None:
    """Why this file failed, None if it did not. Errors of hubjet get the answer's facts that C does not pass on. `anywhere`: it was not
    the hub that was asked; of other servers a page that says 404 is nothing strange."""
    error = result["error"]
    if isinstance(error, HubjetError):
        headers = result["headers"]
        facts = {
            "headers": headers,
            "status": error.status or result["http_status"] or None,
            "url": error.url or result["url"] or None,
            "request_id": headers.get("x-request-id") or headers.get("x-amzn-trace-id") or headers.get("x-amz-cf-id"),
            "server_message": headers.get("x-error-message") or _said(result["excerpt"] or ""),
            "hub_code": headers.get("x-error-code"),
        }
        error.__dict__.update({name: value for name, value in facts.items() if value is not None})
        if anywhere and error.status == 404:
            error.add_line("do", "check the URL: that server has no such file")
        elif error.code in ("REDIRECT", "PORTAL") or "<" in (result["excerpt"] or ""):
            from . import _advice

            _advice.add_page(error, result["excerpt"], headers)
    return error


def _said(body: str) -> str | None:
    """What an error's body says to people: the hub's {"error": "…"}, or a short plain text; pages are not quoted."""
    import json

    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None if "<" in body or len(body) > 200 else body.strip() or None
    said = answer.get("error") if isinstance(answer, dict) else None
    return said if isinstance(said, str) else None
