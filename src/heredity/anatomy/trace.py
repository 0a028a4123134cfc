"""From a network and its input's shape to its anatomy: labels ride, equal couplings form families, trials decide."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import torch
from torch import nn

from heredity.anatomy.anatomy import Anatomy, Family, Fixed, Slice
from heredity.anatomy.inputs import InputForm, example
from heredity.anatomy.labels import Integers
from heredity.anatomy.ride import Ride, Role
from heredity.anatomy.rules import RULES
from heredity.anatomy.trial import failing_families
from heredity.errors import ModelError

_Place = tuple[str, int, Role]


BATCH = 2
"""Examples that are traced: one would hide operations that drop or mix the batch."""


def trace(module: nn.Module, inputs: InputForm | tuple[int, ...]) -> Anatomy:
    """The anatomy of `module`, which takes a batch `(n, *shape)` and returns a tensor `(n, ...)`.

    `inputs` is what it takes, or the shape of one example of float32.

    The module is left as it was. Every family was removed on trial; those that fail are fixed, with the reason.

    Raises:
        ModelError: the forward pass fails, or returns something other than one tensor.
    """
    if not any(p.requires_grad for p in module.parameters()):
        raise ModelError.of("a network with trainable weights", f"{type(module).__name__} without any", "unfreeze some")
    form = inputs if isinstance(inputs, InputForm) else InputForm(tuple(inputs))
    training = [m for m in module.modules() if m.training]
    module.eval()
    try:
        anatomy = _ride(module, form)
        failures = failing_families(module, anatomy, example(form, BATCH, dtype=torch.float64))
    finally:
        for m in training:
            m.training = True
    stays = tuple(family for family in anatomy.families if family.name not in failures)
    failed = tuple(Fixed(f.name, f.size, failures[f.name]) for f in anatomy.families if f.name in failures)
    return replace(anatomy, families=stays, fixed=anatomy.fixed + failed)


def _ride(module: nn.Module, form: InputForm) -> Anatomy:
    ride, batch = Ride(module, RULES), example(form, BATCH)
    try:
        with torch.no_grad(), ride:
            output = module(batch)
    except Exception as error:
        problem = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        raise ModelError.of(
            f"a network that takes a batch of shape {tuple(batch.shape)}", problem, "check the input's shape"
        ) from error
    if not isinstance(output, torch.Tensor):
        raise ModelError.of(
            "a network that returns one tensor of logits", f"a {type(output).__name__}", "wrap it so that it does"
        )
    if output.dim() == 0 or len(output) != len(batch):
        came = f"shape {tuple(output.shape)} for a batch of {len(batch)}"
        raise ModelError.of("a network that returns logits for each example", came, "keep the batch apart")
    ride.ledger.fix(ride.labels(output), "output of the network")
    families, fixed = _families(ride)
    named = {**dict(module.named_parameters()), **dict(module.named_buffers())}
    return Anatomy(
        families=families,
        fixed=fixed,
        shapes={name: tuple(t.shape) for name, t in named.items() if t.is_floating_point()},
        parameters=frozenset(name for name, _ in module.named_parameters()),
        positions=dict(ride.positions),
        outputs=tuple(output.shape[1:]),
        folds=ride.folds,
    )


def _families(ride: Ride) -> tuple[tuple[Family, ...], tuple[Fixed, ...]]:
    """Clusters are grouped by the places where they are used; a place is one dimension of one tensor in one role."""
    by_dimension: dict[tuple[str, int], list[torch.Tensor]] = defaultdict(list)
    for use in ride.uses:
        by_dimension[use.tensor, use.dim].append(use.labels)
    for first, *others in by_dimension.values():  # one position of one tensor is one cluster, however often it is used
        for other in others:
            ride.ledger.join(first, other, "shares weights with what no cluster owns")
    component, reasons = ride.ledger.resolve()

    places: dict[_Place, Integers] = {}
    for use in ride.uses:
        places.setdefault((use.tensor, use.dim, use.role), component[use.labels.numpy()])
    signature: dict[int, list[tuple[_Place, int]]] = defaultdict(list)
    for place, clusters in places.items():
        for cluster, count in zip(*np.unique(clusters[clusters >= 0], return_counts=True), strict=True):
            if cluster not in reasons:
                signature[int(cluster)].append((place, int(count)))
    alike: dict[tuple[tuple[_Place, int], ...], list[int]] = defaultdict(list)
    for cluster, where in sorted(signature.items()):
        alike[tuple(where)].append(cluster)
    named: dict[str, int] = defaultdict(int)
    families: list[Family] = []
    for where, clusters in alike.items():
        maker = next((place for place, _ in where if place[2] == "made"), where[0][0])
        layer = maker[0].rpartition(".")[0] or maker[0]
        named[layer] += 1
        name = layer if named[layer] == 1 else f"{layer}#{named[layer]}"
        families.append(Family(name, tuple(_slice(place, places[place], clusters) for place, _ in where)))
    return tuple(families), _fixed(places, reasons)


def _slice(place: _Place, component: Integers, clusters: list[int]) -> Slice:
    """Positions of each of `clusters` (ascending) along a place, `(clusters, k)`."""
    mine = np.flatnonzero(np.isin(component, clusters))
    order = np.argsort(component[mine], kind="stable")
    return Slice(*place, mine[order].reshape(len(clusters), -1))


def _fixed(places: dict[_Place, Integers], reasons: dict[int, str]) -> tuple[Fixed, ...]:
    found: list[Fixed] = []
    for (tensor, _, role), component in places.items():
        if role == "made" and tensor.endswith("weight"):
            why = [reasons[int(c)] for c in component if int(c) in reasons]
            layer = tensor.rpartition(".")[0] or tensor
            found += [Fixed(layer, why.count(reason), reason) for reason in dict.fromkeys(why)]
    return tuple(found)
