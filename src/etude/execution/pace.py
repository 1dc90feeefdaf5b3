"""How long a run will still take, from how long its steps have taken so far."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from etude.engine.plan import Plan
from etude.store.records import MemberRecord


@dataclass
class Stretch:
    """The members of one program that a run has to train.

    Attributes:
        members: how many there are.
        steps: the budget of each; 1 for an estimator.
        guess: about how many seconds one member's step takes, before any was measured; 0 where
            nothing can be guessed: estimators count once one of them was measured.
        trained: steps trained so far, of all members together.
        seconds: how long they took one worker.
        ended: members that have ended.
        spent: the steps that those took: fewer than their budget where they stop early.
    """

    members: int
    steps: int
    guess: float
    trained: int = 0
    seconds: float = 0.0
    ended: int = 0
    spent: int = 0
    running: dict[int, int] = field(default_factory=dict)

    def left(self, usual: float) -> float:
        """Steps to train: members that have not ended take as many as those that have.

        Args:
            usual: the share of their budget that members of other programs have taken.
        """
        each = self.spent / self.ended if self.ended else usual * self.steps
        begun = sum(min(done, each) for done in self.running.values())
        return max(0.0, (self.members - self.ended) * each - begun)


class Pace:
    """Measures a run and tells how long it will still take.

    Args:
        stretches: one for each program.
        workers: how many chunks train at a time.
    """

    def __init__(self, stretches: Sequence[Stretch], workers: int) -> None:
        self._stretches = stretches
        self._workers = workers

    def trained(self, stretch: int, members: Sequence[int], steps: int, seconds: float) -> None:
        """A chunk has trained so many steps more of each of its members."""
        part = self._stretches[stretch]
        part.trained += steps * len(members)
        part.seconds += seconds
        for member in members:
            part.running[member] = part.running.get(member, 0) + steps

    def ended(self, stretch: int, member: int, steps: int) -> None:
        """A member has ended after so many steps."""
        part = self._stretches[stretch]
        part.running.pop(member, None)
        part.ended += 1
        part.spent += steps

    def left(self) -> float | None:
        """Seconds until all have ended; None before anything was measured.

        A program that has not begun is taken to be as much slower or faster than the guess as
        those that have.
        """
        if not any(part.trained for part in self._stretches):
            return None
        measured = [part for part in self._stretches if part.trained and part.guess]
        guessed = sum(part.guess * part.trained for part in measured)
        ratio = sum(part.seconds for part in measured) / guessed if guessed else 1.0
        budget = sum(part.ended * part.steps for part in measured)
        usual = sum(part.spent for part in measured) / budget if budget else 1.0
        work = sum(
            part.left(usual) * (part.seconds / part.trained if part.trained else ratio * part.guess)
            for part in self._stretches
        )
        return work / self._workers


def pace_of(
    whole: Plan, wanted: Collection[int], paused: Mapping[int, MemberRecord], epochs: int
) -> Pace:
    """The work that is to be done: a stretch for each program, and one for estimators.

    Args:
        whole: the plan.
        wanted: the members that are to be trained.
        paused: number -> record of members that go on from where they are.
        epochs: after which they are paused; 0 where they spend their budgets.
    """
    stretches = []
    for program in whole.programs:
        steps = min(program.steps, epochs * max(program.batches) or program.steps)
        missing = [number for number in program.members if number in wanted]
        before = [paused[number].steps for number in missing if number in paused]
        stretches.append(
            Stretch(
                members=len(missing),
                steps=max(1, steps - min(before, default=0)),
                guess=program.seconds / program.width / program.steps,
            )
        )
    fits = sum(number in wanted for number in whole.estimators)
    return Pace([*stretches, Stretch(fits, 1, guess=0.0)], whole.device.workers)
