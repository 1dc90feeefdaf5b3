"""A search of a study: its proposals are trained, and it is told how they went."""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from etude.engine.budget import steps_of, steps_of_the_grid
from etude.engine.memory import check_waiting
from etude.engine.outlook import rungs_of, waiting_bytes
from etude.engine.plan import plan
from etude.errors import InputError
from etude.execution.rungs import at_rung
from etude.search.base import Proposal, Told
from etude.store.identity import left_identity
from etude.store.records import MemberRecord, StudyRecord
from etude.store.store import Store

if TYPE_CHECKING:  # which itself imports this
    from etude.execution.run import Run

SEARCH = "search"
"""The finding that tells of a search."""

Judge = Callable[[StudyRecord], np.ndarray]
"""`[choices]`: how good the choices of a record are on the rows that choose, greater is better.
NaN for one that has no value."""


def unjudged(record: StudyRecord) -> np.ndarray:
    """Nobody judges: good for studies without a search."""
    raise TypeError("a study with a search needs `judge`, as `etude.run` gives it")


class Asked(NamedTuple):
    """What a search asks to be trained.

    Attributes:
        members: the numbers of the members.
        epochs: how far, from the start; 0 for their whole budget.
        part: what this part of the search is called for people.
    """

    members: list[int]
    epochs: int
    part: str


