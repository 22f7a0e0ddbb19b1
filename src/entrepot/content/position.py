"""Where in the chain a sector stands: how far from final use, how far from value added."""

import numpy as np
import xarray as xr

from entrepot.content.leontief import System, leontief_inverse, system
from entrepot.world.checks import Float
from entrepot.world.table import World


def position(world: World) -> xr.Dataset:
    """Upstreamness and downstreamness of every sector, after Antràs and Chor (2018).

    * upstreamness U = (I - D)^-1 1 with D[is, jk] = Z[is, jk] / output[is]: the mean number of stages until
      final use, 1 for a sector that sells to final users only (Antràs, Chor, Fally and Hillberry 2012);
    * downstreamness = 1 (I - A)^-1: the average number of stages since value was added, 1 without inputs.

    A sector that makes nothing sells nothing on: both are 1. Stocks count as final use.
    Dimensions economy, sector; no unit. Raises `WorldError` where the system is singular.
    """
    of = system(world)
    shape = (len(of.economies), len(of.sectors))
    inverse = leontief_inverse(of)
    values = {"upstreamness": upstreamness(of, inverse), "downstreamness": inverse.sum(axis=0)}
    return xr.Dataset(
        {name: (("economy", "sector"), v.reshape(shape), {"units": "stages"}) for name, v in values.items()},
        coords={"economy": list(of.economies), "sector": list(of.sectors)},
        attrs={"world": world.name, "statement": world.statement},
    )


def upstreamness(of: System, inverse: Float) -> Float:
    """U of `position` from the Leontief inverse: (I - D)^-1 1 = diag(x)^-1 B x, since D = diag(x)^-1 A
    diag(x); (NS,).
    """
    total = inverse @ of.output
    return np.divide(total, of.output, out=np.ones_like(total), where=of.output != 0)
