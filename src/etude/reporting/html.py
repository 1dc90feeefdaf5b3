"""The report: one HTML file that needs no network, runs no foreign script and can be kept."""

import os
import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import printable
from etude.evidence.verdict import data_name
from etude.files import write_whole
from etude.reporting import notes
from etude.reporting.baseline import against_baseline
from etude.reporting.bias_variance import bias_and_variance
from etude.reporting.curves import learning_curves
from etude.reporting.figures import Figures, LeftOut, Part, quiet
from etude.reporting.importance import importance
from etude.reporting.lead import facts, lead
from etude.reporting.markup import (
    Html,
    content_hash,
    element,
    embedded_json,
    join,
    markup,
    name,
)
from etude.reporting.networks import every_network, lost_networks
from etude.reporting.panels import all_diverged
from etude.reporting.parallel import parallel
from etude.reporting.ranking import ranking
from etude.reporting.searching import the_search
from etude.reporting.sensitivity import sensitivity
from etude.reporting.several import over_data_sets
from etude.reporting.splits import split_by_split
from etude.reporting.target import time_to_target
from etude.store.records import StudyRecord


def report(result: Result | StudyRecord, path: str | os.PathLike[str]) -> Path:
    """Write the report of a study as one self-contained HTML file.

    It asks the network for nothing, and its content security policy allows only the scripts and
    the style that it contains. It is replaced as a whole or not at all.

    Args:
        result: a result, or the record of a study.
        path: the file to write.

    Returns:
        The path.
    """
    found = result if isinstance(result, Result) else Result(result)
    target = Path(path)
    write_whole(target, page(found).encode("utf-8", "backslashreplace"))
    return target


def page(result: Result) -> str:
    """The whole HTML page."""
    figures = Figures()
    content = body(result, figures)
    style = _resource("report.css")
    scripts = [_library(), _resource("report.js")]
    policy = "; ".join(
        [
            "default-src 'none'",
            "script-src " + " ".join(content_hash(script) for script in scripts),
            "style-src " + content_hash(style),
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    head = join(
        Html('<meta charset="utf-8">'),
        Html(f'<meta http-equiv="Content-Security-Policy" content="{policy}">'),
        Html('<meta name="viewport" content="width=device-width, initial-scale=1">'),
        Html('<meta name="color-scheme" content="light dark">'),
        Html('<meta name="referrer" content="no-referrer">'),
        element("title", f"{printable(result.record.name)} – Étude"),
        element("style", Html(style)),
    )
    data = element(
        "script", embedded_json(figures.embedded()), type="application/json", id="report-data"
    )
    code = [element("script", Html(script)) for script in scripts]
    document = element(
        "html", element("head", head), element("body", content, data, *code), lang="en"
    )
    return f"<!doctype html>\n{document}\n"


def body(result: Result, figures: Figures) -> Html:
    """What stands on the page, its charts collected in `figures`."""
    several = len(result.comparisons) > 1

    def each(write: Callable[[Comparison], Part]) -> Part:
        """What a part says about every data choice; left out if it is for all of them."""
        found: list[tuple[Comparison, Part]] = []
        for comparison in result.comparisons:
            figures.begin(printable(data_name(result.record, comparison)) if several else "")
            found.append((comparison, write(comparison)))
        figures.begin("")
        if not found:
            return LeftOut("there is no choice")
        if all(isinstance(part, LeftOut) for _, part in found):
            return LeftOut(found[0][1])
        parts: list[Html] = []
        for comparison, part in found:
            if several:
                parts.append(element("h3", name(data_name(result.record, comparison))))
            left_out = isinstance(part, LeftOut)
            parts.append(quiet(f"Left out: {part}.") if left_out else markup(part))
        return join(*parts)

    def of_each(write: Callable[[Result, Comparison, Figures], Part]) -> Part:
        return each(lambda comparison: write(result, comparison, figures))

    def of_trained(write: Callable[[Result, Comparison, Figures], Part]) -> Part:
        return each(
            lambda comparison: (
                LeftOut("every network diverged")
                if all_diverged(result, comparison.data)
                else write(result, comparison, figures)
            )
        )

    chapters: list[tuple[str, Part]] = [
        ("Ranking", of_each(ranking)),
        ("Against the baseline", of_trained(against_baseline)),
        ("Over the data sets", over_data_sets(result, figures)),
        ("What matters", of_trained(importance)),
        ("All choices at a glance", of_trained(parallel)),
        ("Split by split", of_trained(split_by_split)),
        ("Bias and variance", of_each(bias_and_variance)),
        *([("The search", of_each(the_search))] if "search" in result.record.document else []),
        ("Learning curves", of_each(learning_curves)),
        ("Sensitivity", of_trained(sensitivity)),
        ("Steps to a target", of_trained(time_to_target)),
        ("Every network", of_each(every_network)),
        ("What diverged or failed", lost_networks(result)),
        ("The study", notes.study_file(result)),
        ("Versions", notes.versions(result)),
        ("How to read this", each(lambda comparison: notes.method(result, comparison))),
    ]
    left_out = [(title, part) for title, part in chapters if isinstance(part, LeftOut)]
    shown = [(title, markup(part)) for title, part in chapters if not isinstance(part, LeftOut)]
    if left_out:
        shown.append(("Left out", notes.left_out(left_out)))
    anchors = [title.lower().replace(" ", "-") for title, _ in shown]
    links = [
        element("li", element("a", title, href=f"#{anchor}"))
        for anchor, (title, _) in zip(anchors, shown, strict=True)
    ]
    header = element(
        "header",
        element("p", "Étude report", class_="mark"),
        element("h1", name(result.record.name)),
        *_leads(result),
        facts(result),
        element("nav", element("ul", *links), aria_label="Sections"),
    )
    sections = [
        element("section", element("h2", title, id=f"{anchor}-title"), content,
                id=anchor, aria_labelledby=f"{anchor}-title")
        for anchor, (title, content) in zip(anchors, shown, strict=True)
    ]  # fmt: skip
    skip = element("a", "To the results", href="#results", class_="skip")
    note = element("noscript", element("p", "Charts need scripts; the tables hold the figures."))
    return join(skip, header, note, element("main", *sections, id="results", tabindex="-1"))


def _leads(result: Result) -> list[Html]:
    several = len(result.comparisons) > 1
    found: list[Html] = []
    for comparison in result.comparisons:
        if several:
            found.append(element("h2", name(data_name(result.record, comparison)), class_="data"))
        found.append(lead(result, comparison))
    return found


@cache
def _resource(file: str) -> str:
    return resources.files("etude.reporting").joinpath(file).read_text("utf-8")


@cache
def _library() -> str:
    """Vega, Vega-Lite and Vega-Embed with its expression interpreter, as one script.

    The interpreter (`ast: true`) makes charts work where a policy forbids `eval`. The addresses
    in it (of its editor, its schema and an issue) are used for nothing here and are taken out.
    """
    import vl_convert
    from altair import SCHEMA_VERSION

    version = ".".join(SCHEMA_VERSION.lstrip("v").split(".")[:2])
    snippet = "window.vegaEmbed = vegaEmbed;"
    code = vl_convert.javascript_bundle(snippet=snippet, vl_version=version)
    code = re.sub(r"https://(?:vega\.github\.io|github\.com)/[\w./#-]*", "", code)
    if "</script" in code.lower() or "<!--" in code:
        raise RuntimeError("the chart library cannot be embedded in a page: it closes its script")
    return code
