"""Every étude is found, says what it is about, and has studies that read and plan."""

import subprocess
import sys
from typing import get_args

import numpy as np
import pytest

import etude
from etude.errors import InputError
from etude.etudes import etude_called, names
from etude.etudes.base import FOLDER, CannotJudge, Etude, Verdict, logarithms

ALL = names()


def test_the_etudes_of_the_package_are_known() -> None:
    known = {path.stem for path in FOLDER.glob("*.py")} - {
        "__init__",
        "base",
        "minima",
        "pictures",
        "spread",
    }
    assert set(ALL) == known
    assert {"huber_and_outliers", "nesterov_in_a_ravine", "universal_approximation"} <= known
    assert get_args(Verdict) == ("supported", "refuted", "undecided")


@pytest.mark.parametrize("name", ALL)
def test_an_etude_says_what_it_is_about(name: str) -> None:
    found = etude_called(name)
    assert isinstance(found, Etude)
    assert found.name == name
    for word in ("title", "claim", "background", "rule", "source"):
        assert getattr(found, word) == getattr(found, word).strip() != ""
    assert len(found.title) <= 60
    assert found.claim.endswith(".")
    assert "\n" not in found.claim
    assert 1 <= len(found.background.split("\n\n")) <= 3
    for verdict in ("supported", "refuted", "undecided"):
        assert verdict in found.rule.lower(), f"the rule of {name} never says {verdict}"


@pytest.mark.parametrize("name", ALL)
def test_its_studies_read_and_plan(name: str) -> None:
    found = etude_called(name)
    files = found.files()
    studies = found.studies()
    assert studies
    for part, study in studies.items():
        # Stored under a name of its own, by which nothing else can be meant.
        assert study.name.startswith(name)
        if part in files:
            assert study.name.replace("-", "_") == files[part].stem
    # One data set and a member of each kind of choice: the others differ in numbers alone.
    for study in list(studies.values())[:2]:
        part = study.model_copy(update={"data": study.data[:1], "model": study.model[:2]})
        assert etude.plan(part).members


def test_no_two_studies_share_a_name() -> None:
    every = [study.name for name in ALL for study in etude_called(name).studies().values()]
    assert len(every) == len(set(every))


def test_every_study_file_belongs_to_an_etude() -> None:
    owned = {path for name in ALL for path in etude_called(name).files().values()}
    assert owned == set(FOLDER.glob("*.toml"))


def test_a_mistyped_name_is_answered_with_the_nearest() -> None:
    with pytest.raises(InputError, match=r"no étude called 'nesterov_in_ravine'; did you mean "):
        etude_called("nesterov_in_ravine")
    with pytest.raises(InputError, match=r"known: .*huber_and_outliers"):
        etude_called("qqqq")
    for path in ("base", "__init__", "../cli"):
        with pytest.raises(InputError, match="no étude called"):
            etude_called(path)


def test_an_etude_has_to_say_its_claim() -> None:
    with pytest.raises(TypeError, match="must say its claim"):
        type("Silent", (Etude,), {"__module__": "etude.etudes.silent", "title": "Silence"})


def test_logarithms_are_of_numbers_that_have_one() -> None:
    np.testing.assert_allclose(logarithms([[1.0, np.e]], "errors"), [[0.0, 1.0]])
    for value in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(CannotJudge, match=f"errors must be above 0 and .*one is {value:g}$"):
            logarithms([1.0, value], "errors")


def test_a_list_of_etudes_does_without_jax() -> None:
    code = (
        "import sys; from etude.etudes import etude_called, names; "
        "[etude_called(name) for name in names()]; print('jax' in sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert ended.stdout == "False\n"
