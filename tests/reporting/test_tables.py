"""Tables that people and machines can read."""

from etude.reporting.markup import Html
from etude.reporting.tables import MOST, TOP, folded_table, html_table


def test_tables_are_marked_up() -> None:
    text = html_table("What <it> is", ["a", "b"], [["<x>", Html("<bdi>y</bdi>")]], label=1)
    assert "<caption>What &lt;it&gt; is</caption>" in text
    assert '<th scope="col">a</th>' in text
    assert "<td>&lt;x&gt;</td>" in text
    assert '<th scope="row" class="text"><bdi>y</bdi></th>' in text


def test_long_tables_are_folded_and_very_long_ones_end() -> None:
    rows = [[number, number] for number in range(MOST + 5)]
    assert "<details>" not in folded_table("Numbers", ["a", "b"], rows[:TOP], "number")
    folded = folded_table("Numbers", ["a", "b"], rows[: TOP + 1], "number")
    assert "<summary>Numbers: 21 numbers</summary>" in folded
    assert folded.count("<tr>") == TOP + 2
    longest = folded_table("Numbers", ["a", "b"], rows, "number")
    assert longest.count("<tr>") == MOST + 1
    assert "Numbers, the first 1,000: 1,005 numbers" in longest
