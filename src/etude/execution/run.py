"""Running a study: a queue of chunks, workers that train them, one writer."""

import queue
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.device import Device
from etude.engine.plan import Plan, chunks, inputs_of, plan
from etude.engine.population import Population
from etude.engine.state import Carry, Shared
from etude.engine.status import Status
from etude.execution.record import member_record, results_of, study_record
from etude.store.records import FINISHED, MemberRecord, StudyRecord
from etude.store.store import Store
from etude.study import Study

SEGMENT_SECONDS = 2.0
"""About so long a chunk trains between two borders, where it can stop and be kept."""

SAVE_SECONDS = 0.2
"""Results that arrive within so long are stored together."""

CHUNK_ENDED = object()
"""Arrives after everything that a chunk has to store."""


@dataclass(frozen=True)
class Event:
    """What a run tells whoever watches it.

    Attributes:
        stage: "plan", "compile" or "train".
        members: members of the study.
        reused: members found in the store.
        finished: members trained so far in this run.
        programs: programs of the study.
    """

    stage: str
    members: int
    reused: int
    finished: int
    programs: int


@dataclass(frozen=True)
class Checkpoint:
    """Where a member stood at a border, on its way to the store."""

    identity: str
    epoch: int
    content: bytes


Watcher = Callable[[Event], None]


class Interrupted(Exception):
    """The run was stopped at a border; what was finished is kept and the run can go on."""

    def __init__(self, record: StudyRecord, missing: int) -> None:
        super().__init__(f"stopped with {missing} of {len(record.members)} networks to train")
        self.record = record
        self.missing = missing


def run(
    study: Study,
    store: Store | str | Path | None = None,
    *,
    text: str = "",
    device: Device | None = None,
    watch: Watcher | None = None,
) -> StudyRecord:
    """Train every member of a study that the store does not hold yet.

    Args:
        study: what to train.
        store: a store, or the file or URL of one, which is opened once the study is known to
            be sound; None keeps results in memory only.
        text: the study file, to be kept with the results.
        device: where to train; by default JAX's default device.
        watch: called with an `Event` whenever something has happened.

    Raises:
        InputError: the study cannot be trained as it is.
        Interrupted: Ctrl-C, or SIGTERM where the caller turns it into KeyboardInterrupt.
    """
    begin = time.perf_counter()
    whole = plan(study, device)
    record = study_record(whole, text)
    if isinstance(store, Store):
        return _Run(whole, store.begin(record), store, True, watch, begin).go()
    with Store.open(store) as opened:
        return _Run(whole, opened.begin(record), opened, store is not None, watch, begin).go()


