"""Content of one economy in another's goods, as a fact of every trade record."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.special import betaincinv

from entrepot.content.question import TOTAL, content_table
from entrepot.equilibrium.options import Float
from entrepot.ledger.table import FACT
from entrepot.scenario.model import ContentFact
from entrepot.world import World


def with_content(
    table: pl.DataFrame, fact: ContentFact, world: World, sectors: pl.DataFrame, *, to: str
) -> tuple[pl.DataFrame, str]:
    """Trade records with the column `fact.content.OF` on lines from `into`, and a note on how it was made.

    A line has the content of its sector in the world's exports of `into` to `to`, through all tiers; a
    product of several sectors their mean, one of none that of all goods. With a spread each line is cut into
    parts of equal value whose contents are quantiles of a beta distribution of that mean and spread. Value
    and duty are conserved. Raises UnknownCode for economies that the world doesn't have.
    """
    contents = content_table(world, of=fact.of, into=fact.into, to=to)
    by_sector = dict(contents.select("sector", "content_rate").iter_rows())
    mean = by_sector.pop(TOTAL)
    by_product = (
        sectors.with_columns(
            pl.col("sector").replace_strict(by_sector, default=mean, return_dtype=pl.Float64).alias("_rate")
        )
        .group_by("hs6")
        .agg((pl.col("_rate") * pl.col("share")).sum().alias("_content"))
    )
    column = f"{FACT}content.{fact.of}"
    mine = pl.col("origin") == fact.into
    lines = (
        table.filter(mine)
        .with_columns(pl.col("product").str.slice(0, 6).alias("_hs6"))
        .join(by_product, left_on="_hs6", right_on="hs6", how="left", maintain_order="left")
        .with_columns(pl.col("_content").fill_null(mean))
        .drop("_hs6")
    )
    cut = _cut(lines, column, fact)
    rest = table.filter(~mine).with_columns(pl.lit(None, dtype=pl.Float64).alias(column))
    said = (
        f"content of {fact.of} in goods of {fact.into} is that of their sector in {world.name}, all tiers "
        f"({mean:.0%} of all goods)"
    )
    if fact.spread:
        said += f", spread within a sector with a standard deviation of {fact.spread:g} (an assumption)"
    money = pl.col([c for c in ("value_usd", "duty_usd") if c in table.columns]).cast(pl.Float64)
    return pl.concat([rest.with_columns(money), cut.select(rest.columns).with_columns(money)]), said


def _cut(lines: pl.DataFrame, column: str, fact: ContentFact) -> pl.DataFrame:
    """Each line in parts of equal value with the quantiles of its content, or whole."""
    if not fact.spread:
        return lines.rename({"_content": column})
    means = lines["_content"].unique().sort()
    rows = [(m, float(q)) for m in means for q in quantiles(float(m), fact.spread, fact.parts)]
    table = pl.DataFrame(rows, schema={"_content": pl.Float64, column: pl.Float64}, orient="row")
    money = [c for c in ("value_usd", "duty_usd") if c in lines.columns]
    return (
        lines.join(table, on="_content", how="left", maintain_order="left")
        .with_columns(pl.col(money) / fact.parts)
        .drop("_content")
    )


def quantiles(mean: float, spread: float, parts: int) -> Float:
    """Middles of `parts` equal parts of a beta distribution of this mean and standard deviation.

    A spread that no beta distribution has is cut to nine tenths of the largest, sqrt(mean (1 - mean)).
    """
    if not 0 < mean < 1:
        return np.full(parts, mean)
    variance = min(spread, 0.9 * np.sqrt(mean * (1 - mean))) ** 2
    size = mean * (1 - mean) / variance - 1
    at = (np.arange(parts) + 0.5) / parts
    return np.asarray(betaincinv(mean * size, (1 - mean) * size, at))
