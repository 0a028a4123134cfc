"""Whatever cannot be used ends in one line on stderr and exit code 2, and leaves nothing behind."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from heredity.api.evolve import evolve
from heredity.store.folder import RunFolder
from heredity.testing.runs import QUICK

from .conftest import Heredity

HOSTILE = """
import sys
import heredity
import numpy as np, torch
from torch import nn

def fixed(*sizes):
    layers = [layer for pair in zip(sizes, sizes[1:]) for layer in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*layers[:-1])

def good(): return fixed(12, 8, 3)
def narrow(): return fixed(13, 8, 3)
def seven(): return fixed(12, 8, 7)
def frozen(): return good().requires_grad_(False)
def raising(): raise ValueError("two\\nlines")
def greedy(a, b): return good()
def nothing(): return None
def leaving(): sys.exit(0)

class Odd(nn.Module):
    def __init__(self, odd):
        super().__init__()
        self.network, self.odd = good(), odd
    def forward(self, x): return self.odd(self.network, x)

def fail(error): raise error
def pair(): return Odd(lambda network, x: (network(x), x))
def grumpy(): return Odd(lambda network, x: fail(ValueError("two\\nlines")))
def fickle(): return Odd(lambda network, x: network(x) if x.sum() > 0 else 2 * network(x))
def mixing(): return Odd(lambda network, x: network(x).mean(0, keepdim=True))
def random(): return Odd(lambda network, x: network(x + torch.rand_like(x)))
def nan(): return Odd(lambda network, x: network(x) * float("nan"))

labels = torch.arange(240) % 3
inputs = torch.randn(3, 12, generator=torch.Generator().manual_seed(0))[labels]
def data(): return inputs, labels
def few(): return inputs[:20], labels[:20]
def holes():
    holed = inputs.clone()
    holed[3, 2] = float("nan")
    return holed, labels
def infinite(): return inputs * float("inf"), labels
def single(): return inputs, labels * 0
def negative(): return inputs, labels - 1
def beyond(): return inputs, torch.where(labels == 2, 7, labels)
def unseen(): return (inputs[:120], labels[:120]), (inputs[120:], labels[120:] + 1)
def unequal(): return inputs, labels[:-1]
def fractions(): return inputs, labels.float()
def one_hot(): return inputs, torch.eye(3)[labels]
def empty(): return inputs[:0], labels[:0]
def counts(): return inputs, torch.stack([labels, labels], 1)
def bits(): return inputs, torch.stack([labels > 0, labels > 1], 1)
def not_bits():
    return heredity.as_task((inputs, torch.stack([labels, labels], 1)), seed=0, criterion=heredity.MultiLabel())
def off(): return inputs, torch.zeros(240, 2)
def constant(): return inputs, torch.full((240,), 3.0)
def unknown():
    holed = labels / 2
    holed[7] = float("nan")
    return inputs, holed
images = (inputs.repeat(1, 2)[:, :16].reshape(-1, 1, 4, 4) * 40).clamp(0, 255).to(torch.uint8)
def small_maps(): return images, (images[:, 0, :3] > 9).long()
def moved():
    maps = heredity.Split(images, (images[:, 0] > 9).long())
    form = heredity.as_task((maps, maps, maps), seed=0).inputs
    return heredity.Task("moved", maps, maps, maps, 2, form, ("flip",))
def tokens(): return (inputs.abs() * 9).long(), labels
def below(): return (inputs * 9).long(), labels
def no_scalar(): return own(lambda outputs, labels: outputs)
def no_loss(): return own(lambda outputs, labels: fail(ValueError("two\\nlines")))
def own(loss):
    split = heredity.Split(inputs, labels)
    name = "hostile.py:no_scalar" if loss.__code__.co_names == () else "hostile.py:no_loss"
    return heredity.as_task((split, split, split), seed=0, name=name, criterion=heredity.Custom(loss, lambda *_: 0.0))
def three(): return inputs[:3], labels[:3]
def complex_numbers(): return inputs.to(torch.complex64), labels
def words(): return np.array(["a", "b"]), np.array([0, 1])
def lists(): return inputs.tolist(), labels.tolist()
class Broken(torch.utils.data.Dataset):
    def __len__(self): return 5
    def __getitem__(self, index): raise KeyError(index)
