"""Value by economy of origin: in gross exports, in final demand and in any sector's output."""

import math
from collections.abc import Iterable, Mapping

import numpy as np
import xarray as xr

from entrepot.content.leontief import System, by_economy, multiply_from_left, solve_from_left, system
from entrepot.errors import WorldError
from entrepot.world.checks import Float
from entrepot.world.table import World


def trace(
    worlds: World | Mapping[str, World] | Iterable[tuple[str, World]], *, tiers: float = math.inf
) -> xr.Dataset:
    """Content by economy of origin of everything a world makes.

    With `tiers=1` an input counts as wholly of the economy it was bought from: what a customs form sees. Each
    further tier looks into the inputs of the inputs, domestic suppliers included; `math.inf` traces all:

        C_0[o, is] = 1 if o = i else 0,   C_t = V + C_(t-1) A,   C_inf = V (I - A)^-1

    with V[o, is] value added per output where o = i. Shares sum to one over origins at every tier.

    Several worlds (a mapping, or pairs of label and world that may be made one by one) give one result with a
    dimension `world`; only results are kept, so that years stream through without growing memory.

    Returns a dataset over origin, exporter, sector, importer:

    * content_share (origin, exporter, sector): value of the origin per USD of output, a fraction;
    * exports (exporter, sector, importer): gross exports, USD, zero at home;
    * content_of_exports (origin, exporter, importer): USD of the origin in gross exports;
    * content_of_final_demand (origin, sector, importer): USD of the origin in what the importer consumes and
      invests, by the sector that sold it; summed over sector and importer it is the origin's GDP.

    Raises `WorldError` for tiers below 1, a singular system, or shares that do not add up.
    """
    if isinstance(worlds, World):
        return _traced(worlds, tiers)
    pairs = worlds.items() if isinstance(worlds, Mapping) else worlds
    found = [_traced(world, tiers).assign_coords(world=label) for label, world in pairs]
    if not found:
        raise WorldError("no world to trace; give at least one.")
    return xr.concat(found, dim="world", combine_attrs="drop_conflicts", join="exact")


def content_shares(of: System, *, tiers: float = math.inf) -> Float:
    """C_t of `trace` on plain arrays, (N, NS).

    Raises `WorldError` for tiers that are no whole number from 1, or where shares do not sum to one.
    """
    if not tiers >= 1 or (math.isfinite(tiers) and tiers != int(tiers)):
        raise WorldError(
            f"tiers is {tiers}; give a whole number from 1 (what was bought) or infinity (all tiers)."
        )
    value = by_economy(of, of.value_added)
    if math.isinf(tiers):
        shares = solve_from_left(of, value)
    else:
        shares = by_economy(of, np.ones(len(of.output)))
        for _ in range(int(tiers)):
            shares = value + multiply_from_left(of, shares)
    gap = np.abs(shares.sum(axis=0) - 1)
    if gap.max() > 1e-8:
        at = int(gap.argmax())
        place = f"economy {of.economies[at // len(of.sectors)]}, sector {of.sectors[at % len(of.sectors)]}"
        raise WorldError(
            f"content shares of {place} sum to {1 + gap[at]:.6g}, not 1: I - A is nearly singular there."
        )
    return shares


def content_of(
    traced: xr.Dataset,
    *,
    exporter: str,
    importer: str | None = None,
    sectors: Iterable[str] | None = None,
) -> xr.DataArray:
    """Content of an exporter's gross exports by origin and sector, USD: (origin, sector).

    To one importer or to all, of some sectors or of all. Divide by its sum for shares.
    Raises `KeyError` for a label that the result does not hold; ask the world first.
    """
    sold = traced["exports"].sel(exporter=exporter)
    sold = sold.sum("importer") if importer is None else sold.sel(importer=importer)
    value = (traced["content_share"].sel(exporter=exporter) * sold).transpose("origin", "sector", ...)
    value = value if sectors is None else value.sel(sector=list(sectors))
    return value.assign_attrs(units="USD")


def _traced(world: World, tiers: float) -> xr.Dataset:
    of = system(world)
    n, s = len(of.economies), len(of.sectors)
    shares = content_shares(of, tiers=tiers)
    blocks = shares.reshape(n, n, s)
    exports = of.exports.reshape(n, s, n)
    demand = of.final.reshape(n, s, n)
    in_exports = np.einsum("ois,isj->oij", blocks, exports, optimize=True)
    in_final = np.stack([blocks[:, :, k] @ demand[:, k, :] for k in range(s)], axis=1)
    places, kinds = list(of.economies), list(of.sectors)
    return xr.Dataset(
        {
            "content_share": (("origin", "exporter", "sector"), blocks, {"units": "fraction of output"}),
            "exports": (("exporter", "sector", "importer"), exports, {"units": "USD"}),
            "content_of_exports": (("origin", "exporter", "importer"), in_exports, {"units": "USD"}),
            "content_of_final_demand": (("origin", "sector", "importer"), in_final, {"units": "USD"}),
        },
        coords={"origin": places, "exporter": places, "importer": places, "sector": kinds},
        attrs={
            "world": world.name,
            "statement": world.statement,
            "tiers": "all" if math.isinf(tiers) else int(tiers),
        },
    )
