"""`entrepot content`: how much of what one economy sells is of another's making."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from entrepot.cli.output import Format, FormatOption, OutOption, emit, note

if TYPE_CHECKING:
    import polars as pl

    from entrepot.world import World

WorldOption = Annotated[str, typer.Option("--world", help="reference-2023, or a world's .nc or .npz file.")]


def content(
    of: Annotated[str, typer.Option("--of", help="Origin of the value, e.g. CHN.")],
    into: Annotated[str, typer.Option("--in", help="Economy whose exports are looked into, e.g. VNM.")],
    to: Annotated[
        str | None, typer.Option("--to", help="Destination, e.g. USA; default all.", show_default=False)
    ] = None,
    sector: Annotated[
        list[str] | None,
        typer.Option("--sector", help="Sector of the world; repeatable.", show_default=False),
    ] = None,
    tiers: Annotated[
        str, typer.Option("--tiers", help="How deep to look: 1 (what was bought), 2, … or all.")
    ] = "all",
    world: WorldOption = "reference-2023",
    span: Annotated[
        bool, typer.Option("--range/--no-range", help="Also the range (embedded world, some seconds).")
    ] = True,
    chart: Annotated[
        Path | None,
        typer.Option("--chart", help="Write a chart by origin and sector (.svg, .png).", show_default=False),
    ] = None,
    form: FormatOption = Format.table,
    out: OutOption = None,
) -> None:
    """Say how much value of one economy is in the exports of another, by sector.

    entrepot content --of CHN --in VNM --to USA
    """
    from entrepot.content.question import content_table, published
    from entrepot.world.reference import NAME, open_world

    opened = open_world(world)
    depth = _depth(tiers)
    asked = {"of": of.upper(), "into": into.upper(), "to": to.upper() if to else None}
    chosen = [s.upper() for s in sector or []]
    frame = content_table(opened, **asked, sectors=chosen, tiers=depth)  # type: ignore[arg-type]
    embedded = opened.name == NAME
    if span and embedded:
        frame = _ranged(frame, asked, chosen, depth)
    where = f"exports of {asked['into']}" + (f" to {asked['to']}" if to else "")
    title = f"Value of {asked['of']} in {where}, {_years(opened)}"
    emit(frame, form, out, title=title)
    if chart is not None:
        _draw(opened, asked, chosen, depth, title, frame, chart)
    lines = [opened.statement] if opened.statement else []
    if embedded and not chosen:
        lines.append("goods only; services are traded in the embedded world without known geography.")
    for row in published(of.upper(), into.upper(), asked["to"]).iter_rows(named=True):
        figure = (
            f"{row['low']:.0%}" if row["low"] == row["high"] else f"{row['low']:.0%} to {row['high']:.0%}"
        )
        lines.append(
            f"published: {figure} in {row['year']}, {row['table']} ({row['vintage']}): {row['source']}."
        )
    note(lines)


def _depth(text: str) -> float:
    from entrepot.errors import EntrepotError

    if text == "all":
        return float("inf")
    if not text.isdigit() or int(text) < 1:
        raise EntrepotError(f"--tiers {text}: give 1, 2, 3 and so on, or all")
    return float(text)


def _years(world: World) -> str:
    year = world.data.attrs.get("year", "")
    return f"{world.name} ({year})" if year and str(year) not in world.name else world.name


def _ranged(
    frame: pl.DataFrame, asked: dict[str, str | None], chosen: list[str], depth: float
) -> pl.DataFrame:
    from rich.console import Console

    from entrepot.content.question import content_table, with_range
    from entrepot.world.sensitivity import variants

    console = Console(stderr=True)
    others = []
    with console.status("range") as status:
        for variant in variants(str(asked["of"]), str(asked["into"])):
            status.update(variant.label)
            others.append(content_table(variant.world, **asked, sectors=chosen, tiers=depth))  # type: ignore[arg-type]
    return with_range(frame, others)


def _draw(
    world: World,
    asked: dict[str, str | None],
    chosen: list[str],
    depth: float,
    title: str,
    frame: pl.DataFrame,
    path: Path,
) -> None:
    from entrepot.content.question import origins_table
    from entrepot.report.charts import save
    from entrepot.report.content import content_bars

    shares = origins_table(world, into=str(asked["into"]), to=asked["to"], sectors=chosen, tiers=depth)
    total = frame.row(-1, named=True)
    said = f"{asked['of']}: {total['content_rate']:.1%} of all"
    if "low_rate" in total:
        said += f" ({total['low_rate']:.1%} to {total['high_rate']:.1%} under other readings)"
    if world.statement:
        said += ". " + world.statement.split(";")[0] + "."
    save(
        content_bars(shares, into=str(asked["into"]), first=str(asked["of"]), title=title, subtitle=said),
        path,
    )
