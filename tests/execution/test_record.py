"""What is kept of a study before anything is trained."""

import etude
from etude.execution.record import study_record
from etude.sweep import grid


def test_a_swept_field_is_told_at_its_default_too() -> None:
    """Also one that documents leave out there, for it came after results had been stored."""
    study = etude.Study(
        data=etude.Iris(),
        model=grid(etude.MLP, widths=(4,), dropout=[0.0, 0.2]),
        loss=etude.CrossEntropy(),
        algorithm=etude.Adam(),
    )
    assert "dropout" not in study.model[0].document()
    swept = [choice.swept for choice in study_record(etude.plan(study)).choices]
    assert swept == [{"model.dropout": 0.0}, {"model.dropout": 0.2}]
