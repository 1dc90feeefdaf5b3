"""The rows behind the charts, computed from a result alone."""

import math
from collections.abc import Container
from dataclasses import dataclass

import numpy as np

from etude.evidence.comparison import Comparison, member_value
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.result import Result
from etude.evidence.rounding import printable
from etude.evidence.verdict import kinds
from etude.reporting.axes import Row, name_of, short, spans_decades
from etude.store.records import MemberRecord, StudyRecord

ROLES = ("train", "validation", "test")
"""The order of roles in `MemberRecord.curves`."""

MOST_EPOCHS = 120
"""Longer curves are drawn at this many evenly spaced epochs."""

MOST_VALUES = 60
"""A number that took more values than this is drawn by the best choice in each of 40 ranges."""

RANGES = 40

MOST_PLACES = 400
"""More choices than this are summarized several at a time."""


@dataclass(frozen=True)
class CurvePanel:
    """Learning curves of one choice.

    Attributes:
        kind: what it is the best choice of.
        label: its name.
        curves: metric -> rows `epoch, rows, mean, low, high`; low and high are the lowest and
            highest split, seeds averaged.
        gap: rows `epoch, mean, low, high` of held-out loss − training loss; may be empty.
        held_out: the role of the held-out rows; "" where none were measured.
        carried: how many members stopped early, their last value being carried on.
    """

    kind: str
    label: str
    curves: dict[str, list[Row]]
    gap: list[Row]
    held_out: str
    carried: int


@dataclass(frozen=True)
class SensitivityPanel:
    """The deciding metric against one swept number, for one kind of choice.

    Attributes:
        field: the swept field, "algorithm.learning_rate".
        kind: the kind of choice.
        rows: `x, mean, low, high, diverged, choice`, x ascending.
        others: the other swept fields, which are at their best for every x.
        thinned: whether there is one row for each range of x, at the best choice in it.
    """

    field: str
    kind: str
    rows: list[Row]
    others: tuple[str, ...]
    thinned: bool = False


def all_diverged(result: Result, data: int) -> bool:
    """Whether every network of the choices that are ranked diverged: there is nothing to tell."""
    ranked = [row for row in result.summaries if row.data == data and row.rank is not None]
    return bool(ranked) and all(row.diverged == row.members for row in ranked)


def field_name(field: str) -> str:
    """A swept field for people: "algorithm.learning_rate" is the algorithm's learning_rate."""
    return field.removeprefix("algorithm.")


def best_of_kinds(result: Result, data: int) -> list[ChoiceSummary]:
    """The best ranked choice of every kind, in the order of the ranking."""
    names = kinds(result.record)
    found: dict[str, ChoiceSummary] = {}
    for row in result.summaries:
        if row.data == data and row.rank is not None:
            found.setdefault(names[row.choice], row)
    return list(found.values())


def ranking_rows(summaries: list[ChoiceSummary], worse: Container[int] = ()) -> list[Row]:
    """`name, choice, order, worse, mean, low, high` of the choices with a mean, in their order.

    Args:
        summaries: in the order of the ranking.
        worse: the choices that are no possible bests.
    """
    return [
        {
            "name": name_of(order, row.rank, printable(row.label)),
            "choice": printable(row.label),
            "order": order,
            "worse": row.choice in worse,
            "mean": short(row.mean),
            "low": short(row.interval[0] if row.interval else row.mean),
            "high": short(row.interval[1] if row.interval else row.mean),
        }
        for order, row in enumerate(summaries)
        if row.mean is not None
    ]


def member_rows(result: Result, comparison: Comparison) -> list[Row]:
    """`place, value, choice, split, seed, status` of every finished member.

    `place` is the position of its choice in the ranking, from 1.
    """
    place = {
        row.choice: position
        for position, row in enumerate(
            (row for row in result.summaries if row.data == comparison.data), start=1
        )
    }
    splits = {split.split: split for split in comparison.splits}
    rows = []
    for member in result.record.members:
        if member.choice not in place or member.split not in splits:
            continue
        value = member_value(result.record, member, splits[member.split], comparison.judged)
        if math.isfinite(value):
            rows.append(
                {
                    "place": place[member.choice],
                    "value": short(value),
                    "choice": printable(result.record.choices[member.choice].label),
                    "split": member.split + 1,
                    "seed": member.seed + 1,
                    "status": member.status,
                }
            )
    return rows


