"""An approximate inverse of the model's Jacobian: what makes twenty sweeps do the work of seventy.

Costs and spending respond to themselves mostly at home: with home shares h alone the Leontief feedback of an
economy is a small matrix, inverted once. Wages respond through trade aggregated over sectors (Armington with
sales-weighted elasticities), one N x N matrix. What is left out (foreign feedback of inputs, revenue, labour
supply, scale) is left to the acceleration.
"""

from typing import NamedTuple

import numpy as np

from entrepot.equilibrium.model import Array, Parameters, State
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.sums import blocks

LEAST_HOME_SHARE = 1e-3
"""Home shares enter as a divisor; below this an approximate inverse is no better for being exact."""

LONGEST_STEP = 0.5
"""Largest change of a log wage in one step: a hat of 1.6, beyond which the linear picture is wrong anyway."""

EXACT_BELOW = 3e7
"""Cells (N^3 S) up to which cross-price effects are summed by sector rather than on aggregate trade."""


class Preconditioner(NamedTuple):
    """The pieces of the approximate inverse, those of one base for every counterfactual from it."""

    kept: Array  # home share of spending that stays with producers, (N, S)
    leontief: Array | None  # (I - inputs x kept)^-1 by economy, (N, S, S); None without inputs
    sold: Array  # weights of destinations in sales, (N, N)
    cross: Array  # elasticities of sales to the costs of competitors, (N, N)
    own: Array  # their sum, the elasticity to own cost, (N,)
    wages: Array  # inverse of the response of log excess income to log wages, (N, N)


def preconditioner(p: Parameters, share: Float, input_coefficient: Float | None) -> Preconditioner:
    """Invert home feedback and aggregate trade once.

    `share` are trade shares (sector, importer, exporter), `input_coefficient` (economy, input, user) or None.
    """
    home = np.maximum(np.diagonal(share, axis1=1, axis2=2).T, LEAST_HOME_SHARE)
    kept = home * (1 - p.foreign_share)[:, None]
    leontief = None
    if input_coefficient is not None:
        identity = np.eye(input_coefficient.shape[1])
        # Single precision: the inverse is approximate anyway, and reading it is what a step costs.
        leontief = np.linalg.inv(identity - input_coefficient * kept[:, None, :]).astype(np.float32)
    sold, cross = _trade_responses(p, share)
    own = cross.sum(axis=1)
    # The numeraire's row makes the response of relative wages regular.
    income = p.wage_income / p.wage_income.sum()
    wages = np.linalg.inv(np.eye(len(income)) - sold + np.diag(own) - cross + income[None, :])
    return Preconditioner(kept, leontief, sold, cross, own, wages)


def step(c: Preconditioner, z: State, sales: Float, r: State, *, longest: float = np.inf) -> State:
    """A step towards the solution from residuals `r` at a state; linear in `r` but for the `longest` step.

    `sales` (N, S) weigh the costs of an economy's sectors.
    """
    cost, spending = _fed_back(c, c.kept * r.cost, r.spending, 1 / c.kept, transposed=True)
    mean_cost = (cost * sales).sum(axis=1) / sales.sum(axis=1)
    more = spending.sum(axis=1) / z.spending.sum(axis=1)
    wage = c.wages @ (r.wage - r.labour + c.sold @ more + c.cross @ mean_cost - c.own * mean_cost)
    if longest < np.inf:
        wage = np.clip(wage, -longest, longest)
    rise = (wage + r.labour)[:, None]
    return State(wage, r.labour, cost + wage[:, None], spending + rise * z.spending)


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


def step_transposed(c: Preconditioner, z: State, sales: Float, v: State) -> State:
    """The transpose of `step` (without its limit), for adjoint systems."""
    wage = v.wage + v.cost.sum(axis=1) + (z.spending * v.spending).sum(axis=1)
    labour = v.labour + (z.spending * v.spending).sum(axis=1)
    excess = c.wages.T @ wage
    mean_cost = c.cross.T @ excess - c.own * excess
    cost = v.cost + mean_cost[:, None] * sales / sales.sum(axis=1, keepdims=True)
    more = c.sold.T @ excess
    spending = v.spending + (more / z.spending.sum(axis=1))[:, None]
    cost, spending = _fed_back(c, cost / c.kept, spending, c.kept, transposed=False)
    return State(excess, labour - excess, cost, spending)


def _trade_responses(p: Parameters, share: Float) -> tuple[Float, Float]:
    """Weights of destinations in sales (N, N), and cross-price elasticities of sales to costs (N, N)."""
    sectors, n, _ = share.shape
    spending = p.spending.T[:, :, None]
    if sectors * n**3 <= EXACT_BELOW:
        flow = share * spending
        total = flow.sum(axis=0)
        sales = total.sum(axis=0)
        weighted = flow * p.elasticity[:, None, None]
        cross = np.matmul(weighted.transpose(0, 2, 1), share).sum(axis=0) / sales[:, None]
    else:
        total = np.einsum("sni,sn->ni", share, p.spending.T)
        sales = total.sum(axis=0)
        theta = np.einsum("sni,sn,s->i", share, p.spending.T, p.elasticity) / sales
        cross = theta[:, None] * (total.T / sales[:, None]) @ (total / total.sum(axis=1, keepdims=True))
    return total.T / sales[:, None], cross
