"""A group prior in a training loop of one's own.

    prior = heredity.Regulariser(network, (1, 28, 28), heredity.GroupPrior(share=0.5))
    for step in range(steps):
        ...
        loss.backward()
        prior(step / steps)
        optimiser.step()
    small = prior.reduced()

Patents cover the method: see NOTICE.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Sequence

import msgspec
from torch import nn

from heredity.anatomy.body import ancestor, build
from heredity.anatomy.build import tensors_of
from heredity.anatomy.constructor import provide
from heredity.anatomy.inputs import InputForm
from heredity.development.prior import Pull
from heredity.errors import InputError
from heredity.priors.dial import Dial
from heredity.priors.groups import groups_of
from heredity.priors.prior import GroupPrior, tailored
from heredity.variation import Reduction
from heredity.variation.operator import Organism


class Regulariser:
    """Adds a prior's gradient to those of a network; call it between backward and the step.

    `inputs` is the shape of one example without the batch. Units of norms, and fitted mixtures, are of the weights as
    they are now. The network may be on any device, in single or double precision. Frozen weights are of no group.

    Raises:
        InputError: the prior does not fit the network, or asks for a share that cannot go.
        ModelError: the network cannot be traced.
    """

    def __init__(self, network: nn.Module, inputs: Sequence[int] | InputForm, prior: GroupPrior) -> None:
        form = inputs if isinstance(inputs, InputForm) else InputForm(tuple(inputs))
        self._network = network
        self._first = ancestor(provide(copy.deepcopy(network).cpu().float()), form)
        anatomy, prior = self._first.anatomy, _plain(prior)
        prior.check(groups_of(anatomy, prior.members))
        if prior.share is not None:
            dial = Dial(anatomy, prior.cost, prior.constant)
            dial.check(prior.share)
            dial.check_fine(prior.share)
        own = tailored(prior, anatomy, self._organism().tensors)
        if own is None:
            raise InputError.of("a network in which something can go", "none", "see `heredity inspect`")
        self._prior, self._pull, self._progress = own, Pull(own, anatomy, network), 0.0

    def __call__(self, progress: float) -> None:
        """Adds to the gradients; `progress` in [0, 1] is the share of the training that is done, which only grows.

        Raises:
            DevelopmentError: weights are not finite.
            InputError: the progress is no such share.
        """
        if not self._progress <= progress <= 1:
            remedy = "give the share of the whole training, all epochs, that is done"
            raise InputError.of(f"a progress from {self._progress:g}, where it was, to 1", progress, remedy)
        self._progress = progress
        self._pull(progress)

    def reduced(self) -> nn.Module:
        """The network as it is now without who is on the wrong side: a new one, on the same device.

        Warns where groups that go are not at zero yet, so that their removal is felt.

        Raises:
            InputError: the prior has neither a share nor mixtures, which would say who that is.
        """
        if late := self._pull.late():
            came = f"{late} groups that go are not at zero, so their removal is felt"
            warnings.warn(f"{came}; train longer, or with a higher strength", stacklevel=2)
        child = Reduction(self._prior).conceive([self._organism()], 0)
        network = build(child.genome, child.tensors).to(next(self._network.parameters()).device)
        return network.train(self._network.training)

    def _organism(self) -> Organism:
        tensors = {name: tensor.detach().cpu().clone() for name, tensor in tensors_of(self._network).items()}
        return Organism(self._first.genome, tensors)


def _plain(prior: GroupPrior) -> GroupPrior:
    """The prior, whose fields are looked at as those of a setting are.

    Raises:
        InputError: one is of the wrong type, or none that it can be.
    """
    try:
        return msgspec.convert(msgspec.to_builtins(prior), GroupPrior)
    except (TypeError, msgspec.ValidationError) as error:
        remedy = "correct it; a norm of your own is given by its reference, FILE.py:NAME"
        raise InputError.of("fields of a prior as `GroupPrior` has them", error, remedy) from error
