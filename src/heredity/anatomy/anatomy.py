"""The anatomy of a network: families of clusters, and by name whatever cannot be touched.

A *cluster* is a filter with every slice of every tensor coupled to it: its row of the weight that makes it, its entry
in biases and norms, the columns of every weight that reads it. A *family* is a set of clusters coupled to the same
tensors in the same way: they are interchangeable, and any of them can go.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from heredity.anatomy.conform import Follow
from heredity.anatomy.labels import Integers
from heredity.anatomy.plan import IndexPlan
from heredity.anatomy.ride import Role
from heredity.errors import InputError

Kept = Mapping[str, Integers]
"""By family name: the positions of the clusters that stay, ascending. Families that are not named stay whole."""


@dataclass(frozen=True)
class Slice:
    """Where a family's clusters lie along one dimension of one tensor: `positions (clusters, k)`.

    A cluster's positions come in runs of `run`, between which those of others lie; 0: of unequal ones.
    """

    tensor: str
    dim: int
    role: Role
    positions: Integers
    run: int


@dataclass(frozen=True)
class Family:
    """Clusters that are coupled to the same tensors; `name` is the layer that makes them."""

    name: str
    slices: tuple[Slice, ...]

    @property
    def size(self) -> int:
        """Number of clusters."""
        return len(self.slices[0].positions)


OUTPUT = "output of the network"
"""The reason why what the last layer makes cannot go."""


@dataclass(frozen=True)
class Fixed:
    """Channels that cannot go: the layer that makes them, how many, and why."""

    name: str
    clusters: int
    reason: str


@dataclass(frozen=True)
class Anatomy:
    """What a network is made of. A descendant's shape and size follow from it without tracing again."""

    families: tuple[Family, ...]
    fixed: tuple[Fixed, ...]
    shapes: Mapping[str, tuple[int, ...]]
    """Shape of every parameter and floating-point buffer."""
    parameters: frozenset[str]
    """Which of `shapes` are parameters."""
    positions: Mapping[str, int]
    """By weight: how often each of its elements is multiplied for one example (MACs = elements x positions)."""
    outputs: tuple[int, ...]
    """Shape of what the network returns for one example."""
    folds: Mapping[str, str]
    """Batch norms that melt into the layer before them on export: prefix of the norm -> weight of that layer."""
    work: Mapping[str, int] = field(default_factory=dict[str, int])
    """MACs of products of activations for one example: by family those of each cluster, under "" those of the rest."""
    follows: tuple[Follow, ...] = ()
    """Attributes of the network's modules that count channels, and must be told when channels go."""
    frozen: frozenset[str] = frozenset()
    """Which of `parameters` no training changes."""
    origin: Anatomy | None = None
    """The ancestor's, where blocks have come since."""
    pools: int = 0
    """Branches of blocks that pool, which no tensor tells of."""

    @cached_property
    def by_name(self) -> dict[str, Family]:
        """Families by name."""
        return {family.name: family for family in self.families}

    @cached_property
    def sizes(self) -> dict[str, int]:
        """Number of clusters by family."""
        return {family.name: family.size for family in self.families}

    @property
    def mutable_share(self) -> float:
        """Share of the trained weights that go when clusters go, in [0, 1]."""
        touched = {s.tensor for family in self.families for s in family.slices}
        total = sum(math.prod(self.shapes[name]) for name in self.parameters)
        return sum(math.prod(self.shapes[name]) for name in touched & self.parameters) / max(total, 1)

    @cached_property
    def _couplings(self) -> list[tuple[int, list[tuple[str, Integers]], list[tuple[str, int]]]]:
        """Dimensions of tensors that are coupled alike, which any plan treats alike: length, families, and which."""
        found: dict[tuple[str, int], list[tuple[str, Integers]]] = {}
        for family in self.families:
            for s in family.slices:
                found.setdefault((s.tensor, s.dim), []).append((family.name, s.positions))
        alike: dict[Any, tuple[int, list[tuple[str, Integers]], list[tuple[str, int]]]] = {}
        for (tensor, dim), coupled in found.items():
            length = self.shapes[tensor][dim]
            key = length, *((name, positions.tobytes()) for name, positions in coupled)
            alike.setdefault(key, (length, coupled, []))[2].append((tensor, dim))
        return list(alike.values())

    @cached_property
    def alike(self) -> list[tuple[str, ...]]:
        """All tensors, in blocks of equal shapes and couplings: what a plan does to one it does to the others."""
        coupled: dict[str, list[tuple[int, int]]] = {name: [] for name in self.shapes}
        for number, (_, _, dims) in enumerate(self._couplings):
            for name, dim in dims:
                coupled[name].append((dim, number))
        blocks: dict[Any, list[str]] = {}
        for name, shape in self.shapes.items():
            blocks.setdefault((shape, *coupled[name]), []).append(name)
        return [tuple(block) for block in blocks.values()]

    def plan(self, kept: Kept) -> IndexPlan:
        """The index plan that keeps these clusters."""
        gone: dict[str, np.ndarray] = {}
        for family in self.families:
            if family.name in kept and len(kept[family.name]) < family.size:
                gone[family.name] = np.ones(family.size, bool)
                gone[family.name][kept[family.name]] = False
        gathers: dict[str, dict[int, Integers]] = {}
        for length, coupled, dims in self._couplings:
            if lost := [positions[gone[name]] for name, positions in coupled if name in gone]:
                stays = np.ones(length, bool)
                for positions in lost:
                    stays[positions] = False
                index = np.flatnonzero(stays)
                for tensor, dim in dims:
                    gathers.setdefault(tensor, {})[dim] = index
        return IndexPlan(gathers)

    def select(self, kept: Kept) -> Anatomy:
        """The anatomy of the descendant that keeps these clusters."""
        gathers = self.plan(kept).gathers
        renumbered: dict[tuple[str, int], Integers] = {}
        shapes = dict(self.shapes)
        for tensor, by_dim in gathers.items():
            for dim, index in by_dim.items():
                new = np.full(self.shapes[tensor][dim], -1)
                new[index] = np.arange(len(index))
                renumbered[tensor, dim] = new
                shapes[tensor] = (*shapes[tensor][:dim], len(index), *shapes[tensor][dim + 1 :])

        def move(s: Slice, keep: Integers | slice) -> Slice:
            new, positions = renumbered.get((s.tensor, s.dim)), s.positions[keep]
            return replace(s, positions=positions if new is None else new[positions])

        families = tuple(
            replace(family, slices=tuple(move(s, kept.get(family.name, slice(None))) for s in family.slices))
            for family in self.families
        )
        return replace(self, families=families, shapes=shapes)

    def widened(self, copied: Kept) -> tuple[Anatomy, IndexPlan]:
        """The anatomy of a descendant with further clusters, and the plan by which it comes from its parent.

        `copied` are by family the clusters that the new ones are copies of; they follow the last of their family.

        Raises:
            InputError: a family's channels lie in no regular order.
        """
        inserts: dict[tuple[str, int], list[_Insert]] = {}
        copied = {name: originals for name, originals in copied.items() if len(originals)}
        for name, originals in copied.items():
            for s in self.by_name[name].slices:
                if not s.run:
                    raise InputError.of(
                        f"channels of {name} in a regular order", f"others in {s.tensor}", "widen others"
                    )
                known = inserts.setdefault((s.tensor, s.dim), [])
                if all(one.family != name for one in known):  # it may be made and read by the same dimension
                    known.append(_Insert(name, s, originals))
        gathers: dict[str, dict[int, Integers]] = {}
        shapes, places = dict(self.shapes), dict[tuple[str, int], _Places]()
        for (tensor, dim), own in inserts.items():
            places[tensor, dim] = _placed(own, self.shapes[tensor][dim])
            gathers.setdefault(tensor, {})[dim] = places[tensor, dim].gather
            shapes[tensor] = (*shapes[tensor][:dim], len(places[tensor, dim].gather), *shapes[tensor][dim + 1 :])

        def move(family: str, s: Slice) -> Slice:
            at = places.get((s.tensor, s.dim))
            if at is None:
                return s
            arisen = at.new.get(family)
            positions = at.old[s.positions]
            return replace(s, positions=positions if arisen is None else np.concatenate([positions, arisen]))

        families = tuple(
            replace(family, slices=tuple(move(family.name, s) for s in family.slices)) for family in self.families
        )
        return replace(self, families=families, shapes=shapes), IndexPlan(gathers)


