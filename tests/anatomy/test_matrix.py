"""The anatomy matrix: what of real architectures can change, and that it changes as predicted.

Each row of the README's table is made here; with HEREDITY_WRITE_MATRIX=1 in the environment it is written there.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from heredity.anatomy.anatomy import Anatomy, Kept
from heredity.anatomy.body import anatomy_of, ancestor, build, fresh_tensors
from heredity.anatomy.constructor import describe
from heredity.anatomy.inputs import InputForm, example
from heredity.export.onnx import to_onnx
from heredity.measures.size import macs, params
from heredity.types import Tensors
from heredity.variation.operator import Organism
from heredity.variation.removal import remove
from heredity.zoo import ZOO, defaults

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- matrix -->", "<!-- end of matrix -->"
ENOUGH = 0.9
"""Share of the weights that lie in families which can change, below which the reason is told."""
REMOVED = 0.3
CLASSES = 10

TORCHVISION = """
    densenet121 efficientnet_b0 googlenet inception_v3 mnasnet0_5 mobilenet_v2 mobilenet_v3_small regnet_x_400mf
    regnet_y_400mf resnet18 resnet50 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t
"""
TIMM = """
    convnext_atto convnextv2_atto deit3_small_patch16_224 dla46_c edgenext_xx_small ese_vovnet19b_dw fastvit_t8 gernet_s
    ghostnet_050 hrnet_w18_small inception_next_atto lcnet_050 mobilenetv4_conv_small_050 mobileone_s0 mobilevit_xxs
    mobilevitv2_050 nf_regnet_b0 poolformer_s12 pvt_v2_b0 repvgg_a0 repvit_m0_9 resnest14d resnet18d semnasnet_075
    seresnet18 skresnet18 starnet_s1 tinynet_e vit_tiny_patch16_224
"""
EXTENT = {"torchvision/googlenet": 96, "torchvision/inception_v3": 96}
"""Of images, where it is not 64 pixels: the smallest that all of the network's layers take."""
VISION = [
    f"{package}/{name}" for package, names in (("torchvision", TORCHVISION), ("timm", TIMM)) for name in names.split()
]
FORMS = {name: InputForm((3, size, size)) for name in VISION for size in [EXTENT.get(name, 64)]}
for _name, _make in ZOO.items():
    _told = defaults(_make)
    FORMS[_name] = InputForm(tuple(_told["input_shape"]), vocabulary=_told.get("vocabulary"))


@pytest.mark.parametrize("name", FORMS)
def test_network(name: str) -> None:
    form = FORMS[name]
    constructor = describe(name, {"input_shape": form.shape, "n_classes": CLASSES, "vocabulary": form.vocabulary})
    first = ancestor(constructor, form)
    anatomy, row = first.anatomy, row_of(name, form, first.anatomy)
    assert anatomy.mutable_share >= ENOUGH or anatomy.fixed

    kept = a_part(anatomy)
    parent = Organism(first.genome, fresh_tensors(constructor, 0))
    check_neutral(parent, anatomy, kept)

    child = remove(parent, anatomy, kept)
    predicted = anatomy_of(child.genome)
    assert {n: tuple(t.shape) for n, t in child.tensors.items()} == predicted.shapes
    network = build(child.genome, child.tensors).eval()
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(example(form, 1))
    assert counter.get_total_flops() == 2 * macs(predicted)
    model = onnx.load_from_string(to_onnx(child))  # which compares it with the module
    assert sum(int(np.prod(t.dims)) for t in model.graph.initializer) == params(predicted) < params(anatomy)

    if os.environ.get("HEREDITY_WRITE_MATRIX"):
        write(name, row)
    assert row in README.read_text(), f"the README's table has not this row:\n{row}"


def a_part(anatomy: Anatomy) -> Kept:
    """All but 30 % of each family's clusters."""
    kept: dict[str, np.ndarray] = {}
    for family in anatomy.families:
        rng = np.random.default_rng(zlib.crc32(family.name.encode()))
        kept[family.name] = np.sort(rng.permutation(family.size)[: max(1, round((1 - REMOVED) * family.size))])
    return kept


def check_neutral(parent: Organism, anatomy: Anatomy, kept: Kept) -> None:
    """Clusters that nobody reads go without a trace, in float64."""
    tensors: Tensors = {}
    generator = torch.Generator().manual_seed(1)
    for name, tensor in parent.tensors.items():  # norms that do nothing, and layer scales near zero, would hide much
        tensors[name] = tensor.double() + 0.1 * torch.rand(tensor.shape, generator=generator, dtype=torch.float64)
    for family in anatomy.families:
        gone = np.setdiff1d(np.arange(family.size), kept[family.name])
        for s in family.slices:
            if s.role == "read":
                index = torch.from_numpy(s.positions[gone].ravel())
                tensors[s.tensor] = tensors[s.tensor].index_fill(s.dim, index, 0.0)
    silenced = Organism(parent.genome, tensors)
    batch = example(parent.genome.inputs, 2, 7, torch.float64)
    outputs = [build(o.genome, o.tensors).double().eval() for o in (silenced, remove(silenced, anatomy, kept))]
    with torch.no_grad():
        expected, came = (network(batch) for network in outputs)
    assert (came - expected).abs().max() <= 1e-9 * max(1.0, float(expected.abs().max()))


def row_of(name: str, form: InputForm, anatomy: Anatomy) -> str:
    """A network's row: what it is, how much of it can change, and the chief reason for what cannot."""
    reasons: dict[str, int] = {}
    for fixed in anatomy.fixed:
        reasons[fixed.reason] = reasons.get(fixed.reason, 0) + fixed.clusters
    chief = max(reasons, key=lambda reason: reasons[reason])
    why = "" if anatomy.mutable_share >= ENOUGH else chief.replace("|", "/")
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
