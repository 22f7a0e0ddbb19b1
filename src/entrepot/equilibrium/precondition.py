"""An approximate inverse of the model's Jacobian: what makes ten sweeps do the work of seventy.

Two levels. Within an economy, costs and spending respond to themselves mostly at home: with home shares alone the
Leontief feedback is a small matrix, inverted once; it gives the pattern over sectors. Between economies, the
whole model is linearised as if each had one sector, and inverted once (4N x 4N); it gives the level. With logs
of wages w, labour l, mean costs c and spending x, and the rest as in `model`,

    u = (1 + psi) c - psi (w + l)                          own costs with scale economies
    P = Pi u + (1 - phi) (x - w)                           prices: inputs P_g, consumers P_f
    w + l = F_b x - E_b u                                  what sales earn, numeraire
    l = kappa (w - P_f)
    c = b w + (1 - b) P_g
    x = (1 - mu) [s_w (w + l) + s_R x] + mu [F_g x - E_g u]

where mu is the share of intermediate use in spending, s_w and s_R those of wages and revenue in income, F the
weights of buyers in sales and E the Armington elasticities of sales to costs, weighted with value added (b) or
input use (g). What is left out (sectors' foreign feedback, where revenue comes from, income-tax relief)
is left to the acceleration.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entrepot.equilibrium.model import Array, Parameters, State
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.sums import blocks

LEAST_HOME_SHARE = 1e-3
"""Home shares enter as a divisor; below this an approximate inverse is no better for being exact."""

LONGEST_STEP = 0.5
"""Largest change of a log wage in one step: a hat of 1.6, beyond which the linear picture is wrong anyway."""

ALONE = 1e-12
"""Share of sales below which trade counts as none, and weight of sectors that compete with nobody."""

EXACT_BELOW = 3e7
"""Cells (N^3 S) up to which cross-price effects are summed by sector rather than on aggregate trade."""


class Preconditioner(NamedTuple):
    """The pieces of the approximate inverse, those of one base for every counterfactual from it."""

    kept: Array  # home share of spending that stays with producers, (N, S)
    leontief: Array | None  # (I - inputs x kept)^-1 by economy, (N, S, S); None without inputs
    cost_weight: Array  # weights of sectors in an economy's mean cost, (N, S)
    level: Array  # minus the inverse of the one-sector Jacobian, (4N, 4N): wages, labour, costs, spending
    home: Array  # what home feedback leaves of a miss of mean costs and of spending, (2, N)


def preconditioner(p: Parameters, share: Float, input_coefficient: Float | None) -> Preconditioner:
    """Invert home feedback and the model of one sector once.

    `share` are trade shares (sector, importer, exporter), `input_coefficient` (economy, input, user) or None.
    """
    home = np.maximum(np.diagonal(share, axis1=1, axis2=2).T, LEAST_HOME_SHARE)
    kept = home * (1 - p.foreign_share)[:, None]
    leontief = None
    if input_coefficient is not None:
        # Single precision: the inverse is approximate anyway, and reading it is what a step costs.
        fed_back = (input_coefficient * kept[:, None, :]).astype(np.float32)
        leontief = np.linalg.inv(np.eye(kept.shape[1], dtype=np.float32) - fed_back)
    jacobian, own, at_home = _one_sector(p, share, input_coefficient)
    weight = own / own.sum(axis=1, keepdims=True)
    level = -np.linalg.inv(jacobian).astype(np.float32)
    return Preconditioner(kept, leontief, weight, level, at_home)


def step(c: Preconditioner, z: State, r: State, *, longest: float = np.inf) -> State:
    """A step towards the solution from residuals `r` at a state; linear in `r` but for the `longest` step."""
    cost, spending = _fed_back(c, c.kept * r.cost, r.spending, 1 / c.kept, transposed=True)
    # The pattern over sectors is that of home feedback; its level gives way to that of the whole world.
    level = np.stack([np.vecdot(c.cost_weight, cost), spending.sum(axis=1) / z.spending.sum(axis=1)])
    right = np.concatenate([r.wage, r.labour, *(c.home * level)])
    wage, labour, *world = (c.level @ right.astype(np.float32)).astype(np.float64).reshape(4, -1)
    if longest < np.inf:
        wage = np.clip(wage, -longest, longest)
    more_cost, more_spending = world - level
    return State(wage, labour, cost + more_cost[:, None], spending + more_spending[:, None] * z.spending)


def step_transposed(c: Preconditioner, z: State, v: State) -> State:
    """The transpose of `step` (without its limit), for adjoint systems."""
    level = np.stack([v.cost.sum(axis=1), np.vecdot(z.spending, v.spending)])
    left = np.concatenate([v.wage, v.labour, *level])
    wage, labour, *world = (c.level.T @ left.astype(np.float32)).astype(np.float64).reshape(4, -1)
    more_cost, more_spending = c.home * world - level
    cost = v.cost + more_cost[:, None] * c.cost_weight
    spending = v.spending + (more_spending / z.spending.sum(axis=1))[:, None]
    cost, spending = _fed_back(c, cost / c.kept, spending, c.kept, transposed=False)
    return State(wage, labour, cost, spending)


def _fed_back(
    c: Preconditioner, cost: Float, spending: Float, scale: Float, *, transposed: bool
) -> tuple[Float, Float]:
    """scale x (L' cost or L cost), and L spending or L' spending: the two products with one reading of L."""
    if c.leontief is None:
        return cost * scale, spending
    first, second = (a.astype(np.float32)[:, :, None] for a in (cost, spending))
    out = np.empty_like(first), np.empty_like(second)
    for block in blocks(len(c.leontief), c.leontief[0].nbytes):
        leontief = c.leontief[block]
        back = leontief.transpose(0, 2, 1)
        np.matmul(back if transposed else leontief, first[block], out=out[0][block])
        np.matmul(leontief if transposed else back, second[block], out=out[1][block])
    return out[0][:, :, 0] * scale, out[1][:, :, 0].astype(np.float64)


def _one_sector(p: Parameters, share: Float, input_coefficient: Float | None) -> tuple[Float, Float, Float]:
    """The Jacobian of the module's equations (4N, 4N), sectors' weights in mean costs (N, S), what home feedback
    leaves (2, N).
    """
    n = len(p.wage_income)
    one = np.eye(n)
    spent = p.spending.T
    sold = spent * (1 - p.foreign_share)  # (S, importer)
    sales = np.einsum("sni,sn->is", share, sold)
    inputs = np.zeros_like(sales)
    if input_coefficient is not None:
        inputs = np.matmul(input_coefficient, sales[:, :, None])[:, :, 0]
    final = np.maximum(p.spending - inputs, 0)
    added = p.value_added_share

    def mean_shares(weight: Float) -> Float:
        total = np.maximum(weight.sum(axis=1), np.finfo(float).tiny)
        return np.asarray(np.einsum("sni,sn->ni", share, weight.T) / total[:, None])

    price_of_inputs, price_of_final = mean_shares(inputs), mean_shares(final)
    purchased = p.foreign_share * spent.sum(axis=0)
    earned, elastic, own = _sold(p, share, sold, added, purchased)
    used, used_elastic, _ = _sold(p, share, sold, 1 - added, 0 * purchased)
    tiny = np.finfo(float).tiny
    b = (added * sales).sum(axis=1) / np.maximum(sales.sum(axis=1), tiny)
    mu = inputs.sum(axis=1) / spent.sum(axis=0)
    income = final.sum(axis=1)
    s_w = p.wage_income / income
    s_r = 1 - s_w - p.transfer / income

    def rows(values: Float, matrix: Float) -> Float:
        return values[:, None] * matrix

    def of_own_cost(matrix: Float) -> tuple[Float, Float]:
        """A response to own costs u as responses to wages and labour (the same), and to costs."""
        return -matrix * p.scale, matrix * (1 + p.scale)

    partial = np.diag(1 - p.tariff_exponent)
    wage_price, cost_price = of_own_cost(price_of_inputs)
    wage_cpi, cost_cpi = of_own_cost(price_of_final)
    wage_sold, cost_sold = of_own_cost(elastic)
    wage_used, cost_used = of_own_cost(used_elastic)
    kappa = p.labour_supply
    earning = np.diag((1 - mu) * s_w)
    jacobian = np.block(
        [
            [-wage_sold - one - p.numeraire_weight, -wage_sold - one, -cost_sold, earned],
            [
                rows(kappa, one - wage_cpi + partial),
                rows(kappa, -wage_cpi) - one,
                rows(-kappa, cost_cpi),
                rows(-kappa, partial),
            ],
            [
                np.diag(b) + rows(1 - b, wage_price - partial),
                rows(1 - b, wage_price),
                rows(1 - b, cost_price) - one,
                rows(1 - b, partial),
            ],
            [
                earning - rows(mu, wage_used),
                earning - rows(mu, wage_used),
                rows(-mu, cost_used),
                np.diag((1 - mu) * s_r) + rows(mu, used) - one,
            ],
        ]
    )
    # Blocs that don't trade with each other may have any wages relative to each other: one in each is held.
    first = np.unique(_blocs((earned > ALONE) | (earned.T > ALONE)))[1:]
    jacobian[first, first] -= 1
    home = 1 - np.stack([(1 - b) * np.diagonal(price_of_inputs), mu * np.diagonal(used)])
    return jacobian, own + ALONE * p.spending, home


def _blocs(trade: NDArray[np.bool_]) -> NDArray[np.intp]:
    """The first economy of the bloc of each, as it can be reached through partners (N,)."""
    reached = trade | np.eye(len(trade), dtype=bool)
    for _ in range(len(trade).bit_length()):  # paths twice as long each time
        reached = (reached.astype(np.float32) @ reached.astype(np.float32)) > 0
    return np.asarray(np.argmax(reached, axis=1))


def _sold(
    p: Parameters, share: Float, sold: Float, weight: Float, at_home: Float
) -> tuple[Float, Float, Float]:
    """Weights of buyers in an economy's weighted sales (seller, buyer); elasticities of these sales to all costs
    (seller, competitor); and the response to own costs by sector (N, S).

    `weight` (N, S) is by seller; `at_home` (N,) adds to the weight of buyers at home.
    """
    sectors, n, _ = share.shape
    w = np.ascontiguousarray(weight.T)
    buyers = np.einsum("sni,sn,si->in", share, sold, w) + np.diag(at_home)
    total = np.maximum(buyers.sum(axis=1), np.finfo(float).tiny)[:, None]
    gross = np.einsum("sni,sn->si", share, sold)
    own = p.elasticity[:, None] * w * (gross - np.einsum("sni,sni,sn->si", share, share, sold))
    if sectors * n**3 <= EXACT_BELOW:
        weighted = share * (p.elasticity[:, None] * sold)[:, :, None] * w[:, None, :]
        cross = np.matmul(weighted.transpose(0, 2, 1), share).sum(axis=0)
    else:
        pairs = np.einsum("sni,sn->ni", share, sold)
        theta = (p.elasticity[:, None] * w * gross).sum(axis=0) / np.maximum((w * gross).sum(axis=0), 1e-300)
        cross = theta[:, None] * buyers @ (pairs / pairs.sum(axis=1, keepdims=True))
    elastic = (np.diag(cross.sum(axis=1)) - cross) / total
    return buyers / total, elastic, own.T
