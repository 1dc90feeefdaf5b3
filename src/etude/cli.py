"""The command line. It imports late, and only what a command needs: `--help` must be quick."""

import time
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from etude.ending import FAILED, told_plainly
from etude.evidence.rounding import printable
from etude.terminal import (
    check_file,
    check_folder,
    escape_what_is_missing,
    print_json,
    print_text,
    say,
    show_table,
    tell_error,
)

app = typer.Typer(
    name="etude",
    help="Train whole studies of networks as a few compiled programs and answer with evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]
StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of a study, or the start of its identity.")
]
StoreOption = Annotated[
    str, typer.Option("--store", metavar="URL", help="Where results are kept: a file or a URL.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


class ImageFormat(StrEnum):
    """What figures are written as."""

    SVG = "svg"
    PNG = "png"


class Unit(StrEnum):
    """What is counted until a target is reached."""

    EPOCHS = "epochs"
    STEPS = "steps"
    SECONDS = "seconds"


def main() -> None:
    """Run the command line and exit."""
    escape_what_is_missing()
    with told_plainly():
        app()


@app.command()
def check(study: StudyFile, as_json: JsonOption = False) -> None:
    """Say what a study comes to: networks, programs, memory. Nothing is trained."""
    import etude

    plan = etude.plan(etude.read_study(study))
    programs = [
        {
            "networks": len(program.members),
            "side_by_side": program.width,
            "parameters": program.training.parameters,
            "batch_size": program.task.batch_size,
            "epochs": program.task.epochs,
            "model": program.task.model.name,
            "rules": [rule.name for rule in program.task.rules],
        }
        for program in plan.programs
    ]
    if as_json:
        print_json(
            {
                "version": 1,
                "study": plan.study.name,
                "choices": len(plan.choices),
                "splits": [len(material.splits) for material in plan.materials],
                "seeds": plan.study.seeds,
                "members": len(plan.members),
                "programs": programs,
                "bytes": plan.bytes,
            }
        )
        return
    say(str(plan))
    for material, data in zip(plan.materials, plan.study.data, strict=True):
        split = material.splits[0]
        say(
            f"data {data.name}: {material.prepared.rows} rows, first split "
            f"{split.train.size} to train, {split.validation.size} to choose, "
            f"{split.test.size} to judge"
        )
    for number, program in enumerate(programs, 1):
        say(
            f"program {number}: {program['networks']} networks of {program['parameters']} "
            f"parameters ({program['model']}), batch {program['batch_size']}, "
            f"{program['epochs']} epochs"
        )


@app.command()
def run(
    study: StudyFile,
    store: StoreOption = "etude.db",
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the report to this HTML file.")
    ] = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Chunks at a time; by default one a core.")
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="Choices to show.")] = 20,
) -> None:
    """Train every network of a study that the store does not hold yet, and rank the choices."""
    import etude

    if report is not None:
        check_file(report)
    result = _unchanged(study, store) or _trained(study, store, quiet, workers)
    if report is not None:
        etude.report(result, report)
    if as_json:
        print_json(result.json())
    else:
        _show_ranking(result, top)
        if report is not None:
            say(f"report: {report}")
    _tell_failures(result)


@app.command("list")
def list_studies(store: StoreOption = "etude.db", as_json: JsonOption = False) -> None:
    """List the studies in a store."""
    from dataclasses import asdict

    import etude

    with etude.Store.open(store, readonly=True) as opened:
        studies = opened.studies()
    if as_json:
        print_json({"version": 1, "studies": [asdict(study) for study in studies]})
        return
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for column in ("study", "networks", "finished", "diverged", "metric", "first run", "identity"):
        table.add_column(column, justify="right" if column in _COUNTS else "left")
    for study in studies:
        table.add_row(
            Text(printable(study.name)),
            str(study.members),
            str(study.finished),
            str(study.diverged),
            study.metric,
            study.created,
            study.identity[:12],
        )
    show_table(table)


_COUNTS = ("networks", "finished", "diverged")


