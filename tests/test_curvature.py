"""Curvature: eigenvalues of dense Hessians of PyTorch, and of differences of the loss alone."""

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from flax import nnx

import etude
from etude.batch import Spec
from etude.data.base import Data
from etude.data.rows import InputsAndTargets
from etude.ensemble.combination import Combination
from etude.landscape import BLOCK, Landscape
from etude.loss.base import Loss
from etude.model.base import Model
from etude.network import Network, network_of

GOLDEN = json.loads((Path(__file__).parent / "golden" / "curvature.json").read_text())
CLASSES = ("a", "b", "c")
SMOOTHED = etude.CrossEntropy(label_smoothing=0.1)
PARTS: dict[str, tuple[Model, Loss]] = {
    "relu, cross-entropy": (etude.MLP(widths=(5,)), SMOOTHED),
    "layer norm, gelu, cross-entropy": (
        etude.MLP(widths=(5,), activation="gelu", normalization="layer"),
        SMOOTHED,
    ),
    "tanh, squared error": (etude.MLP(widths=(5,), activation="tanh"), etude.MSE()),
    "tanh, huber": (etude.MLP(widths=(5,), activation="tanh"), etude.Huber(delta=0.7)),
    "convolution, batch norm, maxima": (etude.CNN(channels=(2,), normalization="batch"), SMOOTHED),
}


def golden_network(name: str) -> tuple[Network, np.ndarray, np.ndarray]:
    model, loss = PARTS[name]
    case = GOLDEN[name]
    inputs, targets = np.array(case["inputs"], np.float32), np.array(case["targets"])
    spec = Spec("numbers", inputs.shape[1:], targets=2)
    if targets.ndim == 1:
        spec = Spec("classes", inputs.shape[1:], classes=CLASSES)
        targets = np.array(CLASSES)[targets]
    weights = {n: np.array(array, np.float32) for n, array in case["weights"].items()}
    network = Network(
        spec, InputsAndTargets(), model, loss, weights, {}, "float32", {}, document={}, history={}
    )
    return network, inputs, targets


def untrained(data: Data, model: Model, loss: Loss) -> Network:
    """A network as it is before training, with what is fitted to all rows."""
    prepared = data.prepare()
    module = model.build(prepared.spec, loss.outputs(prepared.spec), nnx.Rngs(0))
    fitted = prepared.fit(np.arange(prepared.rows), np.empty(0))
    return network_of(prepared, model, loss, module, fitted, {}, {})


SLOW = ("layer norm, gelu, cross-entropy", "tanh, huber")


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in PARTS],
)
def test_it_is_the_largest_eigenvalue_of_pytorchs_dense_hessian(name: str) -> None:
    network, inputs, targets = golden_network(name)
    found = etude.sharpness(network, inputs, targets, probes=200)
    eigenvalues = np.array(GOLDEN[name]["eigenvalues"])
    assert found.parameters == len(eigenvalues) <= 200
    assert found.rows == len(inputs)
    assert found.loss == pytest.approx(GOLDEN[name]["loss"], rel=1e-10)
    assert found.eigenvalue == pytest.approx(eigenvalues[-1], rel=1e-8)
    assert found.trace == pytest.approx(eigenvalues.sum(), rel=1e-8)
    assert found.trace_stderr == 0
    assert found.residual <= 1e-6 * np.abs(eigenvalues).max()


@pytest.mark.slow
def test_a_trace_from_random_vectors_lies_within_its_standard_errors() -> None:
    network, inputs, targets = golden_network("relu, cross-entropy")
    exact = sum(GOLDEN["relu, cross-entropy"]["eigenvalues"])
    estimates = [
        etude.sharpness(network, inputs, targets, probes=8, steps=1, seed=seed) for seed in range(4)
    ]
    off = [abs(found.trace - exact) / found.trace_stderr for found in estimates]
    assert max(off) < 5
    assert len({found.trace for found in estimates}) == 4
    assert np.ptp([found.eigenvalue for found in estimates]) <= 1e-8 * estimates[0].eigenvalue


@pytest.mark.parametrize(
    ("data", "model", "loss"),
    [
        pytest.param(
            etude.Wine(),
            etude.MLP(widths=(3,), normalization="weight", activation="silu"),
            SMOOTHED,
            marks=pytest.mark.slow,
            id="weight-normalization",
        ),
        (etude.Diabetes(), etude.MLP(widths=(3,), activation="sigmoid"), etude.GaussianNLL()),
        (etude.Iris(), etude.MLP(widths=(3,), activation="tanh", dropout=0.5), SMOOTHED),
        pytest.param(
            etude.Digits(), etude.GRU(width=2), SMOOTHED, marks=pytest.mark.slow, id="gru"
        ),
    ],
)
def test_products_with_the_hessian_are_differences_of_slopes(
    data: Data, model: Model, loss: Loss
) -> None:
    network = untrained(data, model, loss)
    generator = np.random.default_rng(0)
    with jax.enable_x64(True):
        prepared = data.prepare()
        landscape = Landscape(network, prepared.arrays, np.ones(prepared.rows))
        for _ in range(2):
            v = generator.normal(size=landscape.weights.size)
            v /= np.linalg.norm(v)
            slopes = [landscape.slope(landscape.weights + k * 1e-3 * v)[1] for k in (-2, -1, 1, 2)]
            differences = (slopes[0] - 8 * slopes[1] + 8 * slopes[2] - slopes[3]) / 12e-3
            product = landscape.product(v)
            np.testing.assert_allclose(
                product, differences, rtol=0, atol=1e-8 * np.abs(product).max()
            )


