"""Numbers with as many digits as they can bear, and text that is safe on a terminal."""

import math
import re
import unicodedata
from collections.abc import Iterable

FORMULA_STARTS = ("=", "+", "-", "@", "＝", "＋", "－", "＠")
"""What a spreadsheet takes for the start of a formula."""

INVISIBLE = ("Cc", "Cf", "Zs", "Zl", "Zp")
"""Categories of characters that it may strip to find one."""

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")

MOST = 6
"""No more decimals than this are shown."""


def decimals_for(errors: Iterable[float | None]) -> int | None:
    """Decimals that show two significant digits of the median standard error; None without one.

    Example:
        >>> decimals_for([0.0123, 0.0145, None])
        3
    """
    known = sorted(error for error in errors if error is not None and error > 0)
    if not known:
        return None
    return min(max(0, 1 - math.floor(math.log10(known[(len(known) - 1) // 2] * 1.0000001))), MOST)


def rounded(value: float | None, decimals: int | None) -> str:
    """The value with a fixed number of decimals; "–" where there is none.

    Values that no table column could hold are written with an exponent. Without a number of
    decimals there are four, and an exponent for values too small for them.

    Example:
        >>> rounded(0.97254, 3), rounded(-0.0001, 2), rounded(1.5e9, 3), rounded(None, 2)
        ('0.973', '0.00', '1.5e+09', '–')
        >>> rounded(0.9, None), rounded(2.81e-7, None)
        ('0.9000', '2.8e-07')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 1e7:
        return f"{value:.4g}"
    if decimals is None:
        return f"{value:.4f}" if value == 0 or abs(value) >= 1e-3 else f"{value:.2g}"
    text = f"{value:.{decimals}f}"
    return text.lstrip("-") if float(text) == 0 else text


def interval_text(interval: tuple[float, float] | None, decimals: int | None) -> str:
    """Both ends of an interval: "0.962 to 0.984"."""
    if interval is None:
        return "–"
    return f"{rounded(interval[0], decimals)} to {rounded(interval[1], decimals)}"


def share_text(share: float | None) -> str:
    """A probability in per cent; never 0 or 100 where it is not exactly that.

    Example:
        >>> share_text(0.4567), share_text(0.0002), share_text(0.9999), share_text(0.0)
        ('46 %', '< 1 %', '> 99 %', '0 %')
    """
    if share is None:
        return "–"
    if 0 < share < 0.01:
        return "< 1 %"
    if 0.99 < share < 1:
        return "> 99 %"
    return f"{100 * share:.0f} %"


def counted(count: int, noun: str) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "network"), counted(1200, "network")
        ('1 network', '1,200 networks')
    """
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def printable(text: str) -> str:
    """Text in which control and direction marks are written out: they could forge a terminal.

    Example:
        >>> printable("a" + chr(27) + "[31mb" + chr(0x202E) + "c")
        'a\\\\x1b[31mb\\\\u202ec'
    """
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
        else character
        for character in text
    )


def safe_cell(text: str) -> str:
    """Text that a spreadsheet does not take for a formula; numbers stay numbers.

    Example:
        >>> safe_cell("=1+1"), safe_cell("-1")
        ("'=1+1", '-1')
    """
    start = next((c for c in text if unicodedata.category(c) not in INVISIBLE), "")
    suspect = start in FORMULA_STARTS or text.startswith(("\t", "\r", "\n"))
    return f"'{text}" if suspect and not NUMBER.fullmatch(text) else text
