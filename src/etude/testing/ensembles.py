"""What an ensemble must do."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from etude.algorithm.amsgrad import AMSGrad
from etude.batch import Batch
from etude.engine.device import current_device
from etude.engine.plan import inputs_of, plan
from etude.engine.population import Population
from etude.engine.status import Status
from etude.ensemble.base import Ensemble
from etude.errors import InputError
from etude.keys import typed
from etude.loss.base import Loss
from etude.model.linear import Linear
from etude.study import Study
from etude.testing.beside import QUICK, Beside, Problem, close, demand, program, small
from etude.validation.holdout import Holdout

HELD_OUT = 4
"""So many of the rows that ensembles are tried on do not train."""


def spoken(ensemble: Ensemble, beside: Beside) -> None:
    """What it says has the form of a network's outputs, and is finite."""
    for problem in _problems(ensemble, beside):
        said, memory, outputs = _begun(ensemble, problem)
        total = 0.0
        for number in range(2):
            batch, _ = program(_learned, ensemble, problem.loss)(
                said, memory, _rows(problem), problem.batch
            )
            demand(
                batch.weights.shape == problem.batch.weights.shape,
                f"{ensemble} gives a network other rows to learn than it is given",
            )
            coefficient = 1.0
            if ensemble.of_rows:
                found = program(_weighed, ensemble, problem.loss)(
                    said, memory, outputs, problem.batch, jnp.asarray(number)
                )
                coefficient, memory = found.coefficient, found.memory
            said = ensemble.added(problem.loss, said, outputs, coefficient, number)
            total += coefficient
        told = ensemble.told(problem.loss, said, total)
        demand(
            told.shape == outputs.shape,
            f"{ensemble} says {list(told.shape)} where its networks give {list(outputs.shape)}",
        )
        demand(np.isfinite(told).all(), f"{ensemble} says what is not finite")


def held_out_rows(ensemble: Ensemble, beside: Beside) -> None:
    """Rows that do not train change nothing of what a network is trained by, or counts."""
    if not ensemble.of_rows:
        return
    for problem in _problems(ensemble, beside):
        found = []
        for turn in range(2):
            targets = np.asarray(problem.batch.targets)
            changed = np.concatenate([targets[:-HELD_OUT], targets[-HELD_OUT:] * 0 + turn])
            other = replace(problem, batch=problem.batch._replace(targets=changed))
            said, memory, outputs = _begun(ensemble, other)
            number = jnp.asarray(0)
            weighed = program(_weighed, ensemble, problem.loss)(
                said, memory, outputs, other.batch, number
            )
            found.append((np.asarray(said)[:-HELD_OUT], memory, weighed))
        demand(
            close(found[0], found[1], 0, 0),
            f"{ensemble} trains networks by the targets of rows that are held out",
        )


def rows_drawn(ensemble: Ensemble, beside: Beside) -> None:
    """Networks are trained on training rows alone, the same ones for the same key."""
    order = jnp.asarray([7, 3, 5, 2, 9, -1, -1], jnp.int32)
    drawn = [
        np.asarray(ensemble.order(order, jnp.asarray(5), typed(jnp.uint32([4, 2])))) for _ in "ab"
    ]
    demand(
        drawn[0].shape == order.shape and set(drawn[0][:5]) <= {7, 3, 5, 2, 9},
        f"{ensemble} trains networks on {drawn[0][:5]} where the training rows are {order[:5]}",
    )
    demand(
        np.array_equal(drawn[0], drawn[1]),
        f"{ensemble} draws other rows for the same key from time to time",
    )


