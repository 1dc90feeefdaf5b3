"""Ensembles in the engine: the promises that hold for single networks hold for them."""

from dataclasses import replace
from typing import Any

import jax
import numpy as np
import pytest

import etude
from etude.algorithm.base import Algorithm
from etude.engine import population
from etude.engine.checkpoint import from_bytes, to_bytes
from etude.engine.checks import check_network
from etude.engine.device import Device, current_device
from etude.engine.plan import inputs_of, plan
from etude.engine.population import Population
from etude.engine.status import Status
from etude.ensemble.averaging import Averaging
from etude.ensemble.bagging import Bagging
from etude.ensemble.base import Ensemble
from etude.ensemble.boosting import Boosting
from etude.ensemble.samme import Samme
from etude.errors import InputError
from etude.execution.run import run
from etude.file.read import parse_study
from etude.file.write import write_study
from etude.study import choice_labels
from etude.testing.images import SmallImages

ALL = (Averaging(networks=3), Bagging(networks=3), Boosting(networks=3), Samme(networks=3))
BUDGET: dict[str, Any] = {"epochs": 2, "batch_size": 16}


def device(width: int = 1) -> Device:
    return replace(current_device(2), fixed_width=width)


def study(*algorithms: Algorithm, **fields: Any) -> etude.Study:
    values: dict[str, Any] = {
        "data": etude.Moons(rows=60, noise=0.2),
        "model": etude.Linear(),
        "loss": etude.CrossEntropy(),
        "validation": etude.KFold(folds=2),
    }
    return etude.Study(algorithm=algorithms, **(values | fields))


def several(ensemble: Ensemble, **fields: Any) -> Algorithm:
    return etude.AMSGrad(**(BUDGET | {"learning_rate": 0.05} | fields), ensemble=ensemble)


def bits(member: Any) -> Any:
    return member.status, member.steps, member.curves.tobytes(), member.outputs.tobytes()


@pytest.mark.parametrize(
    "ensemble",
    [pytest.param(each, marks=[pytest.mark.slow] * (each != ALL[1])) for each in ALL],
    ids=lambda ensemble: ensemble.name,
)
def test_neighbours_do_not_matter(ensemble: Ensemble) -> None:
    """Beside one that diverges, and another rate, each member keeps its bits; 3 at a time."""
    usual, wild = several(ensemble), several(ensemble, learning_rate=1e30)
    model = etude.MLP(widths=(4,), dropout=0.1)
    alone = run(study(usual, model=model), device=device(3))
    among = run(study(wild, usual, model=model), device=device(3))
    members = {member.identity: member for member in among.members}
    for member in alone.members:
        assert member.status == "done"
        assert bits(members[member.identity]) == bits(member)
    for member in among.members[:2]:
        assert member.status == "diverged"
        assert 1 <= member.diverged_step <= 3


@pytest.mark.parametrize(
    "ensemble",
    [pytest.param(each, marks=[pytest.mark.slow] * (each != ALL[2])) for each in ALL],
    ids=lambda ensemble: ensemble.name,
)
def test_a_member_goes_on_from_a_checkpoint_with_the_same_bits(ensemble: Ensemble) -> None:
    """Stopped within the second network, and at its border, written as bytes and read again."""
    algorithm = etude.Adam(steps=5, batch_size=16, learning_rate=0.3, ensemble=ensemble)
    whole = plan(study(algorithm), device())
    program, shared = whole.programs[0], whole.materials[0].shared
    assert program.steps == 15
    compiled = Population(program.training, 1, program.options)
    inputs, carry = compiled.start(shared, {0: inputs_of(whole, 0)})
    through = compiled.train(shared, inputs, carry, 15)
    for stop in (5, 8):
        part = compiled.train(shared, inputs, carry, stop)
        assert (int(part.step), int(part.stage.number)) == (stop, 1)
        again = from_bytes(to_bytes(part), jax.eval_shape(lambda part=part: part))
        after = compiled.train(shared, inputs, again, 15)
        for leaf, other in zip(jax.tree.leaves(through), jax.tree.leaves(after), strict=True):
            assert np.asarray(leaf).tobytes() == np.asarray(other).tobytes()
    assert int(through.status) == Status.DONE
    # Five steps of two batches each are evaluated three times, the last time within an epoch.
    assert int(through.epoch) == 9 or ensemble.name == "samme"


def test_ensembles_share_the_program_of_the_basic_rules() -> None:
    """Rules and traced numbers of ensembles make no programs, their structure does."""
    algorithms = [
        cls(steps=5, batch_size=16, learning_rate=0.05, ensemble=ensemble)
        for cls in (etude.SGD, etude.Adam)
        for ensemble in etude.grid(Boosting, networks=3, shrinkage=[0.1, 0.9])
    ]
    before = population.compilations
    record = run(study(*algorithms), device=device())
    assert population.compilations - before == 2
    assert {member.status for member in record.members} == {"done"}
    assert len({member.outputs.tobytes() for member in record.members}) == 4 * 2
    assert len(plan(study(several(ALL[0]), several(ALL[1]), several(Averaging()))).programs) == 3


