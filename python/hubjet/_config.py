"""Which settings hold for this call, and where each came from. Imports _errors, _names, _proxies.

The only reader of the environment and of the config file. Nothing is read at import and nothing is kept: a setting
that changes between two calls holds for the second one.

    argument  >  with hubjet.settings(...)  >  environment  >  config file  >  default

Variables of huggingface_hub mean here what they mean there; an empty variable counts as not set.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar

from ._errors import ConfigError, StorageError
from ._names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NamedTuple

else:
    from ._record import NamedTuple

STANDARD_ENDPOINT = "https://huggingface.co"
MODELSCOPE_ENDPOINT = "https://www.modelscope.cn"
MODELSCOPE_HOSTS = ("modelscope.cn", "www.modelscope.cn", "modelscope.ai", "www.modelscope.ai")
MODELSCOPE_MARK = "modelscope+"  # before an endpoint that speaks ModelScope's API
ADOPT = ("auto", "clone", "link", "hardlink", "copy", "off")
ENDPOINTS_MAX = 16  # csrc/engine/want.h: a file's own URL and 15 mirrors
STANDARD_TIMEOUT_S = 10
LAYOUTS = ("hub", "plain", "auto")
STALL_S = 15  # huggingface_hub gives up after 10; here the connection is changed and nothing is lost

# System bundles by the distribution that has them. The system's own comes before certifi's, because that is where
# companies that look into TLS install their certificate. The extension's OpenSSL knows no place of its own.
CA_FILES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # RHEL, Fedora
    "/etc/ssl/ca-bundle.pem",  # SUSE
    "/etc/ssl/cert.pem",  # Alpine, macOS
)


class Setting(NamedTuple):
    """A value and where it came from: "argument", "environment HF_HOME", "file /…/config.toml", "default" …"""

    value: Any
    origin: str


if TYPE_CHECKING:
    Known = Mapping[str, Setting]


class _Option(NamedTuple):
    """One row of the option table."""

    doc: str
    read: Callable[[str], Any]  # text -> value; ValueError says what was expected
    default: Callable[[Known], Setting]
    env: tuple[str, ...]
    env_read: Callable[[str], Any]  # differs from `read` where the variable says DISABLE


def _option(
    doc: str,
    read: Callable[[str], Any],
    default: object,
    *env: str,
    env_read: Callable[[str], Any] | None = None,
) -> Any:
    make: Any = default if callable(default) else lambda _known: Setting(default, "default")
    return _Option(doc, read, make, env, env_read or read)


# --- text -> value --------------------------------------------------------------------------------


def _text(text: str) -> str:
    return text


def _url(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("an http:// or https:// URL")
    return text.rstrip("/")


def _endpoints(text: str) -> tuple[str, ...]:
    """ "https://huggingface.co, modelscope" → each in full, once."""
    found = tuple(dict.fromkeys(_endpoint(word) for word in text.replace(",", " ").split()))
    if not 0 < len(found) <= ENDPOINTS_MAX:
        raise ValueError(f"1 to {ENDPOINTS_MAX} endpoints, with blanks or commas between them")
    return found


def _endpoint(word: str) -> str:
    """One of them: [modelscope+]https://host[#names]. `names` say what a repository is called there, if it is called otherwise:
    "Theirs/Name" whichever is asked for, or "org/name=Theirs/Name", several with & between them."""
    base, hash_sign, repo_id = word.partition("#")
    mark = MODELSCOPE_MARK if base.startswith(MODELSCOPE_MARK) else ""
    base = MODELSCOPE_ENDPOINT if base == "modelscope" else _url(base.removeprefix(MODELSCOPE_MARK))
    if base.partition("://")[2].partition("/")[0].lower() in MODELSCOPE_HOSTS:
        mark = MODELSCOPE_MARK
    if "=" in repo_id and not all(pair.count("=") == 1 for pair in repo_id.split("&")):
        raise ValueError("org/name=Theirs/Name after #, several with & between them")
    return f"{mark}{base}{hash_sign}{repo_id}"


def url_of_endpoint(endpoint: str) -> str:
    """Where it is, without what it speaks and what a repository is called there."""
    return endpoint.removeprefix(MODELSCOPE_MARK).partition("#")[0]


def _listed(endpoints: object) -> str:
    """What may be passed as `endpoints`, as text: a list of texts and of {endpoint: what the repository is called there}, or
    {endpoint: {"org/name": what that one is called there}}."""
    if isinstance(endpoints, str | bytes) or not hasattr(endpoints, "__iter__"):
        return str(endpoints)
    several: Any = [endpoints] if hasattr(endpoints, "items") else endpoints
    words: list[str] = []
    for one in several:
        words += [f"{where}#{_names(called)}" for where, called in one.items()] if hasattr(one, "items") else [str(one)]
    return " ".join(words)


def _names(called: Any) -> str:
    return "&".join(f"{ours}={theirs}" for ours, theirs in called.items()) if hasattr(called, "items") else str(called)


def _joined(folders: Any) -> str:
    """What may be passed as `sources`, as text: one folder, or several."""
    if isinstance(folders, str | os.PathLike):
        return os.fspath(folders)
    return os.pathsep.join(os.fspath(folder) for folder in folders)


def _joined_tiers(places: Any) -> str:
    if isinstance(places, str | os.PathLike):
        return os.fspath(places)
    return "".join(_BETWEEN + ("" if place is None else os.fspath(place)) for place in places)


_LISTS = {"sources": _joined, "caches": _joined_tiers}  # settings that are lists of places, as text


def _path(text: str) -> str:
    return absolute(os.path.expandvars(os.path.expanduser(text)), os.path.realpath)


def _as_it_is(text: str) -> str:
    return absolute(os.path.expandvars(os.path.expanduser(text)))


def _path_of_file(text: str) -> str:
    """The file itself, if it is a link: others have to find it by its own name, beside its neighbours."""
    folder, name = os.path.split(absolute(os.path.expandvars(os.path.expanduser(text))))
    return os.path.join(os.path.realpath(folder), name)


def _path_as_named(text: str) -> str:
    """The whole path, links and all: one that leads to a mount which is gone cannot be followed."""
    return absolute(os.path.expandvars(os.path.expanduser(text)))


def absolute(path: str, how: Callable[[str], str] = os.path.abspath) -> str:
    """The whole path. Where the current folder was deleted, Python's own error says only "No such file or directory"."""
    try:
        return how(path)
    except FileNotFoundError as error:
        raise StorageError(
            f"{path!r} is relative to the current folder, which was deleted: go to one that is there, or name a whole path",
            path=path,
            errno=error.errno,
        ) from error


