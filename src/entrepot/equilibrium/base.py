"""The base of a counterfactual: a world turned into the parameters of the model, checked."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, cast

import numpy as np
import xarray as xr

from entrepot.equilibrium.elasticities import resolve
from entrepot.equilibrium.model import Numeraire, Parameters, Rules
from entrepot.equilibrium.options import NUMERAIRES, Float, Options, by_economy
from entrepot.equilibrium.precondition import Preconditioner, preconditioner
from entrepot.errors import OptionError, WorldError
from entrepot.world import World

TINY = 1e-12
"""Spending below this share of an economy's total counts as rounding where a sign is checked."""


class Totals(NamedTuple):
    """Trade of each economy before duties, USD, all (N,), and output (N, S)."""

    exports: Float
    imports: Float
    output: Float


@dataclass(frozen=True)
class Base:
    """A world as the model needs it: shares, levels and behavioural parameters; nothing is changed in place.

    Three-dimensional arrays are (sector, importer, exporter), so that a sum over exporters or importers is
    a product of one contiguous matrix per sector. Where an importer spends nothing on a sector its share is
    one at home, which keeps every price defined and moves nothing.
    """

    name: str
    statement: str
    economies: tuple[str, ...]
    sectors: tuple[str, ...]
    options: Options
    rules: Rules
    elasticity_source: str
    trade_share: Float  # pi_ins of spending with duties, (S, N, N)
    tariff: Float | None  # t_ins, (S, N, N); None where there is none
    parameters: Parameters  # of no change at all
    input_coefficient: Float | None  # g_nsk, (N, S, S); None without input-output links
    revenue: Float  # (N,)
    income: Float  # I_n, final spending, (N,)
    solved: bool = False  # whether the base had to be solved first

    @cached_property
    def approximate_inverse(self) -> Preconditioner:
        """The approximate inverse that every counterfactual from this base iterates with."""
        return preconditioner(self.parameters, self.trade_share, self.input_coefficient)

    @cached_property
    def totals(self) -> Totals:
        """Exports, imports and output of the base."""
        flow = self.flow()
        home = np.diagonal(flow, axis1=1, axis2=2).T
        return totals_of(home, flow.sum(axis=1).T, flow.sum(axis=2).T)

    def flow(self) -> Float:
        """Base trade M_ins before duties in USD, (sector, importer, exporter)."""
        spent = self.trade_share * self.parameters.spending.T[:, :, None]
        return np.asarray(spent if self.tariff is None else spent / (1 + self.tariff))


def prepare(
    world: World, options: Options | None = None, *, base_tariff: Float | None = None, **overrides: Any
) -> Base:
    """Turn a world into a base, which any number of counterfactuals can share.

    `base_tariff` (exporter, importer, sector) replaces the world's own duties: flows before duties stay, and
    spending, revenue and final shares follow.

    Raises `OptionError`, `Unresolved` where the world has no flows or elasticities, `WorldError` where it
    doesn't balance.
    """
    options = (options or Options()).changed(**overrides)
    n, s = len(world.economies), len(world.sectors)
    theta, source = resolve(options.elasticity, world)
    if options.residual_claimant not in (None, *world.economies):
        raise OptionError(
            f"option residual_claimant: {options.residual_claimant}: no economy of {world.name}."
        )
    flow = np.ascontiguousarray(world.flow.values.transpose(2, 1, 0))
    duties = world.tariff.values if base_tariff is None else base_tariff
    tariff = np.ascontiguousarray(duties.transpose(2, 1, 0)) if duties.any() else None

    share = flow if tariff is None else flow * (1 + tariff)
    spending = share.sum(axis=2)
    if share is flow:
        share = flow.copy()
    np.divide(share, spending[:, :, None], out=share, where=spending[:, :, None] > 0)
    idle_sector, idle_importer = np.nonzero(spending <= 0)
    share[idle_sector, idle_importer, idle_importer] = 1.0
    spending = np.ascontiguousarray(spending.T)

    nu = by_economy("foreign_share", options.foreign_share, world.economies, least=0.0, below=1.0)
    purchases = np.ascontiguousarray(flow.sum(axis=2).T)
    sales = np.einsum("sni,n->is", flow, 1 - nu)
    del flow
    inputs = world.input_coefficient.values
    linked = bool(inputs.any())
    use = np.einsum("nsk,nk->ns", inputs, sales) if linked else np.zeros((n, s))
    value_added_share = world.value_added_share.values
    wage_income = (value_added_share * sales).sum(axis=1) + nu * purchases.sum(axis=1)
    _positive("labour income", wage_income, world)
    _suppliers(spending, world)
    final = spending - use
    income = final.sum(axis=1)
    revenue = (spending - purchases).sum(axis=1) if tariff is not None else np.zeros(n)

    numeraire, weight = _numeraire(options.numeraire, wage_income, income, world)
    parameters = Parameters(
        elasticity=theta,
        value_added_share=value_added_share,
        final_share=_final_share(world, final, income),
        spending=spending,
        wage_income=wage_income,
        transfer=income - wage_income - revenue,
        foreign_share=nu,
        tariff_exponent=_tariff_exponent(options, nu, world),
        labour_supply=by_economy(
            "labour_supply", options.labour_supply, world.economies, least=0.0, below=np.inf
        ),
        scale=by_economy("scale", options.scale, world.economies, least=0.0, below=np.inf),
        labour=np.ones(n),
        base_relief=revenue / wage_income if options.revenue == "tax_relief" else np.zeros(n),
        claim=np.zeros(n),
        numeraire_weight=weight,
        size=spending.sum(axis=1),
    )
    rules = Rules(
        options.revenue,
        options.deficits != "fixed",
        numeraire,
        scaled=bool(parameters.scale.any()),
        partial=bool((parameters.tariff_exponent != 1).any()),
    )
    return Base(
        world.name, world.statement, world.economies, world.sectors, options, rules, source,
        share, tariff, parameters, np.ascontiguousarray(inputs) if linked else None, revenue, income,
    )  # fmt: skip


