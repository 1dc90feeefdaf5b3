"""The declared precision of matrix products."""

import jax
import pytest

import etude
from etude.engine.device import Device
from etude.engine.plan import plan
from etude.engine.population import Population
from etude.errors import InputError
from etude.execution.record import study_record
from etude.study import Precision, Study

GPU = Device("gpu", "a card", workers=1, fixed_width=1)


def study(precision: Precision = "float32") -> Study:
    return Study(
        data=etude.Moons(rows=40),
        model=etude.Linear(),
        loss=etude.CrossEntropy(),
        algorithm=etude.AMSGrad(epochs=1),
        precision=precision,
    )


def test_a_cpu_has_float32_alone() -> None:
    with pytest.raises(InputError, match="`precision` tf32 needs a GPU"):
        plan(study("tf32"))


@pytest.mark.parametrize(
    ("declared", "told"), [("float32", "highest"), ("tf32", "high"), ("bfloat16", None)]
)
def test_every_product_of_a_program_has_the_declared_precision(
    declared: Precision, told: str | None
) -> None:
    whole = plan(study(declared), GPU)
    program = whole.programs[0]
    population = Population(program.training, 1, {"xla_backend_optimization_level": "0"})
    _, segment = population.compile(jax.device_put(whole.materials[0].shared))
    products = [line for line in segment.as_text().splitlines() if " dot(" in line]
    assert products
    expected = "operand_precision" if told is None else f"operand_precision={{{told},{told}}}"
    assert all((expected in line) == (told is not None) for line in products)


def test_results_of_another_precision_are_others() -> None:
    identities = [
        {member.identity for member in study_record(plan(study(declared), GPU)).members}
        for declared in ("float32", "tf32", "bfloat16")
    ]
    assert len(set().union(*identities)) == sum(map(len, identities))
    assert "precision" not in study().document()
    assert Study.from_document(study("tf32").document()) == study("tf32")
