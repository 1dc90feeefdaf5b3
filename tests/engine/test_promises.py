"""The rules of the engine that hold always (DESIGN, section 4)."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import etude
from etude.algorithm.base import Algorithm
from etude.data.table import Table
from etude.engine import population
from etude.engine.device import Device, current_device
from etude.engine.plan import plan
from etude.execution.record import study_record
from etude.execution.run import run
from etude.store.records import MemberRecord, StudyRecord
from etude.store.store import Store
from etude.validation.kfold import KFold

WIDTHS = [1, 3]


def device(width: int, workers: int = 2) -> Device:
    return replace(current_device(workers), fixed_width=width)


def study(algorithms: tuple[Algorithm, ...], **fields: Any) -> etude.Study:
    values: dict[str, Any] = {
        "data": etude.Moons(rows=60, noise=0.2),
        "model": etude.MLP(widths=(4,)),
        "loss": etude.CrossEntropy(),
        "validation": KFold(folds=3),
        "seeds": 2,
    }
    return etude.Study(algorithm=algorithms, **(values | fields))


BUDGET: dict[str, Any] = {"epochs": 4, "batch_size": 8}
FEW = etude.grid(etude.SGD, learning_rate=[0.01, 0.1], **BUDGET) + etude.grid(
    etude.Adam, learning_rate=[0.01], **BUDGET
)
WILD = etude.grid(etude.SGD, learning_rate=[1e30], **BUDGET)
MORE = etude.grid(etude.Nesterov, learning_rate=[0.02], **BUDGET)


def by_identity(record: StudyRecord) -> dict[str, MemberRecord]:
    members = {member.identity: member for member in record.members}
    assert len(members) == len(record.members)
    return members


def assert_same_bits(first: MemberRecord, second: MemberRecord) -> None:
    assert (first.status, first.steps, first.epochs, first.diverged_step) == (
        second.status,
        second.steps,
        second.epochs,
        second.diverged_step,
    )
    assert first.values == second.values
    np.testing.assert_array_equal(first.curves.view(np.uint32), second.curves.view(np.uint32))
    if first.outputs is not None and second.outputs is not None:
        np.testing.assert_array_equal(first.outputs.view(np.uint32), second.outputs.view(np.uint32))


@pytest.mark.parametrize("width", WIDTHS)
def test_neighbours_do_not_matter(width: int) -> None:
    """Bits are equal alone, among others, in another order, beside a diverging neighbour."""
    few = by_identity(run(study(FEW), device=device(width)))
    many = by_identity(run(study(MORE + WILD + FEW[::-1]), device=device(width, workers=1)))
    alone = by_identity(run(study(FEW[:1]), device=device(width)))
    assert set(few) < set(many)
    assert set(alone) < set(few)
    for identity, member in few.items():
        assert_same_bits(member, many[identity])
    for identity, member in alone.items():
        assert_same_bits(member, few[identity])


@pytest.mark.parametrize("width", WIDTHS)
def test_divergence_is_a_status(width: int) -> None:
    record = run(study(FEW + WILD), device=device(width))
    wild = [member for member in record.members if member.choice == len(FEW)]
    others = [member for member in record.members if member.choice != len(FEW)]
    assert {member.status for member in wild} == {"diverged"}
    assert all(0 < member.diverged_step <= 20 for member in wild)
    assert all(member.values == {} for member in wild)
    assert {member.status for member in others} == {"done"}
    assert all(member.steps == 20 for member in others)


def test_widths_agree_up_to_rounding() -> None:
    one, three = (run(study(FEW), device=device(width)) for width in WIDTHS)
    for first, second in zip(one.members, three.members, strict=True):
        assert first.identity != second.identity, "W is part of the numerics profile"
        np.testing.assert_allclose(first.curves, second.curves, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("width", WIDTHS)
def test_held_out_rows_never_reach_training(width: int) -> None:
    """Other numbers and targets in the rows of fold 0 change nothing of its training."""
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(45, 3))
    targets = inputs @ [1.0, -2.0, 0.5] + generator.normal(size=45)
    folds = KFold(folds=3)
    held_out = folds.splits(45, None, 0)[0].test
    changed_inputs, changed_targets = inputs.copy(), targets.copy()
    changed_inputs[held_out] = 100 + 10 * generator.normal(size=(len(held_out), 3))
    changed_targets[held_out] = -1e3
    curves = []
    for x, y in ((inputs, targets), (changed_inputs, changed_targets)):
        record = run(
            study(FEW, data=Table.from_arrays(x, y), loss=etude.MSE(), validation=folds),
            device=device(width),
        )
        curves.append([member.curves for member in record.members if member.split == 0])
    for first, second in zip(*curves, strict=True):
        np.testing.assert_array_equal(first[:, 0], second[:, 0])
        assert not np.array_equal(first[:, 2], second[:, 2])


@pytest.fixture
def backend_compilations() -> Iterator[list[str]]:
    """JAX's own count of what its backend compiled or loaded from the cache."""
    events: list[str] = []

    def listen(event: str, duration: float, **_: Any) -> None:
        if event == "/jax/core/compile/backend_compile_duration":
            events.append(event)

    jax.monitoring.register_event_duration_secs_listener(listen)
    yield events
    jax.monitoring.unregister_event_duration_listener(listen)