def broken(): return Broken()
"""


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    (folder / "hostile.py").write_text(HOSTILE)
    (folder / "raising.py").write_text("raise RuntimeError('two\\nlines')")
    (folder / "leaving.py").write_text("import sys; sys.exit(0)")
    (folder / "syntax.py").write_text("def (")
    (folder / "bad.parquet").write_bytes(b"PAR1 and no more")
    parquet.write_table(pa.table({"a": [1.0, 2.0], "b": [0, 1]}), folder / "table.parquet")
    for place, size in (("mixed/a", 4), ("mixed/b", 5), ("damaged/a", 4), ("damaged/b", 4), ("hole/a", 4)):
        (folder / place).mkdir(parents=True)
        for i in range(2):
            Image.new("RGB", (size, size)).save(folder / place / f"{i}.png")
    image = folder / "damaged" / "a" / "1.png"
    image.write_bytes(image.read_bytes()[:-30])
    for place in ("bare", "hole/b"):
        (folder / place).mkdir()
    return folder


@pytest.fixture
def place(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which commands run, with hostile files in it."""
    monkeypatch.chdir(hostile)
    monkeypatch.delenv("HEREDITY_DATA", raising=False)
    return hostile


@pytest.fixture
def refused(heredity: Heredity, place: Path) -> Iterator[object]:
    """Runs `evolve` with these options on what fits, and gives the one line that it says."""
    before = set(place.iterdir())

    def call(*options: object, model: str = "hostile.py:good", data: str = "hostile.py:data") -> str:
        end = () if {"--budget", "--generations"} & set(options) else ("--generations", 1)
        code, _, err = heredity(
            "evolve", "--model", model, "--data", data, "--workers", 0, "--out", "run", *end, *options
        )
        assert code == 2, err
        assert err.startswith("heredity: ")
        assert err.count("\n") == 1
        return err.removeprefix("heredity: ").strip()

    yield call
    assert {path for path in place.iterdir() if path.name != "__pycache__"} <= before | {place / "__pycache__"}


@pytest.mark.parametrize(
    ("model", "expected", "came"),
    [
        ("lenet6", "a model reference", "'lenet6'; did you mean 'lenet5'? known: acoustic-mlp, alexnet-cifar"),
        ("hostile.py:god", "a callable 'god' in hostile.py", "none; did you mean 'good'?"),
        ("missing.py:net", "a model reference that can be imported", "FileNotFoundError: no file"),
        ("raising.py:net", "a model reference that can be imported", "RuntimeError: two lines; check raising.py"),
        ("leaving.py:net", "a model reference that can be imported", "SystemExit: 0; check leaving.py"),
        ("no.such.package:net", "a model reference that can be imported", "ModuleNotFoundError"),
        ("json:loads", "json:loads to build a network", "TypeError"),
        ("hostile.py:raising", "hostile.py:raising to build a network", "ValueError: two lines"),
        ("hostile.py:leaving", "hostile.py:leaving to build a network", "SystemExit: 0"),
        ("hostile.py:greedy", "hostile.py:greedy to build a network", "TypeError: greedy() missing 2 required"),
        ("hostile.py:nothing", "hostile.py:nothing to return an nn.Module", "a NoneType"),
        ("hostile.py:narrow", "a network that takes a batch of shape (2, 12)", "RuntimeError"),
        ("lenet5", "images of shape (channels, height, width)", "inputs of shape (12,)"),
        ("hostile.py:seven", "logits of shape (n, 3), as hostile.py:data has 3 classes", "(n, 7)"),
        ("hostile.py:frozen", "a network with trainable weights", "Sequential without any"),
        ("hostile.py:pair", "a network that returns one tensor of logits", "a tuple"),
        ("hostile.py:grumpy", "a network that takes a batch of shape (2, 12)", "ValueError: two"),
        ("hostile.py:fickle", "a network that torch can export", "GuardOnDataDependentSymNode: Could not guard on"),
        ("hostile.py:mixing", "a network that returns logits for each example", "shape (1, 3) for a batch of 2"),
        ("hostile.py:random", "a network with hidden channels that can change", "none"),
        ("hostile.py:nan", "a network with hidden channels that can change", "none"),
    ],
)
def test_models(refused: Heredity, model: str, expected: str, came: str) -> None:
    assert str(refused(model=model)).startswith(f"expected {expected}; came {came}")


