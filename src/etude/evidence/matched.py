"""The choices that several data sets have in common, for comparing them over all of them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from etude.evidence.comparison import BETWEEN, Comparison, comparisons, member_value
from etude.evidence.rounding import counted, printable
from etude.evidence.targets import default_target, to_target
from etude.store.records import ChoiceRecord, StudyRecord

NAMED = 3
"""So many choices that are left out are named."""

Unit = Literal["epochs", "steps", "seconds"]


@dataclass(frozen=True)
class DataSet:
    """One data set: a comparison of a study, and where the matched choices stand in it.

    Attributes:
        name: of the data; with the study's where several data sets share a name.
        record: the study.
        comparison: that of this data.
        choices: the number of each matched choice in the study, in their order.
    """

    name: str
    record: StudyRecord
    comparison: Comparison
    choices: tuple[int, ...]


@dataclass(frozen=True)
class Matched:
    """Choices of the same model, loss and algorithm, or estimator, on several data sets.

    Attributes:
        labels: names of the choices, without the part on the data, as the first study has them.
        datasets: where they were compared.
        left_out: the choices that are not complete on all data sets, each with the names of
            those on which it is.
    """

    labels: tuple[str, ...]
    datasets: tuple[DataSet, ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]

    @property
    def metric(self) -> str | None:
        """The metric that decides on all data sets; None where they differ.

        Then ranks and profiles still compare the choices, signed ranks and means do not.
        """
        names = {dataset.record.metric for dataset in self.datasets}
        return names.pop() if len(names) == 1 else None

    @property
    def scores(self) -> np.ndarray:
        """`[choices, data sets]` means over splits on the judged rows, greater is better."""
        return np.stack([_means(d) * _sign(d) for d in self.datasets], axis=1)

    def errors(self) -> np.ndarray | None:
        """`[choices, data sets]` how far the means are from the best value of the metric.

        1 − accuracy, RMSE, 1 − R²: costs for a performance profile. None where a metric, such as
        a loss, has no best value.
        """
        columns = []
        for dataset in self.datasets:
            best = dataset.comparison.bounds[1 if dataset.comparison.greater_is_better else 0]
            if best is None:
                return None
            columns.append(np.abs(_means(dataset) - best))
        return np.stack(columns, axis=1)

    def to_target(self, unit: Unit = "steps") -> np.ndarray:
        """`[choices, data sets]` median epochs, steps or seconds to the default target of each.

        The target of a data set is that of all choices complete on it. Infinite where the median
        network does not reach it: a failure. Estimators, which have no epochs, always fail.
        """
        columns = []
        for dataset in self.datasets:
            target = default_target(dataset.comparison)
            found: dict[int, float | None] = {}
            if target is not None:
                rows = to_target(dataset.record, dataset.comparison, target)
                found = {row.choice: getattr(row, unit) for row in rows}
            values = [found.get(choice) for choice in dataset.choices]
            columns.append([np.inf if value is None else value for value in values])
        return np.array(columns, np.float64).T

    def runs(self, row: int) -> tuple[np.ndarray, ...]:
        """For each data set the values of a choice's networks, over splits and seeds.

        They are those of the metric on the judged rows, turned so that greater is better.
        """
        found = []
        for dataset in self.datasets:
            splits = {split.split: split for split in dataset.comparison.splits}
            values = [
                member_value(
                    dataset.record, member, splits[member.split], dataset.comparison.judged
                )
                for member in dataset.record.members
                if member.choice == dataset.choices[row] and member.split in splits
            ]
            found.append(np.array(values) * _sign(dataset))
        return tuple(found)

    def __str__(self) -> str:
        """What is compared, and what is left out: a sentence or two."""
        text = (
            f"{counted(len(self.labels), 'choice')} complete on each of "
            f"{counted(len(self.datasets), 'data set')}."
        )
        if not self.left_out:
            return text
        named = "; ".join(
            f"{printable(label)} (only on {', '.join(names)})"
            for label, names in self.left_out[:NAMED]
        )
        more = ", …" if len(self.left_out) > NAMED else ""
        return f"{text} {counted(len(self.left_out), 'choice')} left out: {named}{more}."


def matched(records: Sequence[StudyRecord]) -> Matched:
    """The choices that are complete on every data set of some studies.

    Choices match where the documents of their model, loss and algorithm (or of their estimator)
    and their labels are equal; what they are called does not matter.

    Args:
        records: the studies; each data choice of each is a data set.
    """
    compared = [(record, comparison) for record in records for comparison in comparisons(record)]
    names = _names(compared)
    places: dict[str, dict[int, int]] = {}  # choice -> data set -> its number there
    labels: dict[str, str] = {}
    for number, (record, comparison) in enumerate(compared):
        several = len(record.document["data"]) > 1
        for choice in comparison.choices[comparison.complete]:
            key = _key(record.choices[choice])
            labels.setdefault(key, _label(record.choices[choice], several))
            places.setdefault(key, {})[number] = int(choice)
    common = [key for key, where in places.items() if len(where) == len(compared)]
    return Matched(
        labels=tuple(labels[key] for key in common),
        datasets=tuple(
            DataSet(name, *found, tuple(places[key][number] for key in common))
            for number, (name, found) in enumerate(zip(names, compared, strict=True))
        ),
        left_out=tuple(
            (labels[key], tuple(names[number] for number in where))
            for key, where in places.items()
            if len(where) < len(compared)
        ),
    )


def _key(choice: ChoiceRecord) -> str:
    parts = {name: part for name, part in choice.document.items() if name != "data"}
    return json.dumps(parts, sort_keys=True, default=str)


def _label(choice: ChoiceRecord, several: bool) -> str:
    label = choice.label.partition(BETWEEN)[2] if several else choice.label
    if label:
        return label
    part = choice.document.get("algorithm") or choice.document.get("estimator") or {}
    return str(part.get("name", ""))


def _names(compared: Sequence[tuple[StudyRecord, Comparison]]) -> list[str]:
    """The data's name, with the study's where two share it, and a number where that is equal."""
    names, studies = [], []
    for record, comparison in compared:
        if len(record.document["data"]) > 1:
            name = record.choices[comparison.choices[0]].label.partition(BETWEEN)[0]
        else:
            name = str(record.document["data"][0].get("name", "data"))
        names.append(printable(name))
        studies.append(printable(record.name))
    for further in (studies, [str(number + 1) for number in range(len(names))]):
        counts = Counter(names)
        names = [
            f"{name} ({more})" if counts[name] > 1 else name
            for name, more in zip(names, further, strict=True)
        ]
    return names


def _means(dataset: DataSet) -> np.ndarray:
    """`[matched choices]` means over splits on the judged rows."""
    row = {int(choice): place for place, choice in enumerate(dataset.comparison.choices)}
    values = dataset.comparison.judged_values[[row[choice] for choice in dataset.choices]]
    means: np.ndarray = values.mean(axis=1)
    return means


def _sign(dataset: DataSet) -> float:
    return 1.0 if dataset.comparison.greater_is_better else -1.0
