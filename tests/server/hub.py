"""Hub: the API and the resolve routes of the Hugging Face Hub, as far as downloads go.

Use:        `Hub(...).answer(Incoming) -> Answer`; World puts it behind an Origin.
            Options (attributes, may be set at any time):
              page_size=1000, expand_page_size=50   entries of a tree page
              linked_on_307=False                   X-Linked-Etag and -Size on a small file's redirect too
              small_directly=False                  a small file is answered where it is asked, as until 2025 (clients of then know no other)
              bare_401=False                        no X-Error-Code on anonymous 401s
              modelscope_id=None                    the commit a listing of ModelScope names; "" = none
              registry={...}                        what /api/agent-harnesses answers
              xet_cas=False                         hf_xet finds a store (xet.py); else the token route says 404
Threads:    any; it reads the repos and counts quotas.
Promise:    wire facts as recorded from the real Hub: small files of public `org/name` repos by 307 to resolve-cache;
            private, gated, namespace-less and empty ones directly; LFS by 302 to the other origin; Xet the same with
            X-Xet-Hash. Metadata of a gated repo is open (Xet hashes starred out), its files are not.
Not here:   uploads, search, HTML pages.
"""

from __future__ import annotations

import json
import re
import uuid
from typing import Any, Callable, Iterable
from urllib.parse import quote, unquote

from tests.server import modelscope, xet
from tests.server.access import BODY, METADATA, Denial, Quotas, Token, Tokens, denial
from tests.server.answer import Answer, Headers, etag_matches
from tests.server.origin import Incoming
from tests.server.repos import Commit, File, Repo

TYPES = {"models": "model", "datasets": "dataset", "spaces": "space", "kernels": "kernel"}
API_VERBS = {"revision", "tree", "paths-info", "auth-check", "refs", "xet-read-token", "commits"}
JSON = ("Content-Type", "application/json; charset=utf-8")
TEXT = ("Content-Type", "text/plain; charset=utf-8")

# (file, names, range of the request) -> where its bytes are
SignLink = Callable[[File, tuple[str, ...], "str | None"], str]


