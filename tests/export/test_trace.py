from __future__ import annotations

import pytest
import torch
from torch import nn

from heredity.anatomy.inputs import InputForm
from heredity.errors import ExportError
from heredity.export import onnx, program
from heredity.export.trace import traced

from .conftest import organism_of

pytestmark = pytest.mark.slow

FORM = InputForm((4,))


class Counting(nn.Sequential):
    """Asks Python for the batch's size, which must then be a number."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + torch.ones(1, 3).expand(len(x), -1)


class Undecided(nn.Sequential):
    """Does this or that, depending on the data."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = super().forward(x)
        return logits if bool(logits.sum() > 0) else logits + 1


class Fixed(nn.Sequential):
    """Takes batches of two, and of one, and of seven, and of nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + (0 if int(x.shape[0]) in (1, 2, 7) else float("nan"))


def layers() -> tuple[nn.Module, ...]:
    return nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)


def test_a_batch_size_that_is_asked_for_stays_free() -> None:
    parent = organism_of(Counting(*layers()), FORM)
    assert onnx.check(onnx.convert(parent), parent) < 1e-6
    assert program.check(program.convert(parent), parent) < 1e-6


@pytest.mark.parametrize(
    ("module", "came"),
    [(Undecided, "GuardOnDataDependentSymNode: Could not guard on"), (Fixed, "UserError: Constraints violated ")],
)
def test_what_torch_cannot_export_is_said_in_one_line(module: type[nn.Module], came: str) -> None:
    with pytest.raises(ExportError) as caught:
        traced(organism_of(module(*layers()), FORM))
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(f"expected a network that torch can export; came {came}")
