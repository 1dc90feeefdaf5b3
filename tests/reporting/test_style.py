"""Colours can be read by day and by night; the page heeds how people look at it."""

import re
from importlib import resources

import pytest

from etude.reporting.theme import theme

CSS = resources.files("etude.reporting").joinpath("report.css").read_text("utf-8")

TEXT, MARK = 4.5, 3.0
"""Least contrasts of text and of marks (WCAG 2.2, 1.4.3 and 1.4.11)."""


def _light(colour: str) -> float:
    """Relative luminance of "#rrggbb" (WCAG 2.2)."""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(first: str, second: str) -> float:
    lights = sorted((_light(first), _light(second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _colours(dark: bool) -> dict[str, str]:
    day, night = re.findall(r":root \{(.*?)\}", CSS, re.DOTALL)[:2]
    found = dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", day))
    return found | (dict(re.findall(r"--(\w+): (#[0-9a-f]{6})", night)) if dark else {})


def test_contrast_is_that_of_the_standard() -> None:
    assert _contrast("#ffffff", "#000000") == pytest.approx(21.0)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("dark", [False, True])
def test_text_of_the_page_can_be_read(dark: bool) -> None:
    colours = _colours(dark)
    assert len(colours) == 7
    for ground in ("paper", "faint"):
        for text in ("ink", "quiet", "accent", "train"):
            assert _contrast(colours[text], colours[ground]) >= TEXT, (text, ground)


@pytest.mark.parametrize("dark", [False, True])
def test_texts_and_marks_of_charts_can_be_seen(dark: bool) -> None:
    paper, drawn = _colours(dark)["paper"], theme(dark)
    texts = [drawn[part][key] for part, key in (
        ("title", "color"), ("title", "subtitleColor"), ("axis", "labelColor"),
        ("axis", "titleColor"), ("axisBand", "labelColor"), ("legend", "labelColor"),
    )]  # fmt: skip
    assert drawn["style"]["halo"]["color"] == paper
    for text in [*texts, drawn["style"]["words"]["color"]]:
        assert _contrast(text, paper) >= TEXT
    for name, style in drawn["style"].items():
        if name == "halo":
            continue
        seen = [style[key] for key in ("color", "stroke") if key in style]
        assert max(_contrast(colour, paper) for colour in seen) >= MARK, name


def test_the_page_heeds_motion_paper_focus_and_narrow_screens() -> None:
    for query in ("prefers-reduced-motion: reduce", "print", "max-width: 40rem"):
        assert query in CSS
    assert "prefers-color-scheme: dark" in CSS
    assert re.search(r":focus-visible \{ outline: 2px solid", CSS)
    assert "color-scheme: light dark" in CSS
