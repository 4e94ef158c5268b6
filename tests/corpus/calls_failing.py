"""What fails: names, doors, hubs, networks, bytes. The classes, their attributes and their causes are what counts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from tests.corpus.child import Tale

# Names
for what, more in {
    "a missing file": {"repo_id": "org/small", "filename": "nope.json"},
    "a missing large file": {"repo_id": "org/small", "filename": "nope.safetensors"},
    "a missing file in folders": {"repo_id": "org/small", "filename": "no/pe ü#.json"},
    "a missing revision": {"repo_id": "org/small", "filename": "config.json", "revision": "nope"},
    "a missing commit": {"repo_id": "org/small", "filename": "config.json", "revision": "0" * 40},
    "a shortened commit": {"repo_id": "org/small", "filename": "config.json", "revision": "0" * 7},
    "a missing repo": {"repo_id": "org/nope", "filename": "config.json"},
    "a missing repo, with a token": {"repo_id": "org/nope", "filename": "config.json", "token": "hf_test_member"},
    "another type": {"repo_id": "org/small", "filename": "config.json", "repo_type": "dataset"},
    "no type": {"repo_id": "org/small", "filename": "config.json", "repo_type": "nonsense"},
    "a repo id with three parts": {"repo_id": "a/b/c", "filename": "config.json"},
    "a repo id with a blank": {"repo_id": "org/na me", "filename": "config.json"},
    "a repo id that is too long": {"repo_id": "org/" + "n" * 97, "filename": "config.json"},
    "a repo id with two dashes": {"repo_id": "org/na--me", "filename": "config.json"},
    "a repo id that ends in git": {"repo_id": "org/name.git", "filename": "config.json"},
    "an empty repo id": {"repo_id": "", "filename": "config.json"},
    "no repo id": {"repo_id": None, "filename": "config.json"},
    "an empty file name": {"repo_id": "org/small", "filename": ""},
    "no file name": {"repo_id": "org/small", "filename": None},
    "a file name that climbs": {"repo_id": "org/small", "filename": "../config.json"},
    "a file name that climbs within": {"repo_id": "org/small", "filename": "a/../../config.json"},
    "an absolute file name": {"repo_id": "org/small", "filename": "/etc/passwd"},
    "a drive": {"repo_id": "org/small", "filename": "C:\\config.json"},
    "a subfolder that climbs": {"repo_id": "org/small", "filename": "config.json", "subfolder": "../x"},
    "a folder in place of a file": {"repo_id": "org/nested", "filename": "a/b"},
    "a url as a repo id": {"repo_id": "https://huggingface.co/org/small", "filename": "config.json"},
}.items():
    add("names", what, lambda t, more=more: t.one(**more))
    if what in ("a missing file", "a missing revision", "a missing repo", "a subfolder that climbs"):
        add("names", f"{what}, into a folder", lambda t, more=more: t.one(local_dir="folder", **more))

for what, more in {
    "a missing revision": {"repo_id": "org/small", "revision": "nope"},
    "a missing commit": {"repo_id": "org/small", "revision": "0" * 40},
    "a missing repo": {"repo_id": "org/nope"},
    "another type": {"repo_id": "org/small", "repo_type": "space"},
    "no type": {"repo_id": "org/small", "repo_type": "nonsense"},
    "a bad repo id": {"repo_id": "a/b/c"},
    "an unknown argument": {"repo_id": "org/small", "nonsense": 1},
}.items():
    add("names of snapshots", what, lambda t, more=more: t.snap(**more))
add("names of snapshots", "no argument", lambda t: [t.do(t.hub.snapshot_download), t.do(t.hub.hf_hub_download), t.do(t.hub.hf_hub_download, "a", "b", "c")])

add("names", "missing twice, then once more, pinned", lambda t: [t.one("org/small", "nope.json"), t.one("org/small", "nope.json"), t.one("org/small", "nope.json", revision=t.commits["small"])])
add("names", "missing after a good one", lambda t: [t.one("org/small", "config.json"), t.one("org/small", "nope.json")])
add("names", "missing after a snapshot", lambda t: [t.snap("org/small"), t.one("org/small", "nope.json"), t.one("org/small", "nope.json", revision=t.commits["small"])])

# Doors
for repo in ("org/gated-manual", "org/gated-auto", "org/private", "org/disabled", "org/xet-gated"):
    for token in (None, "hf_test_waiting", "hf_test_fine", "hf_test_member", "hf_wrong"):

        def door(t: "Tale", repo: str = repo, token: str | None = token) -> None:
            t.one(repo, "config.json", token=token)
            t.one(repo, "model.safetensors", token=token)
            t.snap(repo, token=token, allow_patterns="config.json")  # one file: the first error decides whether a second one begins

        add("doors", f"{repo} with {token or 'no token'}", door)

add("doors", "a 401 that says nothing", lambda t: [t.ask("option", name="bare_401", value=True), t.one("org/private", "config.json"), t.snap("org/private", allow_patterns="config.json")])
add("doors", "a wrong token to a public repo", lambda t: [t.one("org/small", "config.json", token="hf_wrong"), t.snap("org/small", token="hf_wrong")])


@case("doors", "accepted meanwhile")
def _(t: "Tale") -> None:
    t.one("org/gated-manual", "config.json", token="hf_test_waiting")
    t.ask("grant", repo="org/gated-manual", token="waiting")
    t.one("org/gated-manual", "config.json", token="hf_test_waiting")
    t.snap("org/gated-manual", token="hf_test_waiting")


# Tokens
def token_kinds(t: "Tale") -> None:
    for token in (None, False, True, "hf_test_member"):
        t.one("org/gated-auto", "config.json", token=token)
        t.one("org/small", "config.json", token=token)


add("tokens", "none anywhere", token_kinds)


@case("tokens", "in the environment")
def _(t: "Tale") -> None:
    os.environ["HF_TOKEN"] = "hf_test_member"
    token_kinds(t)


@case("tokens", "in the environment, of old")
def _(t: "Tale") -> None:
    os.environ["HUGGING_FACE_HUB_TOKEN"] = "hf_test_member"
    token_kinds(t)


@case("tokens", "in the file")
def _(t: "Tale") -> None:
    t.token_file("hf_test_member\n")
    token_kinds(t)


@case("tokens", "the environment before the file")
def _(t: "Tale") -> None:
    t.token_file("hf_test_waiting")
    os.environ["HF_TOKEN"] = "hf_test_member"
    t.one("org/gated-manual", "config.json")
    t.one("org/gated-manual", "model.safetensors")


@case("tokens", "in the file, and a snapshot")
def _(t: "Tale") -> None:
    t.token_file("hf_test_member")
    t.snap("org/gated-manual")
    t.snap("org/gated-manual")
    t.snap("org/mixed")


@case("tokens", "not to be sent unasked")
def _(t: "Tale") -> None:
    t.token_file("hf_test_member")
    t.constant("HF_HUB_DISABLE_IMPLICIT_TOKEN", True)
    token_kinds(t)


@case("tokens", "wrong in the file")
def _(t: "Tale") -> None:
    t.token_file("hf_wrong")
    t.one("org/small", "config.json")
    t.one("org/small", "config.json", token=False)


@case("tokens", "in headers of the caller's")
def _(t: "Tale") -> None:
    t.one("org/gated-manual", "config.json", headers={"authorization": "Bearer hf_test_member"})
    t.one("org/gated-manual", "model.safetensors", headers={"authorization": "Bearer hf_test_member"})
    t.snap("org/gated-manual", headers={"authorization": "Bearer hf_test_member"})


@case("tokens", "of an HfApi")
def _(t: "Tale") -> None:
    api = t.hub.HfApi(token="hf_test_member", library_name="lib", headers={"x-corpus": "mine"})
    t.do(api.hf_hub_download, "org/gated-manual", "config.json")
    t.do(api.hf_hub_download, "org/gated-manual", "model.safetensors")
    t.do(api.snapshot_download, "org/gated-manual")
    t.do(api.whoami)


# Hubs
for status in (400, 401, 403, 404, 408, 410, 416, 418, 429, 451, 500, 502, 503, 504):

    def failing(t: "Tale", status: int = status) -> None:
        t.ask("fault", origin="hub", glob="*", behaviour="status", code=status)
        t.one("org/small", "config.json")
        t.one("org/large", "model.safetensors")
        t.snap("org/small")

    add("a hub that says", str(status), failing)
for code in ("RepoNotFound", "RevisionNotFound", "EntryNotFound", "GatedRepo"):

    def coded(t: "Tale", code: str = code) -> None:
        t.ask("fault", origin="hub", glob="*", behaviour="status", code=404, headers={"X-Error-Code": code, "X-Error-Message": "so it is"})
        t.one("org/small", "config.json")
        t.snap("org/small")

    add("a hub that says", f"404 {code}", coded)

add("a hub that says", "503 once", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="status", times=1, code=503), t.one("org/small", "config.json")])
add("a hub that says", "503 once, to a snapshot", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="status", times=1, code=503), t.snap("org/small")])
add("a hub that says", "429 once", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="rate429", times=1, retry_after=1), t.one("org/small", "config.json")])
add("a hub that says", "no commit", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="headers", drop=["X-Repo-Commit"]), t.one("org/small", "config.json")])
add("a hub that says", "no etag", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="headers", drop=["ETag", "X-Linked-ETag"]), t.one("org/small", "config.json")])
add("a hub that says", "no size", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="headers", drop=["X-Linked-Size"]), t.one("org/large", "one-byte.bin")])
add("a hub that says", "a warning", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="headers", set={"X-HF-Warning": "topic; be careful"}), t.one("org/small", "config.json")])
add("a hub that says", "another size", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="headers", set={"X-Linked-Size": "7"}), t.one("org/large", "one-byte.bin")])
add("a hub that says", "500 to the tree", lambda t: [t.ask("fault", origin="hub", glob="*/tree/*", behaviour="status", code=500), t.snap("org/small")])
add("a hub that says", "404 to the tree", lambda t: [t.ask("fault", origin="hub", glob="*/tree/*", behaviour="status", code=404), t.snap("org/small")])
add("a hub that says", "403 to the tree", lambda t: [t.ask("fault", origin="hub", glob="*/tree/*", behaviour="status", code=403), t.snap("org/small")])
add("a hub that says", "no more than its quota", lambda t: [t.ask("quota", bucket="resolvers", requests=1), t.one("org/small", "config.json")])

# Networks
add("a network that is", "not there", lambda t: [t.ask("down", what="all"), t.one("org/small", "config.json"), t.snap("org/small")])
add("a network that is", "another port", lambda t: [t.one("org/small", "config.json", endpoint="http://127.0.0.1:9"), t.snap("org/small", endpoint="http://127.0.0.1:9")])
add("a network that is", "without a name", lambda t: t.one("org/small", "config.json", endpoint="http://no-such-host.invalid"))
add("a network that is", "no url", lambda t: t.one("org/small", "config.json", endpoint="nonsense"))


@case("a network that is", "a proxy that is not there")
def _(t: "Tale") -> None:
    os.environ.update({"HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9", "no_proxy": "", "NO_PROXY": ""})
    t.one("org/small", "config.json")
    t.snap("org/small")


@case("a network that is", "without its content network")
def _(t: "Tale") -> None:
    t.ask("down", what="cdn")
    t.one("org/large", "one-byte.bin")
    t.snap("org/large")
    t.one("org/small", "config.json")


# Bytes
for what, more in {
    "403": {"behaviour": "status", "code": 403},
    "404": {"behaviour": "status", "code": 404},
    "500": {"behaviour": "status", "code": 500},
    "503": {"behaviour": "status", "code": 503},
    "503 once": {"behaviour": "status", "code": 503, "times": 1},
    "fewer than were said": {"behaviour": "truncate"},
    "fewer than were said, once": {"behaviour": "truncate", "times": 1},
    "cut": {"behaviour": "drop"},
    "cut once": {"behaviour": "drop", "times": 1},
    "too few": {"behaviour": "short"},
    "wrong": {"behaviour": "corrupt"},
    "packed": {"behaviour": "gzip", "if_asked": True},
    "a signature that has expired": {"behaviour": "expired"},
}.items():

    def bad_body(t: "Tale", more: dict[str, Any] = more) -> None:
        t.ask("fault", origin="cdn", glob="*", **more)
        t.one("org/large", "extra.bin")
        t.one("org/large", "extra.bin", local_files_only=True)

    add("bytes that are", what, bad_body)

    if more["behaviour"] in ("status", "truncate", "corrupt", "short"):

        def bad_small(t: "Tale", more: dict[str, Any] = more) -> None:
            t.ask("fault", origin="hub", glob="*resolve-cache*", **{**more, "times": more.get("times"), "skip": 1 if more["behaviour"] == "status" else 0})
            t.one("org/small", "vocab.txt")
            t.one("org/small", "vocab.txt", local_files_only=True)

        add("bytes that are", f"{what}, of a small file", bad_small)

add("bytes that are", "wrong, in a snapshot", lambda t: [t.ask("fault", origin="cdn", glob="*", behaviour="corrupt"), t.snap("org/mixed")])
add("bytes that are", "wrong, into a folder", lambda t: [t.ask("fault", origin="cdn", glob="*", behaviour="corrupt"), t.one("org/large", "extra.bin", local_dir="folder")])
add("bytes that are", "missing, in a snapshot", lambda t: [t.ask("fault", origin="cdn", glob="*", behaviour="status", code=403), t.snap("org/mixed", max_workers=1)])
