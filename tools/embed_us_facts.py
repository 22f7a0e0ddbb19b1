"""Write what the US law book needs to know of products: metal content, USMCA claims, MFN rates.

    python tools/embed_us_facts.py FULL_LEDGER.parquet LISTS_FOLDER OUTPUT_FOLDER

Written are, sorted by product, with 8- and 10-digit products as text,

    metal.parquet   product, metal.steel, metal.aluminium, metal.copper: shares of value, 0 written as 0;
                    a product that isn't there has an unknown share
    usmca.parquet   product, origin (CAN, MEX), share: of value, that claimed USMCA in 2024; likewise
    mfn.csv         product (8 digits), rate (fraction), kind, share; see `mfn_rates`

An 8-digit share is the mean of its 10-digit lines', weighted by their 2024 import value. The same input gives
the same bytes.
"""

import argparse
from pathlib import Path

import polars as pl
from embed_us_imports import coarser, full_ledger, usmca_shares

METALS = {"steel_share": "metal.steel", "aluminum_share": "metal.aluminium", "copper_share": "metal.copper"}

# Who paid column 1 general in 2024 and nothing else: no free trade agreement, no AGOA, no column 2, no
# Section 301. The Generalized System of Preferences had lapsed at the end of 2020. Japan stands apart, for
# some of its lines are lower since 2020; it serves where nobody else sold.
MFN_PARTNERS = (
    *("EU27", "GBR", "TWN", "VNM", "THA", "IND", "IDN", "MYS", "BRA", "CHE", "TUR", "NZL", "ARG", "PAK"),
    *("BGD", "LKA", "KHM", "HKG", "PHL", "NOR", "SAU", "KWT", "ARE", "DZA", "IRQ", "ECU", "VEN"),
)
RESERVE_PARTNER = "JPN"

# In 2024 these sold within quotas, free of the Section 232 duties on steel (25 %) and aluminium (10 %).
QUOTA_PARTNERS = {
    "72": ("EU27", "GBR", "JPN", "BRA", "ARG"),
    "73": ("EU27", "GBR", "JPN", "BRA", "ARG"),
    "76": ("EU27", "GBR", "ARG"),
}
SECTION_232 = {"72": 0.25, "73": 0.25, "76": 0.10}
SECTION_201 = ("8541420010", "8541430010", "8541430080")  # solar cells and modules, 14.25 %
SECTION_301 = (0.0, 0.075, 0.25, 0.5, 1.0)

GRID = 0.001  # printed rates are mostly in tenths of a point
NEAR = 0.0002  # 0.02 points
FREE_PART = 0.03  # of a partner's value that may have entered free under another provision
ENOUGH, SOME, FEW = 0.6, 0.3, 0.05  # shares of value: see `mfn_rates`


def metal_shares(path: Path, full: pl.DataFrame) -> pl.DataFrame:
    """Metal shares of 10-digit products, and of 8-digit ones as means weighted by value.

    Shares that come to more than 1 together are brought down to 1 (the source goes up to 1.8 in copper).
    Traded products that the source lacks take the mean of the listed ones with which they share most digits.
    """
    listed = pl.read_csv(path, infer_schema=False).select(
        pl.col("hs10").alias("product"),
        *(pl.col(column).cast(pl.Float64).alias(name) for column, name in METALS.items()),
    )
    together = pl.max_horizontal(1.0, pl.sum_horizontal(*METALS.values()))
    listed = listed.with_columns(pl.col(name) / together for name in METALS.values())
    missing = full.select("product").unique().join(listed, on="product", how="anti").sort("product")
    fine = pl.concat([listed, neighbours(missing, listed)]).sort("product")
    weight = full.group_by("product").agg(pl.col("value_usd").sum())
    weighted = (
        fine.join(weight, on="product", how="left")
        .with_columns(pl.col("product").str.slice(0, 8), pl.col("value_usd").fill_null(0))
        .sort("product")
    )
    total = pl.col("value_usd").sum()
    means = [
        pl.when(total > 0)
        .then((pl.col(m) * pl.col("value_usd")).sum() / total)
        .otherwise(pl.col(m).mean())
        .alias(m)
        for m in METALS.values()
    ]
    coarse = weighted.group_by("product", maintain_order=True).agg(means)
    rounded = [pl.col(m).round(4).cast(pl.Float32) for m in METALS.values()]
    return pl.concat([coarse, fine]).sort("product").with_columns(rounded)


