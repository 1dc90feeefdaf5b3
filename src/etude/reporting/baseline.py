"""The choices against the declared baseline: paired differences, their intervals and tests."""

from typing import TYPE_CHECKING

from etude.evidence.comparison import Comparison, baseline_of
from etude.evidence.paired import Difference
from etude.evidence.result import Result
from etude.evidence.rounding import (
    counted,
    decimals_for,
    interval_text,
    printable,
    rounded,
    share_text,
)
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
    tooltip_of,
    with_air,
)
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.markup import Html, element, join, name
from etude.reporting.tables import TOP, folded_table

if TYPE_CHECKING:
    import altair as alt

SHAPES = {
    "better": "triangle-up",
    "worse": "triangle-down",
    "undecided": "circle",
    "equivalent": "square",
}
"""verdict -> mark, for colour alone must not tell."""


def against_baseline(result: Result, comparison: Comparison, figures: Figures) -> Part:
    """Difference of every choice from the baseline, with its interval, test and verdict."""
    record = result.record
    reference = baseline_of(record, comparison)
    if reference is None:
        return LeftOut("the study declares no `baseline`")
    differences = result.differences[comparison.data]
    label = record.choices[reference].label
    if not differences:
        return LeftOut(f"there is no other complete choice than {printable(label)}")
    rank = {row.choice: row for row in result.summaries}
    ordered = sorted(
        (d for d in differences if rank[d.choice].rank is not None),
        key=lambda difference: rank[difference.choice].rank or 0,
    )
    region = record.document.get("region") or None
    rows: list[Row] = [
        {
            "name": name_of(order, rank[d.choice].rank, printable(rank[d.choice].label)),
            "choice": printable(rank[d.choice].label),
            "verdict": d.verdict,
            "mean": short(d.mean),
            "low": short(d.interval[0] if d.interval else d.mean),
            "high": short(d.interval[1] if d.interval else d.mean),
        }
        for order, d in enumerate(ordered[:TOP])
        if d.mean is not None
    ]
    metric = printable(record.metric)
    better = "to the right" if record.greater_is_better else "to the left"
    note = f"Differences in {metric} from the baseline, paired by split; better lies {better}. "
    note += "Verdicts are corrected for the number of comparisons (Holm); the intervals are of "
    note += "each difference alone."
    if region is not None:
        note += f" Differences up to {region:g} do not matter in practice (grey band)."
    parts: list[Html] = [element("p", "The baseline is ", name(label), ".", class_="quiet")]
    parts.append(quiet(note))
    if rows:
        domain = with_air([0.0, *(row[key] for row in rows for key in ("low", "high"))])
        counts = ", ".join(
            f"{count} {verdict}"
            for verdict in SHAPES
            if (count := sum(row["verdict"] == verdict for row in rows))
        )
        parts.append(_key({row["verdict"] for row in rows}))
        parts.append(
            figures.add(
                f"baseline-{comparison.data}",
                lambda: baseline_chart(None, metric, len(rows), domain, region),
                rows,
                f"Marks and intervals: difference in {metric} of {counted(len(rows), 'choice')} "
                f"from {printable(label)}: {counts}.",
                title=f"Difference from {printable(label)}",
                subtitle=f"{metric}, approximate 95 % intervals; better lies {better}",
            )
        )
    elif ordered:
        parts.append(quiet(f"There are no figures: {ordered[0].reason}."))
    parts.append(_table(result, ordered))
    return join(*parts)


def baseline_chart(
    rows: list[Row] | None,
    metric: str,
    count: int,
    domain: Domain | None,
    region: float | None = None,
) -> "alt.LayerChart":
    """A mark and an interval for each choice; the shape of the mark tells the verdict."""
    import altair as alt

    scale = scale_of(domain)
    x = alt.X("low:Q", title=f"difference in {metric}", scale=scale, axis=few(6))
    base = alt.Chart(rows_of(rows)).encode(
        y=names(),
        tooltip=tooltip_of(("choice:N", "choice"), "difference", ("verdict:N", "verdict")),
    )
    layers = []
    if region is not None:
        band = alt.Chart(alt.Data(values=[{"low": -region, "high": region}]))
        layers.append(band.mark_rect(style="region", clip=True).encode(x=x, x2="high:Q"))
    zero = alt.Chart(alt.Data(values=[{"zero": 0}])).mark_rule(style="zero")
    layers.append(zero.encode(x=alt.X("zero:Q", scale=scale)))
    layers.append(base.mark_rule(style="interval_quiet").encode(x=x, x2="high:Q"))
    layers += [
        base.mark_point(style=verdict, shape=shape, filled=True)
        .transform_filter(f"datum.verdict == '{verdict}'")
        .encode(x=alt.X("mean:Q", scale=scale))
        for verdict, shape in SHAPES.items()
    ]
    chart = alt.layer(*layers).add_params(narrow())
    return chart.properties(width="container", height=height_of(count))


def _key(verdicts: set[str]) -> Html:
    signs = {"better": "▲", "worse": "▼", "undecided": "○", "equivalent": "■"}
    words = {"equivalent": "practically equivalent"}
    parts = [
        element(
            "span",
            element("span", sign, class_=f"sign {verdict}", aria_hidden="true"),
            f" {words.get(verdict, verdict)}",
        )
        for verdict, sign in signs.items()
        if verdict in verdicts
    ]
    return element("p", *parts, class_="legend spaced")


def _table(result: Result, ordered: list[Difference]) -> Html:
    labels = result.record.choices
    decimals = decimals_for(difference.stderr for difference in ordered)
    practical = any(difference.equivalence for difference in ordered)
    headers = ["choice", "verdict", "difference", "95 % interval", "p (Holm)", "effect size"]
    headers += ["worse", "equivalent", "better"] if practical else []
    body: list[list[object]] = []
    for difference in ordered:
        cells: list[object] = [
            name(labels[difference.choice].label),
            difference.verdict,
            _signed(difference.mean, decimals),
            interval_text(difference.interval, decimals),
            "–" if difference.p_holm is None else _probability(difference.p_holm),
            _signed(difference.effect, 2),
        ]
        if practical:
            found = difference.equivalence
            shares = (found.worse, found.equivalent, found.better) if found else (None,) * 3
            cells += [share_text(share) for share in shares]
        body.append(cells)
    return folded_table("Differences from the baseline", headers, body, "choice", text=(1,))


def _signed(value: float | None, decimals: int | None) -> str:
    text = rounded(value, decimals)
    return f"+{text}" if value is not None and value > 0 and text != "–" else text


def _probability(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
