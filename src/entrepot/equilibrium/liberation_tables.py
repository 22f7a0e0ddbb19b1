"""The cases of Tables 1, 2, 3, 8, 9 and 10 of ILMS (2025), solved again, and the averages they print."""

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from entrepot.equilibrium import liberation
from entrepot.equilibrium.base import Base
from entrepot.equilibrium.liberation import PUBLISHED_EU, US, optimal_rate, two_sided
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.shock import Shock
from entrepot.equilibrium.solve import ready, solve

PERCENT = ("welfare_pct", "deficit_pct", "exports_gdp_pct", "imports_gdp_pct", "employment_pct", "prices_pct")

BASELINE = ("1.1", "1.2", "1.3", "2.1", "2.3", "2.4", "8.1", "8.2", "8.3")
"""The nine scenarios on the baseline calibration."""


class Cases:
    """The published cases, from the data folder of the paper; each is solved when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.world, self.options = liberation.read(folder)
        self.base = ready(self.world, self.options)
        self.plain_options = self.options.changed(foreign_share=0.0)
        self.ustr = liberation.ustr_rates(folder)
        self.us = self.world.economy_index(US)

    def tariffs(self, case: str) -> xr.DataArray:
        """Tariffs (exporter, importer) of one of the baseline scenarios; raises KeyError for another name."""
        of_us, on_us = self._rates()[case]
        return two_sided(self.world, of_us, on_us)

    def result(self, case: str) -> xr.Dataset:
        """Outcomes by economy of a case, `table.case` as published, without bilateral variables.

        Cases 10.2 and 10.4 hold differences of outcomes with and without tariffs.
        """
        ustr = two_sided(self.world, self.ustr)
        if case in BASELINE:
            base = self._base(revenue="lump_sum") if case == "1.2" else self.base
            return solve(base, self.tariffs(case), flows=False)
        if case == "9.2":
            return solve(self._base(pass_through=0.25), ustr, flows=False)
        if case == "9.3":
            return solve(self._base(elasticity=8.0), ustr, flows=False)
        plain = ready(self.world, self.plain_options)
        if case in {"9.4", "10.1"}:
            return solve(plain, ustr, flows=False)
        if case == "10.3":
            return solve(
                plain, two_sided(self.world, self.ustr, optimal_rate(1, liberation.EPS, 1)), flows=False
            )
        if case in {"10.2", "10.4"}:
            phi = float(self.base.parameters.tariff_exponent[self.us])
            answer = optimal_rate(1, liberation.EPS, phi) if case == "10.4" else 0.0
            return self._bilaterally_balanced(two_sided(self.world, self.ustr, answer))
        raise KeyError(case)

    def _base(self, **overrides: Any) -> Base:
        return ready(self.world, self.options, **overrides)

    def _rates(self) -> dict[str, tuple[Float | float, Float | float]]:
        """US tariffs and tariffs on US goods by scenario (model.md of the data folder)."""
        codes = np.array(self.world.economies)
        ustr = self.ustr
        china = codes == "CHN"
        warring = china | np.isin(codes, PUBLISHED_EU)
        eu_china, china_54, china_108 = (np.full(len(codes), 0.10) for _ in range(3))
        eu_china[warring] = ustr[warring]
        china_54[china] = ustr[china]
        china_108[china] = 1.08
        rest = self._retaliation()
        return {
            "1.1": (ustr, 0.0),
            "1.2": (ustr, 0.0),
            "1.3": (self._optimal(), 0.0),
            "2.1": (ustr, ustr),
            "2.3": (ustr, rest),
            "2.4": (self._optimal(of_income=True), rest),
            "8.1": (eu_china, eu_china),
            "8.2": (china_54, china_54),
            "8.3": (china_108, china_108),
        }

    def _optimal(self, *, of_income: bool = False) -> float:
        """The optimal uniform US tariff, by the paper's formula; `of_income` as it uses it for Table 2.4."""
        p = self.base.parameters
        flow = self.world.flow.values[:, :, 0]
        spending = flow.sum(axis=0)
        income = float(p.wage_income[self.us]) if of_income else None
        delta = liberation.export_elasticity(
            flow, spending, p.foreign_share, flow / spending, of=self.us, income=income
        )
        return optimal_rate(delta, liberation.EPS, float(p.tariff_exponent[self.us]))

    def _retaliation(self) -> float:
        """The others' optimal tariff on US goods, from the table collapsed to the US and the rest."""
        p, us = self.base.parameters, self.us
        flow = self.world.flow.values[:, :, 0]
        rest = np.arange(len(flow)) != us
        into_us = flow[rest, us].sum()
        share = into_us / flow[:, us].sum()
        nu, nu_us = p.foreign_share[rest][0], p.foreign_share[us]
        within = flow[np.ix_(rest, rest)].sum()
        delta = (1 - nu_us) * into_us * (1 - share) / ((1 - nu) * (p.wage_income[rest].sum() - within))
        return optimal_rate(float(delta), liberation.EPS, float(p.tariff_exponent[rest][0]))

    def _bilaterally_balanced(self, tariff: xr.DataArray) -> xr.Dataset:
        """Table 10, cases 2 and 4: transfers less each bilateral balance with the US, none for the US.

        These transfers do not sum to zero (573 billion dollars), and the published solution drops the market
        of the last economy: option `residual_claimant` reproduces that.
        """
        flow = self.world.flow.values[:, :, 0]
        us = self.us
        base = self._base(residual_claimant=self.world.economies[-1])
        transfer = base.parameters.transfer - (flow[us] - flow[:, us])
        transfer[us] = 0.0
        deficit = xr.DataArray(transfer, coords={"economy": list(base.economies)}, dims=["economy"])
        before = solve(base, Shock(deficit=deficit), flows=False)
        after = solve(base, Shock(tariff=tariff, deficit=deficit), flows=False)
        return after.assign({name: after[name] - before[name] for name in PERCENT})


def average(result: xr.Dataset, variable: str, group: str, *, weighted: bool = True) -> float:
    """A printed row: one economy, or the mean over `non-US average`, `EU` (25 members) or `RoW`.

    Weighted with base spending; Table 10 prints an unweighted mean of welfare.
    """
    codes = np.array([str(c) for c in result["economy"].values])
    europe = np.isin(codes, PUBLISHED_EU)
    chosen = {
        "non-US average": codes != US,
        "EU": europe,
        "RoW": ~europe & (codes != US) & (codes != "CHN"),
    }.get(group, codes == group)
    values = result[variable].values[chosen]
    weight = result["spending_base"].sum("sector").values[chosen] if weighted else np.ones(chosen.sum())
    return float((values * weight).sum() / weight.sum())
