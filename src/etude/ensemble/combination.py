"""What makes several trained networks one."""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.ensemble.base import Ensemble


@dataclass(frozen=True, eq=False)
class Combination:
    """How trained networks predict together.

    Attributes:
        ensemble: the component that trained them.
        coefficients: `[networks]`, what each counts.
        start: `[outputs]`, what is said before the first of them.
    """

    ensemble: Ensemble
    coefficients: np.ndarray
    start: np.ndarray


def combined(
    ensemble: Ensemble, loss: Any, outputs: Any, networks: Any, coefficients: Any, start: Any
) -> Any:
    """Outputs of an ensemble.

    Args:
        ensemble: of the combination.
        loss: of the study.
        outputs: from one network to its outputs `[rows, outputs]`.
        networks: all networks, a tree of arrays `[networks, ...]`.
        coefficients, start: of the combination.
    """
    first = jax.tree.map(lambda leaf: leaf[0], networks)
    rows = jax.eval_shape(outputs, first).shape[0]
    said = jnp.broadcast_to(start, (rows, *jnp.shape(start)))

    def one(said: Any, part: Any) -> tuple[Any, None]:
        network, coefficient, number = part
        return ensemble.added(loss, said, outputs(network), coefficient, number), None

    count = jnp.arange(len(coefficients))
    said, _ = jax.lax.scan(one, said, (networks, coefficients, count))
    return ensemble.told(loss, said, jnp.sum(coefficients))
