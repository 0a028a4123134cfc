"""The deadline of a run that is bounded by time: development ends so early that the front can still be exported."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

from heredity.anatomy.body import ancestor, fresh_tensors
from heredity.anatomy.constructor import Constructor
from heredity.development.task import Task
from heredity.errors import InputError
from heredity.export.onnx import to_onnx
from heredity.measures.error import predict
from heredity.variation.operator import Organism

USUAL = 12
"""Members that a front is expected to have, at least; time for their export is put aside from the start."""


GROWTH = 2
"""Members by which a front may grow while its last generation develops."""


@dataclass(frozen=True)
class Deadline:
    """When development must end, in the run's seconds. Finishing one member takes `each` seconds."""

    budget: float
    each: float

    @classmethod
    def of(cls, budget: float, constructor: Constructor, task: Task) -> Deadline:
        """Measures on the untrained ancestor what finishing a member takes; its descendants are smaller.

        The quickest of a few tries counts: a process's first export takes seconds more than all others, and other
        programs slow single ones down, as do our own workers' imports.
        """
        first = ancestor(constructor, task.inputs)
        blank = Organism(first.genome, fresh_tensors(constructor, 0))
        begin, tries = time.monotonic(), list[float]()
        while len(tries) < 2 or (len(tries) < 3 and time.monotonic() - begin < min(3.0, budget / 100)):
            tries.append(_finishing(blank, task))
        return cls(budget, min(tries))

    def check(self, elapsed: float) -> None:
        """Refuses a budget in which, after a start that took `elapsed` seconds, hardly anybody would be born.

        Raises:
            InputError: naming the least budget.
        """
        if self.at(0, 0.0) < elapsed + 1:
            # what `at` puts aside: of a small budget a third and one member, or the least front
            third, front = 1.5 * (elapsed + 2 + self.each), elapsed + 2 + self.each * (GROWTH + 1)
            least = math.ceil(max(third, front))
            came = f"{self.budget:g} s, of which {elapsed:.0f} s passed before the ancestor's birth"
            raise InputError.of(f"a budget of at least {least} s here", came, "give a larger --budget")

    def at(self, members: int, elapsed: float) -> float:
        """The end of development, where the front has so many members after so many seconds.

        The later it is, the more the front that is there tells of the one that will be.
        """
        usual = min(USUAL, self.budget / 3 / self.each)  # of a small budget a third
        expected = max(members + GROWTH, usual * (1 - elapsed / self.budget))
        return self.budget - 1 - self.each * (expected + 1)


def _finishing(organism: Organism, task: Task) -> float:
    """Seconds that it takes to export an organism and to test it."""
    sample = task.test.inputs[:500]
    start = time.monotonic()
    to_onnx(organism)
    exported = time.monotonic()
    predict(organism.deployed(), sample)
    return exported - start + (time.monotonic() - exported) * len(task.test) / len(sample)
