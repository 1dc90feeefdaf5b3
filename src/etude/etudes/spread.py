"""What the étude of initializers measures: mean squares by layer before training."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from etude.evidence.intervals import Estimate, estimate

if TYPE_CHECKING:
    from etude.model.base import Model
    from etude.study import Study

SEEDS = 200

EVERY = 6
"""Of the rows only every sixth is measured on, for the spread between seeds is far greater."""


@dataclass(frozen=True)
class Spread:
    """Mean squares by hidden layer before training.

    Attributes:
        activations: `[seeds, layers]` of the units' outputs.
        gradients: `[seeds, layers]` of the slope of the loss in their sums, before φ.
    """

    activations: np.ndarray
    gradients: np.ndarray

    def factors(self) -> dict[str, Estimate]:
        """The logarithms of what the layers multiply mean squares by, forwards and backwards."""
        return {
            "activations": log_ratio(self.activations[:, -1], self.activations[:, 0]),
            "gradients": log_ratio(self.gradients[:, 0], self.gradients[:, -1]),
        }


def log_ratio(last: np.ndarray, first: np.ndarray) -> Estimate:
    """log(mean(last) / mean(first)) over seeds `[seeds]`, its error by the delta method.

    Means, for a variance is an expectation over draws: that of logarithms lies below it.
    """
    # Seeds share no random numbers: nothing is corrected.
    around = estimate(last / last.mean() - first / first.mean(), test_over_train=0.0)
    assert around.interval is not None
    low, high = around.interval
    log = float(np.log(last.mean() / first.mean()))
    return Estimate(log, around.stderr, (log + low, log + high), around.n)


def called(model: "Model") -> str:
    """`he_normal`, `normal(0.01)`."""
    initializer: Any = getattr(model, "initializer")
    fields = [f"{getattr(initializer, field):g}" for field in type(initializer).model_fields]
    return f"{initializer.name}({', '.join(fields)})" if fields else initializer.name


def depth_of(model: "Model") -> int:
    return len(getattr(model, "widths"))


def spreads_of(study: "Study") -> dict[str, Spread]:
    """Of the deep networks of a study by initializer, and of LeCun's, which serves for both."""
    import jax

    from etude.model.initializers import LecunNormal

    deepest = max(study.model, key=depth_of)
    deep = [model for model in study.model if depth_of(model) == depth_of(deepest)]
    deep.append(deepest.changed(initializer=LecunNormal()))
    with jax.enable_x64(True):  # a hundred orders of magnitude are more than single precision has
        return {called(model): measured_spread(study, model) for model in dict.fromkeys(deep)}


def measured_spread(study: "Study", model: "Model") -> Spread:
    """Mean squares of activations and gradients, with `SEEDS` draws of the initial weights."""
    import jax
    import jax.numpy as jnp
    from flax import nnx

    from etude.data.base import Source, Split

    prepared, loss = study.data[0].prepare(), study.loss[0]
    rows = np.arange(prepared.rows)
    split = Split(np.zeros(1, np.int32), np.int32(0), np.zeros(prepared.rows))
    fitted = prepared.fit(rows, np.empty(0))
    source = Source(prepared.arrays, fitted, split)
    batch = prepared.stream.evaluation(source, rows[::EVERY], None, jax.random.key(0))
    inputs = batch.inputs.astype(jnp.float64)
    widths = getattr(model, "widths")

    def measured(key: Any) -> tuple[Any, Any]:
        module: Any = model.build(prepared.spec, loss.outputs(prepared.spec), nnx.Rngs(key))

        def objective(offsets: Any) -> tuple[Any, Any]:
            hidden, squares = inputs, []
            for layer, offset in zip(module.layers[:-1], offsets, strict=True):
                hidden = module.activation(layer(hidden) + offset)
                squares.append(jnp.mean(hidden**2))
            return loss(module.layers[-1](hidden), batch).mean(), jnp.stack(squares)

        offsets = [jnp.zeros((len(inputs), width)) for width in widths]
        slopes, squares = jax.grad(objective, has_aux=True)(offsets)
        return squares, jnp.stack([jnp.mean(slope**2) for slope in slopes])

    keys = jax.random.split(jax.random.key(study.seed), SEEDS)
    activations, gradients = jax.jit(lambda keys: jax.lax.map(measured, keys))(keys)
    return Spread(np.asarray(activations), np.asarray(gradients))
