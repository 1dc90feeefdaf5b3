"""What a study may come to is told before anything is computed."""

import pytest

from etude.algorithm import SGD
from etude.data import Iris, Moons
from etude.engine import memory
from etude.engine.device import Device, current_device
from etude.engine.plan import plan
from etude.errors import InputError
from etude.loss import CrossEntropy
from etude.model import MLP, Linear
from etude.study import Study
from etude.sweep import grid
from etude.validation import Holdout, KFold


def test_networks_that_wait_at_a_rung_must_fit_in_the_store(monkeypatch):
    memory.check_waiting("halving", 2**40, None, "postgresql://server/etude")
    memory.check_waiting("halving", 5 * 2**20, 6 * 2**20, "/somewhere/etude.db")
    with pytest.raises(InputError, match=r"halving keeps .* take 5 MiB, and there are 4 MiB on"):
        memory.check_waiting("halving", 5 * 2**20, 4 * 2**20, "/somewhere/etude.db")
    monkeypatch.setattr(memory, "machine_bytes", lambda: 8 * 2**20)
    memory.check_waiting("halving", 4 * 2**20, None, ":memory:")
    with pytest.raises(InputError, match=r"take 5 MiB, and there are 4 MiB in memory, which"):
        memory.check_waiting("halving", 5 * 2**20, None, ":memory:")


def study(**parts):
    whole = {"data": Iris(), "model": Linear(), "loss": CrossEntropy(), "algorithm": SGD()}
    return Study(**({"validation": Holdout()} | whole | parts))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (
            {"model": MLP(widths=(10_000_000, 10_000_000))},
            r"`model` mlp of 100,000,.* takes .* GiB",
        ),
        (
            {"algorithm": SGD(epochs=10**9, batch_size="full")},
            r"`epochs` 1,000,000,000 takes .* GiB",
        ),
        ({"algorithm": SGD(epochs=10**9)}, r"`epochs` must come to at most 2,147,483,647 steps"),
        ({"seeds": 10**18}, r"at most 1,000,000 members, got 1,000,000,000,000,000,000: 1 choices"),
        (
            {"data": Moons(rows=100_000), "validation": KFold(folds=100_000)},
            r"`folds` times the number of rows, 100,000, must be at most 250,000,000",
        ),
    ],
    ids=["weights", "history", "steps", "members", "splits"],
)
def test_what_no_machine_can_do_is_refused(parts, message):
    with pytest.raises(InputError, match=message):
        plan(study(**parts))


def test_the_limit_is_that_of_the_machine(monkeypatch):
    small, large = study(model=MLP(widths=(100,))), study(model=MLP(widths=(3000, 3000)))
    monkeypatch.setattr(memory, "machine_bytes", lambda: 100 * 2**20)
    assert plan(small).programs[0].training.parameters == 803
    # 9 million weights, gradients and changes of 4 bytes are 103 MiB.
    with pytest.raises(InputError, match="takes 103 MiB of memory to train, and there are 100 MiB"):
        plan(large)
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**34)
    assert plan(large).programs[0].training.parameters == 5 * 3000 + 3001 * 3000 + 3001 * 3


def test_rows_of_splits_take_memory_too(monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 2**19)
    many = study(data=Moons(rows=4000), validation=KFold(folds=20))
    with pytest.raises(InputError, match=r"`data` moons of 4,000 rows in 20 splits takes"):
        plan(many)


def test_another_device_has_memory_of_its_own(monkeypatch):
    monkeypatch.setattr(memory, "machine_bytes", lambda: 0)
    monkeypatch.setattr(memory, "device_bytes", lambda: 2**30)
    device = Device("gpu", "a card", 1)
    splits = KFold(folds=5).splits(1000, None, 0)
    memory.check_splits("x", 1000, splits, device)
    with pytest.raises(InputError, match="in 5 splits"):
        memory.check_splits("x", 1000, splits, current_device())


def test_programs_are_counted(monkeypatch):
    monkeypatch.setattr(memory, "MOST_PROGRAMS", 2)
    few = study(model=grid(MLP, widths=[(2,), (3,)]))
    assert len(plan(few).programs) == 2
    with pytest.raises(InputError, match="at most 2 programs"):
        plan(study(model=grid(MLP, widths=[(2,), (3,), (4,)])))


def test_the_memory_of_a_container_counts(monkeypatch, tmp_path):
    whole = memory.machine_bytes()
    assert 2**28 < whole < 2**63
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(memory, "CONTAINER_LIMITS", (str(limit), str(tmp_path / "none")))
    for text, expected in (("max\n", None), ("1048576\n", 2**20), ("", None)):
        limit.write_text(text)
        known = memory.machine_bytes()
        assert known == expected if expected else known > 2**28