def test_rows_are_computed_with_block_by_block() -> None:
    """More rows than a block holds, of different weights, give what they give one by one."""
    network, inputs, targets = golden_network("relu, cross-entropy")
    names = np.array(CLASSES)
    numbers = {
        "inputs": inputs,
        "targets": np.array([int(np.argmax(names == label)) for label in targets], np.int32),
    }
    each = np.tile(np.arange(len(inputs)), 70)
    assert len(each) > BLOCK
    twice = np.concatenate([np.arange(len(inputs)), np.arange(4)])
    weights = np.ones(len(inputs))
    weights[:4] = 2
    # The last row of an uneven block fills it up, and counts once.
    more = np.append(each, 0)
    counts = np.bincount(more)
    with jax.enable_x64(True):
        for index, counted in ((twice, weights), (more, counts)):
            weighted = Landscape(network, numbers, counted)
            rows = {name: array[index] for name, array in numbers.items()}
            one_by_one = Landscape(network, rows, np.ones(len(index)))
            start = weighted.weights
            v = np.random.default_rng(0).normal(size=start.size)
            found, expected = weighted.slope(start), one_by_one.slope(start)
            assert found[0] == pytest.approx(expected[0], rel=1e-12)
            np.testing.assert_allclose(found[1], expected[1], rtol=1e-9, atol=1e-12)
            np.testing.assert_allclose(
                weighted.product(v), one_by_one.product(v), rtol=1e-9, atol=1e-12
            )


def largest_on_ball(matrix: np.ndarray, slope: np.ndarray, radius: float) -> float:
    """max ⟨g, ε⟩ + ½⟨ε, Hε⟩ over ‖ε‖ ≤ ρ: ε = (μ − H)⁻¹ g with the μ ≥ λ that gives ‖ε‖ = ρ."""
    values, vectors = np.linalg.eigh(matrix)
    parts = vectors.T @ slope
    low, high = values[-1] + 1e-14, values[-1] + np.linalg.norm(slope) / radius + 1
    for _ in range(200):
        middle = (low + high) / 2
        longer = np.linalg.norm(parts / (middle - values)) > radius
        low, high = (middle, high) if longer else (low, middle)
    epsilon = parts / (high - values)
    return float(parts @ epsilon + (values * epsilon) @ epsilon / 2)


def least_squares() -> tuple[Network, np.ndarray, np.ndarray]:
    """An untrained linear network on diabetes, and its rows as it sees them, `[rows, 1 + 10]`."""
    data = etude.Diabetes()
    network, prepared = untrained(data, etude.Linear(), etude.MSE()), data.prepare()
    fitted = network.fitted
    x = (prepared.arrays["inputs"].astype(np.float64) - fitted["mean"]) * fitted["factor"]
    y = prepared.arrays["targets"].astype(np.float64) - fitted["target_mean"]
    design = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    return network, design, (y / fitted["target_scale"])[:, 0]


@pytest.mark.parametrize("radius", [0.01, 1.0])
def test_the_largest_loss_within_a_radius_is_exact_for_a_quadratic(radius: float) -> None:
    """A linear network under squared error: against the Lagrangian solved by bisection."""
    network, design, y = least_squares()
    bias, kernel = (network.weights[name].astype(np.float64) for name in sorted(network.weights))
    residual = y - design @ np.concatenate([bias, kernel[:, 0]])
    slope, matrix = -2 * design.T @ residual / len(y), 2 * design.T @ design / len(y)
    found = etude.sharpness(network, etude.Diabetes(), radius=radius, steps=300)
    assert found.eigenvalue == pytest.approx(np.linalg.eigvalsh(matrix)[-1], rel=1e-8)
    assert found.trace == pytest.approx(np.trace(matrix), rel=1e-8)
    assert found.loss == pytest.approx(np.mean(residual**2), rel=1e-8)
    assert found.rise == pytest.approx(largest_on_ball(matrix, slope, radius), rel=1e-6)
    assert found.radius == radius


def test_the_first_step_of_the_ascent_is_that_of_sharpness_aware_minimization() -> None:
    network, inputs, targets = golden_network("relu, cross-entropy")
    numbers = {"inputs": inputs, "targets": np.searchsorted(CLASSES, targets).astype(np.int32)}
    with jax.enable_x64(True):
        landscape = Landscape(network, numbers, np.ones(len(inputs)))
        loss, slope = landscape.slope(landscape.weights)
        step = landscape.weights + 0.1 * slope / np.linalg.norm(slope)
        climbed = landscape.climbed(np.zeros_like(step), 0.1, 1)
        assert climbed == pytest.approx(landscape.slope(step)[0], rel=1e-12)
        assert climbed > loss


