"""`etude run`: train a study and answer."""

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from etude.commands.answers import show_ranking
from etude.commands.options import JsonOption, StoreOption, StudyFile, TopOption
from etude.ending import FAILED
from etude.terminal import check_file, print_json, say, tell_error


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
    top: TopOption = 20,
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
        show_ranking(result, top)
        if report is not None:
            say(f"report: {report}")
    _tell_failures(result)


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
