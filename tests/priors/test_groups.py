from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.inputs import InputForm
from heredity.anatomy.trace import trace
from heredity.errors import InputError
from heredity.priors.groups import ROLES, SMOOTH, Groups, Members, Norm, OwnNorm, groups_of, norm_of
from heredity.zoo import ZOO

Weights = dict[str, torch.Tensor]


def cubic(values: torch.Tensor) -> torch.Tensor:
    return values.abs().pow(3).sum(1).pow(1 / 3)


def one_cubic(group: torch.Tensor) -> torch.Tensor:
    return cubic(group[None])[0]


NORMS: dict[Norm, Callable[[torch.Tensor], torch.Tensor]] = {
    "l1": lambda group: group.abs().sum(),
    "l2": lambda group: (group.square().sum() + SMOOTH).sqrt(),
    "rms": lambda group: (group.square().mean() + SMOOTH).sqrt(),
    "max": lambda group: group.abs().max(),
}


@pytest.fixture(scope="module", params=["lenet5", "densenet-cifar", "resnet20", "resnext-cifar", "lstm-small"])
def case(request: pytest.FixtureRequest) -> tuple[Anatomy, Weights]:
    shape = {"lenet5": (1, 8, 8), "lstm-small": (28, 28)}.get(request.param, (3, 32, 32))
    module = ZOO[request.param](shape, 10)
    anatomy = trace(module, InputForm(shape))
    generator = torch.Generator().manual_seed(0)
    return anatomy, {
        name: torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
        for name, tensor in module.named_parameters()
    }


def shaded_by_hand(anatomy: Anatomy, weights: Weights, members: Members, alive: torch.Tensor) -> Weights:
    """Weights that go with clusters of whose groups they are not, as much of them as these live."""
    normed, weights, start = set(anatomy.folds.values()), dict(weights), 0
    for family in anatomy.families:
        for s in family.slices:
            if s.tensor in weights and (s.role not in ROLES[members] or (s.role == "made" and s.tensor in normed)):
                factor = torch.ones(weights[s.tensor].shape[s.dim], dtype=alive.dtype)
                for cluster in range(family.size):
                    factor[torch.from_numpy(s.positions[cluster])] = alive[start + cluster]
                weights[s.tensor] = (weights[s.tensor].movedim(s.dim, -1) * factor).movedim(-1, s.dim)
        start += family.size
    return weights


def by_hand(anatomy: Anatomy, weights: Weights, members: Members) -> list[torch.Tensor]:
    """The weights of every group, collected slice by slice; filters in front of batch norms are of no rows."""
    normed = set(anatomy.folds.values()) | {name.replace("weight", "bias") for name in anatomy.folds.values()}
    found: list[torch.Tensor] = []
    for family in anatomy.families:
        for cluster in range(family.size):
            parts = [
                weights[s.tensor].index_select(s.dim, torch.from_numpy(s.positions[cluster])).flatten()
                for s in family.slices
                if s.role in ROLES[members] and s.tensor in weights and (s.role == "read" or s.tensor not in normed)
            ]
            found.append(torch.cat(parts))
    return found


@pytest.mark.parametrize("members", ["rows", "columns", "clusters"])
def test_norms_are_those_of_the_weights_of_each_cluster(case: tuple[Anatomy, Weights], members: Members) -> None:
    anatomy, weights = case
    groups, own = groups_of(anatomy, members), by_hand(anatomy, weights, members)
    assert groups.count == len(own)
    assert groups.elements.tolist() == [len(group) for group in own]
    expected = {norm: [of(group) for group in own] for norm, of in NORMS.items()}
    for norm, values in expected.items():
        assert torch.allclose(groups.norms(weights, norm), torch.stack(values), rtol=1e-12)
    assert torch.allclose(groups.norms(weights, cubic), torch.stack([one_cubic(group) for group in own]))


