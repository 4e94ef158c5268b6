"""One file at a time into the cache: cold, warm, pinned, offline, after a move, and over what others left there."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from tests.corpus.child import Tale

MEMBER, INSIDER = "hf_test_member", "hf_test_insider"
ODD = [
    "with space/ünïcödé 模型.txt",
    "odd/#100% +plus?&=.txt",
    "odd/%2Fnot-a-slash.bin",
    "odd/%41.json",
    "emoji/🤗.safetensors",
    "[brackets]{braces}.txt",
    "semi;colon,comma'quote\"double.txt",
    ".hidden/.file",
    "-dash.txt",
    "dots...txt",
    "nfd-e\u0301.txt",
    "nfc-\u00e9.txt",
]


# Cold ----------------------------------------------------------------------------------------------

for repo, name in (
    ("org/mixed", "config.json"),
    ("org/mixed", "model.safetensors"),
    ("org/mixed", ".gitattributes"),
    ("org/large", "model.safetensors"),
    ("org/large", "one-byte.bin"),
    ("org/empty", "empty.txt"),
    ("org/empty", "empty.bin"),
    ("org/nested", "a/b/c/d/deep.json"),
    ("org/nested", "refs/heads/main"),
    ("solo", "config.json"),
    ("solo", "model.safetensors"),
    ("org/xet", "model.safetensors"),
    ("org/old-name", "config.json"),
    ("org/old-name", "vocab.txt"),
):
    add("cold", f"{repo} {name}", lambda t, repo=repo, name=name: t.one(repo, name))

for name in ODD:
    add("cold", f"odd name {name}", lambda t, name=name: t.one("org/odd-names", name))

for what, more in {
    "a dataset": {"repo_id": "org/data", "repo_type": "dataset"},
    "a space": {"repo_id": "org/page", "repo_type": "space"},
    "a kernel": {"repo_id": "org/kernel", "repo_type": "kernel"},
    "type model, said": {"repo_id": "org/named", "repo_type": "model"},
    "a gated repo": {"repo_id": "org/gated-manual", "token": MEMBER},
    "a private repo": {"repo_id": "org/private", "token": INSIDER},
    "a pull request": {"repo_id": "org/named", "revision": "refs/pr/1"},
    "a tag": {"repo_id": "org/named", "revision": "v1.0"},
    "a branch with a slash": {"repo_id": "org/named", "revision": "feature/x"},
    "main by name": {"repo_id": "org/named", "revision": "main"},
}.items():

    def both(t: "Tale", more: Any = more) -> None:
        t.one(filename="config.json", **more)
        t.one(filename="model.safetensors", **more)

    add("cold", what, both)

add("cold", "pinned", lambda t: [t.one("org/named", name, revision=t.commits["named"]) for name in ("config.json", "model.safetensors")])
add("cold", "pinned to an older commit", lambda t: t.one("org/named", "old.txt", revision=t.commits["named older"]))
add("cold", "a subfolder", lambda t: t.one("org/nested", "deep.json", subfolder="a/b/c/d"))
add("cold", "an empty subfolder", lambda t: t.one("org/mixed", "config.json", subfolder=""))
add("cold", "the same bytes under two names", lambda t: [t.one("org/nested", "a/copy.bin"), t.one("org/nested", "a/b/weights.bin")])
add("cold", "positional and by keyword", lambda t: t.do(t.hub.hf_hub_download, filename="config.json", repo_id="org/mixed"))


@case("cold", "the cache by argument, as text, path, relative, with ~")
def _(t: "Tale") -> None:
    for cache in (str(t.place / "other"), t.place / "another", "relative/cache", Path("relative/path"), "~/tilde"):
        t.one("org/mixed", "config.json", cache_dir=cache)


@case("cold", "the cache behind a link")
def _(t: "Tale") -> None:
    (t.place / "real").mkdir()
    (t.place / "linked").symlink_to("real")
    t.one("org/mixed", "config.json", cache_dir=t.place / "linked")
    t.one("org/mixed", "model.safetensors", cache_dir="linked")


@case("cold", "who asks: library, user agent, headers, timeout")
def _(t: "Tale") -> None:
    more: dict[str, Any] = {"headers": {"x-corpus": "mine"}, "etag_timeout": 3}
    t.one("org/mixed", "config.json", library_name="lib", library_version="1.0", **more)
    t.one("org/mixed", "model.safetensors", user_agent={"me": "1", "you": "2"}, **more)
    t.one("org/mixed", "tokenizer.model", user_agent="me/1", **more)


@case("cold", "endpoint by argument")
def _(t: "Tale") -> None:
    t.constant("HF_ENDPOINT", "http://127.0.0.1:9")
    t.one("org/mixed", "config.json", endpoint=t.endpoint)
    t.one("org/mixed", "model.safetensors", endpoint=t.endpoint + "/")


@case("cold", "arguments of other times")
def _(t: "Tale") -> None:
    t.one("org/mixed", "config.json", resume_download=True)
    t.one("org/mixed", "config.json", proxies=None)
    t.one("org/mixed", "model.safetensors", local_dir_use_symlinks="auto", force_filename="x")
    t.one("org/mixed", "config.json", nonsense=1)


for mask in (0o077, 0o002):

    def masked(t: "Tale", mask: int = mask) -> None:
        os.umask(mask)
        t.one("org/mixed", "config.json")
        t.one("org/mixed", "model.safetensors")
        t.snap("org/small")

    add("cold", f"umask {mask:03o}", masked)


@case("cold", "names bound before", env="default")
def _(t: "Tale") -> None:
    t.do(t.early["hf_hub_download"], "org/mixed", "config.json")
    t.do(t.early["snapshot_download"], "org/mixed")
    t.do(t.early["try_to_load_from_cache"], "org/mixed", "config.json")
    t.do(t.early["hf_hub_download"], "org/large", "model.safetensors")


@case("cold", "the small file's redirect carries the etag", env="plain")
def _(t: "Tale") -> None:
    t.ask("option", name="linked_on_307", value=True)
    t.one("org/mixed", "config.json")
    t.snap("org/small")


@case("cold", "the repository moved")
def _(t: "Tale") -> None:
    t.one("org/old-name", "config.json")
    t.snap("org/old-name")
    t.here("org/old-name", "config.json")
    t.here("org/small", "config.json")


# Warm ----------------------------------------------------------------------------------------------

for name in ("config.json", "model.safetensors"):
    add("warm", f"again {name}", lambda t, name=name: [t.one("org/mixed", name) for _ in range(3)])
    add(
        "warm",
        f"pinned after main {name}",
        lambda t, name=name: [t.one("org/named", name), t.one("org/named", name, revision=t.commits["named"])],
    )
    add(
        "warm",
        f"main after pinned {name}",
        lambda t, name=name: [t.one("org/named", name, revision=t.commits["named"]), t.one("org/named", name)],
    )
    add(
        "warm",
        f"local_files_only {name}",
        lambda t, name=name: [t.one("org/named", name), t.one("org/named", name, local_files_only=True)],
    )
    add("warm", f"the hub is down {name}", lambda t, name=name: [t.one("org/mixed", name), t.ask("down"), t.one("org/mixed", name)])
    for status in (401, 403, 404, 429, 500, 503):

        def failing(t: "Tale", name: str = name, status: int = status) -> None:
            t.one("org/mixed", name)
            t.ask("fault", origin="hub", glob="*", behaviour="status", code=status)
            t.one("org/mixed", name)

        add("warm", f"the hub says {status} {name}", failing)

add("warm", "another name of the commit", lambda t: [t.one("org/named", "config.json", revision=r) for r in ("main", "v2.0", "v1.0")])
add("warm", "a file after a snapshot", lambda t: [t.snap("org/mixed"), t.one("org/mixed", "tokenizer.model")])
add("warm", "the gate closed meanwhile", lambda t: [t.one("org/gated-auto", "config.json", token=MEMBER), t.one("org/gated-auto", "config.json")])
add("warm", "the repo was disabled", lambda t: [t.one("org/small", "config.json"), t.ask("disable", repo="org/small"), t.one("org/small", "config.json")])


@case("warm", "a resolved revision")
def _(t: "Tale") -> None:
    revision = t.do(t.hub.resolve_revision, "org/named", revision="v1.0")
    t.one("org/named", "config.json", revision=revision)
    t.one("org/named", "model.safetensors", revision=revision)
    t.one("org/named", "config.json", revision=revision)
    t.snap("org/named", revision=revision)


@case("warm", "try_to_load_from_cache, before, after, missing")
def _(t: "Tale") -> None:
    t.here("org/mixed", "config.json")
    t.one("org/mixed", "config.json")
    t.here("org/mixed", "config.json")
    t.here("org/mixed", "config.json", revision=t.commits["mixed"])
    t.here("org/mixed", "config.json", revision="0" * 40)
    t.one("org/mixed", "nope.json")
    t.here("org/mixed", "nope.json")
    t.here("org/mixed", "nope.json", cache_dir=t.place / "elsewhere")
    t.here("org/data", "config.json", repo_type="dataset")
    t.here("org/mixed", "../config.json")
    t.here("org/mixed", "config.json", repo_type="nonsense")


# Moved ---------------------------------------------------------------------------------------------

for name in ("config.json", "model.safetensors", "same.bin", "late.json"):
    add("moved", name, lambda t, name=name: [t.one("org/moving", name), t.ask("move"), t.one("org/moving", name), t.one("org/moving", name)])
add(
    "moved",
    "local only sees what was",
    lambda t: [t.one("org/moving", "config.json"), t.ask("move"), t.one("org/moving", "config.json", local_files_only=True)],
)
add(
    "moved",
    "pinned to what was",
    lambda t: [t.ask("move"), t.one("org/moving", "config.json"), t.one("org/moving", "config.json", revision=t.commits["moving"])],
)


@case("moved", "the new body does not come")
def _(t: "Tale") -> None:
    t.one("org/moving", "model.safetensors")
    t.ask("move")
    t.ask("fault", origin="cdn", glob="*", behaviour="status", code=403)
    t.one("org/moving", "model.safetensors")
    t.one("org/moving", "model.safetensors", local_files_only=True)


# Offline -------------------------------------------------------------------------------------------

add("offline", "nothing here", lambda t: [t.one("org/mixed", "config.json"), t.snap("org/mixed")], env="offline")
add("offline", "local_files_only and nothing here", lambda t: [t.one("org/mixed", "config.json", local_files_only=True), t.snap("org/mixed", local_files_only=True)])


def everything(t: "Tale") -> None:
    t.snap("org/mixed")
    t.one("org/named", "config.json", revision="v1.0")
    t.one("org/mixed", "nope.json")


for what, do in {
    "a file": lambda t: t.one("org/mixed", "model.safetensors"),
    "a file by tag": lambda t: t.one("org/named", "config.json", revision="v1.0"),
    "a file by commit": lambda t: t.one("org/named", "config.json", revision=t.commits["named older"]),
    "a file by a tag that was not asked for": lambda t: t.one("org/named", "config.json", revision="v2.0"),
    "a file that did not come": lambda t: t.one("org/named", "model.safetensors", revision="v1.0"),
    "a file that is known to be missing": lambda t: t.one("org/mixed", "nope.json"),
    "a snapshot": lambda t: t.snap("org/mixed"),
    "a snapshot by commit": lambda t: t.snap("org/mixed", revision=t.commits["mixed"]),
    "a snapshot of which a part is here": lambda t: t.snap("org/named", revision="v1.0"),
    "a snapshot with patterns": lambda t: t.snap("org/mixed", allow_patterns="*.json"),
    "force": lambda t: [t.one("org/mixed", "config.json", force_download=True), t.snap("org/mixed", force_download=True)],
    "a dry run": lambda t: [t.one("org/mixed", "config.json", dry_run=True), t.dry("org/mixed")],
    "resolve_revision": lambda t: [t.do(t.hub.resolve_revision, "org/mixed"), t.do(t.hub.resolve_revision, "org/large")],
    "the API": lambda t: [t.api("model_info", "org/mixed"), t.api("file_exists", "org/mixed", "config.json")],
    "the file system": lambda t: t.fs("cat_file", "org/mixed/config.json"),
}.items():
    add("offline", what, do, env="offline", first=everything)


# What lies there -----------------------------------------------------------------------------------


def blob(t: "Tale", repo: str, name: str) -> Path:
    """Where the blob of a file in the cache is."""
    return Path(os.path.realpath(next((t.repo(repo) / "snapshots").glob(f"*/{name}"))))


@case("left there", "the link is gone, the blob is here")
def _(t: "Tale") -> None:
    for name in ("config.json", "model.safetensors"):
        os.unlink(t.one("org/mixed", name))
        t.one("org/mixed", name)


@case("left there", "the blob is gone, the link is here")
def _(t: "Tale") -> None:
    for name in ("config.json", "model.safetensors"):
        t.one("org/mixed", name)
        blob(t, "org/mixed", name).unlink()
        t.one("org/mixed", name)
    t.one("org/mixed", "config.json", local_files_only=True)


@case("left there", "the ref is gone")
def _(t: "Tale") -> None:
    t.one("org/mixed", "config.json")
    (t.repo("org/mixed") / "refs" / "main").unlink()
    t.one("org/mixed", "config.json", local_files_only=True)
    t.one("org/mixed", "config.json")


@case("left there", "the ref names a commit that is not here")
def _(t: "Tale") -> None:
    t.write(t.repo("org/mixed") / "refs" / "main", b"0" * 40)
    t.one("org/mixed", "config.json", local_files_only=True)
    t.one("org/mixed", "config.json")


@case("left there", "a truncated blob is served as it is")
def _(t: "Tale") -> None:
    t.one("org/mixed", "model.safetensors")
    path = blob(t, "org/mixed", "model.safetensors")
    path.chmod(0o644)
    path.write_bytes(b"short")
    path.chmod(0o644)
    t.one("org/mixed", "model.safetensors")
    t.one("org/mixed", "model.safetensors", local_files_only=True)


@case("left there", "an edited small file is served as it is")
def _(t: "Tale") -> None:
    t.one("org/mixed", "config.json")
    path = blob(t, "org/mixed", "config.json")
    path.chmod(0o644)
    path.write_bytes(b'{"edited": 1}')
    path.chmod(0o644)
    t.one("org/mixed", "config.json")
    t.snap("org/mixed", allow_patterns="*.json")


@case("left there", "somebody's partials")
def _(t: "Tale") -> None:
    from hashlib import sha256

    etag = sha256(b"\14" * 200_000).hexdigest()
    for name in (f"{etag}.incomplete", f"{etag}.0123abcd.incomplete"):
        t.write(t.repo("org/mixed") / "blobs" / name, b"\14" * 1000)
    t.one("org/mixed", "model.safetensors")


@case("left there", "a blob by somebody else")
def _(t: "Tale") -> None:
    from hashlib import sha256

    t.write(t.repo("org/mixed") / "blobs" / sha256(b"\14" * 200_000).hexdigest(), b"\14" * 200_000)
    t.one("org/mixed", "model.safetensors")
    t.snap("org/mixed")


@case("left there", "a blob by somebody else that is wrong")
def _(t: "Tale") -> None:
    from hashlib import sha256

    t.write(t.repo("org/mixed") / "blobs" / sha256(b"\14" * 200_000).hexdigest(), b"wrong")
    t.one("org/mixed", "model.safetensors")
    t.one("org/mixed", "model.safetensors", force_download=True)


@case("left there", "a file where the link should be")
def _(t: "Tale") -> None:
    path = t.repo("org/mixed") / "snapshots" / t.commits["mixed"] / "config.json"
    t.write(path, b"mine")
    t.one("org/mixed", "config.json")
    t.one("org/mixed", "config.json", force_download=True)


@case("left there", "a marker that the file is missing, and it came")
def _(t: "Tale") -> None:
    t.write(t.repo("org/mixed") / ".no_exist" / t.commits["mixed"] / "config.json", b"")
    t.here("org/mixed", "config.json")
    t.one("org/mixed", "config.json", revision=t.commits["mixed"])
    t.one("org/mixed", "config.json")
    t.here("org/mixed", "config.json")


@case("left there", "a listing that lies")
def _(t: "Tale") -> None:
    listing = t.repo("org/mixed") / "trees" / f"{t.commits['mixed']}.json"
    t.write(listing, b'{"format_version": 1, "files": {"config.json": {"size": 12, "blob_id": "' + b"0" * 40 + b'"}}}')
    t.one("org/mixed", "config.json", revision=t.commits["mixed"])
    t.snap("org/mixed", revision=t.commits["mixed"])


@case("left there", "a listing that is no JSON")
def _(t: "Tale") -> None:
    t.write(t.repo("org/mixed") / "trees" / f"{t.commits['mixed']}.json", b"{")
    t.snap("org/mixed")


@case("left there", "a file where the cache should be")
def _(t: "Tale") -> None:
    t.write(t.cache, b"not a folder")
    t.one("org/mixed", "config.json")


@case("left there", "a lock file")
def _(t: "Tale") -> None:
    from hashlib import sha256

    t.write(t.cache / ".locks" / "models--org--mixed" / f"{sha256(bytes([12]) * 200_000).hexdigest()}.lock", b"")
    t.one("org/mixed", "model.safetensors")


# Force ---------------------------------------------------------------------------------------------

for name in ("config.json", "model.safetensors"):
    add("force", f"what is not here {name}", lambda t, name=name: t.one("org/mixed", name, force_download=True))
    add("force", f"what is here {name}", lambda t, name=name: [t.one("org/mixed", name), t.one("org/mixed", name, force_download=True)])
    add(
        "force",
        f"pinned {name}",
        lambda t, name=name: [
            t.one("org/named", name, revision=t.commits["named"]),
            t.one("org/named", name, revision=t.commits["named"], force_download=True),
        ],
    )
add("force", "a hub that is down", lambda t: [t.one("org/mixed", "config.json"), t.ask("down"), t.one("org/mixed", "config.json", force_download=True)])
add("force", "local only", lambda t: t.one("org/mixed", "config.json", force_download=True, local_files_only=True))


# Side by side --------------------------------------------------------------------------------------


def at_once(t: "Tale", name: str, call: Any, jobs: list[Any], workers: int = 8) -> None:
    """All jobs in threads; the outcomes as one, in the order of the jobs."""

    def many() -> Any:
        with ThreadPoolExecutor(workers) as pool:
            return list(pool.map(call, jobs))

    many.__qualname__ = name
    t.do(many)


@case("side by side", "the same file in eight threads")
def _(t: "Tale") -> None:
    at_once(t, "hf_hub_download", lambda _n: t.hub.hf_hub_download("org/large", "model.safetensors"), list(range(8)))


@case("side by side", "twelve files in eight threads")
def _(t: "Tale") -> None:
    at_once(t, "hf_hub_download", lambda n: t.hub.hf_hub_download("org/many", f"part-{n:02}.txt"), list(range(12)))


@case("side by side", "four snapshots in threads")
def _(t: "Tale") -> None:
    at_once(t, "snapshot_download", t.hub.snapshot_download, ["org/mixed", "org/nested", "org/small", "org/sharded"])


@case("side by side", "in a child after a fork")
def _(t: "Tale") -> None:
    def forked() -> int:
        pid = os.fork()
        if pid == 0:
            try:
                t.hub.hf_hub_download("org/mixed", "model.safetensors")
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    t.one("org/mixed", "config.json")
    t.do(forked)
    t.one("org/mixed", "model.safetensors")


# Without links -------------------------------------------------------------------------------------

for what, do in {
    "a small file": lambda t: t.one("org/mixed", "config.json"),
    "a large file": lambda t: t.one("org/mixed", "model.safetensors"),
    "twice": lambda t: [t.one("org/mixed", "config.json"), t.one("org/mixed", "config.json"), t.here("org/mixed", "config.json")],
    "a snapshot": lambda t: t.snap("org/mixed"),
    "twins": lambda t: t.snap("org/nested", max_workers=1),
    "two revisions": lambda t: [t.snap("org/named", revision="v1.0", max_workers=1), t.snap("org/named", max_workers=1)],
    "moved": lambda t: [t.snap("org/moving", max_workers=1), t.ask("move"), t.snap("org/moving", max_workers=1)],
    "force": lambda t: [t.one("org/mixed", "config.json"), t.one("org/mixed", "config.json", force_download=True)],
}.items():
    add("no links", what, do, env="no links")
