"""Bagging against single networks that are trained by hand on the same samples."""

import jax.numpy as jnp
import numpy as np
from members import CLASSES, INPUTS, Trained, softmax, study

import etude
from etude.engine.stages import ROWS_DRAWN
from etude.ensemble.bagging import Bagging
from etude.keys import fold, typed
from quick_programs import compiled


def test_every_network_is_a_single_one_on_its_own_sample() -> None:
    """The same keys and the drawn rows in a study without an ensemble: the same weights."""
    fields = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05}
    found = Trained(study(etude.AMSGrad(**fields, ensemble=Bagging(networks=3)), CLASSES))
    single = study(etude.AMSGrad(**fields), CLASSES)
    train, samples = found.split.train, []
    for number, (kernel, bias) in enumerate(found.networks):
        keys, size = found.keys(number), len(train)
        order = compiled(Bagging().order)(
            jnp.asarray(train), jnp.asarray(size), fold(jnp.asarray(keys[1]), ROWS_DRAWN)
        )
        samples.append(np.sort(order))
        assert np.isin(order, train).all()
        alone = Trained(single, keys=keys, order=np.asarray(order)[None])
        np.testing.assert_allclose(
            alone.carry.weights,
            np.concatenate([bias.ravel(), kernel.ravel()]),
            rtol=1e-6,
            atol=1e-7,
        )
    assert not np.array_equal(samples[0], samples[1])
    assert not np.array_equal(samples[1], samples[2])
    shares = np.mean([softmax(INPUTS @ kernel + bias) for kernel, bias in found.networks], 0)
    test = found.split.test
    np.testing.assert_allclose(softmax(found.carry.outputs)[: len(test)], shares[test], atol=1e-5)


def test_samples_are_drawn_with_replacement() -> None:
    """Rows come a number of times that has the Poisson distribution of mean 1, about."""
    size, places = 5000, 6000
    order = jnp.concatenate([jnp.arange(size), jnp.full(places - size, -1)])
    drawn = np.asarray(Bagging().order(order, jnp.asarray(size), typed(jnp.uint32([3, 5]))))
    assert drawn.shape == (places,)
    assert drawn.min() >= 0
    times = np.bincount(drawn[:size], minlength=size)
    # Standard errors of the shares are below 0.007.
    for count, share in enumerate([0.3679, 0.3679, 0.1839, 0.0613]):
        assert abs(np.mean(times == count) - share) < 0.03
    again = np.asarray(Bagging().order(order, jnp.asarray(size), typed(jnp.uint32([3, 6]))))
    assert not np.array_equal(drawn, again)
