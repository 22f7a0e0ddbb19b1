"""`entrepot world`: what a world is, whether it adds up, and worlds made of worlds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.output import Format, FormatOption, OutOption, emit, key_values, note

if TYPE_CHECKING:
    import polars as pl

    from entrepot.world import World

app = typer.Typer(no_args_is_help=True, help="World tables: look, check, aggregate, balance, estimate.")

NameArgument = Annotated[
    str, typer.Argument(help="reference-2023, or a world's .nc or .npz file.", metavar="WORLD")
]
SaveOption = Annotated[Path, typer.Option("--out", help="World to write (.nc or .npz).")]


@app.callback()
def _group() -> None:
    """World tables: look, check, aggregate, balance, estimate."""


@app.command()
def info(
    name: NameArgument = "reference-2023", form: FormatOption = Format.table, out: OutOption = None
) -> None:
    """Say what a world is, what it is good for, and how large its economies are."""
    import sys

    world = _open(name)
    attrs = world.data.attrs
    if form is Format.table and out is None:
        if world.statement:
            sys.stdout.write(world.statement + "\n\n")
        rows = {
            "name": world.name,
            "year": attrs.get("year", "not said"),
            "kind": "table of use by economy and sector"
            if world.is_table
            else "calibrated shares, proportional origins",
            "source": attrs.get("source", "not said"),
            "licence": attrs.get("licence", "not said"),
            "sectors": " ".join(world.sectors),
            "holds": ", ".join(str(v) for v in world.data.data_vars),
        } | _basis(world)
        sys.stdout.write(key_values(rows) + "\n")
    if world.has("flow"):
        emit(_sizes(world), form, out)


@app.command()
def check(
    name: NameArgument,
    tolerance: Annotated[float, typer.Option(help="Largest relative miss allowed.")] = 1e-6,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Measure every invariant of a world; exit code 1 if one fails."""
    import polars as pl

    found = _open(name).findings(tolerance)
    rows = [(f.invariant, "holds" if f.holds else "FAILS", f"{f.miss:.2g}", f.cell, f.detail) for f in found]
    emit(
        pl.DataFrame(rows, schema=["invariant", "result", "worst_miss", "cell", "detail"], orient="row"),
        form,
        out,
    )
    if not all(f.holds for f in found):
        raise typer.Exit(1)


@app.command()
def aggregate(
    name: NameArgument,
    out: SaveOption,
    economies: Annotated[
        list[str] | None, typer.Option(help="GROUP=A,B,…; repeatable.", metavar="GROUP", show_default=False)
    ] = None,
    sectors: Annotated[
        list[str] | None, typer.Option(help="GROUP=X,Y,…; repeatable.", metavar="GROUP", show_default=False)
    ] = None,
) -> None:
    """Write a world of groups of economies and sectors; every total is conserved."""
    from entrepot.world import save
    from entrepot.world.aggregate import aggregate as aggregated

    world = _open(name)
    made = aggregated(
        world, economies=_members(economies, "--economies"), sectors=_members(sectors, "--sectors")
    )
    save(made, out)
    note([f"{out}: {made!r}"])


@app.command()
def balance(
    name: NameArgument,
    targets: Annotated[
        Path,
        typer.Argument(
            help="CSV with kind (gdp, trade, output), economy, partner_or_sector, value_usd, reliability."
        ),
    ],
    out: SaveOption,
    form: FormatOption = Format.table,
    moves: Annotated[
        Path | None, typer.Option("--moves", help="Write what moved most here.", show_default=False)
    ] = None,
) -> None:
    """Bring a world to new totals: a later year's GDP, bilateral trade, outputs; show what moved most."""
    from entrepot.world import save
    from entrepot.world.rebalance import read_targets, rebalance

    done = rebalance(_open(name), **read_targets(targets))
    save(done.world, out)
    emit(
        done.moves if moves or form is not Format.table else done.moves.head(15),
        form,
        moves,
        title="What moved most, USD",
    )
    note([f"{out}: totals met to {done.residual:.1e} in {done.sweeps} sweeps"])


@app.command()
def estimate(
    facts: Annotated[Path, typer.Argument(help="Folder of facts (docs/world-facts.md).")],
    out: SaveOption,
    baci: Annotated[
        Path | None,
        typer.Option("--baci", help="BACI file of the year: replaces estimated trade.", show_default=False),
    ] = None,
) -> None:
    """Estimate a world from a folder of facts."""
    from entrepot.world import save
    from entrepot.world.estimate import estimate as estimated
    from entrepot.world.estimate import to_world
    from entrepot.world.facts import read_facts

    known = read_facts(facts)
    if baci is not None:
        from entrepot.world.baci import with_baci

        known = with_baci(known, baci)
    result = estimated(known)
    world = to_world(
        result,
        source=f"estimated from the facts in {facts.name}",
        statement="Estimated from facts by balancing; not an official table.",
    )
    save(world, out)
    note(
        [
            f"{out}: {world!r}",
            f"facts met to {result.residual:.1e}; the last round moved {result.change:.1e} of trade",
        ]
    )


def _open(name: str) -> World:
    from entrepot.world.reference import open_world

    return open_world(name)


def _members(texts: list[str] | None, option: str) -> dict[str, str]:
    """Member to group from GROUP=A,B texts. Raises EntrepotError for a text that is none, or a member
    of two groups.
    """
    from entrepot.errors import EntrepotError

    found: dict[str, str] = {}
    for text in texts or []:
        group, equals, members = text.partition("=")
        if not (equals and group and members):
            raise EntrepotError(f"{option} {text!r}: write GROUP=A,B, e.g. ASIA=KOR,JPN,TWN")
        for member in members.split(","):
            if found.setdefault(member.strip(), group) != group:
                raise EntrepotError(
                    f"{option}: {member.strip()} is in {found[member.strip()]} and in {group}; choose one"
                )
    return found


def _basis(world: World) -> dict[str, object]:
    """How many flows rest on what, and what part of trade abroad."""
    import numpy as np

    from entrepot.world import BASIS

    if "basis" not in world.data:
        return {}
    codes, flow = world.data["basis"].values, world.flow.values
    abroad = ~np.eye(len(world.economies), dtype=bool)[:, :, None] & (codes >= 0)
    total = flow[abroad].sum()
    parts = [
        f"{name} {int((codes[abroad] == k).sum())} cells, {flow[abroad & (codes == k)].sum() / total:.0%} of trade"
        for k, name in enumerate(BASIS)
        if (codes[abroad] == k).any()
    ]
    return {"flows rest on": "; ".join(parts)}


def _sizes(world: World) -> pl.DataFrame:
    import polars as pl

    traded = world.flow.values.sum(axis=2)
    own = traded.diagonal()
    return pl.DataFrame(
        {
            "economy": list(world.economies),
            "value_added_usd": world.wage_income.values,
            "output_usd": world.output.values.sum(axis=1),
            "exports_usd": traded.sum(axis=1) - own,
            "imports_usd": traded.sum(axis=0) - own,
        }
    )
