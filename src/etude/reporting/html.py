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
from etude.files import write_whole
from etude.reporting import notes, sections
from etude.reporting.figures import Figures
from etude.reporting.lead import facts, lead
from etude.reporting.markup import Html, content_hash, element, embedded_json, join, name
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
    body = _body(result, figures)
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
    document = element("html", element("head", head), element("body", body, data, *code), lang="en")
    return f"<!doctype html>\n{document}\n"


def _body(result: Result, figures: Figures) -> Html:
    several = len(result.comparisons) > 1

    def each(title: str, write: Callable[[Comparison], Html]) -> tuple[str, Html]:
        parts: list[Html] = []
        for comparison in result.comparisons:
            if several:
                parts.append(element("h3", _data_name(result, comparison)))
            parts.append(write(comparison))
        return title, join(*parts)

    chapters = [
        each("Ranking", lambda c: sections.ranking(result, c, figures)),
        each("Learning curves", lambda c: sections.learning_curves(result, c, figures)),
        each("Sensitivity", lambda c: sections.sensitivity(result, c, figures)),
        each("Every network", lambda c: sections.members(result, c, figures)),
        ("What diverged", sections.diverged(result)),
        ("The study", notes.study_file(result)),
        ("Versions", notes.versions(result)),
        each("How to read this", lambda c: notes.method(result, c)),
    ]
    anchors = [title.lower().replace(" ", "-") for title, _ in chapters]
    links = [
        element("li", element("a", title, href=f"#{anchor}"))
        for anchor, (title, _) in zip(anchors, chapters, strict=True)
    ]
    header = element(
        "header",
        element("p", "Étude report", class_="mark"),
        element("h1", name(result.record.name)),
        each("", lambda c: lead(result, c))[1],
        facts(result),
        element("nav", element("ul", *links), aria_label="Sections"),
    )
    shown = [
        element("section", element("h2", title, id=f"{anchor}-title"), content,
                id=anchor, aria_labelledby=f"{anchor}-title")
        for anchor, (title, content) in zip(anchors, chapters, strict=True)
    ]  # fmt: skip
    note = element("noscript", element("p", "Charts need scripts; the tables hold the figures."))
    return join(header, note, element("main", *shown))


def _data_name(result: Result, comparison: Comparison) -> Html:
    document = result.record.document["data"][comparison.data]
    return join(f"Data {comparison.data + 1}: ", name(str(document.get("name", ""))))


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
