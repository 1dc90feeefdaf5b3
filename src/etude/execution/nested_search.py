"""A search of its own in every outer split of a nested validation, and one more on all rows."""

from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.engine.budget import steps_of, steps_of_the_grid
from etude.engine.plan import Plan
from etude.execution.searching import Judge, Searching
from etude.store.records import ENDED, MemberRecord, StudyRecord
from etude.store.store import Store
from etude.ties import first_of_best

if TYPE_CHECKING:  # which itself imports this
    from etude.execution.run import Run


class NestedSearching:
    """Searches under way side by side, each told of splits of its own alone.

    The search of outer split k is told how choices go on the inner splits of k, which hold none
    of its test rows: these have no say in what is tried there, what leaves and what is chosen.
    What has the best mean over the inner splits of k, of all that was trained to its end on them,
    is trained on outer split k and judged on its test rows. The mean over k is what searching
    like this is worth. (Varma and Simon 2006; Cawley and Talbot 2010, "On over-fitting in model
    selection", JMLR 11.)

    One more search is told of inner splits of all rows, and chooses what is handed over: the same
    procedure with everything that is known, as `GridSearchCV` of scikit-learn is fitted to all
    rows once `cross_val_score` has judged it on outer splits. It is judged by nothing.

    All searches have the seed of the study, so that they begin with the same choices, and go on
    round by round together: members of the same program train side by side, whichever search
    asked for them.

    Args:
        run: trains members.
        store: where results are kept.
        judge: tells how good choices are.

    Attributes:
        members: the numbers of those that are part of the study: of all others, choices on splits
            whose searches did not try them, nothing is asked.
    """

    def __init__(self, run: "Run", store: Store, judge: Judge) -> None:
        self._run, self._judge = run, judge
        self._inner: dict[int, set[int]] = {}
        for number, split in enumerate(run.plan.materials[0].splits):
            if split.chooses_for >= 0:
                self._inner.setdefault(split.chooses_for, set()).add(number)
        self._searches = {
            outer: Searching(run, store, partial(self._values, outer), inner)
            for outer, inner in self._inner.items()
        }
        self._chosen: dict[int, int | None] = {}
        self.members: frozenset[int] = frozenset()

    def go(self) -> None:
        """Train what is proposed until all searches have ended, and then what they chose.

        Raises:
            Interrupted: Ctrl-C.
            InputError: what is drawn cannot be trained.
        """
        going = {outer: search.asked() for outer, search in self._searches.items()}
        while going:
            together: dict[tuple[int, str], list[int]] = {}
            for outer, steps in tuple(going.items()):
                asked = next(steps, None)
                if asked is None:
                    del going[outer]
                else:
                    together.setdefault((asked.epochs, asked.part), []).extend(asked.members)
            for (epochs, part), members in together.items():
                self._run.train(members, epochs, f"{part}, each outer split for itself")
        self._chosen = {outer: self._choice_of(outer) for outer in self._searches}
        judged = list(self._judged())
        self._run.train(judged, part="what each outer split chose")
        self.members = frozenset(judged).union(*(self._tried(outer) for outer in self._searches))

    @property
    def left(self) -> dict[int, MemberRecord]:
        """Number -> record of every member that was not trained to its end."""
        return {n: left for search in self._searches.values() for n, left in search.left.items()}

    def finding(self) -> dict[str, Any]:
        """What is told of the searches, in plain JSON values."""
        whole, known = self._run.plan, {**self._run.results, **self.left}
        networks = [n for n in sorted(self.members) if n in whole.program_of]
        to_the_end = {
            number: steps_of(whole.choices[number].network[2], whole.materials[0])
            for number in {whole.members[n].choice for n in networks}
        }
        places = [whole.members[number] for number in networks]
        judging = len(whole.materials[0].splits) - sum(map(len, self._inner.values()))
        assert whole.study.search is not None
        return {
            "name": whole.study.search.name,
            "searches": [
                {
                    "for": None if outer == judging else outer,
                    "rounds": search.rounds,
                    "refused": search.refused,
                    "chosen": self._chosen[outer],
                }
                for outer, search in self._searches.items()
            ],
            "steps": sum(known[number].steps for number in networks if number in known),
            "steps_to_the_end": sum(to_the_end[place.choice][place.split] for place in places),
            "steps_of_the_grid": steps_of_the_grid(whole.study, whole.materials[0]),
        }

    def _values(self, outer: int, record: StudyRecord) -> np.ndarray:
        """`[choices]`: how good choices are for an outer split, by its inner splits alone."""
        inner = self._inner[outer]
        splits = (split for split in record.splits if split.split in inner)
        return self._judge(
            replace(
                record,
                splits=tuple(replace(split, chooses_for=-1) for split in splits),
                members=tuple(member for member in record.members if member.split in inner),
            )
        )

    def _choice_of(self, outer: int) -> int | None:
        """The best for an outer split of what was trained to its end; None where nothing was.

        Of choices that differ by rounding alone the first one is chosen.
        """
        run = self._run
        known = {**run.results, **self._searches[outer].left}
        tried = self._tried(outer)
        members = enumerate(run.record.members)
        own = tuple(known.get(number, member) for number, member in members if number in tried)
        values = self._values(outer, replace(run.record, members=own))
        ended = np.flatnonzero(~np.isnan(values))
        return int(ended[first_of_best(values[ended])]) if ended.size else None

    def _tried(self, outer: int) -> set[int]:
        """The members that the search of an outer split asked for."""
        rounds, fits = self._searches[outer].rounds, set(self._run.plan.estimators)
        trials = {trial for one in rounds for trial in one["trials"]}
        return {
            number
            for number, member in enumerate(self._run.plan.members)
            if member.split in self._inner[outer] and (member.choice in trials or number in fits)
        }

    def _judged(self) -> Iterator[int]:
        """The members that judge: what each outer split chose, and all fits of estimators."""
        fits, choosing = set(self._run.plan.estimators), set().union(*self._inner.values())
        for number, member in enumerate(self._run.plan.members):
            if member.split in choosing:
                continue
            if number in fits or self._chosen[member.split] == member.choice:
                yield number


def of_members(
    record: StudyRecord, whole: Plan, asked: Collection[int], reused: Collection[int]
) -> StudyRecord:
    """The record of a study with some of the members of its plan alone.

    Args:
        record: with all members.
        whole: the plan.
        asked: the numbers of those that are kept.
        reused: the numbers of those that the store held.
    """
    members = tuple(member for number, member in enumerate(record.members) if number in asked)
    known = len(set(reused).intersection(asked))
    programs = tuple(
        row | {"members": len(set(asked).intersection(program.members))}
        for row, program in zip(record.programs, whole.programs, strict=True)
    )
    return replace(
        record,
        members=members,
        programs=programs,
        trained=sum(member.status in ENDED for member in members) - known,
        reused=known,
    )
