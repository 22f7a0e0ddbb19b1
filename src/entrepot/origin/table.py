"""Bills of materials of many products in one flat table: a row per product, part and cost.

| column | meaning |
|---|---|
| `bill` | name of the product, the same on all its rows |
| `part` | name of the part, empty on the product's own row and on costs |
| `in` | the part it goes into, empty: the product |
| `product` | product code, as text |
| `origin` | economy, several joined by `|`, or unknown; bought parts |
| `made_in` | economy, or `here`: the product and what its producer makes |
| `quantity`, `unit_cost_usd`, `value_usd` | in one unit of what it goes into; value or unit cost |
| `kind` | of a cost: labour, overhead, profit, …; `value_usd` is its amount |
| `economy`, `supplier`, `weight_kg`, `role`, `originating`, `wholly_obtained` | as in a bill file |

Columns that aren't needed may be left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from pydantic import ValidationError

from entrepot.errors import BillError, UnknownCode
from entrepot.origin.bill import STAGES, Bill, check
from entrepot.origin.read import BillFile, Builder
from entrepot.suggest import near

TEXT = (
    "bill",
    "part",
    "in",
    "product",
    "origin",
    "made_in",
    "kind",
    "economy",
    "supplier",
    "role",
    "originating",
)
NUMBERS = ("quantity", "unit_cost_usd", "value_usd", "weight_kg")
OTHER = ("wholly_obtained",)
NEEDED = ("bill", "product", "made_in")


@dataclass(frozen=True)
class BillTable:
    """Rows of many bills, checked, in the order of the file within each bill.

    `rows` holds the columns above, missing ones as nulls, and `parent` (row index, -1 for a product) and
    `units` (how many of what it goes into are in one product).
    """

    rows: pl.DataFrame
    source: str

    @cached_property
    def names(self) -> list[str]:
        """Names of the bills, in the order of the file."""
        return self.rows["bill"].unique(maintain_order=True).to_list()

    @cached_property
    def _by_name(self) -> dict[str, pl.DataFrame]:
        parts = self.rows.partition_by("bill", maintain_order=True)
        return {part["bill"][0]: part for part in parts}

    def bill(self, name: str) -> Bill:
        """One bill as a tree, fully checked. Raises BillError as `read_bill` does, KeyError for no such bill."""
        return _bill(name, self._by_name[name], self.source)

    def bills(self) -> Iterator[Bill]:
        """All bills as trees."""
        return (self.bill(name) for name in self.names)


def read_table(path: Path) -> BillTable:
    """The bills of a CSV or Parquet file.

    Raises BillError, naming file, bill and part, for a column that is missing or unknown, a bill without a
    product's row or with two, a part that goes into nothing or into itself, one that is named twice, a cost
    that is negative or absent.
    """
    if not path.is_file():
        raise BillError(
            f"{path}: there is no such file; give a bill (.toml) or a table of bills (.csv, .parquet)"
        )
    try:
        frame = pl.read_parquet(path) if path.suffix == ".parquet" else pl.read_csv(path, infer_schema=False)
    except OSError as error:
        raise BillError(f"{path}: can't be read: {error.strerror or error}") from None
    except pl.exceptions.PolarsError as error:
        raise BillError(f"{path}: can't be read as a table: {str(error).splitlines()[0]}") from None
    return bill_table(frame, str(path))


def bill_table(frame: pl.DataFrame, source: str = "table") -> BillTable:
    """A frame of bills, checked; see `read_table`."""
    known = (*TEXT, *NUMBERS, *OTHER)
    for name in frame.columns:
        if name not in known:
            raise BillError(f"{source}: there is no column {name!r}{near(name, known)}")
    for name in NEEDED:
        if name not in frame.columns:
            raise BillError(f"{source}: the column {name!r} is missing; the columns are {', '.join(known)}")
    rows = _typed(frame, source)
    _check_rows(rows, source)
    return BillTable(_linked(rows, source), source)


def _typed(frame: pl.DataFrame, source: str) -> pl.DataFrame:
    """Every column in its type, missing ones added as nulls, empty text as null."""
    columns = {}
    for name in TEXT:
        text = frame[name].cast(pl.String) if name in frame.columns else pl.Series([None], dtype=pl.String)
        columns[name] = text
    for name in NUMBERS:
        given = frame[name] if name in frame.columns else pl.Series([None], dtype=pl.Float64)
        number = given.cast(pl.Float64, strict=False)
        wrong = number.is_null() & given.is_not_null()
        if given.dtype == pl.String:
            wrong &= given.str.strip_chars() != ""
        if wrong.any():
            at = int(wrong.arg_true()[0])
            raise BillError(f"{source}: row {at + 2}: {name} is {given[at]!r}, which is no number")
        columns[name] = number
    flag = (
        frame["wholly_obtained"] if "wholly_obtained" in frame.columns else pl.Series([None], dtype=pl.String)
    )
    columns["wholly_obtained"] = flag.cast(pl.String).str.to_lowercase()
    height = frame.height
    full = {n: (s if len(s) == height else s.new_from_index(0, height)) for n, s in columns.items()}
    blank = (
        pl.when(pl.col(pl.String).str.strip_chars() == "")
        .then(None)
        .otherwise(pl.col(pl.String).str.strip_chars())
    )
    return pl.DataFrame(full).with_columns(blank.name.keep())


def _check_rows(rows: pl.DataFrame, source: str) -> None:
    is_cost = pl.col("kind").is_not_null()
    is_top = pl.col("part").is_null() & ~is_cost
    checks = (
        (pl.col("bill").is_null(), "the bill's name is missing"),
        (is_cost & pl.col("value_usd").is_null(), "a cost needs value_usd"),
        (is_cost & ~pl.col("kind").is_in(list(STAGES)), f"kind is none of {', '.join(STAGES)}"),
        (
            is_top & (pl.col("product").is_null() | pl.col("made_in").is_null()),
            "the product's row needs product and made_in",
        ),
        (
            ~is_top & ~is_cost & (pl.col("origin").is_null() == pl.col("made_in").is_null()),
            "say origin (bought) or made_in (made), one of the two",
        ),
        (
            ~is_top
            & ~is_cost
            & pl.col("origin").is_not_null()
            & pl.col("value_usd").is_null()
            & pl.col("unit_cost_usd").is_null(),
            "its cost is missing; write unit_cost_usd or value_usd",
        ),
        (pl.col("value_usd") < 0, "value_usd is negative"),
        (pl.col("unit_cost_usd") < 0, "unit_cost_usd is negative"),
        (pl.col("quantity") <= 0, "quantity is not above zero"),
        (
            pl.struct("bill", "part").is_duplicated() & ~is_cost & pl.col("part").is_not_null(),
            "the part is named twice",
        ),
        (
            is_top & pl.struct("bill", is_top.alias("top")).is_duplicated(),
            "the bill has two rows for the product itself",
        ),
    )
    for wrong, why in checks:
        found = rows.with_row_index("row").filter(wrong)
        if found.height:
            first = found.row(0, named=True)
            raise BillError(f"{source}: row {first['row'] + 2}: {_path(first)}: {why}")
    headless = rows.group_by("bill", maintain_order=True).agg(top=is_top.any()).filter(~pl.col("top"))
    if headless.height:
        raise BillError(
            f"{source}: bill {headless['bill'][0]!r} has no row for the product itself: one with an empty part, "
            "its product code and made_in"
        )


def _path(row: Mapping[str, Any]) -> str:
    names = [row["bill"], row["in"], row["part"] or row["kind"]]
    return " / ".join(str(name) for name in names if name)


def _linked(rows: pl.DataFrame, source: str) -> pl.DataFrame:
    """Rows with the index of what each goes into and how many of that are in one product."""
    rows = rows.with_row_index("row")
    tops = rows.filter(pl.col("part").is_null() & pl.col("kind").is_null()).select("bill", top="row")
    parts = rows.filter(pl.col("part").is_not_null()).select("bill", pl.col("part").alias("in"), above="row")
    linked = rows.join(tops, on="bill", how="left", maintain_order="left")
    into_bill = pl.col("in").is_null() | (pl.col("in") == pl.col("bill"))
    linked = linked.join(parts, on=["bill", "in"], how="left", maintain_order="left").with_columns(
        parent=pl.when(pl.col("row") == pl.col("top"))
        .then(-1)
        .when(into_bill)
        .then(pl.col("top").cast(pl.Int64))
        .otherwise(pl.col("above").cast(pl.Int64))
    )
    lost = linked.filter(pl.col("parent").is_null())
    if lost.height:
        first = lost.row(0, named=True)
        raise BillError(
            f"{source}: row {first['row'] + 2}: {_path(first)}: goes into {first['in']!r}, which has no row"
        )
    parent = linked["parent"].to_numpy()
    quantity = linked["quantity"].fill_null(1.0).to_numpy()
    units, at = np.ones(len(parent)), parent.copy()
    # As many steps as there are rows lead to the top from anywhere, unless parts run in a circle.
    for _ in range(len(parent) + 1):
        up = at >= 0
        if not up.any():
            break
        units[up] *= np.where(parent[at[up]] >= 0, quantity[at[up]], 1.0)
        at[up] = parent[at[up]]
    if (at >= 0).any():
        first = linked.row(int(np.flatnonzero(at >= 0)[0]), named=True)
        raise BillError(
            f"{source}: row {first['row'] + 2}: {_path(first)}: parts go into each other in a circle"
        )
    return linked.drop("top", "above", "row").with_columns(units=pl.Series(units))


def _bill(name: str, rows: pl.DataFrame, source: str) -> Bill:
    """One bill of a table through the same door as a bill file."""
    entries: dict[str, Any] = {"part": [], "cost": []}
    for row in rows.iter_rows(named=True):
        given = {
            k: _decimal(v) for k, v in row.items() if v is not None and k not in ("bill", "parent", "units")
        }
        if "wholly_obtained" in given:
            given["wholly_obtained"] = given["wholly_obtained"] == "true"
        if row["kind"] is not None:
            entries["cost"].append(
                {k: v for k, v in given.items() if k in ("kind", "value_usd", "in", "economy")}
            )
        elif row["part"] is None:
            top = {
                k: v for k, v in given.items() if k in ("product", "made_in", "weight_kg", "wholly_obtained")
            }
            entries["product"] = {
                "name": name,
                **top,
                **({"price_usd": given["value_usd"]} if "value_usd" in given else {}),
            }
        else:
            given["name"] = given.pop("part")
            for key in ("origin", "originating"):
                if key in given:
                    given[key] = [word.strip() for word in given[key].split("|")]
            entries["part"].append(given)
    try:
        bill = Builder(BillFile.model_validate(entries), source).bill()
    except ValidationError as error:
        first = error.errors()[0]
        raise BillError(
            f"{source}: bill {name!r}: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None
    except UnknownCode as error:
        raise BillError(f"{source}: bill {name!r}: {error}") from None
    check(bill)
    return bill


def _decimal(value: Any) -> Any:
    return Decimal(repr(value)) if isinstance(value, float) else value
