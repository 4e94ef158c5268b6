"""What is typed, set or written for a setting, as the value it means; and such values as text again. Pure, but for ~ and the working folder.
Imports _errors.
"""

from __future__ import annotations

import os

from ._errors import StorageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

STANDARD_ENDPOINT = "https://huggingface.co"
MODELSCOPE_ENDPOINT = "https://www.modelscope.cn"
MODELSCOPE_HOSTS = ("modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai")
MODELSCOPE_MARK = "modelscope+"  # before an endpoint that speaks ModelScope's API
ADOPT = ("auto", "clone", "link", "hardlink", "copy", "off")
ENDPOINTS_MAX = 16  # csrc/engine/want.h: a file's own URL and 15 mirrors
LAYOUTS = ("hub", "plain", "auto")


def text(text: str) -> str:
    return text


def url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("an http:// or https:// URL")
    return text.rstrip("/")


def endpoints(text: str) -> tuple[str, ...]:
    """ "https://huggingface.co, modelscope" → each in full, once."""
    found = tuple(dict.fromkeys(endpoint(word) for word in text.replace(",", " ").split()))
    if not 0 < len(found) <= ENDPOINTS_MAX:
        raise ValueError(f"1 to {ENDPOINTS_MAX} endpoints, with blanks or commas between them")
    return found


def endpoint(word: str) -> str:
    """One of them: [modelscope+]https://host[#names]. `names` say what a repository is called there, if it is called otherwise:
    "Theirs/Name" whichever is asked for, or "org/name=Theirs/Name", several with & between them."""
    base, hash_sign, repo_id = word.partition("#")
    mark = MODELSCOPE_MARK if base.startswith(MODELSCOPE_MARK) else ""
    base = MODELSCOPE_ENDPOINT if base == "modelscope" else url(base.removeprefix(MODELSCOPE_MARK))
    if base.partition("://")[2].partition("/")[0].lower() in MODELSCOPE_HOSTS:
        mark = MODELSCOPE_MARK
    if "=" in repo_id and not all(pair.count("=") == 1 for pair in repo_id.split("&")):
        raise ValueError("org/name=Theirs/Name after #, several with & between them")
    return f"{mark}{base}{hash_sign}{repo_id}"


def url_of_endpoint(endpoint: str) -> str:
    """Where it is, without what it speaks and what a repository is called there."""
    return endpoint.removeprefix(MODELSCOPE_MARK).partition("#")[0]


def listed(endpoints: object) -> str:
    """What may be passed as `endpoints`, as text: a list of texts and of {endpoint: what the repository is called there}, or
    {endpoint: {"org/name": what that one is called there}}."""
    if isinstance(endpoints, str | bytes) or not hasattr(endpoints, "__iter__"):
        return str(endpoints)
    several: Any = [endpoints] if hasattr(endpoints, "items") else endpoints
    words: list[str] = []
    for one in several:
        words += [f"{where}#{names(called)}" for where, called in one.items()] if hasattr(one, "items") else [str(one)]
    return " ".join(words)


def names(called: Any) -> str:
    return "&".join(f"{ours}={theirs}" for ours, theirs in called.items()) if hasattr(called, "items") else str(called)


def joined(folders: Any) -> str:
    """What may be passed as `sources`, as text: one folder, or several."""
    if isinstance(folders, str | os.PathLike):
        return os.fspath(folders)
    return os.pathsep.join(os.fspath(folder) for folder in folders)


def joined_tiers(places: Any) -> str:
    if isinstance(places, str | os.PathLike):
        return os.fspath(places)
    return "".join(_BETWEEN + ("" if place is None else os.fspath(place)) for place in places)


LISTS = {"sources": joined, "caches": joined_tiers}  # settings that are lists of places, as text


def path(text: str) -> str:
    return absolute(os.path.expandvars(os.path.expanduser(text)), os.path.realpath)


def as_it_is(text: str) -> str:
    return absolute(os.path.expandvars(os.path.expanduser(text)))


