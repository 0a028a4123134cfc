"""The trial: every family loses clusters on random weights in float64, and what fails is fixed.

Labels say what is coupled; the trial decides whether that is true. Clusters that nobody reads (their slices in the
consumers are zero) must be removable without a trace, whatever the other weights are.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy, Family
from heredity.anatomy.build import conform, load, tensors_of
from heredity.types import Tensors

TOLERANCE = 1e-9
"""Largest difference of the outputs, relative to the largest output (float64)."""


def failing_families(module: nn.Module, anatomy: Anatomy, batch: torch.Tensor) -> dict[str, str]:
    """The families whose removal goes wrong, with what went wrong; `batch` is float64, `(n, *input_shape)`.

    All families are tried at once; only when that fails are they tried by halves.
    """
    large = copy.deepcopy(module).double().eval()
    weights = _random_weights(large, anatomy)
    removable = [family for family in anatomy.families if family.size > 1]
    return _failing(large, weights, anatomy, removable, batch)


def _failing(
    large: nn.Module, weights: Tensors, anatomy: Anatomy, families: Sequence[Family], batch: torch.Tensor
) -> dict[str, str]:
    problem = _attempt(large, weights, anatomy, families, batch) if families else None
    if problem is None:
        return {}
    if len(families) == 1:
        return {families[0].name: f"removal trial: {problem}"}
    middle = len(families) // 2
    found = [_failing(large, weights, anatomy, half, batch) for half in (families[:middle], families[middle:])]
    if any(found):
        return found[0] | found[1]
    return {family.name: f"removal trial: {problem} (together with others)" for family in families}


def _attempt(
    large: nn.Module, weights: Tensors, anatomy: Anatomy, families: Sequence[Family], batch: torch.Tensor
) -> str | None:
    """What goes wrong when about a third of each of these families is silenced and removed; nothing if nothing does."""
    rng = np.random.default_rng(0)
    silenced, kept = dict(weights), {}
    for family in families:
        stays = rng.permutation(family.size)[: max(1, family.size - max(1, family.size // 3))]
        kept[family.name] = np.sort(stays)
        gone = np.setdiff1d(np.arange(family.size), stays)
        for s in family.slices:
            if s.role == "read":
                index = torch.from_numpy(s.positions[gone].ravel())
                silenced[s.tensor] = silenced[s.tensor].index_fill(s.dim, index, 0.0)
    small = copy.deepcopy(large)
    try:
        with torch.no_grad():
            load(large, silenced)
            expected = large(batch)
            load(small, anatomy.plan(kept).apply(silenced))
            conform(small)
            came = small(batch)
    except Exception as error:  # noqa: BLE001  # whatever a network raises is what goes wrong
        return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
    if came.shape != expected.shape:
        return f"the output's shape changes to {tuple(came.shape)}"
    difference = (came - expected).abs().max().item() / max(expected.abs().max().item(), 1e-30)
    return None if difference <= TOLERANCE else f"outputs differ by {difference:.1e}"


def _random_weights(module: nn.Module, anatomy: Anatomy) -> Tensors:
    """Weights that let signals of about size one through, so that no mistake hides behind zeros."""
    generator = torch.Generator().manual_seed(0)
    weights: Tensors = {}
    for name, tensor in tensors_of(module).items():
        shape = anatomy.shapes[name]
        if len(shape) > 1:
            scale = math.sqrt(2 / max(math.prod(shape[1:]), 1))
            weights[name] = torch.randn(shape, generator=generator, dtype=tensor.dtype) * scale
        else:
            weights[name] = torch.rand(shape, generator=generator, dtype=tensor.dtype) + 0.5
    return weights
