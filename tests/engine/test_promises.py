"""The rules of the engine that hold always (DESIGN, section 4)."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
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
from etude.execution.run import Interrupted, run
from etude.store.records import MemberRecord, StudyRecord
from etude.store.store import Store
from etude.validation.kfold import KFold

WIDTHS = [1, 3]

NEVER = etude.EarlyStopping(patience=100)
"""So that members of two tests, some of which stop early, are of one program."""


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

# Three at a time every rule has a program of its own: one that has a state stands for all.
FEW_OF_ONE = etude.grid(etude.Adam, learning_rate=[0.01, 0.1], **BUDGET)
WILD_OF_ONE = etude.grid(etude.Adam, learning_rate=[1e30], **BUDGET)
MORE_OF_ONE = etude.grid(etude.Adam, learning_rate=[0.02], **BUDGET)
RULES = {1: (FEW, WILD, MORE), 3: (FEW_OF_ONE, WILD_OF_ONE, MORE_OF_ONE)}


def table(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    inputs = generator.normal(size=(rows, 3))
    return inputs, inputs @ [1.0, -2.0, 0.5] + generator.normal(size=rows)


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
    rules, wild, more = RULES[width]
    few = by_identity(run(study(rules), device=device(width)))
    many = by_identity(run(study(more + wild + rules[::-1]), device=device(width, workers=1)))
    alone = by_identity(run(study(rules[:1]), device=device(width)))
    assert set(few) < set(many)
    assert set(alone) < set(few)
    for identity, member in few.items():
        assert_same_bits(member, many[identity])
    for identity, member in alone.items():
        assert_same_bits(member, few[identity])


def test_members_that_have_ended_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting members take the places of those that diverged or stopped, and nobody notices."""
    monkeypatch.setattr("etude.execution.workers.SEGMENT_SECONDS", 0.0)
    usual, segments = population.Population.train, 0

    def counted(self: Any, *arguments: Any) -> Any:
        nonlocal segments
        segments += 1
        return usual(self, *arguments)

    wild = etude.grid(etude.Adam, learning_rate=[1e30, 2e30, 3e30, 4e30], **BUDGET)
    steady = etude.grid(etude.Adam, learning_rate=[0.01, 0.02], **BUDGET)
    alone = by_identity(run(study(steady, seeds=1), device=device(3, workers=1)))
    monkeypatch.setattr(population.Population, "train", counted)
    record = run(study(wild + steady, seeds=1), device=device(3, workers=1))
    assert [m.status for m in record.members].count("diverged") == 12
    members = by_identity(record)
    for identity, member in alone.items():
        assert_same_bits(member, members[identity])
    # A segment is a step. In three places twenty for each steady member, a few for each wild one,
    # and the canary; one chunk after another would take twenty for each of six chunks.
    assert segments <= 20 * 6 / 3 + 20


@pytest.mark.parametrize("width", WIDTHS)
def test_divergence_is_a_status(width: int) -> None:
    rules, faulty, _ = RULES[width]
    record = run(study(rules + faulty), device=device(width))
    wild = [member for member in record.members if member.choice == len(rules)]
    others = [member for member in record.members if member.choice != len(rules)]
    assert {member.status for member in wild} == {"diverged"}
    assert all(0 < member.diverged_step <= 20 for member in wild)
    assert all(member.values == {} for member in wild)
    assert {member.status for member in others} == {"done"}
    assert all(member.steps == 20 for member in others)


def test_widths_agree_up_to_rounding() -> None:
    one, three = (run(study(FEW_OF_ONE), device=device(width)) for width in WIDTHS)
    for first, second in zip(one.members, three.members, strict=True):
        assert first.identity != second.identity, "W is part of the numerics profile"
        np.testing.assert_allclose(first.curves, second.curves, rtol=1e-3, atol=1e-4)


def test_held_out_rows_never_reach_training() -> None:
    """Other numbers and targets in the rows of fold 0 change nothing of its training."""
    inputs, targets = table(48)
    folds = KFold(folds=3, validation=0.2)
    held_out = folds.splits(48, None, 0)[0].test
    generator = np.random.default_rng(1)
    changed_inputs, changed_targets = inputs.copy(), targets.copy()
    changed_inputs[held_out] = 100 + 10 * generator.normal(size=(len(held_out), 3))
    changed_targets[held_out] = -1e3
    rules = tuple(rule.model_copy(update={"stopping": NEVER}) for rule in FEW)
    records = [
        run(
            study(rules, data=Table.from_arrays(x, y), loss=etude.MSE(), validation=folds),
            device=device(1),
        )
        for x, y in ((inputs, targets), (changed_inputs, changed_targets))
    ]
    assert_trained_the_same(*records)


def test_held_out_rows_never_reach_training_three_at_a_time() -> None:
    """Beside members of the other folds, which train on those very rows."""
    inputs = np.random.default_rng(0).normal(size=(60, 2))
    classes = (inputs.sum(axis=1) > 0).astype(int)
    held_out = KFold(folds=3).splits(60, None, 0)[0].test
    changed_inputs, changed_classes = inputs.copy(), classes.copy()
    changed_inputs[held_out] *= -100
    changed_classes[held_out] = 1 - classes[held_out]
    records = [
        run(study(FEW_OF_ONE, data=Table.from_arrays(x, y, task="classes")), device=device(3))
        for x, y in ((inputs, classes), (changed_inputs, changed_classes))
    ]
    assert_trained_the_same(*records)


def assert_trained_the_same(*records: StudyRecord) -> None:
    """On the first split: training is the same, what was held out is not."""
    curves = [[m.curves for m in record.members if m.split == 0] for record in records]
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


