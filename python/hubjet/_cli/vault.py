"""`hubjet vault`: what is on the vault, and what can be done with it. Imports _cli.options, _cli.say, _vault.api."""

from __future__ import annotations

from .. import _words
from .._config import resolve
from .options import Misuse, add_repo_type, add_revision, add_vault_place, nearest
from .say import out, out_json, out_table, talk, talk_line

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


WHAT = {
    "status": "what is there, on its way, or could not be brought, and why (the default)",
    "put": "copy REPO from the cache to the vault, and wait for it; no REPO: what is still on its way",
    "restore": "bring REPO from the vault into the cache, without any request; prints its folder",
    "ls": "what is whole there",
    "rm": "remove REPO from the vault",
}


def add_vault(parser: ArgumentParser) -> None:
    """Arguments of `hubjet vault`."""
    parser.description = (
        "A vault is a folder that outlives this computer, such as Google Drive in Colab. With --vault, HUBJET_VAULT or `vault` in the config file "
        "every download is copied there beside you, read back and compared, and brought back from there where the cache lacks it."
    )
    parser.epilog = """\
  hubjet vault status
  hubjet vault put org/model --vault /content/drive/MyDrive/models
  hubjet vault restore org/model
  hubjet vault rm org/model --revision v1.0"""
    parser.add_argument("what", metavar="WHAT", nargs="?", default="status", help="; ".join(f"{name}: {text}" for name, text in WHAT.items()))
    parser.add_argument("repo", metavar="REPO", nargs="?", help="org/name")
    add_repo_type(parser)
    add_revision(parser)
    add_vault_place(parser)


def do_vault(options: Namespace) -> int | None:
    """Does one of them."""
    from .._vault.api import vault

    what, repo = options.what, options.repo
    if what not in WHAT:
        near = " or ".join(nearest(what, WHAT))
        raise Misuse(f"vault does not know {what!r}" + (f"; did you mean {near}?" if near else ""), "hubjet vault --help lists what there is")
    if repo is None and what in ("restore", "rm"):
        raise Misuse(f"vault {what}: which repository?", f"hubjet vault {what} org/model")
    if repo is not None and what in ("status", "ls"):
        raise Misuse(f"vault {what} takes no repository", f"hubjet vault {what}")
    which = {"repo_type": options.type, "revision": options.revision}
    if what == "restore":
        path = str(vault.restore(repo, **which))
        out_json({"path": path}) if options.json else out(path)
    elif what == "rm":
        freed = vault.rm(repo, **which)
        out_json({"freed": freed}) if options.json else talk(f"{_words.size(freed)} removed from the vault")
    elif what == "ls":
        models = vault.ls()
        if options.json:
            from dataclasses import asdict

            out_json([asdict(model) for model in models])
        elif models:
            rows = [
                (model.repo_type, model.repo_id, _words.size(model.size), _words.count(model.files, "file"), ", ".join(model.revisions) or model.commit[:7])
                for model in models
            ]
            out_table(rows, right=(2, 3))
        else:
            talk("nothing yet")
    elif what == "put" and repo is not None:
        model = vault.put(repo, **which)
        if options.json:
            from dataclasses import asdict

            out_json(asdict(model))
        else:
            talk(f"{model.repo_id} is on the vault: {_words.count(model.files, 'file')}, {_words.size(model.size)}, all of it read back")
    else:
        found = vault.flush() if what == "put" else vault.status()
        out_json(found.as_dict()) if options.json else out(str(found))
        return 0 if found.reachable and (found.saved or what == "status") else 7
    return None


def wait_for(options: Namespace) -> None:
    """A download has ended; the program does not end before it is on the vault, or could not be brought there. What failed is talk, not an error: what
    was asked for is on the disk."""
    from .._vault import journal
    from .._vault.worker import worker

    config = resolve()
    place = config.vault
    if place is None:
        return
    try:
        if not worker().flush(config, place, 0.5):
            left = [row for row in journal.rows(config, place) if row.state != journal.SAVED]
            if not options.quiet:
                talk_line(f"it is copied to {place} ({_words.size(sum(row.size for row in left))}); Ctrl-C leaves the rest for the next time")
            worker().flush(config, place, None)
        left = [row for row in journal.rows(config, place) if row.state != journal.SAVED]
        if left and not options.quiet:  # why was said by then
            talk_line(f"not on the vault yet: {', '.join(row.repo.id for row in left)}; the next call goes on, or `hubjet vault put`")
    finally:
        worker().leave()
