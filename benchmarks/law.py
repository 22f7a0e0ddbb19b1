"""How long the law takes on a year of imports, and in how much memory.

    python benchmarks/law.py [LEDGER.parquet]

Without a ledger: `../shared/data/us-imports-2024/imports.parquet` if it is there, else the embedded one. The
peer is the shape of the public tracker's own code: for each day and partner, filter the partner's lines, apply
every rule by a scan of the code column, and sum. It runs on a few days and partners in the same process, and
its time is scaled to the whole panel.
"""

import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl

from entrepot import ledger
from entrepot.law.assess import rates
from entrepot.law.book import Book
from entrepot.law.read import built_in, read_book

ROOT = Path(__file__).resolve().parents[1]
FULL = ROOT.parent / "shared" / "data" / "us-imports-2024" / "imports.parquet"
RUNS = 5


def best(work: Callable[[], object], runs: int = RUNS) -> tuple[float, float]:
    """The least and the median time of some runs, in seconds."""
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times), statistics.median(times)


def naive(records: ledger.Ledger, law: Book, days: int = 2, partners: int = 3) -> float:
    """Seconds the scan of every line by every rule takes for the whole panel, scaled from a part of it."""
    table = records.table
    origins = table["origin"].unique().sort().to_list()
    changes = law.change_days()
    start = time.perf_counter()
    for day in changes[-days:]:
        for origin in origins[:: max(1, len(origins) // partners)][:partners]:
            lines = table.filter(pl.col("origin") == origin)
            rate = pl.lit(0.0)
            for measure in law.regime(day).measures:
                codes = [
                    c
                    for name in measure.products.include
                    for c in law.lists.get(name.removeprefix("list:"), ())
                ]
                hit = pl.any_horizontal(
                    [
                        pl.col("product").str.slice(0, n).is_in([c for c in codes if len(c) == n])
                        for n in (4, 6, 8, 10)
                    ]
                )
                rate = pl.when(hit).then(measure.rate.ad_valorem or 0.0).otherwise(rate)
            lines.select((rate * pl.col("value_usd")).sum())
    return (time.perf_counter() - start) / (days * partners) * len(changes) * len(origins)


def process(arguments: list[str]) -> tuple[float, float]:
    """Seconds and peak megabytes of a fresh process of the command line."""
    program = Path(sys.executable).parent / "entrepot"
    seconds, _ = best(lambda: subprocess.run([program, *arguments], check=True, capture_output=True), 3)
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    """Measure and print."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else FULL if FULL.exists() else None
    records = ledger.read(path) if path else ledger.embedded()
    print(f"{records.source}: {len(records.table):,} lines")
    for name, law in (("us", built_in("us")), ("tracker", read_book(ROOT / "examples" / "tracker"))):
        least, median = best(lambda law=law: rates(records, law))
        print(f"panel, {name}: {len(law.change_days())} days, least {least:.2f} s, median {median:.2f} s")
        if name == "tracker":
            print(f"  a scan of every line by every rule: {naive(records, law) / least:.0f} times as long")
    seconds, megabytes = process(["rates", *(["--ledger", str(path)] if path else []), "--format", "csv"])
    print(f"entrepot rates, fresh process: least {seconds:.2f} s, peak {megabytes:.0f} MB")


if __name__ == "__main__":
    main()
