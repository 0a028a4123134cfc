"""Groups of weights, one for each cluster, and the one number that a prior knows of each: its group parameter, a norm.

Groups are made of a cluster's slices, since only a cluster can go:

    rows        the weights by which it is made: its filters, with their biases and norms
    columns     the weights that read it: of every layer that it is input of, those of one input channel
    clusters    both

A weight may be of two groups, of the cluster that it makes and of the one that it reads, and then counts in both. Rows
that are zero make zeros only where the activation of zero is: behind a sigmoid their removal is felt.

A filter in front of a batch norm is not of its cluster's rows, whose size is that of the norm's scale and shift alone.
The norm divides the filter's size out: it says nothing of the cluster, to pull it changes nothing that the network
answers, and the smaller it is the further each step turns it.

Weights that go with a cluster without being of its group, such as those in a filter before a norm that others' columns
are made of, can count as little as that cluster lives.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Literal, NamedTuple, cast, get_args

import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.constructor import resolve
from heredity.errors import InputError

Members = Literal["rows", "columns", "clusters"]

Norm = Literal["l1", "l2", "rms", "max"]
"""Sum of magnitudes, root of the sum of squares, root of their mean (which does not know a group's size), largest."""

OwnNorm = Callable[[torch.Tensor], torch.Tensor]
"""A user's own: of the weights of groups `(groups, n)`, in the order of a family's slices, to `(groups,)`."""

SMOOTH = 1e-12
"""Epsilon under the roots: the gradient of a norm at zero is zero, not NaN."""

ROLES = {"rows": ("made",), "columns": ("read",), "clusters": ("made", "read")}


def check_norm(name: str) -> None:
    """Refuses what names neither a norm nor a function.

    Raises:
        InputError: so it is.
    """
    if name not in get_args(Norm) and ":" not in name:
        known = ", ".join(get_args(Norm))
        raise InputError.of("a norm of groups", repr(name), f"choose among {known}, or name a function: FILE.py:NAME")


@cache
def norm_of(name: str) -> Norm | OwnNorm:
    """A norm by its name, or a user's own by its reference, `file.py:function` or `package.module:function`.

    Raises:
        InputError: there is none, or it fails at a trial.
    """
    check_norm(name)
    if ":" not in name:
        return cast("Norm", name)
    own: OwnNorm = resolve(name, "norm", {})[0]
    _try_out(own, name)
    return own


def _try_out(norm: Callable[[torch.Tensor], object], name: str) -> None:
    expected = f"norm {name} to make differentiable, finite numbers (3,) of weights (3, 4)"
    try:
        found = norm(torch.linspace(0.1, 1.2, 12).reshape(3, 4).requires_grad_())
    except Exception as error:
        raise InputError.of(expected, f"{type(error).__name__}: {error}", "correct the function") from error
    if (
        not isinstance(found, torch.Tensor)
        or (found.shape, found.requires_grad) != ((3,), True)
        or not bool(found.isfinite().all())
    ):
        raise InputError.of(expected, found, "correct the function")


class Part(NamedTuple):
    """A dimension of tensor `name` in which there are groups: the `rest` of the dimensions, and its `view` in them."""

    name: str
    rest: list[int]
    view: list[int]


@dataclass(frozen=True)
class Groups:
    """The groups of a network, those of one family after the other.

    `places` say by tensor and dimension which group each position is of, `(length,)`; the number of all groups where it
    is of none. `others` say the same of clusters with which weights of groups go, but which they are no members of.
    Of families that are `held` no training brings a cluster to zero: some of what makes it is frozen, and some of what
    reads it.
    """

    sizes: Mapping[str, int]
    places: Mapping[str, Mapping[int, torch.Tensor]]
    shapes: Mapping[str, tuple[int, ...]]
    others: Mapping[str, Mapping[int, torch.Tensor]]
    held: frozenset[str] = frozenset()

    @property
    def count(self) -> int:
        """Number of groups."""
        return sum(self.sizes.values())

    @cached_property
    def families(self) -> dict[str, slice]:
        """By family: where its groups are among all."""
        ends = itertools.accumulate(self.sizes.values())
        return {name: slice(end - size, end) for (name, size), end in zip(self.sizes.items(), ends, strict=True)}

    @cached_property
    def parts(self) -> list[Part]:
        """Of every tensor and each of its dimensions in which there are groups."""
        found: list[Part] = []
        for name, by_dim in self.places.items():
            dims = range(len(self.shapes[name]))
            for dim in by_dim:
                rest = [d for d in dims if d != dim]
                found.append(Part(name, rest, [self.shapes[name][d] if d == dim else 1 for d in dims]))
        return found

    @cached_property
    def by_tensor(self) -> list[tuple[str, list[Part]]]:
        """The parts of each tensor."""
        return [(name, list(own)) for name, own in itertools.groupby(self.parts, lambda part: part.name)]

    @cached_property
    def index(self) -> torch.Tensor:
        """The group of each position of all parts, one part after the other."""
        return torch.cat([place for by_dim in self.places.values() for place in by_dim.values()])

    @cached_property
    def elements(self) -> torch.Tensor:
        """`(groups,)`: how many weights each has."""
        return self.living(torch.ones(self.count, device=self.index.device))

    def on(self, device: torch.device) -> Groups:
        """The same for weights that lie on a device."""
        places, others = (
            {name: {dim: place.to(device) for dim, place in own.items()} for name, own in found.items()}
            for found in (self.places, self.others)
        )
        return Groups(self.sizes, places, self.shapes, others, self.held)

    def living(self, alive: torch.Tensor) -> torch.Tensor:
        """`(groups,)`: how many weights each has but for those that go with clusters which do not live.

        `alive (groups,)` says how much each does, in [0, 1]; others count by their mean over a tensor's dimension.
        """
        means = iter([float(own.mean()) for own in self._spread(alive, 1.0)])
        shades = self._shades(alive)
        each: list[torch.Tensor] = []
        for name, parts in self.by_tensor:
            own = [next(means) for _ in parts]
            shade = float(shades[name].mean()) if name in shades else 1.0
            for k, part in enumerate(parts):
                rest = math.prod(self.shapes[part.name][d] for d in part.rest)
                each.append(alive.new_full((math.prod(part.view),), rest * shade * math.prod(own[:k] + own[k + 1 :])))
        return alive.new_zeros(self.count + 1).index_add_(0, self.index, torch.cat(each))[:-1]

    def of_all(self, which: torch.Tensor) -> dict[str, torch.Tensor]:
        """By tensor, in a shape that meets it: 1 where weights are of none but those groups that `which` says, else 0.

        `which (groups,)` are truth values.
        """
        found: dict[str, torch.Tensor] = {}
        for part, own in zip(self.parts, self._spread(which.to(self.elements), 1.0), strict=True):
            found[part.name] = found[part.name] * own if part.name in found else own
        return found

    def norms(
        self, weights: Mapping[str, torch.Tensor], norm: Norm | OwnNorm, alive: torch.Tensor | None = None
    ) -> torch.Tensor:
        """`(groups,)`: the group parameter of each, of weights by name.

        `alive (groups,)` says how much each cluster lives, in [0, 1]; else all do.

        Raises:
            InputError: an own norm gives something else.
        """
        weights = self._measured(weights, alive)
        if not isinstance(norm, str):
            return torch.cat([_checked(norm, self.gathered(weights, family)) for family in self.families])
        parts: list[torch.Tensor] = []
        for name, own in self.by_tensor:
            weight = weights[name].detach()
            if norm in ("l2", "rms") and len(own) == 1 and own[0].rest and own[0].view[0] != 1:
                parts.append(torch.linalg.vector_norm(weight, dim=own[0].rest).square_())  # in one pass
                continue
            values = weight.abs() if norm in ("l1", "max") else weight.square()
            parts += [_over(values, part.rest, largest=norm == "max") for part in own]
        values = torch.cat(parts)
        total = values.new_zeros(self.count + 1)
        if norm == "max":
            total.scatter_reduce_(0, self.index, values, "amax")
        else:
            total.index_add_(0, self.index, values)
        total = total[:-1]
        if norm == "rms":
            total = total / self.elements
        return total.add_(SMOOTH).sqrt_() if norm in ("l2", "rms") else total

    def forces(
        self,
        weights: Mapping[str, torch.Tensor],
        norm: Norm | OwnNorm,
        norms: torch.Tensor,
        slopes: torch.Tensor,
        alive: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """What slopes `(groups,)` by these norms mean for the weights of every tensor; what `pull` makes gradients of.

        For l2 and rms it is a factor of the weights, for l1 of their signs, for others the gradient itself: the
        derivative of a norm by a weight w is w/norm (l2), w/(n norm) (rms), sign(w) (l1), and that for the largest
        alone (max).
        """
        if not isinstance(norm, str):
            return self._own_forces(weights, norm, slopes, alive)
        if norm in ("l2", "rms"):
            slopes = slopes / norms
        if norm == "rms":
            slopes = slopes / self.elements
        found: dict[str, torch.Tensor] = {}
        spread = self._spread(slopes)
        tops = self._spread(norms) if norm == "max" else spread
        measured = self._measured(weights, alive) if norm == "max" else weights
        for part, slope, top in zip(self.parts, spread, tops, strict=True):
            if norm == "max":
                weight = measured[part.name].detach()
                slope = weight.sign().mul_(torch.where(weight.abs() == top, slope, 0.0))
            found[part.name] = found[part.name] + slope if part.name in found else slope
        for name, shade in self._shades(alive).items():
            found[name] = found[name] * (shade.square() if norm in ("l2", "rms") else shade)
        return found

    @staticmethod
    def shrunk(
        weights: Mapping[str, torch.Tensor],
        norm: Norm | OwnNorm,
        forces: Mapping[str, torch.Tensor],
        staying: Mapping[str, torch.Tensor],
        rate: float,
    ) -> dict[str, torch.Tensor]:
        """Forces that pull weights where they do not stay (0, where they do 1) by `rate` times themselves instead."""
        found: dict[str, torch.Tensor] = {}
        for name, force in forces.items():
            weight = weights[name].detach()
            own = torch.ones_like(force) if norm in ("l2", "rms") else weight.abs() if norm == "l1" else weight
            found[name] = torch.lerp(rate * own, force, staying[name])
        return found

    def pull(
        self,
        weights: Mapping[str, torch.Tensor],
        gradients: Mapping[str, torch.Tensor | None],
        norm: Norm | OwnNorm,
        forces: Mapping[str, torch.Tensor],
    ) -> None:
        """Adds forces to the gradients of weights, in place; weights without a gradient are left alone."""
        for name, force in forces.items():
            if (gradient := gradients.get(name)) is None:
                continue
            if norm in ("l2", "rms"):
                gradient.addcmul_(weights[name].detach(), force)
            elif norm == "l1":
                gradient.addcmul_(weights[name].detach().sign(), force)
            else:
                gradient.add_(force)

    def _spread(self, values: torch.Tensor, others: float = 0.0) -> list[torch.Tensor]:
        """Of every part what its positions' groups have of `(groups,)`, in the shape in which it meets the tensor.

        Positions that are of no group have what `others` says.
        """
        own = torch.cat([values, values.new_full((1,), others)]).index_select(0, self.index)
        lengths = [math.prod(part.view) for part in self.parts]
        return [each.view(part.view) for each, part in zip(own.split(lengths), self.parts, strict=True)]

    def _measured(self, weights: Mapping[str, torch.Tensor], alive: torch.Tensor | None) -> Mapping[str, torch.Tensor]:
        """Weights, those that go with clusters which they are not of as much as these live."""
        shades = self._shades(alive)
        return {**weights, **{name: weights[name] * shade for name, shade in shades.items()}} if shades else weights

    def _shades(self, alive: torch.Tensor | None) -> dict[str, torch.Tensor]:
        """By tensor, in a shape that meets it: how much those clusters live that weights go with but are not of."""
        if alive is None:
            return {}
        whole = torch.cat([alive, alive.new_ones(1)])
        found: dict[str, torch.Tensor] = {}
        for name, by_dim in self.others.items():
            for dim, place in by_dim.items():
                own = whole[place].view([len(place) if d == dim else 1 for d in range(len(self.shapes[name]))])
                found[name] = found[name] * own if name in found else own
        return found

    def gathered(self, weights: Mapping[str, torch.Tensor], family: str) -> torch.Tensor:
        """`(groups, n)`: the weights of each group of a family, slice by slice."""
        own, parts = self.families[family], list[torch.Tensor]()
        for name, by_dim in self.places.items():
            for dim, place in by_dim.items():
                mine = torch.nonzero((place >= own.start) & (place < own.stop)).flatten()
                if len(mine):
                    mine = mine[place[mine].argsort(stable=True)]
                    parts.append(weights[name].index_select(dim, mine).movedim(dim, 0).reshape(self.sizes[family], -1))
        return torch.cat(parts, 1)

    def _own_forces(
        self, weights: Mapping[str, torch.Tensor], norm: OwnNorm, slopes: torch.Tensor, alive: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        leaves = {name: weights[name].detach().requires_grad_() for name in self.places}
        with torch.enable_grad():
            found = torch.autograd.grad(self.norms(leaves, norm, alive), list(leaves.values()), slopes)
        return dict(zip(leaves, found, strict=True))


def groups_of(anatomy: Anatomy, members: Members = "clusters") -> Groups:
    """A group for every cluster, of what is trained and whose size matters.

    Raises:
        InputError: nothing in the network can go, or there are no such groups.
    """
    if members not in ROLES:
        raise InputError.of("a kind of groups", repr(members), f"choose among {', '.join(ROLES)}")
    if not anatomy.families:
        raise InputError.of("a network in which something can go", "none", "see `heredity inspect`")
    sizes = anatomy.sizes
    sizeless = {name for weight in anatomy.folds.values() for name in (weight, _bias(weight))}
    count, start = sum(sizes.values()), 0
    places: dict[str, dict[int, torch.Tensor]] = {}
    others: dict[str, dict[int, torch.Tensor]] = {}
    weighed: set[str] = set()
    held: set[str] = set()
    for family in anatomy.families:
        sides: dict[str, set[bool]] = {}  # by role, whether its weights are frozen
        for s in family.slices:
            if s.tensor not in anatomy.parameters:
                continue
            member = s.role in ROLES[members] and not (s.role == "made" and s.tensor in sizeless)
            if member:
                sides.setdefault(s.role, set()).add(s.tensor in anatomy.frozen)
            if s.tensor not in anatomy.frozen:
                length, own = anatomy.shapes[s.tensor][s.dim], places if member else others
                place = own.setdefault(s.tensor, {}).setdefault(s.dim, torch.full((length,), count))
                numbers = torch.arange(start, start + family.size).unsqueeze(1)
                place[torch.from_numpy(s.positions)] = numbers.expand(s.positions.shape)
                if member:
                    weighed.add(family.name)
        if {False} not in sides.values():
            held.add(family.name)
        start += family.size
    if empty := [name for name in sizes if name not in weighed]:
        remedy = "train its weights" if members == "clusters" else "choose clusters"
        raise InputError.of(f"{members} of all families", f"none in family {empty[0]}", remedy)
    others = {name: own for name, own in others.items() if name in places}  # the rest is of no group at all
    return Groups(sizes, places, anatomy.shapes, others, frozenset(held))


def _bias(weight: str) -> str:
    """The name of a layer's bias by that of its weight."""
    return f"{weight.removesuffix('weight')}bias"


def _over(values: torch.Tensor, rest: list[int], *, largest: bool) -> torch.Tensor:
    """Sum, or the largest, over dimensions; over none, the values themselves."""
    if not rest:
        return values
    return values.amax(rest) if largest else values.sum(rest)


def _checked(norm: OwnNorm, values: torch.Tensor) -> torch.Tensor:
    found = norm(values)
    if found.shape != values.shape[:1]:
        came = f"{tuple(found.shape)} of {tuple(values.shape)}"
        raise InputError.of("a norm that makes (groups,) of (groups, n)", came, "correct the function")
    return found
