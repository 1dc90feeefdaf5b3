"""Components that are made to fail are known to nobody else."""

from collections.abc import Callable

import pytest

from etude import component
from etude.component import Component
from etude.testing import conformance


@pytest.fixture(autouse=True)
def registry(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test registers is forgotten at its end."""
    copied = {kind: dict(names) for kind, names in component._registry.items()}
    monkeypatch.setattr(component, "_registry", copied)


@pytest.fixture
def own_checks() -> Callable[[str], set[str]]:
    """The checks of a kind beside those of every component; all those of one without any."""
    of_any = {name for name, _ in conformance("stopping")}

    def checks(kind: str) -> set[str]:
        names = {name for name, _ in conformance(kind)}
        return names if kind == "stopping" else names - of_any

    return checks


@pytest.fixture
def alone() -> Callable[[Component, str], None]:
    """Asserts that one check finds fault with a component, in a sentence, and no other does.

    Checks that train networks are tried only where it is one of them that should find it.
    """

    def only(broken: Component, name: str) -> None:
        checks = dict(conformance(broken.kind))
        found = {}
        for other, check in checks.items():
            if check.trains and not checks[name].trains:
                continue
            try:
                check(broken)
            except AssertionError as error:
                found[other] = str(error)
        assert set(found) == {name}, found
        assert len(found[name].split()) > 4

    return only
