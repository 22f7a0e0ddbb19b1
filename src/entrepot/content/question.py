"""One question in one answer: how much of what an economy sells is of another's making, by sector."""

from collections.abc import Iterable, Sequence
from importlib.resources import as_file, files

import numpy as np
import polars as pl

from entrepot.content.trace import content_of, trace
from entrepot.errors import WorldError
from entrepot.world.reference import NAME, reference_facts
from entrepot.world.table import World

TOTAL = "total"


def content_table(
    world: World,
    *,
    of: str,
    into: str,
    to: str | None = None,
    sectors: Sequence[str] = (),
    tiers: float = float("inf"),
) -> pl.DataFrame:
    """Content of origin `of` in gross exports of `into` to one economy or all, by sector, and in total.

    Columns: sector, exports_usd, content_usd, content_rate (at `tiers`), direct_rate (inputs bought from
    there), foreign_rate (all value of others). Rows without exports are left out; `total` is last.

    Raises `UnknownCode` for an economy or sector of another world, and `WorldError` where nothing is sold.
    """
    for code in (of, into, *([] if to is None else [to])):
        world.economy_index(code)
    for code in sectors:
        world.sector_index(code)
    chosen = list(sectors) or goods_of(world)
    whole = trace(world, tiers=tiers)
    value = content_of(whole, exporter=into, importer=to, sectors=chosen)
    bought = content_of(trace(world, tiers=1), exporter=into, importer=to, sectors=chosen)
    parts = (value.sum("origin"), value.sel(origin=of), bought.sel(origin=of), value.sel(origin=into))
    columns = np.stack([v.values for v in parts])
    rows = [(s, *(float(x) for x in columns[:, k])) for k, s in enumerate(chosen) if columns[0, k] > 0]
    if not rows:
        raise WorldError(f"{world.name}: {into} sells nothing of {', '.join(chosen)} to {to or 'anyone'}.")
    total = (TOTAL, *(float(x) for x in columns.sum(axis=1)))
    frame = pl.DataFrame(
        [*rows, total], schema=["sector", "exports_usd", "content_usd", "direct", "kept"], orient="row"
    )
    exports = pl.col("exports_usd")
    return frame.select(
        "sector",
        "exports_usd",
        "content_usd",
        (pl.col("content_usd") / exports).alias("content_rate"),
        (pl.col("direct") / exports).alias("direct_rate"),
        (1 - pl.col("kept") / exports).alias("foreign_rate"),
    )


def with_range(point: pl.DataFrame, others: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The table with low_rate and high_rate: the least and most content by sector over the point and
    other worlds.
    """
    rates = [point, *others]
    stacked = pl.concat([t.select("sector", "content_rate") for t in rates])
    ends = stacked.group_by("sector").agg(
        pl.col("content_rate").min().alias("low_rate"), pl.col("content_rate").max().alias("high_rate")
    )
    return point.join(ends, on="sector", how="left", maintain_order="left").select(
        "sector",
        "exports_usd",
        "content_usd",
        "content_rate",
        "low_rate",
        "high_rate",
        "direct_rate",
        "foreign_rate",
    )


def origins_table(
    world: World,
    *,
    into: str,
    to: str | None = None,
    sectors: Sequence[str] = (),
    tiers: float = float("inf"),
) -> pl.DataFrame:
    """Gross exports by sector and origin of value: sector, origin, content_usd, content_rate; rows sum to
    exports.

    Raises `UnknownCode` for an economy or sector of another world.
    """
    world.economy_index(into)
    if to is not None:
        world.economy_index(to)
    for code in sectors:
        world.sector_index(code)
    value = content_of(
        trace(world, tiers=tiers), exporter=into, importer=to, sectors=list(sectors) or goods_of(world)
    )
    shares = value / value.sum("origin").where(value.sum("origin") > 0)
    rows = [
        (str(s), str(o), float(value.sel(sector=s, origin=o)), float(shares.sel(sector=s, origin=o)))
        for s in value["sector"].values[np.isfinite(shares.values[0])]
        for o in value["origin"].values
    ]
    return pl.DataFrame(rows, schema=["sector", "origin", "content_usd", "content_rate"], orient="row")


def goods_of(world: World) -> list[str]:
    """The goods sectors of the embedded world, or all sectors of another, which does not say which
    are goods.
    """
    if world.data.attrs.get("name") != NAME:
        return list(world.sectors)
    return list(world.sectors[: reference_facts().goods])


def published(of: str, into: str, to: str | None) -> pl.DataFrame:
    """Figures that others published for the same question: year, low, high, table, vintage, source."""
    with as_file(files("entrepot") / "data" / "world" / "published-content.csv") as path:
        table = pl.read_csv(path)
    return table.filter((pl.col("of") == of) & (pl.col("in") == into) & (pl.col("to") == (to or "")))