def neighbours(missing: pl.DataFrame, listed: pl.DataFrame) -> pl.DataFrame:
    """The means of the listed products under the longest stem (8, 6, 4, 2 digits) that each missing one shares."""
    found = missing.with_columns(pl.lit(None, dtype=pl.Float64).alias(name) for name in METALS.values())
    for digits in (8, 6, 4, 2):
        stem = pl.col("product").str.slice(0, digits)
        means = listed.group_by(stem.alias("stem")).agg(pl.col(*METALS.values()).mean())
        near = found.select("product", stem.alias("stem")).join(
            means, on="stem", how="left", maintain_order="left"
        )
        found = found.with_columns(pl.coalesce(name, near[name]).alias(name) for name in METALS.values())
    return found.drop_nulls()


def usmca_table(path: Path, full: pl.DataFrame) -> pl.DataFrame:
    """Claim shares of 10- and 8-digit products by origin."""
    fine = usmca_shares(path)
    both = pl.concat([coarser(fine, full), fine]).sort("product", "origin")
    return both.with_columns(pl.col("share").round(6))


def mfn_lines(full: pl.DataFrame) -> pl.DataFrame:
    """The year's lines that show the MFN rate: product (8 digits), chapter, value_usd, duty_usd, rate.

    Left out are chapters 98 and 99, products under Section 201, and in chapters 72, 73 and 76 those of
    partners without a quota, where the others' duty shows that Section 232 applies or no one else sold.
    """
    lines = (
        full.filter(pl.col("value_usd") > 0, ~pl.col("product").is_in(SECTION_201))
        .with_columns(
            pl.col("product").str.slice(0, 8),
            pl.col("product").str.slice(0, 2).alias("chapter"),
            (pl.col("duty_usd") / pl.col("value_usd")).alias("rate"),
        )
        .filter(pl.col("chapter") < "98")
    )
    quota = pl.lit(False)
    for chapter, partners in QUOTA_PARTNERS.items():
        quota |= (pl.col("chapter") == chapter) & pl.col("origin").is_in(partners)
    metal = pl.col("chapter").replace_strict(SECTION_232, default=None)
    mean = [pl.col(c).filter(pl.col("quota")).sum() for c in ("duty_usd", "value_usd")]
    paying = lines.filter(pl.col("origin").is_in([*MFN_PARTNERS, RESERVE_PARTNER])).with_columns(
        quota.alias("quota")
    )
    base = (
        pl.when(mean[1].over("product") > 0)
        .then(mean[0].over("product") / mean[1].over("product"))
        .otherwise(0.0)
    )
    # Most of the duty that partners without a quota would have to pay: Section 232 applies to the line.
    others = (
        pl.col("duty_usd").filter(~pl.col("quota")).sum() / pl.col("value_usd").filter(~pl.col("quota")).sum()
    )
    hit = (others.over("product") - base > metal / 4).fill_null(False)
    sound = paying.with_columns(hit.alias("hit")).filter(~pl.col("hit") | pl.col("quota"))
    regular = sound.filter((pl.col("origin") != RESERVE_PARTNER) | pl.col("hit"))
    reserve = sound.filter(pl.col("origin") == RESERVE_PARTNER).join(regular, on="product", how="anti")
    return pl.concat([regular, reserve])


