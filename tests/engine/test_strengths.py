"""Regularizers at strength 0 are the part left out, in the program of all other strengths."""

from typing import Any

import numpy as np
import pytest

import etude
from etude.engine.plan import plan
from etude.execution.run import run

BUDGET: dict[str, Any] = {"epochs": 3, "batch_size": 8, "learning_rate": 0.01}


def members(**fields: Any) -> tuple[list[Any], int]:
    study = etude.Study(
        **(
            {
                "data": etude.Blobs(rows=45),
                "model": etude.MLP(widths=(4,)),
                "loss": etude.CrossEntropy(),
                "algorithm": etude.Adam(**BUDGET),
                "validation": etude.Holdout(validation=0.2),
            }
            | fields
        )
    )
    return list(run(study).members), len(plan(study).programs)


@pytest.fixture(scope="module")
def left_out() -> Any:
    return members()[0][0]


@pytest.mark.parametrize("field", ["label_smoothing", "l1", "l2"])
def test_of_the_loss(field: str, left_out: Any) -> None:
    (none, some), programs = members(loss=etude.grid(etude.CrossEntropy, **{field: [0.0, 0.2]}))
    assert programs == 1
    assert none.identity == left_out.identity
    assert none.curves.tobytes() == left_out.curves.tobytes()
    assert some.curves.tobytes() != none.curves.tobytes()


@pytest.mark.parametrize("field", ["dropout", "weight_noise"])
def test_of_the_network(field: str, left_out: Any) -> None:
    """With and without are two programs on purpose: without costs nothing."""
    models = etude.grid(etude.MLP, widths=(4,), **{field: [0.0, 1e-9, 0.3]})
    (none, faint, some), programs = members(model=models)
    assert programs == 2
    assert none.identity == left_out.identity
    assert none.curves.tobytes() == left_out.curves.tobytes()
    np.testing.assert_allclose(faint.curves, none.curves, rtol=1e-4)
    assert some.curves.tobytes() != none.curves.tobytes()


def test_of_weight_decay(left_out: Any) -> None:
    rules = etude.grid(etude.AdamW, weight_decay=[0.0, 0.3], **BUDGET)
    (none, some), programs = members(algorithm=rules)
    assert programs == 1
    np.testing.assert_allclose(none.curves, left_out.curves, rtol=1e-5)
    assert np.abs(some.curves - left_out.curves)[np.isfinite(some.curves)].max() > 1e-4


def test_of_clipping_and_stopping(left_out: Any) -> None:
    """What never bites: a norm that no gradient reaches, a patience beyond the budget."""
    loose, tight = (etude.GlobalNorm(max_norm=norm) for norm in (1e6, 0.01))
    never, soon = (
        etude.EarlyStopping(patience=patience, min_delta=delta)
        for patience, delta in ((100, 0.0), (1, 10.0))
    )
    rules = etude.grid(etude.Adam, clipping=[loose, tight], **BUDGET)
    rules += etude.grid(etude.Adam, stopping=[never, soon], **BUDGET)
    (free, clipped, kept, stopped), programs = members(algorithm=rules)
    assert programs == 2
    for same in (free, kept):
        np.testing.assert_allclose(same.curves, left_out.curves, rtol=1e-5)
    assert clipped.curves.tobytes() != left_out.curves.tobytes()
    assert stopped.status == "stopped"
    assert stopped.epochs < left_out.epochs == 3
