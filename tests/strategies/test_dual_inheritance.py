from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.constructor import describe
from heredity.api.names import make_strategy, strategy_settings
from heredity.development.birth import Individual
from heredity.development.recipe import Culture
from heredity.errors import InputError
from heredity.genes.gene import When
from heredity.measures.size import params
from heredity.run.front import front_of
from heredity.run.strategy import Setting, Strategy
from heredity.run.targets import Targets
from heredity.strategies.dual_inheritance import BEST, DualInheritance, DualInheritanceSettings
from heredity.testing.strategies import History, Life, StrategyContract, live, sample_setting
from heredity.variation import Succession, Synthesis

SHORT: dict[str, Any] = {"population": 6, "planned": 3, "steps": (20, 10)}
TINY = {**SHORT, "population": 4}


class TestCMA(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return DualInheritance(setting, msgspec.convert(TINY, DualInheritanceSettings))


class TestNSGA(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        own = {**TINY, **BEST, "distribution": "nsga2"}
        return DualInheritance(setting, msgspec.convert(own, DualInheritanceSettings))


class TestLarger(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        own = {**SHORT, "teacher": "larger", "inherit": "teacher"}
        return DualInheritance(setting, msgspec.convert(own, DualInheritanceSettings))


class TestEnsemble(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        own = {**SHORT, "teacher": "ensemble", "culture": {"hidden": 0.1}}
        return DualInheritance(setting, msgspec.convert(own, DualInheritanceSettings))


def setting_of(life: Life, model: str = "lenet-300-100", **own: Any) -> Setting:
    setting = sample_setting("generations", life)
    constructor = describe(model, {"input_shape": setting.inputs.shape, "n_classes": 10})
    return replace(setting, constructor=constructor, **own)


def lived(
    fails: Callable[..., bool] = lambda birth: False, targets: Targets | None = None, **own: Any
) -> tuple[DualInheritance, History]:
    life = Life(fails)
    strategy = DualInheritance(
        setting_of(life, **({"targets": targets} if targets else {})),
        msgspec.convert({**SHORT, **own}, DualInheritanceSettings),
    )
    return strategy, live(strategy, life, None)


def newborns(history: History) -> list[Any]:
    return [birth for births, _ in history[1:] for birth in births]


def test_newborns_are_what_their_genes_say() -> None:
    strategy, history = lived()
    (first,) = history[0][0]
    assert first.recipe.culture is None
    assert first.genome.sizes == {"fc1": 300, "fc2": 100}
    assert [len(births) for births, _ in history] == [1, 6, 6, 6]
    for birth in newborns(history):
        assert isinstance(birth.operator, Succession)
        keywords = birth.genome.constructor.keywords
        assert birth.genome.sizes == {"fc1": keywords["fc1"], "fc2": keywords["fc2"]}
        assert birth.recipe.steps == 10
        assert birth.recipe.culture != Culture()
        assert birth.operator.scale != 1.0
    rates = [birth.recipe.learning_rate for birth in newborns(history)]
    assert len(set(rates)) == len(rates)
    assert all(5e-4 <= rate <= 3.2e-2 for rate in rates)
    assert strategy.refused == []
    assert strategy.thetas[0]["model.fc1"].centre == 300


def test_theta_follows_the_fronts_and_frozen_it_does_not() -> None:
    strategy, _ = lived()
    assert len(strategy.thetas) == 3
    assert len({str(theta) for theta in (*strategy.thetas, strategy.theta)}) == 4
    frozen, history = lived(frozen=True)
    assert frozen.thetas == [strategy.thetas[0]] * 3
    assert frozen.theta == strategy.thetas[0]
    assert len({str(birth.recipe) for birth in newborns(history)}) == 18, "samples differ, of one distribution"


def test_replaying_tells_what_the_distribution_was_and_who_was_not_born() -> None:
    own = {"targets": Targets(max_params=20_000), "synthesis": 0.3}
    strategy, history = lived(**own)
    individuals = [individual for _, told in history for individual in told]
    again = DualInheritance(
        setting_of(Life(), targets=own["targets"]),
        msgspec.convert({**SHORT, "synthesis": 0.3}, DualInheritanceSettings),
    )
    again.replay(individuals[:-1])
    assert again.thetas == strategy.thetas
    assert again.theta == strategy.thetas[-1], "the last generation is not whole"
    again.replay(individuals[-len(history[-1][1]) :])
    assert (again.theta, again.refused) == (strategy.theta, strategy.refused)


def test_a_failed_newborn_is_told_last() -> None:
    """Whoever is wider than a hundred fails: theta leaves what only costs births."""
    strategy, _ = lived(
        lambda birth: birth.number > 0 and birth.genome.sizes["fc1"] > 150,
        population=12,
        genes={"model.fc1": "8..600 log from 200", "model.fc2": 50},
    )
    before, after = (float(theta["model.fc1"].centre or 0) for theta in (strategy.thetas[0], strategy.theta))
    assert before == 200
    assert after < 170


def test_the_best_of_earlier_generations_teaches_or_the_ancestor() -> None:
    _, history = lived()
    living = list(history[0][1])
    for births, told in history[1:]:
        best = min(living, key=lambda i: (i.measures["val_error"], i.measures["params"]))
        assert {birth.teachers for birth in births} == {(best.number,)}
        living += told
    assert {birth.teachers for birth in newborns(lived(teacher="ancestor")[1])} == {(0,)}


@pytest.mark.parametrize("culture", [None, Culture(weight=0.0)])
def test_without_culture_nobody_teaches(culture: Culture | None) -> None:
    strategy, history = lived(culture=None if culture is None else msgspec.to_builtins(culture))
    assert {(birth.teachers, birth.recipe.culture) for birth in newborns(history)} == {((), None)}
    assert not any("culture" in name for name in strategy.space.genes)


@pytest.mark.parametrize("teacher", ["larger", "ensemble"])
def test_who_teaches_follows_from_the_front(teacher: str) -> None:
    _, history = lived(teacher=teacher, inherit="teacher")
    living: list[Individual] = []
    for births, individuals in history:
        front = front_of(living, ("val_error", "params"))
        for birth in births if living else ():
            size = params(anatomy_of(birth.genome))
            larger = [i for i in front if i.measures["params"] > size] or front[:1]
            expected = [larger[-1]] if teacher == "larger" else front[:3]
            assert list(birth.teachers) == [i.number for i in expected]
            assert birth.parents == birth.teachers[:1], "whose weights go on"
        living += individuals
    assert max(len(birth.teachers) for birth in newborns(history)) == (1 if teacher == "larger" else 3)


def test_culture_may_be_of_hidden_features_alone() -> None:
    _, history = lived(culture={"weight": 0.0, "hidden": 0.1}, genes={"recipe.culture.weight": 0.0})
    assert all(birth.teachers and birth.recipe.culture.hidden == 0.1 for birth in newborns(history))


HEADS = """
import torch

class Heads(torch.nn.Module):
    def __init__(self, heads):
        super().__init__()
        self.body = torch.nn.Linear(64, 16)
        self.heads = torch.nn.ModuleList(torch.nn.Linear(16, 10) for _ in range(heads))

    def forward(self, x):
        return sum(head(torch.relu(self.body(x.flatten(1)))) for head in self.heads)

def one(heads: int = 1):
    return Heads(heads)

def two(heads: int = 2):
    return Heads(heads)
"""


@pytest.mark.parametrize("given", [{"culture": {"hidden": 0.5}}, {"genes.recipe.culture.hidden": "0..1"}])
def test_where_hidden_features_are_taught_networks_without_one_last_layer_are_not_born(
    tmp_path: Path, given: dict[str, Any]
) -> None:
    (tmp_path / "heads.py").write_text(HEADS)
    settings = strategy_settings(
        "dual_inheritance", {**SHORT, "distribution": "random", "genes.model.heads": "1|2", **given}
    )
    life = Life()
    strategy = make_strategy("dual_inheritance", settings, setting_of(life, f"{tmp_path / 'heads.py'}:one"))
    assert isinstance(strategy, DualInheritance)
    history = live(strategy, life, None)
    assert {birth.genome.constructor.keywords["heads"] for birth in newborns(history)} == {1}
    assert {refusal.values["model.heads"] for refusal in strategy.refused} == {2}
    assert all("one layer that makes the outputs" in refusal.reason for refusal in strategy.refused)
    with pytest.raises(InputError, match="one layer that makes the outputs"):
        make_strategy("dual_inheritance", settings, setting_of(Life(), f"{tmp_path / 'heads.py'}:two"))


def test_weights_come_from_the_teacher_or_the_nearest_in_size() -> None:
    assert {birth.parents for birth in newborns(lived()[1])} == {()}
    for birth in newborns(lived(inherit="teacher")[1]):
        assert birth.parents == birth.teachers
    _, history = lived(inherit="nearest")
    living = list(history[0][1])
    for births, told in history[1:]:
        front = front_of(living, ("val_error", "params"))
        for birth in births:
            size = params(anatomy_of(birth.genome))
            nearest = min(front, key=lambda i: abs(math.log(i.measures["params"] / size)))
            assert birth.parents == (nearest.number,)
        living += told


def test_a_share_of_a_generation_is_synthesised_from_the_front() -> None:
    _, history = lived(synthesis=0.5, population=8)
    living = {i.number: i for i in history[0][1]}
    for births, told in history[1:]:
        assert [isinstance(birth.operator, Synthesis) for birth in births] == [False] * 4 + [True] * 4
        front = {i.number for i in front_of(list(living.values()), ("val_error", "params"))}
        for birth in births[4:]:
            assert {*birth.parents} <= front
            one = living[birth.parents[0]]
            assert all(living[parent].birth.genome.constructor == birth.genome.constructor for parent in birth.parents)
            assert birth.recipe.learning_rate == one.birth.recipe.learning_rate
            assert params(anatomy_of(birth.genome)) < one.measures["params"]
        living |= {i.number: i for i in told}


def test_newborns_may_learn_with_a_group_prior() -> None:
    _, history = lived(prior={"share": 0.3})
    priors = [birth.recipe.prior for birth in newborns(history)]
    assert all(prior is not None and prior.share == 0.3 for prior in priors)


def test_a_prior_may_name_families_where_no_gene_varies_the_network() -> None:
    genes = {"recipe.learning_rate": "1e-3..1e-2"}
    prior = {"share": 0.3, "strengths": {"fc1": 2.0}}
    _, history = lived(prior=prior, default_genes=False, genes=genes)
    assert {birth.recipe.prior.strengths["fc1"] for birth in newborns(history)} == {2.0}


def test_nobody_is_born_above_a_ceiling_and_it_is_said_why() -> None:
    strategy, history = lived(targets=Targets(max_params=20_000))
    assert all(params(anatomy_of(birth.genome)) <= 20_000 for birth in newborns(history))
    assert strategy.refused
    assert {refusal.reason for refusal in strategy.refused} == {"params above the ceiling"}
    assert all(refusal.size is not None and refusal.size > 20_000 for refusal in strategy.refused)
    assert len(newborns(history)) >= 3


def test_where_nobody_can_keep_a_ceiling_they_are_born_nevertheless() -> None:
    strategy, history = lived(
        targets=Targets(max_params=100), default_genes=False, genes={"model.fc2": "50..90 from 60"}
    )
    assert [len(births) for births, _ in history] == [1, 6, 6, 6]
    assert len(strategy.refused) == 7 * 6 * 3, "seven populations were drawn in vain before each"


def test_whose_network_cannot_be_built_is_not_born() -> None:
    life = Life()
    setting = replace(
        setting_of(life, "tdnn"), constructor=describe("tdnn", {"input_shape": (1, 8, 8), "n_classes": 10})
    )
    genes = {"model.depth": "2..4", "model.width": "4..8 from 5"}
    own = {**SHORT, "default_genes": False, "genes": genes, "distribution": "random"}
    settings = msgspec.convert(own, DualInheritanceSettings)
    strategy = DualInheritance(setting, settings)
    history = live(strategy, life, None, 3)
    assert {refusal.values["model.depth"] for refusal in strategy.refused} == {2}
    assert all("at least 3 layers" in refusal.reason for refusal in strategy.refused)
    assert len(newborns(history)) + len(strategy.refused) == 12
    genes = {"model.width": "4..8 from 5", "model.depth": "2..2 if model.width=4..8"}
    never = {**SHORT, "default_genes": False, "genes": genes}
    hopeless = DualInheritance(setting, msgspec.convert(never, DualInheritanceSettings))
    with pytest.raises(InputError, match="genes of which networks can be built; came none in 8 populations"):
        live(hopeless, life, None, 2)


def test_budgets() -> None:
    _, history = lived(flops=(2e9, 1e9))
    assert history[0][0][0].recipe.flops == 2e9
    assert {(birth.recipe.flops, birth.recipe.steps) for birth in newborns(history)} == {(1e9, None)}
    with pytest.raises(InputError, match="a run of generations, for flops; came a budget of seconds; give"):
        DualInheritance(sample_setting("seconds", Life()), DualInheritanceSettings(flops=(2e9, 1e9)))


@pytest.mark.parametrize("own", [{"label_smoothing": 0.1}, {"genes": {"recipe.label_smoothing": "0..0.2"}}])
def test_labels_are_smoothed_only_where_there_are_some(own: dict[str, Any]) -> None:
    settings = msgspec.convert({**SHORT, **own}, DualInheritanceSettings)
    DualInheritance(setting_of(Life()), settings)
    with pytest.raises(InputError, match="classes or labels, for label_smoothing; came a task without"):
        DualInheritance(setting_of(Life(), smooths=False), settings)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"genes.model.fc1": "600..8"}, "bounds of gene model.fc1, the lower one first"),
        ({"genes.model.fc1": "400..600"}, "the start of gene model.fc1 within 400..600; came 300"),
        ({"genes.model.fc3": "8..9"}, "gene model.fc3 to be a keyword of lenet-300-100; came none such; .*fc1, fc2"),
        ({"genes.model.fc3": "off"}, "genes that are there, to be off; came model.fc3"),
        (
            {"genes.model.fc1": "8..600 if model.fc2=9", "genes.model.fc2": "8..200 if model.fc1=9"},
            "that do not wait for each other; came model.fc1 if model.fc2 and model.fc2 if model.fc1; drop",
        ),
        ({"genes.model.fc1": "8..600 if model.fc2=9|300"}, "values that model.fc2 can have, 8..200 log; came 300"),
        ({"genes.model.fc2": "8..200 if model.fc1=700"}, "values that model.fc1 can have, 8..600 log; came 700"),
        ({"genes.recipe.weight_decay": "0..1 log"}, "bounds above 0 of gene recipe.weight_decay"),
        ({"genes.recipe.optimiser": []}, "values of gene recipe.optimiser; came none"),
        (
            {"culture": None, "genes.recipe.culture.weight": "0..1"},
            "gene recipe.culture.weight to be a part of culture",
        ),
        ({"default_genes": False}, "a gene that has more than one value; came none"),
        ({"population": 3}, "a population of at least 4 for cma"),
        (
            {"preset": "best", "population": 4},
            "at least 4 of a population for cma, beside those that are synthesised; came 3 of 4",
        ),
        ({"synthesis": 1.0}, "leaves somebody to be drawn"),
        ({"steps": [-1, 5]}, "steps of the ancestor of at least 0; came -1"),
        ({"flops": [1e9, -1.0]}, "flops above 0; came"),
        ({"flops": [math.inf, 1e9]}, "flops above 0; came"),
        ({"sigma": 0.0}, r"sigma in \(0, 1\)"),
        (
            {"prior": {"share": 0.3, "strengths": {"fc1": 2.0}}},
            "a prior for all families, as the strategy varies them; came one for fc1",
        ),
        ({"culture": "off"}, "settings of dual_inheritance; came .*culture.*; correct it, or write null for none"),
        ({"teacher": "nobody"}, "choose among ancestor, best"),
    ],
)
def test_wrong_settings_are_refused_in_one_line(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputError, match=expected) as refused:
        make_strategy("dual_inheritance", strategy_settings("dual_inheritance", given), setting_of(Life()))
    assert "\n" not in str(refused.value)


