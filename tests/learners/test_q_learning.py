"""Tabular Q-learning on a grid world: data that come from acting with the model.

Nothing of it is known to the engine: the stream's carry is the simulator, its batches are what
the walker meets, and its evaluation is what the learned table earns.
"""

from typing import Annotated, Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import nnx
from pydantic import Field

import etude
from etude.batch import Batch, Spec
from etude.component import Traced
from etude.data.assemble import fingerprint
from etude.data.base import Data, Prepared, Source, Split, Stream
from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.plan import inputs_of, plan
from etude.engine.population import Population
from etude.evidence.result import Result
from etude.execution.run import run
from etude.loss.base import Loss
from etude.metric.base import Metric
from etude.model.base import Model
from etude.validation.holdout import TrainingOnly
from quick_programs import compiled

MAZE = (
    "...#G",
    ".#...",
    "....s",
)
"""A wall is #; entering a prize ends the episode, and the near one is the small one."""
PRIZES = {"G": 1.0, "s": 0.3}
MOVES = ((-1, 0), (0, 1), (1, 0), (0, -1))
START_CELLS = [
    (row, column)
    for row, line in enumerate(MAZE)
    for column, sign in enumerate(line)
    if sign == "."
]
HORIZON = 20
DISCOUNT = 0.9


class Walker(NamedTuple):
    """Where the simulator stands."""

    cell: jax.Array
    age: jax.Array


class Transition(NamedTuple):
    """What followed an action; `discount` is 0 where the episode ended.

    `returns`, the sum of discounted rewards from there on, is known in evaluations only.
    """

    action: jax.Array
    reward: jax.Array
    discount: jax.Array
    returns: Any = ()


class GridWalk(Stream, kind="stream"):
    """One walker that acts ε-greedily by the table as it is at the step.

    Rows are the cells where an episode may start. Inputs of a batch are `[batch, 2]`: the cell
    that the walker was in and the cell that it came to.
    """

    epsilon: Annotated[Traced, Field(ge=0, le=1)] = 0.1
    discount: Annotated[Traced, Field(ge=0, lt=1)] = DISCOUNT
    epoch_batches: int = 100

    def init(self, source: Source, key: jax.Array) -> Walker:
        return Walker(self._starts(source, key, 1)[0], jnp.zeros((), jnp.int32))

    def batch_rows(self, batch_size: int | Literal["full"], count: int) -> int:
        return count if batch_size == "full" else batch_size

    def batches(self, source: Source, batch_size: int) -> int:
        return self.epoch_batches

    def batch(
        self, source: Source, carry: Walker, index: Any, batch_size: int, model: Any, key: jax.Array
    ) -> tuple[Walker, Batch]:
        world, best = source.arrays, jnp.argmax(model.table[...], 1).astype(jnp.int32)
        keys = jax.random.split(key, 3)
        explores = jax.random.uniform(keys[0], (batch_size,)) < self.epsilon
        random = jax.random.randint(keys[1], (batch_size,), 0, len(MOVES), jnp.int32)

        def act(walker: Walker, draw: Any) -> tuple[Walker, Any]:
            explores, random, start = draw
            action = jnp.where(explores, random, best[walker.cell])
            after = world["next"][walker.cell, action]
            ended = world["ends"][walker.cell, action] | (walker.age + 1 == HORIZON)
            seen = (walker.cell, after, action)
            return Walker(jnp.where(ended, start, after), jnp.where(ended, 0, walker.age + 1)), seen

        draws = (explores, random, self._starts(source, keys[2], batch_size))
        carry, (cell, after, action) = jax.lax.scan(act, carry, draws)
        inputs = jnp.stack([cell, after], 1)
        return carry, Batch(inputs, self._met(world, cell, action), jnp.ones(batch_size))

    def evaluation(self, source: Source, index: jax.Array, model: Any, key: jax.Array) -> Batch:
        world, best = source.arrays, jnp.argmax(model.table[...], 1).astype(jnp.int32)
        start = world["start"][index]

        def act(state: Any, _: None) -> tuple[Any, None]:
            cell, worth, returns = state
            met = self._met(world, cell, best[cell])
            state = (world["next"][cell, best[cell]], worth * met.discount, returns)
            return (*state[:2], returns + worth * met.reward), None

        nothing = jnp.zeros(start.shape)
        episode, _ = jax.lax.scan(act, (start, nothing + 1, nothing), length=HORIZON)
        first = self._met(world, start, best[start])._replace(returns=episode[2])
        inputs = jnp.stack([start, world["next"][start, best[start]]], 1)
        return Batch(inputs, first, jnp.ones(start.shape))

    def _met(self, world: Any, cell: jax.Array, action: jax.Array) -> Transition:
        discount = jnp.where(world["ends"][cell, action], 0, self.discount)
        return Transition(action, world["reward"][cell, action], discount)

    def _starts(self, source: Source, key: jax.Array, count: int) -> jax.Array:
        place = jax.random.randint(key, (count,), 0, source.split.size)
        return source.arrays["start"][source.split.order[place]]


