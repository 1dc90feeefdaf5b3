"""What a search comes to, before anything is trained."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from etude.engine.plan import Plan, steps_of, steps_to
from etude.search.base import Told
from etude.study import KINDS, Choice


@dataclass(frozen=True)
class Outlook:
    """What the search of a study comes to.

    Attributes:
        name: of the search.
        trials: how many proposals it makes, one that is made again counted again.
        rounds: choices and epochs of all that is trained and judged together; 0 epochs for whole
            budgets.
        steps: training steps of all networks, at most.
        steps_of_the_grid: those of all combinations; None where they cannot be counted.
    """

    name: str
    trials: int
    rounds: tuple[tuple[int, int], ...]
    steps: int
    steps_of_the_grid: int | None

    def __str__(self) -> str:
        many = [str(count) for count, _ in self.rounds]
        told = f"search {self.name}: {self.trials} trials"
        if any(epochs for _, epochs in self.rounds):
            ends = [str(epochs) if epochs else "the end" for _, epochs in self.rounds]
            told += f", {', '.join(many)} of them to epochs {', '.join(ends)}"
        elif len(many) > 1:
            told += f" in {len(many)} batches"
        told += f"; at most {self.steps:,} training steps"
        if self.steps_of_the_grid:
            share = 100 * self.steps / self.steps_of_the_grid
            told += f", {share:.0f} % of the {self.steps_of_the_grid:,} of all combinations"
        return told

    def document(self) -> dict[str, Any]:
        """The outlook as plain JSON values."""
        return {
            "name": self.name,
            "trials": self.trials,
            "rounds": [
                {"choices": count, "epochs": epochs or None} for count, epochs in self.rounds
            ],
            "steps_at_most": self.steps,
            "steps_of_the_grid": self.steps_of_the_grid,
        }


def outlook(whole: Plan) -> Outlook | None:
    """What the search of a planned study comes to; None where it has none.

    The search is driven with values that are all equal. Every network is taken to need as many
    steps as the one that needs most.
    """
    study, material = whole.study, whole.materials[0]
    search = study.search
    if search is None:
        return None
    networks = [choice for choice in whole.choices if choice.estimator is None]
    count = 0 if study.draws else len(networks)
    if study.draws:
        largest = study.searched.largest
        networks = [Choice(**dict(zip(KINDS, parts, strict=True))) for parts in largest]
    budget = max(_epochs(choice, whole) for choice in networks)

    def most(epochs: int) -> int:
        """Steps of the choice that takes most, on all splits and with all seeds."""
        each = (sum(steps_to(choice, material, epochs)) for choice in networks)
        return study.seeds * max(each)

    proposals = search.proposals(study.searched, count, study.seed)
    proposal = next(proposals)
    rounds: list[tuple[int, int]] = []
    tried, steps, before = 0, 0, 0
    while True:
        trials = proposal.trials
        ended = not proposal.epochs or proposal.epochs >= budget
        rounds.append((len(trials), 0 if ended else proposal.epochs))
        steps += len(set(trials)) * (most(0 if ended else proposal.epochs) - before)
        tried += len(trials) if not before else 0
        before = most(proposal.epochs) if not ended else 0
        try:
            proposal = proposals.send(Told(np.zeros(len(trials)), ended))
        except StopIteration:
            break
    return Outlook(search.name, tried, tuple(rounds), steps, steps_of_the_grid(whole))


def steps_of_the_grid(whole: Plan) -> int | None:
    """The training steps of all combinations of a study; None where those cannot be counted."""
    study = whole.study
    if study.space:
        return None
    choices = study.model_copy(update={"search": None}).choices()
    return study.seeds * sum(
        sum(steps_of(choice, whole.materials[0])) for choice in choices if choice.estimator is None
    )


def _epochs(choice: Choice, whole: Plan) -> int:
    """The epochs of a choice's budget on the split where they are most."""
    one = steps_to(choice, whole.materials[0], 1)
    all_of_them = steps_of(choice, whole.materials[0])
    return max(-(-budget // epoch) for budget, epoch in zip(all_of_them, one, strict=True))
