"""Training chunks of members: what a worker does, apart from what becomes of its results."""

import queue
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

from etude.engine.material import Material
from etude.engine.plan import Plan
from etude.engine.population import Population
from etude.engine.state import Shared
from etude.execution.canary import Canary, canary_of
from etude.execution.chunk import Checkpoints, Chunk, Trained
from etude.execution.fit import fitted_record
from etude.execution.streaming import Streaming
from etude.store.records import MemberRecord, StudyRecord

SEGMENT_SECONDS = 2.0
"""About so long a chunk trains between two borders, where it can stop and be kept."""

CHUNK_ENDED = object()
"""Arrives after everything that a chunk has to store."""


class Workers:
    """Compiles programs and trains chunks of their members; several threads may at once.

    Args:
        whole: the plan.
        record: the record of the study, whose members are in the plan's order.
        checkpoints: reads what an earlier run left; None where nothing lasts.

    Attributes:
        arrived: everything that is to be stored or counted, in the order in which it was made:
            `MemberRecord`, `Checkpoint`, `Trained`, and `CHUNK_ENDED` after each chunk.
        stop: once set, chunks end at their next border.
        populations: the compiled programs; one for all that have the same training.
    """

    def __init__(self, whole: Plan, record: StudyRecord, checkpoints: Checkpoints | None) -> None:
        self._plan, self._record, self._checkpoints = whole, record, checkpoints
        self.arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.populations: list[Population] = []
        self._shared: dict[int, Shared] = {}
        self._shared_lock = threading.Lock()
        self._streams: dict[int, Streaming | None] = {}
        self._streams_lock = threading.Lock()
        self._broken: dict[int, str] = {}
        self._seconds: dict[int, float] = {}
        self.extend(whole, record)

    def extend(self, whole: Plan, record: StudyRecord) -> None:
        """Go on with a plan that has further choices, while nothing is trained."""
        self._plan, self._record = whole, record
        known = {population.member: population for population in self.populations}
        for program in whole.programs[len(self.populations) :]:
            training = program.training
            if training not in known:
                known[training] = Population(training, program.width, program.options)
            self.populations.append(known[training])

    def compile(self, number: int) -> None:
        """Compile a program; where that fails its members will fail, and the study goes on."""
        if self.stop.is_set():
            return
        try:
            self.populations[number].compile(self._share(number))
        except Exception as error:
            self._broken[number] = f"cannot be compiled: {type(error).__name__}: {error}"

    def train(self, number: int | None, members: list[int], epochs: int = 0) -> None:
        """Train some members; what goes wrong is a result of theirs, and the study goes on.

        Args:
            number: of the program; None for an estimator, which is in none.
            members: which members, of that program. Where blocks are streamed they train
                together, and several threads are called with the same ones.
            epochs: those that have not ended after so many are paused; 0 for none.
        """
        left = list(members)
        try:
            if self.stop.is_set():
                return
            if number is None:
                record = self._fitted(members[0])
                self.arrived.put(Trained(-1, tuple(members), 1, record.seconds))
                self.arrived.put(record)
            elif self._material(number).blocks is not None:
                left = []
                self._stream(number, members)
            elif number in self._broken:
                self._fail(members, self._broken[number])
            else:
                for member, record in self._trained(number, members, epochs):
                    self._seconds[member] = record.seconds
                    self.arrived.put(record)
                    left.remove(member)
        except BaseException as error:
            self._fail(left, f"{type(error).__name__}: {error}")
        finally:
            self.arrived.put(CHUNK_ENDED)

    def canary(self, number: int, results: dict[int, MemberRecord]) -> Canary | None:
        """A member of a program once more: what it finds must not depend on its company.

        Args:
            number: of the program.
            results: number -> record of the members that are trained.
        """
        members = self._plan.programs[number].members
        trained = {member: results[member] for member in members if member in results}
        if not trained or number in self._broken or self.stop.is_set():
            return None
        try:
            population, shared = self.populations[number], self._share(number)
            return canary_of(
                self._plan,
                number,
                population,
                shared,
                trained,
                self._record.metrics,
                self.stop.is_set,
            )
        except Exception as error:
            first = min(trained)
            reason = f"could not be trained again: {type(error).__name__}: {error}"
            return Canary(number, first, trained[first].identity, None, reason)

    def _fitted(self, member: int) -> MemberRecord:
        return fitted_record(self._plan, member, self._record.members[member], self._record.metrics)

    def _fail(self, members: list[int], reason: str) -> None:
        for member in members:
            record = self._record.members[member]
            self.arrived.put(replace(record, status="failed", reason=reason))

    def _trained(
        self, number: int, members: list[int], epochs: int
    ) -> Iterator[tuple[int, MemberRecord]]:
        """Train members of one program, W at a time, each from where an earlier run left it.

        At every border those that have ended leave, and waiting ones take their places: nothing
        is computed for a member that stopped or diverged but the rest of its segment.

        Yields:
            number and record of each as it ends; fewer than all where the run is stopped.
        """
        shared, chunk, waiting = self._share(number), self._chunk(number, epochs), deque(members)
        while waiting or chunk.running:
            if self.stop.is_set():
                chunk.keep()
                return
            came = [waiting.popleft() for _ in range(min(len(waiting), chunk.free))]
            chunk.join(shared, came)
            yield from chunk.segment(shared)

    def _stream(self, number: int, members: list[int]) -> None:
        """Train members of one program with other threads, on one block after the other."""
        stream = self._streaming(number, members)
        while stream is not None and not self.stop.is_set() and (taken := stream.take()):
            chunk, position = taken
            try:
                block = stream.block(position)
                while not self.stop.is_set() and chunk.running and chunk.position == position:
                    for _, record in chunk.segment(block):
                        self.arrived.put(record)
                del block
            except BaseException as error:
                self._fail(chunk.leave(), f"{type(error).__name__}: {error}")
            finally:
                stream.give_back(chunk)
        if stream is not None and self.stop.is_set():
            for chunk in stream.stop():
                chunk.keep()

    def _streaming(self, number: int, members: list[int]) -> Streaming | None:
        """The members of one program in their chunks, which all threads that come here share."""
        with self._streams_lock:
            if members[0] not in self._streams:
                self._streams[members[0]] = None
                if number in self._broken:
                    self._fail(members, self._broken[number])
                    return None
                try:
                    self._streams[members[0]] = self._begun(number, members)
                except BaseException as error:
                    self._fail(members, f"{type(error).__name__}: {error}")
            return self._streams[members[0]]

    def _begun(self, number: int, members: list[int]) -> Streaming:
        program, blocks = self._plan.programs[number], self._material(number).blocks
        assert blocks is not None
        shared, chunks = self._share(number), []
        for first in range(0, len(members), program.width):
            chunks.append(self._chunk(number))
            chunks[-1].join(shared, members[first : first + program.width])
        return Streaming(chunks, partial(blocks.read, shared), program.task.epochs * blocks.count)

    def _chunk(self, number: int, epochs: int = 0) -> Chunk:
        return Chunk(
            self._plan,
            self._record,
            number,
            self.populations[number],
            self._checkpoints,
            self.arrived,
            SEGMENT_SECONDS,
            epochs,
            self._seconds,
        )

    def _material(self, number: int) -> Material:
        return self._plan.materials[self._plan.programs[number].material]

    def _share(self, number: int) -> Shared:
        """The shared arrays of a program on the device; programs on the same data share them."""
        material = self._plan.programs[number].material
        with self._shared_lock:
            if material not in self._shared:
                self._shared[material] = self._plan.materials[material].on_device()
            return self._shared[material]
