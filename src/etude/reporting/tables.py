"""Tables of a report, and the sentence below a ranking."""

from collections.abc import Sequence

from etude.evidence.result import Result
from etude.evidence.rounding import decimals_for, interval_text, rounded
from etude.reporting.markup import Html, element


def worth_of_best(result: Result) -> list[str]:
    """What choosing the best is worth, judged on rows that did not choose: a sentence for each
    data choice, or why it cannot be told.
    """
    decimals = decimals_for(row.stderr for row in result.summaries)
    sentences = []
    for comparison in result.comparisons:
        found = result.estimate_of_best(comparison.data)
        where = f"data {comparison.data + 1}: " if len(result.comparisons) > 1 else ""
        if found.mean is None:
            text = f"{where}no estimate of the best that is free of the choice: {found.reason}."
        else:
            bounds = f" ({interval_text(found.interval, decimals)})" if found.interval else ""
            text = f"{where}choosing the best is worth {rounded(found.mean, decimals)}{bounds}: "
            text += f"{found.method}."
        sentences.append(text[:1].upper() + text[1:])
    return sentences


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
