"""`etude play`: put claims of the field to the test."""

from pathlib import Path
from typing import Annotated, Any

import typer

from etude.commands.answers import show_noted
from etude.commands.options import JsonOption, StoreOption
from etude.ending import FAILED
from etude.evidence.rounding import printable
from etude.terminal import check_folder, print_json, say, tell_error


def play(
    etudes: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ETUDE]...", help="Names of études; without one they are listed."),
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Play every étude.")] = False,
    store: StoreOption = "etude.db",
    pages: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Write the page of each étude here, as Markdown."),
    ] = None,
    as_json: JsonOption = False,
    quiet: Annotated[bool, typer.Option(help="Show no progress.")] = False,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Chunks at a time; by default one a core.")
    ] = None,
) -> None:
    """Put a claim of the field to the test: run its studies, apply its rule, tell the verdict."""
    from etude.etudes import etude_called, names
    from etude.etudes.base import CannotJudge

    if not etudes and not every:
        _list(as_json)
        return
    chosen = [etude_called(name) for name in (names() if every else dict.fromkeys(etudes or ()))]
    if pages is not None:
        check_folder(pages)
    from etude.play.page import write_page
    from etude.play.played import play as play_it
    from etude.progress import watching

    answers, failed = [], False
    for etude in chosen:
        try:
            with watching(quiet) as watch:
                played = play_it(etude, store, workers, watch)
        except CannotJudge as error:
            tell_error(f"error: {error}")
            failed = True
            continue
        page = None if pages is None else write_page(played, pages)
        answers.append(_answer(played, page))
        if not as_json:
            _show(played, page)
    if as_json:
        print_json({"version": 1, "etudes": answers})
    if failed:
        raise typer.Exit(FAILED)


def _list(as_json: bool) -> None:
    """The études that there are."""
    from etude.etudes import etude_called, names

    etudes = [etude_called(name) for name in names()]
    if as_json:
        told = [{"etude": e.name, "title": e.title, "claim": e.claim} for e in etudes]
        print_json({"version": 1, "etudes": told})
        return
    show_noted(_table([("étude", "claim"), *((e.name, e.claim) for e in etudes)]), [])
    say("etude play NAME puts one to the test")


def _answer(played: Any, page: Path | None) -> dict[str, Any]:
    """What came of an étude, for programs."""
    etude, finding = played.etude, played.finding
    return {
        "etude": etude.name,
        "claim": etude.claim,
        "verdict": finding.verdict,
        "decides": finding.decides,
        "table": [list(row) for row in finding.table],
        "notes": list(finding.notes),
        "studies": [
            {
                "study": result.record.name,
                "members": len(result.record.members),
                "trained": result.record.trained,
                "reused": result.record.reused,
                "diverged": sum(m.status == "diverged" for m in result.record.members),
                "seconds": result.record.seconds,
            }
            for result in played.results.values()
        ],
        "page": None if page is None else str(page),
    }


def _show(played: Any, page: Path | None) -> None:
    """What came of an étude, for people."""
    etude, finding = played.etude, played.finding
    say(f"{etude.title}: {etude.claim}\n{finding.verdict}: {finding.decides}")
    show_noted(_table(finding.table) if finding.table else None, list(finding.notes))
    for result in played.results.values():
        record = result.record
        say(
            f"{record.name}: {record.trained} networks trained, {record.reused} found in the "
            f"store; {record.seconds['total']:.1f} s"
        )
    if page is not None:
        say(f"page: {page}")


def _table(rows: Any) -> Any:
    from rich.table import Table
    from rich.text import Text

    header, *body = rows
    table = Table(box=None, pad_edge=False)
    for title in header:
        table.add_column(printable(title))
    for row in body:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
