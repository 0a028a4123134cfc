from __future__ import annotations

import copy
import math

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from heredity.anatomy.body import Deployed
from heredity.anatomy.inputs import InputForm
from heredity.development.criteria import Classification, Regression
from heredity.development.criteria.criterion import measured
from heredity.development.culture import Taught
from heredity.development.loop import CHECK_EVERY, Effort, Trained, make_optimiser, total_steps, train
from heredity.development.recipe import Culture, Recipe, learning_rate
from heredity.development.task import Split, normalised
from heredity.errors import DevelopmentError
from heredity.measures.error import error_rate

FORM = InputForm((6,))


def toy(n: int = 200, seed: int = 0) -> Split:
    """Three classes around far corners: separable."""
    coins = torch.Generator().manual_seed(seed)
    labels = torch.randint(3, (n,), generator=coins)
    inputs = torch.eye(3).repeat(1, 2)[labels] * 3 + torch.randn(n, 6, generator=coins) * 0.3
    return Split(inputs, labels)


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def weights(module: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
@pytest.mark.parametrize("schedule", ["one-cycle", "step", "constant"])
def test_a_separable_problem_is_learnt(optimiser: str, schedule: str) -> None:
    module, rate = network(), 0.01 if optimiser == "adamw" else 0.1
    recipe = Recipe(epochs=8, batch_size=20, optimiser=optimiser, schedule=schedule, learning_rate=rate)
    trained = train(module, toy(), FORM, recipe, seed=1)
    fresh = toy(seed=1)
    assert error_rate(module(fresh.inputs), fresh.labels) == 0
    assert trained.steps == 80
    assert trained.loss < 0.2
    assert trained.seconds > 0
    assert not module.training


def test_training_is_what_a_bare_loop_does() -> None:
    """The oracle: the loop that the file's head describes, written out, on the batches that the seed gives."""
    split, recipe = toy(64), Recipe(steps=10, batch_size=64, optimiser="sgd", learning_rate=0.05, label_smoothing=0.1)
    module = network()
    bare = copy.deepcopy(module)
    optimiser = torch.optim.SGD(
        [
            {"params": [bare[0].weight, bare[2].weight], "weight_decay": 0.01},
            {"params": [bare[0].bias, bare[2].bias]},
        ],
        lr=0.05,
        momentum=0.9,
    )
    for step in range(10):
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(recipe, step / 10)
        optimiser.zero_grad()
        F.cross_entropy(bare(split.inputs), split.labels, label_smoothing=0.1).backward()  # one batch: order is nothing
        optimiser.step()
    train(module, split, FORM, recipe, seed=3)
    assert torch.allclose(weights(module), weights(bare), atol=1e-6)


def test_an_epoch_shows_every_example_once_in_a_new_order() -> None:
    split = Split(torch.arange(10.0)[:, None].repeat(1, 6), torch.arange(10) % 2)

    def shown(seed: int) -> list[tuple[float, ...]]:
        seen: list[torch.Tensor] = []
        module = network()
        module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0][:, 0]))
        train(module, split, FORM, Recipe(epochs=3, batch_size=5), seed=seed)
        return [tuple(torch.cat(seen[2 * i : 2 * i + 2]).tolist()) for i in range(3)]

    epochs = shown(1)
    assert all(sorted(epoch) == list(range(10)) for epoch in epochs)
    assert len(set(epochs)) == 3
    assert shown(1) == epochs != shown(2)


