"""Sexual evolutionary synthesis: two parents, whose strengths are mated linearly.

Source: Chung, Shafiee & Wong, "The Mating Rituals of Deep Neural Networks", ICCVW 2017, arXiv 1709.02043. Published
generation 1 is the ancestor; here it is generation 0.
"""

from __future__ import annotations

from heredity.reproduce.study import (
    BEST_CLUSTER,
    BEST_TRAINING,
    BRIEF,
    COUNTS,
    FIRST,
    ONCE,
    TRAINING,
    Arm,
    Choice,
    Curve,
    Study,
    after,
    keeps,
    shares,
)

TWO = {"parents": 2, "mating": "linear"}

STUDY = Study(
    name="sexual-synthesis",
    title="Sexual evolutionary synthesis",
    source="Chung, Shafiee & Wong, arXiv 1709.02043",
    claims=(
        "In the same environment, two parents lead to small networks in fewer generations than one does.",
        "On MNIST, seven steps lead to 257 times fewer synapses and 34.2 times fewer clusters at 97.4 % accuracy; of "
        "one parent twelve lead to 139 and 14.0 times fewer at 97.1 %.",
    ),
    settings={"cluster": "kernel", "kappas": "once", "steps": (2700, 540)},
    paper={**shares(0.96, 0.64), "population": 2},
    best={**BRIEF, **after(7, keeps(270, 15, 8), shares(0.9, 0.89)), "kappas": "each"},
    arms=(
        Arm("two-parents", "two parents, on MNIST", "mnist", 9, TWO, kind="two parents", small=True, briefly=12),
        Arm("one-parent", "one parent, on MNIST", "mnist", 13, kind="one parent", small=True, briefly=12),
        Arm(
            "two-parents-union",
            "two parents, either of whom may pass on what it has, on MNIST",
            "mnist",
            8,
            {**TWO, "chi": 0.5},
            kind="union",
            usual=False,
        ),
        Arm("cifar10-two-parents", "two parents, on CIFAR-10", "cifar10", 5, TWO, kind="two parents", usual=False),
        Arm("cifar10-one-parent", "one parent, on CIFAR-10", "cifar10", 10, {}, kind="one parent", usual=False),
    ),
    choices=(
        Choice(
            "environment",
            "96 % of the kernels and 64 % of their synapses, 61 % together, for one parent and for two",
            "so a line of one parent without training comes near the published totals, though it slows down as "
            "strengths drift apart",
        ),
        ONCE,
        Choice(
            "environment and constant in the preset best",
            "50 % of the synapses and 71 % of the clusters for seven generations, then 80 and 90 %, whoever mates; set "
            "anew by each mating",
            "so the preset best shows what is lost at the published sizes, and not which arm falls faster; where error "
            "bends, halves are too coarse",
        ),
        Choice(
            "generations of two parents",
            "9 (best: 12)",
            "7 steps are published; what is kept of each is so only on average",
        ),
        BEST_CLUSTER,
        BEST_TRAINING,
        Choice("alphas and betas", "1/2 each", "not published; alike weights cancel where strengths are normalised"),
        Choice(
            "what both parents must have",
            "a cluster or a synapse that passes on (arm two-parents-union: either)",
            "not published; two parents shrink faster than one only so",
        ),
        Choice("offspring a generation", "2", "the smallest number that holds two parents"),
        Choice("training", "5 epochs for the ancestor, 1 for an offspring on MNIST", "not published"),
        TRAINING,
        COUNTS,
        FIRST,
    ),
    curves=(
        Curve(
            "MNIST, one parent, published",
            "read off a figure",
            {
                "generation": tuple(range(13)),
                "accuracy": (0.995, 0.995, 0.994, 0.994, 0.994, 0.994, 0.991, 0.992, 0.990, 0.986, 0.982, 0.981, 0.971),
                "architectural_efficiency": (1, 1.3, 2, 3.1, 4.8, 7.6, 13, 19.5, 33, 51, 76, 120, 139),
                "cluster_efficiency": (1, 1.05, 1.15, 1.25, 1.55, 1.8, 2.2, 2.65, 3.6, 4.8, 6.4, 9.1, 14.0),
            },
            beside=("one-parent",),
        ),
        Curve(
            "MNIST, two parents, published",
            "read off a figure",
            {
                "generation": tuple(range(8)),
                "accuracy": (0.995, 0.995, 0.995, 0.994, 0.993, 0.989, 0.9855, 0.974),
                "architectural_efficiency": (1, 1.4, 4.2, 15, 13, 29, 80, 257),
            },
            "clusters up to 34.2 times fewer",
            beside=("two-parents", "two-parents-union"),
        ),
        Curve(
            "CIFAR-10, one parent, published",
            "read off a figure",
            {
                "generation": tuple(range(10)),
                "accuracy": (0.771, 0.768, 0.766, 0.757, 0.750, 0.726, 0.734, 0.723, 0.692, 0.669),
                "architectural_efficiency": (1, 1.5, 2.3, 3.3, 5.0, 7.3, 10.6, 14.9, 21.7, 30.6),
            },
            beside=("cifar10-one-parent",),
        ),
        Curve(
            "CIFAR-10, two parents, published",
            "read off a figure",
            {
                "generation": tuple(range(5)),
                "accuracy": (0.771, 0.772, 0.761, 0.741, 0.680),
                "architectural_efficiency": (1, 1.5, 3.9, 13.9, 36),
            },
            beside=("cifar10-two-parents",),
        ),
    ),
)
