"""Arrays that are mapped to files give memory back."""

from pathlib import Path

import numpy as np
import pytest

from etude.data.mapping import unmap

STATUS = Path("/proc/self/status")


def mapped_bytes() -> int:
    """How much of files this process has in memory."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("RssFile"))
    return 1024 * int(line.split()[1])


def test_values_stay_what_they_are(tmp_path: Path) -> None:
    values = np.arange(5000, dtype=np.float32).reshape(1000, 5)
    np.save(tmp_path / "values.npy", values)
    mapped = np.lib.format.open_memmap(tmp_path / "values.npy", mode="r")
    for array in (mapped, mapped[10:20], np.asarray(mapped)[..., None], values, values[1:]):
        expected = array.copy()
        unmap(array)
        np.testing.assert_array_equal(array, expected)


def test_what_was_written_to_a_copy_on_write_stays(tmp_path: Path) -> None:
    np.save(tmp_path / "values.npy", np.zeros(1000))
    mapped = np.lib.format.open_memmap(tmp_path / "values.npy", mode="c")
    mapped[7] = 3
    unmap(mapped[:100])
    assert mapped[7] == 3


@pytest.mark.skipif(not STATUS.exists(), reason="only Linux tells")
def test_pages_that_were_read_are_given_back(tmp_path: Path) -> None:
    size = 2**25
    np.save(tmp_path / "values.npy", np.ones(size, np.uint8))
    mapped = np.lib.format.open_memmap(tmp_path / "values.npy", mode="r")
    assert int(mapped.sum()) == size
    held = mapped_bytes()
    unmap(mapped[..., None])
    assert mapped_bytes() < held - size // 2
