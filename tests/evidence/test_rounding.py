"""Digits and text."""

import pytest

from etude.evidence.rounding import decimals_for, interval_text, printable, rounded, share_text


@pytest.mark.parametrize(
    ("errors", "decimals"),
    [([0.05], 3), ([0.0123], 3), ([0.0012], 4), ([12.0], 0), ([1e-9], 6), ([None, 0.0], None)],
)
def test_two_digits_of_the_standard_error_are_shown(errors, decimals: int | None) -> None:
    assert decimals_for(errors) == decimals


def test_numbers_as_text() -> None:
    assert rounded(float("nan"), 3) == rounded(float("inf"), 3) == "–"
    assert rounded(-0.0004, 3) == "0.000"
    assert interval_text((0.1, 0.25), 2) == "0.10 to 0.25"
    assert share_text(None) == "–"
    assert share_text(1.0) == "100 %"


def test_nothing_printable_steers_a_terminal() -> None:
    text = printable("plain é 中 \x1b[2J\u202ea\u2028b\r\n\x07\u200f")
    assert text.isprintable()
    assert text.startswith("plain é 中 \\x1b[2J\\u202ea")
