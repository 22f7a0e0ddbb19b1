"""Fixed points: Anderson acceleration of a preconditioned map, and Newton–Krylov where that fails.

Both take a function that returns the preconditioned step and the size of the residual at a vector, and
return the best vector found; whether it is good enough is the caller's to judge on the original equations.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from entrepot.equilibrium.options import Float

Evaluate = Callable[[Float], tuple[Float, float]]
"""Vector to (preconditioned residual, size of the original one); inf where that isn't finite."""

DEPTH = 8
"""Steps that Anderson acceleration remembers; more gain little, fewer cost sweeps."""

GROWTH = 1e3
"""A residual that has grown by this factor over the best is given up: the start is better than the rest."""


class Iterate(NamedTuple):
    """The end of an iteration: best vector, its residual, sweeps used."""

    vector: Float
    residual: float
    steps: int


def anderson(
    evaluate: Evaluate, z: Float, *, tolerance: float, most_steps: int, depth: int = DEPTH
) -> Iterate:
    """Anderson acceleration (type II, Walker and Ni 2011) of z + step(z).

    The least-squares problem is solved on the normal equations, kept up to date row by row: `depth` is small
    and the steps are scaled, so what conditioning loses is made up by the next sweep.
    """
    size = z.size
    steps, ends = np.empty((depth, size)), np.empty((depth, size))  # changes of the step, and of z + step
    gram = np.zeros((depth, depth))
    best = Iterate(z, np.inf, 0)
    last_step, held = None, 0
    move = z
    for sweep in range(most_steps):
        step, residual = evaluate(z)
        if residual < best.residual:
            best = Iterate(z, residual, sweep)
        if residual <= tolerance:
            return Iterate(z, residual, sweep)
        if not np.isfinite(residual) or residual > GROWTH * max(best.residual, 1e-3):
            if last_step is None:
                break
            # Too far: forget the history and go half a plain step from the best point.
            z, last_step, held = best.vector, None, 0
            step, _ = evaluate(z)
            z = z + 0.5 * step
            continue
        if last_step is not None:
            at = held % depth
            np.subtract(step, last_step, out=steps[at])
            np.add(steps[at], move, out=ends[at])
            held += 1
            used = min(held, depth)
            gram[at, :used] = gram[:used, at] = steps[:used] @ steps[at]
            mixing = _least_squares(gram[:used, :used], steps[:used] @ step)
            move = step - mixing @ ends[:used]
        else:
            move = step
        last_step = step
        z = z + move
    return Iterate(best.vector, best.residual, most_steps)


def _least_squares(gram: Float, right: Float) -> Float:
    """Solve gram x = right where gram may be near singular, after scaling its diagonal to one."""
    scale = 1 / np.sqrt(np.maximum(np.diagonal(gram), np.finfo(float).tiny))
    scaled = gram * scale[:, None] * scale[None, :]
    scaled.reshape(-1)[:: len(scaled) + 1] += 1e-14
    try:
        return np.asarray(scale * np.linalg.solve(scaled, scale * right))
    except np.linalg.LinAlgError:
        return np.zeros_like(right)


def newton_krylov(evaluate: Evaluate, z: Float, *, tolerance: float, most_steps: int) -> Iterate:
    """Inexact Newton with GMRES on the preconditioned residual and a halving line search.

    Slower than Anderson where both work; it takes on what is far from a contraction. Derivatives are
    one-sided differences, which limits the rate, not the solution: that is judged on the residual itself.
    """
    # Here, not above: a fifth of the start of every command, for what few of them need.
    from scipy.sparse.linalg import LinearOperator, gmres  # noqa: PLC0415

    step, residual = evaluate(z)
    sweeps = 1
    while residual > tolerance and sweeps < most_steps and np.isfinite(residual):
        at, here = z, step
        width = 1e-7 * (1 + float(np.linalg.norm(at)))

        def product(v: Float, at: Float = at, here: Float = here, width: float = width) -> Float:
            nonlocal sweeps
            sweeps += 1
            norm = float(np.linalg.norm(v))
            if norm == 0:
                return np.zeros_like(v)
            h = width / norm
            return np.asarray((here - evaluate(at + h * v)[0]) / h)

        jacobian = LinearOperator((z.size, z.size), matvec=product, dtype=np.float64)
        direction, _ = gmres(jacobian, here, rtol=min(0.1, residual), restart=30, maxiter=1)
        length = 1.0
        while length > 1e-4:
            trial = at + length * direction
            trial_step, trial_residual = evaluate(trial)
            sweeps += 1
            if trial_residual < residual * (1 - 1e-4 * length):
                break
            length /= 2
        else:
            break
        z, step, residual = trial, trial_step, trial_residual
    return Iterate(z, residual, sweeps)
