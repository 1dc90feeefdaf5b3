"""Optax's rules through the adapter are what they are by hand."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import nnx
from jax.flatten_util import ravel_pytree
from pydantic import ValidationError

from etude.algorithm.base import Step
from etude.algorithm.optax_rule import RULES, Argument, Optax, Transformation, UserRule
from etude.algorithm.schedule import Cosine, Progress
from etude.component import component_class
from etude.model.layers import Stack
from quick_programs import compiled

STEPS = 6
# One other value than the default of an argument, where the default cannot show that it arrives.
VALUES = {
    "adabelief": {"b1": 0.8, "eps": 1e-6},
    "adadelta": {"rho": 0.8},
    "adagrad": {"initial_accumulator_value": 0.2},
    "adam": {"b2": 0.99},
    "adamax": {"b2": 0.99},
    "adamw": {"weight_decay": 0.1},
    "adan": {"b3": 0.9},
    "amsgrad": {"b2": 0.9},
    "lamb": {"weight_decay": 0.1},
    "lars": {"momentum": 0.5},
    "lion": {"weight_decay": 0.1},
    "muon": {"beta": 0.9, "adam_b1": 0.8},
    "nadam": {"b1": 0.8},
    "nadamw": {"weight_decay": 0.1},
    "novograd": {"b2": 0.5},
    "prodigy": {"estim_lr0": 1e-2},
    "radam": {"b2": 0.9},
    "rmsprop": {"decay": 0.8, "momentum": 0.5},
    "schedule_free_adamw": {"b1": 0.8},
    "schedule_free_sgd": {"b1": 0.8},
    "sgd": {"momentum": 0.9},
    "yogi": {"b1": 0.8},
}


def params() -> Any:
    """The weights of a small network, as the engine passes them."""
    module = Stack(
        (3, 2), jnp.tanh, nnx.initializers.lecun_normal(), nnx.initializers.normal(), nnx.Rngs(0)
    )
    return nnx.split(module, nnx.Param, ...)[1]


def objective(tree: Any) -> jax.Array:
    leaves = jax.tree.leaves(tree)
    return sum(jnp.sum(jnp.sin(2 * leaf) ** 2 + leaf**2 / (1 + i)) for i, leaf in enumerate(leaves))


def through_the_adapter(rule: Transformation) -> jax.Array:
    tree = params()
    state = rule.init(tree)

    def step(carry: Any, t: jax.Array) -> Any:
        tree, state = carry
        now = rule.scheduled(Progress(t, 1, STEPS))
        value, slope = jax.value_and_grad(objective)(now.point(tree, state))
        change, state = now.update(slope, state, tree, Step(t + 1.0, value, objective))
        return (jax.tree.map(jnp.add, tree, change), state), None

    (tree, state), _ = jax.lax.scan(step, (tree, state), jnp.arange(STEPS))
    return ravel_pytree(rule.evaluated(tree, state))[0]


def by_hand(transformation: Any) -> np.ndarray:
    transformation = optax.with_extra_args_support(transformation)

    @compiled
    def run(tree: Any) -> Any:
        def step(carry: Any, _: Any) -> Any:
            tree, state = carry
            value, slope = jax.value_and_grad(objective)(tree)
            change, state = transformation.update(
                slope, state, tree, value=value, grad=slope, value_fn=objective
            )
            return (optax.apply_updates(tree, change), state), None

        tree, state = jax.lax.scan(step, (tree, transformation.init(tree)), None, STEPS)[0]
        if isinstance(state, optax.contrib.ScheduleFreeState):
            tree = optax.contrib.schedule_free_eval_params(state, tree)
        return ravel_pytree(tree)[0]

    return np.asarray(run(nnx.to_pure_dict(compiled(params)())))


def test_every_rule_is_tested() -> None:
    assert set(VALUES) == set(RULES)


@pytest.mark.parametrize("name", RULES)
def test_agrees_with_optax_by_hand(name: str) -> None:
    rule = Optax(rule=name, learning_rate=0.05, arguments=VALUES[name])
    with jax.enable_x64(True):
        found = np.asarray(compiled(through_the_adapter)(rule))
        expected = by_hand(RULES[name][0](0.05, **VALUES[name]))
        start = np.concatenate([np.ravel(leaf) for leaf in jax.tree.leaves(compiled(params)())])
    assert np.abs(found - start).max() > 1e-6
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["lamb", "schedule_free_adamw"])
def test_members_differ_in_traced_numbers_only(name: str) -> None:
    argument, value = next(iter(VALUES[name].items()))
    rules = [
        Optax(rule=name, learning_rate=rate, arguments={argument: number})
        for rate, number in [(0.01, value), (0.1, value / 2)]
    ]
    assert jax.tree.structure(rules[0]) == jax.tree.structure(rules[1])
    population = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rules)
    together = compiled(jax.vmap(through_the_adapter))(population)
    alone = compiled(through_the_adapter)
    for rule, found in zip(rules, together, strict=True):
        np.testing.assert_allclose(found, alone(rule), rtol=2e-4, atol=1e-6)
    assert np.abs(together[0] - together[1]).max() > 1e-4


def test_a_schedule_acts_on_the_learning_rate() -> None:
    rule = Optax(rule="nadam", learning_rate=0.05, schedule=Cosine())
    with jax.enable_x64(True):
        found = np.asarray(compiled(through_the_adapter)(rule))
        expected = by_hand(optax.nadam(optax.cosine_decay_schedule(0.05, STEPS)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def clipped(learning_rate: Any, norm: Any) -> optax.GradientTransformation:
    return optax.chain(optax.clip_by_global_norm(norm), optax.sgd(learning_rate))


def test_a_transformation_of_the_user() -> None:
    rule = UserRule(
        factory=clipped, label="clipped", version="2", learning_rate=0.05, arguments={"norm": 0.5}
    )
    with jax.enable_x64(True):
        found = np.asarray(compiled(through_the_adapter)(rule))
        expected = by_hand(clipped(0.05, 0.5))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    document = rule.document()
    assert document["name"] == "user_rule"
    assert (document["label"], document["version"]) == ("clipped", "2")
    assert document["arguments"] == [{"name": "argument", "argument": "norm", "value": 0.5}]
    assert "factory" not in document
    assert rule.specification()["schedule"]["revision"] == 1


def test_extra_arguments_reach_a_transformation_that_takes_them() -> None:
    """Polyak's step (f − f*)/|g|² · g needs the value of the objective."""
    rule = UserRule(
        factory=lambda learning_rate: optax.polyak_sgd(1e9, learning_rate),
        label="polyak",
        version="1",
        learning_rate=1.0,
    )
    tree = {"w": jnp.array([1.0, 2.0])}
    slope = {"w": jnp.array([3.0, 4.0])}
    change, _ = rule.update(slope, rule.init(tree), tree, Step(jnp.ones(()), jnp.array(5.0), None))
    np.testing.assert_allclose(change["w"], -5 / 25 * slope["w"], rtol=1e-6)