class TestBudgets:
    @pytest.mark.parametrize(
        ("recipe", "expected"),
        [
            (Recipe(steps=7, batch_size=32), 7),
            (Recipe(epochs=2, batch_size=32), 12),  # 6 whole batches in 200
            (Recipe(epochs=0.5, batch_size=32), 3),
            (Recipe(flops=6 * 1000 * 32 * 5.2, batch_size=32), 5),
            (Recipe(steps=0), 0),
            (Recipe(seconds=0), 0),
            (Recipe(epochs=3, batch_size=999), 3),  # fewer examples than a batch: all of them are one
            (Recipe(flops=6 * 1000 * 200 * 4, batch_size=999), 4),
        ],
    )
    def test_steps(self, recipe: Recipe, expected: int) -> None:
        module = network()
        before = weights(module)
        sizes: list[int] = []
        module.register_forward_pre_hook(lambda _, arguments: sizes.append(len(arguments[0])))
        assert train(module, toy(), FORM, recipe, seed=0, flops=6000).steps == expected
        assert sizes == [min(recipe.batch_size, 200)] * expected
        assert torch.equal(weights(module), before) == (expected == 0)

    @pytest.mark.parametrize("flops", [1, 6000 * 32, 6000 * 32 * 7.4, 1e7])
    def test_flops_are_spent_as_they_were_given_to_within_a_step(self, flops: float) -> None:
        effort, recipe = Effort(), Recipe(flops=flops, batch_size=32)
        steps = train(network(), toy(), FORM, recipe, seed=0, flops=6000, effort=effort).steps
        assert effort.flops == steps * 32 * 6000
        assert abs(effort.flops - flops) < 32 * 6000

    def test_seconds(self) -> None:
        assert total_steps(Recipe(seconds=3), 100, 1) is None
        trained = train(network(), toy(), FORM, Recipe(seconds=0.3), seed=0)
        assert 0.3 <= trained.seconds < 0.6
        assert trained.steps > 5

    def test_the_rate_follows_the_clock_where_seconds_are_the_budget(self, monkeypatch: pytest.MonkeyPatch) -> None:
        now, rates = [0.0], list[float]()
        module, recipe = network(), Recipe(seconds=1.0, schedule="step", learning_rate=0.1)
        monkeypatch.setattr("heredity.development.loop.time.perf_counter", lambda: now[0])
        monkeypatch.setattr(
            "heredity.development.loop.learning_rate", lambda r, p: rates.append(p) or learning_rate(r, p)
        )

        def tick(*_: object) -> None:
            now[0] += 0.125

        module.register_forward_hook(tick)
        assert train(module, toy(), FORM, recipe, seed=0) == Trained(8, 1.0, pytest.approx(0.7, abs=0.7))
        assert rates[::2] == [i / 8 for i in range(8)], "of the first of two groups"


class TestMasks:
    def test_absent_synapses_are_and_stay_zero(self) -> None:
        module = network()
        mask = torch.rand(16, 6, generator=torch.Generator().manual_seed(0)) < 0.5
        before = module[0].weight.detach().clone()
        recipe = Recipe(steps=60, batch_size=32, learning_rate=0.05)
        dead: list[bool] = []
        module.register_forward_pre_hook(lambda *_: dead.append(bool((module[0].weight[~mask] == 0).all())))
        train(module, toy(), FORM, recipe, seed=0, masks={"0.weight": mask})
        assert all(dead[1:])
        assert (module[0].weight[~mask] == 0).all()
        assert (module[0].weight[mask] != before[mask]).all()
        assert (module[2].weight != 0).all()

    def test_live_synapses_learn_as_if_the_absent_had_never_been(self) -> None:
        """A mask over whole columns trains like the network without those inputs."""
        torch.manual_seed(0)
        wide, narrow = nn.Linear(6, 3), nn.Linear(4, 3)
        mask = torch.ones(3, 6, dtype=torch.bool)
        mask[:, [1, 4]] = False
        with torch.no_grad():
            wide.weight *= mask
            narrow.weight.copy_(wide.weight[:, [0, 2, 3, 5]])
            narrow.bias.copy_(wide.bias)
        split = toy()
        fewer = Split(split.inputs[:, [0, 2, 3, 5]], split.labels)
        recipe = Recipe(steps=30, batch_size=50, learning_rate=0.05)
        train(wide, split, FORM, recipe, seed=0, masks={"weight": mask})
        train(narrow, fewer, InputForm((4,)), recipe, seed=0)
        assert torch.allclose(wide.weight[:, [0, 2, 3, 5]], narrow.weight, atol=1e-6)


