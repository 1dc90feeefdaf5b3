"""Recurrent networks built and run as programs: op by op they take many times as long."""

from typing import Any

import jax
from flax import nnx

from etude.batch import Spec
from etude.model.recurrent import Recurrent
from golden import compiled

SERIES = Spec("numbers", (6, 2))
TEXT = Spec("tokens", (6,), 6, sizes=(("vocabulary", 5),))


def build(model: Recurrent, spec: Spec = SERIES, outputs: int = 2, seed: int = 0) -> Any:
    """The network with its initial weights."""

    def parts() -> Any:
        rngs = nnx.Rngs(params=jax.random.key(seed), dropout=jax.random.key(seed + 1))
        return nnx.split(model.build(spec, outputs, rngs))

    return nnx.merge(jax.eval_shape(parts)[0], compiled(lambda: parts()[1])())


def everywhere(spec: Spec) -> Spec:
    """A series in which every step has a target, as PyTorch's layers give their states."""
    return Spec("tokens", spec.inputs)
