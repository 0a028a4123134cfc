"""Joint training: as torch's AdamW for one alone, and for several on what they share."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from msgspec.structs import replace
from torch import nn

from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors
from heredity.anatomy.constructor import describe
from heredity.development.birth import Birth
from heredity.development.datasets import as_task
from heredity.development.develop import Brood, develop_litter, validation_error
from heredity.development.litter import ALIGNED, Bank, Sibling, _Pupil
from heredity.development.loop import train
from heredity.development.prior import Pull
from heredity.development.recipe import Culture, Recipe
from heredity.development.task import Task
from heredity.errors import DevelopmentError, InputError
from heredity.priors.prior import GroupPrior
from heredity.rng import derive
from heredity.testing.organisms import masked
from heredity.variation.cloning import Cloning
from heredity.variation.deepening import Deepening
from heredity.variation.growth import Widening
from heredity.variation.operator import Operator, Organism

RECIPE = Recipe(steps=12, batch_size=16, schedule="constant", learning_rate=3e-3, weight_decay=0.1)


@pytest.fixture(scope="module")
def task() -> Task:
    coins = torch.Generator().manual_seed(0)
    labels = torch.arange(96) % 3
    inputs = torch.rand(3, 3, 16, 16, generator=coins)[labels] + 0.3 * torch.rand(96, 3, 16, 16, generator=coins)
    splits = [(inputs[part], labels[part]) for part in (slice(0, 48), slice(48, 72), slice(72, 96))]
    return as_task(tuple(splits), seed=0, name="sample")


@pytest.fixture(scope="module")
def parent(task: Task) -> Organism:
    constructor = describe("resnet20", {"input_shape": task.inputs.shape, "n_classes": 3})
    return Organism(ancestor(constructor, task.inputs).genome, fresh_tensors(constructor, 0))


def litter(
    parent: Organism, task: Task, operators: Sequence[Operator], recipe: Recipe = RECIPE, seed: int = 5
) -> Brood:
    births = [
        Birth(k, 1, (0,), operator, operator.conceive([parent], seed + k).genome, recipe, seed + k, litter=0)
        for k, operator in enumerate(operators)
    ]
    return develop_litter(births, [[parent]] * len(births), task)


def growths() -> list[Operator]:
    return [
        Cloning(),
        Widening("conv1", 4, 1),
        Deepening("stage1.0.conv1", 2, "after", 4, norm=True),
        Deepening("stage2.1.conv1", 3, "beside", 4, (1, 3)),
    ]


def test_a_litter_of_one_learns_as_torch_teaches(parent: Organism, task: Task) -> None:
    """AdamW of the very batches that the other loop takes; batch norms have other statistics then, and no others do."""
    brood = litter(parent, task, [Cloning()])
    network = build(parent.genome, {name: tensor.clone() for name, tensor in parent.tensors.items()})
    train(network, task.train, task.inputs, RECIPE, criterion=task.criterion, seed=derive(5, "training"))
    own = brood.grown[0].organism.tensors
    for name, parameter in network.named_parameters():
        apart, moved = ((parameter - other).abs().mean() for other in (own[name], parent.tensors[name]))
        assert apart < 2e-4, name  # in the mean: adamw sends a weight without a gradient either way, by rounding
        assert moved > 4e-3, name


def test_a_sibling_is_pulled_by_its_prior(parent: Organism, task: Task) -> None:
    """As the other loop pulls it, where the litter is one; its readings come along."""
    recipe = replace(RECIPE, prior=GroupPrior(kind="l2", strength=1.0, settled=0.0))
    grown, plain = (litter(parent, task, [Cloning()], r).grown[0] for r in (recipe, RECIPE))
    network = build(parent.genome, {name: tensor.clone() for name, tensor in parent.tensors.items()})
    pull = Pull(recipe.prior, anatomy_of(parent.genome), network)
    train(network, task.train, task.inputs, recipe, criterion=task.criterion, seed=derive(5, "training"), prior=pull)
    for name, parameter in network.named_parameters():
        torch.testing.assert_close(grown.organism.tensors[name], parameter.detach(), rtol=0, atol=3e-3)
    assert not torch.allclose(grown.organism.tensors["conv1.weight"], plain.organism.tensors["conv1.weight"], atol=1e-2)
    assert (len(grown.readings), plain.readings) == (len(pull.finish()), ())


def test_siblings_learn_what_they_share_together(parent: Organism, task: Task) -> None:
    brood = litter(parent, task, growths())
    assert [one.trained.steps for one in brood.grown] == [12] * 4
    own, *others = [one.organism for one in brood.grown]
    for other in others:
        index = [slice(0, n) for n in own.tensors["conv1.weight"].shape]
        assert torch.equal(other.tensors["conv1.weight"][tuple(index)], own.tensors["conv1.weight"])
        assert torch.equal(other.tensors["classifier.weight"], own.tensors["classifier.weight"])
    assert not torch.equal(others[0].tensors["bn1.running_mean"][:16], others[1].tensors["bn1.running_mean"])
    for one in brood.grown:
        network = build(one.organism.genome, one.organism.tensors)
        assert validation_error(network, task) == one.measures["val_error"]
        assert len(one.right) == 3, "a bit for each of 24 examples"
        assert one.measures["val_error"] == 1 - sum(byte.bit_count() for byte in one.right) / 24
    again = litter(parent, task, growths())
    assert all(torch.equal(brood.bank[name], tensor) for name, tensor in again.bank.items())


class Scaled(nn.Module):
    """A small network with a single number that scales what is hidden; of odd sizes."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.hidden, self.last = nn.Conv2d(1, 6, 3, padding=1), nn.Linear(216, 8), nn.Linear(8, 2)
        self.scale = nn.Parameter(torch.tensor(1.0))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.maps(inputs)).flatten(1)
        return self.last(self.scale * torch.relu(self.hidden(maps)))


