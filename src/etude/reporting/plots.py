"""Charts of a study in the grammar of graphics (Altair, Vega-Lite).

Every function takes the rows that `etude.reporting.panels` makes and returns an Altair chart,
that a notebook shows and `chart.save("chart.svg")` or `.png` keeps. Without rows a chart reads
the data set named `DATASET`, so that one specification serves many panels of a report. Field
names are fixed and titles are literals: no text of a user is ever an expression. Scales have
their domains written out, for a layer may have no row to take one from.
"""

from typing import TYPE_CHECKING

from etude.reporting.axes import (
    CROSS,
    Domain,
    Row,
    decades,
    domain_of,
    few,
    height_of,
    names,
    narrow,
    rows_of,
    scale_of,
    tooltip_of,
)

if TYPE_CHECKING:
    import altair as alt


def ranking_chart(
    rows: list[Row] | None,
    metric: str,
    count: int | None = None,
    domain: Domain | None = None,
) -> "alt.LayerChart":
    """Dot and interval for each choice, best on top; hollow dots for those that are worse.

    Args:
        rows: as `ranking_rows` makes them.
        metric: the title of the axis.
        count: how many choices there are, where the rows are not given.
        domain: of the axis, where the rows are not given.
    """
    import altair as alt

    domain = domain if rows is None else domain_of(rows)
    base = alt.Chart(rows_of(rows)).encode(
        y=names(), tooltip=tooltip_of(("choice:N", "choice"), metric)
    )
    scale = scale_of(domain)
    best = alt.Chart(rows_of(rows)).mark_rule(style="best").transform_filter("datum.order == 0")
    # The first layer with names decides their order, so it has to hold all of them.
    intervals = base.mark_rule(style="interval").encode(
        x=alt.X("low:Q", title=metric, scale=scale, axis=few(6)), x2="high:Q"
    )
    mean = alt.X("mean:Q", scale=scale)
    layers = [
        best.encode(x=mean),
        intervals,
        base.transform_filter("datum.worse").mark_point(style="dot_open").encode(x=mean),
        base.transform_filter("!datum.worse").mark_point(style="dot").encode(x=mean),
    ]
    height = height_of(len(rows) if rows is not None else count or 1)
    return alt.layer(*layers).add_params(narrow()).properties(width="container", height=height)


