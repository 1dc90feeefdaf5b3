"""The catalogue of components, for people at a terminal."""

import etude
from etude.component import Component, discover_all, nearest, registered
from etude.errors import InputError
from etude.file.describe import describe
from etude.packages import is_ours, package_of

KINDS = (
    "data",
    "augmentation",
    "model",
    "initializer",
    "loss",
    "metric",
    "algorithm",
    "schedule",
    "stopping",
    "clipping",
    "ensemble",
    "estimator",
    "validation",
    "search",
)
"""What study files can name, in the order in which it is told."""


def catalogue_text() -> str:
    """Every component of every kind with its one-line summary."""
    discover_all()
    lines = []
    for kind in KINDS:
        lines.append(kind)
        known = registered(kind)
        width = max(len(name) for name in known)
        lines += [f"  {name:{width}}  {describe(cls).summary}" for name, cls in known.items()]
        lines.append("")
    return "\n".join(lines).rstrip()


def component_text(name: str) -> str:
    """A component with its formula and every field: default, rule, meaning.

    Raises:
        InputError: nothing has that name; the message names the nearest.
    """
    discover_all()
    found = [(kind, registered(kind)[name]) for kind in KINDS if name in registered(kind)]
    if not found:
        known = sorted({name for kind in KINDS for name in registered(kind)})
        raise InputError(f"there is no component called {name!r}{nearest(name, known)}")
    return "\n\n".join(_described(kind, cls) for kind, cls in found)


def _described(kind: str, cls: type[Component]) -> str:
    description = describe(cls)
    package = package_of(cls.__module__)
    origin = "" if package is None else f", of the package {package}"
    lines = [f"{kind} {description.name} (in Python {_python_name(cls)}{origin})"]
    lines.append(description.summary)
    lines += [part for part in (description.text, description.source) if part]
    lines.append("")
    for field in description.fields:
        default = "needed" if field.default is None else f"default {field.default}"
        told = [field.type, default, *([field.rule] if field.rule else [])]
        lines.append(f"  {field.name}: {', '.join(told)}")
        if field.text:
            lines.append(f"      {field.text}")
    return "\n".join(lines)


def _python_name(cls: type[Component]) -> str:
    """Where Python finds the class: under `etude`, or in its package where names collide."""
    if getattr(etude, cls.__name__, None) is cls:
        return f"etude.{cls.__name__}"
    home = cls.__module__.rpartition(".")[0] if is_ours(cls.__module__) else cls.__module__
    return f"{home}.{cls.__name__}"
