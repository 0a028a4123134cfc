from __future__ import annotations

import math

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from heredity.selection.pareto import crowding, nondominated, ranks

VALUES = st.one_of(  # not st.floats: it refuses processes in which denormal numbers are flushed
    st.sampled_from([0.0, -0.0, 1.0, 2.0, math.nan, math.inf, -math.inf, 1e-300, 1e300]),
    st.integers(-4, 4).map(float),
    st.integers(-(2**53), 2**53).map(lambda n: n * 2.0**-20),
)


@st.composite
def tables(draw: st.DrawFn) -> np.ndarray:
    """Up to 10 rows of 1 to 4 objectives, with NaN, ties, infinities, and rows drawn twice."""
    m = draw(st.integers(1, 4))
    rows = draw(st.lists(st.lists(VALUES, min_size=m, max_size=m), max_size=7))
    if rows:
        rows += draw(st.lists(st.sampled_from(rows), max_size=3))
    return np.array(rows, float).reshape(-1, m)


def dominates(a: np.ndarray, b: np.ndarray) -> bool:
    return all(x <= y for x, y in zip(a, b, strict=True)) and any(x < y for x, y in zip(a, b, strict=True))


def brute_force(table: np.ndarray) -> list[bool]:
    """Row by row, by the docstring."""
    front = []
    for i, row in enumerate(table):
        whole = not any(math.isnan(x) for x in row)
        beaten = any(dominates(other, row) for other in table if not np.isnan(other).any())
        repeated = any(np.array_equal(table[j], row) for j in range(i))
        front.append(whole and not beaten and not repeated)
    return front


@given(tables())
@example(np.zeros((0, 2)))
@example(np.full((3, 2), math.nan))
@example(np.array([[math.inf, math.inf], [1.0, math.inf], [1.0, -math.inf]]))
@example(np.array([[2.0, 2.0, 0.0], [math.inf, 0.0, 1.0]]))  # moocore 0.3.2 by itself is wrong here,
@example(np.array([[-math.inf, 1.0, 2.0, 0.0], [0.0, 1.0, 0.0, -math.inf], [0.0] * 4]))  # and crashes on the like
def test_the_front_is_what_nobody_beats(table: np.ndarray) -> None:
    before = table.copy()
    assert nondominated(table).tolist() == brute_force(table)
    assert np.array_equal(table, before, equal_nan=True)


@given(tables())
@example(np.zeros((0, 3)))
@example(np.full((3, 2), math.nan))
@example(np.array([[math.inf], [-math.inf], [math.nan], [0.0]]))
def test_ranks_are_fronts_of_the_rest(table: np.ndarray) -> None:
    """Peeled one after the other; equal rows share a rank; NaN comes after everybody."""
    expected, rank = np.zeros(len(table), int), 0
    left = [i for i, row in enumerate(table) if not np.isnan(row).any()]
    while left:
        front = [i for i in left if not any(dominates(table[j], table[i]) for j in left)]
        expected[front] = rank
        left, rank = [i for i in left if i not in front], rank + 1
    expected[np.isnan(table).any(axis=1)] = rank
    assert ranks(table).tolist() == expected.tolist()


@given(tables(), st.randoms())
def test_order_means_nothing_to_ranks(table: np.ndarray, random) -> None:
    order = list(range(len(table)))
    random.shuffle(order)
    assert ranks(table[order]).tolist() == ranks(table)[order].tolist()


def test_crowding_is_the_distance_between_neighbours_on_a_front() -> None:
    """By hand: ranges of the first front are 4 and 8; a second front of one; a third of two."""
    table = np.array([[0.0, 8.0], [1.0, 4.0], [3.0, 2.0], [4.0, 0.0], [5.0, 5.0], [6.0, 7.0], [7.0, 6.0]])
    rank = ranks(table)
    assert rank.tolist() == [0, 0, 0, 0, 1, 2, 2]
    expected = [math.inf, 3 / 4 + 6 / 8, 3 / 4 + 4 / 8, math.inf, math.inf, math.inf, math.inf]
    assert crowding(table, rank).tolist() == expected
    assert crowding(np.zeros((0, 2)), np.zeros(0, np.int64)).tolist() == []
    assert crowding(np.ones((3, 2)), np.zeros(3, np.int64)).tolist() == [math.inf, 0.0, math.inf]  # all equal
