"""The anatomy of a network with one more block, from those of both: no trace, no trial.

Where a site is a plain layer of torch's, its own weight says which families its channels are of: what a block reads and
adds to is coupled as the layer is. Of other sites, and of identities, whose followers read new channels, only a trace
can tell. A test holds what is composed here against traces.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import nn

from heredity.anatomy.anatomy import Anatomy, Family, Slice
from heredity.anatomy.blocks import Added, Block, Branch, original_class
from heredity.anatomy.build import tensors_of

CONVOLUTIONS = nn.Conv1d, nn.Conv2d, nn.Conv3d
NORMS = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d


def composed(before: Anatomy, block: Block, added: Added, host: nn.Module) -> Anatomy | None:
    """The anatomy that a network has since `block` was `added` to its module `host`; None where only a trace can tell.

    What is fixed within the block goes by the name of the site.
    """
    weight = f"{block.site}.weight"
    taken = 0 if block.place == "after" else 1
    if not is_plain(host, reads=taken == 1) or weight not in before.shapes or block.place == "identity":
        return None
    if block.width == 1:  # which is no family
        return None
    if any(isinstance(child, Added) and child.place == "identity" for child in host.children()):  # it returns others
        return None
    coupled: dict[str, list[Slice]] = {family.name: [] for family in before.families}
    arisen: list[Family] = []
    positions, folds = dict(before.positions), {n: layer for n, layer in before.folds.items() if layer != weight}
    for number, branch in enumerate(added.parts):
        name = f"{block.name}.branches.{number}"
        for family, own in _along(before, weight, taken):
            coupled[family].append(replace(own, tensor=f"{name}.expand.weight", dim=1, role="read"))
        for family, own in _along(before, weight, 0):
            made = replace(own, dim=0, role="made")
            coupled[family] += [replace(made, tensor=f"{name}.project.{leaf}") for leaf in ("weight", "bias")]
        arisen.append(Family(f"{name}.expand", tuple(_within(name, branch))))
        for layer in ("expand", "project"):
            returned = branch.sites[layer].returned
            positions[f"{name}.{layer}.weight"] = math.prod(returned) // len(branch.get_parameter(f"{layer}.weight"))
        if block.norm:
            folds[f"{name}.norm"] = f"{name}.expand.weight"
    new = {f"{block.name}.{name}": tuple(tensor.shape) for name, tensor in tensors_of(added).items()}
    return replace(
        before,
        families=(*(replace(f, slices=(*f.slices, *coupled[f.name])) for f in before.families), *arisen),
        shapes={**before.shapes, **new},
        parameters=before.parameters | {f"{block.name}.{name}" for name, _ in added.named_parameters()},
        positions=positions,
        folds=folds,
    )


def is_plain(host: nn.Module, *, reads: bool) -> bool:
    """Whether channels lie along the first dimension of a layer's weight; if it `reads`, inputs along the second."""
    kind = original_class(host)
    if isinstance(host, CONVOLUTIONS):
        return kind in CONVOLUTIONS and host.groups == 1
    return kind is nn.Linear or (kind in NORMS and not reads)


def _along(anatomy: Anatomy, tensor: str, dim: int) -> Iterator[tuple[str, Slice]]:
    """Families that lie along a dimension of a tensor, and where."""
    for family in anatomy.families:
        if own := next((s for s in family.slices if (s.tensor, s.dim) == (tensor, dim)), None):
            yield family.name, own


def _within(name: str, branch: Branch) -> Iterator[Slice]:
    """Where the clusters within a branch lie: each of them is one channel."""
    channels = np.arange(len(branch.get_parameter("expand.weight")))[:, None]
    yield Slice(f"{name}.expand.weight", 0, "made", channels, 1)
    yield Slice(f"{name}.expand.bias", 0, "made", channels, 1)
    for leaf in tensors_of(branch.norm):
        yield Slice(f"{name}.norm.{leaf}", 0, "made", channels, 1)
    yield Slice(f"{name}.project.weight", 1, "read", channels, 1)
