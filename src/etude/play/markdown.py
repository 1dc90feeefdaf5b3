"""Markdown in which no text becomes markup: every character that could is escaped."""

import re
from collections.abc import Sequence

from etude.evidence.rounding import printable

_MARKS = re.compile(r"[\\`*\[\]<>|~&$]|(?<![^\W_])_|_(?![^\W_])")
"""What means something anywhere in a line; an underscore inside a word means nothing."""

_FIRST = re.compile(r"^([#+=-]|\d+(?=[.)](\s|$)))")
"""What means something at the start of a line: headings, lists, rules, tables."""


def text(value: str) -> str:
    """A text as one line of Markdown that shows it as it is.

    Example:
        >>> text("learning_rate <b>0.1</b> | *new*")
        'learning_rate \\\\<b\\\\>0.1\\\\</b\\\\> \\\\| \\\\*new\\\\*'
    """
    return _FIRST.sub(_harmless, _inside(value))


def _inside(value: str) -> str:
    """The same where it does not begin a line."""
    line = _MARKS.sub(r"\\\g<0>", printable(" ".join(value.split())))
    # Addresses are made links without being asked to.
    line = line.replace("://", r"\://")
    return re.sub(r"(?i)\bw(?=ww\.)", lambda found: f"&#{ord(found[0])};", line)


def _harmless(found: re.Match[str]) -> str:
    # A number keeps its digits: it is the mark behind it that would make a list of it.
    return f"{found[0]}\\" if found[0].isdigit() else f"\\{found[0]}"


def paragraphs(value: str) -> str:
    """Texts that are separated by empty lines, as paragraphs."""
    return "\n\n".join(text(part) for part in re.split(r"\n\s*\n", value.strip()))


def table(rows: Sequence[Sequence[str]]) -> str:
    """A table of texts, the header first; columns of numbers are set to the right."""
    header, *body = [[_inside(cell) or " " for cell in row] for row in rows]
    numeric = [
        bool(body) and all(_is_number(row[column]) for row in rows[1:])
        for column in range(len(header))
    ]
    ruler = ["---:" if right else "---" for right in numeric]
    return "\n".join(f"| {' | '.join(row)} |" for row in [header, ruler, *body])


def _is_number(cell: str) -> bool:
    return re.match(r"[-−+]?[\d.]+", cell.strip()) is not None or cell.strip() in ("", "–")


def code(value: str) -> str:
    """A command or a path, set as code."""
    return f"`{printable(value).replace('`', '')}`"


def fenced(value: str, language: str) -> str:
    """Lines of code; the fence is longer than any in them."""
    lines = "\n".join(printable(line) for line in value.strip("\n").split("\n"))
    longest = max((len(run) for run in re.findall(r"`+", lines)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{lines}\n{fence}"
