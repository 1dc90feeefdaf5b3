"""What recurrent networks share: the loop over the steps, layers, and the network around them.

A family is a cell: how its state goes on at a step, and how slopes go back through it. The loop
itself is written once, with a derivative of its own. What does not depend on the step before is
left out of it: the inputs of all steps are multiplied by their weights at once before it, and so
is the gradient of the recurrent weights after it,

    ∂L/∂U = Σ_t h_{t−1}ᵀ ∂L/∂a_t,  a_t = h_{t−1}U,

one matrix product instead of one for each step.
"""

from abc import ABC, abstractmethod
from functools import partial
from typing import Annotated, Any, Literal

import jax
import jax.numpy as jnp
from flax import nnx
from pydantic import AfterValidator, Field

from etude.batch import Spec
from etude.errors import InputError
from etude.model.base import Model
from etude.model.dropout import Dropout, Rate
from etude.model.embedding import Embedding
from etude.model.initializers import Initializer, Normal, Orthogonal, XavierUniform, Zeros
from etude.model.layers import Dense, checked_bias_initializer
from etude.model.normalization import norm
from etude.model.product import product, transposed_product

State = tuple[jax.Array, ...]
"""What goes from step to step, arrays `[batch, width]`, 0 before the first; h comes first."""


class Cell(ABC):
    """One step of a recurrent layer: a hashable value without weights.

    Its gates lie side by side: x = h₋₁U stands for `[batch, gates · width]` numbers.

    Class attributes:
        gates: how many blocks of `width` numbers a step computes.
        states: how many arrays the state has.
        inside: how many of the gates, the last ones, need h₋₁U with its bias on its own; of the
            others the bias may be added to the inputs' share.
    """

    gates: int
    states: int = 1
    inside: int = 0

    @abstractmethod
    def step(
        self, state: State, inputs: jax.Array, recurrent: jax.Array, bias: jax.Array
    ) -> tuple[State, Any]:
        """The next state, and what `back` has to know of the step.

        Args:
            state: before the step.
            inputs: xW and biases, `[batch, gates · width]`.
            recurrent: h₋₁U, of the same shape.
            bias: of the `inside` gates, `[inside · width]`.
        """

    @abstractmethod
    def back(self, saved: Any, slopes: State) -> tuple[Any, State]:
        """Slopes through a step.

        Args:
            saved: what the step told.
            slopes: ∂L/∂ the state after it.

        Returns:
            The slopes of `inputs` and `recurrent`, as `of_inputs` and `of_recurrent` read them,
            and of the state before the step, but for the way through h₋₁U.
        """

    def of_inputs(self, slopes: Any) -> jax.Array:
        """∂L/∂ inputs, `[..., gates · width]`, of what `back` tells; by default all of it."""
        return slopes

    def of_recurrent(self, slopes: Any) -> jax.Array:
        """∂L/∂ recurrent, `[..., gates · width]`; by default the same."""
        return slopes


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def hidden_states(cell: Cell, inputs: jax.Array, kernel: jax.Array, bias: jax.Array) -> jax.Array:
    """h at every step, from a state of 0.

    Args:
        cell: the step.
        inputs: xW and biases, `[steps, batch, gates · width]`.
        kernel: U `[width, gates · width]`.
        bias: of the `inside` gates, `[inside · width]`.

    Returns:
        `[steps, batch, width]`.
    """

    def step(state: State, now: jax.Array) -> tuple[State, jax.Array]:
        state, _ = cell.step(state, now, state[0] @ kernel, bias)
        return state, state[0]

    return jax.lax.scan(step, _start(cell, inputs, kernel), inputs)[1]


def _start(cell: Cell, inputs: jax.Array, kernel: jax.Array) -> State:
    return (jnp.zeros((inputs.shape[1], kernel.shape[0]), inputs.dtype),) * cell.states


def _forward(
    cell: Cell, inputs: jax.Array, kernel: jax.Array, bias: jax.Array
) -> tuple[jax.Array, Any]:
    def step(state: State, now: jax.Array) -> tuple[State, Any]:
        state, saved = cell.step(state, now, state[0] @ kernel, bias)
        return state, (state[0], saved)

    _, (hidden, saved) = jax.lax.scan(step, _start(cell, inputs, kernel), inputs)
    return hidden, (hidden, saved, kernel)


