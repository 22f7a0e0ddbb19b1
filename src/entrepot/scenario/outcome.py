"""What a scenario came to: one table of outcomes by variant and economy, and everything it was made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
import xarray as xr

from entrepot.equilibrium.engine import Solution
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.outcomes import economy_percent, totals
from entrepot.scenario.model import Scenario
from entrepot.scenario.read import ScenarioFile
from entrepot.scenario.shock import Cells, Duties
from entrepot.world import World

OUTCOMES: dict[str, str] = {
    "real_income_pct": "real income",
    "welfare_pct": "welfare",
    "real_wage_pct": "real wage",
    "employment_pct": "jobs",
    "prices_pct": "consumer prices",
    "exports_pct": "exports",
    "imports_pct": "imports",
    "exports_to_importer_pct": "exports to the importer",
    "revenue_change_usd": "tariff revenue",
}
"""Outcomes by economy with their names for people; percent changes, and USD of the base in the numeraire."""

MORE = ("exports_gdp_pct", "imports_gdp_pct", "deficit_pct", "revenue_share")
"""Further columns of the engine that tables of papers print; results hold them too."""

ZERO = 1e-7
"""Percent below which a change is the solver's tolerance, and written as none."""


@dataclass(frozen=True)
class Variation:
    """One variant of a scenario, solved.

    `law` is the added rate by origin under the law before and after (origin, value_usd, before_rate,
    after_rate), as `entrepot rates` prints them; `cells` None where no law was asked. `result` is the engine's
    dataset, `table` the outcomes by economy, `readings` the same under each sensitivity, `draws` under drawn
    elasticities.
    """

    name: str
    title: str
    label: str
    law: pl.DataFrame | None
    cells: Cells | None
    duties: Duties
    result: xr.Dataset
    table: pl.DataFrame
    readings: Mapping[str, pl.DataFrame]
    draws: pl.DataFrame | None
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Outcome:
    """A scenario's results: variants in the order of its file; `content` is sector content where it was asked."""

    file: ScenarioFile
    world: World
    importer: str
    variations: tuple[Variation, ...]
    inputs: Mapping[str, str]
    """What went in with its checksum: ledger, book, world, scenario."""
    timeline: pl.DataFrame | None
    content: pl.DataFrame | None
    events: Mapping[str, str]

    @property
    def scenario(self) -> Scenario:
        """The scenario that was run."""
        return self.file.scenario

    def summary(self) -> pl.DataFrame:
        """Outcomes of all variants: scenario, variant, economy, outcome, unit, value, low, high, q05, q95.

        low and high are the least and most over the value and the scenario's sensitivities; q05 and q95 are
        quantiles over drawn elasticities; missing where nothing was varied or drawn, or a value isn't defined.
        """
        return self._summary

    @cached_property
    def _summary(self) -> pl.DataFrame:
        frames = [_long(v) for v in self.variations]
        return pl.concat(frames).select(
            pl.lit(self.scenario.name).alias("scenario"), pl.all().exclude("scenario")
        )


def outcomes(solution: Solution, importer: str) -> pl.DataFrame:
    """Outcomes by economy: economy, those of `OUTCOMES` and of `MORE`; null where a change isn't defined."""
    base = solution.base
    before, after = base.totals, totals(solution)
    at = base.economies.index(importer)
    old, new = (flow[:, at, :].sum(axis=0) for flow in (base.flow(), solution.flow()))
    old[at] = 0.0  # home sales are no exports: not defined
    found = economy_percent(solution, before, after) | {
        "exports_pct": _percent(after.exports, before.exports),
        "imports_pct": _percent(after.imports, before.imports),
        "exports_to_importer_pct": _percent(new, old),
        "revenue_change_usd": solution.market.revenue - base.revenue,
    }
    columns: dict[str, object] = {"economy": list(base.economies)}
    for name in (*OUTCOMES, *MORE):
        columns[name] = np.where(np.abs(found[name]) < _least(name), 0.0, found[name])
    return pl.DataFrame(columns).with_columns(pl.col(pl.Float64).fill_nan(None))


def _least(name: str) -> float:
    return 1.0 if name.endswith("_usd") else ZERO if name.endswith("_pct") else 0.0


def _percent(new: Float, old: Float) -> Float:
    ratio = np.divide(new, old, out=np.full(new.shape, np.nan), where=old > 0)
    return np.asarray(100 * (ratio - 1))


def _long(v: Variation) -> pl.DataFrame:
    value = _melted(v.table).rename({"value": "value"})
    keys = ["economy", "outcome"]
    several = [_melted(t) for t in (v.table, *v.readings.values())]
    if len(several) > 1:
        ends = pl.concat(several).group_by(keys).agg(low=pl.col("value").min(), high=pl.col("value").max())
        value = value.join(ends, on=keys, how="left", maintain_order="left")
    else:
        value = value.with_columns(low=_unknown(), high=_unknown())
    if v.draws is not None:
        spread = _melted(v.draws.drop("draw")).group_by(keys)
        bands = spread.agg(
            q05=pl.col("value").quantile(0.05, "linear"), q95=pl.col("value").quantile(0.95, "linear")
        )
        value = value.join(bands, on=keys, how="left", maintain_order="left")
    else:
        value = value.with_columns(q05=_unknown(), q95=_unknown())
    unit = pl.when(pl.col("outcome").str.ends_with("_usd")).then(pl.lit("USD")).otherwise(pl.lit("percent"))
    return value.select(
        pl.lit(v.name).alias("variant"), *keys, unit.alias("unit"), "value", "low", "high", "q05", "q95"
    )


def _unknown() -> pl.Expr:
    return pl.lit(None, dtype=pl.Float64)


def _melted(table: pl.DataFrame) -> pl.DataFrame:
    kept: Sequence[str] = [c for c in OUTCOMES if c in table.columns]
    return table.unpivot(kept, index="economy", variable_name="outcome", value_name="value")
