from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import torch

from heredity.anatomy.body import anatomy_of, ancestor, build, deploy
from heredity.anatomy.constructor import describe
from heredity.development.birth import Birth, Individual
from heredity.development.criteria import CTC, PLAIN, Criterion
from heredity.development.datasets import as_task
from heredity.development.develop import (
    Grown,
    conceive,
    develop,
    planned_flops,
    validation_error,
)
from heredity.development.loop import Effort
from heredity.development.recipe import Culture, Recipe
from heredity.development.task import Split, Task, normalised
from heredity.development.teaching import Mentor
from heredity.errors import DevelopmentError
from heredity.measures.size import macs, params
from heredity.variation import Founding, RandomRemoval, Synthesis
from heredity.variation.environment import Environment
from heredity.variation.operator import Organism, weights_digest


def image_task() -> Task:
    """Bright spots in one of four corners of 8x8 images."""
    coins = torch.Generator().manual_seed(0)
    labels = torch.arange(240) % 4
    images = torch.randint(90, (240, 1, 8, 8), generator=coins)
    for corner, (row, column) in enumerate(((0, 0), (0, 4), (4, 0), (4, 4))):
        images[labels == corner, :, row : row + 4, column : column + 4] += 120
    parts = [(images[part].byte(), labels[part]) for part in (slice(0, 160), slice(160, 200), slice(200, 240))]
    return as_task(tuple(parts), seed=0, name="corners")


TASK = image_task()


def founding_birth(recipe: Recipe, seed: int = 0) -> Birth:
    constructor = describe("lenet5", {"input_shape": (1, 8, 8), "n_classes": 4})
    operator = Founding(constructor, TASK.inputs)
    return Birth(0, 0, (), operator, ancestor(constructor, TASK.inputs).genome, recipe, seed)


def child_birth(parent: Organism, recipe: Recipe, **settings: object) -> Birth:
    operator = Synthesis(Environment(0.4), **settings)
    return Birth(1, 1, (0,), operator, operator.conceive([parent], 5).genome, recipe, seed=5, teachers=(0,))


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Grown:
    birth = founding_birth(Recipe(steps=60, batch_size=32))
    return develop(birth, [], [], TASK, cache=tmp_path_factory.mktemp("cache"), graph_bytes=1000)


def test_an_ancestor_grows_up(grown: Grown) -> None:
    birth = founding_birth(Recipe(steps=60))
    anatomy = anatomy_of(birth.genome)
    assert grown.organism.genome == birth.genome
    assert grown.newborn == weights_digest(conceive(birth, []))
    assert grown.newborn != weights_digest(grown.organism)
    assert grown.trained.steps == 60
    assert grown.measures == {
        "params": params(anatomy),
        "synapses": params(anatomy),
        "macs": macs(anatomy),
        "bytes": 4 * params(anatomy) + 1000,
        "val_error": pytest.approx(grown.measures["val_error"]),
    }
    assert grown.measures["val_error"] <= 0.1
    module = deploy(grown.organism.genome, grown.organism.tensors)
    with torch.no_grad():
        wrong = module(TASK.validation.inputs.float() / 255).argmax(1) != TASK.validation.labels
    assert grown.measures["val_error"] == wrong.double().mean()


def test_selection_never_sees_the_test_split(tmp_path: Path) -> None:
    spoilt = replace(TASK, test=Split(torch.zeros(0, 1, 8, 8), torch.zeros(0)))
    recipe = Recipe(steps=3)
    one, other = (develop(founding_birth(recipe), [], [], task, cache=tmp_path) for task in (TASK, spoilt))
    assert one.measures == other.measures


@pytest.mark.parametrize("synapses", [None, Environment(0.5)])
def test_children_are_taught_and_their_parents_stay(grown: Grown, tmp_path: Path, synapses: Environment | None) -> None:
    parent = grown.organism
    before = weights_digest(parent)
    birth = child_birth(parent, Recipe(steps=40, batch_size=32, culture=Culture()), synapses=synapses)
    mentor = Mentor(before, parent)
    one, same = (develop(birth, [parent], [mentor], TASK, cache=tmp_path) for _ in range(2))
    assert weights_digest(parent) == before
    assert weights_digest(one.organism) == weights_digest(same.organism)
    assert one.measures == same.measures
    assert len(list(tmp_path.iterdir())) == 1, "the teacher's answers are remembered"
    assert one.organism.genome == birth.genome
    untaught = develop(birth, [parent], [], TASK, cache=tmp_path)
    assert weights_digest(untaught.organism) != weights_digest(one.organism)
    if synapses is None:
        assert one.measures["synapses"] == one.measures["params"]
    else:
        dead = sum(int((~mask).sum()) for mask in one.organism.masks.values())
        assert dead > 0
        assert one.measures["synapses"] == one.measures["params"] - dead
        for name, mask in one.organism.masks.items():
            assert (one.organism.tensors[name][~mask] == 0).all()
            assert (one.organism.tensors[name][mask] != 0).any()


def test_another_newborn_than_planned_is_refused(grown: Grown, tmp_path: Path) -> None:
    birth = child_birth(grown.organism, Recipe(steps=1))
    other = msgspec.structs.replace(birth, seed=6)
    with pytest.raises(DevelopmentError, match=r"^newborn 1 has another genome than was planned for it"):
        develop(other, [grown.organism], [], TASK, cache=tmp_path)


