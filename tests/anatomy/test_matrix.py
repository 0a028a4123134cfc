"""The anatomy matrix: what of real architectures can change, and that it changes as predicted.

Each row of the README's table is made here: with HEREDITY_WRITE_MATRIX=1 in the environment it is written there, after
its network has been exported too. Otherwise only the zoo's networks are, as torch takes up to ten seconds for each, and
of torchvision and timm some are met, unlike each other; all of them with HEREDITY_LONG=1.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from textwrap import shorten

import numpy as np
import onnx
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.trial import silenced
from heredity.export.onnx import to_onnx
from heredity.measures.size import macs, params
from heredity.types import Tensors
from heredity.variation.operator import Organism
from heredity.variation.removal import remove
from heredity.zoo import ZOO, defaults

README = Path(__file__).parents[2] / "README.md"
WRITES = "HEREDITY_WRITE_MATRIX" in os.environ
LONG = WRITES or "HEREDITY_LONG" in os.environ
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"
ENOUGH = 0.9
"""Share of the weights that lie in families which can change, below which the reason is told."""
REMOVED = 0.3
"""Share of every family's clusters that go."""
CLASSES = 10

TORCHVISION = """
    densenet121 efficientnet_b0 googlenet inception_v3 mnasnet0_5 mobilenet_v2 mobilenet_v3_small regnet_x_400mf
    regnet_y_400mf resnet18 resnet50 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t
"""
TIMM = """
    convnext_atto convnextv2_atto dla46_c edgenext_xx_small efficientvit_b0 ese_vovnet19b_dw fbnetc_100 gernet_s
    ghostnet_050 hardcorenas_a inception_next_atto lcnet_050 mobilenetv4_conv_small_050 mobileone_s0 mobilevitv2_050
    nf_regnet_b0 poolformer_s12 pvt_v2_b0 repghostnet_050 repvgg_a0 resnest14d resnet18d rexnet_100 semnasnet_075
    seresnet18 skresnet18 starnet_s1 tinynet_e vit_tiny_patch16_224
"""
VISION = [
    f"{package}/{name}" for package, names in (("torchvision", TORCHVISION), ("timm", TIMM)) for name in names.split()
]
FEW = """
    torchvision/googlenet torchvision/mnasnet0_5 torchvision/regnet_y_400mf torchvision/shufflenet_v2_x0_5
    torchvision/swin_t timm/convnext_atto timm/dla46_c timm/edgenext_xx_small timm/ghostnet_050 timm/mobilevitv2_050
    timm/nf_regnet_b0 timm/pvt_v2_b0 timm/repghostnet_050 timm/resnest14d timm/skresnet18 timm/vit_tiny_patch16_224
"""
"""Of these every run of the tests meets: chosen for what is unlike in them."""
FOLDED = ("torchvision/swin_t", "timm/edgenext_xx_small", "timm/nf_regnet_b0")
"""With some weights of these the exporter computes beforehand (tables of positions, temperatures, standardised
filters): their files hold the results instead, and are not counted."""
FORMS = {name: InputForm((3, 64, 64)) for name in VISION} | {"torchvision/inception_v3": InputForm((3, 96, 96))}
for _name, _make in ZOO.items():
    _told = defaults(_make)
    FORMS[_name] = InputForm(tuple(_told["input_shape"]), vocabulary=_told.get("vocabulary"))


