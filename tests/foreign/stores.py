"""One function a store. Each gets a home of its own and leaves there what the program leaves; it answers how the store is to be found.

A store `by` "program" was written by the program itself, run here; one by "hand" is laid as the program's sources and documents show it.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.foreign.kaggle import Kaggle
from tests.server import World

ROOT = Path(__file__).resolve().parents[2]
VENVS = ROOT / "build"
FOREIGN = VENVS / "venv-foreign"
CARD = "README.md"  # on the hub only: no store has it


@dataclass
class Store:
    """Where a store is, and which files of which repository of the hub are in it."""

    name: str
    by: str  # "program" or "hand"
    program: str  # what a Lying calls it
    repo: str
    home: Path
    files: dict[str, bytes]
    environment: dict[str, str] = field(default_factory=dict)  # how its program is told where it is
    named: Path | None = None  # a folder that the user has to name; None: found by itself


def weights(seed: str, size: int = 1_200_000) -> bytes:
    """Bytes that are this store's alone."""
    return hashlib.shake_128(seed.encode()).digest(size)


def model(name: str) -> dict[str, bytes]:
    return {"config.json": json.dumps({"model_type": "bert", "_of": name}).encode(), "model.safetensors": weights(name)}


def gguf(name: str) -> dict[str, bytes]:
    return {f"{name}-Q4_K_M.gguf": b"GGUF" + weights(name)}


