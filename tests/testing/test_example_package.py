"""The example package of a third party: found, checked, run and tested as if it were installed."""

import json
import os
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import jax
import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "etude-heavytails"


@dataclass(frozen=True)
class Installed:
    """A copy of the package beside the metadata that an installer would write.

    Attributes:
        folder: the project.
        site: where it is installed.
    """

    folder: Path
    site: Path

    def python(self, *arguments: str) -> str:
        """What a Python that has the package prints."""
        environment = os.environ | {
            "PYTHONPATH": str(self.site),
            "PYTHONDONTWRITEBYTECODE": "1",
            "JAX_COMPILATION_CACHE_DIR": jax.config.jax_compilation_cache_dir,
        }
        done = subprocess.run(
            [sys.executable, *arguments],
            env=environment,
            cwd=self.folder,
            capture_output=True,
            encoding="utf-8",
            timeout=300,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def etude(self, *arguments: str) -> str:
        """What a command prints."""
        return self.python("-c", "from etude.cli import main; main()", *arguments)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("third") / EXAMPLE.name
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "etude.db*"))
    project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    site = tmp_path_factory.mktemp("site")
    shutil.copytree(folder / "src", site, dirs_exist_ok=True)
    metadata = site / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [f"[{group}]" for group in project["entry-points"]]
    lines += [
        f"{name} = {module}" for name, module in project["entry-points"]["etude.components"].items()
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    return Installed(folder, site)


def test_its_components_are_listed(package: Installed) -> None:
    listed = package.etude("components")
    for name in ("student_plane", "cauchy", "signum"):
        assert f"\n  {name} " in listed
    told = package.etude("components", "cauchy")
    assert told.startswith(
        "loss cauchy (in Python etude_heavytails.loss.Cauchy, of the package "
        "etude-heavytails 0.1.0)\n"
    )
    assert "Barron" in told
    assert "scale: number, default 1.0, greater than 0" in told


def test_its_study_is_checked(package: Installed) -> None:
    assert "120 networks" in package.etude("check", "heavy_tails.toml")


@pytest.mark.slow
def test_its_study_is_run(package: Installed) -> None:
    answer = json.loads(package.etude("run", "heavy_tails.toml", "--json", "--quiet"))
    assert (answer["members"], answer["trained"], answer["diverged"]) == (120, 120, 0)
    assert answer["metric"] == "mae"
    best = answer["choices"][0]["choice"]
    assert best.startswith("cauchy")
    again = json.loads(package.etude("run", "heavy_tails.toml", "--json", "--quiet"))
    assert (again["trained"], again["reused"]) == (0, 120)


@pytest.mark.slow
def test_its_own_tests_pass(package: Installed) -> None:
    assert " passed" in package.python("-m", "pytest", "-q", "-p", "no:cacheprovider")
