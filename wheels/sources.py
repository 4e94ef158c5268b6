"""Debian's source packages, fetched with an apt configuration of our own (the machine's lists stay as they are) and unpacked.

Use:        unpack(work, strict) -> {"curl": Source(version, folder), …}
Promise:    what is unpacked was signed by Debian (apt checks) and has Debian's patches applied, counted (we check).
            A second call within a day asks nobody.
"""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from wheels import recipe

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
FRESH_S = 24 * 3600


@dataclass(frozen=True)
class Source:
    version: str
    folder: Path
    patches: int


def say(text: str) -> None:
    print(f"-- {text}", file=sys.stderr, flush=True)


def _ask(*command: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload,no-any-return]


def _apt(work: Path) -> dict[str, str]:
    """An environment in which apt knows Debian's sources only, its lists not older than a day."""
    place = work / "apt"
    targets = _ask("apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages").stdout
    where = recipe.mirrors(targets, os.environ.get("HUBJET_DEBIAN", ""))
    if not where:
        sys.exit(
            "make wheel takes libraries from Debian's source packages, and this machine's apt knows no Debian mirror.\n"
            'Name one: HUBJET_DEBIAN="http://MIRROR/debian http://MIRROR/debian-security" make wheel'
        )
    lists = "".join(f"deb-src [signed-by={KEYRING}] {uri} {suite} main\n" for uri, suite in where)
    (place / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (place / "cache").mkdir(exist_ok=True)
    (place / "apt.conf").write_text(
        f'Dir::Etc::sourcelist "{place}/sources.list";\nDir::Etc::sourceparts "-";\n'
        f'Dir::State::Lists "{place}/lists";\nDir::Cache "{place}/cache";\nAPT::Sandbox::User "";\n'
    )
    environment = {**os.environ, "APT_CONFIG": str(place / "apt.conf"), "LC_ALL": "C"}
    stamp, old = place / "updated", place / "sources.list"
    if not stamp.exists() or time.time() - stamp.stat().st_mtime > FRESH_S or not old.exists() or old.read_text() != lists:
        old.write_text(lists)
        say(f"asking Debian for the newest sources of {', '.join(recipe.LIBRARIES)}")
        done = _ask("apt-get", "update", "-q", "--error-on=any", env=environment)
        if done.returncode:
            sys.exit(f"apt-get update failed:\n{done.stderr or done.stdout}")
        (place / "missing").unlink(missing_ok=True)
        stamp.touch()
    return environment


def _older(a: str, b: str) -> bool:
    return _ask("dpkg", "--compare-versions", a, "lt", b).returncode == 0


def newest_first(versions: list[str]) -> list[str]:
    def order(a: str, b: str) -> int:
        return 1 if _older(a, b) else -1 if _older(b, a) else 0

    return sorted(versions, key=functools.cmp_to_key(order))


def _fetch(name: str, version: str, place: Path, environment: dict[str, str]) -> str | None:
    """None, or why the mirror did not give it."""
    place.mkdir(parents=True, exist_ok=True)
    done = _ask("apt-get", "source", "-qq", "--download-only", f"{name}={version}", cwd=place, env=environment)
    if done.returncode == 0:
        return None
    return next((line for line in done.stderr.splitlines() if line.startswith("E:")), done.stderr.strip())


def _unpack(name: str, version: str, archives: Path, folder: Path) -> int:
    """dpkg-source, not the original archive: the security fixes are Debian's patches. How many were applied."""
    dsc = archives / f"{name}_{version.partition(':')[2] or version}.dsc"
    private = folder.with_name(f"{folder.name}.{os.getpid()}")
    shutil.rmtree(private, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    done = _ask("dpkg-source", "--no-copy", "-x", str(dsc), str(private))
    if done.returncode:
        sys.exit(f"dpkg-source -x {dsc.name} failed:\n{done.stdout}{done.stderr}")
    series = private / "debian" / "patches" / "series"
    wanted = [line for line in series.read_text().splitlines() if line.strip() and not line.startswith("#")] if series.exists() else []
    applied = (private / ".pc" / "applied-patches").read_text().splitlines() if wanted else []
    if len(applied) != len(wanted):
        sys.exit(f"{dsc.name}: {len(applied)} of {len(wanted)} patches were applied")
    (private / "hubjet-patches").write_text(str(len(applied)))
    shutil.rmtree(folder, ignore_errors=True)
    private.rename(folder)
    return len(applied)


def _one(library: recipe.Library, known: list[str], work: Path, environment: dict[str, str], strict: bool) -> Source:
    for version in newest_first(known):
        if _older(version, library.at_least):
            break
        folder = work / "src" / f"{library.name}-{version.replace(':', '.')}"
        if (folder / "hubjet-patches").exists():
            return Source(version, folder, int((folder / "hubjet-patches").read_text()))
        archives, missing = work / "archives", work / "apt" / "missing"
        known_missing = missing.read_text().splitlines() if missing.exists() else []
        asked = f"{library.name}={version}"
        why = "asked today" if asked in known_missing else _fetch(library.name, version, archives, environment)
        if why is None:
            return Source(version, folder, _unpack(library.name, version, archives, folder))
        missing.write_text("\n".join({*known_missing, asked}))
        say(f"WARNING: {library.name} {version} is listed, yet the mirror does not hold it ({why})")
        if strict:
            sys.exit("a release takes the newest version or none (--strict)")
    sys.exit(f"no source package {library.name} >= {library.at_least} could be had; listed: {', '.join(known) or 'none'}")


def unpack(work: Path, strict: bool = False, libraries: Mapping[str, recipe.Library] = recipe.LIBRARIES) -> dict[str, Source]:
    environment = _apt(work)
    known = recipe.candidates(_ask("apt-cache", "showsrc", *libraries, env=environment).stdout)
    return {name: _one(library, known.get(name, []), work, environment, strict) for name, library in libraries.items()}
