"""What all criteria promise, and how one is found for labels."""

from __future__ import annotations

import json
import math

import pytest
import torch
from torch import nn

from heredity.development.criteria import (
    MIXING,
    PLAIN,
    Classification,
    Criterion,
    Custom,
    MultiLabel,
    Regression,
    criterion_for,
)
from heredity.development.criteria.criterion import WORST, measured
from heredity.errors import DataError, InputError
from heredity.testing.refusals import expect_one_line

COINS = torch.Generator().manual_seed(0)
N = 12

LABELS = {
    "classes": (PLAIN, torch.arange(N) % 3),
    "weighted": (Classification([1, 5, 0.5]), torch.arange(N) % 3),
    "segmentation": (Classification(ignore=255), torch.randint(3, (N, 4, 5), generator=COINS)),
    "numbers": (Regression(), torch.randn(N, generator=COINS)),
    "maps": (Regression(), torch.randn(N, 2, 4, 5, generator=COINS)),
    "labels": (MultiLabel(), torch.randint(2, (N, 4), generator=COINS)),
    "label maps": (MultiLabel(), torch.randint(2, (N, 2, 4, 5), generator=COINS)),
}


@pytest.mark.parametrize("kind", LABELS)
class TestAll:
    @pytest.fixture
    def criterion(self, kind: str) -> Criterion:
        return LABELS[kind][0]

    @pytest.fixture
    def labels(self, kind: str, criterion: Criterion) -> torch.Tensor:
        return criterion.stored(LABELS[kind][1], "training", "mine")

    @pytest.fixture
    def outputs(self, criterion: Criterion, labels: torch.Tensor) -> torch.Tensor:
        shape = criterion.output_shape(labels, criterion.size(labels))
        assert shape is not None
        return torch.randn(N, *shape, generator=COINS, requires_grad=True)

    @staticmethod
    def perfect(criterion: Criterion, labels: torch.Tensor) -> torch.Tensor:
        """Outputs that are right."""
        if not isinstance(criterion, Classification):
            return labels
        return nn.functional.one_hot(labels, 3).movedim(-1, 1).float()

    def test_losses_are_scalars_that_can_be_descended(
        self, criterion: Criterion, labels: torch.Tensor, outputs: torch.Tensor
    ) -> None:
        criterion.check(labels, criterion.size(labels), "training", "mine")
        taught = torch.randn(outputs.shape, generator=COINS)
        for lost in (criterion.loss, lambda o, _: criterion.imitation(o, taught, 2.0)):
            own = outputs.detach().clone().requires_grad_()
            optimiser = torch.optim.SGD([own], lr=1.0)
            before = lost(own, labels)
            assert before.dim() == 0
            for _ in range(5):
                optimiser.zero_grad()
                lost(own, labels).backward()
                optimiser.step()
            assert lost(own, labels) < before

    def test_a_teacher_that_says_the_same_teaches_nothing(
        self, criterion: Criterion, labels: torch.Tensor, outputs: torch.Tensor
    ) -> None:
        criterion.imitation(outputs, outputs.detach(), 3.0).backward()
        assert outputs.grad is not None
        assert outputs.grad.abs().max() < 1e-7

    def test_a_loss_is_the_mean_over_the_batch(
        self, criterion: Criterion, labels: torch.Tensor, outputs: torch.Tensor
    ) -> None:
        twice = criterion.loss(outputs.repeat_interleave(2, 0), labels.repeat_interleave(2, 0))
        assert twice.item() == pytest.approx(criterion.loss(outputs, labels).item(), rel=1e-5)
        taught = torch.randn(outputs.shape, generator=COINS)
        each = [criterion.imitation(o[None], t[None], 2.0).item() for o, t in zip(outputs, taught, strict=True)]
        assert criterion.imitation(outputs, taught, 2.0).item() == pytest.approx(sum(each) / N, rel=1e-5)

    def test_smoothing_is_heard_where_it_is_said_to_be(
        self, criterion: Criterion, labels: torch.Tensor, outputs: torch.Tensor
    ) -> None:
        heard = criterion.loss(outputs, labels, 0.3).item() != criterion.loss(outputs, labels).item()
        assert criterion.smooths == heard

    def test_perfect_answers_have_no_error(self, criterion: Criterion, labels: torch.Tensor) -> None:
        perfect = self.perfect(criterion, labels)
        assert criterion.error(criterion.answers(perfect), labels) == 0
        worse = criterion.error(criterion.answers(-perfect), labels)
        assert 0.3 < worse < WORST

    def test_nan_is_never_good(self, criterion: Criterion, labels: torch.Tensor, outputs: torch.Tensor) -> None:
        class Fixed(nn.Module):
            def forward(self, x: torch.Tensor) -> torch.Tensor:
                return outputs.detach()

        with torch.no_grad():
            outputs += 5 * self.perfect(criterion, labels)
        sound = measured(criterion, Fixed(), torch.rand(N, 2), labels)
        with torch.no_grad():
            outputs[0] = math.nan
        assert sound < measured(criterion, Fixed(), torch.rand(N, 2), labels) <= WORST

    def test_they_are_plain(self, criterion: Criterion, labels: torch.Tensor) -> None:
        record = criterion.record()
        assert json.loads(json.dumps(record))["kind"] == criterion.kind
        assert criterion == type(criterion)(**{n: record[n] for n in ("weights", "ignore") if n in record})
        assert hash(criterion) == hash(criterion.fitted(labels, criterion.size(labels)))
        criterion.check_portable()

    def test_a_mean_of_equal_networks_is_what_one_answers(
        self, criterion: Criterion, outputs: torch.Tensor, labels: torch.Tensor
    ) -> None:
        outputs = outputs.detach()
        mixed = criterion.mixed(torch.stack([outputs] * 3), torch.tensor([0.5, 0.5, 0.0]))
        assert mixed.shape == outputs.shape
        alone = criterion.mixed(outputs[None], torch.ones(1))
        torch.testing.assert_close(mixed, alone)
        assert criterion.loss(alone, labels).item() == pytest.approx(criterion.loss(outputs, labels).item(), rel=1e-4)
        assert criterion.error(criterion.answers(alone), labels) == criterion.error(criterion.answers(outputs), labels)

    def test_teachers_that_agree_teach_what_one_does(self, criterion: Criterion, outputs: torch.Tensor) -> None:
        taught = criterion.consensus(torch.stack([outputs.detach()] * 3))
        criterion.imitation(outputs, taught, 1.0).backward()
        assert outputs.grad is not None
        assert outputs.grad.abs().max() < 1e-7

    def test_teachers_count_alike(self, criterion: Criterion, outputs: torch.Tensor) -> None:
        several = torch.stack([outputs, -2 * outputs, outputs.roll(1, 0)]).detach()
        mean = criterion.mixed(several, torch.full((3,), 1 / 3))
        torch.testing.assert_close(criterion.consensus(several), mean)
        torch.testing.assert_close(criterion.consensus(several.flip(0)), mean)

    def test_the_loss_of_a_mean_is_convex_in_the_weights(
        self, criterion: Criterion, outputs: torch.Tensor, labels: torch.Tensor
    ) -> None:
        several = torch.stack([outputs, -2 * outputs, outputs.roll(1, 0)]).detach().double()
        labels = labels.double() if labels.is_floating_point() else labels

        def loss(weights: torch.Tensor) -> torch.Tensor:
            return criterion.loss(criterion.mixed(several, weights), labels)

        ends = torch.softmax(torch.randn(20, 2, 3, generator=COINS).double(), -1)
        for one, other in ends:
            assert loss((one + other) / 2) <= (loss(one) + loss(other)) / 2 + 1e-12
        nobody = torch.tensor([0.0, 0.3, 0.7]).double().requires_grad_()
        (slope,) = torch.autograd.grad(loss(nobody), nobody)
        step = torch.tensor([1e-6, -1e-6, 0.0]).double()
        with torch.no_grad():
            assert float(slope @ step) == pytest.approx(float(loss(nobody + step) - loss(nobody)), rel=1e-3)

    def test_a_mean_of_extremes_is_finite(self, criterion: Criterion, outputs: torch.Tensor) -> None:
        far = torch.stack([1e4 * outputs, -1e4 * outputs])
        assert bool(criterion.mixed(far, torch.tensor([0.5, 0.5])).isfinite().all())


