"""The numbers of a scenario's report, as frames: what charts draw, tables show and figures/*.csv hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from entrepot.report.places import name_of
from entrepot.scenario.outcome import ZERO, Outcome, Variation

LEAST_USD = 1.0
"""USD below which a change is the solver's tolerance, and written as none."""

SHOWN_NEXT = 3
"""Losers and winners shown beside the economies of the focus, each."""

OTHERS = "others"
"""All exporters that a table doesn't list."""


@dataclass(frozen=True)
class Case:
    """One column of a report: a variant of a scenario under a label."""

    label: str
    outcome: Outcome
    variation: Variation


def cases(outcomes: Sequence[Outcome]) -> list[Case]:
    """All variants of some scenarios; labels name the scenario where there are several."""
    alone = len(outcomes) == 1
    found = [(_label(o, v, alone), o, v) for o in outcomes for v in o.variations]
    labels = [label for label, _, _ in found]
    # Numbers are found by label: two cases that call themselves the same also say which files they are from.
    return [
        Case(label if labels.count(label) == 1 else f"{label} ({o.scenario.name}: {v.name})", o, v)
        for label, o, v in found
    ]


def _label(outcome: Outcome, v: Variation, alone: bool) -> str:
    """A short name that tells a case from the others of the page."""
    own = len(outcome.variations) == 1
    if alone:
        return outcome.scenario.title if own else v.label
    if own:
        return outcome.scenario.title
    return v.label if v.label != v.title else f"{outcome.scenario.title}: {v.title}"


def summary(several: Sequence[Case]) -> pl.DataFrame:
    """Outcomes of all cases: label, scenario, variant, economy, outcome, unit, value, low, high, q05, q95."""
    frames = []
    whole = {id(c.outcome): c.outcome.summary() for c in several}
    for case in several:
        part = whole[id(case.outcome)].filter(pl.col("variant") == case.variation.name)
        frames.append(part.select(pl.lit(case.label).alias("label"), pl.all()))
    return pl.concat(frames)


Row = dict[str, Any]


def by_key(table: pl.DataFrame) -> dict[tuple[str, str, str], Row]:
    """The rows of a summary by label, economy and outcome."""
    return {(r["label"], r["economy"], r["outcome"]): r for r in table.iter_rows(named=True)}


def shown_economies(table: pl.DataFrame, focus: Sequence[str]) -> list[str]:
    """The focus, then the next losers and winners of real income over all cases (by largest change)."""
    moved = (
        table.filter(pl.col("outcome") == "real_income_pct", ~pl.col("economy").is_in([*focus]))
        .group_by("economy")
        .agg(pl.col("value").mean())
        .sort("value", "economy")
    )
    losers = moved.filter(pl.col("value") < 0)["economy"].head(SHOWN_NEXT).to_list()
    winners = moved.filter(pl.col("value") > 0)["economy"].tail(SHOWN_NEXT).reverse().to_list()
    return [*focus, *losers, *winners]


def income(table: pl.DataFrame, shown: Sequence[str]) -> pl.DataFrame:
    """Real income: label, economy, name, value, low, high (percent), in the order of `shown`.

    Where elasticities were drawn, also q05 and q95.
    """
    order = {code: k for k, code in enumerate(shown)}
    drawn = [c for c in ("q05", "q95") if table[c].is_not_null().any()]
    return (
        table.filter(pl.col("outcome") == "real_income_pct", pl.col("economy").is_in(list(shown)))
        .with_columns(
            pl.col("economy").replace_strict(order, return_dtype=pl.Int64).alias("at"),
            pl.col("economy").replace_strict({c: name_of(c) for c in shown}).alias("name"),
            pl.col("low").fill_null(pl.col("value")),
            pl.col("high").fill_null(pl.col("value")),
        )
        .sort("at", maintain_order=True)
        .select("label", "economy", "name", "value", "low", "high", *drawn)
    )


def count_draws(several: Sequence[Case]) -> int:
    """How many sets of elasticities were drawn for each case, at least; none where one has no draws."""
    return min(0 if c.variation.draws is None else c.variation.draws["draw"].n_unique() for c in several)


def hit_exporter(several: Sequence[Case]) -> str:
    """The exporter that reports look at: the first of the focus that isn't the importer."""
    first = several[0].outcome
    return next((c for c in first.scenario.focus if c != first.importer), first.importer)


def duties(several: Sequence[Case], exporter: str) -> pl.DataFrame:
    """Duty on an exporter's goods by sector: label, sector, value_usd, before_rate, after_rate,
    change_unweighted_rate, more_usd (on unchanged trade).
    """
    frames = []
    for case in several:
        if case.variation.cells is None:
            continue
        mine = case.variation.cells.table.filter(pl.col("exporter") == exporter)
        frames.append(
            mine.with_columns(
                label=pl.lit(case.label), more_usd=pl.col("value_usd") * pl.col("change_rate")
            ).select(
                "label",
                "sector",
                "value_usd",
                "before_rate",
                "after_rate",
                "change_rate",
                "change_unweighted_rate",
                "more_usd",
            )
        )
    if not frames:
        return pl.DataFrame()
    return pl.concat(frames).sort("value_usd", "sector", descending=[True, False], maintain_order=True)


