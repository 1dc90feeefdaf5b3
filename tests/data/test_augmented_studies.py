"""Studies of augmented data: one data set, one program, and no bit changed at strength 0."""

import json
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from typer.testing import CliRunner

import etude
from etude.batch import Batch, Spec
from etude.cli import app
from etude.data.augmentation import Augmentation
from etude.data.bundled import Digits
from etude.errors import InputError
from etude.evidence.data_sets import data_sets
from etude.evidence.factors import factors
from etude.evidence.matched import matched
from etude.execution.record import study_record
from etude.execution.run import run
from etude.file import parse_study, read_study, write_study
from etude.validation.holdout import TrainingOnly

FILE = """
name = "augmented"
baseline = "no augment"
seeds = 1
[[data]]
name = "moons"
rows = 60
augment = { grid = [[], [NOISE], [MIXUP]] }
[[data]]
name = "blobs"
rows = 60
classes = 2
augment = { grid = [[], [NOISE], [MIXUP]] }
[model]
name = "linear"
[loss]
name = "cross_entropy"
[algorithm]
name = "adam"
epochs = 3
[[estimator]]
name = "scikit_learn"
estimator = "LogisticRegression"
[validation]
name = "kfold"
folds = 3
""".replace("NOISE", '{ name = "input_noise", std = { grid = [0, 0.3] } }').replace(
    "MIXUP", '{ name = "mixup" }'
)

SHORT: dict[str, Any] = {
    "loss": etude.CrossEntropy(),
    "algorithm": etude.Adam(epochs=2, learning_rate=0.01),
    "validation": etude.Holdout(test=0.9),
}


def digits(*augments: tuple[Augmentation, ...], **fields: Any) -> etude.Study:
    data = tuple(Digits(augment=augment) for augment in augments)
    return etude.Study(**(SHORT | {"data": data, "model": etude.MLP(widths=(6,))} | fields))


def changing(strength: float) -> tuple[Augmentation, ...]:
    return (
        etude.Flip(probability=0.5 * strength),
        etude.Shift(pixels=2 * strength),
        etude.Crop(size=0.3 * strength),
        etude.Rotate(degrees=20 * strength),
        etude.InputNoise(std=0.2 * strength),
        etude.Cutout(size=3 * strength),
    )


def mixing(strength: float) -> tuple[Augmentation, ...]:
    return etude.Mixup(alpha=0.4 * strength), etude.CutMix(probability=0.5 * strength)


KINDS = ((), changing(0), changing(1), changing(0.5), mixing(0), mixing(1))


@pytest.fixture(scope="module")
def members() -> dict[tuple[int, int], Any]:
    """Every kind at a standstill and in training."""
    rates = etude.grid(etude.SGD, learning_rate=[1e-30, 0.1], epochs=2)
    study = digits(*KINDS, algorithm=rates, model=etude.Linear())
    assert len(etude.plan(study).programs) == 3
    return {divmod(member.choice, 2): member for member in run(study).members}


def test_a_surface_takes_no_noise() -> None:
    surface = etude.Surface(function="ravine", augment=(etude.InputNoise(),))
    parts = {"data": surface, "model": etude.Point(), "loss": etude.Height()}
    with pytest.raises(InputError, match="and these are the coefficients of a surface"):
        etude.plan(etude.Study(**SHORT | parts | {"validation": TrainingOnly()}))


class Faded(Augmentation):
    """Some columns at half their size."""

    columns: tuple[int, ...] = (0,)

    def __call__(self, batch: Batch, key: jax.Array, spec: Spec) -> Batch:
        return batch._replace(inputs=batch.inputs.at[:, list(self.columns)].multiply(0.5))


def test_lists_of_an_augmentation_tell_choices_apart() -> None:
    kinds = ((Faded(), etude.InputNoise()), (Faded(columns=(0, 1)),), ())
    study = etude.Study(**SHORT | {"data": tuple(etude.Iris(augment=each) for each in kinds)},
                        model=etude.Linear())  # fmt: skip
    swept = [choice.swept for choice in study_record(etude.plan(study)).choices]
    assert [fields.get("augment.faded.columns") for fields in swept] == [[0], [0, 1], None]


def test_strength_0_is_the_part_left_out_bit_for_bit(members: Any) -> None:
    left_out, zero, full, half = (members[place, 1] for place in range(4))
    assert left_out.curves.tobytes() == zero.curves.tobytes()
    assert left_out.outputs.tobytes() == zero.outputs.tobytes()
    assert len({member.curves.tobytes() for member in (zero, full, half)}) == 3


def test_mixing_at_0_differs_by_the_rounding_of_targets_of_another_shape(members: Any) -> None:
    left_out, zero, mixed = (members[place, 1] for place in (0, 4, 5))
    np.testing.assert_allclose(zero.outputs, left_out.outputs, rtol=1e-4, atol=1e-5)
    assert np.abs(mixed.outputs - left_out.outputs).max() > 0.01


def test_what_judges_is_not_augmented(members: Any) -> None:
    """Networks that stay what they were are judged alike: rows that judge are as they were."""
    for place in range(1, len(KINDS)):
        np.testing.assert_array_equal(members[0, 0].curves, members[place, 0].curves)


@pytest.fixture(scope="module")
def read() -> etude.Study:
    return parse_study(FILE)


