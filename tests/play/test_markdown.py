"""Text that stays text, judged by what a Markdown parser of its own makes of it."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from etude.evidence.rounding import printable
from etude.play.markdown import code, fenced, paragraphs, table, text

HOSTILE = [
    "<script>alert(1)</script>",
    "![x](http://evil.example/x.png)",
    "[click](javascript:alert(1))",
    "`code` **bold** _em_ __strong__ ~~gone~~",
    "| a | cell |",
    "# heading",
    "1. list",
    "- list",
    "+ list",
    "=== underline",
    "> quote",
    "http://evil.example and www.evil.example",
    "&lt;b&gt; &amp; &copy;",
    "a\\*b*",
    "$x^2$ and $$y$$",
    "line\n# heading\n- list",
    "    code by indentation",
    "hidden \u202e direction and \x1b[31mcolour",
]


PARSER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


def shown(line: str) -> str:
    """What a reader sees of a paragraph; it fails if anything in it is markup."""
    made = PARSER.render(line)
    inside = re.fullmatch(r"<p>(.*)</p>\n", made, re.DOTALL)
    assert inside, made
    assert "<" not in inside[1], made
    return html.unescape(inside[1])


@pytest.mark.parametrize("value", HOSTILE)
def test_no_text_becomes_markup(value: str) -> None:
    line = text(value)
    assert shown(line) == printable(" ".join(value.split()))
    # What GitHub makes a link of without being asked to.
    assert not re.search(r"(?<!\\)://", line)
    assert "www." not in line.lower()
    cell = table([("a",), (value,)])
    row = re.findall(r"<td[^>]*>(.*?)</td>", PARSER.render(cell), re.DOTALL)
    assert [html.unescape(found) for found in row] == [printable(" ".join(value.split()))]


def test_it_shows_what_was_given() -> None:
    for value in ("learning_rate=0.1", "a < b & c > d", "η = 0.5, 12 %", "0.118", "1. one"):
        assert shown(text(value)) == value
    assert text("learning_rate 0.118 (0.1 to 0.2)") == "learning_rate 0.118 (0.1 to 0.2)"
    assert shown(text("see www.example.org")) == "see www.example.org"


def test_paragraphs_are_kept_and_lines_are_not() -> None:
    assert paragraphs("one\ntwo\n\n\nthree") == "one two\n\nthree"


def test_a_table_sets_numbers_to_the_right_and_keeps_its_columns() -> None:
    made = table([("rule", "error"), ("a|b", "0.5"), ("", "-1 (-2 to 0)")])
    assert made.splitlines() == [
        "| rule | error |",
        "| --- | ---: |",
        r"| a\|b | 0.5 |",
        "|   | -1 (-2 to 0) |",
    ]


def test_a_fence_is_longer_than_any_inside() -> None:
    assert fenced("a\n```\nb\n", "toml") == "````toml\na\n```\nb\n````"
    assert code("a`b") == "`ab`"
