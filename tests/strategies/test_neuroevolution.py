from __future__ import annotations

import itertools
import math
from dataclasses import replace

import msgspec
import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.errors import InputError
from heredity.measures.size import params
from heredity.priors.prior import GroupPrior
from heredity.run.strategy import Setting, Strategy
from heredity.run.targets import Targets
from heredity.strategies.neuroevolution import BEST, Neuroevolution, NeuroevolutionSettings
from heredity.testing.strategies import History, Life, StrategyContract, live, sample_setting
from heredity.variation import Cloning, Deepening, Widening

SHORT = {"members": 5, "kept": 2, "steps": (20, 10)}


def roomy(setting: Setting) -> Setting:
    """With ceilings that leave room above the first network, which they would not."""
    room = {"max_params": 24_000.0, "max_bytes": 100_000.0}
    return replace(setting, targets=Targets(**{name: room.get(name, c) for name, c in setting.targets.given.items()}))


class TestJoint(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return Neuroevolution(roomy(setting), msgspec.convert(SHORT, NeuroevolutionSettings))


class TestEach(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        own = {**BEST, **SHORT, "selection": "accuracy", "training": "each", "lines": 2}
        return Neuroevolution(roomy(setting), msgspec.convert(own, NeuroevolutionSettings))


def lived(kind: str = "generations", **settings: object) -> History:
    life = Life()
    return live(Neuroevolution(sample_setting(kind, life), NeuroevolutionSettings(**SHORT | settings)), life, None, 5)


def test_the_best_are_born_again_and_others_grow_from_them() -> None:
    history = lived()
    assert [len(births) for births, _ in history] == [1, 5, 5, 5]
    for (_, before), (births, _) in itertools.pairwise(history[1:]):
        ranked = [i.number for i in sorted(before, key=lambda i: (i.measures["val_error"], i.measures["params"]))]
        assert [birth.parents for birth in births[:2]] == [(ranked[0],), (ranked[1],)]
        assert all(isinstance(birth.operator, Cloning) for birth in births[:2])
        assert all(isinstance(birth.operator, Widening | Deepening) for birth in births[2:])
        assert {birth.parents for birth in births[2:]} <= {(ranked[0],), (ranked[1],)}
        assert {birth.litter for birth in births} == {births[0].number}


def test_each_has_a_litter_of_its_own() -> None:
    births, _ = lived(training="each")[2]
    assert [birth.litter for birth in births] == [birth.number for birth in births]


def test_lines_never_meet() -> None:
    history = lived(lines=2)
    line_of: dict[int, int] = {}
    for generation, (births, _) in enumerate(history[1:], 1):
        assert [birth.number for birth in births] == list(range(births[0].number, births[0].number + 10))
        assert [birth.litter for birth in births] == [births[0].number] * 5 + [births[5].number] * 5
        for place, birth in enumerate(births):
            line_of[birth.number] = place // 5
            assert birth.parents == (0,) if generation == 1 else line_of[birth.parents[0]] == place // 5
    assert len({birth.genome.digest for birth in history[-1][0]}) > 5, "each line draws its own mutations"


def test_a_line_that_fails_as_a_whole_begins_its_generation_anew() -> None:
    life = Life(lambda birth: 6 <= birth.number <= 10)  # the second line of the first generation
    history = live(
        Neuroevolution(sample_setting("generations", life), NeuroevolutionSettings(**SHORT, lines=2)), life, None, 3
    )
    assert {birth.parents for birth in history[2][0][5:]} == {(0,)}
    assert all(birth.parents[0] in range(1, 6) for birth in history[2][0][:5])


def test_the_rate_falls_as_networks_grow() -> None:
    history = lived()
    first = history[0][1][0].measures["params"]
    for births, _ in history[1:]:
        for birth in births:
            size = params(anatomy_of(birth.genome))
            assert birth.recipe.learning_rate == pytest.approx(3e-3 * first / size)
    assert {birth.recipe.learning_rate for births, _ in lived(rate="kept") for birth in births} == {3e-3}
    falling = [births[0].recipe.learning_rate for births, _ in lived(rate="kept", annealed=True)]
    assert falling == sorted(falling, reverse=True)
    assert falling[-1] < 0.2 * falling[0]


@pytest.mark.parametrize(("kind", "found"), [("widening", Widening), ("beside", Deepening), ("inception", Deepening)])
def test_mutations_of_one_kind(kind: str, found: type) -> None:
    for births, _ in lived(chances={kind: 1.0})[1:]:
        grown = [birth.operator for birth in births[2:]]
        assert grown
        assert all(isinstance(operator, found) for operator in grown)
        if kind == "inception":
            assert {operator.kernels for operator in grown} == {(1, 3, 5, 0)}


class Tokens(nn.Module):
    """A perceptron at every one of some positions, and a classifier of their mean."""

    def __init__(self, n_classes: int) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 12), nn.Linear(12, 20)
        self.last = nn.Linear(20, n_classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.second(torch.relu(self.first(inputs)))).mean(1))


