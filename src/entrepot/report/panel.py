"""The panel of rates: partners across, changes of law down; the same day by day."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl


def wide(table: pl.DataFrame, columns: str, values: str = "total_rate") -> pl.DataFrame:
    """One row per day, one column per entry of `columns` in order of appearance; cells are `values`."""
    return table.pivot(on=columns, index="on", values=values, maintain_order=True)


def largest(table: pl.DataFrame, count: int) -> list[str]:
    """The origins with the largest value, largest first."""
    first = table.filter(pl.col("on") == table["on"].min())
    return first.sort("value_usd", descending=True)["origin"].head(count).to_list()


def daily(table: pl.DataFrame, since: date, until: date) -> pl.DataFrame:
    """Rates on every day from `since` to before `until`: each day has those of the last day of `table` before it.

    `table` has a row per origin for `since` and for every later day of change. Raises ValueError if it
    begins after `since`.
    """
    if table.is_empty() or table["on"].min() != since:
        raise ValueError(f"the table has to begin on {since}, or the days before its first are not known")
    days = pl.DataFrame({"on": pl.date_range(since, until - timedelta(days=1), "1d", eager=True)})
    origins = table.select("origin", "base_rate").unique("origin", maintain_order=True)
    every = days.join(origins, how="cross").sort("on")
    changes = table.select("on", "origin", "added_rate").sort("on")
    return (
        every.join_asof(changes, on="on", by="origin", check_sortedness=False)
        .with_columns(total_rate=pl.col("base_rate") + pl.col("added_rate"))
        .sort("on", "origin")
    )


def steps(daily_rates: pl.DataFrame, origins: Sequence[str]) -> pl.DataFrame:
    """The days on which one of these origins' rates change, and the last day: all that a step chart needs."""
    chosen = daily_rates.filter(pl.col("origin").is_in(list(origins))).sort("origin", "on")
    changed = pl.col("total_rate") != pl.col("total_rate").shift(1).over("origin")
    last = pl.col("on") == pl.col("on").max()
    return chosen.filter(changed.fill_null(value=True) | last)
