from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from heredity.anatomy.body import deploy
from heredity.development.criteria import PLAIN, Regression
from heredity.development.task import Split
from heredity.errors import ExportError
from heredity.export.compare import GRAIN, NOISE, Answer, check_equal, fidelity
from heredity.variation.operator import Organism

from .conftest import RGB, organism, organism_of, task


def altered(of: Organism, change: Answer) -> Answer:
    """A file that answers what its module does, and then some."""
    network = deploy(of.genome, of.tensors)

    def answer(batch: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            return change(network(batch))

    return answer


def test_equal_files_pass_with_their_largest_difference() -> None:
    parent = organism("Convolutional")
    assert check_equal(altered(parent, lambda y: y), parent, "a file", 0.0) == 0
    found = check_equal(altered(parent, lambda y: y + 2e-3 * (len(y) == 7)), parent, "a file", 0.1)
    assert found == pytest.approx(2e-3, rel=0.01), "of all batches"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda y: y + 0.01,
            r"^expected a file that equals its module within \d\.\de-0\d; came 1\.0e-02; not written$",
        ),
        (lambda y: y * float("nan"), r"came nan; not written$"),
        (lambda y: y[:1], r"^expected a file that returns \(7, 5\), as its module does; came \(1, 5\); not written$"),
        (lambda y: y[:, :1], r"^expected a file that returns \(1, 5\), as its module does; came \(1, 1\)"),
    ],
)
def test_others_are_refused(change: Answer, message: str) -> None:
    parent = organism("Convolutional")
    with pytest.raises(ExportError, match=message):
        check_equal(altered(parent, change), parent, "a file", 1e-4)


def test_fidelity_is_measured_on_the_whole_split() -> None:
    """Against the formulas, on all outputs at once."""
    parent, split = organism("Convolutional"), task("Convolutional").validation
    split = Split(split.inputs.repeat(2, 1, 1, 1), split.labels.repeat(2))  # more than are compared at a time
    network = deploy(parent.genome, parent.tensors)
    with torch.no_grad():
        expected = network(split.inputs)
    coins = torch.Generator().manual_seed(0)
    noise = 0.4 * expected.std() * torch.randn(expected.shape, generator=coins)
    parts = iter(noise.split(100))
    found = fidelity(altered(parent, lambda y: y + next(parts)), parent, split, PLAIN, "a file")
    came = expected + noise
    assert found.examples == 192
    assert found.noise == pytest.approx(float(noise.square().mean().sqrt() / expected.std(correction=0)), rel=1e-4)
    assert found.agreement == pytest.approx(float((came.argmax(1) == expected.argmax(1)).float().mean()))
    assert found.agreement is not None
    assert 0 < found.agreement < 1, "else nothing is shown"
    assert found.error == float((came.argmax(1) != split.labels).double().mean())
    assert found.module_error == float((expected.argmax(1) != split.labels).double().mean())


def test_numbers_have_no_agreement() -> None:
    found = fidelity(
        altered(organism("numbers"), lambda y: y), organism("numbers"), task("numbers").validation, Regression(), "a"
    )
    assert (found.noise, found.agreement) == (0, None)
    assert found.error == found.module_error > 0


def test_positions_count_one_by_one() -> None:
    def one_other(y: torch.Tensor) -> torch.Tensor:
        y = y.clone()
        y[0, :, 0, 0] = y[0, :, 0, 0].roll(1)
        return y

    found = fidelity(
        altered(organism("segmenting"), one_other), organism("segmenting"), task("segmenting").validation, PLAIN, "a"
    )
    assert found.agreement == pytest.approx(1 - 1 / (96 * 64))


@pytest.mark.parametrize(
    "change",
    [
        lambda y: y.mean().expand(y.shape),
        lambda y: -y,
        lambda y: torch.full_like(y, float("nan")),
        lambda y: torch.where(torch.arange(y.shape[1]) == 0, torch.inf, y),
    ],
)
def test_garbage_is_refused(change: Answer) -> None:
    parent, split = organism("Convolutional"), task("Convolutional").validation
    with pytest.raises(ExportError, match=r"^expected a file whose outputs differ from its module's by 0\.5 of their"):
        fidelity(altered(parent, change), parent, split, PLAIN, "a file")
    with pytest.raises(ExportError, match=r"^expected a file that returns \(96, 5\).* came \(96, 2\)"):
        fidelity(altered(parent, lambda y: y[:, :2]), parent, split, PLAIN, "a file")


def test_outputs_that_do_not_vary() -> None:
    """There a grain of the largest is allowed, and no more."""
    dead = organism_of(nn.Sequential(nn.Flatten(), nn.Linear(192, 4), nn.ReLU(), nn.Linear(4, 5)), RGB)
    zeros = {name: torch.zeros_like(t) for name, t in dead.tensors.items()}
    constant = Organism(dead.genome, {**zeros, "3.bias": torch.full((5,), 2.0)})
    split = dataclasses.replace(task("segmenting").validation, labels=torch.arange(96) % 5)
    assert NOISE < 1
    found = fidelity(altered(constant, lambda y: y + 1.9 * GRAIN), constant, split, PLAIN, "a file")
    assert (found.noise, found.agreement) == (0, 1)
    with pytest.raises(ExportError, match=r"came more; not written"):
        fidelity(altered(constant, lambda y: y + 2.1 * GRAIN), constant, split, PLAIN, "a file")
    silent = Organism(dead.genome, zeros)
    assert fidelity(altered(silent, lambda y: y), silent, split, PLAIN, "a file").noise == 0
    with pytest.raises(ExportError):
        fidelity(altered(silent, lambda y: y + 1e-3), silent, split, PLAIN, "a file")
