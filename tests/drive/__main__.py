"""`make drive`: the long form of test_drive.py's kills. Use: python -m tests.drive [--kills N] [--seed N] [--write]: that keeps the table in results.md."""

from __future__ import annotations

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from tests.drive import Drive, why_not
from tests.drive.kills import Story
from tests.server import World

RESULTS = Path(__file__).parent / "results.md"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seed", type=int, default=20261123)
    parser.add_argument("--write", action="store_true", help="keep the table in tests/drive/results.md")
    options = parser.parse_args()
    if why_not():
        raise SystemExit(f"no FUSE here: {why_not()}")
    lines: list[str] = []

    def say(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    dice = random.Random(options.seed)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hubjet-drive-") as place, World() as world:
        os.chmod(place, 0o755)  # both accounts look into it
        folder = Path(place)
        with Drive(folder / "colab") as drive, Story(world, folder, drive, options.seed) as story:
            calls = story.count()
            say(f"Seed {options.seed}: {story.said}. One copy is {calls} calls to the vault; three commits go there, a fourth stays in the tier.")
            say("")
            say("| moment | in call | who was killed | commits on the vault, whole | lost | half-visible | state | tier |")
            say("| --- | --- | --- | --- | --- | --- | --- | --- |")
            rounds = 0
            while story.killed < options.kills:
                story.forget_all()
                rounds += 1
                while story.killed < options.kills:
                    nth = dice.randrange(2 * calls)
                    before = story.processes
                    if not story.kill_at(nth):
                        break  # both were done before the moment came
                    there = story.check()  # raises where one of the columns were not so
                    who = "both" if story.processes - before > 1 else "one, the other went on"
                    say(f"| {story.killed} | {nth} | {who} | {len(there)} of {len(story.files)} | none | none | true, to both | untouched |")
                story.finish()
            say("")
            say(
                f"{story.killed} moments, {story.processes} processes killed, {rounds} vaults finished by the next processes and brought back whole to a new computer without the hub, "
                f"{time.monotonic() - began:.0f} s: nothing lost, nothing half-visible, the state honest."
            )
    if options.write:
        RESULTS.write_text("# Killed while it copies\n\n`make drive ARGS=--write`\n\n" + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
