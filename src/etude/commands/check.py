"""`etude check`: what a study comes to."""

from etude.commands.options import JsonOption, StudyFile
from etude.terminal import print_json, say


def check(study: StudyFile, as_json: JsonOption = False) -> None:
    """Say what a study comes to: networks, programs, memory. Nothing is trained."""
    import etude
    from etude.engine.outlook import outlook

    plan = etude.plan(etude.read_study(study))
    programs = [
        {
            "networks": len(program.members),
            "side_by_side": program.width,
            "parameters": program.parameters,
            "batch_size": program.task.batch_size,
            "epochs": program.task.epochs,
            "model": program.task.model.name,
            "rules": [rule.name for rule in program.task.rules],
        }
        for program in plan.programs
    ]
    search = outlook(plan)
    if as_json:
        print_json(
            {
                "version": 1,
                "study": plan.study.name,
                "choices": len(plan.choices),
                "splits": [len(material.splits) for material in plan.materials],
                "inner_splits": [
                    sum(split.chooses_for >= 0 for split in material.splits)
                    for material in plan.materials
                ],
                "seeds": plan.study.seeds,
                "members": len(plan.members),
                "programs": programs,
                "bytes": plan.bytes,
            }
            | ({} if search is None else {"search": search.document()})
        )
        return
    say(str(plan))
    if search is not None:
        say(str(search))
    for material, data in zip(plan.materials, plan.study.data_sets, strict=True):
        split = material.splits[0]
        say(
            f"data {data.name}: {material.prepared.rows} rows, first split "
            f"{split.train.size} to train, {split.validation.size} to choose, "
            f"{split.test.size} to judge"
        )
        inner = [split for split in material.splits if split.chooses_for >= 0]
        if inner:
            outer = len(material.splits) - len(inner)
            more = " and for all rows" if plan.study.searches_inside else ""
            say(
                f"{len(inner)} inner splits choose for {outer} outer ones{more}, the first: "
                f"{inner[0].train.size} to train, {inner[0].validation.size} to choose"
            )
    for number, (program, known) in enumerate(zip(programs, plan.programs, strict=True), 1):
        several = known.task.rules[0].networks
        kind = f"ensembles of {several} networks" if several > 1 else "networks"
        say(
            f"program {number}: {program['networks']} {kind} of {program['parameters']} "
            f"parameters ({program['model']}), batch {program['batch_size']}, "
            f"{program['epochs']} epochs"
        )
