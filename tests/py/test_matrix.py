"""The fault matrix: however a server misbehaves, what comes of it is an error that names the cause, or the perfect result.

Here one cell of each behaviour, another shape each time; all of them: `make matrix` (tests/matrix/README.md).
"""

from __future__ import annotations

import pytest

from tests.matrix.behaviours import BEHAVIOURS, SHAPES
from tests.matrix.run import OUTCOMES, Seen, cells, differences, document, ring, run_and_compare, written


def test_a_ring_of_the_matrix_ends_as_written() -> None:
    todo = ring(cells())
    assert {cell.behaviour.name for cell in todo} == {b.name for b in BEHAVIOURS} and {cell.shape for cell in todo} == set(SHAPES)
    seen, wrong, differ = run_and_compare(todo)
    assert wrong == []
    assert len(seen) == len(todo)
    assert differ == []


def test_the_table_is_of_these_behaviours() -> None:
    assert len(BEHAVIOURS) == len({b.name for b in BEHAVIOURS}) >= 60
    expected = {f"{cell.behaviour.name} / {cell.shape} / {'always' if cell.always else 'once'}" for cell in cells()}
    assert set(written(OUTCOMES.read_text())) == expected


def test_what_is_written_is_read_again() -> None:
    seen = {(cell.behaviour.name, cell.shape, cell.always): Seen("TimedOut" if cell.always else "", f"no byte\n  do {cell.shape}", 1, 2) for cell in cells()}
    text = document(seen)
    assert differences(seen, text) == []
    seen["closed in mid-body", "small", False] = Seen("NetworkError", "other", 1, 2)
    assert len(differences(seen, text)) == 1


@pytest.mark.parametrize("name", ["cut", "no_answer", "bytes_of"])
def test_a_play_of_the_server_is_one_of_those_in_the_table(name: str) -> None:
    from tests.server.wire import PLAYS

    assert name in PLAYS
    assert {b.options["how"] for b in BEHAVIOURS if b.kind == "wire"} == set(PLAYS)
