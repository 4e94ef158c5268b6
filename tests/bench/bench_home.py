"""P11: a home's line. As fast as one stream, with few connections, and the others in the house do not notice.

12.5 MB/s, 30 ms, one drop-tail queue of 50 ms, cubic on the sending side (line.c: real TCP between two network namespaces). A ping runs
through the same queue all the time. Also with a sender that uses BBR, and with a bloated queue of 250 ms, where one stream alone already
spoils the ping: those two are for knowing, not for judging. `polite` is in all of them, and is judged. Then each beside a stream of somebody
else's that begins three seconds later: how much longer does that one take than alone, and how long do both take together?
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.bench import plot
from tests.bench.hubsite import Site
from tests.bench.line import SERVER, Line, LineError
from tests.bench.measure import start
from tests.bench.peers import Peers, unchecked
from tests.bench.runner import MIB, Bench, Column, Ground, Run, Table, Variant, columns, median, percentile, ratio
from tests.server import Sparse

RATE, DELAY_US, PACKET = 12.5e6, 15_000, 1500
POLITE = "hubjet, polite"
LOST_MS = 1000.0  # what a lost ping counts as
IDLE_S = 1.5


@dataclass(frozen=True)
class House:
    """How clients reach the site, and how their pings do."""

    site: Site
    ping: tuple[str, str, int]  # kind, host, port
    netns: str | None
    line: Line | None
    network: dict[str, float] | None


@contextlib.contextmanager
def echo() -> Iterator[int]:
    """A UDP echo on our side of the line; its port."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as here:
        here.bind(("0.0.0.0", 0))
        here.settimeout(0.2)
        ended = threading.Event()

        def answer() -> None:
            while not ended.is_set():
                with contextlib.suppress(OSError):
                    data, who = here.recvfrom(2048)
                    here.sendto(data, who)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield here.getsockname()[1]
        finally:
            ended.set()
            thread.join()


@contextlib.contextmanager
def house(bench: Bench, queue_ms: int, congestion: str) -> Iterator[House]:
    with contextlib.ExitStack() as stack:
        if os.environ.get("BENCH_NO_TUN"):
            line = None
        else:
            try:
                line = stack.enter_context(Line(RATE, DELAY_US, int(RATE * queue_ms / 1000 / PACKET), congestion))
            except LineError as error:
                bench.say(f"P11: {error}; the relay's simpler model instead")
                line = None
        if line is not None:
            site = stack.enter_context(bench.site(relay=False, address=SERVER))
            site.helpers.append(line.process.pid)
            port = stack.enter_context(echo())
            yield House(site, ("udp", SERVER, port), line.netns, line, None)
        else:
            site = stack.enter_context(bench.site())
            network = {
                "delay_us": DELAY_US,
                "line_rate": RATE,
                "line_queue": RATE * queue_ms / 1000,
                "window": 512 << 10,
                "slowstart": 1,
                "tick_us": 1000,
            }
            yield House(site, ("tcp", "127.0.0.1", site.relay.ports["echo"]), None, None, network)


