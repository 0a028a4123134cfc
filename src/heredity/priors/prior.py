"""A prior on the norms of groups: what a training minimises beside its loss, as plain data.

    L(w) = E(w) + lambda R(w)                                                      (patent JP7085158B2)

    l2            R = 1/2 sum_g w_g^2
    group-lasso   R = sum_g w_g, or with `sized` sum_g sqrt(n_g) w_g
    mixture       R = - sum_g log sum_j alpha_j F_j(w_g; mu_j, sigma_j), see `mixture.py`

w_g is the group parameter. Mixtures are the same for all layers, or one for each family.

Units. Norms of layers do not compare, so w_g may be measured in its family's `units`. A group then counts as much as
its weights' squares at one unit, so that whatever the norm, the layer and the size of its groups a Gaussian at zero
pulls each weight by lambda w/sigma^2, as weight decay does.

The dial. Given a `share` of a cost, nothing else of the mixture is: what goes and what stays if groups below some norm
t make up this share (`dial.py`) says where the components are, and t where their boundary:

    sigma_1 = t/5;   mu_2, sigma_2 of those that stay;   alpha_1/alpha_2 so that the boundary lies at t;
    lambda = strength sigma_1^2, so that an unneeded group is pulled by strength w

The dial is read anew `CHANGES` times a training: groups compete for the places there are. Up to the share `settled` of
the training it is open who is needed, and lambda rises with the square of the time, because what is at zero never comes
back; from then on it grows while somebody below t is not at zero yet. The patent's hyperparameters are set by hand;
that they follow from the share is the reading here.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np
import torch
from msgspec.structs import replace

from heredity.errors import InputError
from heredity.measures.expected import Cost
from heredity.priors.boundary import log_odds_for
from heredity.priors.densities import Family
from heredity.priors.dial import Dial, Norms
from heredity.priors.groups import Groups, Members, Norm
from heredity.priors.mixture import Component, Mixture, penalty, slope

Kind = Literal["mixture", "l2", "group-lasso"]

CHANGES = 30
"""How often the dial is read in a training."""

SHARP = 5.0
"""Threshold / scale of unneeded groups: how suddenly sides change. At 2 groups just above it were drawn down too, and
where norms are alike, as those of new networks are, all of them together (lab log, 2026-11-25)."""

ODDS = 36.0
"""The largest logarithm of odds: beyond, a share of 1 has no rest in double precision."""

NARROWEST = 0.5
"""The least scale of needed groups, as a share of their mean: equal norms are no reason for infinite force."""


class GroupPrior(msgspec.Struct, frozen=True):
    """See the file's head; recorded with the recipe that it is part of.

    A mixture is given as `mixtures` ("" for all families, or by family), or as a `share` to remove, of `cost`, where
    `constant` is what counts beside (the bytes of a graph). `families` are the components' where a share is given.
    """

    kind: Kind = "mixture"
    members: Members = "clusters"
    norm: Norm = "rms"
    strength: float = 0.1
    sized: bool = False
    units: dict[str, float] = {}
    mixtures: dict[str, Mixture] = {}
    share: float | None = None
    cost: Cost = "params"
    constant: float = 0.0
    families: tuple[Family, Family] = ("gaussian", "gaussian")
    settled: float = 0.4

    def __post_init__(self) -> None:
        if not 0 <= self.strength < math.inf or not 0 <= self.settled <= 1:
            came = f"{self.strength} and {self.settled}"
            raise InputError.of("a strength of at least 0, and settled in [0, 1]", came, "correct the prior")
        if self.share is not None and not 0 < self.share < 1:
            raise InputError.of("a share to remove in (0, 1)", self.share, "give 0.5 for half")
        if self.kind == "mixture" and (self.share is None) != bool(self.mixtures):
            came = "both" if self.mixtures else "neither"
            raise InputError.of("either mixtures or a share to remove", came, "correct the prior")
        if any(not 0 < unit < math.inf for unit in self.units.values()):
            raise InputError.of("units above 0", self.units, "correct the prior")

    def check(self, groups: Groups) -> None:
        """Refuses what does not fit these groups.

        Raises:
            InputError: units or mixtures of families that are not there, or of some but not all.
        """
        families = set(groups.sizes)
        for what, given in (("units", set(self.units)), ("mixtures", set(self.mixtures) - {""})):
            if unknown := sorted(given - families):
                known = ", ".join(sorted(families))
                raise InputError.of(f"{what} of families of the network", unknown[0], f"choose among {known}")
            if given and (missing := sorted(families - given)) and "" not in self.mixtures:
                raise InputError.of(f"{what} of all families", f"none of {missing[0]}", "add it")

    def scales(self, groups: Groups) -> tuple[torch.Tensor, torch.Tensor]:
        """`(groups,)` each: the unit of a group, and how much the group counts."""
        size = groups.elements
        units = torch.ones_like(size)
        for name, own in groups.families.items():
            units[own] = self.units.get(name, 1.0)
        if not self.units:
            return units, torch.ones_like(size)
        return units, units.square() * {"rms": size, "l1": 1 / size}.get(self.norm, torch.ones_like(size))

    def penalty(self, groups: Groups) -> Penalty:
        """R as a function of norms in their units; of a dial that is not set yet, none.

        Raises:
            InputError: mixtures of some families have other kinds of components than those of others.
        """
        if self.kind == "l2":
            return Penalty(lambda norms: norms.square() / 2, lambda norms: norms)
        if self.kind == "group-lasso":
            weight = groups.elements.sqrt() if self.sized else torch.ones_like(groups.elements)
            return Penalty(lambda norms: norms * weight, lambda norms: weight.to(norms))
        if not self.mixtures:
            return Penalty(torch.zeros_like, torch.zeros_like)
        first = next(iter(self.mixtures.values())).families
        parts: list[torch.Tensor] = []
        for name, size in groups.sizes.items():
            mixture = self.mixtures.get(name) or self.mixtures[""]
            if mixture.families != first:
                raise InputError.of("components of the same kinds in all mixtures", f"others of {name}", "correct them")
            parts.append(mixture.parameters.unsqueeze(1).expand(3, size, -1))
        return mixed(torch.cat(parts, 1), first)


@dataclass(frozen=True)
class Penalty:
    """R of each group and its slope, elementwise functions of norms `(groups,)` in their units."""

    value: Callable[[torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor], torch.Tensor]


def mixed(parameters: torch.Tensor, families: Sequence[Family]) -> Penalty:
    """The penalty of a mixture: parameters `(3, components)`, or `(3, groups, components)`."""
    own = parameters.float()
    return Penalty(
        lambda norms: penalty(norms, own.to(norms.device), families),
        lambda norms: slope(norms, own.to(norms.device), families),
    )


class Setting(msgspec.Struct, frozen=True):
    """What a dial is set to: the threshold, the two components whose boundary it is, and lambda."""

    threshold: float
    mixture: Mixture
    strength: float


class Reading(msgspec.Struct, frozen=True):
    """Where norms were when a share `progress` of a training was done, and what the dial was set to, if there is one.

    `counts` are groups by norm, in their units: bins of equal width up to `LARGEST_NORM`, the last open above.
    """

    progress: float
    counts: tuple[int, ...]
    setting: Setting | None = None


BINS, LARGEST_NORM = 60, 3.0


def read(progress: float, norms: torch.Tensor, setting: Setting | None) -> Reading:
    """A reading of norms `(groups,)` in their units."""
    bins = (norms.detach() * (BINS / LARGEST_NORM)).long().clamp_(0, BINS - 1)
    return Reading(progress, tuple(torch.bincount(bins, minlength=BINS).tolist()), setting)


def set_by(prior: GroupPrior, dial: Dial, norms: Norms) -> Setting:
    """The mixture that has its boundary where the dial cuts these norms, see the file's head.

    Raises:
        InputError: the share cannot go.
    """
    cut = dial.cut(norms, prior.share or 0.0)
    stay = np.concatenate([norms[name][kept] for name, kept in cut.kept.items()])
    threshold = max(cut.threshold, 1e-6)
    mean = max(float(stay.mean()), threshold * (1 + 1e-6))
    first = Component(0.5, 0.0, threshold / SHARP, prior.families[0])
    second = Component(0.5, mean, max(float(stay.std()), NARROWEST * mean), prior.families[1])
    odds = min(max(log_odds_for(threshold, first, second), -ODDS), ODDS)
    share = 1 / (1 + math.exp(-odds))
    components = replace(first, share=share), replace(second, share=1 - share)
    return Setting(threshold, Mixture(components), prior.strength * first.scale**2)


def units_of(groups: Groups, weights: Mapping[str, torch.Tensor], norm: Norm) -> dict[str, float]:
    """By family: the mean norm of its groups, as units; those of a family without any weight are 1."""
    norms = groups.norms(weights, norm)
    means = {name: float(norms[own].mean()) for name, own in groups.families.items()}
    return {name: mean if mean > 1e-6 else 1.0 for name, mean in means.items()}


def norms_by_family(groups: Groups, norms: torch.Tensor) -> Norms:
    """Norms `(groups,)` of all, by family."""
    values = norms.detach().double().cpu().numpy()
    return {name: values[own] for name, own in groups.families.items()}