BITS = torch.tensor([[0, 1, 1], [0, 0, 0], [1, 0, 1]])


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (torch.tensor([0, 1, 2]), PLAIN),
        (torch.tensor([0, 1, 2], dtype=torch.uint8), PLAIN),
        (torch.tensor([True, False]), PLAIN),
        (torch.zeros(3, 4, 5, dtype=torch.int32), PLAIN),
        (torch.tensor([0.0, 1.0, 2.0]), Regression()),
        (torch.rand(3, 1), Regression()),
        (torch.rand(3, 4, dtype=torch.float64), Regression()),
        (torch.rand(3, 2, 4, 5), Regression()),
        (BITS, MultiLabel()),
        (BITS.bool(), MultiLabel()),
        (BITS.float(), MultiLabel()),
    ],
)
def test_labels_suggest_a_criterion(labels: torch.Tensor, expected: Criterion) -> None:
    assert criterion_for(labels, "mine") == expected


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        (torch.eye(3), ("a single 1 in each row of shape (3, 3)", "labels.argmax(1)", "criterion=MultiLabel()")),
        (torch.eye(3, dtype=torch.long), ("labels.argmax(1)",)),
        (torch.arange(9).reshape(3, 3), ("int64 of shape (3, 3)", "criterion=Classification() of positions")),
        (torch.arange(3)[:, None], ("int64 of shape (3, 1)", "flatten")),
        (torch.arange(3) * 1j, ("complex64",)),
    ],
)
def test_labels_that_suggest_none(labels: torch.Tensor, words: tuple[str, ...]) -> None:
    with pytest.raises(DataError) as caught:
        criterion_for(labels, "mine")
    assert "\n" not in str(caught.value)
    for word in ("expected", "in mine", *words):
        assert word in str(caught.value)


