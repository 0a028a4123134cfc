from __future__ import annotations

import pytest

from heredity.api.names import strategy_settings
from heredity.development.datasets.options import parse
from heredity.development.datasets.reference import DATASETS
from heredity.errors import InputError
from heredity.reproduce.names import STUDIES, arms_of, presets_of, scale_of, study_of
from heredity.reproduce.study import Study, keeps, scarce
from heredity.zoo import ZOO

ALL = [pytest.param(study, id=name) for name, study in STUDIES.items()]


@pytest.mark.parametrize("study", ALL)
def test_every_arm_can_begin(study: Study) -> None:
    for arm in study.arms:
        assert arm.model in ZOO
        assert parse(arm.data)[0] in DATASETS
        for scale in ("smoke", "paper"):
            for preset in ("paper", "best"):
                settings = strategy_settings(study.strategy, study.options(arm, preset, scale))
                assert settings["preset"] == preset
                if study.strategy == "synthesis":
                    assert settings["parents"] <= settings["population"]
                    assert (settings["culture"] is None) == (preset == "paper")
    names = [arm.name for arm in study.arms]
    assert len(set(names)) == len(names)
    assert all(set(curve.beside) <= set(names) for curve in study.curves)
    assert all(len({len(values) for values in curve.points.values()}) == 1 for curve in study.curves)


@pytest.mark.parametrize("study", ALL)
def test_a_smoke_has_few_arms(study: Study) -> None:
    assert 1 <= len(arms_of(study, "smoke", [])) <= 2
    assert arms_of(study, "paper", []) == tuple(arm for arm in study.arms if arm.usual)
    last = study.arms[-1]
    assert arms_of(study, "smoke", [last.name]) == (last,)


def test_arms_of_the_papers() -> None:
    assert [arm.settings["clusters"][0]["value"] for arm in STUDIES["gene-tagging"].arms[:20:2]] == pytest.approx(
        [1 - (1 - percent / 100) ** 0.5 for percent in range(50, 100, 5)], abs=1e-4
    )
    assert len(STUDIES["polyploidism"].arms) == 11
    assert not {"stl10", "cifar10"} & {arm.name for arm in arms_of(STUDIES["synaptic-clusters"], "paper", [])}


def test_environments() -> None:
    kept = keeps(125.09, 9.71, 13)
    clusters, synapses = kept["clusters"][0]["value"], kept["synapses"][0]["value"]
    assert clusters**-13 == pytest.approx(9.71, rel=0.02)
    assert (clusters * synapses) ** -13 == pytest.approx(125.09, rel=0.02)
    taken = scarce(75)["synapses"][0]
    assert taken == {"value": 0.5, "reading": "scarcity"}
    with pytest.raises(InputError, match="efficiencies and generations"):
        keeps(0.5, 1, 3)


def test_what_is_refused() -> None:
    with pytest.raises(InputError, match=r"expected a study; came 'gene-tags'; .*gene-tagging"):
        study_of("gene-tags")
    with pytest.raises(InputError, match="expected a scale; came 'large'"):
        scale_of("large")
    with pytest.raises(InputError, match="expected a preset of a study; came 'front'"):
        presets_of("front")
    with pytest.raises(InputError, match=r"expected an arm of gene-tagging; came 'tags-r51'; .*tags-r50"):
        arms_of(STUDIES["gene-tagging"], "paper", ["tags-r51"])
    assert presets_of("both") == ("paper", "best")
