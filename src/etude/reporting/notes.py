"""The last parts of a report: the study itself, what it ran on, and how to read the figures."""

import json
from collections.abc import Sequence

from etude.evidence.comparison import Comparison
from etude.evidence.result import Result
from etude.evidence.rounding import counted
from etude.reporting.markup import Html, element, join
from etude.reporting.tables import MOST, html_table

LONGEST = 200_000
"""Longer descriptions of a study are cut: the store holds the whole of it."""


def study_file(result: Result) -> Html:
    """The study as its user wrote it, or with every field written out."""
    record = result.record
    document = json.dumps(record.document, indent=2, ensure_ascii=False, default=str)
    if len(document) > LONGEST:
        document = f"{document[:LONGEST]}\n… {len(document) - LONGEST:,} more characters"
    full = element("pre", element("code", document), tabindex="0")
    if not record.text:
        return element(
            "details", element("summary", "The study with every field written out"), full
        )
    return join(
        element("pre", element("code", record.text), tabindex="0"),
        element("details", element("summary", "With every field written out"), full),
    )


def versions(result: Result) -> Html:
    """The numerics profile, and the identity of the study."""
    record = result.record
    rows: list[list[object]] = [["created", record.created], ["identity", record.identity]]
    rows += [[key, _plain(value)] for key, value in record.profile.items()]
    parts = [html_table("What the figures depend on", ["what", "value"], rows, text=(1,))]
    if record.programs:
        headers = list(dict.fromkeys(key for program in record.programs for key in program))
        headers = [key for key in headers if key != "choices"]
        body: list[list[object]] = [
            [number, *(_plain(program.get(key, "")) for key in headers)]
            for number, program in enumerate(record.programs[:MOST], start=1)
        ]
        headers = ["program", *(key.replace("_", " ") for key in headers)]
        table = html_table("Programs", headers, body)
        parts.append(
            element("details", element("summary", counted(len(record.programs), "program")), table)
        )
    return join(*parts)


def method(result: Result, comparison: Comparison) -> Html:
    """What each number was measured on, and what it does not say."""
    record = result.record
    sizes = {
        role: [getattr(split, role) for split in comparison.splits]
        for role in ("train", "validation", "test")
    }
    rows = ", ".join(f"{_range(count)} {role}" for role, count in sizes.items() if any(count))
    better = "greater" if record.greater_is_better else "smaller"
    notes: list[str] = [
        f"Means are of {record.metric} ({better} is better) on the {comparison.judged} rows of "
        f"{counted(len(comparison.splits), 'split')} ({rows or 'no'} rows each); seeds are "
        "averaged inside each split first and never count as further evidence.",
    ]
    if comparison.choosing != comparison.judged:
        notes.append(
            f"Choices are ranked, and the probability of being best is computed, on the "
            f"{comparison.choosing} rows; the {comparison.judged} rows had no say."
        )
    else:
        notes.append(
            f"There are no validation rows: choices are ranked on the {comparison.judged} rows "
            "themselves, so the mean of the first one is flattered by its having been chosen."
        )
    if comparison.judged != "train":
        notes.append(
            "Figures of training rows are measured on a random sample of them, about as many as "
            "are held out; before version 0.3 on all of them."
        )
    found = result.estimate_of_best(comparison.data)
    notes.append(
        f"The value of the best, free of that: {found.method}."
        if found.mean is not None
        else f"No estimate of the best free of the choice is given: {found.reason}."
    )
    if comparison.test_over_train is not None and len(comparison.splits) > 1:
        notes.append(
            "Standard errors are √(variance over splits · (1/J + n_test/n_train)) with J = "
            f"{len(comparison.splits)} splits and n_test/n_train = "
            f"{comparison.test_over_train:.3g}; intervals are Student's with "
            f"{counted(len(comparison.splits) - 1, 'degree')} of freedom (Nadeau and Bengio 2003). "
            "They are approximate: training sets overlap, and no unbiased variance of "
            "cross-validation exists (Bengio and Grandvalet 2004)."
        )
        notes.append(
            "p best is the share of 10,000 bootstrap draws over splits (fixed seed) in which the "
            "choice has the best mean. It describes these splits; it is no test."
        )
    else:
        notes.append("There are no standard errors: they need two splits with rows kept apart.")
    bests = result.possible_bests[comparison.data]
    if bests.best is not None and bests.worse:
        notes.append(f"Which choices may be best: {bests.method}.")
    notes.append(
        "Overlapping intervals do not show that two choices are equal, nor does a higher rank "
        "show that one is better: choices share splits, and only their differences on the same "
        "split tell. A choice that may be best need not be: the splits could not rule it out."
    )
    notes.append(
        "A diverged network counts with the value of the trivial predictor (most frequent class, "
        "training mean) and is counted as diverged beside it. A choice with a failed or "
        "unfinished network is incomplete and is not ranked."
    )
    return element("ul", *(element("li", note) for note in notes), class_="notes")


def left_out(parts: Sequence[tuple[str, str]]) -> Html:
    """Which parts of a report have nothing to show, and why."""
    return element(
        "ul",
        *(element("li", element("b", title), f": {reason}.") for title, reason in parts),
        class_="notes",
    )


def _range(counts: list[int]) -> str:
    low, high = min(counts), max(counts)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
