"""Questions: HfApi's methods, URLs, metadata, revisions, what is in the cache. No file moves, or hardly one."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from tests.corpus.child import Tale

ALL = (None, "main")

# HfApi
add("HfApi", "model_info", lambda t: t.api("model_info", "org/mixed"))
add("HfApi", "model_info, files and their metadata", lambda t: t.api("model_info", "org/mixed", files_metadata=True, revision="main"))
add("HfApi", "model_info, expand", lambda t: t.api("model_info", "org/mixed", expand=["sha", "siblings"]))
add("HfApi", "dataset_info", lambda t: t.api("dataset_info", "org/data"))
add("HfApi", "space_info", lambda t: t.api("space_info", "org/page"))
add("HfApi", "repo_info of each type", lambda t: [t.api("repo_info", "org/data", repo_type=kind) for kind in (None, "dataset", "nonsense")])
add("HfApi", "repo_info of what is not there", lambda t: [t.api("repo_info", "org/nope"), t.api("repo_info", "org/small", revision="nope"), t.api("repo_info", "org/private")])
add("HfApi", "repo_exists", lambda t: [t.api("repo_exists", id) for id in ("org/mixed", "org/nope", "org/gated-manual", "org/private")])
add("HfApi", "revision_exists", lambda t: [t.api("revision_exists", "org/named", revision) for revision in ("main", "v1.0", "nope")])
add("HfApi", "file_exists", lambda t: [t.api("file_exists", "org/mixed", name) for name in ("config.json", "model.safetensors", "nope.json")])
add("HfApi", "file_exists where no one may look", lambda t: [t.api("file_exists", id, "config.json") for id in ("org/nope", "org/gated-manual", "org/private")])
add("HfApi", "list_repo_files", lambda t: [t.api("list_repo_files", "org/nested"), t.api("list_repo_files", "org/data", repo_type="dataset")])
add("HfApi", "list_repo_tree", lambda t: t.listed("list_repo_tree", "org/nested"))
add("HfApi", "list_repo_tree, recursive, expanded", lambda t: t.listed("list_repo_tree", "org/nested", recursive=True, expand=True))
add("HfApi", "list_repo_tree, pages", lambda t: [t.ask("option", name="page_size", value=2), t.listed("list_repo_tree", "org/nested", recursive=True)])
add("HfApi", "list_repo_tree of a folder", lambda t: [t.listed("list_repo_tree", "org/nested", "a/b"), t.listed("list_repo_tree", "org/nested", "nope")])
add("HfApi", "list_repo_refs", lambda t: t.api("list_repo_refs", "org/named", include_pull_requests=True))
add("HfApi", "get_paths_info", lambda t: t.api("get_paths_info", "org/nested", ["a/copy.bin", "a", "nope"], expand=True))
add("HfApi", "auth_check", lambda t: [t.api("auth_check", id) for id in ("org/mixed", "org/gated-manual", "org/nope")])
add("HfApi", "whoami", lambda t: [t.api("whoami", token="hf_test_member"), t.api("whoami", token="hf_wrong"), t.api("whoami")])
add("HfApi", "hf_hub_download", lambda t: [t.api("hf_hub_download", "org/mixed", "config.json"), t.api("hf_hub_download", "org/mixed", "model.safetensors", local_dir="folder")])
add("HfApi", "get_safetensors_metadata", lambda t: [t.api("get_safetensors_metadata", "org/tensors"), t.api("get_safetensors_metadata", "org/sharded"), t.api("get_safetensors_metadata", "org/small")])
add("HfApi", "parse_safetensors_file_metadata", lambda t: t.api("parse_safetensors_file_metadata", "org/tensors", "model.safetensors"))
add("HfApi", "get_safetensors_metadata by the module", lambda t: t.do(t.hub.get_safetensors_metadata, "org/tensors"))


@case("HfApi", "verify_repo_checksums")
def _(t: "Tale") -> None:
    t.snap("org/mixed")
    t.api("verify_repo_checksums", "org/mixed")
    t.snap("org/small", local_dir="folder")
    t.api("verify_repo_checksums", "org/small", local_dir="folder")


@case("HfApi", "verify_repo_checksums of edits")
def _(t: "Tale") -> None:
    path = t.snap("org/mixed") + "/config.json"
    real = os.path.realpath(path)
    os.chmod(real, 0o644)
    with open(real, "wb") as file:
        file.write(b"edited")
    t.api("verify_repo_checksums", "org/mixed")


# Revisions
for revision in (None, "main", "v1.0", "refs/pr/1", "feature/x", "nope"):
    add("revisions", f"resolve {revision}", lambda t, revision=revision: t.do(t.hub.resolve_revision, "org/named", revision=revision))
add("revisions", "resolve a commit", lambda t: t.do(t.hub.resolve_revision, "org/named", revision=t.commits["named"]))
add("revisions", "resolve of a dataset", lambda t: t.do(t.hub.resolve_revision, "org/data", repo_type="dataset"))
add("revisions", "resolve what is not there", lambda t: [t.do(t.hub.resolve_revision, id) for id in ("org/nope", "org/private", "a/b/c")])
add("revisions", "resolve, local only", lambda t: [t.do(t.hub.resolve_revision, "org/mixed", local_files_only=True), t.one("org/mixed", "config.json"), t.do(t.hub.resolve_revision, "org/mixed", local_files_only=True)])
add("revisions", "resolve, down", lambda t: [t.do(t.hub.resolve_revision, "org/mixed"), t.ask("down"), t.do(t.hub.resolve_revision, "org/mixed"), t.do(t.hub.resolve_revision, "org/small")])
add("revisions", "resolve, moved", lambda t: [t.do(t.hub.resolve_revision, "org/moving"), t.ask("move"), t.do(t.hub.resolve_revision, "org/moving")])
add("revisions", "resolve, cache by argument", lambda t: t.do(t.hub.resolve_revision, "org/mixed", cache_dir=t.place / "other"))

# URLs
for more in (
    {"repo_id": "org/mixed", "filename": "config.json"},
    {"repo_id": "org/data", "filename": "a b/ü#?.json", "repo_type": "dataset"},
    {"repo_id": "org/mixed", "filename": "config.json", "subfolder": "a/b", "revision": "refs/pr/1"},
    {"repo_id": "solo", "filename": "x", "endpoint": "https://example.invalid/"},
    {"repo_id": "org/mixed", "filename": "x", "repo_type": "nonsense"},
):
    add("URLs", " ".join(map(str, more.values())), lambda t, more=more: t.do(t.hub.hf_hub_url, **more))


# Metadata
def metadata(t: "Tale", repo: str, name: str, **more: Any) -> None:
    t.do(t.hub.get_hf_file_metadata, t.hub.hf_hub_url(repo, name, **({"revision": more.pop("revision")} if "revision" in more else {})), **more)


for repo, name in (("org/mixed", "config.json"), ("org/mixed", "model.safetensors"), ("org/xet", "model.safetensors"), ("org/empty", "empty.txt"), ("org/mixed", "nope.json"), ("org/nope", "x")):
    add("metadata", f"{repo} {name}", lambda t, repo=repo, name=name: metadata(t, repo, name))
add("metadata", "of a gated file", lambda t: [metadata(t, "org/gated-manual", "config.json", token=token) for token in (None, "hf_test_member", False)])
add("metadata", "with headers and a name", lambda t: metadata(t, "org/mixed", "config.json", headers={"x-corpus": "mine"}, library_name="lib", timeout=5))
add("metadata", "after a snapshot", lambda t: [t.snap("org/mixed"), metadata(t, "org/mixed", "config.json"), metadata(t, "org/mixed", "model.safetensors", revision=t.commits["mixed"])])
add("metadata", "down", lambda t: [t.ask("down"), metadata(t, "org/mixed", "config.json")])
add("metadata", "503, retried", lambda t: [t.ask("fault", origin="hub", glob="*", behaviour="status", times=1, code=503), metadata(t, "org/mixed", "config.json", retry_on_errors=True)])
add("metadata", "by HfApi", lambda t: t.api("get_hf_file_metadata", url=t.hub.hf_hub_url("org/mixed", "model.safetensors")))


# The cache
def scanned(t: "Tale") -> None:
    def scan_cache_dir(cache: Any) -> Any:
        info = t.hub.scan_cache_dir(cache)
        return {
            "size": info.size_on_disk,
            "warnings": [str(warning) for warning in info.warnings],
            "incomplete": sorted(str(file) for file in getattr(info, "incomplete_files", ())),
            "repos": sorted(
                [
                    repo.repo_id,
                    repo.repo_type,
                    repo.size_on_disk,
                    repo.nb_files,
                    sorted(
                        [one.commit_hash, sorted(one.refs), one.size_on_disk, sorted([str(f.file_path), str(f.blob_path), f.size_on_disk] for f in one.files)]
                        for one in repo.revisions
                    ),
                ]
                for repo in info.repos
            ),
        }

    t.do(scan_cache_dir, t.cache)


@case("the scanner", "of everything")
def _(t: "Tale") -> None:
    for repo in ("org/mixed", "org/nested", "org/small"):
        t.snap(repo)
    t.one("org/data", "config.json", repo_type="dataset")
    t.one("solo", "config.json")
    scanned(t)


@case("the scanner", "of two revisions, and one deleted")
def _(t: "Tale") -> None:
    t.snap("org/named", revision="v1.0")
    t.snap("org/named")
    scanned(t)
    t.do(lambda: t.hub.scan_cache_dir(t.cache).delete_revisions(t.commits["named older"]).execute())
    scanned(t)
    t.one("org/named", "model.safetensors", local_files_only=True)


@case("the scanner", "of a missing file only")
def _(t: "Tale") -> None:
    t.one("org/small", "nope.json")
    scanned(t)


add("the scanner", "of nothing", lambda t: scanned(t))
add("the scanner", "of a repo deleted and fetched again", lambda t: [t.snap("org/mixed"), t.do(lambda: t.hub.scan_cache_dir(t.cache).delete_revisions(t.commits["mixed"]).execute()), scanned(t) if t.repo("org/mixed").exists() else None, t.snap("org/mixed")])
add("the cache", "get_cached_repo_tree", lambda t: [t.do(t.hub.get_cached_repo_tree, "org/mixed"), t.snap("org/mixed"), t.do(t.hub.get_cached_repo_tree, "org/mixed"), t.do(t.hub.get_cached_repo_tree, "org/mixed", revision=t.commits["mixed"])])
add("the cache", "get_cached_repo_tree after a file", lambda t: [t.one("org/mixed", "config.json"), t.do(t.hub.get_cached_repo_tree, "org/mixed")])
add("the cache", "get_cached_repo_tree of a folder", lambda t: [t.snap("org/mixed", local_dir="folder"), t.do(t.hub.get_cached_repo_tree, "org/mixed", local_dir="folder")])
add("the cache", "cached_assets_path", lambda t: [t.do(t.hub.cached_assets_path, "lib"), t.do(t.hub.cached_assets_path, "lib", "name space", "sub/folder")])
add("the cache", "get_token", lambda t: [t.do(t.hub.get_token), t.token_file("hf_test_member"), t.do(t.hub.get_token)])
add("the cache", "login and logout", lambda t: [t.do(t.hub.login, "hf_test_member"), t.do(t.hub.get_token), t.one("org/gated-manual", "config.json"), t.do(t.hub.logout), t.do(t.hub.get_token)])
