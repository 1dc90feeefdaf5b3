"""Charts of a study in the grammar of graphics (Altair, Vega-Lite).

Every function takes the rows that `etude.reporting.panels` makes and returns an Altair chart,
that a notebook shows and `chart.save("chart.svg")` or `.png` keeps. Without rows a chart reads
the data set named `DATASET`, so that one specification serves many panels of a report. Field
names are fixed and titles are literals: no text of a user is ever an expression.
"""

from typing import TYPE_CHECKING, Any

from etude.reporting.panels import Row, spans_decades

if TYPE_CHECKING:
    import altair as alt

DATASET = "rows"

Domain = tuple[float, float]


def ranking_chart(
    rows: list[Row] | None, metric: str, count: int | None = None
) -> "alt.LayerChart":
    """Dot and interval for each choice, best on top.

    Args:
        rows: as `ranking_rows` makes them.
        metric: the title of the axis.
        count: how many choices there are, where the rows are not given.
    """
    import altair as alt

    y = alt.Y("name:N", sort=None, title=None, axis=alt.Axis(labelExpr=_NAME_OR_RANK))
    base = alt.Chart(_data(rows)).encode(y=y, tooltip=_tooltip(("choice:N", "choice"), metric))
    scale = alt.Scale(zero=False, nice=False, padding=8)
    intervals = base.mark_rule(style="interval").encode(
        x=alt.X("low:Q", title=metric, scale=scale, axis=_few(6)), x2="high:Q"
    )
    dots = base.mark_point(style="dot").encode(x=alt.X("mean:Q", scale=scale))
    best = (
        alt.Chart(_data(rows))
        .mark_rule(style="best")
        .transform_filter("datum.order == 0")
        .encode(x="mean:Q")
    )
    layers = (best + intervals + dots).add_params(alt.param(name=NARROW, value=False))
    return layers.properties(
        width="container", height=20 * max(1, len(rows) if rows is not None else count or 1)
    )


def curve_chart(
    rows: list[Row] | None, domain: Domain | None = None, logarithmic: bool = False
) -> "alt.LayerChart":
    """A metric by epoch: training rows dashed, held-out rows solid, bands from split to split."""
    import altair as alt

    scale = _scale(domain, logarithmic)
    x = alt.X("epoch:Q", title=None, scale=alt.Scale(nice=False, zero=False), axis=_few(4))
    axis = _decades(domain) if logarithmic else _few(4)
    base = alt.Chart(_data(rows)).encode(
        x=x, tooltip=_tooltip(("rows:N", "measured on"), "mean", ("epoch:Q", "epoch"))
    )
    layers = []
    for name, style in (("training rows", "train"), ("held-out rows", "held_out")):
        chosen = base.transform_filter(f"datum.rows == '{name}'")
        y = alt.Y("low:Q", title=None, scale=scale, axis=axis)
        layers.append(chosen.mark_area(style=f"{style}_band").encode(y=y, y2="high:Q"))
        layers.append(chosen.mark_line(style=style).encode(y=alt.Y("mean:Q", scale=scale)))
    return alt.layer(*layers).properties(width="container", height=120)


def gap_chart(rows: list[Row] | None, domain: Domain | None = None) -> "alt.LayerChart":
    """Held-out loss − training loss by epoch."""
    import altair as alt

    scale = _scale(domain, False, zero=True)
    base = alt.Chart(_data(rows)).encode(
        x=alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False, zero=False), axis=_few(4)),
        tooltip=_tooltip(("epoch:Q", "epoch"), "gap"),
    )
    band = base.mark_area(style="gap_band").encode(
        y=alt.Y("low:Q", title=None, scale=scale, axis=_few(3)), y2="high:Q"
    )
    line = base.mark_line(style="gap").encode(y=alt.Y("mean:Q", scale=scale))
    return (band + line).properties(width="container", height=64)


