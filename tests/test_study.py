import numpy as np
import pytest
from pydantic import ValidationError

from etude.algorithm import SGD, Adam, UserRule
from etude.algorithm.schedule import Cosine
from etude.data import Digits, Iris
from etude.estimator import ScikitLearn
from etude.labels import short_labels, swept_fields
from etude.loss import CrossEntropy, UserLoss
from etude.metric import Accuracy
from etude.model import MLP, Linear, UserModel
from etude.study import Choice, Study, choice_labels
from etude.sweep import grid, linear_range, log_range
from etude.validation import Holdout, KFold


def study(**parts):
    whole = {"data": Digits(), "model": MLP(), "loss": CrossEntropy(), "algorithm": Adam()}
    return Study(**(whole | parts))


def test_one_component_is_several_of_one():
    assert study() == study(data=(Digits(),), algorithm=(Adam(),))
    assert study().model == (MLP(),)


def test_choices_are_all_combinations_the_last_kind_fastest():
    whole = study(
        data=(Digits(), Iris()),
        model=(MLP(), Linear()),
        algorithm=(SGD(), Adam()),
        labels=("a", "b"),
    )
    choices = whole.choices()
    assert len(choices) == 16
    assert choices[0] == Choice(
        data=Digits(), model=MLP(), loss=CrossEntropy(), algorithm=SGD(), label="a"
    )
    assert [choice.label for choice in choices[:3]] == ["a", "b", "a"]
    assert choices[2].algorithm == Adam()
    assert choices[4].model == Linear()
    assert choices[8].data == Iris()
    assert len(set(choices)) == 16


@pytest.mark.parametrize("kind", ["data", "model", "loss", "algorithm"])
def test_every_kind_is_needed_and_of_its_own_kind(kind):
    with pytest.raises(ValidationError, match=kind):
        study(**{kind: ()})
    with pytest.raises(ValidationError, match=f"instance of {kind.capitalize()}"):
        study(**{kind: Accuracy()})
    with pytest.raises(ValidationError, match=f"instance of {kind.capitalize()}"):
        study(**{kind: [{"name": "adam"}]})


def test_equal_choices_need_labels():
    with pytest.raises(ValidationError, match=r"`algorithm` lists the same choice twice \(adam\)"):
        study(algorithm=(Adam(), SGD(), Adam()))
    with pytest.raises(ValidationError, match="`labels` must differ from one another"):
        study(labels=("a", "a"))
    assert [choice.label for choice in study(labels=("a", "b")).choices()] == ["a", "b"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seeds", 0),
        ("seed", -1),
        ("seed", 2**32),
        ("name", ""),
        ("validation", Adam()),
        ("extra", 1),
    ],
)
def test_settings_out_of_range_are_refused(field, value):
    with pytest.raises(ValidationError, match=field):
        study(**{field: value})


def test_what_differs_between_components():
    rules = (
        *grid(Adam, learning_rate=[0.1, 0.2], epochs=[3, 4]),
        SGD(),
        Adam(learning_rate=0.5, epochs=3),
    )
    assert swept_fields(grid(Adam, learning_rate=[0.1, 0.2], epochs=3)) == ("learning_rate",)
    assert swept_fields(()) == ()
    labels = short_labels(rules)
    assert labels[rules[0]] == "adam epochs=3 learning_rate=0.1"
    assert labels[rules[4]] == "sgd"


def test_labels_of_choices_say_how_they_differ():
    whole = study(
        model=grid(MLP, widths=[(64,), (64, 32)]),
        algorithm=(Adam(), Adam(schedule=Cosine()), SGD()),
        labels=("x", "y"),
    )
    labels = choice_labels(whole)
    assert len(set(labels)) == len(labels) == 12
    assert labels[0] == "mlp widths=64 · adam schedule=constant · x"
    assert labels[3] == "mlp widths=64 · adam schedule=cosine · y"
    assert labels[-1] == "mlp widths=64-32 · sgd · y"
    assert choice_labels(study()) == ("adam",)


