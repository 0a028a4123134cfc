"""What every strategy must pass. Subclass `StrategyContract` in a test file, and say how yours is made.

class TestMyStrategy(StrategyContract):
    def make(self, setting): return MyStrategy(setting)

Nobody is trained: `Life` gives newborns weights and measurements that follow from their births.
"""

# ruff: noqa: S101  (a test asserts, also one that is shipped)

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
import numpy as np
import pytest
import torch

from heredity.anatomy.body import anatomy_of
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.development.birth import Birth, Individual
from heredity.measures import sizes_of
from heredity.measures.size import synapses
from heredity.rng import derive, generator
from heredity.run.strategy import Horizon, Setting, Strategy
from heredity.run.targets import Targets
from heredity.variation import Founding, Succession
from heredity.variation.operator import Organism

T = TypeVar("T")
Fails = Callable[[Birth], bool]
History = list[tuple[list[Birth], list[Individual]]]
"""What was asked and what was told, by generation."""

SETTINGS: dict[str, tuple[Horizon, str, Targets]] = {
    "generations": (Horizon(generations=3), "params", Targets()),
    "seconds": (Horizon(seconds=600.0), "params", Targets()),
    "targets": (Horizon(generations=3), "macs", Targets(max_params=2000, max_error=0.05)),
    "latency": (Horizon(generations=2), "latency", Targets(max_bytes=40_000)),
}
"""Horizon, cost and targets of the runs that a strategy is tried in."""

GRAPH_BYTES = 5000
"""What files of these runs weigh beside weights."""


class Life:
    """What becomes of births where nobody is trained.

    The error falls with the size, and differs from birth to birth; `fails` says who does not live. Individuals come as
    the store gives them, `organism` gives their weights.
    """

    def __init__(self, fails: Fails = lambda birth: False) -> None:
        self._fails = fails
        self._organisms: dict[int, Organism] = {}

    def bring_up(self, births: Sequence[Birth]) -> list[Individual]:
        """A generation of individuals, in the order of their numbers."""
        return [self._individual(birth) for birth in births]

    def organism(self, individual: Individual) -> Organism:
        """An individual's weights."""
        return self._organisms[individual.number]

    def _individual(self, birth: Birth) -> Individual:
        missing = {*birth.parents, *birth.teachers} - self._organisms.keys()
        assert not missing, f"birth {birth.number} relies on {missing}, who do not live"
        newborn = birth.operator.conceive([self._organisms[parent] for parent in birth.parents], birth.seed)
        assert newborn.genome == birth.genome, "a genome follows from operator, parents and seed"
        if self._fails(birth):
            return _through_json(Individual(birth, "failed", reason="diverged"))
        coins = generator(birth.number, "training")
        tensors = {name: t * (0.5 + torch.rand(t.shape, generator=coins)) for name, t in newborn.tensors.items()}
        self._organisms[birth.number] = Organism(newborn.genome, tensors, newborn.masks)
        anatomy = anatomy_of(newborn.genome)
        sizes = sizes_of(anatomy, GRAPH_BYTES)
        luck = derive(birth.number, "luck") / 2**63
        measures = {
            **sizes,
            "synapses": float(synapses(anatomy, newborn.masks)),
            "latency_ms": 0.01 + sizes["macs"] * 1e-6,
            "val_error": min(0.9, 0.01 + 5 / (sizes["params"] + 10) + 0.02 * luck),
        }
        return _through_json(Individual(birth, "developed", measures, f"{birth.number:064x}", elapsed=birth.number))


def sample_setting(kind: str, life: Life, *, seed: int = 0, workers: int = 2) -> Setting:
    """What a strategy knows of one of the runs in `SETTINGS`: a LeNet-5 on 8x8 digits."""
    form = InputForm((1, 8, 8), (0.3,), (0.4,))
    constructor = describe("lenet5", {"input_shape": form.shape, "n_classes": 10})
    horizon, cost, targets = SETTINGS[kind]
    cost = "latency_ms" if cost == "latency" else cost
    return Setting(constructor, form, 1137, (), seed, horizon, cost, targets, workers, life.organism, GRAPH_BYTES)


def live(strategy: Strategy, life: Life, seconds: float | None, generations: int = 5) -> History:
    """The history of a run, while the strategy goes on, of so many generations at most."""
    history: History = []
    while len(history) < generations and (births := strategy.ask(_left(seconds, history))):
        history.append((births, life.bring_up(births)))
        strategy.tell(history[-1][1])
    return history


