"""Solve the model on plain arrays: set-up of a counterfactual, attempts at it, and what failed."""

from dataclasses import replace
from math import inf, isfinite
from typing import NamedTuple

import numpy as np

from entrepot.equilibrium import iterate
from entrepot.equilibrium.base import Base
from entrepot.equilibrium.model import MOST_RELIEF, Market, Parameters, State, market, start
from entrepot.equilibrium.options import Float
from entrepot.equilibrium.precondition import LONGEST_STEP, Preconditioner, preconditioner, step
from entrepot.equilibrium.shock import Change, part
from entrepot.equilibrium.sums import BlockedSums, blocks
from entrepot.errors import NotConverged

SMALL_CELL = 1e-6
"""Spending on a sector below this share of an economy's total is judged against this share: the relative
miss of a cell of a few dollars is rounding."""

POOR = 0.3
"""Spending, as a share of the base's, at which a surplus that can't be earned is taken for the reason."""

DENSE_ABOVE = 0.25
"""Share of a block's tariffs that change above which all factors are computed: gathering costs more than powers."""

SHORTEST_STEP = 1 / 128
"""Share of a change below which following the equilibrium is given up."""

NO_CHANGE = Change()


class Solution(NamedTuple):
    """An equilibrium on plain arrays, with everything it was solved from."""

    base: Base
    parameters: Parameters
    kernel: Float  # K_ins, (S, N, N)
    sums: BlockedSums
    tariff: Float | None  # t'_ins, (S, N, N)
    state: State
    market: Market
    residual: float
    steps: int
    method: str
    reached: float = 1.0  # share of the change at which this is the equilibrium

    def trade_share(self) -> Float:
        """Shares of spending with duties, (sector, importer, exporter)."""
        share = self.kernel * self.market.efficiency.T[:, None, :]
        share /= self.market.denominator.T[:, :, None]
        return np.asarray(share)

    def spending(self) -> Float:
        """X'_ns in the numeraire, (N, S)."""
        return np.asarray(self.state.spending * self.parameters.size[:, None])

    def flow(self) -> Float:
        """Trade M'_ins before duties, (sector, importer, exporter)."""
        flow = self.trade_share()
        flow *= self.spending().T[:, :, None]
        if self.tariff is not None:
            flow /= 1 + self.tariff
        return flow

    def wage_income(self) -> Float:
        """Y'_i, (N,)."""
        return np.asarray(np.exp(self.state.wage + self.state.labour) * self.parameters.wage_income)


def counterfactual(
    base: Base,
    ch: Change = NO_CHANGE,
    *,
    guess: State | None = None,
    inverse: Preconditioner | None = None,
) -> Solution:
    """Solve the model on plain arrays, from a guess or from no change.

    `inverse` may be the approximate inverse of a base nearby, which saves making this one's own.

    Option `solver` `auto` tries Anderson acceleration at once, then follows the equilibrium along a path of
    growing changes with a preconditioner of its own at every point, Newton–Krylov where Anderson fails there.

    Raises `NotConverged` with the residual, the sweeps used and the worst economy and sector.
    """
    solver = base.options.solver
    methods = {"auto": ("anderson",), "anderson": ("anderson",), "newton": ("newton",)}[solver]
    with np.errstate(all="ignore"):
        s = good = _attempt(base, ch, guess, methods, inverse or base.approximate_inverse)
        if solver == "auto" and not s.residual <= base.options.tolerance:
            s, good = _along_path(base, ch, s)
    if not s.residual <= base.options.tolerance:
        raise NotConverged(_failure(s, good))
    if base.rules.revenue == "tax_relief" and s.market.relief.max() >= MOST_RELIEF:
        worst = base.economies[int(np.argmax(s.market.relief))]
        raise NotConverged(
            f"{base.name}: tariff revenue of {worst} would exceed its labour income, so no income tax is "
            "left to relieve. Use option revenue = lump_sum, or lower tariffs."
        )
    return s


def _attempt(
    base: Base, ch: Change, guess: State | None, methods: tuple[str, ...], inverse: Preconditioner
) -> Solution:
    """One attempt at a change: the best point that the methods reach, converged or not."""
    options = base.options
    parameters = changed_parameters(base, ch)
    tariff = base.tariff if ch.tariff is None else ch.tariff
    kernel = trade_kernel(base, ch)
    sums = BlockedSums(kernel, tariff, base.input_coefficient)
    problem = _Problem(base, parameters, sums, inverse)
    at = flat(start(np, parameters) if guess is None else guess)
    steps, found, method = 0, iterate.Iterate(at, np.inf, 0), methods[0]
    for method in methods:
        iteration = iterate.anderson if method == "anderson" else iterate.newton_krylov
        found = iteration(problem.evaluate, at, tolerance=options.tolerance, most_steps=options.most_steps)
        steps += found.steps
        if found.residual <= options.tolerance:
            break
    state, result = problem.market_at(found.vector)
    return Solution(base, parameters, kernel, sums, tariff, state, result, found.residual, steps, method)


