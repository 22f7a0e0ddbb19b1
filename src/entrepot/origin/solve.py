"""One choice of least cost under limits: a mixed-integer linear program, solved by HiGHS to the optimum.

Large problems are cut down first, without losing the optimum. The relaxation (shares of options allowed)
gives a bound L and a reduced cost r for every option: a choice that takes an option costs at least L + r.
Any whole choice gives a cost U; options with r > U - L can't be part of a better one and are struck out. What
is left is a small problem that is solved with no gap: by HiGHS, or under a single limit, where its bounds are
weak, by carrying all partial choices along that may still win.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, linprog, milp

from entrepot.origin.limits import Array, Limit
from entrepot.origin.options import Choice

SMALL = 150
"""Up to this many options the program goes to the solver as it is."""

OPEN_SLOTS = 15
"""How many slots stay open, besides those the relaxation splits, when a first whole choice is sought."""

MOST_STATES = 50_000
"""How many partial choices are carried along before the general solver takes over."""

Mask = NDArray[np.bool_]


def solve(choice: Choice, held: Sequence[Limit], cost: Array) -> Array | None:
    """The choice of least cost under limits, zeros and ones over options; None if there is none."""
    rows = [limit.row() for limit in _tightest(held)]
    scale = np.array([max(1e-12, float(np.abs(a).max(initial=0.0)), abs(b)) for a, b in rows])
    matrix = np.array([a for a, _ in rows]).reshape(len(rows), len(cost)) / (scale[:, None] if rows else 1)
    bound = np.array([b for _, b in rows]) / scale
    if len(rows) == 0:
        return _cheapest_each(choice, cost)
    for room in (1e-12, -1e-6):
        x = _solve(choice, matrix, bound + room, cost)
        # The solver lets limits be missed by its tolerance; a law does not. Then ask again with room to spare.
        if x is None or bool((matrix @ x <= bound + 1e-9).all()):
            return x
    return None


def least_share(choice: Choice, limit: Limit, ways: Sequence[Sequence[Limit]]) -> float:
    """The least share that a choice reaches of what a limit compares (Dinkelbach 1967); inf if none is allowed."""
    best = np.inf
    for way in ways:
        share = 1.0
        for _ in range(50):
            x = solve(choice, way, limit.n - share * limit.p)
            if x is None:
                share = np.inf
                break
            reached = limit.share(x)
            if reached >= share - 1e-12:
                share = min(share, reached)
                break
            share = reached
        best = min(best, share)
    return float(best)


def _tightest(held: Sequence[Limit]) -> list[Limit]:
    """Of limits on one and the same share only the tightest: a cap within the band of a duty."""
    kept: list[Limit] = []
    for limit in sorted(held, key=lambda one: one.limit):
        if not any(_alike(limit, other) for other in kept):
            kept.append(limit)
    return kept


def _alike(one: Limit, other: Limit) -> bool:
    same = one.n0 == other.n0 and one.p0 == other.p0
    return same and np.array_equal(one.n, other.n) and np.array_equal(one.p, other.p)


def _cheapest_each(choice: Choice, cost: Array) -> Array:
    """Without limits every slot takes its cheapest option, the first of equals."""
    order = np.lexsort((np.arange(len(cost)), cost, choice.slot_of))
    first = np.unique(choice.slot_of[order], return_index=True)[1]
    x = np.zeros(len(cost))
    x[order[first]] = 1.0
    return x


def _solve(choice: Choice, matrix: Array, bound: Array, cost: Array) -> Array | None:
    every = np.ones(len(cost), dtype=np.bool_)
    if len(cost) <= SMALL:
        return _whole(choice, matrix, bound, cost, every)
    one = _one_each(choice, every)
    relaxed = linprog(cost, A_ub=matrix, b_ub=bound, A_eq=one, b_eq=np.ones(choice.slots), method="highs")
    if relaxed.x is None:
        return None
    reduced = cost - matrix.T @ relaxed.ineqlin.marginals - one.T @ relaxed.eqlin.marginals
    first = _whole(choice, matrix, bound, cost, _core(choice, relaxed.x, reduced))
    if first is None:
        return _whole(choice, matrix, bound, cost, every)
    gap = float(cost @ first) - float(relaxed.fun)
    keep = (reduced <= gap + 1e-7 * max(1.0, abs(float(relaxed.fun)))) | (first > 0.5)
    if len(bound) == 1:
        found = _deepening(choice, matrix[0], float(bound[0]), cost, reduced, first, float(relaxed.fun))
        if found is not None:
            return found
    best = _whole(choice, matrix, bound, cost, keep)
    return first if best is None else best


def _deepening(
    choice: Choice, row: Array, bound: float, cost: Array, reduced: Array, first: Array, least: float
) -> Array | None:
    """The optimum under one limit, by looking at choices within a growing distance of the relaxation.

    A choice whose cost is at most `least` plus a distance has reduced costs that come to no more than that
    distance. So the best among those is the optimum as soon as it lies within. None where too many partial
    choices would have to be carried along.
    """
    exact = 1e-7 * max(1.0, abs(least))
    gap = float(cost @ first) - least + exact
    best = first
    for part in (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2, 1.0):
        try:
            found = _within(choice, row, bound, cost, np.maximum(reduced, 0.0), gap * part + exact)
        except OverflowError:
            return None
        if found is not None and cost @ found < cost @ best:
            best = found
        if float(cost @ best) - least <= gap * part:
            return best
    return best


def _within(
    choice: Choice, row: Array, bound: float, cost: Array, reduced: Array, room: float
) -> Array | None:
    """The best choice whose reduced costs come to at most `room`, if there is one that keeps the limit.

    Goes slot by slot with all partial choices (use of the limit, cost), dropping those that use more and
    cost more than another (Pisinger 1995). Raises OverflowError beyond MOST_STATES of them.
    """
    kept = np.flatnonzero(reduced <= room)
    slots, counts = np.unique(choice.slot_of[kept], return_counts=True)
    if len(slots) < choice.slots:
        return None
    alone = kept[counts[np.searchsorted(slots, choice.slot_of[kept])] == 1]
    use, spent, over = (np.array([float(v[alone].sum())]) for v in (row, cost, reduced))
    trail: list[tuple[NDArray[np.intp], NDArray[np.intp]]] = []
    for slot in slots[counts > 1]:
        options = kept[choice.slot_of[kept] == slot]
        parent = np.tile(np.arange(len(use)), len(options))
        taken = np.repeat(options, len(use))
        fits = over[parent] + reduced[taken] <= room
        parent, taken = parent[fits], taken[fits]
        use_, spent_ = use[parent] + row[taken], spent[parent] + cost[taken]
        order = np.lexsort((spent_, use_))
        falling = np.minimum.accumulate(spent_[order])
        order = order[np.r_[True, spent_[order][1:] < falling[:-1]]] if len(order) else order
        if len(order) > MOST_STATES:
            raise OverflowError
        if not len(order):
            return None
        over = over[parent[order]] + reduced[taken[order]]
        use, spent = use_[order], spent_[order]
        trail.append((parent[order], taken[order]))
    allowed = np.flatnonzero(use <= bound)
    if not len(allowed):
        return None
    state = int(allowed[np.argmin(spent[allowed])])
    x = np.zeros(len(cost))
    x[alone] = 1.0
    for parents, options in reversed(trail):
        x[options[state]] = 1.0
        state = int(parents[state])
    return x


def _core(choice: Choice, x: Array, reduced: Array) -> Mask:
    """What the relaxation takes, and all options of the slots where it is least sure."""
    second = np.full(choice.slots, np.inf)
    np.minimum.at(second, choice.slot_of, np.where(x > 0.5, np.inf, reduced))
    split = np.zeros(choice.slots, dtype=np.bool_)
    split[choice.slot_of[(x > 1e-6) & (x < 1 - 1e-6)]] = True
    split[np.argsort(second, kind="stable")[:OPEN_SLOTS]] = True
    return np.asarray(split[choice.slot_of] | (x > 0.5))


def _whole(choice: Choice, matrix: Array, bound: Array, cost: Array, keep: Mask) -> Array | None:
    """The optimum over the options kept, by HiGHS with no gap."""
    at = np.flatnonzero(keep)
    result = milp(
        cost[at],
        integrality=np.ones(len(at)),
        bounds=Bounds(0, 1),
        constraints=[
            LinearConstraint(_one_each(choice, keep), 1, 1),
            LinearConstraint(matrix[:, at], -np.inf, bound),
        ],
        options={"mip_rel_gap": 0.0},
    )
    if result.x is None:
        return None
    x = np.zeros(len(cost))
    x[at] = np.round(result.x)
    return x


def _one_each(choice: Choice, keep: Mask) -> sparse.csr_array:
    """One row per slot: its kept options."""
    slots = choice.slot_of[keep]
    shape = (choice.slots, len(slots))
    return sparse.csr_array((np.ones(len(slots)), (slots, np.arange(len(slots)))), shape=shape)