@pytest.mark.parametrize("kind", ["beside", "after", "inception"])
def test_blocks_at_layers_over_tokens(kind: str) -> None:
    """As wide as features, which come last, say; without norms, and without branches that pool."""
    form, life = InputForm((5, 8)), Life()
    constructor = describe(f"{__file__}:Tokens", {"n_classes": 10})
    setting = replace(sample_setting("generations", life), constructor=constructor, inputs=form)
    settings = NeuroevolutionSettings(**SHORT, chances={kind: 1.0})
    if kind == "inception":
        with pytest.raises(InputError, match="inception: it has no plain layer of maps"):
            Neuroevolution(setting, settings)
        return
    births, _ = live(Neuroevolution(setting, settings), life, None, 2)[1]
    assert len(births) == SHORT["members"]
    assert {(birth.operator.place, birth.operator.width, birth.operator.norm) for birth in births[1:]} == {
        (kind, 4, False)
    }


def within(targets: Targets, **settings: object) -> History:
    life = Life()
    setting = replace(sample_setting("generations", life), targets=targets)
    return live(Neuroevolution(setting, NeuroevolutionSettings(**SHORT | settings)), life, None, 5)


FIRST = {"params": 19_754, "macs": 35_880, "bytes": 84_016}
"""Sizes of the LeNet-5 on 8x8 images."""


@pytest.mark.parametrize("measure", FIRST)
def test_nobody_grows_beyond_a_ceiling(measure: str) -> None:
    ceiling = FIRST[measure] * 1.1
    people = [i for _, individuals in within(Targets(**{f"max_{measure}": ceiling})) for i in individuals]
    free = [i for _, individuals in lived() for i in individuals]
    assert people[0].measures[measure] == FIRST[measure]
    assert any(not isinstance(i.birth.operator, Cloning) for i in people[1:])
    assert max(i.measures[measure] for i in people) <= ceiling < max(i.measures[measure] for i in free)


@pytest.mark.parametrize("measure", FIRST)
def test_a_ceiling_below_the_first_network_is_refused(measure: str) -> None:
    expected = f"a ceiling of at least {FIRST[measure]:,} {measure}, with which growth begins; came 2,000; raise it"
    with pytest.raises(InputError, match=expected):
        within(Targets(**{f"max_{measure}": 2000}))


@pytest.mark.parametrize(
    ("model", "shape", "chances", "expected"),
    [
        ("lenet-300-100", (1, 8, 8), {"inception": 1.0}, "inception: it has no plain layer of maps"),
        ("lenet-300-100", (1, 8, 8), {"inception": 1.0, "after": 0.0}, "inception: it has no plain layer of maps"),
        ("lstm-small", (8, 6), {"after": 1.0}, "after: it has no plain layer before its last"),
        ("lenet5", (1, 8, 8), {"flattening": 1.0}, "flattening: there are no blocks to take away"),
        ("lenet5", (1, 8, 8), {"widening": 1.0}, "widening: .* params are above the ceiling"),
    ],
)
def test_growth_that_cannot_be_is_refused(
    model: str, shape: tuple[int, ...], chances: dict[str, float], expected: str
) -> None:
    form = InputForm(shape)
    constructor = describe(model, {"input_shape": shape, "n_classes": 10})
    targets = Targets(max_params=FIRST["params"] if "ceiling" in expected else None)
    setting = replace(sample_setting("generations", Life()), constructor=constructor, inputs=form, targets=targets)
    with pytest.raises(InputError, match=f"chances of growth that this network is capable of; came {expected}"):
        Neuroevolution(setting, NeuroevolutionSettings(**SHORT, chances=chances))
    chances = {kind: chance / 2 for kind, chance in chances.items()}
    if not targets.ceilings and model != "lstm-small":
        Neuroevolution(setting, NeuroevolutionSettings(**SHORT, chances=chances | {"after": 0.5}))