class Searching:
    """A search under way.

    Args:
        run: trains members.
        store: where results are kept.
        judge: tells how good choices are.
        splits: the numbers of the splits on which it trains; by default all.

    Attributes:
        members: the numbers of those that are part of the study; None for all.
        left: number -> record of every member that was not trained to its end.
        rounds: what was trained and judged together, in plain JSON values.
        refused: of every draw that cannot be trained, why.
    """

    def __init__(
        self, run: "Run", store: Store, judge: Judge, splits: Collection[int] | None = None
    ) -> None:
        self._run, self._store, self._judge = run, store, judge
        study = run.plan.study
        assert study.search is not None
        self._study, self._search = study, study.search
        self._splits = range(len(run.plan.materials[0].splits)) if splits is None else splits
        self.members: frozenset[int] | None = None
        self.left: dict[int, MemberRecord] = {}
        self.rounds: list[dict[str, Any]] = []
        self.refused: list[str] = []
        # The number of the choice that each of its trials is.
        self._choices = [] if study.draws else self._networks
        self._check()
        self._look_up()

    def go(self) -> None:
        """Train what is proposed until the search ends.

        Raises:
            Interrupted: Ctrl-C.
            InputError: what is drawn cannot be trained.
        """
        for asked in self.asked():
            self._run.train(*asked)

    def asked(self) -> Iterator[Asked]:
        """What is to be trained next, until the search ends; it goes on once that is trained.

        Raises:
            InputError: what is drawn cannot be trained.
        """
        study = self._study
        space = study.searched.checked(lambda parts: self._run.plan.check(parts))
        self.refused = space.refused
        proposals = self._search.proposals(space, len(self._choices), study.seed)
        proposal = next(proposals)
        while True:
            self._draw(proposal)
            yield Asked(self._members(proposal), proposal.epochs, self._part(proposal))
            told = self._told(proposal)
            self.rounds.append(
                {
                    "epochs": proposal.epochs,
                    "trials": [self._choices[trial] for trial in proposal.trials],
                    "values": [float(v) if np.isfinite(v) else None for v in told.values],
                }
            )
            try:
                following = proposals.send(told)
            except StopIteration:
                return
            self._leave(proposal, following)
            proposal = following

    def finding(self) -> dict[str, Any]:
        """What is told of the search, in plain JSON values.

        Steps are those of the networks themselves, whenever and for whichever study they were
        trained; of all choices as many are told as they would have taken to the end.
        """
        whole, known = self._run.plan, {**self._run.results, **self.left}
        networks = self._members_of(self._networks)
        to_the_end = {
            number: steps_of(whole.choices[number].network[2], whole.materials[0])
            for number in self._networks
        }
        return {
            "name": self._search.name,
            "rounds": self.rounds,
            "refused": self.refused,
            "steps": sum(known[number].steps for number in networks if number in known),
            "steps_to_the_end": sum(
                to_the_end[member.choice][member.split]
                for member in (whole.members[number] for number in networks)
            ),
            "steps_of_the_grid": steps_of_the_grid(whole.study, whole.materials[0]),
        }

    @property
    def _networks(self) -> list[int]:
        """The numbers of the choices that are networks."""
        choices = self._run.plan.choices
        return [number for number, choice in enumerate(choices) if choice.estimator is None]

    @property
    def _rungs(self) -> tuple[int, ...]:
        """The epochs after which choices may leave."""
        return rungs_of(self._run.plan)

    def _check(self) -> None:
        """Raise an `InputError` for what cannot be searched like this."""
        whole = self._run.plan
        if not self._rungs:
            return
        if any(material.blocks is not None for material in whole.materials):
            raise InputError(
                f"`search` {self._search.name} needs all rows in memory, and "
                f"`data` {whole.study.data[0].name} is larger: choose another search"
            )
        check_waiting(
            self._search.name, waiting_bytes(whole), self._store.free, self._store.address
        )
        for choice in whole.choices:
            if choice.algorithm is not None and choice.algorithm.ensemble is not None:
                raise InputError(
                    f"`search` {self._search.name} compares networks after some of their epochs, "
                    f"and an `ensemble` has trained few of its networks by then: choose another "
                    "search, or leave `ensemble` out"
                )

    def _look_up(self) -> None:
        """What earlier runs left at rungs need not be trained again to see how it stood there."""
        run, rungs = self._run, self._rungs
        number_of = {
            left_identity(member.identity, rung): number
            for number, member in enumerate(run.record.members)
            for rung in rungs
            if member.split in self._splits and number not in run.results
        }
        for identity, record in self._store.ended(list(number_of)).items():
            number = number_of[identity]
            before = run.paused.get(number)
            if before is None or before.epochs < record.epochs:
                member = run.plan.members[number]
                run.paused[number] = replace(
                    record, choice=member.choice, split=member.split, seed=member.seed
                )
                run.reused.add(number)

    def _draw(self, proposal: Proposal) -> None:
        """The plan grows by what was drawn, of which it has the first choices already."""
        study = self._run.plan.study
        known = set(study.drawn)
        if new := tuple(parts for parts in proposal.drawn if parts not in known):
            study = study.having(new)
            self._run.extend(plan(study, self._run.plan.device, self._run.plan))
        # Where choices are drawn the estimators come before them.
        place = {parts: number for number, parts in enumerate(study.drawn, len(study.estimator))}
        self._choices += [place[parts] for parts in proposal.drawn]

    def _members(self, proposal: Proposal) -> list[int]:
        """The members that a proposal is about, and the fits of estimators beside them."""
        wanted = {self._choices[trial] for trial in proposal.trials}
        fits = set(range(len(self._run.plan.choices))).difference(self._networks)
        return self._members_of(wanted | fits)

    def _part(self, proposal: Proposal) -> str:
        """What this proposal is called for people."""
        number, count = len(self.rounds) + 1, len(proposal.trials)
        if self._rungs:
            choices = f"{count} choice{'s' if count > 1 else ''}"
            end = f"to epoch {proposal.epochs}" if proposal.epochs else "to the end"
            return f"rung {number} ({choices} {end})"
        if count < self._search.trials:
            before = sum(len(one["trials"]) for one in self.rounds)
            return f"batch {number} (to trial {before + count} of {self._search.trials})"
        return f"{count} trials"

    def _told(self, proposal: Proposal) -> Told:
        """How the trials of a proposal stand after its epochs."""
        run = self._run
        asked = [self._choices[trial] for trial in proposal.trials]
        members, ended = list(run.record.members), True
        for number in self._members_of(asked):
            known = run.results.get(number) or run.paused.get(number)
            if known is None:
                continue
            members[number] = view = self._view(number, known, proposal.epochs)
            if view.status == "left":
                ended = False
                # What has no value at a rung counts there like what has diverged.
                members[number] = replace(view, status="done" if view.values else "diverged")
        values = self._judge(replace(run.record, members=tuple(members)))
        return Told(values[asked], ended)

    def _members_of(self, choices: Iterable[int]) -> list[int]:
        """The numbers of the members of some choices, on its splits."""
        wanted, members = set(choices), self._run.plan.members
        return [
            number
            for number, member in enumerate(members)
            if member.choice in wanted and member.split in self._splits
        ]

    def _view(self, number: int, known: MemberRecord, epochs: int) -> MemberRecord:
        if not epochs:
            return known
        run = self._run
        identity = run.record.members[number].identity
        return at_rung(run.plan, number, identity, known, epochs, run.record.metrics)

    def _leave(self, proposal: Proposal, following: Proposal) -> None:
        """The members of choices that do not go on are kept as they stand."""
        run, left = self._run, {}
        gone = set(proposal.trials) - set(following.trials)
        for number in self._members_of(self._choices[trial] for trial in gone):
            known = run.results.get(number) or run.paused[number]
            view = self._view(number, known, proposal.epochs)
            if view.status == "left":
                left[run.record.members[number].identity] = self.left[number] = view
        if left:
            self._store.leave(left)
