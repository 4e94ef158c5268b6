"""The readers of other programs' stores: what each of them says of a folder, as a table; and that nothing in a folder is an error."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest

from hubjet._sources import folder, git_lfs, git_objects, hub_cache, look, settings
from hubjet._sources.lying import Around, Lying
from hubjet._sources.programs import PROGRAMS, reader, readers, readers_of

WEIGHTS = b"weights\n" * 700
CONFIG = b'{"model_type": "bert"}\n'
SHA = hashlib.sha256(WEIGHTS).hexdigest()
OTHER = "ab" * 32
COMMIT = "c0" * 20


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def lay(top: Path, files: dict[str, bytes | str]) -> Path:
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return top


def told(module: str, place: Path) -> set[tuple[Any, ...]]:
    """(path below the place, etag, repo, revision, filename) of all that a reader finds."""
    found = list(reader(module).walk(str(place)))
    for one in found:
        assert os.path.isabs(one.path) and one.size == os.stat(one.path).st_size
        assert one.program == reader(module).NAME
    assert len({one.path for one in found}) == len(found) or module == "hub_cache"
    return {(os.path.relpath(one.path, place), one.etag, one.repo, one.revision, one.filename) for one in found}


# --- each program ---------------------------------------------------------------------------------


def manifest(*digests: str) -> str:
    layers = [{"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{one}", "size": 1} for one in digests]
    layers.append({"mediaType": "application/vnd.ollama.image.template", "digest": f"sha256:{'c' * 64}", "size": 1})
    return json.dumps({"schemaVersion": 2, "config": {"digest": f"sha256:{'c' * 64}"}, "layers": layers})


def test_ollamas_blobs_are_named_by_their_digest_and_a_manifest_of_the_hub_names_the_repository(tmp_path: Path) -> None:
    lay(tmp_path, {
        f"blobs/sha256-{SHA}": WEIGHTS, f"blobs/sha256:{OTHER}": b"old name", f"blobs/sha256-{'c' * 64}": b"{}",
        f"blobs/sha256-{'d' * 64}-partial": b"half", f"blobs/sha256-{'d' * 64}-partial-0": b"{}", "blobs/README": b"", "blobs/sha256-zz": b"",
        "manifests/hf.co/org/name-GGUF/Q4_K_M": manifest(SHA),
        "manifests/registry.ollama.ai/library/llama3.2/latest": manifest(OTHER),
        "manifests/hf.co/org/broken/latest": "{", "manifests/hf.co/org/list/latest": "[1]", "manifests/hf.co/org/odd/latest": '{"layers": {"a": 1}}',
        "manifests/hf.co/no/deeper/than/this/latest": manifest(OTHER),
    })  # fmt: skip
    assert told("ollama", tmp_path) == {
        (f"blobs/sha256-{SHA}", SHA, "org/name-GGUF", None, None),
        (f"blobs/sha256:{OTHER}", OTHER, None, None, None),
        (f"blobs/sha256-{'c' * 64}", "c" * 64, None, None, None),
    }


def test_ollama_calls_a_file_by_its_tags(tmp_path: Path) -> None:
    parts = json.loads(manifest(SHA))
    parts["layers"].append({"mediaType": "application/vnd.ollama.image.projector", "digest": f"sha256:{OTHER}", "size": 1})
    lay(tmp_path, {
        f"blobs/sha256-{SHA}": WEIGHTS, f"blobs/sha256-{OTHER}": b"clip", f"blobs/sha256-{'c' * 64}": b"{}",
        "manifests/hf.co/org/name-GGUF/Q4_K_M": json.dumps(parts), "manifests/hf.co/org/name-GGUF/latest": manifest(SHA),
        "manifests/hf.co/org/name-GGUF/\x1b[2J": manifest("c" * 64),
    })  # fmt: skip
    assert {one.etag: one.called for one in reader("ollama").walk(str(tmp_path))} == {
        SHA: "hf.co/org/name-GGUF:Q4_K_M (model), hf.co/org/name-GGUF:latest (model)", OTHER: "hf.co/org/name-GGUF:Q4_K_M (projector)",
        "c" * 64: "hf.co/org/name-GGUF (model)",
    }  # fmt: skip


def test_ollamas_manifests_of_2026_are_links_to_blobs_and_lists(tmp_path: Path) -> None:
    inner = json.loads(manifest(OTHER))
    blob = json.dumps(inner)
    by_digest = hashlib.sha256(blob.encode()).hexdigest()
    listed = {"schemaVersion": 2, "mediaType": "application/vnd.ollama.manifest.list.v2+json",
              "manifests": [json.loads(manifest(SHA)), {"mediaType": "x", "digest": f"sha256:{by_digest}", "runner": "mlx"}, 5, {"digest": "sha256:zz"}]}  # fmt: skip
    text = json.dumps(listed)
    name = hashlib.sha256(text.encode()).hexdigest()
    lay(tmp_path, {f"blobs/sha256-{SHA}": WEIGHTS, f"blobs/sha256-{OTHER}": b"o", f"blobs/sha256-{by_digest}": blob, f"blobs/sha256-{name}": text})
    link = tmp_path / "manifests-v2/hf.co/org/name/latest"
    link.parent.mkdir(parents=True)
    link.symlink_to(f"../../../../blobs/sha256-{name}")
    assert {(etag, repo) for _, etag, repo, *_ in told("ollama", tmp_path)} == {
        (SHA, "org/name"), (OTHER, "org/name"), (by_digest, None), (name, None)}  # fmt: skip


def hub_tree(*, links: bool, trees: bool) -> dict[str, bytes | str]:
    repo = "models--org--name"
    files: dict[str, bytes | str] = {f"{repo}/refs/main": COMMIT}
    if links:
        files |= {f"{repo}/blobs/{SHA}": WEIGHTS, f"{repo}/blobs/{git_sha1(CONFIG)}": CONFIG}
    else:
        files |= {f"{repo}/snapshots/{COMMIT}/unet/model.safetensors": WEIGHTS, f"{repo}/snapshots/{COMMIT}/config.json": CONFIG}
    if trees:
        listed = {
            "unet/model.safetensors": {"size": len(WEIGHTS), "blob_id": "b" * 40, "lfs_sha256": SHA, "lfs_size": len(WEIGHTS)},
            "config.json": {"size": len(CONFIG), "blob_id": git_sha1(CONFIG)},
        }
        files[f"{repo}/trees/{COMMIT}.json"] = json.dumps({"format_version": 1, "files": listed})
    return files


@pytest.mark.parametrize("trees", [False, True])
@pytest.mark.parametrize("links", [False, True])
def test_a_hub_cache_tells_digests_by_links_or_by_its_listing(tmp_path: Path, links: bool, trees: bool) -> None:
    lay(tmp_path, hub_tree(links=links, trees=trees))
    lay(tmp_path, {f"models--org--name/blobs/{OTHER}.0a1b2c3d.incomplete": b"", "version.txt": "1", "models--a--b--c/blobs/x": b""})
    snapshot = tmp_path / "models--org--name" / "snapshots" / COMMIT
    if links:
        (snapshot / "unet").mkdir(parents=True)
        (snapshot / "unet" / "model.safetensors").symlink_to(f"../../../blobs/{SHA}")
        (snapshot / "config.json").symlink_to(f"../../blobs/{git_sha1(CONFIG)}")
        (snapshot / "gone.bin").symlink_to(f"../../blobs/{'9' * 64}")
        lay(tmp_path, {f"models--org--name/blobs/{OTHER}": b"of a snapshot that was deleted"})
    known = links or trees
    wanted = {
        (f"models--org--name/snapshots/{COMMIT}/unet/model.safetensors", SHA if known else None, "org/name", COMMIT, "unet/model.safetensors"),
        (f"models--org--name/snapshots/{COMMIT}/config.json", git_sha1(CONFIG) if known else None, "org/name", COMMIT, "config.json"),
    }
    if links:
        wanted.add((f"models--org--name/blobs/{OTHER}", OTHER, "org/name", None, None))
    assert told("hub_cache", tmp_path) == wanted


def test_what_the_shared_store_has_beyond_all_repositories_is_told_by_its_refs(tmp_path: Path) -> None:
    xet = "e" * 64
    lay(tmp_path, {
        f"blobs/ee/{xet}": WEIGHTS, f"blobs/ee/{xet}.refs": f"models--gone--repo/blobs/{SHA}\nrubbish\nmodels--gone--repo/blobs/{SHA}\n",
        f"blobs/ee/{'1' * 64}": b"no refs", f"blobs/ee/{xet}.lock": b"", "blobs/.huggingface-shared-blobs": "1\n",
    })  # fmt: skip
    assert told("hub_cache", tmp_path) == {(f"blobs/ee/{xet}", SHA, "gone/repo", None, None)}


def test_a_listing_that_does_not_fit_the_file_is_not_believed(tmp_path: Path) -> None:
    lay(tmp_path, hub_tree(links=False, trees=True))
    (tmp_path / "models--org--name" / "snapshots" / COMMIT / "config.json").write_bytes(b"edited, longer than it was")
    assert {etag for _, etag, *_ in told("hub_cache", tmp_path)} == {SHA, None}


@pytest.mark.parametrize("notes", [".cache/huggingface", ".huggingface"])
def test_a_local_dir_has_notes_that_count_until_the_file_is_changed(tmp_path: Path, notes: str) -> None:
    lay(tmp_path, {"config.json": CONFIG, "sub/model.bin": WEIGHTS, "mine.txt": "mine", "changed.json": "{}", "odd.json": "{}"})
    for name, etag in (("config.json", git_sha1(CONFIG)), ("sub/model.bin", SHA), ("changed.json", "d" * 40)):
        when = os.stat(tmp_path / name).st_mtime - (60 if name == "changed.json" else 0)
        lay(tmp_path, {f"{notes}/download/{name}.metadata": f"{COMMIT}\n{etag}\n{when}\n"})
    lay(tmp_path, {f"{notes}/download/odd.json.metadata": "half a no"})
    assert told("local_dir", tmp_path) == {
        ("config.json", git_sha1(CONFIG), None, COMMIT, "config.json"), ("sub/model.bin", SHA, None, COMMIT, "sub/model.bin"),
        ("mine.txt", None, None, None, None), ("changed.json", None, None, None, None), ("odd.json", None, None, None, None),
    }  # fmt: skip


def test_hashed_files_of_transformers_say_url_and_etag(tmp_path: Path) -> None:
    def name(url: str, etag: str) -> str:
        return f"{hashlib.sha256(url.encode()).hexdigest()}.{hashlib.sha256(etag.encode()).hexdigest()}"

    hub = "https://huggingface.co/org/name/resolve/main/config.json"
    rows = [
        (hub, f'"{git_sha1(CONFIG)}"', (git_sha1(CONFIG), "org/name", "main", "config.json")),
        ("https://huggingface.co/bert-base-uncased/resolve/v1.0/a%20b/tf_model.h5", f'"{SHA}"', (SHA, "bert-base-uncased", "v1.0", "a b/tf_model.h5")),
        ("https://s3.amazonaws.com/models.huggingface.co/bert/bert-config.json", '"d41d8cd98f00b204e9800998ecf8427e-7"', (None, None, None, None)),
        ("https://huggingface.co/datasets/org/set/resolve/main/../x", "W/\"1\"", (None, None, None, None)),
    ]
    wanted = set()
    for url, etag, answer in rows:
        file = name(url, etag) + (".h5" if url.endswith(".h5") else "")
        lay(tmp_path, {file: WEIGHTS, f"{file}.json": json.dumps({"url": url, "etag": etag}), f"{file}.lock": b""})
        wanted.add((file, *answer))
    lay(tmp_path, {name("no", "note"): b"x", name("bad", "note"): b"x", f"{name('bad', 'note')}.json": "{", "tmp0a1b": b"half"})
    wanted.add((name("bad", "note"), None, None, None, None))
    lay(tmp_path, {f"org__name.main.{COMMIT}/sub/model.bin": WEIGHTS, f"org__name.{'d' * 40}/a": b"a", "org__name.main.short/x": b"x"})
    wanted.add((f"org__name.main.{COMMIT}/sub/model.bin", None, "org/name", COMMIT, "sub/model.bin"))
    wanted.add((f"org__name.{'d' * 40}/a", None, "org/name", "d" * 40, "a"))
    assert told("legacy", tmp_path) == wanted


def test_sentence_transformers_divides_at_the_first_underscore(tmp_path: Path) -> None:
    lay(tmp_path, {"sentence-transformers_all_x/1_Pooling/config.json": CONFIG, "bert-base/config.json": CONFIG, "models--org--name/x": b""})
    assert told("sentence_transformers", tmp_path) == {
        ("sentence-transformers_all_x/1_Pooling/config.json", None, "sentence-transformers/all_x", None, "1_Pooling/config.json"),
        ("bert-base/config.json", None, None, None, None),
    }


def test_lm_studios_folders_are_the_hubs_names(tmp_path: Path) -> None:
    lay(tmp_path, {"org/name-GGUF/name-Q4.gguf": WEIGHTS, "org/name-GGUF/downloading_x.gguf.part": b"", "mlx/a/b/c.json": b"", "loose.gguf": b"x",
                   "bad name!/x/y.gguf": b"x"})  # fmt: skip
    assert told("lm_studio", tmp_path) == {
        ("org/name-GGUF/name-Q4.gguf", None, "org/name-GGUF", None, "name-Q4.gguf"), ("mlx/a/b/c.json", None, "mlx/a", None, "b/c.json"),
        ("loose.gguf", None, None, None, None), ("bad name!/x/y.gguf", None, None, None, None),
    }  # fmt: skip


def test_llama_cpps_notes_of_three_ages(tmp_path: Path) -> None:
    lay(tmp_path, {
        "manifest=org=a_b-GGUF=latest.json": json.dumps({"ggufFile": {"rfilename": "q/m-00001-of-00002.gguf", "size": 1, "lfs": {"sha256": SHA}},
                                                         "mmprojFile": {"rfilename": "mmproj.gguf", "blobId": f"sha256:{OTHER}"}}),
        "org_a_b-GGUF_q_m-00001-of-00002.gguf": WEIGHTS, "org_a_b-GGUF_mmproj.gguf": b"eyes", "org_a_b-GGUF_m-00002-of-00002.gguf": WEIGHTS,
        "old.gguf": b"old", "old.gguf.json": json.dumps({"etag": f'"{SHA}"', "url": "https://huggingface.co/o/n/resolve/main/d/old.gguf"}),
        "new_x_y.gguf": b"new", "new_x_y.gguf.etag": f'"{OTHER}"', "md5.gguf": b"5", "md5.gguf.etag": '"d41d8cd98f00b204e9800998ecf8427e"',
        "half.gguf.downloadInProgress": b"", "manifest=odd=x=y.json": "[]", "manifest=a.json": "{}",
    })  # fmt: skip
    assert told("llama_cpp", tmp_path) == {
        ("org_a_b-GGUF_q_m-00001-of-00002.gguf", SHA, "org/a_b-GGUF", None, "q/m-00001-of-00002.gguf"),
        ("org_a_b-GGUF_mmproj.gguf", OTHER, "org/a_b-GGUF", None, "mmproj.gguf"),
        ("org_a_b-GGUF_m-00002-of-00002.gguf", None, "org/a_b-GGUF", None, "m-00002-of-00002.gguf"),
        ("old.gguf", SHA, "o/n", "main", "d/old.gguf"), ("new_x_y.gguf", OTHER, None, None, None), ("md5.gguf", None, None, None, None),
    }  # fmt: skip


MODELSCOPE = {
    "models/org--new/snapshots/master/sub/m.bin": ("org/new", "sub/m.bin"), "hub/models/org/mid___5/m.bin": ("org/mid.5", "m.bin"),
    "hub/org/old/m.bin": ("org/old", "m.bin"), "datasets/org--set/snapshots/v1/d.csv": ("org/set", "d.csv"),
}  # fmt: skip


def test_modelscopes_layouts_of_three_ages(tmp_path: Path) -> None:
    lay(tmp_path, {name: WEIGHTS for name in MODELSCOPE})
    lay(tmp_path, {"hub/models/org/mid___5/.msc": b"\x80\x04", "hub/org/old/.mdl": b"\x80", "hub/models/org/mid___5/._____temp/m.bin": b"half",
                   "models/org--new/snapshots/master/x.bin.incomplete": b"", ".lock/x.lock": b"", "credentials/session": b"secret"})  # fmt: skip
    (tmp_path / "hub/models/org/mid.5").symlink_to("mid___5")
    assert {(path, repo, name) for path, _, repo, _, name in told("modelscope", tmp_path)} == {(path, *of) for path, of in MODELSCOPE.items()}
    assert {one.repo_type for one in reader("modelscope").walk(str(tmp_path)) if one.repo == "org/set"} == {"dataset"}
    named = {(one.repo, one.filename) for one in folder.walk(str(tmp_path)) if one.repo}
    assert named == set(MODELSCOPE.values()), "each repository is known by itself, in a folder that the user named"


def test_kagglehubs_marks_and_archives_are_no_models(tmp_path: Path) -> None:
    lay(tmp_path, {"models/google/gemma/pyTorch/2b/1/model.ckpt": WEIGHTS, "models/google/gemma/pyTorch/2b/1.complete": b"",
                   "models/google/gemma/pyTorch/2b/2.archive": b"half", "datasets/o/d/versions/1/d.csv": b"1"})  # fmt: skip
    assert told("kagglehub", tmp_path) == {
        ("models/google/gemma/pyTorch/2b/1/model.ckpt", None, None, None, None), ("datasets/o/d/versions/1/d.csv", None, None, None, None)}  # fmt: skip


EXTRA = """# where else models lie
a111:
    base_path: {base}   # the web UI
    checkpoints: models/Stable-diffusion
    loras: |
        models/Lora
        models/LyCORIS

    "vae": 'models/VAE'
