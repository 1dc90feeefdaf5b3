"""Installed packages of others that add components.

A package says so in its own `pyproject.toml`:

    [project.entry-points."etude.components"]
    rules = "its_name.rules"

where the value is a module to import; the key on the left is free. No study file and no saved
network can name a module: what is imported is what somebody has installed.
"""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

GROUP = "etude.components"
"""The entry points under which a package names its modules."""


@dataclass(frozen=True)
class Package:
    """An installed package that adds components.

    Attributes:
        name: its name, as it is installed by.
        version: its version.
        modules: what is to be imported of it.
    """

    name: str
    version: str
    modules: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


@lru_cache
def packages() -> tuple[Package, ...]:
    """Every installed package that adds components, in alphabetical order."""
    from importlib.metadata import entry_points

    modules: dict[tuple[str, str], set[str]] = {}
    for entry in entry_points(group=GROUP):
        if entry.dist is not None:
            known = modules.setdefault((entry.dist.name, entry.dist.version), set())
            known.add(entry.value.partition(":")[0].strip())
    return tuple(Package(*key, tuple(sorted(names))) for key, names in sorted(modules.items()))


def package_of(module: str) -> Package | None:
    """The package of others that a module belongs to; None for ours and for a user's own code.

    Where packages share the first part of their modules' names, the longest common part decides.
    """
    if is_ours(module):
        return None
    lengths = {
        package: max(_common(module, known) for known in package.modules) for package in packages()
    }
    found = max(lengths, key=lambda package: lengths[package], default=None)
    return found if found is not None and lengths[found] else None


def is_ours(module: str) -> bool:
    """Whether a module is one of Étude."""
    return module.partition(".")[0] == "etude"


def code_of_packages() -> list[Path]:
    """The Python files of the packages that add components; nothing of them is run."""
    from importlib.util import find_spec

    tops = sorted({name.partition(".")[0] for package in packages() for name in package.modules})
    specs = [spec for top in tops if (spec := find_spec(top)) is not None]
    files = [Path(spec.origin) for spec in specs if spec.origin]
    folders = [Path(place) for spec in specs for place in spec.submodule_search_locations or ()]
    return sorted({*files, *(file for folder in folders for file in folder.rglob("*.py"))})


def _common(first: str, second: str) -> int:
    """With how many parts two dotted names begin alike."""
    parts = list(zip(first.split("."), second.split("."), strict=False))
    return next((place for place, (a, b) in enumerate(parts) if a != b), len(parts))
