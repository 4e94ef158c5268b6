"""All that is too long for `make test`: `python3 tests/run.py torture [sites|kills|power|disks ...] [--scenario NAME] [--site N]`.

    sites      tests/c/test_job_sweep.c whole: each request for memory, each platform call with each errno that fits, each network event;
               and the sweeps of the store's own functions
    kills      SIGKILL at each platform call, then a fresh process
    power      power cuts, replayed from a log of what was written (powercut.py)
    disks      disks as they are (disks.py)

--scenario chooses among the C tests or the disks by a part of the name, --site plays one site of it. A line for each site is in
build/torture/<name>.log.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.c import build as program

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "build" / "torture"


def names(kind: str, scenario: str) -> list[str]:
    """C tests of this kind, those of a whole download last."""
    found = []
    for file, name in program.tests():
        whole = file == "test_job_sweep"
        is_kill = whole and name.endswith("each_kill") or name.startswith("a_kill_at_any_call")
        wanted = is_kill if kind == "kills" else not is_kill and (whole or "survive" in name and "every" in name)
        if wanted and scenario in name:
            found.append((whole, name))
    return [name for _, name in sorted(found)]


def play(runner: Path, name: str, site: int | None) -> bool:
    log = LOGS / f"{name}.log"
    env = {**os.environ, "HUBJET_TORTURE": "1", "HJ_SITES": "1", **({"HJ_SITE": str(site)} if site else {})}
    began = time.monotonic()
    with open(log, "w") as out:
        done = subprocess.run([runner, name], env=env, stdout=out, stderr=subprocess.STDOUT)
    lines = log.read_text().splitlines()
    counts = [line for line in lines if " plays, " in line or "killed at" in line or line.startswith("swept")]
    print(f"{'ok  ' if done.returncode == 0 else 'FAIL'} {time.monotonic() - began:6.1f} s  {name}: {'; '.join(counts) or lines[-1]}", flush=True)
    if done.returncode:
        print("\n".join(lines[-4:]), f"\n  again: tests/run.py torture --scenario {name} --site N   ({log})", flush=True)
    return done.returncode == 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", choices=["sites", "kills", "power", "disks", []], default=[])
    parser.add_argument("--scenario", default="")
    parser.add_argument("--site", type=int)
    args = parser.parse_args()
    what = args.what or (["sites", "kills"] if args.scenario or args.site else ["sites", "kills", "power", "disks"])
    LOGS.mkdir(parents=True, exist_ok=True)
    good = True
    for kind in ("sites", "kills"):
        if kind in what:
            runner = program.build("plain")
            for name in names(kind, args.scenario):
                good = play(runner, name, args.site) and good
    for kind, module in (("power", "powercut"), ("disks", "disks")):
        if kind in what:
            print(f"-- {kind}", flush=True)
            chosen = [args.scenario] if args.scenario else []
            good = subprocess.run([sys.executable, "-m", f"tests.torture.{module}", *chosen], cwd=ROOT).returncode == 0 and good
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
