"""Licences: what a card says, as YAML's own reader would have it; and that licence and card stay with the weights."""

from __future__ import annotations

import random
import shutil
from pathlib import Path

import pytest
import yaml

import hubjet
from hubjet._choose import choose_files
from hubjet._cli import main
from hubjet._keep import gate
from hubjet._licence import CardFacts, front_matter, is_licence_file, licence_files, must_keep, read_card
from tests.server import World

GATED = """---
license: other # see below
license_name: "llama3.1"
license_link: 'LICENSE'
language:
- en
- "no"
tags: [a, 'b, c', "d"]
base_model:
  - meta-llama/Llama-3.1-8B
  - org/other
base_model_relation: merge
extra_gated_heading: Please
  read
extra_gated_prompt: >-
  ### LICENCE

  By clicking
  you agree.
extra_gated_fields:
  First Name: text
  Country: country
  Affiliation:
    type: select
    options:
      - A
      - B
  I agree to share: checkbox
model-index:
- name: x
  results:
  - task: {type: y}
    metrics:
    - value: 3
---
# Card

license: not this one
"""


def test_a_gated_card_is_read_whole() -> None:
    facts = read_card(GATED)
    assert facts == CardFacts(
        id="other", ids=("other",), name="llama3.1", link="LICENSE", base_model=("meta-llama/Llama-3.1-8B", "org/other"), relation="merge",
        gate_heading="Please read", gate_prompt="### LICENCE\nBy clicking you agree.",
        gate_fields=(("First Name", "text"), ("Country", "country"), ("Affiliation", "select"), ("I agree to share", "checkbox")),
    )  # fmt: skip
    assert facts.is_gated and facts.label == "llama3.1"
    assert read_card(GATED.replace("\n", "\r\n").encode()) == facts


@pytest.mark.parametrize(
    "card, expected",
    [
        ("", CardFacts()),
        ("# no front matter\nlicense: mit", CardFacts()),
        ("---\nlicense: mit\n", CardFacts()),  # never closed
        ("\ufeff---\nlicense: MIT\n---\n", CardFacts(id="mit", ids=("mit",))),
        ("---\nlicense: [mit, Apache-2.0]\n---\n", CardFacts(id="mit", ids=("mit", "apache-2.0"))),
        ("---\nlicense:\n- mit\n---\n", CardFacts(id="mit", ids=("mit",))),
        ("---\nlicense: null\nbase_model: ''\n---\n", CardFacts()),
        ("---\nlicense: &a mit\nbase_model: *a\n---\n", CardFacts()),  # anchors: passed over, not guessed
        ("---\nlicense: {a: b}\n---\n", CardFacts()),
        ("---\nbase_model: org/a\nlicense: cc-by-nc-4.0 \n...\n", CardFacts(id="cc-by-nc-4.0", ids=("cc-by-nc-4.0",), base_model=("org/a",))),
        ("---\nlicense_link: https://example.com/a#b\n---\n", CardFacts(link="https://example.com/a#b")),
    ],
)
def test_other_cards(card: str, expected: CardFacts) -> None:
    assert read_card(card) == expected


def test_bytes_of_any_kind_are_no_error() -> None:
    dice = random.Random(5)
    alphabet = list("-:#[]{}'\"|>&*!%@`, \n\t\r\\abз\0") + ["---\n", "license: ", "\n- ", "  "]
    for _ in range(3000):
        text = "---\n" + "".join(dice.choices(alphabet, k=dice.randrange(60))) + "\n---\n"
        read_card(text)
        read_card(text.encode("utf-8", "surrogatepass")[dice.randrange(3) :])
    assert read_card(b"---\nlicense: \xff\n---\n").id == "\ufffd"
    assert read_card("---\n" + "x" * 3_000_000 + "\n---\n") == CardFacts()
    assert read_card("---\n" + "a: b\n" * 300_000 + "---\n") == CardFacts()  # more than a card's head may be: not closed within


def test_what_is_read_is_what_yaml_reads() -> None:
    """Whatever the subset accepts, PyYAML (with every scalar a text) says the same; what it does not know is absent, not wrong."""
    dice, compared = random.Random(11), 0
    for _ in range(4000):
        text = "---\n" + "".join(_entry(dice, n) for n in range(dice.randrange(1, 6))) + "---\n"
        ours = front_matter(text)
        theirs = yaml.load(text.strip("-\n") + "\n", yaml.BaseLoader)
        for key, value in ours.items():
            expected = theirs[key]
            if isinstance(value, list):
                assert value == [one for one in expected if one not in ("", "null", "~")], text
            elif isinstance(value, str):
                assert value.strip("\n") == expected.strip("\n"), text
            else:
                assert value == {name: one if isinstance(one, str) else "" for name, one in expected.items()}, text
            compared += 1
    assert compared > 5000


