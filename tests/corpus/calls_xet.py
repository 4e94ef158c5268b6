"""Xet: files behind its store, with hf_xet as most people have it, and without; the shared store that the client keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from tests.corpus.child import Tale

MEMBER = "hf_test_member"
FILE = "model.safetensors"


def xet(name: str, do: Any) -> None:
    add("xet", name, do, env="default")


xet("a file", lambda t: t.one("org/xet", FILE))
xet("a file, again", lambda t: [t.one("org/xet", FILE) for _ in range(2)])
xet("a file that is not Xet's", lambda t: [t.one("org/xet", name) for name in ("config.json", "plain.bin")])
xet("a snapshot", lambda t: t.snap("org/xet"))
xet("a snapshot, again, and pinned", lambda t: [t.snap("org/xet"), t.snap("org/xet"), t.snap("org/xet", revision=t.commits["xet"])])
xet("a pinned file with a listing", lambda t: [t.snap("org/xet", allow_patterns="*.json"), t.one("org/xet", FILE, revision=t.commits["xet"])])
xet("the same bytes in another repo", lambda t: [t.one("org/xet", FILE), t.one("org/xet-twin", FILE)])
xet("the same bytes in another repo, by snapshot", lambda t: [t.snap("org/xet"), t.snap("org/xet-twin")])
xet("forced", lambda t: [t.one("org/xet", FILE), t.one("org/xet", FILE, force_download=True)])
xet("forced, shared", lambda t: [t.one("org/xet", FILE), t.one("org/xet-twin", FILE), t.one("org/xet", FILE, force_download=True)])
xet("into a folder", lambda t: [t.one("org/xet", FILE, local_dir="folder"), t.snap("org/xet", local_dir="folder")])
xet("a dry run", lambda t: [t.one("org/xet", FILE, dry_run=True), t.dry("org/xet"), t.one("org/xet", FILE), t.dry("org/xet-twin")])
xet("gated", lambda t: [t.one("org/xet-gated", FILE), t.one("org/xet-gated", FILE, token=MEMBER), t.snap("org/xet-gated", token=MEMBER)])
xet("get_file", lambda t: t.fs("get_file", f"org/xet/{FILE}", "out.bin"))
xet("cat", lambda t: t.fs("cat_file", f"org/xet/{FILE}"))
xet("open", lambda t: t.do(lambda: t.hub.HfFileSystem(skip_instance_cache=True).open(f"org/xet/{FILE}").read(100)))
xet("a repo without Xet", lambda t: [t.one("org/mixed", FILE), t.snap("org/mixed")])
xet("offline after", lambda t: [t.snap("org/xet"), t.ask("down", what="all"), t.snap("org/xet"), t.one("org/xet", FILE)])
xet("missing", lambda t: [t.one("org/xet", "nope.bin"), t.one("org/nope", FILE)])
xet("many calls", lambda t: [t.one("org/xet", name) for name in (FILE, "config.json", "plain.bin")] + [t.here("org/xet", FILE), t.api("model_info", "org/xet", files_metadata=True)])
xet("local only", lambda t: [t.one("org/xet", FILE, local_files_only=True), t.one("org/xet", FILE), t.one("org/xet", FILE, local_files_only=True)])
xet("a store of somebody else's", lambda t: [t.write(t.cache / "blobs" / "mine", b"1"), t.one("org/xet", FILE)])


@case("xet", "the shared copy is gone", env="default")
def _(t: "Tale") -> None:
    t.one("org/xet", FILE)
    for path in (t.cache / "blobs").glob("??/*"):
        if path.suffix not in (".refs", ".lock"):
            path.unlink()
    t.one("org/xet", FILE)


@case("xet", "the shared copy is short", env="default")
def _(t: "Tale") -> None:
    t.one("org/xet", FILE)
    for path in (t.cache / "blobs").glob("??/*"):
        if path.suffix not in (".refs", ".lock"):
            path.chmod(0o644)
            path.write_bytes(b"short")
    t.one("org/xet-twin", FILE)


@case("xet", "hf_xet is not installed", env="default")
def _(t: "Tale") -> None:
    from huggingface_hub.utils import _runtime

    _runtime._package_versions["hf_xet"] = "N/A"
    t.one("org/xet", FILE)
    t.snap("org/xet")


@case("xet", "switched off, links by an older run with it", env="plain")
def _(t: "Tale") -> None:
    t.one("org/xet", FILE)
    t.snap("org/xet")
    t.one("org/xet-twin", FILE)


@case("xet", "switched off after a run with it", env="default")
def _(t: "Tale") -> None:
    t.one("org/xet", FILE)
    t.constant("HF_HUB_DISABLE_XET", True)
    t.one("org/xet", FILE, force_download=True)
    t.one("org/xet-twin", FILE)


@case("xet", "shared blobs switched off", env="default")
def _(t: "Tale") -> None:
    t.constant("HF_HUB_DISABLE_SHARED_BLOBS", True)
    t.one("org/xet", FILE)
    t.one("org/xet-twin", FILE)
