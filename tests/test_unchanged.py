"""A study that was run to its end is answered from the store, as long as nothing has changed."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from etude.unchanged import stamped, unchanged

STUDY = """
name = "small"
data = { name = "table", path = "rows.csv", target = "y" }
model = { name = "linear" }
loss = { name = "mse" }
algorithm = { name = "sgd", epochs = 2, learning_rate = { grid = [0.01, 0.02] } }
validation = { name = "kfold", folds = 2 }
"""


def trained(folder: Path) -> Path:
    import etude

    rows = "\n".join(f"{x},{2 * x}" for x in range(12))
    (folder / "rows.csv").write_text(f"x,y\n{rows}\n")
    (folder / "study.toml").write_text(STUDY)
    study = etude.read_study(folder / "study.toml")
    etude.run(study, folder / "etude.db", text=STUDY, folder=folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Read by several tests; one that changes it has its own."""
    return trained(tmp_path_factory.mktemp("trained"))


def answer(folder: Path, text: str = STUDY) -> object:
    return unchanged(text, folder, str(folder / "etude.db"))


def test_the_same_study_is_answered(folder: Path) -> None:
    record = answer(folder)
    assert record is not None
    assert (record.trained, record.reused) == (0, 4)
    assert all(member.status == "done" for member in record.members)


def test_another_text_is_not(folder: Path) -> None:
    assert answer(folder, STUDY + "\nseeds = 2\n") is None
    assert answer(folder, STUDY.replace("small", "other")) is None
    assert answer(folder, "name = [") is None


def test_changed_rows_are_not(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    assert answer(folder) is not None
    with (folder / "rows.csv").open("a") as file:
        file.write("100,3\n")
    assert answer(folder) is None
    (folder / "rows.csv").unlink()
    assert answer(folder) is None


def test_folders_of_files(tmp_path: Path) -> None:
    """Whatever is added, removed, renamed or written in a folder is noticed."""
    place = tmp_path / "images"
    (place / "a" / "deep").mkdir(parents=True)
    (place / "a" / "deep" / "1.png").write_bytes(b"1")

    def digest() -> str:
        return str(stamped("", tmp_path, [str(place)])["digest"])

    def change(name: str) -> str:
        match name:
            case "add":
                (place / "a" / "2.png").write_bytes(b"2")
            case "write":
                (place / "a" / "deep" / "1.png").write_bytes(b"12")
            case "touch":
                os.utime(place / "a" / "deep" / "1.png", ns=(1, 1))
            case "rename":
                (place / "a" / "deep").rename(place / "a" / "other")
            case "remove":
                (place / "a" / "2.png").unlink()
        return digest()

    known = [digest(), *(change(name) for name in ("add", "write", "touch", "rename", "remove"))]
    assert len(set(known)) == 6
    assert digest() == known[-1]
    (place / "gone").symlink_to("nowhere")
    with pytest.raises(FileNotFoundError):
        digest()


def test_other_settings_are_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=false")
    assert answer(folder) is None


def test_no_store_and_no_study_are_no_answer(tmp_path: Path) -> None:
    assert unchanged(STUDY, tmp_path, str(tmp_path / "none.db")) is None
    assert not (tmp_path / "none.db").exists()


def test_the_answer_needs_no_jax(folder: Path) -> None:
    code = (
        "import sys\n"
        "from etude.cli import main\n"
        "sys.argv = ['etude', 'run', 'study.toml']\n"
        "try:\n"
        "    main()\n"
        "except SystemExit as end:\n"
        "    assert not end.code, end.code\n"
        "print([name for name in ('jax', 'flax', 'optax') if name in sys.modules])\n"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True,
        env=os.environ | {"NO_COLOR": "1"}, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "0 trained, 4 found in the store" in found.stdout
    assert found.stdout.rstrip().endswith("[]")
