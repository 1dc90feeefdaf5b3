"""What a plan and its trained members are in the store's plain terms."""

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from etude.batch import ROLES
from etude.component import Component, plain
from etude.data.augmentation import Augmentation
from etude.data.base import Data
from etude.engine.material import Material
from etude.engine.plan import Plan, Program
from etude.engine.population import Population
from etude.engine.state import Carry
from etude.engine.status import Status
from etude.labels import by_title, swept_fields, title_of
from etude.store.identity import member_identity, study_identity
from etude.store.records import ChoiceRecord, MemberRecord, SplitRecord, StudyRecord
from etude.study import SEVERAL, Study, choice_labels
from etude.validation.base import RowSplit


def study_record(whole: Plan, text: str = "") -> StudyRecord:
    """The record of a planned study: everything but results."""
    study, metric = whole.study, whole.metric
    fingerprints = [material.prepared.fingerprint for material in whole.materials]
    metrics = list(
        dict.fromkeys(["loss", *(m.name for material in whole.materials for m in material.metrics)])
    )
    trains_only = all(
        np.array_equal(split.train, split.test)
        for material in whole.materials
        for split in material.splits
    )
    return StudyRecord(
        identity=study_identity(study.specification(), fingerprints),
        name=study.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        document=study.document(),
        text=text,
        choices=_choices(whole, ()),
        splits=tuple(
            _split_record(material, data, number)
            for data, material in enumerate(whole.materials)
            for number in range(len(material.splits))
        ),
        metric="loss" if metric is None else metric.name,
        greater_is_better=False if metric is None else metric.greater_is_better,
        metrics=tuple(metrics),
        bounds=(None, None) if metric is None else metric.bounds,
        judged="train" if trains_only else "test",
        profile=_profile(whole),
        members=_members(whole, metrics, 0),
    )


def grown_record(record: StudyRecord, whole: Plan) -> StudyRecord:
    """The record of a study whose search has drawn further choices.

    Args:
        record: as it was before.
        whole: the plan, of which the first members are those of the record.
    """
    known = record.document["drawn"]
    new = [[part.document() for part in parts] for parts in whole.study.drawn[len(known) :]]
    return replace(
        record,
        document=record.document | {"drawn": known + new},
        choices=_choices(whole, record.choices),
        profile=_profile(whole),
        members=record.members + _members(whole, record.metrics, len(record.members)),
    )


def _members(whole: Plan, metrics: Sequence[str], first: int) -> tuple[MemberRecord, ...]:
    """The members of a plan from this number on."""
    fingerprints = [material.prepared.fingerprint for material in whole.materials]
    split_digests = [
        [_rows_digest(split) for split in material.splits] for material in whole.materials
    ]
    specifications: dict[int, dict[str, Any]] = {}
    found = []
    for number, member in enumerate(whole.members[first:], first):
        place = whole.material_of(member.choice)
        if member.choice not in specifications:
            measured = [metric.specification() for metric in whole.materials[place].metrics]
            specifications[member.choice] = whole.choices[member.choice].specification() | {
                "metrics": measured,
                "columns": list(metrics),
            }
        identity = member_identity(
            specifications[member.choice],
            fingerprints[place],
            {"number": member.split, "rows": split_digests[place][member.split]},
            whole.study.seed,
            member.seed,
            profile_of(whole, number),
        )
        found.append(MemberRecord(identity, member.choice, member.split, member.seed))
    return tuple(found)


def _choices(whole: Plan, known: Sequence[ChoiceRecord]) -> tuple[ChoiceRecord, ...]:
    """The choices of a plan, of which the first are known by other names."""
    names, swept = choice_labels(whole.study), _swept(whole.study)
    return tuple(
        ChoiceRecord(
            names[number],
            known[number].document if number < len(known) else choice.document(),
            {name: value for part in choice.parts.values() for name, value in swept[part].items()},
        )
        for number, choice in enumerate(whole.choices)
    )


