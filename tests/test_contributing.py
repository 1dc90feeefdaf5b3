"""What CONTRIBUTING.md tells is true: its optimizer, in a file of its own, works everywhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import jax
import pytest

ROOT = Path(__file__).parents[1]

AGREES_WITH_ITS_FORMULA = """
import jax
import jax.numpy as jnp
import numpy as np

import etude
from etude.algorithm.base import Step

jax.config.update("jax_enable_x64", True)
assert etude.Signum.__module__ == "etude.algorithm.signum", etude.Signum.__module__
rule = etude.Signum(learning_rate=0.003, momentum=0.8)
w = np.linspace(-1, 2, 7)
m = np.zeros_like(w)
point, state = jnp.asarray(w), rule.init(jnp.asarray(w))
objective = lambda point: jnp.sum(jnp.sin(point) + point**4 / 8)
for t in range(1, 51):
    m = 0.8 * m + 0.2 * (np.cos(w) + w**3 / 2)
    w = w - 0.003 * np.sign(m)
    value, gradient = jax.value_and_grad(objective)(point)
    change, state = rule.update(gradient, state, point, Step(t, value, objective))
    point = point + change
    np.testing.assert_allclose(point, w, rtol=1e-10)
    np.testing.assert_allclose(state, m, rtol=1e-10)
"""


@dataclass(frozen=True)
class Package:
    """A copy of the package with the file that CONTRIBUTING.md adds."""

    folder: Path
    file: Path
    study: Path

    def python(self, code: str, *arguments: str) -> str:
        """What a program that imports the copy prints."""
        environment = os.environ | {
            "PYTHONPATH": str(self.folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir,
        }
        done = subprocess.run(
            [sys.executable, "-c", code, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def etude(self, *arguments: str) -> str:
        """What a command of the copy prints."""
        return self.python("from etude.cli import main; main()", *arguments)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Package:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = re.search(r"^## Add an optimizer\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None
    blocks = dict(re.findall(r"^```(\w+)\n(.*?)^```$", section[1], re.M | re.S))
    (name,) = re.findall(r"`src/etude/(algorithm/\w+\.py)`:", section[1])
    folder = tmp_path_factory.mktemp("contributed")
    shutil.copytree(
        ROOT / "src" / "etude", folder / "etude", ignore=shutil.ignore_patterns("__pycache__")
    )
    file = folder / "etude" / name
    assert not file.exists(), "the example must not be in the package already"
    file.write_text(blocks["python"], encoding="utf-8")
    study = folder / "study.toml"
    study.write_text(blocks["toml"], encoding="utf-8")
    return Package(folder, file, study)


def test_components_shows_it(package: Package) -> None:
    shown = package.etude("components", "signum")
    assert shown.startswith("algorithm signum (in Python etude.Signum)\n")
    for part in (
        "m ← βm + (1 − β)g, W ← W − η sign(m).",
        "Bernstein et al.",
        "learning_rate: number, default 0.001, greater than 0\n      η, the size of the steps.",
        "momentum: number, default 0.9, at least 0 and less than 1\n      β.",
        "batch_size: ",
    ):
        assert part in shown


def test_a_study_file_that_names_it_runs(package: Package) -> None:
    answer = json.loads(package.etude("run", str(package.study), "--json", "--quiet"))
    assert (answer["members"], answer["trained"], answer["diverged"]) == (18, 18, 0)
    assert answer["programs"] == 2
    means = {choice["choice"].split()[0]: choice["mean"] for choice in reversed(answer["choices"])}
    assert means.keys() == {"signum", "sgd"}
    assert means["signum"] > 0.9


def test_it_agrees_with_its_formula(package: Package) -> None:
    package.python(AGREES_WITH_ITS_FORMULA)


def test_it_is_written_as_the_package_is(package: Package) -> None:
    from importlib.util import find_spec

    if find_spec("ruff") is None:
        pytest.skip("ruff is not installed here")
    for command in (["check", "--quiet"], ["format", "--check", "--quiet"]):
        configured = [*command, "--config", str(ROOT / "pyproject.toml"), str(package.file)]
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *configured], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
