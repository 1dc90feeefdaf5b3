"""The rule of the étude, and its measurement against one by hand."""

import math

import jax
import numpy as np
import pytest
from flax import nnx

import etude
import etude.etudes.initialization_variance as module
from etude.etudes.base import Verdict
from etude.etudes.initialization_variance import Evidence, InitializationVariance, verdict_of
from etude.evidence.intervals import Estimate


def factor(low: float, high: float) -> Estimate:
    ends = math.log(low), math.log(high)
    return Estimate(sum(ends) / 2, 0.1, ends, 10)


def share(low: float, high: float) -> Estimate:
    return Estimate((low + high) / 2, 0.1, (low, high), 5)


KEPT, FIXED, GAIN, ZEROS = factor(0.9, 1.1), factor(0.001, 0.002), share(0.2, 0.4), share(0, 0.01)


@pytest.mark.parametrize(
    ("evidence", "verdict"),
    [
        (Evidence((KEPT,), (FIXED,), (GAIN,), (ZEROS,)), "supported"),
        (Evidence((KEPT,), (factor(2, 3),), (GAIN,), (ZEROS,)), "supported"),
        (Evidence((KEPT, factor(0.5, 0.7)), (FIXED,), (GAIN,), (ZEROS,)), "refuted"),
        (Evidence((KEPT, factor(1.3, 1.7)), (FIXED,), (GAIN,), (ZEROS,)), "refuted"),
        (Evidence((KEPT,), (FIXED,), (GAIN, share(-0.2, -0.1)), (ZEROS,)), "refuted"),
        (Evidence((KEPT,), (FIXED,), (GAIN,), (ZEROS, share(0.1, 0.2))), "refuted"),
        (Evidence((factor(0.7, 0.9),), (FIXED,), (GAIN,), (ZEROS,)), "undecided"),
        (Evidence((KEPT,), (FIXED, KEPT), (GAIN,), (ZEROS,)), "undecided"),
        (Evidence((KEPT,), (FIXED,), (share(-0.1, 0.1),), (ZEROS,)), "undecided"),
        (Evidence((KEPT,), (FIXED,), (GAIN,), (share(0.0, 0.1),)), "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(evidence: Evidence, verdict: Verdict) -> None:
    assert verdict_of(evidence) == verdict


def test_mean_squares_are_those_of_a_pass_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEEDS", 2)
    study = InitializationVariance().studies()["tanh"]
    model = etude.MLP(widths=(5, 4), activation="tanh", initializer=etude.XavierNormal())
    with jax.enable_x64(True):
        found = module._measured(study, model)
        prepared = study.data[0].prepare()
        key = jax.random.split(jax.random.key(study.seed), 2)[1]
        weights = [
            np.asarray(layer.kernel[...])
            for layer in model.build(prepared.spec, 10, nnx.Rngs(key)).layers
        ]
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    inputs = (prepared.arrays["inputs"].astype(np.float64) - fitted["mean"]) * fitted["factor"]
    inputs, targets = inputs[:: module.EVERY], prepared.arrays["targets"][:: module.EVERY]
    first = np.tanh(inputs @ weights[0])
    second = np.tanh(first @ weights[1])
    logits = second @ weights[2]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    slope = (shares - np.eye(10)[targets]) / len(inputs)
    of_second = slope @ weights[2].T * (1 - second**2)
    of_first = of_second @ weights[1].T * (1 - first**2)
    assert found.activations.shape == found.gradients.shape == (2, 2)
    np.testing.assert_allclose(found.activations[1], [(first**2).mean(), (second**2).mean()], 1e-6)
    np.testing.assert_allclose(
        found.gradients[1], [(of_first**2).mean(), (of_second**2).mean()], 1e-6
    )
    logs = found.factors()
    assert logs["activations"].mean == pytest.approx(
        float(np.mean(np.log(found.activations[:, 1] / found.activations[:, 0])))
    )
    assert logs["gradients"].mean == pytest.approx(
        float(np.mean(np.log(found.gradients[:, 0] / found.gradients[:, 1])))
    )
