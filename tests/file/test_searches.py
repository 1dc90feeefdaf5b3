"""Distributions and searches in study files, and back."""

import tomllib

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etude.algorithm import SGD, Adam
from etude.algorithm.schedule import Constant, Cosine
from etude.algorithm.stopping import EarlyStopping
from etude.data import Digits
from etude.domain import varied
from etude.file import StudyFileError, parse_study, schema, write_study
from etude.loss import CrossEntropy
from etude.model import MLP, Linear
from etude.search import Bayesian, Halving, RandomSearch
from etude.study import Study
from etude.sweep import choice, grid, int_uniform, log_uniform, uniform

EDITOR = jsonschema.Draft7Validator(schema())


def bounds(low: float, high: float) -> st.SearchStrategy[tuple[float, float]]:
    return st.tuples(st.floats(low, high), st.floats(low, high)).filter(lambda b: b[0] < b[1])


def numbers(low: float, high: float) -> st.SearchStrategy[object]:
    """A number, or a distribution of such numbers."""
    return st.one_of(
        st.floats(low, high),
        bounds(low, high).map(lambda b: uniform(*b)),
        bounds(low, high).map(lambda b: log_uniform(*b)),
        st.lists(st.floats(low, high), min_size=1, max_size=3, unique=True).map(choice),
    )


SCHEDULES = st.one_of(
    st.builds(lambda final: varied(Cosine, final=final), numbers(0.01, 0.9)),
    st.just(choice([Constant(), Cosine(warmup=0.1)])),
    st.sampled_from([Constant(), Cosine(final=0.3)]),
)
RULES = st.one_of(
    st.builds(
        lambda rate, beta, schedule: varied(
            Adam, learning_rate=rate, beta1=beta, schedule=schedule
        ),
        numbers(1e-5, 1.0),
        numbers(0.1, 0.9),
        SCHEDULES,
    ),
    st.builds(lambda rate, epochs: varied(SGD, learning_rate=rate, epochs=epochs),
              numbers(1e-5, 1.0), st.sampled_from([3, int_uniform(2, 9), choice([4, 8])])),
)  # fmt: skip
MODELS = st.sampled_from(
    [MLP(), Linear(), varied(MLP, widths=[int_uniform(4, 16), 8]),
     varied(MLP, widths=choice([(8,), (16, 16)]), activation=choice(["relu", "tanh"]))]
)  # fmt: skip
SEARCHES = st.one_of(
    st.builds(RandomSearch, trials=st.integers(1, 99)),
    st.builds(Bayesian, trials=st.integers(1, 99), batch=st.integers(1, 9)),
    st.builds(Halving, trials=st.integers(1, 99), factor=st.integers(2, 5)),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    rules=st.lists(RULES, min_size=1, max_size=3, unique=True),
    models=st.lists(MODELS, min_size=1, max_size=2, unique=True),
    search=SEARCHES,
)
def test_a_searched_study_written_and_read_is_the_same(rules, models, search):
    whole = Study(
        data=Digits(),
        model=tuple(models),
        loss=CrossEntropy(),
        algorithm=tuple(rules),
        search=search,
    )
    text = write_study(whole)
    again = parse_study(text)
    assert again == whole
    assert again.document() == whole.document()
    assert write_study(again) == text
    assert not list(EDITOR.iter_errors(tomllib.loads(text)))
    assert Study.from_document(whole.document()) == whole


TEXT = """
data = { name = "digits" }
model = { name = "mlp", widths = WIDTHS }
loss = { name = "cross_entropy" }
algorithm = { name = "adam", learning_rate = RATE, epochs = EPOCHS }
SEARCH
"""


def read(rate="0.1", epochs="3", widths="[8]", search='search = { name = "random" }'):
    text = TEXT.replace("WIDTHS", widths).replace("RATE", rate).replace("EPOCHS", epochs)
    return parse_study(text.replace("SEARCH", search))


def test_a_file_says_what_python_says():
    found = read(
        "{ log_uniform = [1e-4, 1e-1] }", "{ int_uniform = [3, 9] }", "[{ choice = [8, 16] }]"
    )
    assert found == Study(
        data=Digits(),
        model=varied(MLP, widths=[choice([8, 16])]),
        loss=CrossEntropy(),
        algorithm=varied(Adam, learning_rate=log_uniform(1e-4, 1e-1), epochs=int_uniform(3, 9)),
        search=RandomSearch(),
    )
    assert read("{ uniform = [0, 1.5] }".replace("0,", "0.5,")).space[0].distribution == uniform(
        0.5, 1.5
    )


