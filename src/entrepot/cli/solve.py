"""`entrepot solve`: the world after a change of tariffs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.output import writing

if TYPE_CHECKING:
    import polars as pl
    import xarray as xr

    from entrepot.equilibrium import Options
    from entrepot.world import World

CSV_COLUMNS = (
    "welfare_pct",
    "real_wage_pct",
    "employment_pct",
    "prices_pct",
    "exports_gdp_pct",
    "imports_gdp_pct",
    "deficit_pct",
    "revenue_share",
)

WorldOption = Annotated[
    str,
    typer.Option(
        "--world",
        help="reference-2023, a saved world (.nc, .npz), or a preset with --data: liberation-day, cp2015-nafta.",
    ),
]
DataOption = Annotated[Path | None, typer.Option("--data", help="Folder of a preset's data.", metavar="DIR")]
TariffsOption = Annotated[
    Path | None,
    typer.Option("--tariffs", help="CSV: importer,exporter[,sector],rate; * for any.", metavar="FILE.csv"),
]
BaseOption = Annotated[
    Path | None, typer.Option("--base-tariffs", help="CSV of the duties in the base.", metavar="FILE.csv")
]
OptionsOption = Annotated[
    Path | None, typer.Option("--options", help="TOML of model options.", metavar="FILE.toml")
]


class Format(StrEnum):
    """How the result is written."""

    csv = "csv"
    json = "json"
    parquet = "parquet"
    nc = "nc"


def solve(
    world: WorldOption,
    tariffs: TariffsOption = None,
    base_tariffs: BaseOption = None,
    options: OptionsOption = None,
    data: DataOption = None,
    form: Annotated[
        Format, typer.Option("--format", help="csv and json by economy; nc has everything.")
    ] = Format.csv,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; else standard output.")] = None,
) -> None:
    """The world after a change of tariffs: welfare, wages, jobs, prices, trade and revenue by economy."""
    from entrepot.equilibrium import ready
    from entrepot.equilibrium.engine import counterfactual
    from entrepot.equilibrium.outcomes import dataset
    from entrepot.equilibrium.shock import change
    from entrepot.equilibrium.tariff_files import read_tariffs
    from entrepot.errors import OptionError

    if form in (Format.parquet, Format.nc) and out is None:
        raise OptionError(f"--format {form.value} is binary: give --out with a file to write.")
    table, chosen, tariff = open_world(world, data, options)
    before = None
    if base_tariffs is not None:
        before = read_tariffs(base_tariffs, table).values
    if tariffs is not None:
        tariff = read_tariffs(tariffs, table, over=before)
    if tariff is None:
        raise OptionError(f"--tariffs is missing: {world} has no tariffs of its own to try.")
    base = ready(table, chosen, base_tariff=before)
    result = dataset(counterfactual(base, change(base, tariff)), flows=form is Format.nc)
    _write(result, form, out)


def open_world(
    name: str, data: Path | None, options: Path | None
) -> tuple[World, Options, xr.DataArray | None]:
    """A world or preset by name, its options, and the tariffs of a preset."""
    from entrepot.equilibrium import Options, read_options
    from entrepot.equilibrium.presets import PRESETS, open_preset
    from entrepot.errors import OptionError
    from entrepot.world import open_world as by_name

    def laid_over(its_own: Options) -> Options:
        return its_own if options is None else read_options(options, its_own)

    if name in PRESETS:
        if data is None:
            raise OptionError(f"--world {name} is read from its data folder: give --data DIR.")
        preset = open_preset(name, data)
        return preset.world, laid_over(preset.options), preset.tariff
    return by_name(name), laid_over(Options()), None


def _write(result: xr.Dataset, form: Format, out: Path | None) -> None:
    """Write all economies; a change that isn't known is left empty."""
    import polars as pl

    table = pl.DataFrame(
        {"economy": [str(c) for c in result["economy"].values]} | {c: result[c].values for c in CSV_COLUMNS}
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    if out is None:
        sys.stdout.write(table.write_csv() if form is Format.csv else _json(result, table))
        return
    with writing(out):
        if form is Format.nc:
            result.to_netcdf(out, engine="scipy", format="NETCDF3_64BIT")
        elif form is Format.parquet:
            table.write_parquet(out)
        else:
            text = table.write_csv() if form is Format.csv else _json(result, table)
            out.write_text(text, encoding="utf-8")


def _json(result: xr.Dataset, table: pl.DataFrame) -> str:
    """Attributes (world, elasticities, options, residual) and the rows of the table."""
    import json

    return json.dumps({"attributes": result.attrs, "economies": table.to_dicts()}, indent=1) + "\n"
