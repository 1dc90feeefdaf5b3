"""Two networks trained against each other on points of a ring of Gaussians.

They are one module; one objective has a gradient that gives each of them its own loss.
"""

import itertools
from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import Field

import etude
from etude.batch import Batch, Spec
from etude.data.assemble import fingerprint
from etude.data.base import Data, Prepared, Source
from etude.data.rows import Rows
from etude.evidence.result import Result
from etude.execution.run import run
from etude.loss.base import Loss, weighted_mean
from etude.metric.base import Metric
from etude.model.base import Model
from etude.validation.holdout import Holdout

NOISE = 4
"""Numbers that a generated point is made of."""


class PointsAndNoise(Rows, kind="stream"):
    """Targets are points; inputs are noise, drawn anew for a batch and fixed in evaluations."""

    def gather(self, source: Source, index: jax.Array, weights: jax.Array) -> Batch:
        return Batch((), jnp.take(source.arrays, index, axis=0, mode="clip"), weights)

    def batch(
        self, source: Source, carry: Any, index: Any, batch_size: int, model: Any, key: jax.Array
    ) -> tuple[Any, Batch]:
        carry, batch = super().batch(source, carry, index, batch_size, model, key)
        return carry, _with_noise(batch, key)

    def evaluation(self, source: Source, index: jax.Array, model: Any, key: jax.Array) -> Batch:
        batch = super().evaluation(source, index, model, key)
        own = jax.vmap(jax.random.fold_in, (None, 0))(key, jnp.asarray(index))
        noise = jax.vmap(lambda key: jax.random.normal(key, (NOISE,)))(own)
        return batch._replace(inputs=noise)


def _with_noise(batch: Batch, key: jax.Array) -> Batch:
    return batch._replace(inputs=jax.random.normal(key, (len(batch.targets), NOISE)))


def centres(modes: int) -> np.ndarray:
    """`[modes, 2]`, evenly on the unit circle."""
    angle = 2 * np.pi * np.arange(modes) / modes
    return np.stack([np.cos(angle), np.sin(angle)], 1)


class PointsOnARing(Data, kind="data"):
    """Points around centres on the unit circle."""

    rows: Annotated[int, Field(ge=1)] = 1000
    modes: Annotated[int, Field(ge=1)] = 8
    std: Annotated[float, Field(ge=0)] = 0.05

    def prepare(self) -> Prepared:
        generator = np.random.default_rng(0)
        around = centres(self.modes)[generator.integers(self.modes, size=self.rows)]
        points = (around + self.std * generator.normal(size=around.shape)).astype(np.float32)
        return Prepared(
            spec=Spec("generation", (NOISE,), 2),
            stream=PointsAndNoise(),
            arrays=points,
            rows=self.rows,
            fingerprint=fingerprint({"points": points}, {}),
        )


class Layers(nnx.Module):
    """Two hidden layers of leaky ReLU."""

    def __init__(self, inputs: int, width: int, outputs: int, rngs: nnx.Rngs) -> None:
        sizes = (inputs, width, width, outputs)
        self.layers = nnx.List([nnx.Linear(a, b, rngs=rngs) for a, b in itertools.pairwise(sizes)])

    def __call__(self, x: jax.Array) -> jax.Array:
        for layer in list(self.layers)[:-1]:
            x = jax.nn.leaky_relu(layer(x))
        return self.layers[-1](x)


class Rivals(nnx.Module):
    """A generator of points and a judge of whether points are real."""

    def __init__(self, width: int, rngs: nnx.Rngs) -> None:
        self.generator = Layers(NOISE, width, 2, rngs)
        self.discriminator = Layers(2, width, 1, rngs)


class TwoNetworks(Model, kind="model"):
    """The two networks, of the same width."""

    width: Annotated[int, Field(ge=1)] = 32

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        return Rivals(self.width, rngs)


class Judged(NamedTuple):
    """Generated points `[batch, 2]`, and the logits of real and of generated points `[batch]`."""

    points: jax.Array
    real: jax.Array
    generated: jax.Array


class NonSaturating(Loss, kind="loss"):
    """D: −log D(x) − log(1 − D(G(z))); G: −log D(G(z)) (Goodfellow et al., 2014)."""

    def outputs(self, spec: Spec) -> int:
        return spec.targets

    def evaluate(self, model: Any, batch: Batch) -> Judged:
        points = model.generator(batch.inputs)
        logits = model.discriminator(jnp.concatenate([batch.targets, points]))[:, 0]
        return Judged(points, *jnp.split(logits, 2))

    def __call__(self, outputs: Judged, batch: Batch) -> jax.Array:
        """What the discriminator makes small."""
        return jax.nn.softplus(-outputs.real) + jax.nn.softplus(outputs.generated)

    def prediction(self, outputs: Judged) -> jax.Array:
        return outputs.points

    def objective(self, model: Any, batch: Batch, key: jax.Array) -> jax.Array:
        points = model.generator(batch.inputs)
        apart = jax.lax.stop_gradient(points)
        logits = model.discriminator(jnp.concatenate([batch.targets, apart]))[:, 0]
        discrimination = self(Judged(apart, *jnp.split(logits, 2)), batch)
        graph, weights = nnx.split(model.discriminator)
        judge = nnx.merge(graph, jax.lax.stop_gradient(weights))
        return weighted_mean(discrimination + jax.nn.softplus(-judge(points)[:, 0]), batch.weights)


