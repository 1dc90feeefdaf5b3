"""Commands that read what studies found: `list`, `show`, `compare`, `report`, `export`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from etude.commands.answers import show_noted, show_ranking, stored
from etude.commands.options import JsonOption, StoreOption, StudyName, TopOption
from etude.evidence.rounding import printable
from etude.terminal import check_file, check_folder, print_json, say, show_table


class ImageFormat(StrEnum):
    """What figures are written as."""

    SVG = "svg"
    PNG = "png"


class Unit(StrEnum):
    """What is counted until a target is reached."""

    EPOCHS = "epochs"
    STEPS = "steps"
    SECONDS = "seconds"


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


def show(
    study: StudyName,
    store: StoreOption = "etude.db",
    as_json: JsonOption = False,
    top: TopOption = 20,
) -> None:
    """Show the ranking of a study that was run before."""
    result = stored(study, store)
    if as_json:
        print_json(result.json())
        return
    show_ranking(result, top)


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
        [stored(study, store) for study in studies], baseline, region, target, unit.value
    )
    if as_json:
        print_json(answer.document)
        return
    for table, notes in answer.tables:
        show_noted(table, notes)


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
    result = stored(study, store)
    etude.report(result, output)
    say(f"report: {output}")
    if figures is not None:
        from etude.reporting.images import save_figures

        written = save_figures(result, figures, image.value)
        say(f"figures: {len(written)} {image.value.upper()} files in {figures}")


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
    rows = write(stored(study, store), output, networks)
    say(f"{output}: {rows} {'networks' if networks else 'choices'}")
