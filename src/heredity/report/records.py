"""What a run's page is made of: plain records, small enough for hundreds of individuals on one page."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from heredity.anatomy.blocks import Block
from heredity.genes.gene import Value
from heredity.report.loading import Snippet
from heredity.run.account import Spent

Measures = dict[str, float]


class MixturePart(Struct, frozen=True):
    """The norms of the groups of one mixture through a training: `counts` by reading, and by bin of norms.

    At each reading `thresholds` are the boundary, and `curves` the components of the mixture, in groups by bin, that of
    unneeded groups first. Both are empty where there was no boundary. The family is "" where the mixture is for all.
    """

    family: str
    counts: tuple[tuple[int, ...], ...]
    thresholds: tuple[float, ...] = ()
    curves: tuple[tuple[tuple[float, ...], ...], ...] = ()


class PriorPart(Struct, frozen=True):
    """Norms of an individual's groups when shares `progress` of its training were done, in bins that end at `edges`."""

    share: float | None
    edges: tuple[float, ...]
    progress: tuple[float, ...]
    mixtures: tuple[MixturePart, ...]


class GenePart(Struct, frozen=True):
    """A gene, and what it says of each individual, in their order; None where it says nothing."""

    name: str
    values: tuple[Value | None, ...]


class TensorPart(Struct, frozen=True):
    """A trained tensor."""

    name: str
    shape: tuple[int, ...]


class Portrait(Struct, frozen=True, omit_defaults=True):
    """One individual. `clusters` counts those of each family, in the anatomy's order of families.

    `spent` is what it took to make, `line` the same with all that it comes from (`heredity.run.account.line_of`), which
    are `line_size` individuals; `inference_flops` are those of an answer. `tensors` are the shapes of its trained
    tensors, in the anatomy's order, None where it has none such, for members of the front. `blocks` are those that have
    come since the ancestor; so have the families `arisen`, with their sizes, and, of the front's members, tensors that
    are `added`. `teachers` are whom it learnt from. A failed newborn has a `reason` and no measures;
    `refused` says why a member could not be exported.
    """

    id: str
    generation: int
    parents: tuple[str, ...]
    operator: str
    elapsed: float
    spent: Spent
    line: Spent
    clusters: tuple[int, ...]
    measures: Measures = {}
    inference_flops: int | None = None
    line_size: int = 1
    tensors: tuple[tuple[int, ...] | None, ...] = ()
    blocks: tuple[Block, ...] = ()
    arisen: dict[str, int] = {}
    added: tuple[TensorPart, ...] = ()
    loading: tuple[Snippet, ...] = ()
    prior: PriorPart | None = None
    teachers: tuple[str, ...] = ()
    reason: str | None = None
    refused: str | None = None


class Spread(Struct, frozen=True):
    """Least, middle and largest of a measure."""

    least: float
    median: float
    most: float


class Generation(Struct, frozen=True):
    """What came of one generation; errors and costs are those of its developed newborns, None without any.

    `spent` is what all of its newborns took.
    """

    number: int
    developed: int
    failed: int
    error: Spread | None
    cost: Spread | None
    spent: Spent
    elapsed: float


class Failure(Struct, frozen=True):
    """Why newborns failed, and which."""

    reason: str
    ids: tuple[str, ...]


class FamilyPart(Struct, frozen=True):
    """A family of the ancestor, and the layers that make and read its channels."""

    name: str
    clusters: int
    made: tuple[str, ...] = ()
    read: tuple[str, ...] = ()


class FixedPart(Struct, frozen=True):
    """Channels that cannot go, and why."""

    name: str
    clusters: int
    reason: str


class AnatomyPart(Struct, frozen=True):
    """The ancestor's anatomy. `unknown` says why nothing but families' sizes can be told, where that is so."""

    families: tuple[FamilyPart, ...]
    fixed: tuple[FixedPart, ...] = ()
    tensors: tuple[TensorPart, ...] = ()
    mutable_share: float | None = None
    unknown: str | None = None


class Ceiling(Struct, frozen=True):
    """What the user asked for: a measure's ceiling."""

    measure: str
    ceiling: float


class Facts(Struct, frozen=True):
    """A run as its page shows it. Ids name individuals; `front` is by descending cost; `began` is UTC, ISO 8601.

    `spent` is what everybody took.
    """

    title: str
    version: str
    began: str
    elapsed: float
    spent: Spent
    finished: bool
    cost: str
    objectives: tuple[str, ...]
    headline: str
    notes: tuple[str, ...]
    ceilings: tuple[Ceiling, ...]
    met: bool | None
    nearest: str | None
    front: tuple[str, ...]
    picked: str | None
    individuals: tuple[Portrait, ...]
    generations: tuple[Generation, ...]
    failures: tuple[Failure, ...]
    genes: tuple[GenePart, ...]
    anatomy: AnatomyPart
    settings: dict[str, Any]
    latency_protocol: str
