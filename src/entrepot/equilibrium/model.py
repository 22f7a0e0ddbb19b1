"""The equations of the world after a change, once, against the array API (`xp` is numpy or jax.numpy).

Exact hat algebra (Dekle, Eaton and Kortum 2008; Caliendo and Parro 2015, "CP"), with the options of
Ignatenko, Lashkaripour, Macedoni and Simonovska (2025, "ILMS"). Indices: i exporter, n importer, s sector,
k using sector. A hat is new over old, a prime is new; N economies, S sectors. Money is in units of the
numeraire, base money in USD.

    cost           c_is   = w_i^{b_is} prod_k P_ik^{g_iks}                            CP (1), (10)
    efficiency     v_is   = [ c_is (w_i L_i / c_is)^{-psi} ]^{-theta_s}               ILMS, scale
    prices         P_ns   = (X_ns / w_n)^{1 - phi_n} ( sum_i K_ins v_is )^{-1/theta_s}CP (11), ILMS
    trade          M'_ins = K_ins v_is / (sum_j K_jns v_js) X'_ns / (1 + t'_ins)      CP (12)
    sales          S'_is  = sum_n (1 - nu_n) M'_ins
    wage income    Y'_i   = w_i L_i Y_i = sum_s b_is S'_is + nu_i sum_js M'_jis       clearing, CP (14)
    final spending I'_n   = Y'_n + sum_is t'_ins M'_ins + T'_n                        budget
    spending       X'_ns  = alpha_ns I'_n + sum_k g_nsk S'_nk                         CP (13)
    labour         L_i    = l_i ( tau_i w_i / prod_s P_is^{alpha_is} )^{kappa_i}            ILMS

(c, v, w, P, L, tau here are hats.) K_ins = pi_ins [ (1 + t')/(1 + t) ]^{-theta_s phi_n} d_ins^{-theta_s}
A_is^{theta_s} holds the base share and everything that the shock changes in trade costs and productivity.
"""

from typing import Any, Literal, NamedTuple, Protocol

Array = Any
"""An array of NumPy or JAX: the functions here are written for both."""

Revenue = Literal["lump_sum", "tax_relief"]
Numeraire = Literal["income", "wages", "prices"]

MOST_RELIEF = 0.99
"""Where revenue would replace more than this share of labour income on the way to the solution, the relief is
held there; `solve` refuses a solution at which it still binds."""


class Rules(NamedTuple):
    """The closures, which choose equations rather than numbers, and which terms of them are there at all."""

    revenue: Revenue = "lump_sum"
    transfers_grow: bool = True
    numeraire: Numeraire = "income"
    scaled: bool = True  # some psi isn't zero
    partial: bool = True  # some phi isn't one


class Parameters(NamedTuple):
    """What the equations hold fixed in one counterfactual, without the trade kernel (that is in `Sums`).

    Shapes: (N, S) by economy and sector, (N,) by economy, (S,) by sector; money in USD of the base.
    """

    elasticity: Array  # theta_s, (S,), positive
    value_added_share: Array  # b_is, (N, S)
    final_share: Array  # alpha_ns, (N, S), sums to 1 over sectors
    spending: Array  # X_ns of the base, (N, S)
    wage_income: Array  # Y_i of the base, (N,)
    transfer: Array  # T'_i before it grows with world income, (N,), sums to 0
    foreign_share: Array  # nu_n, share of sales earned where they are made, (N,)
    tariff_exponent: Array  # phi_n, (N,)
    labour_supply: Array  # kappa_i, (N,)
    scale: Array  # psi_i, (N,)
    labour: Array  # l_i, change of the labour endowment, (N,)
    base_relief: Array  # revenue over wage income of the base where it relieves income tax, else 0, (N,)
    claim: Array  # income from outside the model; zero but in one published slip, (N,)
    numeraire_weight: Array  # (N,), sums to 1
    size: Array  # unit of spending of each economy: its spending in the base, (N,)


class State(NamedTuple):
    """The unknowns of the fixed point: logs of hats, and spending in units of `Parameters.size`."""

    wage: Array  # log w_i, (N,)
    labour: Array  # log L_i, (N,)
    cost: Array  # log c_is, (N, S)
    spending: Array  # X'_ns / size_n, (N, S)


class Market(NamedTuple):
    """What a state implies, and by how much it misses each equation."""

    log_price: Array  # log P_ns, (N, S)
    efficiency: Array  # v_is, (N, S)
    denominator: Array  # sum_i K_ins v_is, (N, S)
    purchases: Array  # sum_i M'_ins, before duties, (N, S)
    sales: Array  # S'_is, (N, S)
    revenue: Array  # (N,)
    income: Array  # I'_n, all final spending, (N,)
    log_cpi: Array  # log of the consumer price index, (N,)
    relief: Array  # tau'_i, share of labour income whose tax the revenue replaces, (N,)
    residual: State


class Sums(Protocol):
    """The two sums that touch large arrays; how they are done is the engine's business."""

    def trade(self, efficiency: Array, spending: Array, kept: Array) -> tuple[Array, Array, Array]:
        """Denominators, purchases before duties, and sum_n K_ins / (1 + t'_ins) kept_n X_ns / denominator_ns.

        All are (N, S); the last is by exporter and lacks the factor v_is.
        """

    def inputs(self, log_price: Array, sales: Array) -> tuple[Array, Array]:
        """sum_k g_iks log P_ik by using sector s, and sum_k g_nsk S_nk by supplying sector s; both (N, S)."""