def _profile(whole: Plan) -> dict[str, Any]:
    """The numerics profile of a study: that of its first member, with all widths."""
    return profile_of(whole, 0) | {"width": sorted({program.width for program in whole.programs})}


def profile_of(whole: Plan, number: int) -> dict[str, Any]:
    """The numerics profile of a member; of an estimator the versions that decide its results."""
    estimator = whole.choices[whole.members[number].choice].estimator
    if estimator is None:
        return whole.programs[whole.program_of[number]].profile
    return whole.device.profile(1, {}) | estimator.versions()


def program_rows(whole: Plan, populations: Sequence[Population]) -> tuple[dict[str, Any], ...]:
    """What is kept of the programs of a plan, each with its population; others may come after.

    The first of those that share a population has the seconds of its compilation.
    """
    counted: set[Population] = set()
    seconds = []
    for population in populations:
        seconds.append(0.0 if population in counted else population.compile_seconds)
        counted.add(population)
    return tuple(
        {
            "members": len(program.members),
            "choices": sorted({whole.members[member].choice for member in program.members}),
            "width": program.width,
            "parameters": program.parameters,
            "batch_size": program.task.batch_size,
            "epochs": program.task.epochs,
            "rules": [rule.name for rule in program.task.rules],
            "compile_seconds": compile_seconds,
            "options": program.options,
        }
        for program, compile_seconds in zip(whole.programs, seconds, strict=False)
    )


def _swept(study: Study) -> dict[Component, dict[str, Any]]:
    """For every component of a study, what sets it apart from the others of its kind."""
    swept: dict[Component, dict[str, Any]] = {}
    for kind in SEVERAL:
        parts = study.data_sets if kind == "data" else study.components(kind)
        groups = by_title(parts)
        for same in groups:
            # Code, such as the module class of a user, differs too and is in no document; some
            # fields are in none while they have their default.
            documents = [component.document() for component in same]
            fields = [
                name
                for name in swept_fields(tuple(same))
                if any(name in document for document in documents)
            ]
            named = {kind: title_of(same[0])} if len(groups) > 1 else {}
            for component, document in zip(same, documents, strict=True):
                swept[component] = named | {
                    f"{kind}.{name}": document[name]
                    if name in document
                    else plain(getattr(component, name))
                    for name in fields
                }
    data = tuple(each for each in study.components("data") if isinstance(each, Data))
    augments = _swept_augments(data)
    return swept | {each: swept[each.unaugmented] | augments[each.augment] for each in data}


def _swept_augments(data: tuple[Data, ...]) -> dict[tuple[Augmentation, ...], dict[str, Any]]:
    """For everything that augments data of a study, what sets it apart from the others.

    Example: `{"augment": "shift + input_noise", "augment.input_noise.std": 0.1}`
    """
    several = tuple(dict.fromkeys(each.augment for each in data))
    named = [{"augment": " + ".join(part.name for part in each) or "none"} for each in several]
    values: dict[str, set[str]] = {}
    for each in several:
        for field, value in _fields(each).items():
            # As text, for some are lists.
            values.setdefault(field, set()).add(repr(value))
    told = [field for field, found in values.items() if len(found) > 1]
    return {
        each: (name if len({one["augment"] for one in named}) > 1 else {})
        | {field: value for field, value in _fields(each).items() if field in told}
        for each, name in zip(several, named, strict=True)
    }


def _fields(augment: tuple[Augmentation, ...]) -> dict[str, Any]:
    """The fields of what augments data, by their names; the second of a class is `shift_2`."""
    found: dict[str, Any] = {}
    times: Counter[str] = Counter()
    for part in augment:
        times[part.name] += 1
        name = part.name if times[part.name] == 1 else f"{part.name}_{times[part.name]}"
        fields = part.document().items()
        found |= {f"augment.{name}.{key}": value for key, value in fields if key != "name"}
    return found


