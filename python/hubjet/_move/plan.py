"""What a download would bring, before it does: the files, why not the others, what that saves, and the URLs for other programs. Imports _errors, _config,
_edge, _held, _names, _choose, _quants, _words, _move.wanted.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from .. import _choose, _quants, _words
from .._config import resolve
from .._edge import public
from .._errors import BadName
from .wanted import how, look, name_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Sequence

    from .._auth.credentials import Token
    from .._held import Held
    from .._hub import Hub
    from .._names import Patterns
    from .._store import FileFacts
    from .wanted import How, Wanted

FORMATS = ("plain", "curl", "aria2", "json")


@dataclass(frozen=True)
class PlannedFile:
    """One file: its path in the repository, bytes, sha256 or git_sha1 (hex digits, the other one None; both None where the hub hides them),
    whether it is here already, and its URL, which is pinned to the commit."""

    filename: str
    size: int
    sha256: str | None
    git_sha1: str | None
    here: bool
    url: str


@dataclass(frozen=True)
class LeftOut:
    """One file that is not fetched: its path, bytes, and why, in a few words."""

    filename: str
    size: int
    reason: str


@dataclass(frozen=True)
class DownloadPlan:
    """What a download would bring: repo_id, repo_type, revision, commit, licence (as the hub has it), gated (None: not asked), `files`, `left_out`,
    `quants` (the GGUF files there are, by name). `size` and `saved` are the bytes of the two lists, `to_fetch` those that are not here."""

    repo_id: str
    repo_type: str
    revision: str
    commit: str
    licence: str | None
    gated: bool | None
    needs_token: bool
    files: Sequence[PlannedFile]
    left_out: Sequence[LeftOut]
    quants: Sequence[str] = field(default=())

    @property
    def size(self) -> int:
        """Bytes of all chosen files."""
        return sum(file.size for file in self.files)

    @property
    def to_fetch(self) -> int:
        """Bytes of those that are not here."""
        return sum(file.size for file in self.files if not file.here)

    @property
    def saved(self) -> int:
        """Bytes of the files that are left out."""
        return sum(file.size for file in self.left_out)

    def urls(self, format: str = "plain") -> str:
        """The files as a list for another program: "plain", "curl" (`curl -K`), "aria2" (`aria2c -i`) or "json". No token is in it: see
        `needs_token`.

        The names are those of the repository, so the folder they go to is one `hubjet unpack --from-folder` takes.
        """
        return _FORMATS[_checked(format)](self)

    def __str__(self) -> str:
        return "\n".join(_lines(self))


@public
def plan(
    repo_id: str,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    needed: bool = True,
    variant: str | None = None,
    quant: str | None = None,
    dtype: object = None,
    allow_patterns: Patterns = None,
    ignore_patterns: Patterns = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = None,
    endpoint: str | None = None,
) -> DownloadPlan:
    """What a download would bring, and what it would leave out: nothing is fetched or written but, into memory, a pipeline's index.

    Args:
        repo_id: "org/name", also "org/name@revision" and "datasets/org/name". needed: only what a loader needs, never two copies of one
            weight; False: all files. variant: such as "fp16". quant: the GGUF file of this name ("Q4_K_M") in place of other weights.
        dtype: "float16", torch.bfloat16 …: the variant with these numbers where there is one. allow_patterns, ignore_patterns: as in
            `from_pretrained`.

    Returns: DownloadPlan: str() of it is a table. Requests: two, none offline. Errors: those of `from_pretrained`; EntryNotFound for a
    variant or quant that is not there names those that are. Threads: any.

    >>> import hubjet
    >>> plan = hubjet.plan("org/model", dtype="float16")  # doctest: +SKIP
    >>> print(plan.size, plan.saved)  # doctest: +SKIP
    >>> print(plan.urls("aria2"))  # doctest: +SKIP
    """
    name = name_of(repo_id, repo_type, revision)
    config = resolve(cache_dir=cache_dir, endpoint=endpoint or None)
    wish = how(needed and name.repo.type == "model", variant, quant, dtype, allow_patterns, ignore_patterns)
    hub, held, wanted = look(name, wish, config, token)
    return of_wanted(hub, held, wanted, wish)


def of_wanted(hub: Hub, held: Held, wanted: Wanted, wish: How) -> DownloadPlan:
    """The plan of what `wanted.look` found."""
    here = held.here(wanted.commit, wanted.tree, wanted.files)
    chosen = set(wanted.files)
    return DownloadPlan(
        repo_id=wanted.name.repo.id,
        repo_type=wanted.name.repo.type,
        revision=wanted.name.revision,
        commit=wanted.commit,
        licence=wanted.licence,
        gated=wanted.gated,
        needs_token=bool(wanted.gated) or hub.has_token,
        files=[
            _planned(path, wanted.tree[path], path in here, hub.file_url(wanted.commit, path)) for path in wanted.files
        ],
        left_out=[
            LeftOut(path, facts.size, reason_of(path, wanted.files, wish)) for path, facts in sorted(wanted.tree.items()) if path not in chosen
        ],
        quants=_quants.quants(wanted.tree),
    )


def _planned(path: str, facts: FileFacts, here: bool, url: str) -> PlannedFile:
    etag = facts.etag
    return PlannedFile(path, facts.size, etag if etag and len(etag) == 64 else None, etag if etag and len(etag) == 40 else None, here, url)


def reason_of(path: str, chosen: Iterable[str], wish: How) -> str:
    """Why a file is not among the chosen, in a few words."""
    if not wish.needed and not (wish.variant or wish.quant or wish.dtype):
        return "not matched by the patterns"
    kind, folder = _choose.kind_of(path), path.rpartition("/")[0]
    here = [one for one in chosen if one.rpartition("/")[0] == folder and _choose.kind_of(one) in ("safetensors", "pytorch", "gguf")]
    if kind == "gguf":
        return f"another quant than {wish.quant}" if wish.quant else "a GGUF file: --quant brings one"
    if kind == "other":
        return "weights of another framework"
    if kind in ("safetensors", "pytorch") and here:
        return f"the same weights as {here[0].rpartition('/')[2]}"
    if kind in ("safetensors", "pytorch"):
        return "the same weights in another form" if any(_choose.kind_of(one) for one in chosen) else "not needed"
    if kind == "index":
        return "the index of weights that are left out"
    return "not needed to load it"


# --- shown ----------------------------------------------------------------------------------------


def _lines(plan: DownloadPlan) -> list[str]:
    """A table for people."""
    lines = [f"{plan.repo_id} at {plan.revision}, commit {plan.commit}" + (f", licence {plan.licence}" if plan.licence else "")]
    width = max((len(_words.size(file.size)) for file in plan.files), default=0)
    for file in plan.files:
        lines.append(f"  {'here ' if file.here else 'fetch'}  {_words.size(file.size):>{width}}  {file.filename}")
    lines.append(f"{_words.count(len(plan.files), 'file')}, {_words.size(plan.size)}; {_words.size(plan.to_fetch)} to fetch")
    reasons: dict[str, list[LeftOut]] = {}
    for left in plan.left_out:
        reasons.setdefault(left.reason, []).append(left)
    if plan.left_out:
        lines.append(f"left out: {_words.count(len(plan.left_out), 'file')}, {_words.size(plan.saved)} saved")
        for reason, some in sorted(reasons.items(), key=lambda item: -sum(left.size for left in item[1])):
            lines.append(f"  {_words.size(sum(left.size for left in some)):>9}  {_words.count(len(some), 'file')}: {reason}")
    if plan.quants:
        lines.append(f"quants: {', '.join(plan.quants)}")
    return lines


def _checked(format: str) -> str:
    if format not in FORMATS:
        raise BadName(f"there is no format {format!r}; there are {', '.join(FORMATS)}")
    return format


HEADER = "Authorization: Bearer $HF_TOKEN"


def _plain(plan: DownloadPlan) -> str:
    return "\n".join(file.url for file in plan.files)


def _curl(plan: DownloadPlan) -> str:
    """A file for `curl -K`, which knows no checksums: they stand beside as comments."""
    lines = [
        f"# {plan.repo_id} at commit {plan.commit}: curl --parallel -K THIS_FILE, then hubjet unpack --from-folder . {_spoken(plan)}",
        *([f'# gated or private: curl -H "{HEADER}", which goes to the hub only, not where it redirects'] if plan.needs_token else []),
        "location", "fail", "create-dirs", 'continue-at = "-"',
    ]  # fmt: skip
    for file in plan.files:
        lines += ["", f"# {file.size} bytes, {_digest(file)}", f'url = "{_quoted(file.url)}"', f'output = "{_quoted(file.filename)}"']
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def _aria2(plan: DownloadPlan) -> str:
    """A file for `aria2c -i`: it compares sha256 itself; git-sha1 is no sum that it knows."""
    lines = [
        f"# {plan.repo_id} at commit {plan.commit}: aria2c -i THIS_FILE -x 8 -c, then hubjet unpack --from-folder . {_spoken(plan)}",
        *(["# gated or private: take --format curl; aria2 would show the token to the hosts it is redirected to, too"] if plan.needs_token else []),
    ]
    for file in plan.files:
        lines += [file.url, f"  out={file.filename}"]
        lines += [f"  checksum=sha-256={file.sha256}"] if file.sha256 else []
    return "\n".join(lines)


def _spoken(plan: DownloadPlan) -> str:
    kind = "" if plan.repo_type == "model" else f" --type {plan.repo_type}"
    return f"--repo {plan.repo_id}@{plan.commit}{kind}"


def _digest(file: PlannedFile) -> str:
    return f"sha256 {file.sha256}" if file.sha256 else f"git-sha1 {file.git_sha1}" if file.git_sha1 else "no digest told"


def _json(plan: DownloadPlan) -> str:
    import json

    return json.dumps(as_dict(plan), indent=1)


def as_dict(plan: DownloadPlan) -> dict[str, object]:
    """For programs."""
    return {
        "repo_id": plan.repo_id, "repo_type": plan.repo_type, "revision": plan.revision, "commit": plan.commit, "licence": plan.licence,
        "gated": plan.gated, "header": HEADER if plan.needs_token else None, "size": plan.size, "to_fetch": plan.to_fetch, "saved": plan.saved,
        "files": [vars(file) for file in plan.files], "left_out": [vars(file) for file in plan.left_out], "quants": list(plan.quants),
    }  # fmt: skip


_FORMATS = {"plain": _plain, "curl": _curl, "aria2": _aria2, "json": _json}
