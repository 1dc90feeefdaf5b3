"""The small data sets that come with scikit-learn.

Importing scikit-learn takes longer than training a small study, so its data files are read
where they lie. A file that is missing, or not the known one, is left to scikit-learn itself.
"""

from __future__ import annotations

import gzip
import hashlib
from abc import abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from etude.data.assemble import assemble
from etude.data.base import Data, Prepared
from etude.data.channel_scale import ChannelScale
from etude.data.columns import Column


class Bundled(Data):
    """A data set of scikit-learn, with its values, column names and class labels.

    Class attributes:
        files: the files that the data comes in, each with the SHA-256 of its content, unpacked.
        features: the names of the columns.
        classes: the class labels; none where the target is a number.
    """

    files: ClassVar[tuple[tuple[str, str], ...]] = ()
    features: ClassVar[tuple[str, ...]] = ()
    classes: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def parsed(self, contents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        """Inputs and targets from the contents of the files."""

    def values(self) -> tuple[np.ndarray, np.ndarray]:
        """Inputs `[rows, columns]` and targets `[rows]`, as scikit-learn gives them."""
        contents = [_content(name, sha256) for name, sha256 in self.files]
        known = [content for content in contents if content is not None]
        if len(known) == len(self.files):
            return self.parsed(known)
        from sklearn import datasets

        loaded: Any = getattr(datasets, f"load_{self.name}")()
        return loaded.data, loaded.target

    def prepared(self, scaled: bool, scale_target: bool = False) -> Prepared:
        """The values, ready to be split."""
        inputs, targets = self.values()
        return assemble(
            tuple(Column(name, "number") for name in self.features),
            inputs.astype(np.float32),
            targets.astype(np.int64) if self.classes else targets[:, None],
            classes=self.classes,
            scaled=scaled,
            scale_target=scale_target,
        )


def _content(name: str, sha256: str) -> str | None:
    """The content of a data file of scikit-learn; None where it is not the known one."""
    from importlib.util import find_spec

    found = find_spec("sklearn")
    for folder in (found.submodule_search_locations or ()) if found else ():
        file = Path(folder) / "datasets" / "data" / name
        if file.is_file():
            raw = file.read_bytes()
            content = gzip.decompress(raw) if file.suffix == ".gz" else raw
            if hashlib.sha256(content).hexdigest() == sha256:
                return content.decode("ascii")
    return None


def _rows(lines: list[str], separator: str | None = ",") -> np.ndarray:
    return np.array([line.split(separator) for line in lines]).astype(np.float64)


class Digits(Bundled):
    """1,797 images of handwritten digits, 8×8 pixels of 0 to 16, 10 classes.

    Alpaydin & Kaynak, "Optical Recognition of Handwritten Digits", UCI, 1998 (test part).

    Attributes:
        scale: "standard" standardizes every pixel as fitted to the training rows of each split,
            "image" all pixels alike, by their common mean and standard deviation: choose it
            where pixels move, for a place that hardly ever has any ink is blown up by its own;
            "none" leaves pixels from 0 to 16.
    """

    scale: Literal["standard", "image", "none"] = "standard"

    files = (("digits.csv.gz", "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"),)
    features = tuple(f"pixel_{row}_{column}" for row in range(8) for column in range(8))
    classes = tuple("0123456789")

    def parsed(self, contents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        table = _rows(contents[0].splitlines())
        return table[:, :-1], table[:, -1]

    def prepare(self) -> Prepared:
        """Read the data from the installed scikit-learn."""
        prepared = self.prepared(self.scale == "standard")
        if self.scale == "image":
            prepared = replace(prepared, fit=ChannelScale(prepared.arrays["inputs"][..., None]))
        sizes = (("height", 8), ("width", 8), ("channels", 1))
        return replace(prepared, spec=replace(prepared.spec, sizes=sizes))


class Iris(Bundled):
    """150 flowers, 4 lengths in cm, 3 species (Fisher 1936).

    Attributes:
        scale: whether inputs are standardized as fitted to the training rows of each split.
    """

    scale: Literal["standard", "none"] = "standard"

    files = (("iris.csv", "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449"),)
    features = (
        "sepal length (cm)",
        "sepal width (cm)",
        "petal length (cm)",
        "petal width (cm)",
    )
    classes = ("setosa", "versicolor", "virginica")

    def parsed(self, contents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        table = _rows(contents[0].splitlines()[1:])
        return table[:, :-1], table[:, -1]

    def prepare(self) -> Prepared:
        """Read the data from the installed scikit-learn."""
        return self.prepared(self.scale == "standard")


class Wine(Bundled):
    """178 wines of 3 growers, 13 chemical measurements (Forina et al., UCI, 1991).

    Attributes:
        scale: whether inputs are standardized as fitted to the training rows of each split.
    """

    scale: Literal["standard", "none"] = "standard"

    files = (("wine_data.csv", "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede"),)
    features = (
        "alcohol",
        "malic_acid",
        "ash",
        "alcalinity_of_ash",
        "magnesium",
        "total_phenols",
        "flavanoids",
        "nonflavanoid_phenols",
        "proanthocyanins",
        "color_intensity",
        "hue",
        "od280/od315_of_diluted_wines",
        "proline",
    )
    classes = ("class_0", "class_1", "class_2")

    def parsed(self, contents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        table = _rows(contents[0].splitlines()[1:])
        return table[:, :-1], table[:, -1]

    def prepare(self) -> Prepared:
        """Read the data from the installed scikit-learn."""
        return self.prepared(self.scale == "standard")


_NUCLEUS = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


class BreastCancer(Bundled):
    """569 tumours, 30 measurements of cell nuclei, malignant (0) or benign (1).

    Street, Wolberg & Mangasarian, "Nuclear feature extraction for breast tumor diagnosis", 1993.

    Attributes:
        scale: whether inputs are standardized as fitted to the training rows of each split.
    """

    scale: Literal["standard", "none"] = "standard"

    files = (
        ("breast_cancer.csv", "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed"),
    )
    features = (
        *(f"mean {measure}" for measure in _NUCLEUS),
        *(f"{measure} error" for measure in _NUCLEUS),
        *(f"worst {measure}" for measure in _NUCLEUS),
    )
    classes = ("malignant", "benign")

    def parsed(self, contents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        table = _rows(contents[0].splitlines()[1:])
        return table[:, :-1], table[:, -1]

    def prepare(self) -> Prepared:
        """Read the data from the installed scikit-learn."""
        return self.prepared(self.scale == "standard")


class Diabetes(Bundled):
    """442 patients, 10 measurements, the progression of diabetes a year later (a number).

    Efron et al., "Least Angle Regression", 2004. The columns come as `load_diabetes()` gives
    them: centred and divided by their deviation times √442, over all 442 patients. With
    `scale = "standard"` that is undone by the means and deviations of the training rows, so that
    nothing of other rows is left in it.

    Attributes:
        scale: whether inputs are standardized as fitted to the training rows of each split.
        scale_target: whether the target is standardized for training.
    """

    scale: Literal["standard", "none"] = "standard"
    scale_target: bool = True

    files = (
        (
            "diabetes_data_raw.csv.gz",
            "86badf50b4f9436ddd1e497dc0ae1b93166f8120221ee7dca4634fe849f3be7c",
        ),
        (
            "diabetes_target.csv.gz",
            "244713a551f62a291a354212d8a048adec6cb1244b2bc44e66a0698f5006d26d",
        ),
    )
    features = ("age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6")

    def parsed(self, contents: list[str]) -> tuple[np.ndarray, np.ndarray]:
        raw = _rows(contents[0].splitlines(), None)
        centered = raw - raw.mean(axis=0)
        inputs = centered / raw.std(axis=0) / len(raw) ** 0.5
        return inputs, _rows(contents[1].splitlines(), None)[:, 0]

    def prepare(self) -> Prepared:
        """Read the data from the installed scikit-learn."""
        return self.prepared(self.scale == "standard", self.scale_target)
