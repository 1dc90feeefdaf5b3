"""Comparisons for people at a terminal: with a baseline, with the best, over several data sets."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from etude.errors import InputError
from etude.evidence.comparison import Comparison
from etude.evidence.matched import Matched, Unit, matched
from etude.evidence.paired import Difference
from etude.evidence.result import Result, figures_of
from etude.evidence.rounding import decimals_for, interval_text, printable, rounded
from etude.evidence.several import average_ranks, interquartile_mean, profile, wilcoxon

RATIOS = (1.0, 1.5, 2.0, 4.0)
"""The performance profile is told where a choice costs at most so many times the least cost."""


@dataclass(frozen=True)
class Answer:
    """What a comparison comes to.

    Attributes:
        tables: for people, each with the sentences below it; None where there is no table.
        document: for programs.
    """

    tables: list[tuple[Any, list[str]]]
    document: dict[str, Any]


def compared(
    results: Sequence[Result],
    baseline: str | None,
    region: float | None,
    target: float | None,
    unit: Unit,
) -> Answer:
    """One study's choices with a target, a baseline or the best; or those that studies share.

    Args:
        results: one study, or several.
        baseline: what the ranking calls the choice to compare with; by default the one that the
            study declares, and where it declares none the best.
        region: differences up to so much do not matter; by default as the study declares.
        target: a value of the metric, to be told how soon it is reached.
        unit: what performance profiles over several data sets count.

    Raises:
        InputError: the studies share no choice, there is no such baseline, an option is out of
            range, or it would have no effect beside the others.
    """
    _check_options(results, baseline, region, target)
    if len(results) > 1:
        common = matched([result.record for result in results])
        if not common.labels:
            raise InputError(f"the studies must have a choice in common to be compared: {common}")
        return Answer([over_data_sets(common, unit)], over_data_sets_json(common, unit))
    result = results[0]
    if target is not None:
        return Answer(
            [to_a_target(result, comparison, target) for comparison in result.comparisons],
            to_a_target_json(result, target),
        )
    if baseline is None and result.record.document.get("baseline") is None:
        return Answer(
            [with_the_best(result, comparison) for comparison in result.comparisons],
            bests_json(result),
        )
    region = result.record.document.get("region") or None if region is None else region
    tables, objects = [], []
    for comparison in result.comparisons:
        reference = result.reference(baseline, comparison.data)
        differences = result.compare(reference, region, comparison.data)
        tables.append(with_baseline(result, comparison, reference, differences))
        objects.append(differences_json(result, differences, reference))
    document = objects[0] if len(objects) == 1 else {"version": 1, "data": objects}
    return Answer(tables, document)


def _check_options(
    results: Sequence[Result], baseline: str | None, region: float | None, target: float | None
) -> None:
    """What would have no effect is refused, so that no answer is taken for another one."""
    given = {"baseline": baseline, "region": region, "target": target}
    options = {name: value for name, value in given.items() if value is not None}
    if len(results) > 1 and options:
        name, value = next(iter(options.items()))
        raise InputError(f"`--{name}` needs a single study, got {value!r} with {len(results)}")
    if target is not None:
        if not math.isfinite(target):
            raise InputError(f"`--target` must be a finite number, got {target}")
        for name in ("baseline", "region"):
            if name in options:
                raise InputError(
                    f"`--{name}` has no effect beside `--target`, got {options[name]!r}; "
                    "give one of them"
                )
        return
    declared = results[0].record.document.get("baseline")
    if region is not None and baseline is None and declared is None:
        raise InputError(
            f"`--region` needs a baseline, got {region!r} and the study declares none; "
            "name one with `--baseline`"
        )


def with_baseline(
    result: Result, comparison: Comparison, reference: int, differences: Sequence[Difference]
) -> tuple[Any, list[str]]:
    """A table of every other choice against the baseline, and what must be known to read it."""
    record = result.record
    decimals = decimals_for(difference.stderr for difference in differences)
    probable = any(difference.equivalence is not None for difference in differences)
    headers = ["choice", "difference", "95 % interval", "p (Holm)", "effect"]
    headers += ["worse", "equivalent", "better"] if probable else []
    rows = []
    order = {row.choice: place for place, row in enumerate(result.summaries)}
    for difference in sorted(differences, key=lambda each: order[each.choice]):
        row = [
            record.choices[difference.choice].label,
            _signed(difference.mean, decimals),
            interval_text(difference.interval, decimals),
            "–" if difference.p_holm is None else p_text(difference.p_holm),
            "–" if difference.effect is None else f"{difference.effect:+.1f}",
        ]
        if probable:
            shares = difference.equivalence
            row += ["–"] * 3 if shares is None else [
                f"{100 * share:.0f} %" for share in (shares.worse, shares.equivalent, shares.better)
            ]  # fmt: skip
        rows.append([*row, difference.verdict])
    label = printable(record.choices[reference].label)
    notes = [
        f"Differences of mean {record.metric} on the {comparison.judged} rows from the baseline "
        f"{label}, paired over {len(comparison.splits)} splits. The tests are corrected for "
        "overlapping training rows (Nadeau and Bengio 2003) and for their number (Holm)."
    ]
    reasons = {difference.reason for difference in differences if difference.reason}
    notes += [f"Where figures are missing: {reason}." for reason in sorted(reasons)]
    return _table([*headers, "verdict"], rows), notes


def with_the_best(result: Result, comparison: Comparison) -> tuple[Any, list[str]]:
    """A table of all complete choices, those that may be best first."""
    record, found = result.record, result.possible_bests[comparison.data]
    if found.best is None:
        return None, [f"Nothing can be compared: {found.reason}."]
    summaries = {row.choice: row for row in result.summaries}
    decimals = decimals_for(summaries[choice].stderr for choice in found.p)
    rows = [
        [
            record.choices[choice].label,
            rounded(summaries[choice].mean, decimals),
            p_text(found.p[choice]),
            "may be best" if choice in found.choices else "worse",
        ]
        for choice in (*found.choices, *found.worse)
    ]
    return _table(["choice", record.metric, "p (as good)", "verdict"], rows), [found.method]


def to_a_target(result: Result, comparison: Comparison, target: float) -> tuple[Any, list[str]]:
    """A table of how soon the networks of each choice reach a value, the soonest first."""
    record = result.record
    rows = sorted(
        result.to_target(target, comparison.data),
        key=lambda row: (row.steps is None, row.steps or 0.0, -(row.share or 0.0)),
    )
    cells = [
        [
            record.choices[row.choice].label,
            "–" if row.share is None else f"{100 * row.share:.0f} %",
            *("–" if value is None else f"{value:,.4g}" for value in (row.epochs, row.steps)),
            "–" if row.seconds is None else f"{row.seconds:.3g}",
        ]
        for row in rows
    ]
    notes = [
        f"How soon {record.metric} reaches {target:g} on the {comparison.choosing} rows: the share "
        "of networks that do, and the median over networks. Where half of them never do there is "
        "no median."
    ]
    return _table(["choice", "reached", "epochs", "steps", "seconds"], cells), notes


def over_data_sets(common: Matched, unit: Unit) -> tuple[Any, list[str]]:
    """A table of the choices that all data sets have: ranks, middle means, performance profile.

    The middle means have no intervals: values of splits that share training rows are not
    independent, and the spread between a few data sets is better told by the ranks.
    """
    ranks = average_ranks(common.scores)
    costs = common.to_target(unit)
    profiles = profile(costs)
    headers = ["choice", "mean rank"]
    headers += [f"middle {common.metric}"] if common.metric else []
    headers += [f"within {ratio:g}×" for ratio in RATIOS]
    sign = 1.0 if common.datasets[0].comparison.greater_is_better else -1.0
    networks = common.trains_in_steps
    rows = []
    for row in sorted(range(len(common.labels)), key=lambda row: ranks.ranks[row]):
        cells = [common.labels[row], f"{ranks.ranks[row]:.2f}"]
        if common.metric:
            middle = interquartile_mean(common.runs(row), independent=False)
            cells.append(rounded(None if middle.mean is None else sign * middle.mean, 4))
        if networks[row]:
            cells += [f"{100 * profiles[row].at(ratio):.0f} %" for ratio in RATIOS]
        else:
            cells += ["–"] * len(RATIOS)
        rows.append(cells)
    notes = [str(common)]
    notes.append(
        f"Within 2×: the share of data sets on which a choice takes at most twice the {unit} of "
        "the fastest one to the value of the best choice less one standard error (performance "
        "profile, Dolan and Moré 2002)."
    )
    if not all(networks):
        notes.append("Estimators are not measured while they train: they have no profile.")
    if ranks.p is not None:
        notes.append(
            f"That all are alike: Friedman's test over {ranks.n} data sets, p {p_text(ranks.p)}."
        )
    elif ranks.reason:
        notes.append(f"No test over data sets: {ranks.reason}.")
    return _table(headers, rows), notes + _decided(common)


def over_data_sets_json(common: Matched, unit: Unit) -> dict[str, Any]:
    """The same as one object for programs."""
    ranks = average_ranks(common.scores)
    profiles = profile(common.to_target(unit))
    return {
        "version": 1,
        "data_sets": [dataset.name for dataset in common.datasets],
        "metric": common.metric,
        "unit": unit,
        "friedman": {"statistic": ranks.statistic, "p": ranks.p, "n": ranks.n},
        "choices": [
            {
                "choice": label,
                "mean_rank": ranks.ranks[row],
                "profile": {f"{ratio:g}": profiles[row].at(ratio) for ratio in RATIOS}
                if common.trains_in_steps[row]
                else None,
            }
            for row, label in enumerate(common.labels)
        ],
        "left_out": [label for label, _ in common.left_out],
        "counted_once": list(common.once),
    }


def differences_json(
    result: Result, differences: Sequence[Difference], reference: int
) -> dict[str, Any]:
    """The comparison with a baseline as one object for programs."""
    choices = result.record.choices
    return {
        "version": 1,
        "study": result.record.name,
        "metric": result.record.metric,
        "baseline": choices[reference].label,
        "differences": [
            {"choice": choices[each.choice].label} | figures_of(each) for each in differences
        ],
    }


def to_a_target_json(result: Result, target: float) -> dict[str, Any]:
    """How soon a value is reached, as one object for programs."""
    return {
        "version": 1,
        "study": result.record.name,
        "metric": result.record.metric,
        "target": target,
        "choices": [
            vars(row) | {"choice": result.record.choices[row.choice].label}
            for comparison in result.comparisons
            for row in result.to_target(target, comparison.data)
        ],
    }


def bests_json(result: Result) -> dict[str, Any]:
    """The comparison with the best as one object for programs."""
    choices = result.record.choices
    return {
        "version": 1,
        "study": result.record.name,
        "metric": result.record.metric,
        "data": [
            {
                "best": None if found.best is None else choices[found.best].label,
                "may_be_best": [choices[choice].label for choice in found.choices],
                "worse": [choices[choice].label for choice in found.worse],
                "p": [{"choice": choices[choice].label, "p": p} for choice, p in found.p.items()],
                "method": found.method or None,
                "reason": found.reason or None,
            }
            for found in result.possible_bests.values()
        ],
    }


def p_text(p: float) -> str:
    """A p-value with three decimals.

    Example:
        >>> p_text(0.04321), p_text(0.00001)
        ('0.043', '< 0.001')
    """
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _decided(common: Matched) -> list[str]:
    """The pairs that signed ranks decide, or why they decide none."""
    if common.metric is None:
        return ["The data sets are judged by different metrics, so values are not compared."]
    pairs = wilcoxon(common.scores)
    told = [
        f"{printable(common.labels[pair.first])} is {pair.verdict} than "
        f"{printable(common.labels[pair.second])} (p {p_text(pair.p_holm)})"
        for pair in pairs
        if pair.verdict != "undecided"
    ]
    if told:
        return [f"Wilcoxon's signed ranks with Holm: {'; '.join(told[:10])}."]
    reasons = {pair.reason for pair in pairs if pair.reason}
    why = f": {sorted(reasons)[0]}" if reasons else ""
    return [f"Wilcoxon's signed ranks with Holm decide none of {len(pairs)} pairs{why}."]


def _signed(value: float | None, decimals: int | None) -> str:
    text = rounded(value, decimals)
    return f"+{text}" if value is not None and value > 0 and text[0].isdigit() else text


def _table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> Any:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for number, header in enumerate(headers):
        left = number == 0 or header == "verdict"
        table.add_column(
            Text(printable(header)),
            justify="left" if left else "right",
            overflow="fold",
            no_wrap=number > 0,
        )
    for row in rows:
        table.add_row(*(Text(printable(cell)) for cell in row))
    return table
