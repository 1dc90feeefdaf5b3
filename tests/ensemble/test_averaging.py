"""Deep ensembles: which networks they have, and what these say together."""

import numpy as np
import pytest
from members import CLASSES, INPUTS, Trained, softmax, study
from pydantic import ValidationError

import etude
from etude.ensemble.averaging import Averaging

FIELDS = {"epochs": 3, "batch_size": 8, "learning_rate": 0.05}


def test_one_network_is_no_ensemble_bit_for_bit() -> None:
    single = Trained(study(etude.AMSGrad(**FIELDS), CLASSES)).carry
    found = Trained(study(etude.AMSGrad(**FIELDS, ensemble=Averaging(networks=1)), CLASSES)).carry
    np.testing.assert_array_equal(found.weights, single.weights)
    np.testing.assert_allclose(found.history, single.history, rtol=1e-6)
    assert (int(found.step), int(found.epoch)) == (int(single.step), int(single.epoch))
    assert int(found.status) == int(single.status)


def test_the_first_network_is_the_one_without_an_ensemble_and_the_others_differ() -> None:
    single = Trained(study(etude.AMSGrad(**FIELDS), CLASSES)).carry
    found = Trained(study(etude.AMSGrad(**FIELDS, ensemble=Averaging(networks=3)), CLASSES))
    kernels = [kernel for kernel, _ in found.networks]
    np.testing.assert_allclose(single.weights[3:], kernels[0].ravel(), rtol=1e-6)
    assert not np.allclose(kernels[0], kernels[1], atol=1e-3)
    assert not np.allclose(kernels[1], kernels[2], atol=1e-3)
    shares = np.mean([softmax(INPUTS @ kernel + bias) for kernel, bias in found.networks], 0)
    test = found.split.test
    np.testing.assert_allclose(softmax(found.carry.outputs)[: len(test)], shares[test], rtol=1e-5)
    np.testing.assert_array_equal(found.carry.stage.coefficients, np.ones(3))


@pytest.mark.parametrize("width", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_every_epoch_judges_the_ensemble_so_far(width: int) -> None:
    """After an epoch of the second network it is averaged with the first one as it ended."""
    algorithm = etude.AMSGrad(**FIELDS, ensemble=Averaging(networks=3))
    found = Trained(study(algorithm, CLASSES, seeds=width), width)
    batches = -(-len(found.split.train) // 8)
    part = found.after(4 * batches)
    assert int(part.epoch) == 4
    kernel, bias = found.networks[0]
    bias_now, kernel_now = part.weights[:3], part.weights[3:].reshape(3, 3)
    shares = softmax(INPUTS @ kernel + bias) + softmax(INPUTS @ kernel_now + bias_now)
    test = found.split.test
    expected = -np.log(shares[test, CLASSES[test]] / 2).mean()
    assert part.history[3, 2, 0] == pytest.approx(expected, rel=1e-5)
    np.testing.assert_array_equal(found.carry.history[:4], part.history[:4])
    assert np.isfinite(found.carry.history[:, 2, 0]).all()


def test_networks_are_counted() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        Averaging(networks=0)
    assert str(Averaging()) == "averaging(networks=5)"
    stopping = etude.EarlyStopping()
    with pytest.raises(ValidationError, match="`stopping` must be left out"):
        etude.SGD(stopping=stopping, ensemble=Averaging())