def _tiers(text: str) -> tuple[str, ...]:
    """ "/shared/hub:s3://bucket/hub:~/cache" → each in full, once. "" at the end: the cache_dir; the colon of s3:// is none between two, nor are
    those of chained places (simplecache::s3://…)."""
    words = text[1:].split(_BETWEEN) if text.startswith(_BETWEEN) else _words_of_path(text)
    *before, last = words
    found = [word if "://" in word else _as_it_is(word) for word in before if word]  # not looked at: one may be a mount that hangs
    return tuple(dict.fromkeys([*found, last if not last or "://" in last else _path(last)]))


_BETWEEN = "\n"  # between the places of a list, which may have any sign in them


def _words_of_path(text: str) -> list[str]:
    words, start = [], 0
    for at, sign in enumerate(text):
        if sign == os.pathsep and at >= start and not (sign == ":" and _is_of_place(text, start, at)):
            words.append(text[start:at])
            start = at + 1
    return [*words, text[start:]]


def _is_of_place(text: str, start: int, at: int) -> bool:
    """Whether the colon belongs to s3://bucket, simplecache::s3://…, sftp://host:22/, ftp://me:secret@host/."""
    if text[at + 1 : at + 3] == "//" or text[at + 1 : at + 2] == ":" or (at > start and text[at - 1] == ":"):
        return True
    before, there, host = text[start:at].rpartition("://")
    after = text[at + 1 :].partition("/")[0]
    return bool(there) and "/" not in host and (after.partition(os.pathsep)[0].isdigit() or "@" in after)


def _folders(text: str) -> tuple[str, ...]:
    """ "/models:~/more" → each in full, once; os.pathsep between them."""
    return tuple(dict.fromkeys(_path(folder) for folder in text.split(os.pathsep) if folder))


def _tactics(text: str) -> str:
    if text not in ADOPT:
        raise ValueError("one of " + ", ".join(ADOPT))
    return text


def _flag(text: str) -> bool:
    return text.upper() in {"1", "ON", "YES", "TRUE"}  # huggingface_hub's rule; anything else is "no"


