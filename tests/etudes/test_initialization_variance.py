"""The rule of the étude, and its measurement against one by hand."""

import math

import jax
import numpy as np
import pytest
from flax import nnx

import etude
import etude.etudes.spread as module
from etude.etudes.base import Verdict
from etude.etudes.initialization_variance import Evidence, InitializationVariance, verdict_of
from etude.etudes.spread import log_ratio, measured_spread
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
        (Evidence((KEPT,), (factor(3, 4),), (GAIN,), (ZEROS,)), "supported"),
        (Evidence((KEPT, factor(0.3, 0.4)), (FIXED,), (GAIN,), (ZEROS,)), "refuted"),
        (Evidence((KEPT, factor(2.3, 2.7)), (FIXED,), (GAIN,), (ZEROS,)), "refuted"),
        (Evidence((KEPT,), (FIXED,), (GAIN, share(-0.2, -0.1)), (ZEROS,)), "refuted"),
        (Evidence((KEPT,), (FIXED,), (GAIN,), (ZEROS, share(0.1, 0.2))), "refuted"),
        (Evidence((factor(0.4, 0.9),), (FIXED,), (GAIN,), (ZEROS,)), "undecided"),
        (Evidence((KEPT,), (FIXED, KEPT), (GAIN,), (ZEROS,)), "undecided"),
        (Evidence((KEPT,), (FIXED,), (share(-0.1, 0.1),), (ZEROS,)), "undecided"),
        (Evidence((KEPT,), (FIXED,), (GAIN,), (share(0.0, 0.1),)), "undecided"),
    ],
)
def test_the_verdict_follows_the_rule(evidence: Evidence, verdict: Verdict) -> None:
    assert verdict_of(evidence) == verdict


def test_a_wider_band_says_otherwise() -> None:
    evidence = Evidence((factor(0.3, 0.4),), (FIXED,), (GAIN,), (ZEROS,))
    assert verdict_of(evidence) == "refuted"
    assert verdict_of(evidence, 4.0) == "supported"
    assert verdict_of(evidence, 3.0) == "undecided"


@pytest.mark.slow
def test_wide_networks_do_what_mean_field_theory_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """q ← E tanh²(√q z) from row to row (Poole 2016), and the factor of ReLU is 1 (He 2015)."""
    monkeypatch.setattr(module, "SEEDS", 4)
    study = InitializationVariance().studies()["tanh"]
    tanh = etude.MLP(widths=(256,) * 5, activation="tanh", initializer=etude.LecunNormal())
    relu = etude.MLP(widths=(256,) * 5, activation="relu", initializer=etude.HeNormal())
    with jax.enable_x64(True):
        of_tanh, of_relu = (measured_spread(study, model) for model in (tanh, relu))
    nodes, shares = np.polynomial.hermite_e.hermegauss(60)
    prepared = study.data[0].prepare()
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    inputs = (prepared.arrays["inputs"].astype(np.float64) - fitted["mean"]) * fitted["factor"]
    squares = (inputs[:: module.EVERY] ** 2).mean(axis=1, keepdims=True)
    expected = []
    for _ in range(5):
        squares = (np.tanh(np.sqrt(squares) * nodes) ** 2 @ shares)[:, None] / shares.sum()
        expected.append(squares.mean())
    np.testing.assert_allclose(of_tanh.activations.mean(axis=0), expected, rtol=0.1)
    first, *_, last = of_relu.activations.mean(axis=0)
    assert last / first == pytest.approx(1, abs=0.25)


def test_mean_squares_are_those_of_a_pass_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SEEDS", 2)
    study = InitializationVariance().studies()["tanh"]
    model = etude.MLP(widths=(5, 4), activation="tanh", initializer=etude.XavierNormal())
    with jax.enable_x64(True):
        found = measured_spread(study, model)
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
    for kind, squares in (("activations", found.activations), ("gradients", found.gradients)):
        ends = squares.mean(axis=0)
        ratio = ends[1] / ends[0] if kind == "activations" else ends[0] / ends[1]
        assert logs[kind].mean == pytest.approx(float(np.log(ratio)))


def test_the_error_of_a_ratio_of_means_is_that_of_many_repetitions() -> None:
    generator = np.random.default_rng(0)
    repeated = []
    for _ in range(2000):
        first = generator.lognormal(0.0, 0.5, 200)
        repeated.append(log_ratio(first * generator.lognormal(0.3, 0.5, 200), first))
    logs = [found.mean for found in repeated]
    assert np.mean(logs) == pytest.approx(0.3 + 0.5**2 / 2, abs=0.01)
    assert np.mean([found.stderr for found in repeated]) == pytest.approx(np.std(logs), rel=0.05)
    covered = [low < 0.425 < high for low, high in (found.interval for found in repeated)]
    assert 0.93 < np.mean(covered) < 0.97