class Refused(Exception):
    """Raised with the answer to give."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer


class Hub:
    def __init__(self, tokens: Tokens, quotas: Quotas, sign: SignLink) -> None:
        self.tokens = tokens
        self.quotas = quotas
        self.sign = sign
        self.repos: dict[tuple[str, str], Repo] = {}
        self.moved: dict[tuple[str, str], str] = {}
        self.endpoint = ""  # set once the port is known
        self.page_size = 1000
        self.expand_page_size = 50
        self.linked_on_307 = False
        self.small_directly = False
        self.modelscope_id: str | None = None
        self.bare_401 = False
        self.xet_cas = False
        self.registry: dict[str, Any] = {"standardEnvVars": ["AI_AGENT", "AGENT"], "harnesses": {}}

    # Routing ---------------------------------------------------------------------------------------

    def answer(self, request: Incoming) -> Answer:
        segments = request.path.strip("/").split("/")
        token = self.tokens.find(request.headers.get("authorization"))
        bucket = "api" if segments[0] == "api" and segments[1:2] != ["resolve-cache"] else "resolvers"
        may_pass, limits = self.quotas.count(bucket, token)
        try:
            if not may_pass:
                raise Refused(too_many(limits))
            if self.xet_cas and (segments[0] == "cas" or segments == xet.TELEMETRY):
                return xet.answer(self, request, segments)
            if request.method not in ("GET", "HEAD") and not (request.method == "POST" and "paths-info" in segments):
                raise Refused(error(405, None, "Method not allowed"))
            is_api = segments[0] == "api"
            if segments[:3] == ["api", "v1", "models"]:
                return modelscope.answer(self, request, segments[3:])
            answer = self.api(request, token, segments[1:]) if is_api else self.page(request, token, segments)
        except Refused as refused:
            answer = refused.answer
        answer.headers += [*limits, ("X-Request-Id", f"Root=1-{uuid.uuid4()}")]
        return answer

    def page(self, request: Incoming, token: Token | None, segments: list[str]) -> Answer:
        """/[datasets/]{id}/{resolve|raw}/{rev}/{path}"""
        plural = segments[0] if segments[0] in TYPES and segments[0] != "models" else "models"
        rest = segments[1:] if plural != "models" else segments
        at = next((n for n in (2, 1) if rest[n : n + 1] in (["resolve"], ["raw"])), None)
        if at is None or len(rest) < at + 3:
            return error(404, None, "Not found")
        repo = self.repo(request, token, plural, "/".join(rest[:at]), BODY)
        revision, parts = split_revision(rest[at + 1 :])
        path = unquote("/".join(parts))
        names = (path, f"{repo.id}/{path}")
        commit = self.commit(repo, revision, names)
        file = self.file(commit, path, names)
        answer = self.raw(file) if rest[at] == "raw" else self.resolve(request, repo, commit, file)
        answer.headers.append(("X-Repo-Commit", commit.id))
        answer.names = names
        return answer

    def api(self, request: Incoming, token: Token | None, segments: list[str]) -> Answer:
        if segments == ["whoami-v2"]:
            return self.whoami(request, token)
        if segments == ["agent-harnesses"]:
            return as_json(self.registry)
        if segments[:1] == ["telemetry"]:
            return Answer(200)
        if segments[:1] == ["resolve-cache"]:
            return self.resolve_cache(request, token, segments[1:])
        if len(segments) < 2 or segments[0] not in TYPES:
            return error(404, None, "Sorry, we can't find the page you are looking for.")
        plural, rest = segments[0], segments[1:]
        at = next((n for n in (2, 1) if rest[n : n + 1] and rest[n] in API_VERBS), len(rest))
        verb, arguments = (rest[at], rest[at + 1 :]) if at < len(rest) else ("", [])
        wants = BODY if verb == "auth-check" else METADATA
        repo = self.repo(request, token, plural, unquote("/".join(rest[:at])), wants)
        if verb == "auth-check":
            return self.auth_check(repo, token, arguments)
        if verb == "refs":
            return as_json(refs_of(repo, with_pulls="include_prs" in request.args))
        if verb == "xet-read-token" and self.xet_cas:
            return xet.token(self)
        if verb == "xet-read-token" or verb == "commits":
            return error(404, None, "Not found")
        revision, parts = split_revision(arguments) if arguments else ("main", [])
        commit = self.commit(repo, revision, ())
        if verb == "tree":
            return self.tree(request, repo, commit, unquote("/".join(parts)), self.may_see_hashes(repo, token))
        if verb == "paths-info":
            return self.paths_info(request, repo, commit, self.may_see_hashes(repo, token))
        return as_json(info_of(repo, commit, request.args))

    def repo(self, request: Incoming, token: Token | None, plural: str, id: str, wants: str) -> Repo:
        repo = self.repos.get((plural, id))
        new_id = self.moved.get((plural, id))
        if repo is None and new_id is not None:
            to = request.path.replace("/" + id, "/" + new_id, 1) + ("?" + request.query if request.query else "")
            raise Refused(redirect(307, request.prefix + to))
        refusal = denial(repo, token, "authorization" in request.headers, wants, self.bare_401)
        if refusal is not None:
            raise Refused(denied(refusal))
        assert repo is not None
        return repo

    def commit(self, repo: Repo, revision: str, names: tuple[str, ...]) -> Commit:
        commit = repo.find(revision)
        if commit is None:
            raise Refused(error(404, "RevisionNotFound", f"Invalid rev id: {revision}", names))
        return commit

    def file(self, commit: Commit, path: str, names: tuple[str, ...]) -> File:
        file = commit.files.get(path)
        if file is None:
            answer = error(404, "EntryNotFound", "Entry not found", names)
            answer.headers.append(("X-Repo-Commit", commit.id))
            raise Refused(answer)
        return file

    def may_see_hashes(self, repo: Repo, token: Token | None) -> bool:
        return denial(repo, token, token is not None, BODY) is None

    # Files -----------------------------------------------------------------------------------------

    def resolve(self, request: Incoming, repo: Repo, commit: Commit, file: File) -> Answer:
        etag = f'"{file.etag}"'
        if etag_matches(request.headers.get("if-none-match"), etag):
            return Answer(304, [("ETag", etag)])
        if file.lfs:
            return self.resolve_lfs(request, repo, commit, file)
        if file.size and "/" in repo.id and not self.small_directly and not repo.private and not repo.gated:
            cached = f"/api/resolve-cache/{repo.plural}/{repo.id}/{commit.id}/{quote(file.path)}"
            key = quote(request.path, safe="")
            answer = redirect(307, f"{request.prefix}{cached}?{key}=&etag={quote(etag, safe='')}")
            answer.headers.append(("Accept-Ranges", "bytes"))
            if self.linked_on_307:
                answer.headers += linked(file)
            return answer
        return small(file)

    def resolve_lfs(self, request: Incoming, repo: Repo, commit: Commit, file: File) -> Answer:
        names = (file.path, f"{repo.id}/{file.path}")
        answer = redirect(302, self.sign(file, names, request.headers.get("range")))
        answer.headers += [("Accept-Ranges", "bytes"), ("ETag", f'"{file.oid}"'), *linked(file)]
        if file.xet_hash:
            token_route = f"{self.endpoint}/api/{repo.plural}/{repo.id}/xet-read-token/{commit.id}"
            recipe = f"{self.endpoint}/cas/v1/reconstructions/{file.xet_hash}"  # nothing is there
            answer.headers += [
                ("X-Xet-Hash", file.xet_hash),
                ("Link", f'<{token_route}>; rel="xet-auth", <{recipe}>; rel="xet-reconstruction-info"'),
            ]
        return answer

    def resolve_cache(self, request: Incoming, token: Token | None, segments: list[str]) -> Answer:
        """{P}/{id}/{commit}/{path}"""
        at = next((n for n in (3, 2) if segments[n : n + 1] and re.fullmatch("[0-9a-f]{40}", segments[n])), None)
        if at is None or segments[0] not in TYPES:
            return error(404, None, "Not found")
        repo = self.repo(request, token, segments[0], "/".join(segments[1:at]), BODY)
        path = unquote("/".join(segments[at + 1 :]))
        names = (path, f"{repo.id}/{path}")
        commit = self.commit(repo, segments[at], names)
        answer = small(self.file(commit, path, names))
        answer.headers.append(("X-Repo-Commit", commit.id))
        answer.names = names
        return answer

    def raw(self, file: File) -> Answer:
        if not file.lfs:
            return small(file)
        return Answer(200, [TEXT], file.pointer, etag=f'"{file.oid}"', is_file=True)

    # API -------------------------------------------------------------------------------------------

    def whoami(self, request: Incoming, token: Token | None) -> Answer:
        if token is None:
            return error(401, None, "Invalid credentials in Authorization header")
        role = "fineGrained" if token.scope == "fine-grained" else token.scope
        access: dict[str, Any] = {"displayName": token.name, "role": role, "createdAt": "2026-01-01T00:00:00.000Z"}
        if token.scope == "fine-grained":
            scoped = [{"entity": {"_id": "0" * 24, "type": "model", "name": one}, "permissions": ["repo.content.read"]} for one in token.reads]
            access["fineGrained"] = {"canReadGatedRepos": False, "global": [], "scoped": scoped}
        name = {"name": token.name, "fullname": token.name}
        person = {"type": "user", "id": "0" * 24, **name, "isPro": False, "orgs": []}
        return as_json({**person, "auth": {"type": "access_token", "accessToken": access}})

    def auth_check(self, repo: Repo, token: Token | None, arguments: list[str]) -> Answer:
        if arguments == ["write"] and (token is None or token.scope != "write"):
            raise Refused(error(403, None, "Forbidden: you need write access to this repo"))
        return as_json({})

    def tree(self, request: Incoming, repo: Repo, commit: Commit, under: str, see_hashes: bool) -> Answer:
        args = request.args
        expand, recursive = flag(args, "expand"), flag(args, "recursive")
        entries = tree_entries(repo, commit, under.strip("/"), recursive, expand, see_hashes)
        if entries is None:
            return error(404, "EntryNotFound", f"{under} does not exist on {commit.id}")
        size = self.expand_page_size if expand else self.page_size
        start = int(args.get("cursor", ["0"])[0])
        answer = as_json(entries[start : start + size])
        if start + size < len(entries):
            query = "&".join(f"{k}={quote(v[0], safe='')}" for k, v in args.items() if k != "cursor")
            query += ("&" if query else "") + f"cursor={start + size}"
            next_page = f"{self.endpoint}{request.prefix}{request.path}?{query}"
            answer.headers.append(("Link", f'<{next_page}>; rel="next"'))
        return answer

    def paths_info(self, request: Incoming, repo: Repo, commit: Commit, see_hashes: bool) -> Answer:
        expand = flag(request.form, "expand")
        wanted = [path.strip("/") for path in request.form.get("paths", [])]
        known = {entry["path"]: entry for entry in tree_entries(repo, commit, "", True, expand, see_hashes) or []}
        return as_json([known[path] for path in wanted if path in known])


# Answers -------------------------------------------------------------------------------------------


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(status, [JSON], json.dumps(value).encode())


def error(status: int, code: str | None, message: str, names: tuple[str, ...] = ()) -> Answer:
    answer = as_json({"error": message}, status)
    answer.headers += [("X-Error-Message", message)] + ([("X-Error-Code", code)] if code else [])
    answer.names = names
    return answer


def denied(refusal: Denial) -> Answer:
    return error(refusal.status, refusal.code, refusal.message)


def redirect(status: int, to: str) -> Answer:
    return Answer(status, [TEXT, ("Location", to), ("Vary", "Origin, Accept")], f"Redirecting to {to}".encode())


def too_many(limits: Headers) -> Answer:
    answer = error(429, None, "We had to rate limit you. To continue using our service, log in or wait.")
    left = re.search(r"t=(\d+)", limits[0][1])
    answer.headers.append(("Retry-After", left[1] if left else "1"))
    return answer


def small(file: File) -> Answer:
    """A file the Hub answers with itself."""
    title = quote(file.path.rpartition("/")[2], safe="")
    shown = f"inline; filename*=UTF-8''{title}; filename=\"{title}\";"
    return Answer(200, [TEXT, ("Content-Disposition", shown)], file.content, etag=f'"{file.etag}"', is_file=True)


def linked(file: File) -> Headers:
    return [("X-Linked-Size", str(file.size)), ("X-Linked-ETag", f'"{file.etag}"')]


def flag(args: dict[str, list[str]], name: str) -> bool:
    return args.get(name, [""])[0].lower() in ("true", "1")


def split_revision(segments: list[str]) -> tuple[str, list[str]]:
    """The revision is one encoded segment; the Hub also takes refs/pr/1 written out."""
    if segments[0] == "refs" and len(segments) >= 3:
        return "/".join(segments[:3]), segments[3:]
    return unquote(segments[0]), segments[1:]


def tree_entries(
    repo: Repo, commit: Commit, under: str, recursive: bool, expand: bool, see_hashes: bool
) -> list[dict[str, Any]] | None:
    """Sorted entries below the folder `under`; None if there is no such folder."""
    prefix = under + "/" if under else ""
    entries: dict[str, dict[str, Any]] = {}
    brought_by: dict[str, Commit] = {}  # path or folder -> the commit that last touched it
    for path, file in commit.files.items():
        if not path.startswith(prefix):
            continue
        depth = path.count("/", len(prefix)) + 1
        pieces = path[len(prefix) :].split("/")
        for level in range(1, depth + 1):
            name = prefix + "/".join(pieces[:level])
            touched = repo.commits[file.commit]
            if name not in brought_by or brought_by[name].number < touched.number:
                brought_by[name] = touched
            if level > 1 and not recursive:
                break
            if level == depth:
                entries[name] = file_entry(file, see_hashes)
                if expand:
                    entries[name]["securityFileStatus"] = SAFE
            elif name not in entries:
                entries[name] = {"type": "directory", "oid": commit.folders[name], "size": 0, "path": name}
    if under and not brought_by:
        return None
    if expand:
        for name, entry in entries.items():
            last = brought_by[name]
            entry["lastCommit"] = {"id": last.id, "title": last.title, "date": last.date}
    return [entries[path] for path in sorted(entries)]


SAFE = {"status": "safe", "avScan": {"status": "safe"}, "pickleImportScan": {"status": "unscanned"}}


def file_entry(file: File, see_hashes: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"type": "file", "oid": file.oid, "size": file.size, "path": file.path}
    if file.lfs:
        entry["lfs"] = {"oid": file.content.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    if file.xet_hash:
        entry["xetHash"] = file.xet_hash if see_hashes else "*" * 64
    return entry


def info_of(repo: Repo, commit: Commit, args: dict[str, list[str]]) -> dict[str, Any]:
    """The repo info answer. `expand=a&expand=b` asks for single fields, `blobs=true` for sizes and digests."""
    siblings = [sibling(file, flag(args, "blobs")) for file in commit.files.values()]
    first = min(repo.commits.values(), key=lambda c: c.number)
    info: dict[str, Any] = {
        "_id": first.id[:24],
        "id": repo.id,
        "author": repo.id.partition("/")[0] if "/" in repo.id else None,
        "sha": commit.id,
        "lastModified": commit.date,
        "createdAt": first.date,
        "private": repo.private,
        "gated": repo.gated or False,
        "disabled": repo.disabled,
        "downloads": 0,
        "likes": 0,
        "tags": list(repo.tags_shown),
        "siblings": siblings,
        "usedStorage": sum(file.size for file in commit.files.values()),
    }
    if repo.type == "model":
        info.update(modelId=repo.id, spaces=[], library_name=None, pipeline_tag=None)
    if flag(args, "securityStatus"):
        info["securityRepoStatus"] = {"scansDone": True, "filesWithIssues": []}
    info.update(repo.info)
    wanted = args.get("expand") or args.get("expand[]")
    if wanted:
        return {name: value for name, value in info.items() if name in ("_id", "id", *wanted)}
    return info


def sibling(file: File, blobs: bool) -> dict[str, Any]:
    entry: dict[str, Any] = {"rfilename": file.path}
    if blobs:
        entry.update(size=file.size, blobId=file.oid)
        if file.lfs:
            entry["lfs"] = {"sha256": file.content.sha256, "size": file.size, "pointerSize": len(file.pointer)}
    return entry


def refs_of(repo: Repo, with_pulls: bool) -> dict[str, Any]:
    def under(prefix: str) -> Iterable[dict[str, str]]:
        for ref, commit in sorted(repo.refs.items()):
            if ref.startswith(prefix):
                yield {"name": ref[len(prefix) :], "ref": ref, "targetCommit": commit}

    answer = {
        "branches": list(under("refs/heads/")),
        "converts": list(under("refs/convert/")),
        "tags": list(under("refs/tags/")),
    }
    if with_pulls:
        answer["pullRequests"] = list(under("refs/pr/"))
    return answer
