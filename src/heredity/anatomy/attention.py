"""Attention with any number of heads: what `nn.MultiheadAttention` becomes when it loses some.

torch's own module ties the number of heads times their width to the width of what it reads. This one has the same
tensors under the same names and is called in the same way.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class MultiheadAttention(nn.Module):
    """`n_heads` heads of `head_width` channels over inputs of `embed_dim` channels (Vaswani et al. 2017, 3.2.2)."""

    in_proj_weight: nn.Parameter | None
    q_proj_weight: nn.Parameter
    k_proj_weight: nn.Parameter
    v_proj_weight: nn.Parameter
    in_proj_bias: nn.Parameter | None
    bias_k: nn.Parameter | None
    bias_v: nn.Parameter | None

    _qkv_same_embed_dim = False  # read by nn.TransformerEncoderLayer, whose fast path knows torch's own module only

    def __init__(self, original: nn.MultiheadAttention) -> None:
        super().__init__()
        self.head_width: int = original.head_dim
        self.embed_dim, self.num_heads = original.embed_dim, original.num_heads
        self.batch_first, self.dropout, self.add_zero_attn = (
            original.batch_first,
            original.dropout,
            original.add_zero_attn,
        )
        for name in _PROJECTIONS:
            self.register_parameter(name, getattr(original, name))
        self.out_proj = original.out_proj
        self.train(original.training)

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """`(n, tokens, embed_dim)` each, or `(tokens, n, embed_dim)` unless `batch_first`, to the same form.

        Masks are as in `nn.MultiheadAttention`. Weights `(n, [n_heads,] queries, keys)` are computed if asked for.
        """
        together = query is key and key is value
        if not self.batch_first:
            query, key, value = (t.transpose(0, 1) for t in (query, key, value))
        if together and self.in_proj_weight is not None:
            q, k, v = F.linear(query, self.in_proj_weight, self.in_proj_bias).unflatten(-1, (3, -1)).unbind(-2)
        else:
            q, k, v = self._projected(query, key, value)
        if self.bias_k is not None and self.bias_v is not None:
            k, v = (torch.cat([t, b.expand(len(t), 1, -1)], 1) for t, b in ((k, self.bias_k), (v, self.bias_v)))
        if self.add_zero_attn:
            k, v = F.pad(k, (0, 0, 0, 1)), F.pad(v, (0, 0, 0, 1))
        q, k, v = (t.unflatten(-1, (-1, self.head_width)).transpose(1, 2) for t in (q, k, v))
        mask = self._mask(q, k, key_padding_mask, attn_mask)
        dropout = self.dropout if self.training else 0.0
        if need_weights:
            scores = q @ k.transpose(-2, -1) * self.head_width**-0.5
            weights = F.dropout((scores if mask is None else scores + mask).softmax(-1), dropout)
            attended = weights @ v
            weights = weights.mean(1) if average_attn_weights else weights
        else:
            weights, attended = None, F.scaled_dot_product_attention(q, k, v, mask, dropout)
        outputs = self.out_proj(attended.transpose(1, 2).flatten(2))
        return outputs if self.batch_first else outputs.transpose(0, 1), weights

    def _projected(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        if self.in_proj_weight is not None:
            weights = self.in_proj_weight.chunk(3)
        else:
            weights = self.q_proj_weight, self.k_proj_weight, self.v_proj_weight
        biases = (None, None, None) if self.in_proj_bias is None else self.in_proj_bias.chunk(3)
        q, k, v = (F.linear(x, w, b) for x, w, b in zip((query, key, value), weights, biases, strict=True))
        return q, k, v

    def _mask(
        self, q: torch.Tensor, k: torch.Tensor, padding: torch.Tensor | None, given: torch.Tensor | None
    ) -> torch.Tensor | None:
        """Both masks as one that is added to scores `(n, n_heads, queries, keys)`."""
        total = None
        if given is not None:
            given = _added(given, q.dtype)
            total = given.unflatten(0, (len(q), -1)) if given.dim() == 3 else given[None, None]
        if padding is not None:
            padding = _added(padding, q.dtype)[:, None, None]
            total = padding if total is None else total + padding
        if total is not None and total.shape[-1] < k.shape[-2]:  # what was appended to keys is seen by all
            total = F.pad(total, (0, k.shape[-2] - total.shape[-1]))
        return total


def _added(mask: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """A mask as numbers to add: True, which hides a key, becomes minus infinity."""
    if mask.dtype != torch.bool:
        return mask.to(dtype)
    return torch.zeros(mask.shape, dtype=dtype, device=mask.device).masked_fill(mask, float("-inf"))


_PROJECTIONS = ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight", "in_proj_bias", "bias_k", "bias_v")
