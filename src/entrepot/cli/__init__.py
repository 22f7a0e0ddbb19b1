"""The command line: parses, calls, prints. Decides nothing.

Each command lives in its own module and imports what it needs when it runs, so that `entrepot --help`
and every single command start fast.
"""

import sys

import typer

from entrepot.cli import bill, data, data_world, law, scenario, world
from entrepot.cli.content import content
from entrepot.cli.duty import duty
from entrepot.cli.optimal import optimal
from entrepot.cli.origin import origin
from entrepot.cli.panel import panel
from entrepot.cli.rates import rates
from entrepot.cli.run import run
from entrepot.cli.solve import solve
from entrepot.cli.source import source
from entrepot.errors import EntrepotError

app = typer.Typer(
    name="entrepot",
    help="What a tariff does when the origin of goods is contested.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(run)
app.command()(rates)
app.command()(duty)
app.command()(panel)
app.command()(origin)
app.command()(source)
app.add_typer(bill.app, name="bill")
app.command()(content)
app.command()(solve)
app.command()(optimal)
app.add_typer(scenario.app, name="scenario")
app.add_typer(law.app, name="law")
app.add_typer(world.app, name="world")
data.app.add_typer(data_world.app, name="world")
app.add_typer(data.app, name="data")


def main() -> None:
    """Run a command; a user's mistake is one paragraph on stderr and exit code 2."""
    try:
        app()
    except EntrepotError as error:
        sys.stderr.write(f"entrepot: {error}\n")
        sys.exit(2)
