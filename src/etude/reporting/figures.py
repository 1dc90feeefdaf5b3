"""The charts of one report: each specification and each set of rows is embedded once."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from etude.reporting.axes import DATASET, Row
from etude.reporting.markup import Html, element, name
from etude.reporting.theme import theme

CANVAS = 3000
"""More marks than this are painted on a canvas: as elements of a page they would be slow."""


class LeftOut(str):
    """Why a part of a report has nothing to show; it stands in that part's place."""

    __slots__ = ()


Part = Html | LeftOut


class Figure(NamedTuple):
    """A chart as an image of its own.

    Attributes:
        kind: what it shows, such as "ranking"; never a text of the user.
        title, subtitle: what the page says around it.
        small: whether it is one of many panels.
        specification: Vega-Lite, which reads its rows from the named data set.
        rows: what it shows.
    """

    kind: str
    title: str
    subtitle: str
    small: bool
    specification: dict[str, Any]
    rows: list[Row]


class Figures:
    """Collects charts while a report is written."""

    def __init__(self) -> None:
        self._specifications: dict[str, dict[str, Any]] = {}
        self._figures: list[tuple[str, str, str, bool, list[Row]]] = []
        self._about = ""

    def begin(self, about: str) -> None:
        """The charts that follow are about this data choice; "" where there is only one."""
        self._about = f" · {about}" if about else ""

    def add(
        self,
        kind: str,
        make: Callable[[], Any],
        rows: list[Row],
        description: str,
        title: str,
        subtitle: str = "",
        small: bool = False,
    ) -> Html:
        """The place of a chart.

        Args:
            kind: charts of one kind share the specification that the first one makes.
            make: makes the Altair chart, which reads its rows from the named data set.
            rows: what it shows.
            description: the same in words, for those who do not see it.
            title, subtitle: what the page says around it, for an image of it alone.
            small: whether it is one of many panels, which offer no images one by one.
        """
        if kind not in self._specifications:
            specification = make().to_dict()
            specification.pop("$schema", None)  # a network address
            specification.pop("config", None)
            self._specifications[kind] = specification
        self._figures.append((kind, title + self._about, subtitle, small, rows))
        return element(
            "div",
            id=f"chart-{len(self._figures)}",
            class_="chart" if small else "chart keep",
            role="img",
            aria_label=description,
        )

    def __iter__(self) -> Iterator[Figure]:
        for kind, title, subtitle, small, rows in self._figures:
            yield Figure(kind, title, subtitle, small, self._specifications[kind], rows)

    def embedded(self) -> dict[str, Any]:
        """What the script of the page draws."""
        charts = {
            f"chart-{number}": {
                "kind": kind,
                "columns": {key: [row[key] for row in rows] for key in rows[0]},
                "renderer": "canvas" if len(rows) > CANVAS else "svg",
            }
            for number, (kind, *_, rows) in enumerate(self._figures, start=1)
        }
        return {
            "dataset": DATASET,
            "specifications": self._specifications,
            "charts": charts,
            "themes": {"light": theme(), "dark": theme(dark=True)},
        }


def panel_of(title: str, subtitle: str, charts: list[Html]) -> Html:
    """One of several panels: a caption and its charts."""
    caption: list[object] = [name(title)]
    if subtitle and subtitle != title:
        caption.append(element("small", name(subtitle)))
    return element("figure", element("figcaption", *caption), *charts)


def quiet(text: str) -> Html:
    """What a reader must know about a chart or a table."""
    return element("p", text, class_="quiet")
