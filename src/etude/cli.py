"""The command line. It imports late, and only what a command needs: `--help` must be quick."""

import typer

from etude.commands.catalogue import components, schema
from etude.commands.check import check
from etude.commands.networks import predict, refit, sample
from etude.commands.play import play
from etude.commands.results import compare, export, list_studies, report, show
from etude.commands.run import run
from etude.ending import told_plainly
from etude.terminal import escape_what_is_missing

app = typer.Typer(
    name="etude",
    help="Train whole studies of networks as a few compiled programs and answer with evidence.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(check)
app.command()(run)
app.command("list")(list_studies)
app.command()(show)
app.command()(compare)
app.command()(report)
app.command()(export)
app.command()(refit)
app.command()(predict)
app.command()(sample)
app.command()(play)
app.command()(components)
app.command()(schema)


def main() -> None:
    """Run the command line and exit."""
    escape_what_is_missing()
    with told_plainly():
        app()
