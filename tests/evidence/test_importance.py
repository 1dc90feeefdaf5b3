"""The analysis of variance against sums of squares by hand, least squares and known components."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from etude.evidence.comparison import comparisons
from etude.evidence.importance import importance
from etude.store.records import ChoiceRecord, MemberRecord, StudyRecord
from study_records import study_record, with_members


def _record(choices: list[ChoiceRecord], values: np.ndarray) -> StudyRecord:
    """A record of choices with the test accuracies `[choices, splits, seeds]`."""
    base = study_record(rates=1, rules=("adam",), folds=values.shape[1], seeds=1, epochs=1)
    members = tuple(
        MemberRecord(
            identity=f"{place}",
            choice=place[0],
            split=place[1],
            seed=place[2],
            status="done",
            values={"test": {"accuracy": float(values[place])}},
        )
        for place in np.ndindex(values.shape)
    )
    return replace(base, choices=tuple(choices), members=members)


def _choice(algorithm: dict, model: dict | None = None, names: tuple[str, ...] = ()):
    """A choice whose fields all count as swept; names are swept for the kinds given."""
    parts = {"algorithm": {"name": "adam"} | algorithm, "model": {"name": "mlp"} | (model or {})}
    swept = {
        f"{kind}.{field}": value
        for kind, part in parts.items()
        for field, value in part.items()
        if field != "name"
    }
    swept |= {kind: parts[kind]["name"] for kind in names}
    document = {"data": {"name": "digits"}, "loss": {"name": "cross_entropy"}} | parts
    return ChoiceRecord(str(swept), document, swept)


def _grid(a: int, b: int) -> list[ChoiceRecord]:
    return [
        _choice({"learning_rate": 10.0**-i}, {"widths": [8 * (j + 1)]})
        for i, j in itertools.product(range(a), range(b))
    ]


def _found(record: StudyRecord):
    return importance(record, comparisons(record)[0])


def _variances(record: StudyRecord) -> dict[str, float]:
    return {str(part): part.variance for part in _found(record).shares}


def test_two_crossed_fields_equal_the_sums_of_squares_of_the_textbook() -> None:
    values = np.random.default_rng(0).normal(size=(3, 4, 5, 2))
    record = _record(_grid(3, 4), values.reshape(12, 5, 2))
    found = _found(record)
    ratio = comparisons(record)[0].test_over_train
    cells = values.mean(axis=(2, 3))
    mean = cells.mean()
    rows, columns = cells.mean(1) - mean, cells.mean(0) - mean
    expected = {
        "algorithm.learning_rate": np.sum(rows**2) / 3,
        "model.widths": np.sum(columns**2) / 4,
        "model.widths × algorithm.learning_rate": np.sum(
            (cells - rows[:, None] - columns[None] - mean) ** 2
        )
        / 12,
    }
    # The same decomposition of each network's deviation from the mean over splits or seeds.
    for axis, factor in (("split", 1), ("seed", 0)):
        inside = values.mean(3) if axis == "split" else values - values.mean(3, keepdims=True)
        inside = inside - inside.mean(2, keepdims=True) if axis == "split" else inside
        a, b = inside.mean(1), inside.mean(0)
        m = inside.mean((0, 1))
        squares = {
            "algorithm.learning_rate": np.sum((a - m) ** 2) / 3,
            "model.widths": np.sum((b - m) ** 2) / 4,
            "model.widths × algorithm.learning_rate": np.sum(
                (inside - a[:, None] - b[None] + m) ** 2
            )
            / 12,
        }
        for name, square in squares.items():
            if factor:
                expected[name] -= square / 4 * (1 / 5 + ratio)
            else:
                seed = square / 5  # splits · (seeds − 1)
                expected[name] += seed / 2 * (1 / 5 + ratio) - seed / 10
    told = {str(part): part.variance for part in found.shares}
    assert told == pytest.approx(expected, rel=1e-10)
    positive = {name: max(0.0, value) for name, value in expected.items()}
    shares = {str(part): part.share for part in found.shares}
    total = sum(positive.values())
    assert shares == pytest.approx({name: value / total for name, value in positive.items()})
    assert found.choices == pytest.approx(total)
    assert found.reason == ""


def test_shares_without_noise_are_those_of_nested_least_squares() -> None:
    """Three fields, full factorial: each share is the drop in the residual of lstsq."""
    sizes = (2, 3, 4)
    values = np.random.default_rng(1).normal(size=sizes)
    levels = list(itertools.product(*map(range, sizes)))
    choices = [_choice({"a": i, "b": j, "c": k}) for i, j, k in levels]
    record = _record(choices, np.repeat(values.reshape(-1, 1, 1), 3, axis=1))
    found = {str(part): part.share for part in _found(record).shares}
    outcome = values.ravel()
    dummies = [np.eye(size)[[place[axis] for place in levels]] for axis, size in enumerate(sizes)]

    def design(terms: set[tuple[int, ...]]) -> np.ndarray:
        parts = [np.ones((24, 1))]
        for term in terms:
            columns = np.ones((24, 1))
            for axis in term:
                columns = (columns[:, :, None] * dummies[axis][:, None]).reshape(24, -1)
            parts.append(columns)
        return np.concatenate(parts, axis=1)

    def residual(terms: set[tuple[int, ...]]) -> float:
        matrix = design(terms)
        fitted = matrix @ np.linalg.lstsq(matrix, outcome, rcond=None)[0]
        return float(np.sum((outcome - fitted) ** 2))

    total = np.sum((outcome - outcome.mean()) ** 2)
    terms = [t for size in (1, 2, 3) for t in itertools.combinations(range(3), size)]
    assert len(found) == len(terms) == 7
    for term in terms:
        below = {other for other in terms if set(other) < set(term)}
        name = " × ".join(f"algorithm.{'abc'[axis]}" for axis in term)
        drop = (residual(below) - residual(below | {term})) / total
        assert found[name] == pytest.approx(drop, rel=1e-9)
    assert sum(found.values()) == pytest.approx(1)


def test_fields_of_one_algorithm_only_are_told_inside_it() -> None:
    adam = [_choice({"rate": r, "beta": b}, names=("algorithm",)) for r in (1, 2) for b in (3, 4)]
    sgd = [_choice({"name": "sgd", "rate": r}, names=("algorithm",)) for r in (1, 2, 3)]
    zero = [_choice({"name": "zero"}, names=("algorithm",))]
    values = np.array([1.0, 2.0, 4.0, 9.0, 3.0, 5.0, 7.0, 6.0])
    record = _record(adam + sgd + zero, np.repeat(values[:, None, None], 2, axis=1))
    found = _variances(record)
    means = {"adam": 4.0, "sgd": 5.0, "zero": 6.0}
    assert found == pytest.approx(
        {
            "algorithm": sum(
                n * (means[name] - values.mean()) ** 2
                for name, n in (("adam", 4), ("sgd", 3), ("zero", 1))
            )
            / 8,
            "algorithm.rate within adam": 4 * 2.5**2 / 8,
            "algorithm.beta within adam": 4 * 1.5**2 / 8,
            "algorithm.rate × algorithm.beta within adam": 4 * 1.0**2 / 8,
            "algorithm.rate within sgd": (4 + 0 + 4) / 8,
        },
        rel=1e-10,
    )
    assert sum(found.values()) == pytest.approx(values.var())
    merged = {part.fields: part.variance for part in _found(record).merged()}
    assert merged[("algorithm.rate",)] == pytest.approx(25 / 8 + 1)


def test_a_model_crossed_with_unequal_algorithms_keeps_its_own_effect() -> None:
    """The order of the choices is that of the study: models outside, algorithms inside."""
    models = [{"widths": [4]}, {"widths": [8]}, {"widths": [16]}]
    rules = [{"rate": 1}, {"rate": 2}, {"name": "sgd"}]
    choices = [_choice(rule, model, ("algorithm",)) for model in models for rule in rules]
    values = np.random.default_rng(2).normal(size=(3, 3))
    record = _record(choices, np.repeat(values.reshape(-1, 1, 1), 2, axis=1))
    found = _variances(record)
    columns = values - values.mean()
    assert found["model.widths"] == pytest.approx(columns.mean(1) @ columns.mean(1) / 3)
    adam = columns[:, :2].mean(0)
    assert found["algorithm.rate within adam"] == pytest.approx((adam[1] - adam[0]) ** 2 / 6)
    assert sorted(found) == [
        "algorithm",
        "algorithm.rate within adam",
        "model.widths",
        "model.widths × algorithm",
        "model.widths × algorithm.rate within adam",
    ]
    assert sum(found.values()) == pytest.approx(values.var())


def test_settings_drawn_at_random_are_told_as_one() -> None:
    random = np.random.default_rng(3)
    choices = [_choice({"rate": random.random(), "beta": random.random()}) for _ in range(6)]
    values = random.normal(size=6)
    found = _found(_record(choices, np.repeat(values[:, None, None], 3, axis=1)))
    (part,) = found.shares
    assert (str(part), part.share) == ("algorithm.rate and algorithm.beta", 1)
    assert part.variance == pytest.approx(values.var())
    assert "not tried in all combinations" in found.reason


def test_missing_combinations_leave_what_is_exact() -> None:
    rules = [{"rate": 1}, {"rate": 2}, {"name": "sgd", "rate": 1}]
    choices = [
        _choice(rule, {"widths": [width]}, ("algorithm",)) for width in (4, 8) for rule in rules
    ]
    values = np.random.default_rng(4).normal(size=6)
    record = _record(choices, np.repeat(values[:, None, None], 2, axis=1))
    record = with_members(record, {10: {"status": "failed", "values": {}}})  # the last choice
    found = _found(record)
    left = values[:5]
    adam = left[[0, 1, 3, 4]].reshape(2, 2) - left[[0, 1, 3, 4]].mean()
    told = {str(part): part.variance for part in found.shares}
    assert told == pytest.approx(
        {
            "algorithm": (4 * (left[[0, 1, 3, 4]].mean() - left.mean()) ** 2
                          + (left[2] - left.mean()) ** 2) / 5,
            "model.widths within adam": 2 * np.sum(adam.mean(1) ** 2) / 5,
            "algorithm.rate within adam": 2 * np.sum(adam.mean(0) ** 2) / 5,
            "model.widths × algorithm.rate within adam": np.sum(
                (adam - adam.mean(1, keepdims=True) - adam.mean(0)) ** 2) / 5,
        },
        rel=1e-9,
    )  # fmt: skip
    assert found.reason.startswith("not every combination of model and algorithm is complete")


def test_labels_are_a_factor_of_their_own() -> None:
    choices = [
        replace(choice, document=choice.document | {"label": label})
        for choice in (_choice({"rate": 1}), _choice({"rate": 2}))
        for label in ("one", "two")
    ]
    values = np.array([0.0, 1.0, 4.0, 5.0])
    found = _variances(_record(choices, np.repeat(values[:, None, None], 2, axis=1)))
    assert found["algorithm.rate"] == pytest.approx(4)
    assert found["label"] == pytest.approx(0.25)


@pytest.mark.parametrize("seeds", [1, 3])
def test_known_components_are_recovered_on_average(seeds: int) -> None:
    """Splits share an equicorrelated part, as overlapping training sets give it (RULES 18)."""
    random = np.random.default_rng(5)
    splits, studies = 5, 400
    a, b = np.array([-0.4, 0.1, 0.3]), np.array([0.2, -0.2])
    ab = 0.1 * np.outer([1, -1, 0], [1, -1])
    truth = (a[:, None] + b + ab).reshape(6)
    sd = {"split": 0.3, "residual": 0.2, "seed": 0.25}
    rho = 1 / splits
    totals: dict[str, list[float]] = {name: [] for name in ("a", "b", "ab", *sd)}
    for _ in range(studies):
        shared = random.normal(size=(6, 1)) * np.sqrt(rho / (1 - rho))
        own = sd["residual"] * (random.normal(size=(6, splits)) + shared)
        noise = sd["seed"] * random.normal(size=(6, splits, seeds))
        whole = truth[:, None, None] + sd["split"] * random.normal(size=(1, splits, 1))
        record = _record(_grid(3, 2), whole + own[:, :, None] + noise)
        # With one seed its noise is corrected as if splits shared it: none then.
        found = _found(record if seeds > 1 else _record(_grid(3, 2), whole + own[:, :, None]))
        told = {str(part): part.variance for part in found.shares}
        totals["a"].append(told["algorithm.learning_rate"])
        totals["b"].append(told["model.widths"])
        totals["ab"].append(told["model.widths × algorithm.learning_rate"])
        totals["split"].append(found.split)
        totals["residual"].append(found.residual)
        totals["seed"].append(found.seed if seeds > 1 else 0.0)
    expected = {"a": a.var(), "b": b.var(), "ab": ab.var(), "seed": sd["seed"] ** 2}
    # Means over six choices leave a sixth of their own noise with the split they share.
    expected |= {
        "split": sd["split"] ** 2 + sd["residual"] ** 2 / 6,
        "residual": sd["residual"] ** 2 * 5 / 6,
    }
    if seeds == 1:
        expected["seed"] = 0.0
    for name, values in totals.items():
        error = np.std(values) / np.sqrt(studies)
        assert np.mean(values) == pytest.approx(expected[name], abs=4 * error + 1e-12), name


def test_choices_that_differ_by_noise_alone_have_no_shares_to_speak_of() -> None:
    """Estimates of nothing are around 0, on both sides of it, and none above 1 is told."""
    random = np.random.default_rng(6)
    found = [_found(_record(_grid(4, 3), random.normal(size=(12, 5, 2)))) for _ in range(200)]
    estimates = [part.variance for one in found for part in one.shares]
    assert np.mean(estimates) < 0.05
    assert min(estimates) < 0 < max(estimates)
    for one in found:
        told = sum(part.share for part in one.shares)
        assert told == pytest.approx(1) if one.shares else "more than noise" in one.reason


def test_equal_values_have_no_variance_to_share() -> None:
    found = _found(_record(_grid(2, 2), np.full((4, 3, 2), 0.1 + 0.2)))
    assert found.shares == ()
    assert found.choices == 0
    assert "do not differ" in found.reason


def test_one_split_and_one_seed_leave_the_noise_in() -> None:
    values = np.random.default_rng(7).normal(size=(4, 1, 1))
    found = _found(_record(_grid(2, 2), values))
    assert sum(part.variance for part in found.shares) == pytest.approx(values.var())
    assert (found.split, found.residual, found.seed) == (None, None, None)
    assert "contain the noise of both" in found.reason


def test_diverged_members_count_as_the_trivial_predictor() -> None:
    values = np.random.default_rng(8).random((4, 2, 1))
    record = with_members(_record(_grid(2, 2), values), {0: {"status": "diverged", "values": {}}})
    counted = values.copy()
    counted[0, 0] = 0.1019
    assert _variances(record) == pytest.approx(_variances(_record(_grid(2, 2), counted)))


def test_infinite_values_have_no_variance() -> None:
    record = _record(_grid(2, 2), np.ones((4, 2, 1)))
    record = with_members(record, {0: {"status": "diverged", "values": {}}})
    splits = tuple(replace(split, trivial={}) for split in record.splits)
    found = _found(replace(record, splits=splits))
    assert found.shares == ()
    assert "no value to count it with" in found.reason


def test_one_complete_choice_has_nothing_to_compare() -> None:
    found = _found(study_record(rates=1, rules=("adam",)))
    assert (found.shares, found.choices) == ((), None)
    assert "no two complete choices" in found.reason


def test_estimators_are_left_out() -> None:
    choices = _grid(2, 2)
    forest = ChoiceRecord("forest", {"data": {"name": "digits"}, "estimator": {"name": "f"}}, {})
    values = np.random.default_rng(9).random((5, 3, 1))
    with_forest = _record([*choices, forest], values)
    assert _variances(with_forest) == pytest.approx(_variances(_record(choices, values[:4])))


def test_the_headline_study_is_taken_apart_completely() -> None:
    found = _found(study_record())
    assert sum(part.share for part in found.shares) == pytest.approx(1)
    assert {part.fields for part in found.shares} == {
        ("algorithm",),
        ("algorithm.learning_rate",),
        ("algorithm.decay",),
    }
    assert found.seed == pytest.approx(0.004**2, rel=0.3)
