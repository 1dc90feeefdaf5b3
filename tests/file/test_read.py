import itertools
import json
import tomllib

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etude.algorithm import SGD, Adam, Momentum
from etude.algorithm.optax_rule import Argument
from etude.algorithm.schedule import Cosine
from etude.file import StudyFileError, parse_study, read_study, schema, write_study
from etude.file.sweeps import MOST_CHOICES
from etude.metric import LogLoss
from etude.model import MLP
from etude.model.initializers import HeNormal, Normal
from etude.sweep import linear_range, log_range
from etude.validation import KFold

DESIGN = """
name = "optimizers-on-digits"
seed = 0
seeds = 2
[data]
name = "digits"
[model]
name = "mlp"
widths = { grid = [[64], [64, 64]] }
[loss]
name = "cross_entropy"
[[algorithm]]
name = "adam"
learning_rate = { log_range = [1e-4, 1e-1], count = 12 }
epochs = 20
batch_size = 32
[[algorithm]]
name = "sgd"
learning_rate = { grid = [0.01, 0.1] }
[validation]
name = "kfold"
folds = 5
stratified = true
"""


def text(**lines):
    """A study file with some sections replaced by these lines."""
    sections = {
        "top": "",
        "data": '[data]\nname = "digits"',
        "model": '[model]\nname = "mlp"',
        "loss": '[loss]\nname = "cross_entropy"',
        "algorithm": '[algorithm]\nname = "adam"',
    } | lines
    return "\n".join(sections.values())


def algorithm(lines, name="adam"):
    return text(algorithm=f'[algorithm]\nname = "{name}"\n{lines}')


def problems(source, folder=""):
    with pytest.raises(StudyFileError) as raised:
        parse_study(source, folder)
    return [str(problem) for problem in raised.value.problems]


def test_the_example_of_the_design():
    study = parse_study(DESIGN)
    assert study.name == "optimizers-on-digits"
    assert (study.seed, study.seeds) == (0, 2)
    assert study.model == (MLP(widths=(64,)), MLP(widths=(64, 64)))
    rates = log_range(1e-4, 1e-1, 12)
    assert study.algorithm == (
        *(Adam(learning_rate=rate, epochs=20, batch_size=32) for rate in rates),
        SGD(learning_rate=0.01),
        SGD(learning_rate=0.1),
    )
    assert study.validation == KFold(folds=5, stratified=True)
    assert len(study.choices()) == 2 * 14
    assert parse_study(write_study(study)) == study
    assert not list(jsonschema.Draft7Validator(schema()).iter_errors(tomllib.loads(DESIGN)))


def test_a_missing_validation_and_metric_have_the_defaults_of_python():
    study = parse_study(text())
    assert study.validation == KFold()
    assert study.metric is None
    assert study.name == "study"


@pytest.mark.parametrize("metric", ['metric = "log_loss"', 'metric = { name = "log_loss" }'])
def test_a_metric_is_a_name_or_a_table(metric):
    assert parse_study(text(top=metric)).metric == LogLoss()


def test_whole_numbers_stand_for_numbers():
    assert parse_study(algorithm("learning_rate = 1")).algorithm[0].learning_rate == 1.0


def test_parts_of_parts_and_sweeps_inside_them():
    lines = 'schedule = { name = "cosine", final = { grid = [0, 0.1] } }'
    study = parse_study(algorithm(lines))
    assert study.algorithm == (Adam(schedule=Cosine()), Adam(schedule=Cosine(final=0.1)))


def test_a_sweep_over_parts():
    lines = '[model]\nname = "mlp"\ninitializer = { grid = [{ name = "he_normal" }, '
    lines += '{ name = "normal", std = { grid = [0.1, 1] } }] }'
    initializers = [part.initializer for part in parse_study(text(model=lines)).model]
    assert initializers == [HeNormal(), Normal(std=0.1), Normal(std=1)]


def test_a_sweep_inside_a_list():
    lines = (
        '[model]\nname = "mlp"\nwidths = [{ grid = [8, 16] }, { linear_range = [1, 3], count = 3 }]'
    )
    widths = [part.widths for part in parse_study(text(model=lines)).model]
    assert widths == [(8, 1), (8, 2), (8, 3), (16, 1), (16, 2), (16, 3)]


