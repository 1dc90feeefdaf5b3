"""Plain JAX: one jitted function trains a network, called for one network after another."""

import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from sides.answer import answer

Params = list[tuple[jax.Array, jax.Array]]


class Rows(NamedTuple):
    """Rows of one role on the device."""

    x: jax.Array
    y: jax.Array


class Ready(NamedTuple):
    """A compiled function and what it is called with."""

    train: Callable[..., Any]
    calls: list[tuple[Any, ...]]


def initial(key: jax.Array, sizes: tuple[int, ...]) -> Params:
    """Weights by He's uniform initializer; biases 0."""
    keys = jax.random.split(key, len(sizes) - 1)
    draw = jax.nn.initializers.he_uniform()
    return [
        (draw(key, shape), jnp.zeros(shape[1]))
        for key, shape in zip(keys, pairwise(sizes), strict=True)
    ]


def logits(params: Params, x: jax.Array) -> jax.Array:
    """The network: layers with ReLU between them."""
    for weights, bias in params[:-1]:
        x = jax.nn.relu(x @ weights + bias)
    weights, bias = params[-1]
    return x @ weights + bias


def loss(params: Params, x: jax.Array, y: jax.Array) -> jax.Array:
    """Mean cross-entropy."""
    return optax.softmax_cross_entropy_with_integer_labels(logits(params, x), y).mean()


def trainer(sizes: tuple[int, ...], epochs: int, batch_size: int) -> Callable[..., Any]:
    """The function that trains one network and measures it after every epoch."""

    def train(key: jax.Array, rate: jax.Array, train_rows: Rows, test_rows: Rows) -> Any:
        rule = optax.adam(rate)
        rows = len(train_rows.x)
        # Like Étude it measures as many training rows as test rows, not all of them.
        sample = Rows(*(part[: len(test_rows.x)] for part in train_rows))
        whole = rows // batch_size * batch_size

        def step(carry: Any, index: jax.Array) -> tuple[Any, None]:
            params, state = carry
            gradient = jax.grad(loss)(params, train_rows.x[index], train_rows.y[index])
            change, state = rule.update(gradient, state, params)
            return (optax.apply_updates(params, change), state), None

        def judged(params: Params, role: Rows) -> tuple[jax.Array, jax.Array]:
            outputs = logits(params, role.x)
            errors = optax.softmax_cross_entropy_with_integer_labels(outputs, role.y)
            return errors.mean(), (outputs.argmax(1) == role.y).mean()

        def epoch(carry: Any, key: jax.Array) -> tuple[Any, Any]:
            order = jax.random.permutation(key, rows)
            carry, _ = jax.lax.scan(step, carry, order[:whole].reshape(-1, batch_size))
            if whole < rows:
                carry, _ = step(carry, order[whole:])
            return carry, (judged(carry[0], sample), judged(carry[0], test_rows))

        key, first = jax.random.split(key)
        params = initial(first, sizes)
        _, curves = jax.lax.scan(epoch, (params, rule.init(params)), jax.random.split(key, epochs))
        return curves

    return train


def prepare(work: dict[str, Any]) -> Ready:
    """Read the rows and compile the function."""
    x, y = load_digits(return_X_y=True)
    x_train, x_test, y_train, y_test = train_test_split(x, y, test_size=0.2, random_state=0)
    scaler = StandardScaler().fit(x_train)
    roles = [
        Rows(jnp.asarray(scaler.transform(x), jnp.float32), jnp.asarray(y, jnp.int32))
        for x, y in ((x_train, y_train), (x_test, y_test))
    ]
    sizes = (x.shape[1], *work["widths"], 10)
    calls = [
        (jax.random.key(seed), jnp.float32(rate), *roles)
        for rate in work["rates"]
        for seed in range(work["seeds"])
    ]
    function = jax.jit(trainer(sizes, work["epochs"], work["batch_size"]))
    return Ready(function.lower(*calls[0]).compile(), calls)


def train(ready: Ready) -> dict[str, Any]:
    """Train one network after another; nothing waits for a result before the last call."""
    begin = time.perf_counter()
    curves = jax.block_until_ready([ready.train(*call) for call in ready.calls])
    seconds = time.perf_counter() - begin
    accuracies = np.array([test[1][-1] for _, test in curves])
    return {"seconds": seconds, "score": float(accuracies.max())}


if __name__ == "__main__":
    answer(prepare, train)
