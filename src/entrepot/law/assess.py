"""What the lines of a ledger pay under a law, day by day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import polars as pl

from entrepot.errors import LawError, Unresolved
from entrepot.law.book import Book, Regime
from entrepot.law.cases import Cases, MissingFact, Reach, hit_of
from entrepot.law.combine import Amounts, Array, Hit, combine
from entrepot.law.facts import Given
from entrepot.law.measure import Measure
from entrepot.law.parts import ledger_lines, make_parts, merge, position
from entrepot.law.residual import with_residual
from entrepot.law.scope import ProductIndex, membership_epoch
from entrepot.ledger import Ledger
from entrepot.suggest import near

BY_LINE = ("importer", "origin", "hs2", "hs4", "hs6", "hs8", "product", "period")
BY_LAW = ("authority", "family", "measure")
PAID = "paid in the ledger's year"
"""The row of `authority`, `family` or `measure` that holds the ledger's own duties."""


@dataclass(frozen=True)
class Rates:
    """Effective rates over a ledger, and what a reader has to know of them.

    `table`: `on`, the columns listed by, `value_usd`, then `base_rate`, `added_rate`, `total_rate` (fractions
    of `value_usd`) and `added_duty_usd`. Listed by authority, family or measure, `value_usd` is that of the
    whole group, so that the rates of its rows add up to the rate of the group.
    """

    table: pl.DataFrame
    notes: tuple[str, ...]


def rates(
    ledger: Ledger,
    book: Book,
    *,
    on: Sequence[date] | None = None,
    by: Sequence[str] = ("origin",),
    given: Sequence[Given] = (),
    readings: Mapping[str, str] | None = None,
    as_known: date | None = None,
) -> Rates:
    """Value-weighted rates of duty on each of some days (default: every day on which the law changes).

    base_rate is the ledger's own duty over its value; added_rate is Σ v (t(on) - t(base day)) / Σ v, with v a
    line's value and t what the book charges it; total_rate is their sum. Rates are null where the ledger has
    no duties (base, total) or a group has no value. Raises LawError for an unknown `by` or a book that
    contradicts itself, Unresolved if a fact is needed that is neither given nor estimated.
    """
    for name in by:
        if name not in BY_LINE + BY_LAW:
            raise LawError(
                f"--by {name!r}: unknown{near(name, BY_LINE + BY_LAW)}; known: {', '.join(BY_LINE + BY_LAW)}"
            )
    by_law = [name for name in by if name in BY_LAW]
    if len(by_law) > 1 or len(set(by)) < len(by):
        raise LawError(
            f"--by {','.join(by)}: name each column once, and one of {', '.join(BY_LAW)} at the most"
        )
    if early := [day for day in on or () if day < book.base_day]:
        raise LawError(
            f"{min(early)}: what was added is counted from {book.base_day}, the last day of the law that the "
            "ledger's duties were paid under; ask for that day or later"
        )
    if on is None:
        on = [day for day in book.change_days(as_known) if day > book.base_day]
    panel = compile_panel(
        ledger,
        book,
        on,
        by=[n for n in by if n in BY_LINE],
        given=given,
        readings=readings,
        as_known=as_known,
    )
    kind = by_law[0] if by_law else None
    table = panel.table(on, kind).select("on", *by, *_NUMBERS)
    return Rates(table, (*panel.notes, *_doubts(table, book, on, as_known)))


def _doubts(table: pl.DataFrame, book: Book, on: Sequence[date], as_known: date | None) -> list[str]:
    """What makes a result doubtful as a whole."""
    doubts = []
    last = max(book.change_days(as_known), default=book.base_day)
    if beyond := [day for day in on if day > last]:
        doubts.append(f"the last change that the book knows of is on {last}; {max(beyond)} is after it")
    below = table.filter(pl.col("total_rate") < -1e-9) if "authority" not in table.columns else table.clear()
    if len(below) and not {"family", "measure"} & set(table.columns):
        doubts.append(
            f"{len(below)} rows have a total below zero: the ledger's duties are less than what the book takes "
            f"away, so they were probably not paid under its law of {book.base_day}"
        )
    return doubts


_NUMBERS = ("value_usd", "base_rate", "added_rate", "total_rate", "added_duty_usd")


