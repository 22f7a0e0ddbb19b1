"""The book examples/tracker against what the tracker published, and against a second program."""

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from entrepot import ledger
from entrepot.law.assess import rates
from entrepot.law.book import Book
from entrepot.law.read import read_book
from entrepot.ledger import Ledger

TRACKER = Path(__file__).resolve().parents[1] / "examples" / "tracker"


@pytest.fixture(scope="module")
def law() -> Book:
    return read_book(TRACKER)


@pytest.fixture(scope="module")
def imports(shared: Path) -> Ledger:
    return ledger.read(shared / "us-imports-2024" / "imports.parquet")


def test_every_published_number(law: Book, imports: Ledger, shared: Path) -> None:
    published = pl.read_csv(
        shared / "us-tariff-actions" / "expected-effective-rates.csv", try_parse_dates=True
    )
    ours = rates(imports, law, on=sorted(published["date"].unique())).table
    both = published.join(
        ours, left_on=["date", "partner"], right_on=["on", "origin"], how="left", validate="1:1"
    )
    assert len(both) == 84
    gap = (100 * both["added_rate"] - both["increase_pct"]).abs()
    assert gap.null_count() == 0
    assert gap.max() < 1e-9


def test_all_partners_at_all_dates_against_an_interpreter_of_the_elementary_rules(
    law: Book, imports: Ledger, shared: Path
) -> None:
    """The other route: the rules of `actions.csv` run in sequence over arrays, line by line."""
    folder = shared / "us-tariff-actions"
    rules = pl.read_csv(folder / "actions.csv", infer_schema=False)
    days = sorted({date.fromisoformat(d) for d in rules["date_from"]})
    ours = rates(imports, law, on=days).table.sort("on", "origin")["added_rate"].to_numpy()
    lists = Lists(folder, imports.table["product"].to_numpy())
    theirs = np.concatenate([_interpret(rules, folder, imports.table, lists, day) for day in days])
    assert len(ours) == 51 * len(days)
    assert np.abs(ours - theirs).max() < 1e-12


class Lists:
    """Which lines are on which lists of the tracker, straight from its files."""

    def __init__(self, folder: Path, codes: np.ndarray) -> None:
        self._folder = folder
        self._stems = {digits: codes.astype(f"U{digits}") for digits in (4, 6, 8, 10)}
        self.chapters = codes.astype("U2")
        self._known: dict[str, np.ndarray] = {}
        old = ["steel-tariffs", "alu-tariffs", "auto-tariffs", "copper-list", "timber-232"]
        s232 = [*old, *(f"metals-annex-{tier}" for tier in ("IA", "IB", "III-temporary"))]
        self._known["S232"] = self.any_of(";".join(s232))
        self._known["S232X"] = self._known["S232"] & ~self.any_of("metals-annex-II-removed")
        self._known["301-labor-part-a"] = self.any_of(
            "brazil-301-exemptions:flat;brazil-301-exemptions:pharma"
        )

    def any_of(self, names: str) -> np.ndarray:
        found = np.zeros(len(self._stems[10]), dtype=bool)
        for name in filter(None, names.split(";")):
            if name not in self._known:
                self._known[name] = self._read(name)
            found |= self._known[name]
        return found

    def _read(self, name: str) -> np.ndarray:
        file, _, category = name.partition(":")
        rows = pl.read_csv(self._folder / "product-lists" / f"{file}.csv", infer_schema=False)
        listed = rows.filter(pl.col("category") == category) if category else rows
        hits = []
        for (digits,), part in listed.group_by("digits"):
            hits.append(np.isin(self._stems[int(digits)], part["hts"].to_numpy().astype(f"U{digits}")))
        return np.any(hits, axis=0)


def _interpret(rules: pl.DataFrame, folder: Path, lines: pl.DataFrame, lists: Lists, day: date) -> np.ndarray:
    partner = lines["origin"].to_numpy().astype("U4")
    panel = {r["partner"]: r for r in pl.read_csv(folder / "partner-rates" / "panel-partners.csv").to_dicts()}
    base = "annex_i_rate" if day < date(2025, 8, 7) else "august_rate"
    rate = np.zeros(len(partner))
    for rule in rules.iter_rows(named=True):
        until = rule["date_until"]
        if not (
            date.fromisoformat(rule["date_from"]) <= day and (not until or day <= date.fromisoformat(until))
        ):
            continue
        hit = (
            np.ones(len(partner), dtype=bool)
            if rule["partners"] == "*"
            else np.isin(partner, rule["partners"].split(";"))
        )
        hit &= ~np.isin(partner, (rule["partners_except"] or "").split(";"))
        if rule["products"] != "ALL":
            hit &= lists.any_of(rule["products"])
        hit &= ~lists.any_of(rule["products_except"] or "")
        chapters = lists.chapters
        if rule["chapters_only"]:
            hit &= chapters == rule["chapters_only"]
        if rule["chapters_except"]:
            first, last = rule["chapters_except"].split("-")
            hit &= (chapters < first) | (chapters > last)
        word = rule["rate"]
        column = {"@base": base, "@base+20": base, "@labor301_rate": "labor301_rate"}.get(word)
        extra = 20 if word == "@base+20" else 0
        by_partner = {p: float(row[column] or 0) + extra for p, row in panel.items()} if column else None
        percent = np.array([by_partner[p] for p in partner[hit]]) if by_partner else float(word)
        rate[hit] = percent if rule["operation"] == "set" else rate[hit] + percent
    weighted = lines.with_columns(duty=rate / 100 * lines["value_usd"].to_numpy())
    sums = weighted.group_by("origin").agg(pl.col("duty", "value_usd").sum()).sort("origin")
    return (sums["duty"] / sums["value_usd"]).to_numpy()
