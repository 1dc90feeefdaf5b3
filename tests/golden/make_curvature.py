"""Makes curvature.json: dense Hessians of PyTorch, in double precision, for tests to compare with.

Run it in an environment of its own, where Étude need not be installed:

    pip install torch==2.13.0 numpy==2.4.6
    python tests/golden/make_curvature.py

Weights have the names and shapes that Étude gives them: images are `[batch, height, width,
channels]`, kernels `[height, width, inputs, outputs]` and `[inputs, outputs]`.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

torch.set_default_dtype(torch.float64)
GENERATOR = np.random.default_rng(7)
ROWS, FEATURES, HIDDEN, CLASSES, SIDE, CHANNELS = 23, 4, 5, 3, 6, 2
EPSILON = 1e-5


def draw(*shape: int) -> np.ndarray:
    return GENERATOR.normal(size=shape)


def dense(outputs: int) -> dict[str, np.ndarray]:
    return {
        "params/layers/0/kernel": draw(FEATURES, HIDDEN),
        "params/layers/0/bias": draw(HIDDEN),
        "params/layers/1/kernel": draw(HIDDEN, outputs),
        "params/layers/1/bias": draw(outputs),
    }


def norm(features: int, name: str) -> dict[str, np.ndarray]:
    return {f"params/{name}/scale": 1 + draw(features) / 4, f"params/{name}/bias": draw(features)}


def mlp(weights: dict[str, Any], x: Any, activation: Any, layer_norm: bool = False) -> Any:
    hidden = x @ weights["params/layers/0/kernel"] + weights["params/layers/0/bias"]
    if layer_norm:
        scale, bias = weights["params/norms/0/scale"], weights["params/norms/0/bias"]
        hidden = functional.layer_norm(hidden, (HIDDEN,), scale, bias, EPSILON)
    hidden = activation(hidden)
    return hidden @ weights["params/layers/1/kernel"] + weights["params/layers/1/bias"]


def cnn(weights: dict[str, Any], x: Any) -> Any:
    """Convolution, batch normalization in evaluation, ReLU, maxima of 2×2, one dense layer."""
    kernel = weights["params/stages/0/conv/kernel"].permute(3, 2, 0, 1)
    hidden = functional.conv2d(x.permute(0, 3, 1, 2), kernel, padding="same")
    part = "stages/0/norm"
    hidden = functional.batch_norm(
        hidden,
        weights[f"rest/{part}/mean"],
        weights[f"rest/{part}/variance"],
        weights[f"params/{part}/scale"],
        weights[f"params/{part}/bias"],
        training=False,
        eps=EPSILON,
    )
    hidden = functional.max_pool2d(functional.relu(hidden), 2).permute(0, 2, 3, 1)
    flat = hidden.reshape(len(x), -1)
    return flat @ weights["params/stack/layers/0/kernel"] + weights["params/stack/layers/0/bias"]


def cross_entropy(outputs: Any, targets: Any) -> Any:
    return functional.cross_entropy(outputs, targets, label_smoothing=0.1)


def squared(outputs: Any, targets: Any) -> Any:
    return ((outputs - targets) ** 2).sum(1).mean()


def huber(outputs: Any, targets: Any) -> Any:
    return functional.huber_loss(outputs, targets, reduction="none", delta=0.7).sum(1).mean()


def classes() -> np.ndarray:
    return GENERATOR.integers(CLASSES, size=ROWS)


CASES = {
    "relu, cross-entropy": (
        dense(CLASSES),
        draw(ROWS, FEATURES),
        classes(),
        lambda w, x: mlp(w, x, functional.relu),
        cross_entropy,
    ),
    "layer norm, gelu, cross-entropy": (
        dense(CLASSES) | norm(HIDDEN, "norms/0"),
        draw(ROWS, FEATURES),
        classes(),
        lambda w, x: mlp(w, x, functional.gelu, layer_norm=True),
        cross_entropy,
    ),
    "tanh, squared error": (
        dense(2),
        draw(ROWS, FEATURES),
        draw(ROWS, 2),
        lambda w, x: mlp(w, x, torch.tanh),
        squared,
    ),
    "tanh, huber": (
        dense(2),
        draw(ROWS, FEATURES),
        draw(ROWS, 2),
        lambda w, x: mlp(w, x, torch.tanh),
        huber,
    ),
    "convolution, batch norm, maxima": (
        {"params/stages/0/conv/kernel": draw(3, 3, 1, CHANNELS)}
        | norm(CHANNELS, "stages/0/norm")
        | {
            "rest/stages/0/norm/mean": draw(CHANNELS),
            "rest/stages/0/norm/variance": 0.5 + GENERATOR.random(CHANNELS),
            "params/stack/layers/0/kernel": draw((SIDE // 2) ** 2 * CHANNELS, CLASSES),
            "params/stack/layers/0/bias": draw(CLASSES),
        },
        draw(ROWS, SIDE, SIDE, 1),
        classes(),
        cnn,
        cross_entropy,
    ),
}


def case(weights: Any, inputs: np.ndarray, targets: np.ndarray, network: Any, loss: Any) -> Any:
    # Single precision is what networks are stored in.
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    inputs = inputs.astype(np.float32)
    known = {name: torch.tensor(array).double() for name, array in weights.items()}
    trained = [name for name in known if name.startswith("params/")]
    sizes = [known[name].numel() for name in trained]
    x, y = torch.tensor(inputs).double(), torch.tensor(targets)

    def value(vector: Any) -> Any:
        parts = torch.split(vector, sizes)
        given = {n: p.reshape(known[n].shape) for n, p in zip(trained, parts, strict=True)}
        return loss(network(known | given, x), y)

    start = torch.cat([known[name].reshape(-1) for name in trained])
    hessian = torch.autograd.functional.hessian(value, start)
    return {
        "weights": {name: array.tolist() for name, array in weights.items()},
        "inputs": inputs.tolist(),
        "targets": targets.tolist(),
        "loss": value(start).item(),
        "eigenvalues": torch.linalg.eigvalsh(hessian).tolist(),
    }


if __name__ == "__main__":
    golden = {name: case(*parts) for name, parts in CASES.items()}
    text = json.dumps(golden)
    Path(__file__).with_name("curvature.json").write_text(text + "\n", encoding="utf-8")