def _final_share(world: World, final: Float, income: Float) -> Float:
    """alpha_ns: what the flows leave after intermediate use where the world is closed, exactly; else as
    given.
    """
    if not world.closed and world.has("final_share"):
        return np.asarray(world.final_share.values)
    worst = np.unravel_index(np.argmin(final / np.maximum(income, TINY)[:, None]), final.shape)
    if np.any(income <= 0) or final[worst] < -1e-6 * income[worst[0]]:
        raise WorldError(
            f"{world.name}: {world.economies[worst[0]]} spends {final[worst]:.4g} USD on "
            f"{world.sectors[worst[1]]} in final use, of {income[worst[0]]:.4g} in all: the world doesn't "
            "balance under these duties and options. Give a balanced world, or one with closed=False and its "
            "own final shares, whose base is then solved first."
        )
    final = np.maximum(final, 0)
    return np.asarray(final / final.sum(axis=1, keepdims=True))


def _suppliers(spending: Float, world: World) -> None:
    """Who wants goods must have bought some: shares of nothing can't be known."""
    if world.closed or not world.has("final_share"):
        return
    wanting = (world.final_share.values > TINY) & (spending <= 0)
    if wanting.any():
        at = np.argwhere(wanting)[0]
        raise WorldError(
            f"{world.name}: {world.economies[at[0]]} has a final share of "
            f"{world.final_share.values[tuple(at)]:.3g} for {world.sectors[at[1]]} but buys none, not even at "
            "home. Give flows for that cell, or a share of zero."
        )


def _positive(what: str, values: Float, world: World) -> None:
    bad = np.flatnonzero(~(values > 0))
    if bad.size:
        raise WorldError(
            f"{world.name}: {world.economies[bad[0]]} has {what} of {values[bad[0]]:.4g} USD; "
            "the model needs it above zero. Leave the economy out, or give its output and value added."
        )


def _tariff_exponent(options: Options, nu: Float, world: World) -> Float:
    if options.tariff_exponent is not None:
        return by_economy(
            "tariff_exponent", options.tariff_exponent, world.economies, least=0.0, below=np.inf
        )
    theta = options.firm_dispersion
    return np.asarray(options.pass_through + (1 + theta) / ((1 - nu) * theta) - 1 / theta - 1)


def _numeraire(name: str, wage_income: Float, income: Float, world: World) -> tuple[Numeraire, Float]:
    if name in NUMERAIRES:
        weight = income if name == "prices" else wage_income
        return cast("Numeraire", name), np.asarray(weight / weight.sum())
    if name not in world.economies:
        raise OptionError(
            f"option numeraire: found {name!r}; give one of {', '.join(NUMERAIRES)} or an economy's code."
        )
    weight = np.zeros(len(world.economies))
    weight[world.economy_index(name)] = 1.0
    return "wages", weight


def totals_of(home: Float, output: Float, purchases: Float) -> Totals:
    """Totals from home sales, output and purchases, all (N, S) before duties."""
    return Totals((output - home).sum(axis=1), (purchases - home).sum(axis=1), output)


def labels(base: Base, dims: Iterable[str]) -> dict[str, list[str]]:
    """The base's labels on some dimensions."""
    return {d: list(base.sectors if d == "sector" else base.economies) for d in sorted(dims)}


def labelled(base: Base, values: Float, dims: tuple[str, ...], units: str) -> xr.DataArray:
    """A result with the base's labels on its dimensions."""
    return xr.DataArray(values, coords=labels(base, dims), dims=list(dims), attrs={"units": units})
