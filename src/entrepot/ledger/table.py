"""A ledger: a table of trade records, and the sums over it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl

from entrepot import economies
from entrepot.errors import LedgerError
from entrepot.ledger.split import SplitReport, split_table

FACT = "fact."
"""Prefix of the columns that hold facts: `fact.transshipped`."""

KEYS = ("importer", "origin", "product", "period", "date")
_LEVELS = {"hs2": 2, "hs4": 4, "hs6": 6, "hs8": 8}
_TOLERANCE = 1e-12


@dataclass(frozen=True)
class Ledger:
    """Trade records that passed the checks of `read`, or were built from such.

    `table` has the columns importer and origin (ISO 3166-1 alpha-3, or a group such as EU27), product (2 to
    10 digits), value_usd (customs value, nominal USD), and where known duty_usd (missing: unknown), period
    (text), date, and facts as `fact.NAME` (numbers; missing: unknown). `source` says where it's from, `notes`
    what a reader of the results should know.
    """

    table: pl.DataFrame
    source: str
    notes: tuple[str, ...] = ()

    @property
    def facts(self) -> tuple[str, ...]:
        """Names of the facts, without the prefix of their columns."""
        return tuple(c.removeprefix(FACT) for c in self.table.columns if c.startswith(FACT))

    def overlaps(self) -> pl.DataFrame:
        """Origins whose trade also stands inside a group of the same importer.

        Columns importer, member, group, value_usd (the member's), sorted. A group counts with everyone who
        was ever its member; a smaller group inside a larger one counts as its member.
        """
        origins = sorted(self.table["origin"].unique())
        inside = [
            (member, group)
            for group in filter(economies.is_group, origins)
            for member in origins
            if member != group and economies.ever_members(member) < economies.ever_members(group)
        ]
        pairs = pl.DataFrame(inside, schema={"member": pl.String, "group": pl.String}, orient="row")
        value = self.table.group_by("importer", "origin").agg(pl.col("value_usd").sum())
        return (
            pairs.join(value, left_on="member", right_on="origin")
            .join(
                value.select("importer", "origin"),
                left_on=["importer", "group"],
                right_on=["importer", "origin"],
            )
            .select("importer", "member", "group", "value_usd")
            .sort("importer", "member", "group")
        )

    def counted_once(self) -> pl.DataFrame:
        """The table without the members whose trade also stands inside a group (see `overlaps`)."""
        twice = self.overlaps()
        if twice.is_empty():
            return self.table
        return self.table.join(
            twice,
            left_on=["importer", "origin"],
            right_on=["importer", "member"],
            how="anti",
            maintain_order="left",
        )

    def total(self, column: str = "value_usd") -> float:
        """Sum of a column (USD), counting no trade twice.

        Raises LedgerError if the ledger has no such column, or if some of its values aren't known.
        """
        if column not in self.table.columns:
            raise LedgerError(
                f"{self.source}: there is no {column}; there are {', '.join(self.table.columns)}"
            )
        values = self.counted_once()[column]
        if values.null_count():
            raise LedgerError(f"{self.source}: {column} isn't known for {values.null_count()} lines")
        return float(values.sum())

    def sums(self, by: Sequence[str] = ()) -> pl.DataFrame:
        """Value and duty by some of importer, origin, product, hs2, hs4, hs6, hs8, period, date.

        Columns: those of `by`, value_usd and, if the ledger has it, duty_usd; sorted by `by`. The duty of a
        cell is missing if that of any of its lines is. A product shorter than the level asked for stands
        under its own code. By origin, members and their group are both listed; otherwise such trade counts
        once.

        Raises LedgerError if `by` names something else, or if the sums don't add up to the total.
        """
        table = self.table if "origin" in by else self.counted_once()
        dimensions = [self._dimension(name) for name in by]
        money = [_sum(c) for c in ("value_usd", "duty_usd") if c in table.columns]
        if dimensions:
            found = table.group_by(dimensions, maintain_order=True).agg(money).sort(list(by))
        else:
            found = table.select(money)
        total, added = float(table["value_usd"].sum()), float(found["value_usd"].sum())
        if abs(total - added) > _TOLERANCE * max(abs(total), 1.0):
            raise LedgerError(f"{self.source}: sums by {', '.join(by)} add up to {added!r}, not to {total!r}")
        return found

    def _dimension(self, name: str) -> pl.Expr:
        if name in _LEVELS:
            return pl.col("product").str.slice(0, _LEVELS[name]).alias(name)
        there = [key for key in KEYS if key in self.table.columns]
        if name in there:
            return pl.col(name)
        raise LedgerError(f"{self.source}: can't sum by {name!r}; by {', '.join([*there, *_LEVELS])} it can")

    def split_to(self, codes: Collection[str]) -> tuple[Ledger, SplitReport]:
        """The ledger with each line that has one of `codes` below its product split into 10-digit lines.

        Value and duty are shared by the products' values in US imports of 2024 and kept to relative 1e-12;
        nothing is dropped. The report goes into the notes too. `codes` are bare digits of any length.
        """
        table, report = split_table(self.table, codes)
        notes = (*self.notes, str(report)) if str(report) else self.notes
        return replace(self, table=table, notes=notes), report

    def write(self, path: Path) -> None:
        """Write the table as Parquet (.parquet) or CSV (.csv). Raises LedgerError for another ending."""
        if path.suffix == ".parquet":
            self.table.write_parquet(path, compression="zstd")
        elif path.suffix == ".csv":
            self.table.write_csv(path)
        else:
            raise LedgerError(
                f"{path}: a ledger is written as .parquet or .csv, not as {path.suffix or path.name!r}"
            )


def _sum(column: str) -> pl.Expr:
    """The sum, or missing if any of the values is."""
    return pl.when(pl.col(column).null_count() == 0).then(pl.col(column).sum()).alias(column)
