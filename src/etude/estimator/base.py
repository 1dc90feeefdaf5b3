"""What an estimator is: a method that trains itself, to be compared with on the same splits."""

from abc import abstractmethod

import numpy as np

from etude.batch import Spec
from etude.component import Component
from etude.errors import InputError


class Estimator(Component, kind="estimator"):
    """Model, loss and algorithm in one, trained on the host by another library.

    It sees what a network sees: the same training rows, scaled by what was fitted to them, and
    is judged by the same metrics on the same test rows.
    """

    def check(self, spec: Spec) -> None:
        """Raise an `InputError` where it has no meaning for data of these sizes."""
        if spec.task not in ("classes", "numbers"):
            raise InputError(
                f"`estimator` {self.name} needs a target of classes or numbers, got {spec.task}"
            )
        if spec.vocabulary:
            raise InputError(
                f"`estimator` {self.name} needs numbers as inputs, got symbols, whose numbers are "
                "only names"
            )

    @property
    def tells_probabilities(self) -> bool:
        """Whether it tells how probable each class is, not the most probable one alone."""
        return True

    @abstractmethod
    def versions(self) -> dict[str, str]:
        """The versions that decide its results."""

    @abstractmethod
    def predict(
        self,
        inputs: np.ndarray,
        targets: np.ndarray,
        train: np.ndarray,
        weights: np.ndarray,
        spec: Spec,
        seed: int,
    ) -> np.ndarray:
        """Train on some rows and predict all of them.

        Args:
            inputs: `[rows, features]`.
            targets: class numbers `[rows]`, or standardized numbers `[rows, targets]`.
            train: the numbers of the training rows.
            weights: the weight of each training row.
            spec: the sizes of the data.
            seed: of what it draws, below 2³².

        Returns:
            What metrics judge: logarithms of probabilities, `[rows, classes]`, or standardized
            numbers, `[rows, targets]`.
        """