class _Run:
    """One run of a study: a queue of chunks, workers that train them, one writer."""

    def __init__(
        self,
        whole: Plan,
        record: StudyRecord,
        store: Store,
        lasting: bool,
        watch: Watcher | None,
        begin: float,
    ) -> None:
        self._plan, self._record, self._store, self._lasting = whole, record, store, lasting
        self._watch = watch or (lambda event: None)
        self._begin = begin
        self._populations = [
            Population(program.training, program.width, program.options)
            for program in whole.programs
        ]
        self._shared: dict[int, Shared] = {}
        self._shared_lock = threading.Lock()
        self._store_lock = threading.Lock()
        self._stop = threading.Event()
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._waiting: list[MemberRecord | Checkpoint] = []
        self._checkpointed = store.checkpointed() if lasting else frozenset()
        self._broken: dict[int, str] = {}
        self._number_of = {member.identity: place for place, member in enumerate(record.members)}
        self._results = {
            place: member
            for place, member in enumerate(record.members)
            if member.status in FINISHED
        }
        self._reused = len(self._results)

    def go(self) -> StudyRecord:
        """Compile every program that has something to train, then train chunk by chunk."""
        work = [
            (number, chunk)
            for number, program in enumerate(self._plan.programs)
            for chunk in chunks(
                [member for member in program.members if member not in self._results],
                program.width,
            )
        ]
        begin = time.perf_counter()
        self._tell("compile")
        try:
            with ThreadPoolExecutor(self._plan.device.workers) as pool:
                try:
                    needed = sorted({number for number, _ in work})
                    list(pool.map(self._compile, needed))
                    compiled = time.perf_counter()
                    self._tell("train")
                    for number, chunk in work:
                        pool.submit(self._train_or_fail, number, chunk)
                    self._collect(len(work))
                except BaseException:
                    self._stop.set()
                    pool.shutdown(cancel_futures=True)
                    self._drain()
                    raise
        except KeyboardInterrupt:
            record = self._finished(begin, time.perf_counter())
            raise Interrupted(record, len(record.members) - len(self._results)) from None
        return self._finished(begin, compiled)

    def _collect(self, chunks_left: int) -> None:
        """Store results as they arrive, several at a time, until every chunk has ended."""
        saved = time.monotonic()
        while chunks_left:
            try:
                item = self._arrived.get(timeout=SAVE_SECONDS)
            except queue.Empty:
                item = None
            if item is CHUNK_ENDED:
                chunks_left -= 1
            elif item is not None:
                self._waiting.append(item)
            if not chunks_left or time.monotonic() - saved > SAVE_SECONDS:
                self._save_waiting()
                saved = time.monotonic()

    def _drain(self) -> None:
        """Store what has arrived by the time that the run is stopped."""
        while not self._arrived.empty():
            item = self._arrived.get()
            if item is not CHUNK_ENDED:
                self._waiting.append(item)
        self._save_waiting()

    def _save_waiting(self) -> None:
        if not self._waiting:
            return
        records = [item for item in self._waiting if isinstance(item, MemberRecord)]
        checkpoints = {
            item.identity: (item.epoch, item.content)
            for item in self._waiting
            if isinstance(item, Checkpoint)
        }
        for record in records:
            checkpoints.pop(record.identity, None)
        with self._store_lock:
            faults = self._store.save(records, checkpoints)
        self._waiting.clear()
        if faults:
            warnings.warn(
                f"{len(faults)} networks gave another result than the store holds for them; "
                "the stored ones are kept and the differences recorded as faults",
                RuntimeWarning,
                stacklevel=2,
            )
        for record in records:
            # A lasting store has the outputs; they need not stay in memory too.
            kept = replace(record, outputs=None) if self._lasting else record
            self._results[self._number_of[record.identity]] = kept
        self._tell("train")

    def _tell(self, stage: str) -> None:
        self._watch(
            Event(
                stage=stage,
                members=len(self._plan.members),
                reused=self._reused,
                finished=len(self._results) - self._reused,
                programs=len(self._plan.programs),
            )
        )

    def _compile(self, number: int) -> None:
        """Compile a program; where that fails its members will fail, and the study goes on."""
        if self._stop.is_set():
            return
        try:
            self._populations[number].compile(self._share(number))
        except Exception as error:
            self._broken[number] = f"cannot be compiled: {type(error).__name__}: {error}"

    def _train_or_fail(self, number: int, members: list[int]) -> None:
        """Train one chunk; what goes wrong is a result of its members, and the study goes on."""
        try:
            if number in self._broken:
                self._fail(members, self._broken[number])
            elif not self._stop.is_set():
                for record in self._train(number, members):
                    self._arrived.put(record)
        except BaseException as error:
            self._fail(members, f"{type(error).__name__}: {error}")
        finally:
            self._arrived.put(CHUNK_ENDED)

    def _fail(self, members: list[int], reason: str) -> None:
        for member in members:
            record = self._record.members[member]
            self._arrived.put(replace(record, status="failed", reason=reason))

    def _train(self, number: int, members: list[int]) -> list[MemberRecord]:
        """Train one chunk from its start, or from where an earlier run left it.

        Returns:
            the records of its members; none where the run is stopped before its end.
        """
        program, population = self._plan.programs[number], self._populations[number]
        shared = self._share(number)
        begin = time.perf_counter()
        inputs, carry = population.start(shared, [inputs_of(self._plan, m) for m in members])
        carry, done = self._resumed(population, members, carry)
        epochs = program.task.epochs
        # A long program begins with one epoch, which tells how many make a segment.
        ahead = 1 if program.seconds > SEGMENT_SECONDS else epochs
        while done < epochs:
            if self._stop.is_set():
                return []
            start = time.perf_counter()
            carry = population.train(shared, inputs, carry, min(epochs, done + ahead))
            if not np.any(np.asarray(carry.status) == Status.RUNNING):
                break
            pace = (time.perf_counter() - start) / ahead
            done += ahead
            ahead = max(1, int(SEGMENT_SECONDS / pace))
            if self._lasting:
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
        identities = [self._record.members[member].identity for member in members]
        if self._checkpointed.isdisjoint(identities):
            return carry, 0
        with self._store_lock:
            checkpoints = [self._store.latest_checkpoint(identity) for identity in identities]
        parts = population.unstack(carry, population.width)
        epochs = [0] * len(members)
        for place, checkpoint in enumerate(checkpoints):
            if checkpoint is not None:
                epochs[place], content = checkpoint
                parts[place] = from_bytes(content, parts[place])
        return population.stack(parts), min(epochs)

    def _keep(self, population: Population, members: list[int], carry: Carry, epoch: int) -> None:
        """Hand a checkpoint of each member to the writer."""
        for member, part in zip(members, population.unstack(carry, len(members)), strict=True):
            identity = self._record.members[member].identity
            self._arrived.put(Checkpoint(identity, epoch, to_bytes(part)))

    def _share(self, number: int) -> Shared:
        """The shared arrays of a program on the device; programs on the same data share them."""
        material = self._plan.programs[number].material
        with self._shared_lock:
            if material not in self._shared:
                self._shared[material] = jax.device_put(self._plan.materials[material].shared)
            return self._shared[material]

    def _finished(self, begin: float, compiled: float) -> StudyRecord:
        end = time.perf_counter()
        members = tuple(
            self._results.get(place, member) for place, member in enumerate(self._record.members)
        )
        record = replace(
            self._record,
            members=members,
            programs=tuple(
                {
                    "members": len(program.members),
                    "width": program.width,
                    "parameters": program.training.parameters,
                    "batch_size": program.task.batch_size,
                    "epochs": program.task.epochs,
                    "rules": [rule.name for rule in program.task.rules],
                    "compile_seconds": population.compile_seconds,
                    "options": program.options,
                }
                for program, population in zip(self._plan.programs, self._populations, strict=True)
            ),
            seconds={
                "compile": compiled - begin,
                "run": end - compiled,
                "total": end - self._begin,
            },
            trained=sum(member.status in FINISHED for member in members) - self._reused,
            reused=self._reused,
        )
        self._store.finish(record)
        return record
