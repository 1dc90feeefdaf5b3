"""Colours and type of all charts, by day and by night."""

from typing import Any

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def theme(dark: bool = False) -> dict[str, Any]:
    """A Vega-Lite configuration. Nothing is told by colour alone: marks differ in shape, in
    being filled or in being dashed as well.

    Example:
        ```python
        chart.configure(**theme(dark=True))
        ```
    """
    paper, ink, quiet, line = (
        ("#14171a", "#d9dce1", "#9aa2ad", "#333941")
        if dark
        else ("#ffffff", "#22262b", "#5b636d", "#e4e7eb")
    )
    blue, orange, red = (
        ("#6cb0f5", "#e8a04c", "#ff7b72") if dark else ("#1f6fb8", "#a85400", "#c62828")
    )
    return {
        "background": "transparent",
        "font": FONT,
        "aria": False,  # the figure around the chart is described in words instead
        "view": {"stroke": None},
        "title": {"color": ink, "subtitleColor": quiet, "fontSize": 13, "subtitleFontSize": 11,
                  "anchor": "start", "offset": 12},
        "axis": {
            "labelColor": quiet, "titleColor": quiet, "titleFontWeight": "normal",
            "labelFontSize": 11, "titleFontSize": 11, "gridColor": line, "domain": False,
            "tickColor": line, "ticks": False, "labelPadding": 6, "titlePadding": 8,
        },
        "axisY": {"labelLimit": 260, "gridColor": line},
        "axisX": {"grid": False, "domain": True, "domainColor": line, "ticks": True,
                  "labelFlush": False, "labelOverlap": True, "labelSeparation": 6},
        "legend": {"labelColor": ink, "labelFontSize": 11, "symbolStrokeColor": blue},
        "axisBand": {"grid": False, "labelColor": ink},
        "style": {
            "interval": {"color": blue, "strokeWidth": 2, "opacity": 0.5},
            "interval_quiet": {"color": quiet, "strokeWidth": 2, "opacity": 0.45},
            "dot": {"color": blue, "filled": True, "size": 40, "opacity": 1},
            "dot_open": {"filled": True, "color": paper, "stroke": quiet, "strokeWidth": 1.5,
                         "size": 40, "opacity": 1},
            "best": {"color": quiet, "strokeWidth": 1, "strokeDash": [2, 3], "opacity": 0.9},
            "zero": {"color": ink, "strokeWidth": 1, "opacity": 0.7},
            "region": {"color": quiet, "opacity": 0.16},
            "better": {"filled": True, "color": blue, "stroke": blue, "size": 60, "opacity": 1},
            "worse": {"filled": True, "color": orange, "stroke": orange, "size": 60, "opacity": 1},
            "undecided": {"filled": True, "color": paper, "stroke": quiet, "strokeWidth": 1.5,
                          "size": 45, "opacity": 1},
            "equivalent": {"filled": True, "color": quiet, "stroke": quiet, "size": 50,
                           "opacity": 1},
            "bar": {"color": blue},
            "bar_interaction": {"color": blue, "fillOpacity": 0.25, "stroke": blue,
                                "strokeWidth": 1.5},
            "bar_noise": {"color": quiet, "opacity": 0.55},
            "words": {"color": ink, "fontSize": 11},
            "halo": {"color": paper, "stroke": paper, "strokeWidth": 4, "fontSize": 11},
            "axis_line": {"color": quiet, "strokeWidth": 1, "opacity": 0.8},
            "line_best": {"color": blue, "strokeWidth": 2.5, "opacity": 1},
            "line_possible": {"color": blue, "strokeWidth": 1.25, "opacity": 0.45},
            "line_other": {"color": quiet, "strokeWidth": 1, "opacity": 0.28,
                           "strokeDash": [3, 2]},
            "split": {"color": blue, "size": 30, "opacity": 0.6},
            "mean": {"color": ink, "thickness": 2, "opacity": 1},
            "profile": {"color": blue, "strokeWidth": 2},
            "train": {"color": orange, "strokeWidth": 1.5, "strokeDash": [5, 3]},
            "train_band": {"color": orange, "opacity": 0.18},
            "held_out": {"color": blue, "strokeWidth": 1.75},
            "held_out_band": {"color": blue, "opacity": 0.18},
            "gap": {"color": ink, "strokeWidth": 1.5},
            "gap_band": {"color": quiet, "opacity": 0.22},
            "member": {"color": blue, "filled": True, "size": 14, "opacity": 0.5},
            "spread": {"color": blue, "strokeWidth": 1, "opacity": 0.35},
            "spread_band": {"color": blue, "opacity": 0.3},
            "diverged": {"color": red, "filled": True, "size": 55, "opacity": 0.9},
        },
    }  # fmt: skip
