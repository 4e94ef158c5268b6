"""Types of the C extension. Compared with the binary by tests/lint/stubs.py.

Everything here is thread-safe, gives up the GIL while it waits, and never calls back into Python from another thread.
Sizes and offsets are bytes. Digests are written `sha256:<64 hex>` or `git-sha1:<40 hex>` (the hub's etag of a small file).
"""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypedDict, final

__version__: str

class Want(TypedDict, total=False):
    """One wanted file. Only `url` is required."""

    url: str  # the first URL asked, e.g. https://host/org/name/resolve/<rev>/<path>
    mirrors: Sequence[str]  # further URLs of the same content, at most 15: no auth and no headers go there; used once the digest is known
    why: str  # a word for the ledger: "api", "resolve", "fetch" …
    method: str  # "GET" (default) or "POST"
    data: bytes  # body of a POST, sent with Content-Type: application/x-www-form-urlencoded
    headers: Sequence[tuple[str, str]]  # extra request headers; first origin only
    auth: str | None  # value of Authorization, e.g. "Bearer hf_…": sent to auth_origin only, never printed
    auth_origin: str | None  # an URL whose scheme+host+port may see `auth`
    size: int  # expected bytes, -1 (default) = unknown
    digest: str | None  # what the content must have; None = taken from the hub's headers, else only the length counts
    # --- where to: exactly one of the three ---
    memory: int  # keep the body in memory, at most this many bytes
    repo_dir: str  # the hub cache's folder of one repo: blob named by etag, partials in <repo_dir>/.hubjet
    path: str  # one plain file; replaced by rename when the new one is whole and proven
    # --- with repo_dir ---
    link_path: str | None  # repo-relative path to link under snapshots/<commit>/ once the blob is there
    commit: str | None  # 40 hex; None = taken from X-Repo-Commit
    links: bool  # False: the file system has no symbolic links, put the plain file at the snapshot path
    # --- with path ---
    side_dir: str  # folder for partials of `path`
    key: str | None  # name of the partial (default: digest, else a hash of the url)
    sums_dir: str | None  # where the sums of its cells are left, for check_files (repo_dir has a place of its own)
    lock: str | None  # a lock file shared with huggingface_hub (flock), taken while the file is fetched
    # --- behaviour ---
    held_commit: str | None  # the same for a commit: X-Repo-Commit names it
    many: int  # so many questions to this origin follow: connections are made meanwhile, where HTTP/2 is known
    limited_fails: bool  # a 429 fails at once instead of being waited out (the caller has a token to try)
    held: Sequence[str]  # bare hex etags: if the server names one of these, stop before the body, status "held"
    meta_only: bool  # stop as soon as etag, size (and commit) are known: status "meta"
    force: bool  # fetch even if the blob is there, replace it
    replace: bool  # what is there is damaged: fetch all the same, from what a partial has, and put the proven file in its place
    mode: int  # permission bits before umask: default 0o444 for repo_dir, 0o666 for path
    no_ranges: bool  # one plain stream
    resume: bool  # default True

class Limits(TypedDict, total=False):
    """Limits of one job; every field has a default in C."""

    connections: int  # most connections at once, shared with the other jobs of this process at the same hub (default 32)
    first_connections: int  # how many to start with (default 4)
    limit_rate: int  # bytes per second, shared by all jobs and processes that have a limit; 0 (default): none
    polite: bool  # the others on the line should not notice: short queues, two connections to a host (default False)
    run_dir: str | None  # where the processes of this user see each other; None: they do not
    memory: int  # bytes of buffers, hard (default 256 MiB)
    range_min: int  # smallest range (default 1 MiB)
    range_max: int  # largest range (default 64 MiB)
    stall_ms: int  # a transfer without bytes for so long is cut and retried (default 15000)
    connect_ms: int  # (default 10000)
    give_up_ms: int  # the job fails after so long without any progress (default 120000)
    tries: int  # most tries of one request with no byte gained (default 6)
    ca_file: str | None
    ca_dir: str | None
    proxy_http: str | None
    proxy_https: str | None
    no_proxy: str | None
    offline: bool  # the door is shut: every request fails with Offline
    sync: bool  # fsync before a file is published (default True)
    ipv4_only: bool
    allow_http_downgrade: bool  # follow a redirect https -> http (default False)
    private_redirects: bool  # follow a redirect of a public host into a private network (default False)
    news: bool  # news() is asked (default False)

class Look(TypedDict):
    """Counters of a running job; each only grows."""

    state: Literal["new", "running", "done"]
    files: int
    files_done: int  # done, held or meta
    files_failed: int
    size: int  # sum of the sizes known so far
    sizes_unknown: int  # files whose size is not known yet
    held: int  # bytes that were on disk already (resumed partials)
    elsewhere: int  # bytes of files that another process has on its way, or brought (falls when its part is taken over)
    from_net: int  # payload bytes received in this run
    on_disk: int  # payload bytes written in this run
    proven: int  # bytes that have been through the digest (held ones included)
    connections: int  # open right now
    requests: int  # HTTP exchanges begun
    limit_rate: int  # bytes per second that hold for it now, 0: no limit (this one may fall)
    waits: int  # how often a transfer waited for that
    quota_ms: int  # until the hub's window of requests lets the last question go out, 0: it holds nothing up (it may fall)
    polite: bool  # holds for it now (this one may change, too)
    waiting: int  # files that another process has on its way (this one falls)

