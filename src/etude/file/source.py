"""The text of a study file and its tables, before they mean anything."""

import re
import tomllib
from pathlib import Path
from typing import Any

from etude.file.problems import Problem, StudyFileError
from etude.study import KINDS

MOST_BYTES = 10 * 2**20
"""Study files are read up to this size."""

NUMBERED = re.compile(r"\(at line (\d+), column (\d+)\)$")


def study_text(path: Path) -> str:
    """The text of a study file."""
    if path.is_dir():
        raise StudyFileError([Problem("", "is a folder, not a study file")])
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise StudyFileError([Problem("", "there is no such file")]) from None
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
        message = f"a study file is UTF-8 text, got the byte 0x{content[error.start]:02x}"
        raise StudyFileError([Problem(f"line {line}", message)]) from None


def study_sections(text: str) -> dict[str, Any]:
    """The tables of a TOML text, before they mean anything."""
    try:
        return tomllib.loads(text)
    except ValueError as error:
        message = str(error)
        numbers = NUMBERED.search(message)
        place = f"line {numbers[1]}, column {numbers[2]}" if numbers else ""
        message = NUMBERED.sub("", message).strip()
        twice = re.search(r"Cannot declare \('(\w+)',\) twice|Cannot overwrite a value", message)
        if twice and twice[1] in KINDS:
            message += f"; write [[{twice[1]}]] for each of several"
        raise StudyFileError([Problem(place, f"not valid TOML: {message}")]) from None
