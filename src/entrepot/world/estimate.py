"""Estimate a world from facts: bilateral totals, one observed column, coefficients and scattered shares.

State is T_ijs >= 0, i != j: trade of exporter i to importer j in sector s. Everything else follows exactly:
with E and M its sums, D_j = sum_s (M_js - E_js), f_js = alpha_js (GDP_j + D_j), output solves (I - A_j) x_j =
f_j + E_j - M_j, absorption is X = x - E + M and home sales X - M. Since the columns of A_j sum to one less
the value-added shares, value added sums to GDP and output equals use without any balancing. What can fail is
home sales >= 0 and the facts; so it is T (a few thousand numbers) that is estimated, not a table.

The steps are those of `docs/world-reference.md`, where each is argued for. Inside, values are in billions of
USD.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from entrepot.errors import NotConverged, WorldError
from entrepot.world.checks import Float
from entrepot.world.facts import Constraint, Facts
from entrepot.world.table import BASIS, World, dataset

SERVICES_MIX = (0.02, 0.43, 0.49, 0.06)
"""Composition of every services flow (utilities and construction, trade and transport, business, public)."""

ROUNDS = 30
SWEEPS = 800
HOME_SHARE = 0.04
"""At least this part of what an economy absorbs of a good is its own."""
MARGIN_WEIGHT = 0.75
"""Weight of the importer's own use against the exporter's composition."""


@dataclass(frozen=True)
class Estimate:
    """Result of `estimate`: `flow` T (i, j, s) without home sales and `final_share` (j, s), in USD and
    fractions.

    `residual` is the largest relative miss of a fact or bilateral total, `change` how much of all trade the
    last outer round moved, `sweeps` those of all rounds, `raised` the final shares that had to rise (j, s).
    """

    facts: Facts
    flow: Float
    final_share: Float
    residual: float
    change: float
    sweeps: int
    raised: Float

    def predicted(self, constraint: Constraint) -> float:
        """The share of goods trade that the estimate gives for a constraint, fitted or not."""
        block = self.flow[np.ix_(constraint.exporters, constraint.importers, constraint.sectors)].sum()
        return float(block / self.facts.goods_trade[np.ix_(constraint.exporters, constraint.importers)].sum())


@dataclass(frozen=True)
class Accounts:
    """What follows from T: exports, imports, output, absorption (j, s) and final spending (j), in one
    unit.
    """

    exports: Float
    imports: Float
    output: Float
    absorption: Float
    final: Float


def accounts(trade: Float, final_share: Float, coefficient: Float, gdp: Float) -> Accounts:
    """Output and absorption that trade T (i, j, s), final shares and coefficients imply; exact (module
    docstring).
    """
    exports, imports = trade.sum(axis=1), trade.sum(axis=0)
    final = gdp + imports.sum(axis=1) - exports.sum(axis=1)
    demand = final_share * final[:, None] + exports - imports
    output = np.linalg.solve(np.eye(coefficient.shape[1]) - coefficient, demand[:, :, None])[:, :, 0]
    return Accounts(exports, imports, output, output - exports + imports, final)


Prior = Literal["pooled", "flat", "observed", "structure"]
"""Whence pair compositions: pooled (default), one mix for all pairs, sales to the observer alone, production
alone.
"""


def estimate(facts: Facts, *, prior: Prior = "pooled", rounds: int = ROUNDS) -> Estimate:
    """Fit trade by sector to all facts.

    Raises `WorldError` naming the worst fact where they contradict each other, and `NotConverged` where
    pair totals and importers' limits are not met together.
    """
    g = facts.goods
    totals = facts.goods_trade / 1e9
    pinned = _pinned(facts)
    trade = np.zeros((len(facts.economies), len(facts.economies), len(facts.sectors)))
    trade[:, :, g:] = _services(facts)
    mix = facts.us_imports[:, :g].sum(axis=0)
    trade[:, :, :g] = totals[:, :, None] * (mix / mix.sum())
    alpha = facts.final_share
    blocks = _blocks(facts, totals)
    done = 0
    for number in range(rounds):
        now = accounts(trade, alpha, facts.coefficient, facts.gdp / 1e9)
        absorbed = np.maximum(now.absorption, 1e-3)[:, :g]
        start = _prior(prior, facts, totals, now.imports[:, :g], absorbed)
        start = _soft_margin(start, totals, now.imports[:, :g], absorbed)
        own = 1 - facts.coefficient.diagonal(axis1=1, axis2=2)[:, :g]
        slack = _slack(alpha, g) * now.final[:, None] / own
        cap = (1 - HOME_SHARE) * (absorbed + slack)
        cap[~np.isnan(pinned).any(axis=(0, 2))] = np.inf  # a whole column of observations is not to be capped
        fitted, residual, worst, sweeps = _sweep(start, totals, pinned, blocks, cap)
        done += sweeps
        if number >= 3 and residual > 1e-6 and sweeps == SWEEPS:
            break  # no later round mends facts that contradict each other
        alpha = _raise_shares(alpha, fitted.sum(axis=0), absorbed, own, now.final)
        new = trade.copy()
        new[:, :, :g] = fitted
        change = float(np.abs(new - trade).sum() / new.sum())
        trade = new if number < 3 else (new + trade) / 2
    if residual > 1e-6:
        _raise_miss(facts, residual, worst)
    return Estimate(facts, 1e9 * trade, alpha, residual, change, done, alpha - facts.final_share)


def to_world(estimated: Estimate, **attrs: str | int) -> World:
    """The closed, calibrated world of an estimate, with `basis` by cell; `attrs` as for `dataset`.

    Raises `WorldError` where home sales are negative.
    """
    facts = estimated.facts
    result = accounts(estimated.flow, estimated.final_share, facts.coefficient, facts.gdp)
    flow = estimated.flow.copy()
    diagonal = np.arange(len(facts.economies))
    flow[diagonal, diagonal] = result.absorption - result.imports
    return World(
        dataset(
            facts.economies,
            facts.sectors,
            {
                "flow": flow,
                "input_coefficient": facts.coefficient,
                "value_added_share": facts.value_added_share,
                "final_share": estimated.final_share,
                "trade_elasticity": facts.trade_elasticity,
                "gdp": facts.gdp,
                "basis": basis(facts),
            },
            **({"name": facts.name} | attrs),
        ),
        tolerance=1e-9,
    )


def basis(facts: Facts) -> np.ndarray:
    """What each cell of trade rests on, as positions in `BASIS` (i, j, s)."""
    rests = np.full(facts.known.shape, BASIS.index("prior"), dtype=np.int8)
    for total in (True, False):
        for c in facts.constraints:
            if c.fit and c.total == total:
                rests[np.ix_(c.exporters, c.importers, c.sectors)] = BASIS.index("total" if total else "fact")
    g = facts.goods
    seen = facts.us_imports[:, :g].sum(axis=1) > 0
    rests[seen, facts.observer, :g] = BASIS.index("census")
    given = ~np.isnan(facts.known)
    rests[given] = facts.known_basis[given]
    diagonal = np.arange(len(facts.economies))
    rests[diagonal, diagonal] = BASIS.index("derived")
    return rests


def _pinned(facts: Facts) -> Float:
    """Observed goods flows (i, j, s) in billions, NaN elsewhere: the first economy's imports, and pinned
    cells.
    """
    g = facts.goods
    pinned = facts.known[:, :, :g] / 1e9
    bought = facts.us_imports[:, :g]
    seen = bought.sum(axis=1) > 0
    to = facts.observer
    mix = bought / np.where(seen, bought.sum(axis=1), 1)[:, None]
    column = np.where(seen[:, None], facts.goods_trade[:, to, None] / 1e9 * mix, np.nan)
    pinned[:, to] = np.where(np.isnan(pinned[:, to]), column, pinned[:, to])
    diagonal = np.arange(len(facts.economies))
    pinned[diagonal, diagonal] = 0
    return pinned


def _services(facts: Facts) -> Float:
    """Services trade (i, j, services sector) in billions: proportional to both totals, one mix for all
    pairs.
    """
    exports, imports = facts.services_exports / 1e9, facts.services_imports / 1e9
    pair = np.outer(exports, imports)
    np.fill_diagonal(pair, 0)
    for _ in range(300):
        pair *= (exports / pair.sum(axis=1))[:, None]
        pair *= (imports / pair.sum(axis=0))[None]
    flow = pair[:, :, None] * np.array(SERVICES_MIX)
    known = facts.known[:, :, facts.goods :]
    return np.where(np.isnan(known), flow, known / 1e9)


def _prior(kind: Prior, facts: Facts, totals: Float, imports: Float, absorbed: Float) -> Float:
    """Pair compositions from what an exporter sells to the observed importer and from its production.

    The more of its exports go to the observed importer, the more that composition counts; an importer that
    absorbs more of a sector than the observed one buys more of it. Scaled to the pair totals.
    """
    g = facts.goods
    bought = facts.us_imports[:, :g]
    if kind == "flat":
        return np.asarray(totals[:, :, None] * (bought.sum(axis=0) / bought.sum()))
    seen = bought / np.maximum(bought.sum(axis=1, keepdims=True), 1)
    openness = imports.sum(axis=0) / absorbed.sum(axis=0)
    made = facts.closed_output_share[:, :g] * openness
    made /= made.sum(axis=1, keepdims=True)
    exposure = np.clip(0.35 + totals[:, facts.observer] / totals.sum(axis=1), 0, 0.95)
    weight = {"pooled": exposure, "observed": np.ones(len(totals)), "structure": np.zeros(len(totals))}[kind]
    weight[bought.sum(axis=1) == 0] = 0
    mix = weight[:, None] * seen + (1 - weight)[:, None] * made
    use = absorbed / absorbed.sum(axis=1, keepdims=True)
    pair = mix[:, None, :] * np.clip(use / use[facts.observer], 0.05, 20)[None]
    return np.asarray(totals[:, :, None] * pair / pair.sum(axis=2, keepdims=True))


def _soft_margin(prior: Float, totals: Float, imports: Float, absorbed: Float) -> Float:
    """The prior pulled towards imports by sector that an importer's absorption suggests, at its total
    imports.
    """
    part = np.minimum(imports, 0.95 * absorbed)
    odds = part.sum(axis=0) / (absorbed - part).sum(axis=0)
    wanted = totals.sum(axis=0)
    low, high = np.full(len(wanted), -30.0), np.full(len(wanted), 30.0)
    for _ in range(80):  # bisection on the log of each importer's openness
        middle = (low + high) / 2
        relative = np.exp(middle)[:, None] * odds
        short = (absorbed * relative / (1 + relative)).sum(axis=1) < wanted
        low, high = np.where(short, middle, low), np.where(short, high, middle)
    margin = absorbed * relative / (1 + relative)
    fitted = prior.copy()
    for _ in range(40):
        fitted *= (totals / np.maximum(fitted.sum(axis=2), 1e-300))[:, :, None]
        fitted *= (margin / np.maximum(fitted.sum(axis=0), 1e-300))[None]
    pooled = np.exp((1 - MARGIN_WEIGHT) * np.log(prior + 1e-12) + MARGIN_WEIGHT * np.log(fitted + 1e-12))
    diagonal = np.arange(len(wanted))
    pooled[diagonal, diagonal] = 0
    return np.asarray(pooled)


def _slack(alpha: Float, goods: int) -> Float:
    """By how much a final share may rise where it stands far below that of other economies (published
    zeros).
    """
    usual = np.maximum(alpha, 1.5 * np.median(alpha, axis=0))
    return np.asarray(np.maximum(0, usual - alpha)[:, :goods])


def _blocks(facts: Facts, totals: Float) -> list[tuple[str, np.ndarray, float]]:
    """Fitted constraints as (id, flat positions in T, value), totals of an economy before single pairs."""
    n, g = len(facts.economies), facts.goods
    position = np.arange(n * n * g).reshape(n, n, g)
    ordered = sorted((c for c in facts.constraints if c.fit), key=lambda c: not c.total)
    return [
        (
            c.id,
            position[np.ix_(c.exporters, c.importers, c.sectors)].ravel(),
            c.share * float(totals[np.ix_(c.exporters, c.importers)].sum()),
        )
        for c in ordered
    ]


def _sweep(
    start: Float, totals: Float, pinned: Float, blocks: list[tuple[str, np.ndarray, float]], cap: Float
) -> tuple[Float, float, str, int]:
    """Scale the start in turn to pinned cells, facts, importers' limits and pair totals until all are met.

    Returns flows, the largest relative miss of a fact or a total, the fact that misses most (empty if it is a
    total) and the number of sweeps.
    """
    flow = start.copy()
    flat = flow.reshape(-1)
    at = np.flatnonzero(~np.isnan(pinned))
    observed = pinned.reshape(-1)[at]
    trading = totals > 0
    sweeps = 0
    while sweeps < SWEEPS:
        sweeps += 1
        flat[at] = observed
        residual, worst = 0.0, ""
        for name, cells, value in blocks:
            part = flat[cells]
            scale = value / max(part.sum(), 1e-300)
            flat[cells] = part * scale
            if abs(1 / max(scale, 1e-300) - 1) > residual:
                residual, worst = abs(1 / max(scale, 1e-300) - 1), name
        flow *= np.minimum(1, cap / np.maximum(flow.sum(axis=0), 1e-300))
        scales = np.divide(totals, flow.sum(axis=2), out=np.zeros_like(totals), where=trading)
        flow *= scales[:, :, None]
        missed = float(np.abs(1 / scales[trading] - 1).max())
        if missed > residual:
            residual, worst = missed, ""
        if residual < 1e-9:
            break
    return flow, residual, worst, sweeps


def _raise_shares(alpha: Float, imports: Float, absorbed: Float, own: Float, final: Float) -> Float:
    """Final shares raised, at the expense of services, where imports would leave no room for home sales."""
    g = imports.shape[1]
    rise = np.maximum(0, imports / (1 - HOME_SHARE) - absorbed) * own / final[:, None]
    services = alpha[:, g:] * (1 - rise.sum(axis=1, keepdims=True) / alpha[:, g:].sum(axis=1, keepdims=True))
    return np.hstack([alpha[:, :g] + rise, services])


def _raise_miss(facts: Facts, residual: float, worst: str) -> None:
    if worst:
        raise WorldError(
            f"{facts.name}: the facts contradict each other: {worst} still misses its share by "
            f"{residual:.1%} when all others are met. Set its use to check, or correct it or those "
            "that share cells with it."
        )
    raise NotConverged(
        f"{facts.name}: bilateral totals and importers' limits are still {residual:.2g} apart after "
        f"{SWEEPS} sweeps; a total exceeds what the importer can use."
    )
