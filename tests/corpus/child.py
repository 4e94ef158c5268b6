"""Child: a client's process that does cases, one in each fork of itself. Run as `python -m tests.corpus.child`, by run.py.

Use:        started with two pipes (HUBJET_CORPUS_FDS: read,write): a line of JSON comes for each case ({"title", "part", "facts"}), lines go
            back: {"ask": action, …} (answered by one line), {"did": what a call came to}, at last {"done": null or a traceback}.
            HUBJET_CORPUS_SIDE: "stock" or "enabled". facts["way"]: how this fork is broken (broken.py), or "".
Owns:       nothing: each case is a fork that ends with it, so what huggingface_hub keeps in memory (listings, sessions, the tokens
            of Xet) begins as in a new process. Imports are done once, before the first fork.
Promise:    naps of the client between its tries are left out (both sides), a race of its own at making a folder, too, and hubjet tries twice, for half a second: what is compared
            is what comes of it. Standard library and the client only.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import threading
import time
import traceback
import types
import warnings
from pathlib import Path
from typing import Any, Callable

from tests.corpus.cases import CASES, IMPORTED_FIRST, frameworks, load

Plain = Any  # what JSON can hold
VOLATILE = {"blob_last_accessed", "blob_last_modified", "last_accessed", "last_modified", "last_accessed_str", "last_modified_str"}
NAMES = (
    "hf_hub_download snapshot_download try_to_load_from_cache hf_hub_url get_hf_file_metadata resolve_revision model_info scan_cache_dir"
).split()
DEEPEST = 12


# What came, as data --------------------------------------------------------------------------------


def plain(value: Any, depth: int = 0) -> Plain:
    """A return value with its types, so that a Path is not a str and a list no tuple."""
    if depth > DEEPEST:
        return "…"
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, str):
        kept = {name: plain(item, depth + 1) for name, item in vars(value).items()} if hasattr(value, "__dict__") else {}
        return {"is": kind(value), "text": str(value), **kept}
    if isinstance(value, (bytes, bytearray)):
        return {"is": kind(value), "hex": value.hex() if len(value) < 200 else f"{len(value)} bytes {hash_of(value)}"}
    if isinstance(value, list):
        return [plain(item, depth + 1) for item in value]
    if isinstance(value, dict):
        items = [[plain(name, depth + 1), plain(item, depth + 1)] for name, item in value.items()]
        return {"is": kind(value), "items": sorted(items, key=repr)}  # threads fill some, in any order
    if isinstance(value, (tuple, types.GeneratorType)):
        return {"is": kind(value), "items": [plain(item, depth + 1) for item in value]}
    if isinstance(value, (set, frozenset)):
        return {"is": kind(value), "items": sorted((plain(item, depth + 1) for item in value), key=repr)}
    if isinstance(value, BaseException):
        return error_of(value)
    if isinstance(value, os.PathLike):
        return {"is": kind(value), "path": os.fspath(value)}
    fields = getattr(value, "__dict__", None)
    if fields is None:
        return {"is": kind(value), "repr": repr(value)}
    return {
        "is": kind(value),
        "fields": {name: plain(item, depth + 1) for name, item in sorted(fields.items()) if name not in VOLATILE and name[0] != "_"},
    }


def kind(value: Any) -> str:
    return f"{type(value).__module__}.{type(value).__qualname__}"


def hash_of(data: bytes | bytearray) -> str:
    import hashlib

    return hashlib.sha256(data).hexdigest()


def error_of(error: BaseException | None, depth: int = 0) -> Plain:
    """Class, ancestry, text, what a caller may look at, and the cause."""
    if error is None or depth > 4:
        return None
    found: dict[str, Any] = {
        "class": kind(error),
        "bases": [f"{base.__module__}.{base.__qualname__}" for base in type(error).__mro__],
        "text": str(error),
        "notes": list(getattr(error, "__notes__", ())),
        "cause": error_of(error.__cause__, depth + 1),
    }
    response = getattr(error, "response", None)
    if response is not None:
        try:
            request = [str(response.request.method), str(response.request.url)]
        except RuntimeError as none:  # httpx, where a response has no request
            request = [str(none)]
        said = {name: response.headers.get(name) for name in ("x-error-code", "x-error-message", "x-repo-commit", "retry-after")}
        found["response"] = {"class": kind(response), "status": response.status_code, "request": request, "headers": said}
    for name in ("errno", "filename", "filename2", "snapshot_path", "repo_id", "repo_type", "revision", "server_message", "strerror"):
        if hasattr(error, name):
            found[name] = plain(getattr(error, name))
    if hasattr(error, "request_id"):
        found["request_id"] = error.request_id is not None
    return found


# A case's way to the outside -----------------------------------------------------------------------


class Tale:
    """What a case is told with. `hub` is the module huggingface_hub; paths lie in the case's own folder, which is the working folder."""

    def __init__(self, lines: "Lines", facts: dict[str, Any], early: dict[str, Any]) -> None:
        import huggingface_hub

        self.lines, self.early = lines, early
        self.hub: Any = huggingface_hub
        self.commits: dict[str, str] = facts["commits"]
        self.endpoint: str = facts["endpoint"]
        self.line: str = facts["line"]
        self.place = Path.cwd()
        self.cache = self.place / "home" / "hub"
        self.folder = self.place / "folder"
        self.heard: list[list[str]] = []
        self.lock = threading.Lock()

    def ask(self, action: str, /, **values: Any) -> Any:
        """The hub does something (worlds.py)."""
        self.lines.write({"ask": action, "with": values})
        self.lines.read()

    def do(self, call: Callable[..., Any], *args: Any, **more: Any) -> Any:
        """One call, whose outcome counts. Returns what it returned, or None."""
        name = getattr(call, "__qualname__", kind(call))
        value: Any = None
        came: dict[str, Any]
        began = time.perf_counter()
        try:
            value = call(*args, **more)
            seconds = time.perf_counter() - began
            came = {"value": plain(value)}
        except Exception as error:
            seconds = time.perf_counter() - began
            came = {"error": error_of(error)}
        with self.lock:
            heard, self.heard = sorted(self.heard), []
        self.lines.write({"did": {"call": name, **came, "heard": heard}, "seconds": seconds})
        self.lines.read()
        return value

    def one(self, repo_id: str, filename: str, **more: Any) -> Any:
        return self.do(self.hub.hf_hub_download, repo_id, filename, **more)

    def snap(self, repo_id: str, **more: Any) -> Any:
        return self.do(self.hub.snapshot_download, repo_id, **more)

    def dry(self, repo_id: str, **more: Any) -> Any:
        """A dry run of a snapshot: its list comes in the order of completion."""

        def snapshot_download(**given: Any) -> Any:
            return sorted(self.hub.snapshot_download(**given), key=lambda info: str(info.filename))

        return self.do(snapshot_download, repo_id=repo_id, dry_run=True, **more)

    def here(self, repo_id: str, filename: str, **more: Any) -> Any:
        def try_to_load_from_cache(**given: Any) -> Any:
            found = self.hub.try_to_load_from_cache(**given)
            from huggingface_hub import file_download

            return "known to be missing" if found is file_download._CACHED_NO_EXIST else found

        return self.do(try_to_load_from_cache, repo_id=repo_id, filename=filename, **more)

    def api(self, method: str, *args: Any, **more: Any) -> Any:
        return self.do(getattr(self.hub.HfApi(), method), *args, **more)

    def listed(self, method: str, *args: Any, **more: Any) -> Any:
        """An HfApi method that yields."""
        call = getattr(self.hub.HfApi(), method)

        def as_list(*given: Any, **named: Any) -> Any:
            return list(call(*given, **named))

        as_list.__qualname__ = method
        return self.do(as_list, *args, **more)

    def fs(self, method: str, *args: Any, given: dict[str, Any] | None = None, **more: Any) -> Any:
        return self.do(getattr(self.hub.HfFileSystem(skip_instance_cache=True, **(given or {})), method), *args, **more)

    def repo(self, id: str, type: str = "model") -> Path:
        return self.cache / f"{type}s--{id.replace('/', '--')}"

    def write(self, path: Path, data: bytes) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def constant(self, name: str, value: Any) -> None:
        """A setting of huggingface_hub that is read at import, changed after it, with the variable that it came from."""
        from huggingface_hub import constants

        setattr(constants, name, value)
        os.environ[name] = "1" if value is True else str(value)

    def token_file(self, text: str) -> None:
        self.write(self.place / "home" / "token", text.encode())


