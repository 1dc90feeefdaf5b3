"""Members of a program that train side by side, from one border to the next."""

import queue
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import jax
import numpy as np

from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.plan import Plan, Program, inputs_of
from etude.engine.population import Population
from etude.engine.state import Carry, Inputs, Shared
from etude.engine.status import Status
from etude.execution.record import member_record, results_of
from etude.keys import is_key
from etude.store.records import MemberRecord, StudyRecord

CAUTION = 10
"""The first segment is by so much shorter than it would be if the guess of its time held."""

TINY = 1e-6
"""Seconds that no segment is shorter than, so that it can be divided by."""

SMALL_CHECKPOINT = 2**20
"""Checkpoints of so many bytes are kept at every border; larger ones by `CHECKPOINT_RATE`."""

CHECKPOINT_RATE = 2**23
"""So many bytes of checkpoints a chunk hands to the store for a second of its training, beside
small ones."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a member stood at a border, after so many steps, on its way to the store."""

    identity: str
    step: int
    content: bytes


@dataclass(frozen=True)
class Trained:
    """A chunk has trained for a while; the program of an estimator is −1, its steps 1."""

    program: int
    members: tuple[int, ...]
    steps: int
    seconds: float


Checkpoints = Callable[[list[str]], list[tuple[int, bytes] | None]]
"""The newest checkpoint of each of some members: step and content."""


class Segments:
    """How many steps a segment has: as many as take about so long, as far as was measured.

    Args:
        program: what is trained.
        seconds: about how long a segment is to take.
    """

    def __init__(self, program: Program, seconds: float) -> None:
        self._most, self._seconds = max(1, program.steps), seconds
        guess = max(program.seconds, TINY)
        self.steps = self._within(seconds / guess * program.steps / CAUTION)

    def measured(self, steps: int, seconds: float) -> None:
        """A segment has taken so long."""
        if steps:
            self.steps = self._within(self._seconds / max(seconds, TINY) * steps)

    def _within(self, steps: float) -> int:
        return int(min(self._most, max(1, steps)))


def position_of(carry: Carry, blocks: int) -> int | None:
    """Where the one of some members stands that is farthest behind; None where all have ended.

    Args:
        carry: of one member or several.
        blocks: of an epoch; where all rows are in memory 1, and the position is the epoch.
    """
    status, epoch, block = (
        np.atleast_1d(leaf) for leaf in (carry.status, carry.epoch, carry.block)
    )
    running = status == Status.RUNNING
    return int(np.min((epoch * blocks + block)[running])) if running.any() else None