class NearestMode(Metric, kind="metric"):
    """Mean distance of generated points to the nearest centre of the ring."""

    task = "generation"
    modes: Annotated[int, Field(ge=1)] = 8

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        away = prediction[:, None] - jnp.asarray(centres(self.modes), prediction.dtype)
        return jnp.sqrt(jnp.min(jnp.sum(away**2, -1), 1))[:, None]

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return 1.0


def study(*rates: float) -> etude.Study:
    return etude.Study(
        data=PointsOnARing(),
        model=TwoNetworks(),
        loss=NonSaturating(),
        algorithm=etude.grid(
            etude.Adam, learning_rate=list(rates), beta1=0.5, batch_size=64, epochs=300
        ),
        validation=Holdout(test=0.3),
        metric=NearestMode(),
        seeds=2,
    )


def energy_distance(first: np.ndarray, second: np.ndarray) -> float:
    """2 E|x − y| − E|x − x′| − E|y − y′|: 0 for equal distributions (Székely & Rizzo, 2013)."""

    def mean(one: np.ndarray, other: np.ndarray) -> float:
        away = one[:, None].astype(np.float64) - other
        return float(np.sqrt((away**2).sum(-1)).mean())

    return 2 * mean(first, second) - mean(first, first) - mean(second, second)


@pytest.mark.slow
def test_generated_points_come_near_the_ring(device: Any, assert_same_bits: Any) -> None:
    """Beside networks that start the same and do not move: a rate of 1e-12."""
    record = run(study(1e-12, 1e-3), device=device())
    assert len(record.programs) == 1
    prepared = PointsOnARing().prepare()
    held_out = prepared.arrays[Holdout(test=0.3).splits(prepared.rows, None, 0)[0].test]
    distances, energies = np.zeros((2, 2)), np.zeros((2, 2))
    for member in record.members:
        assert member.outputs is not None
        points, real, generated = np.split(member.outputs.astype(np.float64), [2, 3], 1)
        away = np.linalg.norm(points[:, None] - centres(8), axis=-1)
        distances[member.choice, member.seed] = away.min(1).mean()
        energies[member.choice, member.seed] = energy_distance(points, held_out)
        loss = np.log1p(np.exp(-real)) + np.log1p(np.exp(generated))
        assert member.values["test"]["loss"] == pytest.approx(loss.mean(), rel=1e-5)
    named = [member.values["test"]["nearest_mode"] for member in record.members]
    np.testing.assert_allclose(distances.ravel(), named, rtol=1e-5)
    assert np.all(distances[1] < distances[0] / 2.5)
    assert np.all(energies[1] < energies[0] / 3)
    assert Result(record).best().choice == 1
    assert_same_bits(run(study(1e-3), device=device(workers=1)), record)


Weights = list[tuple[np.ndarray, np.ndarray]]


def layers(x: np.ndarray, weights: Weights) -> np.ndarray:
    """The network of `Layers` in NumPy."""
    for place, (kernel, bias) in enumerate(weights):
        x = x @ kernel + bias
        if place < len(weights) - 1:
            x = np.where(x > 0, x, 0.01 * x)
    return x


def differences(value: Callable[[], float], weights: Weights) -> list[np.ndarray]:
    """Central differences of a value by each of the weights, which are changed on the way."""
    gradient = []
    for array in (part for layer in weights for part in layer):
        change = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            kept, ends = array[place], []
            for step in (1e-6, -1e-6):
                array[place] = kept + step
                ends.append(value())
            array[place] = kept
            change[place] = (ends[0] - ends[1]) / 2e-6
        gradient.append(change)
    return gradient


def test_each_network_is_given_the_gradient_of_its_own_loss() -> None:
    """Against finite differences in float64 of the two losses, each by its own weights."""
    numbers = np.random.default_rng(0)
    noise, points = numbers.normal(size=(6, NOISE)), numbers.normal(size=(6, 2))
    shares = np.array([1, 2, 0, 1, 0.5, 1])
    batch = Batch(*(jnp.asarray(part, jnp.float32) for part in (noise, points, shares)))
    module = nnx.jit(lambda: Rivals(5, nnx.Rngs(0)))()
    key = jax.random.key(0)
    gradient = nnx.jit(nnx.grad(lambda rivals: NonSaturating().objective(rivals, batch, key)))(
        module
    )
    weights: dict[str, Weights] = {
        name: [
            (np.array(layer.kernel[...], np.float64), np.array(layer.bias[...], np.float64))
            for layer in getattr(module, name).layers
        ]
        for name in ("generator", "discriminator")
    }

    def mean_minus_log(probability: np.ndarray) -> float:
        return float(-np.log(probability)[:, 0] @ shares / shares.sum())

    def judge(x: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-layers(x, weights["discriminator"])))

    def of_generator() -> float:
        return mean_minus_log(judge(layers(noise, weights["generator"])))

    def of_discriminator() -> float:
        made = judge(layers(noise, weights["generator"]))
        return mean_minus_log(judge(points)) + mean_minus_log(1 - made)

    for name, value in (("generator", of_generator), ("discriminator", of_discriminator)):
        found = [
            gradient[name]["layers"][place][part][...]
            for place in range(3)
            for part in ("kernel", "bias")
        ]
        for one, other in zip(found, differences(value, weights[name]), strict=True):
            assert np.abs(other).max() > 1e-3
            np.testing.assert_allclose(one, other, atol=1e-6)