class StrategyContract:
    """The contract in the docstring of `Strategy`, as tests."""

    def make(self, setting: Setting) -> Strategy:
        """The strategy to be tested."""
        raise NotImplementedError("a subclass makes the strategy")

    @pytest.fixture(params=SETTINGS)
    def kind(self, request: pytest.FixtureRequest) -> str:
        """The name of each of `SETTINGS`."""
        return request.param

    def _asked(self, kind: str, life: Life, seed: int = 0, workers: int = 2) -> list[list[Birth]]:
        setting = sample_setting(kind, life, seed=seed, workers=workers)
        return [asked for asked, _ in live(self.make(setting), life, setting.horizon.seconds)]

    def test_births_are_numbered_on_by_generation(self, kind: str) -> None:
        generations = self._asked(kind, Life())
        births = [birth for asked in generations for birth in asked]
        assert [birth.number for birth in births] == list(range(len(births)))
        assert len({birth.seed for birth in births}) == len(births)
        assert [{birth.generation for birth in asked} for asked in generations] == [
            {g} for g in range(len(generations))
        ]
        (first,) = generations[0]
        assert (first.parents, first.teachers) == ((), ())
        for g, asked in enumerate(generations):
            assert {birth.generation for birth in asked} == {g}
            before = sum(map(len, generations[:g]))
            assert all(max(birth.parents, default=-1) < before for birth in asked), "children of earlier"
            assert not g or all(birth.parents or isinstance(birth.operator, Founding | Succession) for birth in asked)

    def test_a_run_of_generations_ends(self) -> None:
        life = Life()
        setting = sample_setting("generations", life)
        strategy = self.make(setting)
        assert len(live(strategy, life, None)) == 1 + (setting.horizon.generations or 0)
        assert strategy.ask(None) == []

    def test_a_generation_trains_for_no_longer_than_is_left(self) -> None:
        life = Life()
        setting = sample_setting("seconds", life)
        history = live(self.make(setting), life, setting.horizon.seconds)
        assert len(history) > 1
        for g, (births, _) in enumerate(history):
            left = _left(setting.horizon.seconds, history[:g])
            seconds = [birth.recipe.seconds for birth in births]
            assert left is not None
            assert all(s is not None for s in seconds)
            assert sum(s or 0 for s in seconds) / min(setting.workers, len(births)) <= left

    def test_asking_is_a_function_of_what_was_told(self, kind: str) -> None:
        """A strategy made anew and told the same asks the same, whatever happened to the process between."""
        life = Life()
        setting = sample_setting(kind, life)
        history = live(self.make(setting), life, setting.horizon.seconds)
        again = self.make(sample_setting(kind, life))
        for g, (asked, told) in enumerate(history):
            torch.manual_seed(g + 100)
            np.random.seed(g + 100)  # noqa: NPY002  # the state that a strategy must not draw from
            random.seed(g + 100)
            left = _left(setting.horizon.seconds, history[:g])
            assert again.ask(left) == asked
            assert again.ask(left) == asked, "asking changes nothing"
            again.tell(_through_json(told, list[Individual]))

    def test_asking_leaves_the_random_state_alone(self, kind: str) -> None:
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002
        random.seed(0)
        states = torch.get_rng_state(), np.random.get_state(legacy=False), random.getstate()  # noqa: NPY002
        self._asked(kind, Life())
        assert torch.equal(torch.get_rng_state(), states[0])
        assert str(np.random.get_state(legacy=False)) == str(states[1])  # noqa: NPY002
        assert random.getstate() == states[2]

    def test_the_clock_means_nothing_to_a_run_of_generations(self) -> None:
        """Nor does the number of workers: both change when, not what."""

        class Late(Life):
            def bring_up(self, births: Sequence[Birth]) -> list[Individual]:
                return [msgspec.structs.replace(i, elapsed=1e6, seconds=99.0) for i in super().bring_up(births)]

        assert self._asked("generations", Life()) == self._asked("generations", Late(), workers=5)

    def test_another_seed_is_another_run(self, kind: str) -> None:
        one, other = self._asked(kind, Life(), seed=0), self._asked(kind, Life(), seed=1)
        assert one[0] != other[0]
        assert one[1] != other[1]

    @pytest.mark.parametrize("which", ["every third", "all but the first", "a whole generation"])
    def test_failed_newborns_cost_nobody_else_anything(self, kind: str, which: str) -> None:
        """They are told like others, and are never relied on (which `Life` sees to)."""
        fails: Fails = {
            "every third": lambda birth: birth.number % 3 == 2,
            "all but the first": lambda birth: birth.number > 0,
            "a whole generation": lambda birth: birth.generation == 1,
        }[which]
        life = Life(fails)
        setting = sample_setting(kind, life)
        history = live(self.make(setting), life, setting.horizon.seconds)
        expected = live(self.make(sample_setting(kind, sound := Life())), sound, setting.horizon.seconds)
        assert len(history) == len(expected)
        numbers = [birth.number for asked, _ in history for birth in asked]
        assert numbers == list(range(len(numbers)))

    def test_births_are_plain_data(self, kind: str) -> None:
        for asked in self._asked(kind, Life()):
            assert _through_json(asked, list[Birth]) == asked


def _left(seconds: float | None, history: History) -> float | None:
    """Seconds left after generations that took what was planned for them, on two workers."""
    if seconds is None:
        return None
    spent = sum(sum(birth.recipe.seconds or 0.0 for birth in asked) / min(2, len(asked)) for asked, _ in history)
    return seconds - spent


def _through_json(record: T, kind: type[T] | None = None) -> T:
    return msgspec.json.decode(msgspec.json.encode(record), type=kind or type(record))