class Chunk:
    """W places of a program, and the members in them.

    Args:
        whole: the plan.
        record: the record of the study, whose members are in the plan's order.
        number: of the program.
        population: its compiled program.
        checkpoints: reads what an earlier run left; None where nothing lasts.
        arrived: takes what is to be counted and stored besides results: `Trained`, `Checkpoint`.
        seconds: about how long a segment takes.
        epochs: members that have not ended after so many are paused; 0 for none.
        before: member -> seconds that it had trained when it was paused.

    Attributes:
        running: place -> member that has not ended.
    """

    def __init__(
        self,
        whole: Plan,
        record: StudyRecord,
        number: int,
        population: Population,
        checkpoints: Checkpoints | None,
        arrived: "queue.SimpleQueue[Any]",
        seconds: float,
        epochs: int = 0,
        before: Mapping[int, float] = MappingProxyType({}),
    ) -> None:
        self._plan, self._record, self._number = whole, record, number
        self._program, self._population = whole.programs[number], population
        self._blocks = whole.materials[self._program.material].blocks
        self._checkpoints, self._arrived = checkpoints, arrived
        self._segments = Segments(self._program, seconds)
        self._epochs, self._before = epochs, before
        self.running: dict[int, int] = {}
        self._spent: dict[int, float] = {}
        self._inputs: Inputs | None = None
        self._carry: Any = None
        self._since_kept, self._steps_kept = 0.0, -1

    @property
    def free(self) -> int:
        """How many places are free."""
        return self._population.width - len(self.running)

    @property
    def position(self) -> int | None:
        """Where the member stands that is farthest behind, in blocks; None where all have ended."""
        return position_of(self._carry, 1 if self._blocks is None else self._blocks.count)

    def join(self, shared: Shared, members: Sequence[int]) -> None:
        """Members take free places, each from where an earlier run left it."""
        if not members:
            return
        begin = time.perf_counter()
        places = [n for n in range(self._population.width) if n not in self.running]
        came = dict(zip(places, members, strict=False))
        begun = {place: inputs_of(self._plan, member) for place, member in came.items()}
        self._inputs, carry = self._population.start(shared, begun, self._inputs, self._carry)
        self._carry = self._resumed(came, carry)
        self.running |= came
        seconds = time.perf_counter() - begin
        share = seconds / len(members)
        self._spent |= {member: self._before.get(member, 0.0) + share for member in members}

    def leave(self) -> list[int]:
        """All members that have not ended give up their places."""
        members = list(self.running.values())
        self.running.clear()
        return members

    def segment(self, shared: Shared) -> Iterator[tuple[int, MemberRecord]]:
        """Train to the next border, where those that have ended leave.

        Yields:
            number and record of each that has ended, or is paused.
        """
        assert self._inputs is not None
        begin = time.perf_counter()
        before, rungs = np.atleast_1d(self._carry.step), self._rungs()
        stop = np.minimum(before + self._segments.steps, rungs)
        self._carry = self._population.train(shared, self._inputs, self._carry, stop)
        after, status = np.atleast_1d(self._carry.step), np.atleast_1d(self._carry.status)
        seconds, advance = time.perf_counter() - begin, int(np.max(after - before))
        members = tuple(self.running.values())
        self._arrived.put(Trained(self._number, members, advance, seconds))
        for member in members:
            self._spent[member] += seconds / len(members)
        self._segments.measured(advance, seconds)
        paused = [n for n in self.running if status[n] == Status.RUNNING and after[n] >= rungs[n]]
        if paused:
            self._keep(paused)
        ended = [n for n in self.running if status[n] != Status.RUNNING or n in paused]
        if ended:
            yield from self._ended(ended)
        # Its own seconds alone: chunks that wait for one another must not all save at once.
        self._since_kept += seconds
        if self._bytes() <= SMALL_CHECKPOINT + CHECKPOINT_RATE * self._since_kept:
            self.keep()

    def keep(self) -> None:
        """Hand a checkpoint of each member that trains on to the writer, if it went on since."""
        if self._checkpoints is None or not self.running:
            return
        steps = int(np.sum(np.atleast_1d(self._carry.step)))
        if steps == self._steps_kept:
            return
        self._keep(self.running)
        self._since_kept, self._steps_kept = 0.0, steps

    def _keep(self, places: Iterable[int]) -> None:
        parts = self._population.unstack(self._carry, self._population.width)
        for place in places:
            identity = self._record.members[self.running[place]].identity
            part = parts[place]
            self._arrived.put(Checkpoint(identity, int(part.step), to_bytes(part)))

    def _rungs(self) -> np.ndarray:
        """`[W]`: after how many steps the member of each place is paused."""
        found = np.full(self._population.width, np.iinfo(np.int32).max, np.int64)
        if self._epochs:
            for place, member in self.running.items():
                split = self._plan.members[member].split
                found[place] = self._epochs * self._program.batches[split]
        return found

    def _bytes(self) -> int:
        """What the checkpoints of all members take, about."""
        leaves = [leaf for leaf in jax.tree.leaves(self._carry) if not is_key(leaf)]
        share = len(self.running) / self._population.width
        return int(share * sum(leaf.nbytes for leaf in leaves))

    def _ended(self, places: list[int]) -> Iterator[tuple[int, MemberRecord]]:
        results = self._population.unstack(results_of(self._carry), self._population.width)
        for place in places:
            member = self.running[place]
            record = member_record(
                self._plan,
                member,
                self._record.members[member],
                self._record.metrics,
                results[place],
                self._spent[member],
            )
            del self.running[place]
            yield member, record

    def _resumed(self, came: dict[int, int], carry: Carry) -> Carry:
        """The carry with what checkpoints hold of the members that came."""
        if self._checkpoints is None:
            return carry
        found = self._checkpoints(
            [self._record.members[member].identity for member in came.values()]
        )
        if not any(found):
            return carry
        parts = self._population.unstack(carry, self._population.width)
        for place, checkpoint in zip(came, found, strict=True):
            # One that does not fit was left by other code; its member starts again.
            with suppress(ValueError):
                if checkpoint is not None:
                    parts[place] = from_bytes(checkpoint[1], parts[place])
        return self._population.stack(parts)
