"""Ensembles as networks: refitted, they predict what was judged; saved and read, the same bits."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load as load_arrays
from sklearn.datasets import load_wine

import etude
import etude.network as network_module
from etude.batch import Spec
from etude.engine.device import Device, current_device
from etude.engine.plan import plan
from etude.ensemble.bagging import Bagging
from etude.ensemble.base import Ensemble
from etude.ensemble.boosting import Boosting
from etude.ensemble.combination import Combination
from etude.ensemble.samme import Samme
from etude.errors import InputError
from etude.execution.record import study_record
from etude.execution.refit import refit
from etude.network import DESCRIPTION, PREDICTED_ROWS, WEIGHTS, Network

ALL = (Bagging(networks=2), Boosting(networks=2), Samme(networks=3))
EACH = [
    pytest.param(each, id=each.name, marks=[pytest.mark.slow] * (each != ALL[0])) for each in ALL
]

DEVICE = replace(current_device(1), fixed_width=1)


@pytest.fixture(scope="module")
def study() -> etude.Study:
    algorithms = tuple(
        etude.SGD(epochs=2, batch_size=32, learning_rate=0.05, ensemble=each) for each in ALL
    )
    return etude.Study(
        data=etude.Wine(),
        model=etude.MLP(widths=(4,), dropout=0.1, normalization="batch"),
        loss=etude.CrossEntropy(),
        algorithm=algorithms,
        validation=etude.TrainingOnly(),
    )


class Networks:
    """Refitted, when asked for, from the record of a study of which nothing has been trained."""

    def __init__(self, study: etude.Study) -> None:
        self._study, self._record = study, study_record(plan(study, DEVICE), "")
        self._refitted: dict[str, Network] = {}

    def __getitem__(self, name: str) -> Network:
        if name not in self._refitted:
            number = [each.name for each in ALL].index(name)
            self._refitted[name] = refit(self._study, number, self._record, DEVICE)
        return self._refitted[name]


@pytest.fixture(scope="module")
def networks(study: etude.Study) -> Networks:
    return Networks(study)


@pytest.mark.parametrize("ensemble", EACH)
def test_a_refitted_ensemble_predicts_what_was_judged(
    ensemble: Ensemble, networks: Networks
) -> None:
    network, rows = networks[ensemble.name], load_wine()
    shares = network.probabilities(rows.data.astype(np.float32))
    log_loss = -np.log(shares[np.arange(178), rows.target]).mean()
    assert log_loss == pytest.approx(network.history["train"]["loss"], rel=1e-4)
    told = network.predict(rows.data.astype(np.float32))
    accuracy = np.mean(told == np.array(network.spec.classes)[rows.target])
    assert accuracy == pytest.approx(network.history["train"]["accuracy"], abs=1e-6)
    assert network.combination is not None
    count = len(network.combination.coefficients)
    assert network.parameters == count * (13 * 4 + 2 * 4 + 4 * 3 + 3)
    assert str(ensemble) in repr(network)


@pytest.mark.slow
def test_refit_comes_to_what_a_study_of_all_rows_came_to(
    study: etude.Study, networks: Networks
) -> None:
    record = etude.run(study, workers=1).record
    for number, ensemble in enumerate(ALL):
        trained = networks[ensemble.name].history["train"]
        for name in ("loss", "accuracy"):
            judged = record.members[number].values["train"][name]
            assert trained[name] == pytest.approx(judged, rel=1e-4)


def test_refit_tells_that_it_has_no_memory_for_all_networks(
    study: etude.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The study needs room for what is said alone, its refit for the networks too."""
    many = etude.AMSGrad(epochs=2, ensemble=Bagging(networks=1000))
    whole = study.model_copy(update={"algorithm": (many,), "model": (etude.MLP(widths=(200,)),)})
    record = study_record(plan(whole, DEVICE), "")
    monkeypatch.setattr("etude.engine.memory.machine_bytes", lambda: 2_000_000)
    assert plan(whole, DEVICE).members
    with pytest.raises(InputError, match=r"`model` mlp of .* takes 3 MiB of memory to train"):
        refit(whole, 0, record, DEVICE)


