"""From a study to members, and from members to programs."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import jax
import numpy as np

from etude.algorithm.base import Algorithm
from etude.algorithm.basics import BASICS
from etude.component import Component
from etude.data.base import Data
from etude.engine.budget import epoch_of
from etude.engine.checks import check_estimator, check_network
from etude.engine.device import Device, current_device
from etude.engine.material import Material, material_of
from etude.engine.memory import (
    check_members,
    check_programs,
    check_steps,
    check_training,
    most_together,
)
from etude.engine.state import Inputs, Shared, Task
from etude.engine.status import Status
from etude.engine.train import Member as Training
from etude.errors import InputError
from etude.keys import key_of
from etude.metric.base import Metric
from etude.metric.choose import default_metric
from etude.search.space import Parts
from etude.study import KINDS, Choice, Member, Study


@dataclass
class Program:
    """Members that share one computation; they differ in numbers only.

    Attributes:
        task: what is static.
        material: number of the data set whose arrays and splits they read.
        width: how many members train side by side.
        members: which members of the plan.
        options: compiler options.
        profile: the numerics profile.
        training: the training of one member of the task; one for all programs of the same task
            on data of the same sizes, which are compiled once.
        batches: of an epoch, on each split.
        steps: steps of the longest member.
        operations: about how many floating-point operations the longest member takes.
    """

    task: Task
    material: int
    width: int
    options: dict[str, str]
    profile: dict[str, Any]
    training: Training
    batches: tuple[int, ...]
    steps: int
    operations: float
    members: list[int] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """How many weights a member trains: those of all networks of an ensemble."""
        return self.task.rules[0].networks * self.training.parameters

    @property
    def seconds(self) -> float:
        """A rough guess how long a chunk trains, to begin with: it decides no bits."""
        return self.width * (2.5e-5 * self.steps + self.operations / 4e10)

    def together(self, device: Device) -> int:
        """How many members train on a block before the next one, where blocks are streamed."""
        most = most_together(self.training.carried, device)
        return max(self.width * device.workers, most - most % self.width)


@dataclass(frozen=True)
class Plan:
    """What a study comes to: members and the programs that train them.

    Attributes:
        study: the study.
        choices: all combinations.
        members: every choice on every split with every seed.
        materials: the data sets, prepared.
        programs: groups of members that share one computation.
        device: where they train.
        keyed: the programs by what their members have in common.
        trainings: the training of a task on data of some sizes, by both.
    """

    study: Study
    choices: tuple[Choice, ...]
    members: tuple[Member, ...]
    materials: tuple[Material, ...]
    programs: tuple[Program, ...]
    device: Device
    keyed: dict[Any, Program] = field(default_factory=dict, repr=False, compare=False)
    trainings: dict[Any, Training] = field(default_factory=dict, repr=False, compare=False)

    @property
    def metric(self) -> Metric | None:
        """The metric that decides; None where the loss does."""
        if self.study.metric is not None:
            return self.study.metric
        return default_metric(self.materials[0].prepared.spec)

    @cached_property
    def program_of(self) -> dict[int, int]:
        """Member number -> program number."""
        return {
            member: number
            for number, program in enumerate(self.programs)
            for member in program.members
        }

    def check(self, parts: Parts) -> None:
        """Raise an `InputError` where a network of these parts, which a search draws, cannot be.

        Its program is there when the plan grows by it.
        """
        material, precision = self.materials[0], self.device.precision(self.study.precision)
        choice = Choice(**dict(zip(KINDS, parts, strict=True)))
        check_network(choice, material)
        _program(choice, 0, material, self.device, precision, self)

    def material_of(self, choice: int) -> int:
        """The number of the data set that a choice uses."""
        return self._material_of_choice[choice]

    @cached_property
    def _material_of_choice(self) -> tuple[int, ...]:
        sets = {data: number for number, data in enumerate(self.study.data_sets)}
        return tuple(sets[choice.data.unaugmented] for choice in self.choices)

    @cached_property
    def estimators(self) -> tuple[int, ...]:
        """The members that train themselves on the host, in no program."""
        return tuple(
            number
            for number, member in enumerate(self.members)
            if self.choices[member.choice].estimator is not None
        )

    @property
    def bytes(self) -> int:
        """Memory that training takes at most, in bytes: the data once, and W members a worker.

        Where blocks are streamed all members of a program are there at a time, as far as they fit.
        """
        read = {program.material for program in self.programs}
        data = sum(self.materials[number].bytes for number in read)
        widest = max(
            (program.width * program.training.bytes for program in self.programs),
            default=0,
        )
        waiting = max(
            (
                min(len(program.members), program.together(self.device)) * program.training.carried
                for program in self.programs
                if self.materials[program.material].blocks is not None
            ),
            default=0,
        )
        return data + self.device.workers * widest + waiting

    def __str__(self) -> str:
        networks = len(self.members) - len(self.estimators)
        splits = self.materials[0].splits
        outer = sum(split.chooses_for < 0 for split in splits)
        dealt = f"{len(splits)}" if outer == len(splits) else f"({outer} + {len(splits) - outer})"
        fits = f" and {len(self.estimators)} fits of estimators" if self.estimators else ""
        trained = sum(len(part.members) * part.task.rules[0].networks for part in self.programs)
        inside = f" ({trained:,} with those inside of ensembles)" if trained > networks else ""
        return (
            f"{self.study.name}: {len(self.choices)} choices × "
            f"{dealt} splits × {self.study.seeds} seeds = "
            f"{networks} networks{inside} in {len(self.programs)} "
            f"program{'s' if len(self.programs) != 1 else ''}{fits}, about "
            f"{max(1, round(self.bytes / 2**20))} MiB"
        )


def plan(study: Study, device: Device | None = None, before: Plan | None = None) -> Plan:
    """Prepare the data of a study and group its members into programs; train nothing.

    Args:
        study: the study. Its search draws its first choices, whatever is drawn in it.
        device: where to train; by default JAX's default device.
        before: the plan of this study when its search had drawn fewer choices. Its data and
            programs are taken over; the programs get what members are new.

    Raises:
        InputError: parts of the study do not fit one another; the message says which.
    """
    device = device or current_device()
    precision = device.precision(study.precision)
    sets = study.data_sets
    if before is None:
        materials = tuple(material_of(study, data, device) for data in sets)
        before = Plan(study, (), (), materials, (), device)
        study = study.begun(before.check)
    materials = before.materials
    contents: dict[Any, int] = {}
    alike = [
        contents.setdefault(_content(data, material), number)
        for number, (data, material) in enumerate(zip(sets, materials, strict=True))
    ]
    choices = study.choices()
    numbers = {data: number for number, data in enumerate(sets)}
    splits = [len(materials[numbers[choice.data.unaugmented]].splits) for choice in choices]
    check_members(len(choices), max(splits), study.seeds, sum(splits) * study.seeds)
    members, known = list(before.members), len(before.choices)
    grown = replace(before, keyed=dict(before.keyed), trainings=dict(before.trainings))
    for number, choice in enumerate(choices[known:], known):
        index = numbers[choice.data.unaugmented]
        material = materials[index]
        program = None
        if choice.estimator is not None:
            check_estimator(choice, material, study.metric)
        else:
            check_network(choice, material)
            same = alike[index]
            program = _program(choice, same, materials[same], device, precision, grown)
        for split in range(len(material.splits)):
            for seed in range(study.seeds):
                if program is not None:
                    program.members.append(len(members))
                members.append(Member(number, split, seed))
    return replace(
        grown,
        study=study,
        choices=choices,
        members=tuple(members),
        programs=tuple(grown.keyed.values()),
    )


def _content(data: Data, material: Material) -> Any:
    """Equal for data that differ in traced numbers alone, which act through their stream."""
    prepared = material.prepared
    return jax.tree.structure(data), prepared.spec, prepared.fingerprint, prepared.block


def _program(
    choice: Choice,
    index: int,
    material: Material,
    device: Device,
    precision: str | None,
    whole: Plan,
) -> Program:
    """The program of a choice in a plan, which gets it where it has none yet."""
    prepared, blocks = material.prepared, material.blocks
    model, loss, algorithm = choice.network
    batch_size, batches = epoch_of(algorithm, material)
    epochs = algorithm.epochs
    if algorithm.steps:
        epochs = -(-algorithm.steps // min(batches))
    check_steps(algorithm.networks * epochs, 1 if algorithm.steps else max(batches))
    base = {name: getattr(algorithm, name) for name in Algorithm.model_fields}
    fixed = (
        index,
        jax.tree.structure(prepared.stream),
        jax.tree.structure(model),
        jax.tree.structure(loss),
        jax.tree.structure(choice.data.augment),
        batch_size,
        epochs,
    )
    switched = type(algorithm) in BASICS
    common = tuple((name, _structure(value)) for name, value in base.items())
    alone: Any = (*fixed, jax.tree.structure(algorithm))
    key: Any = (*fixed, common, "basics") if switched else alone
    for known in (key, alone):
        if known in whole.keyed:
            return whole.keyed[known]

    def task(rules: tuple[Algorithm, ...]) -> Task:
        return Task(
            spec=prepared.spec,
            stream=prepared.stream,
            model=model,
            loss=loss,
            rules=rules,
            metrics=material.metrics,
            batch_size=batch_size,
            epochs=epochs,
            precision=precision,
            augment=choice.data.augment,
        )

    rules: tuple[Algorithm, ...] = (algorithm,)
    if switched and device.loops:
        rules = tuple(_as(rule, base) for rule in BASICS)
    else:
        key = alone
    shapes = material.shapes
    same = (key[1:], prepared.spec, material.metrics, _sizes(shapes))
    training = whole.trainings.get(same)
    if training is None:
        training = whole.trainings[same] = _training(task(rules), shapes)
    width = device.width(training.bytes)
    steps = algorithm.networks * (algorithm.steps or epochs * max(batches))
    operations = training.operations * batch_size * steps
    options = device.options
    shape = (batch_size, *shapes.splits.order.shape[1:], *shapes.judged.rows.shape[1:])
    shape += (prepared.rows,)
    shape += () if blocks is None else (blocks.rows,)
    profile = device.profile(width, options, precision) | {"shape": list(shape)}
    program = Program(
        training.task, index, width, options, profile, training, batches, steps, operations
    )
    check_training(program, material.bytes, device)
    check_programs(len(whole.keyed) + 1)
    whole.keyed[key] = program
    return program


def _sizes(shapes: Shared) -> Any:
    leaves, structure = jax.tree.flatten(shapes)
    return structure, tuple((leaf.shape, leaf.dtype) for leaf in leaves)


def _training(task: Task, shapes: Shared) -> Training:
    """The training of one member, whose components meet here for the first time."""
    try:
        return Training(task, shapes)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{task.model}, {task.loss} and the data do not work together: "
            f"{type(error).__name__}: {error}"
        ) from error


def _structure(value: Any) -> Any:
    return jax.tree.structure(value) if isinstance(value, Component) else value


def _as(rule: type[Algorithm], base: dict[str, Any]) -> Algorithm:
    """A rule with the batch, schedule, budget and stopping of another."""
    return rule().changed(**base)


PURPOSES = ("weights", "batches", "objective")
"""What a member draws random numbers for, in the order of `Inputs.keys`."""


def inputs_of(plan: Plan, number: int) -> Inputs:
    """What sets a member apart, in the terms of its program."""
    member = plan.members[number]
    program = plan.programs[plan.program_of[number]]
    choice = plan.choices[member.choice]
    rules = [type(rule) for rule in program.task.rules]
    stream = plan.materials[plan.material_of(member.choice)].prepared.stream
    model, loss, algorithm = choice.network
    parts = (stream, model, loss, choice.data.augment, algorithm)
    numbers = [float(leaf) for part in parts for leaf in jax.tree.leaves(part)]
    numbers += [0.0] * (program.training.numbers - len(numbers))
    # A number beyond single precision is infinite there, and makes its member diverge.
    with np.errstate(over="ignore"):
        values = np.array(numbers, jax.numpy.result_type(float))
    return Inputs(
        numbers=values,
        rule=np.int32(rules.index(type(algorithm))),
        split=np.int32(member.split),
        # All choices with one label share keys: they start from the same weights where their
        # networks are the same, and see the same batches.
        keys=np.stack(
            [
                key_of(plan.study.seed, member.seed, member.split, purpose, choice.label)
                for purpose in PURPOSES
            ]
        ),
        status=np.int32(Status.RUNNING),
    )
