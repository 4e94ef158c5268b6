"""What a failure on the network has to do with this computer's settings, and what can be done. Imports _errors, _names, _config, _record.

Loaded only when something failed.
"""

from __future__ import annotations

import os

from ._errors import HubjetError, TlsError
from ._names import origin_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import NamedTuple

    from ._config import Config
else:
    from ._record import NamedTuple

_TLS = {
    "TLS_ISSUER": "if that is your company's (or your own network's) inspection of TLS, get its certificate and set SSL_CERT_FILE, or ca=, "
    "to the file; if you do not know the name, somebody stands between you and {host}: do not go on",
    "TLS_SELF": "if {host} is a server of your own, set SSL_CERT_FILE, or ca=, to its certificate; else somebody stands between: do not go on",
    "TLS_DATE": "set this computer's clock if it is wrong; if it is right, the owner of {host} has to renew the certificate",
    "TLS_HOST": "check the address; the login page of a network, or a proxy, may answer in place of {host}: open it in a browser",
    "TLS_STORE": "correct the path named above, or unset it",
}

_PRIVATE = (
    "if that host is your own network's (a mirror or cache that your DNS leads to), set HUBJET_PRIVATE_REDIRECTS=1; else the server that sent "
    "you there should not be asked again"
)

PORTAL = (
    "the login page of this network, or a firewall, answers in place of the hub: open {host} in a browser and log in, or ask "
    "whoever runs the network to allow it"
)

_PROXY = {
    "PROXY": "is it running, and is this its address? Set {variable} right, or name the host in no_proxy to go there without it",
    "PROXY_AUTH": "put user and password into {variable} (http://user:password@host:port, special characters as %XX)",
    "PROXY_DENIED": "ask whoever runs the proxy to allow {host}, or name the host in no_proxy to go there without it",
}


def add_network(error: HubjetError, config: Config) -> None:
    """Adds lines: the proxy and where it was set, the certificates and where they were set, what to do."""
    host = _host(error.url)
    if error.proxy:
        name = "proxy_http" if (error.url or "").startswith("http://") else "proxy_https"
        origin = config.origins[name]
        error.add_line("proxy", f"{error.proxy} ({origin})")
        if error.code in _PROXY:
            _advise(error, _PROXY[error.code].format(variable=origin.removeprefix("environment "), host=host))
    if isinstance(error, TlsError):
        error.add_line("trusted", _trusted(config))
        if error.code in _TLS:
            _advise(error, _TLS[error.code].format(host=host))


class Page(NamedTuple):
    """A page for people where data was asked for."""

    title: str
    begins: str  # the first 300 bytes, printable, in one line


def page_of(body: bytes | str | None, content_type: str) -> Page | None:
    """None: it is no page. Login pages of networks and firewalls' refusals are HTML, and the hub's answers to programs never are."""
    text = body.decode("utf-8", "replace") if isinstance(body, bytes) else body or ""
    if not text.strip():
        return None
    start = text.lstrip("\ufeff \t\r\n")[:64].lower()
    if not start.startswith(("<!doctype html", "<html", "<head", "<?xml version")) and not content_type.lower().startswith("text/html"):
        return None
    if start.startswith("<?xml") and "<html" not in text[:1000].lower():
        return None  # S3's and CloudFront's refusals are XML
    low = text.lower()
    first = low.find("<title")
    opened, closed = low.find(">", first) + 1, low.find("</title", first)
    title = _line(text[opened:closed]) if 0 <= first < opened <= closed else ""
    return Page(title[:100] or "without a title", _line(text[:300]))


def add_page(error: HubjetError, excerpt: str | None, headers: Mapping[str, str]) -> None:
    """Says that a page answered, and how it begins. Once."""
    if error.code == "REDIRECT" and "private network" in error.message:
        if error.advice != _PRIVATE:
            _advise(error, _PRIVATE)
        return
    kind = "text/html" if error.code == "PORTAL" else headers.get("content-type", "")
    page = page_of(excerpt, kind) if error.portal is None and excerpt else None
    if error.code == "REDIRECT" and page is None and error.portal is None and "plain http" in error.message:
        error.portal = "a redirect to plain http"
    elif page is not None:
        error.portal = page.title
        error.add_line("page", f"{page.title}: {page.begins}")
    else:
        return
    _advise(error, PORTAL.format(host=_host(error.url)))


def _line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _advise(error: HubjetError, text: str) -> None:
    error.advice = text
    error.add_line("do", text)


def _host(url: str | None) -> str:
    return origin_of(url).partition("://")[2].rpartition(":")[0] if url else "the server"


def _trusted(config: Config) -> str:
    """The stores in use. A wheel's libcurl knows no certificates of its own."""
    places = [config.setting(name) for name in ("ca_file", "ca_dir") if getattr(config, name) is not None]
    if not places:
        return config.origins["ca_file"]
    return ", ".join(f"{one.value} ({one.origin}{_is_there(str(one.value))})" for one in places)


def _is_there(path: str) -> str:
    """Folders may be several, with a colon between, as OpenSSL reads SSL_CERT_DIR."""
    return "" if any(os.path.exists(one) for one in (path, *path.split(os.pathsep))) else "; there is no such file"
