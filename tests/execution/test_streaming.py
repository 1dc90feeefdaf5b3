"""Rows larger than memory: blocks are read ahead, and all members train on them."""

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import etude
from etude.algorithm.base import Algorithm
from etude.data.array_file import ArrayFile
from etude.data.base import Data
from etude.engine import memory, population
from etude.engine.blocks import HELD, Blocks
from etude.engine.device import Device, current_device
from etude.engine.plan import Plan, inputs_of, plan
from etude.execution import chunk as chunks
from etude.execution.refit import refit
from etude.execution.rows import rows_of
from etude.execution.run import run
from etude.execution.streaming import ReadAhead
from etude.execution.workers import Workers
from etude.store.records import MemberRecord, StudyRecord
from etude.store.store import Store

ROWS, BLOCK = 70, 12
"""Six blocks, the last of them of ten rows."""

ROW_BYTES = 3 * 4

EPOCHS = 3


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    generator = np.random.default_rng(0)
    inputs = generator.normal(size=(ROWS, 3)).astype(np.float32)
    inputs[:, 2] = np.arange(ROWS)
    np.save(tmp_path / "inputs.npy", inputs)
    np.save(tmp_path / "targets.npy", (inputs[:, 0] + inputs[:, 1] > 0).astype(np.int64))
    return tmp_path


def streamed(folder: Path, rows: int = BLOCK, **fields: Any) -> ArrayFile:
    return ArrayFile(path=str(folder), in_memory=0, block_bytes=rows * ROW_BYTES, **fields)


def study(data: Data, *more: Algorithm, **fields: Any) -> etude.Study:
    rates = etude.grid(etude.SGD, learning_rate=[0.01, 0.1], epochs=EPOCHS, batch_size=5)
    values: dict[str, Any] = {
        "data": data,
        "model": etude.MLP(widths=(4,)),
        "loss": etude.CrossEntropy(),
        "algorithm": rates + more,
        "validation": etude.Holdout(test=0.2),
        "seeds": 2,
    }
    return etude.Study(**(values | fields))


def device(width: int = 1, workers: int = 2) -> Device:
    return replace(current_device(workers), fixed_width=width)


def plain(member: MemberRecord) -> tuple[Any, ...]:
    outputs = b"" if member.outputs is None else member.outputs.tobytes()
    told = (member.status, member.steps, member.epochs, member.best_epoch, member.diverged_step)
    return (*told, str(member.values), member.curves.tobytes(), outputs)


