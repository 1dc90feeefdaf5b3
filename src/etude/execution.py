"""Running a study: the one place that joins engine and store."""

import hashlib
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from etude.batch import ROLES
from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.device import Device
from etude.engine.plan import Material, Plan, Program, chunks, inputs_of, plan, share
from etude.engine.population import Population
from etude.engine.status import Status
from etude.engine.train import Carry, Shared
from etude.store.identity import member_identity, study_identity
from etude.store.records import ChoiceRecord, MemberRecord, SplitRecord, StudyRecord
from etude.store.store import Store
from etude.study import KINDS, Study, choice_labels, swept_values

SEGMENT_SECONDS = 2.0
"""About so long a chunk trains between two borders, where it can stop and be kept."""

LONG_STEPS = 20_000
"""A program of more steps than this is trained in segments."""

FINISHED = ("done", "stopped", "diverged")


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
    store: Store | None = None,
    *,
    text: str = "",
    device: Device | None = None,
    watch: Watcher | None = None,
) -> StudyRecord:
    """Train every member of a study that the store does not hold yet.

    Args:
        study: what to train.
        store: where results are kept; None keeps them in memory only.
        text: the study file, to be kept with the results.
        device: where to train; by default JAX's default device.
        watch: called with an `Event` whenever something has happened.

    Raises:
        InputError: the study cannot be trained as it is.
        Interrupted: Ctrl-C, or SIGTERM where the caller turns it into KeyboardInterrupt.
    """
    begin = time.perf_counter()
    whole = plan(study, device)
    record = describe(whole, text)
    if store is not None:
        return _Run(whole, store.begin(record), store, True, watch, begin).go()
    with Store.open(None) as memory:
        return _Run(whole, memory.begin(record), memory, False, watch, begin).go()


def describe(whole: Plan, text: str = "") -> StudyRecord:
    """The record of a planned study: everything but results."""
    study, metric = whole.study, whole.metric
    names = choice_labels(study)
    material_of = [whole.material_of(number) for number in range(len(whole.choices))]
    fingerprints = [material.prepared.fingerprint for material in whole.materials]
    split_digests = [
        [
            hashlib.sha256(b"/".join(part.tobytes() for part in vars(split).values())).hexdigest()
            for split in material.splits
        ]
        for material in whole.materials
    ]
    metrics = list(
        dict.fromkeys(["loss", *(m.name for material in whole.materials for m in material.metrics)])
    )
    specifications = [choice.specification() | {"metrics": metrics} for choice in whole.choices]
    members = tuple(
        MemberRecord(
            identity=member_identity(
                specifications[member.choice],
                fingerprints[material_of[member.choice]],
                {
                    "number": member.split,
                    "rows": split_digests[material_of[member.choice]][member.split],
                },
                study.seed,
                member.seed,
                whole.programs[whole.program_of[number]].profile,
            ),
            choice=member.choice,
            split=member.split,
            seed=member.seed,
        )
        for number, member in enumerate(whole.members)
    )
    choices = tuple(
        ChoiceRecord(names[number], choice.document(), _swept(study, choice))
        for number, choice in enumerate(whole.choices)
    )
    trains_only = all(
        np.array_equal(split.train, split.test)
        for material in whole.materials
        for split in material.splits
    )
    profile = whole.programs[0].profile | {
        "width": sorted({program.width for program in whole.programs})
    }
    return StudyRecord(
        identity=study_identity(study.document(), fingerprints),
        name=study.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        document=study.document(),
        text=text,
        choices=choices,
        splits=tuple(
            _split_record(material, data, number)
            for data, material in enumerate(whole.materials)
            for number in range(len(material.splits))
        ),
        metric="loss" if metric is None else metric.name,
        greater_is_better=False if metric is None else metric.greater_is_better,
        metrics=tuple(metrics),
        judged="train" if trains_only else "test",
        profile=profile,
        members=members,
    )


def _swept(study: Study, choice: Any) -> dict[str, Any]:
    swept: dict[str, Any] = {}
    for kind in KINDS:
        component, siblings = getattr(choice, kind), getattr(study, kind)
        if len({type(other) for other in siblings}) > 1:
            swept[kind] = component.name
        document = component.document()
        for name in swept_values(component, siblings):
            swept[f"{kind}.{name}"] = document[name]
    return swept


