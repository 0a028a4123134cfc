from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pytest

from heredity.anatomy.body import anatomy_of
from heredity.development.birth import Birth, Individual
from heredity.errors import InputError
from heredity.measures.size import macs
from heredity.priors.prior import GroupPrior
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.descent import Descent, DescentSettings
from heredity.testing.strategies import Life, StrategyContract, live, sample_setting
from heredity.variation import Cloning, MagnitudeRemoval, RandomRemoval, Synthesis


class TestSynthesis(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Descent(setting, DescentSettings(population=4))


class TestSynapses(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Descent(setting, DescentSettings(population=3, synapses=0.6, culture=None))


class TestPrior(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Descent(setting, DescentSettings(population=3, prior=GroupPrior(kind="l2")))


class TestMagnitudeRemoval(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Descent(setting, DescentSettings(method="magnitude-removal", population=3))


def lived(kind: str = "generations", generations: int = 4, **settings: object):
    life = Life()
    setting = sample_setting(kind, life)
    return live(Descent(setting, DescentSettings(**settings)), life, setting.horizon.seconds, generations)


def beaten(one: Individual, others: list[Individual], measure: str) -> bool:
    """Brute force: somebody is at least as good in error and cost, and better in one, or as good and older."""
    mine = one.measures["val_error"], one.measures[measure]
    for other in others:
        theirs = other.measures["val_error"], other.measures[measure]
        if theirs[0] <= mine[0] and theirs[1] <= mine[1] and (theirs != mine or other.number < one.number):
            return True
    return False


@pytest.mark.parametrize(
    ("method", "kind"),
    [("synthesis", Synthesis), ("random-removal", RandomRemoval), ("magnitude-removal", MagnitudeRemoval)],
)
def test_methods_share_everything_but_the_operator(method: str, kind: type) -> None:
    history = lived(method=method)
    operators = {type(birth.operator) for asked, _ in history[1:] for birth in asked}
    assert operators <= {kind, Cloning}
    assert kind in operators
    first = lived()[1][0]
    for mine, theirs in zip(history[1][0], first, strict=True):  # as long as nothing of the method was told
        assert (mine.parents, mine.seed, mine.teachers) == (theirs.parents, theirs.seed, theirs.teachers)
        if isinstance(mine.operator, kind):
            assert mine.operator.environment == theirs.operator.environment


def test_the_first_generations_run_down_the_range() -> None:
    history = lived(generations=4)
    ancestor = history[0][1][0].measures["params"]
    smallest = [min(i.measures["params"] for i in told) for _, told in history]
    assert smallest[1] < 0.5 * ancestor
    assert smallest[3] < 0.05 * ancestor
    for _, told in history[1:]:
        sizes = sorted(i.measures["params"] for i in told)
        assert sizes[-1] > 4 * sizes[0], "each covers a range, not a point"


def test_environments_aim_at_targets_spread_over_the_range() -> None:
    """What a birth aims at, its parent's cost times its environment, lies in its own eighth of the range."""
    asked, _ = lived()[1]
    first = lived()[0][1][0].measures["params"]
    low, high = 0.2 * first, first
    for place, birth in enumerate(asked):
        share = 1.0 if isinstance(birth.operator, Cloning) else birth.operator.environment.share
        bounds = [low * (high / low) ** ((place + edge) / 8) for edge in (0, 1)]
        if isinstance(birth.operator, Cloning):
            assert bounds[1] / first > 0.85
        else:
            assert bounds[0] <= share * first <= bounds[1]
            assert 0.2 <= share <= 0.85


def test_parents_are_beaten_by_nobody_of_their_size() -> None:
    """And they are the cheapest such: all that is cheaper lies below the target, or is beaten."""
    history = lived()
    for g in range(1, len(history)):
        living = [i for _, told in history[:g] for i in told]
        for birth in history[g][0]:
            (number,) = birth.parents
            parent = living[number]
            share = 1.0 if isinstance(birth.operator, Cloning) else birth.operator.environment.share
            target = share * parent.measures["params"]
            if isinstance(birth.operator, Cloning) or share <= 0.2:
                continue  # what such a birth aimed at does not show
            larger = [i for i in living if i.measures["params"] >= target * (1 - 1e-9)]
            assert not beaten(parent, larger, "params")
            cheaper = [i for i in larger if i.measures["params"] < parent.measures["params"]]
            assert all(beaten(i, larger, "params") for i in cheaper)


def test_ceilings_bound_what_is_aimed_at() -> None:
    life = Life()
    setting = sample_setting("targets", life)
    history = live(Descent(setting), life, None)
    numbers = {i.number: i for _, told in history for i in told}
    for asked, _ in history[1:]:
        for birth in asked:
            if birth.number % 2 == 1 and not isinstance(birth.operator, Cloning):  # objectives: macs, params in turn
                (parent,) = birth.parents
                aim = birth.operator.environment.share * numbers[parent].measures["params"]
                low = 0.2 * numbers[parent].measures["params"]  # no step is harsher
                assert aim <= max(2000, low) * (1 + 1e-9)
    reached = [i for _, told in history for i in told if i.measures["params"] <= 2000]
    assert len(reached) >= 4


def test_costs_choose_what_is_scarce() -> None:
    for kind, costs in (("latency", {"macs", "params"}), ("generations", {"params"}), ("targets", {"macs", "params"})):
        operators = [birth.operator for asked, _ in lived(kind)[1:] for birth in asked]
        assert {operator.cost for operator in operators if isinstance(operator, Synthesis)} == costs


def test_an_ancestor_that_has_learnt_already_is_let_be() -> None:
    assert lived(steps=(0, 100))[0][0][0].recipe.steps == 0


def test_smaller_networks_take_more_steps_and_larger_rates() -> None:
    history = lived(steps=(300, 100), learning_rate=0.01)
    (first,) = history[0][0]
    assert (first.recipe.steps, first.recipe.learning_rate) == (300, 0.01)
    whole = macs(anatomy_of(first.genome))
    seen = set[int]()
    for asked, told in history[1:]:
        for birth, individual in zip(asked, told, strict=True):
            factor = min(4.0, math.sqrt(whole / macs(anatomy_of(birth.genome))))
            assert birth.recipe.steps == round(100 * factor)
            shrunk = history[0][1][0].measures["params"] / individual.measures["params"]
            assert birth.recipe.learning_rate == pytest.approx(0.01 * shrunk ** (1 / 6))
            seen.add(birth.recipe.steps)
    assert max(seen) == 400, "at most four times as many"
    assert len(seen) > 5


def test_the_ancestor_teaches_all_others() -> None:
    births = [birth for asked, _ in lived() for birth in asked]
    assert [birth.teachers for birth in births] == [()] + [(0,)] * (len(births) - 1)
    assert births[0].recipe.culture is None
    assert all(birth.recipe.culture == DescentSettings().culture for birth in births[1:])
    untaught = [birth for asked, _ in lived(culture=None) for birth in asked]
    assert {birth.teachers for birth in untaught} == {()}
    assert {birth.recipe.culture for birth in untaught} == {None}


def test_synapses_are_left_alone_unless_asked_for() -> None:
    def synthesised(**settings: object) -> list[Birth]:
        return [b for asked, _ in lived(**settings)[1:] for b in asked if isinstance(b.operator, Synthesis)]

    assert {birth.genome.masks for birth in synthesised()} == {None}
    thinned = synthesised(synapses=0.6)
    assert {birth.operator.synapses.share for birth in thinned} == {0.6}
    assert None not in {birth.genome.masks for birth in thinned}


@pytest.mark.parametrize(("workers", "population"), [(1, 7), (2, 8), (3, 9), (10, 10)])
def test_no_worker_is_idle_where_the_clock_bounds_the_run(workers: int, population: int) -> None:
    life = Life()
    setting = sample_setting("seconds", life, workers=workers)
    strategy = Descent(setting, DescentSettings(population=7))
    strategy.tell(life.bring_up(strategy.ask(600.0)))
    births = strategy.ask(500.0)
    assert len(births) == population
    assert len({birth.recipe.seconds for birth in births}) == 1


def test_all_planned_generations_fit_the_time() -> None:
    history = lived("seconds", generations=99, planned=6)
    assert len(history) == 1 + 6
    assert history[0][0][0].recipe.seconds == pytest.approx(0.13 * 600)
    each = [asked[0].recipe.seconds for asked, _ in history[1:]]
    assert all(later > earlier for earlier, later in itertools.pairwise(each))
    spent = history[0][0][0].recipe.seconds + sum(8 / 2 * seconds for seconds in each)
    assert 0.9 * 600 < spent < 600


@pytest.mark.parametrize(("examples", "batch"), [(1, 32), (100, 32), (1137, 32), (2048, 64), (54_000, 128)])
def test_small_data_is_learnt_in_small_batches(examples: int, batch: int) -> None:
    setting = replace(sample_setting("generations", Life()), examples=examples, augmentation=("shift1",))
    (first,) = Descent(setting).ask(None)
    assert first.recipe.batch_size == batch
    assert first.recipe.augmentation == ("shift1",)


def test_without_an_ancestor_there_is_nobody() -> None:
    life = Life(lambda birth: True)
    strategy = Descent(sample_setting("generations", life))
    strategy.tell(life.bring_up(strategy.ask(None)))
    assert strategy.ask(None) == []


@pytest.mark.parametrize(
    "wrong", [{"population": 0}, {"steps": (5, 0)}, {"scarcest": 0.0}, {"synapses": 1.5}, {"ancestor_time": -1.0}]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(InputError, match=rf"^expected {next(iter(wrong))} .*; came .*; "):
        DescentSettings(**wrong)
