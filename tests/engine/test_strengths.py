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


def test_of_the_loss(left_out: Any) -> None:
    fields = ("label_smoothing", "l1", "l2")
    losses = (etude.CrossEntropy(), *(etude.CrossEntropy(**{field: 0.2}) for field in fields))
    (none, *some), programs = members(loss=losses)
    assert programs == 1
    assert none.identity == left_out.identity
    assert none.curves.tobytes() == left_out.curves.tobytes()
    assert len({each.curves.tobytes() for each in (none, *some)}) == 4


def test_of_the_network(left_out: Any) -> None:
    """With and without are two programs on purpose: without costs nothing."""
    fields, strengths = ("dropout", "weight_noise"), (1e-9, 0.3)
    models = [etude.MLP(widths=(4,))]
    models += [etude.MLP(widths=(4,), **{f: s}) for f in fields for s in strengths]
    (none, *others), programs = members(model=tuple(models))
    assert programs == 3
    assert none.identity == left_out.identity
    assert none.curves.tobytes() == left_out.curves.tobytes()
    for faint, some in (others[:2], others[2:]):
        np.testing.assert_allclose(faint.curves, none.curves, rtol=1e-4)
        assert some.curves.tobytes() != none.curves.tobytes()


def test_networks_are_judged_without_noise() -> None:
    models = etude.grid(etude.MLP, widths=(4,), weight_noise=[0.0, 1e-30, 0.1, 0.5])
    rules = etude.grid(etude.Adam, **BUDGET | {"learning_rate": [1e-30, 0.01]})
    found, programs = members(model=models, algorithm=rules)
    assert programs == 2
    curves = {divmod(member.choice, 2): member.curves for member in found}
    assert curves[0, 1].tobytes() == curves[1, 1].tobytes(), "faint noise is none"
    assert len({curves[place, 1].tobytes() for place in range(4)}) == 3
    for place in (1, 2, 3):
        np.testing.assert_array_equal(curves[0, 0], curves[place, 0])


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
    rules = etude.grid(etude.Adam, clipping=[loose, tight], stopping=[never, soon], **BUDGET)
    (free, stopped, clipped, _), programs = members(algorithm=rules)
    assert programs == 1
    np.testing.assert_allclose(free.curves, left_out.curves, rtol=1e-5)
    assert free.status == clipped.status == "done"
    assert clipped.curves.tobytes() != left_out.curves.tobytes()
    assert stopped.status == "stopped"
    assert stopped.epochs < left_out.epochs == 3
