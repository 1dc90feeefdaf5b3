"""Training chunks of members: what a worker does, apart from what becomes of its results."""

import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import jax
import numpy as np

from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.plan import Plan, inputs_of
from etude.engine.population import Population
from etude.engine.state import Carry, Shared
from etude.engine.status import Status
from etude.execution.canary import Canary, canary_of
from etude.execution.fit import fitted_record
from etude.execution.record import member_record, results_of
from etude.store.records import MemberRecord, StudyRecord

SEGMENT_SECONDS = 2.0
"""About so long a chunk trains between two borders, where it can stop and be kept."""

CHUNK_ENDED = object()
"""Arrives after everything that a chunk has to store."""


@dataclass(frozen=True)
class Checkpoint:
    """Where a member stood at a border, on its way to the store."""

    identity: str
    epoch: int
    content: bytes


@dataclass(frozen=True)
class Trained:
    """A chunk has trained for a while; the program of an estimator is −1, its epochs 1."""

    program: int
    members: tuple[int, ...]
    epochs: int
    seconds: float


Checkpoints = Callable[[list[str]], list[tuple[int, bytes] | None]]
"""The newest checkpoint of each of some members: epoch and content."""


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
        populations: the compiled programs.
    """

    def __init__(self, whole: Plan, record: StudyRecord, checkpoints: Checkpoints | None) -> None:
        self._plan, self._record, self._checkpoints = whole, record, checkpoints
        self.arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.stop = threading.Event()
        self.populations = [
            Population(program.training, program.width, program.options)
            for program in whole.programs
        ]
        self._shared: dict[int, Shared] = {}
        self._shared_lock = threading.Lock()
        self._broken: dict[int, str] = {}

    def compile(self, number: int) -> None:
        """Compile a program; where that fails its members will fail, and the study goes on."""
        if self.stop.is_set():
            return
        try:
            self.populations[number].compile(self._share(number))
        except Exception as error:
            self._broken[number] = f"cannot be compiled: {type(error).__name__}: {error}"

    def train(self, number: int | None, members: list[int]) -> None:
        """Train one chunk; what goes wrong is a result of its members, and the study goes on.

        Args:
            number: of the program; None for an estimator, which is in none.
            members: the members of the chunk.
        """
        try:
            if self.stop.is_set():
                return
            if number is None:
                record = self._fitted(members[0])
                self.arrived.put(Trained(-1, tuple(members), 1, record.seconds))
                self.arrived.put(record)
            elif number in self._broken:
                self._fail(members, self._broken[number])
            else:
                for record in self._trained(number, members):
                    self.arrived.put(record)
        except BaseException as error:
            self._fail(members, f"{type(error).__name__}: {error}")
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
            return canary_of(self._plan, number, population, shared, trained, self._record.metrics)
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

    def _trained(self, number: int, members: list[int]) -> list[MemberRecord]:
        """Train one chunk from its start, or from where an earlier run left it.

        Returns:
            the records of its members; none where the run is stopped before its end.
        """
        program, population = self._plan.programs[number], self.populations[number]
        shared = self._share(number)
        begin = time.perf_counter()
        inputs, carry = population.start(shared, [inputs_of(self._plan, m) for m in members])
        carry, done = self._resumed(population, members, carry)
        epochs = program.task.epochs
        # A long program begins with one epoch, which tells how many make a segment.
        ahead = 1 if program.seconds > SEGMENT_SECONDS else epochs
        while done < epochs:
            if self.stop.is_set():
                return []
            start = time.perf_counter()
            carry = population.train(shared, inputs, carry, min(epochs, done + ahead))
            trained = int(np.max(carry.epoch)) - done
            seconds = time.perf_counter() - start
            self.arrived.put(Trained(number, tuple(members), trained, seconds))
            if not np.any(np.asarray(carry.status) == Status.RUNNING):
                break
            done += ahead
            ahead = max(1, int(SEGMENT_SECONDS / seconds * ahead))
            if self._checkpoints is not None:
                self._keep(population, members, carry, done)
        seconds = (time.perf_counter() - begin) / len(members)
        results = population.unstack(results_of(carry), len(members))
        return [
            member_record(
                self._plan,
                member,
                self._record.members[member],
                self._record.metrics,
                part,
                seconds,
            )
            for member, part in zip(members, results, strict=True)
        ]

    def _resumed(
        self, population: Population, members: list[int], carry: Carry
    ) -> tuple[Carry, int]:
        """The carry with what checkpoints hold of these members, and the epochs they share."""
        if self._checkpoints is None:
            return carry, 0
        checkpoints = self._checkpoints(
            [self._record.members[member].identity for member in members]
        )
        if not any(checkpoints):
            return carry, 0
        parts = population.unstack(carry, population.width)
        epochs = [0] * len(members)
        for place, checkpoint in enumerate(checkpoints):
            # One that does not fit was left by other code; its member starts again.
            with suppress(ValueError):
                if checkpoint is not None:
                    parts[place] = from_bytes(checkpoint[1], parts[place])
                    epochs[place] = checkpoint[0]
        return population.stack(parts), min(epochs)

    def _keep(self, population: Population, members: list[int], carry: Carry, epoch: int) -> None:
        """Hand a checkpoint of each member to the writer."""
        for member, part in zip(members, population.unstack(carry, len(members)), strict=True):
            identity = self._record.members[member].identity
            self.arrived.put(Checkpoint(identity, epoch, to_bytes(part)))

    def _share(self, number: int) -> Shared:
        """The shared arrays of a program on the device; programs on the same data share them."""
        material = self._plan.programs[number].material
        with self._shared_lock:
            if material not in self._shared:
                self._shared[material] = jax.device_put(self._plan.materials[material].shared)
            return self._shared[material]
