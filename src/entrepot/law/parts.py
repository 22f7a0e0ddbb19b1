"""From the lines of a ledger to the cases of a law, with every dollar accounted for.

A line for which a fact holds in part (38 % of it claimed USMCA) is split into the part for which it holds and
the rest; then parts that no measure can tell apart are merged.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np
import polars as pl

from entrepot.errors import LawError, LedgerError
from entrepot.law.book import Book
from entrepot.law.cases import Index, Reach, asked_by, atoms
from entrepot.law.combine import Array
from entrepot.law.facts import Fact, Given, check_given
from entrepot.law.lines import fact_columns
from entrepot.law.measure import Measure
from entrepot.law.scope import Mask, membership_epoch, prefixes
from entrepot.ledger import FACT, Ledger


@dataclass(frozen=True)
class Parts:
    """Parts of lines with settled facts, one entry per part in each array.

    `line` indexes the ledger's lines, `weight` is the part's share of its line; `product` and `origin` index
    those of the reach (one product per class). `facts` are as in `Cases`.
    """

    line: Index
    weight: Array
    product: Index
    origin: Index
    facts: Mapping[str, Array]


@dataclass(frozen=True)
class Merged:
    """Parts merged into cases: sums in USD (`duty` is NaN where unknown), and the group of each."""

    product: Index
    origin: Index
    facts: Mapping[str, Array]
    group: Index
    value: Array
    duty: Array


def ledger_lines(
    ledger: Ledger, measures: Sequence[Measure], book: Book, by: Sequence[str]
) -> tuple[pl.DataFrame, list[str]]:
    """The lines to assess: 8-digit lines split where the law is finer, nothing counted twice; and what to note.

    Raises LedgerError if the ledger has imports of another economy than the book's, or no such column.
    """
    others = ledger.table.filter(pl.col("importer") != book.importer)["importer"].unique().to_list()
    if others:
        raise LedgerError(
            f"{ledger.source}: has imports of {', '.join(sorted(others))}, but {book.title} is the law of "
            f"{book.importer}; keep the lines of {book.importer} only"
        )
    if missing := [
        name
        for name in by
        if name != "line" and not name.startswith("hs") and name not in ledger.table.columns
    ]:
        raise LedgerError(
            f"{ledger.source}: has no column {missing[0]!r} to list by; it has {', '.join(ledger.table.columns)}"
        )
    scopes = {measure.products for measure in measures}
    listed = {code for s in scopes for code in prefixes((*s.include, *s.exclude), book.lists) if code != "*"}
    split, _ = ledger.split_to(listed)
    if "line" in by:
        return split.table.with_row_index("line", 1), list(split.notes)
    return (split.table if "origin" in by else split.counted_once()), list(split.notes)


def make_parts(
    table: pl.DataFrame,
    product: Index,
    measures: Sequence[Measure],
    reach: Reach,
    days: Sequence[date],
    book: Book,
    given: Sequence[Given],
) -> tuple[Parts, list[str], list[str]]:
    """Lines split by the truths and choices that hold for a share of them.

    Facts are settled only where a measure asks for them, so that lines which differ in nothing else merge.
    Returned with the parts are the names of the facts that rest on estimates, and what to note.
    """
    origin = position(table["origin"], reach.origins)
    residual = book.residual
    names = {name: _full_names(name, o) for name, o in atoms(measures).items() if name != residual}
    asked = {
        full: (name, needed_by([m for m in measures if full in asked_by(m)], reach, days)[product, origin])
        for name, fulls in names.items()
        for full in fulls
    }
    others = [g for g in given if g.name != residual]
    unknown = [
        f
        for f in table.columns
        if f.startswith(FACT) and Fact.lookup(book.facts, f.removeprefix(FACT)) is None
    ]
    ignored = [f"column {f} is not used: no fact of that name is known" for f in unknown]
    ignored += check_given(given, atoms(measures), book.facts)
    columns = fact_columns(table, asked, book.facts, others)
    parts = Parts(np.arange(len(table)), np.ones(len(table)), product, origin, {})
    for name, fulls in names.items():
        shares = {full: columns[full].values for full in fulls}
        if _kind(book, name) in ("truth", "choice"):
            parts = _split(parts, name, shares)
        else:
            parts = replace(parts, facts={**parts.facts, name: shares[name][parts.line]})
    estimated = [name for name, column in columns.items() if "estimate" in column.rests_on]
    return parts, estimated, [*ignored, *_fact_notes(estimated, book)]


def merge(parts: Parts, table: pl.DataFrame, by: Sequence[str]) -> tuple[pl.DataFrame, Merged]:
    """Merge parts that no measure can tell apart, within the groups that `by` asks for.

    Returns the groups (one row each, sorted) and the cases. Value in = value out, to the cent.
    """
    columns = [_group_column(name) for name in by]
    keyed = table.select(*columns) if columns else pl.DataFrame({"_": np.zeros(len(table), dtype=np.int8)})
    groups = keyed.unique().sort(keyed.columns)
    ids = keyed.join(groups.with_row_index("group"), on=keyed.columns, how="left", maintain_order="left")[
        "group"
    ]
    value = table["value_usd"].cast(pl.Float64).to_numpy()
    duty = paid(table)
    frame = pl.DataFrame(
        {
            "product": parts.product,
            "origin": parts.origin,
            "group": ids.to_numpy()[parts.line],
            "value": value[parts.line] * parts.weight,
            "duty": duty[parts.line] * parts.weight,
            **{f"fact.{name}": values for name, values in parts.facts.items()},
        }
    )
    keys = ["product", "origin", "group", *(f"fact.{name}" for name in parts.facts)]
    # In a fixed order: sums of floating-point numbers depend on it, and two runs give the same bytes.
    cases = frame.group_by(keys, maintain_order=True).agg(pl.col("value", "duty").sum())
    _check_conserved(value.sum(), float(cases["value"].sum()))
    merged = Merged(
        product=cases["product"].to_numpy(),
        origin=cases["origin"].to_numpy(),
        facts={name: cases[f"fact.{name}"].to_numpy() for name in parts.facts},
        group=cases["group"].to_numpy().astype(np.intp),
        value=cases["value"].to_numpy(),
        duty=cases["duty"].to_numpy(),
    )
    return groups.drop("_") if not columns else groups, merged


def _check_conserved(before: float, after: float) -> None:
    """Splitting and merging move value between cases and lose none; a difference is a fault of this file."""
    if abs(after - before) > 1e-9 * max(before, 1.0):
        raise AssertionError(f"value in {before!r} is not value out {after!r}")


def position(values: pl.Series, known: Sequence[str]) -> Index:
    """Where each value stands among the known ones."""
    return values.cast(pl.Enum(list(known))).to_physical().to_numpy().astype(np.intp)


def _kind(book: Book, name: str) -> str:
    fact = Fact.lookup(book.facts, name)
    return "truth" if fact is None else fact.kind


def _full_names(name: str, options: Sequence[str]) -> list[str]:
    return [f"{name}.{option}" for option in options] or [name]


def needed_by(measures: Sequence[Measure], reach: Reach, days: Sequence[date]) -> Mask:
    """bool (product, origin): whether one of the measures reaches that product of that origin on one of the days."""
    needed = np.zeros((len(reach.products.codes), len(reach.origins)), dtype=bool)
    epochs = list({membership_epoch(day): day for day in days}.values())
    for measure in measures:
        reached = ~np.isnan([reach.origin_rates(measure, day) for day in epochs]).all(axis=0)
        needed[:, reached] |= reach.product_mask(measure)[:, None]
    return needed


def _split(parts: Parts, name: str, shares: Mapping[str, Array]) -> Parts:
    """Split parts by facts that exclude each other (the options of one choice); `shares` are per line.

    Each part keeps what holds of it whole, or the rest of which nothing holds; parts for which a fact holds
    in part are added. A part of which one is unknown stays whole, and all are unknown of it: whoever needs
    one says that it is missing.
    Raises LawError if the shares of a line come to more than 1.
    """
    of_part = {full: share[parts.line] for full, share in shares.items()}
    total = sum(of_part.values(), start=np.zeros(len(parts.line)))
    unknown = np.isnan(total)
    if (total > 1 + 1e-9).any():
        worst = int(np.nanargmax(total))
        told = ", ".join(f"{full} {share[worst]:g}" for full, share in of_part.items())
        raise LawError(f"fact {name!r}: the shares of a line come to {total[worst]:g}, more than 1 ({told})")
    partial = {full: (share > 0) & (share < 1) for full, share in of_part.items()}
    split = np.any(list(partial.values()), axis=0) & ~unknown
    facts = {**parts.facts}
    for full, share in of_part.items():
        facts[full] = np.where(unknown, np.nan, np.where(split, 0.0, share))
    kept = Parts(
        parts.line,
        np.where(split, parts.weight * (1 - total), parts.weight),
        parts.product,
        parts.origin,
        facts,
    )
    pieces = [kept] if not split.any() else [_take(kept, ~split | (total < 1), 1.0, {})]
    for full, share in of_part.items():
        at = np.flatnonzero(partial[full] & split)
        if len(at):
            holding = {other: np.full(len(at), float(other == full)) for other in of_part}
            pieces.append(_take(parts, at, share[at], holding))
    if len(pieces) == 1:
        return pieces[0]
    return Parts(
        line=np.concatenate([p.line for p in pieces]),
        weight=np.concatenate([p.weight for p in pieces]),
        product=np.concatenate([p.product for p in pieces]),
        origin=np.concatenate([p.origin for p in pieces]),
        facts={full: np.concatenate([p.facts[full] for p in pieces]) for full in facts},
    )


def _take(parts: Parts, at: Index | Mask, share: Array | float, facts: Mapping[str, Array]) -> Parts:
    return Parts(
        parts.line[at],
        parts.weight[at] * share,
        parts.product[at],
        parts.origin[at],
        {**{name: values[at] for name, values in parts.facts.items()}, **facts},
    )


def _group_column(name: str) -> pl.Expr:
    return (
        pl.col("product").str.slice(0, int(name[2:])).alias(name) if name.startswith("hs") else pl.col(name)
    )


def paid(table: pl.DataFrame) -> Array:
    """The duty of each line in USD; NaN where it isn't known."""
    if "duty_usd" not in table.columns:
        return np.full(len(table), np.nan)
    return table["duty_usd"].cast(pl.Float64).to_numpy()


def _fact_notes(estimated: Sequence[str], book: Book) -> list[str]:
    notes = []
    for name in estimated:
        fact = Fact.lookup(book.facts, name)
        assert fact is not None  # an estimate comes from its entry
        how = f"assumed {fact.value:g}" if fact.value is not None else "estimated"
        notes.append(f"{name} is {how} where the ledger is silent ({fact.what}): {fact.source}")
    return notes
