"""A hostile hub, content network or neighbour: a clear error, nothing outside the cache touched, the token nowhere else.

The hub here is tests.server.raw: it says what it is told, byte for byte. Every test ends with a look at the whole tree above the
cache (`outside`): what was there is there, unchanged, and nothing else is.
"""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator

import hubjet
import pytest
from hubjet import _names, _native, _transport
from tests.server.raw import Asked, Raw, as_json, reply

COMMIT = "c0ffee" + "0" * 34
TOKEN = "hf_hostileHubMustNotSeeThisTwice"
CONTENT = b"the content of a small file\n"


def git_sha1(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


def entry(path: Any, content: bytes = CONTENT, **other: Any) -> dict[str, Any]:
    return {"type": "file", "path": path, "size": len(content), "oid": git_sha1(content), **other}


class Hub:
    """One repository, org/name, of a hub that does not behave. Each part may be replaced: a value, or a function of what is asked."""

    def __init__(self) -> None:
        self.origin: Raw
        self.sha: Any = COMMIT
        self.tree: Any = [entry("a.txt")]
        self.file: bytes | Callable[[Asked], bytes | Iterable[bytes]] = good_file()
        self.info: Callable[[Asked], bytes | Iterable[bytes]] = lambda asked: as_json({"sha": self.sha, "siblings": []})
        self.listing: Callable[[Asked], bytes | Iterable[bytes]] = lambda asked: as_json(self.tree)

    def __call__(self, asked: Asked) -> bytes | Iterable[bytes]:
        if "/tree/" in asked.path:
            return self.listing(asked)
        if asked.path.startswith("/api/"):
            return self.info(asked)
        return self.file if isinstance(self.file, bytes) else self.file(asked)


def good_file(content: bytes = CONTENT, headers: Iterable[tuple[str, str]] = (), status: int = 200) -> bytes:
    usual = {"ETag": f'"{git_sha1(content)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
    given = list(headers)
    names = {name.lower() for name, _ in given}
    return reply(content, status, [*given, *((n, v) for n, v in usual.items() if n.lower() not in names)])


def tree_of(folder: Path) -> dict[str, tuple[Any, ...]]:
    """Everything below a folder: kind, size, time, and the target of a link. Links are not followed."""
    seen: dict[str, tuple[Any, ...]] = {}
    for base, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = os.path.join(base, name)
            facts = os.lstat(path)
            is_folder = stat.S_ISDIR(facts.st_mode)
            target = os.readlink(path) if stat.S_ISLNK(facts.st_mode) else ""
            seen[path] = (stat.S_IFMT(facts.st_mode), 0 if is_folder else facts.st_size, 0 if is_folder else facts.st_mtime_ns, target)
    return seen


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder beside the cache that must stay as it is, together with everything else above the cache."""
    victim = tmp_path / "victim"
    (victim / "sub").mkdir(parents=True)
    (victim / "precious.txt").write_text("precious")
    (tmp_path / "home").mkdir(exist_ok=True)
    cache.mkdir()
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("HF_HUB_CACHE", str(cache))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    mine = (str(cache), str(tmp_path / "local"))

    def look() -> dict[str, tuple[Any, ...]]:
        return {path: facts for path, facts in tree_of(tmp_path).items() if not path.startswith(mine)}

    before = look()
    yield victim
    assert look() == before


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    one = Hub()
    with Raw(one) as origin:
        monkeypatch.setenv("HF_ENDPOINT", origin.url)
        one.origin = origin
        yield one


@pytest.fixture
def two_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of six, with seconds between them, and for two seconds instead of two minutes where nothing at all is said."""
    usual = _transport.limits
    monkeypatch.setattr(_transport, "limits", lambda *args, **more: {**usual(*args, **more), "tries": 2, "give_up_ms": 2000})


def published(cache: Path) -> list[str]:
    """Every name that a reader could take for content."""
    repo = cache / "models--org--name"
    found = [p for part in ("blobs", "snapshots", "refs") for p in (repo / part).rglob("*") if p.is_symlink() or not p.is_dir()]
    return sorted(str(path.relative_to(repo)) for path in found)


def refused(kind: type[BaseException], call: Callable[[], Any], *words: str) -> hubjet.HubjetError:
    """The error: exactly of this class (or its twin, where huggingface_hub is loaded), on the caller's screen without control
    characters, and with these words."""
    with pytest.raises(hubjet.HubjetError) as caught:
        call()
    error, text = caught.value, str(caught.value)
    assert isinstance(error, kind) and type(error).__name__ == kind.__name__, f"{type(error).__name__}: {text}"
    assert all(sign.isprintable() or sign == "\n" for sign in text), repr(text)
    assert len(text) < 2000 and TOKEN not in text
    for word in words:
        assert word in text, text
    return error


# --- names ----------------------------------------------------------------------------------------

BAD_NAMES = {
    "../escape.txt": "'..' part",
    "a/../../escape.txt": "'..' part",
    "..": "'..' part",
    ".": "'.' or '..' part",
    "": "an empty",
    "a//b": "an empty",
    "a/": "an empty",
    "/etc/cron.d/x": "absolute",
    "//server/share/x": "absolute",
    "C:/Windows/x": "a drive",
    "c:x": "a drive",
    "a/c:x": "a drive",
    "\\\\server\\share\\x": "name a drive",
    "a\\..\\b": "'..' part",
    "a\\b.txt": "backslash",
    "a\0b": "control character",
    "a\nb": "control character",
    "a\x1b[2Jb": "control character",
    "a\x9b2Jb": "control character",
    "\x7f": "control character",
    ".git/hooks/post-checkout": "'.git'",
    "sub/.GIT/config": "'.git'",
    "x/" * 10_000 + "x": "more than 64 parts",
    "n" * 300: "more than 255",
    "ü" * 150: "more than 255",
    "/".join(["n" * 250] * 20): "longer than 3072 bytes",
    "bad\udcff.txt": "not UTF-8",
}


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:30])
def test_a_bad_name_in_a_listing_is_named_and_nothing_is_written(hub: Hub, cache: Path, name: str) -> None:
    hub.tree = [entry("a.txt"), entry(name)]
    error = refused(
        hubjet.ProtocolError,
        lambda: hubjet.snapshot_download("org/name"),
        "org/name has a file that cannot be written here: ",
        BAD_NAMES[name],
        "nothing of it was fetched or written",
        "ignore_patterns",
    )
    assert error.filename == name and published(cache) == []
    assert hub.origin.asked[-1].path.startswith("/api/"), "no file was asked for"


