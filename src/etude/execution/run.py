"""Running a study: a queue of chunks, workers that train them, one writer."""

import queue
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from etude.engine.device import Device
from etude.engine.outlook import rungs_of
from etude.engine.plan import Plan, plan
from etude.execution.canary import Canary, unchecked, verdicts
from etude.execution.chunk import Checkpoint, Trained
from etude.execution.event import Event, Interrupted, Watcher
from etude.execution.nested_search import NestedSearching, of_members
from etude.execution.order import work_of
from etude.execution.pace import pace_of
from etude.execution.record import grown_record, program_rows, study_record
from etude.execution.searching import SEARCH, Judge, Searching, unjudged
from etude.execution.workers import CHUNK_ENDED, Workers
from etude.store.errors import StoreError
from etude.store.identity import digest
from etude.store.records import ENDED, FINISHED, MemberRecord, StudyRecord
from etude.store.store import Store
from etude.study import Study

SAVE_SECONDS = 0.2
"""Results that arrive within so long are stored together."""


CONCLUDED = ("selection", "bias_variance")
"""The findings that hold as long as they are about the same members; `conclude` sees to that."""

Conclude = Callable[[Plan, StudyRecord, Store], dict[str, Any]]


def no_conclusion(whole: Plan, record: StudyRecord, store: Store) -> dict[str, Any]:
    """Nothing is found beside the results."""
    return {}


def run(
    study: Study,
    store: Store | str | Path | None = None,
    *,
    text: str = "",
    device: Device | None = None,
    watch: Watcher | None = None,
    conclude: Conclude = no_conclusion,
    judge: Judge = unjudged,
) -> StudyRecord:
    """Train every member of a study that the store does not hold yet.

    Args:
        study: what to train.
        store: a store, or the file or URL of one, which is opened once the study is known to
            be sound; None keeps results in memory only.
        text: the study file, to be kept with the results.
        device: where to train; by default JAX's default device.
        watch: called with an `Event` whenever something has happened.
        conclude: what is found from the results of a study that has ended, beside what its
            record says is found already; it is kept with them.
        judge: what a search is told of the choices of a record.

    Raises:
        InputError: the study cannot be trained as it is.
        Interrupted: Ctrl-C, or SIGTERM where the caller turns it into KeyboardInterrupt.
    """
    begin = time.perf_counter()
    whole = plan(study, device)
    record = study_record(whole, text)
    if isinstance(store, Store):
        return Run(whole, record, store, True, watch, begin, conclude).go(judge)
    with Store.open(store) as opened:
        return Run(whole, record, opened, store is not None, watch, begin, conclude).go(judge)


