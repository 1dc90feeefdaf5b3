import tomllib

import jsonschema
import numpy as np
import polars
import pytest
from flax import nnx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etude.algorithm import SGD, Adam, Optax
from etude.algorithm.schedule import Cosine, StepDecay
from etude.algorithm.stopping import EarlyStopping
from etude.component import _registry, registered
from etude.data import Digits, Table
from etude.file import StudyFileError, parse_study, schema, write_study
from etude.file.annotation import in_files
from etude.loss import CrossEntropy, UserLoss
from etude.metric import LogLoss
from etude.model import MLP, UserModel
from etude.study import Study
from etude.sweep import grid, linear_range, log_range
from etude.validation import Holdout


def study(**parts):
    whole = {"data": Digits(), "model": MLP(), "loss": CrossEntropy(), "algorithm": Adam()}
    return Study(**(whole | parts))


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(data=st.data())
def test_a_study_written_and_read_is_the_same(random_studies, data):
    original = data.draw(random_studies)
    text = write_study(original)
    again = parse_study(text)
    assert again == original
    assert write_study(again) == text
    assert not list(EDITOR.iter_errors(tomllib.loads(text)))


EDITOR = jsonschema.Draft7Validator(schema())


@settings(max_examples=100, deadline=None)
@given(
    rates=st.lists(st.floats(1e-6, 1), min_size=1, max_size=5, unique=True),
    betas=st.lists(st.floats(0, 0.99), min_size=1, max_size=4, unique=True),
    epochs=st.lists(st.integers(1, 9), min_size=1, max_size=3, unique=True),
    order=st.permutations(["learning_rate", "beta1", "epochs"]),
    rest=st.lists(st.sampled_from(grid(SGD, learning_rate=[0.1, 1.0], epochs=[3, 4])), unique=True),
    cut=st.integers(0, 60),
)
def test_sweeps_keep_their_order(rates, betas, epochs, order, rest, cut):
    swept = {"learning_rate": rates, "beta1": betas, "epochs": epochs}
    rules = grid(Adam, **{name: swept[name] for name in order})
    mixed = (*rules[cut:], *rest, *rules[:cut])
    assert parse_study(write_study(study(algorithm=mixed))).algorithm == mixed


def test_a_product_of_sweeps_is_one_table():
    rules = grid(Adam, learning_rate=log_range(1e-4, 1e-1, 12), beta1=linear_range(0.5, 0.9, 5))
    rules += grid(SGD, learning_rate=[0.01, 0.1])
    text = write_study(study(algorithm=rules))
    assert text.count("[[algorithm]]") == 2
    assert "learning_rate = { log_range = [0.0001, 0.1], count = 12 }" in text
    assert "beta1 = { linear_range = [0.5, 0.9], count = 5 }" in text
    assert "learning_rate = { grid = [0.01, 0.1] }" in text


def test_defaults_are_left_out():
    text = write_study(study(metric=LogLoss(), seeds=3))
    assert text == (
        'name = "study"\nseeds = 3\nmetric = "log_loss"\n\n[data]\nname = "digits"\n\n'
        '[model]\nname = "mlp"\n\n[loss]\nname = "cross_entropy"\n\n'
        '[algorithm]\nname = "adam"\n\n[validation]\nname = "kfold"\n'
    )


def test_parts_of_parts_are_written():
    rules = (
        Adam(schedule=Cosine(final=0.1, warmup=0.05), stopping=EarlyStopping(patience=3)),
        Adam(schedule=StepDecay(every=2)),
        Adam(),
    )
    whole = study(algorithm=rules, validation=Holdout(validation=0.2))
    text = write_study(whole)
    assert 'schedule = { name = "cosine", warmup = 0.05, final = 0.1 }' in text
    assert parse_study(text) == whole


def test_names_and_values_are_a_table():
    rules = grid(Optax, rule="adan", arguments=[{"b1": 0.9}, {"b1": 0.95, "eps": 1e-9}])
    whole = study(algorithm=rules)
    text = write_study(whole)
    assert "arguments = { grid = [{ b1 = 0.9 }, { b1 = 0.95, eps = 1e-09 }] }" in text
    assert parse_study(text) == whole


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (kind, name)
        for kind in ("data", "model", "loss", "algorithm", "validation", "metric")
        for name, cls in registered(kind).items()
        if in_files(cls) and not any(field.is_required() for field in cls.model_fields.values())
    ],
)
def test_every_component_of_defaults_is_written_and_read(kind, name):
    whole = study(**{kind: registered(kind)[name]()})
    assert parse_study(write_study(whole)) == whole


class Net(nnx.Module):
    def __init__(self, inputs, outputs, *, rngs):
        self.readout = nnx.Linear(inputs[0], outputs, rngs=rngs)


def test_code_of_the_user_cannot_be_written():
    whole = study(
        model=(MLP(), UserModel(module=Net, label="net", version="1")),
        loss=UserLoss(function=np.square, label="square", version="1", task="classes"),
    )
    with pytest.raises(StudyFileError) as raised:
        write_study(whole)
    assert [str(problem) for problem in raised.value.problems] == [
        "model[1]: UserModel holds Python code and cannot be written to a study file",
        "loss: UserLoss holds Python code and cannot be written to a study file",
    ]


def test_a_data_frame_cannot_be_written():
    frame = polars.DataFrame({"x": [1.0, 2.0], "y": ["a", "b"]})
    whole = study(data=Table.from_frame(frame, target="y"))
    with pytest.raises(StudyFileError, match=r"data\.content: `content` holds Python code"):
        write_study(whole)


def test_a_class_that_no_name_leads_to_cannot_be_written(monkeypatch):
    whole = study(algorithm=(Adam(), Adam(schedule=Cosine())))
    monkeypatch.delitem(_registry["schedule"], "cosine")
    with pytest.raises(StudyFileError, match=r"algorithm\[1\].schedule: Cosine holds Python code"):
        write_study(whole)


def test_none_in_place_of_a_default_cannot_be_written(monkeypatch):
    monkeypatch.setattr(Adam.model_fields["stopping"], "default", EarlyStopping())
    with pytest.raises(StudyFileError, match="`stopping` is None, which TOML cannot say"):
        write_study(study())
