"""The components keep their promises, and compute what their formulas say."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from etude_heavytails.algorithm import Signum
from etude_heavytails.data import COEFFICIENTS, StudentPlane
from etude_heavytails.loss import Cauchy
from scipy import stats

import etude.testing
from etude.algorithm.base import Step
from etude.batch import Batch


@pytest.mark.parametrize(("name", "check"), etude.testing.conformance("algorithm"))
def test_signum_conforms(name: str, check: etude.testing.Check) -> None:
    check(Signum())


def test_data_and_loss_conform() -> None:
    etude.testing.check(StudentPlane())
    etude.testing.check(Cauchy())
    etude.testing.check(Cauchy(scale=0.5), data=StudentPlane(rows=30))


def test_signum_follows_its_formula() -> None:
    rule = Signum(learning_rate=0.25, momentum=0.8)
    w, m = np.linspace(-1, 2, 7), np.zeros(7)
    with jax.enable_x64(True):
        point, state = jnp.asarray(w), rule.init(jnp.asarray(w))
        for t in range(1, 31):
            g = np.cos(w) + w**3 / 2
            m = 0.8 * m + 0.2 * g
            w = w - 0.25 * np.sign(m)
            step = Step(jnp.asarray(t), jnp.asarray(0.0), lambda params: jnp.sum(params))
            change, state = rule.update(jnp.cos(point) + point**3 / 2, state, point, step)
            point = point + change
            np.testing.assert_allclose(point, w, rtol=1e-12)


def test_cauchy_is_the_likelihood_of_students_t() -> None:
    """−log of the density of t is (ν + 1)/2 · log(1 + r²/ν): with ν = 2c² in proportion to it."""
    c = 1.5
    r = np.linspace(-20, 20, 9)
    batch = Batch(None, jnp.asarray(r[:, None]), jnp.ones(9))
    found = Cauchy(scale=c)(jnp.zeros((9, 1)), batch)
    nu = 2 * c**2
    expected = stats.t(nu).logpdf(0) - stats.t(nu).logpdf(r)
    np.testing.assert_allclose(found, c**2 * expected * 2 / (nu + 1), rtol=1e-5)


def test_the_noise_has_the_tails_it_says() -> None:
    prepared = StudentPlane(rows=20_000, degrees=1.5, noise=0.3).prepare()
    assert prepared.targets is not None
    assert prepared.truth is not None
    noise = (prepared.targets - prepared.truth)[:, 0] / 0.3
    assert stats.kstest(noise, stats.t(1.5).cdf).pvalue > 0.01
    inputs = prepared.arrays["inputs"].astype(np.float64)
    np.testing.assert_allclose(prepared.truth[:, 0], inputs @ COEFFICIENTS, rtol=1e-12)
