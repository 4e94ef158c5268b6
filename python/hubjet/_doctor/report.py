"""Walks the way of a model from the hub to the disk, and says what is wrong. Imports _errors, _names, _config, _native,
_doctor.disk, _doctor.way.
"""

from __future__ import annotations

import os
import platform
from dataclasses import asdict, dataclass, field

from .. import _native
from .._config import OPTIONS, resolve
from .._edge import public
from .._errors import ConfigError, HubjetError
from .._names import repo as repo_of
from . import disk
from .way import Finding, Way

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .._auth.credentials import Token
    from .._config import Config

WORST = ("ok", "note", "problem")
UNREMARKABLE = ("default", "the system's certificates", "certifi")


@dataclass(frozen=True)
class Report:
    """What the doctor found. `findings` in the order of the way; `worst`: "ok", "note" or "problem"; str() is the text."""

    findings: list[Finding] = field(default_factory=list)

    @property
    def worst(self) -> str:
        return max((one.verdict for one in self.findings), key=WORST.index, default="ok")

    @property
    def problems(self) -> list[Finding]:
        return [one for one in self.findings if one.verdict == "problem"]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"worst": self.worst, "findings": [asdict(one) for one in self.findings]}

    def __str__(self) -> str:
        lines: list[str] = []
        place = ""
        for one in self.findings:
            if one.place != place:
                place = one.place
                lines += [*([""] if lines else []), place]
            text = one.text.replace("\n", "\n" + " " * 21)
            lines.append(f"  {one.verdict:<8} {one.step:<9} {text}".rstrip())
            if one.do:
                lines.append(f"{'':21}-> {one.do}")
        said = {"ok": "All well.", "note": "It works; see the notes."}.get(self.worst, f"{len(self.problems)} problem(s): see '->'.")
        return "\n".join([*lines, "", said])


@public
def doctor(
    repo_id: str | None = None,
    *,
    repo_type: str | None = None,
    revision: str | None = None,
    endpoint: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    token: Token | str | bool | None = False,
    ca: str | os.PathLike[str] | None = None,
    seconds: float = 60,
) -> Report:
    """Tries the whole way of a model, step by step: settings, disk, each host's name, connection, certificate and answer, ranges, speed.

    Args:
        repo_id: the repository to try; None: the hub only. repo_type, revision, endpoint, cache_dir, ca: as in a download.
        token: True or a token: also asks the hub whose it is. seconds: the most it may take, all together.

    Returns: a Report. What it finds is in there, it raises for wrong arguments only (ValueError). At most 10 MiB are fetched, a few MiB written
    and removed again. No secret is in the report. Threads: any.

    >>> import hubjet
    >>> with hubjet.settings(offline=True):
    ...     hubjet.doctor().worst in ("ok", "note", "problem")
    True
    """
    one = repo_of(repo_id, repo_type) if repo_id is not None else None
    found = [Finding("this computer", "versions", "ok", _versions())]
    try:
        config = resolve(endpoint=endpoint or None, cache_dir=cache_dir, ca=ca)
    except ConfigError as error:
        return Report([*found, Finding("this computer", "settings", "problem", error.message, "correct it where the message says")])
    found += _settings(config)
    found += disk.look(config.cache_dir)
    if config.offline:
        return Report([*found, Finding(config.endpoint, "network", "note", f"not tried: offline ({config.origins['offline']})")])
    way = Way(config, seconds)
    try:
        way.walk(one, revision or "main", token)
    except HubjetError as error:
        way.say(config.endpoint, "network", "problem", error.message.partition("\n")[0], error.advice or "")
    if config.ledger_file is not None:
        from .. import _ledger_file

        _ledger_file.note(config.ledger_file)
    return Report([*found, *way.found])


def _versions() -> str:
    from .. import __version__

    about = _native.about()
    return f"hubjet {__version__}, Python {platform.python_version()}, {about['libcurl']}"


def _settings(config: Config) -> list[Finding]:
    """Those that are not as they come."""
    lines = [
        f"{name} = {setting.value} ({setting.origin})"
        for name, setting in ((name, config.setting(name)) for name in OPTIONS)
        if setting.origin not in UNREMARKABLE and setting.value is not None and not setting.origin.startswith("below ")
        and not (name == "endpoints" and len(config.endpoints) == 1)  # that is `endpoint`
    ]
    return [Finding("this computer", "settings", "ok", "\n".join(lines) or "all as they come")]