def _backward(cell: Cell, kept: Any, slope: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    hidden, saved, kernel = kept
    width, size = kernel.shape
    # Turned once: a product with a turned matrix takes twice as long at every step.
    turned = jax.lax.optimization_barrier(kernel.T)

    def step(slopes: State, now: Any) -> tuple[State, Any]:
        above, known = now
        told, (first, *others) = cell.back(known, (slopes[0] + above, *slopes[1:]))
        return (first + cell.of_recurrent(told) @ turned, *others), told

    start = (jnp.zeros_like(hidden[0]),) * cell.states
    _, told = jax.lax.scan(step, start, (slope, saved), reverse=True)
    recurrent = cell.of_recurrent(told)
    # The state before the first step is 0 and has no part in the gradient.
    inside = recurrent[..., size - cell.inside * width :]
    of_kernel = transposed_product(hidden[:-1], recurrent[1:])
    return cell.of_inputs(told), of_kernel, jnp.sum(inside, (0, 1))


hidden_states.defvjp(_forward, _backward)


class Gates(nnx.Module):  # type: ignore[misc]
    """xW + b for the gates of a layer, side by side; each gate's weights are drawn on their own.

    Args:
        inputs, width: the numbers of one input and of one gate.
        gates: how many there are.
        initializer: draws the weights of a gate `[inputs, width]`.
        bias_initializer: draws the biases of a gate `[width]`.
        rngs: where initial weights draw their random numbers.
        more: what is added to the biases of each gate at first; empty for nothing.

    Attributes:
        kernel: W `[inputs, gates · width]`.
        bias: b `[gates · width]`.
    """

    def __init__(
        self,
        inputs: int,
        width: int,
        gates: int,
        initializer: Initializer,
        bias_initializer: Initializer,
        rngs: nnx.Rngs,
        more: tuple[Any, ...] = (),
    ) -> None:
        dtype = jnp.result_type(float)

        def keys() -> jax.Array:
            return jax.random.split(rngs.params(), gates)

        kernels = _drawn(initializer, (inputs, width), dtype, keys())
        biases = _drawn(bias_initializer, (width,), dtype, keys())
        if more:
            biases += jnp.stack([jnp.asarray(start, dtype) for start in more])[:, None]
        self.kernel = nnx.Param(kernels.swapaxes(0, 1).reshape(inputs, -1))
        self.bias = nnx.Param(biases.reshape(-1))


def _drawn(
    initializer: Initializer, shape: tuple[int, ...], dtype: Any, keys: jax.Array
) -> jax.Array:
    """An array for each key."""
    # What is drawn inside a program is a part of it.
    inside = any(isinstance(leaf, jax.core.Tracer) for leaf in jax.tree.leaves((initializer, keys)))
    return (_one_by_one if inside else _compiled)(initializer, shape, dtype, keys)


def _one_by_one(
    initializer: Initializer, shape: tuple[int, ...], dtype: Any, keys: jax.Array
) -> jax.Array:
    # QR of several matrices at once waits for threads of the pool that it runs on, so that two
    # programs side by side can wait for each other for ever.
    return jax.lax.map(lambda key: initializer(key, shape, dtype), keys)


_compiled = jax.jit(_one_by_one, static_argnums=(1, 2))
"""A loop that is run outside of programs is compiled at every turn, unless it is one itself."""


class RecurrentLayer(nnx.Module):  # type: ignore[misc]
    """h_t = cell(h_{t−1}, x_tW + b, h_{t−1}U + c).

    Like PyTorch's layers it has both b and c, also where their sum alone matters.

    Attributes:
        input: W and b.
        recurrent: U and c.
    """

    def __init__(self, cell: Cell, input: Gates, recurrent: Gates) -> None:
        self.cell = cell
        self.input = input
        self.recurrent = recurrent

    def project(self, x: jax.Array) -> jax.Array:
        """What inputs `[..., inputs]` have as their share in the gates, biases included."""
        outside = self._bias().at[self._border() :].set(0)
        return product(x, self.input.kernel[...]) + (self.input.bias[...] + outside)

    def __call__(self, projected: jax.Array) -> jax.Array:
        """h at every step, `[steps, batch, width]`, of projected inputs `[steps, batch, ...]`."""
        inside = self._bias()[self._border() :]
        return hidden_states(self.cell, projected, self.recurrent.kernel[...], inside)

    def _bias(self) -> jax.Array:
        return self.recurrent.bias[...]

    def _border(self) -> int:
        width, size = self.recurrent.kernel.shape
        return int(size - self.cell.inside * width)


class RecurrentNetwork(nnx.Module):  # type: ignore[misc]
    """Recurrent layers one above the other, and a linear readout of the last one.

    Attributes:
        embedding: of symbols; None where steps are numbers.
        layers: the recurrent layers.
        norms, dropouts: of what goes up from each layer.
        readout: from the last layer to the outputs.
    """

    def __init__(
        self,
        sequence: tuple[int, int],
        everywhere: bool,
        embedding: Embedding | None,
        layers: list[RecurrentLayer],
        norms: list[Any],
        dropouts: list[Dropout],
        readout: Dense,
    ) -> None:
        self.sequence = sequence
        self.everywhere = everywhere
        self.embedding = nnx.data(embedding)
        self.layers = nnx.List(layers)
        self.norms = nnx.List(norms)
        self.dropouts = nnx.List(dropouts)
        self.readout = readout

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """From sequences `[batch, ...]` to outputs of their last step, `[batch, outputs]`.

        Where every step has a target of its own, to those of every step,
        `[batch, steps, outputs]`.
        """
        first, *others = self.layers
        hidden = first(self._projected(first, inputs))
        for place, layer in enumerate((*others, None)):
            if layer is None and not self.everywhere:
                hidden = hidden[-1]
            hidden = self.dropouts[place](self.norms[place](hidden))
            if layer is not None:
                hidden = layer(layer.project(hidden))
        outputs = self.readout(hidden)
        return outputs.swapaxes(0, 1) if self.everywhere else outputs

    def _projected(self, first: RecurrentLayer, inputs: jax.Array) -> jax.Array:
        """The inputs' share in the gates of the first layer, `[steps, batch, gates · width]`."""
        if self.embedding is None:
            x = inputs.reshape(inputs.shape[0], *self.sequence).swapaxes(0, 1)
            return first.project(x)
        symbols = inputs.T
        table = self.embedding.table[...]
        if table.shape[0] > symbols.size:
            return first.project(self.embedding(symbols))
        # Less work than to multiply the vector of a symbol wherever it stands.
        return first.project(table)[symbols]


class Recurrent(Model):
    """A network that reads a sequence step by step and keeps a state.

    It takes series, symbols (as embeddings) and images (as the sequence of their rows of
    pixels). The outputs are those of the last step, or of every step where each has a target.

    Attributes:
        width: units of each layer.
        layers: how many recurrent layers there are, each reading the one below.
        initializer: draws the weights of the inputs, gate by gate `[inputs, width]`; also those
            of the readout.
        recurrent_initializer: draws the weights of h, gate by gate `[width, width]`; orthogonal
            ones keep the length of a state from step to step.
        bias_initializer: draws all biases, of which a gate has two, as in PyTorch.
        normalization: of what goes up from each layer: none or layer. Statistics of a batch
            would differ from step to step.
        dropout: the share of what goes up from each layer, to the next or to the readout, that
            is dropped in training; the state itself keeps all (Zaremba, Sutskever & Vinyals,
            2014).
        embedding: numbers per symbol, drawn from N(0, 1); of no use for other inputs.
    """

    width: Annotated[int, Field(ge=1, le=100_000)] = 64
    layers: Annotated[int, Field(ge=1, le=100)] = 1
    initializer: Initializer = XavierUniform()
    recurrent_initializer: Initializer = Orthogonal()
    bias_initializer: Annotated[Initializer, AfterValidator(checked_bias_initializer)] = Zeros()
    normalization: Literal["none", "layer"] = "none"
    dropout: Rate = 0.0
    embedding: Annotated[int, Field(ge=1, le=100_000)] = 16

    @abstractmethod
    def cell(self) -> Cell:
        """The step of its layers."""

    def first_biases(self) -> tuple[Any, ...]:
        """What is added to the biases of each gate at first; by default nothing."""
        return ()

    def check(self, spec: Spec) -> None:
        if spec.sequence is None or min(spec.sequence) < 1:
            raise InputError(
                f"`model` {self.name} needs sequences: series of the shape [steps, features], "
                f"symbols or images, got inputs of shape {list(spec.inputs)}"
            )

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        assert spec.sequence is not None
        cell, embedding, size = self.cell(), None, spec.sequence[1]
        if spec.vocabulary:
            embedding = Embedding(spec.vocabulary, self.embedding, Normal(std=1.0), rngs)
            size = self.embedding

        def gates(inputs: int, initializer: Initializer, more: tuple[Any, ...] = ()) -> Gates:
            return Gates(
                inputs, self.width, cell.gates, initializer, self.bias_initializer, rngs, more
            )

        return RecurrentNetwork(
            spec.sequence,
            spec.task == "tokens",
            embedding,
            [
                RecurrentLayer(
                    cell,
                    gates(inputs, self.initializer, self.first_biases()),
                    gates(self.width, self.recurrent_initializer),
                )
                for inputs in (size, *[self.width] * (self.layers - 1))
            ],
            [norm(self.normalization, self.width, rngs) for _ in range(self.layers)],
            [Dropout(self.dropout, rngs) for _ in range(self.layers)],
            Dense(self.width, outputs, self.initializer, self.bias_initializer, rngs),
        )
