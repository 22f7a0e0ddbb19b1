"""Bring numbers to given totals while moving them as little as may be: RAS, GRAS and fitting over any sets of
cells.

One problem covers them. Cells x_i start at x0_i and end at x0_i exp(sign_i e_i sum_g lambda_g), where g runs
over the totals a cell is part of, sign_i is that of the cell and e_i its mobility. This minimises the
information lost, sum |x0_i| / e_i (z ln(z / e)), z = x_i / x0_i, under the totals (Junius and Oosterhaven
2003; Lenzen, Wood and Gallego 2007; Günlük-Şenesen and Bates 1988 for weights). With e = 1 and no negative
cell it is RAS.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entrepot.errors import WorldError
from entrepot.world.checks import Float

SWEEPS = 2000


@dataclass(frozen=True)
class Totals:
    """Totals that sets of cells must reach: cell i is in set `of[i]` (-1 for none), set g has `target[g]`.

    `reliability` from 0 to 1: 1 is met exactly; less gives way, as if the total had a variance of its own
    (exponent w / (w + 1) of unbalanced scaling, Chizat and others 2018). `names` label the sets in messages.
    """

    what: str
    of: np.ndarray
    target: Float
    names: Sequence[str]
    reliability: float = 1.0


@dataclass(frozen=True)
class Equal:
    """Two sums of cells that must be equal, for every set: sales of a sector and its costs.

    Cell i is on the one side of set `one[i]` and on the other side of set `other[i]` (-1 for none), as in
    balancing a social accounting matrix (Schneider and Zenios 1990).
    """

    what: str
    one: np.ndarray
    other: np.ndarray
    names: Sequence[str]


@dataclass(frozen=True)
class Fit:
    """Cells after fitting, the largest relative miss of an exact total, and the sweeps it took."""

    cells: Float
    residual: float
    sweeps: int


def fit(
    cells: Float,
    totals: Sequence[Totals],
    *,
    equal: Equal | None = None,
    mobility: Float | None = None,
    tolerance: float = 1e-9,
    sweeps: int = SWEEPS,
) -> Fit:
    """Fit a vector of cells to totals (module docstring); zero cells stay zero, negative ones stay negative.

    `mobility` e_i >= 0 by cell: 0 keeps a cell, larger moves more; default 1.

    Raises `WorldError` naming the conflict: a total over cells that are all zero or fixed, or two totals that
    can't be met together; and for a total that is no number.
    """
    start = np.asarray(cells, dtype=np.float64).ravel()
    move = np.sign(start) * (
        np.ones_like(start) if mobility is None else np.asarray(mobility, dtype=float).ravel()
    )
    for t in totals:
        _possible(t, start, move)
    value = start.copy()
    used = [np.zeros(len(t.target)) for t in totals]
    missed, best = np.inf, np.inf
    last = [u.copy() for u in used]
    for sweep in range(1, sweeps + 1):
        for k, t in enumerate(totals):
            step = _step(t, value, move, used[k])
            used[k] += step
            inside = t.of >= 0
            value[inside] *= np.exp(move[inside] * step[t.of[inside]])
        if equal is not None:
            _equalise(equal, value, move)
        missed = max((_misses(t, value).max(initial=0) for t in totals if t.reliability == 1), default=0.0)
        missed = missed if equal is None else max(missed, float(_gaps(equal, value).max(initial=0)))
        settled = max(np.abs(u - v).max(initial=0) for u, v in zip(used, last, strict=True)) < 1e-12
        last = [u.copy() for u in used]
        if missed <= tolerance and (settled or all(t.reliability == 1 for t in totals)):
            return Fit(value.reshape(np.shape(cells)), float(missed), sweep)
        if sweep % 100 == 0:
            if missed > 0.999 * best:  # no nearer in a hundred sweeps: the totals conflict
                break
            best = missed
    if missed <= tolerance:
        return Fit(value.reshape(np.shape(cells)), float(missed), sweep)
    raise _conflict(totals, equal, value, sweep)


def gras(matrix: Float, row_totals: Float, column_totals: Float, *, tolerance: float = 1e-9) -> Float:
    """Generalised RAS: a matrix that may hold negative cells, fitted to row and column totals (r x c).

    Raises `WorldError` naming the row or column whose total can't be reached, or that the two sums differ.
    """
    rows, columns = matrix.shape
    if abs(row_totals.sum() - column_totals.sum()) > 1e-9 * max(abs(row_totals).sum(), 1e-300):
        raise WorldError(
            f"row totals sum to {row_totals.sum():.9g} and column totals to {column_totals.sum():.9g}: "
            "no matrix has both."
        )
    at = np.arange(rows * columns)
    fitted = fit(
        matrix,
        [
            Totals("row", at // columns, row_totals, [str(i) for i in range(rows)]),
            Totals("column", at % columns, column_totals, [str(j) for j in range(columns)]),
        ],
        tolerance=tolerance,
    )
    return fitted.cells


def _step(t: Totals, value: Float, move: Float, used: Float) -> Float:
    """Log multipliers that bring every set to its total: the root of S(l) - target exp(-c (used + l)), by
    Newton.

    c = (1 - r) / r is 0 for an exact total. S rises in l, so that the root is unique.
    """
    inside = (t.of >= 0) & (value != 0) & (move != 0)
    of, x, m = t.of[inside], value[inside], move[inside]
    kept = np.bincount(t.of[t.of >= 0], np.where(move == 0, value, 0)[t.of >= 0], len(t.target))
    soft = (1 - t.reliability) / t.reliability
    step = np.zeros(len(t.target))
    scale = np.maximum(np.abs(t.target), np.bincount(of, np.abs(x), len(t.target)))
    scale[scale == 0] = 1
    for _ in range(100):
        grown = x * np.exp(m * step[of])
        aim = t.target * np.exp(-soft * (used + step))
        gap = np.bincount(of, grown, len(step)) + kept - aim
        if (np.abs(gap) <= 1e-14 * scale).all():
            break
        slope = np.bincount(of, m * grown, len(step)) + soft * np.abs(aim)
        step -= np.clip(np.divide(gap, slope, out=np.zeros_like(gap), where=slope > 0), -1, 1)
    return step


def _equalise(equal: Equal, value: Float, move: Float) -> None:
    """One step: the side that is larger is divided, the other multiplied by the square root of their
    ratio.
    """
    apart = equal.one != equal.other  # a cell on both sides of one set cancels
    count = len(equal.names)
    sides = []
    for of in (equal.one, equal.other):
        inside = (of >= 0) & apart
        sides.append(np.bincount(of[inside], value[inside], count))
    some = (sides[0] > 0) & (sides[1] > 0)
    step = np.where(some, 0.5 * np.log(np.where(some, sides[1], 1) / np.where(some, sides[0], 1)), 0.0)
    grown = np.where(equal.one >= 0, step[equal.one], 0) - np.where(equal.other >= 0, step[equal.other], 0)
    value *= np.exp(move * grown * apart)


def _gaps(equal: Equal, value: Float) -> Float:
    count = len(equal.names)
    one, other = (np.bincount(of[of >= 0], value[of >= 0], count) for of in (equal.one, equal.other))
    size = np.maximum(np.abs(one), np.abs(other))
    return np.asarray(np.abs(one - other) / np.maximum(size, max(1e-12 * size.max(initial=0), 1e-300)))


def _sums(t: Totals, value: Float) -> Float:
    inside = t.of >= 0
    return np.asarray(np.bincount(t.of[inside], value[inside], len(t.target)), dtype=np.float64)


def _misses(t: Totals, value: Float) -> Float:
    size = np.maximum(np.abs(t.target), 1e-12 * np.abs(t.target).max(initial=0))
    return np.abs(_sums(t, value) - t.target) / np.where(size > 0, size, 1)


def _possible(t: Totals, start: Float, move: Float) -> None:
    if not np.isfinite(t.target).all():
        raise WorldError(
            f"{t.what} {t.names[int(np.argmax(~np.isfinite(t.target)))]}: the total is no number."
        )
    inside = t.of >= 0
    up = np.bincount(t.of[inside], ((start > 0) & (move != 0))[inside], len(t.target)) > 0
    down = np.bincount(t.of[inside], ((start < 0) & (move != 0))[inside], len(t.target)) > 0
    fixed = np.bincount(t.of[inside], np.where(move == 0, start, 0)[inside], len(t.target))
    left = t.target - fixed
    small = 1e-12 * np.abs(t.target).max(initial=0)
    bad = ((left > small) & ~up) | ((left < -small) & ~down)
    if bad.any():
        g = int(np.argmax(bad))
        sign = "of the other sign" if (up | down)[g] else "all zero"
        raise WorldError(
            f"{t.what} {t.names[g]}: the total {t.target[g]:.6g} can't be reached: its "
            f"cells that may move are {sign}, and the fixed ones sum to {fixed[g]:.6g}."
        )


def _conflict(totals: Sequence[Totals], equal: Equal | None, value: Float, sweep: int) -> WorldError:
    found = []
    for t in (t for t in totals if t.reliability == 1 and len(t.target)):
        misses = _misses(t, value)
        g = int(misses.argmax())
        said = f"{t.what} {t.names[g]} is {_sums(t, value)[g]:.6g}, wanted {t.target[g]:.6g}"
        found.append((float(misses[g]), said))
    if equal is not None:
        gaps = _gaps(equal, value)
        found.append((float(gaps.max()), f"{equal.what} {equal.names[int(gaps.argmax())]} differ"))
    miss, said = max(found)
    sums = "; ".join(f"{t.what} totals sum to {t.target.sum():.9g}" for t in totals)
    return WorldError(
        f"the totals conflict: after {sweep} sweeps {said} ({miss:.1%} off) while the others are held. "
        f"{sums}. Correct one of them, or give the less certain one a reliability below 1."
    )
