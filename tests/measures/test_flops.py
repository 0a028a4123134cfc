from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from heredity.anatomy.body import ancestor
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm, example
from heredity.measures.flops import inference_flops, training_flops
from heredity.measures.size import macs
from heredity.zoo.resnet import resnet20


def counted(images: torch.Tensor, *, backward: bool) -> int:
    """FLOPs as torch counts them."""
    with FlopCounterMode(display=False) as counter:
        outputs = resnet20().train()(images)
        if backward:
            outputs.sum().backward()
    return counter.get_total_flops()


def test_flops_are_torchs_own() -> None:
    form = InputForm((3, 32, 32))
    own = macs(ancestor(describe("resnet20", {}), form).anatomy)
    images = example(form, 2, 0)
    assert 2 * inference_flops(own) == counted(images, backward=False)
    trained = counted(images.requires_grad_(), backward=True)  # else the first layer's input needs no gradient
    assert 2 * training_flops(own) == trained
    assert training_flops(own, teacher_macs=7) == training_flops(own) + inference_flops(7)
