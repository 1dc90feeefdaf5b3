"""A search of a study: its proposals are trained, and it is told how they went."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.engine.outlook import steps_of_the_grid
from etude.engine.plan import plan, steps_of
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


class Searching:
    """A search under way.

    Args:
        run: trains members.
        store: where results are kept.
        judge: tells how good choices are.

    Attributes:
        left: number -> record of every member that was not trained to its end.
    """

    def __init__(self, run: "Run", store: Store, judge: Judge) -> None:
        self._run, self._store, self._judge = run, store, judge
        study = run.plan.study
        assert study.search is not None
        self._study, self._search = study, study.search
        self.left: dict[int, MemberRecord] = {}
        self._rounds: list[dict[str, Any]] = []
        # Where choices are drawn the estimators come before them.
        self._first = len(study.estimator) if study.draws else 0
        self._check()
        self._look_up()

    def go(self) -> None:
        """Train what is proposed until the search ends.

        Raises:
            Interrupted: Ctrl-C.
            InputError: what is drawn cannot be trained.
        """
        study, drawn = self._study, 0
        count = 0 if study.draws else len(self._networks)
        proposals = self._search.proposals(study.searched, count, study.seed)
        proposal = next(proposals)
        while True:
            drawn += len(proposal.drawn)
            self._draw(drawn, proposal)
            self._train(proposal)
            told = self._told(proposal)
            self._rounds.append(
                {
                    "epochs": proposal.epochs,
                    "trials": [self._first + trial for trial in proposal.trials],
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
            number: steps_of(whole.choices[number], whole.materials[0]) for number in self._networks
        }
        return {
            "name": self._search.name,
            "rounds": self._rounds,
            "steps": sum(known[number].steps for number in networks if number in known),
            "steps_to_the_end": sum(
                to_the_end[member.choice][member.split]
                for member in (whole.members[number] for number in networks)
            ),
            "steps_of_the_grid": steps_of_the_grid(whole),
        }

    @property
    def _networks(self) -> list[int]:
        """The numbers of the choices that are networks."""
        choices = self._run.plan.choices
        return [number for number, choice in enumerate(choices) if choice.estimator is None]

    @property
    def _epochs(self) -> int:
        """The largest budget."""
        return max((program.task.epochs for program in self._run.plan.programs), default=0)

    @property
    def _pauses(self) -> bool:
        """Whether choices leave before they have spent their budgets."""
        return bool(self._search.rungs(self._epochs))

    def _check(self) -> None:
        """Raise an `InputError` for what cannot be searched like this."""
        whole = self._run.plan
        nested = any(split.chooses_for >= 0 for split in whole.materials[0].splits)
        if self._search.adapts and nested:
            raise InputError(
                f"`search` {self._search.name} would choose for one outer split by rows on which "
                "another one judges, and cannot be [validation] nested: choose random, or set "
                "apart rows that choose, for example `validation = 0.2` under [validation]"
            )
        if not self._pauses:
            return
        if any(material.blocks is not None for material in whole.materials):
            raise InputError(
                f"`search` {self._search.name} needs all rows in memory, and "
                f"`data` {whole.study.data[0].name} is larger: choose another search"
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
        run, rungs = self._run, self._search.rungs(self._epochs)
        number_of = {
            left_identity(member.identity, rung): number
            for number, member in enumerate(run.record.members)
            for rung in rungs
            if number not in run.results
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

    def _draw(self, drawn: int, proposal: Proposal) -> None:
        """The plan grows by what was drawn, of which it has the first choices already."""
        study = self._run.plan.study
        if drawn > len(study.drawn):
            study = study.having(proposal.drawn)
            whole = plan(study, self._run.plan.device, self._run.plan)
            self._run.extend(whole)

    def _train(self, proposal: Proposal) -> None:
        whole, wanted = self._run.plan, {self._first + trial for trial in proposal.trials}
        part = self._part(proposal)
        members = [
            number
            for number, member in enumerate(whole.members)
            if member.choice in wanted or whole.choices[member.choice].estimator is not None
        ]
        self._run.train(members, proposal.epochs, part)

    def _part(self, proposal: Proposal) -> str:
        """What this proposal is called for people."""
        number, count = len(self._rounds) + 1, len(proposal.trials)
        if self._pauses:
            choices = f"{count} choice{'s' if count > 1 else ''}"
            end = f"to epoch {proposal.epochs}" if proposal.epochs else "to the end"
            return f"rung {number} ({choices} {end})"
        if count < self._search.trials:
            before = sum(len(one["trials"]) for one in self._rounds)
            return f"batch {number} (to trial {before + count} of {self._search.trials})"
        return f"{count} trials"

    def _told(self, proposal: Proposal) -> Told:
        """How the trials of a proposal stand after its epochs."""
        run = self._run
        asked = [self._first + trial for trial in proposal.trials]
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
        """The numbers of the networks of some choices."""
        wanted, members = set(choices), self._run.plan.members
        return [number for number, member in enumerate(members) if member.choice in wanted]

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
        for number in self._members_of(self._first + trial for trial in gone):
            known = run.results.get(number) or run.paused[number]
            view = self._view(number, known, proposal.epochs)
            if view.status == "left":
                left[run.record.members[number].identity] = self.left[number] = view
        if left:
            self._store.leave(left)