@pytest.mark.parametrize(
    ("data", "expected", "came"),
    [
        ("digit", "a data reference", "'digit'; did you mean 'digits'? known: cifar10, digits"),
        ("mnist", "a folder with data sets", "none; give --data-dir DIR or set HEREDITY_DATA"),
        ("missing.py:data", "a data reference that can be imported", "FileNotFoundError: no file"),
        ("syntax.py:data", "a data reference that can be imported", "SyntaxError"),
        ("leaving.py:data", "a data reference that can be imported", "SystemExit: 0"),
        ("hostile.py:raising", "hostile.py:raising to give data", "ValueError: two lines"),
        ("hostile.py:leaving", "hostile.py:leaving to give data", "SystemExit: 0"),
        ("hostile.py:nothing", "a torch Dataset or a pair (inputs, labels) of tensors", "a NoneType"),
        ("hostile.py:lists", "a torch Dataset or a pair (inputs, labels) of tensors", "a list"),
        ("hostile.py:words", "examples (input, label) of one shape in hostile.py:words", "TypeError"),
        ("hostile.py:broken", "examples (input, label) of one shape in hostile.py:broken", "KeyError: 0"),
        ("hostile.py:holes", "finite training inputs", "NaN or infinity in example 3 of hostile.py:holes"),
        ("hostile.py:infinite", "finite training inputs", "NaN or infinity in example 0"),
        ("hostile.py:complex_numbers", "training inputs of real numbers", "torch.complex64"),
        ("hostile.py:single", "training data of at least 2 classes", "1 in hostile.py:single"),
        ("hostile.py:negative", "training labels from 0", "-1 in hostile.py:negative"),
        ("hostile.py:beyond", "logits of shape (n, 8), as hostile.py:beyond has 8 classes", "(n, 3)"),
        ("hostile.py:unseen", "labels below 3, as in training", "label 3 in the test split"),
        ("hostile.py:unequal", "as many training inputs as labels, at least one", "240 and 239"),
        (
            "hostile.py:fractions",
            "numbers of shape (n, 1), as hostile.py:fractions has 1 fractional label an example",
            "(n, 3)",
        ),
        (
            "hostile.py:one_hot",
            "training labels as class numbers of shape (n,), or several labels an example",
            "a single 1 in each row",
        ),
        ("hostile.py:counts", "training labels as whole numbers of shape (n,)", "torch.int64 of shape (240, 2)"),
        ("hostile.py:bits", "logits of shape (n, 2), as hostile.py:bits has 2 labels an example", "(n, 3)"),
        ("hostile.py:not_bits", "training labels of 0 and 1", "2 in data"),
        ("hostile.py:off", "labels of which some are on and some are off", "0 throughout the training split"),
        ("hostile.py:constant", "labels that vary within every split", "3 throughout output 0"),
        ("hostile.py:unknown", "finite training labels", "NaN or infinity in example 7"),
        ("hostile.py:small_maps", "training labels of the images' size", "3x4 for images of 4x4"),
        (
            "hostile.py:moved",
            "images with labels that have no place in them, for augmentation by flip",
            "inputs (1, 4, 4)",
        ),
        ("hostile.py:tokens", "a network that takes a batch of shape (2, 12)", "RuntimeError"),
        ("hostile.py:below", "training inputs of whole numbers as tokens from 0 of shape (n, length)", "torch.int64"),
        (
            "hostile.py:no_scalar",
            "the loss of hostile.py:no_scalar to be a scalar that depends on the outputs",
            "a tensor of shape (2, 3)",
        ),
        (
            "hostile.py:no_loss",
            "the loss of hostile.py:no_loss to be a scalar that depends on the outputs",
            "ValueError: two lines",
        ),
        ("nowhere/at.all", "a folder nowhere/at.all", "none; check the path"),
        ("missing.parquet", "a parquet file missing.parquet", "no such file"),
        ("bad.parquet", "a parquet file bad.parquet", "ArrowInvalid: "),
        ("table.parquet", "one column called label, labels, target, targets, class or y in table.parquet", "none; add"),
        ("table.parquet:label=c", "a column 'c' in table.parquet", "none; it has columns a, b"),
        ("bare", "a folder for each class in bare", "an empty one; put images into CLASS/"),
        ("mixed", "images of one size", "4x4 in a/0.png in mixed, 5x5 in b/0.png in mixed; resize them, or say so"),
        ("damaged", "a/1.png in damaged to be an image", ""),
        ("hole", "images in hole/b", "none; add some, or remove the folder"),
        ("digits:size=8", "options of digits", "size=; known: augment=NAME+NAME|none, a share such as 10%"),
        ("hostile.py:empty", "as many training inputs as labels, at least one", "0 and 0"),
        ("hostile.py:three", "at least 20 examples to draw splits from", "3 in hostile.py:three"),
    ],
)
def test_data(refused: Heredity, data: str, expected: str, came: str) -> None:
    assert str(refused(data=data)).startswith(f"expected {expected}; came {came}")


