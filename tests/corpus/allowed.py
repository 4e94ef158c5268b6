"""Allowed: where `enable()` may differ from the stock client, one by one, each with its reason.

An allowance says how narrow it is: `cases` whose differences it may excuse (patterns of titles), and `fits(difference)`, which looks at one
difference only. docs/enable-equality.md is written from this list; one that no case needs is a mistake (`make corpus` says so).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, Callable

from tests.corpus.compare import Difference, Verdict


@dataclass(frozen=True)
class Allowance:
    name: str
    reason: str
    fits: Callable[[Difference], bool]
    cases: tuple[str, ...] = ("*",)


def judge(title: str, found: list[Difference]) -> Verdict:
    verdict = Verdict()
    for one in found:
        fitting = (
            allowance.name
            for allowance in ALLOWED
            if any(fnmatchcase(title, pattern) for pattern in allowance.cases) and allowance.fits(one)
        )
        name = next(fitting, None)
        if name is None:
            verdict.open.append(one)
        else:
            verdict.allowed.setdefault(name, []).append(one)
    return verdict


def of_kind(*kinds: str) -> Callable[[Difference], bool]:
    return lambda one: one.kind in kinds


# What fits ------------------------------------------------------------------------------------------

RANGE = "GET /blob 206"
QUERY = re.compile(r"(https?://[^\s?'\"\]]+)\?[^\s'\"\]]*?(?=[.,]?(?:[\s'\"\]]|$))")
# What the HTTP library and the stock client say where a body does not come.
THEIRS = re.compile(
    r"\[Errno \d+\]|Consistency check failed|peer closed connection|Server disconnected|timed out|[Cc]onnection|\[SSL|Name or service", re.I
)
OURS = re.compile(r"\[https?://[^\]]+\]$")
TRIES = ("Error while downloading from ", "Retrying in ", "Trying to resume download")


def of_ranges(one: Difference) -> bool:
    """More requests, and all that are more are ranges of files' bytes."""
    if one.kind != "requests" or not one.where.endswith("number"):
        return False
    others = [ask for ask in one.enabled if ask != RANGE]
    return RANGE in one.enabled and len(others) < len(one.stock)


def without_query(value: Any) -> Any:
    if isinstance(value, str):
        return QUERY.sub(r"\1", value)
    if isinstance(value, list):
        return [without_query(item) for item in value]
    return {name: without_query(item) for name, item in value.items()} if isinstance(value, dict) else value


def of_signed_urls(one: Difference) -> bool:
    return bool(one.kind == "error" and without_query(one.stock) == one.enabled != one.stock)


def of_words(one: Difference) -> bool:
    """The text of a failed transfer, which is the HTTP library's with the one and ours with the other. Class and attributes are not words."""
    return one.kind == "error" and one.where.endswith(": text") and bool(THEIRS.search(one.stock)) and bool(OURS.search(one.enabled))


def of_tries(one: Difference) -> bool:
    """Log lines of the stock client's about its own tries."""
    if one.kind != "heard":
        return False
    kept = [line for line in one.stock if not (line[0].startswith("huggingface_hub.") and line[2].startswith(TRIES))]
    return kept == one.enabled and kept != one.stock


def of_xet(one: Difference) -> bool:
    if one.kind == "tree":
        return (one.where == "home/xet" or one.where.startswith("home/xet/")) and one.enabled is None
    if one.kind == "stranger":
        return one.where == "GET cdn /blob" or bool(re.fullmatch(r"GET hub /\S+/resolve/main/\S+", one.where))
    return one.kind == "credentials" and one.stock == "Bearer xet_test_access" and one.enabled is None


def of_a_bars_name(one: Difference) -> bool:
    """Only `desc` differs, and the stock client's is the end of a signed URL."""

    def named(value: Any) -> Any:
        if isinstance(value, list):
            return ["desc", "*"] if len(value) == 2 and value[0] == "desc" else [named(item) for item in value]
        return {name: named(item) for name, item in value.items()} if isinstance(value, dict) else value

    return one.kind == "value" and "(…)" in str(one.stock) and named(one.stock) == named(one.enabled)


def of_bytes_that_are_wrong(one: Difference) -> bool:
    """The stock client has the file, we have an error or nothing."""
    if one.kind == "tree":
        return one.enabled is None
    return one.kind == "value" and isinstance(one.enabled, dict) and "class" in one.enabled


def of_more_tries(one: Difference) -> bool:
    """The same requests, some of them more often; or the bytes of such."""
    if one.kind != "requests":
        return False
    return one.where == "bytes of files" or set(one.enabled) <= set(one.stock)