class GridWorld(Data, kind="data"):
    """The maze, and how it is explored."""

    epsilon: Annotated[Traced, Field(ge=0, le=1)] = 0.1
    discount: Annotated[Traced, Field(ge=0, lt=1)] = DISCOUNT

    def prepare(self) -> Prepared:
        cells = [(row, column) for row, line in enumerate(MAZE) for column in range(len(line))]
        number = {cell: place for place, cell in enumerate(cells)}
        after = np.zeros((len(cells), len(MOVES)), np.int32)
        reward = np.zeros(after.shape, np.float32)
        for (row, column), place in number.items():
            for move, (down, right) in enumerate(MOVES):
                there = (row + down, column + right)
                if there not in number or MAZE[there[0]][there[1]] == "#":
                    there = (row, column)
                after[place, move] = number[there]
                reward[place, move] = PRIZES.get(MAZE[there[0]][there[1]], 0.0)
        start = np.array([number[cell] for cell in START_CELLS], np.int32)
        arrays = {"start": start, "next": after, "reward": reward, "ends": reward > 0}
        return Prepared(
            spec=Spec("control", (2,), sizes=(("cells", len(cells)), ("actions", len(MOVES)))),
            stream=GridWalk(epsilon=self.epsilon, discount=self.discount),
            arrays=arrays,
            rows=len(start),
            fingerprint=fingerprint(arrays, {}),
        )


class Table(nnx.Module):
    """Q(s, a), `[cells, actions]`."""

    def __init__(self, cells: int, actions: int) -> None:
        self.table = nnx.Param(jnp.zeros((cells, actions)))

    def __call__(self, inputs: jax.Array) -> jax.Array:
        """The values of all actions in each of the cells, `[batch, 2, actions]`."""
        return self.table[...][inputs]


class QTable(Model, kind="model"):
    """A table of action values that starts at 0."""

    def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
        return Table(spec.size("cells"), outputs)


class TemporalDifference(Loss, kind="loss"):
    """½ (r + γ max_a Q(s′, a) − Q(s, a))², the gradient of Q(s, a) alone (Watkins, 1989)."""

    def outputs(self, spec: Spec) -> int:
        return spec.size("actions")

    def __call__(self, outputs: jax.Array, batch: Batch) -> jax.Array:
        met = batch.targets
        taken = jnp.take_along_axis(outputs[:, 0], met.action[:, None], 1)[:, 0]
        ahead = jax.lax.stop_gradient(jnp.max(outputs[:, 1], 1))
        return (met.reward + met.discount * ahead - taken) ** 2 / 2

    def prediction(self, outputs: jax.Array) -> jax.Array:
        return outputs[:, 0]


class GreedyReturn(Metric, kind="metric"):
    """Σ γᵗ r of the episode in which every action is the best one by the table."""

    greater_is_better = True
    task = "control"

    def statistics(self, prediction: Any, batch: Batch) -> jax.Array:
        return batch.targets.returns[:, None]

    def trivial(self, train: np.ndarray, judged: np.ndarray, spec: Spec) -> float:
        return 0.0


STEP_SIZE, BATCH, STEPS = 0.1, 16, 3000


def study(*epsilon: float) -> etude.Study:
    return etude.Study(
        data=etude.grid(GridWorld, epsilon=list(epsilon)),
        model=QTable(),
        loss=TemporalDifference(),
        algorithm=etude.SGD(learning_rate=STEP_SIZE * BATCH, batch_size=BATCH, steps=STEPS),
        validation=TrainingOnly(),
        metric=GreedyReturn(),
        seeds=2,
    )


def optimal_values() -> np.ndarray:
    """Q* of the cells where an episode may start, `[starts, actions]`, by value iteration."""
    values = dict.fromkeys(START_CELLS, 0.0)
    table: dict[tuple[int, int], list[float]] = {}
    for _ in range(200):
        for row, column in START_CELLS:
            table[row, column] = []
            for down, right in MOVES:
                there = (row + down, column + right)
                inside = 0 <= there[0] < len(MAZE) and 0 <= there[1] < len(MAZE[0])
                sign = MAZE[there[0]][there[1]] if inside else "#"
                there = (row, column) if sign == "#" else there
                worth = PRIZES[sign] if sign in PRIZES else DISCOUNT * values[there]
                table[row, column].append(worth)
        values = {cell: max(table[cell]) for cell in START_CELLS}
    return np.array([table[cell] for cell in START_CELLS], np.float64)


