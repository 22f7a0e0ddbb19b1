"""The rate that a ledger's own duties show: what was paid less what the book charged on its base day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from entrepot.law.book import Book, Regime
from entrepot.law.cases import Cases, Reach, asked_by, hit_of
from entrepot.law.combine import Array, combine
from entrepot.law.facts import Fact, Given
from entrepot.law.lines import estimate, fact_columns
from entrepot.law.measure import Measure, lies_in
from entrepot.law.parts import Parts, needed_by, paid


def with_residual(
    parts: Parts,
    table: pl.DataFrame,
    regimes: Mapping[date, Regime],
    reach: Reach,
    book: Book,
    given: Sequence[Given] = (),
    *,
    everywhere: bool = False,
) -> Parts:
    """Add the fact of the book that is `from_duty` (the MFN rate), where a measure's outcome depends on it.

    It is what was given, or the ledger's column of it; else max(0, duty / value - Σ other measures of the
    base day); else, where the ledger has no duty, the book's table. Where all that it does is to be charged,
    alike on every day, it cancels in what was added and is set to 0, so that cases merge; `everywhere` keeps
    it.
    """
    name = book.residual
    measures = list({id(m): m for regime in regimes.values() for m in regime.measures}.values())
    asking = [m for m in measures if name in asked_by(m)]
    fact = Fact.lookup(book.facts, name)
    if not asking or fact is None:
        return parts
    days = sorted(regimes)
    readers = asking if everywhere or not _cancels(asking, regimes) else _readers(name, asking, measures)
    at = np.flatnonzero(needed_by(readers, reach, days)[parts.product, parts.origin])
    lines = np.zeros(len(table), dtype=bool)
    lines[parts.line[at]] = True
    known = fact_columns(table, {name: (name, lines)}, {name: replace(fact, value=None, table=None)}, given)
    values = known[name].values[parts.line[at]]
    values = np.where(np.isnan(values), _observed(parts, at, table, regimes, reach, book), values)
    if fact.estimated and np.isnan(values).any():
        values = np.where(np.isnan(values), estimate(table, fact)[parts.line[at]], values)
    settled = np.zeros(len(parts.line))
    settled[at] = values
    return replace(parts, facts={**parts.facts, name: settled})


def _cancels(asking: Sequence[Measure], regimes: Mapping[date, Regime]) -> bool:
    """Whether the fact is charged by the same plain measures on every day."""
    charging = [m for m in asking if m.rate.fact is not None]
    plain = all(not m.unless and not m.when and m.portion is None and not m.sets for m in charging)
    return plain and all(all(m in regime.measures for m in charging) for regime in regimes.values())


def _readers(name: str, asking: Sequence[Measure], measures: Sequence[Measure]) -> list[Measure]:
    """The measures whose outcome depends on the fact: they test it, or read or replace what it came to."""
    families = [m.family for m in asking if m.rate.fact == name]
    return [
        m
        for m in measures
        if any(condition.fact == name for condition in m.when)
        or (m.portion is not None and m.portion.fact == name)
        or any(lies_in(family, (*m.rate.of, *m.sets)) for family in families)
    ]


def _observed(
    parts: Parts,
    at: np.ndarray[tuple[int], np.dtype[np.intp]],
    table: pl.DataFrame,
    regimes: Mapping[date, Regime],
    reach: Reach,
    book: Book,
) -> Array:
    """Duty over value less what the other measures of the base day charge; NaN where the duty isn't known."""
    some = Cases(
        reach.products,
        reach.origins,
        parts.product[at],
        parts.origin[at],
        {fact: values[at] for fact, values in parts.facts.items()},
    )
    others = [m for m in regimes[book.base_day].measures if book.residual not in asked_by(m)]
    hits = [hit for m in others if (hit := hit_of(m, some, reach, book.base_day)) is not None]
    charged = combine(hits, list(range(len(hits))), len(hits), len(at)).by_slot.sum(axis=0)
    left: Array = np.maximum(0.0, _paid_rate(table)[parts.line[at]] - charged)
    return left


def _paid_rate(table: pl.DataFrame) -> Array:
    """Duty over value of each line; 0 where there is no value."""
    value = table["value_usd"].cast(pl.Float64).to_numpy()
    rate: Array = np.divide(paid(table), value, out=np.zeros(len(table)), where=value > 0)
    return rate