custom: {{flow: is not read}}
other:
    diffusion_models: sub/unet
    custom_nodes: nodes
empty:
"""


def test_comfyuis_extra_paths_are_read_without_a_yaml_library(tmp_path: Path) -> None:
    base = tmp_path / "webui"
    lay(tmp_path / "ComfyUI", {"folder_paths.py": "", "models/checkpoints/x/a.safetensors": b"a", "extra_model_paths.yaml": EXTRA.format(base=base),
                               "sub/unet/u.safetensors": b"u", "nodes/n.py": b"", "models/checkpoints/half.safetensors.part": b""})  # fmt: skip
    lay(base, {"models/Stable-diffusion/b.ckpt": b"b", "models/LyCORIS/c.safetensors": b"c", "models/VAE/d.pt": b"d", "models/other/e.pt": b"e"})
    found = {os.path.basename(path) for path, *_ in told("comfyui", tmp_path / "ComfyUI")}
    assert found == {"a.safetensors", "b.ckpt", "c.safetensors", "d.pt", "u.safetensors"}
    around = Around(str(tmp_path), {}, "linux")
    assert {str(base / "models/LyCORIS"), str(tmp_path / "ComfyUI/models"), str(tmp_path / "ComfyUI/sub/unet")} <= set(reader("comfyui").places(around))


def test_a1111s_options_and_the_digests_it_noted(tmp_path: Path) -> None:
    big = tmp_path / "big disk"
    lay(tmp_path / "ui", {"webui.py": "", "models/Stable-diffusion/sd/a.safetensors": WEIGHTS, "models/Lora/l.safetensors": b"l", "embeddings/e.pt": b"e",
                          "webui-user.sh": f"#export COMMANDLINE_ARGS=\"--ckpt-dir /not/this\"\nexport COMMANDLINE_ARGS=\"--xformers --ckpt-dir '{big}'\"\n"})  # fmt: skip
    lay(big, {"b.ckpt": b"b"})
    mtime = os.stat(tmp_path / "ui/models/Stable-diffusion/sd/a.safetensors").st_mtime
    hashes = {"checkpoint/sd/a.safetensors": {"mtime": mtime, "sha256": SHA}, "checkpoint/b.ckpt": {"mtime": 1, "sha256": OTHER},
              "lora/l": {"mtime": os.stat(tmp_path / "ui/models/Lora/l.safetensors").st_mtime, "sha256": OTHER}, "x": 5, "y": {"mtime": "z"}}  # fmt: skip
    lay(tmp_path / "ui", {"cache.json": json.dumps({"hashes": hashes})})
    assert {(os.path.basename(path), etag) for path, etag, *_ in told("a1111", tmp_path / "ui")} == {
        ("a.safetensors", SHA), ("l.safetensors", OTHER), ("e.pt", None), ("b.ckpt", None)}  # fmt: skip


@pytest.mark.parametrize("settings_file", ["models_dir: {}\n", "InvokeAI:\n  Paths:\n    models_dir: {}\n    outdir: x\n", "schema_version: 4.0.2\n"])
def test_invokeais_models_lie_where_its_settings_say(tmp_path: Path, settings_file: str) -> None:
    moved = tmp_path / "moved"
    top = lay(tmp_path / "root", {"invokeai.yaml": settings_file.format(moved), "databases/invokeai.db": b"x", "models/k1/own.safetensors": b"a"})
    lay(moved, {"sd-1/main/x/unet/model.safetensors": b"b"})
    found = {os.path.basename(path) for path, *_ in told("invokeai", top)}
    assert found == ({"model.safetensors"} if "{}" in settings_file else {"own.safetensors"})


def test_jan_and_gpt4all(tmp_path: Path) -> None:
    jan = lay(tmp_path / "jan", {"llamacpp/models/org/m/model.gguf": WEIGHTS, "llamacpp/models/org/m/model.yml": f"name: m\nmodel_sha256: {SHA}\n",
                                 "models/old/x.gguf": b"x", "threads/private.json": b"{}", "llamacpp/models/gone/model.yml": "model_path: /not/here\n",
                                 "llamacpp/models/in/model.yml": f"model_path: {tmp_path}/mine.gguf\nmmproj_path: x\nmmproj_sha256: {OTHER}\n",
                                 "llamacpp/models/in/mmproj.gguf": b"e", "llamacpp/models/no note/model.gguf": b"n"})  # fmt: skip
    lay(tmp_path, {"mine.gguf": b"imported where it lay"})
    assert {(path, etag) for path, etag, *_ in told("jan", jan)} == {
        ("llamacpp/models/org/m/model.gguf", SHA), ("models/old/x.gguf", None), ("../mine.gguf", None), ("llamacpp/models/in/mmproj.gguf", OTHER),
        ("llamacpp/models/no note/model.gguf", None)}  # fmt: skip
    gpt = lay(tmp_path / "GPT4All", {"m.gguf": b"x", "incomplete-n.gguf": b"", "localdocs_v3.db": b"", "GPT4All.ini": b""})
    assert told("gpt4all", gpt) == {("m.gguf", None, None, None, None)}


PLACES = [
    ("ollama", {"OLLAMA_MODELS": "/o"}, {}, "/o"), ("ollama", {}, {}, "{home}/.ollama/models"),
    ("hub_cache", {"HF_HOME": "/h"}, {}, "/h/hub"), ("hub_cache", {"XDG_CACHE_HOME": "/x"}, {}, "/x/huggingface/hub"),
    ("hub_cache", {}, {}, "{home}/.cache/huggingface/diffusers"), ("hub_cache", {"LLAMA_CACHE": "/l"}, {}, "/l"),
    ("hub_cache", {"TRANSFORMERS_CACHE": "~/t"}, {}, "{home}/t"), ("legacy", {}, {}, "{home}/.cache/torch/transformers"),
    ("legacy", {"HF_HOME": "/h"}, {}, "/h/transformers"), ("lm_studio", {}, {".lmstudio-home-pointer": "/lms\n"}, "/lms/models"),
    ("lm_studio", {}, {".lmstudio/settings.json": '{"downloadsFolder": "/gguf"}'}, "/gguf"),
    ("lm_studio", {}, {".config/LM Studio/settings.json": '{"downloadsFolder": "~/gguf"}'}, "{home}/gguf"),
    ("lm_studio", {}, {".lmstudio/settings.json": "{"}, "{home}/.lmstudio/models"), ("llama_cpp", {}, {}, "{home}/.cache/llama.cpp"),
    ("modelscope", {"MODELSCOPE_CACHE": "/ms"}, {}, "/ms"), ("kagglehub", {"KAGGLEHUB_CACHE": "/k"}, {}, "/k"),
    ("jan", {}, {".config/Jan/settings.json": '{"data_folder": "/jan"}'}, "/jan"),
    ("gpt4all", {}, {".config/nomic.ai/GPT4All.ini": "[General]\nmodelPath=/g4a\n"}, "/g4a"), ("invokeai", {"INVOKEAI_ROOT": "/i"}, {}, "/i"),
    ("comfyui", {}, {".config/ComfyUI/config.json": '{"basePath": "/desk"}'}, "/desk/models"),
    ("comfyui", {}, {".config/comfy-cli/config.ini": "[DEFAULT]\ndefault_workspace = /cli\n"}, "/cli/models"),
    ("comfyui", {}, {".config/ComfyUI/extra_models_config.yaml": "x:\n  base_path: /m\n  loras: l\n"}, "/m/l"),
    ("a1111", {"COMMANDLINE_ARGS": "--lora-dir /loras --xformers"}, {}, "/loras"),
]  # fmt: skip


@pytest.mark.parametrize(("module", "environment", "files", "place"), PLACES)
def test_places_are_those_that_a_programs_own_settings_name(
    tmp_path: Path, module: str, environment: dict[str, str], files: dict[str, bytes | str], place: str
) -> None:
    lay(tmp_path, files)
    found = reader(module).places(Around(str(tmp_path), environment, "linux"))
    assert place.format(home=tmp_path) in found
    assert len(found) == len(set(found)) and all(map(os.path.isabs, found))


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_every_reader_has_its_places_on_every_system(tmp_path: Path, platform: str) -> None:
    for one in readers():
        assert all(isinstance(place, str) for place in one.places(Around(str(tmp_path), {}, platform)))
    assert len(readers()) == len(PROGRAMS) == len({one.NAME for one in readers()})


# --- git ------------------------------------------------------------------------------------------


def git(*words: str, cwd: Path) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "HOME": str(cwd)}
    for who in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.com", f"GIT_{who}_DATE": "1700000000 +0000"}
    return subprocess.run(["git", *words], cwd=cwd, env=environment, check=True, capture_output=True, text=True).stdout.strip()


def pointer(content: bytes) -> bytes:
    return b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n" % (hashlib.sha256(content).hexdigest().encode(), len(content))


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A repository with pointers that nobody has filled, as a clone without git-lfs has them; forty of them, so that a pack has deltas."""
    top = lay(tmp_path / "clone", {"config.json": CONFIG, "sub/model.bin": pointer(WEIGHTS), "ü.txt": "ü"})
    lay(top, {f"shards/{number}.bin": pointer(WEIGHTS + b"%d" % number) for number in range(40)})
    git("init", "-q", "-b", "main", cwd=top)
    git("add", ".", cwd=top)
    git("commit", "-qm", "one", cwd=top)
    git("remote", "add", "origin", "https://user:hf_secret@huggingface.co/org/name.git", cwd=top)
    return top