def test_a_grid_of_ranges():
    lines = "learning_rate = { grid = [{ log_range = [0.001, 0.1], count = 3 }, 1] }"
    rates = [rule.learning_rate for rule in parse_study(algorithm(lines)).algorithm]
    assert rates == [0.001, 0.01, 0.1, 1.0]


def test_a_table_of_names_and_values():
    lines = 'rule = "adan"\narguments = { b1 = { grid = [0.9, 0.95] }, eps = 1e-9 }'
    first, second = parse_study(algorithm(lines, "optax")).algorithm
    assert first.arguments[0] == Argument(argument="b1", value=0.9)
    assert second.arguments[0] == Argument(argument="b1", value=0.95)
    assert first.arguments[1] == second.arguments[1] == Argument(argument="eps", value=1e-9)


def test_problems_in_a_table_of_names_and_values():
    lines = 'rule = "adan"\narguments = { b1 = true, eps = "x" }'
    assert problems(algorithm(lines, "optax")) == [
        "algorithm.arguments.b1: `value` must be a number, got true",
        "algorithm.arguments.eps: `value` must be a number, got 'x'",
    ]
    assert problems(algorithm('rule = "adan"\narguments = 3', "optax")) == [
        "algorithm.arguments: `algorithm.arguments` must be a table of names and values, got 3"
    ]


NUMBERS = st.floats(1e-6, 0.9).map(lambda number: float(f"{number:.4g}"))
SWEEPS = st.one_of(
    NUMBERS.map(lambda number: (json.dumps(number), [number])),
    st.lists(NUMBERS, min_size=1, max_size=4, unique=True).map(
        lambda numbers: (f"{{ grid = {json.dumps(numbers)} }}", numbers)
    ),
    st.tuples(st.sampled_from([0.001, 0.01]), st.sampled_from([0.1, 0.5]), st.integers(2, 5)).map(
        lambda r: (f"{{ log_range = [{r[0]}, {r[1]}], count = {r[2]} }}", log_range(*r))
    ),
    st.tuples(st.sampled_from([0.001, 0.01]), st.sampled_from([0.1, 0.5]), st.integers(2, 5)).map(
        lambda r: (f"{{ linear_range = [{r[0]}, {r[1]}], count = {r[2]} }}", linear_range(*r))
    ),
)


@settings(max_examples=100, deadline=None)
@given(
    fields=st.dictionaries(
        st.sampled_from(["learning_rate", "beta1", "beta2", "epsilon"]), SWEEPS, min_size=1
    ),
    final=SWEEPS,
)
def test_all_combinations_the_last_field_fastest(fields, final):
    lines = [f"{name} = {written}" for name, (written, _) in fields.items()]
    lines.append(f'schedule = {{ name = "cosine", final = {final[0]} }}')
    study = parse_study(algorithm("\n".join(lines)))
    expected = tuple(
        Adam(**dict(zip(fields, combination, strict=False)), schedule=Cosine(final=combination[-1]))
        for combination in itertools.product(*(v for _, v in fields.values()), final[1])
    )
    assert study.algorithm == expected
    again = parse_study(write_study(study))
    assert again == study
    assert parse_study(write_study(again)) == study


