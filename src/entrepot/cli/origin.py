"""`entrepot origin`: is it made where it says, by which rules, and what does it pay."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.options import (
    BookOf,
    FactOption,
    OnOption,
    ToOption,
    WithOption,
    WorldOption,
    book_for,
    estimator,
    parse_facts,
)
from entrepot.cli.output import Format, FormatOption, OutOption, emit, note

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console
    from rich.progress import Progress, TaskID

    from entrepot.origin.determine import Determination
    from entrepot.origin.findings import Finding
    from entrepot.origin.landed import Landed
    from entrepot.origin.rules import RuleSet


def origin(
    bill: Annotated[
        Path, typer.Argument(help="Bill (TOML), or a table of bills (CSV, Parquet).", metavar="BILL")
    ],
    rules: Annotated[
        str,
        typer.Option(
            "--rules", help="Rule sets, by comma: names, or files (.toml, .json). `all`: every built-in."
        ),
    ] = "all",
    to: ToOption = None,
    on: OnOption = None,
    book: BookOf = None,
    overlays: WithOption = None,
    facts: FactOption = None,
    reading: Annotated[
        str | None,
        typer.Option(
            "--reading", help="Of several rules take the one whose title has these words.", show_default=False
        ),
    ] = None,
    world: WorldOption = None,
    materials: Annotated[
        bool, typer.Option("--materials", help="Also how every material was counted.")
    ] = False,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Where a product is from under rules of origin: the answer, the arithmetic, the parts that decided it."""
    from entrepot.errors import EntrepotError
    from entrepot.origin.rulesets import find_rules, names

    chosen = names() if rules == "all" else [name.strip() for name in rules.split(",") if name.strip()]
    if not chosen:
        raise EntrepotError(f"--rules {rules!r}: name at least one set, e.g. {', '.join(names())}")
    sets = [find_rules(name) for name in chosen]
    if bill.suffix in (".csv", ".parquet"):
        _batch(bill, sets, form, out)
        return
    from entrepot.origin.determine import determine
    from entrepot.origin.read import read_bill

    read = read_bill(bill)
    law, when = book_for(to, on, book, overlays)
    average = estimator(world)
    answers = [determine(read, s, on=when, estimate=average, reading=reading) for s in sets]
    prices = None
    if law is not None and when is not None:
        from entrepot.origin.landed import landed

        given = parse_facts(facts)
        prices = landed(read, law, when, determinations=answers, given=given, estimate=average)
    if form is Format.table and out is None:
        _print(answers, materials=materials)
        if prices is not None:
            _print_landed(prices)
    else:
        emit(_frame(answers, prices), form, out)


def _batch(path: Path, sets: list[RuleSet], form: Format, out: Path | None) -> None:
    import polars as pl
    from rich.console import Console
    from rich.progress import Progress

    from entrepot.origin.batch import determine_all, summary
    from entrepot.origin.table import read_table

    table = read_table(path)
    frames = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        for rules in sets:
            task = progress.add_task(rules.name, total=len(table.names))
            frames.append(determine_all(table, rules, progress=partial(_show, progress, task)))
    every = pl.concat(frames)
    if form is Format.table:
        # For people: percentages, and nothing where nothing decided.
        shares = [
            pl.when(pl.col(c).is_null())
            .then(pl.lit(""))
            .otherwise((pl.col(c) * 100).round(2).cast(pl.String) + " %")
            .alias(c)
            for c in ("number", "limit")
        ]
        every = every.with_columns(*shares).with_columns(pl.col("rule", "part", "missing").fill_null(""))
    emit(every, form, out, title=f"{path}: {len(table.names):,} bills")
    for row in summary(frames).iter_rows(named=True):
        word = {True: ", they qualify", False: ", they do not qualify"}.get(row["qualifies"], "")
        note([f"{row['rules']}: {row['bills']:,} {row['answer']}{word}"])


def _show(progress: Progress, task: TaskID, done: int, total: int) -> None:
    progress.update(task, completed=done, total=total)


