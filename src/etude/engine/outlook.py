"""What a search comes to, before anything is trained."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from etude.engine.budget import steps_of, steps_of_the_grid, steps_to
from etude.engine.plan import Plan
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
        waiting: bytes that the networks take in the store while they wait at the first rung; 0
            where none wait.
        outer: for so many outer splits it goes on by itself, and once more for all rows; 0 where
            one search is for all.
    """

    name: str
    trials: int
    rounds: tuple[tuple[int, int], ...]
    steps: int
    steps_of_the_grid: int | None
    waiting: int = 0
    outer: int = 0

    def __str__(self) -> str:
        many = [str(count) for count, _ in self.rounds]
        times = f" in each of {self.outer} outer splits and for all rows" if self.outer else ""
        told = f"search {self.name}{times}: {self.trials} trials"
        if any(epochs for _, epochs in self.rounds):
            ends = [str(epochs) if epochs else "the end" for _, epochs in self.rounds]
            told += f", {', '.join(many)} of them to epochs {', '.join(ends)}"
        elif len(many) > 1:
            told += f" in {len(many)} batches"
        told += f"; at most {self.steps:,} training steps"
        if self.steps_of_the_grid:
            share = 100 * self.steps / self.steps_of_the_grid
            told += f", {share:.0f} % of the {self.steps_of_the_grid:,} of all combinations"
        if self.waiting:
            told += f"; networks that wait take up to {-(-self.waiting // 2**20):,} MiB"
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
            "waiting_bytes": self.waiting,
            "outer_splits": self.outer,
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
    inside = study.searches_inside
    choosing = [split.chooses_for >= 0 for split in material.splits]

    def most(epochs: int, searched: bool = True) -> int:
        """Steps of the choice that takes most, with all seeds.

        Those on all splits; with a search in each outer one on those that choose, or that judge.
        """
        each = (
            sum(
                steps
                for steps, chooses in zip(
                    steps_to(choice.network[2], material, epochs), choosing, strict=True
                )
                if not inside or chooses == searched
            )
            for choice in networks
        )
        return study.seeds * max(each)

    proposals = search.proposals(study.searched, count, study.seed)
    proposal = next(proposals)
    rounds: list[tuple[int, int]] = []
    # What each outer split chooses is trained on it to the end.
    tried, steps, before = 0, most(0, searched=False) if inside else 0, 0
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
    grid = steps_of_the_grid(study, material)
    outer = choosing.count(False) if inside else 0
    return Outlook(search.name, tried, tuple(rounds), steps, grid, waiting_bytes(whole), outer)


def rungs_of(whole: Plan) -> tuple[int, ...]:
    """The epochs after which the search of a study lets choices leave; none where it does not."""
    search = whole.study.search
    epochs = max((program.task.epochs for program in whole.programs), default=0)
    return () if search is None else search.rungs(epochs)


def waiting_bytes(whole: Plan) -> int:
    """About what all networks of a plan take while they wait at a rung; 0 where they never do."""
    if not rungs_of(whole):
        return 0
    return sum(len(program.members) * program.training.carried for program in whole.programs)


def _epochs(choice: Choice, whole: Plan) -> int:
    """The epochs of a choice's budget on the split where they are most."""
    one = steps_to(choice.network[2], whole.materials[0], 1)
    all_of_them = steps_of(choice.network[2], whole.materials[0])
    return max(-(-budget // epoch) for budget, epoch in zip(all_of_them, one, strict=True))