@pytest.mark.parametrize("packed", [False, True])
def test_a_clone_without_smudge_has_its_large_files_in_the_store_of_git_lfs(clone: Path, packed: bool) -> None:
    lay(clone, {f".git/lfs/objects/{SHA[:2]}/{SHA[2:4]}/{SHA}": WEIGHTS, f".git/lfs/objects/ab/ab/{OTHER}": b"of another commit",
                f".git/lfs/objects/ab/cd/{OTHER}": b"not where git-lfs puts it"})  # fmt: skip
    if packed:  # a tree that is a delta upon another delta
        for number in range(5):
            lay(clone, {f"shards/{number}.bin": pointer(b"%d" % number)})
            git("commit", "-qam", f"{number}", cwd=clone)
        git("gc", "-q", "--aggressive", cwd=clone)
        verified = git("verify-pack", "-v", str(next((clone / ".git/objects/pack").glob("*.idx"))), cwd=clone)
        depths = {words[0]: int(words[5]) for words in map(str.split, verified.splitlines()) if len(words) == 7}
        commits = git("rev-list", "HEAD", cwd=clone).split()
        depth, commit = max((depths.get(git("rev-parse", f"{commit}:shards", cwd=clone), 0), commit) for commit in commits)
        assert depth > 1
        git("checkout", "-q", commit, cwd=clone)
        assert not list((clone / ".git/objects").glob("??/*"))
    commit = git("rev-parse", "HEAD", cwd=clone)
    store = f".git/lfs/objects/{SHA[:2]}/{SHA[2:4]}/{SHA}"
    assert told("git_lfs", clone) == {
        ("config.json", git_sha1(CONFIG), "org/name", commit, "config.json"), (store, SHA, "org/name", commit, "sub/model.bin"),
        ("ü.txt", git_sha1("ü".encode()), "org/name", commit, "ü.txt"), (f".git/lfs/objects/ab/ab/{OTHER}", OTHER, "org/name", None, None),
    }  # fmt: skip


