from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, r2_score
from torch import nn

from heredity.measures.error import (
    as_user_has_it,
    classes_of,
    error_rate,
    missed_precision,
    predict,
    unexplained_variance,
    wrong_share,
)

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


def test_tokens_stay_whole() -> None:
    tokens = torch.tensor([[0, 7], [3, 2]])
    assert torch.equal(as_user_has_it(tokens), tokens)
    embedded = predict(nn.Embedding(8, 2), tokens)
    assert embedded.shape == (2, 2, 2)


def test_large_inputs_come_in_small_batches() -> None:
    sizes: list[int] = []
    network = nn.Identity()
    network.register_forward_hook(lambda _, __, output: sizes.append(len(output)))
    predict(network, torch.zeros(5, 2**21), keep=lambda output: output[:, :1])
    assert sizes == [2, 2, 1]
    sizes.clear()
    predict(network, torch.zeros(257, 784))
    assert sizes == [128, 128, 1]


POSITIONS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=2, max_size=12)


@given(POSITIONS, st.sampled_from([None, 2]), st.sampled_from([None, [1.0, 3.0, 0.5]]))
def test_wrong_answers_one_by_one(
    pairs: list[tuple[int, int]], ignore: int | None, weights: list[float] | None
) -> None:
    pairs = [*pairs, (0, 0)]  # one label counts at least
    counted = [(answer, label) for answer, label in pairs if label != ignore]
    worth = [1.0 if weights is None else weights[label] for _, label in counted]
    wrong = sum(w for w, (answer, label) in zip(worth, counted, strict=True) if answer != label)
    answers, labels = (torch.tensor(column)[None] for column in zip(*pairs, strict=True))
    share = wrong_share(answers, labels, None if weights is None else torch.tensor(weights), ignore)
    assert share == pytest.approx(wrong / sum(worth))


def test_classes_at_every_position() -> None:
    logits = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    logits[1, 2, 3, 4] = math.nan
    answers = classes_of(logits)
    assert answers.shape == (4, 5, 6)
    assert answers[1, 3, 4] == -1
    assert (answers == logits.argmax(1)).sum() == 119
    assert error_rate(logits, logits.argmax(1)) == pytest.approx(1 / 120)


@pytest.mark.parametrize("shape", [(30, 1), (30, 3), (30, 2, 4)])
def test_unexplained_variance_is_one_minus_r2(shape: tuple[int, ...]) -> None:
    coins = torch.Generator().manual_seed(0)
    labels = torch.randn(shape, generator=coins) * 7 + 1000
    answers = labels + torch.randn(shape, generator=coins)
    flat = [values.movedim(1, -1).reshape(-1, shape[1]).double().numpy() for values in (labels, answers)]
    assert unexplained_variance(answers, labels) == pytest.approx(1 - r2_score(*flat))
    assert unexplained_variance(labels.mean(0, keepdim=True).expand_as(labels), labels) == pytest.approx(
        1 - r2_score(flat[0], labels.double().mean(0, keepdim=True).expand_as(labels).movedim(1, -1).flatten(0, -2))
    )
    answers[3] = math.nan
    assert math.isnan(unexplained_variance(answers, labels))


SCORES = st.sampled_from([-2.0, 0.0, 0.5, 1.0, 3.0])


@given(st.lists(st.tuples(SCORES, SCORES, st.booleans(), st.booleans()), min_size=1, max_size=12))
def test_missed_precision_is_one_minus_scikit_learns(rows: list[tuple[float, float, bool, bool]]) -> None:
    rows = [*rows, (0.5, 0.0, True, False)]
    scores, on = torch.tensor([row[:2] for row in rows]), torch.tensor([row[2:] for row in rows]).float()
    columns = [k for k in range(2) if on[:, k].any()]
    expected = sum(average_precision_score(on[:, k].numpy(), scores[:, k].numpy()) for k in columns) / len(columns)
    assert missed_precision(scores, on) == pytest.approx(1 - expected)


def test_nan_ranks_where_it_does_most_harm() -> None:
    on = torch.tensor([[1.0], [0.0], [1.0], [0.0]])
    assert missed_precision(torch.tensor([[3.0], [1.0], [2.0], [0.0]]), on) == 0
    first = missed_precision(torch.tensor([[math.nan], [1.0], [2.0], [0.0]]), on)
    last = missed_precision(torch.tensor([[3.0], [1.0], [2.0], [math.nan]]), on)
    assert first == pytest.approx(1 - (1 + 2 / 4) / 2)
    assert last == pytest.approx(1 - (1 / 2 + 2 / 3) / 2)
    assert missed_precision(torch.full((4, 1), math.nan), on) == pytest.approx(1 - 2 / 4)
