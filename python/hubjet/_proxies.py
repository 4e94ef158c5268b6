"""A proxy as people write it, as the extension wants it, and as it may be shown. Imports _errors.

Loaded only where a proxy is set.
"""

from __future__ import annotations

from ._errors import ConfigError

# A proxy without a port: what urllib3 and httpx take. (libcurl would take 1080 for http.)
PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks4a": 1080, "socks5": 1080, "socks5h": 1080}


def for_engine(proxy: str, origin: str) -> str:
    """scheme://user:password@host:port, all said, the user's characters escaped. ConfigError names place and reason, no password."""
    from urllib.parse import quote, unquote

    def refuse(why: str) -> ConfigError:
        return ConfigError(f"the proxy {shown(proxy)} ({origin}) cannot be used: {why}")

    scheme, user, host = _parts(proxy)
    scheme = scheme.lower()
    if scheme not in PORTS:
        raise refuse(f"{scheme}:// is no kind of proxy; there are {', '.join(PORTS)}")
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, str(PORTS[scheme])
    if not name or any(c in name for c in " \t\r\n@%\\") or (":" in name and not (name[0] == "[" and name[-1] == "]")):
        raise refuse("it names no host" if not name else "its host is no host name (an IPv6 address stands in brackets)")
    if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        raise refuse("its port is no number from 1 to 65535")
    if user is None:
        return f"{scheme}://{name}:{port}"
    login, colon, password = user.partition(":")
    escaped = quote(unquote(login), safe="") + (f":{quote(unquote(password), safe='')}" if colon else "")
    return f"{scheme}://{escaped}@{name}:{port}"


def shown(proxy: str) -> str:
    """Scheme, host and port: no user, no password."""
    scheme, _user, host = _parts(proxy)
    return "".join(c if c.isprintable() else "?" for c in f"{scheme}://{host}")


def _parts(proxy: str) -> tuple[str, str | None, str]:
    """(scheme, "user:password" or None, host:port). Whatever stands before the last @ is no host: passwords may hold / and #."""
    scheme, mark, rest = proxy.strip().partition("://")
    if not mark:
        scheme, rest = "http", proxy.strip()
    user, at, host = rest.rpartition("@")
    for end in "/?#":
        host = host.partition(end)[0]
    return scheme, user if at else None, host
