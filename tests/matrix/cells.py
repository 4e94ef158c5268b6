"""Runs cells: one behaviour on one shape of download, once (then the server is well) or always. Each cell is judged here.

Use:        with Bench() as bench: outcome = bench.run(behaviour, shape, always)
Promise:    a cell that is neither an error of ours nor the perfect result raises Wrong, and so does one that leaves unproven
            bytes under a public name, open files, something of ours after success, that asks too often, whose next try
            fails, or fetches again what was kept.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.matrix.behaviours import Behaviour
from tests.server import Sparse, World
from tests.server.content import git_blob_oid, sparse_content
from tests.server.doors import Doors

ROOT = Path(__file__).resolve().parents[2]
MIB = 1 << 20
SIZE = 6 * MIB + 1234  # more than a first range, so there are two
HANG_S = 25  # stall, pauses and give-up are 0.4, 1.2 and 2 s here
LIMITS = {"give_up_ms": 4000, "tries": 3}
SETTINGS = {"download_timeout": 0.4, "etag_timeout": 1.0, "sync": False, "progress": False, "max_connections": 4}
MOST_REQUESTS = {"small": 40, "large": 160, "resume": 160, "many": 200, "listing": 60}
SLACK = 128 << 10  # what is asked to learn a size, and the piece that was under way


class Wrong(AssertionError):
    pass


@dataclass
class Outcome:
    error: str  # class; "" for the whole, right content
    text: str
    seconds: float
    requests: int


class Client:
    def __init__(self, world: World) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "HUBJET_", "HUGGING", "SSL_")) and not k.lower().endswith("_proxy")}
        env.update(world.env(), PYTHONPATH=os.pathsep.join([str(ROOT / "python"), str(ROOT)]), HF_HOME=str(world.folder / "home"),
                   HUBJET_RUN_DIR=str(world.folder / "run"))
        self.process = subprocess.Popen([sys.executable, "-m", "tests.matrix.client"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        env=env, cwd=ROOT, text=True, start_new_session=True)

    def ask(self, ask: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(ask) + "\n")
        self.process.stdin.flush()
        if not select.select([self.process.stdout], [], [], HANG_S)[0]:
            raise Wrong(f"hangs: no outcome after {HANG_S} s")
        line = self.process.stdout.readline()
        if not line:
            raise Wrong(f"the client died: {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        try:
            os.killpg(self.process.pid, signal.SIGKILL)  # and the fork, if there is one
        except ProcessLookupError:
            pass
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe
            pipe.close()


class Bench:
    def __enter__(self) -> Bench:
        self.world = World().start()
        for bucket in ("api", "resolvers"):
            self.world.quota(bucket, 10**9)  # else its answers say the Hub's 3,000 in 300 s, and a cell of a long run waits for the next window
        self.doors = Doors(self.world.folder / "doors", self.world.certs, self.world.hub.answer, self.world.log, self.world._hub.port)
        self.folder = Path(tempfile.mkdtemp(prefix="hubjet-matrix-"))
        self.client = Client(self.world)
        self.count = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.doors.close()
        self.world._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    # --- one cell ---------------------------------------------------------------------------------

    def run(self, behaviour: Behaviour, shape: str, always: bool) -> Outcome:
        try:
            self.client.ask({"begin": True})
            outcome = self._run(behaviour, shape, always)
            self.check_quiet(self.client.ask({"end": True}))
            return outcome
        except Wrong as wrong:
            self.client.close()
            self.client = Client(self.world)
            raise Wrong(f"{behaviour.name} / {shape} / {'always' if always else 'once'}: {wrong}") from None
        finally:
            self.world.heal()
            self.world.up()
            self.doors.h2.heal()

    def _run(self, b: Behaviour, shape: str, always: bool) -> Outcome:
        self.count += 1
        repo, files = self.make_repo(f"org/c{self.count}", shape)
        cache = self.folder / f"c{self.count}"
        asked = {"small": "config.json", "large": "model.safetensors", "resume": "model.safetensors"}.get(shape)
        endpoint = self.doors.h2.url if b.kind == "h2" else self.world.endpoint
        ask = {"repo": repo, "file": asked, "cache": str(cache), "endpoint": endpoint, "settings": SETTINGS, "limits": LIMITS}
        kept = self.make_partial(ask, cache, repo) if shape == "resume" else 0
        self.misbehave(b, shape, repo, always)
        self.world.clear()
        first = self.client.ask(ask)
        seen = self.world.requests
        self.check_answer(first)
        self.check_tree(cache, files, first, asked)
        if len(seen) > MOST_REQUESTS[shape]:
            raise Wrong(f"{len(seen)} requests")
        outcome = Outcome("", "", first["seconds"], len(seen))
        if first["error"]:
            outcome.error, outcome.text = first["error"]["class"], self.shown(first["error"]["text"])
            self.next_try(b, shape, cache, files, ask, kept, first)
        shutil.rmtree(cache)
        return outcome

    def next_try(self, b: Behaviour, shape: str, cache: Path, files: dict[str, bytes | None], ask: dict[str, Any], kept: int, first: dict[str, Any]) -> None:
        """The server is well again: it must come whole, and what was received must not come twice."""
        self.world.heal()
        self.world.up()
        self.doors.h2.heal()
        here = partial_bytes(cache)
        if b.keeps and shape in ("large", "resume") and here < kept + first["bodies"] - SLACK:
            raise Wrong(f"{first['bodies']} good bytes were received ({kept} were here before), {here} were kept")
        second = self.client.ask(ask)
        if second["error"]:
            raise Wrong(f"the next try failed, too: {second['error']['text']}")
        self.check_answer(second)
        self.check_tree(cache, files, second, ask["file"])
        if shape in ("large", "resume") and second["bodies"] > SIZE - here + SLACK:
            raise Wrong(f"{here} of {SIZE} bytes were kept, yet {second['bodies']} were fetched")

    # --- the stage --------------------------------------------------------------------------------

    def make_repo(self, name: str, shape: str) -> tuple[str, dict[str, bytes | None]]:
        """None: the large content, which is the same everywhere."""
        files: dict[str, bytes | None] = {}
        if shape == "small":
            files = {"config.json": (f'{{"of": "{name}"}}' + " " * 3000).encode()}
        elif shape in ("large", "resume"):
            files = {"model.safetensors": None}
        else:
            files = {f"f{n:02}.json": f'{{"n": {n}, "of": "{name}"}}'.encode() * 9 for n in range(17)}
            files.update({f"part{n}.safetensors": (f"{name} {n} ".encode() * MIB)[: MIB + 100 * n] for n in range(3)})
            files.update({"part1.safetensors": (f"{name} 1 ".encode() * MIB)[: 3 * MIB // 2]})
        sources = {path: Sparse(SIZE, 5) if data is None else data for path, data in files.items()}
        self.world.repo(name).commit(sources)
        return name, files

    def make_partial(self, ask: dict[str, Any], cache: Path, repo: str) -> int:
        """4 MiB of the file are here: the first range came, the second was refused."""
        self.world.fault("cdn", f"{repo}/model.safetensors", "status", skip=1, code=400)
        answer = self.client.ask({**ask, "settings": {**SETTINGS, "max_connections": 1}})
        self.world.heal()
        here = partial_bytes(cache)
        if not answer["error"] or here < MIB:
            raise Wrong(f"no partial was left to resume: {answer}")
        return here

    def misbehave(self, b: Behaviour, shape: str, repo: str, always: bool) -> None:
        where = {
            "small": [("hub", f"{repo}/config.json")],
            "large": [("cdn", f"{repo}/model.safetensors")],
            "resume": [("cdn", f"{repo}/model.safetensors")],
            "many": [("hub", f"{repo}/f07.json"), ("cdn", f"{repo}/part1.safetensors")],
            "listing": [("hub", f"/api/models/{repo}/revision/*"), ("hub", f"/api/models/{repo}/tree/*")],
        }[shape]
        times = None if always else 1
        if b.kind == "down":
            self.world.down("hub")
        elif b.kind == "h2":
            globs = {"small": ["/api/resolve-cache/*config.json"], "many": ["/api/resolve-cache/*/f0[57].json"],
                     "listing": ["/api/models/*/revision/*", "/api/models/*/tree/*"]}[shape]
            for glob in globs:
                self.doors.h2.fault(glob, b.options["how"], times)
        else:
            kind, options = b.kind, b.options
            if kind == "door":
                kind, options = "redirect_to", {"url": self.doors.url(options["which"])}
            for origin, glob in where:
                self.world.fault("hub" if b.at_hub else origin, glob, kind, times, **options)

    # --- the judgement ----------------------------------------------------------------------------

    def check_answer(self, answer: dict[str, Any]) -> None:
        if answer["open"]:
            raise Wrong(f"left open: {answer['open']}")
        if answer["error"] and not answer["error"]["is_ours"]:
            raise Wrong(f"{answer['error']['class']} is none of our errors: {answer['error']['text']}")
        if answer["error"] and answer["error"]["class"] in ("InternalError", "HubjetError"):
            raise Wrong(f"{answer['error']['class']}: {answer['error']['text']}")

    def check_tree(self, cache: Path, files: dict[str, bytes | None], answer: dict[str, Any], asked: str | None) -> None:
        """Whatever has a public name is right; after success it is complete and nothing else is left."""
        wanted = {path: sparse_content(Sparse(SIZE, 5)).sha256 if data is None else name_of(path, data) for path, data in files.items()}
        for blob in cache.glob("models--*/blobs/*"):
            data = blob.read_bytes()
            if blob.name not in (hashlib.sha256(data).hexdigest(), git_blob_oid(data)):
                raise Wrong(f"{blob.name} has other bytes than its name says")
        for path in cache.glob("models--*/snapshots/*/**/*"):
            name = path.relative_to(path.parents[len(path.relative_to(cache).parts) - 4]).as_posix()
            if path.is_file() and path.resolve().name != wanted.get(name):
                raise Wrong(f"{name} in the snapshot is {path.resolve().name}, not {wanted.get(name)}")
            if path.is_symlink() and not path.exists():
                raise Wrong(f"{name} in the snapshot leads nowhere")
        if answer["error"]:
            return
        place = Path(answer["path"])
        for name in [asked] if asked else wanted:
            path = place if asked else place / name
            if not path.is_file() or path.resolve().name != wanted[name]:
                raise Wrong(f"it says that {name} is there, and it is not")
        left = [str(path.relative_to(cache)) for path in cache.glob("models--*/.hubjet/partial/*")]
        left += [str(path.relative_to(cache)) for path in cache.rglob("*") if path.name.endswith((".incomplete", ".tmp")) or ".hj-" in path.name]
        if left:
            raise Wrong(f"left behind: {left}")

    def check_quiet(self, counted: dict[str, Any]) -> None:
        """Once hubjet's threads have ended, there is no thread and no open file more than before it was used."""
        began, ended = counted["began"], counted["ended"]
        if ended["threads"] > began["threads"] or ended["fds"] > began["fds"]:
            raise Wrong(f"leaked: {began} became {ended}")

    def shown(self, text: str) -> str:
        """The text without what differs from run to run."""
        text = re.sub(r"(?<=: )https?://\S+|\[https?://[^\]]*\]", lambda m: "[URL]" if m[0][0] == "[" else m[0], text)
        text = re.sub(r"(?m)^  also  .*\n?|^  wanted  .*\n?", "", text).rstrip()
        text = re.sub(r"org/c\d+", "org/name", text)
        text = re.sub(r"\b\d+ bytes", "N bytes", text)
        text = re.sub(r"\b\d+ (came|of N bytes)", r"N \1", re.sub(r"the server has \d+", "the server has N", text))
        text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "TIME", text.replace(str(self.world.folder), "HOME"))
        text = re.sub(r"(127\.0\.0\.1|localhost):\d+", r"\1:PORT", text)
        text = re.sub(r"port \d+", "port PORT", text).replace(str(self.folder), "FOLDER")
        text = re.sub(r"FOLDER/c\d+", "CACHE", text)
        text = re.sub(r"models--org--c\d+", "models--org--name", text)
        text = re.sub(r"\b[0-9a-f]{40,64}\b", "HEX", text)
        text = re.sub(r"\b[0-9a-f]{10,64}(…|\.\.\.)", "HEX…", text)
        text = re.sub(r"stream \d+", "stream N", re.sub(r"OpenSSL/[\d.]+: ", "", text))
        text = re.sub(r"Root=1-[0-9a-f-]+", "ID", text)
        return re.sub(r"\b\d{4,}\b", "N", text)


def name_of(path: str, data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if path.endswith(".safetensors") else git_blob_oid(data)


def partial_bytes(cache: Path) -> int:
    """What the journals below say is here."""
    from hubjet import _native

    found = 0
    for side in cache.glob("models--*/.hubjet"):
        found += sum(_native.partial_bytes(str(side), key) for key in {folder.name.split(".")[0] for folder in (side / "partial").glob("*")})
    return found
