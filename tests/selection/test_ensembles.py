from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from heredity.selection.ensembles import GAIN, Weights, convex_weights, equal_weights, forward_selection

FREE = np.zeros(0)


def cross_entropy(right: NDArray[np.float64]) -> Callable[[Weights], tuple[float, NDArray[np.float64]]]:
    """Of a mixture of members that give the right class these probabilities `(members, n)`."""

    def loss(weights: Weights) -> tuple[float, NDArray[np.float64]]:
        mixed = weights @ right
        return float(-np.log(mixed).mean()), -(right / mixed).mean(1)

    return loss


def answers(seed: int, members: int, examples: int = 30) -> NDArray[np.float64]:
    """Members that are right with more or less confidence, each in its own places."""
    return np.random.default_rng(seed).beta(0.7, 0.5, (members, examples)).clip(1e-6)


def alone(loss: Callable[[Weights], float], members: int) -> NDArray[np.float64]:
    """What each member has by itself."""
    return np.array([loss(own) for own in np.eye(members)])


def choices(members: int, times: int) -> list[Weights]:
    """All that so many choices can end in."""
    return [
        np.bincount(chosen, minlength=members) / times
        for chosen in itertools.combinations_with_replacement(range(members), times)
    ]


class TestConvexWeights:
    @given(st.integers(0, 10**6), st.integers(1, 6))
    def test_weights_that_are_never_worse_than_equal_ones(self, seed: int, members: int) -> None:
        loss = cross_entropy(answers(seed, members))
        weights = convex_weights(loss, members)
        assert weights.sum() == pytest.approx(1)
        assert (weights >= 0).all()
        assert loss(weights)[0] <= loss(equal_weights(members))[0]

    @given(st.integers(0, 10**6))
    def test_nothing_on_a_fine_grid_is_better(self, seed: int) -> None:
        loss = cross_entropy(answers(seed, 3))
        assert loss(convex_weights(loss, 3))[0] <= min(loss(w)[0] for w in choices(3, 40)) + 1e-5

    def test_who_is_of_no_use_is_left_out(self) -> None:
        right = np.array([[0.9, 0.9, 0.2, 0.1], [0.1, 0.2, 0.9, 0.9], [0.1, 0.1, 0.1, 0.1]])
        weights = convex_weights(cross_entropy(right), 3)
        assert weights[2] == 0
        assert weights[0] == pytest.approx(0.5, abs=0.02)

    def test_equal_ones_where_the_loss_is_no_number(self) -> None:
        weights = convex_weights(lambda w: (float("nan"), np.full_like(w, np.nan)), 4)
        assert weights.tolist() == [0.25] * 4


class TestForwardSelection:
    @given(st.integers(0, 10**6), st.integers(2, 5), st.booleans())
    def test_every_choice_is_the_best_there_is(self, seed: int, members: int, bounded: bool) -> None:
        """Against an exhaustive search, step by step."""
        loss, coins = cross_entropy(answers(seed, members)), np.random.default_rng(seed)
        costs = coins.integers(1, 9, (members, 2)).astype(float)
        ceilings = costs.min(0) + costs[0] if bounded else costs.sum(0)
        weights = forward_selection(lambda w: loss(w)[0], alone(lambda w: loss(w)[0], members), costs, ceilings)
        assert (costs[weights > 0].sum(0) <= ceilings).all()

        counts, least = np.zeros(members), np.inf
        while True:
            trials = {
                k: loss((counts + np.eye(members)[k]) / (counts.sum() + 1))[0]
                for k in range(members)
                if (costs[(counts > 0) | (np.arange(members) == k)].sum(0) <= ceilings).all()
            }
            best = min(trials, key=lambda k: trials[k])
            if counts.any() and trials[best] >= (1 - GAIN) * least:
                break
            counts[best] += 1
            least = trials[best]
        assert weights.tolist() == (counts / counts.sum()).tolist()

    @given(st.integers(0, 10**6))
    def test_it_is_no_worse_than_any_one_and_no_better_than_any_choice(self, seed: int) -> None:
        loss = cross_entropy(answers(seed, 4))
        errors = alone(lambda w: loss(w)[0], 4)
        found = loss(forward_selection(lambda w: loss(w)[0], errors, np.zeros((4, 0)), FREE))[0]
        assert found <= min(loss(w)[0] for w in choices(4, 1)) + 1e-12
        assert found >= loss(convex_weights(loss, 4))[0] - 1e-5

    def test_who_is_chosen_once_more_counts_more_and_costs_nothing(self) -> None:
        target = np.array([2 / 3, 1 / 3, 0])
        costs, ceilings = np.array([[3.0], [2.0], [1.0]]), np.array([5.0])
        weights = forward_selection(lambda w: float(np.abs(w - target).sum()), np.arange(3.0), costs, ceilings)
        assert weights.tolist() == target.tolist()

    def test_what_does_not_fit_is_passed_over(self) -> None:
        """The best pair is out of reach, and so is the best member."""
        costs, ceilings = np.array([[9.0], [4.0], [3.0], [3.0]]), np.array([7.0])
        worth = np.array([4.0, 3, 2, 1])
        weights = forward_selection(lambda w: float(9 - worth[w > 0].sum()), -worth, costs, ceilings)
        assert np.flatnonzero(weights).tolist() == [1, 2]

    def test_one_is_enough_where_no_second_helps(self) -> None:
        right = np.array([[0.9, 0.9], [0.5, 0.9], [0.9, 0.5]])
        weights = forward_selection(lambda w: cross_entropy(right)(w)[0], np.arange(3.0), np.zeros((3, 0)), FREE)
        assert weights.tolist() == [1, 0, 0]

    def test_of_equal_ones_the_first(self) -> None:
        assert forward_selection(lambda w: 1.0, np.ones(3), np.zeros((3, 0)), FREE).tolist() == [1, 0, 0]

    def test_the_least_error_comes_first_whatever_its_loss(self) -> None:
        right = np.array([[0.9, 0.9], [0.5, 0.6]])
        weights = forward_selection(lambda w: cross_entropy(right)(w)[0], np.array([1.0, 0.0]), np.zeros((2, 0)), FREE)
        assert 0 < weights[1] < weights[0], "though the other is soon counted more"