COINS = torch.Generator().manual_seed(0)
KINDS: dict[str, tuple[str, tuple[int, ...], torch.Tensor, Criterion | None]] = {
    "classes": ("lenet-300-100", (12,), torch.arange(48) % 3, None),
    "numbers": ("lenet-300-100", (12,), torch.randn(48, 2, generator=COINS), None),
    "labels": ("lenet-300-100", (12,), torch.randint(2, (48, 3), generator=COINS), None),
    "positions": ("tdnn", (4, 45), torch.randint(3, (48, 5), generator=COINS), PLAIN),
    "words": ("tdnn", (4, 45), torch.arange(96).reshape(48, 2) % 3, CTC()),
}


@pytest.mark.parametrize("kind", KINDS)
def test_culture_of_every_kind(tmp_path: Path, kind: str) -> None:
    """Two teachers who know nothing of labels are imitated, outputs and features; the error owes them nothing."""
    name, shape, labels, criterion = KINDS[kind]
    given = torch.randn(48, *shape, generator=COINS), labels
    task = as_task((given, given, given), seed=0, criterion=criterion)
    options = {"input_shape": shape, "n_classes": task.n_classes} | ({"framewise": True} if name == "tdnn" else {})
    founding = Founding(describe(name, options), task.inputs)
    teachers = [founding.conceive([], seed) for seed in (0, 1)]
    mentors = [Mentor(weights_digest(teacher), teacher) for teacher in teachers]
    operator = RandomRemoval(Environment(0.5))
    genome = operator.conceive(teachers[:1], 2).genome
    recipe = Recipe(steps=40, batch_size=16, learning_rate=0.02, culture=Culture(1.0, 2.0, hidden=0.1))
    birth = Birth(2, 1, (0,), operator, genome, recipe, 2, teachers=(0, 1))
    grown, again = (develop(birth, teachers[:1], mentors, task, cache=tmp_path) for _ in range(2))

    def apart(student: Organism) -> float:
        """How far a student's answers are from what its teachers answer as one, in the units that it learns in."""
        batch = normalised(task.train.inputs, task.inputs)
        own, *theirs = (build(o.genome, o.tensors).eval()(batch).detach() for o in (student, *teachers))
        taught = task.criterion.consensus(torch.stack(theirs))
        return (task.criterion.imitation(own, taught, 2.0) - task.criterion.imitation(taught, taught, 2.0)).item()

    assert weights_digest(grown.organism) == weights_digest(again.organism)
    untaught = develop(birth, teachers[:1], [], task, cache=tmp_path)
    assert apart(grown.organism) < 0.5 * apart(untaught.organism)
    assert grown.organism.tensors.keys() == teachers[0].tensors.keys()
    assert grown.measures["val_error"] == validation_error(build(genome, grown.organism.tensors), task)


@pytest.mark.parametrize(
    ("recipe", "online"),
    [
        (Recipe(steps=3, culture=Culture()), False),
        (Recipe(steps=3, augmentation=("shift1",)), False),  # with nothing to learn from it
        (Recipe(steps=3, culture=Culture(), augmentation=("shift1",)), True),
    ],
)
def test_teachers_cost_where_they_answer_online(grown: Grown, tmp_path: Path, recipe: Recipe, online: bool) -> None:
    parent, effort = grown.organism, Effort()
    birth = child_birth(parent, recipe)
    develop(birth, [parent], [Mentor(c * 64, parent) for c in "ab"], TASK, cache=tmp_path, effort=effort)
    own, theirs = (macs(anatomy_of(genome)) for genome in (birth.genome, parent.genome))
    assert own < theirs
    assert effort.flops == 3 * 128 * (6 * own + online * 2 * 2 * theirs)
    assert planned_flops(birth, [parent.genome] * 2, len(TASK.train)) == effort.flops
    assert planned_flops(birth, [], len(TASK.train)) == 3 * 128 * 6 * own
    timed = msgspec.structs.replace(birth, recipe=Recipe(seconds=1))
    assert planned_flops(timed, [], len(TASK.train)) is None


def test_validation_error_is_that_of_the_split(grown: Grown) -> None:
    network = build(grown.organism.genome, grown.organism.tensors)
    error = validation_error(network, TASK)
    off = Split(TASK.validation.inputs, (TASK.validation.labels + 1) % 4)
    assert error == grown.measures["val_error"]
    assert validation_error(network, replace(TASK, validation=off)) >= 1 - error


@pytest.mark.parametrize(("teacher", "teachers"), [("7", (7,)), ("null", ())])
def test_births_of_older_versions_name_one_teacher(grown: Grown, teacher: str, teachers: tuple[int, ...]) -> None:
    birth = msgspec.structs.replace(child_birth(grown.organism, Recipe(steps=1)), teachers=teachers, litter=3)
    text = msgspec.json.encode(birth).decode()
    assert '"teacher"' not in text
    older = text.replace(f'"teachers":[{",".join(map(str, teachers))}]', f'"teacher":{teacher}')
    assert older != text
    read = msgspec.json.decode(older, type=Birth)
    assert read == birth
    assert msgspec.json.encode(read).decode() == text


def test_births_and_individuals_are_read_back_as_what_they_were(grown: Grown) -> None:
    for birth in (founding_birth(Recipe(steps=60)), child_birth(grown.organism, Recipe(seconds=3, culture=Culture()))):
        assert msgspec.json.decode(msgspec.json.encode(birth), type=Birth) == birth
        for individual in (
            Individual(birth, "developed", grown.measures, "a" * 64, grown.newborn, seconds=1.5, elapsed=3.0),
            Individual(birth, "failed", reason="diverged"),
        ):
            assert msgspec.json.decode(msgspec.json.encode(individual), type=Individual) == individual
            assert individual.developed == (individual.status == "developed")
            assert individual.number == birth.number
