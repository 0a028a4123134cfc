from __future__ import annotations

import pytest
import torch
from torch import nn

from heredity.anatomy.attention import MultiheadAttention
from heredity.anatomy.build import load
from heredity.anatomy.conform import Follow, conform

SHRUNK: dict[str, tuple[nn.Module, dict[str, tuple[int, ...]], dict[str, int]]] = {
    "convolution": (nn.Conv2d(6, 8, 3), {"weight": (5, 4, 3, 3), "bias": (5,)}, {"out_channels": 5, "in_channels": 4}),
    "groups": (
        nn.Conv1d(6, 12, 3, groups=3),
        {"weight": (8, 2, 3), "bias": (8,)},
        {"out_channels": 8, "in_channels": 4, "groups": 2},
    ),
    "one group left": (
        nn.Conv1d(6, 12, 3, groups=3),
        {"weight": (4, 2, 3), "bias": (4,)},
        {"out_channels": 4, "in_channels": 2, "groups": 1},
    ),
    "depthwise": (
        nn.Conv2d(6, 6, 3, groups=6, bias=False),
        {"weight": (4, 1, 3, 3)},
        {"out_channels": 4, "in_channels": 4, "groups": 4},
    ),
    "transposed": (
        nn.ConvTranspose2d(6, 8, 2),
        {"weight": (4, 5, 2, 2), "bias": (5,)},
        {"out_channels": 5, "in_channels": 4},
    ),
    "transposed groups": (
        nn.ConvTranspose1d(6, 9, 2, groups=3),
        {"weight": (4, 3, 2), "bias": (6,)},
        {"out_channels": 6, "in_channels": 4, "groups": 2},
    ),
    "linear": (nn.Linear(6, 8), {"weight": (5, 4), "bias": (5,)}, {"out_features": 5, "in_features": 4}),
    "batch norm": (
        nn.BatchNorm2d(6),
        dict.fromkeys(("weight", "bias", "running_mean", "running_var"), (4,)),
        {"num_features": 4},
    ),
    "batch norm without weights": (
        nn.BatchNorm1d(6, affine=False),
        dict.fromkeys(("running_mean", "running_var"), (4,)),
        {"num_features": 4},
    ),
    "instance norm": (nn.InstanceNorm2d(6, affine=True), dict.fromkeys(("weight", "bias"), (4,)), {"num_features": 4}),
    "group norm": (nn.GroupNorm(3, 6), dict.fromkeys(("weight", "bias"), (4,)), {"num_channels": 4, "num_groups": 2}),
    "slopes": (nn.PReLU(6), {"weight": (4,)}, {"num_parameters": 4}),
    "embedding": (nn.Embedding(9, 6), {"weight": (9, 4)}, {"num_embeddings": 9, "embedding_dim": 4}),
    "lstm": (
        nn.LSTM(6, 3),
        {"weight_ih_l0": (8, 5), "weight_hh_l0": (8, 2), "bias_ih_l0": (8,), "bias_hh_l0": (8,)},
        {"hidden_size": 2, "input_size": 5},
    ),
}


@pytest.mark.parametrize("name", SHRUNK)
def test_layers_say_what_their_tensors_say(name: str) -> None:
    layer, shapes, expected = SHRUNK[name]
    load(layer, {tensor: torch.rand(shape) for tensor, shape in shapes.items()})
    conform(layer)
    assert {attribute: getattr(layer, attribute) for attribute in expected} == expected
    conform(layer)  # and nothing more happens
    assert {attribute: getattr(layer, attribute) for attribute in expected} == expected


def test_a_recurrent_layer_computes_with_its_new_tensors() -> None:
    layer = nn.GRU(6, 3)
    shapes = {"weight_ih_l0": (6, 6), "weight_hh_l0": (6, 2), "bias_ih_l0": (6,), "bias_hh_l0": (6,)}
    load(layer, {name: torch.zeros(shape) for name, shape in shapes.items()})
    conform(layer)
    output, _ = layer(torch.rand(4, 1, 6))
    assert output.shape == (4, 1, 2)
    assert not output.any()


def test_attention_is_replaced_only_when_it_lost_heads() -> None:
    network = nn.ModuleDict({"whole": nn.MultiheadAttention(6, 3), "less": nn.MultiheadAttention(6, 3)})
    load(
        network,
        {
            "less.in_proj_weight": torch.rand(12, 6),
            "less.in_proj_bias": torch.rand(12),
            "less.out_proj.weight": torch.rand(6, 4),
        },
    )
    conform(network)
    assert type(network["whole"]) is nn.MultiheadAttention
    assert isinstance(network["less"], MultiheadAttention)
    assert (network["less"].num_heads, network["less"].out_proj.in_features) == (2, 4)
    x = torch.rand(5, 1, 6)
    assert network["less"](x, x, x)[0].shape == x.shape


def test_attributes_follow_the_tensors_they_count() -> None:
    network = nn.Sequential(nn.Linear(4, 12))
    network.heads, network.width = 3, 12
    load(network, {"0.weight": torch.rand(8, 4), "0.bias": torch.rand(8)})
    conform(network, [Follow("", "heads", "0.weight", 0, 4), Follow("", "width", "0.weight", 0, 1)])
    assert (network.heads, network.width) == (2, 8)


@pytest.mark.parametrize("own", [{}, {"kdim": 10, "vdim": 8}])
def test_attention_that_reads_fewer_channels(own: dict[str, int]) -> None:
    """torch's own module ties what it reads to its heads, and says so in training alone."""
    torch.manual_seed(0)
    network = nn.ModuleDict({"attention": nn.MultiheadAttention(12, 3, **own)})
    attention = network["attention"]
    assert isinstance(attention, nn.MultiheadAttention)
    reads = {"q": 12, "k": own.get("kdim", 12), "v": own.get("vdim", 12)}
    tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}
    fewer = {name: width - 1 for name, width in reads.items()}
    for name in tensors:
        letter = name.removeprefix("attention.")[0]
        if name.endswith("in_proj_weight"):
            tensors[name] = tensors[name][:, :11].contiguous()
        elif name.endswith("_proj_weight"):
            tensors[name] = tensors[name][:, : fewer[letter]].contiguous()
    whole = {name: torch.randn(4, 2, width) for name, width in reads.items()}
    for name, width in fewer.items():
        whole[name][..., width:] = 0
    if not own:
        whole = dict.fromkeys("qkv", whole["q"])
    expected = attention(*whole.values())[0]
    load(network, tensors)
    conform(network)
    part = {name: data[..., : fewer[name]] for name, data in whole.items()}
    assert torch.allclose(network["attention"].train()(*part.values())[0], expected, atol=1e-6)
