"""Tables of a report."""

from collections.abc import Sequence

from etude.evidence.rounding import counted
from etude.reporting.markup import Html, element

TOP = 20
"""So many choices are drawn and listed at first sight."""

MOST = 1000
"""No table is longer: the data frame of the result holds every row."""


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


def folded_table(
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[object]],
    noun: str,
    text: Sequence[int] = (),
) -> Html:
    """A table that is folded away where it is long, and ends where it is very long."""
    shown = rows[:MOST]
    if len(shown) < len(rows):
        caption += f", the first {len(shown):,}"
    table = html_table(caption, headers, shown, text=text)
    if len(rows) <= TOP:
        return table
    return element("details", element("summary", f"{caption}: {counted(len(rows), noun)}"), table)