def _along_path(base: Base, ch: Change, failed: Solution) -> tuple[Solution, Solution]:
    """Follow the equilibrium from no change to the whole change, with steps that shrink where one fails.

    The last attempt, which is the solution or what stopped the path, and the last that succeeded.
    """
    reached, width, steps = 0.0, 0.5, failed.steps
    state, inverse = None, base.approximate_inverse
    last = good = failed
    while reached < 1 and width >= SHORTEST_STEP:
        share = min(1.0, reached + width)
        last = _attempt(base, part(base, ch, share), state, ("anderson", "newton"), inverse)
        steps += last.steps
        if last.residual <= base.options.tolerance:
            reached, good, state, width = share, last, last.state, 2 * width
            here = good.parameters._replace(spending=good.spending(), wage_income=good.wage_income())
            inverse = preconditioner(here, good.trade_share(), base.input_coefficient)
        else:
            width /= 2
    return last._replace(steps=steps, method="path", reached=reached), good


def rebased(s: Solution) -> Base:
    """The world after a change as the base of further ones: its shares, levels and tariffs, nothing changed."""
    base, p, m = s.base, s.parameters, s.market
    wage_income, spending = s.wage_income(), s.spending()
    weight = p.numeraire_weight
    if base.options.numeraire not in base.economies:
        weight = m.income if base.rules.numeraire == "prices" else wage_income
    parameters = p._replace(
        spending=spending,
        wage_income=wage_income,
        transfer=m.income - wage_income - m.revenue,
        labour=np.ones_like(p.labour),
        base_relief=m.relief,
        numeraire_weight=weight / weight.sum(),
        size=spending.sum(axis=1),
    )
    return replace(
        base,
        trade_share=s.trade_share(),
        tariff=s.tariff,
        parameters=parameters,
        revenue=m.revenue,
        income=m.income,
        solved=True,
    )


def changed_parameters(base: Base, ch: Change) -> Parameters:
    """The base's parameters with the labour and transfers of a change."""
    p = base.parameters
    if ch.labour is not None:
        p = p._replace(labour=ch.labour)
    transfer = ch.transfer
    if transfer is None and base.options.deficits == "balanced":
        transfer = np.zeros_like(p.transfer)
    if transfer is None:
        return p
    claimant = base.options.residual_claimant
    if claimant is not None:
        claim = np.zeros_like(p.transfer)
        claim[base.economies.index(claimant)] = -transfer.sum()
        p = p._replace(claim=claim)
    return p._replace(transfer=transfer)


def trade_kernel(base: Base, ch: Change) -> Float:
    """K_ins = pi_ins [(1 + t')/(1 + t)]^{-theta phi} d^{-theta} A_is^theta, (sector, importer, exporter).

    By blocks of sectors, and powers only where a tariff changes: a trade war touches few of the flows of a large
    world, and temporaries stay small.
    """
    p, share = base.parameters, base.trade_share
    if ch.tariff is None and ch.trade_cost is None and ch.productivity is None:
        return share
    kernel = np.empty_like(share)
    power = -p.elasticity[:, None] * p.tariff_exponent  # (S, N), by sector and importer
    for b in blocks(len(share), share[0].nbytes):
        kernel[b] = share[b]
        if ch.tariff is not None:
            old = None if base.tariff is None else base.tariff[b]
            _scale_by_tariffs(kernel[b], ch.tariff[b], old, power[b])
        if ch.trade_cost is not None:
            kernel[b] *= ch.trade_cost[b] ** -p.elasticity[b, None, None]
        if ch.productivity is not None:
            kernel[b] *= (ch.productivity.T[b] ** p.elasticity[b, None])[:, None, :]
    return kernel


