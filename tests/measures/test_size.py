from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from heredity.anatomy.trace import trace
from heredity.errors import InputError
from heredity.measures import COSTS, UNITS, measure_of, sizes_of
from heredity.measures.size import encoded, encoded_kernels, encoded_synapses, macs, params, storage, synapses
from heredity.zoo.lenet import lenet5, lenet5_caffe, lenet5_synthesis
from heredity.zoo.resnet import resnet20


def test_sizes_by_hand() -> None:
    """LeNet-5 on 8x8 digits: kernels of 3x3, 8x8 and 4x4 positions."""
    anatomy = trace(lenet5((1, 8, 8)), (1, 8, 8))
    assert params(anatomy) == 60 + 55 * 16 + 65 * 120 + 121 * 84 + 85 * 10
    assert macs(anatomy) == 64 * 9 * 6 + 16 * 54 * 16 + 64 * 120 + 120 * 84 + 84 * 10
    kept = {"conv1": np.array([0, 2]), "conv2": np.array([1, 5, 7]), "fc1": np.arange(5), "fc2": np.arange(4)}
    small = anatomy.select(kept)
    assert params(small) == 10 * 2 + 19 * 3 + (3 * 4 + 1) * 5 + 6 * 4 + 5 * 10
    assert macs(small) == 64 * 9 * 2 + 16 * 18 * 3 + 12 * 5 + 5 * 4 + 4 * 10


def test_the_lenet_of_caffe() -> None:
    anatomy = trace(lenet5_caffe(), (1, 28, 28))
    assert params(anatomy) == 431_080
    assert macs(anatomy) == 576 * 500 + 64 * 25_000 + 400_000 + 5_000


def test_norms_that_melt_count_as_a_bias() -> None:
    network = resnet20((3, 32, 32))
    norms = sum(m.num_features for m in network.modules() if isinstance(m, nn.BatchNorm2d))
    whole = sum(p.numel() for p in network.parameters())
    assert params(trace(network, (3, 32, 32))) == whole - norms


def test_norms_that_do_not_melt_count_four_vectors() -> None:
    network = nn.Sequential(nn.Linear(3, 5), nn.ReLU(), nn.BatchNorm1d(5), nn.Linear(5, 2))
    assert params(trace(network, (3,))) == 20 + 4 * 5 + 12
    melting = nn.Sequential(nn.Linear(3, 5), nn.BatchNorm1d(5), nn.ReLU(), nn.Linear(5, 2))
    assert params(trace(melting, (3,))) == 20 + 12
    bare = nn.Sequential(nn.Linear(3, 5, bias=False), nn.BatchNorm1d(5, affine=False), nn.ReLU(), nn.Linear(5, 2))
    assert params(trace(bare, (3,))) == 15 + 5 + 12


def test_masked_synapses_are_no_savings() -> None:
    anatomy = trace(lenet5((1, 8, 8)), (1, 8, 8))
    mask = torch.ones(84, 120, dtype=torch.bool)
    mask[:2, :10] = False
    assert synapses(anatomy, {"fc2.weight": mask}) == params(anatomy) - 20
    assert synapses(anatomy, {}) == params(anatomy)


def test_all_sizes() -> None:
    anatomy = trace(lenet5((1, 8, 8)), (1, 8, 8))
    sizes = sizes_of(anatomy, graph_bytes=1000)
    assert sizes == {"params": params(anatomy), "macs": macs(anatomy), "bytes": 4 * params(anatomy) + 1000}
    assert sizes.keys() <= UNITS.keys()


def test_costs_by_name() -> None:
    assert [measure_of(cost) for cost in COSTS] == ["params", "macs", "bytes", "latency_ms"]
    assert {measure_of(cost) for cost in COSTS} <= UNITS.keys()
    with pytest.raises(InputError, match=r"expected a cost; came 'weight'; choose among params, macs, bytes, latency"):
        measure_of("weight")


@pytest.mark.parametrize(("channels", "counts"), [(1, (143_136, 7_200)), (3, (144_736, 7_264))])
def test_what_the_papers_on_synthesis_count(channels: int, counts: tuple[int, int]) -> None:
    anatomy = trace(lenet5_synthesis((channels, 32, 32)), (channels, 32, 32))
    assert encoded(anatomy) == ("conv1.weight", "conv2.weight", "conv3.weight", "conv4.weight")
    assert (encoded_synapses(anatomy, {}), encoded_kernels(anatomy, {})) == counts
    mask = torch.zeros(anatomy.shapes["conv2.weight"], dtype=torch.bool)
    mask[3, 4, 1, 2] = mask[3, 4, 0, 0] = mask[5, 6, 4, 4] = True
    masks = {"conv2.weight": mask}
    assert encoded_synapses(anatomy, masks) == counts[0] - 32 * 32 * 25 + 3
    assert encoded_kernels(anatomy, masks) == counts[1] - 32 * 32 + 2
    assert storage(anatomy, {}) == 4 * params(anatomy)
    assert storage(anatomy, masks) == 4 * (params(anatomy) - 32 * 32 * 25 + 3) + 32 * 32 * 25 // 8
