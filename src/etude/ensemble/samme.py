"""AdaBoost for several classes (Zhu, Zou, Rosset & Hastie, "Multi-class AdaBoost", 2009)."""

from typing import Annotated, Any

import jax
import jax.numpy as jnp
from pydantic import Field

from etude.batch import Batch, Spec
from etude.component import Traced
from etude.ensemble.base import Ensemble, Weighed
from etude.errors import InputError


class Samme(Ensemble):
    """Rows that a network gets wrong weigh more for the next one, and networks vote.

    With row weights w_i, C classes and c_m(x) the class of the largest probability of network m,

        e_m = Σ_i w_i [c_m(x_i) ≠ y_i] / Σ_i w_i
        α_m = ν (log((1 − e_m)/e_m) + log(C − 1))
        w_i ← w_i exp(α_m [c_m(x_i) ≠ y_i])
        z(x) = Σ_m α_m v(c_m(x)) / ((C − 1) Σ_m α_m), p = softmax(z)

    where v(c) is 1 at c and −1/(C − 1) elsewhere. p are the probabilities that scikit-learn's
    AdaBoostClassifier tells. A network that is no better than chance, e ≥ 1 − 1/C, is left out
    and ends the boosting; so does one without an error, with α = 1. The first network is in
    any case part of the ensemble.

    A step weighs the rows of its batch by w over their mean over the training rows, so that
    batches of heavy rows count more.

    Attributes:
        networks: how many networks there are at most. Each has the whole budget of the algorithm.
        shrinkage: ν, a factor on every α.
    """

    of_rows = True

    shrinkage: Annotated[Traced, Field(gt=0)] = 1.0

    def check(self, loss: Any, spec: Spec) -> None:
        if spec.task != "classes":
            raise InputError(f"`ensemble` {self.name} needs a target of classes, got {spec.task}")

    def width(self, loss: Any, outputs: int) -> int:
        row = jax.ShapeDtypeStruct((1, outputs), jnp.result_type(float))
        classes: int = jax.eval_shape(loss.prediction, row).shape[-1]
        return classes

    def begin(self, loss: Any, said: jax.Array, batch: Batch) -> tuple[jax.Array, Any]:
        return said, _normalized(jnp.ones_like(batch.weights), batch.weights)

    def learned(
        self, loss: Any, said: jax.Array, memory: Any, rows: jax.Array, batch: Batch
    ) -> tuple[Batch, Any]:
        weights = batch.weights * memory[rows]
        total = jnp.sum(batch.weights)
        factor = jnp.sum(weights) / jnp.where(total > 0, total, 1)
        return batch._replace(weights=weights), factor

    def weighed(
        self,
        loss: Any,
        said: jax.Array,
        memory: Any,
        outputs: jax.Array,
        batch: Batch,
        number: jax.Array,
    ) -> Weighed:
        prediction = loss.prediction(outputs)
        classes = prediction.shape[-1]
        wrong = jnp.argmax(prediction, -1) != batch.targets
        weights = batch.weights * memory
        error = jnp.sum(weights * wrong) / jnp.sum(weights)
        perfect, poor = error <= 0, error >= 1 - 1 / classes
        inside = jnp.where(perfect | poor, 0.5, error)
        alpha = self.shrinkage * (jnp.log((1 - inside) / inside) + jnp.log(classes - 1.0))
        first = number == 0
        alone = jnp.where(poor & ~first, 0.0, 1.0).astype(alpha.dtype)
        return Weighed(
            coefficient=jnp.where(perfect | poor, alone, alpha),
            memory=_normalized(memory * jnp.exp(alpha * wrong), batch.weights),
            ends=perfect | poor,
            counts=~poor | first,
        )

    def added(
        self, loss: Any, said: jax.Array, outputs: jax.Array, coefficient: Any, number: Any
    ) -> jax.Array:
        prediction = loss.prediction(outputs)
        classes = prediction.shape[-1]
        chosen = jnp.argmax(prediction, -1)[:, None] == jnp.arange(classes)
        return said + coefficient * jnp.where(chosen, 1.0, -1.0 / (classes - 1))

    def told(self, loss: Any, said: jax.Array, total: Any) -> jax.Array:
        return loss.of_logits(said / (total * (said.shape[-1] - 1)))


def _normalized(factors: jax.Array, weights: jax.Array) -> jax.Array:
    """Factors of weighted mean 1 over the training rows, and 0 for all others."""
    factors = jnp.where(weights > 0, factors, 0)
    return factors * (jnp.sum(weights) / jnp.sum(weights * factors))