def _frame(answers: list[Determination], prices: Landed | None) -> pl.DataFrame:
    """One row per rule set, reading and rule; duty outcomes after them."""
    import polars as pl

    rows: list[tuple[object, ...]] = []
    for answer in answers:
        head = (answer.rule_set.name, answer.outcome, answer.qualifies, answer.origin)
        if not answer.readings:
            rows.append((*head, "", "", "", "", None, None, "", "; ".join(answer.missing)))
        for reading in answer.readings:
            for finding in reading.finding.inner or (reading.finding,):
                parts = "; ".join(map(str, finding.parts))
                missing = "; ".join(finding.missing)
                rows.append(
                    (
                        *head,
                        reading.title,
                        finding.rule,
                        finding.word,
                        finding.arithmetic,
                        finding.number,
                        finding.limit,
                        parts,
                        missing,
                    )
                )
    if prices is not None:
        for outcome in prices.duty.outcomes:
            owed, cost = outcome.total_usd, prices.cost_usd(outcome)
            what = f"duty {owed} USD, landed {cost} USD" if owed is not None else "duty not known"
            rows.append(
                (
                    "duty",
                    prices.duty.answer,
                    None,
                    prices.duty.origin,
                    outcome.condition,
                    "",
                    "",
                    what,
                    outcome.total_rate,
                    None,
                    "",
                    "",
                )
            )
    schema = {
        "rules": pl.String,
        "outcome": pl.String,
        "qualifies": pl.Boolean,
        "origin": pl.String,
        "reading": pl.String,
        "rule": pl.String,
        "result": pl.String,
        "arithmetic": pl.String,
        "number": pl.Float64,
        "limit": pl.Float64,
        "parts": pl.String,
        "missing": pl.String,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def _print(answers: list[Determination], *, materials: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    from entrepot import products

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    first = answers[0]
    console.print(f"[bold]{first.product}[/] {products.name(first.product)}, made in {first.made_in}")
    table = Table(header_style="bold")
    for column in ("rules", "outcome", "decided by"):
        table.add_column(column, overflow="fold")
    for answer in answers:
        table.add_row(answer.rule_set.title, answer.outcome, _decided(answer))
    console.print(table)
    for answer in answers:
        console.print(
            f"\n[bold]{answer.rule_set.title}[/] ({answer.rule_set.name}): [bold]{answer.outcome}[/]"
        )
        console.print(f"  {answer.rule_set.reference}", style="dim")
        for name in answer.missing:
            console.print(f"  missing: {name}", markup=False)
        for reading in answer.readings:
            console.print(f"  {reading.title}", markup=False)
            _print_finding(console, reading.finding, 4)
        for condition in answer.conditions:
            console.print(f"  also required, not judged here: {condition}", markup=False)
        if materials:
            for m in answer.materials:
                word = {True: "originating", False: "not originating", None: "open"}[m.originating]
                console.print(
                    f"    {m.path} ({m.product}, {m.value_usd:,.2f} USD): {word}, {m.why}", markup=False
                )


def _decided(answer: Determination) -> str:
    if not answer.readings:
        return "; ".join(answer.missing)
    finding = answer.readings[0].finding
    deciding = finding.deciding() if finding.met is not False else finding
    text = deciding.arithmetic or "; ".join(f.arithmetic for f in deciding.inner if f.arithmetic)
    return text or "; ".join(deciding.missing)


def _print_finding(console: Console, finding: Finding, indent: int) -> None:
    space = " " * indent
    if finding.inner:
        word = "any of these" if finding.kind == "any-of" else "all of these"
        console.print(f"{space}{finding.word}: {word}", markup=False)
        for inner in finding.inner:
            _print_finding(console, inner, indent + 2)
        return
    console.print(f"{space}{finding.word}: {finding.rule}", markup=False)
    if finding.arithmetic:
        console.print(f"{space}  {finding.arithmetic}", markup=False)
    for part in finding.parts:
        console.print(f"{space}  - {part}", markup=False)
    for name in finding.missing:
        console.print(f"{space}  missing: {name}", markup=False)


def _print_landed(prices: Landed) -> None:
    from rich.console import Console

    from entrepot.origin.bill import shown

    console = Console(width=None if sys.stdout.isatty() else 140, highlight=False)
    answer = prices.duty
    facts = ", ".join(
        f"{g.name} = {g.value if not isinstance(g.value, float) else round(g.value, 4)}" for g in prices.given
    )
    console.print(
        f"\n[bold]Duty on {answer.on}[/]: entered from {answer.origin} at {shown(answer.value_usd)} USD"
        f"{f'; facts: {facts}' if facts else ''}"
    )
    if answer.missing:
        console.print(f"  unresolved: it depends on {', '.join(answer.missing)}; give it with --fact")
    for outcome in answer.outcomes:
        condition = outcome.condition
        owed, cost = outcome.total_usd, prices.cost_usd(outcome)
        if owed is None or cost is None:
            console.print(f"  {f'if {condition}: ' if condition else ''}a rate isn't known", markup=False)
            continue
        rate = f"{(outcome.total_rate or 0) * 100:.4g} %"
        text = f"duty {shown(owed)} USD ({rate}), landed {shown(cost)} USD"
        console.print(f"  {f'if {condition}: ' if condition else ''}{text}", markup=False)
        for line in outcome.applied:
            if line.duty_usd:
                console.print(f"    {line.measure.title}: {line.reason}", markup=False)
