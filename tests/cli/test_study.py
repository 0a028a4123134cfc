"""`heredity reproduce`: what it prints, and how it ends."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from msgspec.structs import replace

from heredity.reproduce import names
from heredity.reproduce.plan import Plan
from heredity.reproduce.study import Study
from heredity.store.folder import RunFolder

from .conftest import Heredity


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Study:
    """Synaptic clusters, quickly."""
    whole = names.STUDIES["synaptic-clusters"]
    arms = tuple(replace(arm, settings={**arm.settings, "steps": [10, 5]}) for arm in whole.arms)
    small = replace(whole, arms=arms)
    monkeypatch.setitem(names.STUDIES, whole.name, small)
    return small


@pytest.mark.usefixtures("study")
def test_a_study_and_its_second_call(heredity: Heredity, tmp_path: Path) -> None:
    out = tmp_path / "study"
    code, said, complaint = heredity("reproduce", "synaptic-clusters", "--out", out)
    assert (code, complaint) == (0, "")
    assert said.startswith("mnist-paper-0, run 1 of 1: LeNet on MNIST\n")
    for line in (
        "not run: stl10, LeNet on STL-10",
        "not run: cifar10, AlexNet on CIFAR-10",
        "MNIST, published: architectural efficiency, cluster efficiency (text); accuracy 1.7 points below",
        "chosen: environment: ",
    ):
        assert f"\n{line}" in said
    assert (out / "page.html").exists()
    tables = [(out / name).read_bytes() for name in ("table.csv", "generations.csv")]
    code, again, _ = heredity("reproduce", "synaptic-clusters", "--out", out)
    assert (code, said.endswith(again)) == (0, True), "nothing is left to run"
    assert [(out / name).read_bytes() for name in ("table.csv", "generations.csv")] == tables
    code, verified, _ = heredity("verify", out / "mnist-paper-0")
    assert (code, verified) == (0, "3 individuals verified, 0 differences\n")


@pytest.mark.usefixtures("study")
def test_a_run_that_another_process_has_is_left_to_it(heredity: Heredity, tmp_path: Path) -> None:
    arguments = ("reproduce", "synaptic-clusters", "--preset", "both", "--out", tmp_path / "study")
    busy = tmp_path / "study" / "mnist-paper-0"
    busy.mkdir(parents=True)
    with RunFolder(busy).lock():
        code, said, complaint = heredity(*arguments)
    assert (code, complaint) == (0, "")
    assert "\nleft to the process that has it: expected no other run in " in said
    assert "\nmnist-best-0, run 2 of 2: " in said
    measured = sorted(path.stem for path in (tmp_path / "study" / "measured").iterdir())
    assert measured == ["mnist-best-0"]
    assert heredity(*arguments)[0] == 0
    assert (tmp_path / "study" / "measured" / "mnist-paper-0.json").exists()


def test_a_study_of_genes_and_culture(heredity: Heredity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = names.STUDIES["dual-inheritance"]
    monkeypatch.setitem(names.STUDIES, whole.name, replace(whole, smoke={"population": 4, "steps": (10, 5)}))
    out = tmp_path / "study"
    code, said, complaint = heredity("reproduce", "dual-inheritance", "--out", out)
    assert (code, complaint) == (0, "")
    heads = [line.split() for line in said.splitlines() if line.startswith("arm ")]
    assert [head[3] for head in heads] == ["networks", "networks", "seconds", "seconds", "gene"]
    assert said.count("error within 60,000 weights") == 2
    assert "recipe.culture.weight" in said
    rows = (out / "table.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 9
    code, verified, _ = heredity("verify", out / "genes+culture-paper-0")
    assert (code, verified) == (0, "9 individuals verified, 0 differences\n")
    code, told, _ = heredity("genes", out / "genes+culture-paper-0")
    assert code == 0
    assert "model.fc1 in 8..600 log" in told


@pytest.mark.slow
def test_a_study_of_growth(heredity: Heredity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = names.STUDIES["neuroevolution"]
    small = replace(whole, smoke={**whole.smoke, "members": 3, "kept": 1, "steps": (20, 10)})
    monkeypatch.setitem(names.STUDIES, whole.name, small)
    out = tmp_path / "study"
    code, said, complaint = heredity("reproduce", "neuroevolution", "--out", out)
    assert (code, complaint) == (0, "")
    assert "the ensemble, published" in said
    with (out / "generations.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["arm"], row["generation"]) for row in rows] == [
        (arm, g) for arm in ("joint", "coevolution") for g in "012"
    ]
    for row in rows:
        assert 0 < float(row["ensemble_val_error"]) < 1
        alone = row["ensemble_test_error"] == row["best_test_error"]
        assert alone or row["generation"] > "0", "an ensemble of one is that one"
    code, verified, _ = heredity("verify", out / "coevolution-paper-0")
    assert (code, verified) == (0, "7 individuals verified, 0 differences\n")


def test_an_interruption_is_resumable(heredity: Heredity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Plan, "live", interrupt)
    code, _, complaint = heredity("reproduce", "gene-tagging", "--out", tmp_path)
    assert (code, complaint) == (130, "heredity: interrupted; the same command goes on\n")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("gene-tag",), "expected a study; came 'gene-tag'; "),
        (("gene-tagging", "--scale", "large"), "expected a scale; came 'large'; "),
        (("gene-tagging", "--preset", "front"), "expected a preset of a study; came 'front'; "),
        (("gene-tagging", "--only", "tags-r50,r51"), "expected an arm of gene-tagging; came 'r51'; "),
        (("gene-tagging", "--seeds", "0"), "expected at least 1 seed; came 0; "),
        (("gene-tagging", "--data", "nowhere"), "expected a data reference; came 'nowhere'; "),
    ],
)
def test_bad_input(heredity: Heredity, tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = heredity("reproduce", *arguments, "--out", tmp_path / "out")
    assert code == 2
    assert err.startswith(f"heredity: {complaint}")
    assert err.count("\n") == 1
