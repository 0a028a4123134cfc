"""The trial: every family loses clusters on random weights in float64, and what fails is fixed.

Labels say what is coupled; the trial decides whether that is true. Clusters that nobody reads (their slices in the
consumers are zero) must be removable without a trace, whatever the other weights are.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy, Family, Fixed, Kept
from heredity.anatomy.blocks import Block, quiet
from heredity.anatomy.build import load, skeleton, tensors_of
from heredity.anatomy.conform import Follow, conform
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.labels import Integers
from heredity.types import Tensors

TOLERANCE = 1e-9
"""Largest difference of the outputs, relative to the largest output (float64)."""

DRAWS = 8
"""Of weights, with which an identity is tried."""


class Trial:
    """What came of trying an anatomy on its network, in evaluation mode, with a batch of float64 `(n, *shape)`.

    All families are tried at once; only when that fails are they tried by halves, layers of one kind together. Of those
    one speaks for all: when it fails, none of them is tried further.
    """

    failures: dict[str, str]
    """By family whose removal goes wrong: what went wrong."""

    def __init__(self, module: nn.Module, anatomy: Anatomy, batch: torch.Tensor) -> None:
        self._anatomy, self._batch = anatomy, batch
        self._candidates = _candidates(module, anatomy)
        self._kinds = {family.name: _kind(module, family) for family in anatomy.families}
        self._follows: dict[Follow, None] = {}
        self._kept = {name: np.setdiff1d(np.arange(anatomy.sizes[name]), g) for name, g in _gone(anatomy).items()}
        self._weights = silenced(random_weights(module, anatomy), anatomy, self._kept)
        self._network = skeleton(module).eval()
        self._expected = self._outputs((), ())
        self.failures = self._examine(sorted(anatomy.families, key=lambda family: self._kinds[family.name]))
        stays = [family for family in anatomy.families if family.name not in self.failures]
        if self.failures and (problem := self._attempt(stays, list(self._follows))):  # they passed by parts only
            self.failures |= dict.fromkeys((family.name for family in stays), _reason(f"{problem} (together)"))

    @property
    def passed(self) -> Anatomy:
        """The anatomy with the families that passed; the others are fixed, with the reason."""
        stays = tuple(family for family in self._anatomy.families if family.name not in self.failures)
        failed = [family for family in self._anatomy.families if family.name in self.failures]
        fixed = tuple(Fixed(family.name, family.size, self.failures[family.name]) for family in failed)
        work = dict(self._anatomy.work)
        lost = sum(work.pop(family.name, 0) * family.size for family in failed)
        if lost:
            work[""] = work.get("", 0) + lost
        return replace(
            self._anatomy, families=stays, fixed=self._anatomy.fixed + fixed, work=work, follows=tuple(self._follows)
        )

    def _examine(self, families: Sequence[Family]) -> dict[str, str]:
        if not families:
            return {}
        follows = [follow for family in families for follow in self._candidates[family.name]]
        problem = self._attempt(families, follows)
        if problem is None:
            self._follows.update(dict.fromkeys(follows))
            return {}
        if len(families) == 1:
            for fewer in _alternatives(follows):
                if self._attempt(families, fewer) is None:
                    self._follows.update(dict.fromkeys(fewer))
                    return {}
            return {families[0].name: _reason(problem)}
        if len({self._kinds[family.name] for family in families}) == 1 and (found := self._examine(families[:1])):
            return dict.fromkeys((family.name for family in families), *found.values())
        middle = len(families) // 2
        found = [self._examine(half) for half in (families[:middle], families[middle:])]
        if any(found):
            return found[0] | found[1]
        if self._attempt(families, list(self._follows)) is None:
            return {}
        return {family.name: _reason(f"{problem} (together with others)") for family in families}

    def _attempt(self, families: Sequence[Family], follows: Sequence[Follow]) -> str | None:
        """What goes wrong when the silent clusters of these are removed; nothing if nothing does."""
        expected, came = self._expected, self._outputs(families, follows)
        if isinstance(expected, str):
            return expected
        if isinstance(came, str):
            return came
        return _unlike(came, expected)

    def _outputs(self, families: Sequence[Family], follows: Sequence[Follow]) -> torch.Tensor | str:
        """What the network without these families' silent clusters returns, or what it raises."""
        plan = self._anatomy.plan({f.name: self._kept[f.name] for f in families})
        try:
            return _outputs(self._network, plan.apply(self._weights), self._batch, follows)
        except Exception as error:  # noqa: BLE001  # whatever a network raises is what goes wrong
            return _told(error)


