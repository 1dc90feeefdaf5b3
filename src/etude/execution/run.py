"""Running a study: a queue of chunks, workers that train them, one writer."""

import hashlib
import queue
import threading
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from etude.engine.device import Device
from etude.engine.plan import Plan, Program, plan
from etude.execution.canary import Canary
from etude.execution.chunk import Checkpoint, Trained
from etude.execution.pace import Pace, Stretch
from etude.execution.record import study_record
from etude.execution.workers import CHUNK_ENDED, Workers
from etude.store.errors import StoreError
from etude.store.records import FINISHED, MemberRecord, StudyRecord
from etude.store.store import Store
from etude.study import Study

SAVE_SECONDS = 0.2
"""Results that arrive within so long are stored together."""


@dataclass(frozen=True)
class Event:
    """What a run tells whoever watches it.

    Attributes:
        stage: "plan", "compile" or "train".
        members: members of the study.
        reused: members found in the store.
        finished: members trained so far in this run.
        programs: programs of the study.
        left: about how many seconds training will still take; None before that can be told.
        note: what people should be told besides; "" for nothing.
    """

    stage: str
    members: int
    reused: int
    finished: int
    programs: int
    left: float | None = None
    note: str = ""


SELECTION = "selection"
"""The finding that holds as long as it is about the same members; `conclude` sees to that."""

Watcher = Callable[[Event], None]
Conclude = Callable[[Plan, StudyRecord, Store], dict[str, Any]]


def no_conclusion(whole: Plan, record: StudyRecord, store: Store) -> dict[str, Any]:
    """Nothing is found beside the results."""
    return {}


class Interrupted(Exception):
    """The run was stopped at a border; what was finished is kept and the run can go on."""

    def __init__(self, record: StudyRecord, missing: int) -> None:
        left = f"with {missing} of {len(record.members)} networks to train"
        super().__init__(f"stopped {left if missing else 'before the evidence was summed up'}")
        self.record = record
        self.missing = missing


