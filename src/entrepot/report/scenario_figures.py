"""The figures of a scenario's report: each a chart with its numbers, its caption and its source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from importlib.resources import files

import polars as pl

from entrepot.report import numbers
from entrepot.report import scenario_frames as frames
from entrepot.report.figure import Figure, chart
from entrepot.report.places import TILES, name_of, the_name
from entrepot.report.scenario_frames import Case
from entrepot.report.tables import Column
from entrepot.scenario.outcome import Outcome
from entrepot.world.reference import NAME as REFERENCE


def make_figures(several: Sequence[Case]) -> list[Figure]:
    """Every figure of a report, in its order; those that a world or law has nothing for are left out."""
    first = several[0]
    outcome, exporter = first.outcome, frames.hit_exporter(several)
    table = frames.summary(several)
    shown = frames.shown_economies(table, outcome.scenario.focus)
    names = sector_names(outcome)
    estimated = f"Entrepot, {outcome.world.name}"
    found = [
        _income(
            frames.income(table, shown), frames.count_draws(several), outcome.scenario.draw_from, estimated
        )
    ]
    found += _map(first, table, estimated)
    found += _duties(several, exporter, names)
    found += _trade(first, exporter, estimated)
    found += _jobs(first, exporter, names, estimated)
    found += _content(first, exporter, names, estimated)
    found += _timeline(several)
    found += _published(several)
    return found


def sector_names(outcome: Outcome) -> dict[str, str]:
    """Names of the sectors for people; codes where the world has no names."""
    codes = {code: code for code in outcome.world.sectors}
    if outcome.world.name != REFERENCE:
        return codes
    path = files("entrepot.data").joinpath(f"world/{REFERENCE}/sectors.csv")
    table = pl.read_csv(path.read_bytes())
    # The first two things of a long name: charts have little room, and the code stands in the table.
    short = {
        c: ",".join(n.split(":")[0].split(",")[:2]) for c, n in table.select("sector", "name").iter_rows()
    }
    return codes | short


PERCENT = partial(numbers.percent)
SIZE = partial(numbers.dollars, signed=False)
ECONOMY = Column("economy", "economy", read=name_of)


def _with_code(names: Mapping[str, str], sector: str) -> str:
    return sector if names[sector] == sector else f"{names[sector]} ({sector})"


def _income(frame: pl.DataFrame, draws: int, drawn_from: str | None, source: str) -> Figure:
    said = (
        "Change of real income, what an economy can buy at home, in percent. The point is the scenario as asked; the "
        "bar spans the other readings of the model's parameters that the scenario names"
    )
    columns = [
        Column("label", "case"), Column("name", "economy"), Column("value", "real income", PERCENT),
        Column("low", "least", PERCENT), Column("high", "most", PERCENT),
    ]  # fmt: skip
    if "q05" in frame.columns:
        said += (
            f"; the thin line with ends holds nine tenths of {draws} draws of the trade elasticities from {drawn_from} "
            "with their published errors, so around those and not around the point"
        )
        columns += [Column("q05", "drawn, 5 %", PERCENT), Column("q95", "drawn, 95 %", PERCENT)]
    return Figure(
        "income", "Who gains, who loses", f"{said}.", source, frame, tuple(columns), chart("ranges", frame)
    )


def _map(first: Case, table: pl.DataFrame, source: str) -> list[Figure]:
    frame = table.filter(pl.col("label") == first.label, pl.col("outcome") == "real_income_pct").select(
        "economy", "value"
    )
    if sum(code in TILES for code in frame["economy"]) < 10 or len(frame) > len(TILES):
        return []
    frame = frame.with_columns(
        pl.col("value").map_elements(numbers.percent, return_dtype=pl.String).alias("text")
    )
    return [
        Figure(
            "map",
            "Where: a tile for every economy",
            f"Change of real income in percent, {first.label}. Tiles of one size lie roughly where their economies do.",
            source,
            frame,
            (ECONOMY, Column("value", "real income", PERCENT)),
            chart("tiles", frame),
        )
    ]


def _duties(several: Sequence[Case], exporter: str, names: Mapping[str, str]) -> list[Figure]:
    frame = frames.duties(several, exporter)
    if frame.is_empty():
        return []
    importer = the_name(several[0].outcome.importer)
    return [
        Figure(
            "duties",
            f"Who pays: duty on goods of {name_of(exporter)} by sector",
            f"Share of customs value on entry into {importer}: before (tick) and after (point), weighted with the "
            "trade of the ledger. The table has the change without weights beside it, and what the change comes "
            "to in USD a year if trade stayed as it was. Importers pay it at the border.",
            "law and ledger of the scenario, see sources",
            frame,
            (
                Column("label", "case"),
                Column("sector", "sector", read=partial(_with_code, names)),
                Column("value_usd", "trade", SIZE),
                Column("before_rate", "before", numbers.rate),
                Column("after_rate", "after", numbers.rate),
                Column("change_rate", "change", numbers.rate),
                Column("change_unweighted_rate", "change, unweighted", numbers.rate),
                Column("more_usd", "more duty", numbers.dollars),
            ),
            chart("duty_steps", frame, names),
        )
    ]


def _trade(first: Case, exporter: str, source: str) -> list[Figure]:
    taken, moved = frames.taken_over(first), frames.diversion(first)
    sold = frames.exports_by_destination(first, exporter)
    importer = the_name(first.outcome.importer)
    any_moved = float(taken["moved_usd"].abs().sum()) > 1e6
    return [
        Figure(
            "taken-over",
            f"Where the trade goes instead: suppliers of {importer}",
            f"{first.label}. Purchases that move from suppliers on the left to those on the right, at unchanged "
            f"total purchases of each sector; production in {importer} is a supplier too.",
            source,
            taken,
            (
                Column("economy", "supplier", read=name_of),
                Column("moved_usd", "purchases moved", numbers.dollars),
            ),
            chart("flow_bands", taken) if any_moved else None,
        ),
        Figure(
            "diversion",
            "The same between all",
            f"{first.label}. Billions of USD of purchases that move to (+) or from (\N{MINUS SIGN}) a supplier, for "
            "the economies that move most; the diagonal is production at home, and all other suppliers are one. Each "
            "column sums to zero. A dot is less than 0.05; flows.parquet has all pairs by sector.",
            source,
            moved,
            (
                Column("exporter", "supplier", read=name_of),
                Column("importer", "buyer"),
                Column("moved_usd", "purchases moved", numbers.dollars),
            ),
            chart("matrix", moved),
            matrix=True,
        ),
        Figure(
            "destinations",
            f"What {name_of(exporter)} sells where",
            f"{first.label}. Sales by destination before and after, home included, in USD of the base with world "
            "labour income unchanged.",
            source,
            sold,
            (
                Column("importer", "destination", read=name_of),
                Column("before_usd", "before", SIZE),
                Column("after_usd", "after", SIZE),
                Column("change_usd", "change", numbers.dollars),
            ),
            None,
        ),
    ]


def _jobs(case: Case, exporter: str, names: Mapping[str, str], source: str) -> list[Figure]:
    if len(names) == 1:
        return []
    row = case.variation.table.filter(pl.col("economy") == exporter)
    whole = numbers.percent(row["employment_pct"][0])
    return [
        Figure(
            "jobs",
            f"Where the jobs go: sectors of {name_of(exporter)}",
            f"{case.label}. Labour by sector, once it has moved to where it is wanted. All sectors together: {whole}. "
            "The model has one factor, for which all value added stands: sectors with much capital or rent (mining) "
            "weigh more here than they employ. In a reading that holds employment fixed jobs only change their "
            "sector, and the sum is zero; how long people look for the next job the model can't say.",
            source,
            frames.jobs(case, exporter),
            (
                Column("sector", "sector", read=partial(_with_code, names)),
                Column("share_rate", "share of value added before", numbers.rate),
                Column("change_pct", "change of labour", PERCENT),
            ),
            None,
        )
    ]


def _content(case: Case, exporter: str, names: Mapping[str, str], source: str) -> list[Figure]:
    frame = frames.content_and_duty(case, exporter)
    if frame.is_empty() or case.outcome.content is None:
        return []
    of = str(case.outcome.content["of"][0])
    return [
        Figure(
            "content",
            f"Whose value, and what it pays: goods of {name_of(exporter)}",
            f"{case.label}. By sector: value of {name_of(of)} through all tiers of production, and duty after; the "
            "larger the point, the more trade. Content is an estimate for a whole sector; single goods differ.",
            f"{source}; law and ledger of the scenario",
            frame,
            (
                Column("sector", "sector", read=partial(_with_code, names)),
                Column("value_usd", "trade", SIZE),
                Column("content_rate", f"value of {of}", numbers.rate),
                Column("before_rate", "duty before", numbers.rate),
                Column("after_rate", "duty after", numbers.rate),
            ),
            chart("content_points", frame, names, of),
        )
    ]


def _timeline(several: Sequence[Case]) -> list[Figure]:
    outcome = several[0].outcome
    frame = outcome.timeline
    if frame is None or frame.is_empty() or frame["on"].n_unique() < 3:
        return []
    law = outcome.scenario.base
    days = {} if law is None else {law.on.isoformat(): "before"}
    for case in several:
        chosen = {v.name: c for v, c in case.outcome.scenario.changes()}[case.variation.name]
        if chosen.on is not None:
            days.setdefault(chosen.on.isoformat(), "after")
    return [
        Figure(
            "timeline",
            "The law over time",
            "Duty that the trade of the ledger would pay, as a share of its value, at every change of law; dotted, "
            "the days that this report compares.",
            "law and ledger of the scenario, see sources",
            frame,
            (
                Column("on", "from"),
                Column("origin", "origin", read=name_of),
                Column("total_rate", "duty", numbers.rate),
            ),
            chart("timeline", frame, days),
            matrix=True,
        )
    ]


def _published(several: Sequence[Case]) -> list[Figure]:
    frame = frames.published(several)
    if frame.is_empty():
        return []
    return [
        Figure(
            "published",
            "What others found",
            "Estimates for the same or a similar question beside ours, and why they differ.",
            "each row",
            frame,
            (
                Column("who", "who"),
                Column("what", "what"),
                ECONOMY,
                Column("theirs", "theirs", PERCENT),
                Column("ours", "ours", PERCENT),
                Column("low", "ours, least", PERCENT),
                Column("high", "ours, most", PERCENT),
                Column("why", "why they differ"),
                Column("source", "source"),
            ),
            None,
        )
    ]