@pytest.mark.parametrize("name", ["a\\b.txt", "a\nb", "../x", ".git/config", "n" * 300])
def test_the_other_files_can_be_had_without_it(hub: Hub, name: str) -> None:
    hub.tree = [entry("a.txt"), entry(name)]
    folder = Path(hubjet.snapshot_download("org/name", allow_patterns="a.txt"))
    assert [p.name for p in folder.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("name", BAD_NAMES, ids=lambda name: ascii(name)[:30])
def test_a_bad_name_that_was_typed_is_wrong_usage_and_nobody_is_asked(hub: Hub, name: str) -> None:
    error = refused(hubjet.BadName, lambda: hubjet.hf_hub_download("org/name", name))
    assert isinstance(error, ValueError) and hub.origin.asked == []
    refused(hubjet.BadName, lambda: hubjet.hf_hub_download("org/name", name, local_dir="local"))


def test_a_typed_backslash_is_exit_code_2(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    from hubjet._cli.main import main

    for name in ("a\\b.txt", "a\tb"):
        assert main(["download", "org/name", name]) == 2
        assert "Invalid filename" in capsys.readouterr().err


@pytest.mark.parametrize("revision", ["a\nb", "a\\b", "x/" * 100 + "x", "n" * 300, "../../x", ".git/x", "\0"])
def test_a_bad_revision_is_wrong_usage(hub: Hub, revision: str) -> None:
    refused(hubjet.BadName, lambda: hubjet.snapshot_download("org/name", revision=revision), "cannot be a revision")
    assert hub.origin.asked == []


GOOD_NAMES = "con nul.txt aux COM1 trail. .hubjet/record .cache/huggingface/x ~ - $HOME *?<> ...".split() + [" a ", "a .txt ", "é"]


def test_odd_names_that_lead_nowhere_are_files_like_any_other(hub: Hub, cache: Path) -> None:
    """Also names that differ in case only, or in their Unicode form: two files, where the file system can."""
    names = [*GOOD_NAMES, "Case", "cASE", "\u00e9.bin", "e\u0301.bin"]
    content = {name: f"content of {name}\n".encode() for name in names}
    hub.tree = [entry(name, content[name]) for name in names]
    by_url = {f"/org/name/resolve/{COMMIT}/{_names.quote(name, '/')}": name for name in names}
    hub.file = lambda asked: good_file(content[by_url[asked.path]])
    folder = Path(hubjet.snapshot_download("org/name"))
    assert {name: (folder / name).read_bytes() for name in names} == content
    assert not any((cache / "models--org--name" / name).exists() for name in ("record", "con"))


@pytest.mark.parametrize("name", [".cache/huggingface/download/a.txt.metadata", ".CACHE/HuggingFace/.hubjet/record", ".cache/huggingface"])
def test_a_repository_cannot_write_our_notes_in_a_local_dir(hub: Hub, tmp_path: Path, name: str) -> None:
    hub.tree = [entry("a.txt"), entry(name)]
    local = tmp_path / "local"
    words = ".cache/huggingface in this folder is hubjet's own"
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name", local_dir=local), words)
    refused(hubjet.BadName, lambda: hubjet.hf_hub_download("org/name", name, local_dir=local), words)
    assert not local.exists()
    hubjet.snapshot_download("org/name")  # in the cache it is a file like any other


def test_what_is_a_file_and_a_folder_is_neither(hub: Hub, cache: Path) -> None:
    hub.tree = [entry("a/b/c"), entry("x"), entry("a/b")]
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), "'a/b/c'", "'a/b' would be a file and a folder")
    assert published(cache) == []


