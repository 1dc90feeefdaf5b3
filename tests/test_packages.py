"""Packages of others: found by their entry points, told plainly where they cannot be used."""

import importlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import etude
from etude import component, packages
from etude.component import discover_all, lookup, registered
from etude.errors import InputError
from etude.packages import Package

RULE = """
from etude.algorithm.sgd import SGD


class {name}(SGD):
    '''Gradient descent of somebody else.'''
"""

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Installs packages into a folder that is forgotten with all they registered."""
    monkeypatch.syspath_prepend(tmp_path)
    copied = {kind: dict(names) for kind, names in component._registry.items()}
    monkeypatch.setattr(component, "_registry", copied)
    known = set(sys.modules)

    def write(name: str, code: dict[str, str], version: str = "1.0", entry: str = "") -> None:
        for module, text in code.items():
            path = tmp_path / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text)
        metadata = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        lines = [f"{number} = {entry or module}" for number, module in enumerate(code)]
        (metadata / "entry_points.txt").write_text(
            "\n".join([f"[{packages.GROUP}]", *lines]) + "\n"
        )
        importlib.invalidate_caches()
        packages.packages.cache_clear()

    yield write
    for module in set(sys.modules) - known:
        if getattr(sys.modules[module], "__file__", None) and str(tmp_path) in str(
            sys.modules[module].__file__
        ):
            del sys.modules[module]
    packages.packages.cache_clear()


def test_without_any_there_are_none() -> None:
    packages.packages.cache_clear()
    assert packages.packages() == ()
    assert packages.package_of("somebody.rules") is None
    assert packages.code_of_packages() == []


def test_a_package_adds_its_components_by_name(install: Install, tmp_path: Path) -> None:
    install("etude-one", {"one.rules": RULE.format(name="Somebodys")}, "2.1")
    assert packages.packages() == (Package("etude-one", "2.1", ("one.rules",)),)
    discover_all()
    cls = registered("algorithm")["somebodys"]
    assert cls.__module__ == "one.rules"
    study = etude.file.parse_study(
        """
        data = { name = "iris" }
        model = { name = "linear" }
        loss = { name = "cross_entropy" }
        algorithm = { name = "somebodys", learning_rate = 0.5 }
        """
    )
    assert study.algorithm == (cls(learning_rate=0.5),)
    assert "algorithm.somebodys" in etude.file.schema()["definitions"]
    assert packages.code_of_packages() == [tmp_path / "one" / "rules.py"]


def test_results_know_name_and_version_of_the_package(install: Install) -> None:
    install("etude-one", {"one.rules": RULE.format(name="Somebodys")}, "2.1")
    discover_all()
    rule = registered("algorithm")["somebodys"]()
    assert rule.specification()["package"] == ["etude-one", "2.1"]
    assert "package" not in rule.document()
    assert "package" not in etude.SGD().specification()
    assert packages.package_of("one.other") == packages.package_of("one.rules")
    assert packages.package_of("oneself") is None


def test_of_packages_that_share_a_name_space_the_nearer_one_counts(install: Install) -> None:
    install("etude-left", {"space.left.rules": RULE.format(name="Left")})
    install("etude-right", {"space.right.rules": RULE.format(name="Right")})
    for side in ("left", "right"):
        package = packages.package_of(f"space.{side}.losses")
        assert package is not None
        assert package.name == f"etude-{side}"


def test_their_names_do_not_take_the_place_of_ours_in_python(install: Install) -> None:
    install("etude-one", {"one.rules": RULE.format(name="Sine")})
    discover_all()
    assert registered("algorithm")["sine"].__module__ == "one.rules"
    assert etude.Sine is registered("data")["sine"]
    with pytest.raises(AttributeError, match="no algorithm called Sine"):
        lookup("Sine", "algorithm")
    assert dir(etude).count("Sine") == 1


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (RULE.format(name="Adam"), "the algorithm name 'adam' is taken by etude.algorithm.adam"),
        ("import no_such_thing", "ModuleNotFoundError: No module named 'no_such_thing'"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("def f(:", "SyntaxError: invalid syntax"),
    ],
)
def test_what_cannot_be_used_is_told_with_package_and_reason(
    install: Install, code: str, reason: str
) -> None:
    install("etude-bad", {"bad.rules": code})
    for _ in range(2):
        with pytest.raises(InputError) as caught:
            discover_all()
        message = str(caught.value)
        assert message.startswith(
            "the installed package etude-bad 1.0 adds components and cannot be used: "
            "bad.rules fails with "
        )
        assert reason in message
        assert message.endswith("; repair or uninstall it")


def test_two_packages_with_one_name_are_told(install: Install) -> None:
    install("etude-one", {"one.rules": RULE.format(name="Somebodys")})
    install("etude-two", {"two.rules": RULE.format(name="Somebodys")})
    with pytest.raises(InputError, match=r"etude-two 1\.0 .* is taken by one\.rules\.Somebodys"):
        discover_all()


@pytest.mark.parametrize("entry", ["no.such.module", "9 lives", "one.rules:Somebodys"])
def test_entry_points_of_any_form(install: Install, entry: str) -> None:
    install("etude-one", {"one.rules": RULE.format(name="Somebodys")}, entry=entry)
    if ":" in entry:
        discover_all()
        assert "somebodys" in registered("algorithm")
        return
    with pytest.raises(InputError, match="the installed package etude-one"):
        discover_all()


def test_the_command_line_tells_it_without_a_traceback(install: Install, tmp_path: Path) -> None:
    install("etude-bad", {"bad.rules": "import no_such_thing"})
    study = tmp_path / "study.toml"
    study.write_text('data = { name = "iris" }\n')
    for command in (["components"], ["check", str(study)]):
        done = subprocess.run(
            [sys.executable, "-c", "from etude.cli import main; main()", *command],
            env={"PYTHONPATH": str(tmp_path), "PATH": ""},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: the installed package etude-bad 1.0 adds components")
        assert "Traceback" not in done.stderr
        assert done.stdout == ""
