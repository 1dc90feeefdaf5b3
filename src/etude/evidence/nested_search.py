"""What the searches inside of nested validation chose, and what that was worth."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from etude.evidence.comparison import comparisons, split_values
from etude.evidence.ranking import ChoiceSummary
from etude.evidence.rounding import counted, decimals_for, rounded
from etude.evidence.searched import Round, cost_of, rounds_document, rounds_of, search_of
from etude.store.records import StudyRecord

NAMED = 10
"""What so many outer splits chose is told one by one."""


@dataclass(frozen=True)
class InnerSearch:
    """A search by the inner splits of one outer split, or of all rows.

    Attributes:
        split: number of the outer split; None where all rows were dealt.
        rounds: what it proposed, in order.
        chosen: number of the choice with the best mean over its inner splits, of those that were
            trained to the end there; None where none was.
        choosing_value: that mean, of the deciding metric.
        judged_value: of the chosen one on the test rows of the outer split, seeds averaged; None
            where all rows were dealt, for none are left to judge.
    """

    split: int | None
    rounds: tuple[Round, ...]
    chosen: int | None
    choosing_value: float | None
    judged_value: float | None


@dataclass(frozen=True)
class NestedSearch:
    """The searches of a study on nested validation.

    Attributes:
        name: of the search.
        outer: one for each outer split, in order.
        final: the one on all rows, which chooses what is handed over.
        refused: of every draw that could not be trained, why.
        steps: of all networks.
        steps_to_the_end: what the same networks would have taken to their ends.
        steps_of_the_grid: what all combinations on all splits would have taken; None where those
            cannot be counted.
    """

    name: str
    outer: tuple[InnerSearch, ...]
    final: InnerSearch
    refused: tuple[str, ...]
    steps: int
    steps_to_the_end: int
    steps_of_the_grid: int | None

    @property
    def untold(self) -> str:
        """Why nothing can be said of what searching is worth; "" where it can."""
        for one in self.outer:
            if one.split is not None and one.judged_value is None:
                lacks = "has no value there" if one.chosen is not None else "was trained to its end"
                which = "what was chosen" if one.chosen is not None else "no choice"
                return f"for outer split {one.split + 1} {which} {lacks}"
        return ""

    def document(self, record: StudyRecord) -> dict[str, Any]:
        """The searches as plain values for programs; `split` counts from 0, null for all rows."""
        return {
            "name": self.name,
            "nested": [
                {
                    "split": one.split,
                    "chosen": None if one.chosen is None else record.choices[one.chosen].label,
                    "inner_value": one.choosing_value,
                    "test_value": one.judged_value,
                    "rounds": rounds_document(record, one.rounds),
                }
                for one in (*self.outer, self.final)
            ],
            "refused": list(self.refused),
            "steps": self.steps,
            "steps_to_the_end": self.steps_to_the_end,
            "steps_of_the_grid": self.steps_of_the_grid,
        }

    def sentences(self, record: StudyRecord, name: Callable[[int], str]) -> list[tuple[str, ...]]:
        """What was chosen where, in parts.

        Args:
            record: of the study.
            name: the name of a choice as it stands in a sentence.
        """
        decimals = decimals_for(_spread(self.outer))
        told = [self._handed_over(name, decimals)]
        if len(self.outer) <= NAMED:
            for one in self.outer:
                if one.chosen is None or one.split is None:
                    continue
                inner, test = (rounded(v, decimals) for v in (one.choosing_value, one.judged_value))
                values = f" ({record.metric} {inner} on inner splits, {test} on its test rows)."
                told.append((f"Outer split {one.split + 1} chose ", name(one.chosen), values))
        else:
            times = Counter(one.chosen for one in self.outer if one.chosen is not None)
            parts: list[str] = [f"Chosen over the {len(self.outer)} outer splits: "]
            for choice, count in times.most_common(NAMED):
                parts += [name(choice), f" on {count}, "]
            parts[-1] = parts[-1].removesuffix(", ") + (", …" if len(times) > NAMED else ".")
            told.append(tuple(parts))
        whole = cost_of(self.steps, self.steps_to_the_end, self.steps_of_the_grid)
        tried = {
            trial for one in (*self.outer, self.final) for r in one.rounds for trial in r.trials
        }
        told.append(
            (
                f"The {len(self.outer) + 1} {self.name} searches tried "
                f"{counted(len(tried), 'choice')}: {whole}. Choices have no ranks, for not all "
                "of them were trained on all splits.",
            )
        )
        return told

    def _handed_over(self, name: Callable[[int], str], decimals: int | None) -> tuple[str, ...]:
        if self.final.chosen is None:
            return ("No choice was trained to its end on the inner splits of all rows.",)
        value = rounded(self.final.choosing_value, decimals)
        return (
            name(self.final.chosen),
            " was chosen by the same search on inner splits of all rows, with a mean of "
            f"{value} there, flattered by its having been chosen.",
        )


def nested_search(record: StudyRecord) -> NestedSearch | None:
    """The searches of a study inside nested validation; None where it has none that has ended."""
    found = search_of(record)
    if found is None or "searches" not in found:
        return None
    (comparison,) = comparisons(record)
    place = {split.split: number for number, split in enumerate(comparison.splits)}
    row = {int(choice): number for number, choice in enumerate(comparison.choices)}
    every = tuple(s for s in record.splits if s.chooses_for == len(comparison.splits))
    outer: list[InnerSearch] = []
    for one in found["searches"]:
        split, chosen = one["for"], one["chosen"]
        choosing = judged = float("nan")
        if chosen is not None and split is None:
            values = split_values(record, np.array([chosen]), every, "validation")
            choosing = float(values.mean())
        elif chosen is not None:
            at = row[chosen], place[split]
            choosing = float(comparison.choosing_values[at])
            judged = float(comparison.judged_values[at])
        told = tuple(v if np.isfinite(v) else None for v in (choosing, judged))
        outer.append(InnerSearch(split, rounds_of(one["rounds"]), chosen, *told))
    return NestedSearch(
        name=str(found["name"]),
        outer=tuple(one for one in outer if one.split is not None),
        final=next(one for one in outer if one.split is None),
        refused=tuple(dict.fromkeys(text for one in found["searches"] for text in one["refused"])),
        steps=int(found["steps"]),
        steps_to_the_end=int(found["steps_to_the_end"]),
        steps_of_the_grid=found["steps_of_the_grid"],
    )


def noted(rows: Sequence[ChoiceSummary], search: NestedSearch) -> tuple[ChoiceSummary, ...]:
    """The choices of a nested search: what is handed over first, then what was chosen most often.

    None has a rank: what searches tried is not the same on all splits. One that was not trained
    on all of them has no mean either that could be compared with those of others.
    """
    times = Counter(one.chosen for one in search.outer)
    found = []
    for row in rows:
        parts = ["chosen by all rows"] if row.choice == search.final.chosen else []
        if count := times[row.choice]:
            parts.append(f"chosen on {count} of {counted(len(search.outer), 'outer split')}")
        parts = [row.note] if row.failed else parts or ["chosen nowhere"]
        row = replace(row, note="; ".join(parts), left=0)
        if row.rank is None:
            row = replace(row, mean=None, stderr=None, interval=None, n=0)
        found.append(replace(row, rank=None, p_best=None))
    return tuple(
        sorted(
            found,
            key=lambda row: (row.choice != search.final.chosen, -times[row.choice], row.choice),
        )
    )


def _spread(searches: Sequence[InnerSearch]) -> list[float | None]:
    """How much what was chosen varies over the outer splits, which tells how exactly to print."""
    values = [one.judged_value for one in searches if one.judged_value is not None]
    return [float(np.std(values, ddof=1) / len(values) ** 0.5) if len(values) > 1 else None]
