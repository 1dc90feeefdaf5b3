"""Tables: the ranking on a terminal or in a pipe, and the tables of a report."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from etude.evidence.result import Result
from etude.evidence.rounding import counted, decimals_for, interval_text, printable, rounded
from etude.reporting.markup import Html, element

if TYPE_CHECKING:
    from rich.console import Console


def print_ranking(result: Result, console: "Console | None" = None, top: int = 20) -> None:
    """Write the answer of a study: what was trained, the ranking, what the best is worth.

    Without a terminal, or with NO_COLOR set, it is plain text.

    Args:
        result: what the study found.
        console: where to write; standard output by default.
        top: how many choices are listed.
    """
    from rich.console import Console
    from rich.text import Text

    console = console or Console()
    record, seconds = result.record, result.record.seconds
    facts = [counted(len(record.members), "network"), counted(len(record.programs), "program")]
    facts += [
        f"{name} {seconds[name]:.1f} s" for name in ("compile", "run", "total") if name in seconds
    ]
    facts += [f"{record.reused} from the store"] if record.reused else []
    console.print(Text(printable(f"{record.name}: {', '.join(facts)}")), soft_wrap=True)
    console.print()
    console.print(result.table(top))
    decimals = decimals_for(row.stderr for row in result.summaries)
    for comparison in result.comparisons:
        found = result.estimate_of_best(comparison.data)
        where = f"data {comparison.data + 1}: " if len(result.comparisons) > 1 else ""
        if found.mean is None:
            text = f"{where}no estimate of the best that is free of the choice: {found.reason}."
        else:
            bounds = f" ({interval_text(found.interval, decimals)})" if found.interval else ""
            text = f"{where}Choosing the best is worth {rounded(found.mean, decimals)}{bounds}: "
            text += f"{found.method}."
        console.print(Text(printable(text[:1].upper() + text[1:])))


def html_table(
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    label: int = 0,
    text: Sequence[int] = (),
) -> Html:
    """A table that scrolls inside its place where the page is too narrow for it.

    Args:
        caption: what it shows.
        headers: titles of the columns.
        rows: the cells; those that are no markup are escaped.
        label: the column that names the row.
        text: other columns of text, set flush left.
    """
    left = {label, *text}
    head = [
        element("th", header, scope="col", class_="text" if index in left else None)
        for index, header in enumerate(headers)
    ]
    body = [
        element(
            "tr",
            *(
                element("th", cell, scope="row", class_="text")
                if index == label
                else element("td", cell, class_="text" if index in left else None)
                for index, cell in enumerate(row)
            ),
        )
        for row in rows
    ]
    table = element(
        "table",
        element("caption", caption),
        element("thead", element("tr", *head)),
        element("tbody", *body),
    )
    return element("div", table, class_="scroll", tabindex="0", role="region", aria_label=caption)