class Lines:
    """JSON lines over two pipes."""

    def __init__(self, read: int, write: int) -> None:
        self.incoming, self.outgoing = os.fdopen(read, "r", encoding="utf-8"), os.fdopen(write, "w", encoding="utf-8")

    def read(self) -> Any:
        line = self.incoming.readline()
        return json.loads(line) if line else None

    def write(self, value: Any) -> None:
        self.outgoing.write(json.dumps(value) + "\n")
        self.outgoing.flush()


class Ears(logging.Handler):
    """What is logged from WARNING on."""

    def __init__(self, tale: Tale) -> None:
        super().__init__(logging.WARNING)
        self.tale = tale

    def emit(self, record: logging.LogRecord) -> None:
        with self.tale.lock:
            self.tale.heard.append([record.name, record.levelname, record.getMessage()])


def listen(tale: Tale) -> None:
    """Warnings and log lines go to the tale, in place of the screen."""

    def show(message: Any, category: type[Warning], *_where: Any, **_more: Any) -> None:
        with tale.lock:
            tale.heard.append([category.__name__, "warning", str(message)])

    warnings.resetwarnings()
    warnings.simplefilter("always", UserWarning)
    warnings.simplefilter("always", FutureWarning)
    warnings.showwarning = show
    ears = Ears(tale)
    for name in (None, "huggingface_hub", "hubjet"):
        logger = logging.getLogger(name)
        for handler in list(logger.handlers):
            logger.removeHandler(handler)
        logger.addHandler(ears)
    for name in ("huggingface_hub", "hubjet"):
        logging.getLogger(name).propagate = False


