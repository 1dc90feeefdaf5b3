"""Single members of small studies, trained by the engine, and what they are compared with."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import jax
import numpy as np

import etude
from etude.data.base import Source
from etude.engine.device import current_device
from etude.engine.plan import Plan, inputs_of, plan
from etude.engine.population import Population
from etude.engine.state import Carry, Inputs, Shared
from etude.engine.train import Member
from etude.testing.beside import QUICK

OPTIONS = {name: str(value) for name, value in QUICK.items()}

ROWS = 60
generator = np.random.default_rng(0)
INPUTS = generator.normal(size=(ROWS, 3))
NUMBERS = INPUTS @ [1.0, -2.0, 0.5] + np.sin(2 * INPUTS[:, 0]) + 0.3 * generator.normal(size=ROWS)
CLASSES = np.digitize(NUMBERS, [-1.0, 1.5])
TWO = (NUMBERS > 0.5).astype(int)


def study(algorithm: etude.algorithm.base.Algorithm, targets: Any = NUMBERS, **fields: Any) -> Any:
    """A linear model on three columns; `targets` are numbers or class numbers."""
    classes = np.asarray(targets).dtype.kind == "i"
    values: dict[str, Any] = {
        "data": etude.Table.from_arrays(
            INPUTS, [f"c{n}" for n in targets] if classes else targets, scale="none"
        ),
        "model": etude.Linear(),
        "loss": etude.CrossEntropy() if classes else etude.MSE(),
        "validation": etude.Holdout(test=0.25),
    }
    return etude.Study(algorithm=algorithm, **(values | fields))


@lru_cache
def _compiled(study: etude.Study, width: int) -> tuple[Plan, Population]:
    """The plan of a study and its first program; tests that ask for the same share them."""
    whole: Plan = plan(study, replace(current_device(1), fixed_width=width))
    keeps = study.algorithm[0].ensemble is not None
    task = replace(whole.programs[0].task, keeps_networks=keeps)
    member = Member(task, whole.materials[0].shapes)
    return whole, Population(member, width, OPTIONS)


class Trained:
    """One member of a study, by a program of its own with the networks of its ensemble kept.

    Args:
        study: what is planned.
        width: how many members train side by side.
        keys, order: of the member in the place of its own.
    """

    def __init__(
        self, study: etude.Study, width: int = 1, keys: Any = None, order: Any = None
    ) -> None:
        self.plan, self.population = _compiled(study, width)
        self.program, material = self.plan.programs[0], self.plan.materials[0]
        self.shared: Shared = material.shared
        if order is not None:
            splits = self.shared.splits._replace(order=order)
            self.shared = self.shared._replace(splits=splits)
        self.member: Member = self.population.member
        self.split = material.splits[0]
        members = {place: self._inputs(place, keys) for place in range(width)}
        self.begun = self.population.start(self.shared, members)
        self.inputs: Inputs = members[0]
        self.carry = self.after(self.program.steps)

    def after(self, steps: int) -> Carry:
        """The member when so many steps are done."""
        after = self.population.train(self.shared, *self.begun, steps)
        carry: Carry = self.population.unstack(after, 1)[0]
        return carry

    def _inputs(self, number: int, keys: Any) -> Inputs:
        inputs = inputs_of(self.plan, number % len(self.program.members))
        return inputs if keys is None else inputs._replace(keys=keys)

    @property
    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets of all rows, as networks see them."""
        arrays, fitted = self.plan.materials[0].prepared.arrays, self.shared.fitted
        targets = np.asarray(arrays["targets"])
        if "target_mean" in fitted:
            mean, scale = (np.asarray(fitted[f"target_{name}"][0]) for name in ("mean", "scale"))
            targets = (targets.astype(float) - mean) / scale
        return np.asarray(arrays["inputs"], float), targets

    @property
    def source(self) -> Source:
        """What the stream of the member reads."""
        return self.member._source(self.shared, self.inputs)

    @property
    def networks(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Kernel and bias of each network of an ensemble of linear models."""
        params, _ = self.member.networks(self.carry)
        return list(zip(*_kernel_and_bias(params), strict=True))

    def initial(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Kernel and bias with which a network of the ensemble began."""
        alone = self.inputs._replace(keys=self.keys(number))
        begun = self.population.start(self.shared, {0: alone})[1]
        weights = self.population.unstack(begun, 1)[0].weights
        return _kernel_and_bias(self.member.unravel(weights))

    def keys(self, number: int) -> np.ndarray:
        """The random keys of a network of the ensemble."""
        carry = self.population.unstack(self.begun[1], 1)[0]
        stage = carry.stage._replace(number=np.int32(number))
        return np.asarray(self.member._stages.inputs(self.inputs, stage).keys)


def _kernel_and_bias(params: Any) -> tuple[np.ndarray, np.ndarray]:
    leaves = {
        "kernel" if "kernel" in jax.tree_util.keystr(path) else "bias": np.asarray(leaf, float)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params)
    }
    return leaves["kernel"], leaves["bias"]


def softmax(z: np.ndarray) -> np.ndarray:
    shares = np.exp(z - z.max(-1, keepdims=True))
    return shares / shares.sum(-1, keepdims=True)
