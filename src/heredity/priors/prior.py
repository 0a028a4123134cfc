"""A prior on the norms of groups: what a training minimises beside its loss, as plain data.

    L(w) = E(w) + lambda R(w)                                                      (patent JP7085158B2)

    l2            R = 1/2 sum_g w_g^2
    group-lasso   R = sum_g w_g, or with `sized` sum_g sqrt(n_g) w_g
    mixture       R = - sum_g log sum_j alpha_j F_j(w_g; mu_j, sigma_j), see `mixture.py`

w_g is the group parameter. Mixtures are the same for all layers, or one for each family.

Units. Norms of layers do not compare, so w_g may be measured in its family's `units`. A group then counts as much as
its weights' squares at one unit, so that whatever the layer and the size of its groups a Gaussian at zero pulls each
weight by lambda w/sigma^2, as weight decay does; a weight of two groups by twice that. So it is for l2 and rms; l1 and
the maximum pull a group as hard at one unit, and divide it otherwise among its weights.

The dial. Given a `share` of a cost, nothing else of the mixture is: what goes and what stays if groups below some norm
t make up this share (`dial.py`) says where the components are, and t where their boundary:

    sigma_1 = t/5;   mu_2, sigma_2 of those that stay;   alpha_1/alpha_2 so that the boundary lies at t;
    lambda = strength sigma_1^2, so that an unneeded group is pulled by strength w

A weight of two groups goes when either does, so a group whose partners go would seem weaker than it is and follow.
By a dial, norms are therefore those of what is left: a weight that is shared with another group counts, in the size of
its own, as the square of the other's norm, at most one, and on average over a dimension of its tensor. A weight that
goes with a cluster but is not of its group (`groups.py`) counts so in its own group's norm as well: nobody else pulls
it to zero when that cluster goes, and groups that are needed made up their norms of such weights (lab log, 2026-11-27).

The dial is read anew `CHANGES` times a training: groups compete for the places there are. Up to the share `settled` of
the training it is open who is needed, and lambda rises with the square of the time, because what is at zero never comes
back; from then on who is below t learns no more from the loss and only shrinks (`heredity.development.prior`). The
patent's hyperparameters are set by hand; that they follow from the share is the reading here.

The cut. Other kinds know of no share: one only says who goes at the end. Layers do not find their balance in training
then, and norms in any units may leave next to nothing of a layer, so who goes is a matter of layer-adaptive scores
(`dial.py`; lab log, 2026-11-27).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import msgspec
import torch
from msgspec.structs import replace

from heredity.anatomy.anatomy import Anatomy
from heredity.errors import InputError
from heredity.measures.expected import Cost
from heredity.priors.boundary import parts_sides
from heredity.priors.densities import Family
from heredity.priors.dial import Dial, Norms, layer_adaptive
from heredity.priors.groups import Groups, Members, Norm, OwnNorm, check_norm, groups_of, norm_of
from heredity.priors.mixture import Mixture, between, fitted, joined

Kind = Literal["mixture", "l2", "group-lasso"]

USUAL = {"mixture": 0.1, "l2": 1e-3, "group-lasso": 1e-3}
"""By kind: lambda, where none is given; `USUAL_SIZED` that of group lasso by sizes. From a pilot on `lenet-300-100`
(lab log, 2026-11-26)."""

USUAL_SIZED = 3e-5

LEAST = 1e-4
"""Of a group's weights, the least share that counts as living."""


