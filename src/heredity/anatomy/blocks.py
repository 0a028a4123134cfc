"""Blocks: layers that have come to a network since its ancestor, each at a site, one of the network's modules.

    after       y + z(y)            z(y) = the sum over branches of project(relu(norm(expand(y)))), y = site(x)
    beside      y + z(x)
    identity    relu(layer(y))      where relu of that is what follows anyway (Net2Deeper)

A block of several branches is an Inception module: what a kernel of 1 makes of branches side by side is the sum of what
it makes of each.

A site stays what it is: it becomes a `Grown` of its own class, which its attributes, its tensors' names and tests of
its type do not show; the block is a module within it. So a site must be a module that is called once, and called rather
than read. What a block may not be put into - a module whose forward goes through all its children - a trial finds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Literal, NamedTuple

import torch
from msgspec import Struct
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.watch import watched
from heredity.errors import InputError

Place = Literal["after", "beside", "identity"]


class Block(Struct, frozen=True, forbid_unknown_fields=True):
    """A block of a genome: a branch for each of `kernels`, so many positions a side; `width` clusters within a branch.

    A kernel of 0 is a maximum over 3 positions a side, and a kernel of 1. A single branch projects with its own kernel,
    several with 1. Blocks of a genome are sorted by the number of the `birth` in which they arose, one in each.
    """

    site: str
    place: Place
    birth: int
    width: int = 0
    kernels: tuple[int, ...] = (3,)
    norm: bool = False

    @property
    def name(self) -> str:
        """Its module's name in the network."""
        return f"{self.site}.{_called(self)}"


class Site(NamedTuple):
    """Shapes of one example, as a module takes it and as it returns it."""

    taken: tuple[int, ...]
    returned: tuple[int, ...]


def sites_of(network: nn.Module, form: InputForm) -> dict[str, Site]:
    """The modules that blocks may be put to, by name: those that are called once, with one tensor, and return one.

    `network` takes a batch `(n, *form.shape)`; so must its sites, examples first.
    """
    found = [_met(network, form, batch) for batch in (2, 3)]  # what is not a batch's size both times is no example
    return {name: site for name, site in found[0].items() if found[1].get(name) == site}


def _met(network: nn.Module, form: InputForm, batch: int) -> dict[str, Site]:
    """Sites, by one forward pass of so many examples."""
    calls, found = Counter[str](), dict[str, Site]()

    def seen(name: str, taken: tuple[Any, ...], returned: Any) -> None:
        calls[name] += 1
        met = (*taken, returned)
        if len(met) == 2 and all(isinstance(t, torch.Tensor) and t.dim() > 1 and len(t) == batch for t in met):
            found[name] = Site(tuple(taken[0].shape[1:]), tuple(returned.shape[1:]))

    watched(network, example(form, batch), seen)
    return {name: site for name, site in found.items() if calls[name] == 1}


def put(network: nn.Module, block: Block, sites: Mapping[str, Site], form: InputForm) -> Added:
    """Put a block into a network, in place, and give it; its weights are torch's own initial ones.

    `sites` are the network's (`sites_of`), which takes what has this form.

    Raises:
        InputError: a block's site is none, or not of the shape that its place asks for.
    """
    if block.site not in sites:
        known = ", ".join(name for name in sites if not isinstance(network.get_submodule(name), nn.Sequential))
        raise InputError.of(
            "a site for a block: a module that is called once, with one tensor",
            f"{block.site}, {_refusal(network, form, block.site)}",
            f"choose among {known}" if known else "there is none",
        )
    host = network.get_submodule(block.site)
    if isinstance(host, nn.Sequential):
        raise InputError.of("a site that is one layer", f"{block.site}, a sequence", "choose one of its layers")
    added = Added(block, host, sites[block.site])
    host.add_module(_called(block), added)
    if not isinstance(host, Grown):
        host.__class__ = _grown(type(host))
    return added


def _refusal(network: nn.Module, form: InputForm, name: str) -> str:
    """Why a name is not that of a site."""
    if name not in dict(network.named_modules()):
        return "which is none of its modules"
    calls: list[tuple[Any, ...]] = []
    watched(network, example(form, 2), lambda met, taken, _: calls.append(taken) if met == name else None)
    if len(calls) != 1:
        return f"which is called {len(calls)} times" if calls else "which is never called, but perhaps read"
    if isinstance(calls[0][-1], dict):
        return f"which is called with {', '.join(calls[0][-1])} by name"
    return "which takes or returns something else than one tensor, an example a row"


