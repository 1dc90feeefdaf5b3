"""How much each swept field matters, with the noise of splits and seeds set apart."""

from typing import TYPE_CHECKING

from etude.evidence.comparison import Comparison
from etude.evidence.importance import Decomposition, Importance
from etude.evidence.result import Result
from etude.evidence.rounding import printable, share_text
from etude.reporting.axes import Row, rows_of, scale_of, short
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, element, join, name
from etude.reporting.panels import field_name
from etude.reporting.tables import html_table

if TYPE_CHECKING:
    import altair as alt

MOST_BARS = 12
"""So many fields and interactions have a bar of their own; the rest share one."""


def importance(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Bars: what the differences between choices come from, and what chance adds to them."""
    found = result.importance[comparison.data]
    if not found.shares:
        return LeftOut(found.reason)
    rows, noise = share_rows(found), variance_rows(found)
    metric = printable(result.record.metric)
    note = f"Shares of the variance of mean {metric} over the choices, noise taken out: what each "
    note += "swept field explains alone (full bars) and what fields do only together (hollow bars, "
    note += "×)."
    parts: list[Html] = [quiet(note)]
    parts.append(
        figures.add(
            f"importance-{comparison.data}",
            lambda: share_chart(None, "share of the variance over the choices", len(rows)),
            rows,
            "Bars: share of the variance over the choices. "
            + "; ".join(f"{row['name']} {row['text']}" for row in rows)
            + ".",
            title="Importance",
            subtitle="Share of the variance over the choices; hollow: interactions",
        )
    )
    if len(noise) > 1:
        note = "The same variance beside that of chance, for one network drawn at random."
        parts.append(quiet(note))
        parts.append(
            figures.add(
                f"noise-{comparison.data}",
                lambda: share_chart(None, "share of the whole variance", len(noise)),
                noise,
                "Bars: share of the variance of single networks. "
                + "; ".join(f"{row['name']} {row['text']}" for row in noise)
                + ".",
                title="Choices and chance",
                subtitle="Share of the variance of single networks; grey: chance",
            )
        )
    tables = [_table("What the choices differ by", "field", rows)]
    if len(noise) > 1:
        tables.append(_table("Choices and chance", "source", noise))
    parts.append(element("details", element("summary", "The shares as tables"), *tables))
    if found.reason:
        parts.append(quiet(f"Limits: {printable(found.reason)}."))
    return join(*parts)


def share_rows(found: Decomposition) -> list[Row]:
    """`name, share, text, style` of the fields and interactions, the largest first."""
    parts = found.merged()
    rows = [
        _row(_told(part), part.share, "bar_interaction" if len(part.fields) > 1 else "bar")
        for part in parts[:MOST_BARS]
    ]
    if rest := parts[MOST_BARS:]:
        share = sum(part.share for part in rest)
        rows.append(_row(f"{len(rest)} others together", share, "bar_interaction"))
    return rows


def variance_rows(found: Decomposition) -> list[Row]:
    """The same of the variance of a single network: its choice, its split and its seed."""
    # With one seed a variance over splits holds that over seeds too.
    seed = " and seeds" if found.seed is None else ""
    named = (
        ("choices", found.choices, "bar"),
        (f"splits{seed}, shared by all choices", found.split, "bar_noise"),
        (f"splits{seed}, differing by choice", found.residual, "bar_noise"),
        ("seeds", found.seed, "bar_noise"),
    )
    known = [(text, value, style) for text, value, style in named if value is not None]
    total = sum(value for _, value, _ in known)
    return [_row(text, value / total, style) for text, value, style in known] if total else []


def share_chart(rows: list[Row] | None, title: str, count: int) -> "alt.LayerChart":
    """A bar for each row, its share written at its end."""
    import altair as alt

    base = alt.Chart(rows_of(rows)).encode(
        y=alt.Y("name:N", sort=None, title=None),
        tooltip=[alt.Tooltip("name:N", title="of"), alt.Tooltip("text:N", title="share")],
    )
    scale = scale_of((0, 1.35))
    x = alt.X("share:Q", title=title, scale=scale, axis=alt.Axis(format="%", values=_TICKS))
    # The first layer decides the order of the names, so it has to hold all of them.
    words = base.mark_text(style="words", align="left", dx=6).encode(x=x, text="text:N")
    bars: list[alt.Chart] = [
        base.mark_bar(style=style, height=12)
        .transform_filter(f"datum.style == '{style}'")
        .encode(x)
        for style in ("bar", "bar_interaction", "bar_noise")
    ]
    return alt.layer(words, *bars).properties(width="container", height=26 * count)


def _table(caption: str, header: str, rows: list[Row]) -> Html:
    body = [[name(row["name"]), row["text"]] for row in rows]
    return html_table(caption, [header, "share"], body)


_TICKS = [0, 0.25, 0.5, 0.75, 1]


def _row(text: str, share: float, style: str) -> Row:
    return {"name": text, "share": short(share), "text": share_text(share), "style": style}


def _told(part: Importance) -> str:
    return printable((" and " if part.joint else " × ").join(map(field_name, part.fields)))
