"""python -m tests.server: the embedded Hub, to play with by hand until Ctrl-C.

    python -m tests.server --model org/name=DIR --port 8080

Prints where it is and what to type on stdout; the last line is `ready ENDPOINT`. Every request is shown on stderr
as it comes with --verbose. Without --model there is a small repo, demo/tiny.
"""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import threading
from pathlib import Path

from tests.server.content import Source, Sparse
from tests.server.world import World

LOOK_S = 0.1
SKIPPED = {".git", ".cache", "__pycache__"}


def files_below(folder: Path) -> dict[str, Source]:
    found: dict[str, Source] = {}
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.is_file() and not SKIPPED.intersection(parts):
            found["/".join(parts)] = path
    if not found:
        raise SystemExit(f"no files in {folder}")
    return found


def named_folder(text: str) -> tuple[str, Path]:
    id, equals, folder = text.partition("=")
    if not equals or not Path(folder).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not org/name=DIR with a directory that exists")
    return id, Path(folder)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.server", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", metavar="ORG/NAME=DIR", type=named_folder, action="append", default=[])
    parser.add_argument("--port", type=int, default=0, help="the hub's port (default: any free one)")
    parser.add_argument("--tls", action="store_true", help="https hub too, not only the CDN")
    parser.add_argument("--verbose", action="store_true", help="show requests on stderr")
    arguments = parser.parse_args()

    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with World(hub_tls=arguments.tls, port=arguments.port) as world:
        for id, folder in arguments.model:
            world.repo(id).commit(files_below(folder))
        if not arguments.model:
            tiny: dict[str, Source] = {"config.json": b"{}", "README.md": b"# tiny\n"}
            world.repo("demo/tiny").commit({**tiny, "model.safetensors": Sparse(8 << 20)})
        print(f"hub       {world.endpoint}")
        print(f"cdn       {world.cdn_url}   (nginx)")
        print(f"badcdn    {world.badcdn_url}   (/f/drop=1000,once/files/...)")
        print(f"ca        {world.ca_file}")
        for plural, id in world.hub.repos:
            print(f"{plural[:-1]:<9} {id}")
        print("\nType in another terminal:")
        for name, value in world.env().items():
            print(f"  export {name}={shlex.quote(value)}")
        print(f"\nready {world.endpoint}", flush=True)
        shown: set[int] = set()
        while not ended.wait(LOOK_S if arguments.verbose else None):
            for request in world.requests:
                if request.status and id(request) not in shown:  # the log keeps them, so ids stay theirs
                    shown.add(id(request))
                    where = f"{request.server:<6} {request.status} {request.bytes:>12}"
                    print(f"{where} {request.method} {request.name} {request.range or ''}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
