"""What trained networks give for rows."""

from functools import partial
from typing import Any

import jax
from flax import nnx

from etude.data.base import Source, Stream
from etude.ensemble.combination import combined
from etude.loss.base import Loss


def prediction(
    stream: Stream, loss: Loss, source: Source, index: Any, module: nnx.Module
) -> tuple[Any, Any]:
    """Outputs and prediction of a network for the rows of these numbers."""
    module.eval()
    # The key would be for streams that draw at evaluation; rows draw nothing.
    batch = stream.evaluation(source, index, module, jax.random.key(0))
    outputs = loss.evaluate(module, batch)
    return outputs, loss.prediction(outputs) * batch.scale + batch.offset


compiled_prediction = nnx.jit(prediction)


@partial(jax.jit, static_argnums=0)
def compiled_combination(
    graph: Any, parts: Any, source: Source, index: Any, networks: Any, coefficients: Any, start: Any
) -> tuple[Any, Any]:
    """Outputs and prediction of an ensemble.

    Args:
        graph: of each of its networks.
        parts: stream, loss and ensemble.
        source: what the stream reads.
        index: `[batch]`, numbers of rows.
        networks: trained and other variables of all networks, `[networks, ...]`.
        coefficients, start: of the combination.
    """
    stream, loss, ensemble = parts
    batch = stream.evaluation(source, index, None, jax.random.key(0))

    def outputs(network: Any) -> Any:
        module = nnx.merge(graph, *network, copy=True)
        module.eval()
        return loss.evaluate(module, batch)

    found = combined(ensemble, loss, outputs, networks, coefficients, start)
    return found, loss.prediction(found) * batch.scale + batch.offset