def tell(lines: Lines, job: dict[str, Any], early: dict[str, Any]) -> None:
    """One case, in its fork."""
    with open(os.environ["HUBJET_CORPUS_PRINTED"], "ab") as screen:
        os.dup2(screen.fileno(), 1)
        os.dup2(screen.fileno(), 2)
    os.umask(0o022)
    os.chdir(job["facts"]["place"])
    done: str | None = None
    try:
        case = CASES[job["title"]]
        tale = Tale(lines, job["facts"], early)
        listen(tale)
        if job["facts"]["way"]:
            from tests.corpus.broken import WAYS

            WAYS[job["facts"]["way"]].make()
        (case.first if job["part"] == "first" else case.do)(tale)  # type: ignore[misc]
        if tale.heard:
            tale.do(lambda: "said after the last call")
    except BaseException:
        done = traceback.format_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    lines.write({"status": status()})
    lines.read()
    lines.write({"done": done})
    os._exit(0)


def short_naps() -> None:
    really = time.sleep
    time.sleep = lambda seconds: really(min(float(seconds), 0.002))


def one_maker_of_the_store() -> None:
    """Threads that make the store all repositories share at the same moment take each other's unfinished marker away, and what one of
    them brought stays out of the store: in huggingface_hub's own code, and as likely on either side. Here they come one after another.
    """
    try:
        from huggingface_hub.utils import _shared_blobs
    except ImportError:  # a line that has no such store
        return
    making, really = threading.Lock(), _shared_blobs._ensure_shared_blobs_dir

    def in_turn(*args: Any, **more: Any) -> bool:
        with making:
            return really(*args, **more)

    _shared_blobs._ensure_shared_blobs_dir = in_turn


def enable(patient: bool) -> None:
    import hubjet
    from hubjet import _transport

    usual: Any = _transport.limits
    if not patient:
        _transport.limits = lambda *args, **more: {**usual(*args, **more), "tries": 2, "give_up_ms": 500}  # type: ignore[assignment]
    hubjet.enable()  # type: ignore[attr-defined, unused-ignore]


def import_client() -> dict[str, Any]:
    import huggingface_hub
    import huggingface_hub._snapshot_download
    import huggingface_hub.file_download
    import huggingface_hub.hf_file_system
    import huggingface_hub.repocard

    return {name: getattr(huggingface_hub, name) for name in NAMES}


def import_frameworks() -> None:
    import diffusers
    import sentence_transformers
    import tokenizers
    import torch
    import transformers

    torch.set_num_threads(1)  # nothing that a fork would lose
    diffusers.utils.logging.disable_progress_bar()  # its bars over the parts of a pipeline show how fast they came
    transformers.utils.logging.disable_progress_bar()
    for module, names in (
        (transformers, "AutoModel AutoTokenizer BertModel pipeline CLIPTextModel CLIPTokenizer"),
        (diffusers, "DiffusionPipeline UNet2DModel StableDiffusionPipeline AutoencoderKL"),
        (sentence_transformers, "SentenceTransformer"),
        (tokenizers, "Tokenizer"),
    ):
        for name in names.split():
            getattr(module, name)  # they import lazily; each fork would do it again


def status() -> dict[str, Any] | None:
    """What hubjet says of this fork."""
    if "hubjet" not in sys.modules:
        return None
    import hubjet

    said = hubjet.status()  # type: ignore[attr-defined, unused-ignore]
    return {name: getattr(said, name) for name in ("enabled", "files", "received", "verified", "requests", "answered", "stock", "hooks")}


def main() -> None:
    read, write = map(int, os.environ["HUBJET_CORPUS_FDS"].split(","))
    lines = Lines(read, write)
    side, env = os.environ["HUBJET_CORPUS_SIDE"], os.environ["HUBJET_CORPUS_ENV"]
    frameworks() if env == "frameworks" else load()
    if env == "frameworks":
        import_frameworks()
    early = import_client() if env in IMPORTED_FIRST else {}
    patient = "HUBJET_CORPUS_PATIENT" in os.environ  # who measures wants both as they are
    if side == "enabled":
        enable(patient)
    early = early or import_client()
    one_maker_of_the_store()
    if not patient:
        short_naps()
    lines.write({"ready": sorted(early)})
    while (job := lines.read()) is not None:
        pid = os.fork()
        if pid == 0:
            tell(lines, job, early)
        status = os.waitpid(pid, 0)[1]
        if status != 0:
            lines.write({"done": f"the process of the case ended with {status}"})


if __name__ == "__main__":
    main()