def on_tdnn(**given: Any) -> DualInheritance:
    setting = replace(
        setting_of(Life(), "tdnn"), constructor=describe("tdnn", {"input_shape": (1, 8, 8), "n_classes": 10})
    )
    strategy = make_strategy("dual_inheritance", strategy_settings("dual_inheritance", given), setting)
    assert isinstance(strategy, DualInheritance)
    return strategy


def test_genes_of_a_model_that_hang_on_one_that_is_off_stay() -> None:
    space = on_tdnn(**{"genes.model.depth": "off", "preset": "best"}).space
    assert space.genes["model.width"].when is None


@pytest.mark.parametrize(
    ("depth", "left"),
    [("3..6", (4, 5, 6)), ("2..5", (4, 5)), ("3|6 from 3", (6,)), (5, (5,)), (3, ()), ("2..3 from 3", ())],
)
def test_a_models_own_condition_becomes_what_can_be(depth: Any, left: tuple[int, ...]) -> None:
    genes = on_tdnn(**{"genes.model.depth": depth}).space.genes
    assert ("model.width" in genes) == bool(left)
    if left:
        assert genes["model.width"].when == When("model.depth", left)


def test_genes_come_behind_those_that_their_conditions_are_on() -> None:
    usual = list(on_tdnn().space.genes)
    written = {"genes.model.width1": "8..48 from 16 if model.depth=4..6", "genes.model.reach": "1..3"}
    space = on_tdnn(**written).space
    others = [name for name in usual if name != "model.width1"]
    place = others.index("model.depth") + 1
    assert list(space.genes) == [*others[:place], "model.width1", *others[place:]]
    shallow = space.decode(space.encode({"model.depth": 3}))
    assert not {"model.width1", "model.width"} & shallow.keys()
    assert on_tdnn(**{"genes.model.depth": "3..6 if model.reach=1|2"}).space.genes.keys() == set(usual)
