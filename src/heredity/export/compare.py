"""Every export is run and compared with the module that it came from, before anybody gets it.

A file of the module's own arithmetic must give the module's outputs, up to rounding (`check_equal`). One of coarser
arithmetic cannot; it is measured on the validation split (`fidelity`), and refused when it tells nothing of the module.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from heredity.anatomy.inputs import example
from heredity.development.criteria import Criterion
from heredity.development.task import Split
from heredity.errors import ExportError
from heredity.export.trace import Network
from heredity.measures.error import as_user_has_it

Answer = Callable[[torch.Tensor], torch.Tensor]
"""A network in whatever form: a batch as the user has it to outputs `(n, ...)`."""

BATCHES = (1, 7)
"""Sizes of the batches on which a file must equal its module: none is the one that it was traced with."""

AT_ONCE = 100
"""Examples that are compared at a time."""

NOISE = 0.5
"""Largest noise of a coarser file, see `Fidelity.noise`. Above it a quarter of the outputs' variance is the file's own
making. Eight bits usually leave 0.01 to 0.1, so that only files that came out broken are refused; what a lesser noise
costs in error is measured and said."""

GRAIN = 1 / 128
"""The share of the largest output that a coarser file may differ by where the module's outputs do not vary: a step of
its arithmetic, and one for good measure."""


def check_equal(answer: Answer, network: Network, kind: str, tolerance: float) -> float:
    """The largest difference between a file's outputs and its module's, on random batches of several sizes.

    `kind` names the file in messages ("an ONNX file"); `tolerance` is a share of max(1, largest output).

    Raises:
        ExportError: they differ by more.
    """
    module, largest = network.deployed(), 0.0
    for size in BATCHES:
        batch = example(network.inputs, size, seed=size)
        with torch.no_grad():
            expected = module(batch)
        came = answer(batch)
        _check_shape(came, expected, kind)
        difference = float((came - expected).abs().max())
        limit = tolerance * max(1.0, float(expected.abs().max()))
        if not difference <= limit:
            raise ExportError(
                f"expected {kind} that equals its module within {limit:.1e}; came {difference:.1e}; not written"
            )
        largest = max(largest, difference)
    return largest


@dataclass(frozen=True)
class Fidelity:
    """What a file of coarser arithmetic keeps of its module, on a split of so many `examples`.

    `noise` is the root mean square of the outputs' differences as a share of the standard deviation of the module's
    outputs (0: none; 1: a constant would do as well). `agreement` is the share of predicted classes, over examples or
    positions, that are the module's; None where no classes are predicted. `error` is the file's, `module_error` the
    module's, by the task's criterion; lower is better.
    """

    examples: int
    noise: float
    agreement: float | None
    error: float
    module_error: float


def fidelity(answer: Answer, network: Network, split: Split, criterion: Criterion, kind: str) -> Fidelity:
    """Measures a file beside its module on a split, `AT_ONCE` examples at a time.

    Raises:
        ExportError: it returns another shape, or its noise is above `NOISE`.
    """
    module = network.deployed()
    count, total, squares, differences, largest = 0, 0.0, 0.0, 0.0, 0.0
    given, taken = list[torch.Tensor](), list[torch.Tensor]()
    for stored in split.inputs.split(AT_ONCE):
        batch = as_user_has_it(stored)
        with torch.no_grad():
            expected = module(batch)
        came = answer(batch)
        _check_shape(came, expected, kind)
        given.append(criterion.answers(came))
        taken.append(criterion.answers(expected))
        count, largest = count + expected.numel(), max(largest, float(expected.abs().max()))
        total, squares = total + float(expected.double().sum()), squares + float(expected.double().square().sum())
        differences += float((came.double() - expected.double()).square().sum())
    spread = math.sqrt(max(0.0, squares / count - (total / count) ** 2))
    difference = math.sqrt(differences / count)
    if not difference <= NOISE * spread + GRAIN * largest:
        came = f"{difference / spread:.2g}" if spread else "more"
        raise ExportError(
            f"expected {kind} whose outputs differ from its module's by {NOISE:g} of their deviation at most; "
            f"came {came}; not written, export it in another format"
        )
    of_file, of_module = torch.cat(given), torch.cat(taken)
    classes = not of_module.is_floating_point()
    return Fidelity(
        examples=len(split),
        noise=difference / spread if spread else 0.0,
        agreement=float((of_file == of_module).double().mean()) if classes else None,
        error=criterion.error(of_file, split.labels),
        module_error=criterion.error(of_module, split.labels),
    )


def _check_shape(came: torch.Tensor, expected: torch.Tensor, kind: str) -> None:
    if came.shape != expected.shape:
        raise ExportError(
            f"expected {kind} that returns {tuple(expected.shape)}, as its module does; "
            f"came {tuple(came.shape)}; not written"
        )
