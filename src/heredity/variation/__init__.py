"""How offspring come from their parents: one file per way.

A new operator is added to `AnyOperator`, by which records are read.
"""

from __future__ import annotations

from heredity.variation.cloning import Cloning
from heredity.variation.deepening import Deepening
from heredity.variation.flattening import Flattening
from heredity.variation.founding import Founding
from heredity.variation.growth import Widening
from heredity.variation.reduction import Reduction
from heredity.variation.removal import MagnitudeRemoval, RandomRemoval
from heredity.variation.succession import Succession
from heredity.variation.synthesis import Synthesis

AnyOperator = (
    Founding
    | Succession
    | Cloning
    | Synthesis
    | Reduction
    | Widening
    | Deepening
    | Flattening
    | RandomRemoval
    | MagnitudeRemoval
)