def test_numbers_have_as_many_digits_as_tell_them_apart():
    labels = choice_labels(study(algorithm=grid(SGD, learning_rate=linear_range(0.1, 0.101, 30))))
    assert len(set(labels)) == 30
    assert labels[1] == "sgd learning_rate=0.10003"
    neighbours = [0.1, np.nextafter(0.1, 1).item()]
    assert choice_labels(study(algorithm=grid(SGD, learning_rate=neighbours))) == (
        "sgd learning_rate=0.10000000000000001",
        "sgd learning_rate=0.10000000000000002",
    )
    apart = choice_labels(study(algorithm=grid(SGD, learning_rate=[1 / 3, 0.5])))
    assert apart[0] == "sgd learning_rate=0.3333"


def test_a_baseline_that_several_choices_are_called_is_refused():
    own = UserModel(module=object, label="mlp", version="1")
    for data in (Digits(), (Digits(), Iris())):
        with pytest.raises(ValidationError, match="must name one choice, got 'mlp', which 2"):
            study(data=data, model=(MLP(), own), baseline="mlp")


def test_labels_agree_with_those_of_single_components():
    rules = (*grid(Adam, learning_rate=log_range(1e-4, 1e-1, 5)), SGD())
    assert choice_labels(study(algorithm=rules)) == tuple(short_labels(rules).values())


def test_documents():
    whole = study(
        metric=Accuracy(), validation=Holdout(test=0.3), labels=("a",), seeds=2, seed=7, name="s"
    )
    document = whole.document()
    assert document["metric"] == {"name": "accuracy"}
    assert document["validation"]["test"] == 0.3
    assert [part["name"] for part in document["algorithm"]] == ["adam"]
    assert Study.from_document(document) == whole
    choice = whole.choices()[0]
    assert choice.document()["label"] == "a"
    assert "label" not in study().choices()[0].document()
    assert choice.specification()["algorithm"]["revision"] == Adam.revision


def test_defaults():
    whole = study()
    assert (whole.validation, whole.metric, whole.seeds, whole.seed) == (KFold(), None, 1, 0)


def test_parts_of_a_user_are_told_by_label_version_and_arguments():
    """Never by what Python prints of their code, which has addresses in it."""

    def module(width):
        arguments = {"width": width, "deep": True}
        return UserModel(module=object, label="net", version="1", arguments=arguments)

    def loss(version):
        return UserLoss(function=lambda *_: 0, label="f", version=version, task="classes")

    def rule(norm):
        return UserRule(factory=max, label="r", version="1", arguments={"norm": norm})

    several = study(
        model=(module(6), UserModel(module=str, label="flat", version="1")),
        loss=(loss("1"), loss("2")),
        algorithm=(rule(1.5), rule(2)),
    )
    assert choice_labels(several) == tuple(
        f"{model} · f version={version} · r norm={norm}"
        for model in ("net", "flat")
        for version in (1, 2)
        for norm in (1.5, 2.0)
    )


def test_other_code_needs_another_version():
    losses = [
        UserLoss(function=code, label="f", version="1", task="classes") for code in (max, min)
    ]
    with pytest.raises(ValidationError, match="two different parts of one label and version, f 1"):
        study(loss=tuple(losses))
    assert len(study(loss=(losses[0], losses[1].changed(version="2"))).loss) == 2


def test_a_baseline_names_a_choice():
    rules = grid(Adam, learning_rate=[0.1, 0.2])
    assert study(algorithm=rules, baseline="adam learning_rate=0.2").baseline
    for given, hint in (
        ("adam", "did you mean 'adam learning_rate=0.1'"),
        ("adam learning_rate=0.3", "did you mean"),
        ("zzz", "the first one is 'adam learning_rate=0.1'"),
    ):
        with pytest.raises(ValidationError, match=hint):
            study(algorithm=rules, baseline=given)


def test_documents_of_studies_without_what_came_later_are_as_before():
    assert not {"baseline", "region", "estimator"} & set(study().document())
    whole = study(
        estimator=ScikitLearn(estimator="SVC", parameters={"C": 2.0}), baseline="SVC", region=0.1
    )
    assert Study.from_document(whole.document()) == whole
    assert len(whole.choices()) == 2
