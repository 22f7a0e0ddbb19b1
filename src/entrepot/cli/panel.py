"""`entrepot panel`: every partner's rate at every change of law, as tables, a daily series and a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot import economies
from entrepot.cli.options import BookOption, FactOption, WithOption, open_book
from entrepot.cli.output import Format, as_text, day, emit, note, working
from entrepot.errors import EntrepotError

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from entrepot.law.book import Book
    from entrepot.ledger import Ledger


def panel(
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", help="Trade records; default: US imports of 2024.", show_default=False),
    ] = None,
    book: BookOption = "us",
    overlays: WithOption = None,
    facts: FactOption = None,
    since: Annotated[str, typer.Option("--since", metavar="DATE", help="First day.")] = "2025-01-01",
    until: Annotated[
        str, typer.Option("--until", metavar="DATE", help="The day after the last.")
    ] = "2026-10-01",
    partners: Annotated[int, typer.Option("--partners", min=1, help="How many partners to print.")] = 12,
    draw: Annotated[str, typer.Option("--draw", help="Origins in the picture, comma list.")] = "VNM,CHN,MEX",
    out: Annotated[Path, typer.Option("--out", help="Folder for the files.")] = Path("out"),
) -> None:
    """Every partner's rate at every change of law: printed, and written as CSV, SVG and PNG."""
    from entrepot import ledger as ledgers
    from entrepot.law.assess import rates as effective_rates
    from entrepot.law.facts import parse_given

    law = open_book(book, overlays)
    records = ledgers.embedded() if ledger is None else ledgers.read(ledger, importer=law.importer)
    first, end = day(since), day(until)
    if end <= first:
        raise EntrepotError(f"--until {until} is not after --since {since}")
    days = [d for d in law.change_days() if first <= d < end]
    given = [parse_given(text) for text in facts or []]
    with working(f"assessing the ledger on {len(days)} days"):
        by_origin = effective_rates(records, law, on=days, given=given)
        by_authority = effective_rates(records, law, on=days, by=["authority"], given=given)
    sys.stdout.write(_tables(by_origin.table, by_authority.table, law, records, partners))
    note(by_origin.notes)
    chosen = [economies.find(code) for code in draw.split(",")]
    with working(f"writing to {out}"):
        written = _write(by_origin.table, by_authority.table, law, first, end, chosen, out)
    sys.stdout.write("written: " + ", ".join(map(str, written)) + "\n")


def _tables(
    by_origin: pl.DataFrame, by_authority: pl.DataFrame, law: Book, records: Ledger, count: int
) -> str:
    import polars as pl

    from entrepot.report.panel import largest, wide

    shown = largest(by_origin, count)
    panel = wide(by_origin.filter(pl.col("origin").is_in(shown)), "origin").select("on", *shown)
    total = by_authority.group_by("on", maintain_order=True).agg(
        pl.col("total_rate").sum().alias("all partners")
    )
    panel = panel.join(total, on="on", how="left", maintain_order="left")
    split = wide(by_authority, "authority")
    return as_text(
        panel, f"{law.title}: duty in percent of customs value, {records.source}", percent=True
    ) + as_text(
        split,
        "The same for all partners together, by authority: added since, in percentage points",
        percent=True,
    )


def _write(
    by_origin: pl.DataFrame,
    by_authority: pl.DataFrame,
    law: Book,
    first: date,
    end: date,
    drawn: list[str],
    out: Path,
) -> list[Path]:
    from entrepot.report.charts import rate_steps, save
    from entrepot.report.panel import daily, steps

    _make_folder(out)
    every_day = daily(by_origin, first, end)
    frames = {"rates.csv": by_origin, "authorities.csv": by_authority, "daily.csv": every_day}
    for name, frame in frames.items():
        emit(frame, Format.csv, out / name)
    names = {code: _name(code) for code in drawn}
    events = {on: what for on, what in law.events.items() if first <= on < end}
    title = f"{', '.join(names.values())}: average duty on entry into {_name(law.importer)}"
    chart = rate_steps(steps(every_day, drawn), names, events, title)
    pictures = [out / f"{'-'.join(drawn).lower()}.{kind}" for kind in ("svg", "png")]
    for path in pictures:
        save(chart, path)
    return [*(out / name for name in frames), *pictures]


def _name(code: str) -> str:
    return economies.economy(code).name if economies.is_economy(code) else code


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EntrepotError(f"{out}: no folder can be made there: {error.strerror or error}") from None