def ran_by_command(folder: Path) -> dict[str, Any]:
    """The answer of `etude run` to the study file of a folder."""
    arguments = ["run", str(folder / "study.toml"), "--store", str(folder / "s.db")]
    arguments += ["--report", str(folder / "report.html"), "--json"]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    answer: dict[str, Any] = json.loads(outcome.stdout)
    return answer


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, read: etude.Study) -> Path:
    """Where the study, written as a file, has been run."""
    place = tmp_path_factory.mktemp("augmented")
    (place / "study.toml").write_text(write_study(read))
    assert ran_by_command(place)["trained"] == 30
    return place


@pytest.fixture(scope="module")
def result(read: etude.Study, folder: Path) -> etude.Result:
    return etude.run(read, store=folder / "s.db")


def test_data_that_differ_in_what_augments_them_are_one_data_set(
    read: etude.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared: list[str] = []
    for cls in (etude.Moons, etude.Blobs):
        prepare = cls.prepare

        def noting(self: Any, prepare: Any = prepare) -> Any:
            prepared.append(self.name)
            return prepare(self)

        monkeypatch.setattr(cls, "prepare", noting)
    whole = etude.plan(read)
    assert prepared == ["moons", "blobs"]
    assert len(whole.materials) == 2
    # On each: without; noise of all strengths; mixup. Estimators train on rows as they are.
    assert len(whole.programs) == 6
    assert len(whole.choices) == 2 * (4 + 1)
    assert whole.bytes < 2**24


def test_their_choices_are_compared_with_one_another(result: etude.Result) -> None:
    record = result.record
    assert [document["name"] for document in data_sets(record)] == ["moons", "blobs"]
    assert len(record.splits) == 6
    first, second = result.comparisons
    assert len(first.choices) == len(second.choices) == 5
    labels = [record.choices[choice].label for choice in first.choices]
    assert labels == [
        "moons · no augment",
        "moons · input_noise std=0",
        "moons · input_noise std=0.3",
        "moons · mixup",
        "moons · LogisticRegression",
    ]
    values = dict(zip(labels, first.judged_values.tolist(), strict=True))
    assert values["moons · no augment"] == values["moons · input_noise std=0"]
    assert len(result.differences[0]) == 4, "all others against the baseline"
    swept = [record.choices[choice].swept for choice in first.choices[:4]]
    assert [fields["augment"] for fields in swept] == [
        "none",
        "input_noise",
        "input_noise",
        "mixup",
    ]
    assert [fields.get("augment.input_noise.std") for fields in swept] == [None, 0.0, 0.3, None]


def test_over_several_data_sets_they_are_matched(result: etude.Result) -> None:
    found = matched([result.record])
    assert [dataset.name for dataset in found.datasets] == ["moons", "blobs"]
    assert found.left_out == ()
    assert "input_noise std=0.3" in found.labels


def test_importance_tells_what_augments_as_a_factor(result: etude.Result) -> None:
    networks = [choice for choice in result.record.choices if "estimator" not in choice.document]
    (axis,) = factors(networks[:4]).axes
    assert axis.between == ("augment",)
    assert {group.name: group.fields for group in axis.groups} == {
        "none": (),
        "input_noise": (("augment.input_noise.std",),),
        "mixup": (),
    }


def test_a_run_reports_and_refits_them(
    folder: Path, read: etude.Study, result: etude.Result, tmp_path: Path
) -> None:
    assert read_study(folder / "study.toml") == read
    assert "input_noise std=0.3" in (folder / "report.html").read_text()
    assert ran_by_command(folder)["trained"] == 0
    network = etude.refit(result, 3)
    assert network.document["data"]["augment"] == [{"name": "mixup", "alpha": 0.2}]
    network.save(tmp_path / "network")
    assert etude.load(tmp_path / "network").predict(np.zeros((2, 2), np.float32)).shape == (2,)


def test_a_loss_that_takes_no_shares_refuses_what_mixes_classes() -> None:
    def quartic(outputs: Any, targets: Any) -> Any:
        return jnp.sum(outputs, -1) + targets

    loss = etude.UserLoss(function=quartic, label="quartic", version="1", task="classes")
    with pytest.raises(
        InputError, match="`augment` mixup mixes the classes of rows, and `loss` qu"
    ):
        etude.plan(digits((etude.Mixup(),), loss=loss))


def test_an_augmentation_without_meaning_is_refused_before_training() -> None:
    study = etude.Study(**SHORT, data=etude.Moons(augment=(etude.Shift(),)), model=etude.MLP())
    with pytest.raises(InputError, match="`augment` shift needs images"):
        etude.plan(study)


def test_numbers_are_mixed_and_train() -> None:
    data = tuple(etude.Diabetes(augment=augment) for augment in ((), (etude.Mixup(alpha=1),)))
    members = run(
        etude.Study(**(SHORT | {"loss": etude.MSE()}), data=data, model=etude.Linear())
    ).members
    assert [member.status for member in members] == ["done", "done"]
    assert members[0].values != members[1].values


def test_what_was_stored_before_keeps_its_identity() -> None:
    assert "augment" not in Digits().document()
    assert "weight_noise" not in etude.MLP().document()
    told = Digits(augment=(etude.Shift(pixels=3),)).document()["augment"]
    assert told == [{"name": "shift", "pixels": 3.0}]
    assert Digits.from_document(Digits(augment=changing(1)).document()) == Digits(
        augment=changing(1)
    )