def measured(bench: Bench, home: House, variant: Variant, size: int) -> Run:
    if home.line is not None:
        home.line.reset()
    elif home.network is not None:
        home.site.relay.set(**home.network)
        home.site.mark()
    place = bench.fresh("ping")
    kind, host, port = home.ping
    words = [bench.python, bench.client, "ping", kind, host, str(port), str(place / "pings")]
    began_idle = time.monotonic_ns()
    pinger = start(words, env={**os.environ}, log=place / "log", timeout=variant.timeout + 30, netns=home.netns)
    time.sleep(IDLE_S)
    # without the relay's reset: the pinger's connection goes through it
    run = bench.run(home.site, variant, size=size, netns=home.netns) if home.line else _through_relay(bench, home, variant, size)
    pinger.send(signal.SIGTERM)
    pinger.wait()
    pings: list[list[Any]] = json.loads((place / "pings").read_text())
    idle = [rtt for at, rtt in pings if began_idle <= at < run.cost.began - 2e8 and rtt is not None]
    busy = [LOST_MS if rtt is None else rtt for at, rtt in pings if run.cost.began + 1e9 <= at <= run.cost.ended - 3e8]
    if home.line is not None:
        run.traffic.relay = home.line.stats()
        run.traffic.connections = run.traffic.relay["connections"]
    series = run.traffic.relay["series"]
    late = series[min(len(series) // 2, 10_000 // run.traffic.relay["slot_ms"]) :]
    late = late[: max(1, len(late) - 4)]
    run.extra = {
        "idle": median(idle),
        "p50": median(busy),
        "p95": percentile(busy, 0.95),
        "late_active": max((row[2] for row in late), default=None),
        "late_open": max((row[1] for row in late), default=None),
        "drops": run.traffic.relay.get("drops"),
        "lost": sum(rtt >= LOST_MS for rtt in busy),
    }
    return run


@dataclass
class Other:
    """Somebody else's stream beside a run: begins so many seconds after it, and says how long it took."""

    bench: Bench
    home: House
    url: str
    delay_s: float
    seconds: float | None = None

    def beside(self, variant: Variant) -> Variant:
        return replace(variant, before=self.begin, after=self.end)

    def begin(self, ground: Ground) -> None:
        self.seconds, self.log = None, ground.place / "other"
        script = 'sleep "$1"; exec curl -q -sS -f --http1.1 --cacert "$SSL_CERT_FILE" -o /dev/null -w "%{time_total}" "$2"'
        words = ["sh", "-c", script, "sh", str(self.delay_s), self.url]
        self.running = start(words, env=ground.env, log=self.log, timeout=200, netns=self.home.netns)

    def end(self, ground: Ground, run: Run) -> None:
        if self.running.wait().status == 0:
            self.seconds = float(self.log.read_text())


def _through_relay(bench: Bench, home: House, variant: Variant, size: int) -> Run:
    mark, home.site.mark = home.site.mark, lambda: None  # type: ignore[method-assign]
    try:
        return bench.run(home.site, variant, size=size, network=home.network)
    finally:
        home.site.mark = mark  # type: ignore[method-assign]


def run(bench: Bench, out: Path) -> list[Table]:
    size = 64 * MIB if bench.options.quick else 256 * MIB
    peers = Peers(bench)
    rounds = bench.options.count(3)
    tables = []
    for judged, queue_ms, congestion in ((True, 50, "cubic"), (False, 50, "bbr"), (False, 250, "cubic")):
        with house(bench, queue_ms, congestion) as home:
            site = home.site
            if home.line is None and not judged:
                continue  # the simpler model has one kind of sender and no loss
            url, sha256 = site.file("m.bin", Sparse(size))
            site.up()
            how = f"line.c: real TCP, {congestion}" if home.line else "relay.c's line: windows of 512 KiB, no loss"
            table = Table(
                "P11",
                f"home line: 12.5 MB/s, 30 ms, queue of {queue_ms} ms, {size // MIB} MiB",
                how + ("" if judged else "; for knowing only"),
                size,
            )
            polite = peers.hubjet(url, sha256, POLITE, env={"HUBJET_POLITE": "1"})
            variants = [peers.hubjet(url, sha256), unchecked(peers.curl(url, "-"), "curl, one stream"), polite]
            if judged:
                variants += [peers.aria2c(url, sha256), peers.hf_transfer(url, sha256, "hf_transfer (128)")]
            for number in range(rounds if judged else 1):
                for variant in variants:
                    done = table.runs.setdefault(variant.name, [])
                    table.proofs[variant.name] = variant.proof
                    if bench.options.only not in variant.name or any(r.failed for r in done):
                        continue
                    done.append(measured(bench, home, variant, size))
                    said = done[-1].failed or f"{done[-1].cost.wall:.2f} s, ping p95 {done[-1].extra['p95']:.1f} ms"
                    bench.say(f"P11 {congestion} {queue_ms} ms, {number + 1}/{rounds} {variant.name}: {said}")
        table.columns = [
            *[c for c in columns(table) if c.name in ("wall s", "CPU s/GiB", "conns", "requests", "foreign CPU s")],
            Column("MB/s", lambda run: size / run.cost.wall / 1e6, 2, spread=True),
            Column("sending late", lambda run: run.extra["late_active"], 0),
            Column("open late", lambda run: run.extra["late_open"], 0),
            Column("ping idle ms", lambda run: run.extra["idle"], 1),
            Column("ping p50", lambda run: run.extra["p50"], 1),
            Column("ping p95", lambda run: run.extra["p95"], 1, spread=True),
            Column("pings lost", lambda run: run.extra["lost"], 0),
            Column("drops", lambda run: run.extra["drops"], 0),
        ]
        if judged:
            when = "10 s" if not bench.options.quick else "half the time"
            table.goal("speed / one stream of curl", ratio(table.wall("curl, one stream"), table.wall("hubjet")), 0.98, at_least=True)
            table.goal(f"connections that send after {when}", table.of("hubjet", lambda run: run.extra["late_active"]), 4, digits=0)
            table.goal(
                "ping p95 / idle",
                ratio(table.of("hubjet", lambda run: run.extra["p95"]), table.of("hubjet", lambda run: run.extra["idle"])),
                3,
                digits=2,
            )
            ping = ratio(table.of(POLITE, lambda run: run.extra["p95"]), table.of(POLITE, lambda run: run.extra["idle"]))
            table.goal("polite: ping p95 / idle", ping, 1.5, digits=2)
            table.goal("polite: speed / one stream of curl", ratio(table.wall("curl, one stream"), table.wall(POLITE)), 0.9, at_least=True)
        for name, word in (("hubjet", ""), (POLITE, "-polite")):
            fine = [r for r in table.runs.get(name, []) if r.fine]
            if fine:
                title = f"{name} on a home line of 12.5 MB/s, 30 ms, queue {queue_ms} ms, {congestion}"
                table.plots.append(plot.save(out.with_name(f"{out.name}-{congestion}-{queue_ms}{word}.svg"), title, fine[-1].traffic.relay, RATE))
        table.note(
            f"goodput counts payload; 12.5 MB/s on the wire is {12.5 * 1448 / 1500:.2f} MB/s of it at most"
            if home.line
            else "one FIFO, nothing is dropped"
        )
        tables.append(table)
    for queue_ms in (50, 250):
        tables += beside(bench, peers, queue_ms, size)
    return tables


def beside(bench: Bench, peers: Peers, queue_ms: int, size: int) -> list[Table]:
    """Each of us, and three seconds later somebody else's stream of half the size."""
    with house(bench, queue_ms, "cubic") as home:
        if home.line is None:
            return []
        url, sha256 = home.site.file("m.bin", Sparse(size))
        theirs, _ = home.site.file("theirs.bin", Sparse(size // 2))
        home.site.up()
        title = f"home line, queue of {queue_ms} ms: {size // MIB} MiB, and 3 s later somebody else's {size // 2 // MIB} MiB"
        table = Table("P11", title, "line.c: real TCP, cubic; for knowing only, but for polite", size)
        alone = measured(bench, home, unchecked(peers.curl(theirs, "-"), "theirs, alone"), size // 2)
        for variant in (
            unchecked(peers.curl(url, "-"), "curl, one stream"),
            peers.hubjet(url, sha256),
            peers.hubjet(url, sha256, POLITE, env={"HUBJET_POLITE": "1"}),
        ):
            if bench.options.only not in variant.name:
                continue
            other = Other(bench, home, theirs, 3.0)
            run = measured(bench, home, other.beside(variant), size)
            run.extra["theirs"] = other.seconds
            table.runs[variant.name], table.proofs[variant.name] = [run], variant.proof
            said = run.failed or f"{run.cost.wall:.2f} s, theirs {other.seconds} s (alone {alone.cost.wall:.2f} s)"
            bench.say(f"P11 beside somebody else, {queue_ms} ms, {variant.name}: {said}")
        table.columns = [
            *[c for c in columns(table) if c.name in ("wall s", "conns", "foreign CPU s")],
            Column("theirs s", lambda run: run.extra["theirs"], 2),
            Column("theirs / alone", lambda run: ratio(run.extra["theirs"], alone.cost.wall), 2),
            Column("ping p50", lambda run: run.extra["p50"], 1),
            Column("ping p95", lambda run: run.extra["p95"], 1),
            Column("drops", lambda run: run.extra["drops"], 0),
        ]
        table.goal("polite: their time / alone", ratio(table.of(POLITE, lambda run: run.extra["theirs"]), alone.cost.wall), 1.25, digits=2)
        whole = 1.5 * size / (RATE * 1448 / 1500)
        table.goal("polite: both together / the line's time for both", ratio(table.wall(POLITE), whole), 1.15)
        table.note(f"theirs alone: {alone.cost.wall:.2f} s; the line's time for both: {whole:.1f} s; pings cover all of our run, theirs and ours alone")
        return [table]
