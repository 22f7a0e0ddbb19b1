"""`entrepot panel`: every partner's rate at every change of law, as tables, a daily series and a picture."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot import economies
from entrepot.cli.options import BookOption, FactOption, WithOption, open_book, parse_facts
from entrepot.cli.output import Format, day, emit, note, working
from entrepot.errors import EntrepotError
from entrepot.report.text import as_text

if TYPE_CHECKING:
    from datetime import date

    import polars as pl

    from entrepot.law.book import Book
    from entrepot.ledger import Ledger

SHOWN = 5e-5
"""The least rate that a table in hundredths of a percent shows."""


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
    import polars as pl

    from entrepot import ledger as ledgers
    from entrepot.law.assess import rates as effective_rates
    from entrepot.report.panel import daily

    law = open_book(book, overlays)
    records = ledgers.embedded() if ledger is None else ledgers.read(ledger, importer=law.importer)
    first, end = day(since), day(until)
    if end <= first:
        raise EntrepotError(f"--until {until} is not after --since {since}")
    changes = [d for d in law.change_days() if first <= d < end]
    chosen = _drawn(draw, records)
    _make_folder(out)
    given = parse_facts(facts)
    with working(f"assessing the ledger on {len(changes)} days"):
        # From the first day on, so that the days before the first change of law are assessed too.
        by_origin = effective_rates(records, law, on=sorted({first, *changes}), given=given)
        by_authority = effective_rates(records, law, on=changes, by=["authority"], given=given)
    at_change = by_origin.table.filter(pl.col("on").is_in(changes))
    sys.stdout.write(_tables(at_change, by_authority.table, law, records, partners))
    note(by_origin.notes)
    with working(f"writing to {out}"):
        every_day = daily(by_origin.table, first, end)
        frames = {"rates.csv": at_change, "authorities.csv": by_authority.table, "daily.csv": every_day}
        written = _write(frames, law, records, first, end, chosen, out)
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
    # An authority that changed nothing in all this time has no column.
    split = split.select("on", *(c for c in split.columns[1:] if (split[c].abs() > SHOWN).any()))
    return as_text(
        panel, f"{law.title}: duty in percent of customs value, {records.source}", percent=True
    ) + as_text(
        split,
        "The same for all partners together, by authority: added since, in percentage points",
        percent=True,
    )


def _write(
    frames: dict[str, pl.DataFrame],
    law: Book,
    records: Ledger,
    first: date,
    end: date,
    drawn: list[str],
    out: Path,
) -> list[Path]:
    from entrepot.report.charts import rate_steps, save
    from entrepot.report.panel import steps

    for name, frame in frames.items():
        emit(frame, Format.csv, out / name)
    written = [out / name for name in frames]
    every_day = frames["daily.csv"]
    if every_day["total_rate"].null_count():
        note(
            [
                "no picture: the ledger has no duties, so that the total isn't known; daily.csv has what was added"
            ]
        )
        return written
    names = {code: _name(code) for code in drawn}
    events = {on: what for on, what in law.events.items() if first <= on < end}
    title = f"{', '.join(names.values())}: average duty on imports into {law.importer}"
    chart = rate_steps(
        steps(every_day, drawn), names, events, title, f"{law.title}; weighted with {records.source}"
    )
    for kind in ("svg", "png"):
        written.append(out / f"{'-'.join(drawn).lower()}.{kind}")
        save(chart, written[-1])
    return written


def _drawn(codes: str, records: Ledger) -> list[str]:
    """The origins to draw. Raises EntrepotError if the ledger has none of them."""
    chosen = [economies.find(code) for code in codes.split(",")]
    present = set(records.table["origin"])
    if absent := [code for code in chosen if code not in present]:
        raise EntrepotError(f"--draw {codes}: the ledger has no line from {', '.join(absent)}")
    return chosen


def _name(code: str) -> str:
    return economies.economy(code).name if economies.is_economy(code) else code


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EntrepotError(f"{out}: no folder can be made there: {error.strerror or error}") from None