class DenseSums(NamedTuple):
    """The sums as einsums over whole arrays, for any engine; kernels are (sector, importer, exporter)."""

    xp: Any
    kernel: Array  # K_ins, (S, N, N)
    net_kernel: Array  # K_ins / (1 + t'_ins), (S, N, N)
    input_coefficient: Array  # g_nsk, (N, S, S)

    def trade(self, efficiency: Array, spending: Array, kept: Array) -> tuple[Array, Array, Array]:
        """See `Sums.trade`."""
        denominator = self.xp.einsum("sni,is->ns", self.kernel, efficiency)
        intensity = spending / denominator
        purchases = intensity * self.xp.einsum("sni,is->ns", self.net_kernel, efficiency)
        sold = self.xp.einsum("sni,ns->is", self.net_kernel, kept[:, None] * intensity)
        return denominator, purchases, sold

    def inputs(self, log_price: Array, sales: Array) -> tuple[Array, Array]:
        """See `Sums.inputs`."""
        g = self.input_coefficient
        return self.xp.einsum("nks,nk->ns", g, log_price), self.xp.einsum("nsk,nk->ns", g, sales)


def start(xp: Any, p: Parameters) -> State:
    """The base as a state: nothing has changed."""
    zero = xp.zeros_like(p.wage_income)
    return State(zero, zero, xp.zeros_like(p.spending), p.spending / p.size[:, None])


def market(xp: Any, rules: Rules, p: Parameters, sums: Sums, z: State) -> Market:
    """Evaluate every equation of the module at a state.

    The residual is in logs for wages (income from sales over income from wages), labour and cost, and in
    units of `size` for spending; all four vanish at an equilibrium, at which the numeraire is one.
    """
    theta = p.elasticity[None, :]
    spending = p.size[:, None] * z.spending
    own_cost = z.cost
    if rules.scaled:
        own_cost = z.cost - p.scale[:, None] * ((z.wage + z.labour)[:, None] - z.cost)
    efficiency = xp.exp(-theta * own_cost)
    denominator, purchases, sold = sums.trade(efficiency, spending, 1 - p.foreign_share)
    sales = efficiency * sold
    log_price = xp.log(denominator) / -theta
    if rules.partial:
        # Cells without spending have no price of their own market; the base counts them as unchanged.
        spent = p.spending > 0
        spent_hat = xp.where(spent, spending / xp.where(spent, p.spending, 1.0), 1.0)
        log_price += (1 - p.tariff_exponent)[:, None] * (xp.log(spent_hat) - z.wage[:, None])
    log_cpi = xp.vecdot(p.final_share, log_price)

    wage_income = xp.exp(z.wage + z.labour) * p.wage_income
    world_growth = wage_income.sum() / p.wage_income.sum()
    grown = world_growth if rules.transfers_grow else 1.0
    purchased = purchases.sum(1)
    revenue = spending.sum(1) - purchased
    income = wage_income + revenue + p.transfer * grown
    earned = xp.vecdot(p.value_added_share, sales) + p.foreign_share * purchased

    input_price, input_use = sums.inputs(log_price, sales)
    cost = p.value_added_share * z.wage[:, None] + input_price
    demand = p.final_share * income[:, None] + input_use

    relief = xp.zeros_like(revenue)
    if rules.revenue == "tax_relief":
        relief = xp.minimum(revenue / wage_income, MOST_RELIEF)
    log_relief = xp.log1p(-p.base_relief) - xp.log1p(-relief)
    labour = xp.log(p.labour) + p.labour_supply * (log_relief + z.wage - log_cpi)

    level = _numeraire(xp, rules, p, z, log_cpi)
    residual = State(
        xp.log(earned / (wage_income - p.claim * grown)) - xp.log(level),
        labour - z.labour,
        cost - z.cost,
        (demand - spending) / p.size[:, None],
    )
    return Market(
        log_price, efficiency, denominator, purchases, sales, revenue, income, log_cpi, relief, residual
    )


def _numeraire(xp: Any, rules: Rules, p: Parameters, z: State, log_cpi: Array) -> Array:
    """The level that the numeraire holds at one: a weighted mean of incomes, wages or consumer prices."""
    log_level = {"income": z.wage + z.labour, "wages": z.wage, "prices": log_cpi}[rules.numeraire]
    return (p.numeraire_weight * xp.exp(log_level)).sum()


def welfare(xp: Any, p: Parameters, z: State, m: Market, base_income: Array) -> Array:
    """Welfare hat (N,): real income, net of the disutility of labour where it is supplied elastically.

    W_i = d_i I_hat_i / P_i + (1 - d_i) w_i L_i / P_i,  d_i = I_i / ( I_i - kappa/(1+kappa) (1 - tau'_i) Y_i )
    (ILMS, definition of welfare); with kappa = 0 it is real income, CP (15). The weight d has the relief of the
    new equilibrium on base labour income, as in the published code; with revenue as tax relief two changes one
    after the other therefore differ a little from both at once, and the formula may leave its domain (hats of
    zero or less) under large subsidies.
    """
    weight = p.labour_supply / (1 + p.labour_supply) * (1 - m.relief) * p.wage_income
    d = base_income / (base_income - weight)
    real = xp.exp(-m.log_cpi)
    return (d * m.income / base_income + (1 - d) * xp.exp(z.wage + z.labour)) * real