def of_a_new_link(one: Difference) -> bool:
    """The hub was asked for a new address of a body, and its request id is in the exception then."""
    if one.kind == "requests":
        again = re.compile(r"GET /\S+/resolve/[0-9a-f]{40}/\S+ 30[27]|GET /blob 40\d")
        return one.where != "bytes of files" and all(ask in one.stock or again.fullmatch(ask) for ask in one.enabled)
    if one.kind != "error":
        return False
    if one.where.endswith("request_id"):
        return (one.stock, one.enabled) == (False, True)
    return told(one.enabled) == told(without_query(one.stock))


def of_what_was_prepared(one: Difference) -> bool:
    """Folders, the lock and the tag that are there when a body is asked for; or the request that was refused."""
    if one.kind == "tree":
        places = ("/.locks", "/.locks/*", "/CACHEDIR.TAG", "/models--*/blobs", "/models--*/snapshots*")
        return one.stock is None and any(fnmatchcase(one.where, "home/hub" + place) for place in places) and one.enabled[0] != "link"
    if one.kind != "error" or not one.where.endswith("response"):
        return False
    asked, same = ([*side["request"]] for side in (one.enabled, one.stock))
    return asked == ["GET", same[1]] and {**one.enabled, "request": same} == one.stock


LISTING = re.compile(r"GET /api/\w+/\S+/tree/[0-9a-f]{40}")


def of_a_listing(one: Difference) -> bool:
    """The listing of one commit was asked for, and that is the one request more."""
    if one.kind == "stranger":
        return bool(LISTING.fullmatch(one.where.replace("GET hub ", "GET ")))
    if one.kind != "requests" or not one.where.endswith("number"):
        return False
    others = [ask for ask in one.enabled if not LISTING.match(ask) and ask != RANGE]
    return len(others) <= len(one.stock) and len(one.enabled) - len(others) >= 1 and any(map(LISTING.match, one.enabled))


def of_no_request(one: Difference) -> bool:
    """The 404 that nobody sent: only the id of its request is missing."""
    if one.kind != "error":
        return False
    return (one.stock, one.enabled) == (True, False) if one.where.endswith("request_id") else told(one.stock) == told(one.enabled)


def of_an_empty_file(one: Difference) -> bool:
    if one.kind == "heard":
        return one.enabled == [] and all(line[0] == "ResourceWarning" for line in one.stock)
    return one.kind == "tree" and one.where == "out.bin" and one.stock == ["file", "0644", ""] and one.enabled is None


def told(value: Any) -> Any:
    """A response or a text without what the hub adds to what its redirect leads to."""
    if isinstance(value, str):
        return re.sub(r"\(Request ID: Root=1-…\)\s*| \(Request ID: Root=1-…\)", "", value).replace("' \n", "'\n")
    return {**value, "headers": {**value["headers"], "x-repo-commit": None}} if isinstance(value, dict) else value


def of_a_second_chance(one: Difference) -> bool:
    """We have the file, the stock client has an error or nothing."""
    if one.kind == "tree":
        return one.stock is None
    return one.kind == "requests" or (one.kind == "value" and isinstance(one.stock, dict) and "class" in one.stock)


