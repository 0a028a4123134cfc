"""What one process finds in a network, and what it is born with, another process finds and gives birth to again."""

from __future__ import annotations

import os
import subprocess
import sys

import msgspec
import numpy as np

from heredity.anatomy.anatomy import Anatomy
from heredity.anatomy.body import ancestor, fresh_tensors
from heredity.anatomy.constructor import describe
from heredity.anatomy.genome import digest
from heredity.testing.networks import KINDS
from heredity.variation.operator import Organism, weights_digest
from heredity.variation.removal import remove


def fingerprints() -> dict[str, tuple[str, str, str]]:
    """By kind of network: digests of its anatomy, of a descendant's genome, and of that one's weights."""
    found: dict[str, tuple[str, str, str]] = {}
    for kind, (_, form) in KINDS.items():
        constructor = describe(f"heredity.testing.networks:{kind}", {})
        first = ancestor(constructor, form)
        rng = np.random.default_rng(3)
        kept = {n: np.sort(rng.permutation(k)[: max(1, k // 2)]) for n, k in first.anatomy.sizes.items()}
        child = remove(Organism(first.genome, fresh_tensors(constructor, 5)), first.anatomy, kept)
        found[kind] = (digest(plain(first.anatomy)), child.genome.digest, weights_digest(child))
    return found


def plain(anatomy: Anatomy) -> list[object]:
    families = [[f.name, [[s.tensor, s.dim, s.role, s.positions.tolist()] for s in f.slices]] for f in anatomy.families]
    fixed = [[f.name, f.clusters, f.reason] for f in anatomy.fixed]
    follows = [[f.owner, f.attribute, f.tensor, f.dim, f.step] for f in anatomy.follows]
    return [families, fixed, follows, anatomy.shapes, anatomy.positions, anatomy.work, anatomy.folds]


def test_another_process_agrees() -> None:
    environment = {**os.environ, "PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "1"}
    told = subprocess.run([sys.executable, __file__], env=environment, capture_output=True, check=True)
    assert msgspec.json.decode(told.stdout, type=dict[str, tuple[str, str, str]]) == fingerprints()


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.json.encode(fingerprints()))
