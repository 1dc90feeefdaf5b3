"""What a search of a study did: what it tried, what left when, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from etude.evidence.rounding import counted
from etude.store.identity import digest
from etude.store.records import StudyRecord


@dataclass(frozen=True)
class Round:
    """Choices that were trained and judged at the same time.

    Attributes:
        epochs: how far they were trained; 0 for their whole budget.
        trials: the numbers of the choices, in the order in which they were proposed. One that a
            search proposed again stands there again.
        values: what the search was told of each, turned so that greater is better; None for one
            that failed.
    """

    epochs: int
    trials: tuple[int, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True)
class Searched:
    """A search that has ended.

    Attributes:
        name: of the search.
        rounds: what it proposed, in order.
        refused: of every draw that cannot be trained, why.
        left: number of a choice -> the epoch after which it was trained no further.
        steps: of all networks.
        steps_to_the_end: what the same choices would have taken, had all been trained to the end.
        steps_of_the_grid: what all combinations of the study would have taken; None where those
            cannot be counted.
    """

    name: str
    rounds: tuple[Round, ...]
    refused: tuple[str, ...]
    left: dict[int, int]
    steps: int
    steps_to_the_end: int
    steps_of_the_grid: int | None

    @property
    def adapts(self) -> bool:
        """Whether what was tried depended on how other choices went."""
        return len(self.rounds) > 1

    def document(self, record: StudyRecord) -> dict[str, Any]:
        """The search as plain values for programs."""
        return {
            "name": self.name,
            "rounds": rounds_document(record, self.rounds),
            "refused": list(self.refused),
            "steps": self.steps,
            "steps_to_the_end": self.steps_to_the_end,
            "steps_of_the_grid": self.steps_of_the_grid,
        }

    def sentences(self) -> list[str]:
        """What people should know of it."""
        trials = [trial for one in self.rounds for trial in one.trials]
        tried = f"tried {counted(len(set(trials)), 'choice')}"
        if self.left:
            ended = len(set(trials)) - len(self.left)
            times = sorted(set(self.left.values()))
            tried += f", of which {ended} {'was' if ended == 1 else 'were'} trained to the end; "
            tried += f"others left after {_listed(times)}"
        elif len(self.rounds) > 1:
            tried += f" in {len(self.rounds)} batches"
            again = len(trials) - len(set(trials))
            tried += f", {again} of them proposed again" if again else ""
        cost = cost_of(self.steps, self.steps_to_the_end, self.steps_of_the_grid)
        told = [f"The {self.name} search {tried}: {cost}."]
        if self.refused:
            told.append(
                f"{counted(len(self.refused), 'draw')} could not be trained, the first for this "
                f"reason: {self.refused[0]}."
            )
        return told


def search_of(record: StudyRecord) -> dict[str, Any] | None:
    """What was found of the search of a study; None where it has none, or it has not ended.

    What an earlier run found is about other members while this one is under way.
    """
    found: dict[str, Any] | None = record.findings.get("search")
    if found is None or "search" not in record.document:
        return None
    known = found["members"] == digest([member.identity for member in record.members])
    return found if known else None


def searched(record: StudyRecord) -> Searched | None:
    """The search of a study; None where it has none, several (nested), or it has not ended."""
    found = search_of(record)
    if found is None or "searches" in found:
        return None
    left: dict[int, int] = {}
    for member in record.members:
        if member.status == "left":
            left[member.choice] = max(member.epochs, left.get(member.choice, 0))
    return Searched(
        name=str(found["name"]),
        rounds=rounds_of(found["rounds"]),
        refused=tuple(found["refused"]),
        left=left,
        steps=int(found["steps"]),
        steps_to_the_end=int(found["steps_to_the_end"]),
        steps_of_the_grid=found["steps_of_the_grid"],
    )


def unfinished(record: StudyRecord) -> bool:
    """Whether a search is still under way: nobody knows yet what it let leave, or by what."""
    return "search" in record.document and search_of(record) is None


def rounds_of(found: Sequence[dict[str, Any]]) -> tuple[Round, ...]:
    """The rounds that a finding tells of."""
    return tuple(Round(one["epochs"], tuple(one["trials"]), tuple(one["values"])) for one in found)


def rounds_document(record: StudyRecord, rounds: Sequence[Round]) -> list[dict[str, Any]]:
    """Rounds as plain values for programs."""
    sign = sign_of(record)
    return [
        {
            "epochs": one.epochs or None,
            "choices": [record.choices[trial].label for trial in one.trials],
            "values": [None if value is None else sign * value for value in one.values],
        }
        for one in rounds
    ]


def cost_of(steps: int, to_the_end: int, of_the_grid: int | None) -> str:
    """How many steps were trained, and which share of those without a search that is."""
    whole, of_what = of_the_grid, "of all combinations"
    if whole is None:
        whole, of_what = to_the_end, "that these choices take to the end"
    share = f", {100 * steps / whole:.0f} % of the {whole:,} {of_what}" if whole else ""
    return f"{steps:,} training steps{share}"


def sign_of(record: StudyRecord) -> float:
    """Turns what a search was told back into the metric."""
    return 1.0 if record.greater_is_better else -1.0


def _listed(epochs: Sequence[int]) -> str:
    *first, last = (str(epoch) for epoch in epochs)
    told = f"{', '.join(first)} and {last}" if first else last
    return f"epoch{'s' if first else ''} {told}"