def _no_flag(text: str) -> bool:
    return not _flag(text)


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e6:
        raise ValueError("a number of seconds above 0")
    return value


def _layout(text: str) -> str:
    if text.lower() not in LAYOUTS:
        raise ValueError(" or ".join(LAYOUTS))
    return text.lower()


def _waiting(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value < 1e6:
        raise ValueError("a number of seconds, 0 or more")
    return value


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 256:
        raise ValueError("a whole number from 1 to 256")
    return int(text)


def _size(text: str) -> int:
    """ "256M", "1.5 GiB", "1000000" → bytes. K, M, G, T are powers of 1024."""
    number = text.strip().upper().removesuffix("B").removesuffix("I").strip()
    power = "KMGT".find(number[-1:]) + 1 if number else 0
    try:
        size = int(float(number[:-1] if power else number) * 1024**power)
    except (ValueError, OverflowError):
        size = 0
    if size <= 0:
        raise ValueError("a size such as 256M")
    return size


def _rate(text: str) -> int:
    """ "8M", "500 KB/s" → bytes per second; "off", "0" → 0, no limit."""
    word = text.strip().lower().removesuffix("/s")
    if word in ("0", "off", "none", "unlimited"):
        return 0
    try:
        rate = _size(word)
    except ValueError:
        rate = 0
    if rate < 1024:
        raise ValueError("bytes per second such as 8M, from 1K up, or off")
    return rate


# --- defaults that depend on the machine ----------------------------------------------------------


def _hf_home(_known: Known) -> Setting:
    base = os.environ.get("XDG_CACHE_HOME")
    origin = "environment XDG_CACHE_HOME" if base else "default"
    return Setting(_path(os.path.join(base or os.path.join("~", ".cache"), "huggingface")), origin)


def _below_hf_home(name: str) -> Callable[[Known], Setting]:
    def place(known: Known) -> Setting:
        home = known["hf_home"]
        origin = "default" if home.origin == "default" else f"below hf_home ({home.origin})"
        return Setting(os.path.join(home.value, name), origin)

    return place


def _run_dir(_known: Known) -> Setting:
    """A folder of this user's on this computer. XDG_RUNTIME_DIR is the system's place for it, if it is ours (sudo may leave
    somebody else's)."""
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base and hasattr(os, "getuid"):
        try:
            status = os.stat(base)
        except OSError:
            status = None
        if status is not None and status.st_uid == os.getuid() and not status.st_mode & 0o022:
            return Setting(os.path.join(base, "hubjet"), "environment XDG_RUNTIME_DIR")
    base = os.environ.get("XDG_CACHE_HOME")
    origin = "environment XDG_CACHE_HOME" if base else "default"
    return Setting(_path(os.path.join(base or os.path.join("~", ".cache"), "hubjet", "run")), origin)


def _hashed(_known: Known) -> Setting:
    base = os.environ.get("XDG_CACHE_HOME")
    origin = "environment XDG_CACHE_HOME" if base else "default"
    return Setting(_path(os.path.join(base or os.path.join("~", ".cache"), "hubjet", "hashed")), origin)


def _ca_file(known: Known) -> Setting:
    if known["ca"].value is not None and not os.path.isdir(known["ca"].value):
        return known["ca"]
    if sys.platform == "win32":
        return Setting(None, "the Windows certificate store")
    if known["ca_dir"].value is not None:
        return Setting(None, "ca_dir is set")
    for path in CA_FILES:
        if os.path.exists(path):
            return Setting(path, "the system's certificates")
    try:
        import certifi
    except ImportError:
        return Setting(None, "no certificates found on this system: install certifi or set SSL_CERT_FILE")
    return Setting(certifi.where(), "certifi")


def _ca_dir(known: Known) -> Setting:
    if known["ca"].value is not None:
        return known["ca"] if os.path.isdir(known["ca"].value) else Setting(None, "ca is set")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # requests allows a folder there
        path = os.environ.get(name)
        if path and os.path.isdir(path) and not os.environ.get("SSL_CERT_FILE"):
            return Setting(path, f"environment {name}")
    return Setting(None, "default")


def _one_endpoint(known: Known) -> Setting:
    return Setting((_endpoint(known["endpoint"].value),), known["endpoint"].origin)


def _file_not_dir(text: str) -> str | None:
    return None if os.path.isdir(text) else text


def _proxy(scheme: str) -> Callable[[Known], Setting]:
    """As urllib and requests choose: lower case before upper case, the scheme's own before ALL_PROXY, then the
    system's."""

    def choose(_known: Known) -> Setting:
        names = [f"{scheme}_proxy", f"{scheme.upper()}_PROXY", "all_proxy", "ALL_PROXY"]
        if "REQUEST_METHOD" in os.environ:
            names.remove(f"{scheme.upper()}_PROXY")  # in CGI that variable is set by the client ("httpoxy")
        for name in names:
            if os.environ.get(name):
                return Setting(os.environ[name], f"environment {name}")
        if sys.platform in ("win32", "darwin"):
            from urllib.request import getproxies

            proxy = getproxies().get(scheme)
            if proxy:
                return Setting(proxy, "the system's settings")
        return Setting(None, "default")

    return choose


# --- the option table -----------------------------------------------------------------------------


class Config:
    """Every setting, resolved. One attribute per option; `origins` says where each value came from.

    The class holds the options, an object of it their values. Not to be changed: calls share it.
    """

    hf_home: str = _option("Root of what huggingface_hub keeps.", _path, _hf_home, "HF_HOME")
    cache_dir: str = _option(
        "The hub's cache: where repositories lie.",
        _path,
        _below_hf_home("hub"),
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
    )
    layout: str = _option(
        "How repositories lie in cache_dir: hub (the stock client's way: digests, and links to them), plain (a readable folder each, without "
        "links) or auto (hub where symbolic links work, else plain).",
        _layout,
        "hub",
        "HUBJET_LAYOUT",
    )
    caches: tuple[str, ...] = _option(
        "Caches that are read, in this order, such as a cluster's shared one or s3://bucket/prefix; the last one is the cache that is written to, in place of "
        "cache_dir, if it is a folder that may be written to. Empty at the end: cache_dir.",
        _tiers,
        (),
        "HUBJET_CACHES",
    )
    token_path: str = _option("The file that holds the token.", _path_of_file, _below_hf_home("token"), "HF_TOKEN_PATH")
    implicit_token: bool = _option(
        "Whether a token may be looked for when none is given and an answer asks for one.",
        _flag,
        True,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
        env_read=_no_flag,
    )
    sources: tuple[str, ...] = _option(
        "Folders that are looked at for files before they are fetched: any folder, or another program's store.",
        _folders,
        (),
        "HUBJET_SEARCH",
    )
    adopt: str = _option(
        "What is done with a file that lies elsewhere on this computer: auto (a clone of its blocks, else a link to where it lies, else a "
        "copy), clone (or copy), link (or copy), hardlink (or copy), copy, off (nothing is looked for).",
        _tactics,
        "auto",
        "HUBJET_ADOPT",
    )
    hashed: str = _option(
        "The file that keeps which files of sources were hashed, and what came of it; it may be deleted.", _path, _hashed, "HUBJET_HASHED"
    )
    vault: str | None = _option(
        "A folder that outlives this computer, such as one on Google Drive in Colab: downloads are copied there beside you, and brought back "
        "from there.",
        _path_as_named,
        None,
        "HUBJET_VAULT",
    )
    vault_wait: float = _option(
        "Seconds that the end of a program waits for its downloads to be on the vault.", _waiting, 30.0, "HUBJET_VAULT_WAIT"
    )
    vault_token: bool = _option(
        "Whether a token is looked for on the vault, too: the one that `hubjet login --to-vault` left there.", _flag, False, "HUBJET_VAULT_TOKEN"
    )
    endpoint: str = _option("The hub to ask.", _url, STANDARD_ENDPOINT, "HF_ENDPOINT")
    endpoints: tuple[str, ...] = _option(
        "The hub to ask and the mirrors that stand in for it, and bring parts of its files; the first is the truth. Wins over "
        "endpoint, unless that was said closer to the call.",
        _endpoints,
        _one_endpoint,
        "HUBJET_ENDPOINTS",
    )
    offline: bool = _option(
        "No request at all; only what is here.", _flag, False, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"
    )
    symlinks: bool = _option(
        "Whether snapshots may be made of symbolic links.", _flag, True, "HF_HUB_DISABLE_SYMLINKS", env_read=_no_flag
    )
    etag_timeout: float = _option(
        "Seconds to wait for a connection and for an answer's head. As in huggingface_hub the variable, when it is "
        "not 10, wins over the argument.",
        _seconds,
        STANDARD_TIMEOUT_S,
        "HF_HUB_ETAG_TIMEOUT",
    )
    download_timeout: float = _option(
        "Seconds without a byte after which a transfer is cut and goes on over another connection.",
        _seconds,
        STALL_S,
        "HF_HUB_DOWNLOAD_TIMEOUT",
    )
    progress: bool | None = _option(
        "Progress bars: always, never, or (None) where somebody can see them.",
        _flag,
        None,
        "HF_HUB_DISABLE_PROGRESS_BARS",
        env_read=_no_flag,
    )
    max_connections: int = _option(
        "Most connections to one hub, of all downloads of this process together; how many are opened is what pays.",
        _count,
        32,
        "HUBJET_MAX_CONNECTIONS",
        "HUBJET_CONNECTIONS",
    )
    limit_rate: int | None = _option(
        "Bytes per second, such as 8M; off: none. All downloads and processes of this user that have a limit share it.",
        _rate,
        None,
        "HUBJET_LIMIT_RATE",
    )
    polite: bool = _option(
        "Whether the others on the line come first: a short queue, two connections to a host, the rest when nobody else wants it.",
        _flag,
        False,
        "HUBJET_POLITE",
    )
    run_dir: str = _option(
        "Where this user's processes see each other, to share limit_rate.", _path, _run_dir, "HUBJET_RUN_DIR"
    )
    memory: int = _option("Bytes of buffers of all downloads of this process, hard.", _size, 256 << 20, "HUBJET_MEMORY")
    sync: bool = _option("Whether a file is on the disk for good before it is published.", _flag, True, "HUBJET_SYNC")
    ipv4_only: bool = _option("Whether IPv6 addresses are left out.", _flag, False, "HUBJET_IPV4_ONLY")
    private_redirects: bool = _option(
        "Whether a public host may send us to an address in a private network: names that lead to a cache of the house's there.",
        _flag,
        False,
        "HUBJET_PRIVATE_REDIRECTS",
    )
    ca: str | None = _option(
        "File or folder of certificates to trust, and nothing else: in place of ca_file and ca_dir.", _path, None, "HUBJET_CA"
    )
    ca_dir: str | None = _option("Folder of certificates to trust.", _text, _ca_dir, "SSL_CERT_DIR")
    ca_file: str | None = _option(
        "File of certificates to trust.",
        _text,
        _ca_file,
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        env_read=_file_not_dir,
    )
    proxy_http: str | None = _option("Proxy for http:// (http_proxy, all_proxy).", _text, _proxy("http"))
    proxy_https: str | None = _option("Proxy for https:// (https_proxy, all_proxy).", _text, _proxy("https"))
    no_proxy: str | None = _option("Hosts that are reached without a proxy.", _text, None, "no_proxy", "NO_PROXY")
    trace: str = _option("Parts to trace into logging, such as 'net,part'.", _text, "", "HUBJET_TRACE")
    max_cache_size: int | None = _option(
        "Most bytes the cache may have, such as 10G: after a download the revisions that were not used longest go.", _size, None, "HUBJET_MAX_SIZE"
    )
    keep_recent: float | None = _option(
        "Seconds for which max_cache_size and prune leave alone what was used. Default: 60 where every process that may use the cache can be seen, else 600.",
        _waiting,
        None,
        "HUBJET_KEEP_RECENT",
    )
    timeline: str | None = _option(
        "File for a picture of the downloads over time: Chrome-trace JSON, which Perfetto opens.", _path, None, "HUBJET_TIMELINE"
    )
    ledger_file: str | None = _option(
        "File that every request is noted in, one JSON object a line, by all processes that are told.", _path, None, "HUBJET_LEDGER"
    )
    trace_file: str | None = _option(
        "File the extension writes its trace to by itself.", _text, None, "HUBJET_TRACE_FILE"
    )

    def __init__(self, values: Mapping[str, Any], origins: Mapping[str, str]) -> None:
        self.__dict__.update(values)
        self.origins = origins

    @property
    def tiers(self) -> tuple[str, ...]:
        """Of `caches`, those that are only read."""
        return tuple(place for place in self.caches if place and place != self.cache_dir)

    def at_endpoint(self, endpoint: str) -> Config:
        """The same for another host."""
        return Config({**self.__dict__, "endpoint": endpoint, "endpoints": (_endpoint(endpoint),)}, self.origins)

    def shut(self) -> Config:
        """The same without the network."""
        return self if self.offline else Config({**self.__dict__, "offline": True}, self.origins)

    def setting(self, name: str) -> Setting:
        """Value and origin of one option; passwords in proxy URLs are left out of the value."""
        value = getattr(self, name)
        if name in ("proxy_http", "proxy_https") and value:
            from . import _proxies

            value = _proxies.shown(value)
        if name == "caches":
            value = tuple(shown(place) if "://" in place else place for place in value)
        return Setting(value, self.origins[name])


OPTIONS: Mapping[str, _Option] = {name: row for name, row in vars(Config).items() if isinstance(row, _Option)}

_block: ContextVar[Mapping[str, Setting]] = ContextVar("hubjet_settings", default={})


class settings:
    """Settings for everything called inside the block, in this thread or task. Names and meaning: `hubjet config`,
    `config()`.

    Blocks nest; an inner one adds to the outer. An argument of a call wins over the block, None in it means "no
    opinion".

    Errors: TypeError for a name that is no option, ConfigError (a ValueError) at the call for a value that cannot be
    one.

    >>> import hubjet
    >>> with hubjet.settings(offline=True, cache_dir="/data/models"):
    ...     hubjet.config()["cache_dir"].origin
    'hubjet.settings'
    """

    def __init__(self, **values: Any) -> None:
        _check_names(values)
        if values.get("endpoints") is not None:
            values["endpoints"] = _listed(values["endpoints"])  # a list may be changed later
        for name, joined in _LISTS.items():
            if values.get(name) is not None:
                values[name] = joined(values[name])
        self._values = {name: Setting(value, "hubjet.settings") for name, value in values.items()}

    def __enter__(self) -> None:
        self._before = _block.set({**_block.get(), **self._values})

    def __exit__(self, *_error: object) -> None:
        _block.reset(self._before)


class command_line(settings):
    """The same for what was typed: an origin for each, such as "--limit-rate"."""

    def __init__(self, said: dict[str, Setting]) -> None:
        self._values = said


def resolve(**arguments: Any) -> Config:
    """The settings of one call: its arguments (None = not given), then the other places in their order.

    Every place is looked at by every call. Where all of them are as they were at the last call with these arguments, its
    answer is given again: a warm call then costs 10 µs here instead of 100.
    """
    global _last
    if arguments.get("endpoints") is not None:
        arguments["endpoints"] = _listed(arguments["endpoints"])
    for name, joined in _LISTS.items():
        if arguments.get(name) is not None:
            arguments[name] = joined(arguments[name])
    path = config_path()
    seen = (_environment(), _file_mark(path), _block.get(), arguments)
    last = _last
    if last is not None and last[0] == seen:
        return last[1]
    found = _resolve(arguments, path)
    _last = (seen, found)
    return found


# What the last call saw and answered: one tuple, replaced whole, so that threads see the old pair or the new one.
_last: tuple[tuple[Any, ...], Config] | None = None


def _environment() -> dict[Any, Any]:
    """A copy of the environment, to be compared. CPython keeps it as one dict of bytes; decoding it would cost more than reading."""
    return dict(getattr(os.environ, "_data", os.environ))


def _file_mark(path: str) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _resolve(arguments: Mapping[str, Any], path: str) -> Config:
    _check_names(arguments)
    in_block = _block.get()
    in_file = _config_file(path)
    known: dict[str, Setting] = {}
    for name, option in OPTIONS.items():
        known[name] = (
            _given(name, option, arguments.get(name), "argument")
            or (option.default(known) if name in ("ca_file", "ca_dir") and known["ca"].value is not None else None)
            or _given(name, option, *in_block.get(name, _NOT_SAID))
            or _from_environment(option)
            or _given(name, option, in_file.get(name), f"file {path}")
            or option.default(known)
        )
    one, several = known["endpoint"], known["endpoints"]
    if _distance(several.origin) <= _distance(one.origin):
        known["endpoint"] = Setting(url_of_endpoint(several.value[0]), several.origin)
        if _distance(several.origin) > 1 and any("#" in text and "=" not in text.partition("#")[2] for text in several.value):
            raise ConfigError(
                f"endpoints ({several.origin}) says what a repository is called elsewhere, but not which one: write #org/name=Theirs/Name"
            )
    else:  # who names one hub for this call does not want others asked
        known["endpoints"] = _one_endpoint(known)
    _choose_writable(known)
    values = {name: setting.value for name, setting in known.items()}
    return Config(values, {name: setting.origin for name, setting in known.items()})


def _choose_writable(known: dict[str, Setting]) -> None:
    """The last of `caches` is written to in place of cache_dir, unless that was said closer to the call, or it cannot be."""
    caches, one = known["caches"], known["cache_dir"]
    last = caches.value[-1] if caches.value else ""
    said_apart = not one.origin.startswith(("default", "below hf_home"))
    if not last or "://" in last or (said_apart and _distance(one.origin) < _distance(caches.origin)):
        return
    if os.path.isdir(last) and not os.access(last, os.W_OK):
        known["cache_dir"] = Setting(one.value, f"{one.origin}; the last of caches may not be written to")
    else:
        known["cache_dir"] = Setting(last, f"last of caches ({caches.origin})")


def config(**arguments: Any) -> dict[str, Setting]:
    """Every setting as a call with these arguments would see it: name → Setting(value, origin).

    Reads the environment and the config file, never the network. No secret is among them.
    Errors: TypeError for unknown names, ConfigError for values that cannot be understood.

    >>> import hubjet
    >>> hubjet.config(endpoint="https://hub.example")["endpoint"]
    Setting(value='https://hub.example', origin='argument')
    """
    found = resolve(**arguments)
    return {name: found.setting(name) for name in OPTIONS}


def _check_names(values: Mapping[str, Any]) -> None:
    for name in values:
        if name not in OPTIONS:
            raise TypeError(f"{name!r} is not a setting of hubjet; there are: {', '.join(OPTIONS)}")


def _distance(origin: str) -> int:
    """How far from the call a value was said."""
    far = ("environment ", "file ", "default")
    return 0 if origin == "argument" else next((i for i, word in enumerate(far, 2) if origin.startswith(word)), 1)


_NOT_SAID = Setting(None, "")


def _given(name: str, option: _Option, value: object, origin: str) -> Setting | None:
    return None if value is None else Setting(_value(name, option.read, value, origin), origin)


def _from_environment(option: _Option) -> Setting | None:
    for name in option.env:
        text = os.environ.get(name)
        if text:
            origin = f"environment {name}"
            value = _value(name, option.env_read, text, origin)
            if value is not None:
                return Setting(value, origin)
    return None


def _value(name: str, read: Callable[[str], Any], value: object, origin: str) -> Any:
    """`value` as the option wants it. What is not text or a path (True, 32, 10.5) is read as its text would be."""
    if read in (_path, _path_of_file, _path_as_named) and not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name} = {value!r} ({origin}) cannot be understood; expected a path")  # or 5 makes a folder "5"
    if read in (_folders, _tiers):
        try:
            value = _joined(value) if read is _folders else _joined_tiers(value)
        except TypeError:  # of a config file: a number, a list of them
            raise ConfigError(f"{name} = {value!r} ({origin}) cannot be understood; expected a folder, or several") from None
    text = _listed(value) if read is _endpoints else os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(f"{name} = {text!r} ({origin}) cannot be understood; expected {error}") from None