def _entry(dice: random.Random, n: int) -> str:
    words = ["mit", "org/name", "a b", "x#y", "3.1", "ünï", "it''s", "C++", "a, b", "- no", "what: no", "true"]

    def scalar() -> str:
        word = dice.choice(words)
        kind = dice.randrange(4)
        if kind == 0 and "''" not in word:
            return f'"{word}"'
        return f"'{word}'" if kind == 1 or word.startswith("- ") or ": " in word or "''" in word else word

    form, tail = dice.randrange(6), dice.choice(["", "", "  # said so", "  "])
    indent = dice.choice(["", "  "])
    if form == 0:
        return f"key{n}: {scalar()}{tail}\n"
    if form == 1:
        return f"key{n}:{tail}\n" + "".join(f"{indent}- {scalar()}\n" for _ in range(dice.randrange(1, 4)))
    if form == 2:
        inner = ", ".join(one for one in (scalar() for _ in range(3)) if one[0] in "'\"" or "," not in one)
        return f"key{n}: [{inner}]{tail}\n"
    if form == 3:
        return f"key{n}: {dice.choice(['|', '>', '|-', '>-'])}\n  one {scalar()}\n  two\n\n  three\n"
    if form == 4:
        return f"key{n}:\n" + "".join(f"  {name}: {scalar()}\n" for name in ("one", "two words", "three"))
    return dice.choice([f"# key{n}: no\n", "\n", f"key{n}:\n"])


def test_licence_and_card_stay_whatever_is_chosen() -> None:
    files = ["LICENSE", "README.md", "USE_POLICY.md", "NOTICE.txt", "config.json", "model.safetensors", "docs/a.md", "docs/LICENSE"]
    kept = {"LICENSE", "README.md", "USE_POLICY.md", "NOTICE.txt"}
    assert {one for one in files if must_keep(one)} == kept
    assert kept <= set(choose_files(files, allow=["config.json"]))
    assert kept <= set(choose_files(files, ignore=["*.md", "*", "*.txt"]))
    assert choose_files(files, allow="config.json", ignore=sorted(kept)) == ["config.json"], "who names them means them"
    assert licence_files(files) == ["LICENSE", "NOTICE.txt", "USE_POLICY.md"]
    assert not is_licence_file("README.md") and not is_licence_file("licensed.py")


# --- hubjet.licence -----------------------------------------------------------------------------------


CARD = b"---\nlicense: other\nlicense_name: toy-1.0\nlicense_link: LICENSE\nbase_model: org/base\nextra_gated_prompt: Be kind.\nextra_gated_fields:\n  Name: text\n---\n# Toy\n"


