from __future__ import annotations

import msgspec
import numpy as np
import pytest

from heredity.anatomy.blocks import Block
from heredity.anatomy.constructor import Constructor
from heredity.anatomy.genome import Genome, positions
from heredity.anatomy.inputs import InputForm


@pytest.fixture
def genome() -> Genome:
    tags = {"b": ((0, 0), (0, 3), (7, 1)), "a": ((0, 1), (2, 0))}
    return Genome(Constructor("sample", {"width": 3}, "0" * 16), InputForm((1, 8, 8), (0.5,), (0.25,)), tags)


def test_the_digest_is_the_same_on_every_machine_and_in_every_version(genome: Genome) -> None:
    """Stores hold digests: when this one changes, old runs cannot be resumed."""
    assert genome.digest == "4425fb4c2e220515"


def test_whatever_differs_gives_another_digest(genome: Genome) -> None:
    others = [
        genome.select({"a": np.array([0])}),
        genome.with_masks("f" * 16),
        msgspec.structs.replace(genome, inputs=InputForm((1, 8, 8))),
        msgspec.structs.replace(genome, constructor=Constructor("sample", {"width": 4}, "0" * 16)),
        msgspec.structs.replace(genome, blocks=(Block("a", "after", 3, 4),)),
        msgspec.structs.replace(genome, blocks=(Block("a", "beside", 3, 4),)),
    ]
    assert len({g.digest for g in (genome, *others)}) == 7


def test_positions_among_all(genome: Genome) -> None:
    child = genome.select({"b": np.array([0, 2])})
    assert child.tags == {"b": ((0, 0), (7, 1)), "a": genome.tags["a"]}
    found = positions(child, genome)
    assert found["b"].tolist() == [0, 2]
    assert found["a"].tolist() == [0, 1]
    with pytest.raises(KeyError):
        positions(genome, child)


def test_masks_are_carried_along(genome: Genome) -> None:
    assert genome.with_masks("f" * 16).select({"b": np.array([1])}).masks == "f" * 16