class TestClassification:
    def test_ignored_positions_do_not_count(self) -> None:
        criterion = Classification(ignore=9)
        labels = torch.tensor([[0, 9, 1], [2, 9, 9]])
        outputs = torch.randn(2, 3, 3, generator=COINS)
        other = outputs.clone()
        other[labels[:, None].expand(-1, 3, -1) == 9] += 5
        assert criterion.loss(outputs, labels) == criterion.loss(other, labels)
        by_hand = -outputs.log_softmax(1)[[0, 0, 1], [0, 1, 2], [0, 2, 0]].mean()
        assert criterion.loss(outputs, labels).item() == pytest.approx(by_hand.item())
        assert criterion.error(torch.tensor([[0, 0, 0], [2, 2, 2]]), labels) == pytest.approx(1 / 3)
        assert criterion.size(labels) == 3

    def test_balanced_classes_count_alike(self) -> None:
        labels = torch.tensor([0] * 90 + [1] * 10)
        balanced = Classification("balanced").fitted(labels, 2)
        assert balanced == Classification((100 / 180, 5.0))
        assert balanced.error(torch.zeros(100, dtype=torch.long), labels) == pytest.approx(0.5)
        outputs = torch.tensor([1.0, -1.0]).expand(100, 2)
        a, b = (math.log(1 + math.exp(2 * sign)) for sign in (-1, 1))
        assert balanced.loss(outputs, labels).item() == pytest.approx((a + b) / 2)
        assert Classification("balanced").fitted(labels, 3).weights == (100 / 270, 10 / 3, 1.0)
        ignoring = Classification("balanced", ignore=1).fitted(
            torch.where(labels == 0, torch.arange(100) % 2 * 2, 1), 3
        )
        assert ignoring.weights == (2 / 3, 1.0, 2 / 3)

    @pytest.mark.parametrize("weights", [[], [1, 0], [1, -1], [math.nan, 1], [math.inf], "equal", 3, ["a"]])
    def test_weights_that_are_none(self, weights: object) -> None:
        with pytest.raises(InputError, match="expected class weights above 0, one a class; came"):
            Classification(weights)  # pyright: ignore[reportArgumentType]

    def test_smoothing_is_torchs(self) -> None:
        outputs, labels = torch.randn(4, 3, generator=COINS), torch.tensor([0, 1, 2, 0])
        smoothed = nn.functional.cross_entropy(outputs, labels, label_smoothing=0.1)
        assert torch.equal(PLAIN.loss(outputs, labels, 0.1), smoothed)

    @pytest.mark.parametrize(
        ("criterion", "labels", "words"),
        [
            (PLAIN, torch.rand(4), ("validation labels as whole numbers of shape (n,)", "float32")),
            (PLAIN, torch.tensor([0, -1]), ("validation labels from 0", "-1 in mine", "from 0")),
            (PLAIN, torch.tensor([[0, -1]]), ("criterion=Classification(ignore=-1)",)),
            (Classification(ignore=0), torch.tensor([[0, 1], [0, 0]]), ("labels other than 0", "none in an example")),
        ],
    )
    def test_labels_that_are_none(self, criterion: Criterion, labels: torch.Tensor, words: tuple[str, ...]) -> None:
        with pytest.raises(DataError) as caught:
            criterion.stored(labels, "validation", "mine")
        for word in words:
            assert word in str(caught.value)

    def test_a_mean_is_that_of_probabilities(self) -> None:
        several, weights = torch.randn(3, 5, 4, 2, generator=COINS), torch.tensor([0.2, 0.3, 0.5])
        expected = torch.einsum("m,mnkp->nkp", weights, several.softmax(2))
        torch.testing.assert_close(PLAIN.mixed(several, weights).exp(), expected)


