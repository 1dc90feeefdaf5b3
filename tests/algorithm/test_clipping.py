"""Clipping by global norm: the formula, Optax, PyTorch, and its place in training."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax.flatten_util import ravel_pytree
from pydantic import ValidationError
from surface import GOLDEN

import etude
from etude.algorithm.base import Step
from etude.algorithm.clipping import GlobalNorm
from etude.algorithm.schedule import Progress
from etude.component import component_class
from etude.engine.rules import Rules
from etude.file.read import parse_study
from etude.file.write import write_study

CLIPPED = GOLDEN["clipped"]
GRADIENT = np.concatenate([np.ravel(part) for part in CLIPPED["gradients"]])


def clipped(gradient: np.ndarray, bound: float) -> np.ndarray:
    with jax.enable_x64(gradient.dtype == np.float64):
        return np.asarray(jax.jit(GlobalNorm.clipped)(GlobalNorm(max_norm=bound), gradient))


def test_agrees_with_its_formula_and_optax() -> None:
    norm = np.linalg.norm(GRADIENT)
    for bound in (0.5, 4.7, 4.71, 100.0):
        found = clipped(GRADIENT, bound)
        np.testing.assert_allclose(found, GRADIENT * min(1, bound / norm), rtol=1e-14)
        rule = optax.clip_by_global_norm(bound)
        with jax.enable_x64(True):
            expected, _ = rule.update(jnp.asarray(GRADIENT), rule.init(None))
        np.testing.assert_allclose(found, expected, rtol=1e-14)
        if norm < bound:
            np.testing.assert_array_equal(found, GRADIENT)


def test_agrees_with_torch_but_for_its_millionth() -> None:
    norm = CLIPPED["norm"]
    assert norm == pytest.approx(np.linalg.norm(GRADIENT), rel=1e-14)
    for bound, parts in CLIPPED["clipped"].items():
        expected = np.concatenate([np.ravel(part) for part in parts])
        shorter = norm / (norm + 1e-6) if norm > float(bound) else 1
        found = clipped(GRADIENT, float(bound))
        np.testing.assert_allclose(found * shorter, expected, rtol=1e-13)


def test_squares_that_overflow_or_vanish_do_no_harm() -> None:
    long = np.array([3e38, -3e38, 0, 1e38], np.float32)
    found = clipped(long, 2.0)
    expected = 2 * long.astype(float) / np.linalg.norm(long.astype(float))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    for short in (np.zeros(3, np.float32), np.full(3, 1e-30, np.float32)):
        np.testing.assert_array_equal(clipped(short, 2.0), short)
        assert np.isfinite(clipped(short, 1e-38)).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_stays_as_it_is(value: float) -> None:
    gradient = np.array([1.0, value, -30.0], np.float32)
    np.testing.assert_array_equal(clipped(gradient, 1.0), gradient)


# In training

EPOCHS, RATE, BOUND = 12, 0.1, 0.8
BUDGET: dict[str, Any] = {"batch_size": "full", "epochs": EPOCHS, "learning_rate": RATE}


def bounded(bound: float, **fields: Any) -> dict[str, Any]:
    return BUDGET | {"clipping": GlobalNorm(max_norm=bound)} | fields


@pytest.fixture(scope="module")
def members() -> Any:
    """Linear regression with a penalty on all rows at a time, from weights of 0."""
    rules = (
        etude.Nesterov(**bounded(BOUND)),
        etude.SGD(**BUDGET),
        etude.SGD(**bounded(1e6)),
        etude.SGD(**bounded(1.0, learning_rate=1e30)),
    )
    study = etude.Study(
        data=etude.Diabetes(),
        model=etude.Linear(initializer=etude.Zeros()),
        loss=etude.MSE(l2=0.3),
        algorithm=rules,
        validation=etude.TrainingOnly(),
    )
    return etude.run(study).record.members


def test_what_is_clipped_is_the_gradient_of_the_whole_objective_where_it_is_taken(
    members: Any,
) -> None:
    """Nesterov with a penalty, by hand."""
    prepared = etude.Diabetes().prepare()
    inputs, targets = prepared.arrays["inputs"].astype(np.float64), prepared.targets
    assert targets is not None
    x = np.column_stack([(inputs - inputs.mean(0)) / inputs.std(0), np.ones(len(inputs))])
    y = ((targets - targets.mean(0)) / targets.std(0))[:, 0]
    w, a = np.zeros(x.shape[1]), np.zeros(x.shape[1])
    penalized = np.append(np.ones(x.shape[1] - 1), 0)
    lengths, losses = [], []
    for _ in range(EPOCHS):
        at = w - RATE * 0.9 * a
        g = 2 * x.T @ (x @ at - y) / len(x) + 2 * 0.3 * penalized * at
        lengths.append(np.linalg.norm(g))
        a = 0.9 * a + g * min(1, BOUND / lengths[-1])
        w = w - RATE * a
        losses.append(np.mean((x @ w - y) ** 2))
    assert max(lengths) > BOUND > min(lengths)
    np.testing.assert_allclose(members[0].curves[:, 0, 0], losses, rtol=1e-5)


def test_a_bound_that_is_never_reached_changes_nothing(members: Any) -> None:
    _, plain, loose, _ = members
    assert plain.status == loose.status == "done"
    np.testing.assert_allclose(plain.curves, loose.curves, rtol=1e-6)


def test_a_member_that_clipping_cannot_save_is_seen_to_diverge(members: Any) -> None:
    *_, wild = members
    assert wild.status == "diverged"
    assert 0 < wild.diverged_step <= EPOCHS


def test_a_rule_that_sees_arrays_is_given_the_norm_of_all_of_them() -> None:
    tree = {"a": jnp.array([3.0, 1.0]), "b": jnp.array([[4.0]])}
    weights, unravel = ravel_pytree(tree)
    gradient = 10 * weights
    step = Step(jnp.ones(()), jnp.ones(()), lambda params: jnp.zeros(()))
    changes = []
    for rule, slope in (
        (etude.LAMB(clipping=GlobalNorm(max_norm=2.0)), gradient),
        (etude.LAMB(), gradient * 2 / np.linalg.norm(gradient)),
    ):
        rules = Rules((rule,), jax.eval_shape(lambda: weights), unravel)
        numbers = jnp.array(jax.tree.leaves(rule))
        state = rules.init(0, numbers, weights)
        progress = Progress(jnp.zeros(()), 1, 1)
        changes.append(rules.update(0, numbers, progress, slope, state, weights, step))
    for one, other in zip(*map(jax.tree.leaves, changes), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


def test_bounds_share_a_program_and_a_rule_without_one_has_another() -> None:
    bounds = [GlobalNorm(max_norm=bound) for bound in (0.1, 1.0, 10.0)]
    rules = (*etude.grid(etude.SGD, clipping=bounds), etude.SGD())
    study = etude.Study(
        data=etude.Diabetes(), model=etude.Linear(), loss=etude.MSE(), algorithm=rules
    )
    whole = etude.plan(study)
    choices = [
        {whole.members[member].choice for member in program.members} for program in whole.programs
    ]
    assert choices == [{0, 1, 2}, {3}]


# Said in files and documents

TEXT = """
data = { name = "diabetes" }
model = { name = "linear" }
loss = { name = "mse" }
[[algorithm]]
name = "adam"
clipping = { name = "global_norm", max_norm = { grid = [0.5, 1] } }
[[algorithm]]
name = "adam"
"""


def test_a_study_file_says_it() -> None:
    study = parse_study(TEXT)
    assert [rule.clipping for rule in study.algorithm] == [
        GlobalNorm(max_norm=0.5),
        GlobalNorm(max_norm=1.0),
        None,
    ]
    assert parse_study(write_study(study)) == study
    assert etude.Study.from_document(study.document()) == study
    with pytest.raises(ValueError, match=r"`max_norm` must be greater than 0, got 0"):
        parse_study(TEXT.replace("0.5", "0"))


def test_documents_without_it_are_what_they_were_before_there_was_any() -> None:
    for rule in (etude.Adam(), etude.Optax(rule="lion")):
        for form in (rule.document(), rule.specification()):
            assert "clipping" not in form
        assert type(rule).from_document(rule.document()) == rule
    bounded = etude.Optax(rule="lion", clipping=GlobalNorm(max_norm=2.0))
    assert bounded.document()["clipping"] == {"name": "global_norm", "max_norm": 2.0}
    assert bounded.specification()["clipping"]["revision"] == 1
    assert etude.Optax.from_document(bounded.document()) == bounded


def test_bounds_are_positive() -> None:
    assert component_class("clipping", "global_norm") is GlobalNorm
    for bound in (0, -1, np.inf):
        with pytest.raises(ValidationError):
            GlobalNorm(max_norm=bound)
