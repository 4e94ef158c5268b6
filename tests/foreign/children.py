"""What other programs do in an environment of their own: `python children.py WHAT JSON`. Imports nothing of ours."""

from __future__ import annotations

import json
import os
import sys
from typing import Any


def hub(repo: str, **how: Any) -> None:
    """huggingface_hub of any age: a snapshot. `links`: False is a file system without them."""
    import huggingface_hub
    from huggingface_hub import file_download, snapshot_download

    links = how.pop("links", True)
    version = how.pop("version", None)
    assert version is None or huggingface_hub.__version__ == version, huggingface_hub.__version__
    if not links:
        file_download.are_symlinks_supported = lambda *_: False  # type: ignore[attr-defined]
    snapshot_download(repo, **how)


def load(repo: str, **how: Any) -> None:
    """Where huggingface_hub has a snapshot, without a question to anybody; its version and the folder, to stdout."""
    import huggingface_hub
    from huggingface_hub import hf_hub_download, snapshot_download

    folder = snapshot_download(repo, local_files_only=True, **how)
    path = hf_hub_download(repo, "sub/model.safetensors", local_files_only=True, **how)
    print(json.dumps([huggingface_hub.__version__, folder, path]))


def transformers(repo: str, weights: str) -> None:
    """transformers 4.20: its configuration as a model's class loads it, its weights as from_pretrained fetches them."""
    from transformers import AutoConfig
    from transformers.utils import cached_path, hf_bucket_url

    AutoConfig.from_pretrained(repo)
    cached_path(hf_bucket_url(repo, weights))


def sentence_transformers(repo: str, files: list[str], folder: str) -> None:
    """As sentence-transformers 2.0 to 2.2 called huggingface_hub (the library itself wants torch)."""
    from huggingface_hub import cached_download, hf_hub_url

    for name in files:
        cached_download(hf_hub_url(repo, name), cache_dir=folder, force_filename=name, legacy_cache_layout=True)


def modelscope(repo: str, domain: str) -> None:
    """modelscope of any age; the old one speaks to its hub over https only, unless told here."""
    import modelscope.hub.constants as constants

    constants.MODELSCOPE_URL_SCHEME = "http://"
    from modelscope.hub.snapshot_download import snapshot_download

    assert os.environ["MODELSCOPE_DOMAIN"] == domain
    snapshot_download(repo)


def kagglehub(handle: str, endpoint: str) -> None:
    """kagglehub, at a Kaggle that is here."""
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.TEST] = endpoint
    import kagglehub as program

    program.model_download(handle)


if __name__ == "__main__":
    globals()[sys.argv[1]](**json.loads(sys.argv[2]))