def test_coevolution_keeps_who_is_right_where_others_are_wrong() -> None:
    life = Life()
    strategy = Neuroevolution(
        sample_setting("generations", life), NeuroevolutionSettings(**SHORT, selection="coevolution")
    )
    strategy.tell(life.bring_up(strategy.ask(None)))
    births = strategy.ask(None)
    answers = [[1, 1, 1, 1, 0, 0, 0, 0], [1, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1, 0, 0], [0] * 8, [0] * 8]
    told = [
        msgspec.structs.replace(individual, right=np.packbits(np.array(bits, bool)).tobytes())
        for individual, bits in zip(life.bring_up(births), answers, strict=True)
    ]
    strategy.tell(told)
    again = strategy.ask(None)
    assert [birth.parents[0] for birth in again[:2]] == [births[0].number, births[2].number]


def test_coevolution_where_nothing_is_right_or_wrong() -> None:
    setting = replace(sample_setting("generations", Life()), graded=False)
    with pytest.raises(InputError, match="answers that are right or wrong, for co-evolution"):
        Neuroevolution(setting, NeuroevolutionSettings(**SHORT, selection="coevolution"))


def test_labels_are_smoothed_only_where_there_are_some() -> None:
    setting = replace(sample_setting("generations", Life()), smooths=False)
    with pytest.raises(InputError, match="classes or labels, for label_smoothing; came a task without"):
        Neuroevolution(setting, NeuroevolutionSettings(**SHORT, label_smoothing=0.1))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"kept": 5}, "at least 1 kept, and fewer than there are members; came 5 of 5"),
        ({"steps": (-1, 10)}, "steps of the first network of at least 0; came -1"),
        ({"steps": (0, 0)}, "steps of a member of at least 1; came 0"),
        ({"planned": 0}, "planned of at least 1; came 0"),
        ({"lines": 0}, "lines of at least 1; came 0"),
        ({"chances": {"widening": 0.4}}, r"chances of mutations that sum to 1; came \[0.4\]"),
        ({"kernels": ((3, 2.0), (5, -1.0))}, r"chances of kernels that sum to 1"),
        ({"kernels": ((4, 1.0),)}, r"odd kernels, or 0 for a branch that pools; came \(4,\)"),
        ({"amount": 0.0}, "an amount of growth above 0, and at most 8; came 0"),
        ({"amount": math.nan}, "an amount of growth above 0, and at most 8; came nan"),
        ({"amount": math.inf}, "an amount of growth above 0, and at most 8; came inf"),
        ({"flops": (0.0, 0.0)}, "FLOPs above 0; came"),
        ({"flops": (1e9, math.nan)}, "FLOPs above 0; came"),
        ({"ancestor_time": -1.0}, r"ancestor_time in \(0, 1\); came -1"),
        ({"learning_rate": -1.0}, "a learning rate above 0; came 64 and -1"),
        ({"batch_size": 0}, "a batch size of at least 1 .* came 0 and"),
        ({"weight_decay": math.nan}, "weight_decay of at least 0; came nan"),
        ({"label_smoothing": 1.0}, r"label_smoothing in \[0, 1\); came 1"),
        ({"negligible": 5.0}, r"a contribution in \[0, 1\]; came 5"),
    ],
)
def test_settings_that_make_no_sense(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        NeuroevolutionSettings(**SHORT | settings)


@pytest.mark.parametrize("training", ["joint", "each"])
def test_members_may_learn_with_a_group_prior(training: str) -> None:
    (first,), *generations = (births for births, _ in lived(prior=GroupPrior(kind="group-lasso"), training=training))
    assert first.recipe.prior is None
    for birth in itertools.chain(*generations):
        assert birth.recipe.prior is not None
        assert set(birth.recipe.prior.units) == set(birth.genome.sizes), "those of what has grown, too"


def test_a_prior_that_only_a_cut_would_need() -> None:
    with pytest.raises(InputError, match="a prior's share with kind mixture, as nothing is cut here; came kind l2"):
        lived(prior=GroupPrior(kind="l2", share=0.3))
    assert lived(prior=GroupPrior(share=0.3))


def test_flops_are_for_runs_of_generations() -> None:
    with pytest.raises(InputError, match="a run of generations, for flops; came a budget of seconds; give"):
        lived("seconds", flops=(1e9, 1e8))
    births, _ = lived(flops=(1e9, 1e8))[1]
    assert {(birth.recipe.steps, birth.recipe.flops) for birth in births} == {(None, 1e8)}


def test_a_trained_network_is_grown_untouched() -> None:
    (first,), members, *_ = (births for births, _ in lived(steps=(0, 10)))
    assert (first.recipe.steps, {birth.recipe.steps for birth in members}) == (0, {10})


def test_a_prior_names_no_family_where_families_come() -> None:
    with pytest.raises(InputError, match="a prior for all families, as the strategy varies them; came one for fc1"):
        lived(prior=GroupPrior(kind="l2", strengths={"fc1": 2.0}))
