"""One line makes every program that uses huggingface_hub fast: enable() and its kin. Imports _trace, _status, _edge, _config, _patch.imports,
and, by name, the modules of the hooks.

What is replaced are the few functions that huggingface_hub looks up in its own modules at each call, so it does not matter what was
imported before, or which names were bound. Each is replaced only if its signature is one that is known here; else the stock path
stays and that is said once. A replacement that is switched off passes every call through: whoever put a function of his own on top of
ours, or kept a reference to it, is not harmed by disable().
"""

from __future__ import annotations

import os
import sys
from _thread import RLock

from .. import _trace
from .._surroundings import quiet_xet
from .._edge import wraps
from .._status import Counts, Status
from . import imports

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import ModuleType
    from typing import Any, NamedTuple

    # original, whether it is switched on, the module it lives in, what to count in -> the replacement
    Make = Callable[[Callable[..., Any], Callable[[], bool], ModuleType, Counts], Callable[..., Any]]
else:
    from .._record import NamedTuple

_OURS = "ours"
_WAITS = "waits for the import"


class Hook(NamedTuple):
    """One function of theirs that is replaced."""

    module: str
    name: str  # "function", or "Class.method"
    home: str  # our module with `make`
    make: str
    shapes: tuple[str, ...]  # the signatures that are known, in the words of `shape_of`: 1.0 to 2.4; none: any will do
    since: bool = False  # not in all of those versions, and not missed where it is not

    @property
    def title(self) -> str:
        """As it is shown."""
        return f"{self.module.removeprefix('huggingface_hub.')}.{self.name}"


HOOKS = (
    Hook(
        "huggingface_hub.file_download",
        "_download_to_tmp_and_move",
        "_patch.body",
        "make",
        (
            "incomplete_path destination_path url_to_download headers expected_size filename force_download etag xet_file_data "
            "tqdm_class=",
            "incomplete_path destination_path url_to_download headers expected_size filename force_download etag xet_file_data",
        ),
    ),
    Hook(
        "huggingface_hub.file_download",
        "_get_metadata_or_catch_error",
        "_patch.meta",
        "make",
        (
            "*repo_id *filename *repo_type *revision *endpoint *etag_timeout *headers *token *local_files_only *relative_filename= "
            "*storage_folder= *retry_on_errors= *tree_cache_folder=",
            "*repo_id *filename *repo_type *revision *endpoint *etag_timeout *headers *token *local_files_only *relative_filename= "
            "*storage_folder= *retry_on_errors=",
            "*repo_id *filename *repo_type *revision *endpoint *etag_timeout *headers *token *local_files_only *relative_filename= "
            "*storage_folder=",
        ),
    ),
    Hook("huggingface_hub.file_download", "_hf_hub_download_to_cache_dir", "_patch.used", "make", (), since=True),
    Hook(
        "huggingface_hub.hf_api",
        "HfApi.list_repo_tree",
        "_patch.meta",
        "make_listing",
        ("self repo_id path_in_repo= *recursive= *expand= *revision= *repo_type= *token=",),
    ),
    Hook("huggingface_hub.file_download", "repo_folder_name", "_patch.tiers", "make", ("*repo_id *repo_type",)),
    Hook("huggingface_hub._snapshot_download", "repo_folder_name", "_patch.tiers", "make", ("*repo_id *repo_type",)),
    Hook(
        "huggingface_hub.hf_file_system",
        "HfFileSystem.get_file",
        "_patch.fs",
        "make",
        ("self rpath lpath= callback= outfile= ***kwargs", "self rpath lpath callback= outfile= ***kwargs"),
    ),
    Hook(
        "huggingface_hub.utils.tqdm",
        "_make_thread_pool_executor",
        "_patch.pool",
        "make_pool",
        ("*max_workers *bar_class",),
        since=True,
    ),
    Hook(
        "huggingface_hub._snapshot_download",
        "hf_thread_map",
        "_patch.pool",
        "make_map",
        ("fn iterable *max_workers= *tqdm_class= ***tqdm_kwargs",),
        since=True,
    ),
    Hook(
        "huggingface_hub.utils._headers",
        "_http_user_agent",
        "_patch.quiet",
        "make_user_agent",
        ("*library_name= *library_version= *user_agent=",),
    ),
    Hook("huggingface_hub.utils._auth", "_get_token_from_google_colab", "_patch.quiet", "make_secret", ("",)),
    Hook("huggingface_hub.utils._detect_agent", "_get_registry", "_patch.quiet", "make_registry", ("",), since=True),
    Hook(
        "huggingface_hub.utils._telemetry",
        "_send_telemetry_in_thread",
        "_patch.quiet",
        "make_telemetry",
        ("topic *library_name= *library_version= *user_agent=",),
    ),
)