def path_of_file(text: str) -> str:
    """The file itself, if it is a link: others have to find it by its own name, beside its neighbours."""
    folder, name = os.path.split(absolute(os.path.expandvars(os.path.expanduser(text))))
    return os.path.join(os.path.realpath(folder), name)


def path_as_named(text: str) -> str:
    """The whole path, links and all: one that leads to a mount which is gone cannot be followed."""
    return absolute(os.path.expandvars(os.path.expanduser(text)))


def absolute(path: str, how: Callable[[str], str] = os.path.abspath) -> str:
    """The whole path. Where the current folder was deleted, Python's own error says only "No such file or directory"."""
    try:
        return how(path)
    except FileNotFoundError as error:
        raise StorageError(
            f"{path!r} is relative to the current folder, which was deleted: go to one that is there, or name a whole path",
            path=path,
            errno=error.errno,
        ) from error


def tiers(text: str) -> tuple[str, ...]:
    """ "/shared/hub:s3://bucket/hub:~/cache" → each in full, once. "" at the end: the cache_dir; the colon of s3:// is none between two, nor are
    those of chained places (simplecache::s3://…)."""
    words = text[1:].split(_BETWEEN) if text.startswith(_BETWEEN) else words_of_path(text)
    *before, last = words
    found = [word if "://" in word else as_it_is(word) for word in before if word]  # not looked at: one may be a mount that hangs
    return tuple(dict.fromkeys([*found, last if not last or "://" in last else path(last)]))


_BETWEEN = "\n"  # between the places of a list, which may have any sign in them


def words_of_path(text: str) -> list[str]:
    words, start = [], 0
    for at, sign in enumerate(text):
        if sign == os.pathsep and at >= start and not (sign == ":" and is_of_place(text, start, at)):
            words.append(text[start:at])
            start = at + 1
    return [*words, text[start:]]


def is_of_place(text: str, start: int, at: int) -> bool:
    """Whether the colon belongs to s3://bucket, simplecache::s3://…, sftp://host:22/, ftp://me:secret@host/."""
    if text[at + 1 : at + 3] == "//" or text[at + 1 : at + 2] == ":" or (at > start and text[at - 1] == ":"):
        return True
    before, there, host = text[start:at].rpartition("://")
    after = text[at + 1 :].partition("/")[0]
    return bool(there) and "/" not in host and (after.partition(os.pathsep)[0].isdigit() or "@" in after)


def folders(text: str) -> tuple[str, ...]:
    """ "/models:~/more" → each in full, once; os.pathsep between them."""
    return tuple(dict.fromkeys(path(folder) for folder in text.split(os.pathsep) if folder))


def tactics(text: str) -> str:
    if text not in ADOPT:
        raise ValueError("one of " + ", ".join(ADOPT))
    return text


def flag(text: str) -> bool:
    return text.upper() in {"1", "ON", "YES", "TRUE"}  # huggingface_hub's rule; anything else is "no"


def no_flag(text: str) -> bool:
    return not flag(text)


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ValueError("a number of seconds above 0")
    return value


def layout(text: str) -> str:
    if text.lower() not in LAYOUTS:
        raise ValueError(" or ".join(LAYOUTS))
    return text.lower()


def waiting(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise ValueError("a number of seconds, 0 or more")
    return value


def count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 256:
        raise ValueError("a whole number from 1 to 256")
    return int(text)


def size(text: str) -> int:
    """ "256M", "1.5 GiB", "1000000" → bytes. K, M, G, T are powers of 1024."""
    number = text.strip().upper().removesuffix("B").removesuffix("I").strip()
    power = "KMGT".find(number[-1:]) + 1 if number else 0
    try:
        size = int(float(number[:-1] if power else number) * 1024**power)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise ValueError("a size such as 256M")
    return size


def rate(text: str) -> int:
    """ "8M", "500 KB/s" → bytes per second; "off", "0" → 0, no limit."""
    word = text.strip().lower().removesuffix("/s")
    if word in ("0", "off", "none", "unlimited"):
        return 0
    try:
        rate = size(word)
    except ValueError:
        rate = 0
    if rate < 1024:
        raise ValueError("bytes per second such as 8M, from 1K up, or off")
    return rate
