import itertools
import random
from collections import Counter

import pytest

from etude.algorithm import SGD, Adam, Momentum
from etude.algorithm.schedule import Constant, Cosine
from etude.component import Component
from etude.data import Digits
from etude.domain import varied
from etude.errors import InputError
from etude.loss import CrossEntropy
from etude.model import MLP, Linear
from etude.search import Bayesian, Halving, RandomSearch
from etude.search.space import Space
from etude.study import Study
from etude.sweep import choice, grid, int_uniform, log_uniform, sample, uniform


def study(**parts):
    whole = {"data": Digits(), "model": MLP(), "loss": CrossEntropy(), "algorithm": Adam()}
    return Study(**({"search": RandomSearch(trials=4)} | whole | parts))


def rules(space: Space, trials: int, seed: int = 0) -> list[Component]:
    return [parts[-1] for parts in space.drawn(trials, seed)]


@pytest.mark.parametrize("seed", [0, 7])
def test_one_varied_component_is_drawn_as_sample_draws_it(seed):
    fields = {
        "epochs": int_uniform(3, 9),
        "learning_rate": log_uniform(1e-4, 1e-1),
        "beta1": uniform(0.5, 0.99),
    }
    space = study(algorithm=varied(Adam, **fields)).searched
    assert tuple(rules(space, 20, seed)) == sample(Adam, 20, seed=seed, **fields)


def test_more_trials_begin_with_the_same():
    space = study(algorithm=varied(Adam, learning_rate=log_uniform(1e-4, 1e-1))).searched
    assert space.drawn(9, 1)[:5] == space.drawn(5, 1) != space.drawn(5, 2)


def test_a_grid_is_drawn_field_by_field():
    swept = grid(Adam, learning_rate=[0.1, 0.01], beta1=[0.8, 0.9, 0.99])
    space = study(algorithm=swept, model=(MLP(), Linear())).searched
    assert space.count == 12
    drawn = space.drawn(12, 0)
    assert {parts[1:] for parts in drawn} == {
        (model, CrossEntropy(), rule) for model, rule in itertools.product((MLP(), Linear()), swept)
    }
    asked = []
    space.draw(lambda name, values: asked.append(name) or values.values[0])
    assert asked == ["model", "algorithm.learning_rate", "algorithm.beta1"]


def test_what_is_no_product_is_drawn_as_it_is():
    swept = (SGD(learning_rate=0.1, epochs=3), SGD(learning_rate=0.2, epochs=4))
    asked = []

    def choose(name, values):
        asked.append((name, values))
        return values.values[1]

    assert study(algorithm=swept).searched.draw(choose)[-1] == swept[1]
    assert asked == [("algorithm", choice(swept))]


def test_classes_are_equally_likely_and_every_one_has_its_own_fields():
    space = study(
        algorithm=(varied(Adam, learning_rate=uniform(0.1, 0.2)), *grid(SGD, epochs=[3, 4, 5]))
    ).searched
    generator = random.Random(0)
    drawn = [space.draw(lambda name, values: values.draw(generator))[-1] for _ in range(400)]
    counts = Counter(type(rule) for rule in drawn)
    assert 160 < counts[Adam] < 240
    assert all(0.1 <= rule.learning_rate <= 0.2 for rule in drawn if isinstance(rule, Adam))
    assert {rule.epochs for rule in drawn if isinstance(rule, SGD)} == {3, 4, 5}


def test_parts_of_parts_and_lists_are_varied():
    rule = varied(
        Momentum, schedule=varied(Cosine, final=uniform(0, 0.5)), momentum=choice([0.5, 0.9])
    )
    model = varied(MLP, widths=[int_uniform(4, 9), 16])
    for parts in study(algorithm=rule, model=model).searched.drawn(8, 3):
        assert 4 <= parts[1].widths[0] <= 9
        assert parts[1].widths[1] == 16
        assert 0 <= parts[3].schedule.final <= 0.5
    schedules = varied(SGD, schedule=choice([Constant(), Cosine()]))
    assert {r.schedule for r in rules(study(algorithm=schedules).searched, 2)} == {
        Constant(),
        Cosine(),
    }


def test_a_draw_that_cannot_be_is_told_with_what_was_chosen():
    space = study(algorithm=varied(Adam, learning_rate=uniform(0.1, 0.2))).searched

    def check(parts):
        if parts[-1].learning_rate > 0.15:
            raise InputError("too fast")

    space = space.checked(check)
    with pytest.raises(InputError, match=r"draws algorithm.learning_rate = 0.1\d+, .*: too fast"):
        space.drawn(40, 0)
    assert len(space.refused) == 1
    broken = varied(Cosine, warmup=uniform(0.1, 0.9), final=uniform(0.1, 0.9))
    assert len(rules(study(algorithm=varied(SGD, schedule=broken)).searched, 4)) == 4


def test_too_many_trials_are_refused():
    space = study(algorithm=grid(SGD, learning_rate=[0.1, 0.2])).searched
    with pytest.raises(InputError, match=r"`trials` must be at most 2, .* got 3"):
        space.drawn(3, 0)
    tiny = study(algorithm=varied(SGD, learning_rate=uniform(0.1, 0.100002))).searched
    with pytest.raises(InputError, match="`trials` must be at most 3"):
        tiny.drawn(50, 0)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"algorithm": varied(Adam, beta1=uniform(0, 0.5)), "search": None}, "need a `search`"),
        ({"data": varied(Digits, scale=choice(["none", "standard"]))}, "in `augment` alone"),
        ({"algorithm": varied(Adam, beta1=uniform(0, 0.5)), "search": Halving()}, "needs `trials`"),
        ({"data": (Digits(), Digits(scale="none"))}, "on one data set, got 2"),
        ({"labels": ("a", "b")}, "`labels` tell equal choices apart"),
        ({"baseline": "adam"}, "must name an estimator"),
    ],
)
def test_studies_that_cannot_be_searched_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        study(**parts)


def test_a_study_with_a_search_is_what_its_document_says():
    rule = varied(
        Adam,
        learning_rate=log_uniform(1e-4, 1e-1),
        schedule=choice([Constant(), Cosine(final=0.1)]),
    )
    model = varied(MLP, widths=choice([(8,), (16, 16)]))
    whole = study(model=model, algorithm=(rule, SGD()), search=Bayesian(trials=3))
    assert Study.from_document(whole.document()) == whole
    begun = whole.begun()
    assert Study.from_document(begun.document()) == begun != whole
    assert begun.specification() == whole.specification() == whole.document()
    assert len(begun.choices()) == len(begun.drawn) == 3


def test_studies_without_a_search_keep_their_documents():
    plain = study(search=None)
    assert not {"search", "space", "drawn"} & plain.document().keys()
    assert plain.specification() == plain.document()