def quiet(block: Block, name: str, like: torch.Tensor) -> torch.Tensor:
    """A tensor of a block, by its name, of a shape and type with which the block changes nothing.

    Other weights of the block may be any then: what `project` does not hear is not heard.
    """
    if block.place == "identity" and like.dim() > 1:
        weight = torch.zeros_like(like)
        weight[(..., *[block.kernels[0] // 2] * (like.dim() - 2))].fill_diagonal_(1.0)
        return weight
    leaf = name.rpartition(".")[2]
    if leaf == "running_var" or name.endswith("norm.weight"):
        return torch.ones_like(like)
    return torch.zeros_like(like)


def owners(blocks: Sequence[Block]) -> Mapping[str, int]:
    """By the prefix of its tensors' names: the birth in which a block arose."""
    return {f"{block.name}.": block.birth for block in blocks}


def _called(block: Block) -> str:
    return f"grown{block.birth}"


class Grown(nn.Module):
    """A module with blocks: what any class becomes together with this one."""

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What the module itself returns, and the blocks make of it, in the order in which they came."""
        outputs = super().forward(inputs)
        for added in [child for child in self.children() if isinstance(child, Added)]:
            outputs = added(inputs, outputs)
        return outputs

    def __reduce_ex__(self, protocol: Any) -> Any:
        """A module of its own class, which then becomes a `Grown` one, a class that only this process has made."""
        return _restored, (original_class(self),), self.__getstate__()


def original_class(host: nn.Module) -> type[nn.Module]:
    """What a module was before blocks came to it."""
    return type(host).__bases__[1] if isinstance(host, Grown) else type(host)


@cache
def _grown(kind: type[nn.Module]) -> type[nn.Module]:
    return type(f"Grown{kind.__name__}", (Grown, kind), {"__module__": kind.__module__})


def _restored(kind: type[nn.Module]) -> nn.Module:
    """A grown module without its state."""
    grown = _grown(kind)
    return grown.__new__(grown)


class Added(nn.Module):
    """A block at its site; `sites` are those within it."""

    def __init__(self, block: Block, host: nn.Module, site: Site) -> None:
        super().__init__()
        self.place = block.place
        if block.place == "identity":
            self.layer = _layer(host, site.returned, site.returned, block.kernels[0])
            self.sites = {"layer": Site(site.returned, site.returned)}
            return
        taken = site.taken if block.place == "beside" else site.returned
        branches = [Branch(block, kernel, host, taken, site.returned) for kernel in block.kernels]
        self.branches = nn.ModuleList(branches)
        self.sites = {f"branches.{k}": Site(taken, site.returned) for k in range(len(branches))}
        for k, branch in enumerate(branches):
            self.sites |= {f"branches.{k}.{name}": own for name, own in branch.sites.items()}

    @property
    def parts(self) -> list[Branch]:
        """Its branches; an identity has none."""
        return [branch for branch in getattr(self, "branches", ()) if isinstance(branch, Branch)]

    def forward(self, inputs: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
        """Of what the site takes and returns, what it returns from now on."""
        if self.place == "identity":
            return F.relu(self.layer(outputs))
        taken = inputs if self.place == "beside" else outputs
        for branch in self.branches:
            outputs = outputs + branch(taken)
        return outputs


class Branch(nn.Module):
    """A branch of a block, from one shape to another; `sites` are those within it."""

    def __init__(
        self, block: Block, kernel: int, host: nn.Module, taken: tuple[int, ...], returned: tuple[int, ...]
    ) -> None:
        super().__init__()
        is_map = is_map_at(host, returned)
        between = (block.width, *returned[1:]) if is_map else (*returned[:-1], block.width)
        self.pool = _pool(taken, is_map=is_map) if kernel == 0 else nn.Identity()
        self.expand = _layer(host, taken, between, kernel or 1)
        self.norm = _norm(between, block.width, is_map=is_map) if block.norm else nn.Identity()
        self.project = _layer(host, between, returned, (kernel or 1) if len(block.kernels) == 1 else 1)
        self.sites = {
            "pool": Site(taken, taken),
            "expand": Site(taken, between),
            "norm": Site(between, between),
            "project": Site(between, returned),
        }

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """What it adds."""
        return self.project(F.relu(self.norm(self.expand(self.pool(inputs)))))


def is_map_at(host: nn.Module, returned: tuple[int, ...]) -> bool:
    """Whether channels come first, and positions after them; else features come last."""
    return len(returned) > 1 and not isinstance(host, (nn.Linear, nn.LayerNorm))


def _pool(shape: tuple[int, ...], *, is_map: bool) -> nn.Module:
    """A maximum over 3 positions a side, which keeps the shape.

    Raises:
        InputError: there are no positions.
    """
    if not is_map or len(shape) < 2:
        raise InputError.of("maps for a branch that pools", shape, "take kernels above 0")
    return {2: nn.MaxPool1d, 3: nn.MaxPool2d, 4: nn.MaxPool3d}[len(shape)](3, 1, padding=1)


def _norm(shape: tuple[int, ...], width: int, *, is_map: bool) -> nn.Module:
    """A batch norm of what has this shape.

    Raises:
        InputError: features come after positions.
    """
    if len(shape) > 1 and not is_map:
        raise InputError.of("no norm in a block where features come last", shape, "leave it out")
    return {1: nn.BatchNorm1d, 2: nn.BatchNorm1d, 3: nn.BatchNorm2d, 4: nn.BatchNorm3d}[len(shape)](width)


def _layer(host: nn.Module, taken: tuple[int, ...], returned: tuple[int, ...], kernel: int) -> nn.Module:
    """A layer from one shape to another: a convolution with padding where there are positions, else a linear one.

    Raises:
        InputError: positions do not go into each other.
    """
    if not is_map_at(host, returned):
        if taken[:-1] != returned[:-1]:
            raise InputError.of(
                f"the shape {(*returned[:-1], taken[-1])} of what a block takes", taken, "choose a site"
            )
        return nn.Linear(taken[-1], returned[-1])
    if len(taken) != len(returned):
        raise InputError.of("maps as what a block takes", taken, "choose another site")
    stride = tuple(-(-a // b) for a, b in zip(taken[1:], returned[1:], strict=True))
    if tuple(-(-a // s) for a, s in zip(taken[1:], stride, strict=True)) != returned[1:]:
        raise InputError.of(f"maps that stride to {returned}", taken, "choose a site that keeps their size")
    convolution: Any = {2: nn.Conv1d, 3: nn.Conv2d, 4: nn.Conv3d}[len(returned)]
    return convolution(taken[0], returned[0], kernel, stride, padding=kernel // 2)
