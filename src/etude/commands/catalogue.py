"""Commands that tell what there is: `components`, `schema`."""

from typing import Annotated

import typer

from etude.terminal import print_json, say


def components(
    name: Annotated[str | None, typer.Argument(help="Show this one with all its fields.")] = None,
) -> None:
    """List every component, or show one with fields, defaults, rules and formula."""
    from etude.catalogue import catalogue_text, component_text

    say(catalogue_text() if name is None else component_text(name))


def schema() -> None:
    """Print the JSON Schema of study files, for editors."""
    from etude.file import schema as schema_of

    print_json(schema_of())