def lay(top: Path, files: dict[str, bytes | str]) -> None:
    for name, content in files.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Maker:
    """Runs the programs. `world`: plain http, for old clients know nothing of its certificates."""

    def __init__(self, world: World, top: Path) -> None:
        self.world, self.top = world, top

    def home(self, name: str) -> Path:
        home = self.top / name
        home.mkdir(parents=True)
        return home

    def repo(self, name: str, files: dict[str, bytes], **how: Any) -> str:
        """On the hub under this name, with a card that no store has."""
        id = f"org/{name}"
        self.world.repo(id).commit({**files, CARD: f"# {name}\n".encode()}, **how)
        return id

    def child(self, home: Path, what: str, *, python: Path | None = None, old: str = "", environment: dict[str, str] | None = None, **how: Any) -> None:
        """One of children.py's, in an environment that is bare but for `home` and the hub's address."""
        asked = {"HOME": str(home), "PATH": os.environ["PATH"], "HF_ENDPOINT": self.world.endpoint, "HF_HUB_DISABLE_TELEMETRY": "1",
                 "PYTHONPATH": str(FOREIGN / old) if old else "", "PYTHONDONTWRITEBYTECODE": "1", **(environment or {})}  # fmt: skip
        command = [str(python or FOREIGN / "bin" / "python"), str(ROOT / "tests" / "foreign" / "children.py"), what, json.dumps(how)]
        self.run(command, asked, home)

    def run(self, command: list[str], environment: dict[str, str], folder: Path) -> None:
        done = subprocess.run(command, env=environment, cwd=folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"

    def git(self, home: Path, *words: str, folder: Path | None = None, **more: str) -> None:
        environment = {"HOME": str(home), "PATH": os.environ["PATH"], "GIT_CONFIG_NOSYSTEM": "1", **more}
        for who in ("AUTHOR", "COMMITTER"):
            environment |= {f"GIT_{who}_NAME": "a", f"GIT_{who}_EMAIL": "a@example.com"}
        self.run(["git", *words], environment, folder or home)


# --- by the programs themselves --------------------------------------------------------------------


def hub_old(make: Maker, name: str) -> Store:
    """huggingface_hub 0.8: the first with this layout; here in diffusers' place, as diffusers until 0.13 called it."""
    home, files = make.home(name), model(name)
    repo = make.repo(name, files)
    make.child(home, "hub", old="huggingface_hub-0.8.1", repo=repo, cache_dir=str(home / ".cache/huggingface/diffusers"), ignore_regex=CARD)
    return Store(name, "program", "huggingface", repo, home, files)


def hub_without_links(make: Maker, name: str) -> Store:
    """huggingface_hub 0.17 where links are impossible: files in snapshots/, no digest anywhere."""
    home, files = make.home(name), model(name)
    repo = make.repo(name, files)
    make.child(home, "hub", old="huggingface_hub-0.17.3", version="0.17.3", repo=repo, links=False, ignore_patterns=CARD)
    return Store(name, "program", "huggingface", repo, home, files)


def hub_local_dir(make: Maker, name: str) -> Store:
    """huggingface_hub 0.23: local_dir with its notes, in a folder of the user's."""
    home, files = make.home(name), model(name)
    repo = make.repo(name, files)
    make.child(home, "hub", old="huggingface_hub-0.23.5", version="0.23.5", repo=repo, local_dir=str(home / "mine"), ignore_patterns=CARD)
    return Store(name, "program", "local_dir", repo, home, files, named=home / "mine")


def hub_local_dir_new(make: Maker, name: str) -> Store:
    """huggingface_hub 2.4: the same; its notes moved, and a listing of the commit came."""
    home, files = make.home(name), model(name)
    repo = make.repo(name, files)
    make.child(home, "hub", python=VENVS / "venv" / "bin" / "python", repo=repo, local_dir=str(home / "mine"), ignore_patterns=CARD)
    return Store(name, "program", "local_dir", repo, home, files, named=home / "mine")


def hub_shared(make: Maker, name: str) -> Store:
    """huggingface_hub 2.4 with hf_xet: blobs in the shared store, in a place that HF_HOME names."""
    home, files = make.home(name), model(name)
    repo = make.repo(name, files, xet=True)
    environment = {"HF_HOME": str(home / "elsewhere")}
    make.child(home, "hub", python=VENVS / "venv" / "bin" / "python", environment=environment, repo=repo, ignore_patterns=CARD)
    store = home / "elsewhere" / "hub" / "blobs"
    assert any(path.is_file() and len(path.name) == 64 for path in store.rglob("*")), "the shared store is what is to be shown"
    return Store(name, "program", "huggingface", repo, home, files, environment)


def transformers_hashed(make: Maker, name: str) -> Store:
    """transformers 4.20: one flat folder of hashed names."""
    home, files = make.home(name), {**model(name), "pytorch_model.bin": weights(name + "bin")}
    del files["model.safetensors"]
    repo = make.repo(name, files)
    make.child(home, "transformers", repo=repo, weights="pytorch_model.bin")
    return Store(name, "program", "transformers", repo, home, files)


def sentence_transformers(make: Maker, name: str) -> Store:
    """sentence-transformers 2.2, by the huggingface_hub that it called."""
    home, files = make.home(name), {**model(name), "1_Pooling/config.json": b'{"pooling_mode_mean_tokens": true}'}
    repo = make.repo(name, files)
    folder = home / ".cache/torch/sentence_transformers" / repo.replace("/", "_")
    make.child(home, "sentence_transformers", repo=repo, files=list(files), folder=str(folder))
    return Store(name, "program", "sentence-transformers", repo, home, files)


def modelscope_new(make: Maker, name: str) -> Store:
    """modelscope 1.40."""
    return _modelscope(make, name, "", home_cache=".cache/modelscope")


def modelscope_old(make: Maker, name: str) -> Store:
    """modelscope 1.22: the layout before models/, with a dot in the name."""
    return _modelscope(make, name, "modelscope-1.22.3", home_cache="ms")


def _modelscope(make: Maker, name: str, old: str, home_cache: str) -> Store:
    home, files = make.home(name), model(name)
    repo = make.repo(f"{name}-2.5", files)
    domain = make.world.endpoint.removeprefix("http://")
    moved = {} if home_cache.startswith(".cache") else {"MODELSCOPE_CACHE": str(home / home_cache)}
    environment = {"MODELSCOPE_DOMAIN": domain, "MODELSCOPE_ENDPOINT": make.world.endpoint, **moved}
    make.child(home, "modelscope", old=old, environment=environment, repo=repo, domain=domain)
    for card in home.rglob(CARD):  # it came along: here it is the mark of what was not there
        card.unlink()
    return Store(name, "program", "modelscope", repo, home, files, moved)


def kagglehub(make: Maker, name: str) -> Store:
    """kagglehub 1.0: another hub's model with the same weights."""
    home, files = make.home(name), {"model.safetensors": weights(name)}
    repo = make.repo(name, files)
    environment = {"KAGGLE_API_ENVIRONMENT": "TEST", "KAGGLE_USERNAME": "u", "KAGGLE_KEY": "k"}
    with Kaggle({**files, "notes.txt": b"Kaggle's own"}) as kaggle:
        make.child(home, "kagglehub", environment=environment, handle=f"google/{name}/pyTorch/tiny/1", endpoint=kaggle.endpoint)
    return Store(name, "program", "kagglehub", repo, home, files)


def git_lfs(make: Maker, name: str) -> Store:
    """git and git-lfs: a clone of which nothing is checked out but pointers, large files fetched: `git lfs fetch`."""
    home, files = make.home(name), model(name)
    repo = make.repo(name, files)
    origin, first, clone = home / "origin.git", home / "first", home / "clone"
    make.git(home, "init", "-q", "--bare", "-b", "main", str(origin))
    make.git(home, "clone", "-q", origin.as_uri(), str(first))
    make.git(home, "lfs", "install", "--local", folder=first)
    make.git(home, "checkout", "-q", "-B", "main", folder=first)
    make.git(home, "lfs", "track", "*.safetensors", folder=first)
    lay(first, dict(files))
    make.git(home, "add", ".", folder=first)
    make.git(home, "commit", "-qm", "one", folder=first)
    make.git(home, "push", "-q", "origin", "main", folder=first)
    make.git(home, "clone", "-q", origin.as_uri(), str(clone), GIT_LFS_SKIP_SMUDGE="1")
    make.git(home, "lfs", "fetch", folder=clone)
    assert (clone / "model.safetensors").stat().st_size < 200, "a pointer"
    make.git(home, "remote", "set-url", "origin", f"https://huggingface.co/{repo}", folder=clone)
    for folder in (origin, first):
        shutil.rmtree(folder)
    return Store(name, "program", "git-lfs", repo, home, files, named=clone)


def git_lfs_smudged(make: Maker, name: str) -> Store:
    """git-lfs as most have it: files in the folder and again below .git; of these the second were removed to save space."""
    store = git_lfs(make, name)
    assert store.named is not None
    make.git(store.home, "lfs", "install", "--local", folder=store.named)
    make.git(store.home, "lfs", "checkout", folder=store.named)
    shutil.rmtree(store.named / ".git/lfs/objects")
    assert (store.named / "model.safetensors").read_bytes() == store.files["model.safetensors"]
    return store


# --- by hand ----------------------------------------------------------------------------------------


def ollama(make: Maker, name: str) -> Store:
    """As `ollama pull hf.co/org/name:Q4_K_M` leaves it, and a model of its own registry beside."""
    home, files = make.home(name), gguf(name)
    repo = make.repo(name, files)
    (content,) = files.values()
    blobs = {sha256(part): part for part in (content, b'{"model_format":"gguf"}', b"{{ .Prompt }}", b'{"stop":["</s>"]}')}
    kinds = ("model", "config", "template", "params")
    layers = [{"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{one}", "size": len(blobs[one])}
              for kind, one in zip(kinds, blobs, strict=True)]  # fmt: skip
    manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "config": layers.pop(1), "layers": layers}
    lay(home / ".ollama", {f"models/manifests/hf.co/{repo}/Q4_K_M": json.dumps(manifest), "id_ed25519": "not a model", "history": ""})
    lay(home / ".ollama/models/blobs", {f"sha256-{one}": part for one, part in blobs.items()})
    lay(home / ".ollama/models", {f"blobs/sha256-{'d' * 64}-partial": b"half", "manifests/registry.ollama.ai/library/tiny/latest": json.dumps(manifest)})
    return Store(name, "hand", "ollama", repo, home, files)


