"""From the ledger's partners and products to the economies and sectors of a world; value is conserved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import as_file, files
from pathlib import Path

import polars as pl

from entrepot import economies
from entrepot.errors import ScenarioError
from entrepot.world import World
from entrepot.world.reference import NAME as REFERENCE

ROW = "ROW"
TOLERANCE = 1e-9
ROUNDED = 1e-4
"""Shares are written with some digits; what they miss to one by no more than this is rounding, and made up."""


def partners(world: World, origins: Sequence[str], members: Mapping[str, tuple[str, ...]]) -> pl.DataFrame:
    """Which economies of the world a ledger's origins are: origin, exporter, share (of the origin's value).

    An origin is itself, a member of an economy that holds several, or the rest of the world where that is an
    economy. A group of several economies (EU27) is shared out by what each sells in the world. Origins that
    have no place are left out; `placed` names them.
    """
    known = dict(members) or _members(world)
    inside = {m: code for code, held in known.items() for m in held}
    rows: list[tuple[str, str, float]] = []
    for origin in origins:
        if origin in world.economies:
            rows.append((origin, origin, 1.0))
        elif origin in inside:
            rows.append((origin, inside[origin], 1.0))
        elif economies.is_group(origin) and (shares := _shares(world, origin)):
            rows += [(origin, code, share) for code, share in shares.items()]
        elif ROW in world.economies:
            rows.append((origin, ROW, 1.0))
    return pl.DataFrame(
        rows, schema={"origin": pl.String, "exporter": pl.String, "share": pl.Float64}, orient="row"
    )


def _members(world: World) -> dict[str, tuple[str, ...]]:
    """The embedded world's own members; other worlds name theirs in the scenario."""
    if world.data.attrs.get("name") != REFERENCE:
        return {}
    with as_file(files("entrepot") / "data" / "world" / REFERENCE / "economies.csv") as path:
        table = pl.read_csv(path)
    held = {row["economy"]: tuple(row["members"].split()) for row in table.iter_rows(named=True)}
    return {code: codes for code, codes in held.items() if all(economies.is_economy(c) for c in codes)}


def _shares(world: World, group: str) -> dict[str, float]:
    """Members of a group by their share in what the group sells abroad."""
    codes = [c for c in world.economies if c in economies.ever_members(group)]
    sold = world.flow.sum(["importer", "sector"]).to_series()
    home = {c: float(world.flow.sel(exporter=c, importer=c).sum()) for c in codes}
    abroad = {c: float(sold[c]) - home[c] for c in codes}
    total = sum(abroad.values())
    return {c: v / total for c, v in abroad.items()} if total > 0 else {}


def concordance(world: World, path: Path | None) -> pl.DataFrame:
    """How six-digit products enter the world's sectors: hs6, sector, share (sums to one by product).

    The package's own table for the sectors of the embedded world, one sector for a world that has one, a file
    for others. Raises ScenarioError where there is none, or shares don't sum to one.
    """
    if path is not None:
        table = pl.read_csv(
            path, schema_overrides={"hs6": pl.String, "share": pl.Float64}, comment_prefix="#"
        )
        if missing := [c for c in ("hs6", "sector", "share") if c not in table.columns]:
            raise ScenarioError(f"{path}: column {missing[0]!r} is missing; found {', '.join(table.columns)}")
        where = str(path)
    else:
        with as_file(files("entrepot") / "data" / "world" / "concordance" / "hs6-sector.csv") as own:
            table = pl.read_csv(own, schema_overrides={"hs6": pl.String})
        where = "the package's concordance"
        if len(world.sectors) == 1:
            table = (
                table.select("hs6").unique().with_columns(sector=pl.lit(world.sectors[0]), share=pl.lit(1.0))
            )
    if unknown := sorted(set(table["sector"]) - {*world.sectors, "none"}):
        raise ScenarioError(
            f"{where} has sector {unknown[0]!r}, {world.name} doesn't; name a concordance from hs6 to its "
            "sectors under [world]"
        )
    sums = table.group_by("hs6").agg(pl.col("share").sum())
    off = sums.filter((pl.col("share") - 1).abs() > ROUNDED).sort("hs6")
    if len(off):
        raise ScenarioError(f"{where}: shares of {off['hs6'][0]} sum to {off['share'][0]:g}, not to one")
    exact = table.with_columns(pl.col("share") / pl.col("share").sum().over("hs6"))
    return exact.filter(pl.col("sector") != "none").select("hs6", "sector", "share").sort("hs6", "sector")


def goods(world: World, table: pl.DataFrame) -> list[str]:
    """Sectors that products of the concordance enter, in the world's order."""
    reached = set(table["sector"])
    return [s for s in world.sectors if s in reached]


def placed(
    lines: pl.DataFrame, where: pl.DataFrame, sectors: pl.DataFrame, money: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Lines by origin and hs6 put into exporter and sector, and those that have no place.

    `money` columns are shared out and conserved. The first frame has exporter, sector, origin, hs6, weight
    (part of the product that is here) and the money; the second those of `lines` that stay outside. Raises
    ScenarioError if the two don't add up to the lines, which would be a fault of this function.
    """
    joined = lines.join(where.rename({"share": "_of"}), on="origin", how="left").join(
        sectors.rename({"share": "_in"}), on="hs6", how="left"
    )
    missing = pl.col("exporter").is_null() | pl.col("sector").is_null()
    part = pl.col("_of") * pl.col("_in")
    inside = joined.filter(~missing).with_columns(*[pl.col(c) * part for c in money], part.alias("weight"))
    outside = lines.join(inside.select("origin", "hs6").unique(), on=["origin", "hs6"], how="anti")
    for column in money:
        total = float(lines[column].sum())
        kept = float(inside[column].sum()) + float(outside[column].sum())
        if abs(total - kept) > TOLERANCE * max(abs(total), 1.0):
            raise ScenarioError(f"{column}: {total!r} came in, {kept!r} was placed or named")
    return inside.drop("_of", "_in"), outside