@dataclass(frozen=True)
class Panel:
    """A ledger made ready for many days of one law.

    Lines that the law can't tell apart are one case; `group`, `value` and `duty` have an entry per case: the
    row of `groups` it belongs to, and its USD (`duty` NaN where the ledger has none). `lines` is the table
    that was assessed, `estimated` names the facts that rest on estimates.
    """

    book: Book
    regimes: Mapping[date, Regime]
    cases: Cases
    reach: Reach
    groups: pl.DataFrame
    group: np.ndarray[tuple[int], np.dtype[np.intp]]
    value: Array
    duty: Array
    lines: pl.DataFrame
    estimated: tuple[str, ...]
    notes: tuple[str, ...]
    _hits: dict[tuple[int, int], Hit | None] = field(default_factory=dict)

    def charged(self, day: date, *, by_measure: bool = False) -> dict[str, Array]:
        """What the regime of a day charges each case: fractions of value by family, or by measure.

        Raises Unresolved, naming fact, measure and value, if a fact is missing.
        """
        hits = self._hits_on(day)
        labels = [hit.measure.id if by_measure else hit.measure.family for hit in hits]
        slots = {label: slot for slot, label in enumerate(dict.fromkeys(labels))}
        amounts = combine(hits, [slots[label] for label in labels], len(slots), len(self.cases))
        return {label: amounts.by_slot[slot] for label, slot in slots.items()}

    def charge(self, day: date) -> tuple[list[Hit], Amounts]:
        """The measures that reach a case on a day, and what each charges (one slot a measure).

        Raises Unresolved as `charged` does.
        """
        hits = self._hits_on(day)
        return hits, combine(hits, list(range(len(hits))), len(hits), len(self.cases))

    def _hits_on(self, day: date) -> list[Hit]:
        return [hit for m in self.regimes[day].measures if (hit := self._hit(m, day)) is not None]

    def table(self, days: Sequence[date], kind: str | None = None) -> pl.DataFrame:
        """The rates of some days by group, and by authority, family or measure if `kind` names one of these."""
        base = self.charged(self.book.base_day, by_measure=kind == "measure")
        if kind is None:
            base = {"": _total(base)}
        blocks = [block for day in days for block in self._blocks(day, base, kind)]
        n = len(self.groups)
        order = np.tile(np.arange(n), len(blocks))
        frame = self.groups[order].with_columns(
            pl.Series("on", np.repeat(np.array([b.on for b in blocks], dtype="datetime64[D]"), n)),
            pl.Series("label", [b.label for b in blocks], dtype=pl.String).gather(
                np.repeat(np.arange(len(blocks)), n)
            ),
            pl.Series("value_usd", self._sum(self.value)[order]).round(_DIGITS),
            pl.Series("paid", np.concatenate([_EMPTY, *(b.paid for b in blocks)])).fill_nan(None),
            pl.Series("added_duty_usd", np.concatenate([_EMPTY, *(b.added for b in blocks)])),
        )
        share = pl.when(pl.col("value_usd") > 0)
        frame = frame.with_columns(
            base_rate=share.then(pl.col("paid") / pl.col("value_usd")),
            added_rate=share.then(pl.col("added_duty_usd") / pl.col("value_usd")),
        ).with_columns(total_rate=pl.col("base_rate") + pl.col("added_rate"))
        if kind is None:
            return frame.drop("label")
        # What adds nothing to a group has no row there.
        frame = frame.filter((pl.col("label") == PAID) | (pl.col("added_duty_usd") != 0))
        return frame.rename({"label": kind}).sort("on", *self.groups.columns, maintain_order=True)

    def _blocks(self, day: date, base: Mapping[str, Array], kind: str | None) -> list[_Block]:
        """The sums of one day: a block for all law together or, by `kind`, what was paid and each part added."""
        now = self.charged(day, by_measure=kind == "measure")
        paid, none = self._sum(self.duty), np.zeros(len(self.groups))
        if kind is None:
            change = _total(now) - base[""]
            return [_Block(day, None, paid, self._sum(self.value * change))]
        added: dict[str, Array] = {}
        for slot in dict.fromkeys([*base, *now]):
            label = self.book.title_of(slot) if kind == "authority" else slot
            change = now.get(slot, _NOTHING) - base.get(slot, _NOTHING)
            added[label] = added.get(label, none) + self._sum(self.value * change)
        return [
            _Block(day, PAID, paid, none),
            *(_Block(day, name, none, added[name]) for name in sorted(added)),
        ]

    def _hit(self, measure: Measure, day: date) -> Hit | None:
        """The measure on the cases; the same for all days on which groups have the same members."""
        key = (id(measure), membership_epoch(day))
        if key not in self._hits:
            try:
                hit = hit_of(measure, self.cases, self.reach, day)
            except MissingFact as missing:
                raise Unresolved(self._unresolved(missing, measure, day)) from None
            if hit is not None:
                self._check_rate(hit, day)
            self._hits[key] = hit
        return self._hits[key]

    def _check_rate(self, hit: Hit, day: date) -> None:
        unknown = np.isnan(np.broadcast_to(hit.rate, hit.cases.shape))
        if unknown.any():
            name = hit.measure.rate.fact or f"quantity.{hit.measure.rate.unit}"
            raise Unresolved(self._unresolved(MissingFact(name, hit.cases[unknown]), hit.measure, day))

    def _sum(self, amounts: Array) -> Array:
        sums = np.bincount(self.group, np.broadcast_to(amounts, self.group.shape), len(self.groups))
        return sums.astype(np.float64)

    def _unresolved(self, missing: MissingFact, measure: Measure, day: date) -> str:
        usd = float(self.value[missing.cases].sum())
        origins = sorted({self.cases.origins[o] for o in self.cases.origin[missing.cases]})
        shown = ", ".join(origins[:6]) + (f" and {len(origins) - 6} more" if len(origins) > 6 else "")
        return (
            f"unresolved on {day}: measure {measure.id!r} asks for the fact {missing.fact!r}, which is neither "
            f"in the ledger nor given, on {usd:,.0f} USD of goods from {shown}. Give it with "
            f"--fact {missing.fact}=SHARE or --fact {missing.fact}=ORIGIN:SHARE, or as a column "
            f"fact.{missing.fact} of the ledger."
        )


