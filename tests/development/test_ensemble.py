from __future__ import annotations

import pytest
import torch

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import anatomy_of, deploy
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm, example
from heredity.development.criteria import PLAIN, Criterion, MultiLabel, Regression
from heredity.development.ensemble import Correction, Ensemble, side_by_side
from heredity.measures.size import macs, params
from heredity.types import Tensors
from heredity.variation import Founding, RandomRemoval
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism

FORM = InputForm((1, 8, 8), (0.4,), (0.2,))
NUMBERS = InputForm((1, 8, 8), answer_mean=(3.0,) * 10, answer_std=(0.5,) * 10)


def relatives(form: InputForm = FORM) -> tuple[Organism, ...]:
    """A founder and two descendants of other sizes."""
    founder = Founding(describe("lenet5", {"input_shape": form.shape, "n_classes": 10}), form).conceive([], 1)
    return founder, *(RandomRemoval(Environment(share)).conceive([founder], 3) for share in (0.6, 0.3))


def correction(members: int, classes: int, width: int = 3) -> Tensors:
    coins = torch.Generator().manual_seed(0)
    shapes = {"hidden.weight": (width, members * classes), "hidden.bias": (width,)}
    shapes |= {"out.weight": (classes, width), "out.bias": (classes,)}
    return {name: torch.randn(shape, generator=coins) for name, shape in shapes.items()}


def anatomies(members: tuple[Organism, ...]) -> list[Anatomy]:
    return [anatomy_of(member.genome) for member in members]


def test_probabilities_are_averaged() -> None:
    members, weights, batch = relatives(), (0.5, 0.3, 0.2), example(FORM, 9)
    each = [deploy(member.genome, member.tensors)(batch).softmax(1) for member in members]
    expected = sum(weight * own for weight, own in zip(weights, each, strict=True))
    torch.testing.assert_close(Ensemble(members, weights, PLAIN).deployed()(batch).exp(), expected)


def test_numbers_are_averaged_in_the_users_units() -> None:
    members, weights, batch = relatives(NUMBERS), (0.5, 0.3, 0.2), example(NUMBERS, 9)
    each = [deploy(member.genome, member.tensors)(batch) for member in members]
    expected = sum(weight * own for weight, own in zip(weights, each, strict=True))
    torch.testing.assert_close(Ensemble(members, weights, Regression()).deployed()(batch), expected)


@pytest.mark.parametrize("criterion", [PLAIN, MultiLabel(), Regression()])
def test_one_network_many_times_answers_as_once(criterion: Criterion) -> None:
    form = NUMBERS if criterion == Regression() else FORM
    (founder, *_), batch = relatives(form), example(form, 9)
    came, alone = Ensemble((founder,) * 3, (0.2, 0.3, 0.5), criterion).deployed()(batch), founder.deployed()(batch)
    expected = alone.log_softmax(1) if criterion == PLAIN else alone
    torch.testing.assert_close(came, expected)


def test_a_correction_is_added_to_the_mean() -> None:
    members, batch = relatives(), example(FORM, 9)
    own = correction(3, 10)
    mean = Ensemble(members, (1 / 3,) * 3, PLAIN)
    said = torch.cat([member.deployed()(batch) for member in members], 1)
    hidden = (said @ own["hidden.weight"].T + own["hidden.bias"]).relu()
    expected = mean.deployed()(batch) + hidden @ own["out.weight"].T + own["out.bias"]
    came = Ensemble(members, (1 / 3,) * 3, PLAIN, own).deployed()(batch)
    torch.testing.assert_close(came, expected)
    assert (came - mean.deployed()(batch)).abs().max() > 0.1, "else nothing is shown"


def test_a_correction_goes_position_by_position() -> None:
    outputs, own = torch.randn(2, 5, 4, 3, 6), Correction(correction(2, 4))
    assert side_by_side(outputs).shape == (5, 3, 6, 8)
    whole = own(outputs)
    assert whole.shape == (5, 4, 3, 6)
    torch.testing.assert_close(whole[:, :, 1, 2], own(outputs[..., 1, 2]))


def test_costs_add_up() -> None:
    members = relatives()
    summed = {"params": sum(map(params, anatomies(members))), "macs": sum(map(macs, anatomies(members)))}
    assert Ensemble(members, (1 / 3,) * 3, PLAIN).sizes == summed
    own = correction(3, 10)
    more = {"params": 30 * 3 + 3 + 3 * 10 + 10, "macs": 30 * 3 + 3 * 10}
    found = Ensemble(members, (1 / 3,) * 3, PLAIN, own).sizes
    assert found == {name: summed[name] + more[name] for name in summed}


def test_it_is_in_evaluation_mode() -> None:
    network = Ensemble(relatives(), (1 / 3,) * 3, PLAIN, correction(3, 10)).deployed()
    assert not any(module.training for module in network.modules())
