from __future__ import annotations

import pytest

from heredity.development.birth import Individual
from heredity.errors import InputError
from heredity.priors.mixture import Component, Mixture
from heredity.priors.prior import GroupPrior
from heredity.run.strategy import Setting, Strategy
from heredity.run.targets import Targets
from heredity.strategies.group_pruning import PHASES, GroupPruning, GroupPruningSettings
from heredity.testing.strategies import History, Life, StrategyContract, live, sample_setting
from heredity.variation import Cloning, Founding, Reduction

TWO = Mixture((Component(0.5, 0.0, 0.3), Component(0.5, 1.0, 0.3)))
ONE = Mixture((Component(1.0, 0.0, 0.3),))
NOBODY = Mixture((Component(0.001, 0.0, 1.0), Component(0.999, 1.0, 0.3)))
SHORT = {"steps": (20, 10, 10)}


class TestLadder(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return GroupPruning(setting, GroupPruningSettings(**SHORT, rungs=3))


class TestRandomStart(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return GroupPruning(
            setting, GroupPruningSettings(**SHORT, rungs=2, start="random", prior=GroupPrior(members="rows", norm="l2"))
        )


def lived(kind: str = "generations", generations: int = 2 * PHASES + 1, **settings: object) -> History:
    life = Life()
    setting = sample_setting(kind, life)
    setting = Setting(**{**vars(setting), "horizon": type(setting.horizon)(generations=generations)})
    return live(GroupPruning(setting, GroupPruningSettings(**SHORT | settings)), life, None, generations)


def test_every_rung_is_regularised_reduced_and_tuned() -> None:
    history = lived(rungs=3, smallest=0.2)
    (founded, (first,)), *rounds = history
    assert isinstance(founded[0].operator, Founding)
    for start in range(0, len(rounds), PHASES):
        clones, reduced, tuned = (births for births, _ in rounds[start : start + PHASES])
        for clone, small, last in zip(clones, reduced, tuned, strict=True):
            assert isinstance(clone.operator, Cloning)
            assert clone.recipe.prior is not None
            assert clone.recipe.prior.units.keys() == clone.genome.tags.keys()
            assert small.operator == Reduction(clone.recipe.prior)
            assert (small.parents, small.recipe.steps, small.teachers) == ((clone.number,), 0, ())
            assert isinstance(last.operator, Cloning)
            assert last.parents == (small.number,)
            assert last.genome == small.genome
            assert last.recipe.prior is None
    whole = first.measures["params"]
    for births, individuals in rounds[1::PHASES]:
        shares = [individual.measures["params"] / whole for individual in individuals]
        assert shares == pytest.approx([0.2 ** (k / 3) for k in (1, 2, 3)], abs=0.02), births


def test_a_ladder_of_given_shares() -> None:
    history = lived(shares=(0.7, 0.3))
    whole = history[0][1][0].measures["params"]
    for _, individuals in history[2::PHASES]:
        gone = [1 - individual.measures["params"] / whole for individual in individuals]
        assert gone == pytest.approx([0.3, 0.7], abs=0.02)


def test_a_share_that_cannot_go_is_refused_before_anybody_is_born() -> None:
    setting = sample_setting("generations", Life())
    with pytest.raises(InputError, match=r"a share that can go; came 99\.9 %"):
        GroupPruning(setting, GroupPruningSettings(shares=(0.5, 0.999)))


def test_a_smallest_that_cannot_be_is_refused_before_anybody_is_born() -> None:
    setting = sample_setting("generations", Life())
    with pytest.raises(InputError, match=r"a share that can go; came 99\.99 %.*ask for 99\.\d % or less"):
        GroupPruning(setting, GroupPruningSettings(smallest=1e-4))


def test_later_rounds_begin_with_the_next_larger_member() -> None:
    history = lived(rungs=3)
    living = [individual for _, told in history[:4] for individual in told]
    parents = [birth.parents[0] for birth in history[4][0]]
    assert parents[0] not in {b.number for b in history[3][0]} or parents[0] != parents[1]
    rungs = [birth.recipe.prior.share for birth in history[4][0] if birth.recipe.prior]
    assert max(rungs[1:]) < max(birth.recipe.prior.share for birth in history[1][0] if birth.recipe.prior)
    sizes = {individual.number: individual.measures["params"] for individual in living}
    assert all(a >= b for a, b in zip([sizes[p] for p in parents], [sizes[p] for p in parents[1:]], strict=False))


def ladder(kind: str, cost: str, targets: Targets | None = None, **settings: object) -> list[Individual]:
    """Who is reduced in the first round of such a run."""
    life = Life()
    setting = vars(sample_setting(kind, life)) | {"cost": cost}
    setting = Setting(**setting if targets is None else setting | {"targets": targets})
    return live(GroupPruning(setting, GroupPruningSettings(**SHORT | settings)), life, None, 3)[2][1]


@pytest.mark.parametrize("cost", ["params", "macs"])
def test_a_ceiling_on_weights_is_kept_whatever_is_traded(cost: str) -> None:
    sizes = [individual.measures["params"] for individual in ladder("targets", cost)]
    assert 1800 < sizes[-1] <= 2000
    assert sizes == sorted(sizes, reverse=True)


@pytest.mark.parametrize("cost", ["bytes", "latency_ms"])
def test_a_ceiling_on_bytes_is_kept_whatever_is_traded(cost: str) -> None:
    sizes = [individual.measures["bytes"] for individual in ladder("latency", cost)]
    assert 36_000 < sizes[-1] <= 40_000


def test_of_two_ceilings_the_tighter_one_counts() -> None:
    last = ladder("generations", "params", Targets(max_params=15_000, max_macs=18_000))[-1]
    assert 15_000 < last.measures["macs"] <= 18_000


def test_a_ceiling_above_the_ancestor_asks_for_nothing() -> None:
    without, above = (ladder("generations", "params", targets) for targets in (None, Targets(max_params=1e9)))
    assert [one.birth.genome for one in above] == [one.birth.genome for one in without]


def test_a_ceiling_of_another_measure_than_the_priors_is_refused() -> None:
    setting = Setting(**vars(sample_setting("generations", Life())) | {"targets": Targets(max_params=15_000)})
    with pytest.raises(
        InputError, match=r"a ceiling of macs, as prior\.cost says; came one of params; leave prior\.cost"
    ):
        GroupPruning(setting, GroupPruningSettings(prior=GroupPrior(cost="macs")))


@pytest.mark.parametrize("cost", ["params", "macs", "bytes"])
def test_shares_are_of_what_is_traded(cost: str) -> None:
    life = Life()
    setting = Setting(**vars(sample_setting("generations", life)) | {"cost": cost})
    history = live(GroupPruning(setting, GroupPruningSettings(**SHORT, shares=(0.3, 0.7))), life, None, 3)
    whole = history[0][1][0].measures[cost]
    assert [1 - one.measures[cost] / whole for one in history[2][1]] == pytest.approx([0.3, 0.7], abs=0.02)


def test_shares_of_clusters() -> None:
    history = lived(shares=(0.3, 0.7), prior=GroupPrior(cost="clusters"), generations=3)
    whole = sum(history[0][0][0].genome.sizes.values())
    gone = [1 - sum(birth.genome.sizes.values()) / whole for birth in history[2][0]]
    assert gone == pytest.approx([0.3, 0.7], abs=1 / whole)


def test_shares_that_leave_more_than_the_ceiling_are_refused() -> None:
    setting = sample_setting("targets", Life())
    setting = Setting(**{**vars(setting), "cost": "params"})
    with pytest.raises(
        InputError, match=r"shares that lead to at most 2,000 params; came 0.5, which leaves .* ask for 0"
    ):
        GroupPruning(setting, GroupPruningSettings(shares=(0.3, 0.5)))


def test_a_random_start_founds_new_networks() -> None:
    births, _ = lived(start="random", generations=2)[1]
    assert all(isinstance(birth.operator, Founding) and not birth.parents for birth in births)
    assert len({birth.seed for birth in births}) == len(births)


def test_a_round_of_which_nobody_lives_is_begun_anew() -> None:
    life = Life(lambda birth: birth.generation == 1)
    setting = sample_setting("generations", life)
    history = live(GroupPruning(setting, GroupPruningSettings(**SHORT)), life, None, 4)
    assert [birth.parents for birth in history[2][0]] == [(0,)] * 4
    assert all(isinstance(birth.operator, Reduction) for birth in history[3][0])


def test_a_priors_own_mixtures_make_one_rung() -> None:
    """Untrained, as networks are here: who is below the boundary goes, however many that are."""
    history = lived(prior=GroupPrior(mixtures={"": TWO}, fitted=True))
    (clone,), (reduced,), (tuned,) = (births for births, _ in history[1:4])
    prior = clone.recipe.prior
    assert prior is not None
    assert (prior.fitted, prior.mixtures.keys(), prior.mixtures == {"": TWO}) == (False, {""}, False)
    assert reduced.operator == Reduction(prior)
    assert tuned.genome == reduced.genome
    assert len(history) == 2 * PHASES + 1


def test_a_prior_that_does_not_fit_is_refused_before_anybody_is_born() -> None:
    setting = sample_setting("generations", Life())
    prior = GroupPrior(mixtures={"": TWO}, strengths={"fc9": 2.0})
    with pytest.raises(InputError, match="strengths of families of the network; came fc9"):
        GroupPruning(setting, GroupPruningSettings(prior=prior))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"rungs": 0}, "rungs of at least 1; came 0"),
        ({"smallest": 1.0}, "smallest, a share in"),
        ({"times": (0.5, 0.5)}, "times, two shares that leave some"),
        ({"shares": (0.5, 1.0)}, r"a share to remove in \(0, 1\); came 1.0"),
        ({"steps": (1, 0, 1)}, "steps of at least 1"),
        ({"prior": GroupPrior(share=0.5)}, "the shares of a ladder; came a prior with a share or a constant"),
        ({"prior": GroupPrior(mixtures={"": ONE})}, "a mixture of two components or more; came one"),
        (
            {"prior": GroupPrior(mixtures={"": NOBODY})},
            "a boundary above 0, and finite, of the mixture for all families",
        ),
        ({"prior": GroupPrior(mixtures={"": TWO}), "shares": (0.5,)}, "either shares or a prior's mixtures; came both"),
    ],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, object], expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        GroupPruningSettings(**settings)
