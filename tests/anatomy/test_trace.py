from __future__ import annotations

import copy
import math
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pytest
import torch
import torch_pruning
import torchvision
from torch import nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.anatomy.build import load, tensors_of
from heredity.anatomy.conform import conform
from heredity.anatomy.trace import trace
from heredity.errors import ModelError
from heredity.measures.size import macs
from heredity.zoo.lenet import lenet5
from heredity.zoo.resnet import resnet20

Silenced = dict[str, list[int]]


def test_families_are_what_a_reader_finds(case) -> None:
    anatomy = trace(case.make(), case.shape)
    assert anatomy.sizes == case.families
    found = {fixed.name: fixed.reason for fixed in anatomy.fixed}
    assert found.keys() == case.fixed.keys()
    for name, reason in case.fixed.items():
        assert reason in found[name]


def test_clusters_that_nobody_reads_can_go(case) -> None:
    """The oracle has only the anatomy that it judges, and `conform`, from the package: removal by boolean masks."""
    for seed in range(3):
        torch.manual_seed(seed)
        large = case.make()
        anatomy, batch = trace(large, case.shape), torch.randn(3, *case.shape, dtype=torch.float64)
        large = large.double().eval()
        for name, tensor in large.state_dict().items():
            if tensor.is_floating_point():
                fresh = torch.rand_like(tensor) + 0.1 if "var" in name else torch.randn_like(tensor) * 0.3
                tensor.copy_(fresh)
        gone = {f.name: torch.randperm(f.size)[: max(1, round(0.3 * f.size))].tolist() for f in anatomy.families}
        small = _silence_and_remove(large, anatomy, gone)
        with torch.no_grad():
            expected, came = large(batch), small(batch)
        assert expected.abs().max() > 1e-3, "else nothing is shown"
        assert (came - expected).abs().max() <= 1e-9 * max(1.0, float(expected.abs().max()))
        assert sum(p.numel() for p in small.parameters()) < sum(p.numel() for p in large.parameters())


def _silence_and_remove(large: nn.Module, anatomy: Anatomy, gone: Silenced) -> nn.Module:
    """Zeroes what consumers read of these clusters in `large`, and returns a copy without them."""
    named = {**dict(large.named_parameters()), **dict(large.named_buffers())}
    stays: dict[str, dict[int, torch.Tensor]] = defaultdict(dict)
    for family in anatomy.families:
        for s in family.slices:
            tensor = named[s.tensor].data
            mask = stays[s.tensor].setdefault(s.dim, torch.ones(tensor.shape[s.dim], dtype=torch.bool))
            for cluster in gone[family.name]:
                for position in s.positions[cluster]:
                    assert mask[position], "no position belongs to two clusters"
                    mask[position] = False
                    if s.role == "read":
                        tensor.select(s.dim, int(position)).zero_()
    small = copy.deepcopy(large)
    for name, by_dim in stays.items():
        owner = small.get_submodule(name.rpartition(".")[0])
        leaf, tensor = name.rpartition(".")[2], named[name].data
        for dim, mask in by_dim.items():
            tensor = tensor.movedim(dim, 0)[mask].movedim(0, dim)
        setattr(owner, leaf, nn.Parameter(tensor) if isinstance(named[name], nn.Parameter) else tensor)
    conform(small, anatomy.follows)
    return small


def test_a_descendants_anatomy_is_what_tracing_it_gives(case) -> None:
    module = case.make()
    anatomy, kept = trace(module, case.shape), {}
    rng = np.random.default_rng(1)
    for family in anatomy.families:
        kept[family.name] = np.flatnonzero(rng.random(family.size) < 0.6)
        if len(kept[family.name]) < 2:
            kept[family.name] = np.arange(2)
    selected, small = anatomy.select(kept), _descendant(module, anatomy, kept)
    traced = trace(small, case.shape)
    assert _plain(selected) == _plain(traced)
    assert dict(selected.shapes) == {name: tuple(t.shape) for name, t in tensors_of(small).items()}


def _descendant(module: nn.Module, anatomy: Anatomy, kept: Kept) -> nn.Module:
    small = copy.deepcopy(module)
    load(small, anatomy.plan(kept).apply(tensors_of(module)))
    conform(small, anatomy.follows)
    return small


def _plain(anatomy: Anatomy) -> dict[str, object]:
    families = {
        family.name: {(s.tensor, s.dim, s.role): s.positions.tolist() for s in family.slices}
        for family in anatomy.families
    }
    return {
        "families": families,
        "fixed": {fixed.name: fixed.clusters for fixed in anatomy.fixed},
        "shapes": dict(anatomy.shapes),
        "parameters": set(anatomy.parameters),
        "positions": dict(anatomy.positions),
        "outputs": anatomy.outputs,
        "folds": dict(anatomy.folds),
    }


