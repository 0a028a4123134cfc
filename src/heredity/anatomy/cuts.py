"""Cuts: layers whose output a few weights read, and nobody else, so that a rectified layer may come between.

    y = site(x), of which ReLU, dropout, pooling and flattening lead to weights: its readers

What is before a cut stays coupled as it was, and what is behind it is coupled to the new layer alone. Only plain cases
are told, by one forward pass of an ancestor: no sums, no views of given sizes, no weights that somebody else uses. Of
all others a trace and a trial can tell.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from heredity.anatomy.blocks import Added, Block, original_class
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.tensors import tensors_in
from heredity.anatomy.watch import watched

SELECTING = {"flatten", "dropout", "dropout1d", "dropout2d", "dropout3d", "max_pool1d", "max_pool2d", "max_pool3d"}
"""What a ReLU may come before or after alike."""

AVERAGING = {"mean", "avg_pool1d", "avg_pool2d", "avg_pool3d"} | {f"adaptive_avg_pool{dims}d" for dims in (1, 2, 3)}
"""What makes nothing negative of what is not."""

READING = {"conv1d", "conv2d", "conv3d", "linear"}

ASKING = {"__get__", "__len__", "dim", "size"}
"""What asks a tensor for its shape, or what it is."""


@dataclass(frozen=True)
class Cut:
    """`readers` are the weights that read, along their second dimension, what a layer returns.

    `rectified`: a ReLU comes before whatever minds one. `negative`: what is returned may be below zero.
    """

    readers: tuple[str, ...]
    rectified: bool
    negative: bool

    @property
    def takes_identity(self) -> bool:
        """Whether a ReLU of what the layer returns changes nothing."""
        return self.rectified or not self.negative


class _Operation(NamedTuple):
    """What a forward pass consists of; tensors by their identities."""

    name: str
    taken: tuple[int, ...]
    given: tuple[int, ...]
    weight: int | None
    """That of an ungrouped layer."""


class _Met(NamedTuple):
    """A layer that has been called: how many operations came before its readers', and what it returned."""

    start: int
    returned: int
    negative: bool


class _Record(TorchFunctionMode):
    """Writes operations down, and which tensors are not negative."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[_Operation] = []
        self.positive: set[int] = set()
        self._alive: list[Any] = []  # so that no identity is used twice

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        keywords = kwargs or {}
        result = func(*args, **keywords)
        self._alive.append((args, keywords, result))
        name = getattr(func, "__name__", str(func))
        if name.endswith("_") and name not in {"relu_", *ASKING}:
            self.positive.clear()  # whatever is written into may be seen elsewhere
        taken, given = (tuple(id(tensor) for tensor in tensors_in(value)) for value in ((args, keywords), result))
        self.operations.append(_Operation(name.removesuffix("_"), taken, given, _weight(name, args, keywords)))
        keeps = name in SELECTING | AVERAGING and len(taken) == 1 and taken[0] in self.positive
        (self.positive.update if keeps or name in {"relu", "relu_"} else self.positive.difference_update)(given)
        return result


def _weight(name: str, args: Sequence[Any], keywords: Mapping[str, Any]) -> int | None:
    if name not in READING or (name != "linear" and (args[6] if len(args) > 6 else keywords.get("groups", 1)) != 1):
        return None
    return id(args[1] if len(args) > 1 else keywords["weight"])


def cuts_of(network: nn.Module, form: InputForm) -> dict[str, Cut]:
    """By name: layers of torch's own that are called once, where a cut is plain. `network` takes `(n, *form.shape)`."""
    record, met = _Record(), dict[str, list[_Met]]()

    def seen(name: str, taken: tuple[Any, ...], returned: Any) -> None:
        is_new = isinstance(returned, torch.Tensor) and all(returned is not tensor for tensor in tensors_in(taken))
        start = _Met(len(record.operations), id(returned), id(returned) not in record.positive)
        met.setdefault(name, []).extend([start] if is_new else [start, start])

    batch = example(form, 2)
    with record:
        output = watched(network, batch, seen)
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    uses = Counter(tensor for operation in record.operations for tensor in operation.taken)
    sole = {tensor: name for tensor, name in names.items() if uses[tensor] == 1}
    found = {
        name: _cut(calls[0], record.operations, sole, id(output))
        for name, calls in met.items()
        if len(calls) == 1 and _is_layer(network.get_submodule(name))
    }
    return {name: cut for name, cut in found.items() if cut is not None}


def _is_layer(module: nn.Module) -> bool:
    """Whether a module is one of torch's without others in it, but for blocks."""
    is_torchs = original_class(module).__module__.startswith("torch.nn.modules.")
    return is_torchs and all(isinstance(child, Added) for child in module.children())


def _cut(met: _Met, operations: Sequence[_Operation], weights: Mapping[int, str], output: int) -> Cut | None:
    """The cut behind a layer, if it is plain. `weights` are names of those that are used once."""
    behind, readers, rectified = {met.returned: False}, list[str](), True  # behind: tensors, and whether rectified
    for operation in operations[met.start :]:
        reached = [tensor for tensor in operation.taken if tensor in behind]
        if not reached or (operation.name in ASKING and not operation.given):
            continue
        settled = behind[reached[0]]
        reader = None if operation.weight is None else weights.get(operation.weight)
        if reader is not None and operation.taken[0] == reached[0] and len(reached) == 1:
            readers.append(reader)
            rectified &= settled
        elif len(operation.taken) == 1 and operation.name in {"relu", *SELECTING, *AVERAGING}:
            rectified &= settled or operation.name not in AVERAGING
            behind |= dict.fromkeys(operation.given, settled or operation.name == "relu")
        else:
            return None
    return None if output in behind or not readers else Cut(tuple(readers), rectified, met.negative)


def cuts_with(cuts: Mapping[str, Cut], block: Block, added: Added) -> dict[str, Cut]:
    """Those of a network with one more block, of those before; of some that are no longer plain it does not tell."""
    own = cuts.get(block.site)
    if block.place == "identity":
        if own is None:
            return {}
        stay = {name: cut for name, cut in cuts.items() if not {*cut.readers} & {*own.readers}}
        within = Cut(own.readers, rectified=True, negative=True)
        return {**stay, block.site: replace(own, negative=False), f"{block.name}.layer": within}
    more = tuple(f"{block.name}.branches.{number}.expand.weight" for number in range(len(added.parts)))
    read = more if block.place == "beside" else ()
    found = {
        name: replace(cut, readers=cut.readers + read) if f"{block.site}.weight" in cut.readers else cut
        for name, cut in cuts.items()
    }
    return found if own is None else {**found, block.site: replace(found[block.site], negative=True)}