def spread_rows(members: list[Row]) -> list[Row]:
    """`place, choices, networks, low, lower, middle, upper, high, diverged`: quartiles of
    `member_rows` for every choice; for several neighbouring ones where there are many.
    """
    count = max(row["place"] for row in members)
    step = -(-count // MOST_PLACES)
    groups: dict[int, list[Row]] = {}
    for row in members:
        groups.setdefault((row["place"] - 1) // step, []).append(row)
    found = []
    for number, group in sorted(groups.items()):
        first, last = number * step + 1, min((number + 1) * step, count)
        quartiles = np.quantile([row["value"] for row in group], [0, 0.25, 0.5, 0.75, 1])
        keys = ("low", "lower", "middle", "upper", "high")
        found.append(
            {
                "place": (first + last) / 2,
                "choices": str(first) if first == last else f"{first} to {last}",
                "networks": len(group),
                **{key: short(float(q)) for key, q in zip(keys, quartiles, strict=True)},
                "diverged": sum(row["status"] == "diverged" for row in group),
            }
        )
    return found


def curve_panels(result: Result, data: int) -> list[CurvePanel]:
    """Learning curves of the best choice of every kind, in the order of the ranking."""
    names = kinds(result.record)
    splits = {s.split for c in result.comparisons if c.data == data for s in c.splits}
    members: dict[int, list[MemberRecord]] = {}
    for member in result.record.members:
        if member.curves.size and member.split in splits:
            members.setdefault(member.choice, []).append(member)
    return [
        panel
        for row in best_of_kinds(result, data)
        if (panel := _curve_panel(result.record, row, names[row.choice], members.get(row.choice)))
    ]


def sensitivity_panels(result: Result, data: int) -> dict[str, list[SensitivityPanel]]:
    """Swept field -> one panel for every kind of choice that has several values of it."""
    names = kinds(result.record)
    groups: dict[str, dict[str, list[tuple[float, ChoiceSummary]]]] = {}
    for row in result.summaries:
        if row.data != data or row.rank is None or row.mean is None:
            continue
        for field, value in result.record.choices[row.choice].swept.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                group = groups.setdefault(field, {}).setdefault(names[row.choice], [])
                group.append((float(value), row))
    found: dict[str, list[SensitivityPanel]] = {}
    for field, by_kind in groups.items():
        panels = [
            panel
            for kind, points in by_kind.items()
            if len({x for x, _ in points}) > 1
            and (panel := _sensitivity_panel(result.record, field, kind, points))
        ]
        if panels:
            found[field] = panels
    return found


def _sensitivity_panel(
    record: StudyRecord, field: str, kind: str, points: list[tuple[float, ChoiceSummary]]
) -> SensitivityPanel:
    best: dict[float, ChoiceSummary] = {}
    for x, row in points:  # in the order of the ranking: the first one is the best
        best.setdefault(x, row)
    swept = [record.choices[row.choice].swept for _, row in points]
    others = tuple(
        other
        for other in dict.fromkeys(name for fields in swept for name in fields)
        if other != field and len({str(fields.get(other)) for fields in swept}) > 1
    )
    thinned = len(best) > MOST_VALUES
    rows = [
        {
            "x": x,
            "mean": short(row.mean),
            "low": short(row.interval[0] if row.interval else row.mean),
            "high": short(row.interval[1] if row.interval else row.mean),
            "diverged": row.diverged,
            "choice": printable(row.label),
        }
        for x, row in sorted((_best_of_ranges(best) if thinned else best).items())
    ]
    return SensitivityPanel(field, kind, rows, others, thinned)


def _best_of_ranges(best: dict[float, ChoiceSummary]) -> dict[float, ChoiceSummary]:
    """The best choice in each of equal ranges of x, on the scale on which x is drawn."""
    values = list(best)  # in the order of the ranking
    scale = np.log(values) if spans_decades(values) else np.array(values)
    place = (scale - scale.min()) / (scale.max() - scale.min()) * RANGES
    first: dict[int, float] = {}
    for x, position in zip(values, place, strict=True):
        first.setdefault(min(int(position), RANGES - 1), x)
    return {x: best[x] for x in first.values()}


def _curve_panel(
    record: StudyRecord, row: ChoiceSummary, kind: str, members: list[MemberRecord] | None
) -> CurvePanel | None:
    if not members:
        return None
    values = _curves_by_split(members)  # [splits, epochs, roles, metrics]
    measured = np.isfinite(values).any(axis=(0, 1, 3))
    held_out = next((role for role in ("validation", "test") if measured[ROLES.index(role)]), "")
    epochs = _shown_epochs(values.shape[1])
    curves = {}
    for name in dict.fromkeys((record.metric, "loss")):
        if name not in record.metrics:
            continue
        lines = []
        for role, text in (("train", "training rows"), (held_out, "held-out rows")):
            if role and measured[ROLES.index(role)]:
                line = values[:, :, ROLES.index(role), record.metrics.index(name)]
                lines += [{**point, "rows": text} for point in _band(line, epochs)]
        if lines:
            curves[name] = lines
    gap: list[Row] = []
    if held_out and "loss" in record.metrics:
        loss = values[:, :, :, record.metrics.index("loss")]
        gap = _band(loss[:, :, ROLES.index(held_out)] - loss[:, :, 0], epochs)
    if not curves:
        return None
    carried = sum(member.status == "stopped" for member in members)
    return CurvePanel(kind, printable(row.label), curves, gap, held_out, carried)


def _curves_by_split(members: list[MemberRecord]) -> np.ndarray:
    """`[splits, epochs, roles, metrics]`: seeds averaged, early stopped members carried on."""
    epochs = max(member.curves.shape[0] for member in members)
    splits: dict[int, list[np.ndarray]] = {}
    for member in members:
        curve = np.full((epochs, *member.curves.shape[1:]), np.nan)
        curve[: len(member.curves)] = member.curves
        if member.status == "stopped":
            curve[len(member.curves) :] = member.curves[-1]
        splits.setdefault(member.split, []).append(curve)
    return np.stack([np.mean(curves, axis=0) for _, curves in sorted(splits.items())])


def _shown_epochs(count: int) -> np.ndarray:
    return np.unique(np.linspace(0, count - 1, min(count, MOST_EPOCHS)).round().astype(int))


def _band(values: np.ndarray, epochs: np.ndarray) -> list[Row]:
    """`[splits, epochs]` -> rows, for the epochs in which every split has a value."""
    return [
        {
            "epoch": int(epoch) + 1,
            "mean": short(float(values[:, epoch].mean())),
            "low": short(float(values[:, epoch].min())),
            "high": short(float(values[:, epoch].max())),
        }
        for epoch in epochs
        if np.isfinite(values[:, epoch]).all()
    ]
