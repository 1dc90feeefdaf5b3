"""Text through the engine: what studies tell of it, and what their networks write."""

from pathlib import Path

import numpy as np
import pytest
from scipy.special import log_softmax

import etude
from etude.data.names import prepare_names
from etude.testing.text import SmallText

PARTS = {"loss": etude.NextToken(), "algorithm": etude.Adam(learning_rate=0.03, epochs=2)}


def test_rows_weigh_as_much_as_they_have_targets() -> None:
    prepared = SmallText().prepare()
    study = etude.Study(
        data=SmallText(), model=etude.RNN(width=4), validation=etude.Holdout(test=0.4), **PARTS
    )
    result = etude.run(study)
    (member,) = result.record.members
    assert member.outputs is not None
    test = etude.Holdout(test=0.4).splits(prepared.rows, None, 0, prepared.groups)[0].test
    targets = prepared.arrays["targets"][test]
    counts = (targets >= 0).sum(1)
    assert len(set(counts)) > 1
    outputs = member.outputs.astype(np.float64).reshape(*targets.shape, -1)
    rows, steps = np.nonzero(targets >= 0)
    logs = log_softmax(outputs, -1)[rows, steps]
    true = targets[rows, steps]
    values = member.values["test"]
    expected = -np.mean(logs[np.arange(len(true)), true])
    assert values["token_log_loss"] == pytest.approx(expected, rel=1e-5)
    assert values["loss"] == pytest.approx(expected, rel=1e-5)
    assert values["perplexity"] == pytest.approx(np.exp(expected), rel=1e-5)
    assert values["token_accuracy"] == pytest.approx(np.mean(logs.argmax(1) == true), abs=1e-6)
    assert result.record.metric == "token_log_loss"
    assert result.record.splits[0].trivial["test"]["perplexity"] is not None


@pytest.mark.slow
def test_a_text_is_learned_judged_on_its_end_and_continued(tmp_path: Path) -> None:
    path = tmp_path / "song.txt"
    path.write_text("la li lu\nda di du\n" * 60)
    study = etude.Study(
        data=etude.Text(path=str(path), context=12),
        model=etude.RNN(width=16, embedding=4),
        loss=(etude.NextToken(), etude.NextToken(label_smoothing=0.1)),
        algorithm=etude.Adam(learning_rate=0.03, epochs=20, batch_size=8),
        validation=etude.Holdout(test=0.2, shuffle=False),
    )
    result = etude.run(study)
    plain, smoothed = (member.values["test"] for member in result.record.members)
    # All but nothing is uncertain, unless one symbol of a row's beginning has to be guessed.
    assert plain["token_log_loss"] < 0.25
    assert smoothed["loss"] > smoothed["token_log_loss"] + 0.1
    network = etude.refit(result, 0)
    (song,) = network.sample("la li lu\n", length=18, temperature=0)
    assert song == "la li lu\nda di du\nla li lu\n"
    network.save(tmp_path / "net")
    again = etude.load(tmp_path / "net")
    assert again.sample("da", count=2) == network.sample("da", count=2)
    with pytest.raises(etude.InputError, match="`sample` continues a text"):
        again.predict(np.zeros((1, 12), int))
    assert again.outputs(np.zeros((1, 12), int)).shape == (1, 12, again.spec.vocabulary)


@pytest.mark.parametrize("model", [etude.Linear(), etude.DeepLinear(), etude.MLP()])
def test_networks_of_one_output_a_row_are_refused(model: etude.Linear) -> None:
    study = etude.Study(data=SmallText(), model=model, validation=etude.Holdout(), **PARTS)
    with pytest.raises(etude.InputError, match=f"`model` {model.name}"):
        etude.plan(study)


def test_losses_of_one_target_a_row_are_refused() -> None:
    spec = prepare_names(["ab", "ba"], 0).spec
    for loss in (etude.CrossEntropy(), etude.MSE()):
        with pytest.raises(etude.InputError, match="needs a target of"):
            loss.check(spec)


def test_folds_that_deal_names_apart_are_refused() -> None:
    class Letters(SmallText, kind="data"):
        def prepare(self) -> etude.data.base.Prepared:  # type: ignore[name-defined]
            return prepare_names(["ada", "bob", "cid", "dab", "eda", "fab"], 2)

    parts = PARTS | {"loss": etude.CrossEntropy(), "model": etude.MLP(widths=(3,))}
    with pytest.raises(etude.InputError, match="kfold deals them apart"):
        etude.plan(etude.Study(data=Letters(), validation=etude.KFold(folds=2), **parts))
    whole = etude.plan(etude.Study(data=Letters(), validation=etude.Holdout(test=0.5), **parts))
    assert whole.materials[0].splits[0].test.size == 12
