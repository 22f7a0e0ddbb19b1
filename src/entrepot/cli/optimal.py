"""`entrepot optimal`: the tariffs a government would choose, and how others would answer."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.output import writing
from entrepot.cli.solve import (
    BaseOption,
    DataOption,
    Format,
    OptionsOption,
    TariffsOption,
    WorldOption,
    open_world,
)


def optimal(
    world: WorldOption,
    government: Annotated[str, typer.Option("--government", help="Economy or group that sets tariffs: USA.")],
    uniform: Annotated[bool, typer.Option("--uniform", help="One rate for all partners (default).")] = False,
    by: Annotated[str | None, typer.Option("--by", help="partner, sector or partner_sector.")] = None,
    respond: Annotated[str | None, typer.Option("--respond", help="Who answers: CHN,EU27.")] = None,
    nash: Annotated[bool, typer.Option("--nash", help="Answer each other until nobody gains.")] = False,
    most: Annotated[float, typer.Option("--most", help="Highest rate that may be chosen.")] = 2.0,
    tariffs: TariffsOption = None,
    base_tariffs: BaseOption = None,
    options: OptionsOption = None,
    data: DataOption = None,
    form: Annotated[Format, typer.Option("--format", help="csv or json.")] = Format.csv,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; else standard output.")] = None,
) -> None:
    """The tariffs that a government would choose for its own welfare, and best responses to them."""
    import polars as pl

    from entrepot.equilibrium import ready
    from entrepot.equilibrium import respond as policy
    from entrepot.equilibrium.tariff_files import read_tariffs
    from entrepot.errors import OptionError

    if uniform and by is not None:
        raise OptionError("--uniform and --by exclude each other.")
    if nash and respond is None:
        raise OptionError("--nash needs --respond with those who answer, e.g. --respond CHN,EU27.")
    if form not in (Format.csv, Format.json):
        raise OptionError(f"--format {form.value}: optimal tariffs are written as csv or json.")
    table, chosen, _ = open_world(world, data, options)
    before = None if base_tariffs is None else read_tariffs(base_tariffs, table).values
    shock = None if tariffs is None else read_tariffs(tariffs, table, over=before)
    base = ready(table, chosen, base_tariff=before)
    how = {"by": by or "uniform", "bounds": (0.0, most)}
    others = [] if respond is None else [c.strip() for c in respond.split(",") if c.strip()]
    if nash:
        found = policy.nash(base, [government, *others], shock=shock, **how)  # type: ignore[arg-type]
    else:
        found = policy.answered(base, government, others, shock=shock, **how)  # type: ignore[arg-type]
    rows = []
    for code, best in found.items():
        table_of_rates = best.rates.to_dataframe("rate").reset_index() if best.rates.dims else None
        cells = [{"rate": float(best.rates)}] if table_of_rates is None else table_of_rates.to_dict("records")
        rows += [
            {
                "government": code,
                "exporter": cell.get("exporter", "*"),
                "sector": cell.get("sector", "*"),
                "rate": cell["rate"],
                "government_welfare_pct": best.welfare_pct,
            }
            for cell in cells
        ]
    frame = pl.DataFrame(rows).with_columns(pl.col(pl.Float64).fill_nan(None))
    text = frame.write_csv() if form is Format.csv else frame.write_json() + "\n"
    if out is None:
        sys.stdout.write(text)
    else:
        with writing(out):
            out.write_text(text, encoding="utf-8")