def test_a_minimum_without_slope_is_climbed_along_its_sharpest_direction() -> None:
    """At the least squares solution of a linear network the loss rises by ½λρ²."""
    network, design, y = least_squares()
    solution = np.linalg.lstsq(design, y, rcond=None)[0]
    parts = dict(zip(sorted(network.weights), (solution[:1], solution[1:, None]), strict=True))
    found = etude.sharpness(replace(network, weights=parts), etude.Diabetes(), radius=0.5)
    assert found.rise == pytest.approx(found.eigenvalue * 0.5**2 / 2, rel=1e-8)


@pytest.mark.slow
def test_repeated_eigenvalues_and_a_hessian_of_low_rank_end_the_process_early() -> None:
    """All weights 0: by hand, with h₁ = tanh(xV), ŷ = hW and r = softmax(ŷ) − y, only

    ∂²L/∂V∂W = mean [x, 1] rᵀ, once for every hidden unit, and ∂²L/∂b² = diag(p) − ppᵀ are not 0.
    """
    data, units = etude.Iris(), 40
    model = etude.MLP(widths=(units,), initializer=etude.Zeros(), activation="tanh")
    network, prepared = untrained(data, model, etude.CrossEntropy()), data.prepare()
    x = (prepared.arrays["inputs"] - network.fitted["mean"]) * network.fitted["factor"]
    design = np.concatenate([np.ones((len(x), 1)), x.astype(np.float64)], axis=1)
    residual = 1 / 3 - np.eye(3)[prepared.arrays["targets"]]
    singular = np.linalg.svd(design.T @ residual / len(x), compute_uv=False)
    found = etude.sharpness(network, data, steps=1)
    assert found.eigenvalue == pytest.approx(singular[0], rel=1e-6)
    assert found.residual <= 1e-6 * found.eigenvalue
    assert found.loss == pytest.approx(math.log(3), rel=1e-12)


@jax.custom_vjp
def crooked(x: Any) -> Any:
    """x, with a derivative of its own that is that of no function."""
    return x


crooked.defvjp(lambda x: (x, x), lambda x, slope: (slope * x[:, ::-1],))


class Crooked(nnx.Module):  # type: ignore[misc]
    def __init__(self, inputs: tuple[int, ...], outputs: int, *, rngs: nnx.Rngs) -> None:
        self.layers = nnx.Linear(inputs[0], outputs, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return crooked(self.layers(x))


def test_a_gradient_that_is_a_stand_in_is_refused() -> None:
    data = etude.Iris()
    model = etude.UserModel(module=Crooked, label="crooked", version="1")
    with pytest.raises(etude.InputError, match="differ from symmetric ones by"):
        etude.sharpness(untrained(data, model, SMOOTHED), data)


def test_an_ensemble_is_refused() -> None:
    network, inputs, targets = golden_network("relu, cross-entropy")
    combination = Combination(etude.Averaging(networks=2), np.ones(2), np.zeros(3))
    with pytest.raises(etude.InputError, match="`network` must be a single one, got averaging"):
        etude.sharpness(replace(network, combination=combination), inputs, targets)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"radius": 0.0}, "`radius` must be a finite number greater than 0, got 0.0"),
        ({"radius": math.nan}, "`radius` must be a finite number greater than 0, got nan"),
        ({"tolerance": -1.0}, "`tolerance` must be"),
        ({"steps": 0}, "`steps` must be a whole number of at least 1, got 0"),
        ({"probes": 1}, "`probes` must be a whole number of at least 2, got 1"),
        ({"targets": None}, "`targets` must be given"),
        ({"targets": ["a"]}, "`targets` must have one for each of the 23 rows, got 1"),
        ({"targets": ["d"] * 23}, "`targets` must be classes of the network, a, b, c, got d"),
        ({"rows": etude.Iris()}, "`targets` must be left out"),
        ({"rows": etude.Iris(), "targets": None}, "`rows` must be data of the sizes"),
        ({"rows": np.zeros((23, 5))}, "a row of inputs must have the shape"),
    ],
)
def test_what_does_not_fit_is_refused(settings: dict[str, Any], message: str) -> None:
    network, inputs, targets = golden_network("relu, cross-entropy")
    given = {"rows": inputs, "targets": targets} | settings
    with pytest.raises(etude.InputError) as caught:
        etude.sharpness(network, given.pop("rows"), given.pop("targets"), **given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        (np.full((23, 2), np.inf), "`targets` must be finite"),
        (np.zeros((23, 3)), "`targets` must be numbers of shape [23, 2], got float64"),
        (np.array([["a", "b"]] * 23), "`targets` must be numbers"),
        (np.full((23, 2), 1e300), "must be finite, got inf"),
    ],
)
def test_targets_that_are_no_numbers_are_refused(targets: np.ndarray, message: str) -> None:
    network, inputs, _ = golden_network("tanh, squared error")
    with pytest.raises(etude.InputError) as caught:
        etude.sharpness(network, inputs, targets)
    assert message in str(caught.value)
