"""What is known of each line of a ledger, from the user, the ledger itself, or a book's estimates, in that order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from entrepot.economies import ever_members, is_group
from entrepot.errors import LawError
from entrepot.law.combine import Array
from entrepot.law.facts import Fact, Given
from entrepot.law.scope import Mask
from entrepot.suggest import near


@dataclass(frozen=True)
class Column:
    """One fact over all lines: a fraction per line (NaN: unknown), and what it rests on."""

    values: Array
    rests_on: str
    """`given`, `ledger`, `estimate`, or several of them."""


def fact_columns(
    table: pl.DataFrame,
    asked: Mapping[str, tuple[str, Mask]],
    declared: Mapping[str, Fact],
    given: Sequence[Given],
) -> dict[str, Column]:
    """The facts that a law asks for, over the lines of a ledger.

    `asked` holds for each full name (programme.USMCA) the fact's own (programme) and bool (line): where a
    measure asks for it; elsewhere it is 0. `table` has columns `origin`, `product` and perhaps `fact.NAME`.
    Raises LawError if the user gave a fact for an origin that the ledger doesn't have.
    """
    columns = {}
    present = table["origin"].unique().to_list()
    for full, (name, where) in asked.items():
        mine = [(_origins(g, present), _as_share(g, full)) for g in given if g.name in (full, name)]
        at = np.flatnonzero(where)
        kept = [c for c in ("origin", "product", f"fact.{full}") if c in table.columns]
        found = _column(
            table.select(kept)[at], full, Fact.lookup(declared, full) or Fact.lookup(declared, name), mine
        )
        values = np.zeros(len(table))
        values[at] = found.values
        columns[full] = Column(values, found.rests_on)
    return columns


def _as_share(given: Given, full: str) -> float:
    """A given fact as a number: truths are 0 or 1, the chosen option of a choice 1 and the others 0."""
    return (
        float(full == f"{given.name}.{given.value}") if isinstance(given.value, str) else float(given.value)
    )


def _origins(given: Given, present: Sequence[str]) -> list[str]:
    """The origins of the ledger that a fact was given for."""
    if given.origin is None:
        return list(present)
    found = [o for o in present if o == given.origin or _in_group(o, given.origin)]
    if not found:
        raise LawError(
            f"--fact {given.name}={given.origin}:…: the ledger has no line from {given.origin}"
            f"{near(given.origin, present)}; it has {', '.join(sorted(present)[:8])}{' …' if len(present) > 8 else ''}"
        )
    return found


def _column(
    table: pl.DataFrame, name: str, fact: Fact | None, given: Sequence[tuple[Sequence[str], float]]
) -> Column:
    values = np.full(len(table), np.nan)
    rests_on = []
    for origins, value in given:
        values[table["origin"].is_in(origins).to_numpy()] = value
        rests_on = ["given"]
    if f"fact.{name}" in table.columns:
        recorded = table[f"fact.{name}"].cast(pl.Float64).to_numpy()
        if _fill(values, recorded):
            rests_on.append("ledger")
    if (
        fact is not None
        and fact.estimated
        and np.isnan(values).any()
        and _fill(values, estimate(table, fact))
    ):
        rests_on.append("estimate")
    return Column(values, " and ".join(rests_on) or "unknown")


def _in_group(origin: str, group: str) -> bool:
    return is_group(group) and origin in ever_members(group)


def _fill(values: Array, source: Array) -> bool:
    """Put `source` where values are unknown; whether that settled any."""
    gaps = np.isnan(values) & ~np.isnan(source)
    values[gaps] = source[gaps]
    return bool(gaps.any())


def estimate(table: pl.DataFrame, fact: Fact) -> Array:
    """A fact's estimate for each line; NaN where its table has none."""
    if fact.value is not None:
        return np.full(len(table), fact.value)
    return look_up(read_fact_table(fact), table).to_numpy()


def look_up(found: pl.DataFrame, asked: pl.DataFrame) -> pl.Series:
    """The values of a fact's table for products (and origins): of the code itself, else of its 8 or 6 digits."""
    keys = [key for key in ("product", "origin") if key in found.columns]
    value = pl.Series("value", [None], dtype=pl.Float64).gather([0] * len(asked))
    for digits in (10, 8, 6):
        if value.null_count():
            stems = asked.select(pl.col("product").str.slice(0, digits), *keys[1:])
            at = stems.join(found.select(*keys, "value"), on=keys, how="left", maintain_order="left")["value"]
            value = value.zip_with(value.is_not_null(), at)
    return value


def read_fact_table(fact: Fact) -> pl.DataFrame:
    """A fact's table: product, perhaps origin, `value` (fraction), and `exact` (bool).

    A table with a column `kind` holds exact values where that is `ad valorem`, averages elsewhere: averages
    serve sums over ledgers, never the duty on one entry. Raises LawError if a column is missing.
    """
    assert fact.table is not None  # asked of facts that have one
    frame = (
        pl.read_parquet(fact.table)
        if fact.table.suffix == ".parquet"
        else pl.read_csv(fact.table, schema_overrides={"product": pl.String}, comment_prefix="#")
    )
    if missing := [name for name in ("product", fact.column) if name not in frame.columns]:
        raise LawError(f"{fact.table}: column {missing[0]!r} is missing; found {', '.join(frame.columns)}")
    keys = [key for key in ("product", "origin") if key in frame.columns]
    exact = pl.col("kind") == "ad valorem" if "kind" in frame.columns else pl.lit(value=True)
    return frame.select(*keys, pl.col(fact.column).cast(pl.Float64).alias("value"), exact.alias("exact"))
