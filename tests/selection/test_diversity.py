from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from heredity.selection.diversity import coevolved


def test_the_second_is_right_where_the_first_is_wrong() -> None:
    right = np.array([[1, 1, 1, 1, 0, 0], [1, 1, 1, 0, 0, 0], [0, 0, 0, 0, 1, 1]], bool)
    assert coevolved(right, 1) == [0]
    assert coevolved(right, 3) == [0, 2, 1]
    assert coevolved(right, 9) == [0, 2, 1], "nobody twice"


@given(st.integers(0, 2**31), st.integers(1, 6), st.integers(1, 12))
def test_each_is_the_best_by_the_formula(seed: int, individuals: int, examples: int) -> None:
    right = np.random.default_rng(seed).random((individuals, examples)) < 0.6
    chosen = coevolved(right, individuals)
    assert sorted(chosen) == list(range(individuals))
    for place, number in enumerate(chosen):
        scores = {
            k: sum((1 + sum(right[c][e] for c in chosen[:place])) ** -2.0 for e in range(examples) if right[k][e])
            for k in range(individuals)
            if k not in chosen[:place]
        }
        assert scores[number] >= max(scores.values()) - 1e-9
