"""How many steps training takes, as streams count them."""

from typing import Any

import numpy as np

from etude.algorithm.base import Algorithm
from etude.data.base import Source, Split, Stream
from etude.engine.material import Material
from etude.study import Study


def steps_of(algorithm: Algorithm, material: Material) -> tuple[int, ...]:
    """`[splits]`: how many steps a network takes that is trained to the end of its budget."""
    return steps_to(algorithm, material, 0)


def steps_to(algorithm: Algorithm, material: Material, epochs: int) -> tuple[int, ...]:
    """`[splits]`: how many steps a network takes to an epoch; 0 for the end of its budget."""
    found = []
    for batches in epoch_of(algorithm, material)[1]:
        whole = algorithm.networks * (algorithm.steps or algorithm.epochs * batches)
        found.append(min(whole, epochs * batches) if epochs else whole)
    return tuple(found)


def steps_of_the_grid(study: Study, material: Material) -> int | None:
    """The training steps of all combinations of a study; None where those cannot be counted."""
    if study.space:
        return None
    others = len(study.data) * len(study.model) * len(study.loss) * max(1, len(study.labels))
    alike: dict[Any, list[Algorithm]] = {}
    for rule in study.algorithm:
        budget = (rule.batch_size, rule.epochs, rule.steps, rule.networks)
        alike.setdefault(budget, []).append(rule)
    steps = sum(len(rules) * sum(steps_of(rules[0], material)) for rules in alike.values())
    return study.seeds * others * steps


def epoch_of(algorithm: Algorithm, material: Material) -> tuple[int, tuple[int, ...]]:
    """The rows of a batch, and the batches of an epoch on each split."""
    stream, blocks = material.prepared.stream, material.blocks
    counts = np.array([[split.train.size] for split in material.splits])
    if blocks is not None:
        counts = blocks.sizes
    batch_size = stream.batch_rows(algorithm.batch_size, int(counts.max()))
    return batch_size, tuple(
        sum(_batches(stream, count, batch_size) for count in of_split)
        for of_split in counts.tolist()
    )


def _batches(stream: Stream, count: int, batch_size: int) -> int:
    """The batches of an epoch over so many training rows, as the stream itself counts them."""
    split = Split(np.empty(0), np.int32(count), np.empty(0))
    return int(stream.batches(Source((), (), split), batch_size))