def test_one_program_compiles_once(backend_compilations: list[str]) -> None:
    """All eight rules, twelve folds' worth of members: one program of two functions."""
    rules = tuple(
        cls(**BUDGET)
        for cls in (
            etude.SGD,
            etude.Momentum,
            etude.Nesterov,
            etude.Adagrad,
            etude.Adadelta,
            etude.RMSprop,
            etude.Adam,
            etude.AdamW,
        )
    )
    before = population.compilations
    record = run(study(rules), device=device(1))
    assert len(record.members) == 48
    assert len(record.programs) == 1
    assert population.compilations - before == 2
    assert len(backend_compilations) == 2


def test_programs_are_structures() -> None:
    """A number that is swept makes no program, another width of the network does."""
    rates = etude.grid(etude.SGD, learning_rate=[0.01, 0.1, 1.0], **BUDGET)
    widths = etude.grid(etude.MLP, widths=[(4,), (8,)])
    smoothing = etude.grid(etude.CrossEntropy, label_smoothing=[0.0, 0.1], l2=[0.0, 1e-3])
    whole = plan(study(rates, model=widths, loss=smoothing), device(1))
    assert len(whole.members) == 3 * 2 * 4 * 3 * 2
    assert len(whole.programs) == 2


def test_an_extended_study_trains_only_what_is_new() -> None:
    with Store.open(None) as store:
        first = run(study(FEW), store, device=device(1))
        assert (first.trained, first.reused) == (18, 0)
        again = run(study(FEW), store, device=device(1))
        assert (again.trained, again.reused) == (0, 18)
        extended = run(study(FEW + MORE), store, device=device(1))
        assert (extended.trained, extended.reused) == (6, 18)
        more_seeds = run(study(FEW, seeds=3), store, device=device(1))
        assert (more_seeds.trained, more_seeds.reused) == (9, 18)
    fresh = by_identity(run(study(FEW + MORE), device=device(1)))
    for identity, member in by_identity(extended).items():
        assert_same_bits(member, fresh[identity])


def test_equal_choices_under_labels_draw_their_own_numbers() -> None:
    record = run(study(FEW[:1], labels=("a", "b")), device=device(1))
    first, second = (m for m in record.members if (m.split, m.seed) == (0, 0))
    assert first.identity != second.identity
    assert not np.array_equal(first.curves, second.curves)


def test_comparisons_are_paired() -> None:
    """Same seed and split: same initial weights for all rules; other seeds and splits differ."""
    whole = plan(study(FEW), device(1))
    from etude.engine.plan import inputs_of

    keys: dict[tuple[int, int], set[bytes]] = {}
    for number, member in enumerate(whole.members):
        content = inputs_of(whole, number).keys.tobytes()
        keys.setdefault((member.split, member.seed), set()).add(content)
    assert all(len(found) == 1 for found in keys.values())
    assert len(set().union(*keys.values())) == len(keys) == 6


def test_memory_is_bounded_by_width_not_by_members() -> None:
    few = plan(study(FEW), device(1))
    many = plan(study(FEW, seeds=50), device(1))
    assert len(many.members) == 25 * len(few.members)
    assert many.bytes == few.bytes


def test_the_profile_is_part_of_the_identity() -> None:
    whole = plan(study(FEW), device(1))
    record = study_record(whole)
    for program in whole.programs:
        program.profile["jax"] = "0.0.1"
    other = study_record(whole)
    ours = {member.identity for member in record.members}
    assert ours.isdisjoint(member.identity for member in other.members)
