"""CEPII's BACI: bilateral trade by HS6 product, summed to the sectors and economies of a folder of facts."""

from importlib.resources import as_file, files
from pathlib import Path

import numpy as np
import polars as pl

from entrepot.errors import WorldError
from entrepot.world.facts import Facts

OTHER_NAMES = {"S19": "TWN"}
"""BACI's code for `other Asia, not elsewhere specified`, which is Taiwan's trade."""

UNMAPPED = 0.02
"""Largest part of trade in products without an industry (chapters 98 and 99, codes of no edition)."""


def with_baci(facts: Facts, path: Path, codes: Path | None = None) -> Facts:
    """The same facts with all goods trade by sector from a BACI file; constraints become checks.

    `path` is BACI_HS…_Y…_V….csv (t, i, j, k, v in thousands of USD); `codes` its country_codes file, by
    default the one beside it. Economies are summed by `members` of the facts; all others are ROW; trade
    within one is left out. Products go to sectors by the concordance, what has no industry in proportion to
    the pair's other trade.

    Raises `WorldError` for a file that is missing, cut short, or with more than 2 % of trade in unknown
    products.
    """
    codes = codes or _beside(path)
    try:
        trade = pl.read_csv(
            path, schema_overrides={"k": pl.String, "i": pl.Int64, "j": pl.Int64, "v": pl.Float64}
        )
        country = pl.read_csv(codes, schema_overrides={"country_code": pl.Int64}, infer_schema_length=None)
        trade = trade.select("i", "j", pl.col("k").str.strip_chars().str.zfill(6).alias("hs6"), "v")
    except (OSError, pl.exceptions.PolarsError) as error:
        raise WorldError(f"{path}: can't be read as BACI (t, i, j, k, v, q): {error}.") from None
    known = set(country["country_code"])
    if strange := sorted(set(trade["i"]).union(trade["j"]) - known):
        raise WorldError(
            f"{path}: economy code {strange[0]} is not in {codes.name}; are both of one edition?"
        )
    if trade["v"].null_count() or not np.isfinite(trade["v"].to_numpy()).all():
        raise WorldError(f"{path}: column v holds something that is no number; is the file complete?")
    member = _members(facts)
    place = {
        code: member.get(OTHER_NAMES.get(iso, iso), len(facts.economies) - 1)
        for code, iso in country.select("country_code", "country_iso3").iter_rows()
    }
    with as_file(files("entrepot") / "data" / "world" / "concordance" / "hs6-sector.csv") as file:
        sector = pl.read_csv(file, schema_overrides={"hs6": pl.String}).with_columns(
            pl.col("sector").replace_strict(
                {s: k for k, s in enumerate(facts.sectors)}, return_dtype=pl.Int64
            )
        )
    pairs = trade.with_columns(
        pl.col("i").replace_strict(place, return_dtype=pl.Int64),
        pl.col("j").replace_strict(place, return_dtype=pl.Int64),
    ).filter(pl.col("i") != pl.col("j"))
    summed = pairs.join(sector, on="hs6", how="left").with_columns(
        (1000 * pl.col("v") * pl.col("share")).alias("usd")
    )
    n, g = len(facts.economies), facts.goods
    flow = np.zeros((n, n, len(facts.sectors)))
    mapped = summed.drop_nulls("sector").group_by("i", "j", "sector").agg(pl.col("usd").sum())
    flow[mapped["i"].to_numpy(), mapped["j"].to_numpy(), mapped["sector"].to_numpy()] = mapped[
        "usd"
    ].to_numpy()
    total = 1000 * float(pairs["v"].sum())
    lost = 1 - flow.sum() / total if total else 1.0
    if lost > UNMAPPED:
        without = (
            summed.filter(pl.col("sector").is_null())
            .group_by("hs6")
            .agg(pl.col("v").sum())
            .sort("v", descending=True)
        )
        raise WorldError(
            f"{path}: {lost:.1%} of trade is in products without an industry, most in {', '.join(without['hs6'][:5])}; "
            "is column k HS at six digits?"
        )
    whole = np.zeros((n, n))
    by_pair = pairs.group_by("i", "j").agg((1000 * pl.col("v")).sum().alias("usd"))
    whole[by_pair["i"].to_numpy(), by_pair["j"].to_numpy()] = by_pair["usd"].to_numpy()
    goods = flow[:, :, :g].sum(axis=2)
    flow[:, :, :g] *= np.divide(whole, goods, out=np.ones_like(goods), where=goods > 0)[:, :, None]
    flow[:, :, g:] = np.nan
    flow[np.arange(n), np.arange(n)] = np.nan
    return facts.with_flows(flow, basis="published")


def _beside(path: Path) -> Path:
    found = sorted(path.parent.glob("country_codes*.csv"))
    if len(found) != 1:
        raise WorldError(
            f"{path}: {len(found)} files country_codes*.csv stand beside it; one is needed (BACI's zip holds it)."
        )
    return found[0]


def _members(facts: Facts) -> dict[str, int]:
    """Position of the economy that each ISO code is counted in."""
    return {iso: k for k, members in enumerate(facts.members) for iso in members}