class Supplied(TypedDict):
    """What one URL of a want brought."""

    origin: str  # scheme://host:port of the URL as it was given
    bytes: int  # received from there, wrong ones included
    expelled: str | None  # why it was not asked any more

class Result(TypedDict):
    """How one wanted file ended."""

    status: Literal["done", "held", "meta", "failed"]
    error: BaseException | None  # an instance of hubjet._errors.*, when failed
    http_status: int  # last answer's status, 0 = none
    headers: dict[str, str]  # lower-case names; allow-listed headers, merged along the redirect chain (first wins for
    # x-repo-commit, x-linked-etag, x-linked-size, x-xet-hash; last wins for the rest)
    url: str  # last URL without user, query, fragment
    etag: str | None  # normalised (no W/, no quotes): x-linked-etag, else etag
    size: int  # -1 = unknown
    commit: str | None
    digest: str | None  # what was proven, None if nothing was (no digest known: sha256 of what came is in `sha256`)
    sha256: str | None  # of the content when it was computed
    path: str | None  # where the verified bytes lie now
    link: str | None  # the snapshot path, if one was made
    body: bytes | None  # kind memory
    excerpt: str | None  # first bytes of an error's body, printable
    from_net: int
    held: int
    requests: int
    sources: list[Supplied]  # the want's url, then its mirrors
    seconds: float

class News(TypedDict):
    """What happened to one file of a running job."""

    what: Literal["began", "ended", "stumbled"]  # stumbled: a try failed, and it is tried again
    file: int  # index in wants
    result: Result | None  # of one that ended
    error: BaseException | None  # why it stumbled
    again_s: float  # when it is tried again

@final
class Job:
    """A list of wanted files, fetched together. Use: new, start, wait until True, results, close.

    wait() gives up the GIL, returns at once when the job ends, and runs Python's signal handlers: a KeyboardInterrupt
    leaves wait() within milliseconds, after the job was told to stop; received ranges stay on disk for the next job.
    """

    def __init__(self, wants: Sequence[Want], limits: Limits | None = None) -> None: ...
    def start(self) -> None: ...
    def wait(self, seconds: float) -> bool: ...  # True: every file has ended
    def look(self) -> Look: ...
    def news(self) -> list[News]: ...  # since the last call, in order; each file begins at most once, ends once; of stumbles the newest 32
    def results(self) -> list[Result]: ...  # in the order of wants; only after wait() was True
    def cancel(self) -> None: ...  # returns at once; wait() then becomes True and the unfinished files have Cancelled
    def close(self) -> None: ...  # cancels, waits 0.2 s for the job to be quiet, 8 ms after cancel or Ctrl-C; also done by the destructor. Any thread

class Visit(TypedDict):
    """One entry of the visitors' book: every HTTP exchange this process made."""

    n: int  # counts from 1
    time: float  # seconds since the epoch
    method: str
    origin: str  # scheme://host:port
    path: str  # without query
    why: str
    status: int  # 0: no answer
    sent_token: bool
    bytes: int  # payload bytes received
    range: str  # "" or "bytes=a-b"
    ended: bool  # False: under way

def ledger(since: int = 0) -> list[Visit]: ...  # newest 4096 entries with n > since

class Probe(TypedDict):
    """One exchange, looked at closely. Seconds count from its start; None: not reached, or not known."""

    error: BaseException | None
    status: int  # 0: no answer
    ranged: bool  # a Content-Range that was understood
    location: str | None  # of a redirect; may hold a signature: for the next probe, not for print
    headers: dict[str, str]  # as in Result
    ip: str | None
    proxy: str | None  # as it may be shown
    tls: str | None  # "TLSv1.3"
    issuer: str | None
    until: str | None  # "2026-11-23 15:04" UTC
    http: int  # 11, 20
    name_s: float | None
    connect_s: float | None
    tls_s: float | None
    head_s: float | None
    bytes: int
    body_s: float | None
    body: bytes  # its first `keep` bytes

def probe(
    url: str, limits: Limits, why: str = "doctor", auth: str | None = None, first: int = -1, last: int = -1, most: int = 0, keep: int = 0,
    seconds: float = 10,
) -> Probe: ...  # one request, no redirect followed, no retry, `most` bytes of the body

def disk_free(path: str) -> int: ...  # bytes available to this user where path is (or will be); 2**64-1: not told
def partial_bytes(dir: str, key: str) -> int: ...  # bytes of an unfinished file that a resume would keep (by its journal), 0 if none
def sweep(dir: str, older_s: float) -> int: ...  # removes unfinished files left by dead processes; dir = a .hubjet folder
def write_small(path: str, data: bytes, mode: int = 0o666) -> None: ...  # makes parents, temp + rename; a reader sees old or new
def link_snapshot(repo_dir: str, commit: str, path: str, etag: str, links: bool = True, sync: bool = True) -> str | None: ...  # blobs/<etag> under its name; None: no such blob
def check_planted(dir: str, path: str = ...) -> None: ...  # StorageError: a link of another user is not followed
def can_link(dir: str) -> bool: ...  # tries a symbolic link in dir
def hash_file(path: str, algo: Literal["sha256", "git-sha1", "sha1", "xxh3"]) -> str: ...  # lower-case hex
def hash_files(paths: Sequence[str], algo: Literal["sha256", "git-sha1", "sha1", "xxh3"], threads: int = 0) -> list[str | BaseException]:
    ...  # of each file its hex or what went wrong; side by side, on so many processors (0: all)