def lm_studio(make: Maker, name: str) -> Store:
    """The folder moved in the program's settings."""
    home, files = make.home(name), gguf(name)
    repo = make.repo(name, files)
    lay(home, {".lmstudio/settings.json": json.dumps({"downloadsFolder": str(home / "big/gguf"), "developer": {}}), ".lmstudio-home-pointer": f"{home}/.lmstudio"})
    lay(home / "big/gguf" / repo, dict(files))
    return Store(name, "hand", "lm-studio", repo, home, files)


def llama_cpp(make: Maker, name: str) -> Store:
    """llama-server -hf org/name, as of 2025."""
    home, files = make.home(name), gguf(name)
    repo = make.repo(name, files)
    ((file, content),) = files.items()
    flat = f"{repo}_{file}".replace("/", "_")
    manifest = {"ggufFile": {"rfilename": file, "size": len(content), "lfs": {"sha256": sha256(content), "size": len(content)}}}
    lay(home / ".cache/llama.cpp", {flat: content, f"{flat}.etag": f'"{sha256(content)}"', f"manifest={repo.replace('/', '=')}=latest.json": json.dumps(manifest)})
    return Store(name, "hand", "llama.cpp", repo, home, files)


def comfyui(make: Maker, name: str) -> Store:
    """ComfyUI at home, the models on another disk by extra_model_paths.yaml."""
    home, files = make.home(name), {"unet/diffusion_pytorch_model.safetensors": weights(name)}
    repo = make.repo(name, files)
    extra = f"comfyui:\n    base_path: {home}/disk/\n    checkpoints: models/checkpoints/\n    diffusion_models: |\n        models/diffusion_models\n        models/unet\n"
    lay(home / "ComfyUI", {"main.py": "", "folder_paths.py": "", "extra_model_paths.yaml": extra, "models/checkpoints/put_checkpoints_here": ""})
    lay(home / "disk/models/unet", {"diffusion_pytorch_model.safetensors": weights(name)})
    return Store(name, "hand", "comfyui", repo, home, files)


