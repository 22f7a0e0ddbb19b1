"""What an equilibrium means: levels, changes, welfare and its parts, and where trade went, with labels.

Definitions follow ILMS (2025) and Caliendo and Parro (2015, "CP"); every variable carries its units.
"""

import json
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from entrepot.equilibrium import model
from entrepot.equilibrium.base import Totals, labels, totals_of
from entrepot.equilibrium.engine import Solution
from entrepot.equilibrium.options import Float

USD = "USD of the base, in the numeraire"
PERCENT = "percent change from the base"


def dataset(s: Solution, *, flows: bool = True) -> xr.Dataset:
    """All outcomes of a solution.

    By economy: `welfare_pct`, `real_wage_pct`, `employment_pct`, `prices_pct`, `wage_pct`,
    `real_income_pct`,
    `exports_gdp_pct` and `imports_gdp_pct` (change of the ratio to labour income), `deficit_pct` (of the
    absolute base deficit; missing where that is zero), `revenue_share` (new revenue over base spending), and
    levels with their base: `income`, `wage_income`, `revenue`, `exports`, `imports`, `deficit`. By economy
    and sector: `price_hat`, `cost_hat`, `output`, `spending`. With `flows`: `flow`, `trade_share` (and their
    base), `tariff`, `trade_diversion`. Where the model is that of CP, `terms_of_trade_pct` and
    `volume_of_trade_pct`, with `flows` by partner and by sector.

    Attributes name the world, its statement, the elasticities, options, residual, sweeps and method.
    """
    base, m = s.base, s.market
    economy = ("economy",)
    data: dict[str, tuple[tuple[str, ...], Float, dict[str, str]]] = {}

    def put(name: str, values: Float, dims: tuple[str, ...], units: str, long_name: str = "") -> None:
        data[name] = dims, values, {"units": units} | ({"long_name": long_name} if long_name else {})

    before, after = base.totals, totals(s)
    for name, values in economy_percent(s, before, after).items():
        units = "fraction of base spending" if name == "revenue_share" else PERCENT
        put(name, values, economy, units)
    levels = {
        "income": (base.income, m.income, "final spending"),
        "wage_income": (base.parameters.wage_income, s.wage_income(), "labour income"),
        "revenue": (base.revenue, m.revenue, "tariff revenue"),
        "exports": (before.exports, after.exports, "exports before duties"),
        "imports": (before.imports, after.imports, "imports before duties"),
        "deficit": (before.imports - before.exports, after.imports - after.exports, "imports less exports"),
    }
    for name, (old, new, long_name) in levels.items():
        put(f"{name}_base", old, economy, "USD of the base", long_name)
        put(name, new, economy, USD, long_name)
    pair = ("economy", "sector")
    put("price_hat", np.exp(m.log_price), pair, "new over old", "price of the sector's bundle, with duties")
    put("cost_hat", np.exp(s.state.cost), pair, "new over old", "unit cost of production")
    put("output_base", before.output, pair, "USD of the base", "gross output before duties")
    put("output", after.output, pair, USD, "gross output before duties")
    put("spending_base", base.parameters.spending, pair, "USD of the base", "spending with duties")
    put("spending", s.spending(), pair, USD, "spending with duties")
    old_flow, new_flow = (base.flow(), s.flow()) if flows or decomposes(s) else (None, None)
    if old_flow is not None and new_flow is not None:
        if decomposes(s):
            for name, (values, dims) in decomposition(s, old_flow, new_flow, detail=flows).items():
                put(name, values, dims, "percent of base income")
        if flows:
            _put_flows(put, s, old_flow, new_flow)
    coords = labels(base, {dim for dims, _, _ in data.values() for dim in dims})
    return xr.Dataset(data, coords=coords, attrs=_attributes(s))


def _put_flows(put: Any, s: Solution, old_flow: Float, new_flow: Float) -> None:
    """Bilateral variables, in the public order (exporter, importer, sector)."""
    dims = ("exporter", "importer", "sector")
    base = s.base
    idle = (base.parameters.spending.T <= 0)[:, :, None]
    zero = np.zeros((1, 1, 1))
    for name, values, units in (
        ("flow_base", old_flow, "USD of the base"),
        ("flow", new_flow, USD),
        ("trade_share_base", np.where(idle, 0.0, base.trade_share), "fraction of spending with duties"),
        ("trade_share", np.where(idle, 0.0, s.trade_share()), "fraction of spending with duties"),
        ("tariff_base", zero if base.tariff is None else base.tariff, "fraction of value before duty"),
        ("tariff", zero if s.tariff is None else s.tariff, "fraction of value before duty"),
    ):
        put(name, np.broadcast_to(values, old_flow.shape).transpose(2, 1, 0), dims, units)
    put(
        "trade_diversion",
        diversion(old_flow, new_flow),
        dims[:2],
        "USD of the base",
        "base purchases that move to (from) an exporter at unchanged totals; sums to zero over exporters",
    )


