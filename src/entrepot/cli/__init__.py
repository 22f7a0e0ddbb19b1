"""The command line: parses, calls, prints. Decides nothing.

Each command lives in its own module and imports what it needs when it runs, so that `entrepot --help`
and every single command start fast.
"""

import sys

import typer

from entrepot.cli.optimal import optimal
from entrepot.cli.solve import solve
from entrepot.errors import EntrepotError

app = typer.Typer(
    name="entrepot",
    help="What a tariff does when the origin of goods is contested.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(solve)
app.command()(optimal)


def main() -> None:
    """Run a command; a user's mistake is one paragraph on stderr and exit code 2."""
    try:
        app()
    except EntrepotError as error:
        sys.stderr.write(f"entrepot: {error}\n")
        sys.exit(2)
