from __future__ import annotations

import itertools

import msgspec
import pytest

from heredity.anatomy.body import anatomy_of
from heredity.development.recipe import Culture
from heredity.priors.prior import GroupPrior, tailored
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.generations import BEST, Generations, GenerationsSettings
from heredity.testing.strategies import History, Life, StrategyContract, live, sample_setting
from heredity.variation import Synthesis
from heredity.variation.environment import Environment

SHORT = {"population": 3, "steps": (20, 10)}


class TestBestOfThree(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Generations(setting, msgspec.convert({**BEST, **SHORT, "parents": 3}, GenerationsSettings))


class TestGeneTags(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        settings = GenerationsSettings(**SHORT, parents=3, chi=0.6, kappas="once", pool="any", cluster="kernel")
        return Generations(setting, settings)


class TestPrior(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Generations(setting, GenerationsSettings(**SHORT, prior=GroupPrior(share=0.5)))


def lived(generations: int = 4, **settings: object) -> History:
    life = Life()
    setting = sample_setting("generations", life)
    return live(Generations(setting, GenerationsSettings(**SHORT | settings)), life, None, generations)


@pytest.mark.parametrize("mates", ["random", "fittest"])
def test_parents_come_from_the_generation_before_the_fittest_first(mates: str) -> None:
    history = lived(parents=3, population=4, mates=mates)
    assert {birth.parents for birth in history[1][0]} == {(0,)}, "of one ancestor alone"
    for (_, before), (births, _) in itertools.pairwise(history[1:]):
        ranked = [i.number for i in sorted(before, key=lambda i: (i.measures["val_error"], i.measures["synapses"]))]
        for birth in births:
            places = [ranked.index(parent) for parent in birth.parents]
            assert len(places) == 3
            assert places == sorted(places)
            assert mates == "random" or places == [0, 1, 2]
        assert mates == "fittest" or len({birth.parents for birth in births}) > 1


def test_parents_may_come_from_any_generation_before() -> None:
    history = lived(parents=2, pool="any")
    generation = {birth.number: birth.generation for births, _ in history for birth in births}
    ages = {
        birth.generation - generation[parent] for births, _ in history for birth in births for parent in birth.parents
    }
    assert ages >= {1, 2}


def test_environments_follow_their_schedule_and_the_last_one_stays() -> None:
    clusters = (Environment(0.9), Environment(0.3, "scarcity"))
    for births, _ in lived(clusters=clusters, synapses=(Environment(0.5),))[1:]:
        for birth in births:
            assert isinstance(birth.operator, Synthesis)
            assert birth.operator.environment == clusters[0 if birth.generation == 1 else 1]
            assert birth.operator.synapses == Environment(0.5)


def test_kappas_may_be_set_once_on_the_ancestor() -> None:
    held = {birth.operator.kappas for births, _ in lived(kappas="once")[1:] for birth in births}
    assert len(held) == 1
    assert None not in held
    assert {birth.operator.kappas for births, _ in lived()[1:] for birth in births} == {None}


def test_smaller_networks_may_take_more_steps() -> None:
    first = lived()[0][1][0].measures["synapses"]
    for births, individuals in lived(patience=0.5, longest=3.0)[1:]:
        for birth, individual in zip(births, individuals, strict=True):
            assert birth.recipe.steps == round(10 * min(3.0, (first / individual.measures["synapses"]) ** 0.5))
    assert {birth.recipe.steps for births, _ in lived()[1:] for birth in births} == {10}


def test_a_teacher_where_there_is_culture() -> None:
    assert {birth.teachers for births, _ in lived(culture=Culture())[1:] for birth in births} == {(0,)}
    assert {birth.teachers for births, _ in lived()[1:] for birth in births} == {()}


def test_a_line_dies_out() -> None:
    assert len(lived(ends_at=0.0)) == 1
    assert len(lived(ends_at=0.9)) == 4


def test_newborns_learn_with_a_prior_of_their_own() -> None:
    life = Life()
    setting = sample_setting("generations", life)
    prior = GroupPrior(share=0.5)
    history = live(Generations(setting, GenerationsSettings(**SHORT, prior=prior)), life, None, 3)
    assert history[0][0][0].recipe.prior is None
    living = {individual.number: individual for _, told in history for individual in told}
    for births, _ in history[1:]:
        for birth in births:
            parents = [setting.organism(living[number]) for number in birth.parents]
            newborn = birth.operator.conceive(parents, birth.seed)
            assert birth.recipe.prior == tailored(prior, anatomy_of(newborn.genome), newborn.tensors)