def _rows_digest(split: RowSplit) -> str:
    """What decides a member of a split: its rows, not whether it judges or chooses."""
    parts = (split.train, split.validation, split.test, split.weights)
    return hashlib.sha256(b"/".join(part.tobytes() for part in parts)).hexdigest()


def _split_record(material: Material, data: int, number: int) -> SplitRecord:
    split, prepared = material.splits[number], material.prepared
    trivial: dict[str, dict[str, float | None]] = {}
    if prepared.targets is not None:
        for role in ("train", "validation", "test"):
            rows = getattr(split, role)
            trivial[role] = {
                metric.name: single(
                    metric.trivial(
                        prepared.targets[split.train], prepared.targets[rows], prepared.spec
                    )
                )
                if rows.size
                else None
                for metric in material.metrics
            }
    return SplitRecord(
        data,
        number,
        split.train.size,
        split.validation.size,
        split.test.size,
        trivial,
        split.chooses_for,
        number > 0 and _same_rows(split.test, material.splits[0].test),
    )


def _same_rows(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two roles have the same rows, and some, in whatever order."""
    return 0 < first.size == second.size and np.array_equal(np.sort(first), np.sort(second))


def single(value: float) -> float | None:
    """In single precision, as all values are: what is equal must be told as equal."""
    with np.errstate(over="ignore"):
        single = np.float32(value)
    return float(single) if np.isfinite(single) else None


def results_of(carry: Carry) -> dict[str, Any]:
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


def member_record(
    whole: Plan,
    number: int,
    record: MemberRecord,
    metrics: tuple[str, ...],
    part: dict[str, Any],
    seconds: float,
) -> MemberRecord:
    """The record of a trained member.

    Args:
        whole: the plan.
        number: which member of the plan.
        record: its record before it was trained.
        metrics: the metrics of the study record, in its order.
        part: what `results_of` gave for it, on the host.
        seconds: how long it trained.
    """
    program = whole.programs[whole.program_of[number]]
    split = whole.materials[program.material].splits[record.split]
    status = Status(int(part["status"]))
    epochs = int(part["epoch"])
    best = int(part["best"]) or epochs
    curves = curves_of(program, metrics, part["history"][:epochs])
    # A loss on held-out rows that is not finite did not touch training; it is no result either.
    has_rows = [getattr(split, role).size > 0 for role in ROLES]
    if status is not Status.RUNNING and not np.all(np.isfinite(curves[best - 1, has_rows, 0])):
        status = Status.DIVERGED
    diverged = status is Status.DIVERGED
    values: dict[str, dict[str, float | None]] = {}
    if not diverged:
        kept = curves[best - 1].tolist()
        values = {
            role: dict(zip(metrics, map(single, row), strict=True))
            for role, row in zip(ROLES, kept, strict=True)
        }
    outputs = None
    if program.training.keeps_outputs and split.test.size and not diverged:
        # The rows to test are judged first.
        outputs = np.asarray(part["outputs"], np.float32)[: split.test.size].copy()
    return replace(
        record,
        status=status.name.lower(),
        epochs=epochs,
        steps=int(part["step"]),
        best_epoch=int(part["best"]),
        diverged_step=(int(part["diverged"]) or int(part["step"])) if diverged else 0,
        seconds=seconds,
        values=values,
        curves=curves,
        outputs=outputs,
    )


def curves_of(program: Program, metrics: tuple[str, ...], history: np.ndarray) -> np.ndarray:
    """`[epochs, roles, metrics]` from the means of the statistics."""
    curves = np.full((*history.shape[:2], len(metrics)), np.nan, np.float32)
    history = np.asarray(history, np.float64)
    columns = program.training.columns
    curves[..., 0] = history[..., columns[0]][..., 0]
    for metric, column in zip(program.task.metrics, columns[1:], strict=True):
        curves[..., metrics.index(metric.name)] = metric.value(history[..., column])
    return curves
