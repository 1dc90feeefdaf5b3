"""The first lines of a report: what a busy person can act on, and what it cost."""

from etude.evidence.comparison import Comparison
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.result import Result
from etude.evidence.rounding import counted, decimals_for, interval_text, rounded
from etude.reporting.markup import Html, element, join, name
from etude.reporting.panels import kinds


def lead(result: Result, comparison: Comparison) -> Html:
    """Which choice is best, by how much, and what the intervals leave open."""
    rows = [row for row in result.summaries if row.data == comparison.data]
    ranked = [row for row in rows if row.rank is not None]
    if not ranked:
        return element("p", _nothing_ranked(rows), class_="lead")
    best, decimals = ranked[0], decimals_for(row.stderr for row in ranked)
    if all(row.diverged == row.members for row in ranked):
        return element(
            "p",
            "Every network diverged. No choice can be recommended; smaller learning rates are the "
            "first thing to try.",
            class_="lead",
        )
    return join(
        element("p", *_verdict(result, comparison, ranked, decimals), class_="lead"),
        element("p", *_doubts(result, comparison, rows, decimals), class_="doubts"),
    ) if best.mean is not None else element(
        "p", name(best.label), " ranks first, but its value cannot be told: ", best.note, ".",
        class_="lead",
    )  # fmt: skip


def _nothing_ranked(rows: list[ChoiceSummary]) -> str:
    failed = sum(row.failed for row in rows)
    missing = sum(row.missing for row in rows)
    return (
        f"No choice is complete yet, so nothing can be ranked: {counted(missing, 'network')} "
        f"not finished, {failed} failed."
    )


def _verdict(
    result: Result, comparison: Comparison, ranked: list[ChoiceSummary], decimals: int | None
) -> list[object]:
    best, metric = ranked[0], result.record.metric
    value = [f"{metric} ", element("b", rounded(best.mean, decimals))]
    if best.interval:
        value.append(f" (approximate 95 % interval {interval_text(best.interval, decimals)})")
    if len(ranked) == 1:
        return [element("b", name(best.label)), " reaches ", *value, "."]
    tied = [row for row in ranked if row.rank == 1]
    verb = (
        f" ranks first of {len(ranked)} choices with "
        if len(tied) == 1
        else f" ranks first, level with {counted(len(tied) - 1, 'other choice')}, with "
    )
    parts: list[object] = [element("b", name(best.label)), verb, *value, "."]
    if len(tied) < len(ranked) and comparison.choosing == comparison.judged:
        second = ranked[len(tied)]
        parts += [" Next is ", name(second.label), _distance(best, second, decimals, metric), "."]
    elif comparison.choosing != comparison.judged:
        parts.append(f" The ranking was made on {comparison.choosing} rows.")
    return parts


def _distance(best: ChoiceSummary, second: ChoiceSummary, decimals: int | None, metric: str) -> str:
    if best.mean is None or second.mean is None:
        return ""
    gap = abs(best.mean - second.mean)
    if decimals is not None and 0 < gap < 0.5 * 10.0**-decimals:
        return f", less than {10.0**-decimals:.{decimals}f} behind"
    return f", {rounded(gap, decimals)} behind"


def _doubts(
    result: Result, comparison: Comparison, rows: list[ChoiceSummary], decimals: int | None
) -> list[object]:
    ranked = [row for row in rows if row.rank is not None]
    parts: list[object] = []
    if len(ranked) > 1:
        parts += _as_good(result, ranked)
        found = result.estimate_of_best(comparison.data)
        if found.mean is not None:
            parts.append(f"The best of {len(ranked)} is flattered by having been chosen; ")
            parts.append("judged on rows that did not choose, choosing the best gives ")
            parts.append(element("b", rounded(found.mean, decimals)))
            if found.interval:
                parts.append(f" ({interval_text(found.interval, decimals)})")
            parts.append(f": {found.method}.")
        else:
            parts.append(
                "The value of the best is flattered by its having been chosen, and no honest "
                f"estimate can be made here: {found.reason}."
            )
    if incomplete := len(rows) - len(ranked):
        parts.append(f" {counted(incomplete, 'choice')} incomplete and not ranked.")
    return parts


def _as_good(result: Result, ranked: list[ChoiceSummary]) -> list[object]:
    best, others = ranked[0], ranked[1:]
    if best.interval is None:
        return [
            "There is a single split, so nothing is known about how these values would vary: "
            "the order may be chance. "
            if best.n == 1
            else "No rows were kept apart, so nothing is known about new rows. "
        ]
    low, high = best.interval
    inside = [row for row in others if row.mean is not None and low <= row.mean <= high]
    beyond = [row for row in others if row.mean is not None and _better(result, row.mean, best)]
    inside = list(dict.fromkeys(inside + beyond))
    if not inside:
        return [
            "No other choice has its mean inside that interval. The intervals are a first look; "
            "a paired comparison with the best is not part of this report. "
        ]
    names = kinds(result.record)
    of = list(dict.fromkeys(names[row.choice] for row in inside))
    which = f" ({', '.join(of[:4])}{', …' if len(of) > 4 else ''})" if len(of) > 1 else ""
    have = "has its mean" if len(inside) == 1 else "have their means"
    return [
        f"{counted(len(inside), 'other choice')}{which} {have} inside that interval"
        f"{' or beyond it' if beyond else ''} and may be as good; the intervals alone neither "
        "rule them out nor show them equal. "
    ]


def _better(result: Result, mean: float, best: ChoiceSummary) -> bool:
    """A better mean than that of the best is possible where validation rows rank."""
    assert best.mean is not None
    return mean > best.mean if result.record.greater_is_better else mean < best.mean


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
