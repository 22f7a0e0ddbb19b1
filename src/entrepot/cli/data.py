"""`entrepot data`: ledgers from public statistics."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import cache_folder

if TYPE_CHECKING:
    from entrepot.ledger import Ledger

app = typer.Typer(no_args_is_help=True, help="Build ledgers from public statistics.")


@app.callback()
def _group() -> None:
    """Build ledgers from public statistics."""


@app.command("us-imports")
def us_imports(
    year: Annotated[int, typer.Option(help="Calendar year, 2013 or later.")],
    out: Annotated[Path | None, typer.Option(help="Ledger to write (.parquet or .csv).")] = None,
    summary: Annotated[Path | None, typer.Option(help="Also write the sums by 8-digit line here.")] = None,
    cache: Annotated[Path | None, typer.Option(help="Folder that keeps the pages had.")] = None,
    key: Annotated[
        str | None, typer.Option(help="API key; default: CENSUS_API_KEY.", show_default=False)
    ] = None,
    base_url: Annotated[
        str | None, typer.Option(help="Another address of the API.", show_default=False)
    ] = None,
) -> None:
    """Fetch a year of US imports from the Census Bureau, by 10-digit product and partner.

    A run that was stopped asks only for the pages it doesn't have yet.
    """
    import httpx
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from entrepot.ledger import Ledger
    from entrepot.sources import us_imports as source
    from entrepot.sources.census import BASE_URL, KEY_VARIABLE, Census

    out = out or Path(f"us-imports-{year}.parquet")
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with httpx.Client(timeout=300) as client, Progress(*columns, console=console) as progress:
        task = progress.add_task("partners", total=None)
        census = Census(
            client,
            cache or cache_folder("us-imports"),
            base_url or BASE_URL,
            key or os.environ.get(KEY_VARIABLE) or None,
        )
        found = source.us_imports(
            census,
            year,
            lambda had, total, name: progress.update(
                task, completed=had, total=total, description=name.title()
            ),
        )
    _write(found, out)
    if summary is not None:
        sums = found.sums(["importer", "origin", "hs8"]).rename({"hs8": "product"}).sort("origin", "product")
        _write(Ledger(sums, f"{found.source}, summed", ()), summary)
    for note in found.notes:
        console.print(f"note: {note}", soft_wrap=True, highlight=False)
    console.print(
        f"{out}: {found.table.height:,} lines, {found.total():,.0f} USD", soft_wrap=True, highlight=False
    )


def _write(ledger: Ledger, path: Path) -> None:
    """Write a ledger whole or not at all."""
    part = path.with_name(f"part-{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger.write(part)
    part.replace(path)
