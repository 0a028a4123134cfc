from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from heredity.anatomy.body import anatomy_of, ancestor, build, deploy, fresh_tensors
from heredity.anatomy.build import tensors_of
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm

FORM = InputForm((3, 8, 8), (0.5, 0.25, 0.125), (0.5, 0.25, 0.2))


@pytest.fixture
def constructor():
    return describe("lenet5", {"input_shape": FORM.shape, "n_classes": 4})


def test_the_ancestor_is_traced_once(constructor) -> None:
    assert ancestor(constructor, FORM) is ancestor(constructor, FORM)
    assert ancestor(constructor, FORM) is not ancestor(constructor, InputForm(FORM.shape))


def test_nothing_draws_from_the_global_random_state(constructor) -> None:
    before = torch.get_rng_state()
    fresh_tensors(constructor, 3)
    ancestor(constructor, InputForm(FORM.shape, (0.1,)))
    assert torch.equal(torch.get_rng_state(), before)


def test_fresh_tensors_follow_the_seed(constructor) -> None:
    one, same, other = (fresh_tensors(constructor, seed) for seed in (1, 1, 2))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not torch.equal(one["fc1.weight"], other["fc1.weight"])


def test_a_built_network_computes_with_the_tensors_it_is_given(constructor) -> None:
    first = ancestor(constructor, FORM)
    pristine = {name: tensor.clone() for name, tensor in tensors_of(first.module).items()}
    kept = {f.name: np.arange(0, f.size, 2) for f in first.anatomy.families}
    tensors = first.anatomy.plan(kept).apply(fresh_tensors(constructor, 1))
    network = build(first.genome.select(kept), tensors)
    assert {n: tuple(t.shape) for n, t in tensors_of(network).items()} == dict(
        anatomy_of(first.genome.select(kept)).shapes
    )
    x = torch.rand(5, *FORM.shape)
    with torch.no_grad():
        before = network(x)
        tensors["fc3.bias"] += 1
        assert torch.allclose(network(x), before + 1), "they are not copied"
    assert network.conv1.out_channels == 3
    assert all(torch.equal(t, pristine[name]) for name, t in tensors_of(first.module).items())


def test_deployed_networks_take_the_users_pixels(constructor) -> None:
    genome, tensors = ancestor(constructor, FORM).genome, fresh_tensors(constructor, 1)
    images = torch.rand(5, *FORM.shape)
    mean, std = (torch.tensor(v).reshape(3, 1, 1) for v in (FORM.mean, FORM.std))
    deployed, network = deploy(genome, tensors), build(genome, tensors).eval()
    assert not deployed.training
    with torch.no_grad():
        assert torch.equal(deployed(images), network((images - mean) / std))


TRAINED = """
import torch
from torch import nn
from heredity.anatomy.body import ancestor, build
from heredity.anatomy.build import tensors_of
from heredity.anatomy.constructor import describe, provide
from heredity.anatomy.inputs import InputForm

torch.manual_seed(0)
torch.set_num_threads(1)
own = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 14, 1, 2), nn.Flatten(), nn.Linear(896, 4))
provide(own)
first = ancestor(describe(own, {}), InputForm((3, 16, 16)))
for _ in range(5):
    network = build(first.genome, tensors_of(own))
    network(torch.randn(128, 3, 16, 16)).pow(2).sum().backward()
    rubbish = [bytearray(size) for size in (100, 1000, 5000, 20000, 100000)]
    del rubbish
print(network[1].weight.grad.abs().sum().isfinite().item())
"""


def test_a_strided_projection_of_few_channels_trains_without_harm() -> None:
    """oneDNN writes past its memory there if images lie channels last; glibc's checks make it certain to be noticed."""
    checked = {"LD_PRELOAD": "libc_malloc_debug.so.0", "MALLOC_CHECK_": "3"}
    done = subprocess.run([sys.executable, "-c", TRAINED], capture_output=True, text=True, env=os.environ | checked)
    assert (done.returncode, done.stdout) == (0, "True\n"), done.stderr