def shape_of(function: Callable[..., Any]) -> str:
    """A signature as text: the names, `=` behind those with a default, `*` before those that go by name only, more of them
    before *args and **kwargs."""
    from inspect import Parameter, signature

    marks: dict[Any, str] = {Parameter.VAR_POSITIONAL: "**", Parameter.VAR_KEYWORD: "***", Parameter.KEYWORD_ONLY: "*"}
    words = []
    for one in signature(function).parameters.values():
        words.append(f"{marks.get(one.kind, '')}{one.name}{'' if one.default is Parameter.empty else '='}")
    return " ".join(words)


class _Installed:
    """A replacement that is in its place, or that somebody built upon."""

    def __init__(self, hook: Hook, holder: Any, original: Any) -> None:
        self.hook, self.holder, self.original = hook, holder, original
        self.name = hook.name.rpartition(".")[2]
        self.on = True
        self.ours: Any = None

    @property
    def in_place(self) -> bool:
        """Whether it is still ours that is looked up."""
        return vars(self.holder).get(self.name) is self.ours

    def remove(self) -> None:
        """Restores what was there. Where somebody else's function is by now, that one stays, and ours below it passes through."""
        self.on = False
        if self.in_place:
            setattr(self.holder, self.name, self.original)


class _Patch:
    """What is replaced in this process. One object; guarded by `lock`."""

    def __init__(self) -> None:
        self.lock = RLock()
        self.counts = Counts()
        self.wanted = False
        self.blocks = 0
        self.installed: dict[Hook, _Installed] = {}
        self.refused: dict[Hook, str] = {}
        self.waiter = imports.Waiter(imports.MODULES, self.arrived)
        if imports.starter is not None:
            imports.starter.stop()
            self.wanted = True
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._unlock)

    def _unlock(self) -> None:
        self.lock = RLock()  # whoever held it at the fork does not exist here

    @property
    def active(self) -> bool:
        return self.wanted or self.blocks > 0

    def apply(self) -> None:
        """Brings the hooks to what is wanted."""
        quiet_xet(self.active)
        if not self.active:
            self.waiter.stop()
            for one in self.installed.values():
                one.remove()
            self.installed.clear()
            self.refused.clear()
            known = sys.modules.get("hubjet._patch.listing")
            if known is not None:
                known.listings.clear()
            return
        self.waiter.start()
        self.complete(HOOKS)

    def complete(self, hooks: Iterable[Hook]) -> None:
        """Puts these in place where their modules are whole."""
        for hook in hooks:
            module = sys.modules.get(hook.module)
            if module is not None and not _is_being_imported(module):
                self._install(hook, module)

    def arrived(self, module: ModuleType) -> None:
        """A module that was waited for is there."""
        with self.lock:
            if self.active:
                for hook in HOOKS:
                    if hook.module == module.__name__:
                        self._install(hook, module)

    def _install(self, hook: Hook, module: ModuleType) -> None:
        before = self.installed.get(hook)
        if before is not None:
            if before.in_place:
                return
            before.on = False  # somebody wrapped ours: we go on top, and the one below passes through
        try:
            holder, original = _find(hook, module)
            if not original and hook.since:
                self.refused[hook] = "not in this version"
                return
            shape = shape_of(original)
            if hook.shapes and shape not in hook.shapes:
                raise LookupError(f"its signature is not known: ({shape})")
            # bound by a module that was loaded after ours had taken its place: what is put back is theirs
            original = next((one.original for one in self.installed.values() if one.ours is original), original)
            home = __import__(f"hubjet.{hook.home}", fromlist=["*"])
        except (LookupError, TypeError, ValueError, ImportError) as error:  # ImportError: the extension is another Python's
            self.installed.pop(hook, None)
            self.refused[hook] = str(error)
            version = getattr(sys.modules.get("huggingface_hub"), "__version__", "?")
            _trace.warn(f"huggingface_hub {version}: {hook.title} is left as it is: {error}", once=f"hook {hook.title}")
            return
        one = _Installed(hook, holder, original)
        one.ours = wraps(original)(getattr(home, hook.make)(original, lambda: one.on, module, self.counts))
        setattr(holder, one.name, one.ours)
        self.installed[hook] = one
        self.refused.pop(hook, None)

    def states(self) -> dict[str, str]:
        """Of each hook, in words."""
        if not self.active:
            return {}
        return {hook.title: self._state(hook) for hook in HOOKS}

    def _state(self, hook: Hook) -> str:
        one = self.installed.get(hook)
        if one is None:
            return self.refused.get(hook, _WAITS)
        if one.in_place:
            below = _author(one.original)
            return _OURS if below.startswith("huggingface_hub") else f"{_OURS}, around {below}'s"
        return f"{_author(vars(one.holder).get(one.name))}'s, around or in place of ours"


