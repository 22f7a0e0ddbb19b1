"""`entrepot rates`: effective rates of duty over a ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from entrepot.cli.options import (
    AsKnownOption,
    BookOption,
    FactOption,
    ReadingOption,
    WithOption,
    open_book,
    parse_readings,
)
from entrepot.cli.output import Format, FormatOption, OutOption, day, emit, note


def rates(
    ledger: Annotated[
        Path | None,
        typer.Option(
            "--ledger", help="Trade records (Parquet, CSV); default: US imports of 2024.", show_default=False
        ),
    ] = None,
    book: BookOption = "us",
    on: Annotated[
        list[str] | None,
        typer.Option(
            "--on", help="Day; repeatable. Default: every change of law.", metavar="DATE", show_default=False
        ),
    ] = None,
    by: Annotated[
        str,
        typer.Option(
            "--by", help="Comma list: origin, authority, family, measure, hs2 … hs8, product, importer."
        ),
    ] = "origin",
    overlays: WithOption = None,
    facts: FactOption = None,
    readings: ReadingOption = None,
    as_known: AsKnownOption = None,
    set_aside: Annotated[
        Path | None,
        typer.Option(
            "--set-aside", help="Write rejected rows here and go on without them.", show_default=False
        ),
    ] = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Effective rates over a ledger: what was paid, what was added since, and the total."""
    from entrepot import ledger as ledgers
    from entrepot.law.assess import rates as effective_rates
    from entrepot.law.facts import parse_given

    law = open_book(book, overlays)
    records = (
        ledgers.embedded()
        if ledger is None
        else ledgers.read(ledger, importer=law.importer, rejected=set_aside)
    )
    result = effective_rates(
        records,
        law,
        on=sorted({day(text) for text in on}) if on else None,
        by=[name.strip() for name in by.split(",") if name.strip()],
        given=[parse_given(text) for text in facts or []],
        readings=parse_readings(readings),
        as_known=None if as_known is None else day(as_known),
    )
    emit(result.table, form, out, title=f"{law.title}: rates on {records.source}")
    note(result.notes)
