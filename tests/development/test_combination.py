from __future__ import annotations

import numpy as np
import pytest
import torch

from heredity.development.combination import corrected, fitted, held_back, sample_of
from heredity.development.criteria import PLAIN, Criterion, MultiLabel, Regression
from heredity.development.ensemble import Correction
from heredity.development.task import Split
from heredity.selection.ensembles import equal_weights

from .test_ensemble import relatives

KINDS: dict[str, Criterion] = {"classes": PLAIN, "maps": PLAIN, "labels": MultiLabel(), "numbers": Regression()}


def family(kind: str, examples: int = 120, noise: tuple[float, ...] = (0.5, 1.0, 3.0)) -> tuple[torch.Tensor, ...]:
    """`(outputs, labels)` of members that are right but for so much noise, each its own."""
    coins = torch.Generator().manual_seed(3)
    if kind in ("classes", "maps"):
        labels = torch.randint(4, (examples, *((2, 3) if kind == "maps" else ())), generator=coins)
        right = 2 * torch.nn.functional.one_hot(labels, 4).movedim(-1, 1).float()
    else:
        labels = torch.randn(examples, 2, generator=coins)
        labels = labels if kind == "numbers" else (labels > 0).float()
        right = labels if kind == "numbers" else 4 * labels - 2
    shape = (len(noise), *right.shape)
    return right + torch.tensor(noise).reshape(-1, *[1] * right.dim()) * torch.randn(shape, generator=coins), labels


def loss(criterion: Criterion, outputs: torch.Tensor, labels: torch.Tensor, weights: np.ndarray) -> float:
    exact = labels.double() if labels.is_floating_point() else labels
    return criterion.loss(criterion.mixed(outputs.double(), torch.from_numpy(weights)), exact).item()


@pytest.mark.parametrize("kind", KINDS)
class TestFitted:
    def test_never_worse_than_equal_ones_on_what_they_are_fitted_on(self, kind: str) -> None:
        outputs, labels = family(kind)
        weights = fitted(outputs, labels, KINDS[kind], seed=0)
        assert (weights >= 0).all()
        assert weights.sum() == pytest.approx(1)
        assert weights[0] > weights[2], "who is better counts more"
        equal = loss(KINDS[kind], outputs, labels, equal_weights(3))
        assert loss(KINDS[kind], outputs, labels, weights) < equal

    def test_of_equal_members_none_is_preferred(self, kind: str) -> None:
        outputs, labels = family(kind, noise=(1.0,))
        assert fitted(outputs.repeat(3, *[1] * (outputs.dim() - 1)), labels, KINDS[kind], 0) == pytest.approx(1 / 3)

    def test_it_draws_by_the_seed_alone(self, kind: str) -> None:
        torch.manual_seed(0)
        first = fitted(*family(kind), KINDS[kind], seed=4)
        torch.manual_seed(1)
        assert fitted(*family(kind), KINDS[kind], seed=4).tolist() == first.tolist()


def test_weights_are_not_followed_where_they_do_not_carry_over() -> None:
    """Of twelve equally good members on fifteen examples some seem better; on new examples that misleads."""
    outputs, labels = family("classes", 1015, noise=(2.0,) * 12)
    found = fitted(outputs[:, :15], labels[:15], PLAIN, seed=0)
    equal = loss(PLAIN, outputs[:, 15:], labels[15:], equal_weights(12))
    assert loss(PLAIN, outputs[:, 15:], labels[15:], found) < 1.03 * equal


def test_equal_weights_where_there_is_nothing_to_fit_on() -> None:
    assert fitted(*family("classes", 4), PLAIN, seed=0).tolist() == equal_weights(3).tolist()


class TestCorrected:
    @pytest.mark.parametrize("kind", KINDS)
    def test_never_worse_than_the_mean_on_what_was_held_back(self, kind: str) -> None:
        outputs, labels = family(kind)
        held, _ = held_back(120, seed=0)
        mlp = Correction(corrected(outputs, labels, KINDS[kind], seed=0))
        mean = KINDS[kind].mixed(outputs, torch.full((3,), 1 / 3))
        with torch.no_grad():
            better = KINDS[kind].loss((mean + mlp(outputs))[held], labels[held])
        assert better <= KINDS[kind].loss(mean[held], labels[held]) + 1e-6

    def test_it_learns_what_no_mean_can_say(self) -> None:
        """Members that are wrong together, in a way that their answers give away."""
        outputs, labels = family("classes", 400, noise=(0.3, 0.3))
        outputs = outputs.roll(1, 2)  # class 1 for 0, and so on
        mean = PLAIN.mixed(outputs, torch.full((2,), 0.5))
        assert PLAIN.error(PLAIN.answers(mean), labels) > 0.9
        better = mean + Correction(corrected(outputs, labels, PLAIN, seed=0))(outputs)
        held, _ = held_back(400, seed=0)
        assert PLAIN.error(PLAIN.answers(better[held]), labels[held]) < 0.1

    def test_where_nothing_can_be_learnt_the_mean_stays(self) -> None:
        """The labels that were held back contradict the others."""
        outputs, labels = family("classes", noise=(0.1, 0.1))
        _, own = held_back(120, seed=0)
        labels[own] = (labels[own] + 1) % 4
        assert not Correction(corrected(outputs, labels, PLAIN, seed=0))(outputs).any()

    def test_it_draws_by_the_seed_alone(self) -> None:
        torch.manual_seed(0)
        first, state = corrected(*family("classes"), PLAIN, seed=4), torch.get_rng_state()
        torch.manual_seed(0)
        assert torch.equal(state, torch.get_rng_state()), "what others draw is left alone"
        torch.manual_seed(1)
        again, other = (corrected(*family("classes"), PLAIN, seed=seed) for seed in (4, 5))
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not torch.equal(first["hidden.weight"], other["hidden.weight"])


def test_what_is_held_back_and_the_rest_are_all_there_is() -> None:
    held, own = held_back(41, seed=1)
    assert len(held) == 10
    assert sorted([*held.tolist(), *own.tolist()]) == [*range(41)]


def test_a_split_whose_outputs_would_not_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    members, split = relatives(), Split(torch.arange(50)[:, None], torch.arange(50))
    assert sample_of(members, split, 0) is split
    monkeypatch.setattr("heredity.development.combination.VALUES", 3 * 10 * 20)
    some = sample_of(members, split, 0)
    assert len(some) == len(some.labels.unique()) == 20
    assert torch.equal(some.inputs[:, 0], some.labels)
