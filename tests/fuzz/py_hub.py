"""What a hub answers: listings and their pages, commits, links, refusals, model_index.json. Only hubjet's own errors come out of any of it; the
next page is asked of the same hub; no chosen path leads out of the folder it is put in; no message has a control character in it."""

from __future__ import annotations

import os
from typing import Any

from hubjet import _choose, _config, _errors, _hub, _names, _store, _transport
from tests.fuzz.feed import SHA1, Feed, hold

HUB = "http://127.0.0.1:1"
ERRORS = [getattr(_errors, name) for name in ("AccessDenied", "NotFound", "RateLimited", "ServerError", "ProtocolError", "TimedOut", "TlsError")]
KEPT = ("x-error-message", "x-error-code", "x-request-id", "link", "etag", "ratelimit", "retry-after", "x-amzn-trace-id")
CONFIG = _config.resolve(endpoint=HUB)
_feed = Feed(b"")


class Answers:
    """Stands for a job: each question gets the next answer of the input."""

    def __init__(self, wants: Any, _limits: Any, _config: Any, _names: Any = ()) -> None:
        self.wants = list(wants)

    def finish(self, _meter: Any = None) -> list[Any]:
        return [self._answer(want) for want in self.wants]

    def stop(self) -> None:
        pass

    def _answer(self, want: Any) -> Any:
        hold(_names.origin_of(want["url"]) == _names.origin_of(HUB), f"{want['url']!r} was asked")
        kind = _feed.byte()
        headers = {KEPT[_feed.byte() % len(KEPT)]: _header(_feed) for _ in range(kind % 3)}
        if kind % 5 == 4 or not _feed.more():
            error = ERRORS[kind % len(ERRORS)]("it failed", status=400 + _feed.byte() % 120, url=want["url"])
            return _result(want, error, headers, None, _feed.json()[:300].decode("utf-8", "replace"))
        return _result(want, None, headers, _feed.json(), None)


def _header(feed: Feed) -> str:
    """As C hands it over: any bytes but line breaks, read as latin-1 or UTF-8."""
    kind = feed.byte()
    text = feed.text().replace("\n", "").replace("\r", "").replace("\0", "")
    if kind < 128:
        return text
    return (f'<{text}>; rel="next"', f'</api/x?cursor={text}>; rel="next"', f"<//{text}>; rel=next", f'<{HUB}/{text}>;rel="next"')[kind % 4]


def _result(want: Any, error: Any, headers: dict[str, str], body: bytes | None, excerpt: str | None) -> Any:
    return {"status": "failed" if error else "done", "error": error, "http_status": 404, "headers": headers, "url": want["url"], "etag": None,
            "size": -1, "commit": None, "digest": None, "sha256": None, "path": None, "link": None, "body": body, "excerpt": excerpt,
            "from_net": 0, "held": 0, "requests": 1, "sources": [], "seconds": 0.0}  # fmt: skip


def _look_at(error: _errors.HubjetError) -> None:
    message = str(error)
    hold(message, "an error that says nothing")
    for sign in message:
        hold(sign == "\n" or (ord(sign) >= 32 and not 0x7F <= ord(sign) < 0xA0), f"a control character in {message!r}")
    hold(len(message) < 20_000, "an endless message")
    repr(error)


def one(data: bytes) -> None:
    global _feed
    _feed = feed = Feed(data)
    before, _transport.Running = _transport.Running, Answers  # type: ignore[misc]
    hub = _hub.Hub(_names.repo("org/name"), CONFIG, False)
    try:
        what = feed.byte()
        if what % 3 == 0:
            hold(_names.is_commit(hub.commit_of("main")), "a commit that is none")
            return
        tree = hub.tree(SHA1)
        for path, facts in tree.items():
            hold(isinstance(path, str) and isinstance(facts.size, int) and facts.size >= 0, f"{path!r} {facts}")
            hold(facts.etag is None or _names.is_etag(facts.etag), f"{facts}")
            hold(facts.digest is None or isinstance(facts.digest, str), f"{facts}")
        parts = _choose.components_of(feed.json()) if what % 2 else None
        chosen = _choose.choose_files(tree, variant="fp16" if what & 64 else None, subfolder="unet" if what & 32 else None, components=parts,
                                      allow="*" if what & 16 else None)  # fmt: skip
        root = os.path.join(os.sep, "r", "snapshots", SHA1)
        for path in hub.listed(chosen):
            place = os.path.join(root, *path.split("/"))
            hold(os.path.normpath(place) == place and place.startswith(root + os.sep), f"{path!r} leads out")
            _names.check_filename(path)
            _store.FileFacts(*tree[path])
    except _errors.HubjetError as error:
        _look_at(error)
    finally:
        _transport.Running = before  # type: ignore[misc]
