"""Gradient boosting against boosting by hand in double precision, and against closed forms."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from members import CLASSES, NUMBERS, TWO, Trained, softmax, study
from pydantic import ValidationError
from scipy.optimize import minimize_scalar

import etude
from etude.batch import Batch
from etude.engine.disturb import augmented
from etude.ensemble.boosting import (
    LONGEST_OF_CLASSES,
    Boosting,
    best_length,
    descent,
    size_of,
)
from etude.errors import InputError
from etude.keys import fold, typed
from quick_programs import compiled

NETWORKS, STEPS, RATE = 4, 30, 0.1
FULL: dict[str, Any] = {"batch_size": "full", "epochs": STEPS, "learning_rate": RATE}


def fitted(
    kernel: np.ndarray, bias: np.ndarray, x: np.ndarray, y: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Gradient descent on the mean of Σ_d (y_d − xW − b)² over rows."""
    for _ in range(STEPS):
        error = x @ kernel + bias - y
        kernel = kernel - RATE * 2 * x.T @ error / len(x)
        bias = bias - RATE * 2 * error.mean(0)
    return kernel, bias


@pytest.mark.parametrize("width", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_linear_models_on_squared_error_are_boosted_as_by_hand(width: int) -> None:
    """Every network, every coefficient, the constant before them, and all that is judged."""
    boosting = Boosting(networks=NETWORKS, shrinkage=0.5)
    found = Trained(study(etude.SGD(**FULL, ensemble=boosting), NUMBERS, seeds=2), width)
    x, y = found.data
    rows = found.split.train
    said = np.broadcast_to(y[rows].mean(0), y.shape)
    np.testing.assert_allclose(found.carry.stage.start, said[0], atol=1e-6)
    for number in range(NETWORKS):
        residual = 2 * (y - said)
        size = np.sqrt((residual[rows] ** 2).mean())
        kernel, bias = fitted(*found.initial(number), x[rows], residual[rows] / size)
        np.testing.assert_allclose(found.networks[number][0], kernel, rtol=2e-4, atol=2e-5)
        np.testing.assert_allclose(found.networks[number][1], bias, rtol=2e-4, atol=2e-5)
        outputs = x @ kernel + bias
        # Of a line through F in the direction h the squared error is least at ⟨y − F, h⟩ / |h|².
        length = ((y - said)[rows] * outputs[rows]).sum() / (outputs[rows] ** 2).sum()
        np.testing.assert_allclose(
            found.carry.stage.coefficients[number], 0.5 * length, rtol=1e-3, atol=1e-5
        )
        said = said + 0.5 * length * outputs
    assert int(found.carry.stage.number) == NETWORKS
    test = found.split.test
    np.testing.assert_allclose(found.carry.outputs[: len(test)], said[test], rtol=1e-3, atol=1e-4)
    losses = [((y - said)[part] ** 2).sum(1).mean() for part in (test,)]
    np.testing.assert_allclose(found.carry.history[-1, 2, 0], losses[0], rtol=1e-3)


def test_what_is_judged_within_a_network_is_the_ensemble_with_it_as_it_is() -> None:
    """After an epoch of the second network: the first one whole, the second so far."""
    algorithm = etude.SGD(**FULL, ensemble=Boosting(networks=2, shrinkage=0.5))
    whole = study(algorithm, CLASSES)
    found = Trained(whole)
    early = found.after(STEPS + 1)
    x, y = found.data
    rows, test = found.split.train, found.split.test
    kernel, bias = found.networks[0]
    first = early.stage.start + early.stage.coefficients[0] * (x @ kernel + bias)
    slope = np.eye(3)[y] - softmax(first)
    size = np.sqrt((slope[rows] ** 2).mean())
    kernel, bias = found.initial(1)
    error = x[rows] @ kernel + bias - slope[rows] / size
    kernel = kernel - RATE * 2 * x[rows].T @ error / len(rows)
    outputs = x @ kernel + bias - RATE * 2 * error.mean(0)

    def loss(length: float) -> float:
        shares = softmax(first[rows] + length * outputs[rows])
        return float(-np.log(shares[np.arange(len(rows)), y[rows]]).mean())

    length = minimize_scalar(loss, bounds=(-10, 10), method="bounded", options={"xatol": 1e-9}).x
    said = first + 0.5 * length * outputs
    np.testing.assert_allclose(early.outputs[: len(test)], said[test], rtol=1e-3, atol=1e-4)
    expected = -np.log(softmax(said[test])[np.arange(len(test)), y[test]]).mean()
    np.testing.assert_allclose(early.history[STEPS, 2, 0], expected, rtol=1e-4)
    np.testing.assert_array_equal(found.carry.history[: STEPS + 1], early.history[: STEPS + 1])


def test_mixed_rows_have_mixed_gradients() -> None:
    """One step on all rows: what a network is fitted to is mixed as the inputs are, once."""
    mixup = etude.Mixup(alpha=1.0)
    algorithm = etude.SGD(**FULL, ensemble=Boosting(networks=2, shrinkage=0.5))
    plain = study(algorithm, CLASSES)
    found = Trained(study(algorithm, CLASSES, data=plain.data[0].changed(augment=(mixup,))))
    x, y = found.data
    (start,), size = found.begun[1].stage.said[:1], float(found.begun[1].stage.memory)
    slope = (np.eye(3)[y] - softmax(np.asarray(start, float))) / size
    stream, source = found.plan.materials[0].prepared.stream, found.source
    words = found.inputs.keys[1]
    carry = stream.epoch(source, stream.init(source, typed(words)), fold(words, 0))
    order = np.asarray(stream.rows(source, carry, 0, len(found.split.train)))
    batch = Batch(jnp.asarray(x[order]), jnp.asarray(slope[order]), jnp.ones(len(order)))
    spec = found.plan.materials[0].prepared.spec
    mixed = compiled(lambda batch, key: augmented((mixup,), batch, key, spec))(
        batch, fold(words, 1)
    )
    inputs, targets = np.asarray(mixed.inputs, float), np.asarray(mixed.targets, float)
    assert np.abs(targets - slope[order]).max() > 0.1
    kernel, bias = found.initial(0)
    error = inputs @ kernel + bias - targets
    after = found.after(1).weights
    np.testing.assert_allclose(after[:3], bias - RATE * 2 * error.mean(0), atol=1e-5)
    kernel = kernel - RATE * 2 * inputs.T @ error / len(order)
    np.testing.assert_allclose(after[3:].reshape(3, 3), kernel, atol=1e-5)


LOSSES = [
    (etude.MSE(), NUMBERS[:, None]),
    (etude.MAE(), NUMBERS[:, None]),
    (etude.Huber(delta=0.7), NUMBERS[:, None]),
    (etude.GaussianNLL(variance="fixed", sigma=0.2), NUMBERS[:, None]),
    (etude.GaussianNLL(), NUMBERS[:, None]),
    (etude.CrossEntropy(label_smoothing=0.1), CLASSES),
    (etude.BinaryCrossEntropy(), TWO),
]


@pytest.mark.parametrize(("loss", "targets"), LOSSES, ids=lambda part: str(part)[:20])
def test_the_length_of_a_step_is_the_best_one(loss: Any, targets: np.ndarray) -> None:
    """Against SciPy's search, with weights, along a direction of descent and against it."""
    generator = np.random.default_rng(1)
    count = len(targets)
    with jax.enable_x64(True):
        weights = jnp.asarray(generator.integers(0, 3, count), float)
        width = {"cross_entropy": 3, "gaussian_nll": 2 - (loss.name == "gaussian_nll")}.get(
            loss.name, 1
        )
        if loss == etude.GaussianNLL():
            width = 2
        batch = Batch(jnp.zeros((count, 1)), jnp.asarray(targets), weights)
        outputs = jnp.asarray(0.3 * generator.normal(size=(count, width)))
        slope = descent(loss, outputs, batch)
        for sign in (1, -1):
            direction = sign * (slope + 0.1 * jnp.asarray(generator.normal(size=slope.shape)))

            def total(length: float, direction: Any = direction) -> float:
                values = loss(outputs + length * direction, batch)
                return float(jnp.sum(weights * values))

            bounds = (0, 64) if sign > 0 else (-64, 0)
            expected = minimize_scalar(
                total, bounds=bounds, method="bounded", options={"xatol": 1e-10}
            )
            length = float(compiled(best_length)(loss, outputs, direction, batch))
            assert total(length) <= expected.fun + 1e-9 * abs(expected.fun)
            assert length == pytest.approx(expected.x, rel=1e-4, abs=1e-6)
        squares = (np.asarray(slope) ** 2).mean(1)
        mean = (np.asarray(weights) * squares).sum() / np.asarray(weights).sum()
        assert float(size_of(loss, outputs, batch)) == pytest.approx(np.sqrt(mean), rel=1e-12)


def test_a_step_has_an_end_where_classes_are_told_apart() -> None:
    batch = Batch(jnp.zeros((4, 1)), jnp.asarray([0, 0, 1, 1]), jnp.ones(4))
    direction = jnp.asarray([[-1.0], [-2.0], [1.0], [3.0]])
    of = compiled(best_length)
    length = of(etude.BinaryCrossEntropy(), jnp.zeros((4, 1)), direction, batch)
    assert float(length) == pytest.approx(LONGEST_OF_CLASSES, rel=1e-6)
    nowhere = of(etude.MSE(), jnp.zeros((4, 1)), jnp.zeros((4, 1)), batch)
    assert abs(float(nowhere)) < 1e-6


@pytest.mark.parametrize("loss", [etude.MAE(), etude.Huber(delta=0.5)], ids=["mae", "huber"])
@pytest.mark.parametrize("unit", [1e4, 1e9])
def test_numbers_of_any_unit_are_reached(loss: Any, unit: float) -> None:
    """These losses have gradients of about 1, and targets may be as far away as they like."""
    targets = (unit * (NUMBERS[:, None] + 3)).astype(np.float32)
    batch = Batch(jnp.zeros((len(targets), 1)), jnp.asarray(targets), jnp.ones(len(targets)))

    @compiled
    def found() -> Any:
        said, _ = Boosting().begin(loss, jnp.zeros_like(batch.targets), batch)
        # A network that knows the answer, in a unit of its own.
        return said, best_length(loss, said, (batch.targets - said) / unit, batch)

    said, length = found()
    low, high = np.sort(targets[:, 0])[[len(targets) // 2 - 1, len(targets) // 2]]
    assert low * (1 - 1e-5) <= float(said[0, 0]) <= high * (1 + 1e-5), "the median"
    assert float(length) == pytest.approx(unit, rel=1e-4)


@pytest.mark.parametrize(
    ("loss", "targets", "expected"),
    [
        (etude.MSE(), NUMBERS, lambda y: [y.mean()]),
        (etude.MAE(), NUMBERS, lambda y: [np.median(y)]),
        (etude.BinaryCrossEntropy(), TWO, lambda y: [np.log(y.mean() / (1 - y.mean()))]),
        (
            etude.CrossEntropy(),
            CLASSES,
            lambda y: np.log(np.bincount(y) / len(y)) - np.log(np.bincount(y) / len(y)).mean(),
        ),
    ],
    ids=lambda part: getattr(part, "name", ""),
)
def test_boosting_begins_with_the_best_constant(loss: Any, targets: Any, expected: Any) -> None:
    """Mean, median, log-odds and logarithms of the shares of the training rows."""
    count = len(targets) - 1 + len(targets) % 2  # an odd number of rows has one median
    train = np.arange(len(targets)) < count
    with jax.enable_x64(True):
        batch = Batch(
            jnp.zeros((len(targets), 1)),
            jnp.asarray(targets if loss.name.endswith("entropy") else targets[:, None]),
            jnp.asarray(train, float),
        )
        wanted = np.asarray(expected(targets[train]))
        said, size = compiled(Boosting().begin)(loss, jnp.zeros((len(targets), len(wanted))), batch)
    np.testing.assert_allclose(said, np.broadcast_to(wanted, said.shape), atol=1e-4)
    assert float(size) > 0


def test_it_refuses_losses_without_a_gradient_of_rows() -> None:
    loss = etude.RegularizedSquaredError()
    spec = study(etude.SGD()).data[0].prepare().spec
    with pytest.raises(InputError, match="`loss` regularized_squared_error makes something else"):
        Boosting().check(loss, spec)
    with pytest.raises(ValidationError, match="less than or equal to 1"):
        Boosting(shrinkage=1.5)
