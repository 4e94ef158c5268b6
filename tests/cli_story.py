"""What docs/cli.md tells: text, commands that are run for it, and what happens to the hub between them (functions). See tests/cli_docs.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests.server import World

LINES = 40_000
FILES = {
    "README.md": b"# A model\n",
    "config.json": b'{"model_type": "bert"}\n',
    "tokenizer.json": b"{}\n",
    "model.safetensors": b"weights " * LINES,
    "pytorch_model.bin": b"weights." * LINES,
    "onnx/model.onnx": b"weights!" * LINES,
}


def hub(world: World) -> None:
    """What the hub of the story has."""
    world.repo("org/model").commit(FILES)
    world.repo("org/reviews", "dataset").commit({"train.csv": b"text,label\n" * 1000, "test.csv": b"text,label\n" * 100})
    world.repo("org/gated", gated="auto").commit({"model.safetensors": b"secret " * 100})
    world.file("model.bin", b"any bytes " * 1000)


def newer(world: World) -> None:
    """A second version of the model."""
    repo = world.hub.repos["models", "org/model"]
    repo.commit({**FILES, "config.json": b'{"model_type": "bert", "layers": 2}\n', "extra.json": b"{}\n"})


def newest(world: World) -> None:
    """A third one."""
    repo = world.hub.repos["models", "org/model"]
    repo.commit({"config.json": b'{"model_type": "bert", "layers": 12}\n', "model.safetensors": b"Weights " * LINES})


STORY: Sequence[str | Sequence[str] | Callable[[World], None]] = (
    hub,
    """
# On the command line

What is shown here was run, in a terminal of 80 columns, against the embedded hub of the tests (`python3 tests/run.py cli-docs` runs it again; a
test compares). N stands for numbers that differ from run to run.

Data goes to stdout, talk to stderr: `folder=$(hubjet download org/model)` gets the folder and nothing else. Nothing is ever asked, so a
script never waits for an answer; only `hubjet login` reads a token. `hubjet VERB --help` is everything about a verb, `man hubjet` everything at once.
""",
    ["hubjet", "hubjet --version"],
    """
## Look first

`--dry-run` asks the hub for the list of files, compares it with what is here, and fetches nothing.
""",
    [
        "hubjet download org/model --dry-run",
        "hubjet download org/model --needed --dry-run",
        "hubjet download org/model --include '*.json' --dry-run --limit-rate 4M",
    ],
    """
## Download

On a terminal the plan comes first, in a few lines; then a line of progress (not shown here); then, on stdout, where it is.
""",
    [
        "hubjet download org/model config.json",
        "hubjet download org/model --needed",
        "hubjet download org/model --include '*.bin' --exclude 'onnx/*'",
        "hubjet download org/model",
        "hubjet download org/model",
        "hubjet download org/reviews --type dataset --local-dir reviews",
        "ls reviews",
        "hubjet download org/model config.json README.md -q",
    ],
    """
A file of yours is never overwritten, and what is asked for again with `--force` is fetched again:
""",
    [
        "mkdir mine; echo mine > mine/test.csv; hubjet download org/reviews --type dataset --local-dir mine --dry-run",
        "hubjet download org/model config.json --force",
    ],
    newer,
    """
The hub has a newer version now. What did not change is not fetched again.
""",
    ["hubjet download org/model --dry-run", "hubjet download org/model --offline", "hubjet download org/model"],
    """
Any URL will do; with `--sha256` the file appears only if it is right.
""",
    [
        "hubjet get @CDN@/files/model.bin",
        "hubjet get @CDN@/files/model.bin -o models/m.bin --sha256 " + "0" * 64,
        "hubjet url org/model config.json --revision v1.0",
    ],
    """
## What is here, and where

