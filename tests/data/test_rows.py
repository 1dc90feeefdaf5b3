import jax
import jax.numpy as jnp
import numpy as np

from etude.data.base import Source, Split
from etude.data.rows import InputsAndTargets


def source(missing_value):
    inputs = jnp.array([[1.0, 10.0], [3.0, missing_value], [5.0, 30.0]])
    fitted = {
        "mean": jnp.array([1.0, 20.0]),
        "factor": jnp.array([2.0, 0.1]),
        "target_mean": jnp.array([100.0]),
        "target_scale": jnp.array([10.0]),
    }
    split = Split(jnp.arange(3), jnp.array(3), jnp.ones(3))
    return Source(
        {"inputs": inputs, "targets": jnp.array([[90.0], [100.0], [120.0]])}, fitted, split
    )


def test_scaled_by_the_documented_formulas():
    batch = InputsAndTargets().gather(source(40.0), jnp.arange(3), jnp.ones(3))
    np.testing.assert_allclose(batch.inputs, [[0, -1], [4, 2], [8, 1]], rtol=1e-6)
    np.testing.assert_allclose(batch.targets, [[-1], [0], [2]])
    np.testing.assert_allclose(batch.scale, [10])


def test_a_missing_number_is_the_mean_of_the_training_rows():
    stream = InputsAndTargets(missing=True)
    batch = stream.gather(source(jnp.nan), jnp.array([1, 0]), jnp.ones(2))
    np.testing.assert_allclose(batch.inputs, [[4, 0], [0, -1]], rtol=1e-6)


def test_tables_without_gaps_pay_nothing():
    rows = jnp.arange(3)

    def selections(stream):
        program = str(
            jax.make_jaxpr(lambda s: stream.gather(s, rows, jnp.ones(3)).inputs)(source(1.0))
        )
        return program.count("is_finite") + program.count(" ne ")

    assert selections(InputsAndTargets()) == 0
    assert selections(InputsAndTargets(missing=True)) == 1
    assert jax.tree.structure(InputsAndTargets()) != jax.tree.structure(
        InputsAndTargets(missing=True)
    )
