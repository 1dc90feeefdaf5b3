"""What components are tried with where no data are given."""

import numpy as np
from flax import nnx

import etude
import etude.testing
from etude.batch import Spec
from etude.errors import InputError
from etude.model.base import Model
from etude.model.linear import Linear
from etude.testing.beside import Beside, shaped


def test_models_of_tables_are_tried_on_tables() -> None:
    shapes = {len(problem.spec.inputs) for problem in Beside().problems(etude.MLP(widths=(2,)))}
    assert shapes == {1}


def test_models_of_images_are_tried_on_images() -> None:
    class OfImages(Model):
        """A linear network that wants images."""

        def check(self, spec: Spec) -> None:
            if spec.image is None:
                raise InputError("images are needed")

        def build(self, spec: Spec, outputs: int, rngs: nnx.Rngs) -> nnx.Module:
            return Linear().build(spec, outputs, rngs)

    (problem,) = Beside().problems(OfImages())
    height, width, channels = problem.spec.image or (0, 0, 0)
    assert problem.spec.inputs == (height, width, channels)
    assert len({height, width, channels}) == 3
    assert problem.batch.inputs.shape[1:] == (height, width, channels)
    assert problem.batch.inputs.dtype == np.float32
    assert etude.testing.failures(OfImages()) == {}


def test_small_images_conform() -> None:
    images = shaped()[0]
    assert images.prepare().arrays["inputs"].dtype == np.uint8
    # No study file names them.
    assert set(etude.testing.failures(images)) == {"document"}