def economy_percent(s: Solution, before: Totals, after: Totals) -> dict[str, Float]:
    """The outcomes by economy (N,) of the command line's table, in its order (ILMS, outcomes 1 to 7)."""
    base, p, m = s.base, s.parameters, s.market
    income, base_income = s.wage_income(), p.wage_income
    deficit, base_deficit = after.imports - after.exports, before.imports - before.exports
    # A deficit of nothing (or of rounding) has no percent change: unknown, not zero.
    counts = np.abs(base_deficit) > 1e-9 * (before.imports + before.exports)
    change = np.divide(
        deficit - base_deficit, np.abs(base_deficit), out=np.full(len(income), np.nan), where=counts
    )
    if base.options.welfare == "first_order":
        parts = decomposition(s, base.flow(), s.flow(), detail=False)
        welfare = parts["terms_of_trade_pct"][0] + parts["volume_of_trade_pct"][0]
    else:
        hat = model.welfare(np, p, s.state, m, base.income)
        # Large subsidies paid by income tax take the formula out of its domain: unknown, not minus 289 percent.
        welfare = 100 * (np.where(hat > 0, hat, np.nan) - 1)
    return {
        "welfare_pct": welfare,
        "real_wage_pct": 100 * np.expm1(s.state.wage - m.log_cpi),
        "employment_pct": 100 * np.expm1(s.state.labour),
        "prices_pct": 100 * np.expm1(m.log_cpi),
        "exports_gdp_pct": _ratio_percent(after.exports / income, before.exports / base_income),
        "imports_gdp_pct": _ratio_percent(after.imports / income, before.imports / base_income),
        "deficit_pct": 100 * change,
        "revenue_share": m.revenue / p.spending.sum(axis=1),
        "real_income_pct": 100 * (m.income / base.income * np.exp(-m.log_cpi) - 1),
        "wage_pct": 100 * np.expm1(s.state.wage),
    }


def _ratio_percent(new: Float, old: Float) -> Float:
    change = np.divide(new, old, out=np.full(new.shape, np.nan), where=old > 0)
    return np.asarray(100 * (change - 1))


def totals(s: Solution) -> Totals:
    """Exports, imports and output of a solution."""
    spending = s.spending()
    home = np.diagonal(s.kernel, axis1=1, axis2=2).T * s.market.efficiency * spending / s.market.denominator
    output = s.market.sales
    if s.parameters.foreign_share.any():
        everything = np.ones_like(s.parameters.foreign_share)
        output = s.market.efficiency * s.sums.trade(s.market.efficiency, spending, everything)[2]
    return totals_of(home, output, s.market.purchases)


def decomposes(s: Solution) -> bool:
    """Whether the welfare decomposition of CP applies: no sales earned abroad, complete pass-through, fixed
    labour, no scale economies.
    """
    p = s.parameters
    plain = not p.foreign_share.any() and not p.labour_supply.any() and not p.scale.any()
    return plain and bool((p.tariff_exponent == 1).all())


def decomposition(
    s: Solution, old: Float, new: Float, *, detail: bool = True
) -> dict[str, tuple[Float, tuple[str, ...]]]:
    """First-order sources of the welfare change, CP (2015), equation (16) with base weights, in percent.

    Terms of trade: sum_is [ M_ni (c_n - 1) - M_in (c_i - 1) ] / I_n over partners i and sectors s (M_ni are
    n's exports to i, M_in its imports); volume of trade: sum_is t_ins M_ins (M'_ins / M_ins - c_is) / I_n.
    Their sum is the welfare change for a small change; for a large one it is what CP publish, while
    `welfare_pct` by default is exact. `old` and `new` are flows (sector, importer, exporter).
    """
    base = s.base
    rise = np.expm1(s.state.cost).T  # (S, N)
    exports = old * rise[:, None, :]  # of exporter i to importer n, valued at the change of i's cost
    income = base.income
    by_pair = np.einsum("sni->sin", exports) - exports  # (sector, economy, partner)
    volume = np.zeros_like(old)
    if base.tariff is not None:
        volume = base.tariff * (new - old * (1 + rise)[:, None, :])
    out: dict[str, tuple[Float, tuple[str, ...]]] = {}
    for name, cells in (("terms_of_trade_pct", by_pair), ("volume_of_trade_pct", volume)):
        percent = 100 * cells / income[None, :, None]
        out[name] = percent.sum(axis=(0, 2)), ("economy",)
        if detail:
            out[f"{name}_by_partner"] = percent.sum(axis=0), ("economy", "partner")
            out[f"{name}_by_sector"] = percent.sum(axis=2).T, ("economy", "sector")
    return out


def diversion(old: Float, new: Float) -> Float:
    """Base purchases that move to each exporter (exporter, importer), USD; sums to zero over exporters.

    sum_s [ M'_ins / sum_j M'_jns - M_ins / sum_j M_jns ] sum_j M_jns: the change of each exporter's share
    before duties, home included, weighted with base purchases.
    """
    total, new_total = old.sum(axis=2, keepdims=True), new.sum(axis=2, keepdims=True)
    scaled = np.divide(new * total, new_total, out=np.zeros_like(new), where=new_total > 0)
    return np.asarray((scaled - old).sum(axis=0).T)


def _attributes(s: Solution) -> dict[str, Any]:
    base = s.base
    options = {k: v for k, v in asdict(base.options).items() if v is not None}
    return {
        "world": base.name,
        "statement": base.statement,
        "base": "solved first as an equilibrium" if base.solved else "as observed",
        "elasticity": base.elasticity_source,
        "options": json.dumps(options, default=lambda v: np.asarray(v).tolist()),
        "numeraire": f"{base.options.numeraire} = 1",
        "residual": s.residual,
        "sweeps": s.steps,
        "method": s.method,
    }
