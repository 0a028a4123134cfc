from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from heredity.measures.error import as_user_has_it, error_rate, predict

LOGITS = st.sampled_from([0.0, 1.0, -1.0, math.nan, math.inf, -math.inf])


@given(st.lists(st.tuples(LOGITS, LOGITS, LOGITS, st.integers(0, 2)), min_size=1, max_size=12))
def test_errors_one_by_one(rows: list[tuple[float, float, float, int]]) -> None:
    wrong = 0
    for *logits, label in rows:
        best = max(range(3), key=lambda i: logits[i])  # the first of equals
        wrong += any(math.isnan(x) for x in logits) or best != label
    logits = torch.tensor([row[:3] for row in rows])
    labels = torch.tensor([row[3] for row in rows])
    assert error_rate(logits, labels) == wrong / len(rows)


def test_nan_is_wrong_whatever_the_label() -> None:
    assert error_rate(torch.tensor([[math.nan, 0.0], [0.0, math.nan]]), torch.tensor([0, 1])) == 1.0
    assert error_rate(torch.tensor([[0.0, 1.0], [0.0, math.nan]]), torch.tensor([1, 1])) == 0.5


@pytest.mark.parametrize("batch_size", [1, 3, 500])
def test_predictions_do_not_depend_on_batches(batch_size: int) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.BatchNorm1d(4), nn.Dropout(0.5))
    pixels = torch.randint(256, (7, 3, 2, 2), dtype=torch.uint8)
    logits = predict(network, pixels, batch_size)
    assert not network.training
    assert not logits.requires_grad
    with torch.no_grad():
        assert torch.allclose(logits, network(pixels.float() / 255), atol=1e-6)


def test_bytes_are_pixels_and_features_are_what_they_are() -> None:
    assert as_user_has_it(torch.tensor([0, 51, 255], dtype=torch.uint8)).tolist() == pytest.approx([0, 0.2, 1])
    features = torch.tensor([-3.0, 300.0])
    assert torch.equal(as_user_has_it(features), features)
    assert features.tolist() == [-3.0, 300.0]
