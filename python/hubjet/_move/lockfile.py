"""The text of a hubjet.lock: what exactly a project's models are. Pure. Imports _errors, _names, _move.wanted (how files are chosen).

JSON, one file of a repository a line, in order, so that a diff shows which file changed and nothing else:

    {
     "hubjet_lock": 1,
     "repos": [
      {
       "repo": "org/name",
       "type": "model",
       "revision": "main",
       "commit": "1a2b…",
       "licence": "apache-2.0",
       "gated": false,
       "choice": {"needed": true},
       "files": {
        "config.json": {"size": 612, "git_sha1": "9f2c…", "sha256": "77d0…"},
        "model.safetensors": {"size": 4976698672, "sha256": "77d0…"}
       }
      }
     ]
    }
"""

from __future__ import annotations

import json

from .._errors import ConfigError, HubjetError, explain
from .._names import check_filename, check_revision, is_commit, is_etag, repo
from .._store import SIZE_MAX, FileFacts
from .wanted import How, how_said

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any, NamedTuple

    from .._names import Repo
    from .._store import Tree
else:
    from .._record import NamedTuple

VERSION = 1
BYTES_MAX = 256 << 20  # a million files
NAME = "hubjet.lock"


class LockedFile(NamedTuple):
    """One file. An LFS file has its sha256; a small one the git-sha1 the hub names it by, and its sha256 where somebody had it to hash."""

    size: int
    sha256: str | None
    git_sha1: str | None = None

    @property
    def etag(self) -> str:
        """The blob's name."""
        return self.git_sha1 or self.sha256 or ""


class Locked(NamedTuple):
    """One repository. `gated`: None where nobody knew."""

    repo: Repo
    revision: str
    commit: str
    licence: str | None
    gated: bool | None
    how: How
    files: Mapping[str, LockedFile]

    @property
    def tree(self) -> Tree:
        """The files as a listing."""
        return {
            path: FileFacts(one.size, one.git_sha1 or "", None if one.git_sha1 else one.sha256, None if one.git_sha1 else one.size)
            for path, one in self.files.items()
        }


def write(repos: Sequence[Locked]) -> str:
    """The file's text, the same whatever the order of `repos`."""
    parts = [_one(one) for one in sorted(repos, key=lambda one: (one.repo.type, one.repo.id, one.revision))]
    body = ",\n".join(parts)
    return f'{{\n "hubjet_lock": {VERSION},\n "repos": [\n{body}\n ]\n}}\n' if parts else f'{{\n "hubjet_lock": {VERSION},\n "repos": []\n}}\n'


def _one(one: Locked) -> str:
    head: dict[str, Any] = {
        "repo": one.repo.id, "type": one.repo.type, "revision": one.revision, "commit": one.commit, "licence": one.licence, "gated": one.gated,
        "choice": one.how.said(),
    }  # fmt: skip
    lines = [f"   {_text(name)}: {_text(value)}," for name, value in head.items()]
    files = ",\n".join(f"    {_text(path)}: {_text(_file(one.files[path]))}" for path in sorted(one.files))
    files = f'   "files": {{\n{files}\n   }}' if files else '   "files": {}'
    return "  {\n" + "\n".join(lines) + "\n" + files + "\n  }"


def _file(file: LockedFile) -> dict[str, Any]:
    told = {"size": file.size, "git_sha1": file.git_sha1, "sha256": file.sha256}
    return {name: value for name, value in told.items() if value is not None}


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def read(text: str, where: str = NAME) -> list[Locked]:
    """What a lock file says. ConfigError for what is none, was written by something newer, or names what cannot be: it is somebody's
    text, and may come from anywhere."""
    try:
        document = json.loads(text, object_pairs_hook=_no_twins)
        if not isinstance(document, dict) or "hubjet_lock" not in document:
            raise ValueError("it has no 'hubjet_lock'")
        if document["hubjet_lock"] != VERSION:
            raise ValueError(f"it is of version {document['hubjet_lock']!r}; this hubjet reads version {VERSION}")
        repos = document.get("repos")
        if not isinstance(repos, list):
            raise ValueError("'repos' is no list")
        found = [_read_one(one) for one in repos]
        twins = [one for one in found if sum((other.repo, other.revision) == (one.repo, one.revision) for other in found) > 1]
        if twins:
            raise ValueError(f"it has {twins[0].repo.id} ({twins[0].revision}) twice")
        return found
    except RecursionError:
        raise _no_lock(where, "it is nested too deeply") from None
    except (ValueError, TypeError, KeyError, AttributeError, HubjetError) as error:
        said = str(error) if isinstance(error, ValueError) else f"{type(error).__name__} {error}"
        raise _no_lock(where, said) from None


