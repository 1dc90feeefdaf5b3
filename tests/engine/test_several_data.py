"""Data sets of one study: each has programs, and those of equal sizes are compiled once."""

import etude
from etude.engine import population
from etude.sweep import grid


def study(*data: etude.Moons) -> etude.Study:
    return etude.Study(
        data=data,
        model=etude.Linear(),
        loss=etude.CrossEntropy(),
        algorithm=etude.SGD(learning_rate=0.1, batch_size=8, epochs=2),
        validation=etude.KFold(folds=2),
    )


def test_sets_of_equal_sizes_are_compiled_once() -> None:
    moons = grid(etude.Moons, rows=24, seed=[0, 1, 2])
    assert len(etude.plan(study(*moons)).programs) == 3
    before = population.compilations
    result = etude.run(study(*moons))
    assert population.compilations - before == 2, "one program of two functions"
    seconds = [program["compile_seconds"] for program in result.record.programs]
    assert seconds[0] > 0
    assert seconds[1:] == [0, 0]
    alone = etude.run(study(moons[2]))
    of_last = [member for member in result.record.members if member.choice == 2]
    for found, wanted in zip(of_last, alone.record.members, strict=True):
        assert found.curves.tobytes() == wanted.curves.tobytes()
        assert found.values == wanted.values


def test_sets_of_other_sizes_are_compiled_each() -> None:
    before = population.compilations
    etude.run(study(etude.Moons(rows=24), etude.Moons(rows=26)))
    assert population.compilations - before == 4
