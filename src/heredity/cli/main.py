"""The command line: commands, exit codes, and nothing else.

Exit codes: 0 done and targets met · 1 verification found differences · 2 bad input, one line · 3 done but a target was
not met, or no newborn lived · 130 interrupted, resumable.
"""

from __future__ import annotations

import contextlib
import io
import sys
import time
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from heredity.cli.quantities import (
    parse_duration,
    parse_generation,
    parse_setting,
    parse_shape,
    parse_share,
    show_count,
    show_measure,
)
from heredity.errors import DataError, HeredityError, InputError

if TYPE_CHECKING:  # these load torch, which takes seconds; commands import what they need
    from heredity.cli.progress import Narrator
    from heredity.run.run import Run

# typer carries a click of its own, of whose errors it names one: this is what they have in common
UsageError = cast("type[Exception]", typer.BadParameter.__mro__[2])
STARTED = time.monotonic()
DEFAULT_BUDGET = "2m"

app = typer.Typer(
    help="Evolves neural networks: a network and data in, a family of trained, deployable descendants out.",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Folder = Annotated[Path, typer.Argument(help="A run's folder.", show_default=False)]
DEVICE = "Where newborns train: cpu, cuda (all GPUs in turn), cuda:1."
DataDir = Annotated[Path | None, typer.Option(help="Where data sets lie; else HEREDITY_DATA.", show_default=False)]


@app.command()
def evolve(
    model: Annotated[
        str,
        typer.Option(
            help="A name of the zoo (heredity inspect), of torchvision or timm, package.module:callable or "
            "file.py:callable."
        ),
    ] = "lenet5",
    data: Annotated[
        str,
        typer.Option(
            help="digits, mnist, cifar10, stl10, fsdd, a folder of class folders, train.parquet[,test.parquet], "
            "hub:OWNER/NAME or file.py:callable; options behind a colon: mnist:10%, photos:size=64x64, "
            "photos:size=64x64,augment=resized-crop+flip, t.parquet:label=COLUMN,input=A+B, fsdd:connected. Images too "
            "large for memory: photos:size=64x64,cache=DIR keeps them in a file, of images x 3 x height x width bytes."
        ),
    ] = "digits",
    strategy: Annotated[
        str,
        typer.Option(
            help="synthesis, group_pruning, neuroevolution, dual_inheritance, random-removal or magnitude-removal."
        ),
    ] = "synthesis",
    budget: Annotated[
        str | None, typer.Option(help=f"Wall clock, such as 90s or 10m; {DEFAULT_BUDGET} if no end is given.")
    ] = None,
    generations: Annotated[int | None, typer.Option(help="Generations, instead of a budget.")] = None,
    seed: Annotated[int, typer.Option(help="Of everything that is drawn.")] = 0,
    cost: Annotated[str | None, typer.Option(help="Against error: params, macs, bytes or latency.")] = None,
    max_params: Annotated[int | None, typer.Option(help="Ceiling: weights.")] = None,
    max_macs: Annotated[int | None, typer.Option(help="Ceiling: multiply-accumulates for one example.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="Ceiling: bytes of the ONNX file.")] = None,
    max_latency_ms: Annotated[float | None, typer.Option(help="Ceiling: milliseconds for one example.")] = None,
    max_error: Annotated[str | None, typer.Option(help="Ceiling: validation error, 0.02 or 2%.")] = None,
    synapses: Annotated[
        float | None, typer.Option(help="Thin synapses too: the share that each offspring keeps.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option(
            "--set", help="A setting of the strategy, KEY=VALUE, such as preset=paper or population=4; repeatable."
        ),
    ] = None,
    ancestor: Annotated[
        Path | None,
        typer.Option(help="The folder of a run that has trained the same ancestor.", show_default=False),
    ] = None,
    workers: Annotated[int | None, typer.Option(help="Processes; 0 for none; else one a core.")] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "cpu",
    data_dir: DataDir = None,
    out: Annotated[Path | None, typer.Option(help="A new folder for the run.", show_default=False)] = None,
) -> None:
    """Evolve a family of descendants of a network."""
    from heredity.api.checks import choose_cost
    from heredity.api.evolve import evolve
    from heredity.run.settings import check_horizon
    from heredity.run.targets import Targets

    if budget is None and generations is None:
        budget = DEFAULT_BUDGET
    seconds = None if budget is None else parse_duration(budget)
    check_horizon(generations, seconds)
    targets = Targets(
        max_params=max_params,
        max_macs=max_macs,
        max_bytes=max_bytes,
        max_latency_ms=max_latency_ms,
        max_error=None if max_error is None else parse_share(max_error),
    )
    options = dict(parse_setting(text) for text in settings or ())
    if synapses is not None:
        options["synapses"] = synapses
    folder = out or _free_folder(f"{Path(data.partition(':')[0]).stem}-{Path(model.partition(':')[0]).stem}")
    print(f"evolving {model} on {data} into {folder}", flush=True)
    with _resumable(folder), _narrated(seconds, generations, choose_cost(cost, targets)) as narrator:
        run = evolve(
            model,
            data,
            strategy=strategy,
            strategy_options=options,
            budget_seconds=seconds,
            generations=generations,
            seed=seed,
            cost=cost,
            targets=targets,
            ancestor=ancestor,
            workers=workers,
            device=device,
            out=folder,
            data_dir=data_dir,
            listener=narrator,
            started=STARTED,
        )
    _conclude(run)


@app.command()
def resume(
    folder: Folder,
    device: Annotated[str | None, typer.Option(help=f"{DEVICE} Else where it was.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Go on with a run that was interrupted."""
    from heredity.api.evolve import resume
    from heredity.run.settings import read_settings
    from heredity.store.folder import RunFolder

    settings = read_settings(RunFolder(folder))
    with _resumable(folder), _narrated(settings.budget_seconds, settings.generations, settings.cost) as narrator:
        run = resume(folder, device=device, listener=narrator, started=STARTED, data_dir=data_dir)
    _conclude(run)


@app.command()
def verify(
    folder: Folder,
    sample: Annotated[int | None, typer.Option(help="Only so many individuals, drawn anew each time.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Rebuild individuals from what is stored, and compare them with their records."""
    import random

    from heredity.api.evolve import reopen
    from heredity.run.verify import verify
    from heredity.store.folder import RunFolder

    run, task = reopen(RunFolder(folder), data_dir=data_dir)
    numbers = [i.number for i in run.individuals if i.developed]
    if sample is not None:
        if sample < 1:
            raise InputError.of("a sample of at least 1", sample, "leave --sample out for all")
        numbers = sorted(random.sample(numbers, min(sample, len(numbers))))
    found = 0
    for _, differences in verify(run, task, numbers):
        for difference in differences:
            print(difference, flush=True)
        found += len(differences)
    print(f"{len(numbers)} individuals verified, {found} differences")
    if found:
        raise typer.Exit(1)


@app.command()
def export(
    folder: Folder,
    member: Annotated[str, typer.Argument(help="The id of any living individual, such as 0042.", show_default=False)],
    form: Annotated[str, typer.Option("--format", help="onnx, int8, torch or all.")] = "onnx",
    out: Annotated[Path | None, typer.Option(help="Else DIR/export/MEMBER.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Write one individual's network, compared with its module, its weights and genome, and a page of facts.

    What an earlier export left in the folder is replaced. For int8 the run's data is read.
    """
    from heredity.api.export import export_member
    from heredity.export.member import FILES, formats_of
    from heredity.export.onnx import file_latency_ms
    from heredity.run.settings import read_settings
    from heredity.store.folder import RunFolder

    place, files = export_member(folder, member, formats_of(form), out=out, data_dir=data_dir)
    inputs = read_settings(RunFolder(folder)).inputs
    for file in files:
        facts = [f"{show_count(len(file.content))} bytes", *filter(None, [file.comparison])]
        if file.name in (FILES["onnx"], FILES["int8"]):
            facts.append(f"{show_measure('latency_ms', file_latency_ms(file.content, inputs))} an example")
        print(f"{place / file.name}: {', '.join(facts)}", flush=True)


@app.command()
def transcribe(
    folder: Annotated[
        Path, typer.Argument(metavar="MEMBER", help="An exported member's folder, or a run's.", show_default=False)
    ],
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Recordings: wav, flac, ogg.", show_default=False)
    ],
    member: Annotated[
        str | None, typer.Option(help="Of a run's folder; else the one that errs least.", show_default=False)
    ] = None,
    beam: Annotated[
        int | None, typer.Option(min=1, help="Decode by a beam of so many; else greedily.", show_default=False)
    ] = None,
) -> None:
    """Print the words of recordings, one line each, as a recogniser hears them that was evolved on speech.

    Other rates are converted and channels mixed down, and it is said so. Speakers need not be known. A file that cannot
    be heard is named, and the others are transcribed nevertheless.
    """
    from heredity.api.recogniser import recogniser

    heard = recogniser(folder, member)
    refused = False
    for file in files:
        try:
            transcript = heard.transcribe(file, beam)
        except DataError as error:
            _complain(str(error))
            refused = True
            continue
        if transcript.remarks:
            _complain(f"{file}: {'; '.join(transcript.remarks)}")
        if not transcript.words:
            _complain(f"{file}: no words were heard")
        print(f"{file}: " * (len(files) > 1) + " ".join(transcript.words), flush=True)
    if refused:
        raise typer.Exit(2)


@app.command()
def ensemble(
    folder: Folder,
    members: Annotated[
        list[str] | None, typer.Argument(help="Ids of living individuals; else all of the front.", show_default=False)
    ] = None,
    generation: Annotated[
        str | None,
        typer.Option(metavar="last|N", help="All who live of this generation, instead of ids.", show_default=False),
    ] = None,
    method: Annotated[
        str, typer.Option(help="greedy (chooses among them), mean, weighted or mlp (take all that count).")
    ] = "greedy",
    max_params: Annotated[int | None, typer.Option(help="Ceiling: weights, of all members.")] = None,
    max_macs: Annotated[int | None, typer.Option(help="Ceiling: multiply-accumulates for one example.")] = None,
    max_bytes: Annotated[int | None, typer.Option(help="Ceiling: bytes of the ONNX file.")] = None,
    max_latency_ms: Annotated[float | None, typer.Option(help="Ceiling: milliseconds for one example.")] = None,
    out: Annotated[Path | None, typer.Option(help="Else DIR/ensemble/METHOD.", show_default=False)] = None,
    data_dir: DataDir = None,
) -> None:
    """Make one network of several members: one ONNX file, their weights, and a record of who counts how much.

    Choices are made on the validation split; the test split is read once, at the end.
    """
    from heredity.api.ensemble import ensemble
    from heredity.cli.anatomy import show_ensemble
    from heredity.development.combination import Method
    from heredity.run.targets import Targets

    targets = Targets(max_params=max_params, max_macs=max_macs, max_bytes=max_bytes, max_latency_ms=max_latency_ms)
    place, record = ensemble(
        folder,
        members or (),
        cast("Method", method),
        generation=None if generation is None else parse_generation(generation),
        targets=targets,
        out=out,
        data_dir=data_dir,
    )
    show_ensemble(record)
    print(f"the ensemble is in {place}: model.onnx, model.safetensors and ensemble.json")


@app.command()
def report(folder: Folder) -> None:
    """Write the run's page, finished or not: the front, its members, generations, lineage, anatomy, settings."""
    from heredity.api.load import open_run
    from heredity.report.page import write_report

    print(write_report(open_run(folder)))


@app.command()
def genes(folder: Folder) -> None:
    """Show what the distribution of genes was, generation by generation, in a run of dual_inheritance."""
    from heredity.api.genes import inheritance_of
    from heredity.api.load import open_run
    from heredity.cli.genes import show_genes

    show_genes(inheritance_of(open_run(folder)))


@app.command()
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="synaptic-clusters, sexual-synthesis, gene-tagging, polyploidism, neuroevolution or dual-inheritance.",
            show_default=False,
        ),
    ],
    scale: Annotated[str, typer.Option(help="smoke (seconds, shows that it works) or paper (hours).")] = "smoke",
    preset: Annotated[str, typer.Option(help="paper (as published), best or both.")] = "paper",
    only: Annotated[
        list[str] | None, typer.Option(help="An arm, or several with commas; repeatable. Else the usual ones.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Instead of the arms' own data.", show_default=False)] = None,
    data_dir: DataDir = None,
    seeds: Annotated[
        int | None, typer.Option(help="Of each arm; else 1 (smoke), or as many as the study says.", show_default=False)
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes; 0 for none; else one a core (smoke: none).", show_default=False)
    ] = None,
    device: Annotated[str, typer.Option(help=DEVICE)] = "cpu",
    out: Annotated[Path | None, typer.Option(help="Else runs/NAME-SCALE; what is there goes on.")] = None,
) -> None:
    """Run a published study again: table.csv, generations.csv and page.html, our curves over the published points."""
    from heredity.cli.study import carry_out
    from heredity.reproduce.names import arms_of, presets_of, scale_of, study_of
    from heredity.reproduce.plan import Plan

    study, size = study_of(name), scale_of(scale)
    asked = [arm for text in only or () for arm in text.split(",")]
    plan = Plan(
        study,
        size,
        out or Path("runs") / f"{name}-{scale}",
        arms_of(study, size, asked),
        presets_of(preset),
        seeds,
        data,
        data_dir,
        workers,
        device,
    )
    try:
        carry_out(plan, lambda generations: _narrated(None, generations, "params"))
    except KeyboardInterrupt:
        _complain("interrupted; the same command goes on")
        raise typer.Exit(130) from None


@app.command()
def inspect(
    model: Annotated[
        str | None, typer.Argument(help="A model reference; all of the zoo if left out.", show_default=False)
    ] = None,
    shape: Annotated[
        str | None, typer.Option("--input", help="Its input, such as 3x224x224; else its own default.")
    ] = None,
    vocabulary: Annotated[
        int | None, typer.Option(min=1, help="Of how many tokens its input is; else its default.", show_default=False)
    ] = None,
    classes: Annotated[
        int | None, typer.Option(min=1, help="For how many classes; else its default, or 10.", show_default=False)
    ] = None,
) -> None:
    """Show what a network is made of: what can change, and what cannot, with the reason."""
    from heredity.cli.anatomy import show_model, show_zoo

    if model is None:
        show_zoo()
    else:
        show_model(model, None if shape is None else parse_shape(shape), vocabulary, classes)


def run() -> None:
    """The console script."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a character costs nobody a run
    try:
        sys.exit(app(standalone_mode=False))
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except typer.BadParameter as error:
        _complain(error.format_message())  # which names the option
        sys.exit(2)
    except (UsageError, HeredityError) as error:
        _complain(str(error))
        sys.exit(2)


def _complain(message: str) -> None:
    print(f"heredity: {' '.join(message.split())}", file=sys.stderr)


@contextlib.contextmanager
def _resumable(folder: Path) -> Generator[None]:
    """Ctrl-C ends a run with a word on how to go on, and exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        begun = (folder / "run.json").exists()
        _complain(f"interrupted; `heredity resume {folder}` goes on" if begun else "interrupted before the run began")
        raise typer.Exit(130) from None


@contextlib.contextmanager
def _narrated(budget_seconds: float | None, generations: int | None, cost: str) -> Generator[Narrator]:
    from rich.console import Console

    from heredity.cli.progress import Lines, Picture

    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        yield Lines(budget_seconds, generations, cost, STARTED)
        return
    with Picture(console, budget_seconds, generations, cost, STARTED) as picture:
        yield picture


def _free_folder(name: str) -> Path:
    """`runs/NAME`, or with the first free number behind it."""
    candidates = (Path("runs") / (f"{name}-{n}" if n else name) for n in range(10_000))
    return next(folder for folder in candidates if not folder.exists())


def _conclude(run: Run) -> None:
    """The family in a table, and the exit code that the targets ask for."""
    from heredity.cli.anatomy import show_front
    from heredity.store.folder import read_json

    result = read_json(run.folder.front_json, dict[str, Any])
    show_front(result)
    print(f"the family is in {run.folder.path}: front.json, and a folder for each member in {run.folder.front}")
    if run.folder.report.exists():
        print(f"to look at: {run.folder.report}")
    if not result["targets"]["met"]:
        ceilings = run.settings.targets.ceilings
        asked = ", ".join(show_measure(name, ceiling) for name, ceiling in ceilings.items())
        nearest = next(member for member in result["members"] if member["id"] == result["targets"]["nearest"])
        near = ", ".join(
            show_measure(name, nearest[name])
            for name in dict.fromkeys((*ceilings, "params", "val_error"))
            if nearest[name] is not None
        )
        _complain(f"no member keeps the targets ({asked}); nearest is {nearest['id']} with {near}")
        raise typer.Exit(3)
    newborns = [individual for individual in run.individuals if individual.birth.generation > 0]
    if newborns and not any(individual.developed for individual in newborns):
        reason = f"all {len(newborns)} failed, the last one: {newborns[-1].reason}"
        _complain(f"expected newborns that live; {reason}; the family is the ancestor alone; train them otherwise")
        raise typer.Exit(3)