Columns have blanks between them on a terminal, tabs in a pipe.
""",
    [
        "hubjet ls",
        "hubjet ls | cut -f2,3",
        "hubjet ls --names",
        "hubjet where org/model config.json",
        "hubjet where org/nowhere",
        "hubjet convert org/model --to plain --into $HOME/models",
        "ls -A $HOME/models/org/model",
        "hubjet open org/model",
        "hubjet convert org/nowhere --to plain",
        "hubjet ls --cache-dir /tmp/no-cache",
    ],
    """
## Less of it

What goes is said beforehand with `--dry-run`, in order and why. A pin holds against any limit. [keep.md](keep.md) says more.
""",
    [
        "hubjet ls --sort size --revisions",
        "hubjet pin org/model@main; hubjet pin",
        "HUBJET_KEEP_RECENT=0 hubjet prune --max-size 100K --dry-run",
        "hubjet unpin org/model",
        "hubjet rm org/model --file '*.onnx' --dry-run",
        "hubjet rm org/nowhere",
    ],
    """
Under which terms what is here may be used ([licences.md](licences.md)):
""",
    ["hubjet licence", "hubjet licence org/model"],
    """
## Only what is needed, and exactly that

`plan` says what a loader needs and what is left out; `--urls` is for other programs. `lock` writes down to the byte what a project uses, `sync` brings it.
[needed.md](needed.md) and [move.md](move.md) say more.
""",
    [
        "hubjet plan org/model",
        "hubjet plan org/model --quant Q4_K_M",
        "hubjet plan org/model --urls --format aria2 --include config.json",
        "mkdir project; cd project; hubjet lock org/model --needed",
        "cd project; hubjet sync --frozen -q; hubjet sync --check",
    ],
    newest,
    [
        "cd project; hubjet sync --check",
        "cd project; hubjet sync --frozen --offline -q",
        "cd project; hubjet sync -q",
    ],
    """
For a computer without a network, as one file:
""",
    [
        "hubjet pack org/model --needed -o model.tar",
        "hubjet unpack model.tar --cache-dir elsewhere --offline",
        "hubjet unpack model.tar --cache-dir elsewhere --offline --json",
        "head -c 200000 model.tar | hubjet unpack - --cache-dir third",
        "hubjet pack org/model",
    ],
    """
## What other programs have here

`hubjet download` uses it by itself; these say what there is ([adopt.md](adopt.md)).
""",
    [
        "hubjet scan --source elsewhere",
        "hubjet find org/model --source elsewhere --cache-dir third",
        "HUBJET_SEARCH=elsewhere hubjet download org/model --needed --cache-dir fourth --dry-run",
        "hubjet adopt elsewhere --cache-dir fourth",
        "hubjet find org/nobody-has-it",
    ],
    """
## Is it still what it was?

Without the network ([verify.md](verify.md)).
""",
    [
        "hubjet verify",
        "hubjet verify org/model --fast",
        "hubjet checkout org/model work -q",
        "echo '{}' > work/config.json; hubjet checkout status work",
        "hubjet checkout diff work",
        "hubjet checkout reset work",
    ],
    """
## Typed wrong

Two lines: what is wrong, with what was most likely meant; and what to do. The exit code is 2 (3 for what the hub does not have).
""",
    [
        "hubjet downlod org/model",
        "hubjet pull org/model",
        "hubjet org/model",
        "hubjet download org/model --inclde '*.json'",
        "hubjet download",
        "hubjet download org/model --type modle",
        "hubjet download org/model --include '*.saftensors'",
        "hubjet download org/model --include '*.json' --include '*.jsn' -q",
        "hubjet download org/model confg.json",
        "hubjet download org/model config.json tokenzer.json",
        "hubjet download org//model",
        "hubjet download org/model --local-dir \"$UNSET\"",
        "echo '# mine' > README.md; hubjet download org/model --trace README.md",
        "hubjet download org/model --limit-rate fast",
        "HUBJET_MAX_CONNECTIONS=lots hubjet config max_connections",
        "hubjet config max_conections",
        "hubjet get @CDN@/files/model.bin -o -",
    ],
    """
## When something is not right