class TestDivergence:
    def test_it_is_noticed_soon_and_said_in_one_line(self) -> None:
        steps: list[int] = []
        module = network()
        module.register_forward_pre_hook(lambda *_: steps.append(1))
        recipe = Recipe(steps=500, optimiser="sgd", learning_rate=1e30, schedule="constant")
        with pytest.raises(DevelopmentError, match=rf"^diverged: the loss is (nan|inf) at step {CHECK_EVERY} of 500$"):
            train(module, toy(), FORM, recipe, seed=0, flops=10, effort=(effort := Effort()))
        assert len(steps) == CHECK_EVERY
        assert effort.flops == CHECK_EVERY * 128 * 10, "what was spent was spent"

    @pytest.mark.parametrize("steps", [1, 5, CHECK_EVERY, CHECK_EVERY + 1])
    def test_short_trainings_too(self, steps: int) -> None:
        module = network()
        module.register_forward_hook(lambda *_: torch.full((32, 3), math.nan, requires_grad=True))
        with pytest.raises(DevelopmentError, match=r"^diverged: the loss is nan at step"):
            train(module, toy(), FORM, Recipe(steps=steps, batch_size=32), seed=0)


class TestHooks:
    def test_a_prior_joins_every_steps_gradient(self) -> None:
        """A squared norm as a prior is what SGD calls weight decay."""
        shares: list[float] = []

        def ridge(progress: float) -> None:
            shares.append(progress)
            for p in with_prior.parameters():
                if p.dim() > 1 and p.grad is not None:
                    p.grad.add_(p.detach(), alpha=0.1)

        with_prior, with_decay, with_neither = network(), network(), network()
        common = {"steps": 40, "batch_size": 50, "optimiser": "sgd", "learning_rate": 0.05}
        train(with_prior, toy(), FORM, Recipe(**common, weight_decay=0.0), seed=0, prior=ridge)
        train(with_decay, toy(), FORM, Recipe(**common, weight_decay=0.1), seed=0)
        train(with_neither, toy(), FORM, Recipe(**common, weight_decay=0.0), seed=0)
        assert torch.allclose(weights(with_prior), weights(with_decay), atol=1e-5)
        assert weights(with_prior).norm() < 0.97 * weights(with_neither).norm()
        assert shares == pytest.approx([step / 40 for step in range(40)])

    def test_culture_teaches_what_labels_do_not_say(self) -> None:
        """With all weight on a teacher that calls everything class 2, that is what is learnt."""
        module, indices = network(), list[torch.Tensor]()
        split = toy()

        def teacher(index: torch.Tensor, batch: torch.Tensor) -> Taught:
            indices.append(index)
            assert torch.equal(batch, normalised(split.inputs[index], FORM))
            return Taught(torch.tensor([0.0, 0.0, 9.0]).expand(len(index), 3))

        recipe = Recipe(steps=60, batch_size=50, learning_rate=0.02, culture=Culture(1.0, 1.0))
        train(module, split, FORM, recipe, seed=0, teacher=teacher)
        assert len(indices) == 60
        assert (module(split.inputs).argmax(1) == 2).all()
        alone, untaught = network(), network()
        train(alone, split, FORM, recipe, seed=0)
        train(untaught, split, FORM, Recipe(steps=60, batch_size=50, learning_rate=0.02), seed=0, teacher=teacher)
        assert torch.equal(weights(alone), weights(untaught)), "it takes a teacher and a recipe with culture"

    def test_culture_may_come_and_go(self) -> None:
        """A weight that goes to 0 ends where one without a teacher would learn the labels; one that rises does not."""

        def teacher(index: torch.Tensor, batch: torch.Tensor) -> Taught:
            return Taught(torch.tensor([0.0, 0.0, 9.0]).expand(len(index), 3))

        def wrong(culture: Culture) -> float:
            module, recipe = network(), Recipe(steps=120, batch_size=50, learning_rate=0.02, culture=culture)
            train(module, toy(), FORM, recipe, seed=0, teacher=teacher)
            return error_rate(module(toy().inputs), toy().labels)

        assert wrong(Culture(1.0, 1.0, weight_end=0.0)) < 0.2 < 0.5 < wrong(Culture(0.0, 1.0, weight_end=1.0))

    def test_signs_of_life(self) -> None:
        beats: list[float] = []
        train(network(), toy(), FORM, Recipe(steps=100), seed=0, beat=beats.append)
        assert beats == [i / 100 for i in range(CHECK_EVERY, 100, CHECK_EVERY)]