def stages(ensemble: Ensemble, beside: Beside) -> None:
    """Through the engine: its networks end, and agree side by side with one after another."""
    two = ensemble.changed(networks=2)
    rule = AMSGrad(epochs=2, batch_size=8, learning_rate=0.05, ensemble=two)
    for problem, data in zip(_problems(ensemble, beside), _data(ensemble, beside), strict=True):
        study = Study(
            data=data,
            model=beside.model or Linear(),
            loss=problem.loss,
            algorithm=rule,
            validation=Holdout(test=0.25),
        )
        found = [_judged(study, width) for width in (1, 2)]
        demand(
            close(found[0], found[1], 1e-3, 1e-3),
            f"{ensemble} gives other outputs where members train side by side",
        )
        return


CHECKS = (spoken, held_out_rows, rows_drawn, stages)
TRAINING = (stages,)


def _data(ensemble: Ensemble, beside: Beside) -> list[Any]:
    """The data for which it has a meaning."""
    return [data for data, _ in _candidates(ensemble, beside)]


def _problems(ensemble: Ensemble, beside: Beside) -> list[Problem]:
    """Small problems for which it has a meaning; the last rows of each do not train."""
    found = []
    for _, problem in _candidates(ensemble, beside):
        count = len(problem.batch.weights)
        weights = jnp.where(jnp.arange(count) < count - HELD_OUT, problem.batch.weights, 0)
        found.append(replace(problem, batch=problem.batch._replace(weights=weights)))
    demand(
        found,
        f"{ensemble} refuses all data that it is tried with: give some that it has a meaning for, "
        "as check(..., data=...)",
    )
    return found


def _candidates(ensemble: Ensemble, beside: Beside) -> Iterator[tuple[Any, Problem]]:
    for data in beside.data or small():
        (problem,) = Beside((data,), beside.model, beside.loss).problems(_Anything())
        try:
            ensemble.check(problem.loss, problem.spec)
        except InputError:
            continue
        yield data, problem


class _Anything:
    """A component that has a meaning for all data."""

    def check(self, spec: Any) -> None:
        """Every size will do."""


def _rows(problem: Problem) -> jax.Array:
    return jnp.arange(len(problem.batch.weights))


def _begun(ensemble: Ensemble, problem: Problem) -> tuple[Any, Any, Any]:
    """What is said before the first network, the memory for it, and its outputs at random."""
    loss: Loss = problem.loss
    shape = len(problem.batch.weights), problem.outputs
    outputs = jnp.asarray(np.random.default_rng(0).normal(size=shape), jnp.result_type(float))
    said = jnp.zeros((shape[0], ensemble.width(loss, problem.outputs)))
    memory: Any = ()
    if ensemble.of_rows:
        said, memory = program(_begin, ensemble, loss)(said, problem.batch)
    return said, memory, outputs


def _begin(ensemble: Ensemble, loss: Loss, said: Any, batch: Batch) -> Any:
    return ensemble.begin(loss, said, batch)


def _learned(
    ensemble: Ensemble, loss: Loss, said: Any, memory: Any, rows: Any, batch: Batch
) -> Any:
    return ensemble.learned(loss, said, memory, rows, batch)


def _weighed(
    ensemble: Ensemble,
    loss: Loss,
    said: Any,
    memory: Any,
    outputs: Any,
    batch: Batch,
    number: Any,
) -> Any:
    return ensemble.weighed(loss, said, memory, outputs, batch, number)


def _judged(study: Study, width: int) -> np.ndarray:
    """What the first member says of the judged rows in the end."""
    device = replace(current_device(1), fixed_width=width)
    whole = plan(study.model_copy(update={"seeds": 2}), device)
    program, shared = whole.programs[0], whole.materials[0].shared
    compiled = Population(
        program.training, width, {name: str(value) for name, value in QUICK.items()}
    )
    begun = {place: inputs_of(whole, place) for place in range(width)}
    inputs, carry = compiled.start(shared, begun)
    carry = compiled.train(shared, inputs, carry, program.steps)
    outputs, status = compiled.unstack((carry.outputs, carry.status), 1)[0]
    demand(
        status == Status.DONE,
        f"a member that should be done is {Status(int(status)).name.lower()}",
    )
    return np.asarray(outputs)
