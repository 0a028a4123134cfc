"""From a network and its input's shape to its anatomy: labels ride, equal couplings form families, trials decide."""

from __future__ import annotations

import torch
from torch import nn

from heredity.anatomy.anatomy import OUTPUT, Anatomy
from heredity.anatomy.families import Formed, form
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.ride import Ride
from heredity.anatomy.rules import RULES
from heredity.anatomy.trial import Trial
from heredity.errors import ModelError

BATCH = 2
"""Examples that are traced: one would hide operations that drop or mix the batch."""


def trace(module: nn.Module, inputs: InputForm | tuple[int, ...]) -> Anatomy:
    """The anatomy of `module`, which takes a batch `(n, *shape)` and returns a tensor `(n, ...)`.

    `inputs` is what it takes, or the shape of one example of float32.

    The module is left as it was. Every family was removed on trial. Where one fails, what was
    supposed of its coupling is tried (`Ledger.suppose`); those that fail still are fixed, with the reason.

    Raises:
        ModelError: the forward pass fails, or returns something other than one tensor.
    """
    if not any(p.requires_grad for p in module.parameters()):
        raise ModelError.of("a network with trainable weights", f"{type(module).__name__} without any", "unfreeze some")
    taken = inputs if isinstance(inputs, InputForm) else InputForm(tuple(inputs))
    training = [m for m in module.modules() if m.training]
    module.eval()
    try:
        ride, outputs = _ride(module, taken)
        batch = example(taken, BATCH, dtype=torch.float64)
        formed = form(ride)
        trial = Trial(module, _anatomy(module, ride, formed, outputs), batch)
        failed = {int(label): why for name, why in trial.failures.items() for label in formed.labels[name]}
        if ride.ledger.accept(failed):
            formed = form(ride, failed)
            trial = Trial(module, _anatomy(module, ride, formed, outputs), batch)
    finally:
        for m in training:
            m.training = True
    return trial.passed


def _ride(module: nn.Module, form: InputForm) -> tuple[Ride, tuple[int, ...]]:
    """The ride, and the shape of what the network returns for one example."""
    ride, batch = Ride(module, RULES, BATCH), example(form, BATCH)
    try:
        with torch.no_grad(), ride:
            output = module(batch)
    except Exception as error:
        problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise ModelError.of(
            f"a network that takes a batch of shape {tuple(batch.shape)}", problem, "check the input's shape"
        ) from error
    if not isinstance(output, torch.Tensor):
        raise ModelError.of(
            "a network that returns one tensor of logits", f"a {type(output).__name__}", "wrap it so that it does"
        )
    if output.dim() == 0 or len(output) != len(batch):
        came = f"shape {tuple(output.shape)} for a batch of {len(batch)}"
        raise ModelError.of("a network that returns logits for each example", came, "keep the batch apart")
    ride.ledger.fix(ride.labels(output), OUTPUT)
    return ride, tuple(output.shape[1:])


def _anatomy(module: nn.Module, ride: Ride, formed: Formed, outputs: tuple[int, ...]) -> Anatomy:
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    shapes = {name: tuple(t.shape) for name, t in named.items() if t.is_floating_point()}
    return Anatomy(
        families=formed.families,
        fixed=formed.fixed,
        shapes=shapes,
        parameters=frozenset(name for name, _ in module.named_parameters()),
        positions=dict(ride.positions),
        outputs=outputs,
        folds=ride.folds,
        work=formed.work(ride),
        frozen=frozenset(name for name, p in module.named_parameters() if not p.requires_grad),
    )
