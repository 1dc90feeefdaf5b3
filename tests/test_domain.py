import pytest
from pydantic import ValidationError

from etude.algorithm import SGD, Adam, Optax
from etude.algorithm.schedule import Constant, Cosine
from etude.domain import Domain, Varied, placed, spelled, taken_apart, varied
from etude.model import MLP
from etude.sweep import choice, int_uniform, log_uniform, uniform


def test_the_template_has_the_middle_of_each_distribution():
    rule = varied(
        Adam,
        beta1=uniform(0.5, 0.9),
        learning_rate=log_uniform(1e-4, 1e-2),
        epochs=int_uniform(3, 8),
        schedule=choice([Cosine(), Constant()]),
    )
    assert rule.template == Adam(beta1=0.7, learning_rate=0.001, epochs=5, schedule=Cosine())
    # In the order of the component's fields, however they were given.
    assert [path for path, _ in rule.domains] == [
        ("epochs",),
        ("schedule",),
        ("learning_rate",),
        ("beta1",),
    ]


def test_domains_in_parts_and_lists():
    rule = varied(SGD, schedule=varied(Cosine, warmup=uniform(0, 0.2)))
    assert rule.domains == ((("schedule", "warmup"), uniform(0, 0.2)),)
    model = varied(MLP, widths=[8, int_uniform(4, 16)])
    assert model.template.widths == (8, 10)
    assert model.domains == ((("widths", 1), int_uniform(4, 16)),)
    assert [spelled(path) for path, _ in (*rule.domains, *model.domains)] == [
        "schedule.warmup",
        "widths[1]",
    ]
    assert model.values["widths"] == (8, int_uniform(4, 16))
    assert rule.values["schedule"] == varied(Cosine, warmup=uniform(0, 0.2))


def test_values_at_places_are_validated():
    rule = SGD(schedule=Cosine(warmup=0.1))
    changed = placed(rule, {("schedule", "warmup"): 0.2, ("learning_rate",): 0.5})
    assert changed == SGD(learning_rate=0.5, schedule=Cosine(warmup=0.2))
    with pytest.raises(ValidationError, match="greater than 0"):
        placed(rule, {("learning_rate",): -1})


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"learning_rate": uniform(-1, 1)}, "greater than 0"),
        ({"beta1": uniform(0.5, 1.5)}, "less than 1"),
        (
            {"epochs": uniform(2, 9)},
            "`epochs` takes whole numbers, which `int_uniform` gives, got `uniform`",
        ),
        ({"learning_rate": choice([0.1, -0.1])}, "greater than 0"),
        ({"rate": uniform(0.1, 0.2)}, "Extra inputs"),
    ],
)
def test_every_value_of_a_distribution_must_be_one_of_the_field(fields, message):
    with pytest.raises(ValueError, match=message):
        varied(Adam, **fields)


def test_a_domain_is_what_its_document_says():
    rule = varied(
        SGD,
        learning_rate=log_uniform(1e-3, 1.0),
        schedule=choice([Cosine(final=0.1), Constant()]),
    )
    parts, space = taken_apart({"algorithm": (Adam(), rule), "model": MLP()})
    assert parts == {"algorithm": (Adam(), rule.template)}
    assert [domain.number for domain in space] == [1, 1]
    for domain in space:
        assert Domain.from_document(domain.document(), rule.template) == domain
    nested = varied(SGD, schedule=varied(Cosine, final=choice([0.1, 0.2])))
    (domain,) = taken_apart({"algorithm": nested})[1]
    assert Domain.from_document(domain.document(), nested.template) == domain


def test_named_values_are_varied():
    entry = Optax(rule="adan", arguments={"b1": 0.9}).arguments[0]
    held = varied(type(entry), argument="b1", value=uniform(0.5, 0.9))
    rule = varied(Optax, rule="adan", arguments=(held,))
    assert isinstance(rule, Varied)
    assert rule.domains == ((("arguments", 0, "value"), uniform(0.5, 0.9)),)
