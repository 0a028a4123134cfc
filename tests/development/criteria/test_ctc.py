from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from heredity.development.criteria import CTC, Classification
from heredity.errors import DataError, InputError, ModelError
from heredity.testing.refusals import expect_one_line

LABELS = torch.tensor([[2, 0, 0], [1, -1, -1], [2, 2, -1]])


def outputs_of(paths: Sequence[Sequence[int]], outputs: int = 4) -> torch.Tensor:
    """Logits `(n, outputs, frames)` of networks that are sure of these paths."""
    return 50 * F.one_hot(torch.tensor(paths), outputs).movedim(-1, 1).float()


def distance(one: Sequence[object], other: Sequence[object]) -> int:
    """Levenshtein's, by the book."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        last, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            last, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, last + (a != b))
    return row[-1]


def test_loss_is_that_of_torch_example_by_example() -> None:
    logits = torch.randn(3, 4, 9, generator=torch.Generator().manual_seed(0), requires_grad=True)
    expected = torch.zeros(())
    for row, spoken in zip(logits, ([2, 0, 0], [1], [2, 2]), strict=True):
        scores = row.T.log_softmax(1)[:, None]
        target = torch.tensor([spoken]) + 1
        expected = expected + F.ctc_loss(scores, target, [9], [len(spoken)], reduction="sum") / len(spoken) / 3
    loss = CTC().loss(logits, LABELS)
    assert torch.allclose(loss, expected, atol=1e-5)
    loss.backward()
    assert logits.grad is not None
    assert bool(logits.grad.isfinite().all())
    sure = outputs_of([[3, 3, 0, 1, 0, 1, 0, 0, 0], [0, 0, 0, 0, 2, 0, 0, 0, 0], [3, 0, 3, 0, 0, 0, 0, 0, 0]])
    assert CTC().loss(sure, LABELS) < 1e-3 < loss


def test_words_that_do_not_fit_into_the_frames_cost_nothing_rather_than_everything() -> None:
    assert CTC().loss(torch.zeros(1, 4, 3), torch.tensor([[0, 0, 0]])) == 0, "it takes five frames to say so"
    with pytest.raises(ModelError, match=r"at least 3 frames; came \(1, 4, 2\)"):
        CTC().loss(torch.zeros(1, 4, 2), torch.tensor([[0, 1, 2]]))
    with pytest.raises(ModelError, match=r"came \(1, 4\)"):
        CTC().loss(torch.zeros(1, 4), torch.tensor([[0, 1, 2]]))


@given(st.integers(0, 2**32), st.integers(2, 6))
def test_error_is_edits_over_words(seed: int, n: int) -> None:
    coins = torch.Generator().manual_seed(seed)
    paths = torch.randint(4, (n, 8), generator=coins)
    labels = torch.randint(3, (n, 4), generator=coins)
    for row, length in zip(labels, torch.randint(1, 5, (n,), generator=coins), strict=True):
        row[length:] = CTC.NOTHING
    edits = 0
    for path, row in zip(paths.tolist(), labels.tolist(), strict=True):
        heard = [k - 1 for t, k in enumerate(path) if k and (t == 0 or path[t - 1] != k)]
        edits += distance([word for word in row if word >= 0], heard)
    criterion = CTC()
    error = criterion.error(criterion.answers(outputs_of(paths.tolist())), labels)
    assert error == pytest.approx(edits / int((labels >= 0).sum()))


def test_a_network_that_gives_no_numbers_is_not_right() -> None:
    right = outputs_of([[3, 1, 0, 1], [0, 2, 2, 0], [3, 0, 3, 0]])
    criterion = CTC()
    assert criterion.error(criterion.answers(right), LABELS) == 0
    right[1, :, 1] = float("nan")
    assert criterion.error(criterion.answers(right), LABELS) > 0


def test_a_teacher_is_imitated_frame_by_frame_as_classes_of_positions_are() -> None:
    coins = torch.Generator().manual_seed(0)
    own, taught = torch.randn(3, 4, 9, generator=coins), torch.randn(3, 4, 9, generator=coins)
    assert CTC().imitation(taught, taught, 2.0).abs() < 1e-6
    assert torch.equal(CTC().imitation(own, taught, 2.0), Classification().imitation(own, taught, 2.0))
    several = torch.stack([own, taught])
    assert torch.allclose(CTC().consensus(several).softmax(1), (own.softmax(1) + taught.softmax(1)) / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.arange(4), ("(4,)", "(n, longest)")),
        (torch.rand(4, 3), ("float32",)),
        (torch.tensor([[0, 1], [-1, -1]]), ("at least one an example",)),
        (torch.tensor([[0, -1, 1]]), ("filled up with -1",)),
        (torch.tensor([[0, -2]]), ("labels from 0",)),
    ],
)
def test_what_are_no_words_is_refused(labels: torch.Tensor, words: Sequence[str]) -> None:
    with pytest.raises(DataError) as caught:
        CTC().stored(labels, "training", "mine")
    expect_one_line(caught, *words)


def test_words_that_training_lacks_are_refused() -> None:
    criterion = CTC()
    labels = criterion.stored(LABELS, "training", "mine")
    assert criterion.size(labels) == 4
    criterion.check(labels, 4, "training", "mine")
    with pytest.raises(DataError) as caught:
        criterion.check(torch.tensor([[3]]), 4, "test", "mine")
    expect_one_line(caught, "words below 3", "word 3 in the test split")


def test_without_the_library_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jiwer", None)
    with pytest.raises(InputError, match=r"pip install 'heredity\[speech\]'"):
        CTC().check(LABELS, 4, "training", "mine")
