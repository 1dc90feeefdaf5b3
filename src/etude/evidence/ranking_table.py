"""The ranking as a table that shows itself on terminals, in pipes and in notebooks."""

import html
import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from etude.evidence.ranking import ChoiceSummary, sizes_differ
from etude.evidence.rounding import (
    counted,
    decimals_for,
    interval_text,
    printable,
    rounded,
    share_text,
)

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

LABEL = 1
"""The column of the choice's name."""

APPROXIMATE = "Intervals are approximate: the training rows of different splits overlap."


def size_cells(summary: ChoiceSummary) -> tuple[str, str]:
    """How many weights a network of the choice has, and how many seconds it trained."""
    return (
        "" if summary.parameters is None else f"{summary.parameters:,}",
        "" if summary.seconds is None else f"{summary.seconds:.2g}",
    )


@dataclass(frozen=True)
class RankingTable:
    """The first rows of a ranking.

    It shows itself: `print(table)` writes plain text, rich prints it with emphasis, a notebook
    shows it as a table.

    Attributes:
        summaries: all choices, in order.
        metric: the metric that decides.
        judged: role on whose rows the means are.
        choosing: role on whose rows the choices are ranked.
        top: how many are shown.
        nested: whether inner splits choose and outer ones judge.
    """

    summaries: tuple[ChoiceSummary, ...]
    metric: str
    judged: str
    choosing: str
    top: int
    nested: bool = False

    def headers(self) -> tuple[str, ...]:
        """The titles of the columns."""
        inside = (f"{self.choosing} mean",) if self.choosing != self.judged else ()
        return (
            *("rank", "choice", *inside, self.metric, "95 % interval", "p best"),
            *("diverged", "parameters", "seconds"),
        )

    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the rows that are shown, as text."""
        decimals = decimals_for(summary.stderr for summary in self.summaries)
        return [self._cells(summary, decimals) for summary in self.summaries[: self.top]]

    def caption(self) -> str:
        """What the figures are, and how many choices are left out."""
        splits = max((summary.n for summary in self.summaries), default=0)
        what = "outer split" if self.nested else "split"
        parts = [f"Mean {self.metric} on the {self.judged} rows of {counted(splits, what)}."]
        if self.nested and not any(summary.rank for summary in self.summaries):
            parts = parts if splits else []
            parts.append("No ranks: not all choices were trained on all splits.")
        elif self.nested:
            parts.append("Ranked by the mean on the rows that the inner splits hold out.")
        elif self.choosing != self.judged:
            parts.append(f"Ranked by the mean on {self.choosing} rows.")
        if any(summary.interval for summary in self.summaries):
            parts.append(APPROXIMATE)
        else:
            parts.append("No intervals: they need at least two splits with test rows of their own.")
        if diverged := sum(summary.diverged for summary in self.summaries):
            parts.append(
                f"{counted(diverged, 'network')} diverged and count as the trivial predictor."
            )
        if left := len(self.summaries) - self.top:
            parts.append(f"{counted(left, 'more choice')} not shown." if left > 0 else "")
        return " ".join(part for part in parts if part)

    def _cells(self, summary: ChoiceSummary, decimals: int | None) -> tuple[str, ...]:
        inside = (rounded(summary.choosing_mean, decimals),)
        diverged = f"{summary.diverged}/{summary.members}" if summary.diverged else ""
        return (
            "" if summary.rank is None else str(summary.rank),
            printable(summary.label) + (f" ({summary.note})" if summary.note else ""),
            *(inside if self.choosing != self.judged else ()),
            rounded(summary.mean, decimals),
            interval_text(summary.interval, decimals),
            share_text(summary.p_best),
            diverged,
            *(size_cells(summary) if sizes_differ(self.summaries) else ("", "")),
        )

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich import box
        from rich.table import Table
        from rich.text import Text

        rows = self.rows()
        columns = _columns_that_fit(self.headers(), rows, options.max_width)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
        for column in columns:
            label = column == LABEL
            table.add_column(
                Text(printable(self.headers()[column])),
                justify="left" if label else "right",
                overflow="fold",
                no_wrap=not label,
            )
        for row, summary in zip(rows, self.summaries, strict=False):
            style = "bold" if summary.rank == 1 else None
            table.add_row(*(Text(row[column]) for column in columns), style=style)
        yield table
        yield Text(printable(self.caption()))

    def __str__(self) -> str:
        from rich.console import Console

        text = io.StringIO()
        Console(file=text, width=110, color_system=None, force_terminal=False).print(self)
        lines = [line.rstrip() for line in text.getvalue().splitlines()]
        return "\n".join(line for line in lines if line)

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{html.escape(text)}</th>' for text in self.headers())
        body = "".join(
            "<tr>" + "".join(f"<td><bdi>{html.escape(cell)}</bdi></td>" for cell in row) + "</tr>"
            for row in self.rows()
        )
        return (
            f"<table><caption>{html.escape(self.caption())}</caption>"
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


def _columns_that_fit(
    headers: tuple[str, ...], rows: list[tuple[str, ...]], width: int
) -> list[int]:
    """Columns in order. On narrow terminals the last ones give way, so that names stay legible."""
    widths = [max(len(text) for text in column) + 2 for column in zip(headers, *rows, strict=True)]
    widths[LABEL] = min(widths[LABEL], 26)
    filled = [any(row[column] for row in rows) for column in range(len(headers))]
    columns = [column for column in range(len(headers)) if filled[column]] or [LABEL]
    while sum(widths[column] for column in columns) > width and len(columns) > 3:
        columns.pop()
    return columns
