"""Published exercises by name: a world, its options and the tariffs of the paper, from a data folder."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from entrepot.equilibrium import liberation
from entrepot.equilibrium.options import Options
from entrepot.errors import OptionError
from entrepot.world import World
from entrepot.world.folders import cp2015_tariffs, read_cp2015


class Preset(NamedTuple):
    """A published exercise: what it changes (`tariff`), in which world, under which options."""

    world: World
    options: Options
    tariff: xr.DataArray


def open_preset(name: str, folder: Path) -> Preset:
    """A preset by name, read from its data folder.

    Raises `OptionError` for another name or a folder that isn't there, `WorldError` where files are damaged.
    """
    if name not in PRESETS:
        raise OptionError(f"{name}: no preset; there are {', '.join(PRESETS)}.")
    if not folder.is_dir():
        raise OptionError(f"{folder}: no folder; give --data with the folder of {name}'s files.")
    return PRESETS[name](folder)


def _liberation_day(folder: Path) -> Preset:
    """ILMS (2025), Table 1, case 1: the tariffs of 2 April 2025, revenue as income-tax relief."""
    world, options = liberation.read(folder)
    return Preset(world, options, liberation.two_sided(world, liberation.ustr_rates(folder)))


def _cp2015_nafta(folder: Path) -> Preset:
    """CP (2015), Table 2: the tariffs of 2005 within NAFTA in the world of 1993 without deficits."""
    world = read_cp2015(folder)
    later = cp2015_tariffs(folder / "tariffs2005.txt", len(world.economies), len(world.sectors))
    at = [world.economy_index(c) for c in ("CAN", "MEX", "USA")]
    rate = world.tariff.values.copy()
    rate[np.ix_(at, at)] = later[np.ix_(at, at)]
    options = Options(deficits="zero", welfare="first_order")
    return Preset(world, options, world.tariff.copy(data=rate))


PRESETS: dict[str, Callable[[Path], Preset]] = {
    "liberation-day": _liberation_day,
    "cp2015-nafta": _cp2015_nafta,
}
