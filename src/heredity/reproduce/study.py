"""Studies: what a published experiment is made of, as plain data. Each study is one file beside this one.

A study is a set of arms times seeds. Each pair is an ordinary run of the study's strategy, by generations.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct, field

from heredity.errors import InputError

Preset = Literal["paper", "best"]
Scale = Literal["smoke", "paper"]
Shows = Literal["efficiencies", "growth", "fronts"]
"""What a study is looked at for: how much smaller networks become, how much better by growing, or their fronts of error
against weights."""


class Arm(Struct, frozen=True):
    """One way to evolve: settings of the strategy over the study's own, on these data.

    `generations` follow the ancestor. With the preset best these are `briefly` many, and data are `amply`, where given.
    Arms of one `kind` are drawn in one colour; what fronts of different data are worth is told together, too. Those
    that are not `usual` are run when asked for by name; those that are `small` are what a study's smoke consists of.
    """

    name: str
    says: str
    data: str
    generations: int
    settings: dict[str, Any] = {}
    model: str = "lenet5-synthesis"
    kind: str = ""
    usual: bool = True
    small: bool = False
    briefly: int | None = None
    amply: str | None = None


class Choice(Struct, frozen=True):
    """What is not published, what was chosen here, and why."""

    what: str
    chosen: str
    why: str


class Curve(Struct, frozen=True):
    """Published points: by measure, as many values each. `origin` says where they are from, `note` what to know.

    They are drawn where any of the arms `beside` is; without any, always.
    """

    name: str
    origin: str
    points: dict[str, tuple[float, ...]]
    note: str = ""
    beside: tuple[str, ...] = ()


class Study(Struct, frozen=True):
    """A published experiment. `paper` and `best` are settings of the presets, over `settings`, which are of both.

    In one that is `timed`, onnxruntime takes the time of the best of every generation; exporting it costs a second. In
    one with an `ensemble`, the members of a generation are measured together too. Each arm has so many `seeds`. Of a
    study of fronts the least error `within` so many weights is told. `smoke` is what a smoke changes, `smoke_model`
    whom it evolves.
    """

    name: str
    title: str
    source: str
    claims: tuple[str, ...]
    arms: tuple[Arm, ...]
    settings: dict[str, Any]
    paper: dict[str, Any]
    best: dict[str, Any]
    choices: tuple[Choice, ...]
    curves: tuple[Curve, ...]
    timed: bool = True
    ensemble: bool = False
    strategy: str = "synthesis"
    shows: Shows = "efficiencies"
    within: int | None = None
    seeds: int = 3
    smoke_model: str = "lenet5"
    smoke: dict[str, Any] = field(default_factory=lambda: dict[str, Any](steps=(60, 20), ends_at=1.0))

    def options(self, arm: Arm, preset: Preset, scale: Scale) -> dict[str, Any]:
        """The strategy's settings for an arm; those of an arm prevail over the study's."""
        own = self.paper if preset == "paper" else self.best
        return {"preset": preset, **self.settings, **own, **arm.settings, **(self.smoke if scale == "smoke" else {})}


SMOKE_DATA, SMOKE_GENERATIONS, SMOKE_SEEDS = "digits", 2, 1


def shares(clusters: float, synapses: float) -> dict[str, Any]:
    """The environments that keep these shares of the clusters, and of the synapses within them."""
    return {"clusters": [{"value": clusters}], "synapses": [{"value": synapses}]}


def keeps(synapses: float, clusters: float, generations: int) -> dict[str, Any]:
    """The environments that lead to these efficiencies (ancestor / own) after so many generations, evenly.

    The share of the synapses is that of the clusters times that of the synapses within them.
    """
    if min(synapses, clusters) < 1 or generations < 1:
        came = f"{synapses}, {clusters} and {generations}"
        raise InputError.of("efficiencies and generations of at least 1", came, "correct the study")
    of_clusters, of_synapses = (round(total ** (-1 / generations), 3) for total in (clusters, synapses))
    return shares(of_clusters, round(min(1.0, of_synapses / of_clusters), 3))


def after(generations: int, first: dict[str, Any], later: dict[str, Any]) -> dict[str, Any]:
    """The environments of `first` for so many generations, and then those of `later`."""
    return {resource: [*first[resource] * generations, *later[resource]] for resource in first}


def scarce(percent: float) -> dict[str, Any]:
    """The environments that together take away `percent` of the storage: clusters and synapses alike."""
    each = {"value": round(1 - (1 - percent / 100) ** 0.5, 4), "reading": "scarcity"}
    return {"clusters": [each], "synapses": [each]}


BRIEF: dict[str, Any] = {"cluster": "filter", "steps": (2700, 270), "longest": 16.0, "population": 2}
"""Of the preset best on MNIST: filters go whole, so that descendants are trained faster, for longer as they shrink."""

BEST_CLUSTER = Choice(
    "what a cluster is in the preset best",
    "a filter with all that is coupled to it; as a share of weights",
    "kernels leave networks as slow as their ancestor; kernels die with their filters, and with their last synapse",
)
BEST_TRAINING = Choice(
    "training in the preset best",
    "5 epochs for the ancestor, half an epoch for an offspring, times the root of its architectural efficiency, 16 at "
    "most; with the ancestor as teacher",
    "a pilot on one seed lost less than 0.2 points of validation error at 53 times fewer synapses (lab/LOG.md)",
)
TRAINING = Choice(
    "training of offspring",
    "AdamW, one cycle to 0.004, batches of 100; offspring inherit their surviving weights",
    "the recipe of the ancestor's origin is known, that of offspring is not; one schedule serves both",
)
CALIBRATION = Choice(
    "the constant in front of the probabilities",
    "one for clusters and one for synapses",
    "as printed, the formulas keep 25 to 42 % of the synapses a generation, the published totals imply 59 to 69 %",
)
ONCE = Choice(
    "the constant in front of the probabilities",
    "set once, so that the ancestor meets the environment, and held for all generations and arms",
    "set anew by each mating, it would fix the very rate of fall that is compared; as printed, the formulas keep less "
    "than published totals imply",
)
ALPHAS = Choice("alphas", "1", "not published; alike weights cancel where strengths are normalised")
HELD = Choice(
    "sharpness of chances in the preset best",
    "1, as printed",
    "raised to a power under a constant that is held, chances let a line stand still once the weak are gone",
)
COUNTS = Choice(
    "what counts",
    "weights of layers that offspring inherit in part: neither biases nor the classifier; a kernel counts while it "
    "holds a live synapse",
    "so the ancestor has 143,136 synapses in 7,200 kernels (144,736 in 7,264 for three channels), as published",
)
FIRST = Choice(
    "which generation is the first",
    "the ancestor is the published generation 1, our generation 0",
    "published series of efficiencies begin with 1x",
)
