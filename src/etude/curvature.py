"""How sharp the minimum is that training has led to."""

import math
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

from etude.data.base import Data, Prepared
from etude.errors import InputError
from etude.landscape import Landscape
from etude.network import Network


@dataclass(frozen=True)
class Sharpness:
    """The curvature of the training loss around the weights of a network.

    Attributes:
        eigenvalue: the largest eigenvalue of the Hessian of the loss.
        residual: ‖Hv − λv‖ of the unit vector v it was found with: an eigenvalue lies no farther
            from it.
        trace: the sum of all eigenvalues, as estimated from random vectors.
        trace_stderr: the standard error of that estimate; 0 where the trace is exact.
        loss: at the weights themselves.
        radius: ρ.
        largest_loss: the largest loss that was found at most ρ away from the weights: a lower
            bound of the largest there is, exact where the loss is a quadratic.
        parameters: how many weights there are.
        rows: over how many rows the loss is a mean.
    """

    eigenvalue: float
    residual: float
    trace: float
    trace_stderr: float
    loss: float
    radius: float
    largest_loss: float
    parameters: int
    rows: int

    @property
    def rise(self) -> float:
        """How much the loss rises within the radius: `largest_loss` − `loss`."""
        return self.largest_loss - self.loss


def sharpness(
    network: Network,
    rows: Any,
    targets: Any = None,
    *,
    radius: float = 0.05,
    tolerance: float = 1e-6,
    steps: int = 20,
    probes: int = 32,
    seed: int = 0,
) -> Sharpness:
    """How sharp the minimum is that training has led to.

    L is the mean of the loss over the rows, without penalties on the weights. The largest
    eigenvalue λ of its Hessian H comes from the Lanczos process with full reorthogonalization,
    restarted until ‖Hv − λv‖ ≤ tolerance · ‖H‖. The trace is the mean of zᵀHz over random signs z
    (Hutchinson 1989), or exact where there are no more weights than `probes`. The largest loss
    within the radius, max L(W + ε) over ‖ε‖ ≤ ρ, is climbed to by projected gradient ascent,

        ε ← Π(ε + ρ ∇L(W + ε) / ‖∇L(W + ε)‖),  Π onto the ball,

    from 0, whose first step is the normalized ascent of sharpness-aware minimization, and from
    ±ρv, for at a minimum the gradient says nothing.

    Sharpness compares networks of one architecture: layers that are rescaled so that they compute
    the same function have other eigenvalues (Dinh 2017). ReLU has no curvature at its bend, and
    threshold units count with the derivative that stands in for theirs.

    Args:
        network: a trained network, such as `refit` gives.
        rows: the data, as in a study; or rows of inputs as `Network.predict` takes them, with
            `targets` beside.
        targets: the class labels `[rows]`, or numbers `[rows]` or `[rows, targets]` in the
            user's units.
        radius: ρ, in the norm of all weights together.
        tolerance: of the eigenvector; the eigenvalue is far closer, for its error is quadratic.
        steps: of the ascent, from each of its starts.
        probes: random vectors for the trace.
        seed: of all random vectors.

    Raises:
        InputError: the network is an ensemble, rows or targets do not fit it, a setting is out of
            its range, the loss or its derivatives are not finite, the loss is so large that double
            precision cannot tell its curvature, or a layer of the user passes on a derivative that
            is that of no function.

    Example:
        ```python
        network = etude.refit(result)
        print(etude.sharpness(network, etude.Digits()).eigenvalue)
        ```

    Source: Keskar et al. 2017, "On large-batch training for deep learning: generalization gap and
    sharp minima"; Foret et al. 2021, "Sharpness-aware minimization"; Dinh et al. 2017, "Sharp
    minima can generalize for deep nets"; Krämer et al. 2024 (matfree), whose Lanczos it is.
    """
    _check_positive("radius", radius)
    _check_positive("tolerance", tolerance)
    _check_count("steps", steps, 1)
    _check_count("probes", probes, 2)
    if network.combination is not None:
        raise InputError(
            f"`network` must be a single one, got {network.combination.ensemble} of several"
        )
    arrays, weights = _rows_of(network, rows, targets)
    generator = np.random.default_rng(seed)
    with jax.enable_x64(True):
        landscape = Landscape(network, arrays, weights)
        start = landscape.weights
        loss = landscape.slope(start)[0]
        if not math.isfinite(loss):
            raise InputError(f"the loss of the network on these rows must be finite, got {loss}")
        landscape.check_symmetric(generator, loss)
        eigenvalue, direction, residual = landscape.largest_eigenvalue(generator, tolerance)
        trace, stderr = landscape.trace(generator, probes)
        starts = [np.zeros_like(start), radius * direction, -radius * direction]
        largest = max(landscape.climbed(first, radius, steps) for first in starts)
    return Sharpness(
        eigenvalue=eigenvalue,
        residual=residual,
        trace=trace,
        trace_stderr=stderr,
        loss=loss,
        radius=radius,
        largest_loss=max(loss, largest),
        parameters=start.size,
        rows=len(weights),
    )


def _rows_of(network: Network, rows: Any, targets: Any) -> tuple[Any, np.ndarray]:
    """The arrays of rows as the network's stream reads them, and what each row counts."""
    if isinstance(rows, Data):
        if targets is not None:
            raise InputError("`targets` must be left out where `rows` are data, which have them")
        prepared = rows.prepare()
        _check_prepared(network, prepared)
        own = prepared.weights
        return prepared.arrays, np.ones(prepared.rows) if own is None else np.asarray(own)
    if targets is None:
        raise InputError("`targets` must be given beside `rows` of inputs")
    inputs = network.encode(rows)
    arrays = {"inputs": inputs, "targets": _targets(network, targets, len(inputs))}
    return arrays, np.ones(len(inputs))


def _check_prepared(network: Network, prepared: Prepared) -> None:
    if prepared.spec != network.spec:
        raise InputError(
            f"`rows` must be data of the sizes that the network was trained on, {network.spec}, "
            f"got {prepared.spec}"
        )
    if 0 < prepared.block < prepared.rows:
        raise InputError(
            "`rows` are larger than memory: give a sample of them, with their `targets`"
        )


def _targets(network: Network, targets: Any, count: int) -> np.ndarray:
    """Class numbers `[rows]`, or numbers `[rows, targets]`."""
    spec, given = network.spec, np.asarray(targets)
    if len(given) != count:
        raise InputError(f"`targets` must have one for each of the {count} rows, got {len(given)}")
    if spec.task == "classes":
        numbers = {label: number for number, label in enumerate(spec.classes)}
        unknown = next((label for label in given.ravel() if str(label) not in numbers), None)
        if unknown is not None or given.ndim != 1:
            raise InputError(
                f"`targets` must be classes of the network, {', '.join(spec.classes[:10])}, "
                f"got {unknown if unknown is not None else f'shape {list(given.shape)}'}"
            )
        return np.array([numbers[str(label)] for label in given], np.int32)
    if spec.task != "numbers":
        raise InputError(f"a network of {spec.task} takes `rows` as data, without `targets`")
    if given.dtype.kind not in "biuf" or given.size != count * spec.targets:
        raise InputError(
            f"`targets` must be numbers of shape {[count, spec.targets]}, got {given.dtype} of "
            f"shape {list(given.shape)}"
        )
    given = given.astype(np.float64).reshape(count, spec.targets)
    if not np.isfinite(given).all():
        raise InputError("`targets` must be finite")
    return given


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise InputError(f"`{name}` must be a finite number greater than 0, got {value}")


def _check_count(name: str, value: int, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise InputError(f"`{name}` must be a whole number of at least {least}, got {value}")