def sensitivity_chart(
    rows: list[Row] | None,
    metric: str,
    logarithmic: bool = False,
    x_domain: Domain | None = None,
    y_domain: Domain | None = None,
    best: float | None = None,
) -> "alt.LayerChart":
    """The metric against one swept number, with intervals; a cross where networks diverged."""
    import altair as alt

    scale = _scale(x_domain, logarithmic)
    axis = alt.Axis(tickCount=4, format="~g") if not logarithmic else _decades(x_domain)
    x = alt.X("x:Q", title=None, scale=scale, axis=axis)
    y_scale = _scale(y_domain, False)
    tooltip = _tooltip(("choice:N", "choice"), metric, ("diverged:Q", "diverged networks"))
    base = alt.Chart(_data(rows)).encode(x=x, tooltip=tooltip)
    y = alt.Y("low:Q", title=None, scale=y_scale, axis=_few(4))
    layers = [
        base.mark_area(style="held_out_band").encode(y=y, y2="high:Q"),
        base.mark_line(style="held_out").encode(y=alt.Y("mean:Q", scale=y_scale)),
        base.mark_point(style="dot")
        .encode(y=alt.Y("mean:Q", scale=y_scale))
        .transform_filter("datum.diverged == 0"),
        base.mark_point(style="diverged", shape=_CROSS)
        .encode(y=alt.Y("mean:Q", scale=y_scale))
        .transform_filter("datum.diverged > 0"),
    ]
    if best is not None:
        line = alt.Chart(alt.Data(values=[{"best": best}])).mark_rule(style="best")
        layers.insert(0, line.encode(y=alt.Y("best:Q", scale=y_scale)))
    return alt.layer(*layers).properties(width="container", height=130)


def members_chart(rows: list[Row] | None, metric: str) -> "alt.LayerChart":
    """Every network, its choice in the order of the ranking; a cross where it diverged."""
    import altair as alt

    base = alt.Chart(_data(rows)).encode(
        x=alt.X(
            "place:Q",
            title="choices in order of rank",
            scale=alt.Scale(zero=False, nice=False, padding=8),
            axis=alt.Axis(tickMinStep=1, tickCount=8, format="d"),
        ),
        y=alt.Y("value:Q", title=metric, scale=alt.Scale(zero=False), axis=_few(5)),
        tooltip=[
            alt.Tooltip("choice:N", title="choice"),
            alt.Tooltip("value:Q", title=metric, format="~g"),
            alt.Tooltip("split:Q", title="split"),
            alt.Tooltip("seed:Q", title="seed"),
            alt.Tooltip("status:N", title="status"),
        ],
    )
    trained = base.mark_circle(style="member").transform_filter("datum.status != 'diverged'")
    diverged = base.mark_point(style="diverged", shape=_CROSS).transform_filter(
        "datum.status == 'diverged'"
    )
    return (trained + diverged).properties(width="container", height=220)


def domain_of(rows: list[Row], low: str = "low", high: str = "high") -> Domain | None:
    """The common range of several panels' rows, with a little air; None if there is none."""
    values = [row[key] for row in rows for key in (low, high) if row[key] is not None]
    if not values:
        return None
    air = 0.03 * (max(values) - min(values)) or 0.01 * abs(max(values)) or 0.5
    return min(values) - air, max(values) + air


def log_domain_of(rows: list[Row], low: str, high: str) -> Domain | None:
    """The range for a logarithmic axis; None where a linear one serves better."""
    values = [row[key] for row in rows for key in (low, high) if row[key] is not None]
    return (min(values) * 0.9, max(values) * 1.1) if spans_decades(values) else None


_CROSS = "M-.9,-.6L-.6,-.9L0,-.3L.6,-.9L.9,-.6L.3,0L.9,.6L.6,.9L0,.3L-.6,.9L-.9,.6L-.3,0Z"

# A name is "place, rank, label" with en spaces between; where there is no room for labels the
# ranks lead to the table beside the chart. The page sets `narrow` before it draws.
NARROW = "narrow"
_NAME_OR_RANK = (
    f"{NARROW} ? split(datum.label, '\u2002')[1] : "
    "slice(datum.label, indexof(datum.label, '\u2002') + 1)"
)


