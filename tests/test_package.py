"""The package itself: what importing it costs, and its public names."""

import ast
import doctest
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import etude


def test_importing_etude_imports_nothing_heavy() -> None:
    code = """
import sys
import etude
heavy = {"jax", "flax", "optax", "numpy", "polars", "sklearn", "sqlalchemy", "pydantic"}
assert not heavy & set(sys.modules), heavy & set(sys.modules)
assert etude.__version__
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)


def static_names() -> dict[str, str]:
    """The names that a type checker sees in `etude`, and where it takes them from."""
    tree = ast.parse(Path(etude.__file__).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    found = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        assert node.module is not None
        for name in node.names:
            assert name.asname == name.name
            found[name.name] = node.module
    return found


def test_names_for_type_checkers_are_those_at_run_time() -> None:
    static = static_names()
    for name, module in static.items():
        assert getattr(etude, name) is getattr(importlib.import_module(module), name), name
    assert set(etude._PLACES) <= set(static)
    assert all(static[name] == place for name, place in etude._PLACES.items())
    assert set(static) <= set(dir(etude))


def test_every_component_has_its_public_name() -> None:
    """At run time; a new file needs no line in `__init__` for it."""
    from etude.catalogue import KINDS
    from etude.component import discover_all, registered

    discover_all()
    shown = set(dir(etude))
    for kind in KINDS:
        for cls in registered(kind).values():
            if not cls.__module__.startswith("etude."):
                continue
            assert cls.__name__ in shown
            if (kind, cls.name) != ("initializer", "constant"):  # the schedule has the name
                assert getattr(etude, cls.__name__) is cls


def test_unknown_names_are_attribute_errors() -> None:
    for name in ("Nonsense", "nonsense", "_private"):
        with pytest.raises(AttributeError, match=f"no attribute '{name}'"):
            getattr(etude, name)


SOURCES = Path(etude.__file__).parent
WITH_EXAMPLES = sorted(
    ".".join(("etude", *path.relative_to(SOURCES).with_suffix("").parts))
    for path in SOURCES.rglob("*.py")
    if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_hold(module: str) -> None:
    found = doctest.testmod(importlib.import_module(module))
    assert found.attempted > 0
    assert found.failed == 0
