"""The charts of one report: each specification and each set of rows is embedded once."""

from collections.abc import Callable
from typing import Any

from etude.reporting.markup import Html, element
from etude.reporting.panels import Row
from etude.reporting.plots import DATASET, theme

CANVAS = 3000
"""More marks than this are painted on a canvas: as elements of a page they would be slow."""


class Figures:
    """Collects charts while a report is written."""

    def __init__(self) -> None:
        self._specifications: dict[str, dict[str, Any]] = {}
        self._charts: dict[str, dict[str, Any]] = {}

    def add(self, kind: str, make: Callable[[], Any], rows: list[Row], description: str) -> Html:
        """The place of a chart.

        Args:
            kind: charts of one kind share the specification that the first one makes.
            make: makes the Altair chart, which reads its rows from the named data set.
            rows: what it shows.
            description: the same in words, for those who do not see it.
        """
        if kind not in self._specifications:
            specification = make().to_dict()
            specification.pop("$schema", None)  # a network address
            specification.pop("config", None)
            self._specifications[kind] = specification
        identity = f"chart-{len(self._charts) + 1}"
        self._charts[identity] = {
            "kind": kind,
            "columns": {key: [row[key] for row in rows] for key in rows[0]} if rows else {},
            "renderer": "canvas" if len(rows) > CANVAS else "svg",
        }
        return element("div", id=identity, class_="chart", role="img", aria_label=description)

    def embedded(self) -> dict[str, Any]:
        """What the script of the page draws."""
        return {
            "dataset": DATASET,
            "specifications": self._specifications,
            "charts": self._charts,
            "themes": {"light": theme(), "dark": theme(dark=True)},
        }
