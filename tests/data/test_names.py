"""Names, as rows of letters and as letters behind a few others."""

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

import etude.testing
from etude.data.names import Names, prepare_names
from etude.validation import Grouped, Holdout


def test_a_row_is_a_name() -> None:
    prepared = prepare_names(["ab", "b", "abba"], 0)
    assert prepared.encoder.symbols == (".", "a", "b")
    np.testing.assert_array_equal(
        prepared.arrays["inputs"], [[0, 1, 2, 0, 0], [0, 2, 0, 0, 0], [0, 1, 2, 2, 1]]
    )
    np.testing.assert_array_equal(
        prepared.arrays["targets"], [[1, 2, 0, -1, -1], [2, 0, -1, -1, -1], [1, 2, 2, 1, 0]]
    )
    assert prepared.weights is not None
    np.testing.assert_allclose(prepared.weights, np.array([3, 2, 5]) * 3 / 10)
    spec = prepared.spec
    assert (spec.task, spec.inputs, spec.vocabulary, spec.classes) == ("tokens", (5,), 3, ())


def test_a_row_is_a_letter_behind_others() -> None:
    prepared = prepare_names(["ab", "b"], 3)
    np.testing.assert_array_equal(
        prepared.arrays["inputs"], [[0, 0, 0], [0, 0, 1], [0, 1, 2], [0, 0, 0], [0, 0, 2]]
    )
    np.testing.assert_array_equal(prepared.arrays["targets"], [1, 2, 0, 2, 0])
    np.testing.assert_array_equal(prepared.groups, [0, 0, 0, 1, 1])
    spec = prepared.spec
    assert (spec.task, spec.inputs, spec.vocabulary) == ("classes", (3,), 3)
    assert spec.classes == (".", "a", "b")
    assert prepared.weights is None


@pytest.mark.parametrize("context", [0, 2])
def test_a_name_that_stands_there_twice_is_one_group(context: int) -> None:
    prepared = prepare_names(["bo", "al", "bo"], context)
    rows = 1 if not context else 3
    np.testing.assert_array_equal(prepared.groups, np.repeat([1, 0, 1], rows))


@pytest.mark.parametrize("validation", [Holdout(test=0.3, validation=0.2), Grouped(folds=3)])
def test_letters_of_a_name_stay_together(validation: Holdout | Grouped) -> None:
    names = [letters * 2 for letters in ("anna", "bo", "cleo", "dan", "eve", "fay", "gil")]
    prepared = prepare_names(names, 2)
    assert prepared.groups is not None
    for split in validation.splits(prepared.rows, prepared.strata, 0, prepared.groups):
        roles = [set(prepared.groups[part]) for part in (split.train, split.validation, split.test)]
        assert sum(map(len, roles)) == len(names) == len(set.union(*roles))


@pytest.mark.parametrize("context", [0, 3])
def test_all_names(data_folder: Path, context: int) -> None:
    prepared = Names(context=context).prepare()
    assert prepared.spec.vocabulary == 27
    targets = prepared.arrays["targets"]
    assert (targets >= 0).sum() == 228_146
    # Of the 228,146 symbols as many are ends as there are names.
    assert (targets == 0).sum() == 32_033
    assert prepared.rows == (228_146 if context else 32_033)


@pytest.mark.slow
@pytest.mark.parametrize("context", [0, 2])
def test_the_kit_is_content(data_folder: Path, context: int) -> None:
    assert etude.testing.failures(Names(context=context)) == {}


def test_settings_out_of_range() -> None:
    with pytest.raises(ValidationError, match="context"):
        Names(context=-1)