PRUNING = ("--strategy", "group_pruning", "--set")


def mixture(of: str = "", shares: tuple[float, float] = (0.5, 0.5), scale: float = 0.1) -> str:
    """As one writes it."""
    components = [{"share": share, "mean": k, "scale": scale} for k, share in enumerate(shares)]
    return json.dumps({of: {"components": components}})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--sed", 1), "No such option: --sed"),
        (("--seed", "one"), "Invalid value for '--seed': "),
        (("--workers", "x"), "Invalid value for '--workers': "),
        (("--workers", -1), "expected 0 workers or more; came -1; leave --workers out"),
        (("--strategy", "syntesis"), "expected a strategy; came 'syntesis'; did you mean 'synthesis'?"),
        ((*PRUNING, "shares=[1.5]"), "expected a share to remove in (0, 1); came 1.5; give 0.5 for half"),
        (
            (*PRUNING, "shares=[0.9999]"),
            "expected a share that can go; came 99.99 %, with a cluster left of every family",
        ),
        (
            (*PRUNING, f"prior.mixtures={mixture(shares=(0.5, 0.6))}"),
            "expected shares alpha that sum to 1; came 0.5, 0.6",
        ),
        ((*PRUNING, f"prior.mixtures={mixture(scale=0)}"), "expected a scale sigma above 0; came 0.0"),
        ((*PRUNING, f"prior.mixtures={mixture(of='fc9')}"), "expected mixtures of families of the network; came fc9"),
        ((*PRUNING, "prior.members=filters"), "expected settings of group_pruning; came Invalid enum value 'filters'"),
        (("--cost", "weight"), "expected a cost; came 'weight'; choose among params, macs, bytes, latency"),
        (("--generations", 0), "expected at least 1 generation; came 0"),
        (("--generations", -3), "expected at least 1 generation; came -3"),
        (("--budget", "-5s"), "expected a duration; came '-5s'; write 90s, 10m or 1h30m"),
        (("--budget", "0"), "expected a budget above 0; came 0.0 s"),
        (("--budget", "-5"), "expected a budget above 0; came -5.0 s"),
        (("--budget", "inf"), "expected a budget above 0; came inf s"),
        (("--budget", "ten"), "expected a duration; came 'ten'"),
        (("--budget", "9s", "--generations", 2), "expected a number of generations or a budget of time; came both"),
        (("--budget", "0.1"), "expected a budget of at least "),
        (("--max-error", "2"), "expected a largest error as a share below 1; came 2.0; give 0.02 for 2 %"),
        (("--max-error", "some"), "expected a share; came 'some'; write 0.02 or 2%"),
        (("--max-error", "-2%"), "expected max error above 0; came -0.02"),
        (("--max-params", 0), "expected max params above 0; came 0"),
        (("--max-params", 14), "expected a ceiling of at least 19 params, the smallest"),
        (("--max-macs", 14), "expected a ceiling of at least 15 macs, the smallest"),
        (("--max-bytes", 500), "expected a ceiling of at least "),
        (("--max-latency-ms", "nan"), "expected max latency ms above 0; came nan"),
        (("--synapses", 2), "expected synapses in (0, 1]; came 2.0"),
        (("--synapses", 0), "expected synapses in (0, 1]; came 0.0"),
    ],
)
def test_options(refused: Heredity, options: tuple[object, ...], message: str) -> None:
    assert str(refused(*options)).startswith(message)


def test_a_data_folder_that_does_not_exist(heredity: Heredity, place: Path) -> None:
    for folder, came in (("nowhere", "nowhere, which does not exist"), (".", "")):
        code, _, err = heredity("evolve", "--data", "mnist", "--data-dir", folder, "--generations", 1)
        assert code == 2
        assert f"came {came}" in err
        assert err.count("\n") == 1
    assert not (place / "runs").exists()


@pytest.mark.parametrize("command", ["resume", "verify"])
def test_folders_without_a_run(heredity: Heredity, tmp_path: Path, command: str) -> None:
    for folder, came in ((tmp_path, "a folder without run.json"), (tmp_path / "nowhere", "no such folder")):
        code, _, err = heredity(command, folder)
        assert (code, err) == (
            2,
            f"heredity: expected a run in {folder}; came {came}; check the path, or start a new run there\n",
        )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def copy(users: Path, tmp_path: Path, begun: Path) -> Path:
    """A run that was killed before it wrote `front.json`."""
    return Path(shutil.copytree(begun, tmp_path / "copy"))