def diversion(case: Case, shown: int = 10) -> pl.DataFrame:
    """Purchases that move between suppliers: exporter, importer, moved_usd; economies that move the most.

    All other exporters are one, `others`, so that the rows of an importer sum to zero, home included.
    """
    result = case.variation.result["trade_diversion"]
    codes = [str(c) for c in result["exporter"].values]
    moved = _changes(result.values)
    size = abs(moved).sum(axis=0) + abs(moved).sum(axis=1)
    at = sorted(range(len(codes)), key=lambda k: (-float(size[k]), codes[k]))[:shown]
    rows = [(codes[i], codes[j], float(moved[i, j])) for i in at for j in at]
    if len(at) < len(codes):
        rows += [(OTHERS, codes[j], float(moved[:, j].sum() - moved[at, j].sum())) for j in at]
    return pl.DataFrame(rows, schema=["exporter", "importer", "moved_usd"], orient="row")


def taken_over(case: Case, largest: int = 6) -> pl.DataFrame:
    """Whose sales to the importer shrink, whose grow: economy, moved_usd, at unchanged total purchases.

    The largest are named, others together; home production stands under the importer's own code.
    """
    result = case.variation.result["trade_diversion"].sel(importer=case.outcome.importer)
    codes = [str(c) for c in result["exporter"].values]
    rows = sorted(
        zip(codes, _changes(result.values).tolist(), strict=True), key=lambda row: (-abs(row[1]), row[0])
    )
    named, rest = rows[:largest], rows[largest:]
    gains, losses = sum(v for _, v in rest if v > 0), sum(v for _, v in rest if v < 0)
    more = [(name, v) for name, v in (("other gains", gains), ("other losses", losses)) if v]
    return pl.DataFrame([*named, *more], schema=["economy", "moved_usd"], orient="row")


def exports_by_destination(case: Case, exporter: str) -> pl.DataFrame:
    """Sales of an exporter by destination: importer, before_usd, after_usd, change_usd; home included."""
    old, new = (case.variation.result[n].sel(exporter=exporter).sum("sector") for n in ("flow_base", "flow"))
    change = _changes(new.values - old.values)
    return pl.DataFrame(
        {
            "importer": [str(c) for c in old["importer"].values],
            "before_usd": old.values,
            "after_usd": old.values + change,
            "change_usd": change,
        }
    ).sort("change_usd", "importer")


def _changes(usd: NDArray[np.float64]) -> NDArray[np.float64]:
    """Changes in USD; none where they are within the solver's tolerance."""
    return np.where(np.abs(usd) < LEAST_USD, 0.0, usd)


def content_and_duty(case: Case, exporter: str) -> pl.DataFrame:
    """By sector: content of the other economy in the exporter's goods, and the duty after: sector, value_usd,
    content_rate, before_rate, after_rate.
    """
    content, found = case.outcome.content, case.variation.cells
    if content is None or found is None:
        return pl.DataFrame()
    mine = found.table.filter(pl.col("exporter") == exporter)
    return (
        mine.join(content.select("sector", "content_rate"), on="sector", how="inner")
        .select("sector", "value_usd", "content_rate", "before_rate", "after_rate")
        .sort("value_usd", descending=True)
    )


def jobs(case: Case, economy: str) -> pl.DataFrame:
    """Where an economy's labour works: sector, share_rate (of its value added before), change_pct.

    The sectors' changes, weighted by their shares, add up to the economy's change of employment. Labour costs are
    a fixed share of a sector's output, so labour moves as output in terms of the wage.
    """
    world, result = case.outcome.world, case.variation.result.sel(economy=economy)
    before, after = result["output_base"].values, result["output"].values
    labour = world.value_added_share.sel(economy=economy).values * before
    grown = np.divide(after, before, out=np.ones_like(before), where=before > 0)
    change = 100 * (grown / (1 + float(result["wage_pct"]) / 100) - 1)
    frame = pl.DataFrame(
        {
            "sector": list(world.sectors),
            "share_rate": labour / labour.sum(),
            "change_pct": np.where(abs(change) < ZERO, 0.0, change),
        }
    )
    return frame.filter(pl.col("share_rate") > 0).sort("change_pct", "sector")


def published(several: Sequence[Case]) -> pl.DataFrame:
    """Other people's numbers beside ours: who, what, economy, outcome, theirs, ours, low, high, and words."""
    table = summary(several)
    rows = []
    for outcome in dict.fromkeys(id(c.outcome) for c in several):
        scenario = next(c.outcome.scenario for c in several if id(c.outcome) == outcome)
        for p in scenario.published:
            ours = table.filter(
                pl.col("scenario") == scenario.name,
                pl.col("economy") == p.economy,
                pl.col("outcome") == p.outcome,
            )
            if p.variant is not None:
                ours = ours.filter(pl.col("variant") == p.variant)
            row = ours.row(0, named=True)
            said = f"{p.source} ({p.vintage})"
            numbers = (row["value"], row["low"], row["high"])
            rows.append(
                (p.who, p.what, p.economy, p.outcome, p.value, row["label"], *numbers, p.why_different, said)
            )
    names = ["who", "what", "economy", "outcome", "theirs", "label", "ours", "low", "high", "why", "source"]
    kinds = dict.fromkeys(names, pl.String) | dict.fromkeys(("theirs", "ours", "low", "high"), pl.Float64)
    return pl.DataFrame(rows, schema=kinds, orient="row")
