from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from pydantic import Field

from etude.algorithm import Adam, Optax
from etude.algorithm.schedule import Schedule
from etude.component import Component, registered
from etude.file import describe
from etude.file.describe import field_texts, rule_in_words, type_in_words
from etude.model import MLP, UserModel

KINDS = ("data", "model", "initializer", "loss", "metric", "algorithm", "schedule", "validation")


def test_a_component_in_words():
    adam = describe(Adam)
    assert (adam.name, adam.kind) == ("adam", "algorithm")
    assert adam.summary.startswith("Momentum and per-weight rates")
    assert "m̂ / (√v̂ + ε)" in adam.text
    assert "Attributes" not in adam.text
    assert "Kingma & Ba" in adam.source
    assert [field.name for field in adam.fields][:5] == [
        "learning_rate",
        "beta1",
        "beta2",
        "epsilon",
        "batch_size",
    ]
    beta = adam.fields[1]
    assert (beta.type, beta.default, beta.rule) == ("number", "0.9", "at least 0 and less than 1")
    assert (beta.text, beta.traced) == ("β₁.", True)
    batch = adam.fields[4]
    assert batch.type == "whole number or 'full'"
    assert batch.text.startswith('rows of a step; "full" is batch gradient descent')
    assert batch.text.endswith("until all are used.")


def test_defaults():
    fields = {field.name: field for field in describe(MLP).fields}
    assert fields["widths"].default == "[64]"
    assert fields["initializer"].default == "he_uniform"
    fields = {field.name: field for field in describe(Adam).fields}
    assert fields["stopping"].default == "none"
    assert {f.name: f.default for f in describe(Optax).fields}["rule"] is None


@pytest.mark.parametrize(
    ("annotation", "words", "rule"),
    [
        (float, "number", ""),
        (Annotated[int, Field(ge=1, le=9)], "whole number", "at least 1 and at most 9"),
        (bool | None, "true or false", ""),
        (Literal["a", "b", 3], "'a', 'b' or 3", ""),
        (tuple[int, ...], "list of whole numbers", ""),
        (tuple[Annotated[int, Field(ge=1)], ...], "list of whole numbers", "each at least 1"),
        (tuple[int, float], "[whole number, number]", ""),
        (Annotated[int, Field(gt=1)] | Literal["full"], "whole number or 'full'", "greater than 1"),
        (
            Annotated[str, Field(min_length=1, pattern="^a")],
            "text",
            "length at least 1 and matches ^a",
        ),
        (Path | str, "path or text", ""),
        (Schedule, "schedule", ""),
        (Any, "Python code", ""),
    ],
)
def test_types_and_rules_in_words(annotation, words, rule):
    assert type_in_words(annotation) == words
    assert rule_in_words(annotation) == rule


def test_tables_of_names_and_values():
    fields = {field.name: field for field in describe(Optax).fields}
    assert fields["arguments"].type == "table of numbers by name"


def test_code_of_the_user():
    fields = {field.name: field for field in describe(UserModel).fields}
    assert fields["module"].type == "Python code"


def test_texts_of_several_fields_and_of_bases():
    class Part(Component):
        """A part.

        Attributes:
            first, second: both of them,
                over two lines.
            third: 3.

        Example:
            fourth: no field.
        """

        first: int = 1
        second: int = 2
        third: int = 3

    assert field_texts(Part) == {
        "first": "both of them, over two lines.",
        "second": "both of them, over two lines.",
        "third": "3.",
    }


@pytest.mark.parametrize(
    "cls", [cls for kind in KINDS for cls in registered(kind).values()], ids=lambda cls: cls.name
)
def test_every_field_of_every_component_has_a_text(cls):
    description = describe(cls)
    assert description.summary
    assert [field.name for field in description.fields if not field.text] == []