def growth_problems(module: nn.Module, anatomy: Anatomy, batch: torch.Tensor, times: int = 2) -> dict[str, str]:
    """By family that cannot become so many `times` as large, by clusters which nobody reads: what goes wrong.

    What a network may lose it need not be able to gain: a slice of so many channels takes all where fewer are there.
    So as many are tried as may come, and one more, lest a number that others divide do by chance. All families are
    tried at once, and by halves when that fails.
    """
    weights = random_weights(module, anatomy)
    expected = _outputs(module, weights, batch, anatomy.follows)

    def attempt(families: Sequence[Family]) -> str | None:
        try:
            grown, plan = anatomy.widened(
                {family.name: np.full((times - 1) * family.size + 1, family.size - 1) for family in families}
            )
            kept = {family.name: np.arange(family.size) for family in families}
            came = _outputs(module, silenced(plan.apply(weights), grown, kept), batch, grown.follows)
        except Exception as error:  # noqa: BLE001  # whatever a network raises is what goes wrong
            return _told(error)
        return _unlike(came, expected)

    def examine(families: Sequence[Family]) -> dict[str, str]:
        if not families or (problem := attempt(families)) is None:
            return {}
        if len(families) == 1:
            return {families[0].name: problem}
        middle = len(families) // 2
        return examine(families[:middle]) | examine(families[middle:])

    return examine(anatomy.families)


def _outputs(module: nn.Module, weights: Tensors, batch: torch.Tensor, follows: Sequence[Follow] = ()) -> torch.Tensor:
    """What a network with these weights, of whatever shapes, returns."""
    network = skeleton(module).eval()
    with torch.no_grad():
        load(network, weights)
        conform(network, follows)
        return network(batch)


def _unlike(came: torch.Tensor, expected: torch.Tensor) -> str | None:
    """How outputs differ, if they do."""
    if came.shape != expected.shape:
        return f"the output's shape changes to {tuple(came.shape)}"
    difference = (came - expected).abs().max().item() / max(expected.abs().max().item(), 1e-30)
    return None if difference <= TOLERANCE else f"outputs differ by {difference:.1e}"


def _told(error: Exception) -> str:
    """What a network raised, in a line."""
    return f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def _reason(problem: str) -> str:
    return f"removal trial: {problem}"


def random_weights(module: nn.Module, anatomy: Anatomy, seed: int = 0) -> Tensors:
    """Weights in float64 that let signals of about size one through, so that nothing hides behind zeros and ones."""
    generator = torch.Generator().manual_seed(seed)
    weights: Tensors = {}
    for name in tensors_of(module):
        shape = anatomy.shapes[name]
        if len(shape) > 1:
            scale = math.sqrt(2 / max(math.prod(shape[1:]), 1))
            weights[name] = torch.randn(shape, generator=generator).double() * scale
        else:
            weights[name] = torch.rand(shape, generator=generator).double() + 0.5
    return weights


