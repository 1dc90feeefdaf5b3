"""A point starts where it was put."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx

from etude.batch import Spec
from etude.errors import InputError
from etude.model.point import Point

SPEC = Spec("surface", (3, 3, 4), 3)


def test_the_outputs_of_every_row_are_the_point() -> None:
    module = Point(x=1.5, y=-2).build(SPEC, 2, nnx.Rngs(0))
    outputs = module(jnp.zeros((4, 3, 3, 4)))
    np.testing.assert_array_equal(outputs, np.tile([1.5, -2.0], (4, 1)))
    (weights,) = jax.tree.leaves(nnx.state(module, nnx.Param))
    assert weights.shape == (2,)


def test_where_it_starts_may_differ_between_members() -> None:
    starts = jax.tree.map(lambda *leaves: jnp.stack(leaves), Point(x=0, y=1), Point(x=2, y=3))

    def outputs(model: Point) -> jax.Array:
        graph, state = nnx.split(model.build(SPEC, 2, nnx.Rngs(0)))
        return nnx.merge(graph, state)(jnp.zeros((1, 3, 3, 4)))

    np.testing.assert_array_equal(jax.vmap(outputs)(starts)[:, 0], [[0, 1], [2, 3]])


def test_other_losses_are_refused() -> None:
    with pytest.raises(InputError, match=r"gives 2 numbers, its coordinates, .* wants 3"):
        Point().build(SPEC, 3, nnx.Rngs(0))