@app.command()
def show(
    study: StudyName,
    store: StoreOption = "etude.db",
    as_json: JsonOption = False,
    top: Annotated[int, typer.Option(min=1, help="Choices to show.")] = 20,
) -> None:
    """Show the ranking of a study that was run before."""
    result = _stored(study, store)
    if as_json:
        print_json(result.json())
        return
    _show_ranking(result, top)


@app.command()
def compare(
    studies: Annotated[
        list[str], typer.Argument(metavar="STUDY...", help="Names of studies in the store.")
    ],
    store: StoreOption = "etude.db",
    baseline: Annotated[
        str | None, typer.Option(metavar="CHOICE", help="Compare with this choice.")
    ] = None,
    region: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="Differences up to so much do not matter."),
    ] = None,
    target: Annotated[
        float | None,
        typer.Option(metavar="VALUE", help="How soon networks reach this value of the metric."),
    ] = None,
    unit: Annotated[Unit, typer.Option(help="What profiles over data sets count.")] = Unit.STEPS,
    as_json: JsonOption = False,
) -> None:
    """Compare the choices of a study with a baseline or the best, or several studies' choices."""
    from etude.comparing import compared

    answer = compared(
        [_stored(study, store) for study in studies], baseline, region, target, unit.value
    )
    if as_json:
        print_json(answer.document)
        return
    for table, notes in answer.tables:
        _show(table, notes)


@app.command()
def report(
    study: StudyName,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="HTML file.")],
    store: StoreOption = "etude.db",
    figures: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write each figure here too.")
    ] = None,
    image: Annotated[
        ImageFormat, typer.Option("--format", help="What the figures are written as.")
    ] = ImageFormat.SVG,
) -> None:
    """Write the report of a study that was run before."""
    import etude

    check_file(output)
    if figures is not None:
        check_folder(figures)
    result = _stored(study, store)
    etude.report(result, output)
    say(f"report: {output}")
    if figures is not None:
        from etude.reporting.images import save_figures

        written = save_figures(result, figures, image.value)
        say(f"figures: {len(written)} {image.value.upper()} files in {figures}")


@app.command()
def export(
    study: StudyName,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="A file .csv or .parquet.")
    ],
    store: StoreOption = "etude.db",
    networks: Annotated[
        bool, typer.Option("--networks", help="One row for each network, not for each choice.")
    ] = False,
) -> None:
    """Write the ranking, or every network, as CSV or Parquet."""
    from etude.export import check_format
    from etude.export import export as write

    check_format(output)
    check_file(output)
    rows = write(_stored(study, store), output, networks)
    say(f"{output}: {rows} {'networks' if networks else 'choices'}")


@app.command()
def refit(
    study: StudyName,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the network goes.")
    ],
    store: StoreOption = "etude.db",
    choice: Annotated[
        int, typer.Option(min=1, metavar="ROW", help="Which row of the ranking; the best is 1.")
    ] = 1,
) -> None:
    """Train the best choice on all rows and save the network."""
    import etude
    from etude.errors import InputError

    check_folder(output)
    result = _stored(study, store)
    result.best()  # tells why, where no choice is complete
    ranked = [row for row in result.summaries if row.rank is not None]
    if choice > len(ranked):
        raise InputError(f"`--choice` must be at most {len(ranked)}, got {choice}")
    chosen = ranked[choice - 1]
    documents = result.record.choices
    networks = [n for n, row in enumerate(ranked, 1) if "model" in documents[row.choice].document]
    if choice not in networks:
        raise InputError(
            f"row {choice} of the ranking is {chosen.label}, an estimator that its own library "
            f"fits; the first network is `--choice {networks[0]}`"
            if networks
            else "no network is complete, and estimators are fitted by their own library"
        )
    network = etude.refit(result, chosen.choice)
    network.save(output)
    say(
        f"{chosen.label}: trained on all {network.history['rows']} rows for "
        f"{network.history['epochs']} epochs, {network.parameters} parameters, saved in {output}"
    )


@app.command()
def predict(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A saved network.")],
    table: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="New rows: CSV, Parquet or NumPy; an image or a folder of images."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="CSV file; by default the terminal."),
    ] = None,
) -> None:
    """Predict new rows with a saved network."""
    import etude
    from etude.predictions import predictions_csv

    if output is not None:
        check_file(output)
    text = predictions_csv(etude.load(folder), table)
    if output is None:
        print_text(text)
        return
    from etude.files import write_whole

    write_whole(output, text.encode())
    say(f"predictions: {output}")


