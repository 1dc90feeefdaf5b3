import subprocess
import sys

import numpy as np
import pytest
from sklearn import datasets

from etude.data import bundled
from etude.data.bundled import BreastCancer, Diabetes, Digits, Iris, Wine

ALL = (Digits, Iris, Wine, BreastCancer, Diabetes)


@pytest.mark.parametrize("cls", ALL)
def test_equal_to_scikit_learn(cls):
    oracle = getattr(datasets, f"load_{cls.name}")()
    inputs, targets = cls().values()
    np.testing.assert_array_equal(inputs, oracle.data)
    np.testing.assert_array_equal(targets, oracle.target)
    data = cls().prepare()
    assert data.columns == tuple(oracle.feature_names)
    np.testing.assert_array_equal(data.arrays["inputs"], oracle.data.astype(np.float32))
    np.testing.assert_array_equal(data.targets.ravel(), oracle.target)
    if cls is Diabetes:
        assert data.spec.task == "numbers"
        assert data.strata is None
    else:
        assert data.spec.classes == tuple(str(label) for label in oracle.target_names)
        np.testing.assert_array_equal(data.strata, oracle.target)


def test_digits_are_images():
    spec = Digits().prepare().spec
    assert spec.inputs == (64,)
    assert spec.image == (8, 8, 1)
    assert spec.sequence == (8, 8)
    # the hash under which results of earlier releases are stored
    known = "d762220a6c1aa537521f59b2406aadb93d7a42bd877f2f8ab4c2ff95595ff6f9"
    assert Digits().prepare().fingerprint == known


@pytest.mark.parametrize("cls", ALL)
def test_left_to_scikit_learn_where_the_file_is_another(cls, monkeypatch):
    direct = cls().prepare()
    monkeypatch.setattr(bundled, "_content", lambda name, sha256: None)
    assert cls().prepare().fingerprint == direct.fingerprint


def test_a_changed_file_is_not_taken():
    ((name, sha256),) = Iris.files
    assert bundled._content(name, sha256).startswith("150,4,setosa")
    assert bundled._content(name, "0" * 64) is None
    assert bundled._content("none.csv", sha256) is None


def test_scales():
    rows = np.arange(300)
    fitted = Diabetes().prepare().fit(rows, np.empty(0))
    raw = datasets.load_diabetes(scaled=False).data[rows]
    inputs = Diabetes().values()[0][rows]
    # the published scale, taken from all rows, has no part in what is trained on
    np.testing.assert_allclose(
        (inputs - fitted["mean"]) * fitted["factor"],
        (raw - raw.mean(axis=0)) / raw.std(axis=0),
        atol=1e-5,
    )
    assert Digits(scale="none").prepare().fit(rows, np.empty(0)) == {}
    assert Digits().prepare().fit(rows, np.empty(0))["factor"][0] == 1
    unscaled = Diabetes(scale="none", scale_target=False).prepare()
    assert unscaled.fit(rows, np.empty(0)) == {}


def test_new_rows_are_encoded():
    data = Iris().prepare()
    frame = datasets.load_iris(as_frame=True).frame
    np.testing.assert_array_equal(data.encoder.encode(frame)["inputs"], data.arrays["inputs"])


def test_start_up_stays_fast():
    """Neither scikit-learn nor a data frame library is imported for a bundled data set."""
    program = (
        "import sys; from etude.data import Digits; Digits().prepare(); "
        "print(*{'sklearn', 'polars', 'narwhals', 'scipy.stats', 'pooch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout.strip()) == (0, "")


def test_digits_are_scaled_as_images() -> None:
    """One mean and one deviation of all pixels of the training rows."""
    rows = np.arange(0, 1797, 7)
    pixels = datasets.load_digits().data[rows]
    fitted = Digits(scale="image").prepare().fit(rows, np.empty(0))
    assert fitted["mean"] == pytest.approx([pixels.mean()], rel=1e-6)
    assert fitted["factor"] == pytest.approx([1 / pixels.std()], rel=1e-6)
