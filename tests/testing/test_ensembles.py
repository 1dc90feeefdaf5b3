"""Ensembles that break a promise fail their checks, and say which."""

from typing import Any

import jax
import jax.numpy as jnp
import pytest

import etude.testing
from etude.component import registered
from etude.ensemble.base import Ensemble
from etude.ensemble.boosting import Boosting
from etude.ensemble.samme import Samme


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[pytest.mark.slow] * (name in ("boosting", "averaging")))
        for name in registered("ensemble")
    ],
)
def test_ours_pass(name: str) -> None:
    etude.testing.check(registered("ensemble")[name]())


def refused(ensemble: Ensemble) -> set[str]:
    of_kind = {"spoken", "held_out_rows", "rows_drawn"}
    failed = set()
    for name, check in etude.testing.conformance("ensemble"):
        if name in of_kind:
            try:
                check(ensemble)
            except AssertionError:
                failed.add(name)
    return failed


class Leaking(Boosting, kind="leaking"):
    """Counts every row in training."""

    def begin(self, loss: Any, said: jax.Array, batch: Any) -> tuple[jax.Array, Any]:
        return super().begin(loss, said, batch._replace(weights=jnp.ones_like(batch.weights)))


class Outside(Ensemble, kind="outside"):
    """Draws rows that do not train."""

    def order(self, order: jax.Array, size: jax.Array, key: jax.Array) -> jax.Array:
        return order[::-1]


class Logits(Samme, kind="logits"):
    """Says votes, where a network gives another number of outputs."""

    def told(self, loss: Any, said: jax.Array, total: Any) -> jax.Array:
        return jnp.concatenate([said, said], -1)


def test_others_fail() -> None:
    assert refused(Boosting()) == set()
    assert refused(Leaking()) == {"held_out_rows"}
    assert refused(Outside()) == {"rows_drawn"}
    assert refused(Logits()) == {"spoken"}
