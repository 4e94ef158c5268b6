"""The questions hubjet began with, each answered by a page of docs/asked/ with a call, a command, and what was seen (told.py, cli_docs.py).

The first line of a story is the question; the second says yes or no. The home of each is empty at its beginning.
"""

from __future__ import annotations

from tests.cli_story import FILES
from tests.server import World
from tests.told import ROOT, Program, Story

FOLDER = ROOT / "docs" / "asked"
TOKEN = "hf_test_somebody"  # the hub of the tests knows whose it is


def model(world: World) -> None:
    """A small model."""
    world.repo("org/model").commit(FILES)


def gated(world: World) -> None:
    """A model whose conditions must be accepted, and somebody who did."""
    world.repo("org/gated", gated="auto").commit({"config.json": b"{}\n", "model.safetensors": b"secret " * 100})
    world.token("somebody", gates=["org/gated"])


def quantised(world: World) -> None:
    """A model in one file, as llama.cpp's programs have it; and the same file at an address of its own."""
    content = b"GGUF" + b"weights " * 200_000
    world.repo("org/model-GGUF").commit({"README.md": b"# A model\n", "model-Q4_K_M.gguf": content})
    world.file("model.gguf", content)


def licensed(world: World) -> None:
    """A model with its terms: some were accepted on its page."""
    card = b"---\nlicense: other\nlicense_name: example-terms\nlicense_link: LICENSE\nbase_model: org/base\n---\n# A model\n"
    files = {**FILES, "README.md": card, "LICENSE": b"Use it kindly.\n"}
    world.repo("org/gated", gated="auto").commit(files)
    world.token("somebody", gates=["org/gated"])


