"""What a search of a study did: what it tried, what left when, and what it cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from etude.evidence.rounding import counted
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
        left: number of a choice -> the epoch after which it was trained no further.
        steps: of all networks.
        steps_to_the_end: what the same choices would have taken, had all been trained to the end.
        steps_of_the_grid: what all combinations of the study would have taken; None where those
            cannot be counted.
    """

    name: str
    rounds: tuple[Round, ...]
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
            "rounds": [
                {
                    "epochs": one.epochs or None,
                    "choices": [record.choices[trial].label for trial in one.trials],
                    "values": [
                        None if value is None else sign_of(record) * value for value in one.values
                    ],
                }
                for one in self.rounds
            ],
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
        whole, of_what = self.steps_of_the_grid, "of all combinations"
        if whole is None:
            whole, of_what = self.steps_to_the_end, "that these choices take to the end"
        share = f", {100 * self.steps / whole:.0f} % of the {whole:,} {of_what}" if whole else ""
        return [f"The {self.name} search {tried}: {self.steps:,} training steps{share}."]


def searched(record: StudyRecord) -> Searched | None:
    """The search of a study; None where it has none, or it has not ended."""
    found = record.findings.get("search")
    if found is None or "search" not in record.document:
        return None
    left: dict[int, int] = {}
    for member in record.members:
        if member.status == "left":
            left[member.choice] = max(member.epochs, left.get(member.choice, 0))
    return Searched(
        name=str(found["name"]),
        rounds=tuple(
            Round(one["epochs"], tuple(one["trials"]), tuple(one["values"]))
            for one in found["rounds"]
        ),
        left=left,
        steps=int(found["steps"]),
        steps_to_the_end=int(found["steps_to_the_end"]),
        steps_of_the_grid=found["steps_of_the_grid"],
    )


def unfinished(record: StudyRecord) -> bool:
    """Whether a search is still under way: nobody knows yet what it let leave, or by what."""
    return "search" in record.document and record.findings.get("search") is None


def sign_of(record: StudyRecord) -> float:
    """Turns what a search was told back into the metric."""
    return 1.0 if record.greater_is_better else -1.0


def _listed(epochs: Sequence[int]) -> str:
    *first, last = (str(epoch) for epoch in epochs)
    told = f"{', '.join(first)} and {last}" if first else last
    return f"epoch{'s' if first else ''} {told}"
