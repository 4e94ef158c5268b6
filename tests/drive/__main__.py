"""`make drive`: the long form of test_drive.py's kills, and what a copy costs here. Use: python -m tests.drive [--kills N] [--seed N] [--cost]."""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from tests.drive import Drive, why_not
from tests.drive.kills import Story
from tests.server import World


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=20261123)
    options = parser.parse_args()
    if why_not():
        raise SystemExit(f"no FUSE here: {why_not()}")
    dice = random.Random(options.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hubjet-drive-") as folder, World() as world, Drive(Path(folder)) as drive:
        story = Story(world, Path(folder), drive, options.seed)
        calls = story.count()
        print(f"seed {options.seed}: one copy is {calls} calls to the vault", flush=True)
        rounds = 0
        while story.killed < options.kills:
            story.forget_all()
            rounds += 1
            while story.killed < options.kills:
                if not story.kill_at(dice.randrange(calls)):
                    break  # it was done before the moment came
                there = story.check()
                print(f"kill {story.killed}: {len(there)} of {len(story.files)} commits are there, all whole; said so", flush=True)
            story.finish()
        print(f"{story.killed} kills, {rounds} vaults finished, {time.monotonic() - began:.0f} s: nothing lost, nothing half-visible, the state honest")


if __name__ == "__main__":
    main()
