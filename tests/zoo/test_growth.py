"""Every ancestor of the zoo grows without a change: fresh, pruned and grown before, and as an ONNX file."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import get_args

import numpy as np
import onnxruntime
import pytest
from torch import nn

from heredity.anatomy.body import root
from heredity.anatomy.inputs import InputForm, example
from heredity.errors import InputError
from heredity.export.onnx import to_onnx
from heredity.testing.organisms import TOLERANCE, apart, found, halved
from heredity.variation import deepening, growth
from heredity.variation.deepening import Deepening
from heredity.variation.growth import Widening
from heredity.variation.operator import Organism
from heredity.zoo import ZOO, defaults

pytestmark = pytest.mark.slow

WIDENINGS = [variant for variant in get_args(growth.Variant) if growth.PRESERVING[variant]]
DEEPENINGS = [variant for variant in get_args(deepening.Variant) if deepening.PRESERVING[variant]]


def chosen(names: list[str]) -> list[str]:
    """The first, one in the middle, the last."""
    return list(dict.fromkeys(names[k] for k in (0, len(names) // 2, -1))) if names else []


def growths(organism: Organism, birth: int) -> Iterator[Widening | Deepening]:
    """Every preserving variant of every kind, at some places of a network each."""
    first = root(organism.genome)
    for family in chosen([name for name in organism.genome.tags if name not in first.stunted()]):
        for variant in WIDENINGS:
            yield Widening(family, 2, birth, variant)
    layers = [site for site in first.sites if not isinstance(first.module.get_submodule(site), nn.Sequential)]
    for site in chosen([site for site in layers if first.sites[site].returned != first.anatomy.outputs]):
        for variant in DEEPENINGS:
            yield Deepening(site, birth, "after", 2, variant=variant)
            yield Deepening(site, birth, "beside", 2, variant=variant)
        yield Deepening(site, birth, "after", 2, (1, 3, 5, 0))
        yield Deepening(site, birth, "identity")


def kind_of(operator: Widening | Deepening) -> str:
    where = f"deepening {operator.place}" if isinstance(operator, Deepening) else "widening"
    return f"{where} {operator.variant}"


EVERYWHERE = {
    *(f"widening {variant}" for variant in WIDENINGS),
    *(f"deepening {place} {variant}" for place, variant in itertools.product(("after", "beside"), DEEPENINGS)),
}
"""What every ancestor can do, whatever has become of it: only identities ask for a ReLU that follows."""

QUICK = ("lenet5", "cnn-small", "inception-small")
"""Those of every run of the tests; all others take ten minutes, with HEREDITY_LONG set."""


@pytest.mark.parametrize("name", ZOO if "HEREDITY_LONG" in os.environ else QUICK)
def test_an_ancestor_grows_without_a_change(name: str) -> None:
    fresh = found(name, InputForm(tuple(defaults(ZOO[name])["input_shape"])))
    grown = fresh
    for birth, (state, parent) in enumerate({"fresh": fresh, "halved": halved(fresh), "grown": None}.items(), 1):
        organism, kinds = parent or grown, set[str]()
        for operator in growths(organism, birth):
            try:
                child = operator.conceive([organism], birth)
            except InputError:  # it says why it cannot be there; somewhere it can
                continue
            assert apart(organism, child) <= TOLERANCE, operator
            kinds.add(kind_of(operator))
            grown = child
        assert kinds >= EVERYWHERE, state
    single = Organism(grown.genome, {name: tensor.float() for name, tensor in grown.tensors.items()})
    session = onnxruntime.InferenceSession(to_onnx(single), providers=["CPUExecutionProvider"])
    batch = example(grown.genome.inputs, 2)
    (came,) = session.run(None, {"input": batch.numpy()})
    expected = single.deployed()(batch).detach().numpy()
    assert np.abs(came - expected).max() <= 1e-4 * max(1.0, np.abs(expected).max())
