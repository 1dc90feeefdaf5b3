"""The values by which choices are compared: one for each choice and split, seeds averaged."""

from dataclasses import dataclass

import numpy as np

from etude.store.records import MemberRecord, SplitRecord, StudyRecord

BETWEEN = " · "
"""Stands between the parts of a choice's label; the part on the data comes first."""

FINISHED = ("done", "stopped", "diverged")
"""The statuses of members that are as trained as they will ever be."""


@dataclass(frozen=True)
class Comparison:
    """The choices that share one data choice, and so the same splits.

    Attributes:
        data: number of the data choice.
        choices: `[choices]`, their numbers in the study.
        splits: the splits, in order.
        judged: role on whose rows estimates are made.
        judged_values: `[choices, splits]` of the deciding metric, seeds averaged. NaN where a
            member is missing. The worst infinity where a member diverged and no value of the
            trivial predictor is known.
        choosing: role on whose rows choices are ranked: "validation" where every split has
            validation rows, else the judged role.
        choosing_values: the same on those rows.
        greater_is_better: in which direction the metric improves.
        bounds: between which values it lies.
    """

    data: int
    choices: np.ndarray
    splits: tuple[SplitRecord, ...]
    judged: str
    judged_values: np.ndarray
    choosing: str
    choosing_values: np.ndarray
    greater_is_better: bool
    bounds: tuple[float | None, float | None] = (None, None)

    @property
    def test_over_train(self) -> float | None:
        """Rows that judge for each row that trained; exactly 1/(K − 1) for K folds.

        Validation rows are counted on neither side, which can only widen the intervals.
        """
        if self.judged != "test":
            return None
        train = sum(split.train for split in self.splits)
        return sum(split.test for split in self.splits) / train if train else None

    @property
    def complete(self) -> np.ndarray:
        """`[choices]`: whether every member of the choice has finished and has its values."""
        return ~(np.isnan(self.judged_values) | np.isnan(self.choosing_values)).any(axis=1)

    @property
    def scores(self) -> np.ndarray:
        """`[choices, splits]` of the choosing values, turned so that greater is better."""
        return self.choosing_values if self.greater_is_better else -self.choosing_values


def data_numbers(record: StudyRecord) -> np.ndarray:
    """`[choices]`: the number of the data choice of every choice."""
    documents = record.document["data"]
    return np.array(
        [documents.index(choice.document["data"]) for choice in record.choices], dtype=int
    )


def comparisons(record: StudyRecord) -> tuple[Comparison, ...]:
    """One comparison for every data choice: values on different data are not compared."""
    numbers = data_numbers(record)
    found = []
    for data in np.unique(numbers):
        splits = tuple(
            sorted((s for s in record.splits if s.data == data), key=lambda split: split.split)
        )
        choices = np.flatnonzero(numbers == data)
        inside = record.judged == "test" and all(split.validation > 0 for split in splits)
        choosing = "validation" if inside and splits else record.judged
        values = {
            role: split_values(record, choices, splits, role) for role in {record.judged, choosing}
        }
        found.append(
            Comparison(
                data=int(data),
                choices=choices,
                splits=splits,
                judged=record.judged,
                judged_values=values[record.judged],
                choosing=choosing,
                choosing_values=values[choosing],
                greater_is_better=record.greater_is_better,
                bounds=record.bounds,
            )
        )
    return tuple(found)


def baseline_of(record: StudyRecord, comparison: Comparison) -> int | None:
    """The number of the declared baseline among the choices; None where none is declared."""
    declared = record.document.get("baseline")
    return None if declared is None else called(record, comparison, declared)


def called(record: StudyRecord, comparison: Comparison, name: str) -> int | None:
    """The number of the choice that the ranking calls so; None where there is none.

    In a study of several data the part of the label that names the data may be left out.
    """
    several = len(record.document["data"]) > 1
    for choice in comparison.choices:
        label = record.choices[int(choice)].label
        if name == label or (several and name == label.partition(BETWEEN)[2]):
            return int(choice)
    return None


def split_values(
    record: StudyRecord, choices: np.ndarray, splits: tuple[SplitRecord, ...], role: str
) -> np.ndarray:
    """`[choices, splits]` of the deciding metric on the rows of a role, seeds averaged."""
    row = {int(choice): index for index, choice in enumerate(choices)}
    column = {split.split: index for index, split in enumerate(splits)}
    total = np.zeros((len(choices), len(splits)))
    count = np.zeros((len(choices), len(splits)), dtype=int)
    for member in record.members:
        if member.choice in row and member.split in column:
            place = row[member.choice], column[member.split]
            total[place] += member_value(record, member, splits[place[1]], role)
            count[place] += 1
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def member_value(record: StudyRecord, member: MemberRecord, split: SplitRecord, role: str) -> float:
    """What a member counts with: its value, or the trivial predictor's if it diverged.

    Returns:
        NaN if the member is not finished or has no such value. The worst infinity if it
        diverged and the trivial predictor's value is not known.
    """
    if member.status not in FINISHED:
        return float("nan")
    if member.status == "diverged":
        trivial = split.trivial.get(role, {}).get(record.metric)
        worst = float("-inf") if record.greater_is_better else float("inf")
        return worst if trivial is None or not np.isfinite(trivial) else float(trivial)
    value = member.values.get(role, {}).get(record.metric)
    return float("nan") if value is None else float(value)
