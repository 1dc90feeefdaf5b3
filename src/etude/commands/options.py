"""Arguments and options that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY.toml", help="The study file.")]
StudyName = Annotated[
    str, typer.Argument(metavar="STUDY", help="Name of a study, or the start of its identity.")
]
StoreOption = Annotated[
    str, typer.Option("--store", metavar="URL", help="Where results are kept: a file or a URL.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
TopOption = Annotated[int, typer.Option(min=1, help="Choices to show.")]