Each says what was wanted, what came, and what to do; [errors.md](errors.md) has all of them.
""",
    [
        "hubjet download org/nope",
        "hubjet download org/model --revision v9",
        "hubjet download org/gated",
        "hubjet download org/gated --token hf_wrong",
        "hubjet download org/reviews --type dataset --offline",
        "hubjet get @CDN@/files/none.bin",
        "hubjet get @CDN@/files/model.bin --size 5000000000000000",
        "hubjet whoami",
        "hubjet ledger",
        "hubjet download org/new --endpoint http://127.0.0.1:9 2>&1 | cat",
    ],
    """
## Settings and limits
""",
    [
        "HUBJET_LIMIT_RATE=8M hubjet config limit_rate polite",
        "hubjet config cache_dir",
        "HUBJET_LIMIT_RATE=8M hubjet config limit_rate --origin",
        "hubjet limit",
        "hubjet limit 4M",
        "hubjet limit off --polite on",
        "hubjet limit --polite off",
        "HUBJET_LEDGER=book hubjet download org/model config.json; hubjet ledger book | cut -f3-7",
    ],
    """
## For programs

`--json` prints the data of every verb as JSON, on stdout. An error is then one line of JSON, the last on stderr:
`{"error": {"type", "exit_code", "message", "details", …}}`, with the facts that are known (`status`, `url`, `repo_id`, `filename`, `retry_after`, …);
`type` is the name of the [exception](errors.md).
""",
    [
        "hubjet download org/model config.json --json -q",
        "hubjet download org/model nope.json --json -q",
        "hubjet download org/model --dry-run --json --include config.json",
        "hubjet ls --json",
        "hubjet limit --json",
    ],
    """