@app.command()
def sample(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A saved network of text.")],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="How the text begins.")] = "",
    length: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many symbols are added, at most.")
    ] = 500,
    temperature: Annotated[
        float, typer.Option(min=0, metavar="T", help="0 always takes the most probable symbol.")
    ] = 1.0,
    top_k: Annotated[
        int, typer.Option(min=0, metavar="K", help="Only the K most probable; 0 for all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 0,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many texts.")] = 1,
) -> None:
    """Let a saved network of text go on with a text."""
    import etude

    texts = etude.load(folder).sample(
        prompt, length=length, temperature=temperature, top_k=top_k, seed=seed, count=count
    )
    # Where a text has several lines, a line of dashes stands between it and the next one.
    between = "\n" + "-" * 15 + "\n" if any("\n" in text for text in texts) else "\n"
    print_text(between.join(texts) + "\n")


@app.command()
def components(
    name: Annotated[str | None, typer.Argument(help="Show this one with all its fields.")] = None,
) -> None:
    """List every component, or show one with fields, defaults, rules and formula."""
    from etude.catalogue import catalogue_text, component_text

    say(catalogue_text() if name is None else component_text(name))


@app.command()
def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from etude.file import schema as schema_of

    print_json(schema_of())


def _unchanged(study: Path, store: str) -> Any:
    """The result of a study that was run to its end just like this; None where there is none."""
    from etude.evidence.result import Result
    from etude.unchanged import unchanged

    begin = time.perf_counter()
    try:
        text = study.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return None  # reading it as a study tells why
    record = unchanged(text, study.parent, store)
    if record is None:
        return None
    seconds = record.seconds | {"total": time.perf_counter() - begin}
    return Result(replace(record, seconds=seconds))


def _trained(study: Path, store: str, quiet: bool, workers: int | None) -> Any:
    import etude
    from etude.progress import watching

    parsed = etude.read_study(study)
    text = study.read_text(encoding="utf-8-sig")
    with watching(quiet) as watch:
        return etude.run(
            parsed, store, workers=workers, text=text, folder=study.parent, watch=watch
        )


def _stored(study: str, store: str) -> Any:
    import etude

    with etude.Store.open(store, readonly=True) as opened:
        return etude.Result(opened.load(study))


def _show_ranking(result: Any, top: int) -> None:
    from etude.evidence.verdict import verdict

    say(_headline(result))
    _show(result.table(top), verdict(result))


def _show(table: Any, notes: list[str]) -> None:
    if table is not None:
        show_table(table)
    for note in notes:
        say(note)


def _headline(result: Any) -> str:
    record = result.record
    seconds = record.seconds
    programs = len(record.programs)
    fitted = {n for n, choice in enumerate(record.choices) if "estimator" in choice.document}
    fits = sum(member.choice in fitted for member in record.members)
    text = (
        f"{record.name}: {len(record.members) - fits} networks in {programs} "
        f"program{'s' if programs != 1 else ''}{f' and {fits} fits of estimators' if fits else ''}"
    )
    if seconds:
        text += (
            f"; {record.trained} trained, {record.reused} found in the store; "
            f"compile {seconds['compile']:.1f} s, run {seconds['run']:.1f} s, "
            f"total {seconds['total']:.1f} s"
        )
    diverged = sum(member.status == "diverged" for member in record.members)
    return text + (f"; {diverged} diverged" if diverged else "")


def _tell_failures(result: Any) -> None:
    record = result.record
    failed = [member for member in record.members if member.status == "failed"]
    wrong = [canary for canary in record.findings.get("canaries", ()) if canary["agrees"] is False]
    if failed:
        tell_error(f"{len(failed)} networks failed; the first: {failed[0].reason}")
    for canary in wrong:
        tell_error(
            f"do not trust these results: {canary['message']}; the machine or its compiler is at "
            "fault"
        )
    if failed or wrong:
        raise typer.Exit(FAILED)