class TestDeterminism:
    IMAGES = Split(torch.randint(256, (90, 1, 8, 8), dtype=torch.uint8), torch.arange(90) % 3)
    PIXELS = InputForm((1, 8, 8), (0.4,), (0.3,))

    def _trained(self, seed: int, global_seed: int = 0) -> torch.Tensor:
        torch.manual_seed(9)
        module = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3))
        torch.manual_seed(global_seed)
        recipe = Recipe(steps=12, batch_size=16, augmentation=("shift1", "flip"))
        train(module, self.IMAGES, self.PIXELS, recipe, seed=seed)
        return weights(module)

    def test_the_seed_decides_bit_for_bit(self) -> None:
        assert torch.equal(self._trained(1), self._trained(1, global_seed=5))
        assert not torch.equal(self._trained(1), self._trained(2))

    def test_what_is_given_is_left_as_it_was(self) -> None:
        pixels, features = self.IMAGES.inputs.clone(), toy()
        before = features.inputs.clone()
        self._trained(1)
        train(network(), features, FORM, Recipe(steps=3), seed=0)
        normalised(features.inputs, InputForm((6,), (1.0,), (2.0,)))
        assert torch.equal(self.IMAGES.inputs, pixels)
        assert torch.equal(features.inputs, before)


def test_numbers_of_any_scale_are_learnt() -> None:
    split = toy()
    labels = split.inputs[:, :1] * 4e5 + 7e6
    units = Regression().units(labels)
    form = InputForm((6,), answer_mean=units[0], answer_std=units[1])
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))
    recipe = Recipe(steps=200, batch_size=50, learning_rate=0.02)
    train(module, Split(split.inputs, labels), form, recipe, criterion=Regression(), seed=0)
    assert measured(Regression(), Deployed(module, form), split.inputs, labels) < 0.02


def test_every_pixel_is_classified() -> None:
    inputs = torch.rand(60, 1, 6, 6, generator=torch.Generator().manual_seed(0))
    split = Split(inputs, (inputs[:, 0] > 0.5).long())
    split.labels[:, 0] = 9
    torch.manual_seed(0)
    module, criterion = nn.Conv2d(1, 2, 1), Classification(ignore=9)
    recipe = Recipe(steps=80, batch_size=20, learning_rate=0.2)
    train(module, split, InputForm((1, 6, 6)), recipe, criterion=criterion, seed=0)
    assert criterion.error(criterion.answers(module(inputs)), split.labels) < 0.05


def test_networks_see_normalised_pixels() -> None:
    seen: list[torch.Tensor] = []
    split = Split(torch.full((4, 2, 3, 3), 51, dtype=torch.uint8), torch.tensor([0, 1, 0, 1]))
    module = nn.Sequential(nn.Flatten(), nn.Linear(18, 2))
    module.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[0]))
    train(module, split, InputForm((2, 3, 3), (0.1, 0.4), (0.5, 0.1)), Recipe(steps=1), seed=0)
    (batch,) = seen
    assert batch[:, 0].unique().tolist() == pytest.approx([0.2])
    assert batch[:, 1].unique().tolist() == pytest.approx([-2.0], abs=1e-5)


def test_vectors_are_not_decayed() -> None:
    module = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4), nn.Linear(4, 3, bias=False))
    module[0].weight.requires_grad_(False)
    for recipe in (Recipe(steps=1, weight_decay=0.3), Recipe(steps=1, weight_decay=0.3, optimiser="sgd")):
        groups = make_optimiser(module, recipe).param_groups
        assert [(len(g["params"]), g["weight_decay"]) for g in groups] == [(1, 0.3), (3, 0.0)]
        assert groups[0]["params"][0] is module[2].weight


def test_networks_without_vectors_train() -> None:
    module = nn.Linear(6, 3, bias=False)
    assert train(module, toy(), FORM, Recipe(steps=3), seed=0).steps == 3
    assert weights(module).isfinite().all()


def test_a_batch_of_one_example() -> None:
    module = network()
    assert train(module, toy(1), FORM, Recipe(epochs=5, batch_size=32), seed=0).steps == 5