def test_refit_trains_as_many_at_a_time_as_have_room_with_their_networks(
    study: etude.Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a device that trains side by side W follows from what a member takes, networks kept."""

    class Stopped(Exception):
        """Nothing is compiled."""

    widths = []

    def stopped(training: Any, width: int, options: Any) -> Any:
        widths.append((training.bytes, width))
        raise Stopped

    monkeypatch.setattr("etude.execution.refit.Population", stopped)
    monkeypatch.setattr(Device, "width", lambda self, needed: max(1, 10**8 // needed))
    record = study_record(plan(study, DEVICE), "")
    program = plan(study, DEVICE).programs[0]
    with pytest.raises(Stopped):
        refit(study, 0, record, DEVICE)
    ((needed, width),) = widths
    assert needed > program.training.bytes
    assert 1 < width == 10**8 // needed < program.width


@pytest.mark.parametrize("ensemble", [Bagging(), None], ids=["ensemble", "network"])
def test_weights_are_moved_to_the_device_once(
    ensemble: Ensemble | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And so are the rows, however many batches these come to."""
    generator = np.random.default_rng(0)
    several = (2,) if ensemble else ()
    made = Network(
        Spec("numbers", (3,)),
        etude.Sine().prepare().stream,
        etude.Linear(),
        etude.MSE(),
        {
            "params/layers/0/kernel": generator.normal(size=(*several, 3, 1)).astype(np.float32),
            "params/layers/0/bias": generator.normal(size=(*several, 1)).astype(np.float32),
        },
        {"input_mean": np.zeros(3, np.float32), "input_scale": np.ones(3, np.float32)},
        *("float32", {}, {}, {}),
        Combination(ensemble, np.ones(2, np.float32), np.zeros(1, np.float32))
        if ensemble
        else None,
    )
    moved = []
    real = network_module.from_names
    monkeypatch.setattr(
        network_module, "from_names", lambda *given: moved.append(given[1]) or real(*given)
    )
    rows = generator.normal(size=(2 * PREDICTED_ROWS + 5, 3)).astype(np.float32)
    outputs = made.outputs(rows)
    assert sorted(moved) == ["params", "rest"]
    kernel, bias = made.weights.values()
    expected = rows @ (kernel.mean(0) if ensemble else kernel) + (
        bias.mean(0) if ensemble else bias
    )
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("ensemble", EACH)
def test_a_saved_ensemble_predicts_the_same_bits(
    ensemble: Ensemble, networks: Networks, tmp_path: Path
) -> None:
    network, rows = networks[ensemble.name], load_wine().data.astype(np.float32)
    network.save(tmp_path)
    again = etude.load(tmp_path)
    np.testing.assert_array_equal(again.outputs(rows), network.outputs(rows))
    assert again.combination is not None
    assert again.combination.ensemble == ensemble
    assert again.document["algorithm"]["ensemble"] == ensemble.document()


def test_the_mean_of_an_ensemble_is_that_of_its_networks(networks: Networks) -> None:
    network, rows = networks["bagging"], load_wine().data.astype(np.float32)
    shares = []
    for number in range(2):
        weights = {name: value[number] for name, value in network.weights.items()}
        shares.append(replace(network, weights=weights, combination=None).probabilities(rows))
    assert np.abs(shares[0] - shares[1]).max() > 0.05
    np.testing.assert_allclose(network.probabilities(rows), np.mean(shares, 0), rtol=1e-5)


def test_other_descriptions_of_an_ensemble_are_refused(networks: Networks, tmp_path: Path) -> None:
    networks["samme"].save(tmp_path)
    whole = json.loads((tmp_path / DESCRIPTION).read_text())
    arrays = load_arrays((tmp_path / WEIGHTS).read_bytes())
    count = len(arrays["coefficients"])
    assert (whole["format"], whole["networks"]) == (2, count)
    algorithm = whole["choice"]["algorithm"]
    cases: list[tuple[dict[str, Any], str]] = [
        ({"format": 1}, "of an ensemble, and of nothing else"),
        ({"networks": 0}, "of an ensemble, and of nothing else"),
        ({"networks": 10**9}, "less than or equal to 1000"),
        ({"networks": 4}, "has at most 3, got 4"),
        ({"format": 3}, "a newer Étude wrote it"),
    ]
    for ensemble, message in (
        (None, "of an ensemble, and of nothing else"),
        ({"name": "forest"}, "there is no ensemble called 'forest'"),
        ({"name": "bagging", "networks": 0}, "greater than or equal to 1"),
        (["bagging"], "`ensemble` of network.json"),
    ):
        choice = whole["choice"] | {"algorithm": algorithm | {"ensemble": ensemble}}
        cases.append(({"choice": choice}, message))
    for changed, message in cases:
        (tmp_path / DESCRIPTION).write_text(json.dumps(whole | changed))
        with pytest.raises(InputError, match=message):
            etude.load(tmp_path)
    (tmp_path / DESCRIPTION).write_text(json.dumps(whole | {"networks": count - 1 or 2}))
    with pytest.raises(InputError, match="must have the shape"):
        etude.load(tmp_path)


def test_files_of_single_networks_are_as_they_were(tmp_path: Path) -> None:
    study = etude.Study(
        data=etude.Wine(),
        model=etude.Linear(),
        loss=etude.CrossEntropy(),
        algorithm=etude.SGD(epochs=1),
        validation=etude.TrainingOnly(),
    )
    network = refit(study, 0, study_record(plan(study, DEVICE), ""), DEVICE)
    network.save(tmp_path)
    description = json.loads((tmp_path / DESCRIPTION).read_text())
    assert description["format"] == 1
    assert "networks" not in description
    assert "ensemble" not in description["choice"]["algorithm"]
    assert etude.load(tmp_path).combination is None


def test_text_is_sampled_from_single_networks() -> None:
    """An ensemble of networks of text is refused before it is asked for anything."""
    from etude.data.names import prepare_names

    prepared = prepare_names(["anna", "bob", "nab"], 2)
    combination = Combination(Bagging(), np.ones(1), np.zeros(5))
    network = Network(
        prepared.spec,
        prepared.stream,
        etude.MLP(widths=(3,), embedding=2),
        etude.CrossEntropy(),
        *({}, {}, "int32", prepared.schema, {}, {}),
        combination,
    )
    with pytest.raises(InputError, match=r"`sample` needs a single network, got bagging"):
        network.sample("na")
