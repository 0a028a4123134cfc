"""A group prior at work in a training: each step it adds its gradient to the loss's.

The gradient is analytic (`heredity.priors`): a norm of each group, a slope by each norm, from these a factor of each
weight, and a pass over the weights. Factors are found anew every `RENEWED` steps.
"""

from __future__ import annotations

import torch
from msgspec.structs import replace
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.errors import DevelopmentError
from heredity.priors.dial import Dial
from heredity.priors.groups import Norm, OwnNorm, groups_of
from heredity.priors.prior import GroupPrior, norms_by_family
from heredity.priors.reading import CHANGES, Reading, Setting, in_force, read, set_by

ZERO = 0.01
"""A norm, in its family's unit, at which a group can go and nobody notices: from .014 on removals have been felt (lab
log, 2026-11-27)."""

INSISTENCE, MOST_INSISTENT = 2.0, 64.0
"""By what those who have to go are pulled harder from one reading to the next while one of them is not at zero, and at
most in all: so that plain gradient descent at a learning rate of 0.1 still takes steps towards zero."""

RENEWED = 4
"""Steps for which a force holds. Norms change little meanwhile; found at every step, forces made a step of
`lenet-300-100` a fifth dearer, found at every fourth a tenth (lab log, 2026-11-26)."""


class Pull:
    """The prior of one training; called between backward and the optimiser's step, with the share that is done.

    `readings` tell of norms and dial through the training, at every moment one for each mixture. What is not trained is
    not pulled. By a dial, who has to go once that is settled learns no more and only shrinks, so that the others learn
    to do without.

    Raises:
        InputError: the prior does not fit the network, or asks for a share that cannot go.
        DevelopmentError (when called): weights are not finite.
    """

    def __init__(self, prior: GroupPrior, anatomy: Anatomy, network: nn.Module) -> None:
        self._prior = prior
        self._groups = groups_of(anatomy, prior.members).on(next(network.parameters()).device)
        prior.check(self._groups)
        self._weights = dict(network.named_parameters())
        self._measure()
        self._norm: Norm | OwnNorm = prior.parameter
        self._penalty, self._strength = prior.penalty(self._groups), prior.strength_at(0.0)
        self._dial = Dial(anatomy, prior.cost, prior.constant)
        self._parts = prior.parts(self._groups)
        self._settings: dict[str, Setting] = {}
        self._insistence = 1.0
        self._forces: dict[str, torch.Tensor] = {}
        self._staying: dict[str, torch.Tensor] = {}
        self._steps = 0
        self.readings: list[Reading] = []
        if prior.share is not None:
            self._dial.check(prior.share)

    @torch.no_grad()
    def __call__(self, progress: float) -> None:
        """Adds its gradient to those of the weights; where groups have to go it takes the place of the loss's."""
        if self._steps % RENEWED == 0 or self._due(progress):
            self._renew(progress)
        self._steps += 1
        gradients = {name: self._weights[name].grad for name in self._forces}
        for name, staying in self._staying.items():
            if (gradient := gradients[name]) is not None:
                gradient.mul_(staying)
        self._groups.pull(self._weights, gradients, self._norm, self._forces)

    def finish(self) -> tuple[Reading, ...]:
        """All readings, one of the end of the training among them."""
        return *self.readings, *self._read(1.0, self._norms() / self._units)

    def late(self) -> int:
        """By a dial, how many groups that go by its last reading are not at zero, so that their removal is felt."""
        if not self._prior.dialled or not self._settings:
            return 0
        relative = self._norms() / self._units
        return int(self._lagging(relative, self._settings[""]).sum())

    def _norms(self) -> torch.Tensor:
        """`(groups,)`: the group parameters as weights are now."""
        return self._groups.norms(self._weights, self._norm, self._alive)

    def _read(self, progress: float, norms: torch.Tensor) -> list[Reading]:
        """Where norms `(groups,)` are, in their units, of each mixture's groups."""
        return [read(progress, norms[own], self._settings.get(name), name) for name, own in self._parts.items()]

    def _measure(self, relative: torch.Tensor | None = None) -> None:
        """Measures norms in other units from now on, if there are norms in the units so far."""
        self._units, counts = self._prior.scales(self._groups, relative)
        self._counts = counts / self._units  # of a slope by a norm, and not by its share of a unit
        self._alive = None if relative is None else relative.clamp(max=1.0)

    def _due(self, progress: float) -> bool:
        """Whether norms and dial are to be read."""
        return not self.readings or progress - self.readings[-1].progress >= 1 / CHANGES

    def _renew(self, progress: float) -> None:
        """Finds the forces of this moment; reads norms, and turns the dial, where that is due."""
        prior = self._prior
        norms = self._norms()
        relative = norms / self._units
        if self._due(progress):
            if not bool(relative.isfinite().all()):
                raise DevelopmentError(f"diverged: weights are not finite when {progress:.0%} of the training is done")
            if prior.dialled:
                self._measure(relative)
                norms = self._norms()
                relative = norms / self._units
            if prior.kind == "mixture":
                self._turn(progress, relative)
            self.readings += self._read(progress, relative)
        if not prior.dialled:
            self._strength = prior.strength_at(progress)
        rising = min(1.0, (progress + 1e-3) / prior.settled) ** 2 if prior.settled else 1.0
        slopes = self._penalty.slope(relative) * self._counts
        slopes *= self._strength * rising
        self._forces = self._groups.forces(self._weights, self._norm, norms, slopes, self._alive)
        if self._staying:
            shrinking = prior.strength_at(progress) * self._insistence
            self._forces = self._groups.shrunk(self._weights, self._norm, self._forces, self._staying, shrinking)

    def _turn(self, progress: float, norms: torch.Tensor) -> None:
        """Reads the dial anew; once it should be settled who goes, insists where somebody is not at zero yet.

        Mixtures that are given are those of this moment.
        """
        prior = self._prior
        if prior.share is None:
            self._penalty = prior.penalty(self._groups, progress)
            self._settings = in_force(prior, progress)
            return
        setting = set_by(
            replace(prior, strength=prior.strength_at(progress)), self._dial, norms_by_family(self._groups, norms)
        )
        if progress > prior.settled and setting.strength > 0:
            self._staying = self._groups.of_all(norms >= setting.threshold)
            if bool(self._lagging(norms, setting).any()):
                self._insistence = min(self._insistence * INSISTENCE, MOST_INSISTENT)
        self._strength, self._settings = setting.strength, {"": setting}
        self._penalty = setting.mixture.penalty().to(norms)

    def _lagging(self, norms: torch.Tensor, setting: Setting) -> torch.Tensor:
        """`(groups,)`: who has to go and is not at zero."""
        return (norms < setting.threshold) & (norms > ZERO)
