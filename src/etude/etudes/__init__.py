"""Études: claims of the field, each with studies that test it and a rule that judges them."""

import importlib
from difflib import get_close_matches

from etude.errors import InputError
from etude.etudes.base import FOLDER, Etude, Figure, Finding, Verdict

__all__ = ["Etude", "Figure", "Finding", "Verdict", "etude_called", "names"]

_OTHERS = ("__init__", "base", "minima", "pictures", "spread")


def names() -> tuple[str, ...]:
    """The names of all études, in alphabetical order."""
    return tuple(sorted({path.stem for path in FOLDER.glob("*.py")}.difference(_OTHERS)))


def etude_called(name: str) -> Etude:
    """The étude of this name.

    Raises:
        InputError: there is none; the message names the nearest.
    """
    known = names()
    if name not in known:
        close = get_close_matches(name.lower(), known, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        raise InputError(f"there is no étude called {name!r}; {hint}")
    module = importlib.import_module(f"{__name__}.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, Etude)
        and value.__module__ == module.__name__
    )
    return found()
