"""The arithmetic of a world, on plain arrays.

Axes: i exporter, j importer, s selling sector, k using sector. A matrix over "rows" has economy-major order:
row i * S + s, which is the order of published inter-country tables.
"""

import numpy as np
import xarray as xr

from entrepot.world.checks import Float


def ratio(part: Float, whole: Float) -> Float:
    """part / whole, with 0 where both are zero. (Where only `whole` is zero an invariant has already
    failed.)
    """
    whole = np.broadcast_to(whole, part.shape)
    return np.divide(part, whole, out=np.zeros_like(part, dtype=np.float64), where=whole != 0)


def origins(flow: Float, spending: Float) -> Float:
    """Value before duty from each exporter per unit of spending with duty: (exporter, importer, sector)."""
    return ratio(flow, spending[None])


def flow_of_table(intermediate: Float, final: Float) -> Float:
    """Sales (exporter, importer, sector) of a table: intermediate use plus final demand."""
    return np.ascontiguousarray((intermediate.sum(axis=3) + final).transpose(0, 2, 1))


def taxes(data: xr.Dataset) -> Float | float:
    """Taxes less subsidies on inputs, zero where the table has no such row (its value added then holds
    them).
    """
    return np.asarray(data["taxes"].values) if "taxes" in data else 0.0


def technology(origin: Float, coefficient: Float) -> Float:
    """Inter-country input coefficients A[is, jk] = origin_ijs a_jsk of a calibrated world, shape (NS, NS).

    `origin` (i, j, s) is value before duty per unit of spending, `coefficient` (j, s, k) input per unit of
    output.
    """
    n, _, s = origin.shape
    A = np.empty((n, s, n, s))
    for j in range(n):
        np.multiply(origin[:, j, :, None], coefficient[j][None], out=A[:, :, j, :])
    return A.reshape(n * s, n * s)
