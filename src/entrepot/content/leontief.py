"""Leontief algebra of a world, on plain arrays: what inputs all outputs need, through all tiers.

Rows and columns are (economy, sector) in economy-major order; A[is, jk] is i's sales of s to sector k of j
per unit of k's output, at basic prices. Value added per unit of output is what the columns of A leave, so
duties on inputs are value of the economy that levies them, and content always adds up to the whole.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, blas, lapack

from entrepot.errors import NotConverged, WorldError
from entrepot.world.accounts import origins, technology
from entrepot.world.checks import Float
from entrepot.world.table import World

LARGE = 1000
"""Rows from which a solution by refined single precision pays."""
TOLERANCE = 1e-11
"""Residual at which refinement of a large system ends, relative to the largest right-hand side."""
REFINEMENTS = 12


@dataclass(frozen=True)
class System:
    """A world's inputs Z = A diag(output), kept as `inputs` (NS, NS) with `per_output` (NS) so that A needs
    no copy.

    A = inputs * per_output by column. value_added (NS) is 1 - column sums of A; output (NS); final (NS, N)
    final demand by importer; exports (NS, N) sales abroad by importer, zero on an economy's own rows; all in
    USD.
    """

    economies: tuple[str, ...]
    sectors: tuple[str, ...]
    inputs: Float
    per_output: Float
    value_added: Float
    output: Float
    final: Float
    exports: Float

    @property
    def A(self) -> Float:  # noqa: N802 (the field's letter)
        """Input coefficients, (NS, NS)."""
        return np.asarray(self.inputs * self.per_output)

    def block(self, economy: int) -> slice:
        """Rows of one economy."""
        width = len(self.sectors)
        return slice(economy * width, (economy + 1) * width)


def system(world: World) -> System:
    """The algebra of a world; a table's own use matrix, or that of proportional origins.

    Raises `Unresolved` where the world has no flows.
    """
    n, s = len(world.economies), len(world.sectors)
    output = world.output.values.reshape(-1)
    if world.is_table:
        inputs = world.data["intermediate"].values.reshape(n * s, n * s)
        per_output = np.divide(1.0, output, out=np.zeros_like(output), where=output != 0)
    else:
        inputs = technology(origins(world.flow.values, world.spending.values), world.input_coefficient.values)
        per_output = np.ones(n * s)
    exports = world.flow.values.transpose(0, 2, 1).copy()
    exports[np.arange(n), :, np.arange(n)] = 0
    return System(
        economies=world.economies,
        sectors=world.sectors,
        inputs=inputs,
        per_output=per_output,
        value_added=1 - inputs.sum(axis=0) * per_output,
        output=output,
        final=world.final.values.reshape(n * s, n),
        exports=exports.reshape(n * s, n),
    )


def by_economy(of: System, values: Float) -> Float:
    """A vector over (economy, sector) as rows by economy, (N, NS): row i has i's own entries."""
    n, s = len(of.economies), len(of.sectors)
    rows = np.zeros((n, n * s))
    for i in range(n):
        rows[i, of.block(i)] = values[of.block(i)]
    return rows


def multiply_from_left(of: System, rows: Float) -> Float:
    """rows @ A without forming A; rows is (m, NS).

    By SciPy's BLAS, as the factorisation is: NumPy brings threads of its own, and the two sets wait for each
    other.
    """
    return np.asarray(blas.dgemm(1.0, of.inputs.T, rows.T).T * of.per_output)


def solve_from_left(of: System, rows: Float) -> Float:
    """X = rows (I - A)^-1 for a few rows (m, NS), without the inverse.

    A large system is factorised in single precision, which halves time and memory, and refined: each step
    solves for the residual computed in double precision (Higham 2002, ch. 12), until it is below `TOLERANCE`.
    A small one, or one that single precision is too coarse for, is factorised in double precision.

    Raises `WorldError` naming a sector where I - A is singular, and `NotConverged` with the residual
    otherwise.
    """
    if len(of.output) >= LARGE:
        solution, residual = _solve_single(of, rows)
        if residual <= TOLERANCE:
            return solution
    solution, residual = _solve_double(of, rows)
    if not residual <= 1e-9:
        raise NotConverged(f"(I - A) x = v is solved to {residual:.2g} only; {_weakest(of)}")
    return solution


def leontief_inverse(of: System) -> Float:
    """L = (I - A)^-1, (NS, NS): output needed per unit of final demand. Miller and Blair (2009), ch. 2.

    Raises `WorldError` naming a sector where I - A is singular.
    """
    try:
        inverse = np.linalg.inv(np.eye(len(of.output)) - of.A)
    except LinAlgError:
        raise _singular(of) from None
    if not np.isfinite(inverse).all() or np.abs(inverse).max() > 1e14:
        raise _singular(of)
    return np.asarray(inverse)


def _solve_single(of: System, rows: Float) -> tuple[Float, float]:
    # In row order, as the table is, this is the transpose in LAPACK's column order: no strided copy.
    matrix = np.empty(of.inputs.shape, dtype=np.float32)
    np.multiply(of.inputs, -of.per_output, out=matrix, casting="same_kind")
    matrix[np.diag_indices_from(matrix)] += 1
    factors, pivots, info = lapack.sgetrf(matrix.T, overwrite_a=1)
    if info:
        return rows, np.inf

    def solve(right: Float) -> Float:
        return np.asarray(lapack.sgetrs(factors, pivots, right.T.astype(np.float32))[0].T)

    return _refine(of, rows, solve, TOLERANCE)


def _solve_double(of: System, rows: Float) -> tuple[Float, float]:
    factors, pivots, info = lapack.dgetrf(np.eye(len(of.output)) - of.A, overwrite_a=1)
    if info or np.abs(np.diagonal(factors)).min() < 1e-14:
        raise _singular(of)

    def solve(right: Float) -> Float:
        return np.asarray(lapack.dgetrs(factors, pivots, right.T, trans=1)[0].T)

    return _refine(of, rows, solve, 1e-15)


def _refine(of: System, rows: Float, solve: Callable[[Float], Float], enough: float) -> tuple[Float, float]:
    """Correct the solution by solving for its residual, until `enough`; returns it and its residual."""
    solution = solve(rows).astype(np.float64)
    scale = float(np.abs(rows).max()) or 1.0
    best, found = np.inf, solution
    for _ in range(REFINEMENTS):
        left = rows - solution + multiply_from_left(of, solution)
        residual = float(np.abs(left).max()) / scale
        if not residual < best:  # stalled, or not a number
            break
        best, found = residual, solution
        if residual <= enough:
            break
        solution = solution + solve(left)
    return found, best


def _weakest(of: System) -> str:
    at = int(np.argmin(of.value_added))
    place = f"economy {of.economies[at // len(of.sectors)]}, sector {of.sectors[at % len(of.sectors)]}"
    return f"least value added is in {place}: {of.value_added[at]:.3g} of output."


def _singular(of: System) -> WorldError:
    return WorldError(
        f"I - A is singular: some sectors' inputs hold no value added at any tier; {_weakest(of)}"
    )