def mfn_rates(lines: pl.DataFrame) -> pl.DataFrame:
    """The MFN rate by 8-digit line as the duties show it: product, rate, kind, share.

    Candidates are the rates in tenths of a point to which some partner's duty rate comes within 0.02 points.
    A partner agrees with a candidate if its rate is that, or up to 3 % less (some of its goods entered free
    by another provision); the candidate with which most value agrees is taken. The kind is `ad valorem` if
    60 % of the value agrees, or 30 % where at most 5 % pays more (the rest then enters at lower rates, as
    parts for civil aircraft do); else the rate is the mean duty and the kind `equivalent` (specific and
    compound duties, quotas, mixed lines). `share` is the share of value that agrees. A line that nobody sold
    at MFN rates has an unknown rate, and isn't there.
    """
    # Duties are in whole dollars: on a small value the last dollar moves the rate by more than 0.02 points.
    lines = lines.with_columns((NEAR + 1 / pl.col("value_usd")).alias("slack"))
    tenths = (pl.col("rate") / GRID).round(0)
    candidates = (
        lines.filter((pl.col("rate") - tenths * GRID).abs() <= pl.col("slack"))
        .select("product", (tenths / round(1 / GRID)).alias("candidate"))
        .unique()
    )
    agrees = (pl.col("rate") <= pl.col("candidate") + pl.col("slack")) & (
        pl.col("rate") >= pl.col("candidate") * (1 - FREE_PART) - pl.col("slack")
    )
    more = pl.col("rate") > pl.col("candidate") + pl.col("slack")
    value = pl.col("value_usd")
    votes = (
        lines.join(candidates, on="product")
        .group_by("product", "candidate")
        .agg(
            (value.filter(agrees).sum() / value.sum()).alias("share"),
            (value.filter(more).sum() / value.sum()).alias("more"),
        )
        .sort("product", "share", "candidate", descending=[False, True, False])
        .group_by("product", maintain_order=True)
        .first()
    )
    means = lines.group_by("product").agg((pl.col("duty_usd").sum() / value.sum()).alias("mean"))
    sure = (pl.col("share") >= ENOUGH) | ((pl.col("share") >= SOME) & (pl.col("more") <= FEW))
    known = means.join(votes, on="product", how="left").with_columns(sure.fill_null(False).alias("sure"))
    return known.sort("product").select(
        "product",
        pl.when("sure").then(pl.col("candidate")).otherwise(pl.col("mean")).round(5).alias("rate"),
        pl.when("sure").then(pl.lit("ad valorem")).otherwise(pl.lit("equivalent")).alias("kind"),
        pl.col("share").fill_null(0.0).round(3),
    )


def agreement_with_china(full: pl.DataFrame, rates: pl.DataFrame) -> pl.DataFrame:
    """Share of China's 2024 value whose duty is the rate plus a rate of Section 301, by kind.

    `exact`: within 0.2 points of one of them. `between`: not above the rate plus the highest rate of the
    line's list, which exclusions and exempt uses explain. `off`: less than the rate, by more than 0.2 points.
    """
    lines = (
        full.filter(pl.col("origin") == "CHN", pl.col("value_usd") > 0)
        .with_columns(pl.col("product").str.slice(0, 8))
        .join(rates, on="product")
        .with_columns((pl.col("duty_usd") / pl.col("value_usd") - pl.col("rate")).alias("added"))
    )
    exact = pl.any_horizontal((pl.col("added") - step).abs() <= 0.002 for step in SECTION_301)
    verdict = (
        pl.when(exact)
        .then(pl.lit("exact"))
        .when(pl.col("added") < 0)
        .then(pl.lit("off"))
        .otherwise(pl.lit("between"))
    )
    return (
        lines.group_by("kind", verdict.alias("verdict"))
        .agg(pl.col("value_usd").sum())
        .with_columns(
            (pl.col("value_usd") / pl.col("value_usd").sum().over("kind")).round(3).alias("of_kind")
        )
        .sort("kind", "verdict")
    )


def main() -> None:
    """Read the arguments, write the files, say what they hold and how the rates agree with China's duties."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ledger", type=Path)
    parser.add_argument("lists", type=Path)
    parser.add_argument("output", type=Path)
    given = parser.parse_args()
    full = full_ledger(given.ledger)
    rates = mfn_rates(mfn_lines(full))
    metal = metal_shares(given.lists / "metal_content_shares_bea_hs10.csv", full)
    usmca = usmca_table(given.lists / "usmca_product_shares_2024.csv", full)
    metal.write_parquet(given.output / "metal.parquet", compression="zstd", compression_level=19)
    usmca.write_parquet(given.output / "usmca.parquet", compression="zstd", compression_level=19)
    rates.write_csv(given.output / "mfn.csv")
    for path in (given.output / name for name in ("metal.parquet", "usmca.parquet", "mfn.csv")):
        print(f"{path.name}: {path.stat().st_size} bytes")
    print(metal.height, "products with metal shares,", usmca.height, "with USMCA shares")
    by_line = full.group_by(pl.col("product").str.slice(0, 8)).agg(pl.col("value_usd").sum())
    covered = by_line.join(rates, on="product", how="left")
    print(
        covered.group_by("kind")
        .agg(pl.len(), pl.col("value_usd").sum() / by_line["value_usd"].sum())
        .sort("kind")
    )
    print(agreement_with_china(full, rates))


if __name__ == "__main__":
    main()