def test_macs_are_those_that_torch_counts(case) -> None:
    module = case.make().eval()
    anatomy = trace(module, case.shape)
    kept = {family.name: np.arange(1 + family.size // 2) for family in anatomy.families}
    small = _descendant(module, anatomy, kept)
    for network, predicted in ((module, anatomy), (small, anatomy.select(kept))):
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network.double()(torch.zeros(1, *case.shape, dtype=torch.float64))  # counted layer by layer, not fused
        assert macs(predicted) == counter.get_total_flops() / 2


def test_the_module_is_left_as_it_was(case) -> None:
    module = case.make()
    next(module.children()).eval()
    modes = [m.training for m in module.modules()]
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    trace(module, case.shape)
    assert [m.training for m in module.modules()] == modes
    for name, tensor in module.state_dict().items():
        assert torch.equal(tensor, before[name])


def _cluster_groups(anatomy: Anatomy) -> set[frozenset[tuple[str, int, int]]]:
    """Every cluster as the set of (tensor, dimension, position) that goes with it."""
    return {
        frozenset((s.tensor, s.dim, int(p)) for s in family.slices for p in s.positions[cluster])
        for family in anatomy.families
        for cluster in range(family.size)
    }


@pytest.mark.parametrize(("make", "shape"), [(lenet5, (1, 28, 28)), (resnet20, (3, 32, 32))])
def test_clusters_equal_the_groups_of_a_dependency_graph(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> None:
    """Torch-Pruning is right on these two (it is not on permuted or concatenated ones)."""
    module = make().eval()
    names = {layer: name for name, layer in module.named_modules()}
    tp = torch_pruning.pruner.function
    graph = torch_pruning.DependencyGraph().build_dependency(module, (torch.randn(1, *shape),))
    theirs: set[frozenset[tuple[str, int, int]]] = set()
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    for layer in layers[:-1]:  # the last one makes the output
        prune = tp.prune_conv_out_channels if isinstance(layer, nn.Conv2d) else tp.prune_linear_out_channels
        for cluster in range(layer.weight.shape[0]):
            places: set[tuple[str, int, int]] = set()
            for dependency, positions in graph.get_pruning_group(layer, prune, [cluster]):
                target = dependency.target.module
                if target not in names:
                    continue  # an operation without weights
                reads = dependency.handler in (tp.prune_conv_in_channels, tp.prune_linear_in_channels)
                for leaf, tensor in (*target.named_parameters(), *target.named_buffers()):
                    if reads and leaf == "weight":
                        places |= {(f"{names[target]}.weight", 1, int(p)) for p in positions}
                    elif not reads and tensor.dim():
                        places |= {(f"{names[target]}.{leaf}", 0, int(p)) for p in positions}
            theirs.add(frozenset(places))
    assert _cluster_groups(trace(make(), shape)) == theirs


def test_a_large_network_traces_and_all_of_it_is_mutable() -> None:
    module = torchvision.models.resnet50(num_classes=10)
    anatomy = trace(module, (3, 224, 224))
    assert anatomy.mutable_share > 0.999
    assert [fixed.name for fixed in anatomy.fixed] == ["fc"]
    # 33 convolutions inside the 16 blocks have families of their own, and so have the stem and the 4 stages
    assert len(anatomy.families) == 2 * 16 + 1 + 4
    assert sum(anatomy.sizes.values()) == 2 * (3 * 64 + 4 * 128 + 6 * 256 + 3 * 512) + 64 + 256 + 512 + 1024 + 2048


class TestWhatCannotBeTraced:
    @staticmethod
    def _refused(module: nn.Module, shape: tuple[int, ...], *words: str) -> None:
        with pytest.raises(ModelError) as caught:
            trace(module, shape)
        message = str(caught.value)
        assert message.startswith("expected ")
        assert "\n" not in message
        assert message.count("; ") >= 2
        for word in words:
            assert word in message

    def test_several_outputs(self) -> None:
        class Two(nn.Linear):
            def forward(self, input: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:  # noqa: A002
                return super().forward(input), input

        self._refused(Two(4, 3), (4,), "one tensor", "a tuple")

    def test_no_trainable_weights(self) -> None:
        self._refused(nn.Linear(4, 3).requires_grad_(False), (4,), "trainable weights", "Linear")
        self._refused(nn.Flatten(), (4,), "trainable weights", "Flatten")

    def test_an_input_that_does_not_fit(self) -> None:
        self._refused(nn.Linear(4, 3), (5,), "(2, 5)", "RuntimeError")

    def test_many_lines_of_grief(self) -> None:
        class Grieving(nn.Linear):
            def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002
                raise ValueError("one\ntwo")

        self._refused(Grieving(4, 3), (4,), "ValueError: one")

    def test_its_mode_is_restored_all_the_same(self) -> None:
        module = nn.Sequential(nn.Linear(4, 3), nn.Linear(9, 9))
        self._refused(module, (4,))
        assert all(m.training for m in module.modules())


class Wrong(nn.Module):
    """Every rule on the way is right, and still the first layer's units cannot go: their number is read."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Linear(4, 8), nn.Linear(8, 6), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.a(x))
        return self.c(F.relu(self.b(y * y.shape[1])))


def test_the_trial_fixes_what_the_rules_overlook() -> None:
    anatomy = trace(Wrong(), (4,))
    assert anatomy.sizes == {"b": 6}
    reason = {fixed.name: fixed.reason for fixed in anatomy.fixed}["a"]
    assert reason.startswith("removal trial: outputs differ by ")
    number = float(reason.rpartition(" ")[2])
    assert 1e-9 < number < math.inf