def test_a_smudged_file_whose_object_was_pruned_is_told_by_its_pointer(clone: Path) -> None:
    (clone / "sub/model.bin").write_bytes(WEIGHTS)
    (clone / "shards/1.bin").write_bytes(b"edited")
    found = {(path, etag) for path, etag, *_ in told("git_lfs", clone)}
    assert ("sub/model.bin", SHA) in found
    assert not [path for path, _ in found if path.startswith("shards")], "a pointer is no weights, an edited file is another"


@pytest.mark.parametrize("packed", [False, True])
def test_a_clone_tells_all_files_of_a_commit_or_none(clone: Path, packed: bool) -> None:
    for number in range(30):  # a large blob whose versions become deltas: their size stands in the delta's beginning
        lay(clone, {"vocab.txt": "".join(f"word {word} {number}\n" for word in range(500)), "config.json": CONFIG + b" " * number})
        git("add", ".", cwd=clone)
        git("commit", "-qm", f"{number}", cwd=clone)
    first, last = git("rev-parse", "HEAD~29", cwd=clone), git("rev-parse", "HEAD", cwd=clone)
    if packed:
        git("gc", "-q", "--aggressive", cwd=clone)
    for commit in (first, last):
        wanted = {}
        for line in git("ls-tree", "-r", "-l", "-z", commit, cwd=clone).split("\0")[:-1]:
            facts, name = line.split("\t")
            _, _, blob, size = facts.split()
            lfs = WEIGHTS if name.startswith("sub") else WEIGHTS + name[7:-4].encode() if name.startswith("shards") else None
            wanted[name] = (int(size), blob) if lfs is None else (len(lfs), hashlib.sha256(lfs).hexdigest())
        assert git_lfs.listing(str(clone), "org/name", "model", commit) == wanted
    assert git_lfs.listing(str(clone), "org/other", "model", last) == git_lfs.listing(str(clone), "org/name", "dataset", last) == {}
    assert git_lfs.listing(str(clone), "org/name", "model", COMMIT) == {}


