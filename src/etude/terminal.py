"""What the command line says: answers on standard output, errors on standard error."""

import io
import json
import os
import sys
from pathlib import Path
from typing import Any

import typer

from etude.errors import InputError
from etude.evidence.rounding import printable

LONGEST_LINE = 1000
"""Lines of errors are cut here: what a user gave stands in them, and may be of any length."""

PIPE_WIDTH = 200
"""Tables that are not drawn on a terminal are this wide at most."""


def say(text: str) -> None:
    """Print lines of text, with control and direction characters written out."""
    typer.echo(_lines(text))


def tell_error(text: str) -> None:
    """Print lines of text to standard error, as `say` does; lines beyond reading are cut."""
    lines = (printable(line[: LONGEST_LINE + 1]) for line in text.split("\n"))
    cut = (line if len(line) <= LONGEST_LINE else f"{line[:LONGEST_LINE]}…" for line in lines)
    typer.echo("\n".join(cut), err=True)


def show_table(table: Any) -> None:
    """Draw a table with emphasis on a terminal; as plain text elsewhere and under NO_COLOR."""
    from rich.console import Console

    console = Console()
    if console.is_terminal and not os.environ.get("NO_COLOR"):
        console.print(table)
        return
    text = io.StringIO()
    width = console.width if console.is_terminal else PIPE_WIDTH
    Console(file=text, width=width, color_system=None, force_terminal=False).print(table)
    lines = [line.rstrip() for line in text.getvalue().splitlines()]
    say("\n".join(lines).strip("\n"))


def print_json(document: Any) -> None:
    """Print one JSON object, in ASCII: every encoding holds it, and no terminal acts on it."""
    typer.echo(json.dumps(document, indent=2, allow_nan=False))


def print_text(text: str) -> None:
    """Print text, such as a table, as it is to a pipe or a file, and legibly on a terminal."""
    # Not by echo, which takes escape sequences out: what data hold is to stay as it is.
    sys.stdout.write(_lines(text) if sys.stdout.isatty() else text)
    sys.stdout.flush()


def escape_what_is_missing() -> None:
    """Write characters that the encoding of a stream lacks as escapes, not a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def check_file(path: Path) -> None:
    """Refuse what cannot be written as a file, before anything is computed for it.

    Raises:
        InputError: it is a folder or a device, or its folder is missing or not writable.
    """
    if path.is_dir():
        raise InputError(f"the output must be a file, and {path} is a folder")
    if path.exists() and not path.is_file():
        # A file written whole would take the place of the device or the pipe.
        raise InputError(f"the output must be a file, and {path} is something else")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"the folder of {path} does not exist")
    if not os.access(folder, os.W_OK):
        raise InputError(f"the folder of {path} cannot be written")


def check_folder(path: Path) -> None:
    """Refuse what cannot be made or written as a folder, before anything is computed for it.

    Raises:
        InputError: there is a file in its place, or the folder above is not writable.
    """
    existing = next(place for place in (path, *path.absolute().parents) if place.exists())
    if not existing.is_dir():
        raise InputError(f"the output must be a folder, and {existing} is none")
    if not os.access(existing, os.W_OK):
        raise InputError(f"the folder {existing} cannot be written")


def _lines(text: str) -> str:
    return "\n".join(printable(line) for line in text.split("\n"))