class GroupPrior(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """See the file's head; recorded with the recipe that it is part of.

    lambda is `strength`, unless given what is `USUAL`, which becomes evenly `strength_end` by the end of a training if
    that is given, times that family's of `strengths`. `norm` is one of `groups.Norm`, or a function's reference
    (`groups.norm_of`).

    A mixture is given as `mixtures` ("" for all families, or by family), or as a `share` to remove, of `cost`, where
    `constant` is what counts beside (the bytes of a graph); `families` are the components' where a share is given. What
    mixtures are at first becomes evenly what `later` says by the end; where they are `fitted`, they are what
    expectation maximisation starts from, on the norms that a network has when it is born.
    """

    kind: Kind = "mixture"
    members: Members = "clusters"
    norm: str = "rms"
    strength: float | None = None
    strength_end: float | None = None
    strengths: dict[str, float] = {}
    sized: bool = False
    units: dict[str, float] = {}
    mixtures: dict[str, Mixture] = {}
    later: dict[str, Mixture] = {}
    fitted: bool = False
    share: float | None = None
    cost: Cost = "params"
    constant: float = 0.0
    families: tuple[Family, Family] = ("gaussian", "gaussian")
    settled: float = 0.4

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise InputError.of("a kind of prior", repr(self.kind), f"choose among {', '.join(get_args(Kind))}")
        check_norm(self.norm)
        for strength in (self.strength, self.strength_end, *self.strengths.values()):
            if strength is not None and not 0 <= strength < math.inf:
                raise InputError.of("a strength of at least 0", strength, "correct the prior")
        if not 0 <= self.settled <= 1:
            raise InputError.of("settled, a share in [0, 1]", self.settled, "correct the prior")
        if self.share is not None and not 0 < self.share < 1:
            raise InputError.of("a share to remove in (0, 1)", self.share, "give 0.5 for half")
        if self.dialled and 0.0 in self.strengths.values():
            family = next(name for name, factor in self.strengths.items() if factor == 0.0)
            expected, came = "strengths above 0 beside a share, for which all families are pulled", f"0 for {family}"
            raise InputError.of(expected, came, "correct the prior")
        if self.mixtures and self.share is not None:
            raise InputError.of("either mixtures or a share to remove", "both", "correct the prior")
        if self.kind != "mixture" and self.mixtures:
            raise InputError.of("mixtures of a prior of that kind", f"kind {self.kind}", "leave one out")
        if self.sized and self.kind != "group-lasso":
            raise InputError.of("sized, with kind group-lasso", f"kind {self.kind}", "leave it out")
        if not 0 <= self.constant < math.inf:
            raise InputError.of("a constant of at least 0", self.constant, "correct the prior")
        if any(not 0 < unit < math.inf for unit in self.units.values()):
            raise InputError.of("units above 0", self.units, "correct the prior")
        if not self.mixtures and (self.later or self.fitted):
            raise InputError.of("mixtures, which are fitted or become others later", "none", "give them")
        for name, last in self.later.items():
            if name not in self.mixtures or self.mixtures[name].families != last.families:
                came = f"others for {name or 'all families'}"
                raise InputError.of("later mixtures of the same components as at first", came, "correct the prior")

    def check(self, groups: Groups) -> None:
        """Refuses what does not fit these groups.

        Raises:
            InputError: neither mixtures nor a share where either is needed; something of families that are not there;
                units or mixtures of some families but not of all, or mixtures of unlike components; or a share where
                clusters cannot fall silent.
        """
        _ = self.parameter
        if self.kind == "mixture" and self.share is None and not self.mixtures:
            raise InputError.of("either mixtures or a share to remove", "neither", "give prior.share, say")
        families = set(groups.sizes)
        given = {"units": set(self.units), "mixtures": set(self.mixtures) - {""}, "strengths": set(self.strengths)}
        for what, names in given.items():
            if unknown := sorted(names - families):
                known = ", ".join(sorted(families))
                raise InputError.of(f"{what} of families of the network", unknown[0], f"choose among {known}")
            whole = what == "strengths" or (what == "mixtures" and "" in self.mixtures)
            if names and not whole and (missing := sorted(families - names)):
                raise InputError.of(f"{what} of all families", f"none of {missing[0]}", "add it")
        if self.dialled and groups.held:
            came = f"{min(groups.held)}, frozen both where it is made and where it is read"
            remedy = "train them, or give mixtures instead of a share"
            raise InputError.of("families whose clusters a training can bring to zero", came, remedy)
        kinds = {mixture.families: name for name, mixture in self.mixtures.items()}
        if len(kinds) > 1:
            came = f"others of {list(kinds.values())[-1] or 'all'}"
            raise InputError.of("components of the same kinds in all mixtures", came, "correct them")

    def parts(self, groups: Groups) -> dict[str, torch.Tensor]:
        """Which groups `(n,)`, by their places, a mixture is for, by its name; under "" are those without their own."""
        places = torch.arange(groups.count, device=groups.elements.device)
        found: dict[str, list[torch.Tensor]] = {}
        for family, own in groups.families.items():
            found.setdefault(family if family in self.mixtures else "", []).append(places[own])
        return {name: torch.cat(own) for name, own in found.items()}

    def scales(self, groups: Groups, relative: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """`(groups,)` each: the unit of a group, and how much the group counts.

        With `relative` norms `(groups,)`, in units so far, those are discounted that hardly live, see the file's head.
        """
        size = groups.elements
        units, counts = torch.ones_like(size), torch.ones_like(size)
        for name, own in groups.families.items():
            units[own], counts[own] = self.units.get(name, 1.0), self.strengths.get(name, 1.0)
        living = size if relative is None else groups.living(relative.clamp(max=1.0).square()).clamp_min(LEAST * size)
        part = living / size
        units = units * {"rms": part.sqrt(), "l2": part.sqrt(), "l1": part}.get(self.norm, 1.0)
        if self.units:
            counts = counts * units.square() * {"rms": size, "l1": 1 / living}.get(self.norm, 1.0)
        return units, counts

    def relative(self, groups: Groups, weights: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """`(groups,)`: norms of weights by name, in their units; by a dial those that hardly live are discounted."""
        found = groups.norms(weights, self.parameter) / self.scales(groups)[0]
        if not self.dialled:
            return found
        return groups.norms(weights, self.parameter, found.clamp(max=1.0)) / self.scales(groups, found)[0]

    def ranks(self, groups: Groups, weights: Mapping[str, torch.Tensor]) -> Norms:
        """By what groups go, the least first: norms in their units; of kinds that know no share, scores of these."""
        norms = norms_by_family(groups, self.relative(groups, weights))
        return norms if self.kind == "mixture" else layer_adaptive(norms)

    @property
    def dialled(self) -> bool:
        """Whether a share says what the mixture is."""
        return self.kind == "mixture" and self.share is not None

    @property
    def parameter(self) -> Norm | OwnNorm:
        """The group parameter.

        Raises:
            InputError: there is no such function.
        """
        return norm_of(self.norm)

    def strength_at(self, progress: float) -> float:
        """lambda, families' factors aside, when this share of a training is done."""
        first = self.strength
        if first is None:
            first = USUAL_SIZED if self.sized else USUAL[self.kind]
        end = first if self.strength_end is None else self.strength_end
        return first + progress * (end - first)

    def mixtures_at(self, progress: float) -> dict[str, Mixture]:
        """The mixtures in force when this share of a training is done."""
        return {
            name: between(first, self.later[name], progress) if name in self.later else first
            for name, first in self.mixtures.items()
        }

    def penalty(self, groups: Groups, progress: float = 0.0) -> Penalty:
        """R as a function of norms in their units; of a dial that is not set yet, none."""
        if self.kind == "l2":
            return Given(lambda norms: norms.square() / 2, lambda norms: norms)
        if self.kind == "group-lasso":
            weight = groups.elements.sqrt() if self.sized else torch.ones_like(groups.elements)
            return Given(lambda norms: norms * weight, lambda norms: weight.to(norms))
        if not self.mixtures:
            return Given(torch.zeros_like, torch.zeros_like)
        mixtures = self.mixtures_at(progress)
        parts = [(mixtures.get(name) or mixtures[""]).penalty(size) for name, size in groups.sizes.items()]
        return joined(parts).to(groups.elements)


class Penalty(Protocol):
    """R of each group and its slope, elementwise functions of norms `(groups,)` in their units."""

    def value(self, norms: torch.Tensor, /) -> torch.Tensor: ...

    def slope(self, norms: torch.Tensor, /) -> torch.Tensor: ...


@dataclass(frozen=True)
class Given:
    """A penalty by its two functions."""

    value: Callable[[torch.Tensor], torch.Tensor]
    slope: Callable[[torch.Tensor], torch.Tensor]


def tailored(prior: GroupPrior, anatomy: Anatomy, weights: Mapping[str, torch.Tensor]) -> GroupPrior | None:
    """The prior of a network as it is born; None where nothing in it can go.

    Units, unless given, are what norms are now. Mixtures are fitted that are to be, one for all families to all norms;
    where norms are all of one kind, so that what is found parts nobody, they stay as given. A share is at most what can
    go.

    Raises:
        InputError: see `GroupPrior.check`.
    """
    if not anatomy.families:
        return None
    groups = groups_of(anatomy, prior.members)
    prior = replace(prior, units=prior.units or units_of(groups, weights, prior.parameter))
    prior.check(groups)
    if prior.share is not None:
        most = Dial(anatomy, prior.cost, prior.constant).most
        return replace(prior, share=min(prior.share, most)) if most > 0 else None
    if prior.fitted:
        norms = prior.relative(groups, weights)
        of = {name: norms[own] for name, own in prior.parts(groups).items()}
        found = {name: fitted(of.get(name, norms), first) for name, first in prior.mixtures.items()}
        mixtures = {
            name: own if len(own.components) < 2 or parts_sides(own) else prior.mixtures[name]
            for name, own in found.items()
        }
        return replace(prior, mixtures=mixtures, fitted=False)
    return prior


def units_of(groups: Groups, weights: Mapping[str, torch.Tensor], norm: Norm | OwnNorm) -> dict[str, float]:
    """By family: the mean norm of its groups, as units; those of a family without any weight are 1."""
    norms = groups.norms(weights, norm)
    means = {name: float(norms[own].mean()) for name, own in groups.families.items()}
    return {name: mean if mean > 1e-6 else 1.0 for name, mean in means.items()}


def norms_by_family(groups: Groups, norms: torch.Tensor) -> Norms:
    """Norms `(groups,)` of all, by family."""
    values = norms.detach().double().cpu().numpy()
    return {name: values[own] for name, own in groups.families.items()}
