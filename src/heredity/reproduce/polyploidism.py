"""Polyploid synthesis: one, two, three or five parents in generations of three, five or eight networks.

Source: Chung, Fieguth & Wong, "Polyploidism in Deep Neural Networks: m-Parent Evolutionary Synthesis of Deep Neural
Networks in Varying Population Sizes"; its abstract.
"""

from __future__ import annotations

from heredity.reproduce.study import ALPHAS, COUNTS, ONCE, TRAINING, Arm, Choice, Curve, Study, keeps, scarce

PARENTS, POPULATIONS = (1, 2, 3, 5), (3, 5, 8)

STUDY = Study(
    name="polyploidism",
    title="Polyploidism: synthesis from m parents",
    source="Chung, Fieguth & Wong, Polyploidism in Deep Neural Networks (abstract)",
    claims=("About 150 times fewer synapses and 42 to 49 times fewer clusters, for 2 to 3 points of accuracy.",),
    settings={"mating": "geometric", "cost": "params", "ends_at": 0.85, "steps": (1080, 81)},
    paper={**scarce(50), "kappas": "once"},
    best={
        **keeps(215, 28, 6),
        "chi": 0.6,
        "steps": (4000, 36),
        "batch_size": 50,
        "patience": 0.75,
        "longest": 64.0,
    },
    arms=tuple(
        Arm(
            f"m{parents}-p{population}",
            f"m = {parents} of a generation of {population}",
            "mnist:10%",
            10,
            {"parents": parents, "population": population},
            kind=f"m = {parents}",
            small=population == POPULATIONS[0] and parents < PARENTS[2],
            briefly=6,
            amply="mnist",
        )
        for parents in PARENTS
        for population in POPULATIONS
        if parents <= population
    ),
    choices=(
        Choice(
            "environment",
            "half of the storage, 71 % of the clusters and of their synapses, for any number of parents",
            "not published; of the ten in the same authors' paper on gene tags the one that shrinks most slowly",
        ),
        ONCE,
        Choice(
            "environment and constant in the preset best",
            "41 % of the synapses and 57 % of the clusters a generation, for any parents; set anew by each mating",
            "so the preset best shows what parents are worth at equal size and equal training",
        ),
        Choice("what a cluster is", "a filter; as a share of weights", "as in the paper on gene tags"),
        Choice(
            "what parents must have",
            "all of them a cluster or a synapse that passes on (best: 60 % of them)",
            "the intersection policy; gene tags came later, with these 60 %. What five parents have in common is so "
            "little that their lines would fall much faster than others",
        ),
        Choice("how parents are chosen", "at random (best: the fittest)", "not published"),
        Choice(
            "normalising a product",
            "its m-th root, the geometric mean",
            "a product of m magnitudes has a unit of its own, in which a constant that is set on the ancestor means "
            "another share",
        ),
        ALPHAS,
        Choice("end of a line", "85 % validation error of the fittest, or 10 generations (best: 6)", "not published"),
        Choice(
            "training",
            "20 epochs for the ancestor, 1.5 for an offspring (best: 4,000 and 36 batches of 50, those of offspring "
            "times their architectural efficiency to the power 3/4; with the ancestor as teacher)",
            "not published; in a pilot on one seed small networks were worth longer training than the root gives",
        ),
        Choice(
            "data",
            "a tenth of MNIST (best: all of it)",
            "the tenth is published; the preset best is measured where networks err less than 0.8 % at first",
        ),
        TRAINING,
        COUNTS,
    ),
    curves=(
        Curve(
            "published, clusters 42x",
            "text",
            {"architectural_efficiency": (150,), "cluster_efficiency": (42,)},
            "for 2 to 3 points of accuracy",
        ),
        Curve(
            "published, clusters 49x",
            "text",
            {"architectural_efficiency": (150,), "cluster_efficiency": (49,)},
            "for 2 to 3 points of accuracy",
        ),
    ),
    timed=False,
)