def test_a_name_twice_in_a_listing_must_mean_the_same(hub: Hub) -> None:
    hub.tree = [entry("a.txt"), entry("a.txt")]
    hubjet.snapshot_download("org/name")
    hub.tree, hub.sha = [entry("a.txt"), entry("a.txt", b"other")], "d" * 40
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name", revision="v2"), "'a.txt' twice")


def test_python_and_c_refuse_the_same_names(tmp_path: Path, cache: Path) -> None:
    repo = cache / "models--org--name"
    etag = git_sha1(CONTENT)
    for name in [*BAD_NAMES, *GOOD_NAMES]:
        if "\0" in name or "\udcff" in name:
            continue  # no text for C
        if _names.fault_of(name):
            with pytest.raises(hubjet.StorageError) as caught:
                _native.link_snapshot(str(repo), COMMIT, name, etag, True)
            assert caught.value.code == "NAME", name
        else:
            assert _native.link_snapshot(str(repo), COMMIT, name, etag, True) is None, f"no such blob, but a good name: {name}"


# --- redirects ------------------------------------------------------------------------------------

INSIDE = """\
127.0.0.1 2130706433 0x7f000001 0x7f.1 127.1 0177.0.0.1 localhost a.localhost 0.0.0.0 [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [::]
10.0.0.1 169.254.169.254 [fe80::1] [fd00:ec2::254] 100.100.100.200 metadata.evil.test
""".split()

NETWORK = """
import json, os, subprocess
hosts = os.environ["HOSTS_FILE"]
for line in ("ip link set lo up", "ip addr add 203.0.113.7/32 dev lo", "ip addr add 10.0.0.1/32 dev lo", "ip addr add 169.254.169.254/32 dev lo",
             "ip addr add 100.100.100.200/32 dev lo", "ip addr add 203.0.113.8/32 dev lo",
             f"mount --bind {hosts} /etc/hosts"):
    subprocess.run(line.split(), check=True)
import hubjet
from tests.server.raw import Raw, as_json, reply
from tests.py.test_hostile import COMMIT, CONTENT, INSIDE, entry, git_sha1, good_file
os.environ["HF_TOKEN"] = "hf_x"
result = {"errors": {}, "reached": []}
port = 0
where = ""

def hub(asked):
    if "/api/" in asked.path:
        return as_json({"sha": COMMIT} if "/revision/" in asked.path else [entry("a.txt")])
    return reply(b"", 302, [("Location", f"http://{where}:{port}/secret"), ("X-Repo-Commit", COMMIT), ("X-Linked-Etag", git_sha1(CONTENT))])

def victim(asked):
    result["reached"].append(asked.text)
    return good_file()

with Raw(hub, bind="203.0.113.7", host="203.0.113.7") as public, Raw(hub, bind="127.0.0.1") as private, Raw(victim, bind="0.0.0.0") as inside:
    port = inside.port
    for where in INSIDE:
        os.environ["HF_ENDPOINT"] = public.url
        try:
            hubjet.hf_hub_download("org/name", "a.txt", token=False)
            result["errors"][where] = "none"
        except hubjet.HubjetError as error:
            result["errors"][where] = f"{type(error).__name__} {error.code}: {error}"
    result["tries"] = len(public.asked)
    result["before"] = len(result["reached"])
    where = "203.0.113.8"                                   # another host of the public network
    hubjet.hf_hub_download("org/name", "a.txt", force_download=True)
    os.environ["HF_ENDPOINT"] = private.url                 # who is inside may send us anywhere
    for where in ("10.0.0.1", "203.0.113.8"):
        hubjet.hf_hub_download("org/name", "a.txt", force_download=True)
    os.environ["HF_ENDPOINT"] = f"http://hub.corp.test:{private.port}"   # a name whose address is inside
    where = "10.0.0.1"
    hubjet.hf_hub_download("org/name", "a.txt", force_download=True, token=False)
    result["after"] = len(result["reached"])
    os.environ["HF_ENDPOINT"] = public.url                  # a public name, a cache of the house's behind it: split DNS
    os.environ["HUBJET_PRIVATE_REDIRECTS"] = "1"
    for where in ("10.0.0.1", "localhost"):
        hubjet.hf_hub_download("org/name", "a.txt", force_download=True)
    result["asked for"] = len(result["reached"]) - result["after"]
"""


