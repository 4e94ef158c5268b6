"""What may be called what: repositories, revisions, files, patterns. Imports _errors; touches no disk and no
network."""

from __future__ import annotations

from ._errors import BadName

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import NamedTuple
    from urllib.parse import SplitResult

    Patterns = str | Iterable[str] | None
else:
    from ._record import NamedTuple

DEFAULT_REVISION = "main"
REPO_TYPES = {
    "model": "",
    "dataset": "datasets/",
    "space": "spaces/",
    "kernel": "kernels/",
}  # type -> prefix in page URLs

PART_BYTES_MAX, PATH_BYTES_MAX, PATH_DEPTH_MAX = 255, 3072, 64  # csrc/store/layout.h
SHOWN_MAX = 120

_HEX = "0123456789abcdef"
_WORD = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_"
_PLAIN_IN_URLS = f"{_WORD}-.~"  # what needs no percent sign (RFC 3986, section 2.3)
_IN_URLS = frozenset(_PLAIN_IN_URLS)


class Repo(NamedTuple):
    """A repository on a hub, by type and id."""

    type: str
    id: str

    @property
    def folder(self) -> str:
        """Its folder in the hub's cache: `models--org--name`."""
        return "--".join([f"{self.type}s", *self.id.split("/")])

    @property
    def api(self) -> str:
        """Its path below `<endpoint>/api/`."""
        return f"{self.type}s/{self.id}"

    def page(self, endpoint: str) -> str:
        """The page a person opens."""
        return f"{endpoint}/{REPO_TYPES[self.type]}{self.id}"

    def file_url(self, endpoint: str, revision: str, filename: str) -> str:
        """Where the hub resolves a file. The revision is one path segment, so its slashes are encoded too."""
        return f"{self.page(endpoint)}/resolve/{quote(revision)}/{quote(filename, '/')}"


def repo(repo_id: object, repo_type: str | None = None) -> Repo:
    """Checks both names; raises BadName (a ValueError), which says what is wrong."""
    return Repo(check_repo_type(repo_type), check_repo_id(repo_id))


def check_repo_type(repo_type: object) -> str:
    """`repo_type`, or "model" for None."""
    if repo_type is None:
        return "model"
    if not isinstance(repo_type, str) or repo_type not in REPO_TYPES:
        raise BadName(f"Invalid repo type: {repo_type!r}. There are: {', '.join(REPO_TYPES)}.")
    return repo_type


def check_repo_id(repo_id: object) -> str:
    """`repo_id`, if it has the form "name" or "namespace/name" that the hub allows."""
    if not isinstance(repo_id, str):
        raise BadName(f"A repo id is a string, not {type(repo_id).__name__}: {repo_id!r}.")
    if repo_id.count("/") > 1:
        raise BadName(
            f"A repo id has the form 'name' or 'namespace/name': {repo_id!r}. Datasets and spaces go with "
            "repo_type=..., a local folder must exist."
        )
    if not all(_is_id_part(part) for part in repo_id.split("/")):
        raise BadName(
            f"A repo id uses letters, digits, '-', '_' or '.', neither starts nor ends with '-' or '.', "
            f"and has at most 96 characters per part: {repo_id!r}."
        )
    if "--" in repo_id or ".." in repo_id:
        raise BadName(f"A repo id cannot hold -- or ..: {repo_id!r}.")
    if repo_id.endswith(".git"):
        raise BadName(f"A repo id cannot end in .git: {repo_id!r}.")
    return repo_id


def _is_id_part(part: str) -> bool:
    """huggingface_hub's own rule (2.4)."""
    return 0 < len(part) <= 96 and not part.strip(f"{_WORD}-.") and part[0] in _WORD and part[-1] in _WORD


def check_revision(revision: str | None) -> str:
    """The revision to ask for: a name such as "main" or a commit.

    An object with a commit in `.resolved` (huggingface_hub's ResolvedRevision) stands for that commit. The name
    becomes a path below refs/, so what would lead out of there is refused.
    """
    if revision is None:
        return DEFAULT_REVISION
    resolved = getattr(revision, "resolved", None)
    if isinstance(resolved, str):
        revision = resolved
    if not isinstance(revision, str):
        raise BadName(f"A revision is a string, not {type(revision).__name__}.")
    check_text(revision, "The revision")
    if not _is_plain_path(revision):
        raise BadName(f"{cut(revision)} cannot be a revision: it is empty or would lead out of the cache's refs folder.")
    fault = fault_of(revision)
    if fault:
        raise BadName(f"{cut(revision)} cannot be a revision: {fault}.")
    return revision


def check_filename(filename: str, subfolder: str | None = None) -> str:
    """The file's path in its repository, with the subfolder in front.

    Refused is what leads out of the folder it will be put in, on any system: "..", absolute paths, drives, UNC.
    """
    for text, what in ((filename, "file name"), (subfolder or "", "subfolder")):
        if not isinstance(text, str):
            raise BadName(f"A {what} is a string, not {type(text).__name__}: {text!r}.")
    path = f"{subfolder.strip('/')}/{filename}" if subfolder and subfolder.strip("/") else filename
    check_text(path, "The file name")
    fault = fault_of(path)
    if fault:
        raise BadName(f"Invalid filename {cut(path)}: {fault}. If the repository really has it, its owner should rename it.")
    return path