def a1111(make: Maker, name: str) -> Store:
    """The web UI has hashed it when it was loaded."""
    home, files = make.home(name), {"v1-5-pruned-emaonly.safetensors": weights(name)}
    repo = make.repo(name, files)
    top = home / "stable-diffusion-webui"
    lay(top, {"webui.py": "", "webui-user.sh": '#!/bin/bash\n#export COMMANDLINE_ARGS=""\n', "models/Stable-diffusion/renamed by me.safetensors": weights(name)})
    mtime = os.stat(top / "models/Stable-diffusion/renamed by me.safetensors").st_mtime
    lay(top, {"cache.json": json.dumps({"hashes": {"checkpoint/renamed by me.safetensors": {"mtime": mtime, "sha256": sha256(weights(name))}}})})
    return Store(name, "hand", "a1111", repo, home, files)


def invokeai(make: Maker, name: str) -> Store:
    """InvokeAI 6: models below keys; its root by INVOKEAI_ROOT."""
    home, files = make.home(name), {"vae/diffusion_pytorch_model.safetensors": weights(name)}
    repo = make.repo(name, files)
    lay(home / "root", {"invokeai.yaml": "# Internal metadata\nschema_version: 4.0.2\n", "databases/invokeai.db": b"SQLite format 3\0"})
    lay(home / "root/models/0d0f4a1e-8f0a-4f0c-9c39-5c1d3c7d3c2b", {"diffusion_pytorch_model.safetensors": weights(name)})
    return Store(name, "hand", "invokeai", repo, home, files, {"INVOKEAI_ROOT": str(home / "root")})


def jan(make: Maker, name: str) -> Store:
    """Jan 0.6, with the digest that it noted."""
    home, files = make.home(name), gguf(name)
    repo = make.repo(name, files)
    (content,) = files.values()
    lay(home / ".local/share/Jan/data/llamacpp/models" / repo, {"model.gguf": content, "model.yml": f"model_path: x\nname: {name}\nmodel_sha256: {sha256(content)}\n"})
    return Store(name, "hand", "jan", repo, home, files)


def gpt4all(make: Maker, name: str) -> Store:
    """GPT4All's own folder."""
    home, files = make.home(name), gguf(name)
    repo = make.repo(name, files)
    lay(home / ".local/share/nomic.ai/GPT4All", dict(files))
    return Store(name, "hand", "gpt4all", repo, home, files)


def plain(make: Maker, name: str) -> Store:
    """A disk with anything on it, two folders deep, renamed."""
    home, files = make.home(name), {"model.safetensors": weights(name)}
    repo = make.repo(name, files)
    lay(home / "disk", {"old things/my model.safetensors": weights(name), "old things/letter.txt": "Dear …", "other.bin": weights("other")})
    return Store(name, "hand", "folder", repo, home, files, named=home / "disk")


STORES: list[Callable[[Maker, str], Store]] = [
    hub_old, hub_without_links, hub_local_dir, hub_local_dir_new, hub_shared, transformers_hashed, sentence_transformers, modelscope_new, modelscope_old, kagglehub, git_lfs,
    git_lfs_smudged, ollama, lm_studio, llama_cpp, comfyui, a1111, invokeai, jan, gpt4all, plain,
]  # fmt: skip
NAMES = [one.__name__.replace("_", "-") for one in STORES]


def make(world: World, top: Path) -> dict[str, Store]:
    """All of them, by name."""
    world.hub.xet_cas = world.hub.small_directly = True
    maker = Maker(world, top)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda one: one(maker, one.__name__.replace("_", "-")), STORES))
    return {store.name: store for store in made}


if __name__ == "__main__":
    with World(tls_cdn=False) as here:
        for store in make(here, Path(sys.argv[1])).values():
            print(store.name, store.by, store.named or "")
