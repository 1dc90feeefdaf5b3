from pathlib import Path
from typing import Annotated, Literal

import pytest
from pydantic import Field, ValidationError

from etude.algorithm import SGD, Adam
from etude.component import Component, Traced
from etude.data import Digits
from etude.errors import InputError
from etude.file import Problem, StudyFileError, explain
from etude.file.problems import (
    LONGEST,
    LONGEST_MESSAGE,
    LONGEST_PATH,
    MOST_PROBLEMS,
    shown,
)
from etude.loss import CrossEntropy
from etude.model import MLP
from etude.study import Study

Size = Annotated[int, Field(ge=1)]


class Every(Component):
    """One field for each rule that components use."""

    above: Annotated[Traced, Field(gt=0)] = 1.0
    share: Annotated[Traced, Field(ge=0, lt=1)] = 0.5
    most: Annotated[float, Field(le=2)] = 1.0
    even: Annotated[int, Field(multiple_of=2)] = 2
    size: Size | Literal["full"] = 1
    sizes: tuple[Size, ...] | Size = 1
    pair: tuple[int, int] = (1, 2)
    some: Annotated[tuple[str, ...], Field(min_length=1, max_length=2)] = ("a",)
    switch: bool = False
    code: Annotated[str, Field(min_length=1, max_length=3, pattern="^a")] = "a"
    form: Literal["tanh", "relu", "gelu"] = "relu"
    path: Path = Path("x")


SENTENCES = [
    ({"above": 0}, "`above` must be greater than 0, got 0"),
    ({"above": float("inf")}, "`above` must be a finite number, got inf"),
    ({"above": "much"}, "`above` must be a number, got 'much'"),
    ({"above": None}, "`above` must be a number, got None"),
    ({"share": -0.1}, "`share` must be at least 0, got -0.1"),
    ({"share": 1.0}, "`share` must be less than 1, got 1.0"),
    ({"most": 2.5}, "`most` must be at most 2, got 2.5"),
    ({"even": 3}, "`even` must be a multiple of 2, got 3"),
    ({"even": 2.5}, "`even` must be a whole number, got 2.5"),
    ({"even": "x"}, "`even` must be a whole number, got 'x'"),
    ({"size": 0}, "`size` must be at least 1 or 'full', got 0"),
    ({"size": "half"}, "`size` must be a whole number or 'full', got 'half'"),
    ({"sizes": (3, 0)}, "`sizes[1]` must be at least 1, got 0"),
    ({"sizes": "x"}, "`sizes` must be a list or a whole number, got 'x'"),
    ({"pair": (1,)}, "`pair` must have more values, got [1]"),
    ({"pair": (1, 2, 3)}, "`pair` must be a list of at most 2 values, got [1, 2, 3]"),
    ({"pair": (1, "x")}, "`pair[1]` must be a whole number, got 'x'"),
    ({"some": ()}, "`some` must be a list of 1 or more values, got []"),
    ({"some": ("a", "b", "c")}, "`some` must be a list of at most 2 values, got ['a', 'b', 'c']"),
    ({"some": (1,)}, "`some[0]` must be text, got 1"),
    ({"switch": "maybe"}, "`switch` must be true or false, got 'maybe'"),
    ({"code": ""}, "`code` must be text of 1 or more characters, got ''"),
    ({"code": "abcd"}, "`code` must be text of at most 3 characters, got 'abcd'"),
    ({"code": "b"}, "`code` must be text that matches ^a, got 'b'"),
    (
        {"form": "rlu"},
        "`form` must be 'tanh', 'relu' or 'gelu', got 'rlu'; did you mean 'relu'?",
    ),
    ({"form": 3}, "`form` must be 'tanh', 'relu' or 'gelu', got 3"),
    ({"path": 3}, "`path` must be a path, got 3"),
    ({"abve": 3}, "there is no field `abve`; did you mean 'above'?"),
]


@pytest.mark.parametrize("strict", [False, True], ids=["python", "file"])
@pytest.mark.parametrize(("fields", "sentence"), SENTENCES, ids=[s for _, s in SENTENCES])
def test_every_rule_has_a_sentence(fields, sentence, strict):
    with pytest.raises(ValidationError) as raised:
        Every.model_validate(fields, strict=strict)
    told = [problem.message for problem in explain(raised.value, Every)]
    # In a file a path arrives as one.
    assert told == [sentence] or (strict and "path" in fields)


def explained(make):
    with pytest.raises(ValidationError) as raised:
        make()
    return [str(problem) for problem in explain(raised.value)]


def test_parts_of_the_wrong_kind():
    assert explained(lambda: Adam(schedule=SGD())) == [
        "schedule: `schedule` must be a schedule, got sgd"
    ]
    assert explained(lambda: Study(data=Digits(), model=MLP(), loss=Adam(), algorithm=(1,))) == [
        "loss[0]: `loss[0]` must be a loss, got adam",
        "algorithm[0]: `algorithm[0]` must be an algorithm, got 1",
    ]
    assert explained(lambda: Study(data=Digits(), model=MLP, loss=CrossEntropy())) == [
        "model: `model` must be a list, got the class MLP",
        "algorithm: `algorithm` is needed and not given",
    ]


def test_a_rule_about_several_fields_stands_at_the_first_that_it_names():
    def make():
        Study(data=Digits(), model=MLP(), loss=CrossEntropy(), algorithm=Adam(), labels=("a", "a"))

    with pytest.raises(ValidationError) as raised:
        make()
    (problem,) = explain(raised.value, Study)
    assert problem == Problem("labels", "`labels` must differ from one another, got ['a', 'a']")


def test_values_are_shown_as_files_write_them_and_cut():
    assert shown([True, 1.5, "a", ("b",)]) == "[true, 1.5, 'a', ['b']]"
    assert shown({"a": 1}) == "a table"
    assert shown(10**5000) == "a number too large"
    assert shown(Path("a")) == "'a'"
    assert shown("x" * 1000).endswith("…")
    assert len(shown(list(range(10**5)))) == LONGEST


def test_an_error_lists_its_problems():
    error = StudyFileError([Problem("a.b", "is wrong"), Problem("", "is odd")], "study.toml")
    assert isinstance(error, InputError)
    assert str(error) == "study.toml has 2 problems:\n  a.b: is wrong\n  is odd"


def test_messages_are_lines_of_bounded_length():
    problem = Problem("a.\n  forged: line\x1b[31m" + "x" * 10**6, "`b`\u202e " + "y" * 10**6)
    line = str(problem)
    assert line.isprintable()
    assert len(line) <= LONGEST_PATH + 2 + LONGEST_MESSAGE
    assert line.startswith(r"a.\n  forged: line\x1b[31mxxx")
    error = StudyFileError([Problem(f"p{n}", "`p` must be") for n in range(10**4)], "s.toml")
    title, *lines = str(error).split("\n")
    assert title == "s.toml has more than 50 problems; some of them:"
    assert lines == [f"  p{n}: `p` must be" for n in range(MOST_PROBLEMS)]