def test_a_public_host_sends_nobody_into_a_private_network(tmp_path: Path) -> None:
    """By the address a name has in the end, however it is written. In a network of its own, where 203.0.113.7 is public."""
    import subprocess
    import sys

    if subprocess.run(["unshare", "-n", "-m", "true"], capture_output=True).returncode:
        pytest.skip("may not make a network of its own (needs root)")
    local = tmp_path / "local"  # not looked at by `outside`
    local.mkdir()
    hosts = "127.0.0.1 localhost a.localhost hub.corp.test\n169.254.169.254 metadata.evil.test\n"
    (local / "hosts").write_text(hosts)
    script = NETWORK + "\nprint(json.dumps(result))\n"
    env = {**os.environ, "HOSTS_FILE": str(local / "hosts"), "PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run(["unshare", "-n", "-m", sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=100)
    assert run.returncode == 0, run.stderr
    import json

    seen = json.loads(run.stdout.splitlines()[-1])
    assert {where: text[:22] for where, text in seen["errors"].items()} == {where: "ProtocolError REDIRECT" for where in INSIDE}
    assert all("private network" in text and text.count("HUBJET_PRIVATE_REDIRECTS=1") == 1 for text in seen["errors"].values())
    assert seen["tries"] == len(INSIDE), "asked once, and not again"
    assert (seen["before"], seen["after"]) == (0, 4), "nobody inside was asked, and those who may be, were"
    assert seen["asked for"] == 2, "who says that it may be so is led there"
    assert "uthorization" not in "".join(seen["reached"])


@pytest.mark.parametrize(
    "to",
    """file:///etc/passwd gopher://127.0.0.1:6379/_FLUSHALL ftp://127.0.0.1/x data:text/plain,hello javascript:1 ldap://127.0.0.1/
    dict://127.0.0.1:11211/stat telnet://127.0.0.1:23/ http: //[ http:///x http://user:s3cret@127.0.0.1/ http://127.0.0.1:99999/
    http://127.0.0.1:0/ http://[zz]/ http://a%2fb/ http://exa%00mple/ http://a\x01b/ http://[::1 ///""".split(),
)
def test_a_redirect_to_what_is_no_web_address_is_refused(hub: Hub, cache: Path, to: str) -> None:
    hub.file = lambda asked: reply(b"", 302, [("Location", to), ("X-Repo-Commit", COMMIT)])
    error = refused(hubjet.ProtocolError, lambda: hubjet.hf_hub_download("org/name", "a.txt"))
    assert error.code == "REDIRECT" and published(cache) == [] and "s3cret" not in str(error)
    assert len(hub.origin.asked) == 1, "it is not asked again"


def test_redirects_in_a_circle_end_after_ten(hub: Hub, cache: Path) -> None:
    hub.file = lambda asked: reply(b"", 302, [("Location", asked.path)])
    error = refused(hubjet.ProtocolError, lambda: hubjet.hf_hub_download("org/name", "a.txt"), "more than 10 redirects")
    assert error.code == "REDIRECT" and len(hub.origin.asked) == 11


def test_a_chain_of_redirects_over_other_hosts_ends_too_and_shows_nobody_the_token(hub: Hub) -> None:
    hops: list[Asked] = []

    def on(asked: Asked) -> bytes:
        hops.append(asked)
        return reply(b"", 307, [("Location", f"{other.url}/{len(hops)}")])

    with Raw(on) as other:
        hub.file = on
        refused(hubjet.ProtocolError, lambda: hubjet.hf_hub_download("org/name", "a.txt", token=TOKEN), "more than 10 redirects")
        assert len(hops) == 11 and all(("authorization" in asked.headers) == (asked.headers["host"] != f"127.0.0.1:{other.port}") for asked in hops)


@pytest.mark.usefixtures("two_tries")
@pytest.mark.parametrize("code", [302, 308])
def test_a_redirect_without_an_address_is_an_error(hub: Hub, code: int) -> None:
    hub.file = reply(b"", code)
    refused(hubjet.ProtocolError, lambda: hubjet.hf_hub_download("org/name", "a.txt"), f"status {code} and no Location")


@pytest.mark.parametrize(
    "link, words",
    [
        ("https://evil.example/api/models/org/name/tree/x?cursor=2", "on another host"),
        ("//evil.example/x", "on another host"),
        ("file:///etc/passwd", "on another host"),
        ("http://[", "is no address"),
        ("http://127.0.0.1:99999999/", "is no address"),
        ("?recursive=true&expand=false", "in circles"),
        ("https://huggingface.co.evil.example/", "on another host"),
        ("https://huggingface.co@evil.example/", "on another host"),
    ],
)
def test_the_next_page_of_a_listing_is_on_the_hub_or_not_asked(hub: Hub, cache: Path, link: str, words: str) -> None:
    hub.listing = lambda asked: as_json(hub.tree, headers=[("Link", f'<{link}>; rel="next"')])
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), words)
    assert len(hub.origin.asked) == 2 and published(cache) == []


def test_a_listing_of_empty_pages_ends(hub: Hub) -> None:
    hub.listing = lambda asked: as_json([], headers=[("Link", f'<?cursor={len(hub.origin.asked)}>; rel="next"')])
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), "is empty, and another one follows")
    assert len(hub.origin.asked) <= 4


