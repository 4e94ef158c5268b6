"""ModelScope's API, mapped to what a hub's listing says. Imports _names, _store. Pure: URLs out, an answer in.

    GET <endpoint>/api/v1/models/<id>/repo/files?Revision=<name>&Recursive=true
        {"Code": 200, "Success": true, "Data": {"Files": [{"Path", "Type": "blob" or "tree", "Size", "Sha256", "IsLFS", "Revision"}],
         "LatestCommitter": {"Id" or "", "ShortId"}}}        Files is null (status 200) where there is no such branch or tag
    GET <endpoint>/api/v1/models/<id>/repo?Revision=<name>&FilePath=<path>      the bytes, or a redirect to a content network; Range is obeyed

Facts: modelscope/modelscope, modelscope/hub/file_download.py (both URLs; Type, Path; FILE_HASH = "Sha256" of every file, also of small
ones, in hub/constants.py) and modelscope/hub/snapshot_download.py (revisions are branches and tags, "master" by default). `Revision` of
a file is the commit that changed it last, not the listing's.
"""

from __future__ import annotations

from ._names import DEFAULT_REVISION, is_commit, is_etag, quote
from ._store import FileFacts, is_sound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, NamedTuple

    from ._store import Tree
else:
    from ._record import NamedTuple

STANDARD_BRANCH = "master"


class Listing(NamedTuple):
    """What a revision holds there. `branch` is what it was asked for, and what files are asked for."""

    branch: str
    commit: str
    tree: Tree


def branch_of(revision: str) -> str:
    """What a revision of a hub is called there."""
    return STANDARD_BRANCH if revision == DEFAULT_REVISION else revision


def listing_url(endpoint: str, repo_id: str, branch: str) -> str:
    """Where the list of files is asked for."""
    return f"{endpoint}/api/v1/models/{quote(repo_id, '/')}/repo/files?Revision={quote(branch)}&Recursive=true"


def file_url(endpoint: str, repo_id: str, branch: str, path: str) -> str:
    """Where a file is asked for."""
    return f"{endpoint}/api/v1/models/{quote(repo_id, '/')}/repo?Revision={quote(branch)}&FilePath={quote(path)}"


def read_listing(answer: Any, branch: str) -> Listing | None:
    """The listing; None if there is no such branch. ValueError says what makes no sense."""
    data = answer.get("Data") if isinstance(answer, dict) else None
    if not isinstance(data, dict) or answer.get("Success") is False:
        raise ValueError("the answer has no Data")
    entries = data.get("Files")
    if entries is None:
        return None
    if not isinstance(entries, list):
        raise ValueError("the file list is no list")
    try:
        blobs = [entry for entry in entries if entry["Type"] != "tree"]
        tree = {entry["Path"]: _facts_of(entry) for entry in blobs}
        if len(tree) != len(blobs):
            raise ValueError("the file list has a file twice")
    except (KeyError, TypeError, AttributeError):
        raise ValueError("an entry of the file list has no Path, Size or Sha256") from None
    return Listing(branch, _commit_of(data.get("LatestCommitter"), blobs, tree), tree)


def _facts_of(entry: Mapping[str, Any]) -> FileFacts:
    digest = entry["Sha256"].lower()
    facts = FileFacts(entry["Size"], digest, digest, entry["Size"])
    if not isinstance(entry["Path"], str) or not is_sound(facts) or len(digest) != 64 or not is_etag(digest):
        raise TypeError
    return facts


def _commit_of(latest: Any, blobs: list[Mapping[str, Any]], tree: Tree) -> str:
    """The commit, if the answer tells it; else a name made of the content, so that the same content has the same name."""
    latest = latest if isinstance(latest, dict) else {}
    told = str(latest.get("Id") or "")
    if is_commit(told):
        return told
    short = str(latest.get("ShortId") or "")
    of_files = {str(entry.get("Revision") or "") for entry in blobs}
    named = [commit for commit in of_files if is_commit(commit) and short and commit.startswith(short)]
    if len(named) == 1:
        return named[0]
    import hashlib

    content = "\n".join(f"{facts.etag} {facts.size} {path}" for path, facts in sorted(tree.items()))
    return hashlib.sha1(content.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()