BROKEN = [
    (
        algorithm("learning_rate = -1"),
        "algorithm.learning_rate: `learning_rate` must be greater than 0, got -1",
    ),
    (
        algorithm("learning_rate = true"),
        "algorithm.learning_rate: `learning_rate` must be a number, got true",
    ),
    (
        algorithm('learning_rate = "0.1"'),
        "algorithm.learning_rate: `learning_rate` must be a number, got '0.1'",
    ),
    (
        algorithm("learning_rate = inf"),
        "algorithm.learning_rate: `learning_rate` must be a finite number, got inf",
    ),
    (algorithm("epochs = 2.5"), "algorithm.epochs: `epochs` must be a whole number, got 2.5"),
    (
        algorithm("epochs = 2020-01-02"),
        "algorithm.epochs: `epochs` must be a whole number, got 2020-01-02",
    ),
    (algorithm("epochs = true"), "algorithm.epochs: `epochs` must be a whole number, got true"),
    (
        algorithm("batch_size = 0"),
        "algorithm.batch_size: `batch_size` must be at least 1 or 'full', got 0",
    ),
    (
        algorithm("learning_rte = 1"),
        "algorithm.learning_rte: adam has no field `learning_rte`; did you mean 'learning_rate'?",
    ),
    (
        algorithm("beta1 = { grid = [0.1, 1] }"),
        "algorithm.beta1.grid[1]: `beta1` must be less than 1, got 1",
    ),
    (
        algorithm("beta1 = { grid = [] }"),
        "algorithm.beta1: `grid` must be a list of at least one value, got []",
    ),
    (
        algorithm("beta1 = { grid = [0], count = 2 }"),
        "algorithm.beta1.count: a grid has no field `count`",
    ),
    (
        algorithm("beta1 = { log_range = [0, 1], count = 2 }"),
        "algorithm.beta1: `low` must be greater than 0 on a logarithmic range, got 0",
    ),
    (
        algorithm("beta1 = { log_range = [0.1, 0.2] }"),
        "algorithm.beta1: `log_range` needs a `count` of values",
    ),
    (
        algorithm("beta1 = { log_range = [0.1, 0.2], count = 2.0 }"),
        "algorithm.beta1: `count` must be a whole number, got 2.0",
    ),
    (
        algorithm("beta1 = { log_range = [0.1, true], count = 2 }"),
        "algorithm.beta1: `log_range` must be two numbers [low, high], got [0.1, true]",
    ),
    (
        algorithm("beta1 = { linear_range = [0.1, 0.2], cont = 2 }"),
        "algorithm.beta1.cont: a linear_range has no field `cont`; did you mean 'count'?",
    ),
    (
        algorithm("beta1 = { gird = [1] }"),
        "algorithm.beta1: `beta1` takes no table but `grid`, `linear_range` or `log_range`",
    ),
    (
        algorithm("schedule = { final = 1 }"),
        "algorithm.schedule: `name` is needed to choose a schedule; known: constant, cosine, "
        "exponential, linear, one_cycle, step",
    ),
    (
        algorithm('schedule = "cosine"'),
        "algorithm.schedule: `schedule` must be a schedule, got 'cosine'",
    ),
    (
        algorithm('schedule = { name = "cosin" }'),
        "algorithm.schedule.name: there is no schedule called 'cosin'; did you mean 'cosine'?",
    ),
    (
        algorithm('schedule = { name = "cosine", final = 2 }'),
        "algorithm.schedule.final: `final` must be at most 1, got 2",
    ),
    (
        algorithm('schedule = { name = "cosine" }', "adadelta"),
        "algorithm.schedule: `schedule` changes a learning rate and adadelta has none, got cosine",
    ),
    (
        text(data='[data]\nname = "digit"'),
        "data.name: there is no data called 'digit'; did you mean 'digits'?",
    ),
    (text(data='data = "digits"'), "data: `data` must be a table with a `name`, got 'digits'"),
    (text(data="[data]\nname = 3"), "data.name: `name` must be text, got 3"),
    (text(data=""), "data: `data` is needed and not given"),
    (text(data="data = []"), "data: `data` must be a table with a `name`, or several, got []"),
    (
        text(top='metric = "acuracy"'),
        "metric.name: there is no metric called 'acuracy'; did you mean 'accuracy'?",
    ),
    (text(top="seeds = 0"), "seeds: `seeds` must be at least 1, got 0"),
    (text(top="seeds = true"), "seeds: `seeds` must be a whole number, got true"),
    (text(top='name = ""'), "name: `name` must be text of 1 or more characters, got ''"),
    (text(top="labels = [1]"), "labels[0]: `labels[0]` must be text, got 1"),
    (
        text(top='labels = ["a", "a"]'),
        "labels: `labels` must differ from one another, got ['a', 'a']",
    ),
    (
        text(top='[validaton]\nname = "kfold"'),
        "validaton: there is no section or field `validaton`; did you mean 'validation'?",
    ),
    (
        text(top='[validation]\nname = "kfold"\nfolds = { grid = [2, 3] }'),
        "validation: `validation` must be one, got 2; "
        "sweeps stand in `data`, `model`, `loss`, `algorithm` or `estimator`",
    ),
    (
        text(top='[validation]\nname = "holdout"\ntest = 0.5\nvalidation = 0.5'),
        "validation.test: `test` and `validation` must add up to less than 1, got 0.5 and 0.5",
    ),
    (
        text(model='[model]\nname = "mlp"\nwidths = [4, 0]'),
        "model.widths[1]: `widths[1]` must be at least 1, got 0",
    ),
    (
        text(model='[model]\nname = "mlp"\nwidths = []'),
        "model.widths: `widths` must be a list of 1 or more values, got []",
    ),
    (
        text(model='[model]\nname = "mlp"\nwidths = 64'),
        "model.widths: `widths` must be a list, got 64",
    ),
    (
        text(model='[[model]]\nname = "mlp"\n[[model]]\nname = "mlp"'),
        "model: `model` lists the same choice twice (mlp); give equal choices different `labels`",
    ),
]


