"""The figures of a report as images of their own, drawn without a browser."""

import os
from collections import Counter
from pathlib import Path
from typing import Any, Literal

from etude.errors import InputError
from etude.evidence.result import Result
from etude.files import write_whole
from etude.reporting.axes import DATASET
from etude.reporting.figures import Figure, Figures
from etude.reporting.html import body
from etude.reporting.theme import theme
from etude.store.records import StudyRecord

Format = Literal["svg", "png"]

FORMATS = ("svg", "png")

WIDE, NARROW = 720, 360
"""Widths in pixels of a chart, and of one of several panels."""

SCALE = 2.0
"""Pixels of a PNG for each pixel of the chart."""


def save_figures(
    result: Result | StudyRecord, folder: str | os.PathLike[str], format: Format = "svg"
) -> list[Path]:
    """Write every figure of the report as an image, by the daylight colours of the page.

    Files are named by what they show ("ranking.svg", "curve-03.svg"), never by a text of the
    study. Images of the same name are replaced.

    Args:
        result: a result, or the record of a study.
        folder: is made if it does not exist.
        format: "svg" or "png".

    Returns:
        The paths, in the order of the report.

    Raises:
        InputError: the format is neither, or there is a file in the folder's place.
    """
    if format not in FORMATS:
        raise InputError(f"`format` must be 'svg' or 'png', got {format!r}")
    found = result if isinstance(result, Result) else Result(result)
    place = Path(folder)
    if place.exists() and not place.is_dir():
        raise InputError(f"`folder` must be a folder, and {place} is a file")
    place.mkdir(parents=True, exist_ok=True)
    figures = Figures()
    body(found, figures)
    paths = []
    for name, figure in zip(_names(figures), figures, strict=True):
        path = place / f"{name}.{format}"
        write_whole(path, image_of(specification_of(figure), format))
        paths.append(path)
    return paths


def _names(figures: Figures) -> list[str]:
    """The first word of every kind, numbered where it comes several times."""
    words = [figure.kind.partition("-")[0] for figure in figures]
    counts, seen = Counter(words), Counter[str]()
    names = []
    for word in words:
        seen[word] += 1
        names.append(word if counts[word] == 1 else f"{word}-{seen[word]:02d}")
    return names


def image_of(specification: dict[str, Any], format: str) -> bytes:
    """A Vega-Lite chart as the bytes of an image, by the daylight colours of the page.

    Args:
        specification: with its rows and its sizes.
        format: "svg" or "png".
    """
    import vl_convert
    from altair import SCHEMA_VERSION

    version = ".".join(SCHEMA_VERSION.lstrip("v").split(".")[:2])
    arguments: dict[str, Any] = {
        "vl_spec": specification,
        "vl_version": version,
        "config": theme() | {"background": "#ffffff"},
        "allowed_base_urls": [],  # nothing is fetched
    }
    if format == "png":
        drawn: bytes = vl_convert.vegalite_to_png(**arguments, scale=SCALE)
        return drawn
    text: str = vl_convert.vegalite_to_svg(**arguments)
    return text.encode()


def specification_of(figure: Figure) -> dict[str, Any]:
    """The chart with its rows, its title and a width of its own."""
    title = {"text": figure.title, "subtitle": figure.subtitle} if figure.subtitle else figure.title
    return figure.specification | {
        "datasets": {DATASET: figure.rows},
        "title": title,
        "width": NARROW if figure.small else WIDE,
        "padding": 12,
    }