class Run:
    """One run of a study: a queue of chunks, workers that train them, one writer.

    Args:
        whole: the plan.
        record: the record of the study, with nothing but what the plan says.
        store: where results are kept.
        lasting: whether the store outlasts the run.
        watch: called with an `Event` whenever something has happened.
        begin: when the run began.
        conclude: what is found from the results.

    Attributes:
        plan: the plan, which grows as a search draws choices.
        record: the record, with what the store knew of its members.
        results: number -> record of every member that has ended.
        paused: number -> record of every member that stands at a rung.
    """

    def __init__(
        self,
        whole: Plan,
        record: StudyRecord,
        store: Store,
        lasting: bool,
        watch: Watcher | None,
        begin: float,
        conclude: Conclude,
    ) -> None:
        self._store, self._lasting = store, lasting
        self._watch = watch or (lambda event: None)
        self._begin, self._compiling = begin, 0.0
        self._conclude = conclude
        self._store_lock = threading.Lock()
        self._waiting: list[MemberRecord | Checkpoint] = []
        self._checkpointed: frozenset[str] = frozenset()
        # Members that wait at a rung are kept as checkpoints in any store.
        self._checkpoints_kept = lasting or bool(rungs_of(whole))
        self.plan, self.record = whole, store.begin(record)
        keeper = self._checkpoints if self._checkpoints_kept else None
        self._workers = Workers(whole, self.record, keeper)
        self.results: dict[int, MemberRecord] = {}
        self.paused: dict[int, MemberRecord] = {}
        self._number_of: dict[str, int] = {}
        self._take_up(0)
        self.reused = set(self.results)
        self._trained: set[int] = set()
        self._left: Mapping[int, MemberRecord] = MappingProxyType({})
        self._planned = time.perf_counter() - begin
        self._event = Event("plan", 0, 0, 0, 0)
        if store.backup is not None:
            note = (
                "the store was brought to this version of Étude; as it was before it is kept in "
                f"{store.backup}"
            )
            self._watch(replace(self._event, note=note))

    def go(self, judge: Judge) -> StudyRecord:
        """Train everything, or what the search of the study asks for."""
        with self._told_where_it_stopped():
            if self.plan.study.search is None:
                self.train(range(len(self.plan.members)))
                return self.finish()
            inside = self.plan.study.searches_inside
            searching = (NestedSearching if inside else Searching)(self, self._store, judge)
            searching.go()
            self._event = replace(self._event, part="")
            found = {SEARCH: searching.finding()}
            return self.finish(searching.left, found, searching.members)

    def extend(self, whole: Plan) -> None:
        """Go on with a plan that has further choices."""
        known = len(self.plan.members)
        record = self._store.begin(grown_record(self.record, whole), entered=known)
        self._workers.extend(whole, record)
        # Together, for between two lines the run may be stopped.
        self.plan, self.record = whole, record
        self._take_up(known)
        self.reused |= {number for number in self.results if number >= known}

    def train(self, members: Sequence[int], epochs: int = 0, part: str = "") -> None:
        """Compile every program that has something to train, then train chunk by chunk.

        Args:
            members: what is to be trained, as far as there is no result yet.
            epochs: those that have not ended by then are paused; 0 for their whole budget.
            part: which part of a search it is.

        Raises:
            Interrupted: Ctrl-C.
        """
        wanted = {number for number in members if number not in self.results}
        if epochs:
            wanted = {n for n in wanted if n not in self.paused or self.paused[n].epochs < epochs}
        work = work_of(self.plan, wanted)
        self._arrived = 0
        self._event = Event(
            "compile",
            members=len(members),
            reused=len(members) - len(wanted),
            finished=0,
            programs=len(self.plan.programs),
            part=part,
        )
        self._pace = pace_of(self.plan, wanted, self.paused, epochs)
        with self._stoppable() as pool:
            self._tell("compile")
            begin = time.perf_counter()
            if self._checkpoints_kept:
                self._checkpointed = self._store.checkpointed()
            needed = sorted({number for number, _ in work if number is not None})
            list(pool.map(self._workers.compile, needed))
            self._compiling += time.perf_counter() - begin
            self._tell("train")
            for number, chunk in work:
                pool.submit(self._workers.train, number, chunk, epochs)
            self._collect(len(work))

    def finish(
        self,
        left: Mapping[int, MemberRecord] = MappingProxyType({}),
        findings: Mapping[str, Any] = MappingProxyType({}),
        asked: Collection[int] | None = None,
    ) -> StudyRecord:
        """Train canaries, and sum up what was found.

        Args:
            left: number -> record of the members that a search did not train to the end.
            findings: what a search found.
            asked: the members that a search asked for; None for all.
        """
        self._left = left
        with self._stoppable() as pool:
            checks = [
                pool.submit(self._workers.canary, number, self.results)
                for number in unchecked(self.plan, self.record, self._trained)
            ]
            canaries = [found for check in checks if (found := check.result())]
        if left:
            members = tuple(
                left.get(place, member) for place, member in enumerate(self.record.members)
            )
            self.record = self._store.begin(replace(self.record, members=members))
        record = self._finished(canaries)
        if asked is not None:
            record = of_members(record, self.plan, asked, self.reused)
            self._store.begin(record)
        # So that it is known of which members it tells.
        about = {"members": digest([member.identity for member in record.members])}
        told = {name: finding | about for name, finding in findings.items()}
        record = replace(record, findings=record.findings | told)
        self._store.finish(record)
        if any(member.status not in (*ENDED, "failed") for member in record.members):
            return record
        try:
            concluded = self._conclude(self.plan, record, self._store)
        except KeyboardInterrupt:
            raise Interrupted(record, 0) from None
        self._store.note(record.identity, concluded)
        return replace(record, findings=record.findings | concluded)

    def _take_up(self, known: int) -> None:
        """What the store knows of the members from this number on."""
        for place, member in enumerate(self.record.members[known:], known):
            self._number_of[member.identity] = place
            if member.status in FINISHED:
                self.results[place] = member

    @contextmanager
    def _stoppable(self) -> Iterator[ThreadPoolExecutor]:
        """Threads that stop at a border where they are interrupted; what they have is stored."""
        with ThreadPoolExecutor(self.plan.device.workers) as pool:
            try:
                yield pool
            except BaseException:
                self._workers.stop.set()
                pool.shutdown(cancel_futures=True)
                self._drain()
                raise

    @contextmanager
    def _told_where_it_stopped(self) -> Iterator[None]:
        """Who stops the run is told what is missing."""
        try:
            yield
        except KeyboardInterrupt:
            record = self._finished()
            self._store.finish(record)
            raise Interrupted(record, self._missing, self._event.part) from None
        except StoreError as error:
            told = f"{self._missing} of {len(self.record.members)} networks are not in the store"
            raise StoreError(f"{error}; {told} yet" if self._missing else str(error)) from error

    @property
    def _missing(self) -> int:
        """How many members of those that are known are still to be trained."""
        return len(self.record.members) - len(self.results) - len(self._left)

    def _checkpoints(self, identities: list[str]) -> list[tuple[int, bytes] | None]:
        if self._checkpointed.isdisjoint(identities):
            return [None] * len(identities)
        with self._store_lock:
            return [self._store.latest_checkpoint(identity) for identity in identities]

    def _collect(self, chunks_left: int) -> None:
        """Store results as they arrive, several at a time, until every chunk has ended."""
        saved = time.monotonic()
        while chunks_left:
            try:
                item = self._workers.arrived.get(timeout=SAVE_SECONDS)
            except queue.Empty:
                item = None
            if item is CHUNK_ENDED:
                chunks_left -= 1
            elif isinstance(item, Trained):
                self._pace.trained(item.program, item.members, item.steps, item.seconds)
            elif item is not None:
                self._waiting.append(item)
            if not chunks_left or time.monotonic() - saved > SAVE_SECONDS:
                self._save_waiting()
                saved = time.monotonic()

    def _drain(self) -> None:
        """Store what has arrived by the time that the run is stopped."""
        while not self._workers.arrived.empty():
            item = self._workers.arrived.get()
            if isinstance(item, MemberRecord | Checkpoint):
                self._waiting.append(item)
        self._save_waiting()

    def _save_waiting(self) -> None:
        if not self._waiting:
            return
        records = [item for item in self._waiting if isinstance(item, MemberRecord)]
        paused = [record for record in records if record.status == "running"]
        ended = [record for record in records if record.status != "running"]
        checkpoints = {
            item.identity: (item.step, item.content)
            for item in self._waiting
            if isinstance(item, Checkpoint)
        }
        for record in ended:
            checkpoints.pop(record.identity, None)
        with self._store_lock:
            faults = self._store.save(ended, checkpoints)
        self._waiting.clear()
        if faults:
            warnings.warn(
                f"{len(faults)} networks gave another result than the store holds for them; "
                "the stored ones are kept and the differences recorded as faults",
                RuntimeWarning,
                stacklevel=2,
            )
        for record in ended:
            # A lasting store has the outputs; they need not stay in memory too.
            kept = replace(record, outputs=None) if self._lasting else record
            self.results[self._number_of[record.identity]] = kept
        for record in paused:
            self.paused[self._number_of[record.identity]] = replace(record, outputs=None)
        for record in records:
            number = self._number_of[record.identity]
            self._trained.add(number)
            self.reused.discard(number)
            self._pace.ended(self._stretch_of(number), number, max(1, record.steps))
        self._arrived += len(records)
        self._tell("train")

    def _tell(self, stage: str) -> None:
        self._watch(
            replace(self._event, stage=stage, finished=self._arrived, left=self._pace.left())
        )

    def _stretch_of(self, member: int) -> int:
        return self.plan.program_of.get(member, -1)

    def _finished(self, canaries: Sequence[Canary] = ()) -> StudyRecord:
        known = {**self.results, **self._left}
        members = tuple(
            known.get(place, member) for place, member in enumerate(self.record.members)
        )
        total = time.perf_counter() - self._begin
        record = replace(
            self.record,
            members=members,
            programs=program_rows(self.plan, self._workers.populations),
            seconds={
                "compile": self._compiling,
                "run": total - self._planned - self._compiling,
                "total": total,
            },
            trained=sum(member.status in ENDED for member in members) - len(self.reused),
            reused=len(self.reused),
        )
        kept = {name: value for name, value in self.record.findings.items() if name in CONCLUDED}
        told = {"canaries": verdicts(self.record, canaries)}
        return replace(record, findings=kept | told)
