"""The process that downloads: one line of JSON in, one out. So its open files and threads are hubjet's alone.

    {"begin": true}     a fork for what follows: what a process learns of a host must not reach the next cell
    {"repo": …, "file": … or null (all), "cache": …, "endpoint": …, "settings": {…}, "limits": {…}}
    {"end": true}       ends hubjet's threads, counts, and ends the fork
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

import hubjet
from hubjet import _native, _transport

_limits = _transport.limits
_more: dict[str, Any] = {}


def limits(*args: Any, **kwargs: Any) -> Any:
    return {**_limits(*args, **kwargs), **_more}


def open_files() -> list[str]:
    found = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            found.append(os.readlink(f"/proc/self/fd/{fd}"))
        except OSError:
            pass  # the listing's own
    return found


def error_facts(error: BaseException) -> dict[str, Any]:
    facts = {k: v for k, v in vars(error).items() if isinstance(v, (str, int, float))}
    return {"class": type(error).__name__, "is_ours": isinstance(error, hubjet.HubjetError), "text": str(error), "facts": facts}


def download(ask: dict[str, Any]) -> dict[str, Any]:
    _more.clear()
    _more.update(ask["limits"])
    seen = max((visit["n"] for visit in _native.ledger()), default=0)
    began = time.monotonic()
    answer: dict[str, Any] = {"error": None, "path": None}
    try:
        with hubjet.settings(cache_dir=ask["cache"], **ask["settings"]):
            if ask["file"] is None:
                answer["path"] = hubjet.snapshot_download(ask["repo"], endpoint=ask["endpoint"])
            else:
                answer["path"] = hubjet.hf_hub_download(ask["repo"], ask["file"], endpoint=ask["endpoint"])
    except Exception as error:
        answer["error"] = error_facts(error)
    visits = _native.ledger(seen)
    answer["seconds"] = time.monotonic() - began
    answer["bodies"] = sum(v["bytes"] for v in visits if v["status"] in (200, 206))
    answer["requests"] = len(visits)
    files = open_files()
    answer["open"] = [path for path in files if path.startswith(ask["cache"])]
    return answer


def counts() -> dict[str, Any]:
    return {"fds": len(open_files()), "threads": len(os.listdir("/proc/self/task")), "files": open_files()}


def cell(began: dict[str, Any]) -> None:
    print("{}", flush=True)  # only now is the next line written: the parent must not read it
    for line in sys.stdin:
        ask = json.loads(line)
        if "end" in ask:
            _native.shutdown()
            print(json.dumps({"began": began, "ended": counts()}), flush=True)
            return
        print(json.dumps(download(ask)), flush=True)


def main() -> None:
    _transport.limits = limits
    hubjet.config()
    hubjet.hf_hub_download, hubjet.snapshot_download  # loaded before the fork: once
    for line in sys.stdin:
        assert "begin" in json.loads(line)
        child = os.fork()
        if child == 0:
            try:
                cell(counts())
            finally:
                sys.stdout.flush()
                os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