def _data(rows: list[Row] | None) -> Any:
    import altair as alt

    return alt.NamedData(name=DATASET) if rows is None else alt.Data(values=rows)


def _scale(domain: Domain | None, logarithmic: bool, zero: bool = False) -> "alt.Scale":
    import altair as alt

    kind = {"type": "log"} if logarithmic else {"zero": zero}
    return alt.Scale(nice=False, **kind, **({"domain": list(domain)} if domain else {}))


def _few(count: int) -> "alt.Axis":
    import altair as alt

    return alt.Axis(tickCount=count)


def _decades(domain: Domain | None) -> "alt.Axis":
    """Ticks at powers of ten, and at three times them where there are few."""
    import math

    import altair as alt

    if domain is None:
        return alt.Axis(format="~g")
    low, high = math.floor(math.log10(domain[0])), math.ceil(math.log10(domain[1]))
    step = max(1, (high - low) // 4)
    bases = (1.0,) if high - low > 3 else (1.0, 3.0)
    ticks = [base * 10.0**power for power in range(low, high + 1, step) for base in bases]
    inside = [tick for tick in ticks if 0.999 * domain[0] <= tick <= 1.001 * domain[1]]
    return alt.Axis(values=inside, format="~g") if len(inside) > 1 else alt.Axis(format="~g")


def _tooltip(first: tuple[str, str], metric: str, *more: tuple[str, str]) -> list[Any]:
    import altair as alt

    pairs = [first, *more]
    return [
        *(alt.Tooltip(field, title=title) for field, title in pairs),
        alt.Tooltip("mean:Q", title=metric, format="~g"),
        alt.Tooltip("low:Q", title="from", format="~g"),
        alt.Tooltip("high:Q", title="to", format="~g"),
    ]


def theme(dark: bool = False) -> dict[str, Any]:
    """Colours and type of all charts, as a Vega-Lite configuration.

    Example:
        ```python
        chart.configure(**theme(dark=True))
        ```
    """
    ink, quiet, line = (
        ("#d9dce1", "#9aa2ad", "#333941") if dark else ("#22262b", "#656d76", "#e4e7eb")
    )
    blue, orange, red = (
        ("#6cb0f5", "#e8a04c", "#ff7b72") if dark else ("#1f6fb8", "#b35c00", "#c62828")
    )
    font = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
    return {
        "background": "transparent",
        "font": font,
        "aria": False,  # the figure around the chart is described in words instead
        "view": {"stroke": None},
        "axis": {
            "labelColor": quiet, "titleColor": quiet, "titleFontWeight": "normal",
            "labelFontSize": 11, "titleFontSize": 11, "gridColor": line, "domain": False,
            "tickColor": line, "ticks": False, "labelPadding": 6, "titlePadding": 8,
        },
        "axisY": {"labelLimit": 260, "gridColor": line},
        "axisX": {"grid": False, "domain": True, "domainColor": line, "ticks": True,
                  "labelFlush": False, "labelOverlap": True},
        "axisBand": {"grid": False, "labelColor": ink},
        "style": {
            "interval": {"color": blue, "strokeWidth": 2, "opacity": 0.5},
            "dot": {"color": blue, "filled": True, "size": 40, "opacity": 1},
            "best": {"color": quiet, "strokeWidth": 1, "strokeDash": [2, 3], "opacity": 0.9},
            "train": {"color": orange, "strokeWidth": 1.5, "strokeDash": [5, 3]},
            "train_band": {"color": orange, "opacity": 0.18},
            "held_out": {"color": blue, "strokeWidth": 1.75},
            "held_out_band": {"color": blue, "opacity": 0.18},
            "gap": {"color": ink, "strokeWidth": 1.5},
            "gap_band": {"color": quiet, "opacity": 0.22},
            "member": {"color": blue, "filled": True, "size": 14, "opacity": 0.5},
            "diverged": {"color": red, "filled": True, "size": 55, "opacity": 0.9},
        },
    }  # fmt: skip
