from __future__ import annotations

import msgspec

from heredity.anatomy.body import anatomy_of
from heredity.development.birth import Individual
from heredity.measures import sizes_of
from heredity.run.front import front_of
from heredity.run.strategy import Setting, Strategy
from heredity.strategies.dual_inheritance import BEST, DualInheritance, DualInheritanceSettings
from heredity.testing.strategies import Life, StrategyContract, live, sample_setting

SHORT = {"population": 6, "planned": 3, "steps": (20, 10)}


def made(setting: Setting, **settings: object) -> DualInheritance:
    return DualInheritance(setting, msgspec.convert({**SHORT, **settings}, DualInheritanceSettings))


class TestCMA(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return DualInheritance(setting, msgspec.convert(SHORT, DualInheritanceSettings))


class TestLarger(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return made(setting, teacher="larger", inherit="teacher")


class TestEnsemble(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return made(setting, teacher="ensemble", culture={"hidden": 0.1})


class TestBest(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return DualInheritance(
            setting, msgspec.convert({**SHORT, **BEST, "distribution": "nsga2"}, DualInheritanceSettings)
        )


def test_who_teaches_is_as_asked_for() -> None:
    """Of errors and sizes as a run knows them, by the definitions."""
    for teacher in ("ancestor", "best", "larger", "ensemble"):
        life = Life()
        setting = sample_setting("generations", life)
        living: list[Individual] = []
        for births, individuals in live(made(setting, teacher=teacher), life, None):
            for birth in births if living else ():
                front = front_of(living, ("val_error", "params"))
                size = sizes_of(anatomy_of(birth.genome))["params"]
                larger = [i for i in front if i.measures["params"] > size]
                expected = {
                    "ancestor": [0],
                    "best": [front[0].number],
                    "larger": [(larger or front[:1])[-1].number],
                    "ensemble": [i.number for i in front[:3]],
                }
                assert list(birth.teachers) == expected[teacher]
            living += individuals