@pytest.fixture(scope="module")
def begun(users: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "begun"
    run = evolve(f"{users}:sound", f"{users}:data", generations=1, strategy_options=QUICK, workers=0, out=out)
    run.store.close()
    run.folder.front_json.unlink()
    return out


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != "run.lock"}


def test_a_second_run_on_the_folder(heredity: Heredity, copy: Path) -> None:
    before = contents(copy)
    with RunFolder(copy).lock():
        code, _, err = heredity("resume", copy)
    assert code == 2
    assert err.startswith(f"heredity: expected no other run in {copy}; came one in process ")
    code, _, err = heredity("evolve", "--out", copy)
    assert (code, err) == (
        2,
        f"heredity: expected no run in {copy}; came one; resume it, or choose another folder with --out\n",
    )
    assert contents(copy) == before


def change_settings(folder: Path) -> None:
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**settings, "format": 99, "new": "setting"}))


def change_store(folder: Path) -> None:
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("INSERT INTO migrations (name, applied) VALUES ('9999-later', 'tomorrow')")
    database.close()


def change_blob(folder: Path) -> None:
    for blob in (folder / "blobs").iterdir():
        blob.write_bytes(blob.read_bytes()[:-1])


def change_record(folder: Path) -> None:
    with sqlite3.connect(folder / "run.db") as database:
        database.execute("UPDATE individuals SET record = '{' WHERE number = 1")
    database.close()


def change_plan(folder: Path) -> None:
    settings = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps({**settings, "seed": settings["seed"] + 1, "data": "digits"}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (change_settings, "run.json of format 1 at most; came format 99; install the newer heredity that wrote it"),
        (change_store, "came one of version 9999-later; install the newer heredity that wrote it"),
        (change_blob, "as it was written; came "),
        (change_record, "expected a record of individual 1 in "),
        (change_plan, "expected the data that the run began with; came other data"),
        (lambda folder: (folder / "run.db").write_bytes(b"no database" * 100), "restore it from a copy of the run"),
        (lambda folder: (folder / "run.db").unlink(), "expected a run in "),
    ],
    ids=["settings", "store", "blob", "record", "plan", "database", "none"],
)
def test_what_cannot_be_resumed_stays_as_it_is(
    heredity: Heredity, copy: Path, change: Callable[[Path], None], message: str
) -> None:
    change(copy)
    before = {path: content for path, content in contents(copy).items() if "front" not in path.parts}
    code, _, err = heredity("resume", copy)
    assert (code, err.count("\n")) == (2, 1)
    assert message in err
    after = contents(copy)
    # closing a database may move its log into it
    assert {p for p, content in before.items() if after.get(p) != content} <= {copy / "run.db", copy / "run.db-wal"}
    assert not (copy / "front.json").exists()


def test_nothing_given(heredity: Heredity) -> None:
    assert heredity("resume").err == "heredity: Missing argument 'folder'.\n"
    assert heredity("grow").code == 2


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 100 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", folder], capture_output=True, check=False
    ).returncode:
        pytest.skip("may not mount a small disk: run as root, in a container that allows it")
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


@pytest.mark.slow
def test_a_full_disk_and_a_read_only_one(heredity: Heredity, users: Path, disk: Path) -> None:
    options = ("--model", f"{users}:sound", "--data", f"{users}:data", "--generations", 1, "--workers", 0)
    options += ("--set", "steps=[60,30]")
    code, _, err = heredity("evolve", *options, "--out", disk / "run")
    assert code == 2
    assert err.startswith("heredity: expected ")
    assert err.endswith("; free some disk space, then resume\n")
    assert err.count("\n") == 1

    subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
    kept = sorted((path, path.stat().st_size) for path in disk.rglob("*"))
    for command in (("resume", disk / "run"), ("evolve", *options, "--out", disk / "other")):
        code, _, err = heredity(*command)
        assert (code, err.count("\n")) == (2, 1)
        assert "read-only" in err
    assert sorted((path, path.stat().st_size) for path in disk.rglob("*")) == kept

    subprocess.run(["mount", "-o", "remount,rw,size=10m", disk], check=True)
    assert heredity("resume", disk / "run").code == 0
    assert heredity("verify", disk / "run").code == 0
