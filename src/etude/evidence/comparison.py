"""The values by which choices are compared: one for each choice and split, seeds averaged."""

from dataclasses import dataclass

import numpy as np

from etude.evidence.data_sets import data_sets, unaugmented
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
        splits: the splits that judge, in order.
        judged: role on whose rows estimates are made.
        judged_values: `[choices, splits]` of the deciding metric, seeds averaged. NaN where a
            member is missing. The worst infinity where a member diverged and no value of the
            trivial predictor is known.
        choosing: role on whose rows choices are ranked: "validation" where every split has
            validation rows or inner splits, else the judged role.
        choosing_values: the same on those rows; where validation is nested, the mean over the
            inner splits of each split.
        greater_is_better: in which direction the metric improves.
        bounds: between which values it lies.
        inner: where validation is nested, the splits that choose for `splits`, in order.
        same_test_rows: whether the same rows judge all splits (replicates, or one fixed set of
            test rows): then the spread over splits says nothing of other test rows, and there are
            no tests and no intervals.
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
    inner: tuple[SplitRecord, ...] = ()
    same_test_rows: bool = False

    @property
    def nested(self) -> bool:
        """Whether inner splits choose and outer ones judge."""
        return bool(self.inner)

    @property
    def choosing_splits(self) -> tuple[SplitRecord, ...]:
        """The splits on whose rows choices are ranked."""
        return self.inner or self.splits

    @property
    def tested(self) -> str:
        """Role on whose rows choices are tested against one another.

        It is that on which they are ranked, but where validation is nested the judged one: the
        inner splits of different outer ones hold much the same rows, and so would not count as
        several.
        """
        return self.judged if self.nested else self.choosing

    @property
    def tested_scores(self) -> np.ndarray:
        """`[choices, splits]` of the values that are tested, turned so that greater is better."""
        values = self.judged_values if self.nested else self.choosing_values
        return values if self.greater_is_better else -values

    @property
    def tested_over_train(self) -> float | None:
        """Rows that are tested on for each row that trained; None where those trained."""
        if self.tested != "validation":
            return self.test_over_train
        return self.choosing_over_train

    @property
    def choosing_over_train(self) -> float | None:
        """Rows that choose for each row that trained; None where they are rows that trained."""
        if self.choosing != "validation":
            return self.test_over_train
        train = sum(split.train for split in self.choosing_splits)
        return sum(split.validation for split in self.choosing_splits) / train if train else None

    @property
    def untestable(self) -> str:
        """Why the splits cannot tell choices apart from one another; "" where they can."""
        if self.judged == "test" and self.same_test_rows:
            return "all splits are judged on the same rows, and say nothing of others"
        return "" if self.judged == "test" else "the study keeps no rows apart to judge on"

    @property
    def test_over_train(self) -> float | None:
        """Rows that judge for each row that trained; exactly 1/(K − 1) for K folds.

        Validation rows are counted on neither side, which can only widen the intervals.
        """
        if self.judged != "test" or self.same_test_rows:
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
    """`[choices]`: the number of the data set of every choice."""
    documents = data_sets(record)
    return np.array(
        [documents.index(unaugmented(choice.document["data"])) for choice in record.choices],
        dtype=int,
    )


def comparisons(record: StudyRecord) -> tuple[Comparison, ...]:
    """One comparison for every data choice: values on different data are not compared."""
    numbers = data_numbers(record)
    found = []
    for data in np.unique(numbers):
        every = sorted((s for s in record.splits if s.data == data), key=lambda split: split.split)
        splits = tuple(split for split in every if split.chooses_for < 0)
        inner = tuple(split for split in every if split.chooses_for >= 0)
        choices = np.flatnonzero(numbers == data)
        inside = record.judged == "test" and all(split.validation > 0 for split in splits)
        choosing = "validation" if inner or (inside and splits) else record.judged
        judged_values = split_values(record, choices, splits, record.judged)
        if inner:
            choosing_values = _means_of_inner(record, choices, splits, inner)
        elif choosing == record.judged:
            choosing_values = judged_values
        else:
            choosing_values = split_values(record, choices, splits, choosing)
        found.append(
            Comparison(
                data=int(data),
                choices=choices,
                splits=splits,
                judged=record.judged,
                judged_values=judged_values,
                choosing=choosing,
                choosing_values=choosing_values,
                greater_is_better=record.greater_is_better,
                bounds=record.bounds,
                inner=inner,
                same_test_rows=_share_test_rows(record, splits),
            )
        )
    return tuple(found)


def choosing_scores(record: StudyRecord) -> np.ndarray:
    """`[choices]`: the mean over splits on the rows that choose, turned so that greater is better.

    NaN for a choice of which a member has no value there.
    """
    scores = np.full(len(record.choices), np.nan)
    for comparison in comparisons(record):
        scores[comparison.choices] = comparison.scores.mean(axis=1)
    return scores


def _share_test_rows(record: StudyRecord, splits: tuple[SplitRecord, ...]) -> bool:
    """Whether the same rows judge all splits: older records tell it by the validation's name.

    That is the outer one where validation is nested.
    """
    document = record.document.get("validation") or {}
    replicates = document.get("outer", document).get("name") == "replicates"
    return replicates or (len(splits) > 1 and all(split.judged_as_first for split in splits[1:]))


def _means_of_inner(
    record: StudyRecord,
    choices: np.ndarray,
    splits: tuple[SplitRecord, ...],
    inner: tuple[SplitRecord, ...],
) -> np.ndarray:
    """`[choices, splits]`: for every split the mean over those that choose for it."""
    values = split_values(record, choices, inner, "validation")
    of_split = np.array([split.chooses_for for split in inner])
    return np.stack([values[:, of_split == split.split].mean(axis=1) for split in splits], axis=1)


def baseline_of(record: StudyRecord, comparison: Comparison) -> int | None:
    """The number of the declared baseline among the choices; None where none is declared."""
    declared = record.document.get("baseline")
    return None if declared is None else called(record, comparison, declared)


def called(record: StudyRecord, comparison: Comparison, name: str) -> int | None:
    """The number of the choice that the ranking calls so; None where there is none.

    In a study of several data the part of the label that names the data may be left out.
    """
    several = len(data_sets(record)) > 1
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
