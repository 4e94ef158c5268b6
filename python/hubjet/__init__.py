"""hubjet: models from the Hugging Face Hub, in parallel, each byte proven, in the hub's own cache.

    import hubjet

    folder = hubjet.from_pretrained("org/model")                          # a Path
    model = hubjet.from_pretrained("org/model", "transformers.AutoModel")
    path = hubjet.hf_hub_download("org/model", "config.json")             # huggingface_hub's signature
    hubjet.fetch("https://example.com/weights.bin", sha256="…")           # any URL
    job = hubjet.start("org/model")                                       # beside the caller: events, progress, cancel, await

`hubjet.where()` says where everything lies and why, `hubjet.config()` every setting with its origin,
`hubjet.ledger()` each request this process made. Errors: hubjet.HubjetError and what is below it.

Importing reads no environment, no file but this package's own, and opens no socket; names are loaded when they are
used (PEP 562).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ._auth.account import Account, login, logout, whoami
    from ._auth.credentials import Token
    from ._care.checkout import Checkout, CheckoutStatus, checkout
    from ._care.verified import Fault, Verified, VerifiedFile
    from ._care.verify import verify
    from ._cache import about, contacts, ledger, where
    from ._compat import hf_hub_download, hf_hub_url, snapshot_download, try_to_load_from_cache
    from ._config import Setting, config, settings
    from ._convert import Converted, convert
    from ._doctor.report import Report, doctor
    from ._dry_run import DryRunFileInfo
    from ._errors import (
        AccessDenied,
        BadName,
        Cancelled,
        ConfigError,
        EntryNotFound,
        GateNotAccepted,
        GatePending,
        HubjetError,
        IncompleteSnapshot,
        IntegrityError,
        InternalError,
        LocalEntryNotFound,
        NetworkError,
        NotFound,
        NoToken,
        Offline,
        ProtocolError,
        ProxyError,
        RateLimited,
        RepoDisabled,
        RepoNotFound,
        RevisionNotFound,
        ServerError,
        StorageError,
        TimedOut,
        TlsError,
        TokenLacksScope,
        TokenNeeded,
        TokenRefused,
    )
    from ._events import FileDone, FileFailed, FileStarted, JobDone, JobFailed, Planned, Progress, Stumbled, Waiting
    from ._fetch import fetch
    from ._finding import AdoptedFile, FoundFile, FoundStore, adopt, find, scan
    from ._job import Job, start
    from ._keep.clean import prune
    from ._keep.dedup import dedup
    from ._keep.licences import Licence, licence, license
    from ._keep.listing import CachedRepo, CachedRevision, ls
    from ._keep.pins import pin, unpin
    from ._keep.report import Cleaned
    from ._keep.rm import rm
    from ._limits import limit_rate, polite
    from ._loader import from_pretrained
    from ._show.receipt import FileReceipt, Receipt, receipt
    from ._open import Opened, open_folder
    from ._remote.push import Pushed, push
    from ._move.lock import Synced, lock, sync
    from ._move.pack import Packed, pack
    from ._move.plan import DownloadPlan, LeftOut, PlannedFile, plan
    from ._move.serve import Serving, serve
    from ._move.unpack import Unpacked, unpack
    from ._patch.switch import disable, enable, enabled, status
    from ._status import Status
    from ._trace import trace
    from ._vault.api import vault
    from ._vault.status import VaultModel, VaultStatus

__version__ = "0.1.0"

__all__ = [
    "AccessDenied",
    "Account",
    "AdoptedFile",
    "BadName",
    "CachedRepo",
    "CachedRevision",
    "Cancelled",
    "Checkout",
    "CheckoutStatus",
    "Cleaned",
    "ConfigError",
    "Converted",
    "DownloadPlan",
    "DryRunFileInfo",
    "EntryNotFound",
    "Fault",
    "FileDone",
    "FileFailed",
    "FileReceipt",
    "FileStarted",
    "FoundFile",
    "FoundStore",
    "GateNotAccepted",
    "GatePending",
    "HubjetError",
    "IncompleteSnapshot",
    "IntegrityError",
    "InternalError",
    "Job",
    "JobDone",
    "JobFailed",
    "LeftOut",
    "Licence",
    "LocalEntryNotFound",
    "NetworkError",
    "NoToken",
    "NotFound",
    "Offline",
    "Opened",
    "Packed",
    "Planned",
    "PlannedFile",
    "Progress",
    "ProtocolError",
    "ProxyError",
    "Pushed",
    "RateLimited",
    "Receipt",
    "RepoDisabled",
    "RepoNotFound",
    "Report",
    "RevisionNotFound",
    "ServerError",
    "Serving",
    "Setting",
    "Status",
    "StorageError",
    "Stumbled",
    "Synced",
    "TimedOut",
    "TlsError",
    "Token",
    "TokenLacksScope",
    "TokenNeeded",
    "TokenRefused",
    "Unpacked",
    "VaultModel",
    "VaultStatus",
    "Verified",
    "VerifiedFile",
    "Waiting",
    "about",
    "adopt",
    "checkout",
    "config",
    "contacts",
    "convert",
    "dedup",
    "disable",
    "doctor",
    "enable",
    "enabled",
    "fetch",
    "find",
    "from_pretrained",
    "hf_hub_download",
    "hf_hub_url",
    "ledger",
    "licence",
    "license",
    "limit_rate",
    "lock",
    "login",
    "logout",
    "ls",
    "open_folder",
    "pack",
    "pin",
    "plan",
    "polite",
    "prune",
    "push",
    "receipt",
    "rm",
    "scan",
    "serve",
    "settings",
    "snapshot_download",
    "start",
    "status",
    "sync",
    "trace",
    "try_to_load_from_cache",
    "unpack",
    "unpin",
    "vault",
    "verify",
    "where",
    "whoami",
]

# Where the public names live that are not errors; the rest of __all__ is in _errors.
_HOMES = {
    "Checkout": "_care.checkout",
    "CheckoutStatus": "_care.checkout",
    "checkout": "_care.checkout",
    "Account": "_auth.account",
    "AdoptedFile": "_finding",
    "CachedRepo": "_keep.listing",
    "CachedRevision": "_keep.listing",
    "Cleaned": "_keep.report",
    "Converted": "_convert",
    "DownloadPlan": "_move.plan",
    "DryRunFileInfo": "_dry_run",
    "Fault": "_care.verified",
    "FileDone": "_events",
    "FileFailed": "_events",
    "FileReceipt": "_show.receipt",
    "FileStarted": "_events",
    "FoundFile": "_finding",
    "FoundStore": "_finding",
    "Job": "_job",
    "JobDone": "_events",
    "JobFailed": "_events",
    "LeftOut": "_move.plan",
    "Licence": "_keep.licences",
    "Opened": "_open",
    "Packed": "_move.pack",
    "Planned": "_events",
    "PlannedFile": "_move.plan",
    "Progress": "_events",
    "Pushed": "_remote.push",
    "Receipt": "_show.receipt",
    "Report": "_doctor.report",
    "Serving": "_move.serve",
    "Setting": "_config",
    "Status": "_status",
    "Stumbled": "_events",
    "Synced": "_move.lock",
    "Token": "_auth.credentials",
    "Unpacked": "_move.unpack",
    "VaultModel": "_vault.status",
    "VaultStatus": "_vault.status",
    "Verified": "_care.verified",
    "VerifiedFile": "_care.verified",
    "Waiting": "_events",
    "about": "_cache",
    "adopt": "_finding",
    "config": "_config",
    "contacts": "_cache",
    "convert": "_convert",
    "dedup": "_keep.dedup",
    "disable": "_patch.switch",
    "doctor": "_doctor.report",
    "enable": "_patch.switch",
    "enabled": "_patch.switch",
    "fetch": "_fetch",
    "find": "_finding",
    "from_pretrained": "_loader",
    "hf_hub_download": "_compat",
    "hf_hub_url": "_compat",
    "ledger": "_cache",
    "licence": "_keep.licences",
    "license": "_keep.licences",
    "limit_rate": "_limits",
    "lock": "_move.lock",
    "login": "_auth.account",
    "logout": "_auth.account",
    "ls": "_keep.listing",
    "open_folder": "_open",
    "pack": "_move.pack",
    "pin": "_keep.pins",
    "plan": "_move.plan",
    "polite": "_limits",
    "prune": "_keep.clean",
    "push": "_remote.push",
    "receipt": "_show.receipt",
    "rm": "_keep.rm",
    "scan": "_finding",
    "serve": "_move.serve",
    "settings": "_config",
    "snapshot_download": "_compat",
    "start": "_job",
    "status": "_patch.switch",
    "sync": "_move.lock",
    "trace": "_trace",
    "try_to_load_from_cache": "_compat",
    "unpack": "_move.unpack",
    "unpin": "_keep.pins",
    "vault": "_vault.api",
    "verify": "_care.verify",
    "where": "_cache",
    "whoami": "_auth.account",
}


def __getattr__(name: str) -> Any:
    if name == "_CACHED_NO_EXIST":  # not kept: which object it is depends on whether huggingface_hub is loaded by now
        return _home("_compat").cached_no_exist()
    if name in ("load_ipython_extension", "unload_ipython_extension"):  # IPython's names, for %load_ext hubjet
        return getattr(_home("_patch.switch"), name)
    if name not in __all__:
        raise AttributeError(f"module 'hubjet' has no attribute {name!r}")
    value = getattr(_home(_HOMES.get(name, "_errors")), name)
    globals()[name] = value
    return value


def _home(module: str) -> Any:
    return __import__(f"hubjet.{module}", fromlist=["*"])  # importlib.import_module, without importlib


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__", "__doc__"])
