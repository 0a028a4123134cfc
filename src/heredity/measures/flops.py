"""Floating-point operations: two per MAC, and three forward passes for a step of training. Lower is better for all.

This is how papers count them: the backward pass costs twice the forward one, and whatever is no MAC (norms,
activations, the loss, the optimiser, a prior) is left out, and so is a projection of hidden features.
"""

from __future__ import annotations


def inference_flops(macs: int) -> int:
    """FLOPs of a network's answer to one example."""
    return 2 * macs


def training_flops(macs: int, teacher_macs: int = 0) -> int:
    """FLOPs of training on one example; `teacher_macs` are those of all teachers that answer it."""
    return 3 * inference_flops(macs) + inference_flops(teacher_macs)