def run(
    study: Study,
    store: Store | str | Path | None = None,
    *,
    text: str = "",
    device: Device | None = None,
    watch: Watcher | None = None,
    conclude: Conclude = no_conclusion,
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

    Raises:
        InputError: the study cannot be trained as it is.
        Interrupted: Ctrl-C, or SIGTERM where the caller turns it into KeyboardInterrupt.
    """
    begin = time.perf_counter()
    whole = plan(study, device)
    record = study_record(whole, text)
    if isinstance(store, Store):
        return _Run(whole, store.begin(record), store, True, watch, begin, conclude).go()
    with Store.open(store) as opened:
        lasting = store is not None
        return _Run(whole, opened.begin(record), opened, lasting, watch, begin, conclude).go()


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
        conclude: Conclude,
    ) -> None:
        self._plan, self._record, self._store, self._lasting = whole, record, store, lasting
        self._watch = watch or (lambda event: None)
        self._begin = begin
        self._conclude = conclude
        self._store_lock = threading.Lock()
        self._waiting: list[MemberRecord | Checkpoint] = []
        self._checkpointed = store.checkpointed() if lasting else frozenset()
        self._workers = Workers(whole, record, self._checkpoints if lasting else None)
        self._number_of = {member.identity: place for place, member in enumerate(record.members)}
        self._results = {
            place: member
            for place, member in enumerate(record.members)
            if member.status in FINISHED
        }
        self._reused = len(self._results)
        self._trained: set[int] = set()
        self._pace = self._measure()

    def go(self) -> StudyRecord:
        """Compile every program that has something to train, then train chunk by chunk."""
        work = self._work()
        begin = time.perf_counter()
        if self._store.backup is not None:
            self._tell(
                "plan",
                "the store was brought to this version of Étude; as it was before it is kept in "
                f"{self._store.backup}",
            )
        self._tell("compile")
        try:
            with ThreadPoolExecutor(self._plan.device.workers) as pool:
                try:
                    needed = sorted({number for number, _ in work if number is not None})
                    list(pool.map(self._workers.compile, needed))
                    compiled = time.perf_counter()
                    self._tell("train")
                    for number, chunk in work:
                        pool.submit(self._workers.train, number, chunk)
                    self._collect(len(work))
                    checks = [
                        pool.submit(self._workers.canary, number, self._results)
                        for number in self._unchecked()
                    ]
                    canaries = [found for check in checks if (found := check.result())]
                except BaseException:
                    self._workers.stop.set()
                    pool.shutdown(cancel_futures=True)
                    self._drain()
                    raise
        except KeyboardInterrupt:
            record = self._finished(begin, time.perf_counter())
            self._store.finish(record)
            raise Interrupted(record, len(record.members) - len(self._results)) from None
        except StoreError as error:
            missing = len(self._record.members) - len(self._results)
            told = f"{missing} of {len(self._record.members)} networks are not in the store yet"
            raise StoreError(f"{error}; {told}") from error
        record = self._finished(begin, compiled, canaries)
        self._store.finish(record)
        if any(member.status not in (*FINISHED, "failed") for member in record.members):
            return record
        try:
            concluded = self._conclude(self._plan, record, self._store)
        except KeyboardInterrupt:
            raise Interrupted(record, 0) from None
        self._store.note(record.identity, concluded)
        return replace(record, findings=record.findings | concluded)

    def _unchecked(self) -> list[int]:
        """The programs that need a canary: something of them was trained now, or they have none."""
        known = {canary["identity"] for canary in self._known_canaries()}
        return [
            number
            for number, program in enumerate(self._plan.programs)
            if not self._trained.isdisjoint(program.members)
            or known.isdisjoint(self._record.members[m].identity for m in program.members)
        ]

    def _known_canaries(self) -> list[dict[str, Any]]:
        """What earlier runs found of the members of this study."""
        return [
            canary
            for canary in self._record.findings.get("canaries", ())
            if canary.get("identity") in self._number_of
        ]

    def _work(self) -> list[tuple[int | None, list[int]]]:
        """The chunks that are to be trained, each with its program; estimators have none.

        One chunk of every program comes first, so that all are soon measured; of the others the
        long ones do, so that the workers end together. Choices follow one another in an order
        that has nothing to do with their values: the first ones tell how long the others take.
        """
        firsts: list[tuple[int | None, list[int]]] = []
        others: list[tuple[int | None, list[int]]] = []
        programs = self._plan.programs
        for number in sorted(range(len(programs)), key=lambda n: -programs[n].seconds):
            missing = [member for member in programs[number].members if member not in self._results]
            missing.sort(key=self._shuffled)
            if self._plan.materials[programs[number].material].blocks is not None:
                others += [(number, group) for group in self._groups(missing, programs[number])]
                continue
            first, *rest = self._lanes(missing, programs[number].width) or [[]]
            if first:
                firsts.append((number, first))
                others += [(number, chunk) for chunk in rest]
        fits = [member for member in self._plan.estimators if member not in self._results]
        return firsts + [(None, [member]) for member in fits] + others

    def _lanes(self, members: list[int], width: int) -> list[list[int]]:
        """What is trained in one go: one after another, or side by side as long as any waits."""
        if width == 1:
            return [[member] for member in members]
        lanes = min(self._plan.device.workers, -(-len(members) // width))
        return [members[lane::lanes] for lane in range(lanes)]

    def _groups(self, members: list[int], program: Program) -> list[list[int]]:
        """What trains together where blocks are streamed, once for each worker that is to help."""
        size, found = program.together(self._plan.device), []
        for start in range(0, len(members), size):
            group = members[start : start + size]
            helpers = min(self._plan.device.workers, -(-len(group) // program.width))
            found += [group] * helpers
        return found

    def _shuffled(self, member: int) -> tuple[bytes, int]:
        """Sorts members by choice, the choices in no meaningful order."""
        choice = self._plan.members[member].choice
        return hashlib.sha256(choice.to_bytes(8, "big")).digest(), member

    def _checkpoints(self, identities: list[str]) -> list[tuple[int, bytes] | None]:
        if self._checkpointed.isdisjoint(identities):
            return [None] * len(identities)
        with self._store_lock:
            return [self._store.latest_checkpoint(identity) for identity in identities]

    def _measure(self) -> Pace:
        """The work that is to be done: a stretch for each program, and one for estimators."""
        stretches = [
            Stretch(
                members=sum(member not in self._results for member in program.members),
                steps=program.steps,
                guess=program.seconds / program.width / program.steps,
            )
            for program in self._plan.programs
        ]
        fits = sum(member not in self._results for member in self._plan.estimators)
        return Pace([*stretches, Stretch(fits, 1, guess=0.0)], self._plan.device.workers)

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
        checkpoints = {
            item.identity: (item.step, item.content)
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
            number = self._number_of[record.identity]
            self._results[number] = kept
            self._trained.add(number)
            self._pace.ended(self._stretch_of(number), number, max(1, record.steps))
        self._tell("train")

    def _tell(self, stage: str, note: str = "") -> None:
        self._watch(
            Event(
                stage=stage,
                members=len(self._plan.members),
                reused=self._reused,
                finished=len(self._results) - self._reused,
                programs=len(self._plan.programs),
                left=self._pace.left(),
                note=note,
            )
        )

    def _stretch_of(self, member: int) -> int:
        return self._plan.program_of.get(member, -1)

    def _finished(
        self, begin: float, compiled: float, canaries: Sequence[Canary] = ()
    ) -> StudyRecord:
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
                    "choices": sorted({self._plan.members[m].choice for m in program.members}),
                    "width": program.width,
                    "parameters": program.training.parameters,
                    "batch_size": program.task.batch_size,
                    "epochs": program.task.epochs,
                    "rules": [rule.name for rule in program.task.rules],
                    "compile_seconds": population.compile_seconds,
                    "options": program.options,
                }
                for program, population in zip(
                    self._plan.programs, self._workers.populations, strict=True
                )
            ),
            seconds={
                "compile": compiled - begin,
                "run": end - compiled,
                "total": end - self._begin,
            },
            trained=sum(member.status in FINISHED for member in members) - self._reused,
            reused=self._reused,
        )
        return replace(record, findings=self._found(canaries))

    def _found(self, canaries: Sequence[Canary]) -> dict[str, Any]:
        """What earlier runs and this one found, as far as it is about members of this study.

        A verdict stays with its member: one that disagreed is not forgotten by a later run.
        """
        for canary in canaries:
            if canary.agrees is False:
                warnings.warn(canary.message, RuntimeWarning, stacklevel=2)
        now = {canary.identity for canary in canaries if canary.agrees is not None}
        told = [
            canary
            for canary in self._known_canaries()
            if canary["identity"] not in now or canary["agrees"] is False
        ]
        told += [asdict(canary) for canary in canaries]
        kept = {name: value for name, value in self._record.findings.items() if name == SELECTION}
        return kept | {"canaries": told}