def test_what_lives_of_a_group_is_what_it_is_without_the_others(case: tuple[Anatomy, Weights]) -> None:
    anatomy = case[0]
    groups = groups_of(anatomy)
    rng = np.random.default_rng(0)
    kept = {name: np.sort(rng.permutation(n)[: max(1, n // 3)]) for name, n in anatomy.sizes.items()}
    alive = torch.zeros(groups.count)
    for name, own in groups.families.items():
        alive[own][kept[name]] = 1.0
    smaller = groups_of(anatomy.select(kept)).elements
    assert torch.allclose(groups.living(alive)[alive == 1], smaller)


@pytest.mark.parametrize("norm", ["l1", "l2", "rms", "max", cubic])
@pytest.mark.parametrize("members", ["rows", "clusters"])
def test_the_pull_is_the_gradient(case: tuple[Anatomy, Weights], members: Members, norm: Norm | OwnNorm) -> None:
    """Against autograd through the weights of every cluster, which live more or less: sum_g s_g * norm_g by weights."""
    anatomy, weights = case
    groups, coins = groups_of(anatomy, members), torch.Generator().manual_seed(1)
    slopes = torch.randn(groups.count, dtype=torch.float64, generator=coins)
    alive = torch.rand(groups.count, dtype=torch.float64, generator=coins)
    leaves = {name: weight.clone().requires_grad_() for name, weight in weights.items()}
    own = NORMS[norm] if isinstance(norm, str) else one_cubic
    shaded = shaded_by_hand(anatomy, leaves, members, alive)
    expected_norms = torch.stack([own(group) for group in by_hand(anatomy, shaded, members)])
    (expected_norms @ slopes).backward()
    gradients = {name: torch.ones_like(weight) for name, weight in weights.items()}
    norms = groups.norms(weights, norm, alive)
    assert torch.allclose(norms, expected_norms.detach(), rtol=1e-12)
    groups.pull(weights, gradients, norm, groups.forces(weights, norm, norms, slopes, alive))
    for name, gradient in gradients.items():
        expected = leaves[name].grad
        expected = torch.zeros_like(gradient) if expected is None else expected
        assert torch.allclose(gradient - 1, expected, atol=1e-12), name


@pytest.mark.parametrize("norm", ["l1", "l2", "rms", "max"])
def test_groups_that_are_zero_are_not_pulled(norm: Norm) -> None:
    anatomy = trace(ZOO["lenet5"]((1, 8, 8), 10), InputForm((1, 8, 8)))
    groups = groups_of(anatomy)
    weights = {name: torch.zeros(anatomy.shapes[name]) for name in anatomy.parameters}
    gradients = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    norms = groups.norms(weights, norm)
    groups.pull(weights, gradients, norm, groups.forces(weights, norm, norms, torch.ones(groups.count)))
    assert norms.max() <= math.sqrt(SMOOTH) * (1 + 1e-6)
    assert all(not gradient.any() for gradient in gradients.values())


def test_rows_and_columns_are_the_two_sides_of_a_cluster() -> None:
    anatomy = trace(ZOO["lenet5"]((1, 8, 8), 10), InputForm((1, 8, 8)))
    weights = {name: torch.randn(anatomy.shapes[name]) for name in anatomy.parameters}
    rows, columns, both = (groups_of(anatomy, m).norms(weights, "l1") for m in ("rows", "columns", "clusters"))
    assert torch.allclose(rows + columns, both)


def test_what_a_batch_norm_divides_out_is_of_no_group() -> None:
    """Filters thrice as large make the same answers, norms and pulls; what reads them, and the norm's scale, do not."""
    network = nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3), nn.ReLU(), nn.Flatten()),
        nn.Linear(96, 10),
    )
    groups = groups_of(trace(network, InputForm((3, 8, 8))))
    network.double()
    weights = {name: weight.detach() for name, weight in network.named_parameters()}
    inputs = torch.randn(16, 3, 8, 8, dtype=torch.float64)
    answers, norms = network(inputs), groups.norms(weights, "rms")
    forces = groups.forces(weights, "rms", norms, torch.ones(groups.count))
    assert set(forces) == {"1.weight", "1.bias", "3.weight", "3.bias", "6.weight"}
    weights["0.weight"] *= 3
    assert torch.allclose(network(inputs), answers, atol=1e-3)  # but for the norm's epsilon
    assert torch.equal(groups.norms(weights, "rms"), norms)
    weights["1.weight"] *= 3
    changed = groups.norms(weights, "rms") != norms
    assert changed[groups.families["0"]].all()
    assert not changed[groups.families["3"]].any()


def test_a_norm_of_the_wrong_shape_is_refused() -> None:
    anatomy = trace(ZOO["lenet5"]((1, 8, 8), 10), InputForm((1, 8, 8)))
    weights = {name: torch.randn(anatomy.shapes[name]) for name in anatomy.parameters}
    with pytest.raises(InputError, match=r"a norm that makes \(groups,\) of \(groups, n\); came \(6, 2\)"):
        groups_of(anatomy).norms(weights, lambda values: values[:, :2])


@pytest.mark.parametrize(
    ("body", "came"),
    [
        ("raise ValueError('oh no')", "ValueError: oh no"),
        ("return 3.0", "3.0"),
        ("return values.detach().norm(dim=1)", r"tensor\("),
        ("return values.sum(1) / 0", r"tensor\(\[inf"),
        ("return values", r"tensor\("),
    ],
)
def test_a_norm_of_ones_own_is_tried_out(tmp_path: Path, body: str, came: str) -> None:
    (tmp_path / "norms.py").write_text(f"def own(values):\n    {body}\n")
    with pytest.raises(InputError, match=rf"differentiable, finite numbers \(3,\) of weights \(3, 4\); came {came}"):
        norm_of(f"{tmp_path / 'norms.py'}:own")


def test_a_family_without_such_weights_is_refused() -> None:
    layers = (
        nn.Conv2d(1, 4, 3, bias=False),
        nn.BatchNorm2d(4, affine=False),
        nn.ReLU(),
        nn.Conv2d(4, 2, 6),
        nn.Flatten(),
    )
    anatomy = trace(nn.Sequential(*layers), InputForm((1, 8, 8)))
    with pytest.raises(InputError, match="rows of all families; came none in family 0; choose clusters"):
        groups_of(anatomy, "rows")
    assert groups_of(anatomy, "clusters").elements.tolist() == [72.0] * 4


def test_families_lie_one_after_the_other() -> None:
    groups = Groups({"a": 2, "b": 3}, {}, {}, {})
    assert groups.families == {"a": slice(0, 2), "b": slice(2, 5)}
