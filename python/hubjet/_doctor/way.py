"""The network's part of the way: each host's name, connection, certificate and answer. Imports _errors, _names, _config, _auth.credentials,
_advice, _transport.
"""

from __future__ import annotations

import json
import socket
import threading
import time
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from urllib.parse import urljoin, urlsplit

from .. import _advice, _native, _transport
from .._auth.credentials import Credentials
from .._errors import ConfigError, HubjetError
from .._names import origin_of, quote, shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .._auth.credentials import Token
    from .._config import Config
    from .._names import Repo
    from .._native import Probe

STEP_S = 10.0
CONNECT_S = 5.0
SPEED_BYTES = 4 << 20
LISTING_BYTES = 4 << 20
SKEW_NOTE_S, SKEW_PROBLEM_S = 30, 300


@dataclass(frozen=True)
class Finding:
    """One line of the report. place: a host or this computer; verdict: "ok", "note" or "problem"; do: what to do about it."""

    place: str
    step: str
    verdict: str
    text: str
    do: str = ""


class Way:
    """One walk, with a time by which it is over."""

    def __init__(self, config: Config, seconds: float) -> None:
        self.config = config
        self.until = time.monotonic() + seconds
        self.found: list[Finding] = []
        self._met: set[str] = set()

    def say(self, place: str, step: str, verdict: str, text: str, do: str = "") -> None:
        self.found.append(Finding(place, step, verdict, text, do))

    def left(self) -> float:
        return max(0.0, self.until - time.monotonic())

    def walk(self, repo: Repo | None, revision: str, token: Token | str | bool | None) -> None:
        """From the hub's name to the speed of a file's ranges. Ends where there is no going on."""
        hub = self.config.endpoint
        try:
            self.limits = _transport.limits(self.config)
        except ConfigError as error:
            return self.say(hub, "proxy", "problem", error.message, "correct it where the message says")
        auth = self._auth(hub, token, repo)
        listing = f"/api/{repo.api}/tree/{quote(revision)}?recursive=true&expand=false" if repo else "/api/models?limit=1"
        answer = self._ask(hub + listing, auth=auth, most=LISTING_BYTES, keep=LISTING_BYTES)
        if not self._host(hub, answer):
            return
        self._clock(hub, answer)
        self._quota(hub, answer)
        if token and auth:
            self._whoami(hub, auth)
        files = self._listing(hub, answer, repo)
        if repo is None or files is None:
            return
        if not files:
            return self.say(hub, "files", "note", "the repository has no files: ranges and speed were not tried")
        size, name = max(files)
        self._file(hub, repo.file_url(hub, revision, name), name, size, auth)

    # --- one host ---------------------------------------------------------------------------------

    def _host(self, url: str, answer: Probe) -> bool:
        """Name, connection, certificate. False: nobody answered."""
        place = _place(url)
        if place not in self._met:
            self._met.add(place)
            if answer["proxy"]:
                name = "proxy_https" if url.startswith("https") else "proxy_http"
                self.say(place, "proxy", "ok", f"{answer['proxy']} ({self.config.origins[name]}): it looks the name up and connects")
            else:
                self._names(place, url)
        error = answer["error"]
        if error is not None:
            if isinstance(error, HubjetError):
                _advice.add_network(error, self.config)
            text, _, rest = str(error).partition("\n")
            do = getattr(error, "advice", None) or "see the lines above; docs/doctor.md says more"
            trusted = next((line.split(None, 1)[1] for line in rest.split("\n") if line.strip().startswith("trusted")), "")
            self.say(place, _step_of(error), "problem", text + (f"\ntrusted: {trusted}" if trusted else ""), do)
            return False
        if answer["tls"] and "TLS " + place not in self._met:
            self._met.add("TLS " + place)
            self.say(place, "TLS", "ok", f"{answer['tls']}, signed by {answer['issuer']}, until {answer['until']}")
        return True

    def _names(self, place: str, url: str) -> None:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        families = {"IPv4": socket.AF_INET} if self.config.ipv4_only else {"IPv4": socket.AF_INET, "IPv6": socket.AF_INET6}
        said, addresses, good = [], {}, False
        for name, family in families.items():
            began = time.monotonic()
            try:
                found = within(min(CONNECT_S, max(0.05, self.left())), partial(socket.getaddrinfo, host, port, family, socket.SOCK_STREAM))
                addresses[name] = found[0][4]
                said.append(f"{name} {found[0][4][0]} ({_ms(time.monotonic() - began)})")
                good = True
            except TimeoutError:
                said.append(f"{name}: no answer within {CONNECT_S:.0f} s")
            except OSError as error:
                said.append(f"{name}: {error.strerror or error}")
        if not good:
            self.say(place, "name", "problem", "; ".join(said), f"is {host} spelled right? Else the name server (DNS) of this network is what is wrong")
            return
        slow = any("no answer" in one for one in said)
        self.say(place, "name", "note" if slow else "ok", "; ".join(said), "one family's look-up hangs: set HUBJET_IPV4_ONLY=1 if it is IPv6's" if slow else "")
        works, told = {}, []
        for name, address in addresses.items():
            began = time.monotonic()
            try:
                with socket.socket(families[name], socket.SOCK_STREAM) as s:
                    s.settimeout(min(CONNECT_S, self.left()) or 0.001)
                    s.connect(address)
                works[name] = True
                told.append(f"{name} in {_ms(time.monotonic() - began)}")
            except OSError as error:
                works[name] = False
                told.append(f"{name}: {error.strerror or error}")
        dead6 = works.get("IPv6") is False and works.get("IPv4")
        verdict = "ok" if all(works.values()) else "note" if any(works.values()) else "problem"
        do = "IPv6 is dead here: each new connection loses 0.2 s to it; HUBJET_IPV4_ONLY=1 leaves it out" if dead6 else ""
        if verdict == "problem":
            do = "nobody listens there, or a firewall drops it: is a proxy needed (HTTPS_PROXY)?"
        self.say(place, "connect", verdict, "; ".join(told), do)

    def _clock(self, place: str, answer: Probe) -> None:
        try:
            theirs = parsedate_to_datetime(answer["headers"]["date"]).timestamp()
        except (KeyError, ValueError, TypeError):
            return
        skew = time.time() - theirs
        ahead = f"this computer's clock is {abs(skew):.0f} s {'ahead of' if skew > 0 else 'behind'} the hub's"
        if abs(skew) >= SKEW_PROBLEM_S:
            self.say(place, "clock", "problem", ahead, "set it: signed links and certificates depend on it")
        else:
            self.say(place, "clock", "note" if abs(skew) >= SKEW_NOTE_S else "ok", ahead if abs(skew) >= SKEW_NOTE_S else "agrees with the hub's")

    def _quota(self, place: str, answer: Probe) -> None:
        parts = (part.strip().partition("=") for part in answer["headers"].get("ratelimit", "").split(";"))
        fields = {name: value for name, _, value in parts}
        try:
            left, reset = int(fields["r"]), int(fields["t"])
        except (KeyError, ValueError):
            return
        if left == 0 or answer["status"] == 429:
            self.say(place, "quota", "problem", f"nothing left for {reset} s", "wait, or send a token: known users may ask more")
        else:
            self.say(place, "quota", "ok", f"{left} requests left in the next {reset} s")

    def _auth(self, hub: str, token: Token | str | bool | None, repo: Repo | None) -> str | None:
        if not token:
            return None
        found = Credentials(token, self.config, f"{repo.type}/{repo.id}" if repo else "").first()
        return found.header() if found is not None else None

    def _whoami(self, hub: str, auth: str) -> None:
        answer = self._ask(f"{hub}/api/whoami-v2", auth=auth, most=1 << 20, keep=1 << 20)
        if answer["status"] == 200:
            try:
                name = str(json.loads(answer["body"])["name"])
            except (ValueError, KeyError, TypeError):
                name = "somebody"
            self.say(hub, "token", "ok", f"is {name}'s")
        else:
            self.say(hub, "token", "problem", f"is not accepted (status {answer['status']})", f"make a new one at {hub}/settings/tokens")

    def _listing(self, hub: str, answer: Probe, repo: Repo | None) -> list[tuple[int, str]] | None:
        """(size, name) of each file; None: it was not to be had, and that was said."""
        page = _advice.page_of(answer["body"], answer["headers"].get("content-type", ""))
        if page is not None or answer["status"] == 511:
            title = f"'{page.title}': {page.begins}" if page else "status 511"
            self.say(hub, "answer", "problem", f"a page for people, not the hub: {title}", _advice.PORTAL.format(host=_place(hub)))
            return None
        status = answer["status"]
        if 300 <= status < 400:
            to = urljoin(hub, answer["location"] or "")
            if origin_of(to) != origin_of(hub):
                self.say(hub, "answer", "problem", f"is led to {shown(to)} (status {status})", _advice.PORTAL.format(host=_place(to)))
            else:
                self.say(hub, "answer", "note", f"has moved to {shown(to)}", "use its new name")
            return None
        if status != 200 or (repo is not None and _is_no_list(answer["body"])):
            what = answer["headers"].get("x-error-message") or f"status {status}"
            if repo is None and status in (404, 401, 403):
                self.say(hub, "answer", "ok", f"in {_ms(answer['head_s'])}; name a repository to try its files")
                return None
            do = {401: "is it private, or misspelt? Try --token", 403: "the token, or the network, may not: try --token", 404: "check the name"}
            self.say(hub, "answer", "problem", what, do.get(status, "try again later; if it stays, what stands between answers in place of the hub"))
            return None
        self.say(hub, "answer", "ok", f"HTTP/{answer['http'] / 10:.3g}, in {_ms(answer['head_s'])}")
        if repo is None:
            return None
        listed = json.loads(answer["body"])
        return [(int(one["size"]), str(one["path"])) for one in listed if isinstance(one, dict) and one.get("type") == "file"]

    # --- one file ---------------------------------------------------------------------------------

    def _file(self, hub: str, url: str, name: str, size: int, auth: str | None) -> None:
        answer = self._ask(url, auth=auth, first=0, last=0, keep=4096, most=4096)
        if not self._host(hub, answer):
            return
        if answer["status"] in (401, 403, 404, 429) or answer["status"] >= 500:
            said = answer["headers"].get("x-error-message") or f"status {answer['status']}"
            return self.say(hub, "file", "problem", f"{name}: {said}", "try --token; accept the conditions on the repository's page if it is gated")
        if "x-repo-commit" not in answer["headers"]:
            return self.say(hub, "file", "problem", f"{name}: the answer has no X-Repo-Commit, so it is not the hub's",
                            _advice.PORTAL.format(host=_place(hub)))
        if not answer["location"]:
            self.say(hub, "file", "ok", f"{name}, {_size(size)}, comes from the hub itself")
            return self._ranges(hub, url, size, auth)
        to = urljoin(url, answer["location"])
        place = _place(to)
        self.say(hub, "file", "ok", f"{name}, {_size(size)}, comes from {place}")
        if origin_of(to) != origin_of(hub):
            auth = None
        self._ranges(place, to, size, auth)

    def _ranges(self, place: str, url: str, size: int, auth: str | None) -> None:
        """Is a Range answered, may its URL be used again, how fast is one connection and how fast are four?"""
        most = min(size, SPEED_BYTES)
        if most == 0:
            return
        one = self._ask(url, auth=auth, first=0, last=most - 1, most=most)
        if not self._host(url, one):
            return
        if one["status"] == 200 and size > 1:
            return self.say(place, "ranges", "problem", "a Range is answered by the whole file: one stream only, and no going on after a break",
                            "a proxy or mirror takes the Range away: go around it (no_proxy, HF_ENDPOINT)")
        if one["status"] != 206 or not one["ranged"]:
            return self.say(place, "ranges", "problem", f"a Range is answered with status {one['status']}", "a firewall, or a clock that is wrong")
        quarter = max(1, most // 4)
        starts = [(size - most) + i * quarter for i in range(4)] if size > most else [i * quarter for i in range(4) if i * quarter < most]
        began = time.monotonic()
        four = self._at_once([partial(self._ask, url, auth=auth, first=a, last=min(a + quarter, size) - 1, most=quarter) for a in starts])
        took = time.monotonic() - began
        if any(other["status"] != 206 for other in four):
            self.say(place, "ranges", "note", "each range needs a question to the hub of its own: the signed URL is good for one", "it works, a little slower")
        else:
            self.say(place, "ranges", "ok", "answered, and its URL may be used again")
            speed = sum(other["bytes"] for other in four) / max(took, 1e-6)
            alone = one["bytes"] / max((one["head_s"] or 0) + (one["body_s"] or 0), 1e-6)
            self.say(place, "speed", "ok", f"{alone / 1e6:.1f} MB/s over one connection, {speed / 1e6:.1f} MB/s over {len(starts)}")

    # --- helpers ----------------------------------------------------------------------------------

    def _ask(self, url: str, **how: Any) -> Probe:
        return _native.probe(url, self.limits, seconds=max(0.05, min(STEP_S, self.left() * 0.6)), **how)  # some of it is for what comes after

    def _at_once(self, calls: list[Callable[[], Probe]]) -> list[Probe]:
        answers: list[Probe] = []
        threads = [threading.Thread(target=lambda call: answers.append(call()), args=(call,)) for call in calls]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers


def within(seconds: float, call: Callable[[], Any]) -> Any:
    """call(), or TimeoutError: the name look-up of the system cannot be told to hurry, so it is left to its thread."""
    box: list[Any] = []

    def run() -> None:
        try:
            box.append((call(), None))
        except BaseException as error:
            box.append((None, error))

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(seconds)
    if not box:
        raise TimeoutError
    value, error = box[0]
    if error is not None:
        raise error
    return value


def _is_no_list(body: bytes) -> bool:
    try:
        return not isinstance(json.loads(body), list)
    except ValueError:
        return True


def _step_of(error: BaseException) -> str:
    code = getattr(error, "code", "") or ""
    return "TLS" if code.startswith("TLS") else "proxy" if code.startswith("PROXY") else "answer"


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _ms(seconds: float | None) -> str:
    return f"{(seconds or 0) * 1000:.0f} ms"


def _size(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size} bytes"
