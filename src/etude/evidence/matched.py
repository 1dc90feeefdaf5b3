"""The choices that several data sets have in common, for comparing them over all of them."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from etude.evidence.comparison import BETWEEN, Comparison, comparisons
from etude.evidence.data_sets import data_sets
from etude.evidence.rounding import counted, printable
from etude.evidence.targets import default_target, to_target
from etude.evidence.verdict import title
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
        once: a sentence on every study or data set that was given again and counts once.
    """

    labels: tuple[str, ...]
    datasets: tuple[DataSet, ...]
    left_out: tuple[tuple[str, tuple[str, ...]], ...]
    once: tuple[str, ...] = ()

    @property
    def metric(self) -> str | None:
        """The metric that decides on all data sets; None where they differ, in a setting too.

        Then ranks and profiles still compare the choices, signed ranks and means do not.
        """
        kinds = {_metric_key(dataset.record) for dataset in self.datasets}
        return self.datasets[0].record.metric if len(kinds) == 1 else None

    @property
    def trains_in_steps(self) -> tuple[bool, ...]:
        """For every choice whether it is a network: an estimator has no epochs and no steps."""
        first = self.datasets[0]
        return tuple(
            "estimator" not in first.record.choices[choice].document for choice in first.choices
        )

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
        network does not reach it: a failure. Infinite too for estimators, which have no epochs
        after which they could be measured (see `trains_in_steps`).
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
        """For each data set the values of a choice by split, seeds averaged inside each.

        They are those of the metric on the judged rows, turned so that greater is better. Splits
        of one data set may share training rows: these values are not independent.
        """
        return tuple(_values(d)[row] * _sign(d) for d in self.datasets)

    def __str__(self) -> str:
        """What is compared, what counts once, and what is left out: a few sentences."""
        text = (
            f"{counted(len(self.labels), 'choice')} complete on each of "
            f"{counted(len(self.datasets), 'data set')}."
        )
        text = " ".join([text, *self.once])
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
    and their labels are equal; what they are called does not matter. A data set counts once: of
    studies on the same data the first one is taken, for others would add no evidence on new data.

    Args:
        records: the studies; each data choice of each is a data set.
    """
    compared, names, once = _different(records)
    places: dict[str, dict[int, int]] = {}  # choice -> data set -> its number there
    labels: dict[str, str] = {}
    for number, (record, comparison) in enumerate(compared):
        several = len(data_sets(record)) > 1
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
        once=once,
    )


def _different(
    records: Sequence[StudyRecord],
) -> tuple[list[tuple[StudyRecord, Comparison]], list[str], tuple[str, ...]]:
    """Every data set once with its name, and a sentence on each study or data set given again."""
    times = Counter(record.identity for record in records)
    studies = list({record.identity: record for record in records}.values())
    once = [
        f"The study {printable(record.name)} is named {times[record.identity]} times "
        "and counts once."
        for record in studies
        if times[record.identity] > 1
    ]
    everything = [(record, comparison) for record in studies for comparison in comparisons(record)]
    names = _names(everything)
    first: dict[str, int] = {}
    for number, (record, comparison) in enumerate(everything):
        document = json.dumps(data_sets(record)[comparison.data], sort_keys=True, default=str)
        if first.setdefault(document, number) != number:
            once.append(
                f"{names[number]} is left out: its data are those of {names[first[document]]}, "
                "and a data set counts once."
            )
    kept = sorted(first.values())
    return [everything[number] for number in kept], [names[number] for number in kept], tuple(once)


def _metric_key(record: StudyRecord) -> str:
    """The deciding metric with its settings; of a loss that decides, the losses of the study."""
    document = record.document
    parts = [record.metric, document.get("metric") or {"name": record.metric}]
    if record.metric == "loss":
        parts.append(document.get("loss"))
    return json.dumps(parts, sort_keys=True, default=str)


def _key(choice: ChoiceRecord) -> str:
    parts = {name: part for name, part in choice.document.items() if name != "data"}
    augment = choice.document["data"].get("augment")
    parts |= {"augment": augment} if augment else {}
    return json.dumps(parts, sort_keys=True, default=str)


def _label(choice: ChoiceRecord, several: bool) -> str:
    label = choice.label.partition(BETWEEN)[2] if several else choice.label
    if label:
        return label
    part = choice.document.get("algorithm") or choice.document.get("estimator") or {}
    return title(part)


def _names(compared: Sequence[tuple[StudyRecord, Comparison]]) -> list[str]:
    """The data's name, with the study's where two share it, and a number where that is equal."""
    names, studies = [], []
    for record, comparison in compared:
        if len(data_sets(record)) > 1:
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


def _values(dataset: DataSet) -> np.ndarray:
    """`[matched choices, splits]` on the judged rows, seeds averaged."""
    row = {int(choice): place for place, choice in enumerate(dataset.comparison.choices)}
    return dataset.comparison.judged_values[[row[choice] for choice in dataset.choices]]


def _means(dataset: DataSet) -> np.ndarray:
    """`[matched choices]` means over splits on the judged rows."""
    means: np.ndarray = _values(dataset).mean(axis=1)
    return means


def _sign(dataset: DataSet) -> float:
    return 1.0 if dataset.comparison.greater_is_better else -1.0
