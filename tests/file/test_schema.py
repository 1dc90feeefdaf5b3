import json
import tomllib

import jsonschema
import pytest

from etude.component import registered
from etude.file import parse_study, schema
from etude.file.annotation import annotation_of, expressible, in_files

SCHEMA = schema()
EDITOR = jsonschema.Draft7Validator(SCHEMA)
START = """
data = { name = "digits" }
loss = { name = "cross_entropy" }
model = { name = "mlp", widths = [{ grid = [8, 16] }, 4] }
"""


def accepted(text):
    return not list(EDITOR.iter_errors(tomllib.loads(START + text)))


def test_it_is_a_schema_of_draft_7_with_definitions():
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "$defs" not in json.dumps(SCHEMA)
    json.loads(json.dumps(SCHEMA, allow_nan=False))


def test_every_reference_leads_to_a_definition():
    text = json.dumps(SCHEMA)
    for part in text.split('"$ref": "#/definitions/')[1:]:
        assert part.split('"')[0] in SCHEMA["definitions"]


@pytest.mark.parametrize(
    "kind",
    ["data", "model", "initializer", "loss", "metric", "algorithm", "schedule", "stopping"],
)
def test_every_component_is_there_with_its_fields(kind):
    for name, cls in registered(kind).items():
        definition = SCHEMA["definitions"].get(f"{kind}.{name}")
        assert (definition is not None) == in_files(cls)
        if definition is not None:
            fields = [n for n, f in cls.model_fields.items() if expressible(annotation_of(f))]
            assert list(definition["properties"]) == ["name", *fields]
            assert definition["description"]


def test_rules_defaults_and_texts_of_fields():
    rate = SCHEMA["definitions"]["algorithm.adam.learning_rate"]
    assert rate["description"] == "η."
    assert rate["default"] == 0.001
    assert rate["anyOf"][0] == {"exclusiveMinimum": 0, "type": "number"}
    beta = SCHEMA["definitions"]["algorithm.adam.beta1"]["anyOf"][0]
    assert (beta["minimum"], beta["exclusiveMaximum"]) == (0, 1)


ALGORITHMS = [
    ('algorithm = { name = "adam" }', True),
    ('[[algorithm]]\nname = "adam"\n[[algorithm]]\nname = "sgd"', True),
    ('algorithm = { name = "adam", learning_rate = 1 }', True),
    ('algorithm = { name = "adam", learning_rate = { grid = [0.1, 1] } }', True),
    ('algorithm = { name = "adam", learning_rate = { log_range = [0.1, 1], count = 3 } }', True),
    (
        'algorithm = { name = "adam", learning_rate = '
        "{ grid = [{ linear_range = [0.1, 1], count = 3 }, 2] } }",
        True,
    ),
    ('algorithm = { name = "adam", batch_size = "full" }', True),
    ('algorithm = { name = "adam", batch_size = { grid = ["full", 1] } }', True),
    ('algorithm = { name = "adam", schedule = { name = "cosine", final = { grid = [0] } } }', True),
    (
        'algorithm = { name = "adam", schedule = { grid = [{ name = "cosine" }, '
        '{ name = "step" }] } }',
        True,
    ),
    ('algorithm = { name = "optax", rule = "adan", arguments = { b1 = { grid = [0.1] } } }', True),
    ('algorithm = { name = "adam", learning_rate = 0 }', False),
    ('algorithm = { name = "adam", learning_rate = true }', False),
    ('algorithm = { name = "adam", learning_rate = "x" }', False),
    ('algorithm = { name = "adam", learning_rate = { grid = [] } }', False),
    ('algorithm = { name = "adam", learning_rate = { grid = [0] } }', False),
    ('algorithm = { name = "adam", learning_rate = { log_range = [0, 1], count = 3 } }', False),
    ('algorithm = { name = "adam", learning_rate = { log_range = [0.1, 1] } }', False),
    ('algorithm = { name = "adam", batch_size = "half" }', False),
    ('algorithm = { name = "adam", lr = 1 }', False),
    ('algorithm = { name = "adm" }', False),
    ('algorithm = { name = "optax" }', False),
    ('algorithm = { name = "optax", rule = "adan", arguments = { b1 = "x" } }', False),
    ('algorithm = { name = "user_rule" }', False),
    ('algorithm = "adam"', False),
    ("algorithm = []", False),
    ('algorithm = { name = "adam", schedule = { name = "relu" } }', False),
    ('algorithm = { name = "adam" }\nseeds = 0', False),
    ('algorithm = { name = "adam" }\nseeds = { grid = [1] }', False),
    ('algorithm = { name = "adam" }\nmetric = "accuracy"', True),
    ('algorithm = { name = "adam" }\nmetric = { name = "accuracy" }', True),
    ('algorithm = { name = "adam" }\nmetric = "acuracy"', False),
    ('algorithm = { name = "adam" }\nvalidation = { name = "kfold", folds = 3 }', True),
    ('algorithm = { name = "adam" }\nvalidation = { name = "kfold", folds = 1 }', False),
    ('algorithm = { name = "adam" }\nsearch = 1', False),
    ("", False),
]


@pytest.mark.parametrize(("text", "right"), ALGORITHMS)
def test_editor_and_reader_agree(text, right):
    assert accepted(text) == right
    try:
        parse_study(START + text)
    except ValueError:
        assert not right
    else:
        assert right
