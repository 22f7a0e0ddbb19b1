"""How far to trust an estimate: facts predicted without themselves."""

import polars as pl

from entrepot.world.estimate import ROUNDS, Prior, estimate
from entrepot.world.facts import Facts


def held_out(
    facts: Facts, *, prior: Prior = "pooled", leave_one_out: bool = True, rounds: int = ROUNDS
) -> pl.DataFrame:
    """Every fitted fact, as given, as predicted without any fact, and without itself alone.

    Columns: id, kind (pair or total), share, no_facts, leave_one_out (null where not asked for); all are
    shares of the goods trade of the fact's pairs. Raises what `estimate` raises.
    """
    fitted = [c for c in facts.constraints if c.fit]
    bare = estimate(facts.with_constraints(()), prior=prior, rounds=rounds)
    rows = []
    for c in fitted:
        left = (
            estimate(facts.without(c.id), prior=prior, rounds=rounds).predicted(c) if leave_one_out else None
        )
        rows.append((c.id, "total" if c.total else "pair", c.share, bare.predicted(c), left))
    schema = {
        "id": pl.String,
        "kind": pl.String,
        "share": pl.Float64,
        "no_facts": pl.Float64,
        "leave_one_out": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row")


def mean_errors(table: pl.DataFrame) -> dict[tuple[str, str], float]:
    """Mean absolute error of shares by (kind, way of holding out), from a table of `held_out`."""
    found: dict[tuple[str, str], float] = {}
    for way in ("no_facts", "leave_one_out"):
        gaps = table.group_by("kind").agg((pl.col(way) - pl.col("share")).abs().mean().alias("gap"))
        found |= {(kind, way): gap for kind, gap in gaps.iter_rows() if gap is not None}
    return found
