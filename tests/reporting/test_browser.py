"""The report as a browser shows it: nothing in the console, nothing on top of anything else.

These tests need a Chromium or a Chrome and are skipped where there is none.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from chromium import Page, browser, running
from etude.reporting.html import report
from etude.store.records import StudyRecord
from study_records import study_record, with_labels, with_members

DRAW = """(() => { dispatchEvent(new Event("beforeprint")); return true; })()"""
DRAWN = """[...document.querySelectorAll(".chart")].every((place) => place.dataset.drawn)"""

TEXTS = """
const texts = [];
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const { data, parentElement: element } = walker.currentNode;
  if (!data.trim() || element.closest("script, style, noscript")) continue;
  if (!element.checkVisibility({ opacityProperty: true, visibilityProperty: true })) continue;
  const range = document.createRange();
  range.selectNodeContents(walker.currentNode);
  for (const box of range.getClientRects()) {
    let [left, top, right, bottom] = [box.left, box.top, box.right, box.bottom];
    for (let around = element; around; around = around.parentElement) {
      if (around instanceof HTMLElement && getComputedStyle(around).overflowX !== "visible") {
        const edge = around.getBoundingClientRect();
        [left, right] = [Math.max(left, edge.left), Math.min(right, edge.right)];
        [top, bottom] = [Math.max(top, edge.top), Math.min(bottom, edge.bottom)];
      }
    }
    const seen = right - left > 1 && bottom - top > 1;
    if (seen) texts.push({ data, left, top, right, bottom, element });
  }
}
"""

OVERLAPS = f"""(() => {{ {TEXTS}
  texts.sort((a, b) => a.top - b.top);
  const found = [];
  texts.forEach((a, number) => {{
    for (let next = number + 1; next < texts.length && texts[next].top < a.bottom; next++) {{
      const b = texts[next];
      const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const high = Math.min(a.bottom, b.bottom) - b.top;
      const least = Math.min(a.bottom - a.top, b.bottom - b.top);
      // A text and the pale one behind it that keeps it legible are one.
      const halo = a.data === b.data && Math.abs(a.left - b.left) < 3 && a.top === b.top;
      if (wide > 1 && high > 0.35 * least && !halo) found.push([a.data.trim(), b.data.trim()]);
    }}
  }});
  return found.slice(0, 10);
}})()"""

FAINT = f"""(() => {{ {TEXTS}
  const channels = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => {{
    const [r, g, b] = channels(color).map((v) => v / 255)
      .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }};
  const behind = (element) => {{
    for (let around = element; around; around = around.parentElement) {{
      const {{ backgroundColor }} = getComputedStyle(around);
      if (channels(backgroundColor)[3] !== 0) return backgroundColor;
    }}
    return "rgb(255, 255, 255)";
  }};
  const found = new Set();
  for (const {{ data, element }} of texts) {{
    const style = getComputedStyle(element);
    const inside = element instanceof SVGElement;
    if (inside && style.stroke !== "none") continue;  // the pale text behind another
    const pair = [light(inside ? style.fill : style.color), light(behind(element))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) found.add(`${{data.trim().slice(0, 40)}}: ${{contrast.toFixed(2)}}`);
  }}
  return [...found].slice(0, 10);
}})()"""

EMPTY = """[...document.querySelectorAll(".chart")].filter((place) => {
  const marks = place.querySelectorAll("svg .mark-symbol path, svg .mark-line path, \
svg .mark-rule line, svg .mark-rect path, svg .mark-area path");
  return !place.querySelector("canvas") && !marks.length;
}).map((place) => place.getAttribute("aria-label"))"""


def _every(record: StudyRecord, **fields) -> StudyRecord:
    return with_members(record, dict.fromkeys(range(len(record.members)), fields))


def _unfinished() -> StudyRecord:
    record = study_record(rates=2, folds=3)
    waiting = {"status": "pending", "values": {}, "curves": np.empty((0, 3, 2), np.float32)}
    return with_members(record, dict.fromkeys(range(20, len(record.members)), waiting))


def _whole() -> StudyRecord:
    """With a baseline, diverged networks and two swept fields."""
    record = study_record(rates=4, folds=5)
    return replace(
        record, document=record.document | {"baseline": record.choices[22].label, "region": 0.01}
    )


def _long_names() -> StudyRecord:
    record = study_record(rates=2, folds=3, rules=("adam", "sgd"))
    name = "a choice whose name " + "goes on and on " * 8 + "<svg onload=alert(1)>"
    return with_labels(replace(record, name="x" * 300), {0: name, 1: "y" * 200})


STUDIES = {
    "whole": _whole,
    "one choice": lambda: study_record(rates=1, folds=3, rules=("adam",)),
    "one split": lambda: study_record(rates=3, folds=1),
    "everything diverged": lambda: _every(
        study_record(rates=2, folds=2), status="diverged", values={}
    ),
    "several data": lambda: study_record(
        rates=2, folds=3, rules=("adam", "sgd"), data=("digits", "wine", "iris")
    ),
    "unfinished": _unfinished,
    "long names": _long_names,
}


@pytest.fixture(scope="module")
def page() -> Iterator[Page]:
    path = browser()
    if path is None:
        pytest.skip("there is no Chromium or Chrome on this machine to show the report")
    with running(path) as opened:
        yield opened


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folder = tmp_path_factory.mktemp("reports")
    return cache(lambda study: report(STUDIES[study](), folder / f"{study}.html"))


def _shown(page: Page, path: Path, width: int, dark: bool) -> None:
    page.open(path, width, dark)
    page.evaluate(DRAW)
    page.wait_until(DRAWN)


QUICK = {("whole", 360), ("whole", 1280), ("unfinished", 1280)}


@pytest.mark.parametrize(
    ("study", "width", "dark"),
    [
        pytest.param(study, width, dark, marks=() if (study, width) in QUICK else pytest.mark.slow)
        for study in STUDIES
        for width, dark in ((360, True), (1280, False))
    ],
)
def test_every_study_is_shown_whole_and_legible(
    page: Page, reports: Callable[[str], Path], study: str, width: int, dark: bool
) -> None:
    _shown(page, reports(study), width, dark)
    assert page.complaints == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(OVERLAPS) == []
    assert page.evaluate(FAINT) == []
    assert page.evaluate(EMPTY) == []


def test_the_tests_above_notice_what_they_look_for(
    page: Page, reports: Callable[[str], Path]
) -> None:
    _shown(page, reports("one choice"), 1280, dark=False)
    page.evaluate("""(() => {
      const title = document.querySelector("h1");
      title.style.color = "#aaaaaa";
      document.querySelector(".lead").style.marginTop = "-4rem";
      document.querySelector("main").append("x".repeat(999));
      console.warn("a complaint");
    })()""")
    assert page.evaluate(FAINT) == ["optimizers-on-digits: 2.32"]
    assert page.evaluate(OVERLAPS)
    assert page.evaluate("document.documentElement.scrollWidth") > 1280
    assert page.complaints == ["warning a complaint"]


def test_charts_follow_a_change_to_dark(page: Page, reports: Callable[[str], Path]) -> None:
    _shown(page, reports("one choice"), 1280, dark=False)
    dark = [{"name": "prefers-color-scheme", "value": "dark"}]
    page.send("Emulation.setEmulatedMedia", features=dark)
    page.wait_until("!!document.querySelector('.chart svg [fill=\"#6cb0f5\"]')")
    page.wait_until("!document.querySelector('.chart svg [fill=\"#1f6fb8\"]')")
    assert page.evaluate(FAINT) == []
    assert page.complaints == []


def test_the_first_stop_of_the_keyboard_skips_to_the_results(
    page: Page, reports: Callable[[str], Path]
) -> None:
    _shown(page, reports("whole"), 1280, dark=False)
    page.press("Tab", 9)
    focus = "document.activeElement"
    assert page.evaluate(f"{focus}.textContent") == "To the results"
    assert page.evaluate(f"{focus}.getBoundingClientRect().left") >= 0
    assert page.evaluate(f"getComputedStyle({focus}).outlineStyle") == "solid"
    page.press("Enter", 13, "\r")
    page.wait_until("document.activeElement.id === 'results'")


def test_charts_and_scrolling_regions_have_names_for_screen_readers(
    page: Page, reports: Callable[[str], Path]
) -> None:
    _shown(page, reports("whole"), 1280, dark=False)
    page.send("Accessibility.enable")
    nodes = page.send("Accessibility.getFullAXTree")["nodes"]
    page.send("Accessibility.disable")
    named: dict[str, list[str]] = {}
    for node in nodes:
        role = node.get("role", {}).get("value", "")
        named.setdefault(role, []).append(node.get("name", {}).get("value", ""))
    charts = page.evaluate("document.querySelectorAll('.chart').length")
    assert len(named["image"]) == charts
    for role in ("image", "region", "button", "link", "table", "navigation"):
        assert all(named[role]), role


def test_a_chart_can_be_kept_as_an_image(page: Page, reports: Callable[[str], Path]) -> None:
    _shown(page, reports("one choice"), 1280, dark=False)
    page.evaluate("""HTMLAnchorElement.prototype.click = function () {
      (globalThis.kept ??= []).push([this.download, this.href]);
    }""")
    page.evaluate("document.querySelectorAll('.save button').forEach((b) => b.click())")
    charts = page.evaluate("document.querySelectorAll('.chart.keep').length")
    page.wait_until(f"globalThis.kept?.length === {2 * charts}")
    kept = dict(page.evaluate("globalThis.kept"))
    assert kept["ranking-0.png"].startswith("data:image/png;base64,")
    assert kept["ranking-0.svg"].startswith(("data:image/svg+xml", "blob:"))
    assert page.complaints == []
