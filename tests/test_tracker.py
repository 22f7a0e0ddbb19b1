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
    theirs = np.concatenate([_interpret(rules, folder, imports.table, day) for day in days])
    assert len(ours) == 51 * len(days)
    assert np.abs(ours - theirs).max() < 1e-12


def _interpret(rules: pl.DataFrame, folder: Path, lines: pl.DataFrame, day: date) -> np.ndarray:
    codes, partner = lines["product"].to_numpy(), lines["origin"].to_numpy()
    panel = {r["partner"]: r for r in pl.read_csv(folder / "partner-rates" / "panel-partners.csv").to_dicts()}
    base = "annex_i_rate" if day < date(2025, 8, 7) else "august_rate"
    union = ["steel-tariffs", "alu-tariffs", "auto-tariffs", "copper-list", "timber-232"]
    s232 = [*union, *(f"metals-annex-{tier}" for tier in ("IA", "IB", "III-temporary"))]

    def on_lists(names: str) -> np.ndarray:
        found = np.zeros(len(codes), dtype=bool)
        for name in filter(None, names.split(";")):
            if name == "S232":
                found |= on_lists(";".join(s232))
            elif name == "S232X":
                found |= on_lists(";".join(s232)) & ~on_lists("metals-annex-II-removed")
            elif name == "301-labor-part-a":
                found |= on_lists("brazil-301-exemptions:flat;brazil-301-exemptions:pharma")
            else:
                file, _, category = name.partition(":")
                rows = pl.read_csv(folder / "product-lists" / f"{file}.csv", infer_schema=False)
                listed = rows.filter(pl.col("category") == category) if category else rows
                for digits, part in listed.group_by("digits"):
                    found |= np.isin(
                        codes.astype(f"U{digits[0]}"), part["hts"].to_numpy().astype(f"U{digits[0]}")
                    )
        return found

    rate = np.zeros(len(codes))
    for rule in rules.iter_rows(named=True):
        until = rule["date_until"]
        if not (
            date.fromisoformat(rule["date_from"]) <= day and (not until or day <= date.fromisoformat(until))
        ):
            continue
        hit = (
            np.ones(len(codes), dtype=bool)
            if rule["partners"] == "*"
            else np.isin(partner, rule["partners"].split(";"))
        )
        hit &= ~np.isin(partner, (rule["partners_except"] or "").split(";"))
        if rule["products"] != "ALL":
            hit &= on_lists(rule["products"])
        hit &= ~on_lists(rule["products_except"] or "")
        chapters = codes.astype("U2")
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