@dataclass(frozen=True)
class _Block:
    """Sums by group (USD) of one day, of the whole law or of the part that `label` names."""

    on: date
    label: str | None
    paid: Array
    added: Array


def _total(charged: Mapping[str, Array]) -> Array:
    return sum(charged.values(), start=_NOTHING)


_NOTHING: Array = np.zeros(1)
_EMPTY: Array = np.zeros(0)
_DIGITS = 4
"""Decimals of USD: far below a cent, and above the noise that splitting a line leaves."""


def compile_panel(
    ledger: Ledger,
    book: Book,
    days: Sequence[date],
    *,
    by: Sequence[str] = (),
    given: Sequence[Given] = (),
    readings: Mapping[str, str] | None = None,
    as_known: date | None = None,
    every_rate: bool = False,
) -> Panel:
    """Make a ledger ready for the regimes of some days.

    `by` names line columns (`BY_LINE`, or `line`) that the result is to be grouped by; `every_rate` keeps the
    rate that the ledger's duties show even where it cancels in what was added. Raises LawError for facts that
    nobody asks for, Unresolved if the ledger's base duties can't be told apart for want of a fact.
    """
    settled = book.with_readings(readings or {})
    regimes = {day: settled.regime(day, as_known) for day in sorted({*days, book.base_day})}
    measures = list({id(m): m for regime in regimes.values() for m in regime.measures}.values())
    table, notes = ledger_lines(ledger, measures, book, by)
    codes, origins = table["product"].unique().sort(), table["origin"].unique().sort()
    reach, class_of = Reach(
        ProductIndex(codes.to_list()), origins.to_list(), book.lists, book.tables
    ).by_class(measures)
    product = class_of[position(table["product"], codes.to_list())]
    parts, estimated, fact_notes = make_parts(table, product, measures, reach, sorted(regimes), book, given)
    general = [g for g in given if g.name == book.residual]
    parts = with_residual(parts, table, regimes, reach, book, general, everywhere=every_rate)
    groups, merged = merge(parts, table, by)
    return Panel(
        book=settled,
        regimes=regimes,
        cases=Cases(reach.products, reach.origins, merged.product, merged.origin, merged.facts),
        reach=reach,
        groups=groups,
        group=merged.group,
        value=merged.value,
        duty=merged.duty,
        lines=table,
        estimated=tuple(estimated),
        notes=(*notes, *fact_notes),
    )