def test_a_clone_that_lacks_something_lists_nothing(clone: Path, tmp_path: Path) -> None:
    commit = git("rev-parse", "HEAD", cwd=clone)
    for missing in ("HEAD:config.json", "HEAD:shards", "HEAD^{tree}"):
        copy = tmp_path / missing.replace(":", "-")
        shutil.copytree(clone, copy)
        name = git("rev-parse", missing, cwd=clone)
        (copy / ".git/objects" / name[:2] / name[2:]).unlink()
        assert git_lfs.listing(str(copy), "org/name", "model", commit) == {}
    assert len(git_lfs.listing(str(clone), "org/name", "model", commit) or {}) == 43


def test_a_hub_cache_tells_all_files_of_a_commit_if_it_was_noted(tmp_path: Path) -> None:
    lay(tmp_path, hub_tree(links=False, trees=True))
    shutil.rmtree(tmp_path / "models--org--name" / "snapshots" / COMMIT / "unet")
    wanted = {"unet/model.safetensors": (len(WEIGHTS), SHA), "config.json": (len(CONFIG), git_sha1(CONFIG))}
    assert hub_cache.listing(str(tmp_path), "org/name", "model", COMMIT) == wanted
    assert hub_cache.listing(str(tmp_path), "org/name", "model", "d" * 40) is None
    assert hub_cache.listing(str(tmp_path), "org/name", "dataset", COMMIT) is None
    note = tmp_path / "models--org--name" / "trees" / f"{COMMIT}.json"
    half = json.loads(note.read_text())
    half["files"]["config.json"]["blob_id"] = "no digest"
    note.write_text(json.dumps(half))
    assert hub_cache.listing(str(tmp_path), "org/name", "model", COMMIT) is None


