"""The text of a study file and its tables, before they mean anything."""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from etude.file.problems import Problem, StudyFileError, shown
from etude.study import SEVERAL, Study

SECTIONS = tuple(name for name in Study.model_fields if name not in ("space", "drawn"))
"""What a study file gives of a study. The rest follows from its distributions and its search."""

MOST_BYTES = 10 * 2**20
"""Study files are read up to this size."""

NUMBERED = re.compile(r"\(at line (\d+), column (\d+)\)$")

END = "(at end of document)"
"""What the parser says where something is missing there."""

PART = r"""(?:[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+"""
DEEP = re.compile(rf"^[ \t]*+\[*+[ \t]*+(?:{PART}\.[ \t]*+){{50}}", re.MULTILINE)
"""A key of more than 50 parts, for which the parser would take time and memory beyond measure."""

LONG_NUMBER = re.compile(r"[\d_]{4301,}")
"""Digits that Python does not turn into a number."""

LARGEST_NUMBER = 2**63
"""Whole numbers of TOML have 64 bits."""


def study_text(path: Path) -> str:
    """The text of a study file."""
    try:
        if path.is_dir():
            raise StudyFileError([Problem("", "is a folder, not a study file")])
        if path.exists() and not path.is_file():
            # A pipe could let us wait for ever, and can be read only once.
            raise StudyFileError([Problem("", "is a device or a pipe, not a study file")])
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise StudyFileError([Problem("", "there is no such file")]) from None
    except StudyFileError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise StudyFileError([Problem("", f"cannot be read: {reason}")]) from None
    if len(content) > MOST_BYTES:
        size = MOST_BYTES // 2**20
        raise StudyFileError([Problem("", f"is larger than the {size} MiB of a study file")])
    try:
        # Some editors put a byte order mark before the text.
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        message = f"a study file must be UTF-8 text, got the byte 0x{content[error.start]:02x}"
        raise StudyFileError([Problem(f"line {line}", message)]) from None


def study_sections(text: str) -> dict[str, Any]:
    """The tables of a TOML text, before they mean anything."""
    deep = DEEP.search(text)
    if deep:
        raise StudyFileError([Problem(_line(text, deep), "keys must have at most 50 parts")])
    try:
        sections = tomllib.loads(text)
    except ValueError as error:
        message = str(error)
        numbers = NUMBERED.search(message)
        place = f"line {numbers[1]}, column {numbers[2]}" if numbers else ""
        long = LONG_NUMBER.search(text)
        if long and "digits" in message:
            place = _line(text, long)
            message = f"a number must have at most 4,300 digits, got {len(long[0]):,}"
        elif message.endswith(END):
            place = "at the end"
        message = NUMBERED.sub("", message).removesuffix(END).strip()
        message = re.sub(r"\('(.*?)',?\)", lambda keys: keys[1].replace("', '", "."), message)
        twice = re.search(r"Cannot declare (\w+) twice|Cannot overwrite a value", message)
        if twice and twice[1] in SEVERAL:
            message += f"; write [[{twice[1]}]] for each of several"
        raise StudyFileError([Problem(place, f"not valid TOML: {message}")]) from None
    problems = list(_beyond(sections, ""))
    if problems:
        raise StudyFileError(problems)
    return sections


def _line(text: str, found: re.Match[str]) -> str:
    return f"line {text.count(chr(10), 0, found.start()) + 1}"


def _beyond(value: Any, path: str) -> Iterator[Problem]:
    """The whole numbers that have more than 64 bits."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _beyond(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _beyond(item, f"{path}[{number}]")
    elif isinstance(value, int) and not -LARGEST_NUMBER <= value < LARGEST_NUMBER:
        yield Problem(path, f"whole numbers must have at most 64 bits, got {shown(value)}")
