"""Splitting lines into finer products by the shares that these have in US imports."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import polars as pl

from entrepot import products
from entrepot.errors import LedgerError


@dataclass(frozen=True)
class SplitReport:
    """What was split. Values in USD; `products` are the codes split, `unsplit` those without known shares."""

    lines: int
    into: int
    value_usd: float
    products: tuple[str, ...]
    unsplit: tuple[str, ...]
    unsplit_value_usd: float

    def __str__(self) -> str:
        """The report in a sentence; empty if nothing was finer than the ledger."""
        parts = []
        if self.lines:
            parts.append(
                f"{self.lines} lines of {len(self.products)} products ({self.value_usd:,.0f} USD) were split "
                f"into {self.into} by the value shares of their finer products in US imports of 2024, "
                "because the law names codes finer than the ledger's"
            )
        if self.unsplit:
            parts.append(
                f"{len(self.unsplit)} products ({self.unsplit_value_usd:,.0f} USD) stay whole, because no "
                "shares are known of their finer products"
            )
        return "; ".join(parts)


def split_table(table: pl.DataFrame, codes: Collection[str]) -> tuple[pl.DataFrame, SplitReport]:
    """Split each line that has one of `codes` below its product into 10-digit lines.

    A line's value and duty are shared in the proportion of its products' 2024 US import values; facts are
    those of the line. Lines without such codes, or without known shares, stay as they are. Raises
    LedgerError if the sums came out different, which would be a fault of this function.
    """
    traded = table["product"].unique()
    finer = pl.concat([_with_finer_code(traded, codes, length) for length in products.LENGTHS[:-1]])
    shares = _shares(finer)
    known = finer.filter(finer.is_in(shares["product"].implode()))
    unsplit = finer.filter(~finer.is_in(known.implode())).sort()

    numbered = table.with_row_index("_line")
    chosen = numbered.filter(pl.col("product").is_in(known.implode()))
    money = [c for c in ("value_usd", "duty_usd") if c in table.columns]
    children = (
        chosen.join(shares, on="product", how="inner")
        .with_columns(pl.col(money) * pl.col("_share"), pl.col("_finer").alias("product"))
        .drop("_share", "_finer")
    )
    if children.is_empty():
        after = table
    else:
        rest = numbered.filter(~pl.col("product").is_in(known.implode())).cast(
            dict.fromkeys(money, pl.Float64)
        )
        after = (
            pl.concat([rest, children.select(rest.columns)]).sort("_line", "product").drop("_line").rechunk()
        )
    for column in money:
        _same_total(column, table, after)
    return after, SplitReport(
        lines=chosen.height,
        into=children.height,
        value_usd=float(chosen["value_usd"].sum()),
        products=tuple(known.sort()),
        unsplit=tuple(unsplit),
        unsplit_value_usd=float(table.filter(pl.col("product").is_in(unsplit.implode()))["value_usd"].sum()),
    )


def _with_finer_code(traded: pl.Series, codes: Collection[str], length: int) -> pl.Series:
    """Products of this length that have a longer one of the codes below them."""
    at_length = traded.filter(traded.str.len_bytes() == length)
    stems = {code[:length] for code in codes if len(code) > length} if len(at_length) else set()
    return at_length.filter(at_length.is_in(pl.Series(list(stems), dtype=pl.String).implode()))


def _shares(codes: pl.Series) -> pl.DataFrame:
    """The 10-digit products below each code: product, _finer, _share (sums to 1 by product)."""
    us = products.us_products().filter(pl.col("value_usd") > 0)
    below = [
        us.select(
            pl.col("product").str.slice(0, length).alias("product"),
            pl.col("product").alias("_finer"),
            pl.col("value_usd"),
        ).filter(pl.col("product").is_in(codes.implode()))
        for length in products.LENGTHS[:-1]
    ]
    share = pl.col("value_usd") / pl.col("value_usd").sum().over("product")
    return pl.concat(below).with_columns(share.alias("_share")).drop("value_usd")


def _same_total(column: str, before: pl.DataFrame, after: pl.DataFrame) -> None:
    old, new = float(before[column].sum()), float(after[column].sum())
    if abs(new - old) > 1e-12 * max(abs(old), 1.0):
        raise LedgerError(f"splitting changed the sum of {column} from {old!r} to {new!r}")
