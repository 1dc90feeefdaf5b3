"""The first lines of a report: what a busy person can act on, and what it cost."""

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.verdict import Figure, Name, Sentence, sentences_of
from etude.reporting.markup import Html, element, join, name


def lead(result: Result, comparison: Comparison) -> Html:
    """Which choice is best and which may be as good, and then how sure that is."""
    first, *more = sentences_of(result, comparison)
    doubts = [join(_marked(sentence), " ") for sentence in more]
    return join(
        element("p", _marked(first, strong=True), class_="lead"),
        element("p", *doubts, class_="doubts") if doubts else "",
    )


def _marked(sentence: Sentence, strong: bool = False) -> Html:
    """A sentence in which names stand apart from their surroundings.

    Args:
        sentence: its parts.
        strong: whether the first name is set in bold.
    """
    parts: list[object] = []
    for part in sentence:
        if isinstance(part, Name):
            parts.append(element("b", name(part)) if strong and not parts else name(part))
        else:
            parts.append(element("b", part) if isinstance(part, Figure) else part)
    return join(*parts)


def facts(result: Result) -> Html:
    """How many networks, programs and seconds."""
    record = result.record
    statuses = [member.status for member in record.members]
    seconds = record.seconds
    splits = max((len(comparison.splits) for comparison in result.comparisons), default=0)
    seeds = len({member.seed for member in record.members})
    unfinished = sum(status in ("pending", "running") for status in statuses)
    pairs: list[tuple[str, str]] = [
        ("networks", f"{len(statuses):,}"),
        ("choices", f"{len(record.choices):,}"),
        ("splits × seeds", f"{splits} × {seeds}"),
        ("programs", f"{len(record.programs):,}"),
        *(
            (text, f"{seconds[key]:.1f} s")
            for key, text in (("compile", "compiling"), ("run", "training"), ("total", "in all"))
            if key in seconds
        ),
        ("diverged", f"{statuses.count('diverged'):,}"),
    ]
    pairs += [("failed", f"{n:,}")] if (n := statuses.count("failed")) else []
    pairs += [("not finished", f"{unfinished:,}")] if unfinished else []
    pairs += [("from the store", f"{record.reused:,}")] if record.reused else []
    return element(
        "dl",
        *(element("div", element("dt", label), element("dd", value)) for label, value in pairs),
        class_="facts",
    )
