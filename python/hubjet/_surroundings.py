"""What the environment says that is no setting: a token, where this runs, who starts whom.

Beside _config the only module that reads the environment; read when asked, like everything there.
Imports nothing but the form of what it tells.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ._sources.lying import Around


def environment_token() -> tuple[str, str] | None:
    """(token, name of the variable), if the environment holds one."""
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        text = "".join(
            os.environ.get(name, "").split()
        )  # huggingface_hub drops line breaks; a token has no blanks either
        if text:
            return text, name
    return None


def oidc_is_asked_for() -> bool:
    """Whether huggingface_hub would exchange a CI identity for a token (HF_OIDC_RESOURCE), which hubjet does not do."""
    return bool(os.environ.get("HF_OIDC_RESOURCE"))


def in_colab_enterprise() -> bool:
    """Whether this notebook runs where Colab has no vault of secrets."""
    return os.environ.get("VERTEX_PRODUCT") == "COLAB_ENTERPRISE"


def in_colab() -> bool:
    """Whether this is a Colab runtime, whatever program asks: the kernel, or one that a `!` line started."""
    return bool(os.environ.get("COLAB_RELEASE_TAG") or os.environ.get("COLAB_BACKEND_VERSION")) or in_colab_enterprise()


def in_kaggle() -> bool:
    """Whether this is a Kaggle notebook, or a program it started: the vault is asked over HTTP there."""
    return bool(os.environ.get("KAGGLE_KERNEL_RUN_TYPE") or os.environ.get("KAGGLE_USER_SECRETS_TOKEN"))


def may_colour() -> bool:
    """Whether the user lets programs colour their words (no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def has_screen() -> bool:
    """Whether windows can be opened where the user looks. Over ssh the screen of that computer is not the user's."""
    if os.environ.get("SSH_CONNECTION") or os.environ.get("COLAB_RELEASE_TAG"):
        return False
    return sys.platform == "darwin" or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"))


def is_first_rank() -> bool:
    """Whether this process is the one of its machine that talks: launchers (torchrun, accelerate, Slurm) start several side by side."""
    return all(os.environ.get(name, "0") in ("", "0") for name in ("LOCAL_RANK", "SLURM_LOCALID", "OMPI_COMM_WORLD_LOCAL_RANK"))


def is_dumb_terminal() -> bool:
    """Whether the terminal can only append (an editor's, a batch system's)."""
    return os.environ.get("TERM") == "dumb"


def environment_to_run(site: str) -> dict[str, str]:
    """The environment for a program that is to begin with enable(): the folder `site` in front of PYTHONPATH, once."""
    folders = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder and folder != site]
    return {**os.environ, "HUBJET_ENABLE": "1", "PYTHONPATH": os.pathsep.join([site, *folders])}


_XET_TELEMETRY = "HF_XET_TELEMETRY_ENABLED"
_xet_before: list[str | None] = []  # what it was, while we say no


def quiet_xet(quiet: bool) -> None:
    """Tells hf_xet, which reads the environment by itself, to send no telemetry; or puts back what was said before."""
    if quiet and not _xet_before:
        _xet_before.append(os.environ.get(_XET_TELEMETRY))
        os.environ[_XET_TELEMETRY] = "0"
    elif not quiet and _xet_before:
        before = _xet_before.pop()
        if os.environ.get(_XET_TELEMETRY) == "0":  # else somebody has said something else since
            if before is None:
                del os.environ[_XET_TELEMETRY]
            else:
                os.environ[_XET_TELEMETRY] = before


def around() -> Around:
    """What readers of other programs' stores may know: the environment without what may be secret."""
    from ._sources.lying import Around

    open_to_all = {name: text for name, text in os.environ.items() if text and not any(word in name.upper() for word in _SECRETS)}
    return Around(os.path.expanduser("~"), open_to_all, sys.platform)


_SECRETS = ("TOKEN", "KEY", "SECRET", "PASS", "CREDENTIAL", "AUTH")