def test_a_worktree_a_bare_clone_and_a_moved_store(clone: Path, tmp_path: Path) -> None:
    moved = lay(tmp_path / "moved", {f"objects/{SHA[:2]}/{SHA[2:4]}/{SHA}": WEIGHTS})
    git("config", "lfs.storage", str(moved), cwd=clone)
    git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"), cwd=clone)
    commit = git("rev-parse", "HEAD", cwd=clone)
    found = told("git_lfs", tmp_path / "tree")
    assert {(name, etag) for _, etag, _, revision, name in found if revision == commit} == {
        ("config.json", git_sha1(CONFIG)), ("sub/model.bin", SHA), ("ü.txt", git_sha1("ü".encode()))}  # fmt: skip
    git("clone", "-q", "--bare", str(clone), str(tmp_path / "bare"), cwd=tmp_path)
    lay(tmp_path / "bare", {f"lfs/objects/{SHA[:2]}/{SHA[2:4]}/{SHA}": WEIGHTS})
    assert {(etag, repo, name) for _, etag, repo, _, name in told("git_lfs", tmp_path / "bare")} == {(SHA, None, "sub/model.bin")}
    assert {(etag, name) for _, etag, _, _, name in told("git_lfs", moved / "objects")} == {(SHA, None)}, "the store alone, as it is handed on"


@pytest.mark.parametrize(
    ("url", "repo"),
    [
        ("https://huggingface.co/org/name", ("org/name", "model")), ("https://hf.co/bert-base-uncased.git", ("bert-base-uncased", "model")),
        ("https://me:hf_x@huggingface.co/datasets/org/set/", ("org/set", "dataset")), ("git@hf.co:org/name", ("org/name", "model")),
        ("ssh://git@hf.co/spaces/org/app", ("org/app", "space")), ("http://127.0.0.1:8080/org/name.git", ("org/name", "model")),
        ("https://github.com/org/name", None), ("git@github.com:org/name.git", None), ("/srv/git/org/name", None), ("https://huggingface.co/a/b/c", None),
        ("https://huggingface.co.evil.example/org/name", None), ("https://[bad", None), ("file:///org/name", None), ("", None),
    ],
)  # fmt: skip
def test_only_a_hubs_address_names_a_repository(url: str, repo: tuple[str, str] | None) -> None:
    assert git_lfs.repo_of(url) == repo


def test_an_object_that_is_not_what_its_name_says_is_not_there(clone: Path) -> None:
    commit = git("rev-parse", "HEAD", cwd=clone)
    objects = git_objects.Objects(str(clone / ".git"))
    tree = git_objects.tree_of(objects, commit)
    assert tree == git("rev-parse", "HEAD^{tree}", cwd=clone)
    lied = b"tree 4\0lies"
    path = clone / ".git/objects" / tree[:2] / tree[2:]
    path.chmod(0o644)
    path.write_bytes(zlib.compress(lied))
    assert objects.read(tree, "tree") is None
    assert told("git_lfs", clone) == set()


POINTERS = [
    (pointer(WEIGHTS), (SHA, len(WEIGHTS))), (pointer(WEIGHTS).replace(b"sha256", b"sha999"), None), (b"", None), (b"version 1\n", None),
    (pointer(WEIGHTS).replace(b"size ", b"size -"), None), (pointer(WEIGHTS) + b"x" * 1024, None),
    (b"version https://git-lfs.github.com/spec/v1\next-0-foo sha256:" + b"1" * 64 + b"\n" + pointer(b"a").split(b"\n", 1)[1],
     (hashlib.sha256(b"a").hexdigest(), 1)),
]  # fmt: skip


@pytest.mark.parametrize(("content", "answer"), POINTERS)
def test_pointers(content: bytes, answer: tuple[str, int] | None) -> None:
    assert git_lfs.read_pointer(content) == answer


# --- plain folders, and what any folder may hold ---------------------------------------------------


def test_a_named_folder_is_searched_for_stores_and_plain_files(tmp_path: Path) -> None:
    lay(tmp_path / "disk", {f"ollama/blobs/sha256-{SHA}": WEIGHTS, f"{OTHER}": b"x", "deep/er/model.bin": b"y", "deep/half.bin.part": b"",
                            "node_modules/a/b.js": b"", **{f"hub/{name}": content for name, content in hub_tree(links=False, trees=True).items()}})  # fmt: skip
    (tmp_path / "disk/deep/loop").symlink_to(tmp_path / "disk")
    (tmp_path / "disk/linked").symlink_to(tmp_path / "elsewhere")
    lay(tmp_path / "elsewhere", {"z.bin": b"z"})
    found = {(one.program, os.path.basename(one.path), one.etag) for one in folder.walk(str(tmp_path / "disk"))}
    assert found == {
        ("ollama", f"sha256-{SHA}", SHA), ("folder", OTHER, OTHER), ("folder", "model.bin", None), ("folder", "z.bin", None),
        ("huggingface", "model.safetensors", SHA), ("huggingface", "config.json", git_sha1(CONFIG)),
    }  # fmt: skip


