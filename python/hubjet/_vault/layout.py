"""How a vault looks: names only. Pure. Imports _names, _record.

    <vault>/org/name/                            datasets/org/name, spaces/org/name for the other types, as in the hub's URLs
        hubjet-<commit>-<8 hex>.json             what is whole: written last, named after its own content
        <commit>/model.safetensors               a file under its own name
        <commit>/big.safetensors.part-01-of-05   one that is larger than PART
        <commit>/.big….<who>.hubjet              on its way: nobody's but the writer's

A file of a commit may lie in another commit's folder: what did not change is not written twice. Who reads looks at the manifests and at
nothing else, so what no manifest names is not there.
"""

from __future__ import annotations

from .._names import REPO_TYPES, Repo, is_commit

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NamedTuple
else:
    from .._record import NamedTuple

PART = 1 << 30  # "a 3 GB file shows 0 bytes in Drive for 30 minutes": large writes are what it loses
TEMP_END = ".hubjet"
_MARK = "hubjet-"


class Span(NamedTuple):
    """A piece of a file, and where it lies below the repository's folder in the vault."""

    at: str
    start: int
    size: int


def folder_of(repo: Repo) -> str:
    """The repository's folder below the vault."""
    return repo.id if repo.type == "model" else f"{repo.type}s/{repo.id}"


def repo_of(folder: str) -> Repo | None:
    """The repository whose folder this is, None for one that is no repository's."""
    kind, _, rest = folder.partition("/")
    for name in REPO_TYPES:
        if kind == f"{name}s" and rest:
            return Repo(name, rest) if rest.count("/") <= 1 else None
    return Repo("model", folder) if folder and folder.count("/") <= 1 else None


def spans(commit: str, path: str, size: int, part: int | None = None) -> list[Span]:
    """The pieces of a file, none larger than `part`: sizes differ by a byte at most, so that none is a rest of a few bytes."""
    part = part or PART
    count = -(-size // part)
    if count <= 1:
        return [Span(f"{commit}/{path}", 0, size)]
    width = max(len(str(count)), 2)
    ends = [size * n // count for n in range(count + 1)]
    return [
        Span(f"{commit}/{path}.part-{n + 1:0{width}}-of-{count:0{width}}", ends[n], ends[n + 1] - ends[n]) for n in range(count)
    ]


def temp_of(at: str, who: str) -> str:
    """The name of a piece while it is written by `who`."""
    folder, _, name = at.rpartition("/")
    return f"{folder}/.{name[:120]}.{who}{TEMP_END}"


def is_temp(name: str) -> bool:
    """Whether a file is somebody's unfinished one."""
    return name.startswith(".") and name.endswith(TEMP_END)


def manifest_name(commit: str, sha256: str) -> str:
    """`sha256` of its content: two writers never write the same name with different words, and one that is cut is noticed."""
    return f"{_MARK}{commit}-{sha256[:8]}.json"


def manifest_commit(name: str) -> tuple[str, str] | None:
    """(commit, first digits of its sha256) of a manifest's name; None: it is something else."""
    if not (name.startswith(_MARK) and name.endswith(".json")):
        return None
    commit, _, mark = name[len(_MARK) : -len(".json")].partition("-")
    return (commit, mark) if is_commit(commit) and len(mark) == 8 else None
