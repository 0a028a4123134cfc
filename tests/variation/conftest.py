from __future__ import annotations

from collections.abc import Callable

import pytest

from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm
from heredity.variation.founding import Founding
from heredity.variation.operator import Organism

Founder = Callable[[int], Organism]


def _founding(reference: str, form: InputForm, **offered: object) -> Founding:
    return Founding(describe(reference, {"input_shape": form.shape, "n_classes": 4, **offered}), form)


@pytest.fixture(params=["lenet5", "residual"])
def founder(request: pytest.FixtureRequest) -> Founder:
    """Ancestors by seed: one of plain layers, one with shortcuts and norms."""
    if request.param == "lenet5":
        founding = _founding("lenet5", InputForm((1, 8, 8)))
    else:
        founding = _founding("heredity.zoo.resnet:ResNet", InputForm((3, 8, 8)), channels=3, blocks=1)
    return lambda seed: founding.conceive([], seed)


@pytest.fixture
def lenet() -> Organism:
    """A LeNet-5 for 8x8 images of four classes."""
    return _founding("lenet5", InputForm((1, 8, 8))).conceive([], 0)