ALLOWED: list[Allowance] = [
    Allowance(
        "ranges",
        "A large file comes in ranges over several connections, so its content network is asked more than once. The hub is not.",
        of_ranges,
    ),
    Allowance(
        "by commit",
        "Where the hub itself answers with the bytes (private, gated, Xet, without a namespace), they are asked for by the commit that its metadata named, not by the "
        "branch: a push in between cannot mix two versions.",
        lambda one: one.kind == "stranger" and bool(re.fullmatch(r"GET hub /\S+/resolve/[0-9a-f]{40}/\S+", one.where)),
    ),
    Allowance(
        "no agent registry",
        "The stock client asks the hub once a day for a list of AI agents to look for in the environment, and keeps it in HF_HOME. That is neither asked nor kept.",
        lambda one: one.kind == "tree" and one.where == "home/.agent_harnesses.json" and one.enabled is None,
    ),
    Allowance(
        "signed URLs are not shown",
        "A signed URL lets whoever reads it fetch the file. The stock client puts it into exceptions with its signature; ours end before the question mark.",
        of_signed_urls,
    ),
    Allowance(
        "our error is the cause",
        "`__cause__` of an exception about a file's bytes is hubjet's error, with what it knows (status, address, tries, digests), in place of the HTTP library's.",
        of_kind("cause"),
    ),
    Allowance(
        "words of a failed transfer",
        "Where a connection fails or breaks, the class and its attributes are the stock client's, the sentence is ours: it names the host and what happened.",
        of_words,
    ),
    Allowance(
        "no line for each try",
        "The stock client logs a warning for each try of a body. Ours go on at the byte where it stopped, and say nothing unless it fails.",
        of_tries,
    ),
    Allowance(
        "Xet files come from the bridge",
        "Files behind Xet are fetched over HTTP from the content network that the hub's redirect names, and proven by their sha256, which hf_xet does not look at. "
        "So its store is not asked (no token, no reconstruction, no telemetry), and its logs and staging folders under HF_HOME/xet are not made. "
        "The shared store of the cache is kept as the stock client keeps it.",
        of_xet,
        ("xet: *", "frameworks: *"),
    ),
    Allowance(
        "a bar's name",
        "The stock client names the bar of a large file by the end of its signed URL. Ours is the file's name.",
        of_a_bars_name,
        ("progress: *",),
    ),
    Allowance(
        "wrong bytes are not installed",
        "The stock client looks at the length only and keeps a file whose content is wrong. Here that is an OSError (\"Consistency check failed\"), as a wrong length "
        "is for both, and nothing is published.",
        of_bytes_that_are_wrong,
        ("bytes that are: wrong*", "file system: get_file, wrong bytes"),
    ),
    Allowance(
        "a second chance",
        "A content network that says 503 once ends the stock client's call at once. Here there is a next try, and the call succeeds.",
        of_a_second_chance,
        ("bytes that are: * once*",),
    ),
    Allowance(
        "what is known of a commit is not asked for",
        "A commit does not change. Whether it has a file, how large and with which digest, is not asked where its listing or the mark of a missing file says so: a "
        "404 from there has no request id.",
        of_no_request,
        ("names: missing*",),
    ),
    Allowance(
        "one listing for many questions",
        "The second question of a process about one commit asks for the commit's listing, which answers that one and all that follow: one request more where nothing "
        "follows.",
        of_a_listing,
    ),
    Allowance(
        "a mark that is wrong is believed",
        "The same, where somebody left a mark that a commit lacks a file it has (the hub never says so): transformers believes it, too. By the branch the file is "
        "fetched, and is there.",
        lambda one: one.kind in ("value", "requests"),
        ("left there: a marker that the file is missing, and it came",),
    ),
    Allowance(
        "a listing that is wrong is an error",
        "The same, where a listing on the disk names other content than the hub does: the stock client asks for each file and gets it, unless it is Xet's. Here the "
        "content that the hub names is refused, nothing is installed, and the error says so.",
        lambda one: one.kind in ("value", "requests", "tree"),
        ("left there: a listing that lies",),
    ),
    Allowance(
        "refused when the bytes are asked for",
        "In a snapshot nobody asks for a file's metadata, so a hub that refuses does so when the bytes are asked for: the same error of a GET in place of a HEAD, after "
        "the (empty) folders, the tag and the lock were made.",
        of_what_was_prepared,
        ("doors: *",),
    ),
    Allowance(
        "a new link",
        "A content network that lets nobody in (403, 404) may mean that a signature has expired: the hub is asked for a new address before the call fails. The "
        "exception then names the hub's request, which the content network's answer has none of.",
        of_a_new_link,
        ("bytes that are: 40*", "bytes that are: a signature*", "bytes that are: missing*", "moved: the new body does not come", "folder, notes: the update*"),
    ),
    Allowance(
        "bytes come as they are",
        "Bodies are asked for without a content encoding: the digest is of the file's own bytes, and a range of packed ones means nothing.",
        lambda one: one.kind == "requests" and one.where == "bytes of files",
        ("bytes that are: packed",),
    ),
    Allowance(
        "more tries",
        "What fails for good is believed after more tries than the stock client's one: of the same file, at the same address. The exception is the same.",
        of_more_tries,
        ("bytes that are: *", "a hub that says: another size", "file system: get_file*"),
    ),
    Allowance(
        "what came is kept",
        "Where the caller's own bar raises, the file that came meanwhile stays among the blobs, whole and proven; the exception is the same.",
        lambda one: one.kind == "tree" and "/blobs/" in one.where and one.stock is None,
        ("progress: a class that raises", "progress: a class that stops the download"),
    ),
    Allowance(
        "no empty file",
        "HfFileSystem.get_file of the stock client opens the target before it asks for the bytes, and leaves an empty file where they do not come. Here the file "
        "gets its name when it is whole.",
        of_an_empty_file,
        ("file system: get_file, the content network is down", "file system: get_file of what is not there"),
    ),
    Allowance(
        "hf_xet is not missed",
        "The stock client advises to install hf_xet where it is not. It would not be used, so nothing is said.",
        lambda one: one.kind == "heard" and one.enabled == [] and all("package is not installed" in line[2] for line in one.stock),
        ("xet: hf_xet is not installed",),
    ),
]
