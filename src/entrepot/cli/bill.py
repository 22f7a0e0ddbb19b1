"""`entrepot bill`: a bill of materials checked, shown, and traced to its economies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.options import BillArgument, WorldOption, estimator
from entrepot.cli.output import Format, FormatOption, OutOption, emit, key_values, note

app = typer.Typer(help="Bills of materials: check, show, content by economy.", no_args_is_help=True)


@app.command()
def check(
    files: Annotated[list[Path], typer.Argument(help="Bills (TOML), or tables of bills (CSV, Parquet).")],
) -> None:
    """Check that every part is somewhere, priced, and not worth more than the whole."""
    import sys

    from entrepot.origin.bill import shown, walk
    from entrepot.origin.read import read_bill
    from entrepot.origin.table import read_table

    for path in files:
        if path.suffix == ".toml":
            bill = read_bill(path)
            nodes = sum(1 for _ in walk(bill.root)) - 1
            text = f"{nodes} parts, ex-works {shown(bill.ex_works_usd)} USD, FOB {shown(bill.fob_usd)} USD"
        else:
            table = read_table(path)
            for _ in table.bills():
                pass
            text = f"{len(table.names):,} bills, {table.rows.height:,} rows"
        sys.stdout.write(f"{path}: {text}: in order\n")


@app.command()
def show(bill: BillArgument, form: FormatOption = Format.table, out: OutOption = None) -> None:
    """Every part and cost with its share of the ex-works price, and the prices they lead to."""
    import sys

    import polars as pl

    from entrepot.origin.bill import shown, walk
    from entrepot.origin.read import read_bill

    read = read_bill(bill)
    whole = float(read.ex_works_usd) or 1.0
    rows: list[tuple[object, ...]] = []
    for path, part in walk(read.root):
        depth = path.count(" / ")
        name = f"{'  ' * depth}{part.name}" if form is Format.table else path
        value = float(part.value_usd)
        rows.append(
            (name, part.product, part.origin, float(part.quantity), value, value / whole, part.supplier)
        )
        for charge in part.charges:
            label = (
                f"{'  ' * (depth + 1)}({charge.name or charge.kind})"
                if form is Format.table
                else f"{path}: {charge.kind}"
            )
            amount = float(charge.value_usd)
            rows.append((label, "", charge.economy, None, amount, amount / whole, ""))
    columns = {
        "part": pl.String,
        "product": pl.String,
        "origin": pl.String,
        "quantity": pl.Float64,
        "value_usd": pl.Float64,
        "of_ex_works_rate": pl.Float64,
        "supplier": pl.String,
    }
    frame = pl.DataFrame(rows, schema=columns, orient="row")
    if form is Format.table:
        words = [f"{q:g}" if q is not None else "" for q in frame["quantity"].to_list()]
        frame = frame.with_columns(quantity=pl.Series(words)).rename({"of_ex_works_rate": "of ex-works_rate"})
    emit(frame, form, out, title=f"{read.name}, made in {read.made_in}")
    if form is Format.table and out is None:
        prices = {
            "materials": read.materials_usd,
            "ex-works price": read.ex_works_usd,
            "net cost": read.net_cost_usd,
            "FOB": read.fob_usd,
            "transaction value": read.value_usd,
            "freight and insurance": read.sea_usd,
        }
        sys.stdout.write(key_values({name: f"{shown(value):>12} USD" for name, value in prices.items()}))
    note(line for line in (read.about.replace("\n", " "), read.source.replace("\n", " ")) if line)


@app.command("content")
def content_(
    bill: BillArgument,
    direct: Annotated[
        bool, typer.Option("--direct", help="Count every part as wholly of where it was bought.")
    ] = False,
    economy: Annotated[
        str | None, typer.Option("--economy", help="Only this one, part by part.", show_default=False)
    ] = None,
    world: WorldOption = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Value by economy, directly or through all sub-assemblies, as shares of the transaction value."""
    import polars as pl

    from entrepot import economies
    from entrepot.origin.content import content
    from entrepot.origin.read import read_bill

    read = read_bill(bill)
    found = content(read, direct=direct, estimate=estimator(world))
    total = float(found.total_usd)
    rows: list[tuple[object, ...]]
    if economy is None:
        rows = []
        for code in found.economies():
            share = found.share(code)
            if code != "*":
                rows.append((code, share.low * total, share.high * total, share.low, share.high))
        schema = ("economy", "at_least_usd", "at_most_usd", "at_least_rate", "at_most_rate")
    else:
        code = economies.find(economy)
        pieces = [p for p in found.pieces if p.high.get(code, p.high.get("*", 0.0)) > 0]
        rows = [
            (
                p.path,
                p.basis,
                float(p.value_usd),
                p.low.get(code, 0.0),
                min(1.0, p.high.get(code, 0.0) + p.high.get("*", 0.0)),
            )
            for p in sorted(pieces, key=lambda p: -p.value_usd)
        ]
        share = found.share(code)
        rows.append(("total", "", total, share.low, share.high))
        schema = ("part", "basis", "value_usd", "at_least_rate", "at_most_rate")
    frame = pl.DataFrame(rows, schema=list(schema), orient="row", infer_schema_length=None)
    emit(frame, form, out, title=f"{read.name}: content of {found.total_usd:,.2f} USD")
    if found.unknown:
        note([f"{found.unknown * 100:.2f} % of the value may be of any economy: unknown is not zero"])
    if found.source:
        note([f"{found.of_basis('estimate') * 100:.2f} % of the value is an estimate: {found.source}"])