def by_identity(record: StudyRecord) -> dict[str, tuple[Any, ...]]:
    return {member.identity: plain(member) for member in record.members}


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The positions that were read, in their order."""
    positions: list[int] = []
    usual = Blocks.read

    def counted(self: Blocks, shared: Any, position: int) -> Any:
        positions.append(position)
        return usual(self, shared, position)

    monkeypatch.setattr(Blocks, "read", counted)
    return positions


@pytest.fixture
def no_canary(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etude.execution.workers.canary_of", lambda *_: None)


@pytest.mark.usefixtures("no_canary")
@pytest.mark.parametrize("width", [1, 3])
def test_each_block_is_read_once_an_epoch_and_neighbours_do_not_matter(
    folder: Path, read: list[int], width: int
) -> None:
    """Five members on two threads, or two chunks side by side."""
    wild = etude.SGD(learning_rate=1e30, epochs=EPOCHS, batch_size=5)
    before = population.compilations
    many = by_identity(run(study(streamed(folder), wild), device=device(width)))
    assert population.compilations == before + 2
    assert read == list(range(6 * EPOCHS))
    assert [told[0] for told in many.values()] == ["done"] * 4 + ["diverged"] * 2
    one = by_identity(run(study(streamed(folder)), device=device(width, workers=1)))
    assert set(one) < set(many)
    assert all(many[identity] == told for identity, told in one.items())


@pytest.mark.slow
@pytest.mark.usefixtures("no_canary")
def test_groups_that_fit_in_memory_train_one_after_the_other(
    folder: Path, read: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = by_identity(run(study(streamed(folder)), device=device()))
    read.clear()
    monkeypatch.setattr("etude.engine.plan.most_together", lambda carried, device: 1)
    apart = by_identity(run(study(streamed(folder)), device=device(workers=1)))
    assert apart == together
    assert read == list(range(6 * EPOCHS)) * 4


def test_one_block_is_in_memory_as_it_is(folder: Path) -> None:
    """Not even the identity is another one."""
    whole = by_identity(run(study(ArrayFile(path=str(folder))), device=device()))
    one = by_identity(run(study(streamed(folder, rows=ROWS)), device=device()))
    several = by_identity(run(study(streamed(folder)), device=device()))
    assert one == whole
    assert set(several).isdisjoint(whole)


def walk(whole: Plan, member: int) -> Iterator[tuple[int, list[np.ndarray]]]:
    """For every position the inputs that a member trains on there, batch by batch."""
    import jax

    from etude.data.base import Source
    from etude.keys import fold

    material = whole.materials[0]
    blocks, stream = material.blocks, material.prepared.stream
    assert blocks is not None
    inputs, size = inputs_of(whole, member), whole.programs[0].task.batch_size

    @jax.jit
    def epoch(block: Any, position: Any) -> Any:
        fitted, split = jax.tree.map(lambda leaf: leaf[inputs.split], (block.fitted, block.splits))
        source = Source(block.arrays, fitted, split)
        carry = stream.epoch(source, None, fold(inputs.keys[1], 2 * position))
        return source, carry, stream.batches(source, size)

    @jax.jit
    def batch_of(source: Any, carry: Any, index: Any) -> Any:
        return stream.batch(source, carry, index, size, None, inputs.keys[0])[1]

    for position in range(blocks.count * EPOCHS):
        source, carry, count = epoch(blocks.read(material.on_device(), position), position)
        drawn = []
        for index in range(int(count)):
            batch = batch_of(source, carry, index)
            drawn.append(np.asarray(batch.inputs)[np.asarray(batch.weights) > 0])
        yield position, drawn


def test_every_training_row_is_drawn_once_an_epoch_and_no_other(folder: Path) -> None:
    whole = plan(study(streamed(folder, scale="none"), validation=etude.KFold(folds=3)), device())
    program, material = whole.programs[0], whole.materials[0]
    assert material.blocks is not None
    for member in (0, 2, 4):
        split = material.splits[whole.members[member].split]
        epochs: list[list[float]] = [[] for _ in range(EPOCHS)]
        batches, orders = [0] * EPOCHS, []
        for position, drawn in walk(whole, member):
            rows = [row for batch in drawn for row in batch[:, 2].tolist()]
            assert len({int(row) // BLOCK for row in rows}) <= 1, "rows of one block"
            epochs[position // 6] += rows
            batches[position // 6] += len(drawn)
            orders.append(rows)
        for epoch in epochs:
            assert sorted(epoch) == sorted(split.train.tolist())
        assert batches == [program.batches[whole.members[member].split]] * EPOCHS
        assert epochs[0] != epochs[1]
        assert any(order != sorted(order) for order in orders)


def test_blocks_come_in_another_order_every_epoch_and_study(folder: Path) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        material = plan(study(streamed(folder, scale="none"), seed=seed), device()).materials[0]
        blocks = material.blocks
        assert blocks is not None
        read = [blocks.read(material.on_device(), 6 * epoch + place) for place in range(6)]
        return [int(np.max(block.arrays["inputs"][:, 2])) // BLOCK for block in read]

    found = [order(0, 0), order(0, 1), order(1, 0)]
    assert all(sorted(one) == list(range(6)) for one in found)
    assert found[0] != found[1] != found[2] != found[0]
    assert order(0, 1) == found[1]


def test_held_out_rows_never_reach_training(folder: Path) -> None:
    changed = folder / "changed"
    changed.mkdir()
    inputs, targets = np.load(folder / "inputs.npy"), np.load(folder / "targets.npy")
    test = etude.Holdout(test=0.2).splits(ROWS, None, 0)[0].test
    inputs[test], targets[test] = -50 * inputs[test], 1 - targets[test]
    np.save(changed / "inputs.npy", inputs)
    np.save(changed / "targets.npy", targets)
    records = [run(study(streamed(place)), device=device()) for place in (folder, changed)]
    for first, second in zip(*(record.members for record in records), strict=True):
        np.testing.assert_array_equal(first.curves[:, 0], second.curves[:, 0])
        assert not np.array_equal(first.curves[:, 2], second.curves[:, 2])


def test_judged_in_memory_as_computed_by_hand(folder: Path) -> None:
    record = run(study(streamed(folder)), device=device())
    whole = plan(study(streamed(folder)), device())
    material = whole.materials[0]
    test = material.splits[0].test
    batch = rows_of(material, 0, test)
    inputs = np.load(folder / "inputs.npy").astype(np.float64)
    train = inputs[material.splits[0].train]
    expected = (inputs[test] - train.mean(axis=0)) / train.std(axis=0)
    np.testing.assert_allclose(batch.inputs, expected, rtol=1e-4, atol=1e-5)
    for member in record.members:
        assert member.outputs is not None
        logits = member.outputs.astype(np.float64)
        shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        loss = -np.log(shares[np.arange(len(test)), batch.targets]).mean()
        assert member.values["test"]["loss"] == pytest.approx(loss, rel=1e-4)
        right = (logits.argmax(axis=1) == batch.targets).mean()
        assert member.values["test"]["accuracy"] == pytest.approx(right)


@pytest.mark.usefixtures("no_canary")
@pytest.mark.parametrize("width", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_stopped_run_goes_on_within_a_block(
    folder: Path, read: list[int], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    """Members stand at different steps and blocks; the table is the same in the end."""
    stops = etude.SGD(
        epochs=EPOCHS, batch_size=5, stopping=etude.EarlyStopping(patience=1, min_delta=10)
    )
    whole = study(
        streamed(folder),
        stops,
        validation=etude.Holdout(test=0.2, validation=0.2),
    )
    planned, compiled = plan(whole, device(width)), {}
    monkeypatch.setattr("etude.execution.run.plan", lambda *_: planned)

    def once(member: Any, *others: Any) -> population.Population:
        return compiled.setdefault(id(member), population.Population(member, *others))

    monkeypatch.setattr("etude.execution.workers.Population", once)
    expected = by_identity(run(whole, device=device(width)))
    monkeypatch.setattr("etude.execution.workers.SEGMENT_SECONDS", 0.0)
    usual, made, workers, borders = chunks.Chunk.segment, Workers.__init__, [], []

    def remembered(self: Workers, *arguments: Any) -> None:
        made(self, *arguments)
        workers.append(self)
        borders.append(0)

    def stopping(self: Any, shared: Any) -> Any:
        borders[-1] += 1
        if borders[-1] == 60 // width:
            workers[-1].stop.set()
        yield from usual(self, shared)

    monkeypatch.setattr(Workers, "__init__", remembered)
    monkeypatch.setattr(chunks.Chunk, "segment", stopping)
    with Store.open(folder / "etude.db") as store:
        begun = []
        while not workers or workers[-1].stop.is_set():
            read.clear()
            record = run(whole, store, device=device(width))
            begun += read[:1]
        assert len(begun) > 2
        assert max(begun) > 6, "a run began behind the first epoch"
        record = store.load(record.name, outputs=True)
    assert {member.status for member in record.members} >= {"done", "stopped"}
    assert by_identity(record) == expected


@pytest.mark.slow
def test_divergence_and_schedules_see_the_true_epoch(folder: Path) -> None:
    """56 training rows in six blocks: more batches than 56 / 5."""
    schedule = etude.Cosine()
    rule = etude.SGD(learning_rate=0.1, epochs=EPOCHS, batch_size=5, schedule=schedule)
    whole = plan(study(streamed(folder), algorithm=rule), device())
    blocks = whole.materials[0].blocks
    assert blocks is not None
    expected = int(np.ceil(blocks.sizes[0] / 5).sum())
    assert expected > 12
    assert whole.programs[0].batches == (expected,)
    assert whole.programs[0].steps == EPOCHS * expected
    record = run(study(streamed(folder), algorithm=rule), device=device())
    assert {member.steps for member in record.members} == {EPOCHS * expected}
    assert [canary["agrees"] for canary in record.findings["canaries"]] in ([True], [])


def test_blocks_without_training_rows_are_passed(folder: Path) -> None:
    """All rows of three blocks are held out; the last block of an epoch may be one of them."""
    held = etude.Holdout(test=0.5, shuffle=False)
    whole = plan(study(streamed(folder), validation=held), device())
    blocks = whole.materials[0].blocks
    assert blocks is not None
    assert (blocks.sizes[0] == 0).sum() == 3
    record = run(study(streamed(folder), validation=held), device=device())
    steps = EPOCHS * int(np.ceil(blocks.sizes[0] / 5).sum())
    assert {(member.steps, member.epochs) for member in record.members} == {(steps, EPOCHS)}


@pytest.mark.slow
def test_a_canary_and_a_refit_stream_too(folder: Path, read: list[int]) -> None:
    rates = etude.grid(etude.SGD, learning_rate=[0.01, 0.03, 0.1], epochs=EPOCHS, batch_size=5)
    one = study(streamed(folder), algorithm=rates)
    record = run(one, device=device())
    assert [canary["agrees"] for canary in record.findings["canaries"]] == [True]
    assert read == list(range(6 * EPOCHS)) + list(range(6))
    read.clear()
    network = refit(one, 2, record, device())
    assert read == list(range(6 * EPOCHS))
    assert network.history["rows"] == ROWS
    assert network.history["epochs"] == EPOCHS
    assert np.isfinite(network.history["train"]["loss"])


def test_a_file_that_cannot_be_read_any_more_fails_its_members(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = Blocks.read

    def broken(self: Blocks, shared: Any, position: int) -> Any:
        if position == 8:
            raise OSError("the disk is gone")
        return usual(self, shared, position)

    monkeypatch.setattr(Blocks, "read", broken)
    record = run(study(streamed(folder)), device=device())
    assert {member.status for member in record.members} == {"failed"}
    assert {member.reason for member in record.members} == {"OSError: the disk is gone"}
    assert not [t for t in threading.enumerate() if t.name == "etude-read-ahead"]


def test_blocks_are_read_while_those_before_are_trained_on() -> None:
    """Events alone: the reader runs ahead by two blocks, and then waits."""
    begun = [threading.Event() for _ in range(8)]

    def reading(position: int) -> Any:
        begun[position].set()
        return position

    with ReadAhead(reading, 2, 8) as reader:
        assert reader.block(2) == 2
        assert all(begun[n].wait(10) for n in range(2, 2 + HELD))
        assert not begun[2 + HELD].wait(0.05)
        reader.drop(3)
        assert begun[2 + HELD].wait(10)
        assert not begun[3 + HELD].wait(0.05)
        assert reader.block(4) == 4
    assert not any(begun[n].is_set() for n in (0, 1, 6, 7))


def test_what_cannot_be_streamed_is_told(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = streamed(folder)
    with pytest.raises(etude.InputError, match='`batch_size` must be a number, got "full"'):
        plan(study(data, algorithm=etude.SGD(batch_size="full")), device())
    estimator = etude.ScikitLearn(estimator="LogisticRegression")
    with pytest.raises(etude.InputError, match="needs all rows in memory"):
        plan(study(data, estimator=estimator), device())
    np.save(folder / "inputs.npy", np.ones((ROWS, 200), np.float32))
    monkeypatch.setattr(memory, "machine_bytes", lambda: 40_000)
    told = r"70 of 70 rows do in some split, which take 0 MiB, .*holdout"
    with pytest.raises(etude.InputError, match=told):
        plan(study(data, validation=etude.KFold(folds=5)), device())


def test_memory_is_that_of_blocks_and_not_of_rows(folder: Path) -> None:
    few = plan(study(streamed(folder, rows=2)), device())
    blocks = few.materials[0].blocks
    assert blocks is not None
    assert (blocks.rows, blocks.count) == (2, 35)
    shared = few.materials[0].shared
    assert shared.arrays["inputs"].strides == (0, 0), "no block is there before one is read"
    judged = shared.streamed.judged["inputs"]
    assert len(judged) == len(np.unique(shared.judged.rows))
    assert few.materials[0].bytes < few.materials[0].prepared.arrays["inputs"].nbytes * 4
    block = blocks.read(few.materials[0].on_device(), 3)
    assert block.arrays["inputs"].shape == (2, 3)
