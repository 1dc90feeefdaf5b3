"""The study files that come with the package can be read and say what they promise."""

import tomllib
from pathlib import Path

import jsonschema
import pytest

from etude.algorithm.basics import BASICS
from etude.component import registered
from etude.data import Digits
from etude.file import parse_study, read_study, schema, write_study
from etude.labels import swept_fields
from etude.loss import CrossEntropy
from etude.model import MLP
from etude.validation import Nested, Stratified, TimeSeries

FOLDER = Path(__file__).parents[2] / "studies"


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.toml")), ids=lambda path: path.stem)
def test_every_study_is_read_and_written(path):
    study = read_study(path)
    assert study.name == path.stem.replace("_", "-")
    assert parse_study(write_study(study)) == study
    assert not list(
        jsonschema.Draft7Validator(schema()).iter_errors(tomllib.loads(path.read_text("utf-8")))
    )


def test_the_headline_study():
    study = read_study(FOLDER / "optimizers_on_digits.toml")
    assert (study.data, study.model, study.loss) == ((Digits(),), (MLP(),), (CrossEntropy(),))
    assert study.validation == Stratified(folds=5)
    assert len(study.choices()) * study.validation.folds * study.seeds == 960
    assert {(rule.epochs, rule.batch_size) for rule in study.algorithm} == {(20, 32)}
    for cls in BASICS:
        rules = tuple(rule for rule in study.algorithm if type(rule) is cls)
        assert len(rules) == 12
        swept = "decay" if cls is registered("algorithm")["adadelta"] else "learning_rate"
        assert swept_fields(rules) == (swept,)


def test_a_nested_validation_is_read_and_written_back():
    nested = Nested(outer=TimeSeries(folds=3, validation=0.1), inner=TimeSeries(folds=2, gap=1))
    study = read_study(FOLDER / "smallest.toml").model_copy(update={"validation": nested})
    text = write_study(study)
    assert parse_study(text) == study
    assert 'outer = { name = "time_series"' in text
