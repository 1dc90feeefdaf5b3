"""What hostile tables are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EVIL = (
    *("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</style><b>", "&lt;", "<!--"),
    *('<svg onload="alert(1)">', "</text><a xlink:href='javascript:1'>", "]]>", "javascript:1"),
    *('=HYPERLINK("http://x.org")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1", "\r=2"),
    *("＝1+1", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "\x9b31m", "\x08\x08", "\x7f", "\x00nul"),
    *("\x0b\x0c.", "\u202egnp.exe", "\u2066isolated", "\u200bempty", "\ufeffmark", "\u2028line"),
    *("\u061c.", "שלום", "two\nlines", "{{7*7}}", "${7*7}", "%s%n", "'; DROP TABLE studies;--"),
    *("../../etc/passwd", "NaN!", "ı", "ﬁ", "e\u0301", "🧪" * 20, "x" * 10_000, "\\", "`", "null."),
)
"""Text that means something else to a browser, a spreadsheet, a terminal or a shell."""


@dataclass(frozen=True)
class Case:
    """A hostile table.

    Attributes:
        title: what it is.
        make: makes it in a folder and gives its path, or makes it in memory.
        fields: the fields of `Table` that go with it.
    """

    title: str
    make: Callable[[Path], Any]
    fields: dict[str, Any] = field(default_factory=dict)


def rows(*cells: str, count: int = 30) -> str:
    """A table of x and y whose columns take the cells in turn."""
    lines = [f"{cells[n % len(cells)]},{'ab'[n % 2]}" for n in range(count)]
    return "\n".join(["x,y", *lines]) + "\n"


def text_file(content: str | bytes, name: str = "t.csv") -> Callable[[Path], str]:
    def make(folder: Path) -> str:
        path = folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    return make