@pytest.mark.usefixtures("hub_env")
class TestHere:
    def test_all_that_the_disk_knows(self, world: World, cache: Path, tmp_path: Path) -> None:
        world.repo("org/base").commit({"README.md": b"---\nlicense: mit\nbase_model:\n- org/base\n- org/older\n---\n", "config.json": b"{}"})
        repo = world.repo("org/toy")
        first = repo.commit({"README.md": b"---\nlicense: apache-2.0\n---\n", "config.json": b"{}"})
        hubjet.from_pretrained("org/toy")
        repo.commit({"README.md": CARD, "LICENSE": b"words", "config.json": b"{1}", "model.safetensors": b"1" * 99})
        folder = hubjet.from_pretrained("org/toy", allow_patterns=["config.json"])
        hubjet.from_pretrained("org/base")
        world.clear()
        told = hubjet.licence("org/toy")
        assert (told.label, told.ids, told.name, told.link) == ("toy-1.0", ("other",), "toy-1.0", "LICENSE")
        assert told.files == (str(folder / "LICENSE"),) and told.card == str(folder / "README.md") and told.missing == ()
        assert [(base.repo_id, base.licence) for base in told.base_model] == [("org/base", "mit"), ("org/older", None)]
        assert told.revisions == {"main": "toy-1.0", first: "apache-2.0"}
        assert (told.gated, told.gate, told.fields, told.account) == (True, "Be kind.", ("Name (text)",), None)
        assert "toy-1.0" in str(told) and "org/older: unknown" in str(told)
        assert hubjet.license("org/toy", revision=first).label == "apache-2.0"
        assert hubjet.licence(folder / "config.json").label == "toy-1.0"
        assert [(one.repo_id, one.label) for one in hubjet.licence()] == [("org/base", "mit"), ("org/toy", "toy-1.0")]
        assert world.requests == [], "nobody is asked"
        with pytest.raises(hubjet.LocalEntryNotFound, match="not in the cache"):
            hubjet.licence("org/nowhere")
        with pytest.raises(hubjet.LocalEntryNotFound, match="belongs to nothing"):
            hubjet.licence(tmp_path)

    def test_what_is_not_here_is_unknown_and_what_the_hub_has_is_named(self, world: World) -> None:
        world.repo("org/toy").commit({"README.md": CARD, "LICENSE": b"words", "config.json": b"{}"})
        hubjet.snapshot_download("org/toy", allow_patterns="config.json")
        told = hubjet.licence("org/toy")
        assert (told.label, told.card, told.gated, told.missing) == (None, None, None, ("LICENSE",))
        assert "UNKNOWN" in hubjet.licence()._repr_html_()

    @pytest.mark.parametrize("place", ["cache", "folder", "plain"])
    def test_who_came_through_a_gate_is_noted_without_the_token(self, world: World, cache: Path, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
        world.repo("org/gated", gated="manual").commit({"README.md": CARD, "model.safetensors": b"1" * 5000})
        text = world.token("mine", gates=["org/gated"])
        if place == "plain":
            monkeypatch.setenv("HUBJET_LAYOUT", "plain")
        where = tmp_path / "here" if place == "folder" else None
        folder = hubjet.snapshot_download("org/gated", token=text, local_dir=where)
        asked = [visit for visit in hubjet.ledger() if visit["why"] == "whoami"]
        told = hubjet.licence(folder) if place == "folder" else hubjet.licence("org/gated")
        assert told.gated and told.account and told.accepted and told.endpoint == world.endpoint
        assert told.account in str(told)
        hubjet.snapshot_download("org/gated", token=text, local_dir=where, force_download=True)
        assert len([visit for visit in hubjet.ledger() if visit["why"] == "whoami"]) == len(asked), "asked once per repository"
        notes = list(tmp_path.rglob("gate"))
        assert len(notes) == 1
        for path in tmp_path.rglob("*"):
            if path.is_file():
                assert text.encode() not in path.read_bytes(), path

    @pytest.mark.parametrize("layout", ["hub", "plain"])
    def test_a_copy_to_work_in_says_whose_it_is_and_what_was_accepted(self, world: World, tmp_path: Path, layout: str) -> None:
        world.repo("org/gated", gated="manual").commit({"README.md": CARD, "LICENSE": b"words", "model.safetensors": b"1" * 5000})
        with hubjet.settings(layout=layout):
            folder = hubjet.snapshot_download("org/gated", token=world.token("mine", gates=["org/gated"]))
            hubjet.checkout("org/gated", tmp_path / "work")
            known = hubjet.licence(folder)
            shutil.move(tmp_path / "work", tmp_path / "moved")
            told = hubjet.licence(tmp_path / "moved" / "model.safetensors")
        assert (told.repo_id, told.label, told.account, told.gated) == ("org/gated", known.label, known.account, True) and told.account
        assert told.files == (str(tmp_path / "moved" / "LICENSE"),)
        (tmp_path / "moved" / ".hubjet-checkout.json").write_text("[" * 100_000)
        with pytest.raises(hubjet.LocalEntryNotFound, match="belongs to nothing"):
            hubjet.licence(tmp_path / "moved")

    def test_both_spellings_are_typed(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert main.main(["license", "--cache-dir", "/nowhere"]) == main.main(["licence", "--cache-dir", "/nowhere", "--json"]) == 0
        assert capsys.readouterr().out.strip() == "[]"

    def test_a_note_that_cannot_be_read_is_none(self, tmp_path: Path) -> None:
        for said in (b"", b"[]", b"{", b'{"gated": 1}', b"\xff", b"[" * 60_000):
            (tmp_path / "gate").write_bytes(said)
            assert gate.read(str(tmp_path)) is None