def _gone(anatomy: Anatomy) -> dict[str, Integers]:
    """By family: the clusters that it loses, a third to two thirds of them.

    Families of one size lose unlike numbers as far as possible: where a network relies on two to shrink alike, equal
    losses would hide it. The ends go first: what counts from either end then meets others than before.
    """
    rng, met = np.random.default_rng(0), Counter[int]()
    gone: dict[str, Integers] = {}
    for family in anatomy.families:
        least, most = max(1, family.size // 3), max(1, 2 * family.size // 3)
        number = least + met[family.size] % (most - least + 1)
        met[family.size] += 1
        gone[family.name] = np.array([0, family.size - 1, *(1 + rng.permutation(family.size - 2))])[:number]
    return gone


def silenced(weights: Tensors, anatomy: Anatomy, kept: Kept) -> Tensors:
    """Weights in which nobody reads the clusters that are not kept."""
    quiet = dict(weights)
    for family in anatomy.families:
        gone = np.setdiff1d(np.arange(family.size), kept.get(family.name, np.arange(family.size)))
        for s in family.slices:
            if s.role == "read":
                index = torch.from_numpy(s.positions[gone].ravel())
                quiet[s.tensor] = quiet[s.tensor].index_fill(s.dim, index, 0.0)
    return quiet


def _kind(network: nn.Module, family: Family) -> str:
    """What a family is coupled to, but for where in the network it is: alike for layers that repeat."""
    owner = _owner(network, [s.tensor for s in family.slices])
    places = [f"{s.tensor.removeprefix(owner)}:{s.dim}:{s.role}" for s in family.slices]
    return f"{type(network.get_submodule(owner)).__name__} {' '.join(places)}"


def _candidates(network: nn.Module, anatomy: Anatomy) -> dict[str, list[Follow]]:
    """By family: attributes of the user's module around its layers that may count its clusters, or their channels.

    Such as `num_heads` of an attention layer, which is written into its views. The trial decides whether they do. An
    attribute that two families could change is left alone.
    """
    found: dict[str, list[Follow]] = {}
    for family in anatomy.families:
        made = [s.tensor for s in family.slices if s.role == "made"]
        owner = _owner(network, made)
        follows: dict[str, Follow] = {}
        for s in family.slices:
            length = anatomy.shapes[s.tensor][s.dim]
            if s.positions.size == length and s.tensor.startswith(f"{owner}." if owner else ""):
                for attribute in _counts(network.get_submodule(owner), {family.size, length}):
                    value = getattr(network.get_submodule(owner), attribute)
                    follows.setdefault(attribute, Follow(owner, attribute, s.tensor, s.dim, length // value))
        found[family.name] = list(follows.values())
    claims = Counter((f.owner, f.attribute) for follows in found.values() for f in follows)
    return {name: [f for f in follows if claims[f.owner, f.attribute] == 1] for name, follows in found.items()}


def _owner(network: nn.Module, tensors: Sequence[str]) -> str:
    """The innermost module that is not torch's own and holds all of these tensors."""
    paths = [tensor.split(".")[:-1] for tensor in tensors]
    common = paths[0] if paths else []
    for path in paths[1:]:
        shared = 0
        while shared < min(len(common), len(path)) and common[shared] == path[shared]:
            shared += 1
        common = common[:shared]
    while common and type(network.get_submodule(".".join(common))).__module__.startswith("torch.nn."):
        common = common[:-1]
    return ".".join(common)


def _counts(module: nn.Module, counted: set[int]) -> list[str]:
    """A user's module's attributes that are one of these numbers."""
    if type(module).__module__.startswith("torch.nn."):
        return []
    return [name for name, value in vars(module).items() if type(value) is int and value > 1 and value in counted]


def _alternatives(follows: Sequence[Follow]) -> Iterator[Sequence[Follow]]:
    """Which of these attributes to change instead of all of them: none, or one alone."""
    if follows:
        yield ()
    if len(follows) > 1:
        yield from ([follow] for follow in follows)


def block_problem(after: nn.Module, before: nn.Module, anatomy: Anatomy, block: Block, form: InputForm) -> str | None:
    """What goes wrong in a network with a block that adds nothing, or is an identity; nothing if nothing does.

    `anatomy` is that of the network before.
    """
    batch = example(form, 2, dtype=torch.float64)
    # an identity under a relu goes unnoticed as long as nothing happens to be negative
    for seed in range(DRAWS if block.place == "identity" else 1):
        weights = random_weights(before, anatomy, seed)
        for name in weights:
            if name.endswith(("bias", "mean")):
                weights[name] = 2 * (weights[name] - 1)
        added = {name: quiet(block, name, t.double()) for name, t in tensors_of(after).items() if name not in weights}
        try:
            expected, came = _outputs(before, weights, batch), _outputs(after, weights | added, batch)
        except Exception as error:  # noqa: BLE001  # whatever a network raises is what goes wrong
            return _told(error)
        if problem := _unlike(came, expected):
            return problem
    return None
