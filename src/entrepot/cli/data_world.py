"""`entrepot data world`: published world tables, fetched and read into a world file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import cache_folder
from entrepot.cli.output import note

if TYPE_CHECKING:
    from entrepot.world import World

app = typer.Typer(no_args_is_help=True, help="Published world tables: fetch, read, check, keep as a world.")

OutOption = Annotated[
    Path | None, typer.Option("--out", help="World to write (.nc or .npz).", show_default=False)
]
FileArgument = Annotated[Path, typer.Argument(help="The table as it was published.", metavar="FILE")]


@app.callback()
def _group() -> None:
    """Published world tables: fetch, read, check, keep as a world."""


@app.command("oecd-icio")
def oecd_icio(
    year: Annotated[int | None, typer.Option(help="Year to fetch.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option("--file", help="A CSV that is here already.", show_default=False)
    ] = None,
    edition: Annotated[str, typer.Option(help="Edition to fetch.")] = "2023",
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps what was fetched.", show_default=False)
    ] = None,
    out: OutOption = None,
) -> None:
    """Read an OECD inter-country input-output table; fetch it first if no file is given."""
    from entrepot.errors import EntrepotError
    from entrepot.world.published import read_icio

    if (year is None) == (file is None):
        raise EntrepotError("give either --year to fetch a table or --file to read one")
    path = file or _fetch(int(year or 0), edition, cache or cache_folder("world"))
    _keep(read_icio(path), out or Path(path.stem + ".nc"))


@app.command("adb-mrio")
def adb_mrio(file: FileArgument, out: OutOption = None) -> None:
    """Read a table of the Asian Development Bank's MRIO (xlsx)."""
    from entrepot.world.published import read_sheet

    _keep(read_sheet(file, source="ADB MRIO"), out or Path(file.stem + ".nc"))


@app.command("wiod-2016")
def wiod_2016(file: FileArgument, out: OutOption = None) -> None:
    """Read a world input-output table of WIOD's 2016 release (xlsb)."""
    from entrepot.world.published import read_sheet

    _keep(read_sheet(file, source="WIOD 2016"), out or Path(file.stem + ".nc"))


@app.command("pymrio")
def by_pymrio(
    kind: Annotated[str, typer.Argument(help="exiobase3, eora26, wiod (2013) or gloria.")],
    path: Annotated[Path, typer.Argument(help="Folder or archive as pymrio reads it.")],
    year: Annotated[
        int | None, typer.Option(help="Year, where a folder holds several.", show_default=False)
    ] = None,
    unit: Annotated[
        float, typer.Option(help="USD per unit of the table (EXIOBASE: 1e6 x USD per EUR).")
    ] = 1e6,
    out: OutOption = None,
) -> None:
    """Read a table that pymrio parses well."""
    from entrepot.errors import EntrepotError
    from entrepot.world.published import from_pymrio

    try:
        import pymrio
    except ImportError:
        raise EntrepotError(
            "pymrio is not installed; it comes with the extra: pip install 'entrepot[mrio]'"
        ) from None
    parsers = {"exiobase3": pymrio.parse_exiobase3, "eora26": pymrio.parse_eora26, "wiod": pymrio.parse_wiod}
    if kind not in parsers:
        raise EntrepotError(f"{kind}: pymrio reads {', '.join(parsers)}")
    if not path.exists():
        raise EntrepotError(f"{path}: is not there")
    try:
        parsed = (
            parsers[kind](path) if year is None or kind == "exiobase3" else parsers[kind](path, year=year)
        )
    except (pymrio.ParserError, OSError, ValueError, KeyError, IndexError) as error:
        raise EntrepotError(f"{path}: pymrio can't read it as {kind}: {error}") from None
    _keep(
        from_pymrio(parsed, source=kind if year is None else f"{kind} {year}", unit=unit),
        out or Path(f"{kind}.nc"),
    )


def _fetch(year: int, edition: str, folder: Path) -> Path:
    import httpx
    from rich.console import Console
    from rich.progress import DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from entrepot.world.download import oecd_icio as fetched

    columns = (
        TextColumn("{task.description}"),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with httpx.Client(timeout=120) as client, Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"OECD ICIO {edition}, {year}", total=None)

        def show(had: int, total: int | None) -> None:
            bar.update(task, completed=had, total=total)

        return fetched(client, year, folder, show, edition=edition)


def _keep(world: World, out: Path) -> None:
    from entrepot.world import save

    save(world, out)
    note([f"{out}: {world!r}, {world.data.attrs['source']}, {world.data.attrs['edition']}"])