def _author(function: Any) -> str:
    """Which module a function is from, as its code says: functools.wraps copies the names."""
    code = getattr(function, "__code__", None)
    owner = getattr(function, "__globals__", {}).get("__name__") if code is not None else None
    return str(owner or getattr(function, "__module__", None) or "somebody")


def _find(hook: Hook, module: ModuleType) -> tuple[Any, Any]:
    """Where the function is an attribute, and the function."""
    holder: Any = module
    *folders, name = hook.name.split(".")
    for folder in folders:
        holder = vars(holder).get(folder)
        if holder is None:
            raise LookupError(f"there is no {folder}")
    original = vars(holder).get(name)
    if original is None and not hook.since:
        raise LookupError("there is no such function")
    return holder, original


def _is_being_imported(module: ModuleType) -> bool:
    """Half-made, by this thread or another one: it arrives when it is done."""
    return bool(getattr(module.__spec__, "_initializing", False))


_patch = _Patch()
arrived = _patch.arrived
with _patch.lock:
    _patch.apply()


def enable() -> None:
    """Lets every download that huggingface_hub makes in this process go through hubjet: those of transformers, diffusers, datasets and of
    all others that use it, whatever was imported before.

    Return values, files and exceptions are huggingface_hub's own. What changes: bytes come in parallel ranges, are compared with
    their digest before anybody can read them, and an interrupted download goes on where it stopped, also in another process. Where
    huggingface_hub is not imported yet, this takes effect when it is; an unknown version of it is left as it is, with a warning.
    Twice is once. Threads: any; it holds for all of them, and after fork.

    Also: `%load_ext hubjet` in a notebook, `with hubjet.enabled():`, `hubjet run -- python train.py`.

    >>> import hubjet
    >>> hubjet.enable()
    >>> hubjet.status().enabled
    True
    >>> hubjet.disable()
    """
    with _patch.lock:
        _patch.wanted = True
        _patch.apply()
    if "huggingface_hub" not in sys.modules:
        from importlib.util import find_spec

        if find_spec("huggingface_hub") is None:
            _trace.warn("enable(): huggingface_hub is not installed here; it takes effect once it is imported", once="no huggingface_hub")


def disable() -> None:
    """Puts back what enable() replaced: each function is the very object it was. Where somebody else has replaced it since, his stays, and
    ours below it only passes calls on. Blocks of enabled() that are open stay so. Threads: any.

    >>> import hubjet
    >>> hubjet.disable()
    """
    with _patch.lock:
        _patch.wanted = False
        _patch.apply()


class enabled:
    """enable() for the time of a block, in all threads. Blocks nest.

    >>> import hubjet
    >>> with hubjet.enabled():
    ...     hubjet.status().enabled
    True
    """

    def __enter__(self) -> None:
        with _patch.lock:
            _patch.blocks += 1
            _patch.apply()

    def __exit__(self, *_error: object) -> None:
        with _patch.lock:
            _patch.blocks -= 1
            _patch.apply()


def status() -> Status:
    """What enable() has hooked, by whom else it is hooked, and what came of it so far: files, bytes, requests, in this process.
    Shown as a table in a notebook. Threads: any.

    >>> import hubjet
    >>> hubjet.status().files
    0
    """
    with _patch.lock:
        if _patch.active:  # a module that was half-imported when enable() was called is whole by now
            _patch.complete([hook for hook in HOOKS if hook not in _patch.installed and hook not in _patch.refused])
        counts = _patch.counts
        return Status(
            enabled=_patch.active,
            huggingface_hub=getattr(sys.modules.get("huggingface_hub"), "__version__", None),
            hooks=_patch.states(),
            files=counts.files,
            received=counts.received,
            resumed=counts.resumed,
            verified=counts.verified,
            requests=counts.requests,
            answered=counts.answered,
            stock=dict(counts.stock),
        )


def load_ipython_extension(_shell: object) -> None:
    """`%load_ext hubjet`."""
    enable()


def unload_ipython_extension(_shell: object) -> None:
    """`%unload_ext hubjet`."""
    disable()