def hash_bytes(data: bytes, algo: Literal["sha256", "git-sha1", "sha1", "xxh3"]) -> str: ...

# verdict ("good", "damaged", "failed"), by ("sums", "digest", ""), size, damaged (byte ranges [at, end) to fetch again), error, had sums.
Checked = tuple[Literal["good", "damaged", "failed"], Literal["sums", "digest", ""], int, list[tuple[int, int]], BaseException | None, bool]

def check_files(
    paths: Sequence[str], digests: Sequence[str], sums_dirs: Sequence[str], repo_dirs: Sequence[str], fast: bool,
    see: Callable[[int, int], object] | None = None, threads: int = 0,
) -> list[Checked]: ...  # "": no such; see(bytes read, files decided) on this thread, about every 50 ms; what it raises ends the call
def salvage(path: str, partial_dir: str, sums_dir: str, digest: str, mode: int) -> int | None:
    ...  # the good cells of a damaged file become a partial of its content; bytes that lack; None: there are no sums

# A snapshot whose every file was there and fit to be served is noted whole, with each file's size, mtime and inode; the
# look at it is one read and a stat each (200 files: 0.2 ms). False: not noted, or a file is gone, cut or edited since.
# `choice`: the words for a part of the commit, "" = all of it; they must say all that the choice depends on, but the commit.
def snapshot_is_whole(repo_dir: str, commit: str, choice: str = "") -> bool: ...
def snapshot_note_whole(repo_dir: str, commit: str, paths: Sequence[str], choice: str = "") -> bool: ...

# What is known of one blob: "new" no record (another program wrote it), "same" as when it was proven,
# "changed" size, times or inode differ from the record, "seen" unproven and unchanged since it was first served.
# Proven is "same" alone: a file that another program left is "new" or "seen", however often it was served.
BlobState = Literal["missing", "new", "same", "changed", "seen"]

def blob_state(repo_dir: str, etag: str) -> BlobState: ...
def plain_state(repo_dir: str, path: str, etag: str | None) -> BlobState: ...  # of a plain file; None: nobody knows whose content it is
def note_seen(repo_dir: str, path: str, etag: str) -> bool: ...  # served unproven: from now on its edits are noticed
def blob_note(repo_dir: str, etag: str) -> None: ...  # the caller has proven it while it came; StorageError: there is no such blob
def blob_prove(repo_dir: str, etag: str) -> bool: ...  # hashes the blob; True: it is what its name says, and the record is renewed

# A file that lies elsewhere on this computer, under blobs/<etag> of repo_dir, or under `path` (with `tmp`, a folder of ours on the same file
# system). `tactics`, tried in this order: c a clone of its blocks, h hard link (only what nobody may write to), l symbolic link (not to what
# others may write to), y copy. Proven before the name exists; as a blob recorded, so that an owner's edit is noticed. The source stays as it is.
# `known`: (device, inode, size, mtime_ns) of the source when it was hashed and found to be what the etag says; while it is as it was then, a link and a clone
# need no second look at its bytes. IntegrityError: it is something else; None: it is gone, or no tactic is possible here. "here": somebody else was faster.
def adopt(
    source: str, etag: str, repo_dir: str | None = None, path: str | None = None, tmp: str | None = None, tactics: str = "cly", size: int = -1,
    mode: int = 0o444, sync: bool = True, replace: bool = False, known: tuple[int, int, int, int] | None = None,
) -> Literal["clone", "hardlink", "link", "copy", "here"] | None: ...

def trace(mask: str) -> None: ...  # "net,part", "all,-net", "" = off
def trace_file(path: str) -> bool: ...  # also append each line there at once, for hangs and crashes
def trace_lines() -> list[tuple[str, str]]: ...  # drains (part, line)
def timeline(on: bool) -> None: ...  # keep one, or not any more; as many ends as beginnings
def timeline_lines() -> bytes: ...  # takes what has gathered: JSON objects of Chrome's trace format, each with ",\n"
def limit_rate(bytes_per_s: int | None) -> None: ...  # of all jobs, now and later, in place of their own; 0: none; None: each its own
def polite(on: bool | None) -> None: ...  # all jobs, now and later, in place of their own; None: each its own
def about() -> dict[str, Any]: ...  # versions of libcurl, OpenSSL, xxHash; features; build flags
def memory() -> tuple[int, int]: ...  # blocks and bytes that the extension holds now, those of libcurl included
def shutdown() -> None: ...  # stops the engine's threads (registered with atexit by the package); in a sub-interpreter it does nothing
