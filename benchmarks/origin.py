"""How long origin takes: determinations in bulk, the cheapest bill, the frontier.

    python benchmarks/origin.py

Bills are made up with a seed: 1,000 products of 100 parts, a fifth of them in sub-assemblies; then one product
of 200 parts with 5 suppliers each under a duty in bands of Chinese content.
"""

import random
import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl

from entrepot.law.book import Book, Family
from entrepot.law.measure import Measure
from entrepot.origin.batch import determine_all
from entrepot.origin.bill import Alternative, Bill, Charge, Part
from entrepot.origin.determine import determine
from entrepot.origin.frontier import frontier
from entrepot.origin.rulesets import find_rules
from entrepot.origin.sourcing import Law, Planner
from entrepot.origin.table import BillTable, bill_table

ORIGINS = ("CHN", "VNM", "TWN", "KOR", "JPN", "GBR", "MYS", "CHN|TWN")
CODES = ("852491", "854231", "853400", "850760", "851762", "392690", "732690", "900190", "852990", "847330")
PRODUCTS = ("852852", "847141", "940161", "640411", "850440", "851762", "870830", "392410")


def many(bills: int = 1000, parts: int = 100, seed: int = 1) -> pl.DataFrame:
    """A table of made-up bills."""
    draw = random.Random(seed)
    rows: list[dict[str, object]] = []
    for number in range(bills):
        name = f"product {number}"
        rows.append({"bill": name, "product": draw.choice(PRODUCTS), "made_in": "VNM"})
        rows.append({"bill": name, "part": "module", "product": "853710", "made_in": "here"})
        rows += [
            {
                "bill": name,
                "part": f"part {k}",
                "in": "module" if k % 5 == 0 else None,
                "product": draw.choice(CODES),
                "origin": draw.choice(ORIGINS),
                "unit_cost_usd": draw.randint(5, 900) / 100,
            }
            for k in range(parts - 1)
        ]
        rows += [
            {"bill": name, "kind": k, "value_usd": float(draw.randint(10, 90))} for k in ("labour", "profit")
        ]
    return pl.DataFrame(rows, infer_schema_length=None)


def one(parts: int = 200, suppliers: int = 5, seed: int = 1) -> Bill:
    """A made-up bill with alternatives."""
    draw = random.Random(seed)
    made = []
    for number in range(parts):
        cost = Decimal(draw.randint(10, 500)) / 100
        places = draw.sample(["VNM", "TWN", "KOR", "JPN", "THA", "MYS"], suppliers - 1)
        others = tuple(
            Alternative(f"{place} {number}", (place,), round(cost * draw.randint(100, 140) / 100, 4))
            for place in places
        )
        made.append(Part(f"part {number}", "854231", ("CHN",), cost, alternatives=others))
    total = sum((part.value_usd for part in made), Decimal(0))
    labour = Charge("labour", total / 5, "VNM")
    root = Part(
        "product", "852852", ("VNM",), total + total / 5, made=True, parts=tuple(made), charges=(labour,)
    )
    return Bill(root)


def bands() -> Book:
    """A law that charges 20 % below 30 % Chinese content and 40 % from there."""
    common = {
        "family": "alpha",
        "reference": "made up",
        "importer": "USA",
        "published": "2025-01-01",
        "from": "2025-01-01",
    }
    at = {"fact": "content.CHN"}
    low = Measure.model_validate(
        {**common, "id": "low", "title": "low", "rate": 0.2, "when": [{**at, "below": 0.3}]}
    )
    high = Measure.model_validate(
        {**common, "id": "high", "title": "high", "rate": 0.4, "when": [{**at, "at_least": 0.3}]}
    )
    return Book(
        "made up",
        "USA",
        date(2024, 12, 31),
        (Family("alpha", "Alpha"),),
        (low, high),
        {},
        {},
        {},
        {},
        Path("made up"),
    )


def timed(what: str, work: Callable[[], object]) -> None:
    """Best of three, printed."""
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    print(f"{what:<64} {best:8.3f} s")


def main() -> None:
    """Print every time, and what it is to be held against."""
    frame = many()
    table = bill_table(frame)
    rules = {name: find_rules(name) for name in ("uk-vietnam", "atiga")}
    timed("read and check 1,000 bills of 100 parts", lambda: bill_table(frame))
    for name, rule_set in rules.items():
        timed(
            f"determine 1,000 bills of 100 parts, {name} (to be <= 1 s)",
            lambda r=rule_set: determine_all(table, r),
        )  # type: ignore[misc]
    single = BillTable(table.rows, table.source).bill("product 0")
    timed("determine one bill of 100 parts", lambda: determine(single, rules["uk-vietnam"]))
    bill, law = one(), Law(bands(), date(2025, 6, 1))
    timed("200 parts x 5 suppliers, cap 25 % (to be <= 1 s)", lambda: Planner(bill).best({"CHN": 0.25}))
    timed("200 parts x 5 suppliers, duty in bands (to be <= 1 s)", lambda: Planner(bill, law=law).best({}))
    timed(
        "its frontier in 50 points (to be <= 10 s)",
        lambda: frontier(Planner(bill, law=law), "CHN", points=50),
    )


if __name__ == "__main__":
    main()
