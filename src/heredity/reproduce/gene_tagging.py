"""Gene tags against matching by position, among five parents, in ten environments.

Source: Chung, Fieguth & Wong, "Mitigating Architectural Mismatch During the Evolutionary Synthesis of Deep Neural
Networks".
"""

from __future__ import annotations

from typing import Any

from heredity.reproduce.study import ALPHAS, COUNTS, HELD, ONCE, TRAINING, Arm, Choice, Curve, Study, scarce

SCARCITY = tuple(range(50, 100, 5))
"""In per cent."""

FIGURE = "read off a figure"

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "tags": ("gene tags", {"matching": "tags", "chi": 0.6}),
    "position": ("matched by position", {"matching": "position", "chi": 1.0}),
    "position-chi60": ("matched by position, three of five suffice", {"matching": "position", "chi": 0.6}),
    "tags-product": ("gene tags, bare products", {"matching": "tags", "chi": 0.6, "mating": "product"}),
}
"""How parents are matched: the first two are compared, the others say what the choices made here do."""

USUAL = ("tags", "position")


def _arm(way: str, percent: int) -> Arm:
    """Parents matched in one way, in one environment."""
    says, settings = WAYS[way]
    return Arm(
        f"{way}-r{percent}",
        f"{says}, R = {percent} %",
        "mnist:10%",
        25,
        {**settings, **scarce(percent)},
        kind=f"R = {percent} %",
        usual=way in USUAL,
        small=percent == SCARCITY[0],
    )


def _curve(way: str, percent: int, storage: tuple[float, ...], accuracy: tuple[float, ...]) -> Curve:
    """Published points by generation, from the ancestor."""
    arm = _arm(way, percent)
    points = {"generation": tuple(range(len(storage))), "storage_bytes": storage, "accuracy": accuracy}
    note = "storage here begins at 0.58 MB, published at 0.83 MB"
    return Curve(f"{arm.says}, published", FIGURE, points, note, (arm.name,))


STUDY = Study(
    name="gene-tagging",
    title="Gene tags for evolutionary synthesis",
    source="Chung, Fieguth & Wong, Mitigating Architectural Mismatch During the Evolutionary Synthesis",
    claims=(
        "With tags, storage and accuracy fall more slowly over generations.",
        "At equal storage, accuracy is about equal with and without tags.",
        "With tags, networks of a generation are less various.",
        "With tags, storage stands still more often (at 80, 85 and 95 %).",
    ),
    settings={
        "parents": 5,
        "population": 5,
        "mating": "geometric",
        "kappas": "once",
        "cost": "params",
        "ends_at": 0.85,
        "steps": (1080, 81),
    },
    paper={},
    best={"population": 8, "sharpness": 1.0},
    arms=(
        *(_arm(way, percent) for percent in SCARCITY for way in USUAL),
        *(_arm(way, percent) for way in WAYS if way not in USUAL for percent in (50, 70)),
        Arm(
            "clones",
            "nothing is taken away: what further training alone is worth",
            "mnist:10%",
            3,
            scarce(0),
            kind="clones",
            usual=False,
        ),
    ),
    choices=(
        Choice(
            "offspring a generation",
            "5, all of whom are parents of the next (best: 8, of whom the fittest five are)",
            "the smallest number that holds five parents",
        ),
        Choice(
            "environment",
            "clusters and synapses keep √(1 - R) each, clusters as a share of weights",
            "published storage after one step is about 1 - R, so that is what both leave together",
        ),
        ONCE,
        Choice(
            "normalising a product",
            "its m-th root, the geometric mean of those who have the cluster (arms tags-product: none)",
            "a product of m magnitudes has a unit of its own, in which a constant that is set on the ancestor means "
            "another share; so storage would fall far faster than published",
        ),
        ALPHAS,
        Choice(
            "who must have a cluster or a synapse",
            "three of five parents with tags, all of them without (arms position-chi60: three of five)",
            "the share of 60 % is said of gene tags alone; the formula without them is a product over all parents",
        ),
        Choice(
            "without tags",
            "clusters are matched by their place among the survivors, and counted as having no other origin",
            "so variety by clusters is by place there, and by origin in the arms with tags",
        ),
        HELD,
        Choice("end of a line", "nobody has less than 85 % validation error, or 25 generations", "chance is 90 %"),
        Choice("training", "20 epochs for the ancestor, 1.5 for an offspring", "not published"),
        TRAINING,
        COUNTS,
        Choice(
            "storage",
            "4 bytes for a live weight and a bit for each place of a weight in which synapses are absent",
            "how the published sizes were reckoned is not said",
        ),
    ),
    curves=(
        _curve(
            "tags",
            50,
            (830e3, 442e3, 116e3, 22.6e3, 10.2e3, 5.3e3),
            (0.987, 0.987, 0.976, 0.953, 0.856, 0.475),
        ),
        _curve("position", 50, (830e3, 299e3, 50e3, 7.7e3, 3.6e3), (0.987, 0.985, 0.965, 0.839, 0.556)),
        _curve("tags", 70, (830e3, 166e3, 12.5e3, 3e3), (0.987, 0.979, 0.890, 0.105)),
        _curve("position", 70, (830e3, 140e3, 9.3e3, 2.7e3), (0.987, 0.976, 0.869, 0.105)),
    ),
    timed=False,
)
