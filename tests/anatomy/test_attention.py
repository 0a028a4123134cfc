from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from heredity.anatomy.attention import MultiheadAttention

SETTINGS: dict[str, dict[str, object]] = {
    "plain": {},
    "batch first": {"batch_first": True},
    "without biases": {"bias": False},
    "learned key and value": {"add_bias_kv": True},
    "a zero to attend to": {"add_zero_attn": True},
    "other widths": {"kdim": 5, "vdim": 6},
}


@pytest.fixture(params=SETTINGS)
def original(request: pytest.FixtureRequest) -> nn.MultiheadAttention:
    torch.manual_seed(0)
    made = nn.MultiheadAttention(12, 3, **SETTINGS[request.param]).double().eval()
    for parameter in made.parameters():  # biases are zero at first
        nn.init.normal_(parameter)
    return made


def inputs(original: nn.MultiheadAttention) -> list[torch.Tensor]:
    """Query, key and value: batches of two, of 4 and 7 tokens."""
    torch.manual_seed(1)
    sizes = ((4, original.embed_dim), (7, original.kdim), (7, original.vdim))
    given = [torch.randn(2, tokens, width, dtype=torch.float64) for tokens, width in sizes]
    return given if original.batch_first else [t.transpose(0, 1) for t in given]


MASKS: dict[str, dict[str, torch.Tensor]] = {
    "none": {},
    "booleans": {"attn_mask": torch.ones(4, 7).triu(1).bool()},
    "numbers": {"attn_mask": torch.linspace(-2, 1, 28, dtype=torch.float64).reshape(4, 7)},
    "by head": {"attn_mask": torch.linspace(-2, 1, 6 * 28, dtype=torch.float64).reshape(6, 4, 7)},
    "padding": {"key_padding_mask": torch.tensor([[False] * 5 + [True] * 2, [False] * 7])},
    "both": {
        "attn_mask": torch.ones(4, 7).triu(3).bool(),
        "key_padding_mask": torch.tensor([[False] * 5 + [True] * 2, [False] * 7]),
    },
}


@pytest.mark.parametrize("masks", MASKS)
@pytest.mark.parametrize("need_weights", [True, False])
def test_with_all_heads_it_is_torchs_own(original: nn.MultiheadAttention, masks: str, need_weights: bool) -> None:
    ours = MultiheadAttention(copy.deepcopy(original))
    given = inputs(original)
    expected, expected_weights = original(*given, need_weights=need_weights, **MASKS[masks])
    came, weights = ours(*given, need_weights=need_weights, **MASKS[masks])
    assert torch.allclose(came, expected, rtol=1e-10, atol=1e-10)
    assert (weights is None) == (not need_weights)
    if weights is not None:
        assert torch.allclose(weights, expected_weights, rtol=1e-10, atol=1e-10)


def test_attention_to_itself_is_the_same_in_one_product() -> None:
    torch.manual_seed(0)
    original = nn.MultiheadAttention(12, 3).double().eval()
    ours, x = MultiheadAttention(copy.deepcopy(original)), torch.randn(5, 2, 12, dtype=torch.float64)
    expected, came = original(x, x, x)[0], ours(x, x, x)[0]
    assert torch.allclose(came, expected, rtol=1e-10, atol=1e-10)
    assert torch.allclose(ours(x, x.clone(), x)[0], expected, rtol=1e-10, atol=1e-10)


def test_weights_of_each_head(original: nn.MultiheadAttention) -> None:
    given = inputs(original)
    _, expected = original(*given, average_attn_weights=False)
    _, came = MultiheadAttention(copy.deepcopy(original))(*given, average_attn_weights=False)
    assert came.shape == expected.shape
    assert torch.allclose(came, expected, rtol=1e-10, atol=1e-10)


def test_it_has_the_same_tensors_under_the_same_names(original: nn.MultiheadAttention) -> None:
    ours = MultiheadAttention(copy.deepcopy(original))
    assert {n: t.shape for n, t in ours.state_dict().items()} == {n: t.shape for n, t in original.state_dict().items()}
    ours.load_state_dict(original.state_dict())


def test_dropout_only_in_training() -> None:
    torch.manual_seed(0)
    ours = MultiheadAttention(nn.MultiheadAttention(12, 3, dropout=0.5)).train()
    x = torch.randn(5, 2, 12)
    assert not torch.equal(ours(x, x, x)[0], ours(x, x, x)[0])
    ours.eval()
    assert torch.equal(ours(x, x, x)[0], ours(x, x, x)[0])