def test_names_in_study_files() -> None:
    assert component_class("algorithm", "optax") is Optax
    assert component_class("algorithm", "user_rule") is UserRule
    rule = Optax(rule="lion", arguments=(("b1", 0.8), Argument(argument="b2", value=0.9)))
    assert rule == Optax(rule="lion", arguments={"b1": 0.8, "b2": 0.9})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"rule": "adabelieve"}, "got 'adabelieve'; did you mean 'adabelief'?"),
        ({"rule": "lion", "arguments": {"eps": 1}}, "may name b1, b2, weight_decay, got 'eps'"),
        ({"rule": "lion", "arguments": {"b1": 1}}, "must be at least 0 and less than 1, got 1.0"),
        ({"rule": "yogi", "arguments": {"eps": -1}}, "`eps` of yogi must be at least 0, got -1.0"),
        ({"rule": "yogi", "arguments": [("b1", 0.5), ("b1", 0.6)]}, "once, got 'b1' twice"),
        ({"rule": "schedule_free_sgd", "arguments": {"b1": 0}}, "greater than 0, got 0.0"),
        ({"rule": "yogi", "learning_rate": 0}, "greater than 0"),
        ({"rule": "yogi", "arguments": "b1"}, "arguments"),
    ],
)
def test_bad_settings_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Optax(**fields)
    assert message in str(caught.value)
