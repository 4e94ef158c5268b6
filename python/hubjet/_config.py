"""Which settings hold for this call, and where each came from. Imports _errors, _values.names, _proxies.

The only reader of the environment and of the config file. Nothing is read at import and nothing is kept: a setting
that changes between two calls holds for the second one.

    argument  >  with hubjet.settings(...)  >  environment  >  config file  >  default

Variables of huggingface_hub mean here what they mean there; an empty variable counts as not set.
"""

from __future__ import annotations

import os
import sys
from contextvars import ContextVar

from . import _values
from ._errors import ConfigError, StorageError
from ._names import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NamedTuple

else:
    from ._record import NamedTuple

STANDARD_TIMEOUT_S = 10
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


# --- defaults that depend on the machine ----------------------------------------------------------


def _hf_home(_known: Known) -> Setting:
    base = os.environ.get("XDG_CACHE_HOME")
    origin = "environment XDG_CACHE_HOME" if base else "default"
    return Setting(_values.path(os.path.join(base or os.path.join("~", ".cache"), "huggingface")), origin)


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
    return Setting(_values.path(os.path.join(base or os.path.join("~", ".cache"), "hubjet", "run")), origin)


def _hashed(_known: Known) -> Setting:
    base = os.environ.get("XDG_CACHE_HOME")
    origin = "environment XDG_CACHE_HOME" if base else "default"
    return Setting(_values.path(os.path.join(base or os.path.join("~", ".cache"), "hubjet", "hashed")), origin)


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
    return Setting((_values.endpoint(known["endpoint"].value),), known["endpoint"].origin)


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

    hf_home: str = _option("Root of what huggingface_hub keeps.", _values.path, _hf_home, "HF_HOME")
    cache_dir: str = _option(
        "The hub's cache: where repositories lie.",
        _values.path,
        _below_hf_home("hub"),
        "HF_HUB_CACHE",
        "HUGGINGFACE_HUB_CACHE",
    )
    layout: str = _option(
        "How repositories lie in cache_dir: hub (the stock client's way: digests, and links to them), plain (a readable folder each, without "
        "links) or auto (hub where symbolic links work, else plain).",
        _values.layout,
        "hub",
        "HUBJET_LAYOUT",
    )
    caches: tuple[str, ...] = _option(
        "Caches that are read, in this order, such as a cluster's shared one or s3://bucket/prefix; the last one is the cache that is written to, in place of "
        "cache_dir, if it is a folder that may be written to. Empty at the end: cache_dir.",
        _values.tiers,
        (),
        "HUBJET_CACHES",
    )
    token_path: str = _option("The file that holds the token.", _values.path_of_file, _below_hf_home("token"), "HF_TOKEN_PATH")
    implicit_token: bool = _option(
        "Whether a token may be looked for when none is given and an answer asks for one.",
        _values.flag,
        True,
        "HF_HUB_DISABLE_IMPLICIT_TOKEN",
        env_read=_values.no_flag,
    )
    sources: tuple[str, ...] = _option(
        "Folders that are looked at for files before they are fetched: any folder, or another program's store.",
        _values.folders,
        (),
        "HUBJET_SEARCH",
    )
    adopt: str = _option(
        "What is done with a file that lies elsewhere on this computer: auto (a clone of its blocks, else a link to where it lies, else a "
        "copy), clone (or copy), link (or copy), hardlink (or copy), copy, off (nothing is looked for).",
        _values.tactics,
        "auto",
        "HUBJET_ADOPT",
    )
    hashed: str = _option(
        "The file that keeps which files of sources were hashed, and what came of it; it may be deleted.", _values.path, _hashed, "HUBJET_HASHED"
    )
    vault: str | None = _option(
        "A folder that outlives this computer, such as one on Google Drive in Colab: downloads are copied there beside you, and brought back "
        "from there.",
        _values.path_as_named,
        None,
        "HUBJET_VAULT",
    )
    vault_wait: float = _option(
        "Seconds that the end of a program waits for its downloads to be on the vault.", _values.waiting, 30.0, "HUBJET_VAULT_WAIT"
    )
    vault_token: bool = _option(
        "Whether a token is looked for on the vault, too: the one that `hubjet login --to-vault` left there.", _values.flag, False, "HUBJET_VAULT_TOKEN"
    )
    endpoint: str = _option("The hub to ask.", _values.url, _values.STANDARD_ENDPOINT, "HF_ENDPOINT")
    endpoints: tuple[str, ...] = _option(
        "The hub to ask and the mirrors that stand in for it, and bring parts of its files; the first is the truth. Wins over "
        "endpoint, unless that was said closer to the call.",
        _values.endpoints,
        _one_endpoint,
        "HUBJET_ENDPOINTS",
    )
    offline: bool = _option(
        "No request at all; only what is here.", _values.flag, False, "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"
    )
    symlinks: bool = _option(
        "Whether snapshots may be made of symbolic links.", _values.flag, True, "HF_HUB_DISABLE_SYMLINKS", env_read=_values.no_flag
    )
    etag_timeout: float = _option(
        "Seconds to wait for a connection and for an answer's head. As in huggingface_hub the variable, when it is "
        "not 10, wins over the argument.",
        _values.seconds,
        STANDARD_TIMEOUT_S,
        "HF_HUB_ETAG_TIMEOUT",
    )
    download_timeout: float = _option(
        "Seconds without a byte after which a transfer is cut and goes on over another connection.",
        _values.seconds,
        STALL_S,
        "HF_HUB_DOWNLOAD_TIMEOUT",
    )
    progress: bool | None = _option(
        "Progress bars: always, never, or (None) where somebody can see them.",
        _values.flag,
        None,
        "HF_HUB_DISABLE_PROGRESS_BARS",
        env_read=_values.no_flag,
    )
    max_connections: int = _option(
        "Most connections to one hub, of all downloads of this process together; how many are opened is what pays.",
        _values.count,
        32,
        "HUBJET_MAX_CONNECTIONS",
        "HUBJET_CONNECTIONS",
    )
    limit_rate: int | None = _option(
        "Bytes per second, such as 8M; off: none. All downloads and processes of this user that have a limit share it.",
        _values.rate,
        None,
        "HUBJET_LIMIT_RATE",
    )
    polite: bool = _option(
        "Whether the others on the line come first: a short queue, two connections to a host, the rest when nobody else wants it.",
        _values.flag,
        False,
        "HUBJET_POLITE",
    )
    run_dir: str = _option(
        "Where this user's processes see each other, to share limit_rate.", _values.path, _run_dir, "HUBJET_RUN_DIR"
    )
    memory: int = _option("Bytes of buffers of all downloads of this process, hard.", _values.size, 256 << 20, "HUBJET_MEMORY")
    sync: bool = _option("Whether a file is on the disk for good before it is published.", _values.flag, True, "HUBJET_SYNC")
    ipv4_only: bool = _option("Whether IPv6 addresses are left out.", _values.flag, False, "HUBJET_IPV4_ONLY")
    private_redirects: bool = _option(
        "Whether a public host may send us to an address in a private network: names that lead to a cache of the house's there.",
        _values.flag,
        False,
        "HUBJET_PRIVATE_REDIRECTS",
    )
    ca: str | None = _option(
        "File or folder of certificates to trust, and nothing else: in place of ca_file and ca_dir.", _values.path, None, "HUBJET_CA"
    )
    ca_dir: str | None = _option("Folder of certificates to trust.", _values.text, _ca_dir, "SSL_CERT_DIR")
    ca_file: str | None = _option(
        "File of certificates to trust.",
        _values.text,
        _ca_file,
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        env_read=_file_not_dir,
    )
    proxy_http: str | None = _option("Proxy for http:// (http_proxy, all_proxy).", _values.text, _proxy("http"))
    proxy_https: str | None = _option("Proxy for https:// (https_proxy, all_proxy).", _values.text, _proxy("https"))
    no_proxy: str | None = _option("Hosts that are reached without a proxy.", _values.text, None, "no_proxy", "NO_PROXY")
    trace: str = _option("Parts to trace into logging, such as 'net,part'.", _values.text, "", "HUBJET_TRACE")
    max_cache_size: int | None = _option(
        "Most bytes the cache may have, such as 10G: after a download the revisions that were not used longest go.", _values.size, None, "HUBJET_MAX_SIZE"
    )
    keep_recent: float | None = _option(
        "Seconds for which max_cache_size and prune leave alone what was used. Default: 60 where every process that may use the cache can be seen, else 600.",
        _values.waiting,
        None,
        "HUBJET_KEEP_RECENT",
    )
    timeline: str | None = _option(
        "File for a picture of the downloads over time: Chrome-trace JSON, which Perfetto opens.", _values.path, None, "HUBJET_TIMELINE"
    )
    ledger_file: str | None = _option(
        "File that every request is noted in, one JSON object a line, by all processes that are told.", _values.path, None, "HUBJET_LEDGER"
    )
    trace_file: str | None = _option(
        "File the extension writes its trace to by itself.", _values.text, None, "HUBJET_TRACE_FILE"
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
        return Config({**self.__dict__, "endpoint": endpoint, "endpoints": (_values.endpoint(endpoint),)}, self.origins)

    def shut(self) -> Config:
        """The same without the network."""
        return self if self.offline else Config({**self.__dict__, "offline": True}, self.origins)

    def without_stores(self) -> Config:
        """The same without the object stores among `caches`: what local_files_only means to them."""
        folders = tuple(place for place in self.caches if "://" not in place)
        return self if folders == self.caches else Config({**self.__dict__, "caches": folders}, self.origins)

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
            values["endpoints"] = _values.listed(values["endpoints"])  # a list may be changed later
        for name, joined in _values.LISTS.items():
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
        arguments["endpoints"] = _values.listed(arguments["endpoints"])
    for name, joined in _values.LISTS.items():
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
        known["endpoint"] = Setting(_values.url_of_endpoint(several.value[0]), several.origin)
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
    if read in (_values.path, _values.path_of_file, _values.path_as_named) and not isinstance(value, str | os.PathLike):
        raise ConfigError(f"{name} = {value!r} ({origin}) cannot be understood; expected a path")  # or 5 makes a folder "5"
    if read in (_values.folders, _values.tiers):
        try:
            value = _values.joined(value) if read is _values.folders else _values.joined_tiers(value)
        except TypeError:  # of a config file: a number, a list of them
            raise ConfigError(f"{name} = {value!r} ({origin}) cannot be understood; expected a folder, or several") from None
    text = _values.listed(value) if read is _values.endpoints else os.fspath(value) if isinstance(value, os.PathLike) else str(value)
    try:
        return read(text)
    except ValueError as error:
        raise ConfigError(f"{name} = {text!r} ({origin}) cannot be understood; expected {error}") from None


def read_rate(value: str | int) -> int:
    """A rate as the setting limit_rate understands it; 0: no limit. ConfigError for what is none."""
    return int(_value("rate", _values.rate, value, "argument"))


def enable_is_asked_for() -> bool:
    """Whether programs are to begin with enable()."""
    return _values.flag(os.environ.get("HUBJET_ENABLE", ""))


# --- the config file ------------------------------------------------------------------------------


def config_path() -> str:
    """HUBJET_CONFIG, else hubjet/config.toml below XDG_CONFIG_HOME or ~/.config."""
    given = os.environ.get("HUBJET_CONFIG")
    if given:
        return _values.path(given)
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
