"""Write the embedded ledger of a year of US imports and the table of US products.

    python tools/embed_us_imports.py FULL_LEDGER.parquet LISTS_FOLDER OUTPUT_FOLDER

FULL_LEDGER is the Census Bureau's year: hs10, partner, value_usd, duty_usd; `descriptions.parquet` (hs10,
description) stands beside it; LISTS_FOLDER holds `usmca_product_shares_2024.csv`. Written are

    us_imports_2024.parquet   importer, origin, product (8 digits), value_usd, duty_usd,
                              fact.programme.USMCA (Canada and Mexico; absent where no share is known)
    us_products_2024.parquet  product (10 digits), description, value_usd (all partners)

Slovakia is left out: the source counts it both alone and inside the EU. The same input gives the same bytes.
"""

import argparse
from pathlib import Path

import polars as pl

USMCA_PARTNERS = {"1220": "CAN", "2010": "MEX"}


def full_ledger(path: Path) -> pl.DataFrame:
    """The year without Slovakia: product (10 digits), origin, value_usd, duty_usd."""
    return (
        pl.read_parquet(path)
        .filter(pl.col("partner") != "SVK")
        .select(pl.col("hs10").alias("product"), pl.col("partner").alias("origin"), "value_usd", "duty_usd")
    )


def usmca_shares(path: Path) -> pl.DataFrame:
    """Share of a line's value that claimed USMCA: product (10 digits), origin, share."""
    return pl.read_csv(path, infer_schema=False).select(
        pl.col("hts10").alias("product"),
        pl.col("cty_code").replace_strict(USMCA_PARTNERS).alias("origin"),
        pl.col("usmca_share").cast(pl.Float64).alias("share"),
    )


def coarser(shares: pl.DataFrame, full: pl.DataFrame) -> pl.DataFrame:
    """The shares of 8-digit lines: value-weighted over the 10-digit lines whose share is known.

    Lines without value get the plain mean, lines without a known share none.
    """
    weighted = full.join(shares, on=["product", "origin"]).with_columns(pl.col("product").str.slice(0, 8))
    mean = (pl.col("share") * pl.col("value_usd")).sum() / pl.col("value_usd").sum()
    return (
        weighted.group_by("product", "origin", maintain_order=True)
        .agg(
            pl.when(pl.col("value_usd").sum() > 0).then(mean).otherwise(pl.col("share").mean()).alias("share")
        )
        .with_columns(pl.col("share").clip(0, 1).round(6))
    )


def summary(full: pl.DataFrame, shares: pl.DataFrame) -> pl.DataFrame:
    """The embedded ledger: sums by 8-digit line and origin, sorted; no value is lost."""
    sums = (
        full.with_columns(pl.col("product").str.slice(0, 8), pl.lit("USA").alias("importer"))
        .group_by("importer", "origin", "product")
        .agg(pl.col("value_usd", "duty_usd").sum())
        .join(coarser(shares, full), on=["product", "origin"], how="left")
        .rename({"share": "fact.programme.USMCA"})
        .sort("origin", "product")
    )
    for column in ("value_usd", "duty_usd"):
        if sums[column].sum() != full[column].sum():
            raise SystemExit(f"{column}: {sums[column].sum()} after summing, {full[column].sum()} before")
    return sums


def products(full: pl.DataFrame, descriptions: Path) -> pl.DataFrame:
    """The product table: every 10-digit line of the year with its description and world value."""
    return (
        full.group_by("product")
        .agg(pl.col("value_usd").sum())
        .join(pl.read_parquet(descriptions).rename({"hs10": "product"}), on="product", how="left")
        .select("product", "description", "value_usd")
        .sort("product")
    )


def main() -> None:
    """Read the arguments, write both files, say what they hold."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("lists", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    full = full_ledger(given.ledger)
    shares = usmca_shares(given.lists / "usmca_product_shares_2024.csv")
    tables = {
        "us_imports_2024": summary(full, shares),
        "us_products_2024": products(full, given.ledger.with_name("descriptions.parquet")),
    }
    for name, table in tables.items():
        path = given.output / f"{name}.parquet"
        table.write_parquet(path, compression="zstd", compression_level=19)
        print(
            f"{path.name}: {table.height} rows, {path.stat().st_size} bytes, {table['value_usd'].sum()} USD"
        )


if __name__ == "__main__":
    main()
