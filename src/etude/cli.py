"""The command line. It imports late, and only what a command needs: `--help` must be quick."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from etude.evidence.rounding import printable
from etude.terminal import (
    check_file,
    check_folder,
    escape_what_is_missing,
    print_csv,
    print_json,
    say,
    show_table,
    tell_error,
)

FAILED, BAD_INPUT, INTERRUPTED = 1, 2, 130

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


def main() -> None:
    """Run the command line and exit."""
    escape_what_is_missing()
    signal.signal(signal.SIGINT, _interrupt)
    signal.signal(signal.SIGTERM, _interrupt)
    with _told_plainly():
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
    from etude.progress import watching

    if report is not None:
        check_file(report)
    parsed = etude.read_study(study)
    text = study.read_text(encoding="utf-8-sig")
    with watching(quiet) as watch:
        result = etude.run(parsed, store, workers=workers, text=text, watch=watch)
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
def report(
    study: StudyName,
    output: Annotated[Path, typer.Option("-o", "--output", metavar="FILE", help="HTML file.")],
    store: StoreOption = "etude.db",
) -> None:
    """Write the report of a study that was run before."""
    import etude

    check_file(output)
    etude.report(_stored(study, store), output)
    say(f"report: {output}")


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
        Path, typer.Argument(metavar="INPUT", help="New rows: CSV, Parquet or NumPy.")
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
        print_csv(text)
        return
    from etude.files import write_whole

    write_whole(output, text.encode())
    say(f"predictions: {output}")


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


def _stored(study: str, store: str) -> Any:
    import etude

    with etude.Store.open(store, readonly=True) as opened:
        return etude.Result(opened.load(study))


def _show_ranking(result: Any, top: int) -> None:
    from etude.reporting.tables import worth_of_best

    say(_headline(result))
    show_table(result.table(top))
    for sentence in worth_of_best(result):
        say(sentence)


def _headline(result: Any) -> str:
    record = result.record
    seconds = record.seconds
    programs = len(record.programs)
    text = (
        f"{record.name}: {len(record.members)} networks in {programs} "
        f"program{'s' if programs != 1 else ''}"
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
    failed = [member for member in result.record.members if member.status == "failed"]
    if failed:
        tell_error(f"{len(failed)} networks failed; the first: {failed[0].reason}")
        raise typer.Exit(FAILED)


@contextmanager
def _told_plainly() -> Iterator[None]:
    """Every expected failure as one message and an exit code, never a traceback."""
    try:
        yield
    except BrokenPipeError:
        # The reader of a pipe has left; there is nobody to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(FAILED)
    except SystemExit:
        # Typer turns an interrupt that nobody caught into an exit of its own.
        if _interrupted:
            sys.exit(INTERRUPTED)
        raise
    except Exception as error:
        sys.exit(_exit_code(error))


_interrupted = False


def _interrupt(*_: Any) -> None:
    global _interrupted
    _interrupted = True
    raise KeyboardInterrupt


def _exit_code(error: Exception) -> int:
    from etude.errors import InputError

    if isinstance(error, InputError):
        return _failed(BAD_INPUT, str(error))
    if isinstance(error, OSError):
        place = f" {error.filename}:" if error.filename else ""
        return _failed(FAILED, f"{place} {error.strerror or error}".strip())
    from etude.execution.run import Interrupted
    from etude.store.errors import StoreError

    if isinstance(error, Interrupted):
        tell_error(f"{error}; run the same command again to go on")
        return INTERRUPTED
    if isinstance(error, StoreError | MemoryError):
        return _failed(FAILED, str(error) or "out of memory")
    raise error


def _failed(code: int, reason: str) -> int:
    tell_error(f"error: {reason}")
    return code
