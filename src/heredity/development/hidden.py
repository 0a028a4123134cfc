"""Hidden features: what a network's last layer reads, taught beside its outputs.

    L + hidden mean (P h(student) - h(teachers))^2

h are the inputs of the layer that makes the outputs. P is linear, with a bias, and the same at every position if there
are several. It is learnt with the student, by the same optimiser, and left behind with the training. Several teachers'
features lie side by side. The mean is over examples, positions and the teachers' features.

FitNets (Romero et al. 2015), whose students read a middle layer, by a convolution, before they learn anything else:
here it is the last one, and everything is learnt at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.anatomy import OUTPUT, Anatomy, Fixed
from heredity.errors import DevelopmentError, InputError


def last_layer(anatomy: Anatomy) -> Fixed:
    """The layer that makes the outputs.

    Raises:
        InputError: there is none, or there are several.
    """
    layers = [fixed for fixed in anatomy.fixed if fixed.reason == OUTPUT]
    if len(layers) == 1 and f"{layers[0].name}.weight" in anatomy.parameters:
        return layers[0]
    came = ", ".join(fixed.name for fixed in layers) or "none that is known"
    raise InputError.of("one layer that makes the outputs, whose inputs can be taught", came, _REMEDY)


def numbers_of(anatomy: Anatomy) -> int:
    """How many hidden features an example has, at most: what the last layer multiplies for one of its channels."""
    layer = last_layer(anatomy)
    weight = f"{layer.name}.weight"
    return anatomy.positions[weight] * math.prod(anatomy.shapes[weight]) // layer.clusters


class Features:
    """What the last layer of a network read when it was called last."""

    def __init__(self, network: nn.Module, anatomy: Anatomy) -> None:
        layer = last_layer(anatomy).name
        self._matrix = len(anatomy.shapes[f"{layer}.weight"]) == 2
        self._read: torch.Tensor | None = None
        self._hook = network.get_submodule(layer).register_forward_pre_hook(self._note)

    @property
    def read(self) -> torch.Tensor:
        """Features `(n, ..., width)`, those of a convolution's input channels last too.

        Raises:
            DevelopmentError: the layer was not called, since somebody else uses its weights.
        """
        if self._read is None:
            expected = "a network that calls the layer that makes its outputs, whose inputs can be taught"
            raise DevelopmentError.of(expected, "one that uses its weights otherwise", _REMEDY)
        return self._read

    def let_go(self) -> None:
        """Leave the network as it was."""
        self._hook.remove()
        self._read = None

    def _note(self, _: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
        self._read = inputs[0] if self._matrix else inputs[0].movedim(1, -1)


class Projection(nn.Module):
    """The linear map from a student's hidden features to those of its teachers, and how far they are apart.

    `batch` is one that the student takes, and `taught` the features `(n, ..., width)` that teachers have of it.

    Raises:
        InputError: see `last_layer`.
        DevelopmentError: the student has such features at other positions, or none are read.
    """

    def __init__(
        self, student: nn.Module, anatomy: Anatomy, batch: torch.Tensor, taught: torch.Tensor, seed: int
    ) -> None:
        super().__init__()
        self._features = Features(student, anatomy)
        with torch.no_grad():
            student.eval()(batch)
        own = self._features.read
        check_positions([own, taught])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.linear = nn.Linear(own.shape[-1], taught.shape[-1]).to(own.device)

    def forward(self, taught: torch.Tensor) -> torch.Tensor:
        """The mean squared error, a scalar, of what the student has read last against the teachers' features."""
        return F.mse_loss(self.linear(self._features.read.float()), taught)

    def let_go(self) -> None:
        """Leave the student as it was."""
        self._features.let_go()


def check_positions(features: Sequence[torch.Tensor]) -> None:
    """Refuses features `(n, ..., width)` at positions that do not correspond.

    Raises:
        DevelopmentError: so it is.
    """
    shapes = list(dict.fromkeys(tuple(own.shape[1:-1]) for own in features))
    if len(shapes) > 1:
        came = " and ".join(" x ".join(map(str, shape)) or "one" for shape in shapes)
        raise DevelopmentError.of("hidden features at the same positions", came, _REMEDY)


_REMEDY = "leave culture.hidden at 0"
