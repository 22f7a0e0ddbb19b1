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

from entrepot.errors import LedgerError
from entrepot.law.book import Book, Regime
from entrepot.law.cases import Cases, Index, Reach, atoms, hit_of
from entrepot.law.combine import Array, combine
from entrepot.law.facts import Fact, Given
from entrepot.law.lines import Column, estimate, fact_columns
from entrepot.law.measure import Measure, in_family
from entrepot.law.scope import Mask, membership_epoch, prefixes
from entrepot.ledger import Ledger


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

    Raises LedgerError if the ledger has imports of another economy than the book's.
    """
    others = ledger.table.filter(pl.col("importer") != book.importer)["importer"].unique().to_list()
    if others:
        raise LedgerError(
            f"{ledger.source}: has imports of {', '.join(sorted(others))}, but {book.title} is the law of "
            f"{book.importer}; keep the lines of {book.importer} only"
        )
    scopes = {measure.products for measure in measures}
    listed = {code for s in scopes for code in prefixes((*s.include, *s.exclude), book.lists) if code != "*"}
    split, _ = ledger.split_to(listed)
    return (split.table if "origin" in by else split.counted_once()), list(split.notes)


def make_parts(
    table: pl.DataFrame,
    product: Index,
    measures: Sequence[Measure],
    reach: Reach,
    days: Sequence[date],
    book: Book,
    given: Sequence[Given],
) -> tuple[Parts, list[str]]:
    """Lines split by the truths and choices that hold for a share of them; and what the facts rest on.

    Facts are settled only where a measure asks for them, so that lines which differ in nothing else merge.
    """
    origin = position(table["origin"], reach.origins)
    asked = {name: options for name, options in atoms(measures).items() if _kind(book, name) != "rate"}
    columns, ignored = fact_columns(table, asked, book.facts, given)
    parts = Parts(np.arange(len(table)), np.ones(len(table)), product, origin, {})
    for name, options in asked.items():
        needed = _needed([m for m in measures if name in m.needs()], reach, days)[product, origin]
        shares = {full: np.where(needed, columns[full].values, 0.0) for full in _full_names(name, options)}
        if _kind(book, name) in ("truth", "choice"):
            parts = _split(parts, shares)
        else:
            parts = replace(parts, facts={**parts.facts, name: shares[name][parts.line]})
    return parts, [*ignored, *_fact_notes(columns, book)]


def with_ledger_rates(
    parts: Parts, table: pl.DataFrame, regimes: Mapping[date, Regime], reach: Reach, book: Book
) -> Parts:
    """Add the rates that are facts of the line: the ledger's own duty less what else was charged on the base day.

    The MFN rate of a line is max(0, duty / value - Σ other measures of the base day). A part has it only where
    a measure reads it (a ceiling net of MFN); elsewhere it cancels in what was added and is set to 0. Where the
    ledger has no duty, the book's own table of the rate serves, if it has one.
    """
    base = regimes[book.base_day].measures
    rated = {
        m.rate.fact: m for regime in regimes.values() for m in regime.measures if m.rate.fact is not None
    }
    if not rated:
        return parts
    readers = [
        m
        for regime in regimes.values()
        for m in regime.measures
        if any(in_family(r.family, name) for r in rated.values() for name in (*m.rate.of, *m.sets))
    ]
    always = all(all(m in regime.measures for regime in regimes.values()) for m in rated.values())
    read = _needed(readers if always else list(rated.values()), reach, sorted(regimes))
    at = np.flatnonzero(read[parts.product, parts.origin])
    some = Cases(
        reach.products,
        reach.origins,
        parts.product[at],
        parts.origin[at],
        {n: v[at] for n, v in parts.facts.items()},
    )
    hits = [
        hit
        for m in base
        if m.rate.fact is None and (hit := hit_of(m, some, reach, book.base_day)) is not None
    ]
    others = combine(hits, list(range(len(hits))), len(hits), len(at)).by_slot.sum(axis=0)
    facts = dict(parts.facts)
    for name in rated:
        observed = np.maximum(0.0, _paid_rate(table)[parts.line[at]] - others)
        fact = book.facts.get(name)
        if fact is not None and fact.estimated and np.isnan(observed).any():
            observed = np.where(np.isnan(observed), estimate(table, fact)[parts.line[at]], observed)
        facts[name] = np.zeros(len(parts.line))
        facts[name][at] = observed
    return replace(parts, facts=facts)


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
    duty = _duty(table)
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
    merged = Merged(
        product=cases["product"].to_numpy(),
        origin=cases["origin"].to_numpy(),
        facts={name: cases[f"fact.{name}"].to_numpy() for name in parts.facts},
        group=cases["group"].to_numpy().astype(np.intp),
        value=cases["value"].to_numpy(),
        duty=cases["duty"].to_numpy(),
    )
    return groups.drop("_") if not columns else groups, merged


def position(values: pl.Series, known: Sequence[str]) -> Index:
    """Where each value stands among the known ones."""
    places = pl.DataFrame({"name": list(known)}).with_row_index("place")
    return (
        pl.DataFrame({"name": values})
        .join(places, on="name", how="left", maintain_order="left")["place"]
        .to_numpy()
        .astype(np.intp)
    )


def _kind(book: Book, name: str) -> str:
    fact = Fact.lookup(book.facts, name)
    return "truth" if fact is None else fact.kind


def _full_names(name: str, options: Sequence[str]) -> list[str]:
    return [f"{name}.{option}" for option in options] or [name]


def _needed(measures: Sequence[Measure], reach: Reach, days: Sequence[date]) -> Mask:
    """bool (product, origin): whether one of the measures reaches that product of that origin on one of the days."""
    needed = np.zeros((len(reach.products.codes), len(reach.origins)), dtype=bool)
    epochs = list({membership_epoch(day): day for day in days}.values())
    for measure in measures:
        reached = ~np.isnan([reach.origin_rates(measure, day) for day in epochs]).all(axis=0)
        needed[:, reached] |= reach.product_mask(measure)[:, None]
    return needed


def _split(parts: Parts, shares: Mapping[str, Array]) -> Parts:
    """Split parts by facts that exclude each other; what is left holds none of them. `shares` are per line."""
    none = {name: np.zeros(len(parts.line)) for name in shares}
    unknown = np.isnan(sum(shares.values(), start=np.zeros(1)))[parts.line]
    rest = 1 - sum((np.nan_to_num(share) for share in shares.values()), start=np.zeros(1))[parts.line]
    # An unknown fact keeps its line whole: whoever needs it says that it is missing.
    keep = unknown | (rest > 0)
    pieces = [
        _take(
            parts,
            keep,
            np.where(unknown, 1.0, rest),
            {n: np.where(unknown, np.nan, v) for n, v in none.items()},
        )
    ]
    for name, share in shares.items():
        part_share = share[parts.line]
        pieces.append(_take(parts, ~unknown & (part_share > 0), part_share, {**none, name: none[name] + 1}))
    return Parts(
        line=np.concatenate([p.line for p in pieces]),
        weight=np.concatenate([p.weight for p in pieces]),
        product=np.concatenate([p.product for p in pieces]),
        origin=np.concatenate([p.origin for p in pieces]),
        facts={name: np.concatenate([p.facts[name] for p in pieces]) for name in pieces[0].facts},
    )


def _take(parts: Parts, keep: Mask, share: Array, facts: Mapping[str, Array]) -> Parts:
    return Parts(
        parts.line[keep],
        (parts.weight * share)[keep],
        parts.product[keep],
        parts.origin[keep],
        {name: values[keep] for name, values in {**parts.facts, **facts}.items()},
    )


def _group_column(name: str) -> pl.Expr:
    return (
        pl.col("product").str.slice(0, int(name[2:])).alias(name) if name.startswith("hs") else pl.col(name)
    )


def _duty(table: pl.DataFrame) -> Array:
    if "duty_usd" not in table.columns:
        return np.full(len(table), np.nan)
    return table["duty_usd"].cast(pl.Float64).to_numpy()


def _paid_rate(table: pl.DataFrame) -> Array:
    """Duty over value of each line; 0 where both are 0."""
    value = table["value_usd"].cast(pl.Float64).to_numpy()
    rate: Array = np.divide(_duty(table), value, out=np.zeros(len(table)), where=value > 0)
    return rate


def _fact_notes(columns: Mapping[str, Column], book: Book) -> list[str]:
    notes = []
    for name, column in columns.items():
        fact = Fact.lookup(book.facts, name)
        if fact is not None and "estimate" in column.rests_on:
            what = f"assumed {fact.value:g}" if fact.value is not None else "estimated"
            notes.append(f"{name} ({fact.what}): {what} where the ledger is silent; {fact.source}")
    return notes
