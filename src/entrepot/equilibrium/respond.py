"""What governments would do: optimal tariffs, best responses, Nash equilibria, retaliation in kind.

A government is one economy or several (a customs union) that sets tariffs on its imports to maximise the mean
welfare change of its members, weighted with their base labour income. Gradients come from the implicit function theorem
(`derive`), so that a schedule of hundreds of tariffs costs little more than one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, NamedTuple

import numpy as np
import xarray as xr
from scipy import optimize

from entrepot.economies import ever_members, is_group
from entrepot.equilibrium import model
from entrepot.equilibrium.base import Base, labelled
from entrepot.equilibrium.derive import Linearised
from entrepot.equilibrium.engine import Solution, counterfactual
from entrepot.equilibrium.options import Float, Options
from entrepot.equilibrium.outcomes import dataset
from entrepot.equilibrium.shock import FLOW, Change, Shock, change
from entrepot.equilibrium.solve import ready
from entrepot.errors import NotConverged, OptionError
from entrepot.world import World

By = Literal["uniform", "partner", "sector", "partner_sector", "member"]
BY = ("uniform", "partner", "sector", "partner_sector", "member")

GRADIENT_TOLERANCE = 1e-7
"""Slope of log welfare, per unit of tariff and root of the share of imports taxed, at which a maximum counts
as found."""

LEAST_SHARE = 1e-8
"""Share of taxed imports that the scaling of a rate counts at least with."""

MOST_ROUNDS = 60
"""Rounds of best responses before a Nash point is given up."""

SETTLED = 1e-6
"""Largest change of any rate between rounds (in fractions) at which best responses count as settled."""


@dataclass(frozen=True)
class Government:
    """Who sets tariffs: a name, its economies, which partners' goods it taxes (None: all others')."""

    name: str
    members: tuple[str, ...]
    partners: tuple[str, ...] | None = None


class Optimum(NamedTuple):
    """Optimal tariffs, the equilibrium they lead to, and how good they are."""

    government: Government
    tariff: xr.DataArray  # all tariffs (exporter, importer, sector), the government's at their optimum
    rates: xr.DataArray  # what was chosen: dims by how it was chosen
    result: xr.Dataset  # outcomes at the optimum against the base
    welfare_pct: float  # of the government
    gradient: xr.DataArray  # of log welfare to each chosen rate
    steps: int


def government(world: World | Base, code: str, partners: Sequence[str] | None = None) -> Government:
    """A government by the code of an economy, or of a group (EU27) of which the world has members.

    Raises `OptionError` for what the world doesn't have.
    """
    economies = world.economies
    if code in economies:
        members: tuple[str, ...] = (code,)
    else:
        wanted = ever_members(code) if is_group(code) else frozenset()
        members = tuple(c for c in economies if c in wanted)
    if not members:
        raise OptionError(
            f"government {code}: no economy or group of {world.name}; it has {', '.join(economies)}."
        )
    unknown = [p for p in partners or () if p not in economies]
    if unknown:
        raise OptionError(f"government {code}: partner {', '.join(unknown)} is no economy of {world.name}.")
    return Government(code, members, None if partners is None else tuple(partners))


def optimal(
    world: World | Base,
    who: str | Government,
    *,
    by: By = "uniform",
    bounds: tuple[float, float] = (0.0, 2.0),
    sectors: Sequence[str] | None = None,
    shock: Shock | xr.DataArray | None = None,
    options: Options | None = None,
    **overrides: Any,
) -> Optimum:
    """The tariffs a government would choose, others' given (by `shock`, else those of the base).

    `by` is how they may differ: one `uniform` rate, by `partner`, by `sector`, by `partner_sector`. Tariffs
    of the government's own on its own members' goods are not touched. `sectors` limits what is taxed.

    Welfare is the exact one, whatever option `welfare` reports. A rate on goods that aren't imported is NaN.

    Raises `OptionError` for bad bounds or codes, `NotConverged` where the search fails.
    """
    base = _exact(ready(world, options, **overrides))
    chosen = who if isinstance(who, Government) else government(base, who)
    return _optimum(base, chosen, change(base, shock), _instruments(base, chosen, by, bounds, sectors), None)


def answered(
    world: World | Base,
    leader: str | Government,
    others: Sequence[str | Government],
    *,
    by: By = "uniform",
    bounds: tuple[float, float] = (0.0, 2.0),
    shock: Shock | xr.DataArray | None = None,
    options: Options | None = None,
    **overrides: Any,
) -> dict[str, Optimum]:
    """The leader's optimal tariffs, each other government's best response to them, and the world with all of them.

    Rates, slopes and steps are those of each government's own choice (the leader's before it is answered, the
    others' to the leader alone); `tariff`, `result` and `welfare_pct` are those of the world with all tariffs. Raises
    as `optimal`.
    """
    base = _exact(ready(world, options, **overrides))
    first = optimal(base, leader, by=by, bounds=bounds, shock=shock)
    found = {first.government.name: first}
    ch = change(base, shock)
    together = first.tariff.copy(deep=True)
    for other in others:
        best = optimal(base, other, by=by, bounds=bounds, shock=_with_tariff(shock, first.tariff))
        found[best.government.name] = best
        members = {"importer": list(best.government.members)}
        together.loc[members] = best.tariff.sel(members)
    tariff = np.ascontiguousarray(together.values.transpose(2, 1, 0))
    s = counterfactual(base, ch._replace(tariff=tariff))
    hat = model.welfare(np, s.parameters, s.state, s.market, base.income)
    result = dataset(s, flows=False)
    return {
        name: o._replace(
            tariff=together, result=result, welfare_pct=100 * float(_weights(base, o.government) @ hat - 1)
        )
        for name, o in found.items()
    }


def nash(
    world: World | Base,
    governments: Sequence[str | Government],
    *,
    by: By = "uniform",
    bounds: tuple[float, float] = (0.0, 2.0),
    shock: Shock | xr.DataArray | None = None,
    options: Options | None = None,
    **overrides: Any,
) -> dict[str, Optimum]:
    """A Nash equilibrium in tariffs: each government's are the best given the others', by rounds of responses.

    Each optimum holds the tariffs of all governments. Raises `NotConverged` where best responses don't
    settle, with the government that still moves.
    """
    base = _exact(ready(world, options, **overrides))
    players = [g if isinstance(g, Government) else government(base, g) for g in governments]
    taken = [m for g in players for m in g.members]
    if len(set(taken)) < len(taken):
        raise OptionError("governments overlap: an economy can set its tariffs only once.")
    ch = change(base, shock)
    tools = {g.name: _instruments(base, g, by, bounds, None) for g in players}
    rates: dict[str, Float | None] = {g.name: None for g in players}
    moved, found = np.inf, {}
    for _ in range(MOST_ROUNDS):
        moved, mover = 0.0, ""
        for g in players:
            best = _optimum(base, g, ch, tools[g.name], rates[g.name])
            new, old = best.rates.values.ravel(), rates[g.name]
            shift = np.inf if old is None else float(np.nanmax(np.abs(new - old), initial=0.0))
            moved, mover = max((moved, mover), (shift, g.name))
            rates[g.name], found[g.name] = new, best
            ch = ch._replace(tariff=np.ascontiguousarray(best.tariff.values.transpose(2, 1, 0)))
        if moved < SETTLED:
            return {g.name: _optimum(base, g, ch, tools[g.name], rates[g.name]) for g in players}
    raise NotConverged(
        f"{base.name}: best responses of {', '.join(rates)} don't settle in {MOST_ROUNDS} rounds; {mover} still moves "
        f"a rate by {100 * moved:.3g} points. Give narrower bounds, or fewer instruments."
    )


def retaliation(world: World | Base, shock: xr.DataArray, target: str) -> xr.DataArray:
    """Reciprocal retaliation: every partner puts on the target's goods what the target puts on the partner's.

    `shock` are tariffs (exporter, importer[, sector]). Raises `OptionError` for an unknown target.
    """
    if target not in world.economies:
        raise OptionError(f"retaliation against {target}: no economy of {world.name}.")
    rate = shock.copy(deep=True)
    others = [c for c in world.economies if c != target]
    for other in others:
        rate.loc[{"exporter": target, "importer": other}] = shock.sel(exporter=other, importer=target).values
    return rate


class _Instruments(NamedTuple):
    """How a vector of rates becomes tariffs: cells (sector, importer, exporter) and the rate that each takes."""

    cells: tuple[Float, Float, Float]
    which: Float
    lower: float
    upper: float
    shape: tuple[int, ...]
    labels: dict[str, list[str]]


def _instruments(
    base: Base, g: Government, by: By, bounds: tuple[float, float], sectors: Sequence[str] | None
) -> _Instruments:
    if by not in BY:
        raise OptionError(f"tariffs by {by!r}: give one of {', '.join(BY)}.")
    lower, upper = bounds
    if not -1 < lower <= upper < np.inf:
        raise OptionError(f"bounds {lower:g} to {upper:g}: give fractions above -1, the lower first.")
    unknown = [s for s in sectors or () if s not in base.sectors]
    if unknown:
        raise OptionError(
            f"sectors {', '.join(unknown)}: not of {base.name}; it has {', '.join(base.sectors)}."
        )
    index = {c: i for i, c in enumerate(base.economies)}
    importers = [index[m] for m in g.members]
    partners = [c for c in (g.partners or base.economies) if c not in g.members]
    traded = base.trade_share[:, importers].sum(axis=1) > 0
    goods = [k for k, name in enumerate(base.sectors) if (sectors is None or name in sectors)]
    # Where nothing is imported at all (non-traded sectors) a tariff is no choice: its slope is zero.
    goods = [k for k in goods if traded[k, [index[p] for p in partners]].any()]
    if not goods:
        raise OptionError(f"government {g.name}: imports none of these goods from these partners.")
    s, n, i = np.meshgrid(goods, importers, [index[p] for p in partners], indexing="ij")
    k_at, n_at, p_at = np.meshgrid(*(np.arange(len(v)) for v in (goods, importers, partners)), indexing="ij")
    names = [base.sectors[k] for k in goods]
    chosen: dict[str, tuple[Any, dict[str, list[str]]]] = {
        "uniform": (np.zeros_like(k_at), {}),
        "partner": (p_at, {"exporter": partners}),
        "sector": (k_at, {"sector": names}),
        "partner_sector": (p_at * len(goods) + k_at, {"exporter": partners, "sector": names}),
        "member": (n_at, {"importer": list(g.members)}),
    }
    which, labels = chosen[by]
    shape = tuple(len(v) for v in labels.values())
    return _Instruments((s.ravel(), n.ravel(), i.ravel()), which.ravel(), lower, upper, shape, labels)


def _optimum(base: Base, g: Government, ch: Change, tools: _Instruments, first: Float | None) -> Optimum:
    """Maximise log welfare over the rates, within bounds, by L-BFGS-B with exact gradients."""
    weight, n = _weights(base, g), len(base.economies)
    shape = (len(base.sectors), n, n)
    start_tariff = ch.tariff if ch.tariff is not None else base.tariff
    current = np.zeros(shape) if start_tariff is None else start_tariff
    count = int(tools.which.max()) + 1
    imports = np.bincount(tools.which, _taxed(base, tools), minlength=count)
    taxes = imports > 0  # a rate on nothing is no choice: unknown, and left as it is
    taxed = taxes[tools.which]
    cells = tuple(at[taxed] for at in tools.cells)
    last: dict[str, Solution] = {}

    def solved(rates: Float) -> Solution:
        tariff = current.copy()
        tariff[cells] = rates[tools.which[taxed]]
        guess = last["solution"].state if last else None
        last["solution"] = counterfactual(base, ch._replace(tariff=tariff), guess=guess)
        return last["solution"]

    def objective(rates: Float) -> tuple[float, Float]:
        s = solved(rates)
        hats = weight * model.welfare(np, s.parameters, s.state, s.market, base.income)
        by_lever, missed = Linearised(s).reverse_with_error({"welfare": hats / hats.sum()})
        slope = by_lever.tariff[tools.cells]
        # The search compares values that differ by less than a solution's own error.
        return -float(np.log(hats.sum())) - missed, -np.bincount(tools.which, slope, minlength=count).astype(
            np.float64
        )

    if first is None:
        seen = np.bincount(tools.which, current[tools.cells], minlength=count) / np.bincount(tools.which)
        first = np.clip(seen + 0.05, tools.lower, tools.upper)
    first = np.where(np.isnan(first), tools.lower, first)
    # Curvature goes with what a rate taxes: in units of the root of base imports the problem is well scaled,
    # without that the search spends hundreds of steps on partners that hardly trade.
    unit = np.sqrt(np.maximum(imports / imports.sum(), LEAST_SHARE))

    def scaled(x: Float) -> tuple[float, Float]:
        value, slope = objective(x / unit)
        return value, slope / unit

    search = optimize.minimize(
        scaled, first * unit, jac=True, method="L-BFGS-B",
        bounds=[(tools.lower * u, tools.upper * u) for u in unit],
        options={"gtol": GRADIENT_TOLERANCE, "ftol": 0.0, "maxiter": 300, "maxcor": 30},
    )  # fmt: skip
    rates = np.clip(search.x / unit, tools.lower, tools.upper)
    value, slope = objective(rates)
    inside = (rates > tools.lower + 1e-9) & (rates < tools.upper - 1e-9)
    if np.abs((slope / unit)[inside]).max(initial=0.0) > 100 * GRADIENT_TOLERANCE:
        raise NotConverged(
            f"{base.name}: the optimal tariffs of {g.name} are not found: after {search.nit} steps the slope of log "
            f"welfare is still {np.abs(slope[inside]).max():.3g} ({search.message}). Give narrower bounds."
        )
    solution = last["solution"]
    assert solution.tariff is not None
    tariff = labelled(base, solution.tariff.transpose(2, 1, 0), FLOW, "fraction of value before duty")

    def by_rate(values: Float, units: str) -> xr.DataArray:
        return xr.DataArray(
            values.reshape(tools.shape), coords=tools.labels, dims=list(tools.labels), attrs={"units": units}
        )

    return Optimum(
        g,
        tariff,
        by_rate(np.where(taxes, rates, np.nan), "fraction of value before duty"),
        dataset(solution, flows=False),
        100 * float(np.expm1(-value)),
        by_rate(-slope, "log welfare per unit of tariff"),
        int(search.nfev),
    )


def _exact(base: Base) -> Base:
    """The base with exact welfare: a government aims at it, not at its first-order parts."""
    return (
        base
        if base.options.welfare == "exact"
        else replace(base, options=base.options.changed(welfare="exact"))
    )


def _with_tariff(shock: Shock | xr.DataArray | None, tariff: xr.DataArray) -> Shock:
    """A shock with other tariffs."""
    return replace(shock, tariff=tariff) if isinstance(shock, Shock) else Shock(tariff=tariff)


def _weights(base: Base, g: Government) -> Float:
    """Weights of economies in a government's aim (N,): base labour income of its members."""
    weight = np.zeros(len(base.economies))
    at = [base.economies.index(m) for m in g.members]
    weight[at] = base.parameters.wage_income[at] / base.parameters.wage_income[at].sum()
    return weight


def _taxed(base: Base, tools: _Instruments) -> Float:
    """Base spending, with duties, that each cell's tariff falls on."""
    sector, importer, _ = tools.cells
    return np.asarray(base.trade_share[tools.cells] * base.parameters.spending[importer, sector])


def summary(optima: Mapping[str, Optimum]) -> xr.Dataset:
    """Rates and welfare of several governments side by side, (government, ...)."""
    names = list(optima)
    joined = xr.concat([optima[n].rates for n in names], dim="government", join="outer")
    return xr.Dataset(
        {
            "rate": joined.assign_coords(government=names),
            "welfare_pct": ("government", [optima[n].welfare_pct for n in names], {"units": "percent"}),
        }
    )
