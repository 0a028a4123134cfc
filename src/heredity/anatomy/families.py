"""From what rode to families: clusters that are used in the same places in the same way are of one kind."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch

from heredity.anatomy.anatomy import Family, Fixed, Slice
from heredity.anatomy.labels import NOBODY, Integers
from heredity.anatomy.ride import Ride, Role

_Place = tuple[str, int, Role]
_Signature = tuple[tuple[_Place, int], ...]


@dataclass(frozen=True)
class Formed:
    """The families that labels form, what cannot go, and by family the labels of its clusters."""

    families: tuple[Family, ...]
    fixed: tuple[Fixed, ...]
    labels: Mapping[str, Integers]

    def work(self, ride: Ride) -> dict[str, int]:
        """MACs of products of activations for one example: by family of each cluster, under "" of the rest."""
        counts = np.zeros(ride.ledger.count, np.int64)
        for label, macs in ride.work.items():
            counts[label] = macs
        by_family = {f.name: int(counts[self.labels[f.name]].sum()) // (f.size * ride.batch) for f in self.families}
        rest = int(counts.sum()) // ride.batch - sum(by_family[f.name] * f.size for f in self.families)
        return {name: macs for name, macs in {**by_family, "": rest}.items() if macs}


def form(ride: Ride, failed: Mapping[int, str] | None = None) -> Formed:
    """Clusters grouped by the places where they are used; a place is one dimension of one tensor in one role.

    `failed` are reasons why labels could not go before more was joined; where all has become one cluster, they stand.
    """
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
    alike: dict[_Signature, list[int]] = defaultdict(list)
    for cluster, where in sorted(signature.items()):
        alike[tuple(where)].append(cluster)
    for where, clusters in list(alike.items()):
        if len(clusters) == 1:
            known = next((why for label, why in (failed or {}).items() if component[label] == clusters[0]), None)
            reasons[clusters[0]] = known or "its channels go together or not at all"
            del alike[where]
    families: dict[str, Family] = {}
    labels: dict[str, Integers] = {}
    for where, clusters in alike.items():
        name = _name(where, families)
        families[name] = Family(name, tuple(_slice(place, places[place], clusters) for place, _ in where))
        labels[name] = np.flatnonzero(np.isin(component, clusters))
    labels = {name: which[which != NOBODY] for name, which in labels.items()}
    return Formed(tuple(families.values()), _fixed(places, reasons), labels)


def _name(where: _Signature, taken: Mapping[str, Family]) -> str:
    """A family is called by the layer that makes it; a second one of that layer has a number."""
    tensor = next((place for place, _ in where if place[2] == "made"), where[0][0])[0]
    layer = tensor.rpartition(".")[0] or tensor
    number = 1 + sum(name.partition("#")[0] == layer for name in taken)
    return layer if number == 1 else f"{layer}#{number}"


def _slice(place: _Place, component: Integers, clusters: list[int]) -> Slice:
    """Positions of each of `clusters` (ascending) along a place, `(clusters, k)`."""
    mine = np.flatnonzero(np.isin(component, clusters))
    order = np.argsort(component[mine], kind="stable")
    positions = mine[order].reshape(len(clusters), -1)
    return Slice(*place, positions, _run(positions))


def _run(positions: Integers) -> int:
    """How many positions of a cluster lie side by side, in all clusters; 0 where that differs along the dimension."""
    breaks = np.flatnonzero((np.diff(positions, axis=1) != 1).any(0)) + 1
    runs = set(np.diff(np.array([0, *breaks.tolist(), positions.shape[1]])).tolist())
    return runs.pop() if len(runs) == 1 else 0


def _fixed(places: dict[_Place, Integers], reasons: dict[int, str]) -> tuple[Fixed, ...]:
    found: list[Fixed] = []
    for (tensor, _, role), component in places.items():
        if role == "made" and tensor.endswith("weight"):
            why = [reasons[int(c)] for c in component if int(c) in reasons]
            layer = tensor.rpartition(".")[0] or tensor
            found += [Fixed(layer, why.count(reason), reason) for reason in dict.fromkeys(why)]
    return tuple(found)