def _split_record(material: Material, data: int, number: int) -> SplitRecord:
    split, prepared = material.splits[number], material.prepared
    trivial: dict[str, dict[str, float | None]] = {}
    if prepared.targets is not None:
        for role in ("train", "validation", "test"):
            rows = getattr(split, role)
            trivial[role] = {
                metric.name: _number(
                    metric.trivial(
                        prepared.targets[split.train], prepared.targets[rows], prepared.spec
                    )
                )
                if rows.size
                else None
                for metric in material.metrics
            }
    return SplitRecord(
        data, number, split.train.size, split.validation.size, split.test.size, trivial
    )


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


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
        self._shared: dict[tuple[int, int], Shared] = {}
        self._shared_lock = threading.Lock()
        self._store_lock = threading.Lock()
        self._stop = threading.Event()
        self._arrived: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._number_of = {member.identity: place for place, member in enumerate(record.members)}
        self._results = {
            place: member
            for place, member in enumerate(record.members)
            if member.status in FINISHED
        }
        self._reused = len(self._results)

    def go(self) -> StudyRecord:
        work = [
            (number, chunk)
            for number, program in enumerate(self._plan.programs)
            for chunk in chunks(
                [member for member in program.members if member not in self._results],
                program.width,
            )
        ]
        compile_begin = time.perf_counter()
        self._tell("compile")
        try:
            with ThreadPoolExecutor(self._plan.device.workers) as pool:
                try:
                    self._collect([pool.submit(self._train, *item) for item in work], pool)
                except BaseException:
                    self._stop.set()
                    pool.shutdown(cancel_futures=True)
                    self._save(self._drain())
                    raise
        except KeyboardInterrupt:
            record = self._finished(compile_begin)
            raise Interrupted(record, len(record.members) - len(self._results)) from None
        return self._finished(compile_begin)

    def _collect(self, futures: list[Future[None]], pool: ThreadPoolExecutor) -> None:
        """Store results as they arrive, until every chunk has been trained."""
        pending = set(futures)
        while pending:
            time.sleep(0.05)
            over = {future for future in pending if future.done()}
            for future in over:
                future.result()
            pending -= over
            self._save(self._drain())

    def _drain(self) -> list[MemberRecord | Checkpoint]:
        arrived: list[MemberRecord | Checkpoint] = []
        while True:
            try:
                arrived.append(self._arrived.get_nowait())
            except queue.Empty:
                return arrived

    def _save(self, arrived: list[MemberRecord | Checkpoint]) -> None:
        if not arrived:
            return
        records = [item for item in arrived if isinstance(item, MemberRecord)]
        checkpoints = {
            item.identity: (item.epoch, item.content)
            for item in arrived
            if isinstance(item, Checkpoint)
        }
        for record in records:
            checkpoints.pop(record.identity, None)
        with self._store_lock:
            self._store.save(records, checkpoints)
        for record in records:
            self._results[self._number_of[record.identity]] = record
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

    def _train(self, number: int, members: list[int]) -> None:
        """Train one chunk from its start, or from where an earlier run left it."""
        if self._stop.is_set():
            return
        program, population = self._plan.programs[number], self._populations[number]
        shared = self._share(number)
        population.compile(shared)
        begin = time.perf_counter()
        inputs, carry = population.start(shared, [inputs_of(self._plan, m) for m in members])
        carry, done = self._resumed(population, members, carry)
        epochs = program.task.epochs
        # A long program begins with one epoch, which tells how many make a segment.
        ahead = 1 if program.steps > LONG_STEPS else epochs
        while done < epochs:
            if self._stop.is_set():
                return
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
        results = population.unstack(_results(carry), len(members))
        for member, part in zip(members, results, strict=True):
            self._arrived.put(self._record_of(program, member, part, seconds))

    def _resumed(
        self, population: Population, members: list[int], carry: Carry
    ) -> tuple[Carry, int]:
        """The carry with what checkpoints hold of these members, and the epochs they share."""
        if not self._lasting:
            return carry, 0
        identities = [self._record.members[member].identity for member in members]
        with self._store_lock:
            checkpoints = [self._store.latest_checkpoint(identity) for identity in identities]
        if not any(checkpoints):
            return carry, 0
        parts = population.unstack(carry, len(members))
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
        """The shared arrays of a program; programs of one data and batch size share them."""
        program = self._plan.programs[number]
        key = (program.material, program.task.batch_size)
        with self._shared_lock:
            if key not in self._shared:
                self._shared[key] = share(self._plan.materials[key[0]], key[1])
            return self._shared[key]

    def _record_of(
        self, program: Program, member: int, part: dict[str, Any], seconds: float
    ) -> MemberRecord:
        material = self._plan.materials[program.material]
        split = material.splits[self._plan.members[member].split]
        status = Status(int(part["status"]))
        epochs = int(part["epoch"])
        best = int(part["best"]) or epochs
        curves = self._curves(program, part["history"][:epochs])
        values: dict[str, dict[str, float | None]] = {}
        if status is not Status.DIVERGED:
            values = {
                role: dict(zip(self._record.metrics, map(_number, row), strict=True))
                for role, row in zip(ROLES, curves[best - 1].tolist(), strict=True)
            }
        outputs = None
        if program.task.keep_outputs and status is not Status.DIVERGED:
            outputs = np.asarray(part["outputs"], np.float32)[split.test]
            outputs = outputs.reshape(split.test.size, -1)
        return replace(
            self._record.members[member],
            status=status.name.lower(),
            epochs=epochs,
            steps=int(part["step"]),
            best_epoch=int(part["best"]),
            diverged_step=int(part["diverged"]),
            seconds=seconds,
            values=values,
            curves=curves,
            outputs=outputs,
        )

    def _curves(self, program: Program, history: np.ndarray) -> np.ndarray:
        """`[epochs, roles, metrics]` from the means of the statistics."""
        curves = np.full((*history.shape[:2], len(self._record.metrics)), np.nan, np.float32)
        history = np.asarray(history, np.float64)
        columns = program.training.columns
        curves[..., 0] = history[..., columns[0]][..., 0]
        for metric, column in zip(program.task.metrics, columns[1:], strict=True):
            place = self._record.metrics.index(metric.name)
            curves[..., place] = metric.value(history[..., column])
        return curves

    def _finished(self, compile_begin: float) -> StudyRecord:
        total = time.perf_counter() - self._begin
        compiling = sum(population.compile_seconds for population in self._populations)
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
                "compile": compiling,
                "run": max(0.0, time.perf_counter() - compile_begin - compiling),
                "total": total,
            },
            trained=len(self._results) - self._reused,
            reused=self._reused,
        )
        self._store.finish(record)
        return record


def _results(carry: Carry) -> dict[str, Any]:
    """The part of a carry that becomes the member's record."""
    stopping = carry.kept != ()
    return {
        "history": carry.history,
        "epoch": carry.epoch,
        "step": carry.step,
        "status": carry.status,
        "diverged": carry.diverged,
        "best": carry.kept.epoch if stopping else np.zeros_like(carry.epoch),
        "outputs": carry.kept.outputs if stopping else carry.outputs,
    }
