"""How the seconds of a run are divided between the ancestor and its descendants.

Planned are passes over the data, at the ancestor's speed. It is not measured but taken from its MACs: what a strategy
asks must follow from its setting and its history alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

SPEED = 4e10
"""FLOPs of training that one core does in a second; plans bear half and twice of it. Measured on a server's processor:
24 to 71e9 for convolutional networks, 8e9 for the smallest, whose epochs take no time anyway."""

MOST = 0.3
"""The largest share of a run's seconds that the ancestor has, however large it is."""

MISCELLANEOUS = 0.05
"""Share of the seconds of descendants that goes to what is neither training nor measuring."""


class Plan(NamedTuple):
    """How many are born in a generation, and in how many generations after the ancestor's."""

    population: int
    generations: int


@dataclass(frozen=True)
class Timetable:
    """`macs` and `examples` (of training) make an epoch of the ancestor's. `workers` develop newborns side by side.

    `least` are epochs (ancestor, newborn) that a training should last at least, at the ancestor's speed.
    """

    macs: int
    examples: int
    workers: int
    least: tuple[float, float]

    @property
    def epoch(self) -> float:
        """Seconds of an epoch of the ancestor, about."""
        return 6 * self.macs * self.examples / SPEED

    def ancestor(self, seconds_left: float, share: float) -> float:
        """Seconds of the ancestor's training: this share of those that are left, or more if it is large."""
        return max(share * seconds_left, min(MOST * seconds_left, self.least[0] * self.epoch))

    def hurried(self, ancestor: float) -> bool:
        """Whether an ancestor that trained for so many seconds has hardly seen its data.

        Augmented images and a teacher's opinion of them take longer to learn than there is time: where they were left
        out, ancestor and offspring of a ResNet-20 of one epoch both erred less (lab/LOG.md).
        """
        return ancestor < self.least[0] * self.epoch

    def plan(self, seconds_left: float, besides: float, asked: Plan) -> Plan:
        """What there is time for: the plan that is asked for, or one of fewer births, in fewer generations too.

        `besides` are seconds of each development that are not training. No worker is to be idle: a generation is a
        multiple of them.
        """
        births = seconds_left * self.workers / max(self.least[1] * self.epoch + besides, 1e-9)
        scale = math.sqrt(births / (asked.population * asked.generations))
        if scale >= 1:
            return Plan(math.ceil(asked.population / self.workers) * self.workers, asked.generations)
        population = max(1, round(scale * asked.population / self.workers)) * self.workers
        return Plan(population, max(1, min(asked.generations, round(births / population))))

    def newborn(self, seconds_left: float, besides: float, plan: Plan, generation: int, acceleration: float) -> float:
        """Seconds of each newborn's training, so that all planned generations, each so much longer, fit."""
        worth = sum(acceleration**k for k in range(max(plan.generations - generation, 0) + 1))
        each = (1 - MISCELLANEOUS) * seconds_left * self.workers / plan.population / worth
        return max(each - besides, each / 2)
