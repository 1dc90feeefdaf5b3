"""The last parts of a report: the study itself, what it ran on, and how to read the figures."""

import json
from collections import Counter
from collections.abc import Sequence

from etude.evidence.comparison import Comparison
from etude.evidence.out_of_bag import point_632
from etude.evidence.result import Result
from etude.evidence.rounding import counted, printable
from etude.reporting.markup import Html, element, join
from etude.reporting.tables import MOST, html_table
from etude.store.records import SplitRecord

NAMED = 10
"""So many choices are told with how often each was chosen."""

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
    better = "greater" if record.greater_is_better else "smaller"
    what = "outer split" if comparison.nested else "split"
    notes: list[str] = [
        f"Means are of {record.metric} ({better} is better) on the {comparison.judged} rows of "
        f"{counted(len(comparison.splits), what)} ({_rows(comparison.splits)} rows each); seeds "
        "are averaged inside each split first and never count as further evidence.",
    ]
    if result.nested_search is not None:
        notes += _of_nested_search(result, comparison)
    elif comparison.nested:
        notes += _of_nested(result, comparison)
    elif comparison.choosing != comparison.judged:
        notes.append(
            f"Choices are ranked, and the probability of being best is computed, on the "
            f"{comparison.choosing} rows; the {comparison.judged} rows had no say."
        )
    else:
        notes.append(
            f"There are no validation rows: choices are ranked on the {comparison.judged} rows "
            "themselves, so the mean of the first one is flattered by its having been chosen."
        )
    notes += _of_bootstrap(result, comparison)
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
        why = comparison.untestable or "they need two splits with rows kept apart"
        notes.append(f"There are no standard errors: {why}.")
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


def _of_nested(result: Result, comparison: Comparison) -> list[str]:
    """What was chosen where, and how often."""
    inner = counted(len(comparison.inner), "inner split")
    return [
        f"Choices are ranked by their mean on the rows that {inner} hold out of the training rows "
        f"of the outer ones ({_rows(comparison.inner)} rows each). "
        "For each outer split the best on its own inner splits is chosen, and judged on test rows "
        "that none of these held. The ranking takes all outer splits together, so its first "
        "choice has been chosen with a look at every row: what it is worth is the estimate below, "
        "not its own mean.",
        *_how_often(result, comparison),
        "Which choices may be best, and the probability of being best, are told by the test rows "
        "of the outer splits: inner splits of different outer ones hold much the same rows.",
    ]


def _of_nested_search(result: Result, comparison: Comparison) -> list[str]:
    """Which rows the searches saw, and what the choice that is handed over is worth."""
    inner = counted(len(comparison.inner), "inner split")
    return [
        f"Every outer split had a search of its own, told of {inner} of the training rows of the "
        f"outer ones ({_rows(comparison.inner)} rows each). What it chose was trained on the outer "
        "split and judged on test rows that had no say in what was tried, left or was chosen.",
        "One more search was told of inner splits of all rows, and its choice is handed over. No "
        "rows are left to judge it; what it is worth is the estimate below, which is of choosing "
        "like this with the training rows of an outer split.",
        *_how_often(result, comparison),
        "Choices have no ranks: what the searches tried is not the same on all splits.",
    ]


def _of_bootstrap(result: Result, comparison: Comparison) -> list[str]:
    """Which way out-of-bag values lean, and what stands beside them."""
    if not point_632(result.record, comparison):
        return []
    return [
        "Test rows are out of bag: networks were trained on rows drawn with replacement, 63 % of "
        "them, and judged on the others. So the means are pessimistic, rather worse than networks "
        "trained on all rows. The .632 estimate, 0.632 · out of bag + 0.368 · training rows "
        "(Efron 1983), leans the other way for networks that fit their training rows closely; the "
        "truth is mostly between the two. Nothing is decided by it."
    ]


def _how_often(result: Result, comparison: Comparison) -> list[str]:
    """How often each choice was chosen over the outer splits, the most frequent first."""
    chosen = Counter(result.estimate_of_best(comparison.data).chosen)
    if (comparison.complete.sum() < 2 and result.nested_search is None) or not chosen:
        return []
    told = "; ".join(
        f"{printable(result.record.choices[choice].label)} on {times}"
        for choice, times in chosen.most_common(NAMED)
    )
    rest = f"; {counted(len(chosen) - NAMED, 'other')} less often" if len(chosen) > NAMED else ""
    return [f"Chosen over the {counted(len(comparison.splits), 'outer split')}: {told}{rest}."]


def _rows(splits: Sequence[SplitRecord]) -> str:
    """How many rows of each role splits have: "160 train, 40 test"."""
    sizes = {
        role: [getattr(split, role) for split in splits] for role in ("train", "validation", "test")
    }
    told = ", ".join(f"{_range(count)} {role}" for role, count in sizes.items() if any(count))
    return told or "no"


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