def read_rate(value: str | int) -> int:
    """A rate as the setting limit_rate understands it; 0: no limit. ConfigError for what is none."""
    return int(_value("rate", _rate, value, "argument"))


def enable_is_asked_for() -> bool:
    """Whether programs are to begin with enable()."""
    return _flag(os.environ.get("HUBJET_ENABLE", ""))


# --- the config file ------------------------------------------------------------------------------


def config_path() -> str:
    """HUBJET_CONFIG, else hubjet/config.toml below XDG_CONFIG_HOME or ~/.config."""
    given = os.environ.get("HUBJET_CONFIG")
    if given:
        return _path(given)
    base = os.environ.get("XDG_CONFIG_HOME") or os.path.join("~", ".config")
    return os.path.join(os.path.expandvars(os.path.expanduser(base)), "hubjet", "config.toml")


def _config_file(path: str) -> Mapping[str, Any]:
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the config file {path} cannot be read: {error}") from error
    from ._toml import parse_toml

    try:
        values = parse_toml(text)
    except ValueError as error:
        raise ConfigError(f"the config file {path} cannot be understood: {error}") from error
    for name in values:
        if name not in OPTIONS:
            raise ConfigError(
                f"the config file {path} sets {name!r}, which is not a setting; there are: {', '.join(OPTIONS)}"
            )
    return values