@pytest.mark.parametrize(("source", "message"), BROKEN, ids=[message for _, message in BROKEN])
def test_a_problem_is_told_with_place_rule_and_value(source, message):
    found = problems(source)
    assert found[0].startswith(message) if "same choice" in message else found == [message]


def test_all_problems_are_told_at_once_in_the_order_of_the_file():
    found = problems(
        text(
            top='seds = 1\n[validation]\nname = "kfold"\nfolds = 1',
            data='[data]\nname = "digit"',
            model='[model]\nname = "mlp"\nwidths = { grid = [[64], [64, 0]] }\nactivation = "rlu"',
            algorithm="""
[[algorithm]]
name = "adam"
learning_rate = -1
beta1 = { grid = [1, 2] }
[[algorithm]]
name = "sgdd"
""",
        )
    )
    places = [problem.split(": ")[0] for problem in found]
    assert places == [
        "seds",
        "validation.folds",
        "data.name",
        "model.activation",
        "model.widths.grid[1][1]",
        "algorithm[0].learning_rate",
        "algorithm[0].beta1.grid[0]",
        "algorithm[0].beta1.grid[1]",
        "algorithm[1].name",
    ]


def test_a_problem_of_fields_together_is_not_told_while_one_of_them_is_wrong():
    source = text(
        top='[validation]\nname = "holdout"\ntest = 0.5\nvalidation = 0.5\nstratifed = true'
    )
    assert problems(source) == [
        "validation.stratifed: holdout has no field `stratifed`; did you mean 'stratified'?"
    ]


def test_a_component_that_holds_code_is_not_offered():
    assert problems(text(loss='[loss]\nname = "user_loss"'))[0].startswith(
        "loss.name: there is no loss called 'user_loss'"
    )


def test_the_number_of_choices_is_bounded_before_they_are_made():
    ranges = "\n".join(
        f"{name} = {{ linear_range = [0.1, 0.9], count = 1000 }}" for name in ("beta1", "beta2")
    )
    assert problems(algorithm(ranges)) == [
        f"a study may have at most {MOST_CHOICES:,} choices, got 1,000,000"
    ]
    assert problems(algorithm(f"beta1 = {{ linear_range = [0, 0.5], count = {10**17} }}")) == [
        f"a study may have at most {MOST_CHOICES:,} choices, got more than a quadrillion"
    ]


@pytest.mark.parametrize("source", ["a = " + "[" * 5000, algorithm(f"beta1{'.a' * 5000} = 1")])
def test_values_nested_too_deeply(source):
    assert problems(source)


def test_paths_of_data_start_at_the_folder_of_the_file(tmp_path):
    source = text(
        data='[data]\nname = "table"\npath = { grid = ["a.csv", "/b.csv"] }\ntarget = "y"'
    )
    path = tmp_path / "study.toml"
    path.write_text(source)
    study = read_study(path)
    assert [data.path for data in study.data] == [str(tmp_path / "a.csv"), "/b.csv"]
    assert parse_study(write_study(study), "elsewhere") == study
    assert [data.path for data in parse_study(source).data] == ["a.csv", "/b.csv"]


def test_several_sections_of_a_kind_are_joined():
    lines = "".join(f'[[algorithm]]\nname = "{name}"\n' for name in ("momentum", "sgd", "momentum"))
    lines += "momentum = 0.5"
    assert parse_study(text(algorithm=lines)).algorithm == (
        Momentum(),
        SGD(),
        Momentum(momentum=0.5),
    )