def test_divergence_of_a_later_network_is_that_of_the_member() -> None:
    """The second network is spoilt: the member diverged at its step, counted from the first."""
    algorithm = etude.Adam(steps=5, batch_size=16, learning_rate=0.05, ensemble=ALL[2])
    whole = plan(study(algorithm), device())
    program, shared = whole.programs[0], whole.materials[0].shared
    compiled = Population(program.training, 1, program.options)
    inputs, carry = compiled.start(shared, {0: inputs_of(whole, 0)})
    part = compiled.train(shared, inputs, carry, 5)
    spoilt = part._replace(weights=np.full_like(part.weights, np.nan))
    after = compiled.train(shared, inputs, spoilt, 15)
    assert (int(after.status), int(after.diverged)) == (Status.DIVERGED, 6)
    assert np.isfinite(after.history[:3, [0, 2], 0]).all()
    assert np.isnan(after.history[3:]).all()


def test_nothing_is_carried_without_an_ensemble() -> None:
    whole = plan(study(etude.AMSGrad(**BUDGET)), device())
    program = whole.programs[0]
    carry = jax.eval_shape(program.training.init, whole.materials[0].shared, inputs_of(whole, 0))
    assert carry.stage == ()
    assert str(whole).count("ensemble") == 0


def test_budget_and_size_count_all_networks() -> None:
    one, ten = (
        plan(study(etude.AMSGrad(**BUDGET, ensemble=ensemble)), device())
        for ensemble in (None, Bagging(networks=10))
    )
    first, second = one.programs[0], ten.programs[0]
    assert second.steps == 10 * first.steps
    assert second.operations == pytest.approx(10 * first.operations)
    assert second.parameters == 10 * first.parameters == 10 * first.training.parameters
    assert second.training.bytes > first.training.bytes
    assert "2 networks (20 with those inside of ensembles) in 1 program" in str(ten)


def test_labels_tell_which_ensemble() -> None:
    labels = choice_labels(
        study(etude.Adam(), *(etude.Adam(ensemble=ensemble) for ensemble in ALL[1:3]))
    )
    assert labels == (
        "adam",
        "adam bagging(networks=3)",
        "adam boosting(networks=3, shrinkage=0.3)",
    )


def test_study_files_have_ensembles() -> None:
    text = """
        name = "ensembles"
        [data]
        name = "wine"
        [model]
        name = "linear"
        [loss]
        name = "cross_entropy"
        [algorithm]
        name = "adam"
        ensemble = { grid = [
            { name = "bagging", networks = { grid = [5, 10] } },
            { name = "boosting", shrinkage = 0.5 },
        ] }
    """
    read = parse_study(text)
    assert [algorithm.ensemble for algorithm in read.algorithm] == [
        Bagging(networks=5),
        Bagging(networks=10),
        Boosting(shrinkage=0.5),
    ]
    assert parse_study(write_study(read)) == read
    assert etude.Study.from_document(read.document()) == read


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (
            {
                "data": etude.Surface(function="beale"),
                "model": etude.Point(),
                "loss": etude.Height(),
                "validation": etude.TrainingOnly(),
            },
            "`loss` height does not say what several networks predict together",
        ),
        (
            {"data": etude.Diabetes(), "loss": etude.MSE(), "ensemble": Samme()},
            "`ensemble` samme needs a target of classes, got numbers",
        ),
    ],
    ids=["surface", "numbers"],
)
def test_what_cannot_be_combined_is_refused(fields: dict[str, Any], message: str) -> None:
    ensemble = fields.pop("ensemble", Averaging())
    whole = study(several(ensemble), **fields)
    with pytest.raises(InputError, match=message):
        plan(whole, device())


@pytest.mark.parametrize("ensemble", ALL, ids=lambda ensemble: ensemble.name)
def test_rows_may_be_mixed(ensemble: Ensemble) -> None:
    """Mixup and CutMix fit what the networks of every ensemble learn, classes or gradients."""
    mixed = SmallImages(augment=(etude.Mixup(alpha=1.0), etude.CutMix()))
    whole = plan(study(several(ensemble), data=mixed), device())
    training, shared = whole.programs[0].training, whole.materials[0].shared
    inputs = inputs_of(whole, 0)
    carry = jax.eval_shape(training.init, shared, inputs)
    after = jax.eval_shape(training.segment, shared, inputs, carry, np.int32(1))
    assert jax.tree.map(lambda leaf: leaf.shape, after) == jax.tree.map(
        lambda leaf: leaf.shape, carry
    )


def test_successive_halving_refuses_ensembles() -> None:
    """After some epochs an ensemble would be judged by the first of its networks."""
    whole = study(several(ALL[0]), several(ALL[1]), search=etude.Halving())
    message = (
        "`search` halving compares networks after some of their epochs, and an `ensemble` has "
        "trained few of its networks by then: choose another search, or leave `ensemble` out"
    )
    with pytest.raises(InputError, match=message):
        run(whole, device=device())


def test_rows_that_are_streamed_are_refused() -> None:
    whole = plan(study(several(Bagging())), device())
    known = whole.materials[0]
    streamed = replace(known, prepared=replace(known.prepared, block=10))
    assert streamed.blocks is not None
    with pytest.raises(InputError, match="`ensemble` bagging needs all rows in memory, and `data`"):
        check_network(whole.choices[0], streamed)
