from __future__ import annotations

import msgspec

from heredity.run.strategy import Setting, Strategy
from heredity.strategies.dual_inheritance import BEST, DualInheritance, DualInheritanceSettings
from heredity.testing.strategies import StrategyContract

SHORT = {"population": 6, "planned": 3, "steps": (20, 10)}


class TestCMA(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return DualInheritance(setting, msgspec.convert(SHORT, DualInheritanceSettings))


class TestBest(StrategyContract):
    def make(self, setting: Setting) -> Strategy:
        return DualInheritance(
            setting, msgspec.convert({**SHORT, **BEST, "distribution": "nsga2"}, DualInheritanceSettings)
        )
