"""Hidden features are found, read and learnt, whatever the network; where there are none it is said."""

from __future__ import annotations

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.development.culture import Taught
from heredity.development.hidden import Features, Projection, check_positions, last_layer, numbers_of
from heredity.development.loop import train
from heredity.development.recipe import Culture, Recipe
from heredity.development.task import Split
from heredity.errors import DevelopmentError, InputError
from heredity.testing.refusals import expect_one_line
from heredity.zoo import ZOO

FORM = InputForm((6,))
SPLIT = Split(torch.randn(96, 6, generator=torch.Generator().manual_seed(0)), torch.arange(96) % 3)


def network(width: int = 8, seed: int = 0) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, width), nn.ReLU(), nn.Linear(width, 3))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("lenet5", (1, 28, 28)),
        ("lenet5-synthesis", (1, 28, 28)),
        ("resnet20", (3, 32, 32)),
        ("unet-small", (3, 32, 32)),
        ("lstm-small", (3, 32, 32)),
        ("vit-tiny", (3, 32, 32)),
        ("tdnn", (47, 130)),
    ],
)
def test_the_last_layer_makes_the_outputs_of_its_features(name: str, shape: tuple[int, ...]) -> None:
    framewise = {"framewise": True} if name == "tdnn" else {}
    module = ZOO[name](input_shape=shape, n_classes=5, **framewise).eval()
    anatomy = trace(module, InputForm(shape))
    features = Features(module, anatomy)
    with torch.no_grad():
        outputs = module(torch.rand(2, *shape)).clone()
    read = features.read
    layer = module.get_submodule(last_layer(anatomy).name)
    features.let_go()
    read = read if isinstance(layer, nn.Linear) else read.movedim(-1, 1)
    with torch.no_grad():
        torch.testing.assert_close(layer(read).reshape(outputs.shape), outputs)
    assert numbers_of(anatomy) == read[0].numel()
    assert not layer._forward_pre_hooks


class Two(nn.Module):
    """What its outputs come from is not one layer."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(6, 3), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.one(x) + self.other(x.relu())


class Borrowed(nn.Module):
    """It uses its last layer's weights without calling it."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(6, 4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.linear(self.hidden(x).relu(), self.out.weight, self.out.bias)


def test_networks_without_one_last_layer_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        last_layer(trace(Two(), FORM))
    expect_one_line(caught, "one layer that makes the outputs", "one, other", "culture.hidden")
    borrowed = Borrowed()
    features = Features(borrowed, trace(borrowed, FORM))
    borrowed(torch.rand(2, 6))
    with pytest.raises(DevelopmentError) as caught:
        _ = features.read
    expect_one_line(caught, "calls the layer", "culture.hidden")


def test_positions_that_do_not_correspond_are_refused() -> None:
    check_positions([torch.rand(2, 5, 3), torch.rand(2, 5, 4)])
    with pytest.raises(DevelopmentError) as caught:
        check_positions([torch.rand(2, 5, 3), torch.rand(2, 3), torch.rand(2, 4, 5, 3)])
    expect_one_line(caught, "the same positions", "5 and one and 4 x 5", "culture.hidden")
    student = network()
    with pytest.raises(DevelopmentError, match="the same positions"):
        Projection(student, trace(student, FORM), SPLIT.inputs[:1], torch.rand(1, 7, 4), seed=0)


def test_the_loss_is_the_squared_distance_of_a_linear_map() -> None:
    student, taught = network(), torch.rand(4, 5)
    projection = Projection(student, trace(student, FORM), SPLIT.inputs[:1], taught[:1], seed=0)
    student(SPLIT.inputs[:4])
    with torch.no_grad():
        hidden = student[:2](SPLIT.inputs[:4])
    expected = (hidden @ projection.linear.weight.T + projection.linear.bias - taught).square().mean()
    assert projection(taught).item() == pytest.approx(expected.item(), rel=1e-6)
    same, other = (Projection(student, trace(student, FORM), SPLIT.inputs[:1], taught[:1], seed=s) for s in (0, 1))
    assert torch.equal(same.linear.weight, projection.linear.weight)
    assert not torch.equal(other.linear.weight, projection.linear.weight)


class TestTraining:
    """With a teacher who is wider, and who knows nothing of labels."""

    TEACHER = network(12, seed=5)
    RECIPE = Recipe(steps=80, batch_size=32, learning_rate=0.02)

    def trained(self, hidden: float, *, present: bool = True) -> tuple[nn.Module, float]:
        """A student, and how far its features are from the teacher's, whose outputs count for nothing."""
        student = network()
        features = self.TEACHER[:2]  # pyright: ignore[reportIndexIssue]  # it is a Sequential

        def teacher(index: torch.Tensor, batch: torch.Tensor) -> Taught:
            with torch.no_grad():
                return Taught(self.TEACHER(batch), features(batch))

        taught = teacher(torch.arange(96), SPLIT.inputs)
        assert taught.hidden is not None
        projection = Projection(student, trace(student, FORM), SPLIT.inputs[:1], taught.hidden[:1], seed=0)
        recipe = replace(self.RECIPE, culture=Culture(0.0, 1.0, hidden=hidden)) if present else self.RECIPE
        train(student, SPLIT, FORM, recipe, seed=0, teacher=teacher, projection=projection if present else None)
        student(SPLIT.inputs)
        apart = projection(taught.hidden).item()
        projection.let_go()
        return student, apart

    def test_hidden_features_are_learnt_with_their_projection(self) -> None:
        (student, apart), (other, before) = self.trained(10.0), self.trained(0.0)
        assert apart < 0.3 * before
        assert set(student.state_dict()) == set(other.state_dict()), "the projection is left behind"

    def test_at_no_weight_nothing_changes(self) -> None:
        (taught, _), (alone, _) = self.trained(0.0), self.trained(0.0, present=False)
        for name, tensor in taught.state_dict().items():
            assert torch.equal(tensor, alone.state_dict()[name])
        twice = self.trained(1.0)[0].state_dict()
        for name, tensor in self.trained(1.0)[0].state_dict().items():
            assert torch.equal(tensor, twice[name])
            assert not torch.equal(tensor, alone.state_dict()[name])
