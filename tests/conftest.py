"""Shared by all tests: data folder, compilation cache, and which slow tests run today."""

import datetime
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROTATION = 5
"""Every slow test runs at least once in so many days."""

QUICK_FLAGS = (
    "--xla_cpu_use_fusion_emitters=false",
    "--xla_cpu_parallel_codegen_split_count=1",
)

OF_PROCESSES = {"execution", "store", "torture", "test_cli.py", "test_unchanged.py"}
"""Where processes of their own find results of a test: all compile with the same options."""

sys.path.insert(0, str(Path(__file__).parent))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--slow", action="store_true", help="run all slow tests, compiled as for users"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Before JAX starts: programs compile in half the time, and run a fifth slower.

    Most of the time of these tests is compiling. Processes that they start inherit the flags. The
    gate runs the tests of the engine's promises once more with `--slow`, without them.
    """
    if not config.getoption("--slow"):
        flags = os.environ.get("XLA_FLAGS", "").split()
        os.environ["XLA_FLAGS"] = " ".join(dict.fromkeys([*flags, *QUICK_FLAGS]))


def pytest_report_header(config: pytest.Config) -> str:
    if config.getoption("--slow"):
        return "slow tests: all"
    return f"slow tests: part {_part() + 1} of {ROTATION} (all with --slow)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--slow"):
        return
    slow = sorted((item for item in items if item.get_closest_marker("slow")), key=_name)
    for place, item in enumerate(slow):
        if place % ROTATION != _part():
            item.add_marker(pytest.mark.skip(reason="slow; its turn is another day"))


def _name(item: pytest.Item) -> str:
    return item.nodeid


def _part() -> int:
    return datetime.date.today().toordinal() % ROTATION


@pytest.fixture(scope="session", autouse=True)
def compiled_programs(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Programs that tests compile are kept for the session, so that equal ones load.

    All workers share them. One that another is just writing cannot be read, which JAX warns of,
    and compiles it.
    """
    from etude.engine.cache import use_compilation_cache

    base = tmp_path_factory.getbasetemp()
    use_compilation_cache(
        (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "programs"
    )


@pytest.fixture(scope="module", autouse=True)
def quick_programs(request: pytest.FixtureRequest) -> Iterator[None]:
    """Studies are compiled with as little effort as what tests compile themselves."""
    from etude.engine.device import Device
    from etude.testing.beside import QUICK

    own = Device.options
    place = request.path.relative_to(Path(__file__).parent).parts[0]

    def options(device: Device) -> dict[str, str]:
        names = {name: str(value) for name, value in QUICK.items()}
        return names if device.platform == "cpu" else own.fget(device)

    with pytest.MonkeyPatch.context() as patch:
        if not request.config.getoption("--slow") and place not in OF_PROCESSES:
            patch.setattr(Device, "options", property(options))
        yield


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of downloaded data; the test is skipped where there is none."""
    folder = os.environ.get("ETUDE_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("ETUDE_DATA names no folder with downloaded data")
    return Path(folder)
