"""Once is enough: whatever is repeated, however it interleaves, each record is accepted once."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.wire.envelope import SourcePosition
from schemas.wire.highwater import HighWater


def at(offset: int, index: int = 0, partition: int = 0, topic: str = "inbox") -> SourcePosition:
    return SourcePosition(topic, partition, offset, index)


def test_only_what_lies_above_the_mark_is_new() -> None:
    marks = HighWater()
    seen = [at(3), at(3), at(3, 1), at(2, 9), at(4), at(3, 1), at(4, 0)]
    assert [marks.accept(position) for position in seen] == [True, False, True, False, True, False, False]


def test_each_lane_has_its_own_mark() -> None:
    marks = HighWater()
    assert marks.accept(at(9))
    assert marks.accept(at(1, partition=1))
    assert marks.accept(at(1, topic="other"))
    assert marks.marks == {("inbox", 0): at(9), ("inbox", 1): at(1, partition=1), ("other", 0): at(1, topic="other")}


def test_a_record_without_position_is_always_new_and_leaves_no_mark() -> None:
    marks = HighWater()
    assert marks.accept(None)
    assert marks.accept(None)
    assert not marks.marks


def test_marks_survive_a_restart() -> None:
    before = HighWater()
    before.accept(at(5, 2))
    after = HighWater(before.marks.values())
    assert not after.accept(at(5, 2))
    assert after.accept(at(5, 3))


@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 20), st.integers(0, 3)), unique=True, max_size=40),
    st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=20),
)
def test_a_writer_that_starts_again_from_anywhere_adds_nothing(
    written: list[tuple[int, int, int]], restarts: list[tuple[int, int]]
) -> None:
    originals = [at(offset, index, partition) for partition, offset, index in sorted(written)]
    stream: list[SourcePosition] = []
    done = 0
    for reached, back_to in restarts:  # writes up to `reached`, dies, and begins again at `back_to` or earlier
        stream += originals[done : max(done, reached)]
        done = min(back_to, max(done, min(reached, len(originals))))
    stream += originals[done:]
    marks = HighWater()
    assert [position for position in stream if marks.accept(position)] == originals
