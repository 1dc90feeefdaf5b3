"""How long a run will still take."""

import pytest

from etude.execution.pace import Pace, Stretch


def test_nothing_is_told_before_anything_was_measured() -> None:
    assert Pace([Stretch(10, 5, 0.1)], workers=2).left() is None


def test_equal_members_take_what_the_first_ones_took() -> None:
    pace = Pace([Stretch(100, 20, guess=1e-3)], workers=2)
    for member in range(10):
        pace.trained(0, [member], 20, seconds=0.5)
        pace.ended(0, member, 20)
    assert pace.left() == pytest.approx(90 * 0.5 / 2)


def test_a_long_member_counts_for_what_it_has_done() -> None:
    pace = Pace([Stretch(2, 100, guess=1.0)], workers=1)
    pace.trained(0, [0], 25, seconds=50.0)
    assert pace.left() == pytest.approx((200 - 25) * 2.0)


def test_members_that_stop_early_shorten_the_rest() -> None:
    pace = Pace([Stretch(4, 100, guess=1.0)], workers=1)
    pace.trained(0, [0], 10, seconds=10.0)
    pace.ended(0, 0, 10)
    assert pace.left() == pytest.approx(3 * 10 * 1.0)


def test_a_program_that_has_not_begun_is_as_far_from_its_guess() -> None:
    pace = Pace([Stretch(10, 1, guess=1.0), Stretch(10, 1, guess=3.0)], workers=1)
    for member in range(10):
        pace.trained(0, [member], 1, seconds=2.0)
        pace.ended(0, member, 1)
    assert pace.left() == pytest.approx(10 * 6.0)


def test_a_chunk_trains_its_members_side_by_side() -> None:
    pace = Pace([Stretch(8, 10, guess=1.0)], workers=1)
    pace.trained(0, [0, 1, 2, 3], 10, seconds=4.0)
    for member in range(4):
        pace.ended(0, member, 10)
    assert pace.left() == pytest.approx(4.0)


def test_members_of_a_program_that_has_not_begun_stop_as_early() -> None:
    pace = Pace([Stretch(1, 100, guess=1.0), Stretch(3, 50, guess=1.0)], workers=1)
    pace.trained(0, [0], 20, seconds=20.0)
    pace.ended(0, 0, 20)
    assert pace.left() == pytest.approx(3 * 10 * 1.0)
