"""The error of every choice taken apart into bias, variance and noise."""

from typing import TYPE_CHECKING

from etude.evidence.bias_variance import BiasVariance, Term, bias_variance
from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import counted, decimals_for, printable, rounded
from etude.reporting.axes import (
    Domain,
    Row,
    few,
    height_of,
    name_of,
    names,
    narrow,
    rows_of,
    scale_of,
    short,
)
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, join, name
from etude.reporting.tables import TOP, folded_table

if TYPE_CHECKING:
    import altair as alt

STYLES = ("bar", "bar_interaction", "bar_noise")
"""The pieces of a bar: full, hollow and grey, for colour alone must not tell."""

FEWEST = 3
"""So many replicates have a standard error: the pseudo-values of two are equal for the variance."""


def bias_and_variance(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Stacked bars and a table of the parts of the error."""
    found = bias_variance(result.record, comparison)
    if not found:
        return LeftOut("bias and variance need replicates, whose splits share their test rows")
    rank = {row.choice: row.rank for row in result.summaries}
    first = sorted(found, key=lambda part: rank[part.choice] or len(rank))[:TOP]
    # In the order of the study, where the values of a swept field follow one another.
    drawn = [part for part in found if part in first]
    rows = part_rows(result, drawn)
    exact = found[0].squared_bias is not None
    note = f"Mean squared error of {counted(found[0].networks, 'network')} a choice on "
    note += f"{found[0].rows:,} test rows (of classes that of their probabilities, the Brier "
    note += "score), taken apart: how far the mean of the networks is off (bias, full), how far "
    note += "they scatter about it (variance, hollow)"
    note += " and the noise of the targets (grey)." if exact else "."
    if not exact:
        note += " Nobody knows the targets without noise, so the bias contains their noise."
    replicates = len(found[0].variance.of_replicates)
    note += " The parts are those expected of the method: the mean of "
    note += f"{counted(replicates, 'replicate')} varies too, and what it adds to the bias is "
    note += "counted as variance (jackknife). They add up to the error all the same."
    if any(_bias(part).corrected < 0 for part in found):
        note += " A squared bias below 0 is one that cannot be told from 0; it is not drawn."
    parts: list[Html] = [quiet(note)]
    domain = (0.0, 1.1 * max(row["high"] for row in rows))
    parts.append(
        figures.add(
            f"parts-{comparison.data}",
            lambda: parts_chart(None, domain, len(drawn)),
            rows,
            "Stacked bars: " + "; ".join(_spoken(result, part) for part in drawn) + ".",
            title="Bias and variance",
            subtitle="Mean squared error; full: bias, hollow: variance"
            + ("; grey: noise" if exact else ""),
        )
    )
    parts.append(_table(result, found, exact))
    parts.append(
        quiet(
            "± is the jackknife's standard error over replicates: of other draws from the same "
            "training rows, not of other test rows."
            if replicates >= FEWEST
            else "Two replicates cannot tell how sure the parts are."
        )
    )
    return join(*parts)


def part_rows(result: Result, found: list[BiasVariance]) -> list[Row]:
    """`name, choice, part, value, low, high, style`: the pieces of each bar, end to end.

    A piece below 0 has no length.
    """
    rows: list[Row] = []
    for order, each in enumerate(found):
        summary = next(row for row in result.summaries if row.choice == each.choice)
        label = printable(summary.label)
        place = {"name": name_of(order, summary.rank, label), "choice": label}
        low = 0.0
        for part, value, style in _pieces(each):
            piece = {"part": part, "value": short(value), "style": style}
            high = low + max(value, 0.0)
            rows.append({**place, **piece, "low": short(low), "high": short(high)})
            low = high
    return rows


def parts_chart(rows: list[Row] | None, domain: Domain | None, count: int) -> "alt.LayerChart":
    """A stacked bar for each choice."""
    import altair as alt

    scale = scale_of(domain)
    base = alt.Chart(rows_of(rows)).encode(
        y=names(),
        x=alt.X("low:Q", title="mean squared error", scale=scale, axis=few(6)),
        x2="high:Q",
        tooltip=[
            alt.Tooltip("choice:N", title="choice"),
            alt.Tooltip("part:N", title="part"),
            alt.Tooltip("value:Q", title="value", format="~g"),
        ],
    )
    # The first layer decides the order of the names, so it has to hold all of them.
    every = base.mark_bar(opacity=0)
    bars = [
        base.mark_bar(style=style, height=12).transform_filter(f"datum.style == '{style}'")
        for style in STYLES
    ]
    chart = alt.layer(every, *bars).add_params(narrow())
    return chart.properties(width="container", height=height_of(count))


def _pieces(found: BiasVariance) -> list[tuple[str, float, str]]:
    exact = found.noise is not None
    pieces = [
        ("squared bias" if exact else "squared bias and noise", _bias(found).corrected, "bar"),
        ("variance", found.variance.corrected, "bar_interaction"),
    ]
    return pieces if found.noise is None else [*pieces, ("noise", found.noise, "bar_noise")]


def _bias(found: BiasVariance) -> Term:
    """The squared bias, with the noise of the targets where nobody knows them without."""
    return found.squared_bias or found.squared_bias_and_noise


def _table(result: Result, found: tuple[BiasVariance, ...], exact: bool) -> Html:
    decimals = decimals_for(part.variance.stderr for part in found)
    headers = ["choice", "squared bias" if exact else "squared bias and noise", "variance"]
    headers += ["noise", "error to the truth"] if exact else []
    body: list[list[object]] = []
    for part in found:
        cells: list[object] = [name(result.record.choices[part.choice].label)]
        cells += [_with_error(_bias(part), decimals), _with_error(part.variance, decimals)]
        if exact:
            cells += [rounded(part.noise, decimals), rounded(part.error_to_truth, decimals)]
        body.append([*cells, rounded(part.error, decimals)])
    return folded_table("Bias and variance", [*headers, "error"], body, "choice")


def _with_error(term: Term, decimals: int | None) -> str:
    told = rounded(term.corrected, decimals)
    enough = len(term.of_replicates) >= FEWEST
    return f"{told} ± {rounded(term.stderr, decimals)}" if enough else told


def _spoken(result: Result, found: BiasVariance) -> str:
    told = ", ".join(f"{part} {value:.3g}" for part, value, _ in _pieces(found))
    return f"{printable(result.record.choices[found.choice].label)} {told}"
