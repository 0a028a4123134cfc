"""What the training loop and the workers are measured against: plain PyTorch, all that a training needs and no more.

Nothing here imports heredity. As a program it is one bare process: it reads jobs from standard input, a JSON list a
line, does them one after the other and says so.
"""

from __future__ import annotations

import json
import math
import sys

import torch
from torch import nn
from torch.nn import functional as F

MEAN, STD = 0.5, 0.29
"""Of the pixels of `fake_images`, about."""


def fake_images(examples: int, shape: tuple[int, ...], seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """`(images, labels)` of ten classes: bytes at random, `(examples, *shape)`."""
    random = torch.Generator().manual_seed(seed)
    images = torch.randint(0, 256, (examples, *shape), dtype=torch.uint8, generator=random)
    return images, torch.randint(0, 10, (examples,), generator=random)


def lenet(conv1: int, conv2: int, fc1: int) -> nn.Sequential:
    """The LeNet-5 of Caffe with these widths."""
    return nn.Sequential(
        nn.Conv2d(1, conv1, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Conv2d(conv1, conv2, 5),
        nn.MaxPool2d(2),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(16 * conv2, fc1),
        nn.ReLU(),
        nn.Linear(fc1, 10),
    )


def train(
    network: nn.Module, images: torch.Tensor, labels: torch.Tensor, steps: int, *, seed: int, batch_size: int = 128
) -> None:
    """So many steps of AdamW under a one-cycle schedule; bytes become pixels batch by batch."""
    decayed = [p for p in network.parameters() if p.dim() > 1]
    others = [p for p in network.parameters() if p.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": 0.01}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=4e-3, betas=(0.9, 0.999), fused=True)
    rates = one_cycle(4e-3, steps)
    random = torch.Generator().manual_seed(seed)
    mean, std = torch.tensor(MEAN), torch.tensor(STD)
    order, position = torch.randperm(len(labels), generator=random), 0
    network.train()
    for rate in rates:
        if position + batch_size > len(labels):
            order, position = torch.randperm(len(labels), generator=random), 0
        index = order[position : position + batch_size]
        position += batch_size
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = images[index].float().div_(255).sub_(mean).div_(std)
        loss = F.cross_entropy(network(batch), labels[index])
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    network.eval()


def one_cycle(peak: float, steps: int, warmup: float = 0.2) -> list[float]:
    """The learning rates, known before the loop: a scheduler object would only flatter the loop that we compare."""

    def cosine(start: float, end: float, share: float) -> float:
        return end + (start - end) * (1 + math.cos(math.pi * share)) / 2

    return [
        cosine(peak / 25, peak, step / steps / warmup)
        if step / steps < warmup
        else cosine(peak, peak / 1e4, (step / steps - warmup) / (1 - warmup))
        for step in range(steps)
    ]


def error(network: nn.Module, images: torch.Tensor, labels: torch.Tensor) -> float:
    """Share of wrong answers."""
    with torch.no_grad():
        answers = torch.cat([network(b.float().div_(255).sub_(MEAN).div_(STD)).argmax(1) for b in images.split(500)])
    return int((answers != labels).sum()) / len(labels)


def main() -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    images, labels = fake_images(54_000, (1, 28, 28))
    held_out = fake_images(6_000, (1, 28, 28), seed=1)
    for line in sys.stdin:
        for widths, steps, seed in json.loads(line):
            network = lenet(*widths).to(memory_format=torch.channels_last)
            train(network, images, labels, steps, seed=seed)
            error(network, *held_out)
        print("done", flush=True)


if __name__ == "__main__":
    main()
