"""The anatomy of a network with one more block, from those of both: no trace, no trial.

Where a site is a plain layer of torch's, its own weight says which families its channels are of: what a block reads and
adds to is coupled as the layer is. An identity makes channels of its own for those who read the site's: where these are
known (`cuts.py`), so are both. Of other sites only a trace can tell. A test holds what is composed here against traces.
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
from heredity.anatomy.cuts import Cut
from heredity.anatomy.labels import Integers

CONVOLUTIONS = nn.Conv1d, nn.Conv2d, nn.Conv3d
NORMS = nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d


def composed(before: Anatomy, block: Block, added: Added, host: nn.Module, cut: Cut | None) -> Anatomy | None:
    """The anatomy that a network has since `block` was `added` to its module `host`; None where only a trace can tell.

    `cut` is who reads what the host returned before, if that is known. What is fixed within the block goes by the name
    of the site.
    """
    if block.place == "identity":
        return _cut_off(before, block, added, cut)
    weight = f"{block.site}.weight"
    taken = 0 if block.place == "after" else 1
    if not is_plain(host, reads=taken == 1) or weight not in before.shapes:
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
    families = (*(replace(f, slices=(*f.slices, *coupled[f.name])) for f in before.families), *arisen)
    return _with(replace(before, positions=positions, folds=folds), block, added, families)


def _cut_off(before: Anatomy, block: Block, added: Added, cut: Cut | None) -> Anatomy | None:
    """The anatomy with an identity: it reads the clusters that were read behind the site, and makes others instead."""
    width = len(added.get_parameter("layer.weight"))
    if cut is None or not cut.takes_identity or width == 1:
        return None
    runs = {tensor: before.shapes[tensor][1] // width for tensor in cut.readers}
    layer, met = f"{block.name}.layer", list[int]()
    families: list[Family] = []
    for family in before.families:
        behind = [s for s in family.slices if s.dim == 1 and s.tensor in runs]
        if not behind:
            families.append(family)
            continue
        if {s.tensor for s in family.slices} & {follow.tensor for follow in before.follows}:
            return None
        channels = behind[0].positions[:, 0] // runs[behind[0].tensor]
        if not all(np.array_equal(s.positions, _places(channels, runs[s.tensor])) for s in behind):
            return None
        met += channels.tolist()
        stays = (s for s in family.slices if s not in behind)
        families.append(replace(family, slices=(*stays, Slice(f"{layer}.weight", 1, "read", channels[:, None], 1))))
    if sorted(met) != list(range(width)):  # some cannot go, or only together
        return None
    own = np.arange(width)
    made = [Slice(f"{layer}.{leaf}", 0, "made", own[:, None], 1) for leaf in ("weight", "bias")]
    read = [Slice(tensor, 1, "read", _places(own, run), run) for tensor, run in runs.items()]
    positions = {**before.positions, f"{layer}.weight": math.prod(added.sites["layer"].returned) // width}
    return _with(replace(before, positions=positions), block, added, (*families, Family(layer, (*made, *read))))


def _with(anatomy: Anatomy, block: Block, added: Added, families: tuple[Family, ...]) -> Anatomy:
    """The anatomy with a block's tensors, and these families."""
    new = {f"{block.name}.{name}": tuple(tensor.shape) for name, tensor in tensors_of(added).items()}
    return replace(
        anatomy,
        families=families,
        shapes={**anatomy.shapes, **new},
        parameters=anatomy.parameters | {f"{block.name}.{name}" for name, _ in added.named_parameters()},
    )


def _places(channels: Integers, run: int) -> Integers:
    """Where channels lie, `(channels, run)`, if each takes so many positions."""
    return channels[:, None] * run + np.arange(run)


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
