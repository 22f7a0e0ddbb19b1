"""The world after a change: from a world and a shock to a labelled result, or `NotConverged`."""

from typing import Any

import xarray as xr

from entrepot.equilibrium.base import Base, prepare
from entrepot.equilibrium.engine import counterfactual, rebased
from entrepot.equilibrium.options import Float, Options
from entrepot.equilibrium.outcomes import dataset
from entrepot.equilibrium.shock import Change, Shock, change
from entrepot.errors import OptionError
from entrepot.world import World


def solve(
    world: World | Base,
    shock: Shock | xr.DataArray | None = None,
    options: Options | None = None,
    *,
    flows: bool = True,
    **overrides: Any,
) -> xr.Dataset:
    """Solve for the world after a shock and compare it with the base.

    `world` is a `World`, or a `Base` that `prepare` made of one (then options are its own); `shock` a
    `Shock`, or new tariffs (exporter, importer, sector) alone. `flows=False` leaves out the bilateral variables.
    Keyword overrides are fields of `Options`. See `outcomes.dataset` for the variables.

    Raises `OptionError`, `ShockError`, `WorldError` or `Unresolved` before any iteration where the input is
    wrong, and `NotConverged` where no method satisfies every market-clearing equation.
    """
    base = ready(world, options, **overrides)
    return dataset(counterfactual(base, change(base, shock)), flows=flows)


def ready(
    world: World | Base,
    options: Options | None = None,
    *,
    base_tariff: Float | None = None,
    **overrides: Any,
) -> Base:
    """A base to start counterfactuals from: prepared, and solved first where it is no equilibrium itself.

    Raises what `prepare` and `counterfactual` raise, and `OptionError` for options given with a `Base`.
    """
    if isinstance(world, Base):
        if options is not None or overrides or base_tariff is not None:
            raise OptionError(
                "options belong to the base: give them to `prepare`, or give a world to `solve`."
            )
        return world
    base = prepare(world, options, base_tariff=base_tariff, **overrides)
    wanted = base.options.base
    if wanted == "solved" or (wanted == "auto" and (not world.closed or base.options.deficits == "zero")):
        return solved_base(base)
    return base


def solved_base(base: Base) -> Base:
    """The base as an equilibrium of its own parameters: same tariffs, no transfers if `deficits` is `zero`.

    Raises `NotConverged`.
    """
    own = base.parameters.transfer
    return rebased(counterfactual(base, Change(transfer=0 * own if base.options.deficits == "zero" else own)))
