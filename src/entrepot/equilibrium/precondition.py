"""An approximate inverse of the model's Jacobian: what makes twenty sweeps do the work of seventy.

Costs and spending respond to themselves mostly at home: with home shares h alone the Leontief feedback of an
economy is a small matrix, inverted once. Wages respond through trade aggregated over sectors (Armington with
sales-weighted elasticities), one N x N matrix. What is left out (foreign feedback of inputs, revenue, labour
supply, scale) is left to the acceleration.
"""

import numpy as np

from entrepot.equilibrium.model import Market, Parameters, State
from entrepot.equilibrium.options import Float

LEAST_HOME_SHARE = 1e-3
"""Home shares enter as a divisor; below this an approximate inverse is no better for being exact."""

LONGEST_STEP = 0.5
"""Largest change of a log wage in one step: a hat of 1.6, beyond which the linear picture is wrong anyway."""

EXACT_BELOW = 3e7
"""Cells (N^3 S) up to which cross-price effects are summed by sector rather than on aggregate trade."""


class Preconditioner:
    """Maps residuals of the model to steps of its state.

    `share` are trade shares (sector, importer, exporter), those of the base: one inverse serves every
    counterfactual from it. `input_coefficient` is (economy, input, user) or None.
    """

    def __init__(self, p: Parameters, share: Float, input_coefficient: Float | None) -> None:
        home = np.maximum(np.diagonal(share, axis1=1, axis2=2).T, LEAST_HOME_SHARE)
        self.kept = home * (1 - p.foreign_share)[:, None]
        self.leontief: Float | None = None
        if input_coefficient is not None:
            identity = np.eye(input_coefficient.shape[1])
            self.leontief = np.linalg.inv(identity - input_coefficient * self.kept[:, None, :])
        self.sold, self.cross = _trade_responses(p, share)
        self.own = self.cross.sum(axis=1)
        # Minus the response of log excess income to log wages; the numeraire's row makes it regular.
        income = p.wage_income / p.wage_income.sum()
        self.wages = np.linalg.inv(
            np.eye(len(income)) - self.sold + np.diag(self.own) - self.cross + income[None, :]
        )

    def __call__(self, z: State, m: Market) -> State:
        """A step towards the solution, from the residuals at a state."""
        r = m.residual
        cost, spending = r.cost, r.spending
        if self.leontief is not None:
            h = self.kept
            cost = np.matmul(self.leontief.transpose(0, 2, 1), (h * cost)[:, :, None])[:, :, 0] / h
            spending = np.matmul(self.leontief, spending[:, :, None])[:, :, 0]
        mean_cost = (cost * m.sales).sum(axis=1) / m.sales.sum(axis=1)
        more = spending.sum(axis=1) / z.spending.sum(axis=1)
        cheaper = self.cross @ mean_cost - self.own * mean_cost
        excess = r.wage - r.labour + self.sold @ more + cheaper
        wage = np.clip(self.wages @ excess, -LONGEST_STEP, LONGEST_STEP)
        rise = (wage + r.labour)[:, None]
        return State(wage, r.labour, cost + wage[:, None], spending + rise * z.spending)


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