def test_a_folder_that_is_only_called_like_a_program_is_searched_like_any_other(tmp_path: Path) -> None:
    for name in ("gpt4all", "GPT4All", "kagglehub", "sentence_transformers", "models", "ollama"):
        lay(tmp_path / name, {"deep/er/model.gguf": b"x"})
        assert [os.path.basename(one.path) for one in folder.walk(str(tmp_path / name))] == ["model.gguf"], name


def test_one_repository_of_a_hub_cache_and_one_snapshot_can_be_named(tmp_path: Path) -> None:
    lay(tmp_path, {f"models--org--name/blobs/{SHA}": WEIGHTS, "models--org--name/refs/main": COMMIT})
    snapshot = tmp_path / "models--org--name/snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (snapshot / "model.bin").symlink_to(f"../../blobs/{SHA}")
    (one,) = folder.walk(str(tmp_path / "models--org--name"))
    assert (one.etag, one.repo, one.revision, one.filename) == (SHA, "org/name", COMMIT, "model.bin")
    assert [ref.commit for ref in hub_cache.refs(str(tmp_path / "models--org--name"))] == [COMMIT]
    assert [(one.etag, one.repo) for one in folder.walk(str(snapshot))] == [(SHA, None)]


def test_two_programs_in_one_folder_are_both_read(tmp_path: Path) -> None:
    lay(tmp_path, hub_tree(links=False, trees=False))
    lay(tmp_path, {f"{SHA}.{OTHER}": b"x", f"{SHA}.{OTHER}.json": "{}"})
    assert [one.NAME for one in readers_of(str(tmp_path), look.names(str(tmp_path)))] == ["huggingface", "transformers"]
    assert {one.program for one in folder.walk(str(tmp_path))} == {"huggingface", "transformers"}


def test_pipes_sockets_and_dead_links_are_passed_over(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "model.gguf")
    os.mkfifo(tmp_path / "extra_model_paths.yaml")
    (tmp_path / "dead").symlink_to("nowhere")
    (tmp_path / "self").symlink_to("self")
    assert list(folder.walk(str(tmp_path))) == []
    assert look.text(str(tmp_path / "model.gguf")) is None and look.text(str(tmp_path)) is None and look.text("a\0b") is None


def test_where_a_listing_has_no_numbers_of_folders_each_is_entered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Windows: os.scandir's entries there say device 0, inode 0."""
    lay(tmp_path, {"a/1/x.gguf": b"x", "b/2/y.gguf": b"y"})
    real = os.scandir

    class Bare:
        def __init__(self, entry: Any) -> None:
            self.name, self.is_symlink, self._entry = entry.name, entry.is_symlink, entry

        def stat(self) -> os.stat_result:
            known = list(self._entry.stat())
            return os.stat_result([known[0], 0, 0, *known[3:]])

    @contextlib.contextmanager
    def listed(path: Any) -> Any:
        with real(path) as entries:
            yield (Bare(entry) for entry in entries)

    monkeypatch.setattr(os, "scandir", listed)
    assert [file.below for file in look.files(str(tmp_path))] == ["a/1/x.gguf", "b/2/y.gguf"]
    assert len(list(folder.walk(str(tmp_path)))) == 2


def test_work_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay(tmp_path, {f"{number}/a.bin": b"" for number in range(30)})
    monkeypatch.setattr(look, "ENTRIES_MOST", 20)
    assert len(list(look.files(str(tmp_path)))) < 30 and len(list(folder.walk(str(tmp_path)))) < 30
    (tmp_path / "large.json").write_text("{}" + " " * 100)
    assert look.text(str(tmp_path / "large.json"), 50) is None


def test_reading_leaves_no_trace(tmp_path: Path) -> None:
    top = lay(tmp_path / "o", {f"blobs/sha256-{SHA}": WEIGHTS, "manifests/hf.co/org/name/latest": manifest(SHA)})
    for path in [top, *top.rglob("*")]:
        os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    before = {path: os.lstat(path) for path in [top, *top.rglob("*")]}
    for path in before:  # listing by the test itself may have touched them: a relative atime goes forward once
        os.utime(path, ns=(1_000_000_000, 2_000_000_000))
    before = {path: os.lstat(path) for path in before}
    assert told("ollama", top)
    for path, known in before.items():
        now = os.lstat(path)
        assert (now.st_atime_ns, now.st_mtime_ns, now.st_ctime_ns, now.st_nlink) == (known.st_atime_ns, known.st_mtime_ns, known.st_ctime_ns, known.st_nlink)


DIGESTS = [
    (f"sha256:{SHA}", SHA), (f'"{SHA}"', SHA), (f'W/"{git_sha1(CONFIG)}"', git_sha1(CONFIG)), (SHA.upper(), SHA), (f"sha256-{SHA}", SHA),
    (f"sha256:{SHA[:-1]}", None), ("d41d8cd98f00b204e9800998ecf8427e", None), (f"sha256:{git_sha1(CONFIG)}", None), (None, None), (5, None), ("", None),
    ("g" * 64, None), (f"sha1:{git_sha1(CONFIG)}", None),
]  # fmt: skip


@pytest.mark.parametrize(("word", "answer"), DIGESTS)
def test_digests(word: object, answer: str | None) -> None:
    assert look.digest(word) == answer


@pytest.mark.parametrize("word", ["../x", "/x", "a//b", "a/../b", "a\\b", "a\0", "", "a/", ".", None, 3, "a\udcff", "x" * 5000])
def test_what_cannot_be_a_path_in_a_repository_is_none(word: object) -> None:
    assert look.filename(word) is None