class TestRegression:
    def test_units(self) -> None:
        labels = torch.randn(50, 2, 3, generator=COINS) * torch.tensor([5.0, 0.1])[:, None] + 100
        mean, std = Regression().units(labels)
        assert mean == pytest.approx((100, 100), abs=2)
        assert std == pytest.approx((5, 0.1), rel=0.2)

    def test_labels_that_are_none(self) -> None:
        for labels, words in (
            (torch.tensor([1.0, math.nan]), "finite test labels; came NaN or infinity in example 1 of mine"),
            (torch.rand(3) * 1j, "real numbers"),
            (torch.tensor(1.0), r"of shape \(n,\)"),
        ):
            with pytest.raises(DataError, match=words):
                Regression().stored(labels, "test", "mine")
        with pytest.raises(
            DataError, match="labels that vary within every split; came 7 throughout output 1 of the test"
        ):
            Regression().check(torch.tensor([[1.0, 7.0], [2.0, 7.0]]), 2, "test", "mine")


class TestMultiLabel:
    def test_a_mean_is_that_of_probabilities(self) -> None:
        several, weights = torch.randn(3, 5, 4, generator=COINS), torch.tensor([0.2, 0.3, 0.5])
        expected = torch.einsum("m,mnk->nk", weights, several.sigmoid())
        torch.testing.assert_close(MultiLabel().mixed(several, weights).sigmoid(), expected)

    def test_labels_that_are_none(self) -> None:
        for labels, words in (
            (torch.tensor([[0, 2]]), "training labels of 0 and 1; came 2 in mine"),
            (torch.tensor([[0.5, 1]]), "came 0.5 in mine"),
            (torch.tensor([0, 1]), r"of shape \(n, labels\); came torch.int64 of shape \(2,\)"),
        ):
            with pytest.raises(DataError, match=words):
                MultiLabel().stored(labels, "training", "mine")
        for value in (0.0, 1.0):
            with pytest.raises(DataError, match=f"some are on and some are off; came {value:g} throughout the test"):
                MultiLabel().check(torch.full((3, 2), value), 2, "test", "mine")

    def test_smoothing(self) -> None:
        outputs, labels = torch.randn(4, 3, generator=COINS), torch.randint(2, (4, 3), generator=COINS).float()
        by_hand = nn.functional.binary_cross_entropy_with_logits(outputs, labels * 0.8 + 0.1)
        assert MultiLabel().loss(outputs, labels, 0.2).item() == pytest.approx(by_hand.item())


def test_a_custom_one_takes_labels_as_they_are() -> None:
    custom = Custom(nn.L1Loss(), lambda outputs, labels: 0.25)
    for labels, kept, size in (
        (torch.tensor([-1, 4], dtype=torch.int16), torch.int64, 5),
        (torch.tensor([-3]), torch.int64, 1),
        (torch.rand(2, dtype=torch.float64), torch.float32, 1),
        (torch.rand(2, 3), torch.float32, 3),
    ):
        stored = custom.stored(labels, "training", "mine")
        assert (stored.dtype, stored.shape, custom.size(stored)) == (kept, labels.shape, size)
    assert Custom(nn.L1Loss(), nn.L1Loss(), 7).size(torch.rand(2, 3)) == 7
    assert custom.loss(torch.ones(2), torch.zeros(2)) == 1
    assert custom.error(torch.ones(2), torch.zeros(2)) == 0.25
    with pytest.raises(DataError, match="finite training labels"):
        custom.stored(torch.tensor([math.inf]), "training", "mine")


def test_teachers_of_unknown_meaning_are_imitated_at_their_mean() -> None:
    criterion = Custom(nn.functional.l1_loss, lambda outputs, labels: 0.0)
    several = torch.randn(3, 5, 2, generator=COINS)
    taught = criterion.consensus(several).requires_grad_()
    torch.stack([criterion.imitation(taught, one, 1.0) for one in several]).sum().backward()
    assert taught.grad is not None
    assert taught.grad.abs().max() < 1e-6, "where squared distance from all of them is least"


def test_answers_of_unknown_meaning_have_no_mean() -> None:
    criterion = Custom(nn.functional.l1_loss, lambda outputs, labels: 0.0)
    with pytest.raises(InputError) as caught:
        criterion.mixed(torch.zeros(2, 3, 1), torch.tensor([0.5, 0.5]))
    expect_one_line(caught, "a mean of several networks' answers", "custom")


def test_those_whose_answers_have_a_mean_are_known_by_kind() -> None:
    for criterion, _ in LABELS.values():
        assert type(MIXING[criterion.kind]) is type(criterion)
    assert Custom.kind not in MIXING
