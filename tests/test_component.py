from typing import Annotated, Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from pydantic import Field, ValidationError

import etude
from etude.algorithm import SGD, Adam, AdamW, Momentum
from etude.algorithm.base import Algorithm
from etude.algorithm.schedule import Constant, Cosine, Schedule
from etude.algorithm.stopping import EarlyStopping
from etude.component import (
    Added,
    Component,
    Traced,
    UnknownName,
    component_class,
    lookup,
    nearest,
    registered,
    snake_case,
)
from etude.file.annotation import in_files


class Holder(Component):
    rate: Annotated[Traced, Field(gt=0)] = 1.0
    size: int = 3
    part: Schedule = Constant()
    parts: tuple[Schedule, ...] = ()
    anything: Any = None


def test_traced_fields_and_parts_are_leaves_and_subtrees():
    holder = Holder(rate=2, part=Cosine(final=0.5), parts=(Cosine(final=0.25),))
    assert jax.tree.leaves(holder) == [2.0, 0.0, 0.5, 0.0, 0.25]
    doubled = jax.tree.map(lambda leaf: 2 * leaf, holder)
    assert isinstance(doubled, Holder)
    assert (doubled.rate, doubled.part.final, doubled.size) == (4.0, 1.0, 3)
    paths = [jax.tree_util.keystr(path) for path, _ in jax.tree.leaves_with_path(holder)]
    assert paths[0] == ".rate"
    assert paths[2] == ".part.final"


def test_equal_structure_is_one_program():
    traces = []

    @jax.jit
    def program(rule):
        traces.append(rule)
        return rule.learning_rate * rule.beta1

    assert program(Adam(learning_rate=0.5, beta1=0.5)) == 0.25
    assert program(Adam(learning_rate=0.25, beta1=0.5)) == 0.125
    assert len(traces) == 1
    program(Adam(epochs=7))
    program(Adam(schedule=Cosine()))
    program(AdamW())
    assert len(traces) == 4


def test_stacked_leaves_are_a_population():
    rules = [SGD(learning_rate=rate) for rate in (0.1, 0.2, 0.3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *rules)
    rates = jax.vmap(lambda rule: 10 * rule.learning_rate)(stacked)
    np.testing.assert_allclose(rates, [1, 2, 3], rtol=1e-6)


def test_a_tracer_meets_no_validator():
    changed = jax.jit(lambda rate: SGD().changed(learning_rate=-rate).learning_rate)(3.0)
    assert changed == -3.0


def test_components_are_frozen_values():
    rule = Adam()
    with pytest.raises(ValidationError, match="frozen"):
        rule.epochs = 3  # type: ignore[misc]
    assert Adam() == Adam()
    assert hash(Adam()) == hash(Adam())
    assert Adam() != Adam(epochs=3)
    assert Adam() != AdamW()


@pytest.mark.parametrize("value", [[1], {"a": 1}, np.zeros(2)])
def test_values_that_may_change_are_refused(value):
    with pytest.raises(ValidationError, match="`anything` must be an immutable value"):
        Holder(anything=value)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_are_finite(value):
    with pytest.raises(ValidationError, match="finite"):
        Holder(rate=value)


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError, match="learning_rte"):
        SGD(learning_rte=0.1)  # type: ignore[call-arg]


@pytest.mark.parametrize("value", [{"patience": 3}, {}, "early_stopping"])
def test_a_part_is_given_as_a_component(value):
    with pytest.raises(ValidationError, match="instance of Stopping"):
        Adam(stopping=value)
    with pytest.raises(ValidationError, match="instance of Schedule"):
        Adam(schedule=value)
    assert Adam(stopping=EarlyStopping(patience=3)).stopping == EarlyStopping(patience=3)


@pytest.mark.parametrize(
    ("camel", "snake"),
    [
        ("CrossEntropy", "cross_entropy"),
        ("MLP", "mlp"),
        ("MSELoss", "mse_loss"),
        ("KFold", "k_fold"),
        ("R2", "r2"),
        ("Adam", "adam"),
    ],
)
def test_names_in_snake_case(camel, snake):
    assert snake_case(camel) == snake


def test_names_lead_to_classes():
    assert component_class("algorithm", "adamw") is AdamW
    assert lookup("AdamW", "loss", "algorithm") is AdamW
    assert list(registered("algorithm")) == sorted(registered("algorithm"))
    assert registered("nothing") == {}
    with pytest.raises(AttributeError, match="there is no algorithm called Adm"):
        lookup("Adm", "algorithm")


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(
        UnknownName, match="no algorithm called 'momentun'; did you mean 'momentum'"
    ):
        component_class("algorithm", "momentun")
    assert nearest("zzz", ["a", "b"]) == "; known: a, b"
    assert nearest("zzz", []) == ""
    assert nearest("adma", ["adam", "adamax"]) == "; did you mean 'adam'?"


def test_a_name_is_taken_once():
    with pytest.raises(ValueError, match="the algorithm name 'momentum' is taken by etude"):

        class Mine(Momentum):
            name = "momentum"

    assert component_class("algorithm", "momentum") is Momentum


def test_abstract_classes_have_no_name_in_files():
    assert Algorithm not in registered("algorithm").values()
    assert Schedule not in registered("schedule").values()
    with pytest.raises(TypeError, match="abstract"):
        Schedule()  # type: ignore[abstract]


def test_documents_name_every_field_and_specifications_revisions():
    document = Adam(schedule=Cosine(final=0.5)).document()
    assert document["name"] == "adam"
    assert document["stopping"] is None
    assert document["schedule"] == {"name": "cosine", "warmup": 0.0, "final": 0.5}
    assert set(document) == {"name", *Adam.model_fields} - {"clipping", "ensemble"}
    specification = Adam(schedule=Cosine(final=0.5)).specification()
    assert specification["revision"] == Adam.revision
    assert specification["schedule"]["revision"] == Cosine.revision
    with pytest.raises(TypeError, match="has no plain form"):
        Holder(anything=frozenset()).document()


KINDS = ("data", "model", "initializer", "loss", "metric", "algorithm", "schedule", "stopping")


@pytest.mark.parametrize(
    "cls",
    [
        cls
        for kind in (*KINDS, "validation")
        for cls in registered(kind).values()
        if in_files(cls) and not any(field.is_required() for field in cls.model_fields.values())
    ],
    ids=lambda cls: f"{cls.kind}-{cls.name}",
)
def test_every_component_is_a_tree_and_comes_back_from_its_document(cls):
    component = cls()
    leaves, structure = jax.tree.flatten(component)
    assert jax.tree.unflatten(structure, leaves) == component
    assert all(isinstance(leaf, float) for leaf in leaves)
    assert hash(structure) == hash(jax.tree.structure(cls()))
    assert cls.from_document(component.document()) == component


def test_fields_that_came_later_are_in_documents_once_they_are_used():
    class Grown(Holder):
        added: Annotated[int, Added()] = 0

    assert "added" not in Grown().document()
    assert "added" not in Grown().specification()
    assert Grown(added=2).document()["added"] == 2
    assert Grown(added=2).specification()["added"] == 2
    assert repr(Added()) == "Added"


def test_traced_fields_are_told():
    assert SGD.traced_fields() == ("learning_rate",)
    assert Holder.traced_fields() == ("rate",)


def test_where_a_file_lies_is_no_part_of_the_identity() -> None:
    here = etude.Table(path="here/table.csv", target="y")
    there = etude.Table(path="there/table.csv", target="y")
    assert here != there
    assert here.specification() == there.specification()
    assert here.document() != there.document()