@dataclass(frozen=True)
class _Insert:
    """New clusters of a family along a dimension: copies of `originals`, after the last of their family."""

    family: str
    slice: Slice
    originals: Integers

    @property
    def source(self) -> Integers:
        """`(clusters, runs, run)`: the positions that they are copied from."""
        runs = self.slice.positions.reshape(len(self.slice.positions), -1, self.slice.run)
        return runs[self.originals]

    @property
    def at(self) -> Integers:
        """`(clusters, runs, run)`: the positions before which they come, each run after the last cluster's."""
        runs = self.slice.positions.reshape(len(self.slice.positions), -1, self.slice.run)
        return np.broadcast_to(runs[-1, :, -1:] + 1, self.source.shape)


@dataclass(frozen=True)
class _Places:
    """A grown dimension: `gather` from the parent's, where its `old` positions are now, and by family the new ones."""

    gather: Integers
    old: Integers
    new: Mapping[str, Integers]


def _placed(inserts: Sequence[_Insert], length: int) -> _Places:
    """What becomes of a dimension of this length."""
    at = np.concatenate([one.at.ravel() for one in inserts])
    source = np.concatenate([one.source.ravel() for one in inserts])
    order = np.argsort(at, kind="stable")
    places = np.empty(len(at), np.int64)
    places[order] = at[order] + np.arange(len(at))
    ends = np.cumsum([one.source.size for one in inserts])
    own = zip(inserts, np.split(places, ends[:-1]), strict=True)
    old = np.arange(length)
    return _Places(
        np.insert(old, at[order], source[order]),
        old + np.searchsorted(at[order], old, side="right"),
        {one.family: part.reshape(len(one.originals), -1) for one, part in own},
    )
