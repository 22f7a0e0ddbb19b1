"""A change to a world, given by labels and checked against it before anything is computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from entrepot.equilibrium.base import Base
from entrepot.equilibrium.options import Float
from entrepot.errors import ShockError

FLOW = ("exporter", "importer", "sector")
DIMS = {
    "tariff": FLOW,
    "trade_cost": FLOW,
    "productivity": ("economy", "sector"),
    "labour": ("economy",),
    "deficit": ("economy",),
}
"""What can be changed, and along which dimensions."""


@dataclass(frozen=True)
class Shock:
    """What changes. Labelled arrays may lack dimensions (the value then holds along them) but no label.

    * `tariff` (exporter, importer, sector): new ad valorem duties as fractions, all of them, not only those
      that change; None keeps the base's. Home sales pay none.
    * `trade_cost` (exporter, importer, sector): change of iceberg costs, d hat (1.1 for 10 percent more).
    * `productivity` (economy, sector): change of productivity, A hat: costs fall by this factor.
    * `labour` (economy): change of the labour endowment, hat.
    * `deficit` (economy): new transfers received in USD of the base, imports less exports where no sales are
      earned abroad; they sum to zero. None keeps the base's (or what option `deficits` makes of them).
    """

    tariff: xr.DataArray | None = None
    trade_cost: xr.DataArray | None = None
    productivity: xr.DataArray | None = None
    labour: xr.DataArray | None = None
    deficit: xr.DataArray | None = None


class Change(NamedTuple):
    """A shock on the axes of a base: three-dimensional arrays are (sector, importer, exporter) or None."""

    tariff: Float | None = None
    trade_cost: Float | None = None
    productivity: Float | None = None  # (N, S)
    labour: Float | None = None  # (N,)
    transfer: Float | None = None  # (N,)


def change(base: Base, shock: "Shock | xr.DataArray | Change | None") -> Change:
    """Check a shock against a base and lay it out as the model needs it.

    Raises `ShockError` for labels that are missing or unknown, values that aren't numbers, tariffs of -100 %
    or less, tariffs on home sales, changes that aren't positive, and deficits that don't sum to zero or leave
    an economy nothing to spend.
    """
    if isinstance(shock, Change):
        return shock
    if shock is None:
        shock = Shock()
    if isinstance(shock, xr.DataArray):
        shock = Shock(tariff=shock)
    given = laid_out(base, shock)
    tariff, cost, productivity, labour, transfer = (given[name] for name in DIMS)
    if tariff is not None:
        _check_tariff(base, tariff)
    for name, values in (("trade_cost", cost), ("productivity", productivity), ("labour", labour)):
        if values is not None and not np.all(values > 0):
            raise ShockError(
                f"shock {name}: {values.min():g} for {_cell(base, values)}: changes are factors above zero "
                "(1 for none, 1.1 for ten percent more)."
            )
    if transfer is not None:
        _check_transfer(base, transfer)
    return Change(_flows(tariff), _flows(cost), productivity, labour, transfer)


def laid_out(base: Base, shock: Shock) -> dict[str, Float | None]:
    """The arrays of a shock on all of their `DIMS`, in the base's order, by name; nothing else is checked.

    Raises `ShockError` for labels that are missing or unknown, and values that aren't numbers.
    """
    economies = {"exporter": base.economies, "importer": base.economies, "economy": base.economies}
    labels = economies | {"sector": base.sectors}
    arrays = {name: getattr(shock, name) for name in DIMS}
    return {
        name: None if array is None else _laid_out(base.name, name, array, DIMS[name], labels)
        for name, array in arrays.items()
    }


def part(base: Base, ch: Change, share: float) -> Change:
    """A share of a change, from none (0) to all (1): geometric in factors, transfers by a quarter of it."""
    tariff = ch.tariff
    if tariff is not None:
        old = 0.0 if base.tariff is None else np.log1p(base.tariff)
        tariff = np.expm1(old + share * (np.log1p(tariff) - old))
    own = base.parameters.transfer
    transfer = ch.transfer
    if transfer is None and base.options.deficits == "balanced":
        transfer = np.zeros_like(own)
    cost, productivity, labour = (
        None if factor is None else factor**share for factor in (ch.trade_cost, ch.productivity, ch.labour)
    )
    # Transfers first: what tariffs leave of trade may not carry the old ones on the way.
    moved = None if transfer is None else own + min(1.0, 4 * share) * (transfer - own)
    return Change(tariff, cost, productivity, labour, moved)


def _flows(values: Float | None) -> Float | None:
    return None if values is None else np.ascontiguousarray(values.transpose(2, 1, 0))


def _laid_out(world: str, name: str, array: xr.DataArray, dims: Sequence[str], labels: Any) -> Float:
    """The array on all of `dims`, in the order of the labels."""
    if not isinstance(array, xr.DataArray):
        raise ShockError(f"shock {name}: give a labelled array (xarray.DataArray) with dimensions {dims}.")
    unknown = [str(d) for d in array.dims if d not in dims]
    if unknown:
        raise ShockError(f"shock {name}: dimension {', '.join(unknown)}; there are {', '.join(dims)}.")
    for dim in array.dims:
        if dim not in array.coords:
            raise ShockError(f"shock {name}: dimension {dim} has no labels; give its codes as a coordinate.")
        have, want = [str(v) for v in array[dim].values], list(labels[dim])
        problems = {
            "stands twice": sorted({c for c in have if have.count(c) > 1})
            if len(set(have)) < len(have)
            else [],
            f"is no {dim} of {world}": [c for c in have if c not in want],
            "is missing": [c for c in want if c not in have],
        }
        for problem, codes in problems.items():
            if codes:
                raise ShockError(
                    f"shock {name}: {dim} {', '.join(codes[:8])}{' …' if len(codes) > 8 else ''} {problem}; "
                    f"every {dim} of the world needs a value (unknown is not zero)."
                )
    given = np.asarray(array.values, dtype=np.float64)
    for axis, dim in enumerate(array.dims):
        have = [str(v) for v in array[dim].values]
        if have != list(labels[str(dim)]):
            place = {code: k for k, code in enumerate(have)}
            given = np.take(given, [place[code] for code in labels[str(dim)]], axis=axis)
    # Dimensions that the array lacks come last and have one label's worth; then all get their order and size.
    given = given.reshape(given.shape + (1,) * (len(dims) - given.ndim))
    present = [str(d) for d in array.dims] + [d for d in dims if d not in array.dims]
    full = given.transpose([present.index(d) for d in dims])
    values = np.broadcast_to(full, [len(labels[d]) for d in dims])
    if not np.isfinite(values).all():
        at = np.argwhere(~np.isfinite(values))[0]
        where = ", ".join(f"{d} {labels[d][i]}" for d, i in zip(dims, at, strict=True))
        raise ShockError(f"shock {name}: {values[tuple(at)]} at {where}; give a number, unknown is not zero.")
    return values


def _check_tariff(base: Base, tariff: Float) -> None:
    if np.any(tariff <= -1):
        raise ShockError(
            f"shock tariff: {100 * tariff.min():g} % at {_cell(base, tariff)}; tariffs are fractions above -1."
        )
    home = np.einsum("nns->ns", tariff)
    if home.any():
        at = np.argwhere(home)[0]
        raise ShockError(
            f"shock tariff: {100 * home[tuple(at)]:g} % on home sales of {base.economies[at[0]]}, sector "
            f"{base.sectors[at[1]]}; the model has no tax on home sales. Set the diagonal to zero."
        )


def _check_transfer(base: Base, transfer: Float) -> None:
    if base.options.residual_claimant is not None:
        return  # the published slip that this option reproduces breaks both rules
    world = float(np.abs(transfer).sum())
    if abs(float(transfer.sum())) > 1e-9 * world:
        raise ShockError(
            f"shock deficit: deficits sum to {transfer.sum():.6g} USD; what one economy receives "
            "another gives, so they must sum to zero."
        )
    own = base.parameters.wage_income + base.revenue
    bad = np.flatnonzero((own + transfer <= 0) | (transfer > own))
    # What the base itself has stands, however odd: small economies import ships by the fleet.
    bad = bad[~np.isclose(transfer[bad], base.parameters.transfer[bad])]
    if bad.size:
        i = bad[0]
        raise ShockError(
            f"shock deficit: {base.economies[i]} has a deficit of {transfer[i]:.4g} USD, larger than "
            f"its income of {own[i]:.4g} USD; give one between minus and plus its income."
        )


def _cell(base: Base, values: Float) -> str:
    at = np.unravel_index(int(np.argmin(values)), values.shape)
    names: dict[int, tuple[tuple[str, tuple[str, ...]], ...]] = {
        1: (("economy", base.economies),),
        2: (("economy", base.economies), ("sector", base.sectors)),
        3: (("exporter", base.economies), ("importer", base.economies), ("sector", base.sectors)),
    }
    return ", ".join(f"{d} {labels[i]}" for (d, labels), i in zip(names[values.ndim], at, strict=True))
