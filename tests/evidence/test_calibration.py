"""False alarms on null studies (RULES 18 and 21), with the simulations of docs/statistics.md.

All random numbers are fixed, so a failure is a change of the code and never bad luck.
"""

import importlib.util
import math
import re
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from etude.evidence.paired import against

ROOT = Path(__file__).parents[2]


def at_most(studies: int) -> int:
    """The most rejections at 5 % in so many null studies: more come in less than 1 of 100."""
    left = 1.0
    for count in range(studies + 1):
        left -= math.comb(studies, count) * 0.05**count * 0.95 ** (studies - count)
        if left < 0.01:
            return count
    raise AssertionError("the chances of all counts sum to 1")


def test_the_limit_of_500_studies_is_that_of_the_rules() -> None:
    assert at_most(500) == 37


@pytest.fixture(scope="module")
def nulls() -> ModuleType:
    """The script that makes the tables."""
    place = ROOT / "benchmarks" / "null_studies.py"
    specification = importlib.util.spec_from_file_location("null_studies", place)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["null_studies"] = module
    specification.loader.exec_module(module)
    return module


def _alarms(nulls: ModuleType, kind: str, choices: int, folds: int, studies: int = 500) -> int:
    random = np.random.default_rng([18, choices, folds])
    scores = nulls.KINDS[kind](random, studies, choices, folds)
    return int((~nulls.may_be_best(scores).all(axis=1)).sum())


@pytest.mark.parametrize(("repeats", "naive"), [(1, 0.154), (10, 0.572)])
def test_one_comparison(nulls: ModuleType, repeats: int, naive: float) -> None:
    """RULES 18: with 20,000 simulations, the standard errors are .0035 and .0015."""
    random = np.random.default_rng(18)
    count = 10 * repeats
    values = np.sqrt(0.1) * random.normal(size=(20_000, 1))
    values = values + np.sqrt(0.9) * random.normal(size=(20_000, count))
    assert nulls.rejects(values, 0.0).mean() == pytest.approx(naive, abs=0.01)
    assert nulls.rejects(values, 1 / 9).mean() == pytest.approx(0.0495, abs=0.0045)


@pytest.mark.parametrize(("choices", "share"), [(2, 0.05), (10, 0.10), (96, 0.24)])
def test_against_the_best_the_corrected_test_with_holm_is_wrong(
    nulls: ModuleType, choices: int, share: float
) -> None:
    """RULES 21, 5 folds: the reason why the set of possible bests is another test."""
    scores = nulls.equal(np.random.default_rng(21), 4_000, choices, 5)
    found = nulls.against_best(scores, 1 / 4, choices - 1).mean()
    assert found == pytest.approx(share, abs=0.03)
    baseline = nulls.against_first(scores, 1 / 4, choices - 1).mean()
    assert baseline <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 4_000)


@pytest.mark.parametrize("folds", [5, 10])
@pytest.mark.parametrize("choices", [2, 10])
def test_equal_choices_are_seldom_called_worse_than_the_best(
    nulls: ModuleType, choices: int, folds: int
) -> None:
    assert 0 < _alarms(nulls, "as supposed", choices, folds) <= at_most(500)


@pytest.mark.slow
@pytest.mark.parametrize("folds", [5, 10])
def test_nor_of_96(nulls: ModuleType, folds: int) -> None:
    assert 0 < _alarms(nulls, "as supposed", 96, folds, studies=1_500) <= at_most(1_500)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    [
        "noise of choices differs",
        "one choice 8 × as noisy",
        "neighbours alike (0.9)",
        "groups of 12 alike",
        "a tenth apart from the rest",
        "accuracy on 30 rows",
    ],
)
def test_nor_where_noise_differs_or_choices_are_related(nulls: ModuleType, kind: str) -> None:
    assert _alarms(nulls, kind, 10, 5) <= at_most(500)


@pytest.mark.slow
@pytest.mark.parametrize("folds", [5, 10])
def test_a_worse_half_does_not_take_good_choices_with_it(nulls: ModuleType, folds: int) -> None:
    """Clearly worse choices are set aside in steps; the rest keeps its level."""
    scores = nulls.equal(np.random.default_rng([21, folds]), 500, 24, folds)
    scores[:, 12:] -= 8
    called = ~nulls.may_be_best(scores)
    assert called[:, 12:].mean() > 0.99
    assert called[:, :12].any(axis=1).sum() <= at_most(500)


def test_what_is_clearly_worse_is_found(nulls: ModuleType) -> None:
    scores = nulls.equal(np.random.default_rng(5), 100, 10, 10)
    scores[:, 9] -= 3
    assert (~nulls.may_be_best(scores))[:, 9].mean() > 0.9


@pytest.mark.parametrize(("choices", "folds"), [(2, 10), (10, 5)])
def test_against_a_baseline(nulls: ModuleType, choices: int, folds: int) -> None:
    scores = nulls.equal(np.random.default_rng([17, choices]), 500, choices, folds)
    alarms = sum(
        any(found.verdict != "undecided" for found in against(nulls.comparison(values), 0))
        for values in scores
    )
    assert alarms <= at_most(500)
    # The script divides the level, which is the first step of Holm.
    assert alarms == nulls.against_first(scores, 1 / (folds - 1), choices - 1).sum()


def test_the_tables_stand_in_the_documentation_and_hold_the_level(nulls: ModuleType) -> None:
    text = (ROOT / "docs" / "statistics.md").read_text(encoding="utf-8")
    for name in nulls.SECTIONS:
        table = text.partition(f"<!-- {name}: begin -->")[2].partition(f"<!-- {name}: end -->")[0]
        assert "| ---: |" in table, name
    levels = text.partition("<!-- levels: begin -->")[2].partition("<!-- levels: end -->")[0]
    rows = [row.split("|") for row in levels.splitlines() if re.match(r"\| \d", row)]
    assert [(row[1].strip(), row[2].strip()) for row in rows] == [
        (folds, choices) for folds in ("5", "10") for choices in ("2", "10", "96")
    ]
    for row in rows:
        for cell in (row[4], row[7]):
            share, error = (float(part) for part in cell.split("±"))
            assert share <= 0.05 + 3 * error


def test_sections_are_replaced_and_the_rest_is_kept(nulls: ModuleType, tmp_path: Path) -> None:
    file = tmp_path / "statistics.md"
    file.write_text("before\n<!-- a: begin -->\nold\n<!-- a: end -->\nafter\n", encoding="utf-8")
    nulls.write_section(file, "a", "new")
    text = file.read_text(encoding="utf-8")
    assert text == "before\n<!-- a: begin -->\nnew\n<!-- a: end -->\nafter\n"
    with pytest.raises(ValueError, match="must hold the markers <!-- b: begin -->"):
        nulls.write_section(file, "b", "new")