def _no_lock(where: str, why: str) -> ConfigError:
    return ConfigError(explain(f"{where} is no lock file that can be used: {why.partition(chr(10))[0]}", do="write it anew: hubjet lock REPO …"))


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A merge that went wrong leaves a file twice; json by itself takes the last."""
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"it has {next(name for name in names if names.count(name) > 1)!r} twice")
    return found


def _read_one(said: Any) -> Locked:
    one = repo(said["repo"], said["type"])
    revision, commit = check_revision(said["revision"]), said["commit"]
    if not isinstance(commit, str) or not is_commit(commit):
        raise ValueError(f"{commit!r} is no commit")
    licence, gated = said.get("licence"), said.get("gated")
    if not (licence is None or isinstance(licence, str)) or gated not in (None, True, False):
        raise ValueError(f"licence or gated of {one.id} makes no sense")
    if not isinstance(said["files"], dict):
        raise ValueError(f"the files of {one.id} are no table")
    files = {check_filename(path): _read_file(path, facts) for path, facts in said["files"].items()}
    for path in files:
        folder = path.rpartition("/")[0]
        while folder:
            if folder in files:
                raise ValueError(f"{folder!r} would be a file and a folder")
            folder = folder.rpartition("/")[0]
    return Locked(one, revision, commit, licence, gated, how_said(said.get("choice") or {}), files)


def _read_file(path: str, said: Any) -> LockedFile:
    size, sha256, git_sha1 = said["size"], said.get("sha256"), said.get("git_sha1")
    if type(size) is not int or not 0 <= size <= SIZE_MAX:
        raise ValueError(f"the size of {path!r} is {size!r}")
    for digest, length in ((sha256, 64), (git_sha1, 40)):
        if digest is not None and (not isinstance(digest, str) or len(digest) != length or not is_etag(digest)):
            raise ValueError(f"a digest of {path!r} is {digest!r}")
    if sha256 is None and git_sha1 is None:
        raise ValueError(f"{path!r} has no digest")
    return LockedFile(size, sha256, git_sha1)


# --- two of them, compared ------------------------------------------------------------------------


def changes(before: Sequence[Locked], now: Sequence[Locked]) -> list[str]:
    """What is different, a line each: "org/name: main moved 1a2b… -> 3c4d…", "  + new.json", "  - old.json", "  ~ model.safetensors 12 -> 14 bytes"."""
    old = {(one.repo, one.revision): one for one in before}
    new = {(one.repo, one.revision): one for one in now}
    lines: list[str] = []
    for key in sorted({*old, *new}):
        was, is_now = old.get(key), new.get(key)
        name = f"{key[0].id} ({key[1]})"
        if was is None:
            lines.append(f"{name}: new")
        elif is_now is None:
            lines.append(f"{name}: gone")
        else:
            some = file_changes(was.files, is_now.files)
            moved = was.commit != is_now.commit
            if moved or some:
                lines.append(f"{name}: " + (f"moved {was.commit[:12]} -> {is_now.commit[:12]}" if moved else "files differ") + ("" if some else ", the same files"))
            lines += some
            if was.licence != is_now.licence and was.licence is not None and is_now.licence is not None:
                lines.append(f"  ! licence {was.licence} -> {is_now.licence}")
    return lines


def file_changes(was: Mapping[str, LockedFile], now: Mapping[str, LockedFile]) -> list[str]:
    """Of one repository's files."""
    lines = []
    for path in sorted({*was, *now}):
        before, after = was.get(path), now.get(path)
        if before is None:
            lines.append(f"  + {path}")
        elif after is None:
            lines.append(f"  - {path}")
        elif before.size != after.size:
            lines.append(f"  ~ {path} {before.size} -> {after.size} bytes")
        elif before.etag != after.etag:
            lines.append(f"  ~ {path} {before.etag[:12]} -> {after.etag[:12]}, the same size")
    return lines
