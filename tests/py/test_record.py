"""Our NamedTuple: the witness is typing's."""

from __future__ import annotations

import copy
import pickle
import typing

import hubjet
import pytest
from hubjet import _record


class Theirs(typing.NamedTuple):
    size: int
    name: str = "x"

    @property
    def twice(self) -> int:
        return 2 * self.size


class Ours(_record.NamedTuple):
    size: int
    name: str = "x"

    @property
    def twice(self) -> int:
        return 2 * self.size


CASES = ["C(1)", "C(1, 'a')", "C(1, name='a')", "C(name='a', size=1)", "C(size=1)"]


@pytest.mark.parametrize("case", CASES)
def test_a_record_looks_and_compares_like_typings(case: str) -> None:
    ours, theirs = eval(case, {"C": Ours}), eval(case, {"C": Theirs})
    assert repr(ours) == repr(theirs).replace("Theirs", "Ours")
    assert tuple(ours) == theirs and ours == theirs and hash(ours) == hash(theirs)
    assert (ours.size, ours.name, ours.twice) == (theirs.size, theirs.name, theirs.twice)
    assert ours._asdict() == theirs._asdict() and ours._fields == theirs._fields
    assert ours._replace(size=7) == theirs._replace(size=7)


@pytest.mark.parametrize("case", ["C()", "C(1, 'a', 2)", "C(1, nmae='a')", "C(1, size=1)", "C(name='a')"])
def test_what_is_no_record_there_is_none_here(case: str) -> None:
    for kind in (Ours, Theirs):
        with pytest.raises(TypeError):
            eval(case, {"C": kind})


def test_a_record_is_not_changed_by_accident() -> None:
    with pytest.raises(AttributeError):
        Ours(1).size = 2


def test_a_record_can_be_matched_copied_and_pickled() -> None:
    setting = hubjet.config(endpoint="https://hub.example")["endpoint"]
    match setting:
        case hubjet.Setting(value, origin):
            assert (value, origin) == ("https://hub.example", "argument")
        case _:
            raise AssertionError(setting)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(setting, protocol))
        assert again == setting and type(again) is hubjet.Setting
    assert type(copy.deepcopy(setting)) is hubjet.Setting
