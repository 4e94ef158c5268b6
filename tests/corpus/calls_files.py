"""Other doors to the same files: HfFileSystem, model cards, mixins, the command line, programs that call by other ways."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

from tests.corpus.cases import add, case

if TYPE_CHECKING:
    from tests.corpus.child import Tale

MEMBER = "hf_test_member"

# HfFileSystem
add("file system", "ls", lambda t: t.fs("ls", "org/nested", detail=False))
add("file system", "ls with details", lambda t: t.fs("ls", "org/nested"))
add("file system", "ls of a folder of a revision", lambda t: t.fs("ls", "org/named@v1.0", detail=False))
add("file system", "ls of a dataset", lambda t: t.fs("ls", "datasets/org/data", detail=False))
add("file system", "find and glob", lambda t: [t.fs("find", "org/nested"), t.fs("glob", "org/nested/**.bin")])
add("file system", "walk", lambda t: t.do(lambda: list(t.hub.HfFileSystem(skip_instance_cache=True).walk("org/nested"))))
add("file system", "info, exists, isfile, isdir", lambda t: [t.fs(method, f"org/nested/{path}") for method in ("info", "exists", "isfile", "isdir") for path in ("a", "top.txt", "nope")])
add("file system", "url", lambda t: t.fs("url", "org/named@v1.0/config.json"))
add("file system", "resolve_path", lambda t: [t.fs("resolve_path", path) for path in ("org/named@v1.0/config.json", "hf://datasets/org/data", "org/named", "org/nope")])
for name in ("config.json", "model.safetensors"):
    path = f"org/mixed/{name}"
    add("file system", f"cat {name}", lambda t, path=path: [t.fs("cat", path), t.fs("cat_file", path)])
    add("file system", f"cat a range {name}", lambda t, path=path: [t.fs("cat_file", path, start=2, end=5), t.fs("cat_file", path, start=-4)])
    add("file system", f"get_file {name}", lambda t, path=path: t.fs("get_file", path, "out/here.bin"))
    add("file system", f"get_file over what is there {name}", lambda t, path=path: [t.write(t.place / "out.bin", b"before, and longer" * 100_000), t.fs("get_file", path, "out.bin")])
    add("file system", f"get {name}", lambda t, path=path: t.fs("get", path, "out/"))
    add("file system", f"read_bytes and read_block {name}", lambda t, path=path: [t.fs("read_bytes", path), t.fs("read_block", path, 3, 4)])
    add("file system", f"get_file after the cache has it {name}", lambda t, path=path, name=name: [t.one("org/mixed", name), t.fs("get_file", path, "out.bin")])

    def opened(t: "Tale", path: str = path) -> None:
        def read() -> Any:
            with t.hub.HfFileSystem(skip_instance_cache=True).open(path, "rb") as file:
                first = file.read(5)
                file.seek(2)
                return [first, file.read(3), file.tell(), file.size, file.read()]

        t.do(read)

    add("file system", f"open {name}", opened)

    def outfile(t: "Tale", path: str = path) -> None:
        def into() -> Any:
            out = io.BytesIO()
            t.hub.HfFileSystem(skip_instance_cache=True).get_file(path, outfile=out)
            return [out.getvalue(), out.tell()]

        t.do(into)

    add("file system", f"get_file into a file object {name}", outfile)

    def block(t: "Tale", path: str = path) -> None:
        def read() -> Any:
            with t.hub.HfFileSystem(skip_instance_cache=True).open(path, "rb", block_size=7) as file:
                return [file.read(10), file.read(10), file.seek(-3, 2), file.read()]

        t.do(read)

    add("file system", f"open in small blocks {name}", block)

    def stream(t: "Tale", path: str = path) -> None:
        def read() -> Any:
            with t.hub.HfFileSystem(skip_instance_cache=True).open(path, "rb", block_size=0) as file:
                return [file.read(10), file.read()]

        t.do(read)

    add("file system", f"open as a stream {name}", stream)

add("file system", "open as text", lambda t: t.do(lambda: t.hub.HfFileSystem(skip_instance_cache=True).open("org/small/vocab.txt", "r").readlines()))
add("file system", "get_file of a gated file", lambda t: [t.fs("get_file", "org/gated-manual/model.safetensors", "out.bin", given={"token": token}) for token in (False, MEMBER)])
add("file system", "get_file of what is not there", lambda t: [t.fs("get_file", path, "out.bin") for path in ("org/mixed/nope", "org/nope/config.json")])
add("file system", "get_file of a folder", lambda t: t.fs("get_file", "org/nested/a", "out"))
add("file system", "get of a folder", lambda t: t.fs("get", "org/nested/a", "out", recursive=True))
add("file system", "get_file by revision", lambda t: [t.fs("get_file", "org/named/config.json", "one", revision="v1.0"), t.fs("get_file", "org/named@refs%2Fpr%2F1/config.json", "two")])
add("file system", "get_file of an empty file", lambda t: t.fs("get_file", "org/empty/empty.bin", "out.bin"))
add("file system", "get_file, wrong bytes", lambda t: [t.ask("fault", origin="cdn", glob="*", behaviour="corrupt"), t.fs("get_file", "org/large/extra.bin", "out.bin")])
add("file system", "get_file, the content network is down", lambda t: [t.ask("down", what="cdn"), t.fs("get_file", "org/large/extra.bin", "out.bin")])
add("file system", "get_file of a large file", lambda t: t.fs("get_file", "org/large/model.safetensors", "out.bin"))
add("file system", "by the protocol of fsspec", lambda t: t.do(lambda: __import__("fsspec").open("hf://org/mixed/config.json").open().read()))
add("file system", "modified", lambda t: t.fs("modified", "org/mixed/config.json"))


@case("file system", "get_file with a bar")
def _(t: "Tale") -> None:
    from fsspec.callbacks import Callback

    bar = Callback()
    t.fs("get_file", "org/mixed/model.safetensors", "out.bin", callback=bar)
    t.do(lambda: [bar.size, bar.value])


# Other ways in
add("other doors", "a model card", lambda t: t.do(lambda: str(t.hub.ModelCard.load("org/small"))))
add("other doors", "a dataset card", lambda t: t.do(lambda: t.hub.DatasetCard.load("org/data").data.to_dict()))
add("other doors", "a model card that is not there", lambda t: t.do(t.hub.ModelCard.load, "org/large"))
add("other doors", "metadata_load", lambda t: t.do(lambda: t.hub.metadata_load(t.hub.hf_hub_download("org/small", "README.md"))))


@case("other doors", "a mixin")
def _(t: "Tale") -> None:
    class Mine(t.hub.ModelHubMixin):  # type: ignore[name-defined, misc]
        @classmethod
        def _from_pretrained(cls, *, model_id: str, **more: Any) -> Any:
            one = cls()
            one.was = t.hub.hf_hub_download(model_id, "model.safetensors", revision=more["revision"], cache_dir=more["cache_dir"], force_download=more["force_download"], token=more["token"], local_files_only=more["local_files_only"])
            return one

    t.do(lambda: Mine.from_pretrained("org/mixed").was)
    t.do(lambda: Mine.from_pretrained("org/mixed", force_download=True).was)
    t.do(lambda: Mine.from_pretrained("org/nope").was)


@case("other doors", "as cached_path does: the module's attribute at the call, and the etag by itself")
def _(t: "Tale") -> None:
    import huggingface_hub

    def cached() -> Any:
        url = huggingface_hub.hf_hub_url("org/mixed", "model.safetensors")
        etag = huggingface_hub.get_hf_file_metadata(url).etag
        return [etag, huggingface_hub.hf_hub_download("org/mixed", "model.safetensors", library_name="cached_path", library_version="1.8", local_files_only=False)]

    t.do(cached)
    t.do(cached)


@case("other doors", "http_get by name")
def _(t: "Tale") -> None:
    from huggingface_hub.file_download import http_get

    def get() -> Any:
        out = io.BytesIO()
        http_get(t.hub.hf_hub_url("org/mixed", "model.safetensors"), out)
        return out.getvalue()

    t.do(get)


@case("other doors", "http_get that goes on")
def _(t: "Tale") -> None:
    from huggingface_hub.file_download import http_get

    def get() -> Any:
        out = io.BytesIO(b"\14" * 1000)
        out.seek(1000)
        http_get(t.hub.hf_hub_url("org/mixed", "model.safetensors"), out, resume_size=1000, expected_size=200_000)
        return out.getvalue()

    t.do(get)


def command(t: "Tale", *words: str) -> None:
    """`hf …`, in this process; what it prints is compared too."""

    def hf() -> int:
        from huggingface_hub.cli.hf import main

        sys.argv = ["hf", *words]
        try:
            main()
        except SystemExit as end:
            return int(end.code or 0)
        return 0

    t.do(hf)


add("command line", "hf download of a file", lambda t: command(t, "download", "org/mixed", "config.json"))
add("command line", "hf download of two files", lambda t: command(t, "download", "org/mixed", "config.json", "model.safetensors"))
add("command line", "hf download of a repo", lambda t: command(t, "download", "org/mixed", "--include", "*.json"))
add("command line", "hf download into a folder", lambda t: command(t, "download", "org/mixed", "--local-dir", "folder", "--max-workers", "1"))
add("command line", "hf download of what is not there", lambda t: command(t, "download", "org/nope", "config.json"))
add("command line", "hf download, quiet", lambda t: command(t, "download", "org/mixed", "config.json", "--quiet"))
