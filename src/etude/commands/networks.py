"""Commands that make and use one network: `refit`, `predict`, `sample`."""

from pathlib import Path
from typing import Annotated

import typer

from etude.commands.answers import stored
from etude.commands.options import StoreOption, StudyName
from etude.terminal import check_file, check_folder, print_text, say


def refit(
    study: StudyName,
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FOLDER", help="Where the network goes.")
    ],
    store: StoreOption = "etude.db",
    choice: Annotated[
        int, typer.Option(min=1, metavar="ROW", help="Which row of the ranking; the best is 1.")
    ] = 1,
) -> None:
    """Train the best choice on all rows and save the network."""
    import etude
    from etude.errors import InputError

    check_folder(output)
    result = stored(study, store)
    result.best()  # tells why, where no choice is complete
    ranked = [row for row in result.summaries if row.rank is not None]
    if choice > len(ranked):
        raise InputError(f"`--choice` must be at most {len(ranked)}, got {choice}")
    chosen = ranked[choice - 1]
    documents = result.record.choices
    networks = [n for n, row in enumerate(ranked, 1) if "model" in documents[row.choice].document]
    if choice not in networks:
        raise InputError(
            f"row {choice} of the ranking is {chosen.label}, an estimator that its own library "
            f"fits; the first network is `--choice {networks[0]}`"
            if networks
            else "no network is complete, and estimators are fitted by their own library"
        )
    network = etude.refit(result, chosen.choice)
    network.save(output)
    say(
        f"{chosen.label}: trained on all {network.history['rows']} rows for "
        f"{network.history['epochs']} epochs, {network.parameters} parameters, saved in {output}"
    )


def predict(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A saved network.")],
    table: Annotated[
        Path,
        typer.Argument(
            metavar="INPUT", help="New rows: CSV, Parquet or NumPy; an image or a folder of images."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", metavar="FILE", help="CSV file; by default the terminal."),
    ] = None,
) -> None:
    """Predict new rows with a saved network."""
    import etude
    from etude.predictions import predictions_csv

    if output is not None:
        check_file(output)
    text = predictions_csv(etude.load(folder), table)
    if output is None:
        print_text(text)
        return
    from etude.files import write_whole

    write_whole(output, text.encode())
    say(f"predictions: {output}")


def sample(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A saved network of text.")],
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="How the text begins.")] = "",
    length: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many symbols are added, at most.")
    ] = 500,
    temperature: Annotated[
        float, typer.Option(min=0, metavar="T", help="0 always takes the most probable symbol.")
    ] = 1.0,
    top_k: Annotated[
        int, typer.Option(min=0, metavar="K", help="Only the K most probable; 0 for all.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the random numbers.")] = 0,
    count: Annotated[int, typer.Option(min=1, metavar="N", help="How many texts.")] = 1,
) -> None:
    """Let a saved network of text go on with a text."""
    import etude

    texts = etude.load(folder).sample(
        prompt, length=length, temperature=temperature, top_k=top_k, seed=seed, count=count
    )
    # Where a text has several lines, a line of dashes stands between it and the next one.
    between = "\n" + "-" * 15 + "\n" if any("\n" in text for text in texts) else "\n"
    print_text(between.join(texts) + "\n")