@pytest.fixture(scope="module")
def numbers() -> Task:
    inputs = torch.rand(96, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    labels = torch.stack([100 * inputs.mean((1, 2, 3)), 3 * inputs[:, 0, 0, 0] - 7], 1)
    splits = [(inputs[part], labels[part]) for part in (slice(0, 48), slice(48, 72), slice(72, 96))]
    return as_task(tuple(splits), seed=0, name="numbers")


@pytest.fixture(scope="module")
def scaled(numbers: Task) -> Organism:
    constructor = describe(f"{__file__}:Scaled", {"input_shape": numbers.inputs.shape})
    return Organism(ancestor(constructor, numbers.inputs).genome, fresh_tensors(constructor, 0))


def test_a_single_number_is_learnt_together(scaled: Organism, numbers: Task) -> None:
    brood = litter(scaled, numbers, [Cloning(), Widening("maps", 2, 1)])
    own, other = (one.organism.tensors["scale"] for one in brood.grown)
    assert torch.equal(own, other)
    assert torch.equal(own, brood.bank["scale"])
    assert own != scaled.tensors["scale"]
    assert {plane["scale"].shape for plane in brood.moments} == {torch.Size([])}
    assert brood.moments[2]["scale"] == 24


def test_errors_are_those_of_networks_rebuilt_from_their_weights(scaled: Organism, numbers: Task) -> None:
    """To the last bit, though siblings lie in memory otherwise while they learn."""
    for seed in range(3):
        for one in litter(scaled, numbers, [Cloning(), Widening("maps", 2, 1)], seed=seed).grown:
            tensors = {name: tensor.clone() for name, tensor in one.organism.tensors.items()}
            assert validation_error(build(one.organism.genome, tensors), numbers) == one.measures["val_error"]


def test_halves_of_what_has_grown_part(parent: Organism, task: Task) -> None:
    grown = litter(parent, task, growths()).grown[1].organism.tensors["conv1.weight"]
    assert not torch.allclose(grown[16::2], grown[17::2], atol=1e-5)


def test_what_the_optimiser_remembers_goes_on(parent: Organism, task: Task) -> None:
    """Two litters of ten steps, one after the other, are one of twenty; without what is carried they are another."""
    recipe = replace(RECIPE, batch_size=48, steps=10)  # all examples in every batch: their order hardly matters
    first = litter(parent, task, [Cloning()], recipe)
    assert {int(plane.max()) for plane in first.moments[2].values()} == {10}
    born = Organism(first.grown[0].organism.genome, first.grown[0].organism.tensors, {}, first.moments)
    whole = litter(parent, task, [Cloning()], replace(recipe, steps=20)).bank["stage3.2.conv2.weight"]
    carried = litter(born, task, [Cloning()], recipe).bank["stage3.2.conv2.weight"]
    anew = litter(born, task, [Cloning()], replace(recipe, carried=False)).bank["stage3.2.conv2.weight"]
    assert (carried - whole).abs().max() < 0.1 * (anew - whole).abs().max()


def test_growth_knows_nothing_of_new_weights_and_all_of_old_ones(parent: Organism, task: Task) -> None:
    first = litter(parent, task, [Cloning()])
    own = Organism(first.grown[0].organism.genome, first.grown[0].organism.tensors, {}, first.moments)
    wider = Widening("conv1", 4, 1).conceive([own], 0)
    deeper = Deepening("stage1.0.conv1", 2, "after", 4).conceive([own], 0)
    for child in (wider, deeper):
        shapes = anatomy_of(child.genome).shapes
        for plane, old in zip(child.moments, own.moments, strict=True):
            assert {name: tuple(tensor.shape) for name, tensor in plane.items()} == {
                name: shapes[name] for name in anatomy_of(child.genome).parameters
            }
            assert torch.equal(plane["conv1.weight"][:16], old["conv1.weight"])
    assert all(not bool(plane["conv1.weight"][16:].any()) for plane in wider.moments)
    assert all(not bool(plane["stage1.0.conv1.grown2.branches.0.expand.weight"].any()) for plane in deeper.moments)
    assert litter(own, task, growths()).moments[2]["conv1.weight"][:16].min() == 12 + 4 * 12


def test_parameters_that_are_aligned_as_on_a_gpu_learn_the_same(
    parent: Organism, task: Task, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A CPU does not need it, but shows whether what lies between them is left alone; with masks, too."""
    organisms = [parent, masked(parent)]
    close = [litter(organism, task, growths()) for organism in organisms]
    monkeypatch.setitem(ALIGNED, "cpu", ALIGNED["cuda"])
    for organism, expected in zip(organisms, close, strict=True):
        found = litter(organism, task, growths())
        for name, values in expected.bank.items():
            assert torch.allclose(found.bank[name], values, atol=1e-4), name
    network = build(parent.genome, dict(parent.tensors))
    places = {name: torch.arange(p.numel()).view(p.shape) for name, p in network.named_parameters()}
    _Pupil(Bank(torch.zeros(100_000)), Sibling(network, places, {}, RECIPE, 1))
    offsets = {p.data_ptr() % (4 * ALIGNED["cuda"]) for p in network.parameters()}
    grads = {p.grad.data_ptr() % (4 * ALIGNED["cuda"]) for p in network.parameters() if p.grad is not None}
    assert (len(offsets), len(grads)) == (1, 1)


def test_absent_synapses_stay_absent(parent: Organism, task: Task) -> None:
    absent = masked(parent)
    births = [Birth(k, 1, (0,), Cloning(), own.genome, RECIPE, k, litter=0) for k, own in enumerate((absent, absent))]
    brood = develop_litter(births, [[absent], [absent]], task)
    for one in brood.grown:
        for name, mask in absent.masks.items():
            assert not bool(one.organism.tensors[name][~mask].any())
            assert bool(one.organism.tensors[name][mask].any())


@pytest.mark.parametrize(
    ("recipe", "expected"),
    [
        (replace(RECIPE, optimiser="sgd"), "adamw for a litter; came sgd"),
        (replace(RECIPE, culture=Culture()), "no teacher in a litter; came one"),
    ],
)
def test_recipes_that_a_litter_cannot_follow(parent: Organism, task: Task, recipe: Recipe, expected: str) -> None:
    with pytest.raises(InputError, match=expected):
        litter(parent, task, [Cloning()], recipe)


def test_seconds_are_those_of_all_together(parent: Organism, task: Task) -> None:
    brood = litter(parent, task, growths(), replace(RECIPE, steps=None, seconds=0.5))
    assert 2.0 <= sum(one.trained.seconds for one in brood.grown) < 20
    assert min(one.trained.steps for one in brood.grown) >= 0
    assert sum(one.trained.steps for one in brood.grown) > 4


def test_a_litter_that_diverges_says_so(parent: Organism, task: Task) -> None:
    with pytest.raises(DevelopmentError, match="diverged"):
        litter(parent, task, growths(), replace(RECIPE, learning_rate=1e30))
