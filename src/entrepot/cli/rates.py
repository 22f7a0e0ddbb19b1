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
    asked,
    open_book,
)
from entrepot.cli.output import Format, FormatOption, OutOption, day, emit, note, working
from entrepot.errors import EntrepotError


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
    assumed: Annotated[
        bool,
        typer.Option("--assumptions", help="Show instead what each assumed fact moves, on the days of --on."),
    ] = False,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Effective rates over a ledger: what was paid, what was added since, and the total."""
    from entrepot import ledger as ledgers
    from entrepot.law.assess import rates as effective_rates
    from entrepot.law.assumptions import assumptions

    with working("reading law and ledger"):
        law = open_book(book, overlays)
        records = (
            ledgers.embedded()
            if ledger is None
            else ledgers.read(ledger, importer=law.importer, rejected=set_aside)
        )
    question = asked(facts, readings, as_known)
    if assumed:
        if not on:
            raise EntrepotError(
                "--assumptions: name the days with --on; each asks the whole ledger several times"
            )
        with working("assessing the ledger under each possibility"):
            moved = assumptions(records, law, on=sorted({day(text) for text in on}), **question)
        emit(
            moved, form, out, title=f"{law.title}: total rate if a fact held nowhere, as assumed, everywhere"
        )
        return
    with working("assessing the ledger"):
        result = effective_rates(
            records,
            law,
            on=sorted({day(text) for text in on}) if on else None,
            by=[name.strip() for name in by.split(",") if name.strip()],
            **question,
        )
    emit(result.table, form, out, title=f"{law.title}: rates on {records.source}")
    note(result.notes)
