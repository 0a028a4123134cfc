"""Ensembles: several members of one run that answer as one network.

Members are frozen. Their answers are averaged as the criterion says (`Criterion.mixed`): probabilities of classes and
labels, numbers as they were learnt, standardised. A correction may be added to that mean (`Correction`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import nn

from heredity.anatomy.body import Deployed, anatomy_of, build
from heredity.anatomy.inputs import InputForm
from heredity.development.criteria import Criterion
from heredity.measures.size import macs, params
from heredity.types import Tensors
from heredity.variation.operator import Organism


class Correction(nn.Module):
    """A small MLP on the members' outputs, at every position if there are several: what is added to their mean."""

    def __init__(self, tensors: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        width, inputs = tensors["hidden.weight"].shape
        self.hidden = nn.Linear(inputs, width)
        self.out = nn.Linear(width, len(tensors["out.weight"]))
        self.load_state_dict(dict(tensors))

    def forward(self, outputs: torch.Tensor) -> torch.Tensor:
        """Outputs `(members, n, k, ...)` to what is added `(n, k, ...)`."""
        return self.out(torch.relu(self.hidden(side_by_side(outputs)))).movedim(-1, 1)


def side_by_side(outputs: torch.Tensor) -> torch.Tensor:
    """All that members say of an example or a position: `(members, n, k, ...)` to `(n, ..., members * k)`."""
    return outputs.movedim(2, -1).movedim(0, -2).flatten(-2)


class Combined(nn.Module):
    """Networks as one: all of them take the batch, and their answers become one."""

    weights: torch.Tensor

    def __init__(
        self, networks: Sequence[nn.Module], criterion: Criterion, weights: Sequence[float], correction: Tensors
    ) -> None:
        super().__init__()
        self.members = nn.ModuleList(networks)
        self.criterion = criterion
        self.register_buffer("weights", torch.tensor(weights), persistent=False)
        self.correction = Correction(correction) if correction else None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Normalised inputs `(n, ...)` to outputs `(n, ...)`."""
        outputs = torch.stack([member(inputs) for member in self.members])
        mean = self.criterion.mixed(outputs, self.weights)
        return mean if self.correction is None else mean + self.correction(outputs)


@dataclass(frozen=True)
class Ensemble:
    """Members of one run, how much each counts in their mean (above 0, of sum 1), and a correction's tensors, if any.

    `criterion` is what they learnt, or any of its kind (`heredity.development.criteria.MIXING`).
    """

    members: tuple[Organism, ...]
    weights: tuple[float, ...]
    criterion: Criterion
    correction: Tensors = field(default_factory=dict)

    @property
    def inputs(self) -> InputForm:
        """What it takes, which is what each of its members takes."""
        return self.members[0].genome.inputs

    def deployed(self) -> Deployed:
        """The network in evaluation mode, taking input as the user has it and answering as a member does."""
        networks = [build(member.genome, member.tensors) for member in self.members]
        return Deployed(Combined(networks, self.criterion, self.weights, self.correction), self.inputs).eval()

    @property
    def sizes(self) -> dict[str, float]:
        """`params` and `macs`: the members', added up, and the correction's."""
        anatomies = [anatomy_of(member.genome) for member in self.members]
        positions = math.prod(anatomies[0].outputs[1:])
        matrices = [tensor for tensor in self.correction.values() if tensor.dim() > 1]
        return {
            "params": float(sum(map(params, anatomies)) + sum(t.numel() for t in self.correction.values())),
            "macs": float(sum(map(macs, anatomies)) + positions * sum(t.numel() for t in matrices)),
        }