ASKED: dict[str, Story] = {
    "stays-connected": (
        model,
        """
# Does anything stay connected, or report on me?

**No.** hubjet asks for your files and for nothing else; there is no telemetry, no account, no background process. You need not believe that: every request
of a process is in a book that you can read.

## The call
""",
        Program("""
import hubjet

with hubjet.contacts() as seen:
    hubjet.hf_hub_download("org/model", "config.json")
for visit in seen.visits:
    print(visit["method"], visit["origin"], visit["status"], visit["bytes"], "bytes,", "token" if visit["sent_token"] else "no token")

with hubjet.contacts() as seen:
    hubjet.hf_hub_download("org/model", "config.json", local_files_only=True)
print("offline:", len(seen), "requests")
"""),
        """
## The command

For all programs of a day: `HUBJET_LEDGER` names a file in which each request is a line.
""",
        [
            "export HUBJET_LEDGER=$HOME/book; hubjet download org/model README.md -q; hubjet ledger | cut -f3-8",
            "rm ~/book; HUBJET_LEDGER=~/book HF_HUB_OFFLINE=1 hubjet download org/model README.md -q; ls ~/book",
        ],
        """
Connections that a download used stay open for 20 seconds, silent, so that your next call needs no new ones; then they are closed. What the hub, the
content network and your name server see: [whom it talks to](../privacy.md).
""",
    ),
    "token-once": (
        gated,
        f"""
# Is the token needed only for the first download?

**Yes.** It is needed for what has to be fetched, and only where the hub asks for one. A file that is here is served without a token, without a login, without the hub.

## The call
""",
        Program(f"""
import hubjet

folder = hubjet.snapshot_download("org/gated", token="{TOKEN}")  # the first time

with hubjet.contacts() as seen:
    again = hubjet.snapshot_download("org/gated", token=False, local_files_only=True)
print(again == folder, len(seen), "requests")
"""),
        """
## The command
""",
        [
            "hubjet download org/gated --offline",
            "hubjet where org/gated | grep -A1 snapshot",
            "hubjet whoami",
        ],
        """
The token is not in the cache, in no log, and goes to the endpoint only, never to the content network: [tokens and gated models](../tokens.md).
""",
    ),
    "where-cached": (
        model,
        """
# Can I control where files are cached, and ask where they are?

**Yes, both,** at any time of a program: a setting is read when a call is made, not when the module is imported. An argument wins over a `with` block, that over
the environment, that over the config file.

## The call
""",
        Program("""
import os, hubjet

hubjet.hf_hub_download("org/model", "config.json", cache_dir="here")  # for one call

with hubjet.settings(cache_dir="there"):  # for a block
    hubjet.hf_hub_download("org/model", "config.json")
    print(hubjet.where()["cache_dir"])

os.environ["HF_HUB_CACHE"] = os.path.abspath("elsewhere")  # from now on, and for huggingface_hub, too
place = hubjet.where("org/model")
print(place["cache_dir"])
print(place["repo"])
"""),
        """
## The command
""",
        [
            "export HF_HUB_CACHE=$PWD/here; hubjet where org/model",
            "hubjet where org/model config.json --cache-dir there | grep -A1 ^file",
            "echo 'cache_dir = \"/home/me/data/there\"' > ../config.toml; HUBJET_CONFIG=../config.toml hubjet config cache_dir --origin",
        ],
        """
One folder is the standard one, and huggingface_hub, transformers and diffusers use it, too: [the cache](../cache.md). All settings: [options](../options.md).
""",
    ),
    "documented": (
        """
# Is the whole API documented?

**Yes,** and a test counts: every public name has its documentation, every option its name in the environment and in the config file, every error its cause and cure, every
example was run.

## The call
""",
        Program("""
import inspect, hubjet

names = [name for name in hubjet.__all__ if not name.startswith("__")]
print("without documentation:", [name for name in names if not inspect.getdoc(getattr(hubjet, name))])
print(inspect.getdoc(hubjet.where).splitlines()[0])
"""),
        """
## The command
""",
        [
            "hubjet help where",
            "hubjet config limit_rate --origin",
        ],
        """
[Functions](../api.md) · [Options](../options.md) · [Errors, A to Z](../errors.md) · [The command line](../cli.md), also as `man hubjet`
""",
    ),
    "readable-names": (
        model,
        """
# Readable names, and no links that break on Windows, across drives?

**Yes.** The layout `plain` has a folder for each model, with the files' own names, no links, and one folder of notes. It can be copied, moved to another drive,
renamed, put on a stick, a share or a Drive, and it stays valid.

## The call
""",
        Program("""
import os, hubjet

with hubjet.settings(layout="plain", cache_dir="models"):
    folder = hubjet.from_pretrained("org/model")
    print(os.path.relpath(folder), sorted(os.listdir(folder)))
    print("links:", sum(os.path.islink(os.path.join(at, name)) for at, _, names in os.walk("models") for name in names))

os.rename("models", "moved")
with hubjet.settings(layout="plain", cache_dir="moved", offline=True):
    print(os.path.relpath(hubjet.from_pretrained("org/model")))
"""),
        """
## The command
""",
        [
            "hubjet download org/model --layout plain --cache-dir ~/models -q; ls -A ~/models/org/model",
            "hubjet where org/model --layout plain --cache-dir ~/models | grep -E 'layout|snapshot'",
        ],
        """
`HUBJET_LAYOUT=plain` or a line in the config file makes it the layout of every call; `auto` takes it where a disk has no symbolic links: [layouts](../layouts.md).
""",
    ),
    "colab-drive": (
        model,
        """
# Colab without a disk that stays: Google Drive instead?

**Yes.** Name a folder of your Drive as *vault*: what is downloaded goes to the runtime's disk and is loadable at once; a copy goes to the Drive beside you, is read back
and compared; the next runtime gets it from there.

## The call

In Colab the folder is one of `/content/drive/MyDrive`, after `drive.mount("/content/drive")`.
""",
        Program("""
import os, shutil, hubjet

os.mkdir("drive")  # stands for the mounted Drive
with hubjet.settings(vault="drive/models"):
    folder = hubjet.snapshot_download("org/model")
    hubjet.vault.flush()  # before the tab is closed
    for model in hubjet.vault.status().models:
        print(model.repo_id, model.state)

shutil.rmtree(hubjet.where()["cache_dir"].value)  # the runtime is gone, and the next one begins

with hubjet.settings(vault="drive/models", offline=True):
    print(hubjet.snapshot_download("org/model") == folder)
"""),
        """
## The command
""",
        [
            "export HUBJET_VAULT=$PWD/drive/models; hubjet vault status | tail -1 | cut -c1-40",
            "ls drive/models/org/model/*/",
        ],
        """
What a Drive does to files, what is written there and what is said when it goes wrong: [Colab: keep models on Drive](../vault.md).
""",
    ),
    "another-program": (
        quantised,
        """
# Use a model another program already downloaded, and the cache for the rest?

**Yes.** Before anything is fetched, hubjet looks through what lies on this computer: caches of huggingface_hub, Ollama, LM Studio, ComfyUI, llama.cpp, ModelScope, kagglehub, git-lfs
and more, and any folder you name. What has the right sha256 is used where it lies; the other program's files stay as they are.

## The call

Here Ollama has the file, under the name that it gives to it:
""",
        [
            "hubjet get @CDN@/files/model.gguf -q; mkdir -p ~/.ollama/models/blobs",
            "mv model.gguf ~/.ollama/models/blobs/sha256-$(sha256sum model.gguf | cut -c1-64)",
        ],
        Program("""
import hubjet

with hubjet.contacts() as seen:
    folder = hubjet.snapshot_download("org/model-GGUF")
print("fetched:", [visit["bytes"] for visit in seen.visits if visit["path"].endswith((".md", ".gguf")) and visit["status"] < 300], "bytes")
for file in hubjet.find("org/model-GGUF"):
    print(file.filename, file.program)
"""),
        """
## The command
""",
        [
            "hubjet scan",
            "hubjet find org/model-GGUF",
            "hubjet download org/model-GGUF --cache-dir new --dry-run",
        ],
        """
Which programs, and how their files are known: [sources](../sources.md). How they are taken, and how to have copies instead: [models that other programs have](../adopt.md).
""",
    ),
    "my-own-files": (
        model,
        """
# A directory, a `cache_dir`, a git-lfs clone as sources?

**Yes, each.** A folder is used as it is; another cache is an argument; a clone made with git-lfs is read in place, also one that has pointers in its worktree.

## The call
""",
        [
            "hubjet download org/model --needed --local-dir folder -q; hubjet download org/model --needed --cache-dir other -q",
            "git init -q clone; cd clone; git remote add origin $HF_ENDPOINT/org/model; git lfs install --local > ../log; git lfs track '*.safetensors' > ../log",
            "cd clone; cp ../folder/*.* .; git add .; git -c user.name=me -c user.email=me@localhost commit -qm all; git cat-file -p :model.safetensors > pointer; mv pointer model.safetensors",
            "cat clone/model.safetensors",
        ],
        Program("""
import os, hubjet

here = lambda path: os.path.relpath(path).split("/")[0]
with hubjet.settings(offline=True):
    print(here(hubjet.from_pretrained("folder")))                         # a folder
    print(here(hubjet.from_pretrained("org/model", cache_dir="other")))   # another cache
    clone = hubjet.from_pretrained("clone")                               # a clone: pointers lead to git-lfs's objects
    print(sorted(os.listdir(clone)), os.path.getsize(os.path.join(clone, "model.safetensors")))
with hubjet.contacts() as seen:
    hubjet.from_pretrained("org/model", sources=["clone"], cache_dir="new")
print("weights fetched:", sum(visit["bytes"] for visit in seen.visits if "safetensors" in visit["path"] and visit["status"] < 300), "bytes")
"""),
        """
## The command
""",
        [
            "hubjet find org/model --source clone",
            "HUBJET_SEARCH=clone hubjet download org/model --needed --cache-dir newer",
        ],
        """
[Models that other programs have](../adopt.md) · [Several caches](../tiers.md)
""",
    ),
    "licences": (
        licensed,
        """
# Are licences respected?

**Yes.** The licence and the model card come with the weights, whatever part of a repository is asked for, and stay with them: in every layout, in packs and lock files, on a vault.
What was accepted on a page, by which account and when, is noted, without the token.

## The call
""",
        Program(f"""
import hubjet

folder = hubjet.from_pretrained("org/gated", token="{TOKEN}")
print((folder / "LICENSE").read_text(), end="")

terms = hubjet.licence("org/gated")
print(terms.label, "gated" if terms.gated else "open", terms.account, [base.repo_id for base in terms.base_model])
"""),
        """
## The command
""",
        [
            "hubjet licence org/gated",
            "hubjet licence",
        ],
        """
What a repository without a card means, copies elsewhere, and the terms of base models: [licences](../licences.md).
""",
    ),
    "see-and-edit": (
        model,
        """
# See and edit what was downloaded?

**Yes, both.** Files have their own names, and `hubjet open` shows the folder. What lies in the cache is protected: who writes to it all the same is found out, and nobody is served it as
what it no longer is. To edit, take a copy that is yours: it knows what it came from.

## The call
""",
        Program("""
import os, hubjet

folder = hubjet.snapshot_download("org/model")
print(sorted(os.listdir(folder)))

work = hubjet.checkout("org/model", "work")  # a copy to edit; its blocks are shared where the disk can do that
with open("work/config.json", "w") as file:
    file.write('{"model_type": "bert", "mine": true}\\n')
print(work.status().modified)
print("the cache is as it was:", bool(hubjet.verify("org/model")))
work.reset()
"""),
        """
## The command
""",
        [
            "hubjet open org/model",
            "echo '{}' > work/config.json; hubjet checkout status work",
            "hubjet checkout diff work; hubjet checkout reset work",
            "cd $(hubjet download org/model -q); chmod u+w $(readlink -f config.json); echo edited >> config.json; hubjet verify org/model",
            "hubjet verify org/model --repair",
        ],
        """
[Edit what you have](../edit.md) · [Verify and repair](../verify.md) · [Readable folders](readable-names.md)
""",
    ),
}