# --- JSON -----------------------------------------------------------------------------------------

NO_LISTING: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not JSON"),
    "html": (b"<html>log in</html>", "without a title: <html>log in</html>"),
    "not UTF-8": (b'["\xff\xfe\xfd"]', "is not JSON"),
    "deep": (b"[" * 100_000, "is not JSON"),
    "deep and closed": (b"[" * 100_000 + b"]" * 100_000, "is not JSON"),
    "deep objects": (b'{"a":' * 100_000, "is not JSON"),
    "a long number": (b"[" + b"9" * 100_000 + b"]", "is not JSON"),
    "an object": (b"{}", "is no list"),
    "null": (b"null", "is no list"),
    "a number": (b"1e999", "is no list"),
    "a list of nulls": (b"[null]", "no path, size or oid"),
    "of lists": (b"[[]]", "no path, size or oid"),
    "ten million": (b"[" + b"{}," * 10_000_000 + b"{}]", "more than 4000000 values"),
    "ten million numbers": (b"[" + b"1," * 10_000_000 + b"1]", "more than 4000000 values"),
}


@pytest.mark.parametrize("what", NO_LISTING)
def test_what_is_no_listing_is_an_error(hub: Hub, cache: Path, what: str) -> None:
    body, words = NO_LISTING[what]
    hub.listing = lambda asked: reply(body)
    headline = "a page for people answered" if what == "html" else "does not answer like a hub"  # a portal's, most likely
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), headline, words)
    assert published(cache) == []


ODD_VALUES: list[Any] = [None, True, -1, 1.5, float("nan"), float("inf"), 1 << 63, (1 << 64) + 5, 10**400, "1", [], [1], {}, {"a": 1}]


@pytest.mark.usefixtures("two_tries")
@pytest.mark.parametrize("field", ["size", "path", "oid", "lfs", "lfs.oid", "lfs.size", "xetHash"])
@pytest.mark.parametrize("value", ODD_VALUES, ids=lambda value: ascii(value)[:12])
def test_a_value_of_the_wrong_type_is_refused_or_harmless(hub: Hub, cache: Path, field: str, value: Any) -> None:
    one = entry("a.txt")
    if field.startswith("lfs."):
        one["lfs"] = {"oid": hashlib.sha256(CONTENT).hexdigest(), "size": len(CONTENT), field[4:]: value}
        hub.file = good_file(headers=[("X-Linked-Etag", f'"{hashlib.sha256(CONTENT).hexdigest()}"')])
    else:
        one[field] = value
    hub.tree = [one]
    try:
        folder = Path(hubjet.snapshot_download("org/name"))
        assert [(p.name, p.read_bytes()) for p in folder.iterdir()] == [("1" if field == "path" else "a.txt", CONTENT)]
    except (hubjet.ProtocolError, hubjet.IntegrityError) as error:
        assert published(cache) == [] and "a.txt" in str(error) or "an entry of the file list" in str(error)
    except hubjet.StorageError as error:
        assert error.errno == 28 and field == "size"


def test_keys_that_come_twice_mean_the_last_one_and_the_digest_decides(hub: Hub, cache: Path) -> None:
    good, bad = git_sha1(CONTENT), git_sha1(b"evil")
    size = len(CONTENT)
    line = '[{"type":"file","path":"../x","path":"a.txt","size":1,"size":%d,"oid":"%s","oid":"%s"}]'
    hub.listing = lambda asked: reply(line % (size, bad, good))
    assert (Path(hubjet.snapshot_download("org/name")) / "a.txt").read_bytes() == CONTENT
    hub.sha, hub.listing = "d" * 40, lambda asked: reply(line % (size, good, bad))
    refused(hubjet.IntegrityError, lambda: hubjet.snapshot_download("org/name"), "a.txt")


@pytest.mark.parametrize("sha", [*ODD_VALUES, "", "main", "C" * 40, "c" * 39, "c" * 41, "../" * 13 + "c", "c" * 64, "c" * 39 + "\n"], ids=lambda v: ascii(v)[:12])
def test_a_commit_that_is_none_is_refused(hub: Hub, cache: Path, sha: Any) -> None:
    hub.sha = sha
    refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), "the answer has no commit in 'sha'")
    assert published(cache) == []


def test_an_answer_of_a_gigabyte_is_not_read(hub: Hub) -> None:
    sent = 0

    def gigabyte(asked: Asked) -> Iterable[bytes]:
        nonlocal sent
        yield reply(b"", headers=[("Content-Length", str(1 << 30))])
        for _ in range(1 << 10):
            yield b" " * (1 << 20)
            sent += 1

    def endless(asked: Asked) -> Iterable[bytes]:
        nonlocal sent
        yield reply(b"", headers=[("Transfer-Encoding", "chunked"), ("Content-Length", "")]).replace(b"Content-Length: \r\n", b"")
        for _ in range(1 << 10):
            yield b"100000\r\n" + b" " * (1 << 20) + b"\r\n"
            sent += 1

    hub.listing = gigabyte
    error = refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name"), "1073741824 bytes, at most 67108864 are read")
    assert error.code == "TOOBIG" and sent < 20
    sent, hub.listing = 0, endless
    assert refused(hubjet.ProtocolError, lambda: hubjet.snapshot_download("org/name")).code == "TOOBIG"
    assert sent < 100