def test_settings_of_other_programs() -> None:
    assert settings.yaml("a: 1 # one\nb:\n  c: |\n    x\n    y # kept? no: a block is text\n  d: 'q#q'\n- list\ne:\n") == {
        "a": "1", "b": {"c": "x\ny # kept? no: a block is text", "d": "q#q"}, "e": {}}  # fmt: skip
    assert settings.ini("[a]\nx = 1\n;y=2\nz\n") == {"x": "1"}
    names = ("--ckpt-dir", "--vae-dir")
    assert settings.arguments('set COMMANDLINE_ARGS=--ckpt-dir "C:\\my models" --vae-dir=D:\\v', names) == {
        "--ckpt-dir": ["C:\\my models"], "--vae-dir": ["D:\\v"]}  # fmt: skip
    assert settings.arguments("--ckpt-dir '/unclosed --vae-dir", names) == {"--ckpt-dir": ["/unclosed"]}


def test_long_lines_of_settings_cost_no_more_than_reading_them() -> None:
    """A megabyte of spaces took the pattern for a key minutes (the square of its length)."""
    for line in ("a" + " " * 1_000_000 + "b", "a " * 500_000, "'" * 1_000_000, "[" * 1_000_000):
        assert settings.yaml(f"{line}\nkept: x\n") == {"kept": "x"}
        assert settings.arguments(f"--ckpt-dir {line} x", ("--ckpt-dir",)) == {}
        assert git_lfs.read_config(f"[s]\n[a{line}\nk = v")["s.k"] == ["v"]
        assert git_lfs.repo_of(line) is None


# --- whatever lies there, nothing is an error ------------------------------------------------------

SEEDS = 120
NAMES = [
    "blobs", "manifests", "hf.co", "org", "name", "latest", f"sha256-{SHA}", "models--org--name", "snapshots", COMMIT, "trees", f"{COMMIT}.json", "refs",
    ".git", "HEAD", "config", "objects", "pack", "info", "alternates", "lfs", "packed-refs", SHA, f"{SHA}.{OTHER}", f"{SHA}.{OTHER}.json", "commondir",
    "manifest=org=name=q4.json", "org_name_m.gguf", "org_name_m.gguf.json", "org_name_m.gguf.etag", "models", "hub", "org--name", ".msc", ".mdl",
    "extra_model_paths.yaml", "folder_paths.py", "webui.py", "webui-user.sh", "cache.json", "invokeai.yaml", "llamacpp", "model.gguf", "model.yml",
    "settings.json", ".cache", "huggingface", "download", "config.json.metadata", "config.json", "ab", "cd", f"{SHA}.refs", "kagglehub", "GPT4All",
]  # fmt: skip


def rubbish(dice: random.Random, git_folder: Path) -> bytes:
    kind = dice.randrange(7)
    if kind == 0:
        return dice.randbytes(dice.randrange(200))
    if kind == 1:
        return json.dumps(dice.choice([[], {}, {"layers": [1, {"digest": 5}]}, {"files": {"a": None, "": {"size": "x"}}}, {"hashes": [1]}, {"url": 3, "etag": []},
                                       {"ggufFile": {"rfilename": "../../x", "lfs": 4}}, {"files": {"a": {"size": 1, "blob_id": SHA}}}, 7, None])).encode()  # fmt: skip
    if kind == 2:
        return b"[" * 5000
    if kind == 3:
        return dice.choice([b"ref: refs/heads/../../x", b"ref: ref: HEAD", b"gitdir: .", b"gitdir: \0", b"..", COMMIT.encode(), b"ref: HEAD", b"\xff\xfe"])
    if kind == 4:
        words = [b"a:", b" b: |", b"  - c", b"\tbase_path: /", b"---", b"x: {y", b"'", b'"k": v', b"COMMANDLINE_ARGS=--ckpt-dir \0", b"[s", b"="]
        return b"\n".join(dice.choices(words, k=8))
    real = dice.choice([path for path in git_folder.rglob("*") if path.is_file()])
    content = bytearray(real.read_bytes())
    for _ in range(dice.randrange(4) if content else 0):
        content[dice.randrange(len(content))] = dice.randrange(256)
    return bytes(content[: dice.randrange(len(content) + 1)] if dice.random() < 0.3 else content)


def test_rubbish_under_the_names_of_manifests_is_never_an_error(tmp_path: Path, clone: Path) -> None:
    git("gc", "-q", cwd=clone)
    for seed in range(SEEDS):
        dice = random.Random(seed)
        top = tmp_path / f"seed-{seed}"
        for _ in range(25):
            path = top.joinpath(*dice.choices(NAMES, k=dice.randrange(1, 6)))
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(rubbish(dice, clone / ".git"))
            except OSError:
                continue  # a file stands where a folder should be
        around = Around(str(top), {name: str(top / "models") for name in ("HF_HOME", "OLLAMA_MODELS", "LLAMA_CACHE")} | {"COMMANDLINE_ARGS": "--ckpt-dir '"}, "linux")
        for one in readers():
            assert all(isinstance(place, str) for place in one.places(around))
            check(list(one.walk(str(top))), f"{one.NAME}, seed {seed}")
        check(list(folder.walk(str(top))), f"folder, seed {seed}")


def test_a_damaged_clone_is_never_an_error(tmp_path: Path, clone: Path) -> None:
    """One thing after the other is changed in a real clone, packed."""
    git("gc", "-q", cwd=clone)
    files = sorted(path for path in (clone / ".git").rglob("*") if path.is_file() and path.suffix in (".pack", ".idx", "") and "hooks" not in path.parts)
    whole = told("git_lfs", clone)
    assert whole
    for seed in range(SEEDS):
        dice = random.Random(seed)
        path = dice.choice(files)
        content = path.read_bytes()
        path.chmod(0o644)
        if content:
            at = dice.randrange(len(content))
            path.write_bytes(content[:at] + (bytes([content[at] ^ 1 << dice.randrange(8)]) + content[at + 1 :] if dice.random() < 0.7 else b""))
        found = list(reader("git_lfs").walk(str(clone)))
        check(found, f"seed {seed}, {path}")
        for one in found:
            if one.filename is not None and path.suffix in (".pack", ".idx"):
                assert (one.etag, one.filename) in {(etag, name) for _, etag, _, _, name in whole}, "git's objects are proven: a listing is right or short"
        path.write_bytes(content)
    assert told("git_lfs", clone) == whole


def check(found: list[Lying], what: str) -> None:
    for one in found:
        assert os.path.isabs(one.path) and one.size >= 0, what
        assert one.etag is None or look.digest(one.etag) == one.etag, what
        assert one.filename is None or look.filename(one.filename) == one.filename, what
        assert one.repo is None or look.repo_id(*one.repo.split("/")) == one.repo, what