@pytest.mark.parametrize("width", [1, 4])
def test_the_table_becomes_that_of_value_iteration(device: Any, width: int) -> None:
    """Exploring finds Q*; greed stays with what it met first: one program for every ε."""
    record = run(study(0.0, 0.5, 1.0), device=device(width))
    optimal = optimal_values()
    best = optimal.max(1).mean()
    assert len(record.programs) == 1
    assert len(record.members) == 6
    assert record.programs[0]["batch_size"] == BATCH > len(START_CELLS)
    for member in record.members:
        assert (member.status, member.steps, member.epochs) == ("done", STEPS, STEPS // 100)
        earned = member.values["test"]["greedy_return"]
        learned = np.asarray(member.outputs).reshape(len(START_CELLS), 2, len(MOVES))[:, 0]
        if member.choice == 0:
            # All values are 0 and the first action is up, which earns only below the prize.
            assert earned == pytest.approx(1 / len(START_CELLS))
        else:
            np.testing.assert_allclose(learned, optimal, atol=2e-3)
            assert earned == pytest.approx(best, abs=1e-6)
            assert member.values["test"]["loss"] < 1e-6
    assert best > 5 / len(START_CELLS)
    result = Result(record)
    assert result.best(data=1).mean == pytest.approx(best, abs=1e-6)


def test_same_bits_twice(device: Any, assert_same_bits: Any) -> None:
    """Alone or among others: also a batch that the model chose is the same."""
    several = run(study(0.0, 0.5), device=device())
    alone = run(study(0.5), device=device(workers=1))
    assert_same_bits(alone, several)
    first, second = alone.members
    assert not np.array_equal(first.curves, second.curves), "another seed walks other ways"


def test_the_simulator_goes_on_from_a_checkpoint(device: Any) -> None:
    whole = plan(study(0.5), device())
    program = whole.programs[0]
    population = Population(program.training, program.width, program.options)
    shared = jax.device_put(whole.materials[0].shared)
    inputs, start = population.start(shared, {0: inputs_of(whole, 0)})
    straight = population.train(shared, inputs, start, program.steps)
    kept = to_bytes(population.train(shared, inputs, start, 1))
    resumed = population.train(
        shared, inputs, from_bytes(kept, population.unstack(start, 1)[0]), program.steps
    )
    assert int(straight.step) == STEPS
    assert to_bytes(resumed) == to_bytes(straight)
    assert to_bytes(resumed.stream) != to_bytes(start.stream)


def table_of(values: Any) -> Table:
    """The module with these values."""
    module = Table(*values.shape)
    module.table[...] = jnp.asarray(values, jnp.float32)
    return module


@pytest.fixture
def tables() -> np.ndarray:
    """Two random tables, `[2, cells, actions]`."""
    cells = len(MAZE) * len(MAZE[0])
    return np.random.default_rng(0).normal(size=(2, cells, len(MOVES)))


def walked(data: GridWorld, count: int, values: np.ndarray, key: jax.Array) -> Batch:
    """A batch of so many transitions under a table."""
    prepared = data.prepare()
    split = Split(np.arange(prepared.rows), np.int32(prepared.rows), np.empty(0))

    @compiled
    def walk(arrays: Any, values: jax.Array) -> Batch:
        source = Source(arrays, (), split._replace(order=jnp.asarray(split.order)))
        start = prepared.stream.init(source, key)
        return prepared.stream.batch(source, start, 0, count, table_of(values), key)[1]

    return walk(prepared.arrays, values)


def test_actions_follow_the_model(tables: np.ndarray) -> None:
    """Without exploration every action is the best of the table that acts, and moves by it."""
    greedy = GridWorld(epsilon=0.0)
    world = greedy.prepare().arrays
    for values in tables:
        batch = walked(greedy, 30, values, jax.random.key(1))
        cell, after = np.asarray(batch.inputs).T
        action = np.asarray(batch.targets.action)
        np.testing.assert_array_equal(action, values[cell].argmax(1))
        np.testing.assert_array_equal(after, world["next"][cell, action])
        goes_on = np.asarray(batch.targets.discount)[:-1] > 0
        goes_on[HORIZON - 1 :] = False
        np.testing.assert_array_equal(after[:-1][goes_on], cell[1:][goes_on])


def test_gradient_is_that_of_the_value_of_the_action_taken(tables: np.ndarray) -> None:
    """∂L/∂Q(s, a) = −Σ wᵢ δᵢ / Σ wᵢ over the rows of (s, a), in float64 by hand."""
    key, values = jax.random.key(2), tables[0]
    batch = walked(GridWorld(epsilon=1.0), 30, values, key)
    batch = batch._replace(weights=np.arange(30) % 3.0)
    loss = TemporalDifference()
    gradient = compiled(jax.grad(lambda table: loss.objective(table_of(table), batch, key)))(values)
    expected = np.zeros_like(values)
    for row, (cell, after) in enumerate(np.asarray(batch.inputs)):
        action, reward, discount = (np.asarray(part)[row] for part in batch.targets[:3])
        error = float(reward) + float(discount) * values[after].max() - values[cell, action]
        expected[cell, action] -= batch.weights[row] * error / batch.weights.sum()
    np.testing.assert_allclose(gradient, expected, atol=1e-6)