def _scale_by_tariffs(kernel: Float, new: Float, old: Float | None, power: Float) -> None:
    """Multiply some sectors' kernel (sector, importer, exporter) by the tariff factors that change.

    `power` (sector, importer) is the exponent. What doesn't change keeps every bit.
    """
    changed = new != (0.0 if old is None else old)
    if np.count_nonzero(changed) > DENSE_ABOVE * changed.size:
        factor = 1 + new
        if old is not None:
            factor /= 1 + old
        np.log(factor, out=factor)
        factor *= power[:, :, None]
        kernel *= np.exp(factor, out=factor)
        return
    at = np.flatnonzero(changed)
    factor = 1 + new.reshape(-1)[at]
    if old is not None:
        factor /= 1 + old.reshape(-1)[at]
    kernel.reshape(-1)[at] *= np.exp(power.reshape(-1)[at // kernel.shape[-1]] * np.log(factor))


def flat(z: State) -> Float:
    """A state as one vector."""
    return np.concatenate([np.ravel(part) for part in z])


class _Problem:
    """The fixed point in the form that the iterations want: vector to preconditioned step and residual."""

    def __init__(self, base: Base, p: Parameters, sums: BlockedSums, inverse: Preconditioner) -> None:
        self.base, self.p, self.sums = base, p, sums
        self.inverse = inverse
        self.n, self.s = len(base.economies), len(base.sectors)
        self.last: tuple[Float, tuple[State, Market]] | None = None
        # Acceleration may overshoot below zero spending; it is held at a small share of the base's instead.
        self.least = 1e-9 * p.spending / p.size[:, None]

    def state(self, vector: Float) -> State:
        n = self.n
        cost, spending = vector[2 * n :].reshape(2, n, self.s)
        return State(vector[:n], vector[n : 2 * n], cost, np.maximum(spending, self.least))

    def market_at(self, vector: Float) -> tuple[State, Market]:
        """The market at a vector; the last one is kept, as it mostly is the solution."""
        if self.last is None or self.last[0] is not vector:
            z = self.state(vector)
            self.last = vector, (z, market(np, self.base.rules, self.p, self.sums, z))
        return self.last[1]

    def evaluate(self, vector: Float) -> tuple[Float, float]:
        z, m = self.market_at(vector)
        size = residual_size(z, m.residual)
        if not np.isfinite(size):
            return np.zeros_like(vector), np.inf
        move = flat(step(self.inverse, z, m.residual, longest=LONGEST_STEP))
        cells = z.spending.size
        move[-cells:] += z.spending.reshape(-1) - vector[-cells:]
        return move, size


def residual_size(z: State, r: State) -> float:
    """Largest miss of any equation, relative; inf where one isn't finite."""
    misses = (
        np.abs(r.wage).max(),
        np.abs(r.labour).max(),
        np.abs(r.cost).max(),
        (np.abs(r.spending) / np.maximum(z.spending, SMALL_CELL)).max(),
    )
    # NaN is neither above nor below anything: it has to be asked for.
    return float(max(misses)) if all(map(isfinite, misses)) else inf


def _failure(s: Solution, good: Solution) -> str:
    """Which equation is worst, where, and what may help; `good` is the last equilibrium on the way."""
    base, p, z, m = s.base, s.parameters, s.state, s.market
    beyond = f" beyond {100 * s.reached:.0f} % of the change" if s.reached > 0 else ""
    left = good.state.spending.sum(axis=1)
    poorest = int(np.argmin(left))
    if s.method == "path" and left[poorest] < POOR and p.transfer[poorest] < 0:
        return (
            f"{base.name}: no equilibrium found{beyond}: {base.economies[poorest]} must give away a surplus of "
            f"{-p.transfer[poorest]:.4g} USD, and what it can still earn leaves it {100 * left[poorest]:.1f} % of "
            "its spending. Use option deficits = balanced, or a smaller shock."
        )
    relative = np.abs(m.residual.spending) / np.maximum(z.spending, SMALL_CELL)
    cells = np.maximum(np.abs(m.residual.cost), relative)
    cells = np.where(np.isfinite(cells), cells, np.inf)
    wages = np.where(np.isfinite(m.residual.wage), np.abs(m.residual.wage), np.inf)
    i = int(np.argmax(np.maximum(cells.max(axis=1), wages)))
    k = int(np.argmax(cells[i]))
    return (
        f"{base.name}: no equilibrium found{beyond}; after {s.steps} sweeps the worst equation still misses by "
        f"{s.residual:.3g} (tolerance {base.options.tolerance:g}), at economy {base.economies[i]}, sector "
        f"{base.sectors[k]} (elasticity {p.elasticity[k]:g}). Try option most_steps, a smaller shock, "
        "or check that economy's data."
    )
