"""One member of every program is trained again on its own."""

from dataclasses import replace

import numpy as np
import pytest

import etude
from etude import SGD, Adam, CrossEntropy, Iris, KFold, Linear, grid
from etude.engine.device import current_device
from etude.engine.population import Population
from etude.execution.run import Interrupted, run


def study(**fields: object) -> etude.Study:
    rules = grid(SGD, learning_rate=[0.01, 0.1], epochs=4)
    return etude.Study(
        data=Iris(),
        model=Linear(),
        loss=CrossEntropy(),
        algorithm=(*rules, Adam(epochs=4)),
        validation=KFold(folds=3),
    )


def test_every_program_has_a_canary_that_agrees() -> None:
    """Four at a time, where each rule has a program; of one at a time the other tests tell."""
    record = run(study(), device=replace(current_device(2), fixed_width=4))
    assert len(record.programs) == 2
    canaries = record.findings["canaries"]
    assert [canary["program"] for canary in canaries] == list(range(len(record.programs)))
    assert all(canary["agrees"] and canary["message"] == "" for canary in canaries)


def test_a_program_that_computes_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    right = Population.train
    calls = []

    def wrong(self: Population, *arguments: object) -> object:
        carry = right(self, *arguments)  # type: ignore[arg-type]
        calls.append(carry)
        if len(calls) <= 9:  # all members; the canary comes after them
            carry = carry._replace(history=np.asarray(carry.history) * np.float32(1.0000001))
        return carry

    monkeypatch.setattr(Population, "train", wrong)
    with pytest.warns(RuntimeWarning, match="when it was trained again alone"):
        record = run(study(), device=current_device(1))
    assert [canary["agrees"] for canary in record.findings["canaries"]] == [False]


def test_where_nothing_is_trained_there_is_no_new_canary(tmp_path: object) -> None:
    store = f"{tmp_path}/etude.db"
    first = run(study(), store)
    second = run(study(), store)
    assert second.trained == 0
    assert second.findings == first.findings


def test_a_verdict_is_not_forgotten_by_a_later_run(tmp_path: object) -> None:
    from etude.store.store import Store

    with Store.open(f"{tmp_path}/etude.db") as store:
        first = run(study(), store)
        (canary,) = first.findings["canaries"]
        store.note(first.identity, {"canaries": [canary | {"agrees": False, "message": "odd"}]})
        again = run(study(), store)
    assert again.trained == 0
    assert again.findings["canaries"] == [canary | {"agrees": False, "message": "odd"}]


def test_a_run_stopped_while_evidence_is_summed_up_keeps_everything(tmp_path: object) -> None:
    def stopped(*_: object) -> dict:
        raise KeyboardInterrupt

    store = f"{tmp_path}/etude.db"
    with pytest.raises(Interrupted, match="before the evidence was summed up"):
        run(study(), store, conclude=stopped)
    record = run(study(), store, conclude=lambda *_: {"selection": {"found": 1}})
    assert (record.trained, len(record.programs)) == (0, 1)
    assert [canary["agrees"] for canary in record.findings["canaries"]] == [True]
    assert record.findings["selection"] == {"found": 1}


def test_a_canary_that_cannot_be_trained_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("RESOURCE_EXHAUSTED")

    monkeypatch.setattr("etude.execution.workers.canary_of", broken)
    record = run(study())
    (canary,) = record.findings["canaries"]
    assert canary["agrees"] is None
    assert "RESOURCE_EXHAUSTED" in canary["message"]
    assert all(member.status == "done" for member in record.members)