def fault_of(path: str) -> str:
    """Why a path cannot be that of a file in a repository; "" if it can. As csrc/store/layout.c, and stricter: also what leads
    out of the folder, or means something else, on another system: a cache written here may be read there."""
    parts = path.split("/")
    if not path.isprintable() and any(ord(sign) < 32 or 127 <= ord(sign) < 160 for sign in path):
        return "it has a control character"
    if not _is_plain_path(path):
        return "it cannot be absolute, name a drive, or have an empty, '.' or '..' part"
    if "\\" in path:
        return "it has a backslash"
    if any(part.lower() == ".git" for part in parts):
        return "it has a part '.git', where git would take it for its own"
    try:
        length = len(path.encode())
    except UnicodeEncodeError:
        return "it is not UTF-8"
    if len(parts) > PATH_DEPTH_MAX:
        return f"it has more than {PATH_DEPTH_MAX} parts"
    if length > PATH_BYTES_MAX or any(len(part.encode()) > PART_BYTES_MAX for part in parts):
        return f"it is longer than {PATH_BYTES_MAX} bytes, or has a part of more than {PART_BYTES_MAX}"
    return ""


def fault_in(path: str, reserved: str) -> str:
    """Why it cannot lie in a folder where `reserved` is ours: a repository could write our notes."""
    folder, asked = reserved.lower(), f"{path}/".lower()  # without case: file systems that ignore it exist
    return f"{reserved} in this folder is hubjet's own" if reserved and asked.startswith(f"{folder}/") else ""


def cut(text: str) -> str:
    """A foreign text as it may be shown: quoted, without control characters, not endless."""
    return repr(text if len(text) <= SHOWN_MAX else f"{text[: SHOWN_MAX // 2]}…{text[-SHOWN_MAX // 2 :]}")


def _is_plain_path(path: str) -> bool:
    parts = path.split("/")
    if "\0" in path or any(part in ("", ".", "..") for part in parts):
        return False
    # Under Windows' rules too: a cache written here may be read there.
    if ".." in path.replace("\\", "/").split("/"):
        return False
    return not any(part[0] == "\\" or part[1:2] == ":" for part in parts)  # \\root, \\\\server\\share, c:drive


def is_commit(text: str) -> bool:
    """Whether it is a whole commit hash; short ones are names like any other."""
    return len(text) == 40 and not text.strip(_HEX)


def is_etag(text: str | None) -> bool:
    """Whether it can be a blob's name: git-sha1 (40 hex digits) or sha256 (64)."""
    return text is not None and len(text) in (40, 64) and not text.strip(_HEX)


def digest_of(etag: str | None) -> str | None:
    """What the content must hash to, in the extension's words, if the etag says so."""
    if etag is None or not is_etag(etag):
        return None
    return f"sha256:{etag}" if len(etag) == 64 else f"git-sha1:{etag}"


def pattern_list(patterns: Patterns) -> list[str] | None:
    """Patterns ready for use; None stays None, which means "no opinion"."""
    if patterns is None:
        return None
    several = [patterns] if isinstance(patterns, str) else patterns
    ready = [str(pattern).replace("\\", "/") for pattern in several]
    return [pattern + "*" if pattern.endswith("/") else pattern for pattern in ready]


def keeper(allow: Patterns = None, ignore: Patterns = None) -> Callable[[str], bool]:
    """A function that says whether a path is wanted.

    fnmatch on the whole path, with upper and lower case told apart everywhere; `*` and `?` match `/` too; there is no
    `**` and no negation. A pattern ending in `/` means everything below. An empty allow list wants nothing; ignore
    wins.

    >>> [p for p in ("a.json", "data/b.json", "c.bin") if keeper(allow="*.json")(p)]
    ['a.json', 'data/b.json']
    """
    from fnmatch import fnmatchcase

    allowed, ignored = pattern_list(allow), pattern_list(ignore)

    def keep(path: str) -> bool:
        path = path.replace("\\", "/")
        if allowed is not None and not any(fnmatchcase(path, pattern) for pattern in allowed):
            return False
        return ignored is None or not any(fnmatchcase(path, pattern) for pattern in ignored)

    return keep


def check_text(text: str, what: str) -> None:
    """BadName for what came from the command line or a disk in bytes that are not UTF-8: the hub's names are."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadName(f"{what} is not UTF-8: {text!r}") from None


def quote(text: str, safe: str = "") -> str:
    """The text as a part of an URL; what is in `safe` stays."""
    if not text.strip(_PLAIN_IN_URLS + safe):
        return text
    return "".join(
        sign if sign in _IN_URLS or sign in safe else "".join(f"%{byte:02X}" for byte in sign.encode()) for sign in text
    )


def split(url: str) -> SplitResult:
    """The URL taken apart. urllib is loaded by the few calls that need it: it takes 6 ms."""
    from urllib.parse import urlsplit

    try:
        return urlsplit(url)
    except ValueError:  # its text is not said: it may hold a password
        raise BadName("the URL cannot be understood: what follows // is no host") from None


def name_in_url(url: str) -> str:
    """The last part of an URL's path, to name a file after; "" if there is none that may."""
    from urllib.parse import unquote

    name = unquote(split(url).path.rstrip("/").rpartition("/")[2])
    return name if "/" not in name and _is_plain_path(name) else ""


def origin_of(url: str) -> str:
    """scheme://host:port in lower case, the default port spelled out; two URLs of one origin may see the same token."""
    parts = split(url)
    scheme = parts.scheme.lower()
    try:
        port = parts.port
    except ValueError:
        raise BadName(f"{shown(url)!r} has no port from 1 to 65535.") from None
    return f"{scheme}://{(parts.hostname or '').lower()}:{port or {'https': 443, 'http': 80}.get(scheme, 0)}"


def shown(url: str) -> str:
    """The URL as it may be printed: without user, password, query and fragment."""
    parts = split(url)
    host = parts.netloc.rsplit("@", 1)[-1]
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme else f"{host}{parts.path}"
