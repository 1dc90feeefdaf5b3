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
from etude.engine.device import current_device
from etude.ensemble.bagging import Bagging
from etude.ensemble.base import Ensemble
from etude.ensemble.boosting import Boosting
from etude.ensemble.combination import Combination
from etude.ensemble.samme import Samme
from etude.errors import InputError
from etude.evidence.result import Result
from etude.network import DESCRIPTION, WEIGHTS, Network

ALL = (Bagging(networks=2), Boosting(networks=2), Samme(networks=3))


@pytest.fixture(scope="module")
def result() -> Result:
    algorithms = tuple(
        etude.AMSGrad(epochs=2, batch_size=32, learning_rate=0.05, ensemble=each) for each in ALL
    )
    study = etude.Study(
        data=etude.Wine(),
        model=etude.MLP(widths=(4,), dropout=0.1, normalization="batch"),
        loss=etude.CrossEntropy(),
        algorithm=algorithms,
        validation=etude.TrainingOnly(),
    )
    return etude.run(study, workers=1)


@pytest.fixture(scope="module")
def networks(result: Result) -> dict[str, Network]:
    device = replace(current_device(1), fixed_width=1)
    return {each.name: etude.refit(result, n, device) for n, each in enumerate(ALL)}


@pytest.mark.parametrize("ensemble", ALL, ids=lambda ensemble: ensemble.name)
def test_a_refitted_ensemble_predicts_what_was_judged(
    ensemble: Ensemble, result: Result, networks: dict[str, Network]
) -> None:
    """The study trained on all rows already: refit comes to the same, and so does its network."""
    network, rows = networks[ensemble.name], load_wine()
    record = result.record.members[ALL.index(ensemble)]
    shares = network.probabilities(rows.data.astype(np.float32))
    log_loss = -np.log(shares[np.arange(178), rows.target]).mean()
    assert log_loss == pytest.approx(record.values["train"]["loss"], rel=1e-4)
    told = network.predict(rows.data.astype(np.float32))
    accuracy = np.mean(told == np.array(network.spec.classes)[rows.target])
    assert accuracy == pytest.approx(record.values["train"]["accuracy"], abs=1e-6)
    assert network.combination is not None
    count = len(network.combination.coefficients)
    assert network.parameters == count * (13 * 4 + 2 * 4 + 4 * 3 + 3)
    assert str(ensemble) in repr(network)


@pytest.mark.parametrize("ensemble", ALL, ids=lambda ensemble: ensemble.name)
def test_a_saved_ensemble_predicts_the_same_bits(
    ensemble: Ensemble, networks: dict[str, Network], tmp_path: Path
) -> None:
    network, rows = networks[ensemble.name], load_wine().data.astype(np.float32)
    network.save(tmp_path)
    again = etude.load(tmp_path)
    np.testing.assert_array_equal(again.outputs(rows), network.outputs(rows))
    assert again.combination is not None
    assert again.combination.ensemble == ensemble
    assert again.document["algorithm"]["ensemble"] == ensemble.document()


def test_the_mean_of_an_ensemble_is_that_of_its_networks(networks: dict[str, Network]) -> None:
    network, rows = networks["bagging"], load_wine().data.astype(np.float32)
    shares = []
    for number in range(2):
        weights = {name: value[number] for name, value in network.weights.items()}
        shares.append(replace(network, weights=weights, combination=None).probabilities(rows))
    assert np.abs(shares[0] - shares[1]).max() > 0.05
    np.testing.assert_allclose(network.probabilities(rows), np.mean(shares, 0), rtol=1e-5)


def test_other_descriptions_of_an_ensemble_are_refused(
    networks: dict[str, Network], tmp_path: Path
) -> None:
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
        algorithm=etude.AMSGrad(epochs=1),
        validation=etude.TrainingOnly(),
    )
    network = etude.refit(etude.run(study, workers=1))
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
