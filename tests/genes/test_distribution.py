"""What every distribution keeps to, and how fates are ordered."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from heredity.errors import InputError
from heredity.genes.cma import CMA
from heredity.genes.distribution import Distribution, Fates
from heredity.genes.gene import Choice, Gene, Integer, Real
from heredity.genes.nsga import NSGA
from heredity.genes.random import RandomSearch
from heredity.genes.space import Space, Values

GENES: dict[str, Gene] = {
    "x": Real(0, 1, start=0.8),
    "rate": Real(1e-4, 1, "log", 0.5),
    "width": Integer(1, 200, "log", 150),
    "kernel": Choice(("a", "b", "c"), "c"),
    "fixed": Choice((7,)),
}
SPACE = Space(GENES)

Make = Callable[..., Distribution]


def cma(space: Space = SPACE, population: int = 30, seed: int = 0) -> CMA:
    return CMA(space, population, seed, sigma=0.1, crowded=False)


def crowded(space: Space = SPACE, population: int = 30, seed: int = 0) -> CMA:
    return CMA(space, population, seed, sigma=0.1, crowded=True)


def nsga(space: Space = SPACE, population: int = 30, seed: int = 0) -> NSGA:
    return NSGA(space, population, seed)


def blind(space: Space = SPACE, population: int = 30, seed: int = 0) -> RandomSearch:
    return RandomSearch(space, population, seed)


ALL = pytest.mark.parametrize("make", [cma, crowded, nsga, blind])
LEARNERS = pytest.mark.parametrize("make", [cma, crowded, nsga])


def costs(values: Values) -> list[float]:
    """Two costs whose Pareto set is x in [0.2, 0.4], rate 0.01, width 10, kernel a."""
    x, rate, width = (float(values[name]) for name in ("x", "rate", "width"))
    aside = (math.log10(rate) + 2) ** 2 / 16 + math.log(width / 10) ** 2 / 20 + 0.3 * (values["kernel"] != "a")
    return [(x - 0.2) ** 2 + aside, (x - 0.4) ** 2 + aside]


def test_whole_numbers_of_any_range() -> None:
    wide = Space(
        {"n": Integer(1, 10**9, "log", 10**6), "m": Integer(-(10**9), 10**9, start=0), "k": Integer(0, 2, start=0)}
    )
    distribution = cma(wide, 10)
    for _ in range(20):
        values = [wide.decode(point) for point in distribution.points]
        assert all(gene.holds(own[name]) for own in values for name, gene in wide.genes.items())
        aside = [math.log(own["n"] / 1e3) ** 2 + (own["m"] / 1e9 - 0.5) ** 2 for own in values]  # type: ignore[operator]
        distribution.tell(Fates(np.array([[cost, cost] for cost in aside]), np.zeros(10)))
    assert distribution.theta["n"].centre == pytest.approx(1e3, rel=2)
    assert distribution.theta["m"].centre == pytest.approx(5e8, rel=0.3)


def told(distribution: Distribution, failed: tuple[int, ...] = ()) -> Fates:
    objectives = np.array([costs(distribution.space.decode(point)) for point in distribution.points])
    objectives[list(failed)] = math.nan
    return Fates(objectives, np.zeros(len(objectives)))


def run(distribution: Distribution, generations: int) -> list[list[list[float]]]:
    asked = []
    for _ in range(generations):
        asked.append([point.tolist() for point in distribution.points])
        distribution.tell(told(distribution, failed=(3,)))
    return asked


@ALL
def test_populations_are_exact_and_the_same_until_told(make: Make) -> None:
    distribution = make(population=7)
    for _ in range(3):
        first = [point.tolist() for point in distribution.points]
        assert len(first) == 7
        assert [point.tolist() for point in distribution.points] == first
        values = [distribution.space.decode(point) for point in distribution.points]
        assert all(GENES[name].holds(value) for own in values for name, value in own.items())
        distribution.tell(told(distribution))
        assert [point.tolist() for point in distribution.points] != first


@ALL
def test_replayed_it_asks_the_same(make: Make) -> None:
    state = np.random.get_state(legacy=False)  # noqa: NPY002
    assert run(make(seed=5), 4) == run(make(seed=5), 4)
    assert run(make(seed=5), 1) != run(make(seed=6), 1)
    assert str(np.random.get_state(legacy=False)) == str(state)  # noqa: NPY002  # not drawn from


@LEARNERS
def test_theta_moves_to_the_pareto_set(make: Make) -> None:
    distribution = make()
    run(distribution, 20)
    theta = distribution.theta
    assert 0.15 < float(theta["x"].centre or 0) < 0.45
    assert 0.003 < float(theta["rate"].centre or 0) < 0.03
    assert 6 <= float(theta["width"].centre or 0) <= 16
    assert theta["kernel"].chances["a"] > 0.8
    assert sum(theta["kernel"].chances.values()) == pytest.approx(1)
    assert "fixed" not in theta


@ALL
def test_frozen_theta_stays_while_points_change(make: Make) -> None:
    distribution = make()
    theta, seen = distribution.theta, set[tuple[float, ...]]()
    for _ in range(4):
        seen |= {tuple(point.tolist()) for point in distribution.points}
        distribution.tell(None)
    assert distribution.theta == theta
    assert len(seen) == 120


def test_cma_begins_around_the_ancestor() -> None:
    theta = cma().theta
    assert theta["x"].centre == 0.8
    assert theta["width"].centre == 150
    assert [theta[name].spread for name in ("x", "rate", "width")] == pytest.approx([0.1] * 3)
    assert theta["kernel"].chances == {"a": 0.25, "b": 0.25, "c": 0.5}
    points = np.stack(cma(population=400).points)
    assert np.abs(points[:, 1] - SPACE.start[1]).mean() == pytest.approx(0.08, abs=0.02)  # of a normal deviation of .1


@LEARNERS
def test_nothing_is_learnt_of_who_never_lived(make: Make) -> None:
    distribution = make()
    before = distribution.theta
    distribution.tell(Fates(np.full((30, 2), math.nan), np.zeros(30)))
    assert distribution.theta == before
    run(distribution, 3)
    assert distribution.theta != before


@LEARNERS
def test_who_never_lives_is_left(make: Make) -> None:
    """Newborns with x above a half fail, whatever else they are: the next ones have less."""
    distribution = make()
    for _ in range(12):
        values = [distribution.space.decode(point) for point in distribution.points]
        objectives = np.array([[1.0, 1.0] if float(own["x"]) < 0.7 else [math.inf, 0.0] for own in values])
        distribution.tell(Fates(objectives, np.zeros(30)))
    assert float(distribution.theta["x"].centre or 1) < 0.72


@LEARNERS
def test_ceilings_are_found_by_arithmetic_alone(make: Make) -> None:
    """Nobody is trained: the excess leads to where widths are within 20."""
    distribution = make()
    for _ in range(15):
        widths = np.array([float(distribution.space.decode(point)["width"]) for point in distribution.points])
        fine = widths <= 20
        objectives = np.where(fine[:, None], 1.0, math.nan) * np.ones((30, 2))
        distribution.tell(Fates(objectives, np.where(fine, 0.0, widths / 20)))
    assert (widths <= 20).mean() > 0.5


@pytest.mark.parametrize("gene", [Real(0, 1, start=0.5), Integer(0, 9, start=5), Choice(("a", "b"), "a")])
@LEARNERS
def test_spaces_of_one_kind(make: Make, gene: Gene) -> None:
    distribution = make(space=Space({"x": gene, "y": gene}), population=8)
    for _ in range(5):
        objectives = np.stack(distribution.points)
        distribution.tell(Fates(objectives, np.zeros(8)))
    assert all(
        gene.holds(value) for point in distribution.points for value in distribution.space.decode(point).values()
    )


@pytest.mark.parametrize("make", [cma, nsga])
def test_learning_beats_random_search(make: Make) -> None:
    """In the median of nine seeds: the mean of the least costs after 8 populations of 20."""

    def least(distribution: Distribution) -> float:
        found = []
        for _ in range(8):
            fates = told(distribution)
            found += fates.objectives.sum(1).tolist()
            distribution.tell(fates)
        return float(np.mean(sorted(found)[:10]))

    own = [least(make(population=20, seed=seed)) for seed in range(9)]
    others = [least(blind(population=20, seed=seed)) for seed in range(9)]
    assert np.median(own) < 0.7 * np.median(others)


def test_the_order_of_fates() -> None:
    nan = math.nan
    rows = [[nan, 1], [2, 2], [1, 3], [9, 9], [3, 1], [nan, nan], [1, 1], [nan, nan], [math.inf, 0]]
    fates = Fates(np.array(rows, float), np.array([0, 0, 0, 0.5, 0, 2.0, 0, 0.1, 0]))
    order, classes = fates.order(crowded=False)
    assert order.tolist() == [6, 1, 2, 4, 7, 3, 5, 0, 8]  # fronts, as drawn; by excess; who never lived
    assert classes[order].tolist() == [0, 1, 1, 1, 2, 3, 4, 5, 5]


def test_crowding_breaks_ties_within_a_front() -> None:
    rows = np.array([[0.5, 0.5], [0.0, 1.0], [0.45, 0.55], [1.0, 0.0], [0.4, 0.6], [2.0, 2.0]])
    fates = Fates(rows, np.zeros(6))
    assert fates.order(crowded=False)[0].tolist() == [0, 1, 2, 3, 4, 5]
    order, classes = fates.order(crowded=True)
    assert order.tolist() == [1, 3, 0, 4, 2, 5]
    assert classes[order].tolist() == [0, 0, 1, 2, 3, 4]


def test_a_population_too_small_for_cma_is_refused() -> None:
    with pytest.raises(InputError, match="at least 4 for cma"):
        cma(population=3)