# --- heads ----------------------------------------------------------------------------------------

SHA256 = hashlib.sha256(CONTENT).hexdigest()
NO_ETAGS = ["", "x", "main", git_sha1(CONTENT).upper(), "c" * 39, "c" * 41, "c" * 63, "c" * 65, "../" * 13 + "c", "a/" * 20, "..", ".", "/" * 40,
            "c" * 10_000, "ü" * 20, "c" * 39 + "\\", "g" * 40, "c" * 38 + "%2", "con" + "c" * 36 + "."]


@pytest.mark.usefixtures("two_tries")
@pytest.mark.parametrize("etag", NO_ETAGS, ids=lambda etag: ascii(etag)[:16])
@pytest.mark.parametrize("header", ["ETag", "X-Linked-Etag"])
def test_an_etag_that_is_no_digest_names_no_blob(hub: Hub, cache: Path, header: str, etag: str) -> None:
    for written in (f'"{etag}"', f'W/"{etag}"', etag):
        hub.file = good_file(headers=[(header, written)])
        error = refused(hubjet.ProtocolError, lambda: hubjet.hf_hub_download("org/name", "a.txt"))
        assert error.code in ("PROTOCOL", "TOOBIG") and ("etag" in str(error) or "header value" in str(error))
        assert published(cache) == []
        if error.code == "PROTOCOL":
            break  # each is asked six times


@pytest.mark.usefixtures("two_tries")
@pytest.mark.parametrize("commit", ["", "main", "C0FFEE" + "0" * 34, "c" * 39, "c" * 41, "c" * 64, "../" * 13 + "c", "c" * 10_000, "../../x"],
                         ids=lambda commit: commit[:16])
def test_a_commit_in_a_head_that_is_none_makes_no_folder(hub: Hub, cache: Path, commit: str) -> None:
    hub.file = good_file(headers=[("X-Repo-Commit", commit)])
    refused(hubjet.ProtocolError, lambda: hubjet.hf_hub_download("org/name", "a.txt"))
    assert not (cache / "models--org--name" / "snapshots").exists()


LENGTHS = {
    "negative": [("Content-Length", "-1")],
    "2^63": [("Content-Length", str(1 << 63))],
    "2^64+5": [("Content-Length", str((1 << 64) + 5))],
    "a word": [("Content-Length", "many")],
    "hex": [("Content-Length", "0x1c")],
    "two that differ": [("Content-Length", str(len(CONTENT))), ("Content-Length", str(len(CONTENT) + 1))],
    "a list that differs": [("Content-Length", f"{len(CONTENT)}, {len(CONTENT) + 1}")],
    "too long": [("Content-Length", str(len(CONTENT) + 1))],
    "too short": [("Content-Length", str(len(CONTENT) - 1))],
    "none at all": [("Content-Length", "0")],
    "no chunks": [("Transfer-Encoding", "chunked"), ("Content-Length", str(len(CONTENT)))],
    "linked: a word": [("X-Linked-Size", "many")],
    "linked: negative": [("X-Linked-Size", "-5")],
    "linked: 2^64+5": [("X-Linked-Size", str((1 << 64) + 5))],
    "linked: 2^64-1": [("X-Linked-Size", str((1 << 64) - 1))],
    "linked: a lie": [("X-Linked-Size", "7")],
    "linked etag: a lie": [("X-Linked-Etag", "d" * 64)],
    "range: a lie": [("Content-Range", "bytes 0-9/10")],
    "gzip": [("Content-Encoding", "gzip")],
    "br": [("Content-Encoding", "br")],
    "zstd": [("Content-Encoding", "zstd")],
    "twice encoded": [("Content-Encoding", "gzip, gzip, gzip")],
    "an unknown encoding": [("Transfer-Encoding", "gzip, chunked")],
}