def test_a_held_out_row_without_a_finite_loss_stops_nobody() -> None:
    """Early stopping and training go on as if it were not there; the member is no result."""
    x, y = table(48)
    folds = KFold(folds=3, validation=0.2)
    split = folds.splits(48, None, 0)[0]
    rules = etude.grid(etude.SGD, learning_rate=[0.01], stopping=etude.EarlyStopping(), **BUDGET)
    curves = []
    for wild in (False, True):
        targets = y.copy()
        if wild:
            targets[split.test[0]] = 1e30
        one = Table.from_arrays(x, targets)
        record = run(study(rules, data=one, loss=etude.MSE(), validation=folds), device=device(1))
        curves.append(record.members[0])
    usual, other = curves
    assert (usual.status, other.status) == ("done", "diverged")
    assert (usual.epochs, usual.best_epoch) == (other.epochs, other.best_epoch)
    np.testing.assert_array_equal(usual.curves[:, :2, 0], other.curves[:, :2, 0])


def test_a_member_that_overflows_in_its_last_step_is_diverged() -> None:
    """Finite weights whose outputs are not: no such network may win a ranking."""
    rates = [10.0**power for power in range(0, 31, 2)]
    rules = etude.grid(etude.SGD, learning_rate=rates, epochs=2, batch_size="full")
    record = run(study(rules, model=etude.MLP(widths=(8, 8)), seeds=1), device=device(1))
    for member in record.members:
        finite = all(np.isfinite(member.curves[-1, (0, 2), 0]))
        assert (member.status == "done") == finite
        if member.status == "done":
            assert member.values["train"]["loss"] is not None
    assert {member.status for member in record.members} == {"done", "diverged"}


def test_rows_that_fill_up_count_nowhere() -> None:
    """More rows than one evaluation holds, not evenly dealt: the last batch is filled up."""
    from etude.loss.user import UserLoss

    def relative(outputs: Any, targets: Any) -> Any:
        return jax.numpy.abs(outputs - targets)[:, 0] / jax.numpy.abs(targets)[:, 0]

    x, y = table(4097)
    y = np.exp(0.1 * y)
    loss = UserLoss(function=relative, label="relative", version="1", task="numbers")
    rules = etude.grid(etude.SGD, learning_rate=[1e-3], epochs=1, batch_size=1000)
    record = run(
        study(
            rules,
            data=Table.from_arrays(x, y, scale_target=False),
            loss=loss,
            model=etude.Linear(),
            seeds=1,
        ),
        device=device(1),
    )
    for member in record.members:
        assert member.outputs is not None
        held_out = KFold(folds=3).splits(4097, None, 0)[member.split].test
        expected = np.mean(np.abs(member.outputs[:, 0] - y[held_out]) / np.abs(y[held_out]))
        assert member.values["test"]["loss"] == pytest.approx(expected, rel=1e-4)


def test_batches_of_other_sizes_walk_the_same_order() -> None:
    whole = plan(study(etude.grid(etude.SGD, batch_size=[7, 8, 40], epochs=1), seeds=1), device(1))
    assert len(whole.programs) == 3
    shapes = {program.training.task.batch_size for program in whole.programs}
    assert shapes == {7, 8, 40}
    assert whole.materials[0].shared.splits.order.shape == (3, 40)


def test_what_an_interrupted_run_has_finished_is_kept() -> None:
    finished = 0

    def stop_after_one(event: Any) -> None:
        nonlocal finished
        finished = event.finished
        if finished:
            raise KeyboardInterrupt

    with Store.open(None) as store:
        with pytest.raises(Interrupted) as stopped:
            run(study(FEW), store, device=device(1), watch=stop_after_one)
        kept = sum(summary.finished for summary in store.studies())
        assert kept >= finished >= 1
        assert stopped.value.missing == 18 - kept
        assert run(study(FEW), store, device=device(1)).reused == kept


def test_a_chunk_that_fails_is_a_result_of_its_members(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = population.Population.start

    def failing(self: Any, shared: Any, members: Any, *others: Any) -> Any:
        if members[0].rule == 6:
            raise RuntimeError("out of memory")
        return usual(self, shared, members, *others)

    monkeypatch.setattr(population.Population, "start", failing)
    with Store.open(None) as store:
        record = run(study(FEW), store, device=device(1))
        assert {m.choice for m in record.members if m.status == "failed"} == {2}
        assert {m.reason for m in record.members if m.choice == 2} == {
            "RuntimeError: out of memory"
        }
        assert (record.trained, record.reused) == (12, 0)
        monkeypatch.undo()
        again = run(study(FEW), store, device=device(1))
        assert (again.trained, again.reused) == (6, 12)
        assert {member.status for member in again.members} == {"done"}


def test_a_network_that_cannot_be_built_is_bad_input() -> None:
    from flax import nnx

    class Broken(nnx.Module):
        def __init__(self, inputs: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs) -> None:
            self.layer = nnx.Linear(inputs[0] + 1, outputs, rngs=rngs)

        def __call__(self, x: Any) -> Any:
            return self.layer(x)

    broken = etude.UserModel(module=Broken, label="broken", version="1")
    with pytest.raises(etude.InputError, match=r"broken.*do not work together"):
        plan(study(FEW, model=broken), device(1))


def test_a_study_that_cannot_be_trained_leaves_no_store_behind(tmp_path: Path) -> None:
    stopping = etude.grid(etude.SGD, stopping=etude.EarlyStopping())
    with pytest.raises(etude.InputError, match="`stopping` watches"):
        run(study(stopping), tmp_path / "etude.db", device=device(1))
    assert list(tmp_path.iterdir()) == []