| verb | what `--json` prints |
| --- | --- |
| `download`, `get` | an object: `path`, `what`, `revision`, `commit`, `size`, `fetched`, `resumed` (bytes), `seconds`, `rate` (bytes a second), `requests`, `error` (null), `files`: a list of `name`, `size`, `verified`, `source`, `fetched`, `resumed`, `seconds` |
| `download --dry-run` | an object: `repo_id`, `repo_type`, `revision`, `commit`, `folder`, `to_fetch` (`files`, `bytes`), `disk_free` (bytes, or null), `files`: a list of `filename`, `size` (or null), `todo` (`fetch`, `resume`, `link`, `take`, `copy`, `keep`, `here`), `reason`, `here` (bytes), `path` |
| `ls` | a list of objects: `repo_id`, `repo_type`, `path`, `size`, `files`, `revisions` (name: commit), `last_used` (seconds since 1970), `pinned` (a list), `unfinished`, `shared`, `unneeded`, `linked` (bytes; what links lead to out of the cache), `layout` (hub or plain), `details`: a list of `commit`, `names`, `files`, `size`, `last_used`, `pinned`, `linked` |
| `ls --names` | a list of names |
| `rm`, `prune`, `dedup` | an object: `dry_run`, `freed`, `size` (of the cache afterwards, or null), `limit` (or null), `fits`, `removed` and `kept`: lists of `what`, `repo_id`, `revision`, `path`, `size`, `reason` |
| `licence` | an object (without a name: a list of them): `repo_id`, `repo_type`, `label` (or null: unknown), `ids`, `name`, `link`, `files` (a list of paths), `card`, `missing` (a list), `gated` (or null), `gate`, `fields`, `account`, `accepted` (seconds since 1970), `endpoint` (or null), `base_model`: a list of objects, `relation`, `revisions` (name: label), `folder` |
| `pin`, `unpin` | an object: `repo_id`, `pins` |
| `where` | an object: name: `value`, `origin`; the names are `cache_dir`, `layout`, `hf_home`, `token_path`, `endpoint`, `endpoints`, `ca_file`, `config_file`, vault where one is set, with a repository also `repo`, `commit`, `snapshot`, `side`, with a file also `file` |
| `checkout` | an object: `folder`, `repo_id`, `commit`; `status`: also `modified`, `deleted`, `added` (lists), `unchanged`, `clean`; `diff`: `diff` (text); `reset`: `reset` (a list) |
| `verify` | an object: `place`, `ok`, `fast`, `files`, `good`, `bytes`, `read`, `seconds`, `rate`, `fetched`, `not_good`: a list of `repo_id`, `path`, `name`, `size`, `state`, `how`, `digest`, `damaged` (a list of `[first, end]`), `reason`, …; `faults`: a list of `path`, `what`, `repaired` |
| `find` | a list of objects: `filename` (or null), `path`, `size`, `program`, `digest` (or null), `known`, `called` (by its program, where there is no filename; or null) |
| `scan` | a list of objects: `program`, `path`, `files`, `size`, `by_digest`, `by_name`, `repos` (a list) |
| `adopt` | a list of objects: `repo_id`, `repo_type`, `commit`, `filename`, `size`, `source`, `how` (or null), `path` (or null) |
| `open` | an object: `folder`, `shown` (whether a file manager took it) |
| `convert` | an object: `repo_id`, `repo_type`, `to`, `folders` (commit: folder), `files`, `size`, `how` (what was done: to how many files), `skipped` (file: why), `removed` |
| `push` | an object: `place`, `repo_id`, `repo_type`, `commit`, `files`, `size`, `sent`, `there` (bytes) |
| `ls --tiers` | a list of objects: `cache`, `written_to`, `repo_type`, `repo_id`, `size` (or null), `revisions` (name: commit) |
| `config` | an object: setting: `value`, `origin`; with `--origin` also `meaning`, `environment` (a list), `config_file` |
| `url` | an object: `url` |
| `plan` | an object: `repo_id`, `repo_type`, `revision`, `commit`, `licence`, `gated`, `header` (that goes along, or null), `size`, `to_fetch`, `saved` (bytes), `files`: a list of `filename`, `size`, `sha256`, `git_sha1`, `here`, `url`, `left_out`: a list of `filename`, `size`, `reason`, `quants` (a list) |
| `lock` | an object: `file`, `changes` (a list of lines) |
| `serve` | an object: `url` |
| `pack` | an object: `path`, `size` (bytes), `repos` (repository: commit), `files` (how many), `notes` (a list) |
| `unpack` | an object: `folders` (repository: folder), `files` (how many), `written` (bytes), `notes` (a list) |
| `sync` | an object: `folders` (repository: folder), `changes`, `drift` (lists of lines), `fetched` (bytes) |
| `limit` | an object: `limit_rate` (bytes a second, or null), `polite` |
| `login`, `whoami` | an object: `name`, `fullname`, `kind`, `token_name`, `role`, `reads_gated` (or null), `scopes` (a list of lists), `token_origin`, `endpoint` |
| `logout` | an object: `removed` |
| `doctor` | an object: `worst` (ok, note, problem), `findings`: a list of `place`, `step`, `verdict`, `text`, `do` ([doctor.md](doctor.md)) |
| `ledger` | a list of objects: `time`, `pid`, `why`, `method`, `origin`, `path`, `range`, `status`, `bytes`, `sent_token` |
| `about` | an object: `hubjet`, `python`, `system`, `huggingface_hub`, `extension`, `libcurl`, `digests` |
| `completion`, `run`, `help` | what they print without it |

## How it ends

@EXITS@

Ctrl-C says one line and ends with 130; what was received is kept, and the same command goes on from there. A reader that has enough
(`hubjet ls | head`) is no error; a stdout that cannot be written is one (7). Colours are for terminals whose user wants them: `NO_COLOR=1` and
`TERM=dumb` switch them off. `hubjet doctor` ends with 1 if it found a problem; `hubjet run` ends as the program does.

## Tab, and man
""",
    ["hubjet completion --help"],
    """
Offered are verbs, options and their values, settings, and the repositories, files and revisions that are in the cache; nobody is asked. The
wheel brings the page of `man hubjet` (share/man/man1).
""",
)
