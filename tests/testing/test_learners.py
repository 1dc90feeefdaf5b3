"""Learners that are not supervised: the checks say what the engine needs, and no more."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from etude.testing import failures

LEARNERS = Path(__file__).parents[1] / "learners"

UNLISTED = {"document", "described"}
"""Checks of what study files name, which the learners of tests are kept from."""


def learner(name: str) -> ModuleType:
    specification = importlib.util.spec_from_file_location(f"{name}_tried", LEARNERS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.mark.slow
@pytest.mark.parametrize(("name", "swept"), [("test_q_learning", 0.1), ("test_two_networks", 0.01)])
def test_learners_conform(name: str, swept: float) -> None:
    study = learner(name).study(swept)
    parts: dict[str, Any] = {
        "data": study.data[0],
        "model": study.model[0],
        "loss": study.loss[0],
    }
    for component in (*parts.values(), study.metric):
        beside = {kind: part for kind, part in parts.items() if part is not component}
        found = failures(component, **beside)
        assert set(found) <= UNLISTED, found
