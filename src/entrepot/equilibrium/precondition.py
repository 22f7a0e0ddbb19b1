"""An approximate inverse of the model's Jacobian: what makes ten sweeps do the work of seventy.

Costs and spending respond to themselves mostly at home: with home shares h alone the Leontief feedback of an
economy is a small matrix, inverted once. Wages respond through trade aggregated over sectors, one N x N matrix. With
e what an economy earns, w its wage, c its mean cost (all logs), phi the share of spending for intermediate use,

    e = F [ (1 - phi) w + phi e ] + H w - E c,     c = D w,

F the weights of foreign buyers and H of final buyers at home in what is earned, E the Armington elasticities of
earnings to costs, D the value added by origin in output; F, H and E count what a sale earns with the inputs
that it draws from home suppliers. What is left out (sectors' foreign feedback, revenue, labour supply, scale) is left
to the acceleration.
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
    cost_weight: Array  # weights of sectors in an economy's mean cost, (N, S)
    content: Array  # D, value added of each economy in the output of each, (N, N)
    by_excess: Array  # what log wages do about excess income, (N, N)
    by_spending: Array  # about a relative miss of spending, (N, N)
    by_cost: Array  # about a miss of mean costs, (N, N)


def preconditioner(p: Parameters, share: Float, input_coefficient: Float | None) -> Preconditioner:
    """Invert home feedback and aggregate trade once.

    `share` are trade shares (sector, importer, exporter), `input_coefficient` (economy, input, user) or None.
    """
    home = np.maximum(np.diagonal(share, axis1=1, axis2=2).T, LEAST_HOME_SHARE)
    kept = home * (1 - p.foreign_share)[:, None]
    leontief, earning = None, p.value_added_share
    if input_coefficient is not None:
        identity = np.eye(input_coefficient.shape[1])
        exact = np.linalg.inv(identity - input_coefficient * kept[:, None, :])
        # What a sale earns with the sales that it brings to home suppliers: b + (b h) L g.
        drawn = np.matmul((p.value_added_share * kept)[:, None, :], exact)
        earning = p.value_added_share + np.matmul(drawn, input_coefficient)[:, 0]
        # Single precision: the inverse is approximate anyway, and reading it is what a step costs.
        leontief = exact.astype(np.float32)
    content, intermediate, at_home = _chains(p, share, home, input_coefficient)
    earned, cross, own = _trade_responses(p, share, earning)

    n = len(content)
    abroad = earned.copy()
    np.fill_diagonal(abroad, 0.0)
    final_at_home = (earning * at_home).sum(axis=1)
    total = (abroad.sum(axis=1) + final_at_home)[:, None]
    abroad, cross, own = abroad / total, cross / total, own / total
    elasticity = np.diag(cross.sum(axis=1)) - cross
    all_at_home = (p.value_added_share * home * p.spending).sum(axis=1) / total[:, 0]

    chains = np.linalg.inv(np.eye(n) - abroad * intermediate)
    bought = abroad * (1 - intermediate) + np.diag(final_at_home / total[:, 0])
    income = p.wage_income / p.wage_income.sum()
    # The numeraire's row makes the response of relative wages regular.
    by_excess = np.linalg.inv(np.eye(n) - chains @ bought + chains @ elasticity @ content + income[None, :])
    through = by_excess @ chains
    return Preconditioner(
        kept,
        leontief,
        own / own.sum(axis=1, keepdims=True),
        content,
        by_excess,
        through @ (abroad + np.diag(all_at_home)),
        through @ elasticity,
    )


def step(c: Preconditioner, z: State, r: State, *, longest: float = np.inf) -> State:
    """A step towards the solution from residuals `r` at a state; linear in `r` but for the `longest` step."""
    cost, spending = _fed_back(c, c.kept * r.cost, r.spending, 1 / c.kept, transposed=True)
    mean_cost = np.vecdot(c.cost_weight, cost)
    more = spending.sum(axis=1) / z.spending.sum(axis=1)
    wage = c.by_excess @ (r.wage - r.labour) + c.by_spending @ more - c.by_cost @ mean_cost
    if longest < np.inf:
        wage = np.clip(wage, -longest, longest)
    rise = (wage + r.labour)[:, None]
    return State(wage, r.labour, cost + (c.content @ wage)[:, None], spending + rise * z.spending)


def step_transposed(c: Preconditioner, z: State, v: State) -> State:
    """The transpose of `step` (without its limit), for adjoint systems."""
    raised = (z.spending * v.spending).sum(axis=1)
    wage = v.wage + c.content.T @ v.cost.sum(axis=1) + raised
    excess = c.by_excess.T @ wage
    cost = v.cost - (c.by_cost.T @ wage)[:, None] * c.cost_weight
    spending = v.spending + (c.by_spending.T @ wage / z.spending.sum(axis=1))[:, None]
    cost, spending = _fed_back(c, cost / c.kept, spending, c.kept, transposed=False)
    return State(excess, v.labour + raised - excess, cost, spending)


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


def _chains(
    p: Parameters, share: Float, home: Float, input_coefficient: Float | None
) -> tuple[Float, Float, Float]:
    """Value added by economy of origin in an economy's output (N, N), as if its sectors were one; the share
    of spending that is for intermediate use (N,); and final spending on home goods (N, S).
    """
    n = len(p.wage_income)
    if input_coefficient is None:
        return np.eye(n), np.zeros(n), home * p.spending
    sales = np.matmul(share.transpose(0, 2, 1), p.spending.T[:, :, None])[:, :, 0].T
    use = np.matmul(input_coefficient, sales[:, :, None])[:, :, 0]
    inputs = np.einsum("sni,ns->ni", share, use) / sales.sum(axis=1)[:, None]
    content = np.linalg.inv(np.eye(n) - inputs) * (1 - inputs.sum(axis=1))
    return content, use.sum(axis=1) / p.spending.sum(axis=1), home * np.maximum(p.spending - use, 0)


def _trade_responses(p: Parameters, share: Float, earning: Float) -> tuple[Float, Float, Float]:
    """What exporters earn by importer (exporter, importer); the sum over markets of what they earn times
    elasticity times the share of each competitor (N, N); and the response to own costs by sector (N, S).

    `earning` (N, S) is what a unit of sales earns.
    """
    sectors, n, _ = share.shape
    each = p.elasticity[:, None] * earning.T  # (S, exporter)
    gross = np.einsum("sni,sn->si", share, p.spending.T)
    own = each * (gross - np.einsum("sni,sni,sn->si", share, share, p.spending.T))
    earned = np.einsum("sni,sn,si->in", share, p.spending.T, earning.T)
    if sectors * n**3 <= EXACT_BELOW:
        weighted = share * p.spending.T[:, :, None] * each[:, None, :]
        cross = np.matmul(weighted.transpose(0, 2, 1), share).sum(axis=0)
    else:
        total = np.einsum("sni,sn->ni", share, p.spending.T)
        theta = (each * gross).sum(axis=0) / (earning.T * gross).sum(axis=0)
        cross = theta[:, None] * earned @ (total / total.sum(axis=1, keepdims=True))
    return earned, cross, own.T
