"""The path of a point over a surface, against the closed form of gradient descent."""

import numpy as np
import pytest

import etude
from etude.metric.coordinate import Coordinate


@pytest.mark.parametrize(("axis", "start", "steepness"), [("x", -2.0, 1.0), ("y", 0.5, 20.0)])
def test_the_curve_is_the_path(axis: str, start: float, steepness: float) -> None:
    result = etude.run(
        etude.Study(
            data=etude.Surface(function="ravine", condition=20),
            model=etude.Point(x=-2.0, y=0.5),
            loss=etude.Height(),
            algorithm=etude.SGD(learning_rate=0.08, batch_size="full", epochs=12),
            validation=etude.TrainingOnly(),
            metric=Coordinate(axis=axis),  # type: ignore[arg-type]
        )
    )
    (member,) = result.record.members
    curve = member.curves[:, 0, result.record.metrics.index("coordinate")]
    factors = (1 - 0.08 * steepness) ** np.arange(1, 13)
    np.testing.assert_allclose(curve, start * factors, rtol=2e-5)
    assert result.best().mean == pytest.approx(start * factors[-1], rel=2e-5)


def test_it_is_of_surfaces_alone() -> None:
    with pytest.raises(etude.InputError, match="needs a target of surface, got numbers"):
        etude.plan(
            etude.Study(
                data=etude.Sine(),
                model=etude.Linear(),
                loss=etude.MSE(),
                algorithm=etude.SGD(),
                metric=Coordinate(),
            )
        )
