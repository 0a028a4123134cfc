from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from heredity.development.culture import culture_loss
from heredity.development.recipe import Culture


def by_hand(student: list[list[float]], teacher: list[list[float]], labels: list[int], culture: Culture) -> float:
    """The formula of the file's head, with nothing but exp and log."""

    def softmax(logits: list[float], t: float) -> list[float]:
        exponents = [math.exp(x / t) for x in logits]
        return [e / sum(exponents) for e in exponents]

    total, t = 0.0, culture.temperature
    for s, z, y in zip(student, teacher, labels, strict=True):
        hard = -math.log(softmax(s, 1.0)[y])
        soft = sum(p * math.log(p / q) for p, q in zip(softmax(z, t), softmax(s, t), strict=True))
        total += (1 - culture.weight) * hard + culture.weight * t * t * soft
    return total / len(labels)


@pytest.mark.parametrize("culture", [Culture(), Culture(0.3, 1.0), Culture(0.0, 2.0), Culture(1.0, 8.0)])
def test_loss_and_gradient(culture: Culture) -> None:
    torch.manual_seed(0)
    student = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    teacher, labels = torch.randn(5, 4, dtype=torch.float64) * 3, torch.tensor([0, 3, 1, 1, 2])
    loss = culture_loss(student, teacher, labels, culture)
    expected = by_hand(student.tolist(), teacher.tolist(), labels.tolist(), culture)
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    loss.backward()
    t, w = culture.temperature, culture.weight
    with torch.no_grad():
        hard = student.softmax(1) - F.one_hot(labels, 4)
        soft = t * ((student / t).softmax(1) - (teacher / t).softmax(1))
        assert torch.allclose(student.grad, ((1 - w) * hard + w * soft) / 5, atol=1e-12)


def test_nothing_is_left_to_learn_from_oneself() -> None:
    logits = torch.randn(6, 3)
    assert culture_loss(logits, logits, torch.zeros(6, dtype=torch.long), Culture(1.0)).item() == pytest.approx(0)


def test_labels_are_smoothed_and_teachers_are_not() -> None:
    torch.manual_seed(0)
    student, teacher, labels = torch.randn(5, 4), torch.randn(5, 4), torch.tensor([0, 3, 1, 1, 2])
    soft = culture_loss(student, teacher, labels, Culture(1.0, 2.0))
    hard = F.cross_entropy(student, labels, label_smoothing=0.2)
    mixed = culture_loss(student, teacher, labels, Culture(0.3, 2.0), smoothing=0.2)
    assert mixed.item() == pytest.approx((0.7 * hard + 0.3 * soft).item(), rel=1e-6)