def curve_chart(
    rows: list[Row] | None, domain: Domain | None = None, logarithmic: bool = False
) -> "alt.LayerChart":
    """A metric by epoch: training rows dashed, held-out rows solid, bands from split to split."""
    import altair as alt

    scale = scale_of(domain, logarithmic)
    x = alt.X("epoch:Q", title=None, scale=alt.Scale(nice=False, zero=False), axis=few(4))
    axis = decades(domain) if logarithmic else few(4)
    base = alt.Chart(rows_of(rows)).encode(
        x=x, tooltip=tooltip_of(("rows:N", "measured on"), "mean", ("epoch:Q", "epoch"))
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

    scale = scale_of(domain, zero=True)
    base = alt.Chart(rows_of(rows)).encode(
        x=alt.X("epoch:Q", title="epoch", scale=alt.Scale(nice=False, zero=False), axis=few(4)),
        tooltip=tooltip_of(("epoch:Q", "epoch"), "gap"),
    )
    band = base.mark_area(style="gap_band").encode(
        y=alt.Y("low:Q", title=None, scale=scale, axis=few(3)), y2="high:Q"
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
    """The metric against one swept number, with intervals; a cross where networks diverged.

    What lies beyond the domain is drawn at its edge.
    """
    import altair as alt

    scale = scale_of(x_domain, logarithmic)
    axis = alt.Axis(tickCount=4, format="~g") if not logarithmic else decades(x_domain)
    x = alt.X("x:Q", title=None, scale=scale, axis=axis)
    y_scale = scale_of(y_domain)
    y_scale.clamp = True
    tooltip = tooltip_of(("choice:N", "choice"), metric, ("diverged:Q", "diverged networks"))
    base = alt.Chart(rows_of(rows)).encode(x=x, tooltip=tooltip)
    y = alt.Y("low:Q", title=None, scale=y_scale, axis=few(4))
    mean = alt.Y("mean:Q", scale=y_scale)
    layers = [
        base.mark_area(style="held_out_band").encode(y=y, y2="high:Q"),
        base.mark_line(style="held_out").encode(y=mean),
        base.mark_point(style="dot").encode(y=mean).transform_filter("datum.diverged == 0"),
        base.mark_point(style="diverged", shape=CROSS)
        .encode(y=mean)
        .transform_filter("datum.diverged > 0"),
    ]
    if best is not None:
        line = alt.Chart(alt.Data(values=[{"best": best}])).mark_rule(style="best")
        layers.insert(0, line.encode(y=alt.Y("best:Q", scale=y_scale)))
    return alt.layer(*layers).properties(width="container", height=130)


def members_chart(
    rows: list[Row] | None,
    metric: str,
    places: Domain | None = None,
    values: Domain | None = None,
) -> "alt.LayerChart":
    """Every network, its choice in the order of the ranking; a cross where it diverged."""
    import altair as alt

    if rows is not None:
        places, values = _places(rows), domain_of(rows, "value", "value")
    base = alt.Chart(rows_of(rows)).encode(
        x=_place(places),
        y=alt.Y("value:Q", title=metric, scale=scale_of(values), axis=few(5)),
        tooltip=[
            alt.Tooltip("choice:N", title="choice"),
            alt.Tooltip("value:Q", title=metric, format="~g"),
            alt.Tooltip("split:Q", title="split"),
            alt.Tooltip("seed:Q", title="seed"),
            alt.Tooltip("status:N", title="status"),
        ],
    )
    trained = base.mark_circle(style="member").transform_filter("datum.status != 'diverged'")
    diverged = base.mark_point(style="diverged", shape=CROSS).transform_filter(
        "datum.status == 'diverged'"
    )
    return (trained + diverged).properties(width="container", height=220)


def spread_chart(
    rows: list[Row] | None,
    metric: str,
    places: Domain | None = None,
    values: Domain | None = None,
) -> "alt.LayerChart":
    """The networks of many choices in summary: median, middle half, lowest and highest.

    Args:
        rows: as `spread_rows` makes them.
        metric: the title of the axis.
        places, values: domains of the axes, where the rows are not given.
    """
    import altair as alt

    if rows is not None:
        places, values = _places(rows), domain_of(rows)
    scale = scale_of(values)
    base = alt.Chart(rows_of(rows)).encode(
        x=_place(places),
        tooltip=[
            alt.Tooltip("choices:N", title="ranks"),
            alt.Tooltip("networks:Q", title="networks"),
            alt.Tooltip("middle:Q", title=f"median {metric}", format="~g"),
            alt.Tooltip("low:Q", title="lowest", format="~g"),
            alt.Tooltip("high:Q", title="highest", format="~g"),
            alt.Tooltip("diverged:Q", title="diverged networks"),
        ],
    )
    return alt.layer(
        base.mark_rule(style="spread").encode(
            y=alt.Y("low:Q", title=metric, scale=scale, axis=few(5)), y2="high:Q"
        ),
        base.mark_area(style="spread_band").encode(y=alt.Y("lower:Q", scale=scale), y2="upper:Q"),
        base.mark_circle(style="member").encode(y=alt.Y("middle:Q", scale=scale)),
    ).properties(width="container", height=220)


def _places(rows: list[Row]) -> Domain:
    return 0.5, max(row["place"] for row in rows) + 0.5


def _place(domain: Domain | None) -> "alt.X":
    import altair as alt

    axis = alt.Axis(tickMinStep=1, tickCount=8, format="d")
    return alt.X("place:Q", title="choices in order of rank", scale=scale_of(domain), axis=axis)