@pytest.mark.parametrize("name", FORMS if LONG else [name for name in FORMS if name in {*FEW.split(), *ZOO}])
def test_network(name: str) -> None:
    form = FORMS[name]
    constructor = describe(name, {"input_shape": form.shape, "n_classes": CLASSES, "vocabulary": form.vocabulary})
    first = ancestor(constructor, form)
    anatomy, row = first.anatomy, row_of(name, form, first.anatomy)
    assert anatomy.mutable_share >= ENOUGH or anatomy.fixed

    kept = a_part(anatomy)
    parent = Organism(first.genome, varied(fresh_tensors(constructor, 0)))
    check_neutral(parent, anatomy, kept)

    child = remove(parent, anatomy, kept)
    predicted = anatomy_of(child.genome)
    assert {n: tuple(t.shape) for n, t in child.tensors.items()} == predicted.shapes
    network = (
        build(child.genome, child.tensors).double().eval()
    )  # in float32 recurrent layers are fused, and not counted
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(example(form, 1, dtype=torch.float64))
    assert counter.get_total_flops() == 2 * macs(predicted)
    assert params(predicted) < params(anatomy) or not anatomy.families
    if name in ZOO or WRITES:
        model = onnx.load_from_string(to_onnx(child))  # which compares it with the module
        held = sum(int(np.prod(t.dims)) for t in model.graph.initializer)
        assert held == params(predicted) or name in FOLDED
    if WRITES:
        write(name, row)
    assert row in README.read_text(), f"the README's table has not this row:\n{row}"


def a_part(anatomy: Anatomy) -> Kept:
    """All but 30 % of each family's clusters."""
    kept: dict[str, np.ndarray] = {}
    for family in anatomy.families:
        rng = np.random.default_rng(zlib.crc32(family.name.encode()))
        kept[family.name] = np.sort(rng.permutation(family.size)[: max(1, round((1 - REMOVED) * family.size))])
    return kept


def varied(tensors: Tensors) -> Tensors:
    """Biases that are not zero and scales that differ: else mistakes would hide, and files leave out what is zero."""
    generator = torch.Generator().manual_seed(1)
    noise = {name: 0.1 * torch.rand(t.shape, generator=generator) for name, t in tensors.items() if t.dim() == 1}
    return {name: t + noise[name] if name in noise else t for name, t in tensors.items()}


def check_neutral(parent: Organism, anatomy: Anatomy, kept: Kept) -> None:
    """Clusters that nobody reads go without a trace, in float64."""
    tensors = {name: tensor.double() for name, tensor in parent.tensors.items()}
    quiet = Organism(parent.genome, silenced(tensors, anatomy, kept))
    batch = example(parent.genome.inputs, 2, 7, torch.float64)
    outputs = [build(o.genome, o.tensors).double().eval() for o in (quiet, remove(quiet, anatomy, kept))]
    with torch.no_grad():
        expected, came = (network(batch) for network in outputs)
    assert (came - expected).abs().max() <= 1e-9 * max(1.0, float(expected.abs().max()))


def row_of(name: str, form: InputForm, anatomy: Anatomy) -> str:
    """A network's row: what it is, how much of it can change, and the chief reason for what cannot."""
    reasons: dict[str, int] = {}
    for fixed in anatomy.fixed:
        reasons[fixed.reason] = reasons.get(fixed.reason, 0) + fixed.clusters
    chief = max(reasons, key=lambda reason: reasons[reason])
    why = "" if anatomy.mutable_share >= ENOUGH else shorten(chief.replace("|", "/"), 70)
    extent = "x".join(map(str, form.shape)) + ("" if form.vocabulary is None else " tokens")
    cells = (name, extent, f"{params(anatomy):,}", f"{macs(anatomy) / 1e6:,.1f}", str(len(anatomy.families)))
    return f"| {' | '.join((*cells, f'{anatomy.mutable_share:.1%}', why))} |"


def write(name: str, row: str) -> None:
    """Puts a row into the README in the place of the one with its name, or in its order."""
    before, _, rest = README.read_text().partition(BEGIN)
    table, _, after = rest.partition(END)
    rows = {match[1]: line for line in table.splitlines() if (match := re.match(r"\| (\S+) \| \d", line))}
    rows[name] = row
    head = [line for line in table.splitlines() if line.startswith(("| network", "|---"))]
    listed = "\n".join([*head, *(rows[known] for known in FORMS if known in rows)])
    README.write_text(f"{before}{BEGIN}\n{listed}\n{END}{after}")