@pytest.mark.usefixtures("two_tries")
@pytest.mark.parametrize("what", LENGTHS)
def test_a_head_that_lies_about_its_body_is_error_or_perfect(hub: Hub, cache: Path, what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.file = good_file(headers=LENGTHS[what])
    try:
        path = Path(hubjet.hf_hub_download("org/name", "a.txt"))
    except (hubjet.ProtocolError, hubjet.IntegrityError, hubjet.NetworkError) as error:
        assert published(cache) == [] and len(str(error)) < 1000
    else:
        assert path.read_bytes() == CONTENT
    hub.file = good_file()
    assert Path(hubjet.hf_hub_download("org/name", "a.txt")).read_bytes() == CONTENT, "the next good try succeeds"


def chunked(*chunks: bytes, status: bytes = b"HTTP/1.1 200 OK", etag: str = git_sha1(CONTENT)) -> bytes:
    head = [status, b"Transfer-Encoding: chunked", b'ETag: "%s"' % etag.encode(), b"X-Repo-Commit: " + COMMIT.encode(), b"Connection: close"]
    return b"\r\n".join(head) + b"\r\n\r\n" + b"".join(chunks)


CHUNK = b"%x\r\n%s\r\n" % (len(CONTENT), CONTENT)
BODIES: dict[str, bytes] = {
    "a good one": chunked(CHUNK, b"0\r\n\r\n"),
    "no last chunk": chunked(CHUNK),
    "a negative chunk": chunked(b"-5\r\nhello\r\n0\r\n\r\n"),
    "a chunk of 2^64": chunked(b"10000000000000000\r\nhello"),
    "a chunk of 2^63": chunked(b"8000000000000000\r\nhello"),
    "no number": chunked(b"zz\r\nhello\r\n0\r\n\r\n"),
    "an endless extension": chunked(b"5;" + b"x" * (8 << 20)),
    "a million empty lines": chunked(b"\r\n" * 1_000_000),
    "trailers that lie": chunked(CHUNK, b'0\r\nETag: "' + b"d" * 40 + b'"\r\nContent-Length: 5\r\nHTTP/1.1 500 no\r\nLocation: file:///x\r\n\r\n'),
    "endless trailers": chunked(CHUNK, b"0\r\n", b"X-Trailer: y\r\n" * 1_000_000),
    "a million tiny chunks": chunked(b"1\r\na\r\n" * 1_000_000, b"0\r\n\r\n"),
    "a header of 1 MB": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * (1 << 20) + b"\r\n\r\n",
    "10,000 headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(10_000)) + b"\r\n",
    "endless headers": b"HTTP/1.1 200 OK\r\n" + b"X-More: of the same\r\n" * 1_000_000,
    "endless 100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" * 200_000,
    "endless early hints": b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" * 100_000,
    "a NUL in a header": reply(CONTENT, headers=[("X-Repo-Commit", COMMIT), ("ETag", "a\0b")]),
    "a folded header": b"HTTP/1.1 200 OK\r\nETag:\r\n \"" + git_sha1(CONTENT).encode() + b"\"\r\nContent-Length: 5\r\n\r\nhello",
    "no head": CONTENT,
    "HTTP/0.9": b"hello\r\n",
    "HTTP/7.5": b"HTTP/7.5 200 OK\r\n\r\nhello",
    "a status of 99": b"HTTP/1.1 99 x\r\n\r\n",
    "a status of 1000": b"HTTP/1.1 1000 x\r\nContent-Length: 0\r\n\r\n",
    "a negative status": b"HTTP/1.1 -200 x\r\n\r\n",
    "101 Switching": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\nhello",
    "204": b"HTTP/1.1 204 No Content\r\n\r\n",
    "206 unasked": good_file(status=206),
    "304": good_file(b"", status=304),
    "nothing": b"",
    "TLS": bytes.fromhex("16030100050100000100"),
    "zeros": b"\0" * 1_000_000,
    "a gzip bomb": chunked(b"%x\r\n" % (1 << 20) + b"\x1f\x8b\x08" + b"\0" * ((1 << 20) - 3) + b"\r\n0\r\n\r\n").replace(
        b"Connection", b"Content-Encoding: gzip\r\nConnection"),
    "more than it says": good_file() + b"and more, unasked" * 1000,
}


@pytest.mark.usefixtures("two_tries")
@pytest.mark.parametrize("what", BODIES)
@pytest.mark.parametrize("where", ["file", "listing"])
def test_any_bytes_in_the_place_of_an_answer_are_error_or_perfect(hub: Hub, cache: Path, what: str, where: str) -> None:
    def odd(asked: Asked) -> bytes:
        return BODIES[what]

    peak = _peak()
    if where == "file":
        hub.file = odd
    else:
        hub.listing = odd
    try:
        folder = Path(hubjet.snapshot_download("org/name"))
    except hubjet.HubjetError as error:
        assert published(cache) == [] and len(str(error)) < 1500
        assert all(sign.isprintable() or sign == "\n" for sign in str(error)), repr(str(error))
        assert isinstance(error, hubjet.NetworkError | hubjet.IntegrityError), repr(error)
    else:
        assert (folder / "a.txt").read_bytes() == CONTENT
    assert _peak() - peak < 96 << 20, "memory"
    hub.file, hub.listing = good_file(), lambda asked: as_json(hub.tree)
    assert (Path(hubjet.snapshot_download("org/name")) / "a.txt").read_bytes() == CONTENT, "the next good try succeeds"


def _peak() -> int:
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss << 10


# --- what others put into the cache ---------------------------------------------------------------

STRANGER = 54321
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a link that belongs to somebody else")
FOLDERS = "blobs snapshots refs trees .hubjet .hubjet/partial .hubjet/tmp .hubjet/record .hubjet/whole ../.locks ../.locks/models--org--name".split()


def plant(link: Path, target: Path, owner: int = STRANGER) -> None:
    link.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(target, link)
    os.lchown(link, owner, owner)


@AS_ROOT
@pytest.mark.parametrize("where", [*FOLDERS, f"snapshots/{COMMIT}", f"snapshots/{COMMIT}/sub"])
@pytest.mark.parametrize("call", ["hf_hub_download", "snapshot_download"])
def test_a_strangers_link_in_the_cache_is_not_followed(hub: Hub, cache: Path, outside: Path, where: str, call: str) -> None:
    hub.tree = [entry("sub/a.txt")]
    link = cache / "models--org--name" / where
    plant(link, outside / "sub")
    try:
        path = hubjet.hf_hub_download("org/name", "sub/a.txt") if call == "hf_hub_download" else hubjet.snapshot_download("org/name")
    except hubjet.StorageError as error:
        assert "is a symbolic link of another user (54321): it is not followed" in str(error) or "is in the way: it is not a folder" in str(error)
    else:
        assert where in ("refs", "trees", ".hubjet/record"), f"{path}: only what saves time may be left out"
    assert link.is_symlink() and list((outside / "sub").iterdir()) == []
    link.unlink()
    hubjet.snapshot_download("org/name")


@AS_ROOT
def test_a_link_of_ones_own_is_followed(hub: Hub, cache: Path, tmp_path: Path) -> None:
    """A cache whose bytes were moved to another disk."""
    disk = tmp_path / "local"  # not looked at by `outside`
    disk.mkdir()
    plant(cache / "models--org--name" / "blobs", disk, os.geteuid())
    assert Path(hubjet.hf_hub_download("org/name", "a.txt")).read_bytes() == CONTENT
    assert len(list(disk.iterdir())) == 1


@AS_ROOT
@pytest.mark.parametrize("where", ["sub", ".cache", ".cache/huggingface", ".cache/huggingface/.hubjet", ".cache/huggingface/download"])
@pytest.mark.parametrize("call", ["hf_hub_download", "snapshot_download"])
def test_a_strangers_link_in_a_local_dir_is_not_followed(hub: Hub, tmp_path: Path, outside: Path, where: str, call: str) -> None:
    hub.tree = [entry("sub/a.txt")]
    local = tmp_path / "local"
    plant(local / where, outside / "sub")
    with pytest.raises(hubjet.StorageError, match="another user"):
        if call == "hf_hub_download":
            hubjet.hf_hub_download("org/name", "sub/a.txt", local_dir=local)
        else:
            hubjet.snapshot_download("org/name", local_dir=local)
    assert list((outside / "sub").iterdir()) == []


@pytest.mark.parametrize("what", ["../../x", "../" * 12 + "x", "main", "", "\n", COMMIT[:39], COMMIT.upper(), COMMIT + "/..", "x" * (1 << 20), "\udcff" * 40, "folder", "pipe", "loop"])
def test_a_ref_that_is_no_commit_is_no_ref(hub: Hub, cache: Path, what: str) -> None:
    ref = cache / "models--org--name" / "refs" / "main"
    ref.parent.mkdir(parents=True)
    if what == "folder":
        ref.mkdir()
    elif what == "pipe":
        os.mkfifo(ref)
    elif what == "loop":
        ref.symlink_to("main")
    else:
        ref.write_text(what, errors="surrogateescape")
    with pytest.raises(hubjet.LocalEntryNotFound):
        hubjet.hf_hub_download("org/name", "a.txt", local_files_only=True)
    assert Path(hubjet.hf_hub_download("org/name", "a.txt")).read_bytes() == CONTENT


@pytest.mark.parametrize("what", ["pipe", "garbage", "zeros", "folder", "stranger's"])
@pytest.mark.parametrize("where", [".hubjet/record", f"trees/{COMMIT}.json", ".hubjet/whole", ".hubjet/partial", ".hubjet/tmp", f".hubjet/whole/{COMMIT}"])
def test_notes_that_are_none_cost_time_and_nothing_else(hub: Hub, cache: Path, where: str, what: str) -> None:
    note = cache / "models--org--name" / where
    note.parent.mkdir(parents=True)
    if what == "pipe":
        os.mkfifo(note)
    elif what == "folder":
        note.mkdir()
    else:
        note.write_bytes({"garbage": b"../../x 1 2 3\n" * 1000 + b"\xff" * 1000, "zeros": b"\0" * 100_000, "stranger's": b"end 0\n"}[what])
        if what == "stranger's" and os.geteuid() == 0:
            os.chown(note, STRANGER, STRANGER)
    for _ in range(2):
        try:
            assert (Path(hubjet.snapshot_download("org/name")) / "a.txt").read_bytes() == CONTENT
        except hubjet.StorageError as error:
            assert where in (".hubjet/partial", ".hubjet/tmp") and note.name in str(error), error