def test_grids_stay_grids_under_a_search():
    found = read("{ log_range = [0.001, 0.1], count = 3 }", "{ grid = [2, 4] }")
    assert found.algorithm == grid(Adam, learning_rate=[0.001, 0.01, 0.1], epochs=[2, 4])
    assert found.space == ()
    assert found.searched.count == 6


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        (
            {"rate": "{ uniform = [-1, 1] }"},
            "algorithm.learning_rate: `learning_rate` must be greater than 0, got -1.0",
        ),
        (
            {"rate": "{ log_uniform = [0, 1] }"},
            "algorithm.learning_rate: `low` must be greater than 0 for log_uniform, got 0",
        ),
        (
            {"rate": "{ uniform = [2, 1] }"},
            "algorithm.learning_rate: `low` must be less than `high`, got 2 and 1",
        ),
        (
            {"widths": "[{ int_uniform = [0, 4] }]"},
            "model.widths[0]: `widths[0]` must be at least 1, got 0",
        ),
        (
            {"rate": "{ uniform = 0.1 }"},
            "algorithm.learning_rate: `uniform` must be two numbers [low, high], got 0.1",
        ),
        (
            {"rate": "{ uniform = [0.1, 0.2], count = 3 }"},
            "algorithm.learning_rate.count: a uniform has no field `count`",
        ),
        (
            {"rate": "{ choice = [0.1, 0.1] }"},
            "algorithm.learning_rate: `choice` must list different values, got [0.1, 0.1]",
        ),
        (
            {"rate": "{ choice = [{ uniform = [0.1, 0.2] }] }"},
            "algorithm.learning_rate: `choice` must list values, not distributions",
        ),
        (
            {"rate": "{ uniform = [0.1, 0.2] }", "search": ""},
            "algorithm.learning_rate: `uniform` stands for values that a search draws, and there "
            "is no [search]",
        ),
        (
            {"rate": "{ unifrom = [0.1, 0.2] }"},
            "algorithm.learning_rate: `learning_rate` takes no table but `grid`, `linear_range`, "
            "`log_range`, `uniform`, `log_uniform`, `int_uniform` or `choice`",
        ),
        (
            {"search": 'search = { name = "randm" }'},
            "search.name: there is no search called 'randm'; did you mean 'random'?",
        ),
        (
            {"search": 'search = { name = "random", trials = 0 }'},
            "search.trials: `trials` must be at least 1, got 0",
        ),
        (
            {"search": 'search = { name = "random", trials = { int_uniform = [1, 2] } }'},
            "search: `search` takes no distributions; they stand in `data`, `model`, `loss` or "
            "`algorithm`",
        ),
        (
            {"rate": "{ uniform = [0.1, 0.2] }", "search": 'search = { name = "halving" }'},
            "search: `search` halving needs `trials`: there is no end to the choices that "
            "distributions give",
        ),
    ],
)
def test_problems_are_told_where_they_stand(given, problem):
    with pytest.raises(StudyFileError) as raised:
        read(**given)
    assert [str(one) for one in raised.value.problems] == [problem]


def test_a_search_draws_from_more_combinations_than_a_study_may_have():
    many = "{ linear_range = [0.1, 1], count = 400 }"
    models = f"[8], dropout = {many.replace('1]', '0.9]')}"
    found = read(many, widths=models)
    assert len(found.model) * len(found.algorithm) == 160_000
    assert found.searched.count == 160_000
    with pytest.raises(StudyFileError, match="may have at most 100,000 choices, got 160,000"):
        read(many, widths=models, search="")
    with pytest.raises(StudyFileError, match="may have at most 100,000 choices, got 160,000"):
        read(many, widths=models, search='search = { name = "halving" }')
    with pytest.raises(StudyFileError, match="`algorithm` may list at most 100,000 components"):
        read("{ linear_range = [0.1, 1], count = 200000 }")


def test_a_choice_of_nothing_cannot_be_written():
    rule = varied(Adam, stopping=choice([None, EarlyStopping()]))
    whole = Study(
        data=Digits(), model=MLP(), loss=CrossEntropy(), algorithm=rule, search=Bayesian()
    )
    with pytest.raises(StudyFileError, match="`stopping` may be None, which TOML cannot say"):
        write_study(whole)
    assert Study.from_document(whole.document()) == whole


def test_what_follows_from_the_rest_cannot_be_given():
    with pytest.raises(StudyFileError, match="there is no section or field `drawn`"):
        read(search="drawn = []")
